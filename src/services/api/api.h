/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/api/api.h - the admin API, /api/v1: JSON over the public listener with a bearer key, and
 * over the Unix socket without.
 *
 * A connection of the Unix socket is trusted as a whole: access is the file's permission. On the
 * public listener each request needs `Authorization: Bearer hskey-api-...` of a key that exists
 * and has not expired; everything else is 401 with the same text, in the same time.
 *
 * Answers follow docs/api.md: numbers of 64 bits as strings, times RFC 3339, empty fields emitted,
 * errors as application/problem+json.
 *
 * Limits  bodies of 1 MiB, with policies of 4 MiB; failed keys of one address are slowed down.
 */
#ifndef FL_SERVICES_API_API_H
#define FL_SERVICES_API_API_H

#include "services/control/control.h"

struct fl_api;

FL_MUST enum fl_err fl_api_new(struct fl_control *control, const uint8_t seed[static 16],
			       struct fl_api **out);
struct fl_api *fl_api_free(struct fl_api *a);

/* The policies that /api/v1/policy is about; borrowed until the API is freed. */
struct fl_policies;
void fl_api_policies(struct fl_api *a, struct fl_policies *policies);

/*
 * Routes of the API; their context is the struct fl_api. The connection's conn_ctx tells trust:
 * see below.
 */
const struct fl_http_route *fl_api_routes(size_t *out_count);

/* The `refuse` of a router (io/http.h) with these routes: what is below /api/v1 is told as JSON. */
bool fl_api_refuse(struct fl_api *a, struct fl_http *x, unsigned status, const char *why);

/*
 * Answers whether the node that the query names (`node`) answers, as POST /api/v1/node/{node}/ping
 * does. Whoever asks was let in already, by other rules than the API's.
 */
void fl_api_ping(struct fl_api *a, struct fl_http *x);

/* Requests without a valid key so far. */
uint64_t fl_api_refusals(const struct fl_api *a);

/* The conn_ctx that a listener gives to fl_http1_serve when the API is among its routes. */
struct fl_api_conn {
	bool trusted;
};
extern struct fl_api_conn fl_api_trusted, fl_api_public;

#endif
