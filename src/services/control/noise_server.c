/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/noise_server.c - takes upgraded streams and runs HTTP/2 inside Noise records. */
#include "services/control/noise_server.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/text.h"

enum {
	HANDSHAKE_TEXT_MAX = 1024, /* base64 of 101 bytes and some slack for a clear size error */
	SCRATCH_MAX = 4 << 20,
	SCRATCH_KEEP = 256 << 10,
	WS_MESSAGE_MAX = 64 << 10,
	TCP_IDLE_S = 15,
	TCP_INTERVAL_S = 5,
	TCP_PROBES = 3,
	TCP_USER_TIMEOUT_MS = 30000,
};

/* The last words: a GOAWAY, the ends of streams, what explains a refusal. */
static void flush(struct fl_noise_link *l)
{
	if (l->h2 != NULL && fl_h2_resume(l->h2) != FL_OK)
		l->noise.dead = true;
}

/* The machine owns a node by now, or is gone. */
static void leave_strangers(struct fl_noise_link *l)
{
	if (!l->stranger)
		return;
	l->stranger = false;
	if (l->h2 != NULL)
		fl_h2_budget(l->h2, NULL);
	fl_strangers_leave(&l->server->strangers, &l->source);
}

static enum fl_err check_stranger(struct fl_noise_link *l)
{
	struct fl_noise_server *s = l->server;

	if (s->strangers.per_source == 0 || s->knows(s->knows_ctx, &l->noise.peer))
		return FL_OK;
	enum fl_err err = fl_strangers_enter(&s->strangers, &l->source);
	l->stranger = err == FL_OK;
	return err;
}

static void link_free(struct fl_noise_link *l)
{
	struct fl_noise_server *s = l->server;

	flush(l);
	leave_strangers(l);
	fl_list_del(&l->link);
	s->count--;
	fl_timer_done(&l->timer);
	fl_deferred_cancel(&l->closing);
	l->h2 = fl_h2_free(l->h2);
	fl_stream_close(l->stream, FL_SEC);
	fl_noise_conn_done(&l->noise);
	fl_buf_wipe(&l->partial);
	free(l);
}

static void link_close_now(void *ctx)
{
	link_free(ctx);
}

/* HTTP/2 may be on the stack: close from the loop. */
static void link_close(struct fl_noise_link *l)
{
	l->noise.dead = true;
	fl_loop_defer(l->server->loop, &l->closing);
}

static enum fl_err seal_and_send(struct fl_noise_link *l, struct fl_slice plain)
{
	struct fl_buf *out = &l->server->scratch;

	fl_buf_reset(out);
	enum fl_err err = fl_noise_seal(&l->noise, plain, out);
	if (err == FL_OK)
		err = fl_stream_write(l->stream, fl_buf_slice(out));
	if (out->cap > SCRATCH_KEEP)
		fl_buf_done(out);
	return err;
}

static enum fl_err transport_send(void *ctx, struct fl_slice bytes)
{
	struct fl_noise_link *l = ctx;

	if (l->noise.dead)
		return FL_ERR_CLOSED;
	if (fl_stream_pending(l->stream) > FL_NOISE_PENDING_MAX)
		return FL_AGAIN;
	enum fl_err err = seal_and_send(l, bytes);
	if (err != FL_OK)
		link_close(l);
	return err;
}

/* HTTP/2 gave the connection up by itself: a timeout, or all streams after a GOAWAY ended. */
static void transport_end(void *ctx, enum fl_err why)
{
	(void)why;
	link_close(ctx);
}

static enum fl_err feed(struct fl_noise_link *l, uint8_t *data, size_t len, size_t *out_used)
{
	struct fl_slice plain;
	enum fl_err err = fl_noise_open(&l->noise, data, len, &plain, out_used);
	if (err != FL_OK)
		return err;
	return plain.len > 0 ? fl_h2_input(l->h2, plain) : FL_OK;
}

/* Completes the record that began in an earlier read; takes only its bytes from the input. */
static enum fl_err feed_partial(struct fl_noise_link *l, uint8_t **data, size_t *len)
{
	while (l->partial.len > 0 && *len > 0) {
		size_t want = FL_NOISE_HEADER_LEN;
		if (l->partial.len >= FL_NOISE_HEADER_LEN)
			want += (size_t)(l->partial.ptr[1] << 8 | l->partial.ptr[2]);
		if (want > FL_NOISE_RECORD_MAX)
			return FL_ERR_TOO_BIG;
		size_t n = want - l->partial.len;
		if (n > *len)
			n = *len;
		fl_buf_put(&l->partial, *data, n);
		if (fl_buf_err(&l->partial) != FL_OK)
			return fl_buf_err(&l->partial);
		*data += n;
		*len -= n;
		size_t used;
		enum fl_err err = feed(l, l->partial.ptr, l->partial.len, &used);
		if (err == FL_OK)
			fl_buf_wipe(&l->partial);
		else if (err != FL_MORE)
			return err;
	}
	return FL_OK;
}

static enum fl_err feed_all(struct fl_noise_link *l, uint8_t *data, size_t len)
{
	enum fl_err err = feed_partial(l, &data, &len);

	while (err == FL_OK && len > 0 && !l->noise.dead) {
		size_t used;
		err = feed(l, data, len, &used);
		if (err == FL_MORE) {
			if (len > FL_NOISE_RECORD_MAX)
				return FL_ERR_PROTO;
			fl_buf_put(&l->partial, data, len);
			return fl_buf_err(&l->partial);
		}
		if (err != FL_OK)
			return err;
		data += used;
		len -= used;
	}
	return err;
}

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct fl_noise_link *l = ctx;

	if (l->noise.dead)
		return;
	if (feed_all(l, data, len) != FL_OK)
		link_close(l);
}

static void on_drain(void *ctx)
{
	struct fl_noise_link *l = ctx;

	if (!l->noise.dead && fl_h2_resume(l->h2) != FL_OK)
		link_close(l);
}

static void on_end(void *ctx, enum fl_err why)
{
	(void)why;
	link_free(ctx);
}

static const struct fl_stream_owner link_owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

static void on_timer(void *ctx)
{
	struct fl_noise_link *l = ctx;

	if (!l->seen_request) {
		link_close(l);
		return;
	}
	if (l->polls == 0)
		fl_h2_ping(l->h2);
	fl_timer_start(&l->timer, FL_NOISE_PING_INTERVAL);
}

void fl_noise_link_request(struct fl_noise_link *l)
{
	const struct fl_noise_server *s = l->server;

	l->seen_request = true;
	if (l->stranger && s->knows(s->knows_ctx, &l->noise.peer))
		leave_strangers(l);
}

static void write_error(struct fl_stream *stream, const char *text)
{
	struct fl_buf msg = fl_buf_make(1024);

	fl_noise_error_encode(text, &msg);
	if (fl_buf_err(&msg) != FL_OK || fl_stream_write(stream, fl_buf_slice(&msg)) != FL_OK)
		fl_log_debug("refusal could not be sent");
	fl_buf_done(&msg);
}

static void send_error(struct fl_stream *stream, const char *text)
{
	write_error(stream, text);
	fl_stream_close(stream, FL_SEC);
}

/*
 * The challenge is for proving possession of a node key. No request of today's clients answers
 * it, so its private half is forgotten at once.
 */
static void write_early_payload(struct fl_buf *out)
{
	struct fl_private_key priv;
	struct fl_challenge_key pub;

	if (fl_private_key_new(&priv) != FL_OK)
		return;
	fl_private_key_public(&priv, pub.b);
	fl_wipe(&priv, sizeof priv);
	fl_noise_early_encode(&pub, out);
}

static enum fl_err send_first_flight(struct fl_noise_link *l, const uint8_t *response, bool early)
{
	struct fl_buf flight = fl_buf_make(2048), payload = fl_buf_make(512);

	fl_buf_put(&flight, response, FL_NOISE_RESPONSE_LEN);
	if (early)
		write_early_payload(&payload);
	enum fl_err err = fl_buf_err(&payload);
	if (err == FL_OK)
		err = fl_noise_seal(&l->noise, fl_buf_slice(&payload), &flight);
	if (err == FL_OK)
		err = fl_buf_err(&flight);
	if (err == FL_OK)
		err = fl_stream_write(l->stream, fl_buf_slice(&flight));
	fl_buf_done(&payload);
	fl_buf_done(&flight);
	return err;
}

static enum fl_err link_start(struct fl_noise_link *l, const uint8_t *response, bool early_payload,
			      struct fl_slice early)
{
	struct fl_noise_server *s = l->server;
	const struct fl_h2_transport transport = {
		.send = transport_send,
		.on_end = transport_end,
		.ctx = l,
	};

	fl_stream_keepalive(l->stream, TCP_IDLE_S, TCP_INTERVAL_S, TCP_PROBES, TCP_USER_TIMEOUT_MS);
	enum fl_err err = fl_timer_init(&l->timer, s->loop, on_timer, l);
	if (err == FL_OK)
		err = send_first_flight(l, response, early_payload);
	if (err == FL_OK)
		err = fl_h2_new(s->loop, &transport, &s->inner, &s->limits, l, &l->h2);
	if (err == FL_OK && l->stranger)
		fl_h2_budget(l->h2, &s->strangers.budget);
	if (err == FL_OK)
		err = fl_stream_own(l->stream, &link_owner, l, early);
	if (err == FL_OK)
		fl_timer_start(&l->timer, s->first_request);
	return err;
}

static struct fl_noise_link *link_new(struct fl_noise_server *s, struct fl_stream *stream,
				      const struct fl_ip *source)
{
	struct fl_noise_link *l = calloc(1, sizeof *l);
	if (l == NULL)
		return NULL;
	l->server = s;
	l->stream = stream;
	l->source = *source;
	l->partial = fl_buf_make(FL_NOISE_RECORD_MAX);
	l->closing = (struct fl_deferred){ .fn = link_close_now, .ctx = l };
	fl_list_push(&s->links, &l->link);
	s->count++;
	return l;
}

/*
 * Takes the stream. Answers what is malformed with a type-3 message, closes on what does not
 * verify.
 */
static void handshake(struct fl_noise_server *s, struct fl_stream *stream,
		      const struct fl_ip *source, struct fl_slice early, struct fl_slice initiation,
		      bool early_payload)
{
	struct fl_noise_initiation parsed;
	if (fl_noise_initiation_decode(initiation, &parsed) != FL_OK) {
		s->failures++;
		send_error(stream, "malformed handshake message");
		return;
	}
	if (parsed.version < s->min_cap) {
		s->failures++;
		send_error(stream, "client too old: update it to version 1.80 or newer");
		return;
	}
	struct fl_noise_link *l = link_new(s, stream, source);
	if (l == NULL) {
		fl_stream_close(stream, 0);
		return;
	}
	struct fl_private_key ephemeral;
	uint8_t response[FL_NOISE_RESPONSE_LEN];
	enum fl_err err = fl_private_key_new(&ephemeral);
	if (err == FL_OK)
		err = fl_noise_respond_as(&s->key, &s->public_key, &ephemeral, initiation, response,
					  &l->noise);
	fl_wipe(&ephemeral, sizeof ephemeral);
	if (err == FL_OK && fl_machine_key_is_zero(&l->noise.peer))
		err = FL_ERR_CRYPTO;
	if (err == FL_OK)
		err = check_stranger(l);
	if (err == FL_ERR_FULL)
		write_error(stream, "too many unregistered machines connect from this address: "
				    "try again later");
	if (err == FL_OK)
		err = link_start(l, response, early_payload, early);
	if (err != FL_OK) {
		s->failures++;
		fl_log_debug("noise handshake failed", FL_LS("reason", fl_err_text(err)));
		link_free(l);
		return;
	}
	s->handshakes++;
}

static void refuse(struct fl_http *x, unsigned status, const char *text)
{
	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_str(text));
}

static bool decode_initiation(struct fl_slice text, uint8_t out[static FL_NOISE_INITIATION_LEN],
			      size_t *out_len)
{
	uint8_t raw[HANDSHAKE_TEXT_MAX];
	size_t len;

	if (text.len == 0 || text.len > HANDSHAKE_TEXT_MAX ||
	    fl_base64_decode(text, raw, sizeof raw, &len) != FL_OK)
		return false;
	*out_len = len;
	memcpy(out, raw, len < FL_NOISE_INITIATION_LEN ? len : FL_NOISE_INITIATION_LEN);
	return true;
}

static void upgrade_ws(struct fl_noise_server *s, struct fl_http *x)
{
	char text[HANDSHAKE_TEXT_MAX];
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	size_t len;

	if (fl_http_query(x, "X-Tailscale-Handshake", text, sizeof text) != FL_OK ||
	    !decode_initiation(fl_slice_str(text), initiation, &len)) {
		refuse(x, 400, "missing or malformed X-Tailscale-Handshake parameter\n");
		return;
	}
	const struct fl_ip source = fl_trusted_client_of(&s->trusted, x);
	struct fl_stream *stream;
	if (fl_http_upgrade_ws(x, "tailscale-control-protocol", WS_MESSAGE_MAX, &stream) != FL_OK)
		return; /* answered by the upgrade itself */
	if (len != FL_NOISE_INITIATION_LEN) {
		s->failures++;
		send_error(stream, "malformed handshake message");
		return;
	}
	handshake(s, stream, &source, fl_slice_of(NULL, 0), fl_slice_of(initiation, len), false);
}

static void upgrade_post(struct fl_noise_server *s, struct fl_http *x)
{
	static const char switching[] = "HTTP/1.1 101 Switching Protocols\r\n"
					"Upgrade: tailscale-control-protocol\r\n"
					"Connection: upgrade\r\n\r\n";
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	size_t len;

	if (fl_http_field_count(x, "x-tailscale-handshake") != 1 ||
	    !decode_initiation(fl_http_field(x, "x-tailscale-handshake"), initiation, &len)) {
		refuse(x, 400, "missing or malformed X-Tailscale-Handshake header\n");
		return;
	}
	const struct fl_ip source = fl_trusted_client_of(&s->trusted, x);
	struct fl_stream *stream;
	struct fl_slice early;
	if (fl_http_upgrade(x, &stream, &early) != FL_OK) {
		refuse(x, 400, "an upgrade request must not have a body\n");
		return;
	}
	if (fl_stream_write(stream, fl_slice_of(switching, sizeof switching - 1)) != FL_OK) {
		fl_stream_close(stream, 0);
		return;
	}
	if (len != FL_NOISE_INITIATION_LEN) {
		s->failures++;
		send_error(stream, "malformed handshake message");
		return;
	}
	handshake(s, stream, &source, early, fl_slice_of(initiation, len), true);
}

void fl_noise_server_upgrade(struct fl_noise_server *s, struct fl_http *x)
{
	struct fl_slice upgrade = fl_http_field(x, "upgrade");

	if (upgrade.len == 0) {
		fl_log_warn("upgrade header missing on /ts2021: a proxy in front must pass Upgrade "
			    "on POST");
		refuse(x, 500,
		       "no Upgrade header: a reverse proxy in front of this server must pass "
		       "'Upgrade' and 'Connection' on POST requests\n");
		return;
	}
	if (fl_http_field_count(x, "upgrade") != 1) {
		refuse(x, 400, "more than one Upgrade header\n");
		return;
	}
	if (fl_str_ieq(upgrade, fl_slice_str("websocket")))
		upgrade_ws(s, x);
	else if (fl_str_ieq(upgrade, fl_slice_str("tailscale-control-protocol")))
		upgrade_post(s, x);
	else
		refuse(x, 400, "unknown Upgrade protocol\n");
}

void fl_noise_server_init(struct fl_noise_server *s, struct fl_loop *loop,
			  const struct fl_private_key *key, uint32_t min_cap,
			  const struct fl_http_router *inner)
{
	*s = (struct fl_noise_server){
		.loop = loop,
		.key = *key,
		.min_cap = min_cap,
		.inner = *inner,
		.limits = fl_http_limits_default,
		.first_request = FL_NOISE_FIRST_REQUEST,
		.scratch = fl_buf_make(SCRATCH_MAX),
	};
	fl_private_key_public(key, s->public_key.b);
	fl_list_init(&s->links);
}

void fl_noise_server_goaway(struct fl_noise_server *s)
{
	fl_list_each(it, &s->links) fl_h2_goaway(fl_list_entry(it, struct fl_noise_link, link)->h2);
}

void fl_noise_server_done(struct fl_noise_server *s)
{
	if (s->loop == NULL)
		return;
	fl_list_each(it, &s->links) link_free(fl_list_entry(it, struct fl_noise_link, link));
	fl_strangers_done(&s->strangers);
	fl_trusted_done(&s->trusted);
	fl_buf_done(&s->scratch);
	fl_wipe(&s->key, sizeof s->key);
}
