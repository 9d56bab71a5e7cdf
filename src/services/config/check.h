/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/check.h - what settings must satisfy together. Reports all, changes nothing. */
#ifndef FL_SERVICES_CONFIG_CHECK_H
#define FL_SERVICES_CONFIG_CHECK_H

#include "services/config/config.h"

void fl_config_check(const struct fl_config *c, struct fl_config_report *report);

/* Adds one line; used by everything that reports. */
void fl_config_say(struct fl_strlist *list, const char *fmt, ...) FL_PRINTF(2, 3);

/* scheme, host and port of a URL "http[s]://host[:port]"; false if it is none. */
struct fl_config_url {
	bool https;
	char host[256]; /* without brackets */
	uint16_t port;
};
bool fl_config_url_parse(const char *url, struct fl_config_url *out);

/* "host:port", ":port" or "[v6]:port" into an address to bind; names only "localhost". */
FL_MUST enum fl_err fl_config_listen_parse(const char *text, struct fl_addrport *out);

#endif
