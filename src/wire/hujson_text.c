/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/hujson_text.c - the tokens of a HuJSON text, and what a string says. */
#include "wire/hujson_text.h"

#include <stdio.h>

#include "base/utf8.h"

enum {
	REPLACEMENT = 0xfffd,
	HIGH_FIRST = 0xd800, /* surrogates: a high one, then a low one */
	LOW_FIRST = 0xdc00,
	LOW_LAST = 0xdfff,
	CONTROL_END = 0x20,
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_word(uint8_t c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
	       c == '+' || c == '.';
}

size_t fl_hujson_skip_space(struct fl_slice text, size_t at)
{
	while (at < text.len && is_space(text.ptr[at]))
		at++;
	return at;
}

size_t fl_hujson_comment_end(struct fl_slice text, size_t at)
{
	struct fl_slice rest = fl_slice_skip(text, at);

	if (rest.len < 2 || rest.ptr[0] != '/' || (rest.ptr[1] != '/' && rest.ptr[1] != '*'))
		return at;
	bool line = rest.ptr[1] == '/';
	const uint8_t *body = rest.ptr + 2;
	const uint8_t *end =
		line ? memchr(body, '\n', rest.len - 2) : memmem(body, rest.len - 2, "*/", 2);
	if (end == NULL)
		return SIZE_MAX;
	return (size_t)(end - text.ptr) + (line ? 1 : 2);
}

size_t fl_hujson_string_end(struct fl_slice text, size_t at)
{
	for (size_t i = at + 1; i < text.len; i++) {
		if (text.ptr[i] == '"')
			return i + 1;
		if (text.ptr[i] == '\\')
			i++;
	}
	return SIZE_MAX;
}

size_t fl_hujson_word_end(struct fl_slice text, size_t at)
{
	while (at < text.len && is_word(text.ptr[at]))
		at++;
	return at;
}

bool fl_hujson_is_utf8(struct fl_slice s)
{
	uint32_t rune;

	for (size_t i = 0, n; i < s.len; i += n) {
		n = fl_utf8_step(s.ptr + i, s.len - i, &rune);
		if (n == 0)
			return false;
	}
	return true;
}

/* ---- numbers ---- */

/* Drops the digits at the front; false if there is none. */
static bool skip_digits(struct fl_slice *s)
{
	size_t n = 0;

	while (n < s->len && is_digit(s->ptr[n]))
		n++;
	*s = fl_slice_skip(*s, n);
	return n > 0;
}

/* Drops one of two bytes at the front; false if neither stands there. */
static bool skip_either(struct fl_slice *s, uint8_t a, uint8_t b)
{
	if (s->len == 0 || (s->ptr[0] != a && s->ptr[0] != b))
		return false;
	*s = fl_slice_skip(*s, 1);
	return true;
}

bool fl_hujson_is_number(struct fl_slice s)
{
	skip_either(&s, '-', '-');
	if (!skip_either(&s, '0', '0') && !skip_digits(&s)) /* behind a leading 0 no digit fits */
		return false;
	if (skip_either(&s, '.', '.') && !skip_digits(&s))
		return false;
	if (skip_either(&s, 'e', 'E')) {
		skip_either(&s, '+', '-');
		if (!skip_digits(&s))
			return false;
	}
	return s.len == 0;
}

/* ---- strings ---- */

static void put_rune(struct fl_buf *out, uint32_t r)
{
	if (r < 0x80) {
		fl_buf_byte(out, (uint8_t)r);
		return;
	}
	size_t tail = r < 0x800 ? 1 : r < 0x10000 ? 2 : 3;
	uint32_t lead = 0xff80u >> tail & 0xff; /* 110, 1110, 11110 */
	fl_buf_byte(out, (uint8_t)(lead | r >> (6 * tail)));
	while (tail-- > 0)
		fl_buf_byte(out, (uint8_t)(0x80 | (r >> (6 * tail) & 0x3f)));
}

static int hex_value(uint8_t c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits behind "\u" at the front. */
static bool read_unit(struct fl_slice s, uint32_t *out)
{
	uint32_t v = 0;

	if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
		return false;
	for (size_t i = 2; i < 6; i++) {
		int digit = hex_value(s.ptr[i]);
		if (digit < 0)
			return false;
		v = v << 4 | (uint32_t)digit;
	}
	*out = v;
	return true;
}

/* A \u escape, or two that are a pair. The bytes used, 0 if it is malformed. */
static size_t put_unit(struct fl_slice s, struct fl_buf *out, bool *valid)
{
	uint32_t high, low;

	if (!read_unit(s, &high))
		return 0;
	if (high < HIGH_FIRST || high > LOW_LAST) {
		put_rune(out, high);
		return 6;
	}
	if (high < LOW_FIRST && read_unit(fl_slice_skip(s, 6), &low) && low >= LOW_FIRST &&
	    low <= LOW_LAST) {
		put_rune(out, 0x10000 + ((high - HIGH_FIRST) << 10) + (low - LOW_FIRST));
		return 12;
	}
	*valid = false;
	put_rune(out, REPLACEMENT);
	return 6;
}

/* The escape at the front. The bytes used, 0 if there is no such escape. */
static size_t put_escape(struct fl_slice s, struct fl_buf *out, bool *valid)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

	if (s.len < 2)
		return 0;
	if (s.ptr[1] == 'u')
		return put_unit(s, out, valid);
	const char *found = memchr(from, s.ptr[1], sizeof from - 1);
	if (found == NULL)
		return 0;
	fl_buf_byte(out, (uint8_t)to[found - from]);
	return 2;
}

/* The bytes at the front that stand for themselves. */
static size_t plain_len(struct fl_slice s)
{
	size_t n = 0;

	while (n < s.len && s.ptr[n] >= CONTROL_END && s.ptr[n] < 0x80 && s.ptr[n] != '\\')
		n++;
	return n;
}

/* One character beyond ASCII, or a byte that is none. The bytes used. */
static size_t put_wide(struct fl_slice s, struct fl_buf *out, bool *valid)
{
	uint32_t rune;
	size_t n = fl_utf8_step(s.ptr, s.len, &rune);

	if (n == 0) {
		*valid = false;
		put_rune(out, REPLACEMENT);
		return 1;
	}
	fl_buf_put(out, s.ptr, n);
	return n;
}

bool fl_hujson_unescape(struct fl_slice inner, struct fl_buf *out, bool *out_valid)
{
	*out_valid = true;
	while (inner.len > 0) {
		size_t n = plain_len(inner);
		if (n > 0)
			fl_buf_put(out, inner.ptr, n);
		else if (inner.ptr[0] == '\\')
			n = put_escape(inner, out, out_valid);
		else if (inner.ptr[0] >= 0x80)
			n = put_wide(inner, out, out_valid);
		if (n == 0) /* a bad escape, a control character */
			return false;
		inner = fl_slice_skip(inner, n);
	}
	return true;
}

/* ---- messages ---- */

/*
 * Characters that leave no mark on paper. The reference asks the whole Unicode database; here are
 * its large ranges. A code point that nobody was given yet may be shown as it is.
 */
static bool is_printable(uint32_t r)
{
	static const struct {
		uint32_t first, last;
	} blank[] = {
		{ 0, 0x1f },          { 0x7f, 0xa0 },        { 0xad, 0xad },
		{ 0x600, 0x605 },     { 0x61c, 0x61c },      { 0x6dd, 0x6dd },
		{ 0x70f, 0x70f },     { 0x890, 0x891 },      { 0x8e2, 0x8e2 },
		{ 0x1680, 0x1680 },   { 0x180e, 0x180e },    { 0x2000, 0x200f },
		{ 0x2028, 0x202f },   { 0x205f, 0x206f },    { 0x3000, 0x3000 },
		{ 0xe000, 0xf8ff },   { 0xfdd0, 0xfdef },    { 0xfeff, 0xfeff },
		{ 0xfff0, 0xfffb },   { 0xfffe, 0xffff },    { 0x110bd, 0x110bd },
		{ 0x110cd, 0x110cd }, { 0x13430, 0x1343f },  { 0x1bca0, 0x1bca3 },
		{ 0x1d173, 0x1d17a }, { 0x1fffe, 0x1ffff },  { 0x2fffe, 0x2ffff },
		{ 0x323b0, 0xe00ff }, { 0xe01f0, 0x10ffff },
	};

	for (size_t i = 0; i < sizeof blank / sizeof *blank; i++) {
		if (r >= blank[i].first && r <= blank[i].last)
			return false;
	}
	return true;
}

void fl_hujson_quote(struct fl_slice text, char out[static FL_HUJSON_QUOTED_MAX])
{
	uint32_t rune = 0;
	size_t n = fl_utf8_step(text.ptr, text.len, &rune);
	const char *slash = rune == '\'' || rune == '\\' ? "\\" : "";

	if (n == 0)
		snprintf(out, FL_HUJSON_QUOTED_MAX, "'\\x%02x'", text.ptr[0]);
	else if (is_printable(rune))
		snprintf(out, FL_HUJSON_QUOTED_MAX, "'%s%.*s'", slash, (int)n,
			 (const char *)text.ptr);
	else if (rune <= 0xffff)
		snprintf(out, FL_HUJSON_QUOTED_MAX, "'\\u%04x'", rune);
	else
		snprintf(out, FL_HUJSON_QUOTED_MAX, "'\\U%08x'", rune);
}
