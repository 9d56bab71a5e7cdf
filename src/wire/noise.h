/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/noise.h - layouts and limits of the control protocol's Noise messages, on one page.
 *
 * Source  docs/protocol/control.md 1.6, 1.7, 1.8
 */
#ifndef FL_WIRE_NOISE_H
#define FL_WIRE_NOISE_H

#include "base/cur.h"
#include "base/err.h"

enum {
	FL_NOISE_INITIATION_LEN = 101, /* version 2, type 1, length 2, e 32, s 48, tag 16 */
	FL_NOISE_RESPONSE_LEN = 51,    /* type 1, length 2, e 32, tag 16 */
	FL_NOISE_HEADER_LEN = 3,
	FL_NOISE_RECORD_MAX = 4096,    /* whole record on the wire */
	FL_NOISE_PLAIN_MAX = FL_NOISE_RECORD_MAX - FL_NOISE_HEADER_LEN - 16, /* 4077 */
	FL_NOISE_ERROR_TEXT_MAX = 512, /* ours; the length field allows 65535 */
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
 * FL_ERR_TOO_BIG for a record over FL_NOISE_RECORD_MAX, judged on the header; FL_ERR_PROTO for
 * other types.
 */
FL_MUST enum fl_err fl_noise_next(struct fl_slice in, enum fl_noise_type *out_type,
				  struct fl_slice *out_body, size_t *out_used);

#endif
