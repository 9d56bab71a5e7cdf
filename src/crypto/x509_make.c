/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/x509_make.c - the steps of crypto/x509_make.h through OpenSSL. */
#include "crypto/x509_make.h"

#include "crypto/prim.h"

enum { SERIAL_BYTES = 16 };

X509 *fl_x509_new(time_t from, time_t until)
{
	X509 *x = X509_new();

	if (x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
	    ASN1_TIME_set(X509_getm_notBefore(x), from) != NULL &&
	    ASN1_TIME_set(X509_getm_notAfter(x), until) != NULL)
		return x;
	X509_free(x);
	return NULL;
}

bool fl_x509_random_serial(X509 *x)
{
	uint8_t bytes[SERIAL_BYTES];

	fl_random(bytes, sizeof bytes);
	bytes[0] = (uint8_t)((bytes[0] & 0x7f) | 0x40);
	BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
	BN_free(n);
	return ok;
}

bool fl_x509_add_ext(X509 *x, int nid, const char *value)
{
	X509V3_CTX ctx;

	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	bool ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

static enum fl_err put_both(BIO *cert, BIO *key, struct fl_buf *out_cert, struct fl_buf *out_key)
{
	char *cert_text, *key_text;
	long cert_len = BIO_get_mem_data(cert, &cert_text);
	long key_len = BIO_get_mem_data(key, &key_text);

	if (cert_len <= 0 || key_len <= 0)
		return FL_ERR_NOMEM;
	enum fl_err err = fl_buf_reserve(out_cert, (size_t)cert_len);
	if (err == FL_OK)
		err = fl_buf_reserve(out_key, (size_t)key_len);
	if (err != FL_OK)
		return err;
	fl_buf_put(out_cert, cert_text, (size_t)cert_len);
	fl_buf_put(out_key, key_text, (size_t)key_len);
	return FL_OK;
}

enum fl_err fl_x509_put_pem(X509 *x, EVP_PKEY *key, struct fl_buf *out_cert, struct fl_buf *out_key)
{
	BIO *cert_bio = BIO_new(BIO_s_mem());
	BIO *key_bio = BIO_new(BIO_s_secmem()); /* wiped when freed */
	enum fl_err err = FL_ERR_NOMEM;

	if (cert_bio != NULL && key_bio != NULL && PEM_write_bio_X509(cert_bio, x) == 1 &&
	    PEM_write_bio_PKCS8PrivateKey(key_bio, key, NULL, NULL, 0, NULL, NULL) == 1)
		err = put_both(cert_bio, key_bio, out_cert, out_key);
	BIO_free(cert_bio);
	BIO_free(key_bio);
	return err;
}
