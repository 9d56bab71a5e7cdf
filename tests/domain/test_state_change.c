/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_state_change.c - the smallest change for each event, and none for no event
 * (CHG-1, CHG-10).
 */
#include "state_kit.h"

#include <stdio.h>
#include <stdlib.h>

static char changes[1000];

#define HOST(rest) "{\"OS\":\"linux\",\"Hostname\":\"host\"" rest "}"

/* Endpoint lists as short text: "L1 S2 P3" = local, STUN and port-mapped, by number. */
static size_t endpoints(const char *text, struct fl_endpoint *out)
{
	size_t len = 0;

	for (; *text != '\0'; text += text[2] != '\0' ? 3 : 2) {
		uint8_t type = text[0] == 'L' ? 1 : text[0] == 'S' ? 2 : text[0] == 'P' ? 3 : 4;
		out[len++] = (struct fl_endpoint){
			.at = { fl_ip_v4(192, 0, 2, (uint8_t)text[1]), 41641 }, .type = type
		};
	}
	return len;
}

/* ---- map requests ---- */

struct row {
	const char *name;
	const char *hostinfo;       /* NULL: not sent */
	const char *before, *after; /* endpoints; `after` NULL: not sent */
	unsigned disco;
	uint32_t cap;
	const char *want; /* changes */
	bool stored;
};

static const struct row rows[] = {
	{ "nothing sent", NULL, "L1 S2", NULL, 0, 0, "", false },
	{ "the same again", HOST(""), "L1 S2", "L1 S2", 1, KIT_CAP, "", false },
	{ "endpoints in another order", NULL, "L1 S2", "S2 L1", 0, 0, "", false },
	{ "first endpoints", NULL, "", "L1", 0, 0, "patched 1:endpoints<1", true },
	{ "first STUN endpoint", NULL, "L1", "L1 S2", 0, 0, "patched 1:endpoints<1", true },
	{ "first STUN endpoint of all", NULL, "", "S2", 0, 0, "patched 1:endpoints<1", true },
	{ "STUN in place of STUN", NULL, "L1 S2", "L1 S3", 0, 0, "", true },
	{ "another STUN beside STUN", NULL, "L1 S2", "L1 S2 S3", 0, 0, "", true },
	{ "STUN with local port in place of STUN", NULL, "L1 S2", "L1 X3", 0, 0, "", true },
	{ "shrink", NULL, "L1 S2", "L1", 0, 0, "", true },
	{ "shrink of a local one", NULL, "L1 L2 S3", "L1 S3", 0, 0, "", true },
	{ "shrink to nothing", NULL, "L1 S2", "", 0, 0, "", true },
	{ "local in place of local", NULL, "L1 S2", "L3 S2", 0, 0, "patched 1:endpoints<1", true },
	{ "roaming", NULL, "L1 S2", "L3 S4", 0, 0, "patched 1:endpoints<1", true },
	{ "local gone and STUN new", NULL, "L1 S2", "S3", 0, 0, "patched 1:endpoints<1", true },
	{ "port mapped", NULL, "L1 S2", "L1 S2 P4", 0, 0, "patched 1:endpoints<1", true },
	{ "disco key", NULL, "", NULL, 2, 0, "patched 1:disco<1", true },
	{ "capability version", NULL, "", NULL, 0, 199, "patched 1:cap<1", true },
	{ "all of it", NULL, "", "L1", 2, 199, "patched 1:endpoints,disco,cap<1", true },
	{ "home relay", HOST(",\"NetInfo\":{\"PreferredDERP\":9}"), "", NULL, 0, 0,
	  "patched 1:derp<1", true },
	{ "latencies only",
	  HOST(",\"NetInfo\":{\"PreferredDERP\":5,\"DERPLatency\":{\"5-v4\":0.1}}"), "", NULL, 0, 0,
	  "", true },
	{ "home relay and endpoints", HOST(",\"NetInfo\":{\"PreferredDERP\":9}"), "", "L1", 0, 0,
	  "patched 1:endpoints,derp<1", true },
	{ "operating system", "{\"OS\":\"plan9\",\"Hostname\":\"host\"}", "", NULL, 0, 0,
	  "changed 1<1", true },
	{ "structure beats patch", "{\"OS\":\"plan9\",\"Hostname\":\"host\"}", "", "L1", 2, 0,
	  "changed 1<1", true },
	{ "hostname", "{\"OS\":\"linux\",\"Hostname\":\"new\"}", "", NULL, 0, 0, "changed 1<1",
	  true },
	{ "routes announced, none approved", HOST(",\"RoutableIPs\":[\"10.0.0.0/8\"]"), "", NULL, 0,
	  0, "changed 1<1", true },
};

static struct fl_state *one_node(void)
{
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1, .hostinfo = HOST("") }, u);
	kit_update(s, 1,
		   (struct kit_update){ .hostinfo = HOST(",\"NetInfo\":{\"PreferredDERP\":5}"),
					.disco = 1 });
	fl_state_committed(s);
	return s;
}

static void test_update(void **state)
{
	const struct row *row = *state;
	struct fl_state *s = one_node();
	struct fl_endpoint e[8];
	const struct fl_dirty *d;

	size_t count = endpoints(row->before, e);
	assert_int_equal(kit_update(s, 1,
				    (struct kit_update){ .endpoints = e,
							 .endpoints_count = count,
							 .has_endpoints = true }),
			 FL_OK);
	fl_state_committed(s);
	struct kit_update u = { .hostinfo = row->hostinfo,
				.disco = row->disco,
				.cap = row->cap,
				.endpoints = e,
				.has_endpoints = row->after != NULL };
	if (row->after != NULL)
		u.endpoints_count = endpoints(row->after, e);
	assert_int_equal(kit_update(s, 1, u), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), row->want);
	assert_int_equal(fl_state_dirty(s, &d), row->stored);
	if (row->after != NULL) {
		const struct fl_node *n = fl_state_node(s, 1);
		assert_int_equal(n->endpoints_count, u.endpoints_count);
	}
	kit_check(s);
	fl_state_free(s);
}

static void test_update_keeps_what_is_absent(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_endpoint e[2];
	size_t count = endpoints("L1", e);

	kit_update(s, 1, (struct kit_update){ .endpoints = e, .endpoints_count = count });
	struct fl_fault fault;
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, KIT_NOW + 5, &fault), FL_OK);
	kit_update(s, 1, (struct kit_update){ .hostinfo = HOST("") }); /* no NetInfo yet */
	const struct fl_node *n = fl_state_node(s, 1);
	assert_int_equal(n->hostinfo->preferred_derp, 5);
	assert_int_equal(n->endpoints_count, 1);
	assert_int_equal(n->cap, KIT_CAP);
	assert_int_equal(n->expiry, KIT_NOW + 5); /* STO-9 */
	fl_state_free(s);
}

static const char whole_hostinfo[] =
	HOST(",\"RoutableIPs\":[\"10.0.0.0/8\"],\"Services\":[{\"Proto\":\"tcp\",\"Port\":22}],"
	     "\"NetInfo\":{\"PreferredDERP\":9}");

/* A stream, and a hostinfo that says nothing, take nothing away; a lite update withdraws. */
static const struct {
	const char *hostinfo;
	bool stream;
	const char *want;         /* the text afterwards, NULL: as it was */
	size_t routes, endpoints; /* afterwards */
} kept[] = {
	{ "{}", true, NULL, 1, 1 },
	{ "{}", false, NULL, 1, 0 },
	{ HOST(""), true, NULL, 1, 1 },
	{ HOST(",\"RoutableIPs\":[]"), true, NULL, 1, 1 },
	{ "{\"RoutableIPs\":[\"10.1.0.0/16\",\"10.2.0.0/16\"]}", true, "", 2, 1 },
	{ HOST(""), false, "", 0, 0 },
};

static void test_request_erases(size_t i)
{
	struct fl_state *s = one_node();
	struct fl_endpoint e[1];
	size_t count = endpoints("L1", e);

	kit_update(s, 1,
		   (struct kit_update){
			   .hostinfo = whole_hostinfo, .endpoints = e, .endpoints_count = count });
	char *before = fl_str_dup(fl_slice_str(fl_state_node(s, 1)->hostinfo->json));
	assert_int_equal(kit_update(s, 1,
				    (struct kit_update){ .hostinfo = kept[i].hostinfo,
							 .stream = kept[i].stream,
							 .has_endpoints = true }),
			 FL_OK);
	const struct fl_node *n = fl_state_node(s, 1);
	if (kept[i].want == NULL)
		assert_string_equal(n->hostinfo->json, before);
	assert_int_equal(n->hostinfo->routes_count, kept[i].routes);
	assert_int_equal(n->hostinfo->preferred_derp, 9);
	assert_string_equal(n->hostinfo->os, "linux");
	assert_string_equal(n->hostinfo->hostname, "host");
	assert_int_equal(n->endpoints_count, kept[i].endpoints);
	kit_check(s);
	free(before);
	fl_state_free(s);
}

static void test_what_a_request_may_erase(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
		test_request_erases(i);
}

static void test_update_of_nobody(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_fault fault;

	assert_int_equal(kit_update(s, 2, (struct kit_update){ .disco = 3 }), FL_ERR_NOT_FOUND);
	/* STO-2: after a deletion in the same tick too, and without bringing it back. */
	assert_int_equal(fl_state_node_delete(s, 1, &fault), FL_OK);
	assert_int_equal(kit_update(s, 1, (struct kit_update){ .disco = 3 }), FL_ERR_NOT_FOUND);
	assert_int_equal(fl_state_node_seen(s, 1, 5), FL_ERR_NOT_FOUND);
	assert_null(fl_state_node(s, 1));
	kit_check(s);
	fl_state_free(s);
}

static void test_read_only_request(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_map_request req = { .version = 199, .read_only = true };
	const struct fl_dirty *d;

	assert_int_equal(fl_state_node_update(s, 1, &req), FL_OK);
	assert_int_equal(fl_state_dirty(s, &d), 0);
	fl_state_free(s);
}

/* A record that somebody holds does not change under him. */
static void test_published_records_are_immutable(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_fault fault;

	struct fl_node *held = fl_node_ref(fl_state_node(s, 1));
	assert_int_equal(fl_state_node_rename(s, 1, "other", &fault), FL_OK);
	fl_state_committed(s);
	assert_string_equal(held->given_name, "host");
	assert_string_equal(fl_state_node(s, 1)->given_name, "other");
	assert_int_equal(fl_state_node_delete(s, 1, &fault), FL_OK);
	fl_state_committed(s);
	fl_state_free(s);
	assert_string_equal(held->given_name, "host");
	fl_node_unref(held);
}

/* ---- expiry ---- */

static void test_expiry_is_set_and_passes_once(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_fault fault;

	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 9, 1, &fault), FL_ERR_NOT_FOUND);
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, -1, &fault), FL_ERR_INVALID);
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, 0, &fault), FL_OK); /* as it is */
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, KIT_NOW + 10, &fault), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "patched 1:expiry<1");
	fl_state_committed(s);

	assert_int_equal(fl_state_expire_scan(s, KIT_NOW, KIT_NOW + 9), 0);
	assert_int_equal(fl_state_expire_scan(s, KIT_NOW + 9, KIT_NOW + 10), 1);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "expired 1<1");
	assert_int_equal(fl_state_expire_scan(s, KIT_NOW + 10, KIT_NOW + 20), 0);
	const struct fl_dirty *d;
	assert_int_equal(fl_state_dirty(s, &d), 0);
	fl_state_committed(s);
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, 0, &fault), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "patched 1:expiry<1");
	fl_state_free(s);
}

/* Expired at once, by an admin or by a logout: told then and not again by the scan (EXP-1). */
static void test_expiry_now_is_told_once(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_fault fault;

	assert_int_equal(fl_state_node_expire(s, KIT_NOW + 3, 1, KIT_NOW + 3, &fault), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "patched 1:expiry<1");
	fl_state_committed(s);
	assert_int_equal(fl_state_expire_scan(s, KIT_NOW, KIT_NOW + 5), 0);
	/* Set anew it counts anew. */
	assert_int_equal(fl_state_node_expire(s, KIT_NOW + 6, 1, KIT_NOW + 8, &fault), FL_OK);
	assert_int_equal(fl_state_expire_scan(s, KIT_NOW + 5, KIT_NOW + 9), 1);
	fl_state_free(s);
}

struct undo_row {
	const char *name;
	fl_wall set_at, expiry, told, back_to; /* after KIT_NOW */
	size_t ahead, passed; /* announced by the undo, and by the scan until 100 */
};

static const struct undo_row undos[] = {
	{ "passed and told, ahead again", 0, 10, 20, 5, 1, 1 },
	{ "told as it was set, ahead again", 10, 10, 20, 5, 1, 1 },
	{ "told as it was set after the scan", 30, 30, 20, 5, 1, 1 },
	{ "never told", 0, 50, 20, 5, 0, 1 },
	{ "still past", 0, 4, 20, 5, 0, 0 },
	{ "just now", 0, 5, 20, 5, 0, 0 },
	{ "never", 0, 0, 20, 5, 0, 0 },
};

/* A calendar that was set back neither repeats nor misses (EXP-1). */
static void test_expiry_lies_ahead_again(void **unused)
{
	(void)unused;
	for (size_t i = 0; i < sizeof undos / sizeof *undos; i++) {
		const struct undo_row *r = &undos[i];
		struct fl_state *s = one_node();
		struct fl_fault fault;
		fl_wall expiry = r->expiry != 0 ? KIT_NOW + r->expiry : 0;

		assert_int_equal(fl_state_node_expire(s, KIT_NOW + r->set_at, 1, expiry, &fault),
				 FL_OK);
		fl_state_committed(s);
		if (fl_state_expiry_undo(s, KIT_NOW + r->back_to, KIT_NOW + r->told) != r->ahead)
			fail_msg("%s: undo", r->name);
		assert_string_equal(kit_changes(s, changes, sizeof changes),
				    r->ahead > 0 ? "expired 1<1" : "");
		fl_state_committed(s);
		if (fl_state_expire_scan(s, KIT_NOW + r->back_to, KIT_NOW + 100) != r->passed)
			fail_msg("%s: scan", r->name);
		fl_state_free(s);
	}
}

/* ---- routes ---- */

struct routes_row {
	const char *name, *announced, *approved;
	const char *served; /* joined by blanks */
};

static const struct routes_row routes[] = {
	{ "nothing", "", "", "" },
	{ "only announced", "\"10.0.0.0/8\"", "", "" },
	{ "only approved", "", "10.0.0.0/8", "" },
	{ "both", "\"10.0.0.0/8\"", "10.0.0.0/8", "10.0.0.0/8" },
	{ "host bits", "\"10.0.0.0/8\"", "10.9.8.7/8", "10.0.0.0/8" },
	{ "some", "\"10.0.0.0/8\",\"fd01::/64\",\"10.1.0.0/16\"",
	  "10.1.0.0/16 fd01::/64 192.0.2.0/24", "10.1.0.0/16 fd01::/64" },
	{ "a covering prefix is not the same", "\"10.1.0.0/16\"", "10.0.0.0/8", "" },
	{ "one exit route approves both", "\"0.0.0.0/0\",\"::/0\"", "::/0", "0.0.0.0/0 ::/0" },
	{ "exit of one family announced", "\"::/0\"", "0.0.0.0/0", "::/0" },
};

static size_t prefixes(const char *text, struct fl_prefix *out)
{
	char copy[200];
	size_t len = 0;

	fl_str_copy(copy, sizeof copy, fl_slice_str(text));
	for (char *at, *p = strtok_r(copy, " ", &at); p != NULL; p = strtok_r(NULL, " ", &at))
		out[len++] = kit_prefix(p);
	return len;
}

static void announce(struct fl_state *s, fl_node_id id, const char *list)
{
	char json[200];
	snprintf(json, sizeof json, HOST(",\"RoutableIPs\":[%s]"), list);
	assert_int_equal(kit_update(s, id, (struct kit_update){ .hostinfo = json }), FL_OK);
}

static void approve(struct fl_state *s, fl_node_id id, const char *list)
{
	struct fl_prefix p[8];
	struct fl_fault fault;
	size_t count = prefixes(list, p);
	assert_int_equal(fl_state_node_approve(s, id, p, count, &fault), FL_OK);
}

static void require_served(const struct fl_state *s, fl_node_id id, const char *want)
{
	struct fl_prefix got[FL_NODE_ROUTES_MAX];
	char text[400] = "", one[FL_PREFIX_TEXT_MAX];
	size_t count = fl_state_served(s, fl_state_node(s, id), got), at = 0;

	for (size_t i = 0; i < count; i++) {
		fl_prefix_format(&got[i], one);
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i > 0 ? " " : "", one);
	}
	assert_string_equal(text, want);
}

static void test_served(void **state)
{
	const struct routes_row *row = *state;
	struct fl_state *s = one_node();

	/* The same, whichever comes first (RT-2). */
	announce(s, 1, row->announced);
	approve(s, 1, row->approved);
	require_served(s, 1, row->served);
	fl_state_free(s);
	s = one_node();
	approve(s, 1, row->approved);
	announce(s, 1, row->announced);
	require_served(s, 1, row->served);
	kit_check(s);
	fl_state_free(s);
}

static struct fl_state *three_routers(void)
{
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");

	for (unsigned i = 1; i <= 3; i++) {
		kit_approve(s, (struct kit_request){ .machine = i, .key = i }, u);
		announce(s, i, "\"10.0.0.0/8\"");
	}
	fl_state_committed(s);
	return s;
}

/* Whom an election concerns beyond that is known only when it was held. */
static void test_served_routes_are_told_of_their_router(void **unused)
{
	(void)unused;
	struct fl_state *s = three_routers();
	struct fl_fault fault;

	approve(s, 3, "10.0.0.0/8");
	assert_string_equal(kit_changes(s, changes, sizeof changes), "routes 3<3");
	fl_state_committed(s);
	announce(s, 3, ""); /* withdrawn at once, the approval stays (RT-8) */
	require_served(s, 3, "");
	assert_int_equal(fl_state_node(s, 3)->approved_count, 1);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "changed 3<3 routes 3<3");
	announce(s, 3, "\"10.0.0.0/8\"");
	require_served(s, 3, "10.0.0.0/8");
	fl_state_committed(s);
	assert_int_equal(fl_state_node_delete(s, 3, &fault), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "removed 3");
	kit_check(s);
	fl_state_free(s);
}

static void test_approval_without_effect_is_silent(void **unused)
{
	(void)unused;
	struct fl_state *s = three_routers();
	const struct fl_dirty *d;

	approve(s, 1, "");
	assert_int_equal(fl_state_dirty(s, &d), 0);
	approve(s, 1, "192.0.2.0/24"); /* not announced: stored, heard by nobody */
	assert_int_equal(fl_state_dirty(s, &d), 1);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");
	fl_state_committed(s);
	approve(s, 1, "192.0.2.0/24");
	assert_int_equal(fl_state_dirty(s, &d), 0);
	approve(s, 1, "10.0.0.0/8");
	approve(s, 1, ""); /* an empty list is stored as empty */
	assert_int_equal(fl_state_node(s, 1)->approved_count, 0);
	fl_state_free(s);
}

static void test_too_many_routes(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_prefix p[FL_NODE_ROUTES_MAX + 1];
	struct fl_fault fault;

	for (size_t i = 0; i <= FL_NODE_ROUTES_MAX; i++)
		p[i] = (struct fl_prefix){ fl_ip_v4(10, (uint8_t)(i >> 8), (uint8_t)i, 0), 24 };
	assert_int_equal(fl_state_node_approve(s, 1, p, FL_NODE_ROUTES_MAX - 1, &fault), FL_OK);
	assert_int_equal(fl_state_node_approve(s, 1, p, FL_NODE_ROUTES_MAX, &fault), FL_OK);
	assert_int_equal(fl_state_node_approve(s, 1, p, FL_NODE_ROUTES_MAX + 1, &fault),
			 FL_ERR_INVALID);
	p[0] = kit_prefix("::/0"); /* would bring a second one */
	assert_int_equal(fl_state_node_approve(s, 1, p, FL_NODE_ROUTES_MAX, &fault),
			 FL_ERR_INVALID);
	assert_int_equal(fl_state_node(s, 1)->approved_count, FL_NODE_ROUTES_MAX);
	fl_state_free(s);
}

/* ---- owners ---- */

static enum fl_err tag(struct fl_state *s, fl_node_id id, const char *a, const char *b)
{
	char *both[] = { (char *)(uintptr_t)a, (char *)(uintptr_t)b };
	struct fl_strlist tags = { .at = both, .len = (size_t)(a != NULL) + (size_t)(b != NULL) };
	struct fl_fault fault = { "" };
	enum fl_err err = fl_state_node_tag(s, id, &tags, &fault);
	assert_true((err == FL_OK) == (fault.text[0] == '\0'));
	return err;
}

static void test_tagging(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_fault fault;
	static const char *const bad[] = { "x",     "tag:",   "tag:1",  "tag:A",        "Tag:a",
					   "tag:-", "tag:a ", "tag:a.", "tag:\xc3\xa9", "tag:a_b" };

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(tag(s, 1, bad[i], NULL), FL_ERR_INVALID);
	assert_int_equal(tag(s, 1, "tag:ok", bad[0]), FL_ERR_INVALID);
	assert_int_equal(tag(s, 1, NULL, NULL), FL_ERR_INVALID);
	assert_int_equal(tag(s, 2, "tag:a", NULL), FL_ERR_NOT_FOUND);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");

	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 1, KIT_NOW + 9, &fault), FL_OK);
	fl_state_committed(s);
	assert_int_equal(tag(s, 1, "tag:b", "tag:a-1"), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "changed 1");
	const struct fl_node *n = fl_state_node(s, 1);
	assert_int_equal(n->user, 0);
	assert_int_equal(n->expiry, KIT_NOW + 9); /* kept (TAG-1) */
	assert_string_equal(n->tags.at[0], "tag:a-1");
	assert_int_equal(tag(s, 1, "tag:a-1", "tag:b"), FL_OK); /* the same set: nothing */
	assert_string_equal(kit_changes(s, changes, sizeof changes), "changed 1");
	fl_state_committed(s);
	/* Its user has no node left and may go. */
	assert_int_equal(fl_state_user_delete(s, 1, &fault), FL_OK);
	kit_check(s);
	fl_state_free(s);
}

/* One owner, one node of a machine; the tagged ones have one owner together (DM-6). */
static void test_second_tagged_node_of_a_machine(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id a = kit_user(s, "alice"), b = kit_user(s, "bob");

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, a);
	kit_approve(s, (struct kit_request){ .machine = 1, .key = 2 }, b);
	assert_int_equal(tag(s, 1, "tag:a", NULL), FL_OK);
	fl_state_committed(s);
	assert_int_equal(tag(s, 2, "tag:b", NULL), FL_ERR_EXISTS);
	assert_int_equal(fl_state_node(s, 2)->user, b);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");
	assert_int_equal(tag(s, 1, "tag:b", NULL), FL_OK); /* the tagged one itself may change */
	kit_check(s);
	fl_state_free(s);
}

static void test_tag_limits(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	char text[FL_NODE_TAGS_MAX + 1][16], longest[258], *at[FL_NODE_TAGS_MAX + 1];
	struct fl_strlist tags = { .at = at };
	struct fl_fault fault;

	for (size_t i = 0; i <= FL_NODE_TAGS_MAX; i++) {
		snprintf(text[i], sizeof text[i], "tag:t%zu", i);
		at[i] = text[i];
	}
	for (tags.len = FL_NODE_TAGS_MAX - 1; tags.len <= FL_NODE_TAGS_MAX + 1; tags.len++)
		assert_int_equal(fl_state_node_tag(s, 1, &tags, &fault),
				 tags.len <= FL_NODE_TAGS_MAX ? FL_OK : FL_ERR_TOO_BIG);
	assert_int_equal(fl_state_node(s, 1)->tags.len, FL_NODE_TAGS_MAX);
	memset(longest, 'a', sizeof longest);
	memcpy(longest, "tag:", 4);
	for (size_t len = 254; len <= 256; len++) {
		longest[len] = '\0';
		assert_int_equal(tag(s, 1, longest, NULL), len <= 255 ? FL_OK : FL_ERR_INVALID);
		longest[len] = 'a';
	}
	fl_state_free(s);
}

static void test_user_limits(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	struct fl_fault fault;
	char text[2050];
	fl_user_id id;

	memset(text, 'a', sizeof text);
	for (size_t len = FL_USER_NAME_MAX - 1; len <= FL_USER_NAME_MAX + 1; len++) {
		enum fl_err want = len <= FL_USER_NAME_MAX ? FL_OK : FL_ERR_INVALID;
		char name[16];
		text[len] = '\0';
		struct fl_user_fields f = { .name = text };
		assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), want);
		snprintf(name, sizeof name, "u%zu", len);
		f = (struct fl_user_fields){ .name = name, .display_name = text };
		assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), want);
		snprintf(name, sizeof name, "v%zu", len);
		f = (struct fl_user_fields){ .name = name, .email = text };
		assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), want);
		text[len] = 'a';
	}
	for (size_t len = 2047; len <= 2049; len++) {
		char name[16];
		text[len] = '\0';
		snprintf(name, sizeof name, "w%zu", len);
		struct fl_user_fields f = { .name = name, .picture_url = text };
		assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id),
				 len <= 2048 ? FL_OK : FL_ERR_INVALID);
		text[len] = 'a';
	}
	fl_state_free(s);
}

static void test_users(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	struct fl_fault fault;
	static const char *const bad[] = { "", "1a", "a b", "a@b@c", "-a", "a\n", "a/b", "a\xff" };
	struct fl_user_fields f = { .name = "alice" };
	fl_user_id id = 0;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fl_user_fields wrong = { .name = bad[i] };
		assert_int_equal(fl_state_user_create(s, KIT_NOW, &wrong, &fault, &id),
				 FL_ERR_INVALID);
	}
	assert_int_equal(id, 0);
	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), FL_OK);
	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), FL_ERR_EXISTS);
	f = (struct fl_user_fields){ .name = "b.o-b_9@x", .email = "bob@example.com" };
	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), FL_OK);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "user 1 user 2");
	assert_int_equal(fl_state_user_by_name(s, "bob@example.com")->id, 2);
	assert_int_equal(fl_state_user_by_name(s, "alice")->id, 1);
	assert_null(fl_state_user_by_name(s, "nobody"));
	assert_null(fl_state_user_by_name(s, ""));
	f = (struct fl_user_fields){ .name = "twin", .email = "bob@example.com" };
	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &id), FL_OK);
	assert_null(fl_state_user_by_name(s, "bob@example.com")); /* no longer one */
	fl_state_committed(s);

	assert_int_equal(fl_state_user_rename(s, 1, "alice", &fault), FL_OK); /* nothing */
	assert_int_equal(fl_state_user_rename(s, 1, "twin", &fault), FL_ERR_EXISTS);
	assert_int_equal(fl_state_user_rename(s, 9, "x", &fault), FL_ERR_NOT_FOUND);
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");
	assert_int_equal(fl_state_user_rename(s, 1, "eve", &fault), FL_OK);
	assert_null(fl_state_user_by_name(s, "alice"));
	assert_int_equal(fl_state_user_by_name(s, "eve")->id, 1);
	fl_state_rollback(s);
	assert_int_equal(fl_state_user_by_name(s, "alice")->id, 1);

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, 1);
	assert_int_equal(fl_state_user_delete(s, 1, &fault), FL_ERR_DENIED);
	assert_int_equal(fl_state_user_delete(s, 9, &fault), FL_ERR_NOT_FOUND);
	fl_state_free(s);
}

/* Deleting a user takes the keys that only he could use, and no other (#3154 of the reference). */
static void test_keys_of_a_deleted_user(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id a = kit_user(s, "alice"), b = kit_user(s, "bob");
	struct kit_auth own = kit_auth(s, a, NULL, true), tagged = kit_auth(s, a, "tag:x", true);
	struct kit_auth other = kit_auth(s, b, NULL, true);
	struct fl_fault fault;

	assert_int_equal(fl_state_user_delete(s, a, &fault), FL_OK);
	assert_null(fl_state_preauth(s, own.id));
	assert_int_equal(fl_state_preauth(s, tagged.id)->user, 0);
	assert_non_null(fl_state_preauth(s, other.id));
	fl_state_free(s);
}

static void test_keys(void **unused)
{
	(void)unused;
	struct fl_state *s = kit_state();
	fl_user_id a = kit_user(s, "alice");
	struct kit_auth k = kit_auth(s, a, NULL, true);
	struct fl_fault fault;
	fl_key_id id = 0;
	struct fl_preauth_fields f = { .prefix = "abcdefabcdef" };
	uint8_t hash[32] = { 1 };

	assert_int_equal(fl_state_preauth_create(s, KIT_NOW, &f, &fault, &id), FL_ERR_INVALID);
	f.user = 9;
	assert_int_equal(fl_state_preauth_create(s, KIT_NOW, &f, &fault, &id), FL_ERR_NOT_FOUND);
	f.user = a;
	f.prefix[11] = '\0';
	assert_int_equal(fl_state_preauth_create(s, KIT_NOW, &f, &fault, &id), FL_ERR_INVALID);
	memcpy(f.prefix, fl_state_preauth(s, k.id)->prefix, sizeof f.prefix);
	assert_int_equal(fl_state_preauth_create(s, KIT_NOW, &f, &fault, &id), FL_ERR_EXISTS);
	assert_int_equal(id, 0);

	fl_node_id n = kit_join(s, (struct kit_request){ .machine = 1, .key = 1, .auth = k.text });
	assert_int_equal(fl_state_preauth_expire(s, KIT_NOW, 99, &fault), FL_ERR_NOT_FOUND);
	assert_int_equal(fl_state_preauth_expire(s, KIT_NOW, k.id, &fault), FL_OK);
	assert_int_equal(fl_state_preauth_expire(s, KIT_NOW + 9, k.id, &fault), FL_OK);
	assert_int_equal(fl_state_preauth(s, k.id)->expiration, KIT_NOW);
	fl_state_committed(s);
	assert_int_equal(fl_state_preauth_delete(s, k.id, &fault), FL_OK);
	assert_int_equal(fl_state_node(s, n)->auth_key, 0); /* INV-06 */
	assert_string_equal(kit_changes(s, changes, sizeof changes), "");

	assert_int_equal(fl_state_apikey_create(s, KIT_NOW, 0, "short", hash, &id), FL_ERR_INVALID);
	assert_int_equal(fl_state_apikey_create(s, KIT_NOW, 0, "abcdefabcdef", hash, &id), FL_OK);
	assert_int_equal(fl_state_apikey_create(s, KIT_NOW, 0, "abcdefabcdef", hash, &id),
			 FL_ERR_EXISTS);
	assert_int_equal(fl_state_apikey_by_prefix(s, "abcdefabcdef")->id, id);
	assert_null(fl_state_apikey_by_prefix(s, "abcdefabcdefa"));
	assert_int_equal(fl_state_apikey_seen(s, KIT_NOW, id), FL_OK);
	assert_int_equal(fl_state_apikey_seen(s, KIT_NOW, 9), FL_ERR_NOT_FOUND);
	assert_int_equal(fl_state_apikey(s, id)->last_seen, KIT_NOW);
	assert_int_equal(fl_state_apikey_expire(s, KIT_NOW, id, &fault), FL_OK);
	assert_int_equal(fl_state_apikey_delete(s, id, &fault), FL_OK);
	assert_int_equal(fl_state_apikey_delete(s, id, &fault), FL_ERR_NOT_FOUND);
	assert_null(fl_state_apikey_by_prefix(s, "abcdefabcdef"));
	fl_state_free(s);
}

/* ---- loading ---- */

/* What the database's own rules would not let in either, but a state may not trust that. */
static void test_loading_believes_nothing(void **unused)
{
	(void)unused;
	static const char *const words[] = { "same owner", "an address is there twice",
					     "a unique value", "the id is there twice" };
	struct fl_state *s = one_node();

	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		struct fl_node *n = fl_node_copy(fl_state_node(s, 1));
		struct fl_fault fault = { "" };

		assert_non_null(n);
		n->id = i == 3 ? 1 : 2;
		if (i != 0)
			n->machine = kit_machine(2);
		if (i != 1)
			n->ip4 = n->ip6 = (struct fl_ip){ 0 };
		if (i != 2)
			n->key = kit_key(2);
		fl_str_copy(n->given_name, sizeof n->given_name, fl_slice_str("other"));
		assert_int_equal(fl_state_load_node(s, n, &fault), FL_ERR_CORRUPT);
		if (strstr(fault.text, words[i]) == NULL)
			fail_msg("%s, not %s", fault.text, words[i]);
		kit_check(s);
	}
	fl_state_free(s);
}

/* Nobody's node: known by its keys, like others; its user does not come back by chance (TAG-6). */
static void test_loading_a_node_of_nobody(void **unused)
{
	(void)unused;
	struct fl_state *s = one_node();
	struct fl_node *n = fl_node_copy(fl_state_node(s, 1));
	struct fl_fault fault = { "" };
	fl_node_id again;

	assert_non_null(n);
	n->id = 2;
	n->user = 99;
	n->machine = kit_machine(2);
	n->key = kit_key(2);
	n->ip4 = n->ip6 = (struct fl_ip){ 0 };
	fl_str_copy(n->given_name, sizeof n->given_name, fl_slice_str("other"));
	assert_int_equal(fl_state_load_node(s, n, &fault), FL_OK);
	assert_true(fl_state_is_orphan(s, fl_state_node(s, 2)));
	assert_false(fl_state_is_orphan(s, fl_state_node(s, 1)));

	assert_int_equal(kit_user(s, "bob"), 100);

	/* A login of its machine makes a node of the user who logged in, beside it. */
	again = kit_approve(s, (struct kit_request){ .machine = 2, .key = 3 }, 1);
	assert_int_equal(again, 3);
	assert_int_equal(fl_state_node(s, 3)->user, 1);
	assert_int_equal(fl_state_node_expire(s, KIT_NOW, 2, KIT_NOW, &fault), FL_OK);
	assert_int_equal(fl_state_node_delete(s, 2, &fault), FL_OK);
	kit_check(s);
	fl_state_free(s);
}

/* ---- backfill ---- */

static void test_backfill(void **unused)
{
	(void)unused;
	struct fl_state *old = kit_state(), *s = NULL;
	struct fl_state_config cfg = kit_config();
	struct fl_fault fault;
	size_t changed = 9;

	kit_user(old, "alice");
	for (unsigned i = 1; i <= 3; i++)
		kit_approve(old, (struct kit_request){ .machine = i, .key = i }, 1);
	assert_int_equal(fl_state_backfill_ips(old, &changed, &fault), FL_OK);
	assert_int_equal(changed, 0);

	/* The same nodes under a configuration with only IPv6, of another prefix that fits two. */
	cfg.prefix4 = (struct fl_prefix){ 0 };
	assert_int_equal(fl_state_new(&cfg, &s), FL_OK);
	assert_int_equal(fl_state_load_user(s, fl_user_ref(fl_state_user(old, 1)), &fault), FL_OK);
	for (unsigned i = 1; i <= 3; i++) {
		struct fl_node *n = fl_node_copy(fl_state_node(old, i));
		assert_non_null(n);
		if (i == 2)
			n->ip6 = (struct fl_ip){ 0 };
		assert_int_equal(fl_state_load_node(s, n, &fault), FL_OK);
	}
	assert_int_equal(fl_state_backfill_ips(s, &changed, &fault), FL_OK);
	assert_int_equal(changed, 3);
	assert_string_equal(kit_changes(s, changes, sizeof changes),
			    "changed 1 changed 2 changed 3");
	for (unsigned i = 1; i <= 3; i++) {
		assert_false(fl_ip_is_set(&fl_state_node(s, i)->ip4));
		assert_true(fl_ip_is_set(&fl_state_node(s, i)->ip6));
	}
	kit_check(s);
	fl_state_rollback(s);
	assert_true(fl_ip_is_set(&fl_state_node(s, 1)->ip4));
	assert_false(fl_ip_is_set(&fl_state_node(s, 2)->ip6));
	kit_check(s);
	fl_state_free(s);
	fl_state_free(old);
}

static void test_backfill_all_or_nothing(void **unused)
{
	(void)unused;
	struct fl_state_config cfg = kit_config();
	struct fl_state *old = kit_state(), *s = NULL;
	struct fl_fault fault = { "" };
	size_t changed = 9;

	kit_user(old, "alice");
	cfg.prefix6 = kit_prefix("fd00::/126");
	assert_int_equal(fl_state_new(&cfg, &s), FL_OK);
	assert_int_equal(fl_state_load_user(s, fl_user_ref(fl_state_user(old, 1)), &fault), FL_OK);
	for (unsigned i = 1; i <= 4; i++) {
		kit_approve(old, (struct kit_request){ .machine = i, .key = i }, 1);
		struct fl_node *n = fl_node_copy(fl_state_node(old, i));
		assert_non_null(n);
		n->ip6 = (struct fl_ip){ 0 };
		assert_int_equal(fl_state_load_node(s, n, &fault), FL_OK);
	}
	char *before = kit_dump(s);
	assert_int_equal(fl_state_backfill_ips(s, &changed, &fault), FL_ERR_FULL);
	assert_true(fault.text[0] != '\0');
	assert_int_equal(changed, 9);
	char *after = kit_dump(s);
	assert_string_equal(before, after);
	kit_check(s);
	free(before);
	free(after);
	fl_state_free(s);
	fl_state_free(old);
}

enum {
	ROWS = sizeof rows / sizeof *rows,
	ROUTES = sizeof routes / sizeof *routes,
	CASES = 21,
};

int main(void)
{
	struct CMUnitTest tests[CASES + ROWS + ROUTES] = {
		cmocka_unit_test(test_update_keeps_what_is_absent),
		cmocka_unit_test(test_what_a_request_may_erase),
		cmocka_unit_test(test_update_of_nobody),
		cmocka_unit_test(test_read_only_request),
		cmocka_unit_test(test_published_records_are_immutable),
		cmocka_unit_test(test_expiry_is_set_and_passes_once),
		cmocka_unit_test(test_expiry_now_is_told_once),
		cmocka_unit_test(test_expiry_lies_ahead_again),
		cmocka_unit_test(test_served_routes_are_told_of_their_router),
		cmocka_unit_test(test_approval_without_effect_is_silent),
		cmocka_unit_test(test_too_many_routes),
		cmocka_unit_test(test_tagging),
		cmocka_unit_test(test_second_tagged_node_of_a_machine),
		cmocka_unit_test(test_tag_limits),
		cmocka_unit_test(test_user_limits),
		cmocka_unit_test(test_users),
		cmocka_unit_test(test_keys_of_a_deleted_user),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_loading_believes_nothing),
		cmocka_unit_test(test_loading_a_node_of_nobody),
		cmocka_unit_test(test_backfill),
		cmocka_unit_test(test_backfill_all_or_nothing),
	};
	size_t at = CASES;
	for (size_t i = 0; i < ROWS; i++)
		tests[at++] = (struct CMUnitTest){ .name = rows[i].name,
						   .test_func = test_update,
						   .initial_state = (void *)(uintptr_t)&rows[i] };
	for (size_t i = 0; i < ROUTES; i++)
		tests[at++] = (struct CMUnitTest){ .name = routes[i].name,
						   .test_func = test_served,
						   .initial_state = (void *)(uintptr_t)&routes[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
