/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_h2.c - an HTTP/2 connection fed with anything.
 *
 * The first byte chooses the piece size (low nibble), whether preface and SETTINGS are supplied
 * (bit 4), and how often the transport is full (bits 5-7).
 */
#include "io/http.h"

#include <stdlib.h>

enum { HELD_MAX = 4 };

struct run {
	struct fl_loop *loop;
	struct fl_h2 *h2;
	struct fl_http *held[HELD_MAX], *stream;
	unsigned sends, full_every;
	bool blocked;
};

static struct run *current;

static bool is_full(void *ctx)
{
	struct run *r = ctx;

	r->blocked = r->full_every > 0 && ++r->sends % r->full_every == 0;
	return r->blocked;
}

static enum fl_err on_send(void *ctx, struct fl_slice bytes)
{
	volatile uint8_t last;

	(void)ctx;
	last = bytes.ptr[bytes.len - 1];
	(void)last;
	return FL_OK;
}

/* ---- handlers ---- */

static void echo(void *ctx, struct fl_http *x)
{
	char value[32];

	(void)ctx;
	if (fl_http_query(x, "q", value, sizeof value) == FL_OK)
		fl_http_set(x, "X-Q", value);
	fl_http_respond(x, 200, "text/plain", fl_http_body(x));
}

static void on_gone(void *ctx)
{
	*(struct fl_http **)ctx = NULL;
}

static void keep(struct fl_http **place, struct fl_http *x)
{
	if (*place != NULL) {
		fl_http_abort(x);
		return;
	}
	*place = x;
	fl_http_on_gone(x, on_gone, place);
}

static void hold(void *ctx, struct fl_http *x)
{
	(void)ctx;
	keep(&current->held[fl_http_body(x).len % HELD_MAX], x);
}

static void stream(void *ctx, struct fl_http *x)
{
	(void)ctx;
	if (current->stream != NULL) {
		fl_http_abort(x);
		return;
	}
	keep(&current->stream, x);
	fl_http_drop_request(x);
	fl_http_stream_start(x, 200, "application/json");
}

static const struct fl_http_route routes[] = {
	{ "GET", "/", 0, echo },      { "POST", "/e", 100, echo },
	{ "POST", "/h", 1000, hold }, { "POST", "/s", 1 << 20, stream },
	{ "*", "/*", 10, echo },
};
static const struct fl_http_router router = {
	.routes = routes,
	.count = sizeof routes / sizeof *routes,
};

/* ---- one run ---- */

/* What services do meanwhile, differently each time. */
static void meddle(struct run *r, unsigned turn)
{
	static const uint8_t chunk[3000];
	struct fl_http **held = &r->held[turn % HELD_MAX];

	if (turn % 3 == 0 && *held != NULL) {
		struct fl_http *x = *held;
		*held = NULL;
		fl_http_respond(x, 200, NULL, fl_slice_of(chunk, turn % sizeof chunk));
	}
	if (r->stream != NULL && turn % 7 == 6) {
		struct fl_http *x = r->stream;
		r->stream = NULL;
		if (turn % 2)
			fl_http_abort(x);
		else
			fl_http_stream_end(x);
	} else if (r->stream != NULL) {
		struct fl_bytes *b = fl_bytes_new(fl_slice_of(chunk, turn % sizeof chunk));
		if (b == NULL || fl_http_stream_send(r->stream, b) == FL_ERR_STATE)
			abort();
		fl_bytes_unref(b);
	}
}

static bool feed(struct run *r, struct fl_slice in, size_t piece)
{
	for (unsigned turn = 0; in.len > 0; turn++) {
		size_t n = in.len < piece ? in.len : piece;
		uint8_t *copy = malloc(n);
		if (copy == NULL)
			abort();
		memcpy(copy, in.ptr, n);
		enum fl_err err = fl_h2_input(r->h2, fl_slice_of(copy, n));
		free(copy);
		if (err == FL_OK && r->blocked) {
			r->blocked = false;
			err = fl_h2_resume(r->h2);
		}
		if (err != FL_OK)
			return false;
		meddle(r, turn);
		if (turn % 4 == 0)
			fl_loop_poll(r->loop);
		in = fl_slice_skip(in, n);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char hello[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
	struct run r = { 0 };
	const struct fl_h2_transport t = { .send = on_send, .full = is_full, .ctx = &r };
	const struct fl_http_limits limits = {
		.head_timeout = FL_MIN,
		.body_timeout = FL_MIN,
		.idle_timeout = FL_MIN,
		.conn_body_max = 3000,
		.streams_max = 20,
	};

	if (size < 1)
		return 0;
	current = &r;
	r.full_every = data[0] >> 5;
	if (r.full_every == 1)
		r.full_every = 0;
	size_t piece = (data[0] & 15) == 0 ? SIZE_MAX : (size_t)(data[0] & 15) * 3;
	if (fl_loop_new(&r.loop) != FL_OK ||
	    fl_h2_new(r.loop, &t, &router, &limits, NULL, &r.h2) != FL_OK)
		abort();
	bool alive = true;
	if (data[0] & 16)
		alive = feed(&r, fl_slice_of(hello, sizeof hello - 1), SIZE_MAX);
	if (alive)
		(void)feed(&r, fl_slice_of(data + 1, size - 1), piece);
	fl_loop_poll(r.loop);
	fl_h2_free(r.h2);
	for (size_t i = 0; i < HELD_MAX; i++)
		if (r.held[i] != NULL)
			abort(); /* every farewell was said */
	if (r.stream != NULL)
		abort();
	fl_loop_free(r.loop);
	return 0;
}
