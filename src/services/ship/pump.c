/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/pump.c - carries out what the machine wants, in its order. */
#include "services/ship/hub_impl.h"

#include "base/log.h"

enum fl_err fl_ship_record_keep(struct fl_ship_hub *h, const struct fl_device_record *r,
				struct fl_fault *fault)
{
	return fl_device_record_is_kept(r) ? fl_ship_store_put(h->store, r, fault)
					   : fl_ship_store_drop(h->store, &r->ski, fault);
}

/*
 * The record goes to the disk before anything else is done about the device. Where the user asked
 * for the trust it is there already (command.c) and nothing is written here. Else it came about by
 * a message in a window, of one device: a message is drained before the next is looked at.
 */
static void persist(struct fl_ship_hub *h, const struct fl_devices_effect *e)
{
	const struct fl_device_record *r = e->record;
	const struct fl_device_record *old = fl_ship_store_find(h->store, &r->ski);
	bool new_trust = r->trusted && (old == NULL || !old->trusted);
	struct fl_fault fault = { "" };

	enum fl_err err = fl_ship_record_keep(h, r, &fault);
	if (err == FL_OK)
		return;
	h->counts.unsaved++;
	fl_log_error(new_trust ? "a device is not trusted: that could not be kept"
			       : "a change of a device could not be kept",
		     FL_LS("why", fault.text[0] != '\0' ? fault.text : fl_err_text(err)));
	if (new_trust) {
		h->unsaved = true;
		h->unsaved_ski = r->ski;
	}
}

/* What follows from trust that does not stand. */
static bool is_void(const struct fl_ship_hub *h, const struct fl_devices_effect *e)
{
	if (!h->unsaved || fl_ski_cmp(&e->ski, &h->unsaved_ski) != 0)
		return false;
	return e->kind == FL_DEVICES_DO_SEND || e->kind == FL_DEVICES_TELL_STATE ||
	       e->kind == FL_DEVICES_TELL_TRUST;
}

static void on_link(struct fl_ship_hub *h, const struct fl_devices_effect *e)
{
	struct fl_ship_link *k = fl_ship_link_find(h, e->number);

	if (k == NULL) /* it ended in the meantime, and the machine has been told */
		return;
	if (e->kind == FL_DEVICES_DO_SEND)
		fl_ship_link_send(k, e->bytes);
	else if (e->kind == FL_DEVICES_DO_CLOSE)
		fl_ship_link_close(k, e->code, e->text != NULL ? e->text : "");
	else
		fl_ship_link_resume(k);
}

static void carry_out(struct fl_ship_hub *h, const struct fl_devices_effect *e)
{
	switch (e->kind) {
	case FL_DEVICES_DO_DIAL:
		fl_ship_dial_start(h, e->number, &e->ski, e->entry);
		break;
	case FL_DEVICES_DO_ABORT:
		fl_ship_dial_abort(h, e->number);
		break;
	case FL_DEVICES_DO_SEND:
	case FL_DEVICES_DO_CLOSE:
	case FL_DEVICES_DO_RESUME:
		on_link(h, e);
		break;
	case FL_DEVICES_DO_PERSIST:
		persist(h, e);
		break;
	case FL_DEVICES_DO_ANNOUNCE:
		fl_ship_announce(h, e->auto_accept);
		break;
	case FL_DEVICES_TELL_VISIBLE:
	case FL_DEVICES_TELL_STATE:
	case FL_DEVICES_TELL_CONNECTED:
	case FL_DEVICES_TELL_REPLACED:
	case FL_DEVICES_TELL_DISCONNECTED:
	case FL_DEVICES_TELL_SHIP_ID:
	case FL_DEVICES_TELL_TRUST:
	case FL_DEVICES_TELL_PIN_WANTED:
	case FL_DEVICES_TELL_DATA:
	case FL_DEVICES_TELL_FORGOTTEN:
		fl_ship_hub_tell(h, e);
		break;
	}
}

static void drain(struct fl_ship_hub *h)
{
	struct fl_devices_effect e;

	while (fl_devices_next(h->devices, &e))
		if (!is_void(h, &e))
			carry_out(h, &e);
}

/* While it stops, the machine hears of no command; then what was not written ends with it. */
static void take_back(struct fl_ship_hub *h)
{
	if (!h->unsaved)
		return;
	h->unsaved = false;
	enum fl_err err = fl_devices_unregister(h->devices, fl_loop_now(h->loop), &h->unsaved_ski);
	if (err == FL_OK)
		drain(h);
	else
		fl_log_error("a device is trusted until the hub ends",
			     FL_LS("why", fl_err_text(err)));
}

static void arm(struct fl_ship_hub *h)
{
	fl_time at = fl_devices_deadline(h->devices);

	if (at == FL_NEVER)
		fl_timer_stop(&h->timer);
	else
		fl_timer_start(&h->timer, at - fl_loop_now(h->loop));
}

void fl_ship_pump(struct fl_ship_hub *h)
{
	if (h->pumping)
		return;
	h->pumping = true;
	drain(h);
	take_back(h);
	h->pumping = false;
	arm(h);
	if (h->stopping && !h->told_down && fl_devices_is_down(h->devices))
		fl_loop_defer(h->loop, &h->say_down);
}
