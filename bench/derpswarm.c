/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/derpswarm.c - load for relays.
 *
 *   derpswarm flood   windows at given rates, with pings and a stalled reader if asked for
 *   derpswarm sweep   rising rates until packets are lost, then the peak between
 *   derpswarm idle    memory of clients that only hold their connection
 *   derpswarm storm   connects a second, to the server's info
 *
 * Each prints JSON lines. Nothing is printed, and the exit code is 1, when a packet was damaged,
 * misdelivered or the relay closed a connection.
 */
#include <signal.h>
#include <stdlib.h>

#include "crypto/prim.h"
#include "flood.h"
#include "proc.h"
#include "util.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { LEAN_FROM = 500 }; /* clients from which on buffers are given back */

static struct {
	const char *side, *rates, *hook;
	double port, pid, clients, pings, stall, size, plain, warm, seconds, factor, top, inflight;
	double settle, hold, deadline, self_cpu, seed, clean, lossy;
} o = { .side = "",
	.rates = "100",
	.clients = 20,
	.size = 1400,
	.warm = 0.3,
	.seconds = 2,
	.factor = 1.3,
	.top = 12000,
	.inflight = 32,
	.settle = 3,
	.deadline = 120,
	.self_cpu = -1,
	.seed = 1,
	.clean = 0.001,
	.lossy = 0.01 };

static const struct bench_opt opts[] = {
	{ "side", "name of the relay, repeated in the lines", &o.side, NULL },
	{ "port", "of the relay on 127.0.0.1", NULL, &o.port },
	{ "pid", "of the relay, for processor time and memory", NULL, &o.pid },
	{ "clients", "how many flood, idle or connect", NULL, &o.clients },
	{ "pings", "further clients that ping in pairs", NULL, &o.pings },
	{ "stall", "1: one more pair, whose receiver never reads", NULL, &o.stall },
	{ "size", "bytes of a packet", NULL, &o.size },
	{ "plain", "1: without TLS", NULL, &o.plain },
	{ "rates", "Mbit/s, separated by commas; sweep begins at the first", &o.rates, NULL },
	{ "factor", "of rising rates", NULL, &o.factor },
	{ "top", "highest rate", NULL, &o.top },
	{ "warm", "seconds before a window", NULL, &o.warm },
	{ "seconds", "of a window", NULL, &o.seconds },
	{ "inflight", "connects at the same time", NULL, &o.inflight },
	{ "settle", "seconds of quiet before memory is read", NULL, &o.settle },
	{ "hold", "seconds of idle window", NULL, &o.hold },
	{ "hook", "command run before memory is read a second time", &o.hook, NULL },
	{ "deadline", "seconds until connecting fails", NULL, &o.deadline },
	{ "self-cpu", "processor of this program", NULL, &o.self_cpu },
	{ "seed", "all keys follow from it", NULL, &o.seed },
};

static pid_t server(void)
{
	return (pid_t)o.pid;
}

static void line_begin(struct bench_line *l, const char *kind)
{
	bench_line_begin(l, kind);
	bench_line_str(l, "side", o.side);
	bench_line_num(l, "clients", o.clients);
	bench_line_str(l, "cipher", crowd.cipher ? crowd.cipher : "");
	bench_line_num(l, "load", bench_load());
}

static void flood_line(const char *kind, double rate, const struct flood_result *r)
{
	struct bench_line l;
	line_begin(&l, kind);
	bench_line_num(&l, "size", o.size);
	bench_line_num(&l, "rate_mbit", rate / 1e6);
	bench_line_num(&l, "offered_mbit", r->offered / 1e6);
	bench_line_num(&l, "goodput_mbit", r->goodput / 1e6);
	bench_line_num(&l, "packets_s", r->packets);
	bench_line_num(&l, "loss", r->loss);
	bench_line_num(&l, "blocked", r->blocked);
	bench_line_num(&l, "cpu_s_per_gb", r->cpu_per_gb);
	bench_line_num(&l, "server_cpu", r->server_cpu);
	bench_line_num(&l, "generator_cpu", r->self_cpu);
	bench_line_num(&l, "late", r->late);
	bench_line_num(&l, "twice", r->twice);
	bench_line_num(&l, "rtt_n", r->rtt.n);
	bench_line_num(&l, "rtt_p50_us", r->rtt.p50);
	bench_line_num(&l, "rtt_p99_us", r->rtt.p99);
	bench_line_str(&l, "rtt_class", r->rtt.class);
	bench_line_num(&l, "foreign", r->foreign);
	bench_line_end(&l);
}

static void begin_flood(void)
{
	struct flood f = { .flows = (uint32_t)o.clients & ~1u,
			   .stall = o.stall > 0,
			   .size = (uint32_t)o.size,
			   .server = server() };
	if (f.size < 64 || f.size > DERP_PACKET_MAX)
		bench_die("packets have 64 to %d bytes", DERP_PACKET_MAX);
	ping_begin((uint32_t)o.pings & ~1u, (uint16_t)o.port, o.plain <= 0, (uint64_t)o.seed + 1,
		   o.deadline);
	crowd_init(flood_clients(&f), (uint16_t)o.port, o.plain <= 0, (uint64_t)o.seed);
	crowd_open((uint32_t)o.inflight, o.deadline);
	flood_begin(&f);
}

static int run_flood(void)
{
	begin_flood();
	const char *at = o.rates;
	while (*at) {
		char *end;
		struct flood_result r;
		double rate = strtod(at, &end) * 1e6;
		if (end == at)
			bench_die("rates are numbers of Mbit/s");
		flood_run(rate, o.warm, o.seconds, &r);
		flood_line("flood", rate, &r);
		at = *end == ',' ? end + 1 : end;
	}
	ping_end();
	return 0;
}

static struct {
	double clean, peak, peak_cpu, peak_self, peak_packets, lossy, foreign;
} sweep;

/* One step of a sweep; true while losses stay below one percent and the generator keeps up. */
static bool step_once(double rate)
{
	struct flood_result r;
	flood_run(rate, o.warm, o.seconds, &r);
	flood_line("step", rate, &r);
	bool pushed = r.offered > 0.9 * rate;
	if (r.foreign > sweep.foreign)
		sweep.foreign = r.foreign;
	if (r.loss <= o.clean && pushed && rate > sweep.clean)
		sweep.clean = rate;
	if (r.loss <= o.lossy && r.goodput > sweep.peak) {
		sweep.peak = r.goodput;
		sweep.peak_packets = r.packets;
		sweep.peak_cpu = r.server_cpu;
		sweep.peak_self = r.self_cpu;
	}
	if ((r.loss > o.lossy || !pushed) && (sweep.lossy == 0 || rate < sweep.lossy))
		sweep.lossy = rate;
	return r.loss <= o.lossy && pushed;
}

/* Again if it fails: one hiccup of the machine is no limit. */
static bool step(double rate)
{
	double lossy = sweep.lossy;
	if (step_once(rate))
		return true;
	if (!step_once(rate))
		return false;
	sweep.lossy = lossy;
	return true;
}

static int run_sweep(void)
{
	struct bench_line l;
	double rate = strtod(o.rates, NULL) * 1e6, good = 0;
	begin_flood();
	for (; rate <= o.top * 1e6 && step(rate); rate *= o.factor)
		good = rate;
	for (int i = 0; i < 3 && good > 0 && sweep.lossy > good; i++) {
		double middle = (good + sweep.lossy) / 2;
		if (step(middle))
			good = middle;
	}
	line_begin(&l, "sweep");
	bench_line_num(&l, "size", o.size);
	bench_line_num(&l, "clean_mbit", sweep.clean / 1e6);
	bench_line_num(&l, "peak_mbit", sweep.peak / 1e6);
	bench_line_num(&l, "peak_packets_s", sweep.peak_packets);
	bench_line_num(&l, "peak_server_cpu", sweep.peak_cpu);
	bench_line_num(&l, "peak_generator_cpu", sweep.peak_self);
	bench_line_num(&l, "foreign", sweep.foreign);
	bench_line_end(&l);
	return 0;
}

static void turn_for(double seconds)
{
	int64_t end = bench_now() + (int64_t)(seconds * 1e9), left;
	while ((left = end - bench_now()) > 0)
		loop_turn(left < 100 * BENCH_MS ? left : 100 * BENCH_MS);
	if (crowd.failed > 0)
		bench_die("the relay closed an idle connection");
}

static uint64_t keep_alives(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < crowd.count; i++)
		n += crowd.at[i].keep_alives;
	return n;
}

static int run_idle(void)
{
	struct bench_line l;
	bench_hook("memory", o.hook);
	struct bench_mem before = bench_proc_mem(server()), after, hooked;
	crowd_init((uint32_t)o.clients, (uint16_t)o.port, o.plain <= 0, (uint64_t)o.seed);
	crowd_open((uint32_t)o.inflight, o.deadline);
	turn_for(o.settle);
	after = bench_proc_mem(server());
	int64_t cpu = bench_proc_cpu(server()), at = bench_now();
	uint64_t seen = keep_alives();
	turn_for(o.hold);
	double share = (double)(bench_proc_cpu(server()) - cpu) / (double)(bench_now() - at);
	double kept = (double)(keep_alives() - seen);
	bench_hook("memory", o.hook);
	turn_for(o.hook ? 0.5 : 0);
	hooked = bench_proc_mem(server());
	line_begin(&l, "idle");
	bench_line_num(&l, "pss", after.pss);
	bench_line_num(&l, "priv", after.priv);
	bench_line_num(&l, "rss", after.rss);
	bench_line_num(&l, "bytes_per_client", (after.pss - before.pss) / o.clients);
	bench_line_num(&l, "bytes_per_client_gc", (hooked.pss - before.pss) / o.clients);
	bench_line_num(&l, "hold_s", o.hold);
	bench_line_num(&l, "idle_cpu_share", o.hold > 0 ? share : 0);
	bench_line_num(&l, "keepalives_per_client", kept / o.clients);
	bench_line_end(&l);
	return 0;
}

static int run_storm(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	crowd.close_when_up = true;
	crowd_init((uint32_t)o.clients, (uint16_t)o.port, o.plain <= 0, (uint64_t)o.seed);
	bench_foreign_begin(&foreign, server());
	int64_t at = bench_now(), cpu = bench_proc_cpu(server()), self = bench_self_cpu();
	crowd_open((uint32_t)o.inflight, o.deadline);
	double wall = (double)(bench_now() - at) / 1e9;
	double used = (double)(bench_proc_cpu(server()) - cpu) / 1e9;
	line_begin(&l, "storm");
	bench_line_num(&l, "connects_per_s", o.clients / wall);
	bench_line_num(&l, "connects_per_cpu_s", o.clients / used);
	bench_line_num(&l, "server_cpu", used / wall);
	bench_line_num(&l, "generator_cpu", (double)(bench_self_cpu() - self) / 1e9 / wall);
	bench_line_num(&l, "fast_start", crowd.at[0].fast_start);
	bench_line_num(&l, "foreign", bench_foreign_share(&foreign));
	bench_line_end(&l);
	return 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "";
	bench_options(opts, COUNT(opts), argc, argv, 2);
	bench_prepare();
	signal(SIGPIPE, SIG_IGN);
	if (fl_crypto_init() != FL_OK)
		bench_die("no cryptography");
	bench_pin((int)o.self_cpu);
	pipe_setup(o.clients >= LEAN_FROM, false);
	loop_init();
	if (strcmp(mode, "flood") == 0)
		return run_flood();
	if (strcmp(mode, "sweep") == 0)
		return run_sweep();
	if (strcmp(mode, "idle") == 0)
		return run_idle();
	if (strcmp(mode, "storm") == 0)
		return run_storm();
	fprintf(stderr, "usage: derpswarm flood|sweep|idle|storm [--option value]...\n");
	return 2;
}
