/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/slots.h - small numbers for things, used again once free.
 *
 * A number alone does not tell a thing from the one that had it before: who hands numbers out
 * hands a generation out with each.
 */
#ifndef FL_BASE_SLOTS_H
#define FL_BASE_SLOTS_H

#include "base/err.h"

struct fl_slots {
	void **at;       /* NULL: free */
	uint32_t *spare; /* free ones below `used` */
	uint32_t used, cap, spare_count;
};

void fl_slots_done(struct fl_slots *s);

/* Gives `thing` a free number. Errors: FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_slots_add(struct fl_slots *s, void *thing, uint32_t *out);
void fl_slots_del(struct fl_slots *s, uint32_t slot);

/* Keeps `thing` (NULL: nothing) under a number that somebody else handed out. FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_slots_set(struct fl_slots *s, uint32_t slot, void *thing);

static inline void *fl_slots_at(const struct fl_slots *s, uint32_t slot)
{
	return slot < s->cap ? s->at[slot] : NULL;
}

#endif
