/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/slice.h - a borrowed range of bytes. Never freed; each header says until when it lives.
 */
#ifndef FL_BASE_SLICE_H
#define FL_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fl_slice {
	const uint8_t *ptr;
	size_t len;
};

static inline struct fl_slice fl_slice_of(const void *ptr, size_t len)
{
	return (struct fl_slice){ .ptr = ptr, .len = len };
}

/* The bytes of a terminated string without its NUL; NULL gives the empty slice. */
static inline struct fl_slice fl_slice_str(const char *s)
{
	return (struct fl_slice){ .ptr = (const uint8_t *)s, .len = s ? strlen(s) : 0 };
}

static inline bool fl_slice_eq(struct fl_slice a, struct fl_slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool fl_slice_is(struct fl_slice a, const char *s)
{
	return fl_slice_eq(a, fl_slice_str(s));
}

/* Drops `n` bytes (at most all) from the front. */
static inline struct fl_slice fl_slice_skip(struct fl_slice s, size_t n)
{
	if (n > s.len)
		n = s.len;
	return (struct fl_slice){ .ptr = n ? s.ptr + n : s.ptr, .len = s.len - n };
}

/* Without white space at its ends: blanks, tabs, ends of lines. */
static inline struct fl_slice fl_slice_trim(struct fl_slice s)
{
	static const char white[] = " \t\r\n";

	while (s.len > 0 && memchr(white, s.ptr[0], sizeof white - 1) != NULL)
		s = fl_slice_skip(s, 1);
	while (s.len > 0 && memchr(white, s.ptr[s.len - 1], sizeof white - 1) != NULL)
		s.len--;
	return s;
}

#endif
