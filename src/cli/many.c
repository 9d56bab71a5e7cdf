/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/many.c - commands on several things: those of a file, or the nodes that a filter fits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/nodes.h"
#include "io/file.h"

enum { ANSWER_MAX = 64 << 20, LIST_MAX = 1 << 20, WORD_MAX = 256, MANY_MAX = 65536 };

struct picks {
	struct fl_pick *at;
	size_t len, cap;
};

static int add(struct fl_cli *c, struct picks *p, const struct fl_pick *one)
{
	if (p->len == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct fl_pick *more = cap <= MANY_MAX ? realloc(p->at, cap * sizeof *more) : NULL;
		if (more == NULL)
			return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "too many at once");
		p->at = more;
		p->cap = cap;
	}
	p->at[p->len++] = *one;
	return FL_EXIT_DONE;
}

/* ---- filters ---- */

/* The next "key=value" of a filter; false at its end. */
static bool next_term(const char **at, char out[static WORD_MAX])
{
	*at += strspn(*at, " \t");
	size_t len = strcspn(*at, " \t");
	if (len == 0 || !fl_str_copy(out, WORD_MAX, fl_slice_of(*at, len)))
		return false;
	*at += len;
	return true;
}

static bool is_text(struct fl_jv v, const char *text)
{
	return fl_json_kind(v) == FL_JSON_STRING && fl_str_ieq(fl_json_str(v), fl_slice_str(text));
}

static bool has_tag(struct fl_jv node, const char *tag)
{
	struct fl_jv list = fl_json_path(node, "tags");
	size_t len = fl_json_kind(list) == FL_JSON_ARRAY ? fl_json_len(list) : 0;

	for (size_t i = 0; i < len; i++) {
		struct fl_slice got = fl_json_str(fl_json_at(list, i));
		if (fl_slice_is(got, tag) || fl_slice_is(fl_slice_skip(got, strlen("tag:")), tag))
			return true;
	}
	return false;
}

static bool is_on(struct fl_jv v)
{
	return fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v);
}

static bool fits_term(struct fl_jv node, const char *key, const char *value)
{
	if (strcmp(key, "tag") == 0)
		return has_tag(node, value);
	if (strcmp(key, "user") == 0)
		return is_text(fl_json_path(node, "user.name"), value) ||
		       is_text(fl_json_path(node, "user.id"), value);
	return is_on(fl_json_path(node, key)) == (strcmp(value, "true") == 0);
}

static bool fits(void *filter, struct fl_jv node)
{
	const char *at = filter;
	char term[WORD_MAX];

	while (next_term(&at, term)) {
		char *value = strchr(term, '=');
		*value++ = '\0';
		if (!fits_term(node, term, value))
			return false;
	}
	return true;
}

static bool is_term(char *term)
{
	char *value = strchr(term, '=');

	if (value == NULL || value[1] == '\0')
		return false;
	*value++ = '\0';
	if (strcmp(term, "tag") == 0 || strcmp(term, "user") == 0)
		return true;
	return fl_word_is(fl_slice_str(term), "online", "ephemeral") &&
	       fl_word_is(fl_slice_str(value), "true", "false");
}

/* A word that is not understood must not widen what is deleted. */
static int check_filter(struct fl_cli *c, const char *filter)
{
	const char *at = filter;
	char term[WORD_MAX];
	size_t terms = 0;
	bool ok = true;

	for (; ok && next_term(&at, term); terms++)
		ok = is_term(term);
	if (ok && terms > 0 && *at == '\0')
		return FL_EXIT_DONE;
	fl_str_copy(c->field, sizeof c->field, fl_slice_str("filter"));
	return fl_cli_fail(c, FL_EXIT_USAGE,
			   "Like: --filter 'tag=ci user=alice online=false ephemeral=true'",
			   "the filter is not understood: '%s'", filter);
}

int fl_cli_keep(struct fl_cli *c, struct fl_answer *a, const char *list,
		bool (*keep)(void *, struct fl_jv), void *ctx)
{
	struct fl_jv all = fl_json_path(fl_json_root(a->doc), list);
	struct fl_buf body = fl_buf_make(ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&body);
	struct fl_json *doc = NULL;
	size_t len = fl_json_kind(all) == FL_JSON_ARRAY ? fl_json_len(all) : 0;

	fl_jw_obj(&w);
	fl_jw_key(&w, list);
	fl_jw_arr(&w);
	for (size_t i = 0; i < len; i++)
		if (keep(ctx, fl_json_at(all, i)))
			fl_json_write(fl_json_at(all, i), &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	enum fl_err err = fl_buf_err(&body);
	if (err == FL_OK)
		err = fl_json_parse_most(fl_buf_slice(&body), FL_JSON_DEPTH_MAX, body.len, &doc);
	if (err != FL_OK) {
		fl_buf_done(&body);
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fl_err_text(err));
	}
	fl_answer_done(a);
	*a = (struct fl_answer){ .body = body, .doc = doc };
	return FL_EXIT_DONE;
}

int fl_node_filter(struct fl_cli *c, struct fl_answer *a)
{
	const char *filter = fl_args_text(&c->args, "filter");

	if (filter == NULL)
		return FL_EXIT_DONE;
	return fl_cli_keep(c, a, "nodes", fits, (void *)(uintptr_t)filter);
}

int fl_node_check_filter(struct fl_cli *c)
{
	const char *filter = fl_args_text(&c->args, "filter");
	return filter == NULL ? FL_EXIT_DONE : check_filter(c, filter);
}

/* ---- which nodes ---- */

static int pick_filtered(struct fl_cli *c, struct picks *p)
{
	struct fl_answer a = { 0 };

	int code = fl_node_check_filter(c);
	if (code == FL_EXIT_DONE)
		code = fl_cli_get(c, "/api/v1/node", &a);
	if (code == FL_EXIT_DONE)
		code = fl_node_filter(c, &a);
	struct fl_jv nodes = { 0 };
	if (code == FL_EXIT_DONE)
		nodes = fl_json_path(fl_json_root(a.doc), "nodes");
	for (size_t i = 0; code == FL_EXIT_DONE && i < fl_json_len(nodes); i++) {
		struct fl_jv node = fl_json_at(nodes, i);
		struct fl_pick one = { 0 };
		if (fl_u64_parse(fl_json_str(fl_json_path(node, "id")), &one.id) != FL_OK)
			continue;
		fl_str_copy(one.name, sizeof one.name,
			    fl_json_str(fl_json_path(node, "givenName")));
		code = add(c, p, &one);
	}
	fl_answer_done(&a);
	if (code == FL_EXIT_DONE && p->len == 0)
		code = fl_cli_fail(c, FL_EXIT_NOT_FOUND, "See: fairlead nodes list --filter ...",
				   "no node fits the filter");
	return code;
}

static int pick_one(struct fl_cli *c, fl_pick_fn *pick, const char *text, struct picks *p)
{
	struct fl_pick one = { 0 };
	int code = pick(c, text, &one);
	return code == FL_EXIT_DONE ? add(c, p, &one) : code;
}

/* One a line; empty lines and those with # say nothing. */
static int pick_listed(struct fl_cli *c, fl_pick_fn *pick, const char *path, struct picks *p)
{
	struct fl_buf text = fl_buf_make(LIST_MAX);
	struct fl_fault fault = { "" };
	char word[WORD_MAX];
	int code = FL_EXIT_DONE;

	if (fl_file_read(path, LIST_MAX - 1, &fault, &text) != FL_OK)
		code = fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s", fault.text);
	fl_buf_byte(&text, '\0');
	const char *at = code == FL_EXIT_DONE ? (const char *)text.ptr : "";
	while (code == FL_EXIT_DONE && *at != '\0') {
		at += strspn(at, " \t\r\n");
		size_t len = strcspn(at, " \t\r\n");
		if (at[0] == '#')
			len = strcspn(at, "\n");
		else if (!fl_str_copy(word, sizeof word, fl_slice_of(at, len)))
			code = fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s: a name is too long", path);
		else if (len > 0)
			code = pick_one(c, pick, word, p);
		at += len;
	}
	fl_buf_done(&text);
	if (code == FL_EXIT_DONE && p->len == 0)
		code = fl_cli_fail(c, FL_EXIT_USAGE, NULL, "%s names nothing", path);
	return code;
}

static int pick_all(struct fl_cli *c, fl_pick_fn *pick, const char *text, struct picks *p)
{
	return text[0] == '@' ? pick_listed(c, pick, text + 1, p) : pick_one(c, pick, text, p);
}

/* All are known by now: a name that is wrong stops it before the first change. */
static int do_all(struct fl_cli *c, int code, struct picks *p, size_t at, fl_each_fn *fn)
{
	for (size_t i = 0; code == FL_EXIT_DONE && i < p->len; i++)
		code = fn(c, &p->at[i], at);
	free(p->at);
	return code;
}

int fl_cli_each(struct fl_cli *c, fl_pick_fn *pick, const char *text, fl_each_fn *fn)
{
	struct picks p = { 0 };
	int code = pick_all(c, pick, text, &p);
	return do_all(c, code, &p, c->args.words, fn);
}

int fl_node_each(struct fl_cli *c, size_t at, fl_each_fn *fn)
{
	const char *text = fl_args_text(&c->args, "identifier");
	struct picks p = { 0 };
	int code;

	if (fl_args_has(&c->args, "filter") && text != NULL)
		return fl_cli_fail(c, FL_EXIT_USAGE, NULL,
				   "--filter and --identifier exclude each other");
	if (text == NULL && !fl_args_has(&c->args, "filter") && at < c->args.words)
		text = c->args.word[at++];
	if (fl_args_has(&c->args, "filter"))
		code = pick_filtered(c, &p);
	else if (text == NULL)
		code = fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead nodes list", "which node?");
	else
		code = pick_all(c, fl_cli_pick_node, text, &p);
	return do_all(c, code, &p, at, fn);
}
