/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_ssh.c - SSH connections under a check rule: who may ask, what is answered, and
 * whom an approval serves.
 *
 *   ada's laptop, ada's tablet --check--> server (tag:server)     bob's desk --accept--> server
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>

enum { NOBODY = 99999 };

static struct sys sys;
static struct node laptop, tablet, server, desk;
static json_int_t laptop_id, tablet_id, server_id, desk_id;

#define POLICY(period)                                                                             \
	"{\"tagOwners\": {\"tag:server\": [\"ada@\"]},"                                            \
	" \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}],"             \
	" \"ssh\": [{\"action\": \"check\", \"src\": [\"ada@\"], \"dst\": [\"tag:server\"],"       \
	" \"users\": [\"root\"]" period "},"                                                       \
	" {\"action\": \"accept\", \"src\": [\"bob@\"], \"dst\": [\"tag:server\"],"                \
	" \"users\": [\"root\"]}]}"
#define NO_CHECK                                                                                   \
	"{\"tagOwners\": {\"tag:server\": [\"ada@\"]},"                                            \
	" \"acls\": [{\"action\": \"accept\", \"src\": [\"*\"], \"dst\": [\"*:*\"]}]}"

static const char usual[] = POLICY("");
static const char always[] = POLICY(", \"checkPeriod\": \"always\"");
static const char a_second[] = POLICY(", \"checkPeriod\": \"1s\"");

static void set(const char *text)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	enum fl_err err = fl_policies_set(fl_server_policies(sys.server), fl_slice_str(text),
					  "tester", "", &report, &rev);
	if (err != FL_OK)
		fail_msg("%s", report.len > 0 ? report.at[0].text : "not set");
	fl_policy_report_done(&report);
	sys_turn(&sys, 12);
}

/* Another text of the same meaning, so that nothing of a test before counts. */
static void fresh(const char *text)
{
	set(NO_CHECK);
	set(text);
}

static struct call *ask_for(struct node *n, json_int_t src, json_int_t dst, const char *auth_id)
{
	char path[256];

	snprintf(path, sizeof path, "/machine/ssh/action/%lld/to/%lld?local_user=root%s%s",
		 (long long)src, (long long)dst, auth_id != NULL ? "&auth_id=" : "",
		 auth_id != NULL ? auth_id : "");
	return client_call(&n->c, "GET", path, fl_slice_of(NULL, 0), NULL);
}

static unsigned status_of(struct call *k)
{
	call_wait(k);
	unsigned status = k->status;
	call_drop(k);
	return status;
}

/* The id that a delegation names in both of its addresses. */
static void read_id(json_t *action, char out[static 64])
{
	const char *url = text_at(action, "holdAndDelegate"), *id = strstr(url, "auth_id=");
	char page[128];

	assert_non_null(id);
	snprintf(out, 64, "%.38s", id + 8);
	snprintf(page, sizeof page, "visit: http://127.0.0.1:8080/auth/%s\n", out);
	if (strstr(text_at(action, "message"), page) == NULL)
		fail_msg("said: %s", text_at(action, "message"));
	assert_null(json_object_get(action, "accept"));
	assert_null(json_object_get(action, "reject"));
}

/* Requires an answer that delegates. */
static void expect_hold(struct call *k, char out_id[static 64])
{
	json_t *action = call_json(k, 200);

	if (json_object_get(action, "holdAndDelegate") == NULL)
		fail_msg("answered: %s", json_dumps(action, JSON_COMPACT));
	read_id(action, out_id);
	json_decref(action);
}

static void expect_accept(struct call *k)
{
	json_t *action = call_json(k, 200);

	assert_int_equal(json_object_size(action), 4);
	assert_true(json_is_true(at(action, "accept")));
	assert_true(json_is_true(at(action, "allowAgentForwarding")));
	assert_true(json_is_true(at(action, "allowLocalPortForwarding")));
	assert_true(json_is_true(at(action, "allowRemotePortForwarding")));
	json_decref(action);
}

static void expect_reject(struct call *k)
{
	json_t *action = call_json(k, 200);

	assert_true(json_is_true(at(action, "reject")));
	assert_null(json_object_get(action, "accept"));
	assert_string_not_equal(text_at(action, "message"), "");
	json_decref(action);
}

static unsigned say(const char *how, const char *id)
{
	char path[64], body[128];

	snprintf(path, sizeof path, "/api/v1/auth/%s", how);
	snprintf(body, sizeof body, "{\"authId\":\"%s\"}", id);
	struct reply r = api_call(&sys, "POST", path, body);
	unsigned status = r.status;
	reply_done(&r);
	return status;
}

/* ---- who may ask: {right, wrong key} x {known, unknown} x {none, present, lost, foreign} ---- */

enum session { NONE, PRESENT, LOST, FOREIGN };

static struct row {
	const char *name;
	struct node *asker;
	json_int_t *src;
	bool src_known, dst_known;
	enum session session;
	unsigned status; /* 200: delegates, or for PRESENT waits */
} rows[] = {
	{ "right key, first", &server, &laptop_id, true, true, NONE, 200 },
	{ "right key, present", &server, &laptop_id, true, true, PRESENT, 200 },
	{ "right key, lost", &server, &laptop_id, true, true, LOST, 200 },
	{ "right key, foreign", &server, &laptop_id, true, true, FOREIGN, 401 },
	{ "right key, unknown source", &server, &laptop_id, false, true, NONE, 404 },
	{ "right key, unknown source, lost", &server, &laptop_id, false, true, LOST, 404 },
	{ "right key, unknown source, foreign", &server, &laptop_id, false, true, FOREIGN, 404 },
	{ "unknown destination", &server, &laptop_id, true, false, NONE, 404 },
	{ "unknown destination, lost", &server, &laptop_id, true, false, LOST, 404 },
	{ "unknown destination, foreign", &server, &laptop_id, true, false, FOREIGN, 404 },
	{ "wrong key, first", &desk, &laptop_id, true, true, NONE, 401 },
	{ "wrong key, present", &desk, &laptop_id, true, true, PRESENT, 401 },
	{ "wrong key, lost", &desk, &laptop_id, true, true, LOST, 401 },
	{ "wrong key, foreign", &desk, &laptop_id, true, true, FOREIGN, 401 },
	{ "wrong key, unknown source", &desk, &laptop_id, false, true, NONE, 401 },
	{ "wrong key, unknown destination", &desk, &laptop_id, true, false, NONE, 404 },
	{ "the source's own key", &laptop, &laptop_id, true, true, NONE, 401 },
	{ "no check, first", &server, &desk_id, true, true, NONE, 0 },
	{ "no check, lost", &server, &desk_id, true, true, LOST, 400 },
	{ "no check, foreign", &server, &desk_id, true, true, FOREIGN, 401 },
};

static void test_row(void **state)
{
	const struct row *r = *state;
	char id[64], again[64];
	const char *named = NULL;

	fresh(usual);
	if (r->session == PRESENT || r->session == FOREIGN) {
		json_int_t src = r->session == PRESENT ? laptop_id : tablet_id;
		expect_hold(ask_for(&server, src, server_id, NULL), id);
		named = id;
	} else if (r->session == LOST) {
		named = "hskey-authreq-0123456789abcdef01234567";
	}
	struct call *k = ask_for(r->asker, r->src_known ? *r->src : NOBODY,
				 r->dst_known ? server_id : NOBODY, named);
	if (r->status == 0) {
		expect_reject(k);
	} else if (r->status != 200) {
		assert_int_equal(status_of(k), r->status);
	} else if (r->session == PRESENT) {
		sys_turn(&sys, 12);
		assert_false(call_over(k));
		call_drop(k);
	} else {
		expect_hold(k, again);
		if (named != NULL)
			assert_string_not_equal(again, named);
	}
}

static void test_paths(void **state)
{
	static const struct {
		const char *method, *path;
		unsigned status;
	} paths[] = {
		{ "GET", "/machine/ssh/action", 404 },
		{ "GET", "/machine/ssh/action/1", 404 },
		{ "GET", "/machine/ssh/action/from/1/to/2", 404 },
		{ "POST", "/machine/ssh/action/1/to/2", 404 },
		{ "GET", "/machine/ssh/action/x/to/2", 400 },
		{ "GET", "/machine/ssh/action/1/to/-2", 400 },
		{ "GET", "/machine/ssh/action/1/to/18446744073709551616", 400 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(paths); i++) {
		struct call *k = client_call(&server.c, paths[i].method, paths[i].path,
					     fl_slice_of(NULL, 0), NULL);
		unsigned status = status_of(k);
		if (status != paths[i].status)
			fail_msg("%s %s: %u", paths[i].method, paths[i].path, status);
	}
}

/* ---- what the policy tells the destination ---- */

/* Clients ask only https addresses inside Noise, whatever the server's own address is. */
static void test_rule_names_the_address(void **state)
{
	(void)state;
	fresh(usual);
	assert_false(node_fold(&server));
	assert_string_equal(
		text_at(server.view.settings, "SSHPolicy.rules.0.action.holdAndDelegate"),
		"https://127.0.0.1:8080/machine/ssh/action/$SRC_NODE_ID/to/$DST_NODE_ID"
		"?local_user=$LOCAL_USER");
}

static void test_delegation(void **state)
{
	char id[64], want[256];
	(void)state;

	fresh(usual);
	json_t *action = call_json(ask_for(&server, laptop_id, server_id, NULL), 200);
	read_id(action, id);
	snprintf(want, sizeof want,
		 "https://127.0.0.1:8080/machine/ssh/action/%lld/to/%lld?auth_id=%s&local_user="
		 "$LOCAL_USER",
		 (long long)laptop_id, (long long)server_id, id);
	assert_string_equal(text_at(action, "holdAndDelegate"), want);
	assert_int_equal(json_object_size(action), 2);
	json_decref(action);
}

/* ---- verdicts ---- */

static void test_approved_while_it_waits(void **state)
{
	char id[64];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	struct call *k = ask_for(&server, laptop_id, server_id, id);
	sys_turn(&sys, 12);
	assert_false(call_over(k));
	assert_int_equal(say("approve", id), 200);
	expect_accept(k);
	/* The pair needs no other check now; another pair does. */
	expect_accept(ask_for(&server, laptop_id, server_id, NULL));
	expect_hold(ask_for(&server, tablet_id, server_id, NULL), id);
}

static void test_approved_between_two_requests(void **state)
{
	char id[64];
	(void)state;

	fresh(always);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	assert_int_equal(say("approve", id), 200);
	assert_int_equal(say("approve", id), 404);
	expect_accept(ask_for(&server, laptop_id, server_id, id));
	/* It served once. */
	expect_hold(ask_for(&server, laptop_id, server_id, id), id);
}

static void test_rejected(void **state)
{
	char id[64];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	struct call *k = ask_for(&server, laptop_id, server_id, id);
	sys_turn(&sys, 12);
	assert_int_equal(say("reject", id), 200);
	expect_reject(k);
	assert_int_equal(say("approve", id), 404);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
}

/* "always": an approval serves the connection that it was given for. */
static void test_always(void **state)
{
	char first[64], second[64];
	(void)state;

	fresh(always);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), first);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), second);
	assert_string_not_equal(first, second);
	struct call *k = ask_for(&server, laptop_id, server_id, second);
	assert_int_equal(say("approve", first), 200);
	expect_accept(ask_for(&server, laptop_id, server_id, first));
	sys_turn(&sys, 12);
	assert_false(call_over(k));
	call_drop(k);
}

static bool asks_again(void *ctx)
{
	char id[64];
	(void)ctx;

	json_t *action = call_json(ask_for(&server, laptop_id, server_id, NULL), 200);
	bool held = json_object_get(action, "holdAndDelegate") != NULL;
	if (held)
		read_id(action, id);
	json_decref(action);
	return held;
}

static void test_period_ends(void **state)
{
	char id[64];
	(void)state;

	fresh(a_second);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	fl_time began = fl_loop_now(sys.loop);
	assert_int_equal(say("approve", id), 200);
	expect_accept(ask_for(&server, laptop_id, server_id, id));
	while (!asks_again(NULL))
		sys_turn(&sys, 1);
	assert_true(fl_loop_now(sys.loop) - began >= FL_SEC);
	assert_true(fl_loop_now(sys.loop) - began < 5 * FL_SEC);
}

/* An approval that nobody came for is no better than one that was used. */
static void test_period_ends_before_it_is_asked_for(void **state)
{
	char first[64], second[64];
	(void)state;

	fresh(a_second);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), first);
	assert_int_equal(say("approve", first), 200);
	while (!asks_again(NULL)) /* until the approval of the pair is over */
		sys_turn(&sys, 1);
	expect_hold(ask_for(&server, laptop_id, server_id, first), second);
	assert_string_not_equal(first, second);
}

/* ---- what ends a check and an approval ---- */

/* Who waits is not refused: it gets another address (SSH-A). */
static void test_expired_while_it_waits(void **state)
{
	char id[64], again[64];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	expect_hold(ask_for(&server, laptop_id, server_id, id), again);
	assert_string_not_equal(id, again);
	assert_int_equal(say("approve", id), 404);
	assert_int_equal(say("approve", again), 200);
}

static void test_policy_changes(void **state)
{
	char id[64], again[64];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	assert_int_equal(say("approve", id), 200);
	expect_accept(ask_for(&server, laptop_id, server_id, id));
	expect_hold(ask_for(&server, tablet_id, server_id, NULL), id);
	struct call *k = ask_for(&server, tablet_id, server_id, id);
	sys_turn(&sys, 12);
	set(always); /* still a check, but another policy */
	expect_hold(k, again);
	assert_string_not_equal(id, again);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	k = ask_for(&server, tablet_id, server_id, again);
	sys_turn(&sys, 12);
	set(NO_CHECK);
	assert_int_equal(status_of(k), 400);
	assert_int_equal(say("approve", again), 404);
}

/* A node that is gone takes its checks and approvals with it. */
static void test_source_is_deleted(void **state)
{
	struct node guest;
	char path[64], id[64];
	(void)state;

	fresh(usual);
	json_int_t ada = json_integer_value(at(laptop.view.node, "User"));
	char *key = api_key(&sys, ada, NULL);
	node_open(&guest, &sys, "guest");
	node_join(&guest, key);
	free(key);
	json_int_t guest_id = node_id(&guest);
	expect_hold(ask_for(&server, guest_id, server_id, NULL), id);
	assert_int_equal(say("approve", id), 200);
	expect_accept(ask_for(&server, guest_id, server_id, id));
	fresh(always);
	expect_hold(ask_for(&server, guest_id, server_id, NULL), id);
	struct call *k = ask_for(&server, guest_id, server_id, id);
	sys_turn(&sys, 12);
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)guest_id);
	api_ok(&sys, "DELETE", path, NULL);
	assert_int_equal(status_of(k), 404);
	assert_int_equal(say("approve", id), 404);
	node_close(&guest);
}

/* ---- limits ---- */

/* One destination's many checks displace its own, not those of others. */
static void test_one_asks_much(void **state)
{
	enum { MANY = 40, KEPT = 16 };
	char first[64], other[64], id[64];
	unsigned open = 0;
	json_t *entry;
	size_t i;
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, tablet_id, server_id, NULL), first);
	struct call *displaced = ask_for(&server, tablet_id, server_id, first);
	sys_turn(&sys, 12);
	for (unsigned n = 0; n < MANY; n++)
		expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	assert_int_equal(status_of(displaced), 503);
	assert_int_equal(say("approve", first), 404);
	json_t *doc = api_json(&sys, "GET", "/api/v1/auth/pending", NULL, 200);
	json_array_foreach(at(doc, "pending"), i, entry)
	{
		open += strcmp(text_at(entry, "kind"), "ssh") == 0;
		assert_string_equal(text_at(entry, "hostname"), "laptop");
		assert_string_equal(text_at(entry, "destination"), "server");
	}
	json_decref(doc);
	assert_int_equal(open, KEPT);
	snprintf(other, sizeof other, "%s", id);
	assert_int_equal(say("approve", other), 200);
}

/* A follow-up that is repeated takes the place of the one before. */
static void test_repeated_follow_up(void **state)
{
	char id[64];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	struct call *old = ask_for(&server, laptop_id, server_id, id);
	sys_turn(&sys, 12);
	struct call *k = ask_for(&server, laptop_id, server_id, id);
	assert_int_equal(status_of(old), 503);
	assert_false(call_over(k));
	call_drop(k);
	sys_turn(&sys, 12);
	k = ask_for(&server, laptop_id, server_id, id);
	sys_turn(&sys, 12);
	assert_int_equal(say("approve", id), 200);
	expect_accept(k);
}

/* Who waits loses its connection: nothing is left that the word would be told to. */
static void test_asker_goes(void **state)
{
	char id[64];
	(void)state;

	fresh(always);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	ask_for(&server, laptop_id, server_id, id);
	sys_turn(&sys, 12);
	node_reopen(&server);
	sys_turn(&sys, 12);
	assert_int_equal(say("approve", id), 200);
	expect_accept(ask_for(&server, laptop_id, server_id, id));
	node_poll(&server);
}

/* ---- the page ---- */

static void test_page(void **state)
{
	char id[64], path[128], command[128];
	(void)state;

	fresh(usual);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	snprintf(path, sizeof path, "/auth/%s", id);
	snprintf(command, sizeof command, "<pre>fairlead auth approve %s</pre>", id);
	struct reply r = sys_get(&sys, path);
	assert_int_equal(r.status, 200);
	assert_non_null(strstr((char *)r.body.ptr, command));
	assert_non_null(strstr((char *)r.body.ptr, "<dd>laptop</dd>"));
	assert_non_null(strstr((char *)r.body.ptr, "<dd>ada</dd>"));
	assert_non_null(strstr((char *)r.body.ptr, "<dd>server</dd>"));
	reply_done(&r);
	assert_int_equal(say("reject", id), 200);
	r = sys_get(&sys, path);
	assert_int_equal(r.status, 410);
	reply_done(&r);
	r = sys_get(&sys, "/auth/%3Cscript%3E");
	assert_int_equal(r.status, 400);
	assert_null(strstr((char *)r.body.ptr, "<script>"));
	reply_done(&r);
}

/* A login is no check, and a check is no login. */
static void test_ids_are_not_mixed_up(void **state)
{
	struct node guest;
	char id[64], body[128];
	(void)state;

	fresh(usual);
	node_open(&guest, &sys, "waits");
	json_t *answer = node_register(&guest, NULL);
	const char *login = strrchr(text_at(answer, "AuthURL"), '/') + 1;
	assert_int_equal(say("approve", login), 400);
	assert_int_equal(status_of(ask_for(&server, desk_id, server_id, login)), 400);
	expect_hold(ask_for(&server, laptop_id, server_id, NULL), id);
	snprintf(body, sizeof body, "{\"user\":\"ada\",\"authId\":\"%s\"}", id);
	struct reply r = api_call(&sys, "POST", "/api/v1/auth/register", body);
	assert_int_equal(r.status, 404);
	reply_done(&r);
	assert_int_equal(say("reject", login), 200);
	assert_int_equal(say("approve", "nonsense"), 400);
	json_decref(answer);
	node_close(&guest);
}

/* ---- */

static json_int_t join(struct node *n, const char *hostname, json_int_t user, const char *fields)
{
	char *key = api_key(&sys, user, fields);

	node_open(n, &sys, hostname);
	node_join(n, key);
	node_poll(n);
	free(key);
	return node_id(n);
}

int main(void)
{
	struct node *const nodes[] = { &laptop, &tablet, &server, &desk };
	struct suite suite = { 0 };

	ROWS(&suite, rows, test_row);
	suite_add(&suite, "paths", test_paths, NULL);
	suite_add(&suite, "rule names the address", test_rule_names_the_address, NULL);
	suite_add(&suite, "delegation", test_delegation, NULL);
	suite_add(&suite, "approved while it waits", test_approved_while_it_waits, NULL);
	suite_add(&suite, "approved between two requests", test_approved_between_two_requests,
		  NULL);
	suite_add(&suite, "rejected", test_rejected, NULL);
	suite_add(&suite, "always", test_always, NULL);
	suite_add(&suite, "period ends", test_period_ends, NULL);
	suite_add(&suite, "period ends before it is asked for",
		  test_period_ends_before_it_is_asked_for, NULL);
	suite_add(&suite, "expired while it waits", test_expired_while_it_waits, NULL);
	suite_add(&suite, "policy changes", test_policy_changes, NULL);
	suite_add(&suite, "source is deleted", test_source_is_deleted, NULL);
	suite_add(&suite, "one asks much", test_one_asks_much, NULL);
	suite_add(&suite, "repeated follow-up", test_repeated_follow_up, NULL);
	suite_add(&suite, "asker goes", test_asker_goes, NULL);
	suite_add(&suite, "page", test_page, NULL);
	suite_add(&suite, "ids are not mixed up", test_ids_are_not_mixed_up, NULL);
	sys_start(&sys, false,
		  "policy:\n  mode: database\ntuning:\n  register_cache_expiration: 4s\n");
	json_int_t ada = api_user(&sys, "ada"), bob = api_user(&sys, "bob");
	set(usual);
	laptop_id = join(&laptop, "laptop", ada, NULL);
	tablet_id = join(&tablet, "tablet", ada, NULL);
	server_id = join(&server, "server", ada, "\"aclTags\":[\"tag:server\"]");
	desk_id = join(&desk, "desk", bob, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/ssh");
	for (size_t i = 0; i < COUNT(nodes); i++)
		node_close(nodes[i]);
	sys_stop(&sys);
	return failed;
}
