/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_ssh.c - SSH policies of nodes and pairs that need a check, rule by rule
 * of docs/policy.md 6.
 */
#include "policy_kit.h"

#include "domain/policy/ssh.h"

#define WORLD                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.org\n"                                                               \
	"user cem Cem.X@EXAMPLE.com\n"                                                             \
	"user dan\n"                                                                               \
	"user eve @example.com\n"                                                                  \
	"user fay f@y@example.com\n"                                                               \
	"node lap user=cem\n"                                                                      \
	"node phone user=ann\n"                                                                    \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node both tags=tag:a,tag:b\n"                                                             \
	"node tab user=ann\n"                                                                      \
	"node lost\n"                                                                              \
	"node db tags=tag:c routes=100.64.0.0/24\n"                                                \
	"node old user=dan ip=100.64.0.9\n"                                                        \
	"node odd user=eve ip=fd7a:115c:a1e0::a\n"

#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"ann@\",\"nobody@\",\"bob@\"],\"group:none\":[]},"             \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:c\":[],\"tag:empty\":[]},"
#define SSH(rules) HEAD "\"ssh\":[" rules "]}"
#define RULE(src, dst, users)                                                                      \
	"{\"action\":\"accept\",\"src\":[" src "],\"dst\":[" dst "],\"users\":[" users "]}"
#define CHECK(src, dst, users)                                                                     \
	"{\"action\":\"check\",\"src\":[" src "],\"dst\":[" dst "],\"users\":[" users "]}"

#define P(n) "{\"nodeIP\":\"100.64.0." #n "\"},{\"nodeIP\":\"fd7a:115c:a1e0::" #n "\"}"
#define OLD  "{\"nodeIP\":\"100.64.0.9\"}"
#define ODD  "{\"nodeIP\":\"fd7a:115c:a1e0::a\"}"
#define ACCEPT                                                                                     \
	"\"action\":{\"accept\":true,\"allowAgentForwarding\":true,"                               \
	"\"allowLocalPortForwarding\":true,\"allowRemotePortForwarding\":true}"
#define HOLD                                                                                       \
	"\"action\":{\"holdAndDelegate\":\"https://hs/machine/ssh/action/$SRC_NODE_ID/to/"         \
	"$DST_NODE_ID?local_user=$LOCAL_USER\"}"
#define OUT(who, map)   "{\"principals\":[" who "],\"sshUsers\":{" map "}," ACCEPT "}"
#define ASK(who, map)   "{\"principals\":[" who "],\"sshUsers\":{" map "}," HOLD "}"
#define ROOT            "\"root\":\"root\""
#define NO_ROOT         "\"root\":\"\""
#define LOCAL           "\"localpart:*@example.com\""
#define MEMBERS         P(7) "," P(2) "," P(6) "," P(3) "," P(1) "," OLD "," ODD
#define MAP(user, json) SSH(RULE("\"bob@\"", "\"tag:a\"", user)), "web", OUT(P(3), json)

struct row {
	const char *name, *policy, *node, *rules; /* rules NULL: no SSH policy at all */
};

static struct row rows[] = {
	/* 6.2: is there a policy */
	{ "no policy", NULL, "web", NULL },
	{ "no section", HEAD "\"acls\":[]}", "web", NULL },
	{ "empty section", SSH(""), "web", NULL },
	{ "null section", HEAD "\"ssh\":null}", "web", NULL },
	{ "a rule that is not for the node", SSH(RULE("\"ann@\"", "\"tag:a\"", "\"root\"")), "db",
	  "" },
	{ "a source is no destination", SSH(RULE("\"ann@\"", "\"tag:a\"", "\"root\"")), "phone",
	  "" },

	/* 6.2: sources */
	{ "a user", SSH(RULE("\"bob@example.org\"", "\"tag:a\"", "\"root\"")), "web",
	  OUT(P(3), ROOT) },
	{ "a user with two nodes", SSH(RULE("\"ann@\"", "\"tag:a\"", "\"root\"")), "both",
	  OUT(P(2) "," P(6), ROOT) },
	{ "a group by user ids, unknown members left out",
	  SSH(RULE("\"group:g\"", "\"tag:a\"", "\"root\"")), "web",
	  OUT(P(2) "," P(6) "," P(3), ROOT) },
	{ "members, ownerless ones too", SSH(RULE("\"autogroup:member\"", "\"tag:a\"", "\"root\"")),
	  "web", OUT(MEMBERS, ROOT) },
	{ "tagged ones once a tag", SSH(RULE("\"tag:a\"", "\"tag:c\"", "\"root\"")), "db",
	  OUT(P(4) "," P(5) "," P(5), ROOT) },
	{ "every tagged one, itself included",
	  SSH(RULE("\"autogroup:tagged\"", "\"autogroup:tagged\"", "\"root\"")), "db",
	  OUT(P(4) "," P(5) "," P(5) "," P(8), ROOT) },
	{ "users before tagged ones", SSH(RULE("\"tag:a\",\"bob@\"", "\"tag:c\"", "\"root\"")),
	  "db", OUT(P(3) "," P(4) "," P(5) "," P(5), ROOT) },
	{ "sources named twice count once",
	  SSH(RULE("\"bob@\",\"group:g\",\"bob@\"", "\"tag:c\"", "\"root\"")), "db",
	  OUT(P(2) "," P(6) "," P(3), ROOT) },
	{ "a user's own domain", SSH(RULE("\"user:*@example.com\"", "\"tag:a\"", "\"root\"")),
	  "web", OUT(P(2) "," P(6) "," P(1) "," ODD, ROOT) },
	{ "an unknown user makes no rule", SSH(RULE("\"nobody@\"", "\"tag:a\"", "\"root\"")), "web",
	  "" },
	{ "an empty group makes no rule", SSH(RULE("\"group:none\"", "\"tag:a\"", "\"root\"")),
	  "web", "" },
	{ "a tag that nobody has makes no rule",
	  SSH(RULE("\"tag:empty\"", "\"tag:a\"", "\"root\"")), "web", "" },
	{ "one address is one principal", SSH(RULE("\"dan@\"", "\"tag:a\"", "\"root\"")), "web",
	  OUT(OLD, ROOT) },

	/* 6.2: destinations */
	{ "one of several", SSH(RULE("\"bob@\"", "\"tag:c\",\"tag:a\"", "\"root\"")), "web",
	  OUT(P(3), ROOT) },
	{ "both of several make one rule", SSH(RULE("\"bob@\"", "\"tag:b\",\"tag:a\"", "\"root\"")),
	  "both", OUT(P(3), ROOT) },
	{ "the same user", SSH(RULE("\"ann@\"", "\"ann@\"", "\"root\"")), "phone",
	  OUT(P(2) "," P(6), ROOT) },
	{ "the same user, not others", SSH(RULE("\"ann@\"", "\"ann@\"", "\"root\"")), "pc", "" },
	{ "members as destination", SSH(RULE("\"bob@\"", "\"autogroup:member\"", "\"root\"")),
	  "lost", OUT(P(3), ROOT) },
	{ "served subnets make no destination", SSH(RULE("\"bob@\"", "\"tag:a\"", "\"root\"")),
	  "db", "" },
	{ "self", SSH(RULE("\"autogroup:member\"", "\"autogroup:self\"", "\"root\"")), "tab",
	  OUT(P(2) "," P(6), ROOT) },
	{ "self of somebody who is no source",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\"", "\"root\"")), "pc", "" },
	{ "self at a tagged node",
	  SSH(RULE("\"autogroup:member\"", "\"autogroup:self\"", "\"root\"")), "web", "" },
	{ "self without a user",
	  SSH(RULE("\"autogroup:member\"", "\"autogroup:self\"", "\"root\"")), "lost", "" },
	{ "self beside a tag, at the tag",
	  SSH(RULE("\"group:g\"", "\"autogroup:self\",\"tag:a\"", "\"root\"")), "web",
	  OUT(P(2) "," P(6) "," P(3), ROOT) },
	{ "self beside a tag, at oneself",
	  SSH(RULE("\"group:g\"", "\"autogroup:self\",\"tag:a\"", "\"root\"")), "pc",
	  OUT(P(3), ROOT) },
	{ "self and members are two rules",
	  SSH(RULE("\"group:g\"", "\"autogroup:self\",\"autogroup:member\"", "\"root\"")), "pc",
	  OUT(P(3), ROOT) "," OUT(P(2) "," P(6) "," P(3), ROOT) },

	/* 6.2: order */
	{ "rules in their order",
	  SSH(RULE("\"bob@\"", "\"tag:a\"", "\"root\"") "," RULE("\"ann@\"", "\"tag:a\"", "\"x\"")),
	  "web", OUT(P(3), ROOT) "," OUT(P(2) "," P(6), NO_ROOT ",\"x\":\"x\"") },
	{ "checks first",
	  SSH(RULE("\"bob@\"", "\"tag:a\"", "\"root\"") "," CHECK(
		  "\"ann@\"", "\"tag:a\"",
		  "\"root\"") "," RULE("\"dan@\"", "\"tag:a\"",
				       "\"root\"") "," CHECK("\"bob@\"", "\"tag:a\"", "\"root\"")),
	  "web",
	  ASK(P(2) "," P(6), ROOT) "," ASK(P(3), ROOT) "," OUT(P(3), ROOT) "," OUT(OLD, ROOT) },

	/* 6.3: the map */
	{ "root", MAP("\"root\"", ROOT) },
	{ "a name", MAP("\"deploy\"", "\"deploy\":\"deploy\"," NO_ROOT) },
	{ "nonroot", MAP("\"autogroup:nonroot\"", "\"*\":\"=\"," NO_ROOT) },
	{ "nonroot and root", MAP("\"root\",\"autogroup:nonroot\"", "\"*\":\"=\"," ROOT) },
	{ "names twice", MAP("\"x\",\"root\",\"x\",\"root\"", ROOT ",\"x\":\"x\"") },
	{ "trimmed", MAP("\" x \"", NO_ROOT ",\"x\":\"x\"") },
	{ "words of other places",
	  MAP("\"tag:a\",\"group:g\",\"autogroup:member\"",
	      "\"autogroup:member\":\"autogroup:member\",\"group:g\":\"group:g\"," NO_ROOT
	      ",\"tag:a\":\"tag:a\"") },
	{ "malformed localparts are names",
	  MAP("\"localpart:x@example.com\",\"localpart:*@\",\"localpart:*\"",
	      "\"localpart:*\":\"localpart:*\",\"localpart:*@\":\"localpart:*@\","
	      "\"localpart:x@example.com\":\"localpart:x@example.com\"," NO_ROOT) },
	{ "two stars in a localpart are a name",
	  MAP("\"localpart:*@*@example.com\"",
	      "\"localpart:*@*@example.com\":\"localpart:*@*@example.com\"," NO_ROOT) },
	{ "escapes", MAP("\"a\\\"b<\\u00e9\"",
			 "\"a\\\"b\\u003c\xc3\xa9\":\"a\\\"b\\u003c\xc3\xa9\"," NO_ROOT) },

	/* 6.3, 6.2: localparts */
	{ "a localpart at a destination", SSH(RULE("\"ann@\"", "\"tag:a\"", LOCAL)), "web",
	  OUT(P(2) "," P(6), NO_ROOT) "," OUT(P(2) "," P(6), "\"ann\":\"ann\"") },
	{ "each user apart, tagged ones last; domains ignore case, locals do not",
	  SSH(RULE("\"cem@\",\"group:g\",\"tag:b\",\"eve@\"", "\"tag:c\"", "\"root\"," LOCAL)),
	  "db",
	  /* clang-format off */
	  OUT(P(2) "," P(6), ROOT) ","
	  OUT(P(2) "," P(6), "\"ann\":\"ann\"") ","
	  OUT(P(3), ROOT) ","
	  OUT(P(1), ROOT) ","
	  OUT(P(1), "\"Cem.X\":\"Cem.X\"") ","
	  OUT(ODD, ROOT) ","
	  OUT(P(5) "," P(5), ROOT) },
	/* clang-format on */
	{ "a source that is no destination reaches itself: user",
	  SSH(RULE("\"group:g\"", "\"tag:a\"", LOCAL)), "tab",
	  OUT(P(2) "," P(6), NO_ROOT) "," OUT(P(2) "," P(6), "\"ann\":\"ann\"") },
	{ "a source that is no destination reaches itself: of another domain",
	  SSH(RULE("\"group:g\"", "\"tag:a\"", LOCAL)), "pc", OUT(P(3), NO_ROOT) },
	{ "a source that is no destination reaches itself: tagged, once",
	  SSH(RULE("\"tag:b\"", "\"tag:c\"", "\"x\"," LOCAL)), "both",
	  OUT(P(5), NO_ROOT ",\"x\":\"x\"") },
	{ "a source without a user does not", SSH(RULE("\"autogroup:member\"", "\"tag:a\"", LOCAL)),
	  "lost", "" },
	{ "without a localpart nobody reaches itself",
	  SSH(RULE("\"group:g\"", "\"tag:a\"", "\"x\"")), "tab", "" },
	{ "neither source nor destination", SSH(RULE("\"ann@\"", "\"tag:a\"", LOCAL)), "db", "" },
	{ "a localpart with self alone",
	  SSH(RULE("\"autogroup:member\"", "\"autogroup:self\"", LOCAL)), "phone",
	  OUT(P(2) "," P(6), NO_ROOT) "," OUT(P(2) "," P(6), "\"ann\":\"ann\"") },
	{ "a localpart with self and a tag is two pairs at oneself",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\",\"tag:a\"", LOCAL)), "phone",
	  OUT(P(2) "," P(6), NO_ROOT) "," OUT(P(2) "," P(6), "\"ann\":\"ann\"") "," OUT(
		  P(2) "," P(6), NO_ROOT) "," OUT(P(2) "," P(6), "\"ann\":\"ann\"") },
	{ "a check with a localpart", SSH(CHECK("\"cem@\"", "\"tag:a\"", LOCAL)), "web",
	  ASK(P(1), NO_ROOT) "," ASK(P(1), "\"Cem.X\":\"Cem.X\"") },

	/* 6.4: acceptEnv */
	{ "environment as given",
	  SSH("{\"action\":\"accept\",\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"users\":[\"root\"],"
	      "\"acceptEnv\":[\"LC_*\",\"*\",\"A?\",\"LC_*\"]}"),
	  "web",
	  "{\"principals\":[" P(3) "],\"sshUsers\":{" ROOT "}," ACCEPT
				   ",\"acceptEnv\":[\"LC_*\",\"*\",\"A?\",\"LC_*\"]}" },
	{ "empty environment",
	  SSH("{\"action\":\"accept\",\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"users\":[\"root\"],"
	      "\"acceptEnv\":[]}"),
	  "web", OUT(P(3), ROOT) },
	/* 6.5: the period is the server's alone */
	{ "a period is not told",
	  SSH("{\"action\":\"check\",\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"users\":[\"root\"],"
	      "\"checkPeriod\":\"1h\"}"),
	  "web", ASK(P(3), ROOT) },
};

static char *told(const struct fl_policy *p, uint64_t node)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	if (!fl_policy_ssh(p, node, "https://hs", &b)) {
		assert_int_equal(b.len, 0);
		return NULL;
	}
	fl_buf_byte(&b, '\0');
	assert_err(fl_buf_err(&b), FL_OK);
	return (char *)b.ptr;
}

static void run_row(void **state)
{
	const struct row *r = *state;
	struct kit k;

	kit_init(&k, WORLD, r->policy);
	for (int again = 0; again < 2; again++) { /* the second time from kept texts */
		char *got = told(k.p, kit_id(&k.world, r->node));
		if (r->rules == NULL) {
			assert_null(got);
			continue;
		}
		struct fl_buf want = fl_buf_make(1 << 20);
		fl_buf_printf(&want, "{\"rules\":[%s]}", r->rules);
		assert_non_null(got);
		assert_text(fl_buf_slice(&want), got);
		fl_buf_done(&want);
		free(got);
	}
	kit_done(&k);
}

static void stranger(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, SSH(RULE("\"ann@\"", "\"tag:a\"", "\"root\"")));
	char *got = told(k.p, 77);
	assert_string_equal(got, "{\"rules\":[]}");
	free(got);
	kit_done(&k);
}

/* Appends behind what is there, and the base is written as JSON. */
static void base_url(void **state)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, SSH(CHECK("\"dan@\"", "\"tag:a\"", "\"root\"")));
	fl_buf_str(&b, "before");
	assert_true(fl_policy_ssh(k.p, kit_id(&k.world, "web"), "h\"<", &b));
	assert_text(fl_buf_slice(&b),
		    "before{\"rules\":[{\"principals\":[" OLD "],\"sshUsers\":{" ROOT "},"
		    "\"action\":{\"holdAndDelegate\":\"h\\\"\\u003c/machine/ssh/action/"
		    "$SRC_NODE_ID/to/$DST_NODE_ID?local_user=$LOCAL_USER\"}}]}");
	fl_buf_done(&b);
	kit_done(&k);
}

/* What does not fit is an error, not a policy with rules missing. */
static void no_room(void **state)
{
	struct kit k;
	size_t size = 0;

	(void)state;
	kit_init(&k, WORLD, SSH(CHECK("\"group:g\"", "\"tag:a\"", LOCAL)));
	for (;; size++) {
		struct fl_buf b = fl_buf_make(size);
		assert_true(fl_policy_ssh(k.p, kit_id(&k.world, "web"), "x", &b));
		enum fl_err err = fl_buf_err(&b);
		fl_buf_done(&b);
		if (err == FL_OK)
			break;
		assert_err(err, FL_ERR_TOO_BIG);
	}
	assert_true(size > 500);
	kit_done(&k);
}

/* ---- 6.6 ---- */

#define PERIOD(src, dst, period)                                                                   \
	"{\"action\":\"check\",\"src\":[" src "],\"dst\":[" dst                                    \
	"],\"users\":[\"x\"],\"checkPeriod\":" period "}"
#define HOUR ((int64_t)3600 * 1000 * 1000 * 1000)

struct check_row {
	const char *name, *policy, *src, *dst;
	int64_t period; /* -1: no pair */
};

static struct check_row check_rows[] = {
	{ "no policy", NULL, "phone", "web", -1 },
	{ "no section", HEAD "\"acls\":[]}", "phone", "web", -1 },
	{ "usual", SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"x\"")), "phone", "web", 12 * HOUR },
	{ "null is usual", SSH(PERIOD("\"ann@\"", "\"tag:a\"", "null")), "phone", "web",
	  12 * HOUR },
	{ "always", SSH(PERIOD("\"ann@\"", "\"tag:a\"", "\"always\"")), "phone", "web", 0 },
	{ "zero", SSH(PERIOD("\"ann@\"", "\"tag:a\"", "\"0s\"")), "phone", "web", 0 },
	{ "given", SSH(PERIOD("\"ann@\"", "\"tag:a\"", "\"1h30m\"")), "phone", "web",
	  HOUR + HOUR / 2 },
	{ "most", SSH(PERIOD("\"ann@\"", "\"tag:a\"", "\"168h\"")), "phone", "web", 168 * HOUR },
	{ "not the other way", SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"x\"")), "web", "phone", -1 },
	{ "another destination", SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"x\"")), "phone", "db", -1 },
	{ "another source", SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"x\"")), "pc", "web", -1 },
	{ "accepted is not checked", SSH(RULE("\"ann@\"", "\"tag:a\"", "\"x\"")), "phone", "web",
	  -1 },
	{ "the first check rule",
	  SSH(RULE("\"ann@\"", "\"tag:a\"", "\"x\"") "," PERIOD(
		  "\"bob@\"", "\"tag:a\"",
		  "\"3h\"") "," PERIOD("\"ann@\"", "\"tag:c\",\"tag:a\"",
				       "\"2h\"") "," PERIOD("\"ann@\"", "\"tag:a\"", "\"1h\"")),
	  "phone", "web", 2 * HOUR },
	{ "self", SSH(PERIOD("\"group:g\"", "\"autogroup:self\"", "\"1h\"")), "phone", "tab",
	  HOUR },
	{ "self, the very node", SSH(PERIOD("\"group:g\"", "\"autogroup:self\"", "\"1h\"")),
	  "phone", "phone", HOUR },
	{ "self of another", SSH(PERIOD("\"group:g\"", "\"autogroup:self\"", "\"1h\"")), "phone",
	  "pc", -1 },
	{ "self of no source", SSH(PERIOD("\"group:g\"", "\"autogroup:self\"", "\"1h\"")), "lap",
	  "lap", -1 },
	{ "self of nobody", SSH(PERIOD("\"autogroup:member\"", "\"autogroup:self\"", "\"1h\"")),
	  "lost", "lost", -1 },
	{ "tagged nodes are no self",
	  SSH(PERIOD("\"autogroup:member\"", "\"autogroup:self\"", "\"1h\"")), "web", "web", -1 },
};

static void run_check(void **state)
{
	const struct check_row *r = *state;
	int64_t period = -7;
	struct kit k;

	kit_init(&k, WORLD, r->policy);
	bool pair = fl_policy_ssh_check(k.p, kit_id(&k.world, r->src), kit_id(&k.world, r->dst),
					&period);
	assert_int_equal(pair, r->period >= 0);
	assert_true(period == (pair ? r->period : -7));
	assert_false(fl_policy_ssh_check(k.p, 77, kit_id(&k.world, r->dst), &period));
	assert_false(fl_policy_ssh_check(k.p, kit_id(&k.world, r->src), 77, &period));
	kit_done(&k);
}

/* ---- steps ---- */

#define STEPS                                                                                      \
	SSH(RULE("\"autogroup:member\"", "\"tag:a\"", LOCAL) "," CHECK(                            \
		"\"autogroup:member\"", "\"autogroup:self\",\"tag:c\"",                            \
		"\"root\"") "," RULE("\"tag:a\"", "\"autogroup:tagged\"", "\"x\"," LOCAL))

struct step_row {
	const char *name, *node; /* a line of the world, or NULL */
	uint64_t gone;
	const char *differs; /* names of nodes that are told something else */
	const char *policy;  /* NULL: STEPS */
};

static struct step_row step_rows[] = {
	{ "nothing", NULL, 0, "" },
	{ "offline", "node phone id=2 user=ann offline", 0, "" },
	{ "routes", "node db id=8 tags=tag:c routes=10.0.0.0/8", 0, "" },
	{ "a tag that is no source", "node db id=8 tags=tag:c,tag:empty", 0, "" },
	{ "an address of a user", "node phone id=2 user=ann ip=100.64.0.77", 0,
	  "phone web both tab db" },
	{ "another user's", "node pc id=3 user=ann", 0, "phone pc web both tab db" },
	{ "a second tag, in which texts differ", "node web id=4 tags=tag:a,tag:b", 0,
	  "web both db" },
	{ "a new node of a user", "node new id=20 user=bob", 0, "pc web both db" },
	{ "a node goes", NULL, 4, "both db" },
	{ "a user without nodes takes the last place",
	  "node odd id=10 user=fay ip=fd7a:115c:a1e0::a", 0, "odd web both" },
	{ "a source comes last", "node new id=20 tags=tag:a", 0, "web both db" },
	{ "the last source goes", NULL, 5, "web db" },
	{ "a destination becomes one that reaches itself", "node web id=4 tags=tag:b", 0, "web",
	  SSH(RULE("\"tag:a\",\"tag:b\"", "\"tag:a\"", "\"z\"," LOCAL)) },
	{ "a member becomes tagged", "node lost id=7 tags=tag:c", 0, "web both lost db" },
};

static bool is_named(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = names; (at = strstr(at, name)) != NULL; at += len) {
		if ((at == names || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
			return true;
	}
	return false;
}

/* Each is told what it would be by a snapshot made anew, and whether that is something else. */
static void compare_all(const struct kit *k, const struct fl_policy *next,
			const struct fl_policy *fresh, const char *differs)
{
	for (size_t i = 0; i < k->world.world.nodes_len; i++) {
		uint64_t id = k->world.nodes[i].id;
		if (fl_policy_slot(next, id) == FL_SLOT_NONE)
			continue;
		char *was = told(k->p, id), *is = told(next, id), *want = told(fresh, id);
		bool named = is_named(differs, k->world.nodes[i].name);
		assert_string_equal(is, want);
		if (named != (strcmp(was, is) != 0))
			fail_msg("%s: %s, was %s", k->world.nodes[i].name, is, was);
		assert_int_equal((fl_policy_differs(k->p, next, id) & FL_POLICY_SSH) != 0, named);
		free(was);
		free(is);
		free(want);
	}
}

/* All nodes of `k`, with the changed one in place of the old. */
static struct fl_policy *anew(const struct kit *k, const struct kit_world *change, uint64_t gone)
{
	struct fl_policy_node nodes[32];
	struct fl_policy_world world = k->world.world;
	struct fl_policy *p = NULL;
	size_t n = 0;

	for (size_t i = 0; i < k->world.world.nodes_len; i++) {
		const struct fl_policy_node *node = &k->world.nodes[i];
		bool changed = change->world.nodes_len > 0 && change->nodes[0].id == node->id;
		if (node->id != gone)
			nodes[n++] = changed ? change->nodes[0] : *node;
	}
	if (change->world.nodes_len > 0 && change->nodes[0].id == 20)
		nodes[n++] = change->nodes[0];
	world.nodes = nodes;
	world.nodes_len = n;
	assert_err(fl_policy_new(k->doc, &world, &p), FL_OK);
	return p;
}

static void change_of(const struct step_row *r, struct kit_world *out)
{
	struct fl_buf text = fl_buf_make(4096);

	fl_buf_str(&text, "user ann\nuser bob\nuser cem\nuser dan\nuser eve\nuser fay\n");
	fl_buf_str(&text, r->node != NULL ? r->node : "");
	fl_buf_byte(&text, '\0');
	kit_world_init(out, (const char *)text.ptr);
	fl_buf_done(&text);
}

static void run_step(void **state)
{
	const struct step_row *r = *state;
	struct fl_policy *next = NULL, *after = NULL;
	struct kit_world change;
	struct kit k;

	kit_init(&k, WORLD, r->policy != NULL ? r->policy : STEPS);
	change_of(r, &change);
	free(told(k.p, 1)); /* so that there is something to keep */
	assert_err(fl_policy_step(k.p, change.nodes, change.world.nodes_len, &r->gone, r->gone != 0,
				  &next),
		   FL_OK);
	struct fl_policy *fresh = anew(&k, &change, r->gone);
	compare_all(&k, next, fresh, r->differs);
	/* and once more without having asked in between */
	assert_err(fl_policy_step(next, NULL, 0, NULL, 0, &after), FL_OK);
	compare_all(&k, after, fresh, r->differs);
	fl_policy_unref(after);
	fl_policy_unref(fresh);
	fl_policy_unref(next);
	kit_world_done(&change);
	kit_done(&k);
}

/* Who has no owner is not one with who has tags. */
static void ownerless(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, "node lost\nnode web tags=tag:a\nnode db tags=tag:c\n",
		 SSH(RULE("\"autogroup:member\",\"tag:a\"", "\"tag:c\"", "\"root\"," LOCAL)));
	char *got = told(k.p, 3);
	assert_string_equal(got, "{\"rules\":[" OUT(P(1), ROOT) "," OUT(P(2), ROOT) "]}");
	free(got);
	kit_done(&k);
}

/* What stayed is kept, also by a step that nobody asked in between. */
static void keeps(void **state)
{
	struct fl_policy *next = NULL, *after = NULL;
	struct kit_world change;
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, STEPS);
	change_of(&(struct step_row){ .node = "node db id=8 tags=tag:c,tag:b offline" }, &change);
	const struct fl_ssh *first = fl_ssh_of(k.p);
	assert_ptr_equal(first->at[0].from, first->at[1].from); /* one list of sources */
	assert_ptr_not_equal(first->at[0].from, first->at[2].from);
	assert_err(fl_policy_step(k.p, change.nodes, 1, NULL, 0, &next), FL_OK);
	assert_err(fl_policy_step(next, NULL, 0, NULL, 0, &after), FL_OK);
	const struct fl_ssh *last = fl_ssh_of(after);
	for (size_t i = 0; i < last->len; i++) {
		assert_ptr_equal(last->at[i].from, first->at[i].from);
		assert_ptr_equal(last->at[i].users, first->at[i].users);
	}
	assert_ptr_equal(fl_ssh_of(after), last);
	fl_policy_unref(after);
	fl_policy_unref(next);
	kit_world_done(&change);
	kit_done(&k);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, run_row);
	ROWS(&s, check_rows, run_check);
	ROWS(&s, step_rows, run_step);
	suite_add(&s, "stranger", stranger, NULL);
	suite_add(&s, "base url", base_url, NULL);
	suite_add(&s, "no room", no_room, NULL);
	suite_add(&s, "ownerless", ownerless, NULL);
	suite_add(&s, "keeps", keeps, NULL);
	return suite_run(&s, "policy_ssh");
}
