/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/registry/presence.h - which nodes are online, counted by their sessions.
 *
 * A session is acquired by connect and released once. A node is online while it holds at least
 * one, and nothing else changes that. Each acquisition has a generation; generations rise over
 * the life of the process and are never reset, so a late action can tell that it speaks for an
 * older session. Releasing a generation that is not held (twice, or of a forgotten node) does
 * nothing.
 *
 * Waiting before the release of a leaving session (the grace period) is the service's.
 *
 * Thread  one owner.
 * Limits  FL_PRESENCE_SESSIONS_MAX sessions of one node.
 * Source  docs/lifecycle.md PRE-1, PRE-2, PRE-3; INV-10, INV-12
 */
#ifndef FL_DOMAIN_REGISTRY_PRESENCE_H
#define FL_DOMAIN_REGISTRY_PRESENCE_H

#include "base/err.h"

enum { FL_PRESENCE_SESSIONS_MAX = 1024 };

struct fl_presence;

/* `seed`: 16 random bytes for the hash table. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_presence_new(const uint8_t seed[16], struct fl_presence **out);
struct fl_presence *fl_presence_free(struct fl_presence *p);

/*
 * Acquires a session and gives its generation, which is never 0. True if the node was offline
 * before. When memory or the limit is exhausted nothing is acquired, the generation is 0 and the
 * session has to end.
 */
bool fl_presence_connect(struct fl_presence *p, uint64_t node, uint64_t *out_gen);

/* Releases the session of that generation. True if that was the last: the node is offline now. */
bool fl_presence_release(struct fl_presence *p, uint64_t node, uint64_t gen);

bool fl_presence_online(const struct fl_presence *p, uint64_t node);

/* Sessions held now. */
size_t fl_presence_sessions(const struct fl_presence *p, uint64_t node);

/* Nodes online now. */
size_t fl_presence_count(const struct fl_presence *p);

/* The node was deleted: drops what is known. Its sessions may still be released, without effect. */
void fl_presence_forget(struct fl_presence *p, uint64_t node);

#endif
