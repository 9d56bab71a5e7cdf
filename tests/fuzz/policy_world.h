/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/fuzz/policy_world.h - nodes and users from bytes, full of overlaps; what a node is told.
 *
 * Users: ann (owner), bob, cem (admin), dan, with ids from 1. A node takes WORLD_NODE bytes; any
 * bytes make one. Tags are tag:a to tag:d, subnets a pool of ten that overlap.
 */
#ifndef FL_FUZZ_POLICY_WORLD_H
#define FL_FUZZ_POLICY_WORLD_H

#include "base/buf.h"
#include "domain/policy/policy.h"

enum { WORLD_NODES = 16, WORLD_NODE = 5, WORLD_ROUTES = 12 };

struct world_node {
	const char *tags[2];
	struct fl_prefix served[WORLD_ROUTES], primary[WORLD_ROUTES];
};

/* Node i has id i + 1; those that exist are told by `there`. */
struct world {
	struct fl_policy_node all[WORLD_NODES];
	struct world_node kept[WORLD_NODES];
	bool there[WORLD_NODES];
};

#define WORLD_USERS 4
extern const struct fl_policy_user world_users[WORLD_USERS];

void world_check(bool ok); /* aborts if not */

/* Node i as `bytes` (WORLD_NODE of them) say. */
void world_set(struct world *w, size_t i, const uint8_t *bytes);

/* A snapshot of the nodes that are there. */
struct fl_policy *world_apply(const struct world *w, const struct fl_policy_doc *doc);

/* Everything that one node is told, by part; ends the run where an answer breaks its promise. */
struct world_told {
	struct fl_buf filter, peers, ssh, attrs;
};
void world_ask(const struct fl_policy *p, uint64_t node, struct world_told *out);
void world_told_done(struct world_told *t);
bool world_same(const struct fl_buf *a, const struct fl_buf *b);

#endif
