/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/start.c - exec to accepting and to the first map, and a storm after it: C3, C7, F2, F3. */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "swarm.h"

/* The argument list behind "--", NULL-terminated as main got it. */
int cold_run(char **argv)
{
	struct bench_line l;
	int64_t at;
	swarm_begin();
	model_expect_rest(swarm.model);
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	swarm_fetch_target();
	struct node *n = &swarm.nodes[0];
	n->registered = true;
	int64_t end = at + (int64_t)(o.deadline * 1e9);
	while (!n->view.converged && bench_now() < end) {
		if (n->state == NODE_NEW || n->state == NODE_RETRY)
			node_open(n);
		loop_turn(BENCH_MS);
	}
	double ms = (double)(bench_now() - at) / 1e6;
	double cpu_ms = (double)bench_proc_cpu(pid) / 1e6;
	bool whole = n->view.converged;
	if (!whole)
		view_explain(swarm.model, 0, &n->view);
	bench_reap(pid, SIGTERM);
	swarm_line_begin(&l, "cold");
	bench_line_num(&l, whole ? "first_map_ms" : "first_map_ms_over", ms);
	bench_line_num(&l, "cpu_ms", cpu_ms);
	bench_line_num(&l, "map_kb", (double)swarm.bytes / 1e3);
	bench_line_end(&l);
	return whole ? 0 : BENCH_SHORT;
}

static bool accepts(uint16_t port)
{
	struct ear e = { .fd = bench_connect(port, 0) };
	int sock_err = 0;
	socklen_t len = sizeof(sock_err);
	if (e.fd < 0)
		return false;
	usleep(200); /* a connect on loopback is decided at once */
	bool ok = getsockopt(e.fd, SOL_SOCKET, SO_ERROR, &sock_err, &len) == 0 && sock_err == 0;
	close(e.fd);
	return ok;
}

static void await_accept(int64_t end)
{
	while (!accepts((uint16_t)o.port)) {
		if (bench_now() > end)
			bench_die("nothing accepts on port %d", (int)o.port);
		usleep(300);
	}
}

int ready_run(char **argv)
{
	struct bench_line l;
	int64_t at;
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	await_accept(at + (int64_t)(o.deadline * 1e9));
	double ms = (double)(bench_now() - at) / 1e6;
	usleep((useconds_t)(o.seconds * 1e6));
	struct bench_mem mem = bench_proc_mem(pid);
	bench_reap(pid, SIGTERM);
	swarm_line_begin(&l, "ready");
	bench_line_num(&l, "ready_ms", ms);
	bench_line_num(&l, "rss", mem.rss);
	bench_line_num(&l, "pss", mem.pss);
	bench_line_num(&l, "priv", mem.priv);
	bench_line_end(&l);
	return 0;
}

/* ---- storm: C3 ---- */

pid_t swarm_start(char **argv, int64_t *out_at, double *out_ready_ms)
{
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, out_at);
	await_accept(*out_at + (int64_t)(o.deadline * 1e9));
	*out_ready_ms = (double)(bench_now() - *out_at) / 1e6;
	return pid;
}

/* All nodes were connected, and the server is gone in one moment. */
static void lose_all(pid_t pid)
{
	int64_t end = bench_now() + 10 * BENCH_SEC;
	swarm.quiet = true;
	bench_reap(pid, SIGKILL);
	while (swarm.lost < swarm.opened && bench_now() < end)
		loop_turn(BENCH_MS);
	if (swarm.lost < swarm.opened)
		bench_die("%u nodes do not notice the end of the server",
			  swarm.opened - swarm.lost);
	swarm.quiet = false;
	swarm.drops = 0;
}

/* When the first maps came, of the nodes that have one. */
static void put_first_maps(struct bench_line *l, int64_t at)
{
	int64_t *first = calloc(swarm.count, sizeof(*first));
	double bytes = 0;
	size_t n = 0;
	if (!first)
		bench_die("out of memory");
	for (uint32_t i = 0; i < swarm.count; i++) {
		if (swarm.nodes[i].first_at < at)
			continue;
		first[n++] = swarm.nodes[i].first_at - at;
		bytes += (double)swarm.nodes[i].first_bytes;
	}
	bench_line_num(l, "first_maps", (double)n);
	if (n > 0) {
		bench_line_num(l, "first_p50_ms", (double)bench_quantile(first, n, .5) / 1e6);
		bench_line_num(l, "first_p99_ms", (double)bench_quantile(first, n, .99) / 1e6);
		bench_line_num(l, "first_map_kb", bytes / (double)n / 1e3);
	}
	free(first);
}

void storm_line(pid_t pid, int64_t at, double ready_ms, bool whole, double share)
{
	struct bench_line l;
	swarm_line_begin(&l, "storm");
	bench_line_num(&l, whole ? "wall_s" : "wall_s_over", (double)(bench_now() - at) / 1e9);
	bench_line_num(&l, whole ? "cpu_s" : "cpu_s_over", (double)bench_proc_cpu(pid) / 1e9);
	bench_line_num(&l, "storm_converged", swarm.converged);
	bench_line_num(&l, "ready_ms", ready_ms);
	put_first_maps(&l, at);
	bench_line_num(&l, "storm_rss", bench_proc_mem(pid).rss);
	bench_line_num(&l, "storm_drops", (double)swarm.drops);
	bench_line_num(&l, "foreign", share);
	bench_line_end(&l);
}

bool storm_run(pid_t *pid, char **argv)
{
	struct bench_foreign foreign;
	int64_t at;
	double ready_ms;
	lose_all(*pid);
	*pid = swarm_start(argv, &at, &ready_ms);
	bench_foreign_begin(&foreign, *pid);
	swarm_hurry(&swarm);
	bool whole = swarm_converge(swarm.count);
	storm_line(*pid, at, ready_ms, whole, bench_foreign_share(&foreign));
	return whole;
}
