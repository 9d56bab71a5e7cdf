/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/noise_hello.h - the first words of the server on a Noise connection: its
 * response, or why there is none.
 *
 * Thread  the stream's.
 * Source  docs/protocol/control.md 1.4 to 1.8
 */
#ifndef FL_SERVICES_CONTROL_NOISE_HELLO_H
#define FL_SERVICES_CONTROL_NOISE_HELLO_H

#include "io/stream.h"
#include "proto/control/noise.h"

/* A type-3 message, which the client shows to its user. Best effort. */
void fl_noise_write_error(struct fl_stream *stream, const char *text);

/* The same, and closes. */
void fl_noise_send_error(struct fl_stream *stream, const char *text);

/* Response and early payload in one write. Errors: as fl_stream_write, FL_ERR_CRYPTO. */
FL_MUST enum fl_err fl_noise_send_hello(struct fl_stream *stream, struct fl_noise_conn *noise,
					const uint8_t response[static FL_NOISE_RESPONSE_LEN],
					bool early_payload);

#endif
