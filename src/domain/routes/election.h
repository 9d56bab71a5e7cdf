/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/routes/election.h - which of several routers carries a subnet.
 *
 * The candidates for a prefix are the nodes that serve it and are online. Whoever carries it keeps
 * it while it is a healthy candidate, so one that recovers takes nothing back. Else the healthy
 * candidate with the lowest id gets it. If none is healthy, whoever has it keeps it while it is a
 * candidate: moving would interrupt, and help nobody. Else nobody carries it.
 *
 * Pure, and the order of the candidates does not matter. Exit routes are never elected: those who
 * use one choose among them.
 *
 * Source  docs/lifecycle.md HA-1, HA-2
 */
#ifndef FL_DOMAIN_ROUTES_ELECTION_H
#define FL_DOMAIN_ROUTES_ELECTION_H

#include <stdbool.h>
#include <stdint.h>

struct fl_election {
	uint64_t previous;       /* 0: nobody had it */
	uint64_t lowest_healthy; /* 0: none so far */
	bool kept, kept_healthy; /* the previous one is among the candidates */
};

static inline struct fl_election fl_election_of(uint64_t previous)
{
	return (struct fl_election){ .previous = previous };
}

/* One candidate more; ids are not 0. */
void fl_election_add(struct fl_election *e, uint64_t id, bool healthy);

/* Who carries the prefix from now on; 0: nobody. */
uint64_t fl_election_winner(const struct fl_election *e);

#endif
