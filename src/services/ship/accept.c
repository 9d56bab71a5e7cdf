/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/accept.c - devices that come to us: TLS, a request for a WebSocket, and the
 * machine's word whether there is room for it.
 *
 * The path does not matter, as with other hubs. A visitor that asks for anything else gets an
 * answer, and is closed a second later.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"

enum { VISITORS_MAX = 64, VISITORS_OF_ONE_MAX = 8 };

#define HELLO_TIMEOUT (10 * FL_SEC)

static const struct fl_http_limits limits = {
	.head_timeout = 10 * FL_SEC,
	.body_timeout = 10 * FL_SEC,
	.idle_timeout = FL_SEC, /* nobody who comes for a connection asks twice */
};

static void answer(struct fl_http *x, unsigned status, const char *text)
{
	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_str(text));
}

static void turn_away(struct fl_ship_hub *h, struct fl_http *x, enum fl_err err)
{
	if (err == FL_ERR_BUSY) {
		h->counts.rejected_busy++;
		answer(x, 429, "this device connects too often; wait a minute\n");
	} else if (err == FL_ERR_DENIED) {
		h->counts.rejected_tls++;
		answer(x, 403, "that is the key of this hub itself\n");
	} else if (err == FL_ERR_STATE) {
		h->counts.rejected_limit++;
		answer(x, 403, "not while it does not announce a category that is allowed\n");
	} else {
		h->counts.rejected_full++;
		answer(x, 503,
		       err == FL_ERR_CLOSED ? "the hub is stopping\n" : "no further connection\n");
	}
}

static void enter(struct fl_ship_hub *h, struct fl_http *x, const struct fl_ship_link_facts *facts)
{
	struct fl_stream *s;
	struct fl_slice early;

	enum fl_err err = fl_http_upgrade_wsm(x, "ship", &s, &early);
	if (err == FL_OK)
		err = fl_ship_link_new(h, s, early, facts);
	if (err == FL_OK)
		h->counts.upgrades++;
	else
		fl_devices_lost(h->devices, fl_loop_now(h->loop), facts->number, 1006,
				fl_slice_of(NULL, 0));
	fl_ship_pump(h);
}

static void close_double(struct fl_ship_hub *h, struct fl_http *x)
{
	struct fl_stream *s;
	struct fl_slice early;

	if (fl_http_upgrade_wsm(x, "ship", &s, &early) == FL_OK)
		fl_ship_link_refuse(h, s, early, false);
	fl_ship_pump(h);
}

static void ask_machine(struct fl_ship_hub *h, struct fl_http *x, const struct fl_ski *ski)
{
	struct fl_ship_link_facts facts = { .ski = *ski };

	enum fl_err err = fl_devices_incoming(h->devices, fl_loop_now(h->loop), ski, &facts.number,
					      &facts.parked);
	if (err == FL_OK) {
		enter(h, x, &facts);
	} else if (err == FL_ERR_EXISTS) {
		close_double(h, x);
	} else {
		turn_away(h, x, err);
		fl_ship_pump(h);
	}
}

static void on_request(void *ctx, struct fl_http *x)
{
	struct fl_ship_hub *h = ctx;
	struct fl_tls_peer_facts facts;
	struct fl_ski ski;

	unsigned status = fl_http_ws_verdict(x, "ship");
	if (status != 0) {
		h->counts.rejected_http++;
		fl_http_ws_refuse(x, status);
		return;
	}
	enum fl_err err = fl_stream_peer_facts(fl_http_stream(x), &facts);
	if (err == FL_OK) /* as in the handshake, unless a pin was taken back since */
		err = fl_ship_judge(h, &facts.cert, FL_OK, NULL, &ski);
	if (err != FL_OK) {
		h->counts.rejected_tls++;
		answer(x, 403, "no certificate that can be used\n");
		return;
	}
	fl_ship_judge_dates(h, &facts.cert);
	ask_machine(h, x, &ski);
}

static const struct fl_http_route routes[] = {
	{ .method = "*", .path = "/**", .handle = on_request },
};

static void on_accept(void *ctx, struct fl_stream *s)
{
	struct fl_ship_hub *h = ctx;

	if (fl_http1_serve(s, fl_slice_of(NULL, 0), &h->router, &limits, h) != FL_OK)
		fl_log_warn("connection refused: out of memory");
}

static void on_refused(void *ctx, const struct fl_addrport *from, const char *why)
{
	struct fl_ship_hub *h = ctx;
	char at[FL_ADDRPORT_TEXT_MAX];

	fl_addrport_format(from, at);
	h->counts.rejected_tls++;
	fl_log_warn("connection refused", FL_LS("from", at), FL_LS("why", why));
}

enum fl_err fl_ship_accept_open(struct fl_ship_hub *h, struct fl_fault *fault)
{
	const struct fl_listen_config cfg = {
		.at = h->listen,
		.mode = FL_LISTEN_TLS,
		.later = true,
		.conn_max = (uint32_t)h->connections_max + VISITORS_MAX,
		/* Behind loopback stand proxies and tests. */
		.per_source_max = fl_ip_is_loopback(&h->listen.ip)
					  ? 0
					  : (uint32_t)h->connections_max + VISITORS_OF_ONE_MAX,
		.drop_oldest = true,
		.hello_timeout = HELLO_TIMEOUT,
		.pending_max = 2 * h->message_max + (2 << 20),
		.on_accept = on_accept,
		.on_refused = on_refused,
		.ctx = h,
	};

	fl_http_group_init(&h->visitors);
	h->router = (struct fl_http_router){
		.routes = routes,
		.count = sizeof routes / sizeof *routes,
		.ctx = h,
		.group = &h->visitors,
	};
	return fl_listener_new(h->loop, &cfg, fault, &h->listener);
}

enum fl_err fl_ship_accept_start(struct fl_ship_hub *h, struct fl_fault *fault)
{
	if (h->listener == NULL) { /* closed by a start that failed */
		enum fl_err err = fl_ship_accept_open(h, fault);
		if (err != FL_OK)
			return err;
	}
	fl_listener_begin(h->listener, h->tls);
	return FL_OK;
}

void fl_ship_accept_stop(struct fl_ship_hub *h)
{
	if (h->listener == NULL)
		return;
	h->listener = fl_listener_close(h->listener);
	fl_http_group_close(&h->visitors);
}
