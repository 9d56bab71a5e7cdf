/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/pending.c - a bounded table of registrations, oldest first, one timer for all.
 */
#include "services/control/pending.h"

#include <stdlib.h>

static struct fl_pending *record_of(struct fl_list *l)
{
	return fl_list_entry(l, struct fl_pending, link);
}

static void arm(struct fl_pending_table *t)
{
	if (fl_list_empty(&t->records)) {
		fl_timer_stop(&t->timer);
		return;
	}
	int64_t left = record_of(t->records.next)->deadline - fl_loop_now(t->loop);
	fl_timer_start(&t->timer, left > 0 ? left : 0);
}

static void record_free(struct fl_pending *p)
{
	fl_hostinfo_unref(p->hostinfo);
	free(p);
}

static void detach(struct fl_pending_table *t, struct fl_pending *p)
{
	fl_list_del(&p->link);
	fl_map_take(&t->by_id, p->id);
	t->count--;
}

void fl_pending_resolve(struct fl_pending_table *t, struct fl_pending *p, enum fl_err verdict)
{
	detach(t, p);
	for (struct fl_list *l = fl_list_pop(&p->followers); l != NULL;
	     l = fl_list_pop(&p->followers)) {
		struct fl_follower *f = fl_list_entry(l, struct fl_follower, link);
		f->record = NULL;
		f->fn(f->ctx, verdict, p);
	}
	record_free(p);
	arm(t);
}

static void expire(void *ctx)
{
	struct fl_pending_table *t = ctx;
	fl_time now = fl_loop_now(t->loop);

	while (!fl_list_empty(&t->records) && record_of(t->records.next)->deadline <= now)
		fl_pending_resolve(t, record_of(t->records.next), FL_ERR_NOT_FOUND);
	arm(t);
}

enum fl_err fl_pending_init(struct fl_pending_table *t, struct fl_loop *loop, size_t max,
			    int64_t ttl, const uint8_t seed[static 16])
{
	*t = (struct fl_pending_table){ .loop = loop, .max = max, .ttl = ttl };
	fl_list_init(&t->records);
	fl_map_init(&t->by_id, 0, seed);
	return fl_timer_init(&t->timer, loop, expire, t);
}

void fl_pending_done(struct fl_pending_table *t)
{
	if (t->loop == NULL)
		return;
	fl_list_each(it, &t->records)
	{
		struct fl_pending *p = record_of(it);
		for (struct fl_list *l = fl_list_pop(&p->followers); l != NULL;
		     l = fl_list_pop(&p->followers))
			fl_list_entry(l, struct fl_follower, link)->record = NULL;
		record_free(p);
	}
	fl_list_init(&t->records);
	fl_map_done(&t->by_id);
	fl_timer_done(&t->timer);
}

static struct fl_pending *find_same(struct fl_pending_table *t,
				    const struct fl_machine_key *machine,
				    const struct fl_node_key *key)
{
	fl_list_each(it, &t->records)
	{
		struct fl_pending *p = record_of(it);
		if (fl_node_key_eq(&p->key, key) && fl_machine_key_eq(&p->machine, machine))
			return p;
	}
	return NULL;
}

/* What the client said last counts: a retry may carry another hostname. */
static void refresh(struct fl_pending *p, const struct fl_register_request *req)
{
	fl_hostinfo_unref(p->hostinfo);
	p->hostinfo = fl_hostinfo_ref(req->hostinfo);
	p->cap = req->version;
	p->ephemeral = req->ephemeral;
	p->expiry = req->expiry;
}

static struct fl_pending *oldest_left(struct fl_pending_table *t)
{
	fl_list_each(it, &t->records)
	{
		if (fl_list_empty(&record_of(it)->followers))
			return record_of(it);
	}
	return NULL;
}

/*
 * Makes room for one more, at the cost of the oldest on whom no request waits, or else of the
 * oldest. That one had its time: if more clients wait than there are places, they would displace
 * each other for ever, each back at once for a new address, and no person could answer any.
 */
static bool make_room(struct fl_pending_table *t)
{
	if (t->count < t->max)
		return true;
	struct fl_pending *left = oldest_left(t), *oldest = record_of(t->records.next);
	if (left != NULL)
		fl_pending_resolve(t, left, FL_ERR_FULL);
	else if (oldest->deadline - t->ttl + FL_PENDING_STAY <= fl_loop_now(t->loop))
		fl_pending_resolve(t, oldest, FL_ERR_FULL);
	return t->count < t->max;
}

enum fl_err fl_pending_open(struct fl_pending_table *t, const struct fl_machine_key *machine,
			    const struct fl_register_request *req, struct fl_pending **out)
{
	struct fl_pending *p = find_same(t, machine, &req->node_key);
	if (p != NULL) {
		refresh(p, req);
		*out = p;
		return FL_OK;
	}
	if (!make_room(t))
		return FL_ERR_FULL;
	p = calloc(1, sizeof *p);
	if (p == NULL)
		return FL_ERR_NOMEM;
	fl_authreq_new(p->id);
	p->machine = *machine;
	p->key = req->node_key;
	p->since = fl_loop_wall(t->loop);
	p->deadline = fl_loop_now(t->loop) + t->ttl;
	fl_list_init(&p->followers);
	refresh(p, req);
	if (fl_map_put(&t->by_id, p->id, p) != FL_OK) {
		record_free(p);
		return FL_ERR_NOMEM;
	}
	fl_list_push(&t->records, &p->link);
	t->count++;
	arm(t);
	*out = p;
	return FL_OK;
}

struct fl_pending *fl_pending_find(struct fl_pending_table *t, struct fl_slice id)
{
	char key[FL_AUTHREQ_TEXT_MAX];

	if (!fl_authreq_valid(id) || !fl_str_copy(key, sizeof key, id))
		return NULL;
	return fl_map_find(&t->by_id, key);
}

void fl_pending_follow(struct fl_pending *p, struct fl_follower *f)
{
	f->record = p;
	fl_list_push(&p->followers, &f->link);
	if (++p->follower_count <= FL_PENDING_FOLLOWERS)
		return;
	struct fl_follower *oldest = fl_list_entry(p->followers.next, struct fl_follower, link);
	fl_pending_unfollow(oldest);
	oldest->fn(oldest->ctx, FL_ERR_FULL, p);
}

void fl_pending_unfollow(struct fl_follower *f)
{
	if (f->record == NULL)
		return;
	f->record->follower_count--;
	f->record = NULL;
	fl_list_del(&f->link);
}
