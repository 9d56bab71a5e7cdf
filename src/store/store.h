/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/store.h - the durable record behind the state: opened, migrated, loaded, and written once
 * a tick.
 *
 * A commit takes the state's dirty rows and writes whole rows from the live records in one
 * transaction; when it returns FL_OK the rows survive a power cut. After an error nothing of the
 * transaction is stored.
 *
 * Memory  the store keeps no rows; the state does.
 * Thread  one at a time.
 */
#ifndef FL_STORE_STORE_H
#define FL_STORE_STORE_H

#include "domain/state/state.h"

struct fl_store;

struct fl_store_config {
	const char *path;       /* SQLite file; created with its journal files at mode 0600 */
	bool wal;               /* write-ahead log, default true */
	int wal_autocheckpoint; /* pages, -1 = SQLite's default */
};

/*
 * Opens, checks (quick_check), backs the file up to "<path>.v<N>.bak" before a migration, migrates
 * to the newest schema. Errors, each with a text that says what to do: FL_ERR_BUSY (another process
 * holds it), FL_ERR_CORRUPT, FL_ERR_DENIED (folder or file not writable), FL_ERR_VERSION (written
 * by a newer version), FL_ERR_IO (disk full...).
 */
FL_MUST enum fl_err fl_store_open(const struct fl_store_config *cfg, struct fl_fault *fault,
				  struct fl_store **out);
struct fl_store *fl_store_close(struct fl_store *st);

/* Reads everything into an empty state. FL_ERR_CORRUPT names table, row and reason; FL_ERR_IO. */
FL_MUST enum fl_err fl_store_load(struct fl_store *st, struct fl_state *s, struct fl_fault *fault);

/*
 * Writes the dirty rows of this tick durably; without any it costs nothing. Retries a busy
 * database for up to 50 ms. After a failure, roll the state back and call it again: until then a
 * power cut may bring back what was refused.
 */
FL_MUST enum fl_err fl_store_commit(struct fl_store *st, const struct fl_state *s,
				    struct fl_fault *fault);

/* One cheap query, for /health. */
FL_MUST enum fl_err fl_store_ping(struct fl_store *st);

#endif
