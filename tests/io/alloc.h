/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/alloc.h - an allocator that fails the n-th time, once or from then on. Needs the link
 * arguments --wrap for malloc, calloc, realloc and reallocarray; libraries are not concerned.
 */
#ifndef FL_TESTS_IO_ALLOC_H
#define FL_TESTS_IO_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Runs `run(ctx)` with every allocation failing in turn, once and for good. Returns how many
 * there were when none failed.
 */
size_t alloc_fail_each(void (*run)(void *ctx), void *ctx);

/* From here on nothing fails any more in this run. */
void alloc_disarm(void);

/* In between nothing fails, and nothing is counted. */
void alloc_hold(bool on);

#endif
