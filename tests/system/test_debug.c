/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_debug.c - /debug on the metrics listener: who may look, what is there, and what
 * must not be.
 */
#include "client.h"

#include <stdio.h>
#include <unistd.h>

#include "services/control/internal.h"
#include "services/server/internal.h"

#define API_KEY  "hskey-api-0123456789ab-secret-of-the-command-line"
#define PASSWORD "user:pass-word-of-a-url"

static struct sys sys;
static struct node laptop, phone;
static json_int_t ada;

static const char *const pages[] = {
	"overview",       "config",       "policy",
	"policy-manager", "filter",       "ssh",
	"derp",           "nodestore",    "registration-cache",
	"routes",         "mapresponses", "batcher",
	"changes",        "views",
};

static struct reply get(const char *path)
{
	struct fl_addrport public = sys.at;

	sys.at = fl_listener_at(sys.server->metrics_listener);
	struct reply r = sys_get(&sys, path);
	sys.at = public;
	return r;
}

static unsigned status_of(const char *path)
{
	struct reply r = get(path);
	unsigned status = r.status;
	reply_done(&r);
	return status;
}

static json_t *page(const char *path)
{
	char whole[160];

	snprintf(whole, sizeof whole, "/debug/%s", path);
	struct reply r = get(whole);
	if (r.status != 200)
		fail_msg("%s: %u %s", whole, r.status, (const char *)r.body.ptr);
	json_error_t why;
	json_t *doc =
		json_loadb((const char *)r.body.ptr, r.body.len, JSON_REJECT_DUPLICATES, &why);
	if (!json_is_object(doc))
		fail_msg("%s: %s", whole, why.text);
	reply_done(&r);
	return doc;
}

static json_int_t number(json_t *doc, const char *path)
{
	json_t *v = at(doc, path);

	if (!json_is_integer(v))
		fail_msg("%s is no number", path);
	return json_integer_value(v);
}

/* ---- what is there ---- */

static void test_every_page(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(pages); i++)
		json_decref(page(pages[i]));
}

static void test_index_names_every_page(void **state)
{
	json_t *doc = page("");
	(void)state;

	assert_int_equal(json_array_size(at(doc, "pages")), COUNT(pages) + 1);
	for (size_t i = 0; i < COUNT(pages); i++)
		assert_string_equal(json_string_value(json_array_get(at(doc, "pages"), i)),
				    pages[i]);
	assert_string_equal(json_string_value(json_array_get(at(doc, "pages"), COUNT(pages))),
			    "ping");
	json_decref(doc);
	assert_int_equal(status_of("/debug"), 200);
}

static void test_other_paths(void **state)
{
	(void)state;
	assert_int_equal(status_of("/debug/nothing"), 404);
	assert_int_equal(status_of("/debug/config/x"), 404);
	assert_int_equal(status_of("/debug/nodestore?limit=x"), 400);
	assert_int_equal(status_of("/debug/nodestore?after=-1"), 400);
	assert_int_equal(status_of("/debug/nodestore?node=1%00"), 400);
	/* On the listener that everybody reaches there is nothing of it. */
	for (size_t i = 0; i < COUNT(pages); i++) {
		char path[64];
		snprintf(path, sizeof path, "/debug/%s", pages[i]);
		struct reply r = sys_get(&sys, path);
		assert_int_equal(r.status, 404);
		reply_done(&r);
	}
}

/* ---- who may look ---- */

static struct address {
	const char *name;
	const char *text;
	bool allowed;
} addresses[] = {
	{ "this machine", "127.0.0.1", true },
	{ "this machine, otherwise", "127.8.9.10", true },
	{ "this machine by IPv6", "::1", true },
	{ "a node", "100.64.0.7", true },
	{ "a node by IPv6", "fd7a:115c:a1e0::7", true },
	{ "just outside of the nodes", "100.128.0.0", false },
	{ "a private network", "10.0.0.1", false },
	{ "a link", "fe80::1", false },
	{ "the world", "198.51.100.1", false },
	{ "listed", "192.0.2.200", true },
	{ "just outside of the list", "192.0.3.0", false },
	{ "listed by IPv6", "2001:db8::1", true },
};

static void test_address(void **state)
{
	const struct address *a = *state;
	struct fl_ip ip;

	assert_err(fl_ip_parse(fl_slice_str(a->text), &ip), FL_OK);
	assert_int_equal(fl_server_debug_allows(sys.server->config, &ip), a->allowed);
}

static void test_proxies_are_not_believed(void **state)
{
	static const char *const fields[] = { "X-Forwarded-For: 127.0.0.1", "Forwarded: for=::1",
					      "X-Real-IP: 127.0.0.1", "True-Client-IP: 127.0.0.1" };
	static const char *const gated[] = { "overview", "", "ping?node=laptop" };
	struct fl_addrport public = sys.at;
	char request[256];
	(void)state;

	sys.at = fl_listener_at(sys.server->metrics_listener);
	for (size_t i = 0; i < COUNT(fields) * COUNT(gated); i++) {
		int len = snprintf(request, sizeof request,
				   "GET /debug/%s HTTP/1.1\r\nHost: x\r\n%s\r\n"
				   "Connection: close\r\n\r\n",
				   gated[i % COUNT(gated)], fields[i / COUNT(gated)]);
		struct reply r = sys_http(&sys, request, (size_t)len);
		assert_int_equal(r.status, 403);
		assert_null(strstr((const char *)r.body.ptr, "version"));
		reply_done(&r);
	}
	assert_int_equal(sys_stats(&sys).pings, 0);
	sys.at = public;
}

static void test_read_only(void **state)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE" };
	struct fl_addrport public = sys.at;
	char request[256];
	(void)state;

	sys.at = fl_listener_at(sys.server->metrics_listener);
	for (size_t i = 0; i < COUNT(methods); i++) {
		int len = snprintf(request, sizeof request,
				   "%s /debug/config HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n"
				   "Connection: close\r\n\r\n",
				   methods[i]);
		struct reply r = sys_http(&sys, request, (size_t)len);
		assert_int_equal(r.status, 405);
		reply_done(&r);
	}
	sys.at = public;
}

/* ---- what must not be there ---- */

static void expect_nowhere(const char *secret)
{
	char path[64];

	assert_true(strlen(secret) > 8);
	for (size_t i = 0; i < COUNT(pages); i++) {
		snprintf(path, sizeof path, "/debug/%s", pages[i]);
		struct reply r = get(path);
		if (strstr((const char *)r.body.ptr, secret) != NULL)
			fail_msg("%s shows %s", path, secret);
		reply_done(&r);
	}
}

static void test_no_secrets(void **state)
{
	struct node waits;
	char text[256];
	(void)state;

	node_open(&waits, &sys, "waits");
	json_t *answer = node_register(&waits, NULL);
	char *key = api_key(&sys, ada, NULL);
	expect_nowhere(API_KEY);
	expect_nowhere(PASSWORD);
	expect_nowhere(strrchr(text_at(answer, "AuthURL"), '/') + 1);
	expect_nowhere(strrchr(key, '-') + 1);
	FILE *f = fopen(sys_path(&sys, "noise_private.key"), "r");
	assert_non_null(f);
	assert_non_null(fgets(text, sizeof text, f));
	fclose(f);
	text[strcspn(text, "\n")] = '\0';
	expect_nowhere(strchr(text, ':') + 1);
	/* They are masked, not missing. */
	json_t *doc = page("config");
	assert_string_equal(json_string_value(json_object_get(doc, "cli.api_key")), "***");
	assert_string_equal(json_string_value(json_array_get(json_object_get(doc, "derp.urls"), 0)),
			    "https://***@127.0.0.1:1/map");
	assert_string_equal(json_string_value(json_object_get(doc, "server_url")),
			    "http://127.0.0.1:8080");
	json_decref(doc);
	doc = page("registration-cache");
	assert_string_equal(text_at(doc, "logins.0.hostname"), "waits");
	json_decref(doc);
	free(key);
	json_decref(answer);
	node_close(&waits);
}

/* ---- that it tells the truth ---- */

static json_t *session_of(json_t *doc, json_int_t node, const char *state)
{
	json_t *s;
	size_t i;

	json_array_foreach(at(doc, "sessions"), i, s)
	{
		if (number(s, "node") == node && strcmp(text_at(s, "state"), state) == 0)
			return s;
	}
	return NULL;
}

static void test_sessions(void **state)
{
	json_int_t id = node_id(&laptop);
	(void)state;

	json_t *doc = page("batcher");
	json_t *s = session_of(doc, id, "open");
	assert_non_null(s);
	json_int_t first = number(s, "generation");
	assert_int_equal(number(s, "nodeOpen"), 1);
	assert_string_equal(text_at(s, "name"), "laptop");
	assert_int_equal(number(doc, "open"), 2);
	json_decref(doc);
	node_end_poll(&laptop);
	sys_turn(&sys, 12);
	doc = page("batcher");
	assert_null(session_of(doc, id, "open"));
	s = session_of(doc, id, "leaving");
	assert_non_null(s);
	assert_int_equal(number(s, "generation"), first);
	assert_int_equal(number(s, "nodeLive"), 1);
	assert_int_equal(number(s, "nodeOpen"), 0);
	assert_int_equal(number(doc, "leaving"), 1);
	json_decref(doc);
	node_poll(&laptop);
	doc = page("batcher");
	s = session_of(doc, id, "open");
	assert_non_null(s);
	assert_true(number(s, "generation") > first);
	assert_null(session_of(doc, id, "leaving"));
	json_decref(doc);
}

static void rename_node(json_int_t id, const char *name)
{
	char path[128];

	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/%s", (long long)id, name);
	api_ok(&sys, "POST", path, NULL);
	sys_turn(&sys, 12);
}

static void test_changes_and_frames(void **state)
{
	json_int_t id = node_id(&phone);
	(void)state;

	rename_node(id, "mobile");
	json_t *doc = page("changes");
	assert_string_equal(text_at(doc, "changes.0.kind"), "node changed");
	assert_int_equal(number(doc, "changes.0.id"), id);
	json_decref(doc);
	doc = page("mapresponses");
	/* The node's own entry, and one frame for whoever else is there. */
	assert_string_equal(text_at(doc, "frames.0.kind"), "change");
	assert_string_equal(text_at(doc, "frames.1.kind"), "change");
	assert_int_equal(number(doc, "frames.0.receivers"), 1);
	assert_true(number(doc, "frames.0.bytes") > 0);
	json_decref(doc);
	rename_node(id, "phone");
	assert_false(node_fold(&laptop));
	assert_false(node_fold(&phone));
}

/* The rings are bounded; what is asked for more than that is the newest. */
static void test_rings(void **state)
{
	enum { MANY = 2 * FL_TRACE_CHANGES };
	json_int_t id = node_id(&phone);
	char name[32];
	(void)state;

	json_t *doc = page("changes?limit=1000");
	json_int_t before = number(doc, "total");
	json_decref(doc);
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(name, sizeof name, "p%u", i);
		rename_node(id, name);
	}
	rename_node(id, "phone");
	doc = page("changes?limit=1000");
	assert_int_equal(json_array_size(at(doc, "changes")), FL_TRACE_CHANGES);
	assert_true(number(doc, "total") >= before + MANY);
	json_decref(doc);
	doc = page("mapresponses?limit=1000");
	assert_int_equal(json_array_size(at(doc, "frames")), FL_TRACE_FRAMES);
	json_decref(doc);
	assert_false(node_fold(&laptop));
	assert_false(node_fold(&phone));
}

static void test_pages_of_nodes(void **state)
{
	char path[64];
	(void)state;

	json_t *doc = page("nodestore?limit=1");
	assert_int_equal(json_array_size(at(doc, "nodes")), 1);
	assert_int_equal(number(doc, "total"), 2);
	json_int_t first = number(doc, "nodes.0.id"), next = number(doc, "next");
	assert_int_equal(first, next);
	json_decref(doc);
	snprintf(path, sizeof path, "nodestore?limit=1&after=%lld", (long long)next);
	doc = page(path);
	assert_true(number(doc, "nodes.0.id") > first);
	assert_true(json_is_null(at(doc, "next")));
	json_decref(doc);
	snprintf(path, sizeof path, "nodestore?node=%lld", (long long)first);
	doc = page(path);
	assert_int_equal(json_array_size(at(doc, "nodes")), 1);
	assert_int_equal(number(doc, "nodes.0.id"), first);
	assert_true(json_is_true(at(doc, "nodes.0.online")));
	json_decref(doc);
}

static void set_policy(const char *text)
{
	json_t *body = json_pack("{s:s}", "policy", text);
	char *dumped = json_dumps(body, 0);

	api_ok(&sys, "PUT", "/api/v1/policy", dumped);
	free(dumped);
	json_decref(body);
	sys_turn(&sys, 12);
}

static void test_views(void **state)
{
	(void)state;
	json_t *doc = page("views");
	assert_int_equal(json_array_size(at(doc, "views")), 1);
	assert_int_equal(number(doc, "views.0.sessions"), 2);
	assert_int_equal(number(doc, "views.0.sees"), 2);
	assert_true(json_is_false(at(doc, "policy")));
	json_decref(doc);
	set_policy("{\"acls\": []}");
	doc = page("views");
	assert_int_equal(json_array_size(at(doc, "views")), 2); /* each sees itself */
	assert_int_equal(number(doc, "views.0.sees"), 1);
	assert_int_equal(number(doc, "looked"), 2);
	json_decref(doc);
	doc = page("filter");
	assert_int_equal(json_array_size(at(doc, "nodes.0.filter")), 0);
	json_decref(doc);
	doc = page("policy");
	assert_string_equal(text_at(doc, "text"), "{\"acls\": []}");
	assert_string_equal(text_at(doc, "mode"), "database");
	json_decref(doc);
	doc = page("policy-manager");
	assert_int_equal(number(doc, "document.rules"), 0);
	assert_int_equal(number(doc, "revision"), 1);
	json_decref(doc);
	set_policy("");
	assert_false(node_fold(&laptop));
	assert_false(node_fold(&phone));
}

static void test_over_the_socket(void **state)
{
	static const char *const names[] = { "sessions", "changes", "views" };
	char path[64];
	(void)state;

	for (size_t i = 0; i < COUNT(names); i++) {
		snprintf(path, sizeof path, "/api/v1/debug/%s", names[i]);
		json_t *doc = api_json(&sys, "GET", path, NULL, 200);
		assert_true(json_array_size(at(doc, names[i])) > 0);
		json_decref(doc);
		struct reply r = sys_get(&sys, path); /* with no key */
		assert_int_equal(r.status, 401);
		reply_done(&r);
		snprintf(path, sizeof path, "/api/v1/debug/%s?limit=much", names[i]);
		json_decref(api_json(&sys, "GET", path, NULL, 400));
	}
}

/* ---- ping ---- */

static int begin(const char *path)
{
	struct fl_addrport public = sys.at;
	char request[160];
	int len = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

	sys.at = fl_listener_at(sys.server->metrics_listener);
	int fd = sys_dial(&sys);
	sys.at = public;
	sys_send(&sys, fd, request, (size_t)len);
	return fd;
}

static bool has_ping(void *ctx)
{
	(void)ctx;
	assert_false(node_fold(&laptop));
	return json_array_size(laptop.view.pings) > laptop.ponged;
}

static void test_ping(void **state)
{
	static const char *const targets[] = { "laptop", "LapTop", "100.64.0.1",
					       "fd7a:115c:a1e0::1" };
	char path[96];
	(void)state;

	for (size_t i = 0; i < COUNT(targets); i++) {
		snprintf(path, sizeof path, "/debug/ping?node=%s", targets[i]);
		int fd = begin(path);
		assert_true(sys_until(&sys, has_ping, NULL));
		assert_int_equal(sys_stats(&sys).pings, 1);
		node_pong(&laptop);
		struct reply r = sys_answer(&sys, fd);
		close(fd);
		assert_int_equal(r.status, 200);
		json_t *doc = json_loadb((const char *)r.body.ptr, r.body.len, 0, NULL);
		assert_true(json_is_true(at(doc, "answered")));
		assert_string_equal(text_at(doc, "givenName"), "laptop");
		assert_int_equal(atoll(text_at(doc, "nodeId")), node_id(&laptop));
		json_decref(doc);
		reply_done(&r);
		assert_int_equal(sys_stats(&sys).pings, 0);
	}
}

static void test_ping_in_silence(void **state)
{
	(void)state;
	json_t *doc = page("ping?node=laptop&timeout=50ms");

	assert_true(json_is_false(at(doc, "answered")));
	assert_true(json_is_true(at(doc, "online")));
	json_decref(doc);
	assert_true(has_ping(NULL));
	laptop.ponged++; /* too late for it */
	assert_int_equal(status_of("/debug/ping?node=nobody"), 404);
	assert_int_equal(status_of("/debug/ping?node="), 404);
	assert_int_equal(status_of("/debug/ping?timeout=1s"), 404);
	assert_int_equal(status_of("/debug/ping?node=laptop&timeout=31s"), 400);
	assert_int_equal(status_of("/debug/ping?node=a%00"), 400);
	assert_int_equal(sys_stats(&sys).pings, 0);
}

static void test_ping_form(void **state)
{
	struct reply r = get("/debug/ping");
	(void)state;

	assert_int_equal(r.status, 200);
	assert_string_equal(r.type, "text/html");
	assert_non_null(strstr((const char *)r.body.ptr, "<form>"));
	assert_non_null(strstr((const char *)r.body.ptr, "name=\"node\""));
	reply_done(&r);
	r = sys_get(&sys, "/debug/ping?node=laptop"); /* where everybody can ask */
	assert_int_equal(r.status, 404);
	reply_done(&r);
}

/* ---- metrics ---- */

static unsigned long long metric(const char *name)
{
	char line[128];
	struct reply r = get("/metrics");
	const char *found;

	snprintf(line, sizeof line, "\n%s ", name);
	found = strstr((const char *)r.body.ptr, line);
	if (found == NULL)
		fail_msg("no %s", name);
	unsigned long long v = strtoull(found + strlen(line), NULL, 10);
	reply_done(&r);
	return v;
}

static void test_delays_are_counted(void **state)
{
	unsigned long long maps = metric("fairlead_map_delay_seconds_count");
	unsigned long long firsts = metric("fairlead_first_map_seconds_count");
	(void)state;

	rename_node(node_id(&phone), "mobile");
	rename_node(node_id(&phone), "phone");
	assert_int_equal(metric("fairlead_map_delay_seconds_count"), maps + 2);
	assert_int_equal(metric("fairlead_map_delay_seconds_bucket{le=\"+Inf\"}"), maps + 2);
	assert_int_equal(metric("fairlead_map_delay_seconds_bucket{le=\"10\"}"), maps + 2);
	node_end_poll(&laptop);
	sys_turn(&sys, 12);
	assert_int_equal(metric("fairlead_sessions_leaving"), 1);
	node_poll(&laptop);
	assert_int_equal(metric("fairlead_first_map_seconds_count"), firsts + 1);
	assert_int_equal(metric("fairlead_sessions_leaving"), 0);
	assert_false(node_fold(&phone));
}

static bool has_metric(const char *name)
{
	struct reply r = get("/metrics");
	bool found = strstr((const char *)r.body.ptr, name) != NULL;

	reply_done(&r);
	return found;
}

static void expire_phone(const char *body)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld/expire", (long long)node_id(&phone));
	api_ok(&sys, "POST", path, body);
	sys_turn(&sys, 12);
}

#define NODES(state, os) "fairlead_nodes{state=\"" state "\",os=\"" os "\",tagged=\"no\"}"

static void test_nodes_by_kind(void **state)
{
	(void)state;
	assert_int_equal(metric(NODES("online", "linux")), 2);
	assert_false(has_metric("tagged=\"yes\""));
	node_lite(&phone, "{\"Hostinfo\":{\"OS\":\"iOS\"}}");
	assert_int_equal(metric(NODES("online", "iOS")), 1);
	assert_int_equal(metric(NODES("online", "linux")), 1);
	/* What a client makes up becomes no label. */
	node_lite(&phone, "{\"Hostinfo\":{\"OS\":\"plan9\"}}");
	assert_int_equal(metric(NODES("online", "other")), 1);
	assert_false(has_metric("plan9"));
	expire_phone(NULL);
	assert_int_equal(metric(NODES("expired", "other")), 1);
	assert_false(has_metric(NODES("online", "other")));
	expire_phone("{\"disableExpiry\":true}");
	node_end_poll(&phone);
	sys_turn(&sys, 12);
	assert_int_equal(metric(NODES("online", "other")), 1); /* in its grace period */
	struct node tagged;
	node_enter(&tagged, &sys, "tagged", ada, "\"aclTags\":[\"tag:x\"]");
	assert_int_equal(metric("fairlead_nodes{state=\"online\",os=\"linux\",tagged=\"yes\"}"), 1);
	char path[64];
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)node_id(&tagged));
	api_ok(&sys, "DELETE", path, NULL);
	node_close(&tagged);
	node_poll(&phone);
	node_lite(&phone, "{\"Hostinfo\":{\"OS\":\"linux\"}}");
	assert_false(node_fold(&laptop));
}

static void test_work_is_timed(void **state)
{
	static const char commits[] = "fairlead_store_commit_seconds_count",
			  whole[] = "fairlead_policy_compile_seconds_count{work=\"whole\"}",
			  step[] = "fairlead_policy_compile_seconds_count{work=\"step\"}",
			  changed[] = "fairlead_changes_total{kind=\"node changed\"}";
	(void)state;

	unsigned long long was[] = { metric(commits), metric(whole), metric(step),
				     metric(changed) };
	set_policy("{\"acls\": []}");
	assert_true(metric(commits) > was[0]);
	assert_true(metric(whole) > was[1]);
	assert_int_equal(metric(step), was[2]);
	unsigned long long applied = metric(whole);
	rename_node(node_id(&phone), "mobile");
	assert_true(metric(commits) > was[0] + 1);
	assert_int_equal(metric(step), was[2] + 1);
	assert_int_equal(metric(whole), applied);
	assert_int_equal(metric(changed), was[3] + 1);
	rename_node(node_id(&phone), "phone");
	set_policy("");
	assert_false(node_fold(&laptop));
	assert_false(node_fold(&phone));
}

static void test_updates_are_counted(void **state)
{
	static const char name[] = "headscale_mapresponse_endpoint_updates_total{status=\"ok\"}";
	unsigned long long before = metric(name);
	(void)state;

	node_lite(&phone, "{\"Endpoints\":[\"192.0.2.1:5\"],\"EndpointTypes\":[2]}");
	assert_int_equal(metric(name), before + 1);
}

static void test_suppressed_frames_are_counted(void **state)
{
	unsigned long long before;
	(void)state;

	set_policy("{\"acls\": []}");
	before = metric("fairlead_map_frames_suppressed_total");
	rename_node(node_id(&phone), "mobile"); /* which laptop does not see */
	assert_int_equal(metric("fairlead_map_frames_suppressed_total"), before + 1);
	rename_node(node_id(&phone), "phone");
	set_policy("");
	assert_false(node_fold(&laptop));
	assert_false(node_fold(&phone));
}

/* ---- */

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "every page", test_every_page, NULL);
	suite_add(&suite, "the index names every page", test_index_names_every_page, NULL);
	suite_add(&suite, "other paths", test_other_paths, NULL);
	ROWS(&suite, addresses, test_address);
	suite_add(&suite, "proxies are not believed", test_proxies_are_not_believed, NULL);
	suite_add(&suite, "read-only", test_read_only, NULL);
	suite_add(&suite, "no secrets", test_no_secrets, NULL);
	suite_add(&suite, "sessions", test_sessions, NULL);
	suite_add(&suite, "changes and frames", test_changes_and_frames, NULL);
	suite_add(&suite, "rings", test_rings, NULL);
	suite_add(&suite, "pages of nodes", test_pages_of_nodes, NULL);
	suite_add(&suite, "views", test_views, NULL);
	suite_add(&suite, "over the socket", test_over_the_socket, NULL);
	suite_add(&suite, "ping", test_ping, NULL);
	suite_add(&suite, "ping in silence", test_ping_in_silence, NULL);
	suite_add(&suite, "ping form", test_ping_form, NULL);
	suite_add(&suite, "delays are counted", test_delays_are_counted, NULL);
	suite_add(&suite, "nodes by kind", test_nodes_by_kind, NULL);
	suite_add(&suite, "work is timed", test_work_is_timed, NULL);
	suite_add(&suite, "updates are counted", test_updates_are_counted, NULL);
	suite_add(&suite, "suppressed frames are counted", test_suppressed_frames_are_counted,
		  NULL);
	sys_make(&sys, false, NULL);
	sys_write(&sys, "config.yaml",
		  "server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\n"
		  "metrics_listen_addr: 127.0.0.1:0\n"
		  "derp:\n  urls: [\"https://" PASSWORD "@127.0.0.1:1/map\"]\n"
		  "  server:\n    stun_listen_addr: 127.0.0.1:0\n"
		  "debug:\n  allow: [192.0.2.0/24, \"2001:db8::/32\"]\n"
		  "cli:\n  api_key: " API_KEY "\npolicy:\n  mode: database\n");
	sys_boot(&sys);
	ada = api_user(&sys, "ada");
	node_enter(&laptop, &sys, "laptop", ada, NULL);
	node_enter(&phone, &sys, "phone", ada, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/debug");
	node_close(&laptop);
	node_close(&phone);
	sys_stop(&sys);
	return failed;
}
