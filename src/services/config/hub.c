/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/hub.c - the settings of the device hub. */
#include "services/config/hub.h"

#include <stdlib.h>

#include "crypto/ski.h"
#include "domain/devices/devices.h"
#include "services/config/check.h"
#include "wire/ship/txt.h"

/* ---- devices ---- */

static enum fl_err at_line(struct fl_fault *fault, const struct fl_yaml *y, const char *what)
{
	return fl_fault_set(fault, FL_ERR_INVALID, "line %u: expected %s", y->line, what);
}

/* Where a member of a device goes; NULL for a word that is none. */
static char **member(struct fl_config_device *d, const char *key)
{
	if (strcmp(key, "ski") == 0)
		return &d->ski;
	if (strcmp(key, "name") == 0)
		return &d->name;
	return strcmp(key, "id") == 0 ? &d->ship_id : NULL;
}

/* An empty list could be meant either way. */
static enum fl_err read_allowed(struct fl_config_device *d, const struct fl_yaml *y,
				struct fl_fault *fault)
{
	struct fl_fault why = { "" };
	uint32_t number;

	if (y->kind != FL_YAML_LIST || y->len == 0)
		return at_line(fault, y, "a list of one category or more in allow");
	for (size_t i = 0; i < y->len; i++) {
		const struct fl_yaml *item = y->items[i];
		if (item->kind != FL_YAML_SCALAR)
			return at_line(fault, item, "a category, not a list or map");
		if (fl_config_category_parse(item->text, &why, &number) != FL_OK)
			return fl_fault_set(fault, FL_ERR_INVALID, "line %u: %s", item->line,
					    why.text);
		if (number < 1 || number > FL_DEVICES_CATEGORY_MAX)
			return at_line(fault, item, "a category from 1 to 31");
		d->allow |= UINT32_C(1) << number;
	}
	return FL_OK;
}

static enum fl_err read_members(struct fl_config_device *d, const struct fl_yaml *y,
				struct fl_fault *fault)
{
	for (size_t i = 0; i < y->len; i++) {
		if (strcmp(y->keys[i], "allow") == 0) {
			enum fl_err err = read_allowed(d, y->items[i], fault);
			if (err != FL_OK)
				return err;
			continue;
		}
		char **slot = member(d, y->keys[i]);
		if (slot == NULL)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "line %u: unknown key %s; a device has ski, name, id "
					    "and allow",
					    y->key_lines[i], y->keys[i]);
		if (y->items[i]->kind != FL_YAML_SCALAR)
			return at_line(fault, y->items[i], "one value, not a list or map");
		*slot = fl_str_dup(fl_slice_str(y->items[i]->text));
		if (*slot == NULL)
			return FL_ERR_NOMEM;
	}
	return FL_OK;
}

/* What was not said becomes "", and the SKI its one form. */
static enum fl_err settle(struct fl_config_device *d, const struct fl_yaml *y,
			  struct fl_fault *fault)
{
	char text[FL_SKI_TEXT_LEN + 1];
	struct fl_ski ski;

	if (d->ski == NULL || fl_ski_parse(fl_slice_str(d->ski), &ski) != FL_OK)
		return at_line(fault, y, "a ski of 40 hex digits in each device");
	fl_ski_format(&ski, text);
	free(d->ski);
	d->ski = fl_str_dup(fl_slice_str(text));
	if (d->name == NULL)
		d->name = fl_str_dup(fl_slice_str(""));
	if (d->ship_id == NULL)
		d->ship_id = fl_str_dup(fl_slice_str(""));
	if (d->ski == NULL || d->name == NULL || d->ship_id == NULL)
		return FL_ERR_NOMEM;
	if (strlen(d->ship_id) > FL_SHIP_ID_MAX)
		return at_line(fault, y, "an id of at most 63 bytes");
	return FL_OK;
}

enum fl_err fl_config_devices_read(struct fl_config *c, const struct fl_yaml *y,
				   struct fl_fault *fault)
{
	if (y->kind != FL_YAML_LIST)
		return at_line(fault, y, "a list of devices {ski, name, id, allow}");
	if (y->len > FL_CONFIG_TRUSTED_MAX)
		return at_line(fault, y, "at most 1024 devices");
	c->ship.trusted = calloc(y->len ? y->len : 1, sizeof *c->ship.trusted);
	if (c->ship.trusted == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < y->len; i++) {
		struct fl_config_device *d = &c->ship.trusted[c->ship.trusted_count++];
		if (y->items[i]->kind != FL_YAML_MAP)
			return at_line(fault, y->items[i], "a device {ski, name, id, allow}");
		enum fl_err err = read_members(d, y->items[i], fault);
		if (err == FL_OK)
			err = settle(d, y->items[i], fault);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

void fl_config_devices_done(struct fl_config *c)
{
	for (size_t i = 0; i < c->ship.trusted_count; i++) {
		free(c->ship.trusted[i].ski);
		free(c->ship.trusted[i].name);
		free(c->ship.trusted[i].ship_id);
	}
	free(c->ship.trusted);
	c->ship.trusted = NULL;
	c->ship.trusted_count = 0;
}

static void put_allowed(const struct fl_config_device *d, struct fl_jw *w)
{
	if (d->allow == 0)
		return;
	fl_jw_key(w, "allow");
	fl_jw_arr(w);
	for (uint32_t n = 1; n <= FL_DEVICES_CATEGORY_MAX; n++)
		if (d->allow >> n & 1)
			fl_jw_u64(w, n);
	fl_jw_arr_end(w);
}

void fl_config_devices_json(const struct fl_config *c, struct fl_jw *w)
{
	fl_jw_arr(w);
	for (size_t i = 0; i < c->ship.trusted_count; i++) {
		const struct fl_config_device *d = &c->ship.trusted[i];
		fl_jw_obj(w);
		fl_jw_key(w, "ski");
		fl_jw_str(w, d->ski);
		fl_jw_key(w, "name");
		fl_jw_str(w, d->name);
		fl_jw_key(w, "id");
		fl_jw_str(w, d->ship_id);
		put_allowed(d, w);
		fl_jw_obj_end(w);
	}
	fl_jw_arr_end(w);
}

/* ---- categories ---- */

enum fl_err fl_config_category_parse(const char *text, struct fl_fault *fault, uint32_t *out)
{
	static const char *const names[] = { "grid",     "ems",       "e-mobility", "hvac",
					     "inverter", "appliance", "metering" };
	uint64_t number;

	for (uint32_t i = 0; i < sizeof names / sizeof *names; i++) {
		if (strcmp(text, names[i]) == 0) {
			*out = i + 1;
			return FL_OK;
		}
	}
	if (fl_u64_parse(fl_slice_str(text), &number) != FL_OK || number > UINT32_MAX)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "'%s' is no category: grid (1), ems (2), e-mobility (3), hvac "
				    "(4), inverter (5), appliance (6), metering (7) or another "
				    "number",
				    text);
	*out = (uint32_t)number;
	return FL_OK;
}

/* ---- the rules ---- */

static void check_word(const char *key, const char *text, const char *const *words, const char *all,
		       struct fl_config_report *r)
{
	for (; *words != NULL; words++)
		if (strcmp(text, *words) == 0)
			return;
	fl_config_say(&r->errors, "%s: '%s' is not one of %s", key, text, all);
}

static void check_length(const char *key, const char *text, size_t most, struct fl_config_report *r)
{
	if (strlen(text) > most)
		fl_config_say(&r->errors, "%s: at most %zu bytes", key, most);
	else if (!fl_str_is_clean(fl_slice_str(text)))
		fl_config_say(&r->errors, "%s: only printable text", key);
}

static void check_range(const char *key, uint32_t value, uint32_t least, uint32_t most,
			struct fl_config_report *r)
{
	if (value < least || value > most)
		fl_config_say(&r->errors, "%s: must be between %u and %u", key, least, most);
}

static void check_categories(const struct fl_config *c, struct fl_config_report *r)
{
	struct fl_fault fault = { "" };
	uint32_t number;

	if (c->ship.categories.len > FL_SHIP_CATEGORIES_MAX)
		fl_config_say(&r->errors, "ship.categories: at most %d", FL_SHIP_CATEGORIES_MAX);
	for (size_t i = 0; i < c->ship.categories.len; i++)
		if (fl_config_category_parse(c->ship.categories.at[i], &fault, &number) != FL_OK)
			fl_config_say(&r->errors, "ship.categories: %s", fault.text);
}

static bool is_limited_twice(const struct fl_config *c, size_t at)
{
	const struct fl_config_device *d = &c->ship.trusted[at];

	for (size_t i = 0; i < at; i++)
		if (strcmp(c->ship.trusted[i].ski, d->ski) == 0 &&
		    c->ship.trusted[i].allow != d->allow)
			return true;
	return false;
}

static void check_devices(const struct fl_config *c, struct fl_config_report *r)
{
	bool blind = strcmp(c->ship.mdns, "none") == 0;

	for (size_t i = 0; i < c->ship.trusted_count; i++) {
		const struct fl_config_device *d = &c->ship.trusted[i];
		if (is_limited_twice(c, i))
			fl_config_say(&r->errors, "ship.trusted: %s is there with two limits",
				      d->ski);
		if (d->allow != 0 && blind)
			fl_config_say(&r->errors,
				      "ship.trusted: %s has allow, and with ship.mdns: none nobody "
				      "knows its categories",
				      d->ski);
	}
}

void fl_config_hub_check(const struct fl_config *c, struct fl_config_report *r)
{
	static const char *const mdns[] = { "auto", "avahi", "embedded", "none", NULL };
	static const char *const rules[] = { "auto", "recent", "initiator", NULL };
	struct fl_addrport at;

	if (fl_config_listen_parse(c->ship.listen, &at) != FL_OK)
		fl_config_say(&r->errors,
			      "ship.listen: '%s' is not an address and port; write it like :4712",
			      c->ship.listen);
	if (c->ship.metrics_listen_addr[0] != '\0' &&
	    fl_config_listen_parse(c->ship.metrics_listen_addr, &at) != FL_OK)
		fl_config_say(&r->errors,
			      "ship.metrics_listen_addr: '%s' is not an address and port; write it "
			      "like 127.0.0.1:9712",
			      c->ship.metrics_listen_addr);
	check_word("ship.mdns", c->ship.mdns, mdns, "auto, avahi, embedded, none", r);
	check_word("ship.double_connections", c->ship.double_connections, rules,
		   "auto, recent, initiator", r);
	check_length("ship.id", c->ship.id, FL_SHIP_ID_MAX, r);
	if (strchr(c->ship.id, ';') != NULL)
		fl_config_say(&r->errors, "ship.id: no semicolon, it ends a field of the QR code");
	check_length("ship.instance", c->ship.instance, FL_SHIP_ID_MAX, r);
	check_length("ship.brand", c->ship.brand, FL_SHIP_NAME_MAX, r);
	check_length("ship.model", c->ship.model, FL_SHIP_NAME_MAX, r);
	check_length("ship.type", c->ship.type, FL_SHIP_NAME_MAX, r);
	check_length("ship.serial", c->ship.serial, FL_SHIP_NAME_MAX, r);
	check_categories(c, r);
	check_devices(c, r);
	check_range("ship.connections_max", c->ship.connections_max, 1, FL_CONFIG_CONNECTIONS_MAX,
		    r);
	check_range("ship.message_max", c->ship.message_max, FL_CONFIG_MESSAGE_LEAST,
		    FL_CONFIG_MESSAGE_MAX, r);
	check_range("ship.message_log.max_size", c->ship.log_max, FL_CONFIG_LOG_LEAST,
		    FL_CONFIG_LOG_MAX, r);
}
