/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_rng.c - the seedable generator against its published reference outputs. */
#include "table.h"

#include "base/rng.h"

/* The first outputs of xoshiro256** from the state 1, 2, 3, 4. */
static void reference_sequence(void **state)
{
	static const uint64_t want[] = { 11520, 0, 1509978240, 1215971899390074240,
					 1216172134540287360 };
	struct fl_rng r = { { 1, 2, 3, 4 } };
	(void)state;

	for (size_t i = 0; i < COUNT(want); i++)
		assert_true(fl_rng_next(&r) == want[i]);
}

/* The state is the splitmix64 sequence of the seed; these are its outputs for seed 1234567. */
static void reference_seeding(void **state)
{
	struct fl_rng r;
	(void)state;

	fl_rng_init(&r, 1234567);
	assert_true(r.s[0] == UINT64_C(6457827717110365317));
	assert_true(r.s[1] == UINT64_C(3203168211198807973));
	assert_true(r.s[2] == UINT64_C(9817491932198370423));
	assert_true(r.s[3] == UINT64_C(4593380528125082431));
}

static bool same(const struct fl_rng *a, const struct fl_rng *b)
{
	return memcmp(a, b, sizeof *a) == 0;
}

/* Seeds of found failures must keep their meaning, so the way of splitting is fixed. */
static void reference_split(void **state)
{
	struct fl_rng parent, r;
	(void)state;

	fl_rng_init(&parent, 7);
	fl_rng_split(&parent, "jitter", &r);
	assert_true(r.s[0] == UINT64_C(18441054906508572391));
	assert_true(r.s[1] == UINT64_C(14455009488212205320));
	assert_true(r.s[2] == UINT64_C(9113144517428435645));
	assert_true(r.s[3] == UINT64_C(12376662933218315019));
}

static void splits_depend_on_parent_and_name_only(void **state)
{
	struct fl_rng parent, before, a, b, c;
	(void)state;

	fl_rng_init(&parent, 7);
	before = parent;
	fl_rng_split(&parent, "jitter", &a);
	fl_rng_split(&parent, "loss", &b);
	fl_rng_split(&parent, "jitter", &c);
	assert_true(same(&parent, &before));
	assert_true(same(&a, &c));
	assert_false(same(&a, &b));
	fl_rng_split(&parent, "", &b);
	assert_false(same(&b, &parent));
	for (size_t i = 0; i < 4; i++) {
		parent = before;
		parent.s[i] ^= 1;
		fl_rng_split(&parent, "jitter", &b);
		assert_false(same(&a, &b));
	}
}

static struct row {
	const char *name;
	uint64_t bound;
} rows[] = {
	{ "below 0", 0 },
	{ "below 1", 1 },
	{ "below 2", 2 },
	{ "below 10", 10 },
	{ "below a power of two", 64 },
	{ "below 2^63 + 1", (UINT64_C(1) << 63) + 1 },
	{ "below the maximum", UINT64_MAX },
};

static void below_row(void **state)
{
	const struct row *row = *state;
	struct fl_rng r;
	uint64_t most = 0;

	fl_rng_init(&r, 1);
	for (size_t i = 0; i < 1000; i++) {
		uint64_t v = fl_rng_below(&r, row->bound);
		assert_true(v < row->bound || (row->bound == 0 && v == 0));
		most = v > most ? v : most;
	}
	if (row->bound > 0)
		assert_true(most >= row->bound - 1 - row->bound / 50); /* the top is reached */
}

/* Each of ten numbers about equally often; for 3 * 2^62 a plain remainder would favour a third. */
static void below_is_even(void **state)
{
	struct fl_rng r;
	size_t count[10] = { 0 }, low = 0;
	(void)state;

	fl_rng_init(&r, 2);
	for (size_t i = 0; i < 100000; i++)
		count[fl_rng_below(&r, 10)]++;
	for (size_t i = 0; i < 10; i++)
		assert_in_range(count[i], 9600, 10400);
	for (size_t i = 0; i < 30000; i++)
		low += fl_rng_below(&r, UINT64_C(3) << 62) < UINT64_C(1) << 62;
	assert_in_range(low, 9600, 10400);
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "reference sequence", reference_sequence, NULL);
	suite_add(&s, "reference seeding", reference_seeding, NULL);
	suite_add(&s, "reference split", reference_split, NULL);
	suite_add(&s, "splits depend on parent and name only",
		  splits_depend_on_parent_and_name_only, NULL);
	ROWS(&s, rows, below_row);
	suite_add(&s, "below is even", below_is_even, NULL);
	return suite_run(&s, "base/rng");
}
