/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/update.h - what peers have to hear when a node's own statements change.
 *
 * Source  docs/lifecycle.md 7 CHG-1, CHG-10; REG-17
 */
#ifndef FL_DOMAIN_STATE_UPDATE_H
#define FL_DOMAIN_STATE_UPDATE_H

#include "domain/state/record.h"

struct fl_state;

/* The smallest message that tells it: the whole entry, or a patch of `fields`, or nothing. */
struct fl_news {
	bool whole;
	uint32_t fields; /* enum fl_patch_field */
};

enum fl_endpoints_change {
	FL_ENDPOINTS_SAME,  /* the same set, in whatever order */
	FL_ENDPOINTS_QUIET, /* only to be stored: a pure shrink, one STUN mapping after another */
	FL_ENDPOINTS_NEWS,
};
enum fl_endpoints_change fl_endpoints_compare(const struct fl_node *n, const struct fl_endpoint *e,
					      size_t count);

/* From hostinfo `a` to `b`. */
struct fl_news fl_hostinfo_news(const struct fl_hostinfo *a, const struct fl_hostinfo *b);

/* The newer hostinfo with the older NetInfo if it has none; gives a reference. FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_hostinfo_carry(struct fl_hostinfo *old, struct fl_hostinfo *fresh,
				      struct fl_hostinfo **out);

/* Notes the news and, where served routes changed, whom that concerns. The node is the origin. */
FL_MUST enum fl_err fl_news_note(struct fl_state *s, struct fl_news news,
				 const struct fl_node *before, const struct fl_node *after);

#endif
