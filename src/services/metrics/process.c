/* SPDX-License-Identifier: BSD-3-Clause */
/* services/metrics/process.c - what the system tells of this process. */
#include "services/metrics/process.h"

#include "base/text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static void gauge(struct fl_buf *b, const char *name, const char *help, uint64_t v)
{
	fl_buf_printf(b, "# HELP %s %s\n# TYPE %s gauge\n%s %" PRIu64 "\n", name, help, name, name,
		      v);
}

static bool resident_bytes(uint64_t *out)
{
	char line[256]; /* numbers of pages: all, resident, and more */
	uint64_t pages;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f == NULL)
		return false;
	const char *at = fgets(line, sizeof line, f);
	fclose(f);
	at = at != NULL ? strchr(at, ' ') : NULL;
	if (at == NULL ||
	    fl_u64_parse(fl_slice_of(at + 1, strcspn(at + 1, " \n")), &pages) != FL_OK)
		return false;
	*out = pages * (uint64_t)sysconf(_SC_PAGESIZE);
	return true;
}

static bool open_descriptors(uint64_t *out)
{
	DIR *d = opendir("/proc/self/fd");

	if (d == NULL)
		return false;
	*out = 0;
	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		*out += e->d_name[0] != '.';
	*out -= 1; /* the one that looks */
	closedir(d);
	return true;
}

/* The names of Prometheus' own client libraries; what the system does not tell is left out. */
void fl_process_metrics(struct fl_buf *b)
{
	struct timespec cpu;
	struct rlimit limit;
	uint64_t n;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
		fl_buf_printf(b,
			      "# HELP process_cpu_seconds_total CPU time used.\n"
			      "# TYPE process_cpu_seconds_total counter\n"
			      "process_cpu_seconds_total %lld.%03ld\n",
			      (long long)cpu.tv_sec, cpu.tv_nsec / 1000000);
	if (resident_bytes(&n))
		gauge(b, "process_resident_memory_bytes", "Resident memory.", n);
	if (open_descriptors(&n))
		gauge(b, "process_open_fds", "Open descriptors.", n);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		gauge(b, "process_max_fds", "Descriptors that may be open.", limit.rlim_cur);
}
