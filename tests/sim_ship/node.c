/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/node.c - a node of either kind, and the driver of a real one: what services/ship
 * does with sockets and files, done with wires and views.
 */
#include "world.h"

#include <stdlib.h>
#include <string.h>

static bool is_real(const struct node *n)
{
	return n->kind == NODE_REAL;
}

/* ---- life ---- */

static void make_hub(struct world *w, int node)
{
	struct node *n = &w->node[node];
	struct fl_device_limit limits[NODES_MAX];
	const struct fl_devices_config cfg = {
		.own = n->ski,
		.ship_id = "Sim-1",
		.rule = n->rule,
		.connections_max = NODES_MAX,
		.limits = limits,
		.limits_count = limits_of(w, node, limits),
		.rng_seed = w->plan.seed * 1000 + (uint64_t)node * 7 + n->life,
		.hash_seed = { 5 },
	};

	if (fl_devices_new(&cfg, NULL, &n->hub) != FL_OK)
		abort();
	for (int i = 0; i < w->nodes; i++) {
		struct view *v = &n->view[i];
		v->told = v->dial = 0;
		v->windowed = false;
		v->sees = false;
		v->hold = false; /* is not kept */
		if (v->disk != NULL && fl_devices_load(n->hub, v->disk) != FL_OK)
			abort();
	}
	if (fl_devices_start(n->hub, w->now) != FL_OK)
		broken(w, "node %d does not start", node);
}

void node_start(struct world *w, int node)
{
	struct node *n = &w->node[node];

	if (n->up)
		return;
	trace(w, "node %d starts", node);
	n->up = true;
	n->ending = n->was_down = n->window = n->pairs = false;
	n->window_until = 0;
	n->last_number = 0;
	n->tick_at = FL_NEVER;
	if (!w->calm)
		limits_change(w, node);
	if (is_real(n))
		make_hub(w, node);
	else
		scripted_start(w, node);
	node_see(w, node);
	everybody_sees(w, node);
	node_settle(w, node);
}

static void is_gone(struct world *w, int node, bool silent)
{
	struct node *n = &w->node[node];

	net_node_died(w, node, silent);
	n->up = false;
	n->life++;
	n->hub = fl_devices_free(n->hub);
	everybody_sees(w, node);
}

void node_die(struct world *w, int node, bool silent)
{
	trace(w, "node %d dies%s", node, silent ? " silently" : "");
	if (!is_real(&w->node[node]))
		scripted_die(w, node);
	is_gone(w, node, silent);
}

void node_stop(struct world *w, int node)
{
	struct node *n = &w->node[node];

	trace(w, "node %d shuts down", node);
	if (is_real(n)) {
		n->ending = true;
		n->window_until = w->now + FL_DEVICES_DRAIN; /* the latest end */
		fl_devices_shutdown(n->hub, w->now);
		node_settle(w, node);
	} else {
		scripted_stop(w, node);
		is_gone(w, node, false);
	}
}

void node_done(struct world *w, int node)
{
	struct node *n = &w->node[node];

	n->hub = fl_devices_free(n->hub);
	scripted_free(n->scripted);
	for (int i = 0; i < w->nodes; i++)
		free(n->view[i].disk);
	free(n->view);
}

/* ---- what a hub wants ---- */

static void keep_record(struct world *w, int node, const struct fl_devices_effect *e)
{
	struct view *v = &w->node[node].view[node_of(&e->ski)];
	const struct fl_device_record *r = e->record;

	if (r->trusted && !v->wanted) {
		if (!w->node[node].window)
			broken(w, "node %d trusts %d, and its user does not", node,
			       node_of(&e->ski));
		v->wanted = v->windowed = true;
	}
	v->kept = r->trusted;
	if (!r->trusted && r->name[0] == '\0') {
		free(v->disk);
		v->disk = NULL;
		return;
	}
	if (v->disk == NULL)
		v->disk = malloc(sizeof *v->disk);
	*v->disk = *r;
}

static void act(struct world *w, int node, const struct fl_devices_effect *e)
{
	struct node *n = &w->node[node];
	struct view *v = &n->view[node_of(&e->ski)];

	switch (e->kind) {
	case FL_DEVICES_DO_DIAL:
		if (e->number <= n->last_number || v->dial != 0 || n->ending || v->hold ||
		    !v->wanted || limits_barred(v))
			broken(w, "node %d dials %d as %u and may not:%s%s%s%s", node,
			       node_of(&e->ski), (unsigned)e->number,
			       v->dial != 0 ? " it does already" : "", v->hold ? " held" : "",
			       v->wanted ? "" : " not trusted",
			       limits_barred(v) ? " as what it is" : "");
		n->last_number = e->number;
		v->dial = e->number;
		trace(w, "node %d dials %d as %u", node, node_of(&e->ski), (unsigned)e->number);
		net_dial(w, node, node_of(&e->ski), e->number);
		break;
	case FL_DEVICES_DO_ABORT:
		if (v->dial != e->number)
			broken(w, "node %d aborts dial %u, which is none", node,
			       (unsigned)e->number);
		v->dial = 0;
		net_abort(w, node, e->number);
		break;
	case FL_DEVICES_DO_SEND:
		net_send(w, node, e->number, e->bytes);
		break;
	case FL_DEVICES_DO_CLOSE:
		trace(w, "node %d closes %u to %d: %u %s", node, (unsigned)e->number,
		      node_of(&e->ski), e->code, e->text);
		net_close(w, node, e->number, e->code, e->text);
		break;
	case FL_DEVICES_DO_RESUME:
		trace(w, "node %d resumes %u", node, (unsigned)e->number);
		net_resume(w, node, e->number);
		break;
	case FL_DEVICES_DO_PERSIST:
		keep_record(w, node, e);
		break;
	case FL_DEVICES_DO_ANNOUNCE:
		if (n->pairs != e->auto_accept) {
			n->pairs = e->auto_accept;
			everybody_sees(w, node);
		}
		break;
	default:
		check_tell(w, node, e);
	}
}

static void look_after_down(struct world *w, int node)
{
	struct node *n = &w->node[node];

	if (!n->ending)
		return;
	if (fl_devices_is_down(n->hub)) {
		trace(w, "node %d is down", node);
		check_down(w, node);
		is_gone(w, node, false);
	} else if (w->now > n->window_until) {
		broken(w, "node %d is not down in time", node);
	}
}

void node_settle(struct world *w, int node)
{
	struct node *n = &w->node[node];
	struct fl_devices_effect e;

	if (!n->up)
		return;
	if (!is_real(n)) {
		scripted_settle(w, node);
		return;
	}
	while (fl_devices_next(n->hub, &e))
		act(w, node, &e);
	check_step(w, node);
	look_after_down(w, node);
	if (!n->up)
		return;
	fl_time due = fl_devices_deadline(n->hub);
	if (due < n->tick_at) {
		n->tick_at = due > w->now ? due : w->now;
		event_node(w, EV_TICK, node, n->tick_at);
	}
}

void node_tick(struct world *w, int node)
{
	struct node *n = &w->node[node];

	n->tick_at = FL_NEVER;
	if (!is_real(n)) {
		scripted_tick(w, node);
		return;
	}
	fl_devices_tick(n->hub, w->now);
	if (n->window && w->now >= n->window_until && !n->ending)
		n->window = false;
	node_settle(w, node);
}

/* ---- what happens to it ---- */

void node_seen(struct world *w, int node)
{
	struct node *n = &w->node[node];
	struct fl_device_entry *all;
	size_t count = 0;

	if (!is_real(n)) {
		scripted_seen(w, node);
		return;
	}
	all = calloc((size_t)w->nodes, sizeof *all);
	for (int i = 0; i < w->nodes; i++) {
		const bool there = n->view[i].knows && w->node[i].up && !w->node[i].ending;
		if (!n->ending) /* or it hears nothing any more */
			limits_seen(w, &n->view[i], there ? &w->node[i] : NULL);
		if (!there)
			continue;
		all[count].txt.ski = w->node[i].ski;
		limits_announce(&w->node[i], &all[count].txt);
		all[count].txt.auto_accept = w->node[i].pairs;
		all[count++].port = 4712;
	}
	if (fl_devices_visible(n->hub, w->now, all, count) != FL_OK)
		abort();
	free(all);
	node_settle(w, node);
}

static void look_at_taken(struct world *w, int node, int peer, uint64_t number)
{
	struct node *n = &w->node[node];

	if (number <= n->last_number)
		broken(w, "node %d uses number %u again", node, (unsigned)number);
	if (limits_barred(&n->view[peer]))
		broken(w, "node %d takes %d by %u, and may not as what it is", node, peer,
		       (unsigned)number);
	n->last_number = number;
}

enum fl_err node_incoming(struct world *w, int node, int from, uint64_t *out_number,
			  bool *out_parked)
{
	struct node *n = &w->node[node];
	enum fl_err err;

	if (!is_real(n))
		return scripted_incoming(w, node, out_number);
	err = fl_devices_incoming(n->hub, w->now, &w->node[from].ski, out_number, out_parked);
	trace(w, "node %d takes %d: %u%s %s", node, from, err == FL_OK ? (unsigned)*out_number : 0,
	      err == FL_OK && *out_parked ? " parked" : "", fl_err_text(err));
	if (err == FL_OK)
		look_at_taken(w, node, from, *out_number);
	return err;
}

enum fl_err node_dialled(struct world *w, int node, int to, uint64_t dial, enum fl_err how,
			 uint64_t *out_number, bool *out_parked)
{
	struct node *n = &w->node[node];
	enum fl_err err;

	if (!is_real(n))
		return scripted_dialled(w, node, dial, how, out_number);
	err = fl_devices_dialled(n->hub, w->now, dial, how, "no answer", out_number, out_parked);
	trace(w, "node %d dialled %d (%s): %u%s %s", node, to, fl_err_text(how),
	      err == FL_OK ? (unsigned)*out_number : 0,
	      err == FL_OK && *out_parked ? " parked" : "", fl_err_text(err));
	if (err == FL_OK)
		look_at_taken(w, node, to, *out_number);
	return err;
}

void node_message(struct world *w, int node, uint64_t number, struct fl_slice bytes)
{
	if (is_real(&w->node[node]))
		fl_devices_message(w->node[node].hub, w->now, number, bytes);
	else
		scripted_message(w, node, number, bytes);
}

void node_lost(struct world *w, int node, uint64_t number, int code, const char *text)
{
	trace(w, "node %d loses %u: %d %s", node, (unsigned)number, code, text);
	if (is_real(&w->node[node]))
		fl_devices_lost(w->node[node].hub, w->now, number, (uint16_t)code,
				fl_slice_str(text));
	else
		scripted_lost(w, node, number, code);
}
