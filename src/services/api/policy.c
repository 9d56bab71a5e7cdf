/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy.c - /api/v1/policy: the text in force, and texts that are tried. */
#include "services/api/policy.h"

enum { REPORT_MAX = 8 << 20 };

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
		out->policy = fl_policy_ref(fl_policies_now(a->policies));
		return true;
	}
	struct fl_slice text = fl_json_str(v);
	if (fl_json_err(body.doc) == FL_OK)
		return fl_api_trial_text(a, x, name, text, out);
	fl_api_problem(x, FL_ERR_SYNTAX, "expected a string", name);
	return false;
}

/* ---- the text ---- */

void fl_api_policy_write(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
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

static void set_etag(struct fl_api *a, struct fl_http *x)
{
	char hash[FL_API_HASH_TEXT_MAX], etag[FL_API_ETAG_MAX];
	fl_wall updated;

	fl_api_policy_hash(fl_policies_text(a->policies, &updated), hash);
	fl_api_policy_etag(hash, etag);
	fl_http_set(x, "ETag", etag);
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
	fl_api_policy_write(a, &none, &w);
	set_etag(a, x);
	fl_api_json(x, &out);
}

bool fl_api_policy_text(struct fl_http *x, struct fl_jv body, struct fl_slice *out)
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
	if (!fl_api_policy_text(x, fl_json_root(doc), &text)) {
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
