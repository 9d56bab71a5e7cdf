/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/rule.c - which of two connections to one device lives (docs/protocol/ship.md
 * 6.6).
 *
 * The bigger SKI decides. The smaller one keeps the newer connection aside and waits for that: so
 * it gets along with a bigger one of any rule. What differs is how the bigger one decides: by
 * recency, as the specification says, or by who opened the connection, as ship-go did for years.
 * `auto` begins with recency and changes its mind when the device shows that it does not follow.
 */
#include "domain/devices/hub.h"

#include <string.h>

enum fl_dev_verdict fl_dev_decide(enum fl_devices_rule rule, const struct fl_ski *local,
				  const struct fl_ski *remote, bool incoming,
				  enum fl_dev_existing existing)
{
	const bool bigger = memcmp(local->b, remote->b, sizeof local->b) > 0;

	if (existing == FL_DEV_NONE)
		return FL_DEV_KEEP_NEW;
	if (rule != FL_DEVICES_RULE_INITIATOR)
		return bigger ? FL_DEV_KEEP_NEW : FL_DEV_PARK_NEW;
	/* Who opens a second one himself has lost the first, even if we do not know that yet. */
	if (incoming == (existing == FL_DEV_INCOMING))
		return FL_DEV_KEEP_NEW;
	return incoming != bigger ? FL_DEV_KEEP_NEW : FL_DEV_REJECT_NEW;
}

enum fl_devices_rule fl_dev_rule(const struct fl_devices *d, const struct fl_dev *v)
{
	if (d->cfg.rule != FL_DEVICES_RULE_AUTO)
		return d->cfg.rule;
	bool bigger = memcmp(d->cfg.own.b, v->record.ski.b, sizeof d->cfg.own.b) > 0;
	return bigger && v->by_initiator ? FL_DEVICES_RULE_INITIATOR : FL_DEVICES_RULE_RECENT;
}

void fl_dev_rule_resolved(struct fl_dev *v, fl_time now, uint64_t survivor)
{
	v->survivor = survivor;
	v->resolved = now;
}

void fl_dev_rule_lost(const struct fl_devices *d, struct fl_dev *v, fl_time now, uint64_t number,
		      uint16_t code, struct fl_slice reason)
{
	enum { NO_FRAME = 1006 };

	if (d->cfg.rule != FL_DEVICES_RULE_AUTO || number != v->survivor ||
	    now - v->resolved > FL_DEV_LEARNING)
		return;
	if (code != NO_FRAME && !fl_slice_is(reason, "double connection"))
		return;
	v->by_initiator = !v->by_initiator;
	v->survivor = 0;
	if (v->by_initiator)
		v->tries = 0; /* nothing failed, and from now on both agree: no need to wait long */
}
