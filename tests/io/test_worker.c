/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_worker.c - letters between a loop and its worker, with a thread and without.
 *
 * The worker counts up: to each letter it answers with the next number, until told the last one.
 */
#include "io/worker.h"
#include "net.h"

#include <dirent.h>
#include <sched.h>
#include <setjmp.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ADD = 1, SUM, FAREWELL };

static struct fl_loop *loop;

struct adder {
	struct fl_worker worker;
	/* the worker's */
	size_t sum, expected;
	bool disordered;
	/* the home's */
	size_t answers, last, farewells;
};

static void at_home(void *ctx, const struct fl_letter *l)
{
	struct adder *a = ctx;

	if (l->kind == FAREWELL) {
		a->farewells++;
		return;
	}
	a->answers++;
	a->last = l->n;
}

static void at_work(void *ctx, const struct fl_letter *l)
{
	struct adder *a = ctx;
	struct fl_letter *answer = fl_mailbox_put(&a->worker.from);

	assert_non_null(answer);
	if (l == NULL) {
		answer->kind = FAREWELL;
		return;
	}
	a->disordered |= l->id != a->expected++;
	a->sum += l->n;
	answer->kind = SUM;
	answer->n = a->sum;
}

static void start(struct adder *a, bool threaded)
{
	const struct fl_worker_ears ears = { at_home, a, at_work, a };

	*a = (struct adder){ 0 };
	assert_int_equal(fl_worker_start(&a->worker, loop, threaded, &ears), FL_OK);
}

static void add(struct adder *a, uint32_t id, size_t n)
{
	struct fl_letter *l = fl_mailbox_put(&a->worker.to);

	assert_non_null(l);
	*l = (struct fl_letter){ .kind = ADD, .id = id, .n = n };
}

static bool has_answers(void *ctx)
{
	const struct adder *a = ctx;
	return a->answers == 10000;
}

static void exchange(bool threaded)
{
	struct adder a;

	start(&a, threaded);
	for (uint32_t i = 0; i < 10000; i++) {
		add(&a, i, i);
		if (i % 37 == 0) /* in many small batches */
			fl_loop_poll(loop);
	}
	assert_true(net_until(loop, has_answers, &a));
	assert_int_equal(a.last, 10000u * 9999 / 2);
	fl_worker_stop(&a.worker);
	assert_false(a.disordered);
	assert_int_equal(a.farewells, 1);
}

static void letters_arrive_in_order(void **state)
{
	(void)state;
	exchange(true);
}

static void letters_need_no_thread(void **state)
{
	(void)state;
	exchange(false);
}

/* What was written and never left, and what the worker says in return, is not lost. */
static void stop_is_heard_last(bool threaded)
{
	struct adder a;

	start(&a, threaded);
	for (uint32_t i = 0; i < 1000; i++)
		add(&a, i, 1);
	fl_worker_stop(&a.worker);
	assert_false(a.disordered);
	assert_int_equal(a.sum, 1000);
	assert_int_equal(a.answers, 1000);
	assert_int_equal(a.last, 1000);
	assert_int_equal(a.farewells, 1);
	fl_worker_stop(&a.worker); /* harmless again */
}

static void nothing_is_lost_at_the_end(void **state)
{
	(void)state;
	stop_is_heard_last(true);
	stop_is_heard_last(false);
}

static unsigned threads(void)
{
	DIR *d = opendir("/proc/self/task");
	unsigned n = 0;

	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void hundred_rounds_leave_nothing(void **state)
{
	struct adder a;
	(void)state;

	start(&a, true); /* what the libraries open for good */
	fl_worker_stop(&a.worker);
	fl_loop_poll(loop);
	unsigned fds = net_fd_count(), before = threads();
	for (unsigned i = 0; i < 100; i++) {
		start(&a, true);
		add(&a, 0, i);
		fl_worker_stop(&a.worker);
		assert_int_equal(a.last, i);
		fl_loop_poll(loop);
	}
	assert_int_equal(net_fd_count(), fds);
	assert_int_equal(threads(), before);
}

/* On one processor a thread would only wait for the other. */
static void one_for_each_further_processor(void **state)
{
	cpu_set_t before, one;
	(void)state;

	assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
	assert_int_equal(fl_worker_usual(), CPU_COUNT(&before) - 1);
	CPU_ZERO(&one);
	for (size_t i = 0; CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &before))
			CPU_SET(i, &one);
	assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
	assert_int_equal(fl_worker_usual(), 0);
	assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

static int set_up(void **state)
{
	(void)state;
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	loop = fl_loop_free(loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(letters_arrive_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(letters_need_no_thread, set_up, tear_down),
		cmocka_unit_test_setup_teardown(nothing_is_lost_at_the_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hundred_rounds_leave_nothing, set_up, tear_down),
		cmocka_unit_test(one_for_each_further_processor),
	};
	return cmocka_run_group_tests_name("io/worker", tests, NULL, NULL);
}
