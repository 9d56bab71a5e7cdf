/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/peer.c - a device that goes by a rule of ship-go, with its habits: connections
 * end without a frame, farewells come late, who is dying still stands in the way, and a word that
 * comes as soon as it may would be lost. Its only partner is the hub.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

#include "proto/ship/conn.h"

enum { LINKS_MAX = 16, HUB = 0 };

/* As server from the upgrade on, as client from its first word on. */
#define DEAF (40 * FL_MS)

struct link {
	struct fl_ship_conn *machine;
	uint64_t number;
	bool client, open, fresh;
	fl_time hears_from;
};

struct scripted {
	enum node_kind kind;
	struct link link[LINKS_MAX];
	uint64_t current; /* number of the one that stands in its registry */
	uint64_t last_number, last_dial;
	uint64_t attempt; /* that is delayed */
	uint64_t dial;    /* that runs */
	unsigned tries;
	bool trusted;
};

struct scripted *scripted_new(enum node_kind kind)
{
	struct scripted *s = calloc(1, sizeof *s);

	s->kind = kind;
	return s;
}

static void drop(struct link *l)
{
	fl_ship_conn_free(l->machine);
	*l = (struct link){ 0 };
}

static void drop_all(struct scripted *s)
{
	for (int i = 0; i < LINKS_MAX; i++)
		drop(&s->link[i]);
	s->current = s->attempt = s->dial = 0;
}

void scripted_free(struct scripted *s)
{
	if (s != NULL)
		drop_all(s);
	free(s);
}

static struct scripted *of(struct world *w, int node)
{
	return w->node[node].scripted;
}

static struct link *find(struct scripted *s, uint64_t number)
{
	for (int i = 0; i < LINKS_MAX && number != 0; i++)
		if (s->link[i].number == number)
			return &s->link[i];
	return NULL;
}

uint64_t scripted_connected(const struct scripted *s)
{
	for (int i = 0; i < LINKS_MAX; i++)
		if (s->link[i].number == s->current && s->current != 0 &&
		    fl_ship_conn_is_open(s->link[i].machine))
			return s->current;
	return 0;
}

/* ---- dialling ---- */

static bool sees_hub(const struct world *w)
{
	return w->node[HUB].up && !w->node[HUB].ending;
}

static bool wants(struct world *w, int node)
{
	const struct scripted *s = of(w, node);

	return s->trusted && s->current == 0 && sees_hub(w);
}

static void consider(struct world *w, int node)
{
	struct scripted *s = of(w, node);
	static const struct {
		fl_time from, below;
	} ranges[] = { { 0, 3 * FL_SEC },
		       { 3 * FL_SEC, 10 * FL_SEC },
		       { 10 * FL_SEC, 20 * FL_SEC } };

	if (s->attempt != 0 || s->dial != 0 || !wants(w, node))
		return;
	const unsigned i = s->tries < 2 ? s->tries : 2;
	s->tries++;
	s->attempt = ++s->last_dial;
	struct event *e = event_new(EV_SCRIPT, 0);
	e->node = node;
	e->life = w->node[node].life;
	e->number = s->attempt;
	event_put(w, e, w->now + between(&w->scripts, ranges[i].from, ranges[i].below));
}

void scripted_due(struct world *w, int node, uint64_t attempt)
{
	struct scripted *s = of(w, node);

	if (s->attempt != attempt)
		return;
	s->attempt = 0;
	if (!wants(w, node))
		return;
	s->dial = attempt;
	trace(w, "device %d dials", node);
	net_dial(w, node, HUB, attempt);
}

/* ---- connections ---- */

static void close_wire(struct world *w, int node, struct link *l, int code, const char *text)
{
	net_close(w, node, l->number, code, text);
	drop(l);
}

static void pump(struct world *w, int node, struct link *l)
{
	struct scripted *s = of(w, node);
	struct fl_ship_effect e;

	while (fl_ship_conn_next(l->machine, &e)) {
		if (e.kind == FL_SHIP_DO_STATE && e.state == FL_SHIP_S_CMI_CLIENT_WAIT)
			l->hears_from = w->now + DEAF;
		if (e.kind == FL_SHIP_DO_SEND)
			net_send(w, node, l->number, e.bytes);
		if (e.kind == FL_SHIP_DO_OPEN)
			s->tries = 0;
		if (e.kind != FL_SHIP_DO_CLOSE)
			continue;
		if (s->current == l->number)
			s->current = 0;
		trace(w, "device %d closes %u: %u %s", node, (unsigned)l->number, e.code, e.text);
		/* Without a reason there is no frame. */
		close_wire(w, node, l, e.err == FL_OK ? e.code : 1006,
			   e.err == FL_OK ? e.text : "");
		consider(w, node);
		return;
	}
}

/* The whole rule. True: the new one stays. */
static bool keeps_new(const struct world *w, int node, bool incoming)
{
	const struct node *n = &w->node[node];

	if (n->scripted->current == 0 || n->kind == NODE_RECENCY)
		return true;
	int order = memcmp(w->node[HUB].ski.b, n->ski.b, sizeof n->ski.b);
	return incoming ? order > 0 : order < 0;
}

static struct link *add(struct world *w, int node, bool client)
{
	struct scripted *s = of(w, node);
	struct link *l = NULL;
	const struct fl_ship_conn_config cfg = {
		.client = client, .trusted = s->trusted, .ship_id = "Sim-1", .message_max = 1 << 16
	};

	for (int i = 0; i < LINKS_MAX && l == NULL; i++)
		if (s->link[i].number == 0)
			l = &s->link[i];
	if (l == NULL || fl_ship_conn_new(&cfg, &l->machine) != FL_OK)
		abort();
	l->number = ++s->last_number;
	l->client = client;
	l->fresh = true;
	return l;
}

/* The new one stands there; the old one says farewell, once the new one is known to the network. */
static enum fl_err take(struct world *w, int node, bool client, uint64_t *out_number)
{
	struct scripted *s = of(w, node);

	if (!keeps_new(w, node, !client))
		return FL_ERR_EXISTS;
	struct link *l = add(w, node, client);
	s->current = *out_number = l->number;
	return FL_OK;
}

enum fl_err scripted_incoming(struct world *w, int node, uint64_t *out_number)
{
	struct scripted *s = of(w, node);
	enum fl_err err = take(w, node, false, out_number);

	trace(w, "device %d takes %u: %s", node, err == FL_OK ? (unsigned)*out_number : 0,
	      fl_err_text(err));
	if (err == FL_OK && s->kind == NODE_RECENCY && s->dial != 0) {
		net_abort(w, node, s->dial);
		s->dial = 0;
	}
	return err;
}

enum fl_err scripted_dialled(struct world *w, int node, uint64_t dial, enum fl_err how,
			     uint64_t *out_number)
{
	struct scripted *s = of(w, node);
	enum fl_err err = FL_ERR_CLOSED;

	if (s->dial != dial)
		return FL_ERR_CLOSED;
	s->dial = 0;
	if (how == FL_OK)
		err = take(w, node, true, out_number);
	trace(w, "device %d dialled: %u %s", node, err == FL_OK ? (unsigned)*out_number : 0,
	      fl_err_text(err));
	if (err != FL_OK)
		consider(w, node);
	return err;
}

void scripted_settle(struct world *w, int node)
{
	struct scripted *s = of(w, node);

	for (int i = 0; i < LINKS_MAX; i++) {
		struct link *l = &s->link[i];
		if (l->number == 0)
			continue;
		if (l->fresh) {
			l->fresh = false;
			l->hears_from = w->now + DEAF;
			fl_ship_conn_start(l->machine, w->now);
		} else if (l->number != s->current && s->kind == NODE_INITIATOR) {
			close_wire(w, node, l, 1006, "");
			continue;
		} else if (l->number != s->current) {
			fl_ship_conn_end(l->machine, w->now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE,
					 "double connection");
		}
		pump(w, node, l);
	}
	fl_time due = FL_NEVER;
	for (int i = 0; i < LINKS_MAX; i++)
		if (s->link[i].number != 0 && fl_ship_conn_deadline(s->link[i].machine) < due)
			due = fl_ship_conn_deadline(s->link[i].machine);
	if (due < w->node[node].tick_at) {
		w->node[node].tick_at = due > w->now ? due : w->now;
		event_node(w, EV_TICK, node, w->node[node].tick_at);
	}
}

void scripted_tick(struct world *w, int node)
{
	struct scripted *s = of(w, node);

	for (int i = 0; i < LINKS_MAX; i++)
		if (s->link[i].number != 0)
			fl_ship_conn_tick(s->link[i].machine, w->now);
	scripted_settle(w, node);
}

void scripted_message(struct world *w, int node, uint64_t number, struct fl_slice bytes)
{
	struct link *l = find(of(w, node), number);

	if (l == NULL)
		return;
	if (w->now < l->hears_from)
		broken(w, "device %d loses the first words on %u", node, (unsigned)number);
	fl_ship_conn_message(l->machine, w->now, bytes);
}

void scripted_lost(struct world *w, int node, uint64_t number, int code)
{
	struct scripted *s = of(w, node);
	struct link *l = find(s, number);

	(void)code;
	if (l == NULL)
		return;
	drop(l);
	if (s->current == number)
		s->current = 0;
	consider(w, node);
}

/* ---- its user, and its power ---- */

void scripted_trust(struct world *w, int node, bool trusted)
{
	struct scripted *s = of(w, node);
	struct link *l = find(s, s->current);

	s->trusted = trusted;
	if (trusted)
		s->tries = 0;
	if (l != NULL && trusted)
		fl_ship_conn_decide(l->machine, w->now, true);
	else if (l != NULL)
		fl_ship_conn_end(l->machine, w->now, FL_SHIP_REMOVED_CONNECTION, FL_SHIP_CODE_USER,
				 "User close");
	consider(w, node);
	scripted_settle(w, node);
}

void scripted_start(struct world *w, int node)
{
	of(w, node)->tries = 0;
	consider(w, node);
}

void scripted_die(struct world *w, int node)
{
	drop_all(of(w, node));
}

void scripted_stop(struct world *w, int node)
{
	struct scripted *s = of(w, node);

	for (int i = 0; i < LINKS_MAX; i++)
		if (s->link[i].number != 0)
			close_wire(w, node, &s->link[i], 4001, "hub shutdown");
	drop_all(s);
}

void scripted_seen(struct world *w, int node)
{
	consider(w, node);
}
