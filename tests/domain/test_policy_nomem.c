/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_nomem.c - compiling, stepping and answering with the n-th allocation
 * failing for every n: an error comes back, outputs stay, nothing leaks, no peer is lost.
 */
#include "policy_kit.h"

#include "../base/alloc_plan.h"
#include "domain/policy/engine.h"

static const char world[] = "user ann ann@example.com role=owner\n"
			    "user bob bob@example.org\n"
			    "node phone user=ann\n"
			    "node lap user=ann\n"
			    "node pc user=bob\n"
			    "node web tags=tag:a\n"
			    "node router tags=tag:r routes=10.33.0.0/16,100.64.0.0/29\n"
			    "node exit tags=tag:r routes=0.0.0.0/0,::/0\n";
static const char later[] = "user ann ann@example.com role=owner\n"
			    "user bob bob@example.org\n"
			    "node phone user=bob\n"
			    "node lap user=ann ip=100.64.0.77\n"
			    "node pc tags=tag:r routes=10.34.0.0/16\n"
			    "node web tags=tag:r\n"
			    "node router tags=tag:a routes=10.33.0.0/16\n"
			    "node more id=9 user=bob\n";
static const char policy[] =
	"{\"groups\":{\"group:g\":[\"ann@\",\"nobody@\"]},\"tagOwners\":{\"tag:a\":[],\"tag:r\":[]}"
	","
	"\"hosts\":{\"net\":\"10.33.0.0/16\"},\"ipsets\":{\"ipset:s\":[\"add net\",\"ipset:t\"],"
	"\"ipset:t\":[\"10.0.0.0/24\"]},\"grants\":["
	"{\"src\":[\"*\",\"group:g\"],\"dst\":[\"tag:a\",\"ipset:s\"],\"ip\":[\"22\",\"tcp:1\"]},"
	"{\"src\":[\"bob@\",\"tag:a\"],\"dst\":[\"*\"],\"app\":{\"tailscale.com/cap/drive\":[1]}},"
	"{\"src\":[\"group:g\"],\"dst\":[\"autogroup:self\"],\"ip\":[\"*\"],"
	"\"app\":{\"tailscale.com/cap/relay\":[]}},"
	"{\"src\":[\"ann@\"],\"dst\":[\"net\",\"autogroup:internet\"],\"ip\":[\"*\"],"
	"\"via\":[\"tag:r\"]}]}";

static struct kit kit;
static struct kit_world then;

static int set_up(void **state)
{
	(void)state;
	kit_init(&kit, world, policy);
	kit_world_init(&then, later);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	kit_done(&kit);
	kit_world_done(&then);
	return 0;
}

static void compile(void **state)
{
	enum fl_err err = FL_ERR_NOMEM;

	(void)state;
	for (size_t n = 0; err != FL_OK; n++) {
		struct fl_policy *p = NULL;
		alloc_fail_after(n);
		err = fl_policy_new(kit.doc, &kit.world.world, &p);
		bool failed = alloc_fail_end();
		assert_int_equal(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_int_equal(p == NULL, failed);
		fl_policy_unref(p);
	}
}

static void step(void **state)
{
	const uint64_t gone[] = { 6 };
	enum fl_err err = FL_ERR_NOMEM;

	(void)state;
	for (size_t n = 0; err != FL_OK; n++) {
		struct fl_policy *p = NULL;
		alloc_fail_after(n);
		err = fl_policy_step(kit.p, then.nodes, then.world.nodes_len, gone, 1, &p);
		bool failed = alloc_fail_end();
		assert_int_equal(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_int_equal(p == NULL, failed);
		fl_policy_unref(p);
	}
}

/* A filter is whole or it is an error; a fresh snapshot each time, for texts are kept. */
static void filter(void **state)
{
	for (uint64_t node = 1; node <= 6; node++) {
		char *want = kit_filter(kit.p, node);
		bool failed = true;
		for (size_t n = 0; failed; n++) {
			struct fl_buf b = fl_buf_make(1 << 20);
			struct fl_policy *p = NULL;
			assert_err(fl_policy_new(kit.doc, &kit.world.world, &p), FL_OK);
			alloc_fail_after(n);
			fl_policy_filter(p, node, &b);
			failed = alloc_fail_end();
			assert_err(fl_buf_err(&b), failed ? FL_ERR_NOMEM : FL_OK);
			if (!failed)
				assert_text(fl_buf_slice(&b), want);
			fl_buf_done(&b);
			fl_policy_unref(p);
		}
		free(want);
	}
	(void)state;
}

static void peers(void **state)
{
	uint64_t want[8], got[8];

	(void)state;
	for (uint64_t node = 1; node <= 6; node++) {
		size_t len = fl_policy_peers(kit.p, node, want, COUNT(want));
		bool failed = true;
		for (size_t n = 0; failed; n++) {
			struct fl_policy *p = NULL;
			assert_err(fl_policy_new(kit.doc, &kit.world.world, &p), FL_OK);
			alloc_fail_after(n);
			size_t have = fl_policy_peers(p, node, got, COUNT(got));
			failed = alloc_fail_end();
			assert_int_equal(have, len);
			assert_memory_equal(got, want, len * sizeof *want);
			fl_policy_unref(p);
		}
	}
}

static void resolve(void **state)
{
	struct fl_alias alias;
	enum fl_err err = FL_ERR_NOMEM;

	(void)state;
	assert_err(fl_alias_parse("ann@", &alias, NULL), FL_OK);
	for (size_t n = 0; err != FL_OK; n++) {
		struct fl_policy_set *set = NULL;
		alloc_fail_after(n);
		err = fl_policy_resolve(kit.p, &alias, &set);
		bool failed = alloc_fail_end();
		assert_int_equal(err, failed ? FL_ERR_NOMEM : FL_OK);
		assert_int_equal(set == NULL, failed);
		fl_policy_set_unref(set);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compile), cmocka_unit_test(step),    cmocka_unit_test(filter),
		cmocka_unit_test(peers),   cmocka_unit_test(resolve),
	};

	return cmocka_run_group_tests_name("policy_nomem", tests, set_up, tear_down);
}
