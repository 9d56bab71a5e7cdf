/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/store/test_open.c - opening: private files, one server, upgrades with a copy, and
 * damage found.
 */
#include "../domain/state_kit.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "store/inner.h"
#include "store_kit.h"

static enum fl_err try_open(const struct store_kit *k, struct fl_fault *fault)
{
	struct fl_store_config cfg = store_kit_config(k);
	struct fl_state *s = kit_state();
	struct fl_store *st = NULL;

	fault->text[0] = '\0';
	enum fl_err err = fl_store_open(&cfg, fault, &st);
	if (err == FL_OK)
		err = fl_store_load(st, s, fault);
	assert_int_not_equal(err, FL_OK);
	fl_store_close(st);
	fl_state_free(s);
	return err;
}

static void require_refused(const struct store_kit *k, enum fl_err want, const char *words)
{
	struct fl_fault fault;

	assert_int_equal(try_open(k, &fault), want);
	if (strstr(fault.text, words) == NULL)
		fail_msg("text: %s", fault.text);
}

static void exec(const char *path, const char *sql)
{
	sqlite3 *db = NULL;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
}

/* A database with alice, a key and node 1. */
static struct store_kit filled(void)
{
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();

	struct fl_store *st = store_kit_open(&k, s);
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth a = kit_auth(s, u, NULL, true);
	kit_join(s, (struct kit_request){ .machine = 1, .key = 1, .auth = a.text });
	store_kit_commit(st, s);
	fl_store_close(st);
	fl_state_free(s);
	return k;
}

static mode_t mode_of(const char *path, const char *suffix)
{
	char name[300];
	struct stat st;

	snprintf(name, sizeof name, "%s%s", path, suffix);
	assert_int_equal(stat(name, &st), 0);
	return st.st_mode & 0777;
}

static void test_files_are_private(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	mode_t old = umask(0);
	struct fl_state *s = kit_state();

	struct fl_store *st = store_kit_open(&k, s);
	kit_user(s, "alice");
	store_kit_commit(st, s);
	assert_int_equal(mode_of(k.path, ""), 0600);
	assert_int_equal(mode_of(k.path, "-wal"), 0600);
	assert_int_equal(mode_of(k.path, "-shm"), 0600);
	assert_int_equal(mode_of(k.path, ".lock"), 0600);
	assert_int_equal(fl_store_ping(st), FL_OK);
	assert_int_equal(fl_store_ping(st), FL_OK);
	fl_store_close(st);
	fl_store_close(NULL);
	fl_state_free(s);
	umask(old);
	store_kit_free(&k);
}

/* The lock belongs to the open file, so a second open in the same process meets it as well. */
static void test_second_server_is_refused(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	char pid[32];

	struct fl_store *st = store_kit_open(&k, NULL);
	snprintf(pid, sizeof pid, "process %ld", (long)getpid());
	require_refused(&k, FL_ERR_BUSY, pid);
	require_refused(&k, FL_ERR_BUSY, "stop that one first");
	fl_store_close(st);
	fl_store_close(store_kit_open(&k, NULL)); /* free again */
	store_kit_free(&k);
}

static void test_folder_missing(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new(), gone = k;

	snprintf(gone.path, sizeof gone.path, "%s/no/fl.db", k.dir);
	require_refused(&gone, FL_ERR_DENIED, "the folder does not exist");
	store_kit_free(&k);
}

static void test_folder_in_place_of_file(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();

	assert_int_equal(mkdir(k.path, 0700), 0);
	struct fl_fault fault;
	assert_int_not_equal(try_open(&k, &fault), FL_OK);
	assert_true(fault.text[0] != '\0');
	assert_int_equal(rmdir(k.path), 0);
	store_kit_free(&k);
}

/* In a child, because it gives up its rights. */
static void test_not_writable(void **unused)
{
	(void)unused;
	struct store_kit k = filled();

	assert_int_equal(chmod(k.path, 0400), 0);
	assert_int_equal(chmod(k.dir, 0755), 0);
	pid_t child = fork();
	if (child == 0) {
		struct fl_store_config cfg = store_kit_config(&k);
		struct fl_store *st = NULL;
		struct fl_fault fault = { "" };
		if (geteuid() == 0 && setuid(65534) != 0)
			_exit(2);
		enum fl_err err = fl_store_open(&cfg, &fault, &st);
		_exit(err == FL_ERR_DENIED && strstr(fault.text, "let this user write") ? 0 : 1);
	}
	int status = 0;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	store_kit_free(&k);
}

static void test_foreign_database_is_left_alone(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct stat before, after;

	exec(k.path, "CREATE TABLE nodes (id INTEGER); INSERT INTO nodes VALUES (1)");
	assert_int_equal(stat(k.path, &before), 0);
	require_refused(&k, FL_ERR_INVALID, "another program");
	assert_int_equal(stat(k.path, &after), 0);
	assert_true(before.st_size == after.st_size && before.st_mtime == after.st_mtime);
	store_kit_free(&k);
}

static void test_newer_schema_is_refused(void **unused)
{
	(void)unused;
	struct store_kit k = filled();

	exec(k.path, "UPDATE meta SET value = 99 WHERE name = 'schema_version'");
	require_refused(&k, FL_ERR_VERSION, "schema 99");
	exec(k.path, "UPDATE meta SET value = 0 WHERE name = 'schema_version'");
	require_refused(&k, FL_ERR_CORRUPT, "schema version");
	store_kit_free(&k);
}

/* ---- upgrades ---- */

static sqlite3 *open_db(const struct store_kit *k)
{
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(k->path, &db), SQLITE_OK);
	return db;
}

static const struct fl_migration steps[] = {
	{ 2, "" }, /* never run here: the file has 2 */
	{ 3, "ALTER TABLE users ADD COLUMN colour TEXT" },
	{ 4, "CREATE TABLE extra (id INTEGER PRIMARY KEY) STRICT; INSERT INTO extra VALUES (7)" },
	{ 5, "CREATE TABLE more (id INTEGER PRIMARY KEY) STRICT; SELECT nonsense" },
};

static int version_of(const char *path)
{
	struct store_kit k;
	struct fl_fault fault;
	int version = -1;

	snprintf(k.path, sizeof k.path, "%s", path);
	sqlite3 *db = open_db(&k);
	assert_int_equal(fl_store_version(db, path, &fault, &version), FL_OK);
	sqlite3_close(db);
	return version;
}

static void test_upgrade_copies_first(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_fault fault = { "" };
	char backup[300];

	sqlite3 *db = open_db(&k);
	assert_int_equal(fl_store_migrate(db, k.path, steps, 3, &fault), FL_OK);
	assert_int_equal(fl_store_migrate(db, k.path, steps, 3, &fault), FL_OK); /* done already */
	assert_int_equal(sqlite3_exec(db, "SELECT colour FROM users, extra", NULL, NULL, NULL),
			 SQLITE_OK);
	sqlite3_close(db);
	assert_int_equal(version_of(k.path), 4);
	assert_int_equal(mode_of(k.path, ".v2.bak"), 0600);
	assert_int_equal(mode_of(k.path, ".v3.bak"), 0600);
	assert_true(fl_store_newest_backup(k.path, backup, sizeof backup));
	assert_non_null(strstr(backup, ".v3.bak"));
	assert_int_equal(version_of(backup), 3);
	require_refused(&k, FL_ERR_VERSION, "schema 4");

	/* The oldest copy is a whole database of that time. */
	struct store_kit old = k;
	snprintf(old.path, sizeof old.path, "%s/fl.db.v2.bak", k.dir);
	struct fl_state *s = kit_state();
	fl_store_close(store_kit_open(&old, s));
	assert_string_equal(fl_state_user(s, 1)->name, "alice");
	fl_state_free(s);
	store_kit_free(&k);
}

static void test_failed_upgrade_changes_nothing(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_fault fault = { "" };

	sqlite3 *db = open_db(&k);
	assert_int_equal(fl_store_migrate(db, k.path, steps, 4, &fault), FL_ERR_IO);
	assert_non_null(strstr(fault.text, "upgrading"));
	assert_true(sqlite3_get_autocommit(db));
	sqlite3_close(db);
	assert_int_equal(version_of(k.path), 4); /* the steps before it stand */
	db = open_db(&k);
	assert_int_not_equal(sqlite3_exec(db, "SELECT * FROM more", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	store_kit_free(&k);
}

static void test_upgrade_without_room_for_the_copy(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_fault fault = { "" };
	char blocked[300];

	snprintf(blocked, sizeof blocked, "%s.v2.bak.tmp", k.path);
	assert_int_equal(mkdir(blocked, 0700), 0);
	sqlite3 *db = open_db(&k);
	assert_int_not_equal(fl_store_migrate(db, k.path, steps, 3, &fault), FL_OK);
	assert_non_null(strstr(fault.text, ".v2.bak.tmp"));
	sqlite3_close(db);
	assert_int_equal(version_of(k.path), 2);
	assert_int_equal(rmdir(blocked), 0);
	store_kit_free(&k);
}

/* What the first version wrote: its users are members, and there is no policy. */
static void test_upgrade_from_1(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_fault fault = { "" };
	struct fl_revision *const *revisions;

	assert_int_equal(fl_store_touch(k.path, &fault), FL_OK);
	sqlite3 *db = open_db(&k);
	assert_int_equal(fl_store_migrate(db, k.path, fl_store_migrations, 1, &fault), FL_OK);
	sqlite3_close(db);
	exec(k.path, "INSERT INTO users VALUES (1, 'alice', '', '', '', '', '', 0)");
	struct fl_state *s = kit_state();
	fl_store_close(store_kit_open(&k, s));
	assert_int_equal(fl_state_user(s, 1)->role, FL_ROLE_MEMBER);
	assert_int_equal(fl_state_revisions(s, &revisions), 0);
	assert_int_equal(mode_of(k.path, ".v1.bak"), 0600);
	fl_state_free(s);
	store_kit_free(&k);
}

/* ---- damage ---- */

static void scribble(const char *path, long at, size_t n)
{
	int fd = open(path, O_WRONLY);
	char junk[4096];

	memset(junk, 0x5a, sizeof junk);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, n, at), n);
	close(fd);
}

static void test_damaged_header(void **unused)
{
	(void)unused;
	struct store_kit k = filled();

	scribble(k.path, 0, 100);
	require_refused(&k, FL_ERR_CORRUPT, "restore a backup copy");
	store_kit_free(&k);
}

static void test_damaged_page_names_the_backup(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	char backup[300];

	for (int v = 9; v <= 10; v++) {
		snprintf(backup, sizeof backup, "%s.v%d.bak", k.path, v);
		close(open(backup, O_WRONLY | O_CREAT, 0600));
	}
	scribble(k.path, 2 * 4096, 4096);
	require_refused(&k, FL_ERR_CORRUPT, "fl.db.v10.bak");
	store_kit_free(&k);
}

static void test_cut_file(void **unused)
{
	(void)unused;
	static const off_t sizes[] = { 1, 100, 511, 512, 4096, 3 * 4096, 5 * 4096 + 7 };

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct store_kit k = filled();
		assert_int_equal(truncate(k.path, sizes[i]), 0);
		require_refused(&k, FL_ERR_CORRUPT, "damaged");
		store_kit_free(&k);
	}
}

struct row {
	const char *name, *sql, *words;
};

/* Rows that SQLite accepts and we must not. */
static const struct row rows[] = {
	{ "zero node key",
	  "UPDATE nodes SET node_key = 'nodekey:"
	  "0000000000000000000000000000000000000000000000000000000000000000'",
	  "a key is zero" },
	{ "key of another kind", "UPDATE nodes SET node_key = machine_key", "column node_key" },
	{ "short key", "UPDATE nodes SET machine_key = 'mkey:ab'", "column machine_key" },
	{ "bad disco key", "UPDATE nodes SET disco_key = ''", "column disco_key" },
	{ "bad address", "UPDATE nodes SET ipv4 = '100.64.0'", "column ipv4" },
	{ "bad name", "UPDATE nodes SET given_name = 'a b'", "not a DNS label" },
	{ "empty name", "UPDATE nodes SET given_name = ''", "not a DNS label" },
	{ "long name",
	  "UPDATE nodes SET given_name = "
	  "'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
	  "column given_name" },
	{ "bad hostinfo", "UPDATE nodes SET hostinfo = '{'", "column hostinfo" },
	{ "endpoints no list", "UPDATE nodes SET endpoints = '{}'", "column endpoints" },
	{ "endpoints no JSON", "UPDATE nodes SET endpoints = '[1'", "column endpoints" },
	{ "endpoint without type", "UPDATE nodes SET endpoints = '[\"192.0.2.1:1\"]'",
	  "column endpoints" },
	{ "endpoint of a huge type", "UPDATE nodes SET endpoints = '[[\"192.0.2.1:1\",256]]'",
	  "column endpoints" },
	{ "bad route", "UPDATE nodes SET approved_routes = '[\"10.0.0.0\"]'",
	  "column approved_routes" },
	{ "route with host bits", "UPDATE nodes SET approved_routes = '[\"10.0.0.1/8\"]'",
	  "routes" },
	{ "routes out of order",
	  "UPDATE nodes SET approved_routes = '[\"11.0.0.0/8\",\"10.0.0.0/8\"]'", "routes" },
	{ "route twice", "UPDATE nodes SET approved_routes = '[\"10.0.0.0/8\",\"10.0.0.0/8\"]'",
	  "routes" },
	{ "bad tag", "UPDATE nodes SET user_id = NULL, tags = '[\"x\"]'", "tags" },
	{ "tags empty in another way", "UPDATE nodes SET user_id = NULL, tags = '[ ]'",
	  "user or tags" },
	{ "negative cap", "UPDATE nodes SET cap = -1", "column cap" },
	{ "cap of 64 bits", "UPDATE nodes SET cap = 4294967296", "column cap" },
	{ "negative owner", "PRAGMA foreign_keys = OFF; UPDATE nodes SET user_id = -1",
	  "column user_id" },
	{ "key gone", "PRAGMA foreign_keys = OFF; UPDATE nodes SET auth_key_id = 77",
	  "its pre auth key does not exist" },
	{ "id zero", "UPDATE nodes SET id = 0", "the id is 0" },
	{ "negative id", "UPDATE nodes SET id = -4", "column id" },
	{ "IPv4 address as IPv6", "UPDATE nodes SET ipv6 = '100.64.0.99'", "other family" },
	{ "IPv6 address as IPv4", "UPDATE nodes SET ipv4 = 'fd7a:115c:a1e0::99'", "other family" },
	{ "negative expiry", "UPDATE nodes SET expiry = -1", "before 1970" },
	{ "user without a name", "UPDATE users SET name = ''", "without a name" },
	{ "two users of one name",
	  "INSERT INTO users VALUES (9, 'alice', '', '', '', '', '', 0, 'member')", "twice" },
	{ "short hash", "UPDATE preauth_keys SET hash = 'ab'", "column hash" },
	{ "long prefix", "UPDATE preauth_keys SET prefix = '1234567890abc'", "column prefix" },
	{ "no prefix", "UPDATE preauth_keys SET prefix = ''", "no prefix" },
	{ "key without owner", "UPDATE preauth_keys SET user_id = NULL", "neither user nor tags" },
	{ "unsorted tags", "UPDATE preauth_keys SET tags = '[\"tag:b\",\"tag:a\"]'", "tags" },
};

static void test_row(void **state)
{
	const struct row *row = *state;
	struct store_kit k = filled();

	exec(k.path, row->sql);
	require_refused(&k, FL_ERR_CORRUPT, row->words);
	require_refused(&k, FL_ERR_CORRUPT, ", row ");
	store_kit_free(&k);
}

/* A node whose user is gone is served and written like others, until it is tagged (TAG-6). */
static void test_node_of_a_user_that_is_gone(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_state *s = kit_state();
	char tag[] = "tag:found", *tags[] = { tag };
	const struct fl_strlist list = { .at = tags, .len = 1 };
	struct fl_fault fault;

	exec(k.path, "PRAGMA foreign_keys = OFF; UPDATE nodes SET user_id = 77");
	struct fl_store *st = store_kit_open(&k, s);
	assert_true(fl_state_is_orphan(s, fl_state_node(s, 1)));
	assert_int_equal(fl_state_node_seen(s, 1, KIT_NOW + 9), FL_OK);
	store_kit_commit(st, s);
	fl_store_close(st);
	fl_state_free(s);

	s = kit_state();
	st = store_kit_open(&k, s);
	assert_int_equal(fl_state_node(s, 1)->last_seen, KIT_NOW + 9);
	assert_true(fl_state_is_orphan(s, fl_state_node(s, 1)));
	assert_int_equal(fl_state_node_tag(s, 1, &list, &fault), FL_OK);
	store_kit_commit(st, s);
	fl_store_close(st);
	fl_state_free(s);

	s = kit_state();
	st = store_kit_open(&k, s);
	assert_true(fl_node_is_tagged(fl_state_node(s, 1)));
	kit_check(s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* Its key is kept, written and deleted like others (TAG-6). */
static void test_key_of_a_user_that_is_gone(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	exec(k.path, "PRAGMA foreign_keys = OFF; UPDATE preauth_keys SET user_id = 77");
	struct fl_store *st = store_kit_open(&k, s);
	fl_key_id id = fl_state_node(s, 1)->auth_key;
	assert_true(fl_state_key_is_orphan(s, fl_state_preauth(s, id)));
	assert_int_equal(fl_state_preauth_expire(s, KIT_NOW + 9, id, &fault), FL_OK);
	store_kit_commit(st, s);
	fl_store_close(st);
	fl_state_free(s);

	s = kit_state();
	st = store_kit_open(&k, s);
	assert_int_equal(fl_state_preauth(s, id)->expiration, KIT_NOW + 9);
	assert_int_equal(fl_state_preauth(s, id)->user, 77);
	assert_int_equal(kit_user(s, "bob"), 78);
	assert_int_equal(fl_state_preauth_delete(s, id, &fault), FL_OK);
	store_kit_commit(st, s);
	fl_store_close(st);
	fl_state_free(s);

	s = kit_state();
	st = store_kit_open(&k, s);
	assert_null(fl_state_preauth(s, id));
	assert_non_null(fl_state_node(s, 1));
	kit_check(s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* Counters behind the rows, as an older copy put back may have them: ids still rise. */
static void test_counter_behind_its_rows(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_state *s = kit_state();

	exec(k.path, "UPDATE meta SET value = 0 WHERE name <> 'schema_version'");
	struct fl_store *st = store_kit_open(&k, s);
	assert_int_equal(fl_state_counter(s, FL_RECORD_NODE), 1);
	assert_int_equal(kit_user(s, "bob"), 2);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Another program that holds the database for longer than we wait. */
static void test_busy_database_fails_the_commit(void **unused)
{
	(void)unused;
	struct store_kit k = filled();
	struct fl_state *s = kit_state();
	struct fl_fault fault = { "" };

	struct fl_store *st = store_kit_open(&k, s);
	sqlite3 *other = open_db(&k);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	kit_user(s, "bob");
	int64_t began = now_ms();
	assert_int_equal(fl_store_commit(st, s, &fault), FL_ERR_BUSY);
	assert_true(now_ms() - began < 500); /* the loop serves nobody meanwhile */
	assert_non_null(strstr(fault.text, "stop the program that holds it"));
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(other);
	assert_int_equal(fl_store_commit(st, s, &fault), FL_OK); /* the same tick again */
	fl_state_committed(s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

enum { ROWS = sizeof rows / sizeof *rows, CASES = 17 };

int main(void)
{
	struct CMUnitTest tests[CASES + ROWS] = {
		cmocka_unit_test(test_files_are_private),
		cmocka_unit_test(test_second_server_is_refused),
		cmocka_unit_test(test_folder_missing),
		cmocka_unit_test(test_folder_in_place_of_file),
		cmocka_unit_test(test_not_writable),
		cmocka_unit_test(test_foreign_database_is_left_alone),
		cmocka_unit_test(test_newer_schema_is_refused),
		cmocka_unit_test(test_upgrade_copies_first),
		cmocka_unit_test(test_failed_upgrade_changes_nothing),
		cmocka_unit_test(test_upgrade_without_room_for_the_copy),
		cmocka_unit_test(test_upgrade_from_1),
		cmocka_unit_test(test_damaged_header),
		cmocka_unit_test(test_damaged_page_names_the_backup),
		cmocka_unit_test(test_cut_file),
		cmocka_unit_test(test_node_of_a_user_that_is_gone),
		cmocka_unit_test(test_key_of_a_user_that_is_gone),
		cmocka_unit_test(test_counter_behind_its_rows),
		cmocka_unit_test(test_busy_database_fails_the_commit),
	};
	for (size_t i = 0; i < ROWS; i++)
		tests[CASES + i] =
			(struct CMUnitTest){ .name = rows[i].name,
					     .test_func = test_row,
					     .initial_state = (void *)(uintptr_t)&rows[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
