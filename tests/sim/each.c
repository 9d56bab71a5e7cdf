/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/each.c - one fault at each place in turn, in a world of 3 nodes: two are at rest, the
 * third joins while it happens.
 *
 *   each [NAME [PLACE]]   the rows whose name holds it, or all; from that place on
 *
 * The invariants hold in each run, the other two sessions notice nothing, and once the fault is
 * over everything settles: nothing that was acknowledged is lost. A row ends with the first place
 * that the world does not come to.
 */
#include <stdlib.h>
#include <string.h>

#include "disk.h"
#include "run.h"

enum { OPS_MAX = 40, PLACES_MAX = 20000, VICTIM = 2 };
#define TROUBLE (3 * FL_MIN) /* by then the first two are connected */
#define OVER    (2 * FL_MIN)

struct script {
	struct plan plan;
	struct op ops[OPS_MAX];
	int64_t now;
};

static void add(struct script *s, enum op_kind kind, uint32_t a, uint32_t b)
{
	if (s->plan.ops_count == OPS_MAX)
		abort();
	s->ops[s->plan.ops_count++] = (struct op){ .at = s->now, .kind = kind, .a = a, .b = b };
}

static void begin(struct script *s, uint64_t seed)
{
	*s = (struct script){
		.plan = { .seed = seed,
			  .nodes = 3,
			  .users = 3,
			  .wal = true,
			  .ephemeral_timeout = 10 * FL_MIN,
			  .pending_max = 1024 },
		.now = FL_SEC,
	};
	s->plan.ops = s->ops;
	add(s, OP_JOIN, 0, 0);
	add(s, OP_JOIN, 1, 0);
	s->now = TROUBLE;
}

static void end(struct script *s)
{
	add(s, OP_HEAL, 0, 0);
	s->now += 3 * FL_MIN;
	add(s, OP_SETTLED, 0, 0);
	s->plan.duration = s->now + FL_SEC;
}

/* ---- on the way to the third client ---- */

static void reset_at(struct script *s, uint32_t place)
{
	add(s, OP_RESET_AT, VICTIM, place);
	add(s, OP_JOIN, VICTIM, 0);
	s->now += OVER;
	add(s, OP_STEADY, VICTIM, 0);
	add(s, OP_REACHED, VICTIM, 0);
	end(s);
}

/* From the connection to the first map and a little on, every 10 ms. */
static void half_open_at(struct script *s, uint32_t place)
{
	add(s, OP_JOIN, VICTIM, 0);
	s->now += OVER;
	add(s, OP_SECOND_SESSION, VICTIM, 0);
	s->now += (int64_t)place * 10 * FL_MS;
	add(s, OP_HALF_OPEN_NOW, VICTIM, 0);
	s->now += OVER;
	add(s, OP_STEADY, VICTIM, 0);
	end(s);
}

/* Much happens that the third reads slowly, or never to the end. */
static void slow_at(struct script *s, uint32_t place)
{
	add(s, OP_JOIN, VICTIM, 0);
	s->now += OVER;
	add(s, OP_SLOW_NOW, VICTIM, place * place * 7);
	for (uint32_t i = 0; i < 10; i++) {
		s->now += 5 * FL_SEC;
		add(s, OP_BURST, 0, i);
	}
	s->now += OVER;
	add(s, OP_STEADY, VICTIM, 0);
	end(s);
}

/* ---- in the store ---- */

static void change_all(struct script *s)
{
	static const enum op_kind kinds[] = { OP_JOIN,      OP_ROAM,       OP_RENAME,
					      OP_ANNOUNCE,  OP_APPROVE,    OP_EXPIRE,
					      OP_POLICY,    OP_USER_ADD,   OP_TAG,
					      OP_HOME,      OP_KEY_EXPIRE, OP_RENAME_HOST,
					      OP_KEY_DELETE };

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		uint32_t who = kinds[i] == OP_JOIN ? VICTIM : (uint32_t)i;
		s->now += 5 * FL_SEC;
		add(s, kinds[i], kinds[i] == OP_POLICY ? 0 : who, 9);
	}
}

static void fail_at(struct script *s, uint32_t place, enum sim_disk_fault fault)
{
	add(s, OP_FAIL_AT, place, fault);
	change_all(s);
	s->now += 30 * FL_SEC;
	if (fault != SIM_DISK_DEAD)
		add(s, OP_STEADY, VICTIM, 0);
	add(s, OP_REACHED, VICTIM, 1);
	end(s);
}

static void write_at(struct script *s, uint32_t place)
{
	fail_at(s, place, SIM_DISK_ONCE);
}

static void full_at(struct script *s, uint32_t place)
{
	fail_at(s, place, SIM_DISK_FULL);
}

static void crash_at(struct script *s, uint32_t place)
{
	fail_at(s, place, SIM_DISK_DEAD);
}

/* ---- rows ---- */

/* `seed`: one by which all three have keys; the third takes its map compressed, or not. */
static const struct row {
	const char *name;
	void (*make)(struct script *s, uint32_t place);
	uint64_t seed;
	uint32_t places;
} rows[] = {
	{ "a reset at each byte of the first map", reset_at, 0, PLACES_MAX },
	{ "a half-open peer at each moment", half_open_at, 0, 60 },
	{ "a slow reader of each kind", slow_at, 0, 40 },
	{ "an error in each write", write_at, 0, PLACES_MAX },
	{ "no room from each write on", full_at, 0, PLACES_MAX },
	{ "a crash in each write", crash_at, 0, PLACES_MAX },
};

static bool is_end(const struct result *r)
{
	return r->failed && strcmp(r->invariant, "unreached") == 0;
}

static bool run_row(const struct row *row, uint32_t from)
{
	uint32_t place = from;

	for (; place < row->places; place++) {
		struct script s;
		struct result r;
		begin(&s, row->seed);
		row->make(&s, place);
		run_plan(&s.plan, false, &r);
		if (is_end(&r))
			break;
		if (!r.failed)
			continue;
		printf("FAIL %s, place %u: %s at %.3f s: %s\n", row->name, place, r.invariant, r.at,
		       r.text);
		plan_print(&s.plan, stdout);
		return false;
	}
	printf("ok   %s: %u places\n", row->name, place);
	return place > from;
}

int main(int argc, char **argv)
{
	unsigned passed = 0, failed = 0;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (argc > 1 && strstr(rows[i].name, argv[1]) == NULL)
			continue;
		if (run_row(&rows[i], argc > 2 ? (uint32_t)atoi(argv[2]) : 0))
			passed++;
		else
			failed++;
		fflush(stdout);
	}
	printf("%u passed, %u failed, 0 skipped\n", passed, failed);
	return failed > 0 ? 1 : 0;
}
