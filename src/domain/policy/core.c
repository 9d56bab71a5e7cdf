/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/core.c - what follows from the sets of a snapshot: served subnets, shared edges,
 * and which lines become one rule.
 *
 * Lines with equal sources and protocol are one rule in the place of the first (policy.md 4.3).
 * Two hash tables find the first: of equal sources among all, then of equal groups among lines.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

/* ---- served subnets ---- */

struct fl_served *fl_served_unref(struct fl_served *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	fl_ipset_done(&s->ips);
	free(s->at);
	free(s);
	return NULL;
}

static int compare_prefixes(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static size_t count_served(const struct fl_policy *p)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->slots; i++)
		n += p->nodes[i] != NULL ? p->nodes[i]->subnets_len : 0;
	return n;
}

static void collect_served(const struct fl_policy *p, struct fl_served *s)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->slots; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		for (size_t k = 0; f != NULL && k < f->subnets_len; k++)
			s->at[n++] = f->subnets[k];
	}
	if (n > 1)
		qsort(s->at, n, sizeof *s->at, compare_prefixes);
	for (size_t i = 0; i < n; i++) {
		if (s->len == 0 || !fl_prefix_eq(&s->at[s->len - 1], &s->at[i]))
			s->at[s->len++] = s->at[i];
	}
}

static enum fl_err fill_served(const struct fl_policy *p, size_t n, struct fl_served *s)
{
	struct fl_range *ranges = calloc(n + 1, sizeof *ranges);

	s->at = calloc(n + 1, sizeof *s->at);
	if (s->at == NULL || ranges == NULL) {
		free(ranges);
		return FL_ERR_NOMEM;
	}
	collect_served(p, s);
	for (size_t i = 0; i < s->len; i++)
		ranges[i] = fl_range_of(&s->at[i]);
	enum fl_err err = fl_ipset_build(&s->ips, ranges, s->len);
	free(ranges);
	return err;
}

enum fl_err fl_core_serve(struct fl_policy *p)
{
	struct fl_served *s = calloc(1, sizeof *s);

	if (s == NULL)
		return FL_ERR_NOMEM;
	atomic_init(&s->refs, 1);
	enum fl_err err = fill_served(p, count_served(p), s);
	if (err != FL_OK) {
		fl_served_unref(s);
		return err;
	}
	p->core->served = s;
	return FL_OK;
}

/* ---- shared edges ---- */

enum fl_err fl_core_edges(struct fl_policy *p)
{
	const struct fl_plan *plan = p->core->plan;

	p->edges = calloc(plan->edges_len + 1, sizeof *p->edges);
	if (p->edges == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->edges_len; i++) {
		const struct fl_plan_edge *e = &plan->edges[i];
		p->edges[i] = (struct fl_policy_edge){
			.src = p->core->sides[e->src],
			.dst = p->core->sides[e->dst],
			.rule = e->rule != FL_NO_INDEX ? &plan->doc->rules[e->rule] : NULL,
			.scope = FL_EDGE_SHARED,
			.kind = e->kind,
		};
	}
	p->edges_len = plan->edges_len;
	return FL_OK;
}

/* ---- groups ---- */

static size_t table_size(size_t n)
{
	size_t cap = 16;

	while (cap < 2 * n)
		cap *= 2;
	return cap;
}

static uint32_t *table_new(size_t cap)
{
	uint32_t *table = malloc(cap * sizeof *table);

	for (size_t i = 0; i < cap && table != NULL; i++)
		table[i] = FL_NO_INDEX;
	return table;
}

static size_t source_hash(const struct fl_source *s)
{
	return s->any ? SIZE_MAX : (size_t)(s->hash ^ s->hash >> 32);
}

/* Where a source with these strings is in the table, or would be. */
static size_t probe_source(const struct fl_core *c, const struct fl_source *s)
{
	size_t at = source_hash(s) & (c->by_source_cap - 1);

	while (c->by_source[at] != FL_NO_INDEX && !fl_source_eq(c->sources[c->by_source[at]], s))
		at = (at + 1) & (c->by_source_cap - 1);
	return at;
}

static size_t probe_group(const struct fl_core *c, uint32_t source, unsigned proto)
{
	const struct fl_line *lines = c->plan->lines;
	size_t at = ((size_t)source * 2654435761u + proto * 40503u) & (c->by_group_cap - 1);

	for (; c->by_group[at] != FL_NO_INDEX; at = (at + 1) & (c->by_group_cap - 1)) {
		const struct fl_line *line = &lines[c->by_group[at]];
		if (c->same[line->source] == source && line->proto == proto)
			break;
	}
	return at;
}

/* Without a destination or a source a line makes no rule, and holds no place for another. */
static bool makes_rule(const struct fl_core *c, const struct fl_line *line)
{
	return line->kind == FL_LINE_PORTS && c->sides[line->side]->ips.len > 0 &&
	       !fl_source_is_empty(c->sources[line->source]);
}

/*
 * The first source with the strings of source `i`, itself included. What was equal in the snapshot
 * before and did not change since is not compared again: that would be most of a step.
 */
static uint32_t first_same(struct fl_core *c, const struct fl_core *old, uint32_t i)
{
	uint32_t was = old != NULL ? old->same[i] : i;

	if (was != i && c->sources[i] == old->sources[i] && c->sources[was] == old->sources[was])
		return c->same[was];
	size_t at = probe_source(c, c->sources[i]);
	if (c->by_source[at] == FL_NO_INDEX)
		c->by_source[at] = i;
	return c->by_source[at];
}

enum fl_err fl_core_groups(struct fl_core *c, const struct fl_core *old)
{
	const struct fl_plan *plan = c->plan;

	c->by_source_cap = table_size(plan->sources_len);
	c->by_group_cap = table_size(plan->lines_len);
	c->by_source = table_new(c->by_source_cap);
	c->by_group = table_new(c->by_group_cap);
	c->same = calloc(plan->sources_len + 1, sizeof *c->same);
	c->first = calloc(plan->lines_len + 1, sizeof *c->first);
	if (c->by_source == NULL || c->by_group == NULL || c->same == NULL || c->first == NULL)
		return FL_ERR_NOMEM;
	for (uint32_t i = 0; i < plan->sources_len; i++)
		c->same[i] = first_same(c, old, i);
	for (uint32_t i = 0; i < plan->lines_len; i++) {
		const struct fl_line *line = &plan->lines[i];
		c->first[i] = FL_NO_INDEX;
		if (!makes_rule(c, line))
			continue;
		size_t at = probe_group(c, c->same[line->source], line->proto);
		if (c->by_group[at] == FL_NO_INDEX)
			c->by_group[at] = i;
		c->first[i] = c->by_group[at];
	}
	return FL_OK;
}

uint32_t fl_group_find(const struct fl_core *c, const struct fl_source *s, unsigned proto)
{
	uint32_t source = c->by_source[probe_source(c, s)];

	return source != FL_NO_INDEX ? c->by_group[probe_group(c, source, proto)] : FL_NO_INDEX;
}
