/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/time.c - calendar and duration texts.
 *
 * Calendar arithmetic counts days in a year that begins in March, so that the leap day is the
 * last one (the proleptic Gregorian calendar in UTC, no leap seconds).
 */
#include "base/time.h"

#include <stdio.h>

enum {
	DAYS_400_YEARS = 146097,
	DAYS_TO_1970 = 719468, /* from 0000-03-01 */
	YEAR_MIN = 1678,
	YEAR_MAX = 2262,
};

struct date {
	int64_t year;
	int64_t month, day; /* from 1 */
};

static struct date date_of(int64_t days)
{
	days += DAYS_TO_1970;
	int64_t era = days / DAYS_400_YEARS; /* fl_wall begins in 1677, so nothing is negative */
	int64_t doe = days - era * DAYS_400_YEARS;
	int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	int64_t mp = (5 * doy + 2) / 153;
	int64_t month = mp < 10 ? mp + 3 : mp - 9;

	return (struct date){
		.year = yoe + era * 400 + (month <= 2),
		.month = month,
		.day = doy - (153 * mp + 2) / 5 + 1,
	};
}

static int64_t days_of(struct date d)
{
	int64_t year = d.year - (d.month <= 2);
	int64_t era = year / 400; /* year is never negative here */
	int64_t yoe = year - era * 400;
	int64_t doy = (153 * (d.month > 2 ? d.month - 3 : d.month + 9) + 2) / 5 + d.day - 1;
	int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return era * DAYS_400_YEARS + doe - DAYS_TO_1970;
}

static int64_t days_in_month(int64_t year, int64_t month)
{
	static const uint8_t days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

	return days[month - 1] + (month == 2 && leap);
}

/* Appends `v` as exactly `width` digits. */
static char *put_digits(char *out, uint64_t v, size_t width)
{
	for (size_t i = width; i > 0; i--, v /= 10)
		out[i - 1] = (char)('0' + v % 10);
	return out + width;
}

static char *put_char(char *out, char c)
{
	*out = c;
	return out + 1;
}

static char *put_clock(char *out, int64_t sec_of_day)
{
	out = put_char(put_digits(out, (uint64_t)(sec_of_day / 3600), 2), ':');
	out = put_char(put_digits(out, (uint64_t)(sec_of_day / 60 % 60), 2), ':');
	return put_digits(out, (uint64_t)(sec_of_day % 60), 2);
}

static char *put_fraction(char *out, int64_t ns)
{
	if (ns == 0)
		return out;
	size_t width = 9;
	for (; ns % 10 == 0; ns /= 10)
		width--;
	return put_digits(put_char(out, '.'), (uint64_t)ns, width);
}

void fl_wall_format(fl_wall t, char out[static FL_RFC3339_MAX])
{
	if (t == 0) {
		memcpy(out, "0001-01-01T00:00:00Z", sizeof "0001-01-01T00:00:00Z");
		return;
	}
	int64_t ns = t % FL_DAY; /* rounds towards zero; a time of day counts up */
	int64_t days = t / FL_DAY;
	if (ns < 0) {
		ns += FL_DAY;
		days--;
	}
	struct date d = date_of(days);
	out = put_char(put_digits(out, (uint64_t)d.year, 4), '-');
	out = put_char(put_digits(out, (uint64_t)d.month, 2), '-');
	out = put_char(put_digits(out, (uint64_t)d.day, 2), 'T');
	out = put_fraction(put_clock(out, ns / FL_SEC), ns % FL_SEC);
	put_char(put_char(out, 'Z'), '\0');
}

/* A reader of fixed-width fields whose error sticks. */
struct reader {
	struct fl_slice in;
	bool bad;
};

static int peek(const struct reader *r)
{
	return r->in.len > 0 ? r->in.ptr[0] : -1;
}

static bool is_digit(int c)
{
	return c >= '0' && c <= '9';
}

static void skip(struct reader *r)
{
	r->in = fl_slice_skip(r->in, 1);
}

static int64_t read_digits(struct reader *r, size_t width, int64_t min, int64_t max)
{
	int64_t v = 0;
	for (size_t i = 0; i < width; i++) {
		if (!is_digit(peek(r))) {
			r->bad = true;
			return min;
		}
		v = v * 10 + (peek(r) - '0');
		skip(r);
	}
	if (v < min || v > max) {
		r->bad = true;
		return min;
	}
	return v;
}

/* Takes one of the characters in `set`; the one taken, or -1. */
static int expect(struct reader *r, const char *set)
{
	int c = peek(r);
	if (c <= 0 || strchr(set, c) == NULL) {
		r->bad = true;
		return -1;
	}
	skip(r);
	return c;
}

static struct date read_date(struct reader *r)
{
	struct date d = { 0 };
	d.year = read_digits(r, 4, 0, 9999);
	expect(r, "-");
	d.month = read_digits(r, 2, 1, 12);
	expect(r, "-");
	d.day = read_digits(r, 2, 1, days_in_month(d.year, d.month));
	return d;
}

static int64_t read_clock(struct reader *r)
{
	int64_t sec = read_digits(r, 2, 0, 23) * 3600;
	expect(r, ":");
	sec += read_digits(r, 2, 0, 59) * 60;
	expect(r, ":");
	return sec + read_digits(r, 2, 0, 59);
}

/* Digits beyond nanoseconds are read and dropped. */
static int64_t read_fraction(struct reader *r)
{
	if (peek(r) != '.')
		return 0;
	skip(r);
	int64_t ns = 0, unit = FL_SEC / 10;
	r->bad |= !is_digit(peek(r));
	for (; is_digit(peek(r)); skip(r)) {
		ns += (peek(r) - '0') * unit;
		unit /= 10;
	}
	return ns;
}

/* Seconds east of UTC. */
static int64_t read_offset(struct reader *r)
{
	int sign = expect(r, "Zz+-");
	if (sign != '+' && sign != '-')
		return 0;
	int64_t sec = read_digits(r, 2, 0, 23) * 3600;
	expect(r, ":");
	sec += read_digits(r, 2, 0, 59) * 60;
	return sign == '-' ? -sec : sec;
}

enum fl_err fl_wall_parse(struct fl_slice text, fl_wall *out)
{
	struct reader r = { .in = text };

	struct date d = read_date(&r);
	expect(&r, "Tt");
	int64_t sec = read_clock(&r);
	int64_t ns = read_fraction(&r);
	sec -= read_offset(&r);
	if (r.bad || r.in.len > 0)
		return FL_ERR_SYNTAX;

	if (d.year == 1) {
		*out = 0;
		return FL_OK;
	}
	if (d.year < YEAR_MIN || d.year > YEAR_MAX)
		return FL_ERR_INVALID;
	/* At the end of 2262 seconds no longer fit; in 1678 they do, whatever the offset. */
	int64_t t;
	if (__builtin_mul_overflow(days_of(d) * 86400 + sec, FL_SEC, &t) ||
	    __builtin_add_overflow(t, ns, &t))
		return FL_ERR_INVALID;
	*out = t;
	return FL_OK;
}

/* The unit at the front of `in`, its length in *len; 0 if there is none. */
static int64_t read_unit(struct fl_slice in, size_t *len)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		/* a name comes before its own beginning */
		{ "ns", 1 },     { "us", FL_US },     { "ms", FL_MS },
		{ "s", FL_SEC }, { "m", FL_MIN },     { "h", FL_HOUR },
		{ "d", FL_DAY }, { "w", 7 * FL_DAY }, { "y", 365 * FL_DAY },
	};
	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		*len = strlen(units[i].name);
		if (*len <= in.len && memcmp(in.ptr, units[i].name, *len) == 0)
			return units[i].ns;
	}
	return 0;
}

static size_t count_digits(struct fl_slice in)
{
	size_t n = 0;
	while (n < in.len && is_digit(in.ptr[n]))
		n++;
	return n;
}

/* digits * unit, false on overflow. */
static bool scale_whole(struct fl_slice digits, int64_t unit, int64_t *out)
{
	int64_t v = 0;
	for (size_t i = 0; i < digits.len; i++) {
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, digits.ptr[i] - '0', &v))
			return false;
	}
	return !__builtin_mul_overflow(v, unit, out);
}

/* 0.digits * unit rounded down, exactly: from the last digit, so nothing can overflow. */
static int64_t scale_fraction(struct fl_slice digits, int64_t unit)
{
	int64_t v = 0;
	for (size_t i = digits.len; i > 0; i--)
		v = ((digits.ptr[i - 1] - '0') * unit + v) / 10;
	return v;
}

/* One number with its unit off the front of *in, added to *sum. */
static enum fl_err add_term(struct fl_slice *in, int64_t *sum)
{
	struct fl_slice whole = fl_slice_of(in->ptr, count_digits(*in));
	struct fl_slice fraction = { 0 };
	*in = fl_slice_skip(*in, whole.len);
	if (in->len > 0 && in->ptr[0] == '.') {
		*in = fl_slice_skip(*in, 1);
		fraction = fl_slice_of(in->ptr, count_digits(*in));
		*in = fl_slice_skip(*in, fraction.len);
	}
	size_t unit_len;
	int64_t unit = read_unit(*in, &unit_len);
	if (unit == 0 || whole.len + fraction.len == 0)
		return FL_ERR_SYNTAX;
	*in = fl_slice_skip(*in, unit_len);

	int64_t ns;
	if (!scale_whole(whole, unit, &ns) ||
	    __builtin_add_overflow(ns, scale_fraction(fraction, unit), &ns) ||
	    __builtin_add_overflow(*sum, ns, sum))
		return FL_ERR_TOO_BIG;
	return FL_OK;
}

enum fl_err fl_duration_parse(struct fl_slice text, int64_t *out_ns)
{
	bool negative = text.len > 0 && text.ptr[0] == '-';
	struct fl_slice in = fl_slice_skip(text, negative);
	int64_t sum = 0;
	enum fl_err err = FL_OK;

	if (in.len == 0)
		return FL_ERR_SYNTAX;
	if (fl_slice_is(in, "0"))
		in = fl_slice_skip(in, 1);
	while (in.len > 0 && err != FL_ERR_SYNTAX) {
		int64_t term = 0;
		enum fl_err got = add_term(&in, &term);
		if (got == FL_OK && __builtin_add_overflow(sum, term, &sum))
			got = FL_ERR_TOO_BIG;
		if (got != FL_OK)
			err = got; /* bad syntax further on outranks a number too big */
	}
	if (err == FL_OK && negative)
		err = FL_ERR_INVALID;
	if (err == FL_OK)
		*out_ns = sum;
	return err;
}
