/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/js.c - see js.h. */
#include "js.h"

static void skip_space(struct js *j)
{
	while (j->at < j->end && *j->at <= ' ')
		j->at++;
}

static bool take(struct js *j, char c)
{
	skip_space(j);
	if (j->at >= j->end || *j->at != (uint8_t)c)
		return false;
	j->at++;
	return true;
}

bool js_enter(struct js *j, char open)
{
	return take(j, open);
}

/* Behind the closing quote of a string whose opening quote was just passed. */
static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end) {
		const uint8_t *q = memchr(p, '"', (size_t)(end - p));
		if (!q)
			return end;
		const uint8_t *b = q;
		while (b > p && b[-1] == '\\')
			b--;
		p = q + 1;
		if (((q - b) & 1) == 0)
			return p;
	}
	return end;
}

bool js_key(struct js *j, struct fl_slice *out_key)
{
	take(j, ',');
	if (take(j, '}'))
		return false;
	if (!take(j, '"')) {
		j->bad = true;
		return false;
	}
	const uint8_t *from = j->at;
	j->at = string_end(j->at, j->end);
	*out_key = fl_slice_of(from, (size_t)(j->at - from - (j->at > from)));
	if (!take(j, ':'))
		j->bad = true;
	return !j->bad;
}

bool js_item(struct js *j)
{
	take(j, ',');
	skip_space(j);
	if (j->at >= j->end)
		j->bad = true;
	return !j->bad && !take(j, ']');
}

static const uint8_t *nested_end(const uint8_t *p, const uint8_t *end)
{
	unsigned depth = 0;
	while (p < end) {
		uint8_t c = *p++;
		if (c == '"')
			p = string_end(p, end);
		else if ((c | 0x20) == '{')
			depth++;
		else if ((c | 0x20) == '}' && --depth == 0)
			return p;
	}
	return NULL;
}

static const uint8_t *scalar_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && *p > ' ')
		p++;
	return p;
}

struct fl_slice js_value(struct js *j)
{
	skip_space(j);
	const uint8_t *from = j->at, *to = NULL;
	if (from < j->end && (*from == '{' || *from == '['))
		to = nested_end(from, j->end);
	else if (from < j->end && *from == '"')
		to = string_end(from + 1, j->end);
	else if (from < j->end)
		to = scalar_end(from, j->end);
	if (!to || to == from) {
		j->bad = true;
		j->at = j->end;
		return fl_slice_of(NULL, 0);
	}
	j->at = to;
	return fl_slice_of(from, (size_t)(to - from));
}

bool js_is_null(struct fl_slice v)
{
	return v.len == 0 || fl_slice_is(v, "null");
}

struct fl_slice js_text(struct fl_slice v)
{
	if (v.len < 2 || v.ptr[0] != '"')
		return fl_slice_of(NULL, 0);
	return fl_slice_of(v.ptr + 1, v.len - 2);
}

int64_t js_int(struct fl_slice v)
{
	int64_t n = 0;
	bool minus = v.len > 0 && v.ptr[0] == '-';
	for (size_t i = minus; i < v.len && v.ptr[i] >= '0' && v.ptr[i] <= '9' && i < 18; i++)
		n = n * 10 + (v.ptr[i] - '0');
	return minus ? -n : n;
}
