/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/x509_make.h - the steps that all certificates made here have in common, for this folder.
 */
#ifndef FL_CRYPTO_X509_MAKE_H
#define FL_CRYPTO_X509_MAKE_H

#include "base/buf.h"
#include "crypto/openssl.h"

#include <time.h>

/* Of version 3, valid for this span of seconds; nothing else yet. NULL: out of memory. */
X509 *fl_x509_new(time_t from, time_t until);

/* 127 random bits: positive, and unique without a counter. */
bool fl_x509_random_serial(X509 *x);

/* `value` in OpenSSL's words for the extension. */
bool fl_x509_add_ext(X509 *x, int nid, const char *value);

/* Appends both as PEM or none. Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG from a buffer. */
FL_MUST enum fl_err fl_x509_put_pem(X509 *x, EVP_PKEY *key, struct fl_buf *out_cert,
				    struct fl_buf *out_key);

#endif
