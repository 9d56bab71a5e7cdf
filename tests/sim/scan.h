/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/sim/scan.h - reads JSON as raw pieces of its text, without building anything.
 *
 * The clients of the simulator have a decoder of their own: one that shared the server's would
 * share its mistakes.
 */
#ifndef TESTS_SIM_SCAN_H
#define TESTS_SIM_SCAN_H

#include <stdbool.h>

#include "base/slice.h"

struct scan {
	const uint8_t *at, *end;
	bool bad, begun;
	char close;
};

/* Over an object or a list; anything else gives no members and sets `bad`. */
struct scan scan_object(struct fl_slice text);
struct scan scan_list(struct fl_slice text);

/* The next member or element as raw text. The name is without its quotes and not decoded. */
bool scan_member(struct scan *s, struct fl_slice *out_name, struct fl_slice *out_value);
bool scan_item(struct scan *s, struct fl_slice *out);

bool scan_is(struct fl_slice name, const char *text);
uint64_t scan_number(struct fl_slice raw);        /* 0 for anything else */
struct fl_slice scan_string(struct fl_slice raw); /* between the quotes */
/* The string that an object has under this name; empty if it has none. */
struct fl_slice scan_text_of(struct fl_slice object, const char *name);
uint64_t scan_hash(uint64_t seed, struct fl_slice s); /* never 0 */

#endif
