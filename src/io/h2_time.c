/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2_time.c - the deadlines of an HTTP/2 connection, all behind one timer.
 */
#include "io/h2_conn.h"

static fl_time due(fl_time since, int64_t timeout)
{
	return since == FL_NEVER || timeout == 0 ? FL_NEVER : since + timeout;
}

static fl_time sooner(fl_time a, fl_time b)
{
	return a < b ? a : b;
}

static fl_time body_due(const struct fl_h2 *h)
{
	if (fl_list_empty(&h->gathering))
		return FL_NEVER;
	return due(fl_list_entry(h->gathering.next, struct fl_h2_stream, todo)->head_at,
		   h->limits.body_timeout);
}

static fl_time greeting_due(const struct fl_h2 *h)
{
	return h->greeted ? FL_NEVER : due(h->created_at, h->limits.head_timeout);
}

/* Counted from the last stream's end: frames without a request do not keep a connection. */
static fl_time idle_due(const struct fl_h2 *h)
{
	return h->stream_count > 0 ? FL_NEVER : due(h->idle_since, h->limits.idle_timeout);
}

/* Answers that a peer does not take must not hold the connection: it gives no window for them. */
static fl_time unsent_due(const struct fl_h2 *h)
{
	return h->unsent == 0 ? FL_NEVER : due(h->unsent_since, h->limits.body_timeout);
}

static fl_time next_deadline(const struct fl_h2 *h)
{
	fl_time head = due(h->head_since, h->limits.head_timeout);
	fl_time conn = sooner(sooner(greeting_due(h), head), idle_due(h));

	return sooner(conn, sooner(body_due(h), unsent_due(h)));
}

static bool is_stuck(const struct fl_h2 *h, fl_time now)
{
	return h->blocked && now - h->blocked_since >= h->limits.body_timeout;
}

/*
 * A reset that a full transport keeps back ends nothing: the peer would hold the connection for as
 * long as it takes nothing, though the stream is given up (SES-10).
 */
static bool is_cut_in_vain(const struct fl_h2 *h, fl_time now)
{
	if (!is_stuck(h, now))
		return false;
	fl_list_each(it, &h->streams)
	{
		if (fl_list_entry(it, const struct fl_h2_stream, link)->cut)
			return true;
	}
	return false;
}

/* With no body left it waits for the transport, or for its request, which has its own limit. */
static bool is_stalled(const struct fl_h2 *h, const struct fl_http *x, fl_time now)
{
	return x->pending > 0 ? now - x->progress_at >= h->limits.body_timeout : is_stuck(h, now);
}

/* Streams whose handler has let go; the others are watched by who feeds them. */
static void reset_stalled(struct fl_h2 *h, fl_time now)
{
	fl_list_each(it, &h->streams)
	{
		struct fl_h2_stream *s = fl_list_entry(it, struct fl_h2_stream, link);
		if (!s->answered || s->cut || !is_stalled(h, &s->x, now) || !fl_h2_usable(h))
			continue;
		s->cut = true;
		nghttp2_submit_rst_stream(h->session, 0, s->id, NGHTTP2_CANCEL);
	}
	h->unsent_since = now;
}

void fl_h2_rearm(struct fl_h2 *h)
{
	fl_time at = next_deadline(h);

	if (at == FL_NEVER || h->closing || h->end != FL_OK)
		return;
	if (!fl_timer_armed(&h->timer) || at < h->timer.at)
		fl_timer_start(&h->timer, at - fl_loop_now(h->loop));
}

void fl_h2_note_answered(struct fl_h2 *h, struct fl_h2_stream *s)
{
	if (s->answered || !fl_httpx_released(&s->x))
		return;
	s->answered = true;
	if (h->unsent++ > 0)
		return;
	h->unsent_since = fl_loop_now(h->loop);
	fl_h2_rearm(h); /* behind a full transport nothing else does */
}

void fl_h2_overdue(struct fl_h2 *h)
{
	fl_time now = fl_loop_now(h->loop);

	while (body_due(h) <= now) /* oldest first; each leaves the list */
		fl_h2_refuse_body(h, fl_list_entry(h->gathering.next, struct fl_h2_stream, todo),
				  408);
	if (unsent_due(h) <= now) {
		if (is_cut_in_vain(h, now))
			fl_h2_terminate(h, NGHTTP2_CANCEL, FL_ERR_TIMEOUT);
		reset_stalled(h, now);
	}
	if (greeting_due(h) <= now)
		fl_h2_terminate(h, NGHTTP2_SETTINGS_TIMEOUT, FL_ERR_TIMEOUT);
	else if (due(h->head_since, h->limits.head_timeout) <= now)
		fl_h2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_TIMEOUT);
	else if (idle_due(h) <= now)
		fl_h2_terminate(h, NGHTTP2_NO_ERROR, FL_ERR_TIMEOUT);
}
