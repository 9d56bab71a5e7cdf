/* SPDX-License-Identifier: BSD-3-Clause */
/* services/ship/event.c - what the machine tells, passed on to everyone who listens. */
#include "services/ship/hub_impl.h"

#include "base/log.h"

/* A marker keeps the place on the list, whatever those who hear do to it. */
static void spread(struct fl_ship_hub *h, const struct fl_ship_event *e)
{
	struct fl_list mark = { 0 }, *it = h->ears.next;

	while (it != &h->ears) {
		struct fl_ship_ear *ear = fl_list_entry(it, struct fl_ship_ear, link);
		fl_list_push(it->next, &mark); /* before the next one */
		ear->hear(ear->ctx, e);
		it = mark.next;
		fl_list_del(&mark);
	}
}

static enum fl_ship_event_kind kind_of(enum fl_devices_effect_kind kind)
{
	switch (kind) {
	case FL_DEVICES_TELL_STATE:
		return FL_SHIP_EV_STATE;
	case FL_DEVICES_TELL_CONNECTED:
		return FL_SHIP_EV_CONNECTED;
	case FL_DEVICES_TELL_REPLACED:
		return FL_SHIP_EV_REPLACED;
	case FL_DEVICES_TELL_DISCONNECTED:
		return FL_SHIP_EV_DISCONNECTED;
	case FL_DEVICES_TELL_SHIP_ID:
		return FL_SHIP_EV_SHIP_ID;
	case FL_DEVICES_TELL_TRUST:
		return FL_SHIP_EV_TRUST;
	case FL_DEVICES_TELL_PIN_WANTED:
		return FL_SHIP_EV_PIN_WANTED;
	case FL_DEVICES_TELL_DATA:
		return FL_SHIP_EV_DATA;
	case FL_DEVICES_TELL_FORGOTTEN:
		return FL_SHIP_EV_FORGOTTEN;
	case FL_DEVICES_TELL_VISIBLE:
	case FL_DEVICES_DO_DIAL:
	case FL_DEVICES_DO_ABORT:
	case FL_DEVICES_DO_SEND:
	case FL_DEVICES_DO_CLOSE:
	case FL_DEVICES_DO_RESUME:
	case FL_DEVICES_DO_PERSIST:
	case FL_DEVICES_DO_ANNOUNCE:
		break;
	}
	return FL_SHIP_EV_VISIBLE;
}

/* What an operator wants to read afterwards: who is there, who is trusted, and since when. */
static void log_event(const struct fl_ship_event *e)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&e->ski, ski);
	if (e->kind == FL_SHIP_EV_STATE)
		fl_log_info("device", FL_LS("ski", ski),
			    FL_LS("state", fl_devices_state_name(e->state)), FL_LS("why", e->text));
	else if (e->kind == FL_SHIP_EV_CONNECTED)
		fl_log_info("device connected", FL_LS("ski", ski), FL_LU("connection", e->conn));
	else if (e->kind == FL_SHIP_EV_REPLACED)
		fl_log_info("device connected anew", FL_LS("ski", ski),
			    FL_LU("connection", e->conn), FL_LU("before", e->old_conn));
	else if (e->kind == FL_SHIP_EV_DISCONNECTED)
		fl_log_info("device disconnected", FL_LS("ski", ski), FL_LU("connection", e->conn));
	else if (e->kind == FL_SHIP_EV_TRUST)
		fl_log_info(e->trusted ? "device is trusted from now on"
				       : "device is no longer trusted",
			    FL_LS("ski", ski));
}

static const char *text_of(const struct fl_devices_effect *e)
{
	if (e->kind == FL_DEVICES_TELL_PIN_WANTED && e->err != FL_OK)
		return "the PIN was wrong";
	return e->text != NULL ? e->text : "";
}

void fl_ship_hub_tell(struct fl_ship_hub *h, const struct fl_devices_effect *e)
{
	const struct fl_ship_event told = {
		.kind = kind_of(e->kind),
		.ski = e->ski,
		.conn = e->number,
		.old_conn = e->old_number,
		.state = e->state,
		.err = e->err,
		.trusted = e->trusted,
		.optional = e->optional,
		.text = text_of(e),
		.data = e->bytes,
	};

	h->counts.payloads_in += e->kind == FL_DEVICES_TELL_DATA;
	log_event(&told);
	spread(h, &told);
}

void fl_ship_hub_listen(struct fl_ship_hub *h, struct fl_ship_ear *ear)
{
	fl_list_push(&h->ears, &ear->link);
}

void fl_ship_hub_unlisten(struct fl_ship_ear *ear)
{
	fl_list_del(&ear->link);
}

void fl_ship_hub_hold(struct fl_ship_hub *h, bool hold)
{
	if (hold)
		h->holds++;
	else if (h->holds > 0)
		h->holds--;
	fl_ship_links_pause(h);
}
