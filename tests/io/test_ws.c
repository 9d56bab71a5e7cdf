/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_ws.c - WebSocket messages as a byte stream: frames as sent by hand, both roles.
 */
#include "net.h"
#include "ws_script.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { MESSAGE_MAX = 1000 };

static struct fl_loop *loop;
static struct net_server server;
static struct net_ear ear;
static unsigned fds_before;
static int fd;

static void say(const struct fl_buf *b)
{
	assert_int_equal(send(fd, b->ptr, b->len, 0), b->len);
}

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	memset(&ear, 0, sizeof ear);
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	fd = net_dial(&server.at);
	return net_until(loop, net_server_one, &server) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	close(fd);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static void wrap(struct fl_slice early)
{
	struct fl_stream *s;

	assert_int_equal(fl_ws_wrap(server.accepted[0], early, MESSAGE_MAX, false, &s), FL_OK);
	net_ear_own(&ear, s);
}

/* What came back, whole frames, until our end of the loop is quiet. */
static void assert_back(const void *want, size_t len)
{
	uint8_t back[512];

	for (size_t got = 0; got < len;) {
		net_for(loop, FL_MS);
		ssize_t n = recv(fd, back + got, sizeof back - got, MSG_DONTWAIT);
		assert_true(n > 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		assert_true(got <= len);
	}
	assert_memory_equal(back, want, len);
}

/* ---- what a peer may send ---- */

struct row {
	const char *name;
	const char *script; /* see ws_put_script */
	const char *got;
	int ends; /* 0: goes on, 1: with `end` */
	enum fl_err end;
	const char *back; /* frames we answer with */
	size_t back_len;
};

#define BACK(s) (s), sizeof(s) - 1

static struct row rows[] = {
	{ "one message", "B:abc", "abc", 0, FL_OK, BACK("") },
	{ "several messages", "B:abc B:def B:g", "abcdefg", 0, FL_OK, BACK("") },
	{ "an empty message", "B: B:x", "x", 0, FL_OK, BACK("") },
	{ "fragments", "b:ab c:cd C:ef B:g", "abcdefg", 0, FL_OK, BACK("") },
	{ "a ping between fragments", "b:ab P:hi C:cd", "abcd", 0, FL_OK, BACK("\x8a\x02hi") },
	{ "pings", "P: P:x B:y", "y", 0, FL_OK, BACK("\x8a\x00\x8a\x01x") },
	{ "an unasked pong", "p:zzz B:y", "y", 0, FL_OK, BACK("") },
	{ "close", "B:last X:\x03\xe8", "last", 1, FL_OK, BACK("\x88\x02\x03\xe8") },
	{ "close without a code", "X:", "", 1, FL_OK, BACK("\x88\x00") },
	{ "nothing counts after close", "X:\x03\xe8 B:late", "", 1, FL_OK,
	  BACK("\x88\x02\x03\xe8") },
	{ "close with a bad code", "X:\x01\x01", "", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xea") },
	{ "text", "B:ok T:text B:no", "ok", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xeb") },
	{ "a fragment of nothing", "C:ab", "", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xea") },
	{ "a message inside a message", "b:ab B:cd", "ab", 1, FL_ERR_PROTO,
	  BACK("\x88\x02\x03\xea") },
	{ "reserved bits", "R:ab", "", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xea") },
	{ "unknown opcode", "U:ab", "", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xea") },
	{ "no mask", "M:ab", "", 1, FL_ERR_PROTO, BACK("\x88\x02\x03\xea") },
};

static void check_row(const struct row *row)
{
	for (int i = 0;
	     i < 200 && (ear.got.len < strlen(row->got) || ear.ends < (unsigned)row->ends); i++)
		net_for(loop, FL_MS);
	assert_int_equal(ear.got.len, strlen(row->got));
	if (ear.got.len > 0)
		assert_memory_equal(ear.got.ptr, row->got, ear.got.len);
	assert_int_equal(ear.ends, row->ends);
	if (row->ends > 0 && ear.end != row->end)
		fail_msg("ended with %s", fl_err_text(ear.end));
	assert_back(row->back, row->back_len);
}

static void at_once(void **state)
{
	const struct row *row = *state;
	struct fl_buf b = fl_buf_make(4096);

	set_up(NULL);
	wrap(fl_slice_of(NULL, 0));
	ws_put_script(&b, row->script, true);
	say(&b);
	check_row(row);
	fl_buf_done(&b);
	assert_int_equal(tear_down(NULL), 0);
}

static void byte_by_byte(void **state)
{
	const struct row *row = *state;
	struct fl_buf b = fl_buf_make(4096);

	set_up(NULL);
	wrap(fl_slice_of(NULL, 0));
	ws_put_script(&b, row->script, true);
	for (size_t i = 0; i < b.len; i++) {
		assert_int_equal(send(fd, b.ptr + i, 1, 0), 1);
		fl_loop_poll(loop);
		fl_loop_poll(loop);
	}
	check_row(row);
	fl_buf_done(&b);
	assert_int_equal(tear_down(NULL), 0);
}

static void half_early(void **state)
{
	const struct row *row = *state;
	struct fl_buf b = fl_buf_make(4096);

	set_up(NULL);
	ws_put_script(&b, row->script, true);
	size_t half = b.len / 2;
	wrap(fl_slice_of(b.ptr, half));
	assert_int_equal(ear.datas, 0);
	assert_int_equal(send(fd, b.ptr + half, b.len - half, 0), b.len - half);
	check_row(row);
	fl_buf_done(&b);
	assert_int_equal(tear_down(NULL), 0);
}

/* ---- limits ---- */

static void the_message_limit(void **state)
{
	static const struct {
		size_t frames[3];
		bool taken;
	} lengths[] = {
		{ { MESSAGE_MAX - 1 }, true },        { { MESSAGE_MAX }, true },
		{ { MESSAGE_MAX + 1 }, false },       { { 600, 399 }, true },
		{ { 600, MESSAGE_MAX - 600 }, true }, { { 600, MESSAGE_MAX - 599 }, false },
		{ { 500, 500, 1 }, false },
	};
	static uint8_t bytes[MESSAGE_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT(lengths); i++) {
		struct fl_buf b = fl_buf_make(1 << 16);
		size_t sum = 0;
		assert_int_equal(set_up(NULL), 0);
		wrap(fl_slice_of(NULL, 0));
		for (size_t j = 0; j < 3 && (j == 0 || lengths[i].frames[j] > 0); j++) {
			bool last = j == 2 || lengths[i].frames[j + 1] == 0;
			sum += lengths[i].frames[j];
			ws_put_frame(&b, (uint8_t)((j == 0 ? 2 : 0) | (last ? 0x80 : 0)), bytes,
				     lengths[i].frames[j], true);
		}
		ws_put_frame(&b, 0x82, "!", 1, true);
		say(&b);
		for (int k = 0; k < 200 && ear.ends == 0 && ear.got.len < sum + 1; k++)
			net_for(loop, FL_MS);
		assert_int_equal(ear.ends, lengths[i].taken ? 0 : 1);
		if (lengths[i].taken)
			assert_int_equal(ear.got.len, sum + 1);
		else
			assert_back("\x88\x02\x03\xf1", 4);
		fl_buf_done(&b);
		assert_int_equal(tear_down(NULL), 0);
	}
}

/* ---- ends ---- */

static void an_end_without_close_is_a_cut(void **state)
{
	(void)state;
	wrap(fl_slice_of(NULL, 0));
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_CLOSED);
}

static void closing_with_a_code(void **state)
{
	int e;

	(void)state;
	wrap(fl_slice_of(NULL, 0));
	assert_null(fl_ws_close(ear.s, 1008));
	ear.s = NULL;
	assert_back("\x88\x02\x03\xf0", 4);
	net_for(loop, FL_MS);
	assert_int_equal(net_drain_fd(fd, &e), 0);
	assert_int_equal(e, 0);
}

static void closing_says_normal(void **state)
{
	(void)state;
	wrap(fl_slice_of(NULL, 0));
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("bye")), FL_OK);
	ear.s = fl_stream_close(ear.s, 0);
	assert_back("\x82\x03"
		    "bye\x88\x02\x03\xe8",
		    9);
}

static void closing_inside_on_data(void **state)
{
	struct fl_buf b = fl_buf_make(100);

	(void)state;
	ear.close_on_data = true;
	wrap(fl_slice_of(NULL, 0));
	ws_put_script(&b, "B:abc P:x B:def", true);
	say(&b);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	net_for(loop, FL_MS);
	assert_int_equal(ear.datas, 1);
	fl_buf_done(&b);
}

static void closing_inside_on_end(void **state)
{
	struct fl_buf b = fl_buf_make(100);

	(void)state;
	ear.close_on_end = true;
	wrap(fl_slice_of(NULL, 0));
	ws_put_script(&b, "X:", true);
	say(&b);
	assert_true(net_until(loop, net_ear_ended, &ear));
	net_for(loop, FL_MS);
	fl_buf_done(&b);
}

static void a_pause_holds_messages_and_close(void **state)
{
	struct fl_buf b = fl_buf_make(100);

	(void)state;
	ear.pause_on_data = true;
	wrap(fl_slice_of(NULL, 0));
	ws_put_script(&b, "B:abc X:", true);
	say(&b);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	net_for(loop, 2 * FL_MS);
	assert_int_equal(ear.ends, 0);
	fl_stream_pause(ear.s, false);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_OK);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("x")), FL_ERR_CLOSED);
	fl_buf_done(&b);
}

static void nothing_is_delivered_without_an_owner(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	struct fl_stream *s;

	(void)state;
	ws_put_script(&b, "B:abc", true);
	assert_int_equal(fl_ws_wrap(server.accepted[0], fl_buf_slice(&b), 100, false, &s), FL_OK);
	say(&b);
	net_for(loop, 2 * FL_MS);
	net_ear_own(&ear, s);
	for (int i = 0; i < 200 && ear.got.len < 6; i++)
		net_for(loop, FL_MS);
	assert_int_equal(ear.got.len, 6);
	fl_buf_done(&b);
}

struct passer {
	struct fl_stream *s;
};

static void pass_on(void *ctx, uint8_t *data, size_t len)
{
	struct passer *p = ctx;

	ear.s = p->s;
	ear.got = fl_buf_make(100);
	assert_int_equal(
		fl_stream_own(p->s, &net_ear_owner, &ear, fl_slice_skip(fl_slice_of(data, len), 1)),
		FL_OK);
}

static const struct fl_stream_owner passer_owner = { .on_data = pass_on };

static void handing_over_keeps_the_order(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	struct passer p;

	(void)state;
	assert_int_equal(fl_ws_wrap(server.accepted[0], fl_slice_of(NULL, 0), 100, false, &p.s),
			 FL_OK);
	assert_int_equal(fl_stream_own(p.s, &passer_owner, &p, fl_slice_of(NULL, 0)), FL_OK);
	ws_put_script(&b, "B:xab B:cd X:", true);
	say(&b);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.got.len, 4);
	assert_memory_equal(ear.got.ptr, "abcd", 4);
	fl_buf_done(&b);
}

static void messages_arrive_on_another_loop(void **state)
{
	struct fl_buf b = fl_buf_make(100);
	struct fl_stream_place place;
	struct fl_stream *s;
	struct fl_loop *there;

	(void)state;
	ws_put_script(&b, "B:abc", true);
	assert_int_equal(fl_ws_wrap(server.accepted[0], fl_buf_slice(&b), 100, false, &s), FL_OK);
	say(&b);
	fl_stream_detach(s, &place);
	assert_int_equal(fl_loop_new(&there), FL_OK);
	assert_int_equal(fl_stream_attach(s, there), FL_OK);
	net_ear_own(&ear, s);
	for (int i = 0; i < 200 && ear.got.len < 6; i++)
		net_for(there, FL_MS);
	assert_int_equal(ear.got.len, 6);
	net_ear_done(&ear);
	fl_loop_free(there);
	fl_stream_place_leave(&place);
	fl_buf_done(&b);
}

/* ---- both roles against each other ---- */

static struct fl_stream *dialed;

static void on_dialed(void *ctx, enum fl_err err, struct fl_stream *s)
{
	(void)ctx;
	assert_int_equal(err, FL_OK);
	dialed = s;
}

static bool both_here(void *ctx)
{
	(void)ctx;
	return dialed != NULL && server.count == 2;
}

static bool all_back(void *ctx)
{
	return ((struct net_ear *)ctx)->got.len >= 200000;
}

static void client_and_server_understand_each_other(void **state)
{
	struct net_ear far = { 0 };
	struct fl_connect *c;
	struct fl_stream *near_ws, *far_ws;
	uint8_t *bytes = malloc(200000);

	(void)state;
	assert_non_null(bytes);
	for (size_t i = 0; i < 200000; i++)
		bytes[i] = (uint8_t)(i * 31 + i / 255);
	fl_stream_close(server.accepted[0], 0);
	dialed = NULL;
	assert_int_equal(fl_tcp_connect(loop, &server.at, FL_SEC, on_dialed, NULL, &c), FL_OK);
	assert_true(net_until(loop, both_here, NULL));
	assert_int_equal(fl_ws_wrap(dialed, fl_slice_of(NULL, 0), 1 << 16, true, &far_ws), FL_OK);
	assert_int_equal(
		fl_ws_wrap(server.accepted[1], fl_slice_of(NULL, 0), 1 << 16, false, &near_ws),
		FL_OK);
	ear.echo = true;
	net_ear_own(&ear, near_ws);
	net_ear_own(&far, far_ws);
	static const size_t sizes[] = { 1, 125, 126, 127, 32768, 32769, 65535, 65536, 3013 };
	size_t at = 0;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		size_t n = i + 1 < COUNT(sizes) ? sizes[i] : 200000 - at;
		if (n > 200000 - at)
			n = 200000 - at;
		assert_int_equal(fl_stream_write(far_ws, fl_slice_of(bytes + at, n)), FL_OK);
		at += n;
	}
	assert_true(net_until(loop, all_back, &far));
	assert_int_equal(far.got.len, 200000);
	assert_memory_equal(far.got.ptr, bytes, 200000);
	assert_null(fl_ws_close(far.s, 1000));
	far.s = NULL;
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_OK);
	net_ear_done(&far);
	free(bytes);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	static const struct CMUnitTest more[] = {
		cmocka_unit_test(the_message_limit),
		T(an_end_without_close_is_a_cut),
		T(closing_with_a_code),
		T(closing_says_normal),
		T(closing_inside_on_data),
		T(closing_inside_on_end),
		T(a_pause_holds_messages_and_close),
		T(nothing_is_delivered_without_an_owner),
		T(handing_over_keeps_the_order),
		T(messages_arrive_on_another_loop),
		T(client_and_server_understand_each_other),
	};
	static const struct {
		const char *how;
		CMUnitTestFunction fn;
	} ways[] = { { "at once", at_once },
		     { "byte by byte", byte_by_byte },
		     { "half early", half_early } };
	struct CMUnitTest tests[COUNT(rows) * COUNT(ways) + COUNT(more)];
	static char names[COUNT(rows) * COUNT(ways)][64];
	size_t n = 0;

	net_warm_up();
	for (size_t i = 0; i < COUNT(rows); i++) {
		for (size_t j = 0; j < COUNT(ways); j++, n++) {
			snprintf(names[n], sizeof names[n], "%s, %s", rows[i].name, ways[j].how);
			tests[n] = (struct CMUnitTest){ .name = names[n],
							.test_func = ways[j].fn,
							.initial_state = &rows[i] };
		}
	}
	memcpy(tests + n, more, sizeof more);
	return cmocka_run_group_tests_name("io/ws", tests, NULL, NULL);
}
