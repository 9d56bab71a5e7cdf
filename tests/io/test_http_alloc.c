/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_http_alloc.c - HTTP with the n-th allocation failing, for every n.
 *
 * Whatever fails, nothing may crash, leak or stay silent towards a handler that waits.
 */
#include "alloc.h"
#include "h2_peer.h"

#include "io/stream_impl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* A session that has run out of memory is left behind on purpose, see io/h2_mem.h. */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__lsan_default_suppressions(void)
{
	return "leak:libnghttp2\n";
}

/* ---- handlers ---- */

static struct fl_http *held, *streaming;

static void echo(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_set(x, "X-A", "b");
	fl_http_respond(x, 200, "text/plain", fl_http_body(x));
}

static void on_gone(void *ctx)
{
	*(struct fl_http **)ctx = NULL;
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	held = x;
	fl_http_on_gone(x, on_gone, &held);
}

static void stream(void *ctx, struct fl_http *x)
{
	(void)ctx;
	streaming = x;
	fl_http_on_gone(x, on_gone, &streaming);
	fl_http_drop_request(x);
	fl_http_stream_start(x, 200, "application/json");
}

static void upgrade(void *ctx, struct fl_http *x)
{
	struct fl_slice early;

	(void)ctx;
	if (fl_http_upgrade(x, fl_http_conn_ctx(x), &early) != FL_OK)
		fl_http_respond(x, 400, NULL, fl_slice_of(NULL, 0));
}

static const struct fl_http_route routes[] = {
	{ .method = "POST", .path = "/echo", .body_max = 5000, .handle = echo },
	{ .method = "POST", .path = "/hold/*", .body_max = 5000, .handle = hold },
	{ .method = "POST", .path = "/stream", .body_max = 5000, .handle = stream },
	{ .method = "POST", .path = "/up", .handle = upgrade },
};
static const struct fl_http_router router = {
	.routes = routes,
	.count = sizeof routes / sizeof *routes,
};

static void answer_all(void)
{
	static const uint8_t data[2000];

	if (held != NULL) {
		struct fl_http *x = held;
		held = NULL;
		fl_http_respond(x, 200, NULL, fl_slice_of(data, sizeof data));
	}
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(data, sizeof data));
	if (streaming != NULL && b != NULL) {
		struct fl_bytes *const chunks[] = { b, b, b };
		bool sent = fl_http_stream_sendv(streaming, chunks, 3) == FL_OK;
		/* All or none, whichever of them had no room. */
		assert_int_equal(fl_http_stream_pending(streaming), sent ? 3 * sizeof data : 0);
	}
	fl_bytes_unref(b);
}

/* ---- HTTP/2 ---- */

static struct fl_buf recorded;

static void record_client(void)
{
	static struct peer p;
	struct fl_loop *loop;
	const uint8_t *data;
	ssize_t n;

	assert_int_equal(fl_loop_new(&loop), FL_OK);
	peer_open(&p, loop, &router, NULL, 1 << 20, false);
	peer_call(&p, "POST", "/echo", 3000, false, NULL);
	peer_call(&p, "POST", "/hold/a%20b?x=y", 3000, false, NULL);
	peer_call(&p, "POST", "/stream", 300, false, NULL);
	peer_call(&p, "POST", "/nope", 300, false, NULL);
	peer_call(&p, "POST", "/echo", 6000, false, NULL);
	recorded = fl_buf_make(1 << 20);
	while ((n = nghttp2_session_mem_send(p.client, &data)) > 0)
		fl_buf_put(&recorded, data, (size_t)n);
	peer_close(&p);
	fl_loop_free(loop);
}

static enum fl_err sink(void *ctx, struct fl_slice bytes)
{
	(void)ctx;
	(void)bytes;
	return FL_OK;
}

static enum fl_err replay(struct fl_loop *loop, struct fl_h2 **out)
{
	const struct fl_h2_transport t = { .send = sink };
	enum fl_err err = fl_h2_new(loop, &t, &router, NULL, NULL, out);

	for (size_t at = 0; err == FL_OK && at < recorded.len; at += 1000) {
		size_t n = recorded.len - at < 1000 ? recorded.len - at : 1000;
		err = fl_h2_input(*out, fl_slice_of(recorded.ptr + at, n));
	}
	return err;
}

static void run_h2(struct fl_loop *loop)
{
	struct fl_h2 *h = NULL;

	if (replay(loop, &h) == FL_OK)
		answer_all();
	fl_loop_poll(loop);
	fl_loop_poll(loop);
	alloc_disarm();
	fl_h2_free(h);
}

/* The first chunk gives the loop its batch; the second, later one is counted. */
static void run_second_chunk(struct fl_loop *loop)
{
	static const uint8_t data[300];
	struct fl_h2 *h = NULL;

	alloc_hold(true);
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(data, sizeof data));
	assert_int_equal(replay(loop, &h), FL_OK);
	assert_int_equal(fl_http_stream_send(streaming, b), FL_OK);
	fl_loop_poll(loop);
	alloc_hold(false);
	assert_int_equal(fl_http_stream_send(streaming, b), FL_OK);
	fl_loop_poll(loop);
	alloc_disarm();
	assert_int_equal(fl_http_stream_pending(streaming), 0);
	fl_bytes_unref(b);
	fl_h2_free(h);
}

/* ---- HTTP/1 over a stream of memory ---- */

static struct fl_sock memory;

static enum fl_err take(struct fl_stream *s, struct fl_slice data)
{
	(void)s;
	(void)data;
	return FL_OK;
}

static size_t pending(const struct fl_stream *s)
{
	(void)s;
	return 0;
}

static bool holds(const struct fl_stream *s)
{
	(void)s;
	return false;
}

static void nothing(struct fl_stream *s)
{
	(void)s;
}

static void on_close(struct fl_stream *s, int64_t linger)
{
	(void)linger;
	fl_stream_done(s);
}

static const struct fl_stream_ops ops = { take, pending, nothing, holds, nothing, on_close };

static void run_h1(struct fl_loop *loop)
{
	static const char request[] =
		"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
		"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"3\r\nabc\r\n0\r\n\r\n"
		"POST /hold/a%20b HTTP/1.1\r\nHost: x\r\n\r\n"
		"PUT /hold/a HTTP/1.1\r\nHost: x\r\n\r\n"
		"POST /up HTTP/1.1\r\nHost: x\r\nUpgrade: a\r\n\r\nearly";
	struct fl_stream *s = &memory.base, *raw = NULL;

	memset(&memory, 0, sizeof memory);
	fl_stream_init(s, &ops, loop);
	if (fl_http1_serve(s, fl_slice_of(NULL, 0), &router, NULL, &raw) != FL_OK)
		return;
	for (size_t at = 0; at < sizeof request - 1; at++) {
		uint8_t c = (uint8_t)request[at];
		if (fl_stream_hears(s) && raw == NULL)
			s->owner->on_data(s->ctx, &c, 1);
		answer_all();
		fl_loop_poll(loop);
		fl_loop_poll(loop);
	}
	alloc_disarm();
	if (raw != NULL)
		fl_stream_close(raw, 0);
	else if (fl_stream_hears(s))
		s->owner->on_end(s->ctx, FL_ERR_CLOSED);
}

/* ---- every n ---- */

static void once(void *run)
{
	void (*fn)(struct fl_loop *) = *(void (**)(struct fl_loop *))run;
	struct fl_loop *loop;

	alloc_hold(true);
	assert_int_equal(fl_loop_new(&loop), FL_OK);
	alloc_hold(false);
	held = streaming = NULL;
	fn(loop);
	alloc_disarm();
	assert_null(held);
	assert_null(streaming);
	fl_loop_free(loop);
}

static void every_allocation(void (*run)(struct fl_loop *loop))
{
	assert_true(alloc_fail_each(once, &run) > 20);
}

static void http2_survives(void **state)
{
	(void)state;
	record_client();
	every_allocation(run_h2);
	fl_buf_done(&recorded);
}

static void fan_out_allocates_nothing(void **state)
{
	void (*run)(struct fl_loop *) = run_second_chunk;

	(void)state;
	record_client();
	assert_int_equal(alloc_fail_each(once, &run), 0);
	fl_buf_done(&recorded);
}

static void http1_survives(void **state)
{
	(void)state;
	every_allocation(run_h1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(http2_survives),
		cmocka_unit_test(fan_out_allocates_nothing),
		cmocka_unit_test(http1_survives),
	};
	return cmocka_run_group_tests_name("io/http_alloc", tests, NULL, NULL);
}
