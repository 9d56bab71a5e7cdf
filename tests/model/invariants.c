/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/model/invariants.c - what must hold in every state (docs/lifecycle.md B.2). */
#include "model.h"

#include <stddef.h>

static bool is_live(const struct conn *c)
{
	return c->phase >= ENTERED && c->phase <= READY;
}

static uint8_t in_flight(const struct state *s, int conn)
{
	uint8_t set = 0;

	for (int w = 0; w < WORKERS; w++)
		if (s->worker[w].busy && s->worker[w].conn == conn)
			set |= s->worker[w].bundle;
	return set;
}

static const char *check_conn(const struct state *s, int i)
{
	const struct conn *c = &s->conn[i];
	const struct node *n = &s->node[c->node];
	const uint8_t all = (uint8_t)((1 << s->changes) - 1);

	if (c->released > c->acquired)
		return "INV-10: released more than once";
	if (c->phase == GONE && c->released != c->acquired)
		return "INV-10: gone and never released";
	if (is_live(c) && !n->online)
		return "INV-12: offline while a session lives";
	if (is_live(c) && !n->exists)
		return "INV-51: a deleted node keeps a session";
	if (is_live(c) && !n->record)
		return "INV-51: a session without a record";
	if (c->phase == READY && c->sent != c->got)
		return "INV-24: noted as sent, and not with the client";
	if ((c->phase == READY || c->phase == MAPPED) &&
	    (c->got | c->pending | in_flight(s, i)) != all)
		return "INV-21: a change that will never arrive";
	return NULL;
}

static const char *check_node(const struct state *s, int n)
{
	const struct node *at = &s->node[n];
	int held = 0;

	for (int i = 0; i < CONNS; i++)
		if (s->conn[i].phase != UNUSED && s->conn[i].node == n)
			held += s->conn[i].acquired - s->conn[i].released;
	if (at->live != held)
		return "INV-10: the count is not what is held";
	if (at->online != (at->live > 0))
		return "INV-11: online does not follow the count";
	if (at->exists && at->live == 0 && !at->timer && !s->closed)
		return "INV-50: an idle ephemeral node that nobody will delete";
	if (at->live > 0 && at->gone != NONE)
		return "INV-11: gone and here";
	return NULL;
}

static const char *check_end(const struct state *s)
{
	for (int i = 0; i < CONNS; i++)
		if (s->conn[i].phase != UNUSED && s->conn[i].phase != GONE)
			return "INV-52: a connection is left";
	for (int w = 0; w < WORKERS; w++)
		if (s->worker[w].busy)
			return "INV-52: a worker is left";
	for (int n = 0; n < NODES; n++)
		if (s->node[n].live > 0 || s->node[n].timer)
			return "INV-52: a count or a timer is left";
	return s->closed ? NULL : "deadlock";
}

const char *model_violation(const struct state *s, bool last)
{
	const char *text = s->wrong ? "INV-22: changes arrived out of order" : NULL;

	for (int i = 0; i < CONNS && text == NULL; i++)
		if (s->conn[i].phase != UNUSED)
			text = check_conn(s, i);
	for (int n = 0; n < NODES && text == NULL; n++)
		text = check_node(s, n);
	if (text == NULL && last)
		text = check_end(s);
	return text;
}
