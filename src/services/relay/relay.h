/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/relay.h - the relay service: DERP clients on an HTTP listener, and STUN.
 *
 * The embedding program has the listener and the router, and puts the relay's routes into its
 * table; from the upgrade on the connection belongs to the relay. The TLS server of the listener
 * should carry the certificate of fl_cert_derp_meta for fl_relay_public, which saves clients a
 * round trip.
 *
 * What one read brings for a client leaves in one write (in several if it is long).
 *
 * Thread    the loop's.
 * Memory    an idle client costs half a kilobyte besides its stream; queues come from a shared
 *           pool with a limit (proto/derp/server.h).
 * Security  a client proves its key, then has to be admitted: by `admit`, by the verify URL, or
 *           both. With neither everybody may use the relay.
 * Source    docs/protocol/relay.md
 */
#ifndef FL_SERVICES_RELAY_RELAY_H
#define FL_SERVICES_RELAY_RELAY_H

#include "base/buf.h"
#include "crypto/keys.h"
#include "io/http.h"
#include "io/listen.h"
#include "io/loop.h"
#include "proto/derp/server.h"

enum {
	FL_RELAY_ROUTES_MAX = 8,
	FL_RELAY_CACHE_MAX = 4096, /* remembered answers of the verify URL */
};

struct fl_relay;

/* Zero-initialise; zero means the default. Strings are copied. */
struct fl_relay_config {
	struct fl_private_key key;
	/* Decides at once; refuses by false. NULL: no opinion. */
	bool (*admit)(void *ctx, const struct fl_node_key *key, const struct fl_addrport *from);
	void *admit_ctx;
	const char *verify_url;          /* asked by POST for each new client; NULL: not asked */
	const char *verify_ca_file;      /* further roots for it */
	bool verify_fail_open;           /* admit while it cannot be reached */
	uint64_t rate_bytes, rate_burst; /* receive limit per client; 0: none */
	uint64_t advise_bytes, advise_burst; /* told to clients; 0: nothing */
	uint32_t queue_packets, queue_bytes; /* waiting for one client: 512 packets, 256 KiB */
	size_t memory_max;                   /* waiting for all clients: 256 MiB */
	int64_t keep_alive;                  /* 60 s (and up to 5 s of jitter) */
	int64_t write_timeout;               /* 2 s without progress; < 0: off */
	bool derp_off;     /* only the probe answers: for a host that has STUN alone */
	uint64_t rng_seed; /* of the jitter; 0: random */
};

/* Errors with text in `fault`: FL_ERR_INVALID (zero key, verify URL), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_relay_new(struct fl_loop *loop, const struct fl_relay_config *cfg,
				 struct fl_fault *fault, struct fl_relay **out);

/* Closes what is still connected, without a word. Accepts NULL, returns NULL. */
struct fl_relay *fl_relay_free(struct fl_relay *r);

/* The relay's public key, FL_KEY_LEN bytes. */
const uint8_t *fl_relay_public(const struct fl_relay *r);

/*
 * Fills in the relay's routes, at most `cap`, and returns how many: /derp, /derp/probe,
 * /derp/latency-check, /generate_204, /bootstrap-dns, /robots.txt. They carry the relay as their
 * context, so they fit into the table of any router; take them out before fl_relay_free.
 */
size_t fl_relay_routes(struct fl_relay *r, struct fl_http_route *out, size_t cap);

/*
 * No new clients (503 from now on); those there are told when to come back and are closed with
 * what was queued sent within `linger` ns. Then free.
 */
void fl_relay_stop(struct fl_relay *r, const struct fl_derp_restarting *restarting, int64_t linger);

void fl_relay_rate(struct fl_relay *r, uint64_t bytes, uint64_t burst);

/* Closes a key's connections and forgets that it was admitted; returns how many there were. */
size_t fl_relay_revoke(struct fl_relay *r, const struct fl_node_key *key);

struct fl_relay_stats {
	const struct fl_derp_stats *derp; /* borrowed until the next call */
	uint64_t websocket_accepts, write_timeouts, fast_starts;
	uint64_t verify_asked, verify_cached, verify_unreachable, verify_bad;
	uint64_t blocked; /* clients that cannot be written to now */
};
void fl_relay_stats(struct fl_relay *r, struct fl_relay_stats *out);

/* Appends everything in Prometheus text form, names `derp_*`. */
void fl_relay_metrics(struct fl_relay *r, struct fl_buf *out);

/* The same of the listener that carries the relay; `refused`: connections refused behind it. */
void fl_relay_listener_metrics(const struct fl_listener *l, uint64_t refused, struct fl_buf *out);

/* Whether gauges and maps agree (the page /debug/check). */
bool fl_relay_check(const struct fl_relay *r);

#endif
