/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_hujson.c - HuJSON: every fault text with its place, the tree, strings, limits.
 */
#include "../base/table.h"

#include <stdio.h>

#include "wire/hujson.h"

static struct fl_hujson *parse(const char *text)
{
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at;

	enum fl_err err = fl_hujson_parse(fl_slice_str(text), &fault, &at, &doc);
	if (err != FL_OK)
		fail_msg("%s: %s", text, fault.text);
	return doc;
}

/* ---- faults ---- */

#define AT(line, column) "hujson: line " #line ", column " #column ": "

static struct fault_row {
	const char *name;
	struct fl_slice text;
	size_t at;
	const char *fault;
} fault_rows[] = {
	/* a value is needed */
	{ "nothing", BYTES(""), 0, AT(1, 1) "parsing value: unexpected EOF" },
	{ "white space only", BYTES(" \t\r\n "), 5, AT(2, 2) "parsing value: unexpected EOF" },
	{ "comments only", BYTES("// x\n/* y */"), 12, AT(2, 8) "parsing value: unexpected EOF" },
	{ "open array", BYTES("["), 1, AT(1, 2) "parsing value: unexpected EOF" },
	{ "array behind its comma", BYTES("[1,\n"), 4, AT(2, 1) "parsing value: unexpected EOF" },
	{ "open object", BYTES("{"), 1, AT(1, 2) "parsing value: unexpected EOF" },
	{ "object behind a colon", BYTES("{\"a\":"), 5, AT(1, 6) "parsing value: unexpected EOF" },
	{ "object behind a comma", BYTES("{\"a\":1,"), 7,
	  AT(1, 8) "parsing value: unexpected EOF" },

	/* the text ends too soon */
	{ "behind a name", BYTES("{\"a\" "), 5,
	  AT(1, 6) "parsing object after name: unexpected EOF" },
	{ "behind a member", BYTES("{\"a\":1 /**/"), 11,
	  AT(1, 12) "parsing object after value: unexpected EOF" },
	{ "behind an element", BYTES("[1"), 2,
	  AT(1, 3) "parsing array after value: unexpected EOF" },
	{ "inner array ended, outer not", BYTES("[[]"), 3,
	  AT(1, 4) "parsing array after value: unexpected EOF" },
	{ "inside of a string", BYTES("\"abc"), 4, AT(1, 5) "parsing string: unexpected EOF" },
	{ "behind a backslash", BYTES("\"abc\\"), 5, AT(1, 6) "parsing string: unexpected EOF" },
	{ "escaped quote does not end it", BYTES("\"abc\\\""), 6,
	  AT(1, 7) "parsing string: unexpected EOF" },
	{ "inside of a name", BYTES("{\n\"abc"), 6, AT(2, 5) "parsing string: unexpected EOF" },

	/* comments; their place is where they begin */
	{ "block comment open", BYTES("[ /* x"), 2, AT(1, 3) "parsing comment: unexpected EOF" },
	{ "block comment half open", BYTES("/*/"), 0, AT(1, 1) "parsing comment: unexpected EOF" },
	{ "line comment without newline", BYTES("{} // x"), 3,
	  AT(1, 4) "parsing comment: unexpected EOF" },
	{ "line comment before anything", BYTES("//"), 0,
	  AT(1, 1) "parsing comment: unexpected EOF" },
	{ "no UTF-8 in a line comment", BYTES("// \xff\n{}"), 0,
	  AT(1, 1) "invalid UTF-8 in comment" },
	{ "no UTF-8 in a block comment", BYTES("{} /* \xc0\x80 */"), 3,
	  AT(1, 4) "invalid UTF-8 in comment" },
	{ "surrogate in a comment", BYTES("/*\xed\xa0\x80*/1"), 0,
	  AT(1, 1) "invalid UTF-8 in comment" },
	{ "a slash is no comment", BYTES("/ 1"), 0,
	  AT(1, 1) "invalid character '/' at start of value" },
	{ "a slash at the end", BYTES("1 /"), 2,
	  AT(1, 3) "invalid character '/' after top-level value" },

	/* at start of value */
	{ "lone comma in an array", BYTES("[,]"), 1,
	  AT(1, 2) "invalid character ',' at start of value" },
	{ "lone comma in an object", BYTES("{,}"), 1,
	  AT(1, 2) "invalid character ',' at start of value" },
	{ "two commas", BYTES("[1,,2]"), 3, AT(1, 4) "invalid character ',' at start of value" },
	{ "two trailing commas", BYTES("{\"a\":1,,}"), 7,
	  AT(1, 8) "invalid character ',' at start of value" },
	{ "byte-order mark", BYTES("\xef\xbb\xbf{}"), 0,
	  AT(1, 1) "invalid character '\\ufeff' at start of value" },
	{ "member without a value", BYTES("{\"a\":}"), 5,
	  AT(1, 6) "invalid character '}' at start of value" },
	{ "bracket for a value", BYTES("{\"a\":]"), 5,
	  AT(1, 6) "invalid character ']' at start of value" },
	{ "brace for a bracket", BYTES("[}"), 1,
	  AT(1, 2) "invalid character '}' at start of value" },
	{ "bracket for a brace", BYTES("{]"), 1,
	  AT(1, 2) "invalid character ']' at start of value" },
	{ "nothing but an end", BYTES("}"), 0, AT(1, 1) "invalid character '}' at start of value" },
	{ "nothing but a bracket", BYTES("]"), 0,
	  AT(1, 1) "invalid character ']' at start of value" },
	{ "single quotes", BYTES("'a'"), 0, AT(1, 1) "invalid character '\\'' at start of value" },
	{ "backslash", BYTES("\\"), 0, AT(1, 1) "invalid character '\\\\' at start of value" },
	{ "control character", BYTES("\x01"), 0,
	  AT(1, 1) "invalid character '\\u0001' at start of value" },
	{ "NUL", BYTES("\0"), 0, AT(1, 1) "invalid character '\\u0000' at start of value" },
	{ "form feed is no white space", BYTES("\f1"), 0,
	  AT(1, 1) "invalid character '\\u000c' at start of value" },
	{ "DEL", BYTES("\x7f"), 0, AT(1, 1) "invalid character '\\u007f' at start of value" },
	{ "no-break space", BYTES("\xc2\xa0"), 0,
	  AT(1, 1) "invalid character '\\u00a0' at start of value" },
	{ "letter beyond ASCII", BYTES("[\xc3\xa9]"), 1,
	  AT(1, 2) "invalid character '\xc3\xa9' at start of value" },
	{ "picture", BYTES("\xf0\x9f\x98\x80"), 0,
	  AT(1, 1) "invalid character '\xf0\x9f\x98\x80' at start of value" },
	{ "replacement character", BYTES("\xef\xbf\xbd"), 0,
	  AT(1, 1) "invalid character '\xef\xbf\xbd' at start of value" },
	{ "language tag", BYTES("\xf3\xa0\x80\x81"), 0,
	  AT(1, 1) "invalid character '\\U000e0001' at start of value" },
	{ "byte that is no UTF-8", BYTES("\xff"), 0,
	  AT(1, 1) "invalid character '\\xff' at start of value" },
	{ "UTF-8 cut short", BYTES("\xe2\x82"), 0,
	  AT(1, 1) "invalid character '\\xe2' at start of value" },
	{ "underscore", BYTES("_x"), 0, AT(1, 1) "invalid character '_' at start of value" },

	/* names */
	{ "number for a name", BYTES("{ 1:2}"), 2,
	  AT(1, 3) "invalid character '1' at start of object name" },
	{ "true for a name", BYTES("{true:2}"), 1,
	  AT(1, 2) "invalid character 't' at start of object name" },
	{ "array for a name, whole", BYTES("{ [1,2] :2}"), 2,
	  AT(1, 3) "invalid character '[' at start of object name" },
	{ "object for a name, whole", BYTES("{{\"a\":{}}"), 1,
	  AT(1, 2) "invalid character '{' at start of object name" },
	{ "fault inside of such a name first", BYTES("{[1 2]:2}"), 4,
	  AT(1, 5) "invalid character '2' after array value (expecting ',' or ']')" },
	{ "fault behind such a name first", BYTES("{1 /*"), 3,
	  AT(1, 4) "parsing comment: unexpected EOF" },
	{ "bare name", BYTES("{a:1}"), 1, AT(1, 2) "invalid literal: a" },
	{ "no colon", BYTES("{\"a\" 1}"), 5, AT(1, 6) "invalid character '1' after object name" },
	{ "equals sign", BYTES("{\"a\"=1}"), 4,
	  AT(1, 5) "invalid character '=' after object name" },
	{ "name alone", BYTES("{\"a\"}"), 4, AT(1, 5) "invalid character '}' after object name" },
	{ "name in the second line", BYTES("{\"a\":1,\n  \"b\",}"), 13,
	  AT(2, 6) "invalid character ',' after object name" },

	/* behind values */
	{ "no comma in an object", BYTES("{\"a\":1 \"b\":2}"), 7,
	  AT(1, 8) "invalid character '\"' after object value (expecting ',' or '}')" },
	{ "object closed by a bracket", BYTES("{\"a\":1]"), 6,
	  AT(1, 7) "invalid character ']' after object value (expecting ',' or '}')" },
	{ "no comma in an array", BYTES("[1 2]"), 3,
	  AT(1, 4) "invalid character '2' after array value (expecting ',' or ']')" },
	{ "array closed by a brace", BYTES("[1}"), 2,
	  AT(1, 3) "invalid character '}' after array value (expecting ',' or ']')" },
	{ "colon in an array", BYTES("[\"a\":1]"), 4,
	  AT(1, 5) "invalid character ':' after array value (expecting ',' or ']')" },
	{ "two values", BYTES("{} {}"), 3, AT(1, 4) "invalid character '{' after top-level value" },
	{ "comma behind all", BYTES("{},"), 2,
	  AT(1, 3) "invalid character ',' after top-level value" },
	{ "one end too many", BYTES("[]\n]"), 3,
	  AT(2, 1) "invalid character ']' after top-level value" },
	{ "NUL behind all", BYTES("1\0"), 1,
	  AT(1, 2) "invalid character '\\u0000' after top-level value" },
	{ "columns count bytes", BYTES("[\"\xc3\xa9\xc3\xa9\" x]"), 8,
	  AT(1, 9) "invalid character 'x' after array value (expecting ',' or ']')" },

	/* literals */
	{ "bad escape", BYTES("[\"a\\x\"]"), 1, AT(1, 2) "invalid literal: \"a\\x\"" },
	{ "bad hex", BYTES("\"\\u12g4\""), 0, AT(1, 1) "invalid literal: \"\\u12g4\"" },
	{ "hex cut short", BYTES("\"\\u123\""), 0, AT(1, 1) "invalid literal: \"\\u123\"" },
	{ "capital U", BYTES("\"\\U0041\""), 0, AT(1, 1) "invalid literal: \"\\U0041\"" },
	{ "newline in a string", BYTES("\"a\nb\""), 0, AT(1, 1) "invalid literal: \"a\nb\"" },
	{ "tab in a name", BYTES("{\"\t\":1}"), 1, AT(1, 2) "invalid literal: \"\t\"" },
	{ "last control character", BYTES("\"\x1f\""), 0, AT(1, 1) "invalid literal: \"\x1f\"" },
	{ "leading zero", BYTES("[01]"), 1, AT(1, 2) "invalid literal: 01" },
	{ "leading plus", BYTES("+1"), 0, AT(1, 1) "invalid literal: +1" },
	{ "minus alone", BYTES("-"), 0, AT(1, 1) "invalid literal: -" },
	{ "minus zero something", BYTES("-01"), 0, AT(1, 1) "invalid literal: -01" },
	{ "no digit before the point", BYTES(".5"), 0, AT(1, 1) "invalid literal: .5" },
	{ "no digit behind the point", BYTES("1."), 0, AT(1, 1) "invalid literal: 1." },
	{ "no digit behind the e", BYTES("1e"), 0, AT(1, 1) "invalid literal: 1e" },
	{ "no digit behind the sign", BYTES("1E+"), 0, AT(1, 1) "invalid literal: 1E+" },
	{ "hexadecimal", BYTES("0x10"), 0, AT(1, 1) "invalid literal: 0x10" },
	{ "two points", BYTES("1.2.3"), 0, AT(1, 1) "invalid literal: 1.2.3" },
	{ "unknown word", BYTES("[nil]"), 1, AT(1, 2) "invalid literal: nil" },
	{ "capital word", BYTES("True"), 0, AT(1, 1) "invalid literal: True" },
	{ "word cut short", BYTES("[tru]"), 1, AT(1, 2) "invalid literal: tru" },
	{ "word that goes on", BYTES("nullx"), 0, AT(1, 1) "invalid literal: nullx" },
	{ "words end at an underscore", BYTES("foo_bar"), 0, AT(1, 1) "invalid literal: foo" },
	{ "not a number", BYTES("NaN"), 0, AT(1, 1) "invalid literal: NaN" },
};

static void fault_row(void **state)
{
	const struct fault_row *row = *state;
	struct fl_slice text = exact(row->text);
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at = 4711;

	assert_err(fl_hujson_parse(text, &fault, &at, &doc), FL_ERR_SYNTAX);
	assert_string_equal(fault.text, row->fault);
	assert_int_equal(at, row->at);
	assert_null(doc);
	assert_err(fl_hujson_parse(text, NULL, &at, &doc), FL_ERR_SYNTAX);
	exact_free(text);
}

static void long_literals_are_cut(void **state)
{
	(void)state;
	static char text[5000];
	struct fl_fault fault;
	struct fl_hujson *doc;
	size_t at;

	memset(text, 'x', sizeof text);
	assert_err(fl_hujson_parse(fl_slice_of(text, sizeof text), &fault, &at, &doc),
		   FL_ERR_SYNTAX);
	assert_int_equal(strlen(fault.text), sizeof fault.text - 1);
	assert_memory_equal(fault.text, AT(1, 1) "invalid literal: xxx", 45);
}

/* ---- what is accepted ---- */

static struct good_row {
	const char *name;
	struct fl_slice text;
	const char *standard;
} good_rows[] = {
	{ "null", BYTES("null"), "null" },
	{ "true", BYTES(" true "), "true" },
	{ "false", BYTES("false"), "false" },
	{ "zero", BYTES("0"), "0" },
	{ "minus zero", BYTES("-0"), "-0" },
	{ "number as written", BYTES("-12.50E+07"), "-12.50E+07" },
	{ "number with all", BYTES("1e5"), "1e5" },
	{ "number beyond all doubles", BYTES("123456789012345678901234567890e999"),
	  "123456789012345678901234567890e999" },
	{ "string as written", BYTES("\"\\u0041\\/\\n\""), "\"\\u0041\\/\\n\"" },
	{ "DEL in a string", BYTES("\"\x7f\""), "\"\x7f\"" },
	{ "no UTF-8 in a string is no matter of syntax", BYTES("\"\xff\""), "\"\xff\"" },
	{ "comment in a string", BYTES("[\"/* no */ // no\"]"), "[\"/* no */ // no\"]" },
	{ "empty array", BYTES("[ ]"), "[]" },
	{ "empty object", BYTES("{\n}"), "{}" },
	{ "trailing comma in an array", BYTES("[1,2,]"), "[1,2]" },
	{ "trailing comma in an object", BYTES("{\"a\":1,}"), "{\"a\":1}" },
	{ "trailing comma and comment", BYTES("[1 /*,*/ , /*,*/ ]"), "[1]" },
	{ "comments everywhere",
	  BYTES("/*1*/{/*2*/\"a\"/*3*/:/*4*/[/*5*/1/*6*/,/*7*/2/*8*/]/*9*/,/*0*/}/*a*/"),
	  "{\"a\":[1,2]}" },
	{ "line comments everywhere",
	  BYTES("//1\n{//2\n\"a\"//3\n://4\n[//5\n1//6\n,//7\n2//8\n]//9\n,//0\n}//a\n"),
	  "{\"a\":[1,2]}" },
	{ "stars and slashes", BYTES("/***/1/*/*/"), "1" },
	{ "CR LF", BYTES("//x\r\n[1,\r\n2]\r\n"), "[1,2]" },
	{ "CR alone does not end a comment", BYTES("//x\r[\n1"), "1" },
	{ "member twice is no matter of syntax", BYTES("{\"a\":1,\"a\":2}"), "{\"a\":1,\"a\":2}" },
	{ "deep and wide", BYTES("[[],{},[{}],{\"a\":[{\"b\":{}}]}]"),
	  "[[],{},[{}],{\"a\":[{\"b\":{}}]}]" },
};

/* The value as standard JSON by a walk over the tree; nesting is bounded by the parser. */
static void walk(struct fl_hujv v, struct fl_buf *out)
{
	enum fl_hujson_kind kind = fl_hujson_kind(v);
	struct fl_slice raw = fl_hujson_raw(v);
	size_t n = 0;

	assert_ptr_equal(raw.ptr, fl_hujson_source(v.doc).ptr + fl_hujson_offset(v));
	if (kind != FL_HUJSON_ARRAY && kind != FL_HUJSON_OBJECT) {
		assert_false(fl_hujson_is(fl_hujson_first(v)));
		fl_buf_put(out, raw.ptr, raw.len);
		return;
	}
	fl_buf_byte(out, kind == FL_HUJSON_ARRAY ? '[' : '{');
	for (struct fl_hujv c = fl_hujson_first(v); fl_hujson_is(c); c = fl_hujson_next(c)) {
		struct fl_hujv name = fl_hujson_name(c);
		if (n++ > 0)
			fl_buf_byte(out, ',');
		assert_int_equal(fl_hujson_is(name), kind == FL_HUJSON_OBJECT);
		if (fl_hujson_is(name)) {
			walk(name, out);
			fl_buf_byte(out, ':');
			assert_false(fl_hujson_is(fl_hujson_name(name)));
			assert_false(fl_hujson_is(fl_hujson_next(name)));
		}
		walk(c, out);
	}
	fl_buf_byte(out, kind == FL_HUJSON_ARRAY ? ']' : '}');
	assert_int_equal(fl_hujson_len(v), n);
}

static void good_row(void **state)
{
	const struct good_row *row = *state;
	struct fl_slice text = exact(row->text);
	struct fl_buf standard = fl_buf_make(1 << 16), walked = fl_buf_make(1 << 16);
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at = 4711;

	enum fl_err err = fl_hujson_parse(text, &fault, &at, &doc);
	exact_free(text); /* the document has its own */
	assert_string_equal(fault.text, "");
	assert_err(err, FL_OK);
	assert_int_equal(at, 4711);
	assert_bytes(fl_hujson_source(doc), row->text);
	assert_int_equal(fl_hujson_source(doc).ptr[row->text.len], '\0');
	fl_hujson_standard(fl_hujson_root(doc), &standard);
	assert_text(fl_buf_slice(&standard), row->standard);
	walk(fl_hujson_root(doc), &walked);
	assert_text(fl_buf_slice(&walked), row->standard);
	fl_buf_done(&standard);
	fl_buf_done(&walked);
	assert_null(fl_hujson_free(doc));
}

/* ---- strings ---- */

static struct string_row {
	const char *name;
	struct fl_slice text, want;
	bool valid;
} string_rows[] = {
	{ "empty", BYTES("\"\""), BYTES(""), true },
	{ "plain", BYTES("\"abc\""), BYTES("abc"), true },
	{ "short escapes", BYTES("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\""), BYTES("\"\\/\b\f\n\r\t"),
	  true },
	{ "one byte", BYTES("\"\\u0041\\u007f\""), BYTES("A\x7f"), true },
	{ "two bytes", BYTES("\"\\u0080\\u07FF\""), BYTES("\xc2\x80\xdf\xbf"), true },
	{ "three bytes", BYTES("\"\\u0800\\ud7ff\\ue000\\uffff\""),
	  BYTES("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf"), true },
	{ "NUL", BYTES("\"a\\u0000b\""), BYTES("a\0b"), true },
	{ "first pair", BYTES("\"\\ud800\\udc00\""), BYTES("\xf0\x90\x80\x80"), true },
	{ "last pair", BYTES("\"\\uDBFF\\uDFFF\""), BYTES("\xf4\x8f\xbf\xbf"), true },
	{ "text beyond ASCII", BYTES("\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\""),
	  BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"), true },
	{ "replacement as written is valid", BYTES("\"\\ufffd\xef\xbf\xbd\""),
	  BYTES("\xef\xbf\xbd\xef\xbf\xbd"), true },
	{ "high half alone", BYTES("\"\\ud800\""), BYTES("\xef\xbf\xbd"), false },
	{ "low half alone", BYTES("\"\\udc00x\""), BYTES("\xef\xbf\xbdx"), false },
	{ "halves in the wrong order", BYTES("\"\\udc00\\ud800\""),
	  BYTES("\xef\xbf\xbd\xef\xbf\xbd"), false },
	{ "high half, then a letter", BYTES("\"\\ud800\\u0041\""),
	  BYTES("\xef\xbf\xbd"
		"A"),
	  false },
	{ "two low halves", BYTES("\"\\udc00\\udc00\""), BYTES("\xef\xbf\xbd\xef\xbf\xbd"), false },
	{ "high half, then the first behind the low", BYTES("\"\\ud800\\ue000\""),
	  BYTES("\xef\xbf\xbd\xee\x80\x80"), false },
	{ "high half, then a pair", BYTES("\"\\ud800\\ud83d\\ude00\""),
	  BYTES("\xef\xbf\xbd\xf0\x9f\x98\x80"), false },
	{ "bytes that are no UTF-8", BYTES("\"a\xff\xfe\""), BYTES("a\xef\xbf\xbd\xef\xbf\xbd"),
	  false },
	{ "overlong", BYTES("\"\xc0\xaf\""), BYTES("\xef\xbf\xbd\xef\xbf\xbd"), false },
	{ "cut by the quote", BYTES("\"\xe2\x82\""), BYTES("\xef\xbf\xbd\xef\xbf\xbd"), false },
};

static void string_row(void **state)
{
	const struct string_row *row = *state;
	struct fl_hujson *doc = NULL;
	struct fl_fault fault;
	size_t at;
	bool valid = !row->valid;

	assert_err(fl_hujson_parse(row->text, &fault, &at, &doc), FL_OK);
	struct fl_slice got = fl_hujson_text(fl_hujson_root(doc), &valid);
	assert_bytes(got, row->want);
	assert_int_equal(got.ptr[got.len], '\0');
	assert_int_equal(valid, row->valid);
	fl_hujson_free(doc);
}

/* ---- the tree ---- */

static void members_know_names_and_places(void **state)
{
	(void)state;
	struct fl_hujson *doc = parse("{ \"a\": [1, true,], // x\n\t\"b\\n\": false }");
	struct fl_hujv root = fl_hujson_root(doc), a = fl_hujson_first(root), b = fl_hujson_next(a);
	bool valid;

	assert_int_equal(fl_hujson_kind(root), FL_HUJSON_OBJECT);
	assert_int_equal(fl_hujson_len(root), 2);
	assert_false(fl_hujson_is(fl_hujson_name(root)));
	assert_int_equal(fl_hujson_kind(a), FL_HUJSON_ARRAY);
	assert_int_equal(fl_hujson_offset(a), 7);
	assert_text(fl_hujson_raw(a), "[1, true,]");
	assert_int_equal(fl_hujson_offset(fl_hujson_name(a)), 2);
	assert_text(fl_hujson_raw(fl_hujson_name(a)), "\"a\"");
	assert_int_equal(fl_hujson_len(a), 2);
	struct fl_hujv yes = fl_hujson_next(fl_hujson_first(a));
	assert_int_equal(fl_hujson_kind(yes), FL_HUJSON_BOOL);
	assert_true(fl_hujson_bool(yes));
	assert_false(fl_hujson_is(fl_hujson_next(yes)));
	assert_false(fl_hujson_bool(b));
	assert_int_equal(fl_hujson_kind(fl_hujson_name(b)), FL_HUJSON_STRING);
	assert_text(fl_hujson_text(fl_hujson_name(b), &valid), "b\n");
	assert_text(fl_hujson_text(b, &valid), ""); /* not a string */
	assert_false(fl_hujson_is(fl_hujson_next(b)));
	fl_hujson_free(doc);
}

static struct place_row {
	const char *name;
	const char *text;
	size_t at, line, column;
} place_rows[] = {
	{ "start", "ab\ncd", 0, 1, 1 },
	{ "at the newline", "ab\ncd", 2, 1, 3 },
	{ "behind the newline", "ab\ncd", 3, 2, 1 },
	{ "end", "ab\ncd", 5, 2, 3 },
	{ "beyond the end", "ab\ncd", 99, 2, 3 },
	{ "empty lines", "\n\n\n", 3, 4, 1 },
	{ "CR is a column", "a\r\nb", 2, 1, 3 },
	{ "nothing", "", 0, 1, 1 },
};

static void place_row(void **state)
{
	const struct place_row *row = *state;
	size_t line, column;

	fl_hujson_place(fl_slice_str(row->text), row->at, &line, &column);
	assert_int_equal(line, row->line);
	assert_int_equal(column, row->column);
}

/* ---- cut at every byte ---- */

static const char sample[] =
	"// policy\n{\n\t\"groups\": {\"group:a\": [\"x@y\", \"\\u00e9\\\"\"],},\n"
	"\t/* all */ \"acls\": [ // list\n\t\t{\"n\": -1.5e3, \"t\": true, \"z\": "
	"null, \"e\": {}, \"f\": []},\n\t],\n}";

static void every_cut_is_a_fault(void **state)
{
	(void)state;
	size_t len = sizeof sample - 1;

	fl_hujson_free(parse(sample));
	for (size_t cut = 0; cut < len; cut++) {
		struct fl_slice text = exact(fl_slice_of(sample, cut));
		struct fl_fault fault = { "" };
		struct fl_hujson *doc = NULL;
		size_t at = SIZE_MAX;
		assert_err(fl_hujson_parse(text, &fault, &at, &doc), FL_ERR_SYNTAX);
		assert_true(at <= cut);
		assert_null(doc);
		bool eof = strstr(fault.text, "unexpected EOF") != NULL;
		bool word = strstr(fault.text, "invalid literal: ") != NULL;
		bool slash = strstr(fault.text, "invalid character '/'") != NULL;
		assert_true(eof || (word && at < cut) || (slash && at == cut - 1));
		exact_free(text);
	}
}

/* ---- limits ---- */

static char *filled(const char *unit, size_t count, const char *end)
{
	size_t len = strlen(unit);
	char *text = malloc(len * count + strlen(end) + 1);

	assert_non_null(text);
	for (size_t i = 0; i < count; i++)
		memcpy(text + i * len, unit, len);
	memcpy(text + len * count, end, strlen(end) + 1);
	return text;
}

static struct depth_row {
	const char *name;
	const char *open, *close, *inner;
	size_t levels;
	const char *fault; /* NULL: fine */
} depth_rows[] = {
	{ "arrays, one less", "[", "]", "1", 63, NULL },
	{ "arrays, the most", "[", "]", "1", 64, NULL },
	{ "arrays, one more", "[", "]", "1", 65, AT(1, 65) "more than 64 levels" },
	{ "objects, the most", "{\"a\":", "}", "1", 64, NULL },
	{ "objects, one more", "{\"a\":", "}", "1", 65, AT(1, 321) "more than 64 levels" },
	{ "where names belong", "{", "}", "1", 65, AT(1, 65) "more than 64 levels" },
	{ "very deep", "[", "]", "1", 1000000, AT(1, 65) "more than 64 levels" },
	{ "very deep, never closed", "[", "", "", 1000000, AT(1, 65) "more than 64 levels" },
};

static void depth_row(void **state)
{
	const struct depth_row *row = *state;
	char *tail = filled(row->close, row->levels, "");
	char *inner = filled(row->inner, 1, tail);
	char *text = filled(row->open, row->levels, inner);
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at = 4711;

	enum fl_err err = fl_hujson_parse(fl_slice_str(text), &fault, &at, &doc);
	assert_string_equal(fault.text, row->fault != NULL ? row->fault : "");
	assert_err(err, row->fault != NULL ? FL_ERR_TOO_BIG : FL_OK);
	assert_int_equal(at, 4711); /* a place is for syntax */
	fl_hujson_free(doc);
	free(text);
	free(inner);
	free(tail);
}

static struct count_row {
	const char *name;
	const char *first, *unit, *end;
	size_t count;
	enum fl_err want;
	const char *fault;
} count_rows[] = {
	{ "values, one less", "[", "1,", "]", FL_HUJSON_VALUES_MAX - 2, FL_OK, "" },
	{ "values, the most", "[", "1,", "]", FL_HUJSON_VALUES_MAX - 1, FL_OK, "" },
	{ "values, one more", "[", "1,", "]", FL_HUJSON_VALUES_MAX, FL_ERR_TOO_BIG,
	  AT(1, 2097152) "more than 1048576 values" },
	{ "names count", "{", "\"\":\"\",", "}", FL_HUJSON_VALUES_MAX / 2, FL_ERR_TOO_BIG, NULL },
	{ "bytes, one less", "1", " ", "", FL_HUJSON_TEXT_MAX - 2, FL_OK, "" },
	{ "bytes, the most", "1", " ", "", FL_HUJSON_TEXT_MAX - 1, FL_OK, "" },
	{ "bytes, one more", "1", " ", "", FL_HUJSON_TEXT_MAX, FL_ERR_TOO_BIG,
	  "hujson: more than 4194304 bytes" },
	{ "the longest string, all of it replaced", "\"", "\xff", "\"", FL_HUJSON_TEXT_MAX - 2,
	  FL_OK, "" },
};

static void count_row(void **state)
{
	const struct count_row *row = *state;
	char *tail = filled(row->unit, row->count, row->end);
	char *text = filled(row->first, 1, tail);
	struct fl_fault fault = { "" };
	struct fl_hujson *doc = NULL;
	size_t at;

	enum fl_err err = fl_hujson_parse(fl_slice_str(text), &fault, &at, &doc);
	assert_err(err, row->want);
	if (row->fault != NULL)
		assert_string_equal(fault.text, row->fault);
	assert_int_equal(doc != NULL, err == FL_OK);
	fl_hujson_free(doc);
	free(text);
	free(tail);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, fault_rows, fault_row);
	suite_add(&s, "long literals are cut", long_literals_are_cut, NULL);
	ROWS(&s, good_rows, good_row);
	ROWS(&s, string_rows, string_row);
	suite_add(&s, "members know names and places", members_know_names_and_places, NULL);
	ROWS(&s, place_rows, place_row);
	suite_add(&s, "every cut is a fault", every_cut_is_a_fault, NULL);
	ROWS(&s, depth_rows, depth_row);
	ROWS(&s, count_rows, count_row);
	return suite_run(&s, "wire/hujson");
}
