/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/hub.h - the device hub and one device as a small abstract machine: connections that
 * come and go at any time, dials, a user, and the end.
 *
 * It is what domain/devices does with domain/registry, and no more: no messages, no time but
 * "later". Each of the bugs below is a root cause of docs/protocol/ship.md 7 in one of its shapes;
 * putting one in changes the machine, never the invariants.
 *
 * Source  docs/protocol/ship.md 6, 7
 */
#ifndef FL_TESTS_MODEL_HUB_H
#define FL_TESTS_MODEL_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "explore.h"

enum { HUB_CONNS = 3, HUB_DIALS_MAX = 3, HUB_MOVES_MAX = 48 };

enum hub_bug {
	HUB_NONE,
	HUB_SPLIT,       /* RC1: deciding and entering are two steps */
	HUB_UNGATED,     /* RC1: whoever ends a connection tells of it, standing or not */
	HUB_TWO_OWNERS,  /* RC1: who is replaced is closed by both sides of the replacement */
	HUB_STUCK,       /* RC1: an attempt that ends early stays "running" */
	HUB_LATE_TIMER,  /* RC2: a planned dial outlives the hub */
	HUB_LATE_DIAL,   /* RC2: a dial that runs outlives the hub */
	HUB_NO_LIVENESS, /* RC3: who is dying still stands in the way */
	HUB_ZOMBIE_TOLD, /* RC3: who is dying is evicted in silence */
	HUB_BUGS
};
extern const char *const hub_bug_names[HUB_BUGS];

/* The rule, as far as it matters: what becomes of a second connection. */
enum hub_rule { HUB_KEEP, HUB_PARK, HUB_REJECT, HUB_RULES };
extern const char *const hub_rule_names[HUB_RULES];

enum hub_phase {
	HUB_UNUSED,
	HUB_DECIDED,  /* to be kept, and not in the registry yet (HUB_SPLIT only) */
	HUB_PARKED,   /* waits for the standing one to end */
	HUB_STANDING, /* in the registry */
	HUB_DYING,    /* in the registry still, saying farewell */
	HUB_REPLACED, /* not in it any more, saying farewell */
	HUB_DEAD,
};

struct hub_conn {
	uint8_t phase, open; /* open: data flows */
	uint8_t closes;      /* how often we closed its transport */
};

enum hub_attempt { HUB_IDLE, HUB_PLANNED, HUB_DIALLING, HUB_NOBODY_RUNS /* HUB_STUCK only */ };

/* No padding: states are compared and hashed as bytes. */
struct hub_state {
	struct hub_conn conn[HUB_CONNS];
	uint8_t told;    /* the connection the application knows of, + 1; 0: none */
	uint8_t attempt; /* enum hub_attempt */
	uint8_t dials;   /* how many there were */
	uint8_t wanted;  /* trusted and seen */
	uint8_t ending, down;
	uint8_t barred; /* a connection was turned away by one that is dying */
	uint8_t after;  /* something happened after the end */
	uint8_t silent; /* a connection that was told ended without a word */
	uint8_t untrue; /* the end was told of one that is not told */
};

struct hub_model {
	enum hub_bug bug;
	enum hub_rule rule;
};

struct hub_move {
	struct move_name name;
	struct hub_state to;
};

extern const struct machine hub_machine;

/* hub_check.c: NULL, or what does not hold. */
const char *hub_violation(const void *state, bool last);

#endif
