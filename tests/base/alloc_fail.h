/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/base/alloc_fail.h - an allocator that fails when a test says so.
 *
 * Link with alloc_fail.c and the arguments `alloc_fail_args` of tests/meson.build: they put it
 * before malloc, calloc, realloc and reallocarray of our code. Libraries are not concerned.
 */
#ifndef FL_TESTS_BASE_ALLOC_FAIL_H
#define FL_TESTS_BASE_ALLOC_FAIL_H

#include <stdbool.h>
#include <stddef.h>

/* The test's: asked once an allocation, true makes it fail. */
bool alloc_fails(void);

#endif
