/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * cli/output.h - one way to show what the API answered, in every format.
 *
 * json is the API's body byte for byte, so that the program and curl can take each other's place;
 * with columns or an order it is the same tree with less in it, or in another order.
 * json-line has one object a line, without the member around them. Tables come from columns as
 * data; without a terminal they are separated by tabs.
 *
 * Security  names come from clients: control characters never reach a terminal.
 */
#ifndef FL_CLI_OUTPUT_H
#define FL_CLI_OUTPUT_H

#include "base/buf.h"
#include "base/err.h"
#include "base/time.h"
#include "wire/json.h"

enum fl_format {
	FL_FORMAT_TABLE,
	FL_FORMAT_TABS, /* a table that no terminal shows */
	FL_FORMAT_WIDE,
	FL_FORMAT_JSON,
	FL_FORMAT_JSON_LINE,
	FL_FORMAT_YAML,
	FL_FORMAT_CSV,
	FL_FORMAT_NAME,
};

struct fl_output {
	enum fl_format format;
	bool colour, headers, quiet;
	bool bare;   /* headscale's data: what the envelope holds; json over many lines */
	bool utc;    /* times of tables in UTC, with a Z; else those of the place */
	fl_wall now; /* to tell past from future */
	const char *columns,
		*sort; /* names, separated by commas; "-x" sorts down; NULL: as usual */
};

enum fl_column_kind {
	FL_COLUMN_TEXT,
	FL_COLUMN_TIME,   /* YYYY-MM-DD HH:MM:SS */
	FL_COLUMN_EXPIRY, /* the same; red when past, green when to come, "never" when absent */
	FL_COLUMN_BOOL,   /* yes, no */
	FL_COLUMN_ONLINE, /* online in green, offline */
	FL_COLUMN_LIST,   /* joined */
	FL_COLUMN_NAMES,  /* the names of a list of objects, joined */
	FL_COLUMN_KEY,    /* the first characters of a public key */
	FL_COLUMN_SKI,    /* the first characters in tables; all where there is room */
};

struct fl_column {
	const char *title;
	const char *path; /* "user.name" */
	enum fl_column_kind kind;
	bool wide; /* only in wide, csv and single views */
};

struct fl_resource {
	const char *list, *item; /* the members that hold many and one */
	const char *name;        /* path of what the format `name` prints */
	const struct fl_column *columns;
	size_t count;
};

extern const struct fl_resource fl_resource_user, fl_resource_node, fl_resource_route,
	fl_resource_preauth, fl_resource_apikey, fl_resource_pending, fl_resource_change,
	fl_resource_revision, fl_resource_reach, fl_resource_warning, fl_resource_session,
	fl_resource_event, fl_resource_view, fl_resource_devices, fl_resource_found,
	fl_resource_hub;

/* Does a program read this rather than a person? */
bool fl_output_is_machine(const struct fl_output *o);

/* By a word of --output; "" or NULL chooses by whether stdout is a terminal. */
bool fl_output_format(const char *word, bool terminal, enum fl_format *out);

enum { FL_COLUMN_NAME_MAX = 32 };

/* What --columns and --sort call it: "last-seen". Title and path of the column do as well. */
void fl_column_name(const struct fl_column *c, char out[static FL_COLUMN_NAME_MAX]);

/* FL_ERR_INVALID: o->columns or o->sort names what `r` has not; `fault` says what there is. */
FL_MUST enum fl_err fl_output_check(const struct fl_output *o, const struct fl_resource *r,
				    struct fl_fault *fault);

/* Appends the whole answer. `body` is the text of `root`. Errors stick in `out`. */
void fl_output_write(const struct fl_output *o, const struct fl_resource *r, struct fl_slice body,
		     struct fl_jv root, struct fl_buf *out);

/* One record, a line a column: for `show`. */
void fl_output_record(const struct fl_output *o, const struct fl_resource *r, struct fl_jv item,
		      struct fl_buf *out);

/* The value as JSON over many lines, with tabs. */
void fl_json_pretty(struct fl_jv v, struct fl_buf *out);

/* The value as YAML. */
void fl_yaml_write(struct fl_jv v, struct fl_buf *out);

/* The member at a dotted path; absent if there is none. */
struct fl_jv fl_json_path(struct fl_jv v, const char *path);

/* Appends text with control characters and broken UTF-8 replaced by '?'. */
void fl_output_clean(struct fl_slice text, struct fl_buf *out);

#endif
