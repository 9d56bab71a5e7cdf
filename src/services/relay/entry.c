/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/entry.c - the relay's HTTP: the upgrade to DERP, and what clients probe. */
#include "services/relay/relay_impl.h"

#include "base/log.h"
#include "base/text.h"

enum { CHALLENGE_MAX = 64 };

static void answer(struct fl_http *x, unsigned status, const char *text)
{
	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_str(text));
}

/* ---- /derp ---- */

static enum fl_err write_101(struct fl_relay *r, struct fl_stream *s)
{
	char mem[256], key[2 * FL_KEY_LEN + 1];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);

	fl_hex_encode(fl_relay_public(r), FL_KEY_LEN, key);
	fl_buf_printf(&b,
		      "HTTP/1.1 101 Switching Protocols\r\n"
		      "Upgrade: DERP\r\n"
		      "Connection: Upgrade\r\n"
		      "Derp-Version: %d\r\n"
		      "Derp-Public-Key: %s\r\n\r\n",
		      FL_DERP_VERSION, key);
	return fl_stream_write(s, fl_buf_slice(&b));
}

static void adopt(struct fl_relay *r, struct fl_stream *s, struct fl_slice early, bool not_ideal,
		  bool is_ws)
{
	enum fl_err err = fl_relay_conn_new(r, s, early, not_ideal, is_ws);
	if (err == FL_OK)
		return;
	fl_log_warn("relay client refused", FL_LS("why", fl_err_text(err)));
	fl_stream_close(s, 0);
}

/* With a fast start the client knows our key from TLS and is already waiting for frames. */
static void upgrade_raw(struct fl_relay *r, struct fl_http *x, bool not_ideal)
{
	bool fast = fl_slice_is(fl_http_field(x, "derp-fast-start"), "1");
	struct fl_stream *s;
	struct fl_slice early;

	if (fl_http_upgrade(x, &s, &early) != FL_OK) {
		answer(x, 400, "no body is expected here\n");
		return;
	}
	r->fast_starts += fast;
	if (!fast && write_101(r, s) != FL_OK) {
		fl_stream_close(s, 0);
		return;
	}
	adopt(r, s, early, not_ideal, false);
}

static void upgrade_ws(struct fl_relay *r, struct fl_http *x, bool not_ideal)
{
	struct fl_stream *s;

	/* Messages may hold a whole frame of the largest size. */
	if (fl_http_upgrade_ws(x, "derp", FL_DERP_INPUT_MAX, &s) != FL_OK)
		return;
	r->websocket_accepts++;
	adopt(r, s, fl_slice_of(NULL, 0), not_ideal, true);
}

static void serve_derp(void *ctx, struct fl_http *x)
{
	struct fl_relay *r = ctx;
	struct fl_slice upgrade = fl_http_field(x, "upgrade");
	bool ws = fl_str_ieq(upgrade, fl_slice_str("websocket"));
	bool not_ideal = fl_http_field(x, "ideal-node").len > 0;

	if (r->cfg.derp_off) {
		answer(x, 404, "derp server disabled\n");
		return;
	}
	if (r->stopping) {
		answer(x, 503, "the relay is restarting\n");
		return;
	}
	if (fl_http_is_h2(x) || !(ws || fl_str_ieq(upgrade, fl_slice_str("derp")))) {
		answer(x, 426, "DERP requires connection upgrade");
		return;
	}
	/* An ancient client says websocket without the subprotocol and speaks DERP all the same. */
	if (ws && fl_http_field_has(x, "sec-websocket-protocol", "derp"))
		upgrade_ws(r, x, not_ideal);
	else
		upgrade_raw(r, x, not_ideal);
}

/* ---- probes ---- */

static void serve_probe(void *ctx, struct fl_http *x)
{
	struct fl_slice method = fl_http_method(x);

	(void)ctx;
	if (!fl_slice_is(method, "GET") && !fl_slice_is(method, "HEAD")) {
		answer(x, 405, "bogus probe method");
		return;
	}
	fl_http_set(x, "Access-Control-Allow-Origin", "*");
	fl_http_respond(x, 200, NULL, fl_slice_of(NULL, 0));
}

static bool challenge_ok(struct fl_slice c)
{
	for (size_t i = 0; i < c.len; i++) {
		uint8_t b = c.ptr[i];
		bool alnum =
			(b >= '0' && b <= '9') || (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z');
		if (!alnum && b != '.' && b != '-' && b != '_' && b != ':')
			return false;
	}
	return c.len > 0 && c.len <= CHALLENGE_MAX;
}

static void serve_204(void *ctx, struct fl_http *x)
{
	struct fl_slice challenge = fl_http_field(x, "x-tailscale-challenge");
	char mem[CHALLENGE_MAX + 16];
	struct fl_buf b = fl_buf_over(mem, sizeof mem);

	(void)ctx;
	fl_http_set(x, "Cache-Control",
		    "no-cache, no-store, must-revalidate, no-transform, max-age=0");
	if (challenge_ok(challenge)) {
		fl_buf_str(&b, "response ");
		fl_buf_put(&b, challenge.ptr, challenge.len);
		fl_buf_byte(&b, 0);
		fl_http_set(x, "X-Tailscale-Response", mem);
	}
	fl_http_respond(x, 204, NULL, fl_slice_of(NULL, 0));
}

/* What a relay without names to tell says. */
static void serve_bootstrap_dns(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 200, "application/json", fl_slice_of(NULL, 0));
}

static void serve_robots(void *ctx, struct fl_http *x)
{
	(void)ctx;
	answer(x, 200, "User-agent: *\nDisallow: /\n");
}

size_t fl_relay_routes(struct fl_relay *r, struct fl_http_route *out, size_t cap)
{
	static const struct fl_http_route routes[] = {
		{ .method = "*", .path = "/derp", .handle = serve_derp },
		{ .method = "*", .path = "/derp/probe", .handle = serve_probe },
		{ .method = "*", .path = "/derp/latency-check", .handle = serve_probe },
		{ .method = "*", .path = "/generate_204", .handle = serve_204 },
		{ .method = "GET", .path = "/bootstrap-dns", .handle = serve_bootstrap_dns },
		{ .method = "GET", .path = "/robots.txt", .handle = serve_robots },
	};
	size_t n = 0;

	for (; n < sizeof routes / sizeof *routes && n < cap; n++) {
		out[n] = routes[n];
		out[n].ctx = r;
	}
	return n;
}
