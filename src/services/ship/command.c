/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/ship/command.c - what users and applications ask for.
 *
 * What has to last is written first. If that fails, the machine never hears of the command; if the
 * machine then refuses, the record is put back.
 */
#include "services/ship/hub_impl.h"

#include "base/log.h"
#include "base/text.h"
#include "wire/ship/message.h"
#include "wire/ship/qr.h"

/* ---- records ---- */

/* What is kept of the device now, or an empty record of it. */
static struct fl_device_record record_of(const struct fl_ship_hub *h, const struct fl_ski *ski)
{
	struct fl_device_info info;

	if (fl_devices_info(h->devices, ski, &info) == FL_OK)
		return info.record;
	return (struct fl_device_record){ .ski = *ski };
}

/* The record on the disk, to be put back. */
struct before {
	struct fl_device_record record;
	bool there;
};

static struct before remember(const struct fl_ship_hub *h, const struct fl_ski *ski)
{
	const struct fl_device_record *r = fl_ship_store_find(h->store, ski);

	if (r == NULL)
		return (struct before){ .record.ski = *ski };
	return (struct before){ .record = *r, .there = true };
}

static void put_back(struct fl_ship_hub *h, const struct before *b)
{
	struct fl_fault fault = { "" };
	enum fl_err err = b->there ? fl_ship_store_put(h->store, &b->record, &fault)
				   : fl_ship_store_drop(h->store, &b->record.ski, &fault);

	if (err != FL_OK)
		fl_log_error("the record of a device does not say what it should",
			     FL_LS("why", fault.text));
}

/* ---- refusals ---- */

static enum fl_err admit(const struct fl_ship_hub *h, struct fl_fault *fault)
{
	return h->started && !h->stopping
		       ? FL_OK
		       : fl_fault_set(fault, FL_ERR_CLOSED, "the hub is not running");
}

static enum fl_err unknown(const struct fl_ski *ski, struct fl_fault *fault)
{
	char text[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(ski, text);
	return fl_fault_set(fault, FL_ERR_NOT_FOUND, "no device with the SKI %s is known", text);
}

static enum fl_err explain(const struct fl_ski *ski, enum fl_err err, struct fl_fault *fault)
{
	if (err == FL_ERR_NOT_FOUND)
		return unknown(ski, fault);
	return fl_fault_set(fault, err, "%s", fl_err_text(err));
}

/* After a call on the machine: what it wants is done, and what it refused is told. */
static enum fl_err conclude(struct fl_ship_hub *h, const struct fl_ski *ski, enum fl_err err,
			    struct fl_fault *fault)
{
	fl_ship_pump(h);
	return err == FL_OK ? FL_OK : explain(ski, err, fault);
}

static bool is_plain(const char *text, size_t max)
{
	struct fl_slice s = fl_slice_str(text);
	return s.len <= max && fl_str_is_clean(s);
}

/* ---- trust ---- */

static enum fl_err check_pair(const struct fl_ship_hub *h, const struct fl_ski *ski,
			      const char *ship_id, const char *name, struct fl_fault *fault)
{
	const struct fl_device_record *r;

	if (fl_ski_cmp(ski, fl_ship_hub_ski(h)) == 0)
		return fl_fault_set(fault, FL_ERR_INVALID, "that is the SKI of this hub itself");
	if (ship_id[0] != '\0' && !fl_ship_id_ok(fl_slice_str(ship_id)))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the SHIP ID is longer than %d bytes, not plain text, or has "
				    "\"datagram\" in it",
				    FL_SHIP_ID_MAX);
	if (!is_plain(name, sizeof r->name - 1))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the name is longer than %zu bytes or not plain text",
				    sizeof r->name - 1);
	return FL_OK;
}

enum fl_err fl_ship_hub_pair(struct fl_ship_hub *h, const struct fl_ski *ski, const char *ship_id,
			     const char *name, struct fl_fault *fault)
{
	ship_id = ship_id != NULL ? ship_id : "";
	name = name != NULL ? name : "";
	enum fl_err err = admit(h, fault);
	if (err == FL_OK)
		err = check_pair(h, ski, ship_id, name, fault);
	if (err != FL_OK)
		return err;

	struct fl_device_record r = record_of(h, ski);
	const struct before before = remember(h, ski);
	r.trusted = true;
	if (ship_id[0] != '\0')
		fl_str_copy(r.ship_id, sizeof r.ship_id, fl_slice_str(ship_id));
	if (name[0] != '\0')
		fl_str_copy(r.name, sizeof r.name, fl_slice_str(name));
	err = fl_ship_store_put(h->store, &r, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_register(h->devices, fl_loop_now(h->loop), ski, ship_id, name);
	if (err != FL_OK)
		put_back(h, &before);
	return conclude(h, ski, err, fault);
}

/* The record goes as a whole, name and pinned key too. */
enum fl_err fl_ship_hub_unpair(struct fl_ship_hub *h, const struct fl_ski *ski,
			       struct fl_fault *fault)
{
	const struct before before = remember(h, ski);
	struct fl_device_info info;

	enum fl_err err = admit(h, fault);
	if (err != FL_OK)
		return err;
	if (fl_devices_info(h->devices, ski, &info) != FL_OK)
		return unknown(ski, fault);
	err = fl_ship_store_drop(h->store, ski, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_unregister(h->devices, fl_loop_now(h->loop), ski);
	if (err == FL_ERR_NOT_FOUND) /* a stranger who was here a moment ago */
		err = FL_OK;
	if (err != FL_OK)
		put_back(h, &before);
	return conclude(h, ski, err, fault);
}

/* A pairing that has not come about is off the disk before it is taken back. */
static enum fl_err forget_pairing(struct fl_ship_hub *h, const struct fl_ski *ski,
				  struct fl_fault *fault)
{
	struct fl_device_record r = record_of(h, ski);

	if (!r.trusted)
		return FL_OK;
	fl_device_record_distrust(&r);
	return fl_ship_record_keep(h, &r, fault);
}

enum fl_err fl_ship_hub_refuse(struct fl_ship_hub *h, const struct fl_ski *ski,
			       struct fl_fault *fault)
{
	const struct before before = remember(h, ski);

	enum fl_err err = admit(h, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_may_refuse(h->devices, ski);
	if (err == FL_ERR_STATE)
		return fl_fault_set(fault, err, "the device does not wait to be paired");
	if (err != FL_OK)
		return explain(ski, err, fault);
	err = forget_pairing(h, ski, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_refuse(h->devices, fl_loop_now(h->loop), ski);
	if (err != FL_OK)
		put_back(h, &before);
	return conclude(h, ski, err, fault);
}

enum fl_err fl_ship_hub_window(struct fl_ship_hub *h, unsigned seconds, struct fl_fault *fault)
{
	enum fl_err err = admit(h, fault);

	if (err != FL_OK)
		return err;
	err = fl_devices_auto_accept(h->devices, fl_loop_now(h->loop), seconds);
	fl_ship_pump(h);
	if (err == FL_ERR_INVALID)
		return fl_fault_set(fault, err, "a window lasts at most %d seconds",
				    FL_DEVICES_WINDOW_MAX_S);
	return err == FL_OK ? FL_OK : fl_fault_set(fault, err, "%s", fl_err_text(err));
}

void fl_ship_hub_may_wait(struct fl_ship_hub *h, bool yes)
{
	fl_devices_may_wait(h->devices, yes);
}

enum fl_err fl_ship_hub_pin_key(struct fl_ship_hub *h, const struct fl_ski *ski,
				const uint8_t key_pin[static FL_HASH_LEN], struct fl_fault *fault)
{
	const struct before before = remember(h, ski);
	struct fl_device_info info;

	enum fl_err err = admit(h, fault);
	if (err != FL_OK)
		return err;
	if (fl_devices_info(h->devices, ski, &info) != FL_OK || !info.record.trusted)
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the device is not paired; pair it first, then pin its key");
	info.record.has_pin_sha = true;
	memcpy(info.record.key_pin, key_pin, FL_HASH_LEN);
	err = fl_ship_store_put(h->store, &info.record, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_pin_key(h->devices, ski, key_pin);
	if (err != FL_OK)
		put_back(h, &before);
	return conclude(h, ski, err, fault);
}

/* ---- connections ---- */

static enum fl_err check_place(const char *host, uint16_t port, const char *path,
			       struct fl_fault *fault)
{
	if (host == NULL || host[0] == '\0' || !is_plain(host, FL_DEVICES_HOST_MAX) ||
	    strpbrk(host, " \t/") != NULL)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the host is neither a name nor an address");
	if (port == 0)
		return fl_fault_set(fault, FL_ERR_INVALID, "the port is missing");
	if (path[0] != '/' || !is_plain(path, FL_SHIP_PATH_MAX) || strpbrk(path, " \t") != NULL)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the path has to begin with a slash and have at most %d bytes",
				    FL_SHIP_PATH_MAX);
	return FL_OK;
}

enum fl_err fl_ship_hub_connect(struct fl_ship_hub *h, const struct fl_ski *ski, const char *host,
				uint16_t port, const char *path, struct fl_fault *fault)
{
	const struct before before = remember(h, ski);
	struct fl_device_record r = record_of(h, ski);

	path = path != NULL && path[0] != '\0' ? path : "/ship/";
	enum fl_err err = admit(h, fault);
	if (err == FL_OK)
		err = check_place(host, port, path, fault);
	if (err != FL_OK)
		return err;
	if (!r.trusted)
		return fl_fault_set(fault, FL_ERR_DENIED,
				    "the device is not paired; pair it first");
	fl_str_copy(r.fixed_host, sizeof r.fixed_host, fl_slice_str(host));
	fl_str_copy(r.fixed_path, sizeof r.fixed_path, fl_slice_str(path));
	r.fixed_port = port;
	err = fl_ship_store_put(h->store, &r, fault);
	if (err != FL_OK)
		return err;
	err = fl_devices_connect(h->devices, fl_loop_now(h->loop), ski, host, port, path);
	if (err != FL_OK)
		put_back(h, &before);
	return conclude(h, ski, err, fault);
}

enum fl_err fl_ship_hub_disconnect(struct fl_ship_hub *h, const struct fl_ski *ski, bool hold,
				   struct fl_fault *fault)
{
	enum fl_err err = admit(h, fault);

	if (err != FL_OK)
		return err;
	err = fl_devices_disconnect(h->devices, fl_loop_now(h->loop), ski, hold);
	return conclude(h, ski, err, fault);
}

enum fl_err fl_ship_hub_pin(struct fl_ship_hub *h, const struct fl_ski *ski, const char *pin,
			    struct fl_fault *fault)
{
	enum fl_err err = admit(h, fault);

	if (err != FL_OK)
		return err;
	err = fl_devices_pin(h->devices, fl_loop_now(h->loop), ski, pin);
	fl_ship_pump(h);
	if (err == FL_ERR_INVALID)
		return fl_fault_set(fault, err, "a PIN has %d to %d hexadecimal digits",
				    FL_SHIP_PIN_MIN, FL_SHIP_PIN_MAX);
	if (err == FL_ERR_STATE)
		return fl_fault_set(fault, err, "the device is connected and asks for no PIN");
	return err == FL_OK ? FL_OK : explain(ski, err, fault);
}

/* ---- payloads ---- */

/* What the machine sends goes straight on; so this is what bounds it. */
static bool has_room(const struct fl_ship_hub *h, const struct fl_ski *ski)
{
	struct fl_device_info info;

	if (fl_devices_info(h->devices, ski, &info) != FL_OK || info.number == 0)
		return true;
	const struct fl_ship_link *k = fl_ship_link_find(h, info.number);
	return k == NULL || fl_wsm_pending(k->wsm) <= h->message_max;
}

enum fl_err fl_ship_hub_send(struct fl_ship_hub *h, const struct fl_ski *ski,
			     struct fl_slice payload, bool wire, struct fl_fault *fault)
{
	enum fl_err err = admit(h, fault);

	if (err != FL_OK)
		return err;
	if (payload.len > h->message_max)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "the payload is larger than %zu bytes",
				    h->message_max);
	if (!has_room(h, ski))
		return fl_fault_set(fault, FL_ERR_FULL,
				    "the device has not taken what was sent before; send it later");
	err = fl_devices_send(h->devices, fl_loop_now(h->loop), ski, payload, wire);
	h->counts.payloads_out += err == FL_OK;
	fl_ship_pump(h);
	switch ((int)err) {
	case FL_OK:
		return FL_OK;
	case FL_ERR_CLOSED:
	case FL_ERR_STATE:
		return fl_fault_set(fault, FL_ERR_STATE, "the device is not connected");
	case FL_ERR_SYNTAX:
	case FL_ERR_INVALID:
		return fl_fault_set(
			fault, err,
			"the payload is not a JSON object with one member, \"datagram\"");
	default:
		return explain(ski, err, fault);
	}
}

/* ---- questions ---- */

const struct fl_devices *fl_ship_hub_devices(const struct fl_ship_hub *h)
{
	return h->devices;
}

struct fl_addrport fl_ship_hub_at(const struct fl_ship_hub *h)
{
	return h->listener != NULL ? fl_listener_at(h->listener) : h->listen;
}

const struct fl_ski *fl_ship_hub_ski(const struct fl_ship_hub *h)
{
	return &h->identity.facts.computed;
}

const char *fl_ship_hub_id(const struct fl_ship_hub *h)
{
	return h->identity.ship_id;
}

void fl_ship_hub_messages(const struct fl_ship_hub *h, struct fl_ship_message_log_stats *out)
{
	fl_ship_message_log_stats(h->log, out);
}

enum fl_err fl_ship_hub_qr(const struct fl_ship_hub *h, struct fl_buf *out)
{
	return fl_ship_qr_write(&h->txt, out);
}
