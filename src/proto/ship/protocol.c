/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/ship/protocol.c - version and format are agreed on (ship.md 5.4). */
#include "proto/ship/conn_impl.h"

enum { MAJOR = 1, MINOR = 0 }; /* the newest version we speak */

enum { STATES = 3 };

static unsigned number(uint16_t major, uint16_t minor)
{
	return (unsigned)major << 16 | minor;
}

static void send_offer(struct fl_ship_conn *c, enum fl_ship_select select)
{
	struct fl_ship_msg m = {
		.kind = FL_SHIP_PROTOCOL,
		.protocol = { .select = select,
			      .major = MAJOR,
			      .minor = MINOR,
			      .formats = 1,
			      .utf8 = true },
	};

	fl_ship_send(c, &m);
}

static void end_with(struct fl_ship_conn *c, enum fl_ship_protocol_error error, enum fl_err err,
		     const char *text)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_PROTOCOL_ERROR, .error = error };

	fl_ship_send(c, &m);
	fl_ship_fail(c, err, text);
}

static void mismatch(struct fl_ship_conn *c)
{
	end_with(c, FL_SHIP_E_MISMATCH, FL_ERR_PROTO, "no common version and format");
}

/* ---- cells ---- */

static void unexpected(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	end_with(c, FL_SHIP_E_UNEXPECTED, FL_ERR_PROTO,
		 "unexpected message in the protocol handshake");
}

/* The hello of a peer that answered twice may still be under way. */
static void late_hello(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	if (m->hello.phase != FL_SHIP_READY)
		unexpected(c, now, m);
}

static void peer_error(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_fail(c, FL_ERR_PROTO, "the peer ended the protocol handshake");
}

static void keep(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now;
	fl_ship_keep(c, m);
}

/* Every node speaks all versions from 1.0 to its newest, so the lower of both is ours: 1.0. */
static void proposal(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	if (m->protocol.select != FL_SHIP_ANNOUNCE_MAX) {
		unexpected(c, now, m);
		return;
	}
	if (number(m->protocol.major, m->protocol.minor) < number(1, 0) || !m->protocol.utf8) {
		mismatch(c);
		return;
	}
	send_offer(c, FL_SHIP_SELECT);
	fl_ship_enter(c, FL_SHIP_S_LISTEN_CONFIRM);
	fl_ship_on_protocol_awaited(c, now);
}

static bool is_ours(const struct fl_ship_msg *m)
{
	return m->protocol.major == MAJOR && m->protocol.minor == MINOR &&
	       m->protocol.formats == 1 && m->protocol.utf8;
}

static void confirm(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	if (m->protocol.select != FL_SHIP_SELECT)
		unexpected(c, now, m);
	else if (!is_ours(m))
		mismatch(c);
	else
		fl_ship_pin_start(c, now);
}

static void choice(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	if (m->protocol.select != FL_SHIP_SELECT) {
		unexpected(c, now, m);
	} else if (!is_ours(m)) {
		mismatch(c);
	} else {
		send_offer(c, FL_SHIP_SELECT);
		fl_ship_pin_start(c, now);
	}
}

/* clang-format off */
static fl_ship_handler *const cells[FL_SHIP_INPUTS][STATES] = {
	/*                            LISTEN_PROPOSAL   LISTEN_CONFIRM    LISTEN_CHOICE */
	[FL_SHIP_CMI]             = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_HELLO]           = { late_hello,       unexpected,       late_hello },
	[FL_SHIP_PROTOCOL]        = { proposal,         confirm,          choice },
	[FL_SHIP_PROTOCOL_ERROR]  = { peer_error,       peer_error,       peer_error },
	[FL_SHIP_PIN_STATE]       = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_PIN_INPUT]       = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_PIN_ERROR]       = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_ACCESS_REQUEST]  = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_ACCESS]          = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_PAYLOAD]         = { keep,             keep,             keep },
	[FL_SHIP_CLOSE]           = { fl_ship_never,    fl_ship_never,    fl_ship_never },
	[FL_SHIP_UNKNOWN]         = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_BAD_CONTROL]     = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_BAD_DATA]        = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_BAD_END]         = { unexpected,       unexpected,       unexpected },
	[FL_SHIP_BAD_FRAME]       = { fl_ship_no_frame, fl_ship_no_frame, fl_ship_no_frame },
};
/* clang-format on */

/* ---- entries ---- */

void fl_ship_protocol_start(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_enter(c, c->client ? FL_SHIP_S_LISTEN_CHOICE : FL_SHIP_S_LISTEN_PROPOSAL);
	if (c->client)
		send_offer(c, FL_SHIP_ANNOUNCE_MAX);
	fl_ship_on_protocol_awaited(c, now);
}

void fl_ship_protocol_input(struct fl_ship_conn *c, fl_time now, unsigned input,
			    struct fl_ship_msg *m)
{
	cells[input][c->state - FL_SHIP_S_LISTEN_PROPOSAL](c, now, m);
}

void fl_ship_protocol_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	end_with(c, FL_SHIP_E_TIMEOUT, FL_ERR_TIMEOUT, "no protocol handshake in time");
}
