/* SPDX-License-Identifier: BSD-3-Clause */
/* base/order.h - how numbers are sorted and found: for qsort and bsearch. */
#ifndef FL_BASE_ORDER_H
#define FL_BASE_ORDER_H

#include <stdint.h>

static inline int fl_u64_order(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

#endif
