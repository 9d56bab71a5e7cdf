/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/config_kit.h - settings read from a file of a test: good values, and bad ones. */
#ifndef FL_TESTS_SERVICES_CONFIG_KIT_H
#define FL_TESTS_SERVICES_CONFIG_KIT_H

#include "../base/table.h"

#include "base/buf.h"
#include "services/config/config.h"

extern char dir[], file[64];

/* A folder of its own. False: there is none. */
bool kit_begin(void);
void kit_end(void);

void write_file(const char *text);

struct result {
	enum fl_err err;
	struct fl_config *config; /* NULL on failure */
	struct fl_config_report report;
};

struct result load(const char *text);
void drop(struct result *r);
void print_all(const struct fl_strlist *l, const char *what);
/* One line of the list holds all of `a` and `b`. */
void assert_said(const struct result *r, const struct fl_strlist *l, const char *a, const char *b);
void dump(const struct fl_config *c, struct fl_buf *out);

struct good {
	const char *name;
	const char *text;
	const char *line; /* of the dump */
};
void read_good(void **state);
void dump_again(void **state); /* what is dumped can be read, and then dumps the same */

struct bad {
	const char *name;
	const char *text;
	const char *at, *says;
};
void read_bad(void **state);

#endif
