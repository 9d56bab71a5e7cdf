/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/loop.c - io/loop.h on a virtual clock.
 *
 * The rules are those of io/loop.c: a timer fires at the earliest in the tick after the one that
 * armed it, equal deadlines fire in order of arming, deferred work that defers again waits for the
 * next tick, and hooks run last.
 */
#include <stdlib.h>

#include "clock.h"

struct fl_loop {
	struct fl_timer **heap; /* [1..len] */
	size_t len, cap, reserved;
	uint64_t seq, last; /* armings so far, and at the start of the tick */
	struct fl_list hooks, deferred;
};

struct sim_clock sim_clock;

enum fl_err fl_loop_new(struct fl_loop **out)
{
	struct fl_loop *l = calloc(1, sizeof *l);
	if (l == NULL)
		return FL_ERR_NOMEM;
	fl_list_init(&l->hooks);
	fl_list_init(&l->deferred);
	*out = l;
	return FL_OK;
}

struct fl_loop *fl_loop_free(struct fl_loop *l)
{
	if (l == NULL)
		return NULL;
	free(l->heap);
	free(l);
	return NULL;
}

fl_time fl_loop_now(const struct fl_loop *l)
{
	(void)l;
	return sim_clock.now;
}

fl_wall fl_loop_wall(const struct fl_loop *l)
{
	(void)l;
	return sim_clock.now + sim_clock.skew;
}

/* ---- timers ---- */

static bool earlier(const struct fl_timer *a, const struct fl_timer *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct fl_loop *l, size_t i, struct fl_timer *t)
{
	l->heap[i] = t;
	t->heap_index = i;
}

static void settle(struct fl_loop *l, size_t i, struct fl_timer *t)
{
	for (; i > 1 && earlier(t, l->heap[i / 2]); i /= 2)
		place(l, i, l->heap[i / 2]);
	for (size_t c; (c = 2 * i) <= l->len; i = c) {
		if (c < l->len && earlier(l->heap[c + 1], l->heap[c]))
			c++;
		if (!earlier(l->heap[c], t))
			break;
		place(l, i, l->heap[c]);
	}
	place(l, i, t);
}

enum fl_err fl_timer_init(struct fl_timer *t, struct fl_loop *l, void (*fn)(void *ctx), void *ctx)
{
	if (l->reserved + 1 >= l->cap) {
		size_t cap = l->cap > 0 ? 2 * l->cap : 64;
		struct fl_timer **heap = reallocarray(l->heap, cap, sizeof(struct fl_timer *));
		if (heap == NULL)
			return FL_ERR_NOMEM;
		l->heap = heap;
		l->cap = cap;
	}
	l->reserved++;
	*t = (struct fl_timer){ .loop = l, .fn = fn, .ctx = ctx };
	return FL_OK;
}

void fl_timer_stop(struct fl_timer *t)
{
	size_t i = t->heap_index;
	if (i == 0)
		return;
	struct fl_loop *l = t->loop;
	struct fl_timer *last = l->heap[l->len--];
	t->heap_index = 0;
	if (last != t)
		settle(l, i, last);
}

void fl_timer_start(struct fl_timer *t, int64_t delay)
{
	struct fl_loop *l = t->loop;

	fl_timer_stop(t);
	t->at = sim_clock.now + (delay > 0 ? delay : 0);
	t->seq = ++l->seq;
	l->len++;
	settle(l, l->len, t);
}

bool fl_timer_armed(const struct fl_timer *t)
{
	return t->heap_index != 0;
}

void fl_timer_done(struct fl_timer *t)
{
	if (t->loop == NULL)
		return;
	fl_timer_stop(t);
	t->loop->reserved--;
	t->loop = NULL;
}

/* ---- hooks and deferred work ---- */

void fl_loop_hook_add(struct fl_loop *l, struct fl_tick_hook *h)
{
	fl_list_push(&l->hooks, &h->link);
}

void fl_loop_hook_del(struct fl_tick_hook *h)
{
	fl_list_del(&h->link);
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

/* ---- the world's side ---- */

fl_time sim_loop_next(const struct fl_loop *l)
{
	if (!fl_list_empty(&l->deferred))
		return sim_clock.now;
	return l->len > 0 ? l->heap[1]->at : FL_NEVER;
}

static bool run_deferred(struct fl_loop *l)
{
	struct fl_list batch;
	bool any = !fl_list_empty(&l->deferred);

	fl_list_init(&batch);
	for (struct fl_list *it; (it = fl_list_pop(&l->deferred)) != NULL;)
		fl_list_push(&batch, it);
	for (struct fl_list *it; (it = fl_list_pop(&batch)) != NULL;) {
		struct fl_deferred *d = fl_list_entry(it, struct fl_deferred, link);
		d->fn(d->ctx);
	}
	return any;
}

bool sim_loop_tick(struct fl_loop *l)
{
	bool any = false;

	while (l->len > 0 && l->heap[1]->at <= sim_clock.now && l->heap[1]->seq <= l->last) {
		struct fl_timer *t = l->heap[1];
		fl_timer_stop(t);
		t->fn(t->ctx);
		any = true;
	}
	any = run_deferred(l) || any;
	fl_list_each(it, &l->hooks)
	{
		struct fl_tick_hook *h = fl_list_entry(it, struct fl_tick_hook, link);
		h->fn(h->ctx);
	}
	l->last = l->seq;
	return any;
}

static size_t length(const struct fl_list *l)
{
	size_t n = 0;

	for (const struct fl_list *it = l->next; it != l; it = it->next)
		n++;
	return n;
}

struct sim_loop_left sim_loop_left(const struct fl_loop *l)
{
	return (struct sim_loop_left){
		.timers_reserved = l->reserved,
		.timers_armed = l->len,
		.hooks = length(&l->hooks),
		.deferred = length(&l->deferred),
	};
}
