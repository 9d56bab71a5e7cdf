/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/command.c - what the user or the application wants (docs/protocol/ship.md 6.2).
 */
#include "domain/devices/hub.h"

#include <string.h>

#include "base/text.h"
#include "crypto/prim.h"

static enum fl_err find(const struct fl_devices *d, const struct fl_ski *ski, struct fl_dev **out)
{
	if (fl_devices_is_ending(d))
		return FL_ERR_CLOSED;
	*out = fl_dev_find(d, ski);
	return *out != NULL ? FL_OK : FL_ERR_NOT_FOUND;
}

/* ---- trust ---- */

static void learn_id(struct fl_dev *v, const char *ship_id)
{
	if (ship_id != NULL && ship_id[0] != '\0')
		fl_str_copy(v->record.ship_id, sizeof v->record.ship_id, fl_slice_str(ship_id));
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
				const char *ship_id)
{
	struct fl_dev *v;

	if (fl_devices_is_ending(d))
		return FL_ERR_CLOSED;
	if (memcmp(ski->b, d->cfg.own.b, sizeof ski->b) == 0 ||
	    (ship_id != NULL && strlen(ship_id) > FL_SHIP_ID_MAX))
		return FL_ERR_INVALID;
	if (fl_devices_is_congested(d))
		return FL_ERR_FULL;
	enum fl_err err = fl_dev_find_or_add(d, now, ski, &v);
	if (err != FL_OK)
		return err;
	const struct fl_device_record before = v->record;
	learn_id(v, ship_id);
	if (!before.trusted)
		err = fl_dev_set_trust(d, v, true);
	else if (strcmp(before.ship_id, v->record.ship_id) != 0)
		err = fl_dev_persist(d, v);
	if (err != FL_OK)
		v->record = before;
	else if (d->phase == FL_DEVICES_RUNNING)
		go_on(d, now, v);
	fl_dev_settle(d, now, v);
	return err;
}

/* Trust, and what hangs on it, goes; the name that the user gave stays. */
static enum fl_err withdraw(struct fl_devices *d, struct fl_dev *v)
{
	const struct fl_device_record before = v->record;

	v->record.fixed_host[0] = v->record.fixed_path[0] = '\0';
	v->record.fixed_port = 0;
	enum fl_err err = fl_dev_set_trust(d, v, false);
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

	if (err == FL_OK && !v->record.trusted && fl_list_empty(&v->links))
		return FL_ERR_NOT_FOUND;
	if (err != FL_OK)
		return err;
	err = withdraw(d, v);
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

enum fl_err fl_devices_refuse(struct fl_devices *d, fl_time now, const struct fl_ski *ski)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	struct fl_dev_link *l = fl_dev_current(d, v);
	if (l != NULL ? !is_pairing(l) : !v->record.trusted)
		return FL_ERR_STATE;
	err = withdraw(d, v);
	if (err == FL_OK && l != NULL)
		fl_dev_link_refuse(d, now, l);
	fl_dev_settle(d, now, v);
	return err;
}

/* ---- connections ---- */

static bool fits(const char *text, size_t size)
{
	return text == NULL || strlen(text) < size;
}

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

/* ---- what is known of a device ---- */

static bool is_pin(const char *pin)
{
	const size_t len = strlen(pin);

	return len >= FL_SHIP_PIN_MIN && len <= FL_SHIP_PIN_MAX &&
	       strspn(pin, "0123456789abcdefABCDEF") == len;
}

enum fl_err fl_devices_pin(struct fl_devices *d, fl_time now, const struct fl_ski *ski,
			   const char *pin)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	if (!is_pin(pin))
		return FL_ERR_INVALID;
	fl_str_copy(v->pin, sizeof v->pin, fl_slice_str(pin));
	struct fl_dev_link *l = fl_dev_current(d, v);
	if (l != NULL && fl_ship_conn_pin(l->machine, now, pin) == FL_OK)
		fl_dev_link_pump(d, now, l); /* else it is kept for the next one */
	fl_dev_settle(d, now, v);
	return FL_OK;
}

/*
 * Keeps a record that was changed, or puts it back. The next tick drops one that is worth nothing
 * now.
 */
static enum fl_err keep(struct fl_devices *d, struct fl_dev *v,
			const struct fl_device_record *before)
{
	enum fl_err err = fl_dev_persist(d, v);

	if (err != FL_OK)
		v->record = *before;
	v->due = d->due = 0;
	return err;
}

enum fl_err fl_devices_rename(struct fl_devices *d, const struct fl_ski *ski, const char *name)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	if (!fits(name, sizeof v->record.name))
		return FL_ERR_INVALID;
	const struct fl_device_record before = v->record;
	fl_str_copy(v->record.name, sizeof v->record.name, fl_slice_str(name));
	return keep(d, v, &before);
}

enum fl_err fl_devices_pin_key(struct fl_devices *d, const struct fl_ski *ski,
			       const uint8_t *key_pin)
{
	struct fl_dev *v;
	enum fl_err err = find(d, ski, &v);

	if (err != FL_OK)
		return err;
	const struct fl_device_record before = v->record;
	v->record.has_pin_sha = key_pin != NULL;
	if (key_pin != NULL)
		memcpy(v->record.key_pin, key_pin, sizeof v->record.key_pin);
	return keep(d, v, &before);
}
