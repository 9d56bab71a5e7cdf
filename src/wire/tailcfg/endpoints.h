/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/endpoints.h - which endpoints of a list a map request keeps.
 *
 * Source  docs/protocol/control.md 5.1
 */
#ifndef FL_WIRE_TAILCFG_ENDPOINTS_H
#define FL_WIRE_TAILCFG_ENDPOINTS_H

#include "wire/tailcfg/request.h"

/*
 * Makes room for a list of `*n` texts, of which those beyond FL_TAILCFG_ENDPOINTS_MAX are left
 * out: then `*n` says how many to add. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_endpoints_reserve(struct fl_map_request *r, size_t *n);

/* Adds one text of the list, where it is of use to peers. Errors: FL_ERR_SYNTAX: no address. */
FL_MUST enum fl_err fl_endpoints_add(struct fl_map_request *r, struct fl_slice text, uint8_t type);

#endif
