/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * services/config/keys.h - every setting: its name, type, default and place, in one table.
 *
 * Names and types are headscale's (docs/configuration.md). A key whose feature is not built in is
 * listed too, so that it is a warning and not an unknown word.
 */
#ifndef FL_SERVICES_CONFIG_KEYS_H
#define FL_SERVICES_CONFIG_KEYS_H

#include "io/yaml.h"
#include "services/config/config.h"

enum fl_key_type {
	FL_KEY_STRING,
	FL_KEY_PATH,   /* relative to the configuration file */
	FL_KEY_SECRET, /* masked in dumps */
	FL_KEY_BOOL,
	FL_KEY_INT,
	FL_KEY_U32,
	FL_KEY_DURATION,
	FL_KEY_PREFIX,
	FL_KEY_PREFIXES,
	FL_KEY_STRINGS,
	FL_KEY_MODE, /* "0660" */
	FL_KEY_LOG_LEVEL,
	FL_KEY_LOG_FORMAT,
	FL_KEY_ALLOCATION,
	FL_KEY_SPLIT,   /* map of domain to list */
	FL_KEY_RECORDS, /* list of {name, type, value} */
	FL_KEY_DEVICES, /* list of {ski, name, id} */
	FL_KEY_ANY,     /* not ours: any shape */
};

enum fl_key_status {
	FL_KEY_USED,
	FL_KEY_ACCEPTED,   /* tuning of another program: read and ignored, no word about it */
	FL_KEY_LATER,      /* known, not built in: a warning when set */
	FL_KEY_GUARDED,    /* as LATER, but ignoring it would open access: an error when set */
	FL_KEY_REMOVED,    /* an error that names what replaced it (in `fallback`) */
	FL_KEY_SUPERSEDED, /* as REMOVED, but a warning where the key of `fallback` is set too */
	FL_KEY_RENAMED,    /* works as the key of `fallback`, unless that is set too; a warning */
};

struct fl_key_def {
	const char *name; /* dotted; for FL_KEY_LATER and such a trailing ".*" covers all below */
	enum fl_key_type type;
	enum fl_key_status status;
	size_t offset;        /* into struct fl_config */
	const char *fallback; /* default as text, NULL = none; "@x" is x in the state folder */
	bool live;            /* a reload applies it, or the running server does not use it */
};

extern const struct fl_key_def fl_keys[];
extern const size_t fl_keys_count;

/* The entry that covers a dotted name, or NULL. */
const struct fl_key_def *fl_key_find(const char *name);

/* The nearest used or known name within two edits, or NULL; never one of the past. */
const char *fl_key_nearest(const char *name);

/* Is there any key below this dotted group? */
bool fl_key_is_group(const char *name);

#endif
