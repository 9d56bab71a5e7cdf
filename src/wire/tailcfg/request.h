/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/request.h - RegisterRequest, RegisterResponse and MapRequest.
 *
 * Parsing follows Go's encoding/json where clients can tell: names match without regard to case,
 * the last duplicate wins, unknown names are ignored, null leaves a field as it was. A wrong type
 * or a malformed key fails the whole document.
 *
 * Memory  strings are owned by the struct; done frees. Secrets (auth_key) are wiped by done.
 * Limits  input at most 1 MiB (the caller's body limit), nesting 64 levels, see the enum.
 * Source  docs/protocol/control.md 2.2, 4.1, 4.2, 5.1
 */
#ifndef FL_WIRE_TAILCFG_REQUEST_H
#define FL_WIRE_TAILCFG_REQUEST_H

#include "base/buf.h"
#include "base/time.h"
#include "crypto/keys.h"
#include "wire/tailcfg/hostinfo.h"

enum {
	FL_TAILCFG_DEPTH_MAX = 64,
	FL_TAILCFG_AUTHKEY_MAX = 512,
	FL_TAILCFG_URL_MAX = 2048,
	FL_TAILCFG_ENDPOINTS_MAX = 64, /* further ones are cut */
};

struct fl_register_request {
	uint32_t version;
	struct fl_node_key node_key;
	char *auth_key; /* NULL if absent */
	char *followup; /* NULL if empty */
	fl_wall expiry; /* 0 = none */
	bool ephemeral;
	struct fl_hostinfo *hostinfo; /* never NULL */
};
FL_MUST enum fl_err fl_register_request_parse(struct fl_slice json,
					      struct fl_register_request *out);
void fl_register_request_done(struct fl_register_request *r);

/* Written as the real service does: every "always" field of the table present. */
struct fl_register_response {
	uint64_t user_id;
	const char *login_name, *display_name; /* borrowed */
	bool node_key_expired, machine_authorized;
	const char *auth_url; /* NULL = "" */
	const char *error;    /* NULL = "" */
};
void fl_register_response_write(const struct fl_register_response *r, struct fl_buf *out);

struct fl_endpoint {
	struct fl_addrport at;
	uint8_t type; /* 0 unknown, 1 local, 2 STUN, 3 port map, 4 STUN + local port, 5 explicit */
};

struct fl_map_request {
	uint32_t version;
	bool compress_zstd, stream, omit_peers, read_only;
	struct fl_node_key node_key;
	struct fl_disco_key disco_key;
	bool has_hostinfo;
	struct fl_hostinfo *hostinfo; /* NULL unless has_hostinfo */
	bool has_endpoints;           /* the key was present and not null */
	/* IPv6 link-local and zoned ones are dropped, duplicates removed. */
	struct fl_endpoint *endpoints;
	size_t endpoints_count;
};

/*
 * `known`, which may be NULL, is what the client said of itself before. If it says so again in the
 * same words, they are not read again: the request then has a reference to `known`.
 */
FL_MUST enum fl_err fl_map_request_parse(struct fl_slice json, struct fl_hostinfo *known,
					 struct fl_map_request *out);
void fl_map_request_done(struct fl_map_request *r);

#endif
