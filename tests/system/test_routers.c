/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_routers.c - routers that share a subnet, seen by the server and by a peer: who
 * carries it as they come, go, fall silent and answer again (docs/lifecycle.md HAH, HAD, HAP,
 * RTE-6).
 *
 * Probes every 200 ms with 100 ms for an answer, grace 1 s. A router that does not answer is the
 * only way to an unhealthy mark.
 */
#include "client.h"

#include <stdio.h>

enum { ROUTERS = 4 };

static const char probes[] = "node:\n  routes:\n    ha:\n      probe_interval: 200ms\n"
			     "      probe_timeout: 100ms\npolicy:\n  mode: database\n";

struct router {
	struct node n;
	fl_node_id id;
	bool silent, away;
};

static struct sys sys;
static struct node viewer;
static struct router routers[ROUTERS];
static size_t count;
static char *reusable;

/* ---- what happens while somebody waits ---- */

static void live(void)
{
	for (size_t i = 0; i < count; i++) {
		if (routers[i].away)
			continue;
		assert_false(node_fold(&routers[i].n));
		if (!routers[i].silent)
			node_pong(&routers[i].n);
	}
	assert_false(node_fold(&viewer));
}

static bool (*awaited)(void);

static bool live_and_look(void *ctx)
{
	(void)ctx;
	live();
	return awaited();
}

static void expect(bool (*cond)(void))
{
	awaited = cond;
	assert_true(sys_until(&sys, live_and_look, NULL));
}

static uint64_t seen_results[FL_PROBE_RESULTS], wanted[FL_PROBE_RESULTS];

static bool are_there(void)
{
	struct fl_control_stats s = sys_stats(&sys);

	for (size_t i = 0; i < FL_PROBE_RESULTS; i++)
		if (s.probes[i] < seen_results[i] + wanted[i])
			return false;
	return true;
}

/* Until there were so many more results of a kind. */
static void expect_probes(enum fl_probe_result kind, uint64_t more)
{
	struct fl_control_stats s = sys_stats(&sys);

	memcpy(seen_results, s.probes, sizeof seen_results);
	memset(wanted, 0, sizeof wanted);
	wanted[kind] = more;
	expect(are_there);
}

/* ---- routers ---- */

static void approve(const struct router *r, const char *routes)
{
	char path[96], body[128];

	snprintf(path, sizeof path, "/api/v1/node/%llu/approve_routes", (unsigned long long)r->id);
	snprintf(body, sizeof body, "{\"routes\":[%s]}", routes);
	api_ok(&sys, "POST", path, body);
}

static struct router *router(const char *routes)
{
	struct router *r = &routers[count];
	char name[16], fields[160];

	*r = (struct router){ .silent = false };
	snprintf(name, sizeof name, "r%zu", count + 1);
	node_open(&r->n, &sys, name);
	node_join(&r->n, reusable);
	r->id = (fl_node_id)node_id(&r->n);
	snprintf(fields, sizeof fields, "{\"Hostinfo\":{\"RoutableIPs\":[%s]}}", routes);
	node_lite(&r->n, fields);
	approve(r, routes);
	node_poll(&r->n);
	count++;
	return r;
}

static void leave(struct router *r)
{
	node_end_poll(&r->n);
	r->away = true;
}

static void come(struct router *r)
{
	if (r->n.poll != NULL)
		node_end_poll(&r->n);
	r->away = true; /* while it waits for its first map */
	node_poll(&r->n);
	r->away = false;
}

static bool none_left(void)
{
	return json_object_size(viewer.view.peers) == 0;
}

static int end_all(void **state)
{
	char path[64];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		snprintf(path, sizeof path, "/api/v1/node/%llu", (unsigned long long)routers[i].id);
		api_ok(&sys, "DELETE", path, NULL);
		node_close(&routers[i].n);
	}
	count = 0;
	expect(none_left);
	assert_int_equal(fl_primaries_unhealthy(sys_core(&sys)->primaries), 0);
	return 0;
}

/* ---- who carries it ---- */

#define NET   "\"10.1.0.0/16\""
#define OTHER "\"10.2.0.0/16\""

static struct fl_prefix net(unsigned i)
{
	return (struct fl_prefix){ fl_ip_v4(10, (uint8_t)i, 0, 0), 16 };
}

static fl_node_id primary(unsigned i)
{
	struct fl_prefix p = net(i);
	return fl_primaries_of(sys_core(&sys)->primaries, &p);
}

static bool is_healthy(const struct router *r)
{
	return fl_primaries_healthy(sys_core(&sys)->primaries, r->id);
}

static bool lists(json_t *list, const char *text)
{
	json_t *v;
	size_t i;

	json_array_foreach(list, i, v) if (strcmp(json_string_value(v), text) == 0) return true;
	return false;
}

/* Which peers lead the viewer to the subnet: "r1"; INV-43: at most one. */
static const char *seen_way(unsigned i)
{
	static char way[64];
	char text[32];
	const char *id;
	json_t *peer;

	way[0] = '\0';
	snprintf(text, sizeof text, "10.%u.0.0/16", i);
	json_object_foreach(viewer.view.peers, id, peer)
	{
		bool leads = lists(json_object_get(peer, "AllowedIPs"), text);
		assert_int_equal(leads, lists(json_object_get(peer, "PrimaryRoutes"), text));
		if (!leads)
			continue;
		assert_string_equal(way, "");
		snprintf(way, sizeof way, "%s", text_at(peer, "Hostinfo.Hostname"));
	}
	return way;
}

static const char *wanted_way;
static unsigned wanted_net;

static bool is_way(void)
{
	return strcmp(seen_way(wanted_net), wanted_way) == 0;
}

/* The viewer is led to the subnet by that router ("": by nobody), and the server says the same. */
static void expect_way(unsigned i, const char *name)
{
	fl_node_id id = name[0] != '\0' ? routers[name[1] - '1'].id : 0;

	wanted_net = i;
	wanted_way = name;
	expect(is_way);
	assert_int_equal(primary(i), id);
}

static bool is_online(const char *name)
{
	return json_is_true(json_object_get(node_peer(&viewer, name), "Online"));
}

/* ---- RTE-6 ---- */

static void test_only_the_second_returns(void **state)
{
	(void)state;
	struct router *a = router(NET), *b = router(NET);

	expect_way(1, "r1");
	leave(a);
	expect_way(1, "r2");
	assert_false(is_online("r1"));
	leave(b);
	expect_way(1, "");
	come(b);
	expect_way(1, "r2");
	assert_true(is_online("r2"));
	come(a);
	expect_probes(FL_PROBE_ANSWERED, 2);
	expect_way(1, "r2");
	node_assert_complete(&viewer);
}

/* ---- HAH ---- */

static void test_answers_keep_it(void **state)
{
	(void)state;
	router(NET), router(NET);
	expect_way(1, "r1");
	uint64_t moves = sys_core(&sys)->stats.failovers;
	sys_turn(&sys, 16);
	live();
	size_t messages = viewer.view.messages;
	expect_probes(FL_PROBE_ANSWERED, 8);
	expect_way(1, "r1");
	assert_int_equal(sys_core(&sys)->stats.failovers, moves);
	assert_int_equal(viewer.view.messages, messages); /* HA-7 */
}

static const struct router *ill;

static bool is_ill(void)
{
	return !is_healthy(ill);
}

static bool is_well(void)
{
	return is_healthy(ill);
}

/* The first of two falls silent until it is marked. */
static struct router *silenced(void)
{
	struct router *a = router(NET);

	router(NET);
	expect_way(1, "r1");
	a->silent = true;
	ill = a;
	expect(is_ill);
	return a;
}

static void test_silence_moves_it_and_recovery_does_not(void **state)
{
	(void)state;
	struct router *a = silenced();

	expect_way(1, "r2"); /* HAH-2, HAD-1 */
	assert_true(is_online("r1"));
	a->silent = false;
	expect(is_well);
	expect_probes(FL_PROBE_ANSWERED, 4);
	expect_way(1, "r2"); /* HAH-3 */
}

/* HAH-4, and HAP-7: the first probe of a fresh session says nothing. */
static void test_reconnect_clears_the_mark(void **state)
{
	(void)state;
	struct router *a = silenced();

	come(a);
	sys_turn(&sys, 8);
	assert_true(is_healthy(a));
	expect_probes(FL_PROBE_DEFERRED, 1);
	assert_true(is_healthy(a));
	expect_way(1, "r2");
	expect(is_ill); /* the second does */
}

static void test_empty_approval_clears_the_mark(void **state)
{
	(void)state;
	struct router *a = silenced();

	approve(a, "");
	assert_true(is_healthy(a));
	approve(a, NET);
	assert_true(is_healthy(a));
	expect_way(1, "r2");
}

static void test_leaving_clears_the_mark(void **state)
{
	(void)state;
	struct router *a = silenced();

	leave(a);
	expect(is_well);
	assert_false(fl_core_online(sys_core(&sys), a->id));
}

static bool has_unanswered(void)
{
	return json_array_size(routers[0].n.view.pings) > routers[0].n.ponged;
}

/* HAH-8: what a session was asked says nothing of the next. */
static void test_reconnect_during_a_cycle(void **state)
{
	(void)state;
	struct router *a = router(NET);

	router(NET);
	expect_way(1, "r1");
	expect_probes(FL_PROBE_ANSWERED, 4);
	a->silent = true;
	expect(has_unanswered);
	come(a);
	a->silent = false;
	expect_probes(FL_PROBE_DEFERRED, 1);
	expect_probes(FL_PROBE_ANSWERED, 4);
	assert_true(is_healthy(a));
	expect_way(1, "r1");
}

/* HAH-9 */
static void test_nothing_shared_nothing_asked(void **state)
{
	(void)state;
	struct router *a = router(NET), *b = router(OTHER);

	expect_way(1, "r1");
	expect_way(2, "r2");
	uint64_t asked = sys_stats(&sys).frames_ping;
	sys_for(&sys, FL_SEC);
	live();
	assert_int_equal(sys_stats(&sys).frames_ping, asked);
	assert_int_equal(json_array_size(a->n.view.pings) + json_array_size(b->n.view.pings), 0);
}

/* ---- HAD-2 ---- */

static void test_revoked_approval_moves_it(void **state)
{
	(void)state;
	struct router *a = router(NET);

	router(NET);
	expect_way(1, "r1");
	approve(a, "");
	expect_way(1, "r2");
	approve(a, NET);
	expect_way(1, "r2");
}

/* HA-11 */
static void test_deletion_moves_it(void **state)
{
	char path[64];
	(void)state;
	struct router *a = router(NET);

	router(NET);
	expect_way(1, "r1");
	snprintf(path, sizeof path, "/api/v1/node/%llu", (unsigned long long)a->id);
	a->away = true;
	api_ok(&sys, "DELETE", path, NULL);
	expect_way(1, "r2");
	a->away = false;
	node_end_poll(&a->n);
	node_join(&a->n, reusable);
	a->id = (fl_node_id)node_id(&a->n);
	node_poll(&a->n);
}

/* ---- HA-6, D-8: a candidate that says nothing holds up its own subnet only ---- */

static struct router *flapping;

static bool moved_elsewhere(void)
{
	return primary(2) == routers[3].id;
}

static bool moved_or_asked(void)
{
	return moved_elsewhere() || json_array_size(flapping->n.view.pings) > 0;
}

static void test_flapping_holds_up_its_own_subnet_only(void **state)
{
	(void)state;
	struct router *a = router(NET), *b = router(NET), *c = router(OTHER);

	router(OTHER);
	expect_probes(FL_PROBE_ANSWERED, 8);
	a->silent = b->silent = c->silent = true;
	flapping = b;
	while (!moved_elsewhere()) {
		come(flapping); /* another session than the one that was asked */
		expect(moved_or_asked);
	}
	expect_way(2, "r4");
	assert_int_equal(primary(1), a->id);
	assert_false(is_healthy(c));
	assert_true(is_healthy(a));
}

/* ---- HAP: a random walk ---- */

enum { STEPS = 25, WALKERS = 3 };

static bool is_candidate(const struct router *r)
{
	return r->id != 0 && fl_core_online(sys_core(&sys), r->id);
}

static void check_walk(fl_node_id before)
{
	fl_node_id now = primary(1);
	const struct router *kept = NULL, *has = NULL;
	bool any_healthy = false;

	for (size_t i = 0; i < WALKERS; i++) {
		any_healthy |= is_candidate(&routers[i]) && is_healthy(&routers[i]);
		if (routers[i].id == now)
			has = &routers[i];
		if (routers[i].id == before)
			kept = &routers[i];
	}
	assert_true(now == 0 || is_candidate(has));                 /* HAP-1 */
	assert_int_equal(primary(1), now);                          /* HAP-3 */
	assert_true(!any_healthy || (now != 0 && is_healthy(has))); /* HAP-6 */
	if (kept != NULL && is_candidate(kept) && is_healthy(kept))
		assert_int_equal(now, before); /* HAP-5 */
	if (!any_healthy && kept != NULL && is_candidate(kept))
		assert_int_equal(now, before); /* HAP-6 */
}

static bool is_offline(void)
{
	return !fl_core_online(sys_core(&sys), ill->id);
}

static void walk(struct fl_rng *rng)
{
	struct router *r = &routers[fl_rng_below(rng, WALKERS)];

	switch (fl_rng_below(rng, 4)) {
	case 0:
		if (r->away)
			come(r);
		return;
	case 1:
		if (!r->away)
			leave(r);
		ill = r;
		expect(is_offline);
		return;
	case 2:
		r->silent = !r->silent;
		return;
	default:
		sys_for(&sys, 20 * FL_MS);
	}
}

struct watch {
	fl_time end;
	fl_node_id before;
};

/* Each tick leaves a right assignment. */
static bool watch_is_over(void *ctx)
{
	struct watch *w = ctx;

	live();
	check_walk(w->before);
	w->before = primary(1);
	return fl_loop_now(sys.loop) >= w->end;
}

static void test_random_walk(void **state)
{
	struct fl_rng rng;
	(void)state;

	fl_rng_init(&rng, 20);
	for (size_t i = 0; i < WALKERS; i++)
		router(NET);
	expect_way(1, "r1");
	for (unsigned step = 0; step < STEPS; step++) {
		walk(&rng);
		struct watch w = { fl_loop_now(sys.loop) + 150 * FL_MS, primary(1) };
		assert_true(sys_until(&sys, watch_is_over, &w));
	}
	for (size_t i = 0; i < WALKERS; i++) {
		routers[i].silent = false;
		if (routers[i].away)
			come(&routers[i]);
	}
	expect_probes(FL_PROBE_ANSWERED, 6);
	for (size_t i = 0; i < WALKERS; i++)
		if (routers[i].id == primary(1))
			expect_way(1, routers[i].n.hostname);
	node_assert_complete(&viewer);
}

/* ---- HA-9: steering by a policy looks at who answers ---- */

static void set_policy(const char *text)
{
	json_t *body = json_pack("{s:s}", "policy", text);
	char *dump = json_dumps(body, JSON_COMPACT);

	api_ok(&sys, "PUT", "/api/v1/policy", dump);
	free(dump);
	json_decref(body);
}

static void test_via_prefers_who_answers(void **state)
{
	(void)state;
	struct router *a = router(NET), *b = router(NET);

	for (size_t i = 0; i < count; i++) {
		char path[64];
		snprintf(path, sizeof path, "/api/v1/node/%llu/tags",
			 (unsigned long long)routers[i].id);
		api_ok(&sys, "POST", path, "{\"tags\":[\"tag:router\"]}");
	}
	set_policy("{\"tagOwners\":{\"tag:router\":[]},\"grants\":[{\"src\":[\"*\"],"
		   "\"dst\":[\"10.1.0.0/16\"],\"ip\":[\"*\"],\"via\":[\"tag:router\"]}]}");
	expect_way(1, "r1");
	a->silent = true;
	ill = a;
	expect(is_ill);
	expect_way(1, "r2");
	a->silent = false;
	b->silent = true;
	ill = b;
	expect(is_ill);
	expect_way(1, "r1");
	set_policy("");
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "RTE-6 only the second returns", test_only_the_second_returns, NULL);
	suite_add(&suite, "HAH-1 answers keep it", test_answers_keep_it, NULL);
	suite_add(&suite, "HAH-2, HAH-3, HAD-1 silence moves it, recovery does not",
		  test_silence_moves_it_and_recovery_does_not, NULL);
	suite_add(&suite, "HAH-4, HAP-7 reconnect clears the mark", test_reconnect_clears_the_mark,
		  NULL);
	suite_add(&suite, "HAH-5 empty approval clears it", test_empty_approval_clears_the_mark,
		  NULL);
	suite_add(&suite, "HAH-6 leaving clears it", test_leaving_clears_the_mark, NULL);
	suite_add(&suite, "HAH-8 reconnect during a cycle", test_reconnect_during_a_cycle, NULL);
	suite_add(&suite, "HAH-9 nothing shared, nothing asked", test_nothing_shared_nothing_asked,
		  NULL);
	suite_add(&suite, "HAD-2 revoked approval moves it", test_revoked_approval_moves_it, NULL);
	suite_add(&suite, "HA-11 deletion moves it", test_deletion_moves_it, NULL);
	suite_add(&suite, "HA-6 flapping holds up its own subnet only",
		  test_flapping_holds_up_its_own_subnet_only, NULL);
	suite_add(&suite, "HAP a random walk", test_random_walk, NULL);
	suite_add(&suite, "HA-9 via prefers who answers", test_via_prefers_who_answers, NULL);
	sys_start(&sys, true, probes);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	node_open(&viewer, &sys, "viewer");
	node_join(&viewer, reusable);
	node_poll(&viewer);
	for (size_t i = 0; i < suite.count; i++)
		suite.tests[i].teardown_func = end_all;
	int failed = suite_run(&suite, "system/routers");
	node_close(&viewer);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
