/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_records.c - extra DNS records from a file that changes: clients hear of it
 * once, and of what is wrong with it never.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;
static struct node n;

#define HEAD                                                                                       \
	"server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\nmetrics_listen_addr: \"\"\n" \
	"derp:\n  server:\n    stun_listen_addr: 127.0.0.1:0\n"
#define RECORD(name, value) "{\"name\":\"" name "\",\"type\":\"A\",\"value\":\"" value "\"}"

/* As configuration tools do it: there is never half a file. */
static void replace(const char *name, const char *text)
{
	sys_write(&sys, "new.json", text);
	assert_int_equal(rename(sys_path(&sys, "new.json"), sys_path(&sys, name)), 0);
}

static bool shows(const char *value)
{
	json_t *v = at(n.view.settings, "DNSConfig.ExtraRecords.0.Value");

	return value == NULL ? v == NULL : v != NULL && strcmp(json_string_value(v), value) == 0;
}

static bool has_come(void *value)
{
	assert_false(node_fold(&n));
	return shows(value);
}

static void expect(const char *value)
{
	if (!sys_until(&sys, has_come, (void *)(uintptr_t)value))
		fail_msg("%s did not come", value != NULL ? value : "nothing");
	struct fold fresh;
	node_fresh(&n, &fresh);
	fold_assert_same(&n.view, &fresh);
	fold_done(&fresh);
}

static void test_at_the_start(void **state)
{
	(void)state;
	expect("192.0.2.1");
}

static void test_replaced(void **state)
{
	size_t frames = n.frames;
	(void)state;

	replace("records.json", "[" RECORD("a.example", "192.0.2.2") "]");
	expect("192.0.2.2");
	assert_int_equal(n.frames, frames + 1);
	replace("records.json", "[]");
	expect(NULL);
	assert_int_equal(n.frames, frames + 2);
}

static void test_written_in_place(void **state)
{
	(void)state;
	sys_write(&sys, "records.json", "[" RECORD("a.example", "192.0.2.3") "]");
	expect("192.0.2.3");
}

/* Those that say nothing new or nothing right come before one that does: only that is heard. */
static void test_bad_and_same(void **state)
{
	static const char *const texts[] = { "[" RECORD("a.example", "192.0.2.4"),
					     "[" RECORD("a.example", "::1") "]",
					     "[  " RECORD("a.example", "192.0.2.3") "  ]" };
	size_t frames;
	(void)state;

	replace("records.json", "[" RECORD("a.example", "192.0.2.3") "]");
	expect("192.0.2.3");
	frames = n.frames;
	for (size_t i = 0; i < COUNT(texts); i++) {
		replace("records.json", texts[i]);
		sys_for(&sys, 300 * FL_MS); /* the lapse after which it is read */
		assert_false(node_fold(&n));
		assert_int_equal(n.frames, frames);
		assert_true(shows("192.0.2.3"));
	}
	assert_int_equal(remove(sys_path(&sys, "records.json")), 0);
	sys_for(&sys, 300 * FL_MS);
	assert_false(node_fold(&n));
	assert_true(shows("192.0.2.3"));
	replace("records.json", "[" RECORD("a.example", "192.0.2.5") "]");
	expect("192.0.2.5");
	assert_int_equal(n.frames, frames + 1);
}

static enum fl_err reload(const char *text, struct fl_fault *fault)
{
	struct fl_config_report report = { 0 };
	struct fl_config *config;

	*fault = (struct fl_fault){ "" };
	sys_write(&sys, "config.yaml", text);
	enum fl_err err = fl_config_load(sys_path(&sys, "config.yaml"), sys.dir, &report, &config);
	fl_config_report_done(&report);
	return err == FL_OK ? fl_server_reload(sys.server, config, fault) : err;
}

static void test_another_file(void **state)
{
	struct fl_fault fault;
	(void)state;

	sys_write(&sys, "other.json", "[" RECORD("a.example", "192.0.2.6") "]");
	assert_err(reload(HEAD "dns:\n  extra_records_path: other.json\n", &fault), FL_OK);
	expect("192.0.2.6");
	/* The old one is watched no more. */
	replace("records.json", "[" RECORD("a.example", "192.0.2.7") "]");
	replace("other.json", "[" RECORD("a.example", "192.0.2.8") "]");
	expect("192.0.2.8");
	/* One that is not there changes nothing. */
	assert_err(reload(HEAD "dns:\n  extra_records_path: none.json\n", &fault),
		   FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "none.json"));
	replace("other.json", "[" RECORD("a.example", "192.0.2.9") "]");
	expect("192.0.2.9");
	assert_err(reload(HEAD, &fault), FL_OK);
	expect(NULL);
}

static void test_refused_at_the_start(void **state)
{
	struct sys outer = sys;
	struct fl_fault fault;
	(void)state;

	sys_make(&sys, false, "dns:\n  extra_records_path: records.json\n");
	assert_err(sys_try(&sys, &fault), FL_ERR_NOT_FOUND);
	assert_non_null(strstr(fault.text, "records.json"));
	sys_write(&sys, "records.json", "[{}]");
	assert_err(sys_try(&sys, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "records.json: record 1"));
	sys_remove(&sys);
	sys = outer;
}

int main(void)
{
	struct suite suite = { 0 };

	suite_add(&suite, "at the start", test_at_the_start, NULL);
	suite_add(&suite, "replaced", test_replaced, NULL);
	suite_add(&suite, "written in place", test_written_in_place, NULL);
	suite_add(&suite, "bad and same", test_bad_and_same, NULL);
	suite_add(&suite, "another file", test_another_file, NULL);
	suite_add(&suite, "refused at the start", test_refused_at_the_start, NULL);
	sys_make(&sys, false, "dns:\n  extra_records_path: records.json\n");
	sys_write(&sys, "records.json", "[" RECORD("a.example", "192.0.2.1") "]");
	sys_boot(&sys);
	char *key = api_key(&sys, api_user(&sys, "ada"), NULL);
	node_open(&n, &sys, "alpha");
	node_join(&n, key);
	node_lite(&n, NULL);
	node_poll(&n);
	sys_turn(&sys, 8);
	assert_false(node_fold(&n));
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/records");
	node_close(&n);
	free(key);
	sys_stop(&sys);
	return failed;
}
