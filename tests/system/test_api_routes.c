/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_api_routes.c - every route of /api/v1 with its success and its refusals.
 *
 * One walk through the life of users, keys and nodes, and a table of what must be refused with
 * problem+json. Ids are those of a fresh server: users and keys count from 1.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;

static void expect_text(json_t *doc, const char *path, const char *want)
{
	const char *got = text_at(doc, path);
	if (strcmp(got, want) != 0)
		fail_msg("%s is \"%s\", want \"%s\"", path, got, want);
}

static void expect_members(json_t *doc, const char *const *names)
{
	for (; *names != NULL; names++)
		if (json_object_get(doc, *names) == NULL)
			fail_msg("member %s is missing", *names);
}

static void expect_empty(const char *method, const char *path, const char *body)
{
	json_t *doc = api_json(&sys, method, path, body, 200);
	assert_int_equal(json_object_size(doc), 0);
	json_decref(doc);
}

/* ---- users ---- */

static void test_roles(void)
{
	static const char *const all[] = { "owner",   "admin",  "network_admin", "it_admin",
					   "auditor", "viewer", "member" };
	char body[64];

	json_t *doc = api_json(&sys, "GET", "/api/v1/user?id=2", NULL, 200);
	expect_text(doc, "users.0.role", "member");
	json_decref(doc);
	for (size_t i = 0; i < COUNT(all); i++) {
		snprintf(body, sizeof body, "{\"role\":\"%s\"}", all[i]);
		doc = api_json(&sys, "PUT", "/api/v1/user/2/role", body, 200);
		expect_text(doc, "user.role", all[i]);
		expect_text(doc, "user.name", "charles2");
		json_decref(doc);
	}
	doc = api_json(&sys, "PUT", "/api/v1/user/2/role", "{\"role\":\"boss\"}", 400);
	expect_text(doc, "errors.0.location", "role");
	assert_non_null(strstr(text_at(doc, "detail"), "network_admin"));
	json_decref(doc);
}

static void test_users(void **state)
{
	static const char *const members[] = { "id",    "name",       "createdAt", "displayName",
					       "email", "providerId", "provider",  "profilePicUrl",
					       "role",  NULL };
	(void)state;

	json_t *doc = api_json(
		&sys, "POST", "/api/v1/user",
		"{\"name\":\"ada\",\"displayName\":\"Ada L.\",\"email\":\"ada@example.com\","
		"\"pictureUrl\":\"https://example.com/a.png\"}",
		200);
	expect_members(at(doc, "user"), members);
	expect_text(doc, "user.id", "1");
	expect_text(doc, "user.displayName", "Ada L.");
	expect_text(doc, "user.profilePicUrl", "https://example.com/a.png");
	json_decref(doc);
	json_decref(api_json(&sys, "POST", "/api/v1/user", "{\"name\":\"ada\"}", 409));
	json_decref(api_json(&sys, "POST", "/api/v1/user", "{\"name\":\"bob\"}", 200));

	doc = api_json(&sys, "GET", "/api/v1/user", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "users")), 2);
	expect_text(doc, "users.0.name", "ada");
	expect_text(doc, "users.1.name", "bob");
	json_decref(doc);
	static const struct {
		const char *query;
		size_t count;
	} queries[] = {
		{ "?name=bob", 1 },
		{ "?name=nobody", 0 },
		{ "?email=ada@example.com", 1 },
		{ "?email=ada%40example.com", 1 },
		{ "?id=2", 1 },
		{ "?id=0", 2 },
		{ "?id=99", 0 },
		{ "?name=bob&id=1", 1 },
	};
	for (size_t i = 0; i < COUNT(queries); i++) {
		char path[128];
		snprintf(path, sizeof path, "/api/v1/user%s", queries[i].query);
		doc = api_json(&sys, "GET", path, NULL, 200);
		if (json_array_size(at(doc, "users")) != queries[i].count)
			fail_msg("%s: %zu", path, json_array_size(at(doc, "users")));
		json_decref(doc);
	}
	doc = api_json(&sys, "POST", "/api/v1/user/2/rename/charles", NULL, 200);
	expect_text(doc, "user.name", "charles");
	json_decref(doc);
	json_decref(api_json(&sys, "POST", "/api/v1/user/2/rename/ada", NULL, 409));
	/* What is escaped in a path is decoded once. */
	doc = api_json(&sys, "POST", "/api/v1/user/2/rename/char%6Ces2", NULL, 200);
	expect_text(doc, "user.name", "charles2");
	json_decref(doc);
	test_roles();
	expect_empty("DELETE", "/api/v1/user/2", NULL);
	json_decref(api_json(&sys, "DELETE", "/api/v1/user/2", NULL, 404));
}

/* ---- keys ---- */

static void test_preauth_keys(void **state)
{
	static const char *const members[] = { "user",      "id",   "key",        "reusable",
					       "ephemeral", "used", "expiration", "createdAt",
					       "aclTags",   NULL };
	(void)state;

	json_t *doc = api_json(&sys, "POST", "/api/v1/preauthkey",
			       "{\"user\":\"1\",\"reusable\":true,\"ephemeral\":true,"
			       "\"expiration\":\"2100-01-01T00:00:00Z\",\"aclTags\":[\"tag:a\"]}",
			       200);
	expect_members(at(doc, "preAuthKey"), members);
	assert_int_equal(strlen(text_at(doc, "preAuthKey.key")),
			 strlen("hskey-auth-") + 12 + 1 + 64);
	expect_text(doc, "preAuthKey.expiration", "2100-01-01T00:00:00Z");
	assert_true(json_is_true(at(doc, "preAuthKey.reusable")));
	json_decref(doc);
	json_decref(api_json(&sys, "POST", "/api/v1/preauthkey", "{\"user\":1}",
			     200)); /* a number too */

	struct reply r = api_call(&sys, "GET", "/api/v1/preauthkey", NULL);
	assert_non_null(strstr((char *)r.body.ptr, "-***\""));
	reply_done(&r);
	expect_empty("POST", "/api/v1/preauthkey/expire", "{\"id\":\"2\"}");
	expect_empty("DELETE", "/api/v1/preauthkey?id=2", NULL);
	json_decref(api_json(&sys, "DELETE", "/api/v1/preauthkey?id=2", NULL, 404));
}

static void test_api_keys(void **state)
{
	static const char *const members[] = { "id",        "prefix",   "expiration",
					       "createdAt", "lastSeen", NULL };
	char path[128];
	(void)state;

	json_t *doc = api_json(&sys, "POST", "/api/v1/apikey", NULL, 200);
	assert_int_equal(strncmp(text_at(doc, "apiKey"), "hskey-api-", 10), 0);
	json_decref(doc);
	json_decref(api_json(&sys, "POST", "/api/v1/apikey",
			     "{\"expiration\":\"2100-01-01T00:00:00Z\"}", 200));
	json_decref(api_json(&sys, "POST", "/api/v1/apikey", "{}", 200));
	doc = api_json(&sys, "GET", "/api/v1/apikey", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "apiKeys")), 3);
	expect_members(at(doc, "apiKeys.0"), members);
	expect_text(doc, "apiKeys.1.expiration", "2100-01-01T00:00:00Z");

	expect_empty("POST", "/api/v1/apikey/expire", "{\"id\":1}");
	snprintf(path, sizeof path, "{\"prefix\":\"%s\"}", text_at(doc, "apiKeys.1.prefix"));
	expect_empty("POST", "/api/v1/apikey/expire", path);
	snprintf(path, sizeof path, "{\"id\":1,\"prefix\":\"%s\"}",
		 text_at(doc, "apiKeys.1.prefix"));
	json_decref(api_json(&sys, "POST", "/api/v1/apikey/expire", path, 400));
	snprintf(path, sizeof path, "/api/v1/apikey/%s", text_at(doc, "apiKeys.1.prefix"));
	expect_empty("DELETE", path, NULL); /* masked */
	snprintf(path, sizeof path, "/api/v1/apikey/%.12s", text_at(doc, "apiKeys.2.prefix") + 10);
	expect_empty("DELETE", path, NULL); /* bare */
	expect_empty("DELETE", "/api/v1/apikey/x?id=1", NULL);
	json_decref(doc);
}

/* ---- nodes ---- */

static void expect_node_changes(json_int_t id)
{
	char path[160];
	json_t *doc;

	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/new-name", (long long)id);
	doc = api_json(&sys, "POST", path, NULL, 200);
	expect_text(doc, "node.givenName", "new-name");
	json_decref(doc);
	snprintf(path, sizeof path, "/api/v1/node/%lld/approve_routes", (long long)id);
	doc = api_json(&sys, "POST", path, "{\"routes\":[\"10.1.0.7/24\",\"0.0.0.0/0\"]}", 200);
	assert_int_equal(json_array_size(at(doc, "node.approvedRoutes")), 3); /* ::/0 came along */
	assert_int_equal(json_array_size(at(doc, "node.subnetRoutes")),
			 1); /* announced: 10.1.0.0/24 */
	expect_text(doc, "node.subnetRoutes.0", "10.1.0.0/24");
	json_decref(doc);
	doc = api_json(&sys, "POST", path, "{\"routes\":[]}", 200);
	assert_int_equal(json_array_size(at(doc, "node.approvedRoutes")), 0);
	json_decref(doc);
	snprintf(path, sizeof path, "/api/v1/node/%lld/expire", (long long)id);
	doc = api_json(&sys, "POST", path, "{\"expiry\":\"2100-01-01T00:00:00Z\"}", 200);
	expect_text(doc, "node.expiry", "2100-01-01T00:00:00Z");
	json_decref(doc);
	doc = api_json(&sys, "POST", path, "{\"disableExpiry\":true}", 200);
	assert_true(json_is_null(at(doc, "node.expiry")));
	json_decref(doc);
	json_decref(api_json(&sys, "POST", path,
			     "{\"expiry\":\"2100-01-01T00:00:00Z\",\"disableExpiry\":true}", 400));
	doc = api_json(&sys, "POST", path, NULL, 200); /* now */
	assert_true(json_is_string(at(doc, "node.expiry")));
	json_decref(doc);
	snprintf(path, sizeof path, "/api/v1/node/%lld/tags", (long long)id);
	doc = api_json(&sys, "POST", path, "{\"tags\":[\"tag:x\",\"tag:x\",\"tag:a\"]}", 200);
	assert_int_equal(json_array_size(at(doc, "node.tags")), 2);
	expect_text(doc, "node.user.name", "tagged-devices");
	json_decref(doc);
}

static void test_nodes(void **state)
{
	static const char *const members[] = { "id",
					       "machineKey",
					       "nodeKey",
					       "discoKey",
					       "ipAddresses",
					       "name",
					       "user",
					       "lastSeen",
					       "expiry",
					       "preAuthKey",
					       "createdAt",
					       "registerMethod",
					       "givenName",
					       "online",
					       "approvedRoutes",
					       "availableRoutes",
					       "subnetRoutes",
					       "tags",
					       NULL };
	char path[128];
	struct node n;
	(void)state;

	char *key = api_key(&sys, 1, NULL);
	node_open(&n, &sys, "Host Name");
	node_join(&n, key);
	node_lite(&n, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.1.0.0/24\"]}}");
	json_decref(api_json(&sys, "DELETE", "/api/v1/user/1", NULL, 400)); /* has nodes */

	json_t *doc = api_json(&sys, "GET", "/api/v1/node", NULL, 200);
	json_t *node = at(doc, "nodes.0");
	expect_members(node, members);
	expect_text(node, "name", "Host Name");
	expect_text(node, "givenName", "host-name");
	expect_text(node, "registerMethod", "REGISTER_METHOD_AUTH_KEY");
	expect_text(node, "availableRoutes.0", "10.1.0.0/24");
	assert_true(json_is_true(at(node, "preAuthKey.used")));
	assert_int_equal(json_array_size(at(node, "ipAddresses")), 2);
	json_int_t id = atoll(text_at(node, "id"));
	json_decref(doc);
	doc = api_json(&sys, "GET", "/api/v1/node?user=ada", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "nodes")), 1);
	json_decref(doc);
	doc = api_json(&sys, "GET", "/api/v1/node?user=nobody", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "nodes")), 0);
	json_decref(doc);
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)id);
	doc = api_json(&sys, "GET", path, NULL, 200);
	expect_text(doc, "node.givenName", "host-name");
	json_decref(doc);

	node_poll(&n);
	expect_node_changes(id);
	json_decref(api_json(&sys, "POST", "/api/v1/node/backfillips", NULL, 400));
	doc = api_json(&sys, "POST", "/api/v1/node/backfillips?confirmed=true", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "changes")), 0);
	json_decref(doc);
	expect_empty("DELETE", path, NULL);
	json_decref(api_json(&sys, "GET", path, NULL, 404));
	node_close(&n);
	free(key);
}

/* All or none are approved, and there is a most of them. */
static void approve_many(json_int_t id, size_t count, const char *more, unsigned status,
			 size_t after)
{
	char path[64];
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_buf_str(&b, "{\"routes\":[");
	for (size_t i = 0; i < count; i++)
		fl_buf_printf(&b, "\"10.%zu.%zu.0/24\",", i / 256, i % 256);
	fl_buf_printf(&b, "%s]}", more);
	fl_buf_byte(&b, 0);
	snprintf(path, sizeof path, "/api/v1/node/%lld/approve_routes", (long long)id);
	json_t *doc = api_json(&sys, "POST", path, (const char *)b.ptr, status);
	if (status == 400) {
		if (strstr(text_at(doc, "detail"), "at most 256 approved routes") == NULL)
			fail_msg("%zu: %s", count, text_at(doc, "detail"));
		assert_non_null(strstr(text_at(doc, "detail"), "revoke some"));
		expect_text(doc, "errors.0.location", "routes");
	}
	json_decref(doc);
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)id);
	doc = api_json(&sys, "GET", path, NULL, 200);
	assert_int_equal(json_array_size(at(doc, "node.approvedRoutes")), after);
	json_decref(doc);
	fl_buf_done(&b);
}

static void test_many_approvals(void **state)
{
	struct node n;
	(void)state;

	node_enter(&n, &sys, "router", 1, NULL);
	json_int_t id = node_id(&n);
	approve_many(id, 255, "\"10.200.0.0/16\"", 200, 256);
	approve_many(id, 256, "\"10.201.0.0/16\"", 400, 256);
	approve_many(id, 5000, "\"10.201.0.0/16\"", 400, 256);
	approve_many(id, 255, "\"0.0.0.0/0\"", 400, 256);
	approve_many(id, 254, "\"0.0.0.0/0\"", 200, 256);
	approve_many(id, 0, "", 200, 0);
	node_close(&n);
}

/* ---- logins ---- */

static char *ask(struct node *n, const char *hostname)
{
	node_open(n, &sys, hostname);
	json_t *answer = node_register(n, NULL);
	char *id = fl_str_dup(fl_slice_str(strrchr(text_at(answer, "AuthURL"), '/') + 1));
	json_decref(answer);
	return id;
}

static void test_logins(void **state)
{
	struct node n[3];
	char body[256];
	(void)state;

	char *first = ask(&n[0], "<b>one</b>"), *second = ask(&n[1], "two"),
	     *third = ask(&n[2], "three");
	json_t *doc = api_json(&sys, "GET", "/api/v1/auth/pending", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "pending")), 3);
	expect_text(doc, "pending.0.authId", first);
	json_decref(doc);

	/* The page shows it, escaped, and names the command. */
	snprintf(body, sizeof body, "/register/%s", first);
	struct reply page = sys_get(&sys, body);
	assert_int_equal(page.status, 200);
	assert_non_null(strstr((char *)page.body.ptr, "&lt;b&gt;one"));
	assert_null(strstr((char *)page.body.ptr, "<b>one"));
	assert_non_null(strstr((char *)page.body.ptr, "fairlead auth register --auth-id"));
	assert_non_null(strcasestr(page.head, "\r\nX-Frame-Options: DENY"));
	reply_done(&page);

	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}", first);
	doc = api_json(&sys, "POST", "/api/v1/auth/register", body, 200);
	expect_text(doc, "node.registerMethod", "REGISTER_METHOD_CLI");
	json_decref(doc);
	json_decref(api_json(&sys, "POST", "/api/v1/auth/register", body, 404)); /* once only */
	snprintf(body, sizeof body, "/api/v1/node/register?user=ada&key=%s", second);
	json_decref(api_json(&sys, "POST", body, NULL, 200));
	snprintf(body, sizeof body, "{\"authId\":\"%s\"}", third);
	json_decref(api_json(&sys, "POST", "/api/v1/auth/approve", body, 400));
	expect_empty("POST", "/api/v1/auth/reject", body);
	json_decref(api_json(&sys, "POST", "/api/v1/auth/reject", body, 404));
	snprintf(body, sizeof body, "/register/%s", third);
	page = sys_get(&sys, body);
	assert_int_equal(page.status, 410);
	reply_done(&page);
	for (size_t i = 0; i < COUNT(n); i++)
		node_close(&n[i]);
	free(first);
	free(second);
	free(third);
}

/* ---- refusals ---- */

static struct {
	const char *name, *method, *path, *body;
	unsigned status;
} refusals[] = {
	{ "user without a name", "POST", "user", "{}", 400 },
	{ "user with a bad name", "POST", "user", "{\"name\":\"a b\"}", 400 },
	{ "user with an empty name", "POST", "user", "{\"name\":\"\"}", 400 },
	{ "user name of a number", "POST", "user", "{\"name\":5}", 400 },
	{ "user list by junk id", "GET", "user?id=x", NULL, 400 },
	{ "user list by broken escape", "GET", "user?name=%zz", NULL, 400 },
	{ "rename of no user", "POST", "user/77/rename/x", NULL, 404 },
	{ "rename by junk id", "POST", "user/x/rename/x", NULL, 400 },
	{ "rename to nothing", "POST", "user/1/rename/", NULL, 404 },
	{ "rename to a bad name", "POST", "user/1/rename/a%20b", NULL, 400 },
	{ "rename with a NUL", "POST", "user/1/rename/a%00b", NULL, 400 },
	{ "rename with a slash", "POST", "user/1/rename/a%2fb", NULL, 400 },
	{ "rename with an escaped escape", "POST", "user/1/rename/a%2541", NULL, 400 },
	{ "role of no user", "PUT", "user/77/role", "{\"role\":\"admin\"}", 404 },
	{ "role of a junk user", "PUT", "user/x/role", "{\"role\":\"admin\"}", 400 },
	{ "no role", "PUT", "user/1/role", "{}", 400 },
	{ "role in capitals", "PUT", "user/1/role", "{\"role\":\"Admin\"}", 400 },
	{ "role of a number", "PUT", "user/1/role", "{\"role\":1}", 400 },
	{ "delete of no user", "DELETE", "user/77", NULL, 404 },
	{ "delete of a junk user", "DELETE", "user/-1", NULL, 400 },
	{ "delete of a huge user", "DELETE", "user/99999999999999999999", NULL, 400 },
	{ "no node", "GET", "node/77", NULL, 404 },
	{ "junk node", "GET", "node/x", NULL, 400 },
	{ "delete of no node", "DELETE", "node/77", NULL, 404 },
	{ "expiry of no node", "POST", "node/77/expire", NULL, 404 },
	{ "tags of no node", "POST", "node/77/tags", "{\"tags\":[\"tag:a\"]}", 404 },
	{ "routes of no node", "POST", "node/77/approve_routes", "{\"routes\":[]}", 404 },
	{ "rename of no node", "POST", "node/77/rename/x", NULL, 404 },
	{ "old register without query", "POST", "node/register", NULL, 400 },
	{ "old register with junk", "POST", "node/register?user=ada&key=x", NULL, 400 },
	{ "key for nobody", "POST", "preauthkey", "{}", 400 },
	{ "key for an unknown user", "POST", "preauthkey", "{\"user\":\"77\"}", 404 },
	{ "key for a name", "POST", "preauthkey", "{\"user\":\"ada\"}", 400 },
	{ "key with a bad tag", "POST", "preauthkey", "{\"aclTags\":[\"web\"]}", 400 },
	{ "key with a bad time", "POST", "preauthkey", "{\"user\":\"1\",\"expiration\":\"soon\"}",
	  400 },
	{ "expiry of no key", "POST", "preauthkey/expire", "{\"id\":77}", 404 },
	{ "delete of no key", "DELETE", "preauthkey?id=77", NULL, 404 },
	{ "delete of a key without id", "DELETE", "preauthkey", NULL, 400 },
	{ "expiry of no API key", "POST", "apikey/expire", "{\"id\":77}", 404 },
	{ "expiry of neither", "POST", "apikey/expire", "{}", 400 },
	{ "expiry by a short prefix", "POST", "apikey/expire", "{\"prefix\":\"abc\"}", 404 },
	{ "delete of no API key", "DELETE", "apikey/abcdefabcdef", NULL, 404 },
	{ "login of junk", "POST", "auth/register", "{\"user\":\"ada\",\"authId\":\"x\"}", 400 },
	{ "login without a user", "POST", "auth/register",
	  "{\"authId\":\"hskey-authreq-000000000000000000000000\"}", 404 },
	{ "login of nobody", "POST", "auth/register",
	  "{\"user\":\"ada\",\"authId\":\"hskey-authreq-000000000000000000000000\"}", 404 },
	{ "reject of junk", "POST", "auth/reject", "{\"authId\":\"x\"}", 400 },
	{ "unknown path", "GET", "nothing", NULL, 404 },
	{ "unknown path below a known one", "GET", "user/1/nothing", NULL, 404 },
	{ "unknown method", "PATCH", "user", NULL, 405 },
	{ "unknown method of a node", "PUT", "node/1", "{}", 405 },
};

static json_t *problem_in(const struct reply *r, unsigned status)
{
	json_t *doc = json_loads((char *)r->body.ptr, JSON_REJECT_DUPLICATES, NULL);

	assert_int_equal(r->status, status);
	assert_string_equal(r->type, "application/problem+json");
	assert_int_equal(json_integer_value(at(doc, "status")), status);
	assert_true(strlen(text_at(doc, "title")) > 0);
	assert_true(strlen(text_at(doc, "detail")) > 3);
	assert_true(strlen(text_at(doc, "errors.0.message")) > 3);
	return doc;
}

static void test_refusal(void **state)
{
	const struct {
		const char *name, *method, *path, *body;
		unsigned status;
	} *row = *state;
	char path[256];

	snprintf(path, sizeof path, "/api/v1/%s", row->path);
	struct reply r = api_call(&sys, row->method, path, row->body);
	if (r.status != row->status)
		fail_msg("%u: %s", r.status, (char *)r.body.ptr);
	json_decref(problem_in(&r, row->status));
	reply_done(&r);
}

static void test_allowed_methods(void **state)
{
	static const char *const rows[][3] = {
		{ "PATCH", "user", "HEAD, GET, POST" },
		{ "PUT", "node/1", "HEAD, GET, DELETE" },
		{ "GET", "node/1/expire", "POST" },
		{ "DELETE", "policy", "HEAD, GET, PUT" },
	};
	char path[64], line[64];
	(void)state;

	for (size_t i = 0; i < COUNT(rows); i++) {
		snprintf(path, sizeof path, "/api/v1/%s", rows[i][1]);
		snprintf(line, sizeof line, "\r\nAllow: %s\r\n", rows[i][2]);
		struct reply r = api_call(&sys, rows[i][0], path, NULL);
		if (strcasestr(r.head, line) == NULL)
			fail_msg("%s: no%sin %s", path, line, r.head);
		json_t *doc = problem_in(&r, 405);
		expect_text(doc, "errors.0.location", "method");
		json_decref(doc);
		reply_done(&r);
	}
}

/* However its length is told. */
static void test_too_long(void **state)
{
	enum { LIMIT = 1 << 20 };
	static const char chunked[] = "POST /api/v1/user HTTP/1.1\r\nHost: x\r\n"
				      "Authorization: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
				      "100001\r\n";
	char *body = calloc(1, LIMIT + 512), head[512];
	(void)state;

	memset(body, ' ', LIMIT + 1);
	struct reply r = api_send(&sys, NULL, "POST", "/api/v1/user", fl_slice_of(body, LIMIT + 1));
	json_t *doc = problem_in(&r, 413);
	expect_text(doc, "errors.0.location", "body");
	json_decref(doc);
	reply_done(&r);
	doc = api_json(&sys, "POST", "/api/v1/apikey", NULL, 200);
	snprintf(head, sizeof head, "Bearer %s", text_at(doc, "apiKey"));
	json_decref(doc);
	int len = snprintf(body, LIMIT, chunked, head);
	memset(body + len, ' ', LIMIT + 1);
	r = sys_http(&sys, body, (size_t)len + LIMIT + 1);
	json_decref(problem_in(&r, 413));
	reply_done(&r);
	/* Without a key nothing is told, not even that. */
	len = snprintf(body, LIMIT, chunked, "none");
	memset(body + len, ' ', LIMIT + 1);
	r = sys_http(&sys, body, (size_t)len + LIMIT + 1);
	json_decref(problem_in(&r, 401));
	reply_done(&r);
	free(body);
}

static void test_health_and_version(void **state)
{
	(void)state;
	json_t *doc = api_json(&sys, "GET", "/api/v1/health", NULL, 200);
	assert_true(json_is_true(at(doc, "databaseConnectivity")));
	json_decref(doc);
	doc = api_json(&sys, "GET", "/health", NULL, 200);
	expect_text(doc, "status", "pass");
	json_decref(doc);
	doc = api_json(&sys, "GET", "/version", NULL, 200);
	assert_true(strlen(text_at(doc, "version")) > 0);
	json_decref(doc);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "users", test_users, NULL);
	suite_add(&suite, "pre-auth keys", test_preauth_keys, NULL);
	suite_add(&suite, "API keys", test_api_keys, NULL);
	suite_add(&suite, "nodes", test_nodes, NULL);
	suite_add(&suite, "many approvals", test_many_approvals, NULL);
	suite_add(&suite, "logins", test_logins, NULL);
	ROWS(&suite, refusals, test_refusal);
	suite_add(&suite, "allowed methods", test_allowed_methods, NULL);
	suite_add(&suite, "too long", test_too_long, NULL);
	suite_add(&suite, "health and version", test_health_and_version, NULL);
	sys_start(&sys, false, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/api_routes");
	sys_stop(&sys);
	return failed;
}
