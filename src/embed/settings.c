/* SPDX-License-Identifier: BSD-3-Clause */
/* embed/settings.c - what an application wants its hub to be, in the words of the hub. */
#include "embed/hub_impl.h"

#include "services/config/check.h"
#include "services/config/hub.h"

#include <stdlib.h>

static enum fl_err parse_listen(const char *text, struct fl_fault *fault, struct fl_addrport *out)
{
	if (text == NULL)
		text = ":4712";
	if (fl_config_listen_parse(text, out) == FL_OK)
		return FL_OK;
	return fl_fault_set(
		fault, FL_ERR_INVALID,
		"'%.100s' is not an address and port; write it like :4712 or [::1]:4712", text);
}

static enum fl_mdns_backend backend_of(fl_hub_mdns mdns)
{
	switch (mdns) {
	case FL_HUB_MDNS_AUTO:
		return FL_MDNS_AUTO;
	case FL_HUB_MDNS_AVAHI:
		return FL_MDNS_AVAHI;
	case FL_HUB_MDNS_EMBEDDED:
		return FL_MDNS_EMBEDDED;
	case FL_HUB_MDNS_OFF:
		break;
	}
	return FL_MDNS_NONE;
}

static enum fl_devices_rule rule_of(fl_hub_rule rule)
{
	switch (rule) {
	case FL_HUB_RULE_RECENT:
		return FL_DEVICES_RULE_RECENT;
	case FL_HUB_RULE_INITIATOR:
		return FL_DEVICES_RULE_INITIATOR;
	case FL_HUB_RULE_AUTO:
		break;
	}
	return FL_DEVICES_RULE_AUTO;
}

/* ---- what devices may be ---- */

static bool is_limited_twice(const fl_hub_limit *all, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (memcmp(&all[i].ski, &all[at].ski, sizeof all->ski) == 0 &&
		    all[i].categories != all[at].categories)
			return true;
	return false;
}

/* What cannot be meant must not end in no limit at all. */
static enum fl_err check_limits(const fl_hub_config *c, struct fl_fault *fault)
{
	if (c->limits_count > FL_CONFIG_TRUSTED_MAX)
		return fl_fault_set(fault, FL_ERR_INVALID, "more than %d limits",
				    FL_CONFIG_TRUSTED_MAX);
	if (c->limits_count > 0 && c->limits == NULL)
		return fl_fault_set(fault, FL_ERR_ARG, "limits_count without limits");
	if (c->limits_count > 0 && c->mdns == FL_HUB_MDNS_OFF)
		return fl_fault_set(fault, FL_ERR_INVALID,
				    "limits need mDNS, which is off: nobody knows the categories");
	for (size_t i = 0; i < c->limits_count; i++) {
		if (c->limits[i].categories == 0 || (c->limits[i].categories & 1) != 0)
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "limit %zu: expected categories from 1 to %d, one at "
					    "least",
					    i, FL_DEVICES_CATEGORY_MAX);
		if (is_limited_twice(c->limits, i))
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "limit %zu: its device has another one before", i);
	}
	return FL_OK;
}

static enum fl_err copy_limits(const fl_hub_config *c, struct fl_fault *fault,
			       struct fl_embed_settings *s)
{
	enum fl_err err = check_limits(c, fault);
	if (err != FL_OK || c->limits_count == 0)
		return err;
	s->limits = calloc(c->limits_count, sizeof *s->limits);
	if (s->limits == NULL)
		return FL_ERR_NOMEM;
	for (size_t i = 0; i < c->limits_count; i++) {
		memcpy(s->limits[i].ski.b, c->limits[i].ski.b, sizeof s->limits[i].ski.b);
		s->limits[i].categories = c->limits[i].categories;
	}
	s->hub.limits = s->limits;
	s->hub.limits_count = c->limits_count;
	return FL_OK;
}

/* ---- all ---- */

enum fl_err fl_embed_settings_read(const fl_hub_config *c, struct fl_fault *fault,
				   struct fl_embed_settings *out)
{
	*out = (struct fl_embed_settings){ 0 };
	out->hub = (struct fl_ship_hub_config){
		.state_dir = c->state_dir,
		.id = c->ship_id,
		.brand = c->brand,
		.model = c->model,
		.type = c->device_type,
		.serial = c->serial,
		.instance = c->instance,
		.interfaces = c->interfaces,
		.interfaces_count = c->interfaces_count,
		.mdns = backend_of(c->mdns),
		.rule = rule_of(c->double_connections),
		.pin = c->pin,
		.pin_optional = c->pin_optional,
		.connections_max = c->connections_max,
		.message_max = c->message_max,
		.message_log = c->message_log,
		.message_log_max = c->message_log_max,
		.message_log_plain = c->message_log_plain,
		.categories_count = c->categories_count,
	};
	if (c->categories_count > FL_SHIP_CATEGORIES_MAX)
		return fl_fault_set(fault, FL_ERR_INVALID, "more than %d categories",
				    FL_SHIP_CATEGORIES_MAX);
	memcpy(out->hub.categories, c->categories, c->categories_count * sizeof *c->categories);
	enum fl_err err = copy_limits(c, fault, out);
	if (err == FL_OK)
		err = parse_listen(c->listen, fault, &out->hub.listen);
	return err;
}

void fl_embed_settings_done(struct fl_embed_settings *s)
{
	free(s->limits);
}
