/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/attempt.c - from a device that is wanted to a connection: when to dial, and what
 * becomes of it (docs/protocol/ship.md 6.3).
 *
 * Of one device at most one attempt runs: it is planned, or its dial runs. Whatever ends it leaves
 * "idle" first and asks afterwards whether there should be another one, so no way out can leave a
 * device that is never dialled again.
 */
#include "domain/devices/hub.h"

#include "base/text.h"

static bool may_dial(const struct fl_devices *d, const struct fl_dev *v)
{
	if (!v->denied)
		return true;
	const struct fl_device_entry *seen = fl_dev_seen(d, &v->record.ski);
	return seen != NULL && seen->txt.auto_accept;
}

static bool has_place(const struct fl_devices *d, const struct fl_dev *v)
{
	return v->record.fixed_host[0] != '\0' || fl_dev_seen(d, &v->record.ski) != NULL;
}

bool fl_dev_wants_dial(const struct fl_devices *d, const struct fl_dev *v)
{
	return d->phase == FL_DEVICES_RUNNING && v->record.trusted && !v->hold &&
	       fl_registry_live(d->registry, &v->record.ski) == 0 && may_dial(d, v) &&
	       has_place(d, v) && !fl_dev_is_barred(d, v);
}

/* Uniform in whole milliseconds, the end of the range excluded. */
static int64_t draw_delay(struct fl_devices *d, unsigned tries)
{
	static const struct {
		unsigned from_ms, below_ms;
	} ranges[] = { { 0, 3000 }, { 3000, 10000 }, { 10000, 20000 } };
	const unsigned i = tries < 2 ? tries : 2;

	return (int64_t)(ranges[i].from_ms +
			 fl_rng_below(&d->rng, ranges[i].below_ms - ranges[i].from_ms)) *
	       FL_MS;
}

static void dial(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	struct fl_device_entry place;

	if (!fl_dev_place(d, v, &place))
		return;
	const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_DIAL,
						.ski = v->record.ski,
						.number = d->last_number + 1,
						.entry = &place };
	if (fl_devices_is_congested(d) || !fl_dev_has_room(d, v) ||
	    fl_dev_emit(d, &what) != FL_OK) {
		v->attempt = FL_DEV_DELAYED; /* not now */
		v->dial_at = now + draw_delay(d, v->tries);
		return;
	}
	v->attempt = FL_DEV_DIALLING;
	v->dial = ++d->last_number;
}

void fl_dev_attempt_tick(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	if (v->attempt != FL_DEV_DELAYED || v->dial_at > now)
		return;
	v->attempt = FL_DEV_IDLE;
	if (fl_dev_wants_dial(d, v))
		dial(d, now, v);
}

void fl_dev_attempt_consider(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	if (v->attempt != FL_DEV_IDLE || !fl_dev_wants_dial(d, v))
		return;
	v->attempt = FL_DEV_DELAYED;
	v->dial_at = v->state == FL_DEVICES_QUEUED ? now : now + draw_delay(d, v->tries);
	v->tries += v->tries < 2;
	fl_dev_attempt_tick(d, now, v);
}

void fl_dev_attempt_cancel(struct fl_devices *d, struct fl_dev *v)
{
	if (v->attempt == FL_DEV_DIALLING) {
		const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_ABORT,
							.ski = v->record.ski,
							.number = v->dial };
		/* Without memory the dial goes on, and its answer finds nobody. */
		enum fl_err lost = fl_dev_emit(d, &what);
		(void)lost;
	}
	v->attempt = FL_DEV_IDLE;
	v->tries = 0;
}

void fl_dev_attempt_now(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	v->hold = v->denied = false;
	v->tries = 0;
	if (v->attempt == FL_DEV_DELAYED)
		v->attempt = FL_DEV_IDLE;
	if (fl_dev_current(d, v) == NULL)
		fl_dev_set_state(d, v, FL_DEVICES_QUEUED, FL_OK, "");
	if (fl_dev_is_outside(d, v))
		fl_dev_limit_tell(d, v);
	fl_dev_attempt_consider(d, now, v);
}

static struct fl_dev *find_dialling(const struct fl_devices *d, uint64_t number)
{
	for (size_t i = 0; i < d->count; i++)
		if (d->at[i]->attempt == FL_DEV_DIALLING && d->at[i]->dial == number)
			return d->at[i];
	return NULL;
}

static void failed(struct fl_devices *d, fl_time now, struct fl_dev *v, enum fl_err err,
		   const char *why)
{
	if (fl_dev_current(d, v) != NULL)
		return; /* it came by itself meanwhile */
	if (err == FL_ERR_STATE && fl_dev_is_barred(d, v))
		fl_dev_limit_tell(d, v);
	else
		fl_dev_set_state(d, v, FL_DEVICES_ERROR, err, why != NULL ? why : fl_err_text(err));
	fl_dev_announce(d);
	fl_dev_attempt_consider(d, now, v);
}

enum fl_err fl_devices_dialled(struct fl_devices *d, fl_time now, uint64_t number, enum fl_err err,
			       const char *why, uint64_t *out_number, bool *out_parked)
{
	struct fl_dev *v = find_dialling(d, number);

	if (v == NULL)
		return FL_ERR_CLOSED;
	v->attempt = FL_DEV_IDLE;
	enum fl_err taken =
		err == FL_OK ? fl_dev_take(d, now, v, true, out_number, out_parked) : FL_ERR_CLOSED;
	if (taken != FL_OK)
		failed(d, now, v, err != FL_OK ? err : taken, why);
	fl_dev_settle(d, now, v);
	return taken;
}
