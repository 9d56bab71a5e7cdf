/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/noise_server.h - Noise connections of clients: handshake, records, HTTP/2
 * inside.
 *
 * A connection is one stream with a machine key behind it. Any machine key is let in; every
 * request inside is authorised on its own.
 *
 * Thread    one loop.
 * Memory    an idle connection keeps two AEAD keys and the HTTP/2 session; record buffers exist
 *           only while a record is in pieces.
 * Limits    one record of 4 KiB in pieces; FL_NOISE_PENDING_MAX bytes towards the socket, then
 *           HTTP/2 is held back.
 * Security  no request within `first_request` of the handshake closes the connection; strangers.h
 *           bounds what machines without a node cost together.
 * Source    docs/protocol/control.md 1.4 to 1.9
 */
#ifndef FL_SERVICES_CONTROL_NOISE_SERVER_H
#define FL_SERVICES_CONTROL_NOISE_SERVER_H

#include "io/http.h"
#include "proto/control/noise.h"
#include "services/control/client.h"
#include "services/control/strangers.h"

enum { FL_NOISE_PENDING_MAX = 256 << 10 };
#define FL_NOISE_FIRST_REQUEST (10 * FL_SEC)
#define FL_NOISE_PING_INTERVAL (45 * FL_SEC)
#define FL_NOISE_IDLE_MAX      (10 * FL_MIN)

struct fl_noise_server {
	struct fl_loop *loop;
	struct fl_private_key key;
	struct fl_machine_key public_key;
	uint32_t min_cap;
	struct fl_http_router
		inner; /* requests inside Noise; conn_ctx is the struct fl_noise_link */
	struct fl_http_limits limits; /* idle_timeout: FL_NOISE_IDLE_MAX */
	int64_t first_request;        /* FL_NOISE_FIRST_REQUEST */
	struct fl_buf scratch;        /* records on their way to a socket, one write at a time */
	bool (*knows)(void *ctx, const struct fl_machine_key *machine); /* does it own a node? */
	void *knows_ctx;
	struct fl_trusted trusted;     /* proxies; nobody at first */
	struct fl_strangers strangers; /* counted when it was initialised */
	struct fl_list links;
	size_t count;
	uint64_t handshakes, failures;
};

/* One client connection, as handlers see it through fl_http_conn_ctx. */
struct fl_noise_link {
	struct fl_list link;
	struct fl_noise_server *server;
	struct fl_stream *stream;
	struct fl_noise_conn noise;
	struct fl_h2 *h2;
	struct fl_ip source; /* the client's, also behind a trusted proxy */
	struct fl_timer timer;
	struct fl_deferred closing;
	struct fl_buf partial; /* a record that has not arrived whole */
	bool seen_request, stranger;
	uint64_t lite_node; /* the node that has sent a lite update here, 0 = none */
	unsigned polls;     /* streaming map requests: they carry their own keep-alive */
};

void fl_noise_server_init(struct fl_noise_server *s, struct fl_loop *loop,
			  const struct fl_private_key *key, uint32_t min_cap,
			  const struct fl_http_router *inner);

/* GOAWAY to every connection; streams in flight may still finish. */
void fl_noise_server_goaway(struct fl_noise_server *s);

/* Closes every connection and wipes the key. */
void fl_noise_server_done(struct fl_noise_server *s);

/* Handler of POST and GET /ts2021: upgrades and takes the connection over. */
void fl_noise_server_upgrade(struct fl_noise_server *s, struct fl_http *x);

/* Notes that a request came; call first in every inner handler. */
void fl_noise_link_request(struct fl_noise_link *l);

#endif
