/* SPDX-License-Identifier: BSD-3-Clause */
/* services/server/metrics.c - /metrics: what each part counts, and the process as a whole. */
#include "services/server/internal.h"

#include "base/text.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { METRICS_MAX = 1 << 20 };

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
static void process(struct fl_buf *b)
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

void fl_server_metrics(void *ctx, struct fl_http *x)
{
	struct fl_server *s = ctx;
	struct fl_buf out = fl_buf_make(METRICS_MAX);

	fl_control_metrics(s->control, &out);
	fl_buf_printf(&out, "fairlead_auth_failures_total{kind=\"api_key\"} %" PRIu64 "\n",
		      fl_api_refusals(s->api)); /* its head and the other kinds stand just above */
	fl_control_store_metrics(s->control, &out);
	fl_policies_metrics(s->policies, &out);
	if (s->relay != NULL)
		fl_relay_metrics(s->relay, &out);
	if (s->stun != NULL)
		fl_stun_metrics(s->stun, &out);
	if (s->public_listener != NULL)
		fl_relay_listener_metrics(s->public_listener, 0, &out);
	if (s->identity.tls != NULL)
		fl_relay_identity_metrics(&s->identity, &out);
	process(&out);
	if (fl_buf_err(&out) == FL_OK)
		fl_http_respond(x, 200, "text/plain; version=0.0.4; charset=utf-8",
				fl_buf_slice(&out));
	else
		fl_http_respond(x, 500, "text/plain", fl_slice_str("metrics could not be built\n"));
	fl_buf_done(&out);
}
