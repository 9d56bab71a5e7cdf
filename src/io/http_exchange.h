/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_exchange.h - the inside of an exchange, for http1.c and h2.c only.
 *
 * What the two versions of HTTP share: the gathered head and body of a request, the verdict of the
 * router, the answer's head, and the queue of counted chunks. A connection fills the request in,
 * asks fl_httpx_begin what to do with it, calls fl_httpx_handle once, and is told through
 * struct fl_httpx_ops what the handler did. It drains the queue at its own pace.
 *
 * Thread  the connection's loop.
 * Memory  an exchange belongs to its connection, which frees it outside of handlers.
 */
#ifndef FL_IO_HTTP_EXCHANGE_H
#define FL_IO_HTTP_EXCHANGE_H

#include "base/buf.h"
#include "io/http.h"

enum {
	FL_HTTPX_ANSWER_FIELDS_MAX = 16,
	FL_HTTPX_ANSWER_TEXT_MAX = 16 << 10, /* names and values of an answer */
	FL_HTTPX_PENDING_DEFAULT = 8 << 20,
};

/* A part of the request's text. */
struct fl_httpx_range {
	uint16_t at, len;
};

struct fl_httpx_field {
	struct fl_httpx_range name, value;
};

/* How a connection hears of its exchange's answer. None of them may free the exchange. */
struct fl_httpx_ops {
	void (*start)(struct fl_http *x); /* status and fields are decided, chunks may be queued */
	void (*kick)(struct fl_http *x);  /* something was queued, or the answer ended */
	void (*abort)(struct fl_http *x);
	void (*make)(struct fl_http *x, struct fl_http_recipe *r); /* takes it; NULL: made here */
	void (*ahead)(const struct fl_http *x); /* a kick will come; may be NULL */
	bool h2;
};

enum fl_httpx_state {
	FL_HTTPX_GATHERING, /* head or body still coming */
	FL_HTTPX_HANDLING,  /* the handler has it, nothing answered */
	FL_HTTPX_STREAMING, /* head decided, chunks may follow */
	FL_HTTPX_ENDED,     /* answer whole; the handler has let go */
};

/* What the requests of one connection hold. */
struct fl_httpx_meter {
	size_t bodies;
	struct fl_http_budget *budget; /* shared with other connections; may be NULL */
};

/* A counted piece of an answer's body, taken up to `at`. */
struct fl_httpx_chunk {
	struct fl_list link;
	struct fl_bytes *bytes;
	size_t at;
};

struct fl_http {
	const struct fl_httpx_ops *ops;
	void *conn;
	const struct fl_http_router *router;
	const struct fl_http_route *route; /* NULL unless the verdict is 200 */
	struct fl_loop *loop;
	void *conn_ctx;

	/* the request */
	struct fl_buf text;
	struct fl_httpx_field *fields;
	struct fl_httpx_range method, path, query;
	struct fl_httpx_range segments[FL_HTTP_SEGMENTS_MAX];
	uint16_t field_count, field_cap, segment_count;
	uint16_t head_bytes;
	struct fl_buf body;
	struct fl_httpx_meter *meter; /* lessened when the request is dropped; may be NULL */
	size_t charged;               /* to the meter's budget */

	/* the answer */
	uint16_t status, verdict, answer_fields;
	enum fl_httpx_state state;
	bool head_only; /* HEAD: headers of the GET answer, no body */
	bool no_body;   /* HEAD, 204, 304 */
	bool sized;     /* `size` is the whole length */
	bool closed;    /* the peer has gone */
	bool aborted;
	size_t size;
	struct fl_buf answer; /* name NUL value NUL ... */
	struct fl_list queue;
	struct fl_httpx_chunk first; /* the chunk that costs no allocation */
	size_t pending, pending_max;
	fl_time progress_at;

	void (*on_gone)(void *ctx);
	void *gone_ctx;
	void (*on_drain)(void *ctx);
	void *drain_ctx;
	void (*on_taken)(void *ctx, size_t n); /* of the queue by the connection; may be NULL */
	void *taken_ctx;
};

void fl_httpx_init(struct fl_http *x, const struct fl_httpx_ops *ops, void *conn, struct fl_loop *l,
		   const struct fl_http_router *router, void *conn_ctx);

/* Frees what the exchange holds, not the struct. Runs nothing. */
void fl_httpx_done(struct fl_http *x);

/* Adds a request field; the name is stored in lower case. FL_ERR_TOO_BIG over either limit of the
 * head. */
FL_MUST enum fl_err fl_httpx_add_field(struct fl_http *x, struct fl_slice name,
				       struct fl_slice value);
FL_MUST enum fl_err fl_httpx_set_method(struct fl_http *x, struct fl_slice method);
FL_MUST enum fl_err fl_httpx_set_target(struct fl_http *x, struct fl_slice target);

/* The value of the i-th field if its name is `lower_name`. */
bool fl_httpx_field_at(const struct fl_http *x, size_t i, const char *lower_name,
		       struct fl_slice *out);

/*
 * The head is complete: checks the target and finds the route. Sets `verdict`: 200 (gather the
 * body up to fl_httpx_body_max, then handle), 404, 405, or 400; or 431 and others set before by
 * the connection, which win.
 */
void fl_httpx_begin(struct fl_http *x);

/* Takes `n` bytes from the budget, until the request is dropped. False: there is no room. */
bool fl_httpx_charge(struct fl_http *x, size_t n);
void fl_httpx_uncharge(struct fl_http *x);

/* How much body this request may have; 0 unless a route was found. */
size_t fl_httpx_body_max(const struct fl_http *x);

/* Calls the handler, or answers according to the verdict. The exchange may have ended afterwards.
 */
void fl_httpx_handle(struct fl_http *x);

/* The peer has gone: runs on_gone if the handler still waits. At most once. */
void fl_httpx_gone(struct fl_http *x);

/* Has the handler let go (answered whole, or aborted)? */
static inline bool fl_httpx_released(const struct fl_http *x)
{
	return x->state == FL_HTTPX_ENDED;
}

/* ---- http_answer.c ---- */

/* The first piece of what is queued; empty if nothing is. */
struct fl_slice fl_httpx_front(const struct fl_http *x);
void fl_httpx_consume(struct fl_http *x, size_t n);

/* So many bytes more are pending, until fl_httpx_taken. */
void fl_httpx_owe(struct fl_http *x, size_t n);

/* Queues without asking for the limit; takes the reference. FL_ERR_NOMEM: it did not. */
FL_MUST enum fl_err fl_httpx_push(struct fl_http *x, struct fl_bytes *bytes);

size_t fl_httpx_queued(const struct fl_http *x); /* chunks */

/*
 * The first chunk with its reference, or NULL. It stays pending until fl_httpx_taken says that it
 * got on its way.
 */
struct fl_bytes *fl_httpx_hand_on(struct fl_http *x);
void fl_httpx_taken(struct fl_http *x, size_t n);

/* Moves the first `n` bytes of the queue to `out`. */
void fl_httpx_put_front(struct fl_http *x, size_t n, struct fl_buf *out);
void fl_httpx_drop_queue(struct fl_http *x);

/* Walks the answer's fields (handler's, then common ones): *at starts at 0. False at the end. */
bool fl_httpx_answer_next(const struct fl_http *x, size_t *at, const char **out_name,
			  const char **out_value);
bool fl_httpx_answer_has(const struct fl_http *x, const char *name);

/* The answer of the connection itself. Text is "<what is wrong>: <what to do>". */
void fl_httpx_refuse(struct fl_http *x, unsigned status);

/* ---- http_route.c ---- */

bool fl_httpx_path_ok(struct fl_slice path);
bool fl_httpx_query_ok(struct fl_slice query);

struct fl_httpx_match {
	const struct fl_http_route *route;
	struct fl_slice segments[FL_HTTP_SEGMENTS_MAX];
	size_t segment_count;
};

/* 200 with the first route that fits, 404, or 405 (the path is known under other methods). */
unsigned fl_httpx_route(const struct fl_http_router *r, struct fl_slice method,
			struct fl_slice path, struct fl_httpx_match *out);

/* The methods that `path` has, for an Allow field. */
void fl_httpx_allow(const struct fl_http_router *r, struct fl_slice path, char *out, size_t cap);

/* Undoes %XX (and '+' in forms). Writes at most in.len bytes. FL_ERR_SYNTAX. */
FL_MUST enum fl_err fl_httpx_unescape(struct fl_slice in, bool form, uint8_t *out, size_t *out_len);

FL_MUST enum fl_err fl_httpx_query(struct fl_slice query, const char *name, char *out, size_t cap);

#endif
