/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/tls.h - TLS server settings shared by the connections of a listener.
 *
 * Counted: a reload makes a new one, live connections keep theirs.
 *
 * Security  TLS 1.2 at least, AEAD suites only, no compression, no renegotiation, no session
 *           tickets. The client's order of ciphers counts. ALPN answers
 *           "http/1.1" only (an unknown offer is ignored, not refused).
 */
#ifndef FL_IO_TLS_H
#define FL_IO_TLS_H

#include "base/buf.h"
#include "crypto/cert.h"

struct fl_tls_server;

/*
 * From PEM bytes: chain, key. Errors: FL_ERR_SYNTAX, FL_ERR_INVALID (key does not match), with text
 * in `fault`.
 */
FL_MUST enum fl_err fl_tls_server_new(struct fl_slice chain_pem, struct fl_slice key_pem,
				      struct fl_fault *fault, struct fl_tls_server **out);

/*
 * Handshakes from now on show one more certificate at the end of the chain. Not while another
 * thread accepts connections with it. Errors: FL_ERR_SYNTAX, nothing is changed then.
 */
FL_MUST enum fl_err fl_tls_server_append(struct fl_tls_server *t, struct fl_slice der);

/* What its own certificate says. Errors: as fl_cert_facts_read. */
FL_MUST enum fl_err fl_tls_server_facts(const struct fl_tls_server *t, struct fl_cert_facts *out);
struct fl_tls_server *fl_tls_server_ref(struct fl_tls_server *t);
struct fl_tls_server *fl_tls_server_unref(struct fl_tls_server *t);

#endif
