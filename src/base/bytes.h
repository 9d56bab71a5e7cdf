/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/bytes.h - counted immutable bytes, for content that several owners send.
 *
 * Thread  the count is atomic, so a value may be shared between loops; content never changes
 *         after creation.
 */
#ifndef FL_BASE_BYTES_H
#define FL_BASE_BYTES_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/slice.h"

struct fl_bytes {
	atomic_uint refs;
	size_t len;
	uint8_t data[];
};

/* A copy of `src` with one reference, or NULL when out of memory. */
struct fl_bytes *fl_bytes_new(struct fl_slice src);

/* Also of one that the caller only reads: its content is what is const. */
struct fl_bytes *fl_bytes_ref(const struct fl_bytes *b);

/* Drops a reference; accepts NULL, returns NULL. */
struct fl_bytes *fl_bytes_unref(const struct fl_bytes *b);

static inline struct fl_slice fl_bytes_slice(const struct fl_bytes *b)
{
	return b ? fl_slice_of(b->data, b->len) : fl_slice_of(NULL, 0);
}

#endif
