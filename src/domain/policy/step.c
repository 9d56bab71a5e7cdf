/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/step.c - the next snapshot from the last one and the nodes that changed.
 *
 * What a change does not touch is counted once more; what it touches is copied with some bits
 * turned and some ranges put in or taken out. Where too much changes, or the empty slots do not
 * suffice, everything is compiled anew: the result is the same.
 */
#include "domain/policy/core.h"
#include "domain/policy/ssh.h"

#include <stdlib.h>

enum { MOVES_FEW = 64 }; /* more of them, and more than a part of all: compile anew */

/* ---- what moved ---- */

static bool is_router(const struct fl_policy_facts *f)
{
	return f != NULL && f->subnets_len > 0;
}

static void judge(struct fl_move *m)
{
	bool both = m->was != NULL && m->is != NULL;

	m->ips = !both || !fl_facts_same_ips(m->was, m->is);
	m->subnets = both ? !fl_facts_same_subnets(m->was, m->is)
			  : is_router(m->was) || is_router(m->is);
}

struct merge {
	const struct fl_policy *old;
	const struct fl_policy_node *changed;
	size_t changed_len;
	const uint64_t *removed;
	size_t removed_len;
	struct fl_policy_facts **fresh; /* of the changed */
	uint32_t empty;                 /* the next slot to look at for an empty one */
	bool full;                      /* there was none */
};

static uint32_t take_slot(struct merge *m)
{
	while (m->empty < m->old->slots && m->old->nodes[m->empty] != NULL)
		m->empty++;
	m->full = m->full || m->empty == m->old->slots;
	return m->full ? FL_SLOT_NONE : m->empty++;
}

static bool is_changed(const struct merge *m, uint64_t id)
{
	size_t low = 0, high = m->changed_len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->changed[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < m->changed_len && m->changed[low].id == id;
}

/* A node that is exactly as it was is none; one both changed and removed is there. */
static size_t list_moves(struct merge *m, struct fl_move *moves)
{
	size_t n = 0;

	for (size_t i = 0; i < m->changed_len; i++) {
		uint32_t slot = fl_policy_slot(m->old, m->changed[i].id);
		const struct fl_policy_facts *was =
			slot != FL_SLOT_NONE ? m->old->nodes[slot] : NULL;
		if (was != NULL && fl_facts_eq(was, m->fresh[i]))
			continue;
		moves[n] = (struct fl_move){ .slot = was != NULL ? slot : take_slot(m),
					     .was = was,
					     .is = m->fresh[i] };
		judge(&moves[n++]);
	}
	for (size_t i = 0; i < m->removed_len; i++) {
		uint32_t slot = fl_policy_slot(m->old, m->removed[i]);
		if (slot == FL_SLOT_NONE || is_changed(m, m->removed[i]))
			continue;
		moves[n] = (struct fl_move){ .slot = slot, .was = m->old->nodes[slot] };
		judge(&moves[n++]);
	}
	return n;
}

/* ---- nodes ---- */

static int compare_places(const void *a, const void *b)
{
	const struct fl_policy_place *x = a, *y = b;
	return (x->id > y->id) - (x->id < y->id);
}

/* The old order without those that left, and the new ones sorted in. */
static void merge_places(const struct fl_step *st, struct fl_places *to)
{
	bool sorted = true;

	for (size_t i = 0; i < st->old->nodes_len; i++) {
		const struct fl_policy_place *at = &st->old->by_id[i];
		if (st->p->nodes[at->slot] != NULL)
			to->at[to->len++] = *at;
	}
	for (size_t i = 0; i < st->len; i++) {
		const struct fl_move *m = &st->moves[i];
		if (m->was != NULL)
			continue;
		sorted = sorted && (to->len == 0 || to->at[to->len - 1].id < m->is->id);
		to->at[to->len++] = (struct fl_policy_place){ m->is->id, m->slot };
	}
	if (!sorted)
		qsort(to->at, to->len, sizeof *to->at, compare_places);
}

static enum fl_err place(const struct fl_step *st)
{
	struct fl_places *places = st->old->core->places;
	bool moved = false;

	for (size_t i = 0; i < st->len; i++)
		moved = moved || st->moves[i].was == NULL || st->moves[i].is == NULL;
	if (moved) {
		places = fl_places_new(st->old->nodes_len + st->len);
		if (places == NULL)
			return FL_ERR_NOMEM;
		merge_places(st, places);
	} else {
		atomic_fetch_add_explicit(&places->refs, 1, memory_order_relaxed);
	}
	fl_places_use(st->p, places);
	return FL_OK;
}

static void move_nodes(const struct fl_step *st)
{
	struct fl_policy *p = st->p;

	for (size_t i = 0; i < st->len; i++) {
		const struct fl_move *m = &st->moves[i];
		p->nodes[m->slot] = (struct fl_policy_facts *)(uintptr_t)m->is;
		fl_bit_clear(p->routers, m->slot);
		fl_bit_clear(p->exits, m->slot);
		if (m->is == NULL)
			continue;
		if (m->is->subnets_len > 0)
			fl_bit_set(p->routers, m->slot);
		if (m->is->exits_len > 0)
			fl_bit_set(p->exits, m->slot);
		p->core->odd = p->core->odd || fl_facts_odd(m->is);
	}
	for (uint32_t i = 0; i < p->slots; i++) {
		if (p->nodes[i] != NULL)
			fl_facts_ref(p->nodes[i]);
	}
}

static enum fl_err place_nodes(const struct fl_step *st)
{
	struct fl_policy *p = st->p;
	struct fl_policy_facts **nodes = malloc(p->slots * sizeof(struct fl_policy_facts *));

	p->routers = fl_bits_copy(st->old->routers, p->words);
	p->exits = fl_bits_copy(st->old->exits, p->words);
	if (nodes == NULL || p->routers == NULL || p->exits == NULL) {
		free(nodes);
		return FL_ERR_NOMEM;
	}
	memcpy(nodes, st->old->nodes, p->slots * sizeof(struct fl_policy_facts *));
	p->nodes = nodes;
	p->core->odd = st->old->core->odd;
	move_nodes(st);
	return place(st);
}

/* ---- served subnets, and routers in front of what moved ---- */

static enum fl_err serve(const struct fl_step *st)
{
	struct fl_core *c = st->p->core;
	enum fl_err err = FL_OK;

	if (st->served) {
		err = fl_core_serve(st->p);
	} else {
		c->served = st->old->core->served;
		atomic_fetch_add_explicit(&c->served->refs, 1, memory_order_relaxed);
	}
	c->stray = err == FL_OK &&
		   (st->old->core->stray || c->odd ||
		    fl_ipset_overlaps_set(&c->served->ips, &st->old->fixed[FL_SET_WILDCARD]->ips));
	return err;
}

static bool in_front(const struct fl_policy_facts *router, const struct fl_policy_facts *of)
{
	for (size_t i = 0; of != NULL && i < router->subnets_len; i++) {
		if (fl_prefix_has(&router->subnets[i], &of->ip4) ||
		    fl_prefix_has(&router->subnets[i], &of->ip6))
			return true;
	}
	return false;
}

static bool is_near(const struct fl_step *st, uint32_t slot)
{
	for (size_t i = 0; i < st->len; i++) {
		if (in_front(st->p->nodes[slot], st->moves[i].was) ||
		    in_front(st->p->nodes[slot], st->moves[i].is))
			return true;
	}
	return false;
}

static enum fl_err find_near(struct fl_step *st)
{
	st->near = calloc(st->p->nodes_len + 1, sizeof *st->near);
	if (st->near == NULL)
		return FL_ERR_NOMEM;
	for (uint32_t i = 0; i < st->p->slots && st->p->core->stray; i++) {
		if (fl_bit(st->p->routers, i) && is_near(st, i))
			st->near[st->near_len++] = i;
	}
	return FL_OK;
}

/* ---- the step ---- */

static enum fl_err build(struct fl_step *st)
{
	enum fl_err err = place_nodes(st);

	if (err == FL_OK)
		err = serve(st);
	if (err == FL_OK)
		err = find_near(st);
	if (err == FL_OK)
		err = fl_step_sets(st);
	if (err == FL_OK)
		err = fl_step_sources(st);
	if (err == FL_OK)
		err = fl_core_edges(st->p);
	if (err == FL_OK)
		err = fl_core_groups(st->p->core, st->old->core);
	if (err == FL_OK)
		err = fl_step_selfs(st);
	if (err == FL_OK)
		err = fl_step_vias(st);
	if (err == FL_OK)
		err = fl_step_classes(st);
	return err == FL_OK ? fl_core_rows(st->p->core) : err;
}

static enum fl_err step(struct merge *m, struct fl_move *moves, size_t n, struct fl_policy **out)
{
	struct fl_step st = { .old = m->old, .moves = moves, .len = n };

	for (size_t i = 0; i < n; i++)
		st.served = st.served || moves[i].subnets;
	st.p = fl_policy_blank(m->old->core->plan, m->old->words);
	enum fl_err err = st.p != NULL ? build(&st) : FL_ERR_NOMEM;
	free(st.near);
	if (err != FL_OK) {
		fl_policy_unref(st.p);
		return err;
	}
	*out = st.p;
	return FL_OK;
}

static int compare_facts(const void *a, const void *b)
{
	const struct fl_policy_facts *const *x = a, *const *y = b;
	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static enum fl_err anew(const struct merge *m, struct fl_policy **out)
{
	size_t n = 0;
	struct fl_policy_facts **facts =
		calloc(m->old->nodes_len + m->changed_len + 1, sizeof(struct fl_policy_facts *));

	if (facts == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < m->old->nodes_len; i++) {
		const struct fl_policy_place *at = &m->old->by_id[i];
		bool gone = is_changed(m, at->id);
		for (size_t k = 0; k < m->removed_len && !gone; k++)
			gone = m->removed[k] == at->id;
		if (!gone)
			facts[n++] = m->old->nodes[at->slot];
	}
	for (size_t i = 0; i < m->changed_len; i++)
		facts[n++] = m->fresh[i];
	qsort(facts, n, sizeof(struct fl_policy_facts *), compare_facts);
	enum fl_err err = fl_policy_build(m->old->core->plan, facts, n, out);
	free(facts);
	return err;
}

static enum fl_err take_step(struct merge *m, struct fl_policy **out)
{
	size_t most = m->changed_len + m->removed_len;
	struct fl_move *moves = calloc(most + 1, sizeof *moves);

	if (moves == NULL)
		return FL_ERR_NOMEM;
	size_t n = list_moves(m, moves);
	bool many = n > MOVES_FEW && n > m->old->nodes_len / 16;
	enum fl_err err = m->full || many ? anew(m, out) : step(m, moves, n, out);
	free(moves);
	return err;
}

static bool ascends(const struct merge *m)
{
	for (size_t i = 1; i < m->changed_len; i++) {
		if (m->changed[i - 1].id >= m->changed[i].id)
			return false;
	}
	for (size_t i = 1; i < m->removed_len; i++) {
		if (m->removed[i - 1] >= m->removed[i])
			return false;
	}
	return true;
}

enum fl_err fl_policy_step(const struct fl_policy *old, const struct fl_policy_node *changed,
			   size_t changed_len, const uint64_t *removed, size_t removed_len,
			   struct fl_policy **out)
{
	struct merge m = { old, changed, changed_len, removed, removed_len, NULL, 0, false };
	enum fl_err err = FL_OK;
	size_t n = 0;

	if (!ascends(&m))
		return FL_ERR_ARG;
	m.fresh = calloc(changed_len + 1, sizeof(struct fl_policy_facts *));
	if (m.fresh == NULL)
		return FL_ERR_NOMEM;
	for (; n < changed_len && err == FL_OK; n += err == FL_OK)
		err = fl_facts_new(&changed[n], &m.fresh[n]);
	if (err == FL_OK)
		err = take_step(&m, out);
	if (err == FL_OK)
		fl_ssh_follow(old, *out);
	for (size_t i = 0; i < n; i++)
		fl_facts_unref(m.fresh[i]);
	free(m.fresh);
	return err;
}
