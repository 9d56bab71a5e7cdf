/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_h2_hostile.c - HTTP/2 peers that are slow, silent or hostile. */
#include "h2_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- time ---- */

static fl_time seen_at;

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

static bool second_answered(void)
{
	return p.calls[1].closed;
}

/* No window, no end: an answer that nobody takes must not hold the connection. */
static void an_answer_without_a_window_is_reset(void **state)
{
	const struct fl_http_limits limits = {
		.body_timeout = 20 * FL_MS,
		.idle_timeout = 20 * FL_MS,
		.conn_body_max = 1 << 20,
		.streams_max = 100,
	};

	(void)state;
	peer_open(&p, loop, &router, &limits, 3, true);
	p.no_window_updates = true;
	struct peer_call *c = peer_call(&p, "GET", "/hello", SIZE_MAX, false, NULL);
	struct peer_call *d = peer_call(&p, "GET", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	send_chunk(seen.stream, 100, 0, FL_OK);
	assert_true(loop_until(call_answered));
	assert_int_equal(c->status, 200);
	assert_int_equal(c->body_len, 3);
	assert_int_equal(c->code, NGHTTP2_CANCEL);
	assert_false(d->closed); /* its handler watches it */
	assert_int_equal(seen.gone, 0);
	fl_http_stream_end(seen.stream);
	assert_true(loop_until(second_answered));
	assert_int_equal(d->code, NGHTTP2_CANCEL);
	assert_true(loop_until(peer_ended));
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	assert_int_equal(seen.gone, 0);
	peer_close(&p);
}

static const struct fl_http_limits hasty = {
	.body_timeout = 20 * FL_MS,
	.conn_body_max = 1 << 20,
	.streams_max = 100,
};

static bool three_times_over(void)
{
	return fl_loop_now(loop) - seen_at > 3 * hasty.body_timeout;
}

/* The reset cannot reach a peer that takes nothing; nor may it hold the connection. */
static void what_cannot_be_reset_ends_all(void (*give_up)(struct fl_http *x))
{
	peer_open(&p, loop, &router, &hasty, WINDOW, true);
	peer_call(&p, "GET", "/stream", SIZE_MAX, false, NULL);
	peer_run(&p);
	p.room = 0;
	send_chunk(seen.stream, 100, 0, FL_OK);
	seen_at = fl_loop_now(loop);
	assert_true(loop_until(three_times_over));
	assert_int_equal(p.ends, 0); /* its handler watches it */
	give_up(seen.stream);
	assert_true(loop_until(peer_ended));
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	peer_close(&p);
}

static void an_abort_is_not_in_vain(void **state)
{
	(void)state;
	what_cannot_be_reset_ends_all(fl_http_abort);
}

static void an_answer_that_is_not_taken_ends(void **state)
{
	(void)state;
	what_cannot_be_reset_ends_all(fl_http_stream_end);
}

static void an_end_without_a_body_is_not_in_vain(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, &hasty, WINDOW, true);
	peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_run(&p);
	p.room = 0;
	nghttp2_submit_ping(p.client, 0, NULL);
	peer_run(&p);
	fl_http_respond(seen.held[0], 204, NULL, fl_slice_of(NULL, 0));
	assert_true(loop_until(peer_ended));
	assert_int_equal(p.ended, FL_ERR_TIMEOUT);
	peer_close(&p);
}

/* It takes something now and then: then the reset comes through. */
static void a_reset_has_time(void **state)
{
	(void)state;
	peer_open(&p, loop, &router, &hasty, WINDOW, true);
	struct peer_call *c = peer_call(&p, "GET", "/stream", SIZE_MAX, false, NULL);
	struct peer_call *d = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
	peer_run(&p);
	p.room = 0;
	fl_http_abort(seen.stream);
	peer_run(&p);
	assert_false(c->closed);
	p.room = SIZE_MAX;
	assert_int_equal(fl_h2_resume(p.server), FL_OK);
	peer_run(&p);
	assert_true(c->closed);
	p.room = 0;
	seen_at = fl_loop_now(loop);
	assert_true(loop_until(three_times_over));
	assert_int_equal(p.ends, 0);
	assert_false(d->closed);
	peer_close(&p);
}

/* ---- hostile peers ---- */

static void reset_until_stopped(uint32_t code)
{
	open_peer(NULL);
	unsigned sent = 0;
	for (; sent < 3000 && p.server_err == FL_OK; sent++) {
		struct peer_call *c = peer_call(&p, "POST", "/hold", SIZE_MAX, false, NULL);
		peer_push(&p);
		nghttp2_submit_rst_stream(p.client, 0, c->id, code);
		peer_push(&p);
	}
	assert_true(sent > 900 && sent <= 1001);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
	peer_pull(&p);
	assert_int_equal(p.goaway, NGHTTP2_ENHANCE_YOUR_CALM);
	peer_close(&p);
}

static void rapid_reset_is_stopped(void **state)
{
	(void)state;
	reset_until_stopped(NGHTTP2_CANCEL);
}

/* The same without calling it an error. */
static void polite_rapid_reset_is_stopped(void **state)
{
	(void)state;
	reset_until_stopped(NGHTTP2_NO_ERROR);
}

/* Streams over the limit are refused one by one while the client has not acknowledged it. */
static void streams_over_the_limit_are_no_flood(void **state)
{
	static const uint8_t hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	uint8_t headers[] = { 0, 0, 12,  1, 5, 0,   0,   0,   0,   0x83, 0x87,
			      1, 1, 'x', 4, 5, '/', 'h', 'o', 'l', 'd' };
	const struct fl_http_limits limits = { .conn_body_max = 1 << 20, .streams_max = 1 };
	unsigned sent = 0;

	(void)state;
	peer_open(&p, loop, &router, &limits, WINDOW, false);
	p.room = 0; /* and it reads no answer */
	peer_raw(&p, hello, sizeof hello - 1);
	for (; sent < 5000 && p.server_err == FL_OK; sent++) {
		uint32_t id = 2 * sent + 1;
		headers[7] = (uint8_t)(id >> 8);
		headers[8] = (uint8_t)id;
		peer_raw(&p, headers, sizeof headers);
	}
	assert_int_equal(seen.calls, 1);
	assert_true(sent <= 1002);
	assert_int_equal(p.server_err, FL_ERR_PROTO);
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
		T(slow_body_is_refused),
		T(silent_client_ends),
		T(open_header_block_ends),
		T(idle_connection_ends),
		T(an_answer_without_a_window_is_reset),
		T(an_abort_is_not_in_vain),
		T(an_answer_that_is_not_taken_ends),
		T(an_end_without_a_body_is_not_in_vain),
		T(a_reset_has_time),
		T(rapid_reset_is_stopped),
		T(polite_rapid_reset_is_stopped),
		T(streams_over_the_limit_are_no_flood),
		T(empty_data_flood),
		T(continuation_flood),
		T(header_bomb),
		T(bad_preface),
		T(oversized_frame),
		T(false_content_length),
	};
	static struct CMUnitTest tests[COUNT(flood_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(flood_rows); i++)
		tests[n++] = (struct CMUnitTest){ flood_rows[i].name, flood_row, set_up, tear_down,
						  &flood_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/h2_hostile", tests, n, NULL, NULL);
}
