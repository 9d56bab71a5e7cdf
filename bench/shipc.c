/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/shipc.c - see shipc.h. */
#include "shipc.h"

#include "util.h"

enum {
	FRAME_MAX = 1 << 20,
	HEAD_MAX = 14,
	OP_CONTINUE = 0,
	OP_BINARY = 2,
	OP_CLOSE = 8,
	OP_PING = 9,
	OP_PONG = 10,
};

static const char data_head[] =
	"\x02{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},{\"payload\":";
static const char data_tail[] = "}]}";
static const char protocol[] = "\x01{\"messageProtocolHandshake\":[{\"handshakeType\":\"%s\"},"
			       "{\"version\":[{\"major\":1},{\"minor\":0}]},"
			       "{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}]}";

static void fail(struct ship *s, const char *why)
{
	pipe_close(&s->pipe);
	fl_buf_done(&s->partial);
	fl_buf_done(&s->message);
	s->calls->down(s, why);
}

/* ---- sending ---- */

/* A masked frame of what `parts` hold together. */
static void send_frame(struct ship *s, uint8_t op, const struct fl_slice *parts, size_t count)
{
	static uint8_t frame[HEAD_MAX + SHIP_PAYLOAD_MAX + 128];
	static uint64_t random = 1;
	size_t len = 0, at = 2;
	for (size_t i = 0; i < count; i++)
		len += parts[i].len;
	if (len > sizeof(frame) - HEAD_MAX)
		bench_die("a message of %zu bytes", len);
	frame[0] = 0x80 | op;
	if (len < 126) {
		frame[1] = 0x80 | (uint8_t)len;
	} else {
		frame[1] = 0x80 | 126;
		frame[at++] = (uint8_t)(len >> 8);
		frame[at++] = (uint8_t)len;
	}
	uint64_t mask = bench_random(&random);
	uint8_t *key = memcpy(frame + at, &mask, 4), *body = key + 4;
	for (size_t i = 0, k = 0; i < count; i++)
		for (size_t j = 0; j < parts[i].len; j++, k++)
			body[k] = parts[i].ptr[j] ^ key[k & 3];
	pipe_send(&s->pipe, frame, at + 4 + len);
}

static void say(struct ship *s, const char *text)
{
	struct fl_slice part = fl_slice_str(text);
	send_frame(s, OP_BINARY, &part, 1);
}

static void say_protocol(struct ship *s, const char *type)
{
	char text[256];
	snprintf(text, sizeof(text), protocol, type);
	say(s, text);
}

void ship_send(struct ship *s, struct fl_slice wire)
{
	struct fl_slice parts[] = { fl_slice_str(data_head), wire, fl_slice_str(data_tail) };
	send_frame(s, OP_BINARY, parts, 3);
}

/* ---- the handshake ---- */

static bool has(struct fl_slice text, const char *part)
{
	return memmem(text.ptr, text.len, part, strlen(part)) != NULL;
}

static bool root_is(struct fl_slice text, const char *name)
{
	size_t n = strlen(name);
	return text.len > n + 4 && text.ptr[1] == '{' && memcmp(text.ptr + 2, "\"", 1) == 0 &&
	       memcmp(text.ptr + 3, name, n) == 0 && text.ptr[3 + n] == '"';
}

static void take_hello(struct ship *s, struct fl_slice m)
{
	if (has(m, "\"aborted\"")) {
		fail(s, "not trusted");
		return;
	}
	if (!has(m, "\"ready\"") || s->state != SHIP_HELLO)
		return;
	s->state = SHIP_PROTOCOL;
	say_protocol(s, "announceMax");
}

static void take_protocol(struct ship *s, struct fl_slice m)
{
	if (!has(m, "\"select\"") || s->state != SHIP_PROTOCOL) {
		fail(s, "another protocol");
		return;
	}
	s->state = SHIP_PIN;
	say_protocol(s, "select");
	say(s, "\x01{\"connectionPinState\":[{\"pinState\":\"none\"}]}");
}

static void take_pin(struct ship *s, struct fl_slice m)
{
	if (!has(m, "\"none\"") || s->state != SHIP_PIN) {
		fail(s, "a PIN is wanted");
		return;
	}
	s->state = SHIP_ACCESS;
	say(s, "\x01{\"accessMethodsRequest\":[]}");
}

static void take_access(struct ship *s, struct fl_slice m)
{
	char text[96];
	if (root_is(m, "accessMethods")) {
		s->told = true;
	} else {
		s->asked = true;
		snprintf(text, sizeof(text), "\x01{\"accessMethods\":[{\"id\":\"Bench-%u\"}]}",
			 s->index);
		say(s, text);
	}
	if (s->state == SHIP_ACCESS && s->asked && s->told) {
		s->state = SHIP_UP;
		s->calls->up(s);
	}
}

static void take_data(struct ship *s, struct fl_slice m)
{
	static const char key[] = "{\"payload\":";
	const uint8_t *at = memmem(m.ptr, m.len, key, sizeof(key) - 1);
	if (!at || m.len < sizeof(data_tail)) {
		fail(s, "data without a payload");
		return;
	}
	const uint8_t *from = at + sizeof(key) - 1, *end = m.ptr + m.len - (sizeof(data_tail) - 1);
	s->calls->payload(s, fl_slice_of(from, from < end ? (size_t)(end - from) : 0));
}

static void take_message(struct ship *s, struct fl_slice m)
{
	if (m.len == 2 && m.ptr[0] == 0 && m.ptr[1] == 0 && s->state == SHIP_CMI) {
		s->state = SHIP_HELLO;
		say(s, "\x01{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":60000}]}");
	} else if (m.len > 2 && m.ptr[0] == 2) {
		take_data(s, m);
	} else if (root_is(m, "connectionHello")) {
		take_hello(s, m);
	} else if (root_is(m, "messageProtocolHandshake")) {
		take_protocol(s, m);
	} else if (root_is(m, "connectionPinState")) {
		take_pin(s, m);
	} else if (root_is(m, "accessMethods") || root_is(m, "accessMethodsRequest")) {
		take_access(s, m);
	} else {
		fail(s, "a message that does not belong here");
	}
}

/* ---- frames ---- */

static void take_part(struct ship *s, bool fin, struct fl_slice part)
{
	if (fin && s->message.len == 0) {
		take_message(s, part);
		return;
	}
	fl_buf_put(&s->message, part.ptr, part.len);
	if (fl_buf_err(&s->message) != FL_OK) {
		fail(s, "a message too long");
		return;
	}
	if (!fin)
		return;
	take_message(s, fl_buf_slice(&s->message));
	if (s->pipe.state != PIPE_DOWN)
		fl_buf_reset(&s->message);
}

static void take_frame(struct ship *s, uint8_t first, struct fl_slice payload)
{
	switch (first & 0x0f) {
	case OP_BINARY:
	case OP_CONTINUE:
		take_part(s, first & 0x80, payload);
		break;
	case OP_PING:
		send_frame(s, OP_PONG, &payload, 1);
		break;
	case OP_PONG:
		break;
	default:
		fail(s, "closed by the server");
	}
}

/* The length of a frame's head and of its body, or false while they are not all there. */
static bool frame_size(struct fl_slice in, size_t *head, size_t *body)
{
	if (in.len < 2)
		return false;
	size_t wide = in.ptr[1] == 126 ? 2 : in.ptr[1] == 127 ? 8 : 0;
	if (in.len < 2 + wide)
		return false;
	*head = 2 + wide;
	*body = wide == 0 ? in.ptr[1] : 0;
	for (size_t i = 0; i < wide; i++)
		*body = *body << 8 | in.ptr[2 + i];
	return true;
}

static size_t take_frames(struct ship *s, struct fl_slice in)
{
	size_t at = 0, head, body;
	while (frame_size(fl_slice_skip(in, at), &head, &body)) {
		if (body > FRAME_MAX) {
			fail(s, "an impossible frame");
			return in.len;
		}
		if (in.len - at - head < body)
			break;
		take_frame(s, in.ptr[at], fl_slice_of(in.ptr + at + head, body));
		if (s->pipe.state == PIPE_DOWN)
			return in.len;
		at += head + body;
	}
	return at;
}

/* How much of an answer to the upgrade there is; 0 while it is not whole. */
static size_t take_upgrade(struct ship *s, struct fl_slice in)
{
	const uint8_t *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
	if (!end)
		return 0;
	if (in.len < 12 || memcmp(in.ptr, "HTTP/1.1 101", 12) != 0) {
		fail(s, "no upgrade");
		return in.len;
	}
	s->state = SHIP_CMI;
	struct fl_slice cmi = fl_slice_of("\0\0", 2);
	send_frame(s, OP_BINARY, &cmi, 1);
	return (size_t)(end + 4 - in.ptr);
}

static size_t take(struct ship *s, struct fl_slice in)
{
	size_t used = 0;
	if (s->state == SHIP_UPGRADE) {
		used = take_upgrade(s, in);
		if (s->state == SHIP_UPGRADE)
			return used;
	}
	return used + take_frames(s, fl_slice_skip(in, used));
}

static void on_data(struct pipe *p, struct fl_slice chunk)
{
	struct ship *s = (struct ship *)p;
	if (s->partial.len == 0) {
		size_t used = take(s, chunk);
		if (p->state != PIPE_DOWN && used < chunk.len)
			fl_buf_put(&s->partial, chunk.ptr + used, chunk.len - used);
		return;
	}
	fl_buf_put(&s->partial, chunk.ptr, chunk.len);
	size_t used = take(s, fl_buf_slice(&s->partial));
	if (p->state == PIPE_DOWN)
		return;
	fl_buf_consume(&s->partial, used);
	if (s->partial.len == 0)
		fl_buf_done(&s->partial), s->partial = fl_buf_make(2 * FRAME_MAX);
}

static void on_up(struct pipe *p)
{
	static const char request[] =
		"GET /ship/ HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"
		"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
		"Sec-WebSocket-Key: c2hpcCBnZW5lcmF0b3IhIQ==\r\n"
		"Sec-WebSocket-Protocol: ship\r\n\r\n";
	pipe_send(p, request, sizeof(request) - 1);
	pipe_flush(p);
}

static void on_down(struct pipe *p, const char *why)
{
	struct ship *s = (struct ship *)p;
	fl_buf_done(&s->partial);
	fl_buf_done(&s->message);
	s->calls->down(s, why);
}

static void dress(struct pipe *p, SSL *ssl)
{
	const struct ship *s = (struct ship *)p;
	if (SSL_use_certificate(ssl, s->id->cert) != 1 || SSL_use_PrivateKey(ssl, s->id->key) != 1)
		bench_die("a certificate cannot be used");
}

static const struct pipe_calls calls = {
	.up = on_up, .data = on_data, .down = on_down, .dress = dress
};

bool ship_open(struct ship *s, uint16_t port, const struct ship_calls *c)
{
	s->calls = c;
	s->state = SHIP_UPGRADE;
	s->asked = s->told = false;
	s->partial = fl_buf_make(2 * FRAME_MAX);
	s->message = fl_buf_make(FRAME_MAX);
	return pipe_open(&s->pipe, port, s->index, true, &calls);
}

void ship_close(struct ship *s)
{
	static const uint8_t normal[2] = { 1000 >> 8, 1000 & 0xff };
	struct fl_slice part = fl_slice_of(normal, sizeof(normal));
	if (s->pipe.state == PIPE_UP) {
		send_frame(s, OP_CLOSE, &part, 1);
		pipe_flush(&s->pipe);
	}
	pipe_close(&s->pipe);
	fl_buf_done(&s->partial);
	fl_buf_done(&s->message);
}
