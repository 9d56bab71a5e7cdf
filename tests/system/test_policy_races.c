/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_policy_races.c - a policy that changes together with what it governs: records
 * of the same tick, a poll that begins, a commit that fails.
 *
 * Commands go straight to the state, so that they share a tick. Afterwards what each node folded
 * from its frames must be what it would be told anew.
 *
 *   ada: laptop        bob: server        tag:router: east and west, both with 10.9.0.0/16
 */
#include "client.h"

#include "../store/faulty_vfs.h"
#include "base/log.h"
#include "base/rng.h"
#include "io/file.h"

#include <stdio.h>

static struct sys sys;
static json_int_t ada, bob;
static struct node laptop, server, east, west;
static struct node *const nodes[] = { &laptop, &server, &east, &west };

#define TAGS                                                                                       \
	"\"tagOwners\": {\"tag:router\": [\"ada@\"], \"tag:other\": [\"bob@\"]},\n"                \
	"\"autoApprovers\": {\"routes\": {\"10.9.0.0/16\": [\"tag:router\"]}},\n"

static const char net_for_ada[] =
	"{" TAGS
	"\"grants\": [{\"src\": [\"ada@\"], \"dst\": [\"10.9.0.0/16\"], \"ip\": [\"*\"]}]}";
static const char via_router[] =
	"{" TAGS "\"grants\": [{\"src\": [\"ada@\"], \"dst\": [\"10.9.0.0/16\"], \"ip\": [\"*\"], "
	"\"via\": [\"tag:router\"]}, {\"src\": [\"bob@\"], \"dst\": [\"10.9.0.0/16\"], "
	"\"ip\": [\"*\"], \"via\": [\"tag:other\"]}]}";
static const char roles[] = "{" TAGS "\"grants\": [{\"src\": [\"autogroup:admin\"], "
			    "\"dst\": [\"tag:router\", \"bob@\"], \"ip\": [\"tcp:443\"]}]}";
static const char admin_to_bob[] = "{" TAGS "\"grants\": [{\"src\": [\"autogroup:admin\"], "
				   "\"dst\": [\"bob@\"], \"ip\": [\"tcp:443\"]}]}";
static const char tagged[] = "{" TAGS "\"grants\": [{\"src\": [\"tag:other\"], "
			     "\"dst\": [\"autogroup:member\"], \"ip\": [\"*\"]}],\n"
			     "\"ssh\": [{\"action\": \"accept\", \"src\": [\"ada@\"], "
			     "\"dst\": [\"tag:other\"], \"users\": [\"root\"]}]}";
static const char everything[] = "{" TAGS "\"grants\": [{\"src\": [\"*\"], \"dst\": [\"*\"], "
				 "\"ip\": [\"*\"]}]}";
static const char nothing[] = "{" TAGS "\"acls\": []}";
static const char *const texts[] = {
	net_for_ada, via_router, roles, tagged, everything, nothing, ""
};

static struct fl_policies *policies(void)
{
	return fl_server_policies(sys.server);
}

static fl_node_id id_of(const struct node *n)
{
	const struct fl_node *rec = fl_state_node_by_key(sys_state(&sys), &n->key);

	assert_non_null(rec);
	return rec->id;
}

/* In force at the end of the tick. */
static void set(const char *text)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	if (fl_policies_set(policies(), fl_slice_str(text), "", "", &report, &rev) != FL_OK)
		fail_msg("%s", report.len > 0 ? report.at[0].text : "not set");
	fl_policy_report_done(&report);
}

static void fold_all(void)
{
	sys_turn(&sys, 12);
	for (size_t i = 0; i < COUNT(nodes); i++)
		assert_false(node_fold(nodes[i]));
}

static void expect_complete(void)
{
	fold_all();
	for (size_t i = 0; i < COUNT(nodes); i++)
		node_assert_complete(nodes[i]);
}

static size_t frames(void)
{
	size_t sum = 0;

	fold_all();
	for (size_t i = 0; i < COUNT(nodes); i++)
		sum += nodes[i]->frames;
	return sum;
}

/* ---- several changes in one tick ---- */

static void retag(struct fl_rng *rng, struct node *n)
{
	static char names[][16] = { "tag:router", "tag:other" };
	char *tag[] = { names[fl_rng_below(rng, 2)] };
	const struct fl_strlist tags = { .at = tag, .len = 1 };
	struct fl_fault fault = { "" };

	enum fl_err err = fl_state_node_tag(sys_state(&sys), id_of(n), &tags, &fault);
	if (err != FL_OK && err != FL_ERR_INVALID) /* no tags without a policy that names some */
		fail_msg("%s", fault.text);
}

static void approve(struct fl_rng *rng, struct node *n)
{
	struct fl_prefix route;
	struct fl_fault fault = { "" };

	assert_err(fl_prefix_parse(fl_slice_str(fl_rng_below(rng, 2) ? "10.9.0.0/16" : "0.0.0.0/0"),
				   &route),
		   FL_OK);
	assert_err(fl_state_node_approve(sys_state(&sys), id_of(n), &route, fl_rng_below(rng, 2),
					 &fault),
		   FL_OK);
}

static void rename_node(struct fl_rng *rng, struct node *n)
{
	char name[32];
	struct fl_fault fault = { "" };

	snprintf(name, sizeof name, "n%u", (unsigned)fl_rng_below(rng, 1000000));
	assert_err(fl_state_node_rename(sys_state(&sys), id_of(n), name, &fault), FL_OK);
}

static void give_role(struct fl_rng *rng, struct node *n)
{
	fl_user_id user = (fl_user_id)(fl_rng_below(rng, 2) ? ada : bob);
	struct fl_fault fault = { "" };
	(void)n;

	assert_err(fl_state_user_role(sys_state(&sys), user,
				      fl_rng_below(rng, 2) ? FL_ROLE_ADMIN : FL_ROLE_MEMBER,
				      &fault),
		   FL_OK);
}

static void set_any(struct fl_rng *rng, struct node *n)
{
	(void)n;
	set(texts[fl_rng_below(rng, COUNT(texts))]);
}

/* One that never polled goes. */
static void remove_one(struct fl_rng *rng, struct node *n)
{
	struct fl_node *const *all;
	size_t count = fl_state_nodes(sys_state(&sys), &all);
	struct fl_fault fault = { "" };
	(void)rng, (void)n;

	if (count > COUNT(nodes))
		assert_err(fl_state_node_delete(sys_state(&sys), all[count - 1]->id, &fault),
			   FL_OK);
}

static void (*const commands[])(struct fl_rng *rng, struct node *n) = {
	retag, approve, rename_node, give_role, set_any, set_any, remove_one,
};

/* Ghosts: nodes that join and are removed again. */
static void join_ghost(const char *fields)
{
	struct node n;
	char *key = api_key(&sys, bob, fields);

	node_open(&n, &sys, "ghost");
	node_join(&n, key);
	node_close(&n);
	free(key);
}

static struct {
	const char *name;
	uint64_t seed;
} seeds[] = { { "shared ticks, seed 1", 1 },
	      { "shared ticks, seed 2", 2 },
	      { "shared ticks, seed 3", 3 } };

static void test_shared_ticks(void **state)
{
	const struct {
		const char *name;
		uint64_t seed;
	} *row = *state;
	struct fl_rng rng;

	fl_rng_init(&rng, row->seed);
	for (unsigned i = 0; i < 60; i++) {
		if (fl_rng_below(&rng, 4) == 0)
			join_ghost(fl_rng_below(&rng, 2) ? "\"ephemeral\":true" : NULL);
		for (uint64_t k = 1 + fl_rng_below(&rng, 3); k > 0; k--) {
			struct node *n = nodes[2 + fl_rng_below(&rng, 2)];
			commands[fl_rng_below(&rng, COUNT(commands))](&rng, n);
		}
		expect_complete();
	}
}

/* ---- a role ---- */

static void set_role(json_int_t user, const char *role)
{
	char path[64], body[64];

	snprintf(path, sizeof path, "/api/v1/user/%lld/role", (long long)user);
	snprintf(body, sizeof body, "{\"role\":\"%s\"}", role);
	api_ok(&sys, "PUT", path, body);
}

/* It is in no profile: only those hear of it for whom the policy says something else. */
static void test_role_alone(void **state)
{
	(void)state;

	set_role(ada, "member");
	set_role(bob, "member");
	set(everything);
	size_t before = frames();
	set_role(ada, "admin");
	assert_int_equal(frames(), before);
	set(admin_to_bob);
	fold_all();
	assert_non_null(node_peer(&server, "laptop"));
	before = frames();
	size_t of_laptop = laptop.frames, of_server = server.frames;
	set_role(ada, "auditor");
	assert_int_equal(frames(), before + 2);
	assert_int_equal(laptop.frames, of_laptop + 1);
	assert_int_equal(server.frames, of_server + 1);
	assert_null(node_peer(&server, "laptop"));
	set_role(ada, "owner"); /* counts as admin */
	assert_int_equal(frames(), before + 4);
	assert_non_null(node_peer(&server, "laptop"));
	assert_non_null(node_peer(&laptop, "server"));
	set_role(ada, "admin"); /* the same for this policy */
	set_role(bob, "viewer");
	assert_int_equal(frames(), before + 4);
	expect_complete();
	set_role(ada, "member");
	set_role(bob, "member");
	expect_complete();
}

/* ---- a name that two users have ---- */

static void catch_twice(void *ctx, const char *line, size_t len)
{
	if (memmem(line, len, "multiple users found", 20) != NULL)
		++*(unsigned *)ctx;
}

static fl_wall no_clock(void *ctx)
{
	(void)ctx;
	return 0;
}

/* The policy was good when it was set; who looks for the lost access finds why. */
static void test_ambiguous_later(void **state)
{
	const struct fl_user_fields twin = { .name = "carl", .email = "bob" };
	struct fl_fault fault = { "" };
	unsigned said = 0;
	fl_user_id id;
	(void)state;

	set(via_router);
	fold_all();
	fl_log_setup(FL_LOG_ERROR, FL_LOG_TEXT, catch_twice, no_clock, &said);
	assert_err(fl_state_user_create(sys_state(&sys), 1, &twin, &fault, &id), FL_OK);
	sys_turn(&sys, 12);
	assert_int_equal(said, 1);
	expect_complete();
	assert_err(fl_state_user_delete(sys_state(&sys), id, &fault), FL_OK);
	sys_turn(&sys, 12);
	assert_int_equal(said, 1);
	fl_log_setup((enum fl_log_level)(FL_LOG_ERROR + 1), FL_LOG_TEXT, NULL, NULL, NULL);
	expect_complete();
}

/* ---- a poll that begins with the change ---- */

static bool has_map(void *ctx)
{
	struct node *n = ctx;

	return (n->poll->status == 200 && (node_fold(n) || n->frames > 0)) || call_over(n->poll);
}

static void test_poll_meets_change(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNT(texts); i++) {
		node_end_poll(&laptop);
		laptop.frames = 0;
		node_start_poll(&laptop);
		for (size_t turns = i; turns > 0; turns--)
			sys_turn(&sys, 1);
		set(texts[i]);
		assert_true(sys_until(&sys, has_map, &laptop));
		expect_complete();
	}
}

/* ---- commits that fail ---- */

struct heard {
	bool done;
	enum fl_err err;
};

static void on_committed(void *ctx, enum fl_err err, const struct fl_fault *fault)
{
	struct heard *h = ctx;
	(void)fault;

	h->done = true;
	h->err = err;
}

static bool in_force(const char *text)
{
	fl_wall updated;

	return fl_slice_is(fl_policies_text(policies(), &updated), text);
}

static struct {
	const char *name, *before, *after;
} swaps[] = {
	{ "not stored: from none", "", nothing },
	{ "not stored: to none", net_for_ada, "" },
	{ "not stored: another", everything, via_router },
};

static void test_not_stored(void **state)
{
	const struct {
		const char *name, *before, *after;
	} *row = *state;
	struct fl_revision *const *history;
	struct heard heard = { 0 };
	struct fl_core_wait wait = { .fn = on_committed, .ctx = &heard };
	struct fl_rng rng;

	fl_rng_init(&rng, 1);
	set(row->before);
	fold_all();
	size_t count = fl_state_revisions(sys_state(&sys), &history), sent = frames();
	faulty_vfs_arm(0, FAULTY_DEAD, true);
	rename_node(&rng, &east);
	set(row->after);
	fl_core_wait(sys_core(&sys), &wait);
	sys_turn(&sys, 12);
	faulty_vfs_disarm();
	assert_true(heard.done);
	assert_err(heard.err, FL_ERR_IO);
	assert_true(in_force(row->before));
	assert_int_equal(fl_state_revisions(sys_state(&sys), &history), count);
	assert_int_equal(frames(), sent);
	expect_complete();
	set(row->after);
	expect_complete();
	assert_true(in_force(row->after));
}

/* ---- a file, and approvals that were not stored ---- */

static enum fl_err reload(const char *text)
{
	struct fl_policy_report report = { 0 };

	sys_write(&sys, "policy.hujson", text);
	enum fl_err err = fl_policies_reload(policies(), &report);
	fl_policy_report_done(&report);
	return err;
}

/* The text is in force, so what it approves must be too as soon as the disk takes it. */
static void test_approvals_come_later(void **state)
{
	struct sys outer = sys;
	struct node n;
	(void)state;

	sys_make(&sys, false, "policy:\n  path: policy.hujson\n");
	sys_write(&sys, "policy.hujson", "{\"tagOwners\": {\"tag:router\": []}}");
	sys_boot(&sys);
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"aclTags\":[\"tag:router\"]");
	node_open(&n, &sys, "north");
	node_join(&n, key);
	node_lite(&n, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	assert_int_equal(fl_state_node_by_key(sys_state(&sys), &n.key)->approved_count, 0);
	faulty_vfs_arm(0, FAULTY_DEAD, true);
	assert_err(reload("{\"tagOwners\": {\"tag:router\": []}, \"autoApprovers\": {\"routes\": "
			  "{\"10.9.0.0/16\": [\"tag:router\"]}}}"),
		   FL_OK);
	sys_turn(&sys, 12);
	assert_true(faulty_vfs_hit());
	assert_int_equal(fl_state_node_by_key(sys_state(&sys), &n.key)->approved_count, 0);
	faulty_vfs_disarm();
	api_user(&sys, "bob"); /* the next tick that writes */
	assert_int_equal(fl_state_node_by_key(sys_state(&sys), &n.key)->approved_count, 1);
	node_close(&n);
	free(key);
	sys_stop(&sys);
	sys = outer;
}

/* ---- a stored text that is not valid any more ---- */

/* The server's own e-mail domain, example.com or example.net. */
static void write_domain(const char *end)
{
	struct fl_buf text = fl_buf_make(1 << 16);
	struct fl_fault fault;

	assert_err(fl_file_read(sys_path(&sys, "config.yaml"), 1 << 16, &fault, &text), FL_OK);
	fl_buf_byte(&text, '\0');
	char *domain = strstr((char *)text.ptr, "[example.");
	assert_non_null(domain);
	memcpy(domain + strlen("[example."), end, 3);
	sys_write(&sys, "config.yaml", (const char *)text.ptr);
	fl_buf_done(&text);
}

static void test_stored_is_refused(void **state)
{
	static const char config[] = "policy:\n  mode: database\n  domains: [example.com]\n";
	struct sys outer = sys;
	struct fl_fault fault = { "" };
	(void)state;

	sys_make(&sys, false, config);
	sys_boot(&sys);
	set("{\"acls\": [{\"action\": \"accept\", \"src\": [\"user:*@example.com\"], "
	    "\"dst\": [\"*:*\"]}]}");
	sys_turn(&sys, 12);
	sys_halt(&sys);
	write_domain("net");
	assert_err(sys_try(&sys, &fault), FL_ERR_INVALID);
	if (strstr(fault.text, "stored policy:1:") == NULL ||
	    strstr(fault.text, "policy.path") == NULL)
		fail_msg("said: %s", fault.text);
	write_domain("com");
	sys_boot(&sys);
	sys_stop(&sys);
	sys = outer;
}

/* ---- */

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, seeds, test_shared_ticks);
	suite_add(&suite, "a role alone", test_role_alone, NULL);
	suite_add(&suite, "a name that two have", test_ambiguous_later, NULL);
	suite_add(&suite, "a poll meets a change", test_poll_meets_change, NULL);
	ROWS(&suite, swaps, test_not_stored);
	suite_add(&suite, "approvals come later", test_approvals_come_later, NULL);
	suite_add(&suite, "a stored text that is refused", test_stored_is_refused, NULL);
	faulty_vfs_install();
	sys_start(&sys, false, "policy:\n  mode: database\n");
	ada = api_user(&sys, "ada");
	bob = api_user(&sys, "bob");
	set(everything);
	node_enter(&laptop, &sys, "laptop", ada, NULL);
	node_enter(&server, &sys, "server", bob, NULL);
	node_enter(&east, &sys, "east", ada, "\"aclTags\":[\"tag:router\"]");
	node_enter(&west, &sys, "west", ada, "\"aclTags\":[\"tag:router\"]");
	node_lite(&east, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\",\"0.0.0.0/0\"]}}");
	node_lite(&west, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/policy races");
	for (size_t i = 0; i < COUNT(nodes); i++)
		node_close(nodes[i]);
	sys_stop(&sys);
	return failed;
}
