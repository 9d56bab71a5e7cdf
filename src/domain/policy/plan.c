/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/plan.c - the rules of a document as lines, edges and sides, before any node.
 *
 * Lists of aliases that mean the same are one side. Lines stand in the order in which rules come
 * out (policy.md 4.3): per rule its ports, its capabilities, their companions, then the same for
 * autogroup:self. Rules with via have lines of their own kind and no shared edge.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

#include "base/map.h"

enum { PLAN_MAX = 1 << 30 };

enum flavour { FLAVOUR_SOURCE, FLAVOUR_PORTS, FLAVOUR_UNION };

struct builder {
	struct fl_plan *plan;
	struct fl_map sides, sources; /* by key text; the index + 1 */
	size_t sides_cap, sources_cap, lines_cap, edges_cap, selfs_cap, vias_cap;
	uint32_t rule;
	enum fl_err err; /* sticks */
};

static const struct fl_ports every_port = { 0, UINT16_MAX };

static const struct {
	const char *name, *companion;
} companions[] = {
	/* policy.md 4.6, in this order */
	{ "tailscale.com/cap/drive", "tailscale.com/cap/drive-sharer" },
	{ "tailscale.com/cap/relay", "tailscale.com/cap/relay-target" },
};

static void *grown(struct builder *b, void *at, size_t len, size_t *cap, size_t size)
{
	if (b->err != FL_OK || len < *cap)
		return at;
	size_t more = *cap > 0 ? *cap * 2 : 16;
	void *fresh = realloc(at, more * size);
	if (fresh == NULL) {
		b->err = FL_ERR_NOMEM;
		return at;
	}
	*cap = more;
	return fresh;
}

/* ---- lists of aliases ---- */

static bool is_auto(const struct fl_alias *a, enum fl_autogroup g)
{
	return a->kind == FL_ALIAS_AUTOGROUP && a->autogroup == g;
}

static bool any_auto(const struct fl_aliases *list, enum fl_autogroup g)
{
	for (size_t i = 0; i < list->len; i++) {
		if (is_auto(&list->at[i], g))
			return true;
	}
	return false;
}

static bool any_wild(const struct fl_aliases *list)
{
	for (size_t i = 0; i < list->len; i++) {
		if (list->at[i].kind == FL_ALIAS_WILDCARD)
			return true;
	}
	return false;
}

static size_t without_self(const struct fl_aliases *list)
{
	size_t n = 0;

	for (size_t i = 0; i < list->len; i++)
		n += !is_auto(&list->at[i], FL_AUTOGROUP_SELF);
	return n;
}

static int compare_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

/* The numbers of a list without `*` and autogroup:self, from the arena. */
static uint32_t *numbers(struct builder *b, const struct fl_aliases *list, size_t *out_len)
{
	uint32_t *at = fl_arena_array(&b->plan->arena, list->len, sizeof *at);
	size_t n = 0;

	*out_len = 0;
	if (at == NULL) {
		b->err = b->plan->arena.err;
		return NULL;
	}
	for (size_t i = 0; i < list->len; i++) {
		const struct fl_alias *a = &list->at[i];
		if (a->kind == FL_ALIAS_WILDCARD || is_auto(a, FL_AUTOGROUP_SELF) ||
		    a->number >= b->plan->who_len)
			continue;
		at[n++] = a->number;
	}
	*out_len = n;
	return at;
}

static size_t sort_unique(uint32_t *at, size_t n)
{
	size_t kept = 0;

	if (n > 1)
		qsort(at, n, sizeof *at, compare_u32);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || at[kept - 1] != at[i])
			at[kept++] = at[i];
	}
	return kept;
}

/* Finds the index of a kind and a list, or gives it `next`; *out_new tells which. */
static uint32_t intern(struct builder *b, struct fl_map *map, unsigned kind, const uint32_t *at,
		       size_t n, size_t next, bool *out_new)
{
	struct fl_buf text = fl_buf_make(PLAN_MAX);

	*out_new = false;
	fl_buf_printf(&text, "%u", kind);
	for (size_t i = 0; i < n; i++)
		fl_buf_printf(&text, ",%u", at[i]);
	char *key = fl_buf_err(&text) == FL_OK ? fl_arena_text(&b->plan->arena, fl_buf_slice(&text))
					       : NULL;
	fl_buf_done(&text);
	if (key == NULL) {
		b->err = FL_ERR_NOMEM;
		return 0;
	}
	uintptr_t found = (uintptr_t)fl_map_find(map, key);
	if (found != 0)
		return (uint32_t)(found - 1);
	b->err = fl_map_put(map, key, (void *)(uintptr_t)(next + 1));
	*out_new = b->err == FL_OK;
	return (uint32_t)next;
}

static uint32_t side_of(struct builder *b, const struct fl_aliases *list, enum flavour flavour)
{
	struct fl_plan *plan = b->plan;
	struct fl_side side = { .wild = any_wild(list) };
	bool fresh;

	if (side.wild && flavour == FLAVOUR_PORTS)
		side.kind = FL_SIDE_ALL;
	else if (side.wild && flavour == FLAVOUR_SOURCE)
		side.kind = FL_SIDE_ROUTES;
	if (side.kind != FL_SIDE_ALL)
		side.alias = numbers(b, list, &side.alias_len);
	plan->sides = grown(b, plan->sides, plan->sides_len, &b->sides_cap, sizeof side);
	if (b->err != FL_OK)
		return 0;
	side.alias_len = sort_unique(side.alias, side.alias_len);
	uint32_t at = intern(b, &b->sides, (unsigned)side.kind * 2 + side.wild, side.alias,
			     side.alias_len, plan->sides_len, &fresh);
	if (fresh)
		plan->sides[plan->sides_len++] = side;
	return at;
}

static uint32_t source_of(struct builder *b, const struct fl_aliases *list, enum fl_strings strings)
{
	struct fl_plan *plan = b->plan;
	struct fl_source_spec spec = { .strings = strings, .wild = any_wild(list) };
	bool fresh;

	spec.side = side_of(b, list, FLAVOUR_SOURCE);
	spec.alias = numbers(b, list, &spec.alias_len);
	if (any_auto(list, FL_AUTOGROUP_DANGER_ALL))
		spec.strings = FL_STRINGS_ANY;
	else if (strings == FL_STRINGS_BESIDE && !spec.wild)
		spec.strings = FL_STRINGS_UNION;
	plan->sources = grown(b, plan->sources, plan->sources_len, &b->sources_cap, sizeof spec);
	if (b->err != FL_OK)
		return 0;
	if (spec.strings != FL_STRINGS_CONCAT)
		spec.alias_len = sort_unique(spec.alias, spec.alias_len);
	uint32_t at = intern(b, &b->sources, (unsigned)spec.strings * 2 + spec.wild, spec.alias,
			     spec.alias_len, plan->sources_len, &fresh);
	if (fresh)
		plan->sources[plan->sources_len++] = spec;
	return at;
}

/* ---- lines and edges ---- */

static void add_line(struct builder *b, struct fl_line line)
{
	struct fl_plan *plan = b->plan;

	plan->lines = grown(b, plan->lines, plan->lines_len, &b->lines_cap, sizeof line);
	if (b->err != FL_OK)
		return;
	line.rule = b->rule;
	plan->lines[plan->lines_len++] = line;
}

/* Ports and capabilities of one rule have the same ends: one edge does for both. */
static bool repeats_last(const struct fl_plan *plan, const struct fl_plan_edge *edge)
{
	if (plan->edges_len == 0)
		return false;
	const struct fl_plan_edge *last = &plan->edges[plan->edges_len - 1];
	return last->rule == edge->rule && last->src == edge->src && last->dst == edge->dst;
}

static void add_edge(struct builder *b, enum fl_edge_kind kind, uint32_t src, uint32_t dst)
{
	struct fl_plan *plan = b->plan;

	plan->edges = grown(b, plan->edges, plan->edges_len, &b->edges_cap, sizeof *plan->edges);
	if (b->err != FL_OK)
		return;
	const struct fl_plan_edge edge = { .rule = b->rule, .src = src, .dst = dst, .kind = kind };
	if (!repeats_last(plan, &edge))
		plan->edges[plan->edges_len++] = edge;
}

static void add_index(struct builder *b, uint32_t **at, size_t *len, size_t *cap)
{
	*at = grown(b, *at, *len, cap, sizeof **at);
	if (b->err == FL_OK)
		(*at)[(*len)++] = b->rule;
}

static void add_port_lines(struct builder *b, const struct fl_rule *r, struct fl_line line)
{
	for (size_t i = 0; i < r->traffic_len; i++) {
		const struct fl_traffic *t = &r->traffic[i];
		line.ports = t->ports;
		line.ports_len = t->ports_len;
		line.proto = t->any_proto ? FL_PROTO_ANY : t->proto;
		add_line(b, line);
	}
}

static bool has_app(const struct fl_rule *r, const char *name)
{
	for (size_t i = 0; i < r->app_len; i++) {
		if (strcmp(r->app[i].name, name) == 0)
			return true;
	}
	return false;
}

static void add_companions(struct builder *b, const struct fl_rule *r, struct fl_line line)
{
	for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
		line.companion = companions[i].companion;
		if (has_app(r, companions[i].name))
			add_line(b, line);
	}
}

static bool has_companions(const struct fl_rule *r)
{
	return has_app(r, companions[0].name) || has_app(r, companions[1].name);
}

static void add_shared(struct builder *b, const struct fl_rule *r)
{
	uint32_t src = source_of(b, &r->src, FL_STRINGS_BESIDE);
	uint32_t from = side_of(b, &r->src, FLAVOUR_SOURCE);

	if (r->traffic_len > 0) {
		uint32_t to = side_of(b, &r->dst, FLAVOUR_PORTS);
		add_port_lines(
			b, r,
			(struct fl_line){
				.kind = FL_LINE_PORTS, .side = to, .source = src, .dst = &r->dst });
		add_edge(b, FL_EDGE_PORTS, from, to);
	}
	if (r->app_len == 0)
		return;
	uint32_t to = side_of(b, &r->dst, FLAVOUR_UNION);
	add_line(b, (struct fl_line){
			    .kind = FL_LINE_APP, .side = to, .source = src, .dst = &r->dst });
	add_edge(b, FL_EDGE_APP, from, to);
	if (!has_companions(r))
		return;
	uint32_t back = side_of(b, &r->src, FLAVOUR_UNION);
	add_companions(b, r,
		       (struct fl_line){ .kind = FL_LINE_COMPANION,
					 .side = back,
					 .source = source_of(b, &r->dst, FL_STRINGS_CONCAT),
					 .dst = &r->src });
	add_edge(b, FL_EDGE_COMPANION, side_of(b, &r->dst, FLAVOUR_SOURCE), back);
}

static void add_self(struct builder *b, const struct fl_rule *r, struct fl_rule_plan *rp)
{
	struct fl_line line = { .side = FL_NO_INDEX, .source = FL_NO_INDEX, .dst = &r->dst };

	rp->self_line = (uint32_t)b->plan->lines_len;
	rp->self_src = side_of(b, &r->src, FLAVOUR_UNION);
	line.kind = FL_LINE_SELF_PORTS;
	add_port_lines(b, r, line);
	line.kind = FL_LINE_SELF_APP;
	if (r->app_len > 0)
		add_line(b, line);
	line.kind = FL_LINE_SELF_COMPANION;
	add_companions(b, r, line);
	rp->self_lines = (uint32_t)b->plan->lines_len - rp->self_line;
	add_index(b, &b->plan->selfs, &b->plan->selfs_len, &b->selfs_cap);
}

/* Capabilities make no rule here (policy.md 4.8), but the router visible (12 D5). */
static void add_via(struct builder *b, const struct fl_rule *r, struct fl_rule_plan *rp)
{
	rp->via_line = (uint32_t)b->plan->lines_len;
	rp->via_src = side_of(b, &r->src, FLAVOUR_SOURCE);
	add_port_lines(b, r,
		       (struct fl_line){ .kind = FL_LINE_VIA_PORTS,
					 .side = FL_NO_INDEX,
					 .source = source_of(b, &r->src, FL_STRINGS_UNION),
					 .dst = &r->dst });
	rp->via_lines = (uint32_t)b->plan->lines_len - rp->via_line;
	add_index(b, &b->plan->vias, &b->plan->vias_len, &b->vias_cap);
}

static void add_rule(struct builder *b, const struct fl_rule *r, struct fl_rule_plan *rp)
{
	if (!r->src_listed || !r->dst_listed || any_auto(&r->src, FL_AUTOGROUP_SELF))
		return;
	if (r->via.len > 0) {
		add_via(b, r, rp);
		return;
	}
	if (without_self(&r->dst) > 0)
		add_shared(b, r);
	if (any_auto(&r->dst, FL_AUTOGROUP_SELF))
		add_self(b, r, rp);
}

/* No document: anybody. A document without rules: the wildcard to everything (policy.md 12 D1). */
static void add_allow_all(struct builder *b)
{
	static struct fl_alias wild = { .kind = FL_ALIAS_WILDCARD, .text = "*" };
	static const struct fl_aliases list = { .at = &wild, .len = 1 };
	uint32_t all = side_of(b, &list, FLAVOUR_PORTS);

	b->rule = FL_NO_INDEX;
	add_line(b, (struct fl_line){ .kind = FL_LINE_PORTS,
				      .ports = &every_port,
				      .ports_len = 1,
				      .proto = FL_PROTO_ANY,
				      .side = all,
				      .source = source_of(b, &list,
							  b->plan->doc == NULL ? FL_STRINGS_ANY
									       : FL_STRINGS_UNION),
				      .dst = &list });
	add_edge(b, FL_EDGE_PORTS, all, all);
}

/* ---- indexes ---- */

/* What edges and lines lead from a side, as neighbouring pairs of (side, other). */
static int compare_links(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static size_t sort_links(uint64_t *links, size_t n)
{
	size_t kept = 0;

	qsort(links, n, sizeof *links, compare_links);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || links[kept - 1] != links[i])
			links[kept++] = links[i];
	}
	return kept;
}

enum index { INDEX_OUT, INDEX_IN, INDEX_LINES };

static void count_link(struct fl_side *s, enum index which, uint32_t at)
{
	uint32_t *first = which == INDEX_OUT ? &s->out : which == INDEX_IN ? &s->in : &s->lines;
	uint32_t *len = which == INDEX_OUT  ? &s->out_len
			: which == INDEX_IN ? &s->in_len
					    : &s->lines_len;
	if ((*len)++ == 0)
		*first = at;
}

static size_t fill_links(const struct fl_plan *plan, enum index which, uint64_t *links)
{
	size_t n = 0;

	for (size_t i = 0; i < plan->edges_len && which != INDEX_LINES; i++) {
		const struct fl_plan_edge *e = &plan->edges[i];
		bool out = which == INDEX_OUT;
		links[n++] = (uint64_t)(out ? e->src : e->dst) << 32 | (out ? e->dst : e->src);
	}
	for (size_t i = 0; i < plan->lines_len && which == INDEX_LINES; i++) {
		if (plan->lines[i].side != FL_NO_INDEX)
			links[n++] = (uint64_t)plan->lines[i].side << 32 | i;
	}
	return n;
}

static uint32_t *index_sides(struct fl_plan *plan, enum index which)
{
	uint64_t *links = calloc(plan->edges_len + plan->lines_len + 1, sizeof *links);
	uint32_t *at = NULL;

	if (links == NULL)
		return NULL;
	size_t n = sort_links(links, fill_links(plan, which, links));
	at = fl_arena_array(&plan->arena, n, sizeof *at);
	for (size_t i = 0; i < n && at != NULL; i++) {
		at[i] = (uint32_t)links[i];
		count_link(&plan->sides[links[i] >> 32], which, (uint32_t)i);
	}
	free(links);
	return at;
}

static enum fl_err index_plan(struct fl_plan *plan)
{
	plan->out = index_sides(plan, INDEX_OUT);
	plan->in = index_sides(plan, INDEX_IN);
	plan->by_side = index_sides(plan, INDEX_LINES);
	return plan->out != NULL && plan->in != NULL && plan->by_side != NULL ? FL_OK
									      : FL_ERR_NOMEM;
}

static enum fl_err build(struct fl_plan *plan)
{
	static const uint8_t seed[16]; /* keys are numbers of ours */
	struct builder b = { .plan = plan };
	size_t rules = plan->doc != NULL ? plan->doc->rules_len : 0;

	plan->rules = fl_arena_array(&plan->arena, rules, sizeof *plan->rules);
	if (plan->rules == NULL)
		return plan->arena.err;
	fl_map_init(&b.sides, 0, seed);
	fl_map_init(&b.sources, 0, seed);
	if (plan->doc == NULL || plan->doc->allow_all)
		add_allow_all(&b);
	for (size_t i = 0; i < rules && b.err == FL_OK; i++) {
		b.rule = (uint32_t)i;
		add_rule(&b, &plan->doc->rules[i], &plan->rules[i]);
	}
	fl_map_done(&b.sides);
	fl_map_done(&b.sources);
	return b.err == FL_OK ? index_plan(plan) : b.err;
}

enum fl_err fl_plan_new(const struct fl_policy_doc *doc, const struct fl_policy_user *users,
			size_t users_len, struct fl_plan **out)
{
	struct fl_plan *plan = calloc(1, sizeof *plan);

	if (plan == NULL)
		return FL_ERR_NOMEM;
	atomic_init(&plan->refs, 1);
	plan->doc = fl_policy_doc_hold(doc);
	plan->arena = fl_arena_make(PLAN_MAX);
	enum fl_err err = fl_who_fill(plan, users, users_len);
	if (err == FL_OK)
		err = build(plan);
	if (err != FL_OK) {
		fl_plan_unref(plan);
		return err;
	}
	*out = plan;
	return FL_OK;
}

struct fl_plan *fl_plan_unref(struct fl_plan *plan)
{
	if (plan == NULL || atomic_fetch_sub_explicit(&plan->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < plan->who_len; i++)
		fl_ipset_done(&plan->who[i].ips);
	for (size_t i = 0; plan->ipsets != NULL && i < plan->doc->ipsets_len; i++)
		fl_ipset_done(&plan->ipsets[i]);
	free(plan->ipsets);
	free(plan->who);
	free(plan->sides);
	free(plan->sources);
	free(plan->lines);
	free(plan->selfs);
	free(plan->vias);
	free(plan->edges);
	fl_arena_done(&plan->arena);
	fl_policy_doc_free((struct fl_policy_doc *)(uintptr_t)plan->doc);
	free(plan);
	return NULL;
}
