/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/ipam/ipam.h - hands out unique addresses from one prefix.
 *
 * Sequential: the next free one above a cursor, so a released address is not given to somebody
 * else soon. When nothing is free above, the cursor goes back once to the lowest address that
 * became free below it. Random: a random start, then one pass over the whole prefix with wrap.
 *
 * Never the network or broadcast address of an IPv4 prefix up to /30, never the first address of
 * an IPv6 prefix up to /126 (the routers' anycast address), nor a reserved one. Smaller prefixes
 * are used whole. Exhaustion is an error, never a search without end: a search passes at most
 * the addresses in use and the reserved ones.
 *
 * Memory  proportional to the addresses in use, whatever the size of the prefix.
 * Source  docs/lifecycle.md 11 IP-1 to IP-6
 */
#ifndef FL_DOMAIN_IPAM_IPAM_H
#define FL_DOMAIN_IPAM_IPAM_H

#include "base/ip.h"
#include "base/rng.h"

struct fl_ipam;

FL_MUST enum fl_err fl_ipam_new(const struct fl_prefix *prefix, bool random,
				const struct fl_rng *rng, const uint8_t seed[16],
				struct fl_ipam **out);
struct fl_ipam *fl_ipam_free(struct fl_ipam *a);

/* Errors: FL_ERR_FULL (exhausted), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ipam_take(struct fl_ipam *a, struct fl_ip *out);

/*
 * The first free address inside these prefixes, in their order, which need not be parts of the own
 * one; the cursor stays. Errors: FL_ERR_FULL, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ipam_take_from(struct fl_ipam *a, const struct fl_prefix *pools,
				      size_t count, struct fl_ip *out);

/*
 * Marks an address as used (loading) and moves the cursor behind it; one of another prefix is only
 * remembered. Errors: FL_ERR_EXISTS (in use), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_ipam_mark(struct fl_ipam *a, const struct fl_ip *ip);
void fl_ipam_release(struct fl_ipam *a, const struct fl_ip *ip);
bool fl_ipam_used(const struct fl_ipam *a, const struct fl_ip *ip);
size_t fl_ipam_count(const struct fl_ipam *a); /* addresses in use */

/* Where the next search begins. To undo: release what was taken since, then go back to here. */
struct fl_ipam_cursor {
	struct fl_ip next; /* unset: past the last address */
	struct fl_ip low;  /* lowest one that may be free below next; unset: none */
	bool full;         /* the last search found nothing */
	struct fl_rng rng;
};
struct fl_ipam_cursor fl_ipam_tell(const struct fl_ipam *a);
void fl_ipam_seek(struct fl_ipam *a, const struct fl_ipam_cursor *c);

#endif
