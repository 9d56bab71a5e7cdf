/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/config/records.h - the file of dns.extra_records_path: names that clients resolve
 * besides those of nodes.
 *
 * A JSON list of {"name", "type", "value"}, as headscale reads it. It is taken as a whole or not
 * at all.
 *
 * Limits  FL_RECORDS_MAX records, FL_RECORDS_FILE_MAX bytes.
 * Source  docs/configuration.md; docs/lifecycle.md NM-7
 */
#ifndef FL_SERVICES_CONFIG_RECORDS_H
#define FL_SERVICES_CONFIG_RECORDS_H

#include "services/config/config.h"

enum { FL_RECORDS_MAX = 4096, FL_RECORDS_FILE_MAX = 1 << 20 };

struct fl_records {
	struct fl_config_record *at;
	size_t count;
};

/* Errors with text in `fault`: FL_ERR_INVALID; FL_ERR_TOO_BIG; FL_ERR_NOMEM. */
FL_MUST enum fl_err fl_records_parse(struct fl_slice json, struct fl_fault *fault,
				     struct fl_records *out);

/* The same of a file; also what fl_file_read says. */
FL_MUST enum fl_err fl_records_read(const char *path, struct fl_fault *fault,
				    struct fl_records *out);
void fl_records_done(struct fl_records *r);

#endif
