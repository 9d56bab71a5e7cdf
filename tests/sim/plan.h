/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/plan.h - what happens in a run, made from the seed before it begins.
 *
 * Each operation carries its own numbers, so leaving some out changes nothing about the others:
 * that is how a failing run is made shorter.
 */
#ifndef TESTS_SIM_PLAN_H
#define TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/time.h"

/* clang-format off */
#define OPS(X) \
	/* population */ \
	X(JOIN) X(LEAVE) X(VANISH) X(LOGOUT) X(RELOGIN) X(ROAM) X(RENAME_HOST) X(UPGRADE) \
	X(ANNOUNCE) X(ROUTERS) X(SSH) \
	X(HOME) X(MASS_RESTART) X(HIJACK) X(STRANGERS) \
	/* weather */ \
	X(DELAY) X(STALL) X(HALF_OPEN) X(RESET) X(SLOW) X(DEAF) X(TARDY) X(HEARS) \
	X(SECOND_SESSION) \
	/* administrators */ \
	X(POLICY) X(RENAME) X(TAG) X(APPROVE) X(EXPIRE) X(DELETE) X(USER_ADD) X(USER_RENAME) \
	X(USER_DELETE) X(KEY_EXPIRE) X(KEY_DELETE) X(DERP) X(DNS) X(PING) X(BACKFILL) X(BURST) \
	/* faults */ \
	X(SERVER_RESTART) X(SERVER_CRASH) X(CRASH_IN_WRITE) X(WRITE_FAILS) X(DISK_FULL) \
	X(CLOCK_JUMP) X(NO_MEMORY) X(FAMILIES) \
	/* the world gets well, then everything must have settled */ \
	X(HEAL) X(SETTLED) \
	/* in runs of each.c alone: one fault at one place, and what came of it */ \
	X(RESET_AT) X(FAIL_AT) X(HALF_OPEN_NOW) X(SLOW_NOW) X(STEADY) X(REACHED)
/* clang-format on */

enum op_kind {
#define X(name) OP_##name,
	OPS(X)
#undef X
		OP_KINDS
};

struct op {
	int64_t at; /* since the start */
	enum op_kind kind;
	uint32_t a, b, c;
	bool off; /* left out by shrinking */
};

enum plan_size { PLAN_TINY, PLAN_FIFTY, PLAN_THOUSANDS, PLAN_SIZES };

struct plan {
	uint64_t seed;
	enum plan_size size;
	unsigned nodes, users;
	bool wal, governed, random_addresses;
	int64_t duration, ephemeral_timeout, node_expiry;
	uint32_t pending_max;
	struct op *ops;
	size_t ops_count;
};

extern const char *const op_names[OP_KINDS];
extern const char *const plan_size_names[PLAN_SIZES];

void plan_make(struct plan *p, uint64_t seed, enum plan_size size);
void plan_done(struct plan *p);

/* The plan with the operations that are on, as text; and back. False: it is none. */
void plan_print(const struct plan *p, FILE *out);
bool plan_read(struct plan *p, FILE *in);

#endif
