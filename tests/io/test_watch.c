/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_watch.c - files that are written, replaced, and come and go. */
#include "../base/table.h"

#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/loop.h"
#include "io/watch.h"

#define SETTLE (20 * FL_MS)

static struct fl_loop *loop;
static struct fl_watch *watch;
static char dir[] = "/tmp/fl-test-watch-XXXXXX";
static unsigned told;
static fl_time told_at;

static const char *in_dir(const char *name)
{
	static char paths[4][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text)
{
	FILE *f = fopen(in_dir(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void hear(void *ctx)
{
	(void)ctx;
	told++;
	told_at = fl_loop_now(loop);
}

static void start(const char *name)
{
	struct fl_fault fault = { "" };

	told = 0;
	assert_err(fl_loop_new(&loop), FL_OK);
	assert_err(fl_watch_new(loop, in_dir(name), SETTLE, hear, NULL, &fault, &watch), FL_OK);
}

static void stop(void)
{
	watch = fl_watch_free(watch);
	fl_loop_poll(loop);
	fl_loop_free(loop);
}

static void until_told(unsigned count)
{
	fl_time limit = fl_loop_now(loop) + 10 * FL_SEC;

	while (told < count) {
		fl_loop_poll(loop);
		if (fl_loop_now(loop) > limit)
			fail_msg("told %u times, want %u", told, count);
	}
}

/* Turns as long as an event would need to be told. */
static void settle(void)
{
	fl_time end = fl_loop_now(loop) + 3 * SETTLE;

	while (fl_loop_now(loop) < end)
		fl_loop_poll(loop);
}

static void test_written(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	put("a", "2");
	until_told(1);
	put("a", "3");
	until_told(2);
	stop();
}

static void test_replaced(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	for (unsigned i = 1; i < 4; i++) {
		put("a.new", "2");
		assert_int_equal(rename(in_dir("a.new"), in_dir("a")), 0);
		until_told(i);
	}
	stop();
}

static void test_comes_and_goes(void **state)
{
	(void)state;
	unlink(in_dir("late"));
	start("late");
	put("late", "1");
	until_told(1);
	unlink(in_dir("late"));
	until_told(2);
	put("late", "2");
	until_told(3);
	stop();
}

/* As Kubernetes does it: a -> ..data/a, ..data -> ..1; then ..data -> ..2 by a rename. */
static void test_swapped_behind_links(void **state)
{
	(void)state;
	mkdir(in_dir("..1"), 0700);
	mkdir(in_dir("..2"), 0700);
	put("..1/linked", "1");
	put("..2/linked", "2");
	assert_int_equal(symlink("..1", in_dir("..data")), 0);
	assert_int_equal(symlink("..data/linked", in_dir("linked")), 0);
	start("linked");
	assert_int_equal(symlink("..2", in_dir("..tmp")), 0);
	assert_int_equal(rename(in_dir("..tmp"), in_dir("..data")), 0);
	until_told(1);
	stop();
}

static void test_others_are_nothing(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	put("b", "2");
	put("aa", "2");
	unlink(in_dir("b"));
	settle();
	assert_int_equal(told, 0);
	stop();
}

static void test_a_burst_is_one_change(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	for (unsigned i = 0; i < 20; i++) {
		put("a", "burst");
		fl_loop_poll(loop);
	}
	until_told(1);
	settle();
	assert_int_equal(told, 1);
	stop();
}

/* A file that is written all the time is told of all the same. */
static void test_no_end_of_a_burst(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	fl_time began = fl_loop_now(loop);
	while (told == 0 && fl_loop_now(loop) < began + 10 * FL_SEC) {
		put("a", "again");
		fl_loop_poll(loop);
	}
	assert_int_equal(told, 1);
	assert_true(told_at - began >= 10 * SETTLE);
	stop();
}

static void test_nothing_after_the_end(void **state)
{
	(void)state;
	put("a", "1");
	start("a");
	put("a", "2");
	fl_loop_poll(loop);
	watch = fl_watch_free(watch);
	settle();
	assert_int_equal(told, 0);
	stop();
}

static struct row {
	const char *name, *path;
	enum fl_err want;
	const char *says;
} rows[] = {
	{ "no folder", "nowhere/a", FL_ERR_NOT_FOUND, "nowhere" },
	{ "a file in place of a folder", "a/b", FL_ERR_NOT_FOUND, "/a" },
	{ "a folder", "", FL_ERR_IO, "no path of a file" },
};

static void test_row(void **state)
{
	const struct row *r = *state;
	struct fl_fault fault = { "" };

	put("a", "1");
	assert_err(fl_loop_new(&loop), FL_OK);
	watch = NULL;
	assert_err(fl_watch_new(loop, in_dir(r->path), SETTLE, hear, NULL, &fault, &watch),
		   r->want);
	assert_non_null(strstr(fault.text, r->says));
	assert_null(watch);
	stop();
}

int main(void)
{
	struct suite s = { 0 };

	suite_add(&s, "written", test_written, NULL);
	suite_add(&s, "replaced", test_replaced, NULL);
	suite_add(&s, "comes and goes", test_comes_and_goes, NULL);
	suite_add(&s, "swapped behind links", test_swapped_behind_links, NULL);
	suite_add(&s, "others are nothing", test_others_are_nothing, NULL);
	suite_add(&s, "a burst is one change", test_a_burst_is_one_change, NULL);
	suite_add(&s, "no end of a burst", test_no_end_of_a_burst, NULL);
	suite_add(&s, "nothing after the end", test_nothing_after_the_end, NULL);
	ROWS(&s, rows, test_row);
	if (mkdtemp(dir) == NULL)
		return 1;
	int failed = suite_run(&s, "io/watch");
	static const char *const files[] = { "a",      "aa",         "late",      "linked",
					     "..data", "..1/linked", "..2/linked" };
	for (size_t i = 0; i < COUNT(files); i++)
		unlink(in_dir(files[i]));
	rmdir(in_dir("..1"));
	rmdir(in_dir("..2"));
	rmdir(dir);
	return failed;
}
