/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/devices/devices.c - the hub as a whole: how it begins, and its time.
 */
#include "domain/devices/hub.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "crypto/prim.h"
#include "wire/ship/message.h"

enum { MESSAGE_DEFAULT = 1 << 20, CONNS_OF_ONE = 2 };

static enum fl_err settle_config(struct fl_devices *d, const struct fl_devices_config *cfg,
				 struct fl_fault *fault)
{
	d->cfg = *cfg;
	if (d->cfg.connections_max == 0)
		d->cfg.connections_max = FL_DEVICES_CONNECTIONS_DEFAULT;
	if (d->cfg.message_max == 0)
		d->cfg.message_max = MESSAGE_DEFAULT;
	if (!fl_ship_id_ok(fl_slice_str(cfg->ship_id)) ||
	    !fl_str_copy(d->ship_id, sizeof d->ship_id, fl_slice_str(cfg->ship_id)))
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "the SHIP ID needs 1 to %d bytes of plain text without "
				    "\"datagram\"",
				    FL_SHIP_ID_MAX);
	if (cfg->pin_wanted != FL_SHIP_PIN_NONE &&
	    (!fl_ship_pin_ok(fl_slice_str(cfg->pin)) ||
	     !fl_str_copy(d->pin, sizeof d->pin, fl_slice_str(cfg->pin))))
		return fl_fault_set(fault, FL_ERR_INVALID, "a PIN needs %d to %d hex digits",
				    FL_SHIP_PIN_MIN, FL_SHIP_PIN_MAX);
	d->cfg.ship_id = d->ship_id;
	d->cfg.pin = NULL;
	return fl_ship_timers_settle(&d->cfg.timers, fault);
}

enum fl_err fl_devices_new(const struct fl_devices_config *cfg, struct fl_fault *fault,
			   struct fl_devices **out)
{
	struct fl_devices *d = calloc(1, sizeof *d);
	struct fl_rng root;

	if (d == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	enum fl_err err = settle_config(d, cfg, fault);
	if (err == FL_OK &&
	    fl_registry_new(FL_SKI_LEN, CONNS_OF_ONE, cfg->hash_seed, &d->registry) != FL_OK)
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
	if (err == FL_OK && fl_dev_limits_copy(d, cfg) != FL_OK) {
		err = fl_fault_set(fault, FL_ERR_NOMEM, "out of memory");
		fl_registry_free(d->registry);
	}
	if (err != FL_OK) {
		fl_wipe(d->pin, sizeof d->pin);
		free(d);
		return err;
	}
	fl_map_init(&d->links, sizeof(uint64_t), cfg->hash_seed);
	fl_rng_init(&root, cfg->rng_seed);
	fl_rng_split(&root, "dial delays", &d->rng);
	fl_list_init(&d->acts);
	fl_list_init(&d->tells);
	d->may_wait = true;
	d->due = d->cap_at = FL_NEVER;
	*out = d;
	return FL_OK;
}

struct fl_devices *fl_devices_free(struct fl_devices *d)
{
	if (d == NULL)
		return NULL;
	while (d->count > 0) {
		struct fl_dev *v = d->at[d->count - 1];
		fl_list_each(it, &v->links)
			fl_dev_link_free(d, fl_list_entry(it, struct fl_dev_link, among));
		fl_dev_free(d, v);
	}
	free(d->at);
	free(d->seen);
	free(d->limits);
	fl_dev_effects_done(d);
	fl_map_done(&d->links);
	fl_registry_free(d->registry);
	fl_wipe(d->pin, sizeof d->pin);
	free(d);
	return NULL;
}

enum fl_err fl_devices_load(struct fl_devices *d, const struct fl_device_record *r)
{
	struct fl_dev *v;

	if (d->phase != FL_DEVICES_NEW)
		return FL_ERR_STATE;
	enum fl_err err = fl_dev_find_or_add(d, 0, &r->ski, &v);
	if (err == FL_OK)
		v->record = *r;
	return err;
}

enum fl_err fl_devices_start(struct fl_devices *d, fl_time now)
{
	if (d->phase != FL_DEVICES_NEW)
		return FL_ERR_STATE;
	d->phase = FL_DEVICES_RUNNING;
	for (size_t i = d->count; i-- > 0;) {
		struct fl_dev *v = d->at[i];
		fl_dev_attempt_consider(d, now, v);
		fl_dev_settle(d, now, v);
	}
	return FL_OK;
}

fl_time fl_devices_deadline(const struct fl_devices *d)
{
	fl_time due = d->due;

	if (d->cap_at < due && d->links.len > 0)
		due = d->cap_at;
	return d->window_until > 0 && d->window_until < due ? d->window_until : due;
}

bool fl_devices_auto_accepting(const struct fl_devices *d)
{
	return d->window_until > 0;
}

void fl_devices_tick(struct fl_devices *d, fl_time now)
{
	if (d->window_until > 0 && d->window_until <= now) {
		d->window_until = 0;
		fl_dev_announce(d);
	}
	if (d->due <= now) {
		d->due = FL_NEVER;
		for (size_t i = d->count; i-- > 0;) {
			struct fl_dev *v = d->at[i];
			if (v->due <= now) {
				fl_dev_attempt_tick(d, now, v);
				fl_dev_links_tick(d, now, v);
				fl_dev_settle(d, now, v);
			} else if (v->due < d->due) {
				d->due = v->due;
			}
		}
	}
	fl_dev_shutdown_tick(d, now);
}
