/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/token.h - walks a JSON text token by token, in one pass and without memory of its own.
 *
 * What comes out is a sound JSON text piece by piece: commas, colons and the nesting are judged
 * here. After the first fault every token is FL_TOKEN_BAD, so a reader looks at `err` once.
 *
 * Memory  tokens are slices of the text.
 * Limits  FL_TOKENS_DEPTH_MAX levels, or fewer (given).
 * Source  docs/protocol/ship.md 4.2
 */
#ifndef FL_WIRE_SHIP_TOKEN_H
#define FL_WIRE_SHIP_TOKEN_H

#include "base/err.h"
#include "base/slice.h"

enum { FL_TOKENS_DEPTH_MAX = 72 };

enum fl_token {
	FL_TOKEN_OBJ,
	FL_TOKEN_OBJ_END,
	FL_TOKEN_ARR,
	FL_TOKEN_ARR_END,
	FL_TOKEN_NAME, /* of a member; the colon behind it is read */
	FL_TOKEN_STRING,
	FL_TOKEN_NUMBER,
	FL_TOKEN_TRUE,
	FL_TOKEN_FALSE,
	FL_TOKEN_NULL,
	FL_TOKEN_END, /* behind the value only white space was left */
	FL_TOKEN_BAD,
};

struct fl_tokens {
	struct fl_slice in;
	size_t at;
	struct fl_slice text; /* the last token as it was written, strings with their quotes */
	bool first;           /* it is the first in its list or object; also the root */
	enum fl_err err;      /* FL_ERR_SYNTAX, FL_ERR_TOO_BIG (depth), or what fail was told */
	uint8_t due;
	size_t depth, depth_max;
	bool is_obj[FL_TOKENS_DEPTH_MAX]; /* the open levels */
};

/* `depth_max` is at most FL_TOKENS_DEPTH_MAX. Trailing zero bytes of the text are skipped. */
void fl_tokens_init(struct fl_tokens *t, struct fl_slice text, size_t depth_max);

enum fl_token fl_tokens_next(struct fl_tokens *t);

/* What the reader cannot accept; the first error stays. Gives FL_TOKEN_BAD. */
enum fl_token fl_tokens_fail(struct fl_tokens *t, enum fl_err err);

/* Walks over one whole value that is due, whatever it is. */
void fl_tokens_skip(struct fl_tokens *t);

/* Does a string, given with its quotes, say `word` (at most 31 bytes)? Escapes are resolved. */
bool fl_token_is(struct fl_slice quoted, const char *word);

#endif
