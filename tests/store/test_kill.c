/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/store/test_kill.c - a server killed at a random instant has every tick that it
 * acknowledged,
 * and at most the one it was about to acknowledge beyond (INV-05).
 */
#include "../domain/state_play.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_kit.h"

enum { ROUNDS = 12, TICKS = 4000, STEPS = 6, KILL_AFTER_MAX = 60 };

/* Plays one tick; the same seed makes the same ticks. */
static void play_tick(struct play *p, struct fl_state *s)
{
	for (int i = 0; i < STEPS; i++)
		(void)play_step(p, s);
}

/* The child: a byte for every tick that is durable. */
static void serve(const struct store_kit *k, uint64_t seed, int acks)
{
	struct fl_state *s = kit_state();
	struct fl_store *st = store_kit_open(k, s);
	struct play p;

	play_init(&p, seed);
	for (int tick = 0; tick < TICKS; tick++) {
		play_tick(&p, s);
		store_kit_commit(st, s);
		if (write(acks, "", 1) != 1)
			_exit(0);
	}
	_exit(1); /* should have been killed */
}

static int read_acks(int fd, int stop_at)
{
	char byte;
	int count = 0;

	while (count < stop_at && read(fd, &byte, 1) == 1)
		count++;
	return count;
}

static void one_round(uint64_t seed)
{
	struct store_kit k = store_kit_new();
	struct fl_rng rng;
	int acks[2], status;

	fl_rng_init(&rng, seed);
	assert_int_equal(pipe(acks), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(acks[0]);
		serve(&k, seed, acks[1]);
	}
	close(acks[1]);
	int count = read_acks(acks[0], 1 + (int)fl_rng_below(&rng, KILL_AFTER_MAX));
	kill(child, SIGKILL);
	count += read_acks(acks[0], TICKS);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	close(acks[0]);

	/* The same ticks again, in memory. */
	struct fl_state *s = kit_state(), *loaded = kit_state();
	struct play p;
	play_init(&p, seed);
	for (int i = 0; i < count; i++) {
		play_tick(&p, s);
		fl_state_committed(s);
	}
	char *acknowledged = kit_dump(s);
	play_tick(&p, s);
	char *next = kit_dump(s);
	struct fl_store *st = store_kit_open(&k, loaded);
	char *found = kit_dump(loaded);
	kit_check(loaded);
	if (strcmp(found, next) != 0)
		assert_string_equal(found, acknowledged);
	free(acknowledged);
	free(next);
	free(found);
	fl_store_close(st);
	fl_state_free(s);
	fl_state_free(loaded);
	store_kit_free(&k);
}

static void test_killed_at_random(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= ROUNDS; seed++)
		one_round(seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_killed_at_random) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
