/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/control/told.h - what one session hears of a tick under a policy, and its frame.
 *
 * Sessions of different nodes mostly hear the same of their peers, so the last few frames are kept
 * and looked up by what they say.
 *
 * Memory  FL_FORMS_MAX frames, for one tick.
 */
#ifndef FL_SERVICES_CONTROL_TOLD_H
#define FL_SERVICES_CONTROL_TOLD_H

#include "services/control/batch.h"

enum { FL_FORMS_MAX = 16 };

/* One message; the arrays are the caller's. */
struct fl_told {
	struct fl_netmap_peer *peers;
	fl_node_id *removed;
	fl_user_id *profiles;
	size_t peers_count, removed_count, profiles_count;
};

struct fl_netmap_delta fl_told_delta(struct fl_control *c, const struct fl_told *m);

/* One frame for all who hear exactly this. */
struct fl_form {
	struct fl_told told;       /* owned, with a reference to each fragment */
	struct fl_bytes *frame[2]; /* plain, zstd; NULL: not made yet */
};

struct fl_forms {
	struct fl_form at[FL_FORMS_MAX];
	size_t next;
};

/*
 * The message's frame, counted; *out is NULL if there is nothing to say. Errors: those of
 * fl_control_delta_frame.
 */
FL_MUST enum fl_err fl_forms_frame(struct fl_forms *f, struct fl_control *c,
				   const struct fl_told *m, bool zstd, struct fl_bytes **out);
void fl_forms_done(struct fl_forms *f);

#endif
