/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/chain.h - an explanation in words: by which steps an address became part of a rule,
 * what the rule says, and why the nearest one missed.
 *
 * Source  docs/policy.md 3.3, 4.15
 */
#ifndef FL_DOMAIN_POLICY_CHAIN_H
#define FL_DOMAIN_POLICY_CHAIN_H

#include "base/text.h"
#include "domain/policy/policy.h"

/*
 * Appends the steps from an address to an alias that holds it: "node lap (100.64.0.1)", "user ann",
 * "group:dev". `a` NULL: only who has the address. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_policy_chain(const struct fl_policy *p, const struct fl_ip *ip,
				    const struct fl_alias *a, struct fl_strlist *out);

/* Appends the entry of the document that a rule came from, on one line, without comments. */
void fl_policy_rule_text(const struct fl_policy_doc *d, const struct fl_rule *r,
			 struct fl_buf *out);

/* Appends what a rule opens, as fl_diff_entry.ports; NULL: everything. */
void fl_policy_rule_ports(const struct fl_rule *r, struct fl_buf *out);

/* Appends in one sentence why a packet is not let in. */
void fl_policy_miss_text(const struct fl_policy *p, const struct fl_policy_query *q,
			 const struct fl_policy_verdict *v, struct fl_buf *out);

#endif
