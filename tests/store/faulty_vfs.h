/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/store/faulty_vfs.h - SQLite's file access, with a disk that fails at a chosen operation.
 *
 * Writes, syncs, truncations and deletions are counted. The chosen one fails, alone or with all
 * that follow; a failing write still writes half of its bytes, as a torn one does.
 */
#ifndef TESTS_STORE_FAULTY_VFS_H
#define TESTS_STORE_FAULTY_VFS_H

#include <stdbool.h>

enum faulty_mode {
	FAULTY_ONCE, /* only that operation */
	FAULTY_DEAD, /* and all after it */
};

/* Becomes the default VFS of the process. Call once, before any database is opened. */
void faulty_vfs_install(void);

/* The n-th operation from now (0: the next) fails. */
void faulty_vfs_arm(long n, enum faulty_mode mode, bool disk_full);

/* Leaves operations uncounted and unharmed until resumed. */
void faulty_vfs_pause(bool pause);

/* Was the chosen operation reached since arming? */
bool faulty_vfs_hit(void);

/* Databases opened from now on find no shared memory, which a write-ahead log needs. */
void faulty_vfs_no_shm(bool none);

/* No more failures. */
void faulty_vfs_disarm(void);

#endif
