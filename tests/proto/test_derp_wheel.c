/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/test_derp_wheel.c - coarse timers beside a plain list of deadlines. */
#include "proto/derp/wheel.h"

#include "base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ITEMS = 200, STEPS = 3000 };

static struct fl_wheel w;
static struct fl_wheel_item items[ITEMS];
static fl_time due[ITEMS]; /* FL_NEVER: not started */
static fl_time from[ITEMS];

static void start(unsigned i, fl_time now, fl_time at)
{
	fl_wheel_start(&w, &items[i], now, at);
	due[i] = at;
	from[i] = now;
}

/* Takes what has fired and restarts what fired only because the ring ends. */
static unsigned take(fl_time now, int64_t tick)
{
	struct fl_wheel_item *it;
	unsigned n = 0;

	while ((it = fl_wheel_pop(&w, now)) != NULL) {
		unsigned i = (unsigned)(it - items);
		if (it->due > now) {
			assert_true(due[i] - from[i] >
				    (FL_WHEEL_SLOTS - 2) * tick); /* beyond the ring */
			fl_wheel_start(&w, it, now, it->due);
			continue;
		}
		assert_int_equal(it->due, due[i]);
		due[i] = FL_NEVER;
		n++;
	}
	for (unsigned i = 0; i < ITEMS; i++) /* nobody is late by more than a tick */
		assert_true(due[i] == FL_NEVER || now - due[i] < 2 * tick);
	return n;
}

static void random_timers(void **state)
{
	const int64_t tick = *(const int64_t *)*state;
	struct fl_rng rng;
	fl_time now = 12345;
	unsigned fired = 0;

	fl_rng_init(&rng, 3);
	fl_wheel_init(&w, tick);
	for (unsigned i = 0; i < ITEMS; i++) {
		fl_list_init(&items[i].link);
		due[i] = FL_NEVER;
	}
	assert_int_equal(fl_wheel_deadline(&w), FL_NEVER);
	for (int step = 0; step < STEPS; step++) {
		unsigned i = (unsigned)fl_rng_below(&rng, ITEMS);
		if (fl_rng_below(&rng, 4) == 0) {
			fl_wheel_stop(&items[i]);
			due[i] = FL_NEVER;
		} else { /* some further away than the ring reaches */
			start(i, now, now + (fl_time)fl_rng_below(&rng, 300 * (uint64_t)tick));
		}
		now += (fl_time)fl_rng_below(&rng, (uint64_t)tick);
		fired += take(now, tick);
	}
	assert_true(fired > 100);
	while (fl_wheel_deadline(&w) != FL_NEVER) { /* the deadline leads to all that is left */
		assert_true(fl_wheel_deadline(&w) >= now - tick);
		now = fl_wheel_deadline(&w) > now ? fl_wheel_deadline(&w) : now + 1;
		take(now, tick);
	}
	for (unsigned i = 0; i < ITEMS; i++)
		assert_int_equal(due[i], FL_NEVER);
}

/* On the tick itself, not one later; and never before. */
static void exact_ticks(void **state)
{
	(void)state;
	fl_wheel_init(&w, 10);
	fl_list_init(&items[0].link);
	fl_wheel_start(&w, &items[0], 100, 120);
	assert_int_equal(fl_wheel_deadline(&w), 120);
	assert_null(fl_wheel_pop(&w, 119));
	assert_ptr_equal(fl_wheel_pop(&w, 120), &items[0]);
	fl_wheel_start(&w, &items[0], 120, 131);
	assert_int_equal(fl_wheel_deadline(&w), 140);
	assert_null(fl_wheel_pop(&w, 139));
	assert_ptr_equal(fl_wheel_pop(&w, 140), &items[0]);
	fl_wheel_start(&w, &items[0], 140, 50); /* past: the next tick */
	assert_int_equal(fl_wheel_deadline(&w), 150);
	assert_null(fl_wheel_pop(&w, 149));
	assert_ptr_equal(fl_wheel_pop(&w, 1000), &items[0]);
	assert_null(fl_wheel_pop(&w, 100000));
}

int main(void)
{
	static int64_t ticks[] = { 1000, FL_SEC };
	const struct CMUnitTest tests[] = {
		{ "random timers, small ticks", random_timers, NULL, NULL, &ticks[0] },
		{ "random timers, long ticks", random_timers, NULL, NULL, &ticks[1] },
		cmocka_unit_test(exact_ticks),
	};
	return cmocka_run_group_tests_name("proto/derp wheel", tests, NULL, NULL);
}
