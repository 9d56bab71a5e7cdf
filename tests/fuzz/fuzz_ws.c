/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_ws.c - a WebSocket stream fed with anything, over a stream of memory.
 *
 * The first byte chooses the piece size (low nibble), our side (bit 4), whether messages may have
 * 100 bytes or 64 KiB (bit 5), whether the owner writes back what it hears (bit 6) and whether it
 * pauses after each delivery (bit 7).
 */
#include "crypto/prim.h"
#include "io/stream_impl.h"

#include <stdlib.h>

/* ---- below ---- */

static struct fl_sock memory; /* only its base is used */
static bool under_closed;

static enum fl_err take(struct fl_stream *s, struct fl_slice data)
{
	volatile uint8_t last = data.ptr[data.len - 1];

	(void)s;
	(void)last;
	return FL_OK;
}

static size_t pending(const struct fl_stream *s)
{
	(void)s;
	return 0;
}

static bool holds(const struct fl_stream *s)
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
	(void)linger;
	under_closed = true;
	fl_stream_done(s);
}

static const struct fl_stream_ops ops = { take, pending, nothing, holds, nothing, on_close };

/* ---- above ---- */

struct run {
	struct fl_stream *s;
	size_t got, fed;
	unsigned ends;
	bool echo, pause;
};

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct run *r = ctx;

	r->got += len;
	if (r->ends > 0 || len == 0 || r->got > r->fed)
		abort(); /* after the end, nothing, or more than was sent */
	if (r->echo && fl_stream_write(r->s, fl_slice_of(data, len)) != FL_OK)
		r->s = fl_stream_close(r->s, 0);
	memset(data, 0xee, len); /* the owner may */
	if (r->pause && r->s != NULL)
		fl_stream_pause(r->s, true);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct run *r = ctx;

	(void)why;
	if (r->ends++ > 0)
		abort();
}

static const struct fl_stream_owner owner = { .on_data = on_data, .on_end = on_end };

static void feed(struct run *r, struct fl_loop *loop, struct fl_slice in, size_t piece)
{
	struct fl_stream *under = &memory.base;

	while (in.len > 0 && r->s != NULL && r->ends == 0) {
		size_t n = in.len < piece ? in.len : piece;
		if (!fl_stream_hears(under))
			fl_stream_pause(r->s, false);
		fl_loop_poll(loop);
		if (!fl_stream_hears(under))
			return;
		uint8_t *copy = malloc(n);
		if (copy == NULL)
			abort();
		memcpy(copy, in.ptr, n);
		r->fed += n;
		under->owner->on_data(under->ctx, copy, n);
		free(copy);
		in = fl_slice_skip(in, n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { 0 };
	struct fl_loop *loop;

	if (size < 1)
		return 0;
	uint8_t how = data[0];
	size_t piece = (how & 15) == 0 ? SIZE_MAX : (size_t)(how & 15);
	r.echo = how & 64;
	r.pause = how & 128;
	if (fl_crypto_init() != FL_OK || fl_loop_new(&loop) != FL_OK)
		abort();
	memset(&memory, 0, sizeof memory);
	under_closed = false;
	fl_stream_init(&memory.base, &ops, loop);
	if (fl_ws_wrap(&memory.base, fl_slice_of(NULL, 0), how & 32 ? 100 : 64 << 10, how & 16,
		       &r.s) != FL_OK ||
	    fl_stream_own(r.s, &owner, &r, fl_slice_of(NULL, 0)) != FL_OK)
		abort();
	feed(&r, loop, fl_slice_of(data + 1, size - 1), piece);
	if (r.s != NULL)
		fl_stream_close(r.s, 0);
	if (!under_closed)
		abort();
	fl_loop_free(loop);
	return 0;
}
