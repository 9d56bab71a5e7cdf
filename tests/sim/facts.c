/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/facts.c - what was ever seen of each node id, over restarts and crashes. */
#include <stdlib.h>
#include <string.h>

#include "sim.h"

static struct {
	struct node_facts *at;
	size_t cap;
	fl_node_id last;
} facts;

struct node_facts *facts_of(fl_node_id id)
{
	if (id >= facts.cap) {
		size_t cap = facts.cap > 0 ? facts.cap : 64;
		while (cap <= id)
			cap *= 2;
		facts.at = reallocarray(facts.at, cap, sizeof *facts.at);
		if (facts.at == NULL)
			abort();
		memset(facts.at + facts.cap, 0, (cap - facts.cap) * sizeof *facts.at);
		facts.cap = cap;
	}
	if (id > facts.last)
		facts.last = id;
	return &facts.at[id];
}

fl_node_id facts_last(void)
{
	return facts.last;
}

void facts_excuse(fl_node_id id)
{
	if (id != 0)
		facts_of(id)->excused = true;
}

void facts_new_life(void)
{
	for (fl_node_id id = 1; id <= facts.last; id++) {
		struct node_facts *f = &facts.at[id];
		f->gen = 0;
		f->live = 0;
		f->live_at = f->ended_at = f->unseen_at = f->probed_at = f->answered_at = 0;
		f->answered = f->unhealthy = false;
		f->since = sim_clock.now;
	}
}
