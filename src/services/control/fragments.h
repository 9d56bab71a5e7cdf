/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/fragments.h - the peer text of each node, written once and kept until it
 * changes.
 *
 * Under a policy viewers may get different routes of one node; then there is a text for each set
 * of routes that somebody gets.
 *
 * Memory  one text a node, about 1 KiB, made when first needed; one more a set of routes.
 * Limits  FL_FRAGMENT_FORMS_MAX sets of routes a node; beyond, the text made first goes.
 * Thread  the control loop.
 */
#ifndef FL_SERVICES_CONTROL_FRAGMENTS_H
#define FL_SERVICES_CONTROL_FRAGMENTS_H

#include "domain/netmap/netmap.h"
#include "services/control/chunks.h"
#include "services/control/core.h"

enum { FL_FRAGMENT_FORMS_MAX = 64 };

struct fl_fragments;

/* Borrows core and framer. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_fragments_new(struct fl_core *core, struct fl_mapframe *framer,
				     const uint8_t seed[static 16], struct fl_fragments **out);
struct fl_fragments *fl_fragments_free(struct fl_fragments *f);

/* The texts in chunks; they follow what is dropped here. */
struct fl_chunks *fl_fragments_chunks(const struct fl_fragments *f);

/*
 * The node's text, borrowed until it is dropped. *out is NULL when it cannot be told to peers at
 * all (its full name is too long). Errors: FL_ERR_NOMEM, which must not be taken for that.
 */
FL_MUST enum fl_err fl_fragments_get(struct fl_fragments *f, const struct fl_netmap_config *cfg,
				     const struct fl_node *n, const struct fl_bytes **out);

/* Whose view it is; see viewer.h. */
struct fl_viewer {
	const struct fl_policy *policy; /* NULL: everybody sees everybody */
	fl_node_id id;
	bool hides_ip4; /* the policy takes IPv4 addresses away from somebody */
	bool no_ip4;    /* from this viewer: it is told of none */
};

/* The same for one viewer, under the policy; borrowed until the node is asked for again. */
FL_MUST enum fl_err fl_fragments_for(struct fl_fragments *f, const struct fl_netmap_config *cfg,
				     const struct fl_viewer *v, const struct fl_node *n,
				     const struct fl_bytes **out);

void fl_fragments_drop(struct fl_fragments *f, fl_node_id node);
void fl_fragments_drop_all(struct fl_fragments *f);

/* What a node serves now and is primary for; arrays of the caller. */
struct fl_served {
	struct fl_prefix served[FL_NODE_ROUTES_MAX], primary[FL_NODE_ROUTES_MAX];
	struct fl_netmap_routes routes;
};
void fl_served_fill(const struct fl_core *core, const struct fl_node *n, struct fl_served *out);

#endif
