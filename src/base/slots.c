/* SPDX-License-Identifier: BSD-3-Clause */
/* base/slots.c - small numbers for things. */
#include "base/slots.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 16 };

void fl_slots_done(struct fl_slots *s)
{
	free(s->at);
	free(s->spare);
	*s = (struct fl_slots){ 0 };
}

static enum fl_err grow(struct fl_slots *s, uint32_t want)
{
	uint32_t cap = s->cap > 0 ? s->cap : FIRST_CAP;

	while (cap <= want && cap <= UINT32_MAX / 2)
		cap *= 2;
	if (cap <= want)
		return FL_ERR_NOMEM;
	void **at = reallocarray(s->at, cap, sizeof *at);
	if (at == NULL)
		return FL_ERR_NOMEM;
	memset(at + s->cap, 0, (cap - s->cap) * sizeof *at);
	s->at = at;
	uint32_t *spare = reallocarray(s->spare, cap, sizeof *spare);
	if (spare == NULL)
		return FL_ERR_NOMEM;
	s->spare = spare;
	s->cap = cap;
	return FL_OK;
}

enum fl_err fl_slots_set(struct fl_slots *s, uint32_t slot, void *thing)
{
	if (slot >= s->cap) {
		enum fl_err err = grow(s, slot);
		if (err != FL_OK)
			return err;
	}
	s->at[slot] = thing;
	return FL_OK;
}

enum fl_err fl_slots_add(struct fl_slots *s, void *thing, uint32_t *out)
{
	uint32_t slot = s->spare_count > 0 ? s->spare[s->spare_count - 1] : s->used;

	enum fl_err err = fl_slots_set(s, slot, thing);
	if (err != FL_OK)
		return err;
	if (s->spare_count > 0)
		s->spare_count--;
	else
		s->used++;
	*out = slot;
	return FL_OK;
}

void fl_slots_del(struct fl_slots *s, uint32_t slot)
{
	s->at[slot] = NULL;
	s->spare[s->spare_count++] = slot;
}
