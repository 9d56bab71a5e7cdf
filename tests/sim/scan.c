/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/scan.c - a scanner over JSON text. */
#include "scan.h"

#include <string.h>

static void skip_space(struct scan *s)
{
	while (s->at < s->end && (*s->at == ' ' || *s->at == '\n' || *s->at == '\t'))
		s->at++;
}

static struct scan begin(struct fl_slice text, uint8_t open, char close)
{
	struct scan s = { .at = text.ptr, .end = text.ptr + text.len, .close = close };

	if (text.len < 2 || *s.at != open)
		s.bad = true;
	else
		s.at++;
	return s;
}

struct scan scan_object(struct fl_slice text)
{
	return begin(text, '{', '}');
}

struct scan scan_list(struct fl_slice text)
{
	return begin(text, '[', ']');
}

static const uint8_t *string_end(const uint8_t *p, const uint8_t *end)
{
	for (p++; p < end; p++) {
		if (*p == '\\')
			p++;
		else if (*p == '"')
			return p + 1;
	}
	return NULL;
}

static const uint8_t *nested_end(const uint8_t *p, const uint8_t *end)
{
	int depth = 0;

	while (p < end) {
		if (*p == '"') {
			p = string_end(p, end);
			if (p == NULL)
				return NULL;
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if ((*p == '}' || *p == ']') && --depth == 0)
			return p + 1;
		p++;
	}
	return NULL;
}

static const uint8_t *word_end(const uint8_t *p, const uint8_t *end)
{
	while (p < end && *p != ',' && *p != '}' && *p != ']' && *p != ' ' && *p != '\n')
		p++;
	return p;
}

static bool take(struct scan *s, struct fl_slice *out)
{
	const uint8_t *from = s->at, *end = NULL;

	if (from < s->end) {
		if (*from == '"')
			end = string_end(from, s->end);
		else if (*from == '{' || *from == '[')
			end = nested_end(from, s->end);
		else
			end = word_end(from, s->end);
	}
	if (end == NULL || end == from) {
		s->bad = true;
		return false;
	}
	*out = fl_slice_of(from, (size_t)(end - from));
	s->at = end;
	return true;
}

/* At the next element: false at the end. */
static bool more(struct scan *s)
{
	if (s->bad)
		return false;
	skip_space(s);
	if (s->at >= s->end) {
		s->bad = true;
		return false;
	}
	if (*s->at == (uint8_t)s->close)
		return false;
	if (s->begun) {
		s->bad = *s->at != ',';
		s->at++;
		skip_space(s);
	}
	s->begun = true;
	return !s->bad;
}

bool scan_item(struct scan *s, struct fl_slice *out)
{
	return more(s) && take(s, out);
}

bool scan_member(struct scan *s, struct fl_slice *out_name, struct fl_slice *out_value)
{
	struct fl_slice name;

	if (!more(s) || !take(s, &name))
		return false;
	skip_space(s);
	if (name.ptr[0] != '"' || s->at >= s->end || *s->at != ':') {
		s->bad = true;
		return false;
	}
	s->at++;
	skip_space(s);
	*out_name = scan_string(name);
	return take(s, out_value);
}

bool scan_is(struct fl_slice name, const char *text)
{
	return name.len == strlen(text) && memcmp(name.ptr, text, name.len) == 0;
}

uint64_t scan_number(struct fl_slice raw)
{
	uint64_t n = 0;

	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] < '0' || raw.ptr[i] > '9')
			return 0;
		n = n * 10 + (uint64_t)(raw.ptr[i] - '0');
	}
	return n;
}

struct fl_slice scan_string(struct fl_slice raw)
{
	if (raw.len < 2 || raw.ptr[0] != '"')
		return fl_slice_of(raw.ptr, 0);
	return fl_slice_of(raw.ptr + 1, raw.len - 2);
}

uint64_t scan_hash(uint64_t seed, struct fl_slice s)
{
	const uint64_t mul = UINT64_C(0x9fb21c651e98df25);
	uint64_t h = seed ^ (s.len * mul), w;
	size_t i = 0;

	for (; i + 8 <= s.len; i += 8) {
		memcpy(&w, s.ptr + i, 8);
		h = (h ^ w) * mul;
		h ^= h >> 29;
	}
	w = 0;
	if (i < s.len)
		memcpy(&w, s.ptr + i, s.len - i);
	h = (h ^ w) * mul;
	h ^= h >> 32;
	return h != 0 ? h : 1;
}

struct fl_slice scan_text_of(struct fl_slice object, const char *name)
{
	struct scan s = scan_object(object);
	struct fl_slice key, value;

	while (scan_member(&s, &key, &value))
		if (scan_is(key, name))
			return scan_string(value);
	return fl_slice_of(NULL, 0);
}
