/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/link.c - see link.h. */
#include "link.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "field.h"
#include "js.h"
#include "util.h"

enum {
	IN_MAX = 1 << 20,
	OUT_MAX = 1 << 22,
	READ_STEP = 64 << 10,
	STREAM_WINDOW = 4 << 20, /* as the Go client states them */
	CONNECTION_WINDOW = 1 << 30,
	PLAIN_KEPT = 16 << 10,
};

struct body {
	size_t len, at;
	uint8_t data[];
};

bool link_target_fetch(uint16_t port, uint16_t version, int64_t ns, struct link_target *out)
{
	char path[32], body[1024];
	snprintf(path, sizeof(path), "/key?v=%u", version);
	if (bench_http_get(port, path, ns, body, sizeof(body)) != 0)
		return false;
	struct js j = js_over(fl_slice_str(body));
	struct fl_slice key;
	bool found = false;
	*out = (struct link_target){ .port = port, .version = version };
	if (js_enter(&j, '{'))
		while (js_key(&j, &key)) {
			struct fl_slice value = js_text(js_value(&j));
			if (fl_slice_is(key, "publicKey"))
				found = fl_machine_key_parse(value, &out->server) == FL_OK;
		}
	return found;
}

static void fail(struct link *l, const char *why)
{
	if (l->state == LINK_DEAD)
		return;
	link_close(l);
	l->calls->down(l, why);
}

static void flush(struct link *l)
{
	while (l->sent < l->out.len) {
		ssize_t n =
			send(l->ear.fd, l->out.ptr + l->sent, l->out.len - l->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			fail(l, "write failed");
			return;
		}
		l->sent += (size_t)n;
	}
	if (l->sent == l->out.len) {
		fl_buf_done(&l->out);
		l->out = fl_buf_make(OUT_MAX);
		l->sent = 0;
	}
	loop_want_write(&l->ear, l->out.len > 0);
}

/* Everything HTTP/2 has to say goes into records and out. */
static void pump(struct link *l)
{
	const uint8_t *data;
	ssize_t n;
	if (l->state != LINK_OPEN)
		return;
	enum fl_err err = FL_OK;
	l->busy = true; /* a stream may end of what is sent */
	while (err == FL_OK && (n = nghttp2_session_mem_send(l->h2, &data)) > 0)
		err = fl_noise_seal(&l->noise, fl_slice_of(data, (size_t)n), &l->out);
	l->busy = false;
	if (l->doomed)
		link_close(l);
	else if (err != FL_OK)
		fail(l, "cannot seal");
	else
		flush(l);
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *ctx)
{
	(void)s, (void)flags;
	struct link *l = ctx;
	if (fl_slice_is(fl_slice_of(name, name_len), ":status"))
		l->calls->head(l, f->hd.stream_id, (int)js_int(fl_slice_of(value, value_len)));
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t stream, const uint8_t *data,
		   size_t len, void *ctx)
{
	(void)s, (void)flags;
	struct link *l = ctx;
	l->calls->data(l, stream, fl_slice_of(data, len));
	return 0;
}

static int on_close(nghttp2_session *s, int32_t stream, uint32_t code, void *ctx)
{
	struct link *l = ctx;
	free(nghttp2_session_get_stream_user_data(s, stream));
	if (l->state == LINK_OPEN && !l->doomed)
		l->calls->end(l, stream, code == NGHTTP2_NO_ERROR);
	return 0;
}

static ssize_t read_body(nghttp2_session *s, int32_t stream, uint8_t *out, size_t room,
			 uint32_t *flags, nghttp2_data_source *source, void *ctx)
{
	(void)ctx;
	struct body *b = source->ptr;
	size_t n = b->len - b->at < room ? b->len - b->at : room;
	memcpy(out, b->data + b->at, n);
	b->at += n;
	if (b->at == b->len) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		nghttp2_session_set_stream_user_data(s, stream, NULL);
		free(b);
	}
	return (ssize_t)n;
}

static nghttp2_session_callbacks *callbacks(void)
{
	static nghttp2_session_callbacks *cb;
	if (cb)
		return cb;
	if (nghttp2_session_callbacks_new(&cb) != 0)
		bench_die("out of memory");
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	return cb;
}

static void start_h2(struct link *l)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, 10 << 20 },
	};
	if (nghttp2_session_client_new(&l->h2, callbacks(), l) != 0)
		bench_die("out of memory");
	nghttp2_submit_settings(l->h2, NGHTTP2_FLAG_NONE, settings, 3);
	nghttp2_session_set_local_window_size(l->h2, NGHTTP2_FLAG_NONE, 0, CONNECTION_WINDOW);
	l->state = LINK_OPEN;
	l->calls->up(l);
}

static void feed_h2(struct link *l)
{
	if (l->state != LINK_OPEN || l->plain.len == 0)
		return;
	l->busy = true;
	ssize_t n = nghttp2_session_mem_recv(l->h2, l->plain.ptr, l->plain.len);
	l->busy = false;
	if (l->doomed) {
		link_close(l);
		return;
	}
	if (n != (ssize_t)l->plain.len) {
		fail(l, "HTTP/2 error");
		return;
	}
	if (l->plain.cap > PLAIN_KEPT) {
		fl_buf_done(&l->plain);
		l->plain = fl_buf_make(IN_MAX);
	}
	fl_buf_reset(&l->plain);
}

/* An early payload may stand before the server's HTTP/2 bytes. */
static void skip_early(struct link *l)
{
	struct fl_slice json;
	size_t used;
	enum fl_err err = fl_noise_early_next(fl_buf_slice(&l->plain), &json, &used);
	if (err == FL_MORE)
		return;
	if (err != FL_OK) {
		fail(l, "bad early payload");
		return;
	}
	fl_buf_consume(&l->plain, used);
	start_h2(l);
}

static void open_records(struct link *l)
{
	size_t at = 0, used;
	struct fl_slice plain;
	enum fl_err err;
	while ((err = fl_noise_open(&l->noise, l->in.ptr + at, l->in.len - at, &plain, &used)) ==
	       FL_OK) {
		fl_buf_put(&l->plain, plain.ptr, plain.len);
		at += used;
	}
	fl_buf_consume(&l->in, at);
	if (err != FL_MORE || fl_buf_err(&l->plain) != FL_OK) {
		fail(l, "bad record");
		return;
	}
	if (l->state == LINK_EARLY && l->plain.len > 0)
		skip_early(l);
	feed_h2(l);
}

static void take_response(struct link *l)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;
	enum fl_err err = fl_noise_next(fl_buf_slice(&l->in), &type, &body, &used);
	if (err == FL_MORE)
		return;
	if (err != FL_OK || type != FL_NOISE_RESPONSE ||
	    fl_noise_finish(&l->hs, fl_slice_of(l->in.ptr, used), &l->noise) != FL_OK) {
		fail(l, "no Noise response");
		return;
	}
	fl_buf_consume(&l->in, used);
	l->state = LINK_EARLY;
}

static void take_upgrade(struct link *l)
{
	static const char mark[] = "\r\n\r\n";
	const uint8_t *end = memmem(l->in.ptr, l->in.len, mark, 4);
	if (!end)
		return;
	if (l->in.len < 12 || memcmp(l->in.ptr, "HTTP/1.1 101", 12) != 0) {
		fail(l, "no upgrade");
		return;
	}
	fl_buf_consume(&l->in, (size_t)(end + 4 - l->in.ptr));
	l->state = LINK_RESPONSE;
}

static void digest_input(struct link *l)
{
	if (l->state == LINK_UPGRADE)
		take_upgrade(l);
	if (l->state == LINK_RESPONSE)
		take_response(l);
	if (l->state == LINK_EARLY || l->state == LINK_OPEN)
		open_records(l);
	if (l->state != LINK_DEAD && l->in.len == 0) {
		fl_buf_done(&l->in);
		l->in = fl_buf_make(IN_MAX);
	}
	pump(l);
}

static void read_some(struct link *l)
{
	if (fl_buf_reserve(&l->in, READ_STEP) != FL_OK) {
		fail(l, "too much input");
		return;
	}
	ssize_t n = recv(l->ear.fd, l->in.ptr + l->in.len, l->in.cap - l->in.len, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		fail(l, n == 0 ? "closed by the server" : "read failed");
		return;
	}
	l->in.len += (size_t)n;
	digest_input(l);
}

static void ready(struct ear *e, uint32_t events)
{
	struct link *l = (struct link *)e;
	if (l->state == LINK_CONNECT && (events & EPOLLOUT))
		l->state = LINK_UPGRADE;
	if (l->state == LINK_OPEN && (events & EPOLLOUT))
		pump(l);
	else if (events & EPOLLOUT)
		flush(l);
	if (l->state != LINK_DEAD && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		read_some(l);
}

static void write_upgrade(struct link *l, const struct link_target *to,
			  const struct fl_private_key *machine)
{
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	char text[sodium_base64_ENCODED_LEN(FL_NOISE_INITIATION_LEN,
					    sodium_base64_VARIANT_ORIGINAL)];
	struct fl_private_key ephemeral;
	if (fl_private_key_new(&ephemeral) != FL_OK ||
	    fl_noise_initiate(machine, &ephemeral, &to->server, to->version, initiation, &l->hs) !=
		    FL_OK)
		bench_die("cannot begin a Noise handshake");
	sodium_bin2base64(text, sizeof(text), initiation, sizeof(initiation),
			  sodium_base64_VARIANT_ORIGINAL);
	fl_buf_printf(&l->out,
		      "POST /ts2021 HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n"
		      "User-Agent: Go-http-client/1.1\r\nContent-Length: 0\r\n"
		      "Connection: upgrade\r\nUpgrade: tailscale-control-protocol\r\n"
		      "X-Tailscale-Handshake: %s\r\n\r\n",
		      to->port, text);
}

bool link_open(struct link *l, const struct link_target *to, const struct fl_private_key *machine,
	       unsigned source, const struct link_calls *calls, void *ctx)
{
	*l = (struct link){ .calls = calls, .ctx = ctx, .opened_at = bench_now() };
	l->ear = (struct ear){ .fd = bench_connect(to->port, source), .ready = ready };
	l->in = l->plain = fl_buf_make(IN_MAX);
	l->out = fl_buf_make(OUT_MAX);
	if (l->ear.fd < 0) {
		l->state = LINK_DEAD;
		return false;
	}
	write_upgrade(l, to, machine);
	loop_add(&l->ear);
	return true;
}

int32_t link_post(struct link *l, const char *path, struct fl_slice body)
{
	char length[24];
	struct body *b = malloc(sizeof(*b) + body.len);
	if (!b || l->state != LINK_OPEN) {
		free(b);
		return -1;
	}
	b->len = body.len;
	b->at = 0;
	memcpy(b->data, body.ptr, body.len);
	snprintf(length, sizeof(length), "%zu", body.len);
	nghttp2_nv head[] = {
		bench_field(":method", "POST"),
		bench_field(":scheme", "https"),
		bench_field(":authority", "127.0.0.1"),
		bench_field(":path", path),
		bench_field("user-agent", "Go-http-client/2.0"),
		bench_field("accept-encoding", "gzip"),
		bench_field("content-length", length),
	};
	nghttp2_data_provider source = { .source.ptr = b, .read_callback = read_body };
	int32_t id = nghttp2_submit_request(l->h2, NULL, head, sizeof(head) / sizeof(head[0]),
					    &source, b);
	if (id < 0)
		free(b);
	else
		loop_want_write(&l->ear, true);
	return id;
}

void link_close(struct link *l)
{
	if (l->state == LINK_DEAD)
		return;
	if (l->busy) { /* inside HTTP/2: when it returns */
		l->doomed = true;
		return;
	}
	l->state = LINK_DEAD;
	loop_remove(&l->ear);
	fl_noise_handshake_done(&l->hs);
	fl_noise_conn_done(&l->noise);
	nghttp2_session_del(l->h2);
	l->h2 = NULL;
	fl_buf_done(&l->in);
	fl_buf_done(&l->plain);
	fl_buf_done(&l->out);
}
