/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/routes/primaries.h - which router carries which subnet now.
 *
 * One assignment for everybody: filters, peers and maps follow from it. It is not stored, because
 * after a restart nobody is online. Facts about routers come in one by one and only mark the
 * prefixes that they touch; fl_primaries_settle elects those once, so that several facts of one
 * moment lead to one move.
 *
 * Thread  one owner.
 * Memory  a record a router with its prefixes, and one a prefix with its routers.
 * Source  docs/lifecycle.md HA-1 to HA-4, HA-11, INV-40 to INV-42
 */
#ifndef FL_DOMAIN_ROUTES_PRIMARIES_H
#define FL_DOMAIN_ROUTES_PRIMARIES_H

#include "base/err.h"
#include "base/ip.h"

struct fl_primaries;

/* `seed`: 16 random bytes, because nodes choose the prefixes. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_primaries_new(const uint8_t seed[static 16], struct fl_primaries **out);
struct fl_primaries *fl_primaries_free(struct fl_primaries *p); /* NULL in, NULL out */

/* ---- facts ---- */

/*
 * The node as it is: what it serves (sorted, unique; exit routes are left out) and whether it is
 * online. One that serves nothing is forgotten, and offline it is not unhealthy (HA-3). Errors:
 * FL_ERR_NOMEM; then it serves nothing until it is told of again.
 */
FL_MUST enum fl_err fl_primaries_put(struct fl_primaries *p, uint64_t node, bool online,
				     const struct fl_prefix *served, size_t count);
void fl_primaries_remove(struct fl_primaries *p, uint64_t node);

/* Says whether that is news. Of one that is offline or serves nothing it never is. */
bool fl_primaries_mark(struct fl_primaries *p, uint64_t node, bool healthy);

/* ---- election ---- */

/* Must not change anything here. */
typedef void fl_primaries_moved(void *ctx, const struct fl_prefix *prefix, uint64_t from,
				uint64_t to);

/* Is there anything to settle? */
bool fl_primaries_unsettled(const struct fl_primaries *p);

/* Elects for the prefixes that were touched and tells of each that moved; 0 stands for nobody. */
void fl_primaries_settle(struct fl_primaries *p, fl_primaries_moved *moved, void *ctx);

/* ---- questions ---- */

/* Who carries the prefix; 0: nobody. Exit routes are carried by nobody. */
uint64_t fl_primaries_of(const struct fl_primaries *p, const struct fl_prefix *prefix);

bool fl_primaries_healthy(const struct fl_primaries *p, uint64_t node); /* unknown ones are */
size_t fl_primaries_unhealthy(const struct fl_primaries *p);            /* how many are not */

/* Walks the nodes that serve something: start with *at = 0; 0 at the end. */
uint64_t fl_primaries_next(const struct fl_primaries *p, size_t *at);

/*
 * Calls `each` for every prefix with two candidates or more (HA-4), with their ids ascending.
 * Borrowed for the call.
 */
typedef void fl_primaries_contest(void *ctx, const uint64_t *nodes, size_t count);
FL_MUST enum fl_err fl_primaries_contested(const struct fl_primaries *p, fl_primaries_contest *each,
					   void *ctx);

#endif
