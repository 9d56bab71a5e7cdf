/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/state/change.h - one fact that some sessions must hear, as data.
 *
 * A change names what happened, not what to send: the message is computed from the current
 * records when it is delivered. Repeated changes of one node merge.
 *
 * Source  docs/lifecycle.md CHG-1 to CHG-10
 */
#ifndef FL_DOMAIN_STATE_CHANGE_H
#define FL_DOMAIN_STATE_CHANGE_H

#include <stdint.h>

enum fl_record_kind {
	FL_RECORD_USER,
	FL_RECORD_PREAUTH,
	FL_RECORD_APIKEY,
	FL_RECORD_NODE,
	FL_RECORD_REVISION, /* of the policy */
	FL_RECORD_KINDS
};

enum fl_change_kind {
	FL_CHANGE_NODE_ADDED,   /* whole entry and owner's profile to viewers, self to itself */
	FL_CHANGE_NODE_CHANGED, /* structural: whole entry to viewers, self to itself */
	FL_CHANGE_NODE_PATCHED, /* only fields of `fields`: a PeersChangedPatch for viewers */
	FL_CHANGE_NODE_EXPIRED, /* its expiry passed: entry to viewers, self to itself */
	FL_CHANGE_NODE_REMOVED, /* PeersRemoved to viewers; its own sessions end */
	FL_CHANGE_USER,         /* profile to those who see its nodes */
	FL_CHANGE_ROUTES,       /* it serves or carries other routes: entry, self */
	FL_CHANGE_HEALTH,       /* a router answers probes again, or not: the policy may steer */
	FL_CHANGE_POLICY,       /* another policy takes effect; `id` is its revision, 0: a file */
};
enum { FL_CHANGE_KINDS = FL_CHANGE_POLICY + 1 };

/* For FL_CHANGE_NODE_PATCHED. */
enum fl_patch_field {
	FL_PATCH_ENDPOINTS = 1 << 0,
	FL_PATCH_DERP = 1 << 1,
	FL_PATCH_KEY = 1 << 2, /* node key with expiry */
	FL_PATCH_DISCO = 1 << 3,
	FL_PATCH_EXPIRY = 1 << 4,
	FL_PATCH_CAP = 1 << 5,
	FL_PATCH_ONLINE = 1 << 6, /* added by presence, which is not durable */
};

/*
 * For FL_CHANGE_NODE_CHANGED: what the node may serve is to be judged anew, because it logged in
 * again, has another owner, or announces other routes.
 */
enum { FL_CHANGED_REVIEW = 1 << 7 };

/* For FL_CHANGE_USER: it has another role, which policies look at and profiles do not show. */
enum { FL_CHANGED_ROLE = 1 << 8 };

struct fl_change {
	enum fl_change_kind kind;
	uint64_t id;     /* node or user */
	uint32_t fields; /* enum fl_patch_field, or one of the above */
	uint64_t origin; /* the node that caused it or whose key it concerns; 0: an admin or time */
};

#endif
