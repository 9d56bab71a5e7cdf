/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http1_conn.h - the inside of an HTTP/1 connection, for http1.c, http1_out.c and http_ws.c
 * only.
 *
 * Thread  the connection's loop.
 */
#ifndef FL_IO_HTTP1_CONN_H
#define FL_IO_HTTP1_CONN_H

#include "io/http1_parse.h"

enum fl_http1_state {
	FL_HTTP1_IDLE, /* nothing of a next request yet */
	FL_HTTP1_HEAD,
	FL_HTTP1_BODY,
	FL_HTTP1_BUSY, /* a handler works, or its answer is being written */
	FL_HTTP1_DEAD, /* stream closed or given away; freed from the loop */
};

struct fl_http1 {
	struct fl_stream *stream;
	struct fl_loop *loop;
	const struct fl_http_router *router;
	struct fl_http_limits limits;
	void *conn_ctx;
	struct fl_list link; /* in the router's group */
	struct fl_timer timer;
	struct fl_deferred later;
	struct fl_buf in;   /* a head that is not whole */
	struct fl_buf left; /* read past the request at hand */
	struct fl_http1_parser parser;
	struct fl_http x;
	enum fl_http1_state state;
	bool called;     /* the first request has come */
	bool due;        /* the handler is to be called at the end of this input */
	bool keep;       /* another request may follow this answer */
	bool draining;   /* no further request, whatever the client wants */
	bool chunked;    /* the answer's framing */
	bool head_sent;  /* the answer's head is written */
	bool tell_drain; /* the queue was emptied; on_drain is due */
	bool finished;   /* the answer is whole and written to the stream */
	bool broken;     /* the stream failed inside a call; the rest happens later */
	bool paused;
};

extern const struct fl_httpx_ops fl_http1_ops;

/* Does the rest outside of the current call. */
void fl_http1_later(struct fl_http1 *h);

/* Writes what the stream has room for. */
void fl_http1_pump(struct fl_http1 *h);

/* Room enough that more may be queued into the stream? */
bool fl_http1_has_room(const struct fl_http1 *h);

#endif
