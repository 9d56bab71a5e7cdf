/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_mdns_alloc.c - every allocation of our part of mDNS fails in turn. Avahi's own are
 * not tried: it ends the process when it has no memory.
 */
#include "../base/table.h"

#include "alloc.h"

#include "io/mdns_table.h"

static bool is_honest(enum fl_err err)
{
	return err == FL_OK || err == FL_ERR_NOMEM;
}

static void use_table(void *ctx)
{
	static const uint8_t seed[16];
	const struct fl_slice txt[] = { BYTES("a=b"), BYTES(""), BYTES("c") };
	struct fl_ip addr = { FL_IP_V4, { 10, 0, 0, 1 } };
	struct fl_mdns_table t;
	struct fl_mdns_seen seen;
	bool gone;

	(void)ctx;
	fl_mdns_table_init(&t, seed);
	for (unsigned i = 0; i < 20; i++) {
		char name[2] = { (char)('a' + i), '\0' };
		struct fl_mdns_entry *e = fl_mdns_table_add(&t, name, 2, false);
		if (e == NULL)
			continue;
		enum fl_err err = fl_mdns_table_set(&t, e, "h.local", 1, txt, COUNT(txt));
		assert_true(is_honest(err));
		assert_int_equal(e->host != NULL, err == FL_OK);
		fl_mdns_table_addr_add(&t, e, &addr);
		err = fl_mdns_table_set(&t, e, "other.local", 1, txt, 1);
		assert_true(is_honest(err));
		fl_mdns_table_addr_add(&t, e, &addr);
	}
	for (unsigned told = 0; fl_mdns_table_next(&t, &seen, &gone); told++)
		assert_true(told < 20 && !gone && seen.addrs_count == 1);
	fl_mdns_table_done(&t);
}

static void on_seen(void *ctx, const struct fl_mdns_seen *s, bool gone)
{
	(void)ctx;
	(void)s;
	(void)gone;
	fail_msg("nothing can be seen");
}

static void on_state(void *ctx, bool running, const char *text)
{
	(void)ctx;
	(void)running;
	fail_msg("%s", text);
}

static void use_mdns(void *ctx)
{
	const struct fl_slice txt[] = { BYTES("a=b"), BYTES("") };
	const struct fl_mdns_config cfg = {
		.type = "_ship._tcp",
		.instance = "Hub",
		.host = "hub",
		.backend = FL_MDNS_NONE,
		.on_seen = on_seen,
		.on_state = on_state,
	};
	struct fl_loop *loop;
	struct fl_mdns *m = NULL;
	struct fl_fault fault = { "" };

	(void)ctx;
	alloc_hold(true);
	assert_err(fl_loop_new(&loop), FL_OK);
	alloc_hold(false);
	enum fl_err err = fl_mdns_new(loop, &cfg, &fault, &m);
	assert_true(is_honest(err));
	if (err == FL_OK) {
		assert_true(is_honest(fl_mdns_announce(m, txt, COUNT(txt))));
		assert_true(is_honest(fl_mdns_announce(m, txt, 1)));
	} else {
		assert_null(m);
		assert_string_equal(fault.text, "out of memory");
	}
	fl_mdns_close(m);
	fl_loop_poll(loop);
	fl_loop_free(loop);
}

static void test_table(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(use_table, NULL) > 60);
}

static void test_mdns(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(use_mdns, NULL) >= 7);
}

int main(void)
{
	struct suite s = { 0 };

	suite_add(&s, "table", test_table, NULL);
	suite_add(&s, "mdns", test_mdns, NULL);
	return suite_run(&s, "io/mdns_alloc");
}
