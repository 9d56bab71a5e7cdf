/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/access.c - data exchange, and beside it the question who the peer is (ship.md 5.6).
 *
 * Data never waits for the access methods, and a request for ours is answered for ever.
 */
#include "proto/ship/conn_impl.h"

#include <stdlib.h>

static void answer(struct fl_ship_conn *c)
{
	fl_ship_send(
		c, &(struct fl_ship_msg){ .kind = FL_SHIP_ACCESS, .id = fl_slice_str(c->ship_id) });
}

void fl_ship_access_start(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_enter(c, FL_SHIP_S_DATA);
	fl_ship_on_opened(c, now);
	fl_ship_tell(c, FL_SHIP_DO_OPEN);
	fl_ship_send(c, &(struct fl_ship_msg){ .kind = FL_SHIP_ACCESS_REQUEST });
	if (c->access_asked)
		answer(c);
	fl_ship_deliver_kept(c);
}

/* ---- cells ---- */

static void requested(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	answer(c);
}

static bool is_another(const struct fl_ship_conn *c, struct fl_slice id)
{
	return c->peer_id != NULL && !fl_slice_is(id, c->peer_id);
}

static void answered(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	struct fl_ship_effect e = { .kind = FL_SHIP_DO_PEER_ID, .bytes = m->id };

	(void)now;
	if (m->id.len == 0) {
		fl_ship_fail(c, FL_ERR_PROTO, "access methods without SHIP id");
		return;
	}
	if (is_another(c, m->id)) {
		fl_ship_enter(c, FL_SHIP_S_ERROR);
		fl_ship_finish(c, FL_SHIP_CODE_ID_MISMATCH, "SHIP id mismatch", FL_ERR_PROTO);
		return;
	}
	fl_ship_on_access_known(c);
	free(c->peer_id);
	c->peer_id = NULL;
	c->completed = true;
	fl_ship_push(c, &e, &m->text);
	fl_ship_enter(c, FL_SHIP_S_COMPLETE);
}

static void payload(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now;
	fl_ship_deliver(c, m);
}

static void malformed(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_fail(c, FL_ERR_PROTO, "malformed message in data exchange");
}

/* A connection that works is not dropped for a control message that nobody asked for. */

/* clang-format off */
static fl_ship_handler *const cells[FL_SHIP_INPUTS][2] = {
	/*                            DATA                  COMPLETE */
	[FL_SHIP_CMI]             = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_HELLO]           = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_PROTOCOL]        = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_PROTOCOL_ERROR]  = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_PIN_STATE]       = { fl_ship_pin_on_state, fl_ship_pin_on_state },
	[FL_SHIP_PIN_INPUT]       = { fl_ship_pin_on_input, fl_ship_pin_on_input },
	[FL_SHIP_PIN_ERROR]       = { fl_ship_pin_on_error, fl_ship_pin_on_error },
	[FL_SHIP_ACCESS_REQUEST]  = { requested,            requested },
	[FL_SHIP_ACCESS]          = { answered,             fl_ship_ignore },
	[FL_SHIP_PAYLOAD]         = { payload,              payload },
	[FL_SHIP_CLOSE]           = { fl_ship_never,        fl_ship_never },
	[FL_SHIP_UNKNOWN]         = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_BAD_CONTROL]     = { fl_ship_ignore,       fl_ship_ignore },
	[FL_SHIP_BAD_DATA]        = { malformed,            malformed },
	[FL_SHIP_BAD_END]         = { malformed,            malformed },
	[FL_SHIP_BAD_FRAME]       = { fl_ship_no_frame,     fl_ship_no_frame },
};
/* clang-format on */

void fl_ship_access_input(struct fl_ship_conn *c, fl_time now, unsigned input,
			  struct fl_ship_msg *m)
{
	cells[input][c->state == FL_SHIP_S_COMPLETE](c, now, m);
}

void fl_ship_access_timeout(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_close_announce(c, now, FL_SHIP_UNSPECIFIC, FL_ERR_TIMEOUT);
}
