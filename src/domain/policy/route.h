/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/route.h - what routes.c, via.c and explain.c share. For the files of this folder
 * only.
 *
 * The routes of a node have numbers: its exit routes first, then its subnets as announced.
 *
 * Source  docs/policy.md 4.12, 4.13
 */
#ifndef FL_DOMAIN_POLICY_ROUTE_H
#define FL_DOMAIN_POLICY_ROUTE_H

#include "domain/policy/engine.h"

/* At most FL_POLICY_ROUTES_MAX: what is announced beyond that is not served to anybody. */
static inline size_t fl_facts_routes(const struct fl_policy_facts *f)
{
	size_t n = f->exits_len + f->subnets_len;
	return n < FL_POLICY_ROUTES_MAX ? n : FL_POLICY_ROUTES_MAX;
}

static inline const struct fl_prefix *fl_facts_route(const struct fl_policy_facts *f, size_t i)
{
	return i < f->exits_len ? &f->exits[i] : &f->subnets[i - f->exits_len];
}

/* What via grants say about one route of a peer, for one viewer. */
enum fl_steering {
	FL_STEER_INCLUDE = 1 << 0, /* this peer serves it, whatever other rules say */
	FL_STEER_EXCLUDE = 1 << 1, /* another peer does */
	FL_STEER_PRIMARY = 1 << 2, /* a rule without via covers it too: its primary serves it */
};

struct fl_steer {
	uint8_t at[FL_POLICY_ROUTES_MAX]; /* bits of enum fl_steering, by number of the route */
};

/* By slots, which differ. False: no route of this peer is steered for this viewer. */
bool fl_via_steer(const struct fl_policy *p, uint32_t viewer, uint32_t peer, struct fl_steer *out);

#endif
