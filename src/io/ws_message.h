/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/ws_message.h - a WebSocket connection whose messages count as such, in both roles, with pings
 * of its own and close frames that carry a reason. (What carries a byte stream is fl_ws_wrap.)
 *
 * Thread    the loop of its stream. No callback inside a call.
 * Memory    nothing while idle; a message in pieces takes what has come of it, whatever its head
 *           announces. One that comes whole in one read is not copied.
 * Limits    one message received: message_max, over it 1009; sent and not yet taken: pending_max.
 *           Pings are answered at once, whatever the owner does, also while paused, until 64 KiB of
 *           messages wait; then nothing more is read, TCP pushes back on the peer, and a pong is
 *           not missed. At most 64 control frames of ours wait for the peer to read; further pings
 *           go unanswered.
 * Source    docs/protocol/ship.md 3 (RFC 6455)
 */
#ifndef FL_IO_WS_MESSAGE_H
#define FL_IO_WS_MESSAGE_H

#include "io/stream.h"

struct fl_wsm;

struct fl_wsm_owner {
	/* One whole binary message, borrowed during the call. */
	void (*on_message)(void *ctx, struct fl_slice message);
	/* All that was queued has been taken. May be NULL. */
	void (*on_drain)(void *ctx);
	/*
	 * Over: the peer's close code and reason (1005: a close frame without a code; 1006 and
	 * empty: none came). `err`: FL_OK closed in order, FL_ERR_TIMEOUT (no pong, or nothing of
	 * what is queued was taken in time), FL_ERR_PROTO (text, bad frame), FL_ERR_TOO_BIG,
	 * FL_ERR_CRYPTO (an alert: the peer refused our certificate), FL_ERR_NOMEM, FL_ERR_CLOSED.
	 * It comes once, after the messages that a pause holds back. The owner frees the
	 * connection by fl_wsm_close.
	 */
	void (*on_end)(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason);
};

struct fl_wsm_config {
	bool client;
	size_t message_max, pending_max;
	int64_t ping_every, pong_within; /* ns; 0: no pings. Only pongs count as life */
	int64_t write_within; /* ns in which some of what is queued must be taken; 0: no matter */
};

/* Takes `under` (also on failure) after the upgrade; `early` was read past it. FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_wsm_new(struct fl_stream *under, struct fl_slice early,
			       const struct fl_wsm_config *cfg, const struct fl_wsm_owner *owner,
			       void *ctx, struct fl_wsm **out);

/*
 * Queues one binary message. Errors: FL_ERR_FULL (nothing was queued, the connection goes on),
 * FL_ERR_CLOSED, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_wsm_send(struct fl_wsm *w, struct fl_slice message);

size_t fl_wsm_pending(const struct fl_wsm *w); /* bytes queued and not yet taken */

/* No messages are delivered (at most one buffer of them waits); pings are still answered. */
void fl_wsm_pause(struct fl_wsm *w, bool paused);

/*
 * Sends what is queued and a close frame, waits for the peer's or 2 s, and frees; nobody is called
 * any more. `reason` (may be NULL) is cut to 123 bytes at the end of a character. After on_end it
 * only frees. NULL in, NULL out.
 */
struct fl_wsm *fl_wsm_close(struct fl_wsm *w, uint16_t code, const char *reason);

#endif
