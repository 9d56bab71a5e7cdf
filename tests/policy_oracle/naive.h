/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive.h - a second policy engine, as plain as its definitions: the oracle.
 *
 * It takes the policy as plain JSON and does what the text says, pair by pair, with rules as JSON
 * and address sets as sorted ranges. It shares nothing with the engine under test but the input
 * types and the address texts of base/ip.h, and judges nothing: the policy is valid.
 *
 * Memory  one naive owns all of its answers but those given as json_t, which the caller releases;
 *         policy and world are borrowed. Out of memory ends the program.
 * Source  docs/policy.md 0, 3 to 7, 13
 */
#ifndef FL_TESTS_POLICY_ORACLE_NAIVE_H
#define FL_TESTS_POLICY_ORACLE_NAIVE_H

#include <jansson.h>

#include "domain/policy/policy.h"

struct naive;

/* `policy` NULL: none. */
struct naive *naive_new(json_t *policy, const struct fl_policy_world *world);
void naive_free(struct naive *n); /* NULL does nothing */

/* Nodes are named by their index in the world. */

json_t *naive_filter(struct naive *n, size_t node); /* reduced, 4.10 */
bool naive_sees(const struct naive *n, size_t a, size_t b);
/* 4.12: sorted; returns how many. Room for FL_POLICY_ROUTES_MAX. */
size_t naive_routes(struct naive *n, size_t viewer, size_t peer, struct fl_prefix *out);

json_t *naive_ssh(struct naive *n, size_t node, const char *base_url); /* NULL: none */
bool naive_ssh_check(struct naive *n, size_t src, size_t dst, int64_t *out_period_ns);

json_t *naive_attrs(struct naive *n, size_t node); /* name -> list */
bool naive_is_exit(const struct naive *n, size_t node);

bool naive_approves(struct naive *n, const struct fl_policy_node *node,
		    const struct fl_prefix *route);
bool naive_tag_exists(const struct naive *n, const char *tag);
bool naive_may_have_tag(struct naive *n, const struct fl_policy_node *node, const char *tag);
bool naive_tag_owned(struct naive *n, const char *tag, const char *const *held, size_t held_len);
json_t *naive_pool(struct naive *n, const struct fl_policy_node *node); /* borrowed; NULL: none */

enum naive_verdict { NAIVE_DENIED, NAIVE_ALLOWED, NAIVE_UNSAID };
/* 4.15. Unsaid where the text does not tell which node filters. */
enum naive_verdict naive_packet(struct naive *n, const struct fl_policy_query *q);

/* What 3.1 takes a text for; of use to name it in a report. */
const char *naive_kind(const char *text);

#endif
