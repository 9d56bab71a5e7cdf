/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_jw.c - the JSON writer; escapes are those of Go's encoding/json for each text. */
#include "table.h"

#include <float.h>
#include <math.h>

#include "base/jw.h"
#include "base/rng.h"
#include "base/utf8.h"

enum { ROOM = 1 << 20 };

static struct text_row {
	const char *name;
	struct fl_slice in;
	const char *want;
} text_rows[] = {
	{ "text, nothing", BYTES(""), "\"\"" },
	{ "text, plain", BYTES("plain text 123 ~!#$%'()*+,-./:;=?@[]^_`{|}"),
	  "\"plain text 123 ~!#$%'()*+,-./:;=?@[]^_`{|}\"" },
	{ "text, quote and backslash", BYTES("a\"b\\c/d"), "\"a\\\"b\\\\c/d\"" },
	{ "text, safe in HTML", BYTES("<b>&amp;"), "\"\\u003cb\\u003e\\u0026amp;\"" },
	{ "text, control bytes", BYTES("\x00\x01\x1f\x7f"), "\"\\u0000\\u0001\\u001f\x7f\"" },
	{ "text, named controls", BYTES("\b\f\n\r\t\v"), "\"\\b\\f\\n\\r\\t\\u000b\"" },
	{ "text, two to four bytes", BYTES("\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"),
	  "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"" },
	{ "text, line separators", BYTES("\xe2\x80\xa7\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa"),
	  "\"\xe2\x80\xa7\\u2028\\u2029\xe2\x80\xaa\"" },
	{ "text, ff", BYTES("\xff"), "\"\\ufffd\"" },
	{ "text, cut after 1 of 2", BYTES("a\xc3"), "\"a\\ufffd\"" },
	{ "text, cut after 2 of 3", BYTES("\xe2\x80"), "\"\\ufffd\\ufffd\"" },
	{ "text, cut after 3 of 4", BYTES("\xf0\x9f\x98"), "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "text, overlong 2", BYTES("\xc0\x80"), "\"\\ufffd\\ufffd\"" },
	{ "text, overlong 3", BYTES("\xe0\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "text, surrogate", BYTES("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\"" },
	{ "text, beyond Unicode", BYTES("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "text, five byte form", BYTES("\xf8\x88\x80\x80\x80"),
	  "\"\\ufffd\\ufffd\\ufffd\\ufffd\\ufffd\"" },
	{ "text, bad, then separator", BYTES("\xe2\x80\xe2\x80\xa8"), "\"\\ufffd\\ufffd\\u2028\"" },
	{ "text, bad between good", BYTES("\xfe\xffz"), "\"\\ufffd\\ufffdz\"" },
	{ "text, U+FFFD itself", BYTES("\xef\xbf\xbd"), "\"\xef\xbf\xbd\"" },
	{ "text, U+0080 and U+009F", BYTES("\xc2\x80\xc2\x9f"), "\"\xc2\x80\xc2\x9f\"" },
	{ "text, U+10FFFF", BYTES("\xf4\x8f\xbf\xbf"), "\"\xf4\x8f\xbf\xbf\"" },
};

static void text_row(void **state)
{
	const struct text_row *row = *state;
	struct fl_slice in = exact(row->in);
	size_t len = strlen(row->want);

	/* At exactly the room it needs, and one byte less. */
	for (size_t max = len - 1; max <= len; max++) {
		struct fl_buf b = fl_buf_make(max);
		struct fl_jw w = fl_jw_make(&b);
		fl_jw_text(&w, in);
		assert_err(fl_buf_err(&b), max == len ? FL_OK : FL_ERR_TOO_BIG);
		if (max == len)
			assert_text(fl_buf_slice(&b), row->want);
		fl_buf_done(&b);
	}
	/* The same as a key, and with plain text around it. */
	struct fl_buf b = fl_buf_make(ROOM);
	struct fl_jw w = fl_jw_make(&b);
	fl_jw_obj(&w);
	fl_jw_key_text(&w, in);
	fl_jw_null(&w);
	fl_jw_obj_end(&w);
	assert_int_equal(b.len, len + strlen("{:null}"));
	assert_memory_equal(b.ptr + 1, row->want, len);
	fl_buf_done(&b);
	exact_free(in);
}

/* Each ASCII byte alone and inside a run: who needs an escape gets one. */
static void every_ascii_byte(void **state)
{
	(void)state;

	for (unsigned c = 0; c < 0x80; c++) {
		const uint8_t in[] = { 'a', (uint8_t)c, 'b' };
		struct fl_buf b = fl_buf_make(ROOM);
		struct fl_jw w = fl_jw_make(&b);

		fl_jw_text(&w, fl_slice_of(in, sizeof in));
		bool escaped = c < 0x20 || strchr("\"\\<>&", (int)c) != NULL;
		assert_int_equal(b.ptr[2] == '\\', escaped || c == '\\');
		if (!escaped)
			assert_int_equal(b.len, 5);
		fl_buf_done(&b);
	}
}

/* A stupid writer beside the one that copies runs. */
static void put_slowly(struct fl_buf *out, const uint8_t *p, size_t len)
{
	fl_buf_byte(out, '"');
	for (size_t i = 0; i < len;) {
		uint32_t rune = 0xfffd;
		size_t n = fl_utf8_step(p + i, len - i, &rune);
		if (n == 0 || rune == 0x2028 || rune == 0x2029)
			fl_buf_printf(out, "\\u%04x", rune);
		else if (rune == '"' || rune == '\\')
			fl_buf_printf(out, "\\%c", (int)rune);
		else if (rune == '\n')
			fl_buf_str(out, "\\n");
		else if (rune < ' ' || rune == '<' || rune == '>' || rune == '&')
			fl_buf_printf(out, "\\u%04x", rune);
		else
			fl_buf_put(out, p + i, n);
		i += n ? n : 1;
	}
	fl_buf_byte(out, '"');
}

static void random_texts_match_a_slow_writer(void **state)
{
	static const char parts[] =
		"aaaaaaabcdefgh <>&\"\\\n\x01\xc3\xa9\xe2\x80\xa8\xf0\x9f\x98\x80\xff";
	struct fl_buf slow = fl_buf_make(ROOM), fast = fl_buf_make(ROOM);
	struct fl_rng r;
	(void)state;

	fl_rng_init(&r, 21);
	for (size_t i = 0; i < 30000; i++) {
		uint8_t in[64];
		size_t len = (size_t)fl_rng_below(&r, sizeof in + 1), most = 8 + i % 32;
		for (size_t k = 0; k < len; k++)
			in[k] = (uint8_t)
				parts[fl_rng_below(&r, most < sizeof parts ? most : sizeof parts)];
		struct fl_slice copy = exact(fl_slice_of(in, len));
		struct fl_jw w = fl_jw_make(&fast);
		fl_buf_reset(&slow);
		fl_buf_reset(&fast);
		put_slowly(&slow, in, len);
		fl_jw_text(&w, copy);
		exact_free(copy);
		assert_bytes(fl_buf_slice(&fast), fl_buf_slice(&slow));
	}
	fl_buf_done(&slow);
	fl_buf_done(&fast);
}

/* The scripts below: each writes something, right or wrong, into the writer it is given. */
static void w_scalars(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_u64(w, 0);
	fl_jw_u64(w, 9);
	fl_jw_u64(w, 10);
	fl_jw_u64(w, UINT64_MAX);
	fl_jw_i64(w, 0);
	fl_jw_i64(w, -1);
	fl_jw_i64(w, INT64_MAX);
	fl_jw_i64(w, INT64_MIN);
	fl_jw_u64_str(w, 0);
	fl_jw_u64_str(w, UINT64_MAX);
	fl_jw_bool(w, true);
	fl_jw_bool(w, false);
	fl_jw_null(w);
	fl_jw_str(w, NULL);
	fl_jw_str(w, "x");
	fl_jw_raw(w, fl_slice_str("{\"raw\":1}"));
	fl_jw_arr_end(w);
}

static void w_numbers(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_f64(w, 0.5);
	fl_jw_f64(w, -3);
	fl_jw_f64(w, 0.1);
	fl_jw_f64(w, DBL_MAX);
	fl_jw_f64(w, NAN);
	fl_jw_f64(w, INFINITY);
	fl_jw_f64(w, -INFINITY);
	fl_jw_arr_end(w);
}

static void w_times(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_time(w, 0);
	fl_jw_time(w, 1787399336123000000);
	fl_jw_arr_end(w);
}

static void w_nested(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "a");
	fl_jw_arr(w);
	fl_jw_arr(w);
	fl_jw_arr_end(w);
	fl_jw_obj(w);
	fl_jw_obj_end(w);
	fl_jw_arr_end(w);
	fl_jw_key(w, "b");
	fl_jw_obj(w);
	fl_jw_key_text(w, fl_slice_str("c<"));
	fl_jw_u64(w, 1);
	fl_jw_key(w, "d");
	fl_jw_u64(w, 2);
	fl_jw_obj_end(w);
	fl_jw_key(w, "e");
	fl_jw_null(w);
	fl_jw_obj_end(w);
}

static void w_empty(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_obj_end(w);
}

static void w_alone(struct fl_jw *w)
{
	fl_jw_str(w, "alone");
}

static void w_member_without_key(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_u64(w, 1);
}

static void w_second_member_without_key(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "a");
	fl_jw_u64(w, 1);
	fl_jw_u64(w, 1);
}

static void w_key_in_array(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_key(w, "a");
}

static void w_key_at_top(struct fl_jw *w)
{
	fl_jw_key(w, "a");
}

static void w_key_after_key(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "a");
	fl_jw_key(w, "b");
}

static void w_key_without_value(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_key(w, "a");
	fl_jw_obj_end(w);
}

static void w_end_too_many(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_arr_end(w);
	fl_jw_arr_end(w);
}

static void w_array_ended_as_object(struct fl_jw *w)
{
	fl_jw_arr(w);
	fl_jw_obj_end(w);
}

static void w_object_ended_as_array(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_arr_end(w);
}

static void w_object_in_object_without_key(struct fl_jw *w)
{
	fl_jw_obj(w);
	fl_jw_obj(w);
}

static struct script_row {
	const char *name;
	void (*script)(struct fl_jw *w);
	const char *want; /* NULL: FL_ERR_ARG */
} script_rows[] = {
	{ "scalars", w_scalars,
	  "[0,9,10,18446744073709551615,0,-1,9223372036854775807,-9223372036854775808,\"0\","
	  "\"18446744073709551615\",true,false,null,\"\",\"x\",{\"raw\":1}]" },
	{ "floating point", w_numbers,
	  "[0.5,-3,0.10000000000000001,1.7976931348623157e+308,null,null,null]" },
	{ "times", w_times, "[\"0001-01-01T00:00:00Z\",\"2026-08-22T11:48:56.123Z\"]" },
	{ "nesting and commas", w_nested,
	  "{\"a\":[[],{}],\"b\":{\"c\\u003c\":1,\"d\":2},\"e\":null}" },
	{ "an empty object", w_empty, "{}" },
	{ "a value alone", w_alone, "\"alone\"" },
	{ "a member without a key", w_member_without_key, NULL },
	{ "a second member without a key", w_second_member_without_key, NULL },
	{ "an object without a key", w_object_in_object_without_key, NULL },
	{ "a key in an array", w_key_in_array, NULL },
	{ "a key at the top", w_key_at_top, NULL },
	{ "a key after a key", w_key_after_key, NULL },
	{ "a key without a value", w_key_without_value, NULL },
	{ "one end too many", w_end_too_many, NULL },
	{ "an array ended as an object", w_array_ended_as_object, NULL },
	{ "an object ended as an array", w_object_ended_as_array, NULL },
};

static void script_row(void **state)
{
	const struct script_row *row = *state;
	struct fl_buf b = fl_buf_make(ROOM);
	struct fl_jw w = fl_jw_make(&b);

	row->script(&w);
	assert_err(fl_buf_err(&b), row->want ? FL_OK : FL_ERR_ARG);
	if (row->want != NULL)
		assert_text(fl_buf_slice(&b), row->want);
	fl_buf_done(&b);

	/* With any less room the error sticks, and what was written is a true beginning. */
	for (size_t max = 0; row->want != NULL && max < strlen(row->want); max++) {
		b = fl_buf_make(max);
		w = fl_jw_make(&b);
		row->script(&w);
		assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
		if (b.len > 0)
			assert_memory_equal(b.ptr, row->want, b.len);
		fl_buf_done(&b);
	}
}

/* The deepest level is FL_JW_DEPTH, and levels keep what they know when inner ones close. */
static void nesting_has_a_limit(void **state)
{
	(void)state;

	for (size_t depth = FL_JW_DEPTH - 1; depth <= FL_JW_DEPTH + 1; depth++) {
		struct fl_buf b = fl_buf_make(ROOM);
		struct fl_jw w = fl_jw_make(&b);

		for (size_t i = 0; i < depth; i++) {
			if (i % 3 != 0) {
				fl_jw_arr(&w);
				fl_jw_u64(&w, i);
				continue;
			}
			fl_jw_obj(&w);
			fl_jw_key(&w, "k");
		}
		assert_err(fl_buf_err(&b), depth <= FL_JW_DEPTH ? FL_OK : FL_ERR_ARG);
		if ((depth - 1) % 3 == 0)
			fl_jw_null(&w);
		for (size_t i = depth; i > 0; i--)
			(i - 1) % 3 ? fl_jw_arr_end(&w) : fl_jw_obj_end(&w);
		assert_err(fl_buf_err(&b), depth <= FL_JW_DEPTH ? FL_OK : FL_ERR_ARG);
		assert_true(depth > FL_JW_DEPTH || w.depth == 0);
		fl_buf_done(&b);
	}
}

static struct guard_row {
	const char *name;
	struct fl_slice in;
	const char *want;
} guard_rows[] = {
	{ "guard, DEL", BYTES("a long plain run \x7f and on"),
	  "\"a long plain run \\u007f and on\"" },
	{ "guard, first of C1", BYTES("a\xc2\x80"), "\"a\\u0080\"" },
	{ "guard, last of C1", BYTES("\xc2\x9fz"), "\"\\u009fz\"" },
	{ "guard, after C1", BYTES("\xc2\xa0"), "\"\xc2\xa0\"" },
	{ "guard, tilde", BYTES("~"), "\"~\"" },
	{ "guard, the rest as before", BYTES("<\n\xff\xe2\x80\xa8"),
	  "\"\\u003c\\n\\ufffd\\u2028\"" },
};

static void guard_row(void **state)
{
	const struct guard_row *row = *state;
	struct fl_buf b = fl_buf_make(ROOM);
	struct fl_jw w = fl_jw_make(&b);

	w.guard = true;
	fl_jw_text(&w, row->in);
	assert_text(fl_buf_slice(&b), row->want);
	fl_buf_done(&b);
}

static void earlier_errors_stay(void **state)
{
	struct fl_buf b = fl_buf_make(2);
	struct fl_jw w = fl_jw_make(&b);
	(void)state;

	fl_jw_str(&w, "long");
	fl_jw_arr_end(&w);
	assert_err(fl_buf_err(&b), FL_ERR_TOO_BIG);
	fl_buf_done(&b);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, text_rows, text_row);
	suite_add(&s, "every ASCII byte", every_ascii_byte, NULL);
	suite_add(&s, "random texts match a slow writer", random_texts_match_a_slow_writer, NULL);
	ROWS(&s, script_rows, script_row);
	ROWS(&s, guard_rows, guard_row);
	suite_add(&s, "nesting has a limit", nesting_has_a_limit, NULL);
	suite_add(&s, "earlier errors stay", earlier_errors_stay, NULL);
	return suite_run(&s, "base/jw");
}
