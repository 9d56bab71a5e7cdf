/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_tests.c - the tests of a document: each rule and each text of
 * docs/policy.md 8.3 and 8.4, and what is the same for both blocks.
 */
#include "policy_kit.h"

#include <time.h>

#define WORLD                                                                                      \
	"user ann ann@example.com\n"                                                               \
	"user bob bob@example.org\n"                                                               \
	"user cem cem@example.com\n"                                                               \
	"user twin x@example.com\n"                                                                \
                                                                                                   \
	"node phone user=ann\n"                                                                    \
	"node lap user=ann\n"                                                                      \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node api tags=tag:a\n"                                                                    \
	"node db tags=tag:b\n"                                                                     \
	"node router tags=tag:r routes=10.33.0.0/16,0.0.0.0/0\n"                                   \
	"node lost\n"                                                                              \
	"node far user=twin\n"

#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"ann@\",\"bob@\"],\"group:none\":[],\"group:solo\":[\"bob@\"]" \
	"},"                                                                                       \
	"\"hosts\":{\"one\":\"100.64.0.4\",\"six\":\"fd7a:115c:a1e0::4\",\"net\":\"10.33.5.0/"     \
	"24\"},"                                                                                   \
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:empty\":[]},"
#define ALLOW(src, proto, dst) "{\"src\":[" src "],\"proto\":\"" proto "\",\"dst\":[" dst "]}"
#define ACLS(rules)            HEAD "\"acls\":[" rules "],"
#define BOB_WEB                ACLS(ALLOW("\"bob@\"", "", "\"tag:a:22,80-90\""))
#define TESTS(list)            "\"tests\":[" list "]}"
#define YES(src, dst)          "{\"src\":\"" src "\",\"accept\":[" dst "]}"
#define NO(src, dst)           "{\"src\":\"" src "\",\"deny\":[" dst "]}"
#define BY(src, proto, dst)    "{\"src\":\"" src "\",\"proto\":\"" proto "\",\"accept\":[" dst "]}"
#define BYNO(src, proto, dst)  "{\"src\":\"" src "\",\"proto\":\"" proto "\",\"deny\":[" dst "]}"
#define FAILED                 "test(s) failed:\n"

struct row {
	const char *name, *policy, *report; /* "": all hold */
};

static struct row rows[] = {
	{ "no policy", NULL, "" },
	{ "no tests", BOB_WEB "\"tests\":null}", "" },

	/* 8.3: verdicts */
	{ "allowed", BOB_WEB TESTS(YES("bob@", "\"tag:a:22\"")), "" },
	{ "allowed, not expected", BOB_WEB TESTS(NO("bob@", "\"tag:a:22\"")),
	  FAILED "bob@ -> tag:a:22: expected DENIED, got ALLOWED" },
	{ "denied", BOB_WEB TESTS(NO("ann@", "\"tag:a:22\"")), "" },
	{ "denied, not expected", BOB_WEB TESTS(YES("ann@", "\"tag:a:22\"")),
	  FAILED "ann@ -> tag:a:22: expected ALLOWED, got DENIED" },
	{ "several, accepts first, in their order",
	  BOB_WEB TESTS("{\"src\":\"bob@\",\"deny\":[\"tag:a:80\",\"tag:a:79\",\"tag:a:90\"],"
			"\"accept\":[\"tag:a:91\",\"tag:a:85\",\"tag:b:22\"]}"),
	  FAILED "bob@ -> tag:a:91: expected ALLOWED, got DENIED\n"
		 "bob@ -> tag:b:22: expected ALLOWED, got DENIED\n"
		 "bob@ -> tag:a:80: expected DENIED, got ALLOWED\n"
		 "bob@ -> tag:a:90: expected DENIED, got ALLOWED" },
	{ "test after test",
	  BOB_WEB TESTS(NO("bob@", "\"one:22\"") "," YES("bob@", "\"one:22\"") "," YES(
		  "ann@", "\"one:22\"")),
	  FAILED "bob@ -> one:22: expected DENIED, got ALLOWED\n"
		 "ann@ -> one:22: expected ALLOWED, got DENIED" },
	{ "allow-all", HEAD TESTS(YES("ann@", "\"tag:a:1\"") "," YES("*", "\"tag:b:9\"")), "" },
	{ "allow-all lets nobody in from elsewhere (D1)", HEAD TESTS(NO("8.8.8.8", "\"one:1\"")),
	  "" },
	{ "allow-all lets those behind routers in", HEAD TESTS(YES("10.33.1.1", "\"one:1\"")), "" },
	{ "deny-all", ACLS("") TESTS(NO("ann@", "\"tag:a:1\"")), "" },

	/* sources */
	{ "every source has to, one may not",
	  BOB_WEB TESTS(YES("group:g", "\"tag:a:22\"") "," NO("group:g", "\"tag:a:22\"")),
	  FAILED "group:g -> tag:a:22: expected ALLOWED, got DENIED" },
	{ "every source may, by several rules",
	  ACLS(ALLOW("\"bob@\"", "", "\"tag:a:22\"") "," ALLOW("\"ann@\"", "", "\"tag:a:*\""))
		  TESTS(YES("group:g", "\"tag:a:22\"")),
	  "" },
	{ "overlap is enough for a prefix of the source",
	  BOB_WEB TESTS(YES("100.64.0.2/31", "\"tag:a:22\"")), "" },
	{ "but each prefix has to",
	  BOB_WEB TESTS(
		  NO("100.64.0.0/29", "\"tag:b:22\"") "," YES("100.64.0.0/10", "\"tag:a:22\"")),
	  "" },
	{ "`*` is many prefixes", BOB_WEB TESTS(NO("*", "\"tag:a:22\"")), "" },
	{ "`*` where `*` may",
	  ACLS(ALLOW("\"*\"", "", "\"tag:a:22\"")) TESTS(YES("*", "\"tag:a:22\"")), "" },
	{ "a wildcard rule brings subnets along",
	  ACLS(ALLOW("\"*\"", "", "\"tag:a:22\""))
		  TESTS(YES("net", "\"tag:a:22\"") "," NO("10.34.0.1", "\"tag:a:22\"")),
	  "" },
	{ "the internet",
	  ACLS(ALLOW("\"*\"", "", "\"tag:a:22\"")) TESTS(NO("autogroup:internet", "\"tag:a:22\"")),
	  "" },
	{ "anybody",
	  ACLS(ALLOW("\"autogroup:danger-all\"", "", "\"tag:a:22\""))
		  TESTS(YES("autogroup:internet", "\"tag:a:22\"") "," YES("autogroup:danger-all",
									  "\"tag:a:22\"")),
	  "" },
	{ "a domain",
	  ACLS(ALLOW("\"ann@\"", "", "\"tag:a:22\"") "," ALLOW("\"twin@\"", "", "\"tag:a:22\""))
		  TESTS(YES("user:*@example.com", "\"tag:a:22\"")),
	  "" },
	{ "members, tagged",
	  ACLS(ALLOW("\"autogroup:member\"", "", "\"tag:a:22\"")) TESTS(YES(
		  "autogroup:member", "\"tag:a:22\"") "," NO("autogroup:tagged", "\"tag:a:22\"")),
	  "" },

	/* destinations */
	{ "an address of it is enough",
	  ACLS(ALLOW("\"bob@\"", "", "\"one:22\"")) TESTS(YES("bob@", "\"tag:a:22\"")), "" },
	{ "a prefix around it",
	  ACLS(ALLOW("\"bob@\"", "", "\"10.33.0.0/16:22\""))
		  TESTS(YES("bob@", "\"10.33.5.7:22\"") "," NO("bob@", "\"10.34.0.1:22\"")),
	  "" },
	{ "a literal of six", BOB_WEB TESTS(YES("bob@", "\"[fd7a:115c:a1e0::4]:22\"")), "" },
	{ "`*` as destination",
	  ACLS(ALLOW("\"bob@\"", "", "\"*:22\"")) TESTS(YES("bob@", "\"8.8.8.8:22\",\"*:22\"")),
	  "" },
	{ "rules of self are not the filter of all",
	  ACLS(ALLOW("\"autogroup:member\"", "", "\"autogroup:self:22\""))
		  TESTS(NO("ann@", "\"ann@:22\"")),
	  "" },
	{ "nor are those of via",
	  HEAD "\"grants\":[{\"src\":[\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"*\"],"
	       "\"via\":[\"tag:r\"]}]," TESTS(NO("bob@", "\"10.33.5.1:22\"")),
	  "" },
	{ "capabilities let nothing through",
	  HEAD
	  "\"grants\":[{\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"app\":{\"e.com/c\":[]}}]," TESTS(
		  NO("bob@", "\"tag:a:22\"")),
	  "" },
	{ "nor does a companion",
	  HEAD "\"grants\":[{\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"ip\":[\"22\"],"
	       "\"app\":{\"tailscale.com/cap/drive\":[]}}]," TESTS(NO("tag:a", "\"bob@:22\"")),
	  "" },
	{ "a grant with both does",
	  HEAD "\"grants\":[{\"src\":[\"bob@\"],\"dst\":[\"tag:a\"],\"ip\":[\"udp:53\",\"22\"],"
	       "\"app\":{\"e.com/c\":[]}}]," TESTS(YES("bob@", "\"tag:a:22\",\"tag:a:53\"")),
	  "" },

	/* protocols */
	{ "without one, TCP, UDP and ICMP fit",
	  ACLS(ALLOW("\"bob@\"", "tcp", "\"tag:a:1\"") "," ALLOW(
		  "\"bob@\"", "udp", "\"tag:a:2\"") "," ALLOW("\"bob@\"", "icmp",
							      "\"tag:b:*\"") "," ALLOW("\"bob@\"",
										       "58",
										       "\"tag:"
										       "r:*\""))
		  TESTS(YES("bob@", "\"tag:a:1\",\"tag:a:2\",\"tag:b:1\",\"tag:r:1\"")),
	  "" },
	{ "without one, others do not",
	  ACLS(ALLOW("\"bob@\"", "sctp", "\"tag:a:1\"") "," ALLOW("\"bob@\"", "gre", "\"tag:b:*\""))
		  TESTS(NO("bob@", "\"tag:a:1\",\"tag:b:1\"")),
	  "" },
	{ "TCP",
	  ACLS(ALLOW("\"bob@\"", "tcp", "\"tag:a:1\""))
		  TESTS(BY("bob@", "tcp", "\"tag:a:1\"") "," BYNO(
			  "bob@", "udp", "\"tag:a:1\"") "," BYNO("bob@", "sctp", "\"tag:a:1\"")),
	  "" },
	{ "UDP, by number",
	  ACLS(ALLOW("\"bob@\"", "udp", "\"tag:a:1\""))
		  TESTS(BY("bob@", "17", "\"tag:a:1\"") "," BYNO("bob@", "tcp", "\"tag:a:1\"")),
	  "" },
	{ "SCTP",
	  ACLS(ALLOW("\"bob@\"", "sctp", "\"tag:a:1\"")) TESTS(BY("bob@", "sctp", "\"tag:a:1\"")),
	  "" },
	{ "a rule without one fits any", BOB_WEB TESTS(BY("bob@", "sctp", "\"tag:a:22\"")), "" },
	{ "it stands in the line, accept", BOB_WEB TESTS(BY("ann@", "tcp", "\"tag:a:22\"")),
	  FAILED "ann@ -> tag:a:22 (tcp): expected ALLOWED, got DENIED" },
	{ "it stands in the line, deny", BOB_WEB TESTS(BYNO("bob@", "UDP", "\"tag:a:22\"")),
	  FAILED "bob@ -> tag:a:22 (udp): expected DENIED, got ALLOWED" },

	/* sources that are none */
	{ "no alias", BOB_WEB TESTS(YES("a:b", "\"tag:a:22\",\"tag:b:1\"")),
	  FAILED "a:b: failed to resolve source \"a:b\": invalid alias: invalid alias format: "
		 "\"a:b\"" },
	{ "no such user", BOB_WEB TESTS(NO("eve@", "\"tag:a:22\"")),
	  FAILED "eve@: failed to resolve source \"eve@\": resolving: user not found: token "
		 "\"eve@\"" },
	{ "not trimmed", BOB_WEB TESTS(NO(" bob@", "\"tag:a:22\"")),
	  FAILED " bob@: failed to resolve source \" bob@\": resolving: user not found: token "
		 "\" bob@\"" },
	{ "no such host, with protocol", BOB_WEB TESTS(BYNO("nope", "tcp", "\"tag:a:22\"")),
	  FAILED "nope (tcp): failed to resolve source \"nope\": resolving: error resolving "
		 "host: \"nope\"" },
	{ "empty text", BOB_WEB TESTS(NO("", "\"tag:a:22\"")),
	  FAILED ": failed to resolve source \"\": resolving: error resolving host: \"\"" },
	{ "self", BOB_WEB TESTS(NO("autogroup:self", "\"tag:a:22\"")),
	  FAILED "autogroup:self: failed to resolve source \"autogroup:self\": resolving: "
		 "autogroup:self requires per-node resolution and cannot be resolved in this "
		 "context" },
	{ "an autogroup that is none", BOB_WEB TESTS(NO("autogroup:nonroot", "\"tag:a:22\"")),
	  FAILED "autogroup:nonroot: failed to resolve source \"autogroup:nonroot\": resolving: "
		 "unknown autogroup: \"autogroup:nonroot\"" },
	{ "a user without nodes", BOB_WEB TESTS(BY("cem@", "tcp", "\"tag:a:22\"")),
	  FAILED "cem@ (tcp): source \"cem@\" resolved to no IP addresses" },
	{ "an empty group", BOB_WEB TESTS(NO("group:none", "\"tag:a:22\"")),
	  FAILED "group:none: source \"group:none\" resolved to no IP addresses" },
	{ "quotes", BOB_WEB TESTS(NO("a\\\"b", "\"tag:a:22\"")),
	  FAILED "a\"b: failed to resolve source \"a\\\"b\": resolving: error resolving host: "
		 "\"a\\\"b\"" },

	/* destinations that are none, also under deny */
	{ "self as destination", BOB_WEB TESTS(NO("bob@", "\"autogroup:self:22\"")),
	  FAILED "bob@: error testing \"autogroup:self:22\": resolving destination: "
		 "autogroup:self requires per-node resolution and cannot be resolved in this "
		 "context" },
	{ "unknown user as destination", BOB_WEB TESTS(BY("bob@", "tcp", "\"eve@:22\"")),
	  FAILED "bob@ (tcp): error testing \"eve@:22\": resolving destination: user not found: "
		 "token \"eve@\"" },
	{ "a tag that nobody has", BOB_WEB TESTS(NO("bob@", "\"tag:empty:22\"")),
	  FAILED "bob@: error testing \"tag:empty:22\": destination resolved to no IP "
		 "addresses: \"tag:empty:22\"" },
	{ "errors before verdicts",
	  BOB_WEB TESTS("{\"src\":\"bob@\",\"accept\":[\"tag:b:22\",\"eve@:1\"],"
			"\"deny\":[\"tag:a:22\",\"cem@:2\"]}"),
	  FAILED "bob@: error testing \"eve@:1\": resolving destination: user not found: token "
		 "\"eve@\"\n"
		 "bob@: error testing \"cem@:2\": destination resolved to no IP addresses: "
		 "\"cem@:2\"\n"
		 "bob@ -> tag:b:22: expected ALLOWED, got DENIED\n"
		 "bob@ -> tag:a:22: expected DENIED, got ALLOWED" },
};

/* ---- sshTests ---- */

#define SSH(rules) HEAD "\"ssh\":[" rules "],\"sshTests\":["
#define RULE(src, dst, users)                                                                      \
	"{\"action\":\"accept\",\"src\":[" src "],\"dst\":[" dst "],\"users\":[" users "]}"
#define CHECK(src, dst, users)                                                                     \
	"{\"action\":\"check\",\"src\":[" src "],\"dst\":[" dst "],\"users\":[" users "]}"
#define TRY(src, dst, what) "{\"src\":\"" src "\",\"dst\":[" dst "]," what "}]}"
#define ACCEPT(users)       "\"accept\":[" users "]"
#define DENY(users)         "\"deny\":[" users "]"
#define ASKED(users)        "\"check\":[" users "]"
#define BOB_A               SSH(RULE("\"bob@\"", "\"tag:a\"", "\"root\",\"x\""))
#define ONE_USER(users, what)                                                                      \
	SSH(RULE("\"bob@\"", "\"tag:b\"", users)) TRY("bob@", "\"tag:b\"", what)

static struct row ssh_rows[] = {
	/* verdicts */
	{ "accepted", BOB_A TRY("bob@", "\"tag:a\"", ACCEPT("\"root\",\"x\"")), "" },
	{ "not accepted: lines by user, then node",
	  BOB_A TRY("ann@", "\"tag:a\"", ACCEPT("\"x\",\"root\",\"x\"")),
	  FAILED "ann@/root -> web: expected ALLOWED, got DENIED\n"
		 "ann@/root -> api: expected ALLOWED, got DENIED\n"
		 "ann@/x -> web: expected ALLOWED, got DENIED\n"
		 "ann@/x -> api: expected ALLOWED, got DENIED" },
	{ "denied", BOB_A TRY("ann@", "\"tag:a\"", DENY("\"root\"")), "" },
	{ "denied as that user", BOB_A TRY("bob@", "\"tag:a\"", DENY("\"y\"")), "" },
	{ "not denied", BOB_A TRY("bob@", "\"one\"", DENY("\"root\"")),
	  FAILED "bob@/root -> web: expected DENIED, got ALLOWED" },
	{ "not a check: accepted", BOB_A TRY("bob@", "\"one\"", ASKED("\"root\"")),
	  FAILED "bob@/root -> web: expected ALLOWED via check, got ALLOWED via accept" },
	{ "not a check: denied", BOB_A TRY("bob@", "\"one\"", ASKED("\"y\"")),
	  FAILED "bob@/y -> web: expected ALLOWED via check, got DENIED" },
	{ "a check, which is accepted too",
	  SSH(CHECK("\"bob@\"", "\"tag:a\"", "\"root\""))
		  TRY("bob@", "\"one\"", ASKED("\"root\"") "," ACCEPT("\"root\"")),
	  "" },
	{ "a check is not denied",
	  SSH(CHECK("\"bob@\"", "\"tag:a\"", "\"root\"")) TRY("bob@", "\"one\"", DENY("\"root\"")),
	  FAILED "bob@/root -> web: expected DENIED, got ALLOWED" },
	{ "accepts, denies, checks",
	  BOB_A TRY("bob@", "\"one\"", ASKED("\"x\"") "," DENY("\"x\"") "," ACCEPT("\"y\"")),
	  FAILED "bob@/y -> web: expected ALLOWED, got DENIED\n"
		 "bob@/x -> web: expected DENIED, got ALLOWED\n"
		 "bob@/x -> web: expected ALLOWED via check, got ALLOWED via accept" },
	{ "without an ssh section nobody gets in",
	  HEAD "\"sshTests\":[{\"src\":\"bob@\",\"dst\":[\"one\"],\"deny\":[\"root\"]},{"
	       "\"src\":\"bob@\",\"dst\":[\"one\"],\"accept\":[\"root\"]}]}",
	  FAILED "bob@/root -> web: expected ALLOWED, got DENIED" },

	/* users */
	{ "an empty user gets in nowhere", BOB_A TRY("bob@", "\"one\"", DENY("\"\"")), "" },
	{ "an empty user is shown", BOB_A TRY("bob@", "\"one\"", ACCEPT("\"\"")),
	  FAILED "bob@/\"\" -> web: expected ALLOWED, got DENIED" },
	{ "nonroot is anybody", ONE_USER("\"autogroup:nonroot\"", ACCEPT("\"y\"")), "" },
	{ "nonroot is not the empty user", ONE_USER("\"autogroup:nonroot\"", DENY("\"\"")), "" },
	{ "a localpart entry is no name",
	  ONE_USER("\"localpart:*@example.com\"", DENY("\"localpart:*@example.com\"")), "" },
	{ "the localpart of another at a user's own nodes",
	  SSH(RULE("\"autogroup:member\"", "\"autogroup:self\"", "\"localpart:*@example.com\""))
		  TRY("twin@", "\"ann@\"", DENY("\"x\"")),
	  "" },
	{ "the localpart of another at a node that reaches itself",
	  SSH(RULE("\"tag:a\",\"twin@\"", "\"tag:b\"", "\"localpart:*@example.com\""))
		  TRY("twin@", "\"one\"", DENY("\"x\"")),
	  "" },
	{ "the localpart of another user",
	  SSH(RULE("\"twin@\"", "\"tag:b\"", "\"localpart:*@example.com\""))
		  TRY("twin@", "\"tag:b\"", ACCEPT("\"x\"")),
	  "" },
	{ "nonroot is not root", ONE_USER("\"autogroup:nonroot\"", DENY("\"root\"")), "" },
	{ "nonroot and root", ONE_USER("\"autogroup:nonroot\",\"root\"", ACCEPT("\"root\"")), "" },
	{ "root is nobody else", ONE_USER("\"root\"", DENY("\"y\"")), "" },
	{ "its words are names here",
	  ONE_USER("\"autogroup:member\"", ACCEPT("\"autogroup:member\"")), "" },
	{ "the localpart",
	  SSH(RULE("\"ann@\"", "\"tag:b\"", "\"localpart:*@example.com\""))
		  TRY("ann@", "\"tag:b\"", ACCEPT("\"ann\"") "," DENY("\"root\",\"bob\"")),
	  "" },
	{ "the localpart of each source is another",
	  SSH(RULE("\"group:g\"", "\"tag:b\"", "\"localpart:*@example.com\""))
		  TRY("group:g", "\"tag:b\"", ACCEPT("\"ann\"")),
	  FAILED "group:g/ann -> db: expected ALLOWED, got DENIED" },
	{ "a source that reaches itself",
	  SSH(RULE("\"ann@\"", "\"tag:b\"", "\"y\",\"localpart:*@example.com\""))
		  TRY("ann@", "\"ann@\"", ACCEPT("\"ann\",\"y\"")),
	  "" },
	{ "a tagged source that reaches itself, as others do not",
	  SSH(RULE("\"tag:a\"", "\"tag:b\"", "\"y\",\"localpart:*@example.com\""))
		  TRY("one", "\"tag:a\"", ACCEPT("\"y\"")),
	  FAILED "one/y -> api: expected ALLOWED, got DENIED" },
	{ "its other address too",
	  SSH(RULE("\"tag:a\"", "\"tag:b\"", "\"y\",\"localpart:*@example.com\""))
		  TRY("six", "\"one\"", ACCEPT("\"y\"")),
	  "" },
	{ "its address alone is enough",
	  SSH(RULE("\"tag:a\"", "\"tag:b\"", "\"y\",\"localpart:*@example.com\""))
		  TRY("one", "\"one\"", ACCEPT("\"y\"")),
	  "" },

	/* sources are sets */
	{ "every address has to",
	  BOB_A TRY("group:g", "\"one\"", ACCEPT("\"root\"") "," DENY("\"root\"")),
	  FAILED "group:g/root -> web: expected ALLOWED, got DENIED\n"
		 "group:g/root -> web: expected DENIED, got ALLOWED" },
	{ "by several rules",
	  SSH(RULE("\"bob@\"", "\"tag:a\"", "\"root\"") "," CHECK("\"ann@\"", "\"tag:a\"",
								  "\"autogroup:nonroot\",\"root\""))
		  TRY("group:g", "\"one\"", ACCEPT("\"root\"")),
	  "" },
	{ "the first address decides how a check fails: accepted",
	  SSH(RULE("\"ann@\"", "\"tag:a\"", "\"root\""))
		  TRY("group:g", "\"one\"", ASKED("\"root\"")),
	  FAILED "group:g/root -> web: expected ALLOWED via check, got ALLOWED via accept" },
	{ "the first address decides how a check fails: behind those checked",
	  SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"root\"") "," RULE("\"bob@\"", "\"tag:a\"",
								  "\"root\""))
		  TRY("group:g", "\"one\"", ASKED("\"root\"")),
	  FAILED "group:g/root -> web: expected ALLOWED via check, got ALLOWED via accept" },
	{ "the first address decides how a check fails: denied",
	  SSH(CHECK("\"ann@\"", "\"tag:a\"", "\"root\""))
		  TRY("group:g", "\"one\"", ASKED("\"root\"")),
	  FAILED "group:g/root -> web: expected ALLOWED via check, got DENIED" },
	{ "an address in the middle",
	  SSH(CHECK("\"group:g\"", "\"tag:b\"", "\"root\"") "," CHECK("\"tag:a\"", "\"tag:b\"",
								      "\"root\""))
		  TRY("100.64.0.0/29", "\"tag:b\"", ASKED("\"root\"")),
	  FAILED "100.64.0.0/29/root -> db: expected ALLOWED via check, got DENIED" },
	{ "`*` is never all let in",
	  SSH(RULE("\"autogroup:member\",\"autogroup:tagged\"", "\"tag:a\"", "\"root\""))
		  TRY("*", "\"one\"", ACCEPT("\"root\"") "," ASKED("\"root\"")),
	  FAILED "*/root -> web: expected ALLOWED, got DENIED\n"
		 "*/root -> web: expected ALLOWED via check, got DENIED" },
	{ "`*` is denied where nobody gets in", BOB_A TRY("*", "\"tag:b\"", DENY("\"root\"")), "" },
	{ "`*` is not denied where one gets in", BOB_A TRY("*", "\"one\"", DENY("\"root\"")),
	  FAILED "*/root -> web: expected DENIED, got ALLOWED" },
	{ "the internet is denied", BOB_A TRY("autogroup:internet", "\"one\"", DENY("\"root\"")),
	  "" },
	{ "anybody", BOB_A TRY("autogroup:danger-all", "\"one\"", ACCEPT("\"root\"")),
	  FAILED "autogroup:danger-all/root -> web: expected ALLOWED, got DENIED" },
	{ "a bare address is shown as a prefix",
	  BOB_A TRY("100.64.0.3", "\"one\"", ACCEPT("\"root\"") "," DENY("\"x\"")),
	  FAILED "100.64.0.3/32/x -> web: expected DENIED, got ALLOWED" },

	/* destinations */
	{ "self of a user",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\"", "\"root\""))
		  TRY("ann@", "\"autogroup:self\"", ACCEPT("\"root\"")),
	  "" },
	{ "self of a user, each node",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\"", "\"root\""))
		  TRY("ann@", "\"autogroup:self\"", DENY("\"root\"")),
	  FAILED "ann@/root -> phone: expected DENIED, got ALLOWED\n"
		 "ann@/root -> lap: expected DENIED, got ALLOWED" },
	{ "self of a group",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\"", "\"root\""))
		  TRY("group:g", "\"autogroup:self\"", DENY("\"root\"")),
	  FAILED "group:g: dst alias \"autogroup:self\" resolved to no nodes" },
	{ "self of a group of one",
	  SSH(RULE("\"bob@\"", "\"autogroup:self\"", "\"root\""))
		  TRY("group:solo", "\"autogroup:self\"", DENY("\"root\"")),
	  FAILED "group:solo: dst alias \"autogroup:self\" resolved to no nodes" },
	{ "self of a domain is none",
	  SSH(RULE("\"ann@\"", "\"autogroup:self\"", "\"root\""))
		  TRY("user:*@example.com", "\"autogroup:self\"", DENY("\"root\"")),
	  FAILED "user:*@example.com: dst alias \"autogroup:self\" resolved to no nodes" },
	{ "nodes once, as first seen",
	  BOB_A TRY("bob@", "\"100.64.0.5\",\"tag:a\",\"fd7a:115c:a1e0::4\"", DENY("\"x\"")),
	  FAILED "bob@/x -> api: expected DENIED, got ALLOWED\n"
		 "bob@/x -> web: expected DENIED, got ALLOWED" },
	{ "every node", BOB_A TRY("bob@", "\"*\"", DENY("\"x\"")),
	  FAILED "bob@/x -> web: expected DENIED, got ALLOWED\n"
		 "bob@/x -> api: expected DENIED, got ALLOWED" },
	{ "one that is nobody, the others still",
	  BOB_A TRY("bob@", "\"tag:empty\",\"100.64.0.99\",\"one\"", DENY("\"x\"")),
	  FAILED "bob@: dst alias \"tag:empty\" resolved to no nodes\n"
		 "bob@: dst alias \"100.64.0.99/32\" resolved to no nodes\n"
		 "bob@/x -> web: expected DENIED, got ALLOWED" },
	{ "a subnet's address is no node", BOB_A TRY("bob@", "\"10.33.5.1\"", DENY("\"x\"")),
	  FAILED "bob@: dst alias \"10.33.5.1/32\" resolved to no nodes" },
	{ "one that does not resolve ends the entry",
	  BOB_A TRY("bob@", "\"one\",\"tag:empty\",\"eve@\",\"tag:empty\"", DENY("\"x\"")),
	  FAILED "bob@: dst alias \"tag:empty\" resolved to no nodes\n"
		 "bob@: failed to resolve destinations: resolving destination \"eve@\": user not "
		 "found: token \"eve@\"" },

	/* sources that are none */
	{ "no such user", BOB_A TRY("eve@", "\"one\"", DENY("\"x\"")),
	  FAILED "eve@: failed to resolve source \"eve@\": resolving: user not found: token "
		 "\"eve@\"" },
	{ "trimmed", BOB_A TRY(" bob@ ", "\"one\"", DENY("\"x\"")),
	  FAILED "bob@/x -> web: expected DENIED, got ALLOWED" },
	{ "self", BOB_A TRY("autogroup:self", "\"one\"", DENY("\"x\"")),
	  FAILED "autogroup:self: failed to resolve source \"autogroup:self\": resolving: "
		 "autogroup:self requires per-node resolution and cannot be resolved in this "
		 "context" },
	{ "a user without nodes", BOB_A TRY("cem@", "\"one\"", DENY("\"x\"")),
	  FAILED "cem@: source \"cem@\" resolved to no IP addresses" },
	{ "an empty source before missing assertions",
	  BOB_A "{\"src\":\"group:none\",\"dst\":[\"one\"]}]}",
	  FAILED "group:none: source \"group:none\" resolved to no IP addresses" },
	{ "nothing is claimed", BOB_A "{\"src\":\"bob@\",\"dst\":[\"tag:empty\"],\"accept\":[]}]}",
	  FAILED "bob@: no accept, deny, or check assertions specified" },
	{ "each entry has its own destinations",
	  BOB_A "{\"src\":\"bob@\",\"dst\":[\"tag:b\"],\"deny\":[\"x\"]},{\"src\":\"bob@\","
		"\"dst\":[\"tag:a\",\"tag:b\"],\"accept\":[\"x\"]}]}",
	  FAILED "bob@/x -> db: expected ALLOWED, got DENIED" },
	{ "entry after entry",
	  BOB_A "{\"src\":\"bob@\",\"dst\":[\"one\"]},{\"src\":\"bob@\",\"dst\":[\"one\"],"
		"\"accept\":[\"x\"]},{\"src\":\"bob@\",\"dst\":[\"one\"],\"deny\":[\"x\"]}]}",
	  FAILED "bob@: no accept, deny, or check assertions specified\n"
		 "bob@/x -> web: expected DENIED, got ALLOWED" },

	/* 8.1: both blocks */
	{ "both blocks",
	  HEAD "\"acls\":[],"
	       "\"tests\":[" YES("bob@", "\"one:22\"") "],\"sshTests\":[" TRY("bob@", "\"one\"",
									      ACCEPT("\"x\"")),
	  "multiple errors:\n\t" FAILED "bob@ -> one:22: expected ALLOWED, got DENIED\n\t" FAILED
	  "bob@/x -> web: expected ALLOWED, got DENIED" },
	{ "one of both blocks",
	  HEAD "\"acls\":[],"
	       "\"tests\":[" NO("bob@", "\"one:22\"") "],\"sshTests\":[" TRY("bob@", "\"one\"",
									     ACCEPT("\"x\"")),
	  FAILED "bob@/x -> web: expected ALLOWED, got DENIED" },
};

static void run_row(void **state)
{
	const struct row *r = *state;
	struct fl_policy_report report = { 0 };
	struct fl_buf text = fl_buf_make(1 << 20);
	struct kit k;

	kit_init(&k, WORLD, r->policy);
	enum fl_err err = fl_policy_run_tests(k.p, &report);
	if (report.len > 0)
		fl_policy_report_text(&report, &text);
	assert_text(fl_buf_slice(&text), r->report);
	assert_err(err, *r->report != '\0' ? FL_ERR_INVALID : FL_OK);
	fl_buf_done(&text);
	fl_policy_report_done(&report);
	kit_done(&k);
}

/* A problem stands where the first entry that failed does. */
static void places(void **state)
{
	static const char policy[] = ACLS("") "\"tests\":[" NO(
		"bob@", "\"one:22\"") ","
				      " " YES("bob@", "\"one:22\"") "," YES(
					      "bob@", "\"one:23\"") "],\"sshTests\":[{\"src\":"
								    "\"bob@\",\"dst\":[\"one\"]}]}";
	struct fl_policy_report report = { 0 };
	struct kit k;

	(void)state;
	kit_init(&k, WORLD, policy);
	assert_err(fl_policy_run_tests(k.p, &report), FL_ERR_INVALID);
	assert_int_equal(report.len, 2);
	assert_ptr_equal(policy + report.at[0].at, strstr(policy, "{\"src\":\"bob@\",\"accept\""));
	assert_ptr_equal(policy + report.at[1].at, strstr(policy, "{\"src\":\"bob@\",\"dst\""));
	fl_policy_report_done(&report);
	kit_done(&k);
}

/* 8.4 [C]: 2^80 addresses cost what one does. */
static void wide_sources(void **state)
{
	struct fl_policy_report report = { 0 };
	struct timespec from, to;
	struct kit k;

	(void)state;
	kit_init(&k, WORLD,
		 BOB_A "{\"src\":\"fd7a:115c:a1e0::/48\",\"dst\":[\"*\"],\"deny\":[\"y\"]},"
		       "{\"src\":\"autogroup:danger-all\",\"dst\":[\"*\"],\"deny\":[\"y\"]},"
		       "{\"src\":\"::/0\",\"dst\":[\"tag:b\"],\"deny\":[\"x\"]}]}");
	clock_gettime(CLOCK_MONOTONIC, &from);
	assert_err(fl_policy_run_tests(k.p, &report), FL_OK);
	clock_gettime(CLOCK_MONOTONIC, &to);
	assert_true(to.tv_sec - from.tv_sec < 5);
	kit_done(&k);
}

/* More kinds of destinations than are kept: every second one of two nodes a tag lets bob in. */
static void many_kinds(void **state)
{
	enum { TAGS = 80 };
	struct fl_buf world = fl_buf_make(1 << 20), policy = fl_buf_make(1 << 20);
	struct fl_buf want = fl_buf_make(1 << 20), got = fl_buf_make(1 << 20);
	struct fl_policy_report report = { 0 };
	struct kit k;

	(void)state;
	fl_buf_str(&world, "user bob\nnode pc user=bob\n");
	fl_buf_str(&policy, "{\"tagOwners\":{");
	for (int i = 0; i < 2 * TAGS; i++)
		fl_buf_printf(&world, "node n%d tags=tag:t%d\n", i, i % TAGS);
	for (int i = 0; i < TAGS; i++)
		fl_buf_printf(&policy, "\"tag:t%d\":[],", i);
	fl_buf_str(&policy, "},\"ssh\":[");
	for (int i = 0; i < TAGS; i += 2)
		fl_buf_printf(&policy, RULE("\"bob@\"", "\"tag:t%d\",\"tag:t%d\"", "\"x\"") ",", i,
			      i * 7 % TAGS);
	fl_buf_str(&policy,
		   "],\"sshTests\":[" TRY("bob@", "\"autogroup:tagged\"", ACCEPT("\"x\"")));
	fl_buf_str(&want, "test(s) failed:");
	for (int i = 1; i < 2 * TAGS; i += 2)
		fl_buf_printf(&want, "\nbob@/x -> n%d: expected ALLOWED, got DENIED", i);
	fl_buf_byte(&world, '\0');
	fl_buf_byte(&policy, '\0');
	fl_buf_byte(&want, '\0');
	kit_init(&k, (const char *)world.ptr, (const char *)policy.ptr);
	assert_err(fl_policy_run_tests(k.p, &report), FL_ERR_INVALID);
	fl_policy_report_text(&report, &got);
	assert_text(fl_buf_slice(&got), (const char *)want.ptr);
	fl_policy_report_done(&report);
	kit_done(&k);
	fl_buf_done(&world);
	fl_buf_done(&policy);
	fl_buf_done(&want);
	fl_buf_done(&got);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, run_row);
	ROWS(&s, ssh_rows, run_row);
	suite_add(&s, "places", places, NULL);
	suite_add(&s, "wide sources", wide_sources, NULL);
	suite_add(&s, "many kinds of destinations", many_kinds, NULL);
	return suite_run(&s, "policy_tests");
}
