/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_routes.c - elections row by row, and the assignment against a naive model over
 * random routers, presence, health and order.
 */
#include "../base/table.h"

#include "base/rng.h"
#include "domain/routes/election.h"
#include "domain/routes/primaries.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- the rule ---- */

struct row {
	const char *name;
	uint64_t previous;
	const char *candidates; /* "1 2! 3": those with ! are unhealthy */
	uint64_t winner;
};

static struct row rows[] = {
	{ "nobody", 0, "", 0 },
	{ "nobody is left", 1, "", 0 },
	{ "the first", 0, "2", 2 },
	{ "the lowest id", 0, "3 2 5", 2 },
	{ "who has it keeps it", 3, "1 2 3", 3 },
	{ "though a lower one is back (HA-2)", 2, "1 2", 2 },
	{ "unhealthy loses it", 1, "1! 2 3", 2 },
	{ "to the lowest healthy one", 3, "1! 2 3! 4", 2 },
	{ "gone loses it", 1, "3 2", 2 },
	{ "all unhealthy: who has it keeps it", 2, "1! 2! 3!", 2 },
	{ "all unhealthy and it is gone: nobody", 2, "1! 3!", 0 },
	{ "all unhealthy and nobody had it: nobody", 0, "1! 3!", 0 },
	{ "alone and unhealthy", 1, "1!", 1 },
};

static void elect_row(void **state)
{
	const struct row *row = *state;
	struct fl_election e = fl_election_of(row->previous);
	char copy[64];

	snprintf(copy, sizeof copy, "%s", row->candidates);
	for (char *at, *p = strtok_r(copy, " ", &at); p != NULL; p = strtok_r(NULL, " ", &at))
		fl_election_add(&e, strtoull(p, NULL, 10), strchr(p, '!') == NULL);
	assert_int_equal(fl_election_winner(&e), row->winner);
}

/* ---- the assignment ---- */

static const uint8_t seed[16] = { 7 };

static struct fl_prefix net(unsigned i)
{
	if (i == 0)
		return (struct fl_prefix){ { FL_IP_V4, { 0 } }, 0 }; /* an exit route */
	return (struct fl_prefix){ fl_ip_v4(10, (uint8_t)i, 0, 0), 16 };
}

static struct fl_primaries *make(void)
{
	struct fl_primaries *p;
	assert_err(fl_primaries_new(seed, &p), FL_OK);
	return p;
}

/* `nets`: bit i for net(i). */
static void put(struct fl_primaries *p, uint64_t id, bool online, unsigned nets)
{
	struct fl_prefix served[8];
	size_t count = 0;

	for (unsigned i = 0; i < 8; i++)
		if ((nets >> i & 1) != 0)
			served[count++] = net(i);
	assert_err(fl_primaries_put(p, id, online, served, count), FL_OK);
}

static uint64_t primary(const struct fl_primaries *p, unsigned i)
{
	struct fl_prefix prefix = net(i);
	return fl_primaries_of(p, &prefix);
}

static char story[512];

static void note(void *ctx, const struct fl_prefix *prefix, uint64_t from, uint64_t to)
{
	size_t len = strlen(story);

	(void)ctx;
	snprintf(story + len, sizeof story - len, "%s%u:%llu>%llu", len > 0 ? " " : "",
		 prefix->ip.b[1], (unsigned long long)from, (unsigned long long)to);
}

static const char *settle(struct fl_primaries *p)
{
	story[0] = '\0';
	fl_primaries_settle(p, note, NULL);
	assert_false(fl_primaries_unsettled(p));
	return story;
}

/* RTE-6: two go in turn, then only the second returns. */
static void test_only_the_second_returns(void **state)
{
	struct fl_primaries *p = make();
	(void)state;

	put(p, 1, true, 2);
	put(p, 2, true, 2);
	assert_string_equal(settle(p), "1:0>1");
	put(p, 1, false, 2);
	assert_string_equal(settle(p), "1:1>2");
	put(p, 2, false, 2);
	assert_string_equal(settle(p), "1:2>0");
	put(p, 2, true, 2);
	assert_string_equal(settle(p), "1:0>2");
	put(p, 1, true, 2);
	assert_string_equal(settle(p), "");
	assert_int_equal(primary(p, 1), 2);
	fl_primaries_free(p);
}

static void test_several_facts_are_one_move(void **state)
{
	struct fl_primaries *p = make();
	(void)state;

	for (uint64_t id = 1; id <= 3; id++)
		put(p, id, true, 2);
	assert_string_equal(settle(p), "1:0>1");
	assert_true(fl_primaries_mark(p, 1, false));
	assert_true(fl_primaries_mark(p, 2, false));
	assert_string_equal(settle(p), "1:1>3"); /* not by way of 2 */
	assert_int_equal(fl_primaries_unhealthy(p), 2);
	fl_primaries_free(p);
}

static void test_deletion_moves_it(void **state)
{
	struct fl_primaries *p = make();
	(void)state;

	put(p, 1, true, 2 | 4);
	put(p, 2, true, 2);
	settle(p);
	fl_primaries_remove(p, 1);
	fl_primaries_remove(p, 9);
	settle(p);
	assert_int_equal(primary(p, 1), 2);
	assert_int_equal(primary(p, 2), 0);
	fl_primaries_free(p);
}

static void test_exit_routes_are_not_elected(void **state)
{
	struct fl_primaries *p = make();
	(void)state;

	put(p, 1, true, 1);
	assert_string_equal(settle(p), "");
	assert_int_equal(primary(p, 0), 0);
	assert_false(fl_primaries_mark(p, 1, false)); /* nothing to carry */
	fl_primaries_free(p);
}

/* ---- marks: HA-3 ---- */

static struct mark_row {
	const char *name;
	bool online;          /* when it is marked */
	unsigned nets;        /* it serves then */
	bool then_online;     /* afterwards */
	unsigned then_nets;   /* afterwards */
	bool news, unhealthy; /* was it marked; is it still */
} marks[] = {
	{ "it stays", true, 2, true, 2, true, true },
	{ "it stays with other routes", true, 2, true, 4, true, true },
	{ "an offline one is not marked", false, 2, false, 2, false, false },
	{ "one without routes is not marked", true, 0, true, 2, false, false },
	{ "going offline clears it", true, 2, false, 2, true, false },
	{ "an empty served set clears it", true, 2, true, 0, true, false },
	{ "exit routes alone are an empty set", true, 2 | 1, true, 1, true, false },
};

static void mark_row(void **state)
{
	const struct mark_row *row = *state;
	struct fl_primaries *p = make();

	put(p, 1, row->online, row->nets);
	assert_int_equal(fl_primaries_mark(p, 1, false), row->news);
	assert_false(fl_primaries_mark(p, 1, false)); /* no news twice */
	put(p, 1, row->then_online, row->then_nets);
	assert_int_equal(fl_primaries_healthy(p, 1), !row->unhealthy);
	assert_int_equal(fl_primaries_unhealthy(p), row->unhealthy);
	put(p, 1, true, 2); /* what was cleared does not come back */
	assert_int_equal(fl_primaries_healthy(p, 1), !row->unhealthy);
	fl_primaries_free(p);
}

/* ---- against a naive model ---- */

enum { NODES = 6, NETS = 5, SEEDS = 20, STEPS = 200 };

struct naive {
	bool online[NODES + 1], healthy[NODES + 1];
	unsigned nets[NODES + 1];
	uint64_t primary[NETS];
};

static bool is_candidate(const struct naive *m, uint64_t id, unsigned i)
{
	return id != 0 && m->online[id] && (m->nets[id] >> i & 1) != 0;
}

/* HA-1, word by word. */
static uint64_t naive_elect(const struct naive *m, unsigned i)
{
	uint64_t was = m->primary[i];

	if (i == 0)
		return 0;
	if (is_candidate(m, was, i) && m->healthy[was])
		return was;
	for (uint64_t id = 1; id <= NODES; id++)
		if (is_candidate(m, id, i) && m->healthy[id])
			return id;
	return is_candidate(m, was, i) ? was : 0;
}

static void random_step(struct fl_rng *rng, struct fl_primaries *p, struct naive *m)
{
	uint64_t id = 1 + fl_rng_below(rng, NODES);
	bool serves = (m->nets[id] & ~1u) != 0;

	switch (fl_rng_below(rng, 5)) {
	case 0:
		m->online[id] = !m->online[id];
		break;
	case 1:
		m->nets[id] = (unsigned)fl_rng_below(rng, 1 << NETS);
		break;
	case 2:
		m->nets[id] = 0;
		fl_primaries_remove(p, id);
		break;
	default: {
		bool healthy = fl_rng_below(rng, 2) != 0, able = serves && m->online[id];
		assert_int_equal(fl_primaries_mark(p, id, healthy),
				 able && m->healthy[id] != healthy);
		if (able)
			m->healthy[id] = healthy;
		return;
	}
	}
	if (!m->online[id] || (m->nets[id] & ~1u) == 0)
		m->healthy[id] = true;
	put(p, id, m->online[id], m->nets[id]);
}

/* INV-40 to INV-42, of what the assignment says itself. */
static void check(const struct fl_primaries *p, struct naive *m)
{
	for (unsigned i = 0; i < NETS; i++) {
		uint64_t was = m->primary[i], now = primary(p, i);
		m->primary[i] = naive_elect(m, i);
		assert_int_equal(now, m->primary[i]);
		assert_true(now == 0 || is_candidate(m, now, i));
		assert_true(now == was || !is_candidate(m, was, i) || !m->healthy[was]);
	}
}

struct contest {
	const struct naive *m;
	size_t seen;
};

static void on_contest(void *ctx, const uint64_t *nodes, size_t count)
{
	struct contest *c = ctx;

	assert_true(count >= 2);
	for (size_t i = 0; i < count; i++) {
		assert_true(c->m->online[nodes[i]]);
		assert_true(i == 0 || nodes[i - 1] < nodes[i]);
	}
	c->seen++;
}

static void check_contested(const struct fl_primaries *p, const struct naive *m)
{
	struct contest c = { .m = m };
	size_t want = 0;

	assert_err(fl_primaries_contested(p, on_contest, &c), FL_OK);
	for (unsigned i = 1; i < NETS; i++) {
		size_t candidates = 0;
		for (uint64_t id = 1; id <= NODES; id++)
			candidates += is_candidate(m, id, i);
		want += candidates >= 2;
	}
	assert_int_equal(c.seen, want);
}

static void test_model(void **state)
{
	(void)state;
	for (uint64_t start = 1; start <= SEEDS; start++) {
		struct fl_primaries *p = make();
		struct naive m = { 0 };
		struct fl_rng rng;
		fl_rng_init(&rng, start);
		for (uint64_t id = 1; id <= NODES; id++)
			m.healthy[id] = true;
		for (unsigned step = 0; step < STEPS; step++) {
			for (uint64_t facts = 1 + fl_rng_below(&rng, 4); facts > 0; facts--)
				random_step(&rng, p, &m);
			settle(p);
			check(p, &m);
			check_contested(p, &m);
		}
		fl_primaries_free(p);
	}
}

int main(void)
{
	static struct suite suite;

	ROWS(&suite, rows, elect_row);
	ROWS(&suite, marks, mark_row);
	suite_add(&suite, "only the second returns", test_only_the_second_returns, NULL);
	suite_add(&suite, "several facts are one move", test_several_facts_are_one_move, NULL);
	suite_add(&suite, "deletion moves it", test_deletion_moves_it, NULL);
	suite_add(&suite, "exit routes are not elected", test_exit_routes_are_not_elected, NULL);
	suite_add(&suite, "a naive model", test_model, NULL);
	return suite_run(&suite, "domain/routes");
}
