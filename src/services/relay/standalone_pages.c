/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/standalone_pages.c - which pages each listener of a relay process serves.
 *
 * public   DERP, probes; a browser is told to keep to TLS where it came by TLS
 * http     the captive-portal check, and for all else the way to the public one
 * metrics  counters, consistency
 */
#include "services/relay/standalone_impl.h"

enum { METRICS_MAX = 256 << 10, LOCATION_MAX = 1024, TLS_PORT = 443 };

/* The first pair only over TLS: in clear text anybody could have written it. */
static const char *const tls_fields[] = {
	"Strict-Transport-Security",
	"max-age=63072000",
	"Content-Security-Policy",
	"default-src 'none'; frame-ancestors 'none'",
	"X-Frame-Options",
	"DENY",
	"X-Content-Type-Options",
	"nosniff",
	NULL,
};
static const char *const *const clear_fields = tls_fields + 2;

static void on_home(void *ctx, struct fl_http *x)
{
	(void)ctx;
	fl_http_respond(x, 200, "text/plain; charset=utf-8",
			fl_slice_str("This is a relay. It speaks DERP to its clients.\n"));
}

static void on_metrics(void *ctx, struct fl_http *x)
{
	struct fl_buf b = fl_buf_make(METRICS_MAX);

	fl_relay_standalone_metrics(ctx, &b);
	if (fl_buf_err(&b) == FL_OK)
		fl_http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8",
				fl_buf_slice(&b));
	else
		fl_http_respond(x, 500, NULL, fl_slice_of(NULL, 0));
	fl_buf_done(&b);
}

static void on_check(void *ctx, struct fl_http *x)
{
	struct fl_relay_standalone *s = ctx;
	bool ok = fl_relay_check(s->relay);

	fl_http_respond(x, ok ? 200 : 500, "text/plain; charset=utf-8",
			fl_slice_str(ok ? "ok\n" : "gauges and maps disagree\n"));
}

static void write_location(const struct fl_relay_standalone *s, struct fl_slice path,
			   struct fl_slice query, struct fl_buf *b)
{
	uint16_t port = fl_listener_at(s->listener).port;
	bool v6 = strchr(s->host, ':') != NULL;

	fl_buf_printf(b, v6 ? "https://[%s]" : "https://%s", s->host);
	if (port != TLS_PORT)
		fl_buf_printf(b, ":%u", port);
	fl_buf_put(b, path.ptr, path.len);
	if (query.len > 0) {
		fl_buf_byte(b, '?');
		fl_buf_put(b, query.ptr, query.len);
	}
	fl_buf_byte(b, 0);
}

/* Our own name, not the Host field's: whoever sends that must not choose where others go. */
static bool on_elsewhere(void *ctx, struct fl_http *x, unsigned status, const char *why)
{
	const struct fl_relay_standalone *s = ctx;
	char location[LOCATION_MAX];
	struct fl_buf b = fl_buf_over(location, sizeof location);

	(void)why;
	if (status != 404 && status != 405)
		return false;
	if (s->identity.tls == NULL || status == 405) {
		fl_http_respond(x, status, "text/plain; charset=utf-8",
				fl_slice_str("only /generate_204 is here\n"));
		return true;
	}
	write_location(s, fl_http_path(x), fl_http_query_text(x), &b);
	if (fl_buf_err(&b) != FL_OK) {
		fl_buf_reset(&b);
		write_location(s, fl_slice_str("/"), fl_slice_of(NULL, 0), &b);
	}
	fl_http_set(x, "Location", location);
	fl_http_respond(x, 308, "text/plain; charset=utf-8", fl_slice_str("see https\n"));
	return true;
}

void fl_relay_standalone_routers(struct fl_relay_standalone *s)
{
	size_t n = fl_relay_routes(s->relay, s->routes, FL_RELAY_ROUTES_MAX);

	for (size_t i = 0; i < n; i++)
		if (strcmp(s->routes[i].path, "/generate_204") == 0)
			s->http_route = s->routes[i];
	s->routes[n++] = (struct fl_http_route){ .method = "GET", .path = "/", .handle = on_home };
	s->metrics_routes[0] =
		(struct fl_http_route){ .method = "GET", .path = "/metrics", .handle = on_metrics };
	s->metrics_routes[1] = (struct fl_http_route){ .method = "GET",
						       .path = "/debug/check",
						       .handle = on_check };
	s->clear_router = (struct fl_http_router){ .routes = s->routes,
						   .count = n,
						   .ctx = s,
						   .common_fields = clear_fields,
						   .group = &s->conns };
	s->router = s->clear_router;
	s->router.common_fields = tls_fields;
	s->http_router = s->clear_router;
	s->http_router.routes = &s->http_route;
	s->http_router.count = 1;
	s->http_router.refuse = on_elsewhere;
	s->metrics_router = s->clear_router;
	s->metrics_router.routes = s->metrics_routes;
	s->metrics_router.count = 2;
}
