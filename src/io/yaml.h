/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/yaml.h - reads one YAML document into a tree that remembers where everything stood.
 *
 * Hides libyaml. JSON is a part of YAML and is read too. Anchors, aliases and tags are refused:
 * settings and relay maps need none, and aliases can grow without bound.
 *
 * Memory  the tree owns its strings; fl_yaml_free releases all of it.
 * Limits  FL_YAML_DEPTH_MAX lists and maps inside each other, FL_YAML_NODES_MAX values,
 *         FL_YAML_KEYS_MAX keys of one map (each is compared with those before it).
 */
#ifndef FL_IO_YAML_H
#define FL_IO_YAML_H

#include "base/err.h"
#include "base/slice.h"

enum { FL_YAML_DEPTH_MAX = 32, FL_YAML_NODES_MAX = 65536, FL_YAML_KEYS_MAX = 4096 };

enum fl_yaml_kind { FL_YAML_SCALAR, FL_YAML_LIST, FL_YAML_MAP };

struct fl_yaml {
	enum fl_yaml_kind kind;
	unsigned line, column; /* from 1, where the value begins */
	char *text;            /* scalar */
	bool quoted; /* the scalar stood in quotes: it is a string whatever it looks like */
	struct fl_yaml **items; /* list: items; map: values */
	char **keys;            /* map */
	unsigned *key_lines, *key_columns;
	size_t len;
};

/*
 * Parses `in`; an empty document gives an empty map. Errors with a text "line:column: what" in
 * `fault`: FL_ERR_SYNTAX (malformed, duplicate key, alias, tag, text after the document),
 * FL_ERR_TOO_BIG, FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_yaml_parse(struct fl_slice in, struct fl_fault *fault, struct fl_yaml **out);
struct fl_yaml *fl_yaml_free(struct fl_yaml *y); /* NULL in, NULL out */

/* A map's value, or NULL. */
const struct fl_yaml *fl_yaml_get(const struct fl_yaml *map, const char *key);

/* An unquoted null, ~ or nothing. */
bool fl_yaml_is_null(const struct fl_yaml *y);

#endif
