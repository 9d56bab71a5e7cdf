/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http1.c - the HTTP/1.1 server connection: one request at a time, kept, upgraded or closed.
 *
 * While a handler works, what the client sends further is kept unread up to LEFT_PAUSE and then
 * left in the socket; reading on that far shows a client that hangs up. Nothing is freed inside a
 * call: whatever ends a request or the connection is finished from the loop.
 */
#include "io/http1_conn.h"

#include <stdlib.h>

enum {
	LEFT_PAUSE = 16 << 10,
	LEFT_MAX = 128 << 10, /* LEFT_PAUSE, and one read of the loop */
};

/* The last bytes of an answer may take this long to leave. */
#define LINGER (5 * FL_SEC)

void fl_http1_later(struct fl_http1 *h)
{
	fl_loop_defer(h->loop, &h->later);
}

/* ---- the end of a connection ---- */

static void release(struct fl_http1 *h)
{
	h->state = FL_HTTP1_DEAD;
	fl_timer_done(&h->timer);
	if (h->router->group != NULL) {
		fl_list_del(&h->link);
		h->router->group->count--;
	}
	fl_http1_later(h);
}

static void shut(struct fl_http1 *h, int64_t linger)
{
	h->stream = fl_stream_close(h->stream, linger);
	release(h);
}

static void free_conn(struct fl_http1 *h)
{
	fl_httpx_done(&h->x);
	fl_buf_done(&h->in);
	fl_buf_done(&h->left);
	free(h);
}

static void lose(struct fl_http1 *h)
{
	if (h->state == FL_HTTP1_BUSY && !h->due)
		fl_httpx_gone(&h->x);
	if (h->state != FL_HTTP1_DEAD) /* the farewell may have closed the whole group */
		shut(h, 0);
}

/* ---- requests ---- */

static void begin_request(struct fl_http1 *h)
{
	fl_httpx_done(&h->x);
	fl_httpx_init(&h->x, &fl_http1_ops, h, h->loop, h->router, h->conn_ctx);
	h->parser = (struct fl_http1_parser){ .x = &h->x };
	h->due = h->chunked = h->head_sent = h->tell_drain = h->finished = false;
	h->keep = false;
	h->state = FL_HTTP1_IDLE;
	fl_timer_start(&h->timer, h->called ? h->limits.idle_timeout : h->limits.head_timeout);
}

/* The handler runs when the input at hand has been put in its place. */
static void dispatch(struct fl_http1 *h)
{
	h->state = FL_HTTP1_BUSY;
	h->due = true;
	fl_buf_done(&h->in);
	fl_timer_start(&h->timer, h->limits.body_timeout);
}

/* The request ends here, and with it the connection. */
static void refuse(struct fl_http1 *h, unsigned status)
{
	h->keep = false;
	h->x.verdict = (uint16_t)status;
	dispatch(h);
}

static void ask_for_body(struct fl_http1 *h)
{
	static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";

	h->state = FL_HTTP1_BODY;
	fl_buf_done(&h->in);
	fl_timer_start(&h->timer, h->limits.body_timeout);
	if (h->parser.expects_continue && h->parser.http11 &&
	    fl_stream_write(h->stream, fl_slice_of(go_on, sizeof go_on - 1)) != FL_OK) {
		h->broken = true;
		fl_http1_later(h);
	}
}

static void head_whole(struct fl_http1 *h)
{
	struct fl_http *x = &h->x;

	unsigned status = fl_http1_parse_head(&h->parser, x, fl_buf_slice(&h->in));
	if (status != 0) {
		refuse(h, status);
		return;
	}
	fl_httpx_begin(x);
	h->keep = h->parser.keep_alive && x->verdict != 400;
	if (!h->parser.has_body) {
		dispatch(h);
		return;
	}
	size_t max = fl_httpx_body_max(x);
	if (x->verdict != 200 || max == 0)
		refuse(h,
		       x->verdict); /* answered without its body; that would be read as a request */
	else if (h->parser.length > max)
		refuse(h, 413);
	else
		ask_for_body(h);
}

/* Empty lines before a request are allowed (RFC 9112 2.2). */
static struct fl_slice skip_empty_lines(struct fl_slice in)
{
	while (in.len > 0 && (in.ptr[0] == '\r' || in.ptr[0] == '\n'))
		in = fl_slice_skip(in, 1);
	return in;
}

static void feed_head(struct fl_http1 *h, struct fl_slice *in)
{
	size_t seen = h->in.len, len = 0;

	if (h->state == FL_HTTP1_IDLE) {
		*in = skip_empty_lines(*in);
		if (in->len == 0)
			return;
		h->state = FL_HTTP1_HEAD;
		h->called = true;
		fl_timer_start(&h->timer, h->limits.head_timeout);
	}
	size_t n = h->in.max - seen < in->len ? h->in.max - seen : in->len;
	fl_buf_put(&h->in, in->ptr, n);
	if (fl_buf_err(&h->in) != FL_OK) {
		refuse(h, 503);
		return;
	}
	enum fl_err err = fl_http1_head_end(fl_buf_slice(&h->in), seen, &len);
	if (err == FL_OK) {
		*in = fl_slice_skip(*in, len - seen);
		h->in.len = len;
		head_whole(h);
		return;
	}
	*in = fl_slice_skip(*in, n);
	if (err != FL_MORE)
		refuse(h, 400);
	else if (h->in.len == h->in.max)
		refuse(h, memchr(h->in.ptr, '\n', h->in.len) != NULL ? 431 : 414);
}

static void feed_body(struct fl_http1 *h, struct fl_slice *in)
{
	size_t used = in->len;

	enum fl_err err = fl_http1_parse_body(&h->parser, *in, &used);
	if (err == FL_MORE) {
		*in = fl_slice_skip(*in, in->len);
		return;
	}
	*in = fl_slice_skip(*in, used);
	if (err == FL_OK)
		dispatch(h);
	else
		refuse(h, err == FL_ERR_TOO_BIG ? 413 : err == FL_ERR_NOMEM ? 503 : 400);
}

/* Keeps what belongs to a later request, or to the protocol that is upgraded to. */
static void keep_left(struct fl_http1 *h, struct fl_slice in)
{
	fl_buf_put(&h->left, in.ptr, in.len);
	if (fl_buf_err(&h->left) != FL_OK) {
		h->broken = true;
		fl_http1_later(h);
	}
	if (h->left.len >= LEFT_PAUSE && !h->paused) {
		h->paused = true;
		fl_stream_pause(h->stream, true);
	}
}

static void feed(struct fl_http1 *h, struct fl_slice in)
{
	while (in.len > 0 && !h->broken && h->state < FL_HTTP1_BUSY) {
		if (h->state == FL_HTTP1_BODY)
			feed_body(h, &in);
		else
			feed_head(h, &in);
	}
	if (h->state == FL_HTTP1_BUSY && in.len > 0)
		keep_left(h, in);
	if (h->due && !h->broken) {
		h->due = false;
		fl_httpx_handle(&h->x);
	}
}

/* ---- what the stream says ---- */

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	feed(ctx, fl_slice_of(data, len));
}

static void on_drain(void *ctx)
{
	struct fl_http1 *h = ctx;

	fl_http1_pump(h);
	if (h->finished)
		fl_http1_later(h);
}

/* A client may close its half and still wait, unless somebody asked to hear of it. */
static void on_end(void *ctx, enum fl_err why)
{
	struct fl_http1 *h = ctx;

	if (h->state == FL_HTTP1_BUSY && why == FL_OK &&
	    (fl_httpx_released(&h->x) || h->x.on_gone == NULL)) {
		h->draining = true;
		h->keep = false;
		return;
	}
	lose(h);
}

static const struct fl_stream_owner owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

/* ---- from the loop ---- */

static void next_request(struct fl_http1 *h)
{
	struct fl_buf left = h->left;

	h->left = fl_buf_make(LEFT_MAX);
	begin_request(h);
	feed(h, fl_buf_slice(&left));
	fl_buf_done(&left);
	if (h->paused && h->state != FL_HTTP1_DEAD && h->left.len < LEFT_PAUSE) {
		h->paused = false;
		fl_stream_pause(h->stream, false);
	}
}

static void on_later(void *ctx)
{
	struct fl_http1 *h = ctx;

	if (h->state == FL_HTTP1_DEAD) {
		free_conn(h);
		return;
	}
	if (h->broken) {
		lose(h);
		return;
	}
	if (h->tell_drain && !fl_httpx_released(&h->x)) {
		h->tell_drain = false;
		if (h->x.on_drain != NULL)
			h->x.on_drain(h->x.drain_ctx);
		return;
	}
	if (!h->finished)
		return;
	if (!h->keep || h->draining)
		shut(h, LINGER);
	else if (fl_http1_has_room(h))
		next_request(h);
}

static void on_timer(void *ctx)
{
	struct fl_http1 *h = ctx;

	switch (h->state) {
	case FL_HTTP1_IDLE:
		shut(h, LINGER);
		break;
	case FL_HTTP1_HEAD:
	case FL_HTTP1_BODY:
		refuse(h, 408);
		feed(h, fl_slice_of(NULL, 0));
		break;
	case FL_HTTP1_BUSY:
		if (fl_stream_stalled(h->stream) >= h->limits.body_timeout)
			lose(h);
		else
			fl_timer_start(&h->timer, h->limits.body_timeout);
		break;
	case FL_HTTP1_DEAD:
		break;
	}
}

/* ---- public ---- */

enum fl_err fl_http1_serve(struct fl_stream *s, struct fl_slice early,
			   const struct fl_http_router *router, const struct fl_http_limits *limits,
			   void *conn_ctx)
{
	struct fl_http1 *h = calloc(1, sizeof *h);
	enum fl_err err = h != NULL ? FL_OK : FL_ERR_NOMEM;

	if (err == FL_OK) {
		*h = (struct fl_http1){
			.stream = s,
			.loop = fl_stream_loop(s),
			.router = router,
			.limits = limits ? *limits : fl_http_limits_default,
			.conn_ctx = conn_ctx,
			.in = fl_buf_make(FL_HTTP_HEAD_MAX),
			.left = fl_buf_make(LEFT_MAX),
			.later = { .fn = on_later, .ctx = h },
		};
		fl_httpx_init(&h->x, &fl_http1_ops, h, h->loop, router, conn_ctx);
		err = fl_timer_init(&h->timer, h->loop, on_timer, h);
	}
	if (err == FL_OK)
		err = fl_stream_own(s, &owner, h, early);
	if (err != FL_OK) {
		if (h != NULL)
			fl_timer_done(&h->timer);
		free(h);
		fl_stream_close(s, 0);
		return err;
	}
	if (router->group != NULL) {
		fl_list_push(&router->group->conns, &h->link);
		router->group->count++;
	}
	begin_request(h);
	return FL_OK;
}

struct fl_stream *fl_http_stream(const struct fl_http *x)
{
	return x->ops->h2 ? NULL : ((const struct fl_http1 *)x->conn)->stream;
}

enum fl_err fl_http_upgrade(struct fl_http *x, struct fl_stream **out, struct fl_slice *out_early)
{
	struct fl_http1 *h = x->conn;

	if (x->ops->h2 || x->state != FL_HTTPX_HANDLING || h->parser.has_body || h->broken)
		return FL_ERR_STATE;

	x->state = FL_HTTPX_ENDED;
	*out = h->stream;
	*out_early = fl_buf_slice(&h->left); /* freed with the connection, from the loop */
	h->stream = NULL;
	release(h);
	return FL_OK;
}

void fl_http_group_init(struct fl_http_group *g)
{
	fl_list_init(&g->conns);
	g->count = 0;
}

void fl_http_group_close(struct fl_http_group *g)
{
	while (!fl_list_empty(&g->conns))
		lose(fl_list_entry(g->conns.next, struct fl_http1, link));
}
