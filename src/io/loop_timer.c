/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/loop_timer.c - the loop's timers: a heap with four children a node, driven by one alarm.
 *
 * Four children make the heap half as deep as two, and the children of a node lie together.
 * Places are 1-based, so that 0 can mean "not armed" in a zeroed timer.
 */
#include "io/loop_impl.h"

#include <assert.h>
#include <stdlib.h>

enum { ARITY = 4, FIRST_CAP = 64 };

static size_t parent_of(size_t i)
{
	return (i - 2) / ARITY + 1;
}

static size_t first_child_of(size_t i)
{
	return (i - 1) * ARITY + 2;
}

static bool earlier(const struct fl_timer_slot *a, const struct fl_timer_slot *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void place(struct fl_loop *l, size_t i, struct fl_timer_slot slot)
{
	l->heap[i] = slot;
	slot.timer->heap_index = i;
}

static void sift_up(struct fl_loop *l, size_t i, struct fl_timer_slot slot)
{
	for (; i > 1 && earlier(&slot, &l->heap[parent_of(i)]); i = parent_of(i))
		place(l, i, l->heap[parent_of(i)]);
	place(l, i, slot);
}

static size_t earliest_child(const struct fl_loop *l, size_t i)
{
	size_t first = first_child_of(i), best = first;

	for (size_t c = first + 1; c < first + ARITY && c <= l->heap_len; c++)
		if (earlier(&l->heap[c], &l->heap[best]))
			best = c;
	return best;
}

static void sift_down(struct fl_loop *l, size_t i, struct fl_timer_slot slot)
{
	while (first_child_of(i) <= l->heap_len) {
		size_t c = earliest_child(l, i);
		if (!earlier(&l->heap[c], &slot))
			break;
		place(l, i, l->heap[c]);
		i = c;
	}
	place(l, i, slot);
}

/* Puts `slot` at the free place `i`, or wherever the order wants it. */
static void settle(struct fl_loop *l, size_t i, struct fl_timer_slot slot)
{
	if (i > 1 && earlier(&slot, &l->heap[parent_of(i)]))
		sift_up(l, i, slot);
	else
		sift_down(l, i, slot);
}

void fl_loop_timers_run(struct fl_loop *l)
{
	fl_time now = fl_loop_now(l);

	/* What was armed in this tick lies behind: a time of at least `now` and a higher number. */
	while (l->heap_len > 0 && l->heap[1].at <= now && l->heap[1].seq <= l->timer_last) {
		struct fl_timer *t = l->heap[1].timer;
		fl_timer_stop(t);
		t->fn(t->ctx);
	}
}

static void on_alarm(uv_timer_t *alarm)
{
	struct fl_loop *l = alarm->data;
	l->alarm_at = FL_NEVER; /* the rest of this tick runs what is due */
	uv_stop(&l->uv);        /* it may ring before the poll, which must not sleep then */
}

void fl_loop_timers_arm(struct fl_loop *l)
{
	fl_time at = l->heap_len > 0 ? l->heap[1].at : FL_NEVER;

	if (at == l->alarm_at)
		return;
	l->alarm_at = at;
	if (at == FL_NEVER) {
		uv_timer_stop(&l->alarm);
		return;
	}
	int64_t wait = at - (fl_time)uv_hrtime();
	uv_update_time(&l->uv);
	uv_timer_start(&l->alarm, on_alarm, wait > 0 ? (uint64_t)((wait + FL_MS - 1) / FL_MS) : 0,
		       0);
}

static enum fl_err reserve(struct fl_loop *l)
{
	if (l->heap_reserved + 1 < l->heap_cap) {
		l->heap_reserved++;
		return FL_OK;
	}
	size_t cap = l->heap_cap > 0 ? l->heap_cap * 2 : FIRST_CAP;
	struct fl_timer_slot *heap = reallocarray(l->heap, cap, sizeof *heap);
	if (heap == NULL)
		return FL_ERR_NOMEM;
	l->heap = heap;
	l->heap_cap = cap;
	l->heap_reserved++;
	return FL_OK;
}

enum fl_err fl_timer_init(struct fl_timer *t, struct fl_loop *l, void (*fn)(void *ctx), void *ctx)
{
	enum fl_err err = reserve(l);
	if (err != FL_OK)
		return err;
	*t = (struct fl_timer){ .loop = l, .fn = fn, .ctx = ctx };
	return FL_OK;
}

void fl_timer_start(struct fl_timer *t, int64_t delay)
{
	struct fl_loop *l = t->loop;
	fl_time now = fl_loop_now(l);

	if (delay < 0)
		delay = 0;
	t->at = delay < FL_NEVER - now ? now + delay : FL_NEVER - 1;
	t->seq = ++l->timer_seq;

	struct fl_timer_slot slot = { .at = t->at, .seq = t->seq, .timer = t };
	if (t->heap_index == 0) {
		assert(l->heap_len < l->heap_reserved);
		sift_up(l, ++l->heap_len, slot);
	} else {
		settle(l, t->heap_index, slot);
	}
}

void fl_timer_stop(struct fl_timer *t)
{
	size_t i = t->heap_index;
	if (i == 0)
		return;

	struct fl_loop *l = t->loop;
	struct fl_timer_slot last = l->heap[l->heap_len--];
	t->heap_index = 0;
	if (last.timer != t)
		settle(l, i, last);
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
	t->loop->heap_reserved--;
	t->loop = NULL;
}
