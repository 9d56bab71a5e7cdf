/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/noise_worker.h - the Noise connections that one worker carries: handshake,
 * records, HTTP/2 inside. What they ask is answered by the control loop.
 *
 *   home -> worker   ADOPT (a connection), ADMIT or REFUSE its machine, SETTLED (it owns a node),
 *                    CLOSE, GOAWAY (all)
 *   worker -> home   WHO (the machine), CLOSED
 *   and the letters of io/http_pass.h
 *
 * Without a thread a connection still comes and goes by letters, so that there is one life of it.
 * Requests do not: they call the home's handlers, since on one loop a letter would only cost.
 *
 * Thread    the worker's, but for start, adopt and stop.
 * Memory    an idle connection keeps two AEAD keys and the HTTP/2 session; record buffers exist
 *           only while a record is in pieces.
 * Limits    one record of 4 KiB in pieces; the rest of one batch of HTTP/2 towards the socket and
 *           FL_NOISE_UNSENT_MAX in the kernel, then HTTP/2 is held back; requests as in
 *           io/http_pass.h, then the connection is not read.
 * Security  no request within `first_request` of the handshake closes the connection.
 * Source    docs/protocol/control.md 1.4 to 1.9
 */
#ifndef FL_SERVICES_CONTROL_NOISE_WORKER_H
#define FL_SERVICES_CONTROL_NOISE_WORKER_H

#include "base/slots.h"
#include "io/http_pass.h"
#include "io/worker.h"
#include "proto/control/noise.h"
#include "wire/mapframe.h"

enum { FL_NOISE_UNSENT_MAX = 64 << 10 }; /* in the kernel, for a client that reads slowly */
#define FL_NOISE_FIRST_REQUEST (10 * FL_SEC)
#define FL_NOISE_PING_INTERVAL (45 * FL_SEC)
#define FL_NOISE_IDLE_MAX      (10 * FL_MIN)

enum {
	FL_NOISE_ADOPT = FL_PASS_LETTERS, /* what: the connection */
	FL_NOISE_ADMIT,                   /* n: 1 if it is a stranger */
	FL_NOISE_REFUSE,                  /* n: 1 if there are too many of its source */
	FL_NOISE_SETTLED,
	FL_NOISE_CLOSE,
	FL_NOISE_GOAWAY,
	FL_NOISE_WHO,    /* what: struct fl_noise_who */
	FL_NOISE_CLOSED, /* what: its stream, detached, with last words to send; or NULL */
};

/* What all workers read; nobody changes it while they run. */
struct fl_noise_common {
	struct fl_private_key key;
	struct fl_machine_key public_key;
	struct fl_http_router inner; /* with threads its handlers are fl_noise_worker_pass */
	struct fl_http_limits limits;
	int64_t first_request;
	struct fl_keepalive keepalive;
	struct fl_http_budget *strangers;
};

struct fl_noise_worker {
	const struct fl_noise_common *common;
	struct fl_worker worker;
	struct fl_pass_desk desk;
	struct fl_mapframe *framer; /* the tools of recipes; NULL without a thread */
	struct fl_buf scratch;      /* records on their way to a socket, one write at a time */
	struct fl_slots carried;
	struct fl_list all, paused;
};

/* The machine behind a connection, which has yet to prove that it is not a replay. */
struct fl_noise_who {
	struct fl_machine_key machine;
	uint16_t version;
};

/* `hear` runs on `home` for each letter of the worker. Errors as fl_worker_start. */
FL_MUST enum fl_err fl_noise_worker_start(struct fl_noise_worker *w, struct fl_loop *home,
					  bool threaded, const struct fl_noise_common *common,
					  void (*hear)(void *ctx, const struct fl_letter *l),
					  void *ctx);

/* Says goodbye on all connections and gives their streams back. Harmless on a zeroed struct. */
void fl_noise_worker_stop(struct fl_noise_worker *w);

/* A stream on which an initiation came. */
struct fl_noise_arrival {
	struct fl_stream *stream;
	struct fl_slice initiation, early; /* early: read behind it */
	bool early_payload;                /* does the client understand it? */
	uint32_t slot, gen;                /* the connection in letters */
	void *home; /* what handlers get as conn_ctx where no letters are between; else not read */
};

/*
 * Sends a stream to the worker and takes it; its place is the caller's. Errors: FL_ERR_NOMEM, then
 * it is closed.
 */
FL_MUST enum fl_err fl_noise_worker_adopt(struct fl_noise_worker *w,
					  const struct fl_noise_arrival *a,
					  struct fl_stream_place *out);

/* The handler of all inner routes on a worker with a thread. */
void fl_noise_worker_pass(void *ctx, struct fl_http *x);

#endif
