/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_cur.c - slices and the reading cursor. */
#include "table.h"

#include "base/cur.h"

static void slices_compare_by_content(void **state)
{
	const char text[] = "abcabc";
	(void)state;

	assert_true(fl_slice_eq(fl_slice_of(text, 3), fl_slice_of(text + 3, 3)));
	assert_false(fl_slice_eq(fl_slice_of(text, 3), fl_slice_of(text, 2)));
	assert_false(fl_slice_eq(fl_slice_of(text, 3), fl_slice_of(text + 1, 3)));
	assert_true(fl_slice_eq(fl_slice_of(NULL, 0), fl_slice_of(text, 0)));
	assert_true(fl_slice_is(fl_slice_of(text, 2), "ab"));
	assert_false(fl_slice_is(fl_slice_of(text, 2), "abc"));
	assert_true(fl_slice_is(fl_slice_str(NULL), ""));
	assert_int_equal(fl_slice_str(NULL).len, 0);
	assert_int_equal(fl_slice_str(text).len, 6);
}

static void skip_stops_at_the_end(void **state)
{
	struct fl_slice s = fl_slice_str("abc");
	(void)state;

	assert_text(fl_slice_skip(s, 0), "abc");
	assert_text(fl_slice_skip(s, 2), "c");
	assert_text(fl_slice_skip(s, 3), "");
	assert_text(fl_slice_skip(s, 4), "");
	assert_text(fl_slice_skip(s, SIZE_MAX), "");
	assert_text(fl_slice_skip(fl_slice_of(NULL, 0), 1), "");
}

static struct number_row {
	const char *name;
	size_t width;
	uint64_t be, le;
} number_rows[] = {
	{ "no bytes", 0, 0, 0 },
	{ "one byte", 1, 0x81, 0x81 },
	{ "two bytes", 2, 0x8102, 0x0281 },
	{ "three bytes", 3, 0x810203, 0x030281 },
	{ "four bytes", 4, 0x81020304, 0x04030281 },
	{ "seven bytes", 7, 0x81020304050607, 0x07060504030281 },
	{ "eight bytes", 8, 0x8102030405060788, 0x8807060504030281 },
};

static void number_row(void **state)
{
	const struct number_row *row = *state;
	static const uint8_t in[] = { 0x81, 2, 3, 4, 5, 6, 7, 0x88 };

	for (size_t len = 0; len <= sizeof in; len++) {
		struct fl_slice copy = exact(fl_slice_of(in, len));
		struct fl_cur be = { .in = copy }, le = { .in = copy };
		bool enough = len >= row->width;

		assert_true(fl_cur_be(&be, row->width) == (enough ? row->be : 0));
		assert_true(fl_cur_le(&le, row->width) == (enough ? row->le : 0));
		assert_int_equal(be.bad, !enough);
		assert_int_equal(le.bad, !enough);
		assert_int_equal(be.at, enough ? row->width : 0);
		assert_int_equal(le.at, enough ? row->width : 0);
		exact_free(copy);
	}
}

static void failure_sticks(void **state)
{
	struct fl_cur c = { .in = fl_slice_str("abcd") };
	uint8_t copy[2] = { 9, 9 };
	(void)state;

	assert_text(fl_cur_take(&c, 3), "abc");
	assert_int_equal(fl_cur_take(&c, 2).len, 0);
	assert_true(c.bad);
	assert_int_equal(fl_cur_take(&c, 1).len, 0);
	assert_int_equal(fl_cur_take(&c, 0).len, 0);
	assert_int_equal(fl_cur_rest(&c).len, 0);
	assert_int_equal(fl_cur_be(&c, 1), 0);
	assert_int_equal(fl_cur_le(&c, 1), 0);
	fl_cur_copy(&c, copy, sizeof copy);
	assert_int_equal(copy[0] | copy[1], 0);
	assert_int_equal(c.at, 3);
	assert_true(c.bad);
}

static void rest_and_copy_take_what_is_there(void **state)
{
	struct fl_cur c = { .in = fl_slice_str("abcde") };
	char copy[3] = { 0 };
	(void)state;

	fl_cur_copy(&c, copy, 2);
	assert_string_equal(copy, "ab");
	fl_cur_copy(&c, copy, 0);
	assert_string_equal(copy, "ab");
	assert_text(fl_cur_rest(&c), "cde");
	assert_int_equal(fl_cur_rest(&c).len, 0);
	assert_false(c.bad);
	assert_int_equal(c.at, 5);
}

/* A length near the top of the type must not wrap around the check. */
static void huge_lengths_fail(void **state)
{
	struct fl_cur c = { .in = fl_slice_str("abc"), .at = 2 };
	(void)state;

	assert_int_equal(fl_cur_take(&c, SIZE_MAX).len, 0);
	assert_true(c.bad);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "slices compare by content", slices_compare_by_content, NULL);
	suite_add(&s, "skip stops at the end", skip_stops_at_the_end, NULL);
	ROWS(&s, number_rows, number_row);
	suite_add(&s, "a failure sticks", failure_sticks, NULL);
	suite_add(&s, "rest and copy take what is there", rest_and_copy_take_what_is_there, NULL);
	suite_add(&s, "huge lengths fail", huge_lengths_fail, NULL);
	return suite_run(&s, "base/cur");
}
