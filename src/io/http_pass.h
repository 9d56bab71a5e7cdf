/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_pass.h - exchanges that are carried on one thread and answered on another.
 *
 * The connection lives on a worker. A request there becomes a letter; at home it becomes an
 * exchange like any other, of which handlers need not know that it is not the connection's own.
 * What they answer goes back in letters, and what the connection took of it is reported, so that
 * the home's exchange knows what is pending and since when. Request fields do not cross.
 *
 *   worker -> home   REQUEST, GONE (the peer left), TAKEN (n bytes of the answer)
 *   home -> worker   ANSWER (head), DATA, PIECES (several of DATA), RECIPE (DATA that the worker
 *                    makes), END, ABORT, HEARD (n bytes of a request)
 *
 * A letter about an exchange that is over falls on the floor. If one cannot be written for want of
 * memory, its half is lost and says so once: the owner ends the connection, which ends all of its
 * exchanges.
 *
 * Thread    a fl_pass_desk and a fl_pass_conn belong to the worker, a fl_pass_link to the home.
 * Limits    requests that the home has not heard yet: FL_PASS_WAITING_MAX bytes a worker; then its
 *           connections are not read, so at most one read of each comes on top. Answers: the
 *           pending limit of their exchange.
 */
#ifndef FL_IO_HTTP_PASS_H
#define FL_IO_HTTP_PASS_H

#include "io/http.h"
#include "io/mailbox.h"

enum { FL_PASS_WAITING_MAX = 4 << 20 };

enum {
	FL_PASS_REQUEST = 1,
	FL_PASS_GONE,
	FL_PASS_TAKEN,
	FL_PASS_ANSWER,
	FL_PASS_DATA,
	FL_PASS_PIECES,
	FL_PASS_RECIPE,
	FL_PASS_END,
	FL_PASS_ABORT,
	FL_PASS_HEARD,
	FL_PASS_LETTERS /* further kinds are the owner's */
};

/* Frees what a letter of these kinds holds that nobody reads. */
void fl_pass_discard(const struct fl_letter *l);

/* ---- on the worker ---- */

struct fl_pass_desk {
	struct fl_mailbox *out;
	void *tools;    /* for recipes; of this thread */
	size_t waiting; /* bytes of requests that were not heard yet */
};

static inline bool fl_pass_is_full(const struct fl_pass_desk *d)
{
	return d->waiting > FL_PASS_WAITING_MAX;
}

/* One connection, as its letters name it. */
struct fl_pass_conn {
	struct fl_pass_desk *desk;
	uint32_t slot, gen;
	struct fl_list passages;
	uint32_t last_id;
	bool lost;
	struct fl_loop *loop;
	struct fl_deferred *on_lost; /* the owner's */
};
void fl_pass_conn_init(struct fl_pass_conn *c, struct fl_pass_desk *d, uint32_t slot, uint32_t gen,
		       struct fl_loop *loop, struct fl_deferred *on_lost);

/* As a handler does: the exchange is answered by letters. */
void fl_pass_request(struct fl_pass_conn *c, struct fl_http *x);

/* ANSWER, DATA, PIECES, RECIPE, END, ABORT. Takes what the letter holds. */
void fl_pass_reply(struct fl_pass_conn *c, const struct fl_letter *l);

/* ---- at home ---- */

struct fl_pass_link {
	struct fl_loop *loop;
	struct fl_mailbox *out;
	uint32_t slot, gen;
	const struct fl_http_router *router; /* the one whose copy the worker has */
	void *conn_ctx;
	struct fl_list open, dead;
	struct fl_deferred reap;
	bool lost;
	struct fl_deferred *on_lost; /* the owner's */
};
/* Slot and generation are the owner's to fill in. */
void fl_pass_link_init(struct fl_pass_link *k, struct fl_loop *loop, struct fl_mailbox *out,
		       const struct fl_http_router *router, void *conn_ctx,
		       struct fl_deferred *on_lost);

/* REQUEST, GONE, TAKEN. Takes what the letter holds. */
void fl_pass_hear(struct fl_pass_link *k, const struct fl_letter *l);

/* The connection is over, and with it all its exchanges. */
void fl_pass_link_done(struct fl_pass_link *k);

#endif
