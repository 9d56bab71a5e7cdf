/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy.c - /api/v1/policy: the text in force, its changes and its history. */
#include "services/api/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/prim.h"

enum { COMMENT_MAX = 512, AUTHOR_MAX = 64, REPORT_MAX = 8 << 20 };

bool fl_api_policy_open(struct fl_api *a, struct fl_http *x, struct fl_json **out)
{
	if (!fl_api_admit(a, x))
		return false;
	if (a->policies == NULL) {
		fl_api_problem(x, FL_ERR_BUSY, "this server has no policies", NULL);
		return false;
	}
	*out = fl_api_body(x);
	return *out != NULL;
}

/* ---- texts on trial ---- */

void fl_api_trial_done(struct fl_api_trial *t)
{
	fl_policy_unref(t->policy);
	fl_policy_doc_free(t->doc);
	fl_policy_report_done(&t->tests);
	*t = (struct fl_api_trial){ 0 };
}

static struct fl_policy *in_force(struct fl_api *a)
{
	return fl_policy_ref((struct fl_policy *)(uintptr_t)fl_policies_now(a->policies));
}

/* A text of which only tests fail still means something: that is what people ask about. */
static enum fl_err try_untested(struct fl_api *a, struct fl_slice text, struct fl_api_trial *out)
{
	const struct fl_policy_read how = { 0 }; /* domains were checked by the trial before */
	struct fl_policy_report report = { 0 };

	enum fl_err err = fl_policy_doc_read(text, &how, &report, &out->doc);
	if (err == FL_OK)
		err = fl_policy_with(fl_policies_now(a->policies), out->doc, &out->policy);
	fl_policy_report_done(&report);
	return err;
}

bool fl_api_trial_text(struct fl_api *a, struct fl_http *x, const char *name, struct fl_slice text,
		       struct fl_api_trial *out)
{
	struct fl_policy_candidate c = { 0 };

	*out = (struct fl_api_trial){ 0 };
	enum fl_err err = fl_policies_try(a->policies, text, &out->tests, &c);
	if (err == FL_OK) {
		out->doc = c.doc;
		out->policy = c.policy;
		return true;
	}
	if (err == FL_ERR_INVALID && fl_api_policy_only_tests(&out->tests))
		err = try_untested(a, text, out);
	if (err == FL_OK)
		return true;
	if (err == FL_ERR_INVALID)
		fl_api_policy_problem(x, name, text, &out->tests);
	else
		fl_api_problem(x, err, fl_err_text(err), name);
	return false;
}

bool fl_api_trial(struct fl_api *a, struct fl_http *x, struct fl_jv body, const char *name,
		  struct fl_api_trial *out)
{
	struct fl_jv v = fl_json_get(body, name);

	*out = (struct fl_api_trial){ 0 };
	if (!fl_json_has(v)) {
		out->policy = in_force(a);
		return true;
	}
	struct fl_slice text = fl_json_str(v);
	if (fl_json_err(body.doc) == FL_OK)
		return fl_api_trial_text(a, x, name, text, out);
	fl_api_problem(x, FL_ERR_SYNTAX, "expected a string", name);
	return false;
}

/* ---- get and set ---- */

static void write_text(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	fl_wall updated = 0;
	struct fl_slice text = fl_policies_text(a->policies, &updated);

	(void)s;
	fl_jw_obj(w);
	fl_jw_key(w, "policy");
	fl_jw_text(w, text);
	fl_jw_key(w, "updatedAt");
	if (updated != 0)
		fl_jw_time(w, updated);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}

void fl_api_policy_get(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	const struct fl_api_subject none = { 0 };
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	fl_json_free(doc);
	write_text(a, &none, &w);
	fl_api_json(x, &out);
}

/* Whom the history names: the socket's user is not known, a key has a prefix. */
static void author_of(struct fl_http *x, char out[static AUTHOR_MAX])
{
	const struct fl_api_conn *conn = fl_http_conn_ctx(x);
	struct fl_slice token = fl_http_field(x, "authorization"), secret;
	char prefix[FL_TOKEN_PREFIX_LEN + 1];

	fl_str_copy(out, AUTHOR_MAX, fl_slice_str("socket"));
	if (conn != NULL && conn->trusted)
		return;
	token = fl_slice_skip(token, strlen("Bearer "));
	if (fl_token_parse(FL_TOKEN_API, token, prefix, &secret) == FL_OK)
		snprintf(out, AUTHOR_MAX, "apikey %s", prefix);
}

static void store(struct fl_api *a, struct fl_http *x, struct fl_slice text, const char *comment)
{
	struct fl_policy_report report = { 0 };
	const struct fl_api_subject none = { 0 };
	char author[AUTHOR_MAX];
	uint64_t rev = 0;

	author_of(x, author);
	enum fl_err err = fl_policies_set(a->policies, text, author, comment, &report, &rev);
	if (err == FL_OK)
		fl_api_after_commit(a, x, write_text, &none);
	else if (err == FL_ERR_INVALID)
		fl_api_policy_problem(x, "policy", text, &report);
	else if (err == FL_ERR_DENIED)
		fl_api_problem(
			x, err,
			"the policy comes from a file (policy.mode: file): change the file and "
			"reload the server",
			"policy");
	else
		fl_api_problem(x, err, fl_err_text(err), "policy");
	fl_policy_report_done(&report);
}

/*
 * The text that a request must bring. An empty one allows everything, so one that was forgotten
 * must not pass for it. False: answered.
 */
static bool read_text(struct fl_http *x, struct fl_jv body, struct fl_slice *out)
{
	struct fl_jv v = fl_json_get(body, "policy");

	if (!fl_json_has(v)) {
		fl_api_problem(x, FL_ERR_INVALID, "policy is missing: the text, or \"\" for none",
			       "policy");
		return false;
	}
	*out = fl_json_str(v);
	if (fl_json_err(body.doc) == FL_OK)
		return true;
	fl_api_problem(x, FL_ERR_SYNTAX, "expected a string", "policy");
	return false;
}

void fl_api_policy_put(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char comment[COMMENT_MAX];
	struct fl_slice text;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct fl_jv body = fl_json_root(doc);
	if (read_text(x, body, &text) && fl_api_text(x, body, "comment", comment, sizeof comment))
		store(a, x, text, comment);
	fl_json_free(doc);
}

/* ---- check and test ---- */

void fl_api_policy_check(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_policy_report report = { 0 };
	struct fl_policy_candidate c = { 0 };
	struct fl_slice text;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	if (!read_text(x, fl_json_root(doc), &text)) {
		fl_json_free(doc);
		return;
	}
	enum fl_err err = fl_policies_try(a->policies, text, &report, &c);
	if (err == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_slice_str("{}"));
	else if (err == FL_ERR_INVALID)
		fl_api_policy_problem(x, "policy", text, &report);
	else
		fl_api_problem(x, err, fl_err_text(err), "policy");
	fl_policy_candidate_done(&c);
	fl_policy_report_done(&report);
	fl_json_free(doc);
}

/* What stands in force was tested when it was set; users and nodes may have changed since. */
void fl_api_policy_test(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_buf out = fl_buf_make(REPORT_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_api_trial t = { 0 };
	struct fl_json *doc;
	enum fl_err err = FL_OK;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	bool ok = fl_api_trial(a, x, fl_json_root(doc), "policy", &t);
	fl_json_free(doc);
	if (ok && t.doc == NULL)
		err = fl_policy_run_tests(t.policy, &t.tests);
	if (ok && err != FL_OK && err != FL_ERR_INVALID) {
		fl_api_problem(x, err, fl_err_text(err), NULL);
		ok = false;
	}
	if (ok) {
		const struct fl_policy_doc *d = fl_policy_document(t.policy);
		fl_jw_obj(&w);
		fl_jw_key(&w, "passed");
		fl_jw_bool(&w, t.tests.len == 0);
		fl_jw_key(&w, "tests");
		fl_jw_u64(&w, d != NULL ? d->tests_len + d->ssh_tests_len : 0);
		fl_jw_key(&w, "failures");
		fl_api_policy_failures(&t.tests, &w);
		fl_jw_obj_end(&w);
		fl_api_json(x, &out);
	}
	fl_api_trial_done(&t);
}

/* ---- history ---- */

static void write_revision(const struct fl_policy_revision *r, bool whole, struct fl_jw *w)
{
	uint8_t hash[FL_HASH_LEN];
	char hex[2 * FL_HASH_LEN + 1];

	fl_sha256(r->text, hash);
	fl_hex_encode(hash, sizeof hash, hex);
	fl_jw_obj(w);
	fl_jw_key(w, "rev");
	fl_jw_u64_str(w, r->rev);
	fl_jw_key(w, "createdAt");
	fl_jw_time(w, r->created);
	fl_jw_key(w, "author");
	fl_jw_str(w, r->author);
	fl_jw_key(w, "comment");
	fl_jw_str(w, r->comment);
	fl_jw_key(w, "hash");
	fl_jw_str(w, hex);
	fl_jw_key(w, "bytes");
	fl_jw_u64(w, r->text.len);
	if (whole) {
		fl_jw_key(w, "policy");
		fl_jw_text(w, r->text);
	}
	fl_jw_obj_end(w);
}

void fl_api_policy_history(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	const struct fl_policy_revision *revs;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	fl_json_free(doc);
	size_t count = fl_policies_history(a->policies, &revs);
	fl_jw_obj(&w);
	fl_jw_key(&w, "revisions");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++)
		write_revision(&revs[i], false, &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

/* That of the path; NULL: there is none, answered. */
static const struct fl_policy_revision *find_revision(struct fl_api *a, struct fl_http *x)
{
	const struct fl_policy_revision *revs;
	size_t count = fl_policies_history(a->policies, &revs);
	uint64_t rev;

	if (!fl_api_path_id(x, 0, &rev))
		return NULL;
	for (size_t i = 0; i < count; i++) {
		if (revs[i].rev == rev)
			return &revs[i];
	}
	fl_api_problem(x, FL_ERR_NOT_FOUND, "no revision has this number", "path");
	return NULL;
}

void fl_api_policy_revision(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	fl_json_free(doc);
	const struct fl_policy_revision *r = find_revision(a, x);
	if (r == NULL)
		return;
	fl_jw_obj(&w);
	fl_jw_key(&w, "revision");
	write_revision(r, true, &w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

/* A rollback is a new revision: the history only grows. */
void fl_api_policy_rollback(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	char comment[COMMENT_MAX];
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	fl_json_free(doc);
	const struct fl_policy_revision *r = find_revision(a, x);
	if (r == NULL)
		return;
	char *text = fl_str_dup(r->text); /* the history changes with the next revision */
	snprintf(comment, sizeof comment, "rollback to %" PRIu64, r->rev);
	if (text != NULL)
		store(a, x, fl_slice_of(text, r->text.len), comment);
	else
		fl_api_problem(x, FL_ERR_NOMEM, "out of memory", NULL);
	free(text);
}
