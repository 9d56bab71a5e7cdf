/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/derp/chunk.c - the memory of the relay's queues. */
#include "proto/derp/chunk.h"

#include "wire/derp.h"

#include <stdlib.h>

enum { CACHE_MAX = 4 << 20 };

/* Odd multiples of a cache line above powers of two, so that heads do not share a cache set. */
static const uint32_t caps[FL_CHUNK_CLASSES] = {
	[FL_CHUNK_SMALL] = 2048 - sizeof(struct fl_chunk) - 16,
	[FL_CHUNK_RECORD] = 16 << 10,
	[FL_CHUNK_LARGE] = FL_DERP_HEADER_LEN + FL_DERP_BODY_MAX + 64,
	[FL_CHUNK_HUGE] = FL_DERP_HEADER_LEN + FL_DERP_LOGIN_MAX,
};

static size_t size_of(unsigned grade)
{
	return sizeof(struct fl_chunk) + caps[grade];
}

void fl_chunk_pool_done(struct fl_chunk_pool *p)
{
	for (unsigned i = 0; i < FL_CHUNK_CLASSES; i++) {
		while (p->free[i] != NULL) {
			struct fl_chunk *c = p->free[i];
			p->free[i] = c->next;
			free(c);
		}
	}
}

struct fl_chunk *fl_chunk_new(struct fl_chunk_pool *p, size_t need)
{
	unsigned grade = 0;
	while (grade < FL_CHUNK_CLASSES && caps[grade] < need)
		grade++;
	if (grade == FL_CHUNK_CLASSES || p->used + size_of(grade) > p->max)
		return NULL;

	struct fl_chunk *c = p->free[grade];
	if (c != NULL) {
		p->free[grade] = c->next;
		p->cached -= size_of(grade);
	} else {
		c = malloc(size_of(grade));
		if (c == NULL)
			return NULL;
	}
	p->used += size_of(grade);
	*c = (struct fl_chunk){ .cap = caps[grade], .grade = (uint8_t)grade };
	return c;
}

void fl_chunk_free(struct fl_chunk_pool *p, struct fl_chunk *c)
{
	if (c == NULL)
		return;
	size_t size = size_of(c->grade);
	p->used -= size;
	if (c->grade == FL_CHUNK_HUGE || p->cached + size > CACHE_MAX) {
		free(c);
		return;
	}
	c->next = p->free[c->grade];
	p->free[c->grade] = c;
	p->cached += size;
}

size_t fl_chunk_cost(const struct fl_chunk *c)
{
	return c != NULL ? size_of(c->grade) : 0;
}

void fl_chunk_put(struct fl_chunk *c, const void *src, size_t n)
{
	if (n > 0)
		memcpy(c->data + c->tail, src, n);
	c->tail += (uint32_t)n;
}

bool fl_chunk_grow(struct fl_chunk_pool *p, struct fl_chunk **at, size_t n)
{
	struct fl_chunk *old = *at;
	if (old != NULL && old->cap - old->tail >= n)
		return true;

	size_t len = old != NULL ? old->tail - old->head : 0;
	struct fl_chunk *c = fl_chunk_new(p, len + n);
	if (c == NULL)
		return false;
	if (old != NULL) {
		fl_chunk_put(c, old->data + old->head, len);
		c->since = old->since;
		c->packets = old->packets;
		fl_chunk_free(p, old);
	}
	*at = c;
	return true;
}

static bool add_chunk(struct fl_chunk_pool *p, struct fl_chunkq *q, size_t n)
{
	struct fl_chunk *c = fl_chunk_new(p, n);
	if (c == NULL)
		return false;
	if (q->tail != NULL)
		q->tail->next = c;
	else
		q->head = c;
	q->tail = c;
	return true;
}

/* Alone in a smaller chunk: move up a size, so that all leaves in one write. */
static bool move_up(struct fl_chunk_pool *p, struct fl_chunkq *q, size_t n)
{
	struct fl_chunk *c = q->head;
	if (c == NULL || c != q->tail || c->grade >= FL_CHUNK_LARGE ||
	    c->tail - c->head + n > caps[FL_CHUNK_LARGE])
		return false;
	if (!fl_chunk_grow(p, &q->head, n))
		return false;
	q->tail = q->head;
	return true;
}

uint8_t *fl_chunkq_put(struct fl_chunk_pool *p, struct fl_chunkq *q, size_t n, fl_time now)
{
	struct fl_chunk *c = q->tail;
	if (c == NULL || c->cap - c->tail < n) {
		size_t want =
			q->head != NULL && n < caps[FL_CHUNK_LARGE] ? caps[FL_CHUNK_LARGE] : n;
		if (!move_up(p, q, n) && !add_chunk(p, q, want))
			return NULL;
		c = q->tail;
	}
	if (c->tail == c->head)
		c->since = now;
	uint8_t *at = c->data + c->tail;
	c->tail += (uint32_t)n;
	c->packets++;
	q->packets++;
	q->bytes += (uint32_t)n;
	return at;
}

struct fl_chunk *fl_chunkq_take(struct fl_chunkq *q)
{
	struct fl_chunk *c = q->head;
	if (c == NULL)
		return NULL;
	q->head = c->next;
	if (q->head == NULL)
		q->tail = NULL;
	q->packets -= c->packets;
	q->bytes -= c->tail - c->head;
	return c;
}

size_t fl_chunkq_drop(struct fl_chunk_pool *p, struct fl_chunkq *q)
{
	struct fl_chunk *c = q->head;
	if (c == NULL)
		return 0;
	const uint8_t *h = c->data + c->head;
	uint32_t body = (uint32_t)h[1] << 24 | (uint32_t)h[2] << 16 | (uint32_t)h[3] << 8 | h[4];
	uint32_t n = FL_DERP_HEADER_LEN + body;

	c->head += n;
	c->packets--;
	q->packets--;
	q->bytes -= n;
	if (c->head == c->tail) {
		c = fl_chunkq_take(q);
		fl_chunk_free(p, c);
	}
	return n;
}
