/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_file.c - whole files: sizes, faults, old-or-new replacement, folders.
 */
#include "io/file.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static char folder[32], path[128];

static int set_up(void **state)
{
	(void)state;
	snprintf(folder, sizeof folder, "/tmp/fl-test-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof path, "%s/f", folder);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(folder); /* fails if a temporary file was left */
}

static void what_is_written_is_read(void **state)
{
	static const size_t sizes[] = { 0, 1, 16383, 16384, 16385, 100000 };
	static uint8_t bytes[100000];
	struct fl_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(sizes); i++) {
		struct fl_buf b;
		struct stat st;
		memset(bytes, (int)i + 1, sizes[i]);
		assert_int_equal(fl_file_write(path, 0640, fl_slice_of(bytes, sizes[i]), &fault),
				 FL_OK);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0640);
		assert_int_equal(fl_file_read(path, sizes[i], &fault, &b), FL_OK);
		assert_true(fl_slice_eq(fl_buf_slice(&b), fl_slice_of(bytes, sizes[i])));
		fl_buf_done(&b);
	}
}

static void the_size_limit(void **state)
{
	static const struct {
		size_t max;
		enum fl_err want;
	} rows[] = { { 4, FL_ERR_TOO_BIG }, { 5, FL_OK }, { 6, FL_OK } };
	struct fl_fault fault = { "" };

	(void)state;
	assert_int_equal(fl_file_write(path, 0600, fl_slice_str("12345"), NULL), FL_OK);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fl_buf b = { .len = 77 };
		assert_int_equal(fl_file_read(path, rows[i].max, &fault, &b), rows[i].want);
		if (rows[i].want == FL_OK)
			fl_buf_done(&b);
		else
			assert_int_equal(b.len, 77); /* untouched */
	}
	assert_non_null(strstr(fault.text, path));
}

static void faults_name_the_path(void **state)
{
	struct fl_buf b;
	struct fl_fault fault = { "" };
	char missing[160];

	(void)state;
	assert_int_equal(fl_file_read(path, 10, &fault, &b), FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, path));
	assert_int_equal(fl_file_read(folder, 10, &fault, &b), FL_ERR_IO);
	snprintf(missing, sizeof missing, "%s/no/f", folder);
	assert_int_equal(fl_file_write(missing, 0600, fl_slice_str("x"), &fault), FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, missing));
}

static void a_failed_write_leaves_no_trace(void **state)
{
	struct fl_fault fault;
	char sub[160], inner[192];

	(void)state; /* a folder with content cannot be replaced by a file */
	snprintf(sub, sizeof sub, "%s/d", folder);
	snprintf(inner, sizeof inner, "%s/d/e", folder);
	assert_int_equal(fl_dir_make(inner, 0700, &fault), FL_OK);
	assert_int_equal(fl_file_write(sub, 0600, fl_slice_str("x"), &fault), FL_ERR_IO);
	rmdir(inner);
	assert_int_equal(rmdir(sub), 0);
}

static void folders_are_made_with_parents(void **state)
{
	struct fl_fault fault;
	struct stat st;
	char deep[160];

	(void)state;
	snprintf(deep, sizeof deep, "%s/a/b/c/", folder);
	assert_int_equal(fl_dir_make(deep, 0750, &fault), FL_OK);
	assert_int_equal(fl_dir_make(deep, 0750, &fault), FL_OK); /* again is fine */
	assert_int_equal(stat(deep, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0750);
	for (const char *sub[] = { "a/b/c", "a/b", "a" }, **s = sub; s < sub + 3; s++) {
		snprintf(deep, sizeof deep, "%s/%s", folder, *s);
		assert_int_equal(rmdir(deep), 0);
	}
	assert_int_equal(fl_file_write(path, 0600, fl_slice_str("x"), &fault), FL_OK);
	snprintf(deep, sizeof deep, "%s/sub", path);
	assert_int_equal(fl_dir_make(deep, 0700, &fault), FL_ERR_IO);
	assert_int_equal(fl_dir_make(path, 0700, &fault), FL_ERR_IO);
	assert_int_equal(fl_dir_make("", 0700, &fault), FL_ERR_IO);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_written_is_read),       T(the_size_limit),
		T(faults_name_the_path),          T(a_failed_write_leaves_no_trace),
		T(folders_are_made_with_parents),
	};
	return cmocka_run_group_tests_name("io/file", tests, NULL, NULL);
}
