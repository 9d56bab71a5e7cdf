/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/policy_client.c - requests about policies, and refusals shown where in the text they are. */
#include <stdio.h>
#include <string.h>

#include "cli/policy.h"

enum { BODY_MAX = 32 << 20, REPORT_MAX = 8 << 20, PATH_MAX_LEN = 256 };

void fl_policy_ask_init(struct fl_policy_ask *q)
{
	*q = (struct fl_policy_ask){ .body = fl_buf_make(BODY_MAX) };
	q->w = fl_jw_make(NULL);
}

static struct fl_jw *writer(struct fl_policy_ask *q)
{
	if (q->w.out == NULL) {
		q->w = fl_jw_make(&q->body);
		fl_jw_obj(&q->w);
	}
	return &q->w;
}

void fl_policy_ask_str(struct fl_policy_ask *q, const char *key, const char *value)
{
	fl_jw_key(writer(q), key);
	fl_jw_str(&q->w, value);
}

void fl_policy_ask_text(struct fl_policy_ask *q, const char *key, const struct fl_policy_text *t)
{
	fl_jw_key(writer(q), key);
	fl_jw_text(&q->w, fl_buf_slice(&t->text));
	int i = q->texts[0].text != NULL;
	q->texts[i].key = key;
	q->texts[i].text = t;
}

void fl_policy_ask_number(struct fl_policy_ask *q, const char *key, uint64_t value)
{
	fl_jw_key(writer(q), key);
	fl_jw_u64(&q->w, value);
}

void fl_policy_ask_done(struct fl_policy_ask *q)
{
	fl_buf_done(&q->body);
}

/* ---- members of answers ---- */

struct fl_slice fl_policy_text_at(struct fl_jv v, const char *path)
{
	struct fl_jv s = fl_json_path(v, path);
	return fl_json_kind(s) == FL_JSON_STRING ? fl_json_str(s) : fl_slice_of(NULL, 0);
}

uint64_t fl_policy_number_at(struct fl_jv v, const char *path)
{
	struct fl_jv n = fl_json_path(v, path);
	return fl_json_is_number(n) ? fl_json_u64(n, INT64_MAX) : 0;
}

bool fl_policy_true_at(struct fl_jv v, const char *path)
{
	struct fl_jv b = fl_json_path(v, path);
	return fl_json_kind(b) == FL_JSON_BOOL && fl_json_bool(b);
}

size_t fl_policy_len_at(struct fl_jv v, const char *path)
{
	struct fl_jv list = fl_json_path(v, path);
	return fl_json_kind(list) == FL_JSON_ARRAY ? fl_json_len(list) : 0;
}

int fl_policy_check_format(struct fl_cli *c)
{
	if (c->out.format != FL_FORMAT_CSV && c->out.format != FL_FORMAT_NAME)
		return FL_EXIT_DONE;
	fl_str_copy(c->field, sizeof c->field, fl_slice_str("output"));
	return fl_cli_fail(c, FL_EXIT_USAGE, "Use json, json-line or yaml, or leave it away.",
			   "the answer is no list: it has neither csv nor name");
}

int fl_policy_show_data(struct fl_cli *c, const struct fl_answer *a)
{
	static const struct fl_resource none = { .list = "-", .item = "-" };
	return fl_cli_show(c, &none, a);
}

/* ---- refusals ---- */

/* Problems of a text, rather than of the request? Those have places, or are failed tests. */
static bool is_about_text(struct fl_jv errors)
{
	if (fl_json_kind(errors) != FL_JSON_ARRAY || fl_json_len(errors) == 0)
		return false;
	return fl_json_has(fl_json_path(fl_json_at(errors, 0), "line"));
}

/* "policy.tests" is tests of the text `policy` that fail. */
static bool is_at(struct fl_slice location, const char *key, const char *more)
{
	size_t len = strlen(key);
	return len > 0 && location.len >= len && memcmp(location.ptr, key, len) == 0 &&
	       (more == NULL || fl_slice_is(fl_slice_skip(location, len), more));
}

static enum fl_exit code_of(struct fl_jv errors, const char *key)
{
	for (size_t i = 0; i < fl_json_len(errors); i++) {
		struct fl_jv e = fl_json_at(errors, i);
		if (!is_at(fl_policy_text_at(e, "location"), key, ".tests") ||
		    fl_policy_number_at(e, "line") > 0)
			return FL_EXIT_REFUSED;
	}
	return FL_EXIT_CHECK;
}

static int show_refusal(struct fl_cli *c, const struct fl_policy_ask *q, struct fl_jv errors)
{
	struct fl_slice location = fl_policy_text_at(fl_json_at(errors, 0), "location");
	int n = q->texts[1].text != NULL && is_at(location, q->texts[1].key, NULL);
	const struct fl_policy_text *t = q->texts[n].text;
	enum fl_exit code = code_of(errors, q->texts[n].key);
	struct fl_buf out = fl_buf_make(REPORT_MAX);
	bool machine = fl_output_is_machine(&c->out);

	for (size_t i = 0; i < fl_json_len(errors); i++) {
		struct fl_jv e = fl_json_at(errors, i);
		const struct fl_policy_issue issue = { fl_policy_number_at(e, "line"),
						       fl_policy_number_at(e, "column"),
						       fl_policy_text_at(e, "message") };
		if (!machine)
			fl_policy_issue_show(t->name, fl_buf_slice(&t->text), &issue, &out);
		else if (issue.line > 0)
			fl_buf_printf(&out, "%s%s:%zu:%zu: %.*s", i > 0 ? "; " : "", t->name,
				      issue.line, issue.column, (int)issue.text.len,
				      (const char *)issue.text.ptr);
		else
			fl_buf_printf(&out, "%s%.*s", i > 0 ? "; " : "", (int)issue.text.len,
				      (const char *)issue.text.ptr);
	}
	fl_str_copy(c->field, sizeof c->field, fl_slice_str(q->texts[n].key));
	if (!machine)
		fwrite(out.ptr, 1, out.len, stderr);
	else
		fl_cli_fail(c, code, NULL, "%.*s", (int)out.len, (const char *)out.ptr);
	fl_buf_done(&out);
	return (int)code;
}

int fl_policy_ask(struct fl_cli *c, const char *method, const char *path, struct fl_policy_ask *q,
		  struct fl_answer *out)
{
	char whole[PATH_MAX_LEN];
	struct fl_buf b = fl_buf_over(whole, sizeof whole);
	bool has_body = q != NULL && q->w.out != NULL;
	unsigned status = 0;

	fl_buf_printf(&b, "/api/v1/policy%s", path);
	if (has_body)
		fl_jw_obj_end(&q->w);
	int code = fl_cli_send(c, method, &b, has_body ? &q->body : NULL, &status, out);
	if (code != FL_EXIT_DONE)
		return code;
	if (fl_json_parse_most(fl_buf_slice(&out->body), FL_JSON_DEPTH_MAX, BODY_MAX, &out->doc) !=
	    FL_OK)
		return fl_cli_refused(c, status == 200 ? 500 : status, fl_buf_slice(&out->body));
	if (status == 200)
		return FL_EXIT_DONE;
	struct fl_jv errors = fl_json_path(fl_json_root(out->doc), "errors");
	if (status == 400 && q != NULL && q->texts[0].text != NULL && is_about_text(errors))
		return show_refusal(c, q, errors);
	return fl_cli_refused(c, status, fl_buf_slice(&out->body));
}
