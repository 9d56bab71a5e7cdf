/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/ship_cert.c - makes, reads and judges the certificates of SHIP nodes.
 *
 * Reading asks only for what is needed, in the encoding as it came: extensions other than the SKI
 * are never opened, so what is wrong in them (there are devices that write TRUE as 1) stops nobody.
 */
#include "crypto/ski.h"

#include "base/text.h"
#include "crypto/pem_key.h"
#include "crypto/tls_lib.h"
#include "crypto/x509_make.h"

enum {
	YEARS = 10,
	NAME_MAX_LEN = 64, /* RFC 5280, common name and both names of an organisation */
	COUNTRY_LEN = 2,
	PEM_MAX = 1 << 20,
};

/* Drops what OpenSSL queued about a failure; we have our own word for it. */
static enum fl_err failed(enum fl_err err)
{
	ERR_clear_error();
	return err;
}

/* ---- keys ---- */

/* SHA-1 over the uncompressed point, however the certificate writes it. */
static enum fl_err compute(EVP_PKEY *key, struct fl_ski *out)
{
	unsigned char *point = NULL;

	size_t len = EVP_PKEY_get1_encoded_public_key(key, &point);
	enum fl_err err = len > 0 ? fl_sha1(fl_slice_of(point, len), out->b) : FL_ERR_NOMEM;
	OPENSSL_free(point);
	return err;
}

/*
 * The same of a key that was read from these bytes of a certificate. Nearly every one has the point
 * uncompressed, so it stands there: writing the key out anew is for the others.
 */
static enum fl_err compute_read(EVP_PKEY *key, struct fl_slice point, struct fl_ski *out)
{
	if (point.len > 0 && point.ptr[0] == POINT_CONVERSION_UNCOMPRESSED)
		return fl_sha1(point, out->b);
	return compute(key, out);
}

/* ---- making ---- */

static bool name_ok(const char *name)
{
	struct fl_slice s = fl_slice_str(name);
	return s.len > 0 && s.len <= NAME_MAX_LEN && fl_str_is_clean(s);
}

static bool is_letter(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool names_ok(const struct fl_ship_cert_params *p)
{
	if (p->common_name == NULL || !name_ok(p->common_name))
		return false;
	if (p->organisation != NULL && !name_ok(p->organisation))
		return false;
	if (p->unit != NULL && !name_ok(p->unit))
		return false;
	return p->country == NULL || (strlen(p->country) == COUNTRY_LEN &&
				      is_letter(p->country[0]) && is_letter(p->country[1]));
}

static bool add_name(X509_NAME *to, int nid, const char *value)
{
	return value == NULL ||
	       X509_NAME_add_entry_by_NID(to, nid, MBSTRING_UTF8, (const unsigned char *)value, -1,
					  -1, 0) == 1;
}

static bool add_names(X509 *x, const struct fl_ship_cert_params *p)
{
	X509_NAME *subject = X509_get_subject_name(x);

	return add_name(subject, NID_countryName, p->country) &&
	       add_name(subject, NID_organizationName, p->organisation) &&
	       add_name(subject, NID_organizationalUnitName, p->unit) &&
	       add_name(subject, NID_commonName, p->common_name) &&
	       X509_set_issuer_name(x, subject) == 1;
}

/* Not by OpenSSL's word "hash", which a FIPS policy may refuse. */
static bool add_ski(X509 *x, EVP_PKEY *key)
{
	struct fl_ski ski;
	ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();

	bool ok = value != NULL && compute(key, &ski) == FL_OK &&
		  ASN1_OCTET_STRING_set(value, ski.b, sizeof ski.b) == 1 &&
		  X509_add1_ext_i2d(x, NID_subject_key_identifier, value, 0, 0) == 1;
	ASN1_OCTET_STRING_free(value);
	return ok;
}

static X509 *new_node_cert(EVP_PKEY *key, const struct fl_ship_cert_params *p)
{
	int64_t until = p->now + (int64_t)YEARS * 365 * FL_DAY;

	/* A day back, since the clocks of devices may be wrong. */
	X509 *x = fl_x509_new((time_t)((p->now - FL_DAY) / FL_SEC), (time_t)(until / FL_SEC));
	if (x != NULL && fl_x509_random_serial(x) && add_names(x, p) &&
	    X509_set_pubkey(x, key) == 1 &&
	    fl_x509_add_ext(x, NID_basic_constraints, "critical,CA:TRUE") &&
	    fl_x509_add_ext(x, NID_key_usage, "critical,digitalSignature") && add_ski(x, key) &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

enum fl_err fl_ship_cert_create(const struct fl_ship_cert_params *p, struct fl_buf *out_cert_pem,
				struct fl_buf *out_key_pem)
{
	enum fl_err err = FL_ERR_NOMEM;

	if (!names_ok(p))
		return FL_ERR_INVALID;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key != NULL ? new_node_cert(key, p) : NULL;
	if (x != NULL)
		err = fl_x509_put_pem(x, key, out_cert_pem, out_key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return failed(err);
}

/* ---- reading ---- */

/* One line; bytes that are no printable ASCII come out escaped. */
static void read_subject(X509 *x, char *out, size_t cap)
{
	const unsigned long form = XN_FLAG_ONELINE & ~(unsigned long)XN_FLAG_SPC_EQ;
	BIO *bio = BIO_new(BIO_s_mem());
	char *text = NULL;
	long len = 0;

	if (bio != NULL && X509_NAME_print_ex(bio, X509_get_subject_name(x), 0, form) >= 0)
		len = BIO_get_mem_data(bio, &text);
	(void)fl_str_copy(out, cap, fl_slice_of(text, len > 0 ? (size_t)len : 0));
	BIO_free(bio);
}

/* Advisory, so a date that is none is only unknown: 0. */
static fl_wall read_time(const ASN1_TIME *t)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return 0;
	int64_t secs = timegm(&tm);
	if (secs > INT64_MAX / FL_SEC)
		return INT64_MAX;
	return secs < INT64_MIN / FL_SEC ? INT64_MIN : secs * FL_SEC;
}

/* An extension that comes twice announces nothing. */
static void read_announced(X509 *x, struct fl_ship_cert_facts *out)
{
	ASN1_OCTET_STRING *value = X509_get_ext_d2i(x, NID_subject_key_identifier, NULL, NULL);

	if (value == NULL)
		return;
	out->announced_len = (size_t)ASN1_STRING_length(value);
	out->has_announced = out->announced_len == sizeof out->announced.b;
	if (out->has_announced)
		memcpy(out->announced.b, ASN1_STRING_get0_data(value), sizeof out->announced.b);
	ASN1_OCTET_STRING_free(value);
}

/*
 * The SKI is of the point alone. On a curve of his own making anyone has the secret to anyone's
 * point (it is enough to take that point for the base), so only curves with a name count.
 */
static bool is_on_known_curve(const EVP_PKEY *key)
{
	char name[64];

	return EVP_PKEY_is_a(key, "EC") == 1 &&
	       EVP_PKEY_get_group_name(key, name, sizeof name, NULL) == 1;
}

static enum fl_err read_key(X509 *x, struct fl_ship_cert_facts *out)
{
	unsigned char *der = NULL;
	int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);

	if (len <= 0)
		return FL_ERR_SYNTAX;
	fl_sha256(fl_slice_of(der, (size_t)len), out->key_pin);
	OPENSSL_free(der);

	ASN1_OBJECT *kind = NULL;
	const unsigned char *point = NULL;
	int point_len = 0;
	if (X509_PUBKEY_get0_param(&kind, &point, &point_len, NULL, X509_get_X509_PUBKEY(x)) != 1)
		return FL_ERR_SYNTAX;
	if (OBJ_obj2nid(kind) != NID_X9_62_id_ecPublicKey)
		return FL_ERR_UNSUPPORTED;

	EVP_PKEY *key = X509_get0_pubkey(x); /* the point lies on its curve, or there is no key */
	if (key == NULL)
		return FL_ERR_SYNTAX;
	if (!is_on_known_curve(key))
		return FL_ERR_UNSUPPORTED;
	return compute_read(key, fl_slice_of(point, (size_t)point_len), &out->computed);
}

enum fl_err fl_ship_cert_read(struct x509_st *cert, struct fl_ship_cert_facts *out)
{
	*out = (struct fl_ship_cert_facts){ 0 };
	read_subject(cert, out->subject, sizeof out->subject);
	out->not_before = read_time(X509_get0_notBefore(cert));
	out->not_after = read_time(X509_get0_notAfter(cert));
	read_announced(cert, out);
	return failed(read_key(cert, out));
}

enum fl_err fl_ship_cert_read_pem(struct fl_slice pem, struct fl_ship_cert_facts *out)
{
	*out = (struct fl_ship_cert_facts){ 0 };
	if (pem.len > PEM_MAX)
		return FL_ERR_SYNTAX;
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (bio == NULL)
		return failed(FL_ERR_NOMEM);
	X509 *x = fl_pem_cert_next(bio, fl_tls_lib());
	BIO_free(bio);
	if (x == NULL)
		return failed(FL_ERR_SYNTAX);
	enum fl_err err = fl_ship_cert_read(x, out);
	X509_free(x);
	return err;
}

/* ---- judging ---- */

enum { SUBJECT_SHOWN = 120 }; /* so that the rest of a text fits too */

static void describe_announced(const struct fl_ship_cert_facts *f, char *out, size_t cap)
{
	char text[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&f->announced, text);
	if (f->has_announced)
		(void)snprintf(out, cap, "announces SKI %s", text);
	else if (f->announced_len > 0)
		(void)snprintf(out, cap, "announces a SKI of %zu bytes, not %d", f->announced_len,
			       FL_SKI_LEN);
	else
		(void)snprintf(out, cap, "announces no SKI");
}

static enum fl_err refuse(const struct fl_ship_cert_facts *f, const char *advice,
			  struct fl_fault *fault)
{
	char computed[FL_SKI_TEXT_LEN + 1], announced[80], pin[2 * FL_HASH_LEN + 1];

	fl_ski_format(&f->computed, computed);
	describe_announced(f, announced, sizeof announced);
	fl_hex_encode(f->key_pin, sizeof f->key_pin, pin);
	return fl_fault_set(fault, FL_ERR_CRYPTO,
			    "certificate \"%.*s\" %s, its key has SKI %s: %s %s", SUBJECT_SHOWN,
			    f->subject, announced, computed, advice, pin);
}

enum fl_err fl_ship_cert_judge(const struct fl_ship_cert_facts *f, const uint8_t *pin,
			       struct fl_fault *fault)
{
	if (pin != NULL && !fl_equal_ct(pin, f->key_pin, sizeof f->key_pin))
		return refuse(f,
			      "this is not the key that was pinned; pair the device again, or "
			      "pin its key (SHA-256)",
			      fault);
	if (pin != NULL)
		return FL_OK;
	if (f->has_announced && fl_ski_cmp(&f->announced, &f->computed) == 0)
		return FL_OK;
	return refuse(f,
		      "anyone can announce any SKI; give the device a new certificate, or, sure "
		      "that it is yours, pin its key (SHA-256)",
		      fault);
}
