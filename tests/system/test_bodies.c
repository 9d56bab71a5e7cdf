/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_bodies.c - bodies inside Noise by strangers: too long, false, endless, unread.
 *
 * Whoever has a connection may send these without being known (H-035), so what they cost is
 * bounded: 1 MiB a body, and no memory for what nobody reads.
 */
#include "client.h"

#include <stdio.h>

enum { LIMIT = 1 << 20, GROWTH_MAX = 2 << 20 };

static struct sys sys;

static struct client *stranger(void)
{
	static struct client c;
	c = (struct client){ 0 };
	client_open(&c, &sys, NULL);
	return &c;
}

static const char *const posts[] = { "/machine/register", "/machine/map" };

/* A valid request of exactly `len` bytes: white space is free. */
static struct fl_buf padded(const struct node *n, bool is_map, size_t len)
{
	json_t *body = is_map ? node_map_body(n) : node_register_body(n, NULL);
	char *text = json_dumps(body, JSON_COMPACT);
	struct fl_buf b = fl_buf_make(2 * LIMIT);

	fl_buf_str(&b, text);
	while (b.len < len)
		fl_buf_byte(&b, ' ');
	free(text);
	json_decref(body);
	return b;
}

static struct {
	const char *name;
	bool is_map;
	size_t len;
	unsigned status;
} sizes[] = {
	{ "register of the limit less one", false, LIMIT - 1, 200 },
	{ "register of the limit", false, LIMIT, 200 },
	{ "register of one more", false, LIMIT + 1, 413 },
	{ "map of the limit less one", true, LIMIT - 1, 404 },
	{ "map of the limit", true, LIMIT, 404 },
	{ "map of one more", true, LIMIT + 1, 413 },
};

static void test_size(void **state)
{
	const struct {
		const char *name;
		bool is_map;
		size_t len;
		unsigned status;
	} *row = *state;
	struct node n;

	node_open(&n, &sys, "stranger");
	struct fl_buf b = padded(&n, row->is_map, row->len);
	struct call *k = client_call(&n.c, "POST", posts[row->is_map], fl_buf_slice(&b), NULL);
	call_wait(k);
	assert_int_equal(k->status, row->status);
	call_drop(k);
	fl_buf_done(&b);
	node_close(&n);
}

static void test_announced_length_over_the_limit(void **state)
{
	const char *const fields[] = { "content-length", "1048577", NULL };
	(void)state;

	for (size_t i = 0; i < COUNT(posts); i++) {
		struct client *c = stranger();
		struct call *k = client_call(c, "POST", posts[i], fl_slice_str("x"), fields);
		k->hold = true;
		call_wait(k);
		assert_int_equal(k->status, 413);
		client_close(c);
	}
}

/* HTTP/2 says where a body ends: less or more than announced is a broken stream, not a request. */
static void test_false_content_length(void **state)
{
	const char *const more[] = { "content-length", "100", NULL };
	const char *const less[] = { "content-length", "1", NULL };
	const char *const two[] = { "content-length", "2", "content-length", "3", NULL };
	const char *const *const fields[] = { more, less, two };
	(void)state;

	for (size_t i = 0; i < COUNT(fields); i++) {
		struct client *c = stranger();
		uint64_t registers = sys_stats(&sys).registers;
		struct call *k =
			client_call(c, "POST", "/machine/register", fl_slice_str("{}"), fields[i]);
		call_wait(k);
		assert_true(k->closed || k->status == 400);
		assert_int_equal(sys_stats(&sys).registers, registers);
		client_close(c);
	}
}

static size_t peak;

static bool note_peak(void *ctx)
{
	size_t live = sys_usage().live;

	if (live > peak)
		peak = live;
	return call_over(ctx);
}

/* What the server kept at most while `k` was sent, less what the test itself holds. */
static size_t growth(struct call *k, size_t before)
{
	peak = 0;
	assert_true(sys_until(&sys, note_peak, k));
	return peak > before ? peak - before : 0;
}

static void test_endless_body_is_cut_at_the_limit(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(posts); i++) {
		struct client *c = stranger();
		size_t before = sys_usage().live;
		struct call *k = client_call(c, "POST", posts[i], fl_slice_str("{"), NULL);
		k->filler = (uint64_t)1 << 30;
		/* The client's own queue towards the socket is up to 1 MiB of this. */
		size_t grown = growth(k, before);
		assert_int_equal(k->status, 413);
		if (grown > GROWTH_MAX + LIMIT)
			fail_msg("%zu bytes", grown);
		client_close(c);
	}
}

static void test_trickled_body_times_out(void **state)
{
	struct sys slow;
	struct client c = { 0 };
	(void)state;

	sys_start(&slow, true, NULL);
	client_open(&c, &slow, NULL);
	json_decref(call_json(client_call(&c, "GET", "/machine/whoami", fl_slice_of(NULL, 0), NULL),
			      200));
	struct call *k = client_call(&c, "POST", "/machine/register", fl_slice_str("{"), NULL);
	k->hold = true;
	call_wait(k);
	assert_int_equal(k->status, 408);
	client_close(&c);
	sys_stop(&slow);
}

/* Many bodies on one connection share 4 MiB. */
static void test_bodies_of_one_connection_are_bounded(void **state)
{
	struct call *calls[16];
	unsigned refused = 0;
	(void)state;

	struct client *c = stranger();
	struct fl_buf almost = fl_buf_make(LIMIT);
	while (almost.len < LIMIT - 1)
		fl_buf_byte(&almost, ' ');
	for (size_t i = 0; i < COUNT(calls); i++) {
		calls[i] = client_call(c, "POST", "/machine/register", fl_buf_slice(&almost), NULL);
		calls[i]->hold = true;
	}
	for (size_t i = 0; i < 100; i++)
		sys_turn(&sys, 10);
	for (size_t i = 0; i < COUNT(calls); i++)
		refused += call_over(calls[i]) != 0;
	assert_true(refused >= COUNT(calls) - 5);
	fl_buf_done(&almost);
	client_close(c);
}

/* ---- endpoints that do not read ---- */

static const struct {
	const char *method, *path;
	unsigned status;
} unread[] = {
	{ "POST", "/machine/set-dns", 501 },
	{ "POST", "/machine/id-token", 501 },
	{ "POST", "/machine/feature/query", 501 },
	{ "POST", "/machine/audit-log", 501 },
	{ "PATCH", "/machine/set-device-attr", 501 },
	{ "POST", "/machine/webclient/init/1/to/2", 501 },
	{ "GET", "/machine/tka/bootstrap", 501 },
	{ "POST", "/machine/c2n", 501 },
	{ "POST", "/machine/update-health", 204 },
	{ "GET", "/machine/whoami", 200 },
	{ "POST", "/machine/nothing/like/that", 501 },
	{ "POST", "/api/v1/user", 404 },
	{ "GET", "/health", 404 },
	{ "PUT", "/machine/register", 501 },
};

static void test_unread_gigabyte(void **state)
{
	const char *const fields[] = { "content-length", "1073741824", NULL };
	(void)state;

	for (size_t i = 0; i < COUNT(unread); i++) {
		struct client *c = stranger();
		size_t before = sys_usage().live;
		struct call *k =
			client_call(c, unread[i].method, unread[i].path, fl_slice_str(""), fields);
		k->filler = (uint64_t)1 << 30;
		size_t grown = growth(k, before);
		if (k->status != unread[i].status)
			fail_msg("%s %s: %u", unread[i].method, unread[i].path, k->status);
		/* One window of 1 MiB is all that leaves the client, even if it goes on. */
		for (unsigned turn = 0; turn < 50; turn++)
			sys_turn(&sys, 4);
		assert_true(((uint64_t)1 << 30) - k->filler <= (1 << 20) + 16384);
		if (grown > GROWTH_MAX + LIMIT)
			fail_msg("%s: %zu bytes", unread[i].path, grown);
		client_close(c);
	}
}

/* A body on the outer listener is not read either, and the connection is not used again. */
static void test_outer_bodies(void **state)
{
	static const struct {
		const char *request;
		unsigned status;
	} rows[] = {
		{ "POST /key?v=145 HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n",
		  405 },
		{ "GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n", 200 },
		{ "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 4097\r\n\r\n", 413 },
		{ "POST /api/v1/user HTTP/1.1\r\nHost: x\r\nContent-Length: 1048577\r\n\r\n", 401 },
		{ "POST /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n", 404 },
		{ "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", 400 },
		{ "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: "
		  "99999999999999999999\r\n\r\n",
		  400 },
		{ "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{]", 400 },
		{ "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 400 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		struct reply r = sys_http(&sys, rows[i].request, strlen(rows[i].request));
		if (r.status != rows[i].status)
			fail_msg("%s: %u", rows[i].request, r.status);
		reply_done(&r);
	}
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, sizes, test_size);
	suite_add(&suite, "announced length over the limit", test_announced_length_over_the_limit,
		  NULL);
	suite_add(&suite, "false content-length", test_false_content_length, NULL);
	suite_add(&suite, "endless body", test_endless_body_is_cut_at_the_limit, NULL);
	suite_add(&suite, "trickled body", test_trickled_body_times_out, NULL);
	suite_add(&suite, "many bodies", test_bodies_of_one_connection_are_bounded, NULL);
	suite_add(&suite, "gigabyte nobody reads", test_unread_gigabyte, NULL);
	suite_add(&suite, "outer bodies", test_outer_bodies, NULL);
	sys_start(&sys, false, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/bodies");
	sys_stop(&sys);
	return failed;
}
