/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/loop.h - one event loop a thread: timers, deferred work, signals, wake-ups.
 *
 * Hides libuv. Everything that belongs to a loop is touched only on its thread, except
 * fl_loop_wake. A callback never runs inside the call that asked for it.
 *
 * Ticks: the loop handles the events that are ready, then runs every tick hook once, in order of
 * registration, then sleeps. The control core commits its changes in a tick hook, so that all
 * writes of one tick share one transaction.
 */
#ifndef FL_IO_LOOP_H
#define FL_IO_LOOP_H

#include "base/err.h"
#include "base/list.h"
#include "base/time.h"

struct fl_loop;

FL_MUST enum fl_err fl_loop_new(struct fl_loop **out);

/* All streams, listeners, sockets, timers and hooks must have been closed before. */
struct fl_loop *fl_loop_free(struct fl_loop *l);

/* Drops what lingers after its close, as freeing does: peers may miss the end of it. */
void fl_loop_cut(struct fl_loop *l);

/* Runs until fl_loop_stop, or until nothing is left to wait for. */
void fl_loop_run(struct fl_loop *l);
void fl_loop_stop(struct fl_loop *l);

/* Handles what is ready without blocking (for tests). Returns whether anything is still open. */
bool fl_loop_poll(struct fl_loop *l);

/*
 * To run the loop inside another one: poll it when the descriptor can be read or the time has come.
 * The descriptor stays the same; the time is 0 for at once, FL_NEVER for none, and new after each
 * poll and each call on something of the loop.
 */
int fl_loop_fd(const struct fl_loop *l);
fl_time fl_loop_deadline(const struct fl_loop *l);

fl_time fl_loop_now(const struct fl_loop *l);  /* monotonic; cached at the start of the tick */
fl_wall fl_loop_wall(const struct fl_loop *l); /* calendar; read on each call */

/* A one-shot timer, embedded in its owner; zero-initialise, then start as often as wanted. */
struct fl_timer {
	struct fl_loop *loop;
	void (*fn)(void *ctx);
	void *ctx;
	fl_time at;
	size_t heap_index; /* 0 = not armed (heap is 1-based) */
	uint64_t seq;      /* equal deadlines fire in order of arming */
};

/*
 * fl_timer_init reserves a place for the timer; after that starting it never fails. fl_timer_start
 * arms (or re-arms) it to fire once after `delay` ns, at the earliest in the next tick that
 * begins after the call. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_timer_init(struct fl_timer *t, struct fl_loop *l, void (*fn)(void *ctx),
				  void *ctx);
void fl_timer_start(struct fl_timer *t, int64_t delay);
void fl_timer_stop(struct fl_timer *t);
bool fl_timer_armed(const struct fl_timer *t);

/* Stops the timer and gives its reserved place back. Harmless on a zeroed struct. */
void fl_timer_done(struct fl_timer *t);

/* Runs `fn(ctx)` at the end of each tick. A hook may remove itself and others. */
struct fl_tick_hook {
	struct fl_list link;
	void (*fn)(void *ctx);
	void *ctx;
};
void fl_loop_hook_add(struct fl_loop *l, struct fl_tick_hook *h);
void fl_loop_hook_del(struct fl_tick_hook *h);

/* Work to do soon on this loop, outside the current call stack; embedded, at most once pending. */
struct fl_deferred {
	struct fl_list link;
	void (*fn)(void *ctx);
	void *ctx;
	void (*ahead)(void *ctx); /* fn follows after another one's: fetch memory; may be NULL */
};
void fl_loop_defer(struct fl_loop *l, struct fl_deferred *d);
void fl_deferred_cancel(struct fl_deferred *d);

/*
 * From any thread: runs `fn(ctx)` once on the loop's thread soon. Owned by the caller, one wake
 * pending at a time. Like a signal it keeps fl_loop_run going until it is freed.
 */
struct fl_wake;
FL_MUST enum fl_err fl_wake_new(struct fl_loop *l, void (*fn)(void *ctx), void *ctx,
				struct fl_wake **out);
void fl_wake_send(struct fl_wake *w);
struct fl_wake *fl_wake_free(struct fl_wake *w); /* on the loop's thread */

/* Calls `fn(ctx, signum)` on the loop when the signal arrives. */
struct fl_signal;
FL_MUST enum fl_err fl_signal_new(struct fl_loop *l, int signum, void (*fn)(void *ctx, int signum),
				  void *ctx, struct fl_signal **out);
struct fl_signal *fl_signal_free(struct fl_signal *s);

/* The underlying uv_loop_t, for other files of io/ only. */
void *fl_loop_uv(struct fl_loop *l);

#endif
