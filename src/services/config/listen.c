/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/listen.c - addresses to listen on, as people write them; needs no settings. */
#include "services/config/check.h"

#include <stdio.h>
#include <string.h>

enum fl_err fl_config_listen_parse(const char *text, struct fl_addrport *out)
{
	char full[FL_ADDRPORT_TEXT_MAX + 16];

	if (text[0] == ':')
		snprintf(full, sizeof full, "[::]%s", text);
	else if (strncmp(text, "localhost:", 10) == 0)
		snprintf(full, sizeof full, "127.0.0.1%s", text + 9);
	else if (!fl_str_copy(full, sizeof full, fl_slice_str(text)))
		return FL_ERR_SYNTAX;
	return fl_addrport_parse(fl_slice_str(full), out);
}
