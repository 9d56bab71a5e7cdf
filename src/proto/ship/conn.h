/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/conn.h - one SHIP connection as a machine: from the first two bytes to the farewell.
 *
 * Facts go in with the time: a message arrived, the transport is gone, the user decided. What has
 * to happen comes out of fl_ship_conn_next, one effect at a time and in order. Deadlines are
 * hidden: the driver calls fl_ship_conn_tick when fl_ship_conn_deadline is reached.
 *
 * The way: CMI, hello (until both sides are ready, as long as that takes), protocol, PIN (both
 * directions at once), then data, with the access methods asked beside it. CLOSE is the last effect
 * there is, whatever the way, and comes once.
 *
 * Thread    one; connections share nothing.
 * Memory    effects that wait own their bytes, at most FL_SHIP_OUT_MAX of them; an input that would
 *           overflow that closes the connection. Data before its time waits in order.
 * Limits    64 messages or 256 KiB of early data, from the protocol handshake on: a peer that is
 *           not trusted yet can make us store nothing. Where the specification leaves a state
 *           without a timer there is one: a PIN has 210 s, from the last word about it. A peer's
 *           `waiting` counts up to 240 s.
 * Security  the PIN is compared in constant time and wiped; penalties come from the owner, so that
 *           a new connection does not reset them.
 * Source    docs/protocol/ship.md 5
 */
#ifndef FL_PROTO_SHIP_CONN_H
#define FL_PROTO_SHIP_CONN_H

#include "base/buf.h"
#include "base/time.h"
#include "wire/ship/message.h"

enum {
	FL_SHIP_OUT_MAX = 128,
	FL_SHIP_EARLY_MESSAGES = 64,
	FL_SHIP_EARLY_BYTES = 256 << 10,
};

/*
 * For how long our first word is held. A ship-go (0.6.0 and 0aa90f6 alike) reads messages a little
 * before it is in the state that waits for them, and loses what comes in between: as server after
 * the upgrade, as client after its own first word (docs/protocol/ship.md 8). On a machine that is
 * busy that is some milliseconds; no user notices what is ten times as long.
 */
#define FL_SHIP_FIRST_WORD_HELD (50 * FL_MS)

/* Close codes of the WebSocket. */
enum {
	FL_SHIP_CODE_NORMAL = 1000,
	FL_SHIP_CODE_CLOSE = 4001,
	FL_SHIP_CODE_ID_MISMATCH = 4450,
	FL_SHIP_CODE_REJECTED = 4452,
	FL_SHIP_CODE_USER = 4500,
};

/* ns; 0 takes the default of ship.md 5.1. */
struct fl_ship_timers {
	int64_t cmi, hello, prolong_threshold, prolong_gap, prolong_min, wait, abort_grace, close;
	int64_t pin_penalty_short, pin_penalty_long; /* from the 3rd and from the 6th wrong PIN */
};

/* Fills in defaults. Errors: FL_ERR_INVALID, with text, outside what the specification permits. */
FL_MUST enum fl_err fl_ship_timers_settle(struct fl_ship_timers *t, struct fl_fault *fault);

/* Where a connection is; the numbers are the ones in the logs of ship-go (ship.md 5). */
enum fl_ship_state {
	FL_SHIP_S_CMI_START = 0,
	FL_SHIP_S_CMI_CLIENT_SEND = 1, /* our first word is held */
	FL_SHIP_S_CMI_CLIENT_WAIT = 2,
	FL_SHIP_S_CMI_SERVER_WAIT = 4,
	FL_SHIP_S_CMI_SERVER_EVALUATE = 5, /* the peer's has come, ours is held */
	FL_SHIP_S_READY_LISTEN = 8,
	FL_SHIP_S_PENDING_LISTEN = 11,
	FL_SHIP_S_HELLO_OK = 13,
	FL_SHIP_S_ABORT_DONE = 15,   /* we refused */
	FL_SHIP_S_REMOTE_ABORT = 16, /* the peer did */
	FL_SHIP_S_REJECTED = 17,     /* the peer closed while we were ready */
	FL_SHIP_S_LISTEN_PROPOSAL = 20,
	FL_SHIP_S_LISTEN_CONFIRM = 21,
	FL_SHIP_S_LISTEN_CHOICE = 22,
	FL_SHIP_S_PIN = 26,
	FL_SHIP_S_DATA = 37,     /* data flows; the peer's SHIP ID is not known yet */
	FL_SHIP_S_COMPLETE = 38, /* it is */
	FL_SHIP_S_ERROR = 39,
	FL_SHIP_S_CLOSING = 40, /* a close was announced */
	FL_SHIP_S_CLOSED = 41,
};
const char *fl_ship_state_name(enum fl_ship_state s);

struct fl_ship_conn_config {
	bool client;
	bool trusted;        /* or taken without asking: begins ready. A client does in any case */
	bool may_wait;       /* a user could still decide (fl_ship_conn_may_wait) */
	const char *ship_id; /* ours; see fl_ship_id_ok */
	const char *peer_id; /* as stored; "" or NULL: not known */
	enum fl_ship_pin_state pin_wanted; /* NONE, REQUIRED or OPTIONAL: what we ask of the peer */
	const char *pin;                   /* that we ask for; 8 to 16 hex digits */
	const char *peer_pin;              /* that the peer asks for, if known; NULL else */
	unsigned pin_failures;             /* of this peer so far */
	fl_time pin_busy_until;            /* a penalty that runs; 0 none */
	struct fl_ship_timers timers;      /* settled */
	size_t message_max;
};

enum fl_ship_effect_kind {
	FL_SHIP_DO_SEND,       /* `bytes`: one message */
	FL_SHIP_DO_STATE,      /* `state`: entered. CLOSED is not told: CLOSE says it */
	FL_SHIP_DO_ASK_TRUST,  /* the user has to decide: fl_ship_conn_decide */
	FL_SHIP_DO_TRUSTED,    /* hello succeeded: the peer is trusted from now on */
	FL_SHIP_DO_ASK_PIN,    /* the peer wants a PIN that we do not know: fl_ship_conn_pin.
				  `optional`: it works without, restricted */
	FL_SHIP_DO_PIN_WRONG,  /* the one we sent was wrong */
	FL_SHIP_DO_PIN_FAILED, /* the peer's was: `pin_failures`, `pin_busy_until` to be remembered;
				  0 after a right one */
	FL_SHIP_DO_OPEN,       /* data flows from now on */
	FL_SHIP_DO_PEER_ID, /* `bytes`: its SHIP ID. Another than the stored one closes instead */
	FL_SHIP_DO_DATA,    /* `bytes`: a plain payload */
	FL_SHIP_DO_CLOSE,   /* the last one: close the transport with `code` and `text`.
				  After fl_ship_conn_lost: it is closed already */
};

struct fl_ship_effect {
	enum fl_ship_effect_kind kind;
	struct fl_slice bytes; /* borrowed until the next call on the connection */
	enum fl_ship_state state;
	bool optional;
	unsigned pin_failures;
	fl_time pin_busy_until;
	uint16_t code;
	const char *text; /* static */
	enum fl_err err;  /* CLOSE: FL_OK in order, FL_ERR_DENIED refused by us or the peer (it
			     may have announced that it removed us), FL_ERR_TIMEOUT, FL_ERR_PROTO,
			     FL_ERR_CLOSED lost, FL_ERR_FULL, FL_ERR_NOMEM */
	bool completed; /* CLOSE: the handshake had come to an end: complete, aborted or rejected */
};

struct fl_ship_conn;

/* `cfg` is copied. Errors: FL_ERR_NOMEM, FL_ERR_INVALID (ship_id, pin). */
FL_MUST enum fl_err fl_ship_conn_new(const struct fl_ship_conn_config *cfg,
				     struct fl_ship_conn **out);
struct fl_ship_conn *fl_ship_conn_free(struct fl_ship_conn *c); /* NULL in, NULL out */

/* Begins. Until then nothing may be told but fl_ship_conn_lost and fl_ship_conn_end. */
void fl_ship_conn_start(struct fl_ship_conn *c, fl_time now);

/* One whole binary message. A text message or a violation of WebSocket is fl_ship_conn_lost. */
void fl_ship_conn_message(struct fl_ship_conn *c, fl_time now, struct fl_slice message);

/* The transport has gone. `refused`: it was closed with 4452. */
void fl_ship_conn_lost(struct fl_ship_conn *c, fl_time now, bool refused);

void fl_ship_conn_tick(struct fl_ship_conn *c, fl_time now);
fl_time fl_ship_conn_deadline(const struct fl_ship_conn *c); /* FL_NEVER: nothing runs */

/*
 * The user trusts the peer or refuses it. Before hello it says how that begins; a refusal also ends
 * a hello in which we are ready and the peer is not. Without effect where nothing waits for it.
 */
void fl_ship_conn_decide(struct fl_ship_conn *c, fl_time now, bool trust);

/*
 * Could a user still decide? Asked when the peer's patience runs out, and when the peer asks for
 * more of ours a third time.
 */
void fl_ship_conn_may_wait(struct fl_ship_conn *c, bool yes);

/* The PIN of the peer, from the user. Errors: FL_ERR_STATE (none is wanted), FL_ERR_INVALID. */
FL_MUST enum fl_err fl_ship_conn_pin(struct fl_ship_conn *c, fl_time now, const char *pin);

/*
 * Queues a payload. `wire`: it is in wire form already. Errors, which leave the connection as it
 * is: FL_ERR_STATE (no data exchange), FL_ERR_SYNTAX, FL_ERR_INVALID, FL_ERR_TOO_BIG
 * (message_max), FL_ERR_FULL (half of FL_SHIP_OUT_MAX effects wait), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ship_conn_send(struct fl_ship_conn *c, fl_time now, struct fl_slice payload,
				      bool wire);

/*
 * Ends in order: in data exchange it is announced with `reason`, and the CLOSE effect follows the
 * peer's word or 500 ms; before, CLOSE comes at once with `code` and `text` (static).
 */
void fl_ship_conn_end(struct fl_ship_conn *c, fl_time now, enum fl_ship_close_reason reason,
		      uint16_t code, const char *text);

/* The next effect; false: none waits. */
bool fl_ship_conn_next(struct fl_ship_conn *c, struct fl_ship_effect *out);

enum fl_ship_state fl_ship_conn_state(const struct fl_ship_conn *c);
bool fl_ship_conn_is_open(const struct fl_ship_conn *c); /* data exchange: may send */

#endif
