/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/proc.c - see proc.h. */
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	if (clock_gettime(id, &ts) != 0)
		return 0;
	return ts.tv_sec * BENCH_SEC + ts.tv_nsec;
}

int64_t bench_proc_cpu(pid_t pid)
{
	clockid_t id;
	if (pid <= 0)
		return 0;
	if (clock_getcpuclockid(pid, &id) != 0)
		bench_die("server process %d is gone", (int)pid);
	return clock_ns(id);
}

int64_t bench_self_cpu(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

struct bench_mem bench_proc_mem(pid_t pid)
{
	struct bench_mem m = { 0 };
	char path[64], line[128], key[32];
	double kb;
	snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)pid);
	FILE *f = fopen(path, "re");
	if (!f)
		bench_die("cannot read %s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%31[^:]: %lf", key, &kb) != 2)
			continue;
		if (strcmp(key, "Pss") == 0)
			m.pss = kb * 1024;
		else if (strcmp(key, "Pss_Anon") == 0)
			m.anon = kb * 1024;
		else if (strncmp(key, "Private_", 8) == 0 && strcmp(key, "Private_Hugetlb") != 0)
			m.priv += kb * 1024;
		else if (strcmp(key, "Rss") == 0)
			m.rss = kb * 1024;
	}
	fclose(f);
	return m;
}

static int64_t busy_ns(void)
{
	long long user = 0, nice = 0, sys = 0, idle = 0, wait = 0, irq = 0, soft = 0;
	FILE *f = fopen("/proc/stat", "re");
	if (!f)
		return 0;
	int n = fscanf(f, "cpu %lld %lld %lld %lld %lld %lld %lld", &user, &nice, &sys, &idle,
		       &wait, &irq, &soft);
	fclose(f);
	if (n != 7)
		return 0;
	return (user + nice + sys + irq + soft) * (BENCH_SEC / sysconf(_SC_CLK_TCK));
}

void bench_foreign_begin(struct bench_foreign *f, pid_t pid)
{
	f->pid = pid;
	f->at = bench_now();
	f->busy = busy_ns();
	f->ours = bench_self_cpu() + bench_proc_cpu(pid);
}

double bench_foreign_share(const struct bench_foreign *f)
{
	int64_t wall = bench_now() - f->at;
	int64_t ours = bench_self_cpu() + bench_proc_cpu(f->pid) - f->ours;
	double share = wall > 0 ? (double)(busy_ns() - f->busy - ours) / (double)wall : 0;
	return share > 0 ? share : 0;
}

double bench_load(void)
{
	double avg = 0;
	return getloadavg(&avg, 1) == 1 ? avg : 0;
}

void bench_pin(int cpu)
{
	cpu_set_t set;
	if (cpu < 0 || cpu >= (int)sysconf(_SC_NPROCESSORS_ONLN))
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fprintf(stderr, "bench: cannot pin to processor %d\n", cpu);
}

static void become(char **argv, int cpu, const char *log)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* a round that fails leaves no server behind */
	bench_pin(cpu);
	int fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd >= 0) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	execvp(argv[0], argv);
	_exit(127);
}

pid_t bench_spawn(char **argv, int cpu, const char *log, int64_t *out_at)
{
	*out_at = bench_now();
	pid_t pid = fork();
	if (pid < 0)
		bench_die("cannot fork: %s", strerror(errno));
	if (pid == 0)
		become(argv, cpu, log);
	return pid;
}

void bench_reap(pid_t pid, int sig)
{
	int status;
	int64_t end = bench_now() + 20 * BENCH_SEC;
	kill(pid, sig);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		usleep(1000);
		if (bench_now() > end)
			kill(pid, SIGKILL);
	}
}
