/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_prim.c - known answers of the primitives, and what they refuse. */
#include "crypto/prim.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static size_t unhex(const char *text, uint8_t *out, size_t cap)
{
	size_t n = strlen(text) / 2;

	assert_true(n <= cap);
	assert_int_equal(fl_hex_decode(fl_slice_str(text), out, n), FL_OK);
	return n;
}

static void assert_hex(const uint8_t *got, size_t n, const char *want)
{
	char text[1024];

	assert_true(2 * n < sizeof text);
	fl_hex_encode(got, n, text);
	assert_string_equal(text, want);
}

static void count_up(uint8_t *out, size_t n, unsigned first)
{
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(first + i);
}

/* RFC 7748 5.2 and 6.1 */
static struct dh_row {
	const char *name, *priv, *pub, *want;
} dh_rows[] = {
	{ "x25519: first vector",
	  "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
	  "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
	  "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552" },
	{ "x25519: second vector, high bit ignored",
	  "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
	  "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
	  "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957" },
	{ "x25519: alice's side",
	  "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a",
	  "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
	{ "x25519: bob's side", "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb",
	  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742" },
};

static void dh_row(void **state)
{
	const struct dh_row *row = *state;
	struct fl_private_key priv;
	uint8_t pub[FL_KEY_LEN], out[FL_KEY_LEN];

	unhex(row->priv, priv.b, sizeof priv.b);
	unhex(row->pub, pub, sizeof pub);
	assert_int_equal(fl_x25519(&priv, pub, out), FL_OK);
	assert_hex(out, sizeof out, row->want);
}

static void x25519_iterated(void **state)
{
	struct fl_private_key k = { { 9 } };
	uint8_t u[FL_KEY_LEN] = { 9 }, out[FL_KEY_LEN];

	(void)state;
	for (int i = 1; i <= 1000; i++) {
		assert_int_equal(fl_x25519(&k, u, out), FL_OK);
		memcpy(u, k.b, sizeof u);
		memcpy(k.b, out, sizeof out);
		if (i == 1)
			assert_hex(
				k.b, 32,
				"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079");
	}
	assert_hex(k.b, 32, "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51");
}

/* RFC 7748 5: coordinates from p to 2^255-1 are accepted and mean their residue. */
static void x25519_unreduced(void **state)
{
	struct fl_private_key priv;
	uint8_t low[FL_KEY_LEN] = { 0 }, high[FL_KEY_LEN], a[FL_KEY_LEN], b[FL_KEY_LEN];

	(void)state;
	memset(high, 0xff, sizeof high);
	high[31] = 0x7f;
	for (uint8_t u = 2; u < 19; u++) {
		low[0] = u;
		high[0] = (uint8_t)(0xed + u);
		assert_int_equal(fl_private_key_new(&priv), FL_OK);
		assert_int_equal(fl_x25519(&priv, low, a), FL_OK);
		assert_int_equal(fl_x25519(&priv, high, b), FL_OK);
		assert_memory_equal(a, b, sizeof a);
	}
}

/* Points of order 1, 2, 4 and 8, and their unreduced forms. */
static enum fl_err box_seal(const struct fl_private_key *priv, const uint8_t pub[static FL_KEY_LEN],
			    const uint8_t nonce[static FL_BOX_NONCE_LEN], struct fl_slice in,
			    uint8_t *out)
{
	struct fl_box_key k;
	enum fl_err err = fl_box_key_make(priv, pub, &k);

	return err == FL_OK ? fl_box_key_seal(&k, nonce, in, out) : err;
}

static enum fl_err box_open(const struct fl_private_key *priv, const uint8_t pub[static FL_KEY_LEN],
			    const uint8_t nonce[static FL_BOX_NONCE_LEN], struct fl_slice in,
			    uint8_t *out)
{
	struct fl_box_key k;
	enum fl_err err = fl_box_key_make(priv, pub, &k);

	return err == FL_OK ? fl_box_key_open(&k, nonce, in, out) : err;
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

static void low_order_row(void **state)
{
	const struct low_row *row = *state;
	static const uint8_t nonce[FL_BOX_NONCE_LEN];
	struct fl_private_key priv;
	uint8_t pub[FL_KEY_LEN], out[FL_KEY_LEN + FL_BOX_OVERHEAD], before[sizeof out];

	unhex(row->pub, pub, sizeof pub);
	for (int high = 0; high < 2; high++, pub[31] ^= 0x80) {
		assert_int_equal(fl_private_key_new(&priv), FL_OK);
		memset(out, 0xaa, sizeof out);
		memcpy(before, out, sizeof out);
		assert_int_equal(fl_x25519(&priv, pub, out), FL_ERR_CRYPTO);
		assert_memory_equal(out, before, sizeof out); /* untouched */
		assert_int_equal(box_seal(&priv, pub, nonce, fl_slice_str("text"), out),
				 FL_ERR_CRYPTO);
		assert_int_equal(box_open(&priv, pub, nonce, fl_slice_of(before, 20), out),
				 FL_ERR_CRYPTO);
	}
}

/* "" and "abc" are those of RFC 7693; the rest counts up from 00 across the block size of 64. */
static struct hash_row {
	const char *name;
	size_t len;
	const char *want;
} hash_rows[] = {
	{ "blake2s: empty", 0, "69217a3079908094e11121d042354a7c1f55b6482ca1a51e1b250dfd1ed0eef9" },
	{ "blake2s: 63", 63, "e57cb79487dd57902432b250733813bd96a84efce59f650fac26e6696aefafc3" },
	{ "blake2s: 64", 64, "56f34e8b96557e90c1f24b52d0c89d51086acf1b00f634cf1dde9233b8eaaa3e" },
	{ "blake2s: 65", 65, "1b53ee94aaf34e4b159d48de352c7f0661d0a40edff95a0b1639b4090e974472" },
	{ "blake2s: 128", 128, "1fa877de67259d19863a2a34bcc6962a2b25fcbf5cbecd7ede8f1fa36688a796" },
	{ "blake2s: 255", 255, "f03f5789d3336b80d002d59fdf918bdb775b00956ed5528e86aa994acb38fe2d" },
	{ "blake2s: 1000", 1000,
	  "b5f9d7799111edafc9326fbf667be98140b5e20ce5e151793c59125bf654ac18" },
};

static void hash_row(void **state)
{
	const struct hash_row *row = *state;
	uint8_t in[1000], out[FL_HASH_LEN];

	count_up(in, sizeof in, 0);
	for (size_t cut = 0; cut <= row->len; cut++) { /* where a ends and b begins is nothing */
		assert_int_equal(fl_blake2s(fl_slice_of(in, cut),
					    fl_slice_of(in + cut, row->len - cut), out),
				 FL_OK);
		assert_hex(out, sizeof out, row->want);
	}
}

static void blake2s_abc(void **state)
{
	uint8_t out[FL_HASH_LEN];

	(void)state;
	assert_int_equal(fl_blake2s(fl_slice_str("abc"), fl_slice_of(NULL, 0), out), FL_OK);
	assert_hex(out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	assert_int_equal(fl_blake2s(fl_slice_of(NULL, 0), fl_slice_str("abc"), out), FL_OK);
	assert_hex(out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
	memcpy(out, "abc", 3); /* the output may lie over the input */
	assert_int_equal(fl_blake2s(fl_slice_of(out, 1), fl_slice_of(out + 1, 2), out), FL_OK);
	assert_hex(out, 32, "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982");
}

/* Computed by another implementation; ck counts from 00, ikm from 20. */
static struct kdf_row {
	const char *name;
	size_t len;
	const char *want1, *want2;
} kdf_rows[] = {
	{ "hkdf: no input", 0, "7a38c34bf2b8738d7374ca77c44ecb309a11d2b2528304fa86052c365e722624",
	  "1a17621f346abdc520746a9fb64d8eb03231d674fc15687537b0780fd9c060fd" },
	{ "hkdf: one key", 32, "6a96444e20e8d4c1cee974416acae1c10b3c92886010e54ed94dafb2c3b80ea0",
	  "57af120b0de7acbe7907ec149c5ae870a2dbb74232b65777ba4123f1f7f888f5" },
};

static void kdf_row(void **state)
{
	const struct kdf_row *row = *state;
	uint8_t ck[FL_HASH_LEN], ikm[64], out1[FL_HASH_LEN], out2[FL_HASH_LEN];

	count_up(ck, sizeof ck, 0);
	count_up(ikm, sizeof ikm, 0x20);
	assert_int_equal(fl_noise_hkdf(ck, fl_slice_of(ikm, row->len), out1, out2), FL_OK);
	assert_hex(out1, sizeof out1, row->want1);
	assert_hex(out2, sizeof out2, row->want2);
	assert_int_equal(fl_noise_hkdf(ck, fl_slice_of(ikm, row->len), ck, out2),
			 FL_OK); /* as the handshake calls it */
	assert_hex(ck, sizeof ck, row->want1);
	assert_hex(out2, sizeof out2, row->want2);
}

static void sha256(void **state)
{
	uint8_t out[FL_HASH_LEN];

	(void)state;
	fl_sha256(fl_slice_str("abc"), out);
	assert_hex(out, 32, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	fl_sha256(fl_slice_of(NULL, 0), out);
	assert_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

/* RFC 8439 2.8.2 */
static void aead_of_the_rfc(void **state)
{
	static const char text[] = "Ladies and Gentlemen of the class of '99: If I could offer you "
				   "only one tip for the future, sunscreen would be it.";
	struct fl_aead *a;
	uint8_t key[FL_KEY_LEN], nonce[12], ad[12], out[sizeof text + FL_TAG_LEN];
	struct fl_slice in = fl_slice_of(text, sizeof text - 1);

	(void)state;
	count_up(key, sizeof key, 0x80);
	unhex("070000004041424344454647", nonce, sizeof nonce);
	unhex("50515253c0c1c2c3c4c5c6c7", ad, sizeof ad);
	assert_int_equal(fl_aead_new(key, &a), FL_OK);
	assert_int_equal(fl_aead_seal(a, nonce, fl_slice_of(ad, sizeof ad), in, out), FL_OK);
	assert_hex(
		out, in.len + FL_TAG_LEN,
		"d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca96712"
		"82fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58"
		"fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116"
		"1ae10b594f09e26a7e902ecbd0600691");
	assert_int_equal(fl_aead_open(a, nonce, fl_slice_of(ad, sizeof ad),
				      fl_slice_of(out, in.len + FL_TAG_LEN), out),
			 FL_OK);
	assert_memory_equal(out, text, in.len);
	fl_aead_free(a);
}

/* Lengths around the change of library; each text is checked against libsodium's own answer. */
static struct len_row {
	const char *name;
	size_t len;
} len_rows[] = {
	{ "aead: 0 bytes", 0 },    { "aead: 1 byte", 1 },
	{ "aead: 15", 15 },        { "aead: 16", 16 },
	{ "aead: 17", 17 },        { "aead: 64", 64 },
	{ "aead: 191", 191 },      { "aead: 192", 192 },
	{ "aead: 193", 193 },      { "aead: 1007", 1007 },
	{ "aead: 1008", 1008 },    { "aead: 1023", 1023 },
	{ "aead: 1024", 1024 },    { "aead: 1025", 1025 },
	{ "aead: 1040", 1040 },    { "aead: a full record", 4077 },
	{ "aead: 64 KiB", 65536 },
};

enum { LEN_MAX = 65536 };

static void aead_len_row(void **state)
{
	const struct len_row *row = *state;
	static uint8_t text[LEN_MAX + 16], want[LEN_MAX + 16], got[LEN_MAX + 16];
	struct fl_slice sealed = fl_slice_of(got, row->len + FL_TAG_LEN);
	struct fl_slice ads[] = { fl_slice_of(NULL, 0), fl_slice_str("associated") };
	uint8_t key[FL_KEY_LEN], nonce[12];
	struct fl_aead *a;

	count_up(key, sizeof key, 1);
	count_up(text, row->len, 7);
	assert_int_equal(fl_aead_new(key, &a), FL_OK);
	for (unsigned i = 0; i < 4; i++) { /* one key, several nonces, seal and open in turn */
		struct fl_slice ad = ads[i & 1];
		count_up(nonce, sizeof nonce, i);
		(void)crypto_aead_chacha20poly1305_ietf_encrypt(want, NULL, text, row->len, ad.ptr,
								ad.len, NULL, nonce, key);
		assert_int_equal(fl_aead_seal(a, nonce, ad, fl_slice_of(text, row->len), got),
				 FL_OK);
		assert_memory_equal(got, want, sealed.len);
		memcpy(got, text, row->len);
		assert_int_equal(fl_aead_seal(a, nonce, ad, fl_slice_of(got, row->len), got),
				 FL_OK);
		assert_memory_equal(got, want, sealed.len);
		assert_int_equal(fl_aead_open(a, nonce, ad, sealed, got), FL_OK);
		assert_memory_equal(got, text, row->len);
		assert_int_equal(fl_aead_open(a, nonce, ad, fl_slice_of(want, sealed.len), got),
				 FL_OK);
		assert_memory_equal(got, text, row->len);
		if (i == 1)
			fl_aead_rest(a); /* makes no difference to what follows */
	}
	fl_aead_rest(a);
	fl_aead_rest(a);
	fl_aead_free(a);
}

static void expect_refused(struct fl_aead *a, const uint8_t *nonce, struct fl_slice ad,
			   struct fl_slice in, const uint8_t *text)
{
	static uint8_t out[LEN_MAX];
	size_t n = in.len < FL_TAG_LEN ? 0 : in.len - FL_TAG_LEN;

	memset(out, 0xaa, n);
	assert_int_equal(fl_aead_open(a, nonce, ad, in, out), FL_ERR_CRYPTO);
	if (n >= 16)
		assert_memory_not_equal(out, text, 16); /* nothing of the text leaks */
}

static void aead_refusals_row(void **state)
{
	const struct len_row *row = *state;
	static uint8_t text[LEN_MAX], sealed[LEN_MAX + 16];
	uint8_t key[FL_KEY_LEN] = { 1 }, other[FL_KEY_LEN] = { 2 }, nonce[12] = { 0 };
	struct fl_slice ad = fl_slice_str("ad"), in = fl_slice_of(sealed, row->len + FL_TAG_LEN);
	size_t step = row->len > 5000 ? 997 : 1;
	struct fl_aead *a, *b;

	count_up(text, row->len, 7);
	assert_int_equal(fl_aead_new(key, &a), FL_OK);
	assert_int_equal(fl_aead_new(other, &b), FL_OK);
	assert_int_equal(fl_aead_seal(a, nonce, ad, fl_slice_of(text, row->len), sealed), FL_OK);
	for (size_t i = 0; i < in.len; i += step) {
		sealed[i] ^= (uint8_t)(1 << (i & 7));
		expect_refused(a, nonce, ad, in, text);
		sealed[i] ^= (uint8_t)(1 << (i & 7));
	}
	for (size_t cut = 0; cut < in.len; cut += step)
		expect_refused(a, nonce, ad, fl_slice_of(sealed, cut), text);
	expect_refused(b, nonce, ad, in, text);
	expect_refused(a, nonce, fl_slice_str("Ad"), in, text);
	expect_refused(a, nonce, fl_slice_of(NULL, 0), in, text);
	nonce[11] ^= 1;
	expect_refused(a, nonce, ad, in, text);
	nonce[11] ^= 1;
	assert_int_equal(fl_aead_open(a, nonce, ad, in, sealed), FL_OK); /* the key is not spoilt */
	assert_memory_equal(sealed, text, row->len);
	fl_aead_free(a);
	fl_aead_free(b);
}

/* docs/protocol/relay.md 5: the login boxes. Server key from 01, client key from 21. */
static struct box_row {
	const char *name;
	bool from_client;
	unsigned nonce_from;
	const char *text, *want;
} box_rows[] = {
	{ "box: ClientInfo", true, 0xa0, "{\"version\":2,\"CanAckPings\":true}",
	  "c359ad8bbbbe82775c357b7a379e8825358210dd5f19ea38"
	  "2d6c234877ec80bfa2dd129ccbbad599ec9dd393c31dce7e" },
	{ "box: ServerInfo", false, 0xc0, "{\"version\":2}",
	  "c8cacebfa035e447bacfa5b371050d0bca7d096319ebc318e8d9128277" },
};

static void box_row(void **state)
{
	const struct box_row *row = *state;
	struct fl_private_key server, client;
	uint8_t server_pub[FL_KEY_LEN], client_pub[FL_KEY_LEN], nonce[FL_BOX_NONCE_LEN];
	uint8_t box[64], out[64];
	struct fl_slice text = fl_slice_str(row->text);
	size_t len = text.len + FL_BOX_OVERHEAD;

	count_up(server.b, sizeof server.b, 1);
	count_up(client.b, sizeof client.b, 0x21);
	count_up(nonce, sizeof nonce, row->nonce_from);
	fl_private_key_public(&server, server_pub);
	fl_private_key_public(&client, client_pub);
	const struct fl_private_key *from = row->from_client ? &client : &server;
	const struct fl_private_key *to = row->from_client ? &server : &client;
	const uint8_t *from_pub = row->from_client ? client_pub : server_pub;
	const uint8_t *to_pub = row->from_client ? server_pub : client_pub;

	assert_int_equal(box_seal(from, to_pub, nonce, text, box), FL_OK);
	assert_hex(box, len, row->want);
	assert_int_equal(box_open(to, from_pub, nonce, fl_slice_of(box, len), out), FL_OK);
	assert_memory_equal(out, text.ptr, text.len);

	for (size_t bit = 0; bit < len * 8; bit++) {
		box[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(box_open(to, from_pub, nonce, fl_slice_of(box, len), out),
				 FL_ERR_CRYPTO);
		box[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(box_open(to, from_pub, nonce, fl_slice_of(box, cut), out),
				 FL_ERR_CRYPTO);
	assert_int_equal(box_open(from, from_pub, nonce, fl_slice_of(box, len), out),
			 FL_ERR_CRYPTO);
	nonce[0] ^= 1;
	assert_int_equal(box_open(to, from_pub, nonce, fl_slice_of(box, len), out), FL_ERR_CRYPTO);
}

static void box_of_nothing(void **state)
{
	static const uint8_t nonce[FL_BOX_NONCE_LEN];
	struct fl_private_key priv;
	uint8_t pub[FL_KEY_LEN], box[FL_BOX_OVERHEAD], out[1] = { 0xaa };

	(void)state;
	assert_int_equal(fl_private_key_new(&priv), FL_OK);
	fl_private_key_public(&priv, pub);
	assert_int_equal(box_seal(&priv, pub, nonce, fl_slice_of(NULL, 0), box), FL_OK);
	assert_int_equal(box_open(&priv, pub, nonce, fl_slice_of(box, sizeof box), out), FL_OK);
	assert_int_equal(out[0], 0xaa);
}

static void small_helpers(void **state)
{
	uint8_t a[48], b[48];

	(void)state;
	fl_random(a, sizeof a);
	fl_random(b, sizeof b);
	assert_memory_not_equal(a, b, sizeof a);
	memcpy(b, a, sizeof a);
	assert_true(fl_equal_ct(a, b, sizeof a));
	for (size_t i = 0; i < sizeof a; i++) {
		b[i] ^= 0x80;
		assert_false(fl_equal_ct(a, b, sizeof a));
		b[i] ^= 0x80;
	}
	assert_true(fl_equal_ct(a, b, 0));
	fl_wipe(a, sizeof a);
	for (size_t i = 0; i < sizeof a; i++)
		assert_int_equal(a[i], 0);
	assert_null(fl_aead_free(NULL));
	assert_int_equal(fl_crypto_init(), FL_OK); /* again is harmless */
}

#define ADD(rows, run)                                                                             \
	for (size_t i = 0; i < COUNT(rows); i++)                                                   \
		tests[n++] = (struct CMUnitTest)                                                   \
		{                                                                                  \
			.name = rows[i].name, .test_func = run, .initial_state = &rows[i]          \
		}

int main(void)
{
	struct CMUnitTest tests[64] = { 0 };
	size_t n = 0;

	if (fl_crypto_init() != FL_OK)
		return 1;
	ADD(dh_rows, dh_row);
	ADD(low_rows, low_order_row);
	ADD(hash_rows, hash_row);
	ADD(kdf_rows, kdf_row);
	ADD(len_rows, aead_len_row);
	ADD(len_rows, aead_refusals_row);
	ADD(box_rows, box_row);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(x25519_iterated);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(x25519_unreduced);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(blake2s_abc);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(sha256);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(aead_of_the_rfc);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(box_of_nothing);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(small_helpers);
	return cmocka_run_group_tests_name("crypto/prim", tests, NULL, NULL);
}
