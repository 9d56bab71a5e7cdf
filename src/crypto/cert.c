/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/cert.c - makes and reads the certificates of crypto/cert.h through OpenSSL. */
#include "crypto/cert.h"

#include <time.h>

#include "base/text.h"
#include "crypto/x509_make.h"

enum {
	DERP_SERIAL = 2, /* the relay protocol's version */
	DERP_DAYS = 30,
	DAYS_MAX = 36500,
	NAME_MAX_LEN = 253,   /* RFC 1035 */
	COMMON_NAME_MAX = 64, /* RFC 5280 */
};

static const char made_here[] = "made by fairlead";

/* Drops what OpenSSL queued about a failure; we have our own word for it. */
static enum fl_err failed(enum fl_err err)
{
	ERR_clear_error();
	return err;
}

static bool is_host_char(uint8_t c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c == '.' || c == '*';
}

static bool is_host_name(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_host_char(s.ptr[i]))
			return false;
	return s.len > 0 && s.len <= NAME_MAX_LEN && s.ptr[0] != '.';
}

/* With one name, its issuer too; no key yet. */
static X509 *new_cert(time_t from, time_t until, int name_type, const char *name)
{
	X509 *x = fl_x509_new(from, until);

	if (x == NULL)
		return NULL;
	X509_NAME *subject = X509_get_subject_name(x);
	if (X509_NAME_add_entry_by_NID(subject, NID_commonName, name_type,
				       (const unsigned char *)name, -1, -1, 0) == 1 &&
	    X509_set_issuer_name(x, subject) == 1)
		return x;
	X509_free(x);
	return NULL;
}

static bool push_name(GENERAL_NAMES *names, int type, const void *data, size_t len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	if (name == NULL || value == NULL || ASN1_STRING_set(value, data, (int)len) != 1) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return false;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return true;
	GENERAL_NAME_free(name);
	return false;
}

static bool push_ip(GENERAL_NAMES *names, const struct fl_ip *ip)
{
	return push_name(names, GEN_IPADD, ip->b, fl_ip_width(ip) / 8u);
}

/* The host first, then the local names it does not already cover. */
static bool push_names(GENERAL_NAMES *names, struct fl_slice host, const struct fl_ip *ip)
{
	static const struct fl_ip v6 = { .family = FL_IP_V6, .b = { [15] = 1 } };
	const struct fl_ip v4 = fl_ip_v4(127, 0, 0, 1);
	const struct fl_slice local = fl_slice_str("localhost");

	if (fl_ip_is_set(ip) ? !push_ip(names, ip) : !push_name(names, GEN_DNS, host.ptr, host.len))
		return false;
	if (!fl_str_ieq(host, local) && !push_name(names, GEN_DNS, local.ptr, local.len))
		return false;
	if (!fl_ip_eq(ip, &v4) && !push_ip(names, &v4))
		return false;
	return fl_ip_eq(ip, &v6) || push_ip(names, &v6);
}

static bool add_names(X509 *x, struct fl_slice host, const struct fl_ip *ip)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	bool ok = names != NULL && push_names(names, host, ip) &&
		  X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0, 0) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

/* By which is_made_here knows our own. */
static bool add_mark(X509 *x)
{
	X509_NAME *subject = X509_get_subject_name(x);

	return X509_NAME_add_entry_by_NID(subject, NID_organizationName, MBSTRING_ASC,
					  (const unsigned char *)made_here, -1, -1, 0) == 1 &&
	       X509_set_issuer_name(x, subject) == 1;
}

static X509 *new_leaf(EVP_PKEY *key, struct fl_slice host, const struct fl_ip *ip, fl_wall now,
		      unsigned days)
{
	char name[COMMON_NAME_MAX + 1] = "fairlead"; /* verifiers look at the SANs only */
	time_t from = (time_t)((now - FL_HOUR) / FL_SEC);
	time_t until = (time_t)(now / FL_SEC) + (time_t)days * (FL_DAY / FL_SEC);

	if (host.len < sizeof name)
		(void)fl_str_copy(name, sizeof name, host);
	X509 *x = new_cert(from, until, MBSTRING_ASC, name);
	if (x != NULL && X509_set_pubkey(x, key) == 1 && fl_x509_random_serial(x) && add_mark(x) &&
	    fl_x509_add_ext(x, NID_basic_constraints, "critical,CA:FALSE") &&
	    fl_x509_add_ext(x, NID_key_usage, "critical,digitalSignature") &&
	    fl_x509_add_ext(x, NID_ext_key_usage, "serverAuth") && add_names(x, host, ip) &&
	    X509_sign(x, key, EVP_sha256()) > 0)
		return x;
	X509_free(x);
	return NULL;
}

enum fl_err fl_cert_self_signed(const char *host, fl_wall now, unsigned days,
				struct fl_buf *out_cert_pem, struct fl_buf *out_key_pem)
{
	struct fl_slice name = fl_slice_str(host);
	struct fl_ip ip = { 0 };
	enum fl_err err = FL_ERR_NOMEM;

	if (name.len > 0 && name.ptr[name.len - 1] == '.') /* SANs are written without the root */
		name.len--;
	if (fl_ip_parse(name, &ip) != FL_OK && !is_host_name(name))
		return FL_ERR_INVALID;
	if (days == 0 || days > DAYS_MAX)
		return FL_ERR_INVALID;

	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *x = key != NULL ? new_leaf(key, name, &ip, now, days) : NULL;
	if (x != NULL)
		err = fl_x509_put_pem(x, key, out_cert_pem, out_key_pem);
	X509_free(x);
	EVP_PKEY_free(key);
	return err == FL_OK ? FL_OK : failed(err);
}

static bool is_made_here(const X509 *x)
{
	char name[sizeof made_here + 1] = "";

	return X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_organizationName, name,
					 (int)sizeof name) > 0 &&
	       strcmp(name, made_here) == 0;
}

static enum fl_err put_der(X509 *x, struct fl_buf *out)
{
	unsigned char *der = NULL;

	int len = i2d_X509(x, &der);
	if (len <= 0)
		return FL_ERR_NOMEM;
	enum fl_err err = fl_buf_reserve(out, (size_t)len);
	if (err == FL_OK)
		fl_buf_put(out, der, (size_t)len);
	OPENSSL_free(der);
	return err;
}

enum fl_err fl_cert_facts_read(X509 *x, struct fl_cert_facts *out)
{
	unsigned char *der = NULL;
	struct tm tm;

	int len = i2d_X509(x, &der); /* as it stood: OpenSSL keeps the encoding */
	if (len <= 0)
		return failed(FL_ERR_NOMEM);
	fl_sha256(fl_slice_of(der, (size_t)len), out->pin);
	OPENSSL_free(der);
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) != 1)
		return failed(FL_ERR_SYNTAX);
	int64_t secs = timegm(&tm);
	out->not_after = secs > INT64_MAX / FL_SEC ? INT64_MAX : secs * FL_SEC;
	/* To verify takes a twentieth of a relay's start: not for what we have signed ourselves. */
	out->made_here = is_made_here(x) && X509_self_signed(x, 0) == 1;
	out->self_signed = out->made_here || X509_self_signed(x, 1) == 1;
	return failed(FL_OK);
}

/*
 * As X509_set_pubkey does it, but that encodes the key and decodes it again, which took a seventh
 * of all instructions of a relay's start.
 */
static bool set_ed25519(X509 *x, const EVP_PKEY *key)
{
	size_t len = FL_KEY_LEN;
	uint8_t *raw = OPENSSL_malloc(len);

	if (raw != NULL && EVP_PKEY_get_raw_public_key(key, raw, &len) == 1 &&
	    X509_PUBKEY_set0_param(X509_get_X509_PUBKEY(x), OBJ_nid2obj(NID_ED25519), V_ASN1_UNDEF,
				   NULL, raw, (int)len) == 1)
		return true;
	OPENSSL_free(raw);
	return false;
}

/*
 * The name has 71 characters where X.520 allows 64, so it goes in as a typed string, which
 * OpenSSL does not measure. Clients of the relay expect just that.
 */
static X509 *new_derp_meta(EVP_PKEY *key, const uint8_t *relay_public, fl_wall now)
{
	char name[sizeof "derpkey" + (size_t)2 * FL_KEY_LEN] = "derpkey";
	time_t at = (time_t)(now / FL_SEC), span = (time_t)DERP_DAYS * (FL_DAY / FL_SEC);

	fl_hex_encode(relay_public, FL_KEY_LEN, name + strlen(name));
	X509 *x = new_cert(at - span, at + span, V_ASN1_PRINTABLESTRING, name);
	if (x != NULL && set_ed25519(x, key) &&
	    ASN1_INTEGER_set(X509_get_serialNumber(x), DERP_SERIAL) == 1 &&
	    fl_x509_add_ext(x, NID_basic_constraints, "critical,CA:FALSE") &&
	    X509_sign(x, key, NULL) > 0)
		return x;
	X509_free(x);
	return NULL;
}

enum fl_err fl_cert_derp_meta(const uint8_t relay_public[static FL_KEY_LEN], fl_wall now,
			      struct fl_buf *out_der)
{
	enum fl_err err = FL_ERR_NOMEM;

	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *x = key != NULL ? new_derp_meta(key, relay_public, now) : NULL;
	if (x != NULL)
		err = put_der(x, out_der);
	X509_free(x);
	EVP_PKEY_free(key);
	return err == FL_OK ? FL_OK : failed(err);
}
