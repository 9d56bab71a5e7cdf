/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/trace.c - rings and buckets. */
#include "services/control/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const struct {
	int64_t upto;
	const char *text; /* seconds */
} buckets[FL_DELAY_BUCKETS] = {
	{ FL_MS, "0.001" },     { 2500 * FL_US, "0.0025" }, { 5 * FL_MS, "0.005" },
	{ 10 * FL_MS, "0.01" }, { 25 * FL_MS, "0.025" },    { 50 * FL_MS, "0.05" },
	{ 100 * FL_MS, "0.1" }, { 250 * FL_MS, "0.25" },    { 500 * FL_MS, "0.5" },
	{ FL_SEC, "1" },        { 2500 * FL_MS, "2.5" },    { 5 * FL_SEC, "5" },
	{ 10 * FL_SEC, "10" },
};

/* ---- rings ---- */

static bool is_last(const struct fl_trace *t, fl_time tick, enum fl_frame_kind kind,
		    const void *shared, size_t bytes)
{
	const struct fl_frame_note *n = fl_trace_frame_at(t, 0);

	return n != NULL && shared != NULL && n->shared == shared && n->tick == tick &&
	       n->kind == kind && n->bytes == bytes;
}

void fl_trace_frame(struct fl_trace *t, const struct fl_loop *loop, enum fl_frame_kind kind,
		    bool zstd, fl_node_id node, const void *shared, size_t bytes)
{
	fl_time tick = fl_loop_now(loop);

	if (is_last(t, tick, kind, shared, bytes)) {
		t->frames[(t->frames_count - 1) % FL_TRACE_FRAMES].receivers++;
		return;
	}
	t->frames[t->frames_count++ % FL_TRACE_FRAMES] = (struct fl_frame_note){
		.at = fl_loop_wall(loop),
		.tick = tick,
		.shared = shared,
		.kind = kind,
		.zstd = zstd,
		.node = node,
		.bytes = bytes,
		.receivers = 1,
	};
}

const char *fl_trace_kind(enum fl_change_kind kind)
{
	switch (kind) {
	case FL_CHANGE_NODE_ADDED:
		return "node added";
	case FL_CHANGE_NODE_CHANGED:
		return "node changed";
	case FL_CHANGE_NODE_PATCHED:
		return "node patched";
	case FL_CHANGE_NODE_EXPIRED:
		return "node expired";
	case FL_CHANGE_NODE_REMOVED:
		return "node removed";
	case FL_CHANGE_USER:
		return "user";
	case FL_CHANGE_ROUTES:
		return "routes";
	case FL_CHANGE_POLICY:
		return "policy";
	case FL_CHANGE_HEALTH:
		return "health";
	}
	return "";
}

void fl_trace_change(struct fl_trace *t, const struct fl_loop *loop, const struct fl_change *c)
{
	t->kinds[c->kind]++;
	t->changes[t->changes_count++ % FL_TRACE_CHANGES] = (struct fl_change_note){
		.at = fl_loop_wall(loop),
		.change = *c,
	};
}

const struct fl_frame_note *fl_trace_frame_at(const struct fl_trace *t, size_t i)
{
	if (i >= t->frames_count || i >= FL_TRACE_FRAMES)
		return NULL;
	return &t->frames[(t->frames_count - 1 - i) % FL_TRACE_FRAMES];
}

const struct fl_change_note *fl_trace_change_at(const struct fl_trace *t, size_t i)
{
	if (i >= t->changes_count || i >= FL_TRACE_CHANGES)
		return NULL;
	return &t->changes[(t->changes_count - 1 - i) % FL_TRACE_CHANGES];
}

/* ---- buckets ---- */

void fl_delays_add(struct fl_delays *d, int64_t ns)
{
	size_t i = 0;

	while (i < FL_DELAY_BUCKETS && ns > buckets[i].upto)
		i++;
	d->at[i]++;
	d->count++;
	d->sum += ns;
}

fl_time fl_delays_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * FL_SEC + now.tv_nsec;
}

void fl_delays_since(struct fl_delays *d, fl_time began)
{
	fl_delays_add(d, fl_delays_now() - began);
}

void fl_delays_write(const struct fl_delays *d, const char *name, const char *label,
		     const char *help, struct fl_buf *out)
{
	const char *comma = label[0] != '\0' ? "," : "";
	char labels[64] = "";
	uint64_t upto = 0;

	if (label[0] != '\0')
		snprintf(labels, sizeof labels, "{%s}", label);
	if (help != NULL)
		fl_buf_printf(out, "# HELP %s %s\n# TYPE %s histogram\n", name, help, name);
	for (size_t i = 0; i < FL_DELAY_BUCKETS; i++) {
		upto += d->at[i];
		fl_buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", name, label, comma,
			      buckets[i].text, upto);
	}
	fl_buf_printf(out, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n", name, label, comma,
		      d->count);
	fl_buf_printf(out, "%s_sum%s %" PRId64 ".%09" PRId64 "\n", name, labels, d->sum / FL_SEC,
		      d->sum % FL_SEC);
	fl_buf_printf(out, "%s_count%s %" PRIu64 "\n", name, labels, d->count);
}
