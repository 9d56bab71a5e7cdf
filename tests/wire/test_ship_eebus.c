/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/wire/test_ship_eebus.c - EEBUS JSON in both directions: rows, limits, and generated texts
 * against a model that does what ship-go does.
 */
#include "../base/table.h"

#include "base/rng.h"
#include "wire/ship/eebus.h"

enum { OUT_MAX = 8 << 20 };

typedef enum fl_err convert(struct fl_slice in, struct fl_buf *out);

/* `in` gives `want`; behind what the buffer held already. */
static void check_text(convert *run, struct fl_slice in, const char *want)
{
	struct fl_slice text = exact(in);
	struct fl_buf out = fl_buf_make(OUT_MAX);

	fl_buf_str(&out, "<");
	assert_err(run(text, &out), FL_OK);
	assert_text(fl_slice_skip(fl_buf_slice(&out), 1), want);
	fl_buf_done(&out);
	exact_free(text);
}

static void check_fault(convert *run, struct fl_slice in, enum fl_err want)
{
	struct fl_slice text = exact(in);
	struct fl_buf out = fl_buf_make(OUT_MAX);

	fl_buf_str(&out, "<");
	assert_err(run(text, &out), want);
	assert_text(fl_buf_slice(&out), "<");
	fl_buf_done(&out);
	exact_free(text);
}

/* ---- both ways ---- */

static struct pair {
	const char *name, *plain, *wire;
} pairs[] = {
	{ "an object", "{\"k1\":1,\"k2\":2}", "[{\"k1\":1},{\"k2\":2}]" },
	{ "an empty object", "{}", "[]" },
	{ "a list of objects", "[{\"x\":1,\"y\":2},{\"x\":3}]",
	  "[[{\"x\":1},{\"y\":2}],[{\"x\":3}]]" },
	{ "a list of one object", "[{\"x\":1}]", "[[{\"x\":1}]]" },
	{ "a list of an empty object", "[{}]", "[[]]" },
	{ "a list of empty objects", "[{},{}]", "[[],[]]" },
	{ "a list of numbers", "[1,2,3]", "[1,2,3]" },
	{ "a list of lists", "[[1],[2,3]]", "[[1],[2,3]]" },
	{ "a list of lists of objects", "[[{\"a\":1}],[{\"b\":2}]]",
	  "[[[{\"a\":1}]],[[{\"b\":2}]]]" },
	{ "a list of all kinds", "[1,{\"a\":2},\"s\",null,[3]]", "[1,[{\"a\":2}],\"s\",null,[3]]" },
	{ "an object in an object", "{\"a\":{\"b\":{\"c\":1}}}",
	  "[{\"a\":[{\"b\":[{\"c\":1}]}]}]" },
	{ "members behind an object", "{\"a\":{\"b\":1},\"c\":{},\"d\":2}",
	  "[{\"a\":[{\"b\":1}]},{\"c\":[]},{\"d\":2}]" },
	{ "a list in an object", "{\"a\":[1,2],\"b\":[\"x\"]}", "[{\"a\":[1,2]},{\"b\":[\"x\"]}]" },
	{ "a string that opens", "{\"a\":\"[{\"}", "[{\"a\":\"[{\"}]" },
	{ "a string that closes", "{\"a\":\"}]\",\"b\":\"},{\"}",
	  "[{\"a\":\"}]\"},{\"b\":\"},{\"}]" },
	{ "a string that is empty twice", "{\"a\":\"x[]y\"}", "[{\"a\":\"x[]y\"}]" },
	{ "a name that opens", "{\"[{\":1,\"}]\":2}", "[{\"[{\":1},{\"}]\":2}]" },
	{ "an empty name", "{\"\":1}", "[{\"\":1}]" },
	{ "quotes inside", "{\"a\":\"\\\"}]\\\\\"}", "[{\"a\":\"\\\"}]\\\\\"}]" },
	{ "escapes stay", "{\"a\":\"\\u0000\\u003C\\/\\n\\ud83d\\ude00\"}",
	  "[{\"a\":\"\\u0000\\u003C\\/\\n\\ud83d\\ude00\"}]" },
	{ "half a pair stays", "{\"a\":\"\\ud83d\"}", "[{\"a\":\"\\ud83d\"}]" },
	{ "UTF-8 stays", "{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}",
	  "[{\"\xc3\xa4\":\"\xe2\x82\xac\xf0\x9f\x98\x80\"}]" },
	{ "DEL stays", "{\"a\":\"\x7f\"}", "[{\"a\":\"\x7f\"}]" },
	{ "numbers stay", "[0,-0,1.0,1.50,1e5,1E+05,-2.5e-10,12345678901234567890123456789,0.1000]",
	  "[0,-0,1.0,1.50,1e5,1E+05,-2.5e-10,12345678901234567890123456789,0.1000]" },
	{ "words", "{\"a\":true,\"b\":false,\"c\":null}",
	  "[{\"a\":true},{\"b\":false},{\"c\":null}]" },
	{ "a number alone", "17", "17" },
	{ "a string alone", "\"[]\"", "\"[]\"" },
	{ "null alone", "null", "null" },
	{ "a name twice", "{\"a\":1,\"a\":2}", "[{\"a\":1},{\"a\":2}]" },
};

static void pair_row(void **state)
{
	const struct pair *row = *state;

	check_text(fl_eebus_to_wire, fl_slice_str(row->plain), row->wire);
	check_text(fl_eebus_to_plain, fl_slice_str(row->wire), row->plain);
}

/* No text that breaks off is taken for a whole one, but for a number. */
static void pair_prefixes(void **state)
{
	const struct pair *row = *state;
	size_t len = strlen(row->wire);

	for (size_t n = 0; n < len && row->wire[0] == '['; n++) {
		check_fault(fl_eebus_to_plain, fl_slice_of(row->wire, n), FL_ERR_SYNTAX);
		check_fault(fl_eebus_to_wire, fl_slice_of(row->wire, n), FL_ERR_SYNTAX);
	}
}

/* ---- reading only ---- */

static struct reading {
	const char *name;
	struct fl_slice wire;
	const char *plain;
} readings[] = {
	{ "the root stays", BYTES("{\"m\":[{\"a\":1},{\"b\":2}]}"), "{\"m\":{\"a\":1,\"b\":2}}" },
	{ "payload is not wrapped",
	  BYTES("{\"data\":[{\"header\":[{\"p\":\"e\"}]},{\"payload\":{\"datagram\":[{\"a\":1}]}}]"
		"}"),
	  "{\"data\":{\"header\":{\"p\":\"e\"},\"payload\":{\"datagram\":{\"a\":1}}}}" },
	{ "plain passes", BYTES("{\"m\":{\"a\":1,\"b\":{\"c\":2}}}"),
	  "{\"m\":{\"a\":1,\"b\":{\"c\":2}}}" },
	{ "an empty root", BYTES("{}"), "{}" },
	{ "an empty list", BYTES("{\"a\":[]}"), "{\"a\":{}}" },
	{ "empty lists", BYTES("[[],[]]"), "[{},{}]" },
	{ "white space everywhere",
	  BYTES(" \t\r\n{ \"m\" : [ { \"a\" : 1 } ,\n{ \"b\" : [ ] } ] } \n"),
	  "{\"m\":{\"a\":1,\"b\":{}}}" },
	{ "white space in strings stays", BYTES("[ { \"a\" : \" [ { \" } ]"), "{\"a\":\" [ { \"}" },
	{ "a zero byte behind", BYTES("{\"m\":[]}\0"), "{\"m\":{}}" },
	{ "zero bytes behind", BYTES("{\"m\":[]}\0\0\0\0"), "{\"m\":{}}" },
	{ "white space and zeros", BYTES("{\"m\":[]} \n\0"), "{\"m\":{}}" },
	{ "elements of several members", BYTES("[{\"a\":1,\"b\":2},{\"c\":3}]"),
	  "{\"a\":1,\"b\":2,\"c\":3}" },
	{ "an element without members", BYTES("[{},{\"a\":1},{},{},{\"b\":2},{}]"),
	  "{\"a\":1,\"b\":2}" },
	{ "elements without members", BYTES("[{},{}]"), "{}" },
	{ "one without members", BYTES("[{}]"), "{}" },
	{ "an object, then a number", BYTES("[{\"a\":1},{\"b\":2},3]"), "[{\"a\":1},{\"b\":2},3]" },
	{ "a number, then objects", BYTES("[3,{\"a\":1},{\"b\":2}]"), "[3,{\"a\":1},{\"b\":2}]" },
	{ "an object, then a list", BYTES("[{\"a\":1},[]]"), "[{\"a\":1},{}]" },
	{ "an empty object, then a list", BYTES("[{},[{}]]"), "[{},{}]" },
	{ "mixed inside of merged", BYTES("[{\"a\":[{\"b\":1},2,{\"c\":3}]},{\"d\":4}]"),
	  "{\"a\":[{\"b\":1},2,{\"c\":3}],\"d\":4}" },
	{ "merged inside of mixed",
	  BYTES("[{\"a\":[{\"b\":1},{\"c\":3}]},true,[{\"d\":4},{\"e\":5}]]"),
	  "[{\"a\":{\"b\":1,\"c\":3}},true,{\"d\":4,\"e\":5}]" },
};

static void reading_row(void **state)
{
	const struct reading *row = *state;

	check_text(fl_eebus_to_plain, row->wire, row->plain);
}

/* ---- what is no text ---- */

static struct fault {
	const char *name;
	struct fl_slice text;
} faults[] = {
	{ "nothing", BYTES("") },
	{ "white space", BYTES(" \n") },
	{ "zeros", BYTES("\0\0") },
	{ "a zero byte before", BYTES("\0[]") },
	{ "a zero byte inside", BYTES("[\0]") },
	{ "a zero byte in a string", BYTES("[\"a\0b\"]") },
	{ "a newline in a string", BYTES("[\"a\nb\"]") },
	{ "a tab in a string", BYTES("[\"\t\"]") },
	{ "the last control byte", BYTES("[\"\x1f\"]") },
	{ "a control byte between", BYTES("[\x01]") },
	{ "a form feed between", BYTES("[\f1]") },
	{ "not UTF-8", BYTES("[\"\xff\"]") },
	{ "UTF-8 that breaks off", BYTES("[\"\xe2\x82\"]") },
	{ "UTF-8 longer than needed", BYTES("[\"\xc0\xaf\"]") },
	{ "a surrogate in UTF-8", BYTES("[\"\xed\xa0\x80\"]") },
	{ "beyond Unicode", BYTES("[\"\xf4\x90\x80\x80\"]") },
	{ "UTF-8 outside of a string", BYTES("[\xc3\xa4]") },
	{ "a byte order mark", BYTES("\xef\xbb\xbf[]") },
	{ "an unknown escape", BYTES("[\"\\x\"]") },
	{ "a capital escape", BYTES("[\"\\U0041\"]") },
	{ "three digits", BYTES("[\"\\u004\"]") },
	{ "no hex digit", BYTES("[\"\\u004g\"]") },
	{ "an escape that breaks off", BYTES("[\"\\") },
	{ "an escaped end", BYTES("[\"\\\"]") },
	{ "an open string", BYTES("[\"a]") },
	{ "single quotes", BYTES("['a']") },
	{ "two values", BYTES("[] []") },
	{ "a byte behind", BYTES("[]x") },
	{ "a comma before", BYTES("[,1]") },
	{ "a comma behind", BYTES("[1,]") },
	{ "two commas", BYTES("[1,,2]") },
	{ "no comma", BYTES("[1 2]") },
	{ "a comma alone", BYTES("[,]") },
	{ "a comma behind a member", BYTES("{\"a\":1,}") },
	{ "a comma before a member", BYTES("{,\"a\":1}") },
	{ "no colon", BYTES("{\"a\" 1}") },
	{ "two colons", BYTES("{\"a\"::1}") },
	{ "no value", BYTES("{\"a\":}") },
	{ "no name", BYTES("{:1}") },
	{ "a number as name", BYTES("{1:1}") },
	{ "a name alone", BYTES("{\"a\"}") },
	{ "a colon in a list", BYTES("[\"a\":1]") },
	{ "the wrong end of a list", BYTES("[1}") },
	{ "the wrong end of an object", BYTES("{\"a\":1]") },
	{ "an end too many", BYTES("[]]") },
	{ "an end alone", BYTES("]") },
	{ "a leading zero", BYTES("[01]") },
	{ "a plus", BYTES("[+1]") },
	{ "a point alone", BYTES("[.5]") },
	{ "nothing behind the point", BYTES("[1.]") },
	{ "nothing behind the e", BYTES("[1e]") },
	{ "a minus alone", BYTES("[-]") },
	{ "hex", BYTES("[0x10]") },
	{ "NaN", BYTES("[NaN]") },
	{ "a word in capitals", BYTES("[True]") },
	{ "a word too long", BYTES("[nulls]") },
	{ "a word too short", BYTES("[tru]") },
	{ "a comment", BYTES("[1/*x*/]") },
};

static void fault_row(void **state)
{
	const struct fault *row = *state;

	check_fault(fl_eebus_to_plain, row->text, FL_ERR_SYNTAX);
	check_fault(fl_eebus_to_wire, row->text, FL_ERR_SYNTAX);
}

/* ---- limits ---- */

static struct fl_buf nested(const char *open, const char *inner, const char *close, size_t times)
{
	struct fl_buf b = fl_buf_make(OUT_MAX);

	for (size_t i = 0; i < times; i++)
		fl_buf_str(&b, open);
	fl_buf_str(&b, inner);
	for (size_t i = 0; i < times; i++)
		fl_buf_str(&b, close);
	return b;
}

static struct depth {
	const char *name;
	convert *run;
	const char *open, *inner, *close;
	size_t most; /* times that pass */
} depths[] = {
	{ "lists read", fl_eebus_to_plain, "[1,", "7", "]", FL_EEBUS_DEPTH_MAX },
	{ "objects read", fl_eebus_to_plain, "{\"a\":", "7", "}", FL_EEBUS_DEPTH_MAX },
	{ "wrapped objects read", fl_eebus_to_plain, "[{\"a\":", "7", "}]",
	  FL_EEBUS_DEPTH_MAX / 2 },
	{ "lists written", fl_eebus_to_wire, "[", "7", "]", FL_EEBUS_DEPTH_MAX },
	{ "objects written", fl_eebus_to_wire, "{\"a\":", "7", "}", FL_EEBUS_DEPTH_MAX / 2 },
	{ "lists with an empty object written", fl_eebus_to_wire, "[", "{}", "]",
	  FL_EEBUS_DEPTH_MAX - 1 },
	{ "lists with an object written", fl_eebus_to_wire, "[", "{\"a\":1}", "]",
	  FL_EEBUS_DEPTH_MAX - 2 },
};

static void depth_row(void **state)
{
	const struct depth *row = *state;

	for (size_t n = row->most - 1; n <= row->most + 1; n++) {
		struct fl_buf in = nested(row->open, row->inner, row->close, n),
			      out = fl_buf_make(OUT_MAX);
		assert_err(row->run(fl_buf_slice(&in), &out),
			   n > row->most ? FL_ERR_TOO_BIG : FL_OK);
		fl_buf_done(&in);
		fl_buf_done(&out);
	}
}

/* A result of n bytes in a buffer of n - 1, n, n + 1. */
static void buffer_is_a_bound(void **state)
{
	static const char wire[] = "[{\"a\":1},{\"b\":[{\"c\":2}]}]";
	static const char plain[] = "{\"a\":1,\"b\":{\"c\":2}}";
	(void)state;

	for (size_t max = sizeof wire - 2; max <= sizeof wire; max++) {
		struct fl_buf out = fl_buf_make(max), back = fl_buf_make(max);
		enum fl_err want = max < sizeof wire - 1 ? FL_ERR_TOO_BIG : FL_OK;
		assert_err(fl_eebus_to_wire(fl_slice_str(plain), &out), want);
		assert_err(fl_eebus_to_plain(fl_slice_str(wire), &back), want);
		assert_text(fl_buf_slice(&out), want == FL_OK ? wire : "");
		assert_text(fl_buf_slice(&back), want == FL_OK ? plain : "");
		fl_buf_done(&out);
		fl_buf_done(&back);
	}
}

/* ---- generated texts ---- */

static void make_string(struct fl_rng *rng, bool pitfalls, struct fl_buf *out)
{
	static const char *const parts[] = { "a",       "Z9", "\\\"", "\\u0041", "\xc3\xa4", " ",
					     "}",       "{",  ",",    ":",       "]x[",      "\\\\",
					     "\\u0000", "[{", "}]",   "},{",     "[]" };
	size_t count = pitfalls ? COUNT(parts) : 12;

	fl_buf_byte(out, '"');
	for (uint64_t n = fl_rng_below(rng, 4); n > 0; n--) {
		fl_buf_str(out, parts[fl_rng_below(rng, count)]);
		fl_buf_byte(out, '.'); /* so that two parts make no third */
	}
	fl_buf_byte(out, '"');
}

static void make_scalar(struct fl_rng *rng, bool pitfalls, struct fl_buf *out)
{
	static const char *const words[] = {
		"0", "-1.50", "1e5", "true", "false", "null", "12345678901234567890"
	};

	if (fl_rng_below(rng, 2) == 0)
		make_string(rng, pitfalls, out);
	else
		fl_buf_str(out, words[fl_rng_below(rng, COUNT(words))]);
}

/*
 * A plain value. No list is empty: the wire cannot tell it from an empty object. Where pitfalls
 * are off, neither is an object empty inside of a list.
 */
static void make_value(struct fl_rng *rng, bool pitfalls, size_t depth, struct fl_buf *out)
{
	uint64_t kind = depth > 0 ? fl_rng_below(rng, 3) : 2;

	if (kind == 2) {
		make_scalar(rng, pitfalls, out);
		return;
	}
	size_t n = (size_t)fl_rng_below(rng, 4) + (kind == 1 || !pitfalls);
	fl_buf_byte(out, kind == 0 ? '{' : '[');
	for (size_t i = 0; i < n; i++) {
		fl_buf_str(out, i > 0 ? "," : "");
		if (kind == 0)
			fl_buf_printf(out, "\"m%zu\":", i);
		make_value(rng, pitfalls, depth - 1, out);
	}
	fl_buf_byte(out, kind == 0 ? '}' : ']');
}

static struct fl_buf replaced(struct fl_slice in, const char *from, const char *to)
{
	struct fl_buf out = fl_buf_make(OUT_MAX);
	size_t n = strlen(from);

	for (size_t i = 0; i < in.len;) {
		if (in.len - i >= n && memcmp(in.ptr + i, from, n) == 0) {
			fl_buf_str(&out, to);
			i += n;
		} else {
			fl_buf_byte(&out, in.ptr[i++]);
		}
	}
	return out;
}

/* What ship-go makes of a wire text: four replacements, one after the other. */
static struct fl_buf model_plain(struct fl_slice wire)
{
	static const char *const rules[][2] = {
		{ "[{", "{" }, { "},{", "," }, { "}]", "}" }, { "[]", "{}" }
	};
	struct fl_buf text = fl_buf_make(OUT_MAX);

	fl_buf_put(&text, wire.ptr, wire.len);
	for (size_t i = 0; i < COUNT(rules); i++) {
		struct fl_buf next = replaced(fl_buf_slice(&text), rules[i][0], rules[i][1]);
		fl_buf_done(&text);
		text = next;
	}
	return text;
}

static void check_round(struct fl_slice plain, bool pitfalls)
{
	struct fl_buf wire = fl_buf_make(OUT_MAX), back = fl_buf_make(OUT_MAX);

	assert_err(fl_eebus_to_wire(plain, &wire), FL_OK);
	assert_err(fl_eebus_to_plain(fl_buf_slice(&wire), &back), FL_OK);
	assert_bytes(fl_buf_slice(&back), plain);
	if (!pitfalls) {
		struct fl_buf model = model_plain(fl_buf_slice(&wire));
		assert_bytes(fl_buf_slice(&model), plain);
		fl_buf_done(&model);
	}
	fl_buf_done(&wire);
	fl_buf_done(&back);
}

static void check_generated(bool pitfalls)
{
	struct fl_rng rng;

	fl_rng_init(&rng, 4711 + pitfalls);
	for (int i = 0; i < 20000; i++) {
		struct fl_buf plain = fl_buf_make(OUT_MAX);
		make_value(&rng, pitfalls, (size_t)fl_rng_below(&rng, 6), &plain);
		check_round(fl_buf_slice(&plain), pitfalls);
		fl_buf_done(&plain);
	}
}

static void there_and_back(void **state)
{
	(void)state;
	check_generated(true);
}

static void as_ship_go(void **state)
{
	(void)state;
	check_generated(false);
}

/* ---- cost ---- */

/*
 * Lists that turn out to be none at each level, with much inside: were a level looked at again
 * when it ends, the text would be read 2^31 times. Of the buffer nothing grows beyond the text.
 */
static void nesting_costs_nothing(void **state)
{
	(void)state;
	struct fl_buf wide = fl_buf_make(OUT_MAX);
	for (int i = 0; i < 100000; i++)
		fl_buf_str(&wide, i > 0 ? ",{\"a\":1}" : "[{\"a\":1}");
	fl_buf_str(&wide, ",2]");
	fl_buf_byte(&wide, '\0');
	struct fl_buf in = nested("[{\"x\":", (const char *)wide.ptr, "},3]", 31);
	struct fl_buf out = fl_buf_make(in.len);

	assert_err(fl_eebus_to_plain(fl_buf_slice(&in), &out), FL_OK);
	assert_bytes(fl_buf_slice(&out), fl_buf_slice(&in));
	fl_buf_done(&wide);
	fl_buf_done(&in);
	fl_buf_done(&out);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, pairs, pair_row);
	ROWS(&s, pairs, pair_prefixes);
	ROWS(&s, readings, reading_row);
	ROWS(&s, faults, fault_row);
	ROWS(&s, depths, depth_row);
	suite_add(&s, "the buffer is a bound", buffer_is_a_bound, NULL);
	suite_add(&s, "there and back", there_and_back, NULL);
	suite_add(&s, "as ship-go reads it", as_ship_go, NULL);
	suite_add(&s, "nesting costs nothing", nesting_costs_nothing, NULL);
	return suite_run(&s, "wire/ship_eebus");
}
