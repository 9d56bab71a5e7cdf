/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/alloc_plan.c - counts allocations down; see alloc_plan.h. */
#include "alloc_plan.h"

static struct {
	bool armed, failed;
	size_t left; /* allocations that still succeed */
} plan;

bool alloc_fails(void)
{
	if (!plan.armed)
		return false;
	if (plan.left > 0) {
		plan.left--;
		return false;
	}
	plan.failed = true;
	return true;
}

void alloc_fail_after(size_t left)
{
	plan.armed = true;
	plan.left = left;
	plan.failed = false;
}

bool alloc_fail_end(void)
{
	plan.armed = false;
	return plan.failed;
}
