/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/trace.h - what happened lately and how long it took, for /metrics and /debug.
 *
 * The last frames and changes are kept in rings; one frame that goes to many sessions at once is
 * one entry. Durations are counted in fixed buckets.
 *
 * Memory  fixed; nothing here can fail.
 * Source  docs/lifecycle.md DBG-1, DBG-3, DBG-4
 */
#ifndef FL_SERVICES_CONTROL_TRACE_H
#define FL_SERVICES_CONTROL_TRACE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "domain/state/state.h"
#include "io/loop.h"

enum { FL_TRACE_FRAMES = 256, FL_TRACE_CHANGES = 256, FL_DELAY_BUCKETS = 13 };

struct fl_delays {
	uint64_t at[FL_DELAY_BUCKETS + 1]; /* the last: longer than any bucket */
	uint64_t count;
	int64_t sum; /* ns */
};

enum fl_frame_kind { FL_FRAME_FULL, FL_FRAME_CHANGE, FL_FRAME_KEEPALIVE };

struct fl_frame_note {
	fl_wall at;
	fl_time tick;
	const void *shared; /* to be compared, not to be looked into */
	enum fl_frame_kind kind;
	bool zstd;
	fl_node_id node; /* the first it went to */
	size_t bytes, receivers;
};

struct fl_change_note {
	fl_wall at;
	struct fl_change change;
};

struct fl_trace {
	struct fl_frame_note frames[FL_TRACE_FRAMES];
	struct fl_change_note changes[FL_TRACE_CHANGES];
	uint64_t frames_count, changes_count; /* ever */
	uint64_t kinds[FL_CHANGE_KINDS];      /* of those changes */
	struct fl_delays map_delay, first_map;
};

/* `shared`: what the frames of several receivers have in common; NULL: this one's alone. */
void fl_trace_frame(struct fl_trace *t, const struct fl_loop *loop, enum fl_frame_kind kind,
		    bool zstd, fl_node_id node, const void *shared, size_t bytes);
void fl_trace_change(struct fl_trace *t, const struct fl_loop *loop, const struct fl_change *c);

/* The i-th newest, from 0; NULL behind the oldest that is kept. */
const struct fl_frame_note *fl_trace_frame_at(const struct fl_trace *t, size_t i);
const struct fl_change_note *fl_trace_change_at(const struct fl_trace *t, size_t i);

/* What people read of a change. */
const char *fl_trace_kind(enum fl_change_kind kind);

/* This moment by the loop's clock, which itself stands still during a tick. */
fl_time fl_delays_now(void);

/* Adds the time from `began` until this moment. */
void fl_delays_since(struct fl_delays *d, fl_time began);
void fl_delays_add(struct fl_delays *d, int64_t ns);

/*
 * As a Prometheus histogram in seconds. `help` NULL: another of the same name, whose head stands
 * above. `label`: like a="b", or "".
 */
void fl_delays_write(const struct fl_delays *d, const char *name, const char *label,
		     const char *help, struct fl_buf *out);

#endif
