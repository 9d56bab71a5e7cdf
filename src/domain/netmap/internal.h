/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/netmap/internal.h - what the writers of this folder share.
 *
 *   config.c    settings as ready text          node.c     one node, as peer and as self
 *   profile.c   users of a message, once each   message.c  whole maps, keep-alives
 *   delta.c     what changed
 */
#ifndef FL_DOMAIN_NETMAP_INTERNAL_H
#define FL_DOMAIN_NETMAP_INTERNAL_H

#include "base/jw.h"
#include "domain/netmap/netmap.h"

enum {
	FL_NETMAP_FQDN_MAX = 255, /* with the trailing dot */
	FL_NETMAP_FRAGMENT_MAX = 256 << 10,
	FL_NETMAP_CAPS_MAX = 8,
	FL_NETMAP_DNS_MAX = 8 << 20,
};

/* A capability that every node has; the value is the part of self_caps from `at` to `end`. */
struct fl_netmap_cap {
	const char *name;
	size_t at, end;
};

struct fl_netmap_config {
	unsigned refs;
	char *base_domain; /* without the trailing dot, maybe "" */
	bool logtail;
	bool personal_dns;                             /* each node gets its own form of `dns` */
	struct fl_bytes *derp, *dns, *self_caps;       /* JSON values */
	struct fl_netmap_cap caps[FL_NETMAP_CAPS_MAX]; /* the members of self_caps */
	size_t caps_count;
	uint32_t *regions; /* sorted */
	size_t regions_count;
};

/* ---- node.c ---- */

/* The home region to tell peers of, 0 if it is not in the DERP map. */
uint32_t fl_netmap_home(const struct fl_netmap_config *cfg, const struct fl_node *n);

/* The usual capabilities with a node's attributes over them. */
void fl_netmap_put_self_caps(struct fl_jw *w, const struct fl_netmap_config *cfg,
			     const struct fl_netmap_attr *attrs, size_t count);

/* "name.base." Errors: FL_ERR_INVALID. */
FL_MUST enum fl_err fl_netmap_fqdn(const struct fl_netmap_config *cfg, const char *name,
				   char out[static FL_NETMAP_FQDN_MAX + 1]);

/* The self entry. Errors: FL_ERR_INVALID, with nothing written. */
FL_MUST enum fl_err fl_netmap_put_self(struct fl_jw *w, const struct fl_netmap_config *cfg,
				       const struct fl_netmap_self *self, fl_wall now);

void fl_netmap_put_endpoints(struct fl_jw *w, const struct fl_node *n);

static inline fl_user_id fl_netmap_owner(const struct fl_node *n)
{
	return fl_node_is_tagged(n) ? FL_TAGGED_USER_ID : n->user;
}

/* ---- dns.c ---- */

/* Has it a resolver whose address tells nodes apart? */
bool fl_netmap_is_personal(struct fl_slice dns);

/* The settings for this node; without one as they are for all. */
void fl_netmap_put_dns(struct fl_jw *w, const struct fl_netmap_config *cfg,
		       const struct fl_netmap_self *self);

/* ---- profile.c: a set of user ids, filled, then written once ---- */
struct fl_netmap_owners {
	fl_user_id *at;
	size_t len, cap;
};

/* Room for `cap` ids, duplicates included. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_netmap_owners_init(struct fl_netmap_owners *o, size_t cap);
void fl_netmap_owners_done(struct fl_netmap_owners *o);
void fl_netmap_owners_add(struct fl_netmap_owners *o, fl_user_id id);

/* "UserProfiles":[...], each id once; nothing if the set is empty. Sorts the set. */
void fl_netmap_put_profiles(struct fl_jw *w, struct fl_netmap_owners *o,
			    const struct fl_netmap_users *users);

/* ---- message.c ---- */
void fl_netmap_put_filter(struct fl_jw *w, struct fl_slice rules);

/* Gives back what `out` got since `start` if `err` or its own error say so. */
FL_MUST enum fl_err fl_netmap_finish(struct fl_buf *out, size_t start, enum fl_err err);

#endif
