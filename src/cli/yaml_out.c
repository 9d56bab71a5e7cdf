/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/yaml_out.c - a JSON value as YAML, with quotes wherever a reader might guess a type. */
#include <ctype.h>
#include <string.h>

#include "base/jw.h"
#include "base/text.h"
#include "cli/output.h"

/* Words that YAML 1.1 readers take for something else than a string. */
static bool is_reserved(struct fl_slice s)
{
	static const char *const words[] = { "true", "false", "null", "yes", "no",
					     "on",   "off",   "y",    "n",   "nan" };

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (fl_str_ieq(s, fl_slice_str(words[i])))
			return true;
	return false;
}

static bool is_plain(struct fl_slice s)
{
	if (s.len == 0 || !isalpha(s.ptr[0]) || is_reserved(s))
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!isalnum(s.ptr[i]) && (s.ptr[i] >= 0x80 || strchr("_-./@", s.ptr[i]) == NULL))
			return false;
	return true;
}

/* JSON's quoted form is YAML's double-quoted form. */
static void write_str(struct fl_slice s, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	w.guard = true;
	if (is_plain(s))
		fl_buf_put(out, s.ptr, s.len);
	else
		fl_jw_text(&w, s);
}

static void write_scalar(struct fl_jv v, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	if (fl_json_kind(v) == FL_JSON_STRING)
		write_str(fl_json_str(v), out);
	else
		fl_json_write(v, &w); /* also the empty list and map */
	fl_buf_byte(out, '\n');
}

static bool is_block(struct fl_jv v)
{
	struct fl_slice name;
	struct fl_jv member;
	void *at = NULL;

	if (fl_json_kind(v) == FL_JSON_ARRAY)
		return fl_json_len(v) > 0;
	return fl_json_kind(v) == FL_JSON_OBJECT && fl_json_each(v, &at, &name, &member);
}

static void write_block(struct fl_jv v, int depth, bool inline_first, struct fl_buf *out);

static void write_member(struct fl_jv v, int depth, struct fl_buf *out)
{
	if (!is_block(v)) {
		fl_buf_byte(out, ' ');
		write_scalar(v, out);
		return;
	}
	fl_buf_byte(out, '\n');
	/* A list may stand as deep as its key. */
	write_block(v, fl_json_kind(v) == FL_JSON_ARRAY ? depth : depth + 1, false, out);
}

static void write_items(struct fl_jv v, int depth, bool inline_first, struct fl_buf *out)
{
	for (size_t i = 0; i < fl_json_len(v); i++) {
		struct fl_jv item = fl_json_at(v, i);
		fl_buf_printf(out, "%*s- ", i == 0 && inline_first ? 0 : depth * 2, "");
		if (is_block(item))
			write_block(item, depth + 1, true, out);
		else
			write_scalar(item, out);
	}
}

/* `inline_first`: the first line begins behind a dash. */
static void write_block(struct fl_jv v, int depth, bool inline_first, struct fl_buf *out)
{
	struct fl_slice name;
	struct fl_jv member;
	void *at = NULL;

	if (fl_json_kind(v) == FL_JSON_ARRAY) {
		write_items(v, depth, inline_first, out);
		return;
	}
	for (bool first = inline_first; fl_json_each(v, &at, &name, &member); first = false) {
		fl_buf_printf(out, "%*s", first ? 0 : depth * 2, "");
		write_str(name, out);
		fl_buf_byte(out, ':');
		write_member(member, depth, out);
	}
}

void fl_yaml_write(struct fl_jv v, struct fl_buf *out)
{
	if (is_block(v))
		write_block(v, 0, false, out);
	else
		write_scalar(v, out);
}
