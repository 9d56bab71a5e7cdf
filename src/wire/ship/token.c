/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/token.c - the JSON tokenizer of SHIP.
 *
 * `due` says what may come next; together with the stack of open levels that is the whole grammar.
 */
#include "wire/ship/token.h"

#include "base/utf8.h"
#include "wire/hujson_text.h"

enum due {
	VALUE,       /* the root, or behind a colon */
	FIRST_VALUE, /* behind '[' */
	FIRST_NAME,  /* behind '{' */
	MORE,        /* behind a value: a comma, the end of the level, the end of the text */
};

enum { WORD_MAX = 32, UNIT_LEN = 6 /* \uXXXX */ };

void fl_tokens_init(struct fl_tokens *t, struct fl_slice text, size_t depth_max)
{
	while (text.len > 0 && text.ptr[text.len - 1] == '\0')
		text.len--;
	t->in = text;
	t->at = 0;
	t->text = fl_slice_of(NULL, 0);
	t->first = true;
	t->err = FL_OK;
	t->due = VALUE;
	t->depth = 0;
	t->depth_max = depth_max;
}

enum fl_token fl_tokens_fail(struct fl_tokens *t, enum fl_err err)
{
	if (t->err == FL_OK)
		t->err = err;
	return FL_TOKEN_BAD;
}

/* The byte at the front behind white space; 0, which no token begins with, at the end. */
static uint8_t look(struct fl_tokens *t)
{
	const uint8_t *p = t->in.ptr;
	size_t at = t->at;

	while (at < t->in.len && (p[at] == ' ' || p[at] == '\n' || p[at] == '\r' || p[at] == '\t'))
		at++;
	t->at = at;
	return at < t->in.len ? p[at] : 0;
}

static enum fl_token took(struct fl_tokens *t, size_t len, enum fl_token token)
{
	t->text = fl_slice_of(t->in.ptr + t->at, len);
	t->at += len;
	return token;
}

/* ---- strings ---- */

/* Bytes of a string that stand for themselves. */
static const bool plain[256] = { [' '] = 1, ['!'] = 1, ['#' ... '['] = 1, [']' ... 0x7f] = 1 };

static bool is_hex(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

/* The length of the escape at the front; 0 if there is no such escape. */
static size_t escape_len(struct fl_slice s)
{
	if (s.len < 2)
		return 0;
	if (s.ptr[1] != 'u')
		return memchr("\"\\/bfnrt", s.ptr[1], 8) != NULL ? 2 : 0;
	if (s.len < UNIT_LEN)
		return 0;
	for (size_t i = 2; i < UNIT_LEN; i++) {
		if (!is_hex(s.ptr[i]))
			return 0;
	}
	return UNIT_LEN;
}

/* The length of what does not stand for itself; 0: a control byte, a bad escape, no UTF-8. */
static size_t special_len(struct fl_slice s)
{
	uint32_t rune;

	if (s.ptr[0] == '\\')
		return escape_len(s);
	return s.ptr[0] >= 0x80 ? fl_utf8_step(s.ptr, s.len, &rune) : 0;
}

static enum fl_token string(struct fl_tokens *t, enum fl_token token)
{
	const uint8_t *p = t->in.ptr;
	size_t at = t->at + 1;

	for (;;) {
		while (at < t->in.len && plain[p[at]])
			at++;
		if (at == t->in.len)
			return fl_tokens_fail(t, FL_ERR_SYNTAX);
		if (p[at] == '"')
			return took(t, at + 1 - t->at, token);
		size_t n = special_len(fl_slice_of(p + at, t->in.len - at));
		if (n == 0)
			return fl_tokens_fail(t, FL_ERR_SYNTAX);
		at += n;
	}
}

bool fl_token_is(struct fl_slice quoted, const char *word)
{
	struct fl_slice inner = fl_slice_of(quoted.ptr + 1, quoted.len - 2);
	uint8_t mem[WORD_MAX];
	struct fl_buf said = fl_buf_over(mem, sizeof mem);
	bool valid;

	if (memchr(inner.ptr, '\\', inner.len) == NULL)
		return fl_slice_is(inner, word);
	return fl_hujson_unescape(inner, &said, &valid) && valid && fl_buf_err(&said) == FL_OK &&
	       fl_slice_is(fl_buf_slice(&said), word);
}

/* ---- values ---- */

static enum fl_token word(struct fl_tokens *t)
{
	size_t len = fl_hujson_word_end(t->in, t->at) - t->at;
	struct fl_slice s = fl_slice_of(t->in.ptr + t->at, len);

	if (fl_hujson_is_number(s))
		return took(t, len, FL_TOKEN_NUMBER);
	if (fl_slice_is(s, "true"))
		return took(t, len, FL_TOKEN_TRUE);
	if (fl_slice_is(s, "false"))
		return took(t, len, FL_TOKEN_FALSE);
	if (fl_slice_is(s, "null"))
		return took(t, len, FL_TOKEN_NULL);
	return fl_tokens_fail(t, FL_ERR_SYNTAX);
}

static enum fl_token open_level(struct fl_tokens *t, bool is_obj)
{
	if (t->depth == t->depth_max)
		return fl_tokens_fail(t, FL_ERR_TOO_BIG);
	t->is_obj[t->depth++] = is_obj;
	t->due = is_obj ? FIRST_NAME : FIRST_VALUE;
	return took(t, 1, is_obj ? FL_TOKEN_OBJ : FL_TOKEN_ARR);
}

static enum fl_token close_level(struct fl_tokens *t)
{
	t->due = MORE;
	return took(t, 1, t->is_obj[--t->depth] ? FL_TOKEN_OBJ_END : FL_TOKEN_ARR_END);
}

static enum fl_token value(struct fl_tokens *t)
{
	uint8_t c = look(t);

	if (t->at == t->in.len)
		return fl_tokens_fail(t, FL_ERR_SYNTAX);
	if (c == '{' || c == '[')
		return open_level(t, c == '{');
	t->due = MORE;
	return c == '"' ? string(t, FL_TOKEN_STRING) : word(t);
}

static enum fl_token name(struct fl_tokens *t)
{
	if (look(t) != '"')
		return fl_tokens_fail(t, FL_ERR_SYNTAX);
	enum fl_token token = string(t, FL_TOKEN_NAME);
	if (token == FL_TOKEN_BAD)
		return token;
	if (look(t) != ':')
		return fl_tokens_fail(t, FL_ERR_SYNTAX);
	t->at++;
	t->due = VALUE;
	return token;
}

/* Behind a value. */
static enum fl_token more(struct fl_tokens *t)
{
	uint8_t c = look(t);

	if (t->depth == 0)
		return t->at == t->in.len ? FL_TOKEN_END : fl_tokens_fail(t, FL_ERR_SYNTAX);
	bool is_obj = t->is_obj[t->depth - 1];
	if (c == (is_obj ? '}' : ']'))
		return close_level(t);
	if (c != ',')
		return fl_tokens_fail(t, FL_ERR_SYNTAX);
	t->at++;
	t->first = false;
	return is_obj ? name(t) : value(t);
}

enum fl_token fl_tokens_next(struct fl_tokens *t)
{
	if (t->err != FL_OK)
		return FL_TOKEN_BAD;
	t->first = true;
	switch ((enum due)t->due) {
	case VALUE:
		return value(t);
	case FIRST_VALUE:
		return look(t) == ']' ? close_level(t) : value(t);
	case FIRST_NAME:
		return look(t) == '}' ? close_level(t) : name(t);
	case MORE:
		return more(t);
	}
	return FL_TOKEN_BAD;
}

void fl_tokens_skip(struct fl_tokens *t)
{
	size_t floor = t->depth;

	while (fl_tokens_next(t) != FL_TOKEN_BAD && (t->depth > floor || t->due != MORE))
		;
}
