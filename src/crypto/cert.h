/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/cert.h - the certificates Fairlead makes for itself, as PEM or DER bytes.
 *
 * The files of a certificate may come from elsewhere too, so reading takes any that OpenSSL does.
 *
 * 1. The relay's own leaf: ECDSA P-256, self-signed, names and addresses as SANs. Clients pin it
 *    by SHA-256 over its DER (`sha256-raw:`), so no authority is needed.
 * 2. The fast-start certificate: Ed25519, common name "derpkey" + hex of the relay key, serial 2.
 *
 * Source  docs/protocol/relay.md 3, 15, 18
 */
#ifndef FL_CRYPTO_CERT_H
#define FL_CRYPTO_CERT_H

#include "base/buf.h"
#include "base/ip.h"
#include "base/time.h"
#include "crypto/prim.h"

/*
 * Makes a key pair and certificate valid from an hour before `now` for `days` days, with `host`
 * (a DNS name or an address literal) and "localhost"/loopback addresses as SANs.
 * `out_cert_pem` and `out_key_pem` are appended to, both or neither; the key buffer is secret.
 * Errors: FL_ERR_INVALID for a host that is neither name nor address or days outside 1..36500,
 * FL_ERR_NOMEM, FL_ERR_TOO_BIG from a buffer.
 */
FL_MUST enum fl_err fl_cert_self_signed(const char *host, fl_wall now, unsigned days,
					struct fl_buf *out_cert_pem, struct fl_buf *out_key_pem);

/* What is asked of a certificate. */
struct fl_cert_facts {
	uint8_t pin[FL_HASH_LEN]; /* SHA-256 over its DER */
	fl_wall not_after;        /* FL_NEVER past 2262 */
	bool self_signed;         /* by its own key: such a one is known by its pin only */
	bool made_here;           /* by fl_cert_self_signed: it may be replaced, no other may */
};

struct x509_st; /* a certificate as OpenSSL holds it */

/* Errors: FL_ERR_SYNTAX (a date that is none), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_cert_facts_read(struct x509_st *cert, struct fl_cert_facts *out);

/* The DER of the fast-start certificate for a relay key, valid 30 days either side of `now`. */
FL_MUST enum fl_err fl_cert_derp_meta(const uint8_t relay_public[static FL_KEY_LEN], fl_wall now,
				      struct fl_buf *out_der);

#endif
