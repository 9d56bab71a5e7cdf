/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/util.h - what every load generator needs: time, seeded numbers, sockets on loopback,
 * options and one JSON line a round.
 *
 * Thread    one thread per generator.
 * Security  generators talk to 127.0.0.0/8 only.
 */
#ifndef FL_BENCH_UTIL_H
#define FL_BENCH_UTIL_H

#include <stdio.h>
#include <sys/types.h>

#include "base/buf.h"

#define BENCH_SEC 1000000000LL
#define BENCH_MS  1000000LL

int64_t bench_now(void); /* monotonic, ns */

/* Says why on stderr and ends the process with 1: a run that went wrong has no figure. */
void bench_die(const char *fmt, ...) __attribute__((noreturn)) FL_PRINTF(1, 2);

/* SplitMix64: the same seed gives the same run. */
uint64_t bench_random(uint64_t *state);

/* A fast 64-bit digest of bytes; for content checks between honest programs, not for security. */
uint64_t bench_digest(const void *src, size_t len, uint64_t seed);

/* Raises the descriptor limit to its maximum and asks for timers that fire on time. */
void bench_prepare(void);

/*
 * From now on connections have little under way, in the pieces of a network, as with machines that
 * do not share the kernel of the server and its memory for TCP.
 */
void bench_far_away(void);

/* Starts a non-blocking connect to 127.0.0.1:port from 127.0.x.y chosen by `source`. */
int bench_connect(uint16_t port, unsigned source);

/* Connects to 127.0.0.1:port and waits; reads end after `seconds`. The descriptor, or -1. */
int bench_dial(uint16_t port, int seconds);

/* Waits for a blocking GET on 127.0.0.1:port; the body, NUL-terminated, or -1 after `ns`. */
int bench_http_get(uint16_t port, const char *path, int64_t ns, char *out_body, size_t size);

/* Runs a shell command given by the operator (`what` names it) and waits. */
void bench_hook(const char *what, const char *command);

/* Sorts and gives the q quantile (0..1), or 0 of none. */
int64_t bench_quantile(int64_t *values, size_t n, double q);

/* Options of the form --name value. Ends the process with a text on unknown or missing ones. */
struct bench_opt {
	const char *name, *help;
	const char **text; /* one of the two */
	double *number;
};
/* Gives the index of the first argument after "--", or argc. */
int bench_options(const struct bench_opt *opts, size_t n, int argc, char **argv, int from);

/* One JSON object on one line of stdout. */
struct bench_line {
	struct fl_buf buf;
};
void bench_line_begin(struct bench_line *l, const char *kind);
void bench_line_num(struct bench_line *l, const char *name, double value);
void bench_line_str(struct bench_line *l, const char *name, const char *value);
void bench_line_end(struct bench_line *l);

#endif
