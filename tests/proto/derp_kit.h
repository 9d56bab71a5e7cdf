/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/derp_kit.h - a relay machine with its driver and clients, for its tests.
 *
 * The kit plays sockets and clock: what a client is sent is gathered in its `out`, time stands
 * still until a test moves it. A client whose `stalled` is set takes one write and then nothing.
 */
#ifndef TESTS_PROTO_DERP_KIT_H
#define TESTS_PROTO_DERP_KIT_H

#include "proto/derp/server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum { KIT_CLIENTS = 64 };

struct kit_client {
	struct kit *kit;
	struct fl_derp_client *c; /* NULL once closed */
	struct fl_private_key priv;
	struct fl_node_key key;
	struct fl_buf out;
	size_t at;       /* of `out`, already looked at */
	unsigned writes; /* output calls that gave something */
	bool stalled, taken, paused;
	enum fl_err reason; /* it was closed for */
};

struct kit {
	struct fl_derp_server *s;
	fl_time now;
	struct kit_client at[KIT_CLIENTS];
	size_t count;
	bool hold_admission; /* tests answer themselves */
	bool refuse;
	bool trusting; /* no census after each step: it costs with thousands of clients */
	unsigned admissions;
};

void kit_init(struct kit *k, const struct fl_derp_config *cfg); /* NULL: defaults */
void kit_done(struct kit *k); /* also checks gauges on the way down */

/* Connects; the server's key waits in `out`. `id` makes the key pair; equal ids are duplicates. */
struct kit_client *kit_connect(struct kit *k, uint8_t id);
/* Connects, logs in, and reads what the server says to that. */
struct kit_client *kit_login(struct kit *k, uint8_t id);
void kit_leave(struct kit_client *kc);

/* Bytes from the client. */
void kit_feed(struct kit_client *kc, struct fl_slice in);
void kit_feed_frame(struct kit_client *kc, uint8_t type, size_t len); /* zeros as body */
void kit_send(struct kit_client *kc, const struct fl_node_key *dst, size_t len, uint8_t mark);
void kit_send_disco(struct kit_client *kc, const struct fl_node_key *dst, uint8_t mark);
void kit_hello(struct kit_client *kc); /* the login frame */

void kit_tick(struct kit *k, fl_time by);
void kit_run(struct kit *k);
void kit_stall(struct kit_client *kc); /* takes one more write */
void kit_unstall(struct kit_client *kc);

/* The next frame the client was sent; fails the test when its type is another. */
struct fl_slice kit_expect(struct kit_client *kc, uint8_t type);
void kit_expect_nothing(struct kit_client *kc);
/* A packet from `src`, marked `mark`, of `len` bytes. */
void kit_expect_packet(struct kit_client *kc, const struct kit_client *src, size_t len,
		       uint8_t mark);
void kit_expect_gone(struct kit_client *kc, const struct fl_node_key *key, uint8_t reason);
size_t kit_count(struct kit_client *kc, uint8_t type); /* of all frames left; reads them */

const struct fl_derp_stats *kit_stats(struct kit *k);

#endif
