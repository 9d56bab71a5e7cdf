/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_http1_conn.c - HTTP/1: slow clients, pipelines, streams and upgrades. */
#include "http1_rig.h"

#include "base/text.h"
#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- time ---- */

#define LONG (60 * FL_SEC)
static const struct fl_http_limits quick = { 20 * FL_MS, 20 * FL_MS, 20 * FL_MS, 0, 0 };
static const struct fl_http_limits quick_head = { 20 * FL_MS, LONG, LONG, 0, 0 };
static const struct fl_http_limits quick_body = { LONG, 20 * FL_MS, LONG, 0, 0 };
static const struct fl_http_limits quick_idle = { LONG, LONG, 20 * FL_MS, 0, 0 };

static struct slow_row {
	const char *name, *request, *want;
	const struct fl_http_limits *limits;
} slow_rows[] = {
	{ "silent client", "", "", &quick_head },
	{ "slow head", "GET /hel", "408 ", &quick_head },
	{ "slow body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nab", "408 ",
	  &quick_body },
	{ "idle after an answer", OK_AFTER, "200 ", &quick_idle },
	{ "slow second head", OK_AFTER "GET", "200 408 ", &quick_head },
};

static void slow_row(void **state)
{
	const struct slow_row *r = *state;
	char have[32];

	open_client(r->limits);
	push_str(r->request);
	assert_true(wait_for(is_ended));
	statuses(have, sizeof have);
	assert_string_equal(have, r->want);
}

static void working_handler_is_not_timed(void **state)
{
	(void)state;
	open_client(&quick);
	push_str(GET11("/hold", ""));
	fl_time until = fl_loop_now(loop) + 60 * FL_MS;
	while (fl_loop_now(loop) < until)
		run();
	assert_false(ended);
	assert_int_equal(seen.gone, 0);
	fl_http_respond(seen.held, 200, NULL, fl_slice_of(NULL, 0));
	run();
	assert_non_null(strstr(text(), "HTTP/1.1 200 OK"));
}

static void trickle_does_not_extend_the_head(void **state)
{
	(void)state;
	open_client(&quick);
	push_str("GET /hello HTTP/1.1\r\nX-A: ");
	fl_time until = fl_loop_now(loop) + 5 * FL_SEC;
	while (!ended && fl_loop_now(loop) < until) {
		push_str("a");
		run();
	}
	assert_non_null(strstr(text(), "HTTP/1.1 408 "));
}

/* ---- one at a time ---- */

static void pipeline_waits_for_the_handler(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/hold", "") OK_AFTER GET11("/hold", ""));
	run();
	assert_int_equal(seen.calls, 1);
	assert_int_equal(got.len, 0);
	fl_http_respond(seen.held, 200, NULL, fl_slice_str("first"));
	assert_int_equal(seen.calls, 1); /* not inside the call */
	run();
	assert_int_equal(seen.calls, 3);
	const char *first = strstr(text(), "first");
	assert_non_null(first);
	assert_non_null(strstr(first, "hello"));
	fl_http_respond(seen.held, 200, NULL, fl_slice_str("third"));
	run();
	assert_non_null(strstr(text(), "third"));
}

/* What is sent while a handler works is kept to a bound; the rest stays in the socket. */
static void reading_ahead_is_limited(void **state)
{
	static char junk[8 << 20];
	size_t sent = 0;

	(void)state;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	for (int stuck = 0; sent < sizeof junk && stuck < 100; stuck++) {
		ssize_t n = send(fd, junk + sent, sizeof junk - sent, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			stuck = 0;
		}
		fl_loop_poll(loop);
	}
	assert_true(sent < sizeof junk);
	fl_http_respond(seen.held, 200, NULL, fl_slice_of(NULL, 0));
	run();
	assert_non_null(strstr(text(), "HTTP/1.1 200 OK"));
	assert_non_null(strstr(text(), "HTTP/1.1 400 ")); /* and then the junk is judged */
}

/* ---- the client goes ---- */

static void client_gone_is_told(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	close_client();
	run();
	assert_int_equal(seen.gone, 1);
	assert_int_equal(group.count, 0);
}

static void half_close_is_still_answered(void **state)
{
	(void)state;
	seen.want_gone = false;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	shutdown(fd, SHUT_WR);
	run();
	assert_int_equal(group.count, 1);
	fl_http_respond(seen.held, 200, NULL, fl_slice_str("late"));
	assert_true(wait_for(is_ended));
	assert_non_null(strstr(text(), "Connection: close"));
	assert_non_null(strstr(text(), "late"));
}

static void group_close_tells_handlers(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	fl_http_group_close(&group);
	assert_int_equal(seen.gone, 1);
	assert_int_equal(group.count, 0);
	assert_true(wait_for(is_ended));
}

/* A service that stops because one of its clients has gone. */
static void group_close_inside_a_farewell(void **state)
{
	(void)state;
	seen.close_group = true;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	assert_int_equal(group.count, 1);
	close_client();
	assert_int_equal(seen.gone, 1);
	assert_int_equal(group.count, 0);
}

/* ---- streams ---- */

static enum fl_err send_text(const char *s, size_t len)
{
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(s, len));
	enum fl_err err = fl_http_stream_send(seen.held, b);

	fl_bytes_unref(b);
	return err;
}

static void stream_is_chunked(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/stream", "") OK_AFTER);
	run();
	assert_non_null(strstr(text(), "Transfer-Encoding: chunked\r\n"));
	assert_int_equal(send_text("abc", 3), FL_OK);
	run();
	assert_non_null(strstr(text(), "\r\n\r\n3\r\nabc\r\n"));
	assert_int_equal(send_text("", 0), FL_OK); /* must not look like the end */
	assert_int_equal(send_text("0123456789", 10), FL_OK);
	run();
	assert_non_null(strstr(text(), "\r\na\r\n0123456789\r\n"));
	assert_null(strstr(text(), "hello"));
	fl_http_stream_end(seen.held);
	run();
	assert_non_null(strstr(text(), "\r\n0\r\n\r\nHTTP/1.1 200 OK"));
	assert_non_null(strstr(text(), "hello"));
	assert_true(seen.drains >= 2);
	assert_int_equal(seen.gone, 0);
}

static void head_of_a_stream_has_no_body(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("HEAD /stream HTTP/1.1\r\n" H "\r\n" OK_AFTER);
	run();
	struct fl_bytes *b = fl_bytes_new(fl_slice_str("abc"));
	assert_int_equal(fl_http_stream_send(seen.held, b), FL_OK);
	fl_bytes_unref(b);
	fl_http_stream_end(seen.held);
	run();
	const char *end = strstr(text(), "\r\n\r\n");
	assert_non_null(end);
	assert_memory_equal(end + 4, "HTTP/1.1 200 OK", 15);
}

static void old_stream_ends_by_closing(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
	run();
	assert_int_equal(send_text("abc", 3), FL_OK);
	fl_http_stream_end(seen.held);
	assert_true(wait_for(is_ended));
	assert_non_null(strstr(text(), "Connection: close\r\n\r\nabc"));
	assert_null(strstr(text(), "chunked"));
}

static void slow_reader_holds_the_queue(void **state)
{
	static char data[100000];
	size_t queued = 0;

	(void)state;
	memset(data, 'd', sizeof data);
	open_client(NULL);
	push_str(GET11("/stream", ""));
	fl_loop_poll(loop);
	run();
	fl_http_stream_limit(seen.held, 1 << 20);
	while (send_text(data, sizeof data) == FL_OK) {
		queued += sizeof data;
		for (int i = 0; i < 3; i++)
			fl_loop_poll(loop); /* the client does not read */
	}
	assert_true(queued > 1 << 20);
	assert_int_equal(send_text(data, sizeof data), FL_ERR_FULL);
	assert_true(fl_http_stream_pending(seen.held) <= 1 << 20);
	seen.end_on_drain = true;
	unsigned before = seen.drains;
	run();
	run();
	assert_int_equal(seen.drains, before + 1);
	const char *end = text() + got.len - 7;
	assert_string_equal(end, "\r\n0\r\n\r\n");
}

static bool whole_body(void)
{
	const char *body = strstr(text(), "\r\n\r\n");
	return body != NULL && got.len - (size_t)(body + 4 - text()) == 5 << 20;
}

static void large_answer(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/big", ""));
	assert_true(wait_for(whole_body));
	push_str(OK_AFTER);
	run();
	assert_non_null(strstr(text() + got.len - 10, "hello"));
}

static void abort_cuts_the_answer(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/stream", ""));
	run();
	assert_int_equal(send_text("abc", 3), FL_OK);
	run();
	fl_http_abort(seen.held);
	assert_true(wait_for(is_ended));
	assert_null(strstr(text(), "\r\n0\r\n"));
	assert_int_equal(seen.gone, 0);
	close_client();
	open_client(NULL);
	push_str(GET11("/abort", ""));
	assert_true(wait_for(is_ended));
	assert_int_equal(got.len, 0);
}

/* ---- upgrades ---- */

static void upgrade_gives_the_stream(void **state)
{
	(void)state;
	memset(&ear, 0, sizeof ear);
	ear.got = fl_buf_make(1 << 16);
	open_client(NULL);
	push_str("POST /up HTTP/1.1\r\n" H "Upgrade: x\r\nConnection: upgrade\r\n"
		 "Content-Length: 0\r\n\r\nGET /hello HTTP/1.1\r\n\r\n");
	run();
	assert_int_equal(seen.upgrade_err, FL_OK);
	assert_int_equal(group.count, 0);
	push_str("more");
	run();
	assert_int_equal(ear.got.len, 27);
	assert_memory_equal(ear.got.ptr, "GET /hello HTTP/1.1\r\n\r\nmore", 27);
	assert_int_equal(seen.calls, 1);
	net_ear_done(&ear);
}

static void upgrade_with_a_body_is_refused(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("POST /up HTTP/1.1\r\n" H "Upgrade: x\r\nConnection: upgrade\r\n"
		 "Content-Length: 2\r\n\r\nab");
	run();
	assert_int_equal(seen.upgrade_err, FL_ERR_STATE);
	assert_non_null(strstr(text(), "HTTP/1.1 400 "));
	close_client();
	open_client(NULL);
	push_str("POST /up HTTP/1.1\r\n" H "Upgrade: x\r\nConnection: upgrade\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
	run();
	assert_int_equal(seen.upgrade_err, FL_ERR_STATE);
}

#define WS_KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define WS_UP  "Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
#define WS_13  "Sec-WebSocket-Version: 13\r\n"
#define WS_P   "Sec-WebSocket-Protocol: chat, derp\r\n"

static struct ws_row {
	const char *name, *request, *want, *field;
} ws_rows[] = {
	{ "WebSocket", GET11("/ws", WS_UP WS_KEY WS_13 WS_P), "101 ",
	  "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" },
	{ "WebSocket subprotocol", GET11("/ws", WS_UP WS_KEY WS_13 WS_P), "101 ",
	  "Sec-WebSocket-Protocol: derp\r\n" },
	{ "WebSocket, no extension agreed to",
	  GET11("/ws", WS_UP WS_KEY WS_13 WS_P "Sec-WebSocket-Extensions: permessage-deflate\r\n"),
	  "101 ", "Upgrade: websocket\r\n" },
	{ "WebSocket without upgrade", GET11("/ws", WS_KEY WS_13 WS_P), "426 ",
	  "Upgrade: websocket\r\n" },
	{ "WebSocket without connection", GET11("/ws", "Upgrade: websocket\r\n" WS_KEY WS_13 WS_P),
	  "426 ", "" },
	{ "WebSocket, other upgrade",
	  GET11("/ws", "Upgrade: derp\r\nConnection: Upgrade\r\n" WS_KEY WS_13 WS_P), "426 ", "" },
	{ "WebSocket, other version",
	  GET11("/ws", WS_UP WS_KEY WS_P "Sec-WebSocket-Version: 8\r\n"), "426 ",
	  "Sec-WebSocket-Version: 13\r\n" },
	{ "WebSocket, no version", GET11("/ws", WS_UP WS_KEY WS_P), "426 ", "" },
	{ "WebSocket, no key", GET11("/ws", WS_UP WS_13 WS_P), "400 ", "" },
	{ "WebSocket, two keys", GET11("/ws", WS_UP WS_KEY WS_KEY WS_13 WS_P), "400 ", "" },
	{ "WebSocket, short key", GET11("/ws", WS_UP WS_13 WS_P "Sec-WebSocket-Key: c2hvcnQ=\r\n"),
	  "400 ", "" },
	{ "WebSocket, long key",
	  GET11("/ws", WS_UP WS_13 WS_P "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAAA=\r\n"), "400 ",
	  "" },
	{ "WebSocket, key not base64", GET11("/ws", WS_UP WS_13 WS_P "Sec-WebSocket-Key: ....\r\n"),
	  "400 ", "" },
	{ "WebSocket, no subprotocol", GET11("/ws", WS_UP WS_KEY WS_13), "400 ", "" },
	{ "WebSocket, other subprotocol",
	  GET11("/ws", WS_UP WS_KEY WS_13 "Sec-WebSocket-Protocol: derp2\r\n"), "400 ", "" },
};

static void ws_row(void **state)
{
	const struct ws_row *r = *state;
	char have[16];

	open_client(NULL);
	push_str(r->request);
	run();
	statuses(have, sizeof have);
	assert_string_equal(have, r->want);
	assert_non_null(strstr(text(), r->field));
	assert_null(strstr(text(), "Extensions"));
	assert_int_equal(seen.upgrade_err == FL_OK, r->want[0] == '1');
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(working_handler_is_not_timed),
		T(trickle_does_not_extend_the_head),
		T(pipeline_waits_for_the_handler),
		T(reading_ahead_is_limited),
		T(client_gone_is_told),
		T(half_close_is_still_answered),
		T(group_close_tells_handlers),
		T(group_close_inside_a_farewell),
		T(head_of_a_stream_has_no_body),
		T(stream_is_chunked),
		T(old_stream_ends_by_closing),
		T(slow_reader_holds_the_queue),
		T(large_answer),
		T(abort_cuts_the_answer),
		T(upgrade_gives_the_stream),
		T(upgrade_with_a_body_is_refused),
	};
	static struct CMUnitTest tests[COUNT(slow_rows) + COUNT(ws_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(slow_rows); i++)
		tests[n++] = (struct CMUnitTest){ slow_rows[i].name, slow_row, set_up, tear_down,
						  &slow_rows[i] };
	for (size_t i = 0; i < COUNT(ws_rows); i++)
		tests[n++] = (struct CMUnitTest){ ws_rows[i].name, ws_row, set_up, tear_down,
						  &ws_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	if (fl_crypto_init() != FL_OK)
		return 1;
	return _cmocka_run_group_tests("io/http1_conn", tests, n, NULL, NULL);
}
