/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/cur.h - a reading cursor that fails once and stays failed.
 *
 * Read a whole message without checks in between, then look at `bad` once: reads after a
 * failure give zeros and empty slices.
 */
#ifndef FL_BASE_CUR_H
#define FL_BASE_CUR_H

#include "base/slice.h"

struct fl_cur {
	struct fl_slice in;
	size_t at;
	bool bad;
};

static inline struct fl_slice fl_cur_take(struct fl_cur *c, size_t n)
{
	if (c->bad || n > c->in.len - c->at) {
		c->bad = true;
		return (struct fl_slice){ 0 };
	}
	struct fl_slice s = { .ptr = n ? c->in.ptr + c->at : NULL, .len = n };
	c->at += n;
	return s;
}

static inline struct fl_slice fl_cur_rest(struct fl_cur *c)
{
	return fl_cur_take(c, c->in.len - c->at);
}

/* Big endian, width 1..8; 0 once bad. */
static inline uint64_t fl_cur_be(struct fl_cur *c, size_t width)
{
	struct fl_slice s = fl_cur_take(c, width);
	uint64_t v = 0;
	for (size_t i = 0; i < s.len; i++)
		v = v << 8 | s.ptr[i];
	return v;
}

/* Little endian, width 1..8; 0 once bad. */
static inline uint64_t fl_cur_le(struct fl_cur *c, size_t width)
{
	struct fl_slice s = fl_cur_take(c, width);
	uint64_t v = 0;
	for (size_t i = s.len; i > 0; i--)
		v = v << 8 | s.ptr[i - 1];
	return v;
}

/* Copies `n` bytes to `out`; zeros once bad. */
static inline void fl_cur_copy(struct fl_cur *c, void *out, size_t n)
{
	struct fl_slice s = fl_cur_take(c, n);
	if (c->bad)
		memset(out, 0, n);
	else if (n)
		memcpy(out, s.ptr, n);
}

#endif
