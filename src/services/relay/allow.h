/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/relay/allow.h - a file with the node keys that may use a relay.
 *
 * One "nodekey:..." a line; empty lines and lines that begin with '#' are skipped.
 *
 * Limits  files up to FL_RELAY_ALLOW_FILE_MAX bytes, some hundred thousand keys.
 */
#ifndef FL_SERVICES_RELAY_ALLOW_H
#define FL_SERVICES_RELAY_ALLOW_H

#include "crypto/keys.h"

enum { FL_RELAY_ALLOW_FILE_MAX = 16 << 20 };

struct fl_relay_allow {
	struct fl_node_key *at; /* sorted */
	size_t len, cap;
};

/* Errors with text in `fault`: those of the file, FL_ERR_INVALID with the line, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_relay_allow_load(const char *path, struct fl_fault *fault,
					struct fl_relay_allow *out);
void fl_relay_allow_done(struct fl_relay_allow *a);
bool fl_relay_allow_has(const struct fl_relay_allow *a, const struct fl_node_key *key);

#endif
