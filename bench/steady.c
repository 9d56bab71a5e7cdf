/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/steady.c - nodes that stay: memory, idle time and single changes: C1, C2, C4, C9. */
#include <signal.h>
#include <stdlib.h>

#include "swarm.h"

enum { CHANGE_LIMIT_S = 30 };

static struct {
	struct bench_mem before, after, after_gc;
	double join_s, join_cpu_s, idle_share, keep_alives, change_cpu_us;
	int64_t *last, *each;
	size_t changes, len;
	uint32_t converged;  /* when the join ended */
	uint32_t served;     /* nodes that poll and have had a map */
	bool joined, missed; /* all converged; a change did not arrive everywhere */
} got;

/* The change under way. */
static struct {
	uint32_t node, pending;
	bool *has;
	int64_t begun;
} change;

static void collect_garbage(void)
{
	char body[1024];
	if (o.gc_path)
		bench_http_get((uint16_t)o.gc_port, o.gc_path, BENCH_SEC, body, sizeof(body));
}

static void note_change(struct swarm *s, struct node *n, enum seen what)
{
	if (what != SEEN_MAP || change.pending == 0 || change.has[n->index] ||
	    !view_has(s->model, &n->view, change.node))
		return;
	change.has[n->index] = true;
	got.each[got.len++] = bench_now() - change.begun;
	change.pending--;
}

static void join_all(pid_t pid)
{
	int64_t begun = bench_now(), cpu = bench_proc_cpu(pid);
	got.joined = swarm_converge((uint32_t)o.inflight);
	got.converged = swarm.converged;
	got.join_s = (double)(bench_now() - begun) / 1e9;
	got.join_cpu_s = (double)(bench_proc_cpu(pid) - cpu) / 1e9;
}

static uint32_t count_served(void)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < swarm.count; i++)
		n += swarm.nodes[i].state == NODE_POLLING && swarm.nodes[i].first_at > 0;
	return n;
}

static uint64_t keep_alives(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < swarm.count; i++)
		n += swarm.nodes[i].keep_alives;
	return n;
}

static void measure_idle(pid_t pid)
{
	if (o.idle <= 0)
		return;
	int64_t cpu = bench_proc_cpu(pid), at = bench_now();
	uint64_t seen = keep_alives();
	swarm_turn_for(o.idle);
	got.idle_share = (double)(bench_proc_cpu(pid) - cpu) / (double)(bench_now() - at);
	got.keep_alives = (double)(keep_alives() - seen);
}

/*
 * On loopback the server that sends pays for waking the process that receives, which no network
 * makes it do. With a processor of its own the generator does not sleep while it awaits a change.
 */
static bool awake(void)
{
	return o.self_cpu >= 0;
}

static bool one_change(uint64_t *rng)
{
	struct node *n = swarm_draw(rng, NULL);
	if (!n)
		return false;
	change.node = n->index;
	memset(change.has, 0, swarm.count);
	change.has[change.node] = true;
	change.pending = swarm.count - 1;
	change.begun = bench_now();
	node_change(n);
	int64_t end = change.begun + CHANGE_LIMIT_S * BENCH_SEC;
	while (change.pending > 0 && bench_now() < end) {
		loop_turn(awake() ? 0 : 100 * BENCH_MS);
		swarm_advance(&swarm, (uint32_t)o.inflight);
	}
	got.last[got.changes] = bench_now() - change.begun;
	got.changes += change.pending == 0;
	return change.pending == 0;
}

/* Spaced at random, so that no timer of the server is always met at the same phase. */
static void measure_changes(pid_t pid)
{
	size_t n = (size_t)o.changes;
	uint64_t rng = swarm.seed;
	if (n == 0)
		return;
	got.last = calloc(n, sizeof(*got.last));
	got.each = calloc(n * swarm.count, sizeof(*got.each));
	change.has = calloc(swarm.count, sizeof(*change.has));
	if (!got.last || !got.each || !change.has)
		bench_die("out of memory");
	swarm.on_map = note_change;
	int64_t cpu = bench_proc_cpu(pid), at = bench_now();
	while (got.changes < n && !got.missed) {
		got.missed = !one_change(&rng);
		swarm_turn_for(o.pause / 1e3 *
			       (0.5 + 0.5 * (double)(bench_random(&rng) % 1000) / 1e3));
	}
	swarm.on_map = NULL;
	double idle = got.idle_share * (double)(bench_now() - at);
	double used = (double)(bench_proc_cpu(pid) - cpu) - idle;
	got.change_cpu_us = used / 1e3 / (double)n / (swarm.count - 1);
}

/* What the line says of a server that did not get there. */
static void put_shortfall(struct bench_line *l)
{
	char why[96];
	if (!got.joined)
		snprintf(why, sizeof(why), "%u of %u nodes converged in %g s and %u had a map",
			 got.converged, swarm.count, o.deadline, got.served);
	else
		snprintf(why, sizeof(why), "a change missed %u of %u nodes for %d s",
			 change.pending, swarm.count - 1, CHANGE_LIMIT_S);
	if (!got.joined || got.missed)
		bench_line_str(l, "short", why);
}

static void put_join(struct bench_line *l)
{
	bench_line_num(l, got.joined ? "join_s" : "join_s_over", got.join_s);
	bench_line_num(l, "join_cpu_s", got.join_cpu_s);
	bench_line_num(l, "converged", got.converged);
	bench_line_num(l, "served", got.served);
	bench_line_num(l, "drops", (double)swarm.drops);
	bench_line_num(l, "map_mb", (double)swarm.bytes / 1e6);
}

/* Per node that was served: all, unless the server was short of that. */
static void put_memory(struct bench_line *l)
{
	double nodes = got.served;
	bench_line_num(l, "anon0", got.before.anon);
	bench_line_num(l, "anon", got.after.anon);
	bench_line_num(l, "pss", got.after.pss);
	bench_line_num(l, "rss", got.after.rss);
	bench_line_num(l, "priv", got.after.priv);
	if (nodes == 0)
		return;
	bench_line_num(l, "anon_per_node", (got.after.anon - got.before.anon) / nodes);
	bench_line_num(l, "anon_per_node_gc", (got.after_gc.anon - got.before.anon) / nodes);
}

static void put_idle(struct bench_line *l)
{
	if (o.idle <= 0)
		return;
	bench_line_num(l, "idle_s", o.idle);
	bench_line_num(l, "idle_cpu_share", got.idle_share);
	bench_line_num(l, "keepalives_per_node_min", got.keep_alives / o.nodes / o.idle * 60);
}

static void put_changes(struct bench_line *l)
{
	size_t n = got.changes;
	if (got.missed)
		bench_line_num(l, "last_p99_ms_over", CHANGE_LIMIT_S * 1e3);
	if (n == 0 || got.missed)
		return;
	bench_line_num(l, "changes", (double)n);
	bench_line_num(l, "last_p50_ms", (double)bench_quantile(got.last, n, .5) / 1e6);
	bench_line_num(l, "last_p99_ms", (double)bench_quantile(got.last, n, .99) / 1e6);
	bench_line_num(l, "each_p50_ms", (double)bench_quantile(got.each, got.len, .5) / 1e6);
	bench_line_num(l, "change_cpu_us", got.change_cpu_us);
}

/* Everything that needs all nodes to see all; false if the server fell short of something. */
static bool measure_load(pid_t pid, struct bench_line *l)
{
	measure_changes(pid);
	put_changes(l);
	bool kept_up = !got.missed && churn_run(pid, got.idle_share, l);
	if (!kept_up)
		return false;
	swarm_turn_for(0.5);
	swarm_judge(&swarm);
	if (swarm.converged != swarm.count)
		bench_die("only %u of %u nodes are right at the end", swarm.converged, swarm.count);
	return true;
}

static bool measure(pid_t pid, struct bench_line *l)
{
	swarm_turn_for(o.settle);
	got.after = got.after_gc = bench_proc_mem(pid);
	got.served = count_served();
	put_join(l);
	measure_idle(pid);
	bool whole = list_run(l) && got.joined;
	if (got.joined)
		whole &= measure_load(pid, l);
	if (o.gc_path) {
		collect_garbage();
		swarm_turn_for(0.5);
		got.after_gc = bench_proc_mem(pid);
	}
	put_memory(l);
	put_idle(l);
	put_shortfall(l);
	return whole;
}

/* All join at once, as after a restart. */
static void rush(pid_t pid, int64_t at, double ready_ms, const struct bench_foreign *foreign)
{
	o.inflight = o.nodes;
	bench_far_away();
	join_all(pid);
	storm_line(pid, at, ready_ms, got.joined, bench_foreign_share(foreign));
}

int steady_run(char **argv)
{
	struct bench_foreign foreign;
	struct bench_line l;
	int64_t at = bench_now();
	double ready_ms = 0;
	swarm_begin();
	pid_t pid = argv ? swarm_start(argv, &at, &ready_ms) : (pid_t)o.pid;
	bench_foreign_begin(&foreign, pid);
	swarm_fetch_target();
	collect_garbage();
	got.before = bench_proc_mem(pid);
	if (o.anon0 > 0)
		got.before.anon = o.anon0;
	for (uint32_t i = 0; i < swarm.count; i++)
		swarm.nodes[i].registered = o.known > 0;
	if (o.rush > 0)
		rush(pid, at, ready_ms, &foreign);
	else
		join_all(pid);
	swarm_line_begin(&l, "steady");
	bool whole = measure(pid, &l);
	bench_line_num(&l, "foreign", bench_foreign_share(&foreign));
	bench_line_end(&l);
	if (argv && o.storm > 0)
		whole &= storm_run(&pid, argv);
	if (argv)
		bench_reap(pid, SIGTERM);
	return whole ? 0 : BENCH_SHORT;
}
