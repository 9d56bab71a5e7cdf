/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/test_noise.c - the handshake against the published vector, byte for byte, and
 * everything that has to be refused.
 */
#include "key_from.h"

#include "proto/control/noise.h"

#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define PREFACE  "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

enum { VERSION = 145, OUT_MAX = 1 << 22, BIG = 100000 };

/* docs/protocol/control.md 1.6; the private keys count up from the value named. */
enum { MACHINE = 0x00, CLIENT_EPHEMERAL = 0x20, SERVER = 0x40, SERVER_EPHEMERAL = 0x60 };

static const char initiation_hex[] = "0091010060358072d6365880d1aeea329adf9121383851ed21a28e3b75e96"
				     "5d0d2cd166254ad5b8febedeb97415be"
				     "53612205e6bfab385e34cb127dd8854c4f9afb10f9b0eacef4c3b928b370f"
				     "94f285b6976dfe679ecba5c448ee81b4"
				     "8854de351340c599";
static const char initiation_header_value[] = "AJEBAGA1gHLWNliA0a7qMprfkSE4OFHtIaKOO3XpZdDSzRZiVK1b"
					      "j+vt65dBW+U2EiBea/qzheNMsSfdiFTE+a+xD5sO"
					      "rO9MO5KLNw+U8oW2l23+Z57LpcRI7oG0iFTeNRNAxZk=";
static const char response_hex[] = "020030675dd574ed7789310b3d2e7681f3790b466c773b1521fecf365779583"
				   "71ea52f75865d7f4720afaf7ee1919"
				   "9abb14b28";

struct pair {
	struct fl_noise_conn client, server;
};

static struct fl_machine_key public_of(unsigned first)
{
	struct fl_private_key k = key_from(first);
	struct fl_machine_key pub;

	fl_private_key_public(&k, pub.b);
	return pub;
}

static void assert_hex(const uint8_t *got, size_t n, const char *want)
{
	char text[512];

	assert_true(2 * n < sizeof text);
	fl_hex_encode(got, n, text);
	assert_string_equal(text, want);
}

static void initiate(uint8_t *out, struct fl_noise_handshake *hs)
{
	struct fl_private_key machine = key_from(MACHINE), eph = key_from(CLIENT_EPHEMERAL);
	struct fl_machine_key server = public_of(SERVER);

	assert_int_equal(fl_noise_initiate(&machine, &eph, &server, VERSION, out, hs), FL_OK);
}

static enum fl_err respond(struct fl_slice initiation, uint8_t *response, struct fl_noise_conn *out)
{
	struct fl_private_key server = key_from(SERVER), eph = key_from(SERVER_EPHEMERAL);

	return fl_noise_respond(&server, &eph, initiation, response, out);
}

static struct pair connect_pair(void)
{
	struct fl_noise_handshake hs;
	struct pair p;
	uint8_t initiation[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];

	initiate(initiation, &hs);
	assert_int_equal(respond(fl_slice_of(initiation, sizeof initiation), response, &p.server),
			 FL_OK);
	assert_int_equal(fl_noise_finish(&hs, fl_slice_of(response, sizeof response), &p.client),
			 FL_OK);
	return p;
}

static void pair_done(struct pair *p)
{
	fl_noise_conn_done(&p->client);
	fl_noise_conn_done(&p->server);
}

/* --- the vector --- */

static void vector_public_keys(void **state)
{
	(void)state;
	assert_hex(public_of(MACHINE).b, 32,
		   "8f40c5adb68f25624ae5b214ea767a6ec94d829d3d7b5e1ad1ba6f3e2138285f");
	assert_hex(public_of(SERVER).b, 32,
		   "79a631eede1bf9c98f12032cdeadd0e7a079398fc786b88cc846ec89af85a51a");
}

static void vector_h0(void **state)
{
	uint8_t h[FL_HASH_LEN];

	(void)state;
	assert_int_equal(fl_blake2s(fl_slice_str("Noise_IK_25519_ChaChaPoly_BLAKE2s"),
				    fl_slice_of(NULL, 0), h),
			 FL_OK);
	assert_hex(h, sizeof h, "bbea022b948cf3bc5857d70804229179e1116bc40cb8cc074835349c464bca36");
}

static void vector_initiation(void **state)
{
	struct fl_noise_handshake hs;
	uint8_t initiation[FL_NOISE_INITIATION_LEN];
	char text[256];

	(void)state;
	initiate(initiation, &hs);
	assert_hex(initiation, sizeof initiation, initiation_hex);
	fl_base64_encode(initiation, sizeof initiation, text);
	assert_string_equal(text, initiation_header_value);
	assert_int_equal(hs.version, VERSION);
	assert_hex(hs.h, sizeof hs.h,
		   "7d6346e78c22dae071a9585c7495c86cf5dfac8d8078a04ca4c581f12883cb77");
	assert_hex(hs.ck, sizeof hs.ck,
		   "73bb1d44126d3a26576ea1cb0f5e52179cc8698322bcbe9934bba7a93cb5fe56");
	fl_noise_handshake_done(&hs);
}

static void vector_response(void **state)
{
	struct fl_machine_key machine = public_of(MACHINE), server_public = public_of(SERVER);
	struct fl_private_key server = key_from(SERVER), eph = key_from(SERVER_EPHEMERAL);
	uint8_t initiation[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	struct fl_noise_conn conn;

	(void)state;
	assert_int_equal(fl_hex_decode(fl_slice_str(initiation_hex), initiation, sizeof initiation),
			 FL_OK);
	for (int known = 0; known < 2; known++) { /* with and without the public half at hand */
		struct fl_slice in = fl_slice_of(initiation, sizeof initiation);
		memset(response, 0, sizeof response);
		enum fl_err err = known ? fl_noise_respond_as(&server, &server_public, &eph, in,
							      response, &conn)
					: fl_noise_respond(&server, &eph, in, response, &conn);
		assert_int_equal(err, FL_OK);
		assert_hex(response, sizeof response, response_hex);
		assert_int_equal(conn.version, VERSION);
		assert_true(fl_machine_key_eq(&conn.peer, &machine));
		assert_int_equal(conn.tx_nonce, 0);
		assert_int_equal(conn.rx_nonce, 0);
		assert_false(conn.dead);
		fl_noise_conn_done(&conn);
	}
}

static void vector_finish(void **state)
{
	struct fl_noise_handshake hs;
	static const struct fl_noise_handshake wiped;
	struct fl_noise_conn conn;
	uint8_t initiation[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];

	(void)state;
	initiate(initiation, &hs);
	assert_int_equal(fl_hex_decode(fl_slice_str(response_hex), response, sizeof response),
			 FL_OK);
	assert_int_equal(fl_noise_finish(&hs, fl_slice_of(response, sizeof response), &conn),
			 FL_OK);
	assert_memory_equal(&hs, &wiped, sizeof hs);
	assert_int_equal(conn.version, VERSION);
	fl_noise_conn_done(&conn);
}

static struct record_row {
	const char *name, *key;
	bool from_client;
	const char *plain[2], *want[2];
} record_rows[] = {
	{ "vector: client's records",
	  "1ffa520b7b784b83355f4ca5754d333f51f53ff31d9d98f697c22e8f79b66e22",
	  true,
	  { PREFACE, "hello" },
	  { "040028e42e01d8573d1173d84370e6f20edf94d699eeecda7e16e9df232e7952f0f78675a9b5941bce62c"
	    "2",
	    "040015d2340ad1e4312e8db9998d67f7fa32f131ac9d935b" } },
	{ "vector: server's records",
	  "1657d025486888648386e46e37e6722a42c605d3f1b0ec24454190a645355089",
	  false,
	  { "hello", "hello" },
	  { "0400150090874f2241645e3a06b58754e4038336d36c5fdb",
	    "040015891ee68f2f7ea27b189b4bf52d8002bee5dbd132a2" } },
};

static void record_row(void **state)
{
	const struct record_row *row = *state;
	struct pair p = connect_pair();
	struct fl_noise_conn *from = row->from_client ? &p.client : &p.server;
	struct fl_noise_conn *to = row->from_client ? &p.server : &p.client;
	uint8_t key[FL_KEY_LEN], nonce[12] = { 0 }, by_hand[64];
	struct fl_aead *aead;

	assert_int_equal(fl_hex_decode(fl_slice_str(row->key), key, sizeof key), FL_OK);
	assert_int_equal(fl_aead_new(key, &aead), FL_OK);
	for (uint8_t i = 0; i < 2; i++) {
		struct fl_buf out = fl_buf_make(OUT_MAX);
		struct fl_slice plain = fl_slice_str(row->plain[i]), got;
		size_t used;

		assert_int_equal(fl_noise_seal(from, plain, &out), FL_OK);
		assert_hex(out.ptr, out.len, row->want[i]);
		nonce[11] = i; /* the counter is big endian */
		assert_int_equal(fl_aead_seal(aead, nonce, fl_slice_of(NULL, 0), plain, by_hand),
				 FL_OK);
		assert_memory_equal(by_hand, out.ptr + 3, out.len - 3);
		assert_int_equal(fl_noise_open(to, out.ptr, out.len, &got, &used), FL_OK);
		assert_int_equal(used, out.len);
		assert_true(fl_slice_eq(got, plain));
		fl_buf_done(&out);
	}
	fl_aead_free(aead);
	pair_done(&p);
}

/* --- handshakes that must fail --- */

/* A failure leaves the outputs as they were. */
static void assert_respond_fails(struct fl_slice in, enum fl_err want)
{
	uint8_t response[FL_NOISE_RESPONSE_LEN], before[FL_NOISE_RESPONSE_LEN];
	struct fl_noise_conn conn, conn_before;

	memset(response, 0xaa, sizeof response);
	memset(before, 0xaa, sizeof before);
	memset(&conn, 0xaa, sizeof conn);
	memcpy(&conn_before, &conn, sizeof conn);
	enum fl_err got = respond(in, response, &conn);
	if (got != want)
		fail_msg("got %s, want %s", fl_err_text(got), fl_err_text(want));
	assert_memory_equal(response, before, sizeof before);
	assert_memory_equal(&conn, &conn_before, sizeof conn);
}

static void every_bit_of_the_initiation(void **state)
{
	struct fl_noise_handshake hs;
	uint8_t in[FL_NOISE_INITIATION_LEN];

	(void)state;
	initiate(in, &hs);
	for (size_t bit = 0; bit < sizeof in * 8; bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_respond_fails(fl_slice_of(in, sizeof in),
				     bit / 8 >= 2 && bit / 8 < 5 ? FL_ERR_PROTO : FL_ERR_CRYPTO);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	fl_noise_handshake_done(&hs);
}

static void every_prefix_of_the_initiation(void **state)
{
	struct fl_noise_handshake hs;
	uint8_t in[FL_NOISE_INITIATION_LEN + 1] = { 0 };

	(void)state;
	initiate(in, &hs);
	for (size_t cut = 0; cut < FL_NOISE_INITIATION_LEN; cut++)
		assert_respond_fails(fl_slice_of(in, cut), FL_ERR_PROTO);
	assert_respond_fails(fl_slice_of(in, sizeof in), FL_ERR_PROTO);
	fl_noise_handshake_done(&hs);
}

static void another_server(void **state)
{
	struct fl_private_key server = key_from(SERVER + 1), eph = key_from(SERVER_EPHEMERAL);
	struct fl_private_key right = key_from(SERVER);
	struct fl_machine_key wrong = public_of(SERVER + 1);
	struct fl_noise_handshake hs;
	uint8_t in[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	struct fl_noise_conn conn;
	struct fl_slice msg = fl_slice_of(in, sizeof in);

	(void)state;
	initiate(in, &hs);
	assert_int_equal(fl_noise_respond(&server, &eph, msg, response, &conn), FL_ERR_CRYPTO);
	assert_int_equal(fl_noise_respond_as(&right, &wrong, &eph, msg, response, &conn),
			 FL_ERR_CRYPTO);
	fl_noise_handshake_done(&hs);
}

/* A fresh `hs` for each try, since finishing wipes it. */
static void assert_finish_fails(struct fl_slice response, enum fl_err want)
{
	static struct fl_noise_handshake template;
	static const struct fl_noise_handshake wiped;
	static bool made;
	uint8_t in[FL_NOISE_INITIATION_LEN];
	struct fl_noise_conn conn, before;

	if (!made)
		initiate(in, &template);
	made = true;
	struct fl_noise_handshake hs = template;
	memset(&conn, 0xaa, sizeof conn);
	memcpy(&before, &conn, sizeof conn);
	enum fl_err got = fl_noise_finish(&hs, response, &conn);
	if (got != want)
		fail_msg("got %s, want %s", fl_err_text(got), fl_err_text(want));
	assert_memory_equal(&conn, &before, sizeof conn);
	assert_memory_equal(&hs, &wiped, sizeof hs);
}

static void every_bit_of_the_response(void **state)
{
	uint8_t in[FL_NOISE_RESPONSE_LEN];

	(void)state;
	assert_int_equal(fl_hex_decode(fl_slice_str(response_hex), in, sizeof in), FL_OK);
	for (size_t bit = 0; bit < sizeof in * 8; bit++) {
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_finish_fails(fl_slice_of(in, sizeof in),
				    bit / 8 < 3 ? FL_ERR_PROTO : FL_ERR_CRYPTO);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void every_prefix_of_the_response(void **state)
{
	uint8_t in[FL_NOISE_RESPONSE_LEN + 1] = { 0 };

	(void)state;
	assert_int_equal(fl_hex_decode(fl_slice_str(response_hex), in, FL_NOISE_RESPONSE_LEN),
			 FL_OK);
	for (size_t cut = 0; cut < FL_NOISE_RESPONSE_LEN; cut++)
		assert_finish_fails(fl_slice_of(in, cut), FL_ERR_PROTO);
	assert_finish_fails(fl_slice_of(in, sizeof in), FL_ERR_PROTO);
}

static void error_instead_of_a_response(void **state)
{
	struct fl_buf out = fl_buf_make(1024);

	(void)state;
	fl_noise_error_encode("a text that makes the message just as long as an ok", &out);
	out.len = FL_NOISE_RESPONSE_LEN;
	out.ptr[2] = FL_NOISE_RESPONSE_LEN - 3;
	assert_finish_fails(fl_buf_slice(&out), FL_ERR_PROTO);
	fl_buf_done(&out);
}

static struct low_row {
	const char *name, *pub;
} low_rows[] = {
	{ "low order: 0", "0000000000000000000000000000000000000000000000000000000000000000" },
	{ "low order: 1", "0100000000000000000000000000000000000000000000000000000000000000" },
	{ "low order: 8, first",
	  "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800" },
	{ "low order: 8, second",
	  "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157" },
	{ "low order: p-1", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "low order: p", "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
	{ "low order: p+1", "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f" },
};

/*
 * What an attacker without keys would send: the shared secret is zero, so the message keys follow
 * from public data and the tag can be forged. `forge` seals under such a key.
 */
static void forge(uint8_t *h, uint8_t *ck, const uint8_t *text, size_t len, uint8_t *out)
{
	static const uint8_t zero[FL_KEY_LEN];
	uint8_t k[FL_KEY_LEN];
	struct fl_aead *a;

	assert_int_equal(fl_noise_hkdf(ck, fl_slice_of(zero, sizeof zero), ck, k), FL_OK);
	assert_int_equal(fl_aead_new(k, &a), FL_OK);
	assert_int_equal(fl_aead_seal(a, zero, fl_slice_of(h, 32), fl_slice_of(text, len), out),
			 FL_OK);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(out, len + FL_TAG_LEN), h),
			 FL_OK);
	fl_aead_free(a);
}

static void low_order_row(void **state)
{
	const struct low_row *row = *state;
	static const char prologue[] = "Tailscale Control Protocol v145";
	uint8_t in[FL_NOISE_INITIATION_LEN] = { 0, VERSION, 1, 0, 96 }, *pub = in + 5;
	uint8_t response[FL_NOISE_RESPONSE_LEN] = { 2, 0, 48 };
	struct fl_machine_key server = public_of(SERVER), low;
	struct fl_private_key machine = key_from(MACHINE), eph = key_from(CLIENT_EPHEMERAL);
	struct fl_noise_handshake hs;
	uint8_t h[FL_HASH_LEN], ck[FL_HASH_LEN];

	assert_int_equal(fl_hex_decode(fl_slice_str(row->pub), low.b, sizeof low.b), FL_OK);
	assert_int_equal(fl_blake2s(fl_slice_str("Noise_IK_25519_ChaChaPoly_BLAKE2s"),
				    fl_slice_of(NULL, 0), h),
			 FL_OK);
	memcpy(ck, h, sizeof ck);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_str(prologue), h), FL_OK);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(server.b, 32), h), FL_OK);
	memcpy(pub, low.b, 32);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(pub, 32), h), FL_OK);
	forge(h, ck, low.b, 32, in + 37); /* as ephemeral and as static key */
	forge(h, ck, NULL, 0, in + 85);
	assert_respond_fails(fl_slice_of(in, sizeof in), FL_ERR_CRYPTO);

	memcpy(response + 3, low.b, 32); /* as the server's ephemeral */
	assert_finish_fails(fl_slice_of(response, sizeof response), FL_ERR_CRYPTO);
	memset(in, 0xaa, sizeof in); /* as the server's static key */
	assert_int_equal(fl_noise_initiate(&machine, &eph, &low, VERSION, in, &hs), FL_ERR_CRYPTO);
	assert_int_equal(in[0], 0xaa);
}

static void low_order_machine_key(void **state)
{
	const struct low_row *row = *state;
	struct fl_private_key eph = key_from(CLIENT_EPHEMERAL);
	struct fl_machine_key server = public_of(SERVER), low;
	uint8_t in[FL_NOISE_INITIATION_LEN] = { 0, VERSION, 1, 0, 96 }, *pub = in + 5;
	uint8_t h[FL_HASH_LEN], ck[FL_HASH_LEN], k[FL_KEY_LEN], shared[FL_KEY_LEN];
	static const uint8_t zero[12];
	struct fl_aead *a;

	/* es is honest here, so only the static key inside the box is of low order */
	assert_int_equal(fl_hex_decode(fl_slice_str(row->pub), low.b, sizeof low.b), FL_OK);
	assert_int_equal(fl_blake2s(fl_slice_str("Noise_IK_25519_ChaChaPoly_BLAKE2s"),
				    fl_slice_of(NULL, 0), h),
			 FL_OK);
	memcpy(ck, h, sizeof ck);
	assert_int_equal(
		fl_blake2s(fl_slice_of(h, 32), fl_slice_str("Tailscale Control Protocol v145"), h),
		FL_OK);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(server.b, 32), h), FL_OK);
	fl_private_key_public(&eph, pub);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(pub, 32), h), FL_OK);
	assert_int_equal(fl_x25519(&eph, server.b, shared), FL_OK);
	assert_int_equal(fl_noise_hkdf(ck, fl_slice_of(shared, 32), ck, k), FL_OK);
	assert_int_equal(fl_aead_new(k, &a), FL_OK);
	assert_int_equal(fl_aead_seal(a, zero, fl_slice_of(h, 32), fl_slice_of(low.b, 32), in + 37),
			 FL_OK);
	fl_aead_free(a);
	assert_int_equal(fl_blake2s(fl_slice_of(h, 32), fl_slice_of(in + 37, 48), h), FL_OK);
	forge(h, ck, NULL, 0, in + 85);
	assert_respond_fails(fl_slice_of(in, sizeof in), FL_ERR_CRYPTO);
}

/* --- versions --- */

static struct version_row {
	const char *name;
	uint16_t version;
} version_rows[] = {
	{ "version 0", 0 },     { "version 9", 9 },     { "version 10", 10 },
	{ "version 255", 255 }, { "version 256", 256 }, { "version 65535", 65535 },
};

static void version_row(void **state)
{
	const struct version_row *row = *state;
	struct fl_private_key machine = key_from(MACHINE), eph = key_from(CLIENT_EPHEMERAL);
	struct fl_machine_key server = public_of(SERVER);
	uint8_t in[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	struct fl_noise_handshake hs;
	struct pair p;

	assert_int_equal(fl_noise_initiate(&machine, &eph, &server, row->version, in, &hs), FL_OK);
	assert_int_equal(respond(fl_slice_of(in, sizeof in), response, &p.server), FL_OK);
	assert_int_equal(p.server.version, row->version);
	assert_int_equal(fl_noise_finish(&hs, fl_slice_of(response, sizeof response), &p.client),
			 FL_OK);
	assert_int_equal(p.client.version, row->version);
	pair_done(&p);
	in[1] ^= 1; /* the header is bound by the prologue */
	assert_respond_fails(fl_slice_of(in, sizeof in), FL_ERR_CRYPTO);
}

/* --- records --- */

static struct stream_row {
	const char *name;
	size_t len, records;
} stream_rows[] = {
	{ "stream: nothing", 0, 0 },
	{ "stream: 1 byte", 1, 1 },
	{ "stream: 4076", 4076, 1 },
	{ "stream: 4077, one full record", 4077, 1 },
	{ "stream: 4078, one byte over", 4078, 2 },
	{ "stream: two full records", 8154, 2 },
	{ "stream: two and a byte", 8155, 3 },
	{ "stream: 100000", BIG, 25 },
};

static void stream_row(void **state)
{
	const struct stream_row *row = *state;
	static uint8_t text[BIG], got[BIG];
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct pair p = connect_pair();
	size_t at = 0, len = 0, records = 0;

	for (size_t i = 0; i < row->len; i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
	fl_buf_str(&out, "before"); /* appends */
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_of(text, row->len), &out), FL_OK);
	assert_int_equal(out.len, 6 + row->len + row->records * 19);
	assert_memory_equal(out.ptr, "before", 6);
	for (at = 6; at < out.len; records++) {
		struct fl_slice plain;
		size_t used = 0, whole = (size_t)(out.ptr[at + 1] << 8 | out.ptr[at + 2]) + 3;
		assert_true(whole <= FL_NOISE_RECORD_MAX);
		for (size_t cut = 0; cut < whole; cut++)
			assert_int_equal(fl_noise_open(&p.client, out.ptr + at, cut, &plain, &used),
					 FL_MORE);
		assert_int_equal(
			fl_noise_open(&p.client, out.ptr + at, out.len - at, &plain, &used), FL_OK);
		assert_int_equal(used, whole);
		memcpy(got + len, plain.ptr, plain.len);
		len += plain.len;
		at += used;
	}
	assert_int_equal(records, row->records);
	assert_int_equal(p.server.tx_nonce, row->records);
	assert_int_equal(p.client.rx_nonce, row->records);
	assert_int_equal(len, row->len);
	assert_memory_equal(got, text, len);
	fl_buf_done(&out);
	pair_done(&p);
}

static void assert_dead(struct fl_noise_conn *c)
{
	uint8_t record[64] = { 4, 0, 16 };
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct fl_slice plain = fl_slice_str("untouched");
	size_t used = 99;

	assert_true(c->dead);
	assert_int_equal(fl_noise_open(c, record, sizeof record, &plain, &used), FL_ERR_STATE);
	assert_int_equal(fl_noise_open(c, record, 0, &plain, &used), FL_ERR_STATE);
	assert_int_equal(fl_noise_seal(c, fl_slice_str("x"), &out), FL_ERR_STATE);
	assert_int_equal(fl_noise_seal(c, fl_slice_of(NULL, 0), &out), FL_ERR_STATE);
	assert_int_equal(out.len, 0);
	assert_true(fl_slice_is(plain, "untouched"));
	assert_int_equal(used, 99);
	fl_buf_done(&out);
}

/* Opens `record` on the client's side and expects the connection to die of it. */
static void assert_kills(struct pair *p, uint8_t *record, size_t len, enum fl_err want)
{
	struct fl_slice plain = fl_slice_str("untouched");
	size_t used = 99;

	enum fl_err got = fl_noise_open(&p->client, record, len, &plain, &used);
	if (got != want)
		fail_msg("got %s, want %s", fl_err_text(got), fl_err_text(want));
	assert_true(fl_slice_is(plain, "untouched"));
	assert_int_equal(used, 99);
	assert_dead(&p->client);
}

static struct kill_row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
} kill_rows[] = {
	{ "kill: type 0", { (const uint8_t *)"\0", 1 }, FL_ERR_PROTO },
	{ "kill: an initiation", { (const uint8_t *)"\x01\0\x60", 3 }, FL_ERR_PROTO },
	{ "kill: a response", { (const uint8_t *)"\x02", 1 }, FL_ERR_PROTO },
	{ "kill: an error", { (const uint8_t *)"\x03\0\x01x", 4 }, FL_ERR_PROTO },
	{ "kill: type 5", { (const uint8_t *)"\x05\0\x10", 3 }, FL_ERR_PROTO },
	{ "kill: type 255", { (const uint8_t *)"\xff", 1 }, FL_ERR_PROTO },
	{ "kill: 4097 bytes announced", { (const uint8_t *)"\x04\x0f\xfe", 3 }, FL_ERR_TOO_BIG },
	{ "kill: 65535 announced", { (const uint8_t *)"\x04\xff\xff", 3 }, FL_ERR_TOO_BIG },
	{ "kill: no room for a tag",
	  { (const uint8_t *)"\x04\0\x0f"
			     "0123456789abcde",
	    18 },
	  FL_ERR_CRYPTO },
	{ "kill: no body", { (const uint8_t *)"\x04\0\0", 3 }, FL_ERR_CRYPTO },
	{ "kill: a forged tag",
	  { (const uint8_t *)"\x04\0\x10"
			     "0123456789abcdef",
	    19 },
	  FL_ERR_CRYPTO },
};

static void kill_row(void **state)
{
	const struct kill_row *row = *state;
	struct pair p = connect_pair();
	uint8_t in[64];

	memcpy(in, row->in.ptr, row->in.len);
	assert_kills(&p, in, row->in.len, row->want);
	pair_done(&p);
}

static void every_bit_of_a_record(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);
	uint8_t in[64];

	(void)state;
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("some text"), &out), FL_OK);
	for (size_t bit = 0; bit < out.len * 8; bit++) {
		struct fl_slice plain;
		size_t used;
		memcpy(in, out.ptr, out.len);
		in[bit / 8] ^= (uint8_t)(1 << bit % 8);
		p.client.dead = false; /* one connection for all tries */
		p.client.rx_nonce = 0;
		enum fl_err got = fl_noise_open(&p.client, in, out.len, &plain, &used);
		if (got == FL_OK || (got == FL_MORE && bit / 8 != 1 && bit / 8 != 2))
			fail_msg("bit %zu: %s", bit, fl_err_text(got));
		assert_true(got == FL_MORE || p.client.dead);
	}
	fl_buf_done(&out);
	pair_done(&p);
}

static void replayed_record(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct fl_slice plain;
	uint8_t again[64];
	size_t used;

	(void)state;
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("once"), &out), FL_OK);
	memcpy(again, out.ptr, out.len);
	assert_int_equal(fl_noise_open(&p.client, out.ptr, out.len, &plain, &used), FL_OK);
	assert_kills(&p, again, out.len, FL_ERR_CRYPTO);
	fl_buf_done(&out);
	pair_done(&p);
}

static void swapped_records(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf first = fl_buf_make(OUT_MAX), second = fl_buf_make(OUT_MAX);

	(void)state;
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("first"), &first), FL_OK);
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("second"), &second), FL_OK);
	assert_kills(&p, second.ptr, second.len, FL_ERR_CRYPTO);
	fl_buf_done(&first);
	fl_buf_done(&second);
	pair_done(&p);
}

static void reflected_record(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);

	(void)state;
	assert_int_equal(fl_noise_seal(&p.client, fl_slice_str("mine"), &out), FL_OK);
	assert_kills(&p, out.ptr, out.len, FL_ERR_CRYPTO); /* back to its sender */
	fl_buf_done(&out);
	pair_done(&p);
}

static void record_of_another_connection(void **state)
{
	struct pair p = connect_pair();
	struct fl_private_key machine = key_from(MACHINE), eph = key_from(CLIENT_EPHEMERAL + 1);
	struct fl_machine_key server = public_of(SERVER);
	uint8_t in[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	struct fl_noise_handshake hs;
	struct fl_noise_conn other;
	struct fl_buf out = fl_buf_make(OUT_MAX);

	(void)state;
	assert_int_equal(fl_noise_initiate(&machine, &eph, &server, VERSION, in, &hs), FL_OK);
	assert_int_equal(respond(fl_slice_of(in, sizeof in), response, &other), FL_OK);
	assert_int_equal(fl_noise_seal(&other, fl_slice_str("text"), &out), FL_OK);
	assert_kills(&p, out.ptr, out.len, FL_ERR_CRYPTO);
	fl_noise_handshake_done(&hs);
	fl_noise_conn_done(&other);
	fl_buf_done(&out);
	pair_done(&p);
}

/* A peer may send a record without text; the reader passes over it and the counter moves on. */
static void empty_record(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);
	uint8_t empty[19] = { 4, 0, 16 }, nonce[12] = { 0 };
	struct fl_slice plain;
	size_t used;

	(void)state;
	assert_int_equal(fl_aead_seal(p.server.tx, nonce, fl_slice_of(NULL, 0),
				      fl_slice_of(NULL, 0), empty + 3),
			 FL_OK);
	p.server.tx_nonce++;
	assert_int_equal(fl_noise_open(&p.client, empty, sizeof empty, &plain, &used), FL_OK);
	assert_int_equal(plain.len, 0);
	assert_int_equal(used, sizeof empty);
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("next"), &out), FL_OK);
	assert_int_equal(fl_noise_open(&p.client, out.ptr, out.len, &plain, &used), FL_OK);
	assert_true(fl_slice_is(plain, "next"));
	fl_buf_done(&out);
	pair_done(&p);
}

static struct nonce_row {
	const char *name;
	uint64_t nonce;
	size_t len;
	bool ok;
} nonce_rows[] = {
	{ "nonce: the last but one", UINT64_MAX - 2, 1, true },
	{ "nonce: the last", UINT64_MAX - 1, 1, true },
	{ "nonce: the end", UINT64_MAX, 1, false },
	{ "nonce: two records, both fit", UINT64_MAX - 2, 4078, true },
	{ "nonce: two records, one too many", UINT64_MAX - 1, 4078, false },
};

static void nonce_row(void **state)
{
	const struct nonce_row *row = *state;
	static const uint8_t text[8192];
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);
	struct fl_slice plain;
	size_t used = 0;

	p.server.tx_nonce = p.client.rx_nonce = row->nonce;
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_of(text, row->len), &out),
			 row->ok ? FL_OK : FL_ERR_STATE);
	if (!row->ok) {
		assert_int_equal(out.len, 0);
		assert_int_equal(p.server.tx_nonce, row->nonce); /* not used, not wrapped */
		assert_dead(&p.server);
	}
	for (size_t at = 0; at < out.len; at += used)
		assert_int_equal(
			fl_noise_open(&p.client, out.ptr + at, out.len - at, &plain, &used), FL_OK);
	fl_buf_done(&out);
	pair_done(&p);
}

static void nonce_end_when_reading(void **state)
{
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(OUT_MAX);

	(void)state;
	assert_int_equal(fl_noise_seal(&p.server, fl_slice_str("x"), &out), FL_OK);
	p.client.rx_nonce = UINT64_MAX;
	assert_kills(&p, out.ptr, out.len, FL_ERR_PROTO);
	fl_buf_done(&out);
	pair_done(&p);
}

static struct room_row {
	const char *name;
	size_t max;
	enum fl_err want;
} room_rows[] = {
	{ "room: none", 0, FL_ERR_TOO_BIG },
	{ "room: one byte short", 19 + 4077 + 19, FL_ERR_TOO_BIG },
	{ "room: just enough", 19 + 4077 + 19 + 1, FL_OK },
};

static void room_row(void **state)
{
	const struct room_row *row = *state;
	static const uint8_t text[4078];
	struct pair p = connect_pair();
	struct fl_buf out = fl_buf_make(row->max);

	assert_int_equal(fl_noise_seal(&p.server, fl_slice_of(text, sizeof text), &out), row->want);
	assert_int_equal(out.len, row->want == FL_OK ? row->max : 0); /* never a part of it */
	if (row->want != FL_OK)
		assert_dead(&p.server);
	fl_buf_done(&out);
	pair_done(&p);
}

static void done_wipes(void **state)
{
	struct pair p = connect_pair();
	static const uint8_t zero[FL_HASH_LEN];

	(void)state;
	pair_done(&p);
	assert_null(p.client.tx);
	assert_null(p.client.rx);
	assert_memory_equal(p.server.peer.b, zero, sizeof zero);
	assert_dead(&p.client);
	pair_done(&p); /* twice is harmless */
}

#define ADD(rows, run)                                                                             \
	for (size_t i = 0; i < COUNT(rows); i++)                                                   \
		tests[n++] = (struct CMUnitTest)                                                   \
		{                                                                                  \
			.name = rows[i].name, .test_func = run, .initial_state = &rows[i]          \
		}
#define ONE(run) tests[n++] = (struct CMUnitTest)cmocka_unit_test(run)

int main(void)
{
	struct CMUnitTest tests[96] = { 0 };
	size_t n = 0;

	if (fl_crypto_init() != FL_OK)
		return 1;
	ONE(vector_public_keys);
	ONE(vector_h0);
	ONE(vector_initiation);
	ONE(vector_response);
	ONE(vector_finish);
	ADD(record_rows, record_row);
	ONE(every_bit_of_the_initiation);
	ONE(every_prefix_of_the_initiation);
	ONE(another_server);
	ONE(every_bit_of_the_response);
	ONE(every_prefix_of_the_response);
	ONE(error_instead_of_a_response);
	ADD(low_rows, low_order_row);
	ADD(low_rows, low_order_machine_key);
	ADD(version_rows, version_row);
	ADD(stream_rows, stream_row);
	ADD(kill_rows, kill_row);
	ONE(every_bit_of_a_record);
	ONE(replayed_record);
	ONE(swapped_records);
	ONE(reflected_record);
	ONE(record_of_another_connection);
	ONE(empty_record);
	ADD(nonce_rows, nonce_row);
	ONE(nonce_end_when_reading);
	ADD(room_rows, room_row);
	ONE(done_wipes);
	return cmocka_run_group_tests_name("proto/noise", tests, NULL, NULL);
}
