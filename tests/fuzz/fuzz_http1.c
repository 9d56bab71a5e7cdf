/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_http1.c - an HTTP/1 connection fed with anything, over a stream made of memory.
 *
 * The first byte says how the rest is cut: the same bytes are fed whole and in pieces, and both
 * times the same requests must reach the handlers. That is where smuggling would show.
 */
#include "io/http.h"
#include "io/stream_impl.h"

#include <stdlib.h>

struct run {
	struct fl_loop *loop;
	struct fl_sock sock; /* all of a stream but the socket */
	struct fl_stream *raw;
	bool closed;
	uint64_t digest; /* of what handlers saw */
	unsigned calls;
	struct fl_http *held;
};

static void mix(struct run *r, struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		r->digest = (r->digest ^ s.ptr[i]) * 0x100000001b3;
	r->digest = (r->digest ^ 0x100) * 0x100000001b3;
}

static void note(struct run *r, const struct fl_http *x)
{
	char value[64];

	r->calls++;
	mix(r, fl_http_method(x));
	mix(r, fl_http_path(x));
	mix(r, fl_http_segment(x, 0));
	mix(r, fl_http_field(x, "host"));
	mix(r, fl_http_body(x));
	if (fl_http_query(x, "q", value, sizeof value) == FL_OK)
		mix(r, fl_slice_str(value));
}

/* ---- the stream ---- */

static enum fl_err take(struct fl_stream *s, struct fl_slice data)
{
	(void)s;
	(void)data;
	return FL_OK;
}

static size_t nothing_pending(const struct fl_stream *s)
{
	(void)s;
	return 0;
}

static bool holds_nothing(const struct fl_stream *s)
{
	(void)s;
	return false;
}

static void nothing(struct fl_stream *s)
{
	(void)s;
}

static void on_close(struct fl_stream *s, int64_t linger)
{
	struct run *r = fl_list_entry(s, struct run, sock.base);

	(void)linger;
	r->closed = true;
	fl_stream_done(s);
}

static const struct fl_stream_ops ops = {
	.write = take,
	.pending = nothing_pending,
	.pull = nothing,
	.holds = holds_nothing,
	.rearm = nothing,
	.close = on_close,
};

/* ---- handlers ---- */

static void echo(void *ctx, struct fl_http *x)
{
	(void)ctx;
	note(fl_http_conn_ctx(x), x);
	fl_http_respond(x, 200, "text/plain", fl_http_body(x));
}

static void on_gone(void *ctx)
{
	((struct run *)ctx)->held = NULL;
}

static void hold(void *ctx, struct fl_http *x)
{
	struct run *r = fl_http_conn_ctx(x);

	(void)ctx;
	note(r, x);
	r->held = x;
	fl_http_on_gone(x, on_gone, r);
}

static void raw_data(void *ctx, uint8_t *data, size_t len)
{
	mix(ctx, fl_slice_of(data, len));
}

static void raw_end(void *ctx, enum fl_err why)
{
	(void)ctx;
	(void)why;
}

static const struct fl_stream_owner raw_owner = { .on_data = raw_data, .on_end = raw_end };

static void upgrade(void *ctx, struct fl_http *x)
{
	struct run *r = fl_http_conn_ctx(x);
	struct fl_slice early;

	(void)ctx;
	note(r, x);
	if (fl_http_upgrade(x, &r->raw, &early) != FL_OK) {
		fl_http_respond(x, 400, NULL, fl_slice_of(NULL, 0));
		return;
	}
	if (fl_stream_own(r->raw, &raw_owner, r, fl_slice_of(NULL, 0)) != FL_OK)
		abort();
}

static const struct fl_http_route routes[] = {
	{ "GET", "/", 0, echo },       { "POST", "/echo", 64, echo }, { "GET", "/hold", 0, hold },
	{ "POST", "/up", 0, upgrade }, { "*", "/s/*", 16, echo },
};

/* ---- one run ---- */

static void settle(struct run *r)
{
	for (int i = 0; i < 4; i++) {
		fl_loop_poll(r->loop);
		if (r->held != NULL) {
			struct fl_http *x = r->held;
			r->held = NULL;
			fl_http_stream_start(x, 200, NULL);
			fl_http_stream_end(x);
		}
	}
}

static void feed(struct run *r, struct fl_slice in, size_t piece)
{
	struct fl_stream *s = &r->sock.base;

	while (in.len > 0 && !r->closed && r->raw == NULL) {
		size_t n = in.len < piece ? in.len : piece;
		uint8_t *copy = malloc(n);
		if (copy == NULL)
			abort();
		memcpy(copy, in.ptr, n);
		if (fl_stream_hears(s))
			s->owner->on_data(s->ctx, copy, n);
		free(copy);
		in = fl_slice_skip(in, n);
		for (int i = 0; i < 200 && (i < 1 || s->paused); i++)
			settle(r); /* a paused stream would leave the rest in the socket */
	}
	for (size_t i = 0; i < 2 + in.len; i++)
		settle(r);
}

static void run(struct run *r, struct fl_slice in, size_t piece)
{
	struct fl_http_group group;
	const struct fl_http_router router = {
		.routes = routes,
		.count = sizeof routes / sizeof *routes,
		.group = &group,
	};

	*r = (struct run){ .digest = 0xcbf29ce484222325 };
	fl_http_group_init(&group);
	if (fl_loop_new(&r->loop) != FL_OK)
		abort();
	fl_stream_init(&r->sock.base, &ops, r->loop);
	if (fl_http1_serve(&r->sock.base, fl_slice_of(NULL, 0), &router, NULL, r) != FL_OK)
		abort();
	settle(r);
	feed(r, in, piece);
	for (unsigned before = ~0u; before != r->calls;) {
		before = r->calls;
		settle(r);
	}
	fl_http_group_close(&group);
	if (group.count != 0)
		abort();
	if (r->raw != NULL)
		fl_stream_close(r->raw, 0);
	fl_loop_free(r->loop);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, cut;

	if (size < 1 || size > 32768)
		return 0;
	struct fl_slice in = fl_slice_of(data + 1, size - 1);
	run(&whole, in, SIZE_MAX);
	run(&cut, in, (size_t)data[0] % 17 + 1);
	if (whole.calls != cut.calls || whole.digest != cut.digest)
		abort();
	return 0;
}
