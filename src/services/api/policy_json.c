/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_json.c - rules, nodes, reports and diffs of policies as JSON. */
#include "services/api/policy.h"

#include <stdio.h>

#include "wire/hujson.h"

enum { PROBLEM_MAX = 8 << 20, DETAIL_MAX = 1 << 20, RULE_MAX = 64 << 10 };

static const char tests_failed[] = "test(s) failed:";

static void key_str(struct fl_jw *w, const char *key, const char *s)
{
	fl_jw_key(w, key);
	fl_jw_str(w, s);
}

static void key_u64(struct fl_jw *w, const char *key, uint64_t v)
{
	fl_jw_key(w, key);
	fl_jw_u64(w, v);
}

static void key_buf(struct fl_jw *w, const char *key, struct fl_buf *b)
{
	fl_jw_key(w, key);
	fl_jw_text(w, fl_buf_slice(b));
	fl_buf_done(b);
}

/* ---- reports ---- */

static bool is_test(const struct fl_policy_problem *p)
{
	return strncmp(p->text, tests_failed, sizeof tests_failed - 1) == 0;
}

bool fl_api_policy_only_tests(const struct fl_policy_report *report)
{
	for (size_t i = 0; i < report->len; i++) {
		if (!is_test(&report->at[i]))
			return false;
	}
	return report->len > 0;
}

static void write_place(struct fl_slice text, size_t at, struct fl_jw *w)
{
	size_t line = 0, column = 0;

	if (at != FL_POLICY_NOWHERE)
		fl_hujson_place(text, at, &line, &column);
	key_u64(w, "line", line);
	key_u64(w, "column", column);
}

void fl_api_policy_problem(struct fl_http *x, const char *name, struct fl_slice text,
			   const struct fl_policy_report *report)
{
	struct fl_buf out = fl_buf_make(PROBLEM_MAX), detail = fl_buf_make(DETAIL_MAX);
	struct fl_jw w = fl_jw_make(&out);

	char tests[32];

	snprintf(tests, sizeof tests, "%s.tests", name);
	fl_policy_report_text(report, &detail);
	fl_jw_obj(&w);
	key_str(&w, "title", "Bad Request");
	key_u64(&w, "status", 400);
	key_buf(&w, "detail", &detail);
	fl_jw_key(&w, "errors");
	fl_jw_arr(&w);
	for (size_t i = 0; i < report->len; i++) {
		const struct fl_policy_problem *p = &report->at[i];
		fl_jw_obj(&w);
		key_str(&w, "message", p->text);
		key_str(&w, "location", is_test(p) ? tests : name);
		write_place(text, p->at, &w);
		fl_jw_obj_end(&w);
	}
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	if (fl_buf_err(&out) == FL_OK)
		fl_http_respond(x, 400, "application/problem+json", fl_buf_slice(&out));
	else
		fl_api_problem(x, FL_ERR_INVALID, "the policy has too many problems to list them",
			       name);
	fl_buf_done(&out);
}

/* The lines below the heading of each block, one failure each. */
void fl_api_policy_failures(const struct fl_policy_report *report, struct fl_jw *w)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < report->len; i++) {
		struct fl_slice rest = fl_slice_str(report->at[i].text);
		while (rest.len > 0) {
			const uint8_t *end = memchr(rest.ptr, '\n', rest.len);
			size_t n = end != NULL ? (size_t)(end - rest.ptr) : rest.len;
			struct fl_slice line = fl_slice_trim(fl_slice_of(rest.ptr, n));
			if (line.len > 0 && !fl_slice_is(line, tests_failed))
				fl_jw_text(w, line);
			rest = fl_slice_skip(rest, n + 1);
		}
	}
	fl_jw_arr_end(w);
}

/* ---- rules ---- */

void fl_api_policy_ports(const char *ports, struct fl_jw *w)
{
	fl_jw_arr(w);
	while (*ports != '\0') {
		size_t len = strcspn(ports, " ");
		fl_jw_text(w, fl_slice_of(ports, len));
		ports += len;
		ports += strspn(ports, " ");
	}
	fl_jw_arr_end(w);
}

void fl_api_policy_rule(const struct fl_policy_doc *d, const struct fl_rule *r, struct fl_jw *w)
{
	struct fl_buf text = fl_buf_make(RULE_MAX), ports = fl_buf_make(RULE_MAX);

	if (r == NULL) {
		fl_jw_null(w);
		return;
	}
	fl_policy_rule_text(d, r, &text);
	fl_policy_rule_ports(r, &ports);
	fl_buf_byte(&ports, '\0');
	fl_jw_obj(w);
	key_str(w, "section", r->is_acl ? "acls" : "grants");
	key_u64(w, "index", r->entry);
	write_place(d->source, r->at, w);
	fl_jw_key(w, "ports");
	fl_api_policy_ports(fl_buf_err(&ports) == FL_OK ? (const char *)ports.ptr : "", w);
	key_buf(w, "text", &text);
	fl_jw_obj_end(w);
	fl_buf_done(&ports);
}

/* ---- nodes ---- */

void fl_api_policy_node(struct fl_api *a, uint64_t id, struct fl_jw *w)
{
	const struct fl_node *n = fl_state_node(a->state, id);
	const struct fl_user *u =
		n != NULL && !fl_node_is_tagged(n) ? fl_state_user(a->state, n->user) : NULL;
	char room[24];

	fl_jw_obj(w);
	fl_jw_key(w, "id");
	fl_jw_u64_str(w, id);
	key_str(w, "name", n != NULL ? n->given_name : "");
	key_str(w, "user", u != NULL ? fl_user_login_name(u, room) : "");
	fl_jw_key(w, "tags");
	fl_jw_arr(w);
	for (size_t i = 0; n != NULL && i < n->tags.len; i++)
		fl_jw_str(w, n->tags.at[i]);
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}

void fl_api_policy_nodes(struct fl_api *a, const uint64_t *ids, size_t len, struct fl_jw *w)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < len; i++)
		fl_api_policy_node(a, ids[i], w);
	fl_jw_arr_end(w);
}

/* ---- diffs ---- */

static const char *name_of(struct fl_api *a, uint64_t id)
{
	const struct fl_node *n = fl_state_node(a->state, id);
	return n != NULL ? n->given_name : "";
}

/* In a few words: the alias, or names, and places. */
static void put_words(struct fl_api *a, const struct fl_diff_side *s, struct fl_buf *out)
{
	const char *between = "";

	if (s->self)
		fl_buf_str(out, "own devices (autogroup:self)");
	if (s->alias != NULL) {
		fl_buf_str(out, s->alias);
		between = ", ";
	}
	for (size_t i = 0; s->alias == NULL && i < s->nodes_shown; i++, between = ", ")
		fl_buf_printf(out, "%s%s", between, name_of(a, s->nodes[i]));
	if (s->alias == NULL && s->nodes_len > s->nodes_shown)
		fl_buf_printf(out, " and %zu more", s->nodes_len - s->nodes_shown);
	for (size_t i = 0; i < s->places_shown; i++, between = ", ")
		fl_buf_printf(out, "%s%s", between, s->places[i]);
	if (s->places_len > s->places_shown)
		fl_buf_printf(out, " and %zu more", s->places_len - s->places_shown);
}

static void write_side(struct fl_api *a, const struct fl_diff_side *s, struct fl_jw *w)
{
	struct fl_buf words = fl_buf_make(RULE_MAX);

	put_words(a, s, &words);
	fl_jw_obj(w);
	key_buf(w, "text", &words);
	fl_jw_key(w, "nodes");
	fl_api_policy_nodes(a, s->nodes, s->nodes_shown, w);
	key_u64(w, "nodeCount", s->nodes_len);
	fl_jw_key(w, "places");
	fl_jw_arr(w);
	for (size_t i = 0; i < s->places_shown; i++)
		fl_jw_str(w, s->places[i]);
	fl_jw_arr_end(w);
	key_u64(w, "placeCount", s->places_len);
	fl_jw_obj_end(w);
}

static void write_entries(struct fl_api *a, const char *key, const struct fl_diff_list *l,
			  struct fl_jw *w)
{
	fl_jw_key(w, key);
	fl_jw_arr(w);
	for (size_t i = 0; i < l->len; i++) {
		fl_jw_obj(w);
		fl_jw_key(w, "src");
		write_side(a, &l->at[i].src, w);
		fl_jw_key(w, "dst");
		write_side(a, &l->at[i].dst, w);
		fl_jw_key(w, "ports");
		fl_api_policy_ports(l->at[i].ports, w);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static void write_parts(unsigned parts, struct fl_jw *w)
{
	static const struct {
		unsigned part;
		const char *name;
	} names[] = { { FL_POLICY_FILTER, "filter" },
		      { FL_POLICY_PEERS, "peers" },
		      { FL_POLICY_SSH, "ssh" },
		      { FL_POLICY_ATTRS, "attributes" } };

	fl_jw_arr(w);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		if ((parts & names[i].part) != 0)
			fl_jw_str(w, names[i].name);
	}
	fl_jw_arr_end(w);
}

static void write_told(struct fl_api *a, const struct fl_policy_diff *d, struct fl_jw *w)
{
	fl_jw_key(w, "nodes");
	fl_jw_arr(w);
	for (size_t i = 0; i < d->told_len; i++) {
		const struct fl_diff_told *t = &d->told[i];
		fl_jw_obj(w);
		fl_jw_key(w, "changes");
		write_parts(t->parts, w);
		fl_jw_key(w, "nodes");
		fl_api_policy_nodes(a, t->nodes, t->nodes_shown, w);
		key_u64(w, "nodeCount", t->nodes_len);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

void fl_api_policy_diff(struct fl_api *a, const struct fl_policy_diff *d,
			const struct fl_policy_report *tests, struct fl_jw *w)
{
	write_entries(a, "gained", &d->gained, w);
	key_u64(w, "gainedCount", d->gained.count);
	write_entries(a, "lost", &d->lost, w);
	key_u64(w, "lostCount", d->lost.count);
	write_told(a, d, w);
	key_u64(w, "nodeCount", d->nodes_told);
	fl_jw_key(w, "tests");
	fl_api_policy_failures(tests, w);
	fl_jw_key(w, "incomplete");
	fl_jw_bool(w, d->cut);
}
