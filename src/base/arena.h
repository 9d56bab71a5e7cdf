/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/arena.h - memory for many small things that live and end together.
 *
 * One document, one compile, one answer: everything is taken from the arena and given back as a
 * whole. Under AddressSanitizer each piece is an allocation of its own, so that an overrun or a
 * stale pointer is seen.
 *
 * Thread  one owner.
 * Limits  `max` bytes in all, given at init, never exceeded.
 */
#ifndef FL_BASE_ARENA_H
#define FL_BASE_ARENA_H

#include "base/err.h"
#include "base/slice.h"

struct fl_arena_block;

struct fl_arena {
	struct fl_arena_block *blocks;
	size_t used, max; /* bytes given out; the bound */
	enum fl_err err;  /* sticks: FL_ERR_NOMEM or FL_ERR_TOO_BIG */
};

/* An empty arena; nothing is allocated until the first piece. */
static inline struct fl_arena fl_arena_make(size_t max)
{
	return (struct fl_arena){ .max = max };
}

/* Gives everything back; the arena is empty and usable again. */
void fl_arena_done(struct fl_arena *a);

/* `count` zeroed pieces of `size` bytes, aligned for any type; NULL when out of memory or bound. */
void *fl_arena_array(struct fl_arena *a, size_t count, size_t size);

/* A terminated copy; NULL as above. */
char *fl_arena_text(struct fl_arena *a, struct fl_slice text);

#endif
