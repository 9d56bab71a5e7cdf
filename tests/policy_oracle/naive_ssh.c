/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_ssh.c - the SSH rules of a node, and which pairs need a check.
 *
 * Source  docs/policy.md 6.1 to 6.6
 */
#include "naive_impl.h"

#include <stdio.h>
#include <stdlib.h>

static const char localpart[] = "localpart:";

struct ssh {
	struct naive *n;
	const json_t *rule;
	const struct fl_policy_node *node;
	struct nset src;
	json_t *users; /* the common map */
	json_t *action, *env;
	bool by_localpart;
	json_t *out;
};

/* ---- users ---- */

/* The domain of "localpart:*@D", or NULL. */
static const char *localpart_domain(const char *text)
{
	if (!nalias_is(text, localpart))
		return NULL;
	text += strlen(localpart);
	const char *at = strrchr(text, '@');
	return at == text + 1 && text[0] == '*' && at[1] != '\0' ? at + 1 : NULL;
}

static void read_users(struct ssh *s)
{
	json_t *list = json_object_get(s->rule, "users");

	s->users = json_pack("{s:s}", "root", "");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *name = ntrim(s->n, json_string_value(json_array_get(list, i)));
		if (localpart_domain(name) != NULL)
			s->by_localpart = true;
		else if (strcmp(name, "autogroup:nonroot") == 0)
			json_object_set_new(s->users, "*", json_string("="));
		else
			json_object_set_new(s->users, name, json_string(name));
	}
}

/* The login that the user has by localpart entries, the last one that fits; NULL: none. */
static json_t *localpart_users(const struct ssh *s, uint64_t user)
{
	const struct fl_policy_user *u = nuser(s->n, user);
	json_t *list = json_object_get(s->rule, "users");
	char login[256];

	for (size_t i = 0; u != NULL && i < json_array_size(list); i++) {
		const char *name = ntrim(s->n, json_string_value(json_array_get(list, i)));
		const char *domain = localpart_domain(name);
		if (domain == NULL || !ndomain_is(u->email, domain))
			continue;
		snprintf(login, sizeof login, "%.*s", (int)(strrchr(u->email, '@') - u->email),
			 u->email);
		return json_pack("{s:s}", login, login);
	}
	return NULL;
}

static json_t *action_of(const char *action, const char *base_url)
{
	char url[512];

	if (strcmp(action, "check") != 0)
		return json_pack("{s:b, s:b, s:b, s:b}", "accept", 1, "allowAgentForwarding", 1,
				 "allowLocalPortForwarding", 1, "allowRemotePortForwarding", 1);
	snprintf(url, sizeof url,
		 "%s/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER",
		 base_url);
	return json_pack("{s:s}", "holdAndDelegate", url);
}

/* ---- principals ---- */

static void append_ip(json_t *list, const struct fl_ip *ip)
{
	char text[FL_IP_TEXT_MAX];

	if (!fl_ip_is_set(ip))
		return;
	fl_ip_format(ip, text);
	json_array_append_new(list, json_pack("{s:s}", "nodeIP", text));
}

static void append_node(json_t *list, const struct fl_policy_node *node)
{
	append_ip(list, &node->ip4);
	append_ip(list, &node->ip6);
}

static json_t *principals_of_user(const struct ssh *s, uint64_t user)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->n->w->nodes_len; i++) {
		const struct fl_policy_node *node = &s->n->w->nodes[i];
		if (node->tags_len == 0 && node->user == user && nnode_in(&s->src, node))
			append_node(out, node);
	}
	return out;
}

static json_t *principals_tagged(const struct ssh *s)
{
	json_t *out = json_array();

	for (size_t i = 0; i < s->n->w->nodes_len; i++) {
		const struct fl_policy_node *node = &s->n->w->nodes[i];
		for (size_t k = 0; k < node->tags_len && nnode_in(&s->src, node); k++)
			append_node(out, node);
	}
	return out;
}

/* Steals both; no rule without principals. */
static void emit(struct ssh *s, json_t *principals, json_t *users)
{
	if (json_array_size(principals) > 0) {
		json_t *r = json_pack("{s:O, s:O, s:O}", "principals", principals, "sshUsers",
				      users, "action", s->action);
		if (json_array_size(s->env) > 0)
			json_object_set(r, "acceptEnv", s->env);
		json_array_append_new(s->out, r);
	}
	json_decref(principals);
	json_decref(users);
}

static void emit_pair(struct ssh *s, uint64_t user)
{
	json_t *login = localpart_users(s, user);

	emit(s, principals_of_user(s, user), json_incref(s->users));
	if (login != NULL)
		emit(s, principals_of_user(s, user), login);
}

/* ---- one rule at one node: 6.2 ---- */

static bool next_user(const struct ssh *s, bool first, uint64_t *user)
{
	bool found = false;
	uint64_t best = 0;

	for (size_t i = 0; i < s->n->w->nodes_len; i++) {
		const struct fl_policy_node *node = &s->n->w->nodes[i];
		if (node->tags_len == 0 && (first || node->user > *user) &&
		    (!found || node->user < best)) {
			best = node->user;
			found = true;
		}
	}
	if (found)
		*user = best;
	return found;
}

static void emit_for_destination(struct ssh *s)
{
	json_t *all = json_array();
	uint64_t user = 0;

	for (bool more = next_user(s, true, &user); more; more = next_user(s, false, &user)) {
		if (s->by_localpart) {
			emit_pair(s, user);
			continue;
		}
		json_t *some = principals_of_user(s, user);
		json_array_extend(all, some);
		json_decref(some);
	}
	json_t *tagged = principals_tagged(s);
	json_array_extend(all, tagged);
	json_decref(tagged);
	emit(s, all, json_incref(s->users));
}

static void emit_for_self_access(struct ssh *s)
{
	json_t *own;

	if (nnode_owned(s->node)) {
		emit_pair(s, s->node->user);
	} else if (s->node->tags_len > 0) {
		own = json_array();
		append_node(own, s->node);
		emit(s, own, json_incref(s->users));
	}
}

static void compile(struct ssh *s)
{
	json_t *list = json_object_get(s->rule, "dst");
	struct nset dst = { 0 };
	bool self = false, others = false;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = ntrim(s->n, json_string_value(json_array_get(list, i)));
		if (strcmp(text, "autogroup:self") == 0) {
			self = true;
			continue;
		}
		struct nset one = nresolve_dst(s->n, text);
		nset_unite(s->n, &dst, &one);
		others = true;
	}
	if (self && nnode_owned(s->node))
		emit_pair(s, s->node->user);
	if (others && nnode_in(&dst, s->node))
		emit_for_destination(s);
	else if (others && s->by_localpart && nnode_in(&s->src, s->node))
		emit_for_self_access(s);
}

static struct nset sources(struct naive *n, const json_t *rule)
{
	json_t *list = json_object_get(rule, "src");
	struct nset src = { 0 };

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct nset one = nresolve(n, ntrim(n, json_string_value(json_array_get(list, i))));
		nset_unite(n, &src, &one);
	}
	return src;
}

static const char *action_name(struct naive *n, const json_t *rule)
{
	return ntrim(n, json_string_value(json_object_get(rule, "action")));
}

json_t *naive_ssh(struct naive *n, size_t node, const char *base_url)
{
	json_t *list = json_object_get(n->policy, "ssh"), *checks = json_array();
	json_t *accepts = json_array();

	if (json_array_size(list) == 0) {
		json_decref(checks);
		json_decref(accepts);
		return NULL;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *rule = json_array_get(list, i);
		const char *action = action_name(n, rule);
		struct ssh s = { .n = n, .rule = rule, .node = &n->w->nodes[node] };
		s.src = sources(n, rule);
		if (s.src.len == 0)
			continue;
		read_users(&s);
		s.action = action_of(action, base_url);
		s.env = json_object_get(rule, "acceptEnv");
		s.out = strcmp(action, "check") == 0 ? checks : accepts;
		compile(&s);
		json_decref(s.users);
		json_decref(s.action);
	}
	json_array_extend(checks, accepts);
	json_decref(accepts);
	return json_pack("{s:o}", "rules", checks);
}

/* ---- check: 6.6 ---- */

/* A Go duration: numbers with units, one after another. */
static int64_t duration(const char *text)
{
	static const struct {
		const char *unit;
		double ns;
	} units[] = { { "ns", 1 },  { "us", 1e3 }, { "\xc2\xb5s", 1e3 }, { "ms", 1e6 },
		      { "s", 1e9 }, { "m", 60e9 }, { "h", 3600e9 } };
	double sum = 0;

	text += *text == '+' || *text == '-';
	while (*text != '\0') {
		char *end;
		double v = strtod(text, &end);
		size_t u = 0;
		while (u < 6 && strncmp(end, units[u].unit, strlen(units[u].unit)) != 0)
			u++;
		sum += v * units[u].ns;
		text = *end == '\0' ? end : end + strlen(units[u].unit);
	}
	return (int64_t)sum;
}

static bool dst_matches(struct naive *n, const char *text, const struct fl_policy_node *src,
			const struct fl_policy_node *dst)
{
	if (strcmp(text, "autogroup:self") == 0)
		return nnode_owned(src) && nnode_owned(dst) && src->user == dst->user;
	struct nset s = nresolve_dst(n, text);
	return nnode_in(&s, dst);
}

bool naive_ssh_check(struct naive *n, size_t src, size_t dst, int64_t *out_period_ns)
{
	json_t *list = json_object_get(n->policy, "ssh");
	const struct fl_policy_node *a = &n->w->nodes[src], *b = &n->w->nodes[dst];

	for (size_t i = 0; i < json_array_size(list); i++) {
		json_t *rule = json_array_get(list, i), *to = json_object_get(rule, "dst");
		const char *period = json_string_value(json_object_get(rule, "checkPeriod"));
		struct nset from = sources(n, rule);
		bool hit = false;
		for (size_t k = 0; k < json_array_size(to); k++)
			hit |= dst_matches(n, ntrim(n, json_string_value(json_array_get(to, k))), a,
					   b);
		if (strcmp(action_name(n, rule), "check") != 0 || !hit || !nnode_in(&from, a))
			continue;
		*out_period_ns = period == NULL                  ? 12 * INT64_C(3600000000000)
				 : strcmp(period, "always") == 0 ? 0
								 : duration(period);
		return true;
	}
	return false;
}
