/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_state_said.c - map requests of a node that repeats itself, to a state that
 * knows what was said before and to one that reads each of them.
 */
#include "state_kit.h"

#include <stdio.h>
#include <stdlib.h>

#define HOST(rest) "{\"OS\":\"linux\",\"Hostname\":\"host\"" rest "}"

static const char *const said[] = {
	HOST(""),
	HOST(",\"NetInfo\":{\"PreferredDERP\":5}"),
	HOST(",\"NetInfo\":{\"PreferredDERP\":9}"),
	HOST(",\"RoutableIPs\":[\"10.0.0.0/8\"]"),
	"{\"Hostname\":\"host\",\"OS\":\"linux\"}",
	"{\"Hostname\":\"host\",\"OS\":\"linux\",\"Unknown\":1}",
	"{\"OS\":\"linux\",\"Hostname\":\"new\",\"App\":\"tailscale-rs\"}",
	"{\"Services\":[]}",
	"{}",
};

static struct fl_state *one_node(void)
{
	struct fl_state *s = kit_state();
	fl_user_id u = kit_user(s, "alice");

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, u);
	return s;
}

/* As a map request does it; `knows`: what was said before is not read again. */
static bool say(struct fl_state *s, const char *json, bool knows)
{
	struct fl_hostinfo *known = fl_state_node(s, 1)->hostinfo;
	struct fl_map_request req;

	assert_int_equal(fl_map_request_parse(fl_slice_str(json), knows ? known : NULL, &req),
			 FL_OK);
	bool same = req.hostinfo == known;
	assert_int_equal(fl_state_node_update(s, 1, &req), FL_OK);
	if (knows)
		fl_hostinfo_learn(fl_state_node(s, 1)->hostinfo, req.hostinfo);
	fl_map_request_done(&req);
	return same;
}

static void known_words_come_to_the_same(void **unused)
{
	(void)unused;
	struct fl_state *knows = one_node(), *reads = one_node();
	unsigned same = 0, dice = 1;

	for (unsigned i = 0; i < 5000; i++) {
		char json[512];
		if (i % 2 == 0)
			dice = dice * 1664525 + 1013904223;
		snprintf(json, sizeof json, "{\"Version\":145,\"Stream\":%s,\"Hostinfo\":%s}",
			 dice >> 28 < 4 ? "true" : "false",
			 said[(dice >> 16) % (sizeof said / sizeof *said)]);
		same += say(knows, json, true);
		say(reads, json, false);
		char *a = kit_dump(knows), *b = kit_dump(reads);
		assert_string_equal(a, b);
		free(a);
		free(b);
	}
	assert_true(same > 500);
	fl_state_free(knows);
	fl_state_free(reads);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_words_come_to_the_same),
	};
	return cmocka_run_group_tests_name("domain/state_said", tests, NULL, NULL);
}
