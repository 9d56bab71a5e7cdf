/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws.c - WebSocket messages as a byte stream, over wslay.
 *
 * wslay reads frames, checks the rules and answers pings. It takes its input from what the stream
 * below delivers, and payload is moved to the front of the same memory, so one delivery below is
 * one delivery above and nothing is kept. Data frames we write ourselves, in one piece with their
 * header; control frames leave whole in between.
 *
 * Source  docs/protocol/relay.md 4
 */
#include "io/stream_impl.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <wslay/wslay.h>

enum {
	MESSAGE_OUT_MAX = 32 << 10, /* what the reference's library takes by default */
	HEADER_MAX = 14,
	CONTROL_OUT_MAX = 1 << 20,
	FIN_BINARY = 0x82,
	MASKED = 0x80,
	LEN_16 = 126,
	CODE_NORMAL = 1000,
	CODE_UNSUPPORTED_DATA = 1003,
	CODE_TOO_BIG = 1009,
};

#define CLOSE_LINGER (2 * FL_SEC)

struct ws {
	struct fl_stream base;
	wslay_event_context_ptr events;
	bool client;
	bool in_control; /* the frame being read is a control frame */
	enum fl_err bad; /* why we refuse what the peer sends, FL_OK if we do not */
	size_t message_max, message_len;
	uint8_t *data; /* during input: read at in_at, payload up to out_len */
	size_t in_at, in_len, out_len;
	struct fl_buf control; /* during output: control frames */
};

static struct ws *ws_of(struct fl_stream *s)
{
	return fl_list_entry(s, struct ws, base);
}

/* ---- wslay's side ---- */

static ssize_t take_input(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, int flags,
			  void *user)
{
	struct ws *w = user;
	size_t n = w->in_len - w->in_at;

	(void)flags;
	if (n == 0) {
		wslay_event_set_error(ctx, WSLAY_ERR_WOULDBLOCK);
		return -1;
	}
	if (n > len)
		n = len;
	memcpy(buf, w->data + w->in_at, n);
	w->in_at += n;
	return (ssize_t)n;
}

static ssize_t give_output(wslay_event_context_ptr ctx, const uint8_t *data, size_t len, int flags,
			   void *user)
{
	struct ws *w = user;

	(void)flags;
	fl_buf_put(&w->control, data, len);
	if (fl_buf_err(&w->control) == FL_OK)
		return (ssize_t)len;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static int make_mask(wslay_event_context_ptr ctx, uint8_t *buf, size_t len, void *user)
{
	(void)user;
	if (RAND_bytes(buf, (int)len) == 1)
		return 0;
	wslay_event_set_error(ctx, WSLAY_ERR_CALLBACK_FAILURE);
	return -1;
}

static void refuse(struct ws *w, uint16_t code)
{
	w->bad = FL_ERR_PROTO;
	wslay_event_shutdown_read(w->events);
	(void)wslay_event_queue_close(w->events, code, NULL, 0);
}

static void on_frame(wslay_event_context_ptr ctx,
		     const struct wslay_event_on_frame_recv_start_arg *arg, void *user)
{
	struct ws *w = user;

	(void)ctx;
	w->in_control = wslay_is_ctrl_frame(arg->opcode);
	if (w->in_control)
		return;
	if (arg->opcode == WSLAY_TEXT_FRAME) {
		refuse(w, CODE_UNSUPPORTED_DATA);
		return;
	}
	if (arg->opcode != WSLAY_CONTINUATION_FRAME)
		w->message_len = 0;
	if (arg->payload_length > w->message_max - w->message_len)
		refuse(w, CODE_TOO_BIG);
	else
		w->message_len += (size_t)arg->payload_length;
}

static void on_chunk(wslay_event_context_ptr ctx,
		     const struct wslay_event_on_frame_recv_chunk_arg *arg, void *user)
{
	struct ws *w = user;

	(void)ctx;
	if (w->in_control || w->bad != FL_OK || arg->data_length == 0)
		return;
	/* It was taken from further behind in the same memory, since a header came before it. */
	assert(arg->data_length <= w->in_at - w->out_len);
	memcpy(w->data + w->out_len, arg->data, arg->data_length);
	w->out_len += arg->data_length;
}

static const struct wslay_event_callbacks callbacks = {
	.recv_callback = take_input,
	.send_callback = give_output,
	.genmask_callback = make_mask,
	.on_frame_recv_start_callback = on_frame,
	.on_frame_recv_chunk_callback = on_chunk,
};

/* Sends the control frames that wslay has ready. */
static enum fl_err flush_control(struct ws *w)
{
	if (!wslay_event_want_write(w->events))
		return FL_OK;
	w->control = fl_buf_make(CONTROL_OUT_MAX);
	enum fl_err err = wslay_event_send(w->events) == 0 ? FL_OK : FL_ERR_CLOSED;
	if (err == FL_OK)
		err = fl_stream_write(w->base.under, fl_buf_slice(&w->control));
	fl_buf_done(&w->control);
	return err;
}

/* ---- the stream below ---- */

/* What the frames read so far mean for the stream. FL_MORE: it goes on. */
static enum fl_err verdict(struct ws *w, int rc)
{
	if (rc != 0)
		return rc == WSLAY_ERR_NOMEM ? FL_ERR_NOMEM : FL_ERR_PROTO;
	if (w->bad != FL_OK)
		return w->bad;
	if (wslay_event_get_close_received(w->events))
		return FL_OK;
	return wslay_event_get_read_enabled(w->events) ? FL_MORE : FL_ERR_PROTO;
}

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct ws *w = ctx;
	struct fl_stream *s = &w->base;

	w->data = data;
	w->in_at = w->out_len = 0;
	w->in_len = len;
	enum fl_err err = verdict(w, wslay_event_recv(w->events));
	if (flush_control(w) != FL_OK && err == FL_MORE)
		err = FL_ERR_CLOSED;
	if (err != FL_MORE)
		fl_stream_ended(s, err);
	if (w->out_len > 0)
		s->owner->on_data(s->ctx, data, w->out_len);
	if (!s->closed)
		fl_stream_pump(s);
}

static void on_drain(void *ctx)
{
	struct ws *w = ctx;

	w->base.drained = true;
	fl_stream_pump(&w->base);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct ws *w = ctx;

	w->base.broken = w->base.broken || w->base.under->broken;
	fl_stream_ended(&w->base, why == FL_OK ? FL_ERR_CLOSED : why); /* no close frame came */
	fl_stream_pump(&w->base);
}

static const struct fl_stream_owner under_owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

/* ---- the stream above ---- */

static size_t put_header(uint8_t *out, size_t len, const uint8_t mask[4])
{
	size_t at = 2;

	static_assert(MESSAGE_OUT_MAX <= UINT16_MAX, "longer messages need a longer header");
	out[0] = FIN_BINARY;
	if (len < LEN_16) {
		out[1] = (uint8_t)len;
	} else {
		out[1] = LEN_16;
		out[at++] = (uint8_t)(len >> 8);
		out[at++] = (uint8_t)len;
	}
	if (mask != NULL) {
		out[1] |= MASKED;
		memcpy(out + at, mask, 4);
		at += 4;
	}
	return at;
}

/* One message in one piece. */
static enum fl_err write_message(struct ws *w, struct fl_slice data, uint8_t *frame)
{
	uint8_t mask[4];

	if (w->client && RAND_bytes(mask, sizeof mask) != 1)
		return fl_stream_broke(&w->base, FL_ERR_CLOSED);
	size_t at = put_header(frame, data.len, w->client ? mask : NULL);
	memcpy(frame + at, data.ptr, data.len);
	for (size_t i = 0; w->client && i < data.len; i++)
		frame[at + i] ^= mask[i % sizeof mask];
	enum fl_err err = fl_stream_write(w->base.under, fl_slice_of(frame, at + data.len));
	return err == FL_OK ? FL_OK : fl_stream_broke(&w->base, err);
}

static enum fl_err ws_write(struct fl_stream *s, struct fl_slice data)
{
	struct ws *w = ws_of(s);
	size_t most = data.len < MESSAGE_OUT_MAX ? data.len : MESSAGE_OUT_MAX;

	if (wslay_event_get_close_sent(w->events))
		return FL_ERR_CLOSED;
	uint8_t *frame = malloc(HEADER_MAX + most);
	if (frame == NULL)
		return fl_stream_broke(s, FL_ERR_NOMEM);
	enum fl_err err = FL_OK;
	while (data.len > 0 && err == FL_OK) {
		size_t n = data.len < MESSAGE_OUT_MAX ? data.len : MESSAGE_OUT_MAX;
		err = write_message(w, fl_slice_of(data.ptr, n), frame);
		data = fl_slice_skip(data, n);
	}
	free(frame);
	return err;
}

static size_t ws_pending(const struct fl_stream *s)
{
	return fl_stream_pending(s->under);
}

/* A delivery from below is passed on whole, so there is never anything left to pull. */
static bool ws_holds(const struct fl_stream *s)
{
	(void)s;
	return false;
}

static void ws_pull(struct fl_stream *s)
{
	(void)s;
}

static void ws_rearm(struct fl_stream *s)
{
	fl_stream_pause(s->under, !fl_stream_wants(s));
}

static void free_ws(void *ctx)
{
	struct ws *w = ctx;

	wslay_event_context_free(w->events);
	free(w);
}

/* The memory goes from the loop, since this may run below one of our own calls. */
static void close_with(struct ws *w, uint16_t code, int64_t linger)
{
	if (!w->base.broken && wslay_event_queue_close(w->events, code, NULL, 0) == 0)
		(void)!flush_control(w);
	fl_stream_close(w->base.under, linger);
	w->base.work.fn = free_ws;
	w->base.work.ctx = w;
	fl_loop_defer(w->base.loop, &w->base.work);
}

static void ws_close(struct fl_stream *s, int64_t linger)
{
	close_with(ws_of(s), CODE_NORMAL, linger);
}

static const struct fl_stream_ops ws_ops = {
	.write = ws_write,
	.pending = ws_pending,
	.pull = ws_pull,
	.holds = ws_holds,
	.rearm = ws_rearm,
	.close = ws_close,
};

struct fl_stream *fl_ws_close(struct fl_stream *s, uint16_t code)
{
	if (s == NULL || s->closed || s->ops != &ws_ops)
		return fl_stream_close(s, CLOSE_LINGER);
	s->closed = true;
	s->owner = NULL;
	fl_stream_done(s);
	close_with(ws_of(s), code, CLOSE_LINGER);
	return NULL;
}

static struct ws *ws_new(struct fl_stream *under, size_t message_max, bool client)
{
	struct ws *w = calloc(1, sizeof *w);
	if (w == NULL)
		return NULL;

	int rc = client ? wslay_event_context_client_init(&w->events, &callbacks, w)
			: wslay_event_context_server_init(&w->events, &callbacks, w);
	if (rc != 0) {
		free(w);
		return NULL;
	}
	wslay_event_config_set_no_buffering(w->events, 1);
	fl_stream_init(&w->base, &ws_ops, under->loop);
	w->base.under = under;
	w->client = client;
	w->message_max = message_max;
	return w;
}

enum fl_err fl_ws_wrap(struct fl_stream *under, struct fl_slice early, size_t message_max,
		       bool client, struct fl_stream **out)
{
	struct ws *w = ws_new(under, message_max, client);
	enum fl_err err = w != NULL ? fl_stream_own(under, &under_owner, w, early) : FL_ERR_NOMEM;

	if (err != FL_OK) {
		if (w != NULL)
			free_ws(w);
		fl_stream_close(under, 0);
		return err;
	}
	fl_stream_pause(under, true); /* until there is an owner above */
	*out = &w->base;
	return FL_OK;
}
