/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/policy_rand.h - random worlds and policies as texts for policy_kit.h, full of
 * overlaps: routers of one subnet, via grants to one prefix, sources behind routers.
 */
#ifndef FL_TEST_POLICY_RAND_H
#define FL_TEST_POLICY_RAND_H

#include "policy_kit.h"

#include "base/rng.h"

enum { RAND_NODES = 14 };

enum rand_how {
	RAND_PLAIN = 0,
	RAND_VIA = 1 << 0,  /* some grants with via */
	RAND_SELF = 1 << 1, /* some with autogroup:self */
};

/* Terminated texts, to be freed. */
char *rand_world(struct fl_rng *rng);
char *rand_policy(struct fl_rng *rng, unsigned how);

#endif
