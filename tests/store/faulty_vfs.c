/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/store/faulty_vfs.c - see the header. */
#include "faulty_vfs.h"

#include <assert.h>
#include <string.h>

#include <sqlite3.h>

static sqlite3_vfs *under;
static sqlite3_vfs shim;
static sqlite3_io_methods methods; /* version 3: shared memory passes through */

static struct {
	bool armed, hit, full, paused;
	enum faulty_mode mode;
	long left;
} plan;

struct faulty_file {
	sqlite3_file base;
	sqlite3_file *real; /* behind this struct */
};

static sqlite3_file *real_of(sqlite3_file *f)
{
	return ((struct faulty_file *)(void *)f)->real;
}

static bool fails(void)
{
	if (!plan.armed || plan.paused)
		return false;
	if (plan.hit)
		return plan.mode == FAULTY_DEAD;
	if (plan.left-- > 0)
		return false;
	plan.hit = true;
	return true;
}

static int f_close(sqlite3_file *f)
{
	return real_of(f)->pMethods->xClose(real_of(f));
}

static int f_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
	return real_of(f)->pMethods->xRead(real_of(f), to, n, at);
}

static int f_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
	if (!fails())
		return real_of(f)->pMethods->xWrite(real_of(f), from, n, at);
	if (n > 1)
		(void)real_of(f)->pMethods->xWrite(real_of(f), from, n / 2, at);
	return plan.full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	return fails() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
	return fails() ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_reserved(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_features(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int f_shm_unmap(sqlite3_file *f, int delete)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	struct faulty_file *file = (struct faulty_file *)(void *)f;

	(void)vfs;
	file->base.pMethods = NULL;
	file->real = (sqlite3_file *)(void *)(file + 1);
	int rc = under->xOpen(under, name, file->real, flags, out);
	if (rc == SQLITE_OK)
		file->base.pMethods = &methods;
	return rc;
}

static int v_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return fails() ? SQLITE_IOERR_DELETE : under->xDelete(under, name, sync);
}

void faulty_vfs_install(void)
{
	under = sqlite3_vfs_find(NULL);
	shim = *under;
	shim.zName = "faulty";
	shim.szOsFile = under->szOsFile + (int)sizeof(struct faulty_file);
	shim.xOpen = v_open;
	shim.xDelete = v_delete;
	shim.pNext = NULL;
	methods = (sqlite3_io_methods){
		.iVersion = 2,
		.xClose = f_close,
		.xRead = f_read,
		.xWrite = f_write,
		.xTruncate = f_truncate,
		.xSync = f_sync,
		.xFileSize = f_size,
		.xLock = f_lock,
		.xUnlock = f_unlock,
		.xCheckReservedLock = f_reserved,
		.xFileControl = f_control,
		.xSectorSize = f_sector,
		.xDeviceCharacteristics = f_features,
		.xShmMap = f_shm_map,
		.xShmLock = f_shm_lock,
		.xShmBarrier = f_shm_barrier,
		.xShmUnmap = f_shm_unmap,
	};
	int rc = sqlite3_vfs_register(&shim, 1);
	assert(rc == SQLITE_OK);
	(void)rc;
}

void faulty_vfs_arm(long n, enum faulty_mode mode, bool disk_full)
{
	plan.armed = true;
	plan.hit = false;
	plan.full = disk_full;
	plan.mode = mode;
	plan.left = n;
}

void faulty_vfs_pause(bool pause)
{
	plan.paused = pause;
}

bool faulty_vfs_hit(void)
{
	return plan.hit;
}

void faulty_vfs_no_shm(bool none)
{
	methods.iVersion = none ? 1 : 2;
}

void faulty_vfs_disarm(void)
{
	plan.armed = false;
}
