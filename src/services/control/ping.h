/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/ping.h - questions to a node that travel on its map stream, and their answers.
 *
 * A ping is a message of its own to one session of the node, sent at once: no tick delays it and
 * no other message takes its place. Of a node without a session it waits for the next one. The
 * client answers by a request inside Noise that names the id. Each ping ends exactly once: with its
 * answer, at its deadline, or with the server.
 *
 * A ping may carry an HTTP request (c2n), which the node's daemon handles; its response comes back
 * as the answer.
 *
 * Thread    the control loop.
 * Memory    embedded in whoever waits; cancel when the waiter goes away first.
 * Limits    FL_PINGS_MAX that people asked for; probes are one a router. Answers of
 *           FL_PING_ANSWER_MAX bytes.
 * Security  ids are random and good for one answer, from the machine of the node alone.
 * Source    docs/lifecycle.md PNG-1 to PNG-5, CHG-5, INV-26; docs/protocol/control.md 3.3
 */
#ifndef FL_SERVICES_CONTROL_PING_H
#define FL_SERVICES_CONTROL_PING_H

#include "base/map.h"
#include "services/control/core.h"

enum {
	FL_PING_ID_LEN = 16, /* hex digits */
	FL_PINGS_MAX = 1024,
	FL_PING_ANSWER_MAX = 64 << 10,
};
#define FL_PING_LIMIT (30 * FL_SEC)

struct fl_control;
struct fl_http;

enum fl_ping_kind { FL_PING_ASKED, FL_PING_PROBE, FL_PING_KINDS };

/*
 * How a ping ended: FL_OK with the response to its request (empty without one), borrowed for the
 * call; FL_ERR_TIMEOUT; FL_ERR_CLOSED when the server stops. It may be started again from here.
 */
typedef void fl_ping_end(void *ctx, enum fl_err err, struct fl_slice response);

struct fl_ping {
	/* Set before it is started. */
	enum fl_ping_kind kind;
	fl_node_id node;
	const char *request; /* HTTP/1.1, borrowed until the end; NULL: only whether it answers */
	fl_ping_end *fn;
	void *ctx;
	/* While it is under way. */
	struct fl_control *control; /* NULL: it is not */
	struct fl_list link;
	struct fl_timer timer;
	char id[FL_PING_ID_LEN + 1];
};

struct fl_pings {
	struct fl_map by_id;
	struct fl_list sent, unsent; /* unsent: their nodes have no session */
	size_t count[FL_PING_KINDS];
	bool closed;
	uint64_t answered, timed_out, cancelled; /* of those asked for */
};

void fl_pings_init(struct fl_pings *t, const uint8_t seed[static 16]);

/* Ends all pings; no more can be started. */
void fl_pings_close(struct fl_pings *t);
void fl_pings_done(struct fl_pings *t);

/*
 * Errors, with nothing under way: FL_ERR_NOT_FOUND (no such node), FL_ERR_FULL, FL_ERR_CLOSED (the
 * server stops), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ping_start(struct fl_control *c, struct fl_ping *p, int64_t limit);

/* It ends without a word. Harmless when it is not under way. */
void fl_ping_cancel(struct fl_ping *p);

/* The node has a session now. */
void fl_pings_deliver(struct fl_control *c, fl_node_id node);

/* The node that a person means: an id, a given name, a hostname that one node has, an address. */
const struct fl_node *fl_ping_target(const struct fl_control *c, const char *text);

/* ---- handlers inside Noise ---- */
void fl_control_ping_response(void *ctx, struct fl_http *x);
void fl_control_c2n_response(void *ctx, struct fl_http *x);
void fl_control_head_only(void *ctx, struct fl_http *x);

#endif
