/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/clock.h - the one clock of a simulated world, and the loop that runs on it.
 *
 * loop.c stands in for io/loop.c at link time: services arm timers and hooks as ever, and the
 * world decides when time passes. Time only moves between ticks.
 */
#ifndef TESTS_SIM_CLOCK_H
#define TESTS_SIM_CLOCK_H

#include "io/loop.h"

struct sim_clock {
	fl_time now;
	fl_wall skew; /* calendar minus now; a jump of the calendar changes it */
};
extern struct sim_clock sim_clock;

/* When the loop next has something to do: now, if work was deferred; FL_NEVER if nothing. */
fl_time sim_loop_next(const struct fl_loop *l);

/* Timers that are due, deferred work, hooks: one tick as io/loop.c has it. */
/* False: nothing was due, so no code of a service ran but hooks, which had no work. */
bool sim_loop_tick(struct fl_loop *l);

/* What is still reserved, armed or hooked; all 0 once its services are gone. */
struct sim_loop_left {
	size_t timers_reserved, timers_armed, hooks, deferred;
};
struct sim_loop_left sim_loop_left(const struct fl_loop *l);

#endif
