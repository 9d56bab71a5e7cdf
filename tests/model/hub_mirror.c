/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/hub_mirror.c - what the model calls incoming, opening, leaving, dialling and shutting
 * down is done with domain/devices, and both must say the same after each step.
 *
 * Time is one thing less in the model. So where the real hub would do several things while it
 * passes, the move waits for a state in which it does one.
 */
#include "hub_mirror.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "domain/devices/devices.h"

struct pair {
	struct fl_devices *hub;
	struct fl_ski ski;
	fl_time now;
	uint64_t number[HUB_CONNS];
	bool client[HUB_CONNS];
	uint64_t told, dial;
	int patience; /* how often it was at an end */
};

/* ---- the real one ---- */

static void drain(struct pair *p)
{
	struct fl_devices_effect e;

	while (fl_devices_next(p->hub, &e))
		switch (e.kind) {
		case FL_DEVICES_TELL_CONNECTED:
		case FL_DEVICES_TELL_REPLACED:
			p->told = e.number;
			break;
		case FL_DEVICES_TELL_DISCONNECTED:
			p->told = 0;
			break;
		case FL_DEVICES_DO_DIAL:
			p->dial = e.number;
			break;
		case FL_DEVICES_DO_ABORT:
			p->dial = 0;
			break;
		default:
			break;
		}
}

static void hear(struct pair *p, int i, const void *bytes, size_t len)
{
	fl_devices_message(p->hub, p->now, p->number[i], fl_slice_of(bytes, len));
}

static void open_up(struct pair *p, int i)
{
	static const char *const words[] = {
		"\1{\"connectionHello\":[{\"phase\":\"ready\"},{\"waiting\":60000}]}",
		"\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"select\"},{\"version\":[{"
		"\"major\":1},"
		"{\"minor\":0}]},{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}]}",
		"\1{\"connectionPinState\":[{\"pinState\":\"none\"}]}",
		"\1{\"accessMethods\":[{\"id\":\"Device\"}]}",
		NULL,
	};
	static const char announce[] =
		"\1{\"messageProtocolHandshake\":[{\"handshakeType\":\"announceMax\"},{\"version\":"
		"[{\"major\":1},{\"minor\":0}]},{\"formats\":[{\"format\":[\"JSON-UTF8\"]}]}]}";

	hear(p, i, "\0\0", 2);
	for (int k = 0; words[k] != NULL; k++) {
		if (k == 1 && !p->client[i])
			hear(p, i, announce, sizeof announce - 1);
		hear(p, i, words[k], strlen(words[k]));
	}
}

static void see(struct pair *p, bool seen)
{
	static struct fl_device_entry entry;

	entry.txt.ski = p->ski;
	entry.port = 1;
	if (fl_devices_visible(p->hub, p->now, &entry, seen) != FL_OK)
		p->now = FL_NEVER; /* no memory: it will not agree */
}

static const struct fl_device_info *info(const struct pair *p)
{
	static struct fl_device_info i;

	return fl_devices_info(p->hub, &p->ski, &i) == FL_OK ? &i : NULL;
}

static void later(struct pair *p, fl_time at)
{
	p->now = at;
	fl_devices_tick(p->hub, p->now);
}

static const char *enter(struct pair *p, int i, enum fl_err err, uint64_t number,
			 const struct hub_state *is)
{
	const bool taken = is->conn[i].phase != HUB_DEAD;

	p->number[i] = number;
	return (err == FL_OK) == taken ? NULL : "one takes a connection, the other does not";
}

static const char *follow(struct pair *p, const struct hub_move *m)
{
	const char *name = m->name.text;
	const int i = m->name.who;
	uint64_t number = 0;
	bool parked;
	enum fl_err err;

	if (strcmp(name, "Incoming") == 0) {
		err = fl_devices_incoming(p->hub, p->now, &p->ski, &number, &parked);
		p->client[i] = false;
		return enter(p, i, err, number, &m->to);
	}
	if (strcmp(name, "DialOk") == 0 || strcmp(name, "DialFails") == 0) {
		const bool ok = strcmp(name, "DialOk") == 0;
		err = fl_devices_dialled(p->hub, p->now, p->dial, ok ? FL_OK : FL_ERR_IO, NULL,
					 &number, &parked);
		p->dial = 0;
		if (!ok)
			return NULL;
		p->client[i] = true;
		return enter(p, i, err, number, &m->to);
	}
	if (strcmp(name, "Open") == 0)
		open_up(p, i);
	else if (strcmp(name, "PeerGone") == 0)
		fl_devices_lost(p->hub, p->now, p->number[i], 1006, fl_slice_str(""));
	else if (strcmp(name, "Farewell") == 0)
		hear(p, i, "\3{\"connectionClose\":[{\"phase\":\"confirm\"}]}", 43);
	else if (strcmp(name, "Disconnect") == 0)
		err = fl_devices_disconnect(p->hub, p->now, &p->ski, false);
	else if (strcmp(name, "Patience") == 0)
		later(p, p->now + 3 * FL_SEC);
	else if (strcmp(name, "Due") == 0)
		later(p, info(p)->next_try);
	else if (strcmp(name, "Seen") == 0 || strcmp(name, "Lost from sight") == 0)
		see(p, strcmp(name, "Seen") == 0);
	else if (strcmp(name, "Shutdown") == 0)
		fl_devices_shutdown(p->hub, p->now);
	return NULL;
}

/* ---- both ---- */

static int find(const struct hub_state *s, enum hub_phase phase)
{
	for (int i = 0; i < HUB_CONNS; i++)
		if (s->conn[i].phase == phase)
			return i;
	return -1;
}

/* Moves that mean one thing to both. */
static bool can_follow(const struct pair *p, const struct hub_state *s, const struct hub_move *m)
{
	const char *name = m->name.text;
	const int standing = find(s, HUB_STANDING);
	const bool leaving = find(s, HUB_DYING) >= 0 || find(s, HUB_REPLACED) >= 0;

	/* Before data there is no farewell. */
	if (strcmp(name, "Disconnect") == 0)
		return s->conn[m->name.who].open;
	if (strcmp(name, "Shutdown") == 0)
		return standing < 0 || s->conn[standing].open;
	if (strcmp(name, "Due") == 0)
		return !leaving && (standing < 0 || s->conn[standing].open) &&
		       find(s, HUB_PARKED) < 0;
	if (strcmp(name, "Patience") == 0)
		return !leaving && s->attempt != HUB_PLANNED && p->patience < 2;
	return true;
}

static const char *compare(const struct pair *p, const struct hub_state *s)
{
	const struct fl_device_info *i = info(p);
	const int standing = find(s, HUB_STANDING);

	if (!fl_devices_check(p->hub))
		return "the hub does not agree with itself";
	if (i->number != (standing >= 0 ? p->number[standing] : 0))
		return "another connection stands";
	if (p->told != (s->told > 0 ? p->number[s->told - 1] : 0))
		return "another connection is told";
	if ((p->dial != 0) != (s->attempt == HUB_DIALLING))
		return "one dials, the other does not";
	if ((i->next_try != FL_NEVER) != (s->attempt == HUB_PLANNED))
		return "one plans to dial, the other does not";
	return s->down && !fl_devices_is_down(p->hub) ? "one is down, the other is not" : NULL;
}

static enum fl_err begin(struct pair *p, enum hub_rule rule)
{
	struct fl_devices_config cfg = { .ship_id = "Us", .rule = FL_DEVICES_RULE_RECENT };
	struct fl_device_record known = { .trusted = true };

	p->now = 10000 * FL_SEC;
	memset(cfg.own.b, 'm', sizeof cfg.own.b);
	memset(p->ski.b, rule == HUB_KEEP ? 'b' : 'z', sizeof p->ski.b);
	known.ski = p->ski;
	enum fl_err err = fl_devices_new(&cfg, NULL, &p->hub);
	if (err == FL_OK)
		err = fl_devices_load(p->hub, &known);
	return err == FL_OK ? fl_devices_start(p->hub, p->now) : err;
}

static const struct hub_move *choose(const struct pair *p, struct fl_rng *rng,
				     const struct hub_state *now, const struct hub_move *moves,
				     int count)
{
	for (int draw = 0; draw < 40; draw++) {
		const struct hub_move *m = &moves[fl_rng_below(rng, (uint64_t)count)];
		const bool ends = strcmp(m->name.text, "Shutdown") == 0;
		if (can_follow(p, now, m) && (!ends || draw > 3))
			return m;
	}
	return NULL;
}

static const char *walk(struct fl_rng *rng, enum hub_rule rule)
{
	static struct hub_move moves[HUB_MOVES_MAX];
	const struct hub_model model = { HUB_NONE, rule };
	struct hub_state now = { 0 };
	struct pair p = { 0 };
	const char *wrong = begin(&p, rule) == FL_OK ? NULL : "out of memory";

	while (wrong == NULL && now.dials < HUB_DIALS_MAX) {
		const int count = hub_machine.moves(&model, &now, moves);
		const struct hub_move *m = count > 0 ? choose(&p, rng, &now, moves, count) : NULL;
		if (m == NULL)
			break;
		p.patience += strcmp(m->name.text, "Patience") == 0;
		wrong = follow(&p, m);
		now = m->to;
		drain(&p);
		if (wrong == NULL && now.dials < HUB_DIALS_MAX)
			wrong = compare(&p, &now);
	}
	fl_devices_free(p.hub);
	return wrong;
}

int hub_mirror(enum hub_rule rule, int walks)
{
	struct fl_rng rng;
	const char *wrong = NULL;
	int at = 0;

	fl_rng_init(&rng, 1);
	while (at < walks && wrong == NULL) {
		wrong = walk(&rng, rule);
		at++;
	}
	printf("%-4s  model of the hub: domain/devices on %d random histories, %s%s%s\n",
	       wrong == NULL ? "ok" : "FAIL", at, hub_rule_names[rule], wrong != NULL ? ": " : "",
	       wrong != NULL ? wrong : "");
	return wrong != NULL;
}
