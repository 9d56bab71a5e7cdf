/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_map_pieces.c - maps of many nodes, which are mostly made of pieces that others
 * get too: what nodes fold from changes is what fresh maps show, in every form of a map, while
 * nodes come, change and go; without a policy and under one that shows routes to some only.
 *
 *   ada's see ada's, and the routers with their route; bob's see bob's, and the routers without
 */
#include "client.h"

#include <stdio.h>
#include <zstd.h>

#include "base/rng.h"
#include "services/control/internal.h"

enum { CROWD = 150, STEPS = 40, ROUTER_EVERY = 10, MAP_MAX = 16 << 20 };

static struct sys sys;
static fl_user_id ada, bob;
static struct node first, middle, last; /* ada's, bob's, ada's; the crowd stands between */
static struct node *const watchers[] = { &first, &middle, &last };
static unsigned made;

static const char policy[] =
	"{\"tagOwners\":{\"tag:router\":[\"ada@\"]},\"acls\":["
	"{\"action\":\"accept\",\"src\":[\"ada@\"],\"dst\":[\"ada@:*\",\"tag:router:22\","
	"\"10.9.0.0/16:*\"]},"
	"{\"action\":\"accept\",\"src\":[\"bob@\"],\"dst\":[\"bob@:*\",\"tag:router:22\"]}]}";

/* ---- the crowd ---- */

/* Only routers that are online are used: one that left a moment ago, whose grace never ends. */
static void make_online(fl_node_id id)
{
	struct fl_control *c = fl_server_control(sys.server);
	struct fl_session *s = calloc(1, sizeof *s);
	bool first_of_node;

	assert_non_null(s);
	s->control = c;
	s->node = id;
	assert_err(fl_registry_enter(c->core->sessions, &id, &s->conn, &first_of_node), FL_OK);
	fl_list_push(&c->leaving, &s->link);
}

static void make_router(fl_node_id id)
{
	static char name[] = "tag:router";
	char *tag[] = { name };
	const struct fl_strlist tags = { .at = tag, .len = 1 };
	struct fl_prefix route;
	struct fl_fault fault = { "" };

	make_online(id);
	assert_err(fl_prefix_parse(fl_slice_str("10.9.0.0/16"), &route), FL_OK);
	assert_err(fl_state_node_tag(sys_state(&sys), id, &tags, &fault), FL_OK);
	assert_err(fl_state_node_approve(sys_state(&sys), id, &route, 1, &fault), FL_OK);
}

static void add_node(void)
{
	struct fl_hostinfo *hostinfo;
	struct fl_fault fault = { "" };
	char json[128];
	fl_node_id id;

	snprintf(json, sizeof json, "{\"Hostname\":\"crowd%u\",\"RoutableIPs\":[\"10.9.0.0/16\"]}",
		 ++made);
	assert_err(fl_hostinfo_parse(fl_slice_str(json), &hostinfo), FL_OK);
	struct fl_approval a = { .cap = 145,
				 .hostinfo = hostinfo,
				 .user = made % 2 ? ada : bob,
				 .machine.b = { 1, (uint8_t)(made >> 8), (uint8_t)made },
				 .key.b = { 2, (uint8_t)(made >> 8), (uint8_t)made } };
	fl_wall now = fl_loop_wall(sys.loop);
	assert_err(fl_state_approve(sys_state(&sys), now, &a, &fault, &id), FL_OK);
	fl_hostinfo_unref(hostinfo);
	if (made % ROUTER_EVERY == 0)
		make_router(id);
}

static void add_crowd(unsigned count)
{
	while (count-- > 0)
		add_node();
	sys_turn(&sys, 12);
}

static bool is_watcher(const struct fl_node *n)
{
	for (size_t i = 0; i < COUNT(watchers); i++)
		if (memcmp(&n->key, &watchers[i]->key, sizeof n->key) == 0)
			return true;
	return false;
}

static const struct fl_node *any_of_crowd(struct fl_rng *rng)
{
	struct fl_node *const *all;
	size_t count = fl_state_nodes(sys_state(&sys), &all);

	for (;;) {
		const struct fl_node *n = all[fl_rng_below(rng, count)];
		if (!is_watcher(n))
			return n;
	}
}

static void happen(struct fl_rng *rng)
{
	const struct fl_node *n = any_of_crowd(rng);
	struct fl_prefix route;
	struct fl_fault fault = { "" };
	char name[32];

	switch (fl_rng_below(rng, 4)) {
	case 0:
		snprintf(name, sizeof name, "r%u", (unsigned)fl_rng_below(rng, 1000000));
		assert_err(fl_state_node_rename(sys_state(&sys), n->id, name, &fault), FL_OK);
		return;
	case 1:
		assert_err(fl_state_node_delete(sys_state(&sys), n->id, &fault), FL_OK);
		return;
	case 2:
		assert_err(fl_prefix_parse(fl_slice_str("10.9.0.0/16"), &route), FL_OK);
		assert_err(fl_state_node_approve(sys_state(&sys), n->id, &route,
						 fl_rng_below(rng, 2), &fault),
			   FL_OK);
		return;
	default:
		add_node();
	}
}

/* ---- what is seen ---- */

/* How many zstd frames a fresh map has, for a client of this name; its view goes to `out`. */
static size_t frames_of_map(struct node *n, const char *app, struct fold *out)
{
	json_t *body = node_map_body(n);
	struct fl_buf text = fl_buf_make(MAP_MAX);
	size_t frames = 0;

	json_object_set_new(body, "ReadOnly", json_true());
	json_object_set_new(json_object_get(body, "Hostinfo"), "App", json_string(app));
	struct call *k = client_post(&n->c, "/machine/map", body);
	call_wait(k);
	assert_int_equal(k->status, 200);
	struct fl_slice frame = fl_slice_skip(fl_buf_slice(&k->body), 4);
	for (size_t at = 0; at < frame.len; frames++) {
		size_t len = ZSTD_findFrameCompressedSize(frame.ptr + at, frame.len - at);
		assert_false(ZSTD_isError(len));
		at += len;
	}
	assert_err(fl_mapframe_open(n->framer, frame, MAP_MAX, &text), FL_OK);
	fold_init(out);
	fold_apply(out, fl_buf_slice(&text));
	fl_buf_done(&text);
	call_drop(k);
	return frames;
}

static void expect_plain_is_the_same(struct node *n)
{
	struct fold packed, plain;

	node_fresh(n, &packed);
	n->zstd = false;
	node_fresh(n, &plain);
	n->zstd = true;
	fold_assert_same(&packed, &plain);
	fold_done(&packed);
	fold_done(&plain);
}

static void expect_complete(void)
{
	for (size_t i = 0; i < COUNT(watchers); i++) {
		assert_false(node_fold(watchers[i]));
		node_assert_complete(watchers[i]);
	}
}

static void play(uint64_t seed)
{
	struct fl_rng rng;

	fl_rng_init(&rng, seed);
	expect_complete();
	for (unsigned i = 0; i < STEPS; i++) {
		happen(&rng);
		sys_turn(&sys, 12);
		expect_complete();
	}
	for (size_t i = 0; i < COUNT(watchers); i++)
		expect_plain_is_the_same(watchers[i]);
}

static void set_policy(const char *text)
{
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	enum fl_err err = fl_policies_set(fl_server_policies(sys.server), fl_slice_str(text),
					  "tester", "", &report, &rev);
	if (err != FL_OK)
		fail_msg("%s", report.len > 0 ? report.at[0].text : "not set");
	fl_policy_report_done(&report);
	sys_turn(&sys, 12);
}

/* ---- tests ---- */

static void test_everybody_sees_everybody(void **state)
{
	(void)state;
	play(1);
	assert_int_equal(json_object_size(first.view.peers), json_object_size(last.view.peers));
}

static void test_maps_share_pieces(void **state)
{
	(void)state;
	struct fold seen;

	expect_complete();
	struct fl_control_stats before = sys_stats(&sys);
	size_t frames = frames_of_map(&first, "", &seen);
	struct fl_control_stats after = sys_stats(&sys);

	assert_true(frames > 5); /* head, three chunks at least, commas and end */
	assert_int_equal(after.chunks_made, before.chunks_made + 1);
	assert_true(after.chunks_shared >= before.chunks_shared + 2);
	assert_true(after.chunk_bytes > 1000);
	fold_done(&seen);
}

static void test_one_frame_for_whom_reads_one(void **state)
{
	(void)state;
	struct fold one, several;

	assert_int_equal(frames_of_map(&middle, "tailscale-rs (test)", &one), 1);
	assert_true(frames_of_map(&middle, "test", &several) > 1);
	fold_assert_same(&one, &several);
	fold_done(&one);
	fold_done(&several);
}

/* The routers' route, as a watcher is told of it. */
static bool sees_a_route(struct node *n)
{
	const char *id;
	json_t *peer;

	json_object_foreach(n->view.peers, id, peer)
	{
		if (json_array_size(json_object_get(peer, "PrimaryRoutes")) > 0)
			return true;
	}
	return false;
}

static void test_under_a_policy(void **state)
{
	(void)state;
	size_t all = json_object_size(first.view.peers);

	set_policy(policy);
	play(2);
	assert_true(sees_a_route(&first) && sees_a_route(&last));
	assert_false(sees_a_route(&middle));
	assert_true(json_object_size(middle.view.peers) > 10);
	assert_true(json_object_size(middle.view.peers) < all);
	set_policy("");
	play(3);
	assert_true(sees_a_route(&middle));
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "everybody sees everybody", test_everybody_sees_everybody, NULL);
	suite_add(&suite, "maps share pieces", test_maps_share_pieces, NULL);
	suite_add(&suite, "one frame for whom reads one", test_one_frame_for_whom_reads_one, NULL);
	suite_add(&suite, "under a policy", test_under_a_policy, NULL);
	sys_start(&sys, false, "policy:\n  mode: database\n");
	ada = (fl_user_id)api_user(&sys, "ada");
	bob = (fl_user_id)api_user(&sys, "bob");
	node_enter(&first, &sys, "first", (json_int_t)ada, NULL);
	add_crowd(CROWD / 2);
	node_enter(&middle, &sys, "middle", (json_int_t)bob, NULL);
	add_crowd(CROWD / 2);
	node_enter(&last, &sys, "last", (json_int_t)ada, NULL);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/map_pieces");
	for (size_t i = 0; i < COUNT(watchers); i++)
		node_close(watchers[i]);
	sys_stop(&sys);
	return failed;
}
