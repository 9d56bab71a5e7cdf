/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/ship/eebus.c - plain JSON to EEBUS JSON and back.
 *
 * Whether a list becomes an object is known at its end. So that nested lists are not looked at
 * again and again, the text is first written with marks where that matters (control bytes, which
 * no sound text contains), and a list's first mark is corrected when an element is no object. A
 * second pass over the result, in place, turns the marks into brackets. Both passes are linear.
 */
#include "wire/ship/eebus.h"

enum mark {
	MERGED = 1, /* '{', or '[' if it was a LIST after all */
	LIST,
	LIST_END,
	ELEMENT, /* of an object in a list: '{', or nothing in a merged one */
	ELEMENT_END,
	NEXT, /* the comma between elements */
	MARKS_END = ' ',
};

static bool went_on(const struct fl_tokens *t, const struct fl_buf *out)
{
	return t->err == FL_OK && fl_buf_err(out) == FL_OK;
}

/* Room for a text as long as the rest, where the buffer may have it. */
static void reserve(const struct fl_tokens *t, struct fl_buf *out)
{
	size_t room = out->max - out->len, want = t->in.len - t->at;

	(void)fl_buf_reserve(out, want < room ? want : room);
}

/* Drops what was appended if that failed. */
static enum fl_err finish(struct fl_tokens *t, struct fl_buf *out, size_t start)
{
	if (went_on(t, out))
		(void)fl_tokens_next(
			t); /* nothing may follow: FL_TOKEN_END, or an error that stays */
	if (went_on(t, out))
		return FL_OK;
	out->len = start;
	return t->err != FL_OK ? t->err : fl_buf_err(out);
}

/* ---- to plain ---- */

struct marker {
	struct fl_tokens *t;
	struct fl_buf *out;
	size_t floor;
	size_t opened[FL_TOKENS_DEPTH_MAX]; /* where the first mark of each open list stands */
};

static void mark(struct marker *m, enum fl_token token)
{
	struct fl_tokens *t = m->t;
	size_t parent = t->depth - (token == FL_TOKEN_OBJ || token == FL_TOKEN_ARR);
	bool in_list = parent > m->floor && !t->is_obj[parent - 1];

	if (!t->first)
		fl_buf_byte(m->out, in_list ? NEXT : ',');
	if (in_list && token != FL_TOKEN_OBJ && token != FL_TOKEN_OBJ_END)
		m->out->ptr[m->opened[parent - 1]] = LIST;
	if (token == FL_TOKEN_OBJ) {
		fl_buf_byte(m->out, in_list ? ELEMENT : '{');
	} else if (token == FL_TOKEN_OBJ_END) {
		fl_buf_byte(m->out, in_list ? ELEMENT_END : '}');
	} else if (token == FL_TOKEN_ARR) {
		m->opened[t->depth - 1] = m->out->len;
		fl_buf_byte(m->out, MERGED);
	} else if (token == FL_TOKEN_ARR_END) {
		fl_buf_byte(m->out, LIST_END);
	} else {
		fl_buf_put(m->out, t->text.ptr, t->text.len);
		if (token == FL_TOKEN_NAME)
			fl_buf_byte(m->out, ':');
	}
}

/* The open lists of the second pass. */
struct lists {
	bool merged[FL_TOKENS_DEPTH_MAX];
	bool used[FL_TOKENS_DEPTH_MAX]; /* a merged one that has a member */
	size_t depth;
};

/* What a mark stands for; 0: nothing. `after` is the byte behind it. */
static uint8_t resolve(struct lists *l, uint8_t c, uint8_t after)
{
	size_t top = l->depth - 1; /* every mark but the first stands inside of a list */

	switch (c) {
	case MERGED:
	case LIST:
		l->merged[l->depth] = c == MERGED;
		l->used[l->depth++] = false;
		return c == MERGED ? '{' : '[';
	case LIST_END:
		l->depth--;
		return l->merged[top] ? '}' : ']';
	case ELEMENT_END:
		return l->merged[top] ? 0 : '}';
	case NEXT:
		return l->merged[top] ? 0 : ',';
	default: /* ELEMENT */
		if (!l->merged[top])
			return '{';
		bool used = l->used[top];
		l->used[top] = used || after != ELEMENT_END;
		return used && after != ELEMENT_END ? ',' : 0;
	}
}

static void resolve_marks(struct fl_buf *out, size_t start)
{
	struct lists lists = { .depth = 0 };
	const uint8_t *from = out->ptr + start, *end = out->ptr + out->len;
	uint8_t *to = out->ptr + start;

	for (; from < end; from++) {
		uint8_t c = *from;
		if (c < MARKS_END)
			c = resolve(&lists, c, from + 1 < end ? from[1] : 0);
		if (c != 0)
			*to++ = c;
	}
	out->len = (size_t)(to - out->ptr);
}

void fl_eebus_value_to_plain(struct fl_tokens *t, struct fl_buf *out)
{
	struct marker m;
	size_t start = out->len;

	m.t = t;
	m.out = out;
	m.floor = t->depth;
	reserve(t, out);
	do {
		enum fl_token token = fl_tokens_next(t);
		if (went_on(t, out))
			mark(&m, token);
	} while (went_on(t, out) && t->depth > m.floor);
	if (went_on(t, out))
		resolve_marks(out, start);
}

enum fl_err fl_eebus_to_plain(struct fl_slice wire, struct fl_buf *out)
{
	struct fl_tokens t;
	size_t start = out->len;

	fl_tokens_init(&t, wire, FL_EEBUS_DEPTH_MAX);
	fl_eebus_value_to_plain(&t, out);
	return finish(&t, out, start);
}

/* ---- to wire ---- */

static void wrap(struct fl_tokens *t, enum fl_token token, enum fl_token before, struct fl_buf *out)
{
	if (token == FL_TOKEN_NAME) {
		fl_buf_str(out, t->first ? "{" : "},{");
		fl_buf_put(out, t->text.ptr, t->text.len);
		fl_buf_byte(out, ':');
		return;
	}
	if (!t->first)
		fl_buf_byte(out, ',');
	if (token == FL_TOKEN_OBJ)
		fl_buf_byte(out, '[');
	else if (token == FL_TOKEN_OBJ_END)
		fl_buf_str(out, before == FL_TOKEN_OBJ ? "]" : "}]");
	else
		fl_buf_put(out, t->text.ptr, t->text.len);
}

void fl_eebus_value_to_wire(struct fl_tokens *t, struct fl_buf *out)
{
	size_t floor = t->depth, wrapped = 0; /* objects with members are two levels */
	enum fl_token token = FL_TOKEN_END, before;

	reserve(t, out);
	do {
		before = token;
		token = fl_tokens_next(t);
		wrapped += token == FL_TOKEN_NAME && t->first;
		wrapped -= token == FL_TOKEN_OBJ_END && before != FL_TOKEN_OBJ;
		if (t->depth + wrapped > FL_EEBUS_DEPTH_MAX)
			token = fl_tokens_fail(t, FL_ERR_TOO_BIG);
		if (went_on(t, out))
			wrap(t, token, before, out);
	} while (went_on(t, out) && t->depth > floor);
}

enum fl_err fl_eebus_to_wire(struct fl_slice plain, struct fl_buf *out)
{
	struct fl_tokens t;
	size_t start = out->len;

	fl_tokens_init(&t, plain, FL_EEBUS_DEPTH_MAX);
	fl_eebus_value_to_wire(&t, out);
	return finish(&t, out, start);
}

/* ---- what is in wire form already ---- */

/*
 * An object of the wire stands in a list of its like and has one member. `objects`: what the open
 * lists hold, by the first element of each.
 */
static bool is_wire(const struct fl_tokens *t, enum fl_token token, enum fl_token before,
		    bool objects[static FL_TOKENS_DEPTH_MAX])
{
	if (token == FL_TOKEN_NAME)
		return t->first;
	if (token == FL_TOKEN_OBJ_END)
		return before != FL_TOKEN_OBJ;
	if (token == FL_TOKEN_ARR_END)
		return true;
	size_t parent = t->depth - (token == FL_TOKEN_OBJ || token == FL_TOKEN_ARR);
	bool object = token == FL_TOKEN_OBJ, in_list = parent > 0 && !t->is_obj[parent - 1];
	if (!in_list)
		return !object;
	if (t->first)
		objects[parent - 1] = object;
	return objects[parent - 1] == object;
}

void fl_eebus_value_copy(struct fl_tokens *t, struct fl_buf *out)
{
	bool objects[FL_TOKENS_DEPTH_MAX];
	size_t floor = t->depth;
	enum fl_token token = FL_TOKEN_END, before;

	reserve(t, out);
	do {
		before = token;
		token = fl_tokens_next(t);
		if (t->err == FL_OK && !is_wire(t, token, before, objects))
			token = fl_tokens_fail(t, FL_ERR_INVALID);
		if (!went_on(t, out))
			return;
		if (!t->first)
			fl_buf_byte(out, ',');
		fl_buf_put(out, t->text.ptr, t->text.len);
		if (token == FL_TOKEN_NAME)
			fl_buf_byte(out, ':');
	} while (t->depth > floor);
}
