/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/check_routers.c - who carries a subnet, and what probes make of routers, over time:
 * INV-41, and that health is what the world saw of it (HA-4, HA-5, HA-10), which INV-42 rests on.
 */
#include "memory.h"
#include "sim.h"

enum { SUBNETS = 5 };
#define INTERVAL   (10 * FL_SEC)
#define LIMIT      (5 * FL_SEC)
#define LOOK_AGAIN FL_SEC

/* A subnet at the last look. */
struct subnet {
	struct fl_prefix prefix;
	fl_node_id primary;
	bool healthy;    /* was the primary */
	uint64_t around; /* which candidates with which sessions */
	fl_time since;   /* these are the same; they all have one */
};

static struct subnet subnets[SUBNETS];
static fl_time looked;
static unsigned life; /* of the server: each knows nothing of the one before */

static bool is_candidate(const struct fl_core *core, const struct fl_node *n,
			 const struct fl_prefix *p)
{
	return n != NULL && n->approved_count > 0 && fl_core_online(core, n->id) && serves(n, p);
}

/* Gone and back within a tick leaves no trace between two looks. */
static bool stayed(const struct fl_core *core, fl_node_id id, const struct fl_prefix *p)
{
	return is_candidate(core, fl_state_node(core->state, id), p) &&
	       facts_of(id)->opened_at < looked;
}

static void check_move(const struct fl_core *core, struct subnet *s)
{
	fl_node_id was = s->primary, now = fl_primaries_of(core->primaries, &s->prefix);
	bool healthy = fl_primaries_healthy(core->primaries, now);

	/* One that could not be entered for want of memory carries nothing for a while. */
	bool known = !core->primaries_stale && !sim_memory_failed(FL_SEC);

	if (now != was && was != 0 && known && stayed(core, was, &s->prefix)) {
		if (now == 0 || !healthy)
			violation("INV-41",
				  "node %" PRIu64 " loses a subnet to %" PRIu64
				  ", which is no better",
				  was, now);
		if (s->healthy && fl_primaries_healthy(core->primaries, was))
			violation("INV-41",
				  "node %" PRIu64 " is a healthy candidate and loses a subnet "
				  "to %" PRIu64,
				  was, now);
	}
	s->primary = now;
	s->healthy = healthy;
}

/* ---- health ---- */

/* Is something on its way to the node that has not left? It may be a probe. */
static bool has_queue(const struct exch *e)
{
	return e->x.pending > 0 || e->conn->pump_due;
}

static void check_health(const struct fl_core *core, fl_node_id id)
{
	struct node_facts *f = facts_of(id);
	bool unhealthy = !fl_primaries_healthy(core->primaries, id);
	const struct fl_session *s = fl_session_ready(sim.server.control, id);
	const struct exch *e = s != NULL ? exch_of(s->x) : NULL;

	if (unhealthy && !f->unhealthy && e != NULL &&
	    sim_clock.now - e->opened_at < INTERVAL + LIMIT)
		violation("INV-41", "node %" PRIu64 " is unhealthy %.3f s after it came", id,
			  (double)(sim_clock.now - e->opened_at) / 1e9);
	if (unhealthy && f->answered && e != NULL && !has_queue(e) &&
	    (!f->unhealthy || sim_clock.now - f->probed_at > LIMIT + FL_SEC))
		violation("INV-41", "node %" PRIu64 " answers probes and is unhealthy", id);
	f->unhealthy = unhealthy;
}

/* HA-10: one that does not answer is noticed, if the others have a result too. */
static void check_silence(const struct fl_core *core, const struct subnet *s, fl_node_id id)
{
	const struct node_facts *f = facts_of(id);
	fl_time heard = f->answered_at > s->since ? f->answered_at : s->since;

	if (sim_clock.now - heard > 2 * INTERVAL + LIMIT + FL_SEC &&
	    !sim_memory_failed(2 * INTERVAL + LIMIT) && fl_primaries_healthy(core->primaries, id))
		violation("INV-42", "node %" PRIu64 " has answered no probe for %.1f s", id,
			  (double)(sim_clock.now - heard) / 1e9);
}

static void check_subnet(const struct fl_core *core, struct subnet *s)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(core->state, &nodes), candidates = 0;
	uint64_t around = 1;
	bool reachable = true;

	for (size_t i = 0; i < count; i++) {
		if (!is_candidate(core, nodes[i], &s->prefix))
			continue;
		const struct fl_session *at = fl_session_ready(sim.server.control, nodes[i]->id);
		const uint64_t who[2] = { nodes[i]->id, at != NULL ? at->conn.gen : 0 };
		around = scan_hash(around, fl_slice_of((const uint8_t *)who, sizeof who));
		reachable = reachable && at != NULL;
		candidates++;
	}
	if (around != s->around || !reachable || candidates < 2)
		s->since = sim_clock.now;
	s->around = around;
	check_move(core, s);
	for (size_t i = 0; i < count; i++) {
		if (!is_candidate(core, nodes[i], &s->prefix))
			continue;
		check_health(core, nodes[i]->id);
		check_silence(core, s, nodes[i]->id);
	}
}

static void begin_life(void)
{
	for (unsigned i = 0; i < SUBNETS; i++)
		subnets[i] = (struct subnet){
			.prefix = { fl_ip_v4(10, (uint8_t)(i + 1), 0, 0), 16 },
			.since = sim_clock.now,
		};
	life = sim.server.starts;
}

/* Thousands are not looked at often enough to know what happened in between. */
void check_routers(const struct fl_core *core)
{
	const struct fl_control_stats *t = &sim.server.control->stats;
	const uint64_t facts[] = { core->stats.commits,
				   core->stats.failovers,
				   core->stats.outages,
				   fl_primaries_unhealthy(core->primaries),
				   t->sessions_opened,
				   t->sessions,
				   fl_registry_online(core->sessions) };
	uint64_t now = scan_hash(1, fl_slice_of((const uint8_t *)facts, sizeof facts));
	static uint64_t marks;

	if (sim.plan.size == PLAN_THOUSANDS)
		return;
	if (life != sim.server.starts)
		begin_life();
	if (now == marks && sim_clock.now - looked < LOOK_AGAIN)
		return;
	marks = now;
	for (unsigned i = 0; i < SUBNETS; i++)
		check_subnet(core, &subnets[i]);
	looked = sim_clock.now;
}
