/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/view.h - what a client believes, folded from frames as the stock client does it.
 *
 * Source  docs/protocol/control.md 5.5; docs/lifecycle.md B.1
 */
#ifndef TESTS_SIM_VIEW_H
#define TESTS_SIM_VIEW_H

#include "frame.h"

struct view {
	const struct peer *node;
	const struct peer **peers; /* by ascending id */
	struct profile *profiles;
	size_t peers_count, peers_cap, profiles_count, profiles_cap;
	uint64_t setting[SETTINGS];
	size_t frames;
};

void view_reset(struct view *v); /* a new connection: what it told is told anew */
void view_done(struct view *v);

/* What a frame did that a server must not do. NULL: nothing. */
struct view_fault {
	const char *invariant, *text;
	uint64_t id;
};
void view_add(struct view *v, const struct peer *p); /* one whose id is the highest so far */
struct view_fault view_apply(struct view *v, const struct frame *f);

const struct peer *view_peer(const struct view *v, uint64_t id);
bool view_has_profile(const struct view *v, uint64_t user);

/* The first difference, written to `out`; false: they are the same to a user. */
bool view_differs(const struct view *got, const struct view *want, char *out, size_t cap);

#endif
