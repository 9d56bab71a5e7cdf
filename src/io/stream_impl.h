/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_impl.h - the inside of streams, for the transports in this folder only.
 *
 * A stream is a base with a table of what its transport does. The base keeps the rules every
 * owner relies on: bytes in order across a change of owner, nothing while paused, the end last
 * and once, nothing after close, and no callback inside a call. Calls only note what is due and
 * defer; fl_stream_pump delivers.
 */
#ifndef FL_IO_STREAM_IMPL_H
#define FL_IO_STREAM_IMPL_H

#include "crypto/openssl.h"
#include "io/loop_impl.h"
#include "io/stream.h"
#include "io/tls.h"

#include <sys/socket.h>

struct fl_stream_ops {
	enum fl_err (*write)(struct fl_stream *s, struct fl_slice data);
	size_t (*pending)(const struct fl_stream *s);
	/* Delivers bytes that the transport holds back, until there are none or it must stop. */
	void (*pull)(struct fl_stream *s);
	bool (*holds)(const struct fl_stream *s);
	/* Owner, pause or held bytes changed: read from below, or stop reading. */
	void (*rearm)(struct fl_stream *s);
	void (*close)(struct fl_stream *s, int64_t linger);
};

struct fl_stream {
	const struct fl_stream_ops *ops;
	struct fl_loop *loop;
	struct fl_stream *under; /* what carries it, or NULL: it is a socket */
	const struct fl_stream_owner *owner;
	void *ctx;
	struct fl_deferred work; /* pumps outside the current call */
	uint8_t *early;          /* handed over with the stream, not delivered yet */
	size_t early_len;
	enum fl_err end, write_err; /* what the owner is told, what broke writing */
	bool ended, told, paused, closed, drained;
	bool broken; /* writes fail from here on */
};

void fl_stream_init(struct fl_stream *s, const struct fl_stream_ops *ops, struct fl_loop *l);

/* Gives back what the base owns; the transport frees the struct. */
void fl_stream_done(struct fl_stream *s);

/* May bytes be delivered now? */
static inline bool fl_stream_hears(const struct fl_stream *s)
{
	return s->owner != NULL && !s->paused && !s->closed;
}

/* May newly read bytes be delivered now, with nothing older waiting? */
static inline bool fl_stream_wants(const struct fl_stream *s)
{
	return fl_stream_hears(s) && s->early_len == 0 && !s->ended && !s->ops->holds(s);
}

/* Notes the end; the pump tells the owner after all bytes. Only the first end counts. */
void fl_stream_ended(struct fl_stream *s, enum fl_err why);

/* The same from inside a call: writes fail from now on and the owner is told later. */
enum fl_err fl_stream_broke(struct fl_stream *s, enum fl_err why);

/* Delivers all that may be delivered, then arms reading. Never from inside a call on the stream. */
void fl_stream_pump(struct fl_stream *s);

/* Pumps from the loop. */
void fl_stream_pump_later(struct fl_stream *s);

/* ---- sockets ---- */

struct fl_sock_bulk {
	struct fl_list link; /* while it is read on the beat */
	fl_time since;       /* start of the window it is judged by */
	uint32_t bytes, reads, quiet, large;
	bool allowed;
};

struct fl_sock_silence {
	struct fl_list link; /* while it may owe us an answer */
	fl_time since;       /* when it began to, at the earliest */
	int64_t limit;       /* ns; 0: it is not watched */
	/* A step is a sixth of the limit; they are numbered from the clock's zero. */
	int64_t step;       /* of the last write */
	uint32_t written;   /* bytes in all, modulo 2^32 */
	uint32_t before[8]; /* of these before a step, at its number modulo the length */
};

struct fl_sock {
	struct fl_stream base;
	uv_poll_t *poll; /* NULL between two loops; apart, since libuv lets go of it later */
	int fd;
	int armed; /* UV_READABLE | UV_WRITABLE, as the poll has it */
	bool is_tcp;
	/* What an event means: a first byte, a handshake, data, a lingering end. */
	void (*on_event)(struct fl_sock *k, int events);
	void *event_ctx;
	struct fl_stream_place place; /* left when the descriptor is closed */
	uint8_t *out;                 /* [out_at, out_at + out_len) waits for the kernel */
	size_t out_at, out_len, out_cap, out_max;
	fl_time progress; /* when bytes were queued first, or taken last */
	struct fl_addrport peer;
	struct fl_linger *linger;
	struct fl_sock_bulk bulk;
	struct fl_sock_silence silence;
	/* TLS */
	SSL *ssl;
	struct fl_slice window; /* records at hand during a call into OpenSSL */
	uint8_t *held;          /* records read, not opened yet */
	size_t held_len;
};

/* Takes `fd` (also on failure). The stream reads nothing until it has an owner. */
FL_MUST enum fl_err fl_sock_new(struct fl_loop *l, int fd, bool is_tcp,
				const struct fl_addrport *peer, struct fl_sock **out);

/* Makes it an ordinary open stream: events mean data. */
void fl_sock_open(struct fl_sock *k);

/* Polls for exactly `events`. */
void fl_sock_arm(struct fl_sock *k, int events);

/* One read, delivered to the owner; gives how many bytes the socket had. */
size_t fl_sock_read(struct fl_sock *k);

/* Sends, queueing what the kernel does not take. Errors as fl_stream_write. */
FL_MUST enum fl_err fl_sock_send(struct fl_sock *k, struct fl_slice data);

/* Sends what is queued until the kernel has enough. FL_MORE: something is left. */
FL_MUST enum fl_err fl_sock_flush(struct fl_sock *k);

/* Nothing goes out any more: what is queued is dropped, and the owner is told by the pump. */
void fl_sock_fail(struct fl_sock *k, enum fl_err why);

/* Closes at once, without any word to the peer. */
void fl_sock_drop(struct fl_sock *k);

/* ---- busy sockets, read on a beat ---- */

static inline bool fl_sock_is_bulk(const struct fl_sock *k)
{
	return fl_list_linked(&k->bulk.link);
}

/* An event brought `n` bytes: from now on it may be read on the beat, without a poll. */
void fl_sock_bulk_note(struct fl_sock *k, size_t n);

/* Back to the poll, as rearming will have it. */
void fl_sock_bulk_leave(struct fl_sock *k);

/* ---- peers that answer nothing any more ---- */

/* Something is written to a socket that has a limit and is not among those looked at. */
void fl_sock_silence_begin(struct fl_sock *k);

/* `len` bytes are written to it, which it will have to acknowledge. */
void fl_sock_silence_note(struct fl_sock *k, size_t len);
/* It leaves its loop. */
void fl_sock_silence_leave(struct fl_sock *k);
/* It is closed. */
void fl_sock_silence_end(struct fl_sock *k);

/* ---- TLS over a socket ---- */

/* Makes the stream the server's or the client's end of TLS. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_sock_tls_start(struct fl_sock *k, SSL_CTX *ctx, bool client);

/* Says and hears what can be said and heard of the handshake without the socket being read. */
FL_MUST enum fl_err fl_sock_tls_shake(struct fl_sock *k);

/*
 * One step of the handshake on what an event brought. FL_MORE: the socket is armed for the next.
 * After a failure an alert may be on its way, and the loop has OpenSSL's word for it.
 */
FL_MUST enum fl_err fl_sock_tls_step(struct fl_sock *k, int events);

FL_MUST enum fl_err fl_sock_tls_write(struct fl_sock *k, struct fl_slice data);

/* Opens records and delivers them while the owner hears; keeps the rest. */
void fl_sock_tls_input(struct fl_sock *k, struct fl_slice records);

/* Opens the records kept by an earlier call. */
void fl_sock_tls_pull(struct fl_sock *k);

/* Queues the goodbye that tells an orderly end from a cut connection. */
void fl_sock_tls_bye(struct fl_sock *k);

void fl_sock_tls_done(struct fl_sock *k);

/* ---- contexts ---- */

/* The context connections are made from; borrowed. */
SSL_CTX *fl_tls_server_ctx(struct fl_tls_server *t);

/* What all of ours have in common: no tickets, no resumption, no renegotiation, small when idle. */
void fl_tls_ctx_init(SSL_CTX *ctx);

/*
 * `lib`: what `ctx` was made in. Errors with text: FL_ERR_SYNTAX, FL_ERR_INVALID (the key is of
 * another certificate).
 */
FL_MUST enum fl_err fl_tls_ctx_load(SSL_CTX *ctx, OSSL_LIB_CTX *lib, struct fl_slice chain_pem,
				    struct fl_slice key_pem, struct fl_fault *fault);

/* ---- outgoing ---- */

/* As fl_tcp_connect, to any address the kernel knows. timeout 0: none but the kernel's. */
FL_MUST enum fl_err fl_connect_to(struct fl_loop *l, const struct sockaddr_storage *to,
				  int64_t timeout,
				  void (*done)(void *ctx, enum fl_err err, struct fl_stream *s),
				  void *ctx, struct fl_connect **out);

/* The socket at the bottom of a stream. */
struct fl_sock *fl_stream_sock(const struct fl_stream *s);

#endif
