/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/loop.h - one epoll set whose members are sockets with a callback.
 *
 * Thread  one loop per process.
 */
#ifndef FL_BENCH_LOOP_H
#define FL_BENCH_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>

struct ear {
	int fd;
	bool wants_write, mute;
	void (*ready)(struct ear *e, uint32_t events);
};

void loop_init(void);
void loop_add(struct ear *e); /* readable and writable at first: connects end in a write event */
void loop_want_write(struct ear *e, bool want);
void loop_mute(struct ear *e);   /* no more read events */
void loop_remove(struct ear *e); /* closes fd */

/* Waits at most `ns` and calls back; gives the number of events. */
int loop_turn(int64_t ns);

#endif
