/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/control/noise.h - Noise_IK handshake and record stream of the control protocol, both ends.
 *
 * Bytes in, bytes out: no socket, no clock. Ephemeral keys come in as arguments so that a run can
 * be replayed and the published vector be checked.
 *
 * A responder that has consumed an initiation has proved nothing about the peer yet (it may be a
 * replay) until the first record opens; callers act on authenticated requests only.
 *
 * Memory    struct fl_noise_conn owns two AEAD keys, 48 bytes each while idle;
 *           fl_noise_conn_done wipes and frees.
 * Security  all-zero DH results abort; ephemerals, chaining keys and message keys are wiped.
 * Source    docs/protocol/control.md 1.6, 1.7
 */
#ifndef FL_PROTO_CONTROL_NOISE_H
#define FL_PROTO_CONTROL_NOISE_H

#include "base/buf.h"
#include "crypto/prim.h"
#include "wire/noise.h"

struct fl_noise_conn {
	struct fl_aead *tx, *rx;
	uint64_t tx_nonce, rx_nonce;
	uint16_t version;           /* as stated by the initiator and bound by the handshake */
	struct fl_machine_key peer; /* responder side: the initiator's authenticated static key */
	bool dead;                  /* a record failed; nothing more may be sent or read */
};

void fl_noise_conn_done(struct fl_noise_conn *c);

/* Something will be sealed soon: fetches the key. */
void fl_noise_ahead(const struct fl_noise_conn *c);

/*
 * Responder: answers `initiation`; writes the 51-byte response and a ready connection.
 * Errors: FL_ERR_PROTO (layout), FL_ERR_CRYPTO (does not verify), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_noise_respond(const struct fl_private_key *server_static,
				     const struct fl_private_key *ephemeral,
				     struct fl_slice initiation,
				     uint8_t out_response[static FL_NOISE_RESPONSE_LEN],
				     struct fl_noise_conn *out);

/*
 * The same for a server that kept the public half of its key, which saves one of six scalar
 * multiplications. A `server_public` that does not belong to `server_static` verifies nothing.
 */
FL_MUST enum fl_err fl_noise_respond_as(const struct fl_private_key *server_static,
					const struct fl_machine_key *server_public,
					const struct fl_private_key *ephemeral,
					struct fl_slice initiation,
					uint8_t out_response[static FL_NOISE_RESPONSE_LEN],
					struct fl_noise_conn *out);

/* Initiator, first half: `hs` keeps secrets until finish or done. */
struct fl_noise_handshake {
	struct fl_private_key machine, ephemeral;
	uint8_t h[FL_HASH_LEN], ck[FL_HASH_LEN];
	uint16_t version;
};
FL_MUST enum fl_err fl_noise_initiate(const struct fl_private_key *machine,
				      const struct fl_private_key *ephemeral,
				      const struct fl_machine_key *server, uint16_t version,
				      uint8_t out_initiation[static FL_NOISE_INITIATION_LEN],
				      struct fl_noise_handshake *out);

/* Second half: consumes the 51-byte response. Wipes `hs` whatever happens. */
FL_MUST enum fl_err fl_noise_finish(struct fl_noise_handshake *hs, struct fl_slice response,
				    struct fl_noise_conn *out);
void fl_noise_handshake_done(struct fl_noise_handshake *hs);

/*
 * Seals `plain` (any length, cut into full records) and appends the records to `out`. Empty input
 * appends nothing. Errors: FL_ERR_STATE once dead, FL_ERR_TOO_BIG/NOMEM from the buffer (the
 * connection is dead then, since nonces were used).
 */
FL_MUST enum fl_err fl_noise_seal(struct fl_noise_conn *c, struct fl_slice plain,
				  struct fl_buf *out);

/*
 * Opens one record IN PLACE: `in` starts at a record header and is overwritten; *out_plain points
 * into it (may be empty: skip). Returns FL_MORE when the record is incomplete (nothing changed).
 * Errors kill the connection: FL_ERR_PROTO (type), FL_ERR_TOO_BIG, FL_ERR_CRYPTO.
 */
FL_MUST enum fl_err fl_noise_open(struct fl_noise_conn *c, uint8_t *in, size_t len,
				  struct fl_slice *out_plain, size_t *out_used);

#endif
