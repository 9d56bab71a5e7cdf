/* SPDX-License-Identifier: BSD-3-Clause */
/* cli/ship_qr.c - the QR code of the hub, and what the text of another one says. */
#include <stdio.h>

#include "cli/ship.h"
#include "io/qr_code.h"
#include "wire/ship/qr.h"

enum { CODE_MAX = 256 << 10 };

static const struct fl_column columns[] = {
	{ "SKI", "ski", FL_COLUMN_SKI, false },
	{ "SHIP ID", "id", FL_COLUMN_TEXT, false },
	{ "Brand", "brand", FL_COLUMN_TEXT, false },
	{ "Type", "type", FL_COLUMN_TEXT, false },
	{ "Model", "model", FL_COLUMN_TEXT, false },
	{ "Serial", "serial", FL_COLUMN_TEXT, false },
	{ "Categories", "categories", FL_COLUMN_LIST, false },
};

static const struct fl_resource qr_resource = {
	.list = "-",
	.item = "",
	.name = "ski",
	.columns = columns,
	.count = sizeof columns / sizeof *columns,
};
static const struct fl_resource text_resource = { .list = "-", .item = "", .name = "text" };

/* ---- another's ---- */

static void member(struct fl_jw *w, const char *key, const char *text)
{
	fl_jw_key(w, key);
	fl_jw_str(w, text);
}

static void write_txt(const struct fl_ship_txt *t, struct fl_jw *w)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&t->ski, ski);
	fl_jw_obj(w);
	member(w, "ski", ski);
	member(w, "id", t->id);
	member(w, "brand", t->brand);
	member(w, "type", t->type);
	member(w, "model", t->model);
	member(w, "serial", t->serial);
	fl_jw_key(w, "categories");
	fl_jw_arr(w);
	for (size_t i = 0; i < t->categories_count; i++)
		fl_jw_u64(w, t->categories[i]);
	fl_jw_arr_end(w);
	fl_jw_obj_end(w);
}

static int parse(struct fl_cli *c, const char *text)
{
	struct fl_buf json = fl_buf_make(CODE_MAX);
	struct fl_jw w = fl_jw_make(&json);
	struct fl_fault fault = { "" };
	struct fl_ship_txt t = { 0 };
	struct fl_answer a;

	if (fl_ship_qr_parse(fl_slice_str(text), &fault, &t) != FL_OK)
		return fl_cli_fail(c, FL_EXIT_REFUSED, "It begins with SHIP;SKI: and 40 digits.",
				   "the text is not that of a SHIP QR code: %s", fault.text);
	write_txt(&t, &w);
	if (!fl_ship_own_answer(c, &json, &a))
		return FL_EXIT_FAILED;
	int code = fl_ship_show(c, &qr_resource, &a);
	fl_answer_done(&a);
	return code;
}

/* ---- ours ---- */

/* For a person at a terminal the code, and for whoever cannot scan it the text. */
static void draw(struct fl_cli *c, const char *text)
{
	struct fl_buf code = fl_buf_make(CODE_MAX);
	struct fl_fault fault = { "" };

	if (c->out.format == FL_FORMAT_TABLE) {
		if (fl_qr_code_draw(text, c->out.colour, &fault, &code) == FL_OK)
			printf("%.*s\n", (int)code.len, (const char *)code.ptr);
		else
			fprintf(stderr, "%s\n", fault.text);
	}
	printf("%s\n", text);
	fl_buf_done(&code);
}

int fl_cmd_ship_qr(struct fl_cli *c)
{
	const char *other = fl_args_text(&c->args, "parse");
	struct fl_answer a;

	if (other != NULL)
		return parse(c, other);
	int code = fl_cli_get(c, FL_SHIP_API "qr", &a);
	struct fl_jv text = { 0 };
	if (code == FL_EXIT_DONE)
		text = fl_json_path(fl_json_root(a.doc), "text");
	if (code == FL_EXIT_DONE && fl_cli_wants_data(c))
		code = fl_cli_show(c, &text_resource, &a);
	else if (code == FL_EXIT_DONE && fl_json_kind(text) == FL_JSON_STRING)
		draw(c, (const char *)fl_json_str(text).ptr);
	fl_answer_done(&a);
	return code;
}
