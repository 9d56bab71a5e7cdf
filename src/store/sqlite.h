/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * store/sqlite.h - SQLite, loaded when a database is opened.
 *
 * A relay alone and the commands that ask a server have no database: loading SQLite and the
 * mathematics it brings would cost each of their starts. So it is opened at run time and called
 * through this table; the names below stand for its entries. Only files of store/ include this.
 *
 * Thread  fl_sqlite_load from any thread; the table does not change once loaded.
 */
#ifndef FL_STORE_SQLITE_H
#define FL_STORE_SQLITE_H

#include <sqlite3.h>

#include "base/err.h"

#define FL_SQLITE_LIST(X)                                                                          \
	X(bind_int64)                                                                              \
	X(bind_null)                                                                               \
	X(bind_text)                                                                               \
	X(busy_timeout)                                                                            \
	X(changes)                                                                                 \
	X(clear_bindings)                                                                          \
	X(close)                                                                                   \
	X(column_bytes)                                                                            \
	X(column_int)                                                                              \
	X(column_int64)                                                                            \
	X(column_name)                                                                             \
	X(column_text)                                                                             \
	X(column_type)                                                                             \
	X(errcode)                                                                                 \
	X(errmsg)                                                                                  \
	X(exec)                                                                                    \
	X(file_control)                                                                            \
	X(finalize)                                                                                \
	X(get_autocommit)                                                                          \
	X(open_v2)                                                                                 \
	X(prepare_v2)                                                                              \
	X(prepare_v3)                                                                              \
	X(reset)                                                                                   \
	X(step)                                                                                    \
	X(system_errno)                                                                            \
	X(wal_autocheckpoint)                                                                      \
	X(wal_checkpoint_v2)

struct fl_sqlite {
#define FL_SQLITE_MEMBER(name) __typeof__(&sqlite3_##name) name;
	FL_SQLITE_LIST(FL_SQLITE_MEMBER)
#undef FL_SQLITE_MEMBER
};

extern struct fl_sqlite fl_sqlite;

/* FL_OK once loaded. FL_ERR_UNSUPPORTED with a text that names the package if it is not there. */
FL_MUST enum fl_err fl_sqlite_load(struct fl_fault *fault);

#define sqlite3_bind_int64         fl_sqlite.bind_int64
#define sqlite3_bind_null          fl_sqlite.bind_null
#define sqlite3_bind_text          fl_sqlite.bind_text
#define sqlite3_busy_timeout       fl_sqlite.busy_timeout
#define sqlite3_changes            fl_sqlite.changes
#define sqlite3_clear_bindings     fl_sqlite.clear_bindings
#define sqlite3_close              fl_sqlite.close
#define sqlite3_column_bytes       fl_sqlite.column_bytes
#define sqlite3_column_int         fl_sqlite.column_int
#define sqlite3_column_int64       fl_sqlite.column_int64
#define sqlite3_column_name        fl_sqlite.column_name
#define sqlite3_column_text        fl_sqlite.column_text
#define sqlite3_column_type        fl_sqlite.column_type
#define sqlite3_errcode            fl_sqlite.errcode
#define sqlite3_errmsg             fl_sqlite.errmsg
#define sqlite3_exec               fl_sqlite.exec
#define sqlite3_file_control       fl_sqlite.file_control
#define sqlite3_finalize           fl_sqlite.finalize
#define sqlite3_get_autocommit     fl_sqlite.get_autocommit
#define sqlite3_open_v2            fl_sqlite.open_v2
#define sqlite3_prepare_v2         fl_sqlite.prepare_v2
#define sqlite3_prepare_v3         fl_sqlite.prepare_v3
#define sqlite3_reset              fl_sqlite.reset
#define sqlite3_step               fl_sqlite.step
#define sqlite3_system_errno       fl_sqlite.system_errno
#define sqlite3_wal_autocheckpoint fl_sqlite.wal_autocheckpoint
#define sqlite3_wal_checkpoint_v2  fl_sqlite.wal_checkpoint_v2

#endif
