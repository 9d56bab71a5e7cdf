/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/netmap.h - writes what nodes are told: peers, whole maps, deltas, keep-alives.
 *
 * A node as seen by its peers is the same text for all of them. That text, the fragment, is
 * written once when the node changes and copied into every map and delta that mentions it. What
 * depends on settings only (DNS, DERP map, self capabilities, filters) is text inside the
 * configuration. So a map of a thousand peers is mostly memcpy.
 *
 * Everything follows from the arguments: no clock, no state, no visibility rule. Callers pass
 * only what the viewer may see.
 *
 * Thread  values are immutable; the configuration's count belongs to one thread.
 * Memory  inputs are borrowed for the call.
 * Source  docs/protocol/control.md 5.5 to 5.14, 6.3, 9; docs/lifecycle.md 7, 12 to 19
 */
#ifndef FL_DOMAIN_NETMAP_NETMAP_H
#define FL_DOMAIN_NETMAP_NETMAP_H

#include "base/buf.h"
#include "base/bytes.h"
#include "domain/state/change.h"
#include "domain/state/record.h"

/* ---- configuration ---- */

struct fl_netmap_split {
	const char *suffix; /* "corp.example" */
	const struct fl_strlist *nameservers;
};
struct fl_netmap_record {
	const char *name, *type, *value; /* type "", "A" or "AAAA" */
};

/* What a configuration is made from; borrowed for the call, NULL strings and lists are empty. */
struct fl_netmap_spec {
	const char *base_domain;           /* "tail.example"; a trailing dot is ignored */
	const char *display_name;          /* of the tailnet, NULL or "" = none */
	struct fl_prefix prefix4, prefix6; /* for reverse lookups; unset = none */
	bool magic_dns, override_local_dns, taildrop, logtail, auto_update, randomize_client_port;
	const struct fl_strlist *nameservers; /* addresses or https:// URLs */
	const struct fl_strlist *search_domains;
	const struct fl_netmap_split *split;
	size_t split_count;
	const struct fl_netmap_record *records;
	size_t records_count;
	struct fl_slice derp_map; /* JSON object: {"Regions":{"900":{...}}} */
};

/* Immutable, counted. A new DERP map or new records make a new configuration. */
struct fl_netmap_config;

/*
 * Errors: FL_ERR_INVALID with a fault (DERP map without a region or not an object of regions),
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_netmap_config_new(const struct fl_netmap_spec *spec, struct fl_fault *fault,
					 struct fl_netmap_config **out);
struct fl_netmap_config *fl_netmap_config_ref(struct fl_netmap_config *c);
struct fl_netmap_config *fl_netmap_config_unref(struct fl_netmap_config *c); /* NULL in, NULL out */

bool fl_netmap_config_has_region(const struct fl_netmap_config *c, uint32_t region);
struct fl_slice fl_netmap_config_derp(
	const struct fl_netmap_config *c); /* the DERP map; borrowed */
bool fl_netmap_config_same_derp(const struct fl_netmap_config *a, const struct fl_netmap_config *b);
bool fl_netmap_config_same_dns(const struct fl_netmap_config *a, const struct fl_netmap_config *b);

/*
 * Do nodes get different DNS settings? Then they come with self entries and whole maps only, and
 * `dns` of a delta without a self entry must not be set.
 */
bool fl_netmap_config_personal_dns(const struct fl_netmap_config *c);

/* Self entries and whole maps made with `a` hold for `b` too, DERP map and DNS aside. */
bool fl_netmap_config_same_self(const struct fl_netmap_config *a, const struct fl_netmap_config *b);

/* Fragments made with `a` hold for `b` too: same names and regions. */
bool fl_netmap_config_same_fragments(const struct fl_netmap_config *a,
				     const struct fl_netmap_config *b);

/* ---- one node ---- */

struct fl_netmap_presence {
	bool online;
};

/*
 * What it serves now (exit routes included) and of which subnets it is the primary; both sorted.
 * Under a policy, what of that one viewer gets.
 */
struct fl_netmap_routes {
	const struct fl_prefix *served, *primary;
	size_t served_count, primary_count;
	bool whole;     /* AllowedIPs name all of `served`, elected or not (a self entry) */
	bool exit_node; /* it is one, also if this viewer does not get its exit routes */
	bool no_ip4;    /* its own IPv4 address is not told */
};

/*
 * The node as its peers see it. Made anew when its record, presence, served or primary routes
 * change or its expiry passes; good for every viewer. AllowedIPs are its addresses, the subnets it
 * is primary for and its exit routes; LastSeen is there only when it is offline; an expired node
 * has no endpoints and no home region. NetInfo of its Hostinfo is left out: only the home region
 * concerns peers. Errors: FL_ERR_INVALID (full name over 255 bytes, zero key: leave this peer out),
 * FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_netmap_fragment(const struct fl_netmap_config *cfg, const struct fl_node *n,
				       const struct fl_netmap_presence *presence,
				       const struct fl_netmap_routes *routes, fl_wall now,
				       struct fl_bytes **out);

/* ---- messages ---- */

/* Finds users for profiles. For an unknown one a placeholder is sent: no peer lacks its profile. */
struct fl_netmap_users {
	struct fl_user *(*find)(void *ctx, fl_user_id id); /* borrowed, NULL = unknown */
	void *ctx;
};

/* An attribute by policy; `args` is JSON: a list, or null. */
struct fl_netmap_attr {
	char *name, *args;
};

struct fl_netmap_self {
	const struct fl_node *node; /* NULL in a delta = unchanged */
	struct fl_netmap_routes routes;
	const struct fl_netmap_attr *attrs; /* over the usual capabilities */
	size_t attrs_count;
};

/*
 * A peer to mention. In a full map only node and fragment count, and one without a fragment is left
 * out. In a delta `fields` is 0 for the whole entry, else what changed since the viewer last heard
 * of it (enum fl_patch_field); a whole entry without a fragment removes the peer from the viewer.
 */
struct fl_netmap_peer {
	const struct fl_node *node;
	const struct fl_bytes *fragment; /* NULL = none can be made */
	uint32_t fields;
	bool online;
};

struct fl_netmap_full {
	const struct fl_netmap_config *cfg;
	struct fl_netmap_self self;
	const struct fl_netmap_peer *peers; /* the viewer itself may be among them: it is skipped */
	size_t peers_count;
	const fl_user_id *owners; /* users to tell of besides; maybe some of them twice */
	size_t owners_count;
	struct fl_netmap_users users;
	fl_wall now;
	struct fl_slice filter; /* JSON list of rules; without: everything is allowed */
	struct fl_slice ssh;    /* JSON object; without: no rules */
};

/* The list of rules that allows everything. */
struct fl_slice fl_netmap_allow_all(void);

/*
 * A whole first message; the peers stand at its end. Errors: FL_ERR_INVALID (self has no valid
 * name), FL_ERR_NOMEM, FL_ERR_TOO_BIG (out's cap).
 */
FL_MUST enum fl_err fl_netmap_full_write(const struct fl_netmap_full *in, struct fl_buf *out);

/*
 * The same up to where the first peer stands, for a caller who has their texts: they follow, with
 * commas between, then "]}". `peers` is empty, `owners` names whose they are.
 */
FL_MUST enum fl_err fl_netmap_full_open(const struct fl_netmap_full *in, struct fl_buf *out);

/*
 * What changed, merged, as seen by one viewer; zero-initialised is nothing. Ids ascend in each
 * list.
 *
 * - An id both in `removed` and `peers` is there again: sent as a whole entry, not removed.
 * - A whole entry of an offline node comes with a patch of Online and LastSeen, which clients do
 *   not take from entries.
 * - A key or expiry change goes as a whole entry when there is a fragment, because only that clears
 *   Expired at the viewer; without one it is a patch, with the zero time for "no expiry".
 * - Endpoints and home region of an expired node are not told.
 */
struct fl_netmap_delta {
	const struct fl_netmap_config *cfg;
	struct fl_netmap_self self;         /* node set: the viewer's own entry anew */
	const struct fl_netmap_peer *peers; /* the viewer itself may be among them: it is skipped */
	size_t peers_count;
	const fl_node_id *removed;
	size_t removed_count;
	const fl_user_id *profiles; /* users to tell of, besides the owners of whole entries */
	size_t profiles_count;
	struct fl_netmap_users users;
	fl_node_id viewer;
	bool derp_map, dns; /* send them anew */
	fl_wall now;
	struct fl_slice filter, ssh; /* as in a full map; empty = unchanged */
};

/*
 * Appends one message. *out_any is false, and nothing is appended, when there is nothing to tell.
 * Errors: FL_ERR_ARG (ids do not ascend), FL_ERR_INVALID (self has no valid name), FL_ERR_NOMEM,
 * FL_ERR_TOO_BIG.
 */
FL_MUST enum fl_err fl_netmap_delta_write(const struct fl_netmap_delta *in, struct fl_buf *out,
					  bool *out_any);

/*
 * {"KeepAlive":true,"ControlTime":...}: with the time, because clients mistake other messages for
 * a bare one.
 */
FL_MUST enum fl_err fl_netmap_keepalive_write(fl_wall now, struct fl_buf *out);

/* Answered over Noise at `url`. */
struct fl_netmap_ping {
	const char *url;
	const char *request; /* HTTP/1.1, for the node's daemon to handle; NULL: none */
};

/*
 * A ping on a keep-alive, of which clients read nothing else: their network map stays as it is.
 * Errors: FL_ERR_NOMEM, FL_ERR_TOO_BIG.
 */
FL_MUST enum fl_err fl_netmap_ping_write(const struct fl_netmap_ping *in, fl_wall now,
					 struct fl_buf *out);

/*
 * A first message for a node that the server does not know: a self entry whose key has expired, no
 * peers, so that the client asks for a login instead of polling for ever. Says nothing but the
 * client's own key.
 */
FL_MUST enum fl_err fl_netmap_expired_self(const struct fl_netmap_config *cfg,
					   const struct fl_node_key *key, fl_wall now,
					   struct fl_buf *out);

#endif
