/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/live.c - the life of a connection in the hub: what its machine wants done, which
 * of that the application hears, and what its end means.
 *
 * The application knows of one connection a device at most, `told`. It is told of the first one
 * that opens, of each other that takes its place, and once of the end: when the one that stands in
 * the registry is removed and nobody follows, or who follows does not open in time (it may wait
 * for its user for minutes). A farewell of any other has no effect on anybody.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/prim.h"

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
	if (v->state != FL_DEVICES_QUEUED) { /* else the user asked again meanwhile */
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

/* It is dying: nobody's current connection any more, so that another one may come. */
static void leave(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	if (fl_registry_leave(&l->entry) && l->dev->parked != NULL)
		promote(d, now, l->dev);
}

void fl_dev_link_end(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
		     enum fl_ship_close_reason reason, uint16_t code, const char *text)
{
	leave(d, now, l);
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

/* ---- what the machine says ---- */

static enum fl_device_state state_of(enum fl_ship_state s)
{
	switch (s) {
	case FL_SHIP_S_CMI_START:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
		return FL_DEVICES_INITIATED;
	case FL_SHIP_S_PENDING_LISTEN:
		return FL_DEVICES_RECEIVED_REQUEST;
	case FL_SHIP_S_HELLO_OK:
		return FL_DEVICES_TRUSTED;
	case FL_SHIP_S_PIN:
		return FL_DEVICES_PIN;
	case FL_SHIP_S_COMPLETE:
		return FL_DEVICES_COMPLETED;
	case FL_SHIP_S_REMOTE_ABORT:
	case FL_SHIP_S_REJECTED:
		return FL_DEVICES_REMOTE_DENIED;
	case FL_SHIP_S_ABORT_DONE:
		return FL_DEVICES_NONE;
	case FL_SHIP_S_READY_LISTEN:
	case FL_SHIP_S_LISTEN_PROPOSAL:
	case FL_SHIP_S_LISTEN_CONFIRM:
	case FL_SHIP_S_LISTEN_CHOICE:
	case FL_SHIP_S_DATA:
	case FL_SHIP_S_ERROR:
	case FL_SHIP_S_CLOSING:
	case FL_SHIP_S_CLOSED:
		break;
	}
	return FL_DEVICES_IN_PROGRESS;
}

static bool is_dying(enum fl_ship_state s)
{
	return s == FL_SHIP_S_ABORT_DONE || s == FL_SHIP_S_REMOTE_ABORT ||
	       s == FL_SHIP_S_REJECTED || s >= FL_SHIP_S_ERROR;
}

static enum fl_err on_state(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
			    enum fl_ship_state s)
{
	/* That it is trusted is told when it is, and an error or a close with the end. */
	const bool is_told = s < FL_SHIP_S_ERROR && s != FL_SHIP_S_HELLO_OK;

	if (s < FL_SHIP_S_ERROR)
		l->step = s;
	if (is_told && fl_dev_current(d, l->dev) == l) {
		fl_dev_set_state(d, l->dev, state_of(s), FL_OK, "");
		/* Who refused us is not asked again before he, or the user, says so. */
		if (s == FL_SHIP_S_ABORT_DONE || s == FL_SHIP_S_REMOTE_ABORT)
			l->dev->denied = true;
	}
	if (is_dying(s))
		leave(d, now, l);
	return FL_OK;
}

/* The hello has succeeded. Was that the user's wish? */
static enum fl_err on_trusted(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	if (!l->dev->record.trusted && !(l->windowed && fl_devices_auto_accepting(d))) {
		leave(d, now, l);
		fl_ship_conn_end(l->machine, now, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_REJECTED,
				 "Node rejected by application");
		return FL_OK;
	}
	enum fl_err err = fl_dev_set_trust(d, l->dev, true);
	if (err == FL_OK)
		fl_dev_set_state(d, l->dev, FL_DEVICES_TRUSTED, FL_OK, "");
	return err;
}

static void on_open(struct fl_devices *d, struct fl_dev_link *l)
{
	struct fl_dev *v = l->dev;
	const struct fl_devices_effect what = {
		.kind = v->told != 0 ? FL_DEVICES_TELL_REPLACED : FL_DEVICES_TELL_CONNECTED,
		.ski = v->record.ski,
		.number = l->number,
		.old_number = v->told,
	};
	fl_dev_emit_ready(d, l->open, &what);
	l->open = NULL;
	v->told = l->number;
	v->succession = 0;
	if (v->gone == NULL) {
		v->gone = l->gone;
		l->gone = NULL;
	}
}

static enum fl_err on_peer_id(struct fl_devices *d, struct fl_dev *v, struct fl_slice id)
{
	const struct fl_device_record before = v->record;

	if (fl_slice_is(id, before.ship_id))
		return FL_OK;
	fl_str_copy(v->record.ship_id, sizeof v->record.ship_id, id);
	enum fl_err err = fl_dev_persist(d, v);
	if (err != FL_OK) {
		v->record = before; /* else the next connection would find nothing to keep */
		return err;
	}
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_SHIP_ID,
						.ski = v->record.ski,
						.text = v->record.ship_id };
	return fl_dev_emit(d, &what);
}

static enum fl_err tell_pin_wanted(struct fl_devices *d, const struct fl_dev_link *l, bool optional,
				   enum fl_err err)
{
	const struct fl_devices_effect what = { .kind = FL_DEVICES_TELL_PIN_WANTED,
						.ski = l->dev->record.ski,
						.number = l->number,
						.optional = optional,
						.err = err };
	return fl_dev_emit(d, &what);
}

/* The user may have told it before it was asked for, and since this connection began. */
static enum fl_err on_ask_pin(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
			      bool optional)
{
	const struct fl_dev *v = l->dev;

	if (v->pin[0] != '\0' && fl_ship_conn_pin(l->machine, now, v->pin) == FL_OK)
		return FL_OK;
	return tell_pin_wanted(d, l, optional, FL_OK);
}

static enum fl_err on_pin_wrong(struct fl_devices *d, struct fl_dev_link *l)
{
	fl_wipe(l->dev->pin, sizeof l->dev->pin); /* it is not sent again */
	return tell_pin_wanted(d, l, false, FL_ERR_DENIED);
}

static enum fl_err pass(struct fl_devices *d, const struct fl_dev_link *l,
			enum fl_devices_effect_kind kind, struct fl_slice bytes)
{
	const struct fl_devices_effect what = {
		.kind = kind, .ski = l->dev->record.ski, .number = l->number, .bytes = bytes
	};
	return fl_dev_emit(d, &what);
}

/* An application that does not listen costs the connection, if the driver reads on all the same. */
static enum fl_err on_data(struct fl_devices *d, const struct fl_dev_link *l, struct fl_slice bytes)
{
	if (d->tells_bytes + bytes.len > 2 * (size_t)FL_DEVICES_TELLS_BYTES_MAX ||
	    d->tells_count >= 2 * (size_t)FL_DEVICES_TELLS_MAX)
		return FL_ERR_FULL;
	return pass(d, l, FL_DEVICES_TELL_DATA, bytes);
}

/* What a connection says that is not the current one concerns nobody but its peer. */
static enum fl_err handle_current(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
				  const struct fl_ship_effect *e)
{
	switch (e->kind) {
	case FL_SHIP_DO_TRUSTED:
		return on_trusted(d, now, l);
	case FL_SHIP_DO_ASK_PIN:
		return on_ask_pin(d, now, l, e->optional);
	case FL_SHIP_DO_PIN_WRONG:
		return on_pin_wrong(d, l);
	case FL_SHIP_DO_OPEN:
		on_open(d, l);
		return FL_OK;
	case FL_SHIP_DO_PEER_ID:
		return on_peer_id(d, l->dev, e->bytes);
	case FL_SHIP_DO_DATA:
		return on_data(d, l, e->bytes);
	case FL_SHIP_DO_ASK_TRUST: /* told as a state */
	case FL_SHIP_DO_SEND:
	case FL_SHIP_DO_STATE:
	case FL_SHIP_DO_PIN_FAILED:
	case FL_SHIP_DO_CLOSE:
		break;
	}
	return FL_OK;
}

static enum fl_err handle(struct fl_devices *d, fl_time now, struct fl_dev_link *l,
			  const struct fl_ship_effect *e)
{
	if (e->kind == FL_SHIP_DO_SEND)
		return pass(d, l, FL_DEVICES_DO_SEND, e->bytes);
	if (e->kind == FL_SHIP_DO_STATE)
		return on_state(d, now, l, e->state);
	if (e->kind == FL_SHIP_DO_PIN_FAILED) {
		l->dev->pin_failures = e->pin_failures;
		l->dev->pin_busy_until = e->pin_busy_until;
		return FL_OK;
	}
	return fl_dev_current(d, l->dev) == l ? handle_current(d, now, l, e) : FL_OK;
}

void fl_dev_link_pump(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	struct fl_ship_effect e;

	while (fl_ship_conn_next(l->machine, &e)) {
		if (e.kind == FL_SHIP_DO_CLOSE) {
			const struct fl_dev_end end = { e.err, e.code, e.text, e.completed };
			fl_dev_link_cut(d, now, l, &end);
			return;
		}
		enum fl_err err = handle(d, now, l, &e);
		if (err != FL_OK) {
			const struct fl_dev_end end = { err, FL_SHIP_CODE_CLOSE, fl_err_text(err),
							false };
			fl_dev_link_cut(d, now, l, &end);
			return;
		}
	}
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
