/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/check_map.c - what a client has folded is what a map made now says. Looked at whenever
 * nothing is on its way to the client, so a change that was lost shows at once: INV-24 where the
 * sets of peers differ, INV-21 where nothing was told since the client agreed, or since its first
 * map, else INV-23. And INV-43.
 */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

/* Its expiry has passed, and the scan that announces it has not come. */
static bool is_between_scans(void)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);
	fl_wall now = fl_loop_wall(sim.server.loop), told = sim.server.control->expiry_scanned;

	for (size_t i = 0; i < count; i++)
		if (nodes[i]->expiry > told && nodes[i]->expiry <= now)
			return true;
	return told > now;
}

static void check_routes_once(const struct client *c)
{
	const struct view *v = &c->view;
	uint64_t seen[256];
	size_t count = 0;

	for (size_t i = 0; i < v->peers_count; i++)
		for (size_t k = 0; k < v->peers[i]->routes_count; k++) {
			for (size_t j = 0; j < count; j++)
				if (seen[j] == v->peers[i]->routes[k])
					violation("INV-43",
						  "client %u has one subnet from two peers, one is "
						  "%" PRIu64,
						  c->index, v->peers[i]->id);
			if (count < 256)
				seen[count++] = v->peers[i]->routes[k];
		}
}

/* What was acknowledged on this connection is what the record says. */
static void check_told(const struct client *c, const struct fl_node *n)
{
	if (c->facts_acked != c->facts || c->other != NULL)
		return;
	if (n->endpoints_count == 0 || n->endpoints[0].at.port != c->port || n->cap != c->cap)
		violation("INV-05",
			  "client %u, node %" PRIu64
			  ": the server acknowledged port %u and version %u; "
			  "its record says %u and %u",
			  c->index, n->id, c->port, c->cap,
			  n->endpoints_count > 0 ? n->endpoints[0].at.port : 0, n->cap);
}

static bool is_comparable(const struct client *c)
{
	return client_is_clean(c) && sim.server.control->hold.count == 0 && c->poll->frames > 0 &&
	       c->view.frames == c->poll->frames && c->poll->node != 0;
}

static bool same_peers(const struct view *got, const struct view *want)
{
	if (got->peers_count != want->peers_count)
		return false;
	for (size_t i = 0; i < got->peers_count; i++)
		if (got->peers[i]->id != want->peers[i]->id)
			return false;
	return true;
}

static void check_agreement(struct client *c, const struct view *want)
{
	char text[256];
	const char *broken = "INV-23";

	if (!view_differs(&c->view, want, text, sizeof text)) {
		c->agreed = c->told;
		return;
	}
	if (!same_peers(&c->view, want))
		broken = "INV-24";
	else if (c->agreed == c->told || c->told == 1)
		broken = "INV-21";
	violation(broken, "client %u, node %" PRIu64 " believes something else: %s", c->index,
		  c->poll->node, text);
}

/* Changes that wait for others are on their way to everybody, but not for long. */
void check_held(void)
{
	const struct fl_hold *h = &sim.server.control->hold;

	if (h->count > 0 && sim_clock.now > h->since + FL_HOLD_LATE)
		violation("INV-21", "changes of %zu nodes have waited for %.0f ms", h->count,
			  (double)(sim_clock.now - h->since) / 1e6);
}

void check_map(struct client *c)
{
	static struct view want;

	if (!is_comparable(c) || is_between_scans())
		return;
	const struct fl_node *n = fl_state_node(sim.server.core.state, c->poll->node);
	if (n == NULL)
		return;
	sim.stats.maps_compared++;
	truth_of(n, &want);
	check_agreement(c, &want);
	check_routes_once(c);
	check_told(c, n);
}
