/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/net.h - helpers of the transport tests: run a loop until something is so, plain
 * sockets and TLS clients that play the peer, and an owner that records what it hears.
 */
#ifndef FL_TESTS_IO_NET_H
#define FL_TESTS_IO_NET_H

#include "base/buf.h"
#include "io/listen.h"
#include "io/loop.h"
#include "io/stream.h"

#include <openssl/ssl.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

/* Runs the loop until `cond(ctx)` holds after a tick; false if it does not within ten seconds. */
bool net_until(struct fl_loop *l, bool (*cond)(void *ctx), void *ctx);

/* Runs the loop for a while: for what must not happen. */
void net_for(struct fl_loop *l, int64_t ns);

/* An owner that keeps everything it hears. */
struct net_ear {
	struct fl_stream *s; /* NULL once closed by us */
	struct fl_buf got;
	unsigned datas, drains, ends;
	enum fl_err end;
	bool close_on_data, close_on_drain, close_on_end; /* react inside the callback */
	bool pause_on_data, echo;
};
extern const struct fl_stream_owner net_ear_owner;

void net_ear_own(struct net_ear *e, struct fl_stream *s);
void net_ear_done(struct net_ear *e); /* closes the stream too */
bool net_ear_ended(void *ear);
bool net_ear_has_data(void *ear);
bool net_ear_drained(void *ear);

/* A listener on loopback that gives what it accepts to `accepted`, in order. */
enum { NET_ACCEPTED_MAX = 4096 };
struct net_server {
	struct fl_listener *listener;
	struct fl_addrport at;
	struct fl_stream *accepted[NET_ACCEPTED_MAX];
	size_t count;
};
void net_server_start(struct net_server *s, struct fl_loop *l, enum fl_listen_mode mode,
		      struct fl_tls_server *tls, const struct fl_listen_config *extra);
bool net_server_one(void *server);

/* Server settings with a fresh certificate. */
struct fl_tls_server *net_tls(void);

/* A blocking plain socket connected to `at`. */
int net_dial(const struct fl_addrport *at);
/* The same; little is on its way when we do not read: some 10 KB. */
int net_dial_narrow(const struct fl_addrport *at);

/* A non-blocking TLS client on `fd`; drive it with net_tls_step while the loop runs. */
struct net_tls_peer {
	int fd;
	SSL_CTX *ctx;
	SSL *ssl;
	bool done, failed;
	struct fl_buf got;
	bool closed; /* close_notify or end seen */
};
void net_tls_dial(struct net_tls_peer *p, const struct fl_addrport *at, int version);
bool net_tls_step(struct net_tls_peer *p); /* handshake, then reads what is there; true when done */
bool net_tls_ready(void *peer);
void net_tls_done(struct net_tls_peer *p);

/* `len` bytes that show where one is missing or out of place; the caller frees. */
uint8_t *net_bytes(size_t len);

/* Reads until the end or an error; the number of bytes. */
size_t net_drain_fd(int fd, int *out_errno);

/* Makes libuv and OpenSSL open what they keep for good, so that counting descriptors works. */
void net_warm_up(void);

/* How many descriptors this process has open. */
unsigned net_fd_count(void);

#endif
