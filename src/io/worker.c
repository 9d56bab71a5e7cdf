/* SPDX-License-Identifier: BSD-3-Clause */
/* io/worker.c - a thread with a loop of its own. */
#include "io/worker.h"

#include <signal.h>
#include <uv.h>

static void send_to(void *ctx)
{
	struct fl_worker *w = ctx;
	fl_mailbox_send(&w->to);
}

static void send_from(void *ctx)
{
	struct fl_worker *w = ctx;
	fl_mailbox_send(&w->from);
}

static void hear(void *ctx, const struct fl_letter *l)
{
	struct fl_worker *w = ctx;

	w->ears.worker(w->ears.worker_ctx, l);
	if (l == NULL && w->threaded)
		fl_loop_stop(w->loop);
}

static void *run(void *ctx)
{
	struct fl_worker *w = ctx;

	fl_loop_run(w->loop);
	return NULL;
}

/* Signals are for the thread that watches them. */
static enum fl_err launch(struct fl_worker *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc == 0 ? FL_OK : FL_ERR_BUSY;
}

static void release(struct fl_worker *w)
{
	fl_loop_hook_del(&w->to_hook);
	fl_loop_hook_del(&w->from_hook);
	fl_mailbox_done(&w->to);
	fl_mailbox_done(&w->from);
	if (w->threaded)
		fl_loop_free(w->loop);
	*w = (struct fl_worker){ 0 };
}

unsigned fl_worker_usual(void)
{
	unsigned processors = uv_available_parallelism();

	return processors > 1 ? processors - 1 : 0;
}

enum fl_err fl_worker_start(struct fl_worker *w, struct fl_loop *home, bool threaded,
			    const struct fl_worker_ears *ears)
{
	*w = (struct fl_worker){
		.home = home,
		.loop = threaded ? NULL : home,
		.threaded = threaded,
		.to_hook = { .fn = send_to, .ctx = w },
		.from_hook = { .fn = send_from, .ctx = w },
		.ears = *ears,
	};
	enum fl_err err = threaded ? fl_loop_new(&w->loop) : FL_OK;
	if (err == FL_OK)
		err = fl_mailbox_init(&w->to, home, w->loop, hear, w);
	if (err == FL_OK)
		err = fl_mailbox_init(&w->from, w->loop, home, ears->home, ears->home_ctx);
	if (err == FL_OK && threaded) {
		fl_loop_hook_add(home, &w->to_hook);
		fl_loop_hook_add(w->loop, &w->from_hook);
		err = launch(w);
	}
	if (err != FL_OK)
		release(w);
	return err;
}

void fl_worker_stop(struct fl_worker *w)
{
	if (w->home == NULL)
		return;
	while (!fl_mailbox_finish(&w->to)) /* only while it has yet to take what it was sent */
		if (!w->threaded)
			fl_mailbox_receive(&w->to);
	if (w->threaded)
		pthread_join(w->thread, NULL);
	else
		fl_mailbox_receive(&w->to);
	fl_mailbox_receive(&w->from);
	fl_mailbox_send(&w->from); /* what no memory was there for; there is now */
	fl_mailbox_receive(&w->from);
	release(w);
}
