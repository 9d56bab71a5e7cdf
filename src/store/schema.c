/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/schema.c - the tables, and the steps that lead to them from older ones.
 *
 * A step is never changed once released; a new one is appended. docs/storage.md explains the
 * columns. Foreign keys are checked at the end of a transaction and do nothing on deletion: the
 * state itself clears what pointed to a deleted row.
 */
#include <stdio.h>

#include "store/inner.h"
#include "store/sqlite.h"

enum { APPLICATION_ID = 0x464c5244 }; /* "FLRD" */

static const char v1[] =
	"CREATE TABLE meta ("
	"	name TEXT PRIMARY KEY,"
	"	value INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE users ("
	"	id INTEGER PRIMARY KEY,"
	"	name TEXT NOT NULL,"
	"	display_name TEXT NOT NULL,"
	"	email TEXT NOT NULL,"
	"	picture_url TEXT NOT NULL,"
	"	provider TEXT NOT NULL,"
	"	provider_id TEXT NOT NULL,"
	"	created INTEGER NOT NULL"
	") STRICT;"
	"CREATE TABLE preauth_keys ("
	"	id INTEGER PRIMARY KEY,"
	"	user_id INTEGER REFERENCES users(id) DEFERRABLE INITIALLY DEFERRED,"
	"	tags TEXT NOT NULL,"
	"	reusable INTEGER NOT NULL,"
	"	ephemeral INTEGER NOT NULL,"
	"	used INTEGER NOT NULL,"
	"	created INTEGER NOT NULL,"
	"	expiration INTEGER,"
	"	revoked INTEGER,"
	"	prefix TEXT NOT NULL UNIQUE,"
	"	hash TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE api_keys ("
	"	id INTEGER PRIMARY KEY,"
	"	created INTEGER NOT NULL,"
	"	expiration INTEGER,"
	"	last_seen INTEGER,"
	"	prefix TEXT NOT NULL UNIQUE,"
	"	hash TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE nodes ("
	"	id INTEGER PRIMARY KEY,"
	"	machine_key TEXT NOT NULL,"
	"	node_key TEXT NOT NULL UNIQUE,"
	"	disco_key TEXT,"
	"	cap INTEGER NOT NULL,"
	"	user_id INTEGER REFERENCES users(id) DEFERRABLE INITIALLY DEFERRED,"
	"	tags TEXT NOT NULL,"
	"	ipv4 TEXT UNIQUE,"
	"	ipv6 TEXT UNIQUE,"
	"	given_name TEXT NOT NULL COLLATE NOCASE UNIQUE,"
	"	name_is_auto INTEGER NOT NULL,"
	"	ephemeral INTEGER NOT NULL,"
	"	method TEXT NOT NULL CHECK (method IN ('unspecified', 'auth_key', 'cli', 'oidc')),"
	"	auth_key_id INTEGER REFERENCES preauth_keys(id) DEFERRABLE INITIALLY DEFERRED,"
	"	created INTEGER NOT NULL,"
	"	expiry INTEGER,"
	"	last_seen INTEGER,"
	"	hostinfo TEXT NOT NULL,"
	"	endpoints TEXT NOT NULL,"
	"	approved_routes TEXT NOT NULL,"
	"	CHECK ((user_id IS NULL) = (tags <> '[]'))"
	") STRICT;"
	"CREATE UNIQUE INDEX nodes_owner ON nodes (machine_key, ifnull(user_id, 0));";

static const char v2[] =
	"ALTER TABLE users ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ("
	"	'member', 'owner', 'admin', 'network_admin', 'it_admin', 'auditor', 'viewer'));"
	"CREATE TABLE policies ("
	"	rev INTEGER PRIMARY KEY,"
	"	created INTEGER NOT NULL,"
	"	author TEXT NOT NULL,"
	"	comment TEXT NOT NULL,"
	"	text TEXT NOT NULL"
	") STRICT;";

const struct fl_migration fl_store_migrations[] = {
	{ 1, v1 },
	{ 2, v2 },
};
const size_t fl_store_migrations_count = sizeof fl_store_migrations / sizeof *fl_store_migrations;

const char *const fl_store_counter_name[FL_RECORD_KINDS] = {
	[FL_RECORD_USER] = "last_user_id",
	[FL_RECORD_PREAUTH] = "last_preauth_key_id",
	[FL_RECORD_APIKEY] = "last_api_key_id",
	[FL_RECORD_NODE] = "last_node_id",
	[FL_RECORD_REVISION] = "last_policy_revision",
};

/* The first column of the first row, 0 without a row. */
static int query_int(sqlite3 *db, const char *sql, int64_t *out)
{
	sqlite3_stmt *st = NULL;
	int64_t value = 0;

	int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
	if (rc == SQLITE_OK) {
		rc = sqlite3_step(st);
		if (rc == SQLITE_ROW)
			value = sqlite3_column_int64(st, 0);
	}
	sqlite3_finalize(st);
	if (rc == SQLITE_ROW || rc == SQLITE_DONE) {
		*out = value;
		return SQLITE_OK;
	}
	return rc;
}

enum fl_err fl_store_version(sqlite3 *db, const char *path, struct fl_fault *fault, int *out)
{
	int64_t id = 0, objects = 0, version = 0;

	if (query_int(db, "PRAGMA application_id", &id) != SQLITE_OK ||
	    query_int(db, "SELECT count(*) FROM sqlite_schema", &objects) != SQLITE_OK)
		return fl_store_fault(db, path, "reading", fault);
	if (id == 0 && objects == 0) {
		*out = 0;
		return FL_OK;
	}
	if (id != APPLICATION_ID)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "%s is the database of another program: use another path",
				    path);
	if (query_int(db, "SELECT value FROM meta WHERE name = 'schema_version'", &version) !=
	    SQLITE_OK)
		return fl_store_fault(db, path, "reading", fault);
	if (version <= 0 || version > INT32_MAX)
		return fl_store_corrupt(path, "it has no schema version", fault);
	*out = (int)version;
	return FL_OK;
}

static enum fl_err step(sqlite3 *db, const char *path, const struct fl_migration *m,
			struct fl_fault *fault)
{
	char stamp[160];

	snprintf(stamp, sizeof stamp,
		 "PRAGMA application_id = %d;"
		 "INSERT OR REPLACE INTO meta VALUES ('schema_version', %d);"
		 "COMMIT",
		 APPLICATION_ID, m->version);
	if (sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, m->sql, NULL, NULL, NULL) == SQLITE_OK &&
	    sqlite3_exec(db, stamp, NULL, NULL, NULL) == SQLITE_OK)
		return FL_OK;
	enum fl_err err = fl_store_fault(db, path, "upgrading", fault);
	if (!sqlite3_get_autocommit(db))
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return err;
}

enum fl_err fl_store_migrate(sqlite3 *db, const char *path, const struct fl_migration *list,
			     size_t count, struct fl_fault *fault)
{
	int have = 0;

	enum fl_err err = fl_store_version(db, path, fault, &have);
	if (err != FL_OK)
		return err;
	if (have > list[count - 1].version)
		return fl_fault_set(
			fault, FL_ERR_VERSION,
			"database %s has schema %d, written by a newer version; this one "
			"knows %d: use the newer program, or restore a copy made before "
			"the upgrade",
			path, have, list[count - 1].version);
	bool is_new = have == 0;
	for (size_t i = 0; i < count && err == FL_OK; i++) {
		if (list[i].version <= have)
			continue;
		if (!is_new)
			err = fl_store_backup(db, path, have, fault);
		if (err == FL_OK)
			err = step(db, path, &list[i], fault);
		have = list[i].version;
	}
	return err;
}
