/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/plan.c - phases of trouble, each followed by a quiet time in which all must settle.
 */
#include "plan.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

const char *const op_names[OP_KINDS] = {
#define X(name) [OP_##name] = #name,
	OPS(X)
#undef X
};

const char *const plan_size_names[PLAN_SIZES] = {
	[PLAN_TINY] = "3 nodes",
	[PLAN_FIFTY] = "50 nodes",
	[PLAN_THOUSANDS] = "5,000 nodes",
};

/* How often an operation comes, among those of a phase of trouble. */
static const uint8_t weights[OP_KINDS] = {
	[OP_JOIN] = 12,          [OP_LEAVE] = 8,
	[OP_VANISH] = 6,         [OP_LOGOUT] = 3,
	[OP_RELOGIN] = 4,        [OP_ROAM] = 10,
	[OP_RENAME_HOST] = 3,    [OP_UPGRADE] = 2,
	[OP_ANNOUNCE] = 6,       [OP_HOME] = 4,
	[OP_MASS_RESTART] = 1,   [OP_HIJACK] = 2,
	[OP_STRANGERS] = 1,      [OP_DELAY] = 3,
	[OP_STALL] = 5,          [OP_HALF_OPEN] = 5,
	[OP_RESET] = 6,          [OP_SLOW] = 4,
	[OP_ROUTERS] = 3,        [OP_SSH] = 6,
	[OP_DEAF] = 3,           [OP_TARDY] = 2,
	[OP_HEARS] = 2,          [OP_PING] = 5,
	[OP_SECOND_SESSION] = 6, [OP_POLICY] = 5,
	[OP_RENAME] = 3,         [OP_TAG] = 3,
	[OP_APPROVE] = 6,        [OP_EXPIRE] = 4,
	[OP_DELETE] = 3,         [OP_USER_ADD] = 1,
	[OP_USER_RENAME] = 2,    [OP_USER_DELETE] = 1,
	[OP_KEY_EXPIRE] = 1,     [OP_KEY_DELETE] = 1,
	[OP_DERP] = 1,           [OP_DNS] = 1,
	[OP_BURST] = 3,          [OP_SERVER_RESTART] = 1,
	[OP_SERVER_CRASH] = 2,   [OP_CRASH_IN_WRITE] = 3,
	[OP_WRITE_FAILS] = 3,    [OP_DISK_FULL] = 1,
	[OP_CLOCK_JUMP] = 2,     [OP_NO_MEMORY] = 3,
	[OP_FAMILIES] = 2,       [OP_BACKFILL] = 3,
};

struct maker {
	struct plan *plan;
	struct fl_rng rng;
	size_t cap;
	int64_t now;
};

static void add(struct maker *m, enum op_kind kind)
{
	struct plan *p = m->plan;

	if (p->ops_count == m->cap) {
		m->cap = m->cap > 0 ? 2 * m->cap : 64;
		p->ops = reallocarray(p->ops, m->cap, sizeof *p->ops);
		if (p->ops == NULL)
			abort();
	}
	p->ops[p->ops_count++] = (struct op){
		.at = m->now,
		.kind = kind,
		.a = (uint32_t)fl_rng_next(&m->rng),
		.b = (uint32_t)fl_rng_next(&m->rng),
		.c = (uint32_t)fl_rng_next(&m->rng),
	};
}

static enum op_kind pick(struct maker *m)
{
	uint64_t total = 0, n;

	for (int i = 0; i < OP_KINDS; i++)
		total += weights[i];
	n = fl_rng_below(&m->rng, total);
	for (int i = 0; i < OP_KINDS; i++) {
		if (n < weights[i])
			return (enum op_kind)i;
		n -= weights[i];
	}
	return OP_JOIN;
}

/* From close together, so that things meet, to minutes apart, so that timers run out. */
static int64_t gap(struct maker *m, int64_t scale)
{
	static const int64_t usual[] = { 0, FL_MS, 50 * FL_MS, FL_SEC, 10 * FL_SEC, 60 * FL_SEC };
	size_t i = (size_t)fl_rng_below(&m->rng, sizeof usual / sizeof *usual);

	return (int64_t)fl_rng_below(&m->rng, (uint64_t)usual[i] + 1) * scale / 10;
}

static void quiet(struct maker *m)
{
	add(m, OP_HEAL);
	m->now += 12 * FL_MIN;
	add(m, OP_SETTLED);
}

static void trouble(struct maker *m, size_t count, int64_t scale)
{
	for (size_t i = 0; i < count; i++) {
		m->now += gap(m, scale);
		add(m, pick(m));
	}
}

static void small(struct maker *m, unsigned nodes, size_t phases, size_t ops, int64_t scale)
{
	m->plan->nodes = nodes;
	for (unsigned i = 0; i < nodes; i++) {
		m->now += gap(m, scale);
		add(m, OP_JOIN);
	}
	for (size_t i = 0; i < phases; i++) {
		trouble(m, ops, scale);
		quiet(m);
		m->now += (int64_t)fl_rng_below(&m->rng, 30) * FL_MIN;
	}
}

/* Thousands: everybody joins, some trouble, a crash of the server, and half an hour of nothing. */
static void large(struct maker *m)
{
	m->plan->nodes = 5000;
	m->plan->governed = true;
	m->plan->wal = true;
	for (unsigned i = 0; i < 5000; i++) {
		m->now += (int64_t)fl_rng_below(&m->rng, 40) * FL_MS;
		add(m, OP_JOIN);
	}
	quiet(m);
	trouble(m, 200, 10);
	quiet(m);
	add(m, OP_SERVER_CRASH);
	quiet(m);
	m->now += 30 * FL_MIN;
	add(m, OP_SETTLED);
}

/* For logins that wait: too few, but each gets its turn. */
static const uint32_t few_places[PLAN_SIZES] = { 2, 8, 1024 };

void plan_make(struct plan *p, uint64_t seed, enum plan_size size)
{
	struct maker m = { .plan = p };

	*p = (struct plan){ .seed = seed, .size = size, .users = 3 };
	fl_rng_init(&m.rng, seed * 4 + (uint64_t)size + 1);
	p->wal = fl_rng_below(&m.rng, 4) != 0;
	p->governed = fl_rng_below(&m.rng, 2) == 0;
	p->random_addresses = fl_rng_below(&m.rng, 3) == 0;
	p->ephemeral_timeout = (int64_t)(120 + fl_rng_below(&m.rng, 900)) * FL_SEC;
	p->node_expiry = fl_rng_below(&m.rng, 2) == 0 ? 0 : 2 * FL_HOUR;
	p->pending_max = fl_rng_below(&m.rng, 3) == 0 ? few_places[size] : 1024;
	m.now = FL_SEC;
	switch (size) {
	case PLAN_TINY:
		small(&m, 3, 4, 30, 10);
		break;
	case PLAN_FIFTY:
		p->node_expiry /= 4; /* it lasts an hour */
		small(&m, 50, 2, 60, 10);
		break;
	case PLAN_THOUSANDS:
	case PLAN_SIZES:
		large(&m);
		break;
	}
	p->duration = m.now + FL_MIN;
}

void plan_done(struct plan *p)
{
	free(p->ops);
	*p = (struct plan){ 0 };
}

void plan_print(const struct plan *p, FILE *out)
{
	fprintf(out,
		"plan seed %" PRIu64
		" size %d nodes %u log %d policy %d random %d ephemeral %" PRId64 " expiry %" PRId64
		" pending %u lasts %" PRId64 "\n",
		p->seed, (int)p->size, p->nodes, p->wal, p->governed, p->random_addresses,
		p->ephemeral_timeout, p->node_expiry, p->pending_max, p->duration);
	for (size_t i = 0; i < p->ops_count; i++) {
		const struct op *o = &p->ops[i];
		if (!o->off)
			fprintf(out, "%15" PRId64 " %-15s %08x %08x %08x\n", o->at,
				op_names[o->kind], o->a, o->b, o->c);
	}
}

static bool read_head(struct plan *p, FILE *in)
{
	int size, wal, governed, random;

	*p = (struct plan){ .users = 3 };
	int n = fscanf(in,
		       "plan seed %" SCNu64 " size %d nodes %u log %d policy %d random %d"
		       " ephemeral %" SCNd64 " expiry %" SCNd64 " pending %u lasts %" SCNd64,
		       &p->seed, &size, &p->nodes, &wal, &governed, &random, &p->ephemeral_timeout,
		       &p->node_expiry, &p->pending_max, &p->duration);
	if (n != 10 || size < 0 || size >= PLAN_SIZES)
		return false;
	p->size = (enum plan_size)size;
	p->wal = wal;
	p->governed = governed;
	p->random_addresses = random;
	return true;
}

static bool find_kind(const char *name, enum op_kind *out)
{
	for (int i = 0; i < OP_KINDS; i++)
		if (strcmp(op_names[i], name) == 0) {
			*out = (enum op_kind)i;
			return true;
		}
	return false;
}

bool plan_read(struct plan *p, FILE *in)
{
	struct maker m = { .plan = p };
	char name[32];
	struct op o;

	if (!read_head(p, in))
		return false;
	while (fscanf(in, "%" SCNd64 " %31s %x %x %x", &o.at, name, &o.a, &o.b, &o.c) == 5) {
		o.off = false;
		if (!find_kind(name, &o.kind))
			return false;
		add(&m, o.kind);
		p->ops[p->ops_count - 1] = o;
	}
	return feof(in) != 0;
}
