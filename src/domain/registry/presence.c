/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/registry/presence.c - the sessions of each node as a short list of generations.
 *
 * The list, not a bare number, is the count: a second release of one session finds nothing to
 * remove, so it can never take a fresh session's place (a check that compared times or the
 * newest generation alone once turned connected nodes offline).
 */
#include "domain/registry/presence.h"

#include <stdlib.h>

#include "base/map.h"

enum { FIRST_CAP = 2 };

struct entry {
	uint64_t node;
	size_t live, cap;
	uint64_t *gens; /* those held, unordered */
};

struct fl_presence {
	struct fl_map by_node;
	uint64_t last_gen; /* one for all nodes, so it rises for each, forgotten or not */
	size_t online;
};

enum fl_err fl_presence_new(const uint8_t seed[16], struct fl_presence **out)
{
	struct fl_presence *p = calloc(1, sizeof *p);
	if (p == NULL)
		return FL_ERR_NOMEM;
	fl_map_init(&p->by_node, sizeof(uint64_t), seed);
	*out = p;
	return FL_OK;
}

static void entry_free(struct entry *e)
{
	if (e == NULL)
		return;
	free(e->gens);
	free(e);
}

struct fl_presence *fl_presence_free(struct fl_presence *p)
{
	if (p == NULL)
		return NULL;
	size_t at = 0;
	for (struct entry *e; (e = fl_map_next(&p->by_node, &at)) != NULL;)
		entry_free(e);
	fl_map_done(&p->by_node);
	free(p);
	return NULL;
}

static struct entry *find(const struct fl_presence *p, uint64_t node)
{
	return fl_map_find(&p->by_node, &node);
}

static struct entry *find_or_add(struct fl_presence *p, uint64_t node)
{
	struct entry *e = find(p, node);
	if (e != NULL)
		return e;
	e = calloc(1, sizeof *e);
	if (e == NULL)
		return NULL;
	e->node = node;
	if (fl_map_put(&p->by_node, &node, e) != FL_OK) {
		free(e);
		return NULL;
	}
	return e;
}

static bool make_room(struct entry *e)
{
	if (e->live < e->cap)
		return true;
	if (e->live == FL_PRESENCE_SESSIONS_MAX)
		return false;
	size_t cap = e->cap > 0 ? e->cap * 2 : FIRST_CAP;
	uint64_t *gens = realloc(e->gens, cap * sizeof *gens);
	if (gens == NULL)
		return false;
	e->gens = gens;
	e->cap = cap;
	return true;
}

bool fl_presence_connect(struct fl_presence *p, uint64_t node, uint64_t *out_gen)
{
	*out_gen = 0;
	struct entry *e = find_or_add(p, node);
	if (e == NULL || !make_room(e))
		return false;

	*out_gen = ++p->last_gen;
	e->gens[e->live++] = *out_gen;
	if (e->live > 1)
		return false;
	p->online++;
	return true;
}

static bool drop(struct entry *e, uint64_t gen)
{
	for (size_t i = 0; i < e->live; i++) {
		if (e->gens[i] != gen)
			continue;
		e->gens[i] = e->gens[--e->live];
		return true;
	}
	return false;
}

bool fl_presence_release(struct fl_presence *p, uint64_t node, uint64_t gen)
{
	struct entry *e = find(p, node);
	if (e == NULL || !drop(e, gen) || e->live > 0)
		return false;
	p->online--;
	return true;
}

bool fl_presence_online(const struct fl_presence *p, uint64_t node)
{
	return fl_presence_sessions(p, node) > 0;
}

size_t fl_presence_sessions(const struct fl_presence *p, uint64_t node)
{
	const struct entry *e = find(p, node);
	return e != NULL ? e->live : 0;
}

size_t fl_presence_count(const struct fl_presence *p)
{
	return p->online;
}

void fl_presence_forget(struct fl_presence *p, uint64_t node)
{
	struct entry *e = fl_map_take(&p->by_node, &node);
	if (e == NULL)
		return;
	if (e->live > 0)
		p->online--;
	entry_free(e);
}
