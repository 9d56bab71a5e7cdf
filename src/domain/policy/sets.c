/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/sets.c - address sets with the nodes inside and the routers behind. */
#include "domain/policy/core.h"

#include <stdlib.h>

#include "base/ipnum.h"
#include "base/text.h"

enum { MERGES_MAX = 8 }; /* sets merged one by one, rather than sorted at once */

/* ---- bitmaps ---- */

uint64_t *fl_bits_new(uint32_t words)
{
	return calloc(words, sizeof(uint64_t));
}

uint64_t *fl_bits_copy(const uint64_t *bits, uint32_t words)
{
	uint64_t *copy = malloc(words * sizeof *copy);

	if (copy != NULL)
		memcpy(copy, bits, words * sizeof *copy);
	return copy;
}

enum fl_err fl_bits_or(uint64_t **to, const uint64_t *bits, uint32_t words)
{
	if (bits == NULL)
		return FL_OK;
	if (*to == NULL) {
		*to = fl_bits_copy(bits, words);
		return *to != NULL ? FL_OK : FL_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < words; i++)
		(*to)[i] |= bits[i];
	return FL_OK;
}

/* ---- sets ---- */

struct fl_policy_set *fl_set_new(void)
{
	struct fl_policy_set *s = calloc(1, sizeof *s);

	if (s != NULL)
		atomic_init(&s->refs, 1);
	return s;
}

struct fl_policy_set *fl_policy_set_ref(const struct fl_policy_set *s)
{
	struct fl_policy_set *own = (struct fl_policy_set *)(uintptr_t)s;

	atomic_fetch_add_explicit(&own->refs, 1, memory_order_relaxed);
	return own;
}

struct fl_policy_set *fl_policy_set_unref(struct fl_policy_set *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	fl_ipset_done(&s->ips);
	free(s->inside);
	free(s->behind);
	free(s->why);
	free(s);
	return NULL;
}

/*
 * Only to tell unequal ones apart quickly: equality is always looked at. What is done to one range
 * does not wait for the one before, so that a large set takes microseconds.
 */
uint64_t fl_ranges_hash(const struct fl_range *at, size_t n)
{
	uint64_t h = n;

	for (size_t i = 0; i < n; i++) {
		struct fl_ipnum first = fl_ipnum_of(&at[i].first), last = fl_ipnum_of(&at[i].last);
		uint64_t v = (first.lo + at[i].first.family) * 0x9e3779b97f4a7c15 +
			     first.hi * 0xc2b2ae3d27d4eb4f + last.lo * 0xd6e8feb86659fd93 +
			     last.hi * 0xa0761d6478bd642f;
		h = (h + (v ^ v >> 32)) * 0x100000001b3;
	}
	return h;
}

/* policy.md 4.11: all of a family, or the whole internet set. */
static bool is_internet(const struct fl_ipset *ips)
{
	const struct fl_ipset all = fl_fixed_view(FL_SET_EVERYTHING);
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);

	return fl_ipset_covers(ips, &all.at[0]) || fl_ipset_covers(ips, &all.at[1]) ||
	       (fl_ipset_covers(ips, &internet.at[0]) && fl_ipset_covers_set(ips, &internet));
}

void fl_set_seal(struct fl_policy_set *s)
{
	const struct fl_ipset internet = fl_fixed_view(FL_SET_INTERNET);

	s->hash = fl_ranges_hash(s->ips.at, s->ips.len);
	s->internet = is_internet(&s->ips);
	s->outside = fl_ipset_overlaps_set(&s->ips, &internet);
}

/* ---- unions ---- */

static enum fl_err add_ips(struct fl_policy_set *s, const struct fl_policy_set *const *sets,
			   size_t n)
{
	size_t total = 0, at = 0;
	enum fl_err err = FL_OK;

	if (n <= MERGES_MAX) {
		for (size_t i = 0; i < n && err == FL_OK; i++)
			err = fl_ipset_add_set(&s->ips, &sets[i]->ips);
		return err;
	}
	for (size_t i = 0; i < n; i++)
		total += sets[i]->ips.len;
	struct fl_range *all = calloc(total + 1, sizeof *all);
	if (all == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < n; i++) {
		if (sets[i]->ips.len > 0)
			memcpy(all + at, sets[i]->ips.at, sets[i]->ips.len * sizeof *all);
		at += sets[i]->ips.len;
	}
	err = fl_ipset_build(&s->ips, all, total);
	free(all);
	return err;
}

static enum fl_err unite(uint32_t words, const struct fl_policy_set *const *sets, size_t n,
			 struct fl_policy_set *s)
{
	enum fl_err err = add_ips(s, sets, n);

	for (size_t i = 0; i < n && err == FL_OK; i++) {
		err = fl_bits_or(&s->inside, sets[i]->inside, words);
		if (err == FL_OK)
			err = fl_bits_or(&s->behind, sets[i]->behind, words);
	}
	return err;
}

/* The served subnets too: every router is behind them, and some node may be inside of one. */
static enum fl_err add_served(const struct fl_policy *p, struct fl_policy_set *s)
{
	const struct fl_ipset *ips = &p->core->served->ips;
	enum fl_err err = fl_ipset_add_set(&s->ips, ips);

	if (err == FL_OK && s->inside == NULL && (s->inside = fl_bits_new(p->words)) == NULL)
		err = FL_ERR_NOMEM;
	for (uint32_t i = 0; i < p->slots && err == FL_OK && ips->len > 0; i++) {
		if (p->nodes[i] != NULL && fl_facts_inside(p->nodes[i], ips))
			fl_bit_set(s->inside, i);
	}
	return err == FL_OK ? fl_bits_or(&s->behind, p->routers, p->words) : err;
}

/* One that holds all the others is their union already; NULL if there is none. */
static const struct fl_policy_set *widest(const struct fl_policy_set *const *sets, size_t n)
{
	const struct fl_policy_set *most = sets[0];

	for (size_t i = 1; i < n; i++) {
		if (sets[i]->ips.len > most->ips.len)
			most = sets[i];
	}
	for (size_t i = 0; i < n; i++) {
		if (sets[i] != most && !fl_ipset_covers_set(&most->ips, &sets[i]->ips))
			return NULL;
	}
	return most;
}

static enum fl_err make_union(const struct fl_policy *p, const struct fl_policy_set *const *sets,
			      size_t n, bool served, struct fl_policy_set **out)
{
	if (n == 1 && !served) {
		*out = fl_policy_set_ref(sets[0]);
		return FL_OK;
	}
	const struct fl_policy_set *wide = n > 1 && !served ? widest(sets, n) : NULL;
	if (wide != NULL && !wide->failed) {
		*out = fl_policy_set_ref(wide);
		return FL_OK;
	}
	struct fl_policy_set *s = fl_set_new();
	if (s == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = unite(p->words, sets, n, s);
	if (err == FL_OK && served)
		err = add_served(p, s);
	if (err != FL_OK) {
		fl_policy_set_unref(s);
		return err;
	}
	fl_set_seal(s);
	*out = s;
	return FL_OK;
}

enum fl_err fl_set_of_side(const struct fl_policy *p, const struct fl_side *side,
			   struct fl_policy_set **out)
{
	size_t n = 0;

	if (side->kind == FL_SIDE_ALL) {
		*out = fl_policy_set_ref(p->fixed[FL_SET_EVERYTHING]);
		return FL_OK;
	}
	const struct fl_policy_set **sets =
		calloc(side->alias_len + 1, sizeof(const struct fl_policy_set *));
	if (sets == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < side->alias_len; i++)
		sets[n++] = p->sets[side->alias[i]];
	if (side->wild)
		sets[n++] = p->fixed[FL_SET_WILDCARD];
	enum fl_err err = make_union(p, sets, n, side->kind == FL_SIDE_ROUTES, out);
	free(sets);
	return err;
}

/* ---- single aliases ---- */

const struct fl_policy_set *fl_policy_alias(const struct fl_policy *p, const struct fl_alias *a)
{
	return p->sets[a->number];
}

static enum fl_err look(const struct fl_policy *p, const struct fl_who *who,
			struct fl_policy_set *s)
{
	s->inside = fl_bits_new(p->words);
	s->behind = fl_bits_new(p->words);
	if (s->inside == NULL || s->behind == NULL)
		return FL_ERR_NOMEM;
	for (uint32_t i = 0; i < p->slots && who->kind != FL_WHO_IPS; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f == NULL || !fl_who_has(who, f))
			continue;
		enum fl_err err = fl_ipset_add_ip(&s->ips, &f->ip4);
		if (err == FL_OK)
			err = fl_ipset_add_ip(&s->ips, &f->ip6);
		if (err != FL_OK)
			return err;
	}
	for (uint32_t i = 0; i < p->slots && s->ips.len > 0; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f != NULL && fl_facts_inside(f, &s->ips))
			fl_bit_set(s->inside, i);
		if (f != NULL && fl_facts_behind(f, &s->ips))
			fl_bit_set(s->behind, i);
	}
	return FL_OK;
}

static enum fl_err make_resolved(const struct fl_policy *p, struct fl_who *who,
				 struct fl_policy_set **out)
{
	struct fl_policy_set *s = fl_set_new();

	if (s == NULL)
		return FL_ERR_NOMEM;
	s->ips = who->ips; /* taken */
	who->ips = (struct fl_ipset){ 0 };
	s->failed = who->kind == FL_WHO_FAILED;
	if (s->failed)
		s->why = fl_str_dup(fl_slice_str(who->why));
	enum fl_err err = s->failed && s->why == NULL ? FL_ERR_NOMEM : look(p, who, s);
	if (err != FL_OK) {
		fl_policy_set_unref(s);
		return err;
	}
	fl_set_seal(s);
	*out = s;
	return FL_OK;
}

enum fl_err fl_policy_resolve(const struct fl_policy *p, const struct fl_alias *a,
			      struct fl_policy_set **out)
{
	const struct fl_plan *plan = p->core->plan;
	struct fl_arena arena = fl_arena_make(SIZE_MAX / 2);
	struct fl_who who = { 0 };

	if (a->number < plan->who_len) {
		*out = fl_policy_set_ref(p->sets[a->number]);
		return FL_OK;
	}
	enum fl_err err = fl_who_resolve(plan, &arena, a, &who);
	if (err == FL_OK)
		err = make_resolved(p, &who, out);
	fl_ipset_done(&who.ips);
	fl_arena_done(&arena);
	return err;
}
