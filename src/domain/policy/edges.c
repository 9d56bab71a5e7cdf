/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/edges.c - the edges of one user (autogroup:self) and of one router (via).
 *
 * For a user both ends follow from its devices, so that nothing is compiled per node
 * (policy.md 4.7). For a router the destinations are those prefixes that overlap what it serves
 * (4.8).
 */
#include "domain/policy/core.h"

#include <stdlib.h>

struct fl_part *fl_part_ref(struct fl_part *part)
{
	atomic_fetch_add_explicit(&part->refs, 1, memory_order_relaxed);
	return part;
}

static void unref_set(const struct fl_policy_set *s)
{
	fl_policy_set_unref((struct fl_policy_set *)(uintptr_t)s);
}

struct fl_part *fl_part_unref(struct fl_part *part)
{
	if (part == NULL || atomic_fetch_sub_explicit(&part->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (size_t i = 0; i < part->len; i++) {
		unref_set(part->edges[i].src);
		unref_set(part->edges[i].dst);
		if (part->sources != NULL)
			fl_source_unref(part->sources[i]);
	}
	free(part->edges);
	free(part->sources);
	free(part->devices);
	fl_source_unref(part->each);
	unref_set(part->all);
	free(part);
	return NULL;
}

struct fl_part *fl_part_find(struct fl_part *const *parts, size_t len, uint64_t owner)
{
	size_t low = 0, high = len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (parts[mid]->owner < owner)
			low = mid + 1;
		else
			high = mid;
	}
	return low < len && parts[low]->owner == owner ? parts[low] : NULL;
}

static struct fl_part *blank(uint64_t owner, size_t edges, bool sources)
{
	struct fl_part *part = calloc(1, sizeof *part);

	if (part == NULL)
		return NULL;
	atomic_init(&part->refs, 1);
	part->owner = owner;
	part->edges = calloc(edges + 1, sizeof *part->edges);
	part->sources = sources ? calloc(edges + 1, sizeof(struct fl_source *)) : NULL;
	if (part->edges == NULL || (sources && part->sources == NULL))
		return fl_part_unref(part);
	return part;
}

/* ---- sets of nodes and of routes ---- */

static enum fl_err mark_routers(const struct fl_policy *p, struct fl_policy_set *s)
{
	for (uint32_t w = 0; w < p->words; w++) {
		for (uint64_t left = p->routers[w]; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (!fl_facts_behind(p->nodes[slot], &s->ips))
				continue;
			if (s->behind == NULL && (s->behind = fl_bits_new(p->words)) == NULL)
				return FL_ERR_NOMEM;
			fl_bit_set(s->behind, slot);
		}
	}
	return FL_OK;
}

/* Most often no served subnet holds an address of a node, and then there is nobody behind. */
static bool near_routes(const struct fl_policy *p, const struct fl_policy_set *s)
{
	return fl_ipset_overlaps_set(&p->core->served->ips, &s->ips);
}

static enum fl_err fill_devices(const struct fl_policy *p, const uint32_t *slots, size_t n,
				struct fl_policy_set *s)
{
	enum fl_err err = FL_OK;

	s->inside = fl_bits_new(p->words);
	if (s->inside == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < n && err == FL_OK; i++) {
		const struct fl_policy_facts *f = p->nodes[slots[i]];
		if (fl_ip_is_set(&f->ip4) || fl_ip_is_set(&f->ip6))
			fl_bit_set(s->inside, slots[i]);
		err = fl_ipset_add_ip(&s->ips, &f->ip4);
		if (err == FL_OK)
			err = fl_ipset_add_ip(&s->ips, &f->ip6);
	}
	if (err == FL_OK && near_routes(p, s))
		err = mark_routers(p, s);
	return err;
}

static enum fl_err set_of_devices(const struct fl_policy *p, const uint32_t *slots, size_t n,
				  struct fl_policy_set **out)
{
	struct fl_policy_set *s = fl_set_new();
	enum fl_err err = s != NULL ? fill_devices(p, slots, n, s) : FL_ERR_NOMEM;

	if (err != FL_OK) {
		fl_policy_set_unref(s);
		return err;
	}
	fl_set_seal(s);
	*out = s;
	return FL_OK;
}

/* ---- autogroup:self ---- */

static int compare(const void *a, const void *b)
{
	return fl_range_cmp(a, b);
}

/* Every address of every device for itself: what a companion has as sources. */
static enum fl_err list_each(const struct fl_policy *p, struct fl_part *part)
{
	struct fl_range *at = calloc(2 * part->devices_len + 1, sizeof *at);
	size_t n = 0;

	if (at == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < part->devices_len; i++) {
		const struct fl_policy_facts *f = p->nodes[part->devices[i]];
		if (fl_ip_is_set(&f->ip4))
			at[n++] = (struct fl_range){ f->ip4, f->ip4 };
		if (fl_ip_is_set(&f->ip6))
			at[n++] = (struct fl_range){ f->ip6, f->ip6 };
	}
	qsort(at, n, sizeof *at, compare);
	part->each = fl_source_of_ranges(at, n);
	return part->each != NULL ? FL_OK : FL_ERR_NOMEM;
}

/* The devices among the sources of a rule, by any of their addresses; NULL if there are none. */
static enum fl_err kept(const struct fl_policy *p, const struct fl_part *part, uint32_t side,
			struct fl_policy_set **out)
{
	const uint64_t *inside = p->core->sides[side]->inside;
	uint32_t *slots = calloc(part->devices_len + 1, sizeof *slots);
	enum fl_err err = slots != NULL ? FL_OK : FL_ERR_NOMEM;
	size_t n = 0;

	*out = NULL;
	for (size_t i = 0; i < part->devices_len && err == FL_OK; i++) {
		if (fl_bit(inside, part->devices[i]))
			slots[n++] = part->devices[i];
	}
	if (err == FL_OK && n == part->devices_len)
		*out = fl_policy_set_ref(part->all);
	else if (err == FL_OK && n > 0)
		err = set_of_devices(p, slots, n, out);
	free(slots);
	return err;
}

static enum fl_err add_self_edge(const struct fl_policy *p, struct fl_part *part, uint32_t rule)
{
	const struct fl_plan *plan = p->core->plan;
	const struct fl_rule *r = &plan->doc->rules[rule];
	struct fl_policy_set *src;
	enum fl_err err = kept(p, part, plan->rules[rule].self_src, &src);

	if (err != FL_OK || src == NULL)
		return err;
	struct fl_source *source = fl_source_of_set(src);
	if (source == NULL) {
		fl_policy_set_unref(src);
		return FL_ERR_NOMEM;
	}
	part->sources[part->len] = source;
	part->edges[part->len++] = (struct fl_policy_edge){
		.src = src,
		.dst = fl_policy_set_ref(part->all),
		.rule = r,
		.scope = FL_EDGE_SELF,
		.kind = r->traffic_len > 0 ? FL_EDGE_PORTS : FL_EDGE_APP,
		.owner = part->owner,
	};
	return FL_OK;
}

static enum fl_err fill_self(const struct fl_policy *p, const uint32_t *devices, size_t n,
			     struct fl_part *part)
{
	const struct fl_plan *plan = p->core->plan;
	struct fl_policy_set *all = NULL;

	part->devices = calloc(n, sizeof *part->devices);
	if (part->devices == NULL)
		return FL_ERR_NOMEM;
	memcpy(part->devices, devices, n * sizeof *devices);
	part->devices_len = n;
	enum fl_err err = set_of_devices(p, devices, n, &all);
	part->all = all;
	for (size_t i = 0; i < plan->selfs_len && err == FL_OK; i++)
		err = add_self_edge(p, part, plan->selfs[i]);
	for (size_t i = 0; i < plan->lines_len && err == FL_OK && part->each == NULL; i++) {
		if (plan->lines[i].kind == FL_LINE_SELF_COMPANION)
			err = list_each(p, part);
	}
	return err;
}

enum fl_err fl_part_self(const struct fl_policy *p, uint64_t user, const uint32_t *devices,
			 size_t devices_len, struct fl_part **out)
{
	struct fl_part *part = blank(user, p->core->plan->selfs_len, true);
	enum fl_err err = part != NULL ? fill_self(p, devices, devices_len, part) : FL_ERR_NOMEM;

	if (err != FL_OK) {
		fl_part_unref(part);
		return err;
	}
	*out = part;
	return FL_OK;
}

/* ---- via ---- */

bool fl_facts_carry(const struct fl_policy_facts *f, const struct fl_aliases *tags)
{
	for (size_t i = 0; i < tags->len; i++) {
		for (size_t k = 0; k < f->tags_len; k++) {
			if (strcmp(tags->at[i].text, f->tags[k]) == 0)
				return true;
		}
	}
	return false;
}

/* Those prefixes of a range that overlap a subnet. */
static enum fl_err add_prefixes(const struct fl_range *from, const struct fl_range *subnet,
				struct fl_ipset *to)
{
	struct fl_range rest = *from;
	struct fl_prefix prefix;
	enum fl_err err = FL_OK;

	while (err == FL_OK && fl_range_next_prefix(&rest, &prefix)) {
		struct fl_range r = fl_range_of(&prefix);
		if (fl_range_overlaps(&r, subnet))
			err = fl_ipset_add(to, &r);
	}
	return err;
}

static enum fl_err add_overlap(const struct fl_policy_facts *f, const struct fl_ipset *dst,
			       struct fl_ipset *to)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < f->subnets_len; i++) {
		struct fl_range subnet = fl_range_of(&f->subnets[i]);
		for (size_t k = fl_ipset_seek(dst, &subnet.first);
		     k < dst->len && err == FL_OK && fl_range_overlaps(&dst->at[k], &subnet); k++)
			err = add_prefixes(&dst->at[k], &subnet, to);
	}
	return err;
}

static enum fl_err add_destinations(const struct fl_policy *p, const struct fl_policy_facts *f,
				    const struct fl_rule *r, struct fl_ipset *to)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < r->dst.len && err == FL_OK; i++) {
		const struct fl_alias *a = &r->dst.at[i];
		const struct fl_ipset *ips = &fl_policy_alias(p, a)->ips;
		if (a->autogroup != FL_AUTOGROUP_INTERNET)
			err = add_overlap(f, ips, to);
		else if (f->exits_len > 0)
			err = fl_ipset_add_set(to, ips);
	}
	return err;
}

static enum fl_err fill_via_dst(const struct fl_policy *p, const struct fl_policy_facts *f,
				const struct fl_rule *r, struct fl_policy_set *s)
{
	enum fl_err err = add_destinations(p, f, r, &s->ips);

	if (err != FL_OK || s->ips.len == 0)
		return err;
	s->inside = fl_bits_new(p->words);
	if (s->inside == NULL)
		return FL_ERR_NOMEM;
	if (p->core->odd || fl_ipset_overlaps_set(&s->ips, &p->fixed[FL_SET_WILDCARD]->ips)) {
		for (uint32_t i = 0; i < p->slots; i++) {
			if (p->nodes[i] != NULL && fl_facts_inside(p->nodes[i], &s->ips))
				fl_bit_set(s->inside, i);
		}
	}
	return mark_routers(p, s);
}

static enum fl_err add_via_edge(const struct fl_policy *p, struct fl_part *part, uint32_t rule)
{
	const struct fl_plan *plan = p->core->plan;
	const struct fl_rule *r = &plan->doc->rules[rule];
	struct fl_policy_set *src = p->core->sides[plan->rules[rule].via_src];
	const struct fl_policy_facts *f = p->nodes[part->owner];

	if (src->ips.len == 0 || !fl_facts_carry(f, &r->via))
		return FL_OK;
	struct fl_policy_set *dst = fl_set_new();
	enum fl_err err = dst != NULL ? fill_via_dst(p, f, r, dst) : FL_ERR_NOMEM;
	if (err != FL_OK || dst->ips.len == 0) {
		fl_policy_set_unref(dst);
		return err;
	}
	fl_set_seal(dst);
	part->edges[part->len++] = (struct fl_policy_edge){
		.src = fl_policy_set_ref(src),
		.dst = dst,
		.rule = r,
		.scope = FL_EDGE_VIA,
		.kind = r->traffic_len > 0 ? FL_EDGE_PORTS : FL_EDGE_APP,
		.owner = part->owner,
	};
	return FL_OK;
}

enum fl_err fl_part_via(const struct fl_policy *p, uint32_t slot, struct fl_part **out)
{
	const struct fl_plan *plan = p->core->plan;
	const struct fl_policy_facts *f = p->nodes[slot];
	struct fl_part *part;
	enum fl_err err = FL_OK;

	*out = NULL;
	if (plan->vias_len == 0 || f->subnets_len + f->exits_len == 0 || !fl_facts_tagged(f))
		return FL_OK;
	part = blank(slot, plan->vias_len, false);
	if (part == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->vias_len && err == FL_OK; i++)
		err = add_via_edge(p, part, plan->vias[i]);
	if (err != FL_OK || part->len == 0)
		part = fl_part_unref(part);
	*out = part;
	return err;
}

/* ---- all edges of a node ---- */

const struct fl_policy_edge *fl_policy_edge_next(const struct fl_policy *p, uint32_t slot,
						 size_t *at)
{
	const struct fl_core *c = p->core;
	const struct fl_policy_facts *f = p->nodes[slot];
	size_t i = *at;

	(*at)++;
	if (i < p->edges_len)
		return &p->edges[i];
	i -= p->edges_len;
	if (f->user != 0) {
		const struct fl_part *part = fl_part_find(c->selfs, c->selfs_len, f->user);
		if (part != NULL && i < part->len)
			return &part->edges[i];
		i -= part != NULL ? part->len : 0;
	}
	const struct fl_part *part = fl_part_find(c->vias, c->vias_len, slot);
	return part != NULL && i < part->len ? &part->edges[i] : NULL;
}
