/* SPDX-License-Identifier: BSD-3-Clause */
/* store/sqlite.c - opens libsqlite3 and finds the functions that are used. */
#include "store/sqlite.h"

#include <dlfcn.h>
#include <pthread.h>

#include "base/dl.h"

struct fl_sqlite fl_sqlite;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool loaded;

static void load(void)
{
	void *lib = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
	bool all = lib != NULL;

#define FIND(name) all = all && fl_dl_find(lib, "sqlite3_" #name, &fl_sqlite.name);
	FL_SQLITE_LIST(FIND)
#undef FIND
	loaded = all;
}

enum fl_err fl_sqlite_load(struct fl_fault *fault)
{
	pthread_once(&once, load);
	if (loaded)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_UNSUPPORTED,
			    "libsqlite3.so.0 is not installed or too old, and the database "
			    "needs it: install the package libsqlite3-0");
}
