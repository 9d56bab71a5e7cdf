/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/decode_text.c - where the walk is, what ends it, and the texts it meets
 * (policy.md 1.2).
 */
#include "domain/policy/decode.h"

#include <ctype.h>

#include "base/utf8.h"

/* ---- problems ---- */

static void put_step(struct fl_buf *out, const struct fl_decode_step *s)
{
	fl_buf_byte(out, '/');
	if (s->name == NULL) {
		fl_buf_printf(out, "%zu", s->index);
		return;
	}
	for (const char *c = s->name; *c != '\0'; c++) {
		if (*c == '~')
			fl_buf_str(out, "~0");
		else if (*c == '/')
			fl_buf_str(out, "~1");
		else
			fl_buf_byte(out, (uint8_t)*c);
	}
}

/* The JSON pointer of where the walk is; "" at the top. */
static const char *pointer(struct fl_decode *d)
{
	struct fl_buf *b = &d->scratch;

	fl_buf_reset(b);
	for (size_t i = 0; i < d->depth; i++)
		put_step(b, &d->path[i]);
	fl_buf_byte(b, '\0');
	if (fl_buf_err(b) != FL_OK) {
		d->arena->err = FL_ERR_NOMEM;
		return "";
	}
	const char *text = fl_arena_text(d->arena, fl_slice_of(b->ptr, b->len - 1));
	return text != NULL ? text : "";
}

/* Every failure of the walk ends here: a shortage is no problem of the document. */
bool fl_decode_fail_bare(struct fl_decode *d, struct fl_hujv v, const char *text)
{
	if (d->err != FL_OK)
		return false;
	d->err = d->arena->err;
	if (d->err != FL_OK)
		return false;
	fl_policy_report_add(d->report, fl_hujson_offset(v), "%s", text);
	d->err = FL_ERR_INVALID;
	return false;
}

bool fl_decode_fail(struct fl_decode *d, struct fl_hujv v, const char *cause)
{
	const char *at = pointer(d);

	if (cause == fl_cause_tag_name) {
		const struct fl_decode_step *last = &d->path[d->depth - 1];
		const char *name = last->name ? last->name : fl_say(d->arena, "%zu", last->index);
		return fl_decode_fail_bare(
			d, v,
			fl_say(d->arena, "tagOwners[%s]: %s", fl_quoted(d->arena, name), cause));
	}
	return fl_decode_fail_bare(
		d, v, fl_say(d->arena, "parsing policy from bytes: %s: %s", at, cause));
}

bool fl_decode_fail_within(struct fl_decode *d, struct fl_hujv v, const char *cause)
{
	const char *at = pointer(d);

	return fl_decode_fail_bare(d, v,
				   fl_say(d->arena, "parsing policy from bytes: %s%s%s", cause,
					  *at != '\0' ? " within " : "",
					  *at != '\0' ? fl_quoted(d->arena, at) : ""));
}

bool fl_decode_mistyped(struct fl_decode *d, struct fl_hujv v, const char *type)
{
	static const char *const kinds[] = {
		[FL_HUJSON_NULL] = "null",     [FL_HUJSON_BOOL] = "boolean",
		[FL_HUJSON_NUMBER] = "number", [FL_HUJSON_STRING] = "string",
		[FL_HUJSON_ARRAY] = "array",   [FL_HUJSON_OBJECT] = "object",
	};

	return fl_decode_fail_within(d, v,
				     fl_say(d->arena, "json: cannot unmarshal JSON %s into Go %s",
					    kinds[fl_hujson_kind(v)], type));
}

const char *fl_decode_go_type(struct fl_hujv v)
{
	static const char *const types[] = {
		[FL_HUJSON_NULL] = "<nil>",
		[FL_HUJSON_BOOL] = "bool",
		[FL_HUJSON_NUMBER] = "float64",
		[FL_HUJSON_STRING] = "string",
		[FL_HUJSON_ARRAY] = "[]interface {}",
		[FL_HUJSON_OBJECT] = "map[string]interface {}",
	};

	return types[fl_hujson_kind(v)];
}

/* ---- texts ---- */

static bool is_valid_utf8(struct fl_slice s)
{
	uint32_t rune;

	while (s.len > 0) {
		size_t n = fl_utf8_step(s.ptr, s.len, &rune);
		if (n == 0)
			return false;
		s = fl_slice_skip(s, n);
	}
	return true;
}

/* The value of the escape \uXXXX at `p`, 0 if there is none of a surrogate. */
static unsigned surrogate_at(const uint8_t *p, size_t len)
{
	unsigned v = 0;

	if (len < 6 || p[0] != '\\' || p[1] != 'u')
		return 0;
	for (size_t i = 2; i < 6; i++) {
		if (!isxdigit(p[i]))
			return 0;
		v = v << 4 | (unsigned)(isdigit(p[i]) ? p[i] - '0' : (p[i] | 0x20) - 'a' + 10);
	}
	return v >= 0xd800 && v <= 0xdfff ? v : 0;
}

static struct fl_slice unpaired_surrogate(struct fl_slice raw)
{
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.ptr[i] != '\\')
			continue;
		unsigned first = surrogate_at(raw.ptr + i, raw.len - i);
		if (first == 0) {
			i++; /* the character behind, which may be another backslash */
			continue;
		}
		unsigned second =
			raw.len - i > 6 ? surrogate_at(raw.ptr + i + 6, raw.len - i - 6) : 0;
		if (first >= 0xdc00 || second < 0xdc00)
			return fl_slice_of(raw.ptr + i, 6);
		i += 11;
	}
	return fl_slice_of(NULL, 0);
}

static bool fail_text(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_slice raw = fl_hujson_raw(v);
	struct fl_slice bad = unpaired_surrogate(raw);

	if (!is_valid_utf8(raw))
		return fl_decode_fail_within(d, v, "jsontext: invalid UTF-8");
	return fl_decode_fail_within(d, v,
				     fl_say(d->arena,
					    "jsontext: invalid escape sequence `%.*s` in string",
					    (int)bad.len, bad.ptr ? (const char *)bad.ptr : ""));
}

bool fl_decode_peek(struct fl_decode *d, struct fl_hujv v, struct fl_slice *out)
{
	bool valid;
	struct fl_slice text = fl_hujson_text(v, &valid);

	if (!valid)
		return fail_text(d, v);
	/* Names end at a NUL here, so one inside would make two names the same. */
	if (text.len > 0 && memchr(text.ptr, '\0', text.len) != NULL)
		return fl_decode_fail(d, v, "text must not contain the character U+0000");
	*out = text;
	return true;
}

const char *fl_decode_text(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_slice text = fl_slice_of(NULL, 0);

	if (!fl_decode_peek(d, v, &text))
		return NULL;
	const char *copy = fl_arena_text(d->arena, text);
	if (copy == NULL)
		fl_decode_fail(d, v, fl_cause_nomem);
	return copy;
}

const char *fl_decode_bare(struct fl_decode *d, struct fl_hujv v)
{
	struct fl_slice raw = fl_hujson_raw(v), text;

	if (fl_hujson_kind(v) == FL_HUJSON_STRING && !fl_decode_peek(d, v, &text))
		return NULL;
	while (raw.len > 0 && raw.ptr[0] == '"')
		raw = fl_slice_skip(raw, 1);
	while (raw.len > 0 && raw.ptr[raw.len - 1] == '"')
		raw.len--;
	const char *copy = fl_arena_text(d->arena, raw);
	if (copy == NULL)
		fl_decode_fail(d, v, fl_cause_nomem);
	return copy;
}

bool fl_decode_string(struct fl_decode *d, struct fl_hujv v, const char *type, const char **out)
{
	if (fl_hujson_kind(v) == FL_HUJSON_NULL) {
		*out = "";
		return true;
	}
	if (fl_hujson_kind(v) != FL_HUJSON_STRING)
		return fl_decode_mistyped(d, v, type);
	const char *text = fl_decode_text(d, v);
	if (text == NULL)
		return false;
	*out = text;
	return true;
}
