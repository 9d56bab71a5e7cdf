/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/admin.c - the sockets, which paths they serve, and their life. */
#include "services/ship/admin_impl.h"

#include "base/log.h"

#include <stdlib.h>

enum { CONNECTIONS = 256 };

#define API "/api/v1/ship/"

static const struct fl_http_route api_routes[] = {
	{ .method = "GET", .path = API "status", .handle = fl_ship_admin_status },
	{ .method = "GET", .path = API "identity", .handle = fl_ship_admin_identity },
	{ .method = "GET", .path = API "qr", .handle = fl_ship_admin_qr },
	{ .method = "POST",
	  .path = API "window",
	  .handle = fl_ship_admin_window,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "GET", .path = API "messages", .handle = fl_ship_admin_messages },
	{ .method = "GET", .path = API "events", .handle = fl_ship_admin_events },
	{ .method = "GET", .path = API "devices", .handle = fl_ship_admin_list },
	{ .method = "GET", .path = API "services", .handle = fl_ship_admin_services },
	{ .method = "GET", .path = API "pairings", .handle = fl_ship_admin_pairings },
	{ .method = "GET", .path = API "devices/*", .handle = fl_ship_admin_show },
	{ .method = "DELETE", .path = API "devices/*", .handle = fl_ship_admin_unpair },
	{ .method = "POST",
	  .path = API "devices/*/pair",
	  .handle = fl_ship_admin_pair,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST",
	  .path = API "devices/*/refuse",
	  .handle = fl_ship_admin_refuse_device,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST",
	  .path = API "devices/*/connect",
	  .handle = fl_ship_admin_connect,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST",
	  .path = API "devices/*/disconnect",
	  .handle = fl_ship_admin_disconnect,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST",
	  .path = API "devices/*/pin",
	  .handle = fl_ship_admin_pin,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST",
	  .path = API "devices/*/pin-key",
	  .handle = fl_ship_admin_pin_key,
	  .body_max = FL_SHIP_ADMIN_BODY_MAX },
	{ .method = "POST", .path = API "devices/*/send", .handle = fl_ship_admin_send },
};

/* These tell nothing that is worth a permission. */
static const struct fl_http_route open_routes[] = {
	{ .method = "GET", .path = "/health", .handle = fl_ship_admin_health },
	{ .method = "GET", .path = "/version", .handle = fl_ship_admin_version },
	{ .method = "GET", .path = "/metrics", .handle = fl_ship_admin_metrics },
};

/* ---- routes ---- */

static void add_route(struct fl_ship_admin *a, const struct fl_http_route *r)
{
	struct fl_http_route *to = &a->routes[a->routes_count++];

	*to = *r;
	if (r->handle == fl_ship_admin_send)
		to->body_max = a->hub->message_max;
}

static bool on_refused(void *ctx, struct fl_http *x, unsigned status, const char *why)
{
	enum fl_err err = status == 404   ? FL_ERR_NOT_FOUND
			  : status == 413 ? FL_ERR_TOO_BIG
					  : FL_ERR_INVALID;

	(void)ctx;
	fl_ship_admin_fail(x, status, err, why, NULL, NULL);
	return true;
}

static void make_routers(struct fl_ship_admin *a)
{
	for (size_t i = 0; i < sizeof api_routes / sizeof *api_routes; i++)
		add_route(a, &api_routes[i]);
	for (size_t i = 0; i < sizeof open_routes / sizeof *open_routes; i++)
		add_route(a, &open_routes[i]);
	a->router = (struct fl_http_router){
		.routes = a->routes,
		.count = a->routes_count,
		.ctx = a,
		.refuse = on_refused,
		.group = &a->conns,
	};
	a->metrics_router = a->router;
	a->metrics_router.routes = open_routes;
	a->metrics_router.count = sizeof open_routes / sizeof *open_routes;
}

/* ---- sockets ---- */

static void serve(struct fl_ship_admin *a, struct fl_stream *s, const struct fl_http_router *router)
{
	if (fl_http1_serve(s, fl_slice_of(NULL, 0), router, NULL, a) != FL_OK)
		fl_log_warn("connection refused: out of memory");
}

static void on_socket(void *ctx, struct fl_stream *s)
{
	struct fl_ship_admin *a = ctx;
	serve(a, s, &a->router);
}

static void on_metrics(void *ctx, struct fl_stream *s)
{
	struct fl_ship_admin *a = ctx;
	serve(a, s, &a->metrics_router);
}

static enum fl_err listen_all(struct fl_ship_admin *a, const struct fl_ship_admin_config *cfg,
			      struct fl_fault *fault)
{
	const struct fl_listen_config local = {
		.unix_path = cfg->socket,
		.unix_mode = cfg->socket_mode,
		.mode = FL_LISTEN_PLAIN,
		.conn_max = CONNECTIONS,
		.on_accept = on_socket,
		.ctx = a,
	};
	const struct fl_listen_config metrics = {
		.at = cfg->metrics_at,
		.mode = FL_LISTEN_PLAIN,
		.conn_max = CONNECTIONS,
		.on_accept = on_metrics,
		.ctx = a,
	};
	enum fl_err err = FL_OK;

	if (cfg->socket != NULL)
		err = fl_listener_new(a->loop, &local, fault, &a->socket);
	if (err == FL_OK && fl_ip_is_set(&cfg->metrics_at.ip))
		err = fl_listener_new(a->loop, &metrics, fault, &a->metrics);
	return err;
}

/* ---- life ---- */

enum fl_err fl_ship_admin_new(struct fl_loop *l, struct fl_ship_hub *h,
			      const struct fl_ship_admin_config *cfg, struct fl_fault *fault,
			      struct fl_ship_admin **out)
{
	struct fl_ship_admin *a = calloc(1, sizeof *a);
	if (a == NULL)
		return FL_ERR_NOMEM;

	a->loop = l;
	a->hub = h;
	fl_http_group_init(&a->conns);
	make_routers(a);
	fl_ship_admin_events_start(a);
	enum fl_err err = listen_all(a, cfg, fault);
	if (err != FL_OK) {
		fl_ship_admin_free(a);
		return err;
	}
	*out = a;
	return FL_OK;
}

struct fl_ship_admin *fl_ship_admin_free(struct fl_ship_admin *a)
{
	if (a == NULL)
		return NULL;
	a->socket = fl_listener_close(a->socket);
	a->metrics = fl_listener_close(a->metrics);
	fl_ship_admin_events_stop(a);
	fl_http_group_close(&a->conns);
	free(a);
	return NULL;
}

struct fl_addrport fl_ship_admin_metrics_at(const struct fl_ship_admin *a)
{
	return a->metrics != NULL ? fl_listener_at(a->metrics) : (struct fl_addrport){ 0 };
}
