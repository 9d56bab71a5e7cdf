/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/derp_kit.c - a relay machine with its driver and clients, for its tests. */
#include "derp_kit.h"

enum { OUT_MAX = 64 << 20 };

static void close_client(struct kit_client *kc, enum fl_err reason)
{
	kc->reason = reason;
	kc->c = fl_derp_client_free(kc->c);
}

void kit_init(struct kit *k, const struct fl_derp_config *cfg)
{
	struct fl_derp_config c = { 0 };

	assert_int_equal(fl_crypto_init(), FL_OK);
	if (cfg != NULL)
		c = *cfg;
	for (uint8_t i = 0; i < FL_KEY_LEN; i++)
		c.key.b[i] = (uint8_t)(1 + i);
	*k = (struct kit){ .now = 1000 * FL_SEC };
	assert_int_equal(fl_derp_server_new(&c, &k->s), FL_OK);
}

void kit_done(struct kit *k)
{
	for (size_t i = 0; i < k->count; i++) {
		kit_leave(&k->at[i]);
		fl_buf_done(&k->at[i].out);
		assert_true(fl_derp_server_check(k->s));
	}
	const struct fl_derp_stats *st = kit_stats(k);
	assert_int_equal(st->connections, 0);
	assert_int_equal(st->logins, 0);
	assert_int_equal(st->home_connections, 0);
	assert_int_equal(st->clients_local, 0);
	assert_int_equal(st->dup_keys, 0);
	assert_int_equal(st->dup_conns, 0);
	assert_int_equal(st->watches, 0);
	fl_derp_server_free(k->s);
}

/* Takes what there is to send, or one write if the client does not read. */
static void flush(struct kit_client *kc)
{
	while (!kc->stalled || !kc->taken) {
		struct fl_slice out = fl_derp_client_output(kc->c, kc->kit->now);
		if (out.len == 0)
			return;
		kc->writes++;
		kc->taken = true;
		fl_buf_put(&kc->out, out.ptr, out.len);
		assert_int_equal(fl_buf_err(&kc->out), FL_OK);
	}
	fl_derp_client_blocked(kc->c, true);
}

static void input(struct kit_client *kc, struct fl_slice in);

static void handle(struct kit *k, const struct fl_derp_effect *e)
{
	struct kit_client *kc = e->ctx;

	assert_ptr_equal(e->client, kc->c);
	switch (e->kind) {
	case FL_DERP_CLOSE:
		close_client(kc, e->reason);
		break;
	case FL_DERP_ADMIT:
		k->admissions++;
		if (!k->hold_admission)
			fl_derp_client_admit(kc->c, k->now, !k->refuse);
		break;
	case FL_DERP_RESUME:
		kc->paused = false;
		input(kc, fl_slice_of(NULL, 0));
		break;
	case FL_DERP_FLUSH:
		flush(kc);
		break;
	}
}

static void run(struct kit *k, bool all)
{
	struct fl_derp_effect e;
	while (fl_derp_server_next(k->s, all, &e))
		handle(k, &e);
}

void kit_run(struct kit *k)
{
	run(k, true);
	if (!k->trusting)
		assert_true(fl_derp_server_check(k->s));
}

static void input(struct kit_client *kc, struct fl_slice in)
{
	enum fl_err err = FL_MORE;

	while (err == FL_MORE && kc->c != NULL) {
		size_t used = 0;
		err = fl_derp_client_input(kc->c, kc->kit->now, in, &used);
		if (err != FL_MORE && err != FL_OK && err != FL_AGAIN)
			break;
		in = fl_slice_skip(in, used);
		if (err == FL_MORE)
			run(kc->kit, false);
		else
			assert_int_equal(in.len, 0);
	}
	if (kc->c == NULL)
		return;
	kc->paused = err == FL_AGAIN;
	if (err != FL_OK && err != FL_AGAIN)
		close_client(kc, err);
}

/* A copy of exact size, so that a sanitizer sees reads past the end. */
void kit_feed(struct kit_client *kc, struct fl_slice in)
{
	uint8_t *copy = malloc(in.len ? in.len : 1);
	if (in.len > 0)
		memcpy(copy, in.ptr, in.len);
	input(kc, fl_slice_of(copy, in.len));
	free(copy);
	kit_run(kc->kit);
}

struct kit_client *kit_connect(struct kit *k, uint8_t id)
{
	struct fl_addrport from = { fl_ip_v4(192, 0, 2, id), 4000 };

	assert_true(k->count < KIT_CLIENTS);
	struct kit_client *kc = &k->at[k->count++];
	*kc = (struct kit_client){ .kit = k, .out = fl_buf_make(OUT_MAX) };
	for (uint8_t i = 0; i < FL_KEY_LEN; i++)
		kc->priv.b[i] = (uint8_t)(0x21 + i);
	kc->priv.b[1] = id;
	fl_private_key_public(&kc->priv, kc->key.b);
	assert_int_equal(fl_derp_client_new(k->s, k->now, &from, false, kc, &kc->c), FL_OK);
	kit_run(k);
	return kc;
}

void kit_hello(struct kit_client *kc)
{
	struct fl_derp_client_info info = { .version = 2, .can_ack_pings = true };
	static const uint8_t nonce[FL_BOX_NONCE_LEN] = { 7 };
	struct fl_buf b = fl_buf_make(4096);

	assert_int_equal(fl_derp_client_info_seal(&kc->priv, fl_derp_server_public(kc->kit->s),
						  nonce, &info, &b),
			 FL_OK);
	kit_feed(kc, fl_buf_slice(&b));
	fl_buf_done(&b);
}

struct kit_client *kit_login(struct kit *k, uint8_t id)
{
	struct kit_client *kc = kit_connect(k, id);

	kit_expect(kc, FL_DERP_SERVER_KEY);
	kit_hello(kc);
	kit_expect(kc, FL_DERP_SERVER_INFO);
	kit_expect_nothing(kc);
	return kc;
}

void kit_leave(struct kit_client *kc)
{
	if (kc->c == NULL)
		return;
	close_client(kc, FL_OK);
	kit_run(kc->kit);
}

void kit_feed_frame(struct kit_client *kc, uint8_t type, size_t len)
{
	uint8_t *frame = calloc(1, FL_DERP_HEADER_LEN + len);
	size_t all = FL_DERP_HEADER_LEN + len;

	fl_derp_header(frame, type, (uint32_t)len);
	for (size_t at = 0; at < all && kc->c != NULL; at += FL_DERP_INPUT_MAX) {
		size_t n = all - at < FL_DERP_INPUT_MAX ? all - at : FL_DERP_INPUT_MAX;
		kit_feed(kc, fl_slice_of(frame + at, n));
	}
	free(frame);
}

static void send_payload(struct kit_client *kc, const struct fl_node_key *dst, const uint8_t *p,
			 size_t len)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_derp_put_send(&b, dst, fl_slice_of(p, len));
	assert_int_equal(fl_buf_err(&b), FL_OK);
	for (size_t at = 0; at < b.len && kc->c != NULL; at += FL_DERP_INPUT_MAX) {
		size_t n = b.len - at < FL_DERP_INPUT_MAX ? b.len - at : FL_DERP_INPUT_MAX;
		kit_feed(kc, fl_slice_of(b.ptr + at, n));
	}
	fl_buf_done(&b);
}

void kit_send(struct kit_client *kc, const struct fl_node_key *dst, size_t len, uint8_t mark)
{
	uint8_t *p = malloc(len + 1);

	memset(p, mark, len);
	send_payload(kc, dst, p, len);
	free(p);
}

void kit_send_disco(struct kit_client *kc, const struct fl_node_key *dst, uint8_t mark)
{
	uint8_t p[62] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };

	memset(p + 6, mark, sizeof p - 6);
	send_payload(kc, dst, p, sizeof p);
}

void kit_tick(struct kit *k, fl_time by)
{
	k->now += by;
	fl_derp_server_tick(k->s, k->now);
	kit_run(k);
}

void kit_stall(struct kit_client *kc)
{
	kc->stalled = true;
	kc->taken = false;
}

void kit_unstall(struct kit_client *kc)
{
	kc->stalled = kc->taken = false;
	fl_derp_client_blocked(kc->c, false);
	kit_run(kc->kit);
}

static bool next_frame(struct kit_client *kc, struct fl_derp_frame *out)
{
	size_t used;
	struct fl_slice rest = fl_slice_skip(fl_buf_slice(&kc->out), kc->at);

	if (fl_derp_next(rest, FL_DERP_CLIENT_MAX, out, &used) != FL_OK) {
		assert_int_equal(rest.len, 0); /* only whole frames are ever sent */
		return false;
	}
	kc->at += used;
	return true;
}

struct fl_slice kit_expect(struct kit_client *kc, uint8_t type)
{
	struct fl_derp_frame f;

	if (!next_frame(kc, &f))
		fail_msg("no frame, want type 0x%02x", type);
	if (f.type != type)
		fail_msg("frame of type 0x%02x, want 0x%02x", f.type, type);
	return f.body;
}

void kit_expect_nothing(struct kit_client *kc)
{
	struct fl_derp_frame f;
	if (next_frame(kc, &f))
		fail_msg("unexpected frame of type 0x%02x", f.type);
}

void kit_expect_packet(struct kit_client *kc, const struct kit_client *src, size_t len,
		       uint8_t mark)
{
	struct fl_derp_packet p;

	assert_int_equal(fl_derp_as_recv(kit_expect(kc, FL_DERP_RECV_PACKET), &p), FL_OK);
	assert_true(fl_node_key_eq(&p.key, &src->key));
	assert_int_equal(p.payload.len, len);
	for (size_t i = 0; i < len; i++)
		if (p.payload.ptr[i] != mark)
			fail_msg("byte %zu is %02x, want %02x", i, p.payload.ptr[i], mark);
}

void kit_expect_gone(struct kit_client *kc, const struct fl_node_key *key, uint8_t reason)
{
	struct fl_derp_peer_gone g;

	assert_int_equal(fl_derp_as_peer_gone(kit_expect(kc, FL_DERP_PEER_GONE), &g), FL_OK);
	assert_true(fl_node_key_eq(&g.key, key));
	assert_int_equal(g.reason, reason);
}

size_t kit_count(struct kit_client *kc, uint8_t type)
{
	struct fl_derp_frame f;
	size_t n = 0;

	while (next_frame(kc, &f))
		n += f.type == type;
	return n;
}

const struct fl_derp_stats *kit_stats(struct kit *k)
{
	return fl_derp_server_stats(k->s);
}
