/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/table.c - columns: aligned for people, by tabs or commas for programs. */
#include "cli/table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/text.h"

#define GREEN "\033[32m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

enum { KEY_SHOWN = 12, NAMES_SHOWN = 6, CELLS_MAX = 64 << 20 };

/* ---- cells ---- */

static void write_time(const struct fl_output *o, fl_wall t, struct fl_buf *out)
{
	time_t seconds = (time_t)(t / FL_SEC);
	struct tm tm;
	char text[32];

	if ((o->utc ? gmtime_r(&seconds, &tm) : localtime_r(&seconds, &tm)) != NULL &&
	    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm) > 0)
		fl_buf_printf(out, "%s%s", text, o->utc ? "Z" : "");
}

/* Of nodes their names, of routes the prefix; for people only the first ones. */
static void write_names(const struct fl_output *o, struct fl_jv v, struct fl_buf *out)
{
	size_t len = fl_json_len(v);
	size_t shown = o->format == FL_FORMAT_CSV || len < NAMES_SHOWN ? len : NAMES_SHOWN;

	for (size_t i = 0; i < shown; i++) {
		struct fl_jv name = fl_json_path(fl_json_at(v, i), "name");
		if (!fl_json_has(name))
			name = fl_json_path(fl_json_at(v, i), "route");
		if (i > 0)
			fl_buf_str(out, ", ");
		if (fl_json_kind(name) == FL_JSON_STRING)
			fl_output_clean(fl_json_str(name), out);
	}
	if (shown < len)
		fl_buf_str(out, ", ...");
}

/* "nodekey:0123456789ab" */
static void write_key(struct fl_slice text, struct fl_buf *out)
{
	const uint8_t *colon = text.len > 0 ? memchr(text.ptr, ':', text.len) : NULL;
	size_t head = colon != NULL ? (size_t)(colon - text.ptr) + 1 : 0;

	if (text.len > head + KEY_SHOWN)
		text.len = head + KEY_SHOWN;
	fl_output_clean(text, out);
}

static void write_text(struct fl_jv v, struct fl_buf *out)
{
	switch (fl_json_kind(v)) {
	case FL_JSON_STRING:
		fl_output_clean(fl_json_str(v), out);
		return;
	case FL_JSON_BOOL:
		fl_buf_str(out, fl_json_bool(v) ? "yes" : "no");
		return;
	case FL_JSON_NUMBER:
		fl_buf_printf(out, "%.17g", fl_json_f64(v));
		return;
	case FL_JSON_ABSENT:
	case FL_JSON_ARRAY:
	case FL_JSON_OBJECT:
		return;
	}
}

static void write_list(struct fl_jv v, struct fl_buf *out)
{
	for (size_t i = 0; i < fl_json_len(v); i++) {
		if (i > 0)
			fl_buf_str(out, ", ");
		write_text(fl_json_at(v, i), out);
	}
}

/* The value of a column; a row that is only a text (a new API key) is its every column. */
static struct fl_jv value_of(const struct fl_column *column, struct fl_jv row)
{
	return fl_json_kind(row) == FL_JSON_OBJECT ? fl_json_path(row, column->path) : row;
}

void fl_cell_write(const struct fl_output *o, const struct fl_column *column, struct fl_jv row,
		   struct fl_buf *out)
{
	struct fl_jv v = value_of(column, row);
	bool is_text = fl_json_kind(v) == FL_JSON_STRING;

	switch (column->kind) {
	case FL_COLUMN_TEXT:
		write_text(v, out);
		return;
	case FL_COLUMN_TIME:
	case FL_COLUMN_EXPIRY:
		if (is_text && fl_json_time(v) != 0)
			write_time(o, fl_json_time(v), out);
		else if (column->kind == FL_COLUMN_EXPIRY)
			fl_buf_str(out, "never");
		return;
	case FL_COLUMN_BOOL:
		fl_buf_str(out, fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v) ? "yes" : "no");
		return;
	case FL_COLUMN_ONLINE:
		fl_buf_str(out, fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v) ? "online"
										   : "offline");
		return;
	case FL_COLUMN_LIST:
		if (fl_json_kind(v) == FL_JSON_ARRAY)
			write_list(v, out);
		return;
	case FL_COLUMN_NAMES:
		if (fl_json_kind(v) == FL_JSON_ARRAY)
			write_names(o, v, out);
		return;
	case FL_COLUMN_KEY:
	case FL_COLUMN_SKI:
		if (!is_text)
			return;
		if (o->format == FL_FORMAT_CSV ||
		    (o->format != FL_FORMAT_TABLE && column->kind == FL_COLUMN_SKI))
			fl_output_clean(fl_json_str(v), out);
		else
			write_key(fl_json_str(v), out);
		return;
	}
}

static const char *colour_of(const struct fl_output *o, const struct fl_column *column,
			     struct fl_jv row)
{
	struct fl_jv v = value_of(column, row);

	if (column->kind == FL_COLUMN_ONLINE && fl_json_kind(v) == FL_JSON_BOOL && fl_json_bool(v))
		return GREEN;
	if (column->kind == FL_COLUMN_EXPIRY && fl_json_kind(v) == FL_JSON_STRING &&
	    fl_json_time(v) != 0)
		return fl_json_time(v) > o->now ? GREEN : RED;
	return NULL;
}

/* ---- all cells of a table, once ---- */

struct cells {
	struct fl_buf text; /* terminated texts, one behind the other */
	size_t *at;         /* rows * columns starts in it */
	size_t columns;
	size_t width[FL_SELECT_MAX];
};

/* Characters, not bytes. */
static size_t width_of(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((uint8_t)*s & 0xc0) != 0x80;
	return n;
}

static const char *cell_text(const struct cells *t, size_t row, size_t column)
{
	return (const char *)t->text.ptr + t->at[row * t->columns + column];
}

static bool fill(const struct fl_output *o, const struct fl_select *s, struct cells *t)
{
	*t = (struct cells){ .text = fl_buf_make(CELLS_MAX), .columns = s->columns };
	for (size_t i = 0; i < s->columns; i++)
		t->width[i] = o->headers ? width_of(s->column[i]->title) : 0;
	t->at = calloc(s->rows * t->columns + 1, sizeof *t->at);
	if (t->at == NULL)
		return false;
	for (size_t row = 0; row < s->rows; row++) {
		struct fl_jv v = fl_select_row(s, row);
		for (size_t i = 0; i < t->columns; i++) {
			t->at[row * t->columns + i] = t->text.len;
			fl_cell_write(o, s->column[i], v, &t->text);
			fl_buf_byte(&t->text, '\0');
			if (fl_buf_err(&t->text) != FL_OK)
				return false;
			size_t width = width_of(cell_text(t, row, i));
			if (width > t->width[i])
				t->width[i] = width;
		}
	}
	return true;
}

static void cells_done(struct cells *t)
{
	fl_buf_done(&t->text);
	free(t->at);
}

/* ---- the three looks ---- */

static void write_csv(const char *text, struct fl_buf *out)
{
	if (strpbrk(text, "\",\r\n") == NULL) {
		fl_buf_str(out, text);
		return;
	}
	fl_buf_byte(out, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fl_buf_byte(out, '"');
		fl_buf_byte(out, (uint8_t)*text);
	}
	fl_buf_byte(out, '"');
}

static void write_cell(const struct fl_output *o, const struct cells *t, size_t column,
		       const char *text, const char *colour, struct fl_buf *out)
{
	bool last = column + 1 == t->columns;

	if (o->format == FL_FORMAT_CSV || o->format == FL_FORMAT_TABS) {
		if (o->format == FL_FORMAT_CSV)
			write_csv(text, out);
		else
			fl_buf_str(out, text);
		fl_buf_byte(out, (uint8_t)(last ? '\n' : o->format == FL_FORMAT_CSV ? ',' : '\t'));
		return;
	}
	if (colour != NULL && o->colour)
		fl_buf_printf(out, "%s%s" PLAIN, colour, text);
	else
		fl_buf_str(out, text);
	if (last)
		fl_buf_byte(out, '\n');
	else
		fl_buf_printf(out, "%*s", (int)(t->width[column] - width_of(text)) + 2, "");
}

void fl_table_write(const struct fl_output *o, const struct fl_select *s, struct fl_buf *out)
{
	struct cells t;

	if (!fill(o, s, &t)) {
		fl_buf_reserve(out, SIZE_MAX); /* sticks */
		cells_done(&t);
		return;
	}
	for (size_t i = 0; o->headers && i < t.columns; i++)
		write_cell(o, &t, i, s->column[i]->title, NULL, out);
	for (size_t row = 0; row < s->rows; row++)
		for (size_t i = 0; i < t.columns; i++)
			write_cell(o, &t, i, cell_text(&t, row, i),
				   colour_of(o, s->column[i], fl_select_row(s, row)), out);
	cells_done(&t);
}

void fl_output_record(const struct fl_output *o, const struct fl_resource *r, struct fl_jv item,
		      struct fl_buf *out)
{
	struct fl_output roomy = *o;
	struct fl_select s;
	size_t width = 0;

	if (o->format == FL_FORMAT_TABLE)
		roomy.format = FL_FORMAT_WIDE;
	fl_select_columns(&s, o, r, true);
	for (size_t i = 0; i < s.columns; i++)
		if (width_of(s.column[i]->title) > width)
			width = width_of(s.column[i]->title);
	for (size_t i = 0; i < s.columns; i++) {
		const struct fl_column *column = s.column[i];
		const char *colour = o->colour ? colour_of(o, column, item) : NULL;
		if (o->format == FL_FORMAT_TABS)
			fl_buf_printf(out, "%s\t", column->title);
		else
			fl_buf_printf(out, "%s:%*s", column->title,
				      (int)(width - width_of(column->title)) + 2, "");
		if (colour != NULL)
			fl_buf_str(out, colour);
		fl_cell_write(&roomy, column, item, out);
		if (colour != NULL)
			fl_buf_str(out, PLAIN);
		fl_buf_byte(out, '\n');
	}
}
