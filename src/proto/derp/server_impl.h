/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/server_impl.h - what the files of the relay machine share. Not for others.
 *
 * server.c   life of server and clients, effects, timers
 * input.c    frames of clients
 * output.c   frames to clients
 * peers.c    who is connected under which key, and who gets told when nobody is
 * chunk.c    memory of queues
 *
 * Source  docs/protocol/relay.md 5 to 11
 */
#ifndef FL_PROTO_DERP_SERVER_IMPL_H
#define FL_PROTO_DERP_SERVER_IMPL_H

#include "proto/derp/server.h"

#include "base/list.h"
#include "base/map.h"
#include "base/rng.h"
#include "proto/derp/chunk.h"
#include "proto/derp/wheel.h"

enum { DISCO, OTHER }; /* kinds of packets, as the statistics index them */

enum state { STATE_LOGIN, STATE_ADMIT, STATE_ON, STATE_CLOSING };

/* What waits to be written apart from packets; written in this order. */
enum {
	WANT_SERVER_KEY = 1 << 0,
	WANT_SERVER_INFO = 1 << 1,
	WANT_PONG = 1 << 2,
	WANT_KEEP_ALIVE = 1 << 3,
	WANT_RESTARTING = 1 << 4,
};

/* Effects that were not taken yet. */
enum {
	TODO_CLOSE = 1 << 0,
	TODO_ADMIT = 1 << 1,
	TODO_RESUME = 1 << 2,
	TODO_FLUSH = 1 << 3,
};

/* A key with its connections. Lives on without any while PeerGone messages still name it. */
struct peer {
	struct fl_node_key key;
	struct fl_derp_client *active; /* gets the packets */
	struct fl_derp_client *last;   /* newest member or latest speaker; only while several */
	struct fl_list members;        /* by fl_derp_client.member, oldest first */
	struct fl_list watches;        /* by watch.of_source: who has been sent packets from here */
	uint32_t count;                /* members */
	uint32_t speaks;               /* last number given to fl_derp_client.spoke */
	uint32_t unsaid;               /* pending PeerGone messages about this key */
};

/* "`to` has been sent a packet from `from`", and after the end of `from` the message about it. */
struct watch {
	struct fl_list of_receiver, of_source;
	struct fl_derp_client *to;
	struct peer *from;
};

/* What a client proved. */
struct login {
	struct fl_node_key key;
	struct fl_box_key shared; /* secret: seals our answer */
};

/* A pending PeerGone(not here). */
struct note {
	struct fl_list link;
	struct fl_node_key key;
};

struct fl_derp_client {
	struct fl_derp_server *s;
	void *ctx;
	struct peer *peer;     /* once admitted */
	struct login *login;   /* from the login until its answer */
	struct peer *last_src; /* latest source recorded, spares a look-up */
	struct fl_list everyone, member, ready, watches, unsaid, notes;
	struct fl_wheel_item timer, wait;
	struct fl_chunkq data, disco;
	struct fl_chunk *kept; /* input that could not be handled yet */
	fl_time since;
	fl_time rate_at;  /* GCRA: when the bucket will be full again */
	fl_time notes_at; /* the same of the not-here limit */
	struct fl_addrport from;
	uint32_t spoke; /* place in the history of speakers, 0: not in it */
	uint32_t watch_count, unsaid_count;
	uint32_t charged; /* bytes of `kept`, in the account of logins or of input */
	uint8_t pong[FL_DERP_PING_LEN];
	uint8_t state, want, todo, note_count;
	enum fl_err reason; /* of TODO_CLOSE */
	bool not_ideal, preferred, blocked, urgent;
	bool paid;         /* the frame at the head of the input was charged */
	bool gone_skipped; /* PeerGone messages let a chunk of data go first */
};

struct fl_derp_server {
	struct fl_derp_config cfg;
	uint8_t public[FL_KEY_LEN];
	struct fl_map peers;   /* node key -> peer */
	struct fl_map watches; /* (receiver, source) -> watch */
	struct fl_list urgent, dirty;
	struct fl_wheel slow, fast;
	struct fl_rng rng;
	struct fl_chunk_pool pool;
	struct fl_chunk *lent; /* handed out by output */
	uint32_t lent_packets[2];
	size_t lent_bytes[2];
	uint64_t nonce_count;
	struct fl_derp_restarting restarting;
	struct fl_list all; /* every client, by `everyone` */
	struct fl_derp_stats stats;
	uint8_t scratch[16 << 10];
};

/* server.c */
void fl_derp_login_free(struct fl_derp_client *c);
void fl_derp_want(struct fl_derp_client *c, uint8_t what);
void fl_derp_todo(struct fl_derp_client *c, uint8_t what, bool urgent);
void fl_derp_close(struct fl_derp_client *c, enum fl_err reason);
void fl_derp_charge(struct fl_derp_client *c, size_t bytes);
void fl_derp_drop(struct fl_derp_server *s, enum fl_derp_drop why, unsigned kind, size_t bytes);

/* peers.c */
FL_MUST enum fl_err fl_derp_join(struct fl_derp_client *c, const struct fl_node_key *key);
void fl_derp_leave(struct fl_derp_client *c);
void fl_derp_spoke(struct fl_derp_client *c);
void fl_derp_watch(struct fl_derp_client *to, struct peer *from);
void fl_derp_watch_free(struct watch *w);
void fl_derp_peer_said(struct peer *p);

/* output.c */
void fl_derp_enqueue(struct fl_derp_client *to, const struct fl_node_key *src,
		     struct fl_slice payload, unsigned kind, fl_time now);
void fl_derp_drain(struct fl_derp_client *c);

#endif
