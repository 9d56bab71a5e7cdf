/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/table.h - a growing hash table from a 64-bit digest to an index.
 */
#ifndef FL_BENCH_TABLE_H
#define FL_BENCH_TABLE_H

#include <stdint.h>
#include <stdlib.h>

struct table_slot {
	uint64_t key; /* 0 = free */
	uint32_t value;
};

struct table {
	struct table_slot *slots;
	size_t cap, len;
};

static inline struct table_slot *table_slot(const struct table *t, uint64_t key)
{
	size_t at = (size_t)(key * 0x9e3779b97f4a7c15ull >> 20) & (t->cap - 1);
	while (t->slots[at].key != 0 && t->slots[at].key != key)
		at = (at + 1) & (t->cap - 1);
	return &t->slots[at];
}

/* The index, or -1. */
static inline int64_t table_find(const struct table *t, uint64_t key)
{
	if (t->cap == 0)
		return -1;
	const struct table_slot *s = table_slot(t, key | 1);
	return s->key ? (int64_t)s->value : -1;
}

static inline void table_grow(struct table *t)
{
	struct table old = *t;
	t->cap = old.cap ? old.cap * 2 : 1024;
	t->slots = calloc(t->cap, sizeof(*t->slots));
	if (!t->slots)
		abort();
	for (size_t i = 0; i < old.cap; i++)
		if (old.slots[i].key)
			*table_slot(t, old.slots[i].key) = old.slots[i];
	free(old.slots);
}

/* Sets key to value. The lowest bit of a key does not count. */
static inline void table_put(struct table *t, uint64_t key, uint32_t value)
{
	if (t->len * 2 >= t->cap)
		table_grow(t);
	struct table_slot *s = table_slot(t, key | 1);
	t->len += s->key == 0;
	s->key = key | 1;
	s->value = value;
}

#endif
