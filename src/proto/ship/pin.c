/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/pin.c - each side may ask the other for a PIN (ship.md 5.5).
 *
 * Two halves that know nothing of each other: CHECK judges the peer's PIN, ASK gives ours. Data
 * exchange opens when neither half holds it up. An optional PIN holds up nothing and may follow
 * later, so both halves live on in data exchange.
 *
 * Security  a wrong PIN is counted before it is answered; from the third on the peer has to wait,
 *           and what it sends meanwhile is not looked at.
 */
#include "crypto/prim.h"
#include "proto/ship/conn_impl.h"

/* ---- PINs as texts ---- */

/* In capitals, filled up with zeros: what is compared has one length. FL_ERR_INVALID: no PIN. */
static enum fl_err read_pin(struct fl_slice text, char out[static FL_SHIP_PIN_MAX + 1])
{
	if (!fl_ship_pin_ok(text))
		return FL_ERR_INVALID;
	memset(out, 0, FL_SHIP_PIN_MAX + 1);
	for (size_t i = 0; i < text.len; i++) {
		uint8_t b = text.ptr[i];
		out[i] = (char)(b >= 'a' ? b - 'a' + 'A' : b);
	}
	return FL_OK;
}

static bool is_right(const struct fl_ship_conn *c, struct fl_slice input)
{
	char given[FL_SHIP_PIN_MAX + 1];

	if (read_pin(input, given) != FL_OK)
		return false;
	bool right = fl_equal_ct(given, c->pins.ours, sizeof given);
	fl_wipe(given, sizeof given);
	return right;
}

void fl_ship_pin_wipe(struct fl_ship_conn *c)
{
	fl_wipe(c->pins.ours, sizeof c->pins.ours);
	fl_wipe(c->pins.peers, sizeof c->pins.peers);
}

enum fl_err fl_ship_pin_init(struct fl_ship_conn *c, const struct fl_ship_conn_config *cfg)
{
	c->pins.wanted = cfg->pin_wanted;
	c->pins.failures = cfg->pin_failures;
	c->pins.busy_until = cfg->pin_busy_until;
	if (cfg->pin_wanted == FL_SHIP_PIN_OK)
		return FL_ERR_INVALID;
	if (cfg->pin_wanted != FL_SHIP_PIN_NONE &&
	    read_pin(fl_slice_str(cfg->pin), c->pins.ours) != FL_OK)
		return FL_ERR_INVALID;
	return cfg->peer_pin == NULL ? FL_OK : read_pin(fl_slice_str(cfg->peer_pin), c->pins.peers);
}

/* ---- when data may flow ---- */

static void open_if_possible(struct fl_ship_conn *c, fl_time now)
{
	const struct fl_ship_pins *p = &c->pins;
	bool checked = p->check == FL_SHIP_CHECK_OK || p->wanted == FL_SHIP_PIN_OPTIONAL;
	bool asked = p->ask == FL_SHIP_ASK_OK || p->optional;

	if (c->state == FL_SHIP_S_PIN && checked && asked)
		fl_ship_access_start(c, now);
}

/* ---- CHECK: the peer's PIN ---- */

static void send_state(struct fl_ship_conn *c, enum fl_ship_pin_state state)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_PIN_STATE, .pin.state = state };

	m.pin.has_permission = state == FL_SHIP_PIN_REQUIRED || state == FL_SHIP_PIN_OPTIONAL;
	m.pin.busy = m.pin.has_permission && c->pins.check == FL_SHIP_CHECK_BUSY;
	fl_ship_send(c, &m);
}

static void send_error(struct fl_ship_conn *c)
{
	fl_ship_send(c, &(struct fl_ship_msg){ .kind = FL_SHIP_PIN_ERROR, .error = 1 });
}

static void tell_failures(struct fl_ship_conn *c)
{
	struct fl_ship_effect e = {
		.kind = FL_SHIP_DO_PIN_FAILED,
		.pin_failures = c->pins.failures,
		.pin_busy_until = c->pins.busy_until,
	};

	fl_ship_push(c, &e, NULL);
}

static void begin_check(struct fl_ship_conn *c, fl_time now)
{
	if (c->pins.wanted == FL_SHIP_PIN_NONE) {
		c->pins.check = FL_SHIP_CHECK_OK;
	} else if (c->pins.busy_until > now) {
		c->pins.check = FL_SHIP_CHECK_BUSY;
		fl_ship_on_penalty(c, c->pins.busy_until);
	} else {
		c->pins.check = FL_SHIP_CHECK_LISTEN;
	}
	send_state(c, c->pins.wanted);
}

static void pin_right(struct fl_ship_conn *c, fl_time now)
{
	c->pins.check = FL_SHIP_CHECK_OK;
	c->pins.failures = 0;
	c->pins.busy_until = 0;
	fl_wipe(c->pins.ours, sizeof c->pins.ours);
	tell_failures(c);
	send_state(c, FL_SHIP_PIN_OK);
	open_if_possible(c, now);
}

static void pin_wrong(struct fl_ship_conn *c, fl_time now)
{
	int64_t penalty = fl_ship_penalty(c, ++c->pins.failures);

	if (penalty > 0) {
		c->pins.check = FL_SHIP_CHECK_BUSY;
		c->pins.busy_until = now + penalty;
		fl_ship_on_penalty(c, c->pins.busy_until);
	}
	tell_failures(c);
	send_error(c);
	if (penalty > 0)
		send_state(c, c->pins.wanted);
}

void fl_ship_pin_on_input(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	fl_ship_on_pin_moved(c, now);
	switch (c->pins.check) {
	case FL_SHIP_CHECK_OK: /* nobody asked, or once too often */
		break;
	case FL_SHIP_CHECK_LISTEN:
		if (is_right(c, m->pin_input))
			pin_right(c, now);
		else
			pin_wrong(c, now);
		break;
	case FL_SHIP_CHECK_BUSY:
		send_state(c, c->pins.wanted);
		break;
	}
}

void fl_ship_pin_penalty_over(struct fl_ship_conn *c, fl_time now)
{
	c->pins.check = FL_SHIP_CHECK_LISTEN;
	c->pins.busy_until = 0;
	fl_ship_on_pin_moved(c, now);
	send_state(c, c->pins.wanted);
}

/* ---- ASK: the PIN that the peer wants ---- */

static void ask_ok(struct fl_ship_conn *c)
{
	c->pins.ask = FL_SHIP_ASK_OK;
	fl_wipe(c->pins.peers, sizeof c->pins.peers);
}

static void ask_user(struct fl_ship_conn *c)
{
	struct fl_ship_effect e = { .kind = FL_SHIP_DO_ASK_PIN, .optional = c->pins.optional };

	c->pins.ask = FL_SHIP_ASK_NEED;
	fl_ship_push(c, &e, NULL);
}

static void give_pin(struct fl_ship_conn *c)
{
	struct fl_ship_msg m = { .kind = FL_SHIP_PIN_INPUT };

	m.pin_input = fl_slice_str(c->pins.peers);
	c->pins.ask = FL_SHIP_ASK_SENT; /* kept: a busy peer has not looked at it */
	fl_ship_send(c, &m);
}

static void peer_listens(struct fl_ship_conn *c)
{
	if (c->pins.peers[0] != '\0')
		give_pin(c);
	else
		ask_user(c);
}

static void peer_busy(struct fl_ship_conn *c)
{
	if (c->pins.ask == FL_SHIP_ASK_INIT && c->pins.peers[0] == '\0')
		ask_user(c); /* time to look for it */
	c->pins.ask = FL_SHIP_ASK_BUSY;
}

static void peer_wrong(struct fl_ship_conn *c)
{
	fl_wipe(c->pins.peers, sizeof c->pins.peers);
	c->pins.ask = FL_SHIP_ASK_NEED;
	fl_ship_tell(c, FL_SHIP_DO_PIN_WRONG);
}

static void out_of_turn(struct fl_ship_conn *c)
{
	fl_ship_fail(c, FL_ERR_PROTO, "a PIN was judged before one was asked for");
}

static void nothing(struct fl_ship_conn *c)
{
	(void)c;
}

/* BUSY to NEED: the user was asked when it began. */
static void peer_listens_again(struct fl_ship_conn *c)
{
	if (c->pins.peers[0] != '\0')
		give_pin(c);
	else
		c->pins.ask = FL_SHIP_ASK_NEED;
}

/* Wrong, and busy already: the PIN must not go out a second time. */
static void peer_wrong_busy(struct fl_ship_conn *c)
{
	peer_wrong(c);
	c->pins.ask = FL_SHIP_ASK_BUSY;
}

enum ask_event { PEER_SATISFIED, PEER_LISTENS, PEER_BUSY, PEER_ERROR, ASK_EVENTS };

/* clang-format off */
static void (*const ask_cells[ASK_EVENTS][FL_SHIP_ASK_OK + 1])(struct fl_ship_conn *) = {
	/*                    INIT          NEED        BUSY                SENT        OK */
	[PEER_SATISFIED] = {  ask_ok,       ask_ok,     ask_ok,             ask_ok,     nothing },
	[PEER_LISTENS]   = {  peer_listens, nothing,    peer_listens_again, nothing,    nothing },
	[PEER_BUSY]      = {  peer_busy,    peer_busy,  nothing,            peer_busy,  nothing },
	[PEER_ERROR]     = {  out_of_turn,  nothing,    peer_wrong_busy,    peer_wrong, nothing },
};
/* clang-format on */

static enum ask_event ask_event_of(const struct fl_ship_msg *m)
{
	if (m->pin.state == FL_SHIP_PIN_NONE || m->pin.state == FL_SHIP_PIN_OK)
		return PEER_SATISFIED;
	return m->pin.has_permission && m->pin.busy ? PEER_BUSY : PEER_LISTENS;
}

void fl_ship_pin_on_state(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	fl_ship_on_pin_state_known(c);
	fl_ship_on_pin_moved(c, now);
	if (m->pin.state != FL_SHIP_PIN_OK)
		c->pins.optional = m->pin.state == FL_SHIP_PIN_OPTIONAL;
	ask_cells[ask_event_of(m)][c->pins.ask](c);
	open_if_possible(c, now);
}

void fl_ship_pin_on_error(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)m;
	fl_ship_on_pin_moved(c, now);
	ask_cells[PEER_ERROR][c->pins.ask](c);
}

enum fl_err fl_ship_pin_given(struct fl_ship_conn *c, fl_time now, const char *pin)
{
	if (c->pins.ask != FL_SHIP_ASK_NEED && c->pins.ask != FL_SHIP_ASK_BUSY)
		return FL_ERR_STATE;
	enum fl_err err = read_pin(fl_slice_str(pin), c->pins.peers);
	if (err != FL_OK)
		return err;
	fl_ship_on_pin_moved(c, now);
	if (c->pins.ask == FL_SHIP_ASK_NEED)
		give_pin(c);
	return FL_OK;
}

/* ---- the phase ---- */

void fl_ship_pin_start(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_on_phase_over(c);
	fl_ship_enter(c, FL_SHIP_S_PIN);
	fl_ship_on_pin_state_awaited(c, now);
	begin_check(c, now);
}

static void unexpected(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	fl_ship_fail(c, FL_ERR_PROTO, "unexpected message before data exchange");
}

static void keep(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now;
	fl_ship_keep(c, m);
}

/* Of a peer that does not wait for our half: answered on entry. */
static void early_request(struct fl_ship_conn *c, fl_time now, struct fl_ship_msg *m)
{
	(void)now, (void)m;
	c->access_asked = true;
}

static fl_ship_handler *const cells[FL_SHIP_INPUTS] = {
	[FL_SHIP_CMI] = unexpected,
	[FL_SHIP_HELLO] = unexpected,
	[FL_SHIP_PROTOCOL] = unexpected,
	[FL_SHIP_PROTOCOL_ERROR] = unexpected,
	[FL_SHIP_PIN_STATE] = fl_ship_pin_on_state,
	[FL_SHIP_PIN_INPUT] = fl_ship_pin_on_input,
	[FL_SHIP_PIN_ERROR] = fl_ship_pin_on_error,
	[FL_SHIP_ACCESS_REQUEST] = early_request,
	[FL_SHIP_ACCESS] = unexpected,
	[FL_SHIP_PAYLOAD] = keep,
	[FL_SHIP_CLOSE] = fl_ship_never,
	[FL_SHIP_UNKNOWN] = unexpected,
	[FL_SHIP_BAD_CONTROL] = unexpected,
	[FL_SHIP_BAD_DATA] = unexpected,
	[FL_SHIP_BAD_END] = unexpected,
	[FL_SHIP_BAD_FRAME] = fl_ship_no_frame,
};

void fl_ship_pin_input(struct fl_ship_conn *c, fl_time now, unsigned input, struct fl_ship_msg *m)
{
	cells[input](c, now, m);
}

void fl_ship_pin_state_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	fl_ship_fail(c, FL_ERR_TIMEOUT, "no word about a PIN in time");
}

void fl_ship_pin_guard_timeout(struct fl_ship_conn *c, fl_time now)
{
	(void)now;
	fl_ship_fail(c, FL_ERR_TIMEOUT, "no PIN in time");
}
