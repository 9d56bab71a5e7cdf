/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/test_conn.c - what is no story: limits, settings, and the bytes of a whole
 * handshake.
 */
#include "kit.h"

#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static const fl_time now = 77 * FL_SEC;

static struct fl_ship_conn *begin(const char *words, size_t message_max)
{
	char copy[128];
	struct fl_ship_conn *c;

	(void)snprintf(copy, sizeof copy, "%s", words);
	struct fl_ship_conn_config cfg = ship_config_of(copy, now);
	cfg.message_max = message_max;
	assert_int_equal(fl_ship_conn_new(&cfg, &c), FL_OK);
	fl_ship_conn_start(c, now);
	return c;
}

static void hear_all(struct fl_ship_conn *c, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		ship_hear(c, now, words[i]);
}

static const char *const to_pin[] = { "cmi", "hello ready", "proto max", "proto select" };
static const char *const to_complete[] = { "cmi",          "hello ready", "proto max",
					   "proto select", "pin none",    "access Them-1" };

static size_t drain(struct fl_ship_conn *c, struct fl_ship_effect *last)
{
	size_t n = 0;

	while (fl_ship_conn_next(c, last))
		n++;
	return n;
}

static struct fl_ship_conn *complete(size_t message_max)
{
	struct fl_ship_conn *c = begin("server trusted", message_max);
	struct fl_ship_effect e;

	hear_all(c, to_complete, 6);
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_COMPLETE);
	(void)drain(c, &e);
	return c;
}

/* ---- early data ---- */

static void early_messages(void **state)
{
	struct fl_ship_conn *c = begin("server trusted need=12345678", 1 << 20);
	struct fl_ship_effect e;
	char want[64], words[32];

	(void)state;
	hear_all(c, to_pin, 4);
	ship_hear(c, now, "pin none");
	for (int i = 0; i < FL_SHIP_EARLY_MESSAGES; i++) {
		(void)snprintf(words, sizeof words, "data n%d", i);
		ship_hear(c, now, words);
	}
	(void)drain(c, &e);
	ship_hear(c, now, "pin-input 12345678");
	for (int i = 0; i < FL_SHIP_EARLY_MESSAGES;) {
		assert_true(fl_ship_conn_next(c, &e));
		if (e.kind != FL_SHIP_DO_DATA)
			continue;
		(void)snprintf(want, sizeof want, "{\"datagram\":{\"w\":\"n%d\"}}", i++);
		assert_true(fl_slice_is(e.bytes, want));
	}
	assert_false(fl_ship_conn_next(c, &e));
	fl_ship_conn_free(c);
}

static void one_early_message_more(void **state)
{
	struct fl_ship_conn *c = begin("server trusted", 1 << 20);
	struct fl_ship_effect e;

	(void)state;
	hear_all(c, to_pin, 4);
	for (int i = 0; i < FL_SHIP_EARLY_MESSAGES; i++)
		ship_hear(c, now, "data x");
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_PIN);
	ship_hear(c, now, "data x");
	(void)drain(c, &e);
	assert_int_equal(e.kind, FL_SHIP_DO_CLOSE);
	assert_int_equal(e.err, FL_ERR_FULL);
	fl_ship_conn_free(c);
}

/* A message whose payload has `n` bytes as plain JSON. */
static void hear_payload(struct fl_ship_conn *c, size_t n)
{
	struct fl_buf b = fl_buf_make(1 << 20);

	fl_buf_str(&b, "\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},"
		       "{\"payload\":{\"datagram\":\"");
	for (size_t i = strlen("{\"datagram\":\"\"}"); i < n; i++)
		fl_buf_byte(&b, 'x');
	fl_buf_str(&b, "\"}}]}");
	fl_ship_conn_message(c, now, fl_buf_slice(&b));
	fl_buf_done(&b);
}

static void early_bytes(void **state)
{
	struct fl_ship_conn *c = begin("server trusted", 1 << 20);
	struct fl_ship_effect e;

	(void)state;
	hear_all(c, to_pin, 4);
	hear_payload(c, FL_SHIP_EARLY_BYTES - 100);
	hear_payload(c, 100);
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_PIN);
	hear_payload(c, 15);
	assert_int_equal(fl_ship_conn_state(c), FL_SHIP_S_CLOSED);
	(void)drain(c, &e);
	assert_int_equal(e.err, FL_ERR_FULL);
	fl_ship_conn_free(c);
}

static void early_bytes_in_one(void **state)
{
	for (size_t more = 0; more < 2; more++) {
		struct fl_ship_conn *c = begin("server trusted", 1 << 20);
		(void)state;
		hear_all(c, to_pin, 4);
		hear_payload(c, FL_SHIP_EARLY_BYTES + more);
		assert_int_equal(fl_ship_conn_state(c), more ? FL_SHIP_S_CLOSED : FL_SHIP_S_PIN);
		fl_ship_conn_free(c);
	}
}

/* ---- the queue ---- */

static void effects_that_nobody_takes(void **state)
{
	struct fl_ship_conn *c = complete(1 << 20);
	struct fl_ship_effect e;

	(void)state;
	for (int i = 0; i < FL_SHIP_OUT_MAX; i++)
		ship_hear(c, now, "data x");
	assert_true(fl_ship_conn_is_open(c));
	ship_hear(c, now, "data x");
	assert_false(fl_ship_conn_is_open(c));
	ship_hear(c, now, "data x");
	assert_int_equal(drain(c, &e), FL_SHIP_OUT_MAX + 1);
	assert_int_equal(e.kind, FL_SHIP_DO_CLOSE);
	assert_int_equal(e.err, FL_ERR_FULL);
	assert_true(e.completed);
	fl_ship_conn_free(c);
}

static void early_data_that_finds_no_room(void **state)
{
	struct fl_ship_conn *c = begin("server trusted need=12345678", 1 << 20);
	struct fl_ship_effect e;

	(void)state;
	hear_all(c, to_pin, 4);
	ship_hear(c, now, "pin none");
	(void)drain(c, &e);
	for (int i = 0; i < FL_SHIP_EARLY_MESSAGES; i++)
		ship_hear(c, now, "data x");
	for (int i = 0; i < 35; i++) /* the first two cost two effects each, the next one three */
		ship_hear(c, now, "pin-input 87654321");
	size_t waiting = 2 + 2 + 3 + 32;
	fl_ship_conn_tick(c, now + 15 * FL_SEC);
	waiting += 1;
	for (int i = 0; i < 25; i++, waiting += i ? 1 : 3)
		ship_hear(c, now + 15 * FL_SEC, "pin-input 87654321");
	fl_ship_conn_tick(c, now + 30 * FL_SEC);
	ship_hear(c, now + 30 * FL_SEC, "pin-input 12345678");
	assert_int_equal(drain(c, &e), FL_SHIP_OUT_MAX + 1);
	assert_int_equal(e.err, FL_ERR_FULL);
	fl_ship_conn_free(c);
}

static enum fl_err say(struct fl_ship_conn *c, const char *json, bool wire)
{
	return fl_ship_conn_send(c, now, fl_slice_str(json), wire);
}

static void sends_that_nobody_takes(void **state)
{
	struct fl_ship_conn *c = complete(1 << 20);
	struct fl_ship_effect e;

	(void)state;
	for (int i = 0; i < FL_SHIP_OUT_MAX / 2; i++)
		assert_int_equal(say(c, "{\"datagram\":{}}", false), FL_OK);
	assert_int_equal(say(c, "{\"datagram\":{}}", false), FL_ERR_FULL);
	assert_true(fl_ship_conn_next(c, &e));
	assert_int_equal(say(c, "{\"datagram\":{}}", false), FL_OK);
	assert_int_equal(drain(c, &e), FL_SHIP_OUT_MAX / 2);
	fl_ship_conn_free(c);
}

static void sends_that_are_wrong(void **state)
{
	struct fl_ship_conn *c = complete(1 << 20);
	struct fl_ship_effect e;

	(void)state;
	assert_int_equal(say(c, "{\"datagram\"", false), FL_ERR_SYNTAX);
	assert_int_equal(say(c, "{\"datagram\"", true), FL_ERR_SYNTAX);
	assert_int_equal(say(c, "{\"a\":1,\"b\":2}", false), FL_ERR_INVALID);
	assert_false(fl_ship_conn_next(c, &e));
	assert_true(fl_ship_conn_is_open(c));
	fl_ship_conn_free(c);
}

static void sends_up_to_the_limit(void **state)
{
	char text[300]; /* longer than any message of the handshake */
	struct fl_ship_conn *c = complete(1 << 20);
	struct fl_ship_effect e;

	(void)state;
	(void)snprintf(text, sizeof text, "{\"datagram\":{\"w\":\"%0250d\"}}", 0);
	assert_int_equal(say(c, text, false), FL_OK);
	assert_true(fl_ship_conn_next(c, &e));
	size_t len = e.bytes.len;
	fl_ship_conn_free(c);
	for (size_t less = 0; less < 100; less++) {
		c = complete(len - less);
		assert_int_equal(say(c, text, false), less ? FL_ERR_TOO_BIG : FL_OK);
		assert_true(fl_ship_conn_is_open(c));
		fl_ship_conn_free(c);
	}
}

/* ---- settings ---- */

static enum fl_err make(const struct fl_ship_conn_config *cfg)
{
	struct fl_ship_conn *c = NULL;
	enum fl_err err = fl_ship_conn_new(cfg, &c);

	assert_int_equal(c != NULL, err == FL_OK);
	fl_ship_conn_free(c);
	return err;
}

static void configs(void **state)
{
	char sixty_four[65] = { 0 };
	struct fl_ship_conn_config ok = { .ship_id = "x" }, cfg = ok;

	(void)state;
	assert_int_equal(make(&ok), FL_OK);
	cfg.ship_id = NULL;
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = "";
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = "a\nb"; /* no message may carry it */
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = "my-datagram-1";
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = "\xff";
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = memset(sixty_four, 'x', 64);
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = "x";
	cfg.peer_id = sixty_four;
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.ship_id = cfg.peer_id = sixty_four + 1;
	assert_int_equal(make(&cfg), FL_OK);
	cfg = ok;
	cfg.pin_wanted = FL_SHIP_PIN_OK;
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.pin_wanted = FL_SHIP_PIN_REQUIRED;
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.pin = "1234567";
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg.pin = "12345678";
	assert_int_equal(make(&cfg), FL_OK);
	cfg.peer_pin = "123456789";
	assert_int_equal(make(&cfg), FL_OK);
	cfg.peer_pin = "12345678g";
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
	cfg = ok;
	cfg.timers.cmi = 1;
	assert_int_equal(make(&cfg), FL_ERR_INVALID);
}

#define TIMER(name, least, most)                                                                   \
	{                                                                                          \
#name, offsetof(struct fl_ship_timers, name), (least)*FL_MS, (most)*FL_MS          \
	}
static const struct {
	const char *name;
	size_t at;
	int64_t least, most;
} ranges[] = {
	TIMER(cmi, 10000, 30000),
	TIMER(hello, 60000, 240000),
	TIMER(prolong_threshold, 30000, 30000),
	TIMER(prolong_gap, 15000, 15000),
	TIMER(prolong_min, 1000, 60000),
	TIMER(wait, 10000, 10000),
	TIMER(abort_grace, 1, 10000),
	TIMER(close, 1, 10000),
	TIMER(pin_penalty_short, 10000, 15000),
	TIMER(pin_penalty_long, 60000, 90000),
};

static enum fl_err settle(size_t at, int64_t value, struct fl_fault *fault)
{
	struct fl_ship_timers t = { 0 };

	memcpy((char *)&t + at, &value, sizeof value);
	return fl_ship_timers_settle(&t, fault);
}

static void timer_ranges(void **state)
{
	struct fl_fault fault;

	(void)state;
	for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
		assert_int_equal(settle(ranges[i].at, ranges[i].least, NULL), FL_OK);
		assert_int_equal(settle(ranges[i].at, ranges[i].most, NULL), FL_OK);
		assert_int_equal(settle(ranges[i].at, ranges[i].least - 1, &fault), FL_ERR_INVALID);
		assert_non_null(strstr(fault.text, ranges[i].name));
		assert_int_equal(settle(ranges[i].at, ranges[i].most + 1, &fault), FL_ERR_INVALID);
		assert_int_equal(settle(ranges[i].at, -1, &fault), FL_ERR_INVALID);
	}
}

static void timer_defaults(void **state)
{
	struct fl_ship_timers t = { 0 };

	(void)state;
	assert_int_equal(fl_ship_timers_settle(&t, NULL), FL_OK);
	assert_int_equal(t.cmi, 30 * FL_SEC);
	assert_int_equal(t.hello, 120 * FL_SEC);
	assert_int_equal(t.prolong_threshold, 30 * FL_SEC);
	assert_int_equal(t.prolong_gap, 15 * FL_SEC);
	assert_int_equal(t.prolong_min, FL_SEC);
	assert_int_equal(t.wait, 10 * FL_SEC);
	assert_int_equal(t.abort_grace, FL_SEC);
	assert_int_equal(t.close, 500 * FL_MS);
	assert_int_equal(t.pin_penalty_short, 15 * FL_SEC);
	assert_int_equal(t.pin_penalty_long, 90 * FL_SEC);
}

/* ---- the bytes ---- */

static void bytes_of_a_client(void **state)
{
#define BYTES(s)                                                                                   \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}
	static const struct fl_slice want[] = {
		BYTES("\0\0"),
		BYTES("\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":120000}]}"),
		BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"announceMax\"},"
		      "{\"version\":[{\"major\":1},{\"minor\":0}]},"
		      "{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}]}"),
		BYTES("\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"},"
		      "{\"version\":[{\"major\":1},{\"minor\":0}]},"
		      "{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}]}"),
		BYTES("\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}"),
		BYTES("\1{\"accessMethodsRequest\":[]}"),
		BYTES("\1{\"accessMethods\":[{\"id\":\"Us-1\"}]}"),
		BYTES("\2{\"data\":[{\"header\":[{\"protocolId\":\"ee1.0\"}]},"
		      "{\"payload\":{\"datagram\":[{\"a\":1},{\"b\":[[{\"c\":2}]]}]}}]}"),
		BYTES("\3{\"connectionClose\":[{\"phase\":\"announce\"},{\"maxTime\":500},"
		      "{\"reason\":\"unspecific\"}]}"),
	};
#undef BYTES
	static const char *const in[] = { "cmi",      "hello ready",   "proto select",
					  "pin none", "access Them-1", "access?" };
	struct fl_ship_conn *c = begin("client", 1 << 20);
	struct fl_ship_effect e;
	size_t at = 0;

	(void)state;
	hear_all(c, in, 6);
	assert_int_equal(say(c, "{\"datagram\":{\"a\":1,\"b\":[{\"c\":2}]}}", false), FL_OK);
	fl_ship_conn_end(c, now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_USER, "User close");
	while (fl_ship_conn_next(c, &e)) {
		if (e.kind != FL_SHIP_DO_SEND)
			continue;
		assert_true(at < sizeof want / sizeof *want);
		if (!fl_slice_eq(e.bytes, want[at]))
			fail_msg("%zu: %.*s", at, (int)e.bytes.len, (const char *)e.bytes.ptr);
		at++;
	}
	assert_int_equal(at, sizeof want / sizeof *want);
	fl_ship_conn_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(early_messages),
		cmocka_unit_test(one_early_message_more),
		cmocka_unit_test(early_bytes),
		cmocka_unit_test(early_bytes_in_one),
		cmocka_unit_test(effects_that_nobody_takes),
		cmocka_unit_test(early_data_that_finds_no_room),
		cmocka_unit_test(sends_that_nobody_takes),
		cmocka_unit_test(sends_that_are_wrong),
		cmocka_unit_test(sends_up_to_the_limit),
		cmocka_unit_test(configs),
		cmocka_unit_test(timer_ranges),
		cmocka_unit_test(timer_defaults),
		cmocka_unit_test(bytes_of_a_client),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("proto/ship_conn", tests, NULL, NULL);
}
