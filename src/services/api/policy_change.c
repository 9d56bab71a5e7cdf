/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/policy_change.c - setting policies, and those that were set. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/prim.h"
#include "services/api/policy.h"

enum { AUTHOR_MAX = 64 };

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

/* Its text is in force or about to be; NULL: none was ever set. */
static const struct fl_revision *newest(struct fl_api *a)
{
	struct fl_revision *const *revs;
	size_t count = fl_state_revisions(a->state, &revs);

	return count > 0 ? revs[count - 1] : NULL;
}

static struct fl_slice text_of(const struct fl_revision *r)
{
	return r != NULL ? fl_slice_of(r->text, r->text_len) : fl_slice_of("", 0);
}

void fl_api_policy_hash(struct fl_slice text, char out[static FL_API_HASH_TEXT_MAX])
{
	uint8_t hash[FL_HASH_LEN];

	fl_sha256(text, hash);
	fl_hex_encode(hash, sizeof hash, out);
}

void fl_api_policy_etag(const char *hash, char out[static FL_API_ETAG_MAX])
{
	snprintf(out, FL_API_ETAG_MAX, "\"%s\"", hash);
}

static void hash_of(const struct fl_revision *r, char out[static FL_API_HASH_TEXT_MAX])
{
	if (r != NULL)
		fl_hex_encode(r->hash, sizeof r->hash, out);
	else
		fl_api_policy_hash(text_of(NULL), out);
}

/* What a change says besides its text. */
struct change {
	char comment[FL_REVISION_NOTE_MAX + 1];
	char base[FL_API_HASH_TEXT_MAX]; /* of the text that it was made from; "" not given */
};

static bool read_change(struct fl_http *x, struct fl_jv body, struct change *out)
{
	if (!fl_api_text(x, body, "comment", out->comment, sizeof out->comment) ||
	    !fl_api_text(x, body, "base", out->base, sizeof out->base))
		return false;
	if (fl_str_is_clean(fl_slice_str(out->comment)))
		return true;
	fl_api_problem(x, FL_ERR_INVALID, "a comment has no control characters", "comment");
	return false;
}

/* What If-Match says, if it is there: the text, or any that it names. */
static bool is_matched(const struct fl_http *x, const char *hash)
{
	char etag[FL_API_ETAG_MAX];

	fl_api_policy_etag(hash, etag);
	return fl_http_field_count(x, "if-match") == 0 || fl_http_field_has(x, "if-match", "*") ||
	       fl_http_field_has(x, "if-match", etag);
}

/* May this change be made now? False: answered. */
static bool may_change(struct fl_api *a, struct fl_http *x, const struct change *c)
{
	static const char meanwhile[] =
		"another policy was set meanwhile: compare with that one and try again";
	char hash[FL_API_HASH_TEXT_MAX];

	if (fl_policies_mode(a->policies) == FL_POLICY_MODE_FILE) {
		fl_api_problem(x, FL_ERR_DENIED,
			       "the policy comes from a file (policy.mode: file): change the file "
			       "and reload the server",
			       "policy");
		return false;
	}
	hash_of(newest(a), hash);
	if (!is_matched(x, hash)) {
		fl_api_problem_of(x, 412, meanwhile, "If-Match");
		return false;
	}
	if (c->base[0] == '\0' || fl_str_ieq(fl_slice_str(c->base), fl_slice_str(hash)))
		return true;
	fl_api_problem(x, FL_ERR_EXISTS, meanwhile, "base");
	return false;
}

/* The newest text is only checked again, so that a timer which sets it fills no history. */
static enum fl_err put_text(struct fl_api *a, struct fl_http *x, struct fl_slice text,
			    const char *comment, struct fl_policy_report *report)
{
	struct fl_policy_candidate c = { 0 };
	char author[AUTHOR_MAX];
	uint64_t rev;

	author_of(x, author);
	if (!fl_slice_eq(text, text_of(newest(a))))
		return fl_policies_set(a->policies, text, author, comment, report, &rev);
	enum fl_err err = fl_policies_try(a->policies, text, report, &c);
	fl_policy_candidate_done(&c);
	return err;
}

static void store(struct fl_api *a, struct fl_http *x, struct fl_slice text, const struct change *c)
{
	struct fl_policy_report report = { 0 };
	const struct fl_api_subject none = { 0 };

	if (!may_change(a, x, c))
		return;
	enum fl_err err = put_text(a, x, text, c->comment, &report);
	if (err == FL_OK)
		fl_api_after_commit(a, x, fl_api_policy_write, &none);
	else if (err == FL_ERR_INVALID)
		fl_api_policy_problem(x, "policy", text, &report);
	else
		fl_api_problem(x, err, fl_err_text(err), "policy");
	fl_policy_report_done(&report);
}

void fl_api_policy_put(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct change change;
	struct fl_slice text;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	struct fl_jv body = fl_json_root(doc);
	if (fl_api_policy_text(x, body, &text) && read_change(x, body, &change))
		store(a, x, text, &change);
	fl_json_free(doc);
}

/* ---- history ---- */

static void write_revision(const struct fl_revision *r, bool whole, struct fl_jw *w)
{
	char hash[FL_API_HASH_TEXT_MAX];

	hash_of(r, hash);
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
	fl_jw_str(w, hash);
	fl_jw_key(w, "bytes");
	fl_jw_u64(w, r->text_len);
	if (whole) {
		fl_jw_key(w, "policy");
		fl_jw_text(w, text_of(r));
	}
	fl_jw_obj_end(w);
}

void fl_api_policy_history(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_revision *const *revs;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	fl_json_free(doc);
	size_t count = fl_state_revisions(a->state, &revs);
	fl_jw_obj(&w);
	fl_jw_key(&w, "revisions");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++)
		write_revision(revs[i], false, &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

/* That of the path; NULL: there is none, answered. */
static const struct fl_revision *find_revision(struct fl_api *a, struct fl_http *x)
{
	uint64_t rev;

	if (!fl_api_path_id(x, 0, &rev))
		return NULL;
	const struct fl_revision *r = fl_state_revision(a->state, rev);
	if (r == NULL)
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no revision has this number", "path");
	return r;
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
	const struct fl_revision *r = find_revision(a, x);
	if (r == NULL)
		return;
	fl_jw_obj(&w);
	fl_jw_key(&w, "revision");
	write_revision(r, true, &w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

/*
 * A rollback is a new revision: the history only grows. A comment of the request goes before ours.
 */
void fl_api_policy_rollback(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct change change;
	struct fl_json *doc;

	if (!fl_api_policy_open(a, x, &doc))
		return;
	bool ok = read_change(x, fl_json_root(doc), &change);
	fl_json_free(doc);
	const struct fl_revision *r = ok ? find_revision(a, x) : NULL;
	if (r == NULL)
		return;
	char *text = fl_str_dup(text_of(r)); /* the history changes with the next revision */
	size_t len = r->text_len;
	if (change.comment[0] == '\0')
		snprintf(change.comment, sizeof change.comment, "rollback to %" PRIu64, r->rev);
	if (text != NULL)
		store(a, x, fl_slice_of(text, len), &change);
	else
		fl_api_problem(x, FL_ERR_NOMEM, "out of memory", NULL);
	free(text);
}
