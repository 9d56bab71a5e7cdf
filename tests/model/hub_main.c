/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/hub_main.c - the model of the hub without a bug violates nothing under any rule;
 * each root cause, in each shape, is found under one at least.
 *
 *   model_hub [-v]     prints the histories
 */
#include <stdio.h>
#include <string.h>

#include "crypto/prim.h"
#include "hub.h"
#include "hub_mirror.h"

enum { WALKS = 20000 };

static bool run(enum hub_bug bug, bool print)
{
	bool any = false;

	for (int rule = 0; rule < HUB_RULES; rule++) {
		const struct hub_model m = { bug, (enum hub_rule)rule };
		const struct found f = explore(&hub_machine, &m, print);
		any = any || f.violation != NULL;
		printf("      %s, %s: %zu states, %zu moves: %s", hub_bug_names[bug],
		       hub_rule_names[rule], f.states, f.moves,
		       f.violation != NULL ? f.violation : "no violation");
		if (f.violation != NULL)
			printf(", after %d steps", f.depth);
		printf("\n");
	}
	return any;
}

int main(int argc, char **argv)
{
	const bool print = argc > 1 && strcmp(argv[1], "-v") == 0;
	int failed = 0;

	if (fl_crypto_init() != FL_OK)
		return 2;

	for (int bug = HUB_NONE; bug < HUB_BUGS; bug++) {
		bool ok = run((enum hub_bug)bug, print) == (bug != HUB_NONE);
		printf("%-4s  model of the hub: %s\n", ok ? "ok" : "FAIL", hub_bug_names[bug]);
		failed += !ok;
	}
	failed += hub_mirror(HUB_KEEP, WALKS);
	failed += hub_mirror(HUB_PARK, WALKS);
	printf("%d passed, %d failed, 0 skipped\n", HUB_BUGS + 2 - failed, failed);
	return failed > 0;
}
