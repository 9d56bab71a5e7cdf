/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/devices/test_hub.c - what a story cannot tell: delays as numbers, an application
 * that does not listen, calls out of the middle of an event, limits, and no memory.
 */
#include "domain/devices/devices.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/alloc_plan.h"
#include "crypto/prim.h"
#include "kit.h"
#include "proto/ship/kit.h"

static const fl_time epoch = 12345 * FL_SEC + 678;

static enum fl_err make(uint64_t seed, struct fl_devices **out)
{
	const struct fl_devices_config cfg = {
		.own = devices_ski('m'), .ship_id = "Us-1", .rng_seed = seed, .hash_seed = { 3 }
	};
	return fl_devices_new(&cfg, NULL, out);
}

static struct fl_devices *begin(uint64_t seed, const char *known)
{
	struct fl_devices *d;

	assert_int_equal(make(seed, &d), FL_OK);
	for (; *known != '\0'; known++) {
		const struct fl_device_record r = { .ski = devices_ski(*known), .trusted = true };
		assert_int_equal(fl_devices_load(d, &r), FL_OK);
	}
	assert_int_equal(fl_devices_start(d, epoch), FL_OK);
	return d;
}

static void drain(struct fl_devices *d)
{
	struct fl_devices_effect e;

	while (fl_devices_next(d, &e))
		;
}

/* The messages are made once, so that hearing one needs no memory of its own. */
static struct fl_slice message_of(const char *words)
{
	static struct {
		const char *words;
		uint8_t bytes[256];
		size_t len;
	} made[8];
	struct fl_buf b = fl_buf_make(sizeof made[0].bytes);
	size_t i = 0;

	while (made[i].words != NULL && strcmp(made[i].words, words) != 0)
		i++;
	if (made[i].words == NULL) {
		ship_message_of(words, &b);
		memcpy(made[i].bytes, b.ptr, b.len);
		made[i].len = b.len;
		made[i].words = words;
		fl_buf_done(&b);
	}
	return fl_slice_of(made[i].bytes, made[i].len);
}

static void hear(struct fl_devices *d, fl_time now, uint64_t number, const char *words)
{
	fl_devices_message(d, now, number, message_of(words));
}

static const char *const way[] = { "cmi",      "hello ready w=60000", "proto max", "proto select",
				   "pin none", "access Device",       NULL };

static uint64_t let_in(struct fl_devices *d, char letter)
{
	const struct fl_ski ski = devices_ski(letter);
	uint64_t number;
	bool parked;

	assert_int_equal(fl_devices_incoming(d, epoch, &ski, &number, &parked), FL_OK);
	for (const char *const *w = way; *w != NULL; w++)
		hear(d, epoch, number, *w);
	return number;
}

/* ---- delays ---- */

static fl_time next_try(const struct fl_devices *d)
{
	const struct fl_ski ski = devices_ski('b');
	struct fl_device_info i;

	assert_int_equal(fl_devices_info(d, &ski, &i), FL_OK);
	return i.next_try;
}

/* The dial that is planned fails at once. */
static void fail_dial(struct fl_devices *d, fl_time now)
{
	struct fl_devices_effect e;
	uint64_t dial = 0, number;
	bool parked;

	fl_devices_tick(d, now);
	while (fl_devices_next(d, &e))
		if (e.kind == FL_DEVICES_DO_DIAL)
			dial = e.number;
	assert_int_equal(fl_devices_dialled(d, now, dial, FL_ERR_IO, NULL, &number, &parked),
			 FL_ERR_CLOSED);
}

static void delays_are_drawn_from_their_ranges(void **state)
{
	static const fl_time from[] = { 0, 3000, 10000, 10000 },
			     below[] = { 3000, 10000, 20000, 20000 };
	fl_time least[4], most[4] = { 0 };

	(void)state;
	for (int i = 0; i < 4; i++)
		least[i] = FL_NEVER;
	for (uint64_t seed = 0; seed < 2000; seed++) {
		struct fl_devices *d = begin(seed, "b");
		fl_time now = epoch;
		devices_see(d, now, "b");
		for (int i = 0; i < 4; i++) {
			fl_time at = next_try(d); /* never: it is dialled by now */
			fl_time delay = at == FL_NEVER ? 0 : at - now;
			assert_int_equal(delay % FL_MS, 0);
			least[i] = delay < least[i] ? delay : least[i];
			most[i] = delay > most[i] ? delay : most[i];
			now += delay;
			fail_dial(d, now);
		}
		fl_devices_free(d);
	}
	for (int i = 0; i < 4; i++) {
		const fl_time slack = (below[i] - from[i]) / 50;
		assert_in_range(least[i] / FL_MS, from[i], from[i] + slack);
		assert_in_range(most[i] / FL_MS, below[i] - slack, below[i] - 1);
	}
}

/* ---- what comes out ---- */

static void who_does_not_listen_is_held_off(void **state)
{
	const struct fl_ski b = devices_ski('b'), c = devices_ski('c');
	struct fl_devices *d = begin(1, "bc");
	struct fl_devices_effect e;
	uint64_t number = let_in(d, 'b'), other;
	size_t data = 0;
	bool parked;

	(void)state;
	while (fl_devices_next_act(d, &e)) /* the driver works on */
		assert_true(e.kind <= FL_DEVICES_DO_ANNOUNCE);
	while (!fl_devices_is_congested(d))
		hear(d, epoch, number, "data one");
	assert_int_equal(fl_devices_incoming(d, epoch, &c, &other, &parked), FL_ERR_FULL);
	assert_int_equal(fl_devices_register(d, epoch, &b, NULL, NULL), FL_ERR_FULL);
	devices_see(d, epoch, "c");
	fl_devices_tick(d, epoch + 3 * FL_SEC);
	assert_false(fl_devices_next_act(d, &e)); /* and nobody is dialled */
	bool connected = false;
	while (fl_devices_next(d, &e)) { /* nothing was lost */
		connected = connected || e.kind == FL_DEVICES_TELL_CONNECTED;
		data += e.kind == FL_DEVICES_TELL_DATA;
	}
	assert_true(connected);
	assert_in_range(data, FL_DEVICES_TELLS_MAX - 20, FL_DEVICES_TELLS_MAX);
	assert_false(fl_devices_is_congested(d));
	assert_int_equal(fl_devices_incoming(d, epoch, &c, &other, &parked), FL_OK);
	fl_devices_free(d);
}

static void a_driver_that_reads_on_loses_the_connection(void **state)
{
	struct fl_devices *d = begin(1, "b");
	struct fl_devices_effect e, last = { 0 };
	uint64_t number = let_in(d, 'b');

	(void)state;
	for (int i = 0; i < 2 * FL_DEVICES_TELLS_MAX + 1; i++)
		hear(d, epoch, number, "data one");
	assert_int_equal(fl_devices_connections(d), 0);
	while (fl_devices_next(d, &e))
		if (e.kind == FL_DEVICES_TELL_DISCONNECTED)
			last = e;
	assert_int_equal(last.number, number);
	assert_int_equal(last.err, FL_ERR_FULL);
	fl_devices_free(d);
}

/* Bug 4: whatever is called while events are pulled returns, and what was pulled stays as it is. */
static void calls_out_of_the_middle_of_an_event(void **state)
{
	const struct fl_ski b = devices_ski('b');
	struct fl_devices *d = begin(1, "b");
	struct fl_devices_effect e;
	int calls = 0;

	(void)state;
	let_in(d, 'b');
	while (fl_devices_next(d, &e)) {
		char text[64] = "";
		if (e.text != NULL)
			(void)snprintf(text, sizeof text, "%s", e.text);
		switch (calls++) {
		case 2:
			assert_int_equal(fl_devices_disconnect(d, epoch, &b, false), FL_OK);
			break;
		case 4:
			assert_int_equal(fl_devices_unregister(d, epoch, &b), FL_OK);
			break;
		case 6:
			assert_int_equal(fl_devices_register(d, epoch, &b, "Other", NULL), FL_OK);
			break;
		case 8:
			fl_devices_shutdown(d, epoch);
			break;
		}
		if (e.text != NULL)
			assert_string_equal(e.text, text);
		assert_true(fl_devices_check(d));
	}
	assert_true(calls > 8);
	fl_devices_free(d);
}

static void a_dial_carries_the_place_it_was_made_for(void **state)
{
	const struct fl_ski b = devices_ski('b');
	struct fl_devices *d = begin(1, "");
	struct fl_devices_effect e;
	bool dialled = false;

	(void)state;
	devices_see(d, epoch, "b");
	assert_int_equal(fl_devices_register(d, epoch, &b, NULL, NULL), FL_OK);
	devices_see(d, epoch, ""); /* it is gone before the effect is looked at */
	while (fl_devices_next(d, &e)) {
		if (e.kind != FL_DEVICES_DO_DIAL)
			continue;
		dialled = true;
		assert_string_equal(e.entry->host, "b.local");
	}
	assert_true(dialled);
	fl_devices_free(d);
}

/* ---- limits ---- */

static struct fl_ski numbered(unsigned i)
{
	struct fl_ski ski = { { (uint8_t)(i >> 8), (uint8_t)i, 9 } };

	return ski;
}

static size_t drain_forgotten(struct fl_devices *d)
{
	struct fl_devices_effect e;
	size_t count = 0;

	while (fl_devices_next(d, &e))
		count += e.kind == FL_DEVICES_TELL_FORGOTTEN;
	return count;
}

static void records_are_bounded(void **state)
{
	enum { STRANGERS = FL_DEVICES_PEERS_MAX + 10 };
	struct fl_devices *d = begin(1, "");
	struct fl_device_info info;
	struct fl_ski ski;
	uint64_t number;
	bool parked;

	(void)state;
	/* Strangers come and go; each is remembered for a minute, and the oldest makes room. */
	for (unsigned i = 0; i < STRANGERS; i++) {
		ski = numbered(STRANGERS - i);
		assert_int_equal(fl_devices_incoming(d, epoch + i, &ski, &number, &parked), FL_OK);
		fl_devices_lost(d, epoch + i, number, 1006, fl_slice_str(""));
		assert_int_equal(drain_forgotten(d), i >= FL_DEVICES_PEERS_MAX);
	}
	ski = numbered(STRANGERS - 9);
	assert_int_equal(fl_devices_info(d, &ski, &info), FL_ERR_NOT_FOUND);
	ski = numbered(STRANGERS - 10);
	assert_int_equal(fl_devices_info(d, &ski, &info), FL_OK);
	assert_true(fl_devices_info_at(d, FL_DEVICES_PEERS_MAX - 1, &info));
	assert_false(fl_devices_info_at(d, FL_DEVICES_PEERS_MAX, &info));
	fl_devices_tick(d, epoch + FL_MIN + STRANGERS);
	assert_false(fl_devices_info_at(d, 0, &info));
	assert_int_equal(drain_forgotten(d), FL_DEVICES_PEERS_MAX);
	for (unsigned i = 0; i < FL_DEVICES_PEERS_MAX; i++) {
		ski = numbered(i);
		assert_int_equal(fl_devices_register(d, epoch, &ski, NULL, NULL), FL_OK);
		drain(d);
	}
	ski = numbered(FL_DEVICES_PEERS_MAX);
	assert_int_equal(fl_devices_register(d, epoch, &ski, NULL, NULL), FL_ERR_FULL);
	assert_int_equal(fl_devices_incoming(d, epoch, &ski, &number, &parked), FL_ERR_FULL);
	assert_true(fl_devices_check(d));
	fl_devices_free(d);
}

static void visible_entries_are_bounded(void **state)
{
	struct fl_devices *d = begin(1, "");
	enum { MANY = FL_DEVICES_VISIBLE_MAX + 5 };
	struct fl_device_entry *all = calloc(MANY, sizeof *all);

	(void)state;
	for (unsigned i = 0; i < MANY; i++) {
		all[i].txt.ski = numbered(i / 2); /* each of them twice */
		all[i].addrs_count = FL_DEVICES_ADDRS_MAX + 1;
	}
	assert_int_equal(fl_devices_visible(d, epoch, all, MANY), FL_OK);
	assert_non_null(fl_devices_visible_at(d, FL_DEVICES_VISIBLE_MAX / 2 - 1));
	assert_null(fl_devices_visible_at(d, FL_DEVICES_VISIBLE_MAX / 2));
	assert_int_equal(fl_devices_visible_at(d, 0)->addrs_count, FL_DEVICES_ADDRS_MAX);
	free(all);
	fl_devices_free(d);
}

static void a_pin_that_is_none_is_refused(void **state)
{
	static const char *const wrong[] = { NULL, "", "1234567", "12345678901234567", "1234567g" };
	struct fl_devices_config cfg = { .ship_id = "Us-1", .pin_wanted = FL_SHIP_PIN_REQUIRED };
	struct fl_devices *d;

	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		cfg.pin = wrong[i];
		assert_int_equal(fl_devices_new(&cfg, NULL, &d), FL_ERR_INVALID);
	}
	cfg.pin = "1234abCD";
	assert_int_equal(fl_devices_new(&cfg, NULL, &d), FL_OK);
	fl_devices_free(d);
}

/* ---- no memory ---- */

/* What the application believes has to follow what it is told, whatever fails. */
static void look(struct fl_devices *d, uint64_t *told)
{
	struct fl_devices_effect e;

	while (fl_devices_next(d, &e)) {
		if (e.kind == FL_DEVICES_TELL_CONNECTED) {
			assert_int_equal(*told, 0);
			*told = e.number;
		}
		if (e.kind == FL_DEVICES_TELL_REPLACED) {
			assert_int_equal(*told, e.old_number);
			*told = e.number;
		}
		if (e.kind == FL_DEVICES_TELL_DISCONNECTED) {
			assert_int_equal(*told, e.number);
			*told = 0;
		}
	}
	assert_true(fl_devices_check(d));
}

/* A life in which everything happens. */
static void live(struct fl_devices *d)
{
	const struct fl_ski b = devices_ski('b'), z = devices_ski('z');
	uint64_t first = 0, second = 0, told = 0, told_z = 0;
	enum fl_err ignored;
	bool parked;

	ignored = fl_devices_start(d, epoch);
	ignored = fl_devices_register(d, epoch, &b, NULL, NULL);
	ignored = fl_devices_incoming(d, epoch, &b, &first, &parked);
	for (const char *const *w = way; first != 0 && *w != NULL; w++)
		hear(d, epoch, first, *w);
	look(d, &told);
	ignored = fl_devices_incoming(d, epoch, &b, &second, &parked);
	for (const char *const *w = way; second != 0 && *w != NULL; w++)
		hear(d, epoch, second, *w);
	hear(d, epoch, second, "data one");
	ignored = fl_devices_send(d, epoch, &b, fl_slice_str("{\"datagram\":{}}"), false);
	look(d, &told);
	fl_devices_lost(d, epoch, first, 1006, fl_slice_str(""));
	fl_devices_lost(d, epoch, second, 1006, fl_slice_str(""));
	look(d, &told);
	if (fl_devices_connections(d) == 0)
		assert_int_equal(told, 0);
	first = second = 0;
	ignored = fl_devices_register(d, epoch, &z, "Zed", NULL);
	look(d, &told);
	ignored = fl_devices_incoming(d, epoch, &z, &first, &parked);
	for (const char *const *w = way; first != 0 && *w != NULL; w++)
		hear(d, epoch, first, *w);
	ignored = fl_devices_incoming(d, epoch, &z, &second, &parked);
	fl_devices_tick(d, epoch + 3 * FL_SEC);
	look(d, &told_z);
	ignored = fl_devices_connect(d, epoch + 4 * FL_SEC, &b, "host", 1, NULL);
	ignored = fl_devices_unregister(d, epoch + 4 * FL_SEC, &b);
	fl_devices_shutdown(d, epoch + 4 * FL_SEC);
	look(d, &told_z);
	fl_devices_tick(d, epoch + 10 * FL_SEC);
	look(d, &told_z);
	assert_true(fl_devices_is_down(d));
	assert_int_equal(told_z, 0);
	(void)ignored;
}

static void memory_ends_anywhere(void **state)
{
	size_t n = 0;

	(void)state;
	(void)message_of("data one");
	for (const char *const *w = way; *w != NULL; w++)
		(void)message_of(*w);
	for (bool failed = true; failed; n++) {
		struct fl_devices *d = NULL;
		assert_int_equal(make(1, &d), FL_OK);
		alloc_fail_after(n);
		live(d);
		failed = alloc_fail_end();
		fl_devices_free(d);
	}
	assert_true(n > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_are_drawn_from_their_ranges),
		cmocka_unit_test(who_does_not_listen_is_held_off),
		cmocka_unit_test(a_driver_that_reads_on_loses_the_connection),
		cmocka_unit_test(calls_out_of_the_middle_of_an_event),
		cmocka_unit_test(a_dial_carries_the_place_it_was_made_for),
		cmocka_unit_test(records_are_bounded),
		cmocka_unit_test(visible_entries_are_bounded),
		cmocka_unit_test(a_pin_that_is_none_is_refused),
		cmocka_unit_test(memory_ends_anywhere),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("domain/devices hub", tests, NULL, NULL);
}
