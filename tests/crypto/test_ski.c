/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/crypto/test_ski.c - SKIs, and the certificates of SHIP nodes made, read and judged. */
#include "crypto/ski.h"
#include "odd_cert.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/text.h"
#include "crypto/pem_key.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define NOW      (1780000000 * FL_SEC) /* 2026-05-28 */
#define N64      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

enum { BUF_MAX = 1 << 16 };

/* ---- text ---- */

static struct text_row {
	const char *name, *in;
	enum fl_err want;
} text_rows[] = {
	{ "lower case", "6ea025b97c29ba351a537445b0d60f0e9cf27945", FL_OK },
	{ "upper case", "6EA025B97C29BA351A537445B0D60F0E9CF27945", FL_OK },
	{ "groups", " 6ea0-25b9 7c29-ba35 1a53-7445 b0d6-0f0e 9cf2-7945 ", FL_OK },
	{ "nothing", "", FL_ERR_SYNTAX },
	{ "only dashes", "----", FL_ERR_SYNTAX },
	{ "39 digits", "6ea025b97c29ba351a537445b0d60f0e9cf2794", FL_ERR_SYNTAX },
	{ "41 digits", "6ea025b97c29ba351a537445b0d60f0e9cf279450", FL_ERR_SYNTAX },
	{ "no digit", "6ea025b97c29ba351a537445b0d60f0e9cf2794g", FL_ERR_SYNTAX },
	{ "colons", "6e:a0:25:b9:7c:29:ba:35:1a:53:74:45:b0:d6:0f:0e:9c:f2:79:45", FL_ERR_SYNTAX },
	{ "a tab", "6ea025b97c29ba351a53\t7445b0d60f0e9cf27945", FL_ERR_SYNTAX },
};

static void text_row(void **state)
{
	const struct text_row *row = *state;
	struct fl_ski ski = { { 0xaa } };
	char text[FL_SKI_TEXT_LEN + 1];

	assert_int_equal(fl_ski_parse(fl_slice_str(row->in), &ski), row->want);
	if (row->want != FL_OK) {
		assert_int_equal(ski.b[0], 0xaa);
		return;
	}
	fl_ski_format(&ski, text);
	assert_string_equal(text, "6ea025b97c29ba351a537445b0d60f0e9cf27945");
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* Bytes, text and number agree on which of two is bigger. */
static void the_orders_agree(void **state)
{
	static const char *const texts[] = {
		"0000000000000000000000000000000000000001",
		"0000000000000000000000000000000000000100",
		"7fffffffffffffffffffffffffffffffffffffff",
		"8000000000000000000000000000000000000000",
		"9fffffffffffffffffffffffffffffffffffffff",
		"a000000000000000000000000000000000000000",
	};
	struct fl_ski a, b;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		for (size_t j = 0; j < COUNT(texts); j++) {
			assert_int_equal(fl_ski_parse(fl_slice_str(texts[i]), &a), FL_OK);
			assert_int_equal(fl_ski_parse(fl_slice_str(texts[j]), &b), FL_OK);
			assert_int_equal(sign(fl_ski_cmp(&a, &b)), (i > j) - (i < j));
			assert_int_equal(sign(strcmp(texts[i], texts[j])), (i > j) - (i < j));
		}
	}
}

/* ---- making ---- */

static X509 *read_cert(const struct fl_buf *pem)
{
	BIO *bio = BIO_new_mem_buf(pem->ptr, (int)pem->len);
	X509 *x = PEM_read_bio_X509(bio, NULL, NULL, NULL);

	BIO_free(bio);
	assert_non_null(x);
	return x;
}

static void what_is_made(void **state)
{
	struct fl_ship_cert_params p = { .common_name = "Model-\xc3\xa4-0815",
					 .organisation = "Fairlead",
					 .unit = "Tests",
					 .country = "DE",
					 .now = NOW };
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	struct fl_ship_cert_facts f;
	uint32_t usage;

	(void)state;
	assert_int_equal(fl_ship_cert_create(&p, &cert, &key), FL_OK);
	assert_int_equal(fl_ship_cert_read_pem(fl_buf_slice(&cert), &f), FL_OK);
	assert_true(f.has_announced);
	assert_memory_equal(f.announced.b, f.computed.b, FL_SKI_LEN);
	assert_true(f.not_before == NOW - FL_DAY);
	assert_true(f.not_after == NOW + 3650 * FL_DAY);
	assert_string_equal(f.subject, "C=DE, O=Fairlead, OU=Tests, CN=Model-\\C3\\A4-0815");
	assert_int_equal(fl_ship_cert_judge(&f, NULL, NULL), FL_OK);

	X509 *x = read_cert(&cert);
	EVP_PKEY *k = NULL;
	assert_int_equal(fl_pem_key_read(fl_buf_slice(&key), NULL, &k), FL_OK);
	assert_int_equal(X509_check_private_key(x, k), 1);
	assert_int_equal(X509_get_version(x), 2);
	assert_int_equal(X509_self_signed(x, 1), 1);
	assert_int_equal(X509_get_signature_nid(x), NID_ecdsa_with_SHA256);
	assert_true(X509_get_extension_flags(x) & EXFLAG_CA);
	assert_true(X509_get_extension_flags(x) & EXFLAG_BCONS);
	usage = X509_get_key_usage(x);
	assert_int_equal(usage, KU_DIGITAL_SIGNATURE);
	int bc = X509_get_ext_by_NID(x, NID_basic_constraints, -1);
	assert_true(X509_EXTENSION_get_critical(X509_get_ext(x, bc)));
	assert_int_equal(X509_get_ext_count(x), 3);
	BIGNUM *serial = ASN1_INTEGER_to_BN(X509_get0_serialNumber(x), NULL);
	assert_false(BN_is_negative(serial));
	assert_in_range(BN_num_bits(serial), 64, 129);
	BN_free(serial);
	EVP_PKEY_free(k);
	X509_free(x);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
}

static void no_two_are_alike(void **state)
{
	struct fl_ship_cert_params p = { .common_name = "x", .now = NOW };
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	struct fl_ship_cert_facts a, b;

	(void)state;
	assert_int_equal(fl_ship_cert_create(&p, &cert, &key), FL_OK);
	assert_int_equal(fl_ship_cert_read_pem(fl_buf_slice(&cert), &a), FL_OK);
	X509 *first = read_cert(&cert);
	fl_buf_reset(&cert);
	fl_buf_reset(&key);
	assert_int_equal(fl_ship_cert_create(&p, &cert, &key), FL_OK);
	assert_int_equal(fl_ship_cert_read_pem(fl_buf_slice(&cert), &b), FL_OK);
	X509 *second = read_cert(&cert);
	assert_int_not_equal(fl_ski_cmp(&a.computed, &b.computed), 0);
	assert_int_not_equal(
		ASN1_INTEGER_cmp(X509_get0_serialNumber(first), X509_get0_serialNumber(second)), 0);
	X509_free(first);
	X509_free(second);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
}

static void names_that_do_not_fit(void **state)
{
	static const struct {
		struct fl_ship_cert_params p;
		enum fl_err want;
	} rows[] = {
		{ { .common_name = NULL }, FL_ERR_INVALID },
		{ { .common_name = "" }, FL_ERR_INVALID },
		{ { .common_name = N64 }, FL_OK },
		{ { .common_name = N64 "a" }, FL_ERR_INVALID },
		{ { .common_name = "a\nb" }, FL_ERR_INVALID },
		{ { .common_name = "\xff" }, FL_ERR_INVALID },
		{ { .common_name = "a", .organisation = N64 }, FL_OK },
		{ { .common_name = "a", .organisation = N64 "a" }, FL_ERR_INVALID },
		{ { .common_name = "a", .unit = N64 "a" }, FL_ERR_INVALID },
		{ { .common_name = "a", .unit = "" }, FL_ERR_INVALID },
		{ { .common_name = "a", .country = "D" }, FL_ERR_INVALID },
		{ { .common_name = "a", .country = "DEU" }, FL_ERR_INVALID },
		{ { .common_name = "a", .country = "1!" }, FL_ERR_INVALID },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
		struct fl_ship_cert_params p = rows[i].p;
		p.now = NOW;
		enum fl_err err = fl_ship_cert_create(&p, &cert, &key);
		if (err != rows[i].want)
			fail_msg("row %zu: %s", i, fl_err_text(err));
		assert_int_equal(cert.len > 0, err == FL_OK);
		assert_int_equal(key.len > 0, err == FL_OK);
		assert_int_equal(ERR_peek_error(), 0);
		fl_buf_done(&cert);
		fl_buf_wipe(&key);
	}
}

/* ---- reading ---- */

/* By `openssl req -x509`; the SKIs by `openssl x509 -ext` and by sha1sum over the last 65 bytes. */
static const char golden[] = "-----BEGIN CERTIFICATE-----\n"
			     "MIIBtDCCAVmgAwIBAgIUWvuWOLpux9uxz7GBK/e/j56qNVUwCgYIKoZIzj0EAwIw\n"
			     "LzELMAkGA1UEBhMCREUxDTALBgNVBAoMBFRlc3QxETAPBgNVBAMMCEdvbGRlbi0x\n"
			     "MB4XDTI2MTEyOTAwNTgwNloXDTM2MTEyNjAwNTgwNlowLzELMAkGA1UEBhMCREUx\n"
			     "DTALBgNVBAoMBFRlc3QxETAPBgNVBAMMCEdvbGRlbi0xMFkwEwYHKoZIzj0CAQYI\n"
			     "KoZIzj0DAQcDQgAEKK0WtjoWmTqGYoWZG1iw16egglabmIK6fJf828rKAZXVdpFx\n"
			     "o4OjNfQOdE6tPB9xM4pflJR/N8KWCwCpejS2FaNTMFEwHQYDVR0OBBYEFG6gJbl8\n"
			     "Kbo1GlN0RbDWDw6c8nlFMB8GA1UdIwQYMBaAFG6gJbl8Kbo1GlN0RbDWDw6c8nlF\n"
			     "MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSQAwRgIhAK2ZyXhRuT7F1W5L\n"
			     "bisUESnwQ45q1+sEFiZ9Ls+O5lFJAiEAnnP0dwev8KN4sTNwGyiYkxwFDO0msxvG\n"
			     "SvY1dQZUfvE=\n"
			     "-----END CERTIFICATE-----\n";

static void the_golden_certificate(void **state)
{
	struct fl_ship_cert_facts f;
	char text[FL_SKI_TEXT_LEN + 1], pin[2 * FL_HASH_LEN + 1];

	(void)state;
	assert_int_equal(fl_ship_cert_read_pem(fl_slice_str(golden), &f), FL_OK);
	fl_ski_format(&f.computed, text);
	assert_string_equal(text, "6ea025b97c29ba351a537445b0d60f0e9cf27945");
	fl_ski_format(&f.announced, text);
	assert_string_equal(text, "6ea025b97c29ba351a537445b0d60f0e9cf27945");
	fl_hex_encode(f.key_pin, sizeof f.key_pin, pin);
	assert_string_equal(pin,
			    "0d4b7a8def1212ed8b014cb8d75ae6ac9ec9219552895bb8488df773c1dcec5a");
	assert_string_equal(f.subject, "C=DE, O=Test, CN=Golden-1");
	assert_true(f.not_before == 1795913886 * FL_SEC);
	assert_int_equal(f.announced_len, 20);
}

/* With "fips=yes" as the default, and no such provider, nobody else finds a SHA-1. */
static void a_fips_default_changes_nothing(void **state)
{
	struct fl_ship_cert_facts f = { 0 };
	uint8_t hash[FL_SHA1_LEN];

	(void)state;
	assert_int_equal(EVP_default_properties_enable_fips(NULL, 1), 1);
	int asked = EVP_Digest("a", 1, hash, NULL, EVP_sha1(), NULL);
	ERR_clear_error();
	enum fl_err err = fl_sha1(fl_slice_str("abc"), hash);
	assert_int_equal(EVP_default_properties_enable_fips(NULL, 0), 1);
	assert_int_equal(asked, 0);
	assert_int_equal(err, FL_OK);
	assert_memory_equal(hash, "\xa9\x99\x3e\x36\x47\x06\x81\x6a\xba\x3e\x25\x71", 12);
	assert_int_equal(fl_ship_cert_read_pem(fl_slice_str(golden), &f), FL_OK);
}

static void what_is_no_certificate(void **state)
{
	static const char *const texts[] = {
		"",
		"hello",
		"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
	};
	struct fl_ship_cert_facts f;

	(void)state;
	for (size_t i = 0; i < COUNT(texts); i++) {
		assert_int_equal(fl_ship_cert_read_pem(fl_slice_str(texts[i]), &f), FL_ERR_SYNTAX);
		assert_int_equal(ERR_peek_error(), 0);
	}
	for (size_t cut = 0; cut < sizeof golden - 20; cut++)
		assert_int_equal(fl_ship_cert_read_pem(fl_slice_of(golden, cut), &f),
				 FL_ERR_SYNTAX);
}

/* ---- judging ---- */

enum { NO_PIN, ITS_PIN, OTHER_PIN };

static struct judge_row {
	const char *name;
	struct odd_cert cert;
	enum fl_err read;
	int pin;
	enum fl_err want;
	const char *text; /* some of it */
} judge_rows[] = {
	{ "good", { 0 }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "another SKI",
	  { .ski = ODD_SKI_OTHER },
	  FL_OK,
	  NO_PIN,
	  FL_ERR_CRYPTO,
	  "announces SKI 5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a, its key has SKI " },
	{ "a SKI of 19 bytes",
	  { .ski = ODD_SKI_SHORT },
	  FL_OK,
	  NO_PIN,
	  FL_ERR_CRYPTO,
	  "announces a SKI of 19 bytes, not 20" },
	{ "no SKI", { .ski = ODD_SKI_NONE }, FL_OK, NO_PIN, FL_ERR_CRYPTO, "announces no SKI" },
	{ "two SKIs", { .ski = ODD_SKI_TWICE }, FL_OK, NO_PIN, FL_ERR_CRYPTO, "announces no SKI" },
	{ "expired", { .expired = true }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "TRUE written as one", { .boolean_one = true }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "P-384", { .kind = "P-384" }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "P-521", { .kind = "P-521" }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "brainpool", { .kind = "brainpoolP256r1" }, FL_OK, NO_PIN, FL_OK, NULL },
	{ "RSA", { .kind = "RSA" }, FL_ERR_UNSUPPORTED, NO_PIN, FL_OK, NULL },
	{ "Ed25519", { .kind = "ED25519" }, FL_ERR_UNSUPPORTED, NO_PIN, FL_OK, NULL },
	{ "a curve of its own", { .kind = ODD_BASE }, FL_ERR_UNSUPPORTED, NO_PIN, FL_OK, NULL },
	{ "its key is pinned", { .ski = ODD_SKI_OTHER }, FL_OK, ITS_PIN, FL_OK, NULL },
	{ "pinned without a SKI", { .ski = ODD_SKI_NONE }, FL_OK, ITS_PIN, FL_OK, NULL },
	{ "another key is pinned",
	  { .ski = ODD_SKI_OTHER },
	  FL_OK,
	  OTHER_PIN,
	  FL_ERR_CRYPTO,
	  "not the key that was pinned" },
	{ "good, and another is pinned",
	  { 0 },
	  FL_OK,
	  OTHER_PIN,
	  FL_ERR_CRYPTO,
	  "not the key that was pinned" },
};

static void assert_says(const struct fl_fault *fault, const char *part)
{
	if (strstr(fault->text, part) == NULL)
		fail_msg("\"%s\" lacks \"%s\"", fault->text, part);
}

static void check_text(const struct judge_row *row, const struct fl_ship_cert_facts *f,
		       const struct fl_fault *fault)
{
	char ski[FL_SKI_TEXT_LEN + 1], pin[2 * FL_HASH_LEN + 1];

	fl_ski_format(&f->computed, ski);
	fl_hex_encode(f->key_pin, sizeof f->key_pin, pin);
	assert_says(fault, row->text);
	assert_says(fault, ski);
	assert_says(fault, pin);
	assert_says(fault, "CN=odd");
}

static void judge_row(void **state)
{
	const struct judge_row *row = *state;
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	struct fl_ship_cert_facts f;
	struct fl_fault fault = { "" };

	odd_cert_make(&row->cert, &cert, &key);
	assert_int_equal(fl_ship_cert_read_pem(fl_buf_slice(&cert), &f), row->read);
	assert_string_equal(f.subject, "CN=odd");
	assert_int_equal(ERR_peek_error(), 0);
	if (row->read == FL_OK) {
		uint8_t pin[FL_HASH_LEN];
		memcpy(pin, f.key_pin, sizeof pin);
		pin[0] ^= row->pin == OTHER_PIN;
		assert_int_equal(fl_ship_cert_judge(&f, row->pin == NO_PIN ? NULL : pin, &fault),
				 row->want);
	}
	assert_int_equal(fault.text[0] != '\0', row->text != NULL);
	if (row->text != NULL)
		check_text(row, &f, &fault);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
}

/* The point counts, not how the certificate writes it. */
static void a_compressed_point(void **state)
{
	const struct odd_cert odd = { .compressed = true };
	struct fl_buf cert = fl_buf_make(BUF_MAX), key = fl_buf_make(BUF_MAX);
	struct fl_ship_cert_facts f;
	uint8_t *point = NULL, want[FL_SHA1_LEN];
	EVP_PKEY *k = NULL;

	(void)state;
	odd_cert_make(&odd, &cert, &key);
	assert_int_equal(fl_ship_cert_read_pem(fl_buf_slice(&cert), &f), FL_OK);
	assert_int_equal(fl_pem_key_read(fl_buf_slice(&key), NULL, &k), FL_OK);
	size_t len = EVP_PKEY_get1_encoded_public_key(k, &point);
	assert_int_equal(len, 65);
	assert_int_equal(point[0], 4);
	assert_int_equal(fl_sha1(fl_slice_of(point, len), want), FL_OK);
	assert_memory_equal(f.computed.b, want, FL_SKI_LEN);
	assert_int_equal(fl_ship_cert_judge(&f, NULL, NULL), FL_ERR_CRYPTO);
	OPENSSL_free(point);
	EVP_PKEY_free(k);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
}

/* ---- strange points ---- */

enum { POINT_LEN = 65, LAST = POINT_LEN - 1 };

/* How a certificate writes its point on P-256, which is X and Y behind a byte for their form. */
static struct point_row {
	const char *name;
	int form; /* of hybrid points the half of Y is added */
	size_t len;
	uint8_t flip; /* in the last byte of Y */
	bool no_curve;
	enum fl_err want;
} point_rows[] = {
	{ "a point as usual", 4, POINT_LEN, 0, false, FL_OK },
	{ "a point of both forms", 6, POINT_LEN, 0, false, FL_OK },
	{ "a point of both forms, the other half", 7, POINT_LEN, 0, false, FL_ERR_SYNTAX },
	{ "a point of no form", 5, POINT_LEN, 0, false, FL_ERR_SYNTAX },
	{ "a point and a byte", 4, POINT_LEN + 1, 0, false, FL_ERR_SYNTAX },
	{ "a point that is cut short", 4, POINT_LEN - 1, 0, false, FL_ERR_SYNTAX },
	{ "a form alone", 4, 1, 0, false, FL_ERR_SYNTAX },
	{ "no point", 4, 0, 0, false, FL_ERR_SYNTAX },
	{ "a point beside its curve", 4, POINT_LEN, 2, false, FL_ERR_SYNTAX },
	{ "a point on no curve", 4, POINT_LEN, 0, true, FL_ERR_SYNTAX },
};

static X509 *with_point(const struct point_row *row, uint8_t usual[static POINT_LEN])
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = X509_new();
	uint8_t *point = NULL, *odd = OPENSSL_zalloc(POINT_LEN + 1);

	assert_int_equal(EVP_PKEY_get1_encoded_public_key(key, &point), POINT_LEN);
	memcpy(usual, point, POINT_LEN);
	memcpy(odd, point, POINT_LEN);
	odd[0] = (uint8_t)(row->form < 6 ? row->form : row->form ^ (point[LAST] & 1));
	odd[LAST] ^= row->flip;
	X509_gmtime_adj(X509_getm_notBefore(x), 0);
	X509_gmtime_adj(X509_getm_notAfter(x), 0);
	assert_int_equal(X509_set_pubkey(x, key), 1);
	assert_int_equal(X509_PUBKEY_set0_param(
				 X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_X9_62_id_ecPublicKey),
				 row->no_curve ? V_ASN1_NULL : V_ASN1_OBJECT,
				 row->no_curve ? NULL : OBJ_nid2obj(NID_X9_62_prime256v1), odd,
				 (int)row->len),
			 1);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	OPENSSL_free(point);
	EVP_PKEY_free(key);
	return x;
}

/* What is hashed is the usual form of a point on its curve, or nothing. */
static void point_row(void **state)
{
	const struct point_row *row = *state;
	uint8_t usual[POINT_LEN], want[FL_SHA1_LEN], *text;
	struct fl_ship_cert_facts f;
	BIO *pem = BIO_new(BIO_s_mem());

	X509 *x = with_point(row, usual);
	assert_int_equal(PEM_write_bio_X509(pem, x), 1);
	long len = BIO_get_mem_data(pem, &text);
	assert_int_equal(fl_ship_cert_read_pem(fl_slice_of(text, (size_t)len), &f), row->want);
	assert_int_equal(ERR_peek_error(), 0);
	assert_int_equal(fl_sha1(fl_slice_of(usual, sizeof usual), want), FL_OK);
	if (row->want == FL_OK)
		assert_memory_equal(f.computed.b, want, FL_SKI_LEN);
	X509_free(x);
	BIO_free(pem);
}

/* The longest text that a peer can cause still ends with what to do. */
static void a_long_name_leaves_room(void **state)
{
	static char name[1024];
	struct fl_ship_cert_facts f = { .has_announced = true };
	struct fl_fault fault;

	(void)state;
	memset(name, 'n', sizeof name - 1);
	memset(f.subject, 'n', sizeof f.subject - 1);
	f.key_pin[FL_HASH_LEN - 1] = 0xcd;
	f.computed.b[0] = 1;
	assert_int_equal(fl_ship_cert_judge(&f, NULL, &fault), FL_ERR_CRYPTO);
	assert_says(&fault, "00cd");
}

int main(void)
{
	struct CMUnitTest tests[COUNT(text_rows) + COUNT(judge_rows) + COUNT(point_rows) + 10];
	size_t n = 0;

	assert_int_equal(fl_crypto_init(), FL_OK);
	for (size_t i = 0; i < COUNT(text_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = text_rows[i].name,
						  .test_func = text_row,
						  .initial_state = &text_rows[i] };
	for (size_t i = 0; i < COUNT(judge_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = judge_rows[i].name,
						  .test_func = judge_row,
						  .initial_state = &judge_rows[i] };
	for (size_t i = 0; i < COUNT(point_rows); i++)
		tests[n++] = (struct CMUnitTest){ .name = point_rows[i].name,
						  .test_func = point_row,
						  .initial_state = &point_rows[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_orders_agree);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_is_made);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(no_two_are_alike);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(names_that_do_not_fit);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(the_golden_certificate);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_fips_default_changes_nothing);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(what_is_no_certificate);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_compressed_point);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(a_long_name_leaves_room);
	return _cmocka_run_group_tests("crypto/ski", tests, n, NULL, NULL);
}
