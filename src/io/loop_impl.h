/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/loop_impl.h - the inside of the loop, for the transports in this folder only.
 *
 * The scratch buffers are shared by everything on the loop, because only one stream reads, opens
 * or seals at a time: `in` holds what recv gave, `plain` what TLS made of it, `out` the records of
 * one write on their way to the socket. Nothing in them outlives the call that filled them.
 */
#ifndef FL_IO_LOOP_IMPL_H
#define FL_IO_LOOP_IMPL_H

#include "base/buf.h"
#include "io/loop.h"

#include <uv.h>

enum {
	FL_LOOP_SCRATCH = 64 << 10,      /* one read, one batch of opened or sealed records */
	FL_LOOP_HANDSHAKES_PER_TICK = 16 /* at 0.1 ms each, so that traffic is not starved */
};

/* The key lies in the heap, so that sifting does not touch the timers themselves. */
struct fl_timer_slot {
	fl_time at;
	uint64_t seq;
	struct fl_timer *timer;
};

/* Busy sockets, see stream_bulk.c: those read already in this beat, those still to be read. */
struct fl_loop_bulk {
	struct fl_list resting, due;
	struct fl_timer beat;
	struct fl_deferred turn;
};

/* Sockets that were written to and may owe us an answer, see stream_silent.c. */
struct fl_loop_silent {
	struct fl_list owed;
	struct fl_timer look;
	int64_t step; /* between two looks */
	bool looking;
};

struct fl_loop {
	uv_loop_t uv;
	uv_timer_t alarm; /* wakes the loop for the earliest timer */
	fl_time alarm_at;
	struct fl_timer_slot *heap; /* [1..heap_len] */
	size_t heap_len, heap_cap, heap_reserved;
	uint64_t timer_seq, timer_last; /* as of now, as of the start of the tick */
	struct fl_list hooks, deferred, at_free;
	fl_time now;
	bool now_known, stop, running;
	int handshakes_left;
	struct fl_loop_bulk bulk;
	struct fl_loop_silent silent;
	uint8_t *in, *plain, *out; /* FL_LOOP_SCRATCH each */
	size_t out_len;
	unsigned long tls_error; /* OpenSSL's word for what a handshake failed of last */
	struct fl_buf spare;     /* a batch that no HTTP/2 connection has; see h2_out.c */
};

/* Runs the timers that are due, but none that was armed in this tick. */
void fl_loop_timers_run(struct fl_loop *l);

/* Sets the alarm for the earliest timer. */
void fl_loop_timers_arm(struct fl_loop *l);

/* `h` runs when the loop is freed, for what lives past its owner: streams that linger. */
void fl_loop_at_free(struct fl_loop *l, struct fl_tick_hook *h);

#endif
