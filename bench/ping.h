/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/ping.h - round trips on otherwise idle connections, measured by a process of its own.
 *
 * A generator that floods and pings on one thread sees an answer only after it has done with the
 * flood of that turn: it would measure itself. So pings have their own process on the generator's
 * processor, which the scheduler prefers (SCHED_FIFO, else a negative nice value, else nothing;
 * the result says which): it runs as soon as an answer is there. Its own work is about 2 % of a
 * processor.
 *
 * Thread  call from the process that floods, before it opens its crowd.
 */
#ifndef FL_BENCH_PING_H
#define FL_BENCH_PING_H

#include <stdbool.h>
#include <stdint.h>

struct ping_result {
	double n, p50, p99; /* count and us */
	const char *class;  /* how the scheduler treats pings: "fifo", "nice" or "none" */
};

/* Starts the process and returns when its `clients`, an even number, are connected. */
void ping_begin(uint32_t clients, uint16_t port, bool tls, uint64_t seed, double deadline);

/* Round trips that begin and end between these two count. Without clients there are none. */
void ping_window(void);
void ping_take(struct ping_result *out);

/* Ends the run if the process has failed. */
void ping_check(void);

void ping_end(void);

#endif
