/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/arena.c - pieces cut off the front of zeroed blocks.
 *
 * The block pieces are cut from stands first in the list. A piece too large for a block of the
 * usual size gets one of its own behind it, so that the room that is left is not lost.
 */
#include "base/arena.h"

#include <stdalign.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif
#ifndef ADDRESS_SANITIZER
#define ADDRESS_SANITIZER 0
#endif

enum {
	BLOCK_FIRST = 4 << 10,
	BLOCK_MOST = 1 << 20,
};

struct fl_arena_block {
	struct fl_arena_block *next;
	size_t used, cap;
	alignas(max_align_t) uint8_t bytes[];
};

static void *fail(struct fl_arena *a, enum fl_err err)
{
	a->err = err;
	return NULL;
}

static size_t next_block_cap(const struct fl_arena *a)
{
	if (a->blocks == NULL)
		return BLOCK_FIRST;
	return a->blocks->cap < BLOCK_MOST / 2 ? a->blocks->cap * 2 : BLOCK_MOST;
}

/* A block with room for `n` bytes, in the list; NULL: out of memory. */
static struct fl_arena_block *add_block(struct fl_arena *a, size_t n)
{
	size_t usual = next_block_cap(a);
	bool own = ADDRESS_SANITIZER || n > usual / 2;
	size_t cap = own ? n : usual;

	if (cap > SIZE_MAX - sizeof(struct fl_arena_block))
		return NULL;
	struct fl_arena_block *b = calloc(1, sizeof *b + cap);
	if (b == NULL)
		return NULL;
	b->cap = cap;
	struct fl_arena_block **link = own && a->blocks != NULL ? &a->blocks->next : &a->blocks;
	b->next = *link;
	*link = b;
	return b;
}

/* Where a piece of this alignment would begin; beyond the end if there is no room. */
static size_t start_in(const struct fl_arena_block *b, size_t align)
{
	return (b->used + align - 1) / align * align;
}

static void *take(struct fl_arena *a, size_t n, size_t align)
{
	if (a->err != FL_OK)
		return NULL;
	if (n == 0) /* an empty list has an address too: NULL is failure */
		n = 1;
	if (n > a->max - a->used)
		return fail(a, FL_ERR_TOO_BIG);

	struct fl_arena_block *b = a->blocks;
	if (b == NULL || start_in(b, align) > b->cap || n > b->cap - start_in(b, align)) {
		b = add_block(a, n);
		if (b == NULL)
			return fail(a, FL_ERR_NOMEM);
	}
	size_t start = start_in(b, align);
	b->used = start + n;
	a->used += n;
	return b->bytes + start;
}

void fl_arena_done(struct fl_arena *a)
{
	while (a->blocks != NULL) {
		struct fl_arena_block *b = a->blocks;
		a->blocks = b->next;
		free(b);
	}
	*a = fl_arena_make(a->max);
}

void *fl_arena_array(struct fl_arena *a, size_t count, size_t size)
{
	if (a->err != FL_OK)
		return NULL;
	if (size != 0 && count > SIZE_MAX / size)
		return fail(a, FL_ERR_TOO_BIG);
	return take(a, count * size, alignof(max_align_t));
}

char *fl_arena_text(struct fl_arena *a, struct fl_slice text)
{
	if (text.len == SIZE_MAX)
		return a->err == FL_OK ? fail(a, FL_ERR_TOO_BIG) : NULL;
	char *copy = take(a, text.len + 1, 1);
	if (copy != NULL && text.len > 0)
		memcpy(copy, text.ptr, text.len);
	return copy;
}
