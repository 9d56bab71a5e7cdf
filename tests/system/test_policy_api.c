/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_policy_api.c - /api/v1/policy: a policy from set to rollback, refusals with
 * their places, and every question about it, among nodes that joined.
 *
 * phone and lap are ann's, pc is bob's, web and db have tags, router serves 10.9.0.0/16. Ids count
 * from 1 in this order.
 */
#include "client.h"

#include <stdio.h>

#include "base/jw.h"

enum { NODES = 6, BODY_MAX = 16384 };

static struct sys sys;
static struct node nodes[NODES];

/* ---- asking ---- */

/* {"policy":TEXT} and further members. */
static void body_of(const char *key, const char *policy, const char *more, char out[BODY_MAX])
{
	struct fl_buf b = fl_buf_over(out, BODY_MAX);
	struct fl_jw w = fl_jw_make(&b);

	fl_jw_obj(&w);
	fl_jw_key(&w, key);
	fl_jw_str(&w, policy);
	fl_jw_obj_end(&w);
	b.len--; /* the brace */
	fl_buf_printf(&b, "%s}", more);
	assert_err(fl_buf_err(&b), FL_OK);
	out[b.len] = '\0';
}

static json_t *post(const char *path, const char *body, unsigned status)
{
	char whole[128];

	snprintf(whole, sizeof whole, "/api/v1/policy%s", path);
	return api_json(&sys, "POST", whole, body, status);
}

static json_t *post_text(const char *path, const char *policy, unsigned status)
{
	char body[BODY_MAX];

	body_of("policy", policy, "", body);
	return post(path, body, status);
}

static json_t *put(const char *policy, unsigned status)
{
	char body[BODY_MAX];

	body_of("policy", policy, ",\"comment\":\"a test\"", body);
	return api_json(&sys, "PUT", "/api/v1/policy", body, status);
}

static void expect(json_t *doc, const char *path, const char *want)
{
	json_t *v = at(doc, path);
	char number[32];
	const char *got = json_is_string(v)  ? json_string_value(v)
			  : json_is_true(v)  ? "true"
			  : json_is_false(v) ? "false"
			  : json_is_null(v)  ? "null"
					     : NULL;

	if (json_is_integer(v)) {
		snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
		got = number;
	}
	if (got == NULL || strcmp(got, want) != 0) {
		char *all = json_dumps(doc, JSON_INDENT(1));
		fail_msg("%s is %s, want %s in\n%s", path, got != NULL ? got : "absent", want, all);
	}
}

#define POLICY                                                                                     \
	"{\n"                                                                                      \
	"\t\"tagOwners\": {\"tag:web\": [], \"tag:db\": [], \"tag:r\": []},\n"                     \
	"\t\"hosts\": {\"printer\": \"10.9.1.7\"},\n"                                              \
	"\t// people\n"                                                                            \
	"\t\"grants\": [\n"                                                                        \
	"\t\t{\"src\": [\"ann@\"], \"dst\": [\"tag:db\"], \"ip\": [\"tcp:5432\"]}, // rows\n"      \
	"\t\t{\"src\": [\"autogroup:member\"], \"dst\": [\"10.9.0.0/16\"], \"ip\": [\"*\"]},\n"    \
	"\t],\n"                                                                                   \
	"\t\"tests\": [{\"src\": \"ann@\", \"accept\": [\"tag:db:5432\"], \"deny\": "              \
	"[\"tag:web:80\"]}],\n"                                                                    \
	"}\n"
#define OTHER                                                                                      \
	"{\"tagOwners\":{\"tag:web\":[],\"tag:db\":[],\"tag:r\":[]},\"grants\":[{\"src\":[\"bob@"  \
	"\"],"                                                                                     \
	"\"dst\":[\"tag:db\"],\"ip\":[\"tcp:5432\"]}]}"
#define FAILING                                                                                    \
	"{\"tagOwners\":{\"tag:db\":[]},\"grants\":[],\"tests\":[{\"src\":\"ann@\","               \
	"\"accept\":[\"tag:db:5432\"]}]}"

/* ---- the text ---- */

static void test_set(void **state)
{
	(void)state;
	json_t *doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", "");
	expect(doc, "updatedAt", "null");
	json_decref(doc);

	json_decref(post_text("/check", POLICY, 200));
	doc = put(POLICY, 200);
	expect(doc, "policy", POLICY);
	assert_true(json_is_string(at(doc, "updatedAt")));
	json_decref(doc);
	doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", POLICY);
	json_decref(doc);
}

static void test_refusals(void **state)
{
	static const char two[] =
		"{\n\t\"acls\": [{\"src\": [\"group:x\"], \"dst\": [\"h:1\"]}],\n}";
	(void)state;

	json_t *doc = put(two, 400);
	expect(doc, "status", "400");
	expect(doc, "errors.0.message", "group not defined in policy: \"group:x\"");
	expect(doc, "errors.0.location", "policy");
	expect(doc, "errors.0.line", "2");
	expect(doc, "errors.0.column", "20");
	expect(doc, "errors.1.message", "host not defined in policy: \"h\"");
	expect(doc, "errors.1.line", "2");
	json_decref(doc);
	doc = post_text("/check", "{\"grants\":[,]}", 400);
	expect(doc, "errors.0.line", "1");
	expect(doc, "errors.0.column", "12");
	json_decref(doc);
	doc = post_text("/check", FAILING, 400);
	expect(doc, "errors.0.location", "policy.tests");
	json_decref(doc);
	json_decref(put(FAILING, 400));
	doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", POLICY); /* what was refused changed nothing */
	json_decref(doc);
}

/* An empty text allows everything: it must be meant. */
static void test_forgotten(void **state)
{
	static const char *const bodies[] = { NULL, "{}", "{\"policy\":null}", "{\"text\":\"\"}",
					      "[]" };
	(void)state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		json_t *doc = api_json(&sys, "PUT", "/api/v1/policy", bodies[i], 400);
		expect(doc, "errors.0.location", "policy");
		json_decref(doc);
		json_decref(post("/check", bodies[i], 400));
	}
	json_t *doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", POLICY);
	json_decref(doc);
	json_decref(post_text("/check", "", 200));
}

static void test_tests(void **state)
{
	(void)state;
	json_t *doc = post("/test", NULL, 200);
	expect(doc, "passed", "true");
	expect(doc, "tests", "1");
	json_decref(doc);
	doc = post_text("/test", FAILING, 200);
	expect(doc, "passed", "false");
	expect(doc, "failures.0", "ann@ -> tag:db:5432: expected ALLOWED, got DENIED");
	json_decref(doc);
	json_decref(post_text("/test", "{", 400));
}

/* ---- questions ---- */

static const struct ask {
	const char *name, *body;
	const char *want[12]; /* paths and values */
} asks[] = {
	{ "allowed",
	  "{\"src\":\"phone\",\"dst\":\"db\",\"port\":5432}",
	  { "allowed", "true", "rule.section", "grants", "rule.index", "0", "rule.line", "6",
	    "chain.1", "user ann", "returnPath.open", "true" } },
	{ "the chain",
	  "{\"src\":\"phone\",\"dst\":\"db\",\"port\":5432}",
	  { "chain.2", "grants[0]: tcp:5432", "chain.3", "tag:db", "rule.text",
	    "{\"src\": [\"ann@\"], \"dst\": [\"tag:db\"], \"ip\": [\"tcp:5432\"]}", "via", "null",
	    "rule.ports.0", "tcp:5432", "src.node.name", "phone" } },
	{ "another port",
	  "{\"src\":\"phone\",\"dst\":\"db\",\"port\":\"80\"}",
	  { "allowed", "false", "rule.index", "0", "reason",
	    "the rule leads from ann@ to tag:db, but not to port 80: only tcp:5432" } },
	{ "no port in question",
	  "{\"src\":\"phone\",\"dst\":\"db\"}",
	  { "allowed", "true", "port", "0", "proto", "0", "reason", "the rule allows tcp:5432" } },
	{ "no port of another protocol",
	  "{\"src\":\"phone\",\"dst\":\"db\",\"proto\":\"udp\"}",
	  { "allowed", "false", "proto", "17", "reason",
	    "the rule leads from ann@ to tag:db, but not with this protocol: only tcp:5432" } },
	{ "another protocol",
	  "{\"src\":\"phone\",\"dst\":\"db\",\"port\":5432,\"proto\":\"udp\"}",
	  { "allowed", "false", "proto", "17" } },
	{ "by id and tag",
	  "{\"src\":\"2\",\"dst\":\"tag:db\",\"port\":5432}",
	  { "allowed", "true", "src.node.name", "lap", "dst.by", "tag", "dst.matches", "1" } },
	{ "by id as a number",
	  "{\"src\":2,\"dst\":5,\"port\":5432}",
	  { "allowed", "true", "src.node.name", "lap", "dst.node.name", "db" } },
	{ "by user, the first node",
	  "{\"src\":\"ann@\",\"dst\":\"db\",\"port\":5432}",
	  { "allowed", "true", "src.by", "user", "src.matches", "2", "src.node.id", "1" } },
	{ "by MagicDNS name",
	  "{\"src\":\"Phone.Fairlead.Internal.\",\"dst\":\"100.64.0.5\",\"port\":5432}",
	  { "allowed", "true", "dst.node.name", "db", "dst.address", "100.64.0.5" } },
	{ "behind a router",
	  "{\"src\":\"pc\",\"dst\":\"10.9.1.1\",\"port\":53,\"proto\":\"udp\"}",
	  { "allowed", "true", "via.name", "router", "route", "10.9.0.0/16", "rule.index", "1",
	    "dst.node", "null" } },
	{ "a host of the policy",
	  "{\"src\":\"pc\",\"dst\":\"printer\",\"port\":631}",
	  { "allowed", "true", "dst.address", "10.9.1.7", "dst.by", "host" } },
	{ "nobody's address",
	  "{\"src\":\"pc\",\"dst\":\"10.10.1.1\"}",
	  { "allowed", "false", "returnPath.open", "false" } },
};

static void ask_row(void **state)
{
	const struct ask *row = *state;
	json_t *doc = post("/explain", row->body, 200);

	for (size_t i = 0; i + 1 < COUNT(row->want) && row->want[i] != NULL; i += 2)
		expect(doc, row->want[i], row->want[i + 1]);
	json_decref(doc);
}

static void test_as_of(void **state)
{
	char body[BODY_MAX];
	(void)state;

	body_of("policy", OTHER, ",\"src\":\"pc\",\"dst\":\"db\",\"port\":5432", body);
	json_t *doc = post("/explain", body, 200);
	expect(doc, "allowed", "true");
	json_decref(doc);
	doc = post("/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"port\":5432}", 200);
	expect(doc, "allowed", "false");
	json_decref(doc);
	/* Failing tests do not keep it from being asked about. */
	body_of("policy", FAILING, ",\"src\":\"phone\",\"dst\":\"db\",\"port\":5432", body);
	doc = post("/explain", body, 200);
	expect(doc, "allowed", "false");
	expect(doc, "reason", "no rule lets packets through");
	json_decref(doc);
}

static const struct wrong {
	const char *name, *path, *body;
	unsigned status;
	const char *location;
} wrongs[] = {
	{ "a source that is no id", "/explain", "{\"src\":1.5,\"dst\":\"db\"}", 400, "src" },
	{ "a source of another kind", "/explain", "{\"src\":[],\"dst\":\"db\"}", 400, "src" },
	{ "no source", "/explain", "{\"dst\":\"db\"}", 400, "src" },
	{ "an unknown node", "/explain", "{\"src\":\"nobody\",\"dst\":\"db\"}", 404, "src" },
	{ "an unknown tag", "/explain", "{\"src\":\"pc\",\"dst\":\"tag:x\"}", 404, "dst" },
	{ "an unknown id", "/explain", "{\"src\":\"77\",\"dst\":\"db\"}", 404, "src" },
	{ "a name of another domain", "/explain", "{\"src\":\"pc.example.com\",\"dst\":\"db\"}",
	  404, "src" },
	{ "a port too high", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"port\":65536}", 400,
	  "port" },
	{ "a port that is none", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"port\":\"x\"}", 400,
	  "port" },
	{ "a protocol that is none", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"proto\":\"x\"}",
	  400, "proto" },
	{ "a protocol too high", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"proto\":256}", 400,
	  "proto" },
	{ "two families", "/explain", "{\"src\":\"100.64.0.1\",\"dst\":\"fd7a:115c:a1e0::5\"}", 400,
	  "dst" },
	{ "a text that is none", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"policy\":7}", 400,
	  "policy" },
	{ "a broken text", "/explain", "{\"src\":\"pc\",\"dst\":\"db\",\"policy\":\"{\"}", 400,
	  "policy" },
	{ "who reaches nobody", "/who-can", "{}", 400, "dst" },
	{ "what an address can", "/can", "{\"src\":\"10.9.1.1\"}", 404, "src" },
	{ "an unknown revision", "/diff", "{\"from\":99}", 404, "from" },
	{ "a broken side", "/diff", "{\"from\":\"[\"}", 400, "from" },
	{ "rollback to nothing", "/rollback/99", NULL, 404, "path" },
	{ "rollback to a word", "/rollback/x", NULL, 400, "path" },
};

static void wrong_row(void **state)
{
	const struct wrong *row = *state;
	json_t *doc = post(row->path, row->body, row->status);

	expect(doc, "errors.0.location", row->location);
	json_decref(doc);
}

/* One answer for many nodes would be wrong for some. */
static void test_many(void **state)
{
	static const char *const bodies[][2] = {
		{ "/explain", "{\"src\":\"group:x\",\"dst\":\"db\"}" },
		{ "/explain", "{\"src\":\"autogroup:member\",\"dst\":\"db\"}" },
		{ "/can", "{\"src\":\"autogroup:admin\"}" },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(bodies); i++) {
		json_t *doc = post(bodies[i][0], bodies[i][1], 400);
		expect(doc, "errors.0.location", "src");
		assert_non_null(strstr(text_at(doc, "detail"), "who-can lists who reaches"));
		json_decref(doc);
	}
}

static void test_reach(void **state)
{
	(void)state;
	json_t *doc = post("/who-can", "{\"dst\":\"db\",\"port\":5432}", 200);
	expect(doc, "nodeCount", "2");
	expect(doc, "users.0", "ann");
	expect(doc, "entries.0.src", "ann@");
	expect(doc, "entries.0.nodes.1.name", "lap");
	expect(doc, "entries.0.rule.line", "6");
	assert_int_equal(json_array_size(at(doc, "entries")), 1);
	json_decref(doc);
	doc = post("/who-can", "{\"dst\":\"db\",\"proto\":\"tcp\"}", 200);
	expect(doc, "nodeCount", "2");
	json_decref(doc);
	doc = post("/who-can", "{\"dst\":\"db\",\"port\":5433}", 200);
	expect(doc, "nodeCount", "0");
	json_decref(doc);
	doc = post("/can", "{\"src\":\"lap\"}", 200);
	expect(doc, "entries.0.nodes.0.name", "db");
	expect(doc, "entries.0.ports.0", "tcp:5432");
	expect(doc, "entries.1.routes.0.route", "10.9.0.0/16");
	expect(doc, "entries.1.routes.0.via.name", "router");
	json_decref(doc);
}

static void test_diff(void **state)
{
	char body[BODY_MAX];
	(void)state;

	json_t *doc = post_text("/diff", OTHER, 200);
	expect(doc, "gainedCount", "1");
	expect(doc, "gained.0.src.text", "pc");
	expect(doc, "gained.0.dst.text", "db");
	expect(doc, "gained.0.ports.0", "tcp:5432");
	expect(doc, "lostCount", "2");
	expect(doc, "incomplete", "false");
	assert_int_equal(json_array_size(at(doc, "tests")), 0);
	json_decref(doc);
	doc = post_text("/diff", POLICY, 200);
	expect(doc, "gainedCount", "0");
	expect(doc, "nodeCount", "0");
	json_decref(doc);
	doc = post_text("/diff", FAILING, 200);
	assert_int_equal(json_array_size(at(doc, "tests")), 1);
	json_decref(doc);
	body_of("from", OTHER, ",\"to\":1", body);
	doc = post("/diff", body, 200);
	expect(doc, "lost.0.src.text", "pc");
	json_decref(doc);
}

/* ---- history ---- */

static void test_history(void **state)
{
	(void)state;
	json_decref(put(OTHER, 200));
	json_t *doc = api_json(&sys, "GET", "/api/v1/policy/history", NULL, 200);
	assert_int_equal(json_array_size(at(doc, "revisions")), 2);
	expect(doc, "revisions.0.rev", "1");
	expect(doc, "revisions.1.author", "socket");
	expect(doc, "revisions.1.comment", "a test");
	json_t *diff = post("/diff", NULL, 200);
	assert_int_equal(strlen(text_at(diff, "base")), 64);
	expect(doc, "revisions.1.hash", text_at(diff, "base"));
	json_decref(diff);
	assert_null(at(doc, "revisions.0.policy"));
	json_decref(doc);
	doc = api_json(&sys, "GET", "/api/v1/policy/history/1", NULL, 200);
	expect(doc, "revision.policy", POLICY);
	json_decref(doc);
	json_decref(api_json(&sys, "GET", "/api/v1/policy/history/9", NULL, 404));

	doc = post("/rollback/1", NULL, 200);
	expect(doc, "policy", POLICY);
	json_decref(doc);
	doc = api_json(&sys, "GET", "/api/v1/policy/history", NULL, 200);
	expect(doc, "revisions.2.comment", "rollback to 1");
	json_decref(doc);
}

static void put_change(const char *policy, const char *more, unsigned status, const char *location)
{
	char body[BODY_MAX];

	body_of("policy", policy, more, body);
	json_t *doc = api_json(&sys, "PUT", "/api/v1/policy", body, status);
	if (location != NULL)
		expect(doc, "errors.0.location", location);
	json_decref(doc);
}

static size_t revisions(void)
{
	json_t *doc = api_json(&sys, "GET", "/api/v1/policy/history", NULL, 200);
	size_t n = json_array_size(at(doc, "revisions"));

	json_decref(doc);
	return n;
}

/* Who made a change from a text that is no longer in force must look again. */
static void test_conflict(void **state)
{
	char base[128], body[256];
	(void)state;

	json_t *doc = post("/diff", NULL, 200);
	expect(doc, "mode", "database");
	snprintf(base, sizeof base, ",\"base\":\"%s\"", text_at(doc, "base"));
	snprintf(body, sizeof body, "{%s}", base + 1);
	json_decref(doc);
	put_change(OTHER, base, 200, NULL);
	put_change(POLICY, base, 409, "base");
	json_decref(post("/rollback/1", body, 409));
	put_change(POLICY, ",\"base\":\"x\"", 409, "base");
	doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", OTHER);
	json_decref(doc);
	put_change(POLICY, "", 200, NULL);
}

/* ---- conditions of HTTP ---- */

static void etag_of_policy(char out[static 128])
{
	struct reply r = api_call(&sys, "GET", "/api/v1/policy", NULL);
	const char *field = strcasestr(r.head, "\r\netag: ");

	assert_non_null(field);
	assert_int_equal(sscanf(field + strlen("\r\netag: "), "%127s", out), 1);
	reply_done(&r);
}

static struct {
	const char *name, *before, *after; /* around the ETag; `before` NULL: no field */
	bool current;                      /* of the text in force, not of the one before */
	unsigned status;
} conditions[] = {
	{ "none", NULL, "", true, 200 },
	{ "that in force", "", "", true, 200 },
	{ "another one", "", "", false, 412 },
	{ "one of several", "\"x\", ", " , \"y\"", true, 200 },
	{ "none of several", "\"x\", ", " , \"y\"", false, 412 },
	{ "whatever there is", "*\r\nx-etag: ", "", false, 200 },
	{ "a weak one", "W/", "", true, 412 },
	{ "a beginning", "\"x", "", true, 412 },
	{ "nothing", "\r\nx-etag: ", "", true, 412 },
};

/* A PUT of OTHER by a client with a key. */
static struct reply put_if(const char *key, const char *condition)
{
	char body[BODY_MAX], request[2 * BODY_MAX];

	body_of("policy", OTHER, "", body);
	int len = snprintf(request, sizeof request,
			   "PUT /api/v1/policy HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
			   "%sContent-Length: %zu\r\n\r\n%s",
			   key, condition, strlen(body), body);
	return sys_http(&sys, request, (size_t)len);
}

static void test_condition(void **state)
{
	typeof(&conditions[0]) row = *state;
	char before[128], now[128], condition[512] = "";

	put_change(OTHER, "", 200, NULL);
	etag_of_policy(before);
	put_change(POLICY, "", 200, NULL);
	etag_of_policy(now);
	assert_string_not_equal(before, now);
	if (row->before != NULL)
		snprintf(condition, sizeof condition, "If-Match: %s%s%s\r\n", row->before,
			 row->current ? now : before, row->after);
	json_t *doc = api_json(&sys, "POST", "/api/v1/apikey", NULL, 200);
	struct reply r = put_if(text_at(doc, "apiKey"), condition);
	json_decref(doc);
	if (r.status != row->status)
		fail_msg("%u: %s", r.status, (const char *)r.body.ptr);
	if (r.status == 412)
		assert_non_null(strstr((const char *)r.body.ptr, "\"If-Match\""));
	reply_done(&r);
	doc = api_json(&sys, "GET", "/api/v1/policy", NULL, 200);
	expect(doc, "policy", row->status == 200 ? OTHER : POLICY);
	json_decref(doc);
	put_change(POLICY, "", 200, NULL);
}

static void test_same_text(void **state)
{
	size_t before = revisions();
	(void)state;

	put_change(POLICY, "", 200, NULL);
	assert_int_equal(revisions(), before);
	put_change(OTHER, "", 200, NULL);
	assert_int_equal(revisions(), before + 1);
	put_change(POLICY, "", 200, NULL);
}

static void test_comments(void **state)
{
	char comment[300];
	(void)state;

	snprintf(comment, sizeof comment, ",\"comment\":\"%0255d\"", 0);
	put_change(OTHER, comment, 200, NULL);
	snprintf(comment, sizeof comment, ",\"comment\":\"%0256d\"", 0);
	put_change(OTHER, comment, 400, "comment");
	put_change(OTHER, ",\"comment\":\"a\\u001b[2J\"", 400, "comment");
	put_change(POLICY, "", 200, NULL);
}

/* A text of the full size passes, one byte of body more does not. */
static void test_size(void **state)
{
	enum { LIMIT = 4 << 20 };
	static const char head[] = "{\"policy\":\"{}", tail[] = "\"}";
	char *body = malloc(LIMIT + 2);
	(void)state;

	assert_non_null(body);
	memset(body, ' ', LIMIT + 1);
	memcpy(body, head, sizeof head - 1);
	memcpy(body + LIMIT - (sizeof tail - 1), tail, sizeof tail - 1);
	struct reply r =
		api_send(&sys, NULL, "POST", "/api/v1/policy/check", fl_slice_of(body, LIMIT));
	assert_int_equal(r.status, 200);
	reply_done(&r);
	r = api_send(&sys, NULL, "POST", "/api/v1/policy/check", fl_slice_of(body, LIMIT + 1));
	assert_int_equal(r.status, 413);
	reply_done(&r);
	free(body);
}

/* ---- the nodes ---- */

static void join(struct node *n, const char *name, char *key)
{
	node_open(n, &sys, name);
	node_join(n, key);
	free(key);
}

static void join_all(void)
{
	json_int_t ann = api_user(&sys, "ann"), bob = api_user(&sys, "bob");

	join(&nodes[0], "phone", api_key(&sys, ann, NULL));
	join(&nodes[1], "lap", api_key(&sys, ann, NULL));
	join(&nodes[2], "pc", api_key(&sys, bob, NULL));
	join(&nodes[3], "web", api_key(&sys, ann, "\"aclTags\":[\"tag:web\"]"));
	join(&nodes[4], "db", api_key(&sys, ann, "\"aclTags\":[\"tag:db\"]"));
	join(&nodes[5], "router", api_key(&sys, ann, "\"aclTags\":[\"tag:r\"]"));
	node_lite(&nodes[5], "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	api_ok(&sys, "POST", "/api/v1/node/6/approve_routes", "{\"routes\":[\"10.9.0.0/16\"]}");
	node_poll(&nodes[5]); /* nobody is led to a router that is offline */
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "set", test_set, NULL);
	suite_add(&suite, "refusals", test_refusals, NULL);
	suite_add(&suite, "a forgotten text", test_forgotten, NULL);
	suite_add(&suite, "tests", test_tests, NULL);
	suite_add_rows(&suite, (void *)(uintptr_t)asks, COUNT(asks), sizeof *asks, ask_row);
	suite_add(&suite, "as of another", test_as_of, NULL);
	suite_add_rows(&suite, (void *)(uintptr_t)wrongs, COUNT(wrongs), sizeof *wrongs, wrong_row);
	suite_add(&suite, "many in place of one", test_many, NULL);
	suite_add(&suite, "who reaches whom", test_reach, NULL);
	suite_add(&suite, "diff", test_diff, NULL);
	suite_add(&suite, "history", test_history, NULL);
	suite_add(&suite, "conflict", test_conflict, NULL);
	suite_add(&suite, "the same text", test_same_text, NULL);
	ROWS(&suite, conditions, test_condition);
	suite_add(&suite, "comments", test_comments, NULL);
	suite_add(&suite, "size", test_size, NULL);
	sys_start(&sys, false, "policy:\n  mode: database\n");
	join_all();
	int failed = suite_run(&suite, "system/policy_api");
	for (size_t i = 0; i < NODES; i++)
		node_close(&nodes[i]);
	sys_stop(&sys);
	return failed;
}
