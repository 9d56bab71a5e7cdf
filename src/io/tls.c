/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls.c - TLS server settings over OpenSSL.
 */
#include "io/stream_impl.h"
#include "io/tls.h"

#include "crypto/pem_key.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct fl_tls_server {
	atomic_uint refs;
	SSL_CTX *ctx;
};

enum { CHAIN_MAX = 10, PEM_MAX = 1 << 20 };

static const char ALPN_HTTP1[] = "\x08http/1.1";

/* Offers what we speak if the client asks for it; other offers are not a reason to refuse. */
static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len,
		   const unsigned char *in, unsigned in_len, void *ctx)
{
	unsigned char *chosen;

	(void)ssl;
	(void)ctx;
	if (SSL_select_next_proto(&chosen, out_len, (const unsigned char *)ALPN_HTTP1,
				  sizeof ALPN_HTTP1 - 1, in, in_len) != OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

void fl_tls_ctx_init(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx,
			    SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_NO_AUTO_CHAIN);
	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	(void)SSL_CTX_set_num_tickets(ctx, 0); /* cannot fail */
}

static enum fl_err set_up(SSL_CTX *ctx)
{
	fl_tls_ctx_init(ctx);
	SSL_CTX_set_alpn_select_cb(ctx, on_alpn, NULL);
	/* The client's order counts: it knows whether it has AES instructions. */
	if (SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(ctx, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1 ||
	    SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384") != 1)
		return FL_ERR_IO;
	return FL_OK;
}

static enum fl_err add_chain(SSL_CTX *ctx, OSSL_LIB_CTX *lib, BIO *pem, struct fl_fault *fault)
{
	for (int i = 0;; i++) {
		X509 *x = fl_pem_cert_next(pem, lib);
		if (x == NULL)
			break;
		bool ok = i < CHAIN_MAX && (i == 0 ? SSL_CTX_use_certificate(ctx, x)
						   : SSL_CTX_add1_chain_cert(ctx, x)) == 1;
		X509_free(x);
		if (!ok)
			return fl_fault_set(fault, FL_ERR_SYNTAX,
					    "certificate %d of the chain cannot be used", i + 1);
	}
	unsigned long why = ERR_peek_last_error();
	if (ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return fl_fault_set(fault, FL_ERR_SYNTAX, "the certificate is damaged");
	if (SSL_CTX_get0_certificate(ctx) == NULL)
		return fl_fault_set(fault, FL_ERR_SYNTAX,
				    "no \"BEGIN CERTIFICATE\" in the certificate file");
	return FL_OK;
}

static enum fl_err add_key(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct fl_slice pem,
			   struct fl_fault *fault)
{
	EVP_PKEY *key = NULL;
	if (fl_pem_key_read(pem, lib, &key) != FL_OK)
		return fl_fault_set(fault, FL_ERR_SYNTAX,
				    "no readable private key in the key file (PEM without a "
				    "passphrase is needed)");

	bool fits = X509_check_private_key(SSL_CTX_get0_certificate(ctx), key) == 1;
	bool ok = fits && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	if (!fits)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the private key does not belong to the certificate");
	return ok ? FL_OK : fl_fault_set(fault, FL_ERR_SYNTAX, "the private key cannot be used");
}

enum fl_err fl_tls_ctx_load(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct fl_slice chain_pem,
			    struct fl_slice key_pem, struct fl_fault *fault)
{
	if (chain_pem.len > PEM_MAX || key_pem.len > PEM_MAX)
		return fl_fault_set(fault, FL_ERR_SYNTAX, "certificate or key over 1 MiB");

	BIO *chain = BIO_new_mem_buf(chain_pem.ptr, (int)chain_pem.len);
	if (chain == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = add_chain(ctx, lib, chain, fault);
	BIO_free(chain);
	if (err == FL_OK)
		err = add_key(ctx, lib, key_pem, fault);
	return err;
}

enum fl_err fl_tls_server_new(struct fl_slice chain_pem, struct fl_slice key_pem,
			      struct fl_fault *fault, struct fl_tls_server **out)
{
	struct fl_tls_server *t = calloc(1, sizeof *t);
	if (t == NULL)
		return FL_ERR_NOMEM;

	/* Our own words say what is wrong, so OpenSSL need not load its texts (crypto/prim.c). */
	(void)OPENSSL_init_ssl(
		OPENSSL_INIT_NO_LOAD_SSL_STRINGS | OPENSSL_INIT_NO_LOAD_CRYPTO_STRINGS, NULL);
	ERR_clear_error();
	atomic_init(&t->refs, 1);
	t->ctx = SSL_CTX_new(TLS_server_method());
	enum fl_err err = t->ctx != NULL ? set_up(t->ctx) : FL_ERR_NOMEM;
	if (err == FL_OK)
		err = fl_tls_ctx_load(t->ctx, NULL, chain_pem, key_pem, fault);
	ERR_clear_error();
	if (err != FL_OK) {
		fl_tls_server_unref(t);
		return err;
	}
	*out = t;
	return FL_OK;
}

enum fl_err fl_tls_server_append(struct fl_tls_server *t, struct fl_slice der)
{
	const unsigned char *at = der.ptr;

	X509 *x = der.len <= PEM_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
	bool ok = x != NULL && SSL_CTX_add1_chain_cert(t->ctx, x) == 1;
	X509_free(x);
	ERR_clear_error();
	return ok ? FL_OK : FL_ERR_SYNTAX;
}

enum fl_err fl_tls_server_facts(const struct fl_tls_server *t, struct fl_cert_facts *out)
{
	return fl_cert_facts_read(SSL_CTX_get0_certificate(t->ctx), out);
}

struct fl_tls_server *fl_tls_server_ref(struct fl_tls_server *t)
{
	if (t != NULL)
		atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

struct fl_tls_server *fl_tls_server_unref(struct fl_tls_server *t)
{
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return NULL;
	SSL_CTX_free(t->ctx);
	free(t);
	return NULL;
}

SSL_CTX *fl_tls_server_ctx(struct fl_tls_server *t)
{
	return t->ctx;
}
