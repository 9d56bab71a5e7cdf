/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/files.c - stands in for store/file.c: one process, no folder, no older schema. */
#include "disk.h"
#include "store/inner.h"

enum { HEADER_MIN = 512 };

enum fl_err fl_store_touch(const char *path, struct fl_fault *fault)
{
	size_t size;

	if (!sim_disk_touch(path, &size))
		return fl_fault_set(fault, FL_ERR_IO, "the simulated disk has no room for %s",
				    path);
	if (size > 0 && size < HEADER_MIN)
		return fl_store_corrupt(path, "the file is cut short", fault);
	return FL_OK;
}

enum fl_err fl_store_lock(const char *path, struct fl_fault *fault, int *out_fd)
{
	(void)path;
	(void)fault;
	*out_fd = -1;
	return FL_OK;
}

enum fl_err fl_store_backup(sqlite3 *db, const char *path, int version, struct fl_fault *fault)
{
	(void)db;
	(void)version;
	return fl_fault_set(fault, FL_ERR_IO, "%s: a new database has nothing to copy", path);
}

bool fl_store_newest_backup(const char *path, char *out, size_t cap)
{
	(void)path;
	(void)out;
	(void)cap;
	return false;
}
