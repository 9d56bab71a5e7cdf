/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/check_sessions.c - presence: INV-10 to INV-13, INV-25, INV-51; records: INV-53. */
#include <stdlib.h>

#include "memory.h"
#include "sim.h"

#define GRACE         (10 * FL_SEC)
#define KEEPALIVE_MAX (59 * FL_SEC)
#define SWEPT_AFTER   (21 * FL_MIN) /* 15, up to 5 until the next sweep, and some */

static uint64_t look;     /* how many there were */
static fl_time forgot_at; /* when a node was last deleted: its sessions may still be leaving */

static void check_session(const struct fl_session *s)
{
	struct exch *e = exch_of(s->x);
	struct node_facts *f = facts_of(s->node);

	if (f->seen_at != look)
		violation("INV-51", "a session of node %" PRIu64 ", which is deleted", s->node);
	if (e->gen == 0) {
		if (s->conn.gen <= f->gen)
			violation("INV-12",
				  "node %" PRIu64 ": generation %" PRIu64 " after %" PRIu64,
				  s->node, s->conn.gen, f->gen);
		f->gen = e->gen = s->conn.gen;
		e->node = s->node;
		e->sent_at = e->opened_at = f->opened_at = sim_clock.now;
	}
	f->live++;
	f->live_at = sim_clock.now;
	if (!e->backlog && e->x.pending == 0 && !e->conn->w.half_open &&
	    sim_clock.now - e->sent_at > KEEPALIVE_MAX && !sim_memory_failed(2 * KEEPALIVE_MAX))
		violation("INV-25", "node %" PRIu64 " has heard nothing for %.1f s", s->node,
			  (double)(sim_clock.now - e->sent_at) / 1e9);
}

void check_session_ended(struct exch *e)
{
	if (e->node != 0)
		facts_of(e->node)->ended_at = sim_clock.now;
	else if (e->asker != 0)
		facts_of(e->asker)->unseen_at = sim_clock.now;
}

static size_t leaving(void)
{
	size_t n = 0;

	fl_list_each(it, &sim.server.control->leaving) n++;
	return n;
}

/* What is known of one that is offline goes in the end (BAT-10). */
static void check_swept(fl_node_id id)
{
	fl_time gone;

	if (fl_registry_gone_since(sim.server.core.sessions, &id, &gone) &&
	    sim_clock.now - gone > SWEPT_AFTER)
		violation("INV-53", "node %" PRIu64 " is offline for %.0f s and has a record", id,
			  (double)(sim_clock.now - gone) / 1e9);
}

static size_t check_node(fl_node_id id)
{
	const struct node_facts *f = facts_of(id);
	size_t held = fl_registry_live(sim.server.core.sessions, &id);
	bool online = held > 0; /* as fl_core_online has it */

	if (held < f->live)
		violation("INV-10", "node %" PRIu64 " holds %zu sessions and has %zu", id, held,
			  f->live);
	if (!online && f->live > 0)
		violation("INV-11", "node %" PRIu64 " is offline with %zu sessions", id, f->live);
	if (f->live > 0 || f->ended_at == 0)
		return held;
	int64_t away = sim_clock.now - f->ended_at;
	/*
	 * One that the server ended in this tick ends at its client with the next events; one that
	 * ended for lack of memory in the tick that began it was never seen. Among thousands others
	 * come and go between two looks.
	 */
	if (online && away > GRACE + FL_SEC && sim_clock.now - f->live_at > GRACE + FL_SEC &&
	    sim_clock.now - f->unseen_at > GRACE + FL_SEC && !sim_memory_failed(GRACE + FL_SEC))
		violation("INV-11", "node %" PRIu64 " is online %.3f s after its last session", id,
			  (double)away / 1e9);
	if (!online && away < GRACE && !f->gone && f->live_at >= f->since)
		violation("INV-13", "node %" PRIu64 " went offline %.3f s after its session", id,
			  (double)away / 1e9);
	return held;
}

void check_sessions(void)
{
	const struct fl_control *c = sim.server.control;
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes), held = 0, open = 0;
	static size_t count_before;

	look++;
	for (size_t i = 0; i < count; i++) {
		struct node_facts *f = facts_of(nodes[i]->id);
		f->live = 0;
		f->seen_at = look;
	}
	fl_list_each(it, &c->view.sessions)
	{
		check_session(fl_list_entry(it, struct fl_session, link));
		open++;
	}
	for (size_t i = 0; i < count; i++) {
		held += check_node(nodes[i]->id);
		check_swept(nodes[i]->id);
	}
	if (count < count_before)
		forgot_at = sim_clock.now;
	count_before = count;
	size_t acquired = open + leaving();
	if (held > acquired || (held < acquired && sim_clock.now - forgot_at > GRACE + FL_SEC))
		violation("INV-10", "%zu sessions are held, %zu open or leaving", held, acquired);
	if (open != c->stats.sessions)
		violation("INV-10", "%zu sessions are counted, %zu open", c->stats.sessions, open);
}
