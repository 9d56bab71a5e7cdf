/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/incoming.c - a connection that wants in, whoever opened it: is there room, and
 * what becomes of the one that is here already.
 *
 * The decision and its entry in the registry are one call, with nothing in between. What it takes
 * is made before, so a failure leaves everything as it was.
 */
#include "domain/devices/hub.h"

#include <string.h>

static bool is_full(const struct fl_devices *d)
{
	return fl_registry_online(d->registry) >= d->cfg.connections_max;
}

/* Of the strangers that wait for the user: the one that waits longest. */
static struct fl_dev_link *find_displaceable(const struct fl_devices *d)
{
	struct fl_dev_link *oldest = NULL;

	for (size_t i = 0; i < d->count; i++) {
		struct fl_dev_link *l = NULL;
		if (!d->at[i]->record.trusted)
			l = fl_dev_current(d, d->at[i]);
		if (l != NULL && (oldest == NULL || l->number < oldest->number))
			oldest = l;
	}
	return oldest;
}

bool fl_dev_has_room(const struct fl_devices *d, const struct fl_dev *v)
{
	return !is_full(d) || fl_registry_live(d->registry, &v->record.ski) > 0 ||
	       (v->record.trusted && find_displaceable(d) != NULL);
}

static void displace(struct fl_devices *d, fl_time now, const struct fl_dev *v)
{
	struct fl_dev_link *l;

	if (!is_full(d) || fl_registry_live(d->registry, &v->record.ski) > 0 ||
	    (l = find_displaceable(d)) == NULL)
		return;
	struct fl_dev *other = l->dev;
	fl_dev_link_end(d, now, l, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE, "no room left");
	fl_dev_settle(d, now, other);
}

static enum fl_dev_existing existing_of(const struct fl_dev_link *current)
{
	if (current == NULL)
		return FL_DEV_NONE;
	return current->client ? FL_DEV_OUTGOING : FL_DEV_INCOMING;
}

static enum fl_err keep(struct fl_devices *d, fl_time now, struct fl_dev *v, bool client,
			uint64_t *out_number)
{
	const bool twice = fl_dev_current(d, v) != NULL;
	struct fl_dev_link *l;
	enum fl_err err = fl_dev_link_new(d, v, client, &l);

	if (err != FL_OK)
		return err;
	const uint64_t number = l->number;
	displace(d, now, v);
	err = fl_dev_link_begin(d, now, l);
	if (err != FL_OK) {
		fl_dev_link_free(d, l);
		return err;
	}
	if (twice)
		fl_dev_rule_resolved(v, now, number);
	*out_number = number;
	return FL_OK;
}

static enum fl_err park(struct fl_devices *d, fl_time now, struct fl_dev *v, bool client,
			uint64_t *out_number)
{
	struct fl_dev_link *l;

	if (v->parked != NULL)
		return FL_ERR_EXISTS;
	enum fl_err err = fl_dev_link_new(d, v, client, &l);
	if (err != FL_OK)
		return err;
	l->parked_until = now + FL_DEV_PATIENCE;
	v->parked = l;
	*out_number = l->number;
	return FL_OK;
}

enum fl_err fl_dev_take(struct fl_devices *d, fl_time now, struct fl_dev *v, bool client,
			uint64_t *out_number, bool *out_parked)
{
	const struct fl_dev_link *current = fl_dev_current(d, v);
	const enum fl_dev_verdict verdict = fl_dev_decide(
		fl_dev_rule(d, v), &d->cfg.own, &v->record.ski, !client, existing_of(current));

	if (fl_dev_is_barred(d, v)) {
		fl_dev_limit_tell(d, v);
		return FL_ERR_STATE;
	}
	if (!fl_dev_has_room(d, v))
		return FL_ERR_FULL;
	switch (verdict) {
	case FL_DEV_REJECT_NEW:
		fl_dev_rule_resolved(v, now, current->number);
		return FL_ERR_EXISTS;
	case FL_DEV_PARK_NEW:
		*out_parked = true;
		return park(d, now, v, client, out_number);
	case FL_DEV_KEEP_NEW:
		break;
	}
	*out_parked = false;
	return keep(d, now, v, client, out_number);
}

static bool comes_too_often(struct fl_dev *v, fl_time now)
{
	if (now - v->minute >= FL_MIN) {
		v->minute = now;
		v->upgrades = 0;
	}
	if (v->upgrades >= FL_DEV_UPGRADES_MAX)
		return true;
	v->upgrades++;
	return false;
}

enum fl_err fl_devices_incoming(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				uint64_t *out_number, bool *out_parked)
{
	struct fl_dev *v;

	if (d->phase != FL_DEVICES_RUNNING)
		return FL_ERR_CLOSED;
	if (memcmp(ski->b, d->cfg.own.b, sizeof ski->b) == 0)
		return FL_ERR_DENIED;
	if (fl_devices_is_congested(d))
		return FL_ERR_FULL;
	enum fl_err err = fl_dev_find_or_add(d, now, ski, &v);
	if (err != FL_OK)
		return err;
	err = comes_too_often(v, now) ? FL_ERR_BUSY
				      : fl_dev_take(d, now, v, false, out_number, out_parked);
	fl_dev_settle(d, now, v);
	return err;
}
