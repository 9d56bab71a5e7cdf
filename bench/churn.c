/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/churn.c - changes at a steady rate: C8.
 *
 * Arrivals do not wait for the server: change k is due at a time that was fixed before, and its
 * latency counts from then until the last of the other nodes has it, however late it was sent. A
 * node changes again only when all have its last change, so that none is overtaken by its
 * successor; where all nodes are under way, an arrival waits, and that counts too.
 */
#include <stdlib.h>

#include "swarm.h"

struct flight {
	int64_t due;
	uint32_t pending;
	bool *has; /* by viewer */
};

static struct {
	struct flight *of; /* by node */
	bool *busy;
	uint32_t *flying, len;
	int64_t *last;
	size_t total, sent, done;
} churn;

static void *room(size_t n, size_t size)
{
	void *p = calloc(n, size);
	if (!p)
		bench_die("out of memory");
	return p;
}

static void begin(size_t total)
{
	churn.total = total;
	churn.of = room(swarm.count, sizeof(*churn.of));
	churn.busy = room(swarm.count, sizeof(*churn.busy));
	churn.flying = room(swarm.count, sizeof(*churn.flying));
	churn.last = room(total, sizeof(*churn.last));
	for (uint32_t i = 0; i < swarm.count; i++)
		churn.of[i].has = room(swarm.count, sizeof(bool));
}

static void end(void)
{
	for (uint32_t i = 0; i < swarm.count; i++)
		free(churn.of[i].has);
	free(churn.of);
	free(churn.busy);
	free(churn.flying);
	free(churn.last);
}

static void send_one(struct node *n, int64_t due)
{
	struct flight *f = &churn.of[n->index];
	memset(f->has, 0, swarm.count);
	f->has[n->index] = true;
	f->due = due;
	f->pending = swarm.count - 1;
	churn.busy[n->index] = true;
	churn.flying[churn.len++] = n->index;
	churn.sent++;
	node_change(n);
}

static void landed(uint32_t at, int64_t now)
{
	uint32_t node = churn.flying[at];
	churn.last[churn.done++] = now - churn.of[node].due;
	churn.busy[node] = false;
	churn.flying[at] = churn.flying[--churn.len];
}

static void note_churn(struct swarm *s, struct node *n, enum seen what)
{
	if (what != SEEN_MAP)
		return;
	for (uint32_t at = churn.len; at-- > 0;) {
		uint32_t node = churn.flying[at];
		struct flight *f = &churn.of[node];
		if (f->has[n->index] || !view_has(s->model, &n->view, node))
			continue;
		f->has[n->index] = true;
		if (--f->pending == 0)
			landed(at, bench_now());
	}
}

/* When arrival k is due: once in each step of the rate, anywhere in it. */
static int64_t due_of(int64_t begun, size_t k)
{
	uint64_t state = swarm.seed + k;
	double within = (double)(bench_random(&state) % 1000) / 1e3;
	return begun + (int64_t)(((double)k + within) / o.rate * 1e9);
}

static bool fly(int64_t begun)
{
	uint64_t rng = swarm.seed + 1;
	int64_t limit = begun + (int64_t)((o.churn + o.churn_limit) * 1e9);
	while (churn.done < churn.total) {
		int64_t now = bench_now();
		struct node *n = NULL;
		while (churn.sent < churn.total && due_of(begun, churn.sent) <= now &&
		       (n = swarm_draw(&rng, churn.busy)))
			send_one(n, due_of(begun, churn.sent));
		if (now > limit)
			return false;
		loop_turn(BENCH_MS);
		swarm_advance(&swarm, (uint32_t)o.inflight);
	}
	return true;
}

bool churn_run(pid_t pid, double idle_share, struct bench_line *l)
{
	size_t total = (size_t)(o.rate * o.churn);
	if (total == 0)
		return true;
	begin(total);
	swarm.on_map = note_churn;
	int64_t cpu = bench_proc_cpu(pid), begun = bench_now();
	bool whole = fly(begun);
	swarm.on_map = NULL;
	double wall = (double)(bench_now() - begun), used = (double)(bench_proc_cpu(pid) - cpu);
	bench_line_num(l, "churn_rate", o.rate);
	bench_line_num(l, "churn_sent", (double)churn.sent);
	bench_line_num(l, "churn_arrived", (double)churn.done);
	bench_line_num(l, "churn_s", wall / 1e9);
	bench_line_num(l, whole ? "churn_cpu_s" : "churn_cpu_s_over",
		       (used - idle_share * wall) / 1e9);
	bench_line_num(l, "churn_p50_ms", (double)bench_quantile(churn.last, churn.done, .5) / 1e6);
	if (whole)
		bench_line_num(l, "churn_p99_ms",
			       (double)bench_quantile(churn.last, churn.done, .99) / 1e6);
	else
		bench_line_num(l, "churn_p99_ms_over", o.churn_limit * 1e3);
	end();
	return whole;
}
