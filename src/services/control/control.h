/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/control.h - the control server: joins state, Noise, HTTP and the relay's map.
 *
 * Clients enter by /ts2021; inside Noise they register and poll maps. This header is what the
 * program and the admin API see of it.
 *
 * Thread  one loop.
 */
#ifndef FL_SERVICES_CONTROL_CONTROL_H
#define FL_SERVICES_CONTROL_CONTROL_H

#include "crypto/keys.h"
#include "domain/netmap/netmap.h"
#include "io/http.h"
#include "services/control/core.h"

struct fl_control_config {
	const char *server_url; /* without trailing slash; AuthURLs start with it */
	struct fl_private_key noise_key;
	uint32_t min_cap; /* 113 */
	int64_t ephemeral_timeout;
	int64_t pending_ttl;                /* of interactive registrations, 15 min */
	uint32_t pending_max;               /* 1024 */
	uint32_t strangers_per_source;      /* connections of machines without a node; 0 = any */
	uint32_t workers;                   /* threads for Noise connections; 0: the loop's own */
	int64_t grace;                      /* 10 s */
	int64_t keepalive;                  /* 50 s, plus up to 9 s: jitter, on whole seconds */
	int64_t expiry_scan;                /* 5 s */
	int64_t probe_interval;             /* of routers that share a subnet: 10 s; 0 = never */
	int64_t probe_limit;                /* for an answer: 5 s, less than the interval */
	int64_t frame_cost;                 /* of one change to one session; 0 = 12 us (hold.h) */
	int64_t first_request;              /* from the handshake to a request inside; 0 = 10 s */
	int64_t unanswered;                 /* until a client has vanished; 0 = 30 s */
	struct fl_http_limits inner_limits; /* of HTTP/2 inside Noise */
	uint8_t seed[32];
};

struct fl_control;

/* Borrows core (already loaded). `netmap` is referenced. */
FL_MUST enum fl_err fl_control_new(struct fl_core *core, const struct fl_control_config *cfg,
				   struct fl_netmap_config *netmap, struct fl_control **out);

/* Stops taking new sessions, ends the running ones and persists when they were last seen. */
void fl_control_stop(struct fl_control *c);
struct fl_control *fl_control_free(struct fl_control *c);

/*
 * Routes of the public listener that belong to the control server (/key, /ts2021, /register/...,
 * /verify, /health ...).
 */
const struct fl_http_route *fl_control_routes(size_t *out_count);

/* A new DERP map, DNS or feature setting: everyone is told what changed. References `netmap`. */
void fl_control_netmap(struct fl_control *c, struct fl_netmap_config *netmap);

struct fl_core *fl_control_core(struct fl_control *c);

/*
 * Proxies whose word on a client's address counts (services/control/client.h). Copies. Errors:
 * FL_ERR_NOMEM, then nothing changed.
 */
FL_MUST enum fl_err fl_control_trust(struct fl_control *c, const struct fl_prefix *at,
				     size_t count);
struct fl_ip fl_control_client(const struct fl_control *c, const struct fl_http *x);

/* The on_answer of every router of the server. */
void fl_control_log_request(const struct fl_http *x, unsigned status);

/* The answer of /version and of `fairlead version -o json`. */
void fl_control_version_json(struct fl_buf *out);

/* For the embedded relay: is this node key known? */
bool fl_control_knows(void *control, const struct fl_node_key *key, const struct fl_addrport *from);

/* ---- interactive registrations, for the admin API ---- */

struct fl_pending_info {
	char id[40]; /* hskey-authreq-... */
	struct fl_machine_key machine;
	struct fl_node_key key;
	const char *hostname, *os; /* borrowed until the next call */
	fl_wall since;
};
size_t fl_control_pending(struct fl_control *c, struct fl_pending_info *out, size_t cap);

/*
 * Approves for a user: the node exists after this tick's commit, then the client's follow-up is
 * answered.
 * Errors: FL_ERR_INVALID (malformed id), FL_ERR_NOT_FOUND (unknown or expired id, unknown user),
 * what fl_state_approve says.
 */
FL_MUST enum fl_err fl_control_approve(struct fl_control *c, struct fl_slice auth_id,
				       fl_user_id user, struct fl_fault *fault, fl_node_id *out);
FL_MUST enum fl_err fl_control_reject(struct fl_control *c, struct fl_slice auth_id,
				      struct fl_fault *fault);

/* ---- SSH connections that wait for a person's word ---- */

struct fl_check_info {
	char id[40];                     /* hskey-authreq-... */
	const struct fl_node *src, *dst; /* borrowed until the next call */
	fl_wall since;
};
size_t fl_control_checks(struct fl_control *c, struct fl_check_info *out, size_t cap);

/*
 * Lets the connection in or not. An approval holds for its two nodes as long as the policy says.
 * Errors: FL_ERR_INVALID (malformed id), FL_ERR_NOT_FOUND (unknown, answered or expired id).
 */
FL_MUST enum fl_err fl_control_check_say(struct fl_control *c, struct fl_slice id, bool approve,
					 struct fl_fault *fault);

/* Why a map session ended: its client, it does not read, a newer one, its node, or us. */
enum fl_session_end {
	FL_SESSION_GONE,
	FL_SESSION_SLOW,
	FL_SESSION_REPLACED, /* before its first map was on its way */
	FL_SESSION_DELETED,
	FL_SESSION_STOP,
	FL_SESSION_ENDS
};

/* What a probe of a router said. */
enum fl_probe_result {
	FL_PROBE_ANSWERED,
	FL_PROBE_FAILED,   /* it counts: no answer from a session that had time to settle */
	FL_PROBE_DEFERRED, /* it says nothing of the router; the next cycle asks again */
	FL_PROBE_RESULTS
};

struct fl_control_stats {
	uint64_t noise_handshakes, noise_failures, registers, map_requests;
	uint64_t sessions_opened, sessions_dropped_slow, frames_full, frames_delta,
		frames_keepalive, frames_ping, bytes_sent;
	uint64_t chunks_made, chunks_shared; /* chunks of peers: written, taken as they were */
	uint64_t full_made, deltas_made, frames_failed, sessions_ended[FL_SESSION_ENDS];
	uint64_t frames_suppressed;   /* sessions that a change did not concern */
	uint64_t changes_held;        /* which were not told at once */
	uint64_t endpoint_updates[2]; /* done, failed */
	uint64_t register_refusals, key_theft_refusals;
	uint64_t strangers_refused, strangers_requests_refused;
	uint64_t pings_answered, pings_timed_out, pings_cancelled;
	uint64_t probes[FL_PROBE_RESULTS];
	size_t sessions, connections, pending, strangers, strangers_bytes, pings;
	size_t chunk_bytes, leaving, ephemeral_timers, ssh_checks, queued_sessions, queued_bytes;
};
void fl_control_stats(const struct fl_control *c, struct fl_control_stats *out);

/* Prometheus text. The first ends with fairlead_auth_failures_total: others may add their kinds. */
void fl_control_metrics(const struct fl_control *c, struct fl_buf *b);
void fl_control_store_metrics(const struct fl_control *c, struct fl_buf *b);

#endif
