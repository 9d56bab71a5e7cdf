/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * wire/hujson_format.c - writes a document again: as standard JSON, or in the one layout.
 *
 * Both read the text once more, as tokens: it was parsed, so nothing here is judged, and no tree is
 * needed to see where a comment stood. The layout depends on tokens, comments and line breaks
 * between them alone, and keeps those it looks at; so what it wrote it writes the same again.
 *
 * A comment behind a value or a comma on the same line stays there; one that is followed by a
 * value on the same line stays before that value; any other has lines of its own. One that stood
 * between a name and its value comes behind the colon. At most one empty line is kept, none at
 * the start and the end of a container.
 */
#include "wire/hujson.h"

#include "wire/hujson_text.h"

enum {
	WIDTH = 100,
	TAB = 8,
};

enum kind {
	END,
	OPEN,
	CLOSE,
	COMMA,
	COLON,
	SCALAR,
	LINE_COMMENT, /* without its newline */
	BLOCK_COMMENT,
};

struct token {
	enum kind kind;
	struct fl_slice text;
	size_t newlines; /* before it, behind the token before */
	size_t end;      /* offset behind it */
};

static enum kind kind_of(uint8_t c)
{
	switch (c) {
	case '{':
	case '[':
		return OPEN;
	case '}':
	case ']':
		return CLOSE;
	case ',':
		return COMMA;
	case ':':
		return COLON;
	default:
		return SCALAR;
	}
}

static bool is_comment(enum kind kind)
{
	return kind == LINE_COMMENT || kind == BLOCK_COMMENT;
}

/* A line comment without its newline and the white space before that. */
static struct fl_slice trim(struct fl_slice s)
{
	while (s.len > 0 && memchr(" \t\r\n", s.ptr[s.len - 1], 4) != NULL)
		s.len--;
	return s;
}

static struct token comment_token(struct fl_slice in, size_t at, size_t end)
{
	struct token t = { .kind = BLOCK_COMMENT, .end = end };

	t.text = fl_slice_of(in.ptr + at, end - at);
	if (t.text.ptr[1] == '/') {
		t.kind = LINE_COMMENT;
		t.text = trim(t.text);
		t.end = end - 1; /* its newline counts as one before the next token */
	}
	return t;
}

/* The first token from `at` on, in a text that was parsed. */
static struct token token_at(struct fl_slice in, size_t at)
{
	size_t start = fl_hujson_skip_space(in, at), end = start + 1, newlines = 0;
	struct token t = { .kind = END, .end = start };

	for (size_t i = at; i < start; i++)
		newlines += in.ptr[i] == '\n';
	if (start < in.len && fl_hujson_comment_end(in, start) != start) {
		t = comment_token(in, start, fl_hujson_comment_end(in, start));
	} else if (start < in.len) {
		t.kind = kind_of(in.ptr[start]);
		if (in.ptr[start] == '"')
			end = fl_hujson_string_end(in, start);
		else if (t.kind == SCALAR)
			end = fl_hujson_word_end(in, start);
		t.text = fl_slice_of(in.ptr + start, end - start);
		t.end = end;
	}
	t.newlines = newlines;
	return t;
}

/* ---- standard ---- */

void fl_hujson_standard(struct fl_hujv v, struct fl_buf *out)
{
	struct fl_slice in = fl_hujson_raw(v);
	bool comma = false;

	for (struct token t = token_at(in, 0); t.kind != END; t = token_at(in, t.end)) {
		if (is_comment(t.kind))
			continue;
		if (comma && t.kind != CLOSE)
			fl_buf_byte(out, ',');
		comma = t.kind == COMMA;
		if (!comma)
			fl_buf_put(out, t.text.ptr, t.text.len);
	}
}

/* ---- layout ---- */

struct writer {
	struct fl_slice in;
	struct fl_buf *out;
	size_t begin; /* of our text in `out` */
	size_t depth;
};

static void put(struct writer *w, struct fl_slice s)
{
	fl_buf_put(w->out, s.ptr, s.len);
}

/* Ends the line, unless nothing was written, and begins one at `depth`. */
static void break_line(struct writer *w, size_t depth, bool empty_line)
{
	if (w->out->len == w->begin)
		return;
	fl_buf_str(w->out, empty_line ? "\n\n" : "\n");
	for (size_t i = 0; i < depth; i++)
		fl_buf_byte(w->out, '\t');
}

/* The columns that characters take; bytes that continue one take none. */
static size_t columns(struct fl_slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.ptr[i] == '\t' ? TAB : (s.ptr[i] & 0xc0) != 0x80;
	return n;
}

/* Where in its line the next character comes. */
static size_t column(const struct writer *w)
{
	size_t from = w->out->len;

	if (from == w->begin)
		return 0;
	while (from > w->begin && w->out->ptr[from - 1] != '\n')
		from--;
	return columns(fl_slice_of(w->out->ptr + from, w->out->len - from));
}

/* What stands between a token and the next that is no comment, and no comma behind a value. */
struct gap {
	size_t from;
	struct token next;
	size_t tail; /* comments that stay on the line of the token before */
};

static struct gap gap_from(const struct writer *w, size_t from)
{
	struct gap g = { .from = from };
	size_t comments = 0;
	bool broken = false; /* a line ended */

	for (g.next = token_at(w->in, from);; g.next = token_at(w->in, g.next.end)) {
		if (!broken && g.next.newlines > 0) {
			broken = true;
			g.tail = comments;
		}
		if (is_comment(g.next.kind))
			comments++;
		else if (g.next.kind != COMMA)
			break;
	}
	if (!broken) /* they belong to what follows, if something does */
		g.tail = g.next.kind == CLOSE || g.next.kind == END ? comments : 0;
	if (w->out->len == w->begin)
		g.tail = 0;
	return g;
}

/* Writes the comments of a gap and ends its last line where that is due. */
static void put_gap(struct writer *w, const struct gap *g, bool after_open)
{
	size_t newlines = 0, i = 0;
	bool may_skip = !after_open; /* no empty line at the start of a container */
	bool fresh = true;           /* no comment before what comes next shares its line */

	for (struct token t = token_at(w->in, g->from);; t = token_at(w->in, t.end)) {
		newlines += t.newlines;
		if (t.kind == COMMA)
			continue;
		if (!is_comment(t.kind))
			break;
		if (i++ < g->tail) {
			fl_buf_byte(w->out, ' ');
		} else if (fresh || newlines > 0) {
			break_line(w, w->depth, may_skip && newlines > 1);
			may_skip = true;
			fresh = false;
		} else {
			fl_buf_byte(w->out, ' ');
		}
		put(w, t.text);
		newlines = 0;
	}
	if (g->next.kind == CLOSE || g->next.kind == END)
		break_line(w, g->next.kind == CLOSE ? w->depth - 1 : 0, false);
	else if (fresh || newlines > 0)
		break_line(w, w->depth, may_skip && newlines > 1);
	else
		fl_buf_byte(w->out, ' ');
}

/* Comments between a value and its comma, as far as they stay there. Gives where it stopped. */
static size_t put_before_comma(struct writer *w, size_t from)
{
	for (;;) {
		struct token t = token_at(w->in, from);
		if (t.kind != BLOCK_COMMENT || t.newlines > 0)
			return from;
		fl_buf_byte(w->out, ' ');
		put(w, t.text);
		from = t.end;
	}
}

/* Behind a value: the comma, and what leads to the next token. */
static struct token put_value_end(struct writer *w, size_t from)
{
	if (w->depth > 0) {
		from = put_before_comma(w, from);
		fl_buf_byte(w->out, ',');
	}
	struct gap g = gap_from(w, from);
	put_gap(w, &g, false);
	return g.next;
}

/* Behind a name: the colon, then the comments from both its sides. */
static struct token put_colon(struct writer *w, size_t from)
{
	bool fresh = false; /* a line comment ended the line */

	fl_buf_byte(w->out, ':');
	for (struct token t = token_at(w->in, from);; t = token_at(w->in, t.end)) {
		if (t.kind == COLON)
			continue;
		if (!fresh)
			fl_buf_byte(w->out, ' ');
		if (!is_comment(t.kind))
			return t;
		put(w, t.text);
		fresh = t.kind == LINE_COMMENT;
		if (fresh)
			break_line(w, w->depth + 1, false);
	}
}

static bool is_name(const struct writer *w, const struct token *t)
{
	struct token next = *t;

	do {
		next = token_at(w->in, next.end);
	} while (is_comment(next.kind));
	return next.kind == COLON;
}

/*
 * Does a list of scalars without comments, or any container without content, fit in the line? Then
 * *out_end is behind it.
 */
static bool is_flat(const struct writer *w, const struct token *open, size_t *out_end)
{
	struct token t = token_at(w->in, open->end);
	size_t width = column(w) + 3, elements = 0; /* brackets and comma */

	for (; width <= WIDTH || elements == 0; t = token_at(w->in, t.end)) {
		if (t.kind == CLOSE) {
			*out_end = t.end;
			return true;
		}
		if (t.kind == COMMA)
			continue;
		if (t.kind != SCALAR || open->text.ptr[0] == '{')
			return false;
		width += columns(t.text) + (elements++ > 0 ? 2 : 0);
	}
	return false;
}

static void put_flat(struct writer *w, const struct token *open)
{
	bool comma = false;

	put(w, open->text);
	for (struct token t = token_at(w->in, open->end);; t = token_at(w->in, t.end)) {
		if (t.kind == COMMA)
			continue;
		if (t.kind == CLOSE) {
			put(w, t.text);
			return;
		}
		if (comma)
			fl_buf_str(w->out, ", ");
		put(w, t.text);
		comma = true;
	}
}

static struct token put_open(struct writer *w, const struct token *open)
{
	size_t end;

	if (is_flat(w, open, &end)) {
		put_flat(w, open);
		return put_value_end(w, end);
	}
	put(w, open->text);
	w->depth++;
	struct gap g = gap_from(w, open->end);
	put_gap(w, &g, true);
	return g.next;
}

/* Writes a token and what follows it; gives the next. */
static struct token put_token(struct writer *w, const struct token *t)
{
	if (t->kind == OPEN)
		return put_open(w, t);
	put(w, t->text);
	if (t->kind == CLOSE)
		w->depth--;
	else if (is_name(w, t))
		return put_colon(w, t->end);
	return put_value_end(w, t->end);
}

void fl_hujson_format(const struct fl_hujson *doc, struct fl_buf *out)
{
	struct writer w = { .in = fl_hujson_source(doc), .out = out, .begin = out->len };
	struct gap g = gap_from(&w, 0);

	put_gap(&w, &g, true);
	for (struct token t = g.next; t.kind != END && fl_buf_err(out) == FL_OK;)
		t = put_token(&w, &t);
}
