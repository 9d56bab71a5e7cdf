/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/main.c - sweeps seeds, or replays one.
 *
 *   sim [--seeds N] [--seed S] [--first S] [--size tiny|fifty|thousands] [--seconds T] [--trace]
 *       [--no-shrink] [--first-failure]
 *   sim FILE...   runs as plan_print wrote them
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "run.h"

enum {
	SEEDS_DEFAULT = 100,
	FIFTY_EVERY = 5,
	DETERMINISM_EVERY = 10,
	PROGRESS_S = 60, /* of a sweep that lasts */
};

static const char *const size_words[PLAN_SIZES] = { "tiny", "fifty", "thousands" };

struct options {
	uint64_t first, seeds, seconds;
	bool one, sized, trace, keep, first_failure;
	enum plan_size size;
};

struct totals {
	unsigned passed, failed,
		repeated; /* repeated: of those that passed, twice with one trace */
	double cpu, node_hours;
	uint64_t maps, crashes, frames, policies;
};

static double hours_a_minute(const struct totals *t)
{
	return t->cpu > 0 ? t->node_hours / t->cpu * 60 : 0;
}

static void report(struct plan *p, const struct result *r, bool keep)
{
	struct result again;

	printf("FAIL seed %llu, %s: %s at %.3f s: %s\n", (unsigned long long)p->seed,
	       plan_size_names[p->size], r->invariant, r->at, r->text);
	printf("replay with: make sim SEED=%llu SIZE=%s\n", (unsigned long long)p->seed,
	       size_words[p->size]);
	if (keep)
		return;
	shrink(p, r);
	run_plan(p, false, &again);
	printf("what it takes (%s at %.3f s: %s):\n", again.invariant, again.at, again.text);
	plan_print(p, stdout);
}

static void add(struct totals *t, const struct result *r)
{
	t->cpu += r->cpu;
	t->node_hours += (double)r->node_time / 3.6e12;
	t->maps += r->maps;
	t->crashes += r->crashes;
	t->policies += r->policies;
	t->frames += r->frames;
}

static void run_once(const struct options *o, struct plan *p, bool twice, struct totals *t)
{
	struct result r, again;

	run_plan(p, o->trace, &r);
	add(t, &r);
	if (!r.failed && twice) {
		run_plan(p, false, &again);
		add(t, &again);
		if (again.failed || again.trace != r.trace) {
			r.failed = true;
			snprintf(r.invariant, sizeof r.invariant, "determinism");
			snprintf(r.text, sizeof r.text, "two runs of one seed differ");
		}
	}
	t->repeated += twice && !r.failed;
	if (r.failed) {
		t->failed++;
		report(p, &r, o->keep || strcmp(r.invariant, "determinism") == 0);
	} else {
		t->passed++;
		if (o->one)
			printf("ok   seed %llu, %s: trace %016llx, %.1f node-hours, %llu maps "
			       "compared\n",
			       (unsigned long long)p->seed, plan_size_names[p->size],
			       (unsigned long long)r.trace, (double)r.node_time / 3.6e12,
			       (unsigned long long)r.maps);
	}
	fflush(stdout);
}

static void run_seed(const struct options *o, uint64_t seed, enum plan_size size, struct totals *t)
{
	struct plan p;

	plan_make(&p, seed, size);
	run_once(o, &p, o->one || seed % DETERMINISM_EVERY == 0, t);
	plan_done(&p);
}

static void run_file(const struct options *o, const char *name, struct totals *t)
{
	struct plan p;
	FILE *in = fopen(name, "r");

	if (in == NULL || !plan_read(&p, in)) {
		fprintf(stderr, "%s: cannot be read as a plan\n", name);
		exit(2);
	}
	fclose(in);
	printf("%s\n", name);
	run_once(o, &p, true, t);
	plan_done(&p);
}

static void tell_progress(const struct totals *t, time_t began)
{
	static time_t told;
	time_t now = time(NULL);

	if (now - (told != 0 ? told : began) < PROGRESS_S)
		return;
	told = now;
	printf("%6ld s: %u seeds, %u failed; %.0f node-hours in %.0f s of CPU, %.0f per minute\n",
	       (long)(now - began), t->passed + t->failed, t->failed, t->node_hours, t->cpu,
	       hours_a_minute(t));
	fflush(stdout);
}

static void sweep(const struct options *o, struct totals *t)
{
	time_t began = time(NULL);

	for (uint64_t i = 0; i < o->seeds; i++) {
		uint64_t seed = o->first + i;
		enum plan_size usual = seed % FIFTY_EVERY == 0 ? PLAN_FIFTY : PLAN_TINY;
		if (o->seconds > 0 && (uint64_t)(time(NULL) - began) >= o->seconds)
			break;
		if (o->first_failure && t->failed > 0)
			break;
		run_seed(o, seed, o->sized ? o->size : usual, t);
		tell_progress(t, began);
	}
}

static void parse_size(struct options *o, const char *text)
{
	for (int i = 0; i < PLAN_SIZES; i++)
		if (strcmp(text, size_words[i]) == 0) {
			o->size = (enum plan_size)i;
			o->sized = true;
			return;
		}
	fprintf(stderr, "--size is tiny, fifty or thousands\n");
	exit(2);
}

static struct options parse(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "seeds", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "size", required_argument, NULL, 'z' },
		{ "seconds", required_argument, NULL, 't' },
		{ "trace", no_argument, NULL, 'v' },
		{ "no-shrink", no_argument, NULL, 'k' },
		{ "first-failure", no_argument, NULL, 'e' },
		{ 0 },
	};
	struct options o = { .first = 1, .seeds = SEEDS_DEFAULT };

	for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;) {
		uint64_t n = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;
		if (c == 'n')
			o.seeds = n;
		else if (c == 's' || c == 'f')
			o.first = n;
		else if (c == 't')
			o.seconds = n;
		else if (c == 'z')
			parse_size(&o, optarg);
		else if (c == 'v')
			o.trace = true;
		else if (c == 'k')
			o.keep = true;
		else if (c == 'e')
			o.keep = o.first_failure = true;
		else
			exit(2);
		if (c == 's')
			o.one = true;
	}
	if (o.one)
		o.seeds = 1;
	return o;
}

static void tell_totals(const struct totals *t)
{
	printf("%.0f node-hours in %.1f s of CPU: %.0f node-hours per minute\n", t->node_hours,
	       t->cpu, hours_a_minute(t));
	printf("%llu frames, %llu maps compared, %llu crashes, %llu policies\n",
	       (unsigned long long)t->frames, (unsigned long long)t->maps,
	       (unsigned long long)t->crashes, (unsigned long long)t->policies);
	printf("%u passed (%u twice, with the same trace), %u failed\n", t->passed, t->repeated,
	       t->failed);
}

int main(int argc, char **argv)
{
	struct options o = parse(argc, argv);
	struct totals t = { 0 };

	for (int i = optind; i < argc; i++)
		run_file(&o, argv[i], &t);
	if (optind == argc)
		sweep(&o, &t);
	tell_totals(&t);
	return t.failed > 0 ? 1 : 0;
}
