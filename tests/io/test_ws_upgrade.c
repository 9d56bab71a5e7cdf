/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_ws_upgrade.c - the opening handshake of WebSocket: what a client asks, which
 * answers it takes, what a server refuses, and all of it together over TLS between peers.
 */
#include "../crypto/odd_cert.h"
#include "net.h"

#include "base/text.h"
#include "io/http.h"
#include "io/tls_peer.h"
#include "io/ws_message.h"
#include "io/ws_upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static struct net_server server;
static unsigned fds_before;
static int fd; /* the peer's: it plays the server on the stream that was accepted */

/* ---- the answer ---- */

static struct done {
	unsigned count, status;
	enum fl_err err;
	struct fl_stream *s;
	struct fl_buf early;
} done;

static void on_done(void *ctx, enum fl_err err, unsigned status, struct fl_stream *s,
		    struct fl_slice early)
{
	assert_ptr_equal(ctx, &done);
	assert_int_equal(err == FL_OK, s != NULL);
	done.count++;
	done.err = err;
	done.status = status;
	done.s = s;
	fl_buf_put(&done.early, early.ptr, early.len);
}

static bool is_done(void *ctx)
{
	(void)ctx;
	return done.count > 0;
}

/* ---- set-up ---- */

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	done = (struct done){ .early = fl_buf_make(1 << 20) };
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	fd = net_dial(&server.at);
	return net_until(loop, net_server_one, &server) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	done.s = fl_stream_close(done.s, 0);
	fl_buf_done(&done.early);
	close(fd);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static struct fl_ws_upgrade *start(int64_t timeout)
{
	struct fl_ws_upgrade *u;

	assert_int_equal(fl_ws_upgrade_start(server.accepted[0], "box.local:4712", "/ship/", "ship",
					     timeout, on_done, &done, &u),
			 FL_OK);
	assert_int_equal(done.count, 0);
	return u;
}

/* The request up to its empty line, and the key in it. */
static void hear_request(char *out, size_t cap, char key[static 25])
{
	size_t len = 0;

	while (len < 4 || memcmp(out + len - 4, "\r\n\r\n", 4) != 0) {
		net_for(loop, FL_MS);
		ssize_t n = recv(fd, out + len, cap - 1 - len, MSG_DONTWAIT);
		len += n > 0 ? (size_t)n : 0;
		assert_true(len < cap - 1);
	}
	out[len] = '\0';
	const char *at = strstr(out, "Sec-WebSocket-Key: ");
	assert_non_null(at);
	memcpy(key, at + strlen("Sec-WebSocket-Key: "), 24);
	key[24] = '\0';
}

/* ---- arithmetic ---- */

static void the_example_of_the_rfc(void **state)
{
	char accept[FL_WS_ACCEPT_CAP];

	(void)state;
	assert_int_equal(fl_ws_accept(fl_slice_str("dGhlIHNhbXBsZSBub25jZQ=="), accept), FL_OK);
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

static void hosts(void **state)
{
	static const struct {
		const char *host, *ip, *want;
	} texts[] = {
		{ "box.local", NULL, "box.local:4712" },
		{ "box.local.", NULL, "box.local:4712" },
		{ "192.168.1.5", NULL, "192.168.1.5:4712" },
		{ "fe80::1%eth0", NULL, "[fe80::1]:4712" },
		{ "2001:db8::1", NULL, "[2001:db8::1]:4712" },
		{ NULL, "192.168.1.5", "192.168.1.5:4712" },
		{ NULL, "fe80::1", "[fe80::1]:4712" },
	};
	char out[FL_WS_HOST_MAX], longest[400];

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		struct fl_addrport at = { .port = 4712 };
		if (texts[i].ip != NULL)
			assert_int_equal(fl_ip_parse(fl_slice_str(texts[i].ip), &at.ip), FL_OK);
		fl_ws_host(texts[i].host, &at, out);
		assert_string_equal(out, texts[i].want);
	}
	struct fl_addrport at = { .port = 65535 };
	memset(longest, ':', sizeof longest);
	longest[399] = '\0';
	fl_ws_host(longest, &at, out);
	assert_int_equal(strlen(out), 253 + 2 + 6);
}

/* ---- what is asked ---- */

static void the_request(void **state)
{
	char request[2048], want[2048], key[25];
	uint8_t raw[32];
	size_t len;

	(void)state;
	struct fl_ws_upgrade *u = start(FL_SEC);
	hear_request(request, sizeof request, key);
	assert_int_equal(fl_base64_decode(fl_slice_str(key), raw, sizeof raw, &len), FL_OK);
	assert_int_equal(len, FL_WS_KEY_LEN);
	(void)snprintf(want, sizeof want,
		       "GET /ship/ HTTP/1.1\r\n"
		       "Host: box.local:4712\r\n"
		       "Upgrade: websocket\r\n"
		       "Connection: Upgrade\r\n"
		       "Sec-WebSocket-Key: %s\r\n"
		       "Sec-WebSocket-Version: 13\r\n"
		       "Sec-WebSocket-Protocol: ship\r\n\r\n",
		       key);
	assert_string_equal(request, want);
	assert_null(fl_ws_upgrade_cancel(u));
	assert_null(fl_ws_upgrade_cancel(NULL));
	net_for(loop, FL_MS);
	assert_int_equal(done.count, 0);
}

static void a_path_without_a_slash(void **state)
{
	struct fl_ws_upgrade *u;
	char request[2048], key[25];

	(void)state;
	assert_int_equal(fl_ws_upgrade_start(server.accepted[0], "h", "", "ship", FL_SEC, on_done,
					     &done, &u),
			 FL_OK);
	hear_request(request, sizeof request, key);
	assert_int_equal(strncmp(request, "GET / HTTP/1.1\r\n", 16), 0);
	fl_ws_upgrade_cancel(u);
}

static void what_may_not_be_asked(void **state)
{
	static const struct {
		const char *host, *path;
	} texts[] = {
		{ "h\r\nX: y", "/" }, { "h", "/a b" },     { "h", "/\r\nX: y" },
		{ "h", "/\xc3\xa4" }, { "h h", "/ship/" }, { "h", "/\x7f" },
	};
	struct fl_ws_upgrade *u = NULL;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(set_up(NULL), 0);
		assert_int_equal(fl_ws_upgrade_start(server.accepted[0], texts[i].host,
						     texts[i].path, "ship", FL_SEC, on_done, &done,
						     &u),
				 FL_ERR_INVALID);
		assert_null(u);
		assert_int_equal(tear_down(NULL), 0);
	}
}

/* ---- what is answered ---- */

#define OK_HEAD "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
#define ACCEPT  "Sec-WebSocket-Accept: %s\r\n"
#define SHIP    "Sec-WebSocket-Protocol: ship\r\n"

static struct answer_row {
	const char *name, *answer; /* %s: the right value */
	enum fl_err want;
	unsigned status;
} answer_rows[] = {
	{ "good", OK_HEAD ACCEPT SHIP "\r\n", FL_OK, 101 },
	{ "in other cases and order",
	  "HTTP/1.1 101 ok\r\nsec-websocket-protocol:ship\r\nSEC-WEBSOCKET-ACCEPT:  %s  \r\n"
	  "connection: keep-alive, UPGRADE\r\nServer: x\r\nupgrade: WebSocket\r\n\r\n",
	  FL_OK, 101 },
	{ "without ship", OK_HEAD ACCEPT "\r\n", FL_ERR_PROTO, 101 },
	{ "another protocol", OK_HEAD ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n", FL_ERR_PROTO,
	  101 },
	{ "two protocols", OK_HEAD ACCEPT SHIP SHIP "\r\n", FL_ERR_PROTO, 101 },
	{ "a list of protocols", OK_HEAD ACCEPT "Sec-WebSocket-Protocol: ship, x\r\n\r\n",
	  FL_ERR_PROTO, 101 },
	{ "without accept", OK_HEAD SHIP "\r\n", FL_ERR_PROTO, 101 },
	{ "another's accept",
	  OK_HEAD SHIP "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", FL_ERR_PROTO,
	  101 },
	{ "accept in small letters", OK_HEAD SHIP "Sec-WebSocket-Accept: %s=\r\n\r\n", FL_ERR_PROTO,
	  101 },
	{ "an extension",
	  OK_HEAD ACCEPT SHIP "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n", FL_ERR_PROTO,
	  101 },
	{ "without upgrade", "HTTP/1.1 101 x\r\nConnection: Upgrade\r\n" ACCEPT SHIP "\r\n",
	  FL_ERR_PROTO, 101 },
	{ "without connection", "HTTP/1.1 101 x\r\nUpgrade: websocket\r\n" ACCEPT SHIP "\r\n",
	  FL_ERR_PROTO, 101 },
	{ "a plain page", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", FL_ERR_DENIED, 200 },
	{ "not found", "HTTP/1.1 404 Not Found\r\n\r\n", FL_ERR_DENIED, 404 },
	{ "no ship there", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", FL_ERR_DENIED,
	  400 },
	{ "no HTTP", "SSH-2.0-OpenSSH_9.9\r\n\r\n", FL_ERR_PROTO, 0 },
	{ "a broken field", "HTTP/1.1 101 x\r\nUpgrade\r\n\r\n", FL_ERR_PROTO, 0 },
	{ "an empty line", "\r\n\r\n", FL_ERR_PROTO, 0 },
};

static size_t make_answer(const char *form, char *out, size_t cap)
{
	char request[2048], key[25], accept[FL_WS_ACCEPT_CAP];

	hear_request(request, sizeof request, key);
	assert_int_equal(fl_ws_accept(fl_slice_str(key), accept), FL_OK);
	const char *at = strstr(form, "%s");
	size_t before = at != NULL ? (size_t)(at - form) : strlen(form);
	return (size_t)snprintf(out, cap, "%.*s%s%s", (int)before, form, at != NULL ? accept : "",
				at != NULL ? at + 2 : "");
}

static void answer_row(void **state)
{
	const struct answer_row *row = *state;

	for (int bytewise = 0; bytewise < 2; bytewise++) {
		char text[2048];
		assert_int_equal(set_up(NULL), 0);
		start(5 * FL_SEC);
		size_t len = make_answer(row->answer, text, sizeof text);
		for (size_t at = 0, step = bytewise ? 1 : len; at < len; at += step) {
			(void)!send(fd, text + at, step, MSG_NOSIGNAL);
			fl_loop_poll(loop);
		}
		assert_true(net_until(loop, is_done, NULL));
		if (done.err != row->want)
			fail_msg("got %s", fl_err_text(done.err));
		assert_int_equal(done.status, row->status);
		assert_int_equal(done.early.len, 0);
		net_for(loop, FL_MS);
		assert_int_equal(done.count, 1);
		assert_int_equal(tear_down(NULL), 0);
	}
}

/* Up to a whole read behind the head is kept. */
static void what_comes_behind_is_early(void **state)
{
	enum { LEN = 40000 };
	uint8_t *bytes = net_bytes(LEN);
	char text[LEN + 2048];

	(void)state;
	start(5 * FL_SEC);
	size_t len = make_answer(OK_HEAD ACCEPT SHIP "\r\n", text, sizeof text);
	memcpy(text + len, bytes, LEN);
	assert_int_equal(send(fd, text, len + LEN, 0), len + LEN);
	assert_true(net_until(loop, is_done, NULL));
	assert_int_equal(done.err, FL_OK);
	struct net_ear ear = { .got = fl_buf_make(1 << 20) };
	ear.s = done.s;
	done.s = NULL;
	assert_int_equal(fl_stream_own(ear.s, &net_ear_owner, &ear, fl_buf_slice(&done.early)),
			 FL_OK);
	while (ear.got.len < LEN)
		net_for(loop, FL_MS);
	assert_int_equal(ear.got.len, LEN);
	assert_memory_equal(ear.got.ptr, bytes, LEN);
	net_ear_done(&ear);
	free(bytes);
}

static void a_head_without_end(void **state)
{
	static char field[] = "X-Fill: 0123456789012345678901234567890123456789\r\n";

	(void)state;
	start(5 * FL_SEC);
	assert_int_equal(send(fd, OK_HEAD, strlen(OK_HEAD), 0), strlen(OK_HEAD));
	for (int i = 0; i < 1000 && done.count == 0; i++) {
		(void)!send(fd, field, sizeof field - 1, MSG_NOSIGNAL);
		fl_loop_poll(loop);
	}
	assert_int_equal(done.err, FL_ERR_TOO_BIG);
}

static void no_answer_in_time(void **state)
{
	(void)state;
	start(10 * FL_MS);
	assert_true(net_until(loop, is_done, NULL));
	assert_int_equal(done.err, FL_ERR_TIMEOUT);
}

static void the_server_hangs_up(void **state)
{
	(void)state;
	start(5 * FL_SEC);
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, is_done, NULL));
	assert_int_equal(done.err, FL_ERR_CLOSED);
}

/* ---- both halves, over TLS between peers ---- */

struct end {
	struct fl_wsm *w;
	struct fl_buf got;
	unsigned ends;
	uint16_t code;
	char reason[124];
	bool echo;
};

static struct end here, there;

static void on_message(void *ctx, struct fl_slice m)
{
	struct end *e = ctx;

	fl_buf_put(&e->got, m.ptr, m.len);
	if (e->echo)
		assert_int_equal(fl_wsm_send(e->w, m), FL_OK);
}

static void on_over(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	struct end *e = ctx;

	assert_int_equal(err, FL_OK);
	e->ends++;
	e->code = code;
	(void)fl_str_copy(e->reason, sizeof e->reason, reason);
}

static const struct fl_wsm_owner ends = { .on_message = on_message, .on_end = on_over };

static const struct fl_wsm_config limits = { .message_max = 1 << 20, .pending_max = 1 << 20 };

static void open_end(struct end *e, struct fl_stream *s, struct fl_slice early, bool client)
{
	struct fl_wsm_config cfg = limits;

	cfg.client = client;
	e->got = fl_buf_make(1 << 20);
	assert_int_equal(fl_wsm_new(s, early, &cfg, &ends, e, &e->w), FL_OK);
}

static void on_request(void *ctx, struct fl_http *x)
{
	struct fl_stream *s;
	struct fl_slice early;

	(void)ctx;
	if (fl_http_upgrade_wsm(x, "ship", &s, &early) == FL_OK)
		open_end(&there, s, early, false);
}

static const struct fl_http_route routes[] = { { "GET", "/**", 0, on_request, NULL } };
static struct fl_http_group conns;
static const struct fl_http_router router = { .routes = routes, .count = 1, .group = &conns };

static void on_accept(void *ctx, struct fl_stream *s)
{
	(void)ctx;
	assert_int_equal(fl_http1_serve(s, (struct fl_slice){ 0 }, &router, NULL, NULL), FL_OK);
}

static enum fl_err judge(void *ctx, const struct fl_ship_cert_facts *f, enum fl_err err,
			 struct fl_fault *fault)
{
	(void)ctx;
	return err == FL_OK ? fl_ship_cert_judge(f, NULL, fault) : err;
}

static struct fl_tls_peer *make_peer(void)
{
	const struct odd_cert odd = { 0 };
	struct fl_buf cert = fl_buf_make(1 << 16), key = fl_buf_make(1 << 16);
	struct fl_tls_peer *t;

	odd_cert_make(&odd, &cert, &key);
	const struct fl_tls_peer_config cfg = { .cert_pem = fl_buf_slice(&cert),
						.key_pem = fl_buf_slice(&key),
						.judge = judge,
						.small_records = true };
	assert_int_equal(fl_tls_peer_new(&cfg, NULL, &t), FL_OK);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	return t;
}

static const char *subprotocol;

static void on_dialled(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	struct fl_ws_upgrade *u;

	(void)ctx, (void)why;
	assert_int_equal(err, FL_OK);
	assert_int_equal(fl_ws_upgrade_start(s, "h:1", "/ship/", subprotocol, 5 * FL_SEC, on_done,
					     &done, &u),
			 FL_OK);
}

static struct fl_listener *meet(const char *offer)
{
	struct fl_tls_peer *a = make_peer(), *b = make_peer();
	struct fl_listen_config cfg = { .at.ip = fl_ip_v4(127, 0, 0, 1),
					.mode = FL_LISTEN_TLS,
					.peer = a,
					.on_accept = on_accept };
	struct fl_tls_dial_to to = { .timeout = 5 * FL_SEC };
	struct fl_listener *l;
	struct fl_tls_dial *d;

	fl_stream_close(server.accepted[0], 0); /* a listener with TLS takes its place */
	subprotocol = offer;
	here = there = (struct end){ 0 };
	fl_http_group_init(&conns);
	assert_int_equal(fl_listener_new(loop, &cfg, NULL, &l), FL_OK);
	to.at = fl_listener_at(l);
	assert_int_equal(fl_tls_dial(loop, b, &to, on_dialled, NULL, &d), FL_OK);
	fl_tls_peer_unref(a);
	fl_tls_peer_unref(b);
	assert_true(net_until(loop, is_done, NULL));
	return l;
}

static bool has_echo(void *ctx)
{
	return here.got.len == *(size_t *)ctx;
}

static bool is_over(void *ctx)
{
	(void)ctx;
	return here.ends > 0;
}

static void all_together(void **state)
{
	size_t len = 90000; /* a detailed discovery and more */
	uint8_t *bytes = net_bytes(len);

	(void)state;
	struct fl_listener *l = meet("ship");
	assert_int_equal(done.err, FL_OK);
	open_end(&here, done.s, fl_buf_slice(&done.early), true);
	done.s = NULL;
	there.echo = true;
	assert_int_equal(fl_wsm_send(here.w, fl_slice_of(bytes, len)), FL_OK);
	assert_true(net_until(loop, has_echo, &len));
	assert_memory_equal(here.got.ptr, bytes, len);
	there.w = fl_wsm_close(there.w, 4001, "hub shutdown");
	assert_true(net_until(loop, is_over, NULL));
	assert_int_equal(here.code, 4001);
	assert_string_equal(here.reason, "hub shutdown");
	here.w = fl_wsm_close(here.w, 1000, NULL);
	fl_listener_close(l);
	fl_buf_done(&here.got);
	fl_buf_done(&there.got);
	free(bytes);
}

/* Refused with an ordinary answer, so nothing was upgraded. */
static void without_the_offer(void **state)
{
	(void)state;
	struct fl_listener *l = meet("chat");
	assert_int_equal(done.err, FL_ERR_DENIED);
	assert_int_equal(done.status, 400);
	assert_null(there.w);
	fl_http_group_close(&conns);
	fl_listener_close(l);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest single[] = {
		cmocka_unit_test(the_example_of_the_rfc),
		cmocka_unit_test(hosts),
		T(the_request),
		T(a_path_without_a_slash),
		cmocka_unit_test(what_may_not_be_asked),
		T(what_comes_behind_is_early),
		T(a_head_without_end),
		T(no_answer_in_time),
		T(the_server_hangs_up),
		T(all_together),
		T(without_the_offer),
	};
	struct CMUnitTest tests[COUNT(answer_rows) + COUNT(single)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(answer_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = answer_rows[i].name,
						  .test_func = answer_row,
						  .initial_state = &answer_rows[i] };
	memcpy(tests + n, single, sizeof single);
	net_warm_up();
	return cmocka_run_group_tests_name("io/ws_upgrade", tests, NULL, NULL);
}
