/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_delivery.c - the path of a change to many sessions: in order, past those that
 * do not read, and without leaving anything behind (docs/lifecycle.md BAT-2, BAT-5, SES-7, PRE-5).
 */
#include "client.h"

#include "base/log.h"
#include "io/loop_impl.h"
#include "services/control/internal.h"

#include <stdio.h>

enum {
	VIEWERS = 20,
	BLOCKED = 10,
	KEPT_MAX = 64 << 10, /* bytes, of what is done a thousand times and more */
};

static struct sys sys;
static struct node viewers[VIEWERS], actor;
static fl_node_id actor_id;
static char *reusable;

/* ---- what the server says ---- */

static struct {
	size_t lines, drops;
} said;

static void note_line(void *ctx, const char *line, size_t len)
{
	(void)ctx;
	said.lines++;
	said.drops += memmem(line, len, "map session dropped", 19) != NULL;
}

static fl_wall no_time(void *ctx)
{
	(void)ctx;
	return 0;
}

/* ---- changes, made without the help of a request ---- */

static void rename_actor(const char *kind, unsigned i)
{
	struct fl_fault fault;
	char name[32];

	snprintf(name, sizeof name, "%s-%04u", kind, i);
	assert_err(fl_state_node_rename(sys_state(&sys), actor_id, name, &fault), FL_OK);
}

/* Told to all and stored nowhere. */
static void announce_actor(void)
{
	const struct fl_change c = {
		.kind = FL_CHANGE_NODE_PATCHED,
		.id = actor_id,
		.fields = FL_PATCH_ONLINE,
		.origin = actor_id,
	};

	fl_core_announce(sys_core(&sys), &c);
}

/* ---- who watches ---- */

static void fold_viewers(void)
{
	for (size_t i = 0; i < VIEWERS; i++)
		assert_false(node_fold(&viewers[i]));
}

static const char *name_at(struct node *viewer)
{
	return text_at(node_peer(viewer, "actor"), "Name");
}

static void joined(struct node *n, const char *hostname)
{
	node_open(n, &sys, hostname);
	node_join(n, reusable);
}

static bool is_blocked(void *ctx)
{
	const size_t *want = ctx;
	return sys_stats(&sys).queued_sessions == *want;
}

/* Asks for its map and then reads nothing of it. */
static void block(struct node *n, size_t so_many)
{
	char hostname[32];

	snprintf(hostname, sizeof hostname, "deaf-%zu", so_many);
	node_open(n, &sys, hostname);
	struct fl_private_key machine = n->c.machine;
	client_close(&n->c);
	n->c.window = 100;
	n->zstd = false;
	client_open(&n->c, &sys, &machine);
	node_join(n, reusable);
	node_start_poll(n);
	client_move(&n->c);
	n->c.deaf = true;
	assert_true(sys_until(&sys, is_blocked, &so_many));
}

static void drop_all(struct node *n, size_t count)
{
	char path[64];

	for (size_t i = 0; i < count; i++) {
		n[i].c.deaf = false;
		snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)node_id(&n[i]));
		api_ok(&sys, "DELETE", path, NULL);
		node_close(&n[i]);
	}
	sys_turn(&sys, 16);
	fold_viewers();
}

/* ---- order ---- */

/*
 * Fifty changes of one node in five ticks: each session has one frame a tick, the ticks in their
 * order, and one that does not read keeps nobody waiting.
 */
static void test_order(void **state)
{
	struct node deaf;
	char want[32];
	(void)state;

	block(&deaf, 1);
	fold_viewers();
	size_t before[VIEWERS];
	for (size_t i = 0; i < VIEWERS; i++)
		before[i] = viewers[i].frames;
	for (unsigned tick = 1; tick <= 5; tick++) {
		for (unsigned i = 0; i < 10; i++)
			rename_actor("order", tick * 10 + i);
		sys_turn(&sys, 8);
		fold_viewers();
		snprintf(want, sizeof want, "order-%04u.", tick * 10 + 9);
		for (size_t i = 0; i < VIEWERS; i++) {
			assert_int_equal(strncmp(name_at(&viewers[i]), want, strlen(want)), 0);
			assert_int_equal(viewers[i].frames, before[i] + tick);
		}
	}
	drop_all(&deaf, 1);
}

/* ---- blocked sessions ---- */

/* The turns of the loop until a newcomer has its whole map. */
static unsigned turns_of_a_newcomer(const char *hostname)
{
	struct node n;
	unsigned turns = 0;

	joined(&n, hostname);
	node_start_poll(&n);
	while (n.frames == 0 && turns < 1000) {
		sys_turn(&sys, 1);
		if (n.poll->status == 200)
			assert_false(node_fold(&n));
		turns++;
	}
	assert_non_null(node_peer(&n, "actor"));
	drop_all(&n, 1);
	return turns;
}

static void test_blocked_ones_delay_nobody(void **state)
{
	static struct node deaf[BLOCKED];
	unsigned usual = turns_of_a_newcomer("before");
	(void)state;

	for (size_t i = 0; i < BLOCKED; i++)
		block(&deaf[i], i + 1);
	rename_actor("blocked", 1); /* which all of them have waiting */
	sys_turn(&sys, 8);
	fold_viewers();
	assert_string_equal(name_at(&viewers[0]), name_at(&viewers[VIEWERS - 1]));
	assert_int_equal(strncmp(name_at(&viewers[0]), "blocked-", 8), 0);
	unsigned turns = turns_of_a_newcomer("meanwhile");
	if (turns > usual + 4)
		fail_msg("%u turns, %u without them", turns, usual);
	/* One that goes takes none of the others along. */
	size_t sessions = sys_stats(&sys).sessions;
	drop_all(&deaf[3], 1);
	assert_int_equal(sys_stats(&sys).sessions, sessions - 1);
	assert_int_equal(sys_stats(&sys).queued_sessions, BLOCKED - 1);
	drop_all(deaf, 3);
	drop_all(deaf + 4, BLOCKED - 4);
	assert_int_equal(sys_stats(&sys).queued_sessions, 0);
}

/* ---- what is left behind ---- */

static void deliver(unsigned changes)
{
	for (unsigned i = 1; i <= changes; i++) {
		announce_actor();
		sys_turn(&sys, 1);
		if (i % 50 == 0)
			fold_viewers();
	}
	sys_turn(&sys, 16);
	fold_viewers();
}

/* What a viewer has read goes with its poll. */
static struct sys_usage usage(void)
{
	for (size_t i = 0; i < VIEWERS; i++) {
		node_end_poll(&viewers[i]);
		node_poll(&viewers[i]);
	}
	sys_turn(&sys, 16);
	fold_viewers();
	return sys_usage();
}

/* A hundred thousand frames that are taken at once: no timer, memory or line for any of them. */
static void test_fast_sends_leave_nothing(void **state)
{
	enum { CHANGES = 100000 / VIEWERS };
	(void)state;

	deliver(200); /* grows what is kept for more */
	fl_log_setup(FL_LOG_INFO, FL_LOG_TEXT, note_line, no_time, NULL);
	said.lines = 0;
	struct sys_usage before = usage();
	size_t timers = sys.loop->heap_len;
	uint64_t sent = sys_stats(&sys).frames_delta;
	deliver(CHANGES);
	assert_true(sys_stats(&sys).frames_delta - sent >= (uint64_t)CHANGES * VIEWERS);
	assert_true(sys.loop->heap_len <= timers);
	struct sys_usage after = usage();
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.threads, before.threads);
	if (after.live > before.live + KEPT_MAX)
		fail_msg("%zu bytes more than before", after.live - before.live);
	assert_int_equal(said.lines, 0);
	fl_log_level_set((enum fl_log_level)(FL_LOG_ERROR + 1));
}

/* And one that fails is worth one line. */
static void test_a_failure_is_one_line(void **state)
{
	struct node deaf;
	struct fl_buf update = fl_buf_make(64 << 10);
	uint64_t dropped = sys_stats(&sys).sessions_dropped_slow;
	(void)state;

	block(&deaf, 1);
	fl_log_setup(FL_LOG_INFO, FL_LOG_TEXT, note_line, no_time, NULL);
	said.lines = said.drops = 0;
	for (unsigned i = 0; i < 2000 && sys_stats(&sys).sessions_dropped_slow == dropped; i++) {
		fl_buf_reset(&update);
		fl_buf_printf(&update, "{\"Hostinfo\":{\"OSVersion\":\"%u\",\"Services\":[", i);
		for (unsigned k = 1; k <= 60; k++)
			fl_buf_printf(
				&update,
				"%s{\"Proto\":\"tcp\",\"Port\":%u,\"Description\":\"%0240u\"}",
				k > 1 ? "," : "", k, k);
		fl_buf_str(&update, "]}}");
		fl_buf_byte(&update, 0);
		node_lite(&actor, (const char *)update.ptr);
		fold_viewers();
	}
	assert_int_equal(sys_stats(&sys).sessions_dropped_slow, dropped + 1);
	assert_int_equal(said.drops, 1);
	assert_int_equal(said.lines, 1);
	fl_log_level_set((enum fl_log_level)(FL_LOG_ERROR + 1));
	node_lite(&actor, "{\"Hostinfo\":{\"OSVersion\":\"\",\"Services\":[]}}");
	fl_buf_done(&update);
	drop_all(&deaf, 1);
}

/* ---- one session of several ends ---- */

/* Nobody is told, and nothing waits for a grace period. */
static void test_one_of_two_ends(void **state)
{
	struct node first, second;
	(void)state;

	joined(&first, "double");
	node_poll(&first);
	node_open(&second, &sys, "double");
	client_close(&second.c);
	client_open(&second.c, &sys, &first.c.machine);
	second.key = first.key;
	second.disco = first.disco;
	node_poll(&second);
	sys_turn(&sys, 16);
	fold_viewers();
	size_t timers = sys.loop->heap_len, frames = viewers[0].frames;
	node_end_poll(&first);
	sys_turn(&sys, 16);
	fold_viewers();
	assert_int_equal(sys_stats(&sys).leaving, 0);
	assert_int_equal(sys.loop->heap_len, timers - 1); /* its keep-alives */
	assert_int_equal(viewers[0].frames, frames);
	node_end_poll(&second);
	sys_turn(&sys, 16);
	assert_int_equal(sys_stats(&sys).leaving, 1);
	node_close(&first);
	drop_all(&second, 1);
	assert_int_equal(sys_stats(&sys).leaving, 0);
}

/* ---- flaps ---- */

/* The connections that were left are gone at both ends: `fds` as before the first of them. */
static bool is_calm(void *fds)
{
	return sys_usage().fds <= *(const unsigned *)fds;
}

static void flap(struct node *n, unsigned times, unsigned fds)
{
	for (unsigned i = 0; i < times; i++) {
		node_end_poll(n);
		node_reopen(n);
		node_poll(n);
	}
	sys_turn(&sys, 16);
	fold_viewers();
	assert_true(sys_until(&sys, is_calm, &fds));
}

/*
 * A connection drops its first deadlines when they pass, ten seconds after it began. So all are
 * young when timers are counted, however long what lies between took.
 */
static size_t timers_of_young_ones(struct node *n, unsigned fds)
{
	for (size_t i = 0; i < VIEWERS; i++) {
		node_end_poll(&viewers[i]);
		node_reopen(&viewers[i]);
		node_poll(&viewers[i]);
	}
	node_reopen(&actor);
	node_lite(&actor, NULL);
	flap(n, 1, fds);
	return sys.loop->heap_len;
}

static void test_flaps_leave_nothing(void **state)
{
	struct node n;
	(void)state;

	joined(&n, "flapper");
	node_poll(&n);
	unsigned fds = sys_usage().fds;
	flap(&n, 20, fds);
	size_t timers = timers_of_young_ones(&n, fds);
	struct sys_usage before = sys_usage();
	flap(&n, 1000, fds);
	assert_int_equal(timers_of_young_ones(&n, fds), timers);
	struct sys_usage after = sys_usage();
	assert_int_equal(after.fds, before.fds);
	assert_int_equal(after.threads, before.threads);
	if (after.live > before.live + KEPT_MAX)
		fail_msg("%zu bytes more than before", after.live - before.live);
	assert_int_equal(sys_stats(&sys).leaving, 0);
	assert_int_equal(fl_registry_live(sys_core(&sys)->sessions,
					  &(fl_node_id){ (fl_node_id)node_id(&n) }),
			 1);
	drop_all(&n, 1);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "order", test_order, NULL);
	suite_add(&suite, "blocked sessions delay nobody", test_blocked_ones_delay_nobody, NULL);
	suite_add(&suite, "fast sends leave nothing", test_fast_sends_leave_nothing, NULL);
	suite_add(&suite, "a failure is one line", test_a_failure_is_one_line, NULL);
	suite_add(&suite, "one of two sessions ends", test_one_of_two_ends, NULL);
	suite_add(&suite, "flaps leave nothing", test_flaps_leave_nothing, NULL);
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	joined(&actor, "actor");
	node_lite(&actor, NULL);
	actor_id = (fl_node_id)node_id(&actor);
	for (size_t i = 0; i < VIEWERS; i++) {
		char hostname[32];
		snprintf(hostname, sizeof hostname, "viewer-%zu", i);
		joined(&viewers[i], hostname);
		node_poll(&viewers[i]);
	}
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/delivery");
	for (size_t i = 0; i < VIEWERS; i++)
		node_close(&viewers[i]);
	node_close(&actor);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
