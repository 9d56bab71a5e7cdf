/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/listen.h - listening sockets: TCP (plain, TLS, or both told apart by the first byte) and Unix.
 *
 * The first byte of a TLS ClientHello record is 0x16, of an HTTP request a letter; nothing has to
 * be configured. The decision is made in one function that later also sees SNI and ALPN.
 *
 * Limits    at most `conn_max` connections, `per_source_max` from one address (IPv6: one /64),
 *           counted until the stream is closed; over either the connection is accepted and closed
 *           at once and counted. A connection that shows no first byte, or does not finish TLS,
 *           within `hello_timeout` is closed. At most 16 steps of handshakes a tick, so that a
 *           rush of new connections does not starve the old ones.
 */
#ifndef FL_IO_LISTEN_H
#define FL_IO_LISTEN_H

#include "base/ip.h"
#include "io/stream.h"
#include "io/tls.h"
#include "io/tls_peer.h"

#define FL_LISTEN_HELLO_DEFAULT (10 * FL_SEC)

enum fl_listen_mode { FL_LISTEN_PLAIN, FL_LISTEN_TLS, FL_LISTEN_BOTH };

struct fl_listen_config {
	struct fl_addrport at; /* TCP, or */
	/* A Unix socket if not NULL: a stale one is removed, the parent folder made 0750. */
	const char *unix_path;
	uint32_t unix_mode; /* e.g. 0660 */
	enum fl_listen_mode mode;
	/* Referenced; unless plain one of them is needed before the loop runs on. */
	struct fl_tls_server *tls;
	struct fl_tls_peer *peer;          /* both ends show a certificate */
	uint32_t conn_max, per_source_max; /* 0 = no limit */
	/* Over conn_max who has waited longest in its handshake goes, and not who comes. */
	bool drop_oldest;
	/* The port is open at once, but nobody is let in before fl_listener_begin. */
	bool later;
	int64_t hello_timeout; /* ns; 0 = FL_LISTEN_HELLO_DEFAULT */
	size_t pending_max;    /* for the new streams; 0 = default */
	/* A stream is ready (TLS finished); the callee owns it: fl_stream_own or _close. */
	void (*on_accept)(void *ctx, struct fl_stream *s);
	/* A handshake under `peer` failed; the text (borrowed) says of what. May be NULL. */
	void (*on_refused)(void *ctx, const struct fl_addrport *from, const char *why);
	void *ctx;
};

struct fl_listener_stats {
	uint64_t accepted, refused_limit, failed_hello, failed_tls;
	uint64_t tls12, tls13;   /* finished handshakes by version */
	uint64_t accept_errors;  /* out of descriptors or memory; accepting then rests for 100 ms */
	uint32_t open, open_max; /* open_max: conn_max */
};

struct fl_listener;

/* As many connections as descriptors allow, some left for files and the store; 0: no limit. */
uint32_t fl_listen_conn_max(void);

/*
 * An unset address means all of IPv6 and IPv4. Errors with text in `fault`: FL_ERR_BUSY (address
 * in use), FL_ERR_DENIED (permission), FL_ERR_IO.
 */
FL_MUST enum fl_err fl_listener_new(struct fl_loop *l, const struct fl_listen_config *cfg,
				    struct fl_fault *fault, struct fl_listener **out);

/* Lets in who waits, and who comes; takes a reference of its own to `peer`, which may be NULL. */
void fl_listener_begin(struct fl_listener *l, struct fl_tls_peer *peer);

/* The bound address (port filled in when 0 was asked for). */
struct fl_addrport fl_listener_at(const struct fl_listener *l);
void fl_listener_tls(struct fl_listener *l, struct fl_tls_server *tls); /* for new connections */
void fl_listener_stats(const struct fl_listener *l, struct fl_listener_stats *out);

/* Stops accepting; accepted streams live on with their owners. A Unix socket's file is removed. */
struct fl_listener *fl_listener_close(struct fl_listener *l);

#endif
