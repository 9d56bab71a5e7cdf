/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/pem_key.h - reads a private key from PEM.
 *
 * Takes any key that OpenSSL does. The kind that fl_cert_self_signed writes is read without
 * OpenSSL's search for a decoder, which was a sixth of all instructions of a relay's start.
 */
#ifndef FL_CRYPTO_PEM_KEY_H
#define FL_CRYPTO_PEM_KEY_H

#include "base/err.h"
#include "base/slice.h"

struct evp_pkey_st; /* a key as OpenSSL holds it */

/*
 * The caller frees `*out` with EVP_PKEY_free. Never asks for a passphrase: a key under one is
 * FL_ERR_SYNTAX, like all that is no key. Errors: FL_ERR_NOMEM too.
 */
FL_MUST enum fl_err fl_pem_key_read(struct fl_slice pem, struct evp_pkey_st **out);

#endif
