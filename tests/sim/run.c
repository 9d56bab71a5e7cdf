/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/run.c - each run is a child: it cannot leave anything behind for the next, and the
 * death of the process is a finding like any other.
 */
#include "run.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim.h"

/* Of processor time: a world that takes more hangs. */
enum { CPU_S = 300, CPU_THOUSANDS_S = 3600 };

static _Noreturn void child(const struct plan *p, bool verbose, int fd)
{
	const rlim_t most = p->size == PLAN_THOUSANDS ? CPU_THOUSANDS_S : CPU_S;
	const struct rlimit cpu = { .rlim_cur = most, .rlim_max = most };

	if (setrlimit(RLIMIT_CPU, &cpu) != 0)
		abort();
	sim.report_fd = fd;
	sim.verbose = verbose;
	world_run(p);
	dprintf(fd,
		"ok\n%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		" %" PRId64 "\n",
		sim.trace, sim.stats.steps, sim.stats.frames, sim.stats.maps_compared,
		sim.stats.crashes, sim.stats.policies, sim.stats.node_time);
	fflush(stdout);
	_exit(0);
}

static size_t read_all(int fd, char *to, size_t cap)
{
	size_t len = 0;

	for (ssize_t n; len + 1 < cap && (n = read(fd, to + len, cap - len - 1)) > 0;)
		len += (size_t)n;
	to[len] = '\0';
	return len;
}

static void parse(const char *text, struct result *out)
{
	int used = 0;

	if (sscanf(text,
		   "ok\n%" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64
		   " %" SCNd64,
		   &out->trace, &out->steps, &out->frames, &out->maps, &out->crashes,
		   &out->policies, &out->node_time) == 7)
		return;
	out->failed = true;
	if (sscanf(text, "%23s\n%lf\n%zu\n%n", out->invariant, &out->at, &out->op, &used) == 3)
		snprintf(out->text, sizeof out->text, "%.2000s", text + used);
}

void run_plan(const struct plan *p, bool verbose, struct result *out)
{
	char text[4096];
	struct rusage usage;
	int fds[2], status;

	*out = (struct result){ 0 };
	fflush(NULL);
	if (pipe(fds) != 0)
		abort();
	pid_t pid = fork();
	if (pid < 0)
		abort();
	if (pid == 0) {
		close(fds[0]);
		child(p, verbose, fds[1]);
	}
	close(fds[1]);
	read_all(fds[0], text, sizeof text);
	close(fds[0]);
	if (wait4(pid, &status, 0, &usage) != pid)
		abort();
	out->cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	parse(text, out);
	if (WIFSIGNALED(status) || (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 3)) {
		out->failed = true;
		snprintf(out->invariant, sizeof out->invariant, "crash");
		snprintf(out->text, sizeof out->text, "the process died, status %#x",
			 (unsigned)status);
	}
}
