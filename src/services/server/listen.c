/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/listen.c - which paths each listener serves, and the listeners themselves.
 *
 * public   control, relay, admin API with keys; TLS and plain HTTP on one port
 * socket   admin API, trusted
 * metrics  counters, health, /debug
 */
#include "services/server/internal.h"

#include "services/config/check.h"

enum { SOCKET_CONNECTIONS = 256 };

static const char *const security_fields[] = {
	"X-Frame-Options",
	"DENY",
	"Content-Security-Policy",
	"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
	"X-Content-Type-Options",
	"nosniff",
	"Referrer-Policy",
	"no-referrer",
	NULL,
};

/* ---- routes ---- */

static void add(struct fl_server_routes *r, const struct fl_http_route *routes, size_t count,
		void *ctx)
{
	for (size_t i = 0; i < count && r->count < FL_SERVER_ROUTES_MAX; i++) {
		r->at[r->count] = routes[i];
		r->at[r->count].ctx = ctx;
		r->count++;
	}
}

static bool refuse_api(void *ctx, struct fl_http *x, unsigned status, const char *why)
{
	struct fl_server *s = ctx;
	return fl_api_refuse(s->api, x, status, why);
}

static void finish(struct fl_server *s, struct fl_server_routes *r)
{
	r->router = (struct fl_http_router){
		.routes = r->at,
		.count = r->count,
		.ctx = s,
		.common_fields = security_fields,
		.on_answer = fl_control_log_request,
		.group = &s->conns,
	};
}

static const struct fl_http_route metrics_routes[] = {
	{ .method = "GET", .path = "/metrics", .handle = fl_server_metrics },
	{ .method = "GET", .path = "/debug", .handle = fl_server_debug_index },
	{ .method = "GET", .path = "/debug/", .handle = fl_server_debug_index },
	{ .method = "GET", .path = "/debug/ping", .handle = fl_server_debug_ping },
	{ .method = "GET", .path = "/debug/*", .handle = fl_server_debug },
};

static void make_routes(struct fl_server *s)
{
	struct fl_http_route relay[FL_RELAY_ROUTES_MAX] = { 0 };
	size_t count;
	const struct fl_http_route *list = fl_control_routes(&count);

	add(&s->public_routes, list, count, s->control);
	if (s->relay != NULL)
		add(&s->public_routes, relay, fl_relay_routes(s->relay, relay, FL_RELAY_ROUTES_MAX),
		    s->relay);
	list = fl_api_routes(&count);
	add(&s->public_routes, list, count, s->api);
	add(&s->socket_routes, list, count, s->api);
	list = fl_control_routes(&count);
	for (size_t i = 0; i < count; i++) {
		if (strcmp(list[i].path, "/health") == 0 || strcmp(list[i].path, "/version") == 0) {
			add(&s->socket_routes, &list[i], 1, s->control);
			add(&s->metrics_routes, &list[i], 1, s->control);
		}
	}
	add(&s->metrics_routes, metrics_routes, sizeof metrics_routes / sizeof *metrics_routes, s);
	finish(s, &s->public_routes);
	finish(s, &s->socket_routes);
	finish(s, &s->metrics_routes);
	s->public_routes.router.refuse = s->socket_routes.router.refuse = refuse_api;
}

/* ---- listeners ---- */

static void serve(struct fl_server *s, struct fl_stream *stream,
		  const struct fl_http_router *router, void *conn_ctx)
{
	const struct fl_slice none = { 0 };
	if (fl_http1_serve(stream, none, router, &s->times->http, conn_ctx) != FL_OK)
		fl_log_warn("connection refused: out of memory");
}

static void on_public(void *ctx, struct fl_stream *stream)
{
	struct fl_server *s = ctx;
	serve(s, stream, &s->public_routes.router, &fl_api_public);
}

static void on_socket(void *ctx, struct fl_stream *stream)
{
	struct fl_server *s = ctx;
	serve(s, stream, &s->socket_routes.router, &fl_api_trusted);
}

static void on_metrics_conn(void *ctx, struct fl_stream *stream)
{
	struct fl_server *s = ctx;
	serve(s, stream, &s->metrics_routes.router, &fl_api_public);
}

static enum fl_err listen_public(struct fl_server *s, struct fl_fault *fault)
{
	struct fl_listen_config cfg = {
		.mode = FL_LISTEN_BOTH,
		.tls = s->identity.tls,
		.conn_max = fl_listen_conn_max(),
		.hello_timeout = s->times->hello,
		.on_accept = on_public,
		.ctx = s,
	};

	enum fl_err err = fl_config_listen_parse(s->config->listen_addr, &cfg.at);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "listen_addr is not an address and port");
	/* One address must not take every place; behind loopback stand proxies and tests. */
	if (!fl_ip_is_loopback(&cfg.at.ip))
		cfg.per_source_max = cfg.conn_max / 2;
	return fl_listener_new(s->loop, &cfg, fault, &s->public_listener);
}

static enum fl_err listen_socket(struct fl_server *s, struct fl_fault *fault)
{
	const struct fl_listen_config cfg = {
		.unix_path = s->config->unix_socket,
		.unix_mode = s->config->unix_socket_permission,
		.mode = FL_LISTEN_PLAIN,
		.conn_max = SOCKET_CONNECTIONS,
		.on_accept = on_socket,
		.ctx = s,
	};
	return fl_listener_new(s->loop, &cfg, fault, &s->socket_listener);
}

static enum fl_err listen_metrics(struct fl_server *s, struct fl_fault *fault)
{
	struct fl_listen_config cfg = {
		.mode = FL_LISTEN_PLAIN,
		.conn_max = SOCKET_CONNECTIONS,
		.hello_timeout = s->times->hello,
		.on_accept = on_metrics_conn,
		.ctx = s,
	};

	if (s->config->metrics_listen_addr[0] == '\0')
		return FL_OK;
	enum fl_err err = fl_config_listen_parse(s->config->metrics_listen_addr, &cfg.at);
	if (err != FL_OK)
		return fl_fault_set(fault, err, "metrics_listen_addr is not an address and port");
	return fl_listener_new(s->loop, &cfg, fault, &s->metrics_listener);
}

enum fl_err fl_server_listen(struct fl_server *s, struct fl_fault *fault)
{
	make_routes(s);
	enum fl_err err = listen_socket(s, fault);
	if (err == FL_OK)
		err = listen_metrics(s, fault);
	if (err == FL_OK)
		err = listen_public(s, fault);
	return err;
}

static struct fl_listener *unlisten(struct fl_listener *l)
{
	return l != NULL ? fl_listener_close(l) : NULL;
}

void fl_server_unlisten(struct fl_server *s)
{
	s->public_listener = unlisten(s->public_listener);
	s->socket_listener = unlisten(s->socket_listener);
	s->metrics_listener = unlisten(s->metrics_listener);
}
