/* SPDX-License-Identifier: BSD-3-Clause */
/* io/yaml.c - libyaml's events into a tree with positions. */
#include "io/yaml.h"

#include <stdlib.h>
#include <yaml.h>

#include "base/text.h"

struct reader {
	yaml_parser_t parser;
	struct fl_fault *fault;
	size_t nodes;
};

struct fl_yaml *fl_yaml_free(struct fl_yaml *y)
{
	if (y == NULL)
		return NULL;
	for (size_t i = 0; i < y->len; i++) {
		fl_yaml_free(y->items[i]);
		if (y->keys != NULL)
			free(y->keys[i]);
	}
	free(y->items);
	free(y->keys);
	free(y->key_lines);
	free(y->key_columns);
	free(y->text);
	free(y);
	return NULL;
}

static enum fl_err fail_at(struct reader *r, yaml_mark_t at, enum fl_err err, const char *what)
{
	return fl_fault_set(r->fault, err, "%zu:%zu: %s", at.line + 1, at.column + 1, what);
}

static enum fl_err next(struct reader *r, yaml_event_t *out)
{
	if (yaml_parser_parse(&r->parser, out))
		return FL_OK;
	if (r->parser.error == YAML_MEMORY_ERROR)
		return fl_fault_set(r->fault, FL_ERR_NOMEM, "out of memory");
	yaml_mark_t at = r->parser.problem_mark;
	return fl_fault_set(r->fault, FL_ERR_SYNTAX, "%zu:%zu: %s", at.line + 1, at.column + 1,
			    r->parser.problem != NULL ? r->parser.problem : "not valid YAML");
}

static bool grow(struct fl_yaml *y)
{
	if (y->len % 16 != 0)
		return true;
	size_t cap = y->len + 16;
	struct fl_yaml **items = realloc(y->items, cap * sizeof(struct fl_yaml *));
	if (items == NULL)
		return false;
	y->items = items;
	if (y->kind != FL_YAML_MAP)
		return true;
	char **keys = realloc(y->keys, cap * sizeof *keys);
	if (keys == NULL)
		return false;
	y->keys = keys;
	unsigned *lines = realloc(y->key_lines, cap * sizeof *lines);
	if (lines == NULL)
		return false;
	y->key_lines = lines;
	unsigned *columns = realloc(y->key_columns, cap * sizeof *columns);
	if (columns == NULL)
		return false;
	y->key_columns = columns;
	return true;
}

/* What a value is called or declared as: both have no use here. */
static enum fl_err check_marks(struct reader *r, const yaml_event_t *ev)
{
	const unsigned char *anchor = NULL, *tag = NULL;

	if (ev->type == YAML_SCALAR_EVENT) {
		anchor = ev->data.scalar.anchor;
		tag = ev->data.scalar.tag;
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		anchor = ev->data.sequence_start.anchor;
		tag = ev->data.sequence_start.tag;
	} else if (ev->type == YAML_MAPPING_START_EVENT) {
		anchor = ev->data.mapping_start.anchor;
		tag = ev->data.mapping_start.tag;
	}
	if (ev->type == YAML_ALIAS_EVENT)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "aliases are not supported");
	if (anchor != NULL)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "anchors are not supported");
	if (tag != NULL)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "tags are not supported");
	return FL_OK;
}

static enum fl_err check_event(struct reader *r, const yaml_event_t *ev, unsigned depth)
{
	if (depth >= FL_YAML_DEPTH_MAX && ev->type != YAML_SCALAR_EVENT)
		return fail_at(r, ev->start_mark, FL_ERR_TOO_BIG, "nested too deeply");
	if (++r->nodes > FL_YAML_NODES_MAX)
		return fail_at(r, ev->start_mark, FL_ERR_TOO_BIG, "too many values");
	return check_marks(r, ev);
}

static enum fl_err read_value(struct reader *r, yaml_event_t *ev, unsigned depth,
			      struct fl_yaml **out);

static enum fl_err read_list(struct reader *r, struct fl_yaml *y, unsigned depth)
{
	for (;;) {
		yaml_event_t ev;
		enum fl_err err = next(r, &ev);
		if (err != FL_OK)
			return err;
		if (ev.type == YAML_SEQUENCE_END_EVENT) {
			yaml_event_delete(&ev);
			return FL_OK;
		}
		struct fl_yaml *item = NULL;
		err = grow(y) ? read_value(r, &ev, depth + 1, &item) : FL_ERR_NOMEM;
		yaml_event_delete(&ev);
		if (err != FL_OK)
			return err;
		y->items[y->len++] = item;
	}
}

/* Takes the key's text and place; a repeated key would hide a setting. */
static enum fl_err add_key(struct reader *r, struct fl_yaml *y, const yaml_event_t *ev)
{
	if (ev->type != YAML_SCALAR_EVENT)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "a key must be a plain word");
	enum fl_err err = check_marks(r, ev);
	if (err != FL_OK)
		return err;
	struct fl_slice text = fl_slice_of(ev->data.scalar.value, ev->data.scalar.length);
	if (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "NUL in a key");
	if (y->len == FL_YAML_KEYS_MAX)
		return fail_at(r, ev->start_mark, FL_ERR_TOO_BIG, "too many keys");
	for (size_t i = 0; i < y->len; i++) {
		if (fl_slice_is(text, y->keys[i]))
			return fl_fault_set(r->fault, FL_ERR_SYNTAX,
					    "%zu:%zu: the key %s is here twice, first in line %u",
					    ev->start_mark.line + 1, ev->start_mark.column + 1,
					    y->keys[i], y->key_lines[i]);
	}
	if (!grow(y))
		return FL_ERR_NOMEM;
	y->keys[y->len] = fl_str_dup(text);
	if (y->keys[y->len] == NULL)
		return FL_ERR_NOMEM;
	y->key_lines[y->len] = (unsigned)ev->start_mark.line + 1;
	y->key_columns[y->len] = (unsigned)ev->start_mark.column + 1;
	y->items[y->len] = NULL;
	y->len++;
	return FL_OK;
}

static enum fl_err read_map(struct reader *r, struct fl_yaml *y, unsigned depth)
{
	for (;;) {
		yaml_event_t ev;
		enum fl_err err = next(r, &ev);
		if (err != FL_OK)
			return err;
		bool end = ev.type == YAML_MAPPING_END_EVENT;
		if (!end)
			err = add_key(r, y, &ev);
		yaml_event_delete(&ev);
		if (end || err != FL_OK)
			return err;
		err = next(r, &ev);
		if (err != FL_OK)
			return err;
		err = read_value(r, &ev, depth + 1, &y->items[y->len - 1]);
		yaml_event_delete(&ev);
		if (err != FL_OK)
			return err;
	}
}

static enum fl_err read_scalar(struct reader *r, const yaml_event_t *ev, struct fl_yaml *y)
{
	struct fl_slice text = fl_slice_of(ev->data.scalar.value, ev->data.scalar.length);

	if (text.len > 0 && memchr(text.ptr, 0, text.len) != NULL)
		return fail_at(r, ev->start_mark, FL_ERR_SYNTAX, "NUL in a value");
	y->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	y->text = fl_str_dup(text);
	return y->text != NULL ? FL_OK : FL_ERR_NOMEM;
}

static enum fl_err read_value(struct reader *r, yaml_event_t *ev, unsigned depth,
			      struct fl_yaml **out)
{
	enum fl_err err = check_event(r, ev, depth);
	if (err != FL_OK)
		return err;
	struct fl_yaml *y = calloc(1, sizeof *y);
	if (y == NULL)
		return FL_ERR_NOMEM;
	y->line = (unsigned)ev->start_mark.line + 1;
	y->column = (unsigned)ev->start_mark.column + 1;
	if (ev->type == YAML_SCALAR_EVENT) {
		y->kind = FL_YAML_SCALAR;
		err = read_scalar(r, ev, y);
	} else if (ev->type == YAML_SEQUENCE_START_EVENT) {
		y->kind = FL_YAML_LIST;
		err = read_list(r, y, depth);
	} else {
		y->kind = FL_YAML_MAP;
		err = read_map(r, y, depth);
	}
	if (err != FL_OK) {
		fl_yaml_free(y);
		return err;
	}
	*out = y;
	return FL_OK;
}

static enum fl_err fail_after(struct reader *r, yaml_mark_t at)
{
	return fail_at(r, at, FL_ERR_SYNTAX, "text after the end of the document");
}

static enum fl_err read_document(struct reader *r, struct fl_yaml **out)
{
	yaml_event_t ev;
	enum fl_err err = FL_OK;

	for (bool more = true; more && err == FL_OK;) {
		err = next(r, &ev);
		if (err != FL_OK)
			return err;
		switch (ev.type) {
		case YAML_STREAM_START_EVENT:
		case YAML_DOCUMENT_END_EVENT:
			break;
		case YAML_DOCUMENT_START_EVENT:
			if (*out != NULL)
				err = fail_after(r, ev.start_mark);
			break;
		case YAML_STREAM_END_EVENT:
			more = false;
			break;
		default:
			err = *out == NULL ? read_value(r, &ev, 0, out)
					   : fail_after(r, ev.start_mark);
		}
		yaml_event_delete(&ev);
	}
	return err;
}

/* "---" and nothing behind it. */
static bool is_nothing(const struct fl_yaml *y)
{
	return y->kind == FL_YAML_SCALAR && !y->quoted && y->text[0] == '\0';
}

enum fl_err fl_yaml_parse(struct fl_slice in, struct fl_fault *fault, struct fl_yaml **out)
{
	struct reader r = { .fault = fault };
	struct fl_yaml *tree = NULL;

	if (!yaml_parser_initialize(&r.parser))
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	yaml_parser_set_input_string(&r.parser, in.ptr != NULL ? in.ptr : (const uint8_t *)"",
				     in.len);
	enum fl_err err = read_document(&r, &tree);
	yaml_parser_delete(&r.parser);
	if (err == FL_OK && tree != NULL && is_nothing(tree))
		tree = fl_yaml_free(tree);
	if (err == FL_OK && tree == NULL) {
		tree = calloc(1, sizeof *tree);
		if (tree == NULL)
			err = FL_ERR_NOMEM;
		else
			tree->kind = FL_YAML_MAP;
	}
	if (err != FL_OK) {
		fl_yaml_free(tree);
		return err;
	}
	*out = tree;
	return FL_OK;
}

const struct fl_yaml *fl_yaml_get(const struct fl_yaml *map, const char *key)
{
	if (map == NULL || map->kind != FL_YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->len; i++) {
		if (strcmp(map->keys[i], key) == 0)
			return map->items[i];
	}
	return NULL;
}

bool fl_yaml_is_null(const struct fl_yaml *y)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; y->kind == FL_YAML_SCALAR && i < sizeof words / sizeof *words; i++)
		if (!y->quoted && strcmp(y->text, words[i]) == 0)
			return true;
	return false;
}
