/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/link.h - connections between clients and the server, with their weather.
 *
 * link.c stands in for services/control/noise_server.c and is a third kind of connection under
 * io/http_exchange.h, beside HTTP/1 and HTTP/2: requests reach the router of the real services, and
 * answers leave the real queue piece by piece. A connection keeps the order of its bytes, as TCP
 * does; between connections nothing is in order.
 */
#ifndef TESTS_SIM_LINK_H
#define TESTS_SIM_LINK_H

#include "base/rng.h"
#include "io/http_exchange.h"
#include "services/control/noise_server.h"

struct client;
struct frame;

struct weather {
	int64_t delay, jitter;
	fl_time stalled_until;
	uint64_t bytes_per_s; /* how fast the client reads; 0: at once */
	int64_t reset_after;  /* bytes to the client until a reset; -1: never */
	bool half_open;       /* nothing arrives any more, and nobody is told */
};

struct conn {
	struct fl_list link;
	unsigned refs;
	uint64_t number;
	struct client *client;            /* NULL: it let go */
	struct client *owner;             /* whose it was all along; NULL: a stranger's */
	struct fl_noise_link *server;     /* NULL: not accepted yet, or closed */
	bool goaway, pump_due, anonymous; /* anonymous: nobody reads the answers */
	bool unknown;                     /* its machine had no node when it came */
	struct weather w;
	fl_time up_free, down_free;
	size_t inflight, undelivered;
	struct fl_list exchanges; /* those the server has not finished */
	struct fl_machine_key machine;
	struct fl_ip from;
};

/* HIJACK polls and THEFT registers with the node key of another machine. */
enum exch_kind {
	EXCH_REGISTER,
	EXCH_FOLLOWUP,
	EXCH_LITE,
	EXCH_POLL,
	EXCH_LOGOUT,
	EXCH_HIJACK,
	EXCH_THEFT,
	EXCH_PING,    /* an answer to a ping */
	EXCH_FORGERY, /* one for another machine */
	EXCH_SSH,     /* may this SSH connection go on? */
	EXCH_SNOOP    /* asked by somebody whom it does not concern */
};

struct exch {
	struct fl_http x; /* first: the services have a pointer to it */
	struct fl_list link;
	unsigned refs;
	struct conn *conn;
	enum exch_kind kind;
	char *target; /* NULL: what the kind says */
	const char *method;
	void *note; /* of who asked; freed with it */
	char *request;
	size_t request_len;
	bool head_sent, over;        /* at the server */
	const struct fl_bytes *tail; /* the last of its queue, and all that ever was in it */
	uint64_t queued, taken;
	bool backlog;   /* what leaves was queued in an earlier tick */
	bool inside;    /* the first chunk has left in part */
	bool ended;     /* at the client */
	uint32_t facts; /* of the client, that the request told */
	unsigned status;
	struct fl_buf leaving, arriving; /* a frame, or an answer, in pieces */
	fl_time sent_at;                 /* when its last frame left */
	size_t frames;
	uint64_t node;  /* of a map session, once it is open */
	uint64_t asker; /* node of the client that polls, as it knows itself */
	uint64_t gen;
	fl_time opened_at;
};

struct conn *conn_open(struct client *c, const struct fl_machine_key *machine, uint8_t from,
		       const struct weather *w);
/* `body` is taken. The caller holds the exchange until it lets go. */
struct exch *conn_ask(struct conn *c, enum exch_kind kind, char *body);
/* The same of any path; `target` is copied, `note` is taken. */
struct exch *conn_ask_for(struct conn *c, enum exch_kind kind, const char *method,
			  const char *target, char *body, void *note);
void exch_let_go(struct exch **e); /* NULL inside: nothing to do */

/* Of nobody in the simulator: only what the server makes of its request counts. */
struct conn *conn_open_stranger(const struct fl_machine_key *machine, uint8_t from);

/* The client lets go: in order (a FIN), or its machine vanishes without a word. */
void conn_leave(struct conn *c, bool politely);
void conn_reset(struct conn *c);     /* by something in between: both hear of it */
void conn_half_open(struct conn *c); /* the server finds out by itself */
void conn_healed(struct conn *c);

void links_crash(void); /* the server's machine lost its power */
extern struct fl_list conns;

struct exch *exch_of(const struct fl_http *x);

#endif
