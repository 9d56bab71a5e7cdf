/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/noise.h - layouts and limits of the control protocol's Noise messages, on one page.
 *
 * Source  docs/protocol/control.md 1.6, 1.7, 1.8
 */
#ifndef FL_WIRE_NOISE_H
#define FL_WIRE_NOISE_H

#include "base/buf.h"
#include "base/cur.h"
#include "base/err.h"
#include "crypto/keys.h"

enum {
	FL_NOISE_INITIATION_LEN = 101, /* version 2, type 1, length 2, e 32, s 48, tag 16 */
	FL_NOISE_RESPONSE_LEN = 51,    /* type 1, length 2, e 32, tag 16 */
	FL_NOISE_HEADER_LEN = 3,
	FL_NOISE_RECORD_MAX = 4096, /* whole record on the wire */
	FL_NOISE_PLAIN_MAX = FL_NOISE_RECORD_MAX - FL_NOISE_HEADER_LEN - 16, /* 4077 */
	FL_NOISE_ERROR_TEXT_MAX = 512, /* ours; the length field allows 65535 */
	FL_NOISE_EARLY_HEADER_LEN = 9, /* magic 5, length 4 */
	FL_NOISE_EARLY_MAX = 4096,     /* JSON of an early payload; ours has 95 bytes */
};

enum fl_noise_type {
	FL_NOISE_INITIATION = 1,
	FL_NOISE_RESPONSE = 2,
	FL_NOISE_ERROR = 3,
	FL_NOISE_RECORD = 4,
};

struct fl_noise_initiation {
	uint16_t version; /* unauthenticated until the handshake verifies */
	struct fl_slice ephemeral, sealed_static, tag; /* borrowed from the input */
};

/* Errors: FL_ERR_PROTO for a wrong size, type or length field. */
FL_MUST enum fl_err fl_noise_initiation_decode(struct fl_slice in, struct fl_noise_initiation *out);

/*
 * Cuts one message (type 2, 3 or 4) off a stream; `body` excludes the header. Errors: FL_MORE;
 * FL_ERR_TOO_BIG for a record over FL_NOISE_RECORD_MAX or an error text over
 * FL_NOISE_ERROR_TEXT_MAX, judged on the header; FL_ERR_PROTO for other types, judged on the
 * first byte, and for a response of another length than its only one.
 */
FL_MUST enum fl_err fl_noise_next(struct fl_slice in, enum fl_noise_type *out_type,
				  struct fl_slice *out_body, size_t *out_used);

/*
 * Appends an error message, which stands in place of a response and which clients log. `text` is
 * cut at FL_NOISE_ERROR_TEXT_MAX. It is not authenticated and must not repeat peer input.
 */
void fl_noise_error_encode(const char *text, struct fl_buf *out);

/*
 * Appends the early payload with its challenge: the server's first plaintext, before its HTTP/2
 * settings, for clients of version 49 and up.
 */
void fl_noise_early_encode(const struct fl_challenge_key *challenge, struct fl_buf *out);

/*
 * Client side: looks for an early payload at the start of the plaintext stream. FL_OK with
 * *out_used 0 and empty *out_json: there is none, the bytes belong to HTTP/2. Errors: FL_MORE;
 * FL_ERR_TOO_BIG over FL_NOISE_EARLY_MAX, judged on the header.
 */
FL_MUST enum fl_err fl_noise_early_next(struct fl_slice in, struct fl_slice *out_json,
					size_t *out_used);

#endif
