/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/policy_oracle/compare.c - every answer of the engine against that of the oracle. */
#include "compare.h"

#include <stdio.h>
#include <stdlib.h>

#define BASE_URL "https://control.example.com"

enum { ANSWER_MAX = 8 << 20 };

/* ---- JSON in a form that can be compared: only the order of sets is lost ---- */

static int by_text(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const char *s = json_string_value(json_object_get(x, "nodeIP"));
	const char *t = json_string_value(json_object_get(y, "nodeIP"));

	return strcmp(s != NULL ? s : "", t != NULL ? t : "");
}

static json_int_t port_of(const json_t *e, const char *name)
{
	return json_integer_value(json_object_get(json_object_get(e, "Ports"), name));
}

static int by_dst(const void *a, const void *b)
{
	const json_t *x = *(json_t *const *)a, *y = *(json_t *const *)b;
	const char *s = json_string_value(json_object_get(x, "IP"));
	const char *t = json_string_value(json_object_get(y, "IP"));
	int order = strcmp(s != NULL ? s : "", t != NULL ? t : "");

	if (order != 0)
		return order;
	if (port_of(x, "First") != port_of(y, "First"))
		return port_of(x, "First") < port_of(y, "First") ? -1 : 1;
	return port_of(x, "Last") < port_of(y, "Last")   ? -1
	       : port_of(x, "Last") > port_of(y, "Last") ? 1
							 : 0;
}

static json_t *sorted(const json_t *list, int (*order)(const void *, const void *))
{
	size_t count = json_array_size(list);
	json_t **items = calloc(count + 1, sizeof(json_t *)), *out = json_array();

	if (items == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		items[i] = json_array_get(list, i);
	qsort(items, count, sizeof(json_t *), order);
	for (size_t i = 0; i < count; i++)
		json_array_append(out, items[i]);
	free(items);
	return out;
}

/* null and an absent list are an empty one. */
static json_t *canon_caps(const json_t *map)
{
	json_t *out = json_object(), *v;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)map, name, v)
		json_object_set_new(out, name, json_is_null(v) ? json_array() : json_incref(v));
	return out;
}

static json_t *canon_rule(const json_t *rule)
{
	json_t *src = json_object_get(rule, "SrcIPs"), *grants = json_object_get(rule, "CapGrant");
	json_t *proto = json_object_get(rule, "IPProto"), *out = json_object(), *list;

	json_object_set_new(out, "SrcIPs", json_is_array(src) ? json_incref(src) : json_array());
	json_object_set_new(out, "DstPorts", sorted(json_object_get(rule, "DstPorts"), by_dst));
	if (json_array_size(proto) > 0)
		json_object_set(out, "IPProto", proto);
	list = json_array();
	for (size_t i = 0; i < json_array_size(grants); i++) {
		json_t *g = json_array_get(grants, i);
		json_array_append_new(list, json_pack("{s:O, s:o}", "Dsts",
						      json_object_get(g, "Dsts"), "CapMap",
						      canon_caps(json_object_get(g, "CapMap"))));
	}
	json_object_set_new(out, "CapGrant", list);
	return out;
}

/* Takes `rules`. */
static json_t *canon_filter(json_t *rules)
{
	json_t *out = json_array();

	for (size_t i = 0; i < json_array_size(rules); i++)
		json_array_append_new(out, canon_rule(json_array_get(rules, i)));
	json_decref(rules);
	return out;
}

/* Takes `policy`; NULL stays NULL. */
static json_t *canon_ssh(json_t *policy)
{
	json_t *rules = json_object_get(policy, "rules");

	for (size_t i = 0; i < json_array_size(rules); i++) {
		json_t *r = json_array_get(rules, i);
		json_object_set_new(r, "principals",
				    sorted(json_object_get(r, "principals"), by_text));
	}
	return policy;
}

static json_t *parsed(const struct fl_buf *b)
{
	json_t *v = json_loadb((const char *)b->ptr, b->len, JSON_DECODE_ANY, NULL);

	return v != NULL ? v : json_string("not JSON");
}

/* ---- reporting ---- */

static void put_json(struct fl_buf *out, const char *who, const json_t *v)
{
	char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_SORT_KEYS | JSON_COMPACT);

	fl_buf_printf(out, "  %s %s\n", who, text != NULL ? text : "none");
	free(text);
}

/* Takes both values. */
static bool equal(struct sides *s, const char *what, uint64_t node, json_t *engine, json_t *naive)
{
	bool same = engine == NULL ? naive == NULL : json_equal(engine, naive);

	if (!same) {
		fl_buf_printf(s->why, "%s of node %llu\n", what, (unsigned long long)node);
		put_json(s->why, "engine", engine);
		put_json(s->why, "naive ", naive);
	}
	json_decref(engine);
	json_decref(naive);
	return same;
}

static bool same_bool(struct sides *s, const char *what, uint64_t a, uint64_t b, bool engine,
		      bool naive)
{
	if (engine != naive)
		fl_buf_printf(s->why, "%s of %llu and %llu: engine %d, naive %d\n", what,
			      (unsigned long long)a, (unsigned long long)b, engine, naive);
	return engine == naive;
}

/* ---- answers ---- */

static json_t *engine_filter(const struct sides *s, uint64_t node)
{
	struct fl_buf b = fl_buf_make(ANSWER_MAX);

	fl_policy_filter(s->engine, node, &b);
	json_t *v = parsed(&b);
	fl_buf_done(&b);
	return v;
}

static json_t *engine_ssh(const struct sides *s, uint64_t node)
{
	struct fl_buf b = fl_buf_make(ANSWER_MAX);
	json_t *v = NULL;

	if (fl_policy_ssh(s->engine, node, BASE_URL, &b))
		v = parsed(&b);
	fl_buf_done(&b);
	return v;
}

static void add_attr(void *ctx, const char *name, const char *args)
{
	json_t *v = json_loads(args, JSON_DECODE_ANY, NULL);

	json_object_set_new(ctx, name, v == NULL || json_is_null(v) ? json_array() : v);
}

static json_t *engine_attrs(const struct sides *s, uint64_t node)
{
	json_t *out = json_object();

	if (fl_policy_attrs(s->engine, node, add_attr, out) != FL_OK)
		abort();
	return out;
}

static json_t *prefix_list(const struct fl_prefix *list, size_t len)
{
	json_t *out = json_array();
	char text[FL_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < len; i++) {
		fl_prefix_format(&list[i], text);
		json_array_append_new(out, json_string(text));
	}
	return out;
}

/* Peers with their routes. */
static json_t *engine_peers(const struct sides *s, size_t node)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	uint64_t ids[GEN_NODES + 1], self = s->world->nodes[node].id;
	size_t count = fl_policy_peers(s->engine, self, ids, GEN_NODES + 1);
	json_t *out = json_array();

	for (size_t i = 0; i < count; i++) {
		size_t len = fl_policy_routes(s->engine, self, ids[i], routes);
		json_array_append_new(
			out, json_pack("[I, o]", (json_int_t)ids[i], prefix_list(routes, len)));
	}
	return out;
}

static json_t *naive_peers(const struct sides *s, size_t node)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	json_t *out = json_array();

	for (size_t i = 0; i < s->world->nodes_len; i++) {
		if (!naive_sees(s->naive, node, i))
			continue;
		size_t len = naive_routes(s->naive, node, i, routes);
		json_array_append_new(out, json_pack("[I, o]", (json_int_t)s->world->nodes[i].id,
						     prefix_list(routes, len)));
	}
	return out;
}

/* ---- what is compared ---- */

static bool compare_own_routes(struct sides *s, size_t node)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	uint64_t id = s->world->nodes[node].id;
	json_t *ours = prefix_list(routes, fl_policy_routes(s->engine, id, id, routes));

	return equal(s, "own routes", id, ours,
		     prefix_list(routes, naive_routes(s->naive, node, node, routes)));
}

static bool compare_pairs(struct sides *s, size_t a)
{
	uint64_t id = s->world->nodes[a].id;

	for (size_t b = 0; b < s->world->nodes_len; b++) {
		uint64_t other = s->world->nodes[b].id;
		int64_t period = -1, naive_period = -1;
		bool check = fl_policy_ssh_check(s->engine, id, other, &period);
		if (!same_bool(s, "sees", id, other, fl_policy_sees(s->engine, id, other),
			       naive_sees(s->naive, a, b)) ||
		    !same_bool(s, "ssh check", id, other, check,
			       naive_ssh_check(s->naive, a, b, &naive_period)))
			return false;
		if (check && period != naive_period) {
			fl_buf_printf(s->why, "period: engine %lld, naive %lld\n",
				      (long long)period, (long long)naive_period);
			return false;
		}
	}
	return true;
}

static bool compare_tags(struct sides *s, const struct fl_policy_node *node)
{
	static const char *const tags[] = { "tag:a", "tag:b", "tag:c", "tag:stale" };
	struct fl_policy_node fresh = { .id = 999, .user = node->user, .name = "fresh" };

	for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
		if (!same_bool(s, "tag exists", i, i, fl_policy_tag_exists(s->engine, tags[i]),
			       naive_tag_exists(s->naive, tags[i])) ||
		    !same_bool(s, tags[i], node->id, i,
			       fl_policy_may_have_tag(s->engine, node, tags[i]),
			       naive_may_have_tag(s->naive, node, tags[i])) ||
		    !same_bool(s, "new node's tag", node->id, i,
			       fl_policy_may_have_tag(s->engine, &fresh, tags[i]),
			       naive_may_have_tag(s->naive, &fresh, tags[i])) ||
		    !same_bool(s, "tag owned", node->id, i,
			       fl_policy_tag_owned(s->engine, tags[i], node->tags, node->tags_len),
			       naive_tag_owned(s->naive, tags[i], node->tags, node->tags_len)))
			return false;
	return true;
}

static bool compare_approvals(struct sides *s, const struct fl_policy_node *node)
{
	static const char *const routes[] = { "10.0.0.0/8",    "10.33.5.0/24", "0.0.0.0/0",
					      "::/0",          "fd00:1::/64",  "192.168.1.0/24",
					      "2001:db8::/32", "10.33.5.7/32" };

	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++) {
		struct fl_prefix p;
		if (fl_prefix_parse(fl_slice_str(routes[i]), &p) != FL_OK)
			abort();
		if (!same_bool(s, routes[i], node->id, i, fl_policy_approves(s->engine, node, &p),
			       naive_approves(s->naive, node, &p)))
			return false;
	}
	return true;
}

/* The node, and one of the same owner that the world does not know yet. */
static bool compare_approval(struct sides *s, const struct fl_policy_node *node)
{
	struct fl_policy_node fresh = *node;

	fresh.id = 998;
	fresh.ip4 = fl_ip_v4(100, 64, 7, 7);
	fresh.ip6 = (struct fl_ip){ 0 };
	return compare_approvals(s, node) && compare_approvals(s, &fresh);
}

static bool compare_pool(struct sides *s, const struct fl_policy_node *node)
{
	const struct fl_prefix *pool = NULL;
	size_t len = 0;
	json_t *ours = NULL;

	if (fl_policy_pool(s->engine, node, &pool, &len))
		ours = prefix_list(pool, len);
	return equal(s, "pool", node->id, ours, json_incref(naive_pool(s->naive, node)));
}

static bool compare_node(struct sides *s, size_t i)
{
	const struct fl_policy_node *node = &s->world->nodes[i];

	return equal(s, "filter", node->id, canon_filter(engine_filter(s, node->id)),
		     canon_filter(naive_filter(s->naive, i))) &&
	       compare_pairs(s, i) &&
	       equal(s, "peers", node->id, engine_peers(s, i), naive_peers(s, i)) &&
	       compare_own_routes(s, i) &&
	       equal(s, "ssh", node->id, canon_ssh(engine_ssh(s, node->id)),
		     canon_ssh(naive_ssh(s->naive, i, BASE_URL))) &&
	       equal(s, "attrs", node->id, engine_attrs(s, node->id), naive_attrs(s->naive, i)) &&
	       same_bool(s, "suggests exit", node->id, 0,
			 fl_policy_suggests_exit(s->engine, node->id),
			 naive_is_exit(s->naive, i)) &&
	       compare_approval(s, node) && compare_tags(s, node) && compare_pool(s, node);
}

static bool compare_stranger(struct sides *s)
{
	const uint64_t id = 997;
	uint64_t peers[1];
	json_t *attrs = engine_attrs(s, id);
	bool none = json_object_size(attrs) == 0;

	json_decref(attrs);
	return equal(s, "filter", id, engine_filter(s, id), json_array()) &&
	       same_bool(s, "peers", id, 0, fl_policy_peers(s->engine, id, peers, 1) > 0, false) &&
	       same_bool(s, "no attrs", id, 0, none, true) &&
	       same_bool(s, "sees", id, id, fl_policy_sees(s->engine, id, id), false);
}

bool compare_all(struct sides *s)
{
	if (!compare_stranger(s))
		return false;
	for (size_t i = 0; i < s->world->nodes_len; i++)
		if (!compare_node(s, i))
			return false;
	return true;
}

bool compare_packet(struct sides *s, const struct fl_policy_query *q)
{
	enum naive_verdict naive = naive_packet(s->naive, q);
	struct fl_policy_verdict engine;
	char src[FL_IP_TEXT_MAX], dst[FL_IP_TEXT_MAX];

	fl_policy_explain(s->engine, q, &engine);
	if (naive == NAIVE_UNSAID || engine.allowed == (naive == NAIVE_ALLOWED))
		return true;
	fl_ip_format(&q->src, src);
	fl_ip_format(&q->dst, dst);
	fl_buf_printf(s->why,
		      "packet %s -> %s proto %u port %u: engine %d (why %d, router %llu), "
		      "naive %d\n",
		      src, dst, q->proto, q->port, engine.allowed, (int)engine.why,
		      (unsigned long long)engine.router, naive == NAIVE_ALLOWED);
	return false;
}

/* ---- what differs between two worlds ---- */

static size_t index_of(const struct fl_policy_world *w, uint64_t id)
{
	size_t i = 0;

	while (i < w->nodes_len && w->nodes[i].id != id)
		i++;
	return i;
}

/* What its own entry lists. */
static json_t *own_routes(const struct sides *s, size_t node)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];

	return prefix_list(routes, naive_routes(s->naive, node, node, routes));
}

/* Takes both. */
static bool differ(json_t *a, json_t *b)
{
	bool same = a == NULL ? b == NULL : json_equal(a, b);

	json_decref(a);
	json_decref(b);
	return !same;
}

static unsigned naive_differs(const struct sides *x, size_t i, const struct sides *y, size_t j)
{
	unsigned bits = 0;

	if (differ(canon_filter(naive_filter(x->naive, i)),
		   canon_filter(naive_filter(y->naive, j))))
		bits |= FL_POLICY_FILTER;
	if (differ(naive_peers(x, i), naive_peers(y, j)) ||
	    differ(own_routes(x, i), own_routes(y, j)))
		bits |= FL_POLICY_PEERS;
	if (differ(canon_ssh(naive_ssh(x->naive, i, BASE_URL)),
		   canon_ssh(naive_ssh(y->naive, j, BASE_URL))))
		bits |= FL_POLICY_SSH;
	if (differ(naive_attrs(x->naive, i), naive_attrs(y->naive, j)))
		bits |= FL_POLICY_ATTRS;
	return bits;
}

/* An order that may be either way (10.3) is a difference in what the engine itself writes. */
static unsigned engine_order(const struct sides *x, const struct sides *y, uint64_t id)
{
	unsigned bits = 0;

	if (differ(engine_filter(x, id), engine_filter(y, id)))
		bits |= FL_POLICY_FILTER;
	if (differ(engine_ssh(x, id), engine_ssh(y, id)))
		bits |= FL_POLICY_SSH;
	return bits;
}

bool compare_differs(struct sides *before, struct sides *after)
{
	for (size_t j = 0; j < after->world->nodes_len; j++) {
		uint64_t id = after->world->nodes[j].id;
		size_t i = index_of(before->world, id);
		if (i == before->world->nodes_len)
			continue;
		unsigned must = naive_differs(before, i, after, j);
		unsigned got = fl_policy_differs(before->engine, after->engine, id);
		unsigned may = got == must ? 0 : engine_order(before, after, id);
		if ((got & ~may) == (must & ~may) && (must & ~got) == 0)
			continue;
		fl_buf_printf(after->why, "differs of node %llu: engine %#x, naive %#x\n",
			      (unsigned long long)id, got, must);
		return false;
	}
	return true;
}
