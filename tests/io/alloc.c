/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/alloc.c - the failing allocator. */
#include "alloc.h"

#include <stdlib.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t count, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t count, size_t n);

static size_t seen, fail_at;
static bool armed, held, for_good;

static bool fails(void)
{
	if (!armed || held)
		return false;
	seen++;
	return seen == fail_at || (for_good && seen > fail_at);
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
	return fails() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_reallocarray(void *p, size_t count, size_t n)
{
	return fails() ? NULL : __real_reallocarray(p, count, n);
}

void alloc_disarm(void)
{
	armed = false;
}

void alloc_hold(bool on)
{
	held = on;
}

size_t alloc_fail_each(void (*run)(void *ctx), void *ctx)
{
	size_t total = 1;

	for (int mode = 0; mode < 2; mode++) {
		for (fail_at = 0; fail_at <= total; fail_at++) {
			seen = 0;
			for_good = mode == 1 && fail_at > 0;
			armed = true;
			run(ctx);
			armed = false;
			if (fail_at == 0)
				total = seen;
		}
	}
	return total;
}
