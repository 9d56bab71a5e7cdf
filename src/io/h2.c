/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/h2.c - the HTTP/2 server connection: when handlers run, and when it ends.
 *
 * nghttp2 does framing, HPACK and the state of streams. Its callbacks (h2_in.c) only note what
 * happened, in the lists `ready` and `dead`; handlers run after the library has returned, so that
 * whatever they call cannot re-enter it. Output is in h2_out.c, deadlines are in h2_time.c.
 */
#include "io/h2_conn.h"

#include <stdlib.h>

enum {
	STREAM_WINDOW =
		1 << 20,       /* control.md 1.9; also the most that is read of an unwanted body */
	CONN_WINDOW = 1 << 20, /* consumed at once, so this bounds only what is in flight */
	FRAME_MAX = 16384,
	ACKS_MAX = 64, /* answers to PING and SETTINGS that may wait */
	CONTINUATIONS_MAX = 8,
};

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
		h->asked |= s->x.verdict == 200;
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
	h->busy++; /* a farewell that frees the connection comes too late */
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

static enum fl_err result(const struct fl_h2 *h)
{
	if (h->end != FL_OK)
		return h->end;
	if (!fl_h2_usable(h))
		return FL_ERR_NOMEM;
	if (nghttp2_session_want_read(h->session) || nghttp2_session_want_write(h->session))
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
	fl_h2_rearm(h);
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

static void on_ahead(void *ctx)
{
	const struct fl_h2 *h = ctx;

	if (h->transport.ahead != NULL)
		h->transport.ahead(h->transport.ctx);
}

static void on_timer(void *ctx)
{
	struct fl_h2 *h = ctx;
	if (h->end != FL_OK)
		return;
	fl_h2_overdue(h);
	settle_alone(h);
}

/* ---- set-up ---- */

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

	if (nghttp2_session_callbacks_new(&cb) != 0)
		return FL_ERR_NOMEM;
	fl_h2_set_callbacks(cb);
	enum fl_err err = make_options(&o);
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
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, FL_H2_HEADER_LIST_MAX },
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
		.later = { .fn = on_later, .ahead = on_ahead, .ctx = h },
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
	fl_h2_rearm(h);
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
		fl_h2_terminate(h, NGHTTP2_INTERNAL_ERROR, FL_ERR_NOMEM);
	else if (n == NGHTTP2_ERR_FLOODED)
		fl_h2_terminate(h, NGHTTP2_ENHANCE_YOUR_CALM, FL_ERR_PROTO);
	else
		fl_h2_terminate(h, NGHTTP2_PROTOCOL_ERROR, FL_ERR_PROTO);
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

bool fl_h2_was_asked(const struct fl_h2 *h)
{
	return h->asked;
}

bool fl_h2_is_streaming(const struct fl_h2 *h)
{
	fl_list_each(it, &h->streams)
	{
		const struct fl_h2_stream *s = fl_list_entry(it, const struct fl_h2_stream, link);
		if (s->x.state == FL_HTTPX_STREAMING)
			return true;
	}
	return false;
}

static void uncharge_all(struct fl_list *streams)
{
	fl_list_each(it, streams)
		fl_httpx_uncharge(&fl_list_entry(it, struct fl_h2_stream, link)->x);
}

void fl_h2_budget(struct fl_h2 *h, struct fl_http_budget *b)
{
	uncharge_all(&h->streams);
	uncharge_all(&h->dead);
	h->meter.budget = b;
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
