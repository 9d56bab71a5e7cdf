/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_http_client.c - the blocking client and the fetcher against our own server. */
#include "io/http.h"
#include "io/http_client.h"
#include "net.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- a server that says what it was asked ---- */

static struct fl_http *held;

static void on_gone(void *ctx)
{
	(void)ctx;
	held = NULL;
}

static void say(void *ctx, struct fl_http *x)
{
	char text[512];
	struct fl_slice m = fl_http_method(x), b = fl_http_body(x);
	struct fl_slice a = fl_http_field(x, "authorization"), t = fl_http_field(x, "content-type");

	(void)ctx;
	snprintf(text, sizeof text, "%.*s|%.*s|%.*s|%.*s", (int)m.len, (const char *)m.ptr,
		 (int)a.len, (const char *)a.ptr, (int)t.len, (const char *)t.ptr, (int)b.len,
		 (const char *)b.ptr);
	fl_http_respond(x, 200, "text/plain", fl_slice_str(text));
}

static void thousand(void *ctx, struct fl_http *x)
{
	static const uint8_t body[1000];

	(void)ctx;
	fl_http_respond(x, 200, NULL, fl_slice_of(body, sizeof body));
}

static void away(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_set(x, "Location", "/say");
	fl_http_respond(x, 302, NULL, fl_slice_of(NULL, 0));
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	held = x;
	fl_http_on_gone(x, on_gone, NULL);
}

static void cut(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_abort(x);
}

static const struct fl_http_route routes[] = {
	{ "*", "/say", 1000, say },  { "GET", "/thousand", 0, thousand },
	{ "GET", "/away", 0, away }, { "GET", "/hold", 0, hold },
	{ "GET", "/cut", 0, cut },
};
static struct fl_http_group group;
static const struct fl_http_router router = {
	.routes = routes,
	.count = COUNT(routes),
	.group = &group,
};

static void on_accept(void *ctx, struct fl_stream *s)
{
	(void)ctx;
	assert_int_equal(fl_http1_serve(s, fl_slice_of(NULL, 0), &router, NULL, NULL), FL_OK);
}

static struct fl_loop *loop;
static struct fl_listener *tcp, *local, *tls;
static char path[64], url[64], tls_url[64];

static struct fl_listener *listen_on(struct fl_listen_config cfg)
{
	struct fl_listener *l = NULL;
	struct fl_fault fault;

	cfg.on_accept = on_accept;
	cfg.hello_timeout = 10 * FL_SEC;
	cfg.unix_mode = 0600;
	if (fl_listener_new(loop, &cfg, &fault, &l) != FL_OK)
		fail_msg("%s", fault.text);
	return l;
}

static int set_up(void **state)
{
	struct fl_listen_config plain = { .mode = FL_LISTEN_PLAIN };
	struct fl_listen_config secure = { .mode = FL_LISTEN_TLS, .tls = net_tls() };
	struct fl_listen_config file = { .mode = FL_LISTEN_PLAIN, .unix_path = path };

	(void)state;
	held = NULL;
	fl_http_group_init(&group);
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	snprintf(path, sizeof path, "/tmp/fl_test_client_%d.sock", (int)getpid());
	plain.at.ip = secure.at.ip = fl_ip_v4(127, 0, 0, 1);
	tcp = listen_on(plain);
	tls = listen_on(secure);
	local = listen_on(file);
	fl_tls_server_unref(secure.tls);
	snprintf(url, sizeof url, "http://127.0.0.1:%u", fl_listener_at(tcp).port);
	snprintf(tls_url, sizeof tls_url, "https://127.0.0.1:%u/", fl_listener_at(tls).port);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fl_listener_close(tcp);
	fl_listener_close(tls);
	fl_listener_close(local);
	fl_http_group_close(&group);
	loop = fl_loop_free(loop);
	return 0;
}

/* ---- the fetcher ---- */

static struct {
	unsigned done;
	struct fl_fetch_result r;
	char body[512], fault[512];
	struct fl_fetcher *free_me;
	struct fl_fetch *cancel_me;
} seen;

static void on_done(void *ctx, const struct fl_fetch_result *r)
{
	(void)ctx;
	seen.done++;
	seen.r = *r;
	snprintf(seen.body, sizeof seen.body, "%.*s", (int)r->body.len, (const char *)r->body.ptr);
	snprintf(seen.fault, sizeof seen.fault, "%s", r->fault);
	seen.cancel_me = fl_fetch_cancel(seen.cancel_me);
	seen.free_me = fl_fetcher_free(seen.free_me);
}

static bool is_done(void *ctx)
{
	(void)ctx;
	return seen.done > 0;
}

static struct call_row {
	const char *name;
	struct fl_http_call call;
	bool local, secure;
	enum fl_err want;
	unsigned status;
	const char *body;
} call_rows[] = {
	{ "GET", { .path = "/say" }, false, false, FL_OK, 200, "GET|||" },
	{ "GET with a token",
	  { .path = "/say", .bearer = "k" },
	  false,
	  false,
	  FL_OK,
	  200,
	  "GET|Bearer k||" },
	{ "POST",
	  { .path = "/say", .body = { (const uint8_t *)"{}", 2 } },
	  false,
	  false,
	  FL_OK,
	  200,
	  "POST||application/json|{}" },
	{ "POST of a type",
	  { .path = "/say", .type = "a/b", .body = { (const uint8_t *)"{}", 2 } },
	  false,
	  false,
	  FL_OK,
	  200,
	  "POST||a/b|{}" },
	{ "PUT",
	  { .path = "/say", .method = "PUT", .body = { (const uint8_t *)"x", 1 } },
	  false,
	  false,
	  FL_OK,
	  200,
	  "PUT||application/json|x" },
	{ "DELETE", { .path = "/say", .method = "DELETE" }, false, false, FL_OK, 200, "DELETE|||" },
	{ "HEAD", { .path = "/say", .method = "HEAD" }, false, false, FL_OK, 200, "" },
	{ "POST without a body",
	  { .path = "/say", .method = "POST" },
	  false,
	  false,
	  FL_OK,
	  200,
	  "POST|||" },
	{ "local", { .path = "/say", .bearer = "k" }, true, false, FL_OK, 200, "GET|Bearer k||" },
	{ "not found", { .path = "/nope" }, false, false, FL_OK, 404, NULL },
	{ "redirect is handed on", { .path = "/away" }, false, false, FL_OK, 302, "" },
	{ "answer at the limit",
	  { .path = "/thousand", .answer_max = 1000 },
	  false,
	  false,
	  FL_OK,
	  200,
	  "" },
	{ "answer over the limit",
	  { .path = "/thousand", .answer_max = 999 },
	  false,
	  false,
	  FL_ERR_TOO_BIG,
	  0,
	  "" },
	{ "cut off", { .path = "/cut" }, false, false, FL_ERR_CLOSED, 0, "" },
	{ "too slow",
	  { .path = "/hold", .timeout = 30 * FL_MS },
	  false,
	  false,
	  FL_ERR_TIMEOUT,
	  0,
	  "" },
	{ "unknown certificate", { .path = "/say" }, false, true, FL_ERR_CRYPTO, 0, "" },
	{ "unknown certificate, accepted",
	  { .path = "/say", .insecure = true },
	  false,
	  true,
	  FL_OK,
	  200,
	  "GET|||" },
	{ "nobody there", { .url = "http://127.0.0.1:1" }, false, false, FL_ERR_CLOSED, 0, "" },
	{ "no such socket",
	  { .unix_path = "/nonexistent/x.sock" },
	  false,
	  false,
	  FL_ERR_NOT_FOUND,
	  0,
	  "" },
};

static struct fl_http_call call_of(const struct call_row *r)
{
	struct fl_http_call call = r->call;

	if (call.url == NULL && call.unix_path == NULL) {
		call.url = r->local ? NULL : r->secure ? tls_url : url;
		call.unix_path = r->local ? path : NULL;
	}
	return call;
}

static void fetch_row(void **state)
{
	const struct call_row *r = *state;
	struct fl_http_call call = call_of(r);
	struct fl_fetcher *f;
	struct fl_fetch *t;

	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	assert_int_equal(seen.done, 0);
	assert_true(net_until(loop, is_done, NULL));
	if (seen.r.err != r->want)
		fail_msg("got %s (%s), want %s", fl_err_text(seen.r.err), seen.fault,
			 fl_err_text(r->want));
	assert_int_equal(seen.r.status, r->status);
	assert_int_equal(seen.fault[0] != '\0', r->want != FL_OK);
	if (r->body != NULL)
		assert_string_equal(seen.body, r->body);
	fl_fetcher_free(f);
}

/* ---- the blocking call, on a thread of its own ---- */

struct blocking {
	struct fl_http_call call;
	enum fl_err err;
	unsigned status;
	struct fl_buf body;
	struct fl_fault fault;
	atomic_bool done;
};

static void *run_blocking(void *arg)
{
	struct blocking *b = arg;

	b->err = fl_http_client_call(&b->call, &b->fault, &b->status, &b->body);
	atomic_store(&b->done, true);
	return NULL;
}

static bool blocking_done(void *arg)
{
	return atomic_load(&((struct blocking *)arg)->done);
}

static void blocking_row(void **state)
{
	const struct call_row *r = *state;
	struct blocking b = { .call = call_of(r) };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_blocking, &b), 0);
	while (!blocking_done(&b))
		fl_loop_poll(loop);
	pthread_join(thread, NULL);
	if (b.err != r->want)
		fail_msg("got %s (%s), want %s", fl_err_text(b.err), b.fault.text,
			 fl_err_text(r->want));
	assert_int_equal(b.status, r->status);
	assert_int_equal(b.fault.text[0] != '\0', r->want != FL_OK);
	if (r->want == FL_OK && r->body != NULL && r->call.answer_max == 0) {
		assert_int_equal(b.body.len, strlen(r->body));
		assert_memory_equal(b.body.len ? (const void *)b.body.ptr : "", r->body,
				    b.body.len);
	}
	fl_buf_done(&b.body);
}

/* ---- what must not happen ---- */

static void bad_calls_are_refused(void **state)
{
	const struct fl_http_call bad[] = {
		{ .url = NULL },
		{ .url = "ftp://127.0.0.1/" },
		{ .url = "file:///etc/passwd" },
		{ .url = "127.0.0.1" },
		{ .url = "http://127.0.0.1", .bearer = "a\r\nX-Evil: 1" },
	};
	struct fl_fetcher *f;
	struct fl_fetch *t = NULL;

	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	for (size_t i = 0; i < COUNT(bad); i++) {
		assert_int_equal(fl_fetch_start(f, &bad[i], on_done, NULL, &t), FL_ERR_INVALID);
		assert_null(t);
	}
	fl_fetcher_free(f);
	fl_loop_poll(loop);
	assert_int_equal(seen.done, 0);
}

static bool is_held(void *ctx)
{
	(void)ctx;
	return held != NULL;
}

static bool is_let_go(void *ctx)
{
	(void)ctx;
	return held == NULL;
}

static void cancel_is_silent(void **state)
{
	struct fl_http_call call = { .url = url, .path = "/hold" };
	struct fl_fetcher *f;
	struct fl_fetch *t;

	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	assert_null(fl_fetch_cancel(t)); /* before anything happened */
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	assert_true(net_until(loop, is_held, NULL));
	assert_null(fl_fetch_cancel(t));
	assert_true(net_until(loop, is_let_go, NULL));
	fl_fetcher_free(f);
	fl_loop_poll(loop);
	assert_int_equal(seen.done, 0);
}

static void free_inside_done(void **state)
{
	struct fl_http_call call = { .url = url, .path = "/say" };
	struct fl_fetch *t, *u;

	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &seen.free_me), FL_OK);
	assert_int_equal(fl_fetch_start(seen.free_me, &call, on_done, NULL, &t), FL_OK);
	assert_int_equal(fl_fetch_start(seen.free_me, &call, on_done, NULL, &u), FL_OK);
	assert_true(net_until(loop, is_done, NULL));
	fl_loop_poll(loop);
	assert_int_equal(seen.done, 1);
}

static void cancel_inside_done(void **state)
{
	struct fl_http_call call = { .url = url, .path = "/say" };
	struct fl_http_call slow = { .url = url, .path = "/hold" };
	struct fl_fetcher *f;
	struct fl_fetch *t;

	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	assert_int_equal(fl_fetch_start(f, &slow, on_done, NULL, &seen.cancel_me), FL_OK);
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	assert_true(net_until(loop, is_done, NULL));
	assert_int_equal(seen.r.status, 200);
	fl_fetcher_free(f);
}

static void fetches_are_limited(void **state)
{
	struct fl_http_call call = { .url = url, .path = "/hold" };
	struct fl_fetcher *f;
	struct fl_fetch *t;

	(void)state;
	memset(&seen, 0, sizeof seen);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	for (int i = 0; i < FL_FETCH_MAX; i++)
		assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_ERR_FULL);
	assert_null(fl_fetch_cancel(t));
	assert_int_equal(fl_fetch_start(f, &call, on_done, NULL, &t), FL_OK);
	fl_fetcher_free(f);
	assert_int_equal(seen.done, 0);
}

static struct {
	struct fl_deferred work;
	struct fl_timer soon, watchdog;
	bool worked, rang, barked;
} after;

static void on_work(void *ctx)
{
	(void)ctx;
	after.worked = true;
}

static void on_soon(void *ctx)
{
	(void)ctx;
	after.rang = true;
	fl_loop_stop(loop);
}

static void on_watchdog(void *ctx)
{
	(void)ctx;
	after.barked = true;
	fl_loop_stop(loop);
}

static void on_refused(void *ctx, const struct fl_fetch_result *r)
{
	(void)ctx;
	seen.done++;
	seen.r.err = r->err;
	fl_loop_defer(loop, &after.work);
	fl_timer_start(&after.soon, FL_MS);
}

/* Failing at once is no event of a socket; what its answer asks for must not wait for one. */
static void an_answer_without_an_event_does_not_hold_the_loop(void **state)
{
	struct fl_http_call call = { .unix_path = "/tmp/fl_test_no_such.sock" };
	struct fl_fetcher *f;
	struct fl_fetch *t;

	(void)state;
	memset(&seen, 0, sizeof seen);
	memset(&after, 0, sizeof after);
	after.work.fn = on_work;
	assert_int_equal(fl_timer_init(&after.soon, loop, on_soon, NULL), FL_OK);
	assert_int_equal(fl_timer_init(&after.watchdog, loop, on_watchdog, NULL), FL_OK);
	fl_timer_start(&after.watchdog, 5 * FL_SEC);
	assert_int_equal(fl_fetcher_new(loop, &f), FL_OK);
	assert_int_equal(fl_fetch_start(f, &call, on_refused, NULL, &t), FL_OK);
	fl_loop_run(loop);
	assert_int_equal(seen.done, 1);
	assert_int_equal(seen.r.err, FL_ERR_NOT_FOUND);
	assert_true(after.worked);
	assert_true(after.rang);
	assert_false(after.barked);
	fl_fetcher_free(f);
	fl_timer_done(&after.soon);
	fl_timer_done(&after.watchdog);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(bad_calls_are_refused), T(cancel_is_silent),
		T(free_inside_done),      T(cancel_inside_done),
		T(fetches_are_limited),   T(an_answer_without_an_event_does_not_hold_the_loop),
	};
	static struct CMUnitTest tests[2 * COUNT(call_rows) + COUNT(plain)];
	static char names[COUNT(call_rows)][64];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(call_rows); i++) {
		snprintf(names[i], sizeof names[i], "blocking: %s", call_rows[i].name);
		tests[n++] = (struct CMUnitTest){ call_rows[i].name, fetch_row, set_up, tear_down,
						  &call_rows[i] };
		tests[n++] = (struct CMUnitTest){ names[i], blocking_row, set_up, tear_down,
						  &call_rows[i] };
	}
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/http_client", tests, n, NULL, NULL);
}
