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
	uint32_t from;
	uint8_t move; /* its place among the moves of the state before */
	uint8_t state[];
};

struct explorer {
	const struct machine *machine;
	const void *model;
	size_t stride; /* of struct visited */
	uint8_t *chunk[CHUNKS];
	uint8_t *moves; /* of one state */
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
	return (struct visited *)(void *)(e->chunk[i / CHUNK] + i % CHUNK * e->stride);
}

static uint64_t hash(const uint8_t *s, size_t size)
{
	uint64_t h = 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < size; i++)
		h = (h ^ s[i]) * 0x100000001b3u;
	return h ^ h >> 29;
}

static uint32_t *place(const struct explorer *e, const uint8_t *s)
{
	const size_t size = e->machine->state_size;
	uint32_t i = (uint32_t)hash(s, size) & e->mask;

	while (e->table[i] != 0 && memcmp(at(e, e->table[i] - 1)->state, s, size) != 0)
		i = (i + 1) & e->mask;
	return &e->table[i];
}

static void grow(struct explorer *e)
{
	free(e->table);
	e->mask = e->mask * 2 + 1;
	e->table = need(calloc((size_t)e->mask + 1, sizeof *e->table));
	for (uint32_t i = 0; i < e->count; i++)
		*place(e, at(e, i)->state) = i + 1;
}

static void visit(struct explorer *e, const uint8_t *s, uint32_t from, int move)
{
	uint32_t *p = place(e, s);

	if (*p != 0)
		return;
	if (e->count % CHUNK == 0) {
		if (e->count / CHUNK == CHUNKS) {
			fprintf(stderr, "too many states\n");
			exit(2);
		}
		e->chunk[e->count / CHUNK] = need(malloc(CHUNK * e->stride));
	}
	struct visited *v = at(e, e->count);
	v->from = from;
	v->move = (uint8_t)move;
	memcpy(v->state, s, e->machine->state_size);
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

static int moves_of(struct explorer *e, const void *state)
{
	return e->machine->moves(e->model, state, e->moves);
}

static const uint8_t *move_at(const struct explorer *e, int i)
{
	return e->moves + (size_t)i * e->machine->move_size;
}

static void print_history(struct explorer *e, uint32_t i)
{
	if (i == 0)
		return;
	print_history(e, at(e, i)->from);
	moves_of(e, at(e, at(e, i)->from)->state);
	const struct move_name *m = (const void *)move_at(e, at(e, i)->move);
	printf("      %s %u %u\n", m->text, m->who, m->arg);
}

static void done(struct explorer *e)
{
	for (uint32_t i = 0; i * CHUNK < e->count; i++)
		free(e->chunk[i]);
	free(e->table);
	free(e->moves);
	free(e);
}

static struct explorer *begin(const struct machine *machine, const void *model)
{
	struct explorer *e = need(calloc(1, sizeof *e));
	const size_t align = sizeof(uint32_t);

	e->machine = machine;
	e->model = model;
	e->stride = (sizeof(struct visited) + machine->state_size + align - 1) / align * align;
	e->moves = need(calloc((size_t)machine->moves_max, machine->move_size));
	e->mask = (1u << TABLE_BITS_FIRST) - 1;
	e->table = need(calloc((size_t)e->mask + 1, sizeof *e->table));
	return e;
}

struct found explore(const struct machine *machine, const void *model, bool print)
{
	struct explorer *e = begin(machine, model);
	struct found found = { 0 };
	uint8_t *now = need(calloc(1, machine->state_size));

	machine->start(now);
	visit(e, now, 0, 0);
	for (uint32_t i = 0; i < e->count && found.violation == NULL; i++) {
		memcpy(now, at(e, i)->state, machine->state_size);
		int count = moves_of(e, now);
		found.moves += (size_t)count;
		found.violation = machine->violation(now, count == 0);
		for (int k = 0; k < count; k++)
			visit(e, move_at(e, k) + machine->to, i, k);
		if (found.violation != NULL) {
			found.depth = depth_of(e, i);
			if (print)
				print_history(e, i);
		}
	}
	found.states = e->count;
	free(now);
	done(e);
	return found;
}
