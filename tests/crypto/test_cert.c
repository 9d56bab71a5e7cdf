/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_cert.c - our certificates as OpenSSL reads them back. */
#include "crypto/cert.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"

/* One fact at a time reads better in a table. */
/* Of the first certificate in the text. */
static enum fl_err read_facts(struct fl_slice pem, struct fl_cert_facts *out)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	enum fl_err err = fl_cert_facts_read(x, out);
	X509_free(x);
	return err;
}

static enum fl_err pin_of(struct fl_slice pem, uint8_t out[static FL_HASH_LEN])
{
	struct fl_cert_facts f;
	enum fl_err err = read_facts(pem, &f);
	if (err == FL_OK)
		memcpy(out, f.pin, sizeof f.pin);
	return err;
}

static enum fl_err not_after_of(struct fl_slice pem, fl_wall *out)
{
	struct fl_cert_facts f;
	enum fl_err err = read_facts(pem, &f);
	if (err == FL_OK)
		*out = f.not_after;
	return err;
}

static bool is_self_signed(struct fl_slice pem)
{
	struct fl_cert_facts f;
	return read_facts(pem, &f) == FL_OK && f.self_signed;
}

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NOW      (1780000000 * FL_SEC) /* 2026-05-28 */
#define N63      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { BUF_MAX = 1 << 16 };

static X509 *read_pem(const struct fl_buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->ptr, (int)pem->len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void assert_date(const ASN1_TIME *got, fl_wall want)
{
	time_t t = (time_t)(want / FL_SEC);

	assert_int_equal(ASN1_TIME_cmp_time_t(got, t), 0);
}

static void common_name(X509 *x, char *out, int cap)
{
	assert_true(X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, out, cap) >
		    0);
}

static struct row {
	const char *name, *host;
	enum fl_err want;
	int names; /* of all kinds */
	const char *cn;
} rows[] = {
	{ "a name", "relay.example.com", FL_OK, 4, "relay.example.com" },
	{ "a name with its root", "relay.example.com.", FL_OK, 4, "relay.example.com" },
	{ "a wild card", "*.example.com", FL_OK, 4, "*.example.com" },
	{ "an IPv4 address", "192.0.2.7", FL_OK, 4, "192.0.2.7" },
	{ "an IPv6 address", "2001:db8::7", FL_OK, 4, "2001:db8::7" },
	{ "localhost", "localhost", FL_OK, 3, "localhost" },
	{ "localhost, capitals", "LocalHost", FL_OK, 3, "LocalHost" },
	{ "loopback v4", "127.0.0.1", FL_OK, 3, "127.0.0.1" },
	{ "loopback v6", "::1", FL_OK, 3, "::1" },
	{ "64 characters", N63 "b", FL_OK, 4, N63 "b" },
	{ "65 characters", N63 ".b", FL_OK, 4, "fairlead" },
	{ "253 characters",
	  N63 "." N63 "." N63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  FL_OK, 4, "fairlead" },
	{ "254 characters",
	  N63 "." N63 "." N63 "."
	      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  FL_ERR_INVALID, 0, NULL },
	{ "nothing", "", FL_ERR_INVALID, 0, NULL },
	{ "only the root", ".", FL_ERR_INVALID, 0, NULL },
	{ "a space", "a b", FL_ERR_INVALID, 0, NULL },
	{ "a second value", "a,DNS:b", FL_ERR_INVALID, 0, NULL },
	{ "a port", "relay.example.com:443", FL_ERR_INVALID, 0, NULL },
	{ "a line", "a\nb", FL_ERR_INVALID, 0, NULL },
};

/* What the subject says is for people; verifiers go by the alternative names. */
static void check_names(X509 *x, const struct row *row)
{
	GENERAL_NAMES *sans = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
	size_t len = strlen(row->host);
	char cn[128], host[256];

	assert_non_null(sans);
	assert_int_equal(sk_GENERAL_NAME_num(sans), row->names);
	GENERAL_NAMES_free(sans);
	common_name(x, cn, sizeof cn);
	assert_string_equal(cn, row->cn);

	(void)fl_str_copy(host, sizeof host,
			  fl_slice_of(row->host, len - (row->host[len - 1] == '.')));
	if (strchr(host, '*') != NULL)
		host[0] = 'x';
	assert_int_equal(
		X509_check_ip_asc(x, host, 0) == 1 || X509_check_host(x, host, 0, 0, NULL) == 1, 1);
	assert_int_equal(X509_check_host(x, "localhost", 0, 0, NULL), 1);
	assert_int_equal(X509_check_ip_asc(x, "127.0.0.1", 0), 1);
	assert_int_equal(X509_check_ip_asc(x, "::1", 0), 1);
	assert_int_equal(X509_check_host(x, "other.example.org", 0, 0, NULL), 0);
	assert_int_equal(X509_check_ip_asc(x, "192.0.2.8", 0), 0);
}

static void check_leaf(X509 *x)
{
	EVP_PKEY *key = X509_get0_pubkey(x);
	char group[32];

	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_date(X509_get0_notBefore(x), NOW - FL_HOUR);
	assert_date(X509_get0_notAfter(x), NOW + 365 * FL_DAY);
	assert_int_equal(X509_verify(x, key), 1);
	assert_int_equal(X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)), 0);
	assert_true(EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1);
	assert_string_equal(group, "prime256v1");
	assert_int_equal(X509_check_ca(x), 0);
	assert_int_equal(X509_check_purpose(x, X509_PURPOSE_SSL_SERVER, 0), 1);
	assert_int_equal(ASN1_STRING_length(X509_get_serialNumber(x)), 16);
}

static void self_signed_row(void **state)
{
	const struct row *row = *state;
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);

	assert_int_equal(fl_cert_self_signed(row->host, NOW, 365, &cert, &key), row->want);
	if (row->want == FL_OK) {
		X509 *x = read_pem(&cert);
		BIO *bio = BIO_new_mem_buf(key.ptr, (int)key.len);
		EVP_PKEY *priv = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
		check_leaf(x);
		check_names(x, row);
		assert_int_equal(X509_check_private_key(x, priv), 1);
		EVP_PKEY_free(priv);
		BIO_free(bio);
		X509_free(x);
	} else {
		assert_int_equal(cert.len, 0);
		assert_int_equal(key.len, 0);
	}
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	fl_buf_done(&key);
}

static struct days_row {
	const char *name;
	unsigned days;
	enum fl_err want;
} days_rows[] = {
	{ "0 days", 0, FL_ERR_INVALID },
	{ "1 day", 1, FL_OK },
	{ "36500 days", 36500, FL_OK },
	{ "36501 days", 36501, FL_ERR_INVALID },
	{ "days without end", 0xffffffff, FL_ERR_INVALID },
};

static void days_row(void **state)
{
	const struct days_row *row = *state;
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	fl_wall end = 7;

	assert_int_equal(fl_cert_self_signed("a", NOW, row->days, &cert, &key), row->want);
	if (row->want == FL_OK) {
		assert_int_equal(not_after_of(fl_buf_slice(&cert), &end), FL_OK);
		assert_true(is_self_signed(fl_buf_slice(&cert)));
		assert_int_equal(end, NOW + (fl_wall)row->days * FL_DAY);
	}
	fl_buf_done(&cert);
	fl_buf_done(&key);
}

static void no_room_means_neither(void **state)
{
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(100);
	struct fl_buf small = fl_buf_make(100), key2 = fl_buf_make(BUF_MAX);

	(void)state;
	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &cert, &key), FL_ERR_TOO_BIG);
	assert_int_equal(cert.len, 0);
	assert_int_equal(key.len, 0);
	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &small, &key2), FL_ERR_TOO_BIG);
	assert_int_equal(small.len, 0);
	assert_int_equal(key2.len, 0);
	fl_buf_done(&cert);
	fl_buf_done(&key);
	fl_buf_done(&small);
	fl_buf_done(&key2);
}

static void appends_and_differs(void **state)
{
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	uint8_t first[FL_HASH_LEN], again[FL_HASH_LEN], second[FL_HASH_LEN];

	(void)state;
	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &cert, &key), FL_OK);
	size_t len = cert.len;
	assert_int_equal(pin_of(fl_buf_slice(&cert), first), FL_OK);
	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &cert, &key), FL_OK);
	assert_int_equal(pin_of(fl_buf_slice(&cert), again), FL_OK);
	assert_memory_equal(first, again, sizeof first); /* the first one counts */
	assert_int_equal(pin_of(fl_slice_skip(fl_buf_slice(&cert), len), second), FL_OK);
	assert_memory_not_equal(first, second, sizeof first);
	fl_buf_done(&cert);
	fl_buf_done(&key);
}

static void pin_is_the_digest(void **state)
{
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	struct fl_buf both = fl_buf_make(BUF_MAX);
	uint8_t pin[FL_HASH_LEN], want[EVP_MAX_MD_SIZE];
	unsigned want_len;

	(void)state;
	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &cert, &key), FL_OK);
	X509 *x = read_pem(&cert);
	assert_int_equal(X509_digest(x, EVP_sha256(), want, &want_len), 1);
	assert_int_equal(want_len, sizeof pin);
	assert_int_equal(pin_of(fl_buf_slice(&cert), pin), FL_OK);
	assert_memory_equal(pin, want, sizeof pin);

	fl_buf_put(&both, key.ptr, key.len); /* a key before it does not disturb */
	fl_buf_put(&both, cert.ptr, cert.len);
	memset(pin, 0, sizeof pin);
	assert_int_equal(pin_of(fl_buf_slice(&both), pin), FL_OK);
	assert_memory_equal(pin, want, sizeof pin);
	X509_free(x);
	fl_buf_done(&cert);
	fl_buf_done(&key);
	fl_buf_done(&both);
}

/* A date that nanoseconds cannot hold, and one before 1970. */
static struct end_row {
	const char *name, *date;
	fl_wall want;
} end_rows[] = {
	{ "ends in 9999", "99991231235959Z", FL_NEVER },
	{ "ended in 1969", "19691231235959Z", -FL_SEC },
	{ "ends in 2049", "20491231235959Z", 2524607999 * FL_SEC },
};

static void rename_both(X509 *x, const char *name)
{
	X509_NAME *n = X509_NAME_new();

	X509_NAME_add_entry_by_NID(n, NID_commonName, MBSTRING_ASC, (const unsigned char *)name, -1,
				   -1, 0);
	assert_int_equal(X509_set_subject_name(x, n), 1);
	assert_int_equal(X509_set_issuer_name(x, n), 1);
	X509_NAME_free(n);
}

static void end_row(void **state)
{
	const struct end_row *row = *state;
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	fl_wall end = 0;
	char *text;

	assert_int_equal(fl_cert_self_signed("a", NOW, 1, &cert, &key), FL_OK);
	X509 *x = read_pem(&cert);
	EVP_PKEY *signer = EVP_EC_gen("P-256");
	BIO *bio = BIO_new(BIO_s_mem());
	assert_int_equal(ASN1_TIME_set_string_X509(X509_getm_notAfter(x), row->date), 1);
	rename_both(x, "another's");
	assert_true(X509_sign(x, signer, EVP_sha256()) > 0);
	assert_int_equal(PEM_write_bio_X509(bio, x), 1);
	long len = BIO_get_mem_data(bio, &text);
	assert_int_equal(not_after_of(fl_slice_of(text, (size_t)len), &end), FL_OK);
	assert_false(is_self_signed(fl_slice_of(text, (size_t)len))); /* by another key */
	assert_true(end == row->want);
	BIO_free(bio);
	EVP_PKEY_free(signer);
	X509_free(x);
	fl_buf_done(&cert);
	fl_buf_done(&key);
}

static void derp_meta(void **state)
{
	static const char want[] =
		"derpkey07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c";
	struct fl_buf der = fl_buf_make(BUF_MAX);
	uint8_t pub[FL_KEY_LEN];
	char cn[128];

	(void)state;
	assert_int_equal(fl_hex_decode(fl_slice_str(want + 7), pub, sizeof pub), FL_OK);
	assert_int_equal(fl_cert_derp_meta(pub, NOW, &der), FL_OK);
	const unsigned char *at = der.ptr;
	X509 *x = d2i_X509(NULL, &at, (long)der.len);
	assert_non_null(x);
	assert_ptr_equal(at, der.ptr + der.len);
	common_name(x, cn, sizeof cn);
	assert_string_equal(cn, want);
	assert_int_equal(ASN1_INTEGER_get(X509_get0_serialNumber(x)), 2);
	assert_int_equal(EVP_PKEY_get_base_id(X509_get0_pubkey(x)), EVP_PKEY_ED25519);
	assert_int_equal(X509_get_version(x), X509_VERSION_3);
	assert_date(X509_get0_notBefore(x), NOW - 30 * FL_DAY);
	assert_date(X509_get0_notAfter(x), NOW + 30 * FL_DAY);
	assert_int_equal(X509_verify(x, X509_get0_pubkey(x)), 1);
	assert_true(X509_get_ext_by_NID(x, NID_basic_constraints, -1) >= 0);
	assert_int_equal(X509_check_ca(x), 0);
	X509_free(x);
	fl_buf_done(&der);

	der = fl_buf_make(32);
	assert_int_equal(fl_cert_derp_meta(pub, NOW, &der), FL_ERR_TOO_BIG);
	assert_int_equal(der.len, 0);
	fl_buf_done(&der);
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
	ADD(rows, self_signed_row);
	ADD(days_rows, days_row);
	ADD(end_rows, end_row);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_room_means_neither);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(appends_and_differs);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(pin_is_the_digest);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(derp_meta);
	return cmocka_run_group_tests_name("crypto/cert", tests, NULL, NULL);
}
