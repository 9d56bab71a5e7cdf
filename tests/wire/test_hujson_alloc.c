/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_hujson_alloc.c - a HuJSON document with the n-th allocation failing for every n.
 * The allocator is replaced at link time.
 */
#include "../base/table.h"

#include "wire/hujson.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static struct {
	bool armed;
	size_t left; /* allocations that still succeed */
	size_t failed;
} plan;

static bool fails(void)
{
	if (!plan.armed)
		return false;
	if (plan.left > 0) {
		plan.left--;
		return false;
	}
	plan.failed++;
	return true;
}

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

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
		plan.armed = true;
		plan.left = n;
		plan.failed = 0;
		err = fl_hujson_parse(fl_buf_slice(&text), &fault, &at, &doc);
		plan.armed = false;
		assert_err(err, plan.failed > 0 ? FL_ERR_NOMEM : FL_OK);
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
