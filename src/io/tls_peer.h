/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls_peer.h - TLS between nodes that know each other by key: both show a certificate, and
 * whoever owns the settings judges it inside the handshake.
 *
 * Counted: live connections keep the settings that they began with. A listener uses them through
 * fl_listen_config.
 *
 * Thread    `judge` is called on the loop of the connection; the handshakes of one fl_tls_peer
 *           belong to one loop.
 * Security  TLS 1.2 and 1.3; of 1.2 the three suites of SHIP (ECDSA, with AES-128 in CBC-SHA256,
 *           GCM and CCM-8). No tickets, no resumption, no renegotiation, no compression. A peer
 *           without a certificate, or one that `judge` refuses, hears an alert before any byte of
 *           HTTP. In TLS 1.3 a refused client has finished its side first and hears the alert on
 *           its first read: its stream ends with FL_ERR_CRYPTO then. Algorithms are those of
 *           crypto/tls_lib.h.
 * Source    docs/protocol/ship.md 1.3, 1.4
 */
#ifndef FL_IO_TLS_PEER_H
#define FL_IO_TLS_PEER_H

#include "base/err.h"
#include "base/slice.h"
#include "crypto/ski.h"
#include "io/loop.h"
#include "io/stream.h"

struct fl_tls_peer;

struct fl_tls_peer_config {
	struct fl_slice cert_pem, key_pem;
	/*
	 * Is the certificate of a peer good enough? Called inside the handshake, in both roles,
	 * with what was read of it (`err`: of fl_ship_cert_read; other than FL_OK it is refused
	 * whatever the judge says). Not FL_OK refuses it. `fault` is for the text.
	 */
	enum fl_err (*judge)(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			     struct fl_fault *fault);
	void *ctx;
	/* Send at most 1024 bytes a record (SHIP 9.2); the client offers the extension, too. */
	bool small_records;
	bool tls12_only;
};

/* Errors with text: FL_ERR_SYNTAX, FL_ERR_INVALID (another certificate's key), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_tls_peer_new(const struct fl_tls_peer_config *cfg, struct fl_fault *fault,
				    struct fl_tls_peer **out);
struct fl_tls_peer *fl_tls_peer_ref(struct fl_tls_peer *t);
struct fl_tls_peer *fl_tls_peer_unref(struct fl_tls_peer *t);

/* What a finished handshake came to; for logs and probes. */
struct fl_tls_peer_facts {
	struct fl_ship_cert_facts cert;
	const char *version, *suite; /* static */
};

/* Of a stream that came from here. Errors: FL_ERR_STATE (it is none). */
FL_MUST enum fl_err fl_stream_peer_facts(const struct fl_stream *s, struct fl_tls_peer_facts *out);

/*
 * Dials: name or address, TCP, TLS. `done` is called once from the loop: FL_OK with a stream that
 * the callee owns, or an error with NULL and a text (borrowed) that says what failed: FL_ERR_CLOSED
 * (refused, or cut), FL_ERR_TIMEOUT, FL_ERR_NOT_FOUND (name), FL_ERR_CRYPTO (judged, or an alert),
 * FL_ERR_PROTO (no TLS), FL_ERR_IO (no way there). Of a name with several addresses each gets an
 * even share of the time left; a certificate that was refused ends the dial.
 */
struct fl_tls_dial;
struct fl_tls_dial_to {
	const char *host;      /* a name, resolved beside the loop; NULL: `at` */
	struct fl_addrport at; /* the port counts in any case */
	uint32_t scope;        /* interface of a link-local address; 0 none */
	/* SNI; without its trailing dot, and not at all if it is an address. NULL: none. */
	const char *server_name;
	int64_t timeout; /* ns, for all of it */
	/* judges in place of that of the settings, if set (the SKI that was dialled for) */
	enum fl_err (*judge)(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			     struct fl_fault *fault);
	void *judge_ctx;
};
/* Errors: FL_ERR_NOMEM, FL_ERR_INVALID (a name over 253 bytes). Nobody is called then. */
FL_MUST enum fl_err fl_tls_dial(struct fl_loop *l, struct fl_tls_peer *t,
				const struct fl_tls_dial_to *to,
				void (*done)(void *ctx, enum fl_err err, const char *why,
					     struct fl_stream *s),
				void *ctx, struct fl_tls_dial **out);
struct fl_tls_dial *fl_tls_dial_cancel(struct fl_tls_dial *d); /* before done; NULL in, NULL out */

#endif
