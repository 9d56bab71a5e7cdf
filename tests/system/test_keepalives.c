/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_keepalives.c - when keep-alives leave: on whole beats, those of many sessions
 * on the same ones, and neither too early nor too late. The loop's clock stands still here and
 * goes on from one deadline to the next.
 *
 * Source: docs/lifecycle.md section 1, INV-25.
 */
#include "client.h"

#include "base/rng.h"
#include "services/control/internal.h"

#include <stdio.h>

enum {
	SESSIONS = 40,
	LATER = 3,        /* keep-alives of each that are looked at after its first */
	LONGEST = 9,      /* beats by which one may come later than the interval */
	TURNS_MAX = 1000, /* until what left is there */
	SEED = 1,         /* of the jitter: each run is the same, and comes near the longest gap */
};

static fl_time clock_at = FL_HOUR;

uint64_t __wrap_uv_hrtime(void);

uint64_t __wrap_uv_hrtime(void)
{
	return (uint64_t)clock_at;
}

static struct row {
	const char *name;
	bool short_timers;
	int64_t keepalive, beat;
} rows[] = {
	{ "whole seconds, a minute apart", false, 50 * FL_SEC, FL_SEC },
	{ "short timers have short beats", true, 2 * FL_SEC, 40 * FL_MS },
};

static struct sys sys;
static struct node nodes[SESSIONS];
static fl_time heard_at[SESSIONS];
static size_t heard[SESSIONS]; /* keep-alives */

/* Nobody sees anybody, so that keep-alives are all that is told. */
static void begin(const struct row *row)
{
	sys_start(&sys, row->short_timers, "policy:\n  mode: database\n");
	api_ok(&sys, "PUT", "/api/v1/policy", "{\"policy\":\"{\\\"acls\\\":[]}\"}");
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	for (size_t i = 0; i < SESSIONS; i++) {
		char hostname[32];
		snprintf(hostname, sizeof hostname, "quiet-%zu", i);
		node_open(&nodes[i], &sys, hostname);
		node_join(&nodes[i], key);
	}
	free(key);
	fl_rng_init(&fl_server_control(sys.server)->rng, SEED);
	clock_at += row->beat - clock_at % row->beat;
}

static void end(void)
{
	for (size_t i = 0; i < SESSIONS; i++)
		node_close(&nodes[i]);
	sys_stop(&sys);
}

static void start_session(size_t i)
{
	node_start_poll(&nodes[i]);
	for (unsigned turns = 0; nodes[i].frames == 0 && turns < TURNS_MAX; turns++) {
		sys_turn(&sys, 1);
		assert_false(node_fold(&nodes[i]));
	}
	assert_int_equal(nodes[i].view.messages, 1);
	heard_at[i] = clock_at;
	heard[i] = 0;
}

static bool all_are_there(void)
{
	uint64_t there = 0;

	for (size_t i = 0; i < SESSIONS; i++) {
		assert_false(node_fold(&nodes[i]));
		there += nodes[i].view.keepalives;
	}
	return there == sys_stats(&sys).frames_keepalive;
}

static void to_next_deadline(void)
{
	fl_time next = fl_loop_deadline(sys.loop);

	assert_true(next != FL_NEVER);
	if (next > clock_at)
		clock_at = next;
	for (unsigned turns = 0; turns == 0 || (!all_are_there() && turns < TURNS_MAX); turns++)
		sys_turn(&sys, 1);
}

/* What has come since the last look, at this very moment. */
static size_t look_at(const struct row *row, size_t i)
{
	struct node *n = &nodes[i];
	int64_t gap = clock_at - heard_at[i];

	assert_int_equal(n->frames, n->view.keepalives + 1);
	if (gap > row->keepalive + LONGEST * row->beat)
		fail_msg("session %zu has heard nothing for %lld ms", i, (long long)(gap / FL_MS));
	if (n->view.keepalives == heard[i])
		return 0;
	assert_int_equal(n->view.keepalives, ++heard[i]);
	heard_at[i] = clock_at;
	if (clock_at % row->beat != 0)
		fail_msg("session %zu: a keep-alive %lld us after a beat", i,
			 (long long)(clock_at % row->beat / FL_US));
	if (gap < row->keepalive)
		fail_msg("session %zu: a keep-alive after %lld ms", i, (long long)(gap / FL_MS));
	return 1;
}

/* From deadline to deadline until so many have come. Gives how many of these brought any. */
static size_t moments_of(const struct row *row, size_t count)
{
	size_t moments = 0;

	for (size_t all = 0; all < count;) {
		size_t before = all;
		to_next_deadline();
		for (size_t i = 0; i < SESSIONS; i++)
			all += look_at(row, i);
		moments += all > before;
	}
	return moments;
}

/* The sessions begin within one beat, each at another time. */
static void test_beats(void **state)
{
	const struct row *row = *state;

	begin(row);
	for (size_t i = 0; i < SESSIONS; i++) {
		start_session(i);
		clock_at += row->beat / SESSIONS;
	}
	size_t moments = moments_of(row, SESSIONS);
	if (moments > LONGEST + 1)
		fail_msg("the first keep-alives came at %zu times", moments);
	moments_of(row, LATER * SESSIONS);
	end();
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, rows, test_beats);
	return suite_run(&suite, "system/keepalives");
}
