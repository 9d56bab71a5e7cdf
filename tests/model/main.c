/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/main.c - the model without a bug violates nothing, with each of the ten it does, and
 * domain/registry does what the model does.
 *
 *   model [CHANGES] [-v]     of the model without a bug: 1 to 3, default 2; -v prints the histories
 */
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "explore.h"
#include "mirror.h"
#include "model.h"

enum { BUG_CHANGES = 2, WALKS = 20000 };

static void start(void *state)
{
	model_start(state);
}

static int moves(const void *model, const void *state, void *out)
{
	return model_moves(model, state, out);
}

static const char *violation(const void *state, bool last)
{
	return model_violation(state, last);
}

static const struct machine machine = {
	.state_size = sizeof(struct state),
	.move_size = sizeof(struct move),
	.to = offsetof(struct move, to),
	.moves_max = MOVES_MAX,
	.start = start,
	.moves = moves,
	.violation = violation,
};

static int run(enum bug bug, int changes, bool print)
{
	const struct model m = { bug, changes };
	const struct found f = explore(&machine, &m, print);
	bool ok = (f.violation != NULL) == (bug != BUG_NONE);

	printf("%-4s  model: %s: %zu states, %zu moves: %s", ok ? "ok" : "FAIL",
	       model_bug_names[bug], f.states, f.moves,
	       f.violation != NULL ? f.violation : "no violation");
	if (f.violation != NULL)
		printf(", after %d steps", f.depth);
	printf("\n");
	fflush(stdout);
	return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
	int changes = 2, failed = 0;
	bool print = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-v") == 0)
			print = true;
		else
			changes = atoi(argv[i]);
	}
	if (changes < 1 || changes > CHANGES_MAX) {
		fprintf(stderr, "usage: model [1..%d] [-v]\n", CHANGES_MAX);
		return 2;
	}
	failed += run(BUG_NONE, changes, print);
	for (int bug = BUG_NONE + 1; bug < BUGS; bug++)
		failed += run((enum bug)bug, BUG_CHANGES, print);
	failed += mirror(WALKS);
	printf("%d passed, %d failed, 0 skipped\n", BUGS + 1 - failed, failed);
	return failed > 0;
}
