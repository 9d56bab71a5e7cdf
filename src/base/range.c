/* SPDX-License-Identifier: BSD-3-Clause */
/* base/range.c - closed ranges of addresses: from a prefix, to the fewest prefixes, to text. */
#include "base/ipset.h"

#include "base/ipnum.h"

static const struct fl_ipnum one = { .lo = 1 };

struct fl_range fl_range_of(const struct fl_prefix *p)
{
	uint8_t family = p->ip.family;
	unsigned width = fl_ip_width(&p->ip);
	struct fl_ipnum host = fl_ipnum_ones(p->bits < width ? width - p->bits : 0);
	struct fl_ipnum n = fl_ipnum_of(&p->ip);
	struct fl_ipnum last = { .hi = n.hi | host.hi, .lo = n.lo | host.lo };

	return (struct fl_range){ .first = fl_ipnum_ip(fl_ipnum_sub(last, host), family),
				  .last = fl_ipnum_ip(last, family) };
}

int fl_range_cmp(const struct fl_range *a, const struct fl_range *b)
{
	int c = fl_ipnum_order(&a->first, &b->first);
	return c != 0 ? c : fl_ipnum_order(&a->last, &b->last);
}

bool fl_range_overlaps(const struct fl_range *a, const struct fl_range *b)
{
	return fl_ipnum_order(&a->first, &b->last) <= 0 && fl_ipnum_order(&b->first, &a->last) <= 0;
}

bool fl_range_covers(const struct fl_range *outer, const struct fl_range *inner)
{
	return fl_ipnum_order(&outer->first, &inner->first) <= 0 &&
	       fl_ipnum_order(&inner->last, &outer->last) <= 0;
}

/* The zero bits at the low end of an address of `width` bits. */
static unsigned low_zeros(struct fl_ipnum n, unsigned width)
{
	if (n.lo != 0)
		return (unsigned)__builtin_ctzll(n.lo);
	if (n.hi != 0)
		return 64 + (unsigned)__builtin_ctzll(n.hi);
	return width;
}

/* The most bits whose whole block fits into a distance: 2^bits - 1 <= n. */
static unsigned fitting_bits(struct fl_ipnum n)
{
	struct fl_ipnum count = fl_ipnum_add(n, one);

	if (count.hi != 0)
		return 127 - (unsigned)__builtin_clzll(count.hi);
	if (count.lo != 0)
		return 63 - (unsigned)__builtin_clzll(count.lo);
	return 128; /* the distance was all ones */
}

bool fl_range_next_prefix(struct fl_range *rest, struct fl_prefix *out)
{
	struct fl_ip at = rest->first;
	unsigned width = fl_ip_width(&at);

	if (width == 0 || fl_ipnum_order(&at, &rest->last) > 0)
		return false;
	struct fl_ipnum first = fl_ipnum_of(&at), last = fl_ipnum_of(&rest->last);
	unsigned aligned = low_zeros(first, width);
	unsigned fits = fitting_bits(fl_ipnum_sub(last, first));
	unsigned bits = aligned < fits ? aligned : fits;
	struct fl_ipnum end = fl_ipnum_add(first, fl_ipnum_ones(bits));

	*out = (struct fl_prefix){ .ip = at, .bits = (uint8_t)(width - bits) };
	if (fl_ipnum_cmp(end, last) == 0) /* one more may not exist: the family ends somewhere */
		*rest = (struct fl_range){ 0 };
	else
		rest->first = fl_ipnum_ip(fl_ipnum_add(end, one), at.family);
	return true;
}

void fl_range_format(const struct fl_range *r, char out[static FL_RANGE_TEXT_MAX])
{
	struct fl_range rest = *r;
	struct fl_prefix p;

	if (fl_range_next_prefix(&rest, &p) && !fl_ip_is_set(&rest.first)) {
		if (p.bits == fl_ip_width(&p.ip))
			fl_ip_format(&p.ip, out);
		else
			fl_prefix_format(&p, out);
		return;
	}
	fl_ip_format(&r->first, out);
	size_t len = strlen(out);
	out[len++] = '-';
	fl_ip_format(&r->last, out + len);
}
