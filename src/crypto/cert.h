/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * crypto/cert.h - the certificates Fairlead makes for itself, as PEM or DER bytes.
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
 * `out_cert_pem` and `out_key_pem` are appended to; the key buffer is secret.
 */
FL_MUST enum fl_err fl_cert_self_signed(const char *host, fl_wall now, unsigned days,
					struct fl_buf *out_cert_pem, struct fl_buf *out_key_pem);

/* SHA-256 over the DER of the first certificate in `pem`. FL_ERR_SYNTAX if there is none. */
FL_MUST enum fl_err fl_cert_pin(struct fl_slice pem, uint8_t out[static FL_HASH_LEN]);

/* NotAfter of the first certificate in `pem`. */
FL_MUST enum fl_err fl_cert_not_after(struct fl_slice pem, fl_wall *out);

/* The DER of the fast-start certificate for a relay key, valid 30 days either side of `now`. */
FL_MUST enum fl_err fl_cert_derp_meta(const uint8_t relay_public[static FL_KEY_LEN], fl_wall now,
				      struct fl_buf *out_der);

#endif
