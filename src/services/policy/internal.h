/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/policy/internal.h - what the files of this folder share.
 *
 *   policies.c  texts: in force, tried, set, reloaded     world.c  records as the engine sees them
 *   follow.c    the snapshot follows the records          approve.c  routes and tags by policy
 */
#ifndef FL_SERVICES_POLICY_INTERNAL_H
#define FL_SERVICES_POLICY_INTERNAL_H

#include "services/policy/policies.h"

struct fl_policies {
	struct fl_core *core;
	enum fl_policy_mode mode;
	char *path;
	struct fl_strlist domains;
	struct fl_policy_doc *doc; /* NULL: no policy */
	fl_wall updated;
	struct fl_policy *now;
	bool stale; /* without a document the snapshot is made when somebody asks */
	/* Every node is to be judged by the policy that came, until a commit has stored it. */
	bool review;
	uint64_t failures; /* of commits, before this tick's */
	/* Tried and on its way: in force with this tick's commit. */
	bool pending;
	uint64_t pending_rev; /* 0: from the file */
	struct fl_policy_candidate next;
	struct fl_delays apply_took, step_took;
};

/* ---- policies.c ---- */

/* Logs each user token in force that more than one user fits: it means nobody. */
void fl_policies_warn_users(const struct fl_policies *s);

/* ---- world.c ---- */
struct fl_world {
	struct fl_policy_user *users;
	struct fl_policy_node *nodes;
	size_t users_len, nodes_len;
};

FL_MUST enum fl_err fl_world_users(const struct fl_core *core, struct fl_world *out);
FL_MUST enum fl_err fl_world_all(const struct fl_core *core, struct fl_world *out);
/* Those of `ids` that exist. */
FL_MUST enum fl_err fl_world_some(const struct fl_core *core, const uint64_t *ids, size_t count,
				  struct fl_world *out);
void fl_world_done(struct fl_world *w);

/* A document (or NULL) applied to the records of now. */
FL_MUST enum fl_err fl_world_apply(const struct fl_core *core, const struct fl_policy_doc *doc,
				   struct fl_policy **out);

/* The same, and notes how long it took. */
FL_MUST enum fl_err fl_policies_apply(struct fl_policies *s, const struct fl_policy_doc *doc,
				      struct fl_policy **out);

/* A node by what the record alone says; nothing of it is owned. */
struct fl_policy_node fl_world_bare(const struct fl_node *n);

/* ---- follow.c ---- */
bool fl_policies_follow(void *ctx, const struct fl_change *changes, size_t count);
void fl_policies_drop_pending(struct fl_policies *s);

/* ---- approve.c ---- */

/*
 * For the nodes that registered or announced something in this tick; for all, when the policy was
 * set or read again.
 */
void fl_policies_prepare(void *ctx);
struct fl_judge fl_policies_judge(struct fl_policies *s);

#endif
