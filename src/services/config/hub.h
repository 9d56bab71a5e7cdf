/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/hub.h - the settings of the device hub, `ship.*`: its devices, the rules. */
#ifndef FL_SERVICES_CONFIG_HUB_H
#define FL_SERVICES_CONFIG_HUB_H

#include "io/yaml.h"
#include "services/config/config.h"

enum {
	FL_CONFIG_TRUSTED_MAX = 1024,
	FL_CONFIG_CONNECTIONS_MAX = 1000,
	FL_CONFIG_MESSAGE_LEAST = 4096,
	FL_CONFIG_MESSAGE_MAX = 16 << 20,
	FL_CONFIG_LOG_LEAST = 2 << 20,
	FL_CONFIG_LOG_MAX = 1 << 30,
};

/*
 * The list [{ski, name, id, allow}] of ship.trusted. Errors: FL_ERR_INVALID with the line of the
 * device and what was expected; FL_ERR_NOMEM. What was read stays until fl_config_devices_done.
 */
FL_MUST enum fl_err fl_config_devices_read(struct fl_config *c, const struct fl_yaml *y,
					   struct fl_fault *fault);
void fl_config_devices_done(struct fl_config *c);
void fl_config_devices_json(const struct fl_config *c, struct fl_jw *w);

/* "2" or "ems": what a device is for. Errors: FL_ERR_INVALID, with all names in `fault`. */
FL_MUST enum fl_err fl_config_category_parse(const char *text, struct fl_fault *fault,
					     uint32_t *out);

void fl_config_hub_check(const struct fl_config *c, struct fl_config_report *report);

#endif
