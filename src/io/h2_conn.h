/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2_conn.h - the inside of an HTTP/2 connection, for the files h2*.c only.
 *
 * Thread  the connection's loop.
 */
#ifndef FL_IO_H2_CONN_H
#define FL_IO_H2_CONN_H

#include "io/h2_mem.h"
#include "io/http_exchange.h"

#include <nghttp2/nghttp2.h>

enum {
	FL_H2_HEADER_LIST_MAX = 64 << 10,         /* over it the connection ends; a head is less */
	FL_H2_BATCH = 32 << 10,                   /* bytes given to the transport at once, about */
	FL_H2_OUT_MAX = FL_H2_BATCH + (64 << 10), /* a batch and the frame that overran it */
};

struct fl_h2_stream {
	struct fl_http x;    /* first: an exchange of this connection is one of these */
	struct fl_list link; /* on `streams` or `dead` */
	struct fl_list todo; /* on `gathering`, `ready` or `drained`, or on none */
	fl_time head_at;
	int32_t id;
	bool head_whole, body_whole;
	bool discard;  /* DATA is dropped without window updates */
	bool handled;  /* the handler has seen it */
	bool answered; /* the handler has let go; counted in `unsent` until it is closed */
	bool reset_by_peer;
	bool parked; /* nghttp2 waits for fl_h2_ops.kick */
	bool cut;    /* reset by us */
	bool closed; /* nghttp2 has forgotten it */
};

struct fl_h2 {
	struct fl_loop *loop;
	struct fl_h2_transport transport;
	const struct fl_http_router *router;
	struct fl_http_limits limits;
	void *conn_ctx;
	nghttp2_session *session;
	struct fl_h2_mem mem;

	struct fl_list streams;   /* open */
	struct fl_list gathering; /* bodies that are still coming, oldest head first */
	struct fl_list ready;     /* handler to be called */
	struct fl_list drained;   /* queue emptied into `out` */
	struct fl_list dead;      /* closed, to be told and freed */
	uint32_t stream_count;
	uint32_t unsent; /* answered, not closed */
	struct fl_httpx_meter meter;
	size_t list_bytes; /* of the header block being read */

	struct fl_buf out; /* a batch in the making; empty outside fl_h2_flush */
	struct fl_deferred later;
	struct fl_timer timer;
	fl_time created_at, head_since, idle_since, nuisance_since, unsent_since, blocked_since;
	uint32_t nuisance;
	uint32_t busy; /* depth of calls that settle at their end */
	bool dirty;    /* output was made since the last flush */
	bool blocked;  /* the transport was full, since blocked_since */
	bool spent;    /* the one stream has handed out all it had in this flush */
	bool greeted;  /* the client's SETTINGS came */
	bool asked;    /* a handler was called */
	bool closing, free_wanted, end_told;
	enum fl_err end; /* why it is over; FL_OK while it is not */
};

/* May nghttp2 still be called? Not once it has run out of memory. */
static inline bool fl_h2_usable(const struct fl_h2 *h)
{
	return !h->mem.failed;
}

/* ---- h2_out.c ---- */

/* Moves nghttp2's output to the transport until it has no more or the transport is full. */
void fl_h2_flush(struct fl_h2 *h);

/* The same at the end of the current activity. */
void fl_h2_flush_later(struct fl_h2 *h);

int fl_h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
		    nghttp2_data_source *source, void *ctx);

extern const struct fl_httpx_ops fl_h2_ops;

/* ---- h2_in.c ---- */

void fl_h2_set_callbacks(nghttp2_session_callbacks *cb);

/* The body is not wanted, or no longer: later DATA is dropped and earns no window. */
void fl_h2_refuse_body(struct fl_h2 *h, struct fl_h2_stream *s, unsigned verdict);

/* Ends the connection with a GOAWAY; only the first reason counts. */
void fl_h2_terminate(struct fl_h2 *h, uint32_t code, enum fl_err why);

/* ---- h2_time.c ---- */

/* Watches that the peer takes the answer, once the handler has let go. */
void fl_h2_note_answered(struct fl_h2 *h, struct fl_h2_stream *s);

/*
 * Sets the timer for the next deadline. One that is armed is left alone when it fires early
 * enough: it looks again by itself.
 */
void fl_h2_rearm(struct fl_h2 *h);

/* Does what is due. */
void fl_h2_overdue(struct fl_h2 *h);

#endif
