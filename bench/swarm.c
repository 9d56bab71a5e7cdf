/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/swarm.c - load for control servers: many emulated nodes on one thread.
 *
 *   swarm steady     join N nodes, prove that all see all; then memory, idle time and changes
 *   swarm register   pre-auth registrations a second; may kill the server when time is up
 *   swarm verify     how many of the acknowledged nodes does a listing still name
 *   swarm cold       start the server: exec to the first decoded full map
 *   swarm storm      start the server, join N known nodes, kill it with SIGKILL, start it again:
 *                    exec until all, who come back at once, see all again
 *   swarm ready      start any server: exec to accepting, and memory at rest
 *
 * Each prints one JSON line. Nothing is printed, and the exit code is 1, when the content that
 * the nodes saw is not what it ought to be.
 */
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "node.h"
#include "proc.h"
#include "util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static struct {
	const char *auth_key, *out, *in, *list, *side, *log, *gc_path;
	double port, nodes, seed, inflight, version, region, pid, kill, settle, idle, changes;
	double pause, deadline, seconds, cpu, self_cpu, gc_port, known, pss0, before;
} o = { .auth_key = "",
	.side = "",
	.log = "/dev/null",
	.seed = 1,
	.nodes = 100,
	.inflight = 32,
	.version = 130,
	.region = 999,
	.settle = 3,
	.idle = 0,
	.pause = 1500,
	.deadline = 120,
	.seconds = 8,
	.before = 1,
	.cpu = -1,
	.self_cpu = -1 };

static const struct bench_opt opts[] = {
	{ "side", "name of the server, repeated in the line", &o.side, NULL },
	{ "port", "of the server on 127.0.0.1", NULL, &o.port },
	{ "pid", "of the server, for processor time and memory", NULL, &o.pid },
	{ "nodes", "how many", NULL, &o.nodes },
	{ "seed", "all keys follow from it", NULL, &o.seed },
	{ "auth-key", "a reusable pre-auth key", &o.auth_key, NULL },
	{ "inflight", "nodes joining at the same time", NULL, &o.inflight },
	{ "version", "capability version", NULL, &o.version },
	{ "region", "home relay region the nodes state", NULL, &o.region },
	{ "deadline", "seconds until a run fails", NULL, &o.deadline },
	{ "settle", "seconds of quiet before measuring", NULL, &o.settle },
	{ "idle", "seconds of idle window", NULL, &o.idle },
	{ "changes", "how many lite updates", NULL, &o.changes },
	{ "pause", "most ms between changes", NULL, &o.pause },
	{ "seconds", "of registering, or of rest in ready", NULL, &o.seconds },
	{ "kill", "1: kill the server when time is up", NULL, &o.kill },
	{ "out", "file for the keys of acknowledged nodes", &o.out, NULL },
	{ "in", "file of acknowledged keys", &o.in, NULL },
	{ "list", "file with a listing of nodes", &o.list, NULL },
	{ "known", "1: the nodes are registered already", NULL, &o.known },
	{ "before", "0: a storm whose nodes were not connected before", NULL, &o.before },
	{ "pss0", "memory of the empty server, if it is not empty now", NULL, &o.pss0 },
	{ "log", "output of a started server", &o.log, NULL },
	{ "cpu", "processor of a started server", NULL, &o.cpu },
	{ "self-cpu", "processor of this program", NULL, &o.self_cpu },
	{ "gc-port", "port of a path that forces garbage collection", NULL, &o.gc_port },
	{ "gc-path", "that path", &o.gc_path, NULL },
};

static struct swarm swarm;

static void swarm_begin(void)
{
	swarm.count = (uint32_t)o.nodes;
	swarm.seed = (uint64_t)o.seed;
	swarm.region = (uint32_t)o.region;
	swarm.auth_key = o.auth_key;
	swarm_init(&swarm);
	for (uint32_t i = 0; i < swarm.count; i++)
		model_announce(swarm.model, i, NULL, 0);
}

static void fetch_target(void)
{
	if (!link_target_fetch((uint16_t)o.port, (uint16_t)o.version, 10 * BENCH_SEC,
			       &swarm.target))
		bench_die("no server key on port %d", (int)o.port);
}

static void turn_for(double seconds)
{
	int64_t end = bench_now() + (int64_t)(seconds * 1e9), left;
	while ((left = end - bench_now()) > 0)
		loop_turn(left < 100 * BENCH_MS ? left : 100 * BENCH_MS);
}

static void line_begin(struct bench_line *l, const char *kind)
{
	bench_line_begin(l, kind);
	bench_line_str(l, "side", o.side);
	bench_line_num(l, "nodes", o.nodes);
	bench_line_num(l, "load", bench_load());
}

/* ---- steady: C1, C2, C4, C9 ---- */

static struct {
	struct bench_mem before, after, after_gc;
	double join_s, join_cpu_s, idle_share, keep_alives, change_cpu_us, foreign;
	int64_t *last, *each;
	size_t len;
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

static void explain_one(void)
{
	for (uint32_t i = 0; i < swarm.count; i++)
		if (!swarm.nodes[i].view.converged) {
			view_explain(swarm.model, i, &swarm.nodes[i].view);
			return;
		}
}

/* Opens nodes, at most `inflight` at the same time, until all see all. */
static void converge(uint32_t inflight)
{
	int64_t end = bench_now() + (int64_t)(o.deadline * 1e9), judge_at = 0;
	while (swarm.converged < swarm.count) {
		swarm_advance(&swarm, inflight);
		loop_turn(10 * BENCH_MS);
		int64_t now = bench_now();
		if (now < judge_at)
			continue;
		judge_at = now + 2 * BENCH_MS;
		swarm_judge(&swarm);
		if (now < end)
			continue;
		explain_one();
		bench_die("%u of %u nodes converged in %g s (%u poll)", swarm.converged,
			  swarm.count, o.deadline, swarm.polling);
	}
}

static void join_all(void)
{
	int64_t begun = bench_now(), cpu = bench_proc_cpu((pid_t)o.pid);
	converge((uint32_t)o.inflight);
	got.join_s = (double)(bench_now() - begun) / 1e9;
	got.join_cpu_s = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) / 1e9;
}

static uint64_t keep_alives(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < swarm.count; i++)
		n += swarm.nodes[i].keep_alives;
	return n;
}

static void measure_idle(void)
{
	if (o.idle <= 0)
		return;
	int64_t cpu = bench_proc_cpu((pid_t)o.pid), at = bench_now();
	uint64_t seen = keep_alives();
	turn_for(o.idle);
	got.idle_share = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) / (double)(bench_now() - at);
	got.keep_alives = (double)(keep_alives() - seen);
}

static void one_change(size_t k, uint64_t *rng)
{
	change.node = (uint32_t)(bench_random(rng) % swarm.count);
	memset(change.has, 0, swarm.count);
	change.has[change.node] = true;
	change.pending = swarm.count - 1;
	change.begun = bench_now();
	node_change(&swarm.nodes[change.node]);
	int64_t end = change.begun + 30 * BENCH_SEC;
	while (change.pending > 0 && bench_now() < end)
		loop_turn(100 * BENCH_MS);
	if (change.pending > 0)
		bench_die("a change did not reach %u of %u nodes", change.pending, swarm.count);
	got.last[k] = bench_now() - change.begun;
}

/* Spaced at random, so that no timer of the server is always met at the same phase. */
static void measure_changes(void)
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
	int64_t cpu = bench_proc_cpu((pid_t)o.pid), at = bench_now();
	for (size_t k = 0; k < n; k++) {
		one_change(k, &rng);
		turn_for(o.pause / 1e3 * (0.5 + 0.5 * (double)(bench_random(&rng) % 1000) / 1e3));
	}
	double idle = got.idle_share * (double)(bench_now() - at);
	double used = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) - idle;
	got.change_cpu_us = used / 1e3 / (double)n / (swarm.count - 1);
}

static void steady_line(void)
{
	struct bench_line l;
	size_t n = (size_t)o.changes;
	line_begin(&l, "steady");
	bench_line_num(&l, "join_s", got.join_s);
	bench_line_num(&l, "join_cpu_s", got.join_cpu_s);
	bench_line_num(&l, "drops", (double)swarm.drops);
	bench_line_num(&l, "map_mb", (double)swarm.bytes / 1e6);
	bench_line_num(&l, "pss0", got.before.pss);
	bench_line_num(&l, "pss", got.after.pss);
	bench_line_num(&l, "rss", got.after.rss);
	bench_line_num(&l, "priv", got.after.priv);
	bench_line_num(&l, "pss_per_node", (got.after.pss - got.before.pss) / o.nodes);
	bench_line_num(&l, "pss_per_node_gc", (got.after_gc.pss - got.before.pss) / o.nodes);
	if (o.idle > 0) {
		bench_line_num(&l, "idle_s", o.idle);
		bench_line_num(&l, "idle_cpu_share", got.idle_share);
		bench_line_num(&l, "keepalives_per_node_min",
			       got.keep_alives / o.nodes / o.idle * 60);
	}
	if (n > 0) {
		bench_line_num(&l, "changes", o.changes);
		bench_line_num(&l, "last_p50_ms", (double)bench_quantile(got.last, n, .5) / 1e6);
		bench_line_num(&l, "last_p99_ms", (double)bench_quantile(got.last, n, .99) / 1e6);
		bench_line_num(&l, "each_p50_ms",
			       (double)bench_quantile(got.each, got.len, .5) / 1e6);
		bench_line_num(&l, "change_cpu_us", got.change_cpu_us);
	}
	bench_line_num(&l, "foreign", got.foreign);
	bench_line_end(&l);
}

static int run_steady(void)
{
	struct bench_foreign foreign;
	swarm_begin();
	fetch_target();
	collect_garbage();
	bench_foreign_begin(&foreign, (pid_t)o.pid);
	got.before = bench_proc_mem((pid_t)o.pid);
	if (o.pss0 > 0)
		got.before.pss = o.pss0;
	for (uint32_t i = 0; i < swarm.count; i++)
		swarm.nodes[i].registered = o.known > 0;
	join_all();
	turn_for(o.settle);
	got.after = got.after_gc = bench_proc_mem((pid_t)o.pid);
	measure_idle();
	measure_changes();
	turn_for(0.5);
	swarm_judge(&swarm);
	if (swarm.converged != swarm.count)
		bench_die("only %u of %u nodes are right at the end", swarm.converged, swarm.count);
	if (o.gc_path) {
		collect_garbage();
		turn_for(0.5);
		got.after_gc = bench_proc_mem((pid_t)o.pid);
	}
	got.foreign = bench_foreign_share(&foreign);
	steady_line();
	return 0;
}

/* ---- register and verify: C6 ---- */

static void write_acknowledged(void)
{
	FILE *f = o.out ? fopen(o.out, "we") : NULL;
	if (o.out && !f)
		bench_die("cannot write %s", o.out);
	for (uint32_t i = 0; f && i < swarm.count; i++)
		if (swarm.nodes[i].registered)
			fprintf(f, "%s\n", swarm.nodes[i].node_key);
	if (f)
		fclose(f);
}

static int run_register(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	int64_t last = 0;
	swarm.register_only = true;
	swarm_begin();
	fetch_target();
	bench_foreign_begin(&foreign, (pid_t)o.pid);
	int64_t begun = bench_now(), end = begun + (int64_t)(o.seconds * 1e9);
	int64_t cpu = bench_proc_cpu((pid_t)o.pid);
	/* When time is up a slow server still gets to the end of its first requests. */
	while (swarm.registered < swarm.count &&
	       (bench_now() < end ||
		(swarm.registered < (uint32_t)o.inflight && bench_now() < end + 30 * BENCH_SEC))) {
		swarm_advance(&swarm, (uint32_t)o.inflight);
		loop_turn(BENCH_MS);
	}
	for (uint32_t i = 0; i < swarm.count; i++)
		if (swarm.nodes[i].registered && swarm.nodes[i].registered_at > last)
			last = swarm.nodes[i].registered_at;
	if (swarm.registered == 0)
		bench_die("nothing was registered");
	double used = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) / 1e9;
	double share = bench_foreign_share(&foreign);
	if (o.kill > 0 && o.pid > 1)
		kill((pid_t)o.pid, SIGKILL);
	write_acknowledged();
	double wall = (double)(last - begun) / 1e9;
	line_begin(&l, "register");
	bench_line_num(&l, "acknowledged", swarm.registered);
	bench_line_num(&l, "wall_s", wall);
	bench_line_num(&l, "per_s", swarm.registered / wall);
	bench_line_num(&l, "per_cpu_s", swarm.registered / used);
	bench_line_num(&l, "drops", (double)swarm.drops);
	bench_line_num(&l, "foreign", share);
	bench_line_end(&l);
	return 0;
}

static char *read_file(const char *path, size_t *out_len)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	if (!f)
		bench_die("cannot read %s", path ? path : "(no file given)");
	struct fl_buf b = fl_buf_make(1u << 30);
	char step[65536];
	size_t n;
	while ((n = fread(step, 1, sizeof(step), f)) > 0)
		fl_buf_put(&b, step, n);
	fclose(f);
	fl_buf_byte(&b, 0);
	*out_len = b.len - 1;
	return (char *)b.ptr;
}

static int run_verify(void)
{
	struct bench_line l;
	size_t len, wanted = 0, found = 0;
	char *list = read_file(o.list, &len), *keys = read_file(o.in, &len), *save = NULL;
	for (char *k = strtok_r(keys, "\n", &save); k; k = strtok_r(NULL, "\n", &save)) {
		wanted++;
		found += strstr(list, k) != NULL;
	}
	line_begin(&l, "verify");
	bench_line_num(&l, "acknowledged", (double)wanted);
	bench_line_num(&l, "present", (double)found);
	bench_line_end(&l);
	free(list);
	free(keys);
	return found == wanted ? 0 : 1;
}

/* ---- cold and ready: C7, F2, F3 ---- */

/* The argument list behind "--", NULL-terminated as main got it. */
static int run_cold(char **argv)
{
	struct bench_line l;
	int64_t at;
	swarm_begin();
	model_expect_rest(swarm.model);
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	fetch_target();
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
	if (!whole)
		bench_die("no full map in %g s", o.deadline);
	line_begin(&l, "cold");
	bench_line_num(&l, "first_map_ms", ms);
	bench_line_num(&l, "cpu_ms", cpu_ms);
	bench_line_num(&l, "map_kb", (double)swarm.bytes / 1e3);
	bench_line_end(&l);
	return 0;
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

static int run_ready(char **argv)
{
	struct bench_line l;
	int64_t at;
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	await_accept(at + (int64_t)(o.deadline * 1e9));
	double ms = (double)(bench_now() - at) / 1e6;
	usleep((useconds_t)(o.seconds * 1e6));
	struct bench_mem mem = bench_proc_mem(pid);
	bench_reap(pid, SIGTERM);
	line_begin(&l, "ready");
	bench_line_num(&l, "ready_ms", ms);
	bench_line_num(&l, "rss", mem.rss);
	bench_line_num(&l, "pss", mem.pss);
	bench_line_num(&l, "priv", mem.priv);
	bench_line_end(&l);
	return 0;
}

/* ---- storm: C3 ---- */

/* All nodes were connected, and the server is gone in one moment. */
static void lose_all(pid_t pid)
{
	int64_t end = bench_now() + 10 * BENCH_SEC;
	bench_reap(pid, SIGKILL);
	while (swarm.lost < swarm.count && bench_now() < end)
		loop_turn(BENCH_MS);
	if (swarm.lost < swarm.count)
		bench_die("%u nodes do not notice the end of the server", swarm.count - swarm.lost);
	swarm.drops = 0;
}

static void storm_line(int64_t at, pid_t pid, double ready_ms, double share)
{
	struct bench_line l;
	int64_t *first = calloc(swarm.count, sizeof(*first));
	double bytes = 0;
	if (!first)
		bench_die("out of memory");
	for (uint32_t i = 0; i < swarm.count; i++) {
		first[i] = swarm.nodes[i].first_at - at;
		bytes += (double)swarm.nodes[i].first_bytes;
	}
	line_begin(&l, "storm");
	bench_line_num(&l, "wall_s", (double)(bench_now() - at) / 1e9);
	bench_line_num(&l, "cpu_s", (double)bench_proc_cpu(pid) / 1e9);
	bench_line_num(&l, "ready_ms", ready_ms);
	bench_line_num(&l, "first_p50_ms", (double)bench_quantile(first, swarm.count, .5) / 1e6);
	bench_line_num(&l, "first_p99_ms", (double)bench_quantile(first, swarm.count, .99) / 1e6);
	bench_line_num(&l, "first_map_kb", bytes / o.nodes / 1e3);
	bench_line_num(&l, "rss", bench_proc_mem(pid).rss);
	bench_line_num(&l, "drops", (double)swarm.drops);
	bench_line_num(&l, "foreign", share);
	bench_line_end(&l);
	free(first);
}

static int run_storm(char **argv)
{
	struct bench_foreign foreign;
	int64_t at;
	swarm_begin();
	for (uint32_t i = 0; i < swarm.count; i++)
		swarm.nodes[i].registered = true;
	pid_t pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	fetch_target();
	if (o.before > 0) {
		converge((uint32_t)o.inflight);
		turn_for(o.settle);
		lose_all(pid);
	} else {
		bench_reap(pid, SIGKILL);
	}
	pid = bench_spawn(argv, (int)o.cpu, o.log, &at);
	bench_foreign_begin(&foreign, pid);
	await_accept(at + (int64_t)(o.deadline * 1e9));
	double ready_ms = (double)(bench_now() - at) / 1e6;
	swarm_hurry(&swarm);
	converge(swarm.count);
	storm_line(at, pid, ready_ms, bench_foreign_share(&foreign));
	bench_reap(pid, SIGTERM);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	int rest = bench_options(opts, COUNT(opts), argc, argv, 2);
	bench_prepare();
	signal(SIGPIPE, SIG_IGN);
	if (fl_crypto_init() != FL_OK)
		bench_die("no cryptography");
	bench_pin((int)o.self_cpu);
	loop_init();
	if (strcmp(mode, "steady") == 0)
		return run_steady();
	if (strcmp(mode, "register") == 0)
		return run_register();
	if (strcmp(mode, "verify") == 0)
		return run_verify();
	if (strcmp(mode, "cold") == 0 && rest < argc)
		return run_cold(argv + rest);
	if (strcmp(mode, "ready") == 0 && rest < argc)
		return run_ready(argv + rest);
	if (strcmp(mode, "storm") == 0 && rest < argc)
		return run_storm(argv + rest);
	fprintf(stderr, "usage: swarm steady|register|verify|cold|ready|storm [--option value]... "
			"[-- command]\n");
	return 2;
}
