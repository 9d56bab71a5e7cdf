/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/policy_fixture.h - policies and populations for the benchmark of the policy engine.
 *
 *   P1  typical: 50 users, 20 groups, 30 tags, 60 rules
 *   P3  large: a tenth as many users as nodes, 50 groups, 100 tags, 1,000 rules, among them grants
 *       with capabilities and with via
 *
 * Half of the nodes are tagged; one in twenty serves a subnet, every fourth of these shares it with
 * the one before; one in a hundred is an exit node. One seed, one fixture, on every machine. The
 * files are read by both sides: policy.hujson, and world.json with users and nodes.
 */
#ifndef FL_BENCH_POLICY_FIXTURE_H
#define FL_BENCH_POLICY_FIXTURE_H

#include "base/arena.h"
#include "base/buf.h"
#include "domain/policy/world.h"

struct fixture {
	struct fl_slice policy; /* text */
	struct fl_policy_world world;
	struct fl_policy_user *users;
	struct fl_policy_node *nodes;
	struct fl_arena arena;
};

/* Writes both files into a folder. `name` is P1 or P3. */
void fixture_write(const char *folder, const char *name, size_t nodes);

void fixture_read(const char *folder, struct fixture *out);
void fixture_done(struct fixture *f);

#endif
