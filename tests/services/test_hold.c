/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_hold.c - which changes wait for others, from when on, and for how long. */
#include "services/control/hold.h"

#include "../base/table.h"

static struct fl_change patch(uint64_t node, uint32_t fields)
{
	return (struct fl_change){ .kind = FL_CHANGE_NODE_PATCHED, .id = node, .fields = fields };
}

/* ---- when: each telling goes to `frames` sessions, and each time another node has a patch ---- */

static struct {
	const char *name;
	uint64_t frames;
	int64_t at[5];    /* us */
	const char *want; /* of each: t told, k kept */
} times[] = {
	{ "the first is told at once", 300, { 0 }, "t" },
	{ "the next waits", 300, { 0, 20000 }, "tk" },
	{ "until it is quiet", 300, { 0, 32799 }, "tk" },
	{ "then it is the first again", 300, { 0, 32800, 65600 }, "ttt" },
	{ "all gather from the first that waits", 300, { 0, 20000, 52799, 52800 }, "tkkt" },
	{ "and that was a telling", 300, { 0, 20000, 52800, 85599 }, "tktk" },
	{ "16 sessions wait for nothing", 16, { 0, 1 }, "tt" },
	{ "17 do", 17, { 0, 4079, 8158, 8159 }, "tkkt" },
	{ "100: twenty times what it cost", 100, { 0, 23999 }, "tk" },
	{ "and no longer", 100, { 0, 24000 }, "tt" },
	{ "1,000: nobody hears late", 1000, { 0, 15999 }, "tk" },
	{ "whatever it cost", 1000, { 0, 16000 }, "tt" },
	{ "1,600 have no time left", 1600, { 0, 1 }, "tt" },
	{ "nor have 10,000", 10000, { 0, 1 }, "tt" },
	{ "nor any number", UINT64_MAX, { 0, 1 }, "tt" },
	{ "nobody was told", 0, { 0, 1 }, "tt" },
};

static void test_time(void **state)
{
	typeof(times[0]) *row = *state;
	const fl_time begun = FL_HOUR;
	struct fl_hold h;

	fl_hold_init(&h, 0);
	for (size_t i = 0; row->want[i] != '\0'; i++) {
		struct fl_change c = patch(i + 1, FL_PATCH_ENDPOINTS);
		fl_time now = begun + row->at[i] * FL_US;
		bool kept = fl_hold_keep(&h, &c, 1, now);
		if (kept != (row->want[i] == 'k'))
			fail_msg("the change of %lld us is %s", (long long)row->at[i],
				 kept ? "kept" : "told");
		if (kept)
			assert_true(fl_hold_due(&h) > now);
		else
			fl_hold_told(&h, row->frames, now);
	}
}

/* ---- what ---- */

static struct {
	const char *name;
	bool kept;
	struct fl_change c[2]; /* of one tick */
} kinds[] = {
#define PATCH(node, f)                                                                             \
	{                                                                                          \
		.kind = FL_CHANGE_NODE_PATCHED, .id = (node), .fields = (f)                        \
	}
#define OTHER(k)                                                                                   \
	{                                                                                          \
		.kind = (k), .id = 7                                                               \
	}
	{ "endpoints", true, { PATCH(7, FL_PATCH_ENDPOINTS) } },
	{ "home", true, { PATCH(7, FL_PATCH_DERP) } },
	{ "disco key", true, { PATCH(7, FL_PATCH_DISCO) } },
	{ "version", true, { PATCH(7, FL_PATCH_CAP) } },
	{ "several at once", true, { PATCH(7, FL_PATCH_CAP | FL_PATCH_ENDPOINTS) } },
	{ "two nodes", true, { PATCH(7, FL_PATCH_CAP), PATCH(8, FL_PATCH_DERP) } },
	{ "presence", false, { PATCH(7, FL_PATCH_ONLINE) } },
	{ "presence with endpoints", false, { PATCH(7, FL_PATCH_ONLINE | FL_PATCH_ENDPOINTS) } },
	{ "node key", false, { PATCH(7, FL_PATCH_KEY) } },
	{ "expiry", false, { PATCH(7, FL_PATCH_EXPIRY) } },
	{ "added", false, { OTHER(FL_CHANGE_NODE_ADDED) } },
	{ "changed", false, { OTHER(FL_CHANGE_NODE_CHANGED) } },
	{ "expired", false, { OTHER(FL_CHANGE_NODE_EXPIRED) } },
	{ "removed", false, { OTHER(FL_CHANGE_NODE_REMOVED) } },
	{ "user", false, { OTHER(FL_CHANGE_USER) } },
	{ "routes", false, { OTHER(FL_CHANGE_ROUTES) } },
	{ "health", false, { OTHER(FL_CHANGE_HEALTH) } },
	{ "policy", false, { OTHER(FL_CHANGE_POLICY) } },
	{ "one of two", false, { PATCH(8, FL_PATCH_DERP), OTHER(FL_CHANGE_NODE_REMOVED) } },
};

static void busy(struct fl_hold *h)
{
	fl_hold_init(h, 0);
	fl_hold_told(h, 300, FL_SEC);
}

static void test_kind(void **state)
{
	typeof(kinds[0]) *row = *state;
	size_t count = row->c[1].id != 0 ? 2 : 1;
	struct fl_hold h;

	busy(&h);
	assert_int_equal(fl_hold_keep(&h, row->c, count, FL_SEC + FL_MS), row->kept);
	assert_int_equal(h.count, row->kept ? count : 0);
}

/* ---- how much ---- */

static void test_one_entry_a_node(void **state)
{
	const struct fl_change first[] = { patch(3, FL_PATCH_DERP), patch(4, FL_PATCH_CAP),
					   patch(3, FL_PATCH_DISCO) };
	const struct fl_change then = patch(4, FL_PATCH_ENDPOINTS);
	struct fl_hold h;
	(void)state;

	busy(&h);
	assert_true(fl_hold_keep(&h, first, COUNT(first), FL_SEC + FL_MS));
	assert_true(fl_hold_keep(&h, &then, 1, FL_SEC + 2 * FL_MS));
	assert_int_equal(h.count, 2);
	assert_int_equal(h.kept[0].id, 3);
	assert_int_equal(h.kept[0].fields, FL_PATCH_DERP | FL_PATCH_DISCO);
	assert_int_equal(h.kept[1].id, 4);
	assert_int_equal(h.kept[1].fields, FL_PATCH_CAP | FL_PATCH_ENDPOINTS);
	assert_int_equal(h.since, FL_SEC + FL_MS);
}

static void test_bound(void **state)
{
	struct fl_hold h;
	struct fl_change c;
	(void)state;

	busy(&h);
	for (uint64_t i = 1; i <= FL_HOLD_MAX; i++) {
		c = patch(i, FL_PATCH_DERP);
		assert_true(fl_hold_keep(&h, &c, 1, FL_SEC + FL_MS));
	}
	assert_true(fl_hold_keep(&h, &c, 1, FL_SEC + FL_MS)); /* one of them again */
	c = patch(FL_HOLD_MAX + 1, FL_PATCH_DERP);
	assert_false(fl_hold_keep(&h, &c, 1, FL_SEC + FL_MS));
	assert_int_equal(h.count, FL_HOLD_MAX);
	fl_hold_told(&h, 300, FL_SEC + FL_MS);
	assert_int_equal(h.count, 0);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, times, test_time);
	ROWS(&suite, kinds, test_kind);
	suite_add(&suite, "one entry a node", test_one_entry_a_node, NULL);
	suite_add(&suite, "bound", test_bound, NULL);
	return suite_run(&suite, "services/hold");
}
