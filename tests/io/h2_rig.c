/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/h2_rig.c - handlers and the connection under test. */
#include "h2_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

/* ---- handlers ---- */

struct h2_seen seen;

static void hello(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.body = fl_http_body(x).len;
	fl_http_set(x, "X-Extra", "some");
	fl_http_set(x, "Connection", "close"); /* has no place in HTTP/2 */
	fl_http_respond(x, 200, "text/plain", fl_slice_str("hello"));
}

static void echo(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.body = fl_http_body(x).len;
	fl_http_respond(x, 200, "application/octet-stream", fl_http_body(x));
}

static void empty(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

static void on_gone(void *ctx)
{
	(void)ctx;
	seen.gone++;
	if (seen.free_me != NULL)
		*seen.free_me = fl_h2_free(*seen.free_me);
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	seen.calls++;
	seen.held[seen.held_count++ % COUNT(seen.held)] = x;
	fl_http_on_gone(x, on_gone, x);
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
	seen.stream = x;
	fl_http_on_gone(x, on_gone, x);
	fl_http_on_drain(x, on_drain, x);
	fl_http_stream_start(x, 200, "application/json");
}

static enum fl_err make(const struct fl_http_recipe *r, void *tools, struct fl_parts *out)
{
	struct fl_bytes *piece = fl_bytes_new(fl_slice_str("made"));

	(void)r;
	assert_non_null(piece);
	seen.tools = tools;
	for (unsigned i = 0; i < seen.pieces; i++)
		assert_int_equal(fl_parts_add(out, piece), FL_OK);
	fl_bytes_unref(piece);
	return seen.made_err;
}

static void made_free(struct fl_http_recipe *r)
{
	(void)r;
	seen.made_freed++;
}

static void made(void *ctx, struct fl_http *x)
{
	static struct fl_http_recipe recipe;

	(void)ctx;
	recipe = (struct fl_http_recipe){ .make = make, .free = made_free, .most = seen.most };
	seen.stream = x;
	fl_http_on_gone(x, on_gone, x);
	seen.begun = fl_http_stream_begin(x, 200, "application/json", &recipe);
	if (seen.begun != FL_OK) {
		fl_http_on_gone(x, NULL, NULL);
		fl_http_respond(x, 503, NULL, fl_slice_of(NULL, 0));
	}
}

static void free_all(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 200, NULL, fl_slice_of(NULL, 0));
	*seen.free_me = fl_h2_free(*seen.free_me);
}

static void abort_it(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_abort(x);
}

static void segment(void *ctx, struct fl_http *x)
{
	char q[16] = "";

	(void)ctx;
	if (fl_http_query(x, "q", q, sizeof q) != FL_OK)
		q[0] = '\0';
	fl_http_set(x, "X-Extra", q);
	fl_http_respond(x, 200, "text/plain", fl_http_segment(x, 0));
}

static bool say_sorry(void *ctx, struct fl_http *x, unsigned status, const char *why)
{
	(void)ctx, (void)why;
	if (status == 404)
		return false;
	fl_http_respond(x, status, "text/html", fl_slice_str("<p>sorry"));
	return true;
}

static const struct fl_http_route routes[] = {
	{ "GET", "/hello", 0, hello },
	{ "POST", "/none", 0, hello },
	{ "POST", "/echo", ECHO_MAX, echo },
	{ "GET", "/echo", ECHO_MAX, echo },
	{ "PATCH", "/echo", ECHO_MAX, echo },
	{ "POST", "/big", BIG_MAX, echo },
	{ "GET", "/empty", 0, empty },
	{ "POST", "/hold", BIG_MAX, hold },
	{ "POST", "/held/*/*", BIG_MAX, hold },
	{ "POST", "/stream", ECHO_MAX, stream },
	{ "GET", "/stream", 0, stream },
	{ "POST", "/free", 0, free_all },
	{ "GET", "/made", 0, made },
	{ "POST", "/abort", 0, abort_it },
	{ "GET", "/user/*", 0, segment },
};

const struct fl_http_router router = { .routes = routes, .count = COUNT(routes) };
const struct fl_http_router router_sorry = {
	.routes = routes,
	.count = COUNT(routes),
	.refuse = say_sorry,
};

struct fl_loop *loop;
struct peer p;

int set_up(void **state)
{
	(void)state;
	memset(&seen, 0, sizeof seen);
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

int tear_down(void **state)
{
	(void)state;
	loop = fl_loop_free(loop);
	return 0;
}

void open_peer(const struct fl_http_limits *limits)
{
	peer_open(&p, loop, &router, limits, WINDOW, true);
}

bool loop_until(bool (*cond)(void))
{
	fl_time until = fl_loop_now(loop) + 10 * FL_SEC;

	while (!cond() && fl_loop_now(loop) < until)
		peer_run(&p);
	return cond();
}

static struct fl_bytes *chunk(size_t len, unsigned seed)
{
	uint8_t *data = malloc(len ? len : 1);

	for (size_t i = 0; i < len; i++)
		data[i] = (uint8_t)((i + seed) * 31 >> 3);
	struct fl_bytes *b = fl_bytes_new(fl_slice_of(data, len));
	free(data);
	return b;
}

void send_chunk(struct fl_http *x, size_t len, unsigned seed, enum fl_err want)
{
	struct fl_bytes *b = chunk(len, seed);
	assert_int_equal(fl_http_stream_send(x, b), want);
	fl_bytes_unref(b);
}
