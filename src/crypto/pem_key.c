/* SPDX-License-Identifier: BSD-3-Clause */
/* crypto/pem_key.c - what is in PEM; the usual form of a private key by a path of its own. */
#include "crypto/pem_key.h"

#include "crypto/openssl.h"

#include <limits.h>
#include <string.h>

enum { P256_PRIVATE = 32, P256_PUBLIC = 65 };

/*
 * A P-256 key in PKCS #8 is always the same bytes around the numbers, if the public half is there
 * and the curve is named once: RFC 5958 section 2 around RFC 5915 section 3, ids from RFC 5480.
 */
static const uint8_t before_private[] = {
	0x30, 0x81,         0x87, 0x02, 0x01, 0x00, /* PrivateKeyInfo, version 0 */
	0x30, 0x13,                                 /* AlgorithmIdentifier */
	0x06, 0x07,         0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,       /* id-ecPublicKey */
	0x06, 0x08,         0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, /* secp256r1 */
	0x04, 0x6d,         0x30, 0x6b, 0x02, 0x01, 0x01, /* ECPrivateKey, version 1 */
	0x04, P256_PRIVATE,
};
static const uint8_t before_public[] = { 0xa1, 0x44, 0x03, 0x42, 0x00 };

struct p256 {
	uint8_t head[sizeof before_private];
	uint8_t private_key[P256_PRIVATE]; /* big endian */
	uint8_t middle[sizeof before_public];
	uint8_t public_key[P256_PUBLIC]; /* an uncompressed point */
};

/* Never asks: a key under a passphrase is an error, not a prompt. */
static int no_passphrase(char *buf, int size, int rwflag, void *ctx)
{
	(void)buf;
	(void)size;
	(void)rwflag;
	(void)ctx;
	return -1;
}

static OSSL_PARAM *describe(const struct p256 *k, BIGNUM *private_key)
{
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;

	if (b != NULL &&
	    OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	    OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, private_key) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, k->public_key,
					     sizeof k->public_key) == 1)
		params = OSSL_PARAM_BLD_to_param(b);
	OSSL_PARAM_BLD_free(b);
	return params;
}

static EVP_PKEY *from_numbers(const struct p256 *k, OSSL_LIB_CTX *lib)
{
	BIGNUM *private_key = BN_secure_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(lib, "EC", NULL);
	OSSL_PARAM *params = NULL;
	EVP_PKEY *key = NULL;

	if (private_key != NULL && BN_bin2bn(k->private_key, P256_PRIVATE, private_key) != NULL)
		params = describe(k, private_key);
	if (ctx != NULL && params != NULL && EVP_PKEY_fromdata_init(ctx) == 1)
		(void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params);
	OSSL_PARAM_free(params);
	EVP_PKEY_CTX_free(ctx);
	BN_clear_free(private_key);
	return key;
}

/* NULL: not of that form. */
static EVP_PKEY *read_p256(BIO *pem, OSSL_LIB_CTX *lib)
{
	unsigned char *der = NULL;
	long len = 0;
	EVP_PKEY *key = NULL;
	struct p256 k;

	if (PEM_bytes_read_bio_secmem(&der, &len, NULL, PEM_STRING_PKCS8INF, pem, no_passphrase,
				      NULL) != 1)
		return NULL;
	if (len == sizeof k) {
		memcpy(&k, der, sizeof k);
		if (memcmp(k.head, before_private, sizeof k.head) == 0 &&
		    memcmp(k.middle, before_public, sizeof k.middle) == 0)
			key = from_numbers(&k, lib);
		OPENSSL_cleanse(&k, sizeof k);
	}
	OPENSSL_secure_clear_free(der, (size_t)len);
	return key;
}

enum fl_err fl_pem_key_read(struct fl_slice pem, struct ossl_lib_ctx_st *lib,
			    struct evp_pkey_st **out)
{
	if (pem.len > INT_MAX)
		return FL_ERR_SYNTAX;
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	if (bio == NULL)
		return FL_ERR_NOMEM;
	EVP_PKEY *key = read_p256(bio, lib);
	if (key == NULL && BIO_reset(bio) == 1)
		key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL); /* of any context */
	BIO_free(bio);
	ERR_clear_error();
	*out = key;
	return key != NULL ? FL_OK : FL_ERR_SYNTAX;
}

struct x509_st *fl_pem_cert_next(struct bio_st *pem, struct ossl_lib_ctx_st *lib)
{
	X509 *x = X509_new_ex(lib, NULL);

	if (x != NULL && PEM_read_bio_X509(pem, &x, NULL, NULL) != NULL)
		return x;
	X509_free(x);
	return NULL;
}
