/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_http1.c - the HTTP/1 server over real sockets, by whole requests and by bytes. */
#include "io/http.h"
#include "net.h"

#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { ECHO_MAX = 1000, GOT_MAX = 64 << 20 };

/* ---- handlers ---- */

static struct {
	unsigned calls, gone, drains;
	struct fl_http *held;
	struct fl_stream *raw;
	struct fl_buf early;
	enum fl_err upgrade_err;
	bool end_on_drain, want_gone;
} seen;

static void hello(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	fl_http_respond(x, 200, "text/plain", fl_slice_str("hello"));
}

static void echo(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	fl_http_respond(x, 200, "application/octet-stream", fl_http_body(x));
}

static void empty(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

static void show(void *ctx, struct fl_http *x)
{
	struct fl_slice a = fl_http_field(x, "x-a");

	(void)ctx;
	fl_http_set(x, "X-Seen", "yes");
	fl_http_respond(x, 200, "text/plain", a);
}

static void on_gone(void *ctx)
{
	(void)ctx;
	seen.gone++;
	seen.held = NULL;
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.held = x;
	if (seen.want_gone)
		fl_http_on_gone(x, on_gone, NULL);
}

static void on_drain(void *ctx)
{
	seen.drains++;
	if (seen.end_on_drain)
		fl_http_stream_end(ctx);
}

static void stream(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.held = x;
	fl_http_on_gone(x, on_gone, NULL);
	fl_http_on_drain(x, on_drain, x);
	fl_http_stream_start(x, 200, "text/plain");
}

static void abort_it(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_abort(x);
}

static void big(void *ctx, struct fl_http *x)
{
	size_t len = 5 << 20;
	uint8_t *body = malloc(len);

	(void)ctx;
	memset(body, 'x', len);
	fl_http_respond(x, 200, "text/plain", fl_slice_of(body, len));
	free(body);
}

static struct net_ear ear;

static void upgrade(void *ctx, struct fl_http *x)
{
	static const char answer[] = "HTTP/1.1 101 Switching Protocols\r\n\r\n";
	struct fl_stream *s;
	struct fl_slice early;

	(void)ctx;
	seen.calls++;
	seen.upgrade_err = fl_http_upgrade(x, &s, &early);
	if (seen.upgrade_err != FL_OK) {
		fl_http_respond(x, 400, NULL, fl_slice_of(NULL, 0));
		return;
	}
	assert_int_equal(fl_stream_write(s, fl_slice_of(answer, sizeof answer - 1)), FL_OK);
	ear.s = s;
	assert_int_equal(fl_stream_own(s, &net_ear_owner, &ear, early), FL_OK);
}

static void upgrade_ws(void *ctx, struct fl_http *x)
{
	struct fl_stream *s;

	(void)ctx;
	seen.calls++;
	seen.upgrade_err = fl_http_upgrade_ws(x, "derp", 1 << 16, &s);
	if (seen.upgrade_err == FL_OK)
		fl_stream_close(s, 0);
}

static const struct fl_http_route routes[] = {
	{ "GET", "/hello", 0, hello },       { "POST", "/none", 0, hello },
	{ "POST", "/echo", ECHO_MAX, echo }, { "GET", "/empty", 0, empty },
	{ "GET", "/show", 0, show },         { "GET", "/hold", 0, hold },
	{ "GET", "/stream", 0, stream },     { "GET", "/abort", 0, abort_it },
	{ "GET", "/big", 0, big },           { "POST", "/up", 10, upgrade },
	{ "GET", "/ws", 0, upgrade_ws },
};

static const char *const common[] = { "X-Common", "1", NULL };
static struct fl_http_group group;
static const struct fl_http_router router = {
	.routes = routes,
	.count = COUNT(routes),
	.common_fields = common,
	.group = &group,
};

/* ---- a client ---- */

static struct fl_loop *loop;
static struct net_server server;
static int fd = -1;
static struct fl_buf got;
static bool ended, reset;

static void open_client(const struct fl_http_limits *limits)
{
	server.count = 0;
	fd = net_dial(&server.at);
	assert_true(fd >= 0);
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	int on = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	assert_true(net_until(loop, net_server_one, &server));
	assert_int_equal(
		fl_http1_serve(server.accepted[0], fl_slice_of(NULL, 0), &router, limits, NULL),
		FL_OK);
	got = fl_buf_make(GOT_MAX);
	ended = reset = false;
}

static bool read_some(void)
{
	static uint8_t data[65536];

	if (fd < 0 || ended)
		return false;
	ssize_t n = recv(fd, data, sizeof data, 0);
	if (n > 0)
		fl_buf_put(&got, data, (size_t)n);
	else if (n == 0)
		ended = true;
	else if (errno != EAGAIN)
		ended = reset = true;
	return n > 0;
}

/* Until nothing has moved for a few rounds. */
static void run(void)
{
	for (int quiet = 0; quiet < 5; quiet++) {
		fl_loop_poll(loop);
		if (read_some())
			quiet = -1;
	}
}

static void push(const void *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = send(fd, (const uint8_t *)data + at, len - at, MSG_NOSIGNAL);
		if (n > 0)
			at += (size_t)n;
		else if (errno != EAGAIN)
			return; /* the server may close before it has read all */
		else
			fl_loop_poll(loop);
	}
}

static void push_str(const char *s)
{
	push(s, strlen(s));
}

static void close_client(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	fl_buf_done(&got);
	for (int i = 0; i < 5; i++)
		fl_loop_poll(loop);
}

static const char *text(void)
{
	fl_buf_byte(&got, '\0');
	got.len--;
	return (const char *)got.ptr;
}

static bool wait_for(bool (*cond)(void))
{
	fl_time until = fl_loop_now(loop) + 10 * FL_SEC;

	while (!cond() && fl_loop_now(loop) < until)
		run();
	return cond();
}

static bool is_ended(void)
{
	return ended;
}

/* "200 404 ": the statuses of all answers that were received. */
static void statuses(char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (const char *p = text(); (p = strstr(p, "HTTP/1.1 ")) != NULL && n + 5 < cap; p += 9)
		n += (size_t)snprintf(out + n, cap - n, "%.3s ", p + 9);
}

static int set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	seen.want_gone = true;
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	memset(&server, 0, sizeof server);
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	fl_http_group_init(&group);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	close_client();
	fl_http_group_close(&group);
	assert_int_equal(group.count, 0);
	fl_listener_close(server.listener);
	fl_buf_done(&seen.early);
	loop = fl_loop_free(loop);
	return 0;
}

/* ---- requests ---- */

#define H                   "Host: x\r\n"
#define GET11(path, fields) "GET " path " HTTP/1.1\r\n" H fields "\r\n"
#define OK_AFTER            GET11("/hello", "")

static const char thousand[] = { [0 ... 999] = 'b', '\0' };

static struct request_row {
	const char *name, *request;
	const char *want; /* statuses */
	bool closes;
	unsigned calls;
} request_rows[] = {
	/* accepted */
	{ "GET", GET11("/hello", ""), "200 ", false, 1 },
	{ "HEAD", "HEAD /hello HTTP/1.1\r\n" H "\r\n" OK_AFTER, "200 200 ", false, 2 },
	{ "kept for a second request", GET11("/hello", "") OK_AFTER, "200 200 ", false, 2 },
	{ "five at once", OK_AFTER OK_AFTER OK_AFTER OK_AFTER OK_AFTER, "200 200 200 200 200 ",
	  false, 5 },
	{ "close asked for", GET11("/hello", "Connection: close\r\n") OK_AFTER, "200 ", true, 1 },
	{ "close in a list", GET11("/hello", "Connection: x, Close\r\n") OK_AFTER, "200 ", true,
	  1 },
	{ "HTTP/1.0 closes", "GET /hello HTTP/1.0\r\n\r\n" OK_AFTER, "200 ", true, 1 },
	{ "HTTP/1.0 kept", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "empty lines first", "\r\n\r\n" OK_AFTER, "200 ", false, 1 },
	{ "no content", GET11("/empty", "") OK_AFTER, "204 200 ", false, 1 },
	{ "empty Content-Length", GET11("/hello", "Content-Length: 0\r\n") OK_AFTER, "200 200 ",
	  false, 2 },
	{ "body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" OK_AFTER, "200 200 ",
	  false, 2 },
	{ "chunked body",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	  "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: railer\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "chunked, empty",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "continue",
	  "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
	  "100 200 ", false, 1 },
	{ "query", GET11("/hello?a=b", ""), "200 ", false, 1 },

	/* answered, and the connection with it */
	{ "unknown path", GET11("/nope", "") OK_AFTER, "404 200 ", false, 1 },
	{ "other method", "PUT /hello HTTP/1.1\r\n" H "\r\n" OK_AFTER, "405 200 ", false, 1 },
	{ "unwanted body", "POST /none HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde" OK_AFTER,
	  "200 ", true, 1 },
	{ "unwanted chunked body",
	  "POST /none HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" OK_AFTER,
	  "200 ", true, 1 },
	{ "unknown path with a body",
	  "POST /nope HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde" OK_AFTER, "404 ", true, 0 },
	{ "announced over the limit",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n" OK_AFTER, "413 ", true, 0 },
	{ "no continue for what is refused",
	  "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
	  "413 ", true, 0 },
	{ "dot dot", GET11("/a/../hello", "") OK_AFTER, "400 ", true, 0 },
	{ "absolute form", GET11("http://x/hello", "") OK_AFTER, "400 ", true, 0 },
	{ "asterisk form", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "authority form", "CONNECT x:443 HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "escaped slash", GET11("/a%2fhello", "") OK_AFTER, "400 ", true, 0 },

	/* no HTTP, or other */
	{ "TLS hello", "\x16\x03\x01\x02", "400 ", true, 0 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 ", true, 0 },
	{ "HTTP/1.2", "GET /hello HTTP/1.2\r\n" H "\r\n", "505 ", true, 0 },
	{ "HTTP/0.9", "GET /hello\r\n\r\n", "400 ", true, 0 },
	{ "no version", "GET /hello \r\n\r\n", "400 ", true, 0 },
	{ "lower case version", "GET /hello http/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "other protocol", "GET /hello RTSP/1.0\r\n" H "\r\n", "400 ", true, 0 },
	{ "unheard method", "BREW /hello HTTP/1.1\r\n" H "\r\n", "501 ", true, 0 },
	{ "lower case method", "get /hello HTTP/1.1\r\n" H "\r\n", "501 ", true, 0 },
	{ "two spaces", "GET  /hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "space in the target", "GET /hel lo HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "tab for a space", "GET\t/hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "space first", " GET /hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "NUL in the target", "GET /hello\x01 HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },

	/* smuggling */
	{ "no Host", "GET /hello HTTP/1.1\r\n\r\n", "400 ", true, 0 },
	{ "two Hosts", GET11("/hello", "Host: y\r\n"), "400 ", true, 0 },
	{ "two lengths",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400 ",
	  true, 0 },
	{ "length list", "POST /echo HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\nx", "400 ", true,
	  0 },
	{ "signed length", "POST /echo HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\nx", "400 ", true,
	  0 },
	{ "hex length", "POST /echo HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\nx", "400 ", true,
	  0 },
	{ "empty length", "POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\nx", "400 ", true, 0 },
	{ "length over 64 bits",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\nx", "400 ", true,
	  0 },
	{ "length and coding",
	  "POST /echo HTTP/1.1\r\n" H
	  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "coding and length",
	  "POST /echo HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "two codings",
	  "POST /echo HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "other coding", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", "501 ",
	  true, 0 },
	{ "coding list",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 ",
	  true, 0 },
	{ "identity coding", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n",
	  "501 ", true, 0 },
	{ "strange chunked",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: \x0b chunked\r\n\r\n0\r\n\r\n", "501 ",
	  true, 0 },
	{ "coding in HTTP/1.0",
	  "POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 ", true,
	  0 },
	{ "space before a colon", GET11("/hello", "X-A : 1\r\n"), "400 ", true, 0 },
	{ "no colon", GET11("/hello", "X-A\r\n"), "400 ", true, 0 },
	{ "no name", GET11("/hello", ": x\r\n"), "400 ", true, 0 },
	{ "folded line", GET11("/hello", "X-A: 1\r\n 2\r\n"), "400 ", true, 0 },
	{ "folded first line", "GET /hello HTTP/1.1\r\n X: y\r\n" H "\r\n", "400 ", true, 0 },
	{ "bare LF", "GET /hello HTTP/1.1\n" H "\r\n\r\n", "400 ", true, 0 },
	{ "bare LF between fields", GET11("/hello", "X-A: 1\nX-B: 2\r\n"), "400 ", true, 0 },
	{ "bare CR in a value", GET11("/hello", "X-A: 1\rX-B: 2\r\n"), "400 ", true, 0 },
	{ "CR before CR LF", GET11("/hello", "X-A: 1\r\r\n"), "400 ", true, 0 },
	{ "control character in a value", GET11("/hello", "X-A: \x01\r\n"), "400 ", true, 0 },
	{ "name not a token", GET11("/hello", "X(A): 1\r\n"), "400 ", true, 0 },
	{ "two upgrades", GET11("/hello", "Upgrade: a\r\nUpgrade: b\r\n"), "400 ", true, 0 },
	{ "other expectation", GET11("/hello", "Expect: a-cake\r\n"), "417 ", true, 0 },

	/* chunks */
	{ "chunk size not hex",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400 ", true, 0 },
	{ "chunk size signed",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "400 ", true, 0 },
	{ "chunk size with a prefix",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", "400 ", true,
	  0 },
	{ "chunk size over 64 bits",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\n",
	  "400 ", true, 0 },
	{ "chunk longer than its size",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "chunk size ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", "400 ",
	  true, 0 },
	{ "chunk ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", "400 ",
	  true, 0 },
	{ "chunk size ends in CR and more",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\rX\na\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "extension ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;a\na\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "chunk over the limit",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e9\r\n%s1", "413 ", true,
	  0 },
	{ "chunks at the limit",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e8\r\n%s\r\n0\r\n\r\n",
	  "200 ", false, 1 },
};

static char *expand(const char *request)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	const char *mark = strstr(request, "%s");

	fl_buf_put(&b, request, mark ? (size_t)(mark - request) : strlen(request));
	if (mark != NULL) {
		fl_buf_str(&b, thousand);
		fl_buf_str(&b, mark + 2);
	}
	fl_buf_byte(&b, '\0');
	return (char *)b.ptr;
}

static void check_row(const struct request_row *r, const char *how)
{
	char have[64];

	if (r->closes)
		assert_true(wait_for(is_ended));
	statuses(have, sizeof have);
	if (strcmp(have, r->want) != 0)
		fail_msg("%s: got %s, want %s", how, have, r->want);
	assert_int_equal(ended, r->closes);
	assert_false(reset);
	assert_int_equal(seen.calls, r->calls);
}

static void request_row(void **state)
{
	const struct request_row *r = *state;
	char *request = expand(r->request);

	open_client(NULL);
	push_str(request);
	run();
	check_row(r, "at once");
	close_client();

	/* The same, byte by byte. */
	seen.calls = 0;
	open_client(NULL);
	for (const char *p = request; *p != '\0' && !ended; p++) {
		push(p, 1);
		fl_loop_poll(loop);
		read_some();
	}
	run();
	check_row(r, "byte by byte");
	close_client();
	free(request);
}

/* Every prefix, and then the client goes. */
static void every_prefix(void **state)
{
	static const char request[] =
		"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		"2\r\nab\r\n0\r\n\r\n" GET11("/stream", "");

	(void)state;
	for (size_t cut = 0; cut < sizeof request; cut++) {
		open_client(NULL);
		push(request, cut);
		run();
		close_client();
		for (int i = 0; i < 3 && group.count > 0; i++)
			fl_loop_poll(loop);
		assert_int_equal(group.count, 0);
	}
	assert_int_equal(seen.gone, 1);
}

static void answer_is_whole(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/show", "x-A: \t one  two \t\r\n"));
	run();
	assert_non_null(strstr(text(), "HTTP/1.1 200 OK\r\nDate: "));
	assert_non_null(strstr(text(), "\r\nX-Seen: yes\r\n"));
	assert_non_null(strstr(text(), "\r\nContent-Type: text/plain\r\n"));
	assert_non_null(strstr(text(), "\r\nX-Common: 1\r\n"));
	assert_non_null(strstr(text(), "\r\nContent-Length: 8\r\n"));
	assert_non_null(strstr(text(), "\r\n\r\none  two"));
	assert_null(strstr(text(), "Connection:"));
}

static void refusal_says_what_to_do(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("PUT /hello HTTP/1.1\r\n" H "\r\n");
	run();
	assert_non_null(strstr(text(), "\r\nAllow: HEAD, GET\r\n"));
	assert_non_null(strstr(text(), "405 Method Not Allowed\n"));
	assert_non_null(strstr(text(), "another method"));
}

static void head_has_length_and_no_body(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("HEAD /hello HTTP/1.1\r\n" H "\r\n");
	run();
	assert_non_null(strstr(text(), "Content-Length: 5\r\n"));
	assert_null(strstr(text(), "hello"));
}

/* ---- limits ---- */

static void head_size_is_limited(void **state)
{
	static char head[FL_HTTP_HEAD_MAX + 2];
	static const char first[] = "GET /hello HTTP/1.1\r\n" H "X-A: ";

	(void)state;
	for (size_t len = FL_HTTP_HEAD_MAX - 1; len <= FL_HTTP_HEAD_MAX + 1; len++) {
		char have[16];
		memset(head, 'v', sizeof head);
		memcpy(head, first, sizeof first - 1);
		memcpy(head + len - 4, "\r\n\r\n", 4);
		open_client(NULL);
		push(head, len);
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, len <= FL_HTTP_HEAD_MAX ? "200 " : "431 ");
		close_client();
	}
}

static void request_line_is_limited(void **state)
{
	static char line[FL_HTTP_HEAD_MAX + 1];
	char have[16];

	(void)state;
	memset(line, 'p', sizeof line);
	memcpy(line, "GET /", 5);
	open_client(NULL);
	push(line, sizeof line);
	assert_true(wait_for(is_ended));
	statuses(have, sizeof have);
	assert_string_equal(have, "414 ");
}

static void fields_are_limited(void **state)
{
	(void)state;
	for (int count = FL_HTTP_FIELDS_MAX - 1; count <= FL_HTTP_FIELDS_MAX + 1; count++) {
		char have[16];
		open_client(NULL);
		push_str("GET /hello HTTP/1.1\r\n" H);
		for (int i = 1; i < count; i++)
			push_str("X-A: 1\r\n");
		push_str("\r\n");
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, count <= FL_HTTP_FIELDS_MAX ? "200 " : "431 ");
		close_client();
	}
}

static void body_size_is_limited(void **state)
{
	static uint8_t body[ECHO_MAX + 1];

	(void)state;
	for (size_t len = ECHO_MAX - 1; len <= ECHO_MAX + 1; len++) {
		char head[128], have[16];
		snprintf(head, sizeof head,
			 "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", len);
		open_client(NULL);
		push_str(head);
		push(body, len);
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, len <= ECHO_MAX ? "200 " : "413 ");
		assert_int_equal(seen.calls, len == ECHO_MAX - 1 ? 1 : 2);
		close_client();
	}
}

/* A refused body that keeps coming must not destroy the answer by a reset. */
static void refusal_survives_the_body(void **state)
{
	static uint8_t body[300000];

	(void)state;
	open_client(NULL);
	push_str("POST /echo HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n");
	push(body, sizeof body);
	assert_true(wait_for(is_ended));
	assert_false(reset);
	assert_non_null(strstr(text(), "HTTP/1.1 413 "));
}

static void endless_extensions_are_refused(void **state)
{
	static char junk[4096];
	char have[16];

	(void)state;
	memset(junk, 'e', sizeof junk);
	open_client(NULL);
	push_str("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
	for (int i = 0; i < 100 && !ended; i++) {
		push(junk, sizeof junk);
		run();
	}
	assert_true(ended);
	statuses(have, sizeof have);
	assert_string_equal(have, "400 ");
}

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

static void group_drain_lets_answers_finish(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/hold", ""));
	run();
	fl_http_group_drain(&group);
	run();
	assert_int_equal(group.count, 1);
	fl_http_respond(seen.held, 200, NULL, fl_slice_str("last"));
	assert_true(wait_for(is_ended));
	assert_non_null(strstr(text(), "Connection: close"));
	assert_non_null(strstr(text(), "last"));
	assert_int_equal(group.count, 0);
}

static void group_drain_waits_for_a_stream(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/stream", "") OK_AFTER);
	run();
	fl_http_group_drain(&group);
	run();
	assert_false(ended);
	fl_http_stream_end(seen.held);
	assert_true(wait_for(is_ended));
	assert_null(strstr(text(), "hello"));
}

static void group_drain_closes_idle(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(OK_AFTER);
	run();
	fl_http_group_drain(&group);
	assert_int_equal(group.count, 0);
	assert_true(wait_for(is_ended));
	assert_int_equal(seen.gone, 0);
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
		T(every_prefix),
		T(answer_is_whole),
		T(refusal_says_what_to_do),
		T(head_has_length_and_no_body),
		T(head_size_is_limited),
		T(request_line_is_limited),
		T(fields_are_limited),
		T(body_size_is_limited),
		T(refusal_survives_the_body),
		T(endless_extensions_are_refused),
		T(working_handler_is_not_timed),
		T(trickle_does_not_extend_the_head),
		T(pipeline_waits_for_the_handler),
		T(reading_ahead_is_limited),
		T(client_gone_is_told),
		T(half_close_is_still_answered),
		T(group_close_tells_handlers),
		T(group_drain_lets_answers_finish),
		T(group_drain_waits_for_a_stream),
		T(group_drain_closes_idle),
		T(head_of_a_stream_has_no_body),
		T(stream_is_chunked),
		T(old_stream_ends_by_closing),
		T(slow_reader_holds_the_queue),
		T(large_answer),
		T(abort_cuts_the_answer),
		T(upgrade_gives_the_stream),
		T(upgrade_with_a_body_is_refused),
	};
	static struct CMUnitTest
		tests[COUNT(request_rows) + COUNT(slow_rows) + COUNT(ws_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(request_rows); i++)
		tests[n++] = (struct CMUnitTest){ request_rows[i].name, request_row, set_up,
						  tear_down, &request_rows[i] };
	for (size_t i = 0; i < COUNT(slow_rows); i++)
		tests[n++] = (struct CMUnitTest){ slow_rows[i].name, slow_row, set_up, tear_down,
						  &slow_rows[i] };
	for (size_t i = 0; i < COUNT(ws_rows); i++)
		tests[n++] = (struct CMUnitTest){ ws_rows[i].name, ws_row, set_up, tear_down,
						  &ws_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/http1", tests, n, NULL, NULL);
}
