/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream.h - a byte stream to a peer: TCP, Unix, TLS over either, or WebSocket messages.
 *
 * One type for all, so that Noise, HTTP and the relay do not know what carries them. A stream has
 * one owner at a time; fl_stream_own hands it on together with bytes that were read too far.
 *
 * Writing never blocks: what the socket does not take is kept up to the stream's limit; over it
 * the write fails with FL_ERR_FULL and the stream is unusable (the caller closes it). Owners with
 * queues of their own look at fl_stream_pending and wait for on_drain instead.
 *
 * Thread  the loop it was made on.
 * Memory  an idle stream keeps no buffer (a TLS one: what OpenSSL keeps with released buffers).
 *         Reading happens into one buffer per loop, 64 KiB; on_data borrows it during the call.
 * Limits  pending bytes: FL_STREAM_PENDING_DEFAULT unless set.
 */
#ifndef FL_IO_STREAM_H
#define FL_IO_STREAM_H

#include "base/bytes.h"
#include "base/ip.h"
#include "io/loop.h"

enum { FL_STREAM_PENDING_DEFAULT = 1 << 20 };

struct fl_stream;

/*
 * What the owner hears. None of these is called after fl_stream_close, nor inside a call on the
 * stream. The owner may close, write, pause and hand over inside any of them.
 */
struct fl_stream_owner {
	/* Bytes arrived. `data` may be overwritten in place by the owner during the call. */
	void (*on_data)(void *ctx, uint8_t *data, size_t len);
	/* Pending bytes fell to zero after a write that could not finish at once. May be NULL. */
	void (*on_drain)(void *ctx);
	/*
	 * The stream ended: FL_OK for an orderly end by the peer, FL_ERR_CLOSED for a reset,
	 * FL_ERR_TIMEOUT, FL_ERR_PROTO (TLS or WebSocket violation), FL_ERR_IO. It comes after
	 * all bytes and waits out a pause, unless writing has failed. The owner closes the stream.
	 * Also called, from the loop, after a write failed and the owner did not close.
	 */
	void (*on_end)(void *ctx, enum fl_err why);
};

/*
 * Makes `owner` the owner. `early` (may be empty) is copied and delivered first, from the loop,
 * before anything newly read; a pause of the old owner ends. Errors: FL_ERR_NOMEM, then the stream
 * still has its old owner.
 */
FL_MUST enum fl_err fl_stream_own(struct fl_stream *s, const struct fl_stream_owner *owner,
				  void *ctx, struct fl_slice early);

/*
 * Sends or queues. Errors: FL_ERR_FULL (limit), FL_ERR_CLOSED, FL_ERR_NOMEM; close the stream
 * then. One call is one TLS record for each 16 KiB and one system call: gather before writing.
 */
FL_MUST enum fl_err fl_stream_write(struct fl_stream *s, struct fl_slice data);

/* A write comes soon: fetches what it touches while something else is done. */
void fl_stream_ahead(const struct fl_stream *s);

size_t fl_stream_pending(
	const struct fl_stream *s); /* bytes queued and not yet taken by the kernel */
void fl_stream_limit(struct fl_stream *s, size_t pending_max);

/* Stops or resumes reading, so that TCP pushes back on the peer. */
void fl_stream_pause(struct fl_stream *s, bool paused);

/*
 * Closes without further callbacks. Queued bytes are still sent for at most `linger` ns (0 = drop
 * them now); then our direction is shut and the peer has up to two seconds of the linger to read
 * and close, since a reset would destroy what it has not read. Accepts NULL; returns NULL. Memory
 * goes at the end of the tick or of the linger.
 */
struct fl_stream *fl_stream_close(struct fl_stream *s, int64_t linger);

/* ns since a queued byte was last taken by the kernel, 0 if nothing is queued. */
int64_t fl_stream_stalled(const struct fl_stream *s);

/* Until it has another owner nothing is read or told. */
void fl_stream_disown(struct fl_stream *s);

/* ---- moving to another loop ---- */

/* Where the stream is counted among those of its listener. */
struct fl_stream_place {
	void (*leave)(void *ctx, const struct fl_addrport *peer); /* NULL: nowhere */
	void *ctx;
	struct fl_addrport peer;
};

/*
 * Takes the stream from its owner and off its loop, with all that is queued and held, so that
 * another thread can attach it to its own loop; until then nothing else may be called. Its place
 * stays with the caller, who leaves it on the listener's loop when the stream has gone.
 */
void fl_stream_detach(struct fl_stream *s, struct fl_stream_place *out);
/* Errors: FL_ERR_NOMEM; then it can only be closed. */
FL_MUST enum fl_err fl_stream_attach(struct fl_stream *s, struct fl_loop *l);
void fl_stream_place_leave(struct fl_stream_place *place); /* once; harmless again */

struct fl_addrport fl_stream_peer(const struct fl_stream *s); /* unset for Unix sockets */
struct fl_addrport fl_stream_here(const struct fl_stream *s); /* our end of it; the same */
bool fl_stream_is_tls(const struct fl_stream *s);
bool fl_stream_is_local(const struct fl_stream *s); /* a Unix socket */
struct fl_loop *fl_stream_loop(const struct fl_stream *s);

/*
 * How a peer is found that has vanished; the stream then ends with FL_ERR_TIMEOUT. One that
 * acknowledges is alive, however slowly it reads: what that costs bounds the owner, by
 * fl_stream_pending and fl_stream_stalled.
 */
struct fl_keepalive {
	unsigned idle_s, interval_s, probes; /* the kernel's, while nothing is under way */
	/* ns, while something is: up to a third less after its last sign; 0: the kernel's way */
	int64_t unanswered;
};

/* TCP only, others ignore it. Called again it begins anew. */
void fl_stream_keepalive(struct fl_stream *s, const struct fl_keepalive *how);

/*
 * TCP only, others ignore it: over this many bytes that it could not yet send the kernel takes no
 * more, where it would else hold some MB for each peer that reads slowly.
 */
void fl_stream_unsent_max(struct fl_stream *s, unsigned bytes);

/* Trades about a millisecond of delay for fewer system calls while the stream brings much. */
void fl_stream_bulk(struct fl_stream *s);

/* ---- WebSocket (RFC 6455) on top of a stream ---- */

/*
 * Wraps `under` (taken, also on failure) after the HTTP upgrade was answered: the result carries
 * the payload of binary messages as a byte stream in both directions; what is written leaves in
 * messages of at most 32 KiB. Pings are answered; a text message or one over `message_max` bytes
 * ends it with FL_ERR_PROTO. `early` as in fl_stream_own. on_end says FL_OK for a close frame and
 * FL_ERR_CLOSED where none came. `client`: we mask.
 */
FL_MUST enum fl_err fl_ws_wrap(struct fl_stream *under, struct fl_slice early, size_t message_max,
			       bool client, struct fl_stream **out);

/* Sends a close frame with `code` (e.g. 1008) and closes. */
struct fl_stream *fl_ws_close(struct fl_stream *s, uint16_t code);

/* ---- outgoing ---- */

struct fl_tls_client; /* see io/tls.h */

/*
 * Connects to an address; `done` is called once from the loop: FL_OK with a stream that the callee
 * owns (fl_stream_own), or an error with NULL. fl_connect_cancel before that.
 */
struct fl_connect;
FL_MUST enum fl_err fl_tcp_connect(struct fl_loop *l, const struct fl_addrport *to, int64_t timeout,
				   void (*done)(void *ctx, enum fl_err err, struct fl_stream *s),
				   void *ctx, struct fl_connect **out);
struct fl_connect *fl_connect_cancel(struct fl_connect *c);

#endif
