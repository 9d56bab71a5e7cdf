/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/file.h - small whole files: keys, certificates, configuration; and what all writers need.
 *
 * Blocking: for start-up and reload only.
 */
#ifndef FL_IO_FILE_H
#define FL_IO_FILE_H

#include "base/buf.h"

/*
 * Reads the whole file into `out`, an fl_buf to be released by the caller. Errors with text in
 * `fault` (what, where, what to do): FL_ERR_NOT_FOUND, FL_ERR_DENIED, FL_ERR_TOO_BIG, FL_ERR_IO.
 */
FL_MUST enum fl_err fl_file_read(const char *path, size_t max, struct fl_fault *fault,
				 struct fl_buf *out);

/* Writes a temporary file beside it, syncs, renames, syncs the folder: old or new, never half. */
FL_MUST enum fl_err fl_file_write(const char *path, uint32_t mode, struct fl_slice data,
				  struct fl_fault *fault);

/* All of it, however often it takes. False: errno says why, and a part may be written. */
bool fl_fd_write(int fd, struct fl_slice data);

/* "cannot WHAT PATH", why by errno, and what to do; gives the error that it is. */
enum fl_err fl_file_fail(struct fl_fault *fault, const char *what, const char *path);

/* Makes a folder and its parents. */
FL_MUST enum fl_err fl_dir_make(const char *path, uint32_t mode, struct fl_fault *fault);

#endif
