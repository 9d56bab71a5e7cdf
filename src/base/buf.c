/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/buf.c - the growing output buffer.
 *
 * The allocation is always one byte larger than `cap`, so that vsnprintf can write its NUL
 * behind a buffer that is filled to the last byte.
 */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIRST_CAP = 64 };

static enum fl_err fail(struct fl_buf *b, enum fl_err err)
{
	if (b->err == FL_OK)
		b->err = err;
	return b->err;
}

static size_t next_cap(const struct fl_buf *b, size_t need)
{
	size_t cap = b->cap > b->max / 2 ? b->max : b->cap * 2;
	if (cap < FIRST_CAP)
		cap = FIRST_CAP;
	if (cap < need)
		cap = need;
	return cap < b->max ? cap : b->max;
}

static enum fl_err grow(struct fl_buf *b, size_t n)
{
	if (n > b->max - b->len)
		return fail(b, FL_ERR_TOO_BIG);

	size_t cap = next_cap(b, b->len + n);
	uint8_t *ptr = cap < SIZE_MAX ? realloc(b->ptr, cap + 1) : NULL;
	if (ptr == NULL)
		return fail(b, FL_ERR_NOMEM);

	b->ptr = ptr;
	b->cap = cap;
	return FL_OK;
}

void fl_buf_done(struct fl_buf *b)
{
	free(b->ptr);
	*b = fl_buf_make(b->max);
}

void fl_buf_wipe(struct fl_buf *b)
{
	if (b->ptr != NULL)
		explicit_bzero(b->ptr, b->cap + 1);
	fl_buf_done(b);
}

void fl_buf_reset(struct fl_buf *b)
{
	b->len = 0;
	b->err = FL_OK;
}

enum fl_err fl_buf_reserve(struct fl_buf *b, size_t n)
{
	if (b->err != FL_OK)
		return b->err;
	if (n <= b->cap - b->len)
		return FL_OK;
	return grow(b, n);
}

void fl_buf_be(struct fl_buf *b, uint64_t v, size_t width)
{
	if (width > 8)
		fail(b, FL_ERR_ARG);
	if (fl_buf_reserve(b, width) != FL_OK)
		return;
	for (size_t i = width; i > 0; i--)
		b->ptr[b->len++] = (uint8_t)(v >> (8 * (i - 1)));
}

void fl_buf_le(struct fl_buf *b, uint64_t v, size_t width)
{
	if (width > 8)
		fail(b, FL_ERR_ARG);
	if (fl_buf_reserve(b, width) != FL_OK)
		return;
	for (size_t i = 0; i < width; i++)
		b->ptr[b->len++] = (uint8_t)(v >> (8 * i));
}

/* Formats into the free space; the length the whole text has or would have, < 0 if it cannot. */
static FL_PRINTF(2, 0) int format(struct fl_buf *b, const char *fmt, va_list args)
{
	size_t room = b->ptr != NULL ? b->cap - b->len + 1 : 0;
	return vsnprintf(room > 0 ? (char *)b->ptr + b->len : NULL, room, fmt, args);
}

void fl_buf_printf(struct fl_buf *b, const char *fmt, ...)
{
	va_list args, again;

	if (b->err != FL_OK)
		return;
	va_start(args, fmt);
	va_copy(again, args);
	int n = format(b, fmt, args);
	if (n < 0) {
		fail(b, FL_ERR_ARG);
	} else if ((size_t)n > b->cap - b->len) {
		if (grow(b, (size_t)n) == FL_OK)
			(void)format(b, fmt, again);
	}
	if (b->err == FL_OK)
		b->len += (size_t)n;
	va_end(again);
	va_end(args);
}

void fl_buf_hex(struct fl_buf *b, const void *src, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *in = src;

	if (n > SIZE_MAX / 2)
		fail(b, FL_ERR_TOO_BIG);
	if (fl_buf_reserve(b, n * 2) != FL_OK)
		return;
	for (size_t i = 0; i < n; i++) {
		b->ptr[b->len++] = (uint8_t)digits[in[i] >> 4];
		b->ptr[b->len++] = (uint8_t)digits[in[i] & 15];
	}
}

void fl_buf_consume(struct fl_buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	if (n == 0)
		return;
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}
