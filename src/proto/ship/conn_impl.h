/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/conn_impl.h - what the files of one SHIP connection share.
 *
 * conn.c is the entry: it decodes and hands an input to the file of the phase it is in. Each of
 * these (cmi, hello, protocol, pin, access, close) has a table of its states and inputs, every cell
 * of it written out. effects.c queues what has to happen, state.c knows which moves there are,
 * timers.c alone knows durations: the others tell it what happened.
 *
 * Anything may end the connection, a failed allocation too. After that states, effects and timers
 * are dead: a handler need not look, and goes on to its end without effect.
 *
 * Source  docs/protocol/ship.md 5
 */
#ifndef FL_PROTO_SHIP_CONN_IMPL_H
#define FL_PROTO_SHIP_CONN_IMPL_H

#include "proto/ship/conn.h"

/* Inputs beside the kinds of messages: what could not be read. */
enum {
	FL_SHIP_BAD_CONTROL = FL_SHIP_UNKNOWN + 1, /* control or init */
	FL_SHIP_BAD_DATA,
	FL_SHIP_BAD_END,
	FL_SHIP_BAD_FRAME, /* no value or no type: ends the connection in every phase */
	FL_SHIP_INPUTS
};

enum fl_ship_timer {
	FL_SHIP_T_HOLD, /* our first word is held */
	FL_SHIP_T_CMI,
	FL_SHIP_T_READY, /* W: Wait-For-Ready */
	FL_SHIP_T_ASK,   /* S: Send-Prolongation-Request */
	FL_SHIP_T_REPLY, /* R: Prolongation-Request-Reply */
	FL_SHIP_T_PROTOCOL,
	FL_SHIP_T_PIN_STATE, /* the peer's first word about a PIN */
	FL_SHIP_T_PIN_GUARD, /* a PIN from someone */
	FL_SHIP_T_PENALTY,
	FL_SHIP_T_ACCESS,
	FL_SHIP_T_ABORT,
	FL_SHIP_T_CLOSE,
	FL_SHIP_TIMERS
};

/* An effect that waits, and its bytes. */
struct fl_ship_item {
	struct fl_ship_item *next;
	struct fl_ship_effect effect;
	struct fl_buf bytes;
};

struct fl_ship_queue {
	struct fl_ship_item *first, *last;
	size_t count, bytes;
};

enum fl_ship_check { FL_SHIP_CHECK_OK, FL_SHIP_CHECK_LISTEN, FL_SHIP_CHECK_BUSY };

enum fl_ship_ask {
	FL_SHIP_ASK_INIT, /* the peer has not said whether it wants a PIN */
	FL_SHIP_ASK_NEED, /* it does, and we have none */
	FL_SHIP_ASK_BUSY, /* it takes none now */
	FL_SHIP_ASK_SENT,
	FL_SHIP_ASK_OK
};

/* Both halves. A PIN is in capitals, with zeros behind it, and wiped when it has served. */
struct fl_ship_pins {
	enum fl_ship_pin_state wanted;
	enum fl_ship_check check;
	unsigned failures;
	fl_time busy_until;
	enum fl_ship_ask ask;
	bool optional; /* the peer's demand is */
	char ours[FL_SHIP_PIN_MAX + 1], peers[FL_SHIP_PIN_MAX + 1];
};

struct fl_ship_conn {
	enum fl_ship_state state;
	bool client, trusted, may_wait;
	bool access_asked; /* by the peer, before data exchange */
	bool completed;
	unsigned prolonged;  /* how often the peer's hello got more time */
	bool peer_ready;     /* its last hello said so */
	int64_t peer_waits;  /* what its last hello left us, ns */
	enum fl_err refusal; /* why a hello was aborted, or a close announced */
	char *ship_id, *peer_id;
	size_t message_max;
	struct fl_ship_timers timers;
	fl_time due[FL_SHIP_TIMERS];
	struct fl_ship_pins pins;
	struct fl_ship_queue out, early;
	struct fl_ship_item *lent; /* the effect that the owner looks at */
	bool close_due;
	struct fl_ship_effect close;
};

/* ---- effects.c ---- */

/*
 * Queues `e`, and takes what `bytes` (NULL: none) holds. Where that fails the connection ends.
 */
void fl_ship_push(struct fl_ship_conn *c, const struct fl_ship_effect *e, struct fl_buf *bytes);
void fl_ship_tell(struct fl_ship_conn *c, enum fl_ship_effect_kind kind);
void fl_ship_send(struct fl_ship_conn *c, const struct fl_ship_msg *m);
void fl_ship_deliver(struct fl_ship_conn *c, struct fl_ship_msg *m);    /* takes its text */
void fl_ship_keep(struct fl_ship_conn *c, const struct fl_ship_msg *m); /* data before its time */
void fl_ship_deliver_kept(struct fl_ship_conn *c);
void fl_ship_queue_done(struct fl_ship_queue *q);
void fl_ship_lent_done(struct fl_ship_conn *c); /* each call from outside ends what it lent */

/* Ends it here: CLOSE is the next effect after those that wait. The first call counts. */
void fl_ship_finish(struct fl_ship_conn *c, uint16_t code, const char *text, enum fl_err err);
/* The same by way of the state ERROR, with code 4001. */
void fl_ship_fail(struct fl_ship_conn *c, enum fl_err err, const char *text);
/* Where no input can lead: asserts, and where that is off ends the connection. */
void fl_ship_impossible(struct fl_ship_conn *c);

/* ---- state.c ---- */

/* Moves and tells. A move that is in no table is a mistake of ours. */
void fl_ship_enter(struct fl_ship_conn *c, enum fl_ship_state to);

/* ---- timers.c: facts ---- */

void fl_ship_timers_stop(struct fl_ship_conn *c); /* all of them */
void fl_ship_on_cmi_held(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_cmi_awaited(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_hello_begun(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_hello_prolonged(struct fl_ship_conn *c, fl_time now);
/* The peer waits for us, for peer_waits; `ready`: nothing is left for us to wait for. */
void fl_ship_on_peer_waiting(struct fl_ship_conn *c, fl_time now, bool ready);
void fl_ship_on_prolongation_asked(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_phase_over(struct fl_ship_conn *c); /* nothing is waited for */
void fl_ship_on_protocol_awaited(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_pin_state_awaited(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_pin_state_known(struct fl_ship_conn *c);
void fl_ship_on_pin_moved(struct fl_ship_conn *c, fl_time now);
int64_t fl_ship_penalty(const struct fl_ship_conn *c, unsigned failures);
void fl_ship_on_penalty(struct fl_ship_conn *c, fl_time until);
void fl_ship_on_opened(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_access_known(struct fl_ship_conn *c);
void fl_ship_on_refused(struct fl_ship_conn *c, fl_time now);
void fl_ship_on_close_announced(struct fl_ship_conn *c, fl_time now);

/* What is left of W; false: it does not run. */
bool fl_ship_hello_left(const struct fl_ship_conn *c, fl_time now, int64_t *out_left);

/* The timer that is due first, which then no longer runs; FL_SHIP_TIMERS: none is due. */
enum fl_ship_timer fl_ship_timer_take(struct fl_ship_conn *c, fl_time now);

/* ---- the phases ---- */

typedef void fl_ship_handler(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);

/* Cells that several tables have. */
void fl_ship_ignore(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
void fl_ship_no_frame(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
/* Of a farewell, which conn.c takes in every state, before any table is asked. */
void fl_ship_never(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);

void fl_ship_cmi_start(struct fl_ship_conn *c, fl_time now);
void fl_ship_cmi_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m);
void fl_ship_cmi_speak(struct fl_ship_conn *c, fl_time now); /* what is held goes out */
void fl_ship_cmi_timeout(struct fl_ship_conn *c, fl_time now);

void fl_ship_hello_start(struct fl_ship_conn *c, fl_time now);
void fl_ship_hello_input(struct fl_ship_conn *c, fl_time now, unsigned input,
			 struct fl_ship_msg *m);
void fl_ship_hello_decide(struct fl_ship_conn *c, fl_time now, bool trust);
void fl_ship_hello_timeout(struct fl_ship_conn *c, fl_time now, enum fl_ship_timer which);
void fl_ship_hello_abort_over(struct fl_ship_conn *c, fl_time now);

void fl_ship_protocol_start(struct fl_ship_conn *c, fl_time now);
void fl_ship_protocol_input(struct fl_ship_conn *c, fl_time now, unsigned input,
			    struct fl_ship_msg *m);
void fl_ship_protocol_timeout(struct fl_ship_conn *c, fl_time now);

enum fl_err fl_ship_pin_init(struct fl_ship_conn *c, const struct fl_ship_conn_config *cfg);
void fl_ship_pin_start(struct fl_ship_conn *c, fl_time now);
void fl_ship_pin_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m);
/* The two halves, which go on in data exchange. */
void fl_ship_pin_on_state(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
void fl_ship_pin_on_input(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
void fl_ship_pin_on_error(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
enum fl_err fl_ship_pin_given(struct fl_ship_conn *c, fl_time now, const char *pin);
void fl_ship_pin_state_timeout(struct fl_ship_conn *c, fl_time now);
void fl_ship_pin_guard_timeout(struct fl_ship_conn *c, fl_time now);
void fl_ship_pin_penalty_over(struct fl_ship_conn *c, fl_time now);
void fl_ship_pin_wipe(struct fl_ship_conn *c);

void fl_ship_access_start(struct fl_ship_conn *c, fl_time now);
void fl_ship_access_input(struct fl_ship_conn *c, fl_time now, unsigned input,
			  struct fl_ship_msg *m);
void fl_ship_access_timeout(struct fl_ship_conn *c, fl_time now);

/* Announces; CLOSE, with `err`, follows the peer's word. */
void fl_ship_close_announce(struct fl_ship_conn *c, fl_time now, enum fl_ship_close_reason reason,
			    enum fl_err err);
void fl_ship_close_input(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m);
void fl_ship_close_timeout(struct fl_ship_conn *c, fl_time now);

#endif
