/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/approve.c - what a node may do without an administrator: serve a route, ask for a
 * tag; and where its first address comes from.
 *
 * Owners and approvers are users, groups and tags, so who they are follows from the node as it is
 * handed in. It need not be in the snapshot yet, and what the snapshot still has of it from before
 * does not count.
 *
 * Source  docs/policy.md 5, 13
 */
#include "domain/policy/core.h"

#include <stdlib.h>

/* ---- who a node is ---- */

/* As facts, as far as identity goes; borrows its tags. */
static struct fl_policy_facts identity(const struct fl_policy_node *node)
{
	return (struct fl_policy_facts){
		.user = node->tags_len > 0 ? 0 : node->user,
		.tags = (char **)(uintptr_t)node->tags,
		.tags_len = node->tags_len,
	};
}

static bool is_one(const struct fl_policy *p, const struct fl_aliases *list,
		   const struct fl_policy_facts *node)
{
	const struct fl_plan *plan = p->core->plan;

	for (size_t i = 0; i < list->len; i++) {
		if (fl_who_has(&plan->who[list->at[i].number], node))
			return true;
	}
	return false;
}

/* ---- routes ---- */

/* A key of length 0 approves every subnet of its family, yet no exit route (policy.md 5.1). */
bool fl_policy_approves(const struct fl_policy *p, const struct fl_policy_node *node,
			const struct fl_prefix *route)
{
	const struct fl_policy_facts self = identity(node);

	if (p->doc == NULL)
		return false;
	if (fl_prefix_is_exit(route))
		return is_one(p, &p->doc->exit_approvers.who, &self);
	for (size_t i = 0; i < p->doc->approvers_len; i++) {
		const struct fl_policy_approver *a = &p->doc->approvers[i];
		if (fl_prefix_covers(&a->prefix, route) && is_one(p, &a->who, &self))
			return true;
	}
	return false;
}

/* ---- tags ---- */

bool fl_policy_tag_exists(const struct fl_policy *p, const char *tag)
{
	return p->doc != NULL && fl_policy_doc_tag(p->doc, tag) != NULL;
}

/*
 * A node without an address is new, and then only direct owners count: whoever owns a tag may not
 * make nodes with every tag that this one owns (policy.md 5.3).
 */
bool fl_policy_may_have_tag(const struct fl_policy *p, const struct fl_policy_node *node,
			    const char *tag)
{
	const struct fl_policy_facts self = identity(node);
	bool known = fl_ip_is_set(&node->ip4) || fl_ip_is_set(&node->ip6);

	if (!fl_policy_tag_exists(p, tag))
		return false;
	const struct fl_policy_tag *t = fl_policy_doc_tag(p->doc, tag);
	if (known && is_one(p, &t->flat, &self))
		return true;
	return self.user != 0 && is_one(p, &t->owners, &self);
}

static bool is_held(const char *tag, const char *const *held, size_t held_len)
{
	for (size_t i = 0; i < held_len; i++) {
		if (strcmp(held[i], tag) == 0)
			return true;
	}
	return false;
}

struct search {
	const struct fl_policy_doc *doc;
	bool *seen; /* by tag */
	uint32_t *queue;
	size_t len;
};

static void enqueue(struct search *s, const char *tag)
{
	const struct fl_policy_tag *t = fl_policy_doc_tag(s->doc, tag);

	if (t == NULL || s->seen[t - s->doc->tags])
		return;
	s->seen[t - s->doc->tags] = true;
	s->queue[s->len++] = (uint32_t)(t - s->doc->tags);
}

/* Each tag once, so cycles end. */
static bool reaches(struct search *s, const char *tag, const char *const *held, size_t held_len)
{
	enqueue(s, tag);
	for (size_t i = 0; i < s->len; i++) {
		const struct fl_aliases *owners = &s->doc->tags[s->queue[i]].owners;
		for (size_t k = 0; k < owners->len; k++) {
			if (owners->at[k].kind != FL_ALIAS_TAG)
				continue;
			if (is_held(owners->at[k].text, held, held_len))
				return true;
			enqueue(s, owners->at[k].text);
		}
	}
	return false;
}

/* Out of memory the answer is no. */
bool fl_policy_tag_owned(const struct fl_policy *p, const char *tag, const char *const *held,
			 size_t held_len)
{
	bool owned = is_held(tag, held, held_len);

	if (owned || held_len == 0 || !fl_policy_tag_exists(p, tag))
		return owned;
	struct search s = {
		.doc = p->doc,
		.seen = calloc(p->doc->tags_len, sizeof *s.seen),
		.queue = calloc(p->doc->tags_len, sizeof *s.queue),
	};
	if (s.seen != NULL && s.queue != NULL)
		owned = reaches(&s, tag, held, held_len);
	free(s.seen);
	free(s.queue);
	return owned;
}

/* ---- pools ---- */

/* The node has no address yet, so a target that is one cannot mean it; `*` means everybody. */
static bool is_target(const struct fl_policy *p, const struct fl_node_attr *attr,
		      const struct fl_policy_facts *node)
{
	for (size_t i = 0; i < attr->target.len; i++) {
		if (attr->target.at[i].kind == FL_ALIAS_WILDCARD)
			return true;
	}
	return is_one(p, &attr->target, node);
}

bool fl_policy_pool(const struct fl_policy *p, const struct fl_policy_node *node,
		    const struct fl_prefix **out, size_t *out_len)
{
	const struct fl_policy_facts self = identity(node);

	for (size_t i = 0; p->doc != NULL && i < p->doc->attrs_len; i++) {
		const struct fl_node_attr *attr = &p->doc->attrs[i];
		if (attr->pool_len == 0 || !is_target(p, attr, &self))
			continue;
		*out = attr->pool;
		*out_len = attr->pool_len;
		return true;
	}
	return false;
}
