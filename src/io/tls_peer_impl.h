/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls_peer_impl.h - the inside of peers' TLS, for listen.c and tls_dial.c only.
 */
#ifndef FL_IO_TLS_PEER_IMPL_H
#define FL_IO_TLS_PEER_IMPL_H

#include "crypto/openssl.h"
#include "io/tls_peer.h"

/* Who judges in place of the one of the settings; lives until the handshake is over. */
struct fl_tls_judge {
	enum fl_err (*judge)(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			     struct fl_fault *fault);
	void *ctx;
};

/* The context connections are made from; borrowed. */
SSL_CTX *fl_tls_peer_ctx(struct fl_tls_peer *t);

/* NULL: that of the settings again. */
void fl_tls_peer_set_judge(SSL *ssl, struct fl_tls_judge *judge);

/* Of what the last handshake failed: `err` as it came out, `tls_error` in OpenSSL's words. */
void fl_tls_peer_why(const struct fl_tls_peer *t, enum fl_err err, unsigned long tls_error,
		     struct fl_fault *out);

#endif
