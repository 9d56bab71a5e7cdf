/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/derp/peers.c - who is connected under which key, and who gets told when nobody is.
 *
 * Two machines with a copied state file, or a client that reconnects before its old socket has
 * died, hold one key with several connections. All stay open: closing the older would make the
 * two machines flap for ever. Packets go to one of them, the active one.
 */
#include "proto/derp/server_impl.h"

#include <stdlib.h>

/* ---- who was sent something by whom ---- */

struct pair {
	const void *to, *from;
};

void fl_derp_watch_free(struct watch *w)
{
	struct fl_derp_client *to = w->to;
	struct pair key = { to, w->from };

	fl_map_take(&to->s->watches, &key);
	if (to->last_src == w->from)
		to->last_src = NULL;
	fl_list_del(&w->of_receiver);
	fl_list_del(&w->of_source);
	to->watch_count--;
	free(w);
}

static void forget_oldest(struct fl_derp_client *to)
{
	fl_derp_watch_free(fl_list_entry(to->watches.next, struct watch, of_receiver));
}

/* Called for every packet. Out of memory only means that a later PeerGone is not sent. */
void fl_derp_watch(struct fl_derp_client *to, struct peer *from)
{
	if (to->last_src == from)
		return;
	struct fl_derp_server *s = to->s;
	struct pair key = { to, from };

	to->last_src = from;
	if (fl_map_find(&s->watches, &key) != NULL)
		return;
	struct watch *w = malloc(sizeof *w);
	if (w == NULL)
		return;
	if (fl_map_put(&s->watches, &key, w) != FL_OK) {
		free(w);
		return;
	}
	if (to->watch_count >= FL_DERP_WATCH_MAX && !fl_list_empty(&to->watches))
		forget_oldest(to);
	*w = (struct watch){ .to = to, .from = from };
	fl_list_push(&to->watches, &w->of_receiver);
	fl_list_push(&from->watches, &w->of_source);
	to->watch_count++;
}

static void free_if_done(struct peer *p)
{
	if (p->count == 0 && p->unsaid == 0)
		free(p);
}

/* A PeerGone about this key was written, or its receiver has left. */
void fl_derp_peer_said(struct peer *p)
{
	p->unsaid--;
	free_if_done(p);
}

/* A receiver that takes nothing while others come and go hears only of the latest. */
static void forget_farewell(struct fl_derp_client *to)
{
	struct watch *w = fl_list_entry(fl_list_pop(&to->unsaid), struct watch, of_receiver);

	to->unsaid_count--;
	to->s->stats.gone_dropped++;
	fl_derp_peer_said(w->from);
	free(w);
}

/* The last connection of a key went: everyone it had sent to hears of it. */
static void tell_watches(struct peer *p)
{
	struct fl_list *l;

	while ((l = fl_list_pop(&p->watches)) != NULL) {
		struct watch *w = fl_list_entry(l, struct watch, of_source);
		struct fl_derp_client *to = w->to;
		struct pair key = { to, p };

		fl_map_take(&to->s->watches, &key);
		if (to->last_src == p)
			to->last_src = NULL;
		fl_list_del(&w->of_receiver);
		if (to->unsaid_count >= FL_DERP_WATCH_MAX)
			forget_farewell(to);
		fl_list_push(&to->unsaid, &w->of_receiver);
		to->unsaid_count++;
		to->watch_count--; /* a burst of farewells must not push out living peers */
		p->unsaid++;
		fl_derp_todo(to, TODO_FLUSH, false);
	}
}

/* ---- connections of a key ---- */

static struct peer *peer_new(struct fl_derp_server *s, const struct fl_node_key *key)
{
	struct peer *p = calloc(1, sizeof *p);
	if (p == NULL)
		return NULL;
	p->key = *key;
	fl_list_init(&p->members);
	fl_list_init(&p->watches);
	if (fl_map_put(&s->peers, key->b, p) != FL_OK) {
		free(p);
		return NULL;
	}
	return p;
}

/* The history holds each member's latest place: that is all its rules ask for. */
static void append_history(struct peer *p, struct fl_derp_client *c)
{
	c->spoke = ++p->speaks;
}

static void join_several(struct fl_derp_server *s, struct peer *p, struct fl_derp_client *c)
{
	if (p->count == 2) {
		append_history(p, fl_list_entry(p->members.next, struct fl_derp_client, member));
		s->stats.dup_keys++;
		s->stats.dup_conns++; /* the one that was there */
	} else {
		append_history(p, c);
	}
	s->stats.dup_conns++;
	s->stats.dup_conns_total++;
	p->last = c;
}

enum fl_err fl_derp_join(struct fl_derp_client *c, const struct fl_node_key *key)
{
	struct fl_derp_server *s = c->s;
	struct peer *p = fl_map_find(&s->peers, key->b);

	if (p == NULL)
		p = peer_new(s, key);
	if (p == NULL)
		return FL_ERR_NOMEM;
	c->peer = p;
	fl_list_push(&p->members, &c->member);
	p->count++;
	p->active = c;
	if (p->count > 1)
		join_several(s, p, c);
	return FL_OK;
}

/* A frame came from `c`: whoever writes last gets the packets. */
void fl_derp_spoke(struct fl_derp_client *c)
{
	struct peer *p = c->peer;

	if (p->count < 2)
		return;
	p->last = p->active = c;
	if (c->spoke == 0 || c->spoke != p->speaks)
		append_history(p, c);
}

static struct fl_derp_client *latest_speaker(const struct peer *p)
{
	struct fl_derp_client *best = NULL;

	fl_list_each(l, &p->members)
	{
		struct fl_derp_client *c = fl_list_entry(l, struct fl_derp_client, member);
		if (best == NULL || c->spoke > best->spoke)
			best = c;
	}
	return best;
}

static void one_is_left(struct fl_derp_server *s, struct peer *p)
{
	struct fl_derp_client *c = fl_list_entry(p->members.next, struct fl_derp_client, member);

	p->active = c;
	p->last = NULL;
	s->stats.dup_keys--;
	s->stats.dup_conns -= 2;
}

static void several_are_left(struct fl_derp_server *s, struct peer *p, struct fl_derp_client *gone)
{
	struct fl_derp_client *latest = latest_speaker(p);

	s->stats.dup_conns--;
	p->speaks = latest->spoke;
	if (p->last == gone)
		p->last = latest;
	p->active = p->last;
}

void fl_derp_leave(struct fl_derp_client *c)
{
	struct fl_derp_server *s = c->s;
	struct peer *p = c->peer;

	c->peer = NULL;
	fl_list_del(&c->member);
	p->count--;
	if (p->count > 1) {
		several_are_left(s, p, c);
	} else if (p->count == 1) {
		one_is_left(s, p);
	} else {
		fl_map_take(&s->peers, p->key.b);
		p->active = NULL;
		p->unsaid++; /* keeps it for the loop below */
		tell_watches(p);
		fl_derp_peer_said(p);
	}
}
