/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/ssh_checks.c - two bounded tables, oldest first: checks and approvals. */
#include "services/control/ssh_checks.h"

#include <stdlib.h>

struct approval {
	struct fl_list link; /* oldest first */
	struct fl_ssh_pair pair;
	fl_time at;
};

static struct fl_ssh_check *check_of(struct fl_list *l)
{
	return fl_list_entry(l, struct fl_ssh_check, link);
}

static struct approval *approval_of(struct fl_list *l)
{
	return fl_list_entry(l, struct approval, link);
}

static bool concerns(struct fl_ssh_pair pair, fl_node_id node)
{
	return pair.src == node || pair.dst == node;
}

/* ---- approvals ---- */

static void drop_approval(struct fl_ssh_checks *t, struct approval *a)
{
	fl_list_del(&a->link);
	fl_map_take(&t->by_pair, &a->pair);
	t->approved--;
	free(a);
}

/* Without memory nothing is remembered: the pair is asked about again. */
static void remember(struct fl_ssh_checks *t, struct fl_ssh_pair pair)
{
	struct approval *a = fl_map_find(&t->by_pair, &pair);

	if (a != NULL)
		drop_approval(t, a);
	a = calloc(1, sizeof *a);
	if (a == NULL)
		return;
	a->pair = pair;
	a->at = fl_loop_now(t->loop);
	if (fl_map_put(&t->by_pair, &a->pair, a) != FL_OK) {
		free(a);
		return;
	}
	fl_list_push(&t->approvals, &a->link);
	if (++t->approved > t->max)
		drop_approval(t, approval_of(t->approvals.next));
}

bool fl_ssh_checks_hold(const struct fl_ssh_checks *t, struct fl_ssh_pair pair, int64_t period)
{
	const struct approval *a = fl_map_find(&t->by_pair, &pair);

	return a != NULL && fl_loop_now(t->loop) - a->at < period;
}

/* ---- checks ---- */

static void arm(struct fl_ssh_checks *t)
{
	if (fl_list_empty(&t->checks)) {
		fl_timer_stop(&t->timer);
		return;
	}
	int64_t left = check_of(t->checks.next)->deadline - fl_loop_now(t->loop);
	fl_timer_start(&t->timer, left > 0 ? left : 0);
}

static void detach(struct fl_ssh_checks *t, struct fl_ssh_check *k)
{
	fl_list_del(&k->link);
	fl_map_take(&t->by_id, k->id);
	t->count--;
}

/* Frees a check that is in no table any more, and tells who waits on it. */
static void settle(struct fl_ssh_check *k, enum fl_ssh_word word)
{
	struct fl_ssh_waiter *w = k->waiter;

	free(k);
	if (w == NULL)
		return;
	w->check = NULL;
	w->fn(w->ctx, word);
}

static void end(struct fl_ssh_checks *t, struct fl_ssh_check *k, enum fl_ssh_word word)
{
	detach(t, k);
	arm(t);
	settle(k, word);
}

static void expire(void *ctx)
{
	struct fl_ssh_checks *t = ctx;
	fl_time now = fl_loop_now(t->loop);

	while (!fl_list_empty(&t->checks) && check_of(t->checks.next)->deadline <= now)
		end(t, check_of(t->checks.next), FL_SSH_LOST);
}

/* Who waits may open checks when it hears of it: those stay. */
static void end_all(struct fl_ssh_checks *t, bool (*which)(struct fl_ssh_pair, fl_node_id),
		    fl_node_id node)
{
	struct fl_list ended;

	fl_list_init(&ended);
	fl_list_each(it, &t->checks)
	{
		struct fl_ssh_check *k = check_of(it);
		if (!which(k->pair, node))
			continue;
		detach(t, k);
		fl_list_push(&ended, &k->link);
	}
	arm(t);
	for (struct fl_list *l; (l = fl_list_pop(&ended)) != NULL;)
		settle(check_of(l), FL_SSH_LOST);
}

/* The oldest check that is one too many with a new one for this destination, or NULL. */
static struct fl_ssh_check *surplus(struct fl_ssh_checks *t, fl_node_id dst)
{
	struct fl_ssh_check *oldest = NULL;
	size_t count = 0;

	fl_list_each(it, &t->checks)
	{
		struct fl_ssh_check *k = check_of(it);
		if (k->pair.dst != dst)
			continue;
		count++;
		oldest = oldest != NULL ? oldest : k;
	}
	if (count >= FL_SSH_CHECKS_EACH)
		return oldest;
	return t->count >= t->max ? check_of(t->checks.next) : NULL;
}

enum fl_err fl_ssh_checks_open(struct fl_ssh_checks *t, struct fl_ssh_pair pair,
			       struct fl_ssh_check **out)
{
	struct fl_ssh_check *old = surplus(t, pair.dst);
	struct fl_ssh_check *k = calloc(1, sizeof *k);

	if (k == NULL)
		return FL_ERR_NOMEM;
	fl_authreq_new(k->id);
	k->pair = pair;
	k->since = fl_loop_wall(t->loop);
	k->deadline = fl_loop_now(t->loop) + t->ttl;
	if (fl_map_put(&t->by_id, k->id, k) != FL_OK) {
		free(k);
		return FL_ERR_NOMEM;
	}
	fl_list_push(&t->checks, &k->link);
	t->count++;
	arm(t);
	if (old != NULL)
		end(t, old, FL_SSH_DISPLACED);
	*out = k;
	return FL_OK;
}

struct fl_ssh_check *fl_ssh_checks_find(struct fl_ssh_checks *t, struct fl_slice id)
{
	char key[FL_AUTHREQ_TEXT_MAX];

	if (!fl_authreq_valid(id) || !fl_str_copy(key, sizeof key, id))
		return NULL;
	return fl_map_find(&t->by_id, key);
}

enum fl_ssh_word fl_ssh_checks_wait(struct fl_ssh_checks *t, struct fl_ssh_check *k,
				    struct fl_ssh_waiter *w)
{
	enum fl_ssh_word word = k->word;

	if (word != FL_SSH_OPEN) {
		end(t, k, word);
		return word;
	}
	struct fl_ssh_waiter *older = k->waiter;
	w->check = k;
	k->waiter = w;
	if (older != NULL) {
		older->check = NULL;
		older->fn(older->ctx, FL_SSH_DISPLACED);
	}
	return FL_SSH_OPEN;
}

void fl_ssh_checks_unwait(struct fl_ssh_waiter *w)
{
	if (w->check == NULL)
		return;
	w->check->waiter = NULL;
	w->check = NULL;
}

void fl_ssh_checks_say(struct fl_ssh_checks *t, struct fl_ssh_check *k, enum fl_ssh_word word)
{
	if (word == FL_SSH_APPROVED)
		remember(t, k->pair);
	if (k->waiter != NULL || word == FL_SSH_LOST)
		end(t, k, word);
	else
		k->word = word; /* it is between two requests */
}

static bool any(struct fl_ssh_pair pair, fl_node_id node)
{
	(void)pair;
	(void)node;
	return true;
}

void fl_ssh_checks_clear(struct fl_ssh_checks *t)
{
	while (!fl_list_empty(&t->approvals))
		drop_approval(t, approval_of(t->approvals.next));
	end_all(t, any, 0);
}

void fl_ssh_checks_forget(struct fl_ssh_checks *t, fl_node_id node)
{
	fl_list_each(it, &t->approvals) if (concerns(approval_of(it)->pair, node))
		drop_approval(t, approval_of(it));
	end_all(t, concerns, node);
}

/* ---- life ---- */

enum fl_err fl_ssh_checks_init(struct fl_ssh_checks *t, struct fl_loop *loop, size_t max,
			       int64_t ttl, const uint8_t seed[static 16])
{
	*t = (struct fl_ssh_checks){ .loop = loop, .max = max, .ttl = ttl };
	fl_list_init(&t->checks);
	fl_list_init(&t->approvals);
	fl_map_init(&t->by_id, 0, seed);
	fl_map_init(&t->by_pair, sizeof(struct fl_ssh_pair), seed);
	return fl_timer_init(&t->timer, loop, expire, t);
}

void fl_ssh_checks_done(struct fl_ssh_checks *t)
{
	if (t->loop == NULL)
		return;
	for (struct fl_list *l; (l = fl_list_pop(&t->checks)) != NULL;) {
		struct fl_ssh_check *k = check_of(l);
		if (k->waiter != NULL)
			k->waiter->check = NULL;
		free(k);
	}
	for (struct fl_list *l; (l = fl_list_pop(&t->approvals)) != NULL;)
		free(approval_of(l));
	fl_map_done(&t->by_id);
	fl_map_done(&t->by_pair);
	fl_timer_done(&t->timer);
}
