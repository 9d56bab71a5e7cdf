/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_state_undo.c - whatever happens, a tick that is rolled back leaves no trace, a
 * command that is refused changes nothing, and one that lacks memory at any point does neither.
 */
#include "../base/alloc_fail.h"
#include "state_play.h"

#include <stdio.h>
#include <stdlib.h>

#include "domain/state/inner.h"

/* ---- the n-th allocation fails ---- */

static long countdown = -1; /* < 0: never */

static bool paused;

bool alloc_fails(void)
{
	return !paused && countdown >= 0 && countdown-- == 0;
}

static void pause_faults(bool pause)
{
	paused = pause;
}

/* ---- everything comparable, the insides too ---- */

static char *picture(const struct fl_state *s)
{
	char *dump = kit_dump(s);
	char more[600], ip[4][FL_IP_TEXT_MAX] = { "", "", "", "" };

	for (int i = 0; i < 2; i++) {
		struct fl_ipam_cursor c = fl_ipam_tell(s->ipam[i]);
		fl_ip_format(&c.next, ip[2 * i]);
		fl_ip_format(&c.low, ip[2 * i + 1]);
	}
	snprintf(more, sizeof more,
		 "%s %s %s %s used %zu %zu dirty %zu changes %zu undo %zu %zu %zu", ip[0], ip[1],
		 ip[2], ip[3], fl_ipam_count(s->ipam[0]), fl_ipam_count(s->ipam[1]), s->dirty_len,
		 s->changes_len, s->undo_len, s->taken_len, s->freed_len);
	char *all = malloc(strlen(dump) + strlen(more) + 1);
	assert_non_null(all);
	memcpy(all, dump, strlen(dump));
	memcpy(all + strlen(dump), more, strlen(more) + 1);
	free(dump);
	return all;
}

static struct fl_state *small_state(bool random)
{
	struct fl_state_config cfg = kit_config();
	struct fl_state *s = NULL;

	cfg.prefix4 = kit_prefix("100.64.0.0/28"); /* runs out now and then */
	cfg.allocation = random ? FL_IP_RANDOM : FL_IP_SEQUENTIAL;
	cfg.node_expiry = 100 * FL_SEC;
	assert_int_equal(fl_state_new(&cfg, &s), FL_OK);
	return s;
}

static void require_same(char *before, const struct fl_state *s)
{
	char *after = picture(s);
	assert_string_equal(after, before);
	free(after);
	free(before);
}

static void test_random_ticks(void **unused)
{
	(void)unused;
	for (uint64_t seed = 1; seed <= 40; seed++) {
		struct fl_state *s = small_state(seed & 1);
		struct play p;
		play_init(&p, seed);

		for (int tick = 0; tick < 40; tick++) {
			char *start = picture(s);
			unsigned steps = (unsigned)fl_rng_below(&p.rng, 12);
			for (unsigned i = 0; i < steps; i++) {
				char *before = picture(s);
				if (play_step(&p, s) != FL_OK)
					require_same(before, s); /* a refusal changes nothing */
				else
					free(before);
				kit_check(s);
			}
			if (fl_rng_below(&p.rng, 3) == 0) {
				fl_state_rollback(s);
				require_same(start, s);
			} else {
				fl_state_committed(s);
				assert_int_equal(s->dirty_len + s->changes_len + s->undo_len, 0);
				free(start);
			}
			kit_check(s);
		}
		fl_state_free(s);
	}
}

/* Each step is tried with its 1st, 2nd, ... allocation failing until it passes untouched. */
static void test_memory_runs_out_anywhere(void **unused)
{
	(void)unused;
	unsigned failed = 0;

	for (uint64_t seed = 100; seed < 106; seed++) {
		struct fl_state *s = small_state(seed & 1);
		struct play p;
		play_init(&p, seed);

		for (int step = 0; step < 250; step++) {
			for (long n = 0;; n++) {
				struct play before = p;
				char *want = picture(s);
				countdown = n;
				enum fl_err err = play_step(&p, s);
				bool reached = countdown < 0;
				countdown = -1;
				if (err != FL_ERR_NOMEM) {
					free(want);
					assert_false(reached); /* nobody swallowed it */
					break;
				}
				failed++;
				require_same(want, s);
				kit_check(s);
				p = before; /* the same step again, with more luck */
			}
			if (step % 7 == 0)
				fl_state_committed(s);
			if (step % 11 == 0)
				fl_state_rollback(s);
		}
		kit_check(s);
		fl_state_free(s);
	}
	assert_true(failed > 1000);
}

/* A rollback itself takes no memory. */
static void test_rollback_without_memory(void **unused)
{
	(void)unused;
	for (uint64_t seed = 200; seed < 230; seed++) {
		struct fl_state *s = small_state(seed & 1);
		struct play p;
		play_init(&p, seed);

		for (int i = 0; i < 120; i++)
			(void)play_step(&p, s);
		fl_state_committed(s);
		char *want = picture(s);
		for (int i = 0; i < 60; i++)
			(void)play_step(&p, s);
		countdown = 0;
		fl_state_rollback(s);
		assert_int_equal(countdown, 0); /* nothing was asked for */
		countdown = -1;
		require_same(want, s);
		countdown = 0; /* the primaries are found without their index, too */
		kit_check(s);
		countdown = -1;
		kit_check(s);
		fl_state_free(s);
	}
}

static void test_new_without_memory(void **unused)
{
	(void)unused;
	struct fl_state_config cfg = kit_config();
	struct fl_state *s = NULL;

	for (long n = 0; s == NULL; n++) {
		countdown = n;
		enum fl_err err = fl_state_new(&cfg, &s);
		countdown = -1;
		assert_true(err == FL_OK || err == FL_ERR_NOMEM);
		assert_true(n < 100);
	}
	fl_state_free(s);
	fl_state_free(NULL);
}

/* Which rows the store may update in place. */
static bool moved(const struct fl_state *s)
{
	const struct fl_dirty *d;

	assert_int_equal(fl_state_dirty(s, &d), 1);
	return d[0].moved;
}

static void test_unique_values_mark_rows_as_moved(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, kit_user(s, "alice"));
	fl_state_committed(s);
	assert_int_equal(fl_state_node_seen(s, 1, KIT_NOW + 1), FL_OK);
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, KIT_NOW + 10, &fault), FL_OK);
	assert_false(moved(s));
	assert_int_equal(fl_state_node_rename(s, 1, "other", &fault), FL_OK);
	assert_true(moved(s));
	assert_int_equal(fl_state_node_seen(s, 1, KIT_NOW + 2), FL_OK);
	assert_true(moved(s)); /* once in this tick is enough */
	fl_state_committed(s);
	assert_int_equal(fl_state_node_seen(s, 1, KIT_NOW + 3), FL_OK);
	assert_false(moved(s));
	assert_int_equal(fl_state_node_delete(s, 1, &fault), FL_OK);
	assert_true(moved(s));
	fl_state_committed(s);
	kit_user(s, "bob");
	assert_true(moved(s));
	fl_state_free(s);
}

int main(void)
{
	kit_pause = pause_faults;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_ticks),
		cmocka_unit_test(test_memory_runs_out_anywhere),
		cmocka_unit_test(test_rollback_without_memory),
		cmocka_unit_test(test_new_without_memory),
		cmocka_unit_test(test_unique_values_mark_rows_as_moved),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
