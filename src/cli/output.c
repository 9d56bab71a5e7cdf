/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/output.c - formats, and the answers as lines and names. Tables are in table.c. */
#include "cli/table.h"

#include <string.h>

#include "base/jw.h"
#include "base/text.h"
#include "base/utf8.h"

enum { TREE_MAX = 64 << 20, VALUES_MAX = 8 << 20 };

bool fl_output_is_machine(const struct fl_output *o)
{
	return o->format == FL_FORMAT_JSON || o->format == FL_FORMAT_JSON_LINE ||
	       o->format == FL_FORMAT_YAML;
}

bool fl_output_format(const char *word, bool terminal, enum fl_format *out)
{
	static const struct {
		const char *word;
		enum fl_format format;
	} formats[] = {
		{ "table", FL_FORMAT_TABLE }, { "wide", FL_FORMAT_WIDE },
		{ "json", FL_FORMAT_JSON },   { "json-line", FL_FORMAT_JSON_LINE },
		{ "yaml", FL_FORMAT_YAML },   { "csv", FL_FORMAT_CSV },
		{ "name", FL_FORMAT_NAME },
	};

	if (word == NULL || word[0] == '\0') {
		*out = terminal ? FL_FORMAT_TABLE : FL_FORMAT_TABS;
		return true;
	}
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		if (strcmp(formats[i].word, word) == 0) {
			*out = formats[i].format;
			return true;
		}
	}
	return false;
}

struct fl_jv fl_json_path(struct fl_jv v, const char *path)
{
	char name[64];

	while (*path != '\0' && fl_json_kind(v) == FL_JSON_OBJECT) {
		size_t len = strcspn(path, ".");
		if (!fl_str_copy(name, sizeof name, fl_slice_of(path, len)))
			break;
		v = fl_json_get(v, name);
		path += len + (path[len] == '.');
	}
	return *path == '\0' ? v : (struct fl_jv){ .doc = v.doc };
}

/* ---- rows ---- */

struct fl_jv fl_rows_list(const struct fl_resource *r, struct fl_jv root)
{
	struct fl_jv list = fl_json_path(root, r->list);
	return fl_json_kind(list) == FL_JSON_ARRAY ? list : (struct fl_jv){ .doc = root.doc };
}

size_t fl_rows_count(const struct fl_resource *r, struct fl_jv root)
{
	struct fl_jv list = fl_rows_list(r, root);

	if (fl_json_has(list))
		return fl_json_len(list);
	return fl_json_has(fl_rows_at(r, root, 0)) ? 1 : 0;
}

struct fl_jv fl_rows_at(const struct fl_resource *r, struct fl_jv root, size_t i)
{
	struct fl_jv list = fl_rows_list(r, root);

	if (fl_json_has(list))
		return fl_json_at(list, i);
	return fl_json_path(root, r->item);
}

/* ---- as JSON, of chosen columns or in another order ---- */

/* A member where the API has it: "user.name" is {"user":{"name":...}}. */
static void write_member(const char *path, struct fl_jv v, struct fl_jw *w)
{
	size_t depth = 0;
	char name[64];

	for (;; depth++) {
		size_t len = strcspn(path, ".");
		fl_str_copy(name, sizeof name, fl_slice_of(path, len));
		fl_jw_key(w, name);
		if (path[len] == '\0')
			break;
		fl_jw_obj(w);
		path += len + 1;
	}
	fl_json_write(v, w);
	while (depth-- > 0)
		fl_jw_obj_end(w);
}

static void write_row(const struct fl_select *s, size_t i, struct fl_jw *w)
{
	struct fl_jv row = fl_select_row(s, i);

	if (!s->chosen || fl_json_kind(row) != FL_JSON_OBJECT) {
		fl_json_write(row, w);
		return;
	}
	fl_jw_obj(w);
	for (size_t k = 0; k < s->columns; k++)
		write_member(s->column[k]->path, fl_json_path(row, s->column[k]->path), w);
	fl_jw_obj_end(w);
}

static void write_tree(const struct fl_select *s, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);
	bool many = fl_json_has(fl_rows_list(s->resource, s->root));

	w.guard = true;
	fl_jw_obj(&w);
	fl_jw_key(&w, many ? s->resource->list : s->resource->item);
	if (many)
		fl_jw_arr(&w);
	for (size_t i = 0; i < s->rows; i++)
		write_row(s, i, &w);
	if (many)
		fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
}

static bool is_selected(const struct fl_select *s)
{
	bool many = fl_json_has(fl_rows_list(s->resource, s->root));
	return (s->chosen || s->order != NULL) && (many || s->rows > 0);
}

/*
 * The tree to show; *out_doc is freed by the caller when it is another than the answer's. False: it
 * did not fit.
 */
static bool shown_tree(const struct fl_output *o, const struct fl_select *s,
		       struct fl_json **out_doc, struct fl_jv *out)
{
	struct fl_buf text = fl_buf_make(TREE_MAX);
	bool ok = true;

	*out_doc = NULL;
	*out = s->root;
	if (is_selected(s)) {
		write_tree(s, &text);
		ok = fl_buf_err(&text) == FL_OK &&
		     fl_json_parse_most(fl_buf_slice(&text), FL_JSON_DEPTH_MAX, VALUES_MAX,
					out_doc) == FL_OK;
		*out = ok ? fl_json_root(*out_doc) : s->root;
	}
	fl_buf_wipe(&text);
	struct fl_jv list = fl_rows_list(s->resource, *out);
	struct fl_jv item = fl_json_path(*out, s->resource->item);
	if (o->bare && fl_json_has(list))
		*out = list;
	else if (o->bare && fl_json_has(item))
		*out = item;
	return ok;
}

static void write_line(struct fl_jv v, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	w.guard = true;
	fl_json_write(v, &w);
	fl_buf_byte(out, '\n');
}

/* What cannot stay the answer's own text. */
static void write_shown(const struct fl_output *o, const struct fl_select *s, struct fl_buf *out)
{
	struct fl_json *doc;
	struct fl_jv v;

	if (!shown_tree(o, s, &doc, &v))
		fl_buf_reserve(out, SIZE_MAX); /* sticks */
	else if (o->format == FL_FORMAT_YAML)
		fl_yaml_write(v, out);
	else if (o->format == FL_FORMAT_JSON && o->bare)
		fl_json_pretty(v, out);
	else
		write_line(v, out);
	fl_json_free(doc);
}

/* ---- formats without columns ---- */

static void write_lines(const struct fl_select *s, struct fl_buf *out)
{
	if (!fl_json_has(fl_json_path(s->root, s->resource->list)) && s->rows == 0)
		write_line(s->root, out); /* the {} of a change that has nothing to show */
	for (size_t i = 0; i < s->rows; i++) {
		struct fl_jw w = fl_jw_make(out);
		w.guard = true;
		write_row(s, i, &w);
		fl_buf_byte(out, '\n');
	}
}

static void write_names(const struct fl_select *s, struct fl_buf *out)
{
	for (size_t i = 0; i < s->rows; i++) {
		struct fl_jv row = fl_select_row(s, i);
		struct fl_jv name = fl_json_kind(row) == FL_JSON_OBJECT
					    ? fl_json_path(row, s->resource->name)
					    : row;
		if (fl_json_kind(name) == FL_JSON_STRING)
			fl_output_clean(fl_json_str(name), out);
		fl_buf_byte(out, '\n');
	}
}

/* Also those that some terminals obey, and the marks that turn the direction of text. */
static bool is_control(uint32_t rune)
{
	return rune < 0x20 || (rune >= 0x7f && rune < 0xa0) || (rune >= 0x2028 && rune <= 0x202e) ||
	       (rune >= 0x2066 && rune <= 0x2069);
}

void fl_output_clean(struct fl_slice text, struct fl_buf *out)
{
	while (text.len > 0) {
		uint32_t rune;
		size_t len = fl_utf8_step(text.ptr, text.len, &rune);
		if (len == 0 || is_control(rune))
			fl_buf_byte(out, '?');
		else
			fl_buf_put(out, text.ptr, len);
		text = fl_slice_skip(text, len > 0 ? len : 1);
	}
}

static void write_selected(const struct fl_output *o, const struct fl_select *s,
			   struct fl_slice body, struct fl_buf *out)
{
	switch (o->format) {
	case FL_FORMAT_JSON:
		if (o->bare || is_selected(s)) {
			write_shown(o, s, out);
			return;
		}
		fl_buf_put(out, body.ptr, body.len);
		fl_buf_byte(out, '\n');
		return;
	case FL_FORMAT_JSON_LINE:
		if (o->bare)
			write_shown(o, s, out);
		else
			write_lines(s, out);
		return;
	case FL_FORMAT_YAML:
		write_shown(o, s, out);
		return;
	case FL_FORMAT_NAME:
		write_names(s, out);
		return;
	case FL_FORMAT_TABLE:
	case FL_FORMAT_TABS:
	case FL_FORMAT_WIDE:
	case FL_FORMAT_CSV:
		fl_table_write(o, s, out);
		return;
	}
}

void fl_output_write(const struct fl_output *o, const struct fl_resource *r, struct fl_slice body,
		     struct fl_jv root, struct fl_buf *out)
{
	struct fl_select s;

	if (fl_select_init(&s, o, r, root) == FL_OK)
		write_selected(o, &s, body, out);
	else
		fl_buf_reserve(out, SIZE_MAX); /* sticks */
	fl_select_done(&s);
}
