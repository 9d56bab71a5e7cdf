/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_registry.c - connections counted once each, in every order (PRE-1, PRE-2,
 * BAT-10; INV-10, INV-12, INV-51).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/registry/registry.h"

enum { CONNS_MAX = 4 };

static const uint8_t seed[16] = { 3 };
static const uint64_t node = 7, other = 8;

static struct fl_registry *make(void)
{
	struct fl_registry *r = NULL;
	assert_int_equal(fl_registry_new(sizeof(uint64_t), CONNS_MAX, seed, &r), FL_OK);
	return r;
}

static bool enter(struct fl_registry *r, uint64_t key, struct fl_conn *c)
{
	bool first = false;
	assert_int_equal(fl_registry_enter(r, &key, c, &first), FL_OK);
	return first;
}

static void test_one_connection(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn c = { 0 };
	fl_time gone = 0;

	assert_int_equal(fl_registry_live(r, &node), 0);
	assert_false(fl_registry_gone_since(r, &node, &gone));
	assert_true(enter(r, node, &c));
	assert_int_not_equal(c.gen, 0);
	assert_int_equal(fl_registry_live(r, &node), 1);
	assert_int_equal(fl_registry_live(r, &other), 0);
	assert_int_equal(fl_registry_online(r), 1);
	assert_ptr_equal(fl_registry_current(r, &node), &c);
	assert_int_equal(fl_registry_remove(r, &c, 50), FL_CONN_LAST);
	assert_int_equal(fl_registry_live(r, &node), 0);
	assert_int_equal(fl_registry_online(r), 0);
	assert_null(fl_registry_current(r, &node));
	assert_true(fl_registry_gone_since(r, &node, &gone));
	assert_int_equal(gone, 50);
	assert_int_equal(fl_registry_remove(r, &c, 60), FL_CONN_STALE); /* once only */
	fl_registry_free(r);
}

/* An old connection's second farewell must not take the place of a fresh one. */
static void test_a_late_farewell_is_stale(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 };

	enter(r, node, &a);
	assert_int_equal(fl_registry_remove(r, &a, 1), FL_CONN_LAST);
	assert_true(enter(r, node, &b));
	assert_true(b.gen > a.gen);
	assert_int_equal(fl_registry_remove(r, &a, 2), FL_CONN_STALE);
	assert_false(fl_registry_leave(&a));
	assert_null(fl_registry_find(r, &node, a.gen));
	assert_ptr_equal(fl_registry_find(r, &node, b.gen), &b);
	assert_int_equal(fl_registry_live(r, &node), 1);
	fl_registry_free(r);
}

/* The same three connections, by the plain definition. */
struct plain {
	enum { OUT, OPEN, LEAVING } at[3];
	uint64_t last_gen;
};

static size_t count(const struct plain *p, bool leaving_too)
{
	size_t n = 0;
	for (int i = 0; i < 3; i++)
		n += p->at[i] == OPEN || (leaving_too && p->at[i] == LEAVING);
	return n;
}

static void play(struct fl_registry *r, struct plain *p, struct fl_conn *c, int i, int action)
{
	size_t live = count(p, true);

	if (action == 0 && p->at[i] == OUT) {
		assert_int_equal(enter(r, node, &c[i]), live == 0);
		assert_true(c[i].gen > p->last_gen);
		p->last_gen = c[i].gen;
		p->at[i] = OPEN;
	} else if (action == 1) {
		bool was_open = p->at[i] == OPEN;
		p->at[i] = was_open ? LEAVING : p->at[i];
		assert_int_equal(fl_registry_leave(&c[i]), was_open && count(p, false) == 0);
	} else if (action == 2) {
		enum fl_conn_end want = p->at[i] == OUT ? FL_CONN_STALE
					: live == 1     ? FL_CONN_LAST
							: FL_CONN_OTHERS;
		p->at[i] = OUT;
		assert_int_equal(fl_registry_remove(r, &c[i], 0), want);
	}
	assert_int_equal(fl_registry_live(r, &node), count(p, true));
	assert_int_equal(fl_registry_open(r, &node), count(p, false));
	assert_int_equal(fl_registry_current(r, &node) != NULL, count(p, false) > 0);
	assert_int_equal(fl_registry_online(r), count(p, true) > 0);
}

/* Every sequence of six out of enter, leave and remove of three connections. */
static void test_every_interleaving(void **unused)
{
	(void)unused;
	enum { STEPS = 6, MOVES = 9, SEQUENCES = 531441 };

	for (int sequence = 0; sequence < SEQUENCES; sequence++) {
		struct fl_registry *r = make();
		struct fl_conn c[3] = { 0 };
		struct plain p = { 0 };
		for (int step = 0, left = sequence; step < STEPS; step++, left /= MOVES)
			play(r, &p, c, left % MOVES / 3, left % 3);
		fl_registry_free(r);
	}
}

/* One order of four beginnings and their ends: a session's second turn is its end. */
static void play_order(const int order[2 * CONNS_MAX])
{
	struct fl_registry *r = make();
	struct fl_conn c[CONNS_MAX] = { 0 };
	size_t live = 0;

	for (int i = 0; i < 2 * CONNS_MAX; i++) {
		struct fl_conn *at = &c[order[i]];
		if (at->gen == 0) {
			assert_int_equal(enter(r, node, at), live == 0);
			live++;
		} else {
			live--;
			assert_int_equal(fl_registry_remove(r, at, 0),
					 live == 0 ? FL_CONN_LAST : FL_CONN_OTHERS);
		}
		assert_int_equal(fl_registry_live(r, &node), live);
		assert_int_equal(fl_registry_online(r), live > 0);
	}
	fl_registry_free(r);
}

static int times(const int *order, int len, int who)
{
	int n = 0;
	for (int i = 0; i < len; i++)
		n += order[i] == who;
	return n;
}

/* Four sessions begin and end in every order: offline exactly with the last end. */
static void test_every_order_of_four(void **unused)
{
	(void)unused;
	int order[2 * CONNS_MAX] = { 0 }, len = 0, played = 0;

	/* `order` up to `len` stands; order[len] is tried next, and those below it have been. */
	while (len >= 0) {
		if (len == 2 * CONNS_MAX) {
			play_order(order);
			played++;
		} else if (order[len] < CONNS_MAX) {
			if (times(order, len, order[len]) == 2)
				order[len]++;
			else if (++len < 2 * CONNS_MAX)
				order[len] = 0;
			continue;
		}
		if (--len >= 0)
			order[len]++;
	}
	assert_int_equal(played, 2520); /* 8! / 2^4 */
}

/* The first, the middle or the last of three: it is on no list, the others keep their order. */
static void test_removal_leaves_nothing_behind(void **unused)
{
	(void)unused;
	for (int out = 0; out < 3; out++) {
		struct fl_registry *r = make();
		struct fl_conn c[3] = { 0 };
		for (int i = 0; i < 3; i++)
			enter(r, node, &c[i]);
		assert_int_equal(fl_registry_remove(r, &c[out], 1), FL_CONN_OTHERS);
		assert_null(c[out].key);
		assert_false(fl_list_linked(&c[out].link));
		struct fl_list *conns = fl_registry_conns(r, &node), *l = conns->next;
		for (int i = 0; i < 3; i++) {
			if (i == out)
				continue;
			assert_ptr_equal(l, &c[i].link);
			l = l->next;
		}
		assert_ptr_equal(l, conns);
		fl_registry_free(r);
	}
}

static void test_the_newest_open_one_is_current(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 };

	enter(r, node, &a);
	enter(r, node, &b);
	assert_ptr_equal(fl_registry_current(r, &node), &b);
	assert_false(fl_registry_leave(&b));
	assert_ptr_equal(fl_registry_current(r, &node), &a);
	assert_null(fl_registry_find(r, &node, b.gen));
	assert_true(fl_registry_leave(&a));
	assert_false(fl_registry_leave(&a));
	assert_null(fl_registry_current(r, &node));
	assert_int_equal(fl_registry_live(r, &node), 2); /* in their grace period */
	assert_int_equal(fl_registry_remove(r, &b, 1), FL_CONN_OTHERS);
	assert_int_equal(fl_registry_remove(r, &a, 1), FL_CONN_LAST);
	fl_registry_free(r);
}

static void test_swap_detaches_the_others(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 }, c = { 0 };
	struct fl_list old;
	bool first = false;

	fl_list_init(&old);
	assert_int_equal(fl_registry_swap(r, &node, &a, &old, &first), FL_OK);
	assert_true(first);
	assert_true(fl_list_empty(&old));
	enter(r, node, &b);
	assert_int_equal(fl_registry_swap(r, &node, &c, &old, &first), FL_OK);
	assert_false(first);
	assert_ptr_equal(fl_list_pop(&old), &a.link);
	assert_ptr_equal(fl_list_pop(&old), &b.link);
	assert_true(fl_list_empty(&old));
	assert_int_equal(fl_registry_remove(r, &a, 1), FL_CONN_STALE);
	assert_int_equal(fl_registry_remove(r, &b, 1), FL_CONN_STALE);
	assert_int_equal(fl_registry_live(r, &node), 1);
	assert_int_equal(fl_registry_online(r), 1);
	assert_int_equal(fl_registry_remove(r, &c, 1), FL_CONN_LAST);
	fl_registry_free(r);
}

static void test_limit(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn c[CONNS_MAX + 1] = { 0 };
	bool first = true;

	for (int i = 0; i < CONNS_MAX; i++)
		assert_int_equal(enter(r, node, &c[i]), i == 0);
	assert_int_equal(fl_registry_enter(r, &node, &c[CONNS_MAX], &first), FL_ERR_FULL);
	assert_int_equal(c[CONNS_MAX].gen, 0);
	assert_int_equal(fl_registry_remove(r, &c[CONNS_MAX], 1), FL_CONN_STALE);
	assert_int_equal(fl_registry_remove(r, &c[0], 1), FL_CONN_OTHERS);
	assert_false(enter(r, node, &c[CONNS_MAX]));
	fl_registry_free(r);
}

static void test_forget_gives_what_must_be_closed(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 }, fresh = { 0 };
	struct fl_list out;
	fl_time gone;

	fl_list_init(&out);
	enter(r, node, &a);
	enter(r, node, &b);
	fl_registry_leave(&b);
	enter(r, other, &fresh);
	fl_registry_forget(r, &node, &out);
	assert_ptr_equal(fl_list_pop(&out), &a.link);
	assert_ptr_equal(fl_list_pop(&out), &b.link);
	assert_int_equal(fl_registry_online(r), 1);
	assert_int_equal(fl_registry_keys(r), 1);
	assert_false(fl_registry_gone_since(r, &node, &gone));
	assert_int_equal(fl_registry_remove(r, &a, 1), FL_CONN_STALE);
	fl_registry_forget(r, &node, &out);
	assert_true(fl_list_empty(&out));
	uint64_t last = fresh.gen;
	fl_registry_remove(r, &fresh, 5);
	fl_registry_forget(r, &other, &out); /* also one that is idle */
	assert_int_equal(fl_registry_sweep(r, 1000, 0), 0);
	assert_true(enter(r, node, &a)); /* generations rise over a forgotten past */
	assert_true(a.gen > last);
	fl_registry_free(r);
	fl_registry_free(NULL);
}

/* Both conditions in one step: without connections, and for long enough (BAT-10). */
static void test_sweep(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 }, c = { 0 };
	const uint64_t third = 9;
	fl_time gone;

	enter(r, node, &a);
	enter(r, other, &b);
	enter(r, third, &c);
	fl_registry_remove(r, &a, 100);
	fl_registry_remove(r, &b, 200);
	assert_int_equal(fl_registry_sweep(r, 1099, 1000), 0);
	assert_int_equal(fl_registry_sweep(r, 1100, 1000), 1);
	assert_false(fl_registry_gone_since(r, &node, &gone));
	assert_true(fl_registry_gone_since(r, &other, &gone));
	enter(r, other, &b); /* back before its time */
	assert_int_equal(fl_registry_sweep(r, 9999, 1000), 0);
	assert_int_equal(fl_registry_live(r, &other), 1);
	assert_int_equal(fl_registry_keys(r), 2);
	fl_registry_remove(r, &b, 9999);
	fl_registry_remove(r, &c, 9999);
	assert_int_equal(fl_registry_sweep(r, 10998, 1000), 0);
	assert_int_equal(fl_registry_sweep(r, 10999, 1000), 2);
	assert_int_equal(fl_registry_keys(r), 0);
	fl_registry_free(r);
}

static void test_nothing_enters_after_close(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 }, b = { 0 };
	struct fl_list old;
	bool first = false;

	fl_list_init(&old);
	enter(r, node, &a);
	fl_registry_close(r);
	fl_registry_close(r);
	assert_int_equal(fl_registry_enter(r, &node, &b, &first), FL_ERR_CLOSED);
	assert_int_equal(fl_registry_swap(r, &node, &b, &old, &first), FL_ERR_CLOSED);
	assert_true(fl_list_empty(&old));
	assert_ptr_equal(fl_registry_current(r, &node), &a);
	assert_int_equal(fl_registry_remove(r, &a, 1), FL_CONN_LAST);
	fl_registry_free(r);
}

/* Also one that nobody has used. */
static void test_close_before_use(void **unused)
{
	(void)unused;
	struct fl_registry *r = make();
	struct fl_conn a = { 0 };
	bool first = false;

	fl_registry_close(r);
	assert_int_equal(fl_registry_enter(r, &node, &a, &first), FL_ERR_CLOSED);
	assert_int_equal(a.gen, 0);
	assert_int_equal(fl_registry_online(r), 0);
	assert_int_equal(fl_registry_keys(r), 0);
	fl_registry_free(r);
}

/* What is still here when the registry goes is detached, not freed. */
static void test_free_detaches(void **unused)
{
	(void)unused;
	struct fl_registry *r = make(), *next = make();
	struct fl_conn a = { 0 };

	enter(r, node, &a);
	fl_registry_free(r);
	assert_null(a.key);
	assert_int_equal(fl_registry_remove(next, &a, 1), FL_CONN_STALE);
	fl_registry_free(next);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_a_late_farewell_is_stale),
		cmocka_unit_test(test_every_interleaving),
		cmocka_unit_test(test_every_order_of_four),
		cmocka_unit_test(test_removal_leaves_nothing_behind),
		cmocka_unit_test(test_the_newest_open_one_is_current),
		cmocka_unit_test(test_swap_detaches_the_others),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_forget_gives_what_must_be_closed),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_nothing_enters_after_close),
		cmocka_unit_test(test_close_before_use),
		cmocka_unit_test(test_free_detaches),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
