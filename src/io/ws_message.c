/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws_message.c - WebSocket messages over a stream.
 *
 * What arrives is cut into frames at once, whether or not the owner wants messages, so that pings
 * are answered and a close is heard; messages that nobody wants yet are held. The stream below goes
 * first (`under` is NULL from then on), then the end is told, then the owner frees; after
 * fl_wsm_close there is no owner, and who is last frees from the loop, since our own calls may be
 * below on the stack.
 */
#include "io/ws_message.h"

#include "crypto/prim.h"
#include "io/loop_impl.h"
#include "io/ws_frame.h"

#include <stdlib.h>

enum {
	HELD_MAX = 64 << 10, /* from here on nothing is read */
	CONTROLS_MAX = 64,
	LENGTH_WIDTH = 4,
};

#define CLOSE_LINGER (2 * FL_SEC)

struct fl_wsm {
	struct fl_loop *loop;
	struct fl_stream *under;
	struct fl_wsm_config cfg;
	const struct fl_wsm_owner
		*owner; /* NULL: nobody listens, only the peer's close is awaited */
	void *ctx;
	struct fl_deferred work;
	struct fl_timer timer;       /* pings, or the wait for the peer's close */
	struct fl_timer stall;       /* while something is queued */
	struct fl_tick_hook at_free; /* while closing without an owner */
	/* reading */
	uint8_t head[FL_WS_HEAD_MAX], head_len;
	bool in_frame, in_message;
	struct fl_ws_head frame;
	uint64_t frame_at;              /* bytes of its payload so far */
	struct fl_buf message, control; /* what came in pieces */
	struct fl_buf held;             /* whole messages, each behind its length */
	/* life */
	fl_time pinged;
	bool awaits_pong, paused, full, said_close, ended, told;
	unsigned controls; /* of ours, since all was taken */
	enum fl_err end;
	uint16_t end_code;
	struct fl_buf end_reason;
};

/* ---- the end ---- */

static void free_wsm(void *ctx)
{
	struct fl_wsm *w = ctx;

	fl_timer_done(&w->timer);
	fl_timer_done(&w->stall);
	fl_loop_hook_del(&w->at_free);
	fl_deferred_cancel(&w->work);
	fl_buf_done(&w->message);
	fl_buf_done(&w->control);
	fl_buf_done(&w->held);
	fl_buf_done(&w->end_reason);
	free(w);
}

static void free_later(struct fl_wsm *w)
{
	w->work.fn = free_wsm;
	fl_loop_defer(w->loop, &w->work);
}

static void pump_later(struct fl_wsm *w)
{
	fl_loop_defer(w->loop, &w->work);
}

/* The connection is over. Only the first end counts. */
static void end(struct fl_wsm *w, enum fl_err err, uint16_t code, struct fl_slice reason,
		int64_t linger)
{
	if (w->ended)
		return;
	w->ended = true;
	w->end = err;
	w->end_code = code;
	fl_buf_put(&w->end_reason, reason.ptr, reason.len); /* without memory it is only lost */
	fl_timer_stop(&w->timer);
	fl_timer_stop(&w->stall);
	w->under = fl_stream_close(w->under, linger);
	if (w->owner == NULL)
		free_later(w);
	else
		pump_later(w);
}

/* ---- writing ---- */

/* One frame in one piece, so that it is one record and one call. */
static enum fl_err write_frame(struct fl_wsm *w, uint8_t opcode, struct fl_slice payload)
{
	uint8_t mask[4], head[FL_WS_HEAD_MAX];

	if (w->cfg.client)
		fl_random(mask, sizeof mask);
	size_t at = fl_ws_head_encode(opcode, payload.len, w->cfg.client ? mask : NULL, head);
	uint8_t *frame = malloc(at + payload.len);
	if (frame == NULL)
		return FL_ERR_NOMEM;
	memcpy(frame, head, at);
	if (payload.len > 0)
		memcpy(frame + at, payload.ptr, payload.len);
	if (w->cfg.client)
		fl_ws_mask(mask, 0, frame + at, payload.len);
	enum fl_err err = fl_stream_write(w->under, fl_slice_of(frame, at + payload.len));
	free(frame);
	if (w->cfg.write_within > 0 && fl_stream_pending(w->under) > 0 &&
	    !fl_timer_armed(&w->stall))
		fl_timer_start(&w->stall, w->cfg.write_within);
	return err;
}

static void on_stall(void *ctx)
{
	struct fl_wsm *w = ctx;
	int64_t left = w->cfg.write_within - fl_stream_stalled(w->under);

	if (fl_stream_pending(w->under) == 0)
		return;
	if (left > 0)
		fl_timer_start(&w->stall, left);
	else
		end(w, FL_ERR_TIMEOUT, FL_WS_CUT, (struct fl_slice){ 0 }, 0);
}

/* A stream that fails tells its end; without memory the frame is only lost. */
static void write_control(struct fl_wsm *w, uint8_t opcode, struct fl_slice payload)
{
	if (fl_stream_pending(w->under) == 0)
		w->controls = 0;
	if (w->controls >= CONTROLS_MAX)
		return;
	w->controls++;
	(void)!write_frame(w, opcode, payload);
}

static void write_close(struct fl_wsm *w, uint16_t code, struct fl_slice reason)
{
	uint8_t payload[FL_WS_CONTROL_MAX];
	size_t len = code != FL_WS_NO_CODE ? fl_ws_close_encode(code, reason, payload) : 0;

	if (w->said_close)
		return;
	w->said_close = true;
	w->controls = 0; /* this one has its place in any case */
	write_control(w, FL_WS_CLOSE, fl_slice_of(payload, len));
}

enum fl_err fl_wsm_send(struct fl_wsm *w, struct fl_slice message)
{
	if (w->ended || w->said_close)
		return FL_ERR_CLOSED;
	size_t pending = fl_stream_pending(w->under);
	if (pending > w->cfg.pending_max || message.len > w->cfg.pending_max - pending)
		return FL_ERR_FULL;
	return write_frame(w, FL_WS_BINARY, message);
}

/* ---- pings ---- */

static void on_timer(void *ctx)
{
	struct fl_wsm *w = ctx;

	if (w->owner == NULL || (w->awaits_pong && !w->full)) {
		end(w, FL_ERR_TIMEOUT, FL_WS_CUT, (struct fl_slice){ 0 }, 0);
		return;
	}
	if (!w->awaits_pong) {
		w->awaits_pong = true;
		w->pinged = fl_loop_now(w->loop);
		write_control(w, FL_WS_PING, (struct fl_slice){ 0 });
	}
	fl_timer_start(&w->timer, w->cfg.pong_within);
}

static void on_pong(struct fl_wsm *w)
{
	if (!w->awaits_pong || w->owner == NULL)
		return;
	w->awaits_pong = false;
	int64_t left = w->cfg.ping_every - (fl_loop_now(w->loop) - w->pinged);
	fl_timer_start(&w->timer, left > 0 ? left : 0);
}

/* ---- what frames mean ---- */

static void refuse(struct fl_wsm *w, uint16_t code, enum fl_err err)
{
	write_close(w, code, (struct fl_slice){ 0 });
	end(w, err, FL_WS_CUT, (struct fl_slice){ 0 }, CLOSE_LINGER);
}

static void on_close(struct fl_wsm *w, struct fl_slice payload)
{
	uint16_t code, bad;
	struct fl_slice reason;

	if (fl_ws_close_decode(payload, &code, &reason, &bad) != FL_OK) {
		refuse(w, bad, FL_ERR_PROTO);
		return;
	}
	write_close(w, code, (struct fl_slice){ 0 });
	end(w, FL_OK, code, reason, CLOSE_LINGER);
}

static void on_control(struct fl_wsm *w, struct fl_slice payload)
{
	switch (w->frame.opcode) {
	case FL_WS_PING:
		if (!w->said_close)
			write_control(w, FL_WS_PONG, payload);
		break;
	case FL_WS_PONG:
		on_pong(w);
		break;
	default:
		on_close(w, payload);
		break;
	}
}

static void hold(struct fl_wsm *w, struct fl_slice message)
{
	fl_buf_be(&w->held, message.len, LENGTH_WIDTH);
	fl_buf_put(&w->held, message.ptr, message.len);
	if (fl_buf_err(&w->held) != FL_OK)
		refuse(w, FL_WS_TOO_BIG, FL_ERR_NOMEM);
}

static void on_message(struct fl_wsm *w, struct fl_slice message)
{
	if (w->owner == NULL)
		return;
	if (w->paused || w->held.len > 0)
		hold(w, message);
	else
		w->owner->on_message(w->ctx, message);
}

/* ---- cutting frames ---- */

/* Is the frame that begins allowed here? Gives the close code that refuses it, or 0. */
static uint16_t judge_head(const struct fl_wsm *w)
{
	const struct fl_ws_head *f = &w->frame;

	if (f->masked == w->cfg.client) /* RFC 6455 5.1: clients mask, servers do not */
		return FL_WS_PROTOCOL_ERROR;
	if (fl_ws_is_control(f))
		return 0;
	if (f->opcode == FL_WS_TEXT)
		return FL_WS_UNSUPPORTED_DATA;
	if ((f->opcode == FL_WS_CONTINUATION) != w->in_message)
		return FL_WS_PROTOCOL_ERROR;
	return f->len > w->cfg.message_max - w->message.len ? FL_WS_TOO_BIG : 0;
}

static size_t take_head(struct fl_wsm *w, const uint8_t *p, size_t n)
{
	size_t room = sizeof w->head - w->head_len, used;
	size_t add = n < room ? n : room;

	memcpy(w->head + w->head_len, p, add);
	enum fl_err err =
		fl_ws_head_decode(fl_slice_of(w->head, w->head_len + add), &w->frame, &used);
	if (err == FL_MORE) {
		w->head_len = (uint8_t)(w->head_len + add);
		return add;
	}
	uint16_t code = err == FL_OK ? judge_head(w) : FL_WS_PROTOCOL_ERROR;
	if (code != 0) {
		refuse(w, code, code == FL_WS_TOO_BIG ? FL_ERR_TOO_BIG : FL_ERR_PROTO);
		return n;
	}
	used -= w->head_len;
	w->head_len = 0;
	w->in_frame = true;
	w->frame_at = 0;
	return used;
}

/* The payload so far, in one piece: where it lies, or gathered in `b`. */
static struct fl_slice gather(struct fl_buf *b, struct fl_slice piece, bool whole)
{
	if (whole && b->len == 0)
		return piece;
	fl_buf_put(b, piece.ptr, piece.len);
	return fl_buf_slice(b);
}

static size_t take_payload(struct fl_wsm *w, uint8_t *p, size_t n)
{
	bool is_control = fl_ws_is_control(&w->frame);
	struct fl_buf *b = is_control ? &w->control : &w->message;

	if (n > w->frame.len - w->frame_at)
		n = (size_t)(w->frame.len - w->frame_at);
	if (w->frame.masked)
		fl_ws_mask(w->frame.mask, w->frame_at, p, n);
	w->frame_at += n;
	bool frame_over = w->frame_at == w->frame.len;
	bool whole = frame_over && w->frame.fin;
	struct fl_slice all = { 0 };
	if (is_control || w->owner != NULL) /* nobody wants more messages otherwise */
		all = gather(b, fl_slice_of(p, n), whole);
	if (fl_buf_err(b) != FL_OK) {
		refuse(w, FL_WS_TOO_BIG, fl_buf_err(b));
		return n;
	}
	w->in_frame = !frame_over;
	if (!is_control)
		w->in_message = !whole;
	if (!whole)
		return n;
	if (is_control)
		on_control(w, all);
	else
		on_message(w, all);
	fl_buf_done(b);
	return n;
}

static void take_input(struct fl_wsm *w, uint8_t *p, size_t n)
{
	/* A frame without payload is over with its head. */
	while (!w->ended && (n > 0 || (w->in_frame && w->frame.len == w->frame_at))) {
		size_t used = w->in_frame ? take_payload(w, p, n) : take_head(w, p, n);
		p += used;
		n -= used;
	}
}

/* ---- delivering ---- */

static uint32_t read_length(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Hands on what was held until the owner pauses or leaves. */
static void deliver_held(struct fl_wsm *w)
{
	struct fl_buf held = w->held; /* apart, since the owner may free the connection */
	size_t at = 0;

	w->held = fl_buf_make(held.max);
	while (at < held.len && w->owner != NULL && !w->paused) {
		size_t len = read_length(held.ptr + at);
		at += LENGTH_WIDTH;
		w->owner->on_message(w->ctx, fl_slice_of(held.ptr + at, len));
		at += len;
	}
	if (at < held.len && w->owner != NULL) {
		fl_buf_consume(&held, at);
		w->held = held;
	} else {
		fl_buf_done(&held);
	}
}

/* Stops reading or goes on: a pong may lie behind what was not read, so it gets its time anew. */
static void throttle(struct fl_wsm *w)
{
	bool full = w->held.len >= HELD_MAX;

	if (full == w->full)
		return;
	w->full = full;
	fl_stream_pause(w->under, full);
	if (!full && w->awaits_pong)
		fl_timer_start(&w->timer, w->cfg.pong_within);
}

static void pump(struct fl_wsm *w)
{
	if (!w->paused && w->held.len > 0)
		deliver_held(w);
	if (w->owner != NULL && w->ended && !w->told && w->held.len == 0) {
		w->told = true;
		w->owner->on_end(w->ctx, w->end, w->end_code, fl_buf_slice(&w->end_reason));
	}
	if (w->owner != NULL && w->under != NULL)
		throttle(w);
}

static void on_work(void *ctx)
{
	pump(ctx);
}

size_t fl_wsm_pending(const struct fl_wsm *w)
{
	return w->under != NULL ? fl_stream_pending(w->under) : 0;
}

void fl_wsm_pause(struct fl_wsm *w, bool paused)
{
	if (w->paused == paused)
		return;
	w->paused = paused;
	if (!paused)
		pump_later(w);
}

/* ---- the stream below ---- */

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct fl_wsm *w = ctx;

	take_input(w, data, len);
	if (w->owner != NULL)
		pump(w);
}

static void on_drain(void *ctx)
{
	struct fl_wsm *w = ctx;

	w->controls = 0;
	if (w->owner != NULL && w->owner->on_drain != NULL)
		w->owner->on_drain(w->ctx);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct fl_wsm *w = ctx;

	end(w, why == FL_OK ? FL_ERR_CLOSED : why, FL_WS_CUT, (struct fl_slice){ 0 }, 0);
}

static const struct fl_stream_owner under_owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

/* ---- life ---- */

static struct fl_wsm *make(struct fl_stream *under, const struct fl_wsm_config *cfg,
			   const struct fl_wsm_owner *owner, void *ctx)
{
	struct fl_wsm *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;
	w->loop = fl_stream_loop(under);
	if (fl_timer_init(&w->timer, w->loop, on_timer, w) != FL_OK ||
	    fl_timer_init(&w->stall, w->loop, on_stall, w) != FL_OK) {
		fl_timer_done(&w->timer);
		free(w);
		return NULL;
	}
	w->under = under;
	w->cfg = *cfg;
	w->owner = owner;
	w->ctx = ctx;
	w->work = (struct fl_deferred){ .fn = on_work, .ctx = w };
	w->message = fl_buf_make(cfg->message_max);
	w->control = fl_buf_make(FL_WS_CONTROL_MAX);
	w->held = fl_buf_make(SIZE_MAX / 2); /* reading stops at HELD_MAX */
	w->end_reason = fl_buf_make(FL_WS_REASON_MAX);
	return w;
}

enum fl_err fl_wsm_new(struct fl_stream *under, struct fl_slice early,
		       const struct fl_wsm_config *cfg, const struct fl_wsm_owner *owner, void *ctx,
		       struct fl_wsm **out)
{
	struct fl_wsm *w = make(under, cfg, owner, ctx);
	enum fl_err err = w != NULL ? fl_stream_own(under, &under_owner, w, early) : FL_ERR_NOMEM;

	if (err != FL_OK) {
		if (w != NULL)
			free_wsm(w);
		fl_stream_close(under, 0);
		return err;
	}
	/* Records and control frames come on top of messages. */
	fl_stream_limit(under, cfg->pending_max + cfg->pending_max / 8 + HELD_MAX);
	if (cfg->ping_every > 0)
		fl_timer_start(&w->timer, cfg->ping_every);
	*out = w;
	return FL_OK;
}

static void on_loop_freed(void *ctx)
{
	struct fl_wsm *w = ctx;

	w->under = fl_stream_close(w->under, 0);
	free_wsm(w);
}

struct fl_wsm *fl_wsm_close(struct fl_wsm *w, uint16_t code, const char *reason)
{
	if (w == NULL || w->owner == NULL)
		return NULL;
	w->owner = NULL;
	fl_deferred_cancel(&w->work);
	fl_buf_done(&w->held);
	if (w->ended) {
		free_later(w);
		return NULL;
	}
	fl_timer_start(&w->timer, CLOSE_LINGER);
	w->at_free = (struct fl_tick_hook){ .fn = on_loop_freed, .ctx = w };
	fl_loop_at_free(w->loop, &w->at_free);
	write_close(w, code, fl_slice_str(reason));
	fl_stream_pause(w->under, false);
	return NULL;
}
