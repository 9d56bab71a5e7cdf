/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/net.c - wires: a dial knocks, is answered, carries messages in order, and ends at
 * both ends, rarely at the same time.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

enum { NO_FRAME = 1006 };

#define PING_DEATH (60 * FL_SEC)
#define PATIENCE   (3 * FL_SEC)

static fl_time latency(struct world *w)
{
	return chance(&w->net, 5) && !w->calm ? between(&w->net, 100 * FL_MS, 900 * FL_MS)
					      : between(&w->net, FL_MS, 30 * FL_MS);
}

static bool is_alive(const struct world *w, const struct end *e)
{
	return e->open && w->node[e->node].up && w->node[e->node].life == e->life;
}

static void put(struct world *w, struct event *e, struct wire *x, int side, fl_time at)
{
	e->wire = x;
	e->side = side;
	x->pending++;
	event_put(w, e, at);
}

/* After all that is on its way to that end. */
static fl_time in_order(struct world *w, struct end *e)
{
	fl_time at = w->now + latency(w);

	e->last = at > e->last ? at : e->last + 1;
	return e->last;
}

static void put_lost(struct world *w, struct wire *x, int side, int code, const char *text,
		     fl_time at)
{
	struct event *e = event_new(EV_LOST, 0);

	e->code = code;
	e->text = text;
	put(w, e, x, side, at);
}

struct end *net_end(struct world *w, int node, uint64_t number, struct wire **out_wire,
		    int *out_side)
{
	for (size_t i = w->wires; i-- > 0;)
		for (int side = 0; side < 2; side++) {
			struct end *e = &w->wire[i]->end[side];
			if (e->node != node || e->number != number || e->life != w->node[node].life)
				continue;
			*out_wire = w->wire[i];
			*out_side = side;
			return e;
		}
	return NULL;
}

/* ---- beginning ---- */

void net_dial(struct world *w, int from, int to, uint64_t dial)
{
	struct wire *x = calloc(1, sizeof *x);
	struct event *e;

	if (w->wires == w->wires_cap) {
		w->wires_cap = w->wires_cap > 0 ? 2 * w->wires_cap : 64;
		w->wire = realloc(w->wire, w->wires_cap * sizeof(struct wire *));
	}
	w->wire[w->wires++] = x;
	x->dial = dial;
	x->notices = chance(&w->net, 50);
	x->end[0] = (struct end){ .node = from, .life = w->node[from].life };
	x->end[1] = (struct end){ .node = to, .life = w->node[to].life };
	if (w->node[to].black || (!w->calm && chance(&w->net, 3))) {
		e = event_new(EV_ANSWER, 0);
		e->code = FL_ERR_TIMEOUT;
		put(w, e, x, 0, w->now + 5 * FL_SEC);
		return;
	}
	e = event_new(EV_KNOCK, 0);
	put(w, e, x, 1, w->now + latency(w));
}

/* Whoever called a dial off closes what comes of it. */
void net_abort(struct world *w, int from, uint64_t dial)
{
	for (size_t i = 0; i < w->wires; i++)
		if (w->wire[i]->end[0].node == from && w->wire[i]->dial == dial &&
		    w->wire[i]->end[0].life == w->node[from].life)
			w->wire[i]->dial = 0;
}

static void knock(struct world *w, struct wire *x)
{
	struct end *server = &x->end[1];
	const struct node *n = &w->node[server->node];
	enum fl_err err = FL_ERR_IO;

	server->life = n->life;
	if (n->up && !n->deaf)
		err = node_incoming(w, server->node, x->end[0].node, &server->number,
				    &server->parked);
	server->open = err == FL_OK;
	server->since = w->now;
	struct event *e = event_new(EV_ANSWER, 0);
	e->code = err;
	put(w, e, x, 0, in_order(w, &x->end[0]));
	if (n->up && !n->deaf)
		node_settle(w, server->node);
}

static void answer(struct world *w, struct wire *x, enum fl_err verdict)
{
	struct end *client = &x->end[0];
	const struct node *n = &w->node[client->node];
	const bool wanted = n->up && n->life == client->life && x->dial != 0;
	const int to = x->end[1].node;
	enum fl_err taken = FL_ERR_CLOSED;

	if (wanted) {
		n->view[to].dial = 0;
		/* A server that keeps its other connection says so after the upgrade. */
		const enum fl_err err = verdict == FL_ERR_EXISTS    ? FL_OK
					: verdict == FL_ERR_TIMEOUT ? verdict
					: verdict != FL_OK          ? FL_ERR_IO
								    : FL_OK;
		taken = node_dialled(w, client->node, to, x->dial, err, &client->number,
				     &client->parked);
		client->open = taken == FL_OK;
		client->since = w->now;
	}
	x->dial = 0;
	if (!client->open && x->end[1].open)
		put_lost(w, x, 1, wanted ? 4001 : NO_FRAME, wanted ? "double connection" : "",
			 in_order(w, &x->end[1]));
	if (client->open && verdict == FL_ERR_EXISTS)
		put_lost(w, x, 0, w->node[to].kind == NODE_REAL ? 4001 : 1000, "double connection",
			 in_order(w, client));
	else if (client->open && !is_alive(w, &x->end[1]))
		put_lost(w, x, 0, NO_FRAME, "", in_order(w, client));
	if (wanted)
		node_settle(w, client->node);
}

/* ---- what passes ---- */

void net_send(struct world *w, int node, uint64_t number, struct fl_slice bytes)
{
	struct wire *x;
	int side;
	const struct end *from = net_end(w, node, number, &x, &side);

	if (from == NULL || !from->open) {
		broken(w, "node %d sends on connection %u, which is closed", node,
		       (unsigned)number);
		return;
	}
	if (x->end[!side].black)
		return;
	struct event *e = event_new(EV_MESSAGE, bytes.len);
	memcpy(e->bytes, bytes.ptr, bytes.len);
	put(w, e, x, !side, in_order(w, &x->end[!side]));
}

void net_close(struct world *w, int node, uint64_t number, int code, const char *text)
{
	struct wire *x;
	int side;
	struct end *from = net_end(w, node, number, &x, &side);

	if (from == NULL || !from->open) {
		broken(w, "node %d closes connection %u a second time", node, (unsigned)number);
		return;
	}
	from->open = false;
	struct end *to = &x->end[!side];
	if (to->black)
		put_lost(w, x, !side, NO_FRAME, "", w->now + between(&w->net, 0, PING_DEATH));
	else
		put_lost(w, x, !side, code, text, in_order(w, to));
}

void net_resume(struct world *w, int node, uint64_t number)
{
	struct wire *x;
	int side;
	struct end *to = net_end(w, node, number, &x, &side);

	if (to == NULL || !to->parked) {
		broken(w, "node %d resumes connection %u, which is not parked", node,
		       (unsigned)number);
		return;
	}
	to->parked = false;
	for (struct event *e; (e = to->held) != NULL;) {
		to->held = e->next;
		put(w, e, x, side, w->now);
	}
}

static void hold(struct end *to, struct event *e)
{
	struct event **at = &to->held;

	while (*at != NULL)
		at = &(*at)->next;
	e->next = NULL;
	*at = e;
}

/* False: it is held, because nobody reads there. */
static bool deliver(struct world *w, struct event *e)
{
	struct end *to = &e->wire->end[e->side];
	const struct node *n = &w->node[to->node];

	if (!n->up || n->life != to->life || to->number == 0 ||
	    (e->kind == EV_MESSAGE && (to->black || !to->open)))
		return true;
	if (to->open && to->parked && !(e->kind == EV_LOST && e->wire->notices)) {
		hold(to, e);
		return false;
	}
	if (e->kind == EV_MESSAGE) {
		node_message(w, to->node, to->number, fl_slice_of(e->bytes, e->len));
	} else { /* perhaps of a connection that was closed before: a late farewell */
		to->open = false;
		node_lost(w, to->node, to->number, e->code, e->text);
	}
	node_settle(w, to->node);
	return true;
}

void net_event(struct world *w, struct event *e)
{
	struct wire *x = e->wire;

	x->pending--;
	switch (e->kind) {
	case EV_KNOCK:
		knock(w, x);
		break;
	case EV_ANSWER:
		answer(w, x, (enum fl_err)e->code);
		break;
	default:
		if (!deliver(w, e))
			return;
	}
	free(e);
}

/* ---- weather ---- */

static void lose(struct world *w, struct wire *x, int side, bool silent)
{
	struct end *e = &x->end[side];

	if (!e->open)
		return;
	e->black = e->black || silent;
	put_lost(w, x, side, NO_FRAME, "",
		 w->now + (silent ? between(&w->net, 0, PING_DEATH) : latency(w)));
}

void net_cut(struct world *w, struct wire *x, bool silent)
{
	lose(w, x, 0, silent);
	lose(w, x, 1, silent);
}

void net_node_died(struct world *w, int node, bool silent)
{
	for (size_t i = 0; i < w->wires; i++)
		for (int side = 0; side < 2; side++) {
			struct end *e = &w->wire[i]->end[side];
			if (e->node != node || !e->open || e->life != w->node[node].life)
				continue;
			e->open = false;
			lose(w, w->wire[i], !side, silent);
		}
}

/* ---- upkeep ---- */

static void wire_free(struct wire *x)
{
	for (int side = 0; side < 2; side++)
		for (struct event *e; (e = x->end[side].held) != NULL;) {
			x->end[side].held = e->next;
			free(e);
		}
	free(x);
}

static void check_patience(struct world *w, const struct wire *x)
{
	for (int side = 0; side < 2; side++) {
		const struct end *e = &x->end[side];
		if (e->parked && is_alive(w, e) && w->now - e->since > PATIENCE)
			broken(w, "node %d leaves connection %u parked", e->node,
			       (unsigned)e->number);
	}
}

void net_sweep(struct world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->wires; i++) {
		struct wire *x = w->wire[i];
		check_patience(w, x);
		if (x->pending == 0 && !x->end[0].open && !x->end[1].open)
			wire_free(x);
		else
			w->wire[kept++] = x;
	}
	w->wires = kept;
}

void net_done(struct world *w)
{
	for (size_t i = 0; i < w->wires; i++)
		wire_free(w->wire[i]);
	free(w->wire);
}
