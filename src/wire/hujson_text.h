/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/hujson_text.h - the tokens of a HuJSON text: where they end, whether they are sound, what
 * a string says. For the readers and writers of HuJSON and EEBUS JSON.
 *
 * Thread  pure.
 * Source  docs/policy.md 1.1
 */
#ifndef FL_WIRE_HUJSON_TEXT_H
#define FL_WIRE_HUJSON_TEXT_H

#include "base/buf.h"
#include "base/slice.h"

enum { FL_HUJSON_QUOTED_MAX = 16 }; /* with NUL */

/* The first offset from `at` on that is not space, tab, CR or LF. */
size_t fl_hujson_skip_space(struct fl_slice text, size_t at);

/*
 * Behind the comment that begins at `at`, a line comment with its newline; `at` itself if none
 * begins there; SIZE_MAX if it does not end.
 */
size_t fl_hujson_comment_end(struct fl_slice text, size_t at);

/* Behind the closing quote of the string that begins at `at`; SIZE_MAX if there is none. */
size_t fl_hujson_string_end(struct fl_slice text, size_t at);

/* Behind the letters, digits, '+', '-' and '.' from `at` on. */
size_t fl_hujson_word_end(struct fl_slice text, size_t at);

bool fl_hujson_is_utf8(struct fl_slice s);
bool fl_hujson_is_number(struct fl_slice s);

/*
 * Appends what stands between the quotes of a string, escapes resolved, U+FFFD for what is no
 * UTF-8 and for half a surrogate pair (then *out_valid is false). False: a bad escape or a control
 * character, the string is no literal.
 */
bool fl_hujson_unescape(struct fl_slice inner, struct fl_buf *out, bool *out_valid);

/* The first character of a text that is not empty, quoted for a message. */
void fl_hujson_quote(struct fl_slice text, char out[static FL_HUJSON_QUOTED_MAX]);

#endif
