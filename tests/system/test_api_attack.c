/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_api_attack.c - who may not use the admin API, and bodies that are none, on
 * every endpoint inside Noise and outside.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;

/* ---- keys ---- */

static char *new_key(const char *body)
{
	json_t *doc = api_json(&sys, "POST", "/api/v1/apikey", body, 200);
	char *text = malloc(200);

	snprintf(text, 200, "Bearer %s", text_at(doc, "apiKey"));
	json_decref(doc);
	return text;
}

static unsigned status_with(const char *bearer, const char *method, const char *path)
{
	struct reply r = api_send(&sys, bearer, method, path, fl_slice_of(NULL, 0));
	unsigned status = r.status;

	assert_true(status == 200 || strcmp(r.type, "application/problem+json") == 0);
	if (status == 401) {
		json_t *doc = json_loads((char *)r.body.ptr, 0, NULL);
		assert_string_equal(text_at(doc, "detail"), "Unauthorized");
		assert_non_null(strcasestr(r.head, "\r\nwww-authenticate: Bearer\r\n"));
		json_decref(doc);
	}
	reply_done(&r);
	return status;
}

static const char *const every_route[][2] = {
	{ "GET", "health" },
	{ "GET", "user" },
	{ "POST", "user" },
	{ "POST", "user/1/rename/x" },
	{ "DELETE", "user/1" },
	{ "GET", "node" },
	{ "POST", "node/register" },
	{ "POST", "node/backfillips" },
	{ "GET", "node/1" },
	{ "DELETE", "node/1" },
	{ "POST", "node/1/expire" },
	{ "POST", "node/1/rename/x" },
	{ "POST", "node/1/tags" },
	{ "POST", "node/1/approve_routes" },
	{ "GET", "preauthkey" },
	{ "POST", "preauthkey" },
	{ "POST", "preauthkey/expire" },
	{ "DELETE", "preauthkey" },
	{ "GET", "apikey" },
	{ "POST", "apikey" },
	{ "POST", "apikey/expire" },
	{ "DELETE", "apikey/x" },
	{ "GET", "auth/pending" },
	{ "POST", "auth/register" },
	{ "POST", "auth/approve" },
	{ "POST", "auth/reject" },
	{ "GET", "debug/sessions" },
	{ "GET", "debug/changes" },
	{ "GET", "debug/views" },
	{ "GET", "nothing" },
};

/* The limit of failures is one of an address: each row gets a server of its own. */
static void fresh(void)
{
	sys_halt(&sys);
	sys_boot(&sys);
}

static void test_no_route_without_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(every_route); i++) {
		char path[128];
		if (i % 16 == 0)
			fresh();
		snprintf(path, sizeof path, "/api/v1/%s", every_route[i][1]);
		assert_int_equal(status_with("", every_route[i][0], path), 401);
	}
}

static void test_wrong_keys(void **state)
{
	char *good = new_key("{}"), *expired = new_key("{\"expiration\":\"2020-01-01T00:00:00Z\"}");
	char *deleted = new_key("{}"), *changed = fl_str_dup(fl_slice_str(good)), path[128];
	char *joins = api_key(&sys, api_user(&sys, "keys"), NULL), other[200];
	(void)state;

	fresh();
	snprintf(path, sizeof path, "/api/v1/apikey/%.12s", deleted + 7 + 10);
	api_ok(&sys, "DELETE", path, NULL);
	changed[strlen(changed) - 1] ^= 1;
	snprintf(other, sizeof other, "Bearer %s", joins);
	const char *const wrong[] = { "Bearer x", "Bearer ",  "Basic YTpi",
				      good + 7,   expired,    deleted,
				      changed,    other,      "Bearer hskey-api-aaaaaaaaaaaa-",
				      "bearer\t", "Bearer  x" };
	for (size_t i = 0; i < COUNT(wrong); i++)
		assert_int_equal(status_with(wrong[i], "GET", "/api/v1/user"), 401);
	assert_int_equal(status_with(good, "GET", "/api/v1/user"), 200);
	memcpy(good, "bEARER", 6);
	assert_int_equal(status_with(good, "GET", "/api/v1/user"), 200);
	/* The key's use is noted. */
	json_t *list = api_json(&sys, "GET", "/api/v1/apikey", NULL, 200);
	assert_true(json_is_string(at(list, "apiKeys.0.lastSeen")));
	assert_true(json_is_null(at(list, "apiKeys.1.lastSeen")));
	json_decref(list);
	free(good);
	free(expired);
	free(deleted);
	free(changed);
	free(joins);
}

static void test_many_failures_are_slowed(void **state)
{
	char *good = new_key("{}");
	unsigned refused = 0, slowed = 0;
	(void)state;

	fresh();
	for (unsigned i = 0; i < 40; i++) {
		unsigned status = status_with("Bearer x", "GET", "/api/v1/user");
		refused += status == 401;
		slowed += status == 429;
		assert_true(slowed == 0 || status == 429);
	}
	assert_int_equal(refused, 20);
	assert_int_equal(slowed, 20);
	/* An administrator behind the same proxy is not locked out by it. */
	assert_int_equal(status_with(good, "GET", "/api/v1/user"), 200);
	free(good);
}

/* ---- bodies ---- */

enum { DEEP = 5000 };

static char *nested(char open, char close)
{
	char *text = malloc(2 * DEEP + 64);

	memset(text, open, DEEP);
	memset(text + DEEP, close, DEEP);
	text[2 * DEEP] = '\0';
	return text;
}

static const struct {
	const char *text;
	size_t len;
} bodies[] = {
#define B(s)                                                                                       \
	{                                                                                          \
		s, sizeof(s) - 1                                                                   \
	}
	B("garbage"),
	B("{"),
	B("{\"user\":"),
	B("{\"user\":\"1\""),
	B("[]"),
	B("null"),
	B("5"),
	B("\"text\""),
	B("{}{}"),
	B("{\"a\":1,}"),
	B("{'a':1}"),
	B("\xff\xfe{}"),
	B("{\"name\":\"\xc3\x28\"}"),
	B("{\"name\":\"a\\u0000b\"}"),
	B("{\"name\":\"a\0b\"}"),
	B("\0"),
	B("{\"user\":{},\"id\":[],\"name\":5,\"routes\":\"x\",\"tags\":{\"a\":1},\"expiry\":true,"
	  "\"prefix\":[],"
	  "\"authId\":7,\"expiration\":{},\"reusable\":\"yes\",\"aclTags\":5,\"NodeKey\":5,"
	  "\"Version\":\"x\"}"),
	B("{\"user\":1e400,\"id\":1e400,\"name\":1e400,\"Version\":1e400,\"tags\":[1e400],"
	  "\"routes\":[1e400],"
	  "\"expiry\":1e400,\"expiration\":1e400,\"authId\":1e400,\"prefix\":1}"),
	B("{\"user\":99999999999999999999999999,\"id\":99999999999999999999999999,"
	  "\"Version\":99999999999999999999999999,\"name\":1,\"tags\":[1],\"routes\":[1],"
	  "\"expiry\":1,"
	  "\"expiration\":1,\"authId\":1}"),
	B("{\"id\":-1,\"ID\":-1,\"user\":-1,\"USER\":-1.5,\"Version\":-1,\"name\":-1,\"tags\":-1,"
	  "\"routes\":-1,"
	  "\"expiry\":-1,\"expiration\":-1,\"authId\":-1}"),
	B("{\"name\":{\"name\":\"x\"},\"NAME\":7,\"nAmE\":[],\"id\":[],\"Tags\":7,\"tAGS\":{},"
	  "\"routes\":7,"
	  "\"expiry\":7,\"expiration\":7,\"user\":[],\"authId\":[],\"Version\":\"1\",\"VERSION\":[]"
	  "}"),
#undef B
};

static const char *const with_bodies[] = {
	"/api/v1/user",
	"/api/v1/preauthkey",
	"/api/v1/preauthkey/expire",
	"/api/v1/apikey",
	"/api/v1/apikey/expire",
	"/api/v1/auth/register",
	"/api/v1/auth/approve",
	"/api/v1/auth/reject",
	"/api/v1/node/1/expire",
	"/api/v1/node/1/tags",
	"/api/v1/node/1/approve_routes",
};

static char *everything(void)
{
	static const char *const lists[] = { "user", "node" };
	struct fl_buf all = fl_buf_make(1 << 20);

	for (size_t i = 0; i < COUNT(lists); i++) {
		char path[64];
		snprintf(path, sizeof path, "/api/v1/%s", lists[i]);
		struct reply r = api_call(&sys, "GET", path, NULL);
		fl_buf_put(&all, r.body.ptr, r.body.len);
		reply_done(&r);
	}
	char *text = fl_str_dup(fl_buf_slice(&all));
	fl_buf_done(&all);
	return text;
}

static void expect_refused(const char *path, struct fl_slice body)
{
	struct reply r = api_send(&sys, NULL, "POST", path, body);

	if (r.status < 400 || r.status >= 500)
		fail_msg("%s: %u for %.*s", path, r.status, (int)(body.len < 80 ? body.len : 80),
			 (const char *)body.ptr);
	assert_string_equal(r.type, "application/problem+json");
	reply_done(&r);
}

static void test_api_bodies(void **state)
{
	char *before = everything(), *deep[] = { nested('[', ']'), nested('{', '}') };
	(void)state;

	for (size_t p = 0; p < COUNT(with_bodies); p++) {
		for (size_t i = 0; i < COUNT(bodies); i++)
			expect_refused(with_bodies[p], fl_slice_of(bodies[i].text, bodies[i].len));
		for (size_t i = 0; i < COUNT(deep); i++)
			expect_refused(with_bodies[p], fl_slice_str(deep[i]));
	}
	char *after = everything();
	assert_string_equal(after, before);
	free(deep[0]);
	free(deep[1]);
	free(before);
	free(after);
}

/* A good body cut at every byte. */
static void test_api_bodies_cut(void **state)
{
	static const char body[] =
		"{\"user\":\"1\",\"reusable\":true,\"expiration\":\"2100-01-01T00:00:00Z\","
		"\"aclTags\":[\"tag:a\",\"tag:b\"]}";
	(void)state;

	for (size_t len = 1; len < sizeof body - 1; len++)
		expect_refused("/api/v1/preauthkey", fl_slice_of(body, len));
}

/* One that would make a million values out of a small text. */
static void test_api_body_of_many_values(void **state)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	(void)state;

	fl_buf_str(&b, "{\"tags\":[");
	while (b.len < (1 << 20) - 8)
		fl_buf_str(&b, "0,");
	fl_buf_str(&b, "0]}");
	size_t before = sys_usage().live;
	for (size_t p = 0; p < COUNT(with_bodies); p++)
		expect_refused(with_bodies[p], fl_buf_slice(&b));
	sys_turn(&sys, 8);
	assert_true(sys_usage().live < before + (256 << 10));
	fl_buf_done(&b);
}

static void test_inner_bodies(void **state)
{
	static const char *const paths[] = { "/machine/register", "/machine/map" };
	char *deep[] = { nested('[', ']'), nested('{', '}') };
	struct client c = { 0 };
	(void)state;

	client_open(&c, &sys, NULL);
	size_t pending = sys_stats(&sys).pending;
	for (size_t p = 0; p < COUNT(paths); p++) {
		for (size_t i = 0; i < COUNT(bodies) + COUNT(deep); i++) {
			struct fl_slice body = i < COUNT(bodies)
						       ? fl_slice_of(bodies[i].text, bodies[i].len)
						       : fl_slice_str(deep[i - COUNT(bodies)]);
			struct call *k = client_call(&c, "POST", paths[p], body, NULL);
			call_wait(k);
			if (k->status != 400)
				fail_msg("%s: %u for %.60s", paths[p], k->status,
					 (const char *)body.ptr);
			call_drop(k);
		}
		struct call *k = client_call(&c, "POST", paths[p], fl_slice_of(NULL, 0), NULL);
		call_wait(k);
		assert_int_equal(k->status, 400);
		call_drop(k);
	}
	assert_int_equal(sys_stats(&sys).pending, pending);
	free(deep[0]);
	free(deep[1]);
	client_close(&c);
}

int main(void)
{
	struct suite suite = { 0 };
	struct node n;

	suite_add(&suite, "no route without a key", test_no_route_without_a_key, NULL);
	suite_add(&suite, "wrong keys", test_wrong_keys, NULL);
	suite_add(&suite, "many failures", test_many_failures_are_slowed, NULL);
	suite_add(&suite, "API bodies", test_api_bodies, NULL);
	suite_add(&suite, "API bodies cut", test_api_bodies_cut, NULL);
	suite_add(&suite, "API body of many values", test_api_body_of_many_values, NULL);
	suite_add(&suite, "inner bodies", test_inner_bodies, NULL);
	sys_start(&sys, false, NULL);
	char *key = api_key(&sys, api_user(&sys, "ada"), NULL);
	node_open(&n, &sys, "alpha"); /* so that node 1 exists */
	node_join(&n, key);
	node_close(&n);
	free(key);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/api_attack");
	sys_stop(&sys);
	return failed;
}
