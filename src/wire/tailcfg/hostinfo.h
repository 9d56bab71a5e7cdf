/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/tailcfg/hostinfo.h - what a node says about itself, checked, bounded and ready to re-send.
 *
 * A Hostinfo arrives as JSON of any shape. It is parsed once into this immutable counted value:
 * the fields the server acts on, and one normalised JSON text that peers may see. Unknown
 * fields are dropped, strings and lists are capped, so nobody broadcasts a megabyte.
 *
 * What identifies an installation rather than describes it (log ids, push token) is dropped too:
 * peers see the text.
 *
 * Limits  see the enum; longer strings are cut at a character boundary, longer lists are cut.
 * Source  docs/protocol/control.md 5.8
 */
#ifndef FL_WIRE_TAILCFG_HOSTINFO_H
#define FL_WIRE_TAILCFG_HOSTINFO_H

#include "base/buf.h"
#include "base/ip.h"
#include "base/text.h"

enum {
	FL_HOSTINFO_STRING_MAX = 256, /* bytes of one string */
	FL_HOSTINFO_ROUTES_MAX = 256,
	FL_HOSTINFO_TAGS_MAX = 64,
	FL_HOSTINFO_SERVICES_MAX = 64,
	FL_HOSTINFO_SSH_KEYS_MAX = 16, /* each at most 1 KiB */
	FL_HOSTINFO_DERP_LATENCY_MAX = 256,
	/* The normalised text; over it lists are dropped, then all but the core. */
	FL_HOSTINFO_JSON_MAX = 32 << 10,
};

struct fl_hostinfo {
	unsigned refs;  /* one thread owns all of them */
	char *hostname; /* raw, as sent, capped; "" if absent */
	char *os;
	struct fl_prefix *routes; /* RoutableIPs, masked, sorted, unique */
	size_t routes_count;
	struct fl_strlist request_tags; /* sorted, unique */
	bool one_frame; /* the client reads one zstd frame a message (control.md 5.3) */
	bool has_netinfo;
	uint32_t preferred_derp; /* NetInfo.PreferredDERP, 0 = none */
	char *json; /* normalised object with every kept field, NetInfo included; Go key names */
	size_t json_len;
	size_t peer_len; /* these first bytes and a '}' are the text for peers, without NetInfo */
	uint64_t source; /* hash of a text that reads so, 0 = none known; it alone may change */
};

/* Parses an object; "" and "null" give an empty Hostinfo. Errors: FL_ERR_SYNTAX, FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_hostinfo_parse(struct fl_slice json, struct fl_hostinfo **out);

struct fl_hostinfo *fl_hostinfo_ref(struct fl_hostinfo *h);
struct fl_hostinfo *fl_hostinfo_unref(struct fl_hostinfo *h); /* NULL in, NULL out */

/*
 * The newer value with `old`'s NetInfo where `fresh` has none (a client sends none before its
 * first network check). Gives a reference: `fresh` itself when nothing had to be carried over.
 * `old` may be NULL.
 */
FL_MUST enum fl_err fl_hostinfo_merge(struct fl_hostinfo *old, struct fl_hostinfo *fresh,
				      struct fl_hostinfo **out);

/*
 * The newer value with every other member of `old` too: what `fresh` leaves out stays. Gives a
 * reference. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_hostinfo_fill(const struct fl_hostinfo *old, const struct fl_hostinfo *fresh,
				     struct fl_hostinfo **out);

/* If both have the same content, the older one learns from which text the newer one was read. */
void fl_hostinfo_learn(struct fl_hostinfo *old, const struct fl_hostinfo *fresh);

/* Does it say nothing at all? */
bool fl_hostinfo_is_empty(const struct fl_hostinfo *h);

/* Same content? Compares the normalised text. Either may be NULL. */
bool fl_hostinfo_eq(const struct fl_hostinfo *a, const struct fl_hostinfo *b);

#endif
