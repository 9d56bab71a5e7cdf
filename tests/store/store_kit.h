/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/store/store_kit.h - a database in a folder of its own. */
#ifndef TESTS_STORE_STORE_KIT_H
#define TESTS_STORE_STORE_KIT_H

#include "store/store.h"

struct store_kit {
	char dir[128], path[160];
};

struct store_kit store_kit_new(void);
void store_kit_free(struct store_kit *k); /* removes the folder */
struct fl_store_config store_kit_config(const struct store_kit *k);

/* Opens and, if `s` is given, loads into it. */
struct fl_store *store_kit_open(const struct store_kit *k, struct fl_state *s);

/* Commits a tick and requires success. */
void store_kit_commit(struct fl_store *st, struct fl_state *s);

/* Closes, opens again and requires that a fresh state loads to the same as `s`. */
void store_kit_same(const struct store_kit *k, struct fl_store **st, const struct fl_state *s);

/* Requires that the database at `path` (a copy, say) loads to the text `want`. */
void store_kit_reads(const char *path, const char *want);

/* What a crash now would leave of an open database, as kit_dump shows it; the caller frees. */
char *store_kit_after_crash(const char *path);

#endif
