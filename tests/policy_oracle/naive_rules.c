/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_rules.c - the rules of one node before reduction, as JSON.
 *
 * Source  docs/policy.md 4.2 to 4.9, 12 D2
 */
#include "naive_impl.h"

static const char *const companions[][2] = {
	{ "tailscale.com/cap/drive", "tailscale.com/cap/drive-sharer" },
	{ "tailscale.com/cap/relay", "tailscale.com/cap/relay-target" },
};

/* ---- sources: 4.4 ---- */

static bool is_star(const char *text)
{
	return strcmp(text, "*") == 0;
}

static bool has_text(const char *const *list, size_t len, const char *text)
{
	for (size_t i = 0; i < len; i++)
		if (strcmp(list[i], text) == 0)
			return true;
	return false;
}

static struct nset united(struct naive *n, const struct ngrant *g)
{
	struct nset all = { 0 };

	for (size_t i = 0; i < g->src_len; i++) {
		struct nset s = nresolve(n, g->src[i]);
		nset_unite(n, &all, &s);
	}
	return all;
}

/* Takes `from`. */
static void append_new(json_t *list, json_t *from)
{
	for (size_t i = 0; i < json_array_size(from); i++) {
		json_t *v = json_array_get(from, i);
		if (!njson_has(list, json_string_value(v)))
			json_array_append(list, v);
	}
	json_decref(from);
}

static json_t *all_routes(const struct naive *n)
{
	json_t *out = json_array();

	for (size_t i = 0; i < n->w->nodes_len; i++) {
		const struct fl_policy_node *node = &n->w->nodes[i];
		for (size_t k = 0; k < node->served_len; k++)
			if (!fl_prefix_is_exit(&node->served[k]))
				nprefix_append(&node->served[k], false, out);
	}
	return out;
}

static json_t *source_texts(struct naive *n, const struct ngrant *g)
{
	struct nset all = united(n, g);
	json_t *out = json_array();

	if (has_text(g->src, g->src_len, "autogroup:danger-all")) {
		json_array_append_new(out, json_string("*"));
		return out;
	}
	nset_append_texts(&all, out);
	if (!has_text(g->src, g->src_len, "*"))
		return njson_sorted(out);
	append_new(out, all_routes(n));
	for (size_t i = 0; i < g->src_len && g->via == NULL; i++) {
		if (is_star(g->src[i]))
			continue;
		struct nset s = nresolve(n, g->src[i]);
		json_t *texts = json_array();
		nset_append_texts(&s, texts);
		append_new(out, texts);
	}
	return njson_sorted(out);
}

/* ---- pieces of rules ---- */

static void append_port(json_t *list, json_t *ip, const struct nports *p)
{
	json_t *ports = json_pack("{s:i, s:i}", "First", p->first, "Last", p->last);

	json_array_append_new(list, json_pack("{s:O, s:o}", "IP", ip, "Ports", ports));
}

/* Every text with every port range. */
static void append_ports(json_t *list, const json_t *ips, const struct ntraffic *t)
{
	for (size_t i = 0; i < json_array_size(ips); i++)
		for (size_t k = 0; k < t->ports_len; k++)
			append_port(list, json_array_get(ips, i), &t->ports[k]);
}

/* Steals `ports`; nothing without sources or destinations. */
static void add_ports_rule(json_t *rules, json_t *src, int proto, json_t *ports)
{
	if (json_array_size(src) > 0 && json_array_size(ports) > 0) {
		json_t *rule = json_pack("{s:O, s:O}", "SrcIPs", src, "DstPorts", ports);
		if (proto >= 0)
			json_object_set_new(rule, "IPProto", json_pack("[i]", proto));
		json_array_append_new(rules, rule);
	}
	json_decref(ports);
}

static json_t *prefix_texts(struct naive *n, const struct nset *s, bool bare)
{
	struct nprefixes list = nset_prefixes(n, s);
	json_t *out = json_array();

	for (size_t i = 0; i < list.len; i++)
		nprefix_append(&list.at[i], bare, out);
	return out;
}

/* Steals `dsts`; takes `caps` as it is. */
static void add_cap_grant(json_t *list, json_t *dsts, json_t *caps)
{
	json_array_append_new(list, json_pack("{s:o, s:O}", "Dsts", dsts, "CapMap", caps));
}

/* Steals `grants`. */
static void add_app_rule(json_t *rules, json_t *src, json_t *grants)
{
	if (json_array_size(grants) > 0)
		json_array_append_new(rules,
				      json_pack("{s:O, s:O}", "SrcIPs", src, "CapGrant", grants));
	json_decref(grants);
}

/* `src`: texts of all destinations; `dsts`: prefixes of all sources. */
static void add_companions(json_t *rules, const json_t *app, json_t *src, json_t *dsts)
{
	for (size_t i = 0; i < sizeof companions / sizeof *companions; i++) {
		if (json_object_get(app, companions[i][0]) == NULL)
			continue;
		json_t *caps = json_pack("{s:n}", companions[i][1]), *grants = json_array();
		add_cap_grant(grants, json_incref(dsts), caps);
		add_app_rule(rules, src, grants);
		json_decref(caps);
	}
}

/* ---- plain grants: 4.5, 4.6 ---- */

static json_t *dst_texts(struct naive *n, const char *dst)
{
	json_t *out;

	if (is_star(dst))
		return json_pack("[s]", "*");
	struct nset s = nresolve_dst(n, dst);
	if (strcmp(dst, "autogroup:internet") != 0)
		return prefix_texts(n, &s, true);
	out = json_array(); /* D2: the seven ranges, 2000::/3 too */
	nset_append_texts(&s, out);
	for (size_t i = 0; i < json_array_size(out); i++)
		if (strcmp(json_string_value(json_array_get(out, i)), "2000::/3") == 0)
			json_array_set_new(
				out, i,
				json_string("2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"));
	return out;
}

/* Each route once, whatever is in the list. */
static void append_routes(const struct naive *n, json_t *list)
{
	json_t *once = json_array();

	append_new(once, all_routes(n));
	json_array_extend(list, once);
	json_decref(once);
}

/* A destination that nobody can be is left out; one that nobody happens to be is an empty set. */
static bool resolves(const struct naive *n, const char *dst)
{
	const char *kind = naive_kind(dst);

	return strcmp(dst, "autogroup:self") != 0 && strcmp(kind, "domain") != 0 &&
	       (strcmp(kind, "user") != 0 || nuser_of_token(n, dst) != NULL);
}

static void add_app(struct naive *n, const struct ngrant *g, json_t *src, json_t *rules)
{
	json_t *grants = json_array(), *back = json_array(), *dsts = json_array();
	struct nset s;

	for (size_t i = 0; i < g->dst_len; i++) {
		if (!resolves(n, g->dst[i]))
			continue;
		s = nresolve_dst(n, g->dst[i]);
		add_cap_grant(grants, prefix_texts(n, &s, false), g->app);
		nset_append_texts(&s, back);
		if (is_star(g->dst[i]))
			append_routes(n, back);
	}
	bool any = json_array_size(grants) > 0;
	add_app_rule(rules, src, grants);
	for (size_t i = 0; i < g->src_len; i++) {
		s = nresolve(n, g->src[i]);
		json_t *texts = prefix_texts(n, &s, false);
		json_array_extend(dsts, texts);
		json_decref(texts);
	}
	json_t *sources = json_array(); /* each text once: 4.6 [C] */
	append_new(sources, back);
	sources = njson_sorted(sources);
	if (any)
		add_companions(rules, g->app, sources, dsts);
	json_decref(sources);
	json_decref(dsts);
}

static void add_plain(struct naive *n, const struct ngrant *g, json_t *src, json_t *rules)
{
	for (size_t e = 0; e < g->ip_len; e++) {
		json_t *ports = json_array();
		for (size_t i = 0; i < g->dst_len; i++) {
			if (strcmp(g->dst[i], "autogroup:self") == 0)
				continue;
			json_t *ips = dst_texts(n, g->dst[i]);
			append_ports(ports, ips, &g->ip[e]);
			json_decref(ips);
		}
		add_ports_rule(rules, src, g->ip[e].proto, ports);
	}
	if (g->app != NULL)
		add_app(n, g, src, rules);
}

/* ---- autogroup:self: 4.7 ---- */

static bool same_owner(const struct fl_policy_node *a, const struct fl_policy_node *b)
{
	return nnode_owned(a) && nnode_owned(b) && a->user == b->user;
}

/* The owner's nodes with an address in a source. */
static struct nset self_sources(struct naive *n, const struct ngrant *g,
				const struct fl_policy_node *node)
{
	struct nset all = united(n, g), out = { 0 };

	for (size_t i = 0; i < n->w->nodes_len; i++) {
		const struct fl_policy_node *m = &n->w->nodes[i];
		if (same_owner(m, node) && nnode_in(&all, m)) {
			nset_add_ip(n, &out, &m->ip4);
			nset_add_ip(n, &out, &m->ip6);
		}
	}
	return out;
}

static json_t *own_texts(struct naive *n, const struct fl_policy_node *m, bool bare)
{
	json_t *out = json_array();
	const struct fl_ip *ips[2] = { &m->ip4, &m->ip6 };

	(void)n;
	for (size_t i = 0; i < 2; i++) {
		struct fl_prefix p = fl_prefix_host(ips[i]);
		if (fl_ip_is_set(ips[i]))
			nprefix_append(&p, bare, out);
	}
	return out;
}

static void add_self(struct naive *n, const struct ngrant *g, const struct fl_policy_node *node,
		     json_t *rules)
{
	struct nset from = self_sources(n, g, node);
	json_t *src = json_array(), *grants = json_array(), *back = json_array();

	nset_append_texts(&from, src);
	src = njson_sorted(src);
	for (size_t e = 0; e < g->ip_len && from.len > 0; e++) {
		json_t *ports = json_array();
		for (size_t i = 0; i < n->w->nodes_len; i++) {
			if (!same_owner(&n->w->nodes[i], node))
				continue;
			json_t *ips = own_texts(n, &n->w->nodes[i], true);
			append_ports(ports, ips, &g->ip[e]);
			json_decref(ips);
		}
		add_ports_rule(rules, src, g->ip[e].proto, ports);
	}
	for (size_t i = 0; i < n->w->nodes_len && from.len > 0 && g->app != NULL; i++) {
		if (!same_owner(&n->w->nodes[i], node))
			continue;
		add_cap_grant(grants, own_texts(n, &n->w->nodes[i], false), g->app);
		append_new(back, own_texts(n, &n->w->nodes[i], true));
	}
	add_app_rule(rules, src, grants);
	back = njson_sorted(back);
	if (g->app != NULL && json_array_size(back) > 0) {
		json_t *dsts = prefix_texts(n, &from, false);
		add_companions(rules, g->app, back, dsts);
		json_decref(dsts);
	}
	json_decref(back);
	json_decref(src);
}

/* ---- via: 4.8 ---- */

static void keep_routed(struct naive *n, const char *dst, const struct fl_policy_node *node,
			json_t *out)
{
	struct nset s = nresolve_dst(n, dst);
	struct nprefixes list = nset_prefixes(n, &s);

	for (size_t i = 0; i < list.len; i++) {
		struct nset one = { 0 };
		nset_add_prefix(n, &one, &list.at[i]);
		if (nnode_route_in(&one, node))
			nprefix_append(&list.at[i], false, out);
	}
}

static void add_via(struct naive *n, const struct ngrant *g, const struct fl_policy_node *node,
		    const struct ntraffic *entries, size_t entries_len, json_t *rules)
{
	json_t *kept = json_array(), *src;
	bool internet = false;

	for (size_t i = 0; i < g->dst_len; i++) {
		if (strcmp(g->dst[i], "autogroup:internet") == 0)
			internet = true;
		else if (strcmp(g->dst[i], "autogroup:self") != 0)
			keep_routed(n, g->dst[i], node, kept);
	}
	if (internet && nnode_exits(node)) {
		json_t *all = dst_texts(n, "autogroup:internet");
		json_array_extend(kept, all);
		json_decref(all);
	}
	src = source_texts(n, g);
	for (size_t e = 0; e < entries_len && nnode_has_tag(node, g->via); e++) {
		json_t *ports = json_array();
		append_ports(ports, kept, &entries[e]);
		add_ports_rule(rules, src, entries[e].proto, ports);
	}
	json_decref(src);
	json_decref(kept);
}

/* ---- the list: 4.3, 4.9 ---- */

static bool mergeable(const json_t *a, const json_t *b)
{
	json_t *pa = json_object_get(a, "IPProto"), *pb = json_object_get(b, "IPProto");

	return json_object_get(a, "DstPorts") != NULL && json_object_get(b, "DstPorts") != NULL &&
	       (pa == NULL ? pb == NULL : json_equal(pa, pb)) &&
	       json_equal(json_object_get(a, "SrcIPs"), json_object_get(b, "SrcIPs"));
}

/* A rule of one's own, to append destinations to. */
static json_t *own_rule(json_t *r)
{
	json_t *ports = json_object_get(r, "DstPorts");

	if (ports == NULL)
		return json_incref(r);
	r = json_copy(r);
	json_object_set_new(r, "DstPorts", json_copy(ports));
	return r;
}

/* Takes `rules`. */
static json_t *merged(json_t *rules)
{
	json_t *out = json_array();

	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *r = json_array_get(rules, i);
		size_t k = 0;
		while (k < json_array_size(out) && !mergeable(json_array_get(out, k), r))
			k++;
		if (k < json_array_size(out))
			json_array_extend(json_object_get(json_array_get(out, k), "DstPorts"),
					  json_object_get(r, "DstPorts"));
		else
			json_array_append_new(out, own_rule(r));
	}
	json_decref(rules);
	return out;
}

static void add_grant(struct naive *n, struct ngrant *g, const struct fl_policy_node *node,
		      json_t *rules)
{
	if (g->src_len == 0 || g->dst_len == 0 || has_text(g->src, g->src_len, "autogroup:self"))
		return;
	if (g->via != NULL) {
		add_via(n, g, node, g->ip, g->ip_len, rules);
		return;
	}
	if (g->plain == NULL) { /* the same for every node */
		json_t *src = source_texts(n, g);
		g->plain = json_array();
		add_plain(n, g, src, g->plain);
		json_decref(src);
	}
	json_array_extend(rules, g->plain);
	if (nnode_owned(node) && has_text(g->dst, g->dst_len, "autogroup:self"))
		add_self(n, g, node, rules);
}

/* 4.9 and D1: no rules at all is one rule, from the wildcard and all routes to everything. */
static json_t *open_rules(struct naive *n)
{
	static const struct nports every = { 0, 65535 };
	json_t *rules = json_array(), *src = json_array(), *ports = json_array();
	json_t *star = json_pack("s", "*");

	nset_append_texts(&n->star, src);
	append_new(src, all_routes(n));
	src = njson_sorted(src);
	append_port(ports, star, &every);
	add_ports_rule(rules, src, -1, ports);
	json_decref(star);
	json_decref(src);
	return rules;
}

json_t *nrules_of(struct naive *n, size_t node)
{
	json_t *rules;

	if (n->allow_all)
		return open_rules(n);
	rules = json_array();
	for (size_t i = 0; i < n->grants_len; i++)
		add_grant(n, &n->grants[i], &n->w->nodes[node], rules);
	return merged(rules);
}

json_t *nrules_seen_only(struct naive *n, size_t node)
{
	static struct nports every = { 0, 65535 };
	const struct ntraffic any = { .proto = -1, .ports = &every, .ports_len = 1 };
	json_t *rules = json_array();

	for (size_t i = 0; i < n->grants_len; i++) {
		const struct ngrant *g = &n->grants[i];
		if (g->via != NULL && g->ip_len == 0 && g->src_len > 0)
			add_via(n, g, &n->w->nodes[node], &any, 1, rules);
	}
	return rules;
}

bool nrules_by_node(const struct naive *n)
{
	for (size_t i = 0; i < n->grants_len; i++)
		if (n->grants[i].via != NULL ||
		    has_text(n->grants[i].dst, n->grants[i].dst_len, "autogroup:self"))
			return true;
	return false;
}
