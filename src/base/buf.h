/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/buf.h - a growing output buffer with a hard cap whose error sticks.
 *
 * Append without checks in between, then ask fl_buf_err once. After a failure (cap reached or
 * out of memory) appends do nothing, so a half-written message is never mistaken for a whole one.
 *
 * Memory  owned by the struct; fl_buf_done frees. fl_buf_wipe also zeroes, for secrets; reserve
 *         the whole size before writing a secret, because growing leaves old copies behind.
 * Limits  `max` bytes, given at init, never exceeded.
 */
#ifndef FL_BASE_BUF_H
#define FL_BASE_BUF_H

#include "base/err.h"
#include "base/slice.h"

struct fl_buf {
	uint8_t *ptr;
	size_t len, cap, max;
	enum fl_err err;
};

/* An empty buffer; nothing is allocated until the first append. */
static inline struct fl_buf fl_buf_make(size_t max)
{
	return (struct fl_buf){ .max = max };
}

/*
 * A buffer over lent memory of `size` >= 1 bytes that holds size - 1 and never allocates. Do not
 * call fl_buf_done on it.
 */
static inline struct fl_buf fl_buf_over(void *mem, size_t size)
{
	return (struct fl_buf){ .ptr = mem, .cap = size - 1, .max = size - 1 };
}

void fl_buf_done(struct fl_buf *b);
void fl_buf_wipe(struct fl_buf *b);

/* Forgets content and error, keeps the memory. */
void fl_buf_reset(struct fl_buf *b);

/* Makes room for `n` more bytes; FL_ERR_TOO_BIG or FL_ERR_NOMEM stick. */
enum fl_err fl_buf_reserve(struct fl_buf *b, size_t n);

/* Is there room for `n` more bytes, or could it be made? The usual case costs no call. */
static inline bool fl_buf_has_room(struct fl_buf *b, size_t n)
{
	return (b->err == FL_OK && n <= b->cap - b->len) || fl_buf_reserve(b, n) == FL_OK;
}

static inline void fl_buf_put(struct fl_buf *b, const void *src, size_t n)
{
	if (n == 0 || !fl_buf_has_room(b, n))
		return;
	memcpy(b->ptr + b->len, src, n);
	b->len += n;
}

static inline void fl_buf_str(struct fl_buf *b, const char *s)
{
	fl_buf_put(b, s, strlen(s));
}

static inline void fl_buf_byte(struct fl_buf *b, uint8_t c)
{
	if (fl_buf_has_room(b, 1))
		b->ptr[b->len++] = c;
}

void fl_buf_be(struct fl_buf *b, uint64_t v, size_t width);
void fl_buf_le(struct fl_buf *b, uint64_t v, size_t width);
void fl_buf_printf(struct fl_buf *b, const char *fmt, ...) FL_PRINTF(2, 3);

/* Appends `n` lower-case hex digit pairs. */
void fl_buf_hex(struct fl_buf *b, const void *src, size_t n);

/* Removes `n` bytes (at most all) from the front by moving the rest down. */
void fl_buf_consume(struct fl_buf *b, size_t n);

static inline struct fl_slice fl_buf_slice(const struct fl_buf *b)
{
	return (struct fl_slice){ .ptr = b->ptr, .len = b->len };
}

static inline enum fl_err fl_buf_err(const struct fl_buf *b)
{
	return b->err;
}

#endif
