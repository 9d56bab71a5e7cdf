/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/policy_oracle/main.c - random policies and worlds: is the engine at one with the oracle?
 * Usage: oracle [--triples N] [--changes N] [--seed S] [--failures N]
 *
 * A triple is a policy, a population and a packet; for each pair of policy and population all
 * other answers are compared too. A change is a step of a population, or another policy set, after
 * which everything is compared again. Pair number i has seed S + i, so that `--seed THAT
 * --triples 1 --changes 7` repeats it. Prints what was covered, then "N passed, N failed, 0
 * skipped". Exit: 0, 1 (a disagreement), 2 (usage).
 */
#include "compare.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { PACKETS = 40, STEPS = 6, WHY_MAX = 1 << 20 };

struct run {
	uint64_t seed;
	size_t triples, changes, failures; /* wanted; at most */
	size_t done_triples, done_changes, failed;
};

/* ---- a disagreement ---- */

static void print_json(const char *title, json_t *v)
{
	char *text = json_dumps(v, JSON_COMPACT);

	printf("%s %s\n", title, text);
	free(text);
	json_decref(v);
}

static void report(struct run *run, uint64_t seed, const struct trial *from)
{
	static const char *const kinds[] = { "all", "packet", "step", "reload" };
	struct fl_buf why = fl_buf_make(WHY_MAX);
	struct trial t = *from;

	t.policy = json_deep_copy(from->policy);
	t.other = json_deep_copy(from->other);
	printf("DISAGREE seed %" PRIu64 " (%s)\n", seed, kinds[t.kind]);
	if (trial_agrees(&t, &why))
		printf("  not from the start: earlier steps matter\n");
	else
		trial_shrink(&t);
	fl_buf_reset(&why);
	(void)trial_agrees(&t, &why);
	print_json("policy", t.policy);
	print_json("world", gen_world_json(&t.world));
	if (t.kind == TRIAL_RELOAD)
		print_json("other", t.other);
	if (t.kind == TRIAL_STEP || t.kind == TRIAL_RELOAD)
		print_json("after", gen_world_json(&t.after));
	printf("%.*s\n", (int)why.len, why.len > 0 ? (const char *)why.ptr : "");
	fl_buf_done(&why);
	run->failed++;
}

/* ---- packets ---- */

static bool ask_packets(struct run *run, struct fl_rng *r, struct sides *s, struct trial *t)
{
	for (size_t i = 0; i < PACKETS; i++) {
		gen_query(r, &t->world, &t->query);
		if (!compare_packet(s, &t->query))
			return false;
		run->done_triples++;
	}
	return true;
}

/* ---- steps ---- */

struct stage {
	struct gen_world world;
	struct gen_view view;
	struct sides sides;
};

static void stage_done(struct stage *at)
{
	naive_free(at->sides.naive);
	fl_policy_unref((struct fl_policy *)(uintptr_t)at->sides.engine);
}

/* The oracle borrows the world, so each stage keeps its own; `p` goes with it. */
static void stage_init(struct stage *at, const struct gen_world *world, const struct trial *t,
		       const struct fl_policy *p, struct fl_buf *why)
{
	at->world = *world;
	gen_view(&at->world, &at->view);
	at->sides = (struct sides){
		.engine = p,
		.naive = naive_new(t->policy, &at->view.world),
		.world = &at->view.world,
		.why = why,
	};
}

static bool take_steps(struct run *run, struct fl_rng *r, struct sides *s, struct trial *t)
{
	struct stage stages[2] = { 0 };
	bool agrees = true;

	stage_init(&stages[0], &t->world, t,
		   fl_policy_ref((struct fl_policy *)(uintptr_t)s->engine), s->why);
	for (size_t i = 0; i < STEPS && agrees && run->done_changes < run->changes; i++) {
		struct stage *from = &stages[i % 2], *to = &stages[(i + 1) % 2];
		t->world = from->world;
		t->after = from->world;
		gen_change(r, &t->after);
		stage_init(to, &t->after, t, trial_step(from->sides.engine, &t->world, &t->after),
			   s->why);
		agrees = compare_all(&to->sides) && compare_differs(&from->sides, &to->sides);
		run->done_changes += agrees;
		stage_done(from);
		stages[i % 2].sides = (struct sides){ 0 };
	}
	if (stages[0].sides.naive != NULL)
		stage_done(&stages[0]);
	if (stages[1].sides.naive != NULL)
		stage_done(&stages[1]);
	return agrees;
}

/* ---- another policy, other users ---- */

static bool set_another(struct run *run, struct fl_rng *r, struct trial *t)
{
	struct fl_buf why = fl_buf_make(WHY_MAX);
	bool agrees;

	t->kind = TRIAL_RELOAD;
	t->after = t->world;
	t->other = gen_chance(r, 50) ? json_incref(t->policy) : gen_policy(r);
	if (gen_chance(r, 50))
		gen_change(r, &t->after);
	for (size_t i = 0; i < t->after.users_len && gen_chance(r, 50); i++)
		t->after.users[i].role = (enum fl_role)fl_rng_below(r, FL_ROLE_VIEWER + 1);
	agrees = trial_agrees(t, &why);
	run->done_changes += agrees;
	fl_buf_done(&why);
	return agrees;
}

/* ---- one policy in one population ---- */

static void ask(struct run *run, uint64_t seed, struct fl_rng *r, const struct fl_policy_doc *doc,
		struct trial *t)
{
	const struct gen_world world = t->world;
	struct gen_view view;
	struct fl_policy *p = NULL;
	struct fl_policy_report verdict = { 0 };
	struct fl_buf why = fl_buf_make(WHY_MAX);

	gen_view(&world, &view);
	if (fl_policy_new(doc, &view.world, &p) != FL_OK)
		abort();
	struct sides s = { .engine = p,
			   .naive = naive_new(t->policy, &view.world),
			   .world = &view.world,
			   .why = &why };
	if (fl_policy_run_tests(p, &verdict) == FL_ERR_NOMEM)
		abort();
	fl_policy_report_done(&verdict);
	t->kind = TRIAL_ALL;
	if (!compare_all(&s)) {
		report(run, seed, t);
	} else if (t->kind = TRIAL_PACKET, !ask_packets(run, r, &s, t)) {
		report(run, seed, t);
	} else if (t->kind = TRIAL_STEP, !take_steps(run, r, &s, t)) {
		printf("%.*s", (int)why.len, (const char *)why.ptr);
		report(run, seed, t);
	} else if (run->done_changes < run->changes) {
		t->world = world;
		if (!set_another(run, r, t))
			report(run, seed, t);
		json_decref(t->other);
		t->other = NULL;
	}
	naive_free(s.naive);
	fl_policy_unref(p);
	fl_buf_done(&why);
}

static void play(struct run *run, uint64_t seed)
{
	struct fl_rng r;
	struct trial t = { .kind = TRIAL_ALL };
	struct fl_buf why = fl_buf_make(WHY_MAX);

	fl_rng_init(&r, seed);
	t.policy = gen_policy(&r);
	gen_world(&r, &t.world);
	struct fl_policy_doc *doc = trial_read(t.policy, &why);
	if (doc == NULL) {
		fl_buf_byte(&why, '\0');
		gen_cover_refused((const char *)why.ptr);
	} else {
		gen_cover(t.policy);
		ask(run, seed, &r, doc, &t);
	}
	fl_policy_doc_free(doc);
	json_decref(t.policy);
	fl_buf_done(&why);
}

/* ---- options ---- */

static bool number(const char *text, uint64_t *out)
{
	char *end;

	errno = 0;
	unsigned long long v = text != NULL ? strtoull(text, &end, 10) : 0;
	if (text == NULL || errno != 0 || end == text || *end != '\0')
		return false;
	*out = v;
	return true;
}

static bool read_options(int argc, char **argv, struct run *run)
{
	for (int i = 1; i < argc; i += 2) {
		uint64_t v;
		if (i + 1 == argc || !number(argv[i + 1], &v))
			return false;
		if (strcmp(argv[i], "--triples") == 0)
			run->triples = v;
		else if (strcmp(argv[i], "--changes") == 0)
			run->changes = v;
		else if (strcmp(argv[i], "--seed") == 0)
			run->seed = v;
		else if (strcmp(argv[i], "--failures") == 0)
			run->failures = v;
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct run run = { .seed = 1, .triples = 20000, .changes = 1000, .failures = 1 };
	struct timespec from, to;

	if (!read_options(argc, argv, &run)) {
		fprintf(stderr, "usage: oracle [--triples N] [--changes N] [--seed S] "
				"[--failures N]\n");
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	for (uint64_t i = 0; run.failed < run.failures &&
			     (run.done_triples < run.triples || run.done_changes < run.changes);
	     i++)
		play(&run, run.seed + i);
	clock_gettime(CLOCK_MONOTONIC, &to);
	double seconds =
		(double)(to.tv_sec - from.tv_sec) + 1e-9 * (double)(to.tv_nsec - from.tv_nsec);
	gen_cover_print();
	printf("%zu triples and %zu changes in %.1f s: %.0f triples/s\n", run.done_triples,
	       run.done_changes, seconds, (double)run.done_triples / seconds);
	printf("%zu passed, %zu failed, 0 skipped\n", run.done_triples + run.done_changes,
	       run.failed);
	return run.failed == 0 ? 0 : 1;
}
