/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/goquote.c - texts as Go's strconv.Quote and strings.TrimSpace see them, because the
 * messages of the reference are made with them.
 *
 * What Go does not print is known here by ranges: controls, spaces other than U+0020, format
 * characters, surrogates, private use, planes without characters. Other code points that Unicode
 * has not assigned count as printable, which Go's do not: no name has them.
 */
#include "domain/policy/decode.h"

#include <stdio.h>

#include "base/utf8.h"

static const struct {
	uint32_t first, last;
} unprinted[] = {
	{ 0x7f, 0xa0 },        { 0xad, 0xad },       { 0x600, 0x605 },     { 0x61c, 0x61c },
	{ 0x6dd, 0x6dd },      { 0x70f, 0x70f },     { 0x890, 0x891 },     { 0x8e2, 0x8e2 },
	{ 0x1680, 0x1680 },    { 0x180e, 0x180e },   { 0x2000, 0x200f },   { 0x2028, 0x202f },
	{ 0x205f, 0x206f },    { 0x3000, 0x3000 },   { 0xd800, 0xf8ff },   { 0xfdd0, 0xfdef },
	{ 0xfeff, 0xfeff },    { 0xfff0, 0xfffb },   { 0x110bd, 0x110bd }, { 0x110cd, 0x110cd },
	{ 0x13430, 0x1343f },  { 0x1bca0, 0x1bca3 }, { 0x1d173, 0x1d17a }, { 0x323b0, 0xe00ff },
	{ 0xe01f0, 0x10ffff },
};

static bool is_printed(uint32_t rune)
{
	if (rune < 0x20 || (rune & 0xfffe) == 0xfffe)
		return false;
	for (size_t i = 0; i < sizeof unprinted / sizeof *unprinted; i++)
		if (rune >= unprinted[i].first && rune <= unprinted[i].last)
			return false;
	return true;
}

static void put_escaped(struct fl_buf *out, uint32_t rune)
{
	static const char letters[] = "abtnvfr"; /* of 7..13 */

	if (rune >= 7 && rune <= 13)
		fl_buf_printf(out, "\\%c", letters[rune - 7]);
	else if (rune < 0x20 || rune == 0x7f)
		fl_buf_printf(out, "\\x%02x", (unsigned)rune);
	else if (rune < 0x10000)
		fl_buf_printf(out, "\\u%04x", (unsigned)rune);
	else
		fl_buf_printf(out, "\\U%08x", (unsigned)rune);
}

void fl_go_quote(struct fl_buf *out, struct fl_slice text)
{
	fl_buf_byte(out, '"');
	while (text.len > 0) {
		uint32_t rune;
		size_t n = fl_utf8_step(text.ptr, text.len, &rune);
		if (n == 0) {
			fl_buf_printf(out, "\\x%02x", text.ptr[0]);
			n = 1;
		} else if (rune == '"' || rune == '\\') {
			fl_buf_printf(out, "\\%c", (char)rune);
		} else if (is_printed(rune)) {
			fl_buf_put(out, text.ptr, n);
		} else {
			put_escaped(out, rune);
		}
		text = fl_slice_skip(text, n);
	}
	fl_buf_byte(out, '"');
}

static bool is_space(uint32_t rune)
{
	return (rune >= 9 && rune <= 13) || rune == ' ' || rune == 0x85 || rune == 0xa0 ||
	       rune == 0x1680 || (rune >= 0x2000 && rune <= 0x200a) || rune == 0x2028 ||
	       rune == 0x2029 || rune == 0x202f || rune == 0x205f || rune == 0x3000;
}

struct fl_slice fl_go_trim(struct fl_slice text)
{
	uint32_t rune;
	size_t end = 0;

	for (;;) {
		size_t n = fl_utf8_step(text.ptr, text.len, &rune);
		if (n == 0 || !is_space(rune))
			break;
		text = fl_slice_skip(text, n);
	}
	for (size_t i = 0; i < text.len;) {
		size_t n = fl_utf8_step(text.ptr + i, text.len - i, &rune);
		bool space = n > 0 && is_space(rune);
		i += n > 0 ? n : 1;
		if (!space)
			end = i;
	}
	return fl_slice_of(text.ptr, end);
}

const char *fl_say(struct fl_arena *a, const char *fmt, ...)
{
	va_list args, again;

	va_start(args, fmt);
	va_copy(again, args);
	int len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	char *text = fl_arena_array(a, (size_t)len + 1, 1);
	if (text != NULL)
		vsnprintf(text, (size_t)len + 1, fmt, args);
	va_end(args);
	return text != NULL ? text : fl_cause_nomem;
}

const char *fl_quoted(struct fl_arena *a, const char *text)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX / 2);

	fl_go_quote(&b, fl_slice_str(text));
	const char *copy = fl_buf_err(&b) == FL_OK ? fl_arena_text(a, fl_buf_slice(&b)) : NULL;
	if (copy == NULL && a->err == FL_OK)
		a->err = FL_ERR_NOMEM;
	fl_buf_done(&b);
	return copy != NULL ? copy : fl_cause_nomem;
}
