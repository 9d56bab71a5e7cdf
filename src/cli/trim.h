/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/trim.h - gives memory that a rush took back to the system when it is over.
 *
 * The allocator keeps what was freed between what is still in use: after 10,000 nodes came back at
 * once that is 1.2 GB that nobody uses. To look for it costs as much as there is, so it is done
 * when the process has come to rest with more of it than the last time left.
 *
 * Thread  the loop's; others that allocate wait meanwhile, some 0.1 ms a MB that goes.
 */
#ifndef FL_CLI_TRIM_H
#define FL_CLI_TRIM_H

#include "io/loop.h"

struct fl_trim {
	struct fl_timer timer;
	size_t seen; /* bytes in memory a moment ago */
	size_t left; /* bytes in memory but not in use that the last time left */
};

#define FL_TRIM_EVERY (5 * FL_SEC)

/* Begins to look. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_trim_start(struct fl_trim *t, struct fl_loop *l);
void fl_trim_done(struct fl_trim *t); /* harmless on a zeroed struct */

/* Is it worth it, with so many bytes in memory and in use? Asked every FL_TRIM_EVERY. */
bool fl_trim_is_due(struct fl_trim *t, size_t resident, size_t used);

/* So it is after it was done. */
void fl_trim_was_done(struct fl_trim *t, size_t resident, size_t used);

#endif
