/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_routing_nomem.c - a router comes while the n-th allocation fails, for every
 * n: when nothing else happens either, the next turn of the loop has it among those that share a
 * subnet, whom election and probes go by.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"
#include "core_kit.h"

enum { ROUTERS = 2 };

struct rig {
	struct core_kit kit;
	fl_node_id node[ROUTERS];
	struct fl_conn conn[ROUTERS];
};

static fl_node_id add_router(struct rig *r, fl_user_id user, unsigned n)
{
	const struct fl_prefix subnet = kit_prefix("10.1.0.0/16");
	struct fl_fault fault = { "" };

	fl_node_id id = core_kit_join(&r->kit, user, n);
	assert_err(fl_state_node_approve(r->kit.core.state, id, &subnet, 1, &fault), FL_OK);
	return id;
}

static void announce(struct rig *r, unsigned i)
{
	const struct fl_change change = { .kind = FL_CHANGE_NODE_PATCHED,
					  .id = r->node[i],
					  .fields = FL_PATCH_ONLINE };

	fl_core_announce(&r->kit.core, &change);
}

static void come(struct rig *r, unsigned i)
{
	bool first;

	assert_err(fl_registry_enter(r->kit.core.sessions, &r->node[i], &r->conn[i], &first),
		   FL_OK);
	announce(r, i);
}

static void go(struct rig *r, unsigned i)
{
	assert_int_equal(fl_registry_remove(r->kit.core.sessions, &r->conn[i], 0), FL_CONN_LAST);
	announce(r, i);
	core_kit_flush(&r->kit);
}

static void rig_init(struct rig *r)
{
	*r = (struct rig){ 0 };
	core_kit_open(&r->kit);
	fl_user_id ada = kit_user(r->kit.core.state, "ada");
	for (unsigned i = 0; i < ROUTERS; i++)
		r->node[i] = add_router(r, ada, i + 1);
	come(r, 0);
	core_kit_flush(&r->kit);
}

static void count_routers(void *ctx, const uint64_t *nodes, size_t count)
{
	(void)nodes;
	*(size_t *)ctx += count;
}

/* How many share a subnet, as far as election and probes know. */
static size_t sharing(const struct rig *r)
{
	size_t count = 0;

	assert_err(fl_primaries_contested(r->kit.core.primaries, count_routers, &count), FL_OK);
	return count;
}

static void a_router_is_not_lost(void **state)
{
	struct rig r;
	bool ran_short = true;
	unsigned n = 0, late = 0;

	(void)state;
	rig_init(&r);
	for (; ran_short; n++) {
		struct fl_fault fault = { "" };
		come(&r, 1);
		alloc_fail_after(n);
		enum fl_err err = fl_core_flush(&r.kit.core, &fault);
		ran_short = alloc_fail_end();
		assert_true(err == FL_OK || ran_short);
		late += sharing(&r) < ROUTERS;
		fl_loop_poll(r.kit.loop);
		assert_int_equal(sharing(&r), ROUTERS);
		go(&r, 1);
		assert_int_equal(sharing(&r), 0);
	}
	assert_true(late > 0);
	core_kit_done(&r.kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_is_not_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
