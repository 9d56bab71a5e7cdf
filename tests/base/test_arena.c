/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_arena.c - pieces: zeroed, aligned, apart from each other, within the bound. */
#include "table.h"

#include "base/arena.h"
#include "base/rng.h"

#include <stdalign.h>

static void takes_nothing_until_used(void **state)
{
	(void)state;
	struct fl_arena a = fl_arena_make(100);

	assert_null(a.blocks);
	assert_int_equal(a.used, 0);
	fl_arena_done(&a);
	assert_int_equal(a.max, 100);
}

static struct limit_row {
	const char *name;
	size_t max, count, size;
	enum fl_err want;
} limit_rows[] = {
	{ "one below the bound", 100, 99, 1, FL_OK },
	{ "exactly the bound", 100, 100, 1, FL_OK },
	{ "one above the bound", 100, 101, 1, FL_ERR_TOO_BIG },
	{ "larger than a block", 1 << 20, 1 << 20, 1, FL_OK },
	{ "the product counts", 100, 11, 10, FL_ERR_TOO_BIG },
	{ "product beyond size_t", SIZE_MAX, SIZE_MAX / 2, 3, FL_ERR_TOO_BIG },
	{ "product that wraps to a little", SIZE_MAX, SIZE_MAX / 4 + 2, 4, FL_ERR_TOO_BIG },
	{ "none of something", 100, 0, 8, FL_OK },
	{ "some of nothing", 100, 8, 0, FL_OK },
	{ "even nothing needs an address", 0, 0, 0, FL_ERR_TOO_BIG },
};

static void limit_row(void **state)
{
	const struct limit_row *row = *state;
	struct fl_arena a = fl_arena_make(row->max);

	void *p = fl_arena_array(&a, row->count, row->size);
	assert_err(a.err, row->want);
	assert_int_equal(p != NULL, row->want == FL_OK);
	assert_true(a.used <= a.max);
	if (row->want != FL_OK) { /* the error sticks, until done */
		assert_null(fl_arena_array(&a, 1, 1));
		assert_null(fl_arena_text(&a, fl_slice_str("")));
		assert_err(a.err, row->want);
	}
	fl_arena_done(&a);
	assert_err(a.err, FL_OK);
	assert_int_equal(a.used, 0);
	assert_int_equal(fl_arena_array(&a, 1, 1) != NULL, row->max > 0);
	fl_arena_done(&a);
}

static void bound_is_for_all_together(void **state)
{
	(void)state;
	struct fl_arena a = fl_arena_make(10);

	assert_non_null(fl_arena_array(&a, 4, 1));
	assert_non_null(fl_arena_text(&a, fl_slice_str("12345")));
	assert_int_equal(a.used, 10);
	assert_null(fl_arena_array(&a, 1, 1));
	assert_err(a.err, FL_ERR_TOO_BIG);
	fl_arena_done(&a);
}

static void text_is_a_terminated_copy(void **state)
{
	(void)state;
	struct fl_arena a = fl_arena_make(1 << 10);
	char from[] = "abc";

	char *copy = fl_arena_text(&a, fl_slice_of(from, 2));
	from[0] = 'x';
	assert_string_equal(copy, "ab");
	assert_string_equal(fl_arena_text(&a, fl_slice_of(NULL, 0)), "");
	assert_int_equal(a.used, 4);
	fl_arena_done(&a);
}

enum { PIECES = 4000 };

struct piece {
	uint8_t *at;
	size_t len;
	uint8_t fill;
};

static void check_fill(const struct piece *p)
{
	for (size_t i = 0; i < p->len; i++)
		assert_int_equal(p->at[i], p->fill);
}

/* Sizes about the block sizes too, so that blocks end everywhere. */
static size_t some_size(struct fl_rng *rng)
{
	static const size_t bounds[] = { 2, 20, 300, 3000, 30000 };
	return (size_t)fl_rng_below(rng, bounds[fl_rng_below(rng, COUNT(bounds))]);
}

static void pieces_do_not_touch(void **state)
{
	(void)state;
	static struct piece pieces[PIECES];
	struct fl_arena a = fl_arena_make(SIZE_MAX);
	struct fl_rng rng;

	fl_rng_init(&rng, 7);
	for (size_t i = 0; i < PIECES; i++) {
		struct piece *p = &pieces[i];
		*p = (struct piece){ .len = some_size(&rng), .fill = (uint8_t)(i % 255 + 1) };
		if (i % 3 == 0)
			p->at = (uint8_t *)fl_arena_text(
				&a, fl_slice_of((uint8_t[30000]){ 0 }, p->len));
		else
			p->at = fl_arena_array(&a, p->len, 1);
		assert_non_null(p->at);
		if (i % 3 != 0)
			assert_int_equal((uintptr_t)p->at % alignof(max_align_t), 0);
		for (size_t k = 0; k < p->len; k++)
			assert_int_equal(p->at[k], 0);
		memset(p->at, p->fill, p->len);
	}
	for (size_t i = 0; i < PIECES; i++)
		check_fill(&pieces[i]);
	fl_arena_done(&a);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "nothing is taken until used", takes_nothing_until_used, NULL);
	ROWS(&s, limit_rows, limit_row);
	suite_add(&s, "bound is for all together", bound_is_for_all_together, NULL);
	suite_add(&s, "text is a terminated copy", text_is_a_terminated_copy, NULL);
	suite_add(&s, "pieces do not touch", pieces_do_not_touch, NULL);
	return suite_run(&s, "base/arena");
}
