/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_people_nomem.c - diffs, who reaches whom and explanations in words with
 * the n-th allocation failing for every n: an error or the whole answer, and nothing leaks.
 */
#include "policy_kit.h"

#include "../base/alloc_plan.h"
#include "domain/policy/chain.h"
#include "domain/policy/diff.h"
#include "domain/policy/reach.h"

static const char world[] = "user ann ann@example.com\n"
			    "user bob bob@example.org\n"
			    "node phone user=ann\n"
			    "node lap user=ann\n"
			    "node pc user=bob\n"
			    "node web tags=tag:a\n"
			    "node db tags=tag:b\n"
			    "node r1 tags=tag:r routes=10.33.0.0/16\n"
			    "node exit tags=tag:x routes=0.0.0.0/0,::/0\n";
static const char was[] =
	"{\"groups\":{\"group:g\":[\"ann@\",\"bob@\"]},\"hosts\":{\"net\":\"10.33.5.0/24\"},"
	"\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:x\":[]},"
	"\"grants\":[{\"src\":[\"group:g\"],\"dst\":[\"tag:a\",\"net\"],\"ip\":[\"tcp:22,80\"]},"
	"{\"src\":[\"ann@\"],\"dst\":[\"autogroup:self\",\"autogroup:internet\"],\"ip\":[\"*\"]},"
	"{\"src\":[\"bob@\"],\"dst\":[\"10.33.0.0/16\"],\"ip\":[\"*\"],\"via\":[\"tag:r\"]}]}";
static const char is[] = "{\"tagOwners\":{\"tag:a\":[],\"tag:b\":[],\"tag:r\":[],\"tag:x\":[]},"
			 "\"acls\":[{\"src\":[\"*\"],\"dst\":[\"tag:b:22\",\"10.33.0.0/16:53\"]},"
			 "{\"src\":[\"bob@\"],\"dst\":[\"autogroup:self:22\",\"tag:a:80\"]}]}";

static struct kit before, after;

static void diff(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 0; failed; n++) {
		struct fl_policy_diff d;
		alloc_fail_after(n);
		enum fl_err err = fl_policy_diff(before.p, after.p, &d);
		failed = alloc_fail_end();
		/* Which node differs may be told too often then, not too seldom. */
		assert_true(err == FL_OK || (failed && err == FL_ERR_NOMEM));
		if (err == FL_OK) {
			assert_true(d.gained.count > 0 && d.lost.count > 0);
			fl_policy_diff_done(&d);
		}
	}
}

static void with(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 0; failed; n++) {
		struct fl_policy *p = NULL;
		alloc_fail_after(n);
		enum fl_err err = fl_policy_with(before.p, after.doc, &p);
		failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		fl_policy_unref(p);
	}
}

static void reach(void **state)
{
	const struct fl_policy *const policies[] = { before.p, after.p };

	(void)state;
	for (size_t i = 0; i < 2 * COUNT(policies); i++) {
		bool failed = true;
		for (size_t n = 0; failed; n++) {
			const struct fl_policy *p = policies[i / 2];
			const struct fl_policy_query q = { .dst = fl_ip_v4(10, 33, 5, 7),
							   .any_port = true };
			struct fl_reaches r;
			alloc_fail_after(n);
			enum fl_err err =
				i % 2 == 0 ? fl_policy_who_can(p, &q, &r) : fl_policy_can(p, 3, &r);
			failed = alloc_fail_end();
			assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
			if (err == FL_OK) {
				assert_true(r.len > 0);
				fl_reaches_done(&r);
			}
		}
	}
}

static void chain(void **state)
{
	const struct fl_rule *r = &before.doc->rules[0];
	const struct fl_ip ip = fl_ip_v4(100, 64, 0, 1);
	bool failed = true;

	(void)state;
	for (size_t n = 0; failed; n++) {
		struct fl_strlist steps = { 0 };
		alloc_fail_after(n);
		enum fl_err err = fl_policy_chain(before.p, &ip, &r->src.at[0], &steps);
		failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		fl_strlist_done(&steps);
	}
}

int main(void)
{
	static struct suite s;

	kit_init(&before, world, was);
	kit_init(&after, world, is);
	suite_add(&s, "diff", diff, NULL);
	suite_add(&s, "another document in the same world", with, NULL);
	suite_add(&s, "who reaches whom", reach, NULL);
	suite_add(&s, "chain", chain, NULL);
	int failed = suite_run(&s, "policy people nomem");
	kit_done(&before);
	kit_done(&after);
	return failed;
}
