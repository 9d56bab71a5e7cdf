/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/explore.c - breadth first, with all states kept: a violation is found on a shortest
 * history, and every state knows the one before it.
 */
#include "explore.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 1 << 16, CHUNKS = 1 << 12, TABLE_BITS_FIRST = 16 };

struct visited {
	struct state state;
	uint32_t from;
	uint8_t move; /* its place among the moves of the state before */
};

struct explorer {
	const struct model *model;
	struct visited *chunk[CHUNKS];
	uint32_t count;
	uint32_t *table; /* index + 1; 0: free */
	uint32_t mask;
};

static void *need(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "out of memory\n");
		exit(2);
	}
	return p;
}

static struct visited *at(const struct explorer *e, uint32_t i)
{
	return &e->chunk[i / CHUNK][i % CHUNK];
}

static uint64_t hash(const struct state *s)
{
	const uint8_t *p = (const uint8_t *)s;
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < sizeof *s; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

static uint32_t *place(const struct explorer *e, const struct state *s)
{
	uint32_t i = (uint32_t)hash(s) & e->mask;

	while (e->table[i] != 0 && memcmp(&at(e, e->table[i] - 1)->state, s, sizeof *s) != 0)
		i = (i + 1) & e->mask;
	return &e->table[i];
}

static void grow(struct explorer *e)
{
	free(e->table);
	e->mask = e->mask * 2 + 1;
	e->table = need(calloc((size_t)e->mask + 1, sizeof *e->table));
	for (uint32_t i = 0; i < e->count; i++)
		*place(e, &at(e, i)->state) = i + 1;
}

static void visit(struct explorer *e, const struct state *s, uint32_t from, int move)
{
	uint32_t *p = place(e, s);

	if (*p != 0)
		return;
	if (e->count % CHUNK == 0) {
		if (e->count / CHUNK == CHUNKS) {
			fprintf(stderr, "too many states\n");
			exit(2);
		}
		e->chunk[e->count / CHUNK] = need(malloc(CHUNK * sizeof(struct visited)));
	}
	*at(e, e->count) = (struct visited){ *s, from, (uint8_t)move };
	*p = ++e->count;
	if (e->count > e->mask / 4 * 3)
		grow(e);
}

static int depth_of(const struct explorer *e, uint32_t i)
{
	int depth = 0;

	for (; i != 0; i = at(e, i)->from)
		depth++;
	return depth;
}

static void print_history(const struct explorer *e, uint32_t i)
{
	static struct move moves[MOVES_MAX];

	if (i == 0)
		return;
	print_history(e, at(e, i)->from);
	model_moves(e->model, &at(e, at(e, i)->from)->state, moves);
	const struct move *m = &moves[at(e, i)->move];
	printf("      %s %u %u\n", m->name, m->who, m->arg);
}

static void done(struct explorer *e)
{
	for (uint32_t i = 0; i * CHUNK < e->count; i++)
		free(e->chunk[i]);
	free(e->table);
	free(e);
}

struct found explore(const struct model *m, bool print)
{
	struct explorer *e = need(calloc(1, sizeof *e));
	struct found found = { 0 };
	struct move moves[MOVES_MAX];
	struct state first;

	e->model = m;
	e->mask = (1u << TABLE_BITS_FIRST) - 1;
	e->table = need(calloc((size_t)e->mask + 1, sizeof *e->table));
	model_start(&first);
	visit(e, &first, 0, 0);
	for (uint32_t i = 0; i < e->count && found.violation == NULL; i++) {
		const struct state now = at(e, i)->state;
		int count = model_moves(m, &now, moves);
		found.moves += (size_t)count;
		found.violation = model_violation(&now, count == 0);
		if (found.violation != NULL) {
			found.depth = depth_of(e, i);
			if (print)
				print_history(e, i);
		}
		for (int k = 0; k < count; k++)
			visit(e, &moves[k].to, i, k);
	}
	found.states = e->count;
	done(e);
	return found;
}
