/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/test_nomem.c - a whole connection, with PINs both ways and early data, in which
 * the n-th allocation fails, and in another run all from there on, for every n: it is not made, or
 * a call says so and nothing is different, or it ends with one CLOSE that says so.
 */
#include "../../base/alloc_fail.h"
#include "kit.h"

#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct {
	size_t left; /* 0: armed no more */
	bool on, all, failed;
} plan;

bool alloc_fails(void)
{
	if (!plan.on || (plan.left > 0 && --plan.left > 0))
		return false;
	plan.failed = true;
	plan.on = plan.all;
	return true;
}

static const fl_time now = FL_SEC;

/* Our allocations fail, those of the kit do not. */
static void hear(struct fl_ship_conn *c, const char *words)
{
	struct fl_buf b = fl_buf_make(1 << 16);
	bool on = plan.on;

	plan.on = false;
	ship_message_of(words, &b);
	plan.on = on;
	fl_ship_conn_message(c, now, fl_buf_slice(&b));
	fl_buf_done(&b);
}

static void take(struct fl_ship_conn *c, size_t *closes, enum fl_err *err)
{
	struct fl_ship_effect e;

	while (fl_ship_conn_next(c, &e)) {
		assert_int_equal(*closes, 0);
		if (e.kind != FL_SHIP_DO_CLOSE)
			continue;
		++*closes;
		*err = e.err;
	}
}

static const struct script {
	enum fl_err end; /* if nothing fails */
	const char *heard[16];
} scripts[] = {
	{ FL_OK,
	  { "cmi", "hello pending ask", "hello ready w=1", "proto max", "proto select", "access?",
	    "data early", "pin required ok", "pin ok", "pin-input 11111111", "data two", "access?",
	    "pin-input 12345678", "access Them-1", "data late" } },
	{ FL_ERR_PROTO, { "cmi", "hello ready", "proto max", "proto max" } },
	{ FL_ERR_PROTO, { "cmi", "hello ready", "proto max", "proto select", "unknown" } },
	{ FL_ERR_PROTO, { "cmi", "bad-control" } },
	{ FL_ERR_PROTO, { "hello ready" } },
	{ FL_ERR_DENIED, { "cmi", "hello aborted" } },
	{ FL_OK, { "cmi", "hello ready", "close announce" } },
};

/* The error of a call that failed and changed nothing; FL_OK if none did. */
static enum fl_err send_both(struct fl_ship_conn *c)
{
	static const char plain[] = "{\"datagram\":{\"a\":1}}", wire[] = "{\"datagram\":[]}";
	enum fl_err err = fl_ship_conn_send(c, now, fl_slice_str(plain), false);

	if (err == FL_OK)
		err = fl_ship_conn_send(c, now, fl_slice_str(wire), true);
	return err;
}

static enum fl_err live(struct fl_ship_conn *c, const struct script *script)
{
	size_t closes = 0;
	enum fl_err err = FL_OK, sent = FL_OK;

	fl_ship_conn_start(c, now);
	for (size_t i = 0; script->heard[i] != NULL; i++) {
		hear(c, script->heard[i]);
		take(c, &closes, &err);
		ship_invariants(c, now, true, closes > 0);
	}
	if (fl_ship_conn_is_open(c)) {
		sent = send_both(c);
		assert_true(fl_ship_conn_is_open(c));
	}
	fl_ship_conn_end(c, now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_USER, "User close");
	fl_ship_conn_tick(c, now + FL_SEC);
	take(c, &closes, &err);
	assert_int_equal(closes, 1);
	ship_invariants(c, now + FL_SEC, true, true);
	return err != FL_OK ? err : sent;
}

static enum fl_err whole_run(const struct script *script)
{
	char words[] = "server trusted peer=Them-1 need=12345678 knows=87654321";
	struct fl_ship_conn_config cfg = ship_config_of(words, now);
	struct fl_ship_conn *c = NULL;
	enum fl_err err = fl_ship_conn_new(&cfg, &c);

	if (err != FL_OK) {
		assert_null(c);
		return err;
	}
	err = live(c, script);
	fl_ship_conn_free(c);
	return err;
}

static size_t every_allocation(const struct script *script, bool all)
{
	size_t n = 0;

	do {
		plan.left = ++n;
		plan.on = true;
		plan.all = all;
		plan.failed = false;
		enum fl_err err = whole_run(script);
		plan.on = false;
		if (err != (plan.failed ? FL_ERR_NOMEM : script->end))
			fail_msg("allocation %zu: %s", n, fl_err_text(err));
	} while (plan.failed);
	return n;
}

static void one_fails(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		assert_true(every_allocation(&scripts[i], false) > (i == 0 ? 40 : 5));
}

static void all_fail_from_then_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++)
		assert_true(every_allocation(&scripts[i], true) > (i == 0 ? 40 : 5));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_fails),
		cmocka_unit_test(all_fail_from_then_on),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("proto/ship_nomem", tests, NULL, NULL);
}
