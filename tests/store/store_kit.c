/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/store/store_kit.c - see the header. */
#include "../domain/state_kit.h"

#include "store_kit.h"
#include "store/sqlite.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct store_kit store_kit_new(void)
{
	/* Memory if there is any: thousands of syncs are made, and none has to last. */
	const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	struct store_kit k;
	struct fl_fault fault;

	assert_int_equal(fl_sqlite_load(&fault), FL_OK); /* some call the parts alone */
	snprintf(k.dir, sizeof k.dir, "%s/fl_store_XXXXXX", tmp);
	assert_non_null(mkdtemp(k.dir));
	snprintf(k.path, sizeof k.path, "%s/fl.db", k.dir);
	return k;
}

void store_kit_free(struct store_kit *k)
{
	char name[512];
	DIR *dir = opendir(k->dir);

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		snprintf(name, sizeof name, "%s/%s", k->dir, e->d_name);
		if (e->d_name[0] != '.')
			unlink(name);
	}
	closedir(dir);
	assert_int_equal(rmdir(k->dir), 0);
}

struct fl_store_config store_kit_config(const struct store_kit *k)
{
	return (struct fl_store_config){ .path = k->path, .wal = true, .wal_autocheckpoint = -1 };
}

struct fl_store *store_kit_open(const struct store_kit *k, struct fl_state *s)
{
	struct fl_store_config cfg = store_kit_config(k);
	struct fl_fault fault = { "" };
	struct fl_store *st = NULL;

	if (fl_store_open(&cfg, &fault, &st) != FL_OK)
		fail_msg("open: %s", fault.text);
	if (s != NULL && fl_store_load(st, s, &fault) != FL_OK)
		fail_msg("load: %s", fault.text);
	return st;
}

void store_kit_commit(struct fl_store *st, struct fl_state *s)
{
	struct fl_fault fault = { "" };

	if (fl_store_commit(st, s, &fault) != FL_OK)
		fail_msg("commit: %s", fault.text);
	fl_state_committed(s);
}

static void require_same(const struct store_kit *k, struct fl_store **st, const char *want)
{
	struct fl_state *loaded = kit_state();

	*st = store_kit_open(k, loaded);
	char *got = kit_dump(loaded);
	kit_check(loaded);
	assert_string_equal(got, want);
	free(got);
	fl_state_free(loaded);
}

void store_kit_same(const struct store_kit *k, struct fl_store **st, const struct fl_state *s)
{
	char *want = kit_dump(s);

	fl_store_close(*st);
	require_same(k, st, want);
	free(want);
}

void store_kit_reads(const char *path, const char *want)
{
	struct store_kit k;
	struct fl_store *st;

	snprintf(k.path, sizeof k.path, "%s", path);
	require_same(&k, &st, want);
	fl_store_close(st);
}

static void copy_file(const char *from, const char *to)
{
	static char bytes[1 << 16];
	ssize_t n;
	int in = open(from, O_RDONLY);
	if (in < 0)
		return;
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(out >= 0);
	while ((n = read(in, bytes, sizeof bytes)) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

static char *dump_of(const struct store_kit *k)
{
	struct fl_state *s = kit_state();
	struct fl_store *st = store_kit_open(k, s);
	char *dump = kit_dump(s);

	kit_check(s);
	fl_store_close(st);
	fl_state_free(s);
	return dump;
}

char *store_kit_after_crash(const char *path)
{
	static const char *const parts[] = { "", "-wal", "-journal" };
	struct store_kit copy = store_kit_new();
	char from[512], to[512];

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		snprintf(from, sizeof from, "%s%s", path, parts[i]);
		snprintf(to, sizeof to, "%s%s", copy.path, parts[i]);
		copy_file(from, to);
	}
	char *dump = dump_of(&copy);
	store_kit_free(&copy);
	return dump;
}
