/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * bench/js.h - a pull reader over JSON text that builds nothing.
 *
 * A generator decodes the maps of all nodes, N times N peers, so it walks the text in place and
 * hands out raw values. It accepts what the two servers write and ends the run on anything that
 * is not JSON. Strings with escapes are compared as they are written.
 */
#ifndef FL_BENCH_JS_H
#define FL_BENCH_JS_H

#include "base/slice.h"

struct js {
	const uint8_t *at, *end;
	bool bad;
};

static inline struct js js_over(struct fl_slice s)
{
	return (struct js){ .at = s.ptr, .end = s.ptr + s.len };
}

/* Enters an object or array: '{' or '['. False, without a mark, for null and other kinds. */
bool js_enter(struct js *j, char open);

/* The next key of an object entered, with the cursor on its value; false at its end. */
bool js_key(struct js *j, struct fl_slice *out_key);

/* True if another element of an array entered follows; false at its end. */
bool js_item(struct js *j);

/* The raw text of the value at the cursor, which moves behind it. */
struct fl_slice js_value(struct js *j);

/* Kinds of a raw value. */
bool js_is_null(struct fl_slice v);
struct fl_slice js_text(struct fl_slice v); /* without quotes; empty for other kinds */
int64_t js_int(struct fl_slice v);

#endif
