/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_hujson_alloc.c - a HuJSON document with the n-th allocation failing for every n.
 * The allocator is replaced at link time.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"

#include "wire/hujson.h"

/* Long enough for values and strings to grow more than once. */
static struct fl_buf text;

static void prepare(void)
{
	text = fl_buf_make(1 << 20);
	fl_buf_byte(&text, '[');
	for (int i = 0; i < 300; i++)
		fl_buf_printf(&text, "{\"name\": \"value %d\"}, // x\n", i);
	fl_buf_byte(&text, ']');
}

static void every_allocation_may_fail(void **state)
{
	(void)state;
	enum fl_err err = FL_ERR_NOMEM;
	size_t n = 0;

	for (; err != FL_OK; n++) {
		struct fl_fault fault = { "" };
		struct fl_hujson *doc = NULL;
		size_t at = 4711;
		alloc_fail_after(n);
		err = fl_hujson_parse(fl_buf_slice(&text), &fault, &at, &doc);
		bool failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_string_equal(fault.text, err == FL_OK ? "" : "hujson: out of memory");
		assert_int_equal(at, 4711);
		assert_int_equal(doc != NULL, err == FL_OK);
		fl_hujson_free(doc);
	}
	assert_true(n > 8);
}

int main(void)
{
	static struct suite s;

	prepare();
	suite_add(&s, "every allocation may fail", every_allocation_may_fail, NULL);
	int failed = suite_run(&s, "wire/hujson_alloc");
	fl_buf_done(&text);
	return failed;
}
