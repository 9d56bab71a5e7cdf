/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/core_kit.c - opens and removes the core of core_kit.h. */
#include "../base/table.h"

#include "core_kit.h"

#include <stdio.h>
#include <stdlib.h>

#include "../base/remove_tree.h"

void core_kit_open(struct core_kit *k)
{
	char db[64];
	const struct fl_store_config cfg = { .path = db, .wal = true, .wal_autocheckpoint = -1 };
	struct fl_fault fault = { "" };
	struct fl_store *store;
	struct fl_registry *sessions;

	*k = (struct core_kit){ .dir = "/tmp/fairlead-core-XXXXXX" };
	assert_non_null(mkdtemp(k->dir));
	snprintf(db, sizeof db, "%s/db.sqlite", k->dir);
	assert_err(fl_loop_new(&k->loop), FL_OK);
	assert_err(fl_store_open(&cfg, &fault, &store), FL_OK);
	assert_err(fl_registry_new(sizeof(fl_node_id), 16, (const uint8_t[16]){ 1 }, &sessions),
		   FL_OK);
	assert_err(fl_core_init(&k->core, k->loop, kit_state(), store, sessions), FL_OK);
}

void core_kit_done(struct core_kit *k)
{
	fl_core_done(&k->core);
	fl_loop_free(k->loop);
	remove_tree(k->dir);
}

void core_kit_flush(struct core_kit *k)
{
	struct fl_fault fault = { "" };

	assert_err(fl_core_flush(&k->core, &fault), FL_OK);
}

fl_node_id core_kit_join(struct core_kit *k, fl_user_id user, unsigned n)
{
	static const char info[] = "{\"Hostname\":\"host\",\"RoutableIPs\":[\"10.1.0.0/16\"]}";
	struct kit_auth key = kit_auth(k->core.state, user, NULL, false);

	return kit_join(
		k->core.state,
		(struct kit_request){ .machine = n, .key = n, .auth = key.text, .hostinfo = info });
}
