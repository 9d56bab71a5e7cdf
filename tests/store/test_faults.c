/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/store/test_faults.c - the disk or the memory fails at every single operation of a
 * workload; memory and database stay equal, and after a crash each acknowledged tick is there
 * and each refused one is not (INV-05).
 */
#include "../domain/state_play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sqlite3.h>

#include "faulty_vfs.h"
#include "store/inner.h"
#include "store_kit.h"

enum { PRELUDE = 80, TICKS = 4, STEPS = 8 };

/* ---- memory of SQLite that fails once ---- */

static sqlite3_mem_methods memory;
static long memory_left = -1;

static bool paused;

static bool memory_fails(void)
{
	return !paused && memory_left >= 0 && memory_left-- == 0;
}

static void pause_faults(bool pause)
{
	paused = pause;
	faulty_vfs_pause(pause);
}

static void *m_malloc(int n)
{
	return memory_fails() ? NULL : memory.xMalloc(n);
}

static void *m_realloc(void *p, int n)
{
	return memory_fails() ? NULL : memory.xRealloc(p, n);
}

static void install(void)
{
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), SQLITE_OK);
	sqlite3_mem_methods mine = memory;
	mine.xMalloc = m_malloc;
	mine.xRealloc = m_realloc;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &mine), SQLITE_OK);
	assert_int_equal(sqlite3_initialize(), SQLITE_OK);
	faulty_vfs_install();
}

/* ---- what a crash now would leave ---- */

static char *after_crash(const struct store_kit *k)
{
	pause_faults(true);
	char *dump = store_kit_after_crash(k->path);
	pause_faults(false);
	return dump;
}

/* ---- one run ---- */

struct run {
	enum faulty_mode mode;
	bool disk_full, wal, memory;
	bool no_shm; /* the log is asked for and cannot be had */
	int checkpoint;
};

static void arm(const struct run *r, long n)
{
	if (r->memory)
		memory_left = n;
	else
		faulty_vfs_arm(n, r->mode, r->disk_full);
}

static bool was_hit(const struct run *r)
{
	return r->memory ? memory_left < 0 : faulty_vfs_hit();
}

static bool disarm(const struct run *r)
{
	bool hit = was_hit(r);

	memory_left = -1;
	faulty_vfs_disarm();
	return hit;
}

/*
 * A tick whose commit failed: nothing of it may be anywhere. Only when the last sync fails and the
 * disk stays dead, or there is no log that can be emptied, can a crash at once bring it back.
 */
static void after_failure(const struct run *r, const struct store_kit *k, struct fl_state *s,
			  const char *before, const struct fl_fault *fault)
{
	char *wanted = kit_dump(s);

	assert_true(fault->text[0] != '\0');
	fl_state_rollback(s);
	kit_check(s);
	char *now = kit_dump(s);
	assert_string_equal(now, before);
	char *crash = after_crash(k);
	bool may_be_there = r->mode == FAULTY_DEAD || !r->wal || r->no_shm;
	if (!may_be_there || strcmp(crash, wanted) != 0)
		assert_string_equal(crash, before);
	free(wanted);
	free(now);
	free(crash);
}

static void tick(const struct run *r, const struct store_kit *k, struct fl_store *st,
		 struct fl_state *s, struct play *p)
{
	struct fl_fault fault = { "" };
	char *before = kit_dump(s);

	for (int i = 0; i < STEPS; i++)
		(void)play_step(p, s);
	enum fl_err err = fl_store_commit(st, s, &fault);
	if (err == FL_OK) {
		fl_state_committed(s);
		if (was_hit(r)) {
			char *want = kit_dump(s), *crash = after_crash(k);
			assert_string_equal(crash, want);
			free(want);
			free(crash);
		}
	} else {
		after_failure(r, k, s, before, &fault);
		if (r->mode == FAULTY_DEAD)
			faulty_vfs_pause(true); /* the disk works again */
	}
	free(before);
}

/* SQLite's second choice beside the log, "delete", is not durable. */
static void require_journal(struct fl_store *st, const char *mode)
{
	sqlite3_stmt *q;

	assert_int_equal(st->wal, strcmp(mode, "wal") == 0);
	assert_int_equal(sqlite3_prepare_v2(st->db, "PRAGMA journal_mode", -1, &q, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(q), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(q, 0), mode);
	sqlite3_finalize(q);
}

/* Says whether the n-th operation was reached. */
static bool one_run(const struct run *r, long n)
{
	struct store_kit k = store_kit_new();
	struct fl_store_config cfg = { .path = k.path,
				       .wal = r->wal,
				       .wal_autocheckpoint = r->checkpoint };
	struct fl_state *s = kit_state();
	struct fl_store *st = NULL;
	struct fl_fault fault;
	struct play p;

	play_init(&p, 77);
	assert_int_equal(fl_store_open(&cfg, &fault, &st), FL_OK);
	require_journal(st, r->no_shm || !r->wal ? "truncate" : "wal");
	assert_int_equal(fl_store_load(st, s, &fault), FL_OK);
	for (int i = 0; i < PRELUDE; i++)
		(void)play_step(&p, s);
	store_kit_commit(st, s);
	arm(r, n);
	for (int t = 0; t < TICKS; t++)
		tick(r, &k, st, s, &p);
	bool hit = disarm(r);
	faulty_vfs_pause(false);

	for (int i = 0; i < STEPS; i++) /* life goes on */
		(void)play_step(&p, s);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
	return hit;
}

static void sweep(const struct run *r, long least)
{
	long n = 0;

	faulty_vfs_no_shm(r->no_shm);
	while (one_run(r, n)) /* all of the first, then every third: the rest repeats itself */
		n += n < 40 ? 1 : 3;
	faulty_vfs_no_shm(false);
	print_message("  %ld operations\n", n);
	assert_true(n >= least);
}

static void test_disk_full_once(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = true, .disk_full = true, .checkpoint = 5 }, 50);
}

static void test_io_error_once(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = true, .checkpoint = 1000 }, 30);
}

static void test_disk_dies(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = true, .mode = FAULTY_DEAD, .disk_full = true, .checkpoint = 5 },
	      50);
}

static void test_without_write_ahead_log(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = false, .checkpoint = -1 }, 50);
}

static void test_write_ahead_log_not_to_be_had(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = true, .no_shm = true, .checkpoint = -1 }, 50);
}

static void test_memory_fails_in_commits(void **unused)
{
	(void)unused;
	sweep(&(struct run){ .wal = true, .memory = true, .checkpoint = 5 }, 20);
}

/* ---- opening and loading ---- */

static void test_opening_fails_cleanly(void **unused)
{
	(void)unused;
	for (int memory_too = 0; memory_too < 2; memory_too++) {
		struct run r = { .memory = memory_too != 0 };
		bool hit = true;
		long n = 0;

		/* Opening asks for memory over a thousand times, mostly to parse its statements. */
		for (; hit; n += memory_too && n >= 40 ? 23 : 1) {
			struct store_kit k = store_kit_new();
			struct fl_store_config cfg = store_kit_config(&k);
			struct fl_state *s = kit_state();
			struct fl_store *st = NULL;
			struct fl_fault fault = { "" };

			arm(&r, n);
			enum fl_err err = fl_store_open(&cfg, &fault, &st);
			if (err == FL_OK)
				err = fl_store_load(st, s, &fault);
			hit = disarm(&r);
			assert_true(err == FL_OK || fault.text[0] != '\0' || err == FL_ERR_NOMEM);
			fl_store_close(st);
			fl_state_free(s);
			s = kit_state();
			st = store_kit_open(&k, s); /* and then it opens */
			kit_user(s, "alice");
			store_kit_commit(st, s);
			store_kit_same(&k, &st, s);
			fl_store_close(st);
			fl_state_free(s);
			store_kit_free(&k);
		}
		assert_true(n > 5);
	}
}

int main(void)
{
	install();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_disk_full_once),
		cmocka_unit_test(test_io_error_once),
		cmocka_unit_test(test_disk_dies),
		cmocka_unit_test(test_without_write_ahead_log),
		cmocka_unit_test(test_write_ahead_log_not_to_be_had),
		cmocka_unit_test(test_memory_fails_in_commits),
		cmocka_unit_test(test_opening_fails_cleanly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
