/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/policy/stepparts.c - the edges of users and routers, and classes, after nodes changed. */
#include "domain/policy/core.h"

#include <stdlib.h>

/* ---- users ---- */

static uint64_t user_of(const struct fl_policy_facts *f)
{
	return f != NULL ? f->user : 0;
}

static int compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Users that a moved node has or had, ascending, each once. */
static size_t moved_users(const struct fl_step *st, uint64_t *users)
{
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < st->len; i++) {
		uint64_t was = user_of(st->moves[i].was), is = user_of(st->moves[i].is);
		if (was != 0)
			users[n++] = was;
		if (is != 0)
			users[n++] = is;
	}
	if (n > 1)
		qsort(users, n, sizeof *users, compare_ids);
	for (size_t i = 0; i < n; i++) {
		if (kept == 0 || users[kept - 1] != users[i])
			users[kept++] = users[i];
	}
	return kept;
}

static void put_device(const struct fl_policy *p, uint32_t *slots, size_t *n, uint32_t slot)
{
	size_t at = (*n)++;

	for (; at > 0 && p->nodes[slots[at - 1]]->id > p->nodes[slot]->id; at--)
		slots[at] = slots[at - 1];
	slots[at] = slot;
}

/* Those it had and still has, and those that came, by id. */
static size_t devices_of(const struct fl_step *st, const struct fl_part *old, uint64_t user,
			 uint32_t *slots)
{
	size_t n = 0;

	for (size_t i = 0; old != NULL && i < old->devices_len; i++) {
		if (user_of(st->p->nodes[old->devices[i]]) == user)
			slots[n++] = old->devices[i];
	}
	for (size_t i = 0; i < st->len; i++) {
		const struct fl_move *m = &st->moves[i];
		if (user_of(m->is) == user && user_of(m->was) != user)
			put_device(st->p, slots, &n, m->slot);
	}
	return n;
}

static enum fl_err renew_self(const struct fl_step *st, const struct fl_part *old, uint64_t user)
{
	struct fl_core *c = st->p->core;
	size_t most = (old != NULL ? old->devices_len : 0) + st->len;
	uint32_t *slots = calloc(most + 1, sizeof *slots);

	if (slots == NULL)
		return FL_ERR_NOMEM;
	size_t n = devices_of(st, old, user, slots);
	enum fl_err err =
		n > 0 ? fl_part_self(st->p, user, slots, n, &c->selfs[c->selfs_len]) : FL_OK;
	free(slots);
	c->selfs_len += n > 0 && err == FL_OK;
	return err;
}

static bool has_turned(const struct fl_step *st, const struct fl_part *part)
{
	for (size_t i = 0; i < part->len; i++) {
		if (fl_step_turns(st, part->edges[i].src) || fl_step_turns(st, part->edges[i].dst))
			return true;
	}
	return fl_step_turns(st, part->all);
}

/* Devices of others stand still; a router in front of them may come or go. */
static enum fl_err keep_self(const struct fl_step *st, struct fl_part *old)
{
	struct fl_core *c = st->p->core;

	if (st->served && c->stray && has_turned(st, old))
		return renew_self(st, old, old->owner);
	c->selfs[c->selfs_len++] = fl_part_ref(old);
	return FL_OK;
}

static enum fl_err merge_selfs(const struct fl_step *st, const uint64_t *users, size_t n)
{
	const struct fl_core *old = st->old->core;
	enum fl_err err = FL_OK;

	for (size_t i = 0, k = 0; (i < old->selfs_len || k < n) && err == FL_OK;) {
		uint64_t has = i < old->selfs_len ? old->selfs[i]->owner : UINT64_MAX;
		if (k == n || has < users[k]) {
			err = keep_self(st, old->selfs[i++]);
		} else {
			err = renew_self(st, has == users[k] ? old->selfs[i] : NULL, users[k]);
			i += has == users[k++];
		}
	}
	return err;
}

enum fl_err fl_step_selfs(const struct fl_step *st)
{
	struct fl_core *c = st->p->core;

	if (c->plan->selfs_len == 0)
		return FL_OK;
	uint64_t *users = calloc(2 * st->len + 1, sizeof *users);
	c->selfs = calloc(st->old->core->selfs_len + 2 * st->len + 1, sizeof(struct fl_part *));
	enum fl_err err = FL_ERR_NOMEM;
	if (users != NULL && c->selfs != NULL)
		err = merge_selfs(st, users, moved_users(st, users));
	free(users);
	return err;
}

/* ---- routers ---- */

static bool is_touched(const struct fl_step *st, uint32_t rule)
{
	const struct fl_plan *plan = st->p->core->plan;
	const struct fl_rule *r = &plan->doc->rules[rule];
	uint32_t side = plan->rules[rule].via_src;

	if (st->p->core->sides[side] != st->old->core->sides[side])
		return true;
	for (size_t i = 0; i < r->dst.len; i++) {
		if (fl_policy_alias(st->p, &r->dst.at[i]) !=
		    fl_policy_alias(st->old, &r->dst.at[i]))
			return true;
	}
	return false;
}

/* Rules whose source or destinations are not what they were, in the order of the plan. */
static size_t touched_rules(const struct fl_step *st, uint32_t *rules)
{
	const struct fl_plan *plan = st->p->core->plan;
	size_t n = 0;

	for (size_t i = 0; i < plan->vias_len; i++) {
		if (is_touched(st, plan->vias[i]))
			rules[n++] = plan->vias[i];
	}
	return n;
}

static bool is_moved(const struct fl_step *st, uint32_t slot)
{
	for (size_t i = 0; i < st->len; i++) {
		if (st->moves[i].slot == slot)
			return true;
	}
	return false;
}

static bool is_stale(const struct fl_step *st, uint32_t slot, const struct fl_part *old,
		     const uint32_t *rules, size_t n)
{
	const struct fl_plan *plan = st->p->core->plan;

	if (is_moved(st, slot))
		return true;
	for (size_t i = 0; i < n; i++) {
		if (fl_facts_carry(st->p->nodes[slot], &plan->doc->rules[rules[i]].via))
			return true;
	}
	for (size_t i = 0; old != NULL && i < old->len; i++) {
		if (fl_step_turns(st, old->edges[i].dst))
			return true;
	}
	return false;
}

static enum fl_err step_via(const struct fl_step *st, uint32_t slot, const uint32_t *rules,
			    size_t n)
{
	struct fl_core *c = st->p->core;
	const struct fl_core *was = st->old->core;
	struct fl_part *old = fl_part_find(was->vias, was->vias_len, slot), *part = NULL;

	if (is_stale(st, slot, old, rules, n)) {
		enum fl_err err = fl_part_via(st->p, slot, &part);
		if (err != FL_OK)
			return err;
	} else if (old != NULL) {
		part = fl_part_ref(old);
	}
	if (part != NULL)
		c->vias[c->vias_len++] = part;
	return FL_OK;
}

enum fl_err fl_step_vias(const struct fl_step *st)
{
	struct fl_policy *p = st->p;
	const struct fl_plan *plan = p->core->plan;
	enum fl_err err = FL_ERR_NOMEM;

	if (plan->vias_len == 0)
		return FL_OK;
	uint32_t *rules = calloc(plan->vias_len, sizeof *rules);
	p->core->vias = calloc(p->nodes_len + 1, sizeof(struct fl_part *));
	if (rules != NULL && p->core->vias != NULL) {
		size_t n = touched_rules(st, rules);
		err = FL_OK;
		for (uint32_t i = 0; i < p->slots && err == FL_OK; i++) {
			if (fl_bit(p->routers, i) || fl_bit(p->exits, i))
				err = step_via(st, i, rules, n);
		}
	}
	free(rules);
	return err;
}

/* ---- classes ---- */

static enum fl_err copy_classes(const struct fl_step *st)
{
	struct fl_core *c = st->p->core;
	const struct fl_core *old = st->old->core;
	size_t cap = old->classes_len + 16;

	c->class_of = malloc(st->p->slots * sizeof *c->class_of);
	c->classes = malloc(cap * sizeof(struct fl_class *));
	c->class_nodes = malloc(cap * sizeof *c->class_nodes);
	if (c->class_of == NULL || c->classes == NULL || c->class_nodes == NULL)
		return FL_ERR_NOMEM;
	memcpy(c->class_of, old->class_of, st->p->slots * sizeof *c->class_of);
	if (old->classes_len > 0)
		memcpy(c->class_nodes, old->class_nodes, old->classes_len * sizeof *c->class_nodes);
	for (; c->classes_len < old->classes_len; c->classes_len++) {
		c->classes[c->classes_len] = old->classes[c->classes_len];
		atomic_fetch_add_explicit(&c->classes[c->classes_len]->refs, 1,
					  memory_order_relaxed);
	}
	c->classes_cap = cap;
	return FL_OK;
}

/* A subnet over addresses of nodes turns bits of any of them, where the source is a wildcard. */
static bool is_wide(const struct fl_step *st)
{
	return st->served && (st->p->core->stray || st->old->core->stray);
}

enum fl_err fl_step_classes(const struct fl_step *st)
{
	if (is_wide(st))
		return fl_classes_new(st->p);
	enum fl_err err = copy_classes(st);

	for (size_t i = 0; i < st->len && err == FL_OK; i++)
		fl_class_drop(st->p->core, st->moves[i].slot);
	for (size_t i = 0; i < st->near_len && err == FL_OK; i++)
		fl_class_drop(st->p->core, st->near[i]);
	for (size_t i = 0; i < st->len && err == FL_OK; i++) {
		if (st->moves[i].is != NULL)
			err = fl_class_give(st->p, st->moves[i].slot);
	}
	for (size_t i = 0; i < st->near_len && err == FL_OK; i++) {
		if (st->p->core->class_of[st->near[i]] == FL_NO_INDEX)
			err = fl_class_give(st->p, st->near[i]);
	}
	return err;
}
