/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/chunk.h - the memory of the relay's queues: frames back to back in pooled chunks.
 *
 * Four sizes: a packet or two, one TLS record, the largest frame, and a login of the largest
 * size. A queue begins small and moves to the next size while it is alone in its chunk, so that
 * what is flushed together lies together.
 *
 * Memory  the pool keeps some free chunks for the next burst and gives the rest back.
 * Limits  `max` bytes handed out at once.
 * Source  docs/protocol/relay.md 8 and 23
 */
#ifndef FL_PROTO_DERP_CHUNK_H
#define FL_PROTO_DERP_CHUNK_H

#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"

enum { FL_CHUNK_SMALL, FL_CHUNK_RECORD, FL_CHUNK_LARGE, FL_CHUNK_HUGE, FL_CHUNK_CLASSES };

struct fl_chunk {
	struct fl_chunk *next;
	fl_time since; /* when its first frame came */
	uint32_t head, tail, cap;
	uint32_t packets;
	uint8_t grade; /* which size */
	uint8_t data[];
};

struct fl_chunk_pool {
	struct fl_chunk *free[FL_CHUNK_CLASSES];
	size_t used, cached, max;
};

/* Frames that wait, oldest first. Zero-initialised is empty. */
struct fl_chunkq {
	struct fl_chunk *head, *tail;
	uint32_t packets, bytes;
};

void fl_chunk_pool_done(struct fl_chunk_pool *p);

/* The smallest chunk that holds `need` bytes; NULL: limit reached or out of memory. */
struct fl_chunk *fl_chunk_new(struct fl_chunk_pool *p, size_t need);
void fl_chunk_free(struct fl_chunk_pool *p, struct fl_chunk *c); /* accepts NULL */

/* What it takes of the pool; 0 for NULL. */
size_t fl_chunk_cost(const struct fl_chunk *c);

static inline struct fl_slice fl_chunk_slice(const struct fl_chunk *c)
{
	return fl_slice_of(c->data + c->head, c->tail - c->head);
}

/* Appends; the caller made sure of the room. */
void fl_chunk_put(struct fl_chunk *c, const void *src, size_t n);

/* A chunk at `*at` with room for `n` more bytes, moved to a larger one if need be. */
FL_MUST bool fl_chunk_grow(struct fl_chunk_pool *p, struct fl_chunk **at, size_t n);

/* Room for a frame of `n` bytes at the end of the queue, counted as one packet; NULL as above. */
uint8_t *fl_chunkq_put(struct fl_chunk_pool *p, struct fl_chunkq *q, size_t n, fl_time now);

/* Takes off the oldest chunk, or NULL. */
struct fl_chunk *fl_chunkq_take(struct fl_chunkq *q);

/* Drops the oldest frame and returns its length; 0 when there is none. */
size_t fl_chunkq_drop(struct fl_chunk_pool *p, struct fl_chunkq *q);

#endif
