/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/admin_answer.c - answers and errors as JSON, and what requests carry. */
#include "services/ship/admin_impl.h"

#include "base/text.h"

enum { ERROR_MAX = 4096, BODY_DEPTH = 8 };

static unsigned status_of(enum fl_err err)
{
	switch (err) {
	case FL_ERR_NOT_FOUND:
		return 404;
	case FL_ERR_DENIED:
		return 403;
	case FL_ERR_EXISTS:
	case FL_ERR_STATE:
		return 409;
	case FL_ERR_TOO_BIG:
		return 413;
	case FL_ERR_NOMEM:
	case FL_ERR_FULL:
	case FL_ERR_IO:
	case FL_ERR_CLOSED:
	case FL_ERR_BUSY:
		return 503;
	default:
		return 400;
	}
}

/* One word for programs; what it means is in docs/ship.md. */
static const char *code_of(enum fl_err err)
{
	switch (err) {
	case FL_ERR_NOT_FOUND:
		return "not_found";
	case FL_ERR_DENIED:
		return "denied";
	case FL_ERR_EXISTS:
		return "exists";
	case FL_ERR_STATE:
		return "state";
	case FL_ERR_TOO_BIG:
		return "too_big";
	case FL_ERR_NOMEM:
		return "no_memory";
	case FL_ERR_FULL:
		return "full";
	case FL_ERR_IO:
		return "io";
	case FL_ERR_CLOSED:
		return "stopping";
	case FL_ERR_SYNTAX:
		return "syntax";
	default:
		return "invalid";
	}
}

void fl_ship_admin_put(struct fl_jw *w, const char *key, const char *text)
{
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

void fl_ship_admin_fail(struct fl_http *x, unsigned status, enum fl_err err, const char *text,
			const char *field, const char *hint)
{
	struct fl_buf out = fl_buf_make(ERROR_MAX);
	struct fl_jw w = fl_jw_make(&out);

	fl_jw_obj(&w);
	fl_ship_admin_put(&w, "error", text);
	fl_ship_admin_put(&w, "code", code_of(err));
	fl_ship_admin_put(&w, "field", field);
	fl_ship_admin_put(&w, "hint", hint);
	fl_jw_obj_end(&w);
	fl_http_respond(x, status, "application/json", fl_buf_slice(&out));
	fl_buf_done(&out);
}

void fl_ship_admin_refuse(struct fl_http *x, enum fl_err err, const struct fl_fault *fault)
{
	fl_ship_admin_fail(x, status_of(err), err,
			   fault->text[0] != '\0' ? fault->text : fl_err_text(err), NULL, NULL);
}

void fl_ship_admin_json(struct fl_http *x, struct fl_buf *b)
{
	if (fl_buf_err(b) == FL_OK)
		fl_http_respond(x, 200, "application/json", fl_buf_slice(b));
	else
		fl_ship_admin_fail(x, 503, FL_ERR_NOMEM, "the answer could not be built", NULL,
				   NULL);
	fl_buf_done(b);
}

void fl_ship_admin_empty(struct fl_http *x)
{
	fl_http_respond(x, 200, "application/json", fl_slice_str("{}"));
}

struct fl_json *fl_ship_admin_body(struct fl_http *x)
{
	struct fl_slice body = fl_http_body(x);
	struct fl_json *doc;

	if (body.len == 0)
		body = fl_slice_str("{}");
	if (fl_json_parse(body, BODY_DEPTH, &doc) == FL_OK) {
		if (fl_json_kind(fl_json_root(doc)) == FL_JSON_OBJECT)
			return doc;
		fl_json_free(doc);
	}
	fl_ship_admin_fail(x, 400, FL_ERR_SYNTAX, "the body is not a JSON object", "body", NULL);
	return NULL;
}

bool fl_ship_admin_text(struct fl_http *x, struct fl_jv obj, const char *name, char *out,
			size_t cap)
{
	struct fl_slice text = fl_json_str(fl_json_get(obj, name));

	if (fl_json_err(obj.doc) == FL_OK && fl_str_copy(out, cap, text))
		return true;
	fl_ship_admin_fail(x, 400, FL_ERR_INVALID,
			   fl_json_err(obj.doc) == FL_OK ? "the text is too long"
							 : "expected a text",
			   name, NULL);
	return false;
}

bool fl_ship_admin_number(struct fl_http *x, struct fl_jv obj, const char *name, uint64_t max,
			  uint64_t *out)
{
	uint64_t n = fl_json_u64(fl_json_get(obj, name), max);

	if (fl_json_err(obj.doc) == FL_OK) {
		*out = n;
		return true;
	}
	fl_ship_admin_fail(x, 400, FL_ERR_INVALID, "expected a whole number in range", name, NULL);
	return false;
}

bool fl_ship_admin_ski(struct fl_http *x, struct fl_ski *out)
{
	if (fl_ski_parse(fl_http_segment(x, 0), out) == FL_OK)
		return true;
	fl_ship_admin_fail(x, 400, FL_ERR_INVALID, "the path does not name a SKI", "ski",
			   "A SKI has 40 hexadecimal digits.");
	return false;
}
