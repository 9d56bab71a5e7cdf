/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_presence.c - sessions counted once each, in every order (PRE-1, PRE-2;
 * INV-10, INV-12).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/registry/presence.h"

static const uint8_t seed[16] = { 3 };

static struct fl_presence *make(void)
{
	struct fl_presence *p = NULL;
	assert_int_equal(fl_presence_new(seed, &p), FL_OK);
	return p;
}

static void test_one_session(void **unused)
{
	(void)unused;
	struct fl_presence *p = make();
	uint64_t gen = 0;

	assert_false(fl_presence_online(p, 7));
	assert_true(fl_presence_connect(p, 7, &gen));
	assert_int_not_equal(gen, 0);
	assert_true(fl_presence_online(p, 7));
	assert_false(fl_presence_online(p, 8));
	assert_int_equal(fl_presence_count(p), 1);
	assert_true(fl_presence_release(p, 7, gen));
	assert_false(fl_presence_online(p, 7));
	assert_int_equal(fl_presence_count(p), 0);
	assert_false(fl_presence_release(p, 7, gen)); /* once only */
	fl_presence_free(p);
}

/* An old session's second release must not take the place of a fresh one. */
static void test_double_release_does_not_end_another(void **unused)
{
	(void)unused;
	struct fl_presence *p = make();
	uint64_t a = 0, b = 0;

	fl_presence_connect(p, 1, &a);
	assert_true(fl_presence_release(p, 1, a));
	assert_true(fl_presence_connect(p, 1, &b));
	assert_true(b > a);
	assert_false(fl_presence_release(p, 1, a));
	assert_false(fl_presence_release(p, 1, 0));
	assert_false(fl_presence_release(p, 1, b + 1));
	assert_true(fl_presence_online(p, 1));
	assert_int_equal(fl_presence_sessions(p, 1), 1);
	fl_presence_free(p);
}

/* All interleavings of connect and release of up to `left` sessions. */
static void explore(struct fl_presence *p, uint64_t *held, int count, int left)
{
	assert_int_equal(fl_presence_online(p, 1), count > 0);
	assert_int_equal(fl_presence_sessions(p, 1), count);
	if (left > 0) {
		static uint64_t before;
		uint64_t gen = 0;
		assert_int_equal(fl_presence_connect(p, 1, &gen), count == 0);
		assert_true(gen > before);
		before = gen;
		held[count] = gen;
		explore(p, held, count + 1, left - 1);
		assert_int_equal(fl_presence_release(p, 1, held[count]), count == 0);
	}
	for (int i = 0; i < count; i++) {
		uint64_t gone = held[i], again;
		held[i] = held[count - 1];
		assert_int_equal(fl_presence_release(p, 1, gone), count == 1);
		explore(p, held, count - 1, left);
		assert_int_equal(fl_presence_connect(p, 1, &again), count == 1);
		held[count - 1] = held[i];
		held[i] = again;
	}
}

static void test_every_interleaving_of_four(void **unused)
{
	(void)unused;
	struct fl_presence *p = make();
	uint64_t held[4];

	explore(p, held, 0, 4);
	assert_false(fl_presence_online(p, 1));
	fl_presence_free(p);
}

static void test_limit(void **unused)
{
	(void)unused;
	struct fl_presence *p = make();
	uint64_t gen = 0, first = 0;

	for (int i = 0; i < FL_PRESENCE_SESSIONS_MAX; i++) {
		assert_int_equal(fl_presence_connect(p, 1, &gen), i == 0);
		assert_int_not_equal(gen, 0);
		first = i == 0 ? gen : first;
	}
	assert_false(fl_presence_connect(p, 1, &gen));
	assert_int_equal(gen, 0);
	assert_false(fl_presence_release(p, 1, first));
	fl_presence_connect(p, 1, &gen);
	assert_int_not_equal(gen, 0);
	fl_presence_free(p);
}

static void test_forget(void **unused)
{
	(void)unused;
	struct fl_presence *p = make();
	uint64_t old = 0, fresh = 0;

	fl_presence_connect(p, 1, &old);
	fl_presence_connect(p, 2, &fresh);
	fl_presence_forget(p, 1);
	fl_presence_forget(p, 1);
	fl_presence_forget(p, 3);
	assert_int_equal(fl_presence_count(p), 1);
	assert_false(fl_presence_online(p, 1));
	assert_false(fl_presence_release(p, 1, old));
	assert_true(fl_presence_connect(p, 1, &fresh));
	assert_true(fresh > old); /* rises over a forgotten past */
	assert_false(fl_presence_release(p, 1, old));
	assert_true(fl_presence_online(p, 1));
	fl_presence_free(p);
	fl_presence_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_session),
		cmocka_unit_test(test_double_release_does_not_end_another),
		cmocka_unit_test(test_every_interleaving_of_four),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_forget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
