/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/c2n.h - what a node's daemon answers to a request that the server sent through its map
 * stream: an HTTP/1.1 response in the body of a POST.
 *
 * Clients write it from a recorder, without a coding and up to the end of the body.
 *
 * Memory  the body is borrowed from the input.
 * Limits  those of the body that it came in.
 * Source  docs/protocol/control.md 3.3
 */
#ifndef FL_WIRE_C2N_H
#define FL_WIRE_C2N_H

#include "base/err.h"
#include "base/slice.h"

struct fl_c2n_response {
	unsigned status; /* 100 to 999 */
	struct fl_slice body;
};

/* Errors: FL_ERR_SYNTAX (no whole head, no status, or a body in a transfer coding). */
FL_MUST enum fl_err fl_c2n_parse(struct fl_slice in, struct fl_c2n_response *out);

#endif
