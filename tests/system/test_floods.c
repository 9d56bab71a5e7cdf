/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_floods.c - too much of anything: headers, streams, resets, control frames,
 * strangers. The flooding connection ends; a witness on another one notices nothing.
 */
#include "client.h"

#include <stdio.h>
#include <unistd.h>

static struct sys sys;
static struct node witness;

static void expect_witness_is_fine(void)
{
	node_lite(&witness, NULL);
	assert_false(node_fold(&witness));
	struct reply r = sys_get(&sys, "/health");
	assert_int_equal(r.status, 200);
	reply_done(&r);
}

static void put_frame(struct fl_buf *b, uint8_t type, uint8_t flags, uint32_t stream,
		      const void *body, size_t len)
{
	fl_buf_be(b, len, 3);
	fl_buf_byte(b, type);
	fl_buf_byte(b, flags);
	fl_buf_be(b, stream, 4);
	fl_buf_put(b, body, len);
}

/* A request in HPACK's static and literal forms; `extra` are further encoded fields. */
static void put_request(struct fl_buf *b, uint32_t stream, uint8_t flags, struct fl_slice extra)
{
	static const uint8_t head[] = "\x82\x87\x04\x0f/machine/whoami\x41\x01x";
	struct fl_buf block = fl_buf_make(1 << 20);

	fl_buf_put(&block, head, sizeof head - 1);
	fl_buf_put(&block, extra.ptr, extra.len);
	put_frame(b, 1, flags, stream, block.ptr, block.len);
	fl_buf_done(&block);
}

static void ping_flood(struct fl_buf *b)
{
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 6, 0, 0, "12345678", 8);
}

static void settings_flood(struct fl_buf *b)
{
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 4, 0, 0, "", 0);
}

static void empty_data_flood(struct fl_buf *b)
{
	static const uint8_t post[] = "\x83\x87\x04\x11/machine/register\x41\x01x";

	put_frame(b, 1, 4, 1, post, sizeof post - 1);
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 0, 0, 1, "", 0);
}

static void priority_flood(struct fl_buf *b)
{
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 2, 0, 1 + 2 * (i % 1000), "\0\0\0\0\x10", 5);
}

static void window_flood(struct fl_buf *b)
{
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 8, 0, 0, "\0\0\0\x01", 4);
}

static void rapid_reset(struct fl_buf *b)
{
	for (uint32_t i = 0; i < 5000; i++) {
		put_request(b, 1 + 2 * i, 5, fl_slice_of(NULL, 0));
		put_frame(b, 3, 0, 1 + 2 * i, "\0\0\0\x08", 4);
	}
}

/* Made by the peer, not by us: a stream is opened and broken by a bad window at once. */
static void made_you_reset(struct fl_buf *b)
{
	for (uint32_t i = 0; i < 5000; i++) {
		put_request(b, 1 + 2 * i, 4, fl_slice_of(NULL, 0));
		put_frame(b, 8, 0, 1 + 2 * i, "\0\0\0\0", 4);
	}
}

static void continuation_flood(struct fl_buf *b)
{
	put_request(b, 1, 0, fl_slice_of(NULL, 0));
	for (unsigned i = 0; i < 5000; i++)
		put_frame(b, 9, 0, 1,
			  "\x00\x01"
			  "a\x01"
			  "b",
			  5);
}

static void empty_continuations(struct fl_buf *b)
{
	put_request(b, 1, 0, fl_slice_of(NULL, 0));
	for (unsigned i = 0; i < 20000; i++)
		put_frame(b, 9, 0, 1, "", 0);
}

/* One field of 4 KiB enters the table, then each byte names it again: a bomb. */
static void header_bomb(struct fl_buf *b)
{
	struct fl_buf extra = fl_buf_make(64 << 10);

	fl_buf_put(&extra,
		   "\x40\x01"
		   "a\x7f\x81\x1e",
		   6); /* indexed literal, a value of 4000 bytes */
	for (unsigned i = 0; i < 4000; i++)
		fl_buf_byte(&extra, 'v');
	for (unsigned i = 0; i < 12000; i++)
		fl_buf_byte(&extra, 0xbe); /* index 62 */
	put_request(b, 1, 5, fl_buf_slice(&extra));
	fl_buf_done(&extra);
}

static void oversized_frame(struct fl_buf *b)
{
	fl_buf_put(b, "\xff\xff\xff\x00\x00\x00\x00\x00\x01", 9);
}

static void unknown_stream_data(struct fl_buf *b)
{
	put_frame(b, 0, 0, 7, "x", 1);
}

static void even_stream(struct fl_buf *b)
{
	put_request(b, 2, 5, fl_slice_of(NULL, 0));
}

static void http1_inside(struct fl_buf *b)
{
	(void)b;
}

static struct {
	const char *name;
	void (*make)(struct fl_buf *b);
	bool raw; /* instead of the preface */
} floods[] = {
	{ "PING flood", ping_flood, false },
	{ "SETTINGS flood", settings_flood, false },
	{ "empty DATA flood", empty_data_flood, false },
	{ "PRIORITY flood", priority_flood, false },
	{ "WINDOW_UPDATE flood", window_flood, false },
	{ "rapid reset", rapid_reset, false },
	{ "resets the server is made to send", made_you_reset, false },
	{ "CONTINUATION flood", continuation_flood, false },
	{ "empty CONTINUATIONs", empty_continuations, false },
	{ "header bomb", header_bomb, false },
	{ "frame over the limit", oversized_frame, false },
	{ "DATA on an idle stream", unknown_stream_data, false },
	{ "even stream id", even_stream, false },
	{ "HTTP/1 inside", http1_inside, true },
};

static void test_flood(void **state)
{
	const struct {
		const char *name;
		void (*make)(struct fl_buf *b);
		bool raw;
	} *row = *state;
	struct fl_buf frames = fl_buf_make(16 << 20);
	struct client c = { 0 };

	client_open(&c, &sys, NULL);
	sys_turn(&sys, 4);
	size_t before = sys_usage().live;
	if (row->raw) {
		nghttp2_session_del(c.h2);
		c.h2 = NULL;
		fl_buf_str(&frames, "GET /machine/whoami HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	row->make(&frames);
	client_raw(&c, frames.ptr, frames.len);
	size_t own = frames.cap + c.out.cap;
	fl_buf_done(&frames);
	unsigned turns = 0;
	while (c.phase != CLIENT_OVER && turns++ < 4000) {
		c.deaf = true; /* one who floods does not read */
		sys_turn(&sys, 1);
		if (sys_usage().live > before + own + (6 << 20))
			fail_msg("%zu bytes", sys_usage().live - before - own);
		c.deaf = false;
		sys_turn(&sys, 1);
	}
	/* WINDOW_UPDATEs and priorities cost nothing: they may pass as well. */
	if (row->make != window_flood && row->make != priority_flood)
		assert_int_equal(c.phase, CLIENT_OVER);
	expect_witness_is_fine();
	client_close(&c);
}

/* The last allowed stream works; one who was told the limit and exceeds it is cut off. */
static void test_streams_at_the_limit(void **state)
{
	struct client c = { 0 };
	struct call *held[200];
	(void)state;

	client_open(&c, &sys, NULL);
	sys_turn(&sys, 8);
	assert_int_equal(
		nghttp2_session_get_remote_settings(c.h2, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS),
		200);
	for (size_t i = 0; i < COUNT(held); i++) {
		held[i] = client_call(&c, "POST", "/machine/register", fl_slice_str("{"), NULL);
		held[i]->hold = true;
	}
	struct fl_buf frame = fl_buf_make(4096);
	sys_turn(&sys, 50);
	for (size_t i = 0; i < COUNT(held); i++)
		assert_false(call_over(held[i]));
	put_request(&frame, 2 * COUNT(held) + 1, 5, fl_slice_of(NULL, 0));
	client_raw(&c, frame.ptr, frame.len);
	assert_true(sys_until(&sys, client_over, &c));
	assert_int_equal(c.goaway, NGHTTP2_PROTOCOL_ERROR);
	fl_buf_done(&frame);
	client_close(&c);
	expect_witness_is_fine();
}

static void test_outer_header_floods(void **state)
{
	struct fl_buf b = fl_buf_make(8 << 20);
	(void)state;

	fl_buf_str(&b, "GET /health HTTP/1.1\r\nHost: x\r\n");
	for (unsigned i = 0; i < 101; i++)
		fl_buf_printf(&b, "X-%u: a\r\n", i);
	fl_buf_str(&b, "\r\n");
	struct reply r = sys_http(&sys, b.ptr, b.len);
	assert_int_equal(r.status, 431);
	reply_done(&r);

	fl_buf_reset(&b);
	fl_buf_str(&b, "GET /health HTTP/1.1\r\nHost: x\r\nX-Long: ");
	for (unsigned i = 0; i < (4 << 20); i++)
		fl_buf_byte(&b, 'a');
	r = sys_http(&sys, b.ptr, b.len);
	assert_true(r.status == 431 || r.status == 0);
	reply_done(&r);
	fl_buf_done(&b);
	expect_witness_is_fine();
}

/* ---- strangers ---- */

enum { STRANGERS = 2000, TABLE = 64 };

static void test_two_thousand_strangers(void **state)
{
	struct sys small;
	struct sys_usage filled = { 0 };
	struct node honest;
	(void)state;

	sys_start(&small, false, "tuning:\n  register_cache_max_entries: 64\n");
	char *key = api_key(&small, api_user(&small, "ada"), NULL);
	for (unsigned i = 0; i < STRANGERS; i++) {
		struct node n;
		char name[32];
		snprintf(name, sizeof name, "stranger-%u", i);
		node_open(&n, &small, name);
		json_t *answer = node_register(&n, NULL);
		assert_int_equal(strncmp(text_at(answer, "AuthURL"),
					 "http://127.0.0.1:8080/register/hskey-authreq-", 45),
				 0);
		json_decref(answer);
		node_close(&n);
		sys_turn(&small, 2);
		assert_true(sys_stats(&small).pending <= TABLE);
		if (i == 2 * TABLE)
			filled = sys_usage();
	}
	sys_turn(&small, 8);
	assert_int_equal(sys_stats(&small).pending, TABLE);
	struct sys_usage after = sys_usage();
	assert_int_equal(after.fds, filled.fds);
	if (after.live > filled.live + (128 << 10))
		fail_msg("%zu bytes more than with a full table", after.live - filled.live);
	node_open(&honest, &small, "honest");
	node_join(&honest, key);
	node_poll(&honest);
	node_close(&honest);
	free(key);
	sys_stop(&small);
}

/* One machine that asks again and again keeps one record. */
static void test_one_stranger_many_times(void **state)
{
	struct node n;
	char url[256] = "";
	(void)state;

	node_open(&n, &sys, "again");
	size_t before = sys_stats(&sys).pending;
	for (unsigned i = 0; i < 100; i++) {
		json_t *answer = node_register(&n, NULL);
		if (i > 0)
			assert_string_equal(url, text_at(answer, "AuthURL"));
		snprintf(url, sizeof url, "%s", text_at(answer, "AuthURL"));
		json_decref(answer);
	}
	assert_int_equal(sys_stats(&sys).pending, before + 1);
	node_close(&n);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, floods, test_flood);
	suite_add(&suite, "streams at the limit", test_streams_at_the_limit, NULL);
	suite_add(&suite, "outer header floods", test_outer_header_floods, NULL);
	suite_add(&suite, "one stranger many times", test_one_stranger_many_times, NULL);
	suite_add(&suite, "two thousand strangers", test_two_thousand_strangers, NULL);
	sys_start(&sys, false, NULL);
	char *key = api_key(&sys, api_user(&sys, "witness"), NULL);
	node_open(&witness, &sys, "witness");
	node_join(&witness, key);
	node_poll(&witness);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/floods");
	node_close(&witness);
	free(key);
	sys_stop(&sys);
	return failed;
}
