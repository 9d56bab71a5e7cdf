/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/pipe.h - a byte stream to a server, inside TLS or plain.
 *
 * Each pipe_send makes one TLS record, as Tailscale's client does; records wait until pipe_flush,
 * which hands several to one system call. Certificates are not checked: the server is known.
 */
#ifndef FL_BENCH_PIPE_H
#define FL_BENCH_PIPE_H

#include <openssl/ssl.h>

#include "base/buf.h"
#include "loop.h"

struct pipe;

struct pipe_calls {
	void (*up)(struct pipe *p); /* connected, TLS finished */
	void (*data)(struct pipe *p, struct fl_slice chunk);
	void (*down)(struct pipe *p, const char *why);
	void (*dress)(struct pipe *p,
		      SSL *ssl); /* before the handshake: a certificate of ours; may be NULL */
};

struct pipe {
	struct ear ear;
	const struct pipe_calls *calls;
	SSL *ssl;
	struct fl_buf out;
	size_t sent;
	enum { PIPE_CONNECT, PIPE_HELLO, PIPE_UP, PIPE_DOWN } state;
	bool tls, dirty;
};

/*
 * `lean` gives buffers back between records: for thousands of idle pipes. TLS 1.3 with AES-128-GCM,
 * or `tls12`: with ECDHE-ECDSA-AES128-SHA256, which every SHIP node has.
 */
void pipe_setup(bool lean, bool tls12);
const char *pipe_cipher(const struct pipe *p);

bool pipe_open(struct pipe *p, uint16_t port, unsigned source, bool tls,
	       const struct pipe_calls *calls);
void pipe_send(struct pipe *p, const void *src, size_t len);
void pipe_flush(struct pipe *p);
void pipe_stall(struct pipe *p); /* never read again */
void pipe_close(struct pipe *p);

static inline size_t pipe_pending(const struct pipe *p)
{
	return p->out.len - p->sent;
}

#endif
