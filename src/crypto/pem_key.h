/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/pem_key.h - reads private keys and certificates from PEM, for a library context of OpenSSL
 * (NULL: its own).
 *
 * Takes any key that OpenSSL does. The kind that fl_cert_self_signed writes is read without
 * OpenSSL's search for a decoder, which was a sixth of all instructions of a relay's start.
 */
#ifndef FL_CRYPTO_PEM_KEY_H
#define FL_CRYPTO_PEM_KEY_H

#include "base/err.h"
#include "base/slice.h"

struct evp_pkey_st; /* a key as OpenSSL holds it */
struct x509_st;
struct bio_st;
struct ossl_lib_ctx_st;

/*
 * The caller frees `*out` with EVP_PKEY_free. Never asks for a passphrase: a key under one is
 * FL_ERR_SYNTAX, like all that is no key. Errors: FL_ERR_NOMEM too.
 */
FL_MUST enum fl_err fl_pem_key_read(struct fl_slice pem, struct ossl_lib_ctx_st *lib,
				    struct evp_pkey_st **out);

/* The next one of a text; the caller frees it. NULL: none, with the error of OpenSSL. */
struct x509_st *fl_pem_cert_next(struct bio_st *pem, struct ossl_lib_ctx_st *lib);

#endif
