/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/tailcfg/endpoints.c - which endpoints of a list a map request keeps. */
#include "wire/tailcfg/endpoints.h"

#include <stdlib.h>

/* Addresses that mean nothing beyond one link are of no use to peers. */
static bool is_useful(const struct fl_addrport *a)
{
	return !(a->ip.family == FL_IP_V6 && fl_ip_is_link_local(&a->ip));
}

static bool is_known(const struct fl_map_request *r, const struct fl_addrport *a)
{
	for (size_t i = 0; i < r->endpoints_count; i++)
		if (fl_addrport_eq(&r->endpoints[i].at, a))
			return true;
	return false;
}

enum fl_err fl_endpoints_reserve(struct fl_map_request *r, size_t *n)
{
	if (*n == 0)
		return FL_OK;
	if (*n > FL_TAILCFG_ENDPOINTS_MAX)
		*n = FL_TAILCFG_ENDPOINTS_MAX;
	r->endpoints = calloc(*n, sizeof *r->endpoints);
	return r->endpoints != NULL ? FL_OK : FL_ERR_NOMEM;
}

/* A zone makes it useless, whatever the rest says. */
enum fl_err fl_endpoints_add(struct fl_map_request *r, struct fl_slice text, uint8_t type)
{
	struct fl_addrport at;

	if (text.len == 0 || memchr(text.ptr, '%', text.len) != NULL)
		return FL_OK;
	if (fl_addrport_parse(text, &at) != FL_OK)
		return FL_ERR_SYNTAX;
	if (is_useful(&at) && !is_known(r, &at))
		r->endpoints[r->endpoints_count++] = (struct fl_endpoint){ .at = at, .type = type };
	return FL_OK;
}
