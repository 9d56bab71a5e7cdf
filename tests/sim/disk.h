/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/disk.h - a disk in memory that SQLite writes to: it can fail, be full, and lose at a
 * power cut what was not synced.
 *
 * disk.c is the default VFS of the process; files.c stands in for store/file.c, whose lock and
 * folder the simulated disk does not have. Files and their deletion are durable at once; contents
 * only with a sync.
 */
#ifndef TESTS_SIM_DISK_H
#define TESTS_SIM_DISK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"

void sim_disk_init(struct fl_rng *rng);
void sim_disk_format(void); /* no file is open */

enum sim_disk_fault {
	SIM_DISK_FINE,
	SIM_DISK_ONCE, /* that one operation fails, half written */
	SIM_DISK_FULL, /* from that one on nothing can be written */
	SIM_DISK_DEAD, /* the machine dies in it: on_death runs, all that follows fails */
};

/* The n-th write, sync, truncation or deletion from now (0: the next). */
void sim_disk_arm(enum sim_disk_fault fault, long n);
void sim_disk_on_death(void (*fn)(void *ctx), void *ctx);
void sim_disk_kill(void); /* the machine dies between two operations */
bool sim_disk_is_dead(void);
bool sim_disk_hit(void); /* did the armed fault happen? */

/* Power is back: of what was not synced some is there, torn perhaps, and some is not. */
void sim_disk_power_cut(void);

/* A copy of the synced contents under another name, to be read by an audit. */
void sim_disk_copy(const char *from, const char *to);

/* Creates it if need be. False: no room for another. */
bool sim_disk_touch(const char *name, size_t *out_size);

#endif
