/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/frame.h - map frames as a client understands them, decoded once however many get them.
 *
 * A peer is reduced to hashes of its members: the ones that a patch can change each on its own, all
 * others together. Equal contents are one object, so comparing is comparing pointers, and what
 * thousands of clients hold costs one pointer each.
 *
 * Source  docs/protocol/control.md 5.3, 5.5
 */
#ifndef TESTS_SIM_FRAME_H
#define TESTS_SIM_FRAME_H

#include "base/bytes.h"
#include "base/time.h"
#include "scan.h"

/* Members that patches carry. */
enum peer_field {
	PEER_KEY,
	PEER_EXPIRY, /* as a time */
	PEER_DISCO,
	PEER_ENDPOINTS,
	PEER_DERP,
	PEER_CAP,
	PEER_CAPMAP,
	PEER_ONLINE, /* 1 no, 2 yes */
	PEER_SEEN,   /* as a time */
	PEER_FIELDS
};

enum { PEER_ROUTES_MAX = 16 };

/* Immutable and interned. */
struct peer {
	uint64_t id, user, rest; /* all members that no patch can carry */
	uint64_t name;
	uint64_t has; /* 1 << enum peer_field */
	uint64_t field[PEER_FIELDS];
	uint64_t routes[PEER_ROUTES_MAX]; /* subnets of AllowedIPs: not its own, not exit routes */
	uint64_t routes_count;
	uint64_t expired, tagged;
};

struct patch {
	uint64_t id, has, field[PEER_FIELDS];
	const struct peer *was, *now; /* what it made of what, last time */
};

enum setting {
	SETTING_DERP,
	SETTING_DNS,
	SETTING_DOMAIN,
	SETTING_FILTERS,
	SETTING_SSH,
	SETTING_COLLECT,
	SETTINGS
};

struct profile {
	uint64_t id, hash;
};

struct frame {
	unsigned refs;
	size_t json_len;
	uint64_t hash;
	bool keepalive, has_peers;
	const char *bad;         /* what a client would not survive, or NULL */
	const struct peer *node; /* self; NULL: not told */
	const struct peer **peers, **changed;
	uint64_t *removed;
	struct patch *patches;
	struct profile *profiles;
	size_t peers_count, changed_count, removed_count, patches_count, profiles_count;
	uint64_t setting[SETTINGS]; /* 0: not told */
	uint64_t ping;              /* the id of a question to the node, or 0 */
	bool c2n;                   /* which carries a request to its daemon */
	char *json;                 /* kept for the report while frames are small */
};

/* A peer from its text. Anything but NULL: what is wrong with it. */
const char *frame_read_peer(struct fl_slice raw, const struct peer **out);
struct frame *frame_read(struct fl_slice json); /* a text that nobody sent */

/*
 * Decodes the body of a frame, zstd (one frame or several in a row) or plain. `from`: the counted
 * bytes that hold it whole, to recognise it; or NULL. Never NULL: what cannot be read is `bad`.
 */
struct frame *frame_decode(struct fl_slice body, struct fl_bytes *from);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f);

const struct peer *peer_intern(const struct peer *p);

/* A peer after a patch, as the stock client applies it. */
const struct peer *peer_patched(const struct peer *was, const struct patch *p);

/* A peer after another entry for it: a patch where that is enough, with what that loses. */
const struct peer *peer_changed(const struct peer *was, const struct peer *now);

const char *peer_field_name(enum peer_field f);
const char *setting_name(enum setting s);

/* The first difference that shows to a user, or NULL. */
const char *peer_differs(const struct peer *got, const struct peer *want);

/* The same of a client's own entry: what it announced itself it is not told again (CHG-1). */
const char *self_differs(const struct peer *got, const struct peer *want);

#endif
