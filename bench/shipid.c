/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/shipid.c - see shipid.h. */
#include "shipid.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include "util.h"

enum { POINT = 65, SCALAR = 32 };

static void need(bool ok)
{
	if (!ok)
		bench_die("no identity can be made");
}

/* The private number, and the public point that belongs to it. */
static BIGNUM *number_of(uint32_t index, uint64_t seed, uint8_t point[static POINT])
{
	char text[64];
	uint8_t digest[SCALAR];
	int n = snprintf(text, sizeof(text), "ship/%llu/%u", (unsigned long long)seed, index);
	SHA256((const uint8_t *)text, (size_t)n, digest);
	digest[0] = 0; /* below the order of the curve */
	BIGNUM *number = BN_bin2bn(digest, sizeof(digest), NULL);
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *at = group ? EC_POINT_new(group) : NULL;
	need(number && at && EC_POINT_mul(group, at, number, NULL, NULL, NULL) == 1 &&
	     EC_POINT_point2oct(group, at, POINT_CONVERSION_UNCOMPRESSED, point, POINT, NULL) ==
		     POINT);
	EC_POINT_free(at);
	EC_GROUP_free(group);
	return number;
}

static EVP_PKEY *key_of(const BIGNUM *number, const uint8_t point[static POINT])
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	need(b && ctx &&
	     OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) == 1 &&
	     OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, POINT) == 1 &&
	     OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1);
	OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	need(params && EVP_PKEY_fromdata_init(ctx) == 1 &&
	     EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) == 1);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(b);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static void extend(X509 *cert, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx_nodb(&ctx);
	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	need(e && X509_add_ext(cert, e, -1) == 1);
	X509_EXTENSION_free(e);
}

static X509 *certify(EVP_PKEY *key, uint32_t index)
{
	char name[32];
	X509 *cert = X509_new();
	snprintf(name, sizeof(name), "Bench-%u", index);
	need(cert && X509_set_version(cert, X509_VERSION_3) == 1 &&
	     ASN1_INTEGER_set(X509_get_serialNumber(cert), (long)index + 1) == 1 &&
	     X509_gmtime_adj(X509_getm_notBefore(cert), -86400) &&
	     X509_gmtime_adj(X509_getm_notAfter(cert), 10L * 365 * 86400) &&
	     X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC,
					(const uint8_t *)name, -1, -1, 0) == 1 &&
	     X509_set_issuer_name(cert, X509_get_subject_name(cert)) == 1 &&
	     X509_set_pubkey(cert, key) == 1);
	extend(cert, NID_basic_constraints, "critical,CA:TRUE");
	extend(cert, NID_key_usage, "digitalSignature");
	extend(cert, NID_subject_key_identifier, "hash");
	need(X509_sign(cert, key, EVP_sha256()) > 0);
	return cert;
}

void ship_id_make(struct ship_id *id, uint32_t index, uint64_t seed)
{
	uint8_t point[POINT], ski[SHA_DIGEST_LENGTH];
	BIGNUM *number = number_of(index, seed, point);
	id->key = key_of(number, point);
	id->cert = certify(id->key, index);
	BN_free(number);
	SHA1(point, sizeof(point), ski);
	for (int i = 0; i < SHA_DIGEST_LENGTH; i++)
		snprintf(id->ski + 2 * i, 3, "%02x", ski[i]);
}

void ship_id_done(struct ship_id *id)
{
	EVP_PKEY_free(id->key);
	X509_free(id->cert);
}

void ship_id_write(const struct ship_id *id, const char *dir)
{
	char path[512];
	snprintf(path, sizeof(path), "%s/cert.pem", dir);
	FILE *f = fopen(path, "w");
	if (!f || PEM_write_X509(f, id->cert) != 1 || fclose(f) != 0)
		bench_die("cannot write %s", path);
	snprintf(path, sizeof(path), "%s/key.pem", dir);
	f = fopen(path, "w");
	if (!f || PEM_write_PKCS8PrivateKey(f, id->key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    fclose(f) != 0)
		bench_die("cannot write %s", path);
}
