/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/heard.c - what the machine of a connection says: what of it is done, what is kept,
 * and what the application hears.
 */
#include "domain/devices/hub.h"

#include "base/text.h"
#include "crypto/prim.h"

static enum fl_device_state state_of(enum fl_ship_state s)
{
	switch (s) {
	case FL_SHIP_S_CMI_START:
	case FL_SHIP_S_CMI_CLIENT_SEND:
	case FL_SHIP_S_CMI_CLIENT_WAIT:
	case FL_SHIP_S_CMI_SERVER_WAIT:
	case FL_SHIP_S_CMI_SERVER_EVALUATE:
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
		fl_dev_link_leave(d, now, l);
	return FL_OK;
}

/* The hello has succeeded. Was that the user's wish? */
static enum fl_err on_trusted(struct fl_devices *d, fl_time now, struct fl_dev_link *l)
{
	if (!l->dev->record.trusted && !(l->windowed && fl_devices_auto_accepting(d))) {
		fl_dev_link_leave(d, now, l);
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
