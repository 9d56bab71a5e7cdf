/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/admin_impl.h - what the files of the local socket share. Not for others.
 *
 * admin.c         sockets, routes, life          admin_devices.c  devices, and what is done to them
 * admin_answer.c  answers and errors as JSON     admin_self.c     the hub itself
 * admin_events.c  the stream of events           admin_metrics.c  /metrics
 */
#ifndef FL_SERVICES_SHIP_ADMIN_IMPL_H
#define FL_SERVICES_SHIP_ADMIN_IMPL_H

#include "base/jw.h"
#include "services/ship/admin.h"
#include "services/ship/hub_impl.h"
#include "wire/json.h"

enum {
	FL_SHIP_ADMIN_BODY_MAX = 64 << 10,
	FL_SHIP_ADMIN_ANSWER_MAX = 64 << 20,
	FL_SHIP_ADMIN_HOLD = 1 << 20,       /* events that one reader has not taken: wait for it */
	FL_SHIP_ADMIN_UNREAD_MAX = 8 << 20, /* close it */
	FL_SHIP_ADMIN_ROUTES_MAX = 24,
};

struct fl_ship_admin {
	struct fl_loop *loop;
	struct fl_ship_hub *hub;
	struct fl_listener *socket, *metrics;
	struct fl_http_route routes[FL_SHIP_ADMIN_ROUTES_MAX];
	size_t routes_count;
	struct fl_http_router router, metrics_router;
	struct fl_http_group conns;
	struct fl_ship_ear ear;
	struct fl_list readers;  /* of events */
	uint64_t readers_closed; /* since they were too slow */
};

/* ---- admin_answer.c ---- */

/* {"error","code","field","hint"}; `field` and `hint` may be NULL. */
void fl_ship_admin_fail(struct fl_http *x, unsigned status, enum fl_err err, const char *text,
			const char *field, const char *hint);
/* The status that fits `err`, and its text. */
void fl_ship_admin_refuse(struct fl_http *x, enum fl_err err, const struct fl_fault *fault);
/* Answers with what `b` holds, and frees it. */
void fl_ship_admin_json(struct fl_http *x, struct fl_buf *b);
void fl_ship_admin_empty(struct fl_http *x);

/* The body as an object; an empty one is {}. NULL: it was none, which has been answered. */
struct fl_json *fl_ship_admin_body(struct fl_http *x);
/* A text in it, "" if absent. False: not a text or too long, answered. */
bool fl_ship_admin_text(struct fl_http *x, struct fl_jv obj, const char *name, char *out,
			size_t cap);
/* A whole number up to `max`, 0 if absent. False: none, answered. */
bool fl_ship_admin_number(struct fl_http *x, struct fl_jv obj, const char *name, uint64_t max,
			  uint64_t *out);
/* The device that the path names. False: no SKI, answered. */
bool fl_ship_admin_ski(struct fl_http *x, struct fl_ski *out);

void fl_ship_admin_put(struct fl_jw *w, const char *key, const char *text);

/* ---- handlers; `ctx` is the struct fl_ship_admin ---- */
typedef void fl_ship_admin_handler(void *ctx, struct fl_http *x);
fl_ship_admin_handler fl_ship_admin_status, fl_ship_admin_identity, fl_ship_admin_qr,
	fl_ship_admin_window, fl_ship_admin_messages, fl_ship_admin_health, fl_ship_admin_version;
fl_ship_admin_handler fl_ship_admin_list, fl_ship_admin_services, fl_ship_admin_pairings,
	fl_ship_admin_show, fl_ship_admin_pair, fl_ship_admin_unpair, fl_ship_admin_refuse_device,
	fl_ship_admin_connect, fl_ship_admin_disconnect, fl_ship_admin_pin, fl_ship_admin_pin_key,
	fl_ship_admin_send;
fl_ship_admin_handler fl_ship_admin_events;
fl_ship_admin_handler fl_ship_admin_metrics;

/* ---- admin_events.c ---- */
void fl_ship_admin_events_start(struct fl_ship_admin *a);
void fl_ship_admin_events_stop(struct fl_ship_admin *a);

#endif
