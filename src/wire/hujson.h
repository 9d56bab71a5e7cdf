/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/hujson.h - reads JSON with comments and trailing commas, and keeps where each value stood.
 *
 * The document is a tree of values in text order. Only syntax is judged here, with the texts of
 * the reference: what a value means, and whether a member may stand twice, is the reader's matter,
 * who walks the tree in text order and reports the first problem.
 *
 * Thread    one owner; immutable once parsed.
 * Memory    the document keeps a copy of the text; values and slices live until it is freed.
 * Limits    FL_HUJSON_TEXT_MAX bytes, FL_HUJSON_DEPTH_MAX levels, FL_HUJSON_VALUES_MAX values and
 *           names, checked before memory is spent.
 * Source    docs/policy.md 1.1
 */
#ifndef FL_WIRE_HUJSON_H
#define FL_WIRE_HUJSON_H

#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

enum {
	FL_HUJSON_TEXT_MAX = 4 << 20,
	FL_HUJSON_DEPTH_MAX = 64,
	FL_HUJSON_VALUES_MAX = 1 << 20,
};

enum fl_hujson_kind {
	FL_HUJSON_NULL,
	FL_HUJSON_BOOL,
	FL_HUJSON_NUMBER,
	FL_HUJSON_STRING,
	FL_HUJSON_ARRAY,
	FL_HUJSON_OBJECT,
};

struct fl_hujson;

/* A value inside a document, by value. `at` 0 is none: what a walk gives at its end. */
struct fl_hujv {
	const struct fl_hujson *doc;
	uint32_t at;
};

/*
 * Parses one whole text. On a syntax error *out_at is its byte offset and `fault` holds
 * "hujson: line L, column C: ..." with the detail of policy.md 1.1; line and column count from 1,
 * columns in bytes. Errors: FL_ERR_SYNTAX, FL_ERR_TOO_BIG (`fault` says which limit), FL_ERR_NOMEM.
 */
FL_MUST enum fl_err fl_hujson_parse(struct fl_slice text, struct fl_fault *fault, size_t *out_at,
				    struct fl_hujson **out);
struct fl_hujson *fl_hujson_free(struct fl_hujson *doc); /* NULL in, NULL out */

struct fl_hujv fl_hujson_root(const struct fl_hujson *doc);
struct fl_slice fl_hujson_source(const struct fl_hujson *doc); /* the text, terminated behind */

static inline bool fl_hujson_is(struct fl_hujv v)
{
	return v.at != 0;
}

enum fl_hujson_kind fl_hujson_kind(struct fl_hujv v);
bool fl_hujson_bool(struct fl_hujv v);

/* Where the value begins, in bytes from the start of the text. */
size_t fl_hujson_offset(struct fl_hujv v);

/* The value as it was written: a string with its quotes, an object with its comments. */
struct fl_slice fl_hujson_raw(struct fl_hujv v);

/*
 * The content of a string, escapes resolved, terminated behind. *out_valid is false if it is not
 * valid UTF-8 or holds an unpaired surrogate: then the text has U+FFFD in their place.
 */
struct fl_slice fl_hujson_text(struct fl_hujv v, bool *out_valid);

/* Elements of an array, or the values of an object's members, in text order. */
size_t fl_hujson_len(struct fl_hujv v);
struct fl_hujv fl_hujson_first(struct fl_hujv v);
struct fl_hujv fl_hujson_next(struct fl_hujv v); /* the next sibling */

/* The name of a member's value, itself a string value with its own offset and text. */
struct fl_hujv fl_hujson_name(struct fl_hujv member);

/* Line and column of an offset, from 1; the column counts bytes. */
void fl_hujson_place(struct fl_slice text, size_t at, size_t *out_line, size_t *out_column);

/* Appends the value as compact standard JSON: no comments, no trailing commas, texts unchanged. */
void fl_hujson_standard(struct fl_hujv v, struct fl_buf *out);

/*
 * Appends the text in one layout: tabs, one member a line unless a short list fits in 100 columns,
 * trailing commas, comments where they stood. A text that is in this layout comes out unchanged.
 */
void fl_hujson_format(const struct fl_hujson *doc, struct fl_buf *out);

#endif
