/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_ship_txt.c - TXT records: rows, order, limits, what is dropped. */
#include "../base/table.h"

#include <stdio.h>

#include "base/text.h"
#include "wire/ship/txt.h"

enum { OUT_MAX = 4096, STRINGS_MAX = 24 };

#define SKI      "0123456789abcdef0123456789abcdef01234567"
#define TEN      "123456789."
#define ID63     TEN TEN TEN TEN TEN TEN "123"
#define NAME32   TEN TEN TEN "12"
#define REQUIRED "txtvers=1|id=Demo|path=/ship/|ski=" SKI "|register=false"

/* Splits at '|'. */
static size_t split(const char *text, struct fl_slice out[static STRINGS_MAX])
{
	size_t count = 0;

	while (*text != '\0') {
		size_t len = strcspn(text, "|");
		assert_true(count < STRINGS_MAX);
		out[count++] = exact(fl_slice_of(text, len));
		text += len + (text[len] == '|');
	}
	return count;
}

static enum fl_err parse(const char *strings, struct fl_fault *fault, struct fl_ship_txt *out)
{
	struct fl_slice parts[STRINGS_MAX] = { { 0 } };
	size_t count = split(strings, parts);
	enum fl_err err = fl_ship_txt_parse(parts, count, fault, out);

	for (size_t i = 0; i < count; i++)
		exact_free(parts[i]);
	return err;
}

/* What a reader understood, as one line. */
static void tell(const struct fl_ship_txt *t, struct fl_buf *out)
{
	char ski[FL_SKI_TEXT_LEN + 1];

	fl_ski_format(&t->ski, ski);
	fl_buf_printf(out, "%s %s %d [%s|%s|%s|%s]", t->id, t->path, t->auto_accept, t->brand,
		      t->model, t->type, t->serial);
	for (size_t i = 0; i < t->categories_count; i++)
		fl_buf_printf(out, " %u", t->categories[i]);
	assert_string_equal(ski, SKI);
}

/* ---- reading ---- */

static struct reading {
	const char *name, *strings, *want;
} readings[] = {
	{ "what has to be there", REQUIRED, "Demo /ship/ 0 [|||]" },
	{ "all", REQUIRED "|brand=B|model=M|type=T|serial=S|cat=1,2",
	  "Demo /ship/ 0 [B|M|T|S] 1 2" },
	{ "from behind",
	  "cat=2|serial=S|register=true|type=T|model=M|brand=B|ski=" SKI
	  "|id=Demo|path=/ship/|txtvers=1",
	  "Demo /ship/ 1 [B|M|T|S] 2" },
	{ "keys in any case", "TXTVERS=1|Id=Demo|PATH=/ship/|sKi=" SKI "|Register=true|BRAND=B",
	  "Demo /ship/ 1 [B|||]" },
	{ "the first counts", REQUIRED "|id=Other|register=true|brand=B|brand=C|Brand=D",
	  "Demo /ship/ 0 [B|||]" },
	{ "an equals sign in a value",
	  "txtvers=1|id=a=b=|path=/x?y=z|ski=" SKI "|register=false|model==",
	  "a=b= /x?y=z 0 [|=||]" },
	{ "unknown keys", REQUIRED "|new=1|brandy=2|x|=y|", "Demo /ship/ 0 [|||]" },
	{ "a key without value", REQUIRED "|brand|brand=B", "Demo /ship/ 0 [B|||]" },
	{ "a SKI as people write it",
	  "txtvers=1|id=Demo|path=/ship/|ski=0123-4567 89AB CDEF 0123 4567 89AB CDEF 0123 4567|"
	  "register=false",
	  "Demo /ship/ 0 [|||]" },
	{ "an empty path", "txtvers=1|id=Demo|path=|ski=" SKI "|register=false", "Demo / 0 [|||]" },
	{ "a path without slash", "txtvers=1|id=Demo|path=ship|ski=" SKI "|register=false",
	  "Demo /ship 0 [|||]" },
	{ "a path of many slashes", "txtvers=1|id=Demo|path=///ship//|ski=" SKI "|register=false",
	  "Demo /ship// 0 [|||]" },
	{ "an ID of 63", "txtvers=1|id=" ID63 "|path=/|ski=" SKI "|register=false",
	  ID63 " / 0 [|||]" },
	{ "a path of 63",
	  "txtvers=1|id=D|path=/" TEN TEN TEN TEN TEN TEN "12|ski=" SKI "|register=false",
	  "D /" TEN TEN TEN TEN TEN TEN "12 0 [|||]" },
	{ "an ID of many letters", "txtvers=1|id=\xc3\x84-1|path=/|ski=" SKI "|register=false",
	  "\xc3\x84-1 / 0 [|||]" },
	{ "names of 32", REQUIRED "|brand=" NAME32 "|serial=" NAME32,
	  "Demo /ship/ 0 [" NAME32 "|||" NAME32 "]" },
	{ "names of 33", REQUIRED "|brand=" NAME32 "x|model=" NAME32 TEN,
	  "Demo /ship/ 0 [" NAME32 "|" NAME32 "||]" },
	{ "a name cut in a letter", REQUIRED "|brand=" TEN TEN TEN "1\xc3\xa4",
	  "Demo /ship/ 0 [" TEN TEN TEN "1|||]" },
	{ "a name that ends with a letter", REQUIRED "|brand=" TEN TEN TEN "\xc3\xa4",
	  "Demo /ship/ 0 [" TEN TEN TEN "\xc3\xa4|||]" },
	{ "a name that is no text", REQUIRED "|brand=a\xff|model=\x1b[2J|type=T",
	  "Demo /ship/ 0 [||T|]" },
	{ "categories with spaces", REQUIRED "|cat= 1 , 2 ", "Demo /ship/ 0 [|||] 1 2" },
	{ "categories that are none", REQUIRED "|cat=,x,3,-1,4294967295,4294967296,",
	  "Demo /ship/ 0 [|||] 3 4294967295" },
	{ "7 categories", REQUIRED "|cat=1,2,3,4,5,6,7", "Demo /ship/ 0 [|||] 1 2 3 4 5 6 7" },
	{ "8 categories", REQUIRED "|cat=1,2,3,4,5,6,7,8", "Demo /ship/ 0 [|||] 1 2 3 4 5 6 7 8" },
	{ "9 categories", REQUIRED "|cat=1,2,3,4,5,6,7,8,9",
	  "Demo /ship/ 0 [|||] 1 2 3 4 5 6 7 8" },
	{ "an empty category", REQUIRED "|cat=", "Demo /ship/ 0 [|||]" },
};

static void reading_row(void **state)
{
	const struct reading *row = *state;
	struct fl_buf told = fl_buf_make(OUT_MAX);
	struct fl_fault fault = { "" };
	struct fl_ship_txt t;

	assert_err(parse(row->strings, &fault, &t), FL_OK);
	assert_string_equal(fault.text, "");
	tell(&t, &told);
	assert_text(fl_buf_slice(&told), row->want);
	fl_buf_done(&told);
}

static struct refused {
	const char *name, *strings;
	enum fl_err want;
	const char *says;
} refused[] = {
	{ "nothing", "", FL_ERR_SYNTAX, "txtvers" },
	{ "no txtvers", "id=D|path=/|ski=" SKI "|register=false", FL_ERR_SYNTAX, "txtvers" },
	{ "no id", "txtvers=1|path=/|ski=" SKI "|register=false", FL_ERR_SYNTAX, "\"id\"" },
	{ "no path", "txtvers=1|id=D|ski=" SKI "|register=false", FL_ERR_SYNTAX, "path" },
	{ "no ski", "txtvers=1|id=D|path=/|register=false", FL_ERR_SYNTAX, "ski" },
	{ "no register", "txtvers=1|id=D|path=/|ski=" SKI, FL_ERR_SYNTAX, "register" },
	{ "a key that is longer", "txtvers=1|id=D|path=/|skis=" SKI "|register=false",
	  FL_ERR_SYNTAX, "ski" },
	{ "txtvers 2", "txtvers=2|id=D|path=/|ski=" SKI "|register=false", FL_ERR_VERSION,
	  "txtvers is not 1" },
	{ "txtvers 10", "txtvers=10|id=D|path=/|ski=" SKI "|register=false", FL_ERR_VERSION,
	  "txtvers is not 1" },
	{ "a txtvers of two lines",
	  "txtvers=1\nNov 1: all is well|id=D|path=/|ski=" SKI "|register=false", FL_ERR_VERSION,
	  "txtvers is not 1" },
	{ "an empty txtvers", "txtvers=|id=D|path=/|ski=" SKI "|register=false", FL_ERR_VERSION,
	  "txtvers" },
	{ "an empty id", "txtvers=1|id=|path=/|ski=" SKI "|register=false", FL_ERR_SYNTAX,
	  "SHIP ID" },
	{ "an ID with a newline", "txtvers=1|id=a\nb|path=/|ski=" SKI "|register=false",
	  FL_ERR_SYNTAX, "SHIP ID" },
	{ "an ID that is no UTF-8", "txtvers=1|id=a\xc3|path=/|ski=" SKI "|register=false",
	  FL_ERR_SYNTAX, "SHIP ID" },
	{ "an ID of 64", "txtvers=1|id=" ID63 "4|path=/|ski=" SKI "|register=false", FL_ERR_TOO_BIG,
	  "64" },
	{ "a path of 64",
	  "txtvers=1|id=D|path=/" TEN TEN TEN TEN TEN TEN "123|ski=" SKI "|register=false",
	  FL_ERR_TOO_BIG, "path" },
	{ "a path with a space", "txtvers=1|id=D|path=/a b|ski=" SKI "|register=false",
	  FL_ERR_SYNTAX, "path" },
	{ "a path of two lines", "txtvers=1|id=D|path=/\r\nX: y|ski=" SKI "|register=false",
	  FL_ERR_SYNTAX, "path" },
	{ "a path beyond ASCII", "txtvers=1|id=D|path=/\xc3\xa4|ski=" SKI "|register=false",
	  FL_ERR_SYNTAX, "path" },
	{ "a SKI of 39",
	  "txtvers=1|id=D|path=/|ski=123456789abcdef0123456789abcdef01234567|register=false",
	  FL_ERR_SYNTAX, "40" },
	{ "a SKI of 41", "txtvers=1|id=D|path=/|ski=0" SKI "|register=false", FL_ERR_SYNTAX, "40" },
	{ "a SKI that is no hex",
	  "txtvers=1|id=D|path=/|ski=g123456789abcdef0123456789abcdef01234567|"
	  "register=false",
	  FL_ERR_SYNTAX, "SKI" },
	{ "register 1", "txtvers=1|id=D|path=/|ski=" SKI "|register=1", FL_ERR_SYNTAX, "register" },
	{ "register TRUE", "txtvers=1|id=D|path=/|ski=" SKI "|register=TRUE", FL_ERR_SYNTAX,
	  "register" },
};

static void refused_row(void **state)
{
	const struct refused *row = *state;
	struct fl_fault fault = { "" };
	struct fl_ship_txt t = { .id = "before" };

	assert_err(parse(row->strings, &fault, &t), row->want);
	assert_non_null(strstr(fault.text, row->says));
	assert_true(fl_str_is_clean(fl_slice_str(fault.text))); /* whatever was announced */
	assert_string_equal(t.id, "before");
	assert_err(parse(row->strings, NULL, &t), row->want);
}

/* A string of 256 bytes is none of DNS; one of 255 is. */
static void the_longest_string(void **state)
{
	(void)state;
	char text[1024];
	struct fl_ship_txt t;

	for (int extra = 254; extra <= 256; extra++) {
		snprintf(text, sizeof text, "%s|cat=%0*d", REQUIRED, extra - 4, 7);
		assert_err(parse(text, NULL, &t), FL_OK);
		assert_int_equal(t.categories_count, 0); /* leading zeros are no number */
		snprintf(text, sizeof text, "%s|cat=%*d", REQUIRED, extra - 4, 7);
		assert_err(parse(text, NULL, &t), FL_OK);
		assert_int_equal(t.categories_count, extra < 256);
	}
}

/* ---- writing ---- */

static struct fl_ship_txt full(void)
{
	struct fl_ship_txt t = {
		.id = "Demo-1",
		.path = "/ship/",
		.auto_accept = true,
		.brand = "B",
		.model = "M",
		.type = "T",
		.serial = "S",
		.categories = { 2, 7 },
		.categories_count = 2,
	};

	assert_err(fl_ski_parse(fl_slice_str(SKI), &t.ski), FL_OK);
	return t;
}

/* The record with its strings one a line. */
static struct fl_buf written(const struct fl_ship_txt *t, size_t *out_len)
{
	struct fl_buf record = fl_buf_make(OUT_MAX), lines = fl_buf_make(OUT_MAX);

	assert_err(fl_ship_txt_write(t, &record), FL_OK);
	for (size_t at = 0; at < record.len; at += 1 + record.ptr[at]) {
		assert_true(at + 1 + record.ptr[at] <= record.len);
		fl_buf_put(&lines, record.ptr + at + 1, record.ptr[at]);
		fl_buf_byte(&lines, '\n');
	}
	*out_len = record.len;
	fl_buf_done(&record);
	return lines;
}

static void check_written(const struct fl_ship_txt *t, const char *want)
{
	size_t len;
	struct fl_buf lines = written(t, &len);

	assert_text(fl_buf_slice(&lines), want);
	fl_buf_done(&lines);
}

static void the_order(void **state)
{
	(void)state;
	struct fl_ship_txt t = full();

	check_written(&t, "txtvers=1\npath=/ship/\nid=Demo-1\nski=" SKI
			  "\nbrand=B\nmodel=M\ntype=T\nregister=true\nserial=S\ncat=2,7\n");
	t = (struct fl_ship_txt){ .ski = t.ski, .id = "D", .path = "/" };
	check_written(&t, "txtvers=1\npath=/\nid=D\nski=" SKI "\nregister=false\n");
}

/* A name that somebody cut at 32 bytes, in the middle of a letter. */
static void a_name_ends_with_a_letter(void **state)
{
	(void)state;
	struct fl_ship_txt t = full();

	memcpy(t.brand, TEN TEN TEN "1\xc3", FL_SHIP_NAME_MAX + 1);
	t.model[0] = t.type[0] = t.serial[0] = '\0';
	t.categories_count = 0;
	check_written(&t, "txtvers=1\npath=/ship/\nid=Demo-1\nski=" SKI "\nbrand=" TEN TEN TEN
			  "1\nregister=true\n");
}

/* Every string at its longest, or nearly so. */
static struct fl_ship_txt longest(void)
{
	struct fl_ship_txt t = full();

	memset(t.path + 1, 'p', FL_SHIP_PATH_MAX - 1);
	memset(t.id, 'i', FL_SHIP_ID_MAX);
	memset(t.brand, 'b', FL_SHIP_NAME_MAX - 1); /* so that 400 can be met */
	memset(t.model, 'm', FL_SHIP_NAME_MAX);
	memset(t.type, 't', FL_SHIP_NAME_MAX);
	memset(t.serial, 's', FL_SHIP_NAME_MAX);
	t.auto_accept = false;
	t.categories_count = FL_SHIP_CATEGORIES_MAX;
	for (size_t i = 0; i < FL_SHIP_CATEGORIES_MAX; i++)
		t.categories[i] = UINT32_MAX;
	return t;
}

static void the_last_ones_go(void **state)
{
	(void)state;
	struct fl_ship_txt t = longest();
	size_t len;
	struct fl_buf lines = written(&t, &len);

	fl_buf_byte(&lines, '\0');
	assert_true(len <= FL_SHIP_TXT_MAX);
	assert_null(strstr((const char *)lines.ptr, "cat="));
	assert_non_null(strstr((const char *)lines.ptr, "\nserial="));
	fl_buf_done(&lines);
}

/* The number of bytes of a record with `digits` digits of categories. */
static size_t len_with(size_t digits, bool *out_has_cat)
{
	struct fl_ship_txt t = longest();
	size_t len;

	t.categories_count = (digits + 9) / 10;
	if (digits % 10 > 0) {
		uint32_t n = 1;
		for (size_t i = 1; i < digits % 10; i++)
			n *= 10;
		t.categories[t.categories_count - 1] = n;
	}
	struct fl_buf lines = written(&t, &len);
	fl_buf_byte(&lines, '\0');
	*out_has_cat = strstr((const char *)lines.ptr, "\ncat=") != NULL;
	fl_buf_done(&lines);
	return len;
}

static void the_longest_record(void **state)
{
	(void)state;
	size_t most = 0, without = 0;
	bool has_cat;

	for (size_t digits = 1; digits <= 80; digits++) {
		size_t len = len_with(digits, &has_cat);
		if (has_cat)
			most = len;
		else
			without = len;
		assert_true(len <= FL_SHIP_TXT_MAX);
	}
	assert_int_equal(most, FL_SHIP_TXT_MAX); /* the bound itself is used */
	assert_true(without > 0 && without < most);
}

static void there_and_back(void **state)
{
	(void)state;
	struct fl_ship_txt t = full(), back;
	struct fl_buf record = fl_buf_make(OUT_MAX), again = fl_buf_make(OUT_MAX);
	struct fl_slice strings[STRINGS_MAX];
	size_t count = 0;

	assert_err(fl_ship_txt_write(&t, &record), FL_OK);
	for (size_t at = 0; at < record.len; at += 1 + record.ptr[at])
		strings[count++] = fl_slice_of(record.ptr + at + 1, record.ptr[at]);
	assert_err(fl_ship_txt_parse(strings, count, NULL, &back), FL_OK);
	assert_err(fl_ship_txt_write(&back, &again), FL_OK);
	assert_bytes(fl_buf_slice(&again), fl_buf_slice(&record));
	fl_buf_done(&record);
	fl_buf_done(&again);
}

static struct unwritten {
	const char *name, *id, *path;
} unwritten[] = {
	{ "no ID", "", "/" },
	{ "an ID with a newline", "a\nb", "/" },
	{ "an ID that is no UTF-8", "\xff", "/" },
	{ "a path with a space", "D", "/a b" },
};

static void unwritten_row(void **state)
{
	const struct unwritten *row = *state;
	struct fl_ship_txt t = full();
	struct fl_buf out = fl_buf_make(OUT_MAX);

	fl_str_copy(t.id, sizeof t.id, fl_slice_str(row->id));
	fl_str_copy(t.path, sizeof t.path, fl_slice_str(row->path));
	assert_err(fl_ship_txt_write(&t, &out), FL_ERR_INVALID);
	assert_int_equal(out.len, 0);
	fl_buf_done(&out);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, readings, reading_row);
	ROWS(&s, refused, refused_row);
	suite_add(&s, "the longest string", the_longest_string, NULL);
	suite_add(&s, "the order", the_order, NULL);
	suite_add(&s, "a name ends with a letter", a_name_ends_with_a_letter, NULL);
	suite_add(&s, "the last ones go", the_last_ones_go, NULL);
	suite_add(&s, "the longest record", the_longest_record, NULL);
	suite_add(&s, "there and back", there_and_back, NULL);
	ROWS(&s, unwritten, unwritten_row);
	return suite_run(&s, "wire/ship_txt");
}
