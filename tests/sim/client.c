/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/client.c - one machine, with the habits of the stock client: it registers when its
 * daemon starts, polls, tells what changed of it, gives a silent stream up after 120 s, retries
 * with
 * a growing pause, and asks for a login when its key has expired.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sim.h"

#define WATCHDOG    (120 * FL_SEC)
#define FOLLOW_MAX  (20 * FL_MIN)
#define PAUSE_MAX   (30 * FL_SEC)
#define PAUSE_FIRST (100 * FL_MS)
#define PERSON_MAX  (90 * FL_SEC) /* until somebody looks after it */
enum { GIVES_UP_KEY_AFTER = 3 };

static void attempt(struct client *c);

static void fresh_key(struct fl_rng *r, uint8_t b[static FL_KEY_LEN])
{
	for (size_t i = 0; i < FL_KEY_LEN; i++)
		b[i] = (uint8_t)fl_rng_next(r);
}

void client_init(struct client *c, unsigned index)
{
	char name[24];

	*c = (struct client){
		.index = index, .person = index, .host = index, .home = 1, .cap = 113
	};
	snprintf(name, sizeof name, "client %u", index);
	fl_rng_split(&sim.dice, name, &c->rng);
	fresh_key(&c->rng, c->machine.b);
	fresh_key(&c->rng, c->key.b);
	fresh_key(&c->rng, c->disco.b);
	c->cred = (enum credential)fl_rng_below(&c->rng, CREDS);
	c->zstd = fl_rng_below(&c->rng, 4) != 0;
	c->ephemeral = fl_rng_below(&c->rng, 5) == 0;
	c->port = (uint16_t)(20000 + index % 20000);
	c->address = (uint8_t)(1 + index % 250);
	c->facts = 1;
	c->usual = (struct weather){
		.delay = chance(&c->rng, 1, 60) * FL_MS,
		.jitter = chance(&c->rng, 0, 15) * FL_MS,
		.reset_after = -1,
	};
}

/* ---- timers: one of an older epoch does nothing ---- */

static void on_retry(void *a, uint64_t epoch)
{
	struct client *c = a;

	if (c->epoch == epoch && c->state == CLIENT_WAITING)
		attempt(c);
}

static void on_person(void *a, uint64_t epoch)
{
	struct client *c = a;

	if (c->epoch != epoch || c->state != CLIENT_NEEDS_LOGIN)
		return;
	if (!sim.server.up) {
		after(10 * FL_SEC, on_person, c, epoch);
		return;
	}
	admin_key(c);
	c->failures = 0;
	attempt(c);
}

static void drop_connection(struct client *c, bool politely)
{
	struct conn *conn = c->conn;

	c->conn = NULL;
	exch_let_go(&c->poll);
	exch_let_go(&c->other);
	if (conn != NULL)
		conn_leave(conn, politely);
}

static void enter(struct client *c, enum client_state state)
{
	if (c->state != CLIENT_CONNECTING && c->state != CLIENT_WAITING)
		c->settled = sim_clock.now;
	c->state = state;
	c->epoch++;
	trace("client", c->index, state);
}

static void retry_later(struct client *c)
{
	int64_t pause = PAUSE_FIRST;

	c->lost += c->state == CLIENT_POLLING;
	drop_connection(c, true);
	for (unsigned i = 0; i < c->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	c->failures++;
	enter(c, CLIENT_WAITING);
	after(pause + chance(&c->rng, 0, pause), on_retry, c, c->epoch);
}

static void need_login(struct client *c)
{
	drop_connection(c, true);
	c->registered = c->confirmed = false;
	c->followup[0] = '\0';
	c->id = 0;
	c->facts_told = c->facts_acked = 0;
	enter(c, CLIENT_NEEDS_LOGIN);
	after(chance(&c->rng, FL_SEC, PERSON_MAX), on_person, c, c->epoch);
}

static void on_watchdog(void *a, uint64_t b)
{
	struct client *c = a;
	int64_t limit = c->state == CLIENT_FOLLOWING ? FOLLOW_MAX : WATCHDOG;

	(void)b;
	c->watched = false;
	if (c->conn == NULL)
		return;
	if (sim_clock.now >= c->heard + limit) {
		trace("watchdog", c->index, c->state);
		retry_later(c);
		return;
	}
	c->watched = true;
	at(c->heard + limit, on_watchdog, c, 0);
}

static void watch(struct client *c)
{
	c->heard = sim_clock.now;
	if (c->watched)
		return;
	c->watched = true;
	after(WATCHDOG, on_watchdog, c, 0);
}

/* ---- attempts ---- */

static void connect_anew(struct client *c)
{
	if (c->conn == NULL) {
		c->conn = conn_open(c, &c->machine, c->address, &c->usual);
		c->usual.reset_after = -1; /* of one connection only */
		c->opened++;
	}
	watch(c);
}

static void ask_register(struct client *c)
{
	bool following = c->followup[0] != '\0';

	connect_anew(c);
	enter(c, following ? CLIENT_FOLLOWING : CLIENT_CONNECTING);
	c->other =
		conn_ask(c->conn, following ? EXCH_FOLLOWUP : EXCH_REGISTER, request_register(c));
}

static void ask_map(struct client *c)
{
	connect_anew(c);
	enter(c, CLIENT_CONNECTING);
	view_reset(&c->view);
	c->told = c->agreed = 0;
	c->poll = conn_ask(c->conn, EXCH_POLL, request_map(c, true));
	c->poll->facts = c->facts;
	c->poll->asker = c->id;
}

static void attempt(struct client *c)
{
	if (c->confirmed)
		ask_map(c);
	else
		ask_register(c);
}

void client_start(struct client *c)
{
	if (c->state != CLIENT_OFF)
		return;
	sim.up_count++;
	c->confirmed = false; /* a daemon asks once whether its login still holds */
	c->facts_told = c->facts_acked = 0;
	c->failures = 0;
	if (!c->registered && c->auth[0] == '\0' && c->cred != CRED_PERSON)
		need_login(c);
	else
		attempt(c);
}

void client_stop(struct client *c, bool politely)
{
	if (c->state == CLIENT_OFF)
		return;
	sim.up_count--;
	drop_connection(c, politely);
	enter(c, CLIENT_OFF);
}

void client_reconnect(struct client *c)
{
	if (c->state != CLIENT_POLLING)
		return;
	struct conn *old = c->conn;
	c->conn = NULL;
	exch_let_go(&c->poll);
	exch_let_go(&c->other);
	ask_map(c);
	conn_leave(old, false);
}

void client_tell(struct client *c)
{
	if (c->state != CLIENT_POLLING || c->other != NULL || c->facts_told == c->facts)
		return;
	c->facts_told = c->facts;
	c->other = conn_ask(c->conn, EXCH_LITE, request_map(c, false));
	c->other->facts = c->facts;
}

void client_logout(struct client *c)
{
	if (c->state != CLIENT_POLLING || c->other != NULL)
		return;
	c->other = conn_ask(c->conn, EXCH_LOGOUT, request_logout(c));
}

void client_login(struct client *c)
{
	if (c->state == CLIENT_OFF)
		return;
	fresh_key(&c->rng, c->key.b);
	if (fl_rng_below(&c->rng, 2) == 0) { /* as somebody else */
		c->person = (unsigned)fl_rng_below(&c->rng, 6);
		c->cred = (enum credential)fl_rng_below(&c->rng, CREDS);
	}
	need_login(c);
}

/* ---- what comes back ---- */

void client_on_head(struct client *c, struct exch *e)
{
	if (e == c->poll || e == c->other)
		watch(c);
}

static void on_expired(struct client *c)
{
	fresh_key(&c->rng, c->key.b);
	need_login(c);
}

/* A session whose first map cannot be made comes and goes in one tick, and leaves a trace. */
static bool is_excused(const struct view_fault *fault)
{
	return strcmp(fault->invariant, "INV-14") == 0 && sim_memory_failed(FL_MIN);
}

void client_on_frame(struct client *c, struct exch *e, struct frame *f)
{
	if (e != c->poll)
		return;
	watch(c);
	sim.stats.frames++;
	if (!f->keepalive) {
		sim.told = c;
		c->told++;
	}
	trace("frame", c->index, f->hash);
	if (sim.verbose && f->json != NULL)
		printf("  %s\n", f->json);
	struct view_fault fault = view_apply(&c->view, f);
	if (fault.text != NULL && !is_excused(&fault))
		violation(fault.invariant, "client %u, node %" PRIu64 ": %s (id %" PRIu64 "): %s",
			  c->index, c->id, fault.text, fault.id, f->json != NULL ? f->json : "");
	if (c->view.node != NULL)
		c->id = c->view.node->id;
	if (f->ping != 0)
		ping_heard(c, f);
	if (f->node != NULL && f->node->expired) {
		on_expired(c);
		return;
	}
	if (c->state != CLIENT_POLLING) {
		c->failures = 0;
		enter(c, CLIENT_POLLING);
		client_tell(c);
	}
}

static bool answer_has(struct fl_slice body, const char *name, const char *text)
{
	struct scan s = scan_object(body);
	struct fl_slice key, value;

	while (scan_member(&s, &key, &value))
		if (scan_is(key, name))
			return scan_is(value, text);
	return false;
}

static void follow(struct client *c, struct fl_slice url)
{
	if (!fl_str_copy(c->followup, sizeof c->followup, url))
		violation("INV-54", "client %u: an AuthURL of %zu bytes", c->index, url.len);
	admin_approve(c);
	ask_register(c);
}

/* The key at hand is no good: a person gets another one. */
static void refused(struct client *c)
{
	c->auth[0] = '\0';
	if (c->failures++ < GIVES_UP_KEY_AFTER)
		fresh_key(&c->rng, c->key.b);
	need_login(c);
}

static void on_registered(struct client *c, struct fl_slice body)
{
	struct fl_slice url = scan_text_of(body, "AuthURL"), error = scan_text_of(body, "Error");

	c->followup[0] = '\0';
	trace("registered", c->index, scan_hash(1, body));
	if (error.len > 0)
		refused(c);
	else if (answer_has(body, "NodeKeyExpired", "true"))
		on_expired(c);
	else if (url.len > 0)
		follow(c, url);
	else if (answer_has(body, "MachineAuthorized", "true")) {
		c->registered = c->confirmed = true;
		c->failures = 0;
		ask_map(c);
	} else {
		retry_later(c);
	}
}

/* The piece that ended it still holds `e`. */
static void on_other_end(struct client *c, const struct exch *e, bool whole)
{
	exch_let_go(&c->other);
	if (e->kind == EXCH_LITE) {
		if (whole && e->status == 200)
			c->facts_acked = e->facts;
		else
			c->facts_told = 0; /* with the next occasion */
		client_tell(c);
	} else if (e->kind == EXCH_LOGOUT) {
		if (whole && e->status == 200)
			on_expired(c);
	} else if (whole && e->status == 200) {
		on_registered(c, fl_buf_slice(&e->arriving));
	} else {
		retry_later(c);
	}
}

void client_on_end(struct client *c, struct exch *e, bool whole)
{
	if (e == c->other) {
		on_other_end(c, e, whole);
	} else if (e == c->poll) {
		exch_let_go(&c->poll);
		if (e->status == 401)
			violation("INV-54", "client %u polls with its own keys and gets 401",
				  c->index);
		retry_later(c);
	} else if (e->kind == EXCH_SSH) {
		ssh_told(c, e, whole);
	}
}

void client_on_lost(struct client *c, struct conn *conn)
{
	if (conn != c->conn)
		return;
	c->conn = NULL;
	exch_let_go(&c->poll);
	exch_let_go(&c->other);
	c->facts_told = 0;
	if (c->state != CLIENT_OFF && c->state != CLIENT_NEEDS_LOGIN)
		retry_later(c);
}

bool client_is_clean(const struct client *c)
{
	const struct exch *e = c->poll;

	return c->state == CLIENT_POLLING && e != NULL && !e->ended && !e->over &&
	       c->conn->server != NULL && !c->conn->w.half_open && c->conn->undelivered == 0 &&
	       e->x.pending == 0 && !c->conn->pump_due;
}
