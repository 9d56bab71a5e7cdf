/* SPDX-License-Identifier: BSD-3-Clause */
/* wire/ship/member.c - the members of SHIP messages. */
#include "wire/ship/member.h"

#include "base/text.h"
#include "wire/hujson_text.h"

/* ---- reading ---- */

bool fl_member_next(struct fl_tokens *t, size_t floor, struct fl_slice *out_name)
{
	for (;;) {
		enum fl_token token = fl_tokens_next(t);
		bool in_obj = t->depth > 0 && t->is_obj[t->depth - 1];
		size_t level = t->depth - floor; /* at least 0: what is around the value is open */

		switch (token) {
		case FL_TOKEN_NAME:
			*out_name = t->text;
			return true;
		case FL_TOKEN_OBJ: /* the object itself, or an element of its list */
		case FL_TOKEN_ARR:
			if (level == 1 || (level == 2 && in_obj))
				continue;
			break;
		case FL_TOKEN_OBJ_END:
		case FL_TOKEN_ARR_END:
			if (level == 0)
				return false;
			continue;
		case FL_TOKEN_NULL:
			if (level == 0)
				return false;
			break;
		case FL_TOKEN_STRING:
		case FL_TOKEN_NUMBER:
		case FL_TOKEN_TRUE:
		case FL_TOKEN_FALSE:
		case FL_TOKEN_END:
		case FL_TOKEN_BAD:
			break;
		}
		fl_tokens_fail(t, FL_ERR_SYNTAX);
		return false;
	}
}

/* Is the value that is due of this type? */
static bool take(struct fl_tokens *t, enum fl_token want)
{
	enum fl_token token = fl_tokens_next(t);

	if (token != want && token != FL_TOKEN_NULL)
		fl_tokens_fail(t, FL_ERR_SYNTAX);
	return token == want;
}

static bool is_digits(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	}
	return true;
}

bool fl_member_u32(struct fl_tokens *t, uint32_t *out)
{
	uint64_t v = 0;

	if (!take(t, FL_TOKEN_NUMBER))
		return false;
	if (!is_digits(t->text)) { /* a sign, a fraction, an exponent */
		fl_tokens_fail(t, FL_ERR_SYNTAX);
		return false;
	}
	if (fl_u64_parse(t->text, &v) != FL_OK || v > UINT32_MAX)
		v = UINT32_MAX;
	*out = (uint32_t)v;
	return true;
}

bool fl_member_bool(struct fl_tokens *t, bool *out)
{
	enum fl_token token = fl_tokens_next(t);

	if (token != FL_TOKEN_TRUE && token != FL_TOKEN_FALSE) {
		if (token != FL_TOKEN_NULL)
			fl_tokens_fail(t, FL_ERR_SYNTAX);
		return false;
	}
	*out = token == FL_TOKEN_TRUE;
	return true;
}

bool fl_member_string(struct fl_tokens *t, struct fl_slice *out_quoted)
{
	if (!take(t, FL_TOKEN_STRING))
		return false;
	*out_quoted = t->text;
	return true;
}

bool fl_member_word(struct fl_tokens *t, const char *const *words, size_t count, size_t *out)
{
	struct fl_slice quoted;
	size_t i = 0;

	if (!fl_member_string(t, &quoted))
		return false;
	while (i < count && !fl_token_is(quoted, words[i]))
		i++;
	*out = i;
	return true;
}

bool fl_member_unescape(struct fl_slice quoted, struct fl_buf *out)
{
	struct fl_slice inner = fl_slice_of(quoted.ptr + 1, quoted.len - 2);
	bool valid;

	return fl_hujson_unescape(inner, out, &valid) && valid && fl_buf_err(out) == FL_OK;
}

/* ---- writing ---- */

void fl_member_put_str(struct fl_jw *w, const char *name, const char *value)
{
	fl_member_put_text(w, name, fl_slice_str(value));
}

void fl_member_put_text(struct fl_jw *w, const char *name, struct fl_slice value)
{
	fl_jw_obj(w);
	fl_jw_key(w, name);
	fl_jw_text(w, value);
	fl_jw_obj_end(w);
}

void fl_member_put_u64(struct fl_jw *w, const char *name, uint64_t value)
{
	fl_jw_obj(w);
	fl_jw_key(w, name);
	fl_jw_u64(w, value);
	fl_jw_obj_end(w);
}

void fl_member_open(struct fl_jw *w, const char *name)
{
	fl_jw_obj(w);
	fl_jw_key(w, name);
	fl_jw_arr(w);
}

void fl_member_close(struct fl_jw *w)
{
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}
