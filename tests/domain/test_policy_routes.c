/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_routes.c - routes of a viewer row by row (docs/policy.md 4.12 and 4.13),
 * and random worlds against those sections taken word by word.
 */
#include "policy_rand.h"

#include "domain/policy/engine.h"

#define USERS                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.org\n"                                                               \
	"node ann user=ann\n"                                                                      \
	"node bob user=bob\n"
#define TAGS        "\"tag:r\":[],\"tag:a\":[],\"tag:b\":[],\"tag:x\":[],\"tag:s\":[]"
#define HEAD        "{\"tagOwners\":{" TAGS "},"
#define GRANT(g)    HEAD "\"grants\":[" g "]}"
#define G(src, dst) "{\"src\":[\"" src "\"],\"dst\":[\"" dst "\"],\"ip\":[\"*\"]},"
#define V(src, dst, via)                                                                           \
	"{\"src\":[\"" src "\"],\"dst\":[\"" dst "\"],\"ip\":[\"*\"],\"via\":[\"" via "\"]},"
#define ONE  USERS "node r tags=tag:r routes=10.33.0.0/16\n"
#define EXIT USERS "node r tags=tag:r routes=0.0.0.0/0,::/0,10.33.0.0/16\n"
#define BOTH "0.0.0.0/0 ::/0"
#define SUBNET                                                                                     \
	USERS "node r1 tags=tag:r routes=10.1.0.0/16\nnode r2 tags=tag:r routes=10.2.0.0/16\n"
#define SHARED                                                                                     \
	USERS "node r1 tags=tag:a routes=10.44.0.0/16\nnode r2 tags=tag:b routes=10.44.0.0/16 "    \
	      "primary=\nnode r3 tags=tag:x routes=10.55.0.0/16\n"
#define GROUP(first, second)                                                                       \
	USERS "node r0 tags=tag:b routes=10.44.0.0/16\n"                                           \
	      "node r1 tags=tag:a routes=10.44.0.0/16 primary= " first "\n"                        \
	      "node r2 tags=tag:a,tag:s routes=10.44.0.0/16 primary= " second "\n"
#define EXITS                                                                                      \
	USERS "node e1 tags=tag:a routes=0.0.0.0/0,::/0\nnode e2 tags=tag:b "                      \
	      "routes=0.0.0.0/0,::/0\n"
#define NET  "10.44.0.0/16"
#define TO_A V("ann@", NET, "tag:a")

struct row {
	const char *name, *world, *policy, *viewer, *peer, *routes;
};

static struct row rows[] = {
	/* 4.12, routeOK */
	{ "(i) a destination", ONE, GRANT(G("ann@", "10.33.0.0/16")), "ann", "r", "10.33.0.0/16" },
	{ "(i) not of others", ONE, GRANT(G("ann@", "10.33.0.0/16")), "bob", "r", "" },
	{ "(i) a wider destination", ONE, GRANT(G("ann@", "10.0.0.0/8")), "ann", "r",
	  "10.33.0.0/16" },
	{ "(i) a single address", ONE, GRANT(G("ann@", "10.33.5.7")), "ann", "r", "10.33.0.0/16" },
	{ "(i) a neighbour", ONE, GRANT(G("ann@", "10.34.0.0/16")), "ann", "r", "" },
	{ "(ii) a source", ONE, GRANT(G("10.33.5.0/24", "ann@")), "ann", "r", "10.33.0.0/16" },
	{ "(ii) a source of others", ONE, GRANT(G("10.33.5.0/24", "ann@")), "bob", "r", "" },
	{ "(ii) a wildcard source", ONE, GRANT(G("*", "ann@")), "ann", "r", "10.33.0.0/16" },
	{ "(iii) behind the viewer, to", SUBNET, GRANT(G("10.1.0.0/16", "10.2.0.0/16")), "r1", "r2",
	  "10.2.0.0/16" },
	{ "(iv) behind the viewer, from", SUBNET, GRANT(G("10.1.0.0/16", "10.2.0.0/16")), "r2",
	  "r1", "10.1.0.0/16" },
	{ "(iii) nobody behind", SUBNET, GRANT(G("10.1.0.0/16", "10.2.0.0/16")), "ann", "r2", "" },
	{ "a capability", ONE,
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"10.33.0.0/16\"],\"app\":{\"example.com/x\":[]}}"),
	  "ann", "r", "10.33.0.0/16" },
	{ "all ports", ONE, GRANT(G("ann@", "*")), "ann", "r", "10.33.0.0/16" },
	{ "no policy", EXIT, NULL, "ann", "r", "0.0.0.0/0 10.33.0.0/16 ::/0" },
	{ "no rules at all", ONE, HEAD "}", "ann", "r", "10.33.0.0/16" },
	{ "deny all", ONE, HEAD "\"acls\":[]}", "ann", "r", "" },
	{ "a device of one's own (4.7)",
	  USERS "node lap user=ann routes=100.64.0.0/30\nnode pc user=bob "
		"routes=100.64.0.0/30 primary=\n",
	  GRANT(G("autogroup:member", "autogroup:self")), "ann", "lap", "100.64.0.0/30" },
	{ "not one of others", USERS "node lap user=ann routes=100.64.0.0/32\nnode pc user=bob\n",
	  GRANT(G("autogroup:member", "autogroup:self")), "bob", "lap", "" },
	{ "a via rule of the viewer's own",
	  USERS "node r tags=tag:a routes=10.44.0.0/16\nnode s tags=tag:s "
		"routes=10.9.0.0/16\n",
	  GRANT(V("10.9.0.0/16", NET, "tag:a")), "r", "s", "10.9.0.0/16" },
	{ "a via grant with a capability alone is no rule (D5)",
	  USERS "node r tags=tag:a routes=10.44.0.0/16\nnode s tags=tag:s "
		"routes=10.9.0.0/16\n",
	  GRANT("{\"src\":[\"10.9.0.0/16\"],\"dst\":[\"" NET "\"],\"via\":[\"tag:a\"],"
		"\"app\":{\"example.com/x\":[]}}"),
	  "r", "s", "" },
	/* elections and exits */
	{ "who is not elected", USERS "node r tags=tag:r routes=10.33.0.0/16 primary=\n",
	  GRANT(G("ann@", "10.33.0.0/16")), "ann", "r", "" },
	{ "some elected",
	  USERS "node r tags=tag:r routes=10.2.0.0/16,10.1.0.0/16,10.3.0.0/16 "
		"primary=10.3.0.0/16,10.1.0.0/16\n",
	  GRANT(G("ann@", "10.0.0.0/8")), "ann", "r", "10.1.0.0/16 10.3.0.0/16" },
	{ "announced twice", USERS "node r tags=tag:r routes=10.1.0.0/16,10.1.0.0/16\n",
	  GRANT(G("ann@", "10.0.0.0/8")), "ann", "r", "10.1.0.0/16" },
	{ "exit routes", EXIT, GRANT(G("ann@", "autogroup:internet")), "ann", "r", BOTH },
	{ "exit routes with any rule of the family", EXIT, GRANT(G("ann@", "100.64.0.3")), "ann",
	  "r", "0.0.0.0/0" },
	{ "exit routes of others", EXIT, GRANT(G("ann@", "autogroup:internet")), "bob", "r", "" },
	{ "an exit node and the way back (D6)",
	  USERS "node r tags=tag:r routes=10.33.0.0/16\nnode e tags=tag:x "
		"routes=0.0.0.0/0,::/0\n",
	  GRANT(G("*", "autogroup:internet")), "e", "r", "10.33.0.0/16" },
	{ "no way back for others (D6)",
	  USERS "node r tags=tag:r routes=10.33.0.0/16\nnode e tags=tag:x "
		"routes=0.0.0.0/0,::/0\n",
	  GRANT(G("*", "autogroup:internet")), "bob", "r", "" },
	{ "no way back without the internet (D6)",
	  USERS "node r tags=tag:r routes=10.33.0.0/16\nnode e tags=tag:x "
		"routes=0.0.0.0/0,::/0\n",
	  GRANT(G("*", "8.8.8.0/24")), "e", "r", "" },
	{ "routers of one subnet know each other (step 3)", SHARED, GRANT(""), "r2", "r1", NET },
	{ "but not what only one serves (step 3)", SHARED, GRANT(""), "r2", "r3", "" },
	{ "nor who is not elected (step 3)", SHARED, GRANT(""), "r1", "r2", "" },
	{ "its own, whatever the rules", EXIT, HEAD "\"acls\":[]}", "r", "r",
	  "0.0.0.0/0 10.33.0.0/16 ::/0" },
	{ "its own, elected or not", SHARED, GRANT(TO_A), "r2", "r2", NET },
	{ "nothing to serve", ONE, NULL, "r", "ann", "" },
	/* 4.13: H-003.1, viewer x peer x announced */
	{ "via, to the router with the tag", SHARED, GRANT(TO_A), "ann", "r1", NET },
	{ "via, elected or not", SHARED, GRANT(V("ann@", NET, "tag:b")), "ann", "r2", NET },
	{ "via, away from the others", SHARED, GRANT(V("ann@", NET, "tag:b")), "ann", "r1", "" },
	{ "via, not for others", SHARED, GRANT(TO_A), "bob", "r1", "" },
	{ "via, others elsewhere (H-003.3)", SHARED, GRANT(TO_A V("bob@", NET, "tag:b")), "bob",
	  "r2", NET },
	{ "via, and not there (H-003.3)", SHARED, GRANT(TO_A V("bob@", NET, "tag:b")), "bob", "r1",
	  "" },
	{ "via, not announced", SHARED, GRANT(V("ann@", NET, "tag:x")), "ann", "r3", "" },
	{ "via, announced by others", SHARED, GRANT(V("ann@", "10.55.0.0/16", "tag:a")), "ann",
	  "r1", "" },
	{ "via, wider than the route (S-3)", SHARED, GRANT(V("ann@", "10.0.0.0/8", "tag:a")), "ann",
	  "r1", NET },
	{ "via, narrower than the route (S-3)", SHARED, GRANT(V("ann@", "10.44.7.7", "tag:a")),
	  "ann", "r1", NET },
	{ "via, wider away from others (S-3)", SHARED,
	  GRANT(V("ann@", "10.0.0.0/8", "tag:b") G("ann@", "10.99.0.0/16")), "ann", "r1", "" },
	{ "via, with a capability alone", SHARED,
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"" NET "\"],\"via\":[\"tag:b\"],"
		"\"app\":{\"example.com/x\":[]}}"),
	  "ann", "r2", NET },
	{ "via, one of two tags", SHARED,
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"" NET "\"],\"via\":[\"tag:s\",\"tag:b\"],"
		"\"ip\":[\"*\"]}"),
	  "ann", "r2", NET },
	{ "via, and the router itself a viewer", SHARED, GRANT(V("*", NET, "tag:b")), "r1", "r2",
	  NET },
	{ "via, away, but of one subnet (step 3)", SHARED, GRANT(V("*", NET, "tag:b")), "r2", "r1",
	  NET },
	/* pass 2: the group's election */
	{ "group, the lowest id", GROUP("", ""), GRANT(TO_A), "ann", "r1", NET },
	{ "group, nobody else", GROUP("", ""), GRANT(TO_A), "ann", "r2", "" },
	{ "group, and not the elected one", GROUP("", ""), GRANT(TO_A), "ann", "r0", "" },
	{ "group, online first (HA-9)", GROUP("offline", ""), GRANT(TO_A), "ann", "r2", NET },
	{ "group, offline not (HA-9)", GROUP("offline", ""), GRANT(TO_A), "ann", "r1", "" },
	{ "group, healthy first (HA-9)", GROUP("sick", ""), GRANT(TO_A), "ann", "r2", NET },
	{ "group, sick before offline (HA-9)", GROUP("offline", "sick"), GRANT(TO_A), "ann", "r2",
	  NET },
	{ "group, all offline", GROUP("offline", "offline sick"), GRANT(TO_A), "ann", "r1", NET },
	{ "group, all sick", GROUP("sick", "sick"), GRANT(TO_A), "ann", "r1", NET },
	{ "group, of capabilities alone", GROUP("offline", ""),
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"" NET "\"],\"via\":[\"tag:a\"],"
		"\"app\":{\"example.com/x\":[]}}"),
	  "ann", "r1", "" },
	{ "two groups, each its own", SHARED, GRANT(TO_A V("ann@", NET, "tag:b")), "ann", "r1",
	  NET },
	{ "two groups, and the other", SHARED, GRANT(TO_A V("ann@", NET, "tag:b")), "ann", "r2",
	  NET },
	{ "in two groups, beaten in one", GROUP("", ""), GRANT(TO_A V("ann@", NET, "tag:s")), "ann",
	  "r2", "" },
	/* pass 3: a rule without via covers it too (S-4) */
	{ "also a rule, so the elected one", SHARED, GRANT(V("ann@", NET, "tag:b") G("ann@", NET)),
	  "ann", "r1", NET },
	{ "also a rule, so nobody else", SHARED, GRANT(V("ann@", NET, "tag:b") G("ann@", NET)),
	  "ann", "r2", "" },
	{ "also a rule that overlaps", SHARED,
	  GRANT(G("ann@", "10.44.7.0/24") V("ann@", NET, "tag:b")), "ann", "r1", NET },
	{ "also a rule, of others", SHARED, GRANT(V("ann@", NET, "tag:b") G("bob@", NET)), "ann",
	  "r2", NET },
	{ "also an ACL", SHARED,
	  HEAD "\"acls\":[{\"action\":\"accept\",\"src\":[\"ann@\"],\"dst\":[\"" NET ":22\"]}],"
	       "\"grants\":[" V("ann@", NET, "tag:b") "]}",
	  "ann", "r2", "" },
	{ "also a rule to the prefix from the other side", SHARED,
	  GRANT(V("ann@", NET, "tag:b") G(NET, "ann@")), "ann", "r2", NET },
	{ "also a rule, behind the sources only", SHARED "node s user=ann routes=10.9.0.0/16\n",
	  GRANT(V("ann@", NET, "tag:b") G("10.9.0.0/16", NET)), "s", "r2", NET },
	{ "also a rule for everybody, but not from outside the wildcard",
	  SHARED "node s user=ann ip=10.9.0.5\nnode r9 tags=tag:s routes=10.9.0.0/16\n",
	  GRANT(V("ann@", NET, "tag:b") G("*", NET)), "s", "r2", NET },
	/* exits: H-004 */
	{ "exit via, with the tag", EXITS, GRANT(V("ann@", "autogroup:internet", "tag:a")), "ann",
	  "e1", BOTH },
	{ "exit via, without", EXITS,
	  GRANT(V("ann@", "autogroup:internet", "tag:a") G("ann@", "tag:b")), "ann", "e2", "" },
	{ "exit via, not for others", EXITS, GRANT(V("ann@", "autogroup:internet", "tag:a")), "bob",
	  "e1", "" },
	{ "exit via, no election",
	  USERS "node e1 tags=tag:a routes=0.0.0.0/0\n"
		"node e2 tags=tag:a routes=0.0.0.0/0\n",
	  GRANT(V("ann@", "autogroup:internet", "tag:a")), "ann", "e2", "0.0.0.0/0" },
	{ "exit via, a rule to the internet does not count", EXITS,
	  GRANT(V("ann@", "autogroup:internet", "tag:a") G("ann@", "autogroup:internet")), "ann",
	  "e2", "" },
	{ "exit via, nor does one to an address there", EXITS,
	  GRANT(V("ann@", "autogroup:internet", "tag:a") G("ann@", "8.8.8.8")), "ann", "e2", "" },
	{ "exit via leaves subnets alone", EXIT,
	  GRANT(V("ann@", "autogroup:internet", "tag:a") G("ann@", "10.33.0.0/16")), "ann", "r",
	  "10.33.0.0/16" },
	{ "subnet via leaves exits alone", EXIT,
	  GRANT(V("ann@", "10.33.0.0/16", "tag:a") G("ann@", "autogroup:internet")), "ann", "r",
	  BOTH },
};

static void assert_routes(const struct fl_prefix *at, size_t n, const char *want)
{
	struct fl_buf got = fl_buf_make(1 << 16);

	for (size_t i = 0; i < n; i++) {
		char text[FL_PREFIX_TEXT_MAX];
		fl_prefix_format(&at[i], text);
		fl_buf_printf(&got, "%s%s", i > 0 ? " " : "", text);
	}
	assert_text(fl_buf_slice(&got), want);
	fl_buf_done(&got);
}

static void routes_row(void **state)
{
	const struct row *row = *state;
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	struct kit k;

	kit_init(&k, row->world, row->policy);
	size_t n = fl_policy_routes(k.p, kit_id(&k.world, row->viewer), kit_id(&k.world, row->peer),
				    routes);
	assert_routes(routes, n, row->routes);
	kit_done(&k);
}

/* ---- limits ---- */

static void test_unknown(void **state)
{
	struct fl_prefix routes[FL_POLICY_ROUTES_MAX];
	struct kit k;

	(void)state;
	kit_init(&k, ONE, NULL);
	uint64_t r = kit_id(&k.world, "r");
	assert_int_equal(fl_policy_routes(k.p, 99, r, routes), 0);
	assert_int_equal(fl_policy_routes(k.p, r, 99, routes), 0);
	kit_done(&k);
}

/* More than a peer may have: those beyond are dropped, never written. */
static void many_routes(const char *policy, size_t n, size_t want)
{
	struct fl_prefix *served = calloc(n, sizeof *served);
	struct fl_prefix *out = calloc(FL_POLICY_ROUTES_MAX, sizeof *out);
	struct fl_policy_doc *doc = kit_doc(policy);
	struct fl_policy_node nodes[2] = {
		{ .id = 1, .name = "ann", .user = 1, .ip4 = fl_ip_v4(100, 64, 0, 1) },
		{ .id = 2, .name = "r", .user = 1, .ip4 = fl_ip_v4(100, 64, 0, 2) },
	};
	static const char *const tag[] = { "tag:a" };
	const struct fl_policy_user user = {
		.id = 1, .name = "ann", .email = "", .provider_id = ""
	};
	struct fl_policy *p = NULL;

	assert_non_null(served);
	for (size_t i = 0; i < n; i++)
		served[i] =
			(struct fl_prefix){ fl_ip_v4(10, (uint8_t)(i >> 8), (uint8_t)i, 0), 24 };
	nodes[1].served = nodes[1].primary = served;
	nodes[1].served_len = nodes[1].primary_len = n;
	nodes[1].tags = tag;
	nodes[1].tags_len = 1;
	const struct fl_policy_world world = { &user, 1, nodes, 2 };
	assert_err(fl_policy_new(doc, &world, &p), FL_OK);
	assert_int_equal(fl_policy_routes(p, 1, 2, out), want);
	assert_int_equal(fl_policy_routes(p, 2, 2, out), want);
	fl_policy_unref(p);
	fl_policy_doc_free(doc);
	free(served);
	free(out);
}

static void test_many(void **state)
{
	static const char *const policies[] = { GRANT(G("ann@", "10.0.0.0/8")),
						GRANT(V("ann@", "10.0.0.0/8", "tag:a")) };

	(void)state;
	for (size_t i = 0; i < COUNT(policies); i++) {
		many_routes(policies[i], FL_POLICY_ROUTES_MAX - 1, FL_POLICY_ROUTES_MAX - 1);
		many_routes(policies[i], FL_POLICY_ROUTES_MAX, FL_POLICY_ROUTES_MAX);
		many_routes(policies[i], FL_POLICY_ROUTES_MAX + 1, FL_POLICY_ROUTES_MAX);
	}
}

/* ---- the filter beside: H-004, H-007 ---- */

struct filter_row {
	const char *name, *world, *policy, *node, *filter;
};

#define ANN      "[\"100.64.0.1\",\"fd7a:115c:a1e0::1\"]"
#define RULE(d)  "[{\"SrcIPs\":" ANN ",\"DstPorts\":[" d "]}]"
#define EVERY(d) "{\"IP\":\"" d "\",\"Ports\":{\"First\":0,\"Last\":65535}}"
/* clang-format off */
#define INTERNET                                                                                   \
	EVERY("0.0.0.0-9.255.255.255") ","                                                         \
	EVERY("11.0.0.0-100.63.255.255") ","                                                       \
	EVERY("100.128.0.0-169.253.255.255") ","                                                   \
	EVERY("169.255.0.0-172.15.255.255") ","                                                    \
	EVERY("172.32.0.0-192.167.255.255") ","                                                    \
	EVERY("192.169.0.0-255.255.255.255") ","                                                   \
	EVERY("2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")
/* clang-format on */

static struct filter_row filters[] = {
	{ "H-004 no literal /0 in the filter", EXITS,
	  GRANT(V("ann@", "autogroup:internet", "tag:a")), "e1", RULE(INTERNET) },
	{ "H-004 nothing without the tag", EXITS, GRANT(V("ann@", "autogroup:internet", "tag:a")),
	  "e2", "[]" },
	{ "H-007.1 the tag and the route", SHARED, GRANT(TO_A), "r1", RULE(EVERY(NET)) },
	{ "H-007.1 not without the tag", SHARED, GRANT(TO_A), "r2", "[]" },
	{ "H-007.1 not without the route", SHARED, GRANT(V("ann@", NET, "tag:x")), "r3", "[]" },
	{ "H-007.2 the literal destination", SHARED, GRANT(V("ann@", "10.0.0.0/8", "tag:a")), "r1",
	  RULE(EVERY("10.0.0.0/8")) },
	{ "H-007.2 others are dropped", SHARED,
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"" NET "\",\"10.99.0.0/16\"],\"ip\":[\"*\"],"
		"\"via\":[\"tag:a\"]}"),
	  "r1", RULE(EVERY(NET)) },
	{ "H-007.3 a capability alone makes none", SHARED,
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"" NET "\"],\"via\":[\"tag:a\"],"
		"\"app\":{\"example.com/x\":[]}}"),
	  "r1", "[]" },
	{ "H-007.4 not for everybody", SHARED, GRANT(V("ann@", "*", "tag:a") G("ann@", "bob@")),
	  "bob", RULE(EVERY("100.64.0.2") "," EVERY("fd7a:115c:a1e0::2")) },
};

static void filter_row(void **state)
{
	const struct filter_row *row = *state;
	struct kit k;

	kit_init(&k, row->world, row->policy);
	kit_expect_filter(&k, row->node, row->filter);
	kit_done(&k);
}

/* ---- H-022: exit routes alone, approved while the caches are warm ---- */

static void test_exits_approved(void **state)
{
	struct fl_prefix exits[2], routes[FL_POLICY_ROUTES_MAX];
	struct kit k;
	struct fl_policy *p = NULL;

	(void)state;
	kit_init(&k, USERS "node e tags=tag:a\n", GRANT(V("ann@", "autogroup:internet", "tag:a")));
	kit_expect_peers(&k, "ann", "");
	kit_expect_filter(&k, "e", "[]");
	assert_int_equal(fl_policy_routes(k.p, 1, 3, routes), 0);
	assert_err(fl_prefix_parse(fl_slice_str("0.0.0.0/0"), &exits[0]), FL_OK);
	assert_err(fl_prefix_parse(fl_slice_str("::/0"), &exits[1]), FL_OK);
	struct fl_policy_node e = k.world.nodes[2];
	e.served = exits;
	e.served_len = 2;
	assert_err(fl_policy_step(k.p, &e, 1, NULL, 0, &p), FL_OK);
	fl_policy_unref(k.p);
	k.p = p;
	kit_expect_peers(&k, "ann", "e");
	kit_expect_filter(&k, "e", RULE(INTERNET));
	assert_routes(routes, fl_policy_routes(k.p, 1, 3, routes), BOTH);
	kit_done(&k);
}

/* ---- a model: sections 4.12 and 4.13 word by word ---- */

struct model {
	const struct fl_policy *p;
	uint32_t v, q; /* slots of viewer and peer */
	const struct fl_policy_facts *viewer, *peer;
	struct fl_prefix include[64], exclude[64], use_primary[64], r[256];
	size_t include_len, exclude_len, use_primary_len, r_len;
};

static bool in_list(const struct fl_prefix *at, size_t n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < n; i++) {
		if (fl_prefix_eq(&at[i], p))
			return true;
	}
	return false;
}

static void put(struct fl_prefix *at, size_t *n, size_t cap, const struct fl_prefix *p)
{
	if (in_list(at, *n, p))
		return;
	assert_true(*n < cap);
	at[(*n)++] = *p;
}

static void take(struct fl_prefix *at, size_t *n, const struct fl_prefix *p)
{
	for (size_t i = 0; i < *n; i++) {
		if (fl_prefix_eq(&at[i], p)) {
			at[i] = at[--*n];
			return;
		}
	}
}

#define PUT(m, list, p)  put((m)->list, &(m)->list##_len, COUNT((m)->list), p)
#define TAKE(m, list, p) take((m)->list, &(m)->list##_len, p)
#define IN(m, list, p)   in_list((m)->list, (m)->list##_len, p)

static bool overlaps(const struct fl_prefix *a, const struct fl_prefix *b)
{
	return fl_prefix_covers(a, b) || fl_prefix_covers(b, a);
}

/* The next prefix of a rule's destinations without autogroup:internet; start with zeros. */
struct walk {
	size_t alias, range;
	struct fl_range rest;
	bool open;
};

static bool next_prefix(const struct fl_policy *p, const struct fl_rule *r, struct walk *w,
			struct fl_prefix *out)
{
	for (; w->alias < r->dst.len; w->alias++, w->range = 0) {
		const struct fl_alias *a = &r->dst.at[w->alias];
		const struct fl_ipset *ips = &fl_policy_alias(p, a)->ips;
		if (a->autogroup == FL_AUTOGROUP_INTERNET)
			continue;
		for (; w->range < ips->len; w->range++, w->open = false) {
			if (!w->open)
				w->rest = ips->at[w->range];
			w->open = true;
			if (fl_range_next_prefix(&w->rest, out))
				return true;
		}
	}
	return false;
}

static bool to_internet(const struct fl_rule *r)
{
	for (size_t i = 0; i < r->dst.len; i++) {
		if (r->dst.at[i].autogroup == FL_AUTOGROUP_INTERNET)
			return true;
	}
	return false;
}

static bool applies(const struct model *m, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->src.len; i++) {
		const struct fl_ipset *ips = &fl_policy_alias(m->p, &r->src.at[i])->ips;
		if (fl_ipset_has(ips, &m->viewer->ip4) || fl_ipset_has(ips, &m->viewer->ip6))
			return true;
	}
	return false;
}

static bool carries(const struct fl_policy_facts *f, const struct fl_rule *r)
{
	for (size_t i = 0; i < r->via.len; i++) {
		for (size_t k = 0; k < f->tags_len; k++) {
			if (strcmp(f->tags[k], r->via.at[i].text) == 0)
				return true;
		}
	}
	return false;
}

static void pass_1(struct model *m, const struct fl_rule *r)
{
	struct walk w = { 0 };
	struct fl_prefix d;
	bool mine = carries(m->peer, r);

	while (next_prefix(m->p, r, &w, &d)) {
		for (size_t i = 0; i < m->peer->subnets_len; i++) {
			const struct fl_prefix *s = &m->peer->subnets[i];
			if (overlaps(&d, s) && mine)
				PUT(m, include, s);
			else if (overlaps(&d, s))
				PUT(m, exclude, s);
		}
	}
	for (size_t i = 0; i < m->peer->exits_len && to_internet(r); i++) {
		if (mine)
			PUT(m, include, &m->peer->exits[i]);
		else
			PUT(m, exclude, &m->peer->exits[i]);
	}
}

static int standing(const struct fl_policy_facts *f)
{
	return f->online ? 1 + f->healthy : 0;
}

static const struct fl_policy_facts *winner(const struct model *m, const struct fl_rule *r,
					    const struct fl_prefix *p)
{
	const struct fl_policy_facts *best = NULL;

	for (size_t i = 0; i < m->p->nodes_len; i++) { /* ascending ids */
		const struct fl_policy_facts *f = m->p->nodes[m->p->by_id[i].slot];
		if (carries(f, r) && in_list(f->subnets, f->subnets_len, p) &&
		    (best == NULL || standing(f) > standing(best)))
			best = f;
	}
	return best;
}

static void pass_2(struct model *m, const struct fl_rule *r)
{
	struct fl_prefix copy[COUNT(m->include)], d;
	size_t n = m->include_len;
	struct walk w = { 0 };

	if (!carries(m->peer, r))
		return;
	memcpy(copy, m->include, sizeof copy);
	while (next_prefix(m->p, r, &w, &d)) {
		for (size_t i = 0; i < n; i++) {
			const struct fl_policy_facts *won =
				overlaps(&d, &copy[i]) ? winner(m, r, &copy[i]) : NULL;
			if (won == NULL || won == m->peer || !IN(m, include, &copy[i]))
				continue;
			TAKE(m, include, &copy[i]);
			PUT(m, exclude, &copy[i]);
		}
	}
}

static void pass_3(struct model *m, const struct fl_rule *r)
{
	struct walk w = { 0 };
	struct fl_prefix d;

	while (next_prefix(m->p, r, &w, &d)) {
		for (size_t i = 0; i < m->include_len; i++) {
			if (overlaps(&d, &m->include[i]) && !fl_prefix_is_exit(&m->include[i]))
				PUT(m, use_primary, &m->include[i]);
		}
		for (size_t i = m->exclude_len; i > 0; i--) {
			struct fl_prefix e = m->exclude[i - 1];
			if (overlaps(&d, &e) && !fl_prefix_is_exit(&e))
				TAKE(m, exclude, &e);
		}
	}
}

static void each_rule(struct model *m, bool via,
		      void (*pass)(struct model *, const struct fl_rule *))
{
	for (size_t i = 0; i < m->p->doc->rules_len; i++) {
		const struct fl_rule *r = &m->p->doc->rules[i];
		if ((r->via.len > 0) == via && applies(m, r))
			pass(m, r);
	}
}

static void steer(struct model *m)
{
	each_rule(m, true, pass_1);
	if (m->include_len + m->exclude_len == 0)
		return;
	each_rule(m, true, pass_2);
	each_rule(m, false, pass_3);
}

static bool in_src(const struct fl_policy_edge *e, const struct fl_policy_facts *f)
{
	return fl_facts_inside(f, &e->src->ips) || fl_facts_behind(f, &e->src->ips);
}

static bool in_dst(const struct fl_policy_edge *e, const struct fl_policy_facts *f)
{
	return fl_facts_inside(f, &e->dst->ips) || fl_facts_behind(f, &e->dst->ips) ||
	       (f->exits_len > 0 && e->dst->internet); /* D6 */
}

static bool route_ok(const struct model *m, const struct fl_prefix *route)
{
	const struct fl_range r = fl_range_of(route);
	const struct fl_policy_edge *e;

	for (size_t at = 0; (e = fl_policy_edge_next(m->p, m->v, &at)) != NULL;) {
		if (e->scope == FL_EDGE_VIA && e->kind == FL_EDGE_APP)
			continue; /* D5: no rule */
		if ((in_src(e, m->viewer) && fl_ipset_overlaps(&e->dst->ips, &r)) ||
		    (fl_ipset_overlaps(&e->src->ips, &r) && in_dst(e, m->viewer)))
			return true;
	}
	return false;
}

static void choose(struct model *m)
{
	const struct fl_policy_facts *f = m->peer;

	for (size_t i = 0; i < f->exits_len + f->primary_len; i++) {
		const struct fl_prefix *p =
			i < f->exits_len ? &f->exits[i] : &f->primary[i - f->exits_len];
		if (!IN(m, exclude, p) && route_ok(m, p))
			PUT(m, r, p);
	}
	for (size_t i = 0; i < m->include_len; i++) {
		const struct fl_prefix *p = &m->include[i];
		if (in_list(f->primary, f->primary_len, p) || !IN(m, use_primary, p))
			PUT(m, r, p);
	}
	for (size_t i = 0; i < f->primary_len; i++) {
		if (in_list(m->viewer->subnets, m->viewer->subnets_len, &f->primary[i]))
			PUT(m, r, &f->primary[i]);
	}
}

static int compare(const void *a, const void *b)
{
	return fl_prefix_cmp(a, b);
}

static void check_pair(const struct fl_policy *p, uint32_t v, uint32_t q, size_t *steered)
{
	struct fl_prefix got[FL_POLICY_ROUTES_MAX];
	struct model m = { .p = p, .v = v, .q = q, .viewer = p->nodes[v], .peer = p->nodes[q] };

	steer(&m);
	choose(&m);
	qsort(m.r, m.r_len, sizeof *m.r, compare);
	size_t n = fl_policy_routes(p, m.viewer->id, m.peer->id, got);
	assert_int_equal(n, m.r_len);
	for (size_t i = 0; i < n; i++)
		assert_true(fl_prefix_eq(&got[i], &m.r[i]));
	*steered += m.include_len + m.exclude_len > 0;
}

/* H-003.2 without via: then nothing is steered, and the same comes out. */
static void test_model(void **state)
{
	const unsigned how = *(const unsigned *)*state;
	size_t steered = 0;
	struct fl_rng rng;

	fl_rng_init(&rng, 4711 + how);
	for (size_t round = 0; round < 150; round++) {
		char *world = rand_world(&rng), *policy = rand_policy(&rng, how);
		struct kit k;
		kit_init(&k, world, policy);
		for (uint32_t v = 0; v < RAND_NODES; v++) {
			for (uint32_t q = 0; q < RAND_NODES; q++) {
				if (v != q)
					check_pair(k.p, v, q, &steered);
			}
		}
		kit_done(&k);
		free(world);
		free(policy);
	}
	assert_int_equal(steered > 0, (how & RAND_VIA) != 0);
}

int main(void)
{
	static const unsigned plain = RAND_SELF, via = RAND_VIA | RAND_SELF;
	static struct suite s;

	ROWS(&s, rows, routes_row);
	suite_add(&s, "unknown nodes", test_unknown, NULL);
	suite_add(&s, "too many routes", test_many, NULL);
	ROWS(&s, filters, filter_row);
	suite_add(&s, "H-022 exit routes approved", test_exits_approved, NULL);
	suite_add(&s, "H-003.2 as the text says, without via", test_model,
		  (void *)(uintptr_t)&plain);
	suite_add(&s, "as the text says, with via", test_model, (void *)(uintptr_t)&via);
	return suite_run(&s, "policy routes");
}
