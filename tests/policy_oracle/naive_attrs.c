/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_attrs.c - attributes and pools, approval of routes, who may have a tag.
 *
 * Source  docs/policy.md 5.1, 5.3, 7.1, 13
 */
#include "naive_impl.h"

#include <stdlib.h>

/* ---- attributes ---- */

static bool targets(struct naive *n, const json_t *entry, const struct fl_policy_node *node)
{
	json_t *list = json_object_get(entry, "target");

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct nset s = nresolve(n, ntrim(n, json_string_value(json_array_get(list, i))));
		if (nnode_in(&s, node))
			return true;
	}
	return false;
}

static void add_name(json_t *out, const char *name)
{
	if (json_object_get(out, name) == NULL)
		json_object_set_new(out, name, json_array());
}

json_t *naive_attrs(struct naive *n, size_t node)
{
	json_t *list = json_object_get(n->policy, "nodeAttrs"), *out = json_object(), *args;
	const char *name;

	if (json_is_true(json_object_get(n->policy, "randomizeClientPort")))
		add_name(out, "randomize-client-port");
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i), *attr = json_object_get(entry, "attr");
		if (!targets(n, entry, &n->w->nodes[node]))
			continue;
		for (size_t k = 0; k < json_array_size(attr); k++)
			add_name(out, json_string_value(json_array_get(attr, k)));
		json_object_foreach(json_object_get(entry, "app"), name, args)
		{
			add_name(out, name);
			json_array_extend(json_object_get(out, name), args);
		}
	}
	return out;
}

/* ---- pools: for a node that is targeted by what it is, not by an address ---- */

static bool user_in(struct naive *n, const char *text, const struct fl_policy_node *node)
{
	const struct fl_policy_user *u = nuser(n, node->user);

	if (!nnode_owned(node))
		return false;
	if (nalias_is(text, "user:*@")) /* a member of a group */
		return u != NULL && ndomain_is(u->email, text + strlen("user:*@"));
	u = nuser_of_token(n, text);
	return u != NULL && u->id == node->user;
}

static bool belongs(struct naive *n, const char *text, const struct fl_policy_node *node)
{
	const char *kind = naive_kind(text);

	if (strcmp(kind, "group") == 0) {
		json_t *members = json_object_get(json_object_get(n->policy, "groups"), text);
		for (size_t i = 0; i < json_array_size(members); i++)
			if (user_in(n, json_string_value(json_array_get(members, i)), node))
				return true;
		return false;
	}
	return strcmp(kind, "user") == 0 && user_in(n, text, node);
}

json_t *naive_pool(struct naive *n, const struct fl_policy_node *node)
{
	json_t *list = json_object_get(n->policy, "nodeAttrs");

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *entry = json_array_get(list, i), *to = json_object_get(entry, "target");
		json_t *pool = json_object_get(entry, "ipPool");
		for (size_t k = 0; k < json_array_size(to) && json_array_size(pool) > 0; k++) {
			const char *text = ntrim(n, json_string_value(json_array_get(to, k)));
			if (strcmp(text, "*") == 0 || nalias_means(n, text, node))
				return pool;
		}
	}
	return NULL;
}

/* ---- approval: 5.1 ---- */

static bool known(const struct naive *n, const struct fl_policy_node *node)
{
	for (size_t i = 0; i < n->w->nodes_len; i++)
		if (n->w->nodes[i].id == node->id)
			return true;
	return false;
}

/* A node that the world does not hold yet counts as if it did. */
static bool held_by(struct naive *n, const json_t *who, const struct fl_policy_node *node)
{
	for (size_t i = 0; i < json_array_size(who); i++) {
		const char *text = json_string_value(json_array_get(who, i));
		struct nset s = nresolve_holder(n, text);
		if (known(n, node) ? nnode_in(&s, node)
				   : !nalias_is(text, "user:*@") && nalias_means(n, text, node))
			return true;
	}
	return false;
}

bool naive_approves(struct naive *n, const struct fl_policy_node *node,
		    const struct fl_prefix *route)
{
	json_t *all = json_object_get(n->policy, "autoApprovers"), *who;
	const char *key;

	if (fl_prefix_is_exit(route))
		return held_by(n, json_object_get(all, "exitNode"), node);
	json_object_foreach(json_object_get(all, "routes"), key, who)
	{
		struct fl_prefix k;
		nhost_prefix(key, &k);
		if (k.bits <= route->bits && nprefix_overlap(&k, route) && held_by(n, who, node))
			return true;
	}
	return false;
}

/* ---- tags: 5.3 ---- */

/*
 * Does the node hold the tag by an owner, or by an owner of a tag that owns it? `seen` cuts
 * cycles and so bounds the depth.
 */
static bool holds(struct naive *n, const char *tag, const struct fl_policy_node *node, json_t *seen)
{
	json_t *owners = json_object_get(json_object_get(n->policy, "tagOwners"), tag);

	if (json_object_get(seen, tag) != NULL)
		return false;
	json_object_set_new(seen, tag, json_true());
	for (size_t i = 0; i < json_array_size(owners); i++) {
		const char *text = json_string_value(json_array_get(owners, i));
		struct nset s = { 0 };
		if (strcmp(naive_kind(text), "tag") == 0) {
			if (holds(n, text, node, seen))
				return true;
			continue;
		}
		s = nresolve_holder(n, text);
		if (nnode_in(&s, node))
			return true;
	}
	return false;
}

bool naive_tag_exists(const struct naive *n, const char *tag)
{
	return json_object_get(json_object_get(n->policy, "tagOwners"), tag) != NULL;
}

bool naive_may_have_tag(struct naive *n, const struct fl_policy_node *node, const char *tag)
{
	json_t *owners = json_object_get(json_object_get(n->policy, "tagOwners"), tag);
	json_t *seen = json_object();
	bool may;

	if (owners == NULL) {
		json_decref(seen);
		return false;
	}
	may = holds(n, tag, node, seen);
	for (size_t i = 0; i < json_array_size(owners) && !may; i++) {
		const char *text = json_string_value(json_array_get(owners, i));
		may = strcmp(naive_kind(text), "tag") != 0 && belongs(n, text, node);
	}
	json_decref(seen);
	return may;
}

static bool chain_reaches(struct naive *n, const char *tag, const char *const *held,
			  size_t held_len, json_t *seen)
{
	json_t *owners = json_object_get(json_object_get(n->policy, "tagOwners"), tag);

	for (size_t i = 0; i < held_len; i++)
		if (strcmp(held[i], tag) == 0)
			return true;
	if (json_object_get(seen, tag) != NULL)
		return false;
	json_object_set_new(seen, tag, json_true());
	for (size_t i = 0; i < json_array_size(owners); i++) {
		const char *text = json_string_value(json_array_get(owners, i));
		if (strcmp(naive_kind(text), "tag") == 0 &&
		    chain_reaches(n, text, held, held_len, seen))
			return true;
	}
	return false;
}

bool naive_tag_owned(struct naive *n, const char *tag, const char *const *held, size_t held_len)
{
	json_t *seen = json_object();
	bool owned = chain_reaches(n, tag, held, held_len, seen);

	json_decref(seen);
	return owned;
}
