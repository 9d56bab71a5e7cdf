/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/json_out.c - a JSON value over many lines, with tabs, as headscale prints it. */
#include "base/jw.h"
#include "cli/output.h"

static void line(size_t depth, struct fl_buf *out)
{
	fl_buf_byte(out, '\n');
	while (depth-- > 0)
		fl_buf_byte(out, '\t');
}

static void write_scalar(struct fl_jv v, struct fl_buf *out)
{
	struct fl_jw w = fl_jw_make(out);

	w.guard = true;
	fl_json_write(v, &w); /* also the empty list and map */
}

static void write_value(struct fl_jv v, size_t depth, struct fl_buf *out);

static bool write_list(struct fl_jv v, size_t depth, struct fl_buf *out)
{
	size_t len = fl_json_len(v);

	for (size_t i = 0; i < len; i++) {
		fl_buf_byte(out, i == 0 ? '[' : ',');
		line(depth + 1, out);
		write_value(fl_json_at(v, i), depth + 1, out);
	}
	return len > 0;
}

static bool write_map(struct fl_jv v, size_t depth, struct fl_buf *out)
{
	struct fl_slice name;
	struct fl_jv member;
	void *at = NULL;
	bool any = false;

	for (; fl_json_each(v, &at, &name, &member); any = true) {
		struct fl_jw w = fl_jw_make(out);
		w.guard = true;
		fl_buf_byte(out, any ? ',' : '{');
		line(depth + 1, out);
		fl_jw_text(&w, name);
		fl_buf_str(out, ": ");
		write_value(member, depth + 1, out);
	}
	return any;
}

/* As deep as the parser let the document be. */
static void write_value(struct fl_jv v, size_t depth, struct fl_buf *out)
{
	bool list = fl_json_kind(v) == FL_JSON_ARRAY;
	bool map = fl_json_kind(v) == FL_JSON_OBJECT;

	if ((list && write_list(v, depth, out)) || (map && write_map(v, depth, out))) {
		line(depth, out);
		fl_buf_byte(out, list ? ']' : '}');
		return;
	}
	write_scalar(v, out);
}

void fl_json_pretty(struct fl_jv v, struct fl_buf *out)
{
	write_value(v, 0, out);
	fl_buf_byte(out, '\n');
}
