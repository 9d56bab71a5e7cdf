/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_told_nomem.c - SSH policies, attributes and tests of a document with the
 * n-th allocation failing for every n: an error, never half an answer, and nothing leaks.
 */
#include "policy_kit.h"

#include "../base/alloc_plan.h"

static const char world[] = "user ann ann@example.com\n"
			    "user bob bob@example.org\n"
			    "node phone user=ann\n"
			    "node lap user=ann\n"
			    "node pc user=bob\n"
			    "node web tags=tag:a,tag:b\n";
static const char policy[] =
	"{\"tagOwners\":{\"tag:a\":[],\"tag:b\":[]},\"randomizeClientPort\":true,"
	"\"nodeAttrs\":[{\"target\":[\"*\"],\"attr\":[\"x\"],\"app\":{\"e.com/c\":[1]}},"
	"{\"target\":[\"tag:a\"],\"app\":{\"e.com/c\":[2]}}],"
	"\"ssh\":[{\"action\":\"accept\",\"src\":[\"autogroup:member\"],\"dst\":[\"tag:a\"],"
	"\"users\":[\"root\",\"localpart:*@example.com\"],\"acceptEnv\":[\"LC_*\"]},"
	"{\"action\":\"check\",\"src\":[\"ann@\"],\"dst\":[\"autogroup:self\"],"
	"\"users\":[\"autogroup:nonroot\"]}],"
	"\"tests\":[{\"src\":\"ann@\",\"accept\":[\"tag:a:22\"],\"deny\":[\"tag:b:1\"]},"
	"{\"src\":\"eve@\",\"deny\":[\"tag:b:1\"]}],"
	"\"sshTests\":[{\"src\":\"ann@\",\"dst\":[\"tag:a\",\"autogroup:self\"],"
	"\"accept\":[\"root\",\"ann\"],\"check\":[\"x\"],\"deny\":[\"bob\"]}]}";

static struct kit kit;

static int set_up(void **state)
{
	(void)state;
	kit_init(&kit, world, policy);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_done(&kit);
	return 0;
}

/* A fresh one each time, for texts are kept. */
static struct fl_policy *fresh(void)
{
	struct fl_policy *p = NULL;

	assert_err(fl_policy_new(kit.doc, &kit.world.world, &p), FL_OK);
	return p;
}

static void ssh(void **state)
{
	struct fl_buf want = fl_buf_make(1 << 20);
	bool failed = true;

	(void)state;
	assert_true(fl_policy_ssh(kit.p, 4, "x", &want));
	for (size_t n = 0; failed; n++) {
		struct fl_buf b = fl_buf_make(1 << 20);
		struct fl_policy *p = fresh();
		alloc_fail_after(n);
		assert_true(fl_policy_ssh(p, 4, "x", &b));
		failed = alloc_fail_end();
		assert_err(fl_buf_err(&b), failed ? FL_ERR_NOMEM : FL_OK);
		fl_buf_reset(&b);
		assert_true(fl_policy_ssh(p, 4, "x", &b)); /* and it recovers */
		assert_bytes(fl_buf_slice(&b), fl_buf_slice(&want));
		fl_buf_done(&b);
		fl_policy_unref(p);
	}
	fl_buf_done(&want);
}

static void count(void *ctx, const char *name, const char *args)
{
	size_t *n = ctx;

	if (strcmp(name, "e.com/c") == 0)
		assert_string_equal(args, "[1,2]");
	++*n;
}

static void attrs(void **state)
{
	enum fl_err err = FL_ERR_NOMEM;

	(void)state;
	for (size_t n = 0; err != FL_OK; n++) {
		size_t told = 0;
		alloc_fail_after(n);
		err = fl_policy_attrs(kit.p, 4, count, &told);
		bool failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_true(failed ? told < 3 : told == 3);
	}
}

static void document_tests(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 0; failed; n++) {
		struct fl_policy_report report = { 0 };
		struct fl_policy *p = fresh();
		alloc_fail_after(n);
		enum fl_err err = fl_policy_run_tests(p, &report);
		failed = alloc_fail_end();
		assert_err(err, failed ? FL_ERR_NOMEM : FL_ERR_INVALID);
		assert_true(failed || report.len == 2);
		fl_policy_report_done(&report);
		fl_policy_unref(p);
	}
}

/* What cannot be compared counts as different. */
static void differs(void **state)
{
	bool failed = true;

	(void)state;
	for (size_t n = 0; failed; n++) {
		struct fl_policy *p = fresh();
		struct fl_policy *q = NULL;
		assert_err(fl_policy_step(p, NULL, 0, NULL, 0, &q), FL_OK);
		alloc_fail_after(n);
		unsigned parts = fl_policy_differs(p, q, 4);
		failed = alloc_fail_end();
		assert_true(failed || parts == 0);
		fl_policy_unref(q);
		fl_policy_unref(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ssh),
		cmocka_unit_test(attrs),
		cmocka_unit_test(document_tests),
		cmocka_unit_test(differs),
	};

	return cmocka_run_group_tests_name("policy_told_nomem", tests, set_up, tear_down);
}
