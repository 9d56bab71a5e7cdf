/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_rolling.c - a file that stays within a size, on a disk that is full now and then.
 */
#include "../base/table.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file.h"
#include "io/rolling.h"

enum { MAX = 400, PIECE = 100 }; /* head 10: a file has a head and a piece, and no second one */

static char folder[32], path[64], old[64];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/fl-test-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/log", folder);
	snprintf(old, sizeof old, "%s/log.1", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	unlink(old);
	return rmdir(folder);
}

/* Ours begins with an h; what is whole ends at the last dot. */
static bool whole(int fd, uint64_t size, uint64_t *out)
{
	char all[4096];

	assert_true(size <= sizeof all);
	assert_int_equal(pread(fd, all, size, 0), size);
	*out = 0;
	for (uint64_t i = 0; i < size; i++)
		if (all[i] == '.')
			*out = i + 1;
	return all[0] == 'h';
}

static enum fl_err open_log(struct fl_rolling *r, struct fl_fault *fault)
{
	return fl_rolling_open(r, path, MAX, fl_slice_str("head head."), whole, fault);
}

static enum fl_err append(struct fl_rolling *r, char letter, size_t len)
{
	char piece[MAX];
	struct fl_fault fault = { "" };

	memset(piece, letter, len);
	piece[len - 1] = '.';
	enum fl_err err = fl_rolling_append(r, fl_slice_of((uint8_t *)piece, len), &fault);
	assert_true((err == FL_OK) == (fault.text[0] == '\0'));
	return err;
}

/* What a file says, runs of a letter as one: "head head.a.b." */
static void expect(const char *name, const char *want)
{
	struct fl_buf b, out = fl_buf_make(4096);
	struct fl_fault fault;

	assert_int_equal(fl_file_read(name, 4096, &fault, &b), FL_OK);
	for (size_t i = 0; i < b.len; i++)
		if (i == 0 || b.ptr[i] != b.ptr[i - 1])
			fl_buf_byte(&out, b.ptr[i]);
	fl_buf_byte(&out, '\0');
	assert_string_equal((char *)out.ptr, want);
	fl_buf_done(&out);
	fl_buf_done(&b);
}

static void put_file(const char *text)
{
	struct fl_fault fault;
	assert_int_equal(fl_file_write(path, 0600, fl_slice_str(text), &fault), FL_OK);
}

static void it_rolls(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;
	struct stat st;

	(void)state;
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'a', PIECE), FL_OK);
	expect(path, "head head.a.");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(append(&r, 'b', MAX / 2 - 10 - PIECE), FL_OK); /* full to the last byte */
	expect(path, "head head.a.b.");
	assert_int_equal(append(&r, 'c', 1), FL_OK);
	expect(path, "head head.");
	expect(old, "head head.a.b.");
	for (char c = 'd'; c < 'z'; c++)
		assert_int_equal(append(&r, c, PIECE), FL_OK);
	expect(path, "head head.y.");
	expect(old, "head head.x.");
	fl_rolling_close(&r);
}

static void it_goes_on_where_it_was(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	put_file("head head.aaa.bb");
	assert_int_equal(open_log(&r, &fault), FL_OK);
	expect(path, "head head.a.");
	fl_rolling_close(&r); /* nothing was said */
	expect(path, "head head.a.");
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'c', 9), FL_OK);
	expect(path, "head head.a.head head.c.");
	fl_rolling_close(&r);
}

static void the_head_counts_when_it_goes_on(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'a', PIECE), FL_OK);
	fl_rolling_close(&r);
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'b', MAX / 2 - 10 - PIECE - 9), FL_OK);
	expect(path, "head head.b.");
	expect(old, "head head.a.");
	fl_rolling_close(&r);
}

static void nothing_whole_is_ours_all_the_same(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	put_file("head he");
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'a', 5), FL_OK);
	expect(path, "head head.a.");
	fl_rolling_close(&r);
}

static void what_is_not_ours_stays(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	put_file("diary.");
	assert_int_equal(open_log(&r, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "another kind of file"));
	expect(path, "diary.");
	unlink(path);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_not_equal(open_log(&r, &fault), FL_OK);
	unlink(path);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(open_log(&r, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "no file"));
	unlink(path);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_not_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(rmdir(path), 0);
}

static void nor_is_what_lies_beside_it(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	put_file("diary.");
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(open_log(&r, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "log.1 is there"));
	assert_int_not_equal(access(path, F_OK), 0);
	unlink(old);
	assert_int_equal(mkdir(old, 0700), 0);
	assert_int_equal(open_log(&r, &fault), FL_ERR_INVALID);
	assert_int_equal(rmdir(old), 0);
	put_file("");
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(open_log(&r, &fault), FL_OK);
	fl_rolling_close(&r);
}

static void no_folder_and_a_long_name(void **state)
{
	char name[PATH_MAX + 1];
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	snprintf(name, sizeof name, "%s/nowhere/log", folder);
	assert_int_equal(fl_rolling_open(&r, name, MAX, fl_slice_str("h."), whole, &fault),
			 FL_ERR_NOT_FOUND);
	for (size_t len = PATH_MAX - 3; len <= PATH_MAX; len++) {
		memset(name, 'x', len);
		name[len] = '\0';
		fault.text[0] = '\0';
		assert_int_not_equal(
			fl_rolling_open(&r, name, MAX, fl_slice_str("h."), whole, &fault), FL_OK);
		if (len >= PATH_MAX - 2)
			assert_non_null(strstr(fault.text, "too long"));
	}
}

static void a_file_that_was_taken_away_is_made_anew(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	assert_int_equal(open_log(&r, &fault), FL_OK);
	assert_int_equal(append(&r, 'a', 5), FL_OK);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(append(&r, 'b', 5), FL_OK);
	expect(path, "head head.b.");
	fl_rolling_close(&r);
}

/* No file may be longer than this: a disk that is full, to the byte. */
static void limit(rlim_t bytes)
{
	const struct rlimit l = { bytes, RLIM_INFINITY };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &l), 0);
}

static void a_full_disk_takes_nothing_or_all(void **state)
{
	struct fl_fault fault = { "" };
	struct fl_rolling r;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	for (rlim_t room = 0; room <= 30; room++) {
		limit(room);
		assert_int_equal(open_log(&r, &fault), FL_OK);
		enum fl_err err = append(&r, 'a', 10);
		assert_int_equal(err == FL_OK, room >= 20);
		assert_int_equal(append(&r, 'b', 10) == FL_OK, room >= 30);
		expect(path, room >= 30   ? "head head.a.b."
			     : room >= 20 ? "head head.a."
			     : room >= 10 ? "head head."
					  : "");
		limit(RLIM_INFINITY);
		assert_int_equal(append(&r, 'c', 10), FL_OK); /* somebody made room */
		expect(path, room >= 30   ? "head head.a.b.c."
			     : room >= 20 ? "head head.a.c."
					  : "head head.c.");
		fl_rolling_close(&r);
		unlink(path);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
		T(it_rolls),
		T(it_goes_on_where_it_was),
		T(the_head_counts_when_it_goes_on),
		T(nothing_whole_is_ours_all_the_same),
		T(what_is_not_ours_stays),
		T(nor_is_what_lies_beside_it),
		T(no_folder_and_a_long_name),
		T(a_file_that_was_taken_away_is_made_anew),
		T(a_full_disk_takes_nothing_or_all),
#undef T
	};
	return cmocka_run_group_tests_name("io/rolling", tests, NULL, NULL);
}
