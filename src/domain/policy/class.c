/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/class.c - nodes that the same sides hold are one class (policy.md 11.3, 3).
 *
 * The sides of all nodes come from turning the bitmaps of sides round once. Classes are found by
 * a hash and compared side by side.
 */
#include "domain/policy/core.h"

#include <stdlib.h>

static bool counts(const struct fl_side *s)
{
	return s->out_len + s->in_len + s->lines_len > 0;
}

static uint64_t hash_sides(const uint32_t *sides, size_t n, bool exit)
{
	uint64_t h = n * 2 + exit;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ sides[i]) * 0x9e3779b97f4a7c15;
		h ^= h >> 32;
	}
	return h;
}

static bool is_class(const struct fl_class *k, uint64_t hash, const uint32_t *sides, size_t n,
		     bool exit)
{
	return k->hash == hash && k->exit == exit && k->len == n &&
	       (n == 0 || memcmp(k->sides, sides, n * sizeof *sides) == 0);
}

static struct fl_class *make_class(uint64_t hash, const uint32_t *sides, size_t n, bool exit)
{
	struct fl_class *k = malloc(sizeof *k + n * sizeof *sides);

	if (k == NULL)
		return NULL;
	atomic_init(&k->refs, 1);
	k->hash = hash;
	k->exit = exit;
	k->len = n;
	if (n > 0)
		memcpy(k->sides, sides, n * sizeof *sides);
	return k;
}

struct fl_class *fl_class_unref(struct fl_class *k)
{
	if (k != NULL && atomic_fetch_sub_explicit(&k->refs, 1, memory_order_acq_rel) == 1)
		free(k);
	return NULL;
}

/* One more place. */
static enum fl_err place_class(struct fl_core *c, struct fl_class *k, uint32_t *out)
{
	size_t at = c->classes_len;

	if (c->classes_len == c->classes_cap) {
		size_t cap = c->classes_cap > 0 ? c->classes_cap * 2 : 64;
		struct fl_class **classes = realloc(c->classes, cap * sizeof(struct fl_class *));
		if (classes == NULL)
			return FL_ERR_NOMEM;
		c->classes = classes;
		uint32_t *nodes = realloc(c->class_nodes, cap * sizeof *nodes);
		if (nodes == NULL)
			return FL_ERR_NOMEM;
		c->class_nodes = nodes;
		c->classes_cap = cap;
	}
	c->classes[at] = k;
	c->class_nodes[at] = 0;
	c->classes_len++;
	*out = (uint32_t)at;
	return FL_OK;
}

static enum fl_err add_class(struct fl_core *c, uint64_t hash, const uint32_t *sides, size_t n,
			     bool exit, uint32_t *out)
{
	struct fl_class *k = make_class(hash, sides, n, exit);
	enum fl_err err = k != NULL ? place_class(c, k, out) : FL_ERR_NOMEM;

	if (err != FL_OK)
		free(k);
	return err;
}

/* ---- one node ---- */

static bool holds(const struct fl_policy_set *s, uint32_t slot)
{
	return fl_bit(s->inside, slot) || fl_bit(s->behind, slot);
}

static size_t sides_of(const struct fl_policy *p, uint32_t slot, uint32_t *out)
{
	const struct fl_plan *plan = p->core->plan;
	size_t n = 0;

	for (uint32_t i = 0; i < plan->sides_len; i++) {
		if (counts(&plan->sides[i]) && holds(p->core->sides[i], slot))
			out[n++] = i;
	}
	return n;
}

/* A place that nobody uses any more is taken over by a new class. */
static enum fl_err find_class(struct fl_core *c, const uint32_t *sides, size_t n, bool exit,
			      uint32_t *out)
{
	uint64_t hash = hash_sides(sides, n, exit);
	uint32_t unused = FL_NO_INDEX;

	for (uint32_t i = 0; i < c->classes_len; i++) {
		if (is_class(c->classes[i], hash, sides, n, exit)) {
			*out = i;
			return FL_OK;
		}
		if (c->class_nodes[i] == 0)
			unused = i;
	}
	if (unused == FL_NO_INDEX)
		return add_class(c, hash, sides, n, exit, out);
	struct fl_class *k = make_class(hash, sides, n, exit);
	if (k == NULL)
		return FL_ERR_NOMEM;
	fl_class_unref(c->classes[unused]);
	c->classes[unused] = k;
	*out = unused;
	return FL_OK;
}

enum fl_err fl_class_give(struct fl_policy *p, uint32_t slot)
{
	uint32_t *sides = calloc(p->core->plan->sides_len + 1, sizeof *sides), k = 0;

	if (sides == NULL)
		return FL_ERR_NOMEM;
	size_t n = sides_of(p, slot, sides);
	enum fl_err err = find_class(p->core, sides, n, p->nodes[slot]->exits_len > 0, &k);
	free(sides);
	if (err != FL_OK)
		return err;
	p->core->class_of[slot] = k;
	p->core->class_nodes[k]++;
	return FL_OK;
}

void fl_class_drop(struct fl_core *c, uint32_t slot)
{
	if (c->class_of[slot] != FL_NO_INDEX)
		c->class_nodes[c->class_of[slot]]--;
	c->class_of[slot] = FL_NO_INDEX;
}

/* ---- all nodes ---- */

struct turned {
	size_t *from;    /* by slot, and one more */
	uint32_t *sides; /* of all slots, one after the other */
};

static uint64_t held_word(const struct fl_policy_set *s, uint32_t w)
{
	return (s->inside != NULL ? s->inside[w] : 0) | (s->behind != NULL ? s->behind[w] : 0);
}

/* Counts the sides of each slot, or with `sides` puts them where the counts lead. */
static void walk_sides(const struct fl_policy *p, size_t *at, uint32_t *sides)
{
	const struct fl_plan *plan = p->core->plan;

	for (uint32_t i = 0; i < plan->sides_len; i++) {
		const struct fl_policy_set *s = p->core->sides[i];
		if (!counts(&plan->sides[i]) || (s->inside == NULL && s->behind == NULL))
			continue;
		for (uint32_t w = 0; w < p->words; w++) {
			for (uint64_t left = held_word(s, w); left != 0; left &= left - 1) {
				uint32_t slot = w * 64 + (uint32_t)__builtin_ctzll(left);
				if (sides != NULL)
					sides[at[slot]] = i;
				at[slot]++;
			}
		}
	}
}

static enum fl_err turn(const struct fl_policy *p, struct turned *t)
{
	size_t total = 0;

	t->from = calloc((size_t)p->slots + 1, sizeof *t->from);
	if (t->from == NULL)
		return FL_ERR_NOMEM;
	walk_sides(p, t->from, NULL);
	for (uint32_t i = 0; i <= p->slots; i++) {
		size_t n = t->from[i];
		t->from[i] = total;
		total += n;
	}
	t->sides = malloc((total + 1) * sizeof *t->sides);
	if (t->sides == NULL)
		return FL_ERR_NOMEM;
	walk_sides(p, t->from, t->sides); /* now each `from` is where the next slot begins */
	return FL_OK;
}

static enum fl_err give_all(struct fl_policy *p, const struct turned *t, uint32_t *table,
			    size_t cap)
{
	struct fl_core *c = p->core;

	for (uint32_t i = 0; i < p->slots; i++) {
		if (p->nodes[i] == NULL)
			continue;
		size_t from = i > 0 ? t->from[i - 1] : 0, n = t->from[i] - from;
		const uint32_t *sides = t->sides + from;
		bool exit = p->nodes[i]->exits_len > 0;
		uint64_t hash = hash_sides(sides, n, exit);
		size_t at = (size_t)hash & (cap - 1);
		while (table[at] != FL_NO_INDEX &&
		       !is_class(c->classes[table[at]], hash, sides, n, exit))
			at = (at + 1) & (cap - 1);
		if (table[at] == FL_NO_INDEX) {
			enum fl_err err = add_class(c, hash, sides, n, exit, &table[at]);
			if (err != FL_OK)
				return err;
		}
		c->class_of[i] = table[at];
		c->class_nodes[table[at]]++;
	}
	return FL_OK;
}

enum fl_err fl_classes_new(struct fl_policy *p)
{
	struct turned t = { 0 };
	size_t cap = 64;

	while (cap < 2 * p->nodes_len)
		cap *= 2;
	uint32_t *table = malloc(cap * sizeof *table);
	p->core->class_of = malloc(p->slots * sizeof *p->core->class_of);
	enum fl_err err = table != NULL && p->core->class_of != NULL ? FL_OK : FL_ERR_NOMEM;
	if (err == FL_OK) {
		memset(table, 0xff, cap * sizeof *table);
		memset(p->core->class_of, 0xff, p->slots * sizeof *p->core->class_of);
		err = turn(p, &t);
	}
	if (err == FL_OK)
		err = give_all(p, &t, table, cap);
	free(t.from);
	free(t.sides);
	free(table);
	return err;
}
