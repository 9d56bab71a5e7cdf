/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/client.h - one Noise connection as a stock client makes it: a plain socket, the
 * HTTP/1 upgrade, records, nghttp2. And nodes on top of it that register and poll.
 *
 * The client knows the wire and the keys; it never looks into the server. It stays on its
 * system's list from client_dial to client_close and is moved by sys_until.
 */
#ifndef FL_TESTS_SYSTEM_CLIENT_H
#define FL_TESTS_SYSTEM_CLIENT_H

#include "harness.h"

#include "../domain/fold.h"
#include "proto/control/noise.h"
#include "wire/mapframe.h"
#include "wire/noise.h"

#include <nghttp2/nghttp2.h>

enum { CLIENT_CALLS_MAX = 256 };

/* One request. */
struct call {
	struct client *client;
	int32_t id;
	unsigned status;
	char type[64];
	struct fl_buf body; /* of the answer, terminated by hand */
	bool ended;         /* the answer is whole */
	bool closed;        /* the stream is gone, ended or reset */
	uint32_t code;      /* why it closed */
	struct fl_buf sending;
	size_t sent;
	uint64_t filler; /* bytes of 'x' after `sending` */
	bool hold;       /* never ends its body */
	bool parked;
};

enum client_phase { CLIENT_UPGRADING, CLIENT_SHAKING, CLIENT_OPEN, CLIENT_OVER };

struct client {
	struct fl_list link;
	struct sys *sys;
	int fd;
	enum client_phase phase;
	struct fl_private_key machine;
	struct fl_machine_key machine_public;
	struct fl_noise_handshake hs;
	struct fl_noise_conn noise;
	nghttp2_session *h2;
	struct fl_buf in, out, plain; /* wire, and the early payload while it is in pieces */
	char http[512];               /* the head of the answer to the upgrade */
	char refusal[256];            /* a type-3 message */
	bool early_done, deaf;        /* deaf: takes nothing from its socket */
	bool ws;                      /* set before client_dial: by WebSocket */
	const char *forwarded;        /* set before client_dial: for whom a proxy says it asks */
	struct fl_buf frames;         /* WebSocket frames that are not whole yet */
	bool cuts;                    /* set before client_dial: resets the connection ... */
	size_t cut_in;                /* ... when it has taken so many more bytes */
	uint32_t goaway;              /* code seen, UINT32_MAX: none */
	size_t window;                /* of each stream towards us */
	struct call *calls[CLIENT_CALLS_MAX];
	size_t call_count;
};

/* Connects with this machine key (NULL: a new one) and version, and sends the upgrade. */
void client_dial(struct client *c, struct sys *s, const struct fl_private_key *machine,
		 uint16_t version);
/* The same and waits until requests can be sent. */
void client_open_ws(struct client *c, struct sys *s);
void client_open(struct client *c, struct sys *s, const struct fl_private_key *machine);
bool client_settled(void *client); /* open, or over */
bool client_over(void *client);
void client_close(struct client *c);
void client_move(struct client *c); /* sends and reads what it can */

/* Ends the connection by a reset: what was on its way to the client is lost. */
void client_reset(struct client *c);
/* From now on the network swallows what the server sends: it gets no answer and no reset. */
void client_vanish(struct client *c);

/* Makes a valid first message for this system with a fresh key, or `ephemeral` as it is. */
void client_initiation(struct sys *s, uint16_t version, uint8_t out[FL_NOISE_INITIATION_LEN]);

/* Bytes as one or more records, outside of HTTP/2. */
void client_raw(struct client *c, const void *bytes, size_t len);

/* Starts a request. `body` is copied; ptr NULL: none. */
struct call *client_call(struct client *c, const char *method, const char *path,
			 struct fl_slice body, const char *const *fields);
struct call *client_post(struct client *c, const char *path, json_t *body); /* takes body */
/* Waits for the whole answer or the end of the stream; then the caller may drop it. */
void call_wait(struct call *k);
void call_more(struct call *k); /* continues a parked body */
void call_drop(struct call *k); /* resets a live stream */
bool call_over(void *call);
json_t *call_json(struct call *k, unsigned status); /* waits, requires, parses, drops */

/* ---- nodes ---- */

enum { NODE_PONGS_MAX = 64 };

struct node {
	struct client c;
	struct fl_private_key secret;
	struct fl_node_key key;
	struct fl_disco_key disco;
	char hostname[64];
	struct call *poll;
	size_t at; /* of the poll's body */
	struct fold view;
	size_t frames;
	bool zstd;
	struct fl_mapframe *framer;
	size_t ponged; /* pings of the poll that were answered */
	struct call *pongs[NODE_PONGS_MAX];
};

/* A node with keys of its own on a new connection. */
void node_open(struct node *n, struct sys *s, const char *hostname);
void node_reopen(struct node *n); /* the same machine on a new connection */
void node_close(struct node *n);
void node_new_key(struct node *n);

json_t *node_register_body(const struct node *n, const char *auth_key);
json_t *node_map_body(const struct node *n);
/* Registers and requires success. */
void node_join(struct node *n, const char *auth_key);
/* The answer of a register request with this key. */
json_t *node_register(struct node *n, const char *auth_key);
/* Opens a poll and waits for the first frame. */
void node_poll(struct node *n);

/* All of it: opened, joined with a key of the user (`fields`: as for api_key) and polling. */
void node_enter(struct node *n, struct sys *s, const char *hostname, json_int_t user,
		const char *fields);
void node_start_poll(struct node *n);
void node_end_poll(struct node *n);
/* A lite update; `fields` are members to set: a JSON object, or NULL. */
void node_lite(struct node *n, const char *fields);
/* Begins a lite update that makes a frame of some 18 KB for each peer; `version` makes it news. */
struct call *node_say(struct node *n, unsigned version);
/* Folds what has come. True if the poll is over. */
bool node_fold(struct node *n);
/* The path at which the i-th ping of the poll wants its answer; borrowed until the poll ends. */
const char *node_ping_path(const struct node *n, size_t i);
/* Answers pings that have come and were not answered yet; to be repeated when there are many. */
void node_pong(struct node *n);
/* What a fresh one-shot request shows. */
void node_fresh(struct node *n, struct fold *out);
/* What it folded from its frames is what a fresh map shows. */
void node_assert_complete(struct node *n);

/* Its id, asked of the API by its node key. */
json_int_t node_id(struct node *n);

/* The peer as this node sees it, by its hostname; NULL if it does not. */
json_t *node_peer(struct node *n, const char *hostname);

#endif
