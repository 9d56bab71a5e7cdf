/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/ship/test_pair.c - two connections against each other: every role, trust and PIN,
 * with messages that cross in any order a transport allows. Both have to end complete, and then in
 * order.
 */
#include "kit.h"

#include "base/rng.h"
#include "crypto/prim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { WAY_MAX = 64, ORDERS = 40 };

/* How a side comes to the PIN that the other one wants. */
enum knows { KNOWS, IS_TOLD, IS_TOLD_WRONG, KNOWS_ENDS };

static const char *const pins[] = { "11112222AAAA", "33334444BBBB" };
static const char *const ids[] = { "Client-1", "Server-2" };

struct side {
	struct fl_ship_conn *c;
	struct fl_buf way[WAY_MAX]; /* to it, not arrived yet */
	size_t sent, arrived;
	size_t trusted, opened, named, closed, data;
	enum fl_err err;
	bool asked_trust, asked_pin, gone;
};

struct pair {
	struct side side[2]; /* client, server */
	fl_time now;
	enum knows knows;
	struct fl_rng rng;
};

/* ---- what comes out ---- */

static void carry(struct side *to, struct fl_slice bytes)
{
	assert_true(to->sent < WAY_MAX);
	struct fl_buf *b = &to->way[to->sent++];
	*b = fl_buf_make(1 << 16);
	fl_buf_put(b, bytes.ptr, bytes.len);
}

static void take(struct pair *p, int i)
{
	struct side *s = &p->side[i];
	struct fl_ship_effect e;

	while (fl_ship_conn_next(s->c, &e)) {
		assert_int_equal(s->closed, 0);
		s->trusted += e.kind == FL_SHIP_DO_TRUSTED;
		s->opened += e.kind == FL_SHIP_DO_OPEN;
		s->data += e.kind == FL_SHIP_DO_DATA;
		s->asked_trust |= e.kind == FL_SHIP_DO_ASK_TRUST;
		s->asked_pin |= e.kind == FL_SHIP_DO_ASK_PIN || e.kind == FL_SHIP_DO_PIN_WRONG;
		if (e.kind == FL_SHIP_DO_SEND)
			carry(&p->side[!i], e.bytes);
		if (e.kind == FL_SHIP_DO_PEER_ID) {
			assert_true(fl_slice_is(e.bytes, ids[!i]));
			s->named++;
		}
		if (e.kind == FL_SHIP_DO_CLOSE) {
			s->closed++;
			s->err = e.err;
		}
	}
	ship_invariants(s->c, p->now, true, s->closed > 0);
}

/* ---- what goes in ---- */

static void arrive(struct pair *p, int i)
{
	struct side *s = &p->side[i];
	struct fl_buf *b = &s->way[s->arrived++];

	fl_ship_conn_message(s->c, p->now, fl_buf_slice(b));
	fl_buf_done(b);
	take(p, i);
}

static void answer_user(struct pair *p, int i)
{
	struct side *s = &p->side[i];

	if (s->asked_trust) {
		s->asked_trust = false;
		fl_ship_conn_decide(s->c, p->now, true);
	} else {
		s->asked_pin = false;
		const char *pin = p->knows == IS_TOLD_WRONG ? "99999999" : pins[!i];
		p->knows = p->knows == IS_TOLD_WRONG ? IS_TOLD : p->knows;
		assert_int_equal(fl_ship_conn_pin(s->c, p->now, pin), FL_OK);
	}
	take(p, i);
}

static void tick(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		fl_ship_conn_tick(p->side[i].c, p->now);
		take(p, i);
	}
}

/* Nothing is under way. A side that holds its first word has it said; false: none does. */
static bool hold_ends(struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		enum fl_ship_state s = fl_ship_conn_state(p->side[i].c);
		if (s != FL_SHIP_S_CMI_CLIENT_SEND && s != FL_SHIP_S_CMI_SERVER_EVALUATE)
			continue;
		p->now = fl_ship_conn_deadline(p->side[i].c);
		tick(p);
		return true;
	}
	return false;
}

/* One thing that may happen now, whichever; false: there is none. */
static bool step(struct pair *p)
{
	int may[4], n = 0;

	for (int i = 0; i < 2; i++) {
		struct side *s = &p->side[i];
		if (s->arrived < s->sent)
			may[n++] = i;
		if (s->asked_trust || s->asked_pin)
			may[n++] = 2 + i;
	}
	if (n == 0)
		return hold_ends(p);
	int which = may[fl_rng_below(&p->rng, (uint64_t)n)];
	p->now += (fl_time)fl_rng_below(&p->rng, 200) * FL_MS;
	tick(p);
	if (which < 2)
		arrive(p, which);
	else
		answer_user(p, which - 2);
	return true;
}

/* ---- a run ---- */

static void begin(struct pair *p, int i, bool trusted, enum fl_ship_pin_state wanted)
{
	struct fl_ship_conn_config cfg = {
		.client = i == 0,
		.trusted = trusted,
		.may_wait = true,
		.ship_id = ids[i],
		.pin_wanted = wanted,
		.pin = pins[i],
		.peer_pin = p->knows == KNOWS ? pins[!i] : NULL,
	};

	assert_int_equal(fl_ship_conn_new(&cfg, &p->side[i].c), FL_OK);
	fl_ship_conn_start(p->side[i].c, p->now);
	take(p, i);
}

static void both_complete(const struct pair *p)
{
	for (int i = 0; i < 2; i++) {
		const struct side *s = &p->side[i];
		assert_int_equal(fl_ship_conn_state(s->c), FL_SHIP_S_COMPLETE);
		assert_int_equal(s->trusted, 1);
		assert_int_equal(s->opened, 1);
		assert_int_equal(s->named, 1);
	}
}

static void talk(struct pair *p)
{
	for (int i = 0; i < 2; i++)
		for (int k = 0; k < 5; k++)
			assert_int_equal(fl_ship_conn_send(p->side[i].c, p->now,
							   fl_slice_str("{\"datagram\":{}}"),
							   false),
					 FL_OK);
	take(p, 0);
	take(p, 1);
	while (step(p))
		;
	assert_int_equal(p->side[0].data, 5);
	assert_int_equal(p->side[1].data, 5);
}

/* One ends, or both do at once. */
static void part(struct pair *p, unsigned who)
{
	for (int i = 0; i < 2; i++) {
		if (!(who >> i & 1))
			continue;
		fl_ship_conn_end(p->side[i].c, p->now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE,
				 "close");
		take(p, i);
	}
	while (step(p))
		;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(p->side[i].closed, 1);
		assert_int_equal(p->side[i].err, FL_OK);
	}
}

static void run(uint64_t seed, bool trusted, enum fl_ship_pin_state client,
		enum fl_ship_pin_state server, enum knows knows)
{
	struct pair p = { .now = 99 * FL_SEC, .knows = knows };

	fl_rng_init(&p.rng, seed);
	begin(&p, 0, true, client);
	begin(&p, 1, trusted, server);
	while (step(&p))
		;
	both_complete(&p);
	talk(&p);
	part(&p, 1 + (unsigned)(seed % 3));
	for (int i = 0; i < 2; i++)
		fl_ship_conn_free(p.side[i].c);
}

static void every_pair(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2 * 3 * 3 * KNOWS_ENDS; which++)
		for (uint64_t order = 0; order < ORDERS; order++)
			run(order, which % 2 == 0, (enum fl_ship_pin_state)(which / 2 % 3),
			    (enum fl_ship_pin_state)(which / 6 % 3), (enum knows)(which / 18));
}

/* ---- users who take their time ---- */

/* Time goes on in steps until nothing is due or the client is done with it. */
static void wait_until(struct pair *p, fl_time until)
{
	for (;;) {
		while (p->side[0].arrived < p->side[0].sent || p->side[1].arrived < p->side[1].sent)
			for (int i = 0; i < 2; i++)
				if (p->side[i].arrived < p->side[i].sent)
					arrive(p, i);
		fl_time a = fl_ship_conn_deadline(p->side[0].c);
		fl_time b = fl_ship_conn_deadline(p->side[1].c);
		fl_time due = a < b ? a : b;
		if (due > until)
			break;
		p->now = due;
		tick(p);
	}
	p->now = until;
}

static void wait_for_user(bool may_wait, fl_time how_long, enum fl_ship_state want)
{
	struct pair p = { .now = 99 * FL_SEC, .knows = IS_TOLD };

	begin(&p, 0, true, FL_SHIP_PIN_NONE);
	begin(&p, 1, false, FL_SHIP_PIN_NONE);
	fl_ship_conn_may_wait(p.side[1].c, may_wait);
	wait_until(&p, p.now + how_long);
	fl_ship_conn_decide(p.side[1].c, p.now, true);
	take(&p, 1);
	wait_until(&p, p.now + 2 * FL_SEC);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(fl_ship_conn_state(p.side[i].c), want);
		fl_ship_conn_free(p.side[i].c);
	}
}

static void a_user_takes_an_hour(void **state)
{
	(void)state;
	wait_for_user(true, FL_HOUR, FL_SHIP_S_COMPLETE);
}

static void a_user_just_in_time(void **state)
{
	(void)state;
	wait_for_user(false, 104 * FL_SEC, FL_SHIP_S_COMPLETE);
}

static void no_user_comes(void **state)
{
	(void)state;
	wait_for_user(false, 107 * FL_SEC, FL_SHIP_S_CLOSED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_pair),
		cmocka_unit_test(a_user_takes_an_hour),
		cmocka_unit_test(a_user_just_in_time),
		cmocka_unit_test(no_user_comes),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("proto/ship_pair", tests, NULL, NULL);
}
