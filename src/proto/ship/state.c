/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/ship/state.c - the states: which move leads where, and their names. */
#include "proto/ship/conn_impl.h"

#define TO(s) ((uint64_t)1 << FL_SHIP_S_##s)

/* CLOSED is reached from everywhere, by fl_ship_finish, and left by nothing. */
static const uint64_t moves[FL_SHIP_S_CLOSED + 1] = {
	[FL_SHIP_S_CMI_START] = TO(CMI_CLIENT_SEND) | TO(CMI_SERVER_WAIT),
	[FL_SHIP_S_CMI_CLIENT_SEND] = TO(CMI_CLIENT_WAIT) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_CMI_CLIENT_WAIT] = TO(READY_LISTEN) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_CMI_SERVER_WAIT] = TO(CMI_SERVER_EVALUATE) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_CMI_SERVER_EVALUATE] =
		TO(READY_LISTEN) | TO(PENDING_LISTEN) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_READY_LISTEN] =
		TO(HELLO_OK) | TO(ABORT_DONE) | TO(REMOTE_ABORT) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_PENDING_LISTEN] = TO(READY_LISTEN) | TO(HELLO_OK) | TO(ABORT_DONE) |
				     TO(REMOTE_ABORT) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_HELLO_OK] = TO(LISTEN_PROPOSAL) | TO(LISTEN_CHOICE),
	[FL_SHIP_S_ABORT_DONE] = 0,
	[FL_SHIP_S_REMOTE_ABORT] = 0,
	[FL_SHIP_S_REJECTED] = 0,
	[FL_SHIP_S_LISTEN_PROPOSAL] = TO(LISTEN_CONFIRM) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_LISTEN_CONFIRM] = TO(PIN) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_LISTEN_CHOICE] = TO(PIN) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_PIN] = TO(DATA) | TO(REJECTED) | TO(ERROR),
	[FL_SHIP_S_DATA] = TO(COMPLETE) | TO(CLOSING) | TO(ERROR),
	[FL_SHIP_S_COMPLETE] = TO(CLOSING) | TO(ERROR),
	[FL_SHIP_S_ERROR] = 0,
	[FL_SHIP_S_CLOSING] = 0,
	[FL_SHIP_S_CLOSED] = 0,
};

void fl_ship_enter(struct fl_ship_conn *c, enum fl_ship_state to)
{
	if (c->state == FL_SHIP_S_CLOSED)
		return;
	if (!(moves[c->state] >> to & 1)) {
		fl_ship_impossible(c);
		return;
	}
	c->state = to;
	fl_ship_push(c, &(struct fl_ship_effect){ .kind = FL_SHIP_DO_STATE, .state = to }, NULL);
}

const char *fl_ship_state_name(enum fl_ship_state s)
{
	switch (s) {
	case FL_SHIP_S_CMI_START:
		return "cmi-start";
	case FL_SHIP_S_CMI_CLIENT_SEND:
		return "cmi-client-send";
	case FL_SHIP_S_CMI_CLIENT_WAIT:
		return "cmi-client-wait";
	case FL_SHIP_S_CMI_SERVER_WAIT:
		return "cmi-server-wait";
	case FL_SHIP_S_CMI_SERVER_EVALUATE:
		return "cmi-server-evaluate";
	case FL_SHIP_S_READY_LISTEN:
		return "hello-ready-listen";
	case FL_SHIP_S_PENDING_LISTEN:
		return "hello-pending-listen";
	case FL_SHIP_S_HELLO_OK:
		return "hello-ok";
	case FL_SHIP_S_ABORT_DONE:
		return "hello-abort-done";
	case FL_SHIP_S_REMOTE_ABORT:
		return "hello-remote-abort-done";
	case FL_SHIP_S_REJECTED:
		return "hello-rejected";
	case FL_SHIP_S_LISTEN_PROPOSAL:
		return "protocol-listen-proposal";
	case FL_SHIP_S_LISTEN_CONFIRM:
		return "protocol-listen-confirm";
	case FL_SHIP_S_LISTEN_CHOICE:
		return "protocol-listen-choice";
	case FL_SHIP_S_PIN:
		return "pin";
	case FL_SHIP_S_DATA:
		return "data";
	case FL_SHIP_S_COMPLETE:
		return "complete";
	case FL_SHIP_S_ERROR:
		return "error";
	case FL_SHIP_S_CLOSING:
		return "closing";
	case FL_SHIP_S_CLOSED:
		return "closed";
	}
	return "?";
}
