/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/tls_lib.c - a provider that hands on a few algorithms of OpenSSL's default provider, and
 * a library context with nothing but that.
 *
 * The algorithms stay those of the default provider, in its own context: what they look up in turn
 * is found there.
 */
#include "crypto/tls_lib.h"

#include "crypto/openssl.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { NAMES_MAX = 8 };

/* What is handed on of each kind, by the first of its names. */
static struct few {
	int operation;
	const char *names[NAMES_MAX];
	const char *property; /* that has to be among its properties; NULL: any */
	OSSL_ALGORITHM list[NAMES_MAX + 1];
} fews[] = {
	{ .operation = OSSL_OP_DIGEST, .names = { "SHA1", "SHA2-256", "SHA2-384", "SHA2-512" } },
	{ .operation = OSSL_OP_CIPHER,
	  .names = { "AES-128-GCM", "AES-256-GCM", "AES-128-CCM", "AES-128-CBC",
		     "ChaCha20-Poly1305" } },
	{ .operation = OSSL_OP_MAC, .names = { "HMAC" } },
	{ .operation = OSSL_OP_KDF, .names = { "TLS13-KDF", "TLS1-PRF" } },
	{ .operation = OSSL_OP_RAND, .names = { "CTR-DRBG", "SEED-SRC" } },
	/* RSA: who has such a key is heard, and refused for it. HMAC: of the CBC suite. */
	{ .operation = OSSL_OP_KEYMGMT, .names = { "EC", "X25519", "HMAC", "RSA", "RSA-PSS" } },
	{ .operation = OSSL_OP_KEYEXCH, .names = { "ECDH", "X25519" } },
	{ .operation = OSSL_OP_SIGNATURE, .names = { "ECDSA", "HMAC", "RSA" } },
	{ .operation = OSSL_OP_DECODER,
	  .names = { "EC", "RSA" },
	  .property = "input=der,structure=SubjectPublicKeyInfo" },
};

static OSSL_PROVIDER *defaults; /* of OpenSSL's own context */
static OSSL_LIB_CTX *lib;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* ---- lists ---- */

static bool goes_by(const OSSL_ALGORITHM *a, const char *name)
{
	size_t len = strlen(name);
	const char *names = a->algorithm_names; /* colons part them */
	return strncmp(names, name, len) == 0 && (names[len] == ':' || names[len] == '\0');
}

static const OSSL_ALGORITHM *find(const OSSL_ALGORITHM *a, const char *name, const char *property)
{
	for (; a != NULL && a->algorithm_names != NULL; a++)
		if (goes_by(a, name) &&
		    (property == NULL || strstr(a->property_definition, property) != NULL))
			return a;
	return NULL;
}

/* All of them, or this OpenSSL is of another make than we know. */
static bool fill(struct few *f)
{
	int no_cache;
	const OSSL_ALGORITHM *all =
		OSSL_PROVIDER_query_operation(defaults, f->operation, &no_cache);

	for (size_t i = 0; i < NAMES_MAX && f->names[i] != NULL; i++) {
		const OSSL_ALGORITHM *a = find(all, f->names[i], f->property);
		if (a == NULL)
			return false;
		f->list[i] = *a;
	}
	return true;
}

/* ---- the provider ---- */

static const OSSL_ALGORITHM *on_query(void *ctx, int operation, int *no_cache)
{
	(void)ctx;
	*no_cache = 0;
	for (size_t i = 0; i < sizeof fews / sizeof *fews; i++)
		if (fews[i].operation == operation)
			return fews[i].list;
	return NULL;
}

static int on_capabilities(void *ctx, const char *capability, OSSL_CALLBACK *each, void *arg)
{
	(void)ctx;
	return OSSL_PROVIDER_get_capabilities(defaults, capability, each, arg);
}

/* A dispatch table holds functions of any type. */
typedef void (*any_fn)(void);

static const OSSL_DISPATCH provider[] = {
	{ OSSL_FUNC_PROVIDER_QUERY_OPERATION, (any_fn)on_query },
	{ OSSL_FUNC_PROVIDER_GET_CAPABILITIES, (any_fn)on_capabilities },
	{ 0, NULL },
};

static int on_init(const OSSL_CORE_HANDLE *core, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
		   void **ctx)
{
	(void)core;
	(void)in;
	*out = provider;
	*ctx = OSSL_PROVIDER_get0_provider_ctx(defaults);
	return 1;
}

/* ---- the context ---- */

static bool fill_all(void)
{
	for (size_t i = 0; i < sizeof fews / sizeof *fews; i++)
		if (!fill(&fews[i]))
			return false;
	return true;
}

/* An OpenSSL may be built to take its seed from a source that is not handed on. */
static bool has_random(OSSL_LIB_CTX *of)
{
	unsigned char byte;

	return RAND_bytes_ex(of, &byte, sizeof byte, 0) == 1;
}

static OSSL_LIB_CTX *make_lib(void)
{
	OSSL_LIB_CTX *made = OSSL_LIB_CTX_new();

	if (made != NULL && OSSL_PROVIDER_add_builtin(made, "few", on_init) == 1 &&
	    OSSL_PROVIDER_load(made, "few") != NULL && has_random(made))
		return made;
	OSSL_LIB_CTX_free(made);
	return NULL;
}

static void make(void)
{
	if (EVP_default_properties_is_fips_enabled(NULL) == 1 ||
	    OSSL_PROVIDER_available(NULL, "default") != 1)
		return;
	defaults = OSSL_PROVIDER_try_load(NULL, "default", 1);
	if (defaults != NULL && fill_all())
		lib = make_lib();
	if (defaults != NULL && lib == NULL)
		(void)OSSL_PROVIDER_unload(defaults);
}

struct ossl_lib_ctx_st *fl_tls_lib(void)
{
	(void)pthread_once(&once, make);
	ERR_clear_error();
	return lib;
}
