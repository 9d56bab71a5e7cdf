/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/odd_cert.c - certificates of SHIP nodes with one thing or another wrong. */
#include "odd_cert.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { DAY = 86400, RSA_BITS = 2048, SKI_LEN = 20 };

static BIGNUM *copy_number(OSSL_PARAM_BLD *to, const EVP_PKEY *from, const char *name)
{
	BIGNUM *n = NULL;

	assert_int_equal(EVP_PKEY_get_bn_param(from, name, &n), 1);
	assert_int_equal(OSSL_PARAM_BLD_push_BN(to, name, n), 1);
	return n; /* which `to` only borrows */
}

/*
 * P-256 by its numbers, but with the point of somebody's key as the base: one times it is that
 * point, so the secret of the same public key is one.
 */
static EVP_PKEY *make_key_on_another_base(void)
{
	static const char *const same[] = { OSSL_PKEY_PARAM_EC_P, OSSL_PKEY_PARAM_EC_A,
					    OSSL_PKEY_PARAM_EC_B, OSSL_PKEY_PARAM_EC_ORDER,
					    OSSL_PKEY_PARAM_EC_COFACTOR };
	BIGNUM *numbers[sizeof same / sizeof *same];
	EVP_PKEY *theirs = EVP_EC_gen("P-256"), *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	uint8_t *point = NULL;

	size_t len = EVP_PKEY_get1_encoded_public_key(theirs, &point);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		numbers[i] = copy_number(b, theirs, same[i]);
	OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_EC_FIELD_TYPE, "prime-field", 0);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_EC_GENERATOR, point, len);
	OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, len);
	OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, BN_value_one());
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
	assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
	for (size_t i = 0; i < sizeof same / sizeof *same; i++)
		BN_free(numbers[i]);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	OPENSSL_free(point);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(theirs);
	return key;
}

static EVP_PKEY *make_key(const struct odd_cert *o)
{
	const char *kind = o->kind != NULL ? o->kind : "P-256";
	EVP_PKEY *key = strcmp(kind, "RSA") == 0       ? EVP_RSA_gen(RSA_BITS)
			: strcmp(kind, "ED25519") == 0 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
			: strcmp(kind, ODD_BASE) == 0  ? make_key_on_another_base()
						       : EVP_EC_gen(kind);

	assert_non_null(key);
	if (o->compressed)
		assert_int_equal(EVP_PKEY_set_utf8_string_param(
					 key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
					 OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
				 1);
	return key;
}

static void add_conf(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(ext);
	assert_int_equal(X509_add_ext(x, ext, -1), 1);
	X509_EXTENSION_free(ext);
}

static void add_ski_of(X509 *x, size_t len)
{
	uint8_t bytes[SKI_LEN];
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	memset(bytes, 0x5a, sizeof bytes);
	assert_int_equal(ASN1_OCTET_STRING_set(value, bytes, (int)len), 1);
	assert_int_equal(
		X509_add1_ext_i2d(x, NID_subject_key_identifier, value, 0, X509V3_ADD_APPEND), 1);
	ASN1_OCTET_STRING_free(value);
}

static void add_ski(X509 *x, enum odd_ski ski)
{
	if (ski == ODD_SKI_TRUE || ski == ODD_SKI_TWICE)
		add_conf(x, NID_subject_key_identifier, "hash");
	if (ski == ODD_SKI_OTHER || ski == ODD_SKI_TWICE)
		add_ski_of(x, SKI_LEN);
	if (ski == ODD_SKI_SHORT)
		add_ski_of(x, SKI_LEN - 1);
}

static void put_cert(X509 *x, bool boolean_one, struct fl_buf *out)
{
	static const uint8_t ca_true[] = { 0x30, 0x03, 0x01, 0x01, 0xff };
	uint8_t *der = NULL, *text;
	BIO *bio = BIO_new(BIO_s_mem());

	int len = i2d_X509(x, &der);
	assert_true(len > 0);
	if (boolean_one) {
		uint8_t *at = memmem(der, (size_t)len, ca_true, sizeof ca_true);
		assert_non_null(at);
		at[sizeof ca_true - 1] = 1;
	}
	assert_true(PEM_write_bio(bio, PEM_STRING_X509, "", der, len) > 0);
	long n = BIO_get_mem_data(bio, &text);
	fl_buf_put(out, text, (size_t)n);
	BIO_free(bio);
	OPENSSL_free(der);
}

static void put_key(EVP_PKEY *key, struct fl_buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;

	assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL), 1);
	long n = BIO_get_mem_data(bio, &text);
	fl_buf_put(out, text, (size_t)n);
	BIO_free(bio);
}

void odd_cert_make(const struct odd_cert *o, struct fl_buf *out_cert, struct fl_buf *out_key)
{
	const char *name = o->name != NULL ? o->name : "odd";
	EVP_PKEY *key = make_key(o);
	X509 *x = X509_new();
	long shift = o->expired ? -400L * DAY : 0;

	assert_int_equal(X509_set_version(x, 2), 1);
	X509_gmtime_adj(X509_getm_notBefore(x), shift - DAY);
	X509_gmtime_adj(X509_getm_notAfter(x), shift + 30L * DAY);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
	assert_int_equal(X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_UTF8,
						    (const unsigned char *)name, -1, -1, 0),
			 1);
	X509_set_issuer_name(x, X509_get_subject_name(x));
	assert_int_equal(X509_set_pubkey(x, key), 1);
	add_conf(x, NID_basic_constraints, "critical,CA:TRUE");
	add_ski(x, o->ski);
	const EVP_MD *md = EVP_PKEY_is_a(key, "ED25519") ? NULL : EVP_sha256();
	assert_true(X509_sign(x, key, md) > 0);
	put_cert(x, o->boolean_one, out_cert);
	put_key(key, out_key);
	X509_free(x);
	EVP_PKEY_free(key);
}
