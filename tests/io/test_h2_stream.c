/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_h2_stream.c - HTTP/2 answers in pieces, and what happens when the peer goes. */
#include "h2_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- streaming ---- */

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

/* Chunks that come one by one, as changes do, cost one send each, whatever was said in between. */
static void each_chunk_is_one_send(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, NULL, WINDOW, true);
	struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	for (unsigned i = 1; i <= 9; i++) {
		size_t sends = p.sends;
		send_chunk(seen.stream, 300, i, FL_OK);
		peer_run(&p);
		assert_int_equal(c->body_len, i * 300);
		assert_int_equal(p.sends, sends + 1);
		if (i % 3 == 1) {
			fl_h2_ping(p.server);
		} else if (i % 3 == 2) {
			struct peer_call *other =
				peer_call(&p, "GET", "/hello", SIZE_MAX, false, NULL);
			peer_run(&p);
			assert_true(other->ended);
		}
		peer_run(&p);
	}
	assert_true(p.pings >= 3);
	fl_http_stream_end(seen.stream);
	peer_run(&p);
	assert_true(c->ended && c->closed);
	peer_close(&p);
}

static void chunks_of_two_streams_leave_together(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, NULL, WINDOW, true);
	struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	struct fl_http *first = seen.stream;
	struct peer_call *d = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	size_t sends = p.sends;
	send_chunk(first, 300, 0, FL_OK);
	send_chunk(seen.stream, 400, 0, FL_OK);
	peer_run(&p);
	assert_int_equal(c->body_len, 300);
	assert_int_equal(d->body_len, 400);
	assert_int_equal(p.sends, sends + 1);
	peer_close(&p);
}

/* Several chunks at once are all queued, in order, or none is. */
static void chunks_go_together_or_not(void **state)
{
	(void)state;
	struct fl_bytes *b[] = { fl_bytes_new(fl_slice_of("ab", 2)),
				 fl_bytes_new(fl_slice_of("", 0)),
				 fl_bytes_new(fl_slice_of("cde", 3)) };

	peer_open(&p, loop, &router, NULL, WINDOW, true);
	p.keep = 100;
	struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	peer_run(&p);
	fl_http_stream_limit(seen.stream, 9);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 3), FL_OK);
	assert_int_equal(fl_http_stream_pending(seen.stream), 5);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 3), FL_ERR_FULL);
	assert_int_equal(fl_http_stream_pending(seen.stream), 5);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 1), FL_OK);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 0), FL_OK);
	peer_run(&p);
	assert_int_equal(c->body_len, 7);
	assert_memory_equal(c->body.ptr, "abcdeab", 7);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(atomic_load(&b[i]->refs), 1);
		fl_bytes_unref(b[i]);
	}
	peer_close(&p);
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
	p.room = 10; /* full after the next */
	send_chunk(seen.stream, 3000, 0, FL_OK);
	assert_int_equal(seen.drains, 0);
	peer_run(&p);
	assert_int_equal(seen.drains, 0); /* made into frames, but the transport is full */
	assert_int_equal(p.fulls, 1);
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
	assert_true(p.fulls > 3);
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

/* The owner frees it, and a farewell frees it once more. */
static void free_inside_the_last_farewell(void **state)
{
	(void)state;
	open_peer(NULL);
	peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_run(&p);
	seen.free_me = &p.server;
	peer_close(&p);
	assert_int_equal(seen.gone, 2);
}

/* On the connection's own loop, before the head: what fails can still be answered. */
static void stream_begins_with_what_is_made(void **state)
{
	(void)state;
	open_peer(NULL);
	p.keep = 100;
	seen.pieces = 3;
	struct peer_call *c = peer_call(&p, "GET", "/made", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_int_equal(c->status, 200);
	assert_int_equal(c->body_len, 12);
	assert_memory_equal(c->body.ptr, "mademademade", 12);
	assert_null(seen.tools);
	send_chunk(seen.stream, 10, 0, FL_OK);
	peer_run(&p);
	assert_int_equal(c->body_len, 22);
	c = peer_call(&p, "HEAD", "/made", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_int_equal(c->status, 200);
	assert_int_equal(c->body_len, 0);
	assert_int_equal(seen.made_freed, 2);
	peer_close(&p);
}

static void what_cannot_be_made_is_refused(void **state)
{
	(void)state;
	open_peer(NULL);
	seen.pieces = 3;
	seen.made_err = FL_ERR_NOMEM;
	struct peer_call *c = peer_call(&p, "GET", "/made", SIZE_MAX, false, NULL);
	peer_run(&p);
	assert_int_equal(seen.begun, FL_ERR_NOMEM);
	assert_int_equal(seen.made_freed, 1);
	assert_int_equal(c->status, 503);
	assert_int_equal(c->body_len, 0);
	assert_true(c->ended);
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

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(stream_with_tiny_windows),
		T(stream_ten_megabytes),
		T(stream_small_pieces),
		T(each_chunk_is_one_send),
		T(chunks_of_two_streams_leave_together),
		T(chunks_go_together_or_not),
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
		T(free_inside_the_last_farewell),
		T(stream_begins_with_what_is_made),
		T(what_cannot_be_made_is_refused),
		T(abort_resets),
	};
	return cmocka_run_group_tests_name("io/h2_stream", plain, NULL, NULL);
}
