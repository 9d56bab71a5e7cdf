/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/shrink.c - leaves out operations while the run still fails in the same way: halves
 * first, then ever smaller parts, down to single ones.
 */
#include <stdlib.h>
#include <string.h>

#include "run.h"

enum { RUNS_MAX = 600 };

struct shrinker {
	struct plan *plan;
	const char *invariant;
	int runs;
};

static bool still_fails(struct shrinker *s)
{
	struct result r;

	s->runs++;
	run_plan(s->plan, false, &r);
	return r.failed && strcmp(r.invariant, s->invariant) == 0;
}

/* Tries without [from, to). */
static bool drop(struct shrinker *s, size_t from, size_t to)
{
	struct plan *p = s->plan;
	bool *was = calloc(p->ops_count, sizeof *was), any = false;

	if (was == NULL)
		abort();
	for (size_t i = from; i < to && i < p->ops_count; i++) {
		was[i] = p->ops[i].off;
		any = any || !p->ops[i].off;
		p->ops[i].off = true;
	}
	bool gone = any && still_fails(s);
	for (size_t i = from; i < to && i < p->ops_count && !gone; i++)
		p->ops[i].off = was[i];
	free(was);
	return gone;
}

void shrink(struct plan *p, const struct result *failure)
{
	struct shrinker s = { .plan = p, .invariant = failure->invariant };

	for (size_t i = failure->op + 1; i < p->ops_count; i++)
		p->ops[i].off = true;
	for (size_t part = failure->op / 2 + 1; s.runs < RUNS_MAX; part = (part + 1) / 2) {
		for (size_t i = 0; i <= failure->op && s.runs < RUNS_MAX; i += part)
			drop(&s, i, i + part);
		if (part == 1)
			return;
	}
}
