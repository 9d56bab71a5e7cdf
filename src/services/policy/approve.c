/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/policy/approve.c - what a policy lets nodes have without an administrator: routes,
 * tags, and addresses from its pools.
 *
 * Approval only adds. What an administrator took away stays away until the node logs in again,
 * announces something else, or the policy is set or read again.
 *
 * Source: docs/policy.md 5.1 to 5.3; docs/lifecycle.md RT-3, REG-14, TAG-2.
 */
#include "services/policy/internal.h"

#include "base/log.h"

static bool has_approvers(const struct fl_policy *p)
{
	const struct fl_policy_doc *d = fl_policy_document(p);
	return d != NULL && (d->approvers_len > 0 || d->exit_approvers.who.len > 0);
}

static bool is_approved(const struct fl_node *n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < n->approved_count; i++)
		if (fl_prefix_eq(&n->approved[i], p))
			return true;
	return false;
}

static void approve(struct fl_policies *s, const struct fl_policy *p, const struct fl_node *n)
{
	struct fl_prefix routes[2 * FL_NODE_ROUTES_MAX];
	const struct fl_policy_node node = fl_world_bare(n);
	const struct fl_hostinfo *h = n->hostinfo;
	size_t count = n->approved_count;
	struct fl_fault fault = { "" };

	if (h->routes_count == 0)
		return;
	if (count > 0)
		memcpy(routes, n->approved, count * sizeof *routes);
	for (size_t i = 0; i < h->routes_count; i++)
		if (!is_approved(n, &h->routes[i]) && fl_policy_approves(p, &node, &h->routes[i]))
			routes[count++] = h->routes[i];
	if (count == n->approved_count)
		return;
	fl_node_id id = n->id;
	if (fl_state_node_approve(s->core->state, id, routes, count, &fault) != FL_OK)
		fl_log_warn("routes could not be approved by the policy", FL_LU("node.id", id),
			    FL_LS("reason", fault.text));
}

static void approve_all(struct fl_policies *s, const struct fl_policy *p)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(s->core->state, &nodes);

	for (size_t i = 0; i < count; i++)
		approve(s, p, nodes[i]);
}

static bool asks_for_review(const struct fl_change *c)
{
	switch (c->kind) {
	case FL_CHANGE_NODE_ADDED:
		return true;
	case FL_CHANGE_NODE_CHANGED:
		return c->origin == c->id && (c->fields & FL_CHANGED_REVIEW) != 0;
	case FL_CHANGE_NODE_PATCHED:
		return c->origin == c->id && (c->fields & FL_PATCH_KEY) != 0;
	case FL_CHANGE_NODE_EXPIRED:
	case FL_CHANGE_NODE_REMOVED:
	case FL_CHANGE_USER:
	case FL_CHANGE_ROUTES:
	case FL_CHANGE_HEALTH:
	case FL_CHANGE_POLICY:
		break;
	}
	return false;
}

void fl_policies_prepare(void *ctx)
{
	struct fl_policies *s = ctx;
	const struct fl_policy *p = s->pending ? s->next.policy : s->now;
	const struct fl_change *changes;

	s->failures = s->core->stats.commit_failures;
	if (!has_approvers(p))
		return;
	if (s->review)
		approve_all(s, p);
	/* An approval adds changes and may move the list. */
	for (size_t i = 0; i < fl_state_changes(s->core->state, &changes); i++) {
		if (!asks_for_review(&changes[i]))
			continue;
		const struct fl_node *n = fl_state_node(s->core->state, changes[i].id);
		if (n != NULL)
			approve(s, p, n);
	}
}

/* ---- tags ---- */

static enum fl_tag_verdict verdict(void *ctx, const char *tag)
{
	const struct fl_policies *s = ctx;

	if (s->doc == NULL || s->doc->tags_len == 0)
		return FL_TAG_FREE;
	return fl_policy_tag_exists(s->now, tag) ? FL_TAG_DECLARED : FL_TAG_UNDECLARED;
}

static bool may_ask(void *ctx, fl_user_id user, const struct fl_node *n, const char *tag)
{
	const struct fl_policies *s = ctx;
	struct fl_policy_node node = { .name = "", .healthy = true };

	if (n != NULL)
		node = fl_world_bare(n);
	node.user = user;
	return fl_policy_may_have_tag(s->now, &node, tag);
}

static bool pool(void *ctx, const struct fl_node *n, const struct fl_prefix **out, size_t *out_len)
{
	const struct fl_policies *s = ctx;
	const struct fl_policy_node node = fl_world_bare(n);

	return s->doc != NULL && fl_policy_pool(s->now, &node, out, out_len);
}

struct fl_judge fl_policies_judge(struct fl_policies *s)
{
	return (struct fl_judge){ .verdict = verdict, .may_ask = may_ask, .pool = pool, .ctx = s };
}
