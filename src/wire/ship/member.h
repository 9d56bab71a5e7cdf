/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/member.h - reads and writes the members of SHIP messages.
 *
 * Reading takes both forms, {"a":1,"b":2} and [{"a":1},{"b":2}], straight from the tokens. A value
 * of the wrong type fails the walk (fl_tokens_fail) and reads as absent; null is absent.
 *
 * Memory  nothing is allocated; names and strings are slices of the text as it was written.
 * Source  docs/protocol/ship.md 4.2, 4.3
 */
#ifndef FL_WIRE_SHIP_MEMBER_H
#define FL_WIRE_SHIP_MEMBER_H

#include "base/jw.h"
#include "wire/ship/token.h"

/*
 * The next member of the object that began as a due value at depth `floor`; false at its end. The
 * caller reads or skips the value before it asks again.
 */
bool fl_member_next(struct fl_tokens *t, size_t floor, struct fl_slice *out_name);

/* ---- the value that is due; false: null, or the walk has failed ---- */
bool fl_member_u32(struct fl_tokens *t, uint32_t *out); /* a whole number; larger ones are cut */
bool fl_member_bool(struct fl_tokens *t, bool *out);
bool fl_member_string(struct fl_tokens *t, struct fl_slice *out_quoted);

/* The place of a string among `words`; `count` if it is none of them. */
bool fl_member_word(struct fl_tokens *t, const char *const *words, size_t count, size_t *out);

/* Appends what a quoted string says. False if half a surrogate pair is in it, or no room. */
bool fl_member_unescape(struct fl_slice quoted, struct fl_buf *out);

/* ---- one member each: {"name":value} ---- */
void fl_member_put_str(struct fl_jw *w, const char *name, const char *value);
void fl_member_put_text(struct fl_jw *w, const char *name, struct fl_slice value);
void fl_member_put_u64(struct fl_jw *w, const char *name, uint64_t value);

/* One whose value is a list: {"name":[ and ]} */
void fl_member_open(struct fl_jw *w, const char *name);
void fl_member_close(struct fl_jw *w);

#endif
