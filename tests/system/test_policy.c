/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_policy.c - a policy in the server: what each node's map says under it, who
 * hears of a change and who does not, what is refused, and what survives.
 *
 *   ada's laptop --22--> bob's server        ada --*--> 10.9.0.0/16 behind the router (tag:router)
 */
#include "client.h"

#include "base/rng.h"
#include "crypto/prim.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static struct sys sys;
static json_int_t ada, bob;
static struct node laptop, server, router;

#define TAGS                                                                                       \
	"\"tagOwners\": {\"tag:router\": [\"ada@\"], \"tag:other\": [\"bob@\"]},\n"                \
	"\"autoApprovers\": {\"routes\": {\"10.9.0.0/16\": [\"tag:router\"]}},\n"
#define TO_NET "{\"action\": \"accept\", \"src\": [\"ada@\"], \"dst\": [\"10.9.0.0/16:*\"]}"
#define TO_BOB "{\"action\": \"accept\", \"src\": [\"ada@\"], \"dst\": [\"bob@:22\"]}"
#define ADMIN_SSH                                                                                  \
	"\"ssh\": [{\"action\": \"accept\", \"src\": [\"ada@\"], \"dst\": [\"tag:router\"], "      \
	"\"users\": [\"root\"]}],\n"
#define ATTRS "\"nodeAttrs\": [{\"target\": [\"ada@\"], \"attr\": [\"magicdns-aaaa\"]}],\n"

static const char full[] = "{" TAGS ADMIN_SSH ATTRS "\"acls\": [" TO_NET ", " TO_BOB "]}";
static const char no_bob[] = "{" TAGS ADMIN_SSH ATTRS "\"acls\": [" TO_NET "]}";
static const char no_ssh[] = "{" TAGS "\"acls\": [" TO_NET ", " TO_BOB "]}";
static const char anybody_to_bob[] = "{" TAGS "\"acls\": [" TO_NET ", {\"action\": \"accept\", "
				     "\"src\": [\"*\"], \"dst\": [\"bob@:22\"]}]}";
static const char nothing[] = "{" TAGS "\"acls\": []}";

/* ---- setting ---- */

static struct fl_policies *policies(void)
{
	return fl_server_policies(sys.server);
}

static enum fl_err try_set(const char *text, struct fl_policy_report *report)
{
	uint64_t rev;

	enum fl_err err =
		fl_policies_set(policies(), fl_slice_str(text), "tester", "", report, &rev);
	sys_turn(&sys, 12);
	return err;
}

static void set(const char *text)
{
	struct fl_policy_report report = { 0 };

	if (try_set(text, &report) != FL_OK)
		fail_msg("%s", report.len > 0 ? report.at[0].text : "not set");
	fl_policy_report_done(&report);
}

static struct node *const nodes[] = { &laptop, &server, &router };

static void fold_all(void)
{
	sys_turn(&sys, 12);
	for (size_t i = 0; i < 3; i++)
		assert_false(node_fold(nodes[i]));
}

/* What each folded from its frames is what a fresh map shows. */
static void expect_complete(void)
{
	fold_all();
	for (size_t i = 0; i < 3; i++)
		node_assert_complete(nodes[i]);
}

static bool has_text(json_t *list, const char *text)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v)
	{
		if (strcmp(json_string_value(v), text) == 0)
			return true;
	}
	return false;
}

static json_t *rules(struct node *n)
{
	return at(n->view.settings, "PacketFilters.base");
}

static size_t ssh_rules(struct node *n)
{
	json_t *list = at(n->view.settings, "SSHPolicy.rules");

	assert_true(json_is_array(list));
	return json_array_size(list);
}

/* ---- maps ---- */

static void test_maps(void **state)
{
	(void)state;
	set(full);
	expect_complete();
	assert_non_null(node_peer(&laptop, "server"));
	assert_non_null(node_peer(&laptop, "router"));
	assert_non_null(node_peer(&server, "laptop"));
	assert_null(node_peer(&server, "router"));
	assert_null(node_peer(&router, "server"));
	assert_int_equal(json_array_size(rules(&laptop)), 0);
	assert_int_equal(json_array_size(rules(&server)), 1);
	assert_int_equal(json_integer_value(at(rules(&server), "0.DstPorts.0.Ports.First")), 22);
	assert_int_equal(json_array_size(rules(&router)), 1);
	assert_int_equal(ssh_rules(&router), 1);
	assert_int_equal(ssh_rules(&server), 0);
	assert_non_null(json_object_get(at(laptop.view.node, "CapMap"), "magicdns-aaaa"));
	assert_null(json_object_get(at(server.view.node, "CapMap"), "magicdns-aaaa"));
	/* The route was approved without anybody, and reaches who may use it. */
	assert_true(has_text(at(node_peer(&laptop, "router"), "AllowedIPs"), "10.9.0.0/16"));
	assert_true(has_text(at(node_peer(&laptop, "router"), "PrimaryRoutes"), "10.9.0.0/16"));
}

static void test_only_whom_it_concerns(void **state)
{
	(void)state;
	set(full);
	fold_all();
	size_t frames = router.frames;
	set(no_bob);
	expect_complete();
	assert_null(node_peer(&laptop, "server"));
	assert_null(node_peer(&server, "laptop"));
	assert_int_equal(json_array_size(rules(&server)), 0);
	assert_int_equal(router.frames, frames);
	/* Its other peers' changes are none of its business. */
	frames = server.frames;
	node_lite(&laptop, "{\"Endpoints\":[\"192.0.2.7:41641\"],\"EndpointTypes\":[1]}");
	fold_all();
	assert_int_equal(server.frames, frames);
	set(full);
	expect_complete();
	assert_non_null(node_peer(&server, "laptop"));
	/* The same text again tells nobody anything. */
	frames = laptop.frames + server.frames + router.frames;
	set(full);
	fold_all();
	assert_int_equal(laptop.frames + server.frames + router.frames, frames);
}

/* While the policy stays as it is, nobody else is even asked. */
static void test_patch_reaches_its_viewers(void **state)
{
	(void)state;
	set(full);
	fold_all();
	size_t unconcerned = router.frames, viewer = laptop.frames, own = server.frames;
	node_lite(&server, "{\"Endpoints\":[\"192.0.2.7:77\"],\"EndpointTypes\":[2]}");
	expect_complete();
	assert_int_equal(laptop.frames, viewer + 1);
	assert_int_equal(router.frames, unconcerned);
	assert_int_equal(server.frames, own);
	node_lite(&laptop, "{\"Endpoints\":[\"192.0.2.8:88\"],\"EndpointTypes\":[2]}");
	expect_complete();
	assert_int_equal(laptop.frames, viewer + 1);
	assert_int_equal(router.frames, unconcerned + 1);
	assert_int_equal(server.frames, own + 1);
}

static void test_ssh_goes(void **state)
{
	(void)state;
	set(full);
	fold_all();
	assert_int_equal(ssh_rules(&router), 1);
	set(no_ssh);
	expect_complete();
	assert_int_equal(ssh_rules(&router), 0);
}

static void test_deny_all_and_back(void **state)
{
	(void)state;
	set(nothing);
	expect_complete();
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(json_object_size(nodes[i]->view.peers), 0);
		assert_int_equal(json_array_size(rules(nodes[i])), 0);
	}
	set(""); /* no policy: everything is allowed */
	expect_complete();
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(json_object_size(nodes[i]->view.peers), 2);
		assert_string_equal(text_at(rules(nodes[i]), "0.SrcIPs.0"), "*");
	}
	set(full);
	expect_complete();
}

static void approve_routes(const char *body)
{
	char path[96];

	snprintf(path, sizeof path, "/api/v1/node/%lld/approve_routes",
		 (long long)node_id(&router));
	api_ok(&sys, "POST", path, body);
}

static bool lets_in(struct node *n, const char *source)
{
	return has_text(at(rules(n), "0.SrcIPs"), source);
}

/* "*" as a source means the subnets too, as soon as they are served. */
static void test_route_in_wildcard(void **state)
{
	(void)state;
	set(anybody_to_bob);
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.8.0.0/16\",\"10.9.0.0/16\"]}}");
	expect_complete();
	assert_true(lets_in(&server, "10.9.0.0/16"));
	assert_false(lets_in(&server, "10.8.0.0/16")); /* announced alone */
	size_t frames = server.frames;
	approve_routes("{\"routes\":[\"10.8.0.0/16\",\"10.9.0.0/16\"]}");
	expect_complete();
	assert_true(lets_in(&server, "10.8.0.0/16"));
	assert_int_equal(server.frames, frames + 1);
	approve_routes("{\"routes\":[\"10.9.0.0/16\"]}");
	expect_complete();
	assert_false(lets_in(&server, "10.8.0.0/16"));
	assert_true(lets_in(&server, "10.9.0.0/16"));
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	set(full);
	expect_complete();
}

static bool is_approved(const char *prefix)
{
	json_int_t id = node_id(&router);
	const struct fl_node *n = fl_state_node(sys_state(&sys), (fl_node_id)id);
	char text[FL_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n->approved_count; i++) {
		fl_prefix_format(&n->approved[i], text);
		if (strcmp(text, prefix) == 0)
			return true;
	}
	return false;
}

static void approve_others(size_t count)
{
	struct fl_buf b = fl_buf_make(1 << 16);

	fl_buf_str(&b, "{\"routes\":[\"10.9.0.0/16\"");
	for (size_t i = 1; i < count; i++)
		fl_buf_printf(&b, ",\"10.7.%zu.0/24\"", i);
	fl_buf_str(&b, "]}");
	fl_buf_byte(&b, 0);
	approve_routes((const char *)b.ptr);
	fl_buf_done(&b);
}

/* What the policy approves, and there is no room for, waits for the node's next announcement. */
static void test_approvals_beyond_the_bound(void **state)
{
	(void)state;
	set(full);
	approve_others(FL_NODE_ROUTES_MAX);
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.1.0/24\",\"10.9.0.0/16\"]}}");
	expect_complete();
	assert_false(is_approved("10.9.1.0/24"));
	assert_true(is_approved("10.9.0.0/16"));
	assert_true(is_approved("10.7.255.0/24"));
	approve_others(FL_NODE_ROUTES_MAX - 1);
	assert_false(is_approved("10.9.1.0/24"));
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.1.0/24\",\"10.9.0.0/16\"]}}");
	expect_complete();
	assert_true(is_approved("10.9.1.0/24"));
	assert_true(is_approved("10.7.1.0/24"));
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	approve_routes("{\"routes\":[\"10.9.0.0/16\"]}");
	expect_complete();
}

#define ALL_TO_ALL  "\"grants\": [{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"]}]"
#define NO_IP4(who) ", \"nodeAttrs\": [{\"target\": [\"" who "\"], \"attr\": [\"disable-ipv4\"]}]"

static size_t addresses_seen(struct node *viewer, struct node *peer)
{
	json_t *p = node_peer(viewer, peer->hostname);

	assert_non_null(p);
	return json_array_size(at(p, "Addresses"));
}

/* Nothing changes but who has an IPv4 address: of the peers, or of the one who looks. */
static void test_ip4_comes_and_goes(void **state)
{
	(void)state;
	set("{" TAGS ALL_TO_ALL "}");
	expect_complete();
	size_t frames = laptop.frames;
	set("{" TAGS ALL_TO_ALL NO_IP4("bob@") "}");
	expect_complete();
	assert_int_equal(addresses_seen(&laptop, &server), 1);
	assert_int_equal(addresses_seen(&laptop, &router), 2);
	assert_int_equal(addresses_seen(&server, &laptop), 1); /* it is told of none */
	assert_int_equal(addresses_seen(&server, &router), 1);
	assert_int_equal(laptop.frames, frames + 1);
	set("{" TAGS ALL_TO_ALL NO_IP4("tag:router") "}");
	expect_complete();
	assert_int_equal(addresses_seen(&laptop, &server), 2);
	assert_int_equal(addresses_seen(&laptop, &router), 1);
	assert_int_equal(addresses_seen(&server, &laptop), 2);
	/* What others do meanwhile takes nothing away or back, and is told of nobody else. */
	size_t entries = laptop.view.entries + router.view.entries;
	node_lite(&server, "{\"Hostinfo\":{\"OS\":\"windows\"}}");
	node_lite(&server, "{\"Hostinfo\":{\"OS\":\"linux\"}}");
	expect_complete();
	assert_int_equal(addresses_seen(&laptop, &router), 1);
	assert_int_equal(laptop.view.entries + router.view.entries, entries + 4);
	set(full);
	expect_complete();
	assert_int_equal(addresses_seen(&laptop, &router), 2);
}

/* ---- what is refused ---- */

static struct {
	const char *name, *text, *says;
} bad[] = {
	{ "no HuJSON", "{", "hujson" },
	{ "unknown group",
	  "{\"acls\": [{\"action\": \"accept\", \"src\": [\"group:x\"], \"dst\": [\"*:*\"]}]}",
	  "group:x" },
	{ "a test that fails",
	  "{\"acls\": [" TO_BOB "], \"tests\": [{\"src\": \"bob@\", \"accept\": "
	  "[\"100.64.0.1:22\"]}]}",
	  "bob@" },
};

static void test_bad(void **state)
{
	const struct {
		const char *name, *text, *says;
	} *row = *state;
	struct fl_policy_report report = { 0 };
	struct fl_buf said = fl_buf_make(1 << 16);
	struct fl_revision *const *history;
	fl_wall updated;

	set(full);
	fold_all();
	size_t frames = laptop.frames + server.frames + router.frames;
	size_t count = fl_state_revisions(sys_state(&sys), &history);
	assert_err(try_set(row->text, &report), FL_ERR_INVALID);
	fl_policy_report_text(&report, &said);
	fl_buf_byte(&said, '\0');
	if (strstr((const char *)said.ptr, row->says) == NULL)
		fail_msg("said: %s", (const char *)said.ptr);
	fold_all();
	assert_int_equal(laptop.frames + server.frames + router.frames, frames);
	assert_int_equal(fl_state_revisions(sys_state(&sys), &history), count);
	assert_true(fl_slice_is(fl_policies_text(policies(), &updated), full));
	fl_policy_report_done(&report);
	fl_buf_done(&said);
}

/* ---- tags ---- */

static json_t *ask_for_tag(struct node *n, const char *tag)
{
	json_t *body = node_register_body(n, NULL);

	json_object_set_new(at(body, "Hostinfo"), "RequestTags", json_pack("[s]", tag));
	return call_json(client_post(&n->c, "/machine/register", body), 200);
}

static void approve(const char *url, const char *user, unsigned status)
{
	char body[256];

	snprintf(body, sizeof body, "{\"user\":\"%s\",\"authId\":\"%s\"}", user,
		 strrchr(url, '/') + 1);
	json_decref(api_json(&sys, "POST", "/api/v1/auth/register", body, status));
}

static void test_requested_tags(void **state)
{
	struct node n;
	(void)state;

	set(full);
	node_open(&n, &sys, "asks");
	json_t *answer = ask_for_tag(&n, "tag:unknown");
	assert_non_null(strstr(text_at(answer, "Error"), "requested tags [tag:unknown]"));
	json_decref(answer);
	answer = ask_for_tag(&n, "tag:router");
	assert_string_equal(text_at(answer, "Error"), "");
	char *url = strdup(text_at(answer, "AuthURL"));
	json_decref(answer);
	approve(url, "bob", 400); /* not his */
	approve(url, "ada", 200);
	const struct fl_node *made = fl_state_node_by_key(sys_state(&sys), &n.key);
	assert_non_null(made);
	assert_int_equal(made->user, 0);
	assert_string_equal(made->tags.at[0], "tag:router");
	json_int_t id = node_id(&n);
	char path[64];
	snprintf(path, sizeof path, "/api/v1/node/%lld/tags", (long long)id);
	json_decref(api_json(&sys, "POST", path, "{\"tags\":[\"tag:unknown\"]}", 400));
	api_ok(&sys, "POST", path, "{\"tags\":[\"tag:other\"]}");
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)id);
	api_ok(&sys, "DELETE", path, NULL);
	free(url);
	node_close(&n);
	expect_complete();
}

/* ---- anything in any order ---- */

static const char *const texts[] = {
	full,
	no_bob,
	no_ssh,
	nothing,
	"",
	"{" TAGS "\"grants\": [{\"src\": [\"*\"], \"dst\": [\"*\"], \"ip\": [\"*\"]}],"
	"\"nodeAttrs\": [{\"target\": [\"bob@\"], \"attr\": [\"disable-ipv4\"]}]}",
	"{" TAGS "\"grants\": [{\"src\": [\"autogroup:member\"], \"dst\": [\"autogroup:self\"], "
	"\"ip\": [\"*\"]}, {\"src\": [\"bob@\"], \"dst\": [\"10.9.0.0/16\"], \"ip\": [\"*\"], "
	"\"via\": [\"tag:router\"]}]}",
};

static void do_random(struct fl_rng *rng)
{
	char path[96], body[128];
	struct node *n = nodes[fl_rng_below(rng, 3)];
	long long id = (long long)node_id(n);

	switch (fl_rng_below(rng, 6)) {
	case 0:
	case 1:
		set(texts[fl_rng_below(rng, sizeof texts / sizeof *texts)]);
		return;
	case 2:
		snprintf(path, sizeof path, "/api/v1/node/%lld/rename/r%u", id,
			 (unsigned)fl_rng_below(rng, 1000000));
		api_ok(&sys, "POST", path, NULL);
		return;
	case 3:
		snprintf(path, sizeof path, "/api/v1/node/%lld/approve_routes",
			 (long long)node_id(&router));
		api_ok(&sys, "POST", path,
		       fl_rng_below(rng, 2) ? "{\"routes\":[]}"
					    : "{\"routes\":[\"10.9.0.0/16\",\"0.0.0.0/0\"]}");
		return;
	case 4:
		snprintf(body, sizeof body,
			 "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\",\"10.9.%u.0/24\","
			 "\"0.0.0.0/0\",\"::/0\"]}}",
			 (unsigned)fl_rng_below(rng, 4));
		node_lite(&router, body);
		return;
	default:
		snprintf(body, sizeof body,
			 "{\"Endpoints\":[\"192.0.2.%u:1\"],\"EndpointTypes\":[1]}",
			 (unsigned)fl_rng_below(rng, 250));
		node_lite(n, body);
		return;
	}
}

static struct {
	const char *name;
	uint64_t seed;
} seeds[] = { { "random changes, seed 1", 1 }, { "random changes, seed 2", 2 } };

static void test_random(void **state)
{
	const struct {
		const char *name;
		uint64_t seed;
	} *row = *state;
	struct fl_rng rng;

	fl_rng_init(&rng, row->seed);
	for (unsigned i = 0; i < 80; i++) {
		do_random(&rng);
		expect_complete();
	}
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	set(full);
	expect_complete();
}

/* ---- what survives ---- */

static void on_stored(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	const int *out = ctx;
	(void)fault;
	char byte = err == FL_OK ? 'y' : 'n';
	if (write(*out, &byte, 1) != 1)
		_exit(1);
}

/* A server that sets a policy, says so when told that it is stored, and waits for its end. */
static void serve_and_set(int out)
{
	struct fl_policy_report report = { 0 };
	struct fl_fault fault;
	struct fl_core_wait wait = { .fn = on_stored, .ctx = &out };
	uint64_t rev;

	if (fl_loop_new(&sys.loop) != FL_OK || sys_try(&sys, &fault) != FL_OK ||
	    fl_policies_set(policies(), fl_slice_str(no_bob), "me", "why", &report, &rev) != FL_OK)
		_exit(1);
	fl_core_wait(sys_core(&sys), &wait);
	for (;;)
		fl_loop_run(sys.loop);
}

static void test_kill(void **state)
{
	struct fl_revision *const *history;
	struct sys outer = sys;
	uint8_t hash[FL_HASH_LEN];
	int ends[2];
	char byte = 0;
	fl_wall updated;
	(void)state;

	sys_make(&sys, false, "policy:\n  mode: database\n");
	assert_int_equal(pipe(ends), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		serve_and_set(ends[1]);
	close(ends[1]);
	ssize_t got = read(ends[0], &byte, 1);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	close(ends[0]);
	assert_int_equal(got, 1);
	assert_int_equal(byte, 'y');

	sys_boot(&sys);
	assert_true(fl_slice_is(fl_policies_text(policies(), &updated), no_bob));
	assert_int_equal(fl_state_revisions(sys_state(&sys), &history), 1);
	assert_int_equal(history[0]->rev, 1);
	assert_string_equal(history[0]->author, "me");
	assert_string_equal(history[0]->comment, "why");
	assert_true(updated == history[0]->created && updated > 0);
	fl_sha256(fl_slice_str(no_bob), hash);
	assert_memory_equal(history[0]->hash, hash, sizeof hash);
	sys_stop(&sys);
	sys = outer;
}

static void test_history_is_bounded(void **state)
{
	struct fl_revision *const *history;
	(void)state;

	for (unsigned i = 0; i < FL_REVISIONS_MAX + 5; i++)
		set(i % 2 ? full : no_bob);
	assert_int_equal(fl_state_revisions(sys_state(&sys), &history), FL_REVISIONS_MAX);
	for (size_t i = 1; i < FL_REVISIONS_MAX; i++)
		assert_int_equal(history[i]->rev, history[i - 1]->rev + 1);
	set(full);
	expect_complete();
}

/* ---- a file ---- */

static enum fl_err reload(const char *text)
{
	struct fl_config_report report = { 0 };
	struct fl_config *config;
	struct fl_fault fault = { "" };

	sys_write(&sys, "policy.hujson", text);
	enum fl_err err = fl_config_load(sys_path(&sys, "config.yaml"), sys.dir, &report, &config);
	fl_config_report_done(&report);
	if (err == FL_OK)
		err = fl_server_reload(sys.server, config, &fault);
	sys_turn(&sys, 12);
	return err;
}

static bool in_force(const char *text)
{
	fl_wall updated;
	return fl_slice_is(fl_policies_text(policies(), &updated), text);
}

static void test_file(void **state)
{
	struct sys outer = sys;
	struct fl_policy_report report = { 0 };
	struct fl_fault fault = { "" };
	uint64_t rev;
	(void)state;

	sys_make(&sys, false, "policy:\n  path: policy.hujson\n");
	sys_write(&sys, "policy.hujson", "{\n  \"acls\": [],\n  \"nothing\": 1\n}");
	assert_err(sys_try(&sys, &fault), FL_ERR_INVALID);
	if (strstr(fault.text, "policy.hujson:3:") == NULL)
		fail_msg("said: %s", fault.text);
	sys_write(&sys, "policy.hujson", no_ssh);
	sys_boot(&sys);
	assert_true(in_force(no_ssh));
	assert_err(fl_policies_set(policies(), fl_slice_str(full), "", "", &report, &rev),
		   FL_ERR_DENIED);
	json_t *doc = api_json(&sys, "PUT", "/api/v1/policy", "{\"policy\":\"{}\"}", 400);
	assert_non_null(strstr(text_at(doc, "errors.0.message"), "comes from a file"));
	json_decref(doc);
	assert_true(in_force(no_ssh));
	assert_err(reload("{ nonsense"), FL_OK); /* the rest is reloaded */
	assert_true(in_force(no_ssh));
	assert_err(reload(full), FL_OK);
	assert_true(in_force(full));
	sys_stop(&sys);
	sys = outer;
}

/* ---- */

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "maps under a policy", test_maps, NULL);
	suite_add(&suite, "only whom it concerns", test_only_whom_it_concerns, NULL);
	suite_add(&suite, "a patch reaches its viewers", test_patch_reaches_its_viewers, NULL);
	suite_add(&suite, "ssh goes", test_ssh_goes, NULL);
	suite_add(&suite, "deny all and back", test_deny_all_and_back, NULL);
	suite_add(&suite, "a route in a wildcard", test_route_in_wildcard, NULL);
	suite_add(&suite, "approvals beyond the bound", test_approvals_beyond_the_bound, NULL);
	suite_add(&suite, "IPv4 comes and goes", test_ip4_comes_and_goes, NULL);
	ROWS(&suite, bad, test_bad);
	suite_add(&suite, "requested tags", test_requested_tags, NULL);
	ROWS(&suite, seeds, test_random);
	suite_add(&suite, "killed after the commit", test_kill, NULL);
	suite_add(&suite, "history is bounded", test_history_is_bounded, NULL);
	suite_add(&suite, "a file", test_file, NULL);
	sys_start(&sys, false, "policy:\n  mode: database\n");
	ada = api_user(&sys, "ada");
	bob = api_user(&sys, "bob");
	node_enter(&laptop, &sys, "laptop", ada, NULL);
	node_enter(&server, &sys, "server", bob, NULL);
	set(full); /* from here on tags are what it says */
	node_enter(&router, &sys, "router", ada, "\"aclTags\":[\"tag:router\"]");
	node_lite(&router, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/policy");
	for (size_t i = 0; i < 3; i++)
		node_close(nodes[i]);
	sys_stop(&sys);
	return failed;
}
