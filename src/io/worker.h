/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/worker.h - a thread with a loop of its own, and a mailbox each way between it and its home.
 *
 * Both ends write letters during a tick; they leave at its end. A worker without a thread works on
 * the home loop: the same letters, which need no wake there.
 *
 * Thread  start, stop and `to` belong to the home loop's thread, `from` to the worker's.
 */
#ifndef FL_IO_WORKER_H
#define FL_IO_WORKER_H

#include "io/mailbox.h"

struct fl_worker_ears {
	void (*home)(void *ctx, const struct fl_letter *l); /* letters of `from` */
	void *home_ctx;
	/* Letters of `to`; NULL after the last: everything is to be closed now. */
	void (*worker)(void *ctx, const struct fl_letter *l);
	void *worker_ctx;
};

struct fl_worker {
	struct fl_loop *home, *loop;
	bool threaded; /* `loop` is not `home` */
	pthread_t thread;
	struct fl_mailbox to, from;
	struct fl_tick_hook to_hook, from_hook;
	struct fl_worker_ears ears;
};

/* How many pay beside one busy loop: one for each further processor this process may use. */
unsigned fl_worker_usual(void);

/* Errors: FL_ERR_NOMEM, FL_ERR_IO, FL_ERR_BUSY (no thread). */
FL_MUST enum fl_err fl_worker_start(struct fl_worker *w, struct fl_loop *home, bool threaded,
				    const struct fl_worker_ears *ears);

/*
 * Waits until the worker has heard everything, then hears what it still has to say. What it closed
 * with a linger is dropped. Harmless on a zeroed struct.
 */
void fl_worker_stop(struct fl_worker *w);

#endif
