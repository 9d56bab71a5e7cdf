/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/loop.c - the event loop: libuv polls, and around each poll comes our own tick.
 *
 * A tick is: events that are ready, timers that are due, work that was deferred, hooks. The loop
 * sleeps only if none of them left new deferred work behind.
 */
#include "io/loop_impl.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

enum { CLOSE_ROUNDS = 8 }; /* a caught signal can hold a handle back for a round */

struct fl_wake {
	uv_async_t async;
	void (*fn)(void *ctx);
	void *ctx;
};

struct fl_signal {
	uv_signal_t signal;
	void (*fn)(void *ctx, int signum);
	void *ctx;
};

static void look_ahead(const struct fl_list *batch)
{
	if (fl_list_empty(batch))
		return;
	const struct fl_deferred *d = fl_list_entry(batch->next, const struct fl_deferred, link);
	if (d->ahead != NULL)
		d->ahead(d->ctx);
}

static void run_deferred(struct fl_loop *l)
{
	struct fl_list batch;

	if (fl_list_empty(&l->deferred))
		return;
	/* What the batch defers again waits for the next tick, so nobody can hold the loop. */
	batch = l->deferred;
	batch.next->prev = batch.prev->next = &batch;
	fl_list_init(&l->deferred);
	for (struct fl_list *it; (it = fl_list_pop(&batch)) != NULL;) {
		struct fl_deferred *d = fl_list_entry(it, struct fl_deferred, link);
		look_ahead(&batch);
		d->fn(d->ctx);
	}
}

static void run_hooks(struct fl_loop *l)
{
	/* A marker on the list keeps our place whatever the hooks remove. */
	struct fl_list mark = { 0 }, *it = l->hooks.next;

	while (it != &l->hooks) {
		struct fl_tick_hook *h = fl_list_entry(it, struct fl_tick_hook, link);
		fl_list_push(it->next, &mark); /* before the next one */
		h->fn(h->ctx);
		it = mark.next;
		fl_list_del(&mark);
	}
}

static bool is_alive(const struct fl_loop *l)
{
	return uv_loop_alive(&l->uv) != 0 || l->heap_len > 0 || !fl_list_empty(&l->deferred);
}

static void tick(struct fl_loop *l, bool may_sleep)
{
	assert(!l->running);
	l->running = true;
	if (!fl_list_empty(&l->deferred))
		may_sleep = false;
	fl_loop_timers_arm(l);
	l->timer_last = l->timer_seq;
	l->now_known = false;
	l->handshakes_left = FL_LOOP_HANDSHAKES_PER_TICK;
	uv_run(&l->uv, may_sleep ? UV_RUN_ONCE : UV_RUN_NOWAIT);
	fl_loop_timers_run(l);
	run_deferred(l);
	run_hooks(l);
	l->running = false;
}

static struct fl_loop *release(struct fl_loop *l)
{
	free(l->heap);
	free(l->in);
	free(l->plain);
	free(l->out);
	fl_buf_done(&l->spare);
	free(l);
	return NULL;
}

enum fl_err fl_loop_new(struct fl_loop **out)
{
	struct fl_loop *l = calloc(1, sizeof *l);
	if (l == NULL)
		return FL_ERR_NOMEM;

	l->in = malloc(FL_LOOP_SCRATCH);
	l->plain = malloc(FL_LOOP_SCRATCH);
	l->out = malloc(FL_LOOP_SCRATCH);
	if (l->in == NULL || l->plain == NULL || l->out == NULL) {
		release(l);
		return FL_ERR_NOMEM;
	}
	int rc = uv_loop_init(&l->uv);
	if (rc != 0) {
		release(l);
		return rc == UV_ENOMEM ? FL_ERR_NOMEM : FL_ERR_IO;
	}
	uv_timer_init(&l->uv, &l->alarm);
	l->alarm.data = l;
	l->alarm_at = FL_NEVER;
	fl_list_init(&l->hooks);
	fl_list_init(&l->deferred);
	fl_list_init(&l->bulk.resting);
	fl_list_init(&l->bulk.due);
	fl_list_init(&l->silent.owed);
	fl_list_init(&l->at_free);
	*out = l;
	return FL_OK;
}

void fl_loop_cut(struct fl_loop *l)
{
	for (struct fl_list *it; (it = fl_list_pop(&l->at_free)) != NULL;) {
		struct fl_tick_hook *h = fl_list_entry(it, struct fl_tick_hook, link);
		h->fn(h->ctx);
	}
}

struct fl_loop *fl_loop_free(struct fl_loop *l)
{
	if (l == NULL)
		return NULL;
	fl_loop_cut(l);
	while (!fl_list_empty(&l->deferred))
		run_deferred(l);
	uv_close((uv_handle_t *)&l->alarm, NULL);
	for (int i = 0; i < CLOSE_ROUNDS && uv_loop_alive(&l->uv) != 0; i++)
		uv_run(&l->uv, UV_RUN_NOWAIT); /* closed handles give their memory back */

	int rc = uv_loop_close(&l->uv);
	assert(rc == 0 && "something on the loop is still open");
	(void)rc;
	return release(l);
}

void fl_loop_run(struct fl_loop *l)
{
	while (!l->stop && is_alive(l))
		tick(l, true);
	l->stop = false;
}

void fl_loop_stop(struct fl_loop *l)
{
	l->stop = true;
}

bool fl_loop_poll(struct fl_loop *l)
{
	tick(l, false);
	return is_alive(l);
}

int fl_loop_fd(const struct fl_loop *l)
{
	return uv_backend_fd(&l->uv);
}

fl_time fl_loop_deadline(const struct fl_loop *l)
{
	/* 0 also where a descriptor to be waited for is not yet in the set of the kernel. */
	if (!fl_list_empty(&l->deferred) || uv_backend_timeout(&l->uv) == 0)
		return 0;
	return l->heap_len > 0 ? l->heap[1].at : FL_NEVER;
}

fl_time fl_loop_now(const struct fl_loop *l)
{
	/* Read once a tick, when first asked for: libuv has no place for it after the poll. */
	struct fl_loop *cache = (struct fl_loop *)(uintptr_t)l;

	if (!l->now_known) {
		cache->now = (fl_time)uv_hrtime();
		cache->now_known = true;
	}
	return l->now;
}

fl_wall fl_loop_wall(const struct fl_loop *l)
{
	struct timespec ts;

	(void)l;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (fl_wall)ts.tv_sec * FL_SEC + ts.tv_nsec;
}

void fl_loop_hook_add(struct fl_loop *l, struct fl_tick_hook *h)
{
	fl_list_push(&l->hooks, &h->link);
}

void fl_loop_hook_del(struct fl_tick_hook *h)
{
	fl_list_del(&h->link);
}

void fl_loop_at_free(struct fl_loop *l, struct fl_tick_hook *h)
{
	fl_list_push(&l->at_free, &h->link);
}

void fl_loop_defer(struct fl_loop *l, struct fl_deferred *d)
{
	if (!fl_list_linked(&d->link))
		fl_list_push(&l->deferred, &d->link);
}

void fl_deferred_cancel(struct fl_deferred *d)
{
	fl_list_del(&d->link);
}

static void on_wake(uv_async_t *async)
{
	struct fl_wake *w = async->data;
	w->fn(w->ctx);
}

enum fl_err fl_wake_new(struct fl_loop *l, void (*fn)(void *ctx), void *ctx, struct fl_wake **out)
{
	struct fl_wake *w = calloc(1, sizeof *w);
	if (w == NULL)
		return FL_ERR_NOMEM;
	if (uv_async_init(&l->uv, &w->async, on_wake) != 0) {
		free(w);
		return FL_ERR_IO;
	}
	w->async.data = w;
	w->fn = fn;
	w->ctx = ctx;
	*out = w;
	return FL_OK;
}

void fl_wake_send(struct fl_wake *w)
{
	uv_async_send(&w->async);
}

static void on_wake_closed(uv_handle_t *h)
{
	free(h->data);
}

struct fl_wake *fl_wake_free(struct fl_wake *w)
{
	if (w != NULL)
		uv_close((uv_handle_t *)&w->async, on_wake_closed);
	return NULL;
}

static void on_signal(uv_signal_t *h, int signum)
{
	struct fl_signal *s = h->data;
	s->fn(s->ctx, signum);
}

static void on_signal_closed(uv_handle_t *h)
{
	free(h->data);
}

enum fl_err fl_signal_new(struct fl_loop *l, int signum, void (*fn)(void *ctx, int signum),
			  void *ctx, struct fl_signal **out)
{
	struct fl_signal *s = calloc(1, sizeof *s);
	if (s == NULL)
		return FL_ERR_NOMEM;
	s->fn = fn;
	s->ctx = ctx;
	s->signal.data = s;
	if (uv_signal_init(&l->uv, &s->signal) != 0) {
		free(s);
		return FL_ERR_IO;
	}
	s->signal.data = s;
	if (uv_signal_start(&s->signal, on_signal, signum) != 0) {
		uv_close((uv_handle_t *)&s->signal, on_signal_closed);
		return FL_ERR_ARG;
	}
	*out = s;
	return FL_OK;
}

struct fl_signal *fl_signal_free(struct fl_signal *s)
{
	if (s != NULL)
		uv_close((uv_handle_t *)&s->signal, on_signal_closed);
	return NULL;
}

void *fl_loop_uv(struct fl_loop *l)
{
	return &l->uv;
}
