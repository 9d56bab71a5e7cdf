/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_approve.c - which routes and tags need no administrator (docs/policy.md
 * 5.1, 5.3), and where first addresses come from (13).
 */
#include "policy_kit.h"

#define WORLD                                                                                      \
	"user ann ann@example.com role=owner\n"                                                    \
	"user bob bob@example.org role=admin\n"                                                    \
	"user cem cem@example.com\n"                                                               \
	"node ann user=ann\n"                                                                      \
	"node bob user=bob\n"                                                                      \
	"node r tags=tag:r\n"                                                                      \
	"node x tags=tag:x,tag:s\n"
#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"bob@example.org\"]},\"tagOwners\":{"                          \
	"\"tag:r\":[],\"tag:x\":[\"tag:r\"],\"tag:s\":[\"tag:s\",\"tag:t\"],"                      \
	"\"tag:t\":[\"tag:s\",\"ann@\"],\"tag:g\":[\"group:g\"],\"tag:deep\":[\"tag:g\",\"tag:"    \
	"x\"]},"
#define ROUTES(r)  HEAD "\"autoApprovers\":{\"routes\":{" r "}}}"
#define EXITS(e)   HEAD "\"autoApprovers\":{\"exitNode\":[" e "]}}"
#define POOLS(a)   HEAD "\"nodeAttrs\":[" a "]}"
#define POOL(t, p) "{\"target\":[" t "],\"ipPool\":[" p "]},"

/* A node as it is handed in: one of the world, or a new one that is "user NAME" or "tag:x". */
static struct fl_policy_node node_of(const struct kit *k, const char *who, const char **tag)
{
	struct fl_policy_node n = { .name = "new" };

	if (strncmp(who, "user ", 5) == 0) {
		for (size_t i = 0; i < k->world.world.users_len; i++) {
			if (strcmp(k->world.users[i].name, who + 5) == 0)
				n.user = k->world.users[i].id;
		}
		assert_true(n.user != 0);
		return n;
	}
	if (strncmp(who, "tag:", 4) == 0) {
		*tag = who;
		n.tags = tag;
		n.tags_len = 1;
		n.user = 1; /* who made it does not count */
		return n;
	}
	return k->world.nodes[kit_id(&k->world, who) - 1];
}

/* ---- routes: 5.1 ---- */

struct route_row {
	const char *name, *policy, *node, *route;
	bool approved;
};

#define KEY(k, who) "\"" k "\":[\"" who "\"]"
#define TWO         KEY("10.0.0.0/8", "tag:x") "," KEY("10.33.0.0/16", "tag:r")

static struct route_row routes[] = {
	{ "no policy", NULL, "r", "10.0.0.0/8", false },
	{ "nothing about it", HEAD "}", "r", "10.0.0.0/8", false },
	{ "the key itself", ROUTES(KEY("10.0.0.0/8", "tag:r")), "r", "10.0.0.0/8", true },
	{ "inside the key", ROUTES(KEY("10.0.0.0/8", "tag:r")), "r", "10.33.0.0/16", true },
	{ "around the key", ROUTES(KEY("10.33.0.0/16", "tag:r")), "r", "10.0.0.0/8", false },
	{ "beside the key", ROUTES(KEY("10.33.0.0/16", "tag:r")), "r", "10.34.0.0/16", false },
	{ "a key with host bits", ROUTES(KEY("10.33.5.1/16", "tag:r")), "r", "10.33.0.0/24", true },
	{ "another node", ROUTES(KEY("10.0.0.0/8", "tag:r")), "x", "10.33.0.0/16", false },
	{ "a second tag", ROUTES(KEY("10.0.0.0/8", "tag:s")), "x", "10.33.0.0/16", true },
	{ "all keys, the wide one", ROUTES(TWO), "x", "10.33.5.0/24", true },
	{ "all keys, the narrow one", ROUTES(TWO), "r", "10.33.5.0/24", true },
	{ "all keys, none for it", ROUTES(TWO), "r", "10.44.0.0/16", false },
	{ "a user", ROUTES(KEY("10.0.0.0/8", "ann@example.com")), "ann", "10.1.0.0/16", true },
	{ "another user", ROUTES(KEY("10.0.0.0/8", "ann@example.com")), "bob", "10.1.0.0/16",
	  false },
	{ "a group", ROUTES(KEY("10.0.0.0/8", "group:g")), "bob", "10.1.0.0/16", true },
	{ "not in the group", ROUTES(KEY("10.0.0.0/8", "group:g")), "ann", "10.1.0.0/16", false },
	{ "an unknown user", ROUTES(KEY("10.0.0.0/8", "nobody@")), "ann", "10.1.0.0/16", false },
	{ "one of several", ROUTES("\"10.0.0.0/8\":[\"nobody@\",\"tag:x\",\"ann@\"]"), "ann",
	  "10.1.0.0/16", true },
	{ "nobody", ROUTES("\"10.0.0.0/8\":[]"), "ann", "10.1.0.0/16", false },
	{ "IPv6", ROUTES(KEY("fd00::/16", "tag:r")), "r", "fd00:1::/64", true },
	{ "the other family", ROUTES(KEY("0.0.0.0/0", "tag:r")), "r", "fd00:1::/64", false },
	{ "a key of length 0 and a subnet", ROUTES(KEY("0.0.0.0/0", "tag:r")), "r", "10.1.0.0/16",
	  true },
	{ "a key of length 0 and an exit route (ea6)", ROUTES(KEY("0.0.0.0/0", "tag:r")), "r",
	  "0.0.0.0/0", false },
	{ "the same of IPv6 (ea7)", ROUTES(KEY("::/0", "tag:r")), "r", "::/0", false },
	{ "an exit node", EXITS("\"tag:r\""), "r", "0.0.0.0/0", true },
	{ "an exit node, IPv6", EXITS("\"tag:r\""), "r", "::/0", true },
	{ "an exit node by user", EXITS("\"tag:r\",\"ann@\""), "ann", "0.0.0.0/0", true },
	{ "no exit node", EXITS("\"tag:r\""), "x", "0.0.0.0/0", false },
	{ "an exit node and a subnet", EXITS("\"tag:r\""), "r", "10.0.0.0/8", false },
	/* before the snapshot knows it (5.2) */
	{ "a new node of a user", ROUTES(KEY("10.0.0.0/8", "ann@")), "user ann", "10.1.0.0/16",
	  true },
	{ "a new node with a tag", ROUTES(KEY("10.0.0.0/8", "tag:r")), "tag:r", "10.1.0.0/16",
	  true },
	{ "a tagged node is nobody's", ROUTES(KEY("10.0.0.0/8", "ann@")), "tag:r", "10.1.0.0/16",
	  false },
	{ "a new exit node", EXITS("\"tag:r\""), "tag:r", "::/0", true },
};

static void route_row(void **state)
{
	const struct route_row *row = *state;
	struct fl_prefix route;
	const char *tag;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_policy_node n = node_of(&k, row->node, &tag);
	assert_err(fl_prefix_parse(fl_slice_str(row->route), &route), FL_OK);
	assert_int_equal(fl_policy_approves(k.p, &n, &route), row->approved);
	kit_done(&k);
}

/* What the snapshot has of a node is not what counts, but the node as it is now. */
static void test_changed(void **state)
{
	static const char *const tags[] = { "tag:r" };
	struct fl_prefix route;
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, ROUTES(KEY("10.0.0.0/8", "ann@") "," KEY("10.1.0.0/16", "tag:r")));
	struct fl_policy_node n = k.world.nodes[0];
	assert_err(fl_prefix_parse(fl_slice_str("10.2.0.0/16"), &route), FL_OK);
	assert_true(fl_policy_approves(k.p, &n, &route));
	n.tags = tags;
	n.tags_len = 1;
	assert_false(fl_policy_approves(k.p, &n, &route));
	route.ip.b[1] = 1;
	assert_true(fl_policy_approves(k.p, &n, &route));
	kit_done(&k);
}

/* ---- tags: 5.3 ---- */

struct tag_row {
	const char *name, *node, *tag;
	bool may;
};

static struct tag_row tags[] = {
	{ "a direct owner", "ann", "tag:t", true },
	{ "not an owner", "bob", "tag:t", false },
	{ "by group", "bob", "tag:g", true },
	{ "not in the group", "ann", "tag:g", false },
	{ "by way of another tag, in a circle", "ann", "tag:s", true },
	{ "by way of another tag and a group", "bob", "tag:deep", true },
	{ "owned by nobody", "ann", "tag:r", false },
	{ "owned by a tag that nobody owns", "ann", "tag:x", false },
	{ "not declared", "ann", "tag:none", false },
	{ "a tagged node has no user", "r", "tag:t", false },
	{ "nor is a tag an owner here", "r", "tag:x", false },
	/* without an address only direct owners count */
	{ "new, a direct owner", "user ann", "tag:t", true },
	{ "new, by group", "user bob", "tag:g", true },
	{ "new, not in the group", "user cem", "tag:g", false },
	{ "new, by way of another tag", "user ann", "tag:s", false },
	{ "new, by way of a group", "user bob", "tag:deep", false },
	{ "new, tagged", "tag:t", "tag:t", false },
	{ "new, tagged with an owner", "tag:r", "tag:x", false },
};

static void tag_row(void **state)
{
	const struct tag_row *row = *state;
	const char *tag;
	struct kit k;

	kit_init(&k, WORLD, HEAD "}");
	const struct fl_policy_node n = node_of(&k, row->node, &tag);
	assert_int_equal(fl_policy_may_have_tag(k.p, &n, row->tag), row->may);
	kit_done(&k);
}

struct owned_row {
	const char *name, *tag;
	const char *held[3];
	bool owned;
};

static struct owned_row owned[] = {
	{ "held itself", "tag:x", { "tag:s", "tag:x" }, true },
	{ "nothing held", "tag:x", { NULL }, false },
	{ "an owner held", "tag:x", { "tag:r" }, true },
	{ "the owned held", "tag:r", { "tag:x" }, false },
	{ "an owner's owner", "tag:deep", { "tag:r" }, true },
	{ "another owner", "tag:deep", { "tag:t", "tag:g" }, true },
	{ "a stranger", "tag:deep", { "tag:t", "tag:s" }, false },
	{ "a circle, found", "tag:s", { "tag:t" }, true },
	{ "a circle, not found", "tag:s", { "tag:x" }, false },
	{ "not declared", "tag:none", { "tag:x" }, false },
	{ "not declared, yet held", "tag:none", { "tag:none" }, true },
};

static void owned_row(void **state)
{
	const struct owned_row *row = *state;
	size_t n = 0;
	struct kit k;

	while (n < COUNT(row->held) && row->held[n] != NULL)
		n++;
	kit_init(&k, WORLD, HEAD "}");
	assert_int_equal(fl_policy_tag_owned(k.p, row->tag, row->held, n), row->owned);
	kit_done(&k);
}

static void test_no_policy(void **state)
{
	static const char *const held[] = { "tag:x" };
	const struct fl_prefix *pool;
	size_t len;
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, NULL);
	assert_false(fl_policy_tag_exists(k.p, "tag:x"));
	assert_false(fl_policy_may_have_tag(k.p, &k.world.nodes[0], "tag:x"));
	assert_true(fl_policy_tag_owned(k.p, "tag:x", held, 1));
	assert_false(fl_policy_tag_owned(k.p, "tag:r", held, 1));
	assert_false(fl_policy_pool(k.p, &k.world.nodes[0], &pool, &len));
	kit_done(&k);
}

static void test_exists(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, HEAD "}");
	assert_true(fl_policy_tag_exists(k.p, "tag:r"));
	assert_false(fl_policy_tag_exists(k.p, "tag:none"));
	assert_false(fl_policy_tag_exists(k.p, "r"));
	kit_done(&k);
}

/* ---- pools: 13 ---- */

struct pool_row {
	const char *name, *policy, *node, *pool; /* the first prefix, "" for none */
	size_t len;
};

#define P1 "\"100.81.0.0/16\""
#define P2 "\"100.82.0.0/16\",\"100.83.0.0/16\""

static struct pool_row pools[] = {
	{ "nothing about it", HEAD "}", "user ann", "", 0 },
	{ "of a user", POOLS(POOL("\"ann@\"", P1)), "user ann", "100.81.0.0/16", 1 },
	{ "of another user", POOLS(POOL("\"ann@\"", P1)), "user bob", "", 0 },
	{ "of a group", POOLS(POOL("\"group:g\"", P2)), "user bob", "100.82.0.0/16", 2 },
	{ "of a tag", POOLS(POOL("\"tag:r\"", P1)), "tag:r", "100.81.0.0/16", 1 },
	{ "a tagged node is nobody's", POOLS(POOL("\"ann@\"", P1)), "tag:r", "", 0 },
	{ "the first that fits",
	  POOLS(POOL("\"tag:r\"", P1) POOL("\"ann@\"", P2) POOL("\"ann@\"", P1)), "user ann",
	  "100.82.0.0/16", 2 },
	{ "one of several targets", POOLS(POOL("\"tag:r\",\"ann@\"", P1)), "user ann",
	  "100.81.0.0/16", 1 },
	{ "an entry without a pool",
	  POOLS("{\"target\":[\"ann@\"],\"attr\":[\"x\"]}," POOL("\"ann@\"", P1)), "user ann",
	  "100.81.0.0/16", 1 },
	{ "everybody", POOLS(POOL("\"*\"", P1)), "user cem", "100.81.0.0/16", 1 },
	{ "members", POOLS(POOL("\"autogroup:member\"", P1)), "user cem", "100.81.0.0/16", 1 },
	{ "members, not tagged", POOLS(POOL("\"autogroup:member\"", P1)), "tag:r", "", 0 },
	{ "tagged", POOLS(POOL("\"autogroup:tagged\"", P1)), "tag:r", "100.81.0.0/16", 1 },
	{ "admins (g1)", POOLS(POOL("\"autogroup:admin\"", P1)), "user bob", "100.81.0.0/16", 1 },
	{ "no admin", POOLS(POOL("\"autogroup:admin\"", P1)), "user cem", "", 0 },
	{ "an address is no node yet", POOLS(POOL("\"100.64.0.0/10\"", P1)), "user ann", "", 0 },
};

static void pool_row(void **state)
{
	const struct pool_row *row = *state;
	const struct fl_prefix *pool = NULL;
	struct fl_prefix want;
	size_t len = 0;
	const char *tag;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	const struct fl_policy_node n = node_of(&k, row->node, &tag);
	assert_int_equal(fl_policy_pool(k.p, &n, &pool, &len), row->len > 0);
	assert_int_equal(len, row->len);
	if (row->len > 0) {
		assert_err(fl_prefix_parse(fl_slice_str(row->pool), &want), FL_OK);
		assert_true(fl_prefix_eq(&pool[0], &want));
	}
	kit_done(&k);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, routes, route_row);
	suite_add(&s, "a node that changed", test_changed, NULL);
	ROWS(&s, tags, tag_row);
	ROWS(&s, owned, owned_row);
	suite_add(&s, "no policy at all", test_no_policy, NULL);
	suite_add(&s, "declared tags", test_exists, NULL);
	ROWS(&s, pools, pool_row);
	return suite_run(&s, "policy approve");
}
