/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/test_walk.c - random walks: any message, any word of the user, any time. At most
 * one CLOSE, nothing after it, always a deadline ahead but in a complete connection - and the walks
 * have to come everywhere, or they would prove nothing.
 *
 * Usage: test_walk [SEED [COUNT]]
 */
#include "kit.h"

#include "base/rng.h"
#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WALKS = 20000, STEPS = 60 };

static const char *const configs[] = {
	"client",
	"client wait knows=12345678",
	"client peer=Them-1 may=12345678",
	"server",
	"server wait",
	"server trusted",
	"server trusted wait need=12345678 fails=4",
	"server trusted may=12345678 knows=11111111",
	"server wait need=12345678 knows=11111111 busy=4000 fails=3",
};

static const char *const messages[] = {
	"cmi",
	"cmi-bad",
	"hello ready",
	"hello ready w=60000",
	"hello ready w=100",
	"hello ready w=4294967295",
	"hello pending",
	"hello pending w=60000",
	"hello pending w=0",
	"hello pending ask",
	"hello pending w=7 ask",
	"hello aborted",
	"bad-phase",
	"proto max",
	"proto max f=16",
	"proto select",
	"proto select f=both",
	"proto-error",
	"pin none",
	"pin ok",
	"pin required ok",
	"pin required busy",
	"pin optional ok",
	"pin optional busy",
	"pin-input 12345678",
	"pin-input 87654321",
	"pin-error",
	"access?",
	"access Them-1",
	"access Them-2",
	"access",
	"data x",
	"close announce",
	"close removed",
	"close confirm",
	"unknown",
	"bad-init",
	"bad-control",
	"bad-data",
	"bad-end",
	"empty",
	"short",
	"bad-type",
	"big",
};

/* What leads on, so that the walks get far. */
static const char *const next_of[FL_SHIP_S_CLOSED + 1] = {
	[FL_SHIP_S_CMI_CLIENT_SEND] = "cmi",
	[FL_SHIP_S_CMI_CLIENT_WAIT] = "cmi",
	[FL_SHIP_S_CMI_SERVER_WAIT] = "cmi",
	[FL_SHIP_S_CMI_SERVER_EVALUATE] = "hello ready",
	[FL_SHIP_S_READY_LISTEN] = "hello ready",
	[FL_SHIP_S_PENDING_LISTEN] = "hello ready w=60000",
	[FL_SHIP_S_LISTEN_PROPOSAL] = "proto max",
	[FL_SHIP_S_LISTEN_CONFIRM] = "proto select",
	[FL_SHIP_S_LISTEN_CHOICE] = "proto select",
	[FL_SHIP_S_DATA] = "access Them-1",
	[FL_SHIP_S_COMPLETE] = "data x",
	[FL_SHIP_S_CLOSING] = "data x",
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static const char *const about_pins[] = {
	"pin none",           "pin required ok",    "pin optional ok", "pin optional ok",
	"pin-input 12345678", "pin-input 12345678", "pin-error",
};

static uint64_t first_seed = 1, walks = WALKS;
static size_t been[FL_SHIP_S_CLOSED + 1], seen[FL_SHIP_DO_CLOSE + 1];

struct walk {
	struct fl_ship_conn *c;
	struct fl_rng rng;
	fl_time now;
	bool started, closed;
};

static void take(struct walk *w)
{
	struct fl_ship_effect e;

	while (fl_ship_conn_next(w->c, &e)) {
		assert_false(w->closed);
		seen[e.kind]++;
		w->closed = e.kind == FL_SHIP_DO_CLOSE;
		if (e.kind == FL_SHIP_DO_STATE)
			been[e.state]++;
	}
}

static void hear_any(struct walk *w)
{
	enum fl_ship_state s = fl_ship_conn_state(w->c);
	const char *on = next_of[s];

	if (s == FL_SHIP_S_PIN)
		on = about_pins[fl_rng_below(&w->rng, COUNT(about_pins))];
	if (on == NULL || fl_rng_below(&w->rng, 4) == 0)
		on = messages[fl_rng_below(&w->rng, COUNT(messages))];
	ship_hear(w->c, w->now, on);
}

/* To just before the next deadline, onto it, or anywhere. */
static void let_time_pass(struct walk *w)
{
	fl_time due = fl_ship_conn_deadline(w->c);

	switch (due == FL_NEVER ? 2 : fl_rng_below(&w->rng, 4)) {
	case 0:
		w->now = due;
		break;
	case 1:
		w->now = due - 1;
		break;
	default:
		w->now += (fl_time)fl_rng_below(&w->rng, 20 * FL_SEC);
	}
	fl_ship_conn_tick(w->c, w->now);
}

static void step(struct walk *w)
{
	static const struct fl_slice text = { (const uint8_t *)"{\"datagram\":[]}", 15 };

	switch (fl_rng_below(&w->rng, 40)) {
	case 0:
		fl_ship_conn_lost(w->c, w->now, fl_rng_below(&w->rng, 2));
		break;
	case 1:
		fl_ship_conn_end(w->c, w->now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_USER, "User close");
		break;
	case 2:
		fl_ship_conn_may_wait(w->c, fl_rng_below(&w->rng, 2));
		break;
	case 3:
	case 4:
		fl_ship_conn_decide(w->c, w->now, fl_rng_below(&w->rng, 4) > 0);
		break;
	case 5:
		(void)!fl_ship_conn_pin(w->c, w->now, "12345678");
		break;
	case 6:
	case 7:
		(void)!fl_ship_conn_send(w->c, w->now, text, true);
		break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		let_time_pass(w);
		break;
	default:
		hear_any(w);
	}
}

static void walk(uint64_t seed)
{
	struct walk w = { .now = 1000 * FL_SEC };
	char words[64];

	fl_rng_init(&w.rng, seed);
	(void)snprintf(words, sizeof words, "%s", configs[fl_rng_below(&w.rng, COUNT(configs))]);
	struct fl_ship_conn_config cfg = ship_config_of(words, w.now);
	assert_int_equal(fl_ship_conn_new(&cfg, &w.c), FL_OK);
	for (int i = 0; i < STEPS; i++) {
		if (i == (int)(seed % 3)) {
			fl_ship_conn_start(w.c, w.now);
			w.started = true;
		}
		step(&w);
		if (fl_rng_below(&w.rng, 8) == 0) /* effects may wait, too */
			continue;
		take(&w);
		fl_ship_conn_tick(w.c, w.now);
		take(&w);
		ship_invariants(w.c, w.now, w.started, w.closed);
	}
	fl_ship_conn_free(w.c);
}

static void walks_keep_the_rules(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < walks; i++)
		walk(first_seed + i);
	if (walks < WALKS)
		return;
	for (int s = FL_SHIP_S_CMI_CLIENT_SEND; s < FL_SHIP_S_CLOSED; s++)
		if (strcmp(fl_ship_state_name((enum fl_ship_state)s), "?") != 0 && been[s] < 20)
			fail_msg("only %zu times in %s", been[s],
				 fl_ship_state_name((enum fl_ship_state)s));
	for (int k = 0; k <= FL_SHIP_DO_CLOSE; k++)
		if (seen[k] < 20)
			fail_msg("only %zu effects of kind %d", seen[k], k);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(walks_keep_the_rules) };

	if (fl_crypto_init() != FL_OK)
		return 1;
	if (argc > 1)
		first_seed = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		walks = strtoull(argv[2], NULL, 10);
	return cmocka_run_group_tests_name("proto/ship_walk", tests, NULL, NULL);
}
