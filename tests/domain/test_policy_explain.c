/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_explain.c - verdicts row by row, and for random packets against a
 * reading of the packet filter as JSON (docs/policy.md 4.15).
 */
#include "policy_rand.h"

#include <jansson.h>

/*
 * Ids in the order of lines: phone 1, lap 2, pc 3, web 4, r1 5, r2 6, old 7, exit 8, r3 9, in 10,
 * odd 11, bare 12.
 */
#define WORLD                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.org\n"                                                               \
	"node phone user=ann\n"                                                                    \
	"node lap user=ann\n"                                                                      \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node r1 tags=tag:r routes=10.33.0.0/16\n"                                                 \
	"node r2 tags=tag:b routes=10.33.5.0/24\n"                                                 \
	"node old tags=tag:x routes=0.0.0.0/0,::/0 sick\n"                                         \
	"node exit tags=tag:x routes=0.0.0.0/0,::/0\n"                                             \
	"node r3 tags=tag:b routes=10.33.5.128/25 primary=\n"                                      \
	"node in user=bob ip=10.33.9.9\n"                                                          \
	"node odd user=bob ip=172.16.0.9,fd7a:115c:a1e0::99\n"                                     \
	"node bare tags=tag:b ip= routes=10.88.0.0/16\n"
#define HEAD                                                                                       \
	"{\"hosts\":{\"one\":\"100.64.0.4\"},\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],"            \
	"\"tag:r\":[],\"tag:x\":[]},"
#define GRANT(g)        HEAD "\"grants\":[" g "]}"
#define G(src, dst, ip) "{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[\"" ip "\"]},"
#define V(src, dst, ip, v)                                                                         \
	"{\"src\":[" src "],\"dst\":[" dst "],\"ip\":[\"" ip "\"],\"via\":[" v "]},"
#define WEB  G("\"ann@\"", "\"tag:a\"", "tcp:80")
#define NET  G("\"ann@\"", "\"10.33.0.0/16\"", "*")
#define NONE -1
#define ANY  9999 /* port */

struct row {
	const char *name, *policy;
	const char *src, *dst;
	uint8_t proto;
	uint16_t port;
	bool allowed;
	enum fl_policy_why why;
	enum fl_policy_miss miss;
	int rule; /* index in the document */
	const char *src_alias, *dst_alias;
	uint64_t router;
};

#define ALLOW(i, s, d)            true, FL_WHY_RULE, FL_MISS_NONE, i, s, d, 0
#define ALLOW_BY(i, s, d, r)      true, FL_WHY_RULE, FL_MISS_NONE, i, s, d, r
#define DENY(miss, i, s, d)       false, FL_WHY_NO_RULE, FL_MISS_##miss, i, s, d, 0
#define DENY_BY(miss, i, s, d, r) false, FL_WHY_NO_RULE, FL_MISS_##miss, i, s, d, r
#define NO_RULE                   false, FL_WHY_NO_RULE, FL_MISS_NONE, NONE, NULL, NULL, 0
#define ALL_ALLOWED               true, FL_WHY_ALLOW_ALL, FL_MISS_NONE, NONE, NULL, NULL

static struct row rows[] = {
	{ "any port", GRANT(WEB), "100.64.0.1", "100.64.0.4", 6, ANY, ALLOW(0, "ann@", "tag:a") },
	{ "any port of another protocol", GRANT(WEB), "100.64.0.1", "100.64.0.4", 17, ANY,
	  DENY(PROTO, 0, "ann@", "tag:a") },
	{ "any traffic", GRANT(G("\"ann@\"", "\"tag:a\"", "udp:53")), "100.64.0.1", "100.64.0.4", 0,
	  ANY, ALLOW(0, "ann@", "tag:a") },
	/* 4.9 */
	{ "no policy", NULL, "1.2.3.4", "100.64.0.4", 0, 1, ALL_ALLOWED, 0 },
	{ "no policy, GRE", NULL, "100.64.0.1", "100.64.0.4", 47, 0,
	  DENY(PROTO, NONE, NULL, NULL) },
	{ "no rules at all", HEAD "}", "100.64.0.1", "100.64.0.4", 0, 1, ALL_ALLOWED, 0 },
	{ "no rules at all, from a subnet", HEAD "}", "10.33.1.1", "100.64.0.4", 0, 1, ALL_ALLOWED,
	  0 },
	{ "no rules at all, from outside", HEAD "}", "10.44.1.1", "100.64.0.4", 0, 1,
	  DENY(SRC, NONE, NULL, NULL) },
	{ "no rules at all, to a subnet", HEAD "}", "100.64.0.1", "10.33.1.1", 0, 1, ALL_ALLOWED,
	  5 },
	{ "no rules at all, to nowhere", HEAD "\"acls\":null}", "100.64.0.1", "fd00::1", 58, 1,
	  ALL_ALLOWED, 8 },
	{ "deny all", HEAD "\"acls\":[]}", "100.64.0.1", "100.64.0.4", 0, 80, NO_RULE },
	/* each miss, in order */
	{ "allowed", GRANT(WEB), "100.64.0.1", "100.64.0.4", 6, 80, ALLOW(0, "ann@", "tag:a") },
	{ "TCP by default", GRANT(WEB), "100.64.0.1", "100.64.0.4", 0, 80,
	  ALLOW(0, "ann@", "tag:a") },
	{ "IPv6", GRANT(WEB), "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::4", 6, 80,
	  ALLOW(0, "ann@", "tag:a") },
	{ "the source", GRANT(WEB), "100.64.0.3", "100.64.0.4", 6, 80, DENY(SRC, 0, NULL, NULL) },
	{ "the destination", GRANT(WEB), "100.64.0.1", "100.64.0.3", 6, 80,
	  DENY(DST, 0, "ann@", NULL) },
	{ "the protocol", GRANT(WEB), "100.64.0.1", "100.64.0.4", 17, 80,
	  DENY(PROTO, 0, "ann@", "tag:a") },
	{ "the port", GRANT(WEB), "100.64.0.1", "100.64.0.4", 6, 81,
	  DENY(PORT, 0, "ann@", "tag:a") },
	{ "the later miss counts",
	  GRANT(G("\"bob@\"", "\"tag:a\"", "*") G("\"ann@\"", "\"tag:a\"", "udp:53")
			G("\"ann@\"", "\"tag:a\"", "tcp:443") G("\"ann@\"", "\"tag:r\"", "*")),
	  "100.64.0.1", "100.64.0.4", 6, 80, DENY(PORT, 2, "ann@", "tag:a") },
	{ "of equal ones the first", GRANT(G("\"ann@\"", "\"tag:a\"", "tcp:443") WEB), "100.64.0.1",
	  "100.64.0.4", 6, 81, DENY(PORT, 0, "ann@", "tag:a") },
	{ "the first of several that allow", GRANT(G("\"*\"", "\"*\"", "22") WEB WEB), "100.64.0.1",
	  "100.64.0.4", 6, 80, ALLOW(1, "ann@", "tag:a") },
	{ "protocol of one entry, port of another",
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"tag:a\"],\"ip\":[\"tcp:80\",\"udp:53\"]}"),
	  "100.64.0.1", "100.64.0.4", 17, 80, DENY(PORT, 0, "ann@", "tag:a") },
	/* aliases named */
	{ "the alias that matched", GRANT(G("\"bob@\",\"ann@\"", "\"tag:r\",\"one\"", "*")),
	  "100.64.0.1", "100.64.0.4", 6, 80, ALLOW(0, "ann@", "one") },
	{ "a host of one family", GRANT(G("\"ann@\"", "\"one\"", "*")), "fd7a:115c:a1e0::1",
	  "fd7a:115c:a1e0::4", 6, 80, DENY(DST, 0, "ann@", NULL) },
	{ "an unknown user", GRANT(G("\"nobody@\"", "\"*\"", "*")), "100.64.0.1", "100.64.0.4", 6,
	  80, DENY(SRC, 0, NULL, NULL) },
	{ "an ACL comes after grants",
	  HEAD "\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"tag:a:80\"]}],"
	       "\"grants\":[" WEB "]}",
	  "100.64.0.3", "100.64.0.4", 6, 80, ALLOW(1, "*", "tag:a") },
	{ "a capability lets nothing through",
	  GRANT("{\"src\":[\"*\"],\"dst\":[\"*\"],\"app\":{\"example.com/x\":[]}}"), "100.64.0.1",
	  "100.64.0.4", 6, 80, NO_RULE },
	{ "an empty list makes no rule", GRANT(G("", "\"*\"", "*")), "100.64.0.1", "100.64.0.4", 6,
	  80, NO_RULE },
	/* protocols, 4.5 and 4.15 */
	{ "any protocol is four", GRANT(G("\"*\"", "\"*\"", "*")), "100.64.0.1", "100.64.0.4", 132,
	  80, DENY(PROTO, 0, "*", "*") },
	{ "GRE by number", GRANT(G("\"*\"", "\"*\"", "47:*")), "100.64.0.1", "100.64.0.4", 47, 0,
	  ALLOW(0, "*", "*") },
	{ "GRE with ports", GRANT(G("\"*\"", "\"*\"", "gre:1-10")), "100.64.0.1", "100.64.0.4", 47,
	  5, DENY(PORT, 0, "*", "*") },
	{ "a ping passes where any port does", GRANT(WEB), "100.64.0.1", "100.64.0.4", 1, 0,
	  ALLOW(0, "ann@", "tag:a") },
	{ "a ping of IPv6", GRANT(WEB), "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::4", 58, 0,
	  ALLOW(0, "ann@", "tag:a") },
	{ "ICMPv6 over IPv4 is no ping", GRANT(WEB), "100.64.0.1", "100.64.0.4", 58, 0,
	  DENY(PROTO, 0, "ann@", "tag:a") },
	{ "a ping needs the destination", GRANT(WEB), "100.64.0.1", "100.64.0.3", 1, 0,
	  DENY(DST, 0, "ann@", NULL) },
	/* wildcards, 3.3 and 4.4 */
	{ "a wildcard source brings subnets", GRANT(G("\"*\"", "\"tag:a\"", "*")), "10.33.1.1",
	  "100.64.0.4", 6, 80, ALLOW(0, "*", "tag:a") },
	{ "and a node in one", GRANT(G("\"*\"", "\"tag:a\"", "*")), "10.33.9.9", "100.64.0.4", 6,
	  80, ALLOW(0, "*", "tag:a") },
	{ "but no others", GRANT(G("\"*\"", "\"tag:a\"", "*")), "10.44.1.1", "100.64.0.4", 6, 80,
	  DENY(SRC, 0, NULL, NULL) },
	{ "danger-all is everybody", GRANT(G("\"autogroup:danger-all\"", "\"tag:a\"", "*")),
	  "8.8.8.8", "100.64.0.4", 6, 80, ALLOW(0, "autogroup:danger-all", "tag:a") },
	/* autogroup:self, 4.7 */
	{ "a device of one's own", GRANT(G("\"ann@\"", "\"autogroup:self\"", "22")), "100.64.0.1",
	  "100.64.0.2", 6, 22, ALLOW(0, "ann@", "autogroup:self") },
	{ "of somebody else", GRANT(G("\"autogroup:member\"", "\"autogroup:self\"", "22")),
	  "100.64.0.1", "100.64.0.3", 6, 22, DENY(DST, 0, "autogroup:member", NULL) },
	{ "self is nothing tagged", GRANT(G("\"ann@\"", "\"autogroup:self\",\"tag:a\"", "22")),
	  "100.64.0.1", "100.64.0.4", 6, 22, ALLOW(0, "ann@", "tag:a") },
	{ "not among the sources", GRANT(G("\"bob@\"", "\"autogroup:self\"", "22")), "100.64.0.1",
	  "100.64.0.2", 6, 22, DENY(SRC, 0, NULL, NULL) },
	{ "self is nothing tagged on either side",
	  HEAD
	  "\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}]}",
	  "100.64.0.4", "100.64.0.5", 6, 22, DENY(DST, 0, "*", NULL) },
	{ "a device counts with its other address (4.7)",
	  HEAD
	  "\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}]}",
	  "172.16.0.9", "100.64.0.3", 6, 22, ALLOW(0, "*", "autogroup:self") },
	{ "self through a router is nothing",
	  GRANT(V("\"ann@\"", "\"autogroup:self\"", "*", "\"tag:r\"")), "100.64.0.1", "100.64.0.2",
	  6, 22, DENY(DST, 0, "ann@", NULL) },
	/* routers */
	{ "a router without an address keeps all", GRANT(G("\"ann@\"", "\"*\"", "*")), "100.64.0.1",
	  "10.88.0.1", 6, 80, ALLOW_BY(0, "ann@", "*", 12) },
	{ "no router that is not elected", GRANT(G("\"10.0.0.0/8\"", "\"10.0.0.0/8\"", "*")),
	  "10.44.0.1", "10.33.5.129", 6, 80, ALLOW_BY(0, "10.0.0.0/8", "10.0.0.0/8", 6) },
	{ "the router in front", GRANT(NET), "100.64.0.1", "10.33.1.1", 6, 80,
	  ALLOW_BY(0, "ann@", "10.33.0.0/16", 5) },
	{ "the longest prefix", GRANT(NET), "100.64.0.1", "10.33.5.1", 6, 80,
	  ALLOW_BY(0, "ann@", "10.33.0.0/16", 6) },
	{ "no rule leads to the route", GRANT(NET), "100.64.0.3", "10.33.1.1", 6, 80,
	  DENY(SRC, 0, NULL, NULL) },
	{ "no router at all", GRANT(G("\"ann@\"", "\"10.44.0.0/16\"", "*")), "100.64.0.1",
	  "10.44.0.1", 6, 80, DENY(ROUTE, 0, "ann@", "10.44.0.0/16") },
	{ "from nobody's address the elected one",
	  GRANT(G("\"10.0.0.0/8\"", "\"10.0.0.0/8\"", "*")), "10.44.0.1", "10.33.5.1", 6, 80,
	  ALLOW_BY(0, "10.0.0.0/8", "10.0.0.0/8", 6) },
	{ "the internet, by who is up", GRANT(G("\"ann@\"", "\"autogroup:internet\"", "*")),
	  "100.64.0.1", "8.8.8.8", 6, 443, ALLOW_BY(0, "ann@", "autogroup:internet", 8) },
	{ "no internet behind private addresses",
	  GRANT(G("\"ann@\"", "\"autogroup:internet\"", "*")), "100.64.0.1", "192.168.7.7", 6, 443,
	  DENY_BY(DST, 0, "ann@", NULL, 8) },
	{ "an exit node keeps what is inside the internet",
	  GRANT(G("\"ann@\"", "\"8.8.0.0/16\",\"tag:x\"", "*")), "100.64.0.1", "8.8.8.8", 6, 443,
	  ALLOW_BY(0, "ann@", "8.8.0.0/16", 8) },
	{ "but it must be seen", GRANT(G("\"ann@\"", "\"8.8.0.0/16\"", "*")), "100.64.0.1",
	  "8.8.8.8", 6, 443, DENY(ROUTE, 0, "ann@", "8.8.0.0/16") },
	{ "and not what only overlaps it (H-011)",
	  GRANT(G("\"ann@\"", "\"192.0.0.0/8\",\"tag:x\"", "*")), "100.64.0.1", "192.1.1.1", 6, 443,
	  DENY_BY(ROUTE, 0, "ann@", "192.0.0.0/8", 8) },
	{ "nor private addresses under its route (H-011)",
	  GRANT(G("\"ann@\"", "\"10.44.0.0/16\",\"tag:x\"", "*")), "100.64.0.1", "10.44.1.1", 6,
	  443, DENY_BY(ROUTE, 0, "ann@", "10.44.0.0/16", 8) },
	/* via, 4.8 */
	{ "via the router with the tag", GRANT(V("\"ann@\"", "\"10.33.0.0/16\"", "*", "\"tag:r\"")),
	  "100.64.0.1", "10.33.5.1", 6, 80, ALLOW_BY(0, "ann@", "10.33.0.0/16", 5) },
	{ "only that one has the rule",
	  GRANT(V("\"ann@\"", "\"10.33.0.0/16\"", "*", "\"tag:r\"")
			G("\"ann@\"", "\"10.33.5.0/24\"", "tcp:22")),
	  "100.64.0.1", "10.33.5.1", 6, 80, DENY_BY(ROUTE, 0, "ann@", "10.33.0.0/16", 6) },
	{ "via to the internet",
	  GRANT(V("\"ann@\"", "\"autogroup:internet\"", "tcp:*", "\"tag:x\"")), "100.64.0.1",
	  "8.8.8.8", 6, 443, ALLOW_BY(0, "ann@", "autogroup:internet", 8) },
	{ "and not beyond", GRANT(V("\"ann@\"", "\"autogroup:internet\"", "tcp:*", "\"tag:x\"")),
	  "100.64.0.1", "8.8.8.8", 17, 53, DENY_BY(PROTO, 0, "ann@", "autogroup:internet", 8) },
};

static struct fl_ip ip_of(const char *text)
{
	struct fl_ip ip;

	assert_err(fl_ip_parse(fl_slice_str(text), &ip), FL_OK);
	return ip;
}

static void assert_alias(const struct fl_alias *a, const char *want)
{
	if (want == NULL)
		assert_null(a);
	else if (a == NULL)
		fail_msg("no alias, want %s", want);
	else
		assert_string_equal(a->text, want);
}

static void explain_row(void **state)
{
	const struct row *row = *state;
	struct fl_policy_verdict v;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_policy_query q = { .src = ip_of(row->src),
					   .dst = ip_of(row->dst),
					   .proto = row->proto,
					   .port = row->port,
					   .any_port = row->port == ANY };
	fl_policy_explain(k.p, &q, &v);
	assert_int_equal(v.allowed, row->allowed);
	assert_int_equal(v.why, row->why);
	assert_int_equal(v.miss, row->miss);
	assert_int_equal(v.rule != NULL ? v.rule - k.doc->rules : NONE, row->rule);
	assert_alias(v.src, row->src_alias);
	assert_alias(v.dst, row->dst_alias);
	assert_int_equal(v.router, row->router);
	kit_done(&k);
}

/* ---- a reading of the filter ---- */

static bool entry_has(const char *s, const struct fl_ip *ip)
{
	const char *dash = strchr(s, '-');
	struct fl_prefix p;
	struct fl_ip last;

	if (strcmp(s, "*") == 0)
		return true;
	if (fl_prefix_parse(fl_slice_str(s), &p) == FL_OK)
		return fl_prefix_has(&p, ip);
	if (dash == NULL) {
		last = ip_of(s);
		return fl_ip_eq(&last, ip);
	}
	struct fl_ip first;
	assert_err(fl_ip_parse(fl_slice_of(s, (size_t)(dash - s)), &first), FL_OK);
	last = ip_of(dash + 1);
	return first.family == ip->family && fl_ip_cmp(&first, ip) <= 0 &&
	       fl_ip_cmp(ip, &last) <= 0;
}

static bool list_has(const json_t *list, const struct fl_ip *ip)
{
	json_t *s;
	size_t i;

	json_array_foreach(list, i, s)
	{
		if (entry_has(json_string_value(s), ip))
			return true;
	}
	return false;
}

static bool proto_listed(const json_t *list, unsigned proto)
{
	json_t *n;
	size_t i;

	if (json_array_size(list) == 0)
		return proto == 6 || proto == 17 || proto == 1 || proto == 58;
	json_array_foreach(list, i, n)
	{
		if (json_integer_value(n) == proto)
			return true;
	}
	return false;
}

static bool ports_have(const json_t *ports, const struct fl_policy_query *q)
{
	json_int_t first = json_integer_value(json_object_get(ports, "First"));
	json_int_t last = json_integer_value(json_object_get(ports, "Last"));

	if (q->proto == 6 || q->proto == 17 || q->proto == 132)
		return first <= q->port && q->port <= last;
	return first == 0 && last == 65535;
}

static bool rule_lets(const json_t *rule, const struct fl_policy_query *q)
{
	bool echo = q->proto == (q->dst.family == FL_IP_V4 ? 1 : 58);
	json_t *d;
	size_t i;

	if (!list_has(json_object_get(rule, "SrcIPs"), &q->src) ||
	    !(echo || proto_listed(json_object_get(rule, "IPProto"), q->proto)))
		return false;
	json_array_foreach(json_object_get(rule, "DstPorts"), i, d)
	{
		if (entry_has(json_string_value(json_object_get(d, "IP")), &q->dst) &&
		    (echo || ports_have(json_object_get(d, "Ports"), q)))
			return true;
	}
	return false;
}

static bool filter_lets(const struct fl_policy *p, uint64_t node, const struct fl_policy_query *q)
{
	char *text = kit_filter(p, node);
	json_t *filter = json_loads(text, 0, NULL), *rule;
	bool lets = false;
	size_t i;

	assert_non_null(filter);
	json_array_foreach(filter, i, rule) lets = lets || rule_lets(rule, q);
	json_decref(filter);
	free(text);
	return lets;
}

static uint64_t node_at(const struct kit_world *w, const struct fl_ip *ip)
{
	for (size_t i = 0; i < w->world.nodes_len; i++) {
		if (fl_ip_eq(&w->nodes[i].ip4, ip) || fl_ip_eq(&w->nodes[i].ip6, ip))
			return w->nodes[i].id;
	}
	return 0;
}

/* ---- random packets ---- */

static const char *const places[] = { "100.64.0.1", "100.64.0.2",        "100.64.0.3",
				      "100.64.0.4", "100.64.0.5",        "100.64.0.6",
				      "100.64.0.9", "fd7a:115c:a1e0::1", "fd7a:115c:a1e0::4",
				      "10.33.5.7",  "10.44.7.7",         "10.44.1.1",
				      "10.1.1.1",   "8.8.8.8",           "192.1.1.1",
				      "fd00:1::5",  "2001:db8:1::1",     "100.64.1.3",
				      "10.33.5.3",  "100.115.92.5",      "192.168.1.9" };
static const uint8_t protos[] = { 0, 6, 17, 1, 58, 47, 132 };
static const uint16_t ports[] = { 0, 22, 53, 80, 85, 443, 150, 9, 65535 };

static struct fl_policy_query packet(struct fl_rng *rng)
{
	struct fl_policy_query q = { 0 };

	do {
		q.src = ip_of(places[fl_rng_below(rng, COUNT(places))]);
		q.dst = ip_of(places[fl_rng_below(rng, COUNT(places))]);
	} while (q.src.family != q.dst.family);
	q.proto = protos[fl_rng_below(rng, COUNT(protos))];
	q.port = ports[fl_rng_below(rng, COUNT(ports))];
	return q;
}

static int longest(const struct kit *k, uint64_t viewer, uint64_t router, const struct fl_ip *ip)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	size_t n = fl_policy_sees(k->p, viewer, router)
			   ? fl_policy_routes(k->p, viewer, router, routes)
			   : 0;
	int best = -1;

	for (size_t i = 0; i < n; i++) {
		if (fl_prefix_has(&routes[i], ip) && routes[i].bits > best)
			best = routes[i].bits;
	}
	return best;
}

/* Nobody whom the source sees offers it a longer prefix than the router told. */
static void check_router(const struct kit *k, const struct fl_policy_query *q, uint64_t router)
{
	uint64_t viewer = node_at(&k->world, &q->src);
	int own = router != 0 && viewer != 0 ? longest(k, viewer, router, &q->dst) : -1;

	for (size_t i = 0; i < k->world.world.nodes_len && viewer != 0; i++)
		assert_true(longest(k, viewer, k->world.nodes[i].id, &q->dst) <= own);
	assert_true(viewer == 0 || router == 0 || own >= 0);
}

static void check_packet(const struct kit *k, struct fl_policy_query q)
{
	struct fl_policy_verdict v;
	uint64_t at = node_at(&k->world, &q.dst);

	fl_policy_explain(k->p, &q, &v);
	q.proto = q.proto != 0 ? q.proto : 6;
	if (at != 0)
		assert_int_equal(v.router, 0);
	else
		check_router(k, &q, at = v.router);
	assert_int_equal(v.allowed, at != 0 && filter_lets(k->p, at, &q));
	assert_int_equal(v.allowed, v.why != FL_WHY_NO_RULE);
	assert_true(v.rule == NULL || (v.miss == FL_MISS_NONE) == v.allowed);
	if (v.allowed && v.why == FL_WHY_RULE)
		assert_true(v.rule != NULL && v.src != NULL && v.dst != NULL);
}

static void random_packets(void **state)
{
	const unsigned how = *(const unsigned *)*state;
	struct fl_rng rng;

	fl_rng_init(&rng, 77 + how);
	for (size_t round = 0; round < 60; round++) {
		char *world = rand_world(&rng), *policy = rand_policy(&rng, how);
		struct kit k;
		kit_init(&k, world, round == 0 ? NULL : round == 1 ? HEAD "}" : policy);
		for (size_t i = 0; i < 60; i++)
			check_packet(&k, packet(&rng));
		kit_done(&k);
		free(world);
		free(policy);
	}
}

int main(void)
{
	static const unsigned plain = RAND_PLAIN, all = RAND_VIA | RAND_SELF;
	static struct suite s;

	ROWS(&s, rows, explain_row);
	suite_add(&s, "random packets", random_packets, (void *)(uintptr_t)&plain);
	suite_add(&s, "random packets, via and self", random_packets, (void *)(uintptr_t)&all);
	return suite_run(&s, "policy explain");
}
