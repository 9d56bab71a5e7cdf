/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/admin.h - the local socket of a hub: the API of docs/ship.md, events, and metrics.
 *
 * Whoever can open the socket may do everything; access is the file's permission. Errors are told
 * as {"error","code","field","hint"}.
 *
 * Thread  the loop's.
 * Limits  a payload of the hub's message limit; 256 connections. While a reader of events has not
 *         taken 1 MiB of them nothing is read from devices; one that takes nothing for 30 s, or
 *         leaves 8 MiB, is closed.
 */
#ifndef FL_SERVICES_SHIP_ADMIN_H
#define FL_SERVICES_SHIP_ADMIN_H

#include "io/http.h"
#include "services/ship/hub.h"

/* Zero-initialise. Strings are copied. */
struct fl_ship_admin_config {
	const char *socket;            /* path of the Unix socket; NULL: none */
	uint32_t socket_mode;          /* e.g. 0660 */
	struct fl_addrport metrics_at; /* /metrics, /health, /version over TCP; unset: none */
};

struct fl_ship_admin;

/* `h` outlives it. Errors with text: those of fl_listener_new. */
FL_MUST enum fl_err fl_ship_admin_new(struct fl_loop *l, struct fl_ship_hub *h,
				      const struct fl_ship_admin_config *cfg,
				      struct fl_fault *fault, struct fl_ship_admin **out);

/* Closes the sockets and all connections. NULL in, NULL out. */
struct fl_ship_admin *fl_ship_admin_free(struct fl_ship_admin *a);

struct fl_addrport fl_ship_admin_metrics_at(const struct fl_ship_admin *a);

#endif
