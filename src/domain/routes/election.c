/* SPDX-License-Identifier: BSD-3-Clause */
/* domain/routes/election.c - the rule of docs/lifecycle.md HA-1, candidate by candidate. */
#include "domain/routes/election.h"

void fl_election_add(struct fl_election *e, uint64_t id, bool healthy)
{
	if (id == e->previous) {
		e->kept = true;
		e->kept_healthy = healthy;
	}
	if (healthy && (e->lowest_healthy == 0 || id < e->lowest_healthy))
		e->lowest_healthy = id;
}

uint64_t fl_election_winner(const struct fl_election *e)
{
	if (e->kept_healthy)
		return e->previous;
	if (e->lowest_healthy != 0)
		return e->lowest_healthy;
	return e->kept ? e->previous : 0;
}
