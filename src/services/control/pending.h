/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/pending.h - interactive registrations that wait for a person's word.
 *
 * A client without credentials gets a URL with an unguessable id and then holds a request open
 * (the follow-up). An admin approves or rejects the id; the follow-up is answered. A record is
 * bound to the machine key and node key that asked, so nobody else can wait on it.
 *
 * Limits  `max` records: a new one displaces the oldest on whom no request waits, or the oldest
 *         that stayed FL_PENDING_STAY, or is refused; `ttl` each; FL_PENDING_FOLLOWERS requests
 *         waiting on one record (the client has one), further ones displace the oldest.
 * Source  docs/protocol/control.md 4.4 B, 4.5; docs/lifecycle.md REG-5, REG-7
 */
#ifndef FL_SERVICES_CONTROL_PENDING_H
#define FL_SERVICES_CONTROL_PENDING_H

#include "base/map.h"
#include "crypto/token.h"
#include "domain/state/state.h"
#include "io/http.h"

enum { FL_PENDING_FOLLOWERS = 4 };
#define FL_PENDING_STAY FL_MIN

struct fl_pending {
	struct fl_list link; /* oldest first */
	char id[FL_AUTHREQ_TEXT_MAX];
	struct fl_machine_key machine;
	struct fl_node_key key;
	uint32_t cap;
	bool ephemeral, logged;
	fl_wall expiry, since;
	fl_time deadline;
	struct fl_hostinfo *hostinfo;
	struct fl_list followers;
	size_t follower_count;
};

/*
 * What a follower hears; `err` FL_OK: approved, FL_ERR_NOT_FOUND: rejected or expired, FL_ERR_FULL:
 * displaced. A displaced one must not open a record from inside this call: the place is taken.
 */
typedef void fl_pending_verdict(void *ctx, enum fl_err err, const struct fl_pending *p);

/* Embedded in the waiting request. */
struct fl_follower {
	struct fl_list link;
	struct fl_pending *record;
	fl_pending_verdict *fn;
	void *ctx;
};

struct fl_pending_table {
	struct fl_loop *loop;
	struct fl_list records;
	struct fl_map by_id;
	size_t count, max;
	int64_t ttl;
	struct fl_timer timer; /* armed for the oldest record */
};

FL_MUST enum fl_err fl_pending_init(struct fl_pending_table *t, struct fl_loop *loop, size_t max,
				    int64_t ttl, const uint8_t seed[static 16]);
void fl_pending_done(struct fl_pending_table *t); /* followers are forgotten, not called */

/*
 * The record for this machine and node key, new unless one waits already. Errors: FL_ERR_NOMEM,
 * FL_ERR_FULL.
 */
FL_MUST enum fl_err fl_pending_open(struct fl_pending_table *t,
				    const struct fl_machine_key *machine,
				    const struct fl_register_request *req, struct fl_pending **out);

/* Borrowed; NULL if unknown. */
struct fl_pending *fl_pending_find(struct fl_pending_table *t, struct fl_slice id);

void fl_pending_follow(struct fl_pending *p, struct fl_follower *f);
void fl_pending_unfollow(struct fl_follower *f);

/* Removes the record and tells its followers. */
void fl_pending_resolve(struct fl_pending_table *t, struct fl_pending *p, enum fl_err verdict);

#endif
