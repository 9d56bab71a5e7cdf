/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/stun.h - Binding requests and their answers, as far as address discovery needs them.
 *
 * The server side answers only what a client of the family sends: SOFTWARE equal to "tailnode"
 * and a right FINGERPRINT as the last attribute. That keeps it useless as a reflector; a switch
 * opens it to ordinary STUN tools.
 *
 * Memory  none; answers go to the caller's buffer.
 * Source  docs/protocol/relay.md 17; RFC 8489
 */
#ifndef FL_WIRE_STUN_H
#define FL_WIRE_STUN_H

#include "base/err.h"
#include "base/ip.h"

enum {
	FL_STUN_TXID_LEN = 12,
	FL_STUN_HEADER_LEN = 20,
	FL_STUN_REQUEST_LEN = 40,
	FL_STUN_ANSWER_MAX = 44, /* IPv6; 32 for IPv4 */
};

struct fl_stun_txid {
	uint8_t b[FL_STUN_TXID_LEN];
};

/* Tells STUN from WireGuard and disco on a shared socket. */
bool fl_stun_is(struct fl_slice packet);

/*
 * Reads a Binding request. `any` accepts one from any tool: SOFTWARE and FINGERPRINT may be
 * absent, but a FINGERPRINT that is there must be right and last.
 * Errors: FL_ERR_PROTO for everything else; do not answer then.
 */
FL_MUST enum fl_err fl_stun_request_parse(struct fl_slice packet, bool any,
					  struct fl_stun_txid *out);

/* The request a client sends. */
void fl_stun_request(const struct fl_stun_txid *tx, uint8_t out[static FL_STUN_REQUEST_LEN]);

/* Writes the answer and returns its length. A v4-mapped source is answered as IPv4. */
size_t fl_stun_answer(const struct fl_stun_txid *tx, const struct fl_addrport *from,
		      uint8_t out[static FL_STUN_ANSWER_MAX]);

/*
 * Reads an answer: XOR-MAPPED-ADDRESS (also under its old number), else MAPPED-ADDRESS; v4-mapped
 * addresses come out as IPv4. Errors: FL_ERR_PROTO; the caller compares *out_tx.
 */
FL_MUST enum fl_err fl_stun_answer_parse(struct fl_slice packet, struct fl_stun_txid *out_tx,
					 struct fl_addrport *out);

#endif
