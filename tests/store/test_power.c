/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/store/test_power.c - one operation of a commit fails, then the power goes: what was
 * refused is not there afterwards, what was acknowledged is (INV-05).
 *
 * The disk is the simulator's: of what was not synced it may keep anything.
 */
#include "../domain/state_kit.h"

#include <stdio.h>

#include "../sim/disk.h"
#include "store/store.h"

enum { CUTS = 12, OPERATIONS_MAX = 200 };

static const char path[] = "power.db";
static struct fl_rng rng;

static struct fl_store *open_store(bool wal, struct fl_state *s)
{
	const struct fl_store_config cfg = { .path = path, .wal = wal, .wal_autocheckpoint = -1 };
	struct fl_fault fault = { "" };
	struct fl_store *st;

	if (fl_store_open(&cfg, &fault, &st) != FL_OK)
		fail_msg("open: %s", fault.text);
	assert_int_equal(fl_store_load(st, s, &fault), FL_OK);
	return st;
}

/* The process dies with the machine: closing reaches the disk no more. */
static void lose_power(struct fl_store *st, struct fl_state *s)
{
	sim_disk_kill();
	fl_store_close(st);
	fl_state_free(s);
	sim_disk_power_cut();
}

static enum fl_err commit(struct fl_store *st, struct fl_state *s)
{
	struct fl_fault fault = { "" };
	enum fl_err err = fl_store_commit(st, s, &fault);

	if (err == FL_OK) {
		fl_state_committed(s);
		return FL_OK;
	}
	fl_state_rollback(s);
	return err;
}

static void require_bob(bool wal, bool there, long n)
{
	struct fl_state *s = kit_state();
	struct fl_store *st = open_store(wal, s);

	assert_non_null(fl_state_user_by_name(s, "ada"));
	if ((fl_state_user_by_name(s, "bob") != NULL) != there)
		fail_msg("operation %ld: bob is %s", n, there ? "lost" : "back");
	fl_store_close(st);
	fl_state_free(s);
}

/* False: the commit has no n-th operation. */
static bool fail_nth(bool wal, long n, uint64_t seed)
{
	sim_disk_format();
	fl_rng_init(&rng, seed);
	struct fl_state *s = kit_state();
	struct fl_store *st = open_store(wal, s);
	kit_user(s, "ada");
	assert_int_equal(commit(st, s), FL_OK);

	kit_user(s, "bob");
	sim_disk_arm(SIM_DISK_ONCE, n);
	bool stored = commit(st, s) == FL_OK, hit = sim_disk_hit();
	sim_disk_arm(SIM_DISK_FINE, 0);
	if (!stored)
		assert_int_equal(commit(st, s), FL_OK); /* as the core does after a failure */
	lose_power(st, s);
	require_bob(wal, stored, n);
	return hit;
}

static void every_operation(bool wal)
{
	long n = 0;

	for (bool hit = true; hit; n++) {
		hit = false;
		for (uint64_t seed = 0; seed < CUTS; seed++)
			hit = fail_nth(wal, n, seed) || hit;
		assert_true(n < OPERATIONS_MAX);
	}
	assert_true(n > 2);
}

static void test_log(void **state)
{
	(void)state;
	every_operation(true);
}

static void test_journal(void **state)
{
	(void)state;
	every_operation(false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_journal),
	};

	sim_disk_init(&rng);
	return cmocka_run_group_tests_name("store/power", tests, NULL, NULL);
}
