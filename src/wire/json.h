/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/json.h - reads JSON by the rules of Go's encoding/json, which every stock peer uses.
 *
 * Names match without regard to ASCII case, the last duplicate wins, null reads as absent, unknown
 * names are ignored. Read a whole document without checks in between, then ask fl_json_err once:
 * a value of the wrong type sets an error that stays, and reads as absent. Reading below an absent
 * value gives absent values.
 *
 * Thread    one owner; documents share nothing.
 * Memory    values and strings are borrowed until the document is freed.
 * Limits    nesting (given) and FL_JSON_VALUES_MAX values are checked by a scan before any memory
 *           is spent: a small text cannot make a huge tree. The caller bounds the text itself.
 *           Strings with U+0000, invalid UTF-8 and integers beyond 64 bits fail the document.
 *           Where one object spells one name in several cases and repeats one of the spellings,
 *           the spelling that appeared last for the first time counts.
 * Source    docs/protocol/control.md 2.2
 */
#ifndef FL_WIRE_JSON_H
#define FL_WIRE_JSON_H

#include "base/err.h"
#include "base/slice.h"
#include "base/time.h"

enum {
	FL_JSON_DEPTH_MAX = 64,        /* for those who have no reason to ask for less */
	FL_JSON_VALUES_MAX = 32 << 10, /* values and names in one document */
};

struct fl_json;

/* A value inside a document, by value; v NULL = absent. */
struct fl_jv {
	struct fl_json *doc;
	void *v;
};

/*
 * One whole document: an object or an array, nothing after it. `depth` levels of nesting are
 * allowed. Errors: FL_ERR_SYNTAX, FL_ERR_TOO_BIG (nesting or number of values), FL_ERR_NOMEM (some
 * shortage shows as FL_ERR_SYNTAX: the parser does not tell).
 */
FL_MUST enum fl_err fl_json_parse(struct fl_slice text, size_t depth, struct fl_json **out);
struct fl_json *fl_json_free(struct fl_json *doc); /* NULL in, NULL out */

/* As fl_json_parse with another limit on values, for long answers of a peer that is trusted. */
FL_MUST enum fl_err fl_json_parse_most(struct fl_slice text, size_t depth, size_t values,
				       struct fl_json **out);

struct fl_jv fl_json_root(struct fl_json *doc);

/* FL_OK, or the first thing that went wrong while reading. */
enum fl_err fl_json_err(const struct fl_json *doc);

/* Lets the caller state that a value is unacceptable; the first error stays. */
void fl_json_fail(struct fl_jv v, enum fl_err err);

static inline bool fl_json_has(struct fl_jv v)
{
	return v.v != NULL;
}

/* What is it? null is absent. */
enum fl_json_kind {
	FL_JSON_ABSENT,
	FL_JSON_BOOL,
	FL_JSON_NUMBER,
	FL_JSON_STRING,
	FL_JSON_ARRAY,
	FL_JSON_OBJECT,
};
enum fl_json_kind fl_json_kind(struct fl_jv v);

/* Is it a number (and not, say, a string that holds one)? False for absent. */
bool fl_json_is_number(struct fl_jv v);

/* ---- the value itself; absent gives zero, false or the empty slice ---- */
bool fl_json_bool(struct fl_jv v);
uint64_t fl_json_u64(struct fl_jv v, uint64_t max); /* whole number 0..max, max <= INT64_MAX */
double fl_json_f64(struct fl_jv v);
struct fl_slice fl_json_str(struct fl_jv v); /* valid UTF-8, never holds a NUL, terminated behind */

/* RFC 3339; absent and year 1 give 0; the epoch and before 1678 give 1, after 2262 FL_NEVER. */
fl_wall fl_json_time(struct fl_jv v);

/* ---- members of an object; anything else than an object or absent is an error ---- */
struct fl_jv fl_json_get(struct fl_jv obj, const char *name);

/* Walks the members in text order, null ones skipped: start with *at = NULL; false at the end. */
bool fl_json_next(struct fl_jv obj, void **at, struct fl_slice *out_name, struct fl_jv *out_value);

/* As fl_json_next, with null members as absent values. */
bool fl_json_each(struct fl_jv obj, void **at, struct fl_slice *out_name, struct fl_jv *out_value);

/* ---- elements of an array; anything else than an array or absent is an error ---- */
size_t fl_json_len(struct fl_jv arr);
struct fl_jv fl_json_at(struct fl_jv arr, size_t i); /* null and out of range are absent */

/* Writes the value (absent: null) as one JSON value, members in text order. */
struct fl_jw;
void fl_json_write(struct fl_jv v, struct fl_jw *w);

/* Zeroes a string inside the document (its content is lost); for secrets that were copied out. */
void fl_json_wipe(struct fl_jv v);

#endif
