/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/proc.h - the server under load as a process: its processor time, memory, start and end.
 *
 * Processor time comes from the process clock, which is exact to the nanosecond and holds all
 * threads; memory from smaps_rollup, so that pages shared with other programs count in part.
 */
#ifndef FL_BENCH_PROC_H
#define FL_BENCH_PROC_H

#include <stdint.h>
#include <sys/types.h>

#include "util.h"

int64_t bench_proc_cpu(pid_t pid); /* ns, user and system */
int64_t bench_self_cpu(void);

struct bench_mem {
	double pss, anon, priv, rss; /* bytes; anon: of pss what is no file */
};
struct bench_mem bench_proc_mem(pid_t pid);

/* Time of all processors that neither idled nor went to `pid` or to this process. */
struct bench_foreign {
	int64_t at, busy, ours;
	pid_t pid;
};
void bench_foreign_begin(struct bench_foreign *f, pid_t pid);
double bench_foreign_share(const struct bench_foreign *f); /* of one processor */
double bench_load(void);                                   /* one-minute average */

/* Starts argv on processor `cpu` (-1: any), output to `log`; sets *out_at just before the exec. */
pid_t bench_spawn(char **argv, int cpu, const char *log, int64_t *out_at);

/* Sends `sig` and waits for the end of a child made by bench_spawn. */
void bench_reap(pid_t pid, int sig);

/* Pins this process. */
void bench_pin(int cpu);

#endif
