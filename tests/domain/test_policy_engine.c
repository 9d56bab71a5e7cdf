/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_engine.c - what nodes are told, rule by rule of docs/policy.md 3.3 and
 * 4.2 to 4.11: filters as JSON, peers as names.
 */
#include "policy_kit.h"

#include "domain/policy/engine.h"

#include <stdio.h>

/* tag:a: web, api; tag:r: router (10.33/16) and exit; users ann (phone, lap), bob (pc). */
#define WORLD                                                                                      \
	"user ann ann@example.com role=owner\n"                                                    \
	"user bob bob@example.org role=admin\n"                                                    \
	"user cem cem@example.com provider=idp/3\n"                                                \
	"node phone user=ann\n"                                                                    \
	"node lap user=ann\n"                                                                      \
	"node pc user=bob\n"                                                                       \
	"node web tags=tag:a\n"                                                                    \
	"node router tags=tag:r routes=10.33.0.0/16\n"                                             \
	"node exit tags=tag:x,tag:r routes=0.0.0.0/0,::/0\n"

#define HEAD                                                                                       \
	"{\"groups\":{\"group:g\":[\"bob@example.org\"],\"group:none\":[],"                        \
	"\"group:odd\":[\"nobody@\",\"bob@\"]},"                                                   \
	"\"hosts\":{\"net\":\"10.33.5.1/24\",\"one\":\"100.64.0.4\",\"all\":\"0.0.0.0/0\"},"       \
	"\"ipsets\":{\"ipset:s\":[\"add 10.33.0.0/24\",\"remove 10.33.0.128/25\"]},"               \
	"\"tagOwners\":{\"tag:a\":[],\"tag:r\":[],\"tag:x\":[],\"tag:empty\":[]},"
#define GRANT(g)    HEAD "\"grants\":[" g "]}"
#define ACL(a)      HEAD "\"acls\":[" a "]}"
#define CASE(s)     "{\"SrcIPs\":" s ",\"DstPorts\":["
#define ALL(ip)     "{\"IP\":\"" ip "\",\"Ports\":{\"First\":0,\"Last\":65535}}"
#define PORT(ip, n) "{\"IP\":\"" ip "\",\"Ports\":{\"First\":" #n ",\"Last\":" #n "}}"
#define V4_4        "100.64.0.4"
#define V6(n)       "fd7a:115c:a1e0::" #n
#define BOB         "[\"100.64.0.3\",\"fd7a:115c:a1e0::3\"]"
#define WEB(n)      PORT(V4_4, n) "," PORT(V6(4), n)
#define ANN         "[\"100.64.0.1-100.64.0.2\",\"fd7a:115c:a1e0::1-fd7a:115c:a1e0::2\"]"
#define WILD_RANGES "\"100.115.94.0-100.127.255.255\",\"100.64.0.0-100.115.91.255\","
#define WILD        "[\"10.33.0.0/16\"," WILD_RANGES "\"fd7a:115c:a1e0::/48\"]"
#define CAP(d, m)   "{\"Dsts\":[" d "],\"CapMap\":{" m "}}"
#define APP         "\"app\":{\"example.com/cap\":[{\"k\":1}]}"
#define APP_MAP     "\"example.com/cap\":[{\"k\":1}]"
#define HOSTS(n)    "\"100.64.0." #n "/32\",\"fd7a:115c:a1e0::" #n "/128\""
#define INTERNET(p)                                                                                \
	"{\"IP\":\"0.0.0.0-9.255.255.255\"," p "},{\"IP\":\"11.0.0.0-100.63.255.255\"," p          \
	"},{\"IP\":\"100.128.0.0-169.253.255.255\"," p                                             \
	"},{\"IP\":\"169.255.0.0-172.15.255.255\"," p                                              \
	"},{\"IP\":\"172.32.0.0-192.167.255.255\"," p                                              \
	"},{\"IP\":\"192.169.0.0-255.255.255.255\"," p                                             \
	"},{\"IP\":\"2000::-3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\"," p "}"
#define EVERY "\"Ports\":{\"First\":0,\"Last\":65535}"

struct row {
	const char *name, *policy, *node, *filter;
};

static struct row rows[] = {
	/* 4.9, 12 D1 */
	{ "no policy", NULL, "pc", "[" CASE("[\"*\"]") ALL("*") "]}]" },
	{ "neither acls nor grants", HEAD "}", "pc", "[" CASE(WILD) ALL("*") "]}]" },
	{ "null acls", HEAD "\"acls\":null}", "pc", "[" CASE(WILD) ALL("*") "]}]" },
	{ "empty acls", HEAD "\"acls\":[]}", "pc", "[]" },
	{ "empty grants beside null acls", HEAD "\"acls\":null,\"grants\":[]}", "pc", "[]" },
	{ "grants alone are a policy", GRANT("{\"src\":[\"bob@\"],\"dst\":[\"tag:a\"]," APP "}"),
	  "pc", "[]" },

	/* 3.3: aliases */
	{ "user by name and mail, both families",
	  ACL("{\"src\":[\"bob@example.org\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE(BOB) WEB(22) "]}]" },
	{ "group with an unknown member", ACL("{\"src\":[\"group:odd\"],\"dst\":[\"tag:a:22\"]}"),
	  "web", "[" CASE(BOB) WEB(22) "]}]" },
	{ "empty group", ACL("{\"src\":[\"group:none\"],\"dst\":[\"tag:a:22\"]}"), "web", "[]" },
	{ "user without nodes, by provider", ACL("{\"src\":[\"idp/3@\"],\"dst\":[\"tag:a:22\"]}"),
	  "web", "[]" },
	{ "neighbours fuse", ACL("{\"src\":[\"ann@\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE(ANN) WEB(22) "]}]" },
	{ "a host stays in its family", ACL("{\"src\":[\"bob@\"],\"dst\":[\"one:22\"]}"), "web",
	  "[" CASE(BOB) PORT(V4_4, 22) "]}]" },
	{ "a literal too", ACL("{\"src\":[\"bob@\"],\"dst\":[\"[fd7a:115c:a1e0::4]:22\"]}"), "web",
	  "[" CASE(BOB) PORT(V6(4), 22) "]}]" },
	{ "members", ACL("{\"src\":[\"autogroup:member\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE("[\"100.64.0.1-100.64.0.3\",\"fd7a:115c:a1e0::1-fd7a:115c:a1e0::3\"]")
		  WEB(22) "]}]" },
	{ "tagged", ACL("{\"src\":[\"autogroup:tagged\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE("[\"100.64.0.4-100.64.0.6\",\"fd7a:115c:a1e0::4-fd7a:115c:a1e0::6\"]")
		  WEB(22) "]}]" },
	{ "user:*@domain, ignoring case",
	  ACL("{\"src\":[\"user:*@EXAMPLE.com\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE(ANN) WEB(22) "]}]" },
	{ "owners", ACL("{\"src\":[\"autogroup:owner\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE(ANN) WEB(22) "]}]" },
	{ "the owner is an admin", ACL("{\"src\":[\"autogroup:admin\"],\"dst\":[\"tag:a:22\"]}"),
	  "web",
	  "[" CASE("[\"100.64.0.1-100.64.0.3\",\"fd7a:115c:a1e0::1-fd7a:115c:a1e0::3\"]")
		  WEB(22) "]}]" },
	{ "IP set as a destination", ACL("{\"src\":[\"bob@\"],\"dst\":[\"ipset:s:22\"]}"), "router",
	  "[" CASE(BOB) PORT("10.33.0.0/25", 22) "]}]" },

	/* 4.2 */
	{ "empty source list", GRANT("{\"src\":[],\"dst\":[\"tag:a\"],\"ip\":[\"*\"]," APP "}"),
	  "web", "[]" },
	{ "empty destination list", GRANT("{\"src\":[\"*\"],\"dst\":[],\"ip\":[\"*\"]," APP "}"),
	  "web", "[]" },

	/* 4.4 */
	{ "wildcard source", ACL("{\"src\":[\"*\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE(WILD) WEB(22) "]}]" },
	{ "explicit beside a wildcard", ACL("{\"src\":[\"*\",\"bob@\"],\"dst\":[\"tag:a:22\"]}"),
	  "web",
	  "[" CASE("[\"10.33.0.0/16\",\"100.64.0.3\"," WILD_RANGES
		   "\"fd7a:115c:a1e0::/48\",\"fd7a:115c:a1e0::3\"]") WEB(22) "]}]" },
	{ "a route stays beside what covers it",
	  ACL("{\"src\":[\"*\",\"10.0.0.0/8\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE("[\"10.0.0.0/8\",\"10.33.0.0/16\"," WILD_RANGES "\"fd7a:115c:a1e0::/48\"]")
		  WEB(22) "]}]" },
	{ "danger-all", ACL("{\"src\":[\"autogroup:danger-all\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE("[\"*\"]") WEB(22) "]}]" },
	{ "danger-all in company",
	  ACL("{\"src\":[\"*\",\"bob@\",\"autogroup:danger-all\"],\"dst\":[\"tag:a:22\"]}"), "web",
	  "[" CASE("[\"*\"]") WEB(22) "]}]" },
	{ "danger-all with a capability",
	  GRANT("{\"src\":[\"autogroup:danger-all\",\"*\"],\"dst\":[\"tag:a\"]," APP "}"), "web",
	  "[{\"SrcIPs\":[\"*\"],\"CapGrant\":[" CAP(HOSTS(4), APP_MAP) "]}]" },

	/* 4.5 */
	{ "wildcard destination", ACL("{\"src\":[\"bob@\"],\"dst\":[\"*:22\"]}"), "phone",
	  "[" CASE(BOB) PORT("*", 22) "]}]" },
	{ "several ports and a protocol",
	  ACL("{\"proto\":\"tcp\",\"src\":[\"bob@\"],\"dst\":[\"one:22,80-90\"]}"), "web",
	  "[" CASE(BOB)
		  PORT(V4_4, 22) ",{\"IP\":\"100.64.0.4\",\"Ports\":{\"First\":80,\"Last\":90}}"
				 "],\"IPProto\":[6]}]" },
	{ "icmp is 1 alone", GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"ip\":[\"icmp:*\"]}"),
	  "web", "[" CASE(BOB) ALL(V4_4) "],\"IPProto\":[1]}]" },
	{ "a rule an ip entry",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"ip\":[\"tcp:22\","
		"\"udp:53\"]}"),
	  "web",
	  "[" CASE(BOB) PORT(V4_4, 22) "],\"IPProto\":[6]}," CASE(BOB)
		  PORT(V4_4, 53) "],\"IPProto\":[17]}]" },
	{ "the internet as seven ranges",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"autogroup:internet:*\"]}"), "exit",
	  "[" CASE(BOB) INTERNET(EVERY) "]}]" },
	{ "the internet is nothing to others",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"autogroup:internet:*\"]}"), "router", "[]" },

	/* 4.3 */
	{ "equal sources and protocols merge, doubles stay",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"one:22\",\"one:22\"]},"
	      "{\"src\":[\"*\"],\"dst\":[\"one:1\"]},"
	      "{\"src\":[\"group:g\"],\"dst\":[\"one:80\"]}"),
	  "web",
	  "[" CASE(BOB) PORT(V4_4, 22) "," PORT(V4_4, 22) "," PORT(V4_4, 80) "]}," CASE(WILD)
		  PORT(V4_4, 1) "]}]" },
	{ "grants stand before acls",
	  HEAD "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"one:1\"]}],\"grants\":[{\"src\":[\"bob@\"],"
	       "\"dst\":[\"one\"],\"ip\":[\"2\"]}]}",
	  "web", "[" CASE(BOB) PORT(V4_4, 2) "]}," CASE(WILD) PORT(V4_4, 1) "]}]" },
	{ "capabilities never merge, and follow the ports",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"ip\":[\"1\"]," APP "},"
		"{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"ip\":[\"2\"]," APP "}"),
	  "web",
	  "[" CASE(BOB) PORT(V4_4, 1) "," PORT(V4_4, 2) "]},{\"SrcIPs\":" BOB ",\"CapGrant\":[" CAP(
		  "\"100.64.0.4/32\"", APP_MAP) "]},{\"SrcIPs\":" BOB
						",\"CapGrant\":[" CAP("\"100.64.0.4/32\"",
								      APP_MAP) "]}]" },

	/* 4.6 */
	{ "one entry a destination",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"tag:a\",\"one\",\"tag:empty\"]," APP "}"), "web",
	  "[{\"SrcIPs\":" BOB
	  ",\"CapGrant\":[" CAP(HOSTS(4), APP_MAP) "," CAP("\"100.64.0.4/32\"", APP_MAP) "]}]" },
	{ "sources that are nobody", GRANT("{\"src\":[\"group:none\"],\"dst\":[\"one\"]," APP "}"),
	  "web", "[{\"SrcIPs\":[],\"CapGrant\":[" CAP("\"100.64.0.4/32\"", APP_MAP) "]}]" },
	{ "a wildcard destination is narrowed",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"*\"]," APP "}"), "web",
	  "[{\"SrcIPs\":" BOB ",\"CapGrant\":[" CAP(HOSTS(4), APP_MAP) "]}]" },
	{ "what overlaps a subnet stays as written",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.0.0.0/8\",\"tag:r\"]," APP "}"), "router",
	  "[{\"SrcIPs\":" BOB
	  ",\"CapGrant\":[" CAP("\"10.0.0.0/8\"", APP_MAP) "," CAP(HOSTS(5), APP_MAP) "]}]" },
	{ "companions, drive before relay, to the sources",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"app\":{\"tailscale.com/cap/relay\":[],"
		"\"tailscale.com/cap/drive\":[]}}"),
	  "pc",
	  "[{\"SrcIPs\":[\"100.64.0.4\"],\"CapGrant\":[" CAP(
		  HOSTS(3),
		  "\"tailscale.com/cap/drive-sharer\":null") "]},"
							     "{\"SrcIPs\":[\"100.64.0.4\"],"
							     "\"CapGrant\":[" CAP(
								     HOSTS(3),
								     "\"tailscale.com/cap/"
								     "relay-target\":null") "]}]" },
	{ "a companion of a wildcard has the subnets too",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"*\"],\"app\":{\"tailscale.com/cap/drive\":[]}}"),
	  "pc",
	  "[{\"SrcIPs\":" BOB ",\"CapGrant\":[" CAP(
		  HOSTS(3),
		  "\"tailscale.com/cap/drive\":[]") "]},{\"SrcIPs\":" WILD
						    ",\"CapGrant\":[" CAP(
							    HOSTS(3),
							    "\"tailscale.com/cap/"
							    "drive-sharer\":null") "]}]" },

	/* 4.7 */
	{ "self, bare addresses of the node alone",
	  ACL("{\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}"), "lap",
	  "[" CASE(ANN) PORT("100.64.0.2", 22) "," PORT(V6(2), 22) "]}]" },
	{ "self is nothing to the tagged", ACL("{\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}"),
	  "web", "[]" },
	{ "self of a user that is no source",
	  ACL("{\"src\":[\"ann@\"],\"dst\":[\"autogroup:self:22\"]}"), "pc", "[]" },
	{ "self after the others",
	  ACL("{\"src\":[\"ann@\"],\"dst\":[\"autogroup:self:1\",\"*:2\"]}"), "lap",
	  "[" CASE(ANN) PORT("*", 2) "," PORT("100.64.0.2", 1) "," PORT(V6(2), 1) "]}]" },
	{ "self with a capability",
	  GRANT("{\"src\":[\"ann@\"],\"dst\":[\"autogroup:self\"]," APP "}"), "lap",
	  "[{\"SrcIPs\":" ANN ",\"CapGrant\":[" CAP(HOSTS(2), APP_MAP) "]}]" },
	{ "self merges with a shared rule behind it",
	  HEAD "\"grants\":[{\"src\":[\"ann@\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"1\"]}],"
	       "\"acls\":[{\"src\":[\"bob@\"],\"dst\":[\"*:2\"]},{\"src\":[\"ann@\"],\"dst\":[\"*:"
	       "3\"]}]}",
	  "lap",
	  "[" CASE(ANN) PORT("100.64.0.2", 1) "," PORT(V6(2), 1) "," PORT("*", 3) "]}," CASE(BOB)
		  PORT("*", 2) "]}]" },

	/* 4.8 */
	{ "via: the literal destination, on the router",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.0.0.0/"
		"8\"],\"ip\":[\"22\"],\"via\":[\"tag:r\"]}"),
	  "router", "[" CASE(BOB) PORT("10.0.0.0/8", 22) "]}]" },
	{ "via: single addresses as prefixes",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.33.5.7\"],\"ip\":[\"22\"],\"via\":[\"tag:r\"]}"),
	  "router", "[" CASE(BOB) PORT("10.33.5.7/32", 22) "]}]" },
	{ "via: not served",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.34.0.0/16\"],\"ip\":[\"22\"],"
		"\"via\":[\"tag:r\"]}"),
	  "router", "[]" },
	{ "via: not the tag",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.33.0.0/16\"],\"ip\":[\"22\"],"
		"\"via\":[\"tag:x\"]}"),
	  "router", "[]" },
	{ "via: capabilities make no rule",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"10.33.0.0/16\"]," APP ",\"via\":[\"tag:r\"]}"),
	  "router", "[]" },
	{ "via: wildcard and explicit, without the explicit again",
	  GRANT("{\"src\":[\"*\",\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"22\"],\"via\":[\"tag:r\"]}"),
	  "router", "[" CASE(WILD) PORT("10.33.5.0/24", 22) "]}]" },
	{ "via: danger-all",
	  GRANT("{\"src\":[\"*\",\"autogroup:danger-all\"],\"dst\":[\"net\"],\"ip\":[\"22\"],"
		"\"via\":[\"tag:r\"]}"),
	  "router", "[" CASE("[\"*\"]") PORT("10.33.5.0/24", 22) "]}]" },
	{ "via: wildcard destination, as prefixes",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"*\"],\"ip\":[\"22\"],\"via\":[\"tag:r\"]}"),
	  "router", "[]" },
	{ "via: both tags of a list",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"22\"],"
		"\"via\":[\"tag:x\",\"tag:r\"]}"),
	  "router", "[" CASE(BOB) PORT("10.33.5.0/24", 22) "]}]" },
	{ "via: nothing for all",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\",\"one\"],\"ip\":[\"22\"],\"via\":[\"tag:r\"]"
		"}"),
	  "web", "[]" },
	{ "via: merges with a shared rule before it",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"],\"ip\":[\"1\"]},"
		"{\"src\":[\"*\"],\"dst\":[\"*\"],\"ip\":[\"2\"]},"
		"{\"src\":[\"group:g\"],\"dst\":[\"net\"],\"ip\":[\"3\"],\"via\":[\"tag:r\"]}"),
	  "router", "[" CASE(BOB) PORT("10.33.5.0/24", 3) "]}," CASE(WILD) PORT("*", 2) "]}]" },
	{ "via: the internet on an exit node",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"autogroup:internet\"],\"ip\":[\"*\"],"
		"\"via\":[\"tag:x\"]}"),
	  "exit", "[" CASE(BOB) INTERNET(EVERY) "]}]" },

	/* 4.10 */
	{ "entries are kept whole", ACL("{\"src\":[\"bob@\"],\"dst\":[\"100.64.0.0/24:22\"]}"),
	  "web", "[" CASE(BOB) PORT("100.64.0.0/24", 22) "]}]" },
	{ "a subnet overlaps",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"10.33.5.7:22\",\"10.0.0.0/8:1\"]}"), "router",
	  "[" CASE(BOB) PORT("10.33.5.7", 22) "," PORT("10.0.0.0/8", 1) "]}]" },
	{ "an exit node keeps what is inside the internet",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"8.8.8.8:53\",\"10.33.0.0/16:1\"]}"), "exit",
	  "[" CASE(BOB) PORT("8.8.8.8", 53) "]}]" },
	{ "an exit node keeps no private prefix",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"192.168.0.0/16:1\"]}"), "exit", "[]" },
	{ "a host of all addresses", ACL("{\"src\":[\"bob@\"],\"dst\":[\"all:22\"]}"), "web",
	  "[" CASE(BOB) PORT("0.0.0.0/0", 22) "]}]" },
};

static void run_filter(void **state)
{
	const struct row *row = *state;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	kit_expect_filter(&k, row->node, row->filter);
	kit_done(&k);
}

/* ---- peers ---- */

struct peers_row {
	const char *name, *policy, *node, *peers;
};

static struct peers_row peers_rows[] = {
	{ "no policy: everybody", NULL, "pc", "phone lap web router exit" },
	{ "no rules: everybody", HEAD "}", "pc", "phone lap web router exit" },
	{ "deny all: nobody", ACL(""), "pc", "" },
	{ "source and destination", ACL("{\"src\":[\"bob@\"],\"dst\":[\"tag:a:22\"]}"), "pc",
	  "web" },
	{ "both ways", ACL("{\"src\":[\"bob@\"],\"dst\":[\"tag:a:22\"]}"), "web", "pc" },
	{ "not a third", ACL("{\"src\":[\"bob@\"],\"dst\":[\"tag:a:22\"]}"), "phone", "" },
	{ "sources do not see each other",
	  ACL("{\"src\":[\"bob@\",\"ann@\"],\"dst\":[\"tag:a:22\"]}"), "pc", "web" },
	{ "a destination behind a router", ACL("{\"src\":[\"bob@\"],\"dst\":[\"net:22\"]}"), "pc",
	  "router" },
	{ "a source behind a router", ACL("{\"src\":[\"10.33.0.1\"],\"dst\":[\"bob@:22\"]}"), "pc",
	  "router" },
	{ "the internet is its exit nodes",
	  ACL("{\"src\":[\"bob@\"],\"dst\":[\"autogroup:internet:*\"]}"), "pc", "exit" },
	{ "all of IPv4 is the internet too", ACL("{\"src\":[\"bob@\"],\"dst\":[\"all:*\"]}"), "pc",
	  "phone lap web router exit" },
	{ "a capability makes visible", GRANT("{\"src\":[\"bob@\"],\"dst\":[\"one\"]," APP "}"),
	  "pc", "web" },
	{ "capability for nobody", GRANT("{\"src\":[\"group:none\"],\"dst\":[\"one\"]," APP "}"),
	  "web", "" },
	{ "self", ACL("{\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}"), "lap", "phone" },
	{ "self alone", ACL("{\"src\":[\"*\"],\"dst\":[\"autogroup:self:22\"]}"), "pc", "" },
	{ "via: the router that serves it",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"*\"],\"via\":[\"tag:r\"]}"), "pc",
	  "router" },
	{ "via: seen from the router",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"*\"],\"via\":[\"tag:r\"]}"),
	  "router", "pc" },
	{ "via: another tag",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\"],\"ip\":[\"*\"],"
		"\"via\":[\"tag:x\"]}"),
	  "pc", "" },
	{ "via: the exit node",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"autogroup:internet\"],"
		"\"ip\":[\"*\"],\"via\":[\"tag:x\"]}"),
	  "pc", "exit" },
	{ "via: capabilities alone make visible",
	  GRANT("{\"src\":[\"bob@\"],\"dst\":[\"net\"]," APP ",\"via\":[\"tag:r\"]}"), "pc",
	  "router" },
};

static void run_peers(void **state)
{
	const struct peers_row *row = *state;
	struct kit k;

	kit_init(&k, WORLD, row->policy);
	kit_expect_peers(&k, row->node, row->peers);
	kit_done(&k);
}

/* ---- places of merged rules, sorting, unknown nodes ---- */

/* ---- both sections, present and not ---- */

struct section {
	const char *text, *rule;
	bool given;
};

static void expect_sections(const struct section *acls, const struct section *grants)
{
	char policy[2048], filter[1024];
	struct kit k;

	snprintf(policy, sizeof policy, HEAD "%s%s%s}", acls->text,
		 acls->text[0] != '\0' && grants->text[0] != '\0' ? "," : "", grants->text);
	snprintf(filter, sizeof filter, "[%s%s%s]", grants->rule,
		 grants->rule[0] != '\0' && acls->rule[0] != '\0' ? "," : "", acls->rule);
	if (!acls->given && !grants->given)
		snprintf(filter, sizeof filter, "[" CASE(WILD) ALL("*") "]}]");
	kit_init(&k, WORLD, policy);
	kit_expect_filter(&k, "web", filter);
	kit_done(&k);
}

/* Only when neither section is there is everything allowed; an empty one allows nothing. */
static void sections_present_and_not(void **state)
{
	static const struct section acls[] = {
		{ "", "", false },
		{ "\"acls\":null", "", false },
		{ "\"acls\":[]", "", true },
		{ "\"acls\":[{\"src\":[\"bob@\"],\"dst\":[\"tag:a:22\"]}]", CASE(BOB) WEB(22) "]}",
		  true },
	};
	static const struct section grants[] = {
		{ "", "", false },
		{ "\"grants\":null", "", false },
		{ "\"grants\":[]", "", true },
		{ "\"grants\":[{\"src\":[\"ann@\"],\"dst\":[\"tag:a\"],\"ip\":[\"53\"]}]",
		  CASE(ANN) WEB(53) "]}", true },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(acls); i++)
		for (size_t j = 0; j < COUNT(grants); j++)
			expect_sections(&acls[i], &grants[j]);
}

static void merge_takes_the_first_place(void **state)
{
	struct kit k;

	(void)state; /* bob's first rule is for the phone alone; web's stands in its place */
	kit_init(&k, WORLD,
		 ACL("{\"src\":[\"bob@\"],\"dst\":[\"100.64.0.1:22\"]},"
		     "{\"src\":[\"*\"],\"dst\":[\"one:1\"]},"
		     "{\"src\":[\"group:g\"],\"dst\":[\"one:80\"]}"));
	kit_expect_filter(&k, "web",
			  "[" CASE(BOB) PORT(V4_4, 80) "]}," CASE(WILD) PORT(V4_4, 1) "]}]");
	kit_done(&k);
}

static void rules_without_effect_hold_no_place(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, WORLD,
		 ACL("{\"src\":[\"bob@\"],\"dst\":[\"tag:empty:22\"]},"
		     "{\"src\":[\"*\"],\"dst\":[\"one:1\"]},"
		     "{\"src\":[\"bob@\"],\"dst\":[\"one:80\"]}"));
	kit_expect_filter(&k, "web",
			  "[" CASE(WILD) PORT(V4_4, 1) "]}," CASE(BOB) PORT(V4_4, 80) "]}]");
	kit_done(&k);
}

static void sources_are_sorted_bytewise(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, WORLD,
		 ACL("{\"src\":[\"9.0.0.1\",\"10.0.0.1\",\"bob@\"],\"dst\":[\"one:80\"]}"));
	char *got = kit_filter(k.p, kit_id(&k.world, "web"));
	assert_string_equal(got, "[" CASE("[\"10.0.0.1\",\"100.64.0.3\",\"9.0.0.1\","
					  "\"fd7a:115c:a1e0::3\"]") PORT(V4_4, 80) "]}]");
	free(got);
	kit_done(&k);
}

static void unknown_nodes_get_nothing(void **state)
{
	struct kit k;
	uint64_t ids[8];

	(void)state;
	kit_init(&k, WORLD, NULL);
	char *got = kit_filter(k.p, 99);
	assert_string_equal(got, "[]");
	assert_int_equal(fl_policy_peers(k.p, 99, ids, 8), 0);
	assert_false(fl_policy_sees(k.p, 99, 1));
	assert_false(fl_policy_sees(k.p, 1, 99));
	assert_int_equal(fl_policy_peers(k.p, 1, ids, 2),
			 5); /* no room is no reason to count less */
	free(got);
	kit_done(&k);
}

static void ids_must_ascend(void **state)
{
	struct kit_world w;
	struct fl_policy *p = NULL;

	(void)state;
	kit_world_init(&w, "node a id=2\nnode b id=1\n");
	assert_err(fl_policy_new(NULL, &w.world, &p), FL_ERR_ARG);
	assert_null(p);
	kit_world_done(&w);
}

/* ---- odd nodes ---- */

static void odd_addresses_are_not_in_the_wildcard(void **state)
{
	struct kit k;

	(void)state; /* 100.115.92.0/23 is cut out of it */
	kit_init(&k, "node a\nnode b ip=100.115.92.7\nnode c ip=10.9.9.9\n",
		 ACL("{\"src\":[\"*\"],\"dst\":[\"*:*\"]}"));
	kit_expect_peers(&k, "a", "b c"); /* as destinations they are everywhere */
	kit_expect_peers(&k, "b", "a");
	kit_done(&k);
}

static void one_family_alone(void **state)
{
	struct kit k;

	(void)state;
	kit_init(
		&k,
		"user ann\nnode a user=ann ip=100.64.0.1\nnode b tags=tag:a ip=fd7a:115c:a1e0::9\n",
		ACL("{\"src\":[\"ann@\"],\"dst\":[\"tag:a:22\"]}"));
	kit_expect_filter(&k, "b", "[" CASE("[\"100.64.0.1\"]") PORT(V6(9), 22) "]}]");
	kit_done(&k);
}

static void served_single_addresses_are_prefixes(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, "node a\nnode r routes=10.1.1.1/32,10.1.1.2/32,0.0.0.0/0\n",
		 ACL("{\"src\":[\"*\"],\"dst\":[\"*:22\"]}"));
	kit_expect_filter(&k, "a",
			  "[" CASE("[\"10.1.1.1/32\",\"10.1.1.2/32\"," WILD_RANGES
				   "\"fd7a:115c:a1e0::/48\"]") PORT("*", 22) "]}]");
	kit_done(&k);
}

static void announced_by_two_is_told_once(void **state)
{
	struct kit k;

	(void)state;
	kit_init(&k, "node a\nnode r routes=10.33.0.0/16\nnode s routes=10.33.0.0/16\n",
		 ACL("{\"src\":[\"*\"],\"dst\":[\"*:22\"]}"));
	kit_expect_filter(&k, "a", "[" CASE(WILD) PORT("*", 22) "]}]");
	kit_done(&k);
}

/* ---- aliases that mean nobody ---- */

struct why_row {
	const char *name, *alias, *why;
};

static struct why_row why_rows[] = {
	{ "unknown user", "zoe@", "user not found: token \"zoe@\"" },
	{ "two users", "ann@example.com",
	  "multiple users found: token \"ann@example.com\" found: "
	  "[ 1: ann, 2: other,  ]" },
	{ "unknown host", "nowhere", "error resolving host: \"nowhere\"" },
	{ "self", "autogroup:self",
	  "autogroup:self requires per-node resolution and cannot be resolved in this context" },
	{ "nonroot", "autogroup:nonroot", "unknown autogroup: \"autogroup:nonroot\"" },
};

static void run_why(void **state)
{
	const struct why_row *row = *state;
	struct fl_policy_set *set = NULL;
	struct fl_alias alias;
	struct kit k;

	kit_init(&k, "user ann ann@example.com\nuser other ann@example.com\nnode a user=ann\n",
		 HEAD "}");
	assert_err(fl_alias_parse(row->alias, &alias, NULL), FL_OK);
	assert_err(fl_policy_resolve(k.p, &alias, &set), FL_OK);
	assert_true(set->failed);
	assert_int_equal(set->ips.len, 0);
	assert_string_equal(set->why, row->why);
	fl_policy_set_unref(set);
	kit_done(&k);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, run_filter);
	ROWS(&s, peers_rows, run_peers);
	ROWS(&s, why_rows, run_why);
	suite_add(&s, "sections present and not", sections_present_and_not, NULL);
	suite_add(&s, "merged rules stand in the first place", merge_takes_the_first_place, NULL);
	suite_add(&s, "no effect, no place", rules_without_effect_hold_no_place, NULL);
	suite_add(&s, "sources sorted", sources_are_sorted_bytewise, NULL);
	suite_add(&s, "unknown nodes", unknown_nodes_get_nothing, NULL);
	suite_add(&s, "ids ascend", ids_must_ascend, NULL);
	suite_add(&s, "odd addresses", odd_addresses_are_not_in_the_wildcard, NULL);
	suite_add(&s, "one family", one_family_alone, NULL);
	suite_add(&s, "served hosts", served_single_addresses_are_prefixes, NULL);
	suite_add(&s, "announced twice", announced_by_two_is_told_once, NULL);
	return suite_run(&s, "policy_engine");
}
