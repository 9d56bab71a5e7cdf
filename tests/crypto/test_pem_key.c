/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_pem_key.c - private keys as OpenSSL writes them, and texts that are none. */
#include "crypto/pem_key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "crypto/cert.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { BUF_MAX = 1 << 16, SIGNATURE_MAX = 512 };

static EVP_PKEY *make(const char *type, const char *curve)
{
	if (strcmp(type, "EC") == 0)
		return EVP_EC_gen(curve);
	return strcmp(type, "RSA") == 0 ? EVP_RSA_gen(2048) : EVP_PKEY_Q_keygen(NULL, NULL, type);
}

static void write_key(EVP_PKEY *key, bool traditional, const char *pass, struct fl_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(traditional ? PEM_write_bio_PrivateKey_traditional(bio, key, NULL, NULL, 0,
									    NULL, NULL)
				     : PEM_write_bio_PrivateKey(
					       bio, key, pass != NULL ? EVP_aes_128_cbc() : NULL,
					       (const unsigned char *)pass,
					       pass != NULL ? (int)strlen(pass) : 0, NULL, NULL),
			 1);
	long len = BIO_get_mem_data(bio, &text);
	fl_buf_put(out, text, (size_t)len);
	BIO_free(bio);
}

/* Signed by the one, verified by the other: both halves are what they were. */
static void expect_same(EVP_PKEY *a, EVP_PKEY *b)
{
	unsigned char sig[SIGNATURE_MAX], text[] = "text";
	size_t len = sizeof sig;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool edwards = EVP_PKEY_is_a(a, "ED25519");

	assert_int_equal(EVP_PKEY_eq(a, b), 1);
	assert_int_equal(EVP_DigestSignInit(ctx, NULL, edwards ? NULL : EVP_sha256(), NULL, b), 1);
	assert_int_equal(EVP_DigestSign(ctx, sig, &len, text, sizeof text), 1);
	EVP_MD_CTX_free(ctx);
	ctx = EVP_MD_CTX_new();
	assert_int_equal(EVP_DigestVerifyInit(ctx, NULL, edwards ? NULL : EVP_sha256(), NULL, a),
			 1);
	assert_int_equal(EVP_DigestVerify(ctx, sig, len, text, sizeof text), 1);
	EVP_MD_CTX_free(ctx);
}

static const struct row {
	const char *name, *type, *curve;
	bool traditional;
} rows[] = {
	{ "P-256", "EC", "P-256", false }, { "P-256, traditional", "EC", "P-256", true },
	{ "P-384", "EC", "P-384", false }, { "Ed25519", "ED25519", NULL, false },
	{ "RSA", "RSA", NULL, false },     { "RSA, traditional", "RSA", NULL, true },
};

static void reads_row(void **state)
{
	const struct row *row = *state;
	struct fl_buf pem = fl_buf_make(BUF_MAX);
	EVP_PKEY *key = make(row->type, row->curve), *got = NULL;

	fl_buf_put(&pem, "# a comment\n", 12);
	write_key(key, row->traditional, NULL, &pem);
	assert_int_equal(fl_pem_key_read(fl_buf_slice(&pem), NULL, &got), FL_OK);
	expect_same(key, got);
	EVP_PKEY_free(got);
	EVP_PKEY_free(key);
	fl_buf_wipe(&pem);
}

/* Many, so that numbers with leading zeros are among them. */
static void reads_what_we_write(void **state)
{
	(void)state;
	for (int i = 0; i < 600; i++) {
		struct fl_buf cert = fl_buf_make(BUF_MAX), pem = fl_buf_make(BUF_MAX);
		EVP_PKEY *got = NULL;
		assert_int_equal(fl_cert_self_signed("a", 1780000000 * FL_SEC, 30, &cert, &pem),
				 FL_OK);
		BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
		EVP_PKEY *want = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		assert_int_equal(fl_pem_key_read(fl_buf_slice(&pem), NULL, &got), FL_OK);
		expect_same(want, got);
		EVP_PKEY_free(got);
		EVP_PKEY_free(want);
		BIO_free(bio);
		fl_buf_done(&cert);
		fl_buf_wipe(&pem);
	}
}

#define BLOCK(name, text) "-----BEGIN " name "-----\n" text "\n-----END " name "-----\n"

/* The last: all zero numbers in the form of a P-256 key, a point on no curve. */
static void refuses_what_is_none(void **state)
{
	static const char *const texts[] = {
		"",
		"hello\n",
		BLOCK("PRIVATE KEY", ""),
		BLOCK("PRIVATE KEY", "AAAA"),
		BLOCK("CERTIFICATE", "AAAA"),
		"-----BEGIN PRIVATE KEY-----\nMIGH\n",
		BLOCK("PRIVATE KEY",
		      "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAAAAAAAAAAAAAAAA\n"
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAChRANCAAQAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
		      "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
	};

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		EVP_PKEY *got = NULL;
		if (fl_pem_key_read(fl_slice_str(texts[i]), NULL, &got) != FL_ERR_SYNTAX)
			fail_msg("taken: %s", texts[i]);
		assert_null(got);
		assert_int_equal(ERR_peek_error(), 0);
	}
}

static void never_asks_for_a_passphrase(void **state)
{
	struct fl_buf pem = fl_buf_make(BUF_MAX);
	EVP_PKEY *key = make("EC", "P-256"), *got = NULL;

	(void)state;
	write_key(key, false, "secret", &pem);
	assert_int_equal(fl_pem_key_read(fl_buf_slice(&pem), NULL, &got), FL_ERR_SYNTAX);
	EVP_PKEY_free(key);
	fl_buf_wipe(&pem);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 3] = { 0 };
	size_t n = 0;

	if (fl_crypto_init() != FL_OK)
		return 1;
	for (; n < COUNT(rows); n++)
		tests[n] = (struct CMUnitTest){ .name = rows[n].name,
						.test_func = reads_row,
						.initial_state = (void *)&rows[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(reads_what_we_write);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(refuses_what_is_none);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(never_asks_for_a_passphrase);
	return cmocka_run_group_tests_name("crypto/pem_key", tests, NULL, NULL);
}
