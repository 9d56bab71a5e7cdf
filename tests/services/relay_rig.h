/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/relay_rig.h - a relay process on loopback and clients with plain sockets or TLS.
 *
 * Clients know only the wire: they write bytes and look at what comes back while the loop runs.
 */
#ifndef TESTS_SERVICES_RELAY_RIG_H
#define TESTS_SERVICES_RELAY_RIG_H

#include "io/net.h"

#include "services/relay/standalone.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

struct rig {
	struct fl_loop *loop;
	struct fl_relay_standalone *relay;
	struct fl_addrport at;
};

/* Listens for both TLS and plain on a free port of loopback, STUN too. NULL: defaults. */
void rig_start(struct rig *r, const struct fl_relay_standalone_config *cfg);
void rig_stop(struct rig *r);
const struct fl_derp_stats *rig_stats(struct rig *r);

struct client {
	struct rig *r;
	int fd; /* -1: TLS */
	struct net_tls_peer tls;
	bool is_tls, ended;
	struct fl_buf got;
	size_t at;
	struct fl_private_key priv;
	struct fl_node_key key;
};

void client_dial(struct rig *r, struct client *c, uint8_t id, bool tls);
void client_close(struct client *c);
void client_write(struct client *c, const void *p, size_t n);
void client_text(struct client *c, const char *text);
void client_hello(struct client *c);

/* Runs the loop until `n` more bytes are there, borrowed until the next call. */
struct fl_slice client_read(struct client *c, size_t n);
/* Up to and with the empty line. */
struct fl_slice client_read_head(struct client *c);
bool contains(struct fl_slice s, const char *text);
bool client_ends(struct client *c); /* runs until the relay closes; false if it does not */
struct fl_slice client_frame(struct client *c, uint8_t type);

/* Dial, upgrade (fast start over TLS), login. */
void client_join(struct rig *r, struct client *c, uint8_t id, bool tls);
void client_send(struct client *c, const struct fl_node_key *dst, size_t len, uint8_t mark);
void client_expect(struct client *c, const struct client *from, size_t len, uint8_t mark);

#endif
