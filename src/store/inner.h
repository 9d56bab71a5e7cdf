/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/inner.h - what the files of store/ share; nobody but them and their tests includes it.
 */
#ifndef FL_STORE_INNER_H
#define FL_STORE_INNER_H

#include <sqlite3.h>

#include "store/store.h"

enum fl_store_stmt {
	FL_STMT_BEGIN,
	FL_STMT_COMMIT,
	FL_STMT_ROLLBACK,
	FL_STMT_PUT_USER, /* in the order of enum fl_record_kind */
	FL_STMT_PUT_PREAUTH,
	FL_STMT_PUT_APIKEY,
	FL_STMT_PUT_NODE,
	FL_STMT_PUT_REVISION,
	FL_STMT_DEL_USER,
	FL_STMT_DEL_PREAUTH,
	FL_STMT_DEL_APIKEY,
	FL_STMT_DEL_NODE,
	FL_STMT_DEL_REVISION,
	FL_STMT_DROP_USERS,
	FL_STMT_DROP_PREAUTHS,
	FL_STMT_DROP_APIKEYS,
	FL_STMT_DROP_NODES,
	FL_STMT_DROP_REVISIONS,
	FL_STMT_KEEP_NODE, /* all but what makes a node moved */
	FL_STMT_PUT_META,
	FL_STMT_PING,
	FL_STMT_COUNT,
};

struct fl_store {
	char *path;
	int lock_fd;
	sqlite3 *db;
	sqlite3_stmt *stmt[FL_STMT_COUNT];
	uint64_t last_id[FL_RECORD_KINDS]; /* as stored */
	bool wal;                          /* as it is, not as it was asked for */
	bool doubt; /* a commit failed so late that its rows may be in the file all the same */
};

/* Names in the table `meta`. */
extern const char *const fl_store_counter_name[FL_RECORD_KINDS];

/* ---- open.c ---- */

/* The journal as SQLite has it open, NULL if it has none. */
sqlite3_file *fl_store_log(sqlite3 *db);

/* ---- fault.c ---- */

/* The error of the connection as ours, with a text that says what to do. `doing`: "opening". */
enum fl_err fl_store_fault(sqlite3 *db, const char *path, const char *doing,
			   struct fl_fault *fault);

/* The same for a damaged file: names `what` and the newest backup beside it. FL_ERR_CORRUPT. */
enum fl_err fl_store_corrupt(const char *path, const char *what, struct fl_fault *fault);

/* ---- schema.c ---- */

struct fl_migration {
	int version; /* the schema that `sql` leads to */
	const char *sql;
};

/* All of them, ascending from 1. */
extern const struct fl_migration fl_store_migrations[];
extern const size_t fl_store_migrations_count;

/* The schema of the file: 0 if empty. FL_ERR_INVALID: a database of another program. */
FL_MUST enum fl_err fl_store_version(sqlite3 *db, const char *path, struct fl_fault *fault,
				     int *out);

/*
 * Applies those above the file's version, each in a transaction of its own; before each, a file
 * that is not new is copied to "<path>.v<version>.bak". FL_ERR_VERSION: the file is newer.
 */
FL_MUST enum fl_err fl_store_migrate(sqlite3 *db, const char *path, const struct fl_migration *list,
				     size_t count, struct fl_fault *fault);

/* ---- file.c ---- */

/* Creates the file (mode 0600) if it is not there. FL_ERR_CORRUPT: too short to be a database. */
FL_MUST enum fl_err fl_store_touch(const char *path, struct fl_fault *fault);

/* Holds "<path>.lock" until the descriptor is closed. FL_ERR_BUSY names the holder. */
FL_MUST enum fl_err fl_store_lock(const char *path, struct fl_fault *fault, int *out_fd);

/* A complete copy at "<path>.v<version>.bak", mode 0600, durable before it has that name. */
FL_MUST enum fl_err fl_store_backup(sqlite3 *db, const char *path, int version,
				    struct fl_fault *fault);

/* The name of the backup with the highest version beside `path`; false if there is none. */
bool fl_store_newest_backup(const char *path, char *out, size_t cap);

#endif
