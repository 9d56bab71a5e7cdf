/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/core.c - commits each tick once, then announces, then answers who waited. */
#include "services/control/core.h"

#include <stdlib.h>

#include "base/log.h"
#include "crypto/prim.h"

enum {
	TURNS_MIN = 16,
	ONLINE_A_TURN = 16, /* a map costs about as much as telling so many of a change */
};

static enum fl_err commit(struct fl_core *c, struct fl_fault *fault)
{
	const struct fl_dirty *dirty;
	size_t rows = fl_state_dirty(c->state, &dirty);
	if (rows == 0)
		return FL_OK;

	fl_time began = fl_delays_now();
	enum fl_err err = fl_store_commit(c->store, c->state, fault);
	fl_delays_since(&c->stats.commit_took, began);
	if (err != FL_OK) {
		c->stats.commit_failures++;
		fl_log_error("changes could not be stored", FL_LS("reason", fault->text),
			     FL_LU("rows", rows));
		fl_state_rollback(c->state);
		/* With nothing to write it removes what the file may still hold of them. */
		struct fl_fault again = { "" };
		if (fl_store_commit(c->store, c->state, &again) != FL_OK)
			fl_log_debug("the store is not settled yet", FL_LS("reason", again.text));
		return err;
	}
	c->stats.commits++;
	c->stats.rows += rows;
	return FL_OK;
}

static void tell_retired(struct fl_core *c)
{
	const struct fl_node_key *key;
	size_t at = 0;

	while (c->retired != NULL && (key = fl_state_retired_key(c->state, &at)) != NULL)
		c->retired(c->retired_ctx, key);
}

/*
 * What was stored joins what presence says: each session hears of a tick once. The state may begin
 * its next tick while this one is announced.
 */
static void gather(struct fl_core *c)
{
	const struct fl_change *stored;
	size_t count = fl_state_changes(c->state, &stored);

	for (size_t i = 0; i < count; i++)
		fl_core_announce(c, &stored[i]);
	tell_retired(c);
	fl_state_committed(c->state);
}

static void tell_listener(struct fl_core *c, const struct fl_change *changes, size_t count)
{
	bool called = c->called;

	c->called = false;
	if (c->listener != NULL && (count > 0 || changes == NULL || called))
		c->listener(c->listener_ctx, changes, count);
}

static void announce(struct fl_core *c)
{
	static const struct fl_change nothing; /* NULL would say that they are lost */

	gather(c);
	fl_core_route(c);
	struct fl_change *changes = c->runtime;
	size_t count = c->runtime_count, cap = c->runtime_cap;
	bool lost = c->runtime_lost;

	/* A session that ends meanwhile may announce, which belongs to the next round. */
	c->runtime = NULL;
	c->runtime_count = c->runtime_cap = 0;
	c->runtime_lost = false;
	if (c->hooks.follow != NULL &&
	    !c->hooks.follow(c->hooks.ctx, lost ? NULL : changes, lost ? 0 : count))
		lost = true;
	if (lost)
		tell_listener(c, NULL, 0);
	else
		tell_listener(c, count > 0 ? changes : &nothing, count);
	c->policy_was = fl_policy_unref(c->policy_was);
	if (c->runtime != NULL) {
		free(changes);
	} else {
		c->runtime = changes;
		c->runtime_cap = cap;
	}
}

static void answer(struct fl_core *c, enum fl_err err, const struct fl_fault *fault)
{
	struct fl_list now; /* a wait may start another one, which belongs to the next tick */
	fl_list_init(&now);
	for (struct fl_list *l = fl_list_pop(&c->waits); l != NULL; l = fl_list_pop(&c->waits))
		fl_list_push(&now, l);
	for (struct fl_list *l = fl_list_pop(&now); l != NULL; l = fl_list_pop(&now)) {
		struct fl_core_wait *w = fl_list_entry(l, struct fl_core_wait, link);
		w->fn(w->ctx, err, fault);
	}
}

static void take_turns(struct fl_core *c)
{
	struct fl_fault none = { "" };
	struct fl_list *l;

	for (; c->turns_left > 0 && (l = fl_list_pop(&c->turns)) != NULL; c->turns_left--) {
		struct fl_core_wait *w = fl_list_entry(l, struct fl_core_wait, link);
		w->fn(w->ctx, FL_OK, &none);
	}
}

static bool has_work(const struct fl_core *c)
{
	const struct fl_dirty *dirty;
	const struct fl_change *changes;
	return !fl_list_empty(&c->waits) || (c->turns_left > 0 && !fl_list_empty(&c->turns)) ||
	       c->runtime_count > 0 || c->runtime_lost || c->called ||
	       fl_state_dirty(c->state, &dirty) > 0 || fl_state_changes(c->state, &changes) > 0;
}

static enum fl_err flush(struct fl_core *c, size_t turns, struct fl_fault *fault)
{
	enum fl_err first = FL_OK;
	struct fl_fault other = { "" };

	c->turns_left = turns;
	/*
	 * A session may end, or a wait may write, while its tick is announced: go on until quiet.
	 */
	while (has_work(c)) {
		struct fl_fault *f = first == FL_OK ? fault : &other;
		if (c->hooks.prepare != NULL)
			c->hooks.prepare(c->hooks.ctx);
		enum fl_err err = commit(c, f);
		announce(c);
		answer(c, err, f);
		take_turns(c);
		if (first == FL_OK)
			first = err;
	}
	return first;
}

enum fl_err fl_core_flush(struct fl_core *c, struct fl_fault *fault)
{
	return flush(c, SIZE_MAX, fault);
}

size_t fl_core_turns_max(const struct fl_core *c)
{
	return TURNS_MIN + fl_registry_online(c->sessions) / ONLINE_A_TURN;
}

/* Only keeps the loop from sleeping. */
static void on_more_turns(void *ctx)
{
	(void)ctx;
}

static void tick(void *ctx)
{
	struct fl_core *c = ctx;
	struct fl_fault fault = { "" };

	/* Routers that memory ran out for do not wait until something changes. */
	if (c->primaries_stale)
		fl_core_call(c);
	enum fl_err err = flush(c, fl_core_turns_max(c), &fault);
	(void)err; /* logged, and told to those who wait */
	if (!fl_list_empty(&c->turns))
		fl_loop_defer(c->loop, &c->more_turns);
}

enum fl_err fl_core_init(struct fl_core *c, struct fl_loop *loop, struct fl_state *state,
			 struct fl_store *store, struct fl_registry *sessions)
{
	uint8_t seed[16];

	*c = (struct fl_core){
		.loop = loop,
		.state = state,
		.store = store,
		.sessions = sessions,
		.primaries_stale = true,
		.hook = { .fn = tick, .ctx = c },
		.more_turns = { .fn = on_more_turns },
	};
	fl_list_init(&c->waits);
	fl_list_init(&c->turns);
	fl_loop_hook_add(loop, &c->hook);
	fl_random(seed, sizeof seed);
	return fl_primaries_new(seed, &c->primaries);
}

void fl_core_listen(struct fl_core *c, fl_core_listener *fn, void *ctx)
{
	c->listener = fn;
	c->listener_ctx = ctx;
}

void fl_core_on_retired(struct fl_core *c, fl_core_retired *fn, void *ctx)
{
	c->retired = fn;
	c->retired_ctx = ctx;
}

void fl_core_follow(struct fl_core *c, const struct fl_core_policy_hooks *hooks)
{
	c->hooks = hooks != NULL ? *hooks : (struct fl_core_policy_hooks){ 0 };
}

void fl_core_policy(struct fl_core *c, struct fl_policy *was, struct fl_policy *now)
{
	struct fl_policy *old = c->policy, *older = c->policy_was;

	c->policy_was = was != NULL ? fl_policy_ref(was) : NULL;
	c->policy = now != NULL ? fl_policy_ref(now) : NULL;
	c->policy_behind = false;
	fl_policy_unref(old);
	fl_policy_unref(older);
}

void fl_core_done(struct fl_core *c)
{
	if (c->loop == NULL)
		return;
	fl_loop_hook_del(&c->hook);
	fl_deferred_cancel(&c->more_turns);
	fl_core_policy(c, NULL, NULL);
	free(c->runtime);
	fl_registry_free(c->sessions);
	fl_primaries_free(c->primaries);
	fl_state_free(c->state);
	fl_store_close(c->store);
	*c = (struct fl_core){ 0 };
}

void fl_core_call(struct fl_core *c)
{
	c->called = true;
}

void fl_core_wait(struct fl_core *c, struct fl_core_wait *w)
{
	fl_list_push(&c->waits, &w->link);
}

void fl_core_turn(struct fl_core *c, struct fl_core_wait *w)
{
	fl_list_push(&c->turns, &w->link);
}

void fl_core_wait_cancel(struct fl_core_wait *w)
{
	fl_list_del(&w->link);
}

void fl_core_announce(struct fl_core *c, const struct fl_change *change)
{
	if (c->runtime_count == c->runtime_cap) {
		size_t cap = c->runtime_cap ? c->runtime_cap * 2 : 64;
		struct fl_change *grown = realloc(c->runtime, cap * sizeof *grown);
		if (grown == NULL) {
			c->runtime_lost = true;
			return;
		}
		c->runtime = grown;
		c->runtime_cap = cap;
	}
	c->runtime[c->runtime_count++] = *change;
}
