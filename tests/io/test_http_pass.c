/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_http_pass.c - the handlers of the HTTP/2 tests behind a pair of mailboxes: what
 * they see and what the client sees is as without.
 */
#include "h2_rig.h"

#include "io/http_pass.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

enum { SLOT = 3, GEN = 7, ROUNDS = 6 };

static struct fl_mailbox to, from; /* of the worker's half; letters go when deliver() says so */
static struct fl_pass_desk desk;
static struct fl_pass_conn conn;
static struct fl_pass_link link_;
static struct fl_http_route passing[32];
static struct fl_http_router worker_router;
static unsigned losses;
static struct fl_deferred worker_lost, home_lost;

static void pass(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_pass_request(&conn, x);
}

static void at_home(void *ctx, const struct fl_letter *l)
{
	(void)ctx;
	assert_int_equal(l->slot, SLOT);
	assert_int_equal(l->gen, GEN);
	fl_pass_hear(&link_, l);
}

static void at_work(void *ctx, const struct fl_letter *l)
{
	(void)ctx;
	fl_pass_reply(&conn, l);
}

static void on_lost(void *ctx)
{
	(void)ctx;
	losses++;
}

static int pass_set_up(void **state)
{
	if (set_up(state) != 0)
		return -1;
	losses = 0;
	worker_lost = home_lost = (struct fl_deferred){ .fn = on_lost };
	assert_int_equal(fl_mailbox_init(&to, NULL, loop, at_work, NULL), FL_OK);
	assert_int_equal(fl_mailbox_init(&from, NULL, loop, at_home, NULL), FL_OK);
	desk = (struct fl_pass_desk){ .out = &from };
	fl_pass_conn_init(&conn, &desk, SLOT, GEN, loop, &worker_lost);
	fl_pass_link_init(&link_, loop, &to, &router, NULL, &home_lost);
	link_.slot = SLOT;
	link_.gen = GEN;
	for (size_t i = 0; i < router.count; i++) {
		passing[i] = router.routes[i];
		passing[i].handle = pass;
	}
	worker_router = (struct fl_http_router){ .routes = passing, .count = router.count };
	return 0;
}

static int pass_tear_down(void **state)
{
	fl_mailbox_receive(&from);
	fl_pass_link_done(&link_);
	fl_mailbox_done(&to);
	fl_mailbox_done(&from);
	assert_int_equal(losses, 0);
	return tear_down(state);
}

static void open_with(uint32_t window)
{
	peer_open(&p, loop, &worker_router, NULL, window, true);
}

static void deliver(void)
{
	fl_mailbox_send(&from);
	fl_mailbox_receive(&from);
	fl_mailbox_send(&to);
	fl_mailbox_receive(&to);
}

static void run(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		peer_run(&p);
		deliver();
	}
	peer_run(&p);
}

/* ---- whole answers ---- */

static const struct answer {
	const char *name, *method, *path;
	size_t send;
	unsigned status;
	const char *extra;
	size_t body;
} answers[] = {
	{ "an answer", "GET", "/hello", SIZE_MAX, 200, "some", 5 },
	{ "only its head", "HEAD", "/hello", SIZE_MAX, 200, "some", 0 },
	{ "a body both ways", "POST", "/echo", 70000, 200, "", 70000 },
	{ "an empty body", "POST", "/echo", 0, 200, "", 0 },
	{ "no content", "GET", "/empty", SIZE_MAX, 204, "", 0 },
	{ "segment and query", "GET", "/user/ada%20l?x=1&q=z", SIZE_MAX, 200, "z", 5 },
	{ "no such path", "GET", "/nowhere", SIZE_MAX, 404, "", SIZE_MAX },
	{ "no such method", "DELETE", "/hello", SIZE_MAX, 405, "", SIZE_MAX },
	{ "a body over the limit", "POST", "/echo", ECHO_MAX + 1, 413, "", SIZE_MAX },
};

static void test_answer(void **state)
{
	const struct answer *a = *state;

	open_with(WINDOW);
	p.keep = 1 << 20;
	const struct peer_call *c = peer_call(&p, a->method, a->path, a->send, false, NULL);
	run();
	assert_int_equal(c->status, a->status);
	assert_string_equal(c->extra, a->extra);
	if (a->body != SIZE_MAX)
		assert_int_equal(c->body_len, a->body);
	assert_true(c->ended && c->closed);
	assert_int_equal(c->code, 0);
	assert_false(fl_h2_is_streaming(p.server));
	assert_true(fl_list_empty(&conn.passages));
	assert_true(fl_list_empty(&link_.open));
	peer_close(&p);
}

static void test_abort(void **state)
{
	(void)state;
	open_with(WINDOW);
	const struct peer_call *c = peer_call(&p, "POST", "/abort", SIZE_MAX, false, NULL);
	run();
	assert_true(c->closed);
	assert_int_equal(c->code, NGHTTP2_INTERNAL_ERROR);
	peer_close(&p);
}

/* ---- streams ---- */

static void test_a_stream_is_accounted_for(void **state)
{
	(void)state;
	open_with(1000);
	p.no_window_updates = true;
	const struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	run();
	assert_int_equal(c->status, 200);
	assert_true(fl_h2_is_streaming(p.server));
	struct fl_http *x = seen.stream;
	fl_http_stream_limit(x, 5000);
	send_chunk(x, 5001, 0, FL_ERR_FULL);
	send_chunk(x, 5000, 0, FL_OK);
	assert_int_equal(fl_http_stream_pending(x), 5000);
	send_chunk(x, 1, 0, FL_ERR_FULL);
	run(); /* one window of it leaves */
	assert_int_equal(c->body_len, 1000);
	assert_int_equal(fl_http_stream_pending(x), 4000);
	send_chunk(x, 1001, 0, FL_ERR_FULL);
	send_chunk(x, 1000, 0, FL_OK);
	peer_close(&p);
	deliver();
	assert_int_equal(seen.gone, 1);
}

static void test_a_stream_drains_and_ends(void **state)
{
	(void)state;
	open_with(WINDOW);
	p.keep = 1000;
	const struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	run();
	for (unsigned i = 0; i < 3; i++)
		send_chunk(seen.stream, 100, i * 100, FL_OK);
	run();
	assert_int_equal(seen.drains, 1);
	assert_int_equal(fl_http_stream_pending(seen.stream), 0);
	for (size_t at = 0; at < 300; at++)
		assert_int_equal(c->body.ptr[at], (uint8_t)((at % 100 + at / 100 * 100) * 31 >> 3));
	send_chunk(seen.stream, 100, 0, FL_OK);
	fl_http_stream_end(seen.stream);
	run();
	assert_true(c->ended && c->closed);
	assert_int_equal(c->body_len, 400);
	assert_int_equal(seen.gone, 0);
	assert_false(fl_h2_is_streaming(p.server));
	peer_close(&p);
}

static void test_pieces_go_together_or_not(void **state)
{
	(void)state;
	struct fl_bytes *b[] = { fl_bytes_new(fl_slice_of("ab", 2)),
				 fl_bytes_new(fl_slice_of("", 0)),
				 fl_bytes_new(fl_slice_of("cde", 3)) };

	open_with(WINDOW);
	p.keep = 100;
	const struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	run();
	fl_http_stream_limit(seen.stream, 9);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 3), FL_OK);
	assert_int_equal(to.writing.len, 1);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 3), FL_ERR_FULL);
	assert_int_equal(to.writing.len, 1);
	assert_int_equal(fl_http_stream_pending(seen.stream), 5);
	run();
	assert_int_equal(fl_http_stream_pending(seen.stream), 0);
	assert_int_equal(c->body_len, 5);
	assert_memory_equal(c->body.ptr, "abcde", 5);
	assert_int_equal(fl_http_stream_sendv(seen.stream, b, 3), FL_OK);
	peer_close(&p); /* nobody takes these */
	deliver();
	for (size_t i = 0; i < COUNT(b); i++) {
		assert_int_equal(atomic_load(&b[i]->refs), 1);
		fl_bytes_unref(b[i]);
	}
}

/* Made on the worker with its tools; meanwhile the most that it can be is pending. */
static void test_a_recipe_is_made_on_the_worker(void **state)
{
	(void)state;
	open_with(WINDOW);
	p.keep = 100;
	desk.tools = &desk;
	seen.pieces = 3;
	seen.most = 1000;
	const struct peer_call *c = peer_call(&p, "GET", "/made", SIZE_MAX, false, NULL);
	peer_run(&p);
	fl_mailbox_send(&from);
	fl_mailbox_receive(&from);
	assert_int_equal(seen.begun, FL_OK);
	assert_int_equal(fl_http_stream_pending(seen.stream), 1000);
	assert_int_equal(seen.made_freed, 0);
	send_chunk(seen.stream, 10, 0, FL_OK);
	run();
	assert_ptr_equal(seen.tools, &desk);
	assert_int_equal(seen.made_freed, 1);
	assert_int_equal(fl_http_stream_pending(seen.stream), 0);
	assert_int_equal(c->status, 200);
	assert_int_equal(c->body_len, 22);
	assert_memory_equal(c->body.ptr, "mademademade", 12);
	peer_close(&p);
	deliver();
	assert_int_equal(seen.gone, 1);
}

static void expect_lost(void)
{
	peer_call(&p, "GET", "/made", SIZE_MAX, false, NULL);
	run();
	assert_int_equal(seen.begun, FL_OK);
	assert_int_equal(seen.made_freed, 1);
	assert_int_equal(losses, 1);
	losses = 0;
	peer_close(&p);
}

static void test_a_recipe_that_fails_ends_the_connection(void **state)
{
	(void)state;
	open_with(WINDOW);
	seen.most = 1000;
	seen.made_err = FL_ERR_NOMEM;
	expect_lost();
}

static void test_a_recipe_keeps_to_its_most(void **state)
{
	(void)state;
	open_with(WINDOW);
	seen.pieces = 3;
	seen.most = 11;
	expect_lost();
}

static void test_a_recipe_for_nobody(void **state)
{
	(void)state;
	open_with(WINDOW);
	seen.most = 1000;
	const struct peer_call *c = peer_call(&p, "GET", "/made", SIZE_MAX, false, NULL);
	peer_run(&p);
	fl_mailbox_send(&from);
	fl_mailbox_receive(&from);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	run();
	assert_int_equal(seen.made_freed, 1);
	assert_int_equal(seen.gone, 1);
	peer_close(&p);
}

static void test_aborting_a_stream(void **state)
{
	(void)state;
	open_with(1000);
	const struct peer_call *c = peer_call(&p, "POST", "/stream", 10, false, NULL);
	run();
	send_chunk(seen.stream, 5000, 0, FL_OK);
	fl_http_abort(seen.stream);
	run();
	assert_true(c->closed);
	assert_int_equal(c->code, NGHTTP2_INTERNAL_ERROR);
	assert_int_equal(seen.gone, 0);
	peer_close(&p);
}

/* ---- the peer goes ---- */

static void test_gone_while_the_handler_thinks(void **state)
{
	(void)state;
	open_with(WINDOW);
	const struct peer_call *c = peer_call(&p, "POST", "/hold", 10, false, NULL);
	run();
	assert_int_equal(seen.held_count, 1);
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	run();
	assert_int_equal(seen.gone, 1);
	assert_true(fl_list_empty(&conn.passages));
	peer_close(&p);
}

/* The answer and the farewell cross each other: neither finds the other's end. */
static void test_a_late_answer_falls_on_the_floor(void **state)
{
	(void)state;
	open_with(WINDOW);
	const struct peer_call *c = peer_call(&p, "POST", "/hold", 10, false, NULL);
	run();
	nghttp2_submit_rst_stream(p.client, 0, c->id, NGHTTP2_CANCEL);
	peer_push(&p);
	fl_http_respond(seen.held[0], 200, "text/plain", fl_slice_str("too late"));
	run();
	assert_int_equal(seen.gone, 0);
	assert_int_equal(c->status, 0);
	assert_true(fl_list_empty(&link_.open));
	peer_close(&p);
}

static void test_the_connection_ends_at_home_first(void **state)
{
	(void)state;
	open_with(WINDOW);
	peer_call(&p, "POST", "/hold", 10, false, NULL);
	peer_call(&p, "POST", "/stream", 10, false, NULL);
	run();
	fl_pass_link_done(&link_);
	assert_int_equal(seen.gone, 2);
	peer_close(&p);
	deliver();
	assert_int_equal(seen.gone, 2);
}

/* ---- limits ---- */

static void test_waiting_requests_are_counted(void **state)
{
	(void)state;
	open_with(WINDOW);
	for (int i = 0; i < 5; i++) {
		peer_call(&p, "POST", "/big", BIG_MAX, false, NULL);
		peer_run(&p);
	}
	assert_true(desk.waiting > (size_t)5 * BIG_MAX);
	assert_true(fl_pass_is_full(&desk));
	run();
	assert_int_equal(seen.calls, 5);
	peer_close(&p);
}

int main(void)
{
	static const struct CMUnitTest fixed[] = {
#define T(fn) cmocka_unit_test_setup_teardown(fn, pass_set_up, pass_tear_down)
		T(test_abort),
		T(test_a_stream_is_accounted_for),
		T(test_a_stream_drains_and_ends),
		T(test_pieces_go_together_or_not),
		T(test_a_recipe_is_made_on_the_worker),
		T(test_a_recipe_that_fails_ends_the_connection),
		T(test_a_recipe_keeps_to_its_most),
		T(test_a_recipe_for_nobody),
		T(test_aborting_a_stream),
		T(test_gone_while_the_handler_thinks),
		T(test_a_late_answer_falls_on_the_floor),
		T(test_the_connection_ends_at_home_first),
		T(test_waiting_requests_are_counted),
	};
	struct CMUnitTest tests[COUNT(fixed) + COUNT(answers)];
	size_t n = COUNT(fixed);

	memcpy(tests, fixed, sizeof fixed);
	for (size_t i = 0; i < COUNT(answers); i++)
		tests[n++] = (struct CMUnitTest){ .name = answers[i].name,
						  .test_func = test_answer,
						  .setup_func = pass_set_up,
						  .teardown_func = pass_tear_down,
						  .initial_state = (void *)(uintptr_t)&answers[i] };
	return cmocka_run_group_tests_name("io/http_pass", tests, NULL, NULL);
}
