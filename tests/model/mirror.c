/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/mirror.c - what the model calls connecting, leaving, removing and deleting is done
 * with domain/registry, and both must count the same after each step.
 */
#include "mirror.h"

#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "domain/registry/registry.h"
#include "model.h"

struct pair {
	struct fl_registry *registry;
	struct fl_conn conn[CONNS];
	fl_time now;
};

static const char *follow_deletion(struct pair *p, const struct state *was, int node)
{
	const uint64_t key = (uint64_t)node;
	struct fl_list detached;
	int held = 0, given = 0;

	fl_list_init(&detached);
	fl_registry_forget(p->registry, &key, &detached);
	while (fl_list_pop(&detached) != NULL)
		given++;
	for (int i = 0; i < CONNS; i++)
		held += was->conn[i].node == node && was->conn[i].acquired > was->conn[i].released;
	return held == given ? NULL : "forget gave other connections than the node had";
}

/* One connection moved from one phase to another. */
static const char *follow_conn(struct pair *p, const struct conn *was, const struct conn *is, int i)
{
	const uint64_t key = is->node;
	bool first;

	if (is->acquired > was->acquired)
		return fl_registry_enter(p->registry, &key, &p->conn[i], &first) == FL_OK
			       ? NULL
			       : "enter failed";
	if (is->phase == LEAVING && was->phase == STOPPING)
		return fl_registry_leave(&p->conn[i]) || fl_registry_open(p->registry, &key) > 0
			       ? NULL
			       : "leave found nothing";
	if (is->released > was->released &&
	    fl_registry_remove(p->registry, &p->conn[i], p->now) == FL_CONN_STALE)
		return "remove found nothing";
	return NULL;
}

static bool is_deletion(const struct state *was, const struct state *is, int n)
{
	return was->node[n].exists && !is->node[n].exists;
}

static const char *follow(struct pair *p, const struct state *was, const struct state *is)
{
	const char *wrong = NULL;
	int gone = -1;

	p->now++;
	for (int n = 0; n < NODES; n++)
		if (is_deletion(was, is, n))
			gone = n;
	if (gone >= 0)
		wrong = follow_deletion(p, was, gone);
	for (int i = 0; i < CONNS && wrong == NULL; i++)
		if (gone < 0 || is->conn[i].node != gone)
			wrong = follow_conn(p, &was->conn[i], &is->conn[i], i);
	return wrong;
}

static const char *compare(const struct pair *p, const struct state *s)
{
	size_t online = 0;

	for (int n = 0; n < NODES; n++) {
		const uint64_t key = (uint64_t)n;
		fl_time gone;
		online += s->node[n].online;
		if (fl_registry_live(p->registry, &key) != s->node[n].live)
			return "another count";
		if (s->node[n].live > 0 && fl_registry_gone_since(p->registry, &key, &gone))
			return "gone and here";
		if (s->node[n].gone != NONE && !fl_registry_gone_since(p->registry, &key, &gone))
			return "gone, and nobody knows since when";
	}
	if (fl_registry_online(p->registry) != online)
		return "others are online";
	for (int i = 0; i < CONNS; i++) /* late farewells, at any time */
		if (s->conn[i].phase == GONE &&
		    fl_registry_remove(p->registry, (struct fl_conn *)(uintptr_t)&p->conn[i], 0) !=
			    FL_CONN_STALE)
			return "a late farewell had an effect";
	return NULL;
}

/* What ends a history comes late. */
static const struct state *choose(struct fl_rng *rng, const struct move *moves, int count)
{
	const struct move *m = NULL;

	for (int draw = 0; draw < 8; draw++) {
		m = &moves[fl_rng_below(rng, (uint64_t)count)];
		if (strcmp(m->name.text, "Close") != 0 && strcmp(m->name.text, "DeleteNode") != 0)
			break;
	}
	return &m->to;
}

static const char *walk(struct fl_rng *rng)
{
	static const uint8_t seed[16] = { 9 };
	static struct move moves[MOVES_MAX];
	const struct model m = { BUG_NONE, CHANGES_MAX };
	struct pair p = { 0 };
	struct state now;
	const char *wrong = NULL;

	if (fl_registry_new(sizeof(uint64_t), CONNS, seed, &p.registry) != FL_OK)
		return "out of memory";
	model_start(&now);
	for (int count; wrong == NULL && (count = model_moves(&m, &now, moves)) > 0;) {
		const struct state next = *choose(rng, moves, count);
		wrong = follow(&p, &now, &next);
		now = next;
		if (wrong == NULL)
			wrong = compare(&p, &now);
	}
	fl_registry_free(p.registry);
	return wrong;
}

int mirror(int walks)
{
	struct fl_rng rng;
	const char *wrong = NULL;
	int at = 0;

	fl_rng_init(&rng, 1);
	while (at < walks && wrong == NULL) {
		wrong = walk(&rng);
		at++;
	}
	printf("%-4s  model: the registry on %d random histories%s%s\n",
	       wrong == NULL ? "ok" : "FAIL", at, wrong != NULL ? ": " : "",
	       wrong != NULL ? wrong : "");
	return wrong != NULL;
}
