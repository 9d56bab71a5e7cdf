/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/routes.c - the routes that a viewer gets from a peer (policy.md 4.12).
 *
 * Asked for every pair when maps are built: a peer without routes costs one look. For the others a
 * route is offered when some rule leads from the viewer to it, or from it to the viewer. Which
 * rules concern the viewer is known from its class, so the others are never looked at.
 */
#include "domain/policy/core.h"
#include "domain/policy/route.h"

#include <stdlib.h>

/* ---- does a rule hold the route? ---- */

static bool leads(const struct fl_policy *p, const uint32_t *sides, size_t n,
		  const struct fl_range *route)
{
	for (size_t i = 0; i < n; i++) {
		if (fl_ipset_overlaps(&p->core->sides[sides[i]]->ips, route))
			return true;
	}
	return false;
}

/* An exit node stands for the internet as a destination: the way back (policy.md 12 D6). */
static bool leads_back(const struct fl_policy *p, const struct fl_range *route)
{
	const struct fl_plan *plan = p->core->plan;

	for (size_t i = 0; i < plan->sides_len; i++) {
		const struct fl_side *s = &plan->sides[i];
		if (p->core->sides[i]->internet && leads(p, plan->in + s->in, s->in_len, route))
			return true;
	}
	return false;
}

static bool ok_shared(const struct fl_policy *p, uint32_t viewer, const struct fl_range *route)
{
	const struct fl_plan *plan = p->core->plan;
	const struct fl_class *k = p->core->classes[p->core->class_of[viewer]];

	for (size_t i = 0; i < k->len; i++) {
		const struct fl_side *s = &plan->sides[k->sides[i]];
		if (leads(p, plan->out + s->out, s->out_len, route) ||
		    leads(p, plan->in + s->in, s->in_len, route))
			return true;
	}
	return k->exit && leads_back(p, route);
}

static bool holds(const struct fl_policy_set *s, uint32_t slot)
{
	return fl_bit(s->inside, slot) || fl_bit(s->behind, slot);
}

static bool ok_part(const struct fl_policy *p, const struct fl_part *part, uint32_t viewer,
		    const struct fl_range *route)
{
	for (size_t i = 0; part != NULL && i < part->len; i++) {
		const struct fl_policy_edge *e = &part->edges[i];
		if (e->scope == FL_EDGE_VIA && e->kind == FL_EDGE_APP)
			continue; /* only visibility (D5): no rule, so no routes */
		if (holds(e->src, viewer) && fl_ipset_overlaps(&e->dst->ips, route))
			return true;
		if ((holds(e->dst, viewer) || (e->dst->internet && fl_bit(p->exits, viewer))) &&
		    fl_ipset_overlaps(&e->src->ips, route))
			return true;
	}
	return false;
}

static bool ok(const struct fl_policy *p, uint32_t viewer, const struct fl_prefix *route)
{
	const struct fl_core *c = p->core;
	const struct fl_range range = fl_range_of(route);
	uint64_t user = p->nodes[viewer]->user;

	return ok_shared(p, viewer, &range) ||
	       (user != 0 &&
		ok_part(p, fl_part_find(c->selfs, c->selfs_len, user), viewer, &range)) ||
	       ok_part(p, fl_part_find(c->vias, c->vias_len, viewer), viewer, &range);
}

/* ---- lists ---- */

struct list {
	struct fl_prefix *at;
	size_t len;
};

static void add(struct list *l, const struct fl_prefix *route)
{
	if (l->len < FL_POLICY_ROUTES_MAX)
		l->at[l->len++] = *route;
}

static int compare(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static void sort_unique(struct list *l)
{
	size_t kept = 0;

	if (l->len > 1)
		qsort(l->at, l->len, sizeof *l->at, compare);
	for (size_t i = 0; i < l->len; i++) {
		if (kept == 0 || !fl_prefix_eq(&l->at[kept - 1], &l->at[i]))
			l->at[kept++] = l->at[i];
	}
	l->len = kept;
}

/* Is it in a list? `hint` is where the last one was: lists mostly have one order. */
static bool listed(const struct fl_prefix *at, size_t n, const struct fl_prefix *route,
		   size_t *hint)
{
	for (size_t i = 0; i < n; i++) {
		size_t k = (*hint + i) % n;
		if (!fl_prefix_eq(&at[k], route))
			continue;
		*hint = k + 1;
		return true;
	}
	return false;
}

/* ---- whose routes ---- */

/* Routers of one subnet know each other's, to take over (policy.md 4.12 step 3). */
static bool shares(const struct fl_policy *p, uint32_t viewer, const struct fl_prefix *route)
{
	const struct fl_policy_facts *f = p->nodes[viewer];
	size_t hint = 0;

	return listed(f->subnets, f->subnets_len, route, &hint);
}

static void plain(const struct fl_policy *p, uint32_t viewer, const struct fl_policy_facts *peer,
		  struct list *l)
{
	for (size_t i = 0; i < peer->exits_len; i++) {
		if (ok(p, viewer, &peer->exits[i]))
			add(l, &peer->exits[i]);
	}
	for (size_t i = 0; i < peer->primary_len; i++) {
		if (ok(p, viewer, &peer->primary[i]) || shares(p, viewer, &peer->primary[i]))
			add(l, &peer->primary[i]);
	}
}

static void steered(const struct fl_policy *p, uint32_t viewer, const struct fl_policy_facts *peer,
		    const struct fl_steer *steer, struct list *l)
{
	size_t n = fl_facts_routes(peer), hint = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fl_prefix *route = fl_facts_route(peer, i);
		unsigned is = steer->at[i];
		bool exit = i < peer->exits_len;
		bool primary = !exit && listed(peer->primary, peer->primary_len, route, &hint);
		bool given =
			(is & FL_STEER_INCLUDE) != 0 && (primary || (is & FL_STEER_PRIMARY) == 0);
		bool usual = (exit || primary) && (is & FL_STEER_EXCLUDE) == 0;
		if (given || (usual && ok(p, viewer, route)) ||
		    (primary && shares(p, viewer, route)))
			add(l, route);
	}
}

/* Its own: all that it serves, whatever the rules and elections say. */
static void own(const struct fl_policy_facts *f, struct list *l)
{
	for (size_t i = 0; i < fl_facts_routes(f); i++)
		add(l, fl_facts_route(f, i));
}

size_t fl_policy_routes(const struct fl_policy *p, uint64_t viewer, uint64_t peer,
			struct fl_prefix *out)
{
	struct list l = { .at = out };
	uint32_t y = fl_policy_slot(p, peer), x;
	struct fl_steer steer;

	if (y == FL_SLOT_NONE || fl_facts_routes(p->nodes[y]) == 0)
		return 0;
	x = fl_policy_slot(p, viewer);
	if (x == FL_SLOT_NONE)
		return 0;
	if (x == y)
		own(p->nodes[y], &l);
	else if (fl_via_steer(p, x, y, &steer))
		steered(p, x, p->nodes[y], &steer, &l);
	else
		plain(p, x, p->nodes[y], &l);
	sort_unique(&l);
	return l.len;
}
