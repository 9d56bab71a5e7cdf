/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim_ship/main.c - sweeps seeds, or replays one.
 *
 *   sim_ship [--seeds N] [--from S] [--seconds S] [--devices N] [--first-failure 1]
 *   sim_ship --seed S [--devices N]      with the last lines of its trace
 */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crypto/prim.h"

struct options {
	uint64_t from, seeds;
	double seconds;
	int devices;
	bool replay, first_failure;
};

static double cpu_seconds(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Runs one; memory is back at its baseline afterwards. */
static bool run(uint64_t seed, int devices, bool with_trace, uint64_t *steps, double *hours)
{
	const struct plan plan = { .seed = seed, .devices = devices, .trace = with_trace };
	const size_t before = memory_held();
	char why[256];
	uint64_t done;
	fl_time lasted;
	bool ok = world_run(&plan, why, &done, &lasted);

	*steps += done;
	*hours += (double)lasted / 3600e9;
	if (ok && !with_trace && memory_held() != before) {
		(void)snprintf(why, sizeof why, "memory is not back at its baseline");
		ok = false;
	}
	if (!ok)
		printf("FAIL seed %llu: %s\n", (unsigned long long)seed, why);
	return ok;
}

static bool read_options(int argc, char **argv, struct options *o)
{
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *v = argv[i + 1];
		if (strcmp(argv[i], "--seeds") == 0) {
			o->seeds = strtoull(v, NULL, 10);
		} else if (strcmp(argv[i], "--from") == 0) {
			o->from = strtoull(v, NULL, 10);
		} else if (strcmp(argv[i], "--seconds") == 0) {
			o->seconds = atof(v);
		} else if (strcmp(argv[i], "--devices") == 0) {
			o->devices = atoi(v);
		} else if (strcmp(argv[i], "--first-failure") == 0) {
			o->first_failure = atoi(v) != 0;
		} else if (strcmp(argv[i], "--seed") == 0) {
			o->from = strtoull(v, NULL, 10);
			o->seeds = 1;
			o->replay = true;
		} else {
			return false;
		}
	}
	return argc % 2 == 1 && o->devices >= 0 && o->devices < NODES_MAX;
}

int main(int argc, char **argv)
{
	struct options o = { .from = 1, .seeds = 100, .seconds = 1e9 };
	uint64_t passed = 0, failed = 0, steps = 0;
	double hours = 0;

	if (!read_options(argc, argv, &o) || fl_crypto_init() != FL_OK) {
		fprintf(stderr, "usage: sim_ship [--seeds N] [--from S] [--seconds S] [--devices N]"
				" | --seed S [--devices N]\n");
		return 2;
	}
	if (o.replay)
		return run(o.from, o.devices, true, &steps, &hours) ? 0 : 1;
	for (uint64_t seed = o.from; seed < o.from + o.seeds && cpu_seconds() < o.seconds; seed++) {
		uint64_t again = 0;
		double more = 0;
		if (run(seed, o.devices, false, &steps, &hours)) {
			passed++;
			continue;
		}
		failed++;
		if (failed == 1)
			run(seed, o.devices, true, &again, &more);
		fflush(stdout);
		if (o.first_failure)
			break;
	}
	printf("%llu steps, %.0f hours of hubs in %.1f s of processor time\n",
	       (unsigned long long)steps, hours, cpu_seconds());
	printf("%llu passed, %llu failed, 0 skipped\n", (unsigned long long)passed,
	       (unsigned long long)failed);
	return failed > 0;
}
