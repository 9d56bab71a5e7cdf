/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_alias.c - what a text in the policy stands for, and whom it means.
 *
 * Source  docs/policy.md 3.1, 3.2, 3.3, 13
 */
#include "naive_impl.h"

#include <stdlib.h>

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\v' || c == '\f';
}

const char *ntrim(struct naive *n, const char *text)
{
	size_t len;

	while (is_space(*text))
		text++;
	len = strlen(text);
	while (len > 0 && is_space(text[len - 1]))
		len--;
	char *copy = nalloc(n, len + 1, 1);
	memcpy(copy, text, len);
	return copy;
}

bool nalias_is(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* An address or a CIDR; a zone is dropped. */
void nhost_prefix(const char *text, struct fl_prefix *out)
{
	const char *zone = strchr(text, '%');
	struct fl_slice s = zone != NULL && strchr(text, ':') != NULL && zone[1] != '\0'
				    ? fl_slice_of(text, (size_t)(zone - text))
				    : fl_slice_str(text);
	struct fl_ip ip;

	*out = (struct fl_prefix){ 0 };
	if (fl_ip_parse(s, &ip) == FL_OK)
		*out = fl_prefix_host(&ip);
	else if (fl_prefix_parse(fl_slice_str(text), out) != FL_OK)
		*out = (struct fl_prefix){ 0 };
}

const char *naive_kind(const char *text)
{
	struct fl_prefix p;

	nhost_prefix(text, &p);
	if (fl_ip_is_set(&p.ip))
		return "prefix";
	if (strcmp(text, "*") == 0)
		return "wildcard";
	if (strchr(text, '@') != NULL)
		return nalias_is(text, "user:*@") ? "domain" : "user";
	if (nalias_is(text, "group:"))
		return "group";
	if (nalias_is(text, "tag:"))
		return "tag";
	if (nalias_is(text, "autogroup:"))
		return "autogroup";
	return nalias_is(text, "ipset:") ? "ipset" : "host";
}

/* ---- users ---- */

const struct fl_policy_user *nuser(const struct naive *n, uint64_t id)
{
	for (size_t i = 0; i < n->w->users_len; i++)
		if (n->w->users[i].id == id)
			return &n->w->users[i];
	return NULL;
}

const struct fl_policy_user *nuser_of_token(const struct naive *n, const char *token)
{
	const struct fl_policy_user *found = NULL;
	char name[256];
	size_t len = strlen(token), count = 0;

	if (len > 0 && token[len - 1] == '@')
		len--;
	if (len >= sizeof name)
		return NULL;
	memcpy(name, token, len);
	name[len] = '\0';
	for (size_t i = 0; i < n->w->users_len; i++) {
		const struct fl_policy_user *u = &n->w->users[i];
		if (u->provider_id[0] != '\0' && strcmp(u->provider_id, name) == 0)
			return u;
		if (strcmp(u->email, name) == 0 || strcmp(u->name, name) == 0) {
			found = u;
			count++;
		}
	}
	return count == 1 ? found : NULL;
}

bool ndomain_is(const char *email, const char *domain)
{
	const char *at = strrchr(email, '@');

	return at != NULL && strcasecmp(at + 1, domain) == 0;
}

/* ---- nodes ---- */

bool nnode_owned(const struct fl_policy_node *node)
{
	return node->tags_len == 0 && node->user != 0;
}

bool nnode_in(const struct nset *s, const struct fl_policy_node *node)
{
	return nset_has(s, &node->ip4) || nset_has(s, &node->ip6);
}

bool nnode_has_tag(const struct fl_policy_node *node, const json_t *tags)
{
	for (size_t i = 0; i < node->tags_len; i++)
		if (njson_has(tags, node->tags[i]))
			return true;
	return false;
}

bool nnode_route_in(const struct nset *s, const struct fl_policy_node *node)
{
	for (size_t i = 0; i < node->served_len; i++)
		if (!fl_prefix_is_exit(&node->served[i]) && nset_overlaps(s, &node->served[i]))
			return true;
	return false;
}

bool nnode_serves(const struct fl_policy_node *node, const struct fl_prefix *p)
{
	for (size_t i = 0; i < node->served_len; i++)
		if (fl_prefix_eq(&node->served[i], p))
			return true;
	return false;
}

bool nnode_exits(const struct fl_policy_node *node)
{
	for (size_t i = 0; i < node->served_len; i++)
		if (fl_prefix_is_exit(&node->served[i]))
			return true;
	return false;
}

bool naive_is_exit(const struct naive *n, size_t node)
{
	return nnode_exits(&n->w->nodes[node]);
}

/* ---- identity aliases: both addresses of the nodes meant ---- */

static bool role_is(const struct naive *n, const struct fl_policy_node *node, bool admin)
{
	const struct fl_policy_user *u = nuser(n, node->user);

	return u != NULL && (u->role == FL_ROLE_OWNER || (admin && u->role == FL_ROLE_ADMIN));
}

static bool autogroup_means(const struct naive *n, const char *text,
			    const struct fl_policy_node *node)
{
	if (strcmp(text, "autogroup:tagged") == 0)
		return node->tags_len > 0;
	if (node->tags_len > 0)
		return false;
	if (strcmp(text, "autogroup:member") == 0)
		return true;
	if (strcmp(text, "autogroup:owner") == 0)
		return role_is(n, node, false);
	return strcmp(text, "autogroup:admin") == 0 && role_is(n, node, true);
}

static bool user_means(const struct naive *n, const char *text, const struct fl_policy_node *node)
{
	if (!nnode_owned(node))
		return false;
	if (nalias_is(text, "user:*@")) {
		const struct fl_policy_user *owner = nuser(n, node->user);
		return owner != NULL && ndomain_is(owner->email, text + strlen("user:*@"));
	}
	const struct fl_policy_user *u = nuser_of_token(n, text);
	return u != NULL && u->id == node->user;
}

bool nalias_means(const struct naive *n, const char *text, const struct fl_policy_node *node)
{
	const char *kind = naive_kind(text);

	if (strcmp(kind, "autogroup") == 0)
		return autogroup_means(n, text, node);
	if (strcmp(kind, "group") == 0) {
		json_t *members = json_object_get(json_object_get(n->policy, "groups"), text);
		for (size_t i = 0; i < json_array_size(members); i++)
			if (user_means(n, json_string_value(json_array_get(members, i)), node))
				return true;
		return false;
	}
	if (strcmp(kind, "tag") == 0) {
		for (size_t i = 0; i < node->tags_len; i++)
			if (strcmp(node->tags[i], text) == 0)
				return true;
		return false;
	}
	return (strcmp(kind, "user") == 0 || strcmp(kind, "domain") == 0) &&
	       user_means(n, text, node);
}

/* ---- address aliases ---- */

static void resolve_host(struct naive *n, const char *name, struct nset *out)
{
	const char *text =
		json_string_value(json_object_get(json_object_get(n->policy, "hosts"), name));
	struct fl_prefix p;

	if (text == NULL)
		return;
	nhost_prefix(text, &p);
	nset_add_prefix(n, out, &p);
}

static struct nset resolve_ipset(struct naive *n, const char *name);

/* Depth is bounded by the policy: a cycle of IP sets is refused. */
static struct nset resolve_item(struct naive *n, const char *text)
{
	struct nset s = { 0 };
	struct fl_prefix p;

	nhost_prefix(text, &p);
	if (fl_ip_is_set(&p.ip))
		nset_add_prefix(n, &s, &p);
	else if (strcmp(text, "autogroup:internet") == 0)
		return n->internet;
	else if (nalias_is(text, "ipset:"))
		return resolve_ipset(n, text);
	else
		resolve_host(n, text, &s);
	return s;
}

static struct nset resolve_ipset(struct naive *n, const char *name)
{
	json_t *items = json_object_get(json_object_get(n->policy, "ipsets"), name);
	struct nset out = { 0 };

	for (size_t i = 0; i < json_array_size(items); i++) {
		const char *text = json_string_value(json_array_get(items, i));
		struct nset s;
		if (nalias_is(text, "remove ")) {
			s = resolve_item(n, text + strlen("remove "));
			nset_remove(n, &out, &s);
			continue;
		}
		s = resolve_item(n, nalias_is(text, "add ") ? text + strlen("add ") : text);
		nset_unite(n, &out, &s);
	}
	return out;
}

struct nset nresolve(struct naive *n, const char *text)
{
	const char *kind = naive_kind(text);
	struct nset s = { 0 };

	if (strcmp(text, "*") == 0)
		return n->star;
	if (strcmp(text, "autogroup:internet") == 0)
		return n->internet;
	if (strcmp(text, "autogroup:danger-all") == 0)
		return nset_of_text(n, "*");
	if (strcmp(kind, "prefix") == 0 || strcmp(kind, "ipset") == 0)
		return resolve_item(n, text);
	if (strcmp(kind, "host") == 0) {
		resolve_host(n, text, &s);
		return s;
	}
	for (size_t i = 0; i < n->w->nodes_len; i++) {
		if (nalias_means(n, text, &n->w->nodes[i])) {
			nset_add_ip(n, &s, &n->w->nodes[i].ip4);
			nset_add_ip(n, &s, &n->w->nodes[i].ip6);
		}
	}
	return s;
}

/* 3.2 and 13: a domain of users means somebody only as a source and as a target. */
struct nset nresolve_dst(struct naive *n, const char *text)
{
	return nalias_is(text, "user:*@") ? (struct nset){ 0 } : nresolve(n, text);
}

struct nset nresolve_holder(struct naive *n, const char *text)
{
	return nresolve_dst(n, text);
}
