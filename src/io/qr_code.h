/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/qr_code.h - a text as a QR code, in characters for a terminal.
 *
 * Hides libqrencode, which is opened when the first code is drawn: a hub without a person beside it
 * never needs it.
 *
 * Thread  any.
 */
#ifndef FL_IO_QR_CODE_H
#define FL_IO_QR_CODE_H

#include "base/buf.h"

/*
 * Appends the code of `text`, two rows of it a line, with the white margin that readers want. With
 * `colour` it is black on white whatever the terminal has, else as on a dark one. Errors with text:
 * FL_ERR_UNSUPPORTED (libqrencode is not installed), FL_ERR_TOO_BIG (too long for a code, or for
 * `out`), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_qr_code_draw(const char *text, bool colour, struct fl_fault *fault,
				    struct fl_buf *out);

#endif
