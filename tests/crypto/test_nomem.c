/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/crypto/test_nomem.c - lets OpenSSL's n-th allocation fail, n by n, under whatever
 * of ours can report it: no crash, no leak, no half-written output.
 */
#include "crypto/cert.h"

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define NOW (1780000000 * FL_SEC)

enum { BUF_MAX = 1 << 16, TEXT_LEN = 4077, TRIES_MAX = 100000 };

/* One certificate takes 2,700 allocations, nearly all of them inside one call of the library. */
enum { EACH_UP_TO = 200, STRIDE = 13 };

static size_t countdown; /* 0: never fail */
static bool failed;

static bool fail_now(void)
{
	if (countdown == 0 || --countdown > 0)
		return false;
	failed = true;
	return true;
}

static void *count_malloc(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return fail_now() ? NULL : malloc(n);
}

static void *count_realloc(void *p, size_t n, const char *file, int line)
{
	(void)file, (void)line;
	return fail_now() ? NULL : realloc(p, n);
}

static void count_free(void *p, const char *file, int line)
{
	(void)file, (void)line;
	free(p);
}

static struct fl_buf cert, key;

static enum fl_err make_leaf(void)
{
	fl_buf_reset(&cert);
	fl_buf_reset(&key);
	enum fl_err err = fl_cert_self_signed("relay.example.com", NOW, 30, &cert, &key);
	assert_true((cert.len > 0) == (err == FL_OK) && (key.len > 0) == (err == FL_OK));
	return err;
}

static enum fl_err make_derp_meta(void)
{
	static const uint8_t pub[FL_KEY_LEN] = { 9 };

	fl_buf_reset(&cert);
	enum fl_err err = fl_cert_derp_meta(pub, NOW, &cert);
	assert_true((cert.len > 0) == (err == FL_OK));
	return err;
}

static X509 *read_from;

static enum fl_err read_facts(void)
{
	struct fl_cert_facts facts;

	return fl_cert_facts_read(read_from, &facts);
}

static enum fl_err seal_and_open(void)
{
	static const uint8_t secret[FL_KEY_LEN] = { 1 }, nonce[12];
	static uint8_t text[TEXT_LEN + FL_TAG_LEN];
	struct fl_slice none = fl_slice_of(NULL, 0);
	struct fl_aead *a, *b;

	assert_int_equal(fl_aead_new(secret, &a), FL_OK);
	assert_int_equal(fl_aead_new(secret, &b), FL_OK);
	memset(text, 7, sizeof text);
	enum fl_err err = fl_aead_seal(a, nonce, none, fl_slice_of(text, TEXT_LEN), text);
	if (err == FL_OK)
		err = fl_aead_open(b, nonce, none, fl_slice_of(text, sizeof text), text);
	fl_aead_free(a);
	fl_aead_free(b);
	return err;
}

static enum fl_err hash_text(void)
{
	uint8_t out[FL_HASH_LEN] = { 0xaa };

	enum fl_err err = fl_blake2s(fl_slice_str("a"), fl_slice_str("b"), out);
	assert_true((out[0] == 0xaa) == (err != FL_OK));
	return err;
}

/* Each handshake derives keys from what a stranger sends. */
static enum fl_err derive_keys(void)
{
	uint8_t ck[FL_HASH_LEN] = { 0xaa }, out[FL_HASH_LEN] = { 0xaa };

	enum fl_err err = fl_noise_hkdf(ck, fl_slice_str("a"), ck, out);
	assert_true((ck[0] == 0xaa && out[0] == 0xaa) == (err != FL_OK));
	return err;
}

static struct row {
	const char *name;
	enum fl_err (*run)(void);
	enum fl_err also; /* reading cannot tell a lack of memory from damage */
} rows[] = {
	{ "self-signed", make_leaf, FL_ERR_NOMEM },
	{ "fast start", make_derp_meta, FL_ERR_NOMEM },
	{ "facts", read_facts, FL_ERR_SYNTAX },
	{ "a hash", hash_text, FL_ERR_NOMEM },
	{ "keys from a hash", derive_keys, FL_ERR_NOMEM },
	{ "a long record", seal_and_open, FL_ERR_CRYPTO },
};

/* OpenSSL works around some failures, so a success proves nothing until none was injected. */
static void nomem_row(void **state)
{
	const struct row *row = *state;

	assert_int_equal(row->run(), FL_OK); /* what is made once has been made */
	for (size_t n = 1; n < TRIES_MAX; n += n < EACH_UP_TO ? 1 : STRIDE) {
		countdown = n;
		failed = false;
		enum fl_err err = row->run();
		countdown = 0;
		if (!failed) {
			assert_int_equal(err, FL_OK);
			assert_true(n > 1);
			return;
		}
		if (err != FL_OK && err != FL_ERR_NOMEM && err != row->also)
			fail_msg("allocation %zu: %s", n, fl_err_text(err));
	}
	fail();
}

int main(void)
{
	struct CMUnitTest tests[sizeof rows / sizeof *rows];

	if (CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) != 1 ||
	    fl_crypto_init() != FL_OK)
		return 1;
	cert = fl_buf_make(BUF_MAX);
	key = fl_buf_make(BUF_MAX);
	if (fl_cert_self_signed("a", NOW, 30, &cert, &key) != FL_OK)
		return 1;
	BIO *bio = BIO_new_mem_buf(cert.ptr, (int)cert.len);
	read_from = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (read_from == NULL)
		return 1;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = nomem_row,
						.initial_state = &rows[i] };
	int rc = cmocka_run_group_tests_name("crypto/nomem", tests, NULL, NULL);
	X509_free(read_from);
	fl_buf_done(&cert);
	fl_buf_done(&key);
	return rc;
}
