/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_records.c - the file of extra DNS records: whole or not at all. */
#include "../base/table.h"

#include <stdio.h>
#include <unistd.h>

#include "services/config/records.h"

#define A_RECORD "{\"name\":\"a.example\",\"type\":\"A\",\"value\":\"192.0.2.1\"}"

static struct row {
	const char *name, *text;
	enum fl_err want;
	size_t count;
	const char *says;
} rows[] = {
	{ "none", "[]", FL_OK, 0, NULL },
	{ "one", "[" A_RECORD "]", FL_OK, 1, NULL },
	{ "two", "[" A_RECORD ",\n {\"name\":\"b\",\"type\":\"AAAA\",\"value\":\"2001:db8::1\"}]",
	  FL_OK, 2, NULL },
	{ "what is more is not looked at",
	  "[{\"name\":\"a\",\"type\":\"A\",\"value\":\"192.0.2.1\","
	  "\"comment\":\"x\"}]",
	  FL_OK, 1, NULL },
	{ "empty file", "", FL_ERR_INVALID, 0, "not JSON" },
	{ "cut short", "[" A_RECORD, FL_ERR_INVALID, 0, "not JSON" },
	{ "an object", A_RECORD, FL_ERR_INVALID, 0, "no list" },
	{ "a list of texts", "[\"a\"]", FL_ERR_INVALID, 0, "record 1" },
	{ "a null", "[" A_RECORD ",null]", FL_ERR_INVALID, 0, "record 2" },
	{ "no name", "[{\"type\":\"A\",\"value\":\"192.0.2.1\"}]", FL_ERR_INVALID, 0, "no name" },
	{ "a number as name", "[{\"name\":1,\"type\":\"A\",\"value\":\"192.0.2.1\"}]",
	  FL_ERR_INVALID, 0, "record 1" },
	{ "no type", "[{\"name\":\"a\",\"value\":\"192.0.2.1\"}]", FL_ERR_INVALID, 0, "A or AAAA" },
	{ "another type", "[{\"name\":\"a\",\"type\":\"CNAME\",\"value\":\"b\"}]", FL_ERR_INVALID,
	  0, "A or AAAA" },
	{ "IPv6 in an A", "[" A_RECORD ",{\"name\":\"a\",\"type\":\"A\",\"value\":\"::1\"}]",
	  FL_ERR_INVALID, 0, "record 2: its value" },
	{ "no address", "[{\"name\":\"a\",\"type\":\"A\",\"value\":\"x\"}]", FL_ERR_INVALID, 0,
	  "record 1: its value" },
	{ "too deep", "[[[[[]]]]]", FL_ERR_INVALID, 0, "not JSON" },
};

static void test_row(void **state)
{
	const struct row *r = *state;
	struct fl_records got = { 0 };
	struct fl_fault fault = { "" };

	assert_err(fl_records_parse(fl_slice_str(r->text), &fault, &got), r->want);
	assert_int_equal(got.count, r->count);
	if (r->says != NULL && strstr(fault.text, r->says) == NULL)
		fail_msg("said: %s", fault.text);
	if (r->count > 0)
		assert_string_equal(got.at[r->count - 1].name[0] == 'b' ? "2001:db8::1"
									: "192.0.2.1",
				    got.at[r->count - 1].value);
	fl_records_done(&got);
}

/* A list of `count` records. */
static void fill(struct fl_buf *b, size_t count)
{
	fl_buf_byte(b, '[');
	for (size_t i = 0; i < count; i++)
		fl_buf_printf(b, "%s" A_RECORD, i > 0 ? "," : "");
	fl_buf_byte(b, ']');
}

static void test_limit(void **state)
{
	static const struct {
		size_t count;
		enum fl_err want;
	} limits[] = { { FL_RECORDS_MAX - 1, FL_OK },
		       { FL_RECORDS_MAX, FL_OK },
		       { FL_RECORDS_MAX + 1, FL_ERR_TOO_BIG } };
	(void)state;

	for (size_t i = 0; i < COUNT(limits); i++) {
		struct fl_buf b = fl_buf_make(4 << 20);
		struct fl_records got = { 0 };
		struct fl_fault fault = { "" };
		fill(&b, limits[i].count);
		assert_err(fl_records_parse(fl_buf_slice(&b), &fault, &got), limits[i].want);
		assert_int_equal(got.count, limits[i].want == FL_OK ? limits[i].count : 0);
		fl_records_done(&got);
		fl_buf_done(&b);
	}
}

static void test_file(void **state)
{
	char path[] = "/tmp/fl-test-records-XXXXXX";
	struct fl_records got = { 0 };
	struct fl_fault fault = { "" };
	int fd = mkstemp(path);
	(void)state;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "[" A_RECORD "]", strlen("[" A_RECORD "]")),
			 strlen("[" A_RECORD "]"));
	assert_err(fl_records_read(path, &fault, &got), FL_OK);
	assert_int_equal(got.count, 1);
	fl_records_done(&got);
	assert_int_equal(ftruncate(fd, 5), 0);
	assert_err(fl_records_read(path, &fault, &got), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, path)); /* what is wrong where */
	close(fd);
	unlink(path);
	assert_err(fl_records_read(path, &fault, &got), FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, path));
}

int main(void)
{
	struct suite s = { 0 };

	ROWS(&s, rows, test_row);
	suite_add(&s, "limit", test_limit, NULL);
	suite_add(&s, "file", test_file, NULL);
	return suite_run(&s, "services/records");
}
