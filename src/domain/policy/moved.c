/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/moved.c - the peers that came and went between two snapshots.
 *
 * Steps leave nodes in their slots, so rows of bits say what comparing two lists of all peers
 * would, sixty-four peers at a time (policy.md 11.3, 2).
 */
#include "domain/policy/core.h"

#include <stdlib.h>

struct fl_policy_moved {
	const struct fl_policy *a, *b;
	uint32_t words;  /* of the longer */
	uint64_t kept[]; /* slots that have one node in both */
};

static const struct fl_policy_facts *node_at(const struct fl_policy *p, uint32_t slot)
{
	return slot < p->words * 64 && slot < p->slots ? p->nodes[slot] : NULL;
}

static bool is_gone(const struct fl_policy_facts *f, const struct fl_policy *from)
{
	return f == NULL || fl_policy_slot(from, f->id) == FL_SLOT_NONE;
}

/* False: a node is in another slot now. */
static bool mark_kept(struct fl_policy_moved *m)
{
	for (uint32_t slot = 0; slot < m->words * 64; slot++) {
		const struct fl_policy_facts *x = node_at(m->a, slot), *y = node_at(m->b, slot);
		if (x != NULL && y != NULL && (x == y || x->id == y->id))
			fl_bit_set(m->kept, slot);
		else if (!is_gone(x, m->b) || !is_gone(y, m->a))
			return false;
	}
	return true;
}

struct fl_policy_moved *fl_policy_moved_new(const struct fl_policy *a, const struct fl_policy *b)
{
	uint32_t words = a->words > b->words ? a->words : b->words;
	struct fl_policy_moved *m = calloc(1, sizeof *m + words * sizeof *m->kept);

	if (m == NULL)
		return NULL;
	m->a = a;
	m->b = b;
	m->words = words;
	return mark_kept(m) ? m : fl_policy_moved_free(m);
}

struct fl_policy_moved *fl_policy_moved_free(struct fl_policy_moved *m)
{
	free(m);
	return NULL;
}

static void add_ids(const struct fl_policy *p, uint32_t word, uint64_t bits, uint64_t but,
		    struct fl_policy_ids *out)
{
	for (; bits != 0; bits &= bits - 1) {
		uint64_t id = p->nodes[word * 64 + (uint32_t)__builtin_ctzll(bits)]->id;
		if (id != but)
			out->at[out->len++] = id;
	}
}

static bool row_of(const struct fl_policy *p, uint64_t node, const uint64_t **out,
		   uint64_t **out_own)
{
	uint32_t slot = fl_policy_slot(p, node);

	*out = *out_own = NULL;
	if (slot == FL_SLOT_NONE)
		return true; /* it has no peers there */
	*out = fl_peers_row(p, slot, out_own);
	return *out != NULL;
}

bool fl_policy_moved_of(const struct fl_policy_moved *m, uint64_t node, struct fl_policy_ids *lost,
			struct fl_policy_ids *gained)
{
	const uint64_t *x, *y;
	uint64_t *x_own, *y_own = NULL;

	lost->len = gained->len = 0;
	bool ok = row_of(m->a, node, &x, &x_own) && row_of(m->b, node, &y, &y_own);
	for (uint32_t w = 0; ok && w < m->words; w++) {
		uint64_t was = x != NULL && w < m->a->words ? x[w] : 0;
		uint64_t is = y != NULL && w < m->b->words ? y[w] : 0;
		add_ids(m->a, w, was & ~(is & m->kept[w]), node, lost);
		add_ids(m->b, w, is & ~(was & m->kept[w]), node, gained);
	}
	free(x_own);
	free(y_own);
	return ok;
}
