/* SPDX-License-Identifier: BSD-3-Clause */
/* services/config/values.h - one text or YAML value into one setting, by the type of its key. */
#ifndef FL_SERVICES_CONFIG_VALUES_H
#define FL_SERVICES_CONFIG_VALUES_H

#include "services/config/keys.h"

/* Where paths start. */
struct fl_value_context {
	const char *folder;    /* of the file */
	const char *state_dir; /* for defaults with "@" */
	bool client;           /* a path that only the service can know stays as written */
};

/*
 * A path of the settings into *slot. It may begin with ${CREDENTIALS_DIRECTORY}, where systemd puts
 * what the service alone may read; no other variable is expanded. `text` may be *slot. Errors:
 * FL_ERR_INVALID when that variable is not set, FL_ERR_TOO_BIG, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_value_path(char **slot, const struct fl_value_context *ctx, const char *text,
				  struct fl_fault *fault);

/*
 * From a default or the environment; lists are split at blanks. Errors: FL_ERR_INVALID with what
 * was expected.
 */
FL_MUST enum fl_err fl_value_from_text(struct fl_config *c, const struct fl_key_def *key,
				       const struct fl_value_context *ctx, const char *text,
				       struct fl_fault *fault);

/* From the file. An unquoted null leaves the default. */
FL_MUST enum fl_err fl_value_from_yaml(struct fl_config *c, const struct fl_key_def *key,
				       const struct fl_value_context *ctx, const struct fl_yaml *y,
				       struct fl_fault *fault);

/* Frees one value in place. */
void fl_value_done(struct fl_config *c, const struct fl_key_def *key);

#endif
