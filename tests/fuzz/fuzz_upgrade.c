/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/fuzz_upgrade.c - the way in: HTTP/1, the upgrade at /ts2021, records, HTTP/2.
 *
 * The first byte chooses. Even: the rest are the connection's bytes from the first one. Odd: a
 * proper client completes the handshake, and the rest is what it says inside, sealed.
 */
#include <stdlib.h>

#include "base/text.h"
#include "crypto/prim.h"
#include "io/stream_impl.h"
#include "services/control/noise_server.h"

#include "../proto/key_from.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 32 << 10, ANSWERS_MAX = 16 << 20, PIECE = 1000 };

struct run {
	struct fl_loop *loop;
	struct fl_sock sock; /* all of a stream but the socket */
	bool closed;
	struct fl_buf answers; /* what the server wrote */
	struct fl_noise_server server;
	struct fl_http_group group;
	unsigned requests;
};

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* ---- the stream ---- */

static enum fl_err take(struct fl_stream *s, struct fl_slice data)
{
	struct run *r = fl_list_entry(s, struct run, sock.base);
	fl_buf_put(&r->answers, data.ptr, data.len);
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
	must(!r->closed);
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

/* ---- the server ---- */

static void upgrade(void *ctx, struct fl_http *x)
{
	struct run *r = ctx;
	fl_noise_server_upgrade(&r->server, x);
}

static void inside(void *ctx, struct fl_http *x)
{
	struct run *r = ctx;

	r->requests++;
	fl_noise_link_request(fl_http_conn_ctx(x));
	fl_http_respond(x, 200, "text/plain", fl_http_body(x));
}

static const struct fl_http_route outer_routes[] = {
	{ "POST", "/ts2021", 0, upgrade },
	{ "GET", "/ts2021", 0, upgrade },
};

static const struct fl_http_route inner_routes[] = {
	{ "POST", "/machine/register", 4096, inside },
	{ "*", "/machine/**", 0, inside },
};

static void settle(struct run *r)
{
	for (int i = 0; i < 6; i++)
		fl_loop_poll(r->loop);
}

static void feed(struct run *r, struct fl_slice in)
{
	struct fl_stream *s = &r->sock.base;

	while (in.len > 0 && !r->closed) {
		size_t n = in.len < PIECE ? in.len : PIECE;
		uint8_t *copy = malloc(n); /* the owner may write to it */
		must(copy != NULL);
		memcpy(copy, in.ptr, n);
		if (fl_stream_hears(s))
			s->owner->on_data(s->ctx, copy, n);
		free(copy);
		in = fl_slice_skip(in, n);
		settle(r);
	}
}

/* ---- a proper client ---- */

static void speak_inside(struct run *r, struct fl_slice in)
{
	struct fl_private_key machine = key_from(0x00), ephemeral = key_from(0x20);
	struct fl_noise_handshake hs;
	struct fl_noise_conn conn;
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	char text[FL_NOISE_INITIATION_LEN * 2];
	struct fl_buf b = fl_buf_make(1 << 20);

	must(fl_noise_initiate(&machine, &ephemeral, &r->server.common.public_key, 145, initiation,
			       &hs) == FL_OK);
	fl_base64_encode(initiation, sizeof initiation, text);
	fl_buf_printf(&b,
		      "POST /ts2021 HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\n"
		      "Upgrade: tailscale-control-protocol\r\nX-Tailscale-Handshake: %s\r\n\r\n",
		      text);
	feed(r, fl_buf_slice(&b));
	const uint8_t *end = memmem(r->answers.ptr, r->answers.len, "\r\n\r\n", 4);
	must(end != NULL);
	must(fl_noise_finish(&hs, fl_slice_of(end + 4, FL_NOISE_RESPONSE_LEN), &conn) == FL_OK);
	must(fl_machine_key_is_zero(&conn.peer));
	fl_buf_reset(&b);
	must(fl_noise_seal(&conn, in, &b) == FL_OK);
	feed(r, fl_buf_slice(&b));
	fl_noise_conn_done(&conn);
	fl_buf_done(&b);
}

static void open_run(struct run *r, const struct fl_http_router *outer)
{
	const struct fl_http_router inner = { .routes = inner_routes, .count = 2, .ctx = r };
	struct fl_private_key key = key_from(0x40);

	must(fl_loop_new(&r->loop) == FL_OK);
	fl_noise_server_init(&r->server, r->loop, &key, 113, &inner);
	must(fl_noise_server_start(&r->server, 0) == FL_OK);
	fl_http_group_init(&r->group);
	fl_stream_init(&r->sock.base, &ops, r->loop);
	must(fl_http1_serve(&r->sock.base, fl_slice_of(NULL, 0), outer, NULL, NULL) == FL_OK);
	settle(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run r = { .answers = fl_buf_make(ANSWERS_MAX) };
	const struct fl_http_router outer = {
		.routes = outer_routes,
		.count = 2,
		.ctx = &r,
		.group = &r.group,
	};

	if (fl_crypto_init() != FL_OK || size < 1 || size > INPUT_MAX)
		return 0;
	open_run(&r, &outer);
	if (data[0] & 1)
		speak_inside(&r, fl_slice_of(data + 1, size - 1));
	else
		feed(&r, fl_slice_of(data + 1, size - 1));
	must(r.requests == 0 || (data[0] & 1) != 0); /* nobody guesses a record */
	fl_http_group_close(&r.group);
	fl_noise_server_done(&r.server);
	settle(&r);
	must(r.closed && r.server.count == 0);
	fl_loop_free(r.loop);
	fl_buf_done(&r.answers);
	return 0;
}
