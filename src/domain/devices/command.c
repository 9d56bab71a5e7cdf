/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/command.c - what the user or the application wants (docs/protocol/ship.md 6.2).
 */
#include "domain/devices/hub.h"

#include <string.h>

#include "base/text.h"
#include "crypto/prim.h"
#include "wire/ship/message.h"

static enum fl_err find(const struct fl_devices *d, const struct fl_ski *ski, struct fl_dev **out)
{
	if (fl_devices_is_ending(d))
		return FL_ERR_CLOSED;
	*out = fl_dev_find(d, ski);
	return *out != NULL ? FL_OK : FL_ERR_NOT_FOUND;
}

/* ---- trust ---- */

static bool fits(const char *text, size_t size)
{
	return text == NULL || strlen(text) < size;
}

/* One that no connection could be made for is not taken. */
static bool is_id(const char *ship_id)
{
	return ship_id == NULL || ship_id[0] == '\0' || fl_ship_id_ok(fl_slice_str(ship_id));
}

/* False: as it was. */
static bool learn(char *out, size_t size, const char *text)
{
	if (text == NULL || text[0] == '\0' || strcmp(out, text) == 0)
		return false;
	return fl_str_copy(out, size, fl_slice_str(text));
}

/* What waits for this word goes on; who is not here is dialled. */
static void go_on(struct fl_devices *d, fl_time now, struct fl_dev *v)
{
	struct fl_dev_link *l = fl_dev_current(d, v);

	if (l == NULL) {
		fl_dev_attempt_now(d, now, v);
		return;
	}
	v->hold = v->denied = false;
	v->tries = 0;
	fl_ship_conn_decide(l->machine, now, true);
	fl_dev_link_pump(d, now, l);
}

enum fl_err fl_devices_register(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				const char *ship_id, const char *name)
{
	struct fl_dev *v;

	if (fl_devices_is_ending(d))
		return FL_ERR_CLOSED;
	if (memcmp(ski->b, d->cfg.own.b, sizeof ski->b) == 0 || !is_id(ship_id) ||
	    !fits(name, sizeof v->record.name))
		return FL_ERR_INVALID;
	if (fl_devices_is_congested(d))
		return FL_ERR_FULL;
	enum fl_err err = fl_dev_find_or_add(d, now, ski, &v);
	if (err != FL_OK)
		return err;
	const struct fl_device_record before = v->record;
	bool news = learn(v->record.ship_id, sizeof v->record.ship_id, ship_id);
	news |= learn(v->record.name, sizeof v->record.name, name);
	if (!before.trusted)
		err = fl_dev_set_trust(d, v, true);
	else if (news)
		err = fl_dev_persist(d, v);
	if (err != FL_OK)
		v->record = before;
	else if (d->phase == FL_DEVICES_RUNNING)
		go_on(d, now, v);
	fl_dev_settle(d, now, v);
	return err;
}

static enum fl_err withdraw(struct fl_devices *d, struct fl_dev *v, bool with_name)
{
	const struct fl_device_record before = v->record;
	enum fl_err err = FL_OK;

	fl_device_record_distrust(&v->record);
	v->record.trusted = before.trusted;
	if (with_name)
		v->record.name[0] = '\0';
	if (before.trusted)
		err = fl_dev_set_trust(d, v, false);
	else if (strcmp(before.name, v->record.name) != 0)
		err = fl_dev_persist(d, v);
	if (err != FL_OK) {
		v->record = before;
		return err;
	}
	fl_wipe(v->pin, sizeof v->pin);
	v->hold = v->denied = false;
	fl_dev_attempt_cancel(d, v);
	fl_dev_set_state(d, v, FL_DEVICES_NONE, FL_OK, "");
	return FL_OK;
}

enum fl_err fl_devices_unregister(struct fl_devices *d, fl_time now, const struct fl_ski *ski)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err == FL_OK && !fl_device_record_is_kept(&v->record) && fl_list_empty(&v->links))
		return FL_ERR_NOT_FOUND;
	if (err != FL_OK)
		return err;
	err = withdraw(d, v, true);
	if (err == FL_OK)
		fl_dev_end_links(d, now, v, FL_SHIP_REMOVED_CONNECTION, FL_SHIP_CODE_USER,
				 "User close");
	fl_dev_settle(d, now, v);
	return err;
}

/* Has its hello come to no end yet? */
static bool is_pairing(const struct fl_dev_link *l)
{
	return fl_ship_conn_state(l->machine) < FL_SHIP_S_HELLO_OK;
}

enum fl_err fl_devices_may_refuse(const struct fl_devices *d, const struct fl_ski *ski)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	const struct fl_dev_link *l = fl_dev_current(d, v);
	return (l != NULL ? is_pairing(l) : v->record.trusted) ? FL_OK : FL_ERR_STATE;
}

enum fl_err fl_devices_refuse(struct fl_devices *d, fl_time now, const struct fl_ski *ski)
{
	enum fl_err err = fl_devices_may_refuse(d, ski);

	if (err != FL_OK)
		return err;
	struct fl_dev *v = fl_dev_find(d, ski);
	struct fl_dev_link *l = fl_dev_current(d, v);
	err = withdraw(d, v, false);
	if (err == FL_OK && l != NULL)
		fl_dev_link_refuse(d, now, l);
	fl_dev_settle(d, now, v);
	return err;
}

/* ---- connections ---- */

enum fl_err fl_devices_connect(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
			       const char *host, uint16_t port, const char *path)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err == FL_ERR_NOT_FOUND || (err == FL_OK && !v->record.trusted))
		return FL_ERR_DENIED;
	if (err != FL_OK)
		return err;
	const struct fl_device_record before = v->record;
	if (host == NULL || host[0] == '\0' || port == 0 || !fits(host, sizeof before.fixed_host) ||
	    !fits(path, sizeof before.fixed_path))
		return FL_ERR_INVALID;
	fl_str_copy(v->record.fixed_host, sizeof before.fixed_host, fl_slice_str(host));
	fl_str_copy(v->record.fixed_path, sizeof before.fixed_path,
		    fl_slice_str(path != NULL && path[0] != '\0' ? path : "/ship/"));
	v->record.fixed_port = port;
	err = fl_dev_persist(d, v);
	if (err != FL_OK) {
		v->record = before;
	} else if (d->phase == FL_DEVICES_RUNNING) {
		fl_dev_attempt_cancel(d, v); /* it may be on its way to the place before */
		fl_dev_attempt_now(d, now, v);
	}
	fl_dev_settle(d, now, v);
	return err;
}

enum fl_err fl_devices_disconnect(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
				  bool hold)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	v->hold = v->hold || (hold && v->record.trusted);
	if (hold)
		fl_dev_attempt_cancel(d, v);
	fl_dev_end_links(d, now, v, FL_SHIP_UNSPECIFIC, FL_SHIP_CODE_CLOSE, "close");
	fl_dev_settle(d, now, v);
	return FL_OK;
}

enum fl_err fl_devices_send(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
			    struct fl_slice payload, bool wire)
{
	struct fl_dev *v = fl_dev_find(d, ski);
	struct fl_dev_link *l = v != NULL ? fl_dev_current(d, v) : NULL;

	if (l == NULL || !fl_ship_conn_is_open(l->machine))
		return FL_ERR_CLOSED;
	enum fl_err err = fl_ship_conn_send(l->machine, now, payload, wire);
	fl_dev_link_pump(d, now, l);
	fl_dev_settle(d, now, v);
	return err;
}

/* ---- whom to let in ---- */

enum fl_err fl_devices_auto_accept(struct fl_devices *d, fl_time now, unsigned seconds)
{
	if (d->phase != FL_DEVICES_RUNNING)
		return fl_devices_is_ending(d) ? FL_ERR_CLOSED : FL_ERR_STATE;
	if (seconds > FL_DEVICES_WINDOW_MAX_S)
		return FL_ERR_INVALID;
	const bool was_on = fl_devices_auto_accepting(d);
	d->window_until = seconds > 0 ? now + (int64_t)seconds * FL_SEC : 0;
	if (was_on != fl_devices_auto_accepting(d))
		fl_dev_announce(d);
	return FL_OK;
}

void fl_devices_may_wait(struct fl_devices *d, bool yes)
{
	d->may_wait = yes;
	for (size_t i = 0; i < d->count; i++)
		fl_list_each(it, &d->at[i]->links) fl_ship_conn_may_wait(
			fl_list_entry(it, struct fl_dev_link, among)->machine, yes);
}

/* ---- keys ---- */

/* Is it too late for a PIN? A device that lets us in for less may be given one later. */
static bool is_past_pin(const struct fl_dev_link *l, enum fl_err given)
{
	return given == FL_ERR_STATE && fl_ship_conn_is_open(l->machine);
}

enum fl_err fl_devices_pin(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
			   const char *pin)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	if (!fl_ship_pin_ok(fl_slice_str(pin)))
		return FL_ERR_INVALID;
	struct fl_dev_link *l = fl_dev_current(d, v);
	enum fl_err given = l != NULL ? fl_ship_conn_pin(l->machine, now, pin) : FL_ERR_STATE;
	if (l != NULL && is_past_pin(l, given))
		return FL_ERR_STATE;
	fl_str_copy(v->pin, sizeof v->pin, fl_slice_str(pin));
	if (given == FL_OK)
		fl_dev_link_pump(d, now, l); /* else it is kept until it is asked for */
	fl_dev_settle(d, now, v);
	return FL_OK;
}

enum fl_err fl_devices_pin_key(struct fl_devices *d, const struct fl_ski *ski,
			       const uint8_t key_pin[static FL_HASH_LEN])
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err == FL_ERR_NOT_FOUND || (err == FL_OK && !v->record.trusted))
		return FL_ERR_DENIED;
	if (err != FL_OK)
		return err;
	const struct fl_device_record before = v->record;
	v->record.has_pin_sha = true;
	memcpy(v->record.key_pin, key_pin, sizeof v->record.key_pin);
	err = fl_dev_persist(d, v);
	if (err != FL_OK)
		v->record = before;
	return err;
}
