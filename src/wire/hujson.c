/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/hujson.c - the tree of a HuJSON text: parsing and walking.
 *
 * Values lie in text order in one array and name each other by index. A member's name stands right
 * before its value. The parser looks at each byte once, left to right, and judges in the order of
 * the reference, so that of several faults the same one is reported (policy.md 1.1).
 */
#include "wire/hujson.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/hujson_text.h"

enum {
	FIRST_NODES = 64,
	ROOT = 1,   /* index 0 is none */
	SPREAD = 3, /* a byte that is no UTF-8 becomes the three of U+FFFD */
};

struct node {
	uint32_t start, end; /* as written, in the text */
	uint32_t next;       /* sibling */
	uint32_t at, len;    /* of a string: in `strings`; of a container: first child, children */
	uint8_t kind;        /* enum fl_hujson_kind */
	bool valid;          /* a string: is UTF-8 */
	bool member;         /* the node before is its name */
};

/* The shortest text of a value is one byte and a comma: what it costs is bounded by this. */
_Static_assert(sizeof(struct node) == 24, "a value costs 24 bytes");

struct fl_hujson {
	struct node *nodes;
	size_t len, cap;
	struct fl_buf strings; /* the content of every string, each terminated */
	size_t text_len;
	uint8_t text[]; /* terminated */
};

/* A container whose end was not met yet. */
struct level {
	uint32_t node, last; /* itself, its latest child */
	bool object, named;  /* a name stands before the value that is due */
};

struct parser {
	struct fl_hujson *doc;
	struct fl_slice in;
	size_t at;
	struct fl_fault *fault;
	size_t fault_at; /* of a syntax error */
	struct level levels[FL_HUJSON_DEPTH_MAX];
	size_t depth;
};

/* ---- faults ---- */

/* Writes the frame of policy.md 1.1 around a detail. `err` comes out. */
static FL_PRINTF(4, 5) enum fl_err
	fail_at(struct parser *p, enum fl_err err, size_t at, const char *fmt, ...)
{
	char detail[sizeof p->fault->text];
	size_t line, column;
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(detail, sizeof detail, fmt, args);
	va_end(args);
	fl_hujson_place(p->in, at, &line, &column);
	p->fault_at = at;
	return fl_fault_set(p->fault, err, "hujson: line %zu, column %zu: %s", line, column,
			    detail);
}

static enum fl_err fail_eof(struct parser *p, const char *what)
{
	return fail_at(p, FL_ERR_SYNTAX, p->in.len, "parsing %s: unexpected EOF", what);
}

static enum fl_err fail_char(struct parser *p, size_t at, const char *where)
{
	char quoted[FL_HUJSON_QUOTED_MAX];

	fl_hujson_quote(fl_slice_skip(p->in, at), quoted);
	return fail_at(p, FL_ERR_SYNTAX, at, "invalid character %s %s", quoted, where);
}

static enum fl_err fail_literal(struct parser *p, size_t from)
{
	int len = (int)(p->at - from); /* bounded by FL_HUJSON_TEXT_MAX */
	return fail_at(p, FL_ERR_SYNTAX, from, "invalid literal: %.*s", len,
		       (const char *)p->in.ptr + from);
}

/* ---- nodes ---- */

static enum fl_err grow(struct fl_hujson *doc)
{
	size_t cap = doc->cap == 0 ? FIRST_NODES : doc->cap * 2;
	if (cap > FL_HUJSON_VALUES_MAX + ROOT)
		cap = FL_HUJSON_VALUES_MAX + ROOT;
	struct node *nodes = realloc(doc->nodes, cap * sizeof *nodes);

	if (nodes == NULL)
		return FL_ERR_NOMEM;
	doc->nodes = nodes;
	doc->cap = cap;
	return FL_OK;
}

static bool at_name(const struct level *top)
{
	return top->object && !top->named;
}

/* A value that begins here and ends at `end`, put into the container that is open. */
static enum fl_err add_node(struct parser *p, uint8_t kind, size_t end)
{
	struct fl_hujson *doc = p->doc;

	if (doc->len - ROOT == FL_HUJSON_VALUES_MAX)
		return fail_at(p, FL_ERR_TOO_BIG, p->at, "more than %d values",
			       FL_HUJSON_VALUES_MAX);
	if (doc->len == doc->cap && grow(doc) != FL_OK)
		return FL_ERR_NOMEM;

	uint32_t i = (uint32_t)doc->len++;
	struct level *top = p->depth > 0 ? &p->levels[p->depth - 1] : NULL;
	doc->nodes[i] = (struct node){ .start = (uint32_t)p->at,
				       .end = (uint32_t)end,
				       .kind = kind,
				       .member = top != NULL && top->object && top->named };
	if (top == NULL || at_name(top))
		return FL_OK;
	if (top->last == 0)
		doc->nodes[top->node].at = i;
	else
		doc->nodes[top->last].next = i;
	doc->nodes[top->node].len++;
	top->last = i;
	return FL_OK;
}

/* ---- tokens ---- */

static bool more(const struct parser *p)
{
	return p->at < p->in.len;
}

/* White space and comments. */
static enum fl_err skip_extra(struct parser *p)
{
	for (;;) {
		p->at = fl_hujson_skip_space(p->in, p->at);
		size_t end = fl_hujson_comment_end(p->in, p->at);
		if (end == p->at)
			return FL_OK;
		if (end == SIZE_MAX)
			return fail_at(p, FL_ERR_SYNTAX, p->at, "parsing comment: unexpected EOF");
		if (!fl_hujson_is_utf8(fl_slice_of(p->in.ptr + p->at, end - p->at)))
			return fail_at(p, FL_ERR_SYNTAX, p->at, "invalid UTF-8 in comment");
		p->at = end;
	}
}

static enum fl_err read_string(struct parser *p)
{
	struct fl_hujson *doc = p->doc;
	size_t from = p->at, end = fl_hujson_string_end(p->in, from);

	if (end == SIZE_MAX)
		return fail_eof(p, "string");
	enum fl_err err = add_node(p, FL_HUJSON_STRING, end);
	if (err != FL_OK)
		return err;

	struct node *n = &doc->nodes[doc->len - 1];
	n->at = (uint32_t)doc->strings.len;
	p->at = end;
	if (!fl_hujson_unescape(fl_slice_of(p->in.ptr + from + 1, end - from - 2), &doc->strings,
				&n->valid))
		return fail_literal(p, from);
	n->len = (uint32_t)doc->strings.len - n->at;
	fl_buf_byte(&doc->strings, '\0');
	return fl_buf_err(&doc->strings);
}

/* null, a boolean, a number, or a word that is none. */
static enum fl_err read_word(struct parser *p)
{
	size_t from = p->at, end = fl_hujson_word_end(p->in, from);
	struct fl_slice word = fl_slice_of(p->in.ptr + from, end - from);
	enum fl_hujson_kind kind = FL_HUJSON_NUMBER;

	if (word.len == 0)
		return fail_char(p, from, "at start of value");
	if (fl_slice_is(word, "null"))
		kind = FL_HUJSON_NULL;
	else if (fl_slice_is(word, "true") || fl_slice_is(word, "false"))
		kind = FL_HUJSON_BOOL;

	enum fl_err err = FL_OK;
	if (kind != FL_HUJSON_NUMBER || fl_hujson_is_number(word))
		err = add_node(p, (uint8_t)kind, end);
	p->at = end;
	if (kind == FL_HUJSON_NUMBER && !fl_hujson_is_number(word))
		return fail_literal(p, from);
	return err;
}

/* ---- structure ---- */

static enum fl_err open_level(struct parser *p)
{
	bool object = p->in.ptr[p->at] == '{';

	if (p->depth == FL_HUJSON_DEPTH_MAX)
		return fail_at(p, FL_ERR_TOO_BIG, p->at, "more than %d levels",
			       FL_HUJSON_DEPTH_MAX);
	enum fl_err err = add_node(p, object ? FL_HUJSON_OBJECT : FL_HUJSON_ARRAY, p->at);
	if (err != FL_OK)
		return err;
	uint32_t node = (uint32_t)p->doc->len - 1;
	p->levels[p->depth++] = (struct level){ .node = node, .object = object };
	p->at++;
	return FL_OK;
}

static void close_level(struct parser *p)
{
	p->at++;
	p->doc->nodes[p->levels[--p->depth].node].end = (uint32_t)p->at;
}

/* May this byte end the innermost container where a name or an element is due? */
static bool closes(const struct parser *p, uint8_t c)
{
	const struct level *top = p->depth > 0 ? &p->levels[p->depth - 1] : NULL;

	if (top == NULL)
		return false;
	return top->object ? c == '}' && !top->named : c == ']';
}

/*
 * A value begins here, or a container ends after its comma. *out_whole: a value stands whole, and
 * it began at *out_from.
 */
static enum fl_err begin_value(struct parser *p, size_t *out_from, bool *out_whole)
{
	enum fl_err err = skip_extra(p);

	if (err != FL_OK)
		return err;
	if (!more(p))
		return fail_eof(p, "value");
	uint8_t c = p->in.ptr[p->at];
	*out_from = p->at;
	*out_whole = true;
	if (closes(p, c)) {
		*out_from = p->doc->nodes[p->levels[p->depth - 1].node].start;
		close_level(p);
		return FL_OK;
	}
	if (c == '{' || c == '[') {
		*out_whole = false;
		return open_level(p);
	}
	return c == '"' ? read_string(p) : read_word(p);
}

/* Behind a name: it was a string, and a colon follows. */
static enum fl_err end_name(struct parser *p, size_t from)
{
	if (p->in.ptr[from] != '"')
		return fail_char(p, from, "at start of object name");
	if (!more(p))
		return fail_eof(p, "object after name");
	if (p->in.ptr[p->at] != ':')
		return fail_char(p, p->at, "after object name");
	p->at++;
	p->levels[p->depth - 1].named = true;
	return FL_OK;
}

/* Behind a member or an element: a comma, or the end of the container (*out_closed). */
static enum fl_err end_child(struct parser *p, bool *out_closed)
{
	struct level *top = &p->levels[p->depth - 1];

	if (!more(p))
		return fail_eof(p, top->object ? "object after value" : "array after value");
	uint8_t c = p->in.ptr[p->at];
	*out_closed = c == (top->object ? '}' : ']');
	if (*out_closed) {
		close_level(p);
		return FL_OK;
	}
	if (c != ',')
		return fail_char(p, p->at,
				 top->object ? "after object value (expecting ',' or '}')"
					     : "after array value (expecting ',' or ']')");
	p->at++;
	top->named = false;
	return FL_OK;
}

/*
 * A value that began at `from` is whole; so may be those around it. Goes on to where the next
 * value is due, or to the end of the text (*out_done).
 */
static enum fl_err end_value(struct parser *p, size_t from, bool *out_done)
{
	bool closed = true;

	*out_done = false;
	while (closed) {
		enum fl_err err = skip_extra(p);
		if (err != FL_OK)
			return err;
		if (p->depth == 0) {
			*out_done = true;
			return more(p) ? fail_char(p, p->at, "after top-level value") : FL_OK;
		}
		struct level *top = &p->levels[p->depth - 1];
		if (at_name(top))
			return end_name(p, from);
		from = p->doc->nodes[top->node].start;
		err = end_child(p, &closed);
		if (err != FL_OK)
			return err;
	}
	return FL_OK;
}

static enum fl_err parse(struct parser *p)
{
	enum fl_err err = FL_OK;

	for (bool done = false; err == FL_OK && !done;) {
		size_t from = 0;
		bool whole = false;
		err = begin_value(p, &from, &whole);
		if (err == FL_OK && whole)
			err = end_value(p, from, &done);
	}
	return err;
}

static struct fl_hujson *new_doc(struct fl_slice text)
{
	struct fl_hujson *doc = calloc(1, sizeof *doc + text.len + 1);

	if (doc == NULL)
		return NULL;
	doc->strings = fl_buf_make(SPREAD * text.len + 1);
	doc->text_len = text.len;
	if (text.len > 0)
		memcpy(doc->text, text.ptr, text.len);
	if (grow(doc) != FL_OK)
		return fl_hujson_free(doc);
	doc->nodes[0] = (struct node){ 0 };
	doc->len = ROOT;
	return doc;
}

enum fl_err fl_hujson_parse(struct fl_slice text, struct fl_fault *fault, size_t *out_at,
			    struct fl_hujson **out)
{
	if (text.len > FL_HUJSON_TEXT_MAX)
		return fl_fault_set(fault, FL_ERR_TOO_BIG, "hujson: more than %d bytes",
				    FL_HUJSON_TEXT_MAX);
	struct fl_hujson *doc = new_doc(text);
	if (doc == NULL)
		return fl_fault_set(fault, FL_ERR_NOMEM, "hujson: out of memory");

	struct parser p = { .doc = doc, .in = fl_hujson_source(doc), .fault = fault };
	enum fl_err err = parse(&p);
	if (err == FL_OK) {
		*out = doc;
		return FL_OK;
	}
	fl_hujson_free(doc);
	if (err == FL_ERR_SYNTAX)
		*out_at = p.fault_at;
	if (err == FL_ERR_NOMEM)
		return fl_fault_set(fault, err, "hujson: out of memory");
	return err;
}

struct fl_hujson *fl_hujson_free(struct fl_hujson *doc)
{
	if (doc == NULL)
		return NULL;
	free(doc->nodes);
	fl_buf_done(&doc->strings);
	free(doc);
	return NULL;
}

/* ---- walking ---- */

static const struct node *node_of(struct fl_hujv v)
{
	return &v.doc->nodes[v.at];
}

struct fl_hujv fl_hujson_root(const struct fl_hujson *doc)
{
	return (struct fl_hujv){ doc, ROOT };
}

struct fl_slice fl_hujson_source(const struct fl_hujson *doc)
{
	return fl_slice_of(doc->text, doc->text_len);
}

enum fl_hujson_kind fl_hujson_kind(struct fl_hujv v)
{
	return (enum fl_hujson_kind)node_of(v)->kind;
}

bool fl_hujson_bool(struct fl_hujv v)
{
	return fl_hujson_kind(v) == FL_HUJSON_BOOL && v.doc->text[node_of(v)->start] == 't';
}

size_t fl_hujson_offset(struct fl_hujv v)
{
	return node_of(v)->start;
}

struct fl_slice fl_hujson_raw(struct fl_hujv v)
{
	const struct node *n = node_of(v);
	return fl_slice_of(v.doc->text + n->start, n->end - n->start);
}

struct fl_slice fl_hujson_text(struct fl_hujv v, bool *out_valid)
{
	const struct node *n = node_of(v);

	*out_valid = n->kind != FL_HUJSON_STRING || n->valid;
	if (n->kind != FL_HUJSON_STRING)
		return fl_slice_str("");
	return fl_slice_of(v.doc->strings.ptr + n->at, n->len);
}

static bool is_container(const struct node *n)
{
	return n->kind == FL_HUJSON_ARRAY || n->kind == FL_HUJSON_OBJECT;
}

size_t fl_hujson_len(struct fl_hujv v)
{
	return is_container(node_of(v)) ? node_of(v)->len : 0;
}

struct fl_hujv fl_hujson_first(struct fl_hujv v)
{
	return (struct fl_hujv){ v.doc, is_container(node_of(v)) ? node_of(v)->at : 0 };
}

struct fl_hujv fl_hujson_next(struct fl_hujv v)
{
	return (struct fl_hujv){ v.doc, node_of(v)->next };
}

struct fl_hujv fl_hujson_name(struct fl_hujv member)
{
	return (struct fl_hujv){ member.doc, node_of(member)->member ? member.at - 1 : 0 };
}

void fl_hujson_place(struct fl_slice text, size_t at, size_t *out_line, size_t *out_column)
{
	size_t line = 1, start = 0;

	if (at > text.len)
		at = text.len;
	for (size_t i = 0; i < at; i++) {
		if (text.ptr[i] == '\n') {
			line++;
			start = i + 1;
		}
	}
	*out_line = line;
	*out_column = at - start + 1;
}
