/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/hello.c - both sides agree to talk, for as long as their users need (ship.md 5.3).
 *
 * An update is a hello with our phase and, while W runs, what is left of it. `waiting` and a
 * request for prolongation never go together: a peer in the field aborts on the two.
 */
#include "proto/ship/conn_impl.h"

enum { PROLONGATIONS_SURE = 2 }; /* accepted whatever the application says */

enum event {
	READY,         /* without waiting */
	READY_WAITING, /* with */
	PENDING,       /* neither waiting nor request */
	PENDING_WAITING,
	PENDING_ASKS, /* prolongationRequest; with or without waiting */
	ABORTED,
	OTHER, /* malformed, an unknown phase, or no hello at all */
	USER_TRUSTS,
	USER_REFUSES,
	W_OVER,
	S_OVER,
	R_OVER,
	EVENTS
};

static bool is_pending(const struct fl_ship_conn *c)
{
	return c->state == FL_SHIP_S_PENDING_LISTEN;
}

static void send_update(struct fl_ship_conn *c, fl_time now)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_HELLO };
	int64_t left;

	m.hello.phase = is_pending(c) ? FL_SHIP_PENDING : FL_SHIP_READY;
	m.hello.has_waiting = fl_ship_hello_left(c, now, &left);
	if (m.hello.has_waiting)
		m.hello.waiting_ms =
			(uint32_t)(left < UINT32_MAX * FL_MS ? left / FL_MS : UINT32_MAX);
	fl_ship_send(c, &m);
}

/* ---- ways out ---- */

static void succeed(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_on_phase_over(c);
	fl_ship_enter(c, FL_SHIP_S_HELLO_OK);
	fl_ship_tell(c, FL_SHIP_DO_TRUSTED);
	fl_ship_protocol_start(c, now);
}

static void abort_with(struct fl_ship_conn *c, fl_time now, enum fl_err why)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_HELLO, .hello.phase = FL_SHIP_ABORTED };

	c->refusal = why;
	c->completed = true;
	fl_ship_send(c, &m);
	fl_ship_enter(c, FL_SHIP_S_ABORT_DONE);
	fl_ship_on_refused(c, now);
}

static void abort_bad(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)m;
	abort_with(c, now, FL_ERR_PROTO);
}

static void abort_refused(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)m;
	abort_with(c, now, FL_ERR_DENIED);
}

static void abort_late(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)m;
	abort_with(c, now, FL_ERR_TIMEOUT);
}

static void remote_abort(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)m;
	c->refusal = FL_ERR_DENIED;
	c->completed = true;
	fl_ship_enter(c, FL_SHIP_S_REMOTE_ABORT);
	fl_ship_on_refused(c, now);
}

void fl_ship_hello_abort_over(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	fl_ship_finish(c, FL_SHIP_CODE_REJECTED, "Node rejected by application", c->refusal);
}

/* ---- cells ---- */

static void become_ready(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_enter(c, FL_SHIP_S_READY_LISTEN);
	fl_ship_on_hello_begun(c, now);
	send_update(c, now);
}

static void become_pending(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_enter(c, FL_SHIP_S_PENDING_LISTEN);
	fl_ship_on_hello_begun(c, now);
	send_update(c, now);
	fl_ship_tell(c, FL_SHIP_DO_ASK_TRUST);
}

static void nothing(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)c, (void)now, (void)m;
}

static void never(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_impossible(c);
}

static void peer_ready(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	(void)m;
	succeed(c, now);
}

static void peer_waits(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	c->peer_ready = m->hello.phase == FL_SHIP_READY;
	c->peer_waits = m->hello.waiting_ms * FL_MS;
	fl_ship_on_peer_waiting(c, now, c->peer_ready);
}

/* A burst of requests gets two and then, if the user may yet come, keeps less than twice W. */
static void prolong(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	int64_t left = 0;

	(void)m;
	c->peer_ready = false;
	(void)fl_ship_hello_left(c, now, &left);
	if (c->prolonged < PROLONGATIONS_SURE || (c->may_wait && left < c->timers.hello)) {
		if (c->prolonged < PROLONGATIONS_SURE)
			c->prolonged++;
		fl_ship_on_hello_prolonged(c, now);
	}
	send_update(c, now);
}

static void trust(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	struct fl_ship_msg ready = { .kind = FL_SHIP_HELLO, .hello.phase = FL_SHIP_READY };

	(void)m;
	c->trusted = true;
	if (!c->peer_ready) {
		become_ready(c, now);
		return;
	}
	fl_ship_send(c, &ready);
	succeed(c, now);
}

static void ask_prolongation(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m)
{
	struct fl_ship_msg ask = {
		.kind = FL_SHIP_HELLO,
		.hello = { .phase = FL_SHIP_PENDING, .prolong = true },
	};

	(void)m;
	if (!c->may_wait) {
		abort_with(c, now, FL_ERR_TIMEOUT);
		return;
	}
	fl_ship_send(c, &ask);
	fl_ship_on_prolongation_asked(c, now);
}

typedef void cell(struct fl_ship_conn *c, fl_time now, const struct fl_ship_msg *m);

/* clang-format off */
static cell *const cells[EVENTS][2] = {
	/*                     READY_LISTEN   PENDING_LISTEN */
	[READY]            = { peer_ready,    abort_bad },
	[READY_WAITING]    = { peer_ready,    peer_waits },
	[PENDING]          = { nothing,       abort_bad },
	[PENDING_WAITING]  = { nothing,       peer_waits },
	[PENDING_ASKS]     = { prolong,       prolong },
	[ABORTED]          = { remote_abort,  remote_abort },
	[OTHER]            = { abort_bad,     abort_bad },
	[USER_TRUSTS]      = { nothing,       trust },
	[USER_REFUSES]     = { abort_refused, abort_refused },
	[W_OVER]           = { abort_late,    abort_late },
	[S_OVER]           = { never,         ask_prolongation },
	[R_OVER]           = { never,         abort_late },
};
/* clang-format on */

static void happen(struct fl_ship_conn *c, fl_time now, enum event ev, const struct fl_ship_msg *m)
{
	cells[ev][is_pending(c)](c, now, m);
}

/* ---- entries ---- */

void fl_ship_hello_start(struct fl_ship_conn *c, fl_time now)
{
	if (c->client || c->trusted)
		become_ready(c, now);
	else
		become_pending(c, now);
}

static enum event event_of(const struct fl_ship_msg *m)
{
	switch (m->hello.phase) {
	case FL_SHIP_READY:
		return m->hello.has_waiting ? READY_WAITING : READY;
	case FL_SHIP_PENDING:
		if (m->hello.prolong)
			return PENDING_ASKS;
		return m->hello.has_waiting ? PENDING_WAITING : PENDING;
	case FL_SHIP_ABORTED:
		return ABORTED;
	}
	return OTHER;
}

void fl_ship_hello_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	if (input == FL_SHIP_BAD_FRAME)
		fl_ship_no_frame(c, now, m);
	else
		happen(c, now, input == FL_SHIP_HELLO ? event_of(m) : OTHER, m);
}

void fl_ship_hello_decide(struct fl_ship_conn *c, fl_time now, bool trusts)
{
	happen(c, now, trusts ? USER_TRUSTS : USER_REFUSES, NULL);
}

void fl_ship_hello_timeout(struct fl_ship_conn *c, fl_time now, enum fl_ship_timer which)
{
	happen(c, now,
	       which == FL_SHIP_T_READY ? W_OVER
	       : which == FL_SHIP_T_ASK ? S_OVER
					: R_OVER,
	       NULL);
}
