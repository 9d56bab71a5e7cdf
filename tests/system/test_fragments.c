/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_fragments.c - a router of which every viewer gets other routes: each has a text
 * of its own, and only so many of them are kept.
 *
 * Viewer N gets the route 10.I.0.0/16 for each bit I of N.
 */
#include "client.h"

#include "services/control/internal.h"

#include <stdio.h>

enum { BITS = 7, VIEWERS = FL_FRAGMENT_FORMS_MAX + 1 };

static struct sys sys;
static struct node carrier;
static fl_node_id router;

/* Without sessions: the fragments are the test's own. */
static fl_node_id join(struct node *n, const char *name, const char *key)
{
	node_open(n, &sys, name);
	node_join(n, key);
	return fl_state_node_by_key(sys_state(&sys), &n->key)->id;
}

static void join_all(void)
{
	char *key = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	struct fl_buf lite = fl_buf_make(1 << 12);
	struct node n;
	char name[16];

	for (unsigned i = 1; i <= VIEWERS; i++) {
		snprintf(name, sizeof name, "v%u", i);
		assert_int_equal(join(&n, name, key), i);
		node_close(&n);
	}
	fl_buf_str(&lite, "{\"Hostinfo\":{\"RoutableIPs\":[");
	for (unsigned i = 0; i < BITS; i++)
		fl_buf_printf(&lite, "%s\"10.%u.0.0/16\"", i > 0 ? "," : "", i);
	fl_buf_put(&lite, "]}}", 4);
	router = join(&carrier, "router", key);
	node_lite(&carrier, (const char *)lite.ptr);
	node_poll(&carrier); /* only routers that are online are used */
	fl_buf_done(&lite);
	free(key);
}

static void put_viewers(struct fl_buf *out, unsigned bit)
{
	char text[FL_IP_TEXT_MAX];
	const char *sep = "";

	for (fl_node_id id = 1; id <= VIEWERS; id++) {
		if ((id >> bit & 1) == 0)
			continue;
		fl_ip_format(&fl_state_node(sys_state(&sys), id)->ip4, text);
		fl_buf_printf(out, "%s\"%s\"", sep, text);
		sep = ",";
	}
}

static void set_policy(void)
{
	struct fl_buf text = fl_buf_make(1 << 16);
	struct fl_policy_report report = { 0 };
	uint64_t rev;

	fl_buf_str(&text,
		   "{\"autoApprovers\":{\"routes\":{\"10.0.0.0/8\":[\"ada@\"]}},\"grants\":[");
	for (unsigned i = 0; i < BITS; i++) {
		fl_buf_printf(&text, "%s{\"src\":[", i > 0 ? "," : "");
		put_viewers(&text, i);
		fl_buf_printf(&text, "],\"dst\":[\"10.%u.0.0/16\"],\"ip\":[\"*\"]}", i);
	}
	fl_buf_str(&text, "]}");
	assert_err(fl_policies_set(fl_server_policies(sys.server), fl_buf_slice(&text), "", "",
				   &report, &rev),
		   FL_OK);
	sys_turn(&sys, 12);
	fl_buf_done(&text);
	fl_policy_report_done(&report);
}

static const struct fl_bytes *text_for(struct fl_fragments *f, fl_node_id id)
{
	struct fl_control *c = fl_server_control(sys.server);
	const struct fl_viewer v = fl_viewer_of(c->core, id);
	const struct fl_bytes *text;

	assert_err(
		fl_fragments_for(f, c->netmap, &v, fl_state_node(sys_state(&sys), router), &text),
		FL_OK);
	assert_non_null(text);
	return text;
}

/* Are the viewer's routes those of its bits? */
static void check_text(const struct fl_bytes *text, fl_node_id id)
{
	json_t *entry = json_loadb((const char *)text->data, text->len, 0, NULL);
	size_t bits = (size_t)__builtin_popcountll(id);
	char route[FL_PREFIX_TEXT_MAX];

	assert_int_equal(json_array_size(at(entry, "PrimaryRoutes")), bits);
	for (size_t i = 0; i < bits; i++) {
		unsigned octet = (unsigned)strtoul(
			json_string_value(json_array_get(at(entry, "PrimaryRoutes"), i)) + 3, NULL,
			10);
		snprintf(route, sizeof route, "10.%u.0.0/16", octet);
		assert_string_equal(
			json_string_value(json_array_get(at(entry, "PrimaryRoutes"), i)), route);
		assert_true(id >> octet & 1);
	}
	json_decref(entry);
}

static void test_bound(void **state)
{
	static const uint8_t seed[16];
	struct fl_mapframe *framer;
	struct fl_fragments *f;
	(void)state;

	assert_err(fl_mapframe_new(&framer), FL_OK);
	assert_err(fl_fragments_new(sys_core(&sys), framer, seed, &f), FL_OK);
	struct fl_bytes *first = fl_bytes_ref(text_for(f, 1));
	for (fl_node_id id = 2; id < VIEWERS; id++)
		check_text(text_for(f, id), id);
	assert_int_equal(atomic_load(&first->refs), 2);
	assert_ptr_equal(text_for(f, 1), first);
	check_text(text_for(f, VIEWERS), VIEWERS);
	assert_int_equal(atomic_load(&first->refs), 1);
	const struct fl_bytes *again = text_for(f, 1);
	assert_ptr_not_equal(again, first);
	assert_bytes(fl_bytes_slice(again), fl_bytes_slice(first));
	fl_bytes_unref(first);
	fl_fragments_free(f);
	fl_mapframe_free(framer);
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "texts of one node are bounded", test_bound, NULL);
	sys_start(&sys, false, "policy:\n  mode: database\n");
	join_all();
	set_policy();
	int failed = suite_run(&suite, "system/fragments");
	node_close(&carrier);
	sys_stop(&sys);
	return failed;
}
