/* SPDX-License-Identifier: BSD-3-Clause */
/* bench/register.c - registrations a second, and whether what was acknowledged is there: C6. */
#include <signal.h>
#include <stdlib.h>

#include "swarm.h"

static void write_acknowledged(void)
{
	FILE *f = o.out ? fopen(o.out, "we") : NULL;
	if (o.out && !f)
		bench_die("cannot write %s", o.out);
	for (uint32_t i = 0; f && i < swarm.count; i++)
		if (swarm.nodes[i].registered)
			fprintf(f, "%s\n", swarm.nodes[i].node_key);
	if (f)
		fclose(f);
}

/* When time is up a slow server still gets to the end of its first, and of its last, requests. */
static bool goes_on(int64_t end)
{
	int64_t now = bench_now();
	if (swarm.registered < swarm.count && now < end)
		return true;
	bool few = swarm.registered < (uint32_t)o.inflight && swarm.registered < swarm.count;
	return (few || (swarm.announce && swarm.joining > 0)) && now < end + 30 * BENCH_SEC;
}

int register_run(void)
{
	struct bench_line l;
	struct bench_foreign foreign;
	int64_t last = 0;
	swarm.register_only = true;
	swarm.announce = o.announce > 0;
	swarm_begin();
	swarm_fetch_target();
	bench_foreign_begin(&foreign, (pid_t)o.pid);
	int64_t begun = bench_now(), end = begun + (int64_t)(o.seconds * 1e9);
	int64_t cpu = bench_proc_cpu((pid_t)o.pid);
	while (goes_on(end)) {
		swarm_advance(&swarm, (uint32_t)o.inflight);
		loop_turn(BENCH_MS);
	}
	for (uint32_t i = 0; i < swarm.count; i++)
		if (swarm.nodes[i].registered && swarm.nodes[i].registered_at > last)
			last = swarm.nodes[i].registered_at;
	if (swarm.registered == 0)
		bench_die("nothing was registered");
	double used = (double)(bench_proc_cpu((pid_t)o.pid) - cpu) / 1e9;
	double share = bench_foreign_share(&foreign);
	if (o.kill > 0 && o.pid > 1)
		kill((pid_t)o.pid, SIGKILL);
	write_acknowledged();
	double wall = (double)(last - begun) / 1e9;
	bench_line_begin(&l, "register");
	bench_line_str(&l, "side", o.side);
	bench_line_num(&l, "load", bench_load());
	bench_line_num(&l, "acknowledged", swarm.registered);
	bench_line_num(&l, "wall_s", wall);
	bench_line_num(&l, "per_s", swarm.registered / wall);
	bench_line_num(&l, "per_cpu_s", swarm.registered / used);
	bench_line_num(&l, "drops", (double)swarm.drops);
	bench_line_num(&l, "foreign", share);
	bench_line_end(&l);
	return 0;
}

static char *read_file(const char *path, size_t *out_len)
{
	FILE *f = path ? fopen(path, "re") : NULL;
	if (!f)
		bench_die("cannot read %s", path ? path : "(no file given)");
	struct fl_buf b = fl_buf_make(1u << 30);
	char step[65536];
	size_t n;
	while ((n = fread(step, 1, sizeof(step), f)) > 0)
		fl_buf_put(&b, step, n);
	fclose(f);
	fl_buf_byte(&b, 0);
	*out_len = b.len - 1;
	return (char *)b.ptr;
}

int verify_run(void)
{
	struct bench_line l;
	size_t len, wanted = 0, found = 0;
	char *list = read_file(o.list, &len), *keys = read_file(o.in, &len), *save = NULL;
	for (char *k = strtok_r(keys, "\n", &save); k; k = strtok_r(NULL, "\n", &save)) {
		wanted++;
		found += strstr(list, k) != NULL;
	}
	swarm_line_begin(&l, "verify");
	bench_line_num(&l, "acknowledged", (double)wanted);
	bench_line_num(&l, "present", (double)found);
	bench_line_end(&l);
	free(list);
	free(keys);
	return found == wanted ? 0 : 1;
}
