/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/open.c - opens the database: locked against a second server, checked, migrated, set up.
 *
 * The lock is a file of its own, so that a second server fails at once and with a clear text,
 * while a person's sqlite3 or a backup program may still read the database.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/inner.h"
#include "store/sqlite.h"

enum {
	OPEN_BUSY_MS = 1000, /* nobody is served yet */
	BUSY_MS = 50,        /* the loop that waits here relays packets too (decision 0007) */
	LOG_BEGIN = 1 << 20, /* bytes: some 250 commits */
};

static const char *const statements[FL_STMT_COUNT] = {
	[FL_STMT_BEGIN] = "BEGIN IMMEDIATE",
	[FL_STMT_COMMIT] = "COMMIT",
	[FL_STMT_ROLLBACK] = "ROLLBACK",
	[FL_STMT_PUT_USER] = "INSERT INTO users (id, name, display_name, email, picture_url, "
			     "provider, provider_id, created, role) "
			     "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) "
			     "ON CONFLICT (id) DO UPDATE SET name = ?2, display_name = ?3, "
			     "email = ?4, picture_url = ?5, provider = ?6, provider_id = ?7, "
			     "created = ?8, role = ?9",
	[FL_STMT_PUT_PREAUTH] =
		"INSERT INTO preauth_keys (id, user_id, tags, reusable, ephemeral, used, created, "
		"expiration, revoked, prefix, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
		"?10, ?11) ON CONFLICT (id) DO UPDATE SET user_id = ?2, tags = ?3, reusable = ?4, "
		"ephemeral = ?5, used = ?6, created = ?7, expiration = ?8, revoked = ?9, "
		"prefix = ?10, hash = ?11",
	[FL_STMT_PUT_APIKEY] =
		"INSERT INTO api_keys (id, created, expiration, last_seen, prefix, "
		"hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO UPDATE SET "
		"created = ?2, expiration = ?3, last_seen = ?4, prefix = ?5, hash = ?6",
	/* Dirty nodes are deleted before the first is inserted, so two may swap a name or a key. */
	[FL_STMT_PUT_NODE] =
		"INSERT INTO nodes (id, disco_key, cap, tags, name_is_auto, ephemeral, created, "
		"expiry, last_seen, hostinfo, endpoints, approved_routes, machine_key, node_key, "
		"user_id, ipv4, ipv6, given_name, method, auth_key_id) VALUES (?1, ?2, ?3, ?4, "
		"?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)",
	[FL_STMT_PUT_REVISION] =
		"INSERT OR REPLACE INTO policies (rev, created, author, comment, text) "
		"VALUES (?1, ?2, ?3, ?4, ?5)",
	[FL_STMT_DEL_USER] = "DELETE FROM users WHERE id = ?1",
	[FL_STMT_DEL_PREAUTH] = "DELETE FROM preauth_keys WHERE id = ?1",
	[FL_STMT_DEL_APIKEY] = "DELETE FROM api_keys WHERE id = ?1",
	[FL_STMT_DEL_NODE] = "DELETE FROM nodes WHERE id = ?1",
	[FL_STMT_DEL_REVISION] = "DELETE FROM policies WHERE rev = ?1",
	[FL_STMT_DROP_USERS] = "DELETE FROM users",
	[FL_STMT_DROP_PREAUTHS] = "DELETE FROM preauth_keys",
	[FL_STMT_DROP_APIKEYS] = "DELETE FROM api_keys",
	[FL_STMT_DROP_NODES] = "DELETE FROM nodes",
	[FL_STMT_DROP_REVISIONS] = "DELETE FROM policies",
	/*
	 * Numbered like PUT_NODE. It leaves the indexes alone: one page instead of six; and method
	 * and key, for whose checks SQLite would make a table and search another one.
	 */
	[FL_STMT_KEEP_NODE] =
		"UPDATE nodes SET disco_key = ?2, cap = ?3, tags = ?4, name_is_auto = ?5, "
		"ephemeral = ?6, created = ?7, expiry = ?8, last_seen = ?9, hostinfo = ?10, "
		"endpoints = ?11, approved_routes = ?12 WHERE id = ?1",
	[FL_STMT_PUT_META] = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)",
	[FL_STMT_PING] = "SELECT value FROM meta WHERE name = 'schema_version'",
};

/* Damage found now, with a person at hand, is better than damage found in a commit. */
static enum fl_err check(struct fl_store *st, struct fl_fault *fault)
{
	sqlite3_stmt *q = NULL;
	enum fl_err err = FL_OK;

	if (sqlite3_prepare_v2(st->db, "PRAGMA quick_check(1)", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW)
		err = fl_store_fault(st->db, st->path, "checking", fault);
	else if (strcmp((const char *)sqlite3_column_text(q, 0), "ok") != 0)
		err = fl_store_corrupt(st->path, (const char *)sqlite3_column_text(q, 0), fault);
	sqlite3_finalize(q);
	return err;
}

/* Asks for a journal mode and takes note of what was given, which may be another. */
static enum fl_err set_journal(struct fl_store *st, const char *sql, struct fl_fault *fault)
{
	sqlite3_stmt *q = NULL;
	const char *mode = NULL;
	enum fl_err err = FL_OK;

	if (sqlite3_prepare_v2(st->db, sql, -1, &q, NULL) == SQLITE_OK &&
	    sqlite3_step(q) == SQLITE_ROW)
		mode = (const char *)sqlite3_column_text(q, 0);
	if (mode != NULL)
		st->wal = strcmp(mode, "wal") == 0;
	else
		err = fl_store_fault(st->db, st->path, "opening", fault);
	sqlite3_finalize(q);
	return err;
}

/*
 * A disk without shared memory (some network file systems) cannot have the log. Nothing but
 * TRUNCATE will do then: SQLite's own choice, DELETE, forgets the last commit in a power cut.
 */
static enum fl_err set_journals(struct fl_store *st, bool wal, struct fl_fault *fault)
{
	enum fl_err err = wal ? set_journal(st, "PRAGMA journal_mode = WAL", fault) : FL_OK;

	if (err == FL_OK && (!wal || !st->wal))
		err = set_journal(st, "PRAGMA journal_mode = TRUNCATE", fault);
	return err;
}

static enum fl_err set_pragmas(struct fl_store *st, const struct fl_store_config *cfg,
			       struct fl_fault *fault)
{
	enum fl_err err = set_journals(st, cfg->wal, fault);
	if (err != FL_OK)
		return err;
	if (sqlite3_exec(st->db, "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON", NULL, NULL,
			 NULL) != SQLITE_OK)
		return fl_store_fault(st->db, st->path, "opening", fault);
	if (cfg->wal_autocheckpoint >= 0 &&
	    sqlite3_wal_autocheckpoint(st->db, cfg->wal_autocheckpoint) != SQLITE_OK)
		return fl_store_fault(st->db, st->path, "opening", fault);
	return FL_OK;
}

static enum fl_err prepare(struct fl_store *st, struct fl_fault *fault)
{
	for (int i = 0; i < FL_STMT_COUNT; i++)
		if (sqlite3_prepare_v3(st->db, statements[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &st->stmt[i], NULL) != SQLITE_OK)
			return fl_store_fault(st->db, st->path, "opening", fault);
	return FL_OK;
}

static enum fl_err connect_db(struct fl_store *st, struct fl_fault *fault)
{
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;

	if (sqlite3_open_v2(st->path, &st->db, flags, NULL) != SQLITE_OK)
		return fl_store_fault(st->db, st->path, "opening", fault);
	sqlite3_busy_timeout(st->db, OPEN_BUSY_MS);
	return FL_OK;
}

sqlite3_file *fl_store_log(sqlite3 *db)
{
	sqlite3_file *log = NULL;

	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
		return NULL;
	return log != NULL && log->pMethods != NULL ? log : NULL;
}

/*
 * A log that grows makes each commit write its inode and the map of its blocks too. SQLite goes
 * back to the start of the log when it has grown for a while; until then zeros make room, and they
 * are no frames to it. Nothing depends on this.
 */
static void make_room(const struct fl_store *st)
{
	static const uint8_t zeros[64 << 10];
	sqlite3_file *log = st->wal ? fl_store_log(st->db) : NULL;
	sqlite3_int64 len = 0;

	if (log == NULL || log->pMethods->xFileSize(log, &len) != SQLITE_OK)
		return;
	while (len < LOG_BEGIN &&
	       log->pMethods->xWrite(log, zeros, (int)sizeof zeros, len) == SQLITE_OK)
		len += (sqlite3_int64)sizeof zeros;
}

static enum fl_err open_all(struct fl_store *st, const struct fl_store_config *cfg,
			    struct fl_fault *fault)
{
	int version = 0;

	enum fl_err err = fl_store_lock(st->path, fault, &st->lock_fd);
	if (err == FL_OK)
		err = fl_store_touch(st->path, fault);
	if (err == FL_OK)
		err = connect_db(st, fault);
	if (err == FL_OK) /* first of all, so that a foreign file is not touched */
		err = fl_store_version(st->db, st->path, fault, &version);
	if (err == FL_OK && version > 0)
		err = check(st, fault);
	if (err == FL_OK)
		err = set_pragmas(st, cfg, fault);
	if (err == FL_OK)
		err = fl_store_migrate(st->db, st->path, fl_store_migrations,
				       fl_store_migrations_count, fault);
	if (err == FL_OK)
		err = prepare(st, fault);
	if (err == FL_OK)
		make_room(st);
	return err;
}

enum fl_err fl_store_open(const struct fl_store_config *cfg, struct fl_fault *fault,
			  struct fl_store **out)
{
	enum fl_err err = fl_sqlite_load(fault);
	if (err != FL_OK)
		return err;

	struct fl_store *st = calloc(1, sizeof *st);
	if (st == NULL)
		return FL_ERR_NOMEM;
	st->lock_fd = -1;
	st->path = strdup(cfg->path);

	err = st->path != NULL ? open_all(st, cfg, fault) : FL_ERR_NOMEM;
	if (err != FL_OK) {
		fl_store_close(st);
		return err;
	}
	sqlite3_busy_timeout(st->db, BUSY_MS);
	*out = st;
	return FL_OK;
}

struct fl_store *fl_store_close(struct fl_store *st)
{
	if (st == NULL)
		return NULL;
	for (int i = 0; i < FL_STMT_COUNT; i++)
		sqlite3_finalize(st->stmt[i]);
	sqlite3_close(st->db);
	if (st->lock_fd >= 0)
		close(st->lock_fd); /* ends the lock; without its file a racer could lock another */
	free(st->path);
	free(st);
	return NULL;
}

enum fl_err fl_store_ping(struct fl_store *st)
{
	int rc = sqlite3_step(st->stmt[FL_STMT_PING]);
	enum fl_err err =
		rc == SQLITE_ROW ? FL_OK : fl_store_fault(st->db, st->path, "reading", NULL);

	sqlite3_reset(st->stmt[FL_STMT_PING]);
	return err;
}
