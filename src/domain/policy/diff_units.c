/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/diff_units.c - each rule as the bits of the things that are its sources and a list
 * of boxes of traffic; and for each thing the rules that lead to it.
 *
 * One node of a class answers for all. Families are apart: who is a source with one address and a
 * destination with the other does not get through. Rules with equal bits and equal traffic have one
 * number, in both snapshots, so that what stayed the same cancels out.
 */
#include "domain/policy/diff_parts.h"

#include <stdlib.h>

struct units_builder {
	struct fl_differ *d;
	struct fl_units *u;
	int side;
	const struct fl_policy *p;
	enum fl_family family;
	const struct fl_rule *rule; /* NULL: no rules, everything is allowed */
	uint8_t *blob;              /* bits, then boxes: what is interned */
	size_t blob_cap;
};

void fl_units_done(struct fl_units *u)
{
	fl_intern_done(&u->seen);
	free(u->at);
	for (int k = 0; k < FL_SIDES; k++) {
		for (uint32_t i = 0; u->to[k] != NULL && i < u->things_len; i++)
			free(u->to[k][i].at);
		free(u->self[k].at);
	}
	*u = (struct fl_units){ 0 };
}

/* ---- places ---- */

/* Does the set hold all of the place that is of this family, and is there any? */
static bool covers(const struct fl_ipset *ips, const struct fl_thing *t, enum fl_family family)
{
	bool any = false;

	for (size_t i = 0; i < t->ips.len; i++) {
		if (t->ips.at[i].first.family != family)
			continue;
		any = true;
		if (!fl_ipset_covers(ips, &t->ips.at[i]))
			return false;
	}
	return any;
}

static bool is_place_source(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_ipset *served = &b->p->core->served->ips;
	const struct fl_ipset *wild = &b->p->fixed[FL_SET_WILDCARD]->ips;

	if (!t->behind) /* nobody comes from there */
		return false;
	if (b->rule == NULL)
		return covers(served, t, b->family) || covers(wild, t, b->family);
	for (size_t i = 0; i < b->rule->src.len; i++) {
		const struct fl_alias *a = &b->rule->src.at[i];
		if (covers(&fl_policy_alias(b->p, a)->ips, t, b->family) ||
		    (a->kind == FL_ALIAS_WILDCARD && covers(served, t, b->family)))
			return true;
	}
	return false;
}

static bool overlaps_subnet(const struct fl_policy_facts *f, const struct fl_ipset *ips)
{
	for (size_t i = 0; i < f->subnets_len; i++) {
		const struct fl_range r = fl_range_of(&f->subnets[i]);
		if (fl_ipset_overlaps(ips, &r))
			return true;
	}
	return false;
}

/* Is there a router with one of the tags in front of the place? */
static bool has_via(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_policy *p = b->p;

	for (uint32_t w = 0; w < p->words; w++) {
		for (uint64_t left = p->routers[w] | p->exits[w]; left != 0; left &= left - 1) {
			const struct fl_policy_facts *f =
				p->nodes[w * 64 + (uint32_t)__builtin_ctzll(left)];
			if (fl_facts_carry(f, &b->rule->via) &&
			    (overlaps_subnet(f, &t->ips) || (t->outside && f->exits_len > 0)))
				return true;
		}
	}
	return false;
}

static bool is_place_target(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);
	const struct fl_ipset every = fl_fixed_view(FL_SET_EVERYTHING);

	if (b->rule == NULL)
		return covers(&every, t, b->family);
	for (size_t i = 0; i < b->rule->dst.len; i++) {
		const struct fl_alias *a = &b->rule->dst.at[i];
		const struct fl_ipset *ips = &fl_policy_alias(b->p, a)->ips;
		bool wild = a->kind == FL_ALIAS_WILDCARD && b->rule->via.len == 0;
		if (!covers(wild ? &every : ips, t, b->family))
			continue;
		/* Exit nodes keep nothing that reaches beyond the internet (policy.md 4.10). */
		if (!t->behind && !wild && !fl_ipset_covers_set(&internet, ips))
			continue;
		if (b->rule->via.len == 0 || has_via(b, t))
			return true;
	}
	return false;
}

/* ---- nodes ---- */

static struct fl_packet packet_of(const struct units_builder *b, const struct fl_thing *t)
{
	uint32_t slot = b->d->nodes[b->d->order[t->first]].slot[b->side];
	const struct fl_policy_facts *f = b->p->nodes[slot];
	struct fl_ip ip = b->family == FL_IP_V6 ? f->ip6 : f->ip4;

	return (struct fl_packet){ .p = b->p,
				   .src = ip,
				   .dst = ip,
				   .from = slot,
				   .at = slot,
				   .node = f,
				   .any_traffic = true };
}

static bool is_node_source(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_packet q = packet_of(b, t);

	if (!fl_ip_is_set(&q.src))
		return false;
	return b->rule != NULL ? fl_packet_source(&q, b->rule) != NULL
			       : fl_packet_judge_all(&q) == FL_STAGE_ALLOWED;
}

static bool is_node_target(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_packet q = packet_of(b, t);
	return fl_ip_is_set(&q.dst) && (b->rule == NULL || fl_packet_target(&q, b->rule) != NULL);
}

static bool is_device(const struct units_builder *b, const struct fl_thing *t)
{
	const struct fl_packet q = packet_of(b, t);
	return q.node->user != 0 && fl_packet_device(&q, b->rule) != NULL;
}

/* ---- units ---- */

static enum fl_err list_add(struct fl_unit_list *l, uint32_t unit)
{
	if (l->len > 0 && l->at[l->len - 1] == unit)
		return FL_OK;
	if (l->len == l->cap) {
		uint32_t cap = l->cap > 0 ? l->cap * 2 : 4;
		uint32_t *at = realloc(l->at, cap * sizeof *at);
		if (at == NULL)
			return FL_ERR_NOMEM;
		l->at = at;
		l->cap = cap;
	}
	l->at[l->len++] = unit;
	return FL_OK;
}

static bool room_for(struct units_builder *b, size_t size)
{
	if (size <= b->blob_cap)
		return true;
	uint8_t *blob = realloc(b->blob, size);
	if (blob == NULL)
		return false;
	b->blob = blob;
	b->blob_cap = size;
	return true;
}

/* The number of the unit whose bits stand in the blob. */
static enum fl_err number_of(struct units_builder *b, uint32_t *out)
{
	size_t bits = b->d->words * sizeof(uint64_t);
	struct fl_traffic_set traffic = { 0 };
	struct fl_units *u = b->u;
	bool fresh = false, ok;

	for (size_t i = 0; b->rule != NULL && i < b->rule->traffic_len; i++)
		fl_traffic_add(&traffic, &b->rule->traffic[i]);
	if (b->rule == NULL)
		fl_traffic_add_all(&traffic);
	fl_traffic_tidy(&traffic);
	size_t size = bits + traffic.len * sizeof *traffic.at;
	ok = !traffic.failed && room_for(b, size);
	if (ok && traffic.len > 0)
		memcpy(b->blob + bits, traffic.at, traffic.len * sizeof *traffic.at);
	ok = ok && fl_intern(&u->seen, b->blob, size, out, &fresh);
	if (ok && fresh && u->seen.len > u->cap) {
		size_t cap = u->cap > 0 ? u->cap * 2 : 64;
		struct fl_unit *at = realloc(u->at, cap * sizeof *at);
		ok = at != NULL;
		u->at = ok ? at : u->at;
		u->cap = ok ? cap : u->cap;
	}
	if (ok && fresh) {
		const uint8_t *kept = u->seen.at[*out].ptr;
		u->at[*out] = (struct fl_unit){
			.src = (const uint64_t *)(const void *)kept,
			.traffic = (const struct fl_box *)(const void *)(kept + bits),
			.traffic_len = traffic.len,
		};
	}
	fl_traffic_done(&traffic);
	return ok ? FL_OK : FL_ERR_NOMEM;
}

/* Fills the bits of the sources; false: nobody is one. */
static bool put_sources(struct units_builder *b, bool self)
{
	uint64_t *bits = (uint64_t *)(void *)b->blob;
	bool any = false;

	if (bits == NULL) /* there are no things */
		return false;
	memset(bits, 0, b->d->words * sizeof *bits);
	for (uint32_t i = 0; i < b->d->things_len; i++) {
		const struct fl_thing *t = &b->d->things[i];
		bool is = t->count == 0 ? !self && is_place_source(b, t)
			  : self        ? is_device(b, t)
					: is_node_source(b, t);
		if (is)
			fl_bit_set(bits, i);
		any = any || is;
	}
	return any;
}

static enum fl_err add_family(struct units_builder *b, enum fl_family family)
{
	uint32_t unit;
	enum fl_err err;

	b->family = family;
	if (!put_sources(b, false))
		return FL_OK;
	err = number_of(b, &unit);
	for (uint32_t i = 0; i < b->d->things_len && err == FL_OK; i++) {
		const struct fl_thing *t = &b->d->things[i];
		bool is = t->told && (t->count > 0 ? is_node_target(b, t) : is_place_target(b, t));
		if (is)
			err = list_add(&b->u->to[b->side][i], unit);
	}
	return err;
}

static bool is_own(const struct fl_rule *r)
{
	for (size_t i = 0; r->via.len == 0 && i < r->dst.len; i++) {
		if (r->dst.at[i].kind == FL_ALIAS_AUTOGROUP &&
		    r->dst.at[i].autogroup == FL_AUTOGROUP_SELF)
			return true;
	}
	return false;
}

static enum fl_err add_rule(struct units_builder *b, const struct fl_rule *r)
{
	uint32_t unit;

	if (r != NULL && !fl_rule_counts(r))
		return FL_OK;
	b->rule = r;
	enum fl_err err = add_family(b, FL_IP_V4);
	if (err == FL_OK)
		err = add_family(b, FL_IP_V6);
	if (err != FL_OK || r == NULL || !is_own(r) || !put_sources(b, true))
		return err;
	err = number_of(b, &unit);
	return err == FL_OK ? list_add(&b->u->self[b->side], unit) : err;
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

static void tidy(struct fl_unit_list *l)
{
	uint32_t n = 0;

	if (l->len > 1)
		qsort(l->at, l->len, sizeof *l->at, compare);
	for (uint32_t i = 0; i < l->len; i++) {
		if (n == 0 || l->at[n - 1] != l->at[i])
			l->at[n++] = l->at[i];
	}
	l->len = n;
}

static enum fl_err add_side(struct units_builder *b, int side)
{
	const struct fl_policy_doc *doc = b->d->p[side]->doc;
	enum fl_err err = FL_OK;

	b->side = side;
	b->p = b->d->p[side];
	if (fl_diff_allows_all(b->p))
		err = add_rule(b, NULL);
	else
		for (size_t i = 0; i < doc->rules_len && err == FL_OK; i++)
			err = add_rule(b, &doc->rules[i]);
	for (uint32_t i = 0; i < b->d->things_len && err == FL_OK; i++)
		tidy(&b->u->to[side][i]);
	tidy(&b->u->self[side]);
	return err;
}

enum fl_err fl_units_new(struct fl_differ *d, struct fl_units *out)
{
	struct units_builder b = { .d = d, .u = out };
	enum fl_err err = FL_OK;

	*out = (struct fl_units){ .seen = { .arena = &d->scratch }, .things_len = d->things_len };
	for (int k = 0; k < FL_SIDES; k++)
		out->to[k] = fl_arena_array(&d->scratch, d->things_len + 1, sizeof *out->to[k]);
	if (d->scratch.err != FL_OK || !room_for(&b, (d->words + 1) * sizeof(uint64_t)))
		return FL_ERR_NOMEM;
	for (int k = 0; k < FL_SIDES && err == FL_OK; k++)
		err = add_side(&b, k);
	free(b.blob);
	return err;
}
