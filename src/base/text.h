/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/text.h - hex, base64, small string helpers and owned string lists.
 */
#ifndef FL_BASE_TEXT_H
#define FL_BASE_TEXT_H

#include "base/err.h"
#include "base/slice.h"

/* `out` gets 2*n lower-case digits and a NUL. */
void fl_hex_encode(const void *src, size_t n, char *out);

/* Exactly 2*n digits of either case. Errors: FL_ERR_SYNTAX. */
FL_MUST enum fl_err fl_hex_decode(struct fl_slice text, uint8_t *out, size_t n);

/* Standard padded base64, strict on decode (no white space, canonical padding). */
void fl_base64_encode(const void *src, size_t n, char *out); /* (n + 2) / 3 * 4 and a NUL */

/* Writes at most `cap` bytes. Errors: FL_ERR_SYNTAX, FL_ERR_TOO_BIG. */
FL_MUST enum fl_err fl_base64_decode(struct fl_slice text, uint8_t *out, size_t cap,
				     size_t *out_len);

/* Decimal without sign or leading zeros (a lone 0 is fine). FL_ERR_SYNTAX, FL_ERR_TOO_BIG. */
FL_MUST enum fl_err fl_u64_parse(struct fl_slice text, uint64_t *out);

/* Copies with termination, truncating to cap-1; returns false if it had to. */
bool fl_str_copy(char *out, size_t cap, struct fl_slice text);

/* ASCII only, for protocol words. */
bool fl_str_ieq(struct fl_slice a, struct fl_slice b);

/*
 * Restricted Damerau-Levenshtein distance (swapped neighbours count 1), both at most 64 bytes
 * (longer: SIZE_MAX). For "did you mean".
 */
size_t fl_str_distance(struct fl_slice a, struct fl_slice b);

/* malloc'ed terminated copy, or NULL when out of memory. */
char *fl_str_dup(struct fl_slice text);

/* Valid UTF-8 without control characters (tab allowed)? For names that people will read. */
bool fl_str_is_clean(struct fl_slice text);

/* An owned list of owned strings. Zero-initialised is empty. */
struct fl_strlist {
	char **at;
	size_t len;
};
void fl_strlist_done(struct fl_strlist *l);
FL_MUST enum fl_err fl_strlist_add(struct fl_strlist *l, struct fl_slice text);
FL_MUST enum fl_err fl_strlist_copy(const struct fl_strlist *src, struct fl_strlist *out);
bool fl_strlist_has(const struct fl_strlist *l, const char *s);
bool fl_strlist_eq(const struct fl_strlist *a, const struct fl_strlist *b);
void fl_strlist_sort_unique(struct fl_strlist *l);

#endif
