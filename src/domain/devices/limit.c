/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/limit.c - devices that the user lets in only as what he knows them for: a wallbox
 * that announces itself as a grid connection has been changed, or is not what it was taken for.
 *
 * A connection begins only while the device is seen and announces categories, all of them allowed.
 * One that stands ends when the device announces another one. That it is not seen any more ends
 * nothing: multicast is lost now and then, and says nothing about what the device is.
 *
 * An announcement is not signed. This keeps out what is there by mistake, not who lies.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

static int by_ski(const void *a, const void *b)
{
	const struct fl_device_limit *x = a, *y = b;

	return memcmp(x->ski.b, y->ski.b, sizeof x->ski.b);
}

enum fl_err fl_dev_limits_copy(struct fl_devices *d, const struct fl_devices_config *cfg)
{
	d->cfg.limits = NULL;
	d->cfg.limits_count = 0;
	if (cfg->limits_count == 0)
		return FL_OK;
	d->limits = calloc(cfg->limits_count, sizeof *d->limits);
	if (d->limits == NULL)
		return FL_ERR_NOMEM;
	memcpy(d->limits, cfg->limits, cfg->limits_count * sizeof *d->limits);
	qsort(d->limits, cfg->limits_count, sizeof *d->limits, by_ski);
	d->limits_count = cfg->limits_count;
	return FL_OK;
}

uint32_t fl_dev_limit_of(const struct fl_devices *d, const struct fl_ski *ski)
{
	const struct fl_device_limit key = { .ski = *ski }, *found = NULL;

	if (d->limits_count > 0)
		found = bsearch(&key, d->limits, d->limits_count, sizeof key, by_ski);
	return found != NULL ? found->categories : 0;
}

/* Does it announce what it may be, and nothing else? To announce nothing at all is not that. */
static bool is_within(const struct fl_ship_txt *t, uint32_t allowed)
{
	for (size_t i = 0; i < t->categories_count; i++)
		if (t->categories[i] > FL_DEVICES_CATEGORY_MAX ||
		    (allowed >> t->categories[i] & 1) == 0)
			return false;
	return t->categories_count > 0;
}

bool fl_dev_is_outside(const struct fl_devices *d, const struct fl_dev *v)
{
	const struct fl_device_entry *seen = NULL;

	if (v->allow != 0)
		seen = fl_dev_seen(d, &v->record.ski);
	return seen != NULL && !is_within(&seen->txt, v->allow);
}

bool fl_dev_is_barred(const struct fl_devices *d, const struct fl_dev *v)
{
	return v->allow != 0 && (fl_dev_seen(d, &v->record.ski) == NULL || fl_dev_is_outside(d, v));
}

void fl_dev_limit_tell(struct fl_devices *d, struct fl_dev *v)
{
	if (!v->record.trusted || fl_dev_current(d, v) != NULL)
		return;
	v->barred = true;
	fl_dev_set_state(
		d, v, FL_DEVICES_ERROR, FL_ERR_DENIED,
		fl_dev_is_outside(d, v)
			? "its announced categories are not within the allowed ones"
			: "it is not seen in the network, so its categories are not known");
}

void fl_dev_limit_apply(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	if (v->allow == 0)
		return;
	if (fl_dev_is_outside(d, v)) {
		fl_dev_attempt_cancel(d, v);
		fl_dev_end_links(d, now, v, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE,
				 "category not allowed");
		fl_dev_limit_tell(d, v);
	} else if (v->barred && !fl_dev_is_barred(d, v)) {
		v->barred = false;
		if (fl_dev_current(d, v) == NULL)
			fl_dev_set_state(d, v,
					 v->record.trusted && !v->hold && !v->denied
						 ? FL_DEVICES_QUEUED
						 : FL_DEVICES_NONE,
					 FL_OK, "");
	}
}
