/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_ship_qr.c - the text in the QR code, both ways. */
#include "../base/table.h"

#include <stdio.h>

#include "base/text.h"
#include "wire/ship/qr.h"

enum { OUT_MAX = 4096 };

#define SKI "0123456789abcdef0123456789abcdef01234567"
#define TEN "123456789."

static void tell(const struct fl_ship_txt *t, struct fl_buf *out)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&t->ski, ski);
	assert_string_equal(ski, SKI);
	fl_buf_printf(out, "%s [%s|%s|%s|%s]", t->id, t->brand, t->model, t->type, t->serial);
	for (size_t i = 0; i < t->categories_count; i++)
		fl_buf_printf(out, " %u", t->categories[i]);
}

static enum fl_err parse(const char *text, struct fl_fault *fault, struct fl_ship_txt *out)
{
	struct fl_slice in = exact(fl_slice_str(text));
	enum fl_err err = fl_ship_qr_parse(in, fault, out);

	exact_free(in);
	return err;
}

static struct reading {
	const char *name, *text, *want;
} readings[] = {
	{ "all", "SHIP;SKI:" SKI ";ID:Demo-1;BRAND:B;TYPE:T;MODEL:M;SERIAL:S;CAT:1,2;ENDSHIP;",
	  "Demo-1 [B|M|T|S] 1 2" },
	{ "the least", "SHIP;SKI:" SKI ";", " [|||]" },
	{ "no semicolon at the end", "SHIP;SKI:" SKI, " [|||]" },
	{ "no end mark", "SHIP;SKI:" SKI ";ID:D;", "D [|||]" },
	{ "half an end mark", "SHIP;SKI:" SKI ";ID:D;ENDSH", "D [|||]" },
	{ "another order", "SHIP;CAT:3;ID:D;MODEL:M;SKI:" SKI ";ENDSHIP;", "D [|M||] 3" },
	{ "unknown keys", "SHIP;X:1;SKIP:2;SKI:" SKI ";ID:D;:;;Y;ENDSHIP;", "D [|||]" },
	{ "the first counts", "SHIP;SKI:" SKI ";ID:D;ID:E;ENDSHIP;", "D [|||]" },
	{ "colons in a value", "SHIP;SKI:" SKI ";ID:a:b:;ENDSHIP;", "a:b: [|||]" },
	{ "a SKI as people write it",
	  "SHIP;SKI:0123-4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567;ENDSHIP;", " [|||]" },
	{ "white space around", " \n SHIP;SKI: " SKI " ;\n ID: D ;ENDSHIP;\r\n", "D [|||]" },
	{ "an ID of 63", "SHIP;SKI:" SKI ";ID:" TEN TEN TEN TEN TEN TEN "123;",
	  TEN TEN TEN TEN TEN TEN "123 [|||]" },
	{ "a name cut behind a space", "SHIP;SKI:" SKI ";BRAND:" TEN TEN TEN "1 23;MODEL: M ;",
	  " [" TEN TEN TEN "1|M||]" },
	{ "a name of 33", "SHIP;SKI:" SKI ";BRAND:" TEN TEN TEN "123;", " [" TEN TEN TEN "12|||]" },
};

static void reading_row(void **state)
{
	const struct reading *row = *state;
	struct fl_buf told = fl_buf_make(OUT_MAX);
	struct fl_fault fault = { "" };
	struct fl_ship_txt t;

	assert_err(parse(row->text, &fault, &t), FL_OK);
	assert_string_equal(fault.text, "");
	tell(&t, &told);
	assert_text(fl_buf_slice(&told), row->want);
	fl_buf_done(&told);
}

static struct refused {
	const char *name, *text;
	enum fl_err want;
	const char *says;
} refused[] = {
	{ "nothing", "", FL_ERR_SYNTAX, "SHIP;" },
	{ "a SKI alone", SKI, FL_ERR_SYNTAX, "SHIP;" },
	{ "half a beginning", "SHIP", FL_ERR_SYNTAX, "SHIP;" },
	{ "small letters", "ship;SKI:" SKI ";", FL_ERR_SYNTAX, "SHIP;" },
	{ "no SKI", "SHIP;ID:D;ENDSHIP;", FL_ERR_SYNTAX, "SKI" },
	{ "an empty SKI", "SHIP;SKI:;ID:D;", FL_ERR_SYNTAX, "40" },
	{ "a SKI of 39", "SHIP;SKI:123456789abcdef0123456789abcdef01234567;", FL_ERR_SYNTAX, "40" },
	{ "a SKI of 41", "SHIP;SKI:0" SKI ";", FL_ERR_SYNTAX, "40" },
	{ "an empty ID", "SHIP;SKI:" SKI ";ID:;", FL_ERR_SYNTAX, "ID" },
	{ "an ID with an escape", "SHIP;SKI:" SKI ";ID:\x1b[2J;", FL_ERR_SYNTAX, "ID" },
	{ "an ID of 64", "SHIP;SKI:" SKI ";ID:" TEN TEN TEN TEN TEN TEN "1234;", FL_ERR_TOO_BIG,
	  "64" },
	{ "the pairing service", "SHIPP:abc#def", FL_ERR_UNSUPPORTED, "SHIPP" },
};

static void refused_row(void **state)
{
	const struct refused *row = *state;
	struct fl_fault fault = { "" };
	struct fl_ship_txt t = { .id = "before" };

	assert_err(parse(row->text, &fault, &t), row->want);
	assert_non_null(strstr(fault.text, row->says));
	assert_string_equal(t.id, "before");
	assert_err(parse(row->text, NULL, &t), row->want);
}

static void the_longest_text(void **state)
{
	(void)state;
	char text[FL_SHIP_QR_MAX + 2];
	struct fl_ship_txt t;

	for (size_t len = FL_SHIP_QR_MAX - 1; len <= FL_SHIP_QR_MAX + 1; len++) {
		memset(text, 'x', sizeof text);
		memcpy(text, "SHIP;SKI:" SKI ";", strlen("SHIP;SKI:" SKI ";"));
		assert_err(fl_ship_qr_parse(fl_slice_of(text, len), NULL, &t),
			   len > FL_SHIP_QR_MAX ? FL_ERR_TOO_BIG : FL_OK);
	}
}

/* A text that breaks off is no code, or one without what is missing; never an overrun. */
static void every_prefix(void **state)
{
	static const char text[] = "SHIP;SKI:" SKI ";ID:D;CAT:1,2;ENDSHIP;";
	(void)state;
	struct fl_ship_txt t;

	for (size_t n = 0; n < sizeof text; n++) {
		struct fl_slice part = exact(fl_slice_of(text, n));
		bool whole_id = n != strlen("SHIP;SKI:" SKI ";ID:");
		assert_err(fl_ship_qr_parse(part, NULL, &t),
			   n >= strlen("SHIP;SKI:" SKI) && whole_id ? FL_OK : FL_ERR_SYNTAX);
		exact_free(part);
	}
}

/* ---- writing ---- */

static struct fl_ship_txt full(void)
{
	struct fl_ship_txt t = {
		.id = "Demo-1",
		.brand = "B;b",
		.model = "M",
		.type = "T",
		.serial = "S",
		.path = "/x",
		.categories = { 2, 7 },
		.categories_count = 2,
	};

	assert_err(fl_ski_parse(fl_slice_str(SKI), &t.ski), FL_OK);
	return t;
}

static void check_written(const struct fl_ship_txt *t, const char *want)
{
	struct fl_buf out = fl_buf_make(strlen(want)), small = fl_buf_make(strlen(want) - 1);

	assert_err(fl_ship_qr_write(t, &out), FL_OK);
	assert_text(fl_buf_slice(&out), want);
	assert_err(fl_ship_qr_write(t, &small), FL_ERR_TOO_BIG);
	assert_int_equal(small.len, 0);
	fl_buf_done(&out);
	fl_buf_done(&small);
}

static void the_order(void **state)
{
	(void)state;
	struct fl_ship_txt t = full();

	check_written(&t, "SHIP;SKI:" SKI
			  ";ID:Demo-1;BRAND:Bb;TYPE:T;MODEL:M;SERIAL:S;CAT:2,7;ENDSHIP;");
	t = (struct fl_ship_txt){ .ski = t.ski, .id = "D" };
	check_written(&t, "SHIP;SKI:" SKI ";ID:D;ENDSHIP;");
}

static struct unwritten {
	const char *name, *id;
} unwritten[] = {
	{ "no ID", "" },
	{ "an ID with a semicolon", "a;b" },
	{ "an ID with a newline", "a\nb" },
};

static void unwritten_row(void **state)
{
	const struct unwritten *row = *state;
	struct fl_ship_txt t = full();
	struct fl_buf out = fl_buf_make(OUT_MAX);

	fl_str_copy(t.id, sizeof t.id, fl_slice_str(row->id));
	assert_err(fl_ship_qr_write(&t, &out), FL_ERR_INVALID);
	assert_int_equal(out.len, 0);
	fl_buf_done(&out);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, readings, reading_row);
	ROWS(&s, refused, refused_row);
	suite_add(&s, "the longest text", the_longest_text, NULL);
	suite_add(&s, "every prefix", every_prefix, NULL);
	suite_add(&s, "the order", the_order, NULL);
	ROWS(&s, unwritten, unwritten_row);
	return suite_run(&s, "wire/ship_qr");
}
