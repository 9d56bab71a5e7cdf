/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode.c - the walk over the text: the shapes that sections have in common
 * (policy.md 1.2).
 *
 * Problems are found in text order, because only the first one is told.
 */
#include "domain/policy/decode.h"

#include <ctype.h>

/* ---- names ---- */

static void push(struct fl_decode *d, const char *name, size_t index)
{
	d->path[d->depth++] = (struct fl_decode_step){ .name = name, .index = index };
}

static bool fail_twice(struct fl_decode *d, struct fl_hujv name, const char *text)
{
	return fl_decode_fail_within(d, name,
				     fl_say(d->arena, "jsontext: duplicate object member name %s",
					    fl_quoted(d->arena, text)));
}

/* The name of a member, borrowed from the tree, if it was not there before. */
static bool take_name(struct fl_decode *d, struct fl_map *seen, struct fl_hujv member,
		      const char **out)
{
	struct fl_hujv name = fl_hujson_name(member);
	struct fl_slice text;

	if (!fl_decode_peek(d, name, &text))
		return false;
	const char *s = (const char *)text.ptr;
	if (fl_map_find(seen, s) != NULL)
		return fail_twice(d, name, s);
	if (fl_map_put(seen, s, d) != FL_OK) {
		d->arena->err = FL_ERR_NOMEM;
		return fl_decode_fail(d, name, fl_cause_nomem);
	}
	*out = s;
	return true;
}

static bool scan_elements(struct fl_decode *d, struct fl_hujv v)
{
	size_t i = 0;
	bool ok = true;

	for (struct fl_hujv e = fl_hujson_first(v); ok && fl_hujson_is(e); e = fl_hujson_next(e)) {
		push(d, NULL, i++);
		ok = fl_decode_scan(d, e);
		d->depth--;
	}
	return ok;
}

static bool scan_members(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_map seen;
	const char *name = NULL;
	bool ok = true;

	fl_map_init(&seen, 0, fl_policy_map_seed);
	for (struct fl_hujv m = fl_hujson_first(v); ok && fl_hujson_is(m); m = fl_hujson_next(m)) {
		ok = take_name(d, &seen, m, &name);
		if (!ok)
			break;
		push(d, name, 0);
		ok = fl_decode_scan(d, m);
		d->depth--;
	}
	fl_map_done(&seen);
	return ok;
}

/* Descends as deep as the text, whose depth wire/hujson.h bounds. */
bool fl_decode_scan(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_slice text;

	switch (fl_hujson_kind(v)) {
	case FL_HUJSON_STRING:
		return fl_decode_peek(d, v, &text);
	case FL_HUJSON_ARRAY:
		return scan_elements(d, v);
	case FL_HUJSON_OBJECT:
		return scan_members(d, v);
	case FL_HUJSON_NULL:
	case FL_HUJSON_BOOL:
	case FL_HUJSON_NUMBER:
		break;
	}
	return true;
}

/* ---- structures ---- */

/* Go folds '_' and '-' away, and the case of ASCII letters. */
static bool is_folded(const char *a, const char *b)
{
	for (;;) {
		while (*a == '_' || *a == '-')
			a++;
		while (*b == '_' || *b == '-')
			b++;
		if (tolower((unsigned char)*a) != tolower((unsigned char)*b))
			return false;
		if (*a == '\0')
			return true;
		a++;
		b++;
	}
}

static size_t find_member(const struct fl_decode_shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->len; i++)
		if (strcmp(shape->members[i].name, name) == 0)
			return i;
	for (size_t i = 0; i < shape->len; i++)
		if (is_folded(shape->members[i].name, name))
			return i;
	return SIZE_MAX;
}

static bool read_member(struct fl_decode *d, struct fl_hujv m, const struct fl_decode_shape *shape,
			uint32_t *seen, void *out)
{
	struct fl_hujv name = fl_hujson_name(m);
	struct fl_slice text;

	if (!fl_decode_peek(d, name, &text))
		return false;
	const char *s = (const char *)text.ptr;
	if (shape->comments && *s == '#')
		return true;
	size_t i = find_member(shape, s);
	if (i == SIZE_MAX)
		return fl_decode_fail_bare(
			d, name, fl_say(d->arena, "unknown field: %s", fl_quoted(d->arena, s)));
	if (*seen >> i & 1)
		return fail_twice(d, name, s);
	*seen |= (uint32_t)1 << i;
	push(d, s, 0);
	bool ok = shape->members[i].read(d, m, out);
	d->depth--;
	return ok;
}

bool fl_decode_object(struct fl_decode *d, struct fl_hujv v, const struct fl_decode_shape *shape,
		      void *out)
{
	uint32_t seen = 0;

	if (fl_hujson_kind(v) == FL_HUJSON_NULL)
		return true;
	if (fl_hujson_kind(v) != FL_HUJSON_OBJECT)
		return fl_decode_mistyped(d, v, shape->type);
	for (struct fl_hujv m = fl_hujson_first(v); fl_hujson_is(m); m = fl_hujson_next(m))
		if (!read_member(d, m, shape, &seen, out))
			return false;
	return true;
}

/* ---- lists and maps ---- */

static void *new_array(struct fl_decode *d, struct fl_hujv v, const char *type,
		       enum fl_hujson_kind kind, size_t size)
{
	if (fl_hujson_kind(v) != kind && fl_hujson_kind(v) != FL_HUJSON_NULL) {
		fl_decode_mistyped(d, v, type);
		return NULL;
	}
	size_t len = fl_hujson_kind(v) == kind ? fl_hujson_len(v) : 0;
	void *at = fl_arena_array(d->arena, len, size);
	if (at == NULL)
		fl_decode_fail(d, v, fl_cause_nomem);
	return at;
}

void *fl_decode_list(struct fl_decode *d, struct fl_hujv v, const char *type, size_t size,
		     fl_decode_reader *read, size_t *out_len)
{
	char *at = new_array(d, v, type, FL_HUJSON_ARRAY, size);
	size_t n = 0;

	if (at == NULL)
		return NULL;
	if (fl_hujson_kind(v) == FL_HUJSON_ARRAY)
		for (struct fl_hujv e = fl_hujson_first(v); fl_hujson_is(e);
		     e = fl_hujson_next(e)) {
			push(d, NULL, n);
			bool ok = read(d, e, at + n * size);
			d->depth--;
			if (!ok)
				return NULL;
			n++;
		}
	*out_len = n;
	return at;
}

static bool read_entries(struct fl_decode *d, struct fl_hujv v, char *at, size_t size,
			 fl_decode_entry *read, struct fl_map *seen)
{
	for (struct fl_hujv m = fl_hujson_first(v); fl_hujson_is(m); m = fl_hujson_next(m)) {
		const char *name = NULL;
		if (!take_name(d, seen, m, &name))
			return false;
		const char *copy = fl_arena_text(d->arena, fl_slice_str(name));
		if (copy == NULL)
			return fl_decode_fail(d, m, fl_cause_nomem);
		push(d, copy, 0);
		bool ok = read(d, copy, m, at);
		d->depth--;
		if (!ok)
			return false;
		at += size;
	}
	return true;
}

void *fl_decode_map(struct fl_decode *d, struct fl_hujv v, const char *type, size_t size,
		    fl_decode_entry *read, size_t *out_len)
{
	char *at = new_array(d, v, type, FL_HUJSON_OBJECT, size);
	struct fl_map seen;

	if (at == NULL)
		return NULL;
	if (fl_hujson_kind(v) == FL_HUJSON_NULL) {
		*out_len = 0;
		return at;
	}
	fl_map_init(&seen, 0, fl_policy_map_seed);
	bool ok = read_entries(d, v, at, size, read, &seen);
	fl_map_done(&seen);
	if (!ok)
		return NULL;
	*out_len = fl_hujson_len(v);
	return at;
}

/* ---- elements ---- */

bool fl_decode_aliases(struct fl_decode *d, struct fl_hujv v, const char *type,
		       fl_decode_reader *read, struct fl_aliases *out)
{
	out->at = fl_decode_list(d, v, type, sizeof *out->at, read, &out->len);
	return out->at != NULL;
}

static bool read_trimmed(struct fl_decode *d, struct fl_hujv v, const char *type, const char **out)
{
	const char *text;

	if (!fl_decode_string(d, v, type, &text))
		return false;
	struct fl_slice whole = fl_slice_str(text), part = fl_go_trim(whole);
	if (part.len < whole.len) {
		text = fl_arena_text(d->arena, part);
		if (text == NULL)
			return fl_decode_fail(d, v, fl_cause_nomem);
	}
	*out = text;
	return true;
}

static bool read_alias(struct fl_decode *d, struct fl_hujv v, bool source, struct fl_alias *out)
{
	const char *text = NULL;

	if (!read_trimmed(d, v, "v2.AliasEnc", &text))
		return false;
	if (!fl_alias_recognise(text, out))
		return fl_decode_fail(
			d, v,
			fl_say(d->arena, "invalid alias format: %s", fl_quoted(d->arena, text)));
	if (!source && out->kind == FL_ALIAS_DOMAIN)
		out->kind = FL_ALIAS_USER; /* only a source; as a destination it is nobody */
	out->at = fl_hujson_offset(v);
	return fl_alias_intern(d, out) || fl_decode_fail(d, v, fl_cause_nomem);
}

bool fl_decode_source(struct fl_decode *d, struct fl_hujv v, void *alias)
{
	return read_alias(d, v, true, alias);
}

bool fl_decode_destination(struct fl_decode *d, struct fl_hujv v, void *alias)
{
	return read_alias(d, v, false, alias);
}

bool fl_decode_plain(struct fl_decode *d, struct fl_hujv v, void *text)
{
	return fl_decode_string(d, v, "string", text);
}

bool fl_decode_trimmed(struct fl_decode *d, struct fl_hujv v, void *text)
{
	return read_trimmed(d, v, "v2.SSHUser", text);
}

bool fl_decode_word(struct fl_decode *d, struct fl_hujv v, void *word)
{
	struct fl_word *w = word;

	w->at = fl_hujson_offset(v);
	return fl_decode_string(d, v, "string", &w->text);
}
