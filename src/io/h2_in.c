/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2_in.c - what comes in on an HTTP/2 connection: nghttp2's callbacks, which only note what
 * happened, and the limits on what a peer may make us do.
 */
#include "io/h2_conn.h"

#include "base/text.h"

#include <stdlib.h>

enum {
	LIST_ENTRY = 32, /* RFC 9113 6.5.2 */
	/*
	 * Frames that cost us and not the peer, per minute: resets (rapid reset, and streams made
	 * to be reset by us), empty DATA, and all types that an honest client hardly ever sends.
	 */
	NUISANCE_MAX = 1000,
};

static void make_ready(struct fl_h2 *h, struct fl_h2_stream *s)
{
	fl_list_del(&s->todo);
	fl_list_push(&h->ready, &s->todo);
}

void fl_h2_refuse_body(struct fl_h2 *h, struct fl_h2_stream *s, unsigned verdict)
{
	fl_http_drop_request(&s->x);
	s->discard = true;
	s->x.verdict = (uint16_t)verdict;
	make_ready(h, s);
}

void fl_h2_terminate(struct fl_h2 *h, uint32_t code, enum fl_err why)
{
	if (fl_h2_usable(h))
		nghttp2_session_terminate_session(h->session, code);
	if (h->end == FL_OK)
		h->end = why;
}

static void count_nuisance(struct fl_h2 *h)
{
	fl_time now = fl_loop_now(h->loop);

	if (now - h->nuisance_since > FL_MIN) {
		h->nuisance_since = now;
		h->nuisance = 0;
	}
	if (++h->nuisance > NUISANCE_MAX)
		fl_h2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_PROTO);
}

static struct fl_h2_stream *find_stream(struct fl_h2 *h, int32_t id)
{
	return nghttp2_session_get_stream_user_data(h->session, id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct fl_h2 *h = ctx;

	h->list_bytes = 0;
	h->head_since = fl_loop_now(h->loop);
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;

	struct fl_h2_stream *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	fl_httpx_init(&s->x, &fl_h2_ops, h, h->loop, h->router, h->conn_ctx);
	s->x.meter = &h->meter;
	s->id = frame->hd.stream_id;
	fl_list_push(&h->streams, &s->link);
	fl_list_init(&s->todo);
	h->stream_count++;
	return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static enum fl_err note_field(struct fl_h2_stream *s, struct fl_slice name, struct fl_slice value)
{
	if (name.len == 0 || name.ptr[0] != ':')
		return fl_httpx_add_field(&s->x, name, value);
	if (fl_slice_is(name, ":method"))
		return fl_httpx_set_method(&s->x, value);
	if (fl_slice_is(name, ":path"))
		return fl_httpx_set_target(&s->x, value);
	return FL_OK; /* :scheme and :authority carry no authority, control.md 1.11 */
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	struct fl_h2 *h = ctx;
	struct fl_h2_stream *s = find_stream(h, frame->hd.stream_id);

	(void)session;
	(void)flags;
	h->list_bytes += name_len + value_len + LIST_ENTRY;
	if (h->list_bytes > FL_H2_HEADER_LIST_MAX) {
		fl_h2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_TOO_BIG);
		return 0;
	}
	if (s == NULL || s->head_whole || s->x.verdict != 0)
		return 0; /* trailers are not offered to handlers */

	enum fl_err err = note_field(s, fl_slice_of(name, name_len), fl_slice_of(value, value_len));
	if (err == FL_ERR_TOO_BIG)
		s->x.verdict = name[0] == ':' ? 414 : 431;
	else if (err != FL_OK)
		s->x.verdict = 503;
	return 0;
}

/* nghttp2 has checked that there is at most one, that it is a number, and that DATA will match. */
static bool announces_too_much(const struct fl_h2_stream *s)
{
	uint64_t n = 0;
	struct fl_slice text = fl_http_field(&s->x, "content-length");

	if (text.len == 0)
		return false;
	return fl_u64_parse(text, &n) != FL_OK || n > fl_httpx_body_max(&s->x);
}

static void note_head(struct fl_h2 *h, struct fl_h2_stream *s, bool whole)
{
	size_t held = sizeof *s + s->x.text.cap + s->x.field_cap * sizeof *s->x.fields;

	s->head_whole = true;
	s->body_whole = whole;
	s->head_at = fl_loop_now(h->loop);
	if (!fl_httpx_charge(&s->x, held) && s->x.verdict == 0)
		s->x.verdict = 429;
	fl_httpx_begin(&s->x);
	if (whole) {
		make_ready(h, s);
	} else if (s->x.verdict != 200 || fl_httpx_body_max(&s->x) == 0) {
		/* H-035.3: answered on the head alone */
		s->discard = true;
		make_ready(h, s);
	} else if (announces_too_much(s)) {
		fl_h2_refuse_body(h, s, 413);
	} else {
		fl_list_push(&h->gathering, &s->todo);
	}
}

static void note_body_end(struct fl_h2 *h, struct fl_h2_stream *s)
{
	s->body_whole = true;
	if (!s->discard)
		make_ready(h, s);
}

static void note_stream_frame(struct fl_h2 *h, const nghttp2_frame *frame)
{
	struct fl_h2_stream *s = find_stream(h, frame->hd.stream_id);
	bool end = frame->hd.flags & NGHTTP2_FLAG_END_STREAM;

	if (frame->hd.type == NGHTTP2_HEADERS)
		h->head_since = FL_NEVER;
	if (s == NULL)
		return;
	if (!s->head_whole)
		note_head(h, s, end);
	else if (end)
		note_body_end(h, s);
}

/* Already counted as a frame; the stream is about to close. */
static void note_reset(struct fl_h2 *h, int32_t id)
{
	struct fl_h2_stream *s = find_stream(h, id);

	if (s != NULL)
		s->reset_by_peer = true;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct fl_h2 *h = ctx;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		note_stream_frame(h, frame);
	else if (frame->hd.type == NGHTTP2_RST_STREAM)
		note_reset(h, frame->hd.stream_id);
	else if (frame->hd.type == NGHTTP2_SETTINGS)
		h->greeted = true;
	return 0;
}

/* Every frame of a known type as it begins, also those that nghttp2 then ignores. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *ctx)
{
	struct fl_h2 *h = ctx;

	(void)session;
	switch (hd->type) {
	case NGHTTP2_HEADERS:
	case NGHTTP2_CONTINUATION:  /* limited by themselves */
	case NGHTTP2_WINDOW_UPDATE: /* honest clients send one for each frame we send */
		return 0;
	case NGHTTP2_DATA:
		if (hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM)
			return 0;
		break;
	default:
		break;
	}
	count_nuisance(h);
	return 0;
}

/*
 * What breaks a rule is answered by a reset. That goes for streams over the limit too, as long as
 * the client has not acknowledged it, so such answers must not pile up for one who never reads.
 */
static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int why,
			    void *ctx)
{
	(void)session;
	(void)frame;
	(void)why;
	count_nuisance(ctx);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *ctx)
{
	struct fl_h2 *h = ctx;
	struct fl_h2_stream *s = find_stream(h, id);

	(void)flags;
	if (nghttp2_session_consume_connection(session, len) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (s == NULL || s->discard)
		return 0;

	struct fl_buf *body = &s->x.body;
	if (len > body->max - body->len) {
		fl_h2_refuse_body(h, s, 413);
		return 0;
	}
	if (len > h->limits.conn_body_max - h->meter.bodies) {
		fl_http_drop_request(&s->x);
		fl_list_del(&s->todo);
		s->discard = true;
		return nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	if (!fl_httpx_charge(&s->x, len)) {
		fl_h2_refuse_body(h, s, 429);
		return 0;
	}
	fl_buf_put(body, data, len);
	if (fl_buf_err(body) != FL_OK) {
		fl_h2_refuse_body(h, s, 503);
		return 0;
	}
	h->meter.bodies += len;
	return nghttp2_session_consume_stream(session, id, len);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct fl_h2 *h = ctx;
	struct fl_h2_stream *s = find_stream(h, id);

	if (s == NULL)
		return 0;
	if (code != NGHTTP2_NO_ERROR && !s->reset_by_peer)
		count_nuisance(h); /* made to be reset by us */
	if (s->answered)
		h->unsent--;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	fl_list_del(&s->todo);
	fl_list_del(&s->link);
	fl_list_push(&h->dead, &s->link);
	s->closed = true;
	if (--h->stream_count == 0)
		h->idle_since = fl_loop_now(h->loop);
	return 0;
}

static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct fl_h2 *h = ctx;

	if (frame->hd.type == NGHTTP2_GOAWAY && frame->goaway.error_code != NGHTTP2_NO_ERROR) {
		if (h->end == FL_OK)
			h->end = FL_ERR_PROTO;
		return 0;
	}
	if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS)
		return 0;
	if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM))
		return 0;

	/* Answered early: tell the client to stop sending (RFC 9113 8.1). */
	struct fl_h2_stream *s = find_stream(h, frame->hd.stream_id);
	if (s != NULL && !s->body_whole)
		return nghttp2_submit_rst_stream(session, 0, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

void fl_h2_set_callbacks(nghttp2_session_callbacks *cb)
{
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(cb, fl_h2_send_data);
}
