/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/naive.c - one policy in one world, and whether a packet passes.
 *
 * Source  docs/policy.md 3.3, 4.15, Appendix B
 */
#include "naive_impl.h"

#include <stdlib.h>

enum { MEMORY = 256 << 20 };

/* ---- constants ---- */

static void add_text(struct naive *n, struct nset *s, const char *text)
{
	struct nset one = nset_of_text(n, text);

	nset_unite(n, s, &one);
}

static void fill_constants(struct naive *n)
{
	static const char *const private[] = { "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
					       "169.254.0.0/16", "100.64.0.0/10" };
	struct nset out = { 0 };

	add_text(n, &n->internet, "0.0.0.0/0");
	add_text(n, &n->internet, "2000::/3");
	for (size_t i = 0; i < sizeof private / sizeof *private; i++)
		add_text(n, &out, private[i]);
	nset_remove(n, &n->internet, &out);
	add_text(n, &n->star, "100.64.0.0/10");
	add_text(n, &n->star, "fd7a:115c:a1e0::/48");
	out = nset_of_text(n, "100.115.92.0/23");
	nset_remove(n, &n->star, &out);
}

static void read_node(struct naive *n, size_t node)
{
	json_t *seen = nrules_seen_only(n, node);

	nmatchers_read(n, seen, &n->seen_only[node]);
	json_decref(seen);
	if (node > 0 && !nrules_by_node(n)) {
		n->rules[node] = json_incref(n->rules[0]);
		n->matchers[node] = n->matchers[0];
		return;
	}
	n->rules[node] = nrules_of(n, node);
	nmatchers_read(n, n->rules[node], &n->matchers[node]);
}

struct naive *naive_new(json_t *policy, const struct fl_policy_world *world)
{
	struct naive *n = calloc(1, sizeof *n);

	if (n == NULL)
		abort();
	*n = (struct naive){ .mem = fl_arena_make(MEMORY), .policy = policy, .w = world };
	fill_constants(n);
	ngrants_read(n);
	n->rules = nalloc(n, world->nodes_len, sizeof *n->rules);
	n->filters = nalloc(n, world->nodes_len, sizeof *n->filters);
	n->matchers = nalloc(n, world->nodes_len, sizeof *n->matchers);
	n->seen_only = nalloc(n, world->nodes_len, sizeof *n->seen_only);
	for (size_t i = 0; i < world->nodes_len; i++)
		read_node(n, i);
	return n;
}

void naive_free(struct naive *n)
{
	if (n == NULL)
		return;
	for (size_t i = 0; i < n->w->nodes_len; i++) {
		json_decref(n->rules[i]);
		json_decref(n->filters[i]);
	}
	for (size_t i = 0; i < n->grants_len; i++)
		json_decref(n->grants[i].plain);
	fl_arena_done(&n->mem);
	free(n);
}

/* ---- a packet: 4.15 ---- */

static const size_t nobody = SIZE_MAX;

static size_t node_at(const struct naive *n, const struct fl_ip *ip)
{
	for (size_t i = 0; i < n->w->nodes_len; i++)
		if (fl_ip_eq(&n->w->nodes[i].ip4, ip) || fl_ip_eq(&n->w->nodes[i].ip6, ip))
			return i;
	return nobody;
}

static bool up(const struct naive *n, size_t node)
{
	return n->w->nodes[node].online && n->w->nodes[node].healthy;
}

/* The peer that has the destination in its AllowedIPs with the longest prefix. */
static size_t router_of(struct naive *n, size_t viewer, const struct fl_ip *dst)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	size_t best = nobody;
	int best_bits = -1;

	for (size_t i = 0; i < n->w->nodes_len; i++) {
		size_t count = naive_sees(n, viewer, i) ? naive_routes(n, viewer, i, routes) : 0;
		for (size_t k = 0; k < count; k++) {
			int bits = routes[k].bits;
			if (!fl_prefix_has(&routes[k], dst) || bits < best_bits)
				continue;
			if (bits > best_bits || (up(n, i) && !up(n, best)))
				best = i;
			best_bits = bits;
		}
	}
	return best;
}

static bool list_has(struct naive *n, const json_t *list, const struct fl_ip *ip)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		struct nset s = nset_of_text(n, json_string_value(json_array_get(list, i)));
		if (nset_has(&s, ip))
			return true;
	}
	return false;
}

static bool proto_fits(const json_t *list, uint8_t proto)
{
	if (list == NULL)
		return proto == 6 || proto == 17 || proto == 1 || proto == 58;
	for (size_t i = 0; i < json_array_size(list); i++)
		if (json_integer_value(json_array_get(list, i)) == proto)
			return true;
	return false;
}

static bool port_fits(const json_t *ports, const struct fl_policy_query *q, uint8_t proto)
{
	json_int_t first = json_integer_value(json_object_get(ports, "First"));
	json_int_t last = json_integer_value(json_object_get(ports, "Last"));

	if (proto == 6 || proto == 17 || proto == 132)
		return first <= q->port && q->port <= last;
	return first == 0 && last == 65535;
}

static bool rule_accepts(struct naive *n, const json_t *rule, const struct fl_policy_query *q)
{
	json_t *dst = json_object_get(rule, "DstPorts");
	uint8_t proto = q->proto == 0 ? 6 : q->proto;
	bool ping = (proto == 1 && q->dst.family == FL_IP_V4) ||
		    (proto == 58 && q->dst.family == FL_IP_V6);

	if (!list_has(n, json_object_get(rule, "SrcIPs"), &q->src) ||
	    (!ping && !proto_fits(json_object_get(rule, "IPProto"), proto)))
		return false;
	for (size_t i = 0; i < json_array_size(dst); i++) {
		json_t *e = json_array_get(dst, i);
		struct nset s = nset_of_text(n, json_string_value(json_object_get(e, "IP")));
		if (nset_has(&s, &q->dst) &&
		    (ping || port_fits(json_object_get(e, "Ports"), q, proto)))
			return true;
	}
	return false;
}

enum naive_verdict naive_packet(struct naive *n, const struct fl_policy_query *q)
{
	size_t at = node_at(n, &q->dst), from = node_at(n, &q->src);
	bool accepted = false;

	if (at == nobody) {
		if (from == nobody)
			return NAIVE_UNSAID;
		for (size_t i = 0; i < n->w->nodes[from].served_len; i++)
			if (fl_prefix_has(&n->w->nodes[from].served[i], &q->dst))
				return NAIVE_UNSAID; /* it has the destination behind itself */
		at = router_of(n, from, &q->dst);
		if (at == nobody)
			return NAIVE_DENIED;
	}
	json_t *filter = naive_filter(n, at);
	for (size_t i = 0; i < json_array_size(filter) && !accepted; i++)
		accepted = rule_accepts(n, json_array_get(filter, i), q);
	json_decref(filter);
	return accepted ? NAIVE_ALLOWED : NAIVE_DENIED;
}
