/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/reach.c - who can reach a place, and what a node can reach.
 *
 * For a place each rule is judged as explain.c does it, once for each node among its sources: the
 * answers cannot differ from `why`. The router in front of a place depends on the source, so it is
 * found once a source. For a node the rules that have it as source are walked, and their
 * destinations are read from bits.
 */
#include "domain/policy/reach.h"

#include <stdlib.h>

#include "domain/policy/explain.h"

enum { ARENA_MAX = 256 << 20, UNASKED = UINT32_MAX - 1, TCP = 6 };

void fl_reaches_done(struct fl_reaches *r)
{
	free(r->at);
	fl_arena_done(&r->arena);
	*r = (struct fl_reaches){ 0 };
}

/* ---- collecting ---- */

struct collector {
	const struct fl_policy *p;
	struct fl_reaches *out;
	uint64_t *now, *all; /* bits of slots: of this entry, of all */
	struct fl_reach_route *routes;
	size_t routes_len, routes_cap;
	bool failed; /* out of memory; sticks */
};

static void collector_init(struct collector *c, const struct fl_policy *p, struct fl_reaches *out)
{
	*out = (struct fl_reaches){ .arena = fl_arena_make(ARENA_MAX) };
	*c = (struct collector){ .p = p,
				 .out = out,
				 .now = fl_bits_new(p->words + 1),
				 .all = fl_bits_new(p->words + 1) };
	c->failed = c->now == NULL || c->all == NULL;
}

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

/* The ids of the bits, ascending, at most `max` of them kept. */
static const uint64_t *ids_of(struct collector *c, const uint64_t *bits, size_t max,
			      size_t *out_shown, size_t *out_len)
{
	uint64_t *ids = calloc(c->p->nodes_len + 1, sizeof *ids), *kept = NULL;
	size_t n = 0;

	for (uint32_t w = 0; ids != NULL && w < c->p->words; w++) {
		for (uint64_t left = bits[w]; left != 0; left &= left - 1)
			ids[n++] = c->p->nodes[w * 64 + (uint32_t)__builtin_ctzll(left)]->id;
	}
	if (ids != NULL) {
		if (n > 1)
			qsort(ids, n, sizeof *ids, compare);
		*out_shown = n < max ? n : max;
		*out_len = n;
		kept = fl_arena_array(&c->out->arena, *out_shown + 1, sizeof *kept);
	}
	if (kept != NULL)
		memcpy(kept, ids, *out_shown * sizeof *kept);
	c->failed = c->failed || kept == NULL;
	free(ids);
	return kept;
}

static void add_route(struct collector *c, const struct fl_prefix *prefix, uint64_t router)
{
	if (c->routes_len == c->routes_cap) {
		size_t cap = c->routes_cap > 0 ? c->routes_cap * 2 : 16;
		struct fl_reach_route *routes = realloc(c->routes, cap * sizeof *routes);
		if (routes == NULL) {
			c->failed = true;
			return;
		}
		c->routes = routes;
		c->routes_cap = cap;
	}
	c->routes[c->routes_len++] = (struct fl_reach_route){ *prefix, router };
}

static bool keep_entry(struct collector *c, const struct fl_reach *e)
{
	struct fl_reaches *out = c->out;

	if (out->len == out->cap) {
		size_t cap = out->cap > 0 ? out->cap * 2 : 16;
		struct fl_reach *at = realloc(out->at, cap * sizeof *at);
		if (at == NULL)
			return false;
		out->at = at;
		out->cap = cap;
	}
	out->at[out->len++] = *e;
	return true;
}

/* Takes the bits of the entry over into those of all; were there any? */
static bool merge_bits(struct collector *c)
{
	uint64_t any = 0;

	for (uint32_t w = 0; w < c->p->words; w++) {
		any |= c->now[w];
		c->all[w] |= c->now[w];
		c->now[w] = 0;
	}
	return any != 0;
}

static bool fill_entry(struct collector *c, struct fl_reach *e)
{
	struct fl_reach_route *routes;

	e->nodes = ids_of(c, c->now, FL_REACH_SHOWN, &e->nodes_shown, &e->nodes_len);
	e->routes_len = c->routes_len;
	e->routes_shown = e->routes_len < FL_REACH_SHOWN ? e->routes_len : FL_REACH_SHOWN;
	e->routes = routes = fl_arena_array(&c->out->arena, e->routes_shown + 1, sizeof *routes);
	if (routes != NULL && e->routes_shown > 0)
		memcpy(routes, c->routes, e->routes_shown * sizeof *routes);
	return e->nodes != NULL && routes != NULL;
}

/* Ends an entry; nothing if nobody is in it. */
static void entry_end(struct collector *c, const struct fl_rule *rule, const struct fl_alias *src,
		      const struct fl_alias *dst)
{
	struct fl_reach e = { .rule = rule, .src = src, .dst = dst };
	bool full = c->out->len == FL_REACH_ENTRIES_MAX;

	if (c->failed || (!full && !fill_entry(c, &e))) {
		c->failed = true;
		return;
	}
	bool any = merge_bits(c) || c->routes_len > 0;
	c->routes_len = 0;
	if (!any)
		return;
	c->out->count++;
	c->failed = !full && !keep_entry(c, &e);
}

static enum fl_err collector_end(struct collector *c)
{
	size_t shown;

	if (!c->failed)
		c->out->nodes = ids_of(c, c->all, c->p->nodes_len, &shown, &c->out->nodes_len);
	free(c->now);
	free(c->all);
	free(c->routes);
	if (!c->failed)
		return FL_OK;
	fl_reaches_done(c->out);
	return FL_ERR_NOMEM;
}

static bool is_auto(const struct fl_alias *a, enum fl_autogroup g)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == g;
}

static bool allows_all(const struct fl_policy *p)
{
	return p->doc == NULL || p->doc->allow_all;
}

/* ---- who can ---- */

struct asker {
	struct collector c;
	struct fl_packet packet;
	bool direct;       /* some node has the address */
	uint32_t *routers; /* by slot of the source: the router's slot; UNASKED */
};

/* The packet as the node in this slot would send it, with its address of that family. */
static bool aim(struct asker *w, uint32_t slot)
{
	const struct fl_policy_facts *f = w->c.p->nodes[slot];
	struct fl_packet *q = &w->packet;

	q->src = q->dst.family == FL_IP_V4 ? f->ip4 : f->ip6;
	q->from = slot;
	if (!fl_ip_is_set(&q->src) || (w->direct && q->at == slot))
		return false;
	if (w->direct)
		return true;
	if (w->routers[slot] == UNASKED) {
		q->at = FL_SLOT_NONE;
		fl_packet_route(q);
		w->routers[slot] = q->at;
	}
	q->at = w->routers[slot];
	q->routed = q->at != FL_SLOT_NONE;
	q->node = q->routed ? w->c.p->nodes[q->at] : NULL;
	return q->routed && q->at != slot;
}

/* Could anybody get to the destination by this rule? Saves finding routers. */
static bool may_lead(const struct asker *w, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->dst.len; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		if (a->kind == FL_ALIAS_WILDCARD || is_auto(a, FL_AUTOGROUP_SELF) ||
		    fl_ipset_has(&fl_policy_alias(w->c.p, a)->ips, &w->packet.dst))
			return true;
	}
	return false;
}

/* One source of a rule. What another of its sources gives as well is told with the first. */
static void ask_alias(struct asker *w, const struct fl_rule *r, const struct fl_alias *src)
{
	const uint64_t *bits = fl_policy_alias(w->c.p, src)->inside;
	const struct fl_alias *dst = NULL;

	for (uint32_t i = 0; i < w->c.p->slots; i++) {
		bool maybe = src->kind == FL_ALIAS_WILDCARD || fl_bit(bits, i);
		if (!maybe || w->c.p->nodes[i] == NULL || !aim(w, i))
			continue;
		struct fl_judged j = fl_packet_judge(&w->packet, r);
		if (j.stage != FL_STAGE_ALLOWED || j.src != src)
			continue;
		dst = j.dst;
		fl_bit_set(w->c.now, i);
	}
	if (dst != NULL)
		entry_end(&w->c, r, src, dst);
}

static void ask_all(struct asker *w)
{
	for (uint32_t i = 0; i < w->c.p->slots; i++) {
		if (w->c.p->nodes[i] != NULL && aim(w, i) &&
		    fl_packet_judge_all(&w->packet) == FL_STAGE_ALLOWED)
			fl_bit_set(w->c.now, i);
	}
	entry_end(&w->c, NULL, NULL, NULL);
}

enum fl_err fl_policy_who_can(const struct fl_policy *p, const struct fl_policy_query *q,
			      struct fl_reaches *out)
{
	struct asker w = { .packet = {
				   .p = p,
				   .dst = q->dst,
				   .proto = q->proto != 0 ? q->proto : TCP,
				   .port = q->port,
				   .any_port = q->any_port,
				   .any_traffic = q->any_port && q->proto == 0,
			   } };

	collector_init(&w.c, p, out);
	w.routers = fl_arena_array(&out->arena, p->slots + 1, sizeof *w.routers);
	w.c.failed = w.c.failed || w.routers == NULL;
	for (uint32_t i = 0; !w.c.failed && i < p->slots; i++)
		w.routers[i] = UNASKED;
	fl_packet_place(&w.packet);
	w.direct = w.packet.at != FL_SLOT_NONE;
	if (allows_all(p) && !w.c.failed)
		ask_all(&w);
	for (size_t i = 0; !allows_all(p) && i < p->doc->rules_len; i++) {
		const struct fl_rule *r = &p->doc->rules[i];
		if (!fl_rule_counts(r) || !may_lead(&w, r))
			continue;
		for (size_t k = 0; k < r->src.len && !w.c.failed; k++)
			ask_alias(&w, r, &r->src.at[k]);
	}
	return collector_end(&w.c);
}

/* ---- can ---- */

struct walker {
	struct collector c;
	uint32_t from;
	const struct fl_policy_facts *self;
	bool src4, src6; /* which of its addresses the rule has as source */
	const uint64_t *peers;
};

static bool has_source(struct walker *w, const struct fl_rule *r, const struct fl_ip *ip,
		       const struct fl_alias **out)
{
	const struct fl_packet q = { .p = w->c.p, .src = *ip, .from = w->from };
	const struct fl_alias *a = fl_ip_is_set(ip) ? fl_packet_source(&q, r) : NULL;

	*out = *out != NULL ? *out : a;
	return a != NULL;
}

/* With an address of the same family on both sides. */
static bool reaches(const struct walker *w, const struct fl_policy_facts *f,
		    const struct fl_ipset *ips)
{
	bool to4 = w->src4 && fl_ip_is_set(&f->ip4) && (ips == NULL || fl_ipset_has(ips, &f->ip4));
	bool to6 = w->src6 && fl_ip_is_set(&f->ip6) && (ips == NULL || fl_ipset_has(ips, &f->ip6));
	return to4 || to6;
}

static bool overlaps(const struct fl_ipset *ips, const struct fl_prefix *prefix)
{
	const struct fl_range r = fl_range_of(prefix);
	return ips == NULL || fl_ipset_overlaps(ips, &r);
}

/* Does an exit node let some of it through? Not what reaches beyond the internet (4.10). */
static bool exits_for(const struct fl_alias *a, const struct fl_policy_set *s, bool via)
{
	if (is_auto(a, FL_AUTOGROUP_INTERNET))
		return true;
	return !via && (a->kind == FL_ALIAS_WILDCARD || s->outside);
}

/* The routes of a router that this destination opens. `ips` NULL: every address. */
static void add_routes(struct walker *w, const struct fl_policy_facts *f,
		       const struct fl_ipset *ips, bool exits)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	size_t n = fl_policy_routes(w->c.p, w->self->id, f->id, routes);

	for (size_t i = 0; i < n; i++) {
		bool family = routes[i].ip.family == FL_IP_V4 ? w->src4 : w->src6;
		bool open = fl_prefix_is_exit(&routes[i]) ? exits : overlaps(ips, &routes[i]);
		if (family && open)
			add_route(&w->c, &routes[i], f->id);
	}
}

static bool is_peer(const struct walker *w, uint32_t slot)
{
	return slot != w->from && fl_policy_sees(w->c.p, w->self->id, w->c.p->nodes[slot]->id);
}

static void walk_alias(struct walker *w, const struct fl_rule *r, const struct fl_alias *a)
{
	const struct fl_policy *p = w->c.p;
	const struct fl_policy_set *s = r != NULL ? fl_policy_alias(p, a) : NULL;
	bool via = r != NULL && r->via.len > 0;
	bool wild = r == NULL || (a->kind == FL_ALIAS_WILDCARD && !via);
	const struct fl_ipset *ips = wild ? NULL : &s->ips;

	for (uint32_t i = 0; !via && i < p->slots; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f != NULL && i != w->from && (wild || fl_bit(s->inside, i)) &&
		    reaches(w, f, ips))
			fl_bit_set(w->c.now, i);
	}
	for (uint32_t word = 0; word < p->words; word++) {
		for (uint64_t left = p->routers[word] | p->exits[word]; left != 0;
		     left &= left - 1) {
			uint32_t slot = word * 64 + (uint32_t)__builtin_ctzll(left);
			const struct fl_policy_facts *f = p->nodes[slot];
			if (is_peer(w, slot) && (!via || fl_facts_carry(f, &r->via)))
				add_routes(w, f, ips, r == NULL || exits_for(a, s, via));
		}
	}
}

static void walk_self(struct walker *w, const struct fl_rule *r, const struct fl_alias *a)
{
	const struct fl_policy *p = w->c.p;
	const struct fl_packet q = { .p = p, .from = w->from };
	const struct fl_alias *src = fl_packet_device(&q, r);

	if (src == NULL || w->self->user == 0)
		return;
	for (uint32_t i = 0; i < p->slots; i++) {
		if (p->nodes[i] != NULL && i != w->from && p->nodes[i]->user == w->self->user)
			fl_bit_set(w->c.now, i);
	}
	entry_end(&w->c, r, src, a);
}

static void walk_rule(struct walker *w, const struct fl_rule *r)
{
	const struct fl_alias *src = NULL;

	w->src4 = has_source(w, r, &w->self->ip4, &src);
	w->src6 = has_source(w, r, &w->self->ip6, &src);
	for (size_t i = 0; i < r->dst.len && !w->c.failed; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		if (is_auto(a, FL_AUTOGROUP_SELF) && r->via.len == 0) {
			walk_self(w, r, a);
		} else if (src != NULL && !is_auto(a, FL_AUTOGROUP_SELF)) {
			walk_alias(w, r, a);
			entry_end(&w->c, r, src, a);
		}
	}
}

static bool is_allowed(const struct walker *w, const struct fl_ip *ip)
{
	const struct fl_packet q = {
		.p = w->c.p, .src = *ip, .any_traffic = true, .node = w->self
	};
	return fl_ip_is_set(ip) && fl_packet_judge_all(&q) == FL_STAGE_ALLOWED;
}

enum fl_err fl_policy_can(const struct fl_policy *p, uint64_t node, struct fl_reaches *out)
{
	struct walker w = { .from = fl_policy_slot(p, node) };

	if (w.from == FL_SLOT_NONE)
		return FL_ERR_NOT_FOUND;
	collector_init(&w.c, p, out);
	w.self = p->nodes[w.from];
	if (allows_all(p)) {
		w.src4 = is_allowed(&w, &w.self->ip4);
		w.src6 = is_allowed(&w, &w.self->ip6);
		if (!w.c.failed) {
			walk_alias(&w, NULL, NULL);
			entry_end(&w.c, NULL, NULL, NULL);
		}
	}
	for (size_t i = 0; !allows_all(p) && i < p->doc->rules_len && !w.c.failed; i++) {
		if (fl_rule_counts(&p->doc->rules[i]))
			walk_rule(&w, &p->doc->rules[i]);
	}
	return collector_end(&w.c);
}
