/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/peers.c - who sees whom (policy.md 4.11), without looking at pairs.
 *
 * A shared rule makes everybody on one side see everybody on the other. So the peers of a class
 * are a union of sides, kept as a row of bits once somebody asked. The rules of one user or one
 * router count only for pairs that it is part of; they come on top for each node.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

static bool holds(const struct fl_policy_set *s, uint32_t slot)
{
	return fl_bit(s->inside, slot) || fl_bit(s->behind, slot);
}

/* As a destination: an exit node also stands for the internet. */
static bool holds_dst(const struct fl_policy *p, const struct fl_policy_set *s, uint32_t slot)
{
	return holds(s, slot) || (s->internet && fl_bit(p->exits, slot));
}

static bool reaches(const struct fl_policy *p, const struct fl_policy_edge *e, uint32_t a,
		    uint32_t b)
{
	return (holds(e->src, a) && holds_dst(p, e->dst, b)) ||
	       (holds(e->src, b) && holds_dst(p, e->dst, a));
}

/* ---- shared edges ---- */

static void or_bits(uint64_t *to, const uint64_t *bits, uint32_t words)
{
	for (uint32_t i = 0; bits != NULL && i < words; i++)
		to[i] |= bits[i];
}

static void or_src(const struct fl_policy *p, const struct fl_policy_set *s, uint64_t *row)
{
	or_bits(row, s->inside, p->words);
	or_bits(row, s->behind, p->words);
}

static void or_dst(const struct fl_policy *p, const struct fl_policy_set *s, uint64_t *row)
{
	or_src(p, s, row);
	if (s->internet)
		or_bits(row, p->exits, p->words);
}

/* Sides to be united, each once whatever leads to it. */
struct wanted {
	uint64_t *src, *dst;
};

static void want(uint64_t *to, const uint32_t *sides, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fl_bit_set(to, sides[i]);
}

static void want_all(const struct fl_policy *p, const struct fl_class *k, struct wanted *w)
{
	const struct fl_plan *plan = p->core->plan;

	for (size_t i = 0; i < k->len; i++) {
		const struct fl_side *s = &plan->sides[k->sides[i]];
		want(w->dst, plan->out + s->out, s->out_len);
		want(w->src, plan->in + s->in, s->in_len);
	}
	for (uint32_t i = 0; i < plan->sides_len && k->exit; i++) {
		if (p->core->sides[i]->internet)
			want(w->src, plan->in + plan->sides[i].in, plan->sides[i].in_len);
	}
}

static uint64_t *make_row(const struct fl_policy *p, const struct fl_class *k)
{
	uint32_t n = (uint32_t)p->core->plan->sides_len, words = n / 64 + 1;
	struct wanted w = { fl_bits_new(words), fl_bits_new(words) };
	uint64_t *row = fl_bits_new(p->words);

	if (w.src == NULL || w.dst == NULL || row == NULL) {
		free(row);
		row = NULL;
	} else {
		want_all(p, k, &w);
		for (uint32_t i = 0; i < n; i++) {
			if (fl_bit(w.dst, i))
				or_dst(p, p->core->sides[i], row);
			else if (fl_bit(w.src, i))
				or_src(p, p->core->sides[i], row);
		}
	}
	free(w.src);
	free(w.dst);
	return row;
}

/* NULL: out of memory. As with texts, two at once make it twice and one is dropped. */
static const uint64_t *row_of(const struct fl_policy *p, uint32_t slot)
{
	uint32_t k = p->core->class_of[slot];
	uint64_t *have = atomic_load_explicit(&p->core->rows[k], memory_order_acquire);

	if (have != NULL)
		return have;
	uint64_t *fresh = make_row(p, p->core->classes[k]);
	if (fresh == NULL)
		return NULL;
	if (atomic_compare_exchange_strong_explicit(&p->core->rows[k], &have, fresh,
						    memory_order_acq_rel, memory_order_acquire))
		return fresh;
	free(fresh);
	return have;
}

static bool sees_shared(const struct fl_policy *p, uint32_t a, uint32_t b)
{
	for (size_t i = 0; i < p->edges_len; i++) {
		if (reaches(p, &p->edges[i], a, b))
			return true;
	}
	return false;
}

/* ---- edges of users and routers ---- */

static const struct fl_part *self_of(const struct fl_policy *p, uint32_t slot)
{
	const struct fl_policy_facts *f = p->nodes[slot];

	return f->user != 0 ? fl_part_find(p->core->selfs, p->core->selfs_len, f->user) : NULL;
}

static const struct fl_part *via_of(const struct fl_policy *p, uint32_t slot)
{
	return fl_part_find(p->core->vias, p->core->vias_len, slot);
}

static bool sees_part(const struct fl_policy *p, const struct fl_part *part, uint32_t a, uint32_t b)
{
	for (size_t i = 0; part != NULL && i < part->len; i++) {
		if (reaches(p, &part->edges[i], a, b))
			return true;
	}
	return false;
}

static bool sees_own(const struct fl_policy *p, uint32_t a, uint32_t b)
{
	if (p->core->selfs_len == 0 && p->core->vias_len == 0)
		return false;
	return sees_part(p, self_of(p, a), a, b) || sees_part(p, self_of(p, b), a, b) ||
	       sees_part(p, via_of(p, a), a, b) || sees_part(p, via_of(p, b), a, b);
}

/* The node's own rules: whoever is on the other side. */
static void add_own(const struct fl_policy *p, const struct fl_part *part, uint32_t slot,
		    uint64_t *row)
{
	for (size_t i = 0; part != NULL && i < part->len; i++) {
		const struct fl_policy_edge *e = &part->edges[i];
		if (holds(e->src, slot))
			or_dst(p, e->dst, row);
		if (holds_dst(p, e->dst, slot))
			or_src(p, e->src, row);
	}
}

/* Rules that others own: only the owners are seen. */
static void add_others(const struct fl_policy *p, uint32_t slot, uint64_t *row)
{
	const struct fl_core *c = p->core;

	for (size_t i = 0; i < c->vias_len; i++) {
		uint32_t router = (uint32_t)c->vias[i]->owner;
		if (sees_part(p, c->vias[i], slot, router))
			fl_bit_set(row, router);
	}
	if (!c->stray || !fl_bit(p->routers, slot))
		return; /* the rules of other users hold only their devices and routers behind */
	for (size_t i = 0; i < c->selfs_len; i++) {
		const struct fl_part *part = c->selfs[i];
		for (size_t k = 0; k < part->devices_len; k++) {
			if (sees_part(p, part, slot, part->devices[k]))
				fl_bit_set(row, part->devices[k]);
		}
	}
}

/* ---- answers ---- */

bool fl_policy_sees(const struct fl_policy *p, uint64_t a, uint64_t b)
{
	uint32_t x = fl_policy_slot(p, a), y = fl_policy_slot(p, b);

	if (x == FL_SLOT_NONE || y == FL_SLOT_NONE || x == y)
		return false;
	const uint64_t *row = row_of(p, x);
	return (row != NULL ? fl_bit(row, y) : sees_shared(p, x, y)) || sees_own(p, x, y);
}

struct ids {
	uint64_t *at;
	size_t cap, len;
	bool sorted;
	uint64_t last;
};

static void put_id(struct ids *ids, uint64_t id)
{
	ids->sorted = ids->sorted && id > ids->last;
	ids->last = id;
	if (ids->len < ids->cap)
		ids->at[ids->len] = id;
	ids->len++;
}

/* Bits in the order of slots, which mostly is that of ids. */
static void list_row(const struct fl_policy *p, const uint64_t *row, uint32_t self, struct ids *ids)
{
	for (uint32_t w = 0; w < p->words; w++) {
		for (uint64_t left = row[w]; left != 0; left &= left - 1) {
			uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
			if (slot != self)
				put_id(ids, p->nodes[slot]->id);
		}
	}
}

static void list_by_id(const struct fl_policy *p, const uint64_t *row, uint32_t self,
		       struct ids *ids)
{
	for (size_t i = 0; i < p->nodes_len; i++) {
		uint32_t slot = p->by_id[i].slot;
		if (slot == self)
			continue;
		if (row != NULL ? fl_bit(row, slot)
				: sees_shared(p, self, slot) || sees_own(p, self, slot))
			put_id(ids, p->by_id[i].id);
	}
}

/* That of its class where nothing comes on top. */
const uint64_t *fl_peers_row(const struct fl_policy *p, uint32_t slot, uint64_t **out_own)
{
	const uint64_t *shared = row_of(p, slot);
	const struct fl_core *c = p->core;

	*out_own = NULL;
	if (shared == NULL || (c->selfs_len == 0 && c->vias_len == 0))
		return shared;
	uint64_t *own = fl_bits_copy(shared, p->words);
	if (own == NULL)
		return NULL;
	add_own(p, self_of(p, slot), slot, own);
	add_own(p, via_of(p, slot), slot, own);
	add_others(p, slot, own);
	*out_own = own;
	return own;
}

/* Out of memory, pairs are looked at one by one: slower, but no peer is lost. */
size_t fl_policy_peers(const struct fl_policy *p, uint64_t node, uint64_t *out, size_t cap)
{
	struct ids ids = { .at = out, .cap = cap, .sorted = true };
	uint32_t slot = fl_policy_slot(p, node);
	uint64_t *own;

	if (slot == FL_SLOT_NONE)
		return 0;
	const uint64_t *row = fl_peers_row(p, slot, &own);
	if (row != NULL)
		list_row(p, row, slot, &ids);
	if (row == NULL || !ids.sorted) {
		ids = (struct ids){ .at = out, .cap = cap, .sorted = true };
		list_by_id(p, row, slot, &ids);
	}
	free(own);
	return ids.len;
}
