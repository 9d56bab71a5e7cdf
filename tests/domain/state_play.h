/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/state_play.h - a random but repeatable admin and fleet: one command after
 * another.
 */
#ifndef TESTS_DOMAIN_STATE_PLAY_H
#define TESTS_DOMAIN_STATE_PLAY_H

#include "base/rng.h"
#include "state_kit.h"

enum { PLAY_MACHINES = 12, PLAY_USERS = 4, PLAY_KEYS = 16 };

struct play {
	struct fl_rng rng;
	fl_wall now;
	struct kit_auth keys[PLAY_KEYS]; /* presented at random, gone ones too */
	size_t keys_count;
	unsigned next_key; /* node keys are mostly new, sometimes old ones */
};

void play_init(struct play *p, uint64_t seed);

/* One random command; its error. Refusals of registrations count as FL_ERR_DENIED. */
enum fl_err play_step(struct play *p, struct fl_state *s);

#endif
