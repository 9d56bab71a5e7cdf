/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/routing.c - who carries which subnet follows what a tick brought: presence,
 * served routes, health. What moves becomes a change of the same tick, so that filters, peers and
 * maps all follow from one assignment.
 *
 * Source: docs/lifecycle.md HA-1 to HA-3, HA-7, HA-11.
 */
#include "services/control/core.h"

#include "base/log.h"

static bool concerns(const struct fl_change *ch)
{
	switch (ch->kind) {
	case FL_CHANGE_NODE_ADDED:
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_NODE_REMOVED:
	case FL_CHANGE_ROUTES:
		return true;
	case FL_CHANGE_NODE_PATCHED:
		return (ch->fields & FL_PATCH_ONLINE) != 0;
	case FL_CHANGE_NODE_EXPIRED:
	case FL_CHANGE_USER:
	case FL_CHANGE_HEALTH:
	case FL_CHANGE_POLICY:
		break;
	}
	return false;
}

/* Out of memory: it carries nothing until all are put again. */
static void put(struct fl_core *c, fl_node_id id)
{
	struct fl_prefix served[FL_NODE_ROUTES_MAX];
	const struct fl_node *n = fl_state_node(c->state, id);
	size_t count = n != NULL ? fl_state_served(c->state, n, served) : 0;

	if (fl_primaries_put(c->primaries, id, fl_core_online(c, id), served, count) != FL_OK)
		c->primaries_stale = true;
}

static void drop_deleted(struct fl_core *c)
{
	fl_node_id id;

	for (size_t at = 0; (id = fl_primaries_next(c->primaries, &at)) != 0;) {
		if (fl_state_node(c->state, id) != NULL)
			continue;
		fl_primaries_remove(c->primaries, id);
		at = 0; /* a walk does not survive a change */
	}
}

static void put_all(struct fl_core *c)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(c->state, &nodes);

	c->primaries_stale = false;
	drop_deleted(c);
	for (size_t i = 0; i < count; i++)
		put(c, nodes[i]->id);
}

static void tell(struct fl_core *c, fl_node_id id)
{
	const struct fl_change change = { .kind = FL_CHANGE_ROUTES, .id = id };

	if (fl_state_node(c->state, id) != NULL)
		fl_core_announce(c, &change);
}

static void moved(void *ctx, const struct fl_prefix *prefix, uint64_t from, uint64_t to)
{
	struct fl_core *c = ctx;
	char text[FL_PREFIX_TEXT_MAX];

	tell(c, from);
	tell(c, to);
	if (from == 0)
		return;
	fl_prefix_format(prefix, text);
	c->stats.failovers += to != 0;
	c->stats.outages += to == 0;
	if (to != 0)
		fl_log_info("another router carries a subnet", FL_LS("route", text),
			    FL_LU("from.node.id", from), FL_LU("node.id", to));
	else
		fl_log_info("nobody carries a subnet any more", FL_LS("route", text),
			    FL_LU("from.node.id", from));
}

void fl_core_route(struct fl_core *c)
{
	size_t count = c->runtime_count;

	if (c->primaries_stale || c->runtime_lost)
		put_all(c);
	else
		for (size_t i = 0; i < count; i++)
			if (concerns(&c->runtime[i]))
				put(c, c->runtime[i].id);
	fl_primaries_settle(c->primaries, moved, c);
}

bool fl_core_health(struct fl_core *c, fl_node_id node, bool healthy)
{
	const struct fl_change change = { .kind = FL_CHANGE_HEALTH, .id = node };

	if (!fl_primaries_mark(c->primaries, node, healthy))
		return false;
	fl_core_announce(c, &change);
	return true;
}
