/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/core.h - the single writer: state, store and registry, one commit a tick.
 *
 * Handlers of any service call commands of domain/state on `core->state` directly, during their
 * tick, and wait: at the end of the tick the core commits all dirty rows in one transaction,
 * hands the changes to the distribution, and then runs the waits in order. If the commit fails
 * the state is rolled back and every wait of the tick hears FL_ERR_IO: nothing was acknowledged,
 * nothing is lost.
 *
 * What takes long, like a whole map, waits for a turn: of those a tick runs only some, so that
 * whatever else has come is heard in between. Each may make a change that all sessions hear of, so
 * their number follows that of the nodes online: then telling costs the same again at most.
 *
 * Thread  the control loop.
 */
#ifndef FL_SERVICES_CONTROL_CORE_H
#define FL_SERVICES_CONTROL_CORE_H

#include "domain/policy/policy.h"
#include "domain/registry/registry.h"
#include "domain/routes/primaries.h"
#include "domain/state/state.h"
#include "io/loop.h"
#include "services/control/trace.h"
#include "store/store.h"

/* Embedded in whoever waits; cancel when the waiter goes away first. */
struct fl_core_wait {
	struct fl_list link;
	void (*fn)(void *ctx, enum fl_err err, const struct fl_fault *fault);
	void *ctx;
};

/*
 * Hears the changes of a committed tick, before the waits run, and of one without any if it was
 * called. `changes` NULL: they cannot be told for want of memory, so everybody must start over.
 */
typedef void fl_core_listener(void *ctx, const struct fl_change *changes, size_t count);

/*
 * How the policy keeps up with the records. It lives in services/policy, which knows the control
 * server; this one knows no more of it than these.
 */
struct fl_core_policy_hooks {
	/* Before the commit: commands that follow from those of the tick. */
	void (*prepare)(void *ctx);
	/*
	 * After it, before anybody hears: leads to the snapshot of the records as they are now,
	 * see fl_core_policy. `changes` NULL: some were lost for want of memory. False: what now
	 * differs cannot be told from the two snapshots, so everybody must start over.
	 */
	bool (*follow)(void *ctx, const struct fl_change *changes, size_t count);
	void *ctx;
};

/* Hears of a node key that a committed tick took out of use; maybe twice. */
typedef void fl_core_retired(void *ctx, const struct fl_node_key *key);

struct fl_core {
	struct fl_loop *loop;
	struct fl_state *state;
	struct fl_store *store;
	struct fl_registry *sessions;   /* of nodes, by their id */
	struct fl_primaries *primaries; /* follow with each tick, before anybody hears of it */
	bool primaries_stale;           /* not all routers are in it: the next tick enters them */
	fl_core_listener *listener;
	void *listener_ctx;
	fl_core_retired *retired;
	void *retired_ctx;
	struct fl_core_policy_hooks hooks;
	/*
	 * The policy applied to the records, and while a tick is announced the one before. NULL, or
	 * without a document: everything is allowed.
	 */
	struct fl_policy *policy, *policy_was;
	bool policy_behind; /* it is not that of the records: nobody gets a map by it */
	struct fl_list waits, turns;
	size_t turns_left; /* in this tick */
	struct fl_deferred more_turns;
	struct fl_tick_hook hook;
	struct fl_change *runtime; /* presence changes of this tick: announced, never stored */
	size_t runtime_count, runtime_cap;
	bool runtime_lost;
	bool called; /* the listener wants to hear of this tick */
	struct {
		uint64_t commits, commit_failures, rows;
		struct fl_delays commit_took;
		uint64_t failovers, outages; /* subnets that moved, or lost their router */
	} stats;
};

/* Takes state, store and sessions; they are freed by done, on failure too. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_core_init(struct fl_core *c, struct fl_loop *loop, struct fl_state *state,
				 struct fl_store *store, struct fl_registry *sessions);
void fl_core_listen(struct fl_core *c, fl_core_listener *fn, void *ctx);
void fl_core_on_retired(struct fl_core *c, fl_core_retired *fn, void *ctx);
void fl_core_done(struct fl_core *c);

/* Nothing else says whether a node is online: it has a session, or had one a moment ago. */
static inline bool fl_core_online(const struct fl_core *c, fl_node_id node)
{
	return fl_registry_live(c->sessions, &node) > 0;
}

void fl_core_follow(struct fl_core *c, const struct fl_core_policy_hooks *hooks);

/* Another snapshot is in force. `was`: what it is compared with. References both. */
void fl_core_policy(struct fl_core *c, struct fl_policy *was, struct fl_policy *now);

/*
 * The listener hears of the end of this tick even if nothing changes in it: what it tells then is
 * what was committed.
 */
void fl_core_call(struct fl_core *c);

/* Runs `w->fn` after this tick's commit. */
void fl_core_wait(struct fl_core *c, struct fl_core_wait *w);

/* Runs `w->fn` after the commit of this tick or a later one, in order, with FL_OK. */
void fl_core_turn(struct fl_core *c, struct fl_core_wait *w);

/* How many turns a tick has. */
size_t fl_core_turns_max(const struct fl_core *c);

void fl_core_wait_cancel(struct fl_core_wait *w); /* or a turn */

/*
 * Appends a change that is not stored (online, offline). Out of memory ends all sessions with this
 * tick rather than lose the fact: nobody else can tell who must hear of it.
 */
void fl_core_announce(struct fl_core *c, const struct fl_change *change);

/* A router answers probes, or does not. Says whether that is news; in effect with the tick. */
bool fl_core_health(struct fl_core *c, fl_node_id node, bool healthy);

/* For core.c: routers follow the changes of this tick, and what moves joins them. */
void fl_core_route(struct fl_core *c);

/* Does now what the end of ticks would do, with all turns (shutdown). Gives the first error. */
FL_MUST enum fl_err fl_core_flush(struct fl_core *c, struct fl_fault *fault);

#endif
