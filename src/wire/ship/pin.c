/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/pin.c - connectionPinState, connectionPinInput, connectionPinError. */
#include "wire/ship/part.h"

static const char *const states[] = {
	[FL_SHIP_PIN_NONE] = "none",
	[FL_SHIP_PIN_REQUIRED] = "required",
	[FL_SHIP_PIN_OPTIONAL] = "optional",
	[FL_SHIP_PIN_OK] = "pinOk",
};
static const char *const permissions[] = { "ok", "busy" };
enum {
	STATES = sizeof states / sizeof *states,
	PERMISSIONS = sizeof permissions / sizeof *permissions,
};

static void read_permission(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t place = 0;

	m->pin.has_permission = fl_member_word(t, permissions, PERMISSIONS, &place);
	fl_ship_require(t, place < PERMISSIONS);
	m->pin.busy = place == 1;
}

static void read_state(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth, state = STATES;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "pinState"))
			fl_member_word(t, states, STATES, &state);
		else if (fl_token_is(name, "inputPermission"))
			read_permission(t, m);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, state < STATES);
	m->pin.state = (enum fl_ship_pin_state)state;
}

/* The permission stands exactly where a PIN may be entered. */
static enum fl_err check_state(const struct fl_ship_msg *m)
{
	bool wanted = m->pin.state == FL_SHIP_PIN_REQUIRED || m->pin.state == FL_SHIP_PIN_OPTIONAL;

	return m->pin.has_permission == wanted ? FL_OK : FL_ERR_INVALID;
}

static void write_state(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_str(w, "pinState", states[m->pin.state]);
	if (m->pin.has_permission)
		fl_member_put_str(w, "inputPermission", permissions[m->pin.busy]);
}

const struct fl_ship_part fl_ship_part_pin_state = {
	FL_SHIP_CONTROL, "connectionPinState", read_state, check_state, write_state,
};

/* What was entered is compared, not judged: a PIN of other characters is a wrong one. */
static void read_input(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth;
	bool has = false;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "pin"))
			has = fl_ship_read_text(t, m, FL_SHIP_PIN_MAX, &m->pin_input);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, has);
}

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

bool fl_ship_pin_ok(struct fl_slice pin)
{
	for (size_t i = 0; i < pin.len; i++) {
		if (!is_hex(pin.ptr[i]))
			return false;
	}
	return pin.len >= FL_SHIP_PIN_MIN && pin.len <= FL_SHIP_PIN_MAX;
}

static enum fl_err check_input(const struct fl_ship_msg *m)
{
	return fl_ship_pin_ok(m->pin_input) ? FL_OK : FL_ERR_INVALID;
}

static void write_input(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_text(w, "pin", m->pin_input);
}

const struct fl_ship_part fl_ship_part_pin_input = {
	FL_SHIP_CONTROL, "connectionPinInput", read_input, check_input, write_input,
};

const struct fl_ship_part fl_ship_part_pin_error = {
	FL_SHIP_CONTROL, "connectionPinError", fl_ship_read_error, NULL, fl_ship_write_error,
};
