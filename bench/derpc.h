/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/derpc.h - one relay client: upgrade with fast start where the relay offers it, boxed
 * info, frames.
 *
 * Own framing on purpose: a fault shared with the relay's code would prove itself right.
 *
 * Source  docs/protocol/relay.md 2, 3, 5 to 7
 */
#ifndef FL_BENCH_DERPC_H
#define FL_BENCH_DERPC_H

#include "crypto/keys.h"
#include "pipe.h"

enum {
	DERP_HEAD = 5,
	DERP_SEND_HEAD = DERP_HEAD + FL_KEY_LEN,
	DERP_PACKET_MAX = 65536,
};

enum derp_type {
	DERP_SERVER_KEY = 0x01,
	DERP_CLIENT_INFO = 0x02,
	DERP_SERVER_INFO = 0x03,
	DERP_SEND_PACKET = 0x04,
	DERP_RECV_PACKET = 0x05,
	DERP_KEEP_ALIVE = 0x06,
};

struct derp;

struct derp_calls {
	void (*up)(struct derp *d); /* server info received */
	void (*packet)(struct derp *d, const uint8_t *source, struct fl_slice packet);
	void (*down)(struct derp *d, const char *why);
};

struct derp {
	struct pipe pipe;
	const struct derp_calls *calls;
	uint32_t index;
	struct fl_private_key secret;
	uint8_t key[FL_KEY_LEN];
	struct fl_buf partial;
	enum { DERP_START, DERP_UPGRADE, DERP_KEY, DERP_INFO, DERP_UP } state;
	bool fast_start;
	uint64_t keep_alives;
};

/* The key pair of client `index`. */
void derp_identify(struct derp *d, uint32_t index, uint64_t seed);

bool derp_open(struct derp *d, uint16_t port, bool tls, const struct derp_calls *calls);
void derp_close(struct derp *d);

/*
 * Sends a packet; `frame` has DERP_SEND_HEAD bytes of room before the packet of `len` bytes.
 * Waits in the pipe until pipe_flush.
 */
void derp_send(struct derp *d, const uint8_t to[static FL_KEY_LEN], uint8_t *frame, size_t len);

#endif
