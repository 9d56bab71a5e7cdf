/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/jw.h - writes JSON straight into a buffer, for the hot paths and for every answer.
 *
 * Commas and nesting are handled here; the caller opens, keys, values, closes. Strings are
 * escaped as Go's encoding/json does it: '<', '>', '&', U+2028 and U+2029 too, invalid UTF-8
 * becomes U+FFFD. Errors stick in the buffer (base/buf.h).
 *
 * Limits  nesting FL_JW_DEPTH; deeper is FL_ERR_ARG in the buffer, as are a member without its
 *         key, a key without its value and an end that does not match.
 */
#ifndef FL_BASE_JW_H
#define FL_BASE_JW_H

#include "base/buf.h"
#include "base/time.h"

enum { FL_JW_DEPTH = 32 };

struct fl_jw {
	struct fl_buf *out;
	uint32_t used; /* bit d: level d already holds a value */
	uint32_t objs; /* bit d: level d is an object */
	uint8_t depth;
	bool keyed; /* a key was written, its value is due */
	bool guard; /* also escape DEL and U+0080..U+009F, which terminals obey */
};

static inline struct fl_jw fl_jw_make(struct fl_buf *out)
{
	return (struct fl_jw){ .out = out };
}

void fl_jw_obj(struct fl_jw *w);
void fl_jw_obj_end(struct fl_jw *w);
void fl_jw_arr(struct fl_jw *w);
void fl_jw_arr_end(struct fl_jw *w);
void fl_jw_key(struct fl_jw *w, const char *key);          /* plain ASCII, written as is */
void fl_jw_key_text(struct fl_jw *w, struct fl_slice key); /* escaped */
void fl_jw_str(struct fl_jw *w, const char *s);            /* NULL writes "" */
void fl_jw_text(struct fl_jw *w, struct fl_slice s);
void fl_jw_u64(struct fl_jw *w, uint64_t v);
void fl_jw_i64(struct fl_jw *w, int64_t v);
void fl_jw_u64_str(struct fl_jw *w, uint64_t v); /* "123": protobuf-style JSON of the admin API */
void fl_jw_f64(struct fl_jw *w, double v);       /* %.17g, non-finite writes null */
void fl_jw_bool(struct fl_jw *w, bool v);
void fl_jw_null(struct fl_jw *w);
void fl_jw_time(struct fl_jw *w, fl_wall t);
void fl_jw_raw(struct fl_jw *w, struct fl_slice json); /* one whole JSON value, trusted */

#endif
