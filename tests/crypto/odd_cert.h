/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/crypto/odd_cert.h - certificates of SHIP nodes with one thing or another wrong.
 */
#ifndef FL_TESTS_CRYPTO_ODD_CERT_H
#define FL_TESTS_CRYPTO_ODD_CERT_H

#include "base/buf.h"

enum odd_ski { ODD_SKI_TRUE, ODD_SKI_OTHER, ODD_SKI_SHORT, ODD_SKI_NONE, ODD_SKI_TWICE };

/* The public key of another on a curve of the peer's own making, to which it has the secret. */
#define ODD_BASE "another base"

struct odd_cert {
	const char *kind; /* "RSA", "ED25519", ODD_BASE, or the name of a curve; NULL: P-256 */
	enum odd_ski ski;
	bool expired;     /* a year ago */
	bool compressed;  /* the point, in the certificate */
	bool boolean_one; /* CA:TRUE written as 01, which is no DER */
	const char *name; /* NULL: "odd" */
};

/* Appends certificate and key as PEM. */
void odd_cert_make(const struct odd_cert *o, struct fl_buf *out_cert, struct fl_buf *out_key);

#endif
