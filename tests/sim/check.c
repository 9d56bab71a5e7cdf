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
};

/* What a step can have moved; equal ones need no second look. */
struct signature {
	uint64_t commits, deltas, fulls, opened, requests;
	size_t sessions, online;
	const void *policy, *netmap;
};

static struct signature last;
static uint64_t looks;

static struct signature sign(void)
{
	const struct fl_control *c = sim.server.control;

	return (struct signature){
		.commits = sim.server.core.stats.commits,
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
	return a->commits == b->commits && a->deltas == b->deltas && a->fulls == b->fulls &&
	       a->opened == b->opened && a->requests == b->requests && a->sessions == b->sessions &&
	       a->online == b->online && a->policy == b->policy && a->netmap == b->netmap;
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

static void compare_maps(void)
{
	size_t count = sim.clients_count;

	if (sim.plan.size == PLAN_TINY) {
		for (size_t i = 0; i < count; i++)
			check_map(&sim.clients[i]);
		return;
	}
	check_map(&sim.clients[looks % count]);
}

static void look(bool moved)
{
	const struct fl_state *s = sim.server.core.state;

	check_sessions();
	check_bounds();
	check_pings();
	check_approvals();
	check_routers(&sim.server.core);
	if (moved) {
		check_records(s);
		check_routes(&sim.server.core);
		if (looks % POLICY_RARELY == 0)
			check_policy();
	}
	check_idle(s);
	if (moved || sim.changed)
		compare_maps();
	sim.changed = false;
}

void check_step(void)
{
	struct signature now = sign();
	bool moved = !same(&now, &last);

	check_cost(&now);
	last = now;
	looks++;
	if (sim.plan.size == PLAN_THOUSANDS && looks % RARELY != 0)
		return;
	look(moved);
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
