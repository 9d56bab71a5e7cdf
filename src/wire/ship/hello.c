/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/hello.c - connectionHello: is the peer trusted, and how long will it wait? */
#include "wire/ship/part.h"

static const char *const phases[] = {
	[FL_SHIP_PENDING] = "pending",
	[FL_SHIP_READY] = "ready",
	[FL_SHIP_ABORTED] = "aborted",
};
enum { PHASES = sizeof phases / sizeof *phases };

static void read(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth, phase = PHASES;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "phase"))
			fl_member_word(t, phases, PHASES, &phase);
		else if (fl_token_is(name, "waiting"))
			m->hello.has_waiting = fl_member_u32(t, &m->hello.waiting_ms);
		else if (fl_token_is(name, "prolongationRequest"))
			fl_member_bool(t, &m->hello.prolong);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, phase < PHASES);
	m->hello.phase = (enum fl_ship_phase)phase;
}

/* A peer that is pending aborts when it is given both. */
static enum fl_err check(const struct fl_ship_msg *m)
{
	return m->hello.has_waiting && m->hello.prolong ? FL_ERR_INVALID : FL_OK;
}

static void write(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_str(w, "phase", phases[m->hello.phase]);
	if (m->hello.has_waiting)
		fl_member_put_u64(w, "waiting", m->hello.waiting_ms);
	if (m->hello.prolong) {
		fl_jw_obj(w);
		fl_jw_key(w, "prolongationRequest");
		fl_jw_bool(w, true);
		fl_jw_obj_end(w);
	}
}

const struct fl_ship_part fl_ship_part_hello = {
	FL_SHIP_CONTROL, "connectionHello", read, check, write,
};
