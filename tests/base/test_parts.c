/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_parts.c - messages in counted pieces. */
#include "alloc_plan.h"
#include "table.h"

#include "base/parts.h"

enum { MANY = 100 };

static void pieces_keep_their_order(void **state)
{
	(void)state;
	struct fl_bytes *b[2] = { fl_bytes_new(fl_slice_str("ab")),
				  fl_bytes_new(fl_slice_str("cde")) };
	struct fl_parts p = { 0 };

	for (size_t i = 0; i < MANY; i++)
		assert_err(fl_parts_add(&p, b[i % 2]), FL_OK);
	assert_int_equal(p.count, MANY);
	assert_int_equal(p.len, MANY / 2 * 5);
	for (size_t i = 0; i < MANY; i++)
		assert_ptr_equal(p.at[i], b[i % 2]);
	assert_int_equal(atomic_load(&b[0]->refs), 1 + MANY / 2);
	fl_parts_done(&p);
	assert_int_equal(p.count + p.len, 0);
	assert_int_equal(atomic_load(&b[0]->refs), 1);
	fl_parts_done(&p);
	fl_bytes_unref(b[0]);
	fl_bytes_unref(b[1]);
}

static void a_shortage_changes_nothing(void **state)
{
	(void)state;
	struct fl_bytes *b = fl_bytes_new(fl_slice_str("a"));
	struct fl_parts p = { 0 };

	for (size_t i = 0; i < MANY; i++) {
		alloc_fail_after(0);
		enum fl_err err = fl_parts_add(&p, b);
		bool failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_int_equal(p.count, failed ? i : i + 1);
		assert_int_equal(p.len, p.count);
		if (failed)
			assert_err(fl_parts_add(&p, b), FL_OK);
	}
	fl_parts_done(&p);
	assert_int_equal(atomic_load(&b->refs), 1);
	fl_bytes_unref(b);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "pieces keep their order", pieces_keep_their_order, NULL);
	suite_add(&s, "a shortage changes nothing", a_shortage_changes_nothing, NULL);
	return suite_run(&s, "base/parts");
}
