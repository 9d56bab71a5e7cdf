/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/wire/test_json.c - Go's reading rules, and the limits checked before memory is spent. */
#include "../base/table.h"

#include "base/buf.h"
#include "base/jw.h"
#include "wire/json.h"

/* ---- whole documents ---- */

static struct parse_case {
	const char *name;
	const char *text;
	size_t depth;
	enum fl_err want;
} parse_rows[] = {
	{ "an object", "{\"a\":1}", 64, FL_OK },
	{ "an array", "[1,2]", 64, FL_OK },
	{ "white space around", " \t\r\n{} \n", 64, FL_OK },
	{ "nothing", "", 64, FL_ERR_SYNTAX },
	{ "a bare scalar", "1", 64, FL_ERR_SYNTAX },
	{ "two documents", "{}{}", 64, FL_ERR_SYNTAX },
	{ "rubbish behind", "{}x", 64, FL_ERR_SYNTAX },
	{ "open object", "{", 64, FL_ERR_SYNTAX },
	{ "open string", "{\"a", 64, FL_ERR_SYNTAX },
	{ "escape at the end", "{\"a\\", 64, FL_ERR_SYNTAX },
	{ "closed too often", "{}}", 64, FL_ERR_SYNTAX },
	{ "crossed brackets", "{[}]", 64, FL_ERR_SYNTAX },
	{ "trailing comma", "[1,]", 64, FL_ERR_SYNTAX },
	{ "single quotes", "{'a':1}", 64, FL_ERR_SYNTAX },
	{ "leading zero", "[01]", 64, FL_ERR_SYNTAX },
	{ "not a number", "[NaN]", 64, FL_ERR_SYNTAX },
	{ "number beyond 64 bits", "[9223372036854775808]", 64, FL_ERR_SYNTAX },
	{ "U+0000", "{\"a\":\"\\u0000\"}", 64, FL_ERR_SYNTAX },
	{ "lone surrogate", "{\"a\":\"\\ud800\"}", 64, FL_ERR_SYNTAX },
	{ "invalid UTF-8", "{\"a\":\"\xff\"}", 64, FL_ERR_SYNTAX },
	{ "control character", "{\"a\":\"\n\"}", 64, FL_ERR_SYNTAX },
	{ "brackets inside strings do not nest", "[\"[[[[\",\"\\\"{{{\"]", 1, FL_OK },
	{ "depth below the limit", "[[1]]", 3, FL_OK },
	{ "depth at the limit", "[[[1]]]", 3, FL_OK },
	{ "depth above the limit", "[[[[1]]]]", 3, FL_ERR_TOO_BIG },
	{ "depth counts objects too", "{\"a\":{\"a\":{\"a\":{}}}}", 3, FL_ERR_TOO_BIG },
	{ "too deep wins over malformed", "[[[[", 3, FL_ERR_TOO_BIG },
};

static void parse_row(void **state)
{
	const struct parse_case *c = *state;
	struct fl_slice text = exact(fl_slice_str(c->text));
	struct fl_json *doc = (void *)1;

	assert_err(fl_json_parse(text, c->depth, &doc), c->want);
	if (c->want == FL_OK)
		fl_json_free(doc);
	else
		assert_ptr_equal(doc, (void *)1);
	exact_free(text);
}

/* `[[],[],...` of `n` values in all: the outer array, each element with its comma or bracket. */
static enum fl_err parse_values(size_t n)
{
	struct fl_buf text = fl_buf_make(1 << 20);
	struct fl_json *doc = NULL;

	fl_buf_byte(&text, '[');
	for (size_t i = 2; i < n; i++)
		fl_buf_str(&text, "1,");
	fl_buf_str(&text, "1]");
	enum fl_err err = fl_json_parse(fl_buf_slice(&text), 64, &doc);
	if (err == FL_OK)
		fl_json_free(doc);
	fl_buf_done(&text);
	return err;
}

static void values_are_bounded(void **state)
{
	(void)state;
	assert_err(parse_values(FL_JSON_VALUES_MAX - 1), FL_OK);
	assert_err(parse_values(FL_JSON_VALUES_MAX), FL_OK);
	assert_err(parse_values(FL_JSON_VALUES_MAX + 1), FL_ERR_TOO_BIG);
}

static void a_megabyte_of_nesting_costs_nothing(void **state)
{
	(void)state;
	size_t n = 1 << 20;
	uint8_t *text = malloc(n);
	struct fl_json *doc = NULL;

	assert_non_null(text);
	memset(text, '[', n);
	assert_err(fl_json_parse(fl_slice_of(text, n), 64, &doc), FL_ERR_TOO_BIG);
	for (size_t i = 0; i < n; i++)
		text[i] = (uint8_t) "[],"[i % 3];
	text[0] = '[';
	assert_err(fl_json_parse(fl_slice_of(text, n), 64, &doc), FL_ERR_TOO_BIG);
	free(text);
}

static void a_megabyte_of_string_is_fine(void **state)
{
	(void)state;
	size_t n = 1 << 20;
	uint8_t *text = malloc(n);
	struct fl_json *doc = NULL;

	assert_non_null(text);
	memset(text, 'x', n);
	memcpy(text, "[\"", 2);
	memcpy(text + n - 2, "\"]", 2);
	assert_err(fl_json_parse(fl_slice_of(text, n), 64, &doc), FL_OK);
	assert_int_equal(fl_json_str(fl_json_at(fl_json_root(doc), 0)).len, n - 4);
	fl_json_free(doc);
	free(text);
}

static void every_prefix_fails(void **state)
{
	(void)state;
	static const char whole[] = "{\"a\":[1,2.5,true,null,\"x\\u0041\\n\"],\"b\":{\"c\":\"\"}}";

	for (size_t n = 0; n < sizeof whole - 1; n++) {
		struct fl_slice text = exact(fl_slice_of(whole, n));
		struct fl_json *doc = NULL;
		assert_err(fl_json_parse(text, 64, &doc), FL_ERR_SYNTAX);
		exact_free(text);
	}
}

/* ---- members ---- */

static struct text_case {
	const char *name;
	const char *text;
	const char *want; /* of member "Key", "-" = absent */
	enum fl_err err;
} text_rows[] = {
	{ "exact name", "{\"Key\":\"v\"}", "v", FL_OK },
	{ "lower-case name", "{\"key\":\"v\"}", "v", FL_OK },
	{ "upper-case name", "{\"KEY\":\"v\"}", "v", FL_OK },
	{ "escaped name", "{\"\\u004bey\":\"v\"}", "v", FL_OK },
	{ "other names", "{\"Ke\":\"a\",\"Keys\":\"b\"}", "-", FL_OK },
	{ "no member", "{}", "-", FL_OK },
	{ "null is absent", "{\"Key\":null}", "-", FL_OK },
	{ "the last duplicate wins", "{\"Key\":\"a\",\"Key\":\"b\"}", "b", FL_OK },
	{ "the last spelling wins", "{\"Key\":\"a\",\"kEY\":\"b\"}", "b", FL_OK },
	{ "also when it is not the exact one", "{\"key\":\"a\",\"Key\":\"b\"}", "b", FL_OK },
	{ "a later null leaves the value", "{\"Key\":\"a\",\"key\":null}", "a", FL_OK },
	{ "escapes are resolved", "{\"Key\":\"a\\u00e9\\n\\/\"}", "a\xc3\xa9\n/", FL_OK },
	{ "empty is present", "{\"Key\":\"\"}", "", FL_OK },
	{ "a number is not a string", "{\"Key\":1}", "-", FL_ERR_SYNTAX },
	{ "an array is not a string", "{\"Key\":[\"v\"]}", "-", FL_ERR_SYNTAX },
	{ "an array has no members", "[\"Key\"]", "-", FL_ERR_SYNTAX },
};

static void text_row(void **state)
{
	const struct text_case *c = *state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str(c->text), 64, &doc), FL_OK);
	struct fl_slice got = fl_json_str(fl_json_get(fl_json_root(doc), "Key"));
	assert_err(fl_json_err(doc), c->err);
	if (strcmp(c->want, "-") == 0)
		assert_null(got.ptr);
	else
		assert_text(got, c->want);
	fl_json_free(doc);
}

static struct number_case {
	const char *name;
	const char *text;
	uint64_t max, want;
	enum fl_err err;
} number_rows[] = {
	{ "zero", "[0]", 10, 0, FL_OK },
	{ "below the limit", "[9]", 10, 9, FL_OK },
	{ "at the limit", "[10]", 10, 10, FL_OK },
	{ "above the limit", "[11]", 10, 0, FL_ERR_SYNTAX },
	{ "largest", "[9223372036854775807]", INT64_MAX, INT64_MAX, FL_OK },
	{ "negative", "[-1]", 10, 0, FL_ERR_SYNTAX },
	{ "fraction", "[1.0]", 10, 0, FL_ERR_SYNTAX },
	{ "exponent", "[1e0]", 10, 0, FL_ERR_SYNTAX },
	{ "text", "[\"1\"]", 10, 0, FL_ERR_SYNTAX },
	{ "true", "[true]", 10, 0, FL_ERR_SYNTAX },
	{ "null", "[null]", 10, 0, FL_OK },
};

static void number_row(void **state)
{
	const struct number_case *c = *state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str(c->text), 64, &doc), FL_OK);
	assert_true(fl_json_u64(fl_json_at(fl_json_root(doc), 0), c->max) == c->want);
	assert_err(fl_json_err(doc), c->err);
	fl_json_free(doc);
}

static struct time_case {
	const char *name;
	const char *text;
	fl_wall want;
	enum fl_err err;
} time_rows[] = {
	{ "a day", "[\"1970-01-02T00:00:00Z\"]", FL_DAY, FL_OK },
	{ "with offset", "[\"1970-01-01T01:02:03+01:00\"]", 123 * FL_SEC, FL_OK },
	{ "Go's zero time is unset", "[\"0001-01-01T00:00:00Z\"]", 0, FL_OK },
	{ "null is unset", "[null]", 0, FL_OK },
	{ "the epoch is a time", "[\"1970-01-01T00:00:00Z\"]", 1, FL_OK },
	{ "long past", "[\"1500-01-01T00:00:00Z\"]", 1, FL_OK },
	{ "far future", "[\"9999-12-31T23:59:59Z\"]", FL_NEVER, FL_OK },
	{ "not a time", "[\"tomorrow\"]", 0, FL_ERR_SYNTAX },
	{ "empty", "[\"\"]", 0, FL_ERR_SYNTAX },
	{ "a number", "[1]", 0, FL_ERR_SYNTAX },
};

static void time_row(void **state)
{
	const struct time_case *c = *state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str(c->text), 64, &doc), FL_OK);
	fl_wall got = fl_json_time(fl_json_at(fl_json_root(doc), 0));
	assert_err(fl_json_err(doc), c->err);
	if (c->err == FL_OK)
		assert_true(got == c->want);
	fl_json_free(doc);
}

static void the_first_error_stays(void **state)
{
	(void)state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str("{\"a\":1,\"b\":true}"), 64, &doc), FL_OK);
	struct fl_jv root = fl_json_root(doc);
	assert_true(fl_json_bool(fl_json_get(root, "b")));
	assert_err(fl_json_err(doc), FL_OK);
	assert_false(fl_json_bool(fl_json_get(root, "a")));
	assert_err(fl_json_err(doc), FL_ERR_SYNTAX);
	fl_json_fail(root, FL_ERR_DENIED);
	assert_true(fl_json_bool(fl_json_get(root, "b")));
	assert_err(fl_json_err(doc), FL_ERR_SYNTAX);
	fl_json_free(doc);
}

static void below_absent_is_absent(void **state)
{
	(void)state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str("{}"), 64, &doc), FL_OK);
	struct fl_jv none = fl_json_get(fl_json_get(fl_json_root(doc), "a"), "b");
	assert_false(fl_json_has(none));
	assert_int_equal(fl_json_len(none), 0);
	assert_false(fl_json_has(fl_json_at(none, 0)));
	assert_true(fl_json_f64(none) == 0);
	fl_json_wipe(none);
	assert_err(fl_json_err(doc), FL_OK);
	assert_null(fl_json_free(doc));
	assert_null(fl_json_free(NULL));
}

static void members_come_in_text_order(void **state)
{
	(void)state;
	struct fl_json *doc = NULL;
	struct fl_slice name;
	struct fl_jv v;
	void *at = NULL;

	assert_err(fl_json_parse(fl_slice_str("{\"z\":1,\"n\":null,\"a\":2}"), 64, &doc), FL_OK);
	assert_true(fl_json_next(fl_json_root(doc), &at, &name, &v));
	assert_text(name, "z");
	assert_true(fl_json_next(fl_json_root(doc), &at, &name, &v));
	assert_text(name, "a");
	assert_int_equal(fl_json_u64(v, 9), 2);
	assert_false(fl_json_next(fl_json_root(doc), &at, &name, &v));
	fl_json_free(doc);
}

static void secrets_are_wiped(void **state)
{
	(void)state;
	struct fl_json *doc = NULL;

	assert_err(fl_json_parse(fl_slice_str("[\"secret\"]"), 64, &doc), FL_OK);
	struct fl_jv v = fl_json_at(fl_json_root(doc), 0);
	struct fl_slice text = fl_json_str(v);
	fl_json_wipe(v);
	assert_memory_equal(text.ptr, "\0\0\0\0\0\0", 6);
	fl_json_free(doc);
}

/* ---- kinds, null members, and writing again ---- */

static struct again_row {
	const char *name;
	const char *text;
	const char *want;        /* NULL: the same */
	enum fl_json_kind first; /* kind of the first member or element */
} again_rows[] = {
	{ "an object again", "{\"a\":{\"c\":null,\"b\":[]}}", NULL, FL_JSON_OBJECT },
	{ "an array again", "[[1,-2,{}],true]", NULL, FL_JSON_ARRAY },
	{ "text again", "[\"a\\\"\\u0001\\u003c\"]", NULL, FL_JSON_STRING },
	{ "numbers again", "[9223372036854775807,-9223372036854775808,1.5]", NULL, FL_JSON_NUMBER },
	{ "a real number again", "[0.5]", NULL, FL_JSON_NUMBER },
	{ "false again", "[false,true]", NULL, FL_JSON_BOOL },
	{ "null again", "[null,1]", NULL, FL_JSON_ABSENT },
	{ "a null member again", "{\"z\":null,\"a\":1}", NULL, FL_JSON_ABSENT },
	{ "blanks go", " { \"a\" : [ 1 , 2 ] } ", "{\"a\":[1,2]}", FL_JSON_ARRAY },
	{ "the last duplicate counts", "{\"a\":1,\"b\":2,\"a\":\"x\"}", "{\"a\":\"x\",\"b\":2}",
	  FL_JSON_STRING },
};

static void again_row(void **state)
{
	const struct again_row *r = *state;
	struct fl_buf out = fl_buf_make(4096);
	struct fl_jw w = fl_jw_make(&out);
	struct fl_json *doc;
	struct fl_slice name;
	struct fl_jv first;
	void *at = NULL;

	assert_err(fl_json_parse(fl_slice_str(r->text), 8, &doc), FL_OK);
	struct fl_jv root = fl_json_root(doc);
	if (fl_json_kind(root) == FL_JSON_ARRAY)
		first = fl_json_at(root, 0);
	else
		assert_true(fl_json_each(root, &at, &name, &first));
	assert_int_equal(fl_json_kind(first), r->first);
	fl_json_write(root, &w);
	assert_err(fl_buf_err(&out), FL_OK);
	assert_err(fl_json_err(doc), FL_OK);
	assert_text(fl_buf_slice(&out), r->want != NULL ? r->want : r->text);
	fl_json_free(doc);
	fl_buf_done(&out);
}

static void values_are_bounded_as_asked(void **state)
{
	static const char text[] = "[1,2,3]"; /* the list, its first element, and one a comma */
	struct fl_json *doc = NULL;

	(void)state;
	for (size_t most = 2; most <= 5; most++) {
		enum fl_err err = fl_json_parse_most(fl_slice_str(text), 8, most, &doc);
		assert_err(err, most < 4 ? FL_ERR_TOO_BIG : FL_OK);
		doc = fl_json_free(doc);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, parse_rows, parse_row);
	suite_add(&s, "values are bounded", values_are_bounded, NULL);
	suite_add(&s, "a megabyte of nesting costs nothing", a_megabyte_of_nesting_costs_nothing,
		  NULL);
	suite_add(&s, "a megabyte of string is fine", a_megabyte_of_string_is_fine, NULL);
	suite_add(&s, "every prefix fails", every_prefix_fails, NULL);
	ROWS(&s, text_rows, text_row);
	ROWS(&s, number_rows, number_row);
	ROWS(&s, time_rows, time_row);
	suite_add(&s, "the first error stays", the_first_error_stays, NULL);
	suite_add(&s, "below absent is absent", below_absent_is_absent, NULL);
	suite_add(&s, "members come in text order", members_come_in_text_order, NULL);
	suite_add(&s, "secrets are wiped", secrets_are_wiped, NULL);
	ROWS(&s, again_rows, again_row);
	suite_add(&s, "values are bounded as asked", values_are_bounded_as_asked, NULL);
	return suite_run(&s, "wire/json");
}
