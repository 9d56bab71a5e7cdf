/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/explore.h - visits every state that can be reached, the nearest first. */
#ifndef FL_TESTS_MODEL_EXPLORE_H
#define FL_TESTS_MODEL_EXPLORE_H

#include <stddef.h>

#include "model.h"

struct found {
	size_t states, moves;
	const char *violation; /* NULL: none */
	int depth;             /* of the shortest history that leads to it */
};

/*
 * Stops at the first violation, whose history goes to stdout when `print`. Exits the program when
 * memory ends.
 */
struct found explore(const struct model *m, bool print);

#endif
