/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/explore.h - visits every state that can be reached, the nearest first. */
#ifndef FL_TESTS_MODEL_EXPLORE_H
#define FL_TESTS_MODEL_EXPLORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a move is printed. A move begins with it. */
struct move_name {
	const char *text;
	uint8_t who, arg;
};

/* A machine to be explored. States are compared as bytes: they have no padding, or it is zero. */
struct machine {
	size_t state_size, move_size;
	size_t to; /* where in a move its state is */
	int moves_max;
	void (*start)(void *state);
	int (*moves)(const void *model, const void *state, void *out); /* all; gives how many */
	const char *(*violation)(const void *state,
				 bool last); /* last: nothing can happen any more */
};

struct found {
	size_t states, moves;
	const char *violation; /* NULL: none */
	int depth;             /* of the shortest history that leads to it */
};

/*
 * Stops at the first violation, whose history goes to stdout when `print`. Exits the program when
 * memory ends.
 */
struct found explore(const struct machine *machine, const void *model, bool print);

#endif
