/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_ship_mdns.c - hubs that know nothing of each other but a SKI, on two hosts:
 *
 *   host A  10.9.0.1 ------- 10.9.0.2  host B, which dials
 */
#include "ship_kit.h"

#include "../io/mdns_rig.h"

#include <stdlib.h>
#include <string.h>

static struct kit_hub *a, *b;

static int setup(void **state)
{
	int rc = rig_setup(state);

	if (rc != 0)
		return rc;
	a = test_calloc(1, sizeof *a);
	b = test_calloc(1, sizeof *b);
	a->in_network = b->in_network = true;
	a->cfg.mdns = b->cfg.mdns = FL_MDNS_EMBEDDED;
	a->cfg.brand = "Acme";
	rig_enter(HOST_A);
	kit_start(a, rig_loop);
	rig_live(HOST_B); /* from here on, dials too */
	kit_start(b, rig_loop);
	return 0;
}

static int teardown(void **state)
{
	kit_done(a);
	kit_done(b);
	for (int i = 0; i < 10; i++)
		fl_loop_poll(rig_loop);
	fl_loop_cut(rig_loop);
	test_free(a);
	test_free(b);
	return rig_teardown(state);
}

/* What `k` sees of the other, or NULL. */
static const struct fl_device_entry *seen(const struct kit_hub *k)
{
	return fl_devices_visible_at(fl_ship_hub_devices(k->hub), 0);
}

static bool sees(void *ctx)
{
	return seen(ctx) != NULL;
}

static bool sees_nobody(void *ctx)
{
	return seen(ctx) == NULL;
}

static bool sees_register(void *ctx)
{
	return seen(ctx) != NULL && seen(ctx)->txt.auto_accept;
}

static bool sees_no_register(void *ctx)
{
	return seen(ctx) != NULL && !seen(ctx)->txt.auto_accept;
}

static bool sees_two_addresses(void *ctx)
{
	return seen(ctx) != NULL && seen(ctx)->addrs_count == 2;
}

static void one_entry_of_all_that_is_heard(void **state)
{
	char want[FL_SHIP_ID_MAX + 8];

	(void)state;
	kit_wait(rig_loop, sees_two_addresses, b, 30);
	const struct fl_device_entry *e = seen(b);
	assert_null(fl_devices_visible_at(fl_ship_hub_devices(b->hub), 1));
	struct fl_ski ski = kit_ski(a);
	assert_memory_equal(&e->txt.ski, &ski, sizeof ski);
	assert_string_equal(e->txt.id, fl_ship_hub_id(a->hub));
	assert_string_equal(e->txt.brand, "Acme");
	assert_string_equal(e->txt.path, "/ship/");
	assert_memory_equal(e->instance, "Acme ", 5);
	snprintf(want, sizeof want, "%s.local", fl_ship_hub_id(a->hub));
	assert_string_equal(e->host, want);
	assert_int_equal(e->port, kit_port(a));
	assert_true(fl_ip_eq(&e->addrs[0].ip, &(struct fl_ip){ FL_IP_V4, { 10, 9, 0, 1 } }));
	assert_int_equal(e->addrs[0].scope, 0);
	assert_true(fl_ip_is_link_local(&e->addrs[1].ip));
	assert_int_not_equal(e->addrs[1].scope, 0);
	assert_true(kit_count(b, FL_SHIP_EV_VISIBLE) > 0);
}

static void seen_paired_and_seen_again(void **state)
{
	struct fl_device_info info;
	struct fl_ski ski = kit_ski(a);

	(void)state;
	kit_pair(a, b);
	kit_pair(b, a);
	kit_wait_complete(b, a);
	kit_wait(rig_loop, sees, b, 30); /* the other one may have been faster */
	assert_ok(fl_devices_info(fl_ship_hub_devices(b->hub), &ski, &info));
	assert_true(info.visible && info.connected);

	a->cfg.listen.port = kit_port(a);
	kit_stop(a);
	kit_wait(rig_loop, sees_nobody, b, 30); /* it said goodbye */
	kit_wait_count(b, FL_SHIP_EV_DISCONNECTED, 1);
	rig_enter(HOST_A);
	kit_start(a, rig_loop);
	rig_live(HOST_B);
	kit_wait_complete(b, a);
	kit_wait(rig_loop, sees, b, 30);
}

/* Host A once more, as a device of that category. */
static void restart_as(uint32_t category)
{
	a->cfg.listen.port = kit_port(a);
	a->cfg.categories[0] = category;
	a->cfg.categories_count = 1;
	kit_stop(a);
	rig_enter(HOST_A);
	kit_start(a, rig_loop);
	rig_live(HOST_B);
}

static bool is_kept_out(void *ctx)
{
	const struct fl_ski *ski = ctx;
	struct fl_device_info info;

	return fl_devices_info(fl_ship_hub_devices(b->hub), ski, &info) == FL_OK &&
	       info.state == FL_DEVICES_ERROR && strstr(info.text, "not within") != NULL;
}

static void only_what_it_is_known_for(void **state)
{
	struct fl_ski ski = kit_ski(a);
	const struct fl_device_limit limit = { .ski = ski, .categories = 1u << 3 };

	(void)state;
	b->cfg.limits = &limit;
	b->cfg.limits_count = 1;
	kit_stop(b);
	kit_start(b, rig_loop);
	kit_pair(a, b);
	kit_pair(b, a);
	kit_wait(rig_loop, is_kept_out, &ski, 30); /* it announces no category */
	restart_as(3);
	kit_wait_complete(b, a);
	restart_as(4); /* it may come before that is heard, and then does not stay */
	kit_wait(rig_loop, is_kept_out, &ski, 30);
	kit_wait_count(b, FL_SHIP_EV_DISCONNECTED, kit_count(b, FL_SHIP_EV_CONNECTED));
	kit_wait_state(a, b, FL_DEVICES_ERROR); /* it tries, and is turned away */
	assert_false(kit_is_connected(b, a));
}

static void a_window_is_announced(void **state)
{
	(void)state;
	kit_wait(rig_loop, sees_no_register, b, 30);
	assert_ok(fl_ship_hub_window(a->hub, 60, NULL));
	kit_wait(rig_loop, sees_register, b, 30);
	assert_ok(fl_ship_hub_window(a->hub, 0, NULL));
	kit_wait(rig_loop, sees_no_register, b, 30);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(one_entry_of_all_that_is_heard),
		T(seen_paired_and_seen_again),
		T(only_what_it_is_known_for),
		T(a_window_is_announced),
#undef T
	};
	int code = rig_check();

	(void)argc, (void)argv;
	return code != 0 ? code
			 : cmocka_run_group_tests_name("services/ship_mdns", tests, NULL, NULL);
}
