/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/captures/check_peers.c - who is seen, with which routes; which routes are approved. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NODES_MAX = 256 };

/* The hostname is the first label of the full name. */
static const struct fl_policy_node *named(const struct check *k, const json_t *entry)
{
	const char *full = json_string_value(json_object_get(entry, "Name"));
	char name[256];

	if (full == NULL)
		return NULL;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(full, "."), full);
	return capture_node(k->c, name);
}

static json_t *seen_by_us(const struct check *k, const struct fl_policy_node *n)
{
	uint64_t ids[NODES_MAX];
	size_t count = fl_policy_peers(k->p, n->id, ids, NODES_MAX);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(k->c->world.nodes[ids[i] - 1].name));
	json_t *sorted = canon_set(list);
	json_decref(list);
	return sorted;
}

static json_t *seen_in_case(const struct check *k, const json_t *peers)
{
	json_t *list = json_array(), *p;
	size_t i;

	json_array_foreach(peers, i, p)
	{
		const struct fl_policy_node *n = named(k, p);
		json_array_append_new(list, n != NULL ? json_string(n->name)
						      : json_incref(json_object_get(p, "Name")));
	}
	json_t *sorted = canon_set(list);
	json_decref(list);
	return sorted;
}

static void append_prefix(json_t *list, const struct fl_prefix *p)
{
	char text[FL_PREFIX_TEXT_MAX];

	fl_prefix_format(p, text);
	json_array_append_new(list, json_string(text));
}

static void append_host(json_t *list, const struct fl_ip *ip)
{
	struct fl_prefix host = fl_prefix_host(ip);

	if (fl_ip_is_set(ip))
		append_prefix(list, &host);
}

/* AllowedIPs and PrimaryRoutes of one entry; `peer` may be the viewer itself. */
static void check_routes(struct check *k, const struct fl_policy_node *n,
			 const struct fl_policy_node *peer, const json_t *entry)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	size_t count = fl_policy_routes(k->p, n->id, peer->id, routes);
	json_t *allowed = json_array(), *primary = json_array();

	if (!fl_policy_has_attr(k->p, peer->id, "disable-ipv4") &&
	    !fl_policy_has_attr(k->p, n->id, "disable-ipv4"))
		append_host(allowed, &peer->ip4);
	append_host(allowed, &peer->ip6);
	for (size_t i = 0; i < count; i++) {
		append_prefix(allowed, &routes[i]);
		if (n != peer && !fl_prefix_is_exit(&routes[i]))
			append_prefix(primary, &routes[i]);
	}
	for (size_t i = 0; n == peer && i < n->primary_len; i++)
		append_prefix(primary, &n->primary[i]);
	const char *part = n == peer ? "self-routes" : "routes";
	check_equal(k, part, n, canon_set(json_object_get(entry, "AllowedIPs")),
		    canon_set(allowed));
	check_equal(k, part, n, canon_set(json_object_get(entry, "PrimaryRoutes")),
		    canon_set(primary));
	json_decref(allowed);
	json_decref(primary);
}

void check_peers(struct check *k, const struct fl_policy_node *n, json_t *told)
{
	json_t *peers = json_object_get(told, "peers"), *p;
	size_t i;

	check_equal(k, "peers", n, seen_in_case(k, peers), seen_by_us(k, n));
	check_routes(k, n, n, json_object_get(told, "self"));
	json_array_foreach(peers, i, p)
	{
		const struct fl_policy_node *peer = named(k, p);
		if (peer != NULL && fl_policy_sees(k->p, n->id, peer->id))
			check_routes(k, n, peer, p);
	}
}

/* Every announced route is approved exactly when the policy approves it (policy.md 5.1). */
void check_approval(struct check *k)
{
	json_t *all = json_object_get(json_object_get(k->c->json, "topology"), "nodes");

	for (size_t i = 0; i < k->c->world.nodes_len; i++) {
		const struct fl_policy_node *n = &k->c->world.nodes[i];
		json_t *t = json_object_get(all, n->name), *v;
		json_t *want = json_array(), *got = json_array();
		size_t j;

		json_array_foreach(json_object_get(t, "routable_ips"), j, v)
		{
			struct fl_prefix route;
			size_t at;
			json_t *a;
			if (fl_prefix_parse(fl_slice_str(json_string_value(v)), &route) != FL_OK)
				continue;
			json_array_foreach(json_object_get(t, "approved_routes"), at,
					   a) if (json_equal(a, v)) json_array_append(want, v);
			if (fl_policy_approves(k->p, n, &route))
				json_array_append(got, v);
		}
		check_equal(k, "approval", n, want, got);
	}
}
