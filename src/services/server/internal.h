/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/server/internal.h - the parts of a running server.
 *
 *   server.c   order of start, stop and reload    listen.c    routes and listeners
 *   relaymap.c relay map from its sources         netmap.c    settings of network maps
 *   key.c      the Noise key file                 metrics.c   /metrics
 *   debug.c    /debug                            records.c   extra DNS records from a file
 */
#ifndef FL_SERVICES_SERVER_INTERNAL_H
#define FL_SERVICES_SERVER_INTERNAL_H

#include "io/http_client.h"
#include "io/listen.h"
#include "io/watch.h"
#include "services/api/api.h"
#include "services/config/records.h"
#include "services/policy/policies.h"
#include "services/relay/identity.h"
#include "services/relay/relay.h"
#include "services/relay/standalone.h"
#include "services/relay/stun.h"
#include "services/server/server.h"

enum { FL_SERVER_ROUTES_MAX = 96 };

struct fl_server_routes {
	struct fl_http_route at[FL_SERVER_ROUTES_MAX];
	size_t count;
	struct fl_http_router router;
};

/* What one of derp.urls gave last, so that a failing one keeps its regions, over reloads too. */
struct fl_server_source {
	char *url;
	struct fl_buf body; /* empty: nothing yet */
};

/* How long the server waits for others. */
struct fl_server_times {
	int64_t grace, keepalive, expiry_scan, hello, first_request, unanswered;
	struct fl_http_limits http;
};

struct fl_server {
	struct fl_loop *loop;
	struct fl_config *config;
	struct fl_core core;
	struct fl_policies *policies;
	struct fl_control *control;
	struct fl_api *api;
	struct fl_relay *relay; /* NULL when derp.server.enabled is false */
	struct fl_stun *stun;
	struct fl_relay_identity identity;
	struct fl_server_routes public_routes, socket_routes, metrics_routes;
	struct fl_http_group conns;
	const struct fl_server_times *times;
	struct fl_listener *public_listener, *socket_listener, *metrics_listener;
	struct fl_fetcher *fetcher;
	struct fl_fetch *fetch; /* under way, for source `fetching` */
	size_t fetching;
	bool fetch_failed;                /* in this round */
	unsigned failed_rounds;           /* since the last good one */
	struct fl_server_source *sources; /* one a URL of config->derp_urls */
	size_t sources_count;
	struct fl_timer map_timer, renew_timer;
	struct fl_records records;      /* of the file, if the settings name one */
	struct fl_watch *records_watch; /* or NULL */
	uint8_t seed[32];
};

/* ---- listen.c ---- */
FL_MUST enum fl_err fl_server_listen(struct fl_server *s, struct fl_fault *fault);
void fl_server_unlisten(struct fl_server *s);

/* ---- metrics.c: a handler ---- */
void fl_server_metrics(void *ctx, struct fl_http *x);

/* ---- debug.c: handlers, and the gate of all that stands below /debug ---- */
void fl_server_debug(void *ctx, struct fl_http *x);
void fl_server_debug_index(void *ctx, struct fl_http *x);
void fl_server_debug_ping(void *ctx, struct fl_http *x);

/* True if the request may go on; else it has been answered. */
bool fl_server_debug_admit(struct fl_server *s, struct fl_http *x);
bool fl_server_debug_allows(const struct fl_config *c, const struct fl_ip *ip);

/* ---- relaymap.c ---- */
/*
 * Takes the URLs of s->config, keeping what those known before gave, and asks them. `wait`: the
 * first answers are needed now (start); else they come when they come (reload).
 */
FL_MUST enum fl_err fl_server_relaymap_start(struct fl_server *s, bool wait,
					     struct fl_fault *fault);
void fl_server_relaymap_stop(struct fl_server *s);

/* How long to wait after a round of asking; `failed`: so many failed in a row. 0: for ever. */
int64_t fl_server_relaymap_wait(int64_t frequency, unsigned failed);

/* The whole map as JSON, from the embedded region, the files and what the URLs gave last. */
FL_MUST enum fl_err fl_server_relaymap_build(struct fl_server *s, const struct fl_config *config,
					     struct fl_fault *fault, struct fl_buf *out);

/* ---- records.c ---- */

/* Empty where the settings name no file. */
FL_MUST enum fl_err fl_server_records_read(const struct fl_config *c, struct fl_fault *fault,
					   struct fl_records *out);

/* Watches the file of s->config, and no other from now on. */
void fl_server_records_watch(struct fl_server *s);
void fl_server_records_stop(struct fl_server *s);

/* ---- netmap.c ---- */

/* With s->records in place of the file of `config`. */
FL_MUST enum fl_err fl_server_netmap(struct fl_server *s, const struct fl_config *config,
				     struct fl_fault *fault, struct fl_netmap_config **out);

/* ---- key.c ---- */
FL_MUST enum fl_err fl_server_noise_key(const char *path, struct fl_fault *fault,
					struct fl_private_key *out);

#endif
