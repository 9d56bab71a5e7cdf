/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_stop.c - the program is told to stop while a hundred clients read nothing: it
 * ends in order and soon, and has lost nothing (docs/lifecycle.md RUN-2).
 */
#include "client.h"

#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
	BLOCKED = 100,
	SILENT = 10, /* connections that have said nothing */
	SECONDS_MAX = 5,
	UPDATES_MAX = 100 /* until all have frames that wait */
};

static const char *program;
static struct sys sys;
static struct process server;
static struct node blocked[BLOCKED], talker;

/* ---- a hundred sockets that take no more ---- */

static void join_all(void)
{
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true"), name[16];

	sys.narrow = true;
	for (size_t i = 0; i < BLOCKED; i++) {
		snprintf(name, sizeof name, "blocked-%zu", i);
		node_open(&blocked[i], &sys, name);
		node_join(&blocked[i], key);
		blocked[i].zstd = false;
	}
	sys.narrow = false;
	node_open(&talker, &sys, "talker");
	node_join(&talker, key);
	free(key);
}

static bool is_answered(void *node)
{
	return ((struct node *)node)->poll->status == 200;
}

/* Not the map itself: it does not fit in what is on its way. */
static void poll_all(void)
{
	for (size_t i = 0; i < BLOCKED; i++) {
		node_start_poll(&blocked[i]);
		assert_true(sys_until(&sys, is_answered, &blocked[i]));
		blocked[i].c.deaf = true;
	}
}

static size_t sessions_with_a_queue(void)
{
	json_t *doc = api_json(&sys, "GET", "/api/v1/debug/sessions?limit=1000", NULL, 200), *one;
	size_t count = 0, i;

	json_array_foreach(at(doc, "sessions"), i, one) count +=
		json_integer_value(json_object_get(one, "queuedBytes")) > 0;
	json_decref(doc);
	return count;
}

static void block_all(void)
{
	unsigned updates = 0;

	poll_all();
	while (sessions_with_a_queue() < BLOCKED) {
		assert_true(updates < UPDATES_MAX);
		struct call *k = node_say(&talker, updates++);
		call_wait(k);
		assert_int_equal(k->status, 200);
		call_drop(k);
	}
}

/* ---- the stop ---- */

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void expect_all_there(void)
{
	json_t *list = api_json(&sys, "GET", "/api/v1/node", NULL, 200), *node;
	size_t i;

	assert_int_equal(json_array_size(at(list, "nodes")), BLOCKED + 1);
	json_array_foreach(at(list, "nodes"), i,
			   node) if (strcmp(text_at(node, "name"), "talker") != 0)
		assert_true(json_is_string(json_object_get(node, "lastSeen")));
	json_decref(list);
}

static struct {
	const char *name;
	int signum;
} rows[] = { { "TERM", SIGTERM }, { "INT", SIGINT } };

static void test_stop(void **state)
{
	const struct {
		const char *name;
		int signum;
	} *row = *state;
	int silent[SILENT];

	sys_make(&sys, false, NULL);
	assert_true(process_start(&server, &sys, program));
	join_all();
	block_all();
	for (size_t i = 0; i < SILENT; i++)
		silent[i] = sys_dial(&sys);

	double began = seconds();
	assert_int_equal(process_end(&server, row->signum), 0);
	double took = seconds() - began;
	if (took >= SECONDS_MAX)
		fail_msg("it took %.1f s", took);
	printf("\t%.2f s\n", took);

	assert_true(process_start(&server, &sys, program));
	expect_all_there();
	assert_int_equal(process_end(&server, SIGTERM), 0);
	for (size_t i = 0; i < SILENT; i++)
		close(silent[i]);
	for (size_t i = 0; i < BLOCKED; i++)
		node_close(&blocked[i]);
	node_close(&talker);
	sys_remove(&sys);
}

int main(int argc, char **argv)
{
	struct suite suite = { 0 };

	if (argc != 2) {
		fprintf(stderr, "usage: %s path/to/fairlead\n", argv[0]);
		return 2;
	}
	program = argv[1];
	ROWS(&suite, rows, test_stop);
	return suite_run(&suite, "system/stop");
}
