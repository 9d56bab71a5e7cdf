/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/ipset.h - sets of addresses as sorted, maximal, closed ranges.
 *
 * IPv4 before IPv6, ascending; ranges that touch are one. So equal sets have equal ranges, and a
 * set of ten thousand neighbours is one range. Two views: as the fewest prefixes, and as one text
 * a range ("a", "a/len" where the range is exactly one prefix, else "a-b").
 *
 * Thread  one owner while it is changed; then immutable by convention.
 * Source  docs/policy.md 0 (address set)
 */
#ifndef FL_BASE_IPSET_H
#define FL_BASE_IPSET_H

#include "base/buf.h"
#include "base/ip.h"

enum { FL_RANGE_TEXT_MAX = 2 * FL_IP_TEXT_MAX }; /* with NUL */

/* Both of one family, first <= last. */
struct fl_range {
	struct fl_ip first, last;
};

struct fl_ipset {
	struct fl_range *at;
	size_t len, cap;
};

/* ---- ranges ---- */

struct fl_range fl_range_of(const struct fl_prefix *p);               /* host bits do not matter */
int fl_range_cmp(const struct fl_range *a, const struct fl_range *b); /* by first, then last */
bool fl_range_overlaps(const struct fl_range *a, const struct fl_range *b);
bool fl_range_covers(const struct fl_range *outer, const struct fl_range *inner);

/* The text of the string view. */
void fl_range_format(const struct fl_range *r, char out[static FL_RANGE_TEXT_MAX]);

/*
 * Cuts the first prefix of the minimal decomposition off `rest`; false when nothing is left. Start
 * with a copy of the range; `rest` is then used up.
 */
bool fl_range_next_prefix(struct fl_range *rest, struct fl_prefix *out);

/* ---- sets ---- */

void fl_ipset_done(struct fl_ipset *s); /* empty again, and usable */

/* Unions in place. Errors: FL_ERR_NOMEM, and the set is as before. */
FL_MUST enum fl_err fl_ipset_add(struct fl_ipset *s, const struct fl_range *r);
FL_MUST enum fl_err fl_ipset_add_prefix(struct fl_ipset *s, const struct fl_prefix *p);
FL_MUST enum fl_err fl_ipset_add_ip(struct fl_ipset *s,
				    const struct fl_ip *ip); /* unset: nothing */
FL_MUST enum fl_err fl_ipset_add_set(struct fl_ipset *s, const struct fl_ipset *more);

/* Takes the range out. Errors: FL_ERR_NOMEM (a range was split), and the set is as before. */
FL_MUST enum fl_err fl_ipset_remove(struct fl_ipset *s, const struct fl_range *r);

/* Replaces the set by the union of `n` ranges in any order: one sort, for many at once. */
FL_MUST enum fl_err fl_ipset_build(struct fl_ipset *s, const struct fl_range *ranges, size_t n);

FL_MUST enum fl_err fl_ipset_copy(const struct fl_ipset *src, struct fl_ipset *out);

bool fl_ipset_eq(const struct fl_ipset *a, const struct fl_ipset *b);
bool fl_ipset_has(const struct fl_ipset *s, const struct fl_ip *ip); /* unset: no */
bool fl_ipset_overlaps(const struct fl_ipset *s, const struct fl_range *r);
bool fl_ipset_overlaps_set(const struct fl_ipset *a, const struct fl_ipset *b);
bool fl_ipset_covers(const struct fl_ipset *s, const struct fl_range *r);
bool fl_ipset_covers_set(const struct fl_ipset *outer, const struct fl_ipset *inner);

/*
 * Index of the first range whose last address is not below `ip` (len if there is none): where a
 * walk over the ranges that concern `ip` begins.
 */
size_t fl_ipset_seek(const struct fl_ipset *s, const struct fl_ip *ip);

#endif
