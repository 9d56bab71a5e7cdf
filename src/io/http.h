/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http.h - HTTP requests and answers as services see them, over HTTP/1.1 or HTTP/2.
 *
 * A router is a table of routes. For each request the connection finds the route on method and
 * path, gathers the body up to the route's limit, and calls the handler once with an exchange.
 * The handler answers at once or later, whole or as a stream of chunks.
 *
 * Exchange lifetime: it belongs to the connection. It ends when the answer is complete, or when
 * the peer goes away or resets the stream: then `on_gone` runs (if set and the answer was not
 * complete) and the pointer is dead afterwards. After fl_http_respond or fl_http_stream_end the
 * handler must not use it again.
 *
 * Thread    the connection's loop.
 * Limits    head 16 KiB and 100 fields; body per route; a route with body_max 0 is answered
 *           without its body being read (HTTP/1: the connection closes after the answer if a body
 *           was announced; HTTP/2: at most one window of 1 MiB is received and dropped).
 * Security  path is normalised by refusal: "..", "//", encoded slashes, NUL and absolute-form are
 *           400. One Content-Length, no Transfer-Encoding together with it. One Host. HTTP/2 peers
 *           that reset streams, ping or send empty frames over 1000 times a minute are cut off.
 */
#ifndef FL_IO_HTTP_H
#define FL_IO_HTTP_H

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/parts.h"
#include "io/stream.h"

enum {
	FL_HTTP_HEAD_MAX = 16 << 10,
	FL_HTTP_FIELDS_MAX = 100,
	FL_HTTP_SEGMENTS_MAX = 8, /* "*" parts of a route */
};

struct fl_http; /* an exchange */

/* ---- the request; borrowed until the exchange ends ---- */
struct fl_slice fl_http_method(const struct fl_http *x);
struct fl_slice fl_http_path(const struct fl_http *x); /* without query, not decoded */
/* What follows the "?", not decoded; empty if nothing does. Printable, without "#". */
struct fl_slice fl_http_query_text(const struct fl_http *x);
/* The path of the route, "*" in place of what it matched; empty if none was found. */
struct fl_slice fl_http_pattern(const struct fl_http *x);
/* What the i-th "*" of the route matched, percent-decoded; a trailing "**" counts as one more. */
struct fl_slice fl_http_segment(const struct fl_http *x, size_t i);
/* The first value of a field; empty if absent. */
struct fl_slice fl_http_field(const struct fl_http *x, const char *lower_name);
size_t fl_http_field_count(const struct fl_http *x, const char *lower_name);
/* Does a comma-separated field hold `token`, in any case and in any of its lines? */
bool fl_http_field_has(const struct fl_http *x, const char *lower_name, const char *token);
struct fl_slice fl_http_body(const struct fl_http *x);
/*
 * A query parameter (the first of that name), percent-decoded into `out` and terminated.
 * Errors: FL_ERR_NOT_FOUND, FL_ERR_SYNTAX (broken escape, or a NUL inside), FL_ERR_TOO_BIG.
 */
FL_MUST enum fl_err fl_http_query(const struct fl_http *x, const char *name, char *out, size_t cap);
bool fl_http_is_h2(const struct fl_http *x);
/* HTTP/1 only, to ask about TLS or peer; NULL on HTTP/2. */
struct fl_stream *fl_http_stream(const struct fl_http *x);
void *fl_http_conn_ctx(const struct fl_http *x); /* what the connection was opened with */
struct fl_loop *fl_http_loop(const struct fl_http *x);
/*
 * Frees fields and body early, for an exchange that will be answered for hours. Slices taken before
 * die; method, path, query and segments can be asked for again.
 */
void fl_http_drop_request(struct fl_http *x);

/* ---- the answer ---- */

/* What a status is called, like "Not Found". */
const char *fl_http_reason(unsigned status);

/* Adds a field to the coming answer; copied. At most 16, silently cut beyond. */
void fl_http_set(struct fl_http *x, const char *name, const char *value);

/* A whole answer. `type` may be NULL for no content. Copies `body`. */
void fl_http_respond(struct fl_http *x, unsigned status, const char *type, struct fl_slice body);

/* A streamed answer: headers go out at once, then chunks as they come. */
void fl_http_stream_start(struct fl_http *x, unsigned status, const char *type);
/*
 * Queues a chunk (takes a reference of its own). Errors: FL_ERR_FULL over the exchange's limit: end
 * it. FL_ERR_CLOSED: the peer has gone. FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_http_stream_send(struct fl_http *x, struct fl_bytes *chunk);
/* The same for several, of which all are queued or none. */
FL_MUST enum fl_err fl_http_stream_sendv(struct fl_http *x, struct fl_bytes *const *chunks,
					 size_t count);

/*
 * What costs time to make, like compressed text: made once, where the connection is carried, which
 * may be another thread (io/http_pass.h).
 */
struct fl_http_recipe {
	/* Adds pieces to `out`. `tools`: the thread's; NULL: it is the one the recipe is of. */
	enum fl_err (*make)(const struct fl_http_recipe *r, void *tools, struct fl_parts *out);
	void (*free)(struct fl_http_recipe *r);
	size_t most; /* no more bytes come of it: so many are pending until they are known */
};
/*
 * A streamed answer that begins with what comes of `r`, which it takes; the limit does not concern
 * that. Errors, with nothing said: FL_ERR_CLOSED, FL_ERR_NOMEM, and what `make` says. On another
 * thread these end the connection instead.
 */
FL_MUST enum fl_err fl_http_stream_begin(struct fl_http *x, unsigned status, const char *type,
					 struct fl_http_recipe *r);
/* A chunk will be queued soon: fetches what that touches while something else is done. */
void fl_http_stream_ahead(const struct fl_http *x);
/* Bytes queued and not yet handed to the connection. */
size_t fl_http_stream_pending(const struct fl_http *x);
/* ns without progress while something is queued. */
int64_t fl_http_stream_stalled(const struct fl_http *x);
void fl_http_stream_limit(struct fl_http *x, size_t pending_max); /* default 8 MiB */
void fl_http_stream_end(struct fl_http *x);
/* Ends abruptly: RST_STREAM or closed connection, so that the client sees an error. */
void fl_http_abort(struct fl_http *x);

/*
 * Called once when the peer has gone before the handler ended its answer. A handler that returns
 * without an answer must set it: without, nothing says when the pointer dies. It may free the
 * connection. With it set, an HTTP/1 client that closes only its sending half counts as gone.
 */
void fl_http_on_gone(struct fl_http *x, void (*fn)(void *ctx), void *ctx);

/* Called from the loop when a queue that held something was wholly taken. For paced senders. */
void fl_http_on_drain(struct fl_http *x, void (*fn)(void *ctx), void *ctx);

/* ---- upgrade (HTTP/1 only): 101 and the raw stream ---- */

/*
 * Ends the exchange and gives the stream with what was read past the head (`*out_early`, borrowed
 * until the caller returns). Writes nothing itself; the caller writes its 101 (or, for the relay's
 * fast start, nothing). The caller must own the stream before returning. Errors: FL_ERR_STATE if a
 * body was announced.
 */
FL_MUST enum fl_err fl_http_upgrade(struct fl_http *x, struct fl_stream **out,
				    struct fl_slice *out_early);

/* May this become a WebSocket with `subprotocol` (NULL: any)? 0, or the status of a refusal. */
unsigned fl_http_ws_verdict(const struct fl_http *x, const char *subprotocol);
void fl_http_ws_refuse(struct fl_http *x, unsigned status);

/*
 * Checks a WebSocket request and writes its 101 answer with `subprotocol` (NULL: none); then as
 * above, for fl_wsm_new. On failure the exchange has ended: 400 (also one that does not offer
 * `subprotocol`), 426 or 503 was answered (FL_ERR_PROTO), or the stream is closed.
 */
FL_MUST enum fl_err fl_http_upgrade_wsm(struct fl_http *x, const char *subprotocol,
					struct fl_stream **out, struct fl_slice *out_early);

/* The same, wrapped as a byte stream. */
FL_MUST enum fl_err fl_http_upgrade_ws(struct fl_http *x, const char *subprotocol,
				       size_t message_max, struct fl_stream **out);

/* ---- routes and connections ---- */

struct fl_http_route {
	const char *method; /* "GET" also answers HEAD; "*" any */
	const char *path; /* "/a/b"; "*" matches one segment; a trailing "**" any rest, also none */
	size_t body_max;
	void (*handle)(void *ctx, struct fl_http *x);
	void *ctx; /* first argument of `handle`; NULL = the router's */
};

struct fl_http_router {
	const struct fl_http_route *routes;
	size_t count;
	void *ctx; /* first argument of handlers whose route names none, and of `refuse` */
	/*
	 * Answers what a connection refuses by itself (no route, wrong method, a body too large, a
	 * malformed path ...), with its reason as text for people; the path is empty if it was not
	 * understood. False, with nothing done, or NULL: a plain text tells it.
	 */
	bool (*refuse)(void *ctx, struct fl_http *x, unsigned status, const char *why);
	/* Fields added to every answer that has not set them itself: name, value, ..., NULL. */
	const char *const *common_fields;
	/* Told of each answer as it begins; may be NULL. Must not touch the exchange. */
	void (*on_answer)(const struct fl_http *x, unsigned status);
	struct fl_http_group *group; /* HTTP/1 connections enter themselves here; may be NULL */
};

/* The live HTTP/1 connections of one service, so that it can stop. Initialise before the first. */
struct fl_http_group {
	struct fl_list conns;
	size_t count;
};
void fl_http_group_init(struct fl_http_group *g);
/* Closes all now; on_gone of unfinished exchanges runs. Not from inside a handler. */
void fl_http_group_close(struct fl_http_group *g);

struct fl_http_limits {
	/* ns; HTTP/2: 0 means never */
	int64_t head_timeout; /* from first byte wanted to whole head; HTTP/2: also to preface */
	int64_t body_timeout; /* from head to whole body; also an answer that is not taken */
	int64_t idle_timeout; /* between requests of a kept connection (HTTP/2: without streams) */
	size_t conn_body_max; /* HTTP/2: request bodies of one connection together */
	uint32_t streams_max; /* HTTP/2: concurrent streams */
};
extern const struct fl_http_limits fl_http_limits_default; /* 10 s, 30 s, 120 s, 4 MiB, 200 */

/*
 * What the requests of many HTTP/2 connections may hold together; a request beyond it gets 429.
 * The connections may be on several loops.
 */
struct fl_http_budget {
	atomic_size_t used;
	size_t max;
	_Atomic uint64_t refusals;
};

/*
 * HTTP/1.1 server connection on a stream (taken, also on failure). It frees itself when done.
 * `early` was read before and is copied; `limits` may be NULL; `conn_ctx` is for handlers.
 */
FL_MUST enum fl_err fl_http1_serve(struct fl_stream *s, struct fl_slice early,
				   const struct fl_http_router *router,
				   const struct fl_http_limits *limits, void *conn_ctx);

/*
 * HTTP/2 server connection without a transport of its own: bytes in, bytes out (it runs inside
 * Noise records). `send` is called with bytes to seal and send, 32 KiB and a frame at most, and
 * takes them all. While the transport is `full` (NULL: never) nothing is made ready for it, so that
 * what waits is the shared chunks of answers and no copies of them; fl_h2_resume continues.
 */
struct fl_h2;
struct fl_h2_transport {
	enum fl_err (*send)(void *ctx, struct fl_slice bytes);
	bool (*full)(void *ctx);
	/*
	 * The connection is over for a reason that no call could return: FL_ERR_TIMEOUT, FL_OK
	 * after the last stream of a fl_h2_goaway, or what `send` said. Runs once, from the loop;
	 * the owner frees it then or later. May be NULL.
	 */
	void (*on_end)(void *ctx, enum fl_err why);
	void (*ahead)(void *ctx); /* `send` comes soon: fetch memory; may be NULL */
	void *ctx;
};
FL_MUST enum fl_err fl_h2_new(struct fl_loop *l, const struct fl_h2_transport *t,
			      const struct fl_http_router *router,
			      const struct fl_http_limits *limits, void *conn_ctx,
			      struct fl_h2 **out);
/*
 * Feeds received bytes; handlers run inside. After an error nothing more can be fed: what explains
 * it (GOAWAY) was given to `send`, the owner closes. Errors: FL_ERR_PROTO, FL_ERR_TOO_BIG (header
 * list), FL_ERR_NOMEM, FL_ERR_CLOSED (ended in order, or fl_h2_free was called by a handler and the
 * connection is gone), or what `send` said.
 */
FL_MUST enum fl_err fl_h2_input(struct fl_h2 *h, struct fl_slice bytes);
/* The transport has room again. Errors as fl_h2_input. */
FL_MUST enum fl_err fl_h2_resume(struct fl_h2 *h);
void fl_h2_ping(struct fl_h2 *h);
/* GOAWAY(NO_ERROR); streams in flight may finish. */
void fl_h2_goaway(struct fl_h2 *h);
size_t fl_h2_streams(const struct fl_h2 *h);
bool fl_h2_was_asked(const struct fl_h2 *h);    /* has a handler ever been called? */
bool fl_h2_is_streaming(const struct fl_h2 *h); /* an answer has begun and goes on */
/*
 * From now on requests count against `b` (NULL: none), which outlives the connection. What is held
 * already goes out of the budget that it was in.
 */
void fl_h2_budget(struct fl_h2 *h, struct fl_http_budget *b);
/* Runs on_gone of unfinished exchanges. Allowed inside handlers; then freed as they return. */
struct fl_h2 *fl_h2_free(struct fl_h2 *h);

#endif
