/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/flood.h - a paced flood between pairs of the crowd, measured by content.
 *
 * The crowd's clients are flood senders and receivers (each sends to its neighbour), then
 * a sender with a receiver that never reads. Pings belong to another process, see ping.h.
 * A token bucket per flow lets at most eight packets out in one turn, because a relay's short
 * queues are not to be measured by the generator's bursts. What a full socket keeps from being
 * sent counts as offered and lost.
 */
#ifndef FL_BENCH_FLOOD_H
#define FL_BENCH_FLOOD_H

#include <sys/types.h>

#include "crowd.h"
#include "ping.h"

struct flood {
	uint32_t flows; /* clients, an even number */
	bool stall;
	uint32_t size; /* of a packet */
	pid_t server;
};

struct flood_result {
	double offered, goodput;     /* bit/s of packets in the window */
	double packets;              /* verified in the window, a second */
	double loss;                 /* share of what was offered */
	double blocked;              /* share that no socket took */
	double server_cpu, self_cpu; /* share of one processor */
	double cpu_per_gb;           /* server, seconds */
	double late, twice;          /* counts */
	double foreign;
	struct ping_result rtt;
};

uint32_t flood_clients(const struct flood *f);

/* Takes over the packets of an open crowd. */
void flood_begin(const struct flood *f);

/* One window of `seconds` at `rate` bit/s after `warm` seconds. Ends the run on any damage. */
void flood_run(double rate, double warm, double seconds, struct flood_result *out);

#endif
