/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/model/model.h - map sessions of nodes as a small abstract machine: what may happen in which
 * order, and what must hold whatever happens.
 *
 * A change is a number; each is one that every node must hear of. Sends are taken and finished by
 * workers, so anything may happen while one is on its way. Time is three words: none, recent, old.
 * Each of the ten bugs below is a design that was tried somewhere and failed; putting one in
 * changes the machine, never the invariants.
 *
 * Source  docs/lifecycle.md B.2, B.3
 */
#ifndef FL_TESTS_MODEL_H
#define FL_TESTS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "explore.h"

enum { NODES = 2, CONNS = 3, WORKERS = 2, CHANGES_MAX = 3 };

enum bug {
	BUG_NONE,
	BUG_CHECK_THEN_DISCONNECT, /* offline because nobody was there a moment ago */
	BUG_EPOCH_WITHOUT_COUNT,   /* the newest generation alone decides */
	BUG_REGISTER_APART,        /* the record is made first, the connection enters it later */
	BUG_RECORD_BEFORE_SEND, /* what was sent is noted when it is taken, not when it arrived */
	BUG_DROP_FOR_UNREADY,   /* a change is given to the ready connections of a node only */
	BUG_DELETE_KEEPS_SESSIONS, /* the record of a deleted node goes, its sessions stay */
	BUG_CANCEL_EARLY,          /* a request that may still fail disarms the ephemeral timer */
	BUG_TWO_IN_FLIGHT,         /* the next changes are sent before the last have arrived */
	BUG_SKIP_RELEASE,          /* a session that leaves others behind is not released */
	BUG_TEARDOWN_TWICE,        /* whoever notices the end of a session ends it, too */
	BUGS
};

enum phase {
	UNUSED,
	NEW,      /* accepted */
	APPLIED,  /* its request is in the store */
	HELD,     /* the record was made for it (BUG_REGISTER_APART only) */
	ENTERED,  /* counts, is in the record, gets changes; no map yet */
	MAPPED,   /* the map was made, from the changes until then */
	READY,    /* the map has arrived */
	STOPPING, /* over; still in the record */
	LEAVING,  /* out of the record, counts until its grace period is over */
	CHECKED,  /* nobody else was there (BUG_CHECK_THEN_DISCONNECT only) */
	GONE,
};

struct conn {
	uint8_t phase, node, gen;
	uint8_t pending, got, sent; /* sets of changes; `sent` is what the server noted */
	uint8_t acquired, released; /* how often it counted and stopped counting */
};

enum when { NONE, RECENT, OLD };

struct node {
	uint8_t exists, record, online, timer; /* record: it has one; timer: deletion is armed */
	uint8_t live, gen, gone;
};

struct worker {
	uint8_t busy, conn, bundle;
};

/* No padding: states are compared and hashed as bytes. */
struct state {
	struct node node[NODES];
	struct conn conn[CONNS];
	struct worker worker[WORKERS];
	uint8_t changes; /* how many there were */
	uint8_t closed;
	uint8_t wrong; /* what a step itself did wrong, an index into the invariants; 0: nothing */
};

struct model {
	enum bug bug;
	int changes_max;
};

enum { MOVES_MAX = 64 };

struct move {
	struct move_name name;
	struct state to;
};

void model_start(struct state *s);

/* Everything that may happen next. Gives how many. */
int model_moves(const struct model *m, const struct state *s, struct move out[static MOVES_MAX]);

/* NULL, or the invariant that does not hold. `last`: nothing can happen any more. */
const char *model_violation(const struct state *s, bool last);

extern const char *const model_bug_names[BUGS];

#endif
