/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_ship_nomem.c - one allocation of a hub fails, each in turn: what was asked
 * for is refused whole, and when there is memory again everything comes about.
 */
#include "ship_kit.h"

#include "../base/alloc_fail.h"
#include "services/ship/hub_impl.h"

#include <stdio.h>
#include <string.h>

/* ---- the one that fails ---- */

static size_t calls, fatal; /* fatal 0: none */
static bool failed;

bool alloc_fails(void)
{
	if (fatal == 0 || ++calls != fatal)
		return false;
	failed = true;
	return true;
}

static void fail_at(size_t n)
{
	calls = 0;
	fatal = n;
	failed = false;
}

/* ---- tests ---- */

static struct fl_loop *loop_new(void)
{
	struct fl_loop *l = NULL;

	assert_ok(fl_loop_new(&l));
	return l;
}

static void loop_free(struct fl_loop *l)
{
	for (int i = 0; i < 1000 && fl_loop_poll(l); i++)
		if (i == 500)
			fl_loop_cut(l);
	fl_loop_free(l);
}

static void a_start_is_whole_or_none(void **state)
{
	struct fl_loop *l = loop_new();
	struct fl_ship_hub_config cfg = { .mdns = FL_MDNS_NONE,
					  .brand = "Acme",
					  .listen.ip = fl_ip_v4(127, 0, 0, 1) };
	const char *const interfaces[] = { "eth0", "eth1" };
	const struct fl_device_limit limit = { .ski.b = { 1 }, .categories = 1u << 3 };
	char dir[KIT_DIR_MAX], log[KIT_DIR_MAX + 16];

	(void)state;
	kit_dir(dir);
	cfg.state_dir = dir;
	cfg.interfaces = interfaces;
	cfg.interfaces_count = 2;
	cfg.limits = &limit;
	cfg.limits_count = 1;
	snprintf(log, sizeof log, "%s/log.pcapng", dir);
	cfg.message_log = log;
	size_t n = 0;
	do {
		struct fl_ship_hub *h = NULL;
		struct fl_fault fault = { "" };
		fail_at(++n);
		enum fl_err err = fl_ship_hub_new(l, &cfg, &fault, &h);
		if (err == FL_OK)
			err = fl_ship_hub_start(h, &fault);
		bool short_of = failed;
		fail_at(0);
		if (err != FL_OK && err != FL_ERR_NOMEM)
			fail_msg("allocation %zu: %s %s", n, fl_err_text(err), fault.text);
		if (err == FL_OK)
			assert_true(fl_devices_check(fl_ship_hub_devices(h)));
		fl_ship_hub_free(h);
		fl_loop_poll(l);
		if (!short_of)
			break;
	} while (n < 1000);
	assert_in_range(n, 10, 999);
	kit_dir_remove(dir);
	loop_free(l);
}

static void a_command_is_whole_or_none(void **state)
{
	struct fl_loop *l = loop_new();
	struct kit_hub *k = test_calloc(1, sizeof *k);
	size_t n = 0, refused = 0;

	(void)state;
	kit_start(k, l);
	for (bool short_of = true; short_of && n < 1000;) {
		struct fl_ski ski = { { 1, (uint8_t)n } };
		struct fl_device_info info;
		fail_at(++n);
		enum fl_err err = fl_ship_hub_pair(k->hub, &ski, "Id", "Name", NULL);
		short_of = failed;
		fail_at(0);
		bool known = fl_devices_info(fl_ship_hub_devices(k->hub), &ski, &info) == FL_OK;
		assert_true(err == FL_OK || err == FL_ERR_NOMEM || err == FL_ERR_FULL);
		assert_int_equal(known && info.record.trusted, err == FL_OK);
		assert_int_equal(fl_ship_store_find(k->hub->store, &ski) != NULL, err == FL_OK);
		assert_true(fl_devices_check(fl_ship_hub_devices(k->hub)));
		refused += err != FL_OK;
	}
	assert_in_range(refused, 3, 100);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

/* The n-th allocation of all that both hubs do until they are paired. */
static bool pair_short_of(size_t n)
{
	struct fl_loop *l = loop_new();
	struct kit_hub *a = test_calloc(1, sizeof *a), *b = test_calloc(1, sizeof *b);
	const struct fl_fault none = { "" };
	struct fl_fault fault = none;

	kit_start(a, l);
	kit_start(b, l);
	struct fl_ski ski = kit_ski(b);
	kit_pair(b, a);
	kit_pair(a, b);
	fail_at(n);
	enum fl_err err = fl_ship_hub_connect(a->hub, &ski, "127.0.0.1", kit_port(b), NULL, &fault);
	for (int i = 0; i < 200 && calls < n; i++)
		fl_loop_poll(l);
	bool short_of = failed;
	fail_at(0);
	assert_true(fl_devices_check(fl_ship_hub_devices(a->hub)));
	assert_true(fl_devices_check(fl_ship_hub_devices(b->hub)));
	/* Again, as a user would: that also takes back the delay before the next dial. */
	err = fl_ship_hub_connect(a->hub, &ski, "127.0.0.1", kit_port(b), NULL, &fault);
	if (err != FL_OK)
		fail_msg("allocation %zu: %s", n, fault.text);
	kit_wait_complete(a, b);
	kit_done(a);
	kit_done(b);
	loop_free(l);
	test_free(a);
	test_free(b);
	return short_of;
}

static void what_fails_comes_about_later(void **state)
{
	size_t n = 1;

	(void)state;
	while (n < 2000 && pair_short_of(n))
		n += 4; /* each pairing takes a while */
	assert_in_range(n, 30, 1999);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_start_is_whole_or_none),
		cmocka_unit_test(a_command_is_whole_or_none),
		cmocka_unit_test(what_fails_comes_about_later),
	};
	return cmocka_run_group_tests_name("services/ship_nomem", tests, NULL, NULL);
}
