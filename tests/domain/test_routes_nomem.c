/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_routes_nomem.c - the assignment with the n-th allocation failing for every n:
 * who could not be entered carries nothing, the others are as they were, and once there is memory
 * again the result is the same.
 */
#include "../base/table.h"

#include "../base/alloc_plan.h"
#include "domain/routes/primaries.h"

enum { ROUTERS = 4, NETS = 3 };

static struct fl_prefix net(size_t i)
{
	return (struct fl_prefix){ fl_ip_v4(10, (uint8_t)(i + 1), 0, 0), 16 };
}

/* Router `id` serves all nets from `id - 1` on. */
static enum fl_err put(struct fl_primaries *p, uint64_t id)
{
	struct fl_prefix served[NETS];
	size_t count = 0;

	for (size_t i = (size_t)id - 1; i < NETS; i++)
		served[count++] = net(i);
	return fl_primaries_put(p, id, true, served, count);
}

static void ignore(void *ctx, const struct fl_prefix *prefix, uint64_t from, uint64_t to)
{
	(void)ctx, (void)prefix, (void)from, (void)to;
}

static void count_contests(void *ctx, const uint64_t *nodes, size_t count)
{
	(void)nodes, (void)count;
	++*(size_t *)ctx;
}

static uint64_t primary(const struct fl_primaries *p, size_t i)
{
	struct fl_prefix prefix = net(i);
	return fl_primaries_of(p, &prefix);
}

/* Whoever failed is out of everything, and is put again once there is memory. */
static bool put_all(struct fl_primaries *p, size_t allocations)
{
	bool out[ROUTERS + 1] = { false };

	alloc_fail_after(allocations);
	for (uint64_t id = 1; id <= ROUTERS; id++)
		out[id] = put(p, id) != FL_OK;
	fl_primaries_settle(p, ignore, NULL);
	bool failed = alloc_fail_end();
	for (size_t i = 0; i < NETS; i++)
		assert_false(out[primary(p, i)]);
	for (uint64_t id = 1; id <= ROUTERS; id++)
		if (out[id])
			assert_err(put(p, id), FL_OK);
	fl_primaries_settle(p, ignore, NULL);
	return failed;
}

static void check(const struct fl_primaries *p)
{
	size_t contests = 0;

	for (size_t i = 0; i < NETS; i++)
		assert_true(primary(p, i) >= 1 && primary(p, i) <= i + 1);
	assert_err(fl_primaries_contested(p, count_contests, &contests), FL_OK);
	assert_int_equal(contests, NETS - 1);
}

static void test_every_allocation(void **state)
{
	bool failed = true;
	(void)state;

	for (size_t n = 0; failed; n++) {
		struct fl_primaries *p;
		assert_err(fl_primaries_new((const uint8_t[16]){ 1 }, &p), FL_OK);
		failed = put_all(p, n);
		check(p);
		for (uint64_t id = 1; id <= ROUTERS; id++)
			fl_primaries_remove(p, id);
		fl_primaries_settle(p, ignore, NULL);
		assert_int_equal(primary(p, 0), 0);
		fl_primaries_free(p);
	}
}

static void test_the_rest(void **state)
{
	struct fl_primaries *p;
	size_t contests = 0;
	(void)state;

	alloc_fail_after(0);
	assert_err(fl_primaries_new((const uint8_t[16]){ 1 }, &p), FL_ERR_NOMEM);
	assert_true(alloc_fail_end());
	assert_err(fl_primaries_new((const uint8_t[16]){ 1 }, &p), FL_OK);
	assert_false(put_all(p, SIZE_MAX));
	alloc_fail_after(0);
	assert_err(fl_primaries_contested(p, count_contests, &contests), FL_ERR_NOMEM);
	assert_true(alloc_fail_end());
	assert_int_equal(contests, 0);
	fl_primaries_free(p);
}

int main(void)
{
	static struct suite suite;

	suite_add(&suite, "every allocation", test_every_allocation, NULL);
	suite_add(&suite, "the rest", test_the_rest, NULL);
	return suite_run(&suite, "domain/routes_nomem");
}
