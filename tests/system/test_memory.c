/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_memory.c - memory runs out in the tick of a change, at each of its allocations
 * in turn: a session either hears of the change or ends, and is complete after its next map
 * (SES-4). The allocator is replaced at link time and fails only while the server has the loop.
 */
#include "client.h"

#include "base/alloc_fail.h"
#include "domain/state/state.h"

#include <stdio.h>

/* A session of nghttp2 in which an allocation failed is left behind on purpose (io/h2_mem.h). */
const char *__lsan_default_suppressions(void) __attribute__((visibility("default")));
const char *__lsan_default_suppressions(void)
{
	return "leak:libnghttp2\n";
}

static struct {
	bool armed, hit;
	bool once;   /* else nothing succeeds from there on */
	size_t left; /* allocations that still succeed */
} plan;

bool alloc_fails(void)
{
	if (!plan.armed || (plan.once && plan.hit))
		return false;
	if (plan.left > 0) {
		plan.left--;
		return false;
	}
	plan.hit = true;
	return true;
}

static struct sys sys;
static struct node actor, viewer, plain;
static fl_node_id actor_id;
static char *reusable;
static unsigned version;

/* ---- changes, made without the help of a request ---- */

static void do_rename(void)
{
	struct fl_fault fault;
	char name[32];

	snprintf(name, sizeof name, "actor-%u", ++version);
	assert_err(fl_state_node_rename(sys_state(&sys), actor_id, name, &fault), FL_OK);
}

static void do_endpoints(void)
{
	struct fl_endpoint e = { .at = { fl_ip_v4(192, 0, 2, 1), (uint16_t)++version }, .type = 1 };
	struct fl_map_request req = { .endpoints = &e,
				      .endpoints_count = 1,
				      .has_endpoints = true };

	assert_err(fl_state_node_update(sys_state(&sys), actor_id, &req), FL_OK);
}

static void do_user(void)
{
	struct fl_fault fault;
	char name[32];

	snprintf(name, sizeof name, "ada-%u", ++version);
	assert_err(fl_state_user_rename(sys_state(&sys), 1, name, &fault), FL_OK);
}

static struct {
	const char *name;
	void (*act)(void);
	bool once;
} changes[] = {
	{ "whole entry, one fails", do_rename, true },
	{ "patch, one fails", do_endpoints, true },
	{ "profile, one fails", do_user, true },
	{ "whole entry, all fail", do_rename, false },
	{ "patch, all fail", do_endpoints, false },
	{ "profile, all fail", do_user, false },
};

/* ---- what must hold ---- */

static void poll_again(struct node *n)
{
	node_reopen(n);
	node_poll(n);
}

static void expect_complete(struct node *n)
{
	struct fold fresh;

	sys_turn(&sys, 24);
	if (n->c.phase == CLIENT_OVER || node_fold(n))
		poll_again(n);
	node_fresh(n, &fresh);
	sys_turn(&sys, 12);
	assert_false(node_fold(n));
	json_object_del(n->view.node, "Endpoints"); /* its own are its to say (CHG-1) */
	json_object_del(fresh.node, "Endpoints");
	fold_assert_same(&n->view, &fresh);
	fold_done(&fresh);
}

static void joined(struct node *n, const char *hostname)
{
	node_open(n, &sys, hostname);
	node_join(n, reusable);
	node_lite(n, NULL);
}

/* A few turns: what arrives is read, committed and distributed. */
static bool turn_without_memory(size_t left, bool once)
{
	plan.left = left;
	plan.once = once;
	plan.hit = false;
	plan.armed = true;
	for (unsigned i = 0; i < 4; i++)
		fl_loop_poll(sys.loop);
	plan.armed = false;
	return plan.hit;
}

static void test_change(void **state)
{
	const struct {
		const char *name;
		void (*act)(void);
		bool once;
	} *row = *state;
	size_t place = 0;

	for (bool hit = true; hit && place < 400; place++) {
		sys_turn(&sys, 12);
		row->act();
		hit = turn_without_memory(place, row->once);
		expect_complete(&viewer);
		expect_complete(&plain);
		expect_complete(&actor);
	}
	assert_in_range(place, 4, 399); /* every place was tried */
}

/* Presence is not stored: who comes online is told all the same, or everybody asks anew. */
static void test_presence(void **state)
{
	struct fl_core *core = sys_core(&sys);
	size_t place = 0;
	(void)state;

	for (bool hit = true; hit && place < 100; place++) {
		struct node n;
		char name[32];
		snprintf(name, sizeof name, "comes-%zu", place);
		joined(&n, name);
		free(core->runtime); /* so that it must grow */
		core->runtime = NULL;
		core->runtime_cap = 0;
		sys_turn(&sys, 12);
		node_start_poll(&n);
		client_move(&n.c);
		hit = turn_without_memory(place, true);
		expect_complete(&viewer);
		node_close(&n);
	}
	assert_in_range(place, 4, 99);
}

/*
 * The map of a new session: an error to try again on, never one in which a peer is missing. A
 * session that had none counts for nothing (SES-5).
 */
static void test_first_map(void **state)
{
	struct fl_registry *sessions = sys_core(&sys)->sessions;
	size_t place = 0, refused = 0;
	struct node n;
	(void)state;

	node_open(&n, &sys, "newcomer");
	node_join(&n, reusable);
	const fl_node_id id = (fl_node_id)node_id(&n);
	for (bool hit = true; hit && place < 400; place++) {
		node_reopen(&n);
		do_rename(); /* so that its text is made anew */
		sys_turn(&sys, 12);
		size_t live = fl_registry_live(sessions, &id);
		node_start_poll(&n);
		client_move(&n.c);
		hit = turn_without_memory(place, true);
		sys_turn(&sys, 24);
		if (n.c.phase == CLIENT_OVER)
			continue;
		bool over = n.poll->status == 200 ? node_fold(&n) : call_over(n.poll);
		if (n.frames > 0) {
			assert_non_null(node_peer(&n, "actor"));
			assert_non_null(node_peer(&n, "viewer"));
		} else if (n.poll->status != 0) {
			assert_true(over);
			assert_int_equal(n.poll->status, 503);
			assert_int_equal(fl_registry_open(sessions, &id), 0);
			assert_true(fl_registry_live(sessions, &id) <= live);
			refused++;
		}
	}
	assert_in_range(place, 4, 399);
	assert_true(n.frames > 0); /* the last one, where nothing failed */
	assert_true(refused > 0);
	node_close(&n);
	expect_complete(&viewer);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, changes, test_change);
	suite_add(&suite, "presence", test_presence, NULL);
	suite_add(&suite, "first map", test_first_map, NULL);
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	joined(&actor, "actor");
	joined(&viewer, "viewer");
	joined(&plain, "plain");
	plain.zstd = false;
	actor_id = (fl_node_id)node_id(&actor);
	node_poll(&actor);
	node_poll(&viewer);
	node_poll(&plain);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/memory");
	node_close(&actor);
	node_close(&viewer);
	node_close(&plain);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
