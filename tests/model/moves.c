/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/moves.c - what may happen next. */
#include "model.h"

#include <assert.h>
#include <string.h>

const char *const model_bug_names[BUGS] = {
	"none",
	"check then disconnect, without a count",
	"equality of the generation, without a count",
	"register apart from create",
	"record before delivery",
	"change dropped for an unready connection",
	"node deleted, sessions kept",
	"timer cancelled before connect",
	"two bundles in flight",
	"release skipped when others remain",
	"teardown twice",
};

struct moves {
	const struct model *model;
	const struct state *from;
	struct move *at;
	int count;
};

void model_start(struct state *s)
{
	memset(s, 0, sizeof *s);
	for (int n = 0; n < NODES; n++)
		s->node[n] = (struct node){ .exists = 1, .timer = 1 };
}

static struct state *add(struct moves *m, const char *name, int who, int arg)
{
	assert(m->count < MOVES_MAX);
	struct move *at = &m->at[m->count++];
	*at = (struct move){ .name = { name, (uint8_t)who, (uint8_t)arg }, .to = *m->from };
	return &at->to;
}

static bool is(const struct moves *m, enum bug bug)
{
	return m->model->bug == bug;
}

/* ---- the record of a node ---- */

static bool in_record(const struct conn *c)
{
	return c->phase >= ENTERED && c->phase <= STOPPING;
}

static int others_in_record(const struct state *s, int self)
{
	int count = 0;
	for (int i = 0; i < CONNS; i++)
		count += i != self && in_record(&s->conn[i]) && s->conn[i].phase != STOPPING &&
			 s->conn[i].node == s->conn[self].node;
	return count;
}

static bool record_is_empty(const struct state *s, int node)
{
	for (int i = 0; i < CONNS; i++)
		if (in_record(&s->conn[i]) && s->conn[i].node == node)
			return false;
	return true;
}

static void acquire(struct state *s, struct conn *c)
{
	struct node *n = &s->node[c->node];

	c->acquired++;
	c->gen = ++n->gen;
	n->live++;
	n->online = 1;
	n->gone = NONE;
}

static void go_offline(struct state *s, struct node *n)
{
	n->online = 0;
	n->gone = RECENT;
	n->timer = n->exists && !s->closed;
}

static void release(const struct moves *m, struct state *s, struct conn *c)
{
	struct node *n = &s->node[c->node];

	c->released++;
	n->live--;
	if (is(m, BUG_EPOCH_WITHOUT_COUNT)     ? c->gen == n->gen
	    : is(m, BUG_CHECK_THEN_DISCONNECT) ? true
					       : n->live == 0)
		go_offline(s, n);
}

static void stop(struct conn *c)
{
	if (in_record(c))
		c->phase = STOPPING;
	else if (c->phase == NEW || c->phase == APPLIED || c->phase == HELD)
		c->phase = GONE;
	c->pending = 0;
}

/* ---- a connection's own life ---- */

static void accept(struct moves *m)
{
	for (int i = 0; i < CONNS; i++) {
		if (m->from->conn[i].phase != UNUSED)
			continue;
		for (int n = 0; n < NODES && !m->from->closed; n++)
			if (m->from->node[n].exists) {
				struct conn *c = &add(m, "Accept", i, n)->conn[i];
				c->phase = NEW;
				c->node = (uint8_t)n;
			}
		return; /* connections are alike: the next one will do */
	}
}

static void apply(struct moves *m, int i)
{
	struct state *ok = add(m, "ApplyRequest", i, 0);
	bool exists = ok->node[ok->conn[i].node].exists;

	ok->conn[i].phase = exists ? APPLIED : GONE;
	if (is(m, BUG_CANCEL_EARLY))
		ok->node[ok->conn[i].node].timer = 0;
	struct state *failed = add(m, "ApplyRequest fails", i, 0);
	failed->conn[i].phase = GONE;
	if (is(m, BUG_CANCEL_EARLY))
		failed->node[failed->conn[i].node].timer = 0;
}

/* Counting, the record and the place in it are one step. */
static void connect(struct moves *m, int i)
{
	struct state *s = add(m, "Connect", i, 0);
	struct conn *c = &s->conn[i];

	if (!s->node[c->node].exists) {
		c->phase = GONE;
		return;
	}
	s->node[c->node].record = 1;
	if (is(m, BUG_REGISTER_APART)) {
		c->phase = HELD;
		return;
	}
	acquire(s, c);
	c->phase = ENTERED;
}

static void enter_later(struct moves *m, int i)
{
	struct state *s = add(m, "Register", i, 0);

	acquire(s, &s->conn[i]);
	s->conn[i].phase = ENTERED;
}

/* A map holds every change until now; what comes after waits for the connection. */
static void make_map(struct moves *m, int i)
{
	struct state *s = add(m, "GenerateMap", i, 0);
	struct conn *c = &s->conn[i];

	c->phase = MAPPED;
	c->got = c->sent = (uint8_t)((1 << s->changes) - 1);
	c->pending = 0;
	add(m, "GenerateMap fails", i, 0)->conn[i].phase = STOPPING;
}

static void deliver_map(struct moves *m, int i)
{
	struct state *s = add(m, "DeliverMap", i, 0);

	s->conn[i].phase = READY;
	s->node[s->conn[i].node].timer = 0;
	stop(&add(m, "DeliverMap times out", i, 0)->conn[i]);
}

static void client_gone(struct moves *m, int i)
{
	stop(&add(m, "ClientGone", i, 0)->conn[i]);
}

static void remove_conn(struct moves *m, int i)
{
	struct state *s = add(m, "RemoveConnection", i, 0);
	struct conn *c = &s->conn[i];

	if (others_in_record(s, i) == 0 && s->node[c->node].exists && !s->closed) {
		c->phase = LEAVING;
		return;
	}
	c->phase = GONE;
	if (!is(m, BUG_SKIP_RELEASE) || others_in_record(s, i) == 0)
		release(m, s, c);
}

static void grace(struct moves *m, int i)
{
	struct state *s = add(m, "GraceTick", i, 0);

	if (is(m, BUG_CHECK_THEN_DISCONNECT)) {
		bool alone = others_in_record(s, i) == 0;
		s->conn[i].phase = alone ? CHECKED : GONE;
		if (!alone) { /* somebody is there: only the count is kept */
			s->conn[i].released++;
			s->node[s->conn[i].node].live--;
		}
		return;
	}
	s->conn[i].phase = GONE;
	release(m, s, &s->conn[i]);
}

static void disconnect(struct moves *m, int i)
{
	struct state *s = add(m, "Disconnect", i, 0);

	s->conn[i].phase = GONE;
	release(m, s, &s->conn[i]);
}

/* Somebody else who noticed. It finds that the connection is not in its record any more. */
static void late_farewell(struct moves *m, int i)
{
	if (!is(m, BUG_TEARDOWN_TWICE) || m->from->conn[i].released != 1)
		return;
	struct state *s = add(m, "RemoveConnection again", i, 0);
	release(m, s, &s->conn[i]);
}

static void live(struct moves *m, int i)
{
	const struct conn *c = &m->from->conn[i];

	switch ((enum phase)c->phase) {
	case UNUSED:
		return;
	case NEW:
		apply(m, i);
		break;
	case APPLIED:
		connect(m, i);
		break;
	case HELD:
		enter_later(m, i);
		return;
	case ENTERED:
		make_map(m, i);
		break;
	case MAPPED:
		deliver_map(m, i);
		break;
	case READY:
		break;
	case STOPPING:
		remove_conn(m, i);
		return;
	case LEAVING:
		grace(m, i);
		return;
	case CHECKED:
		disconnect(m, i);
		return;
	case GONE:
		late_farewell(m, i);
		return;
	}
	client_gone(m, i);
}

/* ---- changes and their delivery ---- */

static bool has_ready(const struct state *s, int node)
{
	for (int i = 0; i < CONNS; i++)
		if (s->conn[i].phase == READY && s->conn[i].node == node)
			return true;
	return false;
}

static void enqueue(struct moves *m)
{
	if (m->from->closed || m->from->changes == m->model->changes_max)
		return;
	struct state *s = add(m, "Enqueue", m->from->changes, 0);
	uint8_t bit = (uint8_t)(1 << s->changes++);

	for (int i = 0; i < CONNS; i++) {
		struct conn *c = &s->conn[i];
		bool waits = c->phase == ENTERED || c->phase == MAPPED;
		if (waits && is(m, BUG_DROP_FOR_UNREADY) && has_ready(s, c->node))
			continue;
		if (waits || c->phase == READY)
			c->pending |= bit;
	}
}

static bool is_in_flight(const struct state *s, int conn)
{
	for (int w = 0; w < WORKERS; w++)
		if (s->worker[w].busy && s->worker[w].conn == conn)
			return true;
	return false;
}

static void worker_begin(struct moves *m, int w)
{
	for (int i = 0; i < CONNS; i++) {
		const struct conn *c = &m->from->conn[i];
		if (c->phase != READY || c->pending == 0)
			continue;
		if (is_in_flight(m->from, i) && !is(m, BUG_TWO_IN_FLIGHT))
			continue;
		struct state *s = add(m, "WorkerBegin", w, i);
		s->worker[w] = (struct worker){ 1, (uint8_t)i, c->pending };
		s->conn[i].pending = 0;
		if (is(m, BUG_RECORD_BEFORE_SEND))
			s->conn[i].sent |= c->pending;
	}
}

/* Do all of `bundle` come after what has arrived? */
static bool in_order(uint8_t got, uint8_t bundle)
{
	return (uint8_t)(bundle & -bundle) > got;
}

static void worker_end(struct moves *m, int w)
{
	const struct worker *at = &m->from->worker[w];
	struct state *ok = add(m, "SendOk", w, at->conn);
	struct conn *c = &ok->conn[at->conn];

	ok->worker[w] = (struct worker){ 0 };
	if (c->phase == READY) { /* else the answer is late, and falls on the floor */
		ok->wrong = !in_order(c->got, at->bundle);
		c->got |= at->bundle;
		c->sent |= at->bundle;
	}
	struct state *late = add(m, "SendTimeout", w, at->conn);
	late->worker[w] = (struct worker){ 0 };
	if (late->conn[at->conn].phase == READY)
		stop(&late->conn[at->conn]);
}

/* ---- nodes ---- */

static void delete_node(const struct moves *m, struct state *s, int n)
{
	s->node[n].exists = 0;
	s->node[n].record = 0;
	s->node[n].timer = 0;
	s->node[n].gone = NONE;
	for (int i = 0; i < CONNS; i++) {
		struct conn *c = &s->conn[i];
		if (c->node != n || c->phase == UNUSED || is(m, BUG_DELETE_KEEPS_SESSIONS))
			continue;
		bool counted = c->acquired > c->released;
		stop(c);
		if (counted) { /* detached: ended at once, without grace */
			c->phase = GONE;
			c->released++;
			s->node[n].live--;
		}
	}
	s->node[n].online = s->node[n].live > 0;
}

static void nodes(struct moves *m, int n)
{
	const struct node *at = &m->from->node[n];

	if (at->exists && !m->from->closed)
		delete_node(m, add(m, "DeleteNode", n, 0), n);
	if (at->timer) {
		struct state *s = add(m, "EphemeralFire", n, 0);
		s->node[n].timer = 0;
		if (at->live == 0)
			delete_node(m, s, n);
	}
	if (at->gone == RECENT)
		add(m, "time passes", n, 0)->node[n].gone = OLD;
	if (at->record && at->gone == OLD && record_is_empty(m->from, n)) {
		struct state *s = add(m, "Sweep", n, 0);
		s->node[n].record = 0;
		s->node[n].gone = NONE;
	}
}

static void close(struct moves *m)
{
	if (m->from->closed)
		return;
	struct state *s = add(m, "Close", 0, 0);

	s->closed = 1;
	for (int i = 0; i < CONNS; i++)
		stop(&s->conn[i]);
	for (int n = 0; n < NODES; n++)
		s->node[n].timer = 0;
}

int model_moves(const struct model *model, const struct state *s, struct move out[static MOVES_MAX])
{
	struct moves m = { model, s, out, 0 };

	accept(&m);
	for (int i = 0; i < CONNS; i++)
		live(&m, i);
	enqueue(&m);
	for (int w = 0; w < WORKERS; w++) {
		if (s->worker[w].busy)
			worker_end(&m, w);
		else if (w == 0 || s->worker[w - 1].busy) /* workers are alike */
			worker_begin(&m, w);
	}
	for (int n = 0; n < NODES; n++)
		nodes(&m, n);
	close(&m);
	return m.count;
}
