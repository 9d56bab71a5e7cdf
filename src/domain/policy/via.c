/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/via.c - which routes via grants steer to a peer, or away from it (policy.md 4.13).
 *
 * Everything depends on viewer and peer, so nothing is looked up that the snapshot has not: a
 * source is a bit, a destination a seek, and the candidates of an election are those routers whose
 * own edges name the grant. Without a via grant the answer is there at once.
 */
#include "domain/policy/core.h"
#include "domain/policy/route.h"

struct steering {
	const struct fl_policy *p;
	uint32_t viewer, peer;
	const struct fl_policy_facts *facts; /* of the peer */
	struct fl_steer *out;
};

/* ---- sources and destinations ---- */

/* Not the side of the sources: with a wildcard that also holds what is inside served subnets. */
static bool applies(const struct steering *s, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		if (fl_bit(fl_policy_alias(s->p, &r->src.at[i])->inside, s->viewer))
			return true;
	}
	return false;
}

static bool is_internet(const struct fl_alias *a)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == FL_AUTOGROUP_INTERNET;
}

static bool has_internet(const struct fl_rule *r)
{
	for (size_t i = 0; i < r->dst.len; i++) {
		if (is_internet(&r->dst.at[i]))
			return true;
	}
	return false;
}

/* The internet is no prefix here; autogroup:self has no addresses. */
static bool covers(const struct steering *s, const struct fl_rule *r, const struct fl_prefix *route)
{
	const struct fl_range range = fl_range_of(route);

	for (size_t i = 0; i < r->dst.len; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		if (!is_internet(a) && fl_ipset_overlaps(&fl_policy_alias(s->p, a)->ips, &range))
			return true;
	}
	return false;
}

/* ---- pass 1: to this peer, or away from it ---- */

static bool mark(const struct steering *s, const struct fl_rule *r)
{
	size_t n = fl_facts_routes(s->facts), exits = s->facts->exits_len;
	unsigned bit = fl_facts_carry(s->facts, &r->via) ? FL_STEER_INCLUDE : FL_STEER_EXCLUDE;
	bool any = false, internet = exits > 0 && has_internet(r);

	for (size_t i = 0; i < n; i++) {
		if (i < exits ? !internet : !covers(s, r, fl_facts_route(s->facts, i)))
			continue;
		s->out->at[i] |= (uint8_t)bit;
		any = true;
	}
	return any;
}

/* ---- pass 2: election among the routers of one grant ---- */

/* Who is up and healthy comes first, then who is up (lifecycle HA-9). */
static int rank(const struct fl_policy_facts *f)
{
	return !f->online ? 0 : !f->healthy ? 1 : 2;
}

static bool better(const struct fl_policy_facts *a, const struct fl_policy_facts *b)
{
	return rank(a) != rank(b) ? rank(a) > rank(b) : a->id < b->id;
}

static bool serves(const struct fl_policy_facts *f, const struct fl_prefix *route)
{
	for (size_t i = 0; i < f->subnets_len; i++) {
		if (fl_prefix_eq(&f->subnets[i], route))
			return true;
	}
	return false;
}

static bool has_edge(const struct fl_part *part, const struct fl_rule *r)
{
	for (size_t i = 0; i < part->len; i++) {
		if (part->edges[i].rule == r)
			return true;
	}
	return false;
}

/*
 * A router has an edge of every grant whose tag it carries and whose destination it serves. Groups
 * that the peer is not in do not count: a viewer under two grants would get the route from nobody.
 */
static bool is_beaten(const struct steering *s, const struct fl_rule *r,
		      const struct fl_prefix *route)
{
	const struct fl_core *c = s->p->core;

	if (!fl_facts_carry(s->facts, &r->via))
		return false;
	for (size_t i = 0; i < c->vias_len; i++) {
		const struct fl_policy_facts *f = s->p->nodes[c->vias[i]->owner];
		if (better(f, s->facts) && has_edge(c->vias[i], r) && serves(f, route))
			return true;
	}
	return false;
}

/* Exit routes are not elected: a viewer may choose among exit nodes. */
static void elect(const struct steering *s, const struct fl_rule *r)
{
	size_t n = fl_facts_routes(s->facts);

	for (size_t i = s->facts->exits_len; i < n; i++) {
		const struct fl_prefix *route = fl_facts_route(s->facts, i);
		if ((s->out->at[i] & FL_STEER_INCLUDE) == 0 || !covers(s, r, route) ||
		    !is_beaten(s, r, route))
			continue;
		s->out->at[i] = FL_STEER_EXCLUDE;
	}
}

/* ---- pass 3: what rules without via cover ---- */

/* Exit routes stay: any destination lies under them, so any rule would undo a grant (H-004). */
static bool relieve(const struct steering *s, const struct fl_rule *r)
{
	size_t n = fl_facts_routes(s->facts);
	bool left = false;

	for (size_t i = s->facts->exits_len; i < n; i++) {
		unsigned is = s->out->at[i];
		if (is == 0 || is == FL_STEER_PRIMARY ||
		    is == (FL_STEER_INCLUDE | FL_STEER_PRIMARY))
			continue;
		if (covers(s, r, fl_facts_route(s->facts, i))) {
			is &= ~(unsigned)FL_STEER_EXCLUDE;
			if ((is & FL_STEER_INCLUDE) != 0)
				is |= FL_STEER_PRIMARY;
			s->out->at[i] = (uint8_t)is;
		} else {
			left = true;
		}
	}
	return left;
}

/* Shared edges are the rules without via, in order; ports and capabilities have one each. */
static void relieve_all(const struct steering *s)
{
	const struct fl_rule *last = NULL;
	bool left = true;

	for (size_t i = 0; i < s->p->edges_len && left; i++) {
		const struct fl_policy_edge *e = &s->p->edges[i];
		if (e->kind == FL_EDGE_COMPANION || e->rule == NULL || e->rule == last ||
		    !fl_bit(e->src->inside, s->viewer) || !applies(s, e->rule))
			continue;
		left = relieve(s, e->rule);
		last = e->rule;
	}
}

/* ---- all three ---- */

bool fl_via_steer(const struct fl_policy *p, uint32_t viewer, uint32_t peer, struct fl_steer *out)
{
	const struct fl_plan *plan = p->core->plan;
	struct steering s = { p, viewer, peer, p->nodes[peer], out };
	bool any = false;

	if (plan->vias_len == 0)
		return false;
	memset(out->at, 0, fl_facts_routes(s.facts));
	for (size_t i = 0; i < plan->vias_len; i++) {
		const struct fl_rule *r = &plan->doc->rules[plan->vias[i]];
		if (applies(&s, r) && mark(&s, r))
			any = true;
	}
	if (!any)
		return false;
	for (size_t i = 0; i < plan->vias_len; i++) {
		const struct fl_rule *r = &plan->doc->rules[plan->vias[i]];
		if (applies(&s, r))
			elect(&s, r);
	}
	relieve_all(&s);
	return true;
}
