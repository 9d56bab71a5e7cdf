/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/select.c - which columns of an answer are shown, and in which order its rows. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cli/table.h"

enum { SORT_MAX = 8, KEYS_MAX = 64 << 20 };

/* ---- names ---- */

void fl_column_name(const struct fl_column *c, char out[static FL_COLUMN_NAME_MAX])
{
	size_t len = 0;

	for (const char *p = c->title; *p != '\0' && len + 1 < FL_COLUMN_NAME_MAX; p++)
		out[len++] = *p == ' ' ? '-' : (char)tolower((unsigned char)*p);
	out[len] = '\0';
}

static bool is_between(char c)
{
	return c == ' ' || c == '-' || c == '_';
}

/* "last-seen", "Last seen", "last_seen" and "lastSeen" are one. */
static bool same_word(struct fl_slice a, const char *b)
{
	for (;;) {
		while (a.len > 0 && is_between((char)a.ptr[0]))
			a = fl_slice_skip(a, 1);
		while (is_between(*b))
			b++;
		if (a.len == 0 || *b == '\0')
			return a.len == 0 && *b == '\0';
		if (tolower(a.ptr[0]) != tolower((unsigned char)*b))
			return false;
		a = fl_slice_skip(a, 1);
		b++;
	}
}

static const struct fl_column *find_column(const struct fl_resource *r, struct fl_slice name)
{
	for (size_t i = 0; i < r->count; i++)
		if (same_word(name, r->columns[i].title) || same_word(name, r->columns[i].path))
			return &r->columns[i];
	return NULL;
}

/* The next of a list with commas; false at its end. `out_down`: a minus stood before it. */
static bool next_name(const char **at, struct fl_slice *out, bool *out_down)
{
	*at += *at != NULL ? strspn(*at, ", ") : 0;
	if (*at == NULL || **at == '\0')
		return false;
	size_t len = strcspn(*at, ",");
	*out_down = **at == '-';
	*out = fl_slice_of(*at + *out_down, len - *out_down);
	while (out->len > 0 && out->ptr[out->len - 1] == ' ')
		out->len--;
	*at += len;
	return true;
}

enum fl_err fl_output_check(const struct fl_output *o, const struct fl_resource *r,
			    struct fl_fault *fault)
{
	const char *const lists[] = { o->columns, o->sort };
	char all[512], name[FL_COLUMN_NAME_MAX];
	struct fl_buf b = fl_buf_over(all, sizeof all);
	struct fl_slice word;
	bool down;

	for (size_t i = 0; r->count > 0 && i < 2; i++) {
		const char *at = lists[i];
		while (next_name(&at, &word, &down)) {
			if (find_column(r, word) != NULL && !(down && i == 0))
				continue;
			for (size_t k = 0; k < r->count; k++) {
				fl_column_name(&r->columns[k], name);
				fl_buf_printf(&b, "%s%s", k > 0 ? ", " : "", name);
			}
			return fl_fault_set(fault, FL_ERR_INVALID,
					    "--%s: there is no column '%.*s', but %.*s",
					    i == 0 ? "columns" : "sort", (int)word.len,
					    (const char *)word.ptr, (int)b.len, all);
		}
	}
	return FL_OK;
}

/* ---- columns ---- */

void fl_select_columns(struct fl_select *s, const struct fl_output *o, const struct fl_resource *r,
		       bool all)
{
	const char *at = o->columns;
	struct fl_slice name;
	bool down;

	*s = (struct fl_select){ .resource = r };
	while (next_name(&at, &name, &down) && s->columns < FL_SELECT_MAX) {
		const struct fl_column *column = find_column(r, name);
		if (column != NULL)
			s->column[s->columns++] = column;
	}
	s->chosen = s->columns > 0;
	for (size_t i = 0; !s->chosen && i < r->count && s->columns < FL_SELECT_MAX; i++)
		if (all || !r->columns[i].wide)
			s->column[s->columns++] = &r->columns[i];
}

/* ---- rows ---- */

/* By what rows are sorted: for each row the texts of the columns, one behind the other. */
struct order {
	const struct fl_column *column[SORT_MAX];
	bool down[SORT_MAX];
	size_t columns;
	struct fl_buf text;
};

struct sorted {
	size_t row;
	const struct order *by;
	size_t text[SORT_MAX]; /* where each begins */
};

/* Numbers inside a text count as numbers: id 9 before 10, 100.64.0.9 before 100.64.0.10. */
static int compare(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;
	const char *text = (const char *)x->by->text.ptr;

	for (size_t i = 0; i < x->by->columns; i++) {
		int c = strverscmp(text + x->text[i], text + y->text[i]);
		if (c != 0)
			return x->by->down[i] ? -c : c;
	}
	return x->row < y->row ? -1 : 1;
}

static bool put_keys(const struct fl_select *s, struct order *by, struct sorted *rows)
{
	/* As whole and as comparable as they get: full keys, and no hour that comes twice. */
	const struct fl_output o = { .format = FL_FORMAT_CSV, .utc = true };

	for (size_t row = 0; row < s->rows; row++) {
		rows[row] = (struct sorted){ .row = row, .by = by };
		for (size_t i = 0; i < by->columns; i++) {
			rows[row].text[i] = by->text.len;
			fl_cell_write(&o, by->column[i], fl_rows_at(s->resource, s->root, row),
				      &by->text);
			fl_buf_byte(&by->text, '\0');
		}
	}
	return fl_buf_err(&by->text) == FL_OK;
}

static enum fl_err sort_rows(struct fl_select *s, struct order *by)
{
	struct sorted *rows = calloc(s->rows + 1, sizeof *rows);
	enum fl_err err = FL_OK;

	s->order = calloc(s->rows + 1, sizeof *s->order);
	if (rows == NULL || s->order == NULL || !put_keys(s, by, rows))
		err = FL_ERR_NOMEM;
	if (err == FL_OK) {
		qsort(rows, s->rows, sizeof *rows, compare);
		for (size_t i = 0; i < s->rows; i++)
			s->order[i] = rows[i].row;
	}
	free(rows);
	return err;
}

enum fl_err fl_select_init(struct fl_select *s, const struct fl_output *o,
			   const struct fl_resource *r, struct fl_jv root)
{
	struct order by = { .text = fl_buf_make(KEYS_MAX) };
	const char *at = o->sort;
	struct fl_slice name;
	enum fl_err err = FL_OK;
	bool down;

	fl_select_columns(s, o, r, o->format == FL_FORMAT_WIDE || o->format == FL_FORMAT_CSV);
	s->root = root;
	s->rows = fl_rows_count(r, root);
	while (next_name(&at, &name, &down) && by.columns < SORT_MAX) {
		by.column[by.columns] = find_column(r, name);
		by.down[by.columns] = down;
		by.columns += by.column[by.columns] != NULL;
	}
	if (by.columns > 0)
		err = sort_rows(s, &by);
	fl_buf_done(&by.text);
	return err;
}

void fl_select_done(struct fl_select *s)
{
	free(s->order);
}

struct fl_jv fl_select_row(const struct fl_select *s, size_t i)
{
	return fl_rows_at(s->resource, s->root, s->order != NULL ? s->order[i] : i);
}
