/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/users.c - who trusts whom, and what else goes wrong.
 */
#include "world.h"

static bool is_real(const struct world *w, int node)
{
	return w->node[node].kind == NODE_REAL;
}

static bool can_act(const struct world *w, int node)
{
	return w->node[node].up && !w->node[node].ending;
}

/* ---- users ---- */

static void user_register(struct world *w, int node, int peer)
{
	struct node *n = &w->node[node];
	struct view *v = &n->view[peer];

	trace(w, "user of %d registers %d", node, peer);
	v->wanted = true;
	v->hold = false;
	if (!is_real(w, node)) {
		scripted_trust(w, node, true);
		return;
	}
	if (fl_devices_register(n->hub, w->now, &w->node[peer].ski, NULL, NULL) != FL_OK)
		broken(w, "node %d does not register %d", node, peer);
	node_settle(w, node);
}

static void user_unregister(struct world *w, int node, int peer)
{
	struct node *n = &w->node[node];
	struct view *v = &n->view[peer];

	trace(w, "user of %d unregisters %d", node, peer);
	if (!is_real(w, node)) {
		v->wanted = false;
		scripted_trust(w, node, false);
		return;
	}
	const bool was = v->wanted;
	v->wanted = v->hold = false;
	enum fl_err err = fl_devices_unregister(n->hub, w->now, &w->node[peer].ski);
	if (err != FL_OK && was)
		broken(w, "node %d does not unregister %d", node, peer);
	node_settle(w, node);
}

static void user_refuse(struct world *w, int node, int peer)
{
	struct node *n = &w->node[node];

	trace(w, "user of %d refuses %d", node, peer);
	if (fl_devices_refuse(n->hub, w->now, &w->node[peer].ski) == FL_OK)
		n->view[peer].wanted = n->view[peer].hold = false;
	node_settle(w, node);
}

static void user_disconnect(struct world *w, int node, int peer, bool hold)
{
	struct node *n = &w->node[node];

	trace(w, "user of %d disconnects %d%s", node, peer, hold ? " and holds" : "");
	if (fl_devices_disconnect(n->hub, w->now, &w->node[peer].ski, hold) == FL_OK && hold &&
	    n->view[peer].wanted)
		n->view[peer].hold = true;
	node_settle(w, node);
}

static void user_window(struct world *w, int node, unsigned seconds)
{
	struct node *n = &w->node[node];

	trace(w, "user of %d opens a window for %u s", node, seconds);
	if (fl_devices_auto_accept(n->hub, w->now, seconds) != FL_OK)
		broken(w, "node %d opens no window", node);
	n->window = seconds > 0;
	n->window_until = w->now + (int64_t)seconds * FL_SEC;
	node_settle(w, node);
}

static void user_send(struct world *w, int node, int peer)
{
	struct node *n = &w->node[node];
	enum fl_err err = fl_devices_send(n->hub, w->now, &w->node[peer].ski,
					  fl_slice_str("{\"datagram\":{\"n\":1}}"), false);

	if (err != FL_OK && err != FL_ERR_CLOSED)
		broken(w, "node %d cannot send: %s", node, fl_err_text(err));
	node_settle(w, node);
}

static bool pick(struct world *w, int *out_node, int *out_peer)
{
	const int node = (int)fl_rng_below(&w->users, (uint64_t)w->nodes);
	const int peer = (int)fl_rng_below(&w->users, (uint64_t)w->nodes);

	*out_node = w->node[node].view[peer].knows ? node : peer;
	*out_peer = w->node[node].view[peer].knows ? peer : 0;
	return w->node[*out_node].view[*out_peer].knows && can_act(w, *out_node);
}

void users_act(struct world *w)
{
	const unsigned what = (unsigned)fl_rng_below(&w->users, 100);
	int node, peer;

	if (!pick(w, &node, &peer))
		return;
	if (what < 30) {
		user_register(w, node, peer);
	} else if (what < 42) {
		user_unregister(w, node, peer);
	} else if (what < 47) { /* both at once: dials cross */
		user_register(w, node, peer);
		if (can_act(w, peer))
			user_register(w, peer, node);
	} else if (!is_real(w, node)) {
		return;
	} else if (what < 55) {
		user_refuse(w, node, peer);
	} else if (what < 70) {
		user_disconnect(w, node, peer, chance(&w->users, 30));
	} else if (what < 75) {
		user_window(w, node, (unsigned)fl_rng_below(&w->users, 121));
	} else if (what < 80) {
		fl_devices_may_wait(w->node[node].hub, chance(&w->users, 70));
	} else {
		user_send(w, node, peer);
	}
}

void users_begin(struct world *w)
{
	for (int a = 0; a < w->nodes; a++)
		for (int b = 0; b < w->nodes; b++)
			if (w->node[a].view[b].knows && chance(&w->users, 80))
				user_register(w, a, b);
}

/* ---- weather ---- */

static struct wire *pick_wire(struct world *w)
{
	for (int tries = 0; tries < 8 && w->wires > 0; tries++) {
		struct wire *x = w->wire[fl_rng_below(&w->weather, w->wires)];
		if (x->end[0].open || x->end[1].open)
			return x;
	}
	return NULL;
}

static void heal_later(struct world *w, int node)
{
	event_node(w, EV_HEAL, node, w->now + between(&w->weather, FL_SEC, 40 * FL_SEC));
}

static void start_later(struct world *w, int node)
{
	event_node(w, EV_START, node, w->now + between(&w->weather, 7 * FL_SEC, 60 * FL_SEC));
}

void weather_act(struct world *w)
{
	const unsigned what = (unsigned)fl_rng_below(&w->weather, 100);
	const int node = (int)fl_rng_below(&w->weather, (uint64_t)w->nodes);
	struct wire *x = pick_wire(w);

	if (what < 30 && x != NULL) {
		net_cut(w, x, false);
	} else if (what < 50 && x != NULL) { /* half open */
		net_cut(w, x, true);
	} else if (what < 60) {
		w->node[node].deaf = true;
		heal_later(w, node);
	} else if (what < 68) {
		w->node[node].black = true;
		heal_later(w, node);
	} else if (what < 85 && can_act(w, node)) {
		node_die(w, node, chance(&w->weather, 50));
		start_later(w, node);
	} else if (what < 95 && can_act(w, node)) {
		node_stop(w, node);
		start_later(w, node);
	} else if (can_act(w, node)) {
		node_see(w, node);
		limits_change(w, node);
		if (w->limited)
			everybody_sees(w, node);
	}
}

/* ---- calm ---- */

void users_calm(struct world *w)
{
	for (int a = 0; a < w->nodes; a++) {
		w->node[a].deaf = w->node[a].black = false;
		if (w->node[a].window && can_act(w, a))
			user_window(w, a, 0);
	}
	for (int a = 0; a < w->nodes; a++)
		for (int b = 0; b < w->nodes; b++) {
			struct view *v = &w->node[a].view[b];
			if (!v->knows || !can_act(w, a))
				continue;
			if (v->hold || (!v->wanted && chance(&w->users, 50)))
				user_register(w, a, b);
			if (is_real(w, a))
				fl_devices_may_wait(w->node[a].hub, true);
		}
}
