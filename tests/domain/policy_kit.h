/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/policy_kit.h - worlds and policies from short texts, and what nodes are told.
 *
 * A world is lines of words: "user NAME [EMAIL] [provider=P] [role=owner|admin|...]" with ids from
 * 1, and "node NAME [user=NAME] [id=N] [ip=A,B] [tags=T,T] [routes=P,P] [primary=P,P] [offline]
 * [sick]" with ids from 1 too; without ip= node N has 100.64.0.N and fd7a:115c:a1e0::N. `routes`
 * are those served, exit routes included; `primary` is taken from them if not given.
 */
#ifndef FL_TEST_POLICY_KIT_H
#define FL_TEST_POLICY_KIT_H

#include "../base/table.h"

#include "base/arena.h"
#include "domain/policy/policy.h"

struct kit_world {
	struct fl_policy_world world;
	struct fl_policy_user *users;
	struct fl_policy_node *nodes;
	size_t users_cap, nodes_cap;
	struct fl_arena arena;
};

void kit_world_init(struct kit_world *w, const char *text);
void kit_world_done(struct kit_world *w);
uint64_t kit_id(const struct kit_world *w, const char *name); /* of a node */

/* Reads a policy; own domain example.com. Fails the test with its problems if there are any. */
struct fl_policy_doc *kit_doc(const char *text);

/* A policy applied to a world: everything of one row. `policy` NULL: none. */
struct kit {
	struct kit_world world;
	struct fl_policy_doc *doc;
	struct fl_policy *p;
};
void kit_init(struct kit *k, const char *world, const char *policy);
void kit_done(struct kit *k);

/* Filters equal but for the order of strings, ports and destinations inside a rule? */
bool kit_same_filter(const char *a, const char *b);

/* A node's filter; to be freed. */
char *kit_filter(const struct fl_policy *p, uint64_t node);

void kit_expect_filter(const struct kit *k, const char *node, const char *json);

/* Names, in the order of ids, with single spaces. */
void kit_expect_peers(const struct kit *k, const char *node, const char *names);

#endif
