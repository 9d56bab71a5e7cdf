/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/check_life.c - routes, idle ephemeral nodes, bounds: INV-40, INV-42, INV-44, INV-50,
 * INV-53, INV-56.
 */
#include "sim.h"

#define WATCHED_AGAIN (2 * FL_MIN) /* the reconciler, and one failed deletion */
enum { SESSIONS_OF_A_NODE = 64, PREFIXES = 32 };

static bool has(const struct fl_prefix *list, size_t count, const struct fl_prefix *p)
{
	for (size_t i = 0; i < count; i++)
		if (fl_prefix_eq(&list[i], p))
			return true;
	return false;
}

bool serves(const struct fl_node *n, const struct fl_prefix *p)
{
	return has(n->hostinfo->routes, n->hostinfo->routes_count, p) &&
	       has(n->approved, n->approved_count, p);
}

static void check_served(const struct fl_state *s, const struct fl_node *n)
{
	struct fl_prefix served[FL_NODE_ROUTES_MAX];
	size_t count = fl_state_served(s, n, served), want = 0;

	for (size_t i = 0; i < n->approved_count; i++)
		want += serves(n, &n->approved[i]);
	for (size_t i = 0; i < count; i++)
		if (!serves(n, &served[i]))
			violation("INV-44",
				  "node %" PRIu64 " serves what is not announced and approved",
				  n->id);
	if (count != want)
		violation("INV-44", "node %" PRIu64 " serves %zu routes instead of %zu", n->id,
			  count, want);
}

/* INV-40, INV-42, by the plain definition. */
static void check_primary(const struct fl_core *core, const struct fl_prefix *prefix)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(core->state, &nodes), candidates = 0, healthy = 0;
	fl_node_id id = fl_primaries_of(core->primaries, prefix);

	for (size_t i = 0; i < count; i++) {
		if (!fl_core_online(core, nodes[i]->id) || !serves(nodes[i], prefix))
			continue;
		candidates++;
		healthy += fl_primaries_healthy(core->primaries, nodes[i]->id);
	}
	const struct fl_node *p = fl_state_node(core->state, id);
	if (fl_prefix_is_exit(prefix)) {
		if (id != 0)
			violation("INV-40", "an exit route has a primary, node %" PRIu64, id);
		return;
	}
	if (id != 0 && (p == NULL || !serves(p, prefix) || !fl_core_online(core, id)))
		violation("INV-40", "node %" PRIu64 " is primary and cannot be", id);
	if (healthy > 0 && !core->primaries_stale &&
	    (id == 0 || !fl_primaries_healthy(core->primaries, id)))
		violation("INV-42",
			  "one of %zu routers is healthy, and node %" PRIu64 " is primary",
			  candidates, id);
}

void check_routes(const struct fl_core *core)
{
	struct fl_node *const *nodes;
	struct fl_prefix seen[PREFIXES];
	size_t count = fl_state_nodes(core->state, &nodes), seen_count = 0;

	for (size_t i = 0; i < count; i++) {
		const struct fl_node *n = nodes[i];
		if (n->approved_count > 0)
			check_served(core->state, n);
		for (size_t k = 0; k < n->approved_count; k++) {
			if (has(seen, seen_count, &n->approved[k]))
				continue;
			check_primary(core, &n->approved[k]);
			if (seen_count < PREFIXES)
				seen[seen_count++] = n->approved[k];
		}
	}
}

/* INV-50: an idle one goes in time; check_records.c sees that none goes too soon. */
void check_idle(const struct fl_state *s)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s, &nodes);
	static fl_time ill_at;

	if (sim.disk_ill)
		ill_at = sim_clock.now;
	for (size_t i = 0; i < count; i++) {
		if (!nodes[i]->ephemeral)
			continue;
		const struct node_facts *f = facts_of(nodes[i]->id);
		fl_time since = f->ended_at > f->since ? f->ended_at : f->since;
		if (f->live_at > since)
			since = f->live_at;
		if (ill_at > since)
			since = ill_at;
		if (f->known && f->live == 0 &&
		    sim_clock.now - since > sim.plan.ephemeral_timeout + WATCHED_AGAIN)
			violation("INV-50", "ephemeral node %" PRIu64 " is idle for %.1f s",
				  nodes[i]->id, (double)(sim_clock.now - since) / 1e9);
	}
}

/* INV-56, counted here: connections from one address whose machine had no node when it came. */
static void check_strangers(void)
{
	unsigned from[256] = { 0 };

	fl_list_each(it, &conns)
	{
		const struct conn *c = fl_list_entry(it, struct conn, link);
		if (c->server == NULL || !c->unknown)
			continue;
		if (++from[c->from.b[3]] > STRANGERS_PER_SOURCE)
			violation("INV-56", "%u connections of strangers from one address",
				  from[c->from.b[3]]);
	}
}

void check_bounds(void)
{
	const struct fl_control *c = sim.server.control;
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);

	if (c->pending.count > sim.plan.pending_max)
		violation("INV-53", "%zu registrations wait, %u may", c->pending.count,
			  sim.plan.pending_max);
	if (c->ephemerals.len > count)
		violation("INV-53", "%zu deletions are armed for %zu nodes", c->ephemerals.len,
			  count);
	check_strangers();
	if (c->noise.strangers.count > c->noise.count)
		violation("INV-56", "%zu strangers among %zu connections", c->noise.strangers.count,
			  c->noise.count);
	if (c->stats.sessions > (count + 1) * SESSIONS_OF_A_NODE)
		violation("INV-53", "%zu sessions of %zu nodes", c->stats.sessions, count);
}
