/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/hostinfo_json.h - Hostinfo as a part of a document.
 *
 * Source  docs/protocol/control.md 5.8
 */
#ifndef FL_WIRE_TAILCFG_HOSTINFO_JSON_H
#define FL_WIRE_TAILCFG_HOSTINFO_JSON_H

#include "wire/json.h"
#include "wire/tailcfg/hostinfo.h"

/* Merging adds a home region to any text. */
enum { FL_HOSTINFO_TEXT_MAX = FL_HOSTINFO_JSON_MAX - 64 };

/* As fl_hostinfo_parse; absent gives an empty Hostinfo. A wrong type fails the document as well. */
FL_MUST enum fl_err fl_hostinfo_from(struct fl_jv obj, struct fl_hostinfo **out);

/*
 * The text of the member Hostinfo in a document that may be no JSON at all. Nothing if there is
 * none, or if there is any doubt that it is the only one: another spelling, a second one.
 */
struct fl_slice fl_hostinfo_find(struct fl_slice json);

/* At most `max` bytes, never half a character. */
struct fl_slice fl_hostinfo_cut(struct fl_slice s, size_t max);

/*
 * Fills json, json_len and peer_len from the document, routes and tags from the fields. Claims that
 * cannot be kept in the text are dropped from the fields too.
 */
FL_MUST enum fl_err fl_hostinfo_normalise(struct fl_hostinfo *h, struct fl_jv root);

#endif
