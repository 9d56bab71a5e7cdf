/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/answer.c - reading bodies, answering now or after the commit, and problems. */
#include <stdlib.h>

#include "base/text.h"
#include "services/api/internal.h"

fl_wall fl_api_now(const struct fl_api *a)
{
	return fl_loop_wall(a->core->loop);
}

/* ---- problems ---- */

static unsigned status_of(enum fl_err err)
{
	switch (err) {
	case FL_ERR_NOT_FOUND:
		return 404;
	case FL_ERR_EXISTS:
		return 409;
	case FL_ERR_TOO_BIG:
		return 413;
	case FL_ERR_NOMEM:
	case FL_ERR_FULL:
	case FL_ERR_IO:
	case FL_ERR_BUSY:
		return 503;
	case FL_ERR_CRYPTO:
		return 401;
	default:
		return 400;
	}
}

void fl_api_problem_of(struct fl_http *x, unsigned status, const char *detail, const char *location)
{
	struct fl_buf out = fl_buf_make(4096);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_jw_key(&w, "title");
	fl_jw_str(&w, fl_http_reason(status));
	fl_jw_key(&w, "status");
	fl_jw_u64(&w, status);
	fl_jw_key(&w, "detail");
	fl_jw_str(&w, detail);
	fl_jw_key(&w, "errors");
	fl_jw_arr(&w);
	fl_jw_obj(&w);
	fl_jw_key(&w, "message");
	fl_jw_str(&w, detail);
	fl_jw_key(&w, "location");
	fl_jw_str(&w, location);
	fl_jw_obj_end(&w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_http_respond(x, status, "application/problem+json", fl_buf_slice(&out));
	fl_buf_done(&out);
}

void fl_api_problem(struct fl_http *x, enum fl_err err, const char *detail, const char *location)
{
	fl_api_problem_of(x, status_of(err), detail, location);
}

void fl_api_json(struct fl_http *x, struct fl_buf *b)
{
	if (fl_buf_err(b) == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_buf_slice(b));
	else
		fl_api_problem(x, FL_ERR_NOMEM, "the answer could not be built", NULL);
	fl_buf_wipe(b);
}

/* ---- after the commit ---- */

struct answer {
	struct fl_core_wait wait;
	struct fl_api *api;
	struct fl_http *x; /* NULL once the client has gone; the change stays */
	fl_api_write *write;
	struct fl_api_subject subject;
};

static void answer_free(struct answer *n)
{
	fl_core_wait_cancel(&n->wait);
	fl_wipe(&n->subject, sizeof n->subject);
	free(n);
}

static void on_gone(void *ctx)
{
	answer_free(ctx);
}

static void on_committed(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct answer *n = ctx;

	fl_http_on_gone(n->x, NULL, NULL);
	if (err == FL_OK) {
		struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
		struct fl_jw w = fl_jw_make(&out);
		n->write(n->api, &n->subject, &w);
		fl_api_json(n->x, &out);
	} else {
		fl_api_problem(n->x, FL_ERR_IO, fault->text, NULL);
	}
	answer_free(n);
}

void fl_api_after_commit(struct fl_api *a, struct fl_http *x, fl_api_write *write,
			 const struct fl_api_subject *subject)
{
	struct answer *n = calloc(1, sizeof *n);
	if (n == NULL) {
		fl_api_problem(x, FL_ERR_NOMEM, "done, but the answer could not be built", NULL);
		return;
	}
	*n = (struct answer){
		.wait = { .fn = on_committed, .ctx = n },
		.api = a,
		.x = x,
		.write = write,
		.subject = *subject,
	};
	fl_http_on_gone(x, on_gone, n);
	fl_core_wait(a->core, &n->wait);
}

void fl_api_conclude(struct fl_api *a, struct fl_http *x, enum fl_err err,
		     const struct fl_fault *fault, const char *location, fl_api_write *write,
		     const struct fl_api_subject *subject)
{
	if (err != FL_OK)
		fl_api_problem(x, err, fault->text[0] != '\0' ? fault->text : fl_err_text(err),
			       location);
	else
		fl_api_after_commit(a, x, write, subject);
}

/* ---- reading ---- */

struct fl_json *fl_api_body(struct fl_http *x)
{
	struct fl_slice body = fl_http_body(x);
	struct fl_json *doc;

	if (body.len == 0)
		body = fl_slice_str("{}");
	if (fl_json_parse(body, FL_JSON_DEPTH_MAX, &doc) != FL_OK) {
		fl_api_problem(x, FL_ERR_SYNTAX, "the body is not a JSON object", "body");
		return NULL;
	}
	return doc;
}

bool fl_api_text(struct fl_http *x, struct fl_jv obj, const char *name, char *out, size_t cap)
{
	struct fl_slice text = fl_json_str(fl_json_get(obj, name));

	if (fl_json_err(obj.doc) != FL_OK) {
		fl_api_problem(x, FL_ERR_SYNTAX, "expected a string", name);
		return false;
	}
	if (!fl_str_copy(out, cap, text)) {
		fl_api_problem(x, FL_ERR_INVALID, "the text is too long", name);
		return false;
	}
	return true;
}

bool fl_api_number(struct fl_http *x, struct fl_jv obj, const char *name, uint64_t *out)
{
	char text[24];
	struct fl_jv v = fl_json_get(obj, name);
	uint64_t n = 0;

	if (!fl_json_has(v)) {
		*out = 0;
		return true;
	}
	if (fl_json_is_number(v)) {
		*out = fl_json_u64(v, INT64_MAX);
		if (fl_json_err(obj.doc) == FL_OK)
			return true;
	} else if (fl_api_text(x, obj, name, text, sizeof text)) {
		if (text[0] == '\0' || fl_u64_parse(fl_slice_str(text), &n) == FL_OK) {
			*out = n;
			return true;
		}
	} else {
		return false;
	}
	fl_api_problem(x, FL_ERR_INVALID, "expected a number", name);
	return false;
}

bool fl_api_path_id(struct fl_http *x, size_t segment, uint64_t *out)
{
	if (fl_u64_parse(fl_http_segment(x, segment), out) == FL_OK)
		return true;
	fl_api_problem(x, FL_ERR_INVALID, "the id in the path is not a number", "path");
	return false;
}

bool fl_api_segment_text(struct fl_http *x, size_t segment, char *out, size_t cap)
{
	struct fl_slice text = fl_http_segment(x, segment);

	if (text.len > 0 && memchr(text.ptr, 0, text.len) == NULL && fl_str_copy(out, cap, text))
		return true;
	fl_api_problem(x, FL_ERR_INVALID, "the name in the path is malformed or too long", "path");
	return false;
}

bool fl_api_list(struct fl_http *x, struct fl_jv obj, const char *name, struct fl_strlist *out)
{
	struct fl_jv list = fl_json_get(obj, name);
	size_t len = fl_json_len(list);
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < len && err == FL_OK; i++)
		err = fl_strlist_add(out, fl_json_str(fl_json_at(list, i)));
	if (err == FL_OK)
		err = fl_json_err(obj.doc);
	if (err == FL_OK)
		return true;
	fl_strlist_done(out);
	fl_api_problem(x, err, "expected a list of strings", name);
	return false;
}
