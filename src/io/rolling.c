/* SPDX-License-Identifier: BSD-3-Clause */
/* io/rolling.c - a file that stays within a size. */
#include "io/rolling.h"

#include "io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* No link is followed: who can write the folder must not choose what this program writes. */
static enum fl_err open_file(struct fl_rolling *r, struct fl_fault *fault)
{
	struct stat st;

	r->fd = open(r->path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		     0600);
	if (r->fd < 0)
		return fl_file_fail(fault, "open", r->path);
	if (fstat(r->fd, &st) == 0 && S_ISREG(st.st_mode)) {
		r->size = (uint64_t)st.st_size;
		r->headed = r->torn = false;
		return FL_OK;
	}
	close(r->fd);
	r->fd = -1;
	return fl_fault_set(fault, FL_ERR_INVALID, "%s is no file", r->path);
}

static void close_file(struct fl_rolling *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* It will be replaced one day: is it ours to replace? */
static enum fl_err check_old(const struct fl_rolling *r, fl_rolling_whole *whole,
			     struct fl_fault *fault)
{
	uint64_t sound;
	struct stat st;
	int fd = open(r->old, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0 && errno == ENOENT)
		return FL_OK;
	if (fd < 0)
		return fl_file_fail(fault, "open", r->old);
	bool ours = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
		    (st.st_size == 0 || whole(fd, (uint64_t)st.st_size, &sound));
	close(fd);
	if (ours)
		return FL_OK;
	return fl_fault_set(fault, FL_ERR_INVALID,
			    "%s is there and is another kind of file, where the older log is to be",
			    r->old);
}

static enum fl_err mend(struct fl_rolling *r, fl_rolling_whole *whole, struct fl_fault *fault)
{
	uint64_t sound = 0;

	if (r->size > 0 && !whole(r->fd, r->size, &sound))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "%s is there and is another kind of file; move it away or name "
				    "another",
				    r->path);
	if (sound < r->size && ftruncate(r->fd, (off_t)sound) != 0)
		return fl_file_fail(fault, "mend", r->path);
	r->size = sound;
	return FL_OK;
}

enum fl_err fl_rolling_open(struct fl_rolling *r, const char *path, uint64_t max,
			    struct fl_slice head, fl_rolling_whole *whole, struct fl_fault *fault)
{
	*r = (struct fl_rolling){ .fd = -1, .max = max, .head = fl_buf_make(head.len) };
	int len = snprintf(r->path, sizeof r->path, "%s", path);
	int old = snprintf(r->old, sizeof r->old, "%s.1", path);

	if (len < 0 || old < 0 || (size_t)old >= sizeof r->old)
		return fl_fault_set(fault, FL_ERR_INVALID, "the name of the file is too long");
	fl_buf_put(&r->head, head.ptr, head.len);
	if (fl_buf_err(&r->head) != FL_OK)
		return FL_ERR_NOMEM;
	enum fl_err err = check_old(r, whole, fault);
	if (err == FL_OK)
		err = open_file(r, fault);
	if (err == FL_OK)
		err = mend(r, whole, fault);
	if (err != FL_OK)
		fl_rolling_close(r);
	return err;
}

/* All of it, or the file is as before; if that fails too, the next one makes up for it. */
static enum fl_err write_whole(struct fl_rolling *r, struct fl_slice bytes, struct fl_fault *fault)
{
	if (r->torn && ftruncate(r->fd, (off_t)r->size) != 0)
		return fl_file_fail(fault, "mend", r->path);
	r->torn = false;
	if (!fl_fd_write(r->fd, bytes)) {
		enum fl_err err = fl_file_fail(fault, "write", r->path);
		r->torn = ftruncate(r->fd, (off_t)r->size) != 0;
		return err;
	}
	r->size += bytes.len;
	return FL_OK;
}

static bool is_full(const struct fl_rolling *r, size_t more)
{
	return r->size > 0 && r->size + more + (r->headed ? 0 : r->head.len) > r->max / 2;
}

static bool was_taken_away(const struct fl_rolling *r)
{
	struct stat st;
	return fstat(r->fd, &st) == 0 && st.st_nlink == 0;
}

static enum fl_err roll(struct fl_rolling *r, struct fl_fault *fault)
{
	if (rename(r->path, r->old) != 0)
		return fl_file_fail(fault, "rename", r->path);
	close_file(r);
	return open_file(r, fault);
}

enum fl_err fl_rolling_append(struct fl_rolling *r, struct fl_slice bytes, struct fl_fault *fault)
{
	enum fl_err err = FL_OK;

	if (r->fd >= 0 && was_taken_away(r))
		close_file(r);
	if (r->fd < 0)
		err = open_file(r, fault);
	else if (is_full(r, bytes.len))
		err = roll(r, fault);
	if (err == FL_OK && !r->headed) {
		err = write_whole(r, fl_buf_slice(&r->head), fault);
		r->headed = err == FL_OK;
	}
	return err == FL_OK ? write_whole(r, bytes, fault) : err;
}

void fl_rolling_close(struct fl_rolling *r)
{
	if (r->path[0] != '\0')
		close_file(r);
	fl_buf_done(&r->head);
}
