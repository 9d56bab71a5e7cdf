/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/world.c - events in order of time, then of their making; and one step of the world. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "base/log.h"
#include "memory.h"
#include "sim.h"

#define STRANGE_START ((fl_time)12345 * FL_SEC + 678)
#define CALENDAR      ((fl_wall)1900000000 * FL_SEC)
#define COARSE        FL_MS /* of the network: some arrivals share a tick */

enum { REPORT_MAX = 3000 };

struct event {
	fl_time at;
	uint64_t seq;
	event_fn *fn;
	void *a;
	uint64_t b;
};

struct sim sim;
static struct {
	struct event *heap; /* [1..len] */
	size_t len, cap;
	uint64_t seq;
} queue;

/* ---- events ---- */

static bool earlier(const struct event *a, const struct event *b)
{
	return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

void at(fl_time when, event_fn *fn, void *a, uint64_t b)
{
	struct event e = { .seq = ++queue.seq, .fn = fn, .a = a, .b = b };
	size_t i = ++queue.len;

	if (when < sim_clock.now)
		when = sim_clock.now;
	e.at = when == sim_clock.now ? when : (when + COARSE - 1) / COARSE * COARSE;
	if (i >= queue.cap) {
		queue.cap = queue.cap > 0 ? 2 * queue.cap : 256;
		queue.heap = reallocarray(queue.heap, queue.cap, sizeof *queue.heap);
		if (queue.heap == NULL)
			abort();
	}
	for (; i > 1 && earlier(&e, &queue.heap[i / 2]); i /= 2)
		queue.heap[i] = queue.heap[i / 2];
	queue.heap[i] = e;
}

void after(int64_t delay, event_fn *fn, void *a, uint64_t b)
{
	at(sim_clock.now + delay, fn, a, b);
}

static struct event take(void)
{
	struct event first = queue.heap[1], last = queue.heap[queue.len--];
	size_t i = 1;

	for (size_t c; (c = 2 * i) <= queue.len; i = c) {
		if (c < queue.len && earlier(&queue.heap[c + 1], &queue.heap[c]))
			c++;
		if (!earlier(&queue.heap[c], &last))
			break;
		queue.heap[i] = queue.heap[c];
	}
	queue.heap[i] = last;
	return first;
}

int64_t chance(struct fl_rng *r, int64_t lo, int64_t hi)
{
	return lo + (int64_t)fl_rng_below(r, (uint64_t)(hi - lo) + 1);
}

/* ---- trace and failure ---- */

void trace(const char *what, uint64_t a, uint64_t b)
{
	const uint64_t facts[4] = { (uint64_t)sim_clock.now, a, b, strlen(what) };

	sim.trace = scan_hash(sim.trace, fl_slice_of((const uint8_t *)facts, sizeof facts));
	if (sim.verbose)
		printf("%12.3f %s %" PRIu64 " %" PRIu64 "\n",
		       (double)(sim_clock.now - sim.started) / 1e9, what, a, b);
}

void violation(const char *invariant, const char *fmt, ...)
{
	char text[REPORT_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	fflush(stdout);
	dprintf(sim.report_fd, "%s\n%.3f\n%zu\n%s", invariant,
		(double)(sim_clock.now - sim.started) / 1e9, sim.op_at, text);
	_exit(3);
}

/* ---- entropy ---- */

static struct fl_rng entropy;

static const char *entropy_name(void)
{
	return "sim";
}

static uint32_t entropy_word(void)
{
	return (uint32_t)fl_rng_next(&entropy);
}

static void entropy_fill(void *out, const size_t n)
{
	for (size_t i = 0; i < n; i++)
		((uint8_t *)out)[i] = (uint8_t)fl_rng_next(&entropy);
}

static randombytes_implementation source = {
	.implementation_name = entropy_name,
	.random = entropy_word,
	.buf = entropy_fill,
};

/* ---- steps ---- */

static void on_op(void *a, uint64_t b)
{
	const struct op *o = a;

	sim.op_at = (size_t)b;
	trace(op_names[o->kind], o->a, o->b);
	op_run(o);
}

static void on_power_back(void *a, uint64_t b)
{
	(void)a;
	(void)b;
	if (!sim.server.up)
		server_start();
}

/* False: none, or only such as no code of the server runs in. */
static bool run_events(void)
{
	size_t events = 0;

	sim.calm = 0;
	for (; queue.len > 0 && queue.heap[1].at <= sim_clock.now; events++) {
		struct event e = take();
		e.fn(e.a, e.b);
	}
	return sim.calm < events;
}

static fl_time next_time(void)
{
	fl_time t = queue.len > 0 ? queue.heap[1].at : FL_NEVER;
	fl_time l = sim.server.up ? sim_loop_next(sim.server.loop) : FL_NEVER;

	return l < t ? l : t;
}

static bool step(void)
{
	fl_time next = next_time();

	if (next >= sim.ends)
		return false;
	if (next > sim_clock.now) {
		sim.stats.node_time += (next - sim_clock.now) * (int64_t)sim.up_count;
		sim_clock.now = next;
	}
	sim.stats.steps++;
	bool ran = run_events();
	if (sim.server.up) {
		sim_memory_server(true);
		ran = sim_loop_tick(sim.server.loop) || ran;
		sim_memory_server(false);
	}
	sim.ran += ran;
	if (sim.server.up && sim_disk_is_dead()) {
		server_crash();
		after(chance(&sim.dice, FL_SEC, FL_MIN), on_power_back, NULL, 0);
	}
	if (sim.server.up)
		check_step();
	return true;
}

static void begin(const struct plan *plan)
{
	struct fl_rng root;
	static struct fl_rng disk_rng;

	sim.plan = *plan;
	fl_rng_init(&root, plan->seed);
	fl_rng_split(&root, "network", &sim.net);
	fl_rng_split(&root, "dice", &sim.dice);
	fl_rng_split(&root, "entropy", &entropy);
	fl_rng_split(&root, "disk", &disk_rng);
	if (randombytes_set_implementation(&source) != 0 || fl_crypto_init() != FL_OK)
		abort();
	sim_clock.now = sim.started = STRANGE_START + (fl_time)(plan->seed % 1000);
	sim_clock.skew = CALENDAR - sim.started;
	sim.ends = sim.started + plan->duration;
	sim_disk_init(&disk_rng);
	fl_list_init(&conns);
	server_start();
	admin_prepare();
	sim.clients_count = plan->nodes;
	sim.clients = calloc(plan->nodes, sizeof *sim.clients);
	for (unsigned i = 0; i < plan->nodes; i++)
		client_init(&sim.clients[i], i);
	for (size_t i = 0; i < plan->ops_count; i++)
		if (!plan->ops[i].off)
			at(sim.started + plan->ops[i].at, on_op, &plan->ops[i], i);
}

void world_run(const struct plan *plan)
{
	begin(plan);
	while (step())
		;
	if (sim.server.up)
		server_stop();
	else
		server_start();
	trace("end", sim.stats.steps, sim.stats.frames);
}
