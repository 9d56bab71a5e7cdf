/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_settings.c - what the hub is to be: the settings, and the flags of `run` over them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/ship.h"
#include "io/file.h"
#include "services/config/check.h"
#include "services/config/hub.h"
#include "services/ship/hub.h"
#include "services/ship/message_log.h"

enum { PIN_FILE_MAX = 256 };

/* The two folders do not know each other. */
_Static_assert((int)FL_CONFIG_LOG_LEAST == (int)FL_SHIP_MESSAGE_LOG_LEAST,
	       "a size that the settings let through is one that the log takes");

static int wrong(struct fl_cli *c, const char *flag, const char *why)
{
	fl_str_copy(c->field, sizeof c->field, fl_slice_str(flag));
	return fl_cli_fail(c, FL_EXIT_USAGE, "See: fairlead help ship run", "--%s: %s", flag, why);
}

/* ---- words ---- */

const char *fl_ship_flag_or(const struct fl_cli *c, const char *flag, const char *setting)
{
	const char *given = fl_args_text(&c->args, flag);
	return given != NULL ? given : setting;
}

/* The settings and the flag were checked against these words. */
static enum fl_mdns_backend backend_of(const char *word)
{
	static const struct {
		const char *word;
		enum fl_mdns_backend backend;
	} all[] = {
		{ "avahi", FL_MDNS_AVAHI },
		{ "embedded", FL_MDNS_EMBEDDED },
		{ "none", FL_MDNS_NONE },
	};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (strcmp(word, all[i].word) == 0)
			return all[i].backend;
	return FL_MDNS_AUTO;
}

static enum fl_devices_rule rule_of(const char *word)
{
	if (strcmp(word, "recent") == 0)
		return FL_DEVICES_RULE_RECENT;
	return strcmp(word, "initiator") == 0 ? FL_DEVICES_RULE_INITIATOR : FL_DEVICES_RULE_AUTO;
}

/* ---- lists: a flag replaces the setting ---- */

static int read_lists(struct fl_cli *c, struct fl_ship_settings *s)
{
	const struct fl_config *set = c->config;
	enum fl_err err;

	if (fl_args_has(&c->args, "interface"))
		err = fl_args_list(&c->args, "interface", &s->interfaces);
	else
		err = fl_strlist_copy(&set->ship.interfaces, &s->interfaces);
	if (err == FL_OK && fl_args_has(&c->args, "category"))
		err = fl_args_list(&c->args, "category", &s->categories);
	else if (err == FL_OK)
		err = fl_strlist_copy(&set->ship.categories, &s->categories);
	return err == FL_OK ? FL_EXIT_DONE
			    : fl_cli_fail(c, FL_EXIT_FAILED, NULL, "%s", fl_err_text(err));
}

static int read_categories(struct fl_cli *c, const struct fl_ship_settings *s,
			   struct fl_ship_hub_config *out)
{
	struct fl_fault fault = { "" };

	if (s->categories.len > FL_SHIP_CATEGORIES_MAX)
		return wrong(c, "category", "at most 8");
	for (size_t i = 0; i < s->categories.len; i++) {
		if (fl_config_category_parse(s->categories.at[i], &fault, &out->categories[i]) !=
		    FL_OK)
			return wrong(c, "category", fault.text);
	}
	out->categories_count = s->categories.len;
	return FL_EXIT_DONE;
}

/* ---- files and places ---- */

/* A file that is named and cannot be used must not end in no PIN at all. */
static int read_pin(struct fl_cli *c, struct fl_ship_settings *s, struct fl_ship_hub_config *out)
{
	const char *path = fl_ship_flag_or(c, "pin-file", c->config->ship.pin_file);
	struct fl_fault fault = { "" };

	if (path[0] == '\0')
		return FL_EXIT_DONE;
	if (fl_file_read(path, PIN_FILE_MAX, &fault, &s->pin) != FL_OK)
		return wrong(c, "pin-file", fault.text);
	while (s->pin.len > 0 && s->pin.ptr[s->pin.len - 1] <= ' ')
		s->pin.len--;
	if (s->pin.len < FL_SHIP_PIN_MIN || s->pin.len > FL_SHIP_PIN_MAX)
		return wrong(c, "pin-file", "the file holds no PIN of 8 to 16 hex digits");
	fl_buf_byte(&s->pin, '\0');
	if (fl_buf_err(&s->pin) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	out->pin = (const char *)s->pin.ptr;
	return FL_EXIT_DONE;
}

static int read_places(struct fl_cli *c, struct fl_ship_settings *s, struct fl_ship_hub_config *out)
{
	const char *at = fl_ship_flag_or(c, "listen", c->config->ship.listen);

	if (!fl_ship_folder(c, s->folder))
		return wrong(c, "state-dir", "the name is too long");
	out->state_dir = s->folder;
	if (fl_config_listen_parse(at, &out->listen) != FL_OK)
		return wrong(c, "listen", "write it like :4712 or 192.0.2.7:4712");
	return FL_EXIT_DONE;
}

/* ---- devices ---- */

/* What cannot be known must not end in no limit at all. */
static int read_limits(struct fl_cli *c, struct fl_ship_settings *s, struct fl_ship_hub_config *out)
{
	const struct fl_config *set = c->config;

	s->limits = calloc(set->ship.trusted_count + 1, sizeof *s->limits);
	if (s->limits == NULL)
		return fl_cli_fail(c, FL_EXIT_FAILED, NULL, "out of memory");
	out->limits = s->limits;
	for (size_t i = 0; i < set->ship.trusted_count; i++) {
		const struct fl_config_device *d = &set->ship.trusted[i];
		struct fl_device_limit *l = &s->limits[out->limits_count];
		if (d->allow == 0 || fl_ski_parse(fl_slice_str(d->ski), &l->ski) != FL_OK)
			continue;
		l->categories = d->allow;
		out->limits_count++;
	}
	if (out->limits_count > 0 && out->mdns == FL_MDNS_NONE)
		return wrong(c, "mdns", "none shows no categories, and ship.trusted has allow");
	return FL_EXIT_DONE;
}

/* ---- all ---- */

int fl_ship_settings_read(struct fl_cli *c, struct fl_ship_settings *s,
			  struct fl_ship_hub_config *out)
{
	*s = (struct fl_ship_settings){ .pin = fl_buf_make(PIN_FILE_MAX + 1) };
	*out = (struct fl_ship_hub_config){ 0 };
	int code = fl_cli_config(c);
	if (code == FL_EXIT_DONE)
		code = read_lists(c, s);
	if (code == FL_EXIT_DONE)
		code = read_categories(c, s, out);
	if (code == FL_EXIT_DONE)
		code = read_places(c, s, out);
	if (code == FL_EXIT_DONE)
		code = read_pin(c, s, out);
	if (code != FL_EXIT_DONE)
		return code;
	const struct fl_config *set = c->config;
	out->id = fl_ship_flag_or(c, "id", set->ship.id);
	out->brand = fl_ship_flag_or(c, "brand", set->ship.brand);
	out->model = fl_ship_flag_or(c, "model", set->ship.model);
	out->type = fl_ship_flag_or(c, "type", set->ship.type);
	out->serial = fl_ship_flag_or(c, "serial", set->ship.serial);
	out->instance = set->ship.instance;
	out->mdns = backend_of(fl_ship_flag_or(c, "mdns", set->ship.mdns));
	out->rule = rule_of(fl_ship_flag_or(c, "rule", set->ship.double_connections));
	out->interfaces = (const char *const *)s->interfaces.at;
	out->interfaces_count = s->interfaces.len;
	out->connections_max = set->ship.connections_max;
	out->message_max = set->ship.message_max;
	out->message_log = set->ship.log_path;
	out->message_log_max = set->ship.log_max;
	out->message_log_plain = !set->ship.log_redact;
	return read_limits(c, s, out);
}

void fl_ship_settings_done(struct fl_ship_settings *s)
{
	fl_strlist_done(&s->interfaces);
	fl_strlist_done(&s->categories);
	fl_buf_wipe(&s->pin);
	free(s->limits);
}
