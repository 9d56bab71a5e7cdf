/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2_out.c - answers and the output of an HTTP/2 connection.
 *
 * Chunks stay counted until their DATA frame is made; then they are copied once, straight into
 * the batch that the transport seals, and only when it has room. So a batch lives for one flush;
 * the loop keeps a small one for the next connection that needs it.
 */
#include "io/h2_conn.h"
#include "io/loop_impl.h"

#include "base/prefetch.h"
#include "base/text.h"

#include <stdio.h>

enum {
	FRAME_HEAD_LEN = 9,
	TRANSPORT_HEAD = 128,                     /* of what the transport is, as far as we care */
	SPARE_MAX = 16 << 10,                     /* a larger batch is not kept */
	NV_MAX = FL_HTTPX_ANSWER_FIELDS_MAX + 24, /* with status, length and common fields */
};

static struct fl_h2_stream *stream_of(struct fl_http *x)
{
	return (struct fl_h2_stream *)x;
}

/* ---- output ---- */

/* Takes what nghttp2 wants to send, about one batch. False when it has nothing now. */
static bool pull(struct fl_h2 *h)
{
	while (!h->spent && h->out.len < FL_H2_BATCH && fl_h2_usable(h)) {
		const uint8_t *p = NULL;
		ssize_t n = nghttp2_session_mem_send(h->session, &p);
		if (n == 0)
			break;
		if (n > 0)
			fl_buf_put(&h->out, p, (size_t)n);
		if (n < 0 || fl_buf_err(&h->out) != FL_OK) {
			if (h->end == FL_OK)
				h->end = FL_ERR_NOMEM;
			return false;
		}
	}
	return h->out.len > 0 && fl_h2_usable(h);
}

static void take_batch(struct fl_h2 *h)
{
	if (h->out.ptr != NULL)
		return;
	h->out = h->loop->spare;
	h->out.max = FL_H2_OUT_MAX;
	h->loop->spare = fl_buf_make(FL_H2_OUT_MAX);
}

/* Gives an empty batch back. */
static void leave_batch(struct fl_h2 *h)
{
	struct fl_buf *spare = &h->loop->spare;

	if (h->out.ptr != NULL && h->out.cap <= SPARE_MAX && spare->ptr == NULL) {
		fl_buf_reset(&h->out);
		*spare = h->out;
		h->out = fl_buf_make(FL_H2_OUT_MAX);
	}
	fl_buf_done(&h->out);
}

static void tell_drained(struct fl_h2 *h)
{
	struct fl_list now;

	/* A paced sender queues more at once; that waits for the next round. */
	fl_list_init(&now);
	for (struct fl_list *l = fl_list_pop(&h->drained); l != NULL; l = fl_list_pop(&h->drained))
		fl_list_push(&now, l);
	for (struct fl_list *l = fl_list_pop(&now); l != NULL; l = fl_list_pop(&now)) {
		struct fl_http *x = &fl_list_entry(l, struct fl_h2_stream, todo)->x;
		if (x->pending == 0 && !fl_httpx_released(x) && x->on_drain != NULL)
			x->on_drain(x->drain_ctx);
	}
}

static bool is_full(struct fl_h2 *h)
{
	h->blocked = h->transport.full != NULL && h->transport.full(h->transport.ctx);
	if (h->blocked)
		h->blocked_since = fl_loop_now(h->loop);
	return h->blocked;
}

static bool send_batch(struct fl_h2 *h)
{
	enum fl_err err = h->transport.send(h->transport.ctx, fl_buf_slice(&h->out));

	fl_buf_reset(&h->out);
	if (err != FL_OK && h->end == FL_OK)
		h->end = err;
	return err == FL_OK;
}

void fl_h2_flush(struct fl_h2 *h)
{
	if (h->blocked)
		return;
	take_batch(h);
	h->spent = false;
	while (!is_full(h) && pull(h) && send_batch(h))
		;
	leave_batch(h);
	if (!h->blocked)
		tell_drained(h);
}

void fl_h2_flush_later(struct fl_h2 *h)
{
	h->dirty = true;
	if (h->busy == 0 && !h->blocked && !h->closing)
		fl_loop_defer(h->loop, &h->later);
}

/* ---- bodies ---- */

static ssize_t read_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t len,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	struct fl_h2_stream *s = source->ptr;
	struct fl_http *x = &s->x;
	bool ended = fl_httpx_released(x);

	(void)session;
	(void)id;
	(void)buf;
	(void)ctx;
	if (x->pending == 0 && !ended) {
		s->parked = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (x->pending <= len && ended)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)(x->pending < len ? x->pending : len);
}

int fl_h2_send_data(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *head, size_t len,
		    nghttp2_data_source *source, void *ctx)
{
	struct fl_h2 *h = ctx;
	struct fl_h2_stream *s = source->ptr;

	(void)session;
	(void)frame; /* padding is never asked for */
	if (fl_buf_reserve(&h->out, FRAME_HEAD_LEN + len) != FL_OK)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	fl_buf_put(&h->out, head, FRAME_HEAD_LEN);
	fl_httpx_put_front(&s->x, len, &h->out);
	if (len > 0 && s->x.pending == 0) {
		fl_list_del(&s->todo);
		fl_list_push(&h->drained, &s->todo);
	}
	/*
	 * nghttp2 sends DATA when it has nothing else. If the only stream has no more, asking again
	 * would merely park it, and the next chunk would have to wake it.
	 */
	h->spent = h->stream_count == 1 && s->x.pending == 0 && !fl_httpx_released(&s->x);
	return !h->spent && h->out.len < FL_H2_BATCH ? 0 : NGHTTP2_ERR_PAUSE;
}

/* ---- answers ---- */

static nghttp2_nv make_nv(const char *name, const char *value)
{
	/* nghttp2 copies both and lowers the name. */
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.namelen = strlen(name),
		.value = (uint8_t *)(uintptr_t)value,
		.valuelen = strlen(value),
	};
}

/* Fields that speak of the connection are malformed in HTTP/2 (RFC 9113 8.2.2). */
static bool belongs_to_connection(const char *name)
{
	static const char *const names[] = { "connection", "keep-alive", "proxy-connection",
					     "transfer-encoding", "upgrade" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (fl_str_ieq(fl_slice_str(name), fl_slice_str(names[i])))
			return true;
	return false;
}

static size_t collect_fields(const struct fl_http *x, nghttp2_nv *nv, size_t count)
{
	const char *name, *value;

	for (size_t at = 0; count < NV_MAX && fl_httpx_answer_next(x, &at, &name, &value);)
		if (!belongs_to_connection(name))
			nv[count++] = make_nv(name, value);
	return count;
}

static void start(struct fl_http *x)
{
	struct fl_h2 *h = x->conn;
	struct fl_h2_stream *s = stream_of(x);
	nghttp2_nv nv[NV_MAX];
	char status[8], length[24];
	size_t count = 0;

	if (s->closed || !fl_h2_usable(h))
		return;
	snprintf(status, sizeof status, "%03u", x->status);
	nv[count++] = make_nv(":status", status);
	if (x->sized) {
		snprintf(length, sizeof length, "%zu", x->size);
		nv[count++] = make_nv("content-length", length);
	}
	count = collect_fields(x, nv, count);

	const nghttp2_data_provider provider = { .source.ptr = s, .read_callback = read_body };
	bool empty = fl_httpx_released(x) && x->pending == 0;
	if (nghttp2_submit_response(h->session, s->id, nv, count, empty ? NULL : &provider) != 0 &&
	    fl_h2_usable(h))
		nghttp2_submit_rst_stream(h->session, 0, s->id, NGHTTP2_INTERNAL_ERROR);
	fl_buf_done(&x->answer);
	fl_h2_note_answered(h, s);
	fl_h2_flush_later(h);
}

static void kick(struct fl_http *x)
{
	struct fl_h2 *h = x->conn;
	struct fl_h2_stream *s = stream_of(x);

	if (s->closed || !fl_h2_usable(h))
		return;
	if (s->parked) {
		s->parked = false;
		nghttp2_session_resume_data(h->session, s->id);
	}
	fl_h2_note_answered(h, s);
	fl_h2_flush_later(h);
	/*
	 * Where many are told the same nothing was touched for long, and the flush of each ends in
	 * a system call, behind which its waits for memory cannot hide. Here those of several can:
	 * this looks up what nghttp2 will look up for the frame.
	 */
	(void)nghttp2_session_get_stream_user_data(h->session, s->id);
	fl_prefetch(h->transport.ctx, TRANSPORT_HEAD);
}

static void ahead(const struct fl_http *x)
{
	fl_prefetch(x->conn, sizeof(struct fl_h2));
}

static void abort_stream(struct fl_http *x)
{
	struct fl_h2 *h = x->conn;
	struct fl_h2_stream *s = stream_of(x);

	if (s->closed || !fl_h2_usable(h))
		return;
	nghttp2_submit_rst_stream(h->session, 0, s->id, NGHTTP2_INTERNAL_ERROR);
	s->cut = true;
	fl_h2_note_answered(h, s);
	fl_h2_flush_later(h);
}

const struct fl_httpx_ops fl_h2_ops = {
	.start = start,
	.kick = kick,
	.abort = abort_stream,
	.ahead = ahead,
	.h2 = true,
};
