/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/pings.c - questions to nodes: those of administrators, the probes of routers, what
 * clients make of them, and INV-26: each is delivered at most once, and once if there is a session
 * to carry it; each ends once, with the answer of its own node or at its deadline.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sim.h"

enum { ASKED_MAX = 32, KNOWN_MAX = 4096, WAYS = 16, FORGED_IN = 16 };
#define LATE FL_SEC /* how much later than its deadline one may end */

/* What is known of an id; a later one takes the place of the oldest of its neighbours. */
struct known {
	uint64_t id, number;
	fl_node_id node;
	bool asked, left, answered; /* asked: by an administrator; else it is a probe */
};

struct question {
	struct fl_ping ping;
	bool open;
	fl_time began;
	int64_t limit;
	uint64_t owed; /* the generation of the session that must carry it, 0: none yet */
};

static struct known known[KNOWN_MAX];
static struct question asked[ASKED_MAX];

static struct known *known_at(uint64_t id, size_t way)
{
	return &known[(id + way) % KNOWN_MAX];
}

/* NULL: it was never seen, or long ago. */
static struct known *known_of(uint64_t id)
{
	for (size_t i = 0; i < WAYS; i++)
		if (known_at(id, i)->id == id)
			return known_at(id, i);
	return NULL;
}

static struct known *known_new(uint64_t id, fl_node_id node, bool by_admin)
{
	static uint64_t count;
	struct known *k = known_at(id, 0);

	for (size_t i = 1; i < WAYS; i++)
		if (known_at(id, i)->number < k->number)
			k = known_at(id, i);
	*k = (struct known){ .id = id, .number = ++count, .node = node, .asked = by_admin };
	return k;
}

static uint64_t id_of(const struct fl_ping *p)
{
	return strtoull(p->id, NULL, 16);
}

/* ---- who asks ---- */

static const char request[] = "GET /echo HTTP/1.1\r\nHost: node\r\n\r\n";

/* What its daemon answers; the id makes each another one. */
static void write_answer(uint64_t id, char out[static 80])
{
	snprintf(out, 80, "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n%016" PRIx64, id);
}

static void check_response(const struct question *q, struct fl_slice got)
{
	char want[80] = "";

	if (q->ping.request != NULL)
		write_answer(id_of(&q->ping), want);
	if (!fl_slice_is(got, want))
		violation("INV-26", "ping %s of node %" PRIu64 " ends with %.*s", q->ping.id,
			  q->ping.node, (int)got.len, (const char *)got.ptr);
}

static void on_end(void *ctx, enum fl_err err, struct fl_slice response)
{
	struct question *q = ctx;
	struct known *k = known_of(id_of(&q->ping));
	int64_t took = sim_clock.now - q->began;

	trace("ping ends", q->ping.node, (uint64_t)-err);
	if (!q->open)
		violation("INV-26", "ping %s ends twice", q->ping.id);
	q->open = false;
	if (err == FL_OK) {
		check_response(q, response);
		if (took > q->limit + LATE)
			violation("INV-26", "ping %s is answered after %.3f s", q->ping.id,
				  (double)took / 1e9);
		if (k != NULL)
			k->answered = true;
	} else if (err == FL_ERR_TIMEOUT && took < q->limit) {
		violation("INV-26", "ping %s times out after %.3f s", q->ping.id,
			  (double)took / 1e9);
	} else if (err == FL_ERR_CLOSED && !sim.server.control->stopping) {
		violation("INV-26", "ping %s is cancelled by nobody", q->ping.id);
	}
}

static struct question *free_question(void)
{
	for (size_t i = 0; i < ASKED_MAX; i++)
		if (!asked[i].open)
			return &asked[i];
	return NULL;
}

static void ask_one(fl_node_id node, bool c2n, int64_t limit)
{
	struct question *q = free_question();

	if (q == NULL)
		return;
	*q = (struct question){
		.ping = { .kind = FL_PING_ASKED,
			  .node = node,
			  .request = c2n ? request : NULL,
			  .fn = on_end,
			  .ctx = q },
		.began = sim_clock.now,
		.limit = limit,
	};
	enum fl_err err = fl_ping_start(sim.server.control, &q->ping, limit);
	trace("ping", node, (uint64_t)-err);
	q->open = err == FL_OK;
	if (q->open)
		known_new(id_of(&q->ping), node, true);
}

void ping_ask(const struct op *o)
{
	struct fl_node *const *nodes;
	size_t count = fl_state_nodes(sim.server.core.state, &nodes);

	for (uint32_t i = 0; i < 1 + o->c % 3 && count > 0; i++)
		ask_one(nodes[o->a % count]->id, (o->b >> i & 1) != 0,
			o->b % 3 == 0 ? 5 * FL_SEC : FL_PING_LIMIT);
}

void pings_forget(void)
{
	for (size_t i = 0; i < ASKED_MAX; i++) {
		fl_ping_cancel(&asked[i].ping);
		asked[i].open = false;
	}
}

/* ---- on the way ---- */

static void probe_left(fl_node_id node)
{
	struct node_facts *f = facts_of(node);

	f->probed_at = sim_clock.now;
	f->answered = false;
}

void ping_left(struct exch *e, const struct frame *f)
{
	struct known *k = known_of(f->ping);

	trace("ping leaves", e->node, f->c2n);
	if (e->node == 0)
		return; /* thousands are not looked at often enough to know whose session it is */
	if (k == NULL) {
		k = known_new(f->ping, e->node, false);
		probe_left(e->node);
	}
	if (k->left)
		violation("INV-26", "ping %016" PRIx64 " is delivered twice", f->ping);
	if (k->node != e->node)
		violation("INV-26", "a ping of node %" PRIu64 " is delivered to %" PRIu64, k->node,
			  e->node);
	k->left = true;
}

/* ---- at the client ---- */

struct due {
	struct client *client;
	uint64_t id;
	bool c2n;
};

static void send_answer(struct conn *conn, enum exch_kind kind, const struct due *d)
{
	uint64_t *note = malloc(sizeof *note);
	char target[64], body[80] = "";

	if (note == NULL)
		abort();
	*note = d->id;
	snprintf(target, sizeof target, "/machine/%s?id=%016" PRIx64,
		 d->c2n ? "c2n-response" : "ping-response", d->id);
	if (d->c2n)
		write_answer(d->id, body);
	struct exch *e =
		conn_ask_for(conn, kind, d->c2n ? "POST" : "HEAD", target, strdup(body), note);
	exch_let_go(&e);
}

static void on_due(void *a, uint64_t b)
{
	struct due *d = a;

	(void)b;
	if (d->client->conn != NULL)
		send_answer(d->client->conn, EXCH_PING, d);
	free(d);
}

/* Ids are no secret to who reads them somewhere: only the machine of the node may answer. */
static void forge(const struct due *d)
{
	struct fl_machine_key thief = d->client->machine;

	thief.b[1] = (uint8_t)~thief.b[1];
	send_answer(conn_open_stranger(&thief, 78), EXCH_FORGERY, d);
}

void ping_heard(struct client *c, const struct frame *f)
{
	struct due *d;

	if (fl_rng_below(&c->rng, FORGED_IN) == 0)
		forge(&(struct due){ .client = c, .id = f->ping, .c2n = f->c2n });
	if (c->deaf)
		return;
	d = malloc(sizeof *d);
	if (d == NULL)
		abort();
	*d = (struct due){ .client = c, .id = f->ping, .c2n = f->c2n };
	after(c->tardy, on_due, d, 0);
}

/* ---- back at the server ---- */

static const struct question *question_of(uint64_t id)
{
	for (size_t i = 0; i < ASKED_MAX; i++)
		if (asked[i].open && id_of(&asked[i].ping) == id)
			return &asked[i];
	return NULL;
}

static void probe_answered(struct known *k)
{
	struct node_facts *f = facts_of(k->node);

	if (k->answered)
		violation("INV-26", "a probe of node %" PRIu64 " is answered twice", k->node);
	k->answered = f->answered = true;
	f->answered_at = sim_clock.now;
}

void ping_answered(struct exch *e)
{
	uint64_t id = *(uint64_t *)e->note;
	struct known *k = known_of(id);

	trace("ping answered", id, e->status);
	if (k == NULL)
		return;
	if (e->status == 200 && !k->asked)
		probe_answered(k);
	else if (e->status == 200 && !k->answered)
		violation("INV-26", "an answer to ping %016" PRIx64 " is taken, and it goes on",
			  id);
	else if (e->status != 200 && question_of(id) != NULL &&
		 fl_state_node(sim.server.core.state, k->node) != NULL)
		violation("INV-26", "an answer to ping %016" PRIx64 " is refused with %u", id,
			  e->status);
}

/* ---- the invariant ---- */

static const struct fl_session *session_of(fl_node_id node, uint64_t gen)
{
	struct fl_list *all = fl_registry_conns(sim.server.core.sessions, &node);

	if (all == NULL)
		return NULL;
	fl_list_each(it, all)
	{
		const struct fl_session *s = fl_list_entry(it, struct fl_session, conn.link);
		if (s->conn.gen == gen && s->x != NULL)
			return s;
	}
	return NULL;
}

/* It leaves with the first events after the tick in which there was a session to carry it. */
static void check_delivery(struct question *q)
{
	const struct fl_session *s;

	if (known_of(id_of(&q->ping))->left || sim_memory_failed(sim_clock.now - q->began))
		return; /* or it waits for the next session */
	if (q->owed == 0) {
		s = fl_session_ready(sim.server.control, q->ping.node);
		q->owed = s != NULL ? s->conn.gen : 0;
		return;
	}
	s = session_of(q->ping.node, q->owed);
	if (s != NULL && s->x->pending == 0 && !exch_of(s->x)->conn->pump_due)
		violation("INV-26", "ping %s of node %" PRIu64 " is not delivered", q->ping.id,
			  q->ping.node);
}

void check_pings(void)
{
	const struct fl_pings *t = &sim.server.control->pings;
	size_t open = 0;

	for (size_t i = 0; i < ASKED_MAX; i++) {
		struct question *q = &asked[i];
		if (!q->open)
			continue;
		open++;
		if (sim_clock.now - q->began > q->limit + LATE)
			violation("INV-26", "ping %s has not ended after %.1f s", q->ping.id,
				  (double)(sim_clock.now - q->began) / 1e9);
		if (sim.plan.size != PLAN_THOUSANDS)
			check_delivery(q);
	}
	if (t->count[FL_PING_ASKED] != open)
		violation("INV-53", "%zu pings are counted, %zu are under way",
			  t->count[FL_PING_ASKED], open);
}
