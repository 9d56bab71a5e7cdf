/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/run.h - a run in a process of its own, and what came of it. */
#ifndef TESTS_SIM_RUN_H
#define TESTS_SIM_RUN_H

#include "plan.h"

struct result {
	bool failed;
	char invariant[24]; /* "crash" when the process died */
	char text[2048];
	double at, cpu; /* seconds: of the world, of the processor */
	size_t op;      /* the last operation before it */
	uint64_t trace, steps, frames, maps, crashes, policies;
	int64_t node_time;
};

void run_plan(const struct plan *p, bool verbose, struct result *out);

/* Leaves out what the failure does not need. */
void shrink(struct plan *p, const struct result *failure);

#endif
