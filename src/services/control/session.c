/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/session.c - one streaming map poll: first map, frames, keep-alives, end.
 *
 * The first frame is the whole map, built after the commit of the tick that opened the session;
 * every change committed later reaches the session as a frame. So there is no gap and no overlap.
 *
 * Source: docs/lifecycle.md SES-2 to SES-11; docs/protocol/control.md 5.4.
 */
#include "services/control/internal.h"

#include <stdlib.h>

#include "base/log.h"

enum {
	QUEUE_MAX = 4 << 20, /* bytes of changes that a slow client may have waiting */
};
#define STALL_MAX (30 * FL_SEC)

static fl_time now_of(const struct fl_session *s)
{
	return fl_loop_now(s->control->core->loop);
}

/*
 * For a client that has heard nothing since `since`. On whole beats, seconds unless a test says
 * otherwise: what is due in the same one leaves at once, and an idle server sleeps in between.
 */
static void arm_keepalive(struct fl_session *s, fl_time since)
{
	struct fl_control *c = s->control;
	int64_t beat = c->cfg.keepalive / 50;
	fl_time due = since + c->cfg.keepalive + (int64_t)fl_rng_below(&c->rng, (uint64_t)beat * 8);

	due += beat - due % beat;
	fl_timer_start(&s->timer, due - now_of(s));
}

static void note_sent(struct fl_session *s)
{
	s->sent_at = now_of(s);
	if (!fl_timer_armed(&s->timer))
		arm_keepalive(s, s->sent_at);
}

/* The exchange is ended or gone already. */
static void detach(struct fl_session *s)
{
	fl_list_del(&s->link);
	fl_timer_stop(&s->timer);
	s->control->stats.sessions--;
	fl_presence_leave(s);
}

static void on_gone(void *ctx)
{
	struct fl_session *s = ctx;

	s->control->stats.sessions_ended[FL_SESSION_GONE]++;
	detach(s);
}

void fl_session_close(struct fl_session *s, enum fl_session_end why)
{
	fl_http_on_gone(s->x, NULL, NULL);
	fl_http_on_drain(s->x, NULL, NULL);
	s->control->stats.sessions_ended[why]++;
	if (why == FL_SESSION_SLOW) {
		s->control->stats.sessions_dropped_slow++;
		fl_log_info("map session dropped: the client does not read",
			    FL_LU("node.id", s->node));
	}
	if (why == FL_SESSION_SLOW || why == FL_SESSION_REPLACED)
		fl_http_abort(s->x); /* what waits is of no use */
	else
		fl_http_stream_end(s->x);
	detach(s);
}

/* All that it was sent first is on its way. */
static void on_drain(void *ctx)
{
	struct fl_session *s = ctx;

	s->waits = false;
	fl_http_on_drain(s->x, NULL, NULL);
}

void fl_session_send(struct fl_session *s, struct fl_bytes *const *pieces, size_t count)
{
	for (size_t i = 0; i < count; i++)
		s->control->stats.bytes_sent += pieces[i]->len;
	if (fl_http_stream_stalled(s->x) > STALL_MAX ||
	    fl_http_stream_sendv(s->x, pieces, count) != FL_OK) {
		fl_session_close(s, FL_SESSION_SLOW);
		return;
	}
	note_sent(s);
}

static void send_keepalive(struct fl_session *s)
{
	struct fl_control *c = s->control;
	struct fl_buf json = fl_buf_make(1024);
	struct fl_bytes *frame = NULL;

	enum fl_err err = fl_netmap_keepalive_write(fl_loop_wall(c->core->loop), &json);
	if (err == FL_OK)
		err = fl_mapframe_make(c->framer, fl_buf_slice(&json), s->zstd, &frame);
	fl_buf_done(&json);
	if (err != FL_OK) {
		arm_keepalive(s, now_of(s));
		return;
	}
	c->stats.frames_keepalive++;
	fl_trace_frame(&c->trace, c->core->loop, FL_FRAME_KEEPALIVE, s->zstd, s->node, NULL,
		       frame->len);
	fl_session_send(s, &frame, 1);
	fl_bytes_unref(frame);
}

/* Frames leave the timer alone, since each goes to many sessions: it moves itself when it rings. */
static void on_timer(void *ctx)
{
	struct fl_session *s = ctx;

	if (s->x == NULL)
		fl_presence_end(s);
	else if (now_of(s) - s->sent_at < s->control->cfg.keepalive)
		arm_keepalive(s, s->sent_at);
	else
		send_keepalive(s);
}

static struct fl_session *session_new(struct fl_control *c, struct fl_http *x, fl_node_id node,
				      bool zstd)
{
	struct fl_session *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	if (fl_timer_init(&s->timer, c->core->loop, on_timer, s) != FL_OK) {
		free(s);
		return NULL;
	}
	s->control = c;
	s->x = x;
	s->node = node;
	s->zstd = zstd;
	s->since = fl_loop_wall(c->core->loop);
	return s;
}

struct fl_session *fl_session_ready(struct fl_control *c, fl_node_id node)
{
	struct fl_list *conns = fl_registry_conns(c->core->sessions, &node);

	for (struct fl_list *l = conns != NULL ? conns->prev : NULL; l != conns; l = l->prev) {
		struct fl_session *s = fl_list_entry(l, struct fl_session, conn.link);
		if (s->x != NULL && fl_list_linked(&s->link))
			return s;
	}
	return NULL;
}

/* Its map is on its way, the only thing that is pending. */
static void session_start(struct fl_session *s)
{
	struct fl_control *c = s->control;
	size_t bytes = fl_http_stream_pending(s->x);

	fl_presence_settled(s);
	fl_list_push(&c->view.sessions, &s->link);
	c->stats.sessions++;
	c->stats.sessions_opened++;
	c->stats.frames_full++;
	c->stats.bytes_sent += bytes;
	fl_trace_frame(&c->trace, c->core->loop, FL_FRAME_FULL, s->zstd, s->node, NULL, bytes);
	s->waits = bytes > 0;
	fl_http_on_gone(s->x, on_gone, s);
	if (s->waits)
		fl_http_on_drain(s->x, on_drain, s);
	note_sent(s);
	fl_pings_deliver(c, s->node);
}

/* Whoever asks for the first map must count as online in it. */
static enum fl_err first_map(struct fl_session *s, const struct fl_map_form *form)
{
	struct fl_control *c = s->control;
	const struct fl_node *self = fl_state_node(c->core->state, s->node);

	if (!fl_presence_enter(s))
		return FL_ERR_NOMEM;
	enum fl_err err = fl_control_send_map(c, s->x, self, form, QUEUE_MAX);
	if (err != FL_OK)
		fl_presence_abandon(s);
	return err;
}

void fl_session_open(struct fl_control *c, struct fl_http *x, fl_node_id node,
		     const struct fl_map_form *form, fl_time asked)
{
	struct fl_session *s = session_new(c, x, node, form->zstd);
	enum fl_err err = s != NULL ? first_map(s, form) : FL_ERR_NOMEM;

	if (err != FL_OK) {
		fl_log_warn("map could not be built", FL_LU("node.id", node),
			    FL_LS("reason", fl_err_text(err)));
		if (s != NULL)
			fl_timer_done(&s->timer);
		free(s);
		fl_control_refuse_map(x, err);
		return;
	}
	session_start(s);
	fl_delays_since(&c->trace.first_map, asked);
}
