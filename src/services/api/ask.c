/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/ask.c - what only the node itself can tell: whether it answers, and what its daemon
 * finds wrong.
 *
 * Source: docs/lifecycle.md PNG-1 to PNG-5.
 */
#include <stdlib.h>

#include "services/api/internal.h"
#include "services/control/ping.h"
#include "wire/c2n.h"

enum { TARGET_MAX = 256, HEALTH_DEPTH_MAX = 16, LEAST_CAP = 128 };

static const char health_request[] = "GET /debug/health HTTP/1.1\r\nHost: node\r\n\r\n";

struct question {
	struct fl_ping ping;
	struct fl_api *api;
	struct fl_http *x;
	fl_time since;
};

static void question_free(struct question *q)
{
	fl_ping_cancel(&q->ping);
	free(q);
}

static void on_gone(void *ctx)
{
	question_free(ctx);
}

/* ---- answers ---- */

/* The object stays open. */
static void begin(const struct question *q, bool answered, struct fl_jw *w)
{
	const struct fl_core *core = q->api->core;
	const struct fl_node *n = fl_state_node(core->state, q->ping.node);

	fl_jw_obj(w);
	fl_jw_key(w, "nodeId");
	fl_jw_u64_str(w, q->ping.node);
	fl_jw_key(w, "givenName");
	fl_jw_str(w, n != NULL ? n->given_name : "");
	fl_jw_key(w, "online");
	fl_jw_bool(w, fl_core_online(core, q->ping.node));
	fl_jw_key(w, "answered");
	fl_jw_bool(w, answered);
}

static void tell_ping(struct question *q, bool answered)
{
	int64_t us = (fl_loop_now(q->api->core->loop) - q->since) / FL_US;
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	begin(q, answered, &w);
	fl_jw_key(&w, "seconds");
	fl_jw_f64(&w, (double)us / 1e6);
	fl_jw_obj_end(&w);
	fl_api_json(q->x, &out);
}

static void put_text(struct fl_jw *w, const char *key, struct fl_jv v, const char *name)
{
	fl_jw_key(w, key);
	fl_jw_text(w, fl_json_str(fl_json_get(v, name)));
}

static void put_warnings(struct fl_jw *w, struct fl_jv root)
{
	struct fl_jv all = fl_json_get(root, "Warnings"), one;
	struct fl_slice code;
	void *at = NULL;

	fl_jw_key(w, "warnings");
	fl_jw_arr(w);
	while (fl_json_next(all, &at, &code, &one)) {
		fl_jw_obj(w);
		fl_jw_key(w, "code");
		fl_jw_text(w, code);
		put_text(w, "severity", one, "Severity");
		put_text(w, "title", one, "Title");
		put_text(w, "text", one, "Text");
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

static void tell_health(struct question *q, struct fl_slice body)
{
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_json *doc;

	if (fl_json_parse(body, HEALTH_DEPTH_MAX, &doc) != FL_OK) {
		fl_api_problem(q->x, FL_ERR_IO, "what the node answered cannot be read", NULL);
		return;
	}
	begin(q, true, &w);
	put_warnings(&w, fl_json_root(doc));
	bool ok = fl_json_err(doc) == FL_OK;
	fl_json_free(doc);
	if (ok) {
		fl_jw_obj_end(&w);
		fl_api_json(q->x, &out);
		return;
	}
	fl_buf_done(&out);
	fl_api_problem(q->x, FL_ERR_IO, "what the node answered cannot be read", NULL);
}

static void tell_silence(struct question *q)
{
	struct fl_buf out = fl_buf_make(FL_API_ANSWER_MAX);
	struct fl_jw w = fl_jw_make(&out);

	begin(q, false, &w);
	fl_jw_key(&w, "warnings");
	fl_jw_arr(&w);
	fl_jw_arr_end(&w);
	fl_jw_obj_end(&w);
	fl_api_json(q->x, &out);
}

static void conclude_health(struct question *q, struct fl_slice response)
{
	struct fl_c2n_response r;

	if (fl_c2n_parse(response, &r) != FL_OK)
		fl_api_problem(q->x, FL_ERR_IO, "what the node answered cannot be read", NULL);
	else if (r.status != 200)
		fl_api_problem(q->x, FL_ERR_UNSUPPORTED, "the node's client cannot tell", NULL);
	else
		tell_health(q, r.body);
}

static void on_end(void *ctx, enum fl_err err, struct fl_slice response)
{
	struct question *q = ctx;
	bool plain = q->ping.request == NULL;

	fl_http_on_gone(q->x, NULL, NULL);
	if (err == FL_ERR_CLOSED)
		fl_api_problem(q->x, FL_ERR_BUSY, "the server is stopping", NULL);
	else if (plain)
		tell_ping(q, err == FL_OK);
	else if (err == FL_OK)
		conclude_health(q, response);
	else
		tell_silence(q);
	question_free(q);
}

/* ---- questions ---- */

static const struct fl_node *find_target(struct fl_api *a, struct fl_http *x, const char *text,
					 const char *location)
{
	const struct fl_node *n = fl_ping_target(a->control, text);
	if (n == NULL)
		fl_api_problem(x, FL_ERR_NOT_FOUND, "no node has this id, name or address",
			       location);
	return n;
}

static const struct fl_node *admit_target(struct fl_api *a, struct fl_http *x)
{
	char text[TARGET_MAX];

	if (!fl_api_admit(a, x) || !fl_api_segment_text(x, 0, text, sizeof text))
		return NULL;
	return find_target(a, x, text, "path");
}

/* ?timeout=5s. False: answered. */
static bool read_limit(struct fl_http *x, int64_t *out)
{
	char text[32];
	int64_t limit = FL_PING_LIMIT;

	enum fl_err err = fl_http_query(x, "timeout", text, sizeof text);
	if (err == FL_OK)
		err = fl_duration_parse(fl_slice_str(text), &limit);
	if ((err == FL_OK && limit > 0 && limit <= FL_PING_LIMIT) || err == FL_ERR_NOT_FOUND) {
		*out = limit;
		return true;
	}
	fl_api_problem(x, FL_ERR_INVALID, "expected a duration of at most 30s", "timeout");
	return false;
}

static enum fl_err start(struct fl_api *a, struct fl_http *x, const struct fl_node *n,
			 const char *request, int64_t limit)
{
	struct question *q = calloc(1, sizeof *q);
	if (q == NULL)
		return FL_ERR_NOMEM;
	*q = (struct question){
		.api = a,
		.x = x,
		.since = fl_loop_now(a->core->loop),
		.ping = { .kind = FL_PING_ASKED,
			  .node = n->id,
			  .request = request,
			  .fn = on_end,
			  .ctx = q },
	};
	enum fl_err err = fl_ping_start(a->control, &q->ping, limit);
	if (err != FL_OK) {
		free(q);
		return err;
	}
	fl_http_on_gone(x, on_gone, q);
	return FL_OK;
}

static void ask(struct fl_api *a, struct fl_http *x, const struct fl_node *n, const char *request)
{
	int64_t limit;

	if (!read_limit(x, &limit))
		return;
	enum fl_err err = start(a, x, n, request, limit);
	if (err == FL_ERR_FULL)
		fl_api_problem(x, err, "too many pings wait for an answer; try again later", NULL);
	else if (err != FL_OK)
		fl_api_problem(x, err == FL_ERR_CLOSED ? FL_ERR_BUSY : err, fl_err_text(err), NULL);
}

void fl_api_node_ping(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	const struct fl_node *n = admit_target(a, x);

	if (n != NULL)
		ask(a, x, n, NULL);
}

void fl_api_ping(struct fl_api *a, struct fl_http *x)
{
	char text[TARGET_MAX] = "";

	enum fl_err err = fl_http_query(x, "node", text, sizeof text);
	if (err != FL_OK && err != FL_ERR_NOT_FOUND) {
		fl_api_problem(x, FL_ERR_INVALID, "the name is malformed or too long", "node");
		return;
	}
	const struct fl_node *n = find_target(a, x, text, "node");
	if (n != NULL)
		ask(a, x, n, NULL);
}

void fl_api_node_health(void *ctx, struct fl_http *x)
{
	struct fl_api *a = ctx;
	const struct fl_node *n = admit_target(a, x);

	if (n == NULL)
		return;
	if (n->cap < LEAST_CAP)
		fl_api_problem(x, FL_ERR_UNSUPPORTED,
			       "the node's client cannot tell: it takes version 1.90 or newer",
			       NULL);
	else
		ask(a, x, n, health_request);
}
