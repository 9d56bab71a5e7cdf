/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/h2_peer.h - an HTTP/2 connection in memory: our server on one side, a client made of
 * nghttp2 on the other, and between them two byte queues that a test can squeeze.
 */
#ifndef FL_TESTS_IO_H2_PEER_H
#define FL_TESTS_IO_H2_PEER_H

#include "base/buf.h"
#include "io/http.h"

#include <nghttp2/nghttp2.h>

enum { PEER_STREAMS_MAX = 4096, PEER_FIELDS_MAX = 8 };

/* One request as the client sees it. */
struct peer_call {
	int32_t id;
	unsigned status;
	char type[64], length[32], extra[64]; /* content-type, content-length, x-extra */
	struct fl_buf body;                   /* kept up to `keep` of the peer */
	size_t body_len;
	bool ended, closed;
	uint32_t code; /* of the reset, when closed */
	/* what it sends */
	size_t send_left;
	bool send_hold; /* wait instead of ending */
	bool parked;
};

struct peer {
	struct fl_loop *loop;
	struct fl_h2 *server;
	nghttp2_session *client;
	struct fl_buf to_client; /* sealed by nobody */
	size_t room;             /* bytes until the transport is full; SIZE_MAX: never */
	size_t sends, sent_bytes, fulls, received_bytes;
	enum fl_err server_err; /* last error of input or resume */
	enum fl_err ended;      /* told by on_end */
	unsigned ends;
	uint32_t goaway;                                   /* error code seen, or UINT32_MAX */
	uint32_t max_streams, window, frame_max, list_max; /* server's settings */
	unsigned pings;                                    /* acknowledged or received */
	size_t keep;
	bool no_window_updates; /* the client does not return windows by itself */
	struct peer_call calls[PEER_STREAMS_MAX];
	size_t call_count;
};

/* `limits` may be NULL. The client has sent nothing yet unless `greet`. */
void peer_open(struct peer *p, struct fl_loop *l, const struct fl_http_router *router,
	       const struct fl_http_limits *limits, uint32_t client_window, bool greet);
void peer_close(struct peer *p);

/* Moves bytes both ways and polls the loop until nothing moves any more. */
void peer_run(struct peer *p);

/* One direction once. */
void peer_push(struct peer *p);
void peer_pull(struct peer *p);

/* Raw bytes to the server. */
void peer_raw(struct peer *p, const void *bytes, size_t len);

/*
 * Starts a request. `body_len` bytes of 'b' follow if not SIZE_MAX; `announce` sends a
 * content-length; `extra` are further fields: name, value, ..., NULL.
 */
struct peer_call *peer_call(struct peer *p, const char *method, const char *path, size_t body_len,
			    bool hold, const char *const *extra);

/* Lets a held body continue with `more` bytes, and end or not. */
void peer_more(struct peer *p, struct peer_call *c, size_t more, bool hold);

#endif
