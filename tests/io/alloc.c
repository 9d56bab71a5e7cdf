/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/alloc.c - the failing allocator. */
#include "alloc.h"

#include "../base/alloc_fail.h"

#include <stdlib.h>

static size_t seen, fail_at;
static bool armed, held, for_good;

bool alloc_fails(void)
{
	if (!armed || held)
		return false;
	seen++;
	return seen == fail_at || (for_good && seen > fail_at);
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
