/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/check.c - when the invariants are looked at: after every step of a small world, and
 * of a large one as often as it can bear.
 */
#include <string.h>

#include "sim.h"

enum {
	RARELY = 512, /* steps between looks at thousands */
	POLICY_RARELY = 8,
	TOLD_RARELY = 3, /* of those who were told something one is compared */
};

/* What a step can have moved; equal ones need no second look. */
struct signature {
	uint64_t commits, failures, deltas, fulls, opened, requests;
	size_t sessions, online;
	const void *policy, *netmap;
};

static struct signature last;
static uint64_t looks, steps;

static struct signature sign(void)
{
	const struct fl_control *c = sim.server.control;

	return (struct signature){
		.commits = sim.server.core.stats.commits,
		.failures = sim.server.core.stats.commit_failures,
		.deltas = c->stats.deltas_made,
		.fulls = c->stats.full_made,
		.opened = c->stats.sessions_opened,
		.requests = c->stats.map_requests + c->stats.registers,
		.sessions = c->stats.sessions,
		.online = fl_registry_online(sim.server.core.sessions),
		.policy = sim.server.core.policy,
		.netmap = c->netmap,
	};
}

static bool same(const struct signature *a, const struct signature *b)
{
	return a->commits == b->commits && a->failures == b->failures && a->deltas == b->deltas &&
	       a->fulls == b->fulls && a->opened == b->opened && a->requests == b->requests &&
	       a->sessions == b->sessions && a->online == b->online && a->policy == b->policy &&
	       a->netmap == b->netmap;
}

/* Whole maps are made for those who asked, and for nobody else. */
static void check_cost(const struct signature *now)
{
	uint64_t made = now->fulls - last.fulls, asked = now->requests - last.requests;

	if (last.policy != NULL && now->fulls >= last.fulls &&
	    made > asked + now->opened - last.opened)
		violation("INV-55", "%" PRIu64 " whole maps in a step with %" PRIu64 " requests",
			  made, asked);
}

/* Of a small world all maps; of a larger one some of those who were told something, and others. */
static void compare_maps(bool moved)
{
	struct client *told = sim.told;

	sim.told = NULL;
	if (sim.plan.size == PLAN_TINY) {
		for (size_t i = 0; i < sim.clients_count; i++)
			check_map(&sim.clients[i]);
		return;
	}
	if (told != NULL && looks % TOLD_RARELY == 0)
		check_map(told);
	if (moved)
		check_map(&sim.clients[looks % sim.clients_count]);
}

/* The records are those of the last look, if nothing was stored since by the same server. */
static void look(bool moved, bool stored)
{
	const struct fl_state *s = sim.server.core.state;

	check_sessions();
	check_held();
	check_bounds();
	check_pings();
	check_approvals();
	check_routers(&sim.server.core);
	if (stored)
		check_records(s);
	if (moved) {
		check_routes(&sim.server.core);
		if (looks % POLICY_RARELY == 0)
			check_policy();
	}
	check_idle(s);
}

void check_step(void)
{
	static bool moved, stored; /* since the last look */
	static fl_time looked_at;
	static uint64_t ran;
	struct signature now = sign();

	moved = moved || !same(&now, &last);
	stored = stored || last.netmap == NULL || now.commits != last.commits ||
		 now.failures != last.failures;
	check_cost(&now);
	last = now;
	if (sim.plan.size == PLAN_THOUSANDS && ++steps % RARELY != 0)
		return;
	looks++;
	/* Where no code of the server ran, only time can have broken a promise. */
	if (ran != sim.ran || sim_clock.now - looked_at >= FL_SEC) {
		look(moved, stored);
		looked_at = sim_clock.now;
	}
	if (moved || sim.told != NULL)
		compare_maps(moved);
	ran = sim.ran;
	moved = stored = false;
}

void check_settled(void)
{
	if (!sim.server.up)
		violation("INV-54", "the server is not up after a quiet time");
	for (size_t i = 0; i < sim.clients_count; i++) {
		const struct client *c = &sim.clients[i];
		bool tries = c->state == CLIENT_CONNECTING || c->state == CLIENT_WAITING;
		if (tries && sim_clock.now - c->settled > 4 * FL_MIN)
			violation("INV-54",
				  "client %u has tried to connect for %.0f s, %u failures in a row",
				  c->index, (double)(sim_clock.now - c->settled) / 1e9,
				  c->failures);
	}
	truth_forget();
	if (sim.plan.size != PLAN_THOUSANDS)
		check_disk();
	size_t step = sim.plan.size == PLAN_THOUSANDS ? 7 : 1;
	for (size_t i = 0; i < sim.clients_count; i += step)
		check_map(&sim.clients[i]);
	check_policy();
}

void check_sent(struct exch *e, const struct frame *f)
{
	check_frame(e, f);
}

void check_decided(struct exch *e)
{
	if (e->kind == EXCH_SSH)
		ssh_decided(e);
}

/* INV-22: what is queued later leaves later. */
void check_queued(struct exch *e)
{
	const struct fl_http *x = &e->x;
	uint64_t queued = e->taken + x->pending;

	if (x->pending == 0)
		return;
	const struct fl_httpx_chunk *end =
		fl_list_entry(x->queue.prev, struct fl_httpx_chunk, link);
	if (e->queued > e->taken && queued > e->queued && end->bytes == e->tail)
		violation("INV-22", "node %" PRIu64 ": a frame was queued before an older one",
			  e->node);
	e->queued = queued;
	e->tail = end->bytes;
}

void check_ended(struct exch *e)
{
	check_session_ended(e);
}

static bool answer_holds(const struct exch *e, const char *text)
{
	struct fl_slice front = fl_httpx_front(&e->x);

	return front.len > 0 && memmem(front.ptr, front.len, text, strlen(text)) != NULL;
}

/* REG-4: nothing is told to a machine that does not own the node key, and nothing given. */
void check_answer(struct exch *e)
{
	if (e->kind == EXCH_PING)
		ping_answered(e);
	if (e->kind == EXCH_SSH)
		ssh_answered(e);
	if (e->status == 200 && (e->kind == EXCH_FORGERY || e->kind == EXCH_SNOOP))
		violation("REG-4", "another machine was answered %s %s", e->method, e->target);
	if (e->status != 200)
		return;
	if (e->kind == EXCH_HIJACK && answer_holds(e, "\"Peers\""))
		violation("REG-4", "a poll with the node key of another machine got a map");
	if (e->kind == EXCH_THEFT && answer_holds(e, "\"MachineAuthorized\":true") &&
	    answer_holds(e, "\"Error\":\"\""))
		violation("INV-01", "a node key was taken over by another machine");
}

void check_closed(const struct fl_loop *loop)
{
	struct sim_loop_left left = sim_loop_left(loop);

	if (left.timers_reserved + left.hooks + left.deferred > 0)
		violation("INV-52", "after its end: %zu timers, %zu hooks, %zu deferred",
			  left.timers_reserved, left.hooks, left.deferred);
	fl_list_each(it, &conns)
	{
		const struct conn *c = fl_list_entry(it, struct conn, link);
		if (c->server != NULL || !fl_list_empty(&c->exchanges))
			violation("INV-52", "after its end connection %" PRIu64 " is open",
				  c->number);
	}
	last = (struct signature){ 0 };
}
