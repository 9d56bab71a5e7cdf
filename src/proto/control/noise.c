/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/control/noise.c - the IK handshake, token by token as docs/protocol/control.md 1.6 writes
 * it, and the records that follow.
 */
#include "proto/control/noise.h"

#include "base/prefetch.h"

#include <stdio.h>

enum { NONCE_LEN = 12, TAG = FL_TAG_LEN };

/* What both sides compute alike: the transcript, the chaining key, and the key in force. */
struct symmetric {
	uint8_t h[FL_HASH_LEN], ck[FL_HASH_LEN], k[FL_KEY_LEN];
};

static const uint8_t zero_nonce[NONCE_LEN];

static enum fl_err mix_hash(struct symmetric *s, struct fl_slice data)
{
	return fl_blake2s(fl_slice_of(s->h, sizeof s->h), data, s->h);
}

static enum fl_err mix_key(struct symmetric *s, const uint8_t *key)
{
	return mix_hash(s, fl_slice_of(key, FL_KEY_LEN));
}

static enum fl_err mix_dh(struct symmetric *s, const struct fl_private_key *priv,
			  const uint8_t *pub)
{
	uint8_t shared[FL_KEY_LEN];

	enum fl_err err = fl_x25519(priv, pub, shared);
	if (err == FL_OK)
		err = fl_noise_hkdf(s->ck, fl_slice_of(shared, sizeof shared), s->ck, s->k);
	fl_wipe(shared, sizeof shared);
	return err;
}

/* The version is bound as its decimal text, so a changed header fails at the first tag. */
static enum fl_err begin(struct symmetric *s, uint16_t version, const uint8_t *server_public)
{
	static const char name[] = "Noise_IK_25519_ChaChaPoly_BLAKE2s";
	char prologue[48];

	enum fl_err err = fl_blake2s(fl_slice_str(name), fl_slice_of(NULL, 0), s->h);
	if (err != FL_OK)
		return err;
	memcpy(s->ck, s->h, sizeof s->ck);
	int n = snprintf(prologue, sizeof prologue, "Tailscale Control Protocol v%u", version);
	err = mix_hash(s, fl_slice_of(prologue, (size_t)n));
	return err == FL_OK ? mix_key(s, server_public) : err;
}

static enum fl_err seal(struct symmetric *s, struct fl_slice plain, uint8_t *out)
{
	struct fl_aead *a;

	enum fl_err err = fl_aead_new(s->k, &a);
	if (err != FL_OK)
		return err;
	err = fl_aead_seal(a, zero_nonce, fl_slice_of(s->h, sizeof s->h), plain, out);
	if (err == FL_OK)
		err = mix_hash(s, fl_slice_of(out, plain.len + TAG));
	fl_aead_free(a);
	return err;
}

/* Room for one key beyond the tag is all that the handshake ever opens. */
static enum fl_err open_sealed(struct symmetric *s, struct fl_slice in, uint8_t *out)
{
	struct fl_aead *a;

	enum fl_err err = fl_aead_new(s->k, &a);
	if (err != FL_OK)
		return err;
	err = fl_aead_open(a, zero_nonce, fl_slice_of(s->h, sizeof s->h), in, out);
	if (err == FL_OK)
		err = mix_hash(s, in);
	fl_aead_free(a);
	return err;
}

static enum fl_err open_tag(struct symmetric *s, struct fl_slice in)
{
	uint8_t nothing[1];

	return open_sealed(s, in, nothing);
}

/* Splits into the two record keys; the first is the initiator's for sending. */
static enum fl_err split(struct symmetric *s, bool initiator, struct fl_noise_conn *c)
{
	uint8_t k1[FL_KEY_LEN], k2[FL_KEY_LEN];
	struct fl_aead *first = NULL, *second = NULL;

	enum fl_err err = fl_noise_hkdf(s->ck, fl_slice_of(NULL, 0), k1, k2);
	if (err == FL_OK)
		err = fl_aead_new(k1, &first);
	if (err == FL_OK)
		err = fl_aead_new(k2, &second);
	fl_wipe(k1, sizeof k1);
	fl_wipe(k2, sizeof k2);
	if (err != FL_OK) {
		fl_aead_free(first);
		return err;
	}
	c->tx = initiator ? first : second;
	c->rx = initiator ? second : first;
	return FL_OK;
}

void fl_noise_ahead(const struct fl_noise_conn *c)
{
	fl_prefetch(c->tx, FL_KEY_LEN);
}

void fl_noise_conn_done(struct fl_noise_conn *c)
{
	c->tx = fl_aead_free(c->tx);
	c->rx = fl_aead_free(c->rx);
	fl_wipe(c, sizeof *c);
	c->dead = true;
}

/* -> e, es, s, ss */
static enum fl_err consume_initiation(struct symmetric *s, const struct fl_private_key *priv,
				      const struct fl_noise_initiation *in,
				      struct fl_machine_key *out_peer)
{
	enum fl_err err = mix_hash(s, in->ephemeral);
	if (err == FL_OK)
		err = mix_dh(s, priv, in->ephemeral.ptr);
	if (err == FL_OK)
		err = open_sealed(s, in->sealed_static, out_peer->b);
	if (err == FL_OK)
		err = mix_dh(s, priv, out_peer->b);
	if (err == FL_OK)
		err = open_tag(s, in->tag);
	return err;
}

/* <- e, ee, se */
static enum fl_err create_response(struct symmetric *s, const struct fl_private_key *ephemeral,
				   const uint8_t *peer_ephemeral, const struct fl_machine_key *peer,
				   uint8_t *out)
{
	const uint8_t head[FL_NOISE_HEADER_LEN] = { FL_NOISE_RESPONSE, 0, FL_KEY_LEN + TAG };
	uint8_t *pub = out + sizeof head;

	memcpy(out, head, sizeof head);
	fl_private_key_public(ephemeral, pub);
	enum fl_err err = mix_key(s, pub);
	if (err == FL_OK)
		err = mix_dh(s, ephemeral, peer_ephemeral);
	if (err == FL_OK)
		err = mix_dh(s, ephemeral, peer->b);
	if (err == FL_OK)
		err = seal(s, fl_slice_of(NULL, 0), pub + FL_KEY_LEN);
	return err;
}

enum fl_err fl_noise_respond_as(const struct fl_private_key *server_static,
				const struct fl_machine_key *server_public,
				const struct fl_private_key *ephemeral, struct fl_slice initiation,
				uint8_t out_response[static FL_NOISE_RESPONSE_LEN],
				struct fl_noise_conn *out)
{
	struct fl_noise_initiation in;
	struct symmetric s;
	struct fl_noise_conn c = { 0 };
	uint8_t response[FL_NOISE_RESPONSE_LEN];

	enum fl_err err = fl_noise_initiation_decode(initiation, &in);
	if (err != FL_OK)
		return err;
	err = begin(&s, in.version, server_public->b);
	if (err == FL_OK)
		err = consume_initiation(&s, server_static, &in, &c.peer);
	if (err == FL_OK)
		err = create_response(&s, ephemeral, in.ephemeral.ptr, &c.peer, response);
	if (err == FL_OK)
		err = split(&s, false, &c);
	if (err == FL_OK) {
		c.version = in.version;
		memcpy(out_response, response, sizeof response);
		*out = c;
	}
	fl_wipe(&s, sizeof s);
	fl_wipe(&c, sizeof c);
	return err;
}

enum fl_err fl_noise_respond(const struct fl_private_key *server_static,
			     const struct fl_private_key *ephemeral, struct fl_slice initiation,
			     uint8_t out_response[static FL_NOISE_RESPONSE_LEN],
			     struct fl_noise_conn *out)
{
	struct fl_machine_key server_public;

	fl_private_key_public(server_static, server_public.b);
	return fl_noise_respond_as(server_static, &server_public, ephemeral, initiation,
				   out_response, out);
}

static enum fl_err create_initiation(struct symmetric *s, const struct fl_noise_handshake *hs,
				     const struct fl_machine_key *server, uint8_t *out)
{
	const uint8_t head[] = { (uint8_t)(hs->version >> 8), (uint8_t)hs->version,
				 FL_NOISE_INITIATION, 0, FL_NOISE_INITIATION_LEN - 5 };
	uint8_t *pub = out + sizeof head, *sealed = pub + FL_KEY_LEN;
	struct fl_machine_key machine;

	memcpy(out, head, sizeof head);
	fl_private_key_public(&hs->ephemeral, pub);
	fl_private_key_public(&hs->machine, machine.b);
	enum fl_err err = mix_key(s, pub);
	if (err == FL_OK)
		err = mix_dh(s, &hs->ephemeral, server->b);
	if (err == FL_OK)
		err = seal(s, fl_slice_of(machine.b, sizeof machine.b), sealed);
	if (err == FL_OK)
		err = mix_dh(s, &hs->machine, server->b);
	if (err == FL_OK)
		err = seal(s, fl_slice_of(NULL, 0), sealed + FL_KEY_LEN + TAG);
	return err;
}

enum fl_err fl_noise_initiate(const struct fl_private_key *machine,
			      const struct fl_private_key *ephemeral,
			      const struct fl_machine_key *server, uint16_t version,
			      uint8_t out_initiation[static FL_NOISE_INITIATION_LEN],
			      struct fl_noise_handshake *out)
{
	struct fl_noise_handshake hs = {
		.machine = *machine,
		.ephemeral = *ephemeral,
		.version = version,
	};
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	struct symmetric s;

	enum fl_err err = begin(&s, version, server->b);
	if (err == FL_OK)
		err = create_initiation(&s, &hs, server, initiation);
	if (err == FL_OK) {
		memcpy(hs.h, s.h, sizeof hs.h);
		memcpy(hs.ck, s.ck, sizeof hs.ck);
		memcpy(out_initiation, initiation, sizeof initiation);
		*out = hs;
	}
	fl_wipe(&s, sizeof s);
	fl_wipe(&hs, sizeof hs);
	return err;
}

static enum fl_err consume_response(struct symmetric *s, const struct fl_noise_handshake *hs,
				    struct fl_slice response)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	if (response.len != FL_NOISE_RESPONSE_LEN ||
	    fl_noise_next(response, &type, &body, &used) != FL_OK || type != FL_NOISE_RESPONSE)
		return FL_ERR_PROTO;
	enum fl_err err = mix_key(s, body.ptr);
	if (err == FL_OK)
		err = mix_dh(s, &hs->ephemeral, body.ptr);
	if (err == FL_OK)
		err = mix_dh(s, &hs->machine, body.ptr);
	if (err == FL_OK)
		err = open_tag(s, fl_slice_skip(body, FL_KEY_LEN));
	return err;
}

enum fl_err fl_noise_finish(struct fl_noise_handshake *hs, struct fl_slice response,
			    struct fl_noise_conn *out)
{
	struct fl_noise_conn c = { .version = hs->version };
	struct symmetric s;

	memcpy(s.h, hs->h, sizeof s.h);
	memcpy(s.ck, hs->ck, sizeof s.ck);
	enum fl_err err = consume_response(&s, hs, response);
	if (err == FL_OK)
		err = split(&s, true, &c);
	if (err == FL_OK)
		*out = c;
	fl_wipe(&s, sizeof s);
	fl_wipe(&c, sizeof c);
	fl_noise_handshake_done(hs);
	return err;
}

void fl_noise_handshake_done(struct fl_noise_handshake *hs)
{
	fl_wipe(hs, sizeof *hs);
}

/* Big endian here, unlike plain Noise. */
static void nonce_of(uint64_t counter, uint8_t out[static NONCE_LEN])
{
	memset(out, 0, 4);
	for (size_t i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(counter >> (56 - 8 * i));
}

static enum fl_err kill_conn(struct fl_noise_conn *c, enum fl_err err)
{
	c->dead = true;
	return err;
}

/* Writes one record at `at`, where there is room for it. */
static enum fl_err seal_record(struct fl_noise_conn *c, struct fl_slice plain, uint8_t *at)
{
	size_t body = plain.len + TAG;
	uint8_t nonce[NONCE_LEN];

	at[0] = FL_NOISE_RECORD;
	at[1] = (uint8_t)(body >> 8);
	at[2] = (uint8_t)body;
	nonce_of(c->tx_nonce++, nonce);
	return fl_aead_seal(c->tx, nonce, fl_slice_of(NULL, 0), plain, at + FL_NOISE_HEADER_LEN);
}

enum fl_err fl_noise_seal(struct fl_noise_conn *c, struct fl_slice plain, struct fl_buf *out)
{
	size_t count = plain.len / FL_NOISE_PLAIN_MAX + (plain.len % FL_NOISE_PLAIN_MAX != 0);

	if (c->dead)
		return FL_ERR_STATE;
	if (count == 0)
		return FL_OK;
	if (count > UINT64_MAX - c->tx_nonce) /* the last value is never used */
		return kill_conn(c, FL_ERR_STATE);
	enum fl_err err = fl_buf_reserve(out, plain.len + count * (FL_NOISE_HEADER_LEN + TAG));
	if (err != FL_OK)
		return kill_conn(c, err);

	size_t len = out->len;
	while (plain.len > 0) {
		size_t n = plain.len < FL_NOISE_PLAIN_MAX ? plain.len : FL_NOISE_PLAIN_MAX;
		err = seal_record(c, fl_slice_of(plain.ptr, n), out->ptr + len);
		if (err != FL_OK)
			return kill_conn(c, err);
		len += FL_NOISE_HEADER_LEN + n + TAG;
		plain = fl_slice_skip(plain, n);
	}
	out->len = len;
	fl_aead_rest(c->tx);
	return FL_OK;
}

static enum fl_err open_record(struct fl_noise_conn *c, struct fl_slice body, uint8_t *at)
{
	uint8_t nonce[NONCE_LEN];

	if (c->rx_nonce == UINT64_MAX)
		return FL_ERR_PROTO;
	nonce_of(c->rx_nonce++, nonce);
	return fl_aead_open(c->rx, nonce, fl_slice_of(NULL, 0), body, at);
}

enum fl_err fl_noise_open(struct fl_noise_conn *c, uint8_t *in, size_t len,
			  struct fl_slice *out_plain, size_t *out_used)
{
	enum fl_noise_type type;
	struct fl_slice body;
	size_t used;

	if (c->dead)
		return FL_ERR_STATE;
	if (len > 0 && in[0] != FL_NOISE_RECORD)
		return kill_conn(c, FL_ERR_PROTO);
	enum fl_err err = fl_noise_next(fl_slice_of(in, len), &type, &body, &used);
	if (err == FL_MORE)
		return err;
	uint8_t *at = in + FL_NOISE_HEADER_LEN;
	if (err == FL_OK)
		err = open_record(c, body, at);
	if (err != FL_OK)
		return kill_conn(c, err);
	if (used < FL_NOISE_RECORD_MAX) /* a run of full records ends with a shorter one */
		fl_aead_rest(c->rx);
	*out_plain = fl_slice_of(at, body.len - TAG);
	*out_used = used;
	return FL_OK;
}
