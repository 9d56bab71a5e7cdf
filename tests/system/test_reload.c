/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_reload.c - new settings while clients are connected: everyone's folded view is
 * what a fresh map shows, a bad file changes nothing, and nothing is left behind.
 */
#include "client.h"

#include <stdio.h>

static struct sys sys;
static struct node n;

#define HEAD                                                                                       \
	"server_url: http://127.0.0.1:8080\nlisten_addr: 127.0.0.1:0\nmetrics_listen_addr: \"\"\n"
#define RELAY "derp:\n  server:\n    stun_listen_addr: 127.0.0.1:0\n"

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

static void expect_complete_view(void)
{
	struct fold fresh;

	sys_turn(&sys, 12);
	assert_false(node_fold(&n));
	node_fresh(&n, &fresh);
	fold_assert_same(&n.view, &fresh);
	fold_done(&fresh);
}

static struct {
	const char *name, *text, *path, *value; /* what the view must show then */
} good[] = {
	{ "extra record",
	  HEAD RELAY "dns:\n  extra_records:\n    - {name: a.example, type: A, value: 192.0.2.1}\n",
	  "DNSConfig.ExtraRecords.0.Name", "a.example" },
	{ "name of the region", HEAD RELAY "    region_name: Elsewhere\n",
	  "DERPMap.Regions.999.RegionName", "Elsewhere" },
	{ "search domain", HEAD RELAY "dns:\n  search_domains: [corp.example]\n",
	  "DNSConfig.Domains.1", "corp.example" },
	{ "as it was", HEAD RELAY, "DERPMap.Regions.999.RegionName", "Fairlead embedded relay" },
};

static void test_good(void **state)
{
	const struct {
		const char *name, *text, *path, *value;
	} *row = *state;
	struct fl_fault fault;
	size_t frames = n.frames;

	enum fl_err err = reload(row->text, &fault);
	if (err != FL_OK)
		fail_msg("%s", fault.text);
	expect_complete_view();
	assert_true(n.frames > frames);
	assert_string_equal(text_at(n.view.settings, row->path), row->value);
	/* The same again tells nobody anything. */
	frames = n.frames;
	assert_err(reload(row->text, &fault), FL_OK);
	expect_complete_view();
	assert_int_equal(n.frames, frames);
}

static struct {
	const char *name, *text;
} bad[] = {
	{ "no YAML", "{{{" },
	{ "unknown key", HEAD RELAY "nothing_like_that: 1\n" },
	{ "certificate that is not there",
	  HEAD RELAY "tls_cert_path: no.crt\ntls_key_path: no.key\n" },
	{ "relay map that is not there", HEAD RELAY "  paths: [no.yaml]\n" },
};

static void test_bad(void **state)
{
	const struct {
		const char *name, *text;
	} *row = *state;
	struct fl_fault fault;
	size_t frames = n.frames;
	unsigned fds = sys_usage().fds;

	assert_int_not_equal(reload(row->text, &fault), FL_OK);
	expect_complete_view();
	assert_int_equal(n.frames, frames);
	sys_turn(&sys, 8);
	assert_int_equal(sys_usage().fds, fds);
	node_lite(&n, NULL);
}

static void test_hundred_reloads_leave_nothing(void **state)
{
	struct sys_usage before = { 0 };
	struct fl_fault fault;
	(void)state;

	for (unsigned i = 0; i < 104; i++) {
		if (i == 4) {
			sys_turn(&sys, 8);
			before = sys_usage();
		}
		assert_err(reload(good[i % 2].text, &fault), FL_OK);
		sys_turn(&sys, 4);
	}
	expect_complete_view();
	sys_turn(&sys, 8);
	assert_int_equal(sys_usage().fds, before.fds);
	assert_int_equal(sys_usage().threads, before.threads);
	assert_true(sys_usage().live < before.live + (256 << 10));
}

int main(void)
{
	struct suite suite = { 0 };

	ROWS(&suite, good, test_good);
	ROWS(&suite, bad, test_bad);
	suite_add(&suite, "hundred reloads leave nothing", test_hundred_reloads_leave_nothing,
		  NULL);
	sys_start(&sys, false, NULL);
	char *key = api_key(&sys, api_user(&sys, "ada"), NULL);
	node_open(&n, &sys, "alpha");
	node_join(&n, key);
	node_lite(&n, NULL);
	node_poll(&n);
	sys_turn(&sys, 8);
	assert_false(node_fold(&n));
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/reload");
	node_close(&n);
	free(key);
	sys_stop(&sys);
	return failed;
}
