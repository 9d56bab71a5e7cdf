/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/jw.c - the JSON writer.
 *
 * Strings are copied in runs: a table says which bytes stand for themselves, and only the others
 * are looked at one by one.
 */
#include "base/jw.h"

#include <math.h>
#include <stdio.h>

#include "base/utf8.h"

/* ASCII that never needs an escape. All other bytes are looked at one by one. */
static const bool plain[256] = {
	[' '] = 1, ['!'] = 1,         ['#' ... '%'] = 1, ['\'' ... ';'] = 1,
	['='] = 1, ['?' ... '['] = 1, [']' ... '~'] = 1,
};

static void fail(struct fl_jw *w)
{
	if (w->out->err == FL_OK)
		w->out->err = FL_ERR_ARG;
}

static uint32_t level_bit(const struct fl_jw *w)
{
	return UINT32_C(1) << (w->depth - 1);
}

/* What stands before a value or key: a comma, if the level already holds something. */
static void separate(struct fl_jw *w)
{
	if (w->depth == 0)
		return;
	if (w->used & level_bit(w))
		fl_buf_byte(w->out, ',');
	w->used |= level_bit(w);
}

static void begin_value(struct fl_jw *w)
{
	if (w->keyed)
		w->keyed = false;
	else if (w->depth > 0 && (w->objs & level_bit(w)))
		fail(w); /* a member without a key */
	else
		separate(w);
}

static void begin_key(struct fl_jw *w)
{
	if (w->keyed || w->depth == 0 || !(w->objs & level_bit(w)))
		fail(w);
	w->keyed = true;
	separate(w);
}

static void open_level(struct fl_jw *w, char c, bool is_obj)
{
	begin_value(w);
	fl_buf_byte(w->out, (uint8_t)c);
	if (w->depth == FL_JW_DEPTH) {
		fail(w);
		return;
	}
	w->depth++;
	w->used &= ~level_bit(w);
	w->objs = is_obj ? w->objs | level_bit(w) : w->objs & ~level_bit(w);
}

static void close_level(struct fl_jw *w, char c, bool is_obj)
{
	if (w->depth == 0 || w->keyed || !(w->objs & level_bit(w)) == is_obj) {
		fail(w);
		return;
	}
	w->depth--;
	fl_buf_byte(w->out, (uint8_t)c);
}

void fl_jw_obj(struct fl_jw *w)
{
	open_level(w, '{', true);
}

void fl_jw_obj_end(struct fl_jw *w)
{
	close_level(w, '}', true);
}

void fl_jw_arr(struct fl_jw *w)
{
	open_level(w, '[', false);
}

void fl_jw_arr_end(struct fl_jw *w)
{
	close_level(w, ']', false);
}

static void put_escape(struct fl_buf *out, uint32_t c)
{
	static const char digits[] = "0123456789abcdef";
	static const char named[128] = { ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
					 ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't' };
	uint8_t text[6] = { '\\',
			    'u',
			    (uint8_t)digits[c >> 12 & 15],
			    (uint8_t)digits[c >> 8 & 15],
			    (uint8_t)digits[c >> 4 & 15],
			    (uint8_t)digits[c & 15] };

	if (c < sizeof named && named[c] != '\0') {
		text[1] = (uint8_t)named[c];
		fl_buf_put(out, text, 2);
		return;
	}
	fl_buf_put(out, text, sizeof text);
}

static bool needs_escape(const struct fl_jw *w, uint32_t rune)
{
	if (rune < 0x7f) /* not plain, so one of the marked ones */
		return true;
	return rune == 0x2028 || rune == 0x2029 || (w->guard && rune < 0xa0);
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The top bit of some byte is set if some byte of `v` is zero. */
static uint64_t zero_bytes(uint64_t v)
{
	return (v - EACH_BYTE(1)) & ~v & EACH_BYTE(0x80);
}

/* Are all eight bytes plain? Pairs that differ in one bit are found by one comparison. */
static bool plain_word(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof v);
	uint64_t odd = v | (v + EACH_BYTE(1)) /* DEL and all above */
		       | (v - EACH_BYTE(' ')) /* controls */
		       | zero_bytes((v | EACH_BYTE('"' ^ '&')) ^ EACH_BYTE('&')) |
		       zero_bytes((v | EACH_BYTE('<' ^ '>')) ^ EACH_BYTE('>')) |
		       zero_bytes(v ^ EACH_BYTE('\\'));
	return (odd & EACH_BYTE(0x80)) == 0;
}

/* The length of the text at the front of `s` that is copied as it is. */
static size_t plain_run(const struct fl_jw *w, struct fl_slice s)
{
	size_t i = 0;

	while (i < s.len) {
		if (s.len - i >= sizeof(uint64_t) && plain_word(s.ptr + i)) {
			i += sizeof(uint64_t);
			continue;
		}
		if (plain[s.ptr[i]]) {
			i++;
			continue;
		}
		uint32_t rune;
		size_t n = fl_utf8_step(s.ptr + i, s.len - i, &rune);
		if (n == 0 || needs_escape(w, rune))
			break;
		i += n;
	}
	return i;
}

/* Escapes the character that ended a run; its length in the input. */
static size_t put_special(struct fl_buf *out, struct fl_slice s)
{
	uint32_t rune;
	size_t n = fl_utf8_step(s.ptr, s.len, &rune);

	put_escape(out, n > 0 ? rune : 0xfffd);
	return n > 0 ? n : 1;
}

static void put_string(struct fl_jw *w, struct fl_slice s)
{
	/* The shortest possible result decides about room once; only escapes may ask again. */
	if (s.len > SIZE_MAX - 2 || fl_buf_reserve(w->out, s.len + 2) != FL_OK)
		return;
	fl_buf_byte(w->out, '"');
	while (s.len > 0) {
		size_t n = plain_run(w, s);
		fl_buf_put(w->out, s.ptr, n);
		s = fl_slice_skip(s, n);
		if (s.len > 0)
			s = fl_slice_skip(s, put_special(w->out, s));
	}
	fl_buf_byte(w->out, '"');
}

void fl_jw_key(struct fl_jw *w, const char *key)
{
	size_t len = strlen(key);

	begin_key(w);
	if (fl_buf_reserve(w->out, len + 3) != FL_OK)
		return;
	fl_buf_byte(w->out, '"');
	fl_buf_put(w->out, key, len);
	fl_buf_put(w->out, "\":", 2);
}

void fl_jw_key_text(struct fl_jw *w, struct fl_slice key)
{
	begin_key(w);
	put_string(w, key);
	fl_buf_byte(w->out, ':');
}

void fl_jw_str(struct fl_jw *w, const char *s)
{
	fl_jw_text(w, fl_slice_str(s));
}

void fl_jw_text(struct fl_jw *w, struct fl_slice s)
{
	begin_value(w);
	put_string(w, s);
}

/* Writes the decimal digits of `v` so that they end at `end`; where they begin. */
static char *digits_before(char *end, uint64_t v)
{
	do {
		*--end = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	return end;
}

void fl_jw_u64(struct fl_jw *w, uint64_t v)
{
	char text[20], *end = text + sizeof text;
	const char *p = digits_before(end, v);

	begin_value(w);
	fl_buf_put(w->out, p, (size_t)(end - p));
}

void fl_jw_i64(struct fl_jw *w, int64_t v)
{
	char text[21], *end = text + sizeof text;
	char *p = digits_before(end, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);

	if (v < 0)
		*--p = '-';
	begin_value(w);
	fl_buf_put(w->out, p, (size_t)(end - p));
}

void fl_jw_u64_str(struct fl_jw *w, uint64_t v)
{
	char text[22], *end = text + sizeof text;

	*--end = '"';
	char *p = digits_before(end, v);
	*--p = '"';
	begin_value(w);
	fl_buf_put(w->out, p, (size_t)(end + 1 - p));
}

void fl_jw_f64(struct fl_jw *w, double v)
{
	if (!isfinite(v)) {
		fl_jw_null(w);
		return;
	}
	begin_value(w);
	fl_buf_printf(w->out, "%.17g", v);
}

void fl_jw_bool(struct fl_jw *w, bool v)
{
	begin_value(w);
	fl_buf_str(w->out, v ? "true" : "false");
}

void fl_jw_null(struct fl_jw *w)
{
	begin_value(w);
	fl_buf_str(w->out, "null");
}

void fl_jw_time(struct fl_jw *w, fl_wall t)
{
	char text[FL_RFC3339_MAX];

	fl_wall_format(t, text);
	fl_jw_str(w, text);
}

void fl_jw_raw(struct fl_jw *w, struct fl_slice json)
{
	begin_value(w);
	fl_buf_put(w->out, json.ptr, json.len);
}
