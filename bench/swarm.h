/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/swarm.h - what the modes of the control load generator share: options and steps.
 *
 * A server that does not get all nodes to converge within its deadline is a result, not an error:
 * the mode prints what it measured, names the shortfall in the field "short" or gives a lower bound
 * in a field that ends in "_over", and the program ends with BENCH_SHORT.
 */
#ifndef FL_BENCH_SWARM_H
#define FL_BENCH_SWARM_H

#include "node.h"
#include "proc.h"
#include "util.h"

enum { BENCH_SHORT = 3 };

struct swarm_options {
	const char *auth_key, *tagged_key, *api_key, *out, *in, *list, *side, *log, *gc_path;
	const char *policy;
	double port, nodes, seed, inflight, version, region, pid, kill, settle, idle, changes;
	double pause, deadline, seconds, cpu, self_cpu, gc_port, known, anon0, rush, storm;
	double lists, rate, churn, churn_limit, announce;
};
extern struct swarm_options o;
extern struct swarm swarm;

/* Makes the nodes and what they ought to see. */
void swarm_begin(void);

/* Reads the server's key; ends the run where there is none. */
void swarm_fetch_target(void);

/* Takes part in everything for so long. */
void swarm_turn_for(double seconds);

/* Opens nodes, at most `inflight` at the same time, until all see all; false at the deadline. */
bool swarm_converge(uint32_t inflight);

/* A node drawn at random among those that poll and that `busy` (may be NULL) does not hold. */
struct node *swarm_draw(uint64_t *rng, const bool *busy);

/* A line with side, nodes and load. */
void swarm_line_begin(struct bench_line *l, const char *kind);

/* Starts the command on o.cpu and waits until its port accepts; *out_at is when it began. */
pid_t swarm_start(char **argv, int64_t *out_at, double *out_ready_ms);

/* ---- modes: the exit code; `argv` is the command of the server, NULL-terminated ---- */
int steady_run(char **argv);
int register_run(void);
int verify_run(void);
int cold_run(char **argv);
int ready_run(char **argv);

/* ---- parts of steady ---- */

/* Kills the server, starts it again and has all come back at once; adds a line. False: short. */
bool storm_run(pid_t *pid, char **argv);

/* The line of a storm that began at `at`. */
void storm_line(pid_t pid, int64_t at, double ready_ms, bool whole, double share);

/* Changes at a fixed rate whether or not the server keeps up; adds fields. False: short. */
bool churn_run(pid_t pid, double idle_share, struct bench_line *l);

/* Lists all nodes through the API; adds fields. False: short. */
bool list_run(struct bench_line *l);

#endif
