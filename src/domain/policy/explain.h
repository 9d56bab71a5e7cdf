/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/explain.h - one packet before the filter of one node, for explain.c, reach.c and
 * diff.c: they must not differ in what they call allowed. For the files of this folder only.
 *
 * Source  docs/policy.md 4.5 to 4.10, 4.15
 */
#ifndef FL_DOMAIN_POLICY_EXPLAIN_H
#define FL_DOMAIN_POLICY_EXPLAIN_H

#include "domain/policy/core.h"

struct fl_packet {
	const struct fl_policy *p;
	struct fl_ip src, dst;
	unsigned proto;
	uint16_t port;
	bool any_traffic;                   /* protocol and port do not matter */
	bool any_port;                      /* some port will do */
	uint32_t from;                      /* slot of the source; or FL_SLOT_NONE */
	uint32_t at;                        /* slot of who filters; or FL_SLOT_NONE */
	const struct fl_policy_facts *node; /* who filters, or NULL */
	bool routed;                        /* `at` is not at, but in front of `dst` */
};

/* How far a rule goes: the order in which misses count. */
enum fl_stage {
	FL_STAGE_SRC,
	FL_STAGE_DST,
	FL_STAGE_PROTO,
	FL_STAGE_PORT,
	FL_STAGE_ROUTE,
	FL_STAGE_ALLOWED
};

struct fl_judged {
	enum fl_stage stage;
	const struct fl_alias *src, *dst;
};

/* Finds the nodes that have the two addresses; looks at all nodes. */
void fl_packet_place(struct fl_packet *q);

/* Nobody has the destination's address: finds the router that the source would use. */
void fl_packet_route(struct fl_packet *q);

/* Does the rule let packets through at all, or only give capabilities? */
bool fl_rule_counts(const struct fl_rule *r);

/* The alias of a rule that holds the source; NULL: none. */
const struct fl_alias *fl_packet_source(const struct fl_packet *q, const struct fl_rule *r);

/* The same for autogroup:self, where either address of a device will do (policy.md 4.7). */
const struct fl_alias *fl_packet_device(const struct fl_packet *q, const struct fl_rule *r);

/* The alias, other than autogroup:self, that holds the destination as who filters has it. */
const struct fl_alias *fl_packet_target(const struct fl_packet *q, const struct fl_rule *r);

struct fl_judged fl_packet_judge(const struct fl_packet *q, const struct fl_rule *r);
enum fl_stage fl_packet_judge_all(const struct fl_packet *q); /* where there are no rules */

#endif
