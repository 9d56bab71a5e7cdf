/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_log.c - log records as text and JSON, levels, and the limit of a record. */
#include "table.h"

#include <stdio.h>

#include "base/log.h"

static struct {
	char line[8192];
	size_t len, calls;
} seen;

static int context;

static void catch (void *ctx, const char *line, size_t len)
{
	assert_ptr_equal(ctx, &context);
	assert_true(len < sizeof seen.line);
	memcpy(seen.line, line, len);
	seen.line[len] = '\0';
	seen.len = len;
	seen.calls++;
}

static fl_wall fixed_clock(void *ctx)
{
	assert_ptr_equal(ctx, &context);
	return 1787399336123456789;
}

static void begin(enum fl_log_level min, enum fl_log_format format)
{
	memset(&seen, 0, sizeof seen);
	fl_log_setup(min, format, catch, fixed_clock, &context);
}

#define TIME "2026-08-22T11:48:56.123Z"

static struct row {
	const char *name;
	struct fl_log_field field;
	const char *text, *json;
} rows[] = {
	{ "a word", { "k", FL_FIELD_STR, .v.str = "node-1" }, " k=node-1", ",\"k\":\"node-1\"" },
	{ "two words", { "k", FL_FIELD_STR, .v.str = "a b" }, " k=\"a b\"", ",\"k\":\"a b\"" },
	{ "no text", { "k", FL_FIELD_STR, .v.str = "" }, " k=\"\"", ",\"k\":\"\"" },
	{ "NULL text", { "k", FL_FIELD_STR, .v.str = NULL }, " k=\"\"", ",\"k\":\"\"" },
	{ "a line feed from a peer",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("a\nb") },
	  " k=\"a\\nb\"",
	  ",\"k\":\"a\\nb\"" },
	{ "an escape from a peer",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("\x1b[2J") },
	  " k=\"\\u001b[2J\"",
	  ",\"k\":\"\\u001b[2J\"" },
	{ "DEL from a peer",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("\x7f") },
	  " k=\"\\u007f\"",
	  ",\"k\":\"\\u007f\"" },
	{ "C1 escapes from a peer",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("\xc2\x80\xc2\x9b\xc2\x9f") },
	  " k=\"\\u0080\\u009b\\u009f\"",
	  ",\"k\":\"\\u0080\\u009b\\u009f\"" },
	{ "letters beyond them",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("\xc2\xa0\xc3\xa4") },
	  " k=\"\xc2\xa0\xc3\xa4\"",
	  ",\"k\":\"\xc2\xa0\xc3\xa4\"" },
	{ "a forged field", { "k", FL_FIELD_STR, .v.str = "a=b" }, " k=\"a=b\"", ",\"k\":\"a=b\"" },
	{ "a quote", { "k", FL_FIELD_STR, .v.str = "a\"" }, " k=\"a\\\"\"", ",\"k\":\"a\\\"\"" },
	{ "a backslash",
	  { "k", FL_FIELD_STR, .v.str = "a\\" },
	  " k=\"a\\\\\"",
	  ",\"k\":\"a\\\\\"" },
	{ "bad UTF-8",
	  { "k", FL_FIELD_STR, .v.str = "\xff" },
	  " k=\"\\ufffd\"",
	  ",\"k\":\"\\ufffd\"" },
	{ "NUL inside",
	  { "k", FL_FIELD_TEXT, .v.text = BYTES("a\0b") },
	  " k=\"a\\u0000b\"",
	  ",\"k\":\"a\\u0000b\"" },
	{ "a count",
	  { "n", FL_FIELD_U64, .v.u64 = UINT64_MAX },
	  " n=18446744073709551615",
	  ",\"n\":18446744073709551615" },
	{ "a difference",
	  { "n", FL_FIELD_I64, .v.i64 = INT64_MIN },
	  " n=-9223372036854775808",
	  ",\"n\":-9223372036854775808" },
	{ "yes", { "b", FL_FIELD_BOOL, .v.flag = true }, " b=true", ",\"b\":true" },
	{ "no", { "b", FL_FIELD_BOOL, .v.flag = false }, " b=false", ",\"b\":false" },
};

static void field_row(void **state)
{
	const struct row *row = *state;
	char want[512];

	begin(FL_LOG_INFO, FL_LOG_TEXT);
	fl_log_write(FL_LOG_INFO, "node joined", &row->field, 1);
	snprintf(want, sizeof want, TIME " info  node joined%s\n", row->text);
	assert_string_equal(seen.line, want);

	begin(FL_LOG_INFO, FL_LOG_JSON);
	fl_log_write(FL_LOG_INFO, "node joined", &row->field, 1);
	snprintf(want, sizeof want,
		 "{\"time\":\"" TIME "\",\"level\":\"info\",\"event\":\"node joined\"%s}\n",
		 row->json);
	assert_string_equal(seen.line, want);
	assert_int_equal(seen.calls, 1);
}

static void macros_carry_their_fields(void **state)
{
	(void)state;

	begin(FL_LOG_TRACE, FL_LOG_TEXT);
	fl_log_warn("bare");
	assert_string_equal(seen.line, TIME " warn  bare\n");
	fl_log_error("full", FL_LS("s", "x"), FL_LT("t", fl_slice_str("y")), FL_LU("u", 1),
		     FL_LI("i", -1), FL_LB("b", true));
	assert_string_equal(seen.line, TIME " error full s=x t=y u=1 i=-1 b=true\n");
	assert_int_equal(seen.calls, 2);
}

static const char *const level_names[] = { "trace", "debug", "info", "warn", "error" };

static void levels_filter(void **state)
{
	(void)state;

	for (int min = FL_LOG_TRACE; min <= FL_LOG_ERROR; min++) {
		for (int level = FL_LOG_TRACE; level <= FL_LOG_ERROR; level++) {
			begin(FL_LOG_ERROR, FL_LOG_TEXT);
			fl_log_level_set((enum fl_log_level)min);
			assert_int_equal(fl_log_on((enum fl_log_level)level), level >= min);
			fl_log_write((enum fl_log_level)level, "event", NULL, 0);
			assert_int_equal(seen.calls, level >= min);
			if (level >= min)
				assert_non_null(strstr(seen.line, level_names[level]));
		}
	}
}

static size_t evaluated;

static const char *costly(void)
{
	evaluated++;
	return "x";
}

static void fields_of_silent_levels_are_not_evaluated(void **state)
{
	(void)state;

	begin(FL_LOG_INFO, FL_LOG_TEXT);
	fl_log_debug("quiet", FL_LS("k", costly()));
	assert_int_equal(evaluated, 0);
	fl_log_info("loud", FL_LS("k", costly()));
	assert_int_equal(evaluated, 1);
	assert_int_equal(seen.calls, 1);
}

static void nothing_happens_without_a_sink(void **state)
{
	(void)state;

	fl_log_setup(FL_LOG_TRACE, FL_LOG_TEXT, NULL, NULL, NULL);
	assert_false(fl_log_on(FL_LOG_ERROR));
	fl_log_error("into the void", FL_LS("k", "v"));
}

static struct cut_row {
	const char *name;
	enum fl_log_format format;
	uint8_t fill;
	size_t per_byte; /* output bytes for one byte of input */
} cut_rows[] = {
	{ "cut, text, plain", FL_LOG_TEXT, 'x', 1 },
	{ "cut, JSON, plain", FL_LOG_JSON, 'x', 1 },
	{ "cut, text, escapes", FL_LOG_TEXT, 0x01, 6 },
	{ "cut, JSON, escapes", FL_LOG_JSON, 0x01, 6 },
	{ "cut, JSON, bad UTF-8", FL_LOG_JSON, 0xff, 6 },
};

/* Every length around the limit: whole or marked as cut, never longer, always closed. */
static void cut_row(void **state)
{
	const struct cut_row *row = *state;
	static uint8_t text[5000];
	size_t whole = 0, cut = 0;
	bool json = row->format == FL_LOG_JSON;

	memset(text, row->fill, sizeof text);
	for (size_t len = 3800 / row->per_byte; len <= 4200 / row->per_byte; len++) {
		begin(FL_LOG_INFO, row->format);
		fl_log_info("big", FL_LT("k", fl_slice_of(text, len)), FL_LU("after", 7));
		assert_int_equal(seen.calls, 1);
		assert_true(seen.len <= 4096);
		assert_int_equal(seen.line[seen.len - 1], '\n');
		assert_null(memchr(seen.line, '\n', seen.len - 1));
		if (json)
			assert_int_equal(seen.line[seen.len - 2], '}');
		const char *mark = json ? ",\"cut\":true}\n" : " cut=true\n";
		const char *after = json ? ",\"after\":7" : " after=7";
		bool is_cut = strstr(seen.line, mark) != NULL;
		bool has_after = strstr(seen.line, after) != NULL;
		assert_true(is_cut != has_after || (is_cut && seen.len > 4000));
		whole += !is_cut;
		cut += is_cut;
	}
	assert_true(whole > 0 && cut > 0);
	assert_true(seen.len > 600); /* the beginning of the text is still there */
}

static void many_fields_are_cut(void **state)
{
	struct fl_log_field fields[1000];
	(void)state;

	for (size_t i = 0; i < COUNT(fields); i++)
		fields[i] = FL_LU("number", i);
	begin(FL_LOG_INFO, FL_LOG_JSON);
	fl_log_write(FL_LOG_INFO, "many", fields, COUNT(fields));
	assert_true(seen.len <= 4096 && seen.len > 4000);
	assert_non_null(strstr(seen.line, "\"number\":200,"));
	assert_non_null(strstr(seen.line, ",\"cut\":true}\n"));
}

static void long_events_are_cut(void **state)
{
	char event[6000];
	(void)state;

	memset(event, 'e', sizeof event - 1);
	event[sizeof event - 1] = '\0';
	for (int format = FL_LOG_TEXT; format <= FL_LOG_JSON; format++) {
		begin(FL_LOG_INFO, (enum fl_log_format)format);
		fl_log_info(event, FL_LU("n", 1));
		assert_int_equal(strspn(strstr(seen.line, "eee"), "e"), 256);
		assert_non_null(strstr(seen.line, format == FL_LOG_JSON ? "\"n\":1}\n" : " n=1\n"));
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, rows, field_row);
	suite_add(&s, "macros carry their fields", macros_carry_their_fields, NULL);
	suite_add(&s, "levels filter", levels_filter, NULL);
	suite_add(&s, "fields of silent levels are not evaluated",
		  fields_of_silent_levels_are_not_evaluated, NULL);
	suite_add(&s, "nothing happens without a sink", nothing_happens_without_a_sink, NULL);
	ROWS(&s, cut_rows, cut_row);
	suite_add(&s, "many fields are cut", many_fields_are_cut, NULL);
	suite_add(&s, "long events are cut", long_events_are_cut, NULL);
	return suite_run(&s, "base/log");
}
