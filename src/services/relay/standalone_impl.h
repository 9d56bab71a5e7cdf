/* SPDX-License-Identifier: BSD-3-Clause */
/* services/relay/standalone_impl.h - the inside of a relay process, for its three files only. */
#ifndef FL_SERVICES_RELAY_STANDALONE_IMPL_H
#define FL_SERVICES_RELAY_STANDALONE_IMPL_H

#include "services/relay/allow.h"
#include "services/relay/identity.h"
#include "services/relay/standalone.h"

struct fl_relay_standalone {
	struct fl_loop *loop;
	char *host, *cert_path, *key_path, *rate_path, *allow_path;
	struct fl_relay_allow allow; /* with allow_path */
	bool made_cert;              /* ours: clients know it by its pin */
	struct fl_relay_identity identity;
	struct fl_relay *relay;
	struct fl_stun *stun;
	struct fl_listener *listener, *http, *metrics;
	struct fl_http_route routes[FL_RELAY_ROUTES_MAX + 1], metrics_routes[2], http_route;
	struct fl_http_router router, clear_router; /* the same pages over TLS and without */
	struct fl_http_router http_router, metrics_router;
	struct fl_http_group conns;
	struct fl_timer renew;
	fl_time accept_full; /* GCRA of new connections */
	uint64_t accept_refused;
	uint32_t accept_rate, accept_burst;
};

/* Fills in the routers; the relay exists. */
void fl_relay_standalone_routers(struct fl_relay_standalone *s);

#endif
