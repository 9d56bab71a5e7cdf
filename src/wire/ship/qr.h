/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/qr.h - the text in the QR code of a SHIP node.
 *
 * Source  docs/protocol/ship.md 1.6
 */
#ifndef FL_WIRE_SHIP_QR_H
#define FL_WIRE_SHIP_QR_H

#include "wire/ship/txt.h"

enum { FL_SHIP_QR_MAX = 512 };

/*
 * Appends the text; path and auto_accept do not matter, semicolons in optional values are left out.
 * Errors, with nothing appended: FL_ERR_INVALID (id empty, no text or with a semicolon),
 * FL_ERR_NOMEM, FL_ERR_TOO_BIG (buffer).
 */
FL_MUST enum fl_err fl_ship_qr_write(const struct fl_ship_txt *t, struct fl_buf *out);

/*
 * Reads one: keys in any order, the first of a key wins, unknown ones are skipped, the end mark and
 * the ID may be missing. Errors with text in `fault` (may be NULL): FL_ERR_UNSUPPORTED (the newer
 * SHIPP form), FL_ERR_SYNTAX, FL_ERR_TOO_BIG.
 */
FL_MUST enum fl_err fl_ship_qr_parse(struct fl_slice text, struct fl_fault *fault,
				     struct fl_ship_txt *out);

#endif
