/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_slow.c - clients that begin and do not go on, on each layer; time is the
 * subject, so the server runs with debug.short_timers (2 s, bodies 3 s).
 */
#include "client.h"

#include "io/net.h"
#include <sys/socket.h>

#include <stdio.h>
#include <unistd.h>

static struct sys sys;

/* Each opens a connection that then stays as it is. */
static int silent(void)
{
	return sys_dial(&sys);
}

static int begun(const char *bytes, size_t len)
{
	int fd = sys_dial(&sys);
	sys_send(&sys, fd, bytes, len);
	return fd;
}

static int half_hello(void)
{
	return begun("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
}

static int half_head(void)
{
	return begun("GET /key?v=145 HTTP/1.1\r\nHost: x\r\nX-A", 38);
}

static int half_line(void)
{
	return begun("P", 1);
}

static int half_body(void)
{
	static const char text[] =
		"POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{";
	return begun(text, sizeof text - 1);
}

static struct {
	const char *name;
	int (*open)(void);
} outer[] = {
	{ "no first byte", silent },       { "half of a TLS hello", half_hello },
	{ "one byte of HTTP", half_line }, { "half of a head", half_head },
	{ "half of a body", half_body },
};

static void test_outer(void **state)
{
	const struct {
		const char *name;
		int (*open)(void);
	} *row = *state;

	int fd = row->open();
	struct reply honest = sys_get(&sys, "/health");
	assert_int_equal(honest.status, 200);
	reply_done(&honest);
	assert_true(sys_closes(&sys, fd));
	close(fd);
}

/* A byte now and then does not extend the time: it counts from the first. */
static void test_trickled_head(void **state)
{
	static const char head[] =
		"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaa";
	int fd = sys_dial(&sys);
	fl_time began = fl_loop_now(sys.loop);
	(void)state;

	for (size_t i = 0; i < sizeof head - 1; i++) {
		char mem[512];
		sys_send(&sys, fd, &head[i], 1);
		sys_for(&sys, 100 * FL_MS);
		if (read(fd, mem, sizeof mem) >= 0)
			break;
	}
	assert_true(fl_loop_now(sys.loop) - began < 4 * FL_SEC);
	assert_true(sys_closes(&sys, fd));
	close(fd);
}

/* ---- inside Noise ---- */

static void nothing(struct client *c)
{
	nghttp2_session_del(c->h2); /* not even the preface */
	c->h2 = NULL;
}

static void preface_only(struct client *c)
{
	nothing(c);
	client_raw(c, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN);
}

static void half_record(struct client *c)
{
	nothing(c);
	fl_buf_put(&c->out, "\x04\x01\x00xx", 5);
}

static void settings_only(struct client *c)
{
	(void)c;
}

static void half_headers(struct client *c)
{
	static const uint8_t frame[] = { 0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82 }; /* no END_HEADERS */

	sys_turn(&sys, 4);
	client_raw(c, frame, sizeof frame);
}

static void half_register(struct client *c)
{
	client_call(c, "POST", "/machine/register", fl_slice_str("{"), NULL)->hold = true;
}

static struct {
	const char *name;
	void (*act)(struct client *c);
} inner[] = {
	{ "noise, then nothing", nothing },
	{ "noise, then half of a record", half_record },
	{ "noise, then the preface", preface_only },
	{ "noise, then settings only", settings_only },
	{ "noise, then half of the headers", half_headers },
	{ "noise, then half of a body", half_register },
};

static bool is_alone(void *ctx)
{
	(void)ctx;
	return sys_stats(&sys).connections == 0;
}

static void test_inner(void **state)
{
	const struct {
		const char *name;
		void (*act)(struct client *c);
	} *row = *state;
	struct client c = { 0 };

	client_dial(&c, &sys, NULL, 145);
	while (c.phase < CLIENT_OPEN)
		sys_turn(&sys, 1);
	row->act(&c);
	assert_true(sys_until(&sys, client_over, &c));
	assert_true(sys_until(&sys, is_alone, NULL));
	client_close(&c);
}

/* One that was a client once gets no more time for later requests. */
static void test_half_headers_after_a_request(void **state)
{
	struct client c = { 0 };
	static const uint8_t frame[] = { 0, 0, 1, 1, 0, 0, 0, 0, 3, 0x82 };
	(void)state;

	client_open(&c, &sys, NULL);
	json_decref(call_json(client_call(&c, "GET", "/machine/whoami", fl_slice_of(NULL, 0), NULL),
			      200));
	client_raw(&c, frame, sizeof frame);
	client_move(&c);
	c.deaf = true; /* and says no more, so that only time can end it */
	assert_true(sys_until(&sys, is_alone, NULL));
	client_close(&c);
}

/* ---- who reads nothing ---- */

static void test_answers_nobody_reads(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fl_buf many = fl_buf_make(16 << 20);
	int fd = sys_dial(&sys);
	(void)state;

	for (size_t i = 0; i < 20000; i++)
		fl_buf_put(&many, get, sizeof get - 1);
	size_t before = sys_usage().live;
	for (size_t sent = 0, stuck = 0; sent < many.len && stuck < 200; stuck++) {
		ssize_t n = send(fd, many.ptr + sent, many.len - sent, MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			stuck = 0;
		}
		sys_turn(&sys, 1);
	}
	assert_true(sys_usage().live < before + (9 << 20));
	struct reply honest = sys_get(&sys, "/health");
	assert_int_equal(honest.status, 200);
	reply_done(&honest);
	fl_buf_done(&many);
	close(fd);
	sys_turn(&sys, 8);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, outer, test_outer);
	suite_add(&suite, "trickled head", test_trickled_head, NULL);
	ROWS(&suite, inner, test_inner);
	suite_add(&suite, "half headers after a request", test_half_headers_after_a_request, NULL);
	suite_add(&suite, "answers nobody reads", test_answers_nobody_reads, NULL);
	sys_start(&sys, true, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/slow");
	sys_stop(&sys);
	return failed;
}
