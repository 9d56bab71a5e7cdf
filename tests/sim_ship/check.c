/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/check.c - what must hold: of every word to the application, after every step, at
 * the end of a hub, and when the weather has been calm for a while.
 */
#include "world.h"

enum { LARGE = 60, LOOK_EVERY = 16 };

/* Data flows from now on. */
static void check_allowed(struct world *w, int node, int peer, uint64_t number)
{
	const struct view *v = &w->node[node].view[peer];

	if (limits_outside(v))
		broken(w, "node %d: %d connected by %u as %x, allowed is %x", node, peer,
		       (unsigned)number, (unsigned)v->shown, (unsigned)v->allow);
}

void check_tell(struct world *w, int node, const struct fl_devices_effect *e)
{
	const int peer = node_of(&e->ski);
	struct view *v = &w->node[node].view[peer];
	const unsigned number = (unsigned)e->number;

	switch (e->kind) {
	case FL_DEVICES_TELL_CONNECTED:
		trace(w, "node %d: CONNECTED to %d by %u", node, peer, number);
		if (v->told != 0)
			broken(w, "node %d: %d connected twice, by %u", node, peer, number);
		if (!v->wanted)
			broken(w, "node %d: %d connected without trust", node, peer);
		check_allowed(w, node, peer, e->number);
		v->told = e->number;
		break;
	case FL_DEVICES_TELL_REPLACED:
		trace(w, "node %d: REPLACED %u to %d by %u", node, (unsigned)e->old_number, peer,
		      number);
		if (v->told == 0 || v->told != e->old_number)
			broken(w, "node %d: %d replaced %u, which was not told", node, peer,
			       (unsigned)e->old_number);
		check_allowed(w, node, peer, e->number);
		v->told = e->number;
		break;
	case FL_DEVICES_TELL_DISCONNECTED:
		trace(w, "node %d: DISCONNECTED %u from %d", node, number, peer);
		if (v->told == 0 || v->told != e->number)
			broken(w, "node %d: %d disconnected %u, which was not told", node, peer,
			       number);
		v->told = 0;
		break;
	case FL_DEVICES_TELL_DATA:
		if (v->told != e->number)
			broken(w, "node %d: data from %d by %u, which is not current", node, peer,
			       number);
		break;
	case FL_DEVICES_TELL_FORGOTTEN:
		if (v->told != 0 || v->kept)
			broken(w, "node %d: %d forgotten, and it is connected or trusted", node,
			       peer);
		break;
	case FL_DEVICES_TELL_TRUST:
		trace(w, "node %d: trust in %d %s", node, peer, e->trusted ? "given" : "taken");
		if (e->trusted != v->kept)
			broken(w, "node %d: trust in %d told before it was kept", node, peer);
		break;
	case FL_DEVICES_TELL_STATE:
		trace(w, "node %d: %d is %s %s", node, peer, fl_devices_state_name(e->state),
		      e->text);
		if (e->state == FL_DEVICES_COMPLETED && !v->wanted)
			broken(w, "node %d: %d completed without trust", node, peer);
		break;
	default:
		break;
	}
}

void check_step(struct world *w, int node)
{
	w->steps++;
	if (w->nodes > LARGE && w->steps % LOOK_EVERY != 0)
		return;
	if (!fl_devices_check(w->node[node].hub))
		broken(w, "node %d: its records do not agree", node);
}

void check_down(struct world *w, int node)
{
	const struct node *n = &w->node[node];
	struct fl_devices_effect e;
	uint64_t number;
	bool parked;

	for (int i = 0; i < w->nodes; i++)
		if (n->view[i].told != 0)
			broken(w, "node %d is down, and %d was never disconnected", node, i);
	if (fl_devices_connections(n->hub) != 0)
		broken(w, "node %d is down with connections", node);
	/* Nothing comes out any more, whatever happens. */
	fl_devices_tick(n->hub, w->now + FL_HOUR);
	if (fl_devices_incoming(n->hub, w->now, &w->node[!node].ski, &number, &parked) !=
	    FL_ERR_CLOSED)
		broken(w, "node %d is down and takes connections", node);
	for (uint64_t i = 1; i <= n->last_number; i++)
		if (fl_devices_dialled(n->hub, w->now, i, FL_OK, NULL, &number, &parked) !=
		    FL_ERR_CLOSED)
			broken(w, "node %d is down and has dialled", node);
	fl_devices_lost(n->hub, w->now, n->last_number, 1006, fl_slice_str(""));
	if (fl_devices_next(n->hub, &e))
		broken(w, "node %d is down and says something", node);
}

/* ---- when all is calm ---- */

static uint64_t connected(const struct world *w, int node, int peer)
{
	const struct node *n = &w->node[node];
	struct fl_device_info info;

	if (n->kind != NODE_REAL)
		return scripted_connected(n->scripted);
	if (fl_devices_info(n->hub, &w->node[peer].ski, &info) != FL_OK || !info.connected)
		return 0;
	return n->view[peer].told == info.number ? info.number : 0;
}

static void check_pair(struct world *w, int a, int b)
{
	const uint64_t by_a = connected(w, a, b), by_b = connected(w, b, a);
	int wires = 0;
	bool agree = false;

	if (!w->node[a].view[b].wanted || !w->node[b].view[a].wanted) {
		if (w->node[a].view[b].told != 0)
			broken(w, "%d and %d are connected, and do not trust each other", a, b);
		return;
	}
	if (limits_outside(&w->node[a].view[b]) || limits_outside(&w->node[b].view[a])) {
		if (by_a != 0 || by_b != 0)
			broken(w, "%d and %d are connected, and one may not be what it is", a, b);
		return;
	}
	for (size_t i = 0; i < w->wires; i++) {
		const struct end *e = w->wire[i]->end;
		const int side = e[0].node == b;
		if (e[side].node != a || e[!side].node != b || !e[side].open || !e[!side].open)
			continue;
		wires++;
		agree = e[side].number == by_a && e[!side].number == by_b;
	}
	if (by_a == 0 || by_b == 0)
		broken(w, "%d and %d trust each other, and are not connected", a, b);
	else if (wires != 1)
		broken(w, "%d and %d have %d connections", a, b, wires);
	else if (!agree)
		broken(w, "%d and %d do not agree which connection lives", a, b);
}

static void check_records(struct world *w, int node)
{
	const struct node *n = &w->node[node];
	struct fl_device_info info;

	for (size_t i = 0; fl_devices_info_at(n->hub, i, &info); i++) {
		const struct view *v = &n->view[node_of(&info.record.ski)];
		if (info.record.trusted != v->wanted)
			broken(w, "node %d and its user do not agree about %d", node,
			       node_of(&info.record.ski));
	}
}

void check_convergence(struct world *w)
{
	for (int a = 0; a < w->nodes; a++)
		if (!w->node[a].up)
			broken(w, "node %d is not up", a);
	for (int a = 0; a < w->nodes && w->broken[0] == '\0'; a++) {
		if (w->node[a].kind == NODE_REAL)
			check_records(w, a);
		for (int b = 0; b < a; b++)
			if (w->node[a].view[b].knows)
				check_pair(w, a, b);
	}
}
