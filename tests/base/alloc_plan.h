/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/alloc_plan.h - the plan of most tests that run short of memory: so many allocations
 * succeed, then none.
 *
 * Link with the files `alloc_plan` and the arguments `alloc_fail_args` of tests/meson.build.
 */
#ifndef FL_TESTS_BASE_ALLOC_PLAN_H
#define FL_TESTS_BASE_ALLOC_PLAN_H

#include "alloc_fail.h"

void alloc_fail_after(size_t left);

/* From here on all succeed again. Did one fail? */
bool alloc_fail_end(void);

#endif
