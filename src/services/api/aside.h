/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/aside.h - long work on what never changes, beside the control loop.
 *
 * A question about a policy may look at every pair of ten thousand nodes; meanwhile others want to
 * be served. Snapshots are immutable, so such work needs nothing of the loop: a thread is made for
 * it, and joined when it says that it has finished. One piece of work runs at a time, the others
 * wait in the order they came. A job belongs to one side at a time, so nothing is locked.
 *
 * Thread  the loop's, but for `work`.
 * Limits  FL_ASIDE_WAITING_MAX jobs wait; more are refused.
 */
#ifndef FL_SERVICES_API_ASIDE_H
#define FL_SERVICES_API_ASIDE_H

#include <pthread.h>

#include "io/loop.h"

enum { FL_ASIDE_WAITING_MAX = 16 }; /* each may hold two snapshots */

/* Embedded in what the work reads and writes. Zero-initialise the rest. */
struct fl_aside_job {
	void (*work)(struct fl_aside_job *job); /* on a thread of its own */
	/* On the loop, not inside fl_aside_start. FL_ERR_BUSY: there was no thread, no work. */
	void (*done)(struct fl_aside_job *job, enum fl_err err);
	struct fl_list link; /* while it waits */
};

struct fl_aside {
	struct fl_loop *loop;
	struct fl_list waiting;
	size_t waiting_len;
	struct fl_aside_job *running;
	pthread_t thread;
	struct fl_wake *wake; /* while one runs: it keeps the loop going */
};

void fl_aside_init(struct fl_aside *a, struct fl_loop *l);

/* Waits for the work that runs, which then is done; what waits is done with FL_ERR_BUSY. */
void fl_aside_end(struct fl_aside *a);

/* The job is lent until `done`. Errors: FL_ERR_FULL (too many wait), FL_ERR_BUSY (no thread). */
FL_MUST enum fl_err fl_aside_start(struct fl_aside *a, struct fl_aside_job *job);

/* Takes back a job that has not begun: `done` is not called. False: it runs. */
bool fl_aside_withdraw(struct fl_aside *a, struct fl_aside_job *job);

#endif
