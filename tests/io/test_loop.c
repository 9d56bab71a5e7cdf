/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_loop.c - order within a tick, timers, deferred work, wake-ups, signals.
 */
#include "net.h"

#include "base/rng.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static char trace[256];

static int set_up(void **state)
{
	(void)state;
	trace[0] = '\0';
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop = fl_loop_free(loop);
	return 0;
}

static void note(void *ctx)
{
	size_t len = strlen(trace);

	assert_true(len + strlen(ctx) < sizeof trace);
	memcpy(trace + len, ctx, strlen(ctx) + 1);
}

static void an_empty_loop_returns(void **state)
{
	(void)state;
	fl_loop_run(loop);
	assert_false(fl_loop_poll(loop));
}

static void a_tick_has_an_order(void **state)
{
	struct fl_timer t = { 0 };
	struct fl_tick_hook h1 = { .fn = note, .ctx = (char[]){ "h" } },
			    h2 = { .fn = note, .ctx = (char[]){ "H" } };
	struct fl_deferred d = { .fn = note, .ctx = (char[]){ "d" } };

	(void)state;
	assert_int_equal(fl_timer_init(&t, loop, note, (char[]){ "t" }), FL_OK);
	fl_loop_hook_add(loop, &h1);
	fl_loop_hook_add(loop, &h2);
	fl_loop_defer(loop, &d);
	fl_loop_defer(loop, &d); /* once pending at most */
	fl_timer_start(&t, 0);
	fl_loop_run(loop);
	assert_string_equal(trace, "tdhH");
	fl_loop_hook_del(&h1);
	fl_loop_hook_del(&h2);
	fl_timer_done(&t);
}

struct chain {
	struct fl_deferred d;
	unsigned left, run;
};

static void run_chain(void *ctx)
{
	struct chain *c = ctx;

	c->run++;
	if (--c->left > 0)
		fl_loop_defer(loop, &c->d);
}

static void count_up(void *ctx)
{
	++*(unsigned *)ctx;
}

static void deferring_again_waits_for_the_next_tick(void **state)
{
	struct chain c = { .d = { .fn = run_chain, .ctx = &c }, .left = 3 };
	unsigned ticks = 0;
	struct fl_tick_hook h = { .fn = count_up, .ctx = &ticks };

	(void)state;
	fl_loop_hook_add(loop, &h);
	fl_loop_defer(loop, &c.d);
	assert_true(fl_loop_poll(loop));
	assert_int_equal(c.run, 1);
	fl_loop_run(loop);
	assert_int_equal(c.run, 3);
	assert_int_equal(ticks, 3);
	fl_loop_hook_del(&h);
}

static void cancelled_work_does_not_run(void **state)
{
	struct fl_deferred a = { .fn = note, .ctx = (char[]){ "a" } },
			   b = { .fn = note, .ctx = (char[]){ "b" } };

	(void)state;
	fl_deferred_cancel(&a); /* not pending: harmless */
	fl_loop_defer(loop, &a);
	fl_loop_defer(loop, &b);
	fl_deferred_cancel(&a);
	fl_loop_run(loop);
	assert_string_equal(trace, "b");
}

struct cutter {
	struct fl_tick_hook self, *victims[2];
};

static void cut(void *ctx)
{
	struct cutter *c = ctx;

	note((char[]){ "c" });
	for (size_t i = 0; i < COUNT(c->victims); i++)
		fl_loop_hook_del(c->victims[i]);
	fl_loop_hook_del(&c->self);
}

static void a_hook_may_remove_itself_and_others(void **state)
{
	struct fl_tick_hook a = { .fn = note, .ctx = (char[]){ "a" } },
			    b = { .fn = note, .ctx = (char[]){ "b" } };
	struct fl_tick_hook last = { .fn = note, .ctx = (char[]){ "z" } };
	struct cutter c = { .self = { .fn = cut, .ctx = &c }, .victims = { &a, &b } };

	(void)state;
	fl_loop_hook_add(loop, &a);
	fl_loop_hook_add(loop, &c.self);
	fl_loop_hook_add(loop, &b);
	fl_loop_hook_add(loop, &last);
	fl_loop_poll(loop);
	fl_loop_poll(loop);
	assert_string_equal(trace, "aczz");
	fl_loop_hook_del(&last);
}

static void a_hook_may_add_another(void **state)
{
	struct fl_deferred d = { .fn = note, .ctx = (char[]){ "d" } };
	struct fl_tick_hook h = { .fn = note, .ctx = (char[]){ "h" } };

	(void)state;
	fl_loop_hook_add(loop, &h);
	fl_loop_defer(loop, &d);
	fl_loop_run(loop);
	fl_loop_hook_del(&h);
	fl_loop_hook_del(&h); /* twice is harmless */
	assert_string_equal(trace, "dh");
}

/* ---- timers ---- */

static void timers_fire_in_order(void **state)
{
	static const struct {
		int64_t delay;
		const char *name;
	} rows[] = { { 3 * FL_MS, "d" }, { FL_MS, "b" }, { 0, "a" }, { FL_MS, "c" }, { -5, "A" } };
	struct fl_timer t[COUNT(rows)] = { 0 };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(fl_timer_init(&t[i], loop, note, (void *)(uintptr_t)rows[i].name),
				 FL_OK);
		fl_timer_start(&t[i], rows[i].delay);
		assert_true(fl_timer_armed(&t[i]));
	}
	fl_loop_run(loop);
	assert_string_equal(trace, "aAbcd");
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_false(fl_timer_armed(&t[i]));
		fl_timer_done(&t[i]);
	}
}

static void a_timer_never_fires_early(void **state)
{
	struct fl_timer t = { 0 };
	fl_time start = fl_loop_now(loop);

	(void)state;
	assert_int_equal(fl_timer_init(&t, loop, note, (char[]){ "t" }), FL_OK);
	fl_timer_start(&t, 2500 * FL_US);
	fl_loop_run(loop);
	fl_loop_poll(loop); /* refreshes the time */
	assert_true(fl_loop_now(loop) - start >= 2500 * FL_US);
	fl_timer_done(&t);
}

static void a_started_timer_moves(void **state)
{
	struct fl_timer a = { 0 }, b = { 0 };

	(void)state;
	assert_int_equal(fl_timer_init(&a, loop, note, (char[]){ "a" }), FL_OK);
	assert_int_equal(fl_timer_init(&b, loop, note, (char[]){ "b" }), FL_OK);
	fl_timer_start(&a, FL_HOUR);
	fl_timer_start(&b, FL_MS);
	fl_timer_start(&a, 0);
	fl_timer_start(&b, 2 * FL_MS);
	fl_loop_run(loop);
	assert_string_equal(trace, "ab");
	fl_timer_start(&a, FL_NEVER); /* far away, not overflowed into the past */
	fl_loop_poll(loop);
	assert_true(fl_timer_armed(&a));
	fl_timer_stop(&a);
	fl_timer_stop(&a);
	fl_loop_run(loop); /* nothing left: returns */
	fl_timer_done(&a);
	fl_timer_done(&b);
	fl_timer_done(&b);
	assert_string_equal(trace, "ab");
}

struct waker {
	struct fl_wake *wake;
	unsigned seen;
};

static void on_wake(void *ctx)
{
	((struct waker *)ctx)->seen++;
	fl_loop_stop(loop);
}

static void a_due_timer_does_not_wait_for_events(void **state)
{
	struct waker w = { 0 };
	struct fl_timer t = { 0 };

	(void)state; /* something is open, so the poll would sleep for good */
	assert_int_equal(fl_wake_new(loop, on_wake, &w, &w.wake), FL_OK);
	assert_int_equal(fl_timer_init(&t, loop, on_wake, &w), FL_OK);
	fl_timer_start(&t, 0);
	fl_loop_run(loop);
	assert_int_equal(w.seen, 1);
	fl_timer_done(&t);
	fl_wake_free(w.wake);
}

struct again {
	struct fl_timer t;
	unsigned fired;
};

static void start_again(void *ctx)
{
	struct again *a = ctx;

	a->fired++;
	fl_timer_start(&a->t, 0);
}

static void a_timer_armed_in_its_callback_waits_for_the_next_tick(void **state)
{
	struct again a = { 0 };

	(void)state;
	assert_int_equal(fl_timer_init(&a.t, loop, start_again, &a), FL_OK);
	fl_timer_start(&a.t, 0);
	fl_loop_poll(loop);
	assert_int_equal(a.fired, 1);
	fl_loop_poll(loop);
	assert_int_equal(a.fired, 2);
	fl_timer_done(&a.t);
}

static void start_timer(void *ctx)
{
	fl_timer_start(ctx, 0);
}

static void a_timer_armed_during_a_tick_waits_for_the_next(void **state)
{
	struct fl_timer outer = { 0 }, inner = { 0 };

	(void)state; /* also one that is armed by another timer, before it and due */
	assert_int_equal(fl_timer_init(&inner, loop, note, (char[]){ "i" }), FL_OK);
	assert_int_equal(fl_timer_init(&outer, loop, start_timer, &inner), FL_OK);
	fl_timer_start(&outer, 0);
	fl_loop_poll(loop);
	assert_string_equal(trace, "");
	fl_loop_poll(loop);
	assert_string_equal(trace, "i");
	fl_timer_done(&outer);
	fl_timer_done(&inner);
}

enum { MANY = 3000 };

struct ordered {
	struct fl_timer t;
	fl_time *last;
	unsigned *fired;
};

static void check_order(void *ctx)
{
	struct ordered *o = ctx;

	assert_true(o->t.at >= *o->last);
	*o->last = o->t.at;
	++*o->fired;
}

static void many_timers_against_the_order(void **state)
{
	struct ordered *o = calloc(MANY, sizeof *o);
	struct fl_rng rng;
	fl_time last = 0;
	unsigned fired = 0, stopped = 0;

	(void)state;
	assert_non_null(o);
	fl_rng_init(&rng, 7);
	for (size_t i = 0; i < MANY; i++) {
		o[i].last = &last;
		o[i].fired = &fired;
		assert_int_equal(fl_timer_init(&o[i].t, loop, check_order, &o[i]), FL_OK);
		fl_timer_start(&o[i].t, (int64_t)fl_rng_below(&rng, 5 * FL_MS));
	}
	for (size_t i = 0; i < MANY; i += 3) /* moved earlier or later */
		fl_timer_start(&o[i].t, (int64_t)fl_rng_below(&rng, 8 * FL_MS));
	for (size_t i = 0; i < MANY; i += 7, stopped++)
		fl_timer_stop(&o[i].t);
	fl_loop_run(loop);
	assert_int_equal(fired, MANY - stopped);
	for (size_t i = 0; i < MANY; i++)
		fl_timer_done(&o[i].t);
	free(o);
}

static void time_moves_between_ticks_only(void **state)
{
	(void)state;
	fl_time a = fl_loop_now(loop);
	while (fl_loop_wall(loop) == 0)
		;
	assert_true(fl_loop_now(loop) == a);
	fl_loop_poll(loop);
	assert_true(fl_loop_now(loop) > a);
}

/* ---- from outside ---- */

static void *send_wake(void *ctx)
{
	fl_wake_send(((struct waker *)ctx)->wake);
	return NULL;
}

static void another_thread_wakes_the_loop(void **state)
{
	struct waker w = { 0 };
	pthread_t thread;

	(void)state;
	assert_int_equal(fl_wake_new(loop, on_wake, &w, &w.wake), FL_OK);
	for (unsigned i = 1; i <= 50; i++) {
		assert_int_equal(pthread_create(&thread, NULL, send_wake, &w), 0);
		fl_loop_run(loop);
		assert_int_equal(w.seen, i);
		pthread_join(thread, NULL);
	}
	assert_null(fl_wake_free(w.wake));
	assert_null(fl_wake_free(NULL));
}

static void wakes_before_the_loop_runs_are_one(void **state)
{
	struct waker w = { 0 };

	(void)state;
	assert_int_equal(fl_wake_new(loop, on_wake, &w, &w.wake), FL_OK);
	fl_wake_send(w.wake);
	fl_wake_send(w.wake);
	fl_loop_run(loop);
	fl_loop_poll(loop);
	assert_int_equal(w.seen, 1);
	fl_wake_free(w.wake);
}

static int signal_seen;

static void on_signal(void *ctx, int signum)
{
	(void)ctx;
	signal_seen = signum;
	fl_loop_stop(loop);
}

static void signals_arrive_on_the_loop(void **state)
{
	struct fl_signal *s;

	(void)state;
	assert_int_equal(fl_signal_new(loop, SIGUSR1, on_signal, NULL, &s), FL_OK);
	kill(getpid(), SIGUSR1);
	fl_loop_run(loop);
	assert_int_equal(signal_seen, SIGUSR1);
	assert_null(fl_signal_free(s));
	assert_int_equal(fl_signal_new(loop, SIGKILL, on_signal, NULL, &s), FL_ERR_ARG);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(an_empty_loop_returns),
		T(a_tick_has_an_order),
		T(deferring_again_waits_for_the_next_tick),
		T(cancelled_work_does_not_run),
		T(a_hook_may_remove_itself_and_others),
		T(a_hook_may_add_another),
		T(timers_fire_in_order),
		T(a_timer_never_fires_early),
		T(a_started_timer_moves),
		T(a_due_timer_does_not_wait_for_events),
		T(a_timer_armed_in_its_callback_waits_for_the_next_tick),
		T(a_timer_armed_during_a_tick_waits_for_the_next),
		T(many_timers_against_the_order),
		T(time_moves_between_ticks_only),
		T(another_thread_wakes_the_loop),
		T(wakes_before_the_loop_runs_are_one),
		T(signals_arrive_on_the_loop),
	};
	return cmocka_run_group_tests_name("io/loop", tests, NULL, NULL);
}
