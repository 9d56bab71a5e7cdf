/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/mailbox.h - letters from one thread to another, in order, handed over once a tick.
 *
 * The sender gathers letters for itself; fl_mailbox_send hands all of them over and wakes the
 * receiver, unless it was woken already. So a tick costs one lock and one wake, however many
 * letters it wrote. Between two ends on one loop letters arrive soon and by themselves. A letter
 * names things by slot and generation, never by pointer: what it is about may be gone when it is
 * read.
 *
 * Thread  put and send on the sender's, receive on the receiver's; a mutex is held only while
 *         letters change hands.
 * Memory  grows with what waits and is given back above a small size. Who writes letters bounds
 *         them: see the limits of io/http_pass.h.
 */
#ifndef FL_IO_MAILBOX_H
#define FL_IO_MAILBOX_H

#include <pthread.h>

#include "base/err.h"
#include "io/loop.h"

struct fl_letter {
	uint16_t kind; /* the reader's vocabulary */
	uint32_t slot, gen;
	uint32_t id; /* within what slot and generation name */
	size_t n;
	void *what; /* the reader's from now on; its meaning follows from the kind */
};

struct fl_letters {
	struct fl_letter *at;
	size_t len, cap;
};

struct fl_mailbox {
	struct fl_letters writing; /* the sender's */
	struct fl_letters reading; /* the receiver's */
	pthread_mutex_t lock;
	struct fl_letters posted; /* under the lock */
	bool finished;            /* under the lock */
	struct fl_wake *wake;     /* NULL: both ends are on `loop` */
	struct fl_loop *loop;
	struct fl_deferred soon;
	void (*hear)(void *ctx, const struct fl_letter *l);
	void *ctx;
};

/*
 * `hear` runs on `receiver` for each letter, and once with NULL after the last. Called before the
 * threads part. Errors: FL_ERR_NOMEM, FL_ERR_IO.
 */
FL_MUST enum fl_err fl_mailbox_init(struct fl_mailbox *m, const struct fl_loop *sender,
				    struct fl_loop *receiver,
				    void (*hear)(void *ctx, const struct fl_letter *l), void *ctx);

/* After the other thread has ended; everything was heard. Harmless on a zeroed struct. */
void fl_mailbox_done(struct fl_mailbox *m);

/* A zeroed letter to be filled in, or NULL when out of memory. */
struct fl_letter *fl_mailbox_put(struct fl_mailbox *m);

/* Hands over what was put. Out of memory it stays and goes with the next call. */
void fl_mailbox_send(struct fl_mailbox *m);

/*
 * The same, and nothing follows. False: out of memory, until the receiver has taken what it has.
 */
bool fl_mailbox_finish(struct fl_mailbox *m);

/* Hears what is there now. The wake does this; so does who has seen the sender end. */
void fl_mailbox_receive(struct fl_mailbox *m);

#endif
