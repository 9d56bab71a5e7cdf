/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/prim.c - the primitives, each from the library that measured fastest.
 *
 * X25519 is libsodium's: an EVP derivation from raw keys computes the unused public half and
 * costs twice as much. ChaCha20-Poly1305 is libsodium's for short texts, where EVP's calls weigh
 * more than the cipher, and OpenSSL's for long ones, where its vector code is ahead.
 */
#include "crypto/prim.h"

#include "crypto/openssl.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

enum {
	NONCE_LEN = 12,
	BLAKE2S_BLOCK = 64,
	EVP_FROM = 1024,    /* from this length on OpenSSL is faster */
	AEAD_MAX = 1 << 30, /* EVP counts in int */
};

struct fl_aead {
	uint8_t key[FL_KEY_LEN];
	EVP_CIPHER_CTX *evp; /* made for a long text, kept until fl_aead_rest */
};

static EVP_MD *blake2s;
static EVP_CIPHER *chacha;
static pthread_mutex_t init_lock = PTHREAD_MUTEX_INITIALIZER;

static enum fl_err init(void)
{
	enum fl_err err = fl_openssl_load();
	if (err != FL_OK)
		return err;
	/* Thousands of error texts, of which none is ever shown: memory and time of each start. */
	if (OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL) != 1)
		return FL_ERR_IO;
	if (sodium_init() < 0)
		return FL_ERR_IO;
	if (blake2s == NULL)
		blake2s = EVP_MD_fetch(NULL, "BLAKE2S-256", NULL);
	if (chacha == NULL)
		chacha = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
	return blake2s != NULL && chacha != NULL ? FL_OK : FL_ERR_IO;
}

enum fl_err fl_crypto_init(void)
{
	(void)pthread_mutex_lock(&init_lock);
	enum fl_err err = init();
	(void)pthread_mutex_unlock(&init_lock);
	return err;
}

void fl_wipe(void *p, size_t n)
{
	sodium_memzero(p, n);
}

bool fl_equal_ct(const void *a, const void *b, size_t n)
{
	return sodium_memcmp(a, b, n) == 0;
}

void fl_random(void *out, size_t n)
{
	randombytes_buf(out, n);
}

enum fl_err fl_x25519(const struct fl_private_key *priv, const uint8_t pub[static FL_KEY_LEN],
		      uint8_t out[static FL_KEY_LEN])
{
	uint8_t shared[FL_KEY_LEN];

	int rc = crypto_scalarmult(shared, priv->b, pub);
	if (rc == 0) /* not so for an all-zero result */
		memcpy(out, shared, sizeof shared);
	fl_wipe(shared, sizeof shared);
	return rc == 0 ? FL_OK : FL_ERR_CRYPTO;
}

/* Only a lack of memory fails here: OpenSSL allocates in every beginning. */
static enum fl_err hash(EVP_MD_CTX *ctx, struct fl_slice a, struct fl_slice b, uint8_t *out)
{
	if (ctx != NULL && EVP_DigestInit_ex2(ctx, blake2s, NULL) == 1 &&
	    EVP_DigestUpdate(ctx, a.ptr, a.len) == 1 && EVP_DigestUpdate(ctx, b.ptr, b.len) == 1 &&
	    EVP_DigestFinal_ex(ctx, out, NULL) == 1)
		return FL_OK;
	ERR_clear_error();
	return FL_ERR_NOMEM;
}

enum fl_err fl_blake2s(struct fl_slice a, struct fl_slice b, uint8_t out[static FL_HASH_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	enum fl_err err = hash(ctx, a, b, out);
	EVP_MD_CTX_free(ctx);
	return err;
}

/* RFC 2104 for keys of one hash length, which is below the block. */
static enum fl_err hmac(EVP_MD_CTX *ctx, const uint8_t *key, struct fl_slice in, uint8_t *out)
{
	uint8_t pad[BLAKE2S_BLOCK];

	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] = (i < FL_HASH_LEN ? key[i] : 0) ^ 0x36;
	enum fl_err err = hash(ctx, fl_slice_of(pad, sizeof pad), in, out);
	for (size_t i = 0; i < sizeof pad; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	if (err == FL_OK)
		err = hash(ctx, fl_slice_of(pad, sizeof pad), fl_slice_of(out, FL_HASH_LEN), out);
	fl_wipe(pad, sizeof pad);
	return err;
}

enum fl_err fl_noise_hkdf(const uint8_t ck[static FL_HASH_LEN], struct fl_slice ikm,
			  uint8_t out1[static FL_HASH_LEN], uint8_t out2[static FL_HASH_LEN])
{
	uint8_t prk[FL_HASH_LEN], first[FL_HASH_LEN + 1], second[FL_HASH_LEN];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	enum fl_err err = hmac(ctx, ck, ikm, prk);
	if (err == FL_OK)
		err = hmac(ctx, prk, fl_slice_of("\x01", 1), first);
	first[FL_HASH_LEN] = 2;
	if (err == FL_OK)
		err = hmac(ctx, prk, fl_slice_of(first, sizeof first), second);
	if (err == FL_OK) {
		memcpy(out1, first, FL_HASH_LEN);
		memcpy(out2, second, FL_HASH_LEN);
	}
	EVP_MD_CTX_free(ctx);
	fl_wipe(prk, sizeof prk);
	fl_wipe(first, sizeof first);
	fl_wipe(second, sizeof second);
	return err;
}

void fl_sha256(struct fl_slice in, uint8_t out[static FL_HASH_LEN])
{
	crypto_hash_sha256(out, in.ptr, in.len);
}

enum fl_err fl_sha1(struct fl_slice in, uint8_t out[static FL_SHA1_LEN])
{
	/* "-fips" takes back what a default of "fips=yes" would add to the question. */
	if (EVP_Q_digest(NULL, "SHA1", "-fips", in.ptr, in.len, out, NULL) == 1)
		return FL_OK;
	ERR_clear_error();
	return FL_ERR_NOMEM;
}

enum fl_err fl_aead_new(const uint8_t key[static FL_KEY_LEN], struct fl_aead **out)
{
	struct fl_aead *a = malloc(sizeof *a);

	if (a == NULL)
		return FL_ERR_NOMEM;
	a->evp = NULL;
	memcpy(a->key, key, sizeof a->key);
	*out = a;
	return FL_OK;
}

void fl_aead_rest(struct fl_aead *a)
{
	EVP_CIPHER_CTX_free(a->evp); /* wipes its copy of the key */
	a->evp = NULL;
}

struct fl_aead *fl_aead_free(struct fl_aead *a)
{
	if (a == NULL)
		return NULL;
	fl_aead_rest(a);
	fl_wipe(a, sizeof *a);
	free(a);
	return NULL;
}

static enum fl_err evp_begin(struct fl_aead *a, const uint8_t *nonce, struct fl_slice ad, int seal)
{
	const uint8_t *key = NULL;
	int n;

	if (a->evp == NULL) {
		a->evp = EVP_CIPHER_CTX_new();
		if (a->evp == NULL)
			return FL_ERR_NOMEM;
		key = a->key;
	}
	if (EVP_CipherInit_ex2(a->evp, key != NULL ? chacha : NULL, key, nonce, seal, NULL) != 1 ||
	    (ad.len > 0 && EVP_CipherUpdate(a->evp, NULL, &n, ad.ptr, (int)ad.len) != 1)) {
		fl_aead_rest(a);
		return FL_ERR_NOMEM;
	}
	return FL_OK;
}

static enum fl_err evp_seal(struct fl_aead *a, const uint8_t *nonce, struct fl_slice ad,
			    struct fl_slice in, uint8_t *out)
{
	int n;

	enum fl_err err = evp_begin(a, nonce, ad, 1);
	if (err != FL_OK)
		return err;
	if (EVP_CipherUpdate(a->evp, out, &n, in.ptr, (int)in.len) != 1 ||
	    EVP_CipherFinal_ex(a->evp, out + in.len, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(a->evp, EVP_CTRL_AEAD_GET_TAG, FL_TAG_LEN, out + in.len) != 1)
		return FL_ERR_NOMEM;
	return FL_OK;
}

static enum fl_err evp_open(struct fl_aead *a, const uint8_t *nonce, struct fl_slice ad,
			    struct fl_slice in, uint8_t *out)
{
	size_t len = in.len - FL_TAG_LEN;
	uint8_t tag[FL_TAG_LEN], none[1];
	int n;

	memcpy(tag, in.ptr + len, sizeof tag); /* working in place, keep it apart */
	enum fl_err err = evp_begin(a, nonce, ad, 0);
	if (err != FL_OK)
		return err;
	if (EVP_CIPHER_CTX_ctrl(a->evp, EVP_CTRL_AEAD_SET_TAG, FL_TAG_LEN, tag) != 1 ||
	    EVP_CipherUpdate(a->evp, out, &n, in.ptr, (int)len) != 1 ||
	    EVP_CipherFinal_ex(a->evp, none, &n) != 1) {
		fl_wipe(out, len); /* nobody may see what was not authentic */
		return FL_ERR_CRYPTO;
	}
	return FL_OK;
}

enum fl_err fl_aead_seal(struct fl_aead *a, const uint8_t nonce[static NONCE_LEN],
			 struct fl_slice ad, struct fl_slice in, uint8_t *out)
{
	if (in.len > AEAD_MAX || ad.len > AEAD_MAX)
		return FL_ERR_TOO_BIG;
	if (in.len >= EVP_FROM)
		return evp_seal(a, nonce, ad, in, out);
	(void)crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, in.ptr, in.len, ad.ptr, ad.len,
							NULL, nonce, a->key);
	return FL_OK;
}

enum fl_err fl_aead_open(struct fl_aead *a, const uint8_t nonce[static NONCE_LEN],
			 struct fl_slice ad, struct fl_slice in, uint8_t *out)
{
	if (in.len > AEAD_MAX || ad.len > AEAD_MAX)
		return FL_ERR_TOO_BIG;
	if (in.len < FL_TAG_LEN)
		return FL_ERR_CRYPTO;
	if (in.len - FL_TAG_LEN >= EVP_FROM)
		return evp_open(a, nonce, ad, in, out);
	if (crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, in.ptr, in.len, ad.ptr,
						      ad.len, nonce, a->key) != 0)
		return FL_ERR_CRYPTO;
	return FL_OK;
}

enum fl_err fl_box_key_make(const struct fl_private_key *priv, const uint8_t pub[static FL_KEY_LEN],
			    struct fl_box_key *out)
{
	struct fl_box_key k;

	if (crypto_box_beforenm(k.b, pub, priv->b) != 0)
		return FL_ERR_CRYPTO;
	*out = k;
	fl_wipe(&k, sizeof k);
	return FL_OK;
}

enum fl_err fl_box_key_seal(const struct fl_box_key *k,
			    const uint8_t nonce[static FL_BOX_NONCE_LEN], struct fl_slice in,
			    uint8_t *out)
{
	if (crypto_box_easy_afternm(out, in.ptr, in.len, nonce, k->b) != 0)
		return FL_ERR_CRYPTO;
	return FL_OK;
}

enum fl_err fl_box_key_open(const struct fl_box_key *k,
			    const uint8_t nonce[static FL_BOX_NONCE_LEN], struct fl_slice in,
			    uint8_t *out)
{
	if (crypto_box_open_easy_afternm(out, in.ptr, in.len, nonce, k->b) != 0)
		return FL_ERR_CRYPTO;
	return FL_OK;
}
