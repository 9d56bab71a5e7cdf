/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/limits.c - devices that may only be what they are known for: what they announce,
 * what hubs allow, and an opinion of its own on who may be connected.
 *
 * Each device is of one kind, and is known as that. Now and then it announces something else: after
 * a restart, as one that was changed would, or at any time.
 */
#include "world.h"

enum { CATEGORIES = 7 };

/* A farewell may wait for its answer for that long, and the loop for its turn. */
#define FAREWELL (FL_SEC)

static uint32_t one(struct fl_rng *r)
{
	return UINT32_C(1) << (1 + fl_rng_below(r, CATEGORIES));
}

void limits_make(struct world *w, struct fl_rng *root)
{
	fl_rng_split(root, "categories", &w->categories);
	w->limited = chance(&w->categories, 40);
	for (int i = 0; i < w->nodes && w->limited; i++)
		w->node[i].known_as = w->node[i].announces = one(&w->categories);
	for (int a = 0; a < w->nodes && w->limited; a++)
		for (int b = 0; b < w->nodes; b++)
			if (w->node[a].kind == NODE_REAL && w->node[a].view[b].knows &&
			    chance(&w->categories, 60))
				w->node[a].view[b].allow =
					w->node[b].known_as |
					(chance(&w->categories, 30) ? one(&w->categories) : 0);
}

/* As it is known, most of the time; else that and more, something else, or nothing. */
void limits_change(struct world *w, int node)
{
	struct node *n = &w->node[node];
	const unsigned what = w->limited ? (unsigned)fl_rng_below(&w->categories, 100) : 0;

	if (!w->limited)
		return;
	if (what < 55)
		n->announces = n->known_as;
	else if (what < 70)
		n->announces = n->known_as | one(&w->categories);
	else if (what < 90)
		n->announces = one(&w->categories);
	else
		n->announces = 0;
	trace(w, "node %d announces %x, known as %x", node, (unsigned)n->announces,
	      (unsigned)n->known_as);
}

void limits_announce(const struct node *n, struct fl_ship_txt *out)
{
	for (uint32_t c = 1; c <= CATEGORIES; c++)
		if (n->announces >> c & 1)
			out->categories[out->categories_count++] = c;
}

size_t limits_of(const struct world *w, int node, struct fl_device_limit *out)
{
	size_t count = 0;

	for (int i = 0; i < w->nodes; i++)
		if (w->node[node].view[i].allow != 0)
			out[count++] = (struct fl_device_limit){
				.ski = w->node[i].ski,
				.categories = w->node[node].view[i].allow,
			};
	return count;
}

/* ---- what a hub has heard, and what follows ---- */

void limits_seen(struct world *w, struct view *v, const struct node *of)
{
	const bool was = limits_outside(v);

	v->sees = of != NULL;
	v->shown = of != NULL ? of->announces : 0;
	if (limits_outside(v) && !was)
		v->outside_since = w->now;
}

bool limits_outside(const struct view *v)
{
	return v->allow != 0 && v->sees && (v->shown == 0 || (v->shown & ~v->allow) != 0);
}

bool limits_barred(const struct view *v)
{
	return v->allow != 0 && (!v->sees || limits_outside(v));
}

/* Nobody whom the hub hears to be something else stays. */
void limits_check(struct world *w)
{
	for (int a = 0; a < w->nodes && w->limited; a++) {
		const struct node *n = &w->node[a];
		for (int b = 0; b < w->nodes && n->up && !n->ending; b++)
			if (n->view[b].told != 0 && limits_outside(&n->view[b]) &&
			    w->now - n->view[b].outside_since > FAREWELL)
				broken(w, "node %d: %d stays connected as %x, allowed is %x", a, b,
				       (unsigned)n->view[b].shown, (unsigned)n->view[b].allow);
	}
}
