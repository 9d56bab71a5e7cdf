/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_slots.c - numbers are unique while in use, and used again. */
#include "base/slots.h"

#include "../base/table.h"

static int things[100];

static void numbers_are_small_and_used_again(void **state)
{
	struct fl_slots s = { 0 };
	uint32_t slot;
	(void)state;

	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(fl_slots_add(&s, &things[i], &slot), FL_OK);
		assert_int_equal(slot, i);
	}
	for (uint32_t i = 0; i < 100; i++)
		assert_ptr_equal(fl_slots_at(&s, i), &things[i]);
	fl_slots_del(&s, 7);
	fl_slots_del(&s, 93);
	assert_null(fl_slots_at(&s, 7));
	assert_int_equal(fl_slots_add(&s, &things[0], &slot), FL_OK);
	assert_int_equal(slot, 93);
	assert_int_equal(fl_slots_add(&s, &things[1], &slot), FL_OK);
	assert_int_equal(slot, 7);
	assert_int_equal(fl_slots_add(&s, &things[2], &slot), FL_OK);
	assert_int_equal(slot, 100);
	fl_slots_done(&s);
}

static void a_number_may_come_from_elsewhere(void **state)
{
	struct fl_slots s = { 0 };
	(void)state;

	assert_null(fl_slots_at(&s, 0));
	assert_int_equal(fl_slots_set(&s, 1000, &things[0]), FL_OK);
	assert_ptr_equal(fl_slots_at(&s, 1000), &things[0]);
	assert_null(fl_slots_at(&s, 999));
	assert_null(fl_slots_at(&s, UINT32_MAX));
	assert_int_equal(fl_slots_set(&s, 1000, NULL), FL_OK);
	assert_null(fl_slots_at(&s, 1000));
	fl_slots_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_small_and_used_again),
		cmocka_unit_test(a_number_may_come_from_elsewhere),
	};
	return cmocka_run_group_tests_name("base/slots", tests, NULL, NULL);
}
