/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_time.c - calendar texts and durations; wall values agree with Go's time. */
#include "table.h"

#include <stdio.h>

#include "base/rng.h"
#include "base/time.h"

static struct wall_row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	fl_wall t;
	const char *out; /* how it is written; NULL: as it was read */
} wall_rows[] = {
	{ "now, milliseconds", BYTES("2026-08-22T11:48:56.123Z"), FL_OK, 1787399336123000000,
	  NULL },
	{ "now, whole", BYTES("2026-08-22T11:48:56Z"), FL_OK, 1787399336000000000, NULL },
	{ "trailing zeros go", BYTES("2026-08-22T11:48:56.120Z"), FL_OK, 1787399336120000000,
	  "2026-08-22T11:48:56.12Z" },
	{ "zero fraction goes", BYTES("2026-08-22T11:48:56.000Z"), FL_OK, 1787399336000000000,
	  "2026-08-22T11:48:56Z" },
	{ "nanoseconds", BYTES("2026-08-22T11:48:56.123456789Z"), FL_OK, 1787399336123456789,
	  NULL },
	{ "more digits are dropped", BYTES("2026-08-22T11:48:56.12345678999999999999Z"), FL_OK,
	  1787399336123456789, "2026-08-22T11:48:56.123456789Z" },
	{ "one nanosecond", BYTES("1970-01-01T00:00:00.000000001Z"), FL_OK, 1, NULL },
	{ "before 1970", BYTES("1969-12-31T23:59:59.999999999Z"), FL_OK, -1, NULL },
	{ "a whole day before 1970", BYTES("1969-12-31T00:00:00Z"), FL_OK, -FL_DAY, NULL },
	{ "leap day in 2000", BYTES("2000-02-29T12:00:00Z"), FL_OK, 951825600000000000, NULL },
	{ "1900 has no leap day", BYTES("1900-02-28T00:00:00Z"), FL_OK, -2203977600000000000,
	  NULL },
	{ "after no leap day 1700", BYTES("1700-03-01T00:00:00Z"), FL_OK, -8515238400000000000,
	  NULL },
	{ "after no leap day 2100", BYTES("2100-03-01T00:00:00Z"), FL_OK, 4107542400000000000,
	  NULL },
	{ "first year", BYTES("1678-01-01T00:00:00Z"), FL_OK, -9214560000000000000, NULL },
	{ "last instant", BYTES("2262-04-11T23:47:16.854775807Z"), FL_OK, INT64_MAX, NULL },
	{ "after the last instant", BYTES("2262-04-11T23:47:16.854775808Z"), FL_ERR_INVALID, 0,
	  NULL },
	{ "after the last second", BYTES("2262-04-11T23:47:17Z"), FL_ERR_INVALID, 0, NULL },
	{ "after the last year", BYTES("2263-01-01T00:00:00Z"), FL_ERR_INVALID, 0, NULL },
	{ "before the first year", BYTES("1677-12-31T23:59:59Z"), FL_ERR_INVALID, 0, NULL },
	{ "last year of all", BYTES("9999-12-31T23:59:59Z"), FL_ERR_INVALID, 0, NULL },
	{ "year 0", BYTES("0000-01-01T00:00:00Z"), FL_ERR_INVALID, 0, NULL },
	{ "year 2", BYTES("0002-01-01T00:00:00Z"), FL_ERR_INVALID, 0, NULL },
	{ "the zero time", BYTES("0001-01-01T00:00:00Z"), FL_OK, 0, NULL },
	{ "late in year 1", BYTES("0001-12-31T23:59:59.9-01:00"), FL_OK, 0,
	  "0001-01-01T00:00:00Z" },
	{ "the epoch is unset", BYTES("1970-01-01T00:00:00Z"), FL_OK, 0, "0001-01-01T00:00:00Z" },
	{ "east", BYTES("2024-12-31T23:59:59+23:59"), FL_OK, 1735603259000000000,
	  "2024-12-31T00:00:59Z" },
	{ "west", BYTES("2024-02-29T00:00:00-00:30"), FL_OK, 1709166600000000000,
	  "2024-02-29T00:30:00Z" },
	{ "offset of zero", BYTES("1999-12-31T23:59:59.5+00:00"), FL_OK, 946684799500000000,
	  "1999-12-31T23:59:59.5Z" },
	{ "small letters", BYTES("1999-12-31t23:59:59.5z"), FL_OK, 946684799500000000,
	  "1999-12-31T23:59:59.5Z" },
	{ "nothing", BYTES(""), FL_ERR_SYNTAX, 0, NULL },
	{ "date only", BYTES("2026-08-22"), FL_ERR_SYNTAX, 0, NULL },
	{ "no zone", BYTES("2026-08-22T11:48:56"), FL_ERR_SYNTAX, 0, NULL },
	{ "text behind", BYTES("2026-08-22T11:48:56Z "), FL_ERR_SYNTAX, 0, NULL },
	{ "NUL behind", BYTES("2026-08-22T11:48:56Z\0"), FL_ERR_SYNTAX, 0, NULL },
	{ "NUL for the zone", BYTES("2026-08-22T11:48:56\0"), FL_ERR_SYNTAX, 0, NULL },
	{ "text before", BYTES(" 2026-08-22T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "space for T", BYTES("2026-08-22 11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "point without digits", BYTES("2026-08-22T11:48:56.Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "comma", BYTES("2026-08-22T11:48:56,5Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "month 0", BYTES("2026-00-22T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "month 13", BYTES("2026-13-22T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "day 0", BYTES("2026-08-00T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "day 32", BYTES("2026-08-32T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "april 31", BYTES("2026-04-31T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "no leap day 2026", BYTES("2026-02-29T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "no leap day 1900", BYTES("1900-02-29T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "february 30", BYTES("2024-02-30T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "hour 24", BYTES("2026-08-22T24:00:00Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "minute 60", BYTES("2026-08-22T11:60:00Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "leap second", BYTES("2016-12-31T23:59:60Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "offset hour 24", BYTES("2026-08-22T11:48:56+24:00"), FL_ERR_SYNTAX, 0, NULL },
	{ "offset minute 60", BYTES("2026-08-22T11:48:56+01:60"), FL_ERR_SYNTAX, 0, NULL },
	{ "offset without colon", BYTES("2026-08-22T11:48:56+0100"), FL_ERR_SYNTAX, 0, NULL },
	{ "sign in a number", BYTES("2026-08-22T11:48:+6Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "wrong dash", BYTES("2026/08/22T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
	{ "long year", BYTES("12026-08-22T11:48:56Z"), FL_ERR_SYNTAX, 0, NULL },
};

static void wall_row(void **state)
{
	const struct wall_row *row = *state;
	struct fl_slice in = exact(row->in);
	fl_wall t = 4711;
	char text[FL_RFC3339_MAX];

	assert_err(fl_wall_parse(in, &t), row->want);
	assert_true(t == (row->want == FL_OK ? row->t : 4711));
	if (row->want == FL_OK) {
		fl_wall_format(t, text);
		assert_text(row->out ? fl_slice_str(row->out) : row->in, text);
	}
	exact_free(in);
	for (size_t cut = 0; row->want == FL_OK && cut < row->in.len; cut++) {
		in = exact(fl_slice_of(row->in.ptr, cut));
		assert_err(fl_wall_parse(in, &t), FL_ERR_SYNTAX);
		exact_free(in);
	}
}

static void the_first_instant_formats(void **state)
{
	char text[FL_RFC3339_MAX];
	(void)state;

	fl_wall_format(INT64_MIN, text);
	assert_string_equal(text, "1677-09-21T00:12:43.145224192Z");
}

/* Whatever time is written reads back, and texts sort as their times do. */
static void texts_round_trip(void **state)
{
	struct fl_rng r;
	(void)state;

	fl_rng_init(&r, 3);
	for (size_t i = 0; i < 20000; i++) {
		static const int64_t grain[] = { 1, FL_US, FL_MS, FL_SEC, FL_DAY };
		int64_t g = grain[i % COUNT(grain)];
		fl_wall t = (fl_wall)(fl_rng_next(&r) >> (i % 3 ? 1 : 4)) / g * g, back = 1;
		char text[FL_RFC3339_MAX];

		if (i % 2)
			t = -t;
		if (t < -9214560000000000000)
			continue;
		fl_wall_format(t, text);
		assert_err(fl_wall_parse(fl_slice_str(text), &back), FL_OK);
		assert_true(back == t);
	}
}

/* Day after day through four centuries: dates follow each other without gaps. */
static void the_calendar_has_no_gaps(void **state)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year = 1678, month = 1, day = 1;
	(void)state;

	for (fl_wall t = -9214560000000000000; year < 2262; t += FL_DAY) {
		char text[FL_RFC3339_MAX], want[64];
		snprintf(want, sizeof want, "%04d-%02d-%02dT00:00:00Z", year, month, day);
		fl_wall_format(t, text);
		if (t != 0)
			assert_string_equal(text, want);
		int last = month_days[month - 1];
		if (month == 2 && year % 4 == 0 && (year % 100 != 0 || year == 2000))
			last = 29;
		if (++day > last) {
			day = 1;
			month++;
		}
		if (month > 12) {
			month = 1;
			year++;
		}
	}
}

static struct duration_row {
	const char *name;
	struct fl_slice in;
	enum fl_err want;
	int64_t ns;
} duration_rows[] = {
	{ "0", BYTES("0"), FL_OK, 0 },
	{ "0s", BYTES("0s"), FL_OK, 0 },
	{ "1ns", BYTES("1ns"), FL_OK, 1 },
	{ "1us", BYTES("1us"), FL_OK, FL_US },
	{ "250ms", BYTES("250ms"), FL_OK, 250 * FL_MS },
	{ "30s", BYTES("30s"), FL_OK, 30 * FL_SEC },
	{ "5m", BYTES("5m"), FL_OK, 5 * FL_MIN },
	{ "1h", BYTES("1h"), FL_OK, FL_HOUR },
	{ "90d", BYTES("90d"), FL_OK, 90 * FL_DAY },
	{ "2w", BYTES("2w"), FL_OK, 14 * FL_DAY },
	{ "1y", BYTES("1y"), FL_OK, 365 * FL_DAY },
	{ "1h30m", BYTES("1h30m"), FL_OK, 90 * FL_MIN },
	{ "1y2w3d4h5m6s7ms8us9ns", BYTES("1y2w3d4h5m6s7ms8us9ns"), FL_OK,
	  365 * FL_DAY + 17 * FL_DAY + 4 * FL_HOUR + 5 * FL_MIN + 6007008009 },
	{ "any order", BYTES("30m1h"), FL_OK, 90 * FL_MIN },
	{ "the same unit twice", BYTES("1s2s"), FL_OK, 3 * FL_SEC },
	{ "1m1ms", BYTES("1m1ms"), FL_OK, FL_MIN + FL_MS },
	{ "leading zeros", BYTES("007s"), FL_OK, 7 * FL_SEC },
	{ "1.5h", BYTES("1.5h"), FL_OK, 90 * FL_MIN },
	{ "0.1s is exact", BYTES("0.1s"), FL_OK, 100 * FL_MS },
	{ "point first", BYTES(".5h"), FL_OK, 30 * FL_MIN },
	{ "point last", BYTES("2.h"), FL_OK, 2 * FL_HOUR },
	{ "0.9ns rounds down", BYTES("0.9ns"), FL_OK, 0 },
	{ "a long fraction", BYTES("0.3333333333333333333333333333333333s"), FL_OK, 333333333 },
	{ "a third of a year", BYTES("0.99999999999999999999999999999999y"), FL_OK,
	  365 * FL_DAY - 1 },
	{ "the most", BYTES("9223372036854775807ns"), FL_OK, INT64_MAX },
	{ "the most, in parts", BYTES("292y24w3d23h47m16.854775807s"), FL_OK, INT64_MAX },
	{ "one more than the most", BYTES("9223372036854775808ns"), FL_ERR_TOO_BIG, 0 },
	{ "one more, in parts", BYTES("292y24w3d23h47m16.854775808s"), FL_ERR_TOO_BIG, 0 },
	{ "one more by a term", BYTES("9223372036854775807ns1ns"), FL_ERR_TOO_BIG, 0 },
	{ "293 years", BYTES("293y"), FL_ERR_TOO_BIG, 0 },
	{ "a number beyond 64 bits", BYTES("99999999999999999999ns"), FL_ERR_TOO_BIG, 0 },
	{ "too big, then wrong", BYTES("293y1"), FL_ERR_SYNTAX, 0 },
	{ "too big and negative", BYTES("-293y"), FL_ERR_TOO_BIG, 0 },
	{ "negative", BYTES("-5s"), FL_ERR_INVALID, 0 },
	{ "negative zero", BYTES("-0"), FL_ERR_INVALID, 0 },
	{ "negative and wrong", BYTES("-5"), FL_ERR_SYNTAX, 0 },
	{ "a lone minus", BYTES("-"), FL_ERR_SYNTAX, 0 },
	{ "two minuses", BYTES("--5s"), FL_ERR_SYNTAX, 0 },
	{ "a minus inside", BYTES("1h-5m"), FL_ERR_SYNTAX, 0 },
	{ "nothing", BYTES(""), FL_ERR_SYNTAX, 0 },
	{ "no unit", BYTES("5"), FL_ERR_SYNTAX, 0 },
	{ "no unit at the end", BYTES("1h5"), FL_ERR_SYNTAX, 0 },
	{ "two zeros", BYTES("00"), FL_ERR_SYNTAX, 0 },
	{ "no number", BYTES("h"), FL_ERR_SYNTAX, 0 },
	{ "only a point", BYTES(".s"), FL_ERR_SYNTAX, 0 },
	{ "two points", BYTES("1.2.3s"), FL_ERR_SYNTAX, 0 },
	{ "a plus", BYTES("+5s"), FL_ERR_SYNTAX, 0 },
	{ "a space", BYTES("1h 5m"), FL_ERR_SYNTAX, 0 },
	{ "a space behind", BYTES("1h "), FL_ERR_SYNTAX, 0 },
	{ "unknown unit", BYTES("5x"), FL_ERR_SYNTAX, 0 },
	{ "capital unit", BYTES("5S"), FL_ERR_SYNTAX, 0 },
	{ "a word", BYTES("5sec"), FL_ERR_SYNTAX, 0 },
	{ "NUL behind", BYTES("5s\0"), FL_ERR_SYNTAX, 0 },
};

static void duration_row(void **state)
{
	const struct duration_row *row = *state;

	for (size_t cut = 0; cut <= row->in.len; cut++) { /* prefixes: only that nothing breaks */
		struct fl_slice in = exact(fl_slice_of(row->in.ptr, cut));
		int64_t ns = 4711;
		enum fl_err got = fl_duration_parse(in, &ns);
		assert_true(got == FL_OK ? ns >= 0 : ns == 4711);
		if (cut == row->in.len) {
			assert_err(got, row->want);
			assert_true(ns == (got == FL_OK ? row->ns : 4711));
		}
		exact_free(in);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, wall_rows, wall_row);
	suite_add(&s, "the first instant formats", the_first_instant_formats, NULL);
	suite_add(&s, "texts round trip", texts_round_trip, NULL);
	suite_add(&s, "the calendar has no gaps", the_calendar_has_no_gaps, NULL);
	ROWS(&s, duration_rows, duration_row);
	return suite_run(&s, "base/time");
}
