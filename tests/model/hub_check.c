/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/hub_check.c - what must hold in every state of the hub (docs/protocol/ship.md 7). */
#include "hub.h"

#include <stddef.h>

static int count(const struct hub_state *s, enum hub_phase phase)
{
	int n = 0;

	for (int i = 0; i < HUB_CONNS; i++)
		n += s->conn[i].phase == phase;
	return n;
}

static bool is_told_right(const struct hub_state *s)
{
	if (s->told == 0)
		return true;
	/* It stands, or a successor does that has not opened yet. */
	return count(s, HUB_STANDING) + count(s, HUB_DYING) > 0;
}

static const char *check_conns(const struct hub_state *s)
{
	for (int i = 0; i < HUB_CONNS; i++) {
		if (s->conn[i].closes > 1)
			return "R9: a connection is closed twice";
		if (s->conn[i].open && s->conn[i].phase != HUB_STANDING)
			return "R2: data flows where nobody stands";
	}
	return NULL;
}

static const char *check_end(const struct hub_state *s)
{
	for (int i = 0; i < HUB_CONNS; i++)
		if (s->conn[i].phase != HUB_UNUSED && s->conn[i].phase != HUB_DEAD)
			return "a connection is left";
	if (s->attempt != HUB_IDLE)
		return "R7: an attempt is left";
	return s->down ? NULL : "deadlock";
}

const char *hub_violation(const void *state, bool last)
{
	const struct hub_state *s = state;
	const char *text = check_conns(s);

	if (text != NULL)
		return text;
	if (count(s, HUB_STANDING) + count(s, HUB_DYING) > 1)
		return "R2: two connections stand";
	if (!is_told_right(s))
		return "R4: the application believes in a connection that is not";
	if (s->untrue)
		return "R4: a disconnect of a device that is here";
	if (s->silent)
		return "R8: a disconnect that nobody was told";
	if (s->barred)
		return "R8: the dying keep out the living";
	if (s->after)
		return "R6: something begins after the end";
	if (s->down && (s->told || s->attempt != HUB_IDLE))
		return "R7: down, and something runs";
	if ((s->attempt == HUB_IDLE || s->attempt == HUB_NOBODY_RUNS) && s->wanted && !s->ending &&
	    s->dials < HUB_DIALS_MAX &&
	    count(s, HUB_STANDING) + count(s, HUB_DYING) + count(s, HUB_DECIDED) == 0)
		return "R1: wanted, and nobody tries";
	return last ? check_end(s) : NULL;
}
