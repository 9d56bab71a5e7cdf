/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_text.c - hex, base64, numbers, string helpers, string lists. */
#include "table.h"

#include "base/rng.h"
#include "base/text.h"
#include "base/utf8.h"

static struct hex_row {
	const char *name;
	struct fl_slice in;
	size_t n;
	enum fl_err want;
	struct fl_slice out;
} hex_rows[] = {
	{ "hex of nothing", BYTES(""), 0, FL_OK, BYTES("") },
	{ "hex, every digit", BYTES("0123456789abcdef"), 8, FL_OK,
	  BYTES("\x01\x23\x45\x67\x89\xab\xcd\xef") },
	{ "hex, capitals", BYTES("ABCDEF"), 3, FL_OK, BYTES("\xab\xcd\xef") },
	{ "hex one byte short", BYTES("0011"), 3, FL_ERR_SYNTAX, BYTES("") },
	{ "hex one byte long", BYTES("0011"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, odd", BYTES("001"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, a digit missing", BYTES("001"), 2, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, g", BYTES("0g"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, before 0", BYTES("/0"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, after 9", BYTES("0:"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, before A", BYTES("@0"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, before a", BYTES("`0"), 1, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, a bad digit last", BYTES("001122x3"), 4, FL_ERR_SYNTAX, BYTES("") },
	{ "hex, control bytes", BYTES("\x10\x11"), 1, FL_ERR_SYNTAX, BYTES("") },
};

static void hex_row(void **state)
{
	const struct hex_row *row = *state;
	uint8_t out[16];
	char text[33];
	struct fl_slice in = exact(row->in);

	memset(out, 0xaa, sizeof out);
	assert_err(fl_hex_decode(in, out, row->n), row->want);
	assert_bytes(fl_slice_of(out, row->out.len), row->out);
	assert_int_equal(out[row->out.len], 0xaa); /* untouched behind, and on failure */
	exact_free(in);
	if (row->want != FL_OK)
		return;
	fl_hex_encode(row->out.ptr, row->out.len, text);
	uint8_t back[16];
	assert_err(fl_hex_decode(fl_slice_str(text), back, row->n), FL_OK);
	assert_bytes(fl_slice_of(back, row->n), row->out);
	for (const char *p = text; *p; p++)
		assert_true(strchr("0123456789abcdef", *p) != NULL);
}

static struct base64_row {
	const char *name;
	struct fl_slice text;
	enum fl_err want;
	struct fl_slice out;
} base64_rows[] = {
	/* RFC 4648 section 10 */
	{ "base64 of nothing", BYTES(""), FL_OK, BYTES("") },
	{ "base64 f", BYTES("Zg=="), FL_OK, BYTES("f") },
	{ "base64 fo", BYTES("Zm8="), FL_OK, BYTES("fo") },
	{ "base64 foo", BYTES("Zm9v"), FL_OK, BYTES("foo") },
	{ "base64 foob", BYTES("Zm9vYg=="), FL_OK, BYTES("foob") },
	{ "base64 fooba", BYTES("Zm9vYmE="), FL_OK, BYTES("fooba") },
	{ "base64 foobar", BYTES("Zm9vYmFy"), FL_OK, BYTES("foobar") },
	{ "base64 with + and /", BYTES("+/+/"), FL_OK, BYTES("\xfb\xff\xbf") },
	{ "base64 of zeros", BYTES("AAAA"), FL_OK, BYTES("\0\0\0") },
	{ "base64 of ones", BYTES("////"), FL_OK, BYTES("\xff\xff\xff") },
	{ "base64 no padding", BYTES("Zg"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 half the padding", BYTES("Zg="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 too much padding", BYTES("Z==="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 only padding", BYTES("===="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 padding inside", BYTES("Zg==Zg=="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 padding, then a digit", BYTES("Zg=v"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 bits behind one byte", BYTES("Zh=="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 bits behind two bytes", BYTES("Zm9="), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 URL alphabet", BYTES("-_-_"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 line feed", BYTES("Zm9v\nYmF"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 space", BYTES("Zm 9"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 high bytes", BYTES("\xc1\xc1\xc1\xc1"), FL_ERR_SYNTAX, BYTES("") },
	{ "base64 next to the digits", BYTES("@[`{"), FL_ERR_SYNTAX, BYTES("") },
};

static void base64_row(void **state)
{
	const struct base64_row *row = *state;
	struct fl_slice in = exact(row->text);
	uint8_t out[16];
	size_t len = 4711;
	char text[32];

	memset(out, 0xaa, sizeof out);
	assert_err(fl_base64_decode(in, out, row->out.len, &len), row->want);
	assert_int_equal(len, row->want == FL_OK ? row->out.len : 4711);
	assert_bytes(fl_slice_of(out, row->out.len), row->out);
	assert_int_equal(out[row->out.len], 0xaa);
	if (row->want == FL_OK) {
		fl_base64_encode(row->out.ptr, row->out.len, text);
		assert_text(row->text, text);
	}
	if (row->want == FL_OK && row->out.len > 0) {
		len = 4711;
		assert_err(fl_base64_decode(in, out, row->out.len - 1, &len), FL_ERR_TOO_BIG);
		assert_int_equal(len, 4711);
	}
	exact_free(in);
}

static void base64_round_trips(void **state)
{
	uint8_t in[64], out[64];
	char text[128];
	struct fl_rng r;
	size_t len;
	(void)state;

	fl_rng_init(&r, 5);
	for (size_t n = 0; n <= sizeof in; n++) {
		for (size_t i = 0; i < n; i++)
			in[i] = (uint8_t)fl_rng_next(&r);
		fl_base64_encode(in, n, text);
		assert_int_equal(strlen(text), (n + 2) / 3 * 4);
		assert_err(fl_base64_decode(fl_slice_str(text), out, n, &len), FL_OK);
		assert_bytes(fl_slice_of(out, len), fl_slice_of(in, n));
	}
}

static struct u64_row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	uint64_t v;
} u64_rows[] = {
	{ "number 0", BYTES("0"), FL_OK, 0 },
	{ "number 9", BYTES("9"), FL_OK, 9 },
	{ "number 10", BYTES("10"), FL_OK, 10 },
	{ "number 2^64-1", BYTES("18446744073709551615"), FL_OK, UINT64_MAX },
	{ "number 2^64", BYTES("18446744073709551616"), FL_ERR_TOO_BIG, 0 },
	{ "number 2^64+9", BYTES("18446744073709551625"), FL_ERR_TOO_BIG, 0 },
	{ "number of 21 digits", BYTES("100000000000000000000"), FL_ERR_TOO_BIG, 0 },
	{ "number too big, then wrong", BYTES("100000000000000000000x"), FL_ERR_SYNTAX, 0 },
	{ "number empty", BYTES(""), FL_ERR_SYNTAX, 0 },
	{ "number 00", BYTES("00"), FL_ERR_SYNTAX, 0 },
	{ "number 01", BYTES("01"), FL_ERR_SYNTAX, 0 },
	{ "number +1", BYTES("+1"), FL_ERR_SYNTAX, 0 },
	{ "number -1", BYTES("-1"), FL_ERR_SYNTAX, 0 },
	{ "number with a space", BYTES("1 "), FL_ERR_SYNTAX, 0 },
	{ "number with a NUL", BYTES("1\0"), FL_ERR_SYNTAX, 0 },
	{ "number, before 0", BYTES("1/"), FL_ERR_SYNTAX, 0 },
	{ "number, after 9", BYTES("1:"), FL_ERR_SYNTAX, 0 },
};

static void u64_row(void **state)
{
	const struct u64_row *row = *state;
	struct fl_slice in = exact(row->in);
	uint64_t v = 4711;

	assert_err(fl_u64_parse(in, &v), row->want);
	assert_true(v == (row->want == FL_OK ? row->v : 4711));
	exact_free(in);
}

static struct distance_row {
	const char *name, *a, *b;
	size_t want;
} distance_rows[] = {
	{ "distance of nothing", "", "", 0 },
	{ "distance of the same", "nodes", "nodes", 0 },
	{ "distance to nothing", "abc", "", 3 },
	{ "distance, one added", "node", "nodes", 1 },
	{ "distance, one changed", "node", "mode", 1 },
	{ "distance, neighbours swapped", "ndoe", "node", 1 },
	{ "distance, swapped at the end", "noed", "node", 1 },
	{ "distance, two letters swapped alone", "ab", "ba", 1 },
	{ "distance, no edit inside a swap", "ca", "abc", 3 },
	{ "distance, kitten", "kitten", "sitting", 3 },
	{ "distance, nothing shared", "abcd", "wxyz", 4 },
	{ "distance, case counts", "A", "a", 1 },
	{ "distance, swapped late", "registre", "register", 1 },
};

static void distance_row(void **state)
{
	const struct distance_row *row = *state;
	struct fl_slice a = exact(fl_slice_str(row->a)), b = exact(fl_slice_str(row->b));

	assert_int_equal(fl_str_distance(a, b), row->want);
	assert_int_equal(fl_str_distance(b, a), row->want);
	exact_free(a);
	exact_free(b);
}

static void distance_has_a_limit(void **state)
{
	char a[66], b[66];
	(void)state;

	memset(a, 'a', sizeof a);
	memset(b, 'b', sizeof b);
	for (size_t n = 63; n <= 65; n++) {
		size_t want = n <= 64 ? n : SIZE_MAX;
		assert_true(fl_str_distance(fl_slice_of(a, n), fl_slice_of(b, n)) == want);
		assert_true(fl_str_distance(fl_slice_of(a, n), fl_slice_of(b, 0)) == want);
		assert_true(fl_str_distance(fl_slice_of(a, 0), fl_slice_of(b, n)) == want);
	}
}

static struct clean_row {
	const char *name;
	struct fl_slice in;
	bool want;
} clean_rows[] = {
	{ "clean nothing", BYTES(""), true },
	{ "clean ASCII", BYTES(" ~node-1"), true },
	{ "clean tab", BYTES("a\tb"), true },
	{ "unclean line feed", BYTES("a\nb"), false },
	{ "unclean NUL", BYTES("a\0"), false },
	{ "unclean 0x1f", BYTES("\x1f"), false },
	{ "unclean DEL", BYTES("\x7f"), false },
	{ "unclean U+0080", BYTES("\xc2\x80"), false },
	{ "unclean U+009F", BYTES("\xc2\x9f"), false },
	{ "clean U+00A0", BYTES("\xc2\xa0"), true },
	{ "clean U+07FF", BYTES("\xdf\xbf"), true },
	{ "clean U+0800", BYTES("\xe0\xa0\x80"), true },
	{ "clean U+D7FF", BYTES("\xed\x9f\xbf"), true },
	{ "unclean surrogate", BYTES("\xed\xa0\x80"), false },
	{ "unclean last surrogate", BYTES("\xed\xbf\xbf"), false },
	{ "clean U+E000", BYTES("\xee\x80\x80"), true },
	{ "clean U+FFFF", BYTES("\xef\xbf\xbf"), true },
	{ "clean U+10000", BYTES("\xf0\x90\x80\x80"), true },
	{ "clean U+10FFFF", BYTES("\xf4\x8f\xbf\xbf"), true },
	{ "unclean U+110000", BYTES("\xf4\x90\x80\x80"), false },
	{ "unclean f5", BYTES("\xf5\x80\x80\x80"), false },
	{ "unclean ff", BYTES("\xff"), false },
	{ "unclean overlong 2", BYTES("\xc0\xaf"), false },
	{ "unclean overlong c1", BYTES("\xc1\xbf"), false },
	{ "unclean overlong 3", BYTES("\xe0\x9f\xbf"), false },
	{ "unclean overlong 4", BYTES("\xf0\x8f\xbf\xbf"), false },
	{ "unclean lone continuation", BYTES("\x80"), false },
	{ "unclean cut after 1 of 2", BYTES("a\xc3"), false },
	{ "unclean cut after 2 of 3", BYTES("\xe2\x82"), false },
	{ "unclean cut after 3 of 4", BYTES("\xf0\x9f\x98"), false },
	{ "unclean second byte", BYTES("\xc3\x28"), false },
	{ "unclean third byte", BYTES("\xe2\x82\x28"), false },
	{ "unclean fourth byte", BYTES("\xf0\x9f\x98\x28"), false },
	{ "unclean only at the end", BYTES("a perfectly good name\x01"), false },
};

static void clean_row(void **state)
{
	const struct clean_row *row = *state;
	struct fl_slice in = exact(row->in);

	assert_int_equal(fl_str_is_clean(in), row->want);
	exact_free(in);
}

/* Every code point encodes to a text that steps back to it. */
static void utf8_steps_over_every_rune(void **state)
{
	(void)state;

	for (uint32_t rune = 0; rune <= 0x110000; rune++) {
		uint8_t p[4] = { 0 };
		size_t n = rune < 0x80 ? 1 : rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
		uint32_t got = 4711;
		bool valid = rune <= 0x10ffff && (rune < 0xd800 || rune > 0xdfff);

		for (size_t i = n, v = rune; i > 0; i--, v >>= 6)
			p[i - 1] = (uint8_t)(0x80 | (v & 0x3f));
		p[0] = (uint8_t)(n == 1 ? rune : 0xf00u >> n | rune >> (6 * (n - 1)));
		if (fl_utf8_step(p, n, &got) != (valid ? n : 0) || got != (valid ? rune : 4711))
			fail_msg("U+%04X", rune);
		if (fl_utf8_step(p, n - 1, &got) != 0)
			fail_msg("U+%04X cut short", rune);
	}
}

static struct front_row {
	const char *name, *in;
	size_t most, want;
} front_rows[] = {
	{ "front of nothing", "", 4, 0 },
	{ "front of all", "ab\xc3\xa4", 4, 4 },
	{ "front at the limit", "ab\xc3\xa4", 3, 2 },
	{ "front of nothing allowed", "ab", 0, 0 },
	{ "front before what is invalid",
	  "a\xff"
	  "b",
	  9, 1 },
	{ "front before what is cut short", "a\xe2\x82", 9, 1 },
};

static void front_row(void **state)
{
	const struct front_row *row = *state;
	struct fl_slice in = exact(fl_slice_str(row->in));

	assert_int_equal(fl_utf8_front(in.ptr, in.len, row->most), row->want);
	exact_free(in);
}

static void copy_cuts_and_says_so(void **state)
{
	char out[5];
	(void)state;

	for (size_t n = 3; n <= 5; n++) {
		memset(out, 'x', sizeof out);
		assert_int_equal(fl_str_copy(out, sizeof out, fl_slice_of("abcde", n)), n <= 4);
		assert_int_equal(strlen(out), n <= 4 ? n : 4);
		assert_memory_equal(out, "abcd", strlen(out));
	}
	assert_true(fl_str_copy(out, 1, fl_slice_of(NULL, 0)));
	assert_string_equal(out, "");
	assert_false(fl_str_copy(out, 1, fl_slice_str("a")));
	assert_string_equal(out, "");
	assert_false(fl_str_copy(NULL, 0, fl_slice_str("a")));
}

static struct ieq_row {
	const char *name, *a, *b;
	bool want;
} ieq_rows[] = {
	{ "same word", "Upgrade", "uPGRADE", true },
	{ "whole alphabet", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", true },
	{ "other length", "ab", "abc", false },
	{ "other word", "abd", "abc", false },
	{ "no folding of @ and `", "@", "`", false },
	{ "no folding of [ and {", "[", "{", false },
	{ "no folding outside ASCII", "\xc3\x84", "\xc3\xa4", false },
	{ "nothing", "", "", true },
};

static void ieq_row(void **state)
{
	const struct ieq_row *row = *state;

	assert_int_equal(fl_str_ieq(fl_slice_str(row->a), fl_slice_str(row->b)), row->want);
	assert_int_equal(fl_str_ieq(fl_slice_str(row->b), fl_slice_str(row->a)), row->want);
}

static void dup_copies(void **state)
{
	char *copy = fl_str_dup(fl_slice_of("abcdef", 3)),
	     *empty = fl_str_dup(fl_slice_of(NULL, 0));
	(void)state;

	assert_string_equal(copy, "abc");
	assert_string_equal(empty, "");
	assert_null(fl_str_dup(fl_slice_of("", SIZE_MAX)));
	free(copy);
	free(empty);
}

static void fill(struct fl_strlist *l, const char *words)
{
	for (; *words != '\0'; words++)
		assert_err(fl_strlist_add(l, fl_slice_of(words, 1)), FL_OK);
}

static void assert_list(const struct fl_strlist *l, const char *words)
{
	assert_int_equal(l->len, strlen(words));
	for (size_t i = 0; i < l->len; i++) {
		assert_int_equal(l->at[i][0], words[i]);
		assert_int_equal(l->at[i][1], '\0');
	}
}

static void lists_add_find_compare(void **state)
{
	struct fl_strlist a = { 0 }, b = { 0 };
	(void)state;

	assert_false(fl_strlist_has(&a, ""));
	assert_true(fl_strlist_eq(&a, &b));
	fill(&a, "abc");
	fill(&b, "abc");
	assert_list(&a, "abc");
	assert_true(fl_strlist_has(&a, "c"));
	assert_false(fl_strlist_has(&a, "cd"));
	assert_false(fl_strlist_has(&a, ""));
	assert_true(fl_strlist_eq(&a, &b));
	fill(&b, "d");
	assert_false(fl_strlist_eq(&a, &b));
	fill(&a, "e");
	assert_false(fl_strlist_eq(&a, &b));
	fl_strlist_done(&a);
	fl_strlist_done(&b);
	assert_int_equal(a.len, 0);
	fl_strlist_done(&a);
}

static void list_copies_are_their_own(void **state)
{
	struct fl_strlist a = { 0 }, b = { 0 };
	(void)state;

	assert_err(fl_strlist_copy(&a, &b), FL_OK);
	assert_int_equal(b.len, 0);
	fill(&a, "abc");
	assert_err(fl_strlist_copy(&a, &b), FL_OK);
	fl_strlist_done(&a);
	assert_list(&b, "abc");
	fl_strlist_done(&b);
}

static struct sort_row {
	const char *name, *in, *out;
} sort_rows[] = {
	{ "sort nothing", "", "" },           { "sort one", "a", "a" },
	{ "sort two alike", "aa", "a" },      { "sort sorted", "abc", "abc" },
	{ "sort backwards", "cba", "abc" },   { "sort with repeats", "cabcabaac", "abc" },
	{ "capitals first", "bBaA", "ABab" },
};

static void sort_row(void **state)
{
	const struct sort_row *row = *state;
	struct fl_strlist l = { 0 };

	fill(&l, row->in);
	fl_strlist_sort_unique(&l);
	assert_list(&l, row->out);
	fill(&l, "zz");
	assert_int_equal(l.len, strlen(row->out) + 2);
	fl_strlist_done(&l);
}

static struct trim_row {
	const char *name, *in, *out;
} trim_rows[] = {
	{ "trim nothing", "", "" },
	{ "trim only white", " \t\r\n ", "" },
	{ "trim both ends", " a b\t", "a b" },
	{ "trim a line", "key\r\n", "key" },
	{ "trim leaves the middle", "a", "a" },
};

static void trim_row(void **state)
{
	const struct trim_row *row = *state;
	assert_true(fl_slice_is(fl_slice_trim(fl_slice_str(row->in)), row->out));
}

int main(void)
{
	static struct suite s;

	ROWS(&s, hex_rows, hex_row);
	ROWS(&s, base64_rows, base64_row);
	suite_add(&s, "base64 round trips", base64_round_trips, NULL);
	ROWS(&s, u64_rows, u64_row);
	ROWS(&s, distance_rows, distance_row);
	suite_add(&s, "distance has a limit", distance_has_a_limit, NULL);
	ROWS(&s, clean_rows, clean_row);
	suite_add(&s, "UTF-8 steps over every rune", utf8_steps_over_every_rune, NULL);
	ROWS(&s, front_rows, front_row);
	suite_add(&s, "copy cuts and says so", copy_cuts_and_says_so, NULL);
	ROWS(&s, ieq_rows, ieq_row);
	suite_add(&s, "dup copies", dup_copies, NULL);
	suite_add(&s, "lists add, find, compare", lists_add_find_compare, NULL);
	suite_add(&s, "list copies are their own", list_copies_are_their_own, NULL);
	ROWS(&s, sort_rows, sort_row);
	ROWS(&s, trim_rows, trim_row);
	return suite_run(&s, "base/text");
}
