/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/system/client.c - sockets, Noise and HTTP/2 from the client's side. */
#include "client.h"

#include "base/text.h"

#include <errno.h>
#include <linux/filter.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	WIRE_MAX = 64 << 20,
	WINDOW_STREAM = 4 << 20,
	WINDOW_CONN = 1 << 30,
	MESSAGE_MAX = 32 << 10
};

/* ---- nghttp2 callbacks ---- */

static struct call *call_of(struct client *c, int32_t id)
{
	return nghttp2_session_get_stream_user_data(c->h2, id);
}

static int on_header(nghttp2_session *h, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	struct call *k = call_of(ctx, frame->hd.stream_id);
	struct fl_slice n = fl_slice_of(name, name_len), v = fl_slice_of(value, value_len);
	uint64_t status;

	(void)h, (void)flags;
	if (k == NULL)
		return 0;
	if (fl_slice_is(n, ":status") && fl_u64_parse(v, &status) == FL_OK)
		k->status = (unsigned)status;
	else if (fl_slice_is(n, "content-type"))
		fl_str_copy(k->type, sizeof k->type, v);
	return 0;
}

static int on_frame(nghttp2_session *h, const nghttp2_frame *frame, void *ctx)
{
	struct client *c = ctx;
	struct call *k = call_of(c, frame->hd.stream_id);

	(void)h;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		c->goaway = frame->goaway.error_code;
	if (k != NULL && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 &&
	    (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS))
		k->ended = true;
	return 0;
}

static int on_data(nghttp2_session *h, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
		   void *ctx)
{
	struct call *k = call_of(ctx, id);

	(void)h, (void)flags;
	if (k != NULL)
		fl_buf_put(&k->body, data, len);
	return 0;
}

static int on_close(nghttp2_session *h, int32_t id, uint32_t code, void *ctx)
{
	struct call *k = call_of(ctx, id);

	(void)h;
	if (k != NULL) {
		k->closed = true;
		k->code = code;
	}
	return 0;
}

static ssize_t read_body(nghttp2_session *h, int32_t id, uint8_t *buf, size_t len, uint32_t *flags,
			 nghttp2_data_source *source, void *ctx)
{
	struct call *k = source->ptr;
	size_t n = k->sending.len - k->sent;

	(void)h, (void)id, (void)ctx;
	if (n > len)
		n = len;
	if (n > 0)
		memcpy(buf, k->sending.ptr + k->sent, n);
	k->sent += n;
	if (n < len && k->filler > 0) {
		size_t more = k->filler < len - n ? (size_t)k->filler : len - n;
		memset(buf + n, 'x', more);
		k->filler -= more;
		n += more;
	}
	if (n == 0 && k->hold) {
		k->parked = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	if (k->sent == k->sending.len && k->filler == 0 && !k->hold)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)n;
}

/* Everything nghttp2 wants to say, sealed. */
static void seal_output(struct client *c)
{
	const uint8_t *data;

	while (c->h2 != NULL && c->phase == CLIENT_OPEN && c->out.len < (1 << 20)) {
		ssize_t n = nghttp2_session_mem_send(c->h2, &data);
		if (n <= 0)
			return;
		client_raw(c, data, (size_t)n);
	}
}

/* ---- the wire ---- */

static void over(struct client *c)
{
	c->phase = CLIENT_OVER;
	for (size_t i = 0; i < c->call_count; i++)
		if (c->calls[i] != NULL)
			c->calls[i]->closed = true;
}

void client_reset(struct client *c)
{
	const struct linger at_once = { .l_onoff = 1 };

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
	close(c->fd);
	c->fd = -1;
	over(c);
}

void client_vanish(struct client *c)
{
	struct sock_filter nothing = { .code = BPF_RET | BPF_K };
	const struct sock_fprog filter = { .len = 1, .filter = &nothing };

	assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
			 0);
	c->deaf = true;
}

/* One masked binary message; the mask is zero. */
static void put_message(struct client *c, struct fl_slice data)
{
	const uint8_t mask[4] = { 0 };

	fl_buf_byte(&c->out, 0x82);
	if (data.len < 126) {
		fl_buf_byte(&c->out, (uint8_t)(0x80 | data.len));
	} else {
		fl_buf_byte(&c->out, 0x80 | 126);
		fl_buf_be(&c->out, data.len, 2);
	}
	fl_buf_put(&c->out, mask, sizeof mask);
	fl_buf_put(&c->out, data.ptr, data.len);
}

/* Moves the payload of whole messages to `in`. */
static void take_messages(struct client *c)
{
	while (c->frames.len >= 2) {
		const uint8_t *p = c->frames.ptr;
		size_t head = 2, len = p[1] & 0x7f;
		if (len >= 126) {
			head += len == 126 ? 2 : 8;
			if (c->frames.len < head)
				return;
			len = (size_t)p[head - 2] << 8 | p[head - 1];
		}
		if (c->frames.len < head + len)
			return;
		fl_buf_put(&c->in, p + head, (p[0] & 0x0f) == 2 ? len : 0);
		fl_buf_consume(&c->frames, head + len);
	}
}

void client_raw(struct client *c, const void *bytes, size_t len)
{
	struct fl_buf sealed = fl_buf_make(WIRE_MAX);

	assert_err(fl_noise_seal(&c->noise, fl_slice_of(bytes, len), &sealed), FL_OK);
	for (size_t from = 0; c->ws && from < sealed.len; from += MESSAGE_MAX) {
		size_t n = sealed.len - from;
		put_message(c, fl_slice_of(sealed.ptr + from, n < MESSAGE_MAX ? n : MESSAGE_MAX));
	}
	if (!c->ws)
		fl_buf_put(&c->out, sealed.ptr, sealed.len);
	fl_buf_done(&sealed);
}

static void begin_h2(struct client *c)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE,
		  c->window != 0 ? (uint32_t)c->window : WINDOW_STREAM },
	};
	nghttp2_session_callbacks *cb;

	assert_int_equal(nghttp2_session_callbacks_new(&cb), 0);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	assert_int_equal(nghttp2_session_client_new(&c->h2, cb, c), 0);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(c->h2, NGHTTP2_FLAG_NONE, settings, COUNT(settings));
	if (c->window == 0)
		nghttp2_submit_window_update(c->h2, NGHTTP2_FLAG_NONE, 0, WINDOW_CONN);
	c->phase = CLIENT_OPEN;
}

/* The early payload comes before HTTP/2, or not at all. */
static void take_plain(struct client *c, struct fl_slice plain)
{
	struct fl_slice json;
	size_t used;

	if (!c->early_done) {
		fl_buf_put(&c->plain, plain.ptr, plain.len);
		enum fl_err err = fl_noise_early_next(fl_buf_slice(&c->plain), &json, &used);
		if (err == FL_MORE)
			return;
		c->early_done = true;
		plain = fl_slice_skip(fl_buf_slice(&c->plain), err == FL_OK ? used : 0);
	}
	if (plain.len > 0 && c->h2 != NULL &&
	    nghttp2_session_mem_recv(c->h2, plain.ptr, plain.len) < 0)
		over(c);
}

static bool take_upgrade(struct client *c)
{
	char head[sizeof c->http];

	if (!fl_str_copy(
		    head, sizeof head,
		    fl_slice_of(c->in.ptr, c->in.len < sizeof head ? c->in.len : sizeof head - 1)))
		return false;
	char *end = strstr(head, "\r\n\r\n");
	if (end == NULL)
		return false;
	memcpy(c->http, head, sizeof head);
	if (strncmp(head, "HTTP/1.1 101 ", 13) != 0) {
		over(c);
		return false;
	}
	fl_buf_consume(&c->in, (size_t)(end - head) + 4);
	c->phase = CLIENT_SHAKING;
	if (c->ws) {
		fl_buf_put(&c->frames, c->in.ptr, c->in.len);
		fl_buf_reset(&c->in);
		take_messages(c);
	}
	return true;
}

static bool take_response(struct client *c)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	enum fl_err err = fl_noise_next(fl_buf_slice(&c->in), &type, &body, &used);
	if (err == FL_MORE)
		return false;
	assert_err(err, FL_OK);
	if (type == FL_NOISE_ERROR) {
		fl_str_copy(c->refusal, sizeof c->refusal, body);
		over(c);
		return false;
	}
	err = fl_noise_finish(&c->hs, fl_slice_of(c->in.ptr, FL_NOISE_RESPONSE_LEN), &c->noise);
	if (err != FL_OK) {
		over(c);
		return false;
	}
	fl_buf_consume(&c->in, FL_NOISE_RESPONSE_LEN);
	begin_h2(c);
	return true;
}

static bool take_record(struct client *c)
{
	struct fl_slice plain;
	size_t used;

	enum fl_err err = fl_noise_open(&c->noise, c->in.ptr, c->in.len, &plain, &used);
	if (err == FL_MORE)
		return false;
	assert_err(err, FL_OK);
	take_plain(c, plain);
	fl_buf_consume(&c->in, used);
	return true;
}

static void take_input(struct client *c)
{
	for (bool more = true; more && c->in.len > 0;) {
		switch (c->phase) {
		case CLIENT_UPGRADING:
			more = take_upgrade(c);
			break;
		case CLIENT_SHAKING:
			more = take_response(c);
			break;
		case CLIENT_OPEN:
			more = take_record(c);
			break;
		case CLIENT_OVER:
			return;
		}
	}
}

static void read_socket(struct client *c)
{
	uint8_t mem[65536];

	while (!c->deaf && c->phase != CLIENT_OVER) {
		size_t want = c->cuts && c->cut_in < sizeof mem ? c->cut_in : sizeof mem;
		if (want == 0) {
			client_reset(c);
			return;
		}
		ssize_t n = recv(c->fd, mem, want, 0);
		if (n > 0) {
			c->cut_in -= c->cuts ? (size_t)n : 0;
			fl_buf_put(c->ws && c->phase != CLIENT_UPGRADING ? &c->frames : &c->in, mem,
				   (size_t)n);
			if (c->ws && c->phase != CLIENT_UPGRADING)
				take_messages(c);
			take_input(c);
			continue;
		}
		if (n == 0 || errno != EAGAIN)
			over(c);
		return;
	}
}

static void write_socket(struct client *c)
{
	size_t sent = 0;

	while (sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + sent, c->out.len - sent, MSG_NOSIGNAL);
		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	fl_buf_consume(&c->out, sent);
}

void client_move(struct client *c)
{
	if (c->phase == CLIENT_OVER)
		return;
	seal_output(c);
	write_socket(c);
	read_socket(c);
	seal_output(c); /* what was read may want an answer: SETTINGS, windows */
	write_socket(c);
}

/* ---- life ---- */

static void send_upgrade(struct client *c, const uint8_t *initiation)
{
	char text[FL_NOISE_INITIATION_LEN * 2];

	fl_base64_encode(initiation, FL_NOISE_INITIATION_LEN, text);
	if (c->ws) {
		fl_buf_str(&c->out, "GET /ts2021?X-Tailscale-Handshake=");
		for (const char *p = text; *p != '\0'; p++)
			fl_buf_printf(&c->out, "%%%02X", (unsigned)*p);
		fl_buf_str(&c->out,
			   " HTTP/1.1\r\nHost: x:80\r\nOrigin: https://elsewhere.example\r\n"
			   "Connection: Upgrade\r\nUpgrade: websocket\r\n"
			   "Sec-WebSocket-Version: 13\r\n"
			   "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
			   "Sec-WebSocket-Protocol: tailscale-control-protocol\r\n\r\n");
		return;
	}
	fl_buf_printf(&c->out,
		      "POST /ts2021 HTTP/1.1\r\nHost: x:80\r\nUser-Agent: Go-http-client/1.1\r\n"
		      "Content-Length: 0\r\nConnection: upgrade\r\n"
		      "Upgrade: tailscale-control-protocol\r\nX-Tailscale-Handshake: %s\r\n",
		      text);
	if (c->forwarded != NULL)
		fl_buf_printf(&c->out, "X-Forwarded-For: %s\r\n", c->forwarded);
	fl_buf_str(&c->out, "\r\n");
}

void client_dial(struct client *c, struct sys *s, const struct fl_private_key *machine,
		 uint16_t version)
{
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	struct fl_private_key ephemeral;
	size_t window = c->window;
	bool ws = c->ws;
	const char *forwarded = c->forwarded;
	bool cuts = c->cuts;
	size_t cut_in = c->cut_in;

	*c = (struct client){
		.sys = s,
		.fd = sys_dial(s),
		.window = window,
		.cuts = cuts,
		.cut_in = cut_in,
		.ws = ws,
		.forwarded = forwarded,
		.frames = fl_buf_make(WIRE_MAX),
		.goaway = UINT32_MAX,
		.in = fl_buf_make(WIRE_MAX),
		.out = fl_buf_make(WIRE_MAX),
		.plain = fl_buf_make(64 << 10),
	};
	if (machine != NULL)
		c->machine = *machine;
	else
		assert_err(fl_private_key_new(&c->machine), FL_OK);
	fl_private_key_public(&c->machine, c->machine_public.b);
	assert_err(fl_private_key_new(&ephemeral), FL_OK);
	assert_err(
		fl_noise_initiate(&c->machine, &ephemeral, &s->noise, version, initiation, &c->hs),
		FL_OK);
	send_upgrade(c, initiation);
	fl_list_push(&s->clients, &c->link);
}

bool client_settled(void *client)
{
	return ((struct client *)client)->phase >= CLIENT_OPEN;
}

bool client_over(void *client)
{
	return ((struct client *)client)->phase == CLIENT_OVER;
}

void client_open_ws(struct client *c, struct sys *s)
{
	*c = (struct client){ .ws = true };
	client_open(c, s, NULL);
}

void client_initiation(struct sys *s, uint16_t version, uint8_t out[FL_NOISE_INITIATION_LEN])
{
	struct fl_private_key machine, ephemeral;
	struct fl_noise_handshake hs;

	assert_err(fl_private_key_new(&machine), FL_OK);
	assert_err(fl_private_key_new(&ephemeral), FL_OK);
	assert_err(fl_noise_initiate(&machine, &ephemeral, &s->noise, version, out, &hs), FL_OK);
	fl_noise_handshake_done(&hs);
}

void client_open(struct client *c, struct sys *s, const struct fl_private_key *machine)
{
	client_dial(c, s, machine, 145);
	assert_true(sys_until(s, client_settled, c));
	if (c->phase != CLIENT_OPEN)
		fail_msg("no connection: %s%s", c->http, c->refusal);
}

void client_close(struct client *c)
{
	if (c->sys == NULL)
		return;
	fl_list_del(&c->link);
	for (size_t i = 0; i < c->call_count; i++) {
		if (c->calls[i] == NULL)
			continue;
		fl_buf_done(&c->calls[i]->body);
		fl_buf_done(&c->calls[i]->sending);
		free(c->calls[i]);
	}
	nghttp2_session_del(c->h2);
	fl_noise_handshake_done(&c->hs);
	fl_noise_conn_done(&c->noise);
	if (c->fd >= 0)
		close(c->fd);
	fl_buf_done(&c->in);
	fl_buf_done(&c->out);
	fl_buf_done(&c->plain);
	fl_buf_done(&c->frames);
	*c = (struct client){ 0 };
}

/* ---- requests ---- */

static nghttp2_nv field(const char *name, const char *value)
{
	return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
			     strlen(value), NGHTTP2_NV_FLAG_NONE };
}

static struct call *call_new(struct client *c)
{
	size_t i = 0;

	while (i < c->call_count && c->calls[i] != NULL)
		i++;
	assert_true(i < CLIENT_CALLS_MAX);
	if (i == c->call_count)
		c->call_count++;
	struct call *k = calloc(1, sizeof *k);
	assert_non_null(k);
	k->client = c;
	k->body = fl_buf_make(WIRE_MAX);
	k->sending = fl_buf_make(WIRE_MAX);
	c->calls[i] = k;
	return k;
}

struct call *client_call(struct client *c, const char *method, const char *path,
			 struct fl_slice body, const char *const *fields)
{
	nghttp2_nv nv[16] = { field(":method", method), field(":scheme", "https"),
			      field(":authority", "unused"), field(":path", path) };
	struct call *k = call_new(c);
	const nghttp2_data_provider provider = { .source.ptr = k, .read_callback = read_body };
	size_t count = 4;

	for (size_t i = 0; fields != NULL && fields[i] != NULL; i += 2)
		nv[count++] = field(fields[i], fields[i + 1]);
	fl_buf_put(&k->sending, body.ptr, body.len);
	k->id = nghttp2_submit_request(c->h2, NULL, nv, count, body.ptr != NULL ? &provider : NULL,
				       k);
	assert_true(k->id > 0);
	return k;
}

struct call *client_post(struct client *c, const char *path, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);
	struct call *k = client_call(c, "POST", path, fl_slice_str(text), NULL);

	free(text);
	json_decref(body);
	return k;
}

bool call_over(void *call)
{
	const struct call *k = call;
	return k->ended || k->closed;
}

void call_wait(struct call *k)
{
	if (!sys_until(k->client->sys, call_over, k))
		fail_msg("no answer");
}

void call_more(struct call *k)
{
	k->parked = false;
	nghttp2_session_resume_data(k->client->h2, k->id);
}

void call_drop(struct call *k)
{
	struct client *c = k->client;

	if (!k->closed && c->phase == CLIENT_OPEN) {
		nghttp2_session_set_stream_user_data(c->h2, k->id, NULL);
		nghttp2_submit_rst_stream(c->h2, NGHTTP2_FLAG_NONE, k->id, NGHTTP2_CANCEL);
		seal_output(c); /* so that nghttp2 no longer asks for the body */
	}
	for (size_t i = 0; i < c->call_count; i++)
		if (c->calls[i] == k)
			c->calls[i] = NULL;
	fl_buf_done(&k->body);
	fl_buf_done(&k->sending);
	free(k);
}

json_t *call_json(struct call *k, unsigned status)
{
	json_error_t why;

	call_wait(k);
	if (k->status != status || !k->ended)
		fail_msg("%u, want %u: %.*s", k->status, status, (int)k->body.len,
			 k->body.len > 0 ? (const char *)k->body.ptr : "");
	json_t *doc =
		json_loadb((const char *)k->body.ptr, k->body.len, JSON_REJECT_DUPLICATES, &why);
	if (doc == NULL)
		fail_msg("%s: %.*s", why.text, (int)k->body.len, (const char *)k->body.ptr);
	call_drop(k);
	return doc;
}
