/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/prim.h - the primitives that Noise and the relay login are made of.
 *
 * Thin and typed over libsodium (X25519, SHA-256, NaCl box, short AEAD, comparison, wiping) and
 * OpenSSL (BLAKE2s, long AEAD). Nothing here keeps state, except fl_aead which keeps a key, and
 * OpenSSL's context for it so that a run of records costs no set-up.
 *
 * Thread    everything from any thread, fl_crypto_init first; one fl_aead from one at a time.
 * Security  comparisons of secrets only by fl_equal_ct; secrets are wiped by fl_wipe.
 */
#ifndef FL_CRYPTO_PRIM_H
#define FL_CRYPTO_PRIM_H

#include "base/err.h"
#include "base/slice.h"
#include "crypto/keys.h"

enum {
	FL_HASH_LEN = 32,
	FL_TAG_LEN = 16,
	FL_BOX_NONCE_LEN = 24,
	FL_BOX_OVERHEAD = 16, /* crypto_box_easy: tag before the ciphertext */
};

/* What to say where fl_crypto_init fails. */
#define FL_CRYPTO_MISSING                                                                          \
	"the cryptographic libraries cannot be used: is OpenSSL 3 there, the package libssl3?"

/*
 * In a process before anything else of this floor; loads OpenSSL, harmless again. Errors:
 * FL_ERR_IO; FL_ERR_UNSUPPORTED, OpenSSL is not there or too old.
 */
FL_MUST enum fl_err fl_crypto_init(void);

void fl_wipe(void *p, size_t n);
bool fl_equal_ct(const void *a, const void *b, size_t n);

/* Fills with random bytes fit for keys; the process ends if the system cannot give them. */
void fl_random(void *out, size_t n);

/* Shared secret. FL_ERR_CRYPTO for a low-order point (all-zero result). */
FL_MUST enum fl_err fl_x25519(const struct fl_private_key *priv,
			      const uint8_t pub[static FL_KEY_LEN], uint8_t out[static FL_KEY_LEN]);

/* Unkeyed BLAKE2s-256 over a followed by b (either may be empty). Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_blake2s(struct fl_slice a, struct fl_slice b,
			       uint8_t out[static FL_HASH_LEN]);

/*
 * HKDF of the Noise specification with HMAC-BLAKE2s, two outputs; `out1` may be `ck`. Errors:
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_noise_hkdf(const uint8_t ck[static FL_HASH_LEN], struct fl_slice ikm,
				  uint8_t out1[static FL_HASH_LEN],
				  uint8_t out2[static FL_HASH_LEN]);

void fl_sha256(struct fl_slice in, uint8_t out[static FL_HASH_LEN]);

/*
 * For protocols that name things by it; it protects nothing. Asked of any implementation, also
 * where a FIPS policy is the default. Errors: FL_ERR_NOMEM.
 */
enum { FL_SHA1_LEN = 20 };
FL_MUST enum fl_err fl_sha1(struct fl_slice in, uint8_t out[static FL_SHA1_LEN]);

/* ChaCha20-Poly1305 (RFC 8439) under one key. */
struct fl_aead;
FL_MUST enum fl_err fl_aead_new(const uint8_t key[static FL_KEY_LEN], struct fl_aead **out);
struct fl_aead *fl_aead_free(struct fl_aead *a);

/*
 * Gives back the kilobyte that long texts need until the next of them, which then costs a fifth
 * of a microsecond more. For keys that may lie idle.
 */
void fl_aead_rest(struct fl_aead *a);

/*
 * Writes in.len + FL_TAG_LEN bytes to `out`, which may be in.ptr itself. Errors: FL_ERR_NOMEM at
 * the first long text under a key, FL_ERR_TOO_BIG over 1 GiB.
 */
FL_MUST enum fl_err fl_aead_seal(struct fl_aead *a, const uint8_t nonce[static 12],
				 struct fl_slice ad, struct fl_slice in, uint8_t *out);

/*
 * Writes in.len - FL_TAG_LEN bytes; may work in place. FL_ERR_CRYPTO for a bad tag or short input;
 * `out` then holds nothing of the text, and in place the input is lost.
 */
FL_MUST enum fl_err fl_aead_open(struct fl_aead *a, const uint8_t nonce[static 12],
				 struct fl_slice ad, struct fl_slice in, uint8_t *out);

/*
 * The NaCl box between two parties. What all their boxes have in common is made once, because the
 * key exchange is nearly all of a box's cost. Secret. FL_ERR_CRYPTO: a low-order key.
 */
struct fl_box_key {
	uint8_t b[FL_KEY_LEN];
};
FL_MUST enum fl_err fl_box_key_make(const struct fl_private_key *priv,
				    const uint8_t pub[static FL_KEY_LEN], struct fl_box_key *out);

/*
 * `out` gets in.len + FL_BOX_OVERHEAD bytes (seal) or in.len - FL_BOX_OVERHEAD (open).
 * FL_ERR_CRYPTO: does not open, or too short.
 */
FL_MUST enum fl_err fl_box_key_seal(const struct fl_box_key *k,
				    const uint8_t nonce[static FL_BOX_NONCE_LEN],
				    struct fl_slice in, uint8_t *out);
FL_MUST enum fl_err fl_box_key_open(const struct fl_box_key *k,
				    const uint8_t nonce[static FL_BOX_NONCE_LEN],
				    struct fl_slice in, uint8_t *out);

#endif
