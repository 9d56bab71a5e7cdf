/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/rolling.h - a file that grows at its end and stays within a size, with one older file beside
 * it: NAME, and NAME.1, which was full.
 *
 * What is appended is there as a whole or not at all, whatever the disk does: after a write that
 * failed the file is as long as before. Nothing is synced: this is for logs. A file that somebody
 * has taken away meanwhile is made anew.
 *
 * Blocking: for start-up, and a thread of its own.
 *
 * Memory  the struct, and a copy of the head.
 * Limits  both files together have at most `max` bytes, if no piece has more than a quarter of it.
 */
#ifndef FL_IO_ROLLING_H
#define FL_IO_ROLLING_H

#include <limits.h>

#include "base/buf.h"

struct fl_rolling {
	char path[PATH_MAX], old[PATH_MAX];
	int fd; /* -1: it could not be opened */
	uint64_t size, max;
	struct fl_buf head; /* stands at the beginning of each file, and at each opening */
	bool headed;        /* since it was opened */
	bool torn;          /* behind `size` stands half of something */
};

/* How many bytes at the beginning of a file, of `size`, are whole. False: it is none of ours. */
typedef bool fl_rolling_whole(int fd, uint64_t size, uint64_t *out_whole);

/*
 * Opens or makes it (0600). What is there and is not whole at its end is cut; what is none of ours
 * is left alone, beside it too. Errors with text: FL_ERR_INVALID (the name is too long; another
 * file is there), FL_ERR_DENIED, FL_ERR_NOT_FOUND (of the folder), FL_ERR_IO, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_rolling_open(struct fl_rolling *r, const char *path, uint64_t max,
				    struct fl_slice head, fl_rolling_whole *whole,
				    struct fl_fault *fault);

/* Errors with text: FL_ERR_IO and its like; nothing of it is there, and the next may succeed. */
FL_MUST enum fl_err fl_rolling_append(struct fl_rolling *r, struct fl_slice bytes,
				      struct fl_fault *fault);

void fl_rolling_close(struct fl_rolling *r);

#endif
