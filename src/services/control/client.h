/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/client.h - whose request it is: the peer of the connection, or whom a trusted
 * proxy names.
 *
 * Only a proxy inside the trusted prefixes is believed: True-Client-IP, else X-Real-IP, else the
 * right-most address of X-Forwarded-For that is not itself a trusted proxy. Anybody else's headers
 * say nothing.
 */
#ifndef FL_SERVICES_CONTROL_CLIENT_H
#define FL_SERVICES_CONTROL_CLIENT_H

#include "base/ip.h"
#include "io/http.h"

struct fl_trusted {
	struct fl_prefix *at; /* owned */
	size_t count;
};

/* Copies the list. Errors: FL_ERR_NOMEM, then nothing changed. */
FL_MUST enum fl_err fl_trusted_set(struct fl_trusted *t, const struct fl_prefix *at, size_t count);
void fl_trusted_done(struct fl_trusted *t);

/* The header values as they came; empty slices if absent. */
struct fl_client_claims {
	struct fl_slice true_client_ip, real_ip, forwarded_for;
};
struct fl_ip fl_trusted_client(const struct fl_trusted *t, const struct fl_ip *peer,
			       const struct fl_client_claims *claims);

/* The same of a request of HTTP/1. */
struct fl_ip fl_trusted_client_of(const struct fl_trusted *t, const struct fl_http *x);

#endif
