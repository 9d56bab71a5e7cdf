/* SPDX-License-Identifier: BSD-3-Clause */
/* services/api/aside.c - one thread a piece of work, one at a time. */
#include "services/api/aside.h"

/* The job is read before the thread and after it: making and joining it order the two. */
static void *run(void *ctx)
{
	struct fl_aside *a = ctx;

	a->running->work(a->running);
	fl_wake_send(a->wake);
	return NULL;
}

static void start_next(struct fl_aside *a);

/* The thread has nothing left to do but to end. */
static struct fl_aside_job *join(struct fl_aside *a)
{
	struct fl_aside_job *job = a->running;

	pthread_join(a->thread, NULL);
	a->wake = fl_wake_free(a->wake);
	a->running = NULL;
	return job;
}

static void on_finished(void *ctx)
{
	struct fl_aside *a = ctx;
	struct fl_aside_job *job = join(a);

	start_next(a);
	job->done(job, FL_OK);
}

static enum fl_err launch(struct fl_aside *a, struct fl_aside_job *job)
{
	if (fl_wake_new(a->loop, on_finished, a, &a->wake) != FL_OK)
		return FL_ERR_BUSY;
	a->running = job;
	if (pthread_create(&a->thread, NULL, run, a) == 0)
		return FL_OK;
	a->running = NULL;
	a->wake = fl_wake_free(a->wake);
	return FL_ERR_BUSY;
}

static struct fl_aside_job *take_first(struct fl_aside *a)
{
	struct fl_aside_job *job = fl_list_entry(a->waiting.next, struct fl_aside_job, link);

	fl_list_del(&job->link);
	a->waiting_len--;
	return job;
}

static void start_next(struct fl_aside *a)
{
	while (a->running == NULL && a->waiting_len > 0) {
		struct fl_aside_job *job = take_first(a);
		if (launch(a, job) != FL_OK)
			job->done(job, FL_ERR_BUSY);
	}
}

void fl_aside_init(struct fl_aside *a, struct fl_loop *l)
{
	*a = (struct fl_aside){ .loop = l };
	fl_list_init(&a->waiting);
}

void fl_aside_end(struct fl_aside *a)
{
	struct fl_aside_job *job = a->running;

	while (a->waiting_len > 0) {
		struct fl_aside_job *waits = take_first(a);
		waits->done(waits, FL_ERR_BUSY);
	}
	if (job != NULL) {
		join(a);
		job->done(job, FL_OK);
	}
}

enum fl_err fl_aside_start(struct fl_aside *a, struct fl_aside_job *job)
{
	if (a->running == NULL)
		return launch(a, job);
	if (a->waiting_len == FL_ASIDE_WAITING_MAX)
		return FL_ERR_FULL;
	fl_list_push(&a->waiting, &job->link);
	a->waiting_len++;
	return FL_OK;
}

bool fl_aside_withdraw(struct fl_aside *a, struct fl_aside_job *job)
{
	if (!fl_list_linked(&job->link))
		return false;
	fl_list_del(&job->link);
	a->waiting_len--;
	return true;
}
