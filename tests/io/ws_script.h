/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/ws_script.h - WebSocket frames written by hand, as a peer would send them.
 */
#ifndef FL_TESTS_IO_WS_SCRIPT_H
#define FL_TESTS_IO_WS_SCRIPT_H

#include "base/buf.h"

/* One frame; `masked` with a key that is not zero, as a client's are. */
void ws_put_frame(struct fl_buf *b, uint8_t first, const void *data, size_t len, bool masked);

/*
 * "B:abc X:.." - a kind, a colon, data up to a blank. B a binary message, b c C the fragments of
 * one, T text, P ping, p pong, X close, R with reserved bits, U of no known kind, F a ping in
 * fragments, L with a length in a longer form than it needs, M masked the wrong way.
 */
void ws_put_script(struct fl_buf *b, const char *script, bool masked);

#endif
