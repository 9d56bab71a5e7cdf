/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws_upgrade.h - the opening handshake of WebSocket: the client's half, and what both halves
 * compute. The server's half is fl_http_upgrade_ws and fl_http_upgrade_wsm (io/http.h).
 *
 * Limits    the head of an answer: FL_HTTP_HEAD_MAX.
 * Source    RFC 6455 4; docs/protocol/ship.md 3
 */
#ifndef FL_IO_WS_UPGRADE_H
#define FL_IO_WS_UPGRADE_H

#include "io/stream.h"

enum {
	FL_WS_KEY_LEN = 16,
	FL_WS_ACCEPT_CAP = 32, /* a SHA-1 in base64 with its NUL */
	FL_WS_HOST_MAX = 272,  /* a name of 253 bytes, brackets, port, NUL */
};

/* The answer to a key in base64. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ws_accept(struct fl_slice key, char out[static FL_WS_ACCEPT_CAP]);

/*
 * The Host field for a peer: `host` (NULL: the address) without the root's dot and without a scope,
 * in brackets if it is of IPv6, and the port. Cut if it is too long for a name.
 */
void fl_ws_host(const char *host, const struct fl_addrport *at, char out[static FL_WS_HOST_MAX]);

/*
 * The client's half of the upgrade, on a stream that is taken (also on failure). `done` is called
 * once from the loop: FL_OK with the stream, which the callee owns, and what was read past the
 * answer (borrowed); or NULL with FL_ERR_DENIED and the HTTP status of a refusal, FL_ERR_PROTO (no
 * WebSocket, or without `subprotocol`), FL_ERR_TOO_BIG, FL_ERR_TIMEOUT, FL_ERR_CRYPTO (an alert
 * came in place of the answer), FL_ERR_CLOSED. `path` gets a slash in front if it has none.
 * Errors: FL_ERR_INVALID (host or path with blanks or unprintable bytes), FL_ERR_NOMEM,
 * FL_ERR_CLOSED. Nobody is called then.
 */
struct fl_ws_upgrade;
FL_MUST enum fl_err fl_ws_upgrade_start(struct fl_stream *s, const char *host_header,
					const char *path, const char *subprotocol, int64_t timeout,
					void (*done)(void *ctx, enum fl_err err, unsigned status,
						     struct fl_stream *s, struct fl_slice early),
					void *ctx, struct fl_ws_upgrade **out);
struct fl_ws_upgrade *fl_ws_upgrade_cancel(struct fl_ws_upgrade *u); /* closes the stream, too */

#endif
