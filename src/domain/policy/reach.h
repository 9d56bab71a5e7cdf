/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/reach.h - who can reach a place, and what a node can reach, rule by rule.
 *
 * Each entry is what one pair of aliases of one rule gives; who appears in it gets there by that
 * rule, in the sense of fl_policy_explain. A node may appear in several.
 *
 * Memory  an arena of the answer; rules and aliases are borrowed from the document.
 * Limits  FL_REACH_ENTRIES_MAX entries are kept and FL_REACH_SHOWN nodes and routes an entry are
 *         named; the rest is counted. Who is in some entry is complete.
 * Source  docs/policy.md 4.5 to 4.13
 */
#ifndef FL_DOMAIN_POLICY_REACH_H
#define FL_DOMAIN_POLICY_REACH_H

#include "base/arena.h"
#include "domain/policy/policy.h"

enum { FL_REACH_ENTRIES_MAX = 500, FL_REACH_SHOWN = 100 };

struct fl_reach_route {
	struct fl_prefix prefix;
	uint64_t router;
};

struct fl_reach {
	const struct fl_rule *rule;       /* NULL: there are no rules, everything is allowed */
	const struct fl_alias *src, *dst; /* of the rule */
	const uint64_t *nodes;            /* ids, ascending: sources, or destinations */
	size_t nodes_shown, nodes_len;
	const struct fl_reach_route *routes; /* only of what a node can reach */
	size_t routes_shown, routes_len;
};

struct fl_reaches {
	struct fl_reach *at;
	size_t len, cap, count; /* kept, room for, and found */
	const uint64_t *nodes;  /* all that are in some entry: ids, ascending */
	size_t nodes_len;
	struct fl_arena arena;
};

/*
 * Which nodes get to `dst`; the source of the query does not count.
 * Errors: FL_ERR_NOMEM. Release with done.
 */
FL_MUST enum fl_err fl_policy_who_can(const struct fl_policy *p, const struct fl_policy_query *q,
				      struct fl_reaches *out);

/* What a node gets to: nodes, and routes it is given. Errors: FL_ERR_NOMEM, FL_ERR_NOT_FOUND. */
FL_MUST enum fl_err fl_policy_can(const struct fl_policy *p, uint64_t node, struct fl_reaches *out);
void fl_reaches_done(struct fl_reaches *r);

#endif
