/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2.c - the HTTP/2 server connection: what comes in, when handlers run, when it ends.
 *
 * nghttp2 does framing, HPACK and the state of streams. Its callbacks only note what happened
 * (lists `ready` and `dead`); handlers run after the library has returned, so that whatever they
 * call cannot re-enter it. Output is in h2_out.c.
 */
#include "io/h2_conn.h"

#include "base/text.h"

#include <stdlib.h>

enum {
	STREAM_WINDOW =
		1 << 20,       /* control.md 1.9; also the most that is read of an unwanted body */
	CONN_WINDOW = 1 << 20, /* consumed at once, so this bounds only what is in flight */
	FRAME_MAX = 16384,
	HEADER_LIST_MAX = 64 << 10, /* over it the connection ends; over FL_HTTP_HEAD_MAX 431 */
	LIST_ENTRY = 32,            /* RFC 9113 6.5.2 */
	ACKS_MAX = 64,              /* answers to PING and SETTINGS that may wait */
	CONTINUATIONS_MAX = 8,
	/*
	 * Frames that cost us and not the peer, per minute: resets (rapid reset, and streams made
	 * to be reset by us), empty DATA, and all types that an honest client hardly ever sends.
	 */
	NUISANCE_MAX = 1000,
};

/* ---- noting ---- */

static void make_ready(struct fl_h2 *h, struct fl_h2_stream *s)
{
	fl_list_del(&s->todo);
	fl_list_push(&h->ready, &s->todo);
}

/* The body is not wanted, or no longer: later DATA is dropped and earns no window. */
static void refuse_body(struct fl_h2 *h, struct fl_h2_stream *s, unsigned verdict)
{
	fl_http_drop_request(&s->x);
	s->discard = true;
	s->x.verdict = (uint16_t)verdict;
	make_ready(h, s);
}

static void terminate(struct fl_h2 *h, uint32_t code, enum fl_err why)
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
		terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_PROTO);
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
	s->x.body_total = &h->body_bytes;
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
	if (h->list_bytes > HEADER_LIST_MAX) {
		terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_TOO_BIG);
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
	s->head_whole = true;
	s->body_whole = whole;
	s->head_at = fl_loop_now(h->loop);
	fl_httpx_begin(&s->x);
	if (whole) {
		make_ready(h, s);
	} else if (s->x.verdict != 200 || fl_httpx_body_max(&s->x) == 0) {
		/* H-035.3: answered on the head alone */
		s->discard = true;
		make_ready(h, s);
	} else if (announces_too_much(s)) {
		refuse_body(h, s, 413);
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

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *ctx)
{
	struct fl_h2 *h = ctx;

	(void)session;
	if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
		note_stream_frame(h, frame);
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
	case NGHTTP2_RST_STREAM:    /* counted by the streams they close */
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
		refuse_body(h, s, 413);
		return 0;
	}
	if (len > h->limits.conn_body_max - h->body_bytes) {
		fl_http_drop_request(&s->x);
		fl_list_del(&s->todo);
		s->discard = true;
		return nghttp2_submit_rst_stream(session, 0, id, NGHTTP2_ENHANCE_YOUR_CALM);
	}
	fl_buf_put(body, data, len);
	if (fl_buf_err(body) != FL_OK) {
		refuse_body(h, s, 503);
		return 0;
	}
	h->body_bytes += len;
	return nghttp2_session_consume_stream(session, id, len);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *ctx)
{
	struct fl_h2 *h = ctx;
	struct fl_h2_stream *s = find_stream(h, id);

	if (code != NGHTTP2_NO_ERROR)
		count_nuisance(h);
	if (s == NULL)
		return 0;
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

/* ---- running ---- */

static void free_stream(struct fl_h2_stream *s)
{
	fl_list_del(&s->link);
	fl_list_del(&s->todo);
	fl_httpx_done(&s->x);
	free(s);
}

static void run_ready(struct fl_h2 *h)
{
	for (struct fl_list *l = fl_list_pop(&h->ready); l != NULL; l = fl_list_pop(&h->ready)) {
		struct fl_h2_stream *s = fl_list_entry(l, struct fl_h2_stream, todo);
		s->handled = true;
		fl_httpx_handle(&s->x);
	}
}

static void reap(struct fl_h2 *h)
{
	for (struct fl_list *l = fl_list_pop(&h->dead); l != NULL; l = fl_list_pop(&h->dead)) {
		struct fl_h2_stream *s = fl_list_entry(l, struct fl_h2_stream, link);
		if (s->handled)
			fl_httpx_gone(&s->x);
		free_stream(s);
	}
}

static void destroy(struct fl_h2 *h)
{
	h->closing = true;
	fl_deferred_cancel(&h->later);
	fl_timer_done(&h->timer);
	/* All are told before any is freed: a farewell may still look at its neighbours. */
	fl_list_each(it, &h->streams)
	{
		struct fl_h2_stream *s = fl_list_entry(it, struct fl_h2_stream, link);
		if (s->handled)
			fl_httpx_gone(&s->x);
	}
	reap(h);
	if (fl_h2_usable(h))
		nghttp2_session_del(h->session);
	fl_list_each(it, &h->streams) free_stream(fl_list_entry(it, struct fl_h2_stream, link));
	fl_buf_done(&h->out);
	free(h);
}

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

static fl_time next_deadline(const struct fl_h2 *h)
{
	fl_time head = due(h->head_since, h->limits.head_timeout);

	return sooner(sooner(greeting_due(h), head), sooner(body_due(h), idle_due(h)));
}

/* Leaves an armed timer alone when it fires early enough: it looks again by itself. */
static void rearm(struct fl_h2 *h)
{
	fl_time at = next_deadline(h);

	if (at == FL_NEVER || h->closing || h->end != FL_OK)
		return;
	if (!fl_timer_armed(&h->timer) || at < h->timer.at)
		fl_timer_start(&h->timer, at - fl_loop_now(h->loop));
}

static enum fl_err result(const struct fl_h2 *h)
{
	if (h->end != FL_OK)
		return h->end;
	if (!fl_h2_usable(h))
		return FL_ERR_NOMEM;
	if (h->out.len > 0 || nghttp2_session_want_read(h->session) ||
	    nghttp2_session_want_write(h->session))
		return FL_OK;
	return FL_ERR_CLOSED;
}

/* After anything happened: handlers, output, farewells. */
static void work(struct fl_h2 *h)
{
	h->busy++;
	run_ready(h);
	reap(h);
	h->dirty = false;
	fl_h2_flush(h);
	reap(h);
	h->busy--;
}

/* Work that came up during work is done on the loop's next round. False: freed. */
static bool wind_up(struct fl_h2 *h)
{
	if (h->free_wanted) {
		destroy(h);
		return false;
	}
	if (h->dirty)
		fl_h2_flush_later(h);
	rearm(h);
	return true;
}

static enum fl_err settle(struct fl_h2 *h)
{
	work(h);
	if (h->busy > 0)
		return FL_OK;
	if (!wind_up(h))
		return FL_ERR_CLOSED;

	enum fl_err why = result(h);
	h->end_told |= why != FL_OK;
	return why;
}

/* Settles outside of any call of the owner, who therefore hears of an end by callback. */
static void settle_alone(struct fl_h2 *h)
{
	work(h);
	if (!wind_up(h))
		return;

	enum fl_err why = result(h);
	if (why == FL_OK || h->end_told)
		return;
	h->end_told = true;
	if (h->transport.on_end != NULL)
		h->transport.on_end(h->transport.ctx, why == FL_ERR_CLOSED ? FL_OK : why);
}

static void on_later(void *ctx)
{
	settle_alone(ctx);
}

static void on_timer(void *ctx)
{
	struct fl_h2 *h = ctx;
	fl_time now = fl_loop_now(h->loop);

	if (h->end != FL_OK)
		return;
	while (body_due(h) <= now) /* oldest first; each leaves the list */
		refuse_body(h, fl_list_entry(h->gathering.next, struct fl_h2_stream, todo), 408);
	if (greeting_due(h) <= now)
		terminate(h, NGHTTP2_SETTINGS_TIMEOUT, FL_ERR_TIMEOUT);
	else if (due(h->head_since, h->limits.head_timeout) <= now)
		terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_TIMEOUT);
	else if (idle_due(h) <= now)
		terminate(h, NGHTTP2_NO_ERROR, FL_ERR_TIMEOUT);
	settle_alone(h);
}

/* ---- set-up ---- */

static enum fl_err make_callbacks(nghttp2_session_callbacks **out)
{
	nghttp2_session_callbacks *cb;

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return FL_ERR_NOMEM;
	nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(cb, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(cb, fl_h2_send_data);
	*out = cb;
	return FL_OK;
}

static enum fl_err make_options(nghttp2_option **out)
{
	nghttp2_option *o;

	if (nghttp2_option_new(&o) != 0)
		return FL_ERR_NOMEM;
	nghttp2_option_set_no_auto_window_update(o, 1);
	nghttp2_option_set_no_closed_streams(o, 1);
	nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
	nghttp2_option_set_max_outbound_ack(o, ACKS_MAX);
	nghttp2_option_set_max_continuations(o, CONTINUATIONS_MAX);
	*out = o;
	return FL_OK;
}

static enum fl_err make_session(struct fl_h2 *h)
{
	nghttp2_session_callbacks *cb = NULL;
	nghttp2_option *o = NULL;

	enum fl_err err = make_callbacks(&cb);
	if (err == FL_OK)
		err = make_options(&o);
	if (err == FL_OK && fl_h2_session_new(&h->session, cb, h, o, &h->mem) != 0)
		err = FL_ERR_NOMEM;
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);
	return err;
}

static enum fl_err greet(struct fl_h2 *h)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, h->limits.streams_max },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_FRAME_SIZE, FRAME_MAX },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};

	if (nghttp2_submit_settings(h->session, 0, settings, sizeof settings / sizeof *settings))
		return FL_ERR_NOMEM;
	if (nghttp2_session_set_local_window_size(h->session, 0, 0, CONN_WINDOW))
		return FL_ERR_NOMEM;
	return FL_OK;
}

enum fl_err fl_h2_new(struct fl_loop *l, const struct fl_h2_transport *t,
		      const struct fl_http_router *router, const struct fl_http_limits *limits,
		      void *conn_ctx, struct fl_h2 **out)
{
	struct fl_h2 *h = calloc(1, sizeof *h);
	if (h == NULL)
		return FL_ERR_NOMEM;

	*h = (struct fl_h2){
		.loop = l,
		.transport = *t,
		.router = router,
		.limits = limits ? *limits : fl_http_limits_default,
		.conn_ctx = conn_ctx,
		.created_at = fl_loop_now(l),
		.idle_since = fl_loop_now(l),
		.nuisance_since = fl_loop_now(l),
		.head_since = FL_NEVER,
		.out = fl_buf_make(FL_H2_OUT_MAX),
		.later = { .fn = on_later, .ctx = h },
	};
	fl_list_init(&h->streams);
	fl_list_init(&h->ready);
	fl_list_init(&h->gathering);
	fl_list_init(&h->drained);
	fl_list_init(&h->dead);

	enum fl_err err = fl_timer_init(&h->timer, l, on_timer, h);
	if (err == FL_OK)
		err = make_session(h);
	if (err == FL_OK)
		err = greet(h);
	if (err != FL_OK) {
		destroy(h);
		return err;
	}
	fl_h2_flush_later(h);
	rearm(h);
	*out = h;
	return FL_OK;
}

/* ---- calls of the owner ---- */

static void receive(struct fl_h2 *h, struct fl_slice bytes)
{
	ssize_t n = nghttp2_session_mem_recv(h->session, bytes.ptr, bytes.len);

	if (n >= 0)
		return;
	if (n == NGHTTP2_ERR_NOMEM)
		terminate(h, NGHTTP2_INTERNAL_ERROR, FL_ERR_NOMEM);
	else if (n == NGHTTP2_ERR_FLOODED)
		terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_PROTO);
	else
		terminate(h, NGHTTP2_PROTOCOL_ERROR, FL_ERR_PROTO);
}

enum fl_err fl_h2_input(struct fl_h2 *h, struct fl_slice bytes)
{
	if (h->end != FL_OK)
		return h->end;
	h->busy++;
	receive(h, bytes);
	h->busy--;
	return settle(h);
}

enum fl_err fl_h2_resume(struct fl_h2 *h)
{
	h->blocked = false;
	return settle(h);
}

void fl_h2_ping(struct fl_h2 *h)
{
	if (h->end == FL_OK && fl_h2_usable(h) && nghttp2_submit_ping(h->session, 0, NULL) == 0)
		fl_h2_flush_later(h);
}

void fl_h2_goaway(struct fl_h2 *h)
{
	if (h->end != FL_OK || !fl_h2_usable(h))
		return;
	int32_t last = nghttp2_session_get_last_proc_stream_id(h->session);
	if (nghttp2_submit_goaway(h->session, 0, last, NGHTTP2_NO_ERROR, NULL, 0) == 0)
		fl_h2_flush_later(h);
}

size_t fl_h2_streams(const struct fl_h2 *h)
{
	return h->stream_count;
}

struct fl_h2 *fl_h2_free(struct fl_h2 *h)
{
	if (h == NULL)
		return NULL;
	h->closing = true;
	if (h->busy > 0)
		h->free_wanted = true; /* called from inside a handler */
	else
		destroy(h);
	return NULL;
}
