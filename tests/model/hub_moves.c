/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/hub_moves.c - what may happen next to the hub. */
#include "hub.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

const char *const hub_bug_names[HUB_BUGS] = {
	"none",
	"RC1, deciding apart from entering",
	"RC1, the end of any connection is told",
	"RC1, two owners close",
	"RC1, an attempt that is never over",
	"RC2, a timer outlives the hub",
	"RC2, a dial outlives the hub",
	"RC3, the dying stand in the way",
	"RC3, the dying are evicted in silence",
};

const char *const hub_rule_names[HUB_RULES] = { "the newest lives", "the second waits",
						"the first lives" };

struct moves {
	const struct hub_model *model;
	const struct hub_state *from;
	struct hub_move *at;
	int count;
};

static struct hub_state *add(struct moves *m, const char *name, int who)
{
	assert(m->count < HUB_MOVES_MAX);
	struct hub_move *at = &m->at[m->count++];
	*at = (struct hub_move){ .name = { name, (uint8_t)who, 0 }, .to = *m->from };
	return &at->to;
}

static bool is(const struct moves *m, enum hub_bug bug)
{
	return m->model->bug == bug;
}

/* ---- the registry ---- */

static int find(const struct hub_state *s, enum hub_phase phase)
{
	for (int i = 0; i < HUB_CONNS; i++)
		if (s->conn[i].phase == phase)
			return i;
	return -1;
}

static bool is_here(const struct hub_state *s)
{
	return find(s, HUB_STANDING) >= 0 || find(s, HUB_DYING) >= 0;
}

static void close_transport(struct hub_state *s, int i)
{
	s->conn[i].closes++;
}

static void tell_gone(struct hub_state *s)
{
	s->told = 0;
}

static void consider(struct hub_state *s)
{
	if (s->attempt == HUB_IDLE && s->wanted && !s->ending && !is_here(s) &&
	    s->dials < HUB_DIALS_MAX)
		s->attempt = HUB_PLANNED;
}

/* In place of all that are here. */
static void enter(const struct moves *m, struct hub_state *s, int i)
{
	for (int k = 0; k < HUB_CONNS && !is(m, HUB_SPLIT); k++) {
		struct hub_conn *c = &s->conn[k];
		if (k == i || (c->phase != HUB_STANDING && c->phase != HUB_DYING))
			continue;
		if (c->phase == HUB_DYING && is(m, HUB_ZOMBIE_TOLD) && s->told == k + 1) {
			s->silent = 1;
			s->told = 0;
		}
		if (is(m, HUB_TWO_OWNERS))
			close_transport(s, k);
		c->phase = HUB_REPLACED;
		c->open = 0;
	}
	s->conn[i].phase = HUB_STANDING;
}

static void went_offline(struct hub_state *s)
{
	int parked = find(s, HUB_PARKED);

	if (parked >= 0) {
		s->conn[parked].phase = HUB_STANDING;
		return;
	}
	tell_gone(s);
	consider(s);
}

/* The end of a connection, whoever noticed. `ours`: its transport is there to be closed. */
static void end(const struct moves *m, struct hub_state *s, int i, bool ours)
{
	struct hub_conn *c = &s->conn[i];
	const bool stood = c->phase == HUB_STANDING || c->phase == HUB_DYING;

	if (ours)
		close_transport(s, i);
	c->phase = HUB_DEAD;
	c->open = 0;
	if (stood) {
		went_offline(s);
	} else if (is(m, HUB_UNGATED) && s->told != 0) {
		s->untrue = s->told != i + 1;
		tell_gone(s);
	}
}

/* ---- connections ---- */

/* Of one that comes: what the rule says, and the entry, in one step. */
static void take(const struct moves *m, struct hub_state *s, int i)
{
	const bool standing = find(s, HUB_STANDING) >= 0;
	const bool dying = find(s, HUB_DYING) >= 0;
	const bool second = standing || (dying && is(m, HUB_NO_LIVENESS));

	if (s->ending && !is(m, HUB_LATE_DIAL)) {
		s->conn[i].phase = HUB_DEAD;
		return;
	}
	s->after |= s->down;
	if (!second || m->model->rule == HUB_KEEP) {
		if (is(m, HUB_SPLIT))
			s->conn[i].phase = HUB_DECIDED;
		else
			enter(m, s, i);
		return;
	}
	const bool waits = m->model->rule == HUB_PARK && find(s, HUB_PARKED) < 0;
	s->conn[i].phase = waits && standing ? HUB_PARKED : HUB_DEAD;
	s->barred |= !standing;
}

static int free_conn(const struct hub_state *s)
{
	return find(s, HUB_UNUSED);
}

static void incoming(struct moves *m)
{
	int i = free_conn(m->from);

	if (i >= 0 && !m->from->ending)
		take(m, add(m, "Incoming", i), i);
}

static void live(struct moves *m, int i)
{
	const struct hub_conn *c = &m->from->conn[i];
	struct hub_state *s;

	switch ((enum hub_phase)c->phase) {
	case HUB_DECIDED:
		enter(m, add(m, "Enter", i), i);
		return;
	case HUB_PARKED:
		end(m, add(m, "PeerGone", i), i, false);
		s = add(m, "Patience", i);
		enter(m, s, i);
		return;
	case HUB_STANDING:
		if (!c->open) {
			s = add(m, "Open", i);
			s->conn[i].open = 1;
			s->told = (uint8_t)(i + 1); /* CONNECTED, or REPLACED */
		}
		s = add(m, "Disconnect", i);
		s->conn[i].phase = HUB_DYING;
		s->conn[i].open = 0;
		int parked = find(s, HUB_PARKED);
		if (parked >= 0)
			end(m, s, parked, true);
		end(m, add(m, "PeerGone", i), i, false);
		return;
	case HUB_DYING:
	case HUB_REPLACED:
		end(m, add(m, "Farewell", i), i, c->closes == 0 || is(m, HUB_TWO_OWNERS));
		end(m, add(m, "PeerGone", i), i, false);
		return;
	case HUB_UNUSED:
	case HUB_DEAD:
		return;
	}
}

/* ---- dials ---- */

static void dials(struct moves *m)
{
	struct hub_state *s;
	const bool ended = m->from->ending != 0;

	if (m->from->attempt == HUB_PLANNED) {
		s = add(m, "Due", 0);
		const bool go =
			(s->wanted && !is_here(s) && !ended) || (ended && is(m, HUB_LATE_TIMER));
		s->attempt = go ? HUB_DIALLING : is(m, HUB_STUCK) ? HUB_NOBODY_RUNS : HUB_IDLE;
		s->after |= go && ended;
		s->dials += go;
		if (!go)
			consider(s);
	}
	if (m->from->attempt != HUB_DIALLING)
		return;
	s = add(m, "DialFails", 0);
	s->attempt = HUB_IDLE;
	consider(s);
	int i = free_conn(m->from);
	if (i < 0)
		return;
	s = add(m, "DialOk", i);
	s->attempt = HUB_IDLE;
	take(m, s, i);
}

/* ---- the user, and the end ---- */

static void user(struct moves *m)
{
	struct hub_state *s;

	if (m->from->ending)
		return;
	s = add(m, m->from->wanted ? "Lost from sight" : "Seen", 0);
	s->wanted = !s->wanted;
	consider(s);
}

static void shut(struct moves *m)
{
	struct hub_state *s;
	int left = 0;

	if (!m->from->ending) {
		s = add(m, "Shutdown", 0);
		s->ending = 1;
		if (!(s->attempt == HUB_PLANNED && is(m, HUB_LATE_TIMER)) &&
		    !(s->attempt == HUB_DIALLING && is(m, HUB_LATE_DIAL)))
			s->attempt = HUB_IDLE;
		int parked = find(s, HUB_PARKED);
		if (parked >= 0)
			end(m, s, parked, true);
		int standing = find(s, HUB_STANDING);
		if (standing >= 0) {
			s->conn[standing].phase = HUB_DYING;
			s->conn[standing].open = 0;
		}
		return;
	}
	for (int i = 0; i < HUB_CONNS; i++)
		left += m->from->conn[i].phase != HUB_UNUSED && m->from->conn[i].phase != HUB_DEAD;
	if (!m->from->down && left == 0)
		add(m, "Down", 0)->down = 1;
}

static int all_moves(const void *model, const void *state, void *out)
{
	struct moves m = { model, state, out, 0 };

	incoming(&m);
	for (int i = 0; i < HUB_CONNS; i++)
		live(&m, i);
	dials(&m);
	user(&m);
	shut(&m);
	return m.count;
}

static void start(void *state)
{
	memset(state, 0, sizeof(struct hub_state));
}

const struct machine hub_machine = {
	.state_size = sizeof(struct hub_state),
	.move_size = sizeof(struct hub_move),
	.to = offsetof(struct hub_move, to),
	.moves_max = HUB_MOVES_MAX,
	.start = start,
	.moves = all_moves,
	.violation = hub_violation,
};
