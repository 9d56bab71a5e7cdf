/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_ssh_checks.c - checks and approvals at their limits. */
#include "services/control/ssh_checks.h"

#include "../base/table.h"

enum { MAX = 4 };

static struct fl_loop *loop;
static struct fl_ssh_checks table;

/* One who waits, and asks anew where it may. */
struct ear {
	struct fl_ssh_waiter waiter;
	struct fl_ssh_pair pair;
	unsigned calls;
	enum fl_ssh_word word;
};

static void hear(void *ctx, enum fl_ssh_word word)
{
	struct ear *e = ctx;
	struct fl_ssh_check *k;

	e->calls++;
	e->word = word;
	if (word == FL_SSH_LOST)
		assert_err(fl_ssh_checks_open(&table, e->pair, &k), FL_OK);
}

static void start(int64_t ttl)
{
	static const uint8_t seed[16] = { 7 };

	assert_err(fl_loop_new(&loop), FL_OK);
	assert_err(fl_ssh_checks_init(&table, loop, MAX, ttl, seed), FL_OK);
}

static void stop(void)
{
	fl_ssh_checks_done(&table);
	fl_loop_poll(loop);
	fl_loop_free(loop);
}

static struct fl_ssh_check *open_one(fl_node_id src, fl_node_id dst)
{
	struct fl_ssh_check *k;

	assert_err(fl_ssh_checks_open(&table, (struct fl_ssh_pair){ src, dst }, &k), FL_OK);
	return k;
}

static void attend(struct ear *e, fl_node_id src, fl_node_id dst)
{
	struct fl_ssh_check *k = open_one(src, dst);

	*e = (struct ear){ .pair = { src, dst }, .waiter = { .fn = hear, .ctx = e } };
	assert_int_equal(fl_ssh_checks_wait(&table, k, &e->waiter), FL_SSH_OPEN);
}

static bool holds(fl_node_id src, fl_node_id dst)
{
	return fl_ssh_checks_hold(&table, (struct fl_ssh_pair){ src, dst }, FL_HOUR);
}

static void approve(fl_node_id src, fl_node_id dst)
{
	fl_ssh_checks_say(&table, open_one(src, dst), FL_SSH_APPROVED);
}

static void test_an_approval_is_of_one_pair(void **state)
{
	(void)state;
	start(FL_HOUR);
	approve(1, 2);
	assert_true(holds(1, 2));
	assert_false(holds(2, 1));
	assert_false(holds(1, 3));
	assert_false(fl_ssh_checks_hold(&table, (struct fl_ssh_pair){ 1, 2 }, 0));
	stop();
}

static void test_a_rejection_is_none(void **state)
{
	(void)state;
	start(FL_HOUR);
	fl_ssh_checks_say(&table, open_one(1, 2), FL_SSH_REJECTED);
	assert_false(holds(1, 2));
	stop();
}

static void test_the_oldest_approval_goes(void **state)
{
	(void)state;
	start(FL_HOUR);
	for (fl_node_id src = 1; src <= MAX; src++)
		approve(src, 9);
	approve(1, 9); /* again: it is the newest now */
	assert_int_equal(table.approved, MAX);
	approve(MAX + 1, 9);
	assert_int_equal(table.approved, MAX);
	assert_true(holds(1, 9));
	assert_false(holds(2, 9));
	assert_true(holds(3, 9));
	stop();
}

static void test_the_oldest_check_goes(void **state)
{
	struct ear ears[MAX + 1];
	(void)state;

	start(FL_HOUR);
	for (fl_node_id i = 0; i < MAX + 1; i++)
		attend(&ears[i], 1, 10 + i);
	assert_int_equal(table.count, MAX);
	assert_int_equal(ears[0].calls, 1);
	assert_int_equal(ears[0].word, FL_SSH_DISPLACED);
	for (size_t i = 1; i < MAX + 1; i++)
		assert_int_equal(ears[i].calls, 0);
	stop();
}

static bool all_heard(const struct ear *ears, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (ears[i].calls == 0)
			return false;
	return true;
}

/* Each asks anew as it hears, which must not end. */
static void test_expiry(void **state)
{
	struct ear ears[MAX];
	(void)state;

	start(30 * FL_MS);
	for (fl_node_id i = 0; i < MAX; i++)
		attend(&ears[i], 1 + i, 9);
	while (!all_heard(ears, MAX))
		fl_loop_poll(loop);
	for (size_t i = 0; i < MAX; i++)
		assert_int_equal(ears[i].word, FL_SSH_LOST);
	assert_true(table.count > 0);
	stop();
}

static void test_another_policy(void **state)
{
	struct ear ears[MAX];
	(void)state;

	start(FL_HOUR);
	approve(7, 8);
	for (fl_node_id i = 0; i < MAX; i++)
		attend(&ears[i], 1 + i, 9);
	fl_ssh_checks_clear(&table);
	assert_false(holds(7, 8));
	for (size_t i = 0; i < MAX; i++) {
		assert_int_equal(ears[i].calls, 1);
		assert_int_equal(ears[i].word, FL_SSH_LOST);
	}
	assert_int_equal(table.count, MAX); /* the new ones */
	stop();
}

static void test_a_node_goes(void **state)
{
	struct ear from, to, other;
	(void)state;

	start(FL_HOUR);
	approve(1, 2);
	approve(2, 3);
	approve(3, 4);
	fl_ssh_checks_clear(&table);
	approve(1, 2);
	approve(2, 3);
	approve(3, 4);
	attend(&from, 2, 9);
	attend(&other, 5, 9);
	fl_ssh_checks_forget(&table, 2);
	assert_false(holds(1, 2));
	assert_false(holds(2, 3));
	assert_true(holds(3, 4));
	assert_int_equal(from.calls, 1);
	assert_int_equal(other.calls, 0);
	attend(&to, 6, 2);
	fl_ssh_checks_forget(&table, 2);
	assert_int_equal(to.calls, 1);
	stop();
}

static void test_a_word_is_kept_and_served_once(void **state)
{
	struct fl_ssh_waiter w = { .fn = hear };
	char id[FL_AUTHREQ_TEXT_MAX];
	(void)state;

	start(FL_HOUR);
	struct fl_ssh_check *k = open_one(1, 2);
	memcpy(id, k->id, sizeof id);
	fl_ssh_checks_say(&table, k, FL_SSH_APPROVED);
	k = fl_ssh_checks_find(&table, fl_slice_str(id));
	assert_non_null(k);
	assert_int_equal(fl_ssh_checks_wait(&table, k, &w), FL_SSH_APPROVED);
	assert_null(fl_ssh_checks_find(&table, fl_slice_str(id)));
	assert_null(w.check);
	stop();
}

static void test_who_no_longer_waits(void **state)
{
	struct ear e;
	(void)state;

	start(FL_HOUR);
	attend(&e, 1, 2);
	fl_ssh_checks_unwait(&e.waiter);
	fl_ssh_checks_clear(&table);
	assert_int_equal(e.calls, 0);
	attend(&e, 1, 2); /* and is forgotten at the end */
	stop();
	fl_ssh_checks_unwait(&e.waiter);
	assert_int_equal(e.calls, 0);
}

int main(void)
{
	struct suite s = { 0 };

	suite_add(&s, "an approval is of one pair", test_an_approval_is_of_one_pair, NULL);
	suite_add(&s, "a rejection is none", test_a_rejection_is_none, NULL);
	suite_add(&s, "the oldest approval goes", test_the_oldest_approval_goes, NULL);
	suite_add(&s, "the oldest check goes", test_the_oldest_check_goes, NULL);
	suite_add(&s, "expiry", test_expiry, NULL);
	suite_add(&s, "another policy", test_another_policy, NULL);
	suite_add(&s, "a node goes", test_a_node_goes, NULL);
	suite_add(&s, "a word is kept and served once", test_a_word_is_kept_and_served_once, NULL);
	suite_add(&s, "who no longer waits", test_who_no_longer_waits, NULL);
	return suite_run(&s, "services/ssh_checks");
}
