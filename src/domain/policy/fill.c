/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/fill.c - the set of every alias, from all nodes.
 *
 * Identities go from nodes to aliases: a node knows its user and tags, and these know the aliases
 * that mean them. Addresses go from aliases to nodes, through an index.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

static enum fl_err mark(const struct fl_policy *p, uint32_t alias, uint32_t slot)
{
	struct fl_policy_set *s = p->sets[alias];

	if (s->inside == NULL && (s->inside = fl_bits_new(p->words)) == NULL)
		return FL_ERR_NOMEM;
	fl_bit_set(s->inside, slot);
	return FL_OK;
}

static enum fl_err mark_user(const struct fl_policy *p, uint64_t user, uint32_t slot)
{
	const struct fl_plan *plan = p->core->plan;
	size_t low = 0, high = plan->pairs_len;
	enum fl_err err = FL_OK;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (plan->pairs[mid].user < user)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < plan->pairs_len && plan->pairs[low].user == user && err == FL_OK; low++)
		err = mark(p, plan->pairs[low].alias, slot);
	return err;
}

static int compare_tag(const void *key, const void *tag)
{
	return strcmp(key, ((const struct fl_plan_tag *)tag)->text);
}

static enum fl_err mark_identity(const struct fl_policy *p, uint32_t slot)
{
	const struct fl_plan *plan = p->core->plan;
	const struct fl_policy_facts *f = p->nodes[slot];
	enum fl_err err = FL_OK;

	if (f->user != 0)
		err = mark_user(p, f->user, slot);
	for (size_t i = 0; i < f->tags_len && err == FL_OK && plan->tags_len > 0; i++) {
		const struct fl_plan_tag *tag =
			bsearch(f->tags[i], plan->tags, plan->tags_len, sizeof *tag, compare_tag);
		if (tag != NULL)
			err = mark(p, tag->alias, slot);
	}
	return err;
}

static enum fl_err mark_kinds(const struct fl_policy *p, uint32_t alias)
{
	enum fl_who_kind kind = p->core->plan->who[alias].kind;
	enum fl_err err = FL_OK;

	if (kind != FL_WHO_MEMBER && kind != FL_WHO_TAGGED)
		return FL_OK;
	for (uint32_t i = 0; i < p->slots && err == FL_OK; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f != NULL && fl_facts_tagged(f) == (kind == FL_WHO_TAGGED))
			err = mark(p, alias, i);
	}
	return err;
}

static size_t put_ips(const struct fl_policy *p, const uint64_t *bits, bool v6,
		      struct fl_range *out)
{
	size_t n = 0;

	for (uint32_t w = 0; w < p->words; w++) {
		for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
			const struct fl_policy_facts *f =
				p->nodes[w * 64 + (uint32_t)__builtin_ctzll(left)];
			const struct fl_ip *ip = v6 ? &f->ip6 : &f->ip4;
			if (fl_ip_is_set(ip))
				out[n++] = (struct fl_range){ *ip, *ip };
		}
	}
	return n;
}

/* A node without any address is inside of nothing. */
static void drop_without_ip(const struct fl_policy *p, uint64_t *bits)
{
	for (uint32_t w = 0; w < p->words; w++) {
		for (uint64_t left = bits[w]; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			const struct fl_policy_facts *f = p->nodes[slot];
			if (!fl_ip_is_set(&f->ip4) && !fl_ip_is_set(&f->ip6))
				fl_bit_clear(bits, slot);
		}
	}
}

/* `room` holds two ranges a node. */
static enum fl_err fill_identity(const struct fl_policy *p, const struct fl_index *x,
				 struct fl_range *room, struct fl_policy_set *s)
{
	if (s->inside == NULL)
		return FL_OK;
	size_t n = put_ips(p, s->inside, false, room);
	n += put_ips(p, s->inside, true, room + n);
	enum fl_err err = fl_ipset_build(&s->ips, room, n);
	drop_without_ip(p, s->inside);
	return err == FL_OK && x->stray ? fl_index_behind(x, p->words, s) : err;
}

static enum fl_err fill_ips(const struct fl_policy *p, const struct fl_index *x,
			    const struct fl_ipset *ips, struct fl_policy_set *s)
{
	enum fl_err err = fl_ipset_copy(ips, &s->ips);

	if (err == FL_OK)
		err = fl_index_inside(x, p->words, s);
	return err == FL_OK ? fl_index_behind(x, p->words, s) : err;
}

static enum fl_err blank_aliases(struct fl_policy *p)
{
	const struct fl_plan *plan = p->core->plan;

	p->sets = calloc(plan->who_len + 1, sizeof(struct fl_policy_set *));
	if (p->sets == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->who_len; i++) {
		p->sets[i] = fl_set_new();
		if (p->sets[i] == NULL)
			return FL_ERR_NOMEM;
		p->sets[i]->failed = plan->who[i].kind == FL_WHO_FAILED;
		if (!p->sets[i]->failed)
			continue;
		size_t size = strlen(plan->who[i].why) + 1;
		p->sets[i]->why = malloc(size);
		if (p->sets[i]->why == NULL)
			return FL_ERR_NOMEM;
		memcpy(p->sets[i]->why, plan->who[i].why, size);
	}
	return FL_OK;
}

static enum fl_err mark_aliases(const struct fl_policy *p)
{
	enum fl_err err = FL_OK;

	for (uint32_t i = 0; i < p->slots && err == FL_OK; i++) {
		if (p->nodes[i] != NULL)
			err = mark_identity(p, i);
	}
	for (uint32_t i = 0; i < p->core->plan->who_len && err == FL_OK; i++)
		err = mark_kinds(p, i);
	return err;
}

static enum fl_err fill_aliases(struct fl_policy *p, const struct fl_index *x)
{
	const struct fl_plan *plan = p->core->plan;
	struct fl_range *room = calloc(2 * p->nodes_len + 1, sizeof *room);
	enum fl_err err = room != NULL ? blank_aliases(p) : FL_ERR_NOMEM;

	if (err == FL_OK)
		err = mark_aliases(p);
	for (size_t i = 0; i < plan->who_len && err == FL_OK; i++) {
		if (plan->who[i].kind == FL_WHO_IPS)
			err = fill_ips(p, x, &plan->who[i].ips, p->sets[i]);
		else
			err = fill_identity(p, x, room, p->sets[i]);
		if (err == FL_OK)
			fl_set_seal(p->sets[i]);
	}
	free(room);
	return err;
}

static enum fl_err fill_fixed(struct fl_policy *p, const struct fl_index *x)
{
	for (size_t i = 0; i < FL_SET_FIXED; i++) {
		const struct fl_ipset ips = fl_fixed_view((enum fl_policy_fixed)i);
		p->fixed[i] = fl_set_new();
		enum fl_err err =
			p->fixed[i] != NULL ? fill_ips(p, x, &ips, p->fixed[i]) : FL_ERR_NOMEM;
		if (err != FL_OK)
			return err;
		fl_set_seal(p->fixed[i]);
	}
	return FL_OK;
}

enum fl_err fl_fill_sets(struct fl_policy *p)
{
	struct fl_index x;
	enum fl_err err = fl_index_init(&x, p);

	if (err != FL_OK)
		return err;
	p->core->stray = x.stray;
	err = fill_fixed(p, &x);
	if (err == FL_OK)
		err = fill_aliases(p, &x);
	fl_index_done(&x);
	return err;
}
