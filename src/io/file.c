/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/file.c - small whole files, written so that a crash leaves the old or the new one.
 */
#include "io/file.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 16 << 10 };

static const char *hint(int e)
{
	switch (e) {
	case ENOENT:
		return "; create it or correct the path";
	case EACCES:
	case EPERM:
		return "; check the permissions of the path and who runs the program";
	case EROFS:
		return "; the file system is mounted read-only";
	case ENOTDIR:
	case EISDIR:
		return "; move what is in the way or correct the path";
	case ENOSPC:
	case EDQUOT:
		return "; free some space";
	default:
		return "";
	}
}

enum fl_err fl_file_fail(struct fl_fault *fault, const char *what, const char *path)
{
	int e = errno;
	enum fl_err err = e == ENOENT                   ? FL_ERR_NOT_FOUND
			  : e == EROFS                  ? FL_ERR_DENIED
			  : e == ENOTDIR || e == EISDIR ? FL_ERR_IO
							: fl_err_of_errno(e);
	return fl_fault_set(fault, err, "cannot %s %s: %s%s", what, path, strerror(e), hint(e));
}

static enum fl_err read_all(int fd, const char *path, struct fl_fault *fault, struct fl_buf *b)
{
	uint8_t step[READ_STEP];

	for (;;) {
		ssize_t n = read(fd, step, sizeof step);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fl_file_fail(fault, "read", path);
		if (n == 0)
			break;
		fl_buf_put(b, step, (size_t)n);
		if (fl_buf_err(b) != FL_OK)
			break;
	}
	explicit_bzero(step, sizeof step); /* it may have been a key */
	enum fl_err err = fl_buf_err(b);
	if (err == FL_ERR_TOO_BIG)
		fl_fault_set(fault, err, "%s is larger than the %zu bytes allowed", path, b->max);
	else if (err != FL_OK)
		fl_fault_set(fault, err, "not enough memory to read %s", path);
	return err;
}

enum fl_err fl_file_read(const char *path, size_t max, struct fl_fault *fault, struct fl_buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return fl_file_fail(fault, "open", path);

	struct fl_buf b = fl_buf_make(max);
	enum fl_err err = read_all(fd, path, fault, &b);
	close(fd);
	if (err != FL_OK) {
		fl_buf_wipe(&b);
		return err;
	}
	*out = b;
	return FL_OK;
}

bool fl_fd_write(int fd, struct fl_slice data)
{
	while (data.len > 0) {
		ssize_t n = write(fd, data.ptr, data.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data = fl_slice_skip(data, (size_t)n);
	}
	return true;
}

/* The folder part of `path` in `out`; "." if there is none. */
static void folder_of(const char *path, char out[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);

	if (len == 0) {
		memcpy(out, ".", 2);
		return;
	}
	memcpy(out, path, len);
	out[len] = '\0';
}

static bool sync_folder(const char *path)
{
	char folder[PATH_MAX];

	folder_of(path, folder);
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return false;
	bool ok = fsync(fd) == 0;
	int e = errno;
	close(fd);
	errno = e;
	return ok;
}

static bool fill(int fd, uint32_t mode, struct fl_slice data)
{
	bool ok = fchmod(fd, mode) == 0 && fl_fd_write(fd, data) && fsync(fd) == 0;
	int e = errno;

	if (close(fd) != 0 && ok)
		return false;
	errno = e;
	return ok;
}

enum fl_err fl_file_write(const char *path, uint32_t mode, struct fl_slice data,
			  struct fl_fault *fault)
{
	char temp[PATH_MAX];

	int n = snprintf(temp, sizeof temp, "%s.XXXXXX", path);
	if (n < 0 || (size_t)n >= sizeof temp)
		return fl_fault_set(fault, FL_ERR_IO, "the path %s is too long", path);
	int fd = mkostemp(temp, O_CLOEXEC); /* mode 0600 until all is in place */
	if (fd < 0)
		return fl_file_fail(fault, "create", temp);
	if (!fill(fd, mode, data) || rename(temp, path) != 0) {
		enum fl_err err = fl_file_fail(fault, "write", path);
		unlink(temp);
		return err;
	}
	return sync_folder(path) ? FL_OK : fl_file_fail(fault, "sync the folder of", path);
}

static bool make_one(const char *path, uint32_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return true;
	if (errno != EEXIST && (stat(path, &st) != 0 || !S_ISDIR(st.st_mode)))
		return false;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return true;
	errno = ENOTDIR;
	return false;
}

enum fl_err fl_dir_make(const char *path, uint32_t mode, struct fl_fault *fault)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof part)
		return fl_fault_set(fault, FL_ERR_IO, "the path \"%s\" is empty or too long", path);
	memcpy(part, path, len + 1);
	for (char *slash = part + 1; (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		if (!make_one(part, mode))
			return fl_file_fail(fault, "make the folder", part);
		*slash = '/';
	}
	return make_one(part, mode) ? FL_OK : fl_file_fail(fault, "make the folder", part);
}
