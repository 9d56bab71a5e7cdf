/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/policy/follow.c - the snapshot is always that of the records.
 *
 * Called between commit and distribution, so whoever compares the snapshot with the one before
 * sees all of a tick, and nothing that was taken back.
 *
 * Source: docs/policy.md 9.1; docs/lifecycle.md POL-3, POL-4, POL-6.
 */
#include "services/policy/internal.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/order.h"

static void install(struct fl_policies *s, struct fl_policy *was, struct fl_policy *now)
{
	fl_core_policy(s->core, was, now);
	fl_policy_unref(s->now);
	s->now = now;
	s->stale = false;
}

/*
 * All sessions end. Who comes back brings the tick that tries again, and gets a map when that has
 * succeeded: what changed of the records in between could not be told from two snapshots.
 */
static void failed(struct fl_policies *s, enum fl_err err)
{
	s->core->policy_behind = true;
	fl_log_error("the policy does not follow the latest changes",
		     FL_LS("reason", fl_err_text(err)));
}

static void rebuild(struct fl_policies *s)
{
	struct fl_policy *p;
	enum fl_err err = fl_policies_apply(s, s->doc, &p);

	if (err == FL_OK)
		install(s, s->now, p);
	else
		failed(s, err);
}

/* ---- one step ---- */

/*
 * Does the change concern what a policy looks at? Whether a node is up matters only for who
 * serves a route (policy.md 4.14).
 */
static bool concerns(const struct fl_policies *s, const struct fl_change *c)
{
	const struct fl_node *n;

	switch (c->kind) {
	case FL_CHANGE_NODE_ADDED:
	case FL_CHANGE_NODE_CHANGED:
	case FL_CHANGE_NODE_REMOVED:
	case FL_CHANGE_ROUTES:
	case FL_CHANGE_HEALTH:
		return true;
	case FL_CHANGE_NODE_PATCHED:
		n = fl_state_node(s->core->state, c->id);
		return (c->fields & FL_PATCH_ONLINE) != 0 && n != NULL && n->approved_count > 0;
	case FL_CHANGE_NODE_EXPIRED:
	case FL_CHANGE_USER:
	case FL_CHANGE_POLICY:
		break;
	}
	return false;
}

/* The ids concerned, ascending, each once. `out` has room for all. */
static size_t list_ids(const struct fl_policies *s, const struct fl_change *changes, size_t count,
		       uint64_t *out)
{
	size_t len = 0, kept = 0;

	for (size_t i = 0; i < count; i++)
		if (concerns(s, &changes[i]))
			out[len++] = changes[i].id;
	qsort(out, len, sizeof *out, fl_u64_order);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 || out[kept - 1] != out[i])
			out[kept++] = out[i];
	return kept;
}

static enum fl_err take_step(struct fl_policies *s, const uint64_t *ids, size_t count,
			     uint64_t *removed, struct fl_policy **out)
{
	struct fl_world w;
	size_t gone = 0;

	for (size_t i = 0; i < count; i++)
		if (fl_state_node(s->core->state, ids[i]) == NULL)
			removed[gone++] = ids[i];
	enum fl_err err = fl_world_some(s->core, ids, count, &w);
	if (err != FL_OK)
		return err;
	fl_time began = fl_delays_now();
	err = fl_policy_step(s->now, w.nodes, w.nodes_len, removed, gone, out);
	fl_delays_since(&s->step_took, began);
	fl_world_done(&w);
	return err;
}

static void step(struct fl_policies *s, const struct fl_change *changes, size_t count)
{
	uint64_t *ids = calloc(2 * count + 1, sizeof *ids);
	struct fl_policy *p;

	if (ids == NULL) {
		failed(s, FL_ERR_NOMEM);
		return;
	}
	size_t len = list_ids(s, changes, count, ids);
	enum fl_err err = len > 0 ? take_step(s, ids, len, ids + count, &p) : FL_OK;
	free(ids);
	if (err != FL_OK)
		failed(s, err);
	else if (len > 0)
		install(s, s->now, p);
}

/* ---- another document ---- */

void fl_policies_drop_pending(struct fl_policies *s)
{
	fl_policy_candidate_done(&s->next);
	s->pending = false;
}

static fl_wall came(const struct fl_policies *s)
{
	const struct fl_revision *r = fl_state_revision(s->core->state, s->pending_rev);
	return r != NULL ? r->created : fl_loop_wall(s->core->loop);
}

/*
 * The candidate was applied when it came; others of the tick may have changed since, so it is
 * applied again. What is compared with must not be older than the tick either: without a
 * document nobody has kept the snapshot up to date. False: there is nothing to compare with.
 */
static bool adopt(struct fl_policies *s)
{
	struct fl_policy *was = NULL, *now;

	enum fl_err err = fl_policies_apply(s, s->next.doc, &now);
	if (err != FL_OK) {
		now = s->next.policy;
		s->next.policy = NULL;
	}
	bool compares = s->doc != NULL || fl_policies_apply(s, NULL, &was) == FL_OK;
	if (was != NULL) {
		fl_policy_unref(s->now);
		s->now = was;
	}
	s->updated = came(s);
	fl_policy_doc_free(s->doc); /* the snapshot of before holds it */
	s->doc = s->next.doc;
	s->next.doc = NULL;
	install(s, s->now, now);
	if (err != FL_OK)
		failed(s, err);
	fl_policies_drop_pending(s);
	fl_log_info("policy in force", FL_LU("revision", s->pending_rev),
		    FL_LU("bytes", s->doc != NULL ? s->doc->source.len : 0));
	return compares;
}

/* A commit that failed took the revision back. */
static bool is_stored(const struct fl_policies *s)
{
	struct fl_revision *const *at;
	size_t count = fl_state_revisions(s->core->state, &at);

	return s->pending_rev == 0 || (count > 0 && at[count - 1]->rev == s->pending_rev);
}

static bool any_user(const struct fl_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind == FL_CHANGE_USER)
			return true;
	return false;
}

/* A name given twice since takes from both what the policy gives it. */
static void follow_users(struct fl_policies *s)
{
	rebuild(s);
	fl_policies_warn_users(s);
}

bool fl_policies_follow(void *ctx, const struct fl_change *changes, size_t count)
{
	struct fl_policies *s = ctx;

	/* Approvals that were not stored were taken back: they are made again in the next tick. */
	if (s->core->stats.commit_failures == s->failures)
		s->review = false;
	if (s->pending && is_stored(s))
		return adopt(s) && !s->core->policy_behind;
	if (s->pending) {
		fl_policies_drop_pending(s);
		s->review = false;
	}
	if (s->core->policy_behind)
		rebuild(s);
	else if (s->doc == NULL)
		s->stale = true;
	else if (changes == NULL)
		rebuild(s);
	else if (any_user(changes, count))
		follow_users(s);
	else
		step(s, changes, count);
	return !s->core->policy_behind;
}
