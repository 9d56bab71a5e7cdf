/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/json.c - Go's reading rules over jansson.
 *
 * A scan without memory bounds nesting and the number of values first, because jansson spends
 * some hundred bytes on each: a megabyte of "[[],[],..." would otherwise cost a hundred.
 */
#include "wire/json.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/jw.h"
#include "base/text.h"

struct fl_json {
	json_t *root;
	enum fl_err err;
};

/* The index behind the string that opens at `i`; text.len if it does not end. */
static size_t skip_string(struct fl_slice text, size_t i)
{
	for (i++; i < text.len && text.ptr[i] != '"'; i++)
		if (text.ptr[i] == '\\')
			i++;
	return i < text.len ? i + 1 : text.len;
}

/* Bounds nesting and values. Whether the text is JSON is for the parser to say. */
static enum fl_err scan(struct fl_slice text, size_t depth, size_t most)
{
	size_t level = 0, values = 1;

	for (size_t i = 0; i < text.len;) {
		uint8_t c = text.ptr[i];
		if (c == '"') {
			i = skip_string(text, i);
			continue;
		}
		i++;
		if (c == '{' || c == '[') {
			values++;
			if (++level > depth)
				return FL_ERR_TOO_BIG;
		} else if (c == '}' || c == ']') {
			if (level-- == 0)
				return FL_ERR_SYNTAX;
		} else if (c == ',' || c == ':') {
			values++;
		}
		if (values > most)
			return FL_ERR_TOO_BIG;
	}
	return level == 0 ? FL_OK : FL_ERR_SYNTAX;
}

/*
 * Without an explanation the parser had no memory. Where it runs out inside a token it claims a
 * fault of the text, which cannot be told apart.
 */
static enum fl_err load_error(const json_error_t *why)
{
	bool no_memory = why->text[0] == '\0' || json_error_code(why) == json_error_out_of_memory;

	return no_memory ? FL_ERR_NOMEM : FL_ERR_SYNTAX;
}

static enum fl_err load(struct fl_slice text, json_t **out)
{
	json_error_t why;
	json_t *root = json_loadb((const char *)text.ptr, text.len, 0, &why);

	if (root == NULL)
		return load_error(&why);
	*out = root;
	return FL_OK;
}

enum fl_err fl_json_parse(struct fl_slice text, size_t depth, struct fl_json **out)
{
	return fl_json_parse_most(text, depth, FL_JSON_VALUES_MAX, out);
}

enum fl_err fl_json_parse_most(struct fl_slice text, size_t depth, size_t values,
			       struct fl_json **out)
{
	enum fl_err err = text.len > 0 ? scan(text, depth, values) : FL_ERR_SYNTAX;
	if (err != FL_OK)
		return err;

	struct fl_json *doc = calloc(1, sizeof *doc);
	if (doc == NULL)
		return FL_ERR_NOMEM;
	err = load(text, &doc->root);
	if (err != FL_OK) {
		free(doc);
		return err;
	}
	*out = doc;
	return FL_OK;
}

struct fl_json *fl_json_free(struct fl_json *doc)
{
	if (doc == NULL)
		return NULL;
	json_decref(doc->root);
	free(doc);
	return NULL;
}

struct fl_jv fl_json_root(struct fl_json *doc)
{
	return (struct fl_jv){ .doc = doc, .v = doc->root };
}

enum fl_err fl_json_err(const struct fl_json *doc)
{
	return doc->err;
}

void fl_json_fail(struct fl_jv v, enum fl_err err)
{
	if (v.doc->err == FL_OK)
		v.doc->err = err;
}

/* Is it there? If so, with the right type; if not `ok`, the document fails. */
static bool usable(struct fl_jv v, bool ok)
{
	if (v.v == NULL)
		return false;
	if (!ok)
		fl_json_fail(v, FL_ERR_SYNTAX);
	return ok;
}

enum fl_json_kind fl_json_kind(struct fl_jv v)
{
	if (v.v == NULL)
		return FL_JSON_ABSENT;
	switch (json_typeof((json_t *)v.v)) {
	case JSON_OBJECT:
		return FL_JSON_OBJECT;
	case JSON_ARRAY:
		return FL_JSON_ARRAY;
	case JSON_STRING:
		return FL_JSON_STRING;
	case JSON_INTEGER:
	case JSON_REAL:
		return FL_JSON_NUMBER;
	case JSON_TRUE:
	case JSON_FALSE:
		return FL_JSON_BOOL;
	case JSON_NULL:
		break;
	}
	return FL_JSON_ABSENT;
}

bool fl_json_is_number(struct fl_jv v)
{
	return v.v != NULL && json_is_number((json_t *)v.v);
}

bool fl_json_bool(struct fl_jv v)
{
	return usable(v, json_is_boolean((json_t *)v.v)) && json_is_true((json_t *)v.v);
}

uint64_t fl_json_u64(struct fl_jv v, uint64_t max)
{
	if (!usable(v, json_is_integer((json_t *)v.v)))
		return 0;

	json_int_t n = json_integer_value(v.v);
	if (n < 0 || (uint64_t)n > max) {
		fl_json_fail(v, FL_ERR_SYNTAX);
		return 0;
	}
	return (uint64_t)n;
}

double fl_json_f64(struct fl_jv v)
{
	return usable(v, json_is_number((json_t *)v.v)) ? json_number_value(v.v) : 0;
}

struct fl_slice fl_json_str(struct fl_jv v)
{
	if (!usable(v, json_is_string((json_t *)v.v)))
		return fl_slice_of(NULL, 0);
	return fl_slice_of(json_string_value(v.v), json_string_length(v.v));
}

/* A time that is well-formed but does not fit: far past or far future, by its year. */
static fl_wall clamp_time(struct fl_slice text)
{
	return memcmp(text.ptr, "1970", 4) < 0 ? 1 : FL_NEVER;
}

fl_wall fl_json_time(struct fl_jv v)
{
	struct fl_slice text = fl_json_str(v);
	fl_wall t = 0;

	if (text.ptr == NULL)
		return 0;
	enum fl_err err = fl_wall_parse(text, &t);
	if (err == FL_ERR_INVALID && text.len >= 4)
		return clamp_time(text);
	if (err != FL_OK)
		fl_json_fail(v, FL_ERR_SYNTAX);
	/* The epoch itself is a real time, but 0 means unset: one nanosecond later, then. */
	return err == FL_OK && t == 0 && text.ptr[0] == '1' ? 1 : t;
}

/* null is absent. */
static struct fl_jv value(struct fl_json *doc, json_t *v)
{
	return (struct fl_jv){ .doc = doc, .v = json_is_null(v) ? NULL : v };
}

struct fl_jv fl_json_get(struct fl_jv obj, const char *name)
{
	struct fl_jv found = { .doc = obj.doc };
	struct fl_slice want = fl_slice_str(name), got;
	void *at = NULL;

	for (struct fl_jv v; fl_json_next(obj, &at, &got, &v);)
		if (fl_str_ieq(got, want))
			found = v;
	return found;
}

bool fl_json_each(struct fl_jv obj, void **at, struct fl_slice *out_name, struct fl_jv *out_value)
{
	if (!usable(obj, json_is_object((json_t *)obj.v)))
		return false;

	void *it = *at == NULL ? json_object_iter(obj.v) : json_object_iter_next(obj.v, *at);
	if (it == NULL)
		return false;
	*at = it;
	*out_name = fl_slice_of(json_object_iter_key(it), json_object_iter_key_len(it));
	*out_value = value(obj.doc, json_object_iter_value(it));
	return true;
}

bool fl_json_next(struct fl_jv obj, void **at, struct fl_slice *out_name, struct fl_jv *out_value)
{
	struct fl_slice name;
	struct fl_jv v;

	while (fl_json_each(obj, at, &name, &v)) {
		if (v.v == NULL)
			continue;
		*out_name = name;
		*out_value = v;
		return true;
	}
	return false;
}

size_t fl_json_len(struct fl_jv arr)
{
	return usable(arr, json_is_array((json_t *)arr.v)) ? json_array_size(arr.v) : 0;
}

struct fl_jv fl_json_at(struct fl_jv arr, size_t i)
{
	return value(arr.doc, json_array_get(arr.v, i));
}

void fl_json_wipe(struct fl_jv v)
{
	if (json_is_string((json_t *)v.v))
		explicit_bzero((char *)(uintptr_t)json_string_value(v.v), json_string_length(v.v));
}

static void write_members(struct fl_jv v, struct fl_jw *w)
{
	struct fl_slice name;
	struct fl_jv member;
	void *at = NULL;

	fl_jw_obj(w);
	while (fl_json_each(v, &at, &name, &member)) {
		fl_jw_key_text(w, name);
		fl_json_write(member, w);
	}
	fl_jw_obj_end(w);
}

void fl_json_write(struct fl_jv v, struct fl_jw *w)
{
	switch (fl_json_kind(v)) {
	case FL_JSON_ABSENT:
		fl_jw_null(w);
		return;
	case FL_JSON_BOOL:
		fl_jw_bool(w, json_is_true((json_t *)v.v));
		return;
	case FL_JSON_NUMBER:
		if (json_is_integer((json_t *)v.v))
			fl_jw_i64(w, json_integer_value(v.v));
		else
			fl_jw_f64(w, json_number_value(v.v));
		return;
	case FL_JSON_STRING:
		fl_jw_text(w, fl_json_str(v));
		return;
	case FL_JSON_ARRAY:
		fl_jw_arr(w);
		for (size_t i = 0; i < json_array_size(v.v); i++)
			fl_json_write(fl_json_at(v, i), w);
		fl_jw_arr_end(w);
		return;
	case FL_JSON_OBJECT:
		write_members(v, w);
		return;
	}
}
