/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/info.c - questions.
 */
#include "domain/devices/hub.h"

#include <string.h>

const char *fl_devices_state_name(enum fl_device_state s)
{
	switch (s) {
	case FL_DEVICES_NONE:
		return "none";
	case FL_DEVICES_QUEUED:
		return "queued";
	case FL_DEVICES_INITIATED:
		return "initiated";
	case FL_DEVICES_RECEIVED_REQUEST:
		return "received-pairing-request";
	case FL_DEVICES_IN_PROGRESS:
		return "in-progress";
	case FL_DEVICES_TRUSTED:
		return "trusted";
	case FL_DEVICES_PIN:
		return "pin";
	case FL_DEVICES_COMPLETED:
		return "completed";
	case FL_DEVICES_REMOTE_DENIED:
		return "remote-denied-trust";
	case FL_DEVICES_ERROR:
		return "error";
	}
	return "?";
}

static void fill(const struct fl_devices *d, const struct fl_dev *v, struct fl_device_info *out)
{
	const struct fl_dev_link *l = fl_dev_current(d, v);

	*out = (struct fl_device_info){
		.record = v->record,
		.state = v->state,
		.err = v->err,
		.visible = fl_dev_seen(d, &v->record.ski) != NULL,
		.connected = l != NULL && fl_ship_conn_is_open(l->machine),
		.client = l != NULL && l->client,
		.number = l != NULL ? l->number : 0,
		.step = l != NULL ? fl_ship_conn_state(l->machine) : FL_SHIP_S_CLOSED,
		.attempts = v->tries,
		.allow = v->allow,
		.next_try = v->attempt == FL_DEV_DELAYED ? v->dial_at : FL_NEVER,
		.rule = fl_dev_rule(d, v),
	};
	memcpy(out->text, v->text, sizeof out->text);
}

enum fl_err fl_devices_info(const struct fl_devices *d, const struct fl_ski *ski,
			    struct fl_device_info *out)
{
	const struct fl_dev *v = fl_dev_find(d, ski);

	if (v == NULL)
		return FL_ERR_NOT_FOUND;
	fill(d, v, out);
	return FL_OK;
}

bool fl_devices_info_at(const struct fl_devices *d, size_t i, struct fl_device_info *out)
{
	if (i >= d->count)
		return false;
	fill(d, d->at[i], out);
	return true;
}

const uint8_t *fl_devices_key_pin(const struct fl_devices *d, const struct fl_ski *ski)
{
	const struct fl_dev *v = fl_dev_find(d, ski);

	return v != NULL && v->record.has_pin_sha ? v->record.key_pin : NULL;
}

size_t fl_devices_connections(const struct fl_devices *d)
{
	return d->links.len;
}

/* ---- whether all agree ---- */

static bool check_links(const struct fl_devices *d, const struct fl_dev *v, size_t *links)
{
	size_t here = 0;

	fl_list_each(it, &v->links)
	{
		const struct fl_dev_link *l = fl_list_entry(it, struct fl_dev_link, among);
		++*links;
		here += l->entry.key != NULL;
		if (l->dev != v || fl_dev_link_find(d, l->number) != l)
			return false;
		if (v->parked == l && l->entry.key != NULL)
			return false;
	}
	return here <= 1 && here == fl_registry_live(d->registry, &v->record.ski);
}

/* The connection in the registry, dying or not. */
static const struct fl_dev_link *stands(const struct fl_devices *d, const struct fl_dev *v)
{
	const struct fl_list *conns = fl_registry_conns(d->registry, &v->record.ski);

	return conns == NULL ? NULL
			     : fl_list_entry(fl_list_entry(conns->next, struct fl_conn, link),
					     struct fl_dev_link, entry);
}

static bool check_dev(const struct fl_devices *d, const struct fl_dev *v)
{
	if (v->parked != NULL && fl_dev_current(d, v) == NULL)
		return false; /* nothing to wait for */
	const struct fl_dev_link *here = stands(d, v);
	if (v->told != 0 && (v->gone == NULL || here == NULL))
		return false;
	if (v->told != 0 && v->succession == 0 && here->number != v->told)
		return false;
	if (fl_devices_is_ending(d) && v->attempt != FL_DEV_IDLE)
		return false;
	if (fl_dev_current(d, v) != NULL && fl_dev_is_outside(d, v))
		return false;
	if (fl_dev_wants_dial(d, v) && v->attempt == FL_DEV_IDLE)
		return false; /* never dialled again */
	return v->attempt != FL_DEV_DELAYED || d->due <= v->dial_at;
}

bool fl_devices_check(const struct fl_devices *d)
{
	size_t links = 0, online = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct fl_dev *v = d->at[i];
		if (i > 0 && memcmp(d->at[i - 1]->record.ski.b, v->record.ski.b, FL_SKI_LEN) >= 0)
			return false;
		if (!check_links(d, v, &links) || !check_dev(d, v))
			return false;
		online += fl_registry_live(d->registry, &v->record.ski) > 0;
	}
	return links == d->links.len && online == fl_registry_online(d->registry);
}
