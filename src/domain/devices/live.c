/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/live.c - the life of a connection in the hub: how it begins, who takes its place,
 * and what its end means.
 *
 * The application knows of one connection a device at most, `told`. It is told of the first one
 * that opens, of each other that takes its place, and once of the end: when the one that stands in
 * the registry is removed and nobody follows, or who follows does not open in time (it may wait
 * for its user for minutes). A farewell of any other has no effect on anybody.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>

static const struct fl_dev_end no_memory = { FL_ERR_NOMEM, FL_SHIP_CODE_CLOSE, "out of memory",
					     false };

struct fl_dev_link *fl_dev_current(const struct fl_devices *d, const struct fl_dev *v)
{
	struct fl_conn *c = fl_registry_current(d->registry, &v->record.ski);

	return c != NULL ? fl_list_entry(c, struct fl_dev_link, entry) : NULL;
}

struct fl_dev_link *fl_dev_link_find(const struct fl_devices *d, uint64_t number)
{
	return fl_map_find(&d->links, &number);
}

/* ---- beginning ---- */

void fl_dev_link_free(struct fl_devices *d, struct fl_dev_link *l)
{
	fl_registry_remove(d->registry, &l->entry, 0); /* without effect on one that ended */
	fl_list_del(&l->among);
	if (l->dev->parked == l)
		l->dev->parked = NULL;
	fl_map_take(&d->links, &l->number);
	fl_ship_conn_free(l->machine);
	free(l->close);
	free(l->open);
	free(l->gone);
	free(l);
}

static enum fl_err make_machine(struct fl_devices *d, struct fl_dev_link *l)
{
	const struct fl_dev *v = l->dev;
	const struct fl_ship_conn_config cfg = {
		.client = l->client,
		.trusted = v->record.trusted || l->windowed,
		.may_wait = d->may_wait,
		.ship_id = d->ship_id,
		.peer_id = v->record.ship_id,
		.pin_wanted = d->cfg.pin_wanted,
		.pin = d->pin[0] != '\0' ? d->pin : NULL,
		.peer_pin = v->pin[0] != '\0' ? v->pin : NULL,
		.pin_failures = v->pin_failures,
		.pin_busy_until = v->pin_busy_until,
		.timers = d->cfg.timers,
		.message_max = d->cfg.message_max,
	};
	return fl_ship_conn_new(&cfg, &l->machine);
}

enum fl_err fl_dev_link_new(struct fl_devices *d, struct fl_dev *v, bool client,
			    struct fl_dev_link **out)
{
	struct fl_dev_link *l = calloc(1, sizeof *l);

	if (l == NULL)
		return FL_ERR_NOMEM;
	l->dev = v;
	l->client = client;
	l->windowed = !client && fl_devices_auto_accepting(d);
	l->number = d->last_number + 1;
	l->close = fl_dev_effect_new();
	l->open = fl_dev_effect_new();
	l->gone = fl_dev_effect_new();
	if (l->close == NULL || l->open == NULL || l->gone == NULL || make_machine(d, l) != FL_OK ||
	    fl_map_put(&d->links, &l->number, l) != FL_OK) {
		fl_dev_link_free(d, l);
		return FL_ERR_NOMEM;
	}
	d->last_number++;
	fl_list_push(&v->links, &l->among);
	*out = l;
	return FL_OK;
}

enum fl_err fl_dev_link_begin(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	struct fl_list old;
	bool first;

	fl_list_init(&old);
	enum fl_err err =
		fl_registry_swap(d->registry, &l->dev->record.ski, &l->entry, &old, &first);
	if (err != FL_OK)
		return err;
	l->dev->denied = false;
	if (l->dev->told != 0 && l->dev->succession == 0)
		l->dev->succession = now + FL_DEV_SUCCESSION;
	for (struct fl_list *at; (at = fl_list_pop(&old)) != NULL;) {
		struct fl_conn *c = fl_list_entry(at, struct fl_conn, link);
		if (!c->leaving) /* else it is saying farewell already */
			fl_dev_link_end(d, now, fl_list_entry(c, struct fl_dev_link, entry),
					FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE,
					"double connection");
	}
	if (l->dev->record.trusted) /* perhaps since it was parked */
		fl_ship_conn_decide(l->machine, now, true);
	fl_ship_conn_start(l->machine, now);
	fl_dev_link_pump(d, now, l);
	return FL_OK;
}

/* ---- end ---- */

/* The one that waited takes the place of the one that ends. False: it could not. */
static bool promote(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	struct fl_dev_link *l = v->parked;
	const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_RESUME,
						.ski = v->record.ski,
						.number = l->number };
	v->parked = NULL;
	if (fl_dev_emit(d, &what) == FL_OK && fl_dev_link_begin(d, now, l) == FL_OK)
		return true;
	fl_dev_link_cut(d, now, l, &no_memory);
	return false;
}

static enum fl_device_state state_after(const struct fl_dev_link *l, enum fl_err err)
{
	if (err == FL_OK || l->step == FL_SHIP_S_ABORT_DONE)
		return FL_DEVICES_NONE;
	if (err == FL_ERR_DENIED || l->step == FL_SHIP_S_REJECTED)
		return FL_DEVICES_REMOTE_DENIED;
	return FL_DEVICES_ERROR;
}

static void tell_disconnected(struct fl_devices *d, struct fl_dev *v, enum fl_err err)
{
	if (v->told == 0)
		return;
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_DISCONNECTED,
						.ski = v->record.ski,
						.number = v->told,
						.err = err };
	fl_dev_emit_ready(d, v->gone, &what);
	v->gone = NULL;
	v->told = 0;
	v->succession = 0;
}

/* It is offline: what the last of its connections leaves behind. */
static void gone_offline(struct fl_devices *d, fl_time now, struct fl_dev *v,
			 enum fl_device_state state, const struct fl_dev_end *end)
{
	tell_disconnected(d, v, end->err);
	if (fl_dev_is_outside(d, v) && v->record.trusted) {
		fl_dev_limit_tell(d, v);
	} else if (v->state != FL_DEVICES_QUEUED) { /* else the user asked again meanwhile */
		bool wrong = state == FL_DEVICES_ERROR;
		fl_dev_set_state(d, v, state, wrong ? end->err : FL_OK, wrong ? end->text : "");
	}
	if (end->completed)
		v->tries = 0;
	if (v->record.trusted)
		fl_dev_announce(d);
	fl_dev_attempt_consider(d, now, v);
}

void fl_dev_link_cut(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
		     const struct fl_dev_end *end)
{
	struct fl_dev *v = l->dev;
	const enum fl_device_state state = state_after(l, end->err);

	if (!l->lost) {
		const struct fl_devices_effect what = { .kind = FL_DEVICES_DO_CLOSE,
							.ski = v->record.ski,
							.number = l->number,
							.code = end->code,
							.text = end->text };
		fl_dev_emit_ready(d, l->close, &what);
		l->close = NULL;
	}
	if (end->err == FL_ERR_DENIED && fl_dev_current(d, v) == l)
		v->denied = true; /* it removed us from its list */
	enum fl_conn_end was = fl_registry_remove(d->registry, &l->entry, now);
	fl_dev_link_free(d, l);
	if (was == FL_CONN_STALE)
		return;
	if (v->parked == NULL || !promote(d, now, v))
		gone_offline(d, now, v, state, end);
}

void fl_dev_link_leave(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	if (fl_registry_leave(&l->entry) && l->dev->parked != NULL)
		promote(d, now, l->dev);
}

void fl_dev_link_end(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
		     enum fl_ship_close_reason reason, uint16_t code, const char *text)
{
	fl_dev_link_leave(d, now, l);
	fl_ship_conn_end(l->machine, now, reason, code, text);
	fl_dev_link_pump(d, now, l);
}

static void drop_parked(struct fl_devices *d, fl_time now, struct fl_dev *v, uint16_t code,
			const char *text)
{
	const struct fl_dev_end end = { FL_OK, code, text, false };

	if (v->parked != NULL)
		fl_dev_link_cut(d, now, v->parked, &end);
}

void fl_dev_end_links(struct fl_devices *d, fl_time now, struct fl_dev *v,
		      enum fl_ship_close_reason reason, uint16_t code, const char *text)
{
	drop_parked(d, now, v, code, text);
	fl_list_each(it, &v->links) fl_dev_link_end(
		d, now, fl_list_entry(it, struct fl_dev_link, among), reason, code, text);
}

void fl_dev_link_refuse(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	drop_parked(d, now, l->dev, FL_SHIP_CODE_REJECTED, "Node rejected by application");
	fl_ship_conn_decide(l->machine, now, false);
	fl_dev_link_pump(d, now, l);
}

/* ---- facts of the driver ---- */

void fl_devices_message(struct fl_devices *d, fl_time now, uint64_t number, struct fl_slice message)
{
	struct fl_dev_link *l = fl_dev_link_find(d, number);

	if (l == NULL || l->dev->parked == l)
		return;
	struct fl_dev *v = l->dev;
	fl_ship_conn_message(l->machine, now, message);
	fl_dev_link_pump(d, now, l);
	fl_dev_settle(d, now, v);
}

void fl_devices_lost(struct fl_devices *d, fl_time now, uint64_t number, uint16_t code,
		     struct fl_slice reason)
{
	struct fl_dev_link *l = fl_dev_link_find(d, number);

	if (l == NULL)
		return;
	struct fl_dev *v = l->dev;
	fl_dev_rule_lost(d, v, now, number, code, reason);
	l->lost = true;
	if (code == FL_SHIP_CODE_REJECTED && fl_dev_current(d, v) == l)
		v->denied = true;
	fl_ship_conn_lost(l->machine, now, code == FL_SHIP_CODE_REJECTED);
	fl_dev_link_pump(d, now, l);
	fl_dev_settle(d, now, v);
}

static struct fl_dev_link *due_link(const struct fl_dev *v, fl_time now)
{
	fl_list_each(it, &v->links)
	{
		struct fl_dev_link *l = fl_list_entry(it, struct fl_dev_link, among);
		if (v->parked != l && fl_ship_conn_deadline(l->machine) <= now)
			return l;
	}
	return NULL;
}

void fl_dev_links_tick(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	if (v->parked != NULL && v->parked->parked_until <= now)
		promote(d, now, v);
	if (v->succession != 0 && v->succession <= now)
		tell_disconnected(d, v, FL_ERR_TIMEOUT);
	for (struct fl_dev_link *l; (l = due_link(v, now)) != NULL;) {
		fl_ship_conn_tick(l->machine, now);
		fl_dev_link_pump(d, now, l);
	}
}
