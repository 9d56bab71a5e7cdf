/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_hold.c - changes that wait for others (services/control/hold.h): who is told of
 * them, when, and with what. Each row without a policy and under one.
 *
 * How long they wait is set here, since nobody knows how fast a test runs: for minutes where they
 * must not be told by time, for a moment where they must. tests/services/test_hold.c has the times.
 */
#include "client.h"

#include "services/control/internal.h"

#include <stdio.h>

static struct sys sys;
static json_int_t ada;
static char *reusable;
static struct node viewer, actor, other;

static struct fl_hold *hold(void)
{
	return &fl_server_control(sys.server)->hold;
}

/* As after a telling that cost a lot. */
static void make_busy(int64_t wait)
{
	assert_int_equal(hold()->count, 0);
	hold()->wait = wait;
	hold()->quiet = fl_loop_now(sys.loop) + FL_HOUR;
}

static void move(struct node *n, unsigned port)
{
	char fields[64];

	snprintf(fields, sizeof fields, "{\"Endpoints\":[\"192.0.2.7:%u\"]}", port);
	node_lite(n, fields);
}

static bool is_at(struct node *who, const char *hostname, unsigned port)
{
	char want[32];
	json_t *first;

	snprintf(want, sizeof want, "192.0.2.7:%u", port);
	first = json_array_get(json_object_get(node_peer(who, hostname), "Endpoints"), 0);
	return first != NULL && strcmp(json_string_value(first), want) == 0;
}

static void fold_viewer(void)
{
	sys_turn(&sys, 12);
	assert_false(node_fold(&viewer));
}

static unsigned port = 1000;

/* A change that is acknowledged, and that the viewer has not heard of. */
static void keep_one(void)
{
	fold_viewer();
	size_t frames = viewer.frames;
	uint64_t held = sys_stats(&sys).changes_held;

	make_busy(FL_MIN);
	move(&actor, ++port);
	fold_viewer();
	assert_int_equal(viewer.frames, frames);
	assert_false(is_at(&viewer, "actor", port));
	assert_int_equal(hold()->count, 1);
	assert_int_equal(sys_stats(&sys).changes_held, held + 1);
}

/* ---- what does not wait takes along what does ---- */

static void name_it(struct node *n, const char *name)
{
	char path[64];

	snprintf(path, sizeof path, "/api/v1/node/%lld/rename/%s", (long long)node_id(n), name);
	api_ok(&sys, "POST", path, NULL);
}

static void do_rename_other(void)
{
	static unsigned i;
	char name[32];

	snprintf(name, sizeof name, "name-%u", ++i);
	name_it(&other, name);
}

static void do_rename_actor(void)
{
	static unsigned i;
	char name[32];

	snprintf(name, sizeof name, "self-%u", ++i);
	name_it(&actor, name);
}

static void do_rename_user(void)
{
	static unsigned i;
	char path[64];

	snprintf(path, sizeof path, "/api/v1/user/%lld/rename/user-%u", (long long)ada, ++i);
	api_ok(&sys, "POST", path, NULL);
}

static void do_rotate(void)
{
	node_new_key(&other);
	node_join(&other, reusable);
}

static void do_come(void)
{
	node_poll(&other);
}

static void set_policy(const char *text)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	assert_err(fl_policies_set(fl_server_policies(sys.server), fl_slice_str(text), "", "",
				   &report, &rev),
		   FL_OK);
	fl_policy_report_done(&report);
	sys_turn(&sys, 4);
}

/* Everybody sees everybody, by one rule or by another. */
static void do_set_policy(void)
{
	static unsigned i;
	char text[128];

	snprintf(text, sizeof text,
		 "{\"acls\":[{\"action\":\"accept\",\"src\":[\"*\"],\"dst\":[\"*:%u\"]}]}",
		 80 + ++i);
	set_policy(text);
}

/* Before the timer has rung. */
static void do_move_late(void)
{
	hold()->wait = 0;
	move(&other, port);
}

static struct row {
	const char *name;
	void (*act)(void);
} along[] = {
	{ "renamed", do_rename_other },     { "renamed itself", do_rename_actor },
	{ "user renamed", do_rename_user }, { "key rotated", do_rotate },
	{ "another comes", do_come },       { "time is up", do_move_late },
};

static struct row policy = { "policy", do_set_policy }; /* which stays */

static void test_along(void **state)
{
	const struct row *row = *state;
	size_t frames;

	keep_one();
	frames = viewer.frames;
	row->act();
	fold_viewer();
	if (!is_at(&viewer, "actor", port))
		fail_msg("the viewer does not know");
	assert_int_equal(viewer.frames, frames + 1); /* both at once, so in order */
	assert_int_equal(hold()->count, 0);
	assert_false(fl_timer_armed(&fl_server_control(sys.server)->hold_timer));
	node_assert_complete(&viewer);
}

/* ---- time ---- */

static bool knows(void *ctx)
{
	(void)ctx;
	assert_false(node_fold(&viewer));
	return is_at(&viewer, "actor", port);
}

static void test_told_by_time(void **state)
{
	uint64_t delays = fl_server_control(sys.server)->trace.map_delay.count;
	(void)state;

	fold_viewer();
	size_t frames = viewer.frames;
	make_busy(20 * FL_MS);
	move(&actor, ++port);
	assert_true(sys_until(&sys, knows, NULL));
	assert_int_equal(viewer.frames, frames + 1);
	assert_int_equal(hold()->count, 0);
	const struct fl_delays *d = &fl_server_control(sys.server)->trace.map_delay;
	assert_int_equal(d->count, delays + 1);
	node_assert_complete(&viewer);
}

/* Where nothing is going on there is nothing to wait for. */
static void test_first_at_once(void **state)
{
	(void)state;

	fold_viewer();
	hold()->quiet = 0;
	move(&actor, ++port);
	assert_int_equal(hold()->count, 0);
	fold_viewer();
	assert_true(is_at(&viewer, "actor", port));
}

/* The latest counts, and is told once. */
static void test_several(void **state)
{
	(void)state;

	keep_one();
	size_t frames = viewer.frames;
	move(&actor, ++port);
	node_lite(&actor, "{\"Hostinfo\":{\"NetInfo\":{\"PreferredDERP\":999}}}");
	move(&other, port);
	assert_int_equal(hold()->count, 2);
	do_rename_other();
	fold_viewer();
	assert_int_equal(viewer.frames, frames + 1);
	assert_true(is_at(&viewer, "actor", port));
	assert_int_equal(json_integer_value(at(node_peer(&viewer, "actor"), "HomeDERP")), 999);
	node_assert_complete(&viewer);
}

/* ---- who comes and goes meanwhile ---- */

/* Its first map says what is, and hearing it again does no harm. */
static void test_session_in_between(void **state)
{
	struct node second;
	(void)state;

	keep_one();
	node_open(&second, &sys, "viewer");
	client_close(&second.c);
	client_open(&second.c, &sys, &viewer.c.machine);
	second.key = viewer.key;
	second.disco = viewer.disco;
	node_poll(&second);
	assert_int_equal(hold()->count, 1);
	assert_true(is_at(&second, "actor", port));
	do_rename_other();
	sys_turn(&sys, 12);
	assert_false(node_fold(&second));
	node_assert_complete(&second);
	fold_viewer();
	node_assert_complete(&viewer);
	node_end_poll(&second);
	node_close(&second);
}

/* The news of it goes with it. */
static void test_removed_in_between(void **state)
{
	struct node short_lived;
	char path[64];
	(void)state;

	node_open(&short_lived, &sys, "short-lived");
	node_join(&short_lived, reusable);
	keep_one();
	move(&short_lived, port);
	assert_int_equal(hold()->count, 2);
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)node_id(&short_lived));
	api_ok(&sys, "DELETE", path, NULL);
	fold_viewer();
	assert_null(node_peer(&viewer, "short-lived"));
	assert_true(is_at(&viewer, "actor", port));
	node_assert_complete(&viewer);
	node_close(&short_lived);
}

/* Nobody is left to be told; who comes back gets a map with it. */
static void test_stop(void **state)
{
	(void)state;

	keep_one();
	sys_halt(&sys);
	node_end_poll(&viewer);
	node_end_poll(&other);
	sys_boot(&sys);
	node_reopen(&viewer);
	node_poll(&viewer);
	assert_true(is_at(&viewer, "actor", port));
	node_reopen(&actor);
	node_reopen(&other);
	fold_viewer();
	node_assert_complete(&viewer);
}

static void add_all(struct suite *suite)
{
	suite_add(suite, "the first at once", test_first_at_once, NULL);
	suite_add(suite, "told by time", test_told_by_time, NULL);
	suite_add(suite, "several", test_several, NULL);
	ROWS(suite, along, test_along);
	suite_add(suite, "a session in between", test_session_in_between, NULL);
	suite_add(suite, "removed in between", test_removed_in_between, NULL);
	suite_add(suite, "stop", test_stop, NULL);
	suite_add(suite, policy.name, test_along, &policy);
}

int main(void)
{
	struct suite suite = { 0 };

	add_all(&suite);
	add_all(&suite); /* under the policy that came last */
	sys_start(&sys, false, "policy:\n  mode: database\n");
	ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	node_enter(&viewer, &sys, "viewer", ada, "\"reusable\":true");
	node_enter(&actor, &sys, "actor", ada, "\"reusable\":true");
	node_open(&other, &sys, "other");
	node_join(&other, reusable);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/hold");
	node_close(&viewer);
	node_close(&actor);
	node_close(&other);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
