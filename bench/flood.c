/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/flood.c - see flood.h. */
#include "flood.h"

#include <stdlib.h>

#include "flow.h"
#include "ping.h"
#include "proc.h"
#include "util.h"

enum {
	BURST = 8,
	CREDIT_MAX = 32, /* packets a late turn may make up for */
	PENDING_MAX = 64 << 10,
	TURN_NS = 50000,
	DRAIN_MS = 300,
};

struct flow {
	double credit; /* bytes */
	uint64_t number;
	struct flow_seen seen;
};

static struct {
	struct flood f;
	struct flow *flows;
	uint32_t phase;
	uint64_t sent[256], blocked[256], came[256], bytes[256];
	uint64_t late, twice;
	uint8_t frame[DERP_SEND_HEAD + DERP_PACKET_MAX];
} s;

uint32_t flood_clients(const struct flood *f)
{
	return f->flows + (f->stall ? 2 : 0);
}

/* ---- receiving ---- */

static void take_data(const struct flow_packet *p, size_t len)
{
	enum flow_verdict v = flow_note(&s.flows[p->from].seen, p->number);
	s.late += v == FLOW_LATE;
	s.twice += v == FLOW_TWICE;
	if (v == FLOW_TWICE)
		return;
	s.came[p->phase]++;
	s.bytes[p->phase] += len;
}

static void send_to(struct derp *d, uint32_t to, struct flow_packet *p, size_t len)
{
	p->from = d->index;
	p->to = to;
	flow_write(p, s.frame + DERP_SEND_HEAD, len);
	derp_send(d, crowd.at[to].key, s.frame, len);
}

static void on_packet(struct derp *d, const uint8_t *source, struct fl_slice packet)
{
	struct flow_packet p;
	if (!flow_read(packet, &p) || p.kind != FLOW_DATA || p.from >= crowd.count ||
	    p.to != d->index || memcmp(source, crowd.at[p.from].key, FL_KEY_LEN) != 0)
		bench_die("client %u got a packet that does not verify", d->index);
	take_data(&p, packet.len);
}

/* ---- sending ---- */

static uint32_t partner(uint32_t i)
{
	return i ^ 1;
}

static void send_flow(uint32_t i, double bytes)
{
	struct flow *w = &s.flows[i];
	struct derp *d = &crowd.at[i];
	unsigned burst = 0;
	w->credit += bytes;
	if (w->credit > CREDIT_MAX * (double)s.f.size)
		w->credit = CREDIT_MAX * (double)s.f.size;
	for (; w->credit >= s.f.size && burst < BURST; burst++) {
		struct flow_packet p = { FLOW_DATA, 0, 0, s.phase, w->number, 0 };
		w->credit -= s.f.size;
		if (pipe_pending(&d->pipe) > PENDING_MAX) {
			s.blocked[s.phase]++;
			continue;
		}
		w->number++;
		s.sent[s.phase]++;
		send_to(d, partner(i), &p, s.f.size);
	}
	if (burst > 0)
		pipe_flush(&d->pipe);
}

/* The stalled pair's sender: its packets are nobody's loss. */
static void send_stalled(double bytes)
{
	uint32_t i = s.f.flows;
	uint64_t sent = s.sent[s.phase], blocked = s.blocked[s.phase];
	send_flow(i, bytes);
	s.sent[s.phase] = sent;
	s.blocked[s.phase] = blocked;
}

static void drive(double rate, double seconds)
{
	int64_t now = bench_now(), last = now, end = now + (int64_t)(seconds * 1e9);
	double per_flow = s.f.flows ? rate / 8e9 / s.f.flows : 0; /* bytes a ns */
	while ((now = bench_now()) < end) {
		double bytes = per_flow * (double)(now - last);
		last = now;
		for (uint32_t i = 0; i < s.f.flows; i++)
			send_flow(i, bytes);
		if (s.f.stall)
			send_stalled(bytes);
		loop_turn(TURN_NS);
		if (crowd.failed > 0)
			bench_die("the relay closed a connection under load");
	}
}

void flood_begin(const struct flood *f)
{
	uint64_t rng = 42;
	s.f = *f;
	s.flows = calloc(crowd.count, sizeof(*s.flows));
	if (!s.flows)
		bench_die("out of memory");
	for (size_t i = 0; i < sizeof(s.frame); i++)
		s.frame[i] = (uint8_t)bench_random(&rng);
	crowd.packet = on_packet;
	if (f->stall)
		pipe_stall(&crowd.at[f->flows + 1].pipe);
}

/* Until nothing more came for a while. */
static void drain(void)
{
	int64_t end = bench_now() + 2 * BENCH_SEC, quiet = bench_now() + DRAIN_MS * BENCH_MS;
	uint64_t seen = s.came[s.phase];
	while (bench_now() < end && bench_now() < quiet) {
		loop_turn(10 * BENCH_MS);
		if (s.came[s.phase] != seen)
			quiet = bench_now() + DRAIN_MS * BENCH_MS;
		seen = s.came[s.phase];
	}
}

/* Phases are numbered through, so that stragglers of one window never count in the next. */
static void next_phase(void)
{
	s.phase = (s.phase + 1) % 256;
	s.sent[s.phase] = s.blocked[s.phase] = s.came[s.phase] = s.bytes[s.phase] = 0;
}

void flood_run(double rate, double warm, double seconds, struct flood_result *out)
{
	struct bench_foreign foreign;
	next_phase();
	drive(rate, warm);
	uint32_t warming = s.phase;
	next_phase();
	s.late = s.twice = 0;
	uint64_t before = s.bytes[warming];
	int64_t at = bench_now(), cpu = bench_proc_cpu(s.f.server), self = bench_self_cpu();
	bench_foreign_begin(&foreign, s.f.server);
	ping_window();
	drive(rate, seconds);
	double wall = (double)(bench_now() - at);
	double bytes = (double)(s.bytes[warming] - before + s.bytes[s.phase]);
	double used = (double)(bench_proc_cpu(s.f.server) - cpu);
	*out = (struct flood_result){ .foreign = bench_foreign_share(&foreign),
				      .server_cpu = used / wall,
				      .self_cpu = (double)(bench_self_cpu() - self) / wall };
	out->goodput = bytes * 8e9 / wall;
	out->packets = bytes / s.f.size * 1e9 / wall;
	out->cpu_per_gb = bytes > 0 ? used / bytes : 0;
	ping_take(&out->rtt);
	ping_check();
	drain();
	double offered = (double)(s.sent[s.phase] + s.blocked[s.phase]);
	out->offered = offered * s.f.size * 8e9 / wall;
	out->loss = offered > 0 ? 1 - (double)s.came[s.phase] / offered : 0;
	out->blocked = offered > 0 ? (double)s.blocked[s.phase] / offered : 0;
	out->late = (double)s.late;
	out->twice = (double)s.twice;
}
