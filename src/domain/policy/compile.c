/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/compile.c - a snapshot from a plan and all nodes.
 *
 * From the bottom up: nodes to slots, aliases to sets, sides to unions of them, then edges,
 * groups, parts and classes. A snapshot is released in the same way whether it was finished or
 * not, so a failure anywhere leaves nothing behind.
 */
#include "domain/policy/core.h"
#include "domain/policy/ssh.h"

#include <stdlib.h>

/* Empty slots kept for nodes to come, so that bitmaps need not grow with every one. */
static uint32_t words_for(size_t nodes)
{
	return (uint32_t)((nodes + nodes / 8 + 63) / 64 + 1);
}

struct fl_policy *fl_policy_blank(struct fl_plan *plan, uint32_t words)
{
	struct fl_policy *p = calloc(1, sizeof *p);
	struct fl_core *c = calloc(1, sizeof *c);

	if (p == NULL || c == NULL) {
		free(p);
		free(c);
		return NULL;
	}
	atomic_init(&p->refs, 1);
	atomic_fetch_add_explicit(&plan->refs, 1, memory_order_relaxed);
	c->plan = plan;
	p->core = c;
	p->doc = plan->doc;
	p->users = plan->users;
	p->users_len = plan->users_len;
	p->words = words;
	p->slots = words * 64;
	return p;
}

/* ---- nodes ---- */

static enum fl_err place_nodes(struct fl_policy *p, struct fl_policy_facts **facts, size_t n)
{
	p->nodes = calloc(p->slots, sizeof(struct fl_policy_facts *));
	struct fl_places *places = fl_places_new(n);
	p->routers = fl_bits_new(p->words);
	p->exits = fl_bits_new(p->words);
	if (p->nodes == NULL || places == NULL || p->routers == NULL || p->exits == NULL) {
		fl_places_unref(places);
		return FL_ERR_NOMEM;
	}
	for (uint32_t i = 0; i < n; i++) {
		p->nodes[i] = fl_facts_ref(facts[i]);
		places->at[places->len++] = (struct fl_policy_place){ facts[i]->id, i };
		if (facts[i]->subnets_len > 0)
			fl_bit_set(p->routers, i);
		if (facts[i]->exits_len > 0)
			fl_bit_set(p->exits, i);
		p->core->odd = p->core->odd || fl_facts_odd(facts[i]);
	}
	fl_places_use(p, places);
	return FL_OK;
}

/* ---- sides, sources ---- */

static enum fl_err fill_sides(struct fl_policy *p)
{
	const struct fl_plan *plan = p->core->plan;
	enum fl_err err = FL_OK;

	p->core->sides = calloc(plan->sides_len + 1, sizeof(struct fl_policy_set *));
	p->core->sources = calloc(plan->sources_len + 1, sizeof(struct fl_source *));
	if (p->core->sides == NULL || p->core->sources == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < plan->sides_len && err == FL_OK; i++)
		err = fl_set_of_side(p, &plan->sides[i], &p->core->sides[i]);
	for (size_t i = 0; i < plan->sources_len && err == FL_OK; i++)
		err = fl_source_new(p, &plan->sources[i], &p->core->sources[i]);
	return err;
}

/* ---- parts ---- */

struct device {
	uint64_t user, id;
	uint32_t slot;
};

static int compare_devices(const void *a, const void *b)
{
	const struct device *x = a, *y = b;
	int c = (x->user > y->user) - (x->user < y->user);
	return c != 0 ? c : (x->id > y->id) - (x->id < y->id);
}

static size_t collect_devices(const struct fl_policy *p, struct device *devices)
{
	size_t n = 0;

	for (uint32_t i = 0; i < p->slots; i++) {
		const struct fl_policy_facts *f = p->nodes[i];
		if (f != NULL && f->user != 0)
			devices[n++] = (struct device){ f->user, f->id, i };
	}
	if (n > 1)
		qsort(devices, n, sizeof *devices, compare_devices);
	return n;
}

static enum fl_err parts_of_users(struct fl_policy *p, const struct device *devices, size_t n,
				  uint32_t *slots)
{
	struct fl_core *c = p->core;

	for (size_t from = 0, to; from < n; from = to) {
		for (to = from; to < n && devices[to].user == devices[from].user; to++)
			slots[to - from] = devices[to].slot;
		enum fl_err err = fl_part_self(p, devices[from].user, slots, to - from,
					       &c->selfs[c->selfs_len]);
		if (err != FL_OK)
			return err;
		c->selfs_len++;
	}
	return FL_OK;
}

static enum fl_err fill_selfs(struct fl_policy *p)
{
	if (p->core->plan->selfs_len == 0)
		return FL_OK;
	struct device *devices = calloc(p->nodes_len + 1, sizeof *devices);
	uint32_t *slots = calloc(p->nodes_len + 1, sizeof *slots);
	p->core->selfs = calloc(p->nodes_len + 1, sizeof(struct fl_part *));
	enum fl_err err = FL_ERR_NOMEM;
	if (devices != NULL && slots != NULL && p->core->selfs != NULL)
		err = parts_of_users(p, devices, collect_devices(p, devices), slots);
	free(devices);
	free(slots);
	return err;
}

static enum fl_err fill_vias(struct fl_policy *p)
{
	struct fl_core *c = p->core;
	enum fl_err err = FL_OK;

	if (c->plan->vias_len == 0)
		return FL_OK;
	c->vias = calloc(p->nodes_len + 1, sizeof(struct fl_part *));
	if (c->vias == NULL)
		return FL_ERR_NOMEM;
	for (uint32_t i = 0; i < p->slots && err == FL_OK; i++) {
		struct fl_part *part = NULL;
		if (p->nodes[i] != NULL)
			err = fl_part_via(p, i, &part);
		if (part != NULL)
			c->vias[c->vias_len++] = part;
	}
	return err;
}

enum fl_err fl_core_rows(struct fl_core *c)
{
	c->rows = calloc(c->classes_len + 1, sizeof *c->rows);
	return c->rows != NULL ? FL_OK : FL_ERR_NOMEM;
}

/* ---- snapshots ---- */

static enum fl_err build(struct fl_policy *p, struct fl_policy_facts **facts, size_t n)
{
	enum fl_err err = place_nodes(p, facts, n);

	if (err == FL_OK)
		err = fl_core_serve(p);
	if (err == FL_OK)
		err = fl_fill_sets(p);
	if (err == FL_OK)
		err = fill_sides(p);
	if (err == FL_OK)
		err = fl_core_edges(p);
	if (err == FL_OK)
		err = fl_core_groups(p->core, NULL);
	if (err == FL_OK)
		err = fill_selfs(p);
	if (err == FL_OK)
		err = fill_vias(p);
	if (err == FL_OK)
		err = fl_classes_new(p);
	return err == FL_OK ? fl_core_rows(p->core) : err;
}

enum fl_err fl_policy_build(struct fl_plan *plan, struct fl_policy_facts **facts, size_t n,
			    struct fl_policy **out)
{
	if (n > UINT32_MAX / 4)
		return FL_ERR_TOO_BIG;
	struct fl_policy *p = fl_policy_blank(plan, words_for(n));
	enum fl_err err = p != NULL ? build(p, facts, n) : FL_ERR_NOMEM;
	if (err != FL_OK) {
		fl_policy_unref(p);
		return err;
	}
	*out = p;
	return FL_OK;
}

static bool ascends(const struct fl_policy_world *w)
{
	for (size_t i = 1; i < w->users_len; i++) {
		if (w->users[i - 1].id >= w->users[i].id)
			return false;
	}
	for (size_t i = 1; i < w->nodes_len; i++) {
		if (w->nodes[i - 1].id >= w->nodes[i].id)
			return false;
	}
	return true;
}

enum fl_err fl_policy_new(const struct fl_policy_doc *doc, const struct fl_policy_world *world,
			  struct fl_policy **out)
{
	struct fl_plan *plan = NULL;
	size_t n = 0;

	if (!ascends(world))
		return FL_ERR_ARG;
	struct fl_policy_facts **facts =
		calloc(world->nodes_len + 1, sizeof(struct fl_policy_facts *));
	enum fl_err err = facts != NULL ? FL_OK : FL_ERR_NOMEM;
	for (; n < world->nodes_len && err == FL_OK; n += err == FL_OK)
		err = fl_facts_new(&world->nodes[n], &facts[n]);
	if (err == FL_OK)
		err = fl_plan_new(doc, world->users, world->users_len, &plan);
	if (err == FL_OK)
		err = fl_policy_build(plan, facts, n, out);
	fl_plan_unref(plan);
	for (size_t i = 0; i < n; i++)
		fl_facts_unref(facts[i]);
	free(facts);
	return err;
}

enum fl_err fl_policy_with(const struct fl_policy *p, const struct fl_policy_doc *doc,
			   struct fl_policy **out)
{
	struct fl_policy_facts **facts = calloc(p->nodes_len + 1, sizeof(struct fl_policy_facts *));
	struct fl_plan *plan = NULL;

	if (facts == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < p->nodes_len; i++)
		facts[i] = p->nodes[p->by_id[i].slot];
	enum fl_err err = fl_plan_new(doc, p->users, p->users_len, &plan);
	if (err == FL_OK)
		err = fl_policy_build(plan, facts, p->nodes_len, out);
	fl_plan_unref(plan);
	free(facts);
	return err;
}

struct fl_policy *fl_policy_ref(struct fl_policy *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
	return p;
}

static void free_parts(struct fl_part **parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fl_part_unref(parts[i]);
	free(parts);
}

static void free_sets(struct fl_policy_set **sets, size_t n)
{
	for (size_t i = 0; sets != NULL && i < n; i++)
		fl_policy_set_unref(sets[i]);
	free(sets);
}

static void free_core(struct fl_core *c)
{
	free_sets(c->sides, c->plan->sides_len);
	for (size_t i = 0; c->sources != NULL && i < c->plan->sources_len; i++)
		fl_source_unref(c->sources[i]);
	free(c->sources);
	free(c->first);
	free(c->same);
	free(c->by_source);
	free(c->by_group);
	free_parts(c->selfs, c->selfs_len);
	free_parts(c->vias, c->vias_len);
	for (size_t i = 0; i < c->classes_len; i++) {
		fl_class_unref(c->classes[i]);
		if (c->rows != NULL)
			free(atomic_load_explicit(&c->rows[i], memory_order_acquire));
	}
	free(c->class_of);
	free(c->classes);
	free(c->class_nodes);
	free(c->rows);
	fl_ssh_unref(atomic_load_explicit(&c->ssh, memory_order_acquire));
	fl_ssh_unref(c->ssh_was);
	fl_served_unref(c->served);
	fl_places_unref(c->places);
	fl_plan_unref(c->plan);
	free(c);
}

struct fl_policy *fl_policy_unref(struct fl_policy *p)
{
	if (p == NULL || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	for (uint32_t i = 0; p->nodes != NULL && i < p->slots; i++)
		fl_facts_unref(p->nodes[i]);
	free(p->nodes);
	free(p->routers);
	free(p->exits);
	free_sets(p->sets, p->core->plan->who_len);
	for (size_t i = 0; i < FL_SET_FIXED; i++)
		fl_policy_set_unref(p->fixed[i]);
	free(p->edges);
	free_core(p->core);
	free(p);
	return NULL;
}

const struct fl_policy_doc *fl_policy_document(const struct fl_policy *p)
{
	return p->doc;
}
