/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/ipam/ipam.h - hands out unique addresses from one prefix.
 *
 * Sequential: the next free one after a cursor, no wrap below it. Random: a random start, then one
 * pass over the whole prefix with wrap. Never the network or broadcast address (IPv4), nor a
 * reserved one. Exhaustion is an error, never a search without end.
 *
 * Source  docs/lifecycle.md 11 IP-1 to IP-6
 */
#ifndef FL_DOMAIN_IPAM_IPAM_H
#define FL_DOMAIN_IPAM_IPAM_H

#include "base/ip.h"
#include "base/rng.h"

struct fl_ipam;

FL_MUST enum fl_err fl_ipam_new(const struct fl_prefix *prefix, bool random, const struct fl_rng *rng,
				const uint8_t seed[16], struct fl_ipam **out);
struct fl_ipam *fl_ipam_free(struct fl_ipam *a);

/* Errors: FL_ERR_FULL (exhausted), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ipam_take(struct fl_ipam *a, struct fl_ip *out);

/* Marks an address as used (loading); also of another prefix, then it is only remembered. Moves the cursor. FL_ERR_EXISTS: in use. */
FL_MUST enum fl_err fl_ipam_mark(struct fl_ipam *a, const struct fl_ip *ip);
void fl_ipam_release(struct fl_ipam *a, const struct fl_ip *ip);
bool fl_ipam_used(const struct fl_ipam *a, const struct fl_ip *ip);

#endif
