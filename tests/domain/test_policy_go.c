/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_policy_go.c - texts as Go writes and reads them: quoting, trimming, durations,
 * prefixes.
 */
#include "../base/table.h"

#include <stdio.h>

#include "domain/policy/decode.h"

/* ---- quoting ---- */

static struct quote_row {
	const char *name;
	struct fl_slice text;
	const char *want;
} quote_rows[] = {
	{ "nothing", BYTES(""), "\"\"" },
	{ "plain", BYTES("a b~"), "\"a b~\"" },
	{ "quotes", BYTES("a\"b\\c'`"), "\"a\\\"b\\\\c'`\"" },
	{ "letters", BYTES("\a\b\t\n\v\f\r"), "\"\\a\\b\\t\\n\\v\\f\\r\"" },
	{ "controls", BYTES("\0\x06\x0e\x1f\x7f"), "\"\\x00\\x06\\x0e\\x1f\\x7f\"" },
	{ "invalid bytes", BYTES("\x80\xff\xc3"), "\"\\x80\\xff\\xc3\"" },
	{ "printable", BYTES("\xc3\xa9\xd1\x81\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd"),
	  "\"\xc3\xa9\xd1\x81\xe2\x82\xac\xf0\x9f\x98\x80\xef\xbf\xbd\"" },
	{ "no-break space", BYTES("\xc2\xa0"), "\"\\u00a0\"" },
	{ "soft hyphen", BYTES("\xc2\xad\xc2\xac"), "\"\\u00ad\xc2\xac\"" },
	{ "zero width, line separator", BYTES("\xe2\x80\x8b\xe2\x80\xa8"), "\"\\u200b\\u2028\"" },
	{ "byte-order mark", BYTES("\xef\xbb\xbf"), "\"\\ufeff\"" },
	{ "private use", BYTES("\xee\x80\x80\xf3\xb0\x80\x80"), "\"\\ue000\\U000f0000\"" },
	{ "tags and no character", BYTES("\xf3\xa0\x80\x81\xf0\x9f\xbf\xbf"),
	  "\"\\U000e0001\\U0001ffff\"" },
};

static void quote_row(void **state)
{
	const struct quote_row *r = *state;
	struct fl_slice in = exact(r->text);
	struct fl_buf out = fl_buf_make(256);

	fl_go_quote(&out, in);
	assert_text(fl_buf_slice(&out), r->want);
	fl_buf_done(&out);
	exact_free(in);
}

/* ---- trimming ---- */

static struct trim_row {
	const char *name, *text, *want;
} trim_rows[] = {
	{ "nothing", "", "" },
	{ "only spaces", " \t\n\v\f\r", "" },
	{ "both ends", "  a b\n", "a b" },
	{ "wide spaces", "\xc2\xa0\xe3\x80\x80x\xe2\x80\xa8\xc2\x85", "x" },
	{ "more spaces", "\xe1\x9a\x80\xe2\x80\x83x\xe2\x80\xaf\xe2\x81\x9f\xe2\x80\xa9", "x" },
	{ "zero width is no space", "\xe2\x80\x8bx", "\xe2\x80\x8bx" },
	{ "invalid bytes stay", "\xa0x\x85", "\xa0x\x85" },
};

static void trim_row(void **state)
{
	const struct trim_row *r = *state;
	struct fl_slice in = exact(fl_slice_str(r->text));

	assert_text(fl_go_trim(in), r->want);
	exact_free(in);
}

/* ---- durations ---- */

#define S  INT64_C(1000000000)
#define M  (60 * S)
#define H  (60 * M)
#define NO INT64_MIN

static struct duration_row {
	const char *name;
	int64_t ns;
	const char *want; /* the text again, or the fault */
} duration_rows[] = {
	{ "0", 0, "0s" },
	{ "-0", 0, "0s" },
	{ "0s", 0, "0s" },
	{ "1ns", 1, "1ns" },
	{ "1500ns", 1500, "1.5\xc2\xb5s" },
	{ "1us", 1000, "1\xc2\xb5s" },
	{ "1\xc2\xb5s", 1000, "1\xc2\xb5s" },
	{ "1\xce\xbcs", 1000, "1\xc2\xb5s" },
	{ "1.25ms", 1250000, "1.25ms" },
	{ "90s", 90 * S, "1m30s" },
	{ "1h30m", H + 30 * M, "1h30m0s" },
	{ "+5.s", 5 * S, "5s" },
	{ ".5m", 30 * S, "30s" },
	{ "-1m", -M, "-1m0s" },
	{ "1m1.000000001s", M + S + 1, "1m1.000000001s" },
	{ "0.1s0.2s", 300 * S / 1000, "300ms" },
	{ "1.0500s", 1050 * S / 1000, "1.05s" },
	{ "168h0m1s", 168 * H + S, "168h0m1s" },
	{ "9223372036854775807ns", INT64_MAX, "2562047h47m16.854775807s" },
	{ "", NO, "time: invalid duration \"\"" },
	{ "-", NO, "time: invalid duration \"-\"" },
	{ "abc", NO, "time: invalid duration \"abc\"" },
	{ ".s", NO, "time: invalid duration \".s\"" },
	{ "1h ", NO, "time: unknown unit \"h \" in duration \"1h \"" },
	{ "1h-1m", NO, "time: unknown unit \"h-\" in duration \"1h-1m\"" },
	{ "5", NO, "time: missing unit in duration \"5\"" },
	{ "1h5", NO, "time: missing unit in duration \"1h5\"" },
	{ "1d\"\\\xc3\xa9", NO,
	  "time: unknown unit \"d\\\"\\\\\\xc3\\xa9\" in duration \"1d\\\"\\\\\\xc3\\xa9\"" },
	{ "9223372036854775808ns", NO, "time: invalid duration \"9223372036854775808ns\"" },
	{ "99999999999999999999h", NO, "time: invalid duration \"99999999999999999999h\"" },
	{ "2562048h", NO, "time: invalid duration \"2562048h\"" },
	{ "2562047h2562047h", NO, "time: invalid duration \"2562047h2562047h\"" },
};

static void duration_row(void **state)
{
	const struct duration_row *r = *state;
	struct fl_arena arena = fl_arena_make(4096);
	char text[FL_GO_DURATION_TEXT_MAX];
	int64_t ns = NO;

	const char *cause = fl_go_duration_parse(&arena, r->name, &ns);
	assert_int_equal(ns, r->ns);
	if (cause == NULL) {
		fl_go_duration_format(ns, text);
		assert_string_equal(text, r->want);
	} else {
		assert_string_equal(cause, r->want);
	}
	assert_int_equal(cause != NULL, r->ns == NO);
	fl_arena_done(&arena);
}

static void least_duration(void **state)
{
	char text[FL_GO_DURATION_TEXT_MAX];

	(void)state;
	fl_go_duration_format(INT64_MIN, text);
	assert_string_equal(text, "-2562047h47m16.854775808s");
}

/* ---- prefixes ---- */

static struct prefix_row {
	const char *name, *want; /* what is wrong, or NULL */
} prefix_rows[] = {
	{ "10.0.0.0/8", NULL },
	{ "10.1.2.3/0", NULL },
	{ "::ffff:1.2.3.4/128", NULL },
	{ "", "no '/'" },
	{ "10.0.0.0", "no '/'" },
	{ "10.0.0.0/", "bad bits after slash: \"\"" },
	{ "10.0.0.0/x", "bad bits after slash: \"x\"" },
	{ "10.0.0.0/08", "bad bits after slash: \"08\"" },
	{ "10.0.0.0/+8", "bad bits after slash: \"+8\"" },
	{ "10.0.0.0/33", "prefix length out of range" },
	{ "::/129", "prefix length out of range" },
	{ "fe80::1%e/64", "IPv6 zones cannot be present in a prefix" },
	{ "x/8", "ParseAddr(\"x\"): unable to parse IP" },
	{ "/8", "ParseAddr(\"\"): unable to parse IP" },
	{ "10.0.0/8", "ParseAddr(\"10.0.0\"): IPv4 address too short" },
	{ "1.2.3.4.5/8", "ParseAddr(\"1.2.3.4.5\"): IPv4 address too long" },
	{ "1.2.3.256/8", "ParseAddr(\"1.2.3.256\"): IPv4 field has value >255" },
	{ "1.2.3.04/8", "ParseAddr(\"1.2.3.04\"): IPv4 field has octet with leading zero" },
	{ "1..3.4/8",
	  "ParseAddr(\"1..3.4\"): IPv4 field must have at least one digit (at \".3.4\")" },
	{ "1.2.3./8", "ParseAddr(\"1.2.3.\"): IPv4 field must have at least one digit (at \".\")" },
	{ "1.2.3.x/8", "ParseAddr(\"1.2.3.x\"): unexpected character (at \"x\")" },
	{ "::1%a/b/8", "IPv6 zones cannot be present in a prefix" },
	{ "1.2.3.4%a/8", "ParseAddr(\"1.2.3.4%a\"): unexpected character (at \"%a\")" },
	{ "::1%/8", "ParseAddr(\"::1%\"): zone must be a non-empty string" },
	{ "::/8/8",
	  "ParseAddr(\"::/8\"): each colon-separated field must have at least one digit (at "
	  "\"/8\")" },
	{ "12345::/8",
	  "ParseAddr(\"12345::\"): each group must have 4 or less digits (at \"12345::\")" },
	{ "1:2/8", "ParseAddr(\"1:2\"): address string too short" },
	{ "1:/8", "ParseAddr(\"1:\"): colon must be followed by more characters (at \":\")" },
	{ "1:2x::/8", "ParseAddr(\"1:2x::\"): unexpected character, want colon (at \"x::\")" },
	{ "1::2::/8", "ParseAddr(\"1::2::\"): multiple :: in address (at \":\")" },
	{ "1:2:3:4:5:6:7:8::/8",
	  "ParseAddr(\"1:2:3:4:5:6:7:8::\"): the :: must expand to at least one field of zeros" },
	{ "1:2:3:4:5:6:7:8:9/8",
	  "ParseAddr(\"1:2:3:4:5:6:7:8:9\"): trailing garbage after address (at \"9\")" },
	{ "1:2.3.4.5/8", "ParseAddr(\"1:2.3.4.5\"): embedded IPv4 address must replace the final 2 "
			 "fields of the address (at \"2.3.4.5\")" },
	{ "::1:2:3:4:5:6:7:1.2.3.4/8",
	  "ParseAddr(\"::1:2:3:4:5:6:7:1.2.3.4\"): too many hex fields to fit an embedded IPv4 at "
	  "the end of the address (at \"1.2.3.4\")" },
	{ "1::2:3:4:5:6:1.2.3.4/8", "ParseAddr(\"1::2:3:4:5:6:1.2.3.4\"): the :: must expand to at "
				    "least one field of zeros" },
	{ "::1.2.3/8", "ParseAddr(\"::1.2.3\"): IPv4 address too short" },
	{ "a%b/8", "ParseAddr(\"a%b\"): missing IPv6 address" },
};

static void prefix_row(void **state)
{
	const struct prefix_row *r = *state;
	struct fl_arena arena = fl_arena_make(4096);
	struct fl_prefix p = { .bits = 77 };
	char want[256];

	const char *cause = fl_go_prefix_parse(&arena, r->name, &p);
	if (r->want == NULL) {
		assert_null(cause);
		assert_int_not_equal(p.bits, 77);
	} else {
		snprintf(want, sizeof want, "netip.ParsePrefix(\"%s\"): %s", r->name, r->want);
		assert_non_null(cause);
		assert_string_equal(cause, want);
		assert_int_equal(p.bits, 77);
	}
	fl_arena_done(&arena);
}

/* ---- integers ---- */

static struct int_row {
	const char *name;
	bool good;
	int64_t want;
} int_rows[] = {
	{ "0", true, 0 },
	{ "007", true, 7 },
	{ "+7", true, 7 },
	{ "-7", true, -7 },
	{ "9223372036854775807", true, INT64_MAX },
	{ "9223372036854775808", false, 0 },
	{ "", false, 0 },
	{ "+", false, 0 },
	{ "--7", false, 0 },
	{ " 7", false, 0 },
	{ "7 ", false, 0 },
	{ "1_0", false, 0 },
	{ "0x7", false, 0 },
};

static void int_row(void **state)
{
	const struct int_row *r = *state;
	int64_t n = 0;

	assert_int_equal(fl_go_int(r->name, &n), r->good);
	assert_int_equal(n, r->want);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, quote_rows, quote_row);
	ROWS(&s, trim_rows, trim_row);
	ROWS(&s, duration_rows, duration_row);
	suite_add(&s, "the least duration", least_duration, NULL);
	ROWS(&s, prefix_rows, prefix_row);
	ROWS(&s, int_rows, int_row);
	return suite_run(&s, "domain/policy_go");
}
