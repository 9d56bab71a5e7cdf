/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/key.c - /api/v1/preauthkey and /api/v1/apikey. Secrets leave once, at creation. */
#include "services/api/internal.h"

#define PREAUTH_DEFAULT FL_HOUR
#define APIKEY_DEFAULT  (90 * FL_DAY)

/* Without an expiration a key gets the default; born expired it would be of no use. */
static bool read_expiration(struct fl_api *a, struct fl_http *x, struct fl_jv body,
			    int64_t fallback, fl_wall *out)
{
	fl_wall at = fl_json_time(fl_json_get(body, "expiration"));

	if (fl_json_err(body.doc) != FL_OK) {
		fl_api_problem(x, FL_ERR_INVALID, "expected a time like 2026-12-31T00:00:00Z",
			       "expiration");
		return false;
	}
	*out = at != 0 ? at : fl_api_now(a) + fallback;
	return true;
}

/* ---- pre-auth keys ---- */

void fl_api_preauth_list(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_preauth *const *keys;

	if (!fl_api_admit(a, x))
		return;
	size_t count = fl_state_preauths(a->state, &keys);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "preAuthKeys");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++)
		fl_api_preauth(a, keys[i], NULL, &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

static void write_preauth(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	const struct fl_preauth *k = fl_state_preauth(a->state, s->id);

	fl_jw_obj(w);
	fl_jw_key(w, "preAuthKey");
	if (k != NULL)
		fl_api_preauth(a, k, s->secret, w);
	else
		fl_jw_null(w);
	fl_jw_obj_end(w);
}

static bool read_preauth(struct fl_api *a, struct fl_http *x, struct fl_preauth_fields *f,
			 struct fl_strlist *tags)
{
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return false;
	struct fl_jv body = fl_json_root(doc);
	f->reusable = fl_json_bool(fl_json_get(body, "reusable"));
	f->ephemeral = fl_json_bool(fl_json_get(body, "ephemeral"));
	bool ok = fl_json_err(doc) == FL_OK;
	if (!ok)
		fl_api_problem(x, FL_ERR_INVALID, "expected true or false", "reusable");
	ok = ok && fl_api_number(x, body, "user", &f->user) &&
	     read_expiration(a, x, body, PREAUTH_DEFAULT, &f->expiration) &&
	     fl_api_list(x, body, "aclTags", tags);
	fl_json_free(doc);
	return ok;
}

void fl_api_preauth_create(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_strlist tags = { 0 };
	struct fl_preauth_fields f = { .tags = &tags };
	struct fl_api_subject created = { 0 };
	struct fl_fault fault = { "" };
	struct fl_token token;

	if (!fl_api_admit(a, x) || !read_preauth(a, x, &f, &tags))
		return;
	fl_token_new(FL_TOKEN_AUTH, &token);
	memcpy(f.prefix, token.prefix, sizeof f.prefix);
	memcpy(f.hash, token.hash, sizeof f.hash);
	memcpy(created.secret, token.text, sizeof created.secret);
	enum fl_err err = fl_state_preauth_create(a->state, fl_api_now(a), &f, &fault, &created.id);
	fl_api_conclude(a, x, err, &fault, "user", write_preauth, &created);
	fl_wipe(&token, sizeof token);
	fl_wipe(&created, sizeof created);
	fl_strlist_done(&tags);
}

void fl_api_preauth_expire(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject key = { 0 };
	struct fl_fault fault = { "" };

	if (!fl_api_admit(a, x))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_api_number(x, fl_json_root(doc), "id", &key.id);
	fl_json_free(doc);
	if (!ok)
		return;
	enum fl_err err = fl_state_preauth_expire(a->state, fl_api_now(a), key.id, &fault);
	fl_api_conclude(a, x, err, &fault, "id", fl_api_write_empty, &key);
}

void fl_api_preauth_delete(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject key = { 0 };
	struct fl_fault fault = { "" };
	char id[24];

	if (!fl_api_admit(a, x))
		return;
	if (fl_http_query(x, "id", id, sizeof id) != FL_OK ||
	    fl_u64_parse(fl_slice_str(id), &key.id) != FL_OK) {
		fl_api_problem(x, FL_ERR_INVALID, "the query parameter id must be a number", "id");
		return;
	}
	enum fl_err err = fl_state_preauth_delete(a->state, key.id, &fault);
	fl_api_conclude(a, x, err, &fault, "id", fl_api_write_empty, &key);
}

/* ---- API keys ---- */

void fl_api_key_list(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_apikey *const *keys;

	if (!fl_api_admit(a, x))
		return;
	size_t count = fl_state_apikeys(a->state, &keys);
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	fl_jw_obj(&w);
	fl_jw_key(&w, "apiKeys");
	fl_jw_arr(&w);
	for (size_t i = 0; i < count; i++)
		fl_api_apikey(a, keys[i], &w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(x, &out);
}

static void write_apikey(struct fl_api *a, const struct fl_api_subject *s, struct fl_jw *w)
{
	(void)a;
	fl_jw_obj(w);
	fl_jw_key(w, "apiKey");
	fl_jw_str(w, s->secret);
	fl_jw_obj_end(w);
}

void fl_api_key_create(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject created = { 0 };
	struct fl_fault fault = { "" };
	struct fl_token token;
	fl_wall expiration;

	if (!fl_api_admit(a, x))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = read_expiration(a, x, fl_json_root(doc), APIKEY_DEFAULT, &expiration);
	fl_json_free(doc);
	if (!ok)
		return;
	fl_token_new(FL_TOKEN_API, &token);
	memcpy(created.secret, token.text, sizeof created.secret);
	enum fl_err err = fl_state_apikey_create(a->state, fl_api_now(a), expiration, token.prefix,
						 token.hash, &created.id);
	fl_api_conclude(a, x, err, &fault, NULL, write_apikey, &created);
	fl_wipe(&token, sizeof token);
	fl_wipe(&created, sizeof created);
}

/* The twelve public characters, bare or out of hskey-api-PREFIX-***. */
static const struct fl_apikey *by_prefix(struct fl_api *a, struct fl_slice text)
{
	static const char word[] = "hskey-api-";
	char prefix[FL_TOKEN_PREFIX_LEN + 1];

	if (text.len > sizeof word - 1 && memcmp(text.ptr, word, sizeof word - 1) == 0)
		text = fl_slice_skip(text, sizeof word - 1);
	if (text.len < FL_TOKEN_PREFIX_LEN)
		return NULL;
	fl_str_copy(prefix, sizeof prefix, fl_slice_of(text.ptr, FL_TOKEN_PREFIX_LEN));
	return fl_state_apikey_by_prefix(a->state, prefix);
}

void fl_api_key_expire(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject key = { 0 };
	struct fl_fault fault = { "" };
	char prefix[FL_TOKEN_TEXT_MAX];

	if (!fl_api_admit(a, x))
		return;
	struct fl_json *doc = fl_api_body(x);
	if (doc == NULL)
		return;
	bool ok = fl_api_number(x, fl_json_root(doc), "id", &key.id) &&
		  fl_api_text(x, fl_json_root(doc), "prefix", prefix, sizeof prefix);
	fl_json_free(doc);
	if (!ok)
		return;
	if ((key.id != 0) == (prefix[0] != '\0')) {
		fl_api_problem(x, FL_ERR_INVALID, "name the key by exactly one of id and prefix",
			       "id");
		return;
	}
	const struct fl_apikey *k = key.id != 0 ? fl_state_apikey(a->state, key.id)
						: by_prefix(a, fl_slice_str(prefix));
	if (k == NULL) {
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no API key has this id or prefix", "id");
		return;
	}
	enum fl_err err = fl_state_apikey_expire(a->state, fl_api_now(a), k->id, &fault);
	fl_api_conclude(a, x, err, &fault, "id", fl_api_write_empty, &key);
}

void fl_api_key_delete(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	struct fl_api_subject key = { 0 };
	struct fl_fault fault = { "" };
	char id[24];

	if (!fl_api_admit(a, x))
		return;
	const struct fl_apikey *k = by_prefix(a, fl_http_segment(x, 0));
	if (k == NULL && fl_http_query(x, "id", id, sizeof id) == FL_OK &&
	    fl_u64_parse(fl_slice_str(id), &key.id) == FL_OK)
		k = fl_state_apikey(a->state, key.id);
	if (k == NULL) {
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no API key has this id or prefix", "path");
		return;
	}
	enum fl_err err = fl_state_apikey_delete(a->state, k->id, &fault);
	fl_api_conclude(a, x, err, &fault, "path", fl_api_write_empty, &key);
}
