/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/cli/test_commands.c - what each command asks of the server and makes of the answer; those
 * of policies are in test_policy_commands.c.
 */
#include "mock.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

/* ---- rows ---- */

#define NODE(id, name, more)                                                                       \
	"{\"id\":\"" id "\",\"givenName\":\"" name "\",\"name\":\"host\"" more "}"
#define LAP                                                                                        \
	",\"ipAddresses\":[\"100.64.0.1\",\"fd7a:115c:a1e0::1\"],\"tags\":[\"tag:a\",\"tag:b\"],"  \
	"\"availableRoutes\":[\"10.0.0.0/8\"]"
#define DESK                                                                                       \
	",\"ipAddresses\":[\"100.64.0.2\"],\"tags\":[],\"availableRoutes\":[],\"approvedRoutes\":" \
	"[]"
#define NODES     "{\"nodes\":[" NODE("1", "lap", LAP) "," NODE("2", "desk", DESK) "]}"
#define ONE(more) "{\"node\":" NODE("1", "lap", more) "}"
#define USERS                                                                                      \
	"{\"users\":[{\"id\":\"1\",\"name\":\"2\",\"email\":\"\"},{\"id\":\"2\",\"name\":\"bob\"," \
	"\"email\":\"b@x.y\"},{\"id\":\"3\",\"name\":\"twin\",\"email\":\"t@x.y\"},"               \
	"{\"id\":\"4\",\"name\":\"twin\",\"email\":\"T@x.y\"}]}"
#define GET_NODES                                                                                  \
	{                                                                                          \
		"GET /api/v1/node ", 0, NODES                                                      \
	}
#define GET_HISTORY                                                                                \
	{                                                                                          \
		"GET /api/v1/policy/history ", 0,                                                  \
			"{\"revisions\":[{\"rev\":\"3\",\"comment\":\"\"},{\"rev\":\"12\","        \
			"\"comment\":"                                                             \
			"\"back\"}]}"                                                              \
	}
#define GET_USERS                                                                                  \
	{                                                                                          \
		"GET /api/v1/user ", 0, USERS                                                      \
	}

static struct mock_row rows[] = {
	/* ---- nodes by what they are called ---- */
	{ "nodes show 1", 0, "Name\tlap", { { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show lap", 0, "lap", { GET_NODES, { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show LAP", 0, "lap", { GET_NODES, { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show lap.fairlead.internal",
	  0,
	  "lap",
	  { GET_NODES, { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show Lap.Fairlead.Internal.",
	  0,
	  "lap",
	  { GET_NODES, { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show lap.example.com", 3, "no node matches", { GET_NODES } },
	{ "nodes show 100.64.0.2", 0, "", { GET_NODES, { "GET /api/v1/node/2 ", 0, ONE("") } } },
	{ "nodes show fd7a:115c:a1e0:0::1",
	  0,
	  "lap",
	  { GET_NODES, { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes show 100.64.0.3", 3, "no node matches '100.64.0.3'", { GET_NODES } },
	{ "nodes show host", 3, "'host' matches more than one: 1 (lap), 2 (desk)", { GET_NODES } },
	{ "nodes show ''", 3, "no node matches", { GET_NODES } },
	{ "nodes show -i 1 -o json", 0, ONE(""), { { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes list -o name", 0, "lap\ndesk\n", { GET_NODES } },
	{ "nodes list -o name --sort -id", 0, "desk\nlap\n", { GET_NODES } },
	{ "nodes list -o json --columns name --sort name",
	  0,
	  "{\"nodes\":[{\"givenName\":\"desk\"},{\"givenName\":\"lap\"}]}",
	  { GET_NODES } },
	{ "nodes show 1 --columns name",
	  0,
	  "Name\tlap\n",
	  { { "GET /api/v1/node/1 ", 0, ONE("") } } },
	{ "nodes list --columns nam", 2, "no column 'nam', but id, name", { { 0 } } },
	{ "nodes list --sort x -o json", 2, "\"code\":2,\"field\":\"sort\",", { { 0 } } },
	{ "users create x --columns y", 2, "no column 'y'", { { 0 } } }, /* before it is made */
	{ "-o json preauthkeys create -u 1 -e x", 2, "\"field\":\"expiration\",", { { 0 } } },
	{ "nodes show -o name", 0, "lap\ndesk\n", { GET_NODES } },
	{ "nodes list -u bob",
	  0,
	  "lap",
	  { GET_USERS, { "GET /api/v1/node?user=bob ", 0, NODES } } },

	/* ---- users by what they are called ---- */
	{ "users show 2 -o name",
	  0,
	  "bob",
	  { GET_USERS, { "GET /api/v1/user?id=2 ", 0, "{\"users\":[{\"name\":\"bob\"}]}" } } },
	{ "users show B@X.Y -o name",
	  0,
	  "bob",
	  { GET_USERS, { "GET /api/v1/user?id=2 ", 0, "{\"users\":[{\"name\":\"bob\"}]}" } } },
	{ "users show twin", 3, "more than one: 3 (twin), 4 (twin)", { GET_USERS } },
	{ "users show t@x.y", 3, "Name one by its id", { GET_USERS } },
	{ "users delete 4 --force",
	  0,
	  "user twin deleted",
	  { GET_USERS, { "DELETE /api/v1/user/4 ", 0, "{}" } } },
	{ "users delete @users.list --force",
	  0,
	  "user bob deleted\nuser twin deleted\n",
	  { GET_USERS,
	    GET_USERS,
	    { "DELETE /api/v1/user/2 ", 0, "{}" },
	    { "DELETE /api/v1/user/4 ", 0, "{}" } } },
	{ "users delete @wrong.list --force", 3, "no user matches 'lap'", { GET_USERS } },
	{ "preauthkeys expire @keys.list",
	  0,
	  "key 5 expired\nkey 6 expired\n",
	  { { "POST /api/v1/preauthkey/expire {\"id\":\"5\"}", 0, "{}" },
	    { "POST /api/v1/preauthkey/expire {\"id\":\"6\"}", 0, "{}" } } },
	{ "preauthkeys delete -i @keys.list",
	  0,
	  "key 5 deleted\nkey 6 deleted\n",
	  { { "DELETE /api/v1/preauthkey?id=5 ", 0, "{}" },
	    { "DELETE /api/v1/preauthkey?id=6 ", 0, "{}" } } },
	{ "users rename bob 'a/b c'",
	  4,
	  "no",
	  { GET_USERS,
	    { "POST /api/v1/user/2/rename/a%2Fb%20c ", 400,
	      "{\"detail\":\"d\",\"errors\":[{\"message\":\"no\"}]}" } } },
	{ "users role b@x.y admin",
	  0,
	  "the role of user bob is now admin\n",
	  { GET_USERS,
	    { "PUT /api/v1/user/2/role {\"role\":\"admin\"}", 0,
	      "{\"user\":{\"name\":\"bob\",\"role\":\"admin\"}}" } } },
	{ "users role bob boss -o json",
	  4,
	  "one of owner, admin",
	  { GET_USERS,
	    { "PUT /api/v1/user/2/role {\"role\":\"boss\"}", 400,
	      "{\"detail\":\"d\",\"errors\":[{\"message\":\"one of owner, admin\"}]}" } } },
	{ "users role bob", 2, "missing argument: USER ROLE", { { 0 } } },
	{ "users list --columns name,role",
	  0,
	  "bob\tadmin\n",
	  { { "GET /api/v1/user ", 0, "{\"users\":[{\"name\":\"bob\",\"role\":\"admin\"}]}" } } },
	{ "users list -e a+b@x.y", 0, "", { { "GET /api/v1/user?email=a%2Bb%40x.y ", 0, USERS } } },
	{ "users create x -d 'D E' -p http://p",
	  0,
	  "user x created",
	  { { "POST /api/v1/user {\"name\":\"x\",\"displayName\":\"D E\",\"email\":\"\","
	      "\"pictureUrl\":\"http://p\"}",
	      0, "{\"user\":{\"name\":\"x\"}}" } } },
	{ "users create x -o name",
	  0,
	  "x\n",
	  { { "POST /api/v1/user {\"name\":\"x\",\"displayName\":\"\",\"email\":\"\","
	      "\"pictureUrl\":\"\"}",
	      0, "{\"user\":{\"name\":\"x\"}}" } } },

	/* ---- changes of nodes ---- */
	{ "nodes rename lap new",
	  0,
	  "node lap is now new",
	  { GET_NODES, { "POST /api/v1/node/1/rename/new ", 0, ONE("") } } },
	{ "nodes rename -i 1 new -q",
	  0,
	  "",
	  { { "POST /api/v1/node/1/rename/new ", 0, ONE("") } } },
	{ "nodes expire 1",
	  0,
	  "node 1 expired",
	  { { "POST /api/v1/node/1/expire {}", 0, ONE("") } } },
	{ "nodes expire 1 -e ''",
	  0,
	  "expired",
	  { { "POST /api/v1/node/1/expire {}", 0, ONE("") } } },
	{ "nodes expire 1 --never",
	  0,
	  "never expires",
	  { { "POST /api/v1/node/1/expire {\"disableExpiry\":true}", 0, ONE("") } } },
	{ "nodes expire 1 -e 30d",
	  0,
	  "expires at",
	  { { "POST /api/v1/node/1/expire {\"expiry\":#}", 0, ONE("") } } },
	{ "nodes expire 1 -e 2099-01-02T03:04:05+02:00",
	  0,
	  "expires at",
	  { { "POST /api/v1/node/1/expire {\"expiry\":#}", 0, ONE("") } } },
	{ "nodes delete @some.list --yes",
	  0,
	  "node lap deleted\nnode 7 deleted\n",
	  { GET_NODES,
	    { "DELETE /api/v1/node/1 ", 0, "{}" },
	    { "DELETE /api/v1/node/7 ", 0, "{}" } } },
	{ "nodes delete @wrong.list --yes", 3, "no node matches 'x'", { GET_NODES, GET_NODES } },
	{ "nodes delete @/nonexistent/list --yes", 2, "/nonexistent/list", { { 0 } } },
	{ "nodes delete --filter tag=a --yes",
	  0,
	  "node lap deleted\n",
	  { GET_NODES, { "DELETE /api/v1/node/1 ", 0, "{}" } } },
	{ "nodes expire --filter 'online=false tag=tag:b'",
	  0,
	  "node lap expired\n",
	  { GET_NODES, { "POST /api/v1/node/1/expire {}", 0, ONE("") } } },
	{ "nodes tag --filter online=false x",
	  0,
	  "node lap has 1 tags\nnode desk has 1 tags\n",
	  { GET_NODES,
	    { "POST /api/v1/node/1/tags {\"tags\":[\"tag:x\"]}", 0, ONE("") },
	    { "POST /api/v1/node/2/tags {\"tags\":[\"tag:x\"]}", 0, ONE("") } } },
	{ "nodes list --filter tag=b -o name", 0, "lap\n", { GET_NODES } },
	{ "nodes list --filter user=alice -o json", 0, "{\"nodes\":[]}", { GET_NODES } },
	{ "nodes delete --filter user=alice --yes", 3, "no node fits", { GET_NODES } },
	{ "nodes delete --filter '' --yes", 2, "not understood", { { 0 } } },
	{ "nodes delete --filter 'tag=a colour=red' --yes", 2, "not understood", { { 0 } } },
	{ "nodes delete --filter online=maybe --yes", 2, "not understood", { { 0 } } },
	{ "nodes delete --filter tag= --yes", 2, "not understood", { { 0 } } },
	{ "nodes delete -i 1 --filter tag=a --yes", 2, "exclude each other", { { 0 } } },
	{ "nodes delete lap --yes",
	  0,
	  "node lap deleted",
	  { GET_NODES, { "DELETE /api/v1/node/1 ", 0, "{}" } } },
	{ "nodes delete 8 --yes -o json",
	  4,
	  "\"error\":\"no\",\"code\":4,\"field\":\"path.id\",\"hint\":",
	  { { "DELETE /api/v1/node/8 ", 422,
	      "{\"errors\":[{\"message\":\"no\",\"location\":\"path.id\"}]}" } } },
	{ "nodes delete 9 --yes -o json",
	  3,
	  "{\"error\":\"gone\",\"code\":3,\"field\":\"\",\"hint\":\"\"}",
	  { { "DELETE /api/v1/node/9 ", 404, "{\"detail\":\"gone\"}" } } },
	{ "nodes backfillips --force",
	  0,
	  "Change\n2 nodes\n",
	  { { "POST /api/v1/node/backfillips?confirmed=true ", 0,
	      "{\"changes\":[\"2 nodes\"]}" } } },

	/* ---- tags ---- */
	{ "nodes tag -i 1 -t tag:a,tag:b",
	  0,
	  "2 tags",
	  { { "POST /api/v1/node/1/tags {\"tags\":[\"tag:a\",\"tag:b\"]}", 0, ONE("") } } },
	{ "nodes tag 1 a tag:b a",
	  0,
	  "2 tags",
	  { { "POST /api/v1/node/1/tags {\"tags\":[\"tag:a\",\"tag:b\"]}", 0, ONE("") } } },
	{ "nodes tag set 1 c",
	  0,
	  "1 tags",
	  { { "POST /api/v1/node/1/tags {\"tags\":[\"tag:c\"]}", 0, ONE("") } } },
	{ "nodes tag add 1 b c",
	  0,
	  "3 tags",
	  { { "GET /api/v1/node/1 ", 0, ONE(",\"tags\":[\"tag:a\",\"tag:b\"]") },
	    { "POST /api/v1/node/1/tags {\"tags\":[\"tag:a\",\"tag:b\",\"tag:c\"]}", 0,
	      ONE("") } } },
	{ "nodes tag remove 1 b",
	  0,
	  "1 tags",
	  { { "GET /api/v1/node/1 ", 0, ONE(",\"tags\":[\"tag:a\",\"tag:b\"]") },
	    { "POST /api/v1/node/1/tags {\"tags\":[\"tag:a\"]}", 0, ONE("") } } },
	{ "nodes tag add 1 b",
	  3,
	  "gone",
	  { { "GET /api/v1/node/1 ", 404, "{\"detail\":\"gone\"}" } } },

	/* ---- nodes that answer themselves ---- */
	{ "nodes ping 1",
	  0,
	  "lap answered in 12 ms",
	  { { "POST /api/v1/node/1/ping?timeout=5s ", 0,
	      "{\"nodeId\":\"1\",\"givenName\":\"lap\",\"online\":true,\"answered\":true,"
	      "\"seconds\":0.0121}" } } },
	{ "nodes ping lap --wait 200ms",
	  8,
	  "no answer from lap within 200ms",
	  { GET_NODES,
	    { "POST /api/v1/node/1/ping?timeout=200ms ", 0,
	      "{\"givenName\":\"lap\",\"online\":false,\"answered\":false,\"seconds\":0.2}" } } },
	{ "nodes ping 7",
	  3,
	  "gone",
	  { { "POST /api/v1/node/7/ping?timeout=5s ", 404, "{\"detail\":\"gone\"}" } } },
	{ "nodes ping", 2, "which node?", { { 0 } } },
	{ "nodes health 1",
	  0,
	  "lap says that all is well",
	  { { "GET /api/v1/node/1/health?timeout=5s ", 0,
	      "{\"givenName\":\"lap\",\"online\":true,\"answered\":true,\"warnings\":[]}" } } },
	{ "nodes health 1",
	  8,
	  "high\tNo relay\tnone answers",
	  { { "GET /api/v1/node/1/health?timeout=5s ", 0,
	      "{\"givenName\":\"lap\",\"online\":true,\"answered\":true,\"warnings\":[{\"code\":"
	      "\"no-derp\",\"severity\":\"high\",\"title\":\"No relay\",\"text\":\"none "
	      "answers\"}]}" } } },
	{ "nodes health 1",
	  4,
	  "cannot tell",
	  { { "GET /api/v1/node/1/health?timeout=5s ", 400, "{\"detail\":\"cannot tell\"}" } } },

	/* ---- routes ---- */
	{ "routes list -o name", 0, "lap\n", { GET_NODES } },
	{ "routes list lap",
	  0,
	  "10.0.0.0/8",
	  { GET_NODES,
	    { "GET /api/v1/node/1 ", 0, ONE(",\"availableRoutes\":[\"10.0.0.0/8\"]") } } },
	{ "nodes approve-routes -i 1 -r 10.0.0.0/8,::/0",
	  0,
	  "2 routes",
	  { { "POST /api/v1/node/1/approve_routes {\"routes\":[\"10.0.0.0/8\",\"::/0\"]}", 0,
	      ONE("") } } },
	{ "nodes approve-routes -i 1 -r ''",
	  0,
	  "0 routes",
	  { { "POST /api/v1/node/1/approve_routes {\"routes\":[]}", 0, ONE("") } } },
	{ "routes approve 1 10.1.0.0/16 10.0.0.1/8",
	  0,
	  "3 routes",
	  { { "GET /api/v1/node/1 ", 0,
	      ONE(",\"approvedRoutes\":[\"10.0.0.0/8\",\"10.2.0.0/16\"]") },
	    { "POST /api/v1/node/1/approve_routes "
	      "{\"routes\":[\"10.2.0.0/16\",\"10.1.0.0/16\",\"10.0.0.1/8\"]}",
	      0, ONE("") } } },
	{ "routes approve 1 10.1.0.0/16 --only",
	  0,
	  "1 routes",
	  { { "POST /api/v1/node/1/approve_routes {\"routes\":[\"10.1.0.0/16\"]}", 0, ONE("") } } },
	{ "routes revoke 1 0.0.0.0/0",
	  0,
	  "1 routes",
	  { { "GET /api/v1/node/1 ", 0,
	      ONE(",\"approvedRoutes\":[\"0.0.0.0/0\",\"10.0.0.0/8\",\"::/0\"]") },
	    { "POST /api/v1/node/1/approve_routes {\"routes\":[\"10.0.0.0/8\"]}", 0, ONE("") } } },
	{ "routes revoke 1 10.9.0.0/16",
	  3,
	  "is not approved",
	  { { "GET /api/v1/node/1 ", 0, ONE(",\"approvedRoutes\":[]") } } },

	/* ---- keys ---- */
	{ "keys create -u bob --reusable --tags a",
	  0,
	  "hskey-auth-x\n",
	  { GET_USERS,
	    { "POST /api/v1/preauthkey {\"user\":\"2\",\"reusable\":true,\"ephemeral\":false,"
	      "\"aclTags\":[\"a\"],\"expiration\":#}",
	      0, "{\"preAuthKey\":{\"key\":\"hskey-auth-x\"}}" } } },
	{ "keys expire hskey-auth-0123456789ab-***",
	  0,
	  "key 5 expired",
	  { { "GET /api/v1/preauthkey ", 0,
	      "{\"preAuthKeys\":[{\"id\":\"5\",\"key\":\"hskey-auth-0123456789ab-***\"}]}" },
	    { "POST /api/v1/preauthkey/expire {\"id\":\"5\"}", 0, "{}" } } },
	{ "keys delete 0123456789ab",
	  0,
	  "key 5 deleted",
	  { { "GET /api/v1/preauthkey ", 0,
	      "{\"preAuthKeys\":[{\"id\":\"5\",\"key\":\"hskey-auth-0123456789ab-***\"}]}" },
	    { "DELETE /api/v1/preauthkey?id=5 ", 0, "{}" } } },
	{ "keys delete 0123456789",
	  3,
	  "no preauthkey",
	  { { "GET /api/v1/preauthkey ", 0, "{\"preAuthKeys\":[]}" } } },
	{ "apikeys create -e 1d",
	  0,
	  "hskey-api-x\n",
	  { { "POST /api/v1/apikey {\"expiration\":#}", 0, "{\"apiKey\":\"hskey-api-x\"}" } } },
	{ "apikeys expire -i 3",
	  0,
	  "expired",
	  { { "POST /api/v1/apikey/expire {\"id\":\"3\"}", 0, "{}" } } },
	{ "apikeys expire hskey-api-0123456789ab-***",
	  0,
	  "expired",
	  { { "POST /api/v1/apikey/expire {\"prefix\":\"hskey-api-0123456789ab-***\"}", 0,
	      "{}" } } },
	{ "apikeys delete 3", 0, "deleted", { { "DELETE /api/v1/apikey/-?id=3 ", 0, "{}" } } },
	{ "apikeys delete -p 0123456789ab",
	  0,
	  "deleted",
	  { { "DELETE /api/v1/apikey/0123456789ab ", 0, "{}" } } },
	{ "apikeys delete -p x -i 1", 2, "exactly one", { { 0 } } },

	/* ---- logins ---- */
	{ "auth register -u bob --auth-id id",
	  0,
	  "registered for bob",
	  { GET_USERS,
	    { "POST /api/v1/auth/register {\"user\":\"2\",\"authId\":\"id\"}", 0, ONE("") } } },
	{ "auth register id -u bob -o name",
	  0,
	  "lap\n",
	  { GET_USERS,
	    { "POST /api/v1/auth/register {\"user\":\"2\",\"authId\":\"id\"}", 0, ONE("") } } },
	{ "nodes register -u bob -k id",
	  0,
	  "registered",
	  { GET_USERS,
	    { "POST /api/v1/auth/register {\"user\":\"2\",\"authId\":\"id\"}", 0, ONE("") } } },
	{ "auth reject id",
	  0,
	  "rejected",
	  { { "POST /api/v1/auth/reject {\"authId\":\"id\"}", 0, "{}" } } },
	{ "auth approve id",
	  0,
	  "approved",
	  { { "POST /api/v1/auth/approve {\"authId\":\"id\"}", 0, "{}" } } },
	{ "auth pending -o name",
	  0,
	  "id1\n",
	  { { "GET /api/v1/auth/pending ", 0, "{\"pending\":[{\"authId\":\"id1\"}]}" } } },

	/* ---- debug ---- */
	{ "debug sessions",
	  0,
	  "7\t1\tlap\topen",
	  { { "GET /api/v1/debug/sessions?limit=100 ", 0,
	      "{\"sessions\":[{\"generation\":7,\"node\":1,\"name\":\"lap\",\"state\":\"open\"}]"
	      "}" } } },
	{ "debug changes lap --limit 5 -o json",
	  0,
	  "{\"changes\":[]}",
	  { GET_NODES, { "GET /api/v1/debug/changes?limit=5&node=1 ", 0, "{\"changes\":[]}" } } },
	{ "debug views -o yaml",
	  0,
	  "sees: 3",
	  { { "GET /api/v1/debug/views?limit=100 ", 0,
	      "{\"views\":[{\"sessions\":2,\"sees\":3,\"nodes\":[]}]}" } } },
	{ "debug sessions nobody", 3, "no node matches", { GET_NODES } },

	/* ---- health ---- */
	{ "health",
	  0,
	  "healthy",
	  { { "GET /api/v1/health ", 0, "{\"databaseConnectivity\":true}" } } },
	{ "health",
	  8,
	  "does not answer",
	  { { "GET /api/v1/health ", 0, "{\"databaseConnectivity\":false}" } } },
	{ "health", 8, "503", { { "GET /api/v1/health ", 503, "" } } },

	/* ---- exit codes of statuses, and answers that are none ---- */
	{ "nodes list", 4, "bad", { { "GET /api/v1/node ", 400, "{\"detail\":\"bad\"}" } } },
	{ "nodes list",
	  4,
	  "cli.api_key",
	  { { "GET /api/v1/node ", 401, "{\"detail\":\"Unauthorized\"}" } } },
	{ "nodes list", 4, "status 403", { { "GET /api/v1/node ", 403, "<html>" } } },
	{ "nodes list", 3, "x", { { "GET /api/v1/node ", 404, "{\"detail\":\"x\"}" } } },
	{ "nodes list", 6, "x", { { "GET /api/v1/node ", 409, "{\"detail\":\"x\"}" } } },
	{ "nodes list", 1, "slow", { { "GET /api/v1/node ", 429, "{\"detail\":\"slow\"}" } } },
	{ "nodes list", 1, "status 500", { { "GET /api/v1/node ", 500, "" } } },
	{ "nodes list", 1, "full", { { "GET /api/v1/node ", 503, "{\"detail\":\"full\"}" } } },
	{ "nodes list", 5, "status 504", { { "GET /api/v1/node ", 504, "[]" } } },
	{ "nodes list", 1, "cannot be read", { { "GET /api/v1/node ", 0, "<html>" } } },
	{ "nodes list", 1, "status 302", { { "GET /api/v1/node ", 302, "" } } },
	{ "nodes list",
	  4,
	  "a?[31mb", /* no control character reaches the terminal */
	  { { "GET /api/v1/node ", 400, "{\"detail\":\"a\\u001b[31mb\"}" } } },

	/* ---- answers of another shape ---- */
	{ "nodes list", 0, "ID\t", { { "GET /api/v1/node ", 0, "{}" } } },
	{ "nodes list", 0, "ID\t", { { "GET /api/v1/node ", 0, "[]" } } },
	{ "nodes list", 0, "ID\t", { { "GET /api/v1/node ", 0, "{\"nodes\":\"x\"}" } } },
	{ "nodes show lap",
	  3,
	  "no node",
	  { { "GET /api/v1/node ", 0, "{\"nodes\":[1,null,\"x\"]}" } } },
	{ "routes list", 0, "ID\t", { { "GET /api/v1/node ", 0, "{\"nodes\":{}}" } } },

	/* ---- completion ---- */
	{ "__complete nodes show l", 0, "lap\n", { GET_NODES } },
	{ "__complete nodes show 1", 0, "1\tlap\n", { GET_NODES, GET_NODES } },
	{ "__complete nodes list -u b", 0, "bob\n", { GET_USERS } },
	{ "__complete users role b", 0, "bob\n", { GET_USERS } },
	{ "__complete users role bob ''",
	  0,
	  "owner\nadmin\nnetwork_admin\nit_admin\nauditor\nviewer\nmember\n",
	  { { 0 } } },
	{ "__complete policy rollback 1", 0, "12\tback\n", { GET_HISTORY } },
	{ "__complete policy get -r 1", 0, "12\tback\n", { GET_HISTORY } },
	{ "__complete routes approve lap 1", 0, "10.0.0.0/8\n", { GET_NODES } },
	{ "__complete nodes tag add lap tag:", 0, "tag:a\ntag:b\n", { GET_NODES } },
	{ "__complete nodes approve-routes -i desk -r 1", 0, "", { GET_NODES } },
};

/* Too slow a server costs the completion no more than its budget, and it says nothing. */
static void slow_server(void **state)
{
	static char text[MOCK_TEXT_MAX];
	struct timespec from, to;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char saved[64];

	(void)state;
	memcpy(saved, mock_socket, sizeof saved);
	snprintf(mock_socket, sizeof mock_socket, "slow.sock");
	memcpy(at.sun_path, mock_socket, strlen(mock_socket) + 1);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0); /* accepts nobody */
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	int saved_out = mock_redirect(STDOUT_FILENO, mock_out);
	int saved_err = mock_redirect(STDERR_FILENO, mock_err);
	int code = mock_run_line("__complete nodes show l");
	mock_restore(STDOUT_FILENO, saved_out);
	mock_restore(STDERR_FILENO, saved_err);
	clock_gettime(CLOCK_MONOTONIC, &to);
	close(fd);
	unlink(mock_socket);
	memcpy(mock_socket, saved, sizeof saved);
	assert_int_equal(code, 0);
	int64_t took = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	assert_true(took >= 250 && took < 3000); /* the budget is 300 ms; the machine may be busy */
	mock_read_back(mock_out, text);
	assert_string_equal(text, "");
	mock_read_back(mock_err, text);
	assert_string_equal(text, "");
}

/* ---- questions on a terminal ---- */

static struct question {
	const char *name;
	const char *answer;
	int code;
} questions[] = {
	{ "asked: yes", "y\n", 0 },
	{ "asked: Yes in full", "Yes\n", 0 },
	{ "asked: no", "n\n", 7 },
	{ "asked: nothing", "\n", 7 },
	{ "asked: something else", "sure\n", 7 },
	{ "asked: the end", "\x04", 7 },
};

static void ask(void **state)
{
	static const struct mock_step steps[MOCK_STEPS_MAX] = { { "DELETE /api/v1/node/1 ", 0,
								  "{}" } };
	const struct question *q = *state;
	static char err[MOCK_TEXT_MAX];
	int master = posix_openpt(O_RDWR | O_NOCTTY);

	assert_true(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
	int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	assert_int_equal(write(master, q->answer, strlen(q->answer)), strlen(q->answer));
	mock_script(steps);
	fflush(stdout);
	int saved_in = dup(STDIN_FILENO);
	int saved_out = mock_redirect(STDOUT_FILENO, mock_out);
	int saved_err = mock_redirect(STDERR_FILENO, mock_err);
	dup2(slave, STDIN_FILENO);
	clearerr(stdin);
	int code = mock_run_line("nodes delete 1");
	fflush(stdout);
	mock_restore(STDIN_FILENO, saved_in);
	mock_restore(STDOUT_FILENO, saved_out);
	mock_restore(STDERR_FILENO, saved_err);
	close(slave);
	close(master);
	mock_read_back(mock_err, err);
	assert_int_equal(code, q->code);
	assert_non_null(strstr(err, "Delete the node 1? [y/N] "));
	assert_int_equal(mock_done(), q->code == 0 ? 1 : 0);
}

int main(void)
{
	static struct suite s;

	mock_start();
	mock_file("some.list", "# old ones\nlap\n\n 7 \n");
	mock_file("wrong.list", "lap\nx\n");
	mock_file("users.list", "bob\n4\n");
	mock_file("keys.list", "5\n6\n");
	ROWS(&s, rows, mock_run_row);
	ROWS(&s, questions, ask);
	suite_add(&s, "a slow server", slow_server, NULL);
	int failed = suite_run(&s, "cli/commands");
	mock_stop();
	return failed;
}
