/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_storm.c - all nodes come back at once. What an operator asks meanwhile waits
 * for the maps of a few ticks, not for all of them.
 */
#include "client.h"

#include <stdio.h>
#include <unistd.h>

enum {
	CROWD = 160,
	TICKS = 4, /* a tick accepts, one reads and answers, one runs out; and one to spare */
};

static struct sys sys;
static struct node crowd[CROWD];

static bool all_poll(void *ctx)
{
	return sys_stats(ctx).sessions == CROWD;
}

static bool some_poll(void *ctx)
{
	return sys_stats(ctx).full_made > 0;
}

/* The requests are in the sockets before the loop turns again. */
static void come_back(void)
{
	for (size_t i = 0; i < CROWD; i++) {
		node_start_poll(&crowd[i]);
		client_move(&crowd[i].c);
	}
}

static void leave(void)
{
	for (size_t i = 0; i < CROWD; i++)
		node_end_poll(&crowd[i]);
}

static void restart(void)
{
	sys_halt(&sys);
	sys_boot(&sys);
	for (size_t i = 0; i < CROWD; i++)
		node_reopen(&crowd[i]);
}

static void expect_all_see_all(void)
{
	sys_turn(&sys, 12); /* what the last ones changed */
	for (size_t i = 0; i < CROWD; i++) {
		assert_false(node_fold(&crowd[i]));
		assert_int_equal(json_object_size(crowd[i].view.peers), CROWD - 1);
	}
	node_assert_complete(&crowd[0]);
	node_assert_complete(&crowd[CROWD - 1]);
}

static void answered_between_maps(const char *path)
{
	restart();
	come_back();
	assert_true(sys_until(&sys, some_poll, &sys));
	uint64_t before = sys_stats(&sys).full_made;
	struct reply r = api_call(&sys, "GET", path, NULL);
	uint64_t made = sys_stats(&sys).full_made - before;

	assert_int_equal(r.status, 200);
	reply_done(&r);
	assert_true(made <= TICKS * fl_core_turns_max(sys_core(&sys)));
	assert_true(before + made < CROWD); /* the storm went on */
	assert_true(sys_until(&sys, all_poll, &sys));
	expect_all_see_all();
	leave();
}

static void test_a_list_is_answered(void **state)
{
	(void)state;
	answered_between_maps("/api/v1/node");
}

static void test_health_is_answered(void **state)
{
	(void)state;
	answered_between_maps("/api/v1/health");
}

/* A write is committed with the tick, and need not wait for maps either. */
static void test_a_write_is_answered(void **state)
{
	(void)state;
	restart();
	come_back();
	assert_true(sys_until(&sys, some_poll, &sys));
	api_user(&sys, "eve");
	assert_true(sys_stats(&sys).full_made < CROWD);
	assert_true(sys_until(&sys, all_poll, &sys));
	leave();
}

static bool half_polls(void *ctx)
{
	return sys_stats(ctx).sessions == CROWD / 2;
}

/* Who goes while its map waits for a turn is not answered, and the others are. */
static void test_who_leaves_the_queue(void **state)
{
	(void)state;
	restart();
	for (size_t i = 0; i < CROWD; i++) {
		node_start_poll(&crowd[i]);
		if (i % 2 == 0)
			node_end_poll(&crowd[i]); /* the server reads both at once */
		client_move(&crowd[i].c);
	}
	assert_true(sys_until(&sys, half_polls, &sys));
	sys_turn(&sys, 12);
	assert_int_equal(sys_stats(&sys).sessions, CROWD / 2);
	assert_int_equal(sys_stats(&sys).full_made, CROWD / 2);
	for (size_t i = 1; i < CROWD; i += 2) {
		assert_false(node_fold(&crowd[i]));
		assert_true(crowd[i].frames > 0);
		node_end_poll(&crowd[i]);
	}
}

int main(void)
{
	struct suite suite = { 0 };
	char name[16];

	suite_add(&suite, "a list is answered", test_a_list_is_answered, NULL);
	suite_add(&suite, "health is answered", test_health_is_answered, NULL);
	suite_add(&suite, "a write is answered", test_a_write_is_answered, NULL);
	suite_add(&suite, "who leaves the queue", test_who_leaves_the_queue, NULL);
	sys_start(&sys, false, NULL);
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	for (size_t i = 0; i < CROWD; i++) {
		snprintf(name, sizeof name, "n%zu", i);
		node_open(&crowd[i], &sys, name);
		node_join(&crowd[i], key);
	}
	free(key);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/storm");
	for (size_t i = 0; i < CROWD; i++)
		node_close(&crowd[i]);
	sys_stop(&sys);
	return failed;
}
