/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_h2.c - HTTP/2 requests, the connection, and bodies nobody wants. */
#include "h2_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- one request ---- */

static const char long_value[20000] = { [0 ... 19998] = 'v' };
static const char long_path[17000] = { [0] = '/', [1 ... 16998] = 'p' };
static const char *const long_field[] = { "x-long", long_value, NULL };

static struct call_row {
	const char *name, *method, *path;
	size_t body; /* SIZE_MAX: none */
	const char *announce;
	const char *const *extra;
	unsigned want;
	size_t want_body;
	unsigned calls;
} call_rows[] = {
	{ "GET", "GET", "/hello", SIZE_MAX, NULL, NULL, 200, 5, 1 },
	{ "HEAD", "HEAD", "/hello", SIZE_MAX, NULL, NULL, 200, 0, 1 },
	{ "no content", "GET", "/empty", SIZE_MAX, NULL, NULL, 204, 0, 0 },
	{ "GET with a body", "GET", "/echo", 10, "10", NULL, 200, 10, 1 },
	{ "GET with an unwanted body", "GET", "/hello", 10, "10", NULL, 200, 5, 1 },
	{ "PATCH", "PATCH", "/echo", 3, "3", NULL, 200, 3, 1 },
	{ "POST without a body", "POST", "/echo", SIZE_MAX, NULL, NULL, 200, 0, 1 },
	{ "POST with an empty body", "POST", "/echo", 0, "0", NULL, 200, 0, 1 },
	{ "POST with an empty body, not announced", "POST", "/echo", 0, NULL, NULL, 200, 0, 1 },
	{ "body one below the limit", "POST", "/echo", ECHO_MAX - 1, NULL, NULL, 200, ECHO_MAX - 1,
	  1 },
	{ "body at the limit", "POST", "/echo", ECHO_MAX, NULL, NULL, 200, ECHO_MAX, 1 },
	{ "body one over the limit", "POST", "/echo", ECHO_MAX + 1, NULL, NULL, 413, 0, 0 },
	{ "body at the limit, announced", "POST", "/echo", ECHO_MAX, "100000", NULL, 200, ECHO_MAX,
	  1 },
	{ "body one over the limit, announced", "POST", "/echo", ECHO_MAX + 1, "100001", NULL, 413,
	  0, 0 },
	{ "body of a window", "POST", "/big", BIG_MAX, NULL, NULL, 200, BIG_MAX, 1 },
	{ "body over a window", "POST", "/big", BIG_MAX + 1, NULL, NULL, 413, 0, 0 },
	{ "unwanted body", "POST", "/none", 4 << 20, NULL, NULL, 200, 5, 1 },
	{ "unknown path", "GET", "/nope", SIZE_MAX, NULL, NULL, 404, 0, 0 },
	{ "unknown path with a body", "POST", "/nope", 4 << 20, NULL, NULL, 404, 0, 0 },
	{ "other method", "PUT", "/hello", SIZE_MAX, NULL, NULL, 405, 0, 0 },
	{ "dot dot", "GET", "/a/../hello", SIZE_MAX, NULL, NULL, 400, 0, 0 },
	{ "escaped slash", "GET", "/a%2fb", SIZE_MAX, NULL, NULL, 400, 0, 0 },
	{ "double slash", "GET", "//hello", SIZE_MAX, NULL, NULL, 400, 0, 0 },
	{ "large field", "GET", "/hello", SIZE_MAX, NULL, long_field, 431, 0, 0 },
	{ "long path", "GET", long_path, SIZE_MAX, NULL, NULL, 414, 0, 0 },
};

static void call_row(void **state)
{
	const struct call_row *r = *state;
	const char *announce[] = { "content-length", r->announce, NULL };

	open_peer(NULL);
	struct peer_call *c = peer_call(&p, r->method, r->path, r->body, false,
					r->announce != NULL ? announce : r->extra);
	peer_run(&p);
	assert_int_equal(c->status, r->want);
	assert_true(c->ended && c->closed);
	assert_int_equal(c->code, NGHTTP2_NO_ERROR);
	assert_int_equal(seen.calls, r->calls);
	if (r->want < 300)
		assert_int_equal(c->body_len, r->want_body);
	else
		assert_true(c->body_len > 10); /* a text that says what to do */
	assert_int_equal(fl_h2_streams(p.server), 0);
	assert_int_equal(p.server_err, FL_OK);
	peer_close(&p);
}

static void head_tells_the_length(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "HEAD", "/hello", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_string_equal(c->length, "5");
	assert_string_equal(c->type, "text/plain");
	assert_string_equal(c->extra, "some");
	peer_close(&p);
}

static void segment_and_query(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c =
		peer_call(&p, "GET", "/user/a%20b?x=1&q=c%2Bd", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_int_equal(c->body_len, 3);
	assert_memory_equal(c->body.ptr, "a b", 3);
	assert_string_equal(c->extra, "c+d");
	peer_close(&p);
}

static void refusals_of_the_service(void **state)
{
	(void)state;
	peer_open(&p, loop, &router_sorry, NULL, WINDOW, true);
	struct peer_call *c = peer_call(&p, "GET", "/nope", SIZE_MAX, false, NULL);
	struct peer_call *d = peer_call(&p, "PUT", "/hello", 100, false, NULL);
	peer_run(&p);
	assert_int_equal(c->status, 404);
	assert_string_equal(c->type, "text/plain; charset=utf-8");
	assert_int_equal(d->status, 405);
	assert_string_equal(d->type, "text/html");
	peer_close(&p);
}

static void fields_at_the_limit(void **state)
{
	char names[FL_HTTP_FIELDS_MAX + 1][8];
	const char *extra[2 * (FL_HTTP_FIELDS_MAX + 1) + 1];

	(void)state;
	for (int count = FL_HTTP_FIELDS_MAX - 1; count <= FL_HTTP_FIELDS_MAX + 1; count++) {
		for (int i = 0; i < count; i++) {
			snprintf(names[i], sizeof names[i], "x-%d", i);
			extra[2 * i] = names[i];
			extra[2 * i + 1] = "1";
		}
		extra[2 * count] = NULL;
		open_peer(NULL);
		struct peer_call *c = peer_call(&p, "GET", "/hello", SIZE_MAX, false, extra);
		peer_run(&p);
		assert_int_equal(c->status, count <= FL_HTTP_FIELDS_MAX ? 200 : 431);
		peer_close(&p);
	}
}

/* ---- the connection ---- */

static void settings_come_first(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, NULL, WINDOW, false);
	fl_loop_poll(loop); /* without a byte of the client */
	assert_true(p.to_client.len > 9);
	assert_int_equal(p.to_client.ptr[3], NGHTTP2_SETTINGS);
	peer_run(&p);
	assert_int_equal(p.max_streams, 200);
	assert_int_equal(p.window, 1 << 20);
	assert_int_equal(p.frame_max, 16384);
	assert_int_equal(p.list_max, 64 << 10);
	peer_close(&p);
}

static void pings_go_both_ways(void **state)
{
	(void)state;
	open_peer(NULL);
	nghttp2_submit_ping(p.client, 0, NULL);
	peer_run(&p);
	assert_int_equal(p.pings, 1);
	fl_h2_ping(p.server);
	peer_run(&p);
	assert_int_equal(p.pings, 2);
	assert_int_equal(p.server_err, FL_OK);
	peer_close(&p);
}

static void many_streams(void **state)
{
	(void)state;
	open_peer(NULL);
	for (int i = 0; i < 1000; i++)
		peer_call(&p, "POST", "/hold", 100, false, NULL);
	peer_run(&p);
	assert_int_equal(fl_h2_streams(p.server), 200); /* the rest waits at the client */
	assert_int_equal(seen.held_count, 200);

	size_t answered = 0;
	while (answered < 1000) {
		assert_true(answered < seen.held_count);
		fl_http_respond(seen.held[answered++ % COUNT(seen.held)], 200, NULL,
				fl_slice_str("ok"));
		if (answered % 100 == 0)
			peer_run(&p);
	}
	peer_run(&p);
	for (size_t i = 0; i < p.call_count; i++) {
		assert_int_equal(p.calls[i].status, 200);
		assert_int_equal(p.calls[i].body_len, 2);
	}
	assert_int_equal(seen.gone, 0);
	assert_int_equal(fl_h2_streams(p.server), 0);
	peer_close(&p);
}

/* However the bytes arrive: a whole session fed byte by byte. */
static void byte_by_byte(void **state)
{
	const uint8_t *data;
	struct fl_buf all = fl_buf_make(1 << 20);
	ssize_t n;

	(void)state;
	peer_open(&p, loop, &router, NULL, WINDOW, false);
	struct peer_call *c = peer_call(&p, "POST", "/echo", 5000, false, NULL);
	struct peer_call *d = peer_call(&p, "GET", "/hello", SIZE_MAX, false, NULL);
	while ((n = nghttp2_session_mem_send(p.client, &data)) > 0)
		fl_buf_put(&all, data, (size_t)n);
	for (size_t i = 0; i < all.len; i++)
		peer_raw(&p, all.ptr + i, 1);
	peer_run(&p);
	assert_int_equal(c->body_len, 5000);
	assert_int_equal(d->status, 200);
	peer_close(&p);

	/* And cut off anywhere. */
	for (size_t cut = 0; cut < all.len; cut += cut < 400 ? 1 : 97) {
		peer_open(&p, loop, &router, NULL, WINDOW, false);
		peer_raw(&p, all.ptr, cut);
		assert_int_equal(p.server_err, FL_OK);
		peer_close(&p);
	}
	fl_buf_done(&all);
}

static void one_send_a_tick(void **state)
{
	(void)state;
	open_peer(NULL);
	for (int i = 0; i < 20; i++)
		peer_call(&p, "POST", "/hold", 0, false, NULL);
	peer_run(&p);
	size_t before = p.sends;
	for (int i = 0; i < 20; i++)
		fl_http_respond(seen.held[i], 200, "text/plain", fl_slice_str("x"));
	assert_int_equal(p.sends, before); /* not inside the call */
	peer_run(&p);
	assert_int_equal(p.sends, before + 1);
	peer_close(&p);
}

static void goaway_lets_streams_finish(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/hold", 0, false, NULL);
	peer_run(&p);
	fl_h2_goaway(p.server);
	peer_run(&p);
	assert_int_equal(p.goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(p.ends, 0);
	fl_http_respond(seen.held[0], 200, NULL, fl_slice_str("late"));
	peer_run(&p);
	assert_int_equal(c->status, 200);
	assert_int_equal(c->body_len, 4);
	assert_int_equal(p.ends, 1);
	assert_int_equal(p.ended, FL_OK);
	assert_int_equal(seen.gone, 0);
	peer_close(&p);
}

/* ---- unwanted bodies ---- */

static void unwanted_body_stays_in_one_window(void **state)
{
	(void)state;
	open_peer(NULL);
	p.room = 0; /* the answer cannot leave, so the client goes on sending */
	struct peer_call *c = peer_call(&p, "POST", "/none", 8 << 20, false, NULL);
	peer_run(&p);
	assert_int_equal(seen.calls, 1);
	assert_int_equal(seen.body, 0);
	assert_true(c->send_left >= (8u << 20) - (1u << 20));
	p.room = SIZE_MAX;
	assert_int_equal(fl_h2_resume(p.server), FL_OK);
	peer_run(&p);
	assert_int_equal(c->status, 200);
	assert_true(c->closed);
	assert_true(c->send_left >= (8u << 20) - (1u << 20));
	peer_close(&p);
}

static void bodies_together_are_limited(void **state)
{
	const struct fl_http_limits limits = { .conn_body_max = 4096, .streams_max = 100 };

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, true);
	struct peer_call *c[5];
	for (int i = 0; i < 4; i++)
		c[i] = peer_call(&p, "POST", "/hold", 1024, false, NULL);
	peer_run(&p);
	assert_int_equal(seen.calls, 4); /* exactly the limit, held by waiting handlers */
	c[4] = peer_call(&p, "POST", "/hold", 1, false, NULL);
	peer_run(&p);
	assert_true(c[4]->closed);
	assert_int_equal(c[4]->code, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(seen.calls, 4);

	fl_http_drop_request(seen.held[0]); /* gives its share back */
	c[4] = peer_call(&p, "POST", "/hold", 1024, false, NULL);
	peer_run(&p);
	assert_int_equal(seen.calls, 5);
	fl_http_respond(seen.held[1], 200, NULL, fl_slice_of(NULL, 0));
	peer_run(&p);
	c[4] = peer_call(&p, "POST", "/echo", 1024, false, NULL);
	peer_run(&p);
	assert_int_equal(c[4]->status, 200);
	peer_close(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(head_tells_the_length),
		T(segment_and_query),
		T(refusals_of_the_service),
		T(fields_at_the_limit),
		T(settings_come_first),
		T(pings_go_both_ways),
		T(many_streams),
		T(byte_by_byte),
		T(one_send_a_tick),
		T(goaway_lets_streams_finish),
		T(unwanted_body_stays_in_one_window),
		T(bodies_together_are_limited),
	};
	static struct CMUnitTest tests[COUNT(call_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(call_rows); i++)
		tests[n++] = (struct CMUnitTest){ call_rows[i].name, call_row, set_up, tear_down,
						  &call_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/h2", tests, n, NULL, NULL);
}
