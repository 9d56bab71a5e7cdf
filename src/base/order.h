/* SPDX-License-Identifier: BSD-3-Clause */
/* base/order.h - how numbers are sorted and found: for qsort and bsearch. */
#ifndef FL_BASE_ORDER_H
#define FL_BASE_ORDER_H

#include <stddef.h>
#include <stdint.h>

static inline int fl_u64_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* The first of ascending numbers that is no lower than `wanted`; `count` if all are. */
static inline size_t fl_u64_lower(const uint64_t *at, size_t count, uint64_t wanted)
{
	size_t lo = 0, hi = count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (at[mid] < wanted)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

#endif
