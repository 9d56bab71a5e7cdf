/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/shutdown.c - the end of the hub, which is a state: dials are called off first,
 * then connections end in order, and what has not ended in time is cut. Nothing begins any more,
 * ever.
 */
#include "domain/devices/hub.h"

static const char farewell[] = "hub shutdown";

void fl_dev_announce(struct fl_devices *d)
{
	static const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_ANNOUNCE };

	if (d->phase == FL_DEVICES_RUNNING && !d->announce_waits)
		d->announce_waits = fl_dev_emit(d, &what) == FL_OK;
}

void fl_devices_shutdown(struct fl_devices *d, fl_time now)
{
	if (d->phase == FL_DEVICES_ENDING)
		return;
	d->phase = FL_DEVICES_ENDING;
	d->window_until = 0;
	d->cap_at = now + FL_DEVICES_DRAIN;
	fl_registry_close(d->registry);
	for (size_t i = 0; i < d->count; i++)
		fl_dev_attempt_cancel(d, d->at[i]);
	for (size_t i = d->count; i-- > 0;) { /* backwards: one may be dropped */
		struct fl_dev *v = d->at[i];
		fl_dev_end_links(d, now, v, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE, farewell);
		fl_dev_settle(d, now, v);
	}
}

void fl_dev_shutdown_tick(struct fl_devices *d, fl_time now)
{
	const struct fl_dev_end end = { FL_ERR_TIMEOUT, FL_SHIP_CODE_CLOSE, farewell, false };

	if (d->phase != FL_DEVICES_ENDING || now < d->cap_at)
		return;
	for (size_t i = d->count; i-- > 0;) {
		struct fl_dev *v = d->at[i];
		fl_list_each(it, &v->links)
			fl_dev_link_cut(d, now, fl_list_entry(it, struct fl_dev_link, among), &end);
		fl_dev_settle(d, now, v);
	}
}

bool fl_devices_is_down(const struct fl_devices *d)
{
	return d->phase == FL_DEVICES_ENDING && d->links.len == 0 && fl_list_empty(&d->acts) &&
	       fl_list_empty(&d->tells);
}
