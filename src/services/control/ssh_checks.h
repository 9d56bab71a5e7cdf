/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/ssh_checks.h - SSH connections that wait for a person's word, and words that
 * still hold.
 *
 * Under a check rule the destination asks the server before it lets a connection in. Unless the
 * pair was approved a short while ago it gets a check: an unguessable id, bound to (source,
 * destination), whose verdict it waits for. An approval is kept for its pair alone.
 *
 * Limits  `max` checks and as many approvals, the oldest displaced first; FL_SSH_CHECKS_EACH checks
 *         a destination, so that one of them cannot displace those of others; `ttl` each; one
 *         request waiting on a check, the newest.
 * Source  docs/lifecycle.md SSH-2, SSH-3, SSH-5, INV-53, INV-57
 */
#ifndef FL_SERVICES_CONTROL_SSH_CHECKS_H
#define FL_SERVICES_CONTROL_SSH_CHECKS_H

#include "base/map.h"
#include "crypto/token.h"
#include "domain/state/state.h"
#include "io/loop.h"

enum { FL_SSH_CHECKS_EACH = 16 };

struct fl_ssh_pair {
	fl_node_id src, dst;
};

enum fl_ssh_word {
	FL_SSH_OPEN, /* nobody has said anything yet */
	FL_SSH_APPROVED,
	FL_SSH_REJECTED,
	FL_SSH_LOST,      /* expired, or the policy or a node went: it has to be asked for anew */
	FL_SSH_DISPLACED, /* by others, or by a newer request: try again later */
};

/*
 * Embedded in the waiting request; runs once. After FL_SSH_DISPLACED it must not open a check from
 * inside the call: that would displace the next, and so on through the whole table.
 */
struct fl_ssh_waiter {
	struct fl_ssh_check *check;
	void (*fn)(void *ctx, enum fl_ssh_word word);
	void *ctx;
};

struct fl_ssh_check {
	struct fl_list link; /* oldest first */
	char id[FL_AUTHREQ_TEXT_MAX];
	struct fl_ssh_pair pair;
	enum fl_ssh_word word; /* open, approved or rejected: kept until it is asked for */
	fl_wall since;
	fl_time deadline;
	struct fl_ssh_waiter *waiter; /* or NULL */
};

struct fl_ssh_checks {
	struct fl_loop *loop;
	struct fl_list checks, approvals;
	struct fl_map by_id, by_pair;
	size_t count, approved, max;
	int64_t ttl;
	struct fl_timer timer; /* armed for the oldest check */
};

FL_MUST enum fl_err fl_ssh_checks_init(struct fl_ssh_checks *t, struct fl_loop *loop, size_t max,
				       int64_t ttl, const uint8_t seed[static 16]);
void fl_ssh_checks_done(struct fl_ssh_checks *t); /* waiters are forgotten, not called */

/* Was the pair approved less than `period` ns ago? */
bool fl_ssh_checks_hold(const struct fl_ssh_checks *t, struct fl_ssh_pair pair, int64_t period);

/* A new check of the pair. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_ssh_checks_open(struct fl_ssh_checks *t, struct fl_ssh_pair pair,
				       struct fl_ssh_check **out);

/* Borrowed; NULL if unknown. */
struct fl_ssh_check *fl_ssh_checks_find(struct fl_ssh_checks *t, struct fl_slice id);

/*
 * Waits for the word. Where it was said already it is given, the check is gone and `w` does not
 * wait; else FL_SSH_OPEN.
 */
enum fl_ssh_word fl_ssh_checks_wait(struct fl_ssh_checks *t, struct fl_ssh_check *k,
				    struct fl_ssh_waiter *w);
void fl_ssh_checks_unwait(struct fl_ssh_waiter *w);

/* Approves, rejects or ends an open check; an approval counts for the pair from now on. */
void fl_ssh_checks_say(struct fl_ssh_checks *t, struct fl_ssh_check *k, enum fl_ssh_word word);

/* Another policy: nothing that was asked or said under the old one counts. */
void fl_ssh_checks_clear(struct fl_ssh_checks *t);

/* A node is gone: nothing from or to it counts. */
void fl_ssh_checks_forget(struct fl_ssh_checks *t, fl_node_id node);

#endif
