/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/strangers.h - what machines that own no node may cost, all of them together.
 *
 * Any machine key completes the handshake, so thousands of them cost nothing to make. Their
 * connections are counted by source, and what their requests hold comes out of one budget. A
 * machine stops being a stranger with the first request after it has registered.
 *
 * Limits  `per_source` connections from one address (IPv6: one /64); LOOPBACK_SHARE times as many
 *         from loopback, where one proxy stands for everybody; FL_STRANGERS_BYTES_MAX of requests.
 * Thread  the control loop.
 * Source  docs/architecture.md "Life of a login"
 */
#ifndef FL_SERVICES_CONTROL_STRANGERS_H
#define FL_SERVICES_CONTROL_STRANGERS_H

#include "base/ip.h"
#include "base/map.h"
#include "io/http.h"

enum { FL_STRANGERS_BYTES_MAX = 64 << 20 };

struct fl_strangers {
	uint32_t per_source; /* 0: nobody is counted */
	struct fl_map sources;
	struct fl_http_budget budget;
	size_t count;
	uint64_t refused; /* connections over the limit of their source */
};

void fl_strangers_init(struct fl_strangers *s, uint32_t per_source, const uint8_t seed[static 16]);
void fl_strangers_done(struct fl_strangers *s); /* after the last has left */

/* Errors: FL_ERR_FULL (too many of this source), FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_strangers_enter(struct fl_strangers *s, const struct fl_ip *from);
void fl_strangers_leave(struct fl_strangers *s, const struct fl_ip *from);

#endif
