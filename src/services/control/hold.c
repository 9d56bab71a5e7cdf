/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/hold.c - what may wait for others, and for how long. */
#include "services/control/hold.h"

/* Where a node is and what its client knows: the next says it anew, and it means nothing else. */
#define LIGHT ((uint32_t)(FL_PATCH_ENDPOINTS | FL_PATCH_DERP | FL_PATCH_DISCO | FL_PATCH_CAP))

void fl_hold_init(struct fl_hold *h, int64_t frame)
{
	*h = (struct fl_hold){ .frame = frame > 0 ? frame : FL_HOLD_FRAME };
}

static bool all_light(const struct fl_change *changes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (changes[i].kind != FL_CHANGE_NODE_PATCHED || (changes[i].fields & ~LIGHT) != 0)
			return false;
	return true;
}

static bool add(struct fl_hold *h, const struct fl_change *ch)
{
	for (size_t i = 0; i < h->count; i++) {
		if (h->kept[i].id == ch->id) {
			h->kept[i].fields |= ch->fields;
			return true;
		}
	}
	if (h->count == FL_HOLD_MAX)
		return false;
	h->kept[h->count++] = *ch;
	return true;
}

bool fl_hold_keep(struct fl_hold *h, const struct fl_change *changes, size_t count, fl_time now)
{
	if (now >= (h->count > 0 ? fl_hold_due(h) : h->quiet) || !all_light(changes, count))
		return false;
	if (h->count == 0)
		h->since = now;
	for (size_t i = 0; i < count; i++)
		if (!add(h, &changes[i]))
			return false; /* those that found room merge with themselves */
	return true;
}

static int64_t wait_after(const struct fl_hold *h, uint64_t frames)
{
	uint64_t most = (uint64_t)(FL_HOLD_LATE / h->frame);

	if (frames >= most)
		return 0;
	int64_t cost = (int64_t)frames * h->frame;
	int64_t wait = FL_HOLD_RATIO * cost;
	if (wait > FL_HOLD_LATE - 2 * cost)
		wait = FL_HOLD_LATE - 2 * cost;
	return wait >= FL_HOLD_LEAST ? wait : 0;
}

void fl_hold_told(struct fl_hold *h, uint64_t frames, fl_time now)
{
	h->count = 0;
	h->wait = wait_after(h, frames);
	h->quiet = now + h->wait;
}
