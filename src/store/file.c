/* SPDX-License-Identifier: BSD-3-Clause */
/* store/file.c - the files around the database: created private, locked, copied. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inner.h"
#include "store/sqlite.h"

enum {
	PRIVATE = 0600,
	HEADER_MIN = 512, /* SQLite takes anything shorter for an empty database */
};

static enum fl_err file_fault(struct fl_fault *fault, const char *doing, const char *path)
{
	switch (errno) {
	case EACCES:
	case EPERM:
	case EROFS:
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "%s %s: %s: let this user write to the file and its folder",
				    doing, path, strerror(errno));
	case ENOENT:
	case ENOTDIR:
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "%s %s: the folder does not exist: create it", doing, path);
	case EISDIR:
		return fl_fault_set(fault, FL_ERR_IO,
				    "%s %s: it is a folder: move it or set database.sqlite.path",
				    doing, path);
	case ENOMEM:
		return fl_fault_set(fault, FL_ERR_NOMEM, "%s %s: out of memory", doing, path);
	default:
		return fl_fault_set(fault, FL_ERR_IO, "%s %s: %s", doing, path, strerror(errno));
	}
}

static bool join(char *out, const char *path, const char *suffix)
{
	int n = snprintf(out, PATH_MAX, "%s%s", path, suffix);
	return n > 0 && n < PATH_MAX;
}

enum fl_err fl_store_touch(const char *path, struct fl_fault *fault)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, PRIVATE);
	if (fd < 0)
		return file_fault(fault, "opening database", path);
	struct stat st;
	enum fl_err err = FL_OK;
	if (fstat(fd, &st) != 0)
		err = file_fault(fault, "opening database", path);
	else if (st.st_size > 0 && st.st_size < HEADER_MIN)
		err = fl_store_corrupt(path, "the file is cut short", fault);
	close(fd);
	return err;
}

static void read_holder(int fd, char *out, size_t cap)
{
	ssize_t n = pread(fd, out, cap - 1, 0);

	out[n > 0 ? n : 0] = '\0';
	out[strspn(out, "0123456789")] = '\0';
}

static void write_holder(int fd)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	/* Only for the other one's message: a failure does no harm. */
	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) < 0)
		return;
}

enum fl_err fl_store_lock(const char *path, struct fl_fault *fault, int *out_fd)
{
	char lock[PATH_MAX], holder[24];

	if (!join(lock, path, ".lock"))
		return fl_fault_set(fault, FL_ERR_INVALID, "the database path is too long");
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, PRIVATE);
	if (fd < 0)
		return file_fault(fault, "opening", lock);
	if (flock(fd, LOCK_EX | LOCK_NB) == 0) {
		write_holder(fd);
		*out_fd = fd;
		return FL_OK;
	}
	enum fl_err err = FL_ERR_BUSY;
	if (errno == EWOULDBLOCK) {
		read_holder(fd, holder, sizeof holder);
		fl_fault_set(fault, err,
			     "database %s is in use by another server%s%s: stop that one first, or "
			     "give this one a database of its own",
			     path, holder[0] != '\0' ? ", process " : "", holder);
	} else {
		err = file_fault(fault, "locking", lock);
	}
	close(fd);
	return err;
}

static enum fl_err sync_path(const char *path, int flags, struct fl_fault *fault)
{
	int fd = open(path, flags | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) {
		enum fl_err err = file_fault(fault, "writing", path);
		if (fd >= 0)
			close(fd);
		return err;
	}
	close(fd);
	return FL_OK;
}

/* The folder part of a path, "." if it has none. */
static void folder_of(const char *path, char out[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	if (len >= PATH_MAX)
		len = 0;
	memcpy(out, len > 0 ? path : ".", len > 0 ? len : 1);
	out[len > 0 ? len : 1] = '\0';
}

static enum fl_err vacuum_into(sqlite3 *db, const char *path, const char *to,
			       struct fl_fault *fault)
{
	sqlite3_stmt *st = NULL;
	enum fl_err err = FL_OK;

	int fd = open(to, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, PRIVATE);
	if (fd < 0)
		return file_fault(fault, "creating", to);
	close(fd);
	if (sqlite3_prepare_v2(db, "VACUUM INTO ?1", -1, &st, NULL) != SQLITE_OK ||
	    sqlite3_bind_text(st, 1, to, -1, SQLITE_STATIC) != SQLITE_OK ||
	    sqlite3_step(st) != SQLITE_DONE)
		err = fl_store_fault(db, path, "copying", fault);
	sqlite3_finalize(st);
	return err;
}

enum fl_err fl_store_backup(sqlite3 *db, const char *path, int version, struct fl_fault *fault)
{
	char suffix[32], fresh[PATH_MAX], final[PATH_MAX], folder[PATH_MAX];

	snprintf(suffix, sizeof suffix, ".v%d.bak", version);
	if (!join(final, path, suffix) || !join(fresh, final, ".tmp"))
		return fl_fault_set(fault, FL_ERR_INVALID, "the database path is too long");
	folder_of(path, folder);

	enum fl_err err = vacuum_into(db, path, fresh, fault);
	if (err == FL_OK)
		err = sync_path(fresh, O_RDONLY, fault);
	if (err == FL_OK && rename(fresh, final) != 0)
		err = file_fault(fault, "naming", final);
	if (err == FL_OK)
		err = sync_path(folder, O_RDONLY | O_DIRECTORY, fault);
	if (err != FL_OK)
		unlink(fresh);
	return err;
}

/* N of "<name>.v<N>.bak", or -1. */
static long backup_version(const char *entry, const char *name)
{
	size_t len = strlen(name);
	char *end;

	if (strncmp(entry, name, len) != 0 || strncmp(entry + len, ".v", 2) != 0)
		return -1;
	long version = strtol(entry + len + 2, &end, 10);
	return strcmp(end, ".bak") == 0 ? version : -1;
}

bool fl_store_newest_backup(const char *path, char *out, size_t cap)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	const char *name = slash != NULL ? slash + 1 : path;
	long newest = -1;

	folder_of(path, folder);
	DIR *dir = opendir(folder);
	if (dir == NULL)
		return false;
	for (const struct dirent *e; (e = readdir(dir)) != NULL;) {
		long version = backup_version(e->d_name, name);
		if (version > newest)
			newest = version;
	}
	closedir(dir);
	if (newest < 0)
		return false;
	int n = snprintf(out, cap, "%s.v%ld.bak", path, newest);
	return n > 0 && (size_t)n < cap;
}
