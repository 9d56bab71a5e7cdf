/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/swarm.c - load for control servers: many emulated nodes on one thread.
 *
 *   swarm steady     join N nodes, prove that all see all; then memory, idle time, listings,
 *                    changes, churn; then, if asked, a storm: the server is killed with SIGKILL and
 *                    started again, and all nodes come back at once
 *   swarm register   pre-auth registrations a second; may kill the server when time is up
 *   swarm verify     how many of the acknowledged nodes does a listing still name
 *   swarm cold       start the server: exec to the first decoded full map
 *   swarm ready      start any server: exec to accepting, and memory at rest
 *
 * Prints JSON lines. Exit code 1: the content that the nodes saw is not what it ought to be, or
 * something else went wrong, and the lines do not count. 3: see swarm.h.
 */
#include "swarm.h"

#include <signal.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

struct swarm_options o = { .auth_key = "",
			   .side = "",
			   .log = "/dev/null",
			   .policy = "P0",
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
			   .rate = 50,
			   .churn_limit = 30,
			   .cpu = -1,
			   .self_cpu = -1 };

static const struct bench_opt opts[] = {
	{ "side", "name of the server, repeated in the line", &o.side, NULL },
	{ "port", "of the server on 127.0.0.1", NULL, &o.port },
	{ "pid", "of the server, for processor time and memory", NULL, &o.pid },
	{ "nodes", "how many", NULL, &o.nodes },
	{ "seed", "all keys follow from it", NULL, &o.seed },
	{ "auth-key", "a reusable pre-auth key", &o.auth_key, NULL },
	{ "tagged-key", "one with a tag, for every third node", &o.tagged_key, NULL },
	{ "policy", "P0: all may reach all; P2: own devices, and tags", &o.policy, NULL },
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
	{ "announce", "1: registered nodes tell their endpoints, as once connected", NULL,
	  &o.announce },
	{ "known", "1: the nodes are registered already", NULL, &o.known },
	{ "rush", "1: all join at once, and that is the storm", NULL, &o.rush },
	{ "storm", "1: at the end, kill the server and start it again", NULL, &o.storm },
	{ "lists", "how many listings through the API", NULL, &o.lists },
	{ "api-key", "for them", &o.api_key, NULL },
	{ "rate", "changes a second in the churn", NULL, &o.rate },
	{ "churn", "its seconds", NULL, &o.churn },
	{ "churn-limit", "seconds to catch up after it", NULL, &o.churn_limit },
	{ "anon0", "memory of the empty server, if it is not empty now", NULL, &o.anon0 },
	{ "log", "output of a started server", &o.log, NULL },
	{ "cpu", "processor of a started server", NULL, &o.cpu },
	{ "self-cpu", "processor of this program", NULL, &o.self_cpu },
	{ "gc-port", "port of a path that forces garbage collection", NULL, &o.gc_port },
	{ "gc-path", "that path", &o.gc_path, NULL },
};

struct swarm swarm;

void swarm_begin(void)
{
	swarm.count = (uint32_t)o.nodes;
	swarm.seed = (uint64_t)o.seed;
	swarm.region = (uint32_t)o.region;
	swarm.auth_key = o.auth_key;
	swarm.tagged_key = o.tagged_key ? o.tagged_key : o.auth_key;
	swarm_init(&swarm);
	if (strcmp(o.policy, "P2") == 0)
		model_by_tags(swarm.model);
	else if (strcmp(o.policy, "P0") != 0)
		bench_die("policy '%s': P0 or P2, please", o.policy);
	for (uint32_t i = 0; i < swarm.count; i++)
		model_announce(swarm.model, i, NULL, 0);
}

void swarm_fetch_target(void)
{
	if (!link_target_fetch((uint16_t)o.port, (uint16_t)o.version, 10 * BENCH_SEC,
			       &swarm.target))
		bench_die("no server key on port %d", (int)o.port);
}

void swarm_turn_for(double seconds)
{
	int64_t end = bench_now() + (int64_t)(seconds * 1e9), left;
	while ((left = end - bench_now()) > 0)
		loop_turn(left < 100 * BENCH_MS ? left : 100 * BENCH_MS);
}

void swarm_line_begin(struct bench_line *l, const char *kind)
{
	bench_line_begin(l, kind);
	bench_line_str(l, "side", o.side);
	bench_line_num(l, "nodes", o.nodes);
	bench_line_num(l, "load", bench_load());
}

static void explain_one(void)
{
	for (uint32_t i = 0; i < swarm.count; i++)
		if (!swarm.nodes[i].view.converged) {
			view_explain(swarm.model, i, &swarm.nodes[i].view);
			return;
		}
}

bool swarm_converge(uint32_t inflight)
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
		if (now < end || swarm.converged == swarm.count)
			continue;
		fprintf(stderr, "bench: %s: %u of %u nodes converged in %g s (%u poll)\n", o.side,
			swarm.converged, swarm.count, o.deadline, swarm.polling);
		explain_one();
		return false;
	}
	return true;
}

struct node *swarm_draw(uint64_t *rng, const bool *busy)
{
	uint32_t at = (uint32_t)(bench_random(rng) % swarm.count);
	for (uint32_t k = 0; k < swarm.count; k++, at = (at + 1) % swarm.count)
		if (swarm.nodes[at].state == NODE_POLLING && !(busy && busy[at]))
			return &swarm.nodes[at];
	return NULL;
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
		return steady_run(rest < argc ? argv + rest : NULL);
	if (strcmp(mode, "register") == 0)
		return register_run();
	if (strcmp(mode, "verify") == 0)
		return verify_run();
	if (strcmp(mode, "cold") == 0 && rest < argc)
		return cold_run(argv + rest);
	if (strcmp(mode, "ready") == 0 && rest < argc)
		return ready_run(argv + rest);
	fprintf(stderr, "usage: swarm steady|register|verify|cold|ready [--option value]... "
			"[-- command]\n");
	return 2;
}
