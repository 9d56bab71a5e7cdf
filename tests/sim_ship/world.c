/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/world.c - the clock, and one world from its first moment to its last.
 */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/ship/conn.h"

enum { SPIN_MAX = 20000, SWEEP_EVERY = 256 };

#define BEGIN     (10000 * FL_SEC + 321) /* any time but zero */
#define CALM_LONG (15 * FL_MIN)

void trace(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (!w->plan.trace)
		return;
	char *line = w->lines[w->line++ % TRACE_LINES];
	int n = snprintf(line, TRACE_WIDTH, "%9.3f ", (double)(w->now - BEGIN) / 1e9);
	va_start(args, fmt);
	(void)vsnprintf(line + n, TRACE_WIDTH - (size_t)n, fmt, args);
	va_end(args);
}

void broken(struct world *w, const char *fmt, ...)
{
	va_list args;

	if (w->broken[0] != '\0')
		return;
	int n = snprintf(w->broken, sizeof w->broken,
			 "at %.3f s: ", (double)(w->now - BEGIN) / 1e9);
	va_start(args, fmt);
	(void)vsnprintf(w->broken + n, sizeof w->broken - (size_t)n, fmt, args);
	va_end(args);
}

bool chance(struct fl_rng *r, unsigned percent)
{
	return fl_rng_below(r, 100) < percent;
}

fl_time between(struct fl_rng *r, fl_time from, fl_time below)
{
	return from + (fl_time)fl_rng_below(r, (uint64_t)(below - from));
}

/* ---- events ---- */

struct event *event_new(enum event_kind kind, size_t len)
{
	struct event *e = calloc(1, sizeof *e + len);

	e->kind = kind;
	e->len = len;
	return e;
}

static bool is_earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(struct event **a, struct event **b)
{
	struct event *t = *a;

	*a = *b;
	*b = t;
}

void event_put(struct world *w, struct event *e, fl_time at)
{
	if (w->heap_len == w->heap_cap) {
		w->heap_cap = w->heap_cap > 0 ? 2 * w->heap_cap : 256;
		w->heap = realloc(w->heap, w->heap_cap * sizeof(struct event *));
	}
	e->at = at;
	e->seq = ++w->seq;
	size_t i = w->heap_len++;
	for (w->heap[i] = e; i > 0 && is_earlier(w->heap[i], w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		swap(&w->heap[i], &w->heap[(i - 1) / 2]);
}

static struct event *event_take(struct world *w)
{
	struct event *first = w->heap[0];
	size_t i = 0;

	w->heap[0] = w->heap[--w->heap_len];
	for (size_t child; (child = 2 * i + 1) < w->heap_len; i = child) {
		if (child + 1 < w->heap_len && is_earlier(w->heap[child + 1], w->heap[child]))
			child++;
		if (!is_earlier(w->heap[child], w->heap[i]))
			break;
		swap(&w->heap[i], &w->heap[child]);
	}
	return first;
}

void event_node(struct world *w, enum event_kind kind, int node, fl_time at)
{
	struct event *e = event_new(kind, 0);

	e->node = node;
	e->life = w->node[node].life;
	event_put(w, e, at);
}

/* ---- who sees whom ---- */

void node_see(struct world *w, int node)
{
	event_node(w, EV_SEE, node, w->now + between(&w->net, FL_MS, 2 * FL_SEC));
}

void everybody_sees(struct world *w, int node)
{
	for (int i = 0; i < w->nodes; i++)
		if (w->node[i].view[node].knows && w->node[i].up)
			node_see(w, i);
}

int node_of(const struct fl_ski *ski)
{
	return ski->b[FL_SKI_LEN - 2] << 8 | ski->b[FL_SKI_LEN - 1];
}

/* ---- making one ---- */

static int draw_devices(struct fl_rng *r)
{
	const uint64_t what = fl_rng_below(r, 1000);

	if (what < 10)
		return (int)between(r, 60, NODES_MAX);
	if (what < 120)
		return (int)between(r, 12, 50);
	return (int)between(r, 2, 9);
}

static enum node_kind draw_kind(struct fl_rng *r)
{
	const uint64_t what = fl_rng_below(r, 100);

	return what < 50 ? NODE_REAL : what < 80 ? NODE_INITIATOR : NODE_RECENCY;
}

static void make_node(struct world *w, int i, struct fl_rng *r)
{
	struct node *n = &w->node[i];

	for (int k = 0; k < FL_SKI_LEN; k++)
		n->ski.b[k] = (uint8_t)fl_rng_next(r);
	n->ski.b[FL_SKI_LEN - 2] = (uint8_t)(i >> 8);
	n->ski.b[FL_SKI_LEN - 1] = (uint8_t)i;
	n->kind = i == 0 || w->mesh ? NODE_REAL : draw_kind(r);
	n->rule = chance(r, 70)   ? FL_DEVICES_RULE_AUTO
		  : chance(r, 50) ? FL_DEVICES_RULE_RECENT
				  : FL_DEVICES_RULE_INITIATOR;
	if (n->kind != NODE_REAL)
		n->scripted = scripted_new(n->kind);
	n->view = calloc((size_t)w->nodes, sizeof *n->view);
	for (int k = 0; k < w->nodes; k++)
		n->view[k].knows = k != i && (w->mesh || k == 0 || i == 0);
	n->tick_at = FL_NEVER;
}

static void make(struct world *w)
{
	struct fl_rng root, shape;

	fl_rng_init(&root, w->plan.seed);
	fl_rng_split(&root, "network", &w->net);
	fl_rng_split(&root, "weather", &w->weather);
	fl_rng_split(&root, "users", &w->users);
	fl_rng_split(&root, "scripted devices", &w->scripts);
	fl_rng_split(&root, "shape", &shape);
	w->nodes = 1 + (w->plan.devices > 0 ? w->plan.devices : draw_devices(&shape));
	w->mesh = w->nodes <= 4 && chance(&shape, 50);
	w->now = BEGIN;
	w->calm_at = w->now + between(&shape, 5 * FL_MIN, 40 * FL_MIN);
	w->end_at = w->calm_at + CALM_LONG;
	w->node = calloc((size_t)w->nodes, sizeof *w->node);
	for (int i = 0; i < w->nodes; i++)
		make_node(w, i, &shape);
	limits_make(w, &root);
	if (w->plan.trace)
		w->lines = calloc(TRACE_LINES, TRACE_WIDTH);
}

/* ---- running it ---- */

static void weather(struct world *w, struct event *e)
{
	const bool user = e->kind == EV_USER;
	/* As many events for each device, however many there are. */
	const fl_time pace = (user ? 60 : 80) * FL_SEC / w->nodes;

	if (w->calm)
		return;
	if (user)
		users_act(w);
	else
		weather_act(w);
	event_node(w, e->kind, 0, w->now + between(user ? &w->users : &w->weather, 0, 2 * pace));
}

static void node_event(struct world *w, const struct event *e)
{
	struct node *n = &w->node[e->node];

	if (e->kind == EV_START)
		node_start(w, e->node);
	if (e->kind == EV_HEAL)
		n->deaf = n->black = false;
	if (!n->up || n->life != e->life)
		return;
	if (e->kind == EV_TICK && n->tick_at == e->at)
		node_tick(w, e->node);
	if (e->kind == EV_SEE)
		node_seen(w, e->node);
	if (e->kind == EV_SCRIPT)
		scripted_due(w, e->node, e->number);
}

static void happen(struct world *w, struct event *e)
{
	switch (e->kind) {
	case EV_KNOCK:
	case EV_ANSWER:
	case EV_MESSAGE:
	case EV_LOST:
		net_event(w, e);
		return;
	case EV_WEATHER:
	case EV_USER:
		weather(w, e);
		break;
	default:
		node_event(w, e);
	}
	free(e);
}

static void calm_down(struct world *w)
{
	trace(w, "calm");
	w->calm = true;
	users_calm(w);
	for (int i = 0; i < w->nodes; i++)
		if (!w->node[i].up || w->node[i].ending)
			event_node(w, EV_START, i, w->now + 10 * FL_SEC);
}

static void run_until(struct world *w, fl_time until)
{
	int spins = 0;

	for (size_t steps = 0; w->broken[0] == '\0' && w->heap_len > 0 && w->heap[0]->at <= until;
	     steps++) {
		struct event *e = event_take(w);
		spins = e->at > w->now ? 0 : spins + 1;
		if (spins > SPIN_MAX)
			broken(w, "time stands still");
		w->now = e->at;
		happen(w, e);
		if (steps % SWEEP_EVERY == 0) {
			net_sweep(w);
			limits_check(w);
		}
	}
	w->now = until;
}

static void finish(struct world *w)
{
	for (int i = 0; i < w->nodes; i++)
		if (w->node[i].up && !w->node[i].ending)
			node_stop(w, i);
	run_until(w, w->now + FL_DEVICES_DRAIN + FL_SEC);
	for (int i = 0; i < w->nodes; i++)
		if (w->node[i].up)
			broken(w, "node %d does not end", i);
}

static void done(struct world *w)
{
	for (int i = 0; i < w->nodes; i++)
		node_done(w, i);
	free(w->node);
	net_done(w);
	for (size_t i = 0; i < w->heap_len; i++)
		free(w->heap[i]);
	free(w->heap);
	free(w->lines);
}

bool world_run(const struct plan *plan, char *out_broken, uint64_t *out_steps, fl_time *out_lasted)
{
	struct world w = { .plan = *plan };

	make(&w);
	for (int i = 0; i < w.nodes; i++)
		node_start(&w, i);
	users_begin(&w);
	event_node(&w, EV_WEATHER, 0, w.now + FL_SEC);
	event_node(&w, EV_USER, 0, w.now + FL_SEC);
	run_until(&w, w.calm_at);
	calm_down(&w);
	run_until(&w, w.end_at);
	if (w.broken[0] == '\0')
		check_convergence(&w);
	if (w.broken[0] == '\0')
		finish(&w);
	if (w.plan.trace)
		for (size_t i = w.line > TRACE_LINES ? w.line - TRACE_LINES : 0; i < w.line; i++)
			printf("%s\n", w.lines[i % TRACE_LINES]);
	(void)snprintf(out_broken, sizeof w.broken, "%s", w.broken);
	*out_steps = w.steps;
	*out_lasted = w.now - BEGIN;
	done(&w);
	return out_broken[0] == '\0';
}
