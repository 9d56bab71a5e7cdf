/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_derp.c - relay frames: cutting, bodies, and the known answers of the login. */
#include "wire/derp.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
#define COUNT(a) (sizeof(a) / sizeof *(a))

/* ---- cutting ---- */

static struct row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	size_t body, used;
} rows[] = {
	{ "nothing yet", BYTES(""), FL_MORE, 0, 0 },
	{ "header cut short", BYTES("\x06\0\0\0"), FL_MORE, 0, 0 },
	{ "body cut short",
	  BYTES("\x04\0\0\0\x03"
		"ab"),
	  FL_MORE, 0, 0 },
	{ "empty body", BYTES("\x06\0\0\0\0"), FL_OK, 0, 5 },
	{ "body",
	  BYTES("\x04\0\0\0\x03"
		"abc"),
	  FL_OK, 3, 8 },
	{ "stops at the frame's end",
	  BYTES("\x06\0\0\0\0"
		"\x12\0"),
	  FL_OK, 0, 5 },
	{ "unknown type is still a frame",
	  BYTES("\x7f\0\0\0\x01"
		"x"),
	  FL_OK, 1, 6 },
	{ "exactly the limit", BYTES("\x04\0\x01\0\x40"), FL_MORE, 0, 0 },
	{ "one byte over the limit", BYTES("\x04\0\x01\0\x41"), FL_ERR_TOO_BIG, 0, 0 },
	{ "all ones", BYTES("\x04\xff\xff\xff\xff"), FL_ERR_TOO_BIG, 0, 0 },
};

static void frame_row(void **state)
{
	const struct row *row = *state;
	struct fl_derp_frame frame = { .type = 0xaa };
	size_t used = 0;

	enum fl_err got = fl_derp_next(row->in, FL_DERP_BODY_MAX, &frame, &used);
	if (got != row->want)
		fail_msg("got %s, want %s", fl_err_text(got), fl_err_text(row->want));
	assert_int_equal(used, row->used);
	assert_int_equal(frame.type,
			 got == FL_OK ? row->in.ptr[0] : 0xaa); /* untouched on failure */
	assert_int_equal(frame.body.len, row->body);

	for (size_t cut = 0; cut < row->used; cut++) { /* however the bytes arrive */
		struct fl_slice part = { row->in.ptr, cut };
		assert_int_equal(fl_derp_next(part, FL_DERP_BODY_MAX, &frame, &used), FL_MORE);
	}
}

static void limit_of_the_login(void **state)
{
	(void)state;
	struct fl_derp_frame frame;
	size_t used;
	const uint8_t at[] = { 2, 0, 4, 0, 0 }, over[] = { 2, 0, 4, 0, 1 };

	assert_int_equal(fl_derp_next(fl_slice_of(at, 5), FL_DERP_LOGIN_MAX, &frame, &used),
			 FL_MORE);
	assert_int_equal(fl_derp_next(fl_slice_of(over, 5), FL_DERP_LOGIN_MAX, &frame, &used),
			 FL_ERR_TOO_BIG);
}

/* ---- bodies ---- */

static uint8_t zeros[FL_DERP_PACKET_MAX + 3 * FL_KEY_LEN];

static enum fl_err as_send(struct fl_slice b)
{
	struct fl_derp_packet p;
	return fl_derp_as_send(b, &p);
}

static enum fl_err as_forward(struct fl_slice b)
{
	struct fl_derp_forward f;
	return fl_derp_as_forward(b, &f);
}

static enum fl_err as_preferred(struct fl_slice b)
{
	bool yes;
	return fl_derp_as_preferred(b, &yes);
}

static enum fl_err as_gone(struct fl_slice b)
{
	struct fl_derp_peer_gone g;
	return fl_derp_as_peer_gone(b, &g);
}

static enum fl_err as_present(struct fl_slice b)
{
	struct fl_derp_peer_present p;
	return fl_derp_as_peer_present(b, &p);
}

static enum fl_err as_close(struct fl_slice b)
{
	struct fl_node_key k;
	return fl_derp_as_close_peer(b, &k);
}

static enum fl_err as_ping(struct fl_slice b)
{
	uint8_t p[FL_DERP_PING_LEN];
	return fl_derp_as_ping(b, p);
}

static enum fl_err as_restarting(struct fl_slice b)
{
	struct fl_derp_restarting r;
	return fl_derp_as_restarting(b, &r);
}

static struct body_row {
	const char *name;
	enum fl_err (*as)(struct fl_slice);
	size_t min, max; /* SIZE_MAX: no upper limit */
} body_rows[] = {
	{ "SendPacket 32..65568", as_send, 32, 65568 },
	{ "ForwardPacket 64..65600", as_forward, 64, 65600 },
	{ "NotePreferred 1", as_preferred, 1, 1 },
	{ "PeerGone 32..", as_gone, 32, SIZE_MAX },
	{ "PeerPresent 32..", as_present, 32, SIZE_MAX },
	{ "ClosePeer 32", as_close, 32, 32 },
	{ "Ping 8..1000", as_ping, 8, 1000 },
	{ "Restarting 8..", as_restarting, 8, SIZE_MAX },
};

static void body_row(void **state)
{
	const struct body_row *row = *state;

	assert_int_equal(row->as(fl_slice_of(zeros, row->min - 1)), FL_ERR_PROTO);
	assert_int_equal(row->as(fl_slice_of(zeros, row->min)), FL_OK);
	if (row->max == SIZE_MAX) {
		assert_int_equal(row->as(fl_slice_of(zeros, 1000)), FL_OK);
		return;
	}
	assert_int_equal(row->as(fl_slice_of(zeros, row->max)), FL_OK);
	assert_int_equal(row->as(fl_slice_of(zeros, row->max + 1)), FL_ERR_PROTO);
}

static struct fl_slice only_body(const struct fl_buf *b, uint8_t type)
{
	struct fl_derp_frame frame;
	size_t used;

	assert_int_equal(fl_derp_next(fl_buf_slice(b), FL_DERP_CLIENT_MAX, &frame, &used), FL_OK);
	assert_int_equal(used, b->len);
	assert_int_equal(frame.type, type);
	return frame.body;
}

static void packets_round_trip(void **state)
{
	(void)state;
	struct fl_node_key key = { { 1, 2, 3 } }, src = { { 9 } };
	struct fl_slice payload = fl_slice_str("payload");
	struct fl_derp_forward f = { .src = src, .dst = key, .payload = payload }, got_f;
	struct fl_derp_packet got;
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_derp_put_send(&b, &key, payload);
	assert_int_equal(fl_derp_as_send(only_body(&b, FL_DERP_SEND_PACKET), &got), FL_OK);
	assert_true(fl_node_key_eq(&got.key, &key));
	assert_true(fl_slice_eq(got.payload, payload));
	fl_buf_reset(&b);

	fl_derp_put_recv(&b, &src, payload);
	assert_int_equal(fl_derp_as_recv(only_body(&b, FL_DERP_RECV_PACKET), &got), FL_OK);
	assert_true(fl_node_key_eq(&got.key, &src));
	fl_buf_reset(&b);

	fl_derp_put_forward(&b, &f);
	assert_int_equal(fl_derp_as_forward(only_body(&b, FL_DERP_FORWARD_PACKET), &got_f), FL_OK);
	assert_true(fl_node_key_eq(&got_f.src, &src) && fl_node_key_eq(&got_f.dst, &key));
	assert_true(fl_slice_eq(got_f.payload, payload));
	fl_buf_done(&b);
}

static void peers_round_trip(void **state)
{
	(void)state;
	struct fl_node_key key = { { 7 } }, got_key;
	struct fl_derp_peer_gone gone = { .key = key, .reason = FL_DERP_GONE_NOT_HERE }, got_gone;
	struct fl_derp_peer_present here = { .key = key,
					     .flags = FL_DERP_PRESENT_MESH,
					     .at = { fl_ip_v4(192, 0, 2, 1), 4711 } },
				    got_here;
	struct fl_derp_restarting r = { 1000, 60000 }, got_r;
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_derp_put_peer_gone(&b, &gone);
	assert_int_equal(fl_derp_as_peer_gone(only_body(&b, FL_DERP_PEER_GONE), &got_gone), FL_OK);
	assert_int_equal(got_gone.reason, FL_DERP_GONE_NOT_HERE);
	struct fl_slice old = { b.ptr + FL_DERP_HEADER_LEN, 32 }; /* without the reason */
	assert_int_equal(fl_derp_as_peer_gone(old, &got_gone), FL_OK);
	assert_int_equal(got_gone.reason, FL_DERP_GONE_DISCONNECTED);
	fl_buf_reset(&b);

	fl_derp_put_peer_present(&b, &here);
	struct fl_slice body = only_body(&b, FL_DERP_PEER_PRESENT);
	assert_int_equal(body.len, 51);
	assert_int_equal(fl_derp_as_peer_present(body, &got_here), FL_OK);
	assert_true(fl_addrport_eq(&got_here.at, &here.at));
	assert_int_equal(got_here.flags, FL_DERP_PRESENT_MESH);
	body.len = 50; /* address, no flags */
	assert_int_equal(fl_derp_as_peer_present(body, &got_here), FL_OK);
	assert_int_equal(got_here.at.port, 4711);
	assert_int_equal(got_here.flags, 0);
	body.len = 49; /* half an address is none */
	assert_int_equal(fl_derp_as_peer_present(body, &got_here), FL_OK);
	assert_false(fl_ip_is_set(&got_here.at.ip));
	fl_buf_reset(&b);

	for (int yes = 0; yes < 2; yes++) {
		bool got = !yes;
		fl_derp_put_preferred(&b, yes);
		assert_int_equal(fl_derp_as_preferred(only_body(&b, FL_DERP_NOTE_PREFERRED), &got),
				 FL_OK);
		assert_int_equal(got, yes);
		fl_buf_reset(&b);
	}
	fl_derp_put_close_peer(&b, &key);
	assert_int_equal(fl_derp_as_close_peer(only_body(&b, FL_DERP_CLOSE_PEER), &got_key), FL_OK);
	assert_true(fl_node_key_eq(&got_key, &key));
	fl_buf_reset(&b);

	fl_derp_put_restarting(&b, &r);
	assert_int_equal(fl_derp_as_restarting(only_body(&b, FL_DERP_RESTARTING), &got_r), FL_OK);
	assert_int_equal(got_r.try_for_ms, 60000);
	fl_buf_done(&b);
}

static void disco_by_length_and_magic(void **state)
{
	(void)state;
	uint8_t p[64] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };

	assert_true(fl_derp_is_disco(fl_slice_of(p, 62)));
	assert_false(fl_derp_is_disco(fl_slice_of(p, 61)));
	p[5]++;
	assert_false(fl_derp_is_disco(fl_slice_of(p, 64)));
	assert_false(fl_derp_is_disco(fl_slice_of(NULL, 0)));
}

/* ---- the login ---- */

static const char server_key_frame[] =
	"0100000028"
	"44455250f09f9491"
	"07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
static const char client_info_frame[] =
	"0200000068"
	"5869aff450549732cbaaed5e5df9b30a6da31cb0e5742bad5ad4a1a768f1a67b"
	"a0a1a2a3a4a5a6a7a8a9aaabacadaeafb0b1b2b3b4b5b6b7"
	"c359ad8bbbbe82775c357b7a379e8825358210dd5f19ea38"
	"2d6c234877ec80bfa2dd129ccbbad599ec9dd393c31dce7e";
static const char server_info_frame[] =
	"0300000035"
	"c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7"
	"c8cacebfa035e447bacfa5b371050d0bca7d096319ebc318e8d9128277";

struct login {
	struct fl_private_key server, client;
	uint8_t server_pub[FL_KEY_LEN], client_pub[FL_KEY_LEN];
	uint8_t client_nonce[FL_BOX_NONCE_LEN], server_nonce[FL_BOX_NONCE_LEN];
};

static void counting(uint8_t *p, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static struct login login_make(void)
{
	struct login l;
	counting(l.server.b, FL_KEY_LEN, 0x01);
	counting(l.client.b, FL_KEY_LEN, 0x21);
	counting(l.client_nonce, FL_BOX_NONCE_LEN, 0xa0);
	counting(l.server_nonce, FL_BOX_NONCE_LEN, 0xc0);
	fl_private_key_public(&l.server, l.server_pub);
	fl_private_key_public(&l.client, l.client_pub);
	return l;
}

static void assert_hex(const struct fl_buf *b, const char *hex)
{
	char got[1024];
	assert_int_equal(fl_buf_err(b), FL_OK);
	assert_true(b->len * 2 < sizeof got);
	fl_hex_encode(b->ptr, b->len, got);
	assert_string_equal(got, hex);
}

static void known_answer_frames(void **state)
{
	(void)state;
	struct login l = login_make();
	struct fl_derp_client_info info = { .version = 2, .can_ack_pings = true }, got;
	struct fl_derp_server_info sinfo = { .version = 2 }, sgot;
	struct fl_node_key key, client_key;
	uint8_t pub[FL_KEY_LEN];
	struct fl_buf b = fl_buf_make(4096);
	memcpy(client_key.b, l.client_pub, FL_KEY_LEN);

	fl_derp_put_server_key(&b, l.server_pub);
	assert_hex(&b, server_key_frame);
	assert_int_equal(fl_derp_as_server_key(only_body(&b, FL_DERP_SERVER_KEY), pub), FL_OK);
	assert_memory_equal(pub, l.server_pub, FL_KEY_LEN);
	fl_buf_reset(&b);

	assert_int_equal(
		fl_derp_client_info_seal(&l.client, l.server_pub, l.client_nonce, &info, &b),
		FL_OK);
	assert_hex(&b, client_info_frame);
	assert_int_equal(
		fl_derp_client_info_open(&l.server, only_body(&b, FL_DERP_CLIENT_INFO), &key, &got),
		FL_OK);
	assert_true(fl_node_key_eq(&key, &client_key));
	assert_int_equal(got.version, 2);
	assert_true(got.can_ack_pings);
	assert_false(got.is_prober || got.has_mesh_key);
	fl_buf_reset(&b);

	assert_int_equal(fl_derp_server_info_seal(&got.shared, l.server_nonce, &sinfo, &b), FL_OK);
	assert_hex(&b, server_info_frame);
	assert_int_equal(fl_derp_server_info_open(&l.client, l.server_pub,
						  only_body(&b, FL_DERP_SERVER_INFO), &sgot),
			 FL_OK);
	assert_int_equal(sgot.version, 2);
	fl_buf_done(&b);
}

/* Seals any text as a ClientInfo body and opens it. */
static enum fl_err open_text(const char *text, struct fl_derp_client_info *out)
{
	struct login l = login_make();
	struct fl_slice in = fl_slice_str(text);
	struct fl_box_key shared;
	struct fl_node_key key;
	uint8_t *body = malloc(FL_DERP_LOGIN_MIN + FL_BOX_OVERHEAD + in.len);

	memcpy(body, l.client_pub, FL_KEY_LEN);
	memcpy(body + FL_KEY_LEN, l.client_nonce, FL_BOX_NONCE_LEN);
	assert_int_equal(fl_box_key_make(&l.client, l.server_pub, &shared), FL_OK);
	assert_int_equal(fl_box_key_seal(&shared, l.client_nonce, in, body + FL_DERP_LOGIN_MIN),
			 FL_OK);
	enum fl_err err = fl_derp_client_info_open(
		&l.server, fl_slice_of(body, FL_DERP_LOGIN_MIN + FL_BOX_OVERHEAD + in.len), &key,
		out);
	free(body);
	return err;
}

#define MESH "00112233445566778899aabbccddeeff00112233445566778899AABBCCDDEEFF"

static struct json_row {
	const char *name, *text;
	enum fl_err want;
	int64_t version;
	bool ack, prober, mesh;
	const char *app;
} json_rows[] = {
	{ "today's client", "{\"version\":2,\"CanAckPings\":true}", FL_OK, 2, true, false, false,
	  "" },
	{ "old names", "{\"Version\":2,\"MeshKey\":\"" MESH "\"}", FL_OK, 2, false, false, true,
	  "" },
	{ "any case", "{\"VERSION\":2,\"canackpings\":true,\"isPROBER\":true}", FL_OK, 2, true,
	  true, false, "" },
	{ "empty object", "{}", FL_OK, 0, false, false, false, "" },
	{ "unknown names", "{\"x\":[1,{}],\"version\":3}", FL_OK, 3, false, false, false, "" },
	{ "application", "{\"AppName\":\"abc\"}", FL_OK, 0, false, false, false, "abc" },
	{ "application with control characters", "{\"AppName\":\"a\\u0001\"}", FL_OK, 0, false,
	  false, false, "" },
	{ "null fields", "{\"version\":null,\"meshKey\":null}", FL_OK, 0, false, false, false, "" },
	{ "empty mesh key", "{\"meshKey\":\"\"}", FL_ERR_SYNTAX },
	{ "mesh key one short",
	  "{\"meshKey\":\"0"
	  "\"}",
	  FL_ERR_SYNTAX },
	{ "mesh key one long", "{\"meshKey\":\"" MESH "0\"}", FL_ERR_SYNTAX },
	{ "mesh key not hex",
	  "{\"meshKey\":\"x0112233445566778899aabbccddeeff"
	  "00112233445566778899aabbccddeeff\"}",
	  FL_ERR_SYNTAX },
	{ "mesh key a number", "{\"meshKey\":1}", FL_ERR_SYNTAX },
	{ "version a text", "{\"version\":\"2\"}", FL_ERR_SYNTAX },
	{ "not an object", "[]", FL_ERR_SYNTAX },
	{ "no JSON", "hello", FL_ERR_SYNTAX },
	{ "nothing", "", FL_ERR_SYNTAX },
	{ "cut short", "{\"version\":2", FL_ERR_SYNTAX },
	{ "too deep", "{\"x\":[[[[[[[[[[]]]]]]]]]]}", FL_ERR_TOO_BIG },
};

static void json_row(void **state)
{
	const struct json_row *row = *state;
	struct fl_derp_client_info info = { .version = 99 };

	enum fl_err err = open_text(row->text, &info);
	if (err != row->want)
		fail_msg("got %s, want %s", fl_err_text(err), fl_err_text(row->want));
	if (err != FL_OK) {
		assert_int_equal(info.version, 99);
		return;
	}
	assert_int_equal(info.version, row->version);
	assert_int_equal(info.can_ack_pings, row->ack);
	assert_int_equal(info.is_prober, row->prober);
	assert_int_equal(info.has_mesh_key, row->mesh);
	assert_string_equal(info.app, row->app);
}

static void mesh_key_is_read(void **state)
{
	(void)state;
	struct fl_derp_client_info info;
	uint8_t want[FL_KEY_LEN];

	assert_int_equal(fl_hex_decode(fl_slice_str(MESH), want, sizeof want), FL_OK);
	assert_int_equal(open_text("{\"meshKey\":\"" MESH "\"}", &info), FL_OK);
	assert_memory_equal(info.mesh_key, want, sizeof want);
}

static void long_app_is_cut_at_a_character(void **state)
{
	(void)state;
	struct fl_derp_client_info info;
	char text[128];

	/* The two bytes of the letter would end at 64. */
	snprintf(text, sizeof text, "{\"AppName\":\"%062d\u00e9!\"}", 0);
	assert_int_equal(open_text(text, &info), FL_OK);
	assert_int_equal(strlen(info.app), 62);
}

static void client_info_refusals(void **state)
{
	(void)state;
	struct login l = login_make();
	struct fl_derp_client_info info;
	struct fl_node_key key;
	uint8_t body[256];
	size_t len = strlen(client_info_frame) / 2 - FL_DERP_HEADER_LEN;

	assert_int_equal(fl_hex_decode(fl_slice_str(client_info_frame + 10), body, len), FL_OK);
	for (size_t cut = 0; cut < len; cut++) { /* every prefix */
		enum fl_err want = cut < FL_DERP_LOGIN_MIN ? FL_ERR_PROTO : FL_ERR_CRYPTO;
		assert_int_equal(
			fl_derp_client_info_open(&l.server, fl_slice_of(body, cut), &key, &info),
			want);
	}
	for (size_t i = 0; i < len; i++) { /* every byte counts (the key's top bit does not) */
		body[i] ^= 1;
		assert_int_equal(
			fl_derp_client_info_open(&l.server, fl_slice_of(body, len), &key, &info),
			FL_ERR_CRYPTO);
		body[i] ^= 1;
	}
	memset(body, 0, FL_KEY_LEN);
	assert_int_equal(fl_derp_client_info_open(&l.server, fl_slice_of(body, len), &key, &info),
			 FL_ERR_CRYPTO);
	body[0] = 1; /* a point of low order */
	assert_int_equal(fl_derp_client_info_open(&l.server, fl_slice_of(body, len), &key, &info),
			 FL_ERR_CRYPTO);
}

static void infos_round_trip(void **state)
{
	(void)state;
	struct login l = login_make();
	struct fl_derp_client_info info = { .version = 2,
					    .is_prober = true,
					    .has_mesh_key = true,
					    .mesh_key = { 5, 6 },
					    .app = "probe" },
				   got;
	struct fl_derp_server_info sinfo = { 2, 1000, 70000 }, sgot;
	struct fl_node_key key;
	struct fl_buf b = fl_buf_make(4096);

	assert_int_equal(
		fl_derp_client_info_seal(&l.client, l.server_pub, l.client_nonce, &info, &b),
		FL_OK);
	assert_int_equal(
		fl_derp_client_info_open(&l.server, only_body(&b, FL_DERP_CLIENT_INFO), &key, &got),
		FL_OK);
	assert_true(got.is_prober && got.has_mesh_key);
	assert_memory_equal(got.mesh_key, info.mesh_key, FL_KEY_LEN);
	assert_string_equal(got.app, "probe");
	fl_buf_reset(&b);

	assert_int_equal(fl_derp_server_info_seal(&got.shared, l.server_nonce, &sinfo, &b), FL_OK);
	assert_int_equal(fl_derp_server_info_open(&l.client, l.server_pub,
						  only_body(&b, FL_DERP_SERVER_INFO), &sgot),
			 FL_OK);
	assert_int_equal(sgot.bytes_per_second, 1000);
	assert_int_equal(sgot.bytes_burst, 70000);
	fl_buf_done(&b);
}

static void server_key_bodies(void **state)
{
	(void)state;
	uint8_t body[64] = { 'D', 'E', 'R', 'P', 0xf0, 0x9f, 0x94, 0x91, 42 }, key[FL_KEY_LEN];

	assert_int_equal(fl_derp_as_server_key(fl_slice_of(body, 39), key), FL_ERR_PROTO);
	assert_int_equal(fl_derp_as_server_key(fl_slice_of(body, 40), key), FL_OK);
	assert_int_equal(fl_derp_as_server_key(fl_slice_of(body, 64), key), FL_OK);
	assert_int_equal(key[0], 42);
	body[7]++;
	assert_int_equal(fl_derp_as_server_key(fl_slice_of(body, 40), key), FL_ERR_PROTO);
}

static int setup(void **state)
{
	(void)state;
	return fl_crypto_init() == FL_OK ? 0 : -1;
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(limit_of_the_login),
		cmocka_unit_test(packets_round_trip),
		cmocka_unit_test(peers_round_trip),
		cmocka_unit_test(disco_by_length_and_magic),
		cmocka_unit_test(known_answer_frames),
		cmocka_unit_test(mesh_key_is_read),
		cmocka_unit_test(long_app_is_cut_at_a_character),
		cmocka_unit_test(client_info_refusals),
		cmocka_unit_test(infos_round_trip),
		cmocka_unit_test(server_key_bodies),
	};
	struct CMUnitTest tests[COUNT(rows) + COUNT(body_rows) + COUNT(json_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[n++] = (struct CMUnitTest){ rows[i].name, frame_row, NULL, NULL, &rows[i] };
	for (size_t i = 0; i < COUNT(body_rows); i++)
		tests[n++] = (struct CMUnitTest){ body_rows[i].name, body_row, NULL, NULL,
						  &body_rows[i] };
	for (size_t i = 0; i < COUNT(json_rows); i++)
		tests[n++] = (struct CMUnitTest){ json_rows[i].name, json_row, NULL, NULL,
						  &json_rows[i] };
	for (size_t i = 0; i < COUNT(plain); i++)
		tests[n++] = plain[i];
	return cmocka_run_group_tests_name("wire/derp", tests, setup, NULL);
}
