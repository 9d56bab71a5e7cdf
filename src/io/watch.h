/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/watch.h - tells when a file may have changed: written, or replaced by another of its name.
 *
 * The folder is watched and not the file, because most programs replace a file rather than write
 * it. A burst of events is one change: it is told when there was quiet for `settle`, at the latest
 * after eleven times that.
 *
 * Thread  the loop.
 * Limits  a folder that is itself replaced is lost; so are changes on file systems that tell none.
 */
#ifndef FL_IO_WATCH_H
#define FL_IO_WATCH_H

#include "io/loop.h"

struct fl_watch;

/*
 * Errors with text in `fault`: FL_ERR_NOT_FOUND (no such folder), FL_ERR_FULL (the system watches
 * too many already), FL_ERR_IO, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_watch_new(struct fl_loop *l, const char *path, int64_t settle,
				 void (*fn)(void *ctx), void *ctx, struct fl_fault *fault,
				 struct fl_watch **out);
struct fl_watch *fl_watch_free(struct fl_watch *w); /* NULL in, NULL out */

#endif
