/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/hold.h - when changes come in quick succession, light ones wait for each other.
 *
 * A frame to a session costs the same whether it says one thing or ten, nearly all of it in the
 * kernel. The first change after a quiet time is told at once. Then comes a busy time, twenty times
 * as long as telling took, and light changes that come in it gather for as long again: patches of
 * what a node says of its reach, and nothing that moves presence, routes, keys, policy, or who sees
 * whom. They are told together, at the end or with the first change that does not wait.
 *
 * So 50 changes a second for 300 sessions cost half: 0.55 s of a processor in 8 s, 0.96 without it;
 * the last client has a change after 26 ms in the middle, 40 ms at the 99th percentile.
 *
 * What is kept is data: the frame is made from the records of the moment in which it leaves.
 *
 * Time    as an argument, in ns. Cost is a number of frames and not what a clock says, so that a
 *         simulated server waits as a real one does.
 * Memory  fixed; nothing here can fail.
 * Source  docs/lifecycle.md CHG-1, CHG-4, CHG-12
 */
#ifndef FL_SERVICES_CONTROL_HOLD_H
#define FL_SERVICES_CONTROL_HOLD_H

#include "base/time.h"
#include "domain/state/change.h"

enum {
	FL_HOLD_MAX = 64,   /* nodes of which something is kept; with one more all is told */
	FL_HOLD_RATIO = 20, /* of the wait to what telling cost: a twentieth of the time */
};
/* To seal and send one frame, with 300 sessions (docs/benchmarks.md C2). */
#define FL_HOLD_FRAME (12 * FL_US)
/*
 * From the moment in which a change has come until its frame has left for the last session. It may
 * come while others are told, and telling it takes as long again: what is left is for the wait.
 * 50 ms is the aim for the last client (C8), of which some is its own.
 */
#define FL_HOLD_LATE (40 * FL_MS)
/* A shorter wait is none: with up to 16 sessions there is nothing to save. */
#define FL_HOLD_LEAST (4 * FL_MS)

struct fl_hold {
	int64_t frame;                      /* what one costs */
	int64_t wait;                       /* after the last telling; 0: none */
	fl_time quiet;                      /* from here on a change is told at once */
	fl_time since;                      /* when the first that is kept came */
	struct fl_change kept[FL_HOLD_MAX]; /* one a node */
	size_t count;
};

/* `frame`: what one costs, 0 for FL_HOLD_FRAME. */
void fl_hold_init(struct fl_hold *h, int64_t frame);

/*
 * Keeps the changes of a tick, if all are light, it is a busy time, and there is room. False: they
 * are to be told now, and what is kept with them.
 */
bool fl_hold_keep(struct fl_hold *h, const struct fl_change *changes, size_t count, fl_time now);

/* What was kept is told, and all else of the tick of `now`, in so many frames. */
void fl_hold_told(struct fl_hold *h, uint64_t frames, fl_time now);

/* When all that is kept is to be told at the latest. */
static inline fl_time fl_hold_due(const struct fl_hold *h)
{
	return h->since + h->wait;
}

#endif
