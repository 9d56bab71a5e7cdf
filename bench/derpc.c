/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/derpc.c - see derpc.h. */
#include "derpc.h"

#include <openssl/x509.h>
#include <sodium.h>

#include "crypto/prim.h"
#include "util.h"

enum { PARTIAL_MAX = 1 << 20, PARTIAL_KEPT = 4096 };

static const uint8_t magic[8] = { 0x44, 0x45, 0x52, 0x50, 0xf0, 0x9f, 0x94, 0x91 };

void derp_identify(struct derp *d, uint32_t index, uint64_t seed)
{
	char text[64];
	int n = snprintf(text, sizeof(text), "relay/%llu/%u", (unsigned long long)seed, index);
	*d = (struct derp){ .index = index };
	fl_sha256(fl_slice_of(text, (size_t)n), d->secret.b);
	fl_private_key_public(&d->secret, d->key);
	d->pipe.state = PIPE_DOWN;
	d->pipe.ear.fd = -1;
}

static void put_head(uint8_t *out, enum derp_type type, size_t len)
{
	out[0] = (uint8_t)type;
	for (int i = 0; i < 4; i++)
		out[1 + i] = (uint8_t)(len >> (24 - 8 * i));
}

static void fail(struct derp *d, const char *why)
{
	derp_close(d);
	d->calls->down(d, why);
}

/* ---- login ---- */

static size_t client_info(struct derp *d, const uint8_t server[static FL_KEY_LEN], uint8_t *out)
{
	static const char info[] = "{\"version\":2,\"CanAckPings\":true}";
	size_t len = FL_KEY_LEN + crypto_box_NONCEBYTES + crypto_box_MACBYTES + sizeof(info) - 1;
	uint8_t *nonce = out + DERP_HEAD + FL_KEY_LEN;
	put_head(out, DERP_CLIENT_INFO, len);
	memcpy(out + DERP_HEAD, d->key, FL_KEY_LEN);
	randombytes_buf(nonce, crypto_box_NONCEBYTES);
	if (crypto_box_easy(nonce + crypto_box_NONCEBYTES, (const uint8_t *)info, sizeof(info) - 1,
			    nonce, server, d->secret.b) != 0)
		bench_die("the relay has a key that cannot be used");
	return DERP_HEAD + len;
}

/* The relay's key from the last certificate, whose name is "derpkey" and the key. */
static bool key_from_chain(struct derp *d, uint8_t out[static FL_KEY_LEN])
{
	char name[128];
	STACK_OF(X509) *chain = d->pipe.ssl ? SSL_get_peer_cert_chain(d->pipe.ssl) : NULL;
	int n = chain ? sk_X509_num(chain) : 0;
	if (n < 2)
		return false;
	X509_NAME *subject = X509_get_subject_name(sk_X509_value(chain, n - 1));
	int len = X509_NAME_get_text_by_NID(subject, NID_commonName, name, sizeof(name));
	return len == 7 + 2 * FL_KEY_LEN && memcmp(name, "derpkey", 7) == 0 &&
	       sodium_hex2bin(out, FL_KEY_LEN, name + 7, 2 * FL_KEY_LEN, NULL, NULL, NULL) == 0;
}

static void on_up(struct pipe *p)
{
	struct derp *d = (struct derp *)p;
	uint8_t server[FL_KEY_LEN], buf[512];
	d->fast_start = key_from_chain(d, server);
	int n = snprintf((char *)buf, sizeof(buf),
			 "GET /derp HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: DERP\r\n"
			 "Connection: Upgrade\r\n%s\r\n",
			 d->fast_start ? "Derp-Fast-Start: 1\r\n" : "");
	size_t len = (size_t)n;
	if (d->fast_start)
		len += client_info(d, server, buf + len);
	d->state = d->fast_start ? DERP_KEY : DERP_UPGRADE;
	pipe_send(p, buf, len);
	pipe_flush(p);
}

static void take_server_key(struct derp *d, const uint8_t *payload, size_t len)
{
	uint8_t buf[256];
	if (len < sizeof(magic) + FL_KEY_LEN || memcmp(payload, magic, sizeof(magic)) != 0) {
		fail(d, "no relay key");
		return;
	}
	d->state = DERP_INFO;
	if (d->fast_start)
		return;
	pipe_send(&d->pipe, buf, client_info(d, payload + sizeof(magic), buf));
	pipe_flush(&d->pipe);
}

/* ---- frames ---- */

static void take_frame(struct derp *d, uint8_t type, const uint8_t *payload, size_t len)
{
	if (type == DERP_RECV_PACKET && len >= FL_KEY_LEN) {
		d->calls->packet(d, payload, fl_slice_of(payload + FL_KEY_LEN, len - FL_KEY_LEN));
	} else if (type == DERP_KEEP_ALIVE) {
		d->keep_alives++;
	} else if (type == DERP_SERVER_KEY && d->state == DERP_KEY) {
		take_server_key(d, payload, len);
	} else if (type == DERP_SERVER_INFO && d->state == DERP_INFO) {
		d->state = DERP_UP;
		d->calls->up(d);
	}
}

/* Whole frames at the start of `in`; gives how many bytes they had. */
static size_t take_frames(struct derp *d, struct fl_slice in)
{
	size_t at = 0;
	while (in.len - at >= DERP_HEAD) {
		const uint8_t *p = in.ptr + at;
		size_t len = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
		if (len > PARTIAL_MAX - DERP_HEAD) {
			fail(d, "impossible frame length");
			return in.len;
		}
		if (in.len - at - DERP_HEAD < len)
			break;
		take_frame(d, p[0], p + DERP_HEAD, len);
		if (d->pipe.state == PIPE_DOWN)
			return in.len;
		at += DERP_HEAD + len;
	}
	return at;
}

/* Behind the blank line of a 101, or nothing while it is not whole. */
static struct fl_slice skip_upgrade(struct derp *d, struct fl_slice in)
{
	const uint8_t *end = memmem(in.ptr, in.len, "\r\n\r\n", 4);
	if (!end)
		return fl_slice_of(NULL, 0);
	if (in.len < 12 || memcmp(in.ptr, "HTTP/1.1 101", 12) != 0) {
		fail(d, "no upgrade");
		return fl_slice_of(NULL, 0);
	}
	d->state = DERP_KEY;
	return fl_slice_skip(in, (size_t)(end + 4 - in.ptr));
}

static struct fl_slice digest_input(struct derp *d, struct fl_slice in)
{
	if (d->state == DERP_UPGRADE) {
		struct fl_slice rest = skip_upgrade(d, in);
		if (d->state == DERP_UPGRADE)
			return in;
		in = rest;
	}
	return fl_slice_skip(in, take_frames(d, in));
}

static void keep(struct derp *d, struct fl_slice rest)
{
	struct fl_buf next = fl_buf_make(PARTIAL_MAX);
	fl_buf_put(&next, rest.ptr, rest.len);
	fl_buf_done(&d->partial);
	d->partial = next;
}

static void on_data(struct pipe *p, struct fl_slice chunk)
{
	struct derp *d = (struct derp *)p;
	if (d->partial.len == 0) {
		struct fl_slice rest = digest_input(d, chunk);
		if (p->state != PIPE_DOWN && rest.len > 0)
			fl_buf_put(&d->partial, rest.ptr, rest.len);
		return;
	}
	fl_buf_put(&d->partial, chunk.ptr, chunk.len);
	struct fl_slice rest = digest_input(d, fl_buf_slice(&d->partial));
	if (p->state == PIPE_DOWN)
		return;
	if (d->partial.cap > PARTIAL_KEPT && rest.len == 0)
		keep(d, rest);
	else
		fl_buf_consume(&d->partial, d->partial.len - rest.len);
}

static void on_down(struct pipe *p, const char *why)
{
	struct derp *d = (struct derp *)p;
	fl_buf_done(&d->partial);
	d->calls->down(d, why);
}

static const struct pipe_calls calls = { .up = on_up, .data = on_data, .down = on_down };

bool derp_open(struct derp *d, uint16_t port, bool tls, const struct derp_calls *c)
{
	d->calls = c;
	d->state = DERP_START;
	d->partial = fl_buf_make(PARTIAL_MAX);
	return pipe_open(&d->pipe, port, d->index, tls, &calls);
}

void derp_close(struct derp *d)
{
	pipe_close(&d->pipe);
	fl_buf_done(&d->partial);
}

void derp_send(struct derp *d, const uint8_t to[static FL_KEY_LEN], uint8_t *frame, size_t len)
{
	put_head(frame, DERP_SEND_PACKET, FL_KEY_LEN + len);
	memcpy(frame + DERP_HEAD, to, FL_KEY_LEN);
	pipe_send(&d->pipe, frame, DERP_SEND_HEAD + len);
}
