/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/ipnum.h - an address as two 64-bit words, for arithmetic and quick comparison.
 *
 * IPv4 is a number below 2^32. Which family it was, and that a sum stays inside of it, is the
 * caller's matter.
 */
#ifndef FL_BASE_IPNUM_H
#define FL_BASE_IPNUM_H

#include <endian.h>

#include "base/ip.h"

struct fl_ipnum {
	uint64_t hi, lo;
};

static inline struct fl_ipnum fl_ipnum_of(const struct fl_ip *ip)
{
	uint64_t words[2];
	uint32_t v4;

	if (ip->family == FL_IP_V4) {
		memcpy(&v4, ip->b, sizeof v4);
		return (struct fl_ipnum){ .lo = be32toh(v4) };
	}
	memcpy(words, ip->b, sizeof words);
	return (struct fl_ipnum){ .hi = be64toh(words[0]), .lo = be64toh(words[1]) };
}

static inline struct fl_ip fl_ipnum_ip(struct fl_ipnum n, uint8_t family)
{
	struct fl_ip ip = { .family = family };
	uint64_t words[2] = { htobe64(n.hi), htobe64(n.lo) };
	uint32_t v4 = htobe32((uint32_t)n.lo);

	if (family == FL_IP_V4)
		memcpy(ip.b, &v4, sizeof v4);
	else
		memcpy(ip.b, words, sizeof words);
	return ip;
}

static inline int fl_ipnum_cmp(struct fl_ipnum a, struct fl_ipnum b)
{
	if (a.hi != b.hi)
		return a.hi < b.hi ? -1 : 1;
	return (a.lo > b.lo) - (a.lo < b.lo);
}

/* As fl_ip_cmp, by words. */
static inline int fl_ipnum_order(const struct fl_ip *a, const struct fl_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return fl_ipnum_cmp(fl_ipnum_of(a), fl_ipnum_of(b));
}

static inline struct fl_ipnum fl_ipnum_add(struct fl_ipnum a, struct fl_ipnum b)
{
	uint64_t lo = a.lo + b.lo;
	return (struct fl_ipnum){ .hi = a.hi + b.hi + (lo < a.lo), .lo = lo };
}

static inline struct fl_ipnum fl_ipnum_sub(struct fl_ipnum a, struct fl_ipnum b)
{
	return (struct fl_ipnum){ .hi = a.hi - b.hi - (a.lo < b.lo), .lo = a.lo - b.lo };
}

/* The lowest `bits` (0..128) set. */
static inline struct fl_ipnum fl_ipnum_ones(unsigned bits)
{
	if (bits >= 64)
		return (struct fl_ipnum){ bits == 64 ? 0 : UINT64_MAX >> (128 - bits), UINT64_MAX };
	return (struct fl_ipnum){ 0, bits == 0 ? 0 : UINT64_MAX >> (64 - bits) };
}

#endif
