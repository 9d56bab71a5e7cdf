/* SPDX-License-Identifier: BSD-3-Clause */
/* base/text.c - hex, base64, numbers, small string helpers and string lists. */
#include "base/text.h"

#include <stdlib.h>

#include "base/utf8.h"

enum { DISTANCE_MAX = 64 }; /* longest text fl_str_distance compares */

static const char hex_digits[] = "0123456789abcdef";
static const char base64_digits[] =
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

void fl_hex_encode(const void *src, size_t n, char *out)
{
	const uint8_t *in = src;

	for (size_t i = 0; i < n; i++) {
		*out++ = hex_digits[in[i] >> 4];
		*out++ = hex_digits[in[i] & 15];
	}
	*out = '\0';
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum fl_err fl_hex_decode(struct fl_slice text, uint8_t *out, size_t n)
{
	if (text.len / 2 != n || text.len % 2 != 0)
		return FL_ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		if (hex_value(text.ptr[i]) < 0)
			return FL_ERR_SYNTAX;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned high = (unsigned)hex_value(text.ptr[2 * i]);
		out[i] = (uint8_t)(high << 4 | (unsigned)hex_value(text.ptr[2 * i + 1]));
	}
	return FL_OK;
}

void fl_base64_encode(const void *src, size_t n, char *out)
{
	const uint8_t *in = src;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)in[i] << 16;
		v |= have > 1 ? (uint32_t)in[i + 1] << 8 : 0;
		v |= have > 2 ? in[i + 2] : 0u;
		*out++ = base64_digits[v >> 18];
		*out++ = base64_digits[v >> 12 & 63];
		*out++ = have > 1 ? base64_digits[v >> 6 & 63] : '=';
		*out++ = have > 2 ? base64_digits[v & 63] : '=';
	}
	*out = '\0';
}

static int base64_value(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, the last `pad` of them '='; their 24 bits, or -1. Unused bits must be zero. */
static int32_t base64_group(const uint8_t *in, size_t pad)
{
	int32_t v = 0;

	for (size_t i = 0; i < 4; i++) {
		int digit = i < 4 - pad ? base64_value(in[i]) : 0;
		if (digit < 0)
			return -1;
		v = v << 6 | digit;
	}
	return (v & ((1 << 8 * pad) - 1)) == 0 ? v : -1;
}

static size_t base64_pad(struct fl_slice text)
{
	if (text.len == 0 || text.ptr[text.len - 1] != '=')
		return 0;
	return text.ptr[text.len - 2] == '=' ? 2 : 1;
}

enum fl_err fl_base64_decode(struct fl_slice text, uint8_t *out, size_t cap, size_t *out_len)
{
	if (text.len % 4 != 0)
		return FL_ERR_SYNTAX;

	size_t pad = base64_pad(text);
	for (size_t i = 0; i < text.len; i += 4) {
		if (base64_group(text.ptr + i, i + 4 == text.len ? pad : 0) < 0)
			return FL_ERR_SYNTAX;
	}
	size_t len = text.len / 4 * 3 - pad;
	if (len > cap)
		return FL_ERR_TOO_BIG;
	for (size_t i = 0; i < len; i++) {
		size_t last = text.len - 4, at = i / 3 * 4;
		int32_t v = base64_group(text.ptr + at, at == last ? pad : 0);
		out[i] = (uint8_t)(v >> (16 - 8 * (i % 3)));
	}
	*out_len = len;
	return FL_OK;
}

enum fl_err fl_u64_parse(struct fl_slice text, uint64_t *out)
{
	uint64_t v = 0;
	bool over = false;

	if (text.len == 0 || (text.len > 1 && text.ptr[0] == '0'))
		return FL_ERR_SYNTAX;
	for (size_t i = 0; i < text.len; i++) {
		if (text.ptr[i] < '0' || text.ptr[i] > '9')
			return FL_ERR_SYNTAX;
		over |= __builtin_mul_overflow(v, 10, &v);
		over |= __builtin_add_overflow(v, text.ptr[i] - '0', &v);
	}
	if (over)
		return FL_ERR_TOO_BIG;
	*out = v;
	return FL_OK;
}

bool fl_str_copy(char *out, size_t cap, struct fl_slice text)
{
	if (cap == 0)
		return false;
	size_t n = text.len < cap ? text.len : cap - 1;
	if (n > 0)
		memcpy(out, text.ptr, n);
	out[n] = '\0';
	return n == text.len;
}

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

bool fl_str_ieq(struct fl_slice a, struct fl_slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++) {
		if (lower(a.ptr[i]) != lower(b.ptr[i]))
			return false;
	}
	return true;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

size_t fl_str_distance(struct fl_slice a, struct fl_slice b)
{
	size_t rows[3][DISTANCE_MAX + 1]; /* row i of the table lives in rows[i % 3] */

	if (a.len > DISTANCE_MAX || b.len > DISTANCE_MAX)
		return SIZE_MAX;
	for (size_t j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *row = rows[i % 3];
		const size_t *above = rows[(i - 1) % 3], *two_above = rows[(i + 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = a.ptr[i - 1] == b.ptr[j - 1];
			row[j] = min_size(min_size(above[j], row[j - 1]) + 1, above[j - 1] + !same);
			if (i > 1 && j > 1 && a.ptr[i - 1] == b.ptr[j - 2] &&
			    a.ptr[i - 2] == b.ptr[j - 1])
				row[j] = min_size(row[j], two_above[j - 2] + 1);
		}
	}
	return rows[a.len % 3][b.len];
}

char *fl_str_dup(struct fl_slice text)
{
	if (text.len == SIZE_MAX)
		return NULL;
	char *copy = malloc(text.len + 1);
	if (copy != NULL)
		(void)fl_str_copy(copy, text.len + 1, text);
	return copy;
}

bool fl_str_is_clean(struct fl_slice text)
{
	for (size_t i = 0; i < text.len;) {
		uint32_t rune;
		size_t n = fl_utf8_step(text.ptr + i, text.len - i, &rune);
		if (n == 0 || (rune < 0x20 && rune != '\t') || (rune >= 0x7f && rune < 0xa0))
			return false;
		i += n;
	}
	return true;
}

void fl_strlist_done(struct fl_strlist *l)
{
	for (size_t i = 0; i < l->len; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct fl_strlist){ 0 };
}

enum fl_err fl_strlist_add(struct fl_strlist *l, struct fl_slice text)
{
	char *copy = fl_str_dup(text);
	char **at = copy != NULL ? reallocarray(l->at, l->len + 1, sizeof *at) : NULL;

	if (at == NULL) {
		free(copy);
		return FL_ERR_NOMEM;
	}
	l->at = at;
	l->at[l->len++] = copy;
	return FL_OK;
}

enum fl_err fl_strlist_copy(const struct fl_strlist *src, struct fl_strlist *out)
{
	struct fl_strlist copy = { 0 };

	for (size_t i = 0; i < src->len; i++) {
		enum fl_err err = fl_strlist_add(&copy, fl_slice_str(src->at[i]));
		if (err != FL_OK) {
			fl_strlist_done(&copy);
			return err;
		}
	}
	*out = copy;
	return FL_OK;
}

bool fl_strlist_has(const struct fl_strlist *l, const char *s)
{
	for (size_t i = 0; i < l->len; i++) {
		if (strcmp(l->at[i], s) == 0)
			return true;
	}
	return false;
}

bool fl_strlist_eq(const struct fl_strlist *a, const struct fl_strlist *b)
{
	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++) {
		if (strcmp(a->at[i], b->at[i]) != 0)
			return false;
	}
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void fl_strlist_sort_unique(struct fl_strlist *l)
{
	if (l->len == 0)
		return;
	qsort(l->at, l->len, sizeof *l->at, by_text);

	size_t kept = 1;
	for (size_t i = 1; i < l->len; i++) {
		if (strcmp(l->at[i], l->at[kept - 1]) == 0)
			free(l->at[i]);
		else
			l->at[kept++] = l->at[i];
	}
	l->len = kept;
}
