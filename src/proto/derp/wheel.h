/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/wheel.h - many coarse timers in one ring of buckets.
 *
 * Thousands of idle clients share a bucket, so that they cost one wake-up a tick and not one
 * each. An item fires at the end of the tick it is due in, never early.
 *
 * Limits  deadlines further away than the ring reaches fire some rounds too early; the caller
 *         looks at `due` and starts them again.
 * Source  docs/protocol/relay.md 7
 */
#ifndef FL_PROTO_DERP_WHEEL_H
#define FL_PROTO_DERP_WHEEL_H

#include "base/list.h"
#include "base/time.h"

enum { FL_WHEEL_SLOTS = 128 };

struct fl_wheel_item {
	struct fl_list link;
	fl_time due;
};

struct fl_wheel {
	int64_t tick; /* ns */
	int64_t at;   /* ticks handled so far: everything before at * tick has fired */
	int64_t next; /* no filled slot before this tick; INT64_MAX when empty */
	struct fl_list slots[FL_WHEEL_SLOTS];
	struct fl_list fired;
};

void fl_wheel_init(struct fl_wheel *w, int64_t tick);
void fl_wheel_start(struct fl_wheel *w, struct fl_wheel_item *it, fl_time now, fl_time due);
void fl_wheel_stop(struct fl_wheel_item *it);

/* The next item that is due at `now`, taken off; NULL when there is none. */
struct fl_wheel_item *fl_wheel_pop(struct fl_wheel *w, fl_time now);

/* When to call pop next; FL_NEVER when empty. May be early after a stop. */
fl_time fl_wheel_deadline(const struct fl_wheel *w);

#endif
