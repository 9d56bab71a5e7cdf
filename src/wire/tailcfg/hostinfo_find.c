/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/tailcfg/hostinfo_find.c - where a request has its Hostinfo, without parsing it. */
#include "base/text.h"
#include "wire/tailcfg/hostinfo_json.h"

struct walk {
	struct fl_slice json;
	size_t at, level;
	size_t begin, end; /* of the object; 0: not seen */
	bool doubt;
};

/* Where the next quote is; at the end if there is none. */
static size_t next_quote(struct fl_slice text, size_t from)
{
	const uint8_t *quote = NULL;

	if (from < text.len)
		quote = memchr(text.ptr + from, '"', text.len - from);
	return quote != NULL ? (size_t)(quote - text.ptr) : text.len;
}

/* Does the quote at `i` belong to the string? */
static bool is_escaped(struct fl_slice text, size_t i)
{
	size_t from = i;

	while (from > 0 && text.ptr[from - 1] == '\\')
		from--;
	return (i - from) % 2 != 0;
}

/* The string that opens at the walk's place, which then is behind it. */
static struct fl_slice take_string(struct walk *w)
{
	struct fl_slice text = fl_slice_skip(w->json, w->at + 1);
	size_t n = next_quote(text, 0);

	while (n < text.len && is_escaped(text, n))
		n = next_quote(text, n + 1);
	if (n == text.len) {
		w->doubt = true;
		return fl_slice_of(NULL, 0);
	}
	w->at += n + 2;
	return fl_slice_of(text.ptr, n);
}

/* A name of the outermost object may be spelt with escapes: then nothing is sure. */
static void note_string(struct walk *w, struct fl_slice text)
{
	if (w->level != 1)
		return;
	if (text.len > 0 && memchr(text.ptr, '\\', text.len) != NULL)
		w->doubt = true;
	if (!fl_str_ieq(text, fl_slice_str("Hostinfo")))
		return;
	struct fl_slice rest = fl_slice_skip(w->json, w->at);
	if (w->begin != 0 || rest.len < 2 || rest.ptr[0] != ':' || rest.ptr[1] != '{')
		w->doubt = true;
	w->begin = w->at + 1;
}

static void step(struct walk *w)
{
	uint8_t c = w->json.ptr[w->at];

	if (c == '"') {
		note_string(w, take_string(w));
		return;
	}
	w->at++;
	if (c == '{' || c == '[')
		w->level++;
	else if ((c == '}' || c == ']') && w->level-- == 0)
		w->doubt = true;
	if (c == '}' && w->level == 1 && w->begin != 0 && w->end == 0)
		w->end = w->at;
}

struct fl_slice fl_hostinfo_find(struct fl_slice json)
{
	struct walk w = { .json = json };

	while (w.at < json.len && !w.doubt)
		step(&w);
	if (w.doubt || w.end == 0)
		return fl_slice_of(NULL, 0);
	return fl_slice_of(json.ptr + w.begin, w.end - w.begin);
}
