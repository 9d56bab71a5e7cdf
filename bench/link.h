/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/link.h - one control connection: TCP, the upgrade of POST /ts2021, Noise, HTTP/2 inside.
 *
 * Uses the client half of the Noise code and nghttp2's client; nothing of the server's.
 *
 *   link_open    connects; answers come by callback
 *   link_post    one request; body chunks and the end come by callback
 *   link_close   ends it at once; the link may be freed after
 *
 * Source  docs/protocol/control.md 1.4 to 1.10
 */
#ifndef FL_BENCH_LINK_H
#define FL_BENCH_LINK_H

#include <nghttp2/nghttp2.h>

#include "loop.h"
#include "proto/control/noise.h"

struct link;

struct link_calls {
	void (*up)(struct link *l); /* requests may be posted */
	void (*head)(struct link *l, int32_t stream, int status);
	void (*data)(struct link *l, int32_t stream, struct fl_slice chunk);
	void (*end)(struct link *l, int32_t stream, bool whole);
	void (*down)(struct link *l, const char *why); /* closed by the other side, or an error */
};

struct link {
	struct ear ear;
	const struct link_calls *calls;
	void *ctx;
	enum { LINK_CONNECT, LINK_UPGRADE, LINK_RESPONSE, LINK_EARLY, LINK_OPEN, LINK_DEAD } state;
	struct fl_noise_handshake hs;
	struct fl_noise_conn noise;
	nghttp2_session *h2;
	struct fl_buf in, plain, out;
	size_t sent;
	bool busy, doomed; /* inside HTTP/2; to be closed when out of it */
	int64_t opened_at;
};

struct link_target {
	uint16_t port, version;
	struct fl_machine_key server;
};

/* Reads GET /key; waits up to `ns` for the server to come up. */
bool link_target_fetch(uint16_t port, uint16_t version, int64_t ns, struct link_target *out);

/* False if no socket could be connected. */
bool link_open(struct link *l, const struct link_target *to, const struct fl_private_key *machine,
	       unsigned source, const struct link_calls *calls, void *ctx);

/* The stream, or -1. `body` is copied. */
int32_t link_post(struct link *l, const char *path, struct fl_slice body);

void link_close(struct link *l);

#endif
