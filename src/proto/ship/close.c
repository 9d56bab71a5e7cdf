/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/close.c - the ways to the end that are not errors of the protocol (ship.md 5.7).
 *
 * In data exchange a close is announced and confirmed, before it the transport is closed and that
 * is all. The announcement of a peer counts in every state.
 */
#include "proto/ship/conn_impl.h"

static void closed_in_order(struct fl_ship_conn *c, enum fl_err err)
{
	fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "close", err);
}

/* ---- ours ---- */

void fl_ship_close_announce(struct fl_ship_conn *c, fl_time now, enum fl_ship_close_reason reason,
			    enum fl_err err)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_CLOSE };

	m.close.phase = FL_SHIP_CLOSE_ANNOUNCE;
	m.close.has_max_time = true;
	m.close.max_time_ms = (uint32_t)(c->timers.close / FL_MS);
	m.close.reason = reason;
	c->refusal = err;
	fl_ship_send(c, &m);
	fl_ship_enter(c, FL_SHIP_S_CLOSING);
	fl_ship_on_close_announced(c, now);
}

void fl_ship_close_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	closed_in_order(c, c->refusal);
}

void fl_ship_conn_end(struct fl_ship_conn *c, fl_time now, enum fl_ship_close_reason reason,
		      uint16_t code, const char *text)
{
	fl_ship_lent_done(c);
	switch (c->state) {
	case FL_SHIP_S_CMI_START:
	case FL_SHIP_S_CMI_CLIENT_SEND:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
	case FL_SHIP_S_CMI_SERVER_EVALUATE:
	case FL_SHIP_S_READY_LISTEN:
	case FL_SHIP_S_PENDING_LISTEN:
	case FL_SHIP_S_HELLO_OK:
	case FL_SHIP_S_LISTEN_PROPOSAL:
	case FL_SHIP_S_LISTEN_CONFIRM:
	case FL_SHIP_S_LISTEN_CHOICE:
	case FL_SHIP_S_PIN:
		fl_ship_finish(c, code, text, FL_OK);
		break;
	case FL_SHIP_S_DATA:
	case FL_SHIP_S_COMPLETE:
		fl_ship_close_announce(c, now, reason, FL_OK);
		break;
	case FL_SHIP_S_ABORT_DONE:
	case FL_SHIP_S_REMOTE_ABORT: /* what would have come a moment later */
		fl_ship_hello_abort_over(c, now);
		break;
	case FL_SHIP_S_REJECTED:
	case FL_SHIP_S_ERROR:
	case FL_SHIP_S_CLOSING: /* it comes */
	case FL_SHIP_S_CLOSED:
		break;
	}
}

/* ---- the peer's ---- */

/* A peer that removed us from its list refuses us. */
static enum fl_err verdict(const struct fl_ship_conn *c, const struct fl_ship_msg *m)
{
	if (c->state == FL_SHIP_S_ABORT_DONE || c->state == FL_SHIP_S_REMOTE_ABORT ||
	    c->state == FL_SHIP_S_CLOSING)
		return c->refusal;
	return m->close.reason == FL_SHIP_REMOVED_CONNECTION ? FL_ERR_DENIED : FL_OK;
}

/* A confirmation that nobody waits for ends it as well: the peer takes it as closed. */
void fl_ship_close_input(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	struct fl_ship_msg confirm = { .kind = FL_SHIP_CLOSE };

	(void)now;
	enum fl_err err = verdict(c, m);
	if (m->close.phase == FL_SHIP_CLOSE_ANNOUNCE) {
		confirm.close.phase = FL_SHIP_CLOSE_CONFIRM;
		fl_ship_send(c, &confirm);
	}
	closed_in_order(c, err);
}

/* ---- the transport's ---- */

static void rejected(struct fl_ship_conn *c)
{
	c->completed = true;
	fl_ship_enter(c, FL_SHIP_S_REJECTED);
	fl_ship_finish(c, FL_SHIP_CODE_REJECTED, "rejected by the peer", FL_ERR_DENIED);
}

static void broken(struct fl_ship_conn *c)
{
	fl_ship_fail(c, FL_ERR_CLOSED, "the connection was lost");
}

void fl_ship_conn_lost(struct fl_ship_conn *c, fl_time now, bool refused)
{
	fl_ship_lent_done(c);
	switch (c->state) {
	case FL_SHIP_S_CMI_START: /* nothing was told yet */
		fl_ship_finish(c, FL_SHIP_CODE_CLOSE, "the connection was lost", FL_ERR_CLOSED);
		break;
	case FL_SHIP_S_READY_LISTEN: /* devices refuse in this way */
		rejected(c);
		break;
	case FL_SHIP_S_CMI_CLIENT_SEND:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
	case FL_SHIP_S_CMI_SERVER_EVALUATE:
	case FL_SHIP_S_PENDING_LISTEN:
	case FL_SHIP_S_LISTEN_PROPOSAL:
	case FL_SHIP_S_LISTEN_CONFIRM:
	case FL_SHIP_S_LISTEN_CHOICE:
	case FL_SHIP_S_PIN:
		if (refused)
			rejected(c);
		else
			broken(c);
		break;
	case FL_SHIP_S_DATA:
	case FL_SHIP_S_COMPLETE:
		broken(c);
		break;
	case FL_SHIP_S_ABORT_DONE:
	case FL_SHIP_S_REMOTE_ABORT:
		fl_ship_hello_abort_over(c, now);
		break;
	case FL_SHIP_S_CLOSING: /* the peer did not care to confirm */
		closed_in_order(c, c->refusal);
		break;
	case FL_SHIP_S_HELLO_OK: /* left in the call that enters it */
	case FL_SHIP_S_REJECTED:
	case FL_SHIP_S_ERROR:
	case FL_SHIP_S_CLOSED:
		break;
	}
}
