/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_h2.c - the HTTP/2 server against a client in memory. */
#include "h2_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { ECHO_MAX = 100000, BIG_MAX = 1 << 20, WINDOW = 4 << 20 };

/* ---- handlers ---- */

static struct {
	unsigned calls, gone, drains;
	size_t body;
	struct fl_http *held[256];
	size_t held_count;
	struct fl_http *stream;
	struct fl_h2 **free_me;
	bool end_on_drain;
} seen;

static void hello(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.body = fl_http_body(x).len;
	fl_http_set(x, "X-Extra", "some");
	fl_http_set(x, "Connection", "close"); /* has no place in HTTP/2 */
	fl_http_respond(x, 200, "text/plain", fl_slice_str("hello"));
}

static void echo(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.body = fl_http_body(x).len;
	fl_http_respond(x, 200, "application/octet-stream", fl_http_body(x));
}

static void empty(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

static void on_gone(void *ctx)
{
	(void)ctx;
	seen.gone++;
	if (seen.free_me != NULL)
		*seen.free_me = fl_h2_free(*seen.free_me);
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.held[seen.held_count++ % COUNT(seen.held)] = x;
	fl_http_on_gone(x, on_gone, x);
}

static void on_drain(void *ctx)
{
	seen.drains++;
	if (seen.end_on_drain)
		fl_http_stream_end(ctx);
}

static void stream(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.stream = x;
	fl_http_on_gone(x, on_gone, x);
	fl_http_on_drain(x, on_drain, x);
	fl_http_stream_start(x, 200, "application/json");
}

static void free_all(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 200, NULL, fl_slice_of(NULL, 0));
	*seen.free_me = fl_h2_free(*seen.free_me);
}

static void abort_it(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_abort(x);
}

static void segment(void *ctx, struct fl_http *x)
{
	char q[16] = "";

	(void)ctx;
	if (fl_http_query(x, "q", q, sizeof q) != FL_OK)
		q[0] = '\0';
	fl_http_set(x, "X-Extra", q);
	fl_http_respond(x, 200, "text/plain", fl_http_segment(x, 0));
}

static void fell_back(void *ctx, struct fl_http *x, unsigned status)
{
	(void)ctx;
	fl_http_respond(x, status, "text/html", fl_slice_str("<p>sorry"));
}

static const struct fl_http_route routes[] = {
	{ "GET", "/hello", 0, hello },          { "POST", "/none", 0, hello },
	{ "POST", "/echo", ECHO_MAX, echo },    { "GET", "/echo", ECHO_MAX, echo },
	{ "PATCH", "/echo", ECHO_MAX, echo },   { "POST", "/big", BIG_MAX, echo },
	{ "GET", "/empty", 0, empty },          { "POST", "/hold", BIG_MAX, hold },
	{ "POST", "/held/*/*", BIG_MAX, hold }, { "POST", "/stream", ECHO_MAX, stream },
	{ "GET", "/stream", 0, stream },        { "POST", "/free", 0, free_all },
	{ "POST", "/abort", 0, abort_it },      { "GET", "/user/*", 0, segment },
};

static const struct fl_http_router router = { .routes = routes, .count = COUNT(routes) };
static const struct fl_http_router router_fallback = {
	.routes = routes,
	.count = COUNT(routes),
	.fallback = fell_back,
};

static struct fl_loop *loop;
static struct peer p;

static int set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop = fl_loop_free(loop);
	return 0;
}

static void open_peer(const struct fl_http_limits *limits)
{
	peer_open(&p, loop, &router, limits, WINDOW, true);
}

static bool loop_until(bool (*cond)(void))
{
	fl_time until = fl_loop_now(loop) + 10 * FL_SEC;

	while (!cond() && fl_loop_now(loop) < until)
		peer_run(&p);
	return cond();
}

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

static void fallback_answers(void **state)
{
	(void)state;
	peer_open(&p, loop, &router_fallback, NULL, WINDOW, true);
	struct peer_call *c = peer_call(&p, "GET", "/nope", SIZE_MAX, false, NULL);
	struct peer_call *d = peer_call(&p, "PUT", "/hello", 100, false, NULL);
	peer_run(&p);
	assert_int_equal(c->status, 404);
	assert_string_equal(c->type, "text/html");
	assert_int_equal(d->status, 405);
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

/* ---- time ---- */

static bool call_answered(void)
{
	return p.calls[0].closed;
}

static bool peer_ended(void)
{
	return p.ends > 0;
}

static void slow_body_is_refused(void **state)
{
	const struct fl_http_limits limits = {
		.body_timeout = 10 * FL_MS,
		.conn_body_max = 1 << 20,
		.streams_max = 100,
	};

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, true);
	struct peer_call *c = peer_call(&p, "POST", "/echo", 100, true, NULL);
	peer_run(&p);
	assert_false(c->closed);
	struct peer_call *d =
		peer_call(&p, "POST", "/hold", 100, false, NULL); /* whole: no limit */
	peer_run(&p);
	assert_true(loop_until(call_answered));
	assert_int_equal(c->status, 408);
	assert_int_equal(seen.calls, 1);
	assert_false(d->closed);
	assert_int_equal(p.ends, 0);
	peer_close(&p);
}

static void silent_client_ends(void **state)
{
	const struct fl_http_limits limits = { .head_timeout = 10 * FL_MS, .streams_max = 100 };

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, false);
	fl_time until = fl_loop_now(loop) + 10 * FL_SEC;
	while (p.ends == 0 && fl_loop_now(loop) < until)
		fl_loop_poll(loop);
	assert_int_equal(p.ends, 1);
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	peer_close(&p);
}

static void open_header_block_ends(void **state)
{
	static const uint8_t headers[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82 };
	const struct fl_http_limits limits = { .head_timeout = 10 * FL_MS, .streams_max = 100 };

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, true);
	peer_raw(&p, headers, sizeof headers);
	assert_true(loop_until(peer_ended));
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	peer_close(&p);
}

static void idle_connection_ends(void **state)
{
	const struct fl_http_limits limits = { .idle_timeout = 10 * FL_MS, .streams_max = 100 };

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, true);
	struct peer_call *c = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_run(&p);
	fl_time until = fl_loop_now(loop) + 30 * FL_MS;
	while (fl_loop_now(loop) < until)
		peer_run(&p);
	assert_int_equal(p.ends, 0); /* a waiting stream is not idle */
	fl_http_respond(seen.held[0], 200, NULL, fl_slice_of(NULL, 0));
	assert_true(loop_until(peer_ended));
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	assert_int_equal(p.goaway, NGHTTP2_NO_ERROR);
	assert_int_equal(c->status, 200);
	peer_close(&p);
}

/* ---- streaming ---- */

static struct fl_bytes *chunk(size_t len, unsigned seed)
{
	uint8_t *data = malloc(len ? len : 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((i + seed) * 31 >> 3);
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(data, len));
	free(data);
	return b;
}

static void send_chunk(struct fl_http *x, size_t len, unsigned seed, enum fl_err want)
{
	struct fl_bytes *b = chunk(len, seed);
	assert_int_equal(fl_http_stream_send(x, b), want);
	fl_bytes_unref(b);
}

static void stream_through(uint32_t window, size_t piece, size_t total)
{
	peer_open(&p, loop, &router, NULL, window, true);
	p.keep = total;
	struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	assert_int_equal(c->status, 200);
	struct fl_http *x = seen.stream;
	fl_http_stream_limit(x, total);
	for (size_t at = 0; at < total; at += piece)
		send_chunk(x, piece < total - at ? piece : total - at, (unsigned)at, FL_OK);
	peer_run(&p);
	assert_int_equal(c->body_len, total);
	assert_int_equal(fl_http_stream_pending(x), 0);
	assert_false(c->ended);
	fl_http_stream_end(x);
	peer_run(&p);
	assert_true(c->ended && c->closed);
	for (size_t at = 0; at < total; at++)
		assert_int_equal(c->body.ptr[at],
				 (uint8_t)((at % piece + (unsigned)(at - at % piece)) * 31 >> 3));
	assert_int_equal(seen.gone, 0);
	peer_close(&p);
}

static void stream_with_tiny_windows(void **state)
{
	(void)state;
	stream_through(1000, 100000, 300000);
}

static void stream_ten_megabytes(void **state)
{
	(void)state;
	stream_through(65535, 1 << 20, 10 << 20);
}

static void stream_small_pieces(void **state)
{
	(void)state;
	stream_through(WINDOW, 7, 100000);
}

static void stream_pending_is_limited(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, NULL, 1000, true);
	p.no_window_updates = true;
	struct peer_call *c = peer_call(&p, "POST", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	struct fl_http *x = seen.stream;
	fl_http_stream_limit(x, 5000);
	send_chunk(x, 5001, 0, FL_ERR_FULL);
	send_chunk(x, 5000, 0, FL_OK);
	send_chunk(x, 1, 0, FL_ERR_FULL);
	peer_run(&p); /* one window of it leaves */
	assert_int_equal(c->body_len, 1000);
	assert_int_equal(fl_http_stream_pending(x), 4000);
	send_chunk(x, 1001, 0, FL_ERR_FULL);
	send_chunk(x, 1000, 0, FL_OK);
	send_chunk(x, 0, 0, FL_OK); /* says nothing, costs nothing */
	fl_time before = fl_loop_now(loop);
	while (fl_loop_now(loop) - before < 2 * FL_MS)
		fl_loop_poll(loop);
	assert_true(fl_http_stream_stalled(x) >= 2 * FL_MS);
	nghttp2_submit_window_update(p.client, 0, c->id, 100000);
	peer_run(&p);
	assert_int_equal(c->body_len, 6000);
	assert_int_equal(fl_http_stream_stalled(x), 0);
	peer_close(&p);
	assert_int_equal(seen.gone, 1);
}

static void drain_is_told_after_the_queue_was_taken(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_int_equal(seen.drains, 0);
	p.room = 10;
	send_chunk(seen.stream, 3000, 0, FL_OK);
	assert_int_equal(seen.drains, 0);
	peer_run(&p);
	assert_int_equal(seen.drains, 0); /* made into frames, but the transport is full */
	assert_int_equal(p.agains, 1);
	p.room = SIZE_MAX;
	seen.end_on_drain = true;
	assert_int_equal(fl_h2_resume(p.server), FL_OK);
	assert_int_equal(seen.drains, 1);
	peer_run(&p);
	assert_int_equal(c->body_len, 3000);
	assert_true(c->ended);
	peer_close(&p);
}

static void transport_full_keeps_order(void **state)
{
	(void)state;
	open_peer(NULL);
	p.keep = 1 << 20;
	p.room = 100;
	struct peer_call *c = peer_call(&p, "POST", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	for (unsigned i = 0; i < 50; i++)
		send_chunk(seen.stream, 20000, i * 20000, FL_OK);
	fl_http_stream_end(seen.stream);
	for (int i = 0; i < 200 && !c->closed; i++) {
		p.room = 70000 + (size_t)(i % 7) * 10000;
		assert_int_equal(fl_h2_resume(p.server), FL_OK);
		peer_run(&p);
	}
	assert_int_equal(c->body_len, 1000000);
	for (size_t at = 0; at < c->body.len; at++)
		assert_int_equal(c->body.ptr[at], (uint8_t)(at * 31 >> 3));
	assert_true(p.agains > 3);
	peer_close(&p);
}

/* Sessions share one frame buffer: squeezed side by side, none may see another's bytes. */
static void connections_do_not_mix(void **state)
{
	static struct peer peers[3];
	struct fl_http *x[COUNT(peers)];
	struct peer_call *c[COUNT(peers)];

	(void)state;
	for (size_t i = 0; i < COUNT(peers); i++) {
		peer_open(&peers[i], loop, &router, NULL, 5000, true);
		c[i] = peer_call(&peers[i], "POST", "/stream", SIZE_MAX, false, NULL);
		peer_run(&peers[i]);
		x[i] = seen.stream;
		peers[i].room = 0;
	}
	for (unsigned round = 0; round < 300; round++) {
		for (size_t i = 0; i < COUNT(peers); i++) {
			char path[32];
			snprintf(path, sizeof path, "/user/%zu-%u", i, round);
			send_chunk(x[i], 700, (unsigned)i * 1000 + round * 700, FL_OK);
			peer_call(&peers[i], "GET", path, SIZE_MAX, false, NULL);
			nghttp2_submit_ping(peers[i].client, 0, NULL);
			peer_push(&peers[i]);
			peers[i].room = (round * 7 + i) % 5 == 0 ? 200000 : 0;
			assert_int_equal(fl_h2_resume(peers[i].server), FL_OK);
			if ((round + i) % 3 == 0)
				fl_loop_poll(loop);
			peer_pull(&peers[i]);
		}
	}
	for (size_t i = 0; i < COUNT(peers); i++) {
		peers[i].room = SIZE_MAX;
		assert_int_equal(fl_h2_resume(peers[i].server), FL_OK);
		peer_run(&peers[i]);
		assert_int_equal(c[i]->body_len, 300 * 700);
		for (size_t at = 0; at < c[i]->body_len; at++)
			assert_int_equal(c[i]->body.ptr[at], (uint8_t)((at + i * 1000) * 31 >> 3));
		for (unsigned round = 0; round < 300; round++) {
			char want[32];
			struct peer_call *call = &peers[i].calls[1 + round];
			snprintf(want, sizeof want, "%zu-%u", i, round);
			assert_int_equal(call->body_len, strlen(want));
			assert_memory_equal(call->body.ptr, want, strlen(want));
		}
		peer_close(&peers[i]);
	}
}

static void head_of_a_stream_has_no_body(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "HEAD", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	send_chunk(seen.stream, 10, 0, FL_OK);
	fl_http_stream_end(seen.stream);
	peer_run(&p);
	assert_int_equal(c->status, 200);
	assert_true(c->closed);
	assert_int_equal(c->body_len, 0);
	peer_close(&p);
}

static void dropped_request_keeps_its_name(void **state)
{
	const char *const extra[] = { "x-a", "value", NULL };
	char q[8];

	(void)state;
	open_peer(NULL);
	peer_call(&p, "POST", "/held/a%20b/c?q=1", 100, false, extra);
	peer_run(&p);
	struct fl_http *x = seen.held[0];
	assert_int_equal(fl_http_field(x, "x-a").len, 5);
	fl_http_drop_request(x);
	fl_http_drop_request(x); /* once more is nothing */
	assert_int_equal(fl_http_field(x, "x-a").len, 0);
	assert_int_equal(fl_http_body(x).len, 0);
	assert_true(fl_slice_is(fl_http_method(x), "POST"));
	assert_true(fl_slice_is(fl_http_path(x), "/held/a%20b/c"));
	assert_true(fl_slice_is(fl_http_segment(x, 0), "a b"));
	assert_true(fl_slice_is(fl_http_segment(x, 1), "c"));
	assert_int_equal(fl_http_query(x, "q", q, sizeof q), FL_OK);
	assert_string_equal(q, "1");
	peer_close(&p);
}

/* ---- the peer goes ---- */

static void reset_tells_the_handler_once(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/hold", 10, false, NULL);
	struct peer_call *d = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	send_chunk(seen.stream, 100, 0, FL_OK);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	peer_run(&p);
	assert_int_equal(seen.gone, 1);
	nghttp2_submit_rst_stream(p.client, 0, d->id, NGHTTP2_CANCEL);
	peer_run(&p);
	assert_int_equal(seen.gone, 2);
	assert_int_equal(fl_h2_streams(p.server), 0);
	peer_close(&p);
	assert_int_equal(seen.gone, 2);
}

static void reset_while_gathering_is_silent(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/hold", 10, true, NULL);
	peer_run(&p);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	peer_run(&p);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(seen.gone, 0);
	peer_close(&p);
}

/* Request and reset in one read: the handler never sees it. */
static void reset_at_once_is_not_handled(void **state)
{
	struct fl_buf all = fl_buf_make(1 << 20);
	const uint8_t *data;
	ssize_t n;

	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	while ((n = nghttp2_session_mem_send(p.client, &data)) > 0)
		fl_buf_put(&all, data, (size_t)n);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	while ((n = nghttp2_session_mem_send(p.client, &data)) > 0)
		fl_buf_put(&all, data, (size_t)n);
	peer_raw(&p, all.ptr, all.len);
	assert_int_equal(seen.calls, 0);
	fl_buf_done(&all);
	peer_close(&p);
}

static void free_tells_unfinished(void **state)
{
	(void)state;
	open_peer(NULL);
	for (int i = 0; i < 3; i++)
		peer_call(&p, "POST", "/hold", 10, false, NULL);
	peer_call(&p, "POST", "/hold", 10, true, NULL);
	peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	send_chunk(seen.stream, 100, 0, FL_OK);
	peer_close(&p);
	assert_int_equal(seen.gone, 4);
}

static void send_after_reset_is_closed(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *d = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	p.room = 0;
	send_chunk(seen.stream, 1000, 0, FL_OK);
	fl_http_stream_end(seen.stream); /* the handler has let go; nobody is told */
	peer_run(&p);
	nghttp2_submit_rst_stream(p.client, 0, d->id, NGHTTP2_CANCEL);
	peer_run(&p);
	assert_int_equal(seen.gone, 0);
	p.room = SIZE_MAX;
	assert_int_equal(fl_h2_resume(p.server), FL_OK);
	peer_close(&p);
}

static void free_inside_a_handler(void **state)
{
	(void)state;
	open_peer(NULL);
	seen.free_me = &p.server;
	peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_call(&p, "POST", "/free", SIZE_MAX, false, NULL);
	const uint8_t *data;
	ssize_t n;
	while (p.server != NULL && (n = nghttp2_session_mem_send(p.client, &data)) > 0) {
		struct fl_h2 *h = p.server;
		enum fl_err err = fl_h2_input(h, fl_slice_of(data, (size_t)n));
		assert_int_equal(err, p.server == NULL ? FL_ERR_CLOSED : FL_OK);
	}
	assert_null(p.server);
	peer_close(&p);
	assert_int_equal(seen.gone, 1);
}

static void free_inside_a_farewell(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_call(&p, "POST", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	const uint8_t *data;
	ssize_t n = nghttp2_session_mem_send(p.client, &data);
	seen.free_me = &p.server;
	struct fl_h2 *h = p.server;
	assert_int_equal(fl_h2_input(h, fl_slice_of(data, (size_t)n)), FL_ERR_CLOSED);
	assert_null(p.server);
	assert_int_equal(seen.gone, 2);
	peer_close(&p);
}

static void abort_resets(void **state)
{
	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/abort", SIZE_MAX, false, NULL);
	struct peer_call *d = peer_call(&p, "POST", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_true(c->closed);
	assert_int_equal(c->code, NGHTTP2_INTERNAL_ERROR);
	send_chunk(seen.stream, 100, 0, FL_OK);
	peer_run(&p);
	send_chunk(seen.stream, 100, 0, FL_OK);
	fl_http_abort(seen.stream);
	peer_run(&p);
	assert_int_equal(d->body_len, 100);
	assert_false(d->ended);
	assert_int_equal(d->code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(seen.gone, 0);
	assert_int_equal(fl_h2_streams(p.server), 0);
	peer_close(&p);
}

/* ---- hostile peers ---- */

static void rapid_reset_is_stopped(void **state)
{
	(void)state;
	open_peer(NULL);
	unsigned sent = 0;
	for (; sent < 3000 && p.server_err == FL_OK; sent++) {
		struct peer_call *c = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
		peer_push(&p);
		nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
		peer_push(&p);
	}
	assert_true(sent > 900 && sent <= 1001);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_pull(&p);
	assert_int_equal(p.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_close(&p);
}

/* `count` frames of 9 bytes and `len` zeros each, by type and flags, on stream `id`. */
static unsigned flood(uint8_t type, uint8_t flags, uint8_t len, uint8_t id, unsigned count)
{
	uint8_t frame[64] = { 0, 0, len, type, flags, 0, 0, 0, id };
	unsigned sent = 0;

	for (; sent < count && p.server_err == FL_OK; sent++)
		peer_raw(&p, frame, 9u + len);
	return sent;
}

static struct flood_row {
	const char *name;
	uint8_t type, flags, len;
	bool blocked; /* the transport takes nothing */
	unsigned most;
} flood_rows[] = {
	{ "PING flood", NGHTTP2_PING, 0, 8, false, 1001 },
	{ "PING flood, answers stuck", NGHTTP2_PING, 0, 8, true, 70 },
	{ "SETTINGS flood", NGHTTP2_SETTINGS, 0, 0, false, 1001 },
	{ "SETTINGS flood, answers stuck", NGHTTP2_SETTINGS, 0, 0, true, 70 },
	{ "PRIORITY flood", NGHTTP2_PRIORITY, 0, 5, false, 1001 },
};

static void flood_row(void **state)
{
	const struct flood_row *r = *state;

	open_peer(NULL);
	if (r->blocked)
		p.room = 0;
	unsigned sent = flood(r->type, r->flags, r->len, r->type == NGHTTP2_PRIORITY ? 1 : 0, 5000);
	assert_true(sent <= r->most);
	assert_true(sent > 50);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	if (r->type == NGHTTP2_PRIORITY) { /* on acks it did not ask for, this client chokes */
		peer_pull(&p);
		assert_int_equal(p.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	peer_close(&p);
}

static void empty_data_flood(void **state)
{
	(void)state;
	open_peer(NULL);
	peer_call(&p, "POST", "/hold", 0, true, NULL);
	peer_run(&p);
	assert_true(flood(NGHTTP2_DATA, 0, 0, 1, 5000) <= 1001);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_close(&p);
}

static void continuation_flood(void **state)
{
	static const uint8_t headers[] = { 0, 0, 1, 1, 1, 0, 0, 0, 1, 0x82 };

	(void)state;
	open_peer(NULL);
	peer_raw(&p, headers, sizeof headers);
	unsigned sent = flood(NGHTTP2_CONTINUATION, 0, 0, 1, 5000);
	assert_true(sent < 20);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_close(&p);
}

/* An indexed field costs one byte on the wire and kilobytes here: the list is counted unpacked. */
static void header_bomb(void **state)
{
	static char value[3000];
	const char *extra[2 * 40 + 1];

	(void)state;
	memset(value, 'v', sizeof value - 1);
	for (size_t i = 0; i < 40; i++) {
		extra[2 * i] = "x-bomb";
		extra[2 * i + 1] = value;
	}
	extra[80] = NULL;
	open_peer(NULL);
	peer_call(&p, "GET", "/hello", SIZE_MAX, false, extra);
	peer_run(&p);
	assert_int_equal(p.server_err, FL_ERR_TOO_BIG);
	assert_int_equal(p.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	assert_int_equal(seen.calls, 0);
	peer_close(&p);
}

static void bad_preface(void **state)
{
	static const char http1[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	peer_open(&p, loop, &router, NULL, WINDOW, false);
	peer_raw(&p, http1, sizeof http1 - 1);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_close(&p);
}

static void oversized_frame(void **state)
{
	static const uint8_t frame[] = { 0, 0x40, 1, 0, 0, 0, 0, 0, 1 };

	(void)state;
	open_peer(NULL);
	peer_raw(&p, frame, sizeof frame);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_close(&p);
}

static void false_content_length(void **state)
{
	const char *const more[] = { "content-length", "11", NULL };
	const char *const less[] = { "content-length", "9", NULL };
	const char *const words[] = { "content-length", "ten", NULL };

	(void)state;
	open_peer(NULL);
	struct peer_call *c = peer_call(&p, "POST", "/echo", 10, false, more);
	struct peer_call *d = peer_call(&p, "POST", "/echo", 10, false, less);
	struct peer_call *e = peer_call(&p, "POST", "/echo", 10, false, words);
	peer_run(&p);
	assert_int_equal(c->code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(d->code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(e->code, NGHTTP2_PROTOCOL_ERROR);
	assert_int_equal(seen.calls, 0);
	assert_int_equal(p.server_err, FL_OK);
	peer_close(&p);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(head_tells_the_length),
		T(segment_and_query),
		T(fallback_answers),
		T(fields_at_the_limit),
		T(settings_come_first),
		T(pings_go_both_ways),
		T(many_streams),
		T(byte_by_byte),
		T(one_send_a_tick),
		T(goaway_lets_streams_finish),
		T(unwanted_body_stays_in_one_window),
		T(bodies_together_are_limited),
		T(slow_body_is_refused),
		T(silent_client_ends),
		T(open_header_block_ends),
		T(idle_connection_ends),
		T(stream_with_tiny_windows),
		T(stream_ten_megabytes),
		T(stream_small_pieces),
		T(stream_pending_is_limited),
		T(drain_is_told_after_the_queue_was_taken),
		T(transport_full_keeps_order),
		T(connections_do_not_mix),
		T(head_of_a_stream_has_no_body),
		T(dropped_request_keeps_its_name),
		T(reset_tells_the_handler_once),
		T(reset_while_gathering_is_silent),
		T(reset_at_once_is_not_handled),
		T(free_tells_unfinished),
		T(send_after_reset_is_closed),
		T(free_inside_a_handler),
		T(free_inside_a_farewell),
		T(abort_resets),
		T(rapid_reset_is_stopped),
		T(empty_data_flood),
		T(continuation_flood),
		T(header_bomb),
		T(bad_preface),
		T(oversized_frame),
		T(false_content_length),
	};
	static struct CMUnitTest tests[COUNT(call_rows) + COUNT(flood_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(call_rows); i++)
		tests[n++] = (struct CMUnitTest){ call_rows[i].name, call_row, set_up, tear_down,
						  &call_rows[i] };
	for (size_t i = 0; i < COUNT(flood_rows); i++)
		tests[n++] = (struct CMUnitTest){ flood_rows[i].name, flood_row, set_up, tear_down,
						  &flood_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/h2", tests, n, NULL, NULL);
}
