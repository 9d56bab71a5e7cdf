/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/core_kit.h - a core to play with: loop, records and database, nobody online. */
#ifndef TESTS_SERVICES_CORE_KIT_H
#define TESTS_SERVICES_CORE_KIT_H

#include "../domain/state_kit.h"

#include "services/control/core.h"

struct core_kit {
	struct fl_loop *loop;
	struct fl_core core;
	char dir[32]; /* of the database; a test may put its own files there */
};

/* In a folder of its own, which done removes. */
void core_kit_open(struct core_kit *k);
void core_kit_done(struct core_kit *k);

/* Ends a tick, which must succeed. */
void core_kit_flush(struct core_kit *k);

/* A node of `user` with key number n, which announces 10.1.0.0/16. */
fl_node_id core_kit_join(struct core_kit *k, fl_user_id user, unsigned n);

#endif
