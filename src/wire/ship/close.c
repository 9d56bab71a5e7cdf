/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/close.c - connectionClose: the orderly end. */
#include "wire/ship/part.h"

static const char *const phases[] = {
	[FL_SHIP_CLOSE_ANNOUNCE] = "announce",
	[FL_SHIP_CLOSE_CONFIRM] = "confirm",
};
static const char *const reasons[] = {
	[FL_SHIP_UNSPECIFIC] = "unspecific",
	[FL_SHIP_REMOVED_CONNECTION] = "removedConnection",
};
enum {
	PHASES = sizeof phases / sizeof *phases,
	REASONS = sizeof reasons / sizeof *reasons,
};

static void read_reason(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t reason = REASONS;

	fl_member_word(t, reasons, REASONS, &reason);
	m->close.reason = reason < REASONS ? (enum fl_ship_close_reason)reason : FL_SHIP_UNSPECIFIC;
}

static void read(struct fl_tokens *t, struct fl_ship_msg *m)
{
	size_t floor = t->depth, phase = PHASES;
	struct fl_slice name;

	while (fl_member_next(t, floor, &name)) {
		if (fl_token_is(name, "phase"))
			fl_member_word(t, phases, PHASES, &phase);
		else if (fl_token_is(name, "maxTime"))
			m->close.has_max_time = fl_member_u32(t, &m->close.max_time_ms);
		else if (fl_token_is(name, "reason"))
			read_reason(t, m);
		else
			fl_tokens_skip(t);
	}
	fl_ship_require(t, phase < PHASES);
	m->close.phase = (enum fl_ship_close_phase)phase;
}

static void write(const struct fl_ship_msg *m, struct fl_jw *w)
{
	fl_member_put_str(w, "phase", phases[m->close.phase]);
	if (m->close.phase == FL_SHIP_CLOSE_CONFIRM)
		return;
	if (m->close.has_max_time)
		fl_member_put_u64(w, "maxTime", m->close.max_time_ms);
	fl_member_put_str(w, "reason", reasons[m->close.reason]);
}

const struct fl_ship_part fl_ship_part_close = {
	FL_SHIP_END, "connectionClose", read, NULL, write,
};
