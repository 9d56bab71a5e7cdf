/* SPDX-License-Identifier: BSD-3-Clause */
/* embed/call.c - what an application asks for, in the words of its header. */
#include "embed/hub_impl.h"

#include "services/ship/message_log.h"
#include "wire/ship/qr.h"

#include <stdio.h>

#define SAME_STATE(ours, theirs)                                                                   \
	_Static_assert((int)(ours) == (int)(theirs), "states have the same numbers")
SAME_STATE(FL_HUB_NONE, FL_DEVICES_NONE);
SAME_STATE(FL_HUB_QUEUED, FL_DEVICES_QUEUED);
SAME_STATE(FL_HUB_INITIATED, FL_DEVICES_INITIATED);
SAME_STATE(FL_HUB_RECEIVED_REQUEST, FL_DEVICES_RECEIVED_REQUEST);
SAME_STATE(FL_HUB_IN_PROGRESS, FL_DEVICES_IN_PROGRESS);
SAME_STATE(FL_HUB_TRUSTED, FL_DEVICES_TRUSTED);
SAME_STATE(FL_HUB_PIN_PHASE, FL_DEVICES_PIN);
SAME_STATE(FL_HUB_COMPLETED, FL_DEVICES_COMPLETED);
SAME_STATE(FL_HUB_REMOTE_DENIED, FL_DEVICES_REMOTE_DENIED);
SAME_STATE(FL_HUB_ERROR, FL_DEVICES_ERROR);

/* ---- results ---- */

fl_hub_result fl_embed_result(enum fl_err err)
{
	switch (err) {
	case FL_OK:
		return FL_HUB_OK;
	case FL_MORE:
	case FL_AGAIN:
		return FL_HUB_AGAIN;
	case FL_ERR_ARG:
		return FL_HUB_E_ARGUMENT;
	case FL_ERR_STATE:
		return FL_HUB_E_STATE;
	case FL_ERR_PROTO:
	case FL_ERR_SYNTAX:
		return FL_HUB_E_SYNTAX;
	case FL_ERR_TOO_BIG:
		return FL_HUB_E_TOO_BIG;
	case FL_ERR_NOT_FOUND:
		return FL_HUB_E_NOT_FOUND;
	case FL_ERR_DENIED:
		return FL_HUB_E_DENIED;
	case FL_ERR_CRYPTO:
	case FL_ERR_VERSION:
	case FL_ERR_EXISTS:
	case FL_ERR_EXPIRED:
	case FL_ERR_INVALID:
	case FL_ERR_AMBIGUOUS:
		return FL_HUB_E_INVALID;
	case FL_ERR_NOMEM:
		return FL_HUB_E_NO_MEMORY;
	case FL_ERR_FULL:
		return FL_HUB_E_FULL;
	case FL_ERR_CLOSED:
		return FL_HUB_E_NOT_CONNECTED;
	case FL_ERR_BUSY:
		return FL_HUB_E_IN_USE;
	case FL_ERR_CORRUPT:
		return FL_HUB_E_CORRUPT;
	case FL_ERR_UNSUPPORTED:
		return FL_HUB_E_UNSUPPORTED;
	case FL_ERR_IO:
	case FL_ERR_TIMEOUT:
		break;
	}
	return FL_HUB_E_IO;
}

const char *fl_hub_strerror(fl_hub_result r)
{
	switch (r) {
	case FL_HUB_OK:
		return "ok";
	case FL_HUB_AGAIN:
		return "not now, try again later";
	case FL_HUB_E_ARGUMENT:
		return "invalid argument";
	case FL_HUB_E_STATE:
		return "not possible now";
	case FL_HUB_E_SYNTAX:
		return "the text cannot be read";
	case FL_HUB_E_TOO_BIG:
		return "larger than the limit";
	case FL_HUB_E_NOT_FOUND:
		return "no such device is known";
	case FL_HUB_E_DENIED:
		return "not permitted";
	case FL_HUB_E_INVALID:
		return "invalid value";
	case FL_HUB_E_NO_MEMORY:
		return "out of memory";
	case FL_HUB_E_FULL:
		return "no room for another device";
	case FL_HUB_E_IO:
		return "file or network error";
	case FL_HUB_E_NOT_CONNECTED:
		return "the device is not connected";
	case FL_HUB_E_IN_USE:
		return "in use by another program";
	case FL_HUB_E_CORRUPT:
		return "stored data cannot be used";
	case FL_HUB_E_UNSUPPORTED:
		return "not supported here";
	}
	return "unknown error";
}

/* ---- devices ---- */

static struct fl_ski inner(fl_hub_ski ski)
{
	struct fl_ski s;

	_Static_assert(sizeof s.b == sizeof ski.b, "a SKI has 20 bytes");
	memcpy(s.b, ski.b, sizeof s.b);
	return s;
}

static fl_hub_ski outer(const struct fl_ski *ski)
{
	fl_hub_ski s = { { 0 } };

	memcpy(s.b, ski->b, sizeof s.b);
	return s;
}

fl_hub_result fl_hub_register(fl_hub *h, fl_hub_ski ski, const char *ship_id)
{
	const struct fl_ski s = inner(ski);
	return fl_embed_result(fl_ship_hub_pair(h->ship, &s, ship_id, NULL, NULL));
}

fl_hub_result fl_hub_unregister(fl_hub *h, fl_hub_ski ski)
{
	const struct fl_ski s = inner(ski);
	return fl_embed_result(fl_ship_hub_unpair(h->ship, &s, NULL));
}

fl_hub_result fl_hub_refuse(fl_hub *h, fl_hub_ski ski)
{
	const struct fl_ski s = inner(ski);
	return fl_embed_result(fl_ship_hub_refuse(h->ship, &s, NULL));
}

fl_hub_result fl_hub_connect(fl_hub *h, fl_hub_ski ski, const char *host, uint16_t port,
			     const char *path)
{
	const struct fl_ski s = inner(ski);
	return fl_embed_result(fl_ship_hub_connect(h->ship, &s, host, port, path, NULL));
}

fl_hub_result fl_hub_disconnect(fl_hub *h, fl_hub_ski ski, bool hold)
{
	const struct fl_ski s = inner(ski);
	return fl_embed_result(fl_ship_hub_disconnect(h->ship, &s, hold, NULL));
}

fl_hub_result fl_hub_auto_accept(fl_hub *h, unsigned seconds)
{
	return fl_embed_result(fl_ship_hub_window(h->ship, seconds, NULL));
}

void fl_hub_may_wait(fl_hub *h, bool yes)
{
	fl_ship_hub_may_wait(h->ship, yes);
}

fl_hub_result fl_hub_pin_key(fl_hub *h, fl_hub_ski ski, const uint8_t sha256[32])
{
	const struct fl_ski s = inner(ski);

	if (sha256 == NULL)
		return FL_HUB_E_ARGUMENT;
	return fl_embed_result(fl_ship_hub_pin_key(h->ship, &s, sha256, NULL));
}

fl_hub_result fl_hub_pin(fl_hub *h, fl_hub_ski ski, const char *pin)
{
	const struct fl_ski s = inner(ski);

	if (pin == NULL)
		return FL_HUB_E_ARGUMENT;
	return fl_embed_result(fl_ship_hub_pin(h->ship, &s, pin, NULL));
}

fl_hub_result fl_hub_send(fl_hub *h, fl_hub_ski ski, const char *json, size_t len, bool wire)
{
	const struct fl_ski s = inner(ski);

	if (json == NULL)
		return FL_HUB_E_ARGUMENT;
	enum fl_err err = fl_ship_hub_send(h->ship, &s, fl_slice_of(json, len), wire, NULL);
	if (err == FL_ERR_FULL)
		return FL_HUB_AGAIN;
	return err == FL_ERR_STATE ? FL_HUB_E_NOT_CONNECTED : fl_embed_result(err);
}

/* ---- questions ---- */

bool fl_hub_device_at(fl_hub *h, size_t i, fl_hub_device *out)
{
	if (!fl_devices_info_at(fl_ship_hub_devices(h->ship), i, &h->info))
		return false;
	*out = (fl_hub_device){
		.ski = outer(&h->info.record.ski),
		.ship_id = h->info.record.ship_id,
		.cause = h->info.text,
		.state = (fl_hub_state)h->info.state,
		.trusted = h->info.record.trusted,
		.visible = h->info.visible,
		.connected = h->info.connected,
		.conn = h->info.number,
	};
	return true;
}

bool fl_hub_visible_at(fl_hub *h, size_t i, fl_hub_seen *out)
{
	const struct fl_device_entry *e = fl_devices_visible_at(fl_ship_hub_devices(h->ship), i);

	if (e == NULL)
		return false;
	*out = (fl_hub_seen){
		.ski = outer(&e->txt.ski),
		.ship_id = e->txt.id,
		.brand = e->txt.brand,
		.model = e->txt.model,
		.device_type = e->txt.type,
		.serial = e->txt.serial,
		.instance = e->instance,
		.host = e->host,
		.path = e->txt.path,
		.port = e->port,
		.categories = e->txt.categories,
		.categories_count = e->txt.categories_count,
		.auto_accept = e->txt.auto_accept,
	};
	return true;
}

void fl_hub_messages(const fl_hub *h, fl_hub_message_log *out)
{
	struct fl_ship_message_log_stats s;

	fl_ship_hub_messages(h->ship, &s);
	*out = (fl_hub_message_log){
		.path = s.path,
		.written = s.written,
		.lost = s.lost,
		.waiting = s.waiting,
		.failing = s.failing,
	};
}

uint16_t fl_hub_port(const fl_hub *h)
{
	return fl_ship_hub_at(h->ship).port;
}

void fl_hub_own_ski(const fl_hub *h, fl_hub_ski *out)
{
	*out = outer(fl_ship_hub_ski(h->ship));
}

fl_hub_result fl_hub_qr(const fl_hub *h, char *out, size_t size)
{
	struct fl_buf text = fl_buf_make(FL_SHIP_QR_MAX);

	enum fl_err err = fl_ship_hub_qr(h->ship, &text);
	if (err == FL_OK && text.len >= size)
		err = FL_ERR_TOO_BIG;
	if (err == FL_OK)
		snprintf(out, size, "%.*s", (int)text.len, (const char *)text.ptr);
	fl_buf_done(&text);
	return fl_embed_result(err);
}

fl_hub_result fl_hub_ski_parse(const char *text_or_qr, fl_hub_ski *out)
{
	const struct fl_slice text = fl_slice_trim(fl_slice_str(text_or_qr));
	struct fl_ship_txt txt;

	if (text.len > 4 && memcmp(text.ptr, "SHIP", 4) == 0) {
		enum fl_err err = fl_ship_qr_parse(text, NULL, &txt);
		if (err != FL_OK)
			return fl_embed_result(err);
	} else if (fl_ski_parse(text, &txt.ski) != FL_OK) {
		return FL_HUB_E_SYNTAX;
	}
	*out = outer(&txt.ski);
	return FL_HUB_OK;
}

void fl_hub_ski_format(fl_hub_ski ski, char out[41])
{
	const struct fl_ski s = inner(ski);
	fl_ski_format(&s, out);
}
