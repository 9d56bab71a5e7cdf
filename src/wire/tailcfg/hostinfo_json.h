/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/hostinfo_json.h - Hostinfo out of a document that is already parsed.
 *
 * Source  docs/protocol/control.md 5.8
 */
#ifndef FL_WIRE_TAILCFG_HOSTINFO_JSON_H
#define FL_WIRE_TAILCFG_HOSTINFO_JSON_H

#include "wire/json.h"
#include "wire/tailcfg/hostinfo.h"

/* As fl_hostinfo_parse; absent gives an empty Hostinfo. A wrong type fails the document as well. */
FL_MUST enum fl_err fl_hostinfo_from(struct fl_jv obj, struct fl_hostinfo **out);

#endif
