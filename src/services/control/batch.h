/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/batch.h - everything that happened in a tick, and what was kept for it, merged
 * by node, and how it becomes frames.
 *
 * Source  docs/lifecycle.md CHG-4, CHG-6
 */
#ifndef FL_SERVICES_CONTROL_BATCH_H
#define FL_SERVICES_CONTROL_BATCH_H

#include "services/control/internal.h"

/* Everything that happened to one node. */
struct fl_merged {
	fl_node_id id;
	uint32_t fields; /* of a patch */
	bool whole;      /* its entry anew */
	bool routes;     /* whole, for no other reason than the routes it serves */
	bool added, removed;
	bool self; /* its own entry changed for itself */
};

struct fl_batch {
	struct fl_merged *nodes; /* ascending ids */
	size_t nodes_count;
	fl_user_id *profiles;
	size_t profiles_count;
	fl_node_id *removed; /* those that somebody may know of */
	size_t removed_count;
	struct fl_netmap_peer *peers;
	size_t peers_count;
};

/* With what waits in c->hold. False: out of memory; `b` can be done all the same. */
bool fl_batch_init(struct fl_control *c, struct fl_batch *b, const struct fl_change *changes,
		   size_t count);
void fl_batch_done(struct fl_batch *b);

/* What peers are told, from the records as they are now. */
FL_MUST enum fl_err fl_batch_fill(struct fl_control *c, struct fl_batch *b);
const struct fl_merged *fl_batch_find(const struct fl_batch *b, fl_node_id node); /* or NULL */

/* ---- distribute.c ---- */
struct fl_netmap_users fl_control_users(struct fl_control *c);

/* *out is NULL if there is nothing to say. */
FL_MUST enum fl_err fl_control_delta_frame(struct fl_control *c, const struct fl_netmap_delta *in,
					   bool zstd, struct fl_bytes **out);

/* A session that cannot be told a change ends, and learns it from its next map (SES-4). */
void fl_session_deliver(struct fl_session *s, enum fl_err err, struct fl_bytes *frame);

/* ---- governed.c: under a policy each session hears what differs for its node ---- */
bool fl_control_is_governed(const struct fl_control *c); /* now, or before this tick */
FL_MUST enum fl_err fl_control_send_governed(struct fl_control *c, const struct fl_batch *b);

#endif
