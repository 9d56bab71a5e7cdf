/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/ping.c - see ping.h. */
#include "ping.h"

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crowd.h"
#include "flow.h"
#include "util.h"

enum { PING_SIZE = 64, PING_EVERY_MS = 4, RTT_MAX = 1 << 16, INFLIGHT = 8 };

/* What both processes see. */
static struct shared {
	atomic_bool up;
	atomic_uint window; /* odd while round trips count; pings carry it */
	atomic_size_t len;
	int64_t rtt[RTT_MAX];
	char class[8];
} * shared;

static pid_t pinger;
static uint8_t frame[DERP_SEND_HEAD + PING_SIZE];

/* ---- the process that pings ---- */

static void send_to(struct derp *d, uint32_t to, struct flow_packet *p)
{
	p->from = d->index;
	p->to = to;
	flow_write(p, frame + DERP_SEND_HEAD, PING_SIZE);
	derp_send(d, crowd.at[to].key, frame, PING_SIZE);
	pipe_flush(&d->pipe);
}

static void note(const struct flow_packet *p)
{
	size_t n = atomic_load(&shared->len);
	if (p->phase != (atomic_load(&shared->window) & 0xff) || p->phase % 2 == 0 || n == RTT_MAX)
		return;
	shared->rtt[n] = bench_now() - p->stamp;
	atomic_store(&shared->len, n + 1);
}

static void on_packet(struct derp *d, const uint8_t *source, struct fl_slice packet)
{
	struct flow_packet p;
	if (!flow_read(packet, &p) || p.from >= crowd.count || p.to != d->index ||
	    memcmp(source, crowd.at[p.from].key, FL_KEY_LEN) != 0)
		bench_die("client %u got a ping that does not verify", d->index);
	if (p.kind == FLOW_PING) {
		p.kind = FLOW_ECHO;
		send_to(d, p.from, &p);
	} else {
		note(&p);
	}
}

static void send_ping(uint64_t number)
{
	uint32_t pair = (uint32_t)(number % (crowd.count / 2));
	struct derp *d = &crowd.at[2 * pair];
	struct flow_packet p = { FLOW_PING, 0,          0, atomic_load(&shared->window) & 0xff,
				 number,    bench_now() };
	send_to(d, d->index + 1, &p);
}

static _Noreturn void ping_on(void)
{
	uint64_t number = 0, rng = 1;
	int64_t next = 0, now;
	for (;;) {
		now = bench_now();
		if (now >= next) {
			next = now + PING_EVERY_MS * BENCH_MS / 2 +
			       (int64_t)(bench_random(&rng) % (PING_EVERY_MS * BENCH_MS));
			send_ping(number++);
		}
		loop_turn(next - bench_now() > 0 ? next - bench_now() : 0);
		if (crowd.failed > 0)
			bench_die("the relay closed a pinging connection");
	}
}

static const char *prefer(void)
{
	struct sched_param first = { .sched_priority = 1 };
	if (sched_setscheduler(0, SCHED_FIFO, &first) == 0)
		return "fifo";
	return setpriority(PRIO_PROCESS, 0, -10) == 0 ? "nice" : "none";
}

static _Noreturn void become_pinger(uint32_t clients, uint16_t port, bool tls, uint64_t seed,
				    double deadline)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	loop_init();
	crowd_init(clients, port, tls, seed);
	crowd.packet = on_packet;
	crowd_open(INFLIGHT, deadline);
	snprintf(shared->class, sizeof(shared->class), "%s", prefer());
	atomic_store(&shared->up, true);
	ping_on();
}

/* ---- the process that floods ---- */

void ping_begin(uint32_t clients, uint16_t port, bool tls, uint64_t seed, double deadline)
{
	if (clients == 0)
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED)
		bench_die("out of memory");
	pinger = fork();
	if (pinger < 0)
		bench_die("cannot fork");
	if (pinger == 0)
		become_pinger(clients, port, tls, seed, deadline);
	while (!atomic_load(&shared->up)) {
		ping_check();
		usleep(1000);
	}
}

void ping_window(void)
{
	if (pinger <= 0)
		return;
	atomic_store(&shared->len, 0);
	atomic_fetch_add(&shared->window, 1);
}

void ping_take(struct ping_result *out)
{
	*out = (struct ping_result){ .class = "" };
	if (pinger <= 0)
		return;
	atomic_fetch_add(&shared->window, 1);
	size_t n = atomic_load(&shared->len);
	out->n = (double)n;
	out->p50 = (double)bench_quantile(shared->rtt, n, .5) / 1e3;
	out->p99 = (double)bench_quantile(shared->rtt, n, .99) / 1e3;
	out->class = shared->class;
}

void ping_check(void)
{
	if (pinger > 0 && waitpid(pinger, NULL, WNOHANG) == pinger)
		bench_die("the process that pings has failed");
}

void ping_end(void)
{
	if (pinger <= 0)
		return;
	kill(pinger, SIGKILL);
	waitpid(pinger, NULL, 0);
	pinger = 0;
}
