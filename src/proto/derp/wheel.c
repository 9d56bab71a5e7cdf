/* SPDX-License-Identifier: BSD-3-Clause */
/* proto/derp/wheel.c - many coarse timers in one ring of buckets. */
#include "proto/derp/wheel.h"

void fl_wheel_init(struct fl_wheel *w, int64_t tick)
{
	*w = (struct fl_wheel){ .tick = tick, .next = INT64_MAX };
	for (unsigned i = 0; i < FL_WHEEL_SLOTS; i++)
		fl_list_init(&w->slots[i]);
	fl_list_init(&w->fired);
}

/* The first tick that begins at or after `t`. */
static int64_t tick_of(const struct fl_wheel *w, fl_time t)
{
	return t <= 0 ? 0 : (t - 1) / w->tick + 1;
}

void fl_wheel_start(struct fl_wheel *w, struct fl_wheel_item *it, fl_time now, fl_time due)
{
	fl_list_del(&it->link);
	if (w->next > now / w->tick && w->at < now / w->tick)
		w->at = now / w->tick; /* nothing waits before: the ring reaches further */
	int64_t slot = tick_of(w, due);
	if (slot <= w->at)
		slot = w->at + 1;
	if (slot < w->next)
		w->next = slot;
	it->due = due;
	fl_list_push(&w->slots[slot % FL_WHEEL_SLOTS], &it->link);
}

void fl_wheel_stop(struct fl_wheel_item *it)
{
	fl_list_del(&it->link);
}

static void move_all(struct fl_list *from, struct fl_list *to)
{
	for (struct fl_list *l = fl_list_pop(from); l != NULL; l = fl_list_pop(from))
		fl_list_push(to, l);
}

static void find_next(struct fl_wheel *w)
{
	for (int64_t t = w->at + 1; t < w->at + FL_WHEEL_SLOTS; t++) {
		if (!fl_list_empty(&w->slots[t % FL_WHEEL_SLOTS])) {
			w->next = t;
			return;
		}
	}
	w->next = INT64_MAX;
}

struct fl_wheel_item *fl_wheel_pop(struct fl_wheel *w, fl_time now)
{
	while (fl_list_empty(&w->fired)) {
		if (w->next > now / w->tick)
			return NULL;
		w->at = w->next;
		move_all(&w->slots[w->at % FL_WHEEL_SLOTS], &w->fired);
		find_next(w);
	}
	return fl_list_entry(fl_list_pop(&w->fired), struct fl_wheel_item, link);
}

fl_time fl_wheel_deadline(const struct fl_wheel *w)
{
	if (!fl_list_empty(&w->fired))
		return w->at * w->tick;
	return w->next == INT64_MAX ? FL_NEVER : w->next * w->tick;
}
