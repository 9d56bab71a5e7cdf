/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/http1_rig.c - handlers, server and client. */
#include "http1_rig.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- handlers ---- */

struct http1_seen seen;

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
	if (seen.close_group)
		fl_http_group_close(&group);
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

struct net_ear ear;

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
struct fl_http_group group;
const struct fl_http_router router = {
	.routes = routes,
	.count = COUNT(routes),
	.common_fields = common,
	.group = &group,
};

/* ---- a client ---- */

struct fl_loop *loop;
struct net_server server;
int fd = -1;
struct fl_buf got;
bool ended, reset;

void open_client(const struct fl_http_limits *limits)
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

bool read_some(void)
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
void run(void)
{
	for (int quiet = 0; quiet < 5; quiet++) {
		fl_loop_poll(loop);
		if (read_some())
			quiet = -1;
	}
}

void push(const void *data, size_t len)
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

void push_str(const char *s)
{
	push(s, strlen(s));
}

void close_client(void)
{
	if (fd >= 0)
		close(fd);
	fd = -1;
	fl_buf_done(&got);
	for (int i = 0; i < 5; i++)
		fl_loop_poll(loop);
}

const char *text(void)
{
	fl_buf_byte(&got, '\0');
	got.len--;
	return (const char *)got.ptr;
}

bool wait_for(bool (*cond)(void))
{
	fl_time until = fl_loop_now(loop) + 10 * FL_SEC;

	while (!cond() && fl_loop_now(loop) < until)
		run();
	return cond();
}

bool is_ended(void)
{
	return ended;
}

/* "200 404 ": the statuses of all answers that were received. */
void statuses(char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (const char *p = text(); (p = strstr(p, "HTTP/1.1 ")) != NULL && n + 5 < cap; p += 9)
		n += (size_t)snprintf(out + n, cap - n, "%.3s ", p + 9);
}

int set_up(void **state)
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

int tear_down(void **state)
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
