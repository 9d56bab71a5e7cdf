/* SPDX-License-Identifier: BSD-3-Clause */
/* store/fault.c - SQLite's errors as ours, and what to do about them in words. */
#include <errno.h>
#include <limits.h>

#include "store/inner.h"
#include "store/sqlite.h"

enum fl_err fl_store_corrupt(const char *path, const char *what, struct fl_fault *fault)
{
	char backup[PATH_MAX];

	if (fl_store_newest_backup(path, backup, sizeof backup))
		return fl_fault_set(
			fault, FL_ERR_CORRUPT,
			"database %s is damaged (%s): stop the server and restore a copy "
			"over it; the newest one here is %s",
			path, what, backup);
	return fl_fault_set(
		fault, FL_ERR_CORRUPT,
		"database %s is damaged (%s): stop the server and restore a backup copy "
		"over it",
		path, what);
}

/* For the files beside the database SQLite says "disk I/O error", and only the system why. */
static int kind_of(sqlite3 *db)
{
	int code = sqlite3_errcode(db) & 0xff;
	int why = code == SQLITE_IOERR ? sqlite3_system_errno(db) : 0;

	return why == ENOSPC || why == EDQUOT ? SQLITE_FULL : code;
}

enum fl_err fl_store_fault(sqlite3 *db, const char *path, const char *doing, struct fl_fault *fault)
{
	const char *why = db != NULL ? sqlite3_errmsg(db) : "out of memory";

	switch (db != NULL ? kind_of(db) : SQLITE_NOMEM) {
	case SQLITE_NOMEM:
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory while %s %s", doing, path);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return fl_fault_set(
			fault, FL_ERR_BUSY,
			"database %s is busy while %s: stop the program that holds it (%s)", path,
			doing, why);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return fl_store_corrupt(path, why, fault);
	case SQLITE_FULL:
		return fl_fault_set(fault, FL_ERR_IO,
				    "disk full while %s database %s: free some space", doing, path);
	case SQLITE_PERM:
	case SQLITE_READONLY:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return fl_fault_set(
			fault, FL_ERR_DENIED,
			"%s database %s: %s: let this user write to the file and its folder", doing,
			path, why);
	default:
		return fl_fault_set(fault, FL_ERR_IO, "%s database %s: %s", doing, path, why);
	}
}
