/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/debug.h - what is going on in the control server, as JSON for a person who
 * looks for a fault.
 *
 * Read-only. Each answer is one object and bounded: lists of nodes and sessions come in pages of
 * at most FL_DEBUG_LIMIT_MAX, with `next` to go on from. Keys are shortened, ids that give access
 * are masked.
 *
 * Thread  the control loop, on which nothing else happens meanwhile.
 * Source  docs/lifecycle.md DBG-1
 */
#ifndef FL_SERVICES_CONTROL_DEBUG_H
#define FL_SERVICES_CONTROL_DEBUG_H

#include "base/jw.h"
#include "services/control/control.h"

enum {
	FL_DEBUG_LIMIT = 100,
	FL_DEBUG_LIMIT_MAX = 1000,
	FL_DEBUG_COSTLY_MAX = 64, /* nodes for which the policy is worked through */
};

struct fl_debug_question {
	fl_node_id node; /* only of this one; 0: of all */
	uint64_t after;  /* those behind it */
	size_t limit;
};

/* From the query: node, after, limit. False: one is no number. */
bool fl_debug_ask(struct fl_http *x, struct fl_debug_question *out);

/* Answers with what `b` holds and frees it. */
void fl_debug_answer(struct fl_http *x, struct fl_buf *b);

typedef void fl_debug_write(struct fl_control *c, const struct fl_debug_question *q,
			    struct fl_jw *w);

fl_debug_write fl_debug_overview; /* counts */
fl_debug_write fl_debug_sessions; /* open ones by generation, and those that leave */
fl_debug_write fl_debug_changes;  /* the latest, newest first */
fl_debug_write fl_debug_frames;   /* the same of map frames */
fl_debug_write fl_debug_views;    /* which sessions see the same nodes */
fl_debug_write fl_debug_nodes;    /* records with presence */
fl_debug_write fl_debug_routes;   /* of nodes that have any */
fl_debug_write fl_debug_filter;   /* packet filters */
fl_debug_write fl_debug_ssh;      /* SSH policies, checks */
fl_debug_write fl_debug_logins;   /* that wait */
fl_debug_write fl_debug_derp;     /* the relay map that clients get */

#endif
