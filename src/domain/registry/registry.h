/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/registry/registry.h - which connections a key has, which of them is the current one, and
 * whether the key is online.
 *
 * A key is whatever names the other side for longer than one connection: a node, a device. Its
 * connections stand here from enter (or swap) to remove, each once. Two things follow from that
 * and from nothing else:
 *
 *   - A key is online while it has at least one connection here. A connection whose transport has
 *     gone may stay as a leaving one (the grace period) and counts until it is removed.
 *   - Whoever ends a connection asks remove first, and only who hears FL_CONN_LAST may say that the
 *     key went away. A connection that was replaced, taken out or removed before is FL_CONN_STALE,
 *     so a late farewell has no effect, in whatever order things end.
 *
 * Each connection has a generation. Generations rise over the life of the registry and are never
 * reset, so a late answer that names one finds its connection or nobody.
 *
 * Thread  one owner: deciding and entering are one step, nothing can come between.
 * Memory  connections are embedded in their owners and never freed here.
 * Limits  as many connections a key as the registry was made for.
 * Source  docs/lifecycle.md sections 4, 5 and B.3; docs/protocol/ship.md 7 (R1 to R10)
 */
#ifndef FL_DOMAIN_REGISTRY_REGISTRY_H
#define FL_DOMAIN_REGISTRY_REGISTRY_H

#include "base/err.h"
#include "base/list.h"
#include "base/time.h"

struct fl_registry;
struct fl_registry_key;

/* Embedded in its owner; zero-initialise. */
struct fl_conn {
	struct fl_list link;         /* among those of its key, oldest first */
	struct fl_registry_key *key; /* NULL: it is not here, or not any more */
	uint64_t gen;                /* 0: it was never here */
	bool leaving;
};

/*
 * `key_len`: bytes of a key, 1 to 64. `conns_max`: of one key. `seed`: 16 random bytes for the hash
 * table. Errors: FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_registry_new(size_t key_len, size_t conns_max, const uint8_t seed[16],
				    struct fl_registry **out);

/* Connections that are still here are detached. */
struct fl_registry *fl_registry_free(struct fl_registry *r);

/*
 * Enters a connection beside those that the key has. `*out_first`: the key was offline before.
 * Errors, with nothing changed: FL_ERR_NOMEM, FL_ERR_FULL (limit), FL_ERR_CLOSED (after close).
 */
FL_MUST enum fl_err fl_registry_enter(struct fl_registry *r, const void *key, struct fl_conn *c,
				      bool *out_first);

/*
 * Enters a connection in place of all that the key has. Those are detached and given in `old` (an
 * initialised head), oldest first: each is stale from now on, and the caller closes it. The key
 * stays online throughout. Errors as enter; then `old` stays empty and nobody was replaced.
 */
FL_MUST enum fl_err fl_registry_swap(struct fl_registry *r, const void *key, struct fl_conn *c,
				     struct fl_list *old, bool *out_first);

/*
 * Its transport has gone: it is nobody's current connection any more, but counts until it is
 * removed. True if it is here and no open connection of its key is left: now a grace period makes
 * sense. Harmless on one that is not here or leaves already.
 */
bool fl_registry_leave(struct fl_conn *c);

enum fl_conn_end {
	FL_CONN_STALE,  /* it was not here: somebody else has ended it, do nothing */
	FL_CONN_OTHERS, /* others of its key are here */
	FL_CONN_LAST,   /* the key is offline from `now` on */
};

/* Takes out exactly this connection, once. */
enum fl_conn_end fl_registry_remove(struct fl_registry *r, struct fl_conn *c, fl_time now);

/*
 * The key itself has gone (a node was deleted, trust was withdrawn): detaches its connections into
 * `out` (an initialised head), oldest first, for the caller to close, and drops what is known.
 */
void fl_registry_forget(struct fl_registry *r, const void *key, struct fl_list *out);

/* ---- questions; keys that were never here have no connections ---- */

/* The newest open connection, or NULL. */
struct fl_conn *fl_registry_current(const struct fl_registry *r, const void *key);

/* The open connection of that generation, or NULL. */
struct fl_conn *fl_registry_find(const struct fl_registry *r, const void *key, uint64_t gen);

size_t fl_registry_live(const struct fl_registry *r, const void *key); /* with leaving ones */
size_t fl_registry_open(const struct fl_registry *r, const void *key); /* without */

/* Since when the key is offline. False: it is online, or nothing is known of it. */
bool fl_registry_gone_since(const struct fl_registry *r, const void *key, fl_time *out);

/* The connections of a key, oldest first, leaving ones among them; NULL: none. To walk over; the
 * current one may be removed meanwhile. */
struct fl_list *fl_registry_conns(const struct fl_registry *r, const void *key);

size_t fl_registry_online(const struct fl_registry *r); /* keys online now */
size_t fl_registry_keys(const struct fl_registry *r);   /* keys with a record, swept ones not */

/* ---- upkeep ---- */

/* Drops records of keys that are offline for `idle` or longer. Gives how many. */
size_t fl_registry_sweep(struct fl_registry *r, fl_time now, int64_t idle);

/* Nothing enters any more; what is here stays until it is removed. May be repeated. */
void fl_registry_close(struct fl_registry *r);

#endif
