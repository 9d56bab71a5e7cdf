/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_routing_nomem.c - a router comes while the n-th allocation fails, for every
 * n: when nothing else happens either, the next turn of the loop has it elected and probed.
 */
#include "../base/alloc_plan.h"
#include "../base/table.h"
#include "../domain/state_kit.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "services/control/core.h"

enum { ROUTERS = 2 };

struct rig {
	struct fl_loop *loop;
	struct fl_core core;
	fl_node_id node[ROUTERS];
	struct fl_conn conn[ROUTERS];
	char dir[40], db[64];
};

static void flush(struct rig *r)
{
	struct fl_fault fault = { "" };

	assert_err(fl_core_flush(&r->core, &fault), FL_OK);
}

static fl_node_id join(struct rig *r, fl_user_id user, unsigned n)
{
	static const char info[] = "{\"Hostname\":\"host\",\"RoutableIPs\":[\"10.1.0.0/16\"]}";
	const struct fl_prefix subnet = kit_prefix("10.1.0.0/16");
	struct kit_auth key = kit_auth(r->core.state, user, NULL, false);
	struct fl_fault fault = { "" };

	fl_node_id id = kit_join(
		r->core.state,
		(struct kit_request){ .machine = n, .key = n, .auth = key.text, .hostinfo = info });
	assert_err(fl_state_node_approve(r->core.state, id, &subnet, 1, &fault), FL_OK);
	return id;
}

static void announce(struct rig *r, unsigned i)
{
	const struct fl_change change = { .kind = FL_CHANGE_NODE_PATCHED,
					  .id = r->node[i],
					  .fields = FL_PATCH_ONLINE };

	fl_core_announce(&r->core, &change);
}

static void come(struct rig *r, unsigned i)
{
	bool first;

	assert_err(fl_registry_enter(r->core.sessions, &r->node[i], &r->conn[i], &first), FL_OK);
	announce(r, i);
}

static void go(struct rig *r, unsigned i)
{
	assert_int_equal(fl_registry_remove(r->core.sessions, &r->conn[i], 0), FL_CONN_LAST);
	announce(r, i);
	flush(r);
}

static void rig_init(struct rig *r)
{
	struct fl_fault fault = { "" };
	struct fl_store *store;
	struct fl_registry *sessions;

	*r = (struct rig){ .dir = "/tmp/fairlead-routing-XXXXXX" };
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->db, sizeof r->db, "%s/db.sqlite", r->dir);
	const struct fl_store_config cfg = { .path = r->db, .wal = true, .wal_autocheckpoint = -1 };
	assert_err(fl_loop_new(&r->loop), FL_OK);
	assert_err(fl_store_open(&cfg, &fault, &store), FL_OK);
	assert_err(fl_registry_new(sizeof(fl_node_id), 16, (const uint8_t[16]){ 1 }, &sessions),
		   FL_OK);
	assert_err(fl_core_init(&r->core, r->loop, kit_state(), store, sessions), FL_OK);
	fl_user_id ada = kit_user(r->core.state, "ada");
	for (unsigned i = 0; i < ROUTERS; i++)
		r->node[i] = join(r, ada, i + 1);
	come(r, 0);
	flush(r);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void rig_done(struct rig *r)
{
	fl_core_done(&r->core);
	fl_loop_free(r->loop);
	nftw(r->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
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

	assert_err(fl_primaries_contested(r->core.primaries, count_routers, &count), FL_OK);
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
		enum fl_err err = fl_core_flush(&r.core, &fault);
		ran_short = alloc_fail_end();
		assert_true(err == FL_OK || ran_short);
		late += sharing(&r) < ROUTERS;
		fl_loop_poll(r.loop);
		assert_int_equal(sharing(&r), ROUTERS);
		go(&r, 1);
		assert_int_equal(sharing(&r), 0);
	}
	assert_true(late > 0);
	rig_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_router_is_not_lost),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
