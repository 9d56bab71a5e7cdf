/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/shipc.h - one SHIP device in the client's role: mutual TLS, WebSocket, the handshake, data.
 *
 * Own frames and texts on purpose: a fault shared with the server's code would prove itself right.
 * The device is trusted by the server beforehand and asks for no PIN.
 *
 * Source  docs/protocol/ship.md 3, 4, 5
 */
#ifndef FL_BENCH_SHIPC_H
#define FL_BENCH_SHIPC_H

#include "pipe.h"
#include "shipid.h"

enum { SHIP_PAYLOAD_MAX = 64 << 10 };

struct ship;

struct ship_calls {
	void (*up)(struct ship *s); /* data may be sent */
	/* What stands behind "payload": of a data message, as it is on the wire. */
	void (*payload)(struct ship *s, struct fl_slice wire);
	void (*down)(struct ship *s, const char *why);
};

struct ship {
	struct pipe pipe;
	const struct ship_calls *calls;
	const struct ship_id *id;
	uint32_t index;
	struct fl_buf partial, message; /* bytes of an unfinished frame; of an unfinished message */
	enum {
		SHIP_UPGRADE,
		SHIP_CMI,
		SHIP_HELLO,
		SHIP_PROTOCOL,
		SHIP_PIN,
		SHIP_ACCESS,
		SHIP_UP
	} state;
	bool asked, told; /* access methods: by the server, to us */
};

bool ship_open(struct ship *s, uint16_t port, const struct ship_calls *calls);

/* Says goodbye at the level of WebSocket and closes. */
void ship_close(struct ship *s);

/* Sends a payload in the form of the wire; waits in the pipe until pipe_flush. */
void ship_send(struct ship *s, struct fl_slice wire);

#endif
