/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * proto/ship/timers.c - durations and deadlines (ship.md 5.1).
 *
 * The phases report facts; which timer a fact starts, stops or moves is known here alone.
 */
#include "proto/ship/conn_impl.h"

/*
 * The longest W that there may be. A stranger who names days keeps his place here no longer than
 * this without the application being asked whether its user can still decide.
 */
#define PEER_WAITS_MAX (240 * FL_SEC)

static void start(struct fl_ship_conn *c, enum fl_ship_timer which, fl_time at)
{
	if (c->state != FL_SHIP_S_CLOSED)
		c->due[which] = at;
}

static void stop(struct fl_ship_conn *c, enum fl_ship_timer which)
{
	c->due[which] = FL_NEVER;
}

static bool runs(const struct fl_ship_conn *c, enum fl_ship_timer which)
{
	return c->due[which] != FL_NEVER;
}

void fl_ship_timers_stop(struct fl_ship_conn *c)
{
	for (int i = 0; i < FL_SHIP_TIMERS; i++)
		c->due[i] = FL_NEVER;
}

/* ---- settings ---- */

static const struct {
	const char *name;
	size_t at; /* in struct fl_ship_timers */
	int64_t usual, least, most;
} settings[] = {
#define SETTING(name, usual, least, most)                                                          \
	{                                                                                          \
#name, offsetof(struct fl_ship_timers, name), usual, least, most                   \
	}
	SETTING(cmi, 30 * FL_SEC, 10 * FL_SEC, 30 * FL_SEC),
	SETTING(hello, 120 * FL_SEC, 60 * FL_SEC, PEER_WAITS_MAX),
	SETTING(prolong_threshold, 30 * FL_SEC, 30 * FL_SEC, 30 * FL_SEC),
	SETTING(prolong_gap, 15 * FL_SEC, 15 * FL_SEC, 15 * FL_SEC),
	SETTING(prolong_min, FL_SEC, FL_SEC, 60 * FL_SEC),
	SETTING(wait, 10 * FL_SEC, 10 * FL_SEC, 10 * FL_SEC),
	SETTING(abort_grace, FL_SEC, FL_MS, 10 * FL_SEC),
	SETTING(close, 500 * FL_MS, FL_MS, 10 * FL_SEC),
	SETTING(pin_penalty_short, 15 * FL_SEC, 10 * FL_SEC, 15 * FL_SEC),
	SETTING(pin_penalty_long, 90 * FL_SEC, 60 * FL_SEC, 90 * FL_SEC),
#undef SETTING
};

enum fl_err fl_ship_timers_settle(struct fl_ship_timers *t, struct fl_fault *fault)
{
	struct fl_ship_timers settled = *t;

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		int64_t *v = (int64_t *)(void *)((char *)&settled + settings[i].at);
		if (*v == 0)
			*v = settings[i].usual;
		if (*v < settings[i].least || *v > settings[i].most)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "SHIP timer %s: %lld ms is outside %lld to %lld ms, "
					    "which SHIP 1.0.1 permits; leave it out for %lld ms",
					    settings[i].name, (long long)(*v / FL_MS),
					    (long long)(settings[i].least / FL_MS),
					    (long long)(settings[i].most / FL_MS),
					    (long long)(settings[i].usual / FL_MS));
	}
	*t = settled;
	return FL_OK;
}

/* ---- CMI and hello ---- */

void fl_ship_on_phase_over(struct fl_ship_conn *c)
{
	fl_ship_timers_stop(c);
}

void fl_ship_on_cmi_held(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_timers_stop(c);
	start(c, FL_SHIP_T_HOLD, now + FL_SHIP_FIRST_WORD_HELD);
}

void fl_ship_on_cmi_awaited(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_timers_stop(c);
	start(c, FL_SHIP_T_CMI, now + c->timers.cmi);
}

void fl_ship_on_hello_begun(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_timers_stop(c);
	start(c, FL_SHIP_T_READY, now + c->timers.hello);
}

/* Adds to what is left: a restart would take time from a peer that asks early. */
void fl_ship_on_hello_prolonged(struct fl_ship_conn *c, fl_time now)
{
	fl_time from = runs(c, FL_SHIP_T_READY) ? c->due[FL_SHIP_T_READY] : now;

	start(c, FL_SHIP_T_READY, from + c->timers.hello);
}

void fl_ship_on_peer_waiting(struct fl_ship_conn *c, fl_time now, bool ready)
{
	if (c->peer_waits > PEER_WAITS_MAX)
		c->peer_waits = PEER_WAITS_MAX;
	int64_t left = c->peer_waits - c->timers.prolong_gap;

	if (ready)
		stop(c, FL_SHIP_T_READY);
	stop(c, FL_SHIP_T_REPLY);
	stop(c, FL_SHIP_T_ASK);
	if (c->peer_waits >= c->timers.prolong_threshold && left >= c->timers.prolong_min)
		start(c, FL_SHIP_T_ASK, now + left);
	else if (!runs(c, FL_SHIP_T_READY)) /* never without a timer */
		start(c, FL_SHIP_T_READY, now + c->peer_waits + c->timers.prolong_gap);
}

void fl_ship_on_prolongation_asked(struct fl_ship_conn *c, fl_time now)
{
	start(c, FL_SHIP_T_REPLY, now + c->peer_waits);
}

bool fl_ship_hello_left(const struct fl_ship_conn *c, fl_time now, int64_t *out_left)
{
	if (!runs(c, FL_SHIP_T_READY))
		return false;
	*out_left = c->due[FL_SHIP_T_READY] > now ? c->due[FL_SHIP_T_READY] - now : 0;
	return true;
}

void fl_ship_on_refused(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_timers_stop(c);
	start(c, FL_SHIP_T_ABORT, now + c->timers.abort_grace);
}

/* ---- protocol, PIN, access ---- */

void fl_ship_on_protocol_awaited(struct fl_ship_conn *c, fl_time now)
{
	start(c, FL_SHIP_T_PROTOCOL, now + c->timers.wait);
}

void fl_ship_on_pin_state_awaited(struct fl_ship_conn *c, fl_time now)
{
	start(c, FL_SHIP_T_PIN_STATE, now + c->timers.wait);
	fl_ship_on_pin_moved(c, now);
}

void fl_ship_on_pin_state_known(struct fl_ship_conn *c)
{
	stop(c, FL_SHIP_T_PIN_STATE);
}

/* Someone may have to walk to a device and read its label, or sit out the longest penalty. */
void fl_ship_on_pin_moved(struct fl_ship_conn *c, fl_time now)
{
	if (c->state == FL_SHIP_S_PIN)
		start(c, FL_SHIP_T_PIN_GUARD, now + c->timers.hello + c->timers.pin_penalty_long);
}

int64_t fl_ship_penalty(const struct fl_ship_conn *c, unsigned failures)
{
	if (failures >= 6)
		return c->timers.pin_penalty_long;
	return failures >= 3 ? c->timers.pin_penalty_short : 0;
}

void fl_ship_on_penalty(struct fl_ship_conn *c, fl_time until)
{
	start(c, FL_SHIP_T_PENALTY, until);
}

void fl_ship_on_opened(struct fl_ship_conn *c, fl_time now)
{
	stop(c, FL_SHIP_T_PIN_GUARD); /* a penalty may go on */
	start(c, FL_SHIP_T_ACCESS, now + c->timers.wait);
}

void fl_ship_on_access_known(struct fl_ship_conn *c)
{
	stop(c, FL_SHIP_T_ACCESS);
}

void fl_ship_on_close_announced(struct fl_ship_conn *c, fl_time now)
{
	fl_ship_timers_stop(c);
	start(c, FL_SHIP_T_CLOSE, now + c->timers.close);
}

/* ---- what is due ---- */

static enum fl_ship_timer first(const struct fl_ship_conn *c)
{
	int min = 0;

	for (int i = 1; i < FL_SHIP_TIMERS; i++)
		if (c->due[i] < c->due[min])
			min = i;
	return (enum fl_ship_timer)min;
}

enum fl_ship_timer fl_ship_timer_take(struct fl_ship_conn *c, fl_time now)
{
	enum fl_ship_timer which = first(c);

	if (!runs(c, which) || c->due[which] > now)
		return FL_SHIP_TIMERS;
	stop(c, which);
	return which;
}

fl_time fl_ship_conn_deadline(const struct fl_ship_conn *c)
{
	return c->due[first(c)];
}
