/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/identity.h - the certificate a relay shows: from files, or self-made and pinned.
 *
 * Behind the certificate's chain may stand the fast-start certificate with the relay's key. It is
 * dated, so it is made anew for each load.
 *
 * Security  the private key is wiped by done; a self-made one is stored with mode 0600.
 * Source    docs/protocol/relay.md 3, 15, 18
 */
#ifndef FL_SERVICES_RELAY_IDENTITY_H
#define FL_SERVICES_RELAY_IDENTITY_H

#include "base/buf.h"
#include "base/time.h"
#include "crypto/prim.h"
#include "io/tls.h"

enum { FL_RELAY_PIN_TEXT_MAX = 80 }; /* "sha256-raw:" and 64 digits, with NUL */

struct fl_relay_identity_spec {
	const char *cert_path, *key_path; /* PEM files; NULL: only in memory */
	/*
	 * Make them when missing, or when this program made them and they end within 30 days; the
	 * old pair stays as PATH.old.
	 */
	bool may_make;
	const char *host; /* name or address for a self-made certificate */
	fl_wall now;
};

struct fl_relay_identity {
	struct fl_tls_server *tls;
	uint8_t pin[FL_HASH_LEN];
	fl_wall not_after;
	bool self_made; /* signed by itself: clients need its pin */
};

/* Errors with text in `fault`: those of the files, FL_ERR_SYNTAX, FL_ERR_INVALID, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_relay_identity_load(const struct fl_relay_identity_spec *spec,
					   struct fl_fault *fault, struct fl_relay_identity *out);

/*
 * Handshakes from now on tell the relay's key, which saves clients a round trip. Once for a load.
 * Not while another thread accepts connections with it. Errors: FL_ERR_NOMEM; nothing is changed.
 */
FL_MUST enum fl_err fl_relay_identity_fast_start(struct fl_relay_identity *id,
						 const uint8_t relay_public[static FL_KEY_LEN],
						 fl_wall now);
void fl_relay_identity_done(struct fl_relay_identity *id);

/* "sha256-raw:<hex>", what a relay map says of a self-made certificate. */
void fl_relay_identity_pin(const struct fl_relay_identity *id,
			   char out[static FL_RELAY_PIN_TEXT_MAX]);

/* When the certificate ends, in Prometheus text form. */
void fl_relay_identity_metrics(const struct fl_relay_identity *id, struct fl_buf *out);

#endif
