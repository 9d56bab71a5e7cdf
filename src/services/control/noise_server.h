/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/noise_server.h - Noise connections of clients, as the control loop knows them.
 *
 * A connection is one stream with a machine key behind it. Any machine key is let in; every
 * request inside is authorised on its own. After the upgrade the stream belongs to a worker
 * (noise_worker.h), which does all that costs processor time; here stays who it is, and requests
 * arrive and are answered here.
 *
 * Thread    the control loop.
 * Security  strangers.h bounds what machines without a node cost together.
 * Source    docs/protocol/control.md 1.4 to 1.9
 */
#ifndef FL_SERVICES_CONTROL_NOISE_SERVER_H
#define FL_SERVICES_CONTROL_NOISE_SERVER_H

#include "io/http.h"
#include "services/control/client.h"
#include "services/control/noise_worker.h"
#include "services/control/strangers.h"

enum { FL_NOISE_ROUTES_MAX = 16 };

/* A worker, and the connections that it carries. */
struct fl_noise_desk {
	struct fl_noise_server *server;
	struct fl_noise_worker worker;
	struct fl_slots links;
	uint32_t last_gen;
	size_t heard; /* bytes of requests, to be told */
};

struct fl_noise_server {
	struct fl_loop *loop;
	struct fl_noise_common common; /* until start what is no key may be set */
	uint32_t min_cap;
	struct fl_http_router inner; /* inside Noise; conn_ctx is the struct fl_noise_link */
	struct fl_http_route passing[FL_NOISE_ROUTES_MAX]; /* the same routes on the workers */
	bool (*knows)(void *ctx, const struct fl_machine_key *machine); /* does it own a node? */
	void *knows_ctx;
	struct fl_trusted trusted;     /* proxies; nobody at first */
	struct fl_strangers strangers; /* counted when it was initialised */
	struct fl_noise_desk *desks;
	size_t desks_count, next_desk;
	struct fl_list links;
	size_t count;
	uint64_t handshakes, failures;
};

/* One client connection, as handlers see it through fl_http_conn_ctx. */
struct fl_noise_link {
	struct fl_list link;
	struct fl_noise_server *server;
	struct fl_noise_desk *desk;
	struct fl_pass_link pass;
	struct fl_stream_place place;
	struct fl_deferred lost;
	struct fl_machine_key machine; /* zero: still shaking hands */
	uint16_t version;
	struct fl_ip source; /* the client's, also behind a trusted proxy */
	bool stranger;
	uint64_t node;      /* whose map request came here last, 0 = none */
	uint64_t lite_node; /* the node that has sent a lite update here, 0 = none */
};

void fl_noise_server_init(struct fl_noise_server *s, struct fl_loop *loop,
			  const struct fl_private_key *key, uint32_t min_cap,
			  const struct fl_http_router *inner);

/* Starts `threads` workers; 0: the control loop does their work. Errors as fl_worker_start. */
FL_MUST enum fl_err fl_noise_server_start(struct fl_noise_server *s, size_t threads);

/* GOAWAY to every connection; streams in flight may still finish. */
void fl_noise_server_goaway(struct fl_noise_server *s);

/* Closes every connection, ends the workers and wipes the key. */
void fl_noise_server_done(struct fl_noise_server *s);

/* Handler of POST and GET /ts2021: upgrades and takes the connection over. */
void fl_noise_server_upgrade(struct fl_noise_server *s, struct fl_http *x);

/* Notes that a request came; call first in every inner handler. */
void fl_noise_link_request(struct fl_noise_link *l);

#endif
