/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * embed/hub_impl.h - the inside of the embedded hub: a hub of services/ship on a loop of its own,
 * and a queue of what it tells.
 *
 * hub.c       life and steps               call.c    what an application asks for
 * settings.c  what it wants the hub to be  queue.c   events that wait
 */
#ifndef FL_EMBED_HUB_IMPL_H
#define FL_EMBED_HUB_IMPL_H

#include <fairlead/ship.h>

#include "services/ship/hub.h"

enum {
	FL_EMBED_HOLD_EVENTS = 256, /* from here on nothing is read from devices */
	FL_EMBED_HOLD_BYTES = 4 << 20,
	FL_EMBED_EVENTS_MAX = 4096, /* from here on nothing is done at all */
};

struct fl_embed_queue {
	struct fl_list waiting;
	struct fl_embed_item *taken; /* what the last event points into */
	size_t count, bytes;
	bool visible; /* one such event waits: another would say the same */
	bool lost;    /* out of memory */
};

struct fl_hub {
	struct fl_loop *loop;
	struct fl_ship_hub *ship;
	struct fl_ship_ear ear;
	struct fl_embed_queue queue;
	bool held, down;
	struct fl_device_info info; /* what the last answer points into */
};

/* Strings are borrowed from the application. */
struct fl_embed_settings {
	struct fl_ship_hub_config hub;
	struct fl_device_limit *limits;
};
/*
 * Errors with text: FL_ERR_INVALID, FL_ERR_ARG; FL_ERR_NOMEM. `out` wants fl_embed_settings_done
 * in any case.
 */
FL_MUST enum fl_err fl_embed_settings_read(const fl_hub_config *c, struct fl_fault *fault,
					   struct fl_embed_settings *out);
void fl_embed_settings_done(struct fl_embed_settings *s);

void fl_embed_queue_init(struct fl_embed_queue *q);
void fl_embed_queue_done(struct fl_embed_queue *q);
void fl_embed_queue_add(struct fl_embed_queue *q, const struct fl_ship_event *e);
bool fl_embed_queue_next(struct fl_embed_queue *q, fl_hub_event *out);

/* Stops or goes on reading from devices, as the queue wants it. */
void fl_embed_settle(struct fl_hub *h);

fl_hub_result fl_embed_result(enum fl_err err);

#endif
