/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_aside.c - long work beside the loop: order, limits, and those who leave. */
#include "services/api/aside.h"

#include <semaphore.h>

#include "../base/table.h"

enum { JOBS = FL_ASIDE_WAITING_MAX + 2 };

/* Work that goes on when `gate` is opened, and tells when it was done. */
struct piece {
	struct fl_aside_job job;
	int number, worked;
};

static struct fl_loop *loop;
static struct fl_aside aside;
static struct fl_timer opener;
static sem_t gate;
static struct piece pieces[JOBS];
static int finished[JOBS], finished_len;
static enum fl_err last;

static void work(struct fl_aside_job *job)
{
	struct piece *p = fl_list_entry(job, struct piece, job);

	while (sem_wait(&gate) != 0)
		;
	p->worked++;
}

static void done(struct fl_aside_job *job, enum fl_err err)
{
	finished[finished_len++] = fl_list_entry(job, struct piece, job)->number;
	last = err;
}

/* Runs on the loop: it would never, if the loop did the work. */
static void open_gate(void *ctx)
{
	(void)ctx;
	sem_post(&gate);
	fl_timer_start(&opener, FL_MS);
}

static enum fl_err start(int i)
{
	pieces[i] = (struct piece){ .job = { .work = work, .done = done }, .number = i };
	return fl_aside_start(&aside, &pieces[i].job);
}

static void until_finished(int count)
{
	while (finished_len < count)
		fl_loop_poll(loop);
}

static void set_up(void)
{
	finished_len = 0;
	assert_int_equal(sem_init(&gate, 0, 0), 0);
	assert_int_equal(fl_loop_new(&loop), FL_OK);
	opener = (struct fl_timer){ 0 };
	assert_int_equal(fl_timer_init(&opener, loop, open_gate, NULL), FL_OK);
	fl_aside_init(&aside, loop);
}

static void tear_down(void)
{
	fl_aside_end(&aside);
	fl_timer_done(&opener);
	while (fl_loop_poll(loop))
		;
	fl_loop_free(loop);
	sem_destroy(&gate);
}

static void loop_goes_on(void **state)
{
	(void)state;
	set_up();
	assert_int_equal(start(0), FL_OK);
	assert_int_equal(start(1), FL_OK);
	assert_int_equal(start(2), FL_OK);
	assert_int_equal(finished_len, 0);
	fl_timer_start(&opener, FL_MS);
	until_finished(3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(finished[i], i);
		assert_int_equal(pieces[i].worked, 1);
	}
	assert_int_equal(last, FL_OK);
	tear_down();
}

static void many_wait(void **state)
{
	(void)state;
	set_up();
	for (int i = 0; i <= FL_ASIDE_WAITING_MAX; i++) /* one of them runs */
		assert_int_equal(start(i), FL_OK);
	assert_int_equal(start(JOBS - 1), FL_ERR_FULL);
	sem_post(&gate);
	until_finished(1);
	assert_int_equal(start(JOBS - 1), FL_OK);
	fl_timer_start(&opener, FL_MS);
	until_finished(JOBS);
	assert_int_equal(finished[JOBS - 1], JOBS - 1);
	tear_down();
}

/* What waits can be taken back, what runs cannot. */
static void withdrawn(void **state)
{
	(void)state;
	set_up();
	for (int i = 0; i < 3; i++)
		assert_int_equal(start(i), FL_OK);
	assert_false(fl_aside_withdraw(&aside, &pieces[0].job));
	assert_true(fl_aside_withdraw(&aside, &pieces[1].job));
	assert_false(fl_aside_withdraw(&aside, &pieces[1].job));
	fl_timer_start(&opener, FL_MS);
	until_finished(2);
	assert_int_equal(finished[1], 2);
	assert_int_equal(pieces[1].worked, 0);
	tear_down();
}

/* The end waits for what runs; the others hear that nothing became of it. */
static void ended(void **state)
{
	(void)state;
	set_up();
	assert_int_equal(start(0), FL_OK);
	assert_int_equal(start(1), FL_OK);
	sem_post(&gate);
	fl_aside_end(&aside);
	assert_int_equal(finished_len, 2);
	assert_int_equal(finished[0], 1);
	assert_int_equal(pieces[1].worked, 0);
	assert_int_equal(finished[1], 0);
	assert_int_equal(pieces[0].worked, 1);
	tear_down();
}

int main(void)
{
	static struct suite s;

	suite_add(&s, "the loop goes on", loop_goes_on, NULL);
	suite_add(&s, "many wait", many_wait, NULL);
	suite_add(&s, "withdrawn", withdrawn, NULL);
	suite_add(&s, "ended", ended, NULL);
	return suite_run(&s, "services/aside");
}
