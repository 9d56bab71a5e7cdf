/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/h2_peer.c - the client and the queues. */
#include "h2_peer.h"

#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { QUEUE_MAX = 64 << 20 };

static struct peer_call *call_of(struct peer *p, int32_t id)
{
	return nghttp2_session_get_stream_user_data(p->client, id);
}

/* ---- client callbacks ---- */

static int on_header(nghttp2_session *s, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	struct peer *p = ctx;
	struct peer_call *c = call_of(p, frame->hd.stream_id);
	struct fl_slice n = fl_slice_of(name, name_len), v = fl_slice_of(value, value_len);
	char text[8];

	(void)s;
	(void)flags;
	if (c == NULL)
		return 0;
	if (fl_slice_is(n, ":status")) {
		fl_str_copy(text, sizeof text, v);
		c->status = (unsigned)atoi(text);
	} else if (fl_slice_is(n, "content-type")) {
		fl_str_copy(c->type, sizeof c->type, v);
	} else if (fl_slice_is(n, "content-length")) {
		fl_str_copy(c->length, sizeof c->length, v);
	} else if (fl_slice_is(n, "x-extra")) {
		fl_str_copy(c->extra, sizeof c->extra, v);
	}
	return 0;
}

static void note_settings(struct peer *p, const nghttp2_settings *s)
{
	for (size_t i = 0; i < s->niv; i++) {
		switch (s->iv[i].settings_id) {
		case NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS:
			p->max_streams = s->iv[i].value;
			break;
		case NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE:
			p->window = s->iv[i].value;
			break;
		case NGHTTP2_SETTINGS_MAX_FRAME_SIZE:
			p->frame_max = s->iv[i].value;
			break;
		case NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE:
			p->list_max = s->iv[i].value;
			break;
		default:
			break;
		}
	}
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *frame, void *ctx)
{
	struct peer *p = ctx;
	struct peer_call *c = call_of(p, frame->hd.stream_id);

	(void)s;
	if (frame->hd.type == NGHTTP2_SETTINGS)
		note_settings(p, &frame->settings);
	if (frame->hd.type == NGHTTP2_GOAWAY)
		p->goaway = frame->goaway.error_code;
	if (frame->hd.type == NGHTTP2_PING)
		p->pings++;
	if (c != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM &&
	    (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		c->ended = true;
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *ctx)
{
	struct peer *p = ctx;
	struct peer_call *c = call_of(p, id);

	(void)flags;
	p->received_bytes += len;
	if (!p->no_window_updates)
		nghttp2_session_consume(s, id, len);
	if (c == NULL)
		return 0;
	c->body_len += len;
	if (c->body.len + len <= p->keep)
		fl_buf_put(&c->body, data, len);
	return 0;
}

static int on_close(nghttp2_session *s, int32_t id, uint32_t code, void *ctx)
{
	struct peer_call *c = call_of(ctx, id);

	(void)s;
	if (c != NULL) {
		c->closed = true;
		c->code = code;
	}
	return 0;
}

static ssize_t read_body(nghttp2_session *s, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
			 nghttp2_data_source *source, void *ctx)
{
	struct peer_call *c = source->ptr;
	size_t n = c->send_left < len ? c->send_left : len;

	(void)s;
	(void)id;
	(void)ctx;
	if (n == 0 && c->send_hold) {
		c->parked = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	memset(buf, 'b', n);
	c->send_left -= n;
	if (c->send_left == 0 && !c->send_hold)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* ---- server's transport ---- */

static bool transport_full(void *ctx)
{
	struct peer *p = ctx;

	p->fulls += p->room == 0;
	return p->room == 0;
}

static enum fl_err transport_send(void *ctx, struct fl_slice bytes)
{
	struct peer *p = ctx;

	if (p->room != SIZE_MAX)
		p->room -= bytes.len < p->room ? bytes.len : p->room;
	p->sends++;
	p->sent_bytes += bytes.len;
	fl_buf_put(&p->to_client, bytes.ptr, bytes.len);
	return fl_buf_err(&p->to_client);
}

static void transport_end(void *ctx, enum fl_err why)
{
	struct peer *p = ctx;

	p->ends++;
	p->ended = why;
}

/* ---- moving ---- */

void peer_raw(struct peer *p, const void *bytes, size_t len)
{
	enum fl_err err = fl_h2_input(p->server, fl_slice_of(bytes, len));
	if (err != FL_OK)
		p->server_err = err;
}

void peer_push(struct peer *p)
{
	const uint8_t *data = NULL;

	for (;;) {
		ssize_t n = nghttp2_session_mem_send(p->client, &data);
		if (n <= 0)
			return;
		peer_raw(p, data, (size_t)n);
	}
}

void peer_pull(struct peer *p)
{
	struct fl_buf b = p->to_client;

	p->to_client = fl_buf_make(QUEUE_MAX);
	ssize_t n = nghttp2_session_mem_recv(p->client, b.ptr, b.len);
	assert(b.len == 0 || n == (ssize_t)b.len);
	(void)n;
	fl_buf_done(&b);
}

void peer_run(struct peer *p)
{
	/* One round more after the last that moved something: deferred work may be due. */
	for (int quiet = 0; quiet < 2; quiet++) {
		size_t before = p->sent_bytes + p->fulls;
		peer_push(p);
		fl_loop_poll(p->loop);
		bool moved = p->to_client.len > 0 || p->sent_bytes + p->fulls != before;
		peer_pull(p);
		if (moved)
			quiet = -1;
	}
}

/* ---- life ---- */

static void open_client(struct peer *p, uint32_t window)
{
	nghttp2_session_callbacks *cb;
	nghttp2_option *o;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_option_new(&o);
	nghttp2_option_set_no_auto_window_update(o, 1);
	/* What a test wants to send is not the library's business. */
	nghttp2_option_set_max_send_header_block_length(o, 4 << 20);
	nghttp2_option_set_peer_max_concurrent_streams(o, PEER_STREAMS_MAX);
	nghttp2_option_set_max_outbound_ack(o, 100000);
	nghttp2_session_client_new2(&p->client, cb, p, o);
	nghttp2_option_del(o);
	nghttp2_session_callbacks_del(cb);

	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window },
	};
	nghttp2_submit_settings(p->client, 0, settings, 2);
	if (window > 65535)
		nghttp2_session_set_local_window_size(p->client, 0, 0, (int32_t)window);
}

void peer_open(struct peer *p, struct fl_loop *l, const struct fl_http_router *router,
	       const struct fl_http_limits *limits, uint32_t client_window, bool greet)
{
	const struct fl_h2_transport t = {
		.send = transport_send,
		.full = transport_full,
		.on_end = transport_end,
		.ctx = p,
	};

	memset(p, 0, sizeof *p);
	p->loop = l;
	p->to_client = fl_buf_make(QUEUE_MAX);
	p->room = SIZE_MAX;
	p->keep = 1 << 20;
	p->goaway = UINT32_MAX;
	open_client(p, client_window);
	enum fl_err err = fl_h2_new(l, &t, router, limits, p, &p->server);
	assert(err == FL_OK);
	(void)err;
	if (greet)
		peer_run(p);
}

void peer_close(struct peer *p)
{
	p->server = fl_h2_free(p->server);
	nghttp2_session_del(p->client);
	for (size_t i = 0; i < p->call_count; i++)
		fl_buf_done(&p->calls[i].body);
	fl_buf_done(&p->to_client);
	fl_loop_poll(p->loop);
}

static nghttp2_nv nv(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

struct peer_call *peer_call(struct peer *p, const char *method, const char *path, size_t body_len,
			    bool hold, const char *const *extra)
{
	static nghttp2_nv fields[4096];
	struct peer_call *c = &p->calls[p->call_count++];
	size_t n = 0;

	assert(p->call_count <= PEER_STREAMS_MAX);
	*c = (struct peer_call){ .body = fl_buf_make(QUEUE_MAX), .send_hold = hold };
	fields[n++] = nv(":method", method);
	fields[n++] = nv(":scheme", "https");
	fields[n++] = nv(":authority", "unused");
	fields[n++] = nv(":path", path);
	for (; extra != NULL && *extra != NULL && n < 4096; extra += 2)
		fields[n++] = nv(extra[0], extra[1]);
	const nghttp2_data_provider provider = { .source.ptr = c, .read_callback = read_body };
	if (body_len != SIZE_MAX)
		c->send_left = body_len;
	c->id = nghttp2_submit_request(p->client, NULL, fields, n,
				       body_len != SIZE_MAX ? &provider : NULL, c);
	assert(c->id > 0);
	return c;
}

void peer_more(struct peer *p, struct peer_call *c, size_t more, bool hold)
{
	c->send_left += more;
	c->send_hold = hold;
	if (c->parked) {
		c->parked = false;
		nghttp2_session_resume_data(p->client, c->id);
	}
}
