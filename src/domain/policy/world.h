/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/world.h - the users and nodes that a policy is applied to, as the engine sees them.
 *
 * Only what a policy can depend on. The owner of the records fills these from its own; the engine
 * copies what it keeps.
 *
 * Memory  everything is borrowed for the call it is passed to.
 * Source  docs/policy.md 0
 */
#ifndef FL_DOMAIN_POLICY_WORLD_H
#define FL_DOMAIN_POLICY_WORLD_H

#include "base/ip.h"

enum fl_role {
	FL_ROLE_MEMBER, /* default */
	FL_ROLE_OWNER,  /* counts as admin too */
	FL_ROLE_ADMIN,
	FL_ROLE_NETWORK_ADMIN,
	FL_ROLE_IT_ADMIN,
	FL_ROLE_AUDITOR,
	FL_ROLE_VIEWER,
};

struct fl_policy_user {
	uint64_t id;
	const char *name, *email, *provider_id; /* "" if unset */
	enum fl_role role;
};

struct fl_policy_node {
	uint64_t id;
	const char *name;      /* for reports */
	uint64_t user;         /* ignored when there are tags; 0 = none */
	struct fl_ip ip4, ip6; /* either may be unset */
	const char *const *tags;
	size_t tags_len;
	/* Announced and approved, exit routes included, in announced order. */
	const struct fl_prefix *served;
	size_t served_len;
	/* The subnet prefixes that it is the elected primary for. */
	const struct fl_prefix *primary;
	size_t primary_len;
	bool online, healthy; /* for the election inside via groups */
};

struct fl_policy_world {
	const struct fl_policy_user *users; /* ascending ids */
	size_t users_len;
	const struct fl_policy_node *nodes; /* ascending ids */
	size_t nodes_len;
};

#endif
