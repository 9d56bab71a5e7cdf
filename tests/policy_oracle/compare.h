/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/compare.h - the engine beside the oracle: one case, and making it smaller.
 *
 * Source  docs/policy.md 10.3 for what may differ in order
 */
#ifndef FL_TESTS_POLICY_ORACLE_COMPARE_H
#define FL_TESTS_POLICY_ORACLE_COMPARE_H

#include "gen.h"
#include "naive.h"

/*
 * What is asked: everything in one world; a packet; everything after a step to another world; what
 * differs when another policy is set, or the users change.
 */
enum trial_kind { TRIAL_ALL, TRIAL_PACKET, TRIAL_STEP, TRIAL_RELOAD };

struct trial {
	enum trial_kind kind;
	json_t *policy, *other;        /* `other` for a reload */
	struct gen_world world, after; /* `after` for a step and a reload */
	struct fl_policy_query query;
};

/* The two sides of one world, and the first difference. */
struct sides {
	const struct fl_policy *engine;
	struct naive *naive;
	const struct fl_policy_world *world;
	struct fl_buf *why; /* what differs, both answers */
};

/* Each returns false and says why in `why`. */
bool compare_all(struct sides *s);
bool compare_packet(struct sides *s, const struct fl_policy_query *q);
/* fl_policy_differs for every node that is in both worlds. */
bool compare_differs(struct sides *before, struct sides *after);

/* The document of a policy; NULL when it is refused, with the problems in `why`. */
struct fl_policy_doc *trial_read(const json_t *policy, struct fl_buf *why);
struct fl_policy *trial_step(const struct fl_policy *old, const struct gen_world *from,
			     const struct gen_world *to);

/* Runs a trial from the start; true if both sides agree (or the policy is refused). */
bool trial_agrees(const struct trial *t, struct fl_buf *why);
/* Takes away whatever the disagreement does not need. */
void trial_shrink(struct trial *t);

#endif
