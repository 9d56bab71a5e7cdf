/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_changes.c - every kind of change reaches the others, and what a client folded
 * from frames is what a fresh map shows (INV-23), also over hundreds of random operations and for
 * sessions that open in the tick of a change (SES-4).
 */
#include "client.h"

#include "base/rng.h"

#include <inttypes.h>
#include <stdio.h>

static struct sys sys;
static json_int_t ada;
static char *reusable;
static struct node actor, viewer;
static json_int_t actor_id;

static void api(const char *method, const char *body, const char *fmt, ...) FL_PRINTF(3, 4);
static void api(const char *method, const char *body, const char *fmt, ...)
{
	char path[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(path, sizeof path, fmt, args);
	va_end(args);
	api_ok(&sys, method, path, body);
}

static json_t *seen(void)
{
	assert_false(node_fold(&viewer));
	json_t *peer = node_peer(&viewer, actor.hostname);
	return peer;
}

/* ---- one change of each kind: what is done, and how the viewer knows ---- */

static void do_endpoints(void)
{
	node_lite(&actor, "{\"Endpoints\":[\"192.0.2.7:41641\"],\"EndpointTypes\":[1]}");
}
static bool saw_endpoints(void *ctx)
{
	(void)ctx;
	json_t *first = json_array_get(json_object_get(seen(), "Endpoints"), 0);
	return first != NULL && strcmp(json_string_value(first), "192.0.2.7:41641") == 0;
}

static void do_home(void)
{
	node_lite(&actor, "{\"Hostinfo\":{\"NetInfo\":{\"PreferredDERP\":999}}}");
}
static bool saw_home(void *ctx)
{
	(void)ctx;
	return json_integer_value(json_object_get(seen(), "HomeDERP")) == 999;
}

static void do_hostinfo(void)
{
	node_lite(&actor, "{\"Hostinfo\":{\"OSVersion\":\"6.6.6\"}}");
}
static bool saw_hostinfo(void *ctx)
{
	(void)ctx;
	json_t *v = at(seen(), "Hostinfo.OSVersion");
	return v != NULL && strcmp(json_string_value(v), "6.6.6") == 0;
}

static void do_disco(void)
{
	fl_random(actor.disco.b, sizeof actor.disco.b);
	node_lite(&actor, NULL);
}
static bool saw_disco(void *ctx)
{
	char want[FL_KEY_TEXT_MAX];
	(void)ctx;
	fl_disco_key_format(&actor.disco, want);
	json_t *v = json_object_get(seen(), "DiscoKey");
	return v != NULL && strcmp(json_string_value(v), want) == 0;
}

static void do_rename(void)
{
	api("POST", NULL, "/api/v1/node/%lld/rename/renamed", (long long)actor_id);
}
static bool saw_rename(void *ctx)
{
	(void)ctx;
	return seen() != NULL && strcmp(text_at(seen(), "Name"), "renamed.fairlead.internal.") == 0;
}

static void do_routes(void)
{
	node_lite(&actor, "{\"Hostinfo\":{\"RoutableIPs\":[\"10.9.0.0/16\"]}}");
	api("POST", "{\"routes\":[\"10.9.0.0/16\"]}", "/api/v1/node/%lld/approve_routes",
	    (long long)actor_id);
	node_poll(&actor); /* nobody is led to one that is offline */
}
static bool saw_routes(void *ctx)
{
	json_t *v;
	size_t i;
	(void)ctx;
	json_array_foreach(json_object_get(seen(), "AllowedIPs"), i, v)
	{
		if (strcmp(json_string_value(v), "10.9.0.0/16") == 0)
			return true;
	}
	return false;
}

static void do_expire(void)
{
	api("POST", NULL, "/api/v1/node/%lld/expire", (long long)actor_id);
}
static bool saw_expired(void *ctx)
{
	(void)ctx;
	return json_is_true(json_object_get(seen(), "Expired"));
}

static void do_revive(void)
{
	api("POST", "{\"disableExpiry\":true}", "/api/v1/node/%lld/expire", (long long)actor_id);
}
static bool saw_revived(void *ctx)
{
	(void)ctx;
	return seen() != NULL && !saw_expired(NULL);
}

static void do_user_rename(void)
{
	api("POST", NULL, "/api/v1/user/%lld/rename/ada-lovelace", (long long)ada);
}
static bool saw_user(void *ctx)
{
	char id[24];
	(void)ctx;
	seen();
	snprintf(id, sizeof id, "%lld", (long long)ada);
	json_t *profile = json_object_get(viewer.view.profiles, id);
	return profile != NULL && strcmp(text_at(profile, "LoginName"), "ada-lovelace") == 0;
}

static void do_rotate(void)
{
	node_new_key(&actor);
	node_join(&actor, reusable);
	assert_int_equal(node_id(&actor), actor_id);
}
static bool saw_key(void *ctx)
{
	char want[FL_KEY_TEXT_MAX];
	(void)ctx;
	fl_node_key_format(&actor.key, want);
	return seen() != NULL && strcmp(text_at(seen(), "Key"), want) == 0;
}

static void do_tag(void)
{
	api("POST", "{\"tags\":[\"tag:t\"]}", "/api/v1/node/%lld/tags", (long long)actor_id);
}
static bool saw_tag(void *ctx)
{
	(void)ctx;
	return json_array_size(json_object_get(seen(), "Tags")) == 1;
}

static void do_delete(void)
{
	api("DELETE", NULL, "/api/v1/node/%lld", (long long)actor_id);
}
static bool saw_nothing(void *ctx)
{
	(void)ctx;
	return seen() == NULL;
}

/* `moves`: it was so before, for another value. */
static struct {
	const char *name;
	void (*act)(void);
	bool (*saw)(void *ctx);
	bool moves;
} kinds[] = {
	{ "endpoints", do_endpoints, saw_endpoints },
	{ "home relay", do_home, saw_home },
	{ "hostinfo", do_hostinfo, saw_hostinfo },
	{ "disco key", do_disco, saw_disco, true },
	{ "rename", do_rename, saw_rename },
	{ "routes", do_routes, saw_routes },
	{ "expire", do_expire, saw_expired },
	{ "expiry taken back", do_revive, saw_revived },
	{ "user renamed", do_user_rename, saw_user },
	{ "node key rotated", do_rotate, saw_key, true },
	{ "tag", do_tag, saw_tag },
	{ "delete", do_delete, saw_nothing },
};

/* A client knows its own endpoints, home and keys: it is not told what it said itself (CHG-1). */
static void forget_own(json_t *self)
{
	static const char *const own[] = { "Endpoints", "HomeDERP", "DiscoKey" };

	for (size_t i = 0; i < COUNT(own); i++)
		json_object_del(self, own[i]);
}

/* The view of `n`, once nothing more comes, is what a fresh map shows. */
static void expect_complete_view(struct node *n)
{
	struct fold fresh;
	size_t frames;

	do {
		sys_turn(&sys, 12);
		assert_false(node_fold(n));
		frames = n->frames;
		node_fresh(n, &fresh);
		sys_turn(&sys, 12);
		assert_false(node_fold(n));
		if (n->frames != frames)
			fold_done(&fresh);
	} while (n->frames != frames);
	forget_own(n->view.node);
	forget_own(fresh.node);
	fold_assert_same(&n->view, &fresh);
	fold_done(&fresh);
}

static void test_kind(void **state)
{
	const struct {
		const char *name;
		void (*act)(void);
		bool (*saw)(void *ctx);
		bool moves;
	} *row = *state;

	if (!row->moves)
		assert_false(row->saw(NULL));
	row->act();
	assert_true(sys_until(&sys, row->saw, NULL));
	expect_complete_view(&viewer);
}

/* What changes nothing says nothing (CHG-10). */
static void test_repeated_update_is_silent(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "repeats");
	node_join(&n, reusable);
	node_lite(&n, NULL);
	sys_turn(&sys, 8);
	assert_false(node_fold(&viewer));
	size_t frames = viewer.frames;
	uint64_t commits = sys_core(&sys)->stats.commits;
	for (unsigned i = 0; i < 20; i++)
		node_lite(&n, NULL);
	sys_turn(&sys, 8);
	assert_false(node_fold(&viewer));
	assert_int_equal(viewer.frames, frames);
	assert_int_equal(sys_core(&sys)->stats.commits, commits);
	node_close(&n);
}

/* A user who owns no node is nobody's business (CHG-8). */
static void test_user_without_nodes_is_silent(void **state)
{
	(void)state;
	sys_turn(&sys, 8);
	assert_false(node_fold(&viewer));
	size_t frames = viewer.frames;
	json_int_t bob = api_user(&sys, "bob");
	api("POST", NULL, "/api/v1/user/%lld/rename/bob-2", (long long)bob);
	api("DELETE", NULL, "/api/v1/user/%lld", (long long)bob);
	sys_turn(&sys, 12);
	assert_false(node_fold(&viewer));
	assert_int_equal(viewer.frames, frames);
}

/* What is kept and not told to open sessions is in the first map of later ones. */
static void test_quiet_endpoints_are_in_later_maps(void **state)
{
	struct node n, later;
	(void)state;

	node_open(&n, &sys, "stun");
	node_join(&n, reusable);
	node_lite(&n, "{\"Endpoints\":[\"192.0.2.1:1\"],\"EndpointTypes\":[2]}");
	node_open(&later, &sys, "later");
	node_join(&later, reusable);
	node_poll(&later);
	size_t frames = later.frames;
	node_lite(&n, "{\"Endpoints\":[\"192.0.2.1:2\"],\"EndpointTypes\":[2]}");
	sys_turn(&sys, 8);
	assert_false(node_fold(&later));
	assert_int_equal(later.frames, frames);
	node_end_poll(&later);
	node_poll(&later);
	assert_string_equal(text_at(node_peer(&later, "stun"), "Endpoints.0"), "192.0.2.1:2");
	node_close(&n);
	node_close(&later);
}

/* ---- random operations ---- */

enum { NODES = 6, OPERATIONS = 500, LOOK_EVERY = 20 };

struct world {
	uint64_t seed;
	struct fl_rng rng;
	struct node n[NODES];
	json_int_t id[NODES];
	bool polling[NODES];
};

static void join(struct world *w, size_t i)
{
	node_join(&w->n[i], reusable);
	w->id[i] = node_id(&w->n[i]);
}

static void toggle_poll(struct world *w, size_t i)
{
	if (w->polling[i])
		node_end_poll(&w->n[i]);
	else
		node_start_poll(&w->n[i]); /* not waited for: what follows falls into its tick */
	w->polling[i] = !w->polling[i];
}

/* Not of types 2 and 4: what only STUN sees moving is kept and not told (CHG-1). */
static void update(struct world *w, size_t i)
{
	char fields[256];
	uint64_t a = fl_rng_below(&w->rng, 4);

	snprintf(fields, sizeof fields,
		 "{\"Endpoints\":[\"192.0.2.%" PRIu64 ":%" PRIu64 "\"],\"EndpointTypes\":[%" PRIu64
		 "],"
		 "\"Hostinfo\":{\"OSVersion\":\"%" PRIu64 "\",\"RoutableIPs\":[\"10.%" PRIu64
		 ".0.0/16\"],"
		 "\"NetInfo\":{\"PreferredDERP\":%d}}}",
		 a + 1, 1000 + fl_rng_below(&w->rng, 3), 1 + 2 * fl_rng_below(&w->rng, 3),
		 fl_rng_below(&w->rng, 3), fl_rng_below(&w->rng, 3), a % 2 ? 999 : 0);
	node_lite(&w->n[i], fields);
}

static void expire(struct world *w, size_t i)
{
	static const char *const bodies[] = { "{}", "{\"disableExpiry\":true}",
					      "{\"expiry\":\"2100-01-01T00:00:00Z\"}",
					      "{\"expiry\":\"2101-01-01T00:00:00Z\"}" };
	api("POST", bodies[fl_rng_below(&w->rng, COUNT(bodies))], "/api/v1/node/%lld/expire",
	    (long long)w->id[i]);
}

static void replace(struct world *w, size_t i)
{
	api("DELETE", NULL, "/api/v1/node/%lld", (long long)w->id[i]);
	if (w->polling[i]) {
		assert_true(sys_until(&sys, call_over, w->n[i].poll));
		node_end_poll(&w->n[i]);
		w->polling[i] = false;
	}
	join(w, i);
}

static void rotate(struct world *w, size_t i)
{
	node_new_key(&w->n[i]);
	node_join(&w->n[i], reusable);
}

static void act(struct world *w, size_t i)
{
	long long id = (long long)w->id[i];

	switch (fl_rng_below(&w->rng, 12)) {
	case 0:
	case 1:
		toggle_poll(w, i);
		return;
	case 2:
		api("POST", NULL, "/api/v1/node/%lld/rename/s%" PRIu64 "-n%zu-%" PRIu64, id,
		    w->seed, i, fl_rng_below(&w->rng, 3));
		return;
	case 3:
		expire(w, i);
		return;
	case 4:
		api("POST",
		    fl_rng_below(&w->rng, 2) ? "{\"routes\":[\"10.0.0.0/16\",\"10.1.0.0/16\"]}"
					     : "{\"routes\":[\"10.1.0.0/16\",\"0.0.0.0/0\"]}",
		    "/api/v1/node/%lld/approve_routes", id);
		return;
	case 5:
		api("POST", NULL, "/api/v1/user/%lld/rename/name-%" PRIu64, (long long)ada,
		    fl_rng_below(&w->rng, 3));
		return;
	case 6:
		replace(w, i);
		return;
	case 7:
		rotate(w, i);
		return;
	default: /* the most frequent by far in life */
		update(w, i);
	}
}

static bool got_first(void *ctx)
{
	struct node *n = ctx;
	assert_false(node_fold(n));
	return n->frames > 0;
}

static void look_at_all(struct world *w)
{
	for (size_t i = 0; i < NODES; i++) {
		if (!w->polling[i])
			continue;
		assert_true(sys_until(&sys, got_first, &w->n[i]));
		expect_complete_view(&w->n[i]);
	}
}

static struct {
	const char *name;
	uint64_t seed;
} seeds[] = { { "500 random operations, seed 1", 1 },
	      { "500 random operations, seed 2", 2 },
	      { "500 random operations, seed 3", 3 } };

static void test_random(void **state)
{
	const struct {
		const char *name;
		uint64_t seed;
	} *row = *state;
	struct world *w = calloc(1, sizeof *w);
	char name[16];

	w->seed = row->seed;
	fl_rng_init(&w->rng, row->seed);
	for (size_t i = 0; i < NODES; i++) {
		snprintf(name, sizeof name, "rnd%zu", i);
		node_open(&w->n[i], &sys, name);
		join(w, i);
	}
	for (unsigned op = 1; op <= OPERATIONS; op++) {
		act(w, fl_rng_below(&w->rng, NODES));
		if (op % LOOK_EVERY == 0)
			look_at_all(w);
	}
	for (size_t i = 0; i < NODES; i++) {
		api("DELETE", NULL, "/api/v1/node/%lld", (long long)w->id[i]);
		node_close(&w->n[i]);
	}
	free(w);
}

/* ---- several changes in one tick ---- */

static struct call *post_lite(struct node *n, const char *name, json_t *value)
{
	json_t *body = node_map_body(n);

	json_object_set_new(body, "OmitPeers", json_true());
	if (strcmp(name, "Endpoints") == 0)
		json_object_set_new(body, name, value);
	else
		json_object_set_new(at(body, "Hostinfo"), name, value);
	return client_post(&n->c, "/machine/map", body);
}

/* A patch and a whole entry of one node merge, in either order. */
static void test_changes_of_one_tick_merge(void **state)
{
	struct node n;
	(void)state;

	node_open(&n, &sys, "merged");
	node_join(&n, reusable);
	node_lite(&n, NULL);
	for (unsigned i = 1; i <= 20; i++) {
		struct call *k[2];
		char text[32];
		uint64_t commits = sys_core(&sys)->stats.commits;
		for (unsigned turn = 0; turn < 2; turn++) {
			bool whole = (i + turn) % 2 == 0;
			snprintf(text, sizeof text, "%s%u", whole ? "" : "192.0.2.1:", i);
			k[turn] = whole ? post_lite(&n, "OSVersion", json_string(text))
					: post_lite(&n, "Endpoints", json_pack("[s]", text));
		}
		client_move(&n.c); /* both in one packet */
		for (unsigned turn = 0; turn < 2; turn++) {
			call_wait(k[turn]);
			assert_int_equal(k[turn]->status, 200);
			call_drop(k[turn]);
		}
		assert_int_equal(sys_core(&sys)->stats.commits, commits + 1);
		expect_complete_view(&viewer);
	}
	node_close(&n);
}

/* ---- a change in the tick in which a session opens ---- */

static void test_opening_in_the_tick_of_a_change(void **state)
{
	struct node opener, changer;
	(void)state;

	node_open(&opener, &sys, "opener");
	node_open(&changer, &sys, "changer");
	node_join(&opener, reusable);
	node_join(&changer, reusable);
	node_poll(&changer);
	for (unsigned i = 0; i < 60; i++) {
		json_t *lite = node_map_body(&changer);
		char version[16];
		snprintf(version, sizeof version, "%u", i);
		json_object_set_new(lite, "OmitPeers", json_true());
		json_object_set_new(at(lite, "Hostinfo"), "OSVersion", json_string(version));
		struct call *k;
		/* Both orders of arrival, and all of it before the server turns. */
		if (i % 2)
			node_start_poll(&opener);
		k = client_post(&changer.c, "/machine/map", lite);
		if (i % 2 == 0)
			node_start_poll(&opener);
		client_move(&opener.c);
		client_move(&changer.c);
		call_wait(k);
		call_drop(k);
		assert_true(sys_until(&sys, got_first, &opener));
		sys_turn(&sys, 8);
		assert_false(node_fold(&opener));
		assert_string_equal(text_at(node_peer(&opener, "changer"), "Hostinfo.OSVersion"),
				    version);
		node_end_poll(&opener);
	}
	node_close(&opener);
	node_close(&changer);
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, kinds, test_kind);
	suite_add(&suite, "repeated update is silent", test_repeated_update_is_silent, NULL);
	suite_add(&suite, "user without nodes", test_user_without_nodes_is_silent, NULL);
	suite_add(&suite, "changes of one tick merge", test_changes_of_one_tick_merge, NULL);
	suite_add(&suite, "quiet endpoints", test_quiet_endpoints_are_in_later_maps, NULL);
	suite_add(&suite, "opening in the tick of a change", test_opening_in_the_tick_of_a_change,
		  NULL);
	ROWS(&suite, seeds, test_random);
	sys_start(&sys, false, NULL);
	ada = api_user(&sys, "ada");
	reusable = api_key(&sys, ada, "\"reusable\":true");
	node_open(&viewer, &sys, "viewer");
	node_join(&viewer, reusable);
	node_poll(&viewer);
	node_open(&actor, &sys, "actor");
	node_join(&actor, reusable);
	actor_id = node_id(&actor);
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/changes");
	node_close(&viewer);
	node_close(&actor);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
