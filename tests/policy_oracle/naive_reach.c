/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive_reach.c - what is left of the rules at a node, and who sees whom.
 *
 * Source  docs/policy.md 0, 4.9 to 4.11
 */
#include "naive_impl.h"

#include <stdlib.h>

/* ---- reduction ---- */

static bool entry_concerns(struct naive *n, const char *ip, const struct fl_policy_node *node)
{
	struct nset s = nset_of_text(n, ip);

	return nnode_in(&s, node) || nnode_route_in(&s, node) ||
	       (s.len > 0 && nnode_exits(node) && nset_covers(&n->internet, &s));
}

static json_t *reduce_ports(struct naive *n, const json_t *rule, const struct fl_policy_node *node)
{
	json_t *kept = json_array(), *ports = json_object_get(rule, "DstPorts");

	for (size_t i = 0; i < json_array_size(ports); i++) {
		json_t *e = json_array_get(ports, i);
		if (entry_concerns(n, json_string_value(json_object_get(e, "IP")), node))
			json_array_append(kept, e);
	}
	if (json_array_size(kept) == 0) {
		json_decref(kept);
		return NULL;
	}
	json_t *out = json_copy((json_t *)(uintptr_t)rule);
	json_object_set_new(out, "DstPorts", kept);
	return out;
}

static void keep_dst(struct naive *n, const char *text, const struct fl_policy_node *node,
		     json_t *kept)
{
	const struct fl_ip *own[2] = { &node->ip4, &node->ip6 };
	struct nset s = nset_of_text(n, text);

	for (size_t i = 0; i < 2; i++) {
		struct fl_prefix host = fl_prefix_host(own[i]);
		if (nset_has(&s, own[i]))
			nprefix_append(&host, false, kept);
	}
	if (nnode_route_in(&s, node))
		json_array_append_new(kept, json_string(text));
}

static int by_prefix(const void *a, const void *b)
{
	struct fl_prefix p, q;

	nhost_prefix(json_string_value(*(json_t *const *)a), &p);
	nhost_prefix(json_string_value(*(json_t *const *)b), &q);
	return fl_prefix_cmp(&p, &q);
}

/* Family, address, length; each once. Takes `list`. */
static json_t *sorted_dsts(json_t *list)
{
	size_t count = json_array_size(list);
	json_t **items = calloc(count + 1, sizeof(json_t *)), *out = json_array();

	if (items == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(list, i);
	qsort(items, count, sizeof(json_t *), by_prefix);
	for (size_t i = 0; i < count; i++)
		if (!njson_has(out, json_string_value(items[i])))
			json_array_append(out, items[i]);
	free(items);
	json_decref(list);
	return out;
}

static json_t *reduce_grants(struct naive *n, const json_t *rule, const struct fl_policy_node *node)
{
	json_t *out = json_array(), *grants = json_object_get(rule, "CapGrant");

	for (size_t i = 0; i < json_array_size(grants); i++) {
		json_t *g = json_array_get(grants, i), *dsts = json_object_get(g, "Dsts");
		json_t *kept = json_array();
		for (size_t k = 0; k < json_array_size(dsts); k++)
			keep_dst(n, json_string_value(json_array_get(dsts, k)), node, kept);
		if (json_array_size(kept) > 0)
			json_array_append_new(out,
					      json_pack("{s:o, s:O}", "Dsts", sorted_dsts(kept),
							"CapMap", json_object_get(g, "CapMap")));
		else
			json_decref(kept);
	}
	if (json_array_size(out) == 0) {
		json_decref(out);
		return NULL;
	}
	return json_pack("{s:O, s:o}", "SrcIPs", json_object_get(rule, "SrcIPs"), "CapGrant", out);
}

json_t *naive_filter(struct naive *n, size_t node)
{
	json_t *out = n->filters[node], *rules = n->rules[node];

	if (out != NULL)
		return json_incref(out);
	out = json_array();
	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *r = json_array_get(rules, i);
		json_t *left = json_object_get(r, "CapGrant") != NULL
				       ? reduce_grants(n, r, &n->w->nodes[node])
				       : reduce_ports(n, r, &n->w->nodes[node]);
		if (left != NULL)
			json_array_append_new(out, left);
	}
	n->filters[node] = out;
	return json_incref(out);
}

/* ---- matchers ---- */

static void add_text(struct naive *n, const json_t *text, struct nset *out)
{
	struct nset s = nset_of_text(n, json_string_value(text));

	nset_unite(n, out, &s);
}

static void read_matcher(struct naive *n, const json_t *rule, struct nmatcher *m)
{
	json_t *src = json_object_get(rule, "SrcIPs"), *ports = json_object_get(rule, "DstPorts");
	json_t *grants = json_object_get(rule, "CapGrant");

	for (size_t i = 0; i < json_array_size(src); i++)
		add_text(n, json_array_get(src, i), &m->src);
	for (size_t i = 0; i < json_array_size(ports); i++)
		add_text(n, json_object_get(json_array_get(ports, i), "IP"), &m->dst);
	for (size_t i = 0; i < json_array_size(grants); i++) {
		json_t *dsts = json_object_get(json_array_get(grants, i), "Dsts");
		for (size_t k = 0; k < json_array_size(dsts); k++)
			add_text(n, json_array_get(dsts, k), &m->dst);
	}
}

void nmatchers_read(struct naive *n, const json_t *rules, struct nmatchers *out)
{
	out->len = json_array_size(rules);
	out->at = nalloc(n, out->len, sizeof *out->at);
	for (size_t i = 0; i < out->len; i++)
		read_matcher(n, json_array_get(rules, i), &out->at[i]);
}

/* ---- who sees whom ---- */

bool nset_is_internet(const struct naive *n, const struct nset *s)
{
	struct nrange all[2] = { { .family = FL_IP_V4, .hi = UINT32_MAX },
				 { .family = FL_IP_V6, .hi = ~(nwide)0 } };

	return nset_covers(s, &(struct nset){ .at = &all[0], .len = 1 }) ||
	       nset_covers(s, &(struct nset){ .at = &all[1], .len = 1 }) ||
	       nset_covers(s, &n->internet);
}

static bool reach(const struct naive *n, const struct nmatchers *ms, const struct fl_policy_node *a,
		  const struct fl_policy_node *b)
{
	for (size_t i = 0; i < ms->len; i++) {
		const struct nmatcher *m = &ms->at[i];
		bool from = nnode_in(&m->src, a) || nnode_route_in(&m->src, a);
		bool to = nnode_in(&m->dst, b) || nnode_route_in(&m->dst, b) ||
			  (nnode_exits(b) && nset_is_internet(n, &m->dst));
		if (from && to)
			return true;
	}
	return false;
}

bool naive_sees(const struct naive *n, size_t a, size_t b)
{
	const struct fl_policy_node *x = &n->w->nodes[a], *y = &n->w->nodes[b];
	const struct nmatchers *from[4] = { &n->matchers[a], &n->matchers[b], &n->seen_only[a],
					    &n->seen_only[b] };

	if (a == b)
		return false;
	for (size_t i = 0; i < 4; i++)
		if (n->allow_all || reach(n, from[i], x, y) || reach(n, from[i], y, x))
			return true;
	return false;
}
