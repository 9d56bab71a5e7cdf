/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/server.h - the relay as a machine: bytes of clients in, bytes for clients out.
 *
 * It knows who is connected under which key, moves packets between them, and decides what to say
 * to whom. It has no sockets, no clock and no entropy: the driver passes the time, bytes that
 * arrived, and the answers to what the machine asks for. What the machine wants is taken out by
 * fl_derp_server_next, one effect at a time:
 *
 *   FLUSH   take bytes with fl_derp_client_output and send them
 *   ADMIT   a client proved its key: decide, then call fl_derp_client_admit
 *   RESUME  a paused client may be read again: call fl_derp_client_input (with nothing)
 *   CLOSE   the connection has to end: close it and call fl_derp_client_free
 *
 * A packet is copied once, from the receive buffer behind the frames that already wait for its
 * destination. Waiting frames lie back to back in chunks, so that what leaves is one write however
 * many packets it holds. Chunks belong to the server and come and go with the load: an idle client
 * has none. A client that cannot be written to keeps its queue up to the limits; then the oldest
 * packet goes first.
 *
 * Thread    one; different servers share nothing.
 * Memory    a client is one allocation, its key one small record;
 *           chunks are bounded by `memory_max` together.
 * Limits    queue_packets/queue_bytes and disco_packets per client, FL_DERP_WATCH_MAX remembered
 *           peers per client (oldest forgotten) and as many farewells that wait to be sent (oldest
 *           dropped and counted), FL_DERP_NOTES_MAX pending not-here answers. One part in
 *           FL_DERP_LOGIN_SHARE of the memory for all that have not been admitted, one in
 *           FL_DERP_INPUT_SHARE for unfinished input of all others: who needs more is closed. A
 *           frame begun longer than FL_DERP_FRAME_TIMEOUT_S before a keep-alive closes, too.
 * Security  the source of a packet is the key its sender proved; nothing a client sends can name
 *           another. Bounds are judged on frame headers. Mesh frames close the connection.
 * Source    docs/protocol/relay.md 5 to 11
 */
#ifndef FL_PROTO_DERP_SERVER_H
#define FL_PROTO_DERP_SERVER_H

#include "base/time.h"
#include "wire/derp.h"

enum {
	FL_DERP_WATCH_MAX = 4096,
	FL_DERP_NOTES_MAX = 32,
	FL_DERP_LOGIN_SHARE = 8,
	FL_DERP_INPUT_SHARE = 2,
	FL_DERP_FRAME_TIMEOUT_S = 30,
	FL_DERP_INPUT_MAX = FL_DERP_BODY_MAX + FL_DERP_HEADER_LEN, /* bytes of one input call */
	FL_DERP_RATE_BURST_MIN = FL_DERP_PACKET_MAX + FL_KEY_LEN,
};

struct fl_derp_server;
struct fl_derp_client;

struct fl_derp_config {
	struct fl_private_key key;
	uint8_t nonce_base[16]; /* random, new for each run: boxes to clients count on from it */
	uint8_t hash_seed[16];  /* random: peers choose the keys that are hashed */
	uint64_t rng_seed;      /* of the keep-alive jitter */
	uint64_t rate_bytes, rate_burst; /* per client, a second; 0: no limit */
	uint64_t advise_bytes,
		advise_burst; /* told to clients, who police themselves; 0: nothing */
	uint32_t queue_packets, queue_bytes;                  /* 0: 512 and 256 KiB */
	uint32_t disco_packets;                               /* 0: 32 */
	size_t memory_max;                                    /* of all chunks; 0: 256 MiB */
	int64_t keep_alive, keep_alive_jitter, login_timeout; /* ns; 0: 60 s, 5 s, 10 s */
};

enum fl_derp_drop {
	FL_DERP_DROP_UNKNOWN_DEST,
	FL_DERP_DROP_UNKNOWN_DEST_ON_FWD,
	FL_DERP_DROP_GONE_DISCONNECTED,
	FL_DERP_DROP_QUEUE_HEAD,
	FL_DERP_DROP_QUEUE_TAIL,
	FL_DERP_DROP_WRITE_ERROR,
	FL_DERP_DROP_DUP_CLIENT,
	FL_DERP_DROP_COUNT,
};

struct fl_derp_stats {
	/* now */
	uint64_t connections, home_connections, not_ideal_connections, clients_local;
	uint64_t dup_keys, dup_conns;
	uint64_t logins;       /* connected, not yet admitted */
	uint64_t watches;      /* remembered pairs */
	uint64_t login_memory; /* bytes of chunks that logins hold */
	uint64_t input_memory; /* the same of admitted clients: input that could not be handled */
	uint64_t memory;       /* bytes of chunks in use */
	uint64_t memory_cache; /* bytes of chunks kept for reuse */
	int64_t queue_avg;     /* ns, moving average of the time in queues */
	/* since the start */
	uint64_t accepts, dup_conns_total, refused;
	uint64_t bytes_received, bytes_sent, packets_received, packets_sent, packets_disco;
	uint64_t unknown_frames, home_moves_in, home_moves_out, got_ping, sent_pong, keep_alives;
	uint64_t gone_disconnected, gone_not_here;
	uint64_t gone_dropped; /* farewells that never left, the receiver having too many */
	uint64_t rate_waits;
	struct {
		uint64_t packets[2], bytes[2]; /* [0] disco, [1] other */
	} drop[FL_DERP_DROP_COUNT];
};

struct fl_derp_effect {
	enum { FL_DERP_CLOSE, FL_DERP_ADMIT, FL_DERP_RESUME, FL_DERP_FLUSH } kind;
	struct fl_derp_client *client;
	void *ctx;          /* of the client */
	enum fl_err reason; /* CLOSE */
};

/* Errors: FL_ERR_NOMEM. `cfg` is copied. */
FL_MUST enum fl_err fl_derp_server_new(const struct fl_derp_config *cfg,
				       struct fl_derp_server **out);

/* All clients must have been freed. Accepts NULL, returns NULL. */
struct fl_derp_server *fl_derp_server_free(struct fl_derp_server *s);

const uint8_t *fl_derp_server_public(const struct fl_derp_server *s); /* FL_KEY_LEN bytes */
const struct fl_derp_stats *fl_derp_server_stats(struct fl_derp_server *s);

/* Handles what is due: login deadlines, keep-alives, clients whose rate lets them go on. */
void fl_derp_server_tick(struct fl_derp_server *s, fl_time now);

/* When to call tick next; may be early, never late. FL_NEVER when nothing waits. */
fl_time fl_derp_server_deadline(const struct fl_derp_server *s);

/*
 * The next effect. Without `all` only what should not wait for the end of a batch of input: ends,
 * admissions, and queues that have grown long enough to be worth a write.
 */
bool fl_derp_server_next(struct fl_derp_server *s, bool all, struct fl_derp_effect *out);

/* New receive limits, for live clients too. */
void fl_derp_server_rate(struct fl_derp_server *s, uint64_t bytes, uint64_t burst);

/* Tells every client that the relay is about to restart. */
void fl_derp_server_restarting(struct fl_derp_server *s, const struct fl_derp_restarting *r);

/* Asks to close all connections of a key (admission revoked); returns how many. */
size_t fl_derp_server_close_key(struct fl_derp_server *s, const struct fl_node_key *key);

/* Whether gauges and maps agree; for tests and the debug page. */
bool fl_derp_server_check(const struct fl_derp_server *s);

/* A connection is there; its first bytes (the server's key) wait to be flushed. */
FL_MUST enum fl_err fl_derp_client_new(struct fl_derp_server *s, fl_time now,
				       const struct fl_addrport *from, bool not_ideal, void *ctx,
				       struct fl_derp_client **out);

/* The connection is gone, for whatever reason. Accepts NULL, returns NULL. */
struct fl_derp_client *fl_derp_client_free(struct fl_derp_client *c);

/*
 * Takes bytes from the client, at most FL_DERP_INPUT_MAX a call; *out_used says how many.
 *
 *   FL_OK     all taken
 *   FL_MORE   effects that should not wait: handle them, then call again with the rest, even if
 *             that is empty
 *   FL_AGAIN  all taken, but the client has to wait (rate, admission): stop reading until RESUME
 *
 * Errors  of the peer (FL_ERR_PROTO, FL_ERR_TOO_BIG, FL_ERR_CRYPTO, FL_ERR_SYNTAX) or
 *         FL_ERR_NOMEM, FL_ERR_FULL: close the connection and free the client.
 */
FL_MUST enum fl_err fl_derp_client_input(struct fl_derp_client *c, fl_time now, struct fl_slice in,
					 size_t *out_used);

/* The key a client proved; NULL before that. */
const struct fl_node_key *fl_derp_client_key(const struct fl_derp_client *c);

/* The answer to ADMIT. A refusal leads to CLOSE with FL_ERR_DENIED. */
void fl_derp_client_admit(struct fl_derp_client *c, fl_time now, bool allow);

/*
 * The next bytes to send, empty if there are none. Borrowed until the next call of output for any
 * client, or of free for this one. They count as sent; see fl_derp_client_lost.
 */
struct fl_slice fl_derp_client_output(struct fl_derp_client *c, fl_time now);

/* The bytes of the last output could not be sent: counts their packets as dropped instead. */
void fl_derp_client_lost(struct fl_derp_client *c);

/* While blocked a client causes no FLUSH; unblocked it does at once if something waits. */
void fl_derp_client_blocked(struct fl_derp_client *c, bool blocked);

#endif
