/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/viewer.h - what the policy in force lets one node see, and what it tells the
 * node itself.
 *
 * Without a policy everybody sees everybody in the same form, and nothing here costs anything.
 *
 * Source  docs/policy.md 4.11, 4.12, 6.7, 7.2 to 7.4; docs/lifecycle.md VIS-1 to VIS-3
 */
#ifndef FL_SERVICES_CONTROL_VIEWER_H
#define FL_SERVICES_CONTROL_VIEWER_H

#include "services/control/fragments.h"

/* NULL: no policy, or one without a document. */
const struct fl_policy *fl_governing(const struct fl_policy *p);

/* Does its document take IPv4 addresses away from anybody? */
bool fl_policy_hides_ip4(const struct fl_policy *p);
bool fl_policy_lacks_ip4(const struct fl_policy *p, fl_node_id node);

struct fl_viewer fl_viewer_of(const struct fl_core *core, fl_node_id node);
bool fl_viewer_sees(const struct fl_viewer *v, fl_node_id node);

/* What a node is told of itself. */
enum fl_rules_part {
	FL_RULES_SELF = 1 << 0,
	FL_RULES_FILTER = 1 << 1,
	FL_RULES_SSH = 1 << 2,
	FL_RULES_ALL = 7,
};

struct fl_rules {
	struct fl_buf filter, ssh; /* empty where not asked for, or without a policy */
	struct fl_netmap_self self;
	struct fl_served served;
	struct fl_netmap_attr *attrs;
	size_t attrs_count, attrs_cap;
	bool nomem;
};

struct fl_control;

/* Fills those parts; to be done after an error too. Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG. */
FL_MUST enum fl_err fl_rules_fill(struct fl_control *c, const struct fl_node *n, unsigned parts,
				  struct fl_rules *out);
void fl_rules_done(struct fl_rules *r);

#endif
