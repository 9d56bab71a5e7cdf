/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/godur.c - Go's durations: what time.ParseDuration accepts, with its messages, and
 * what Duration.String writes.
 */
#include "domain/policy/decode.h"

#include <stdio.h>

#define NS_MAX ((uint64_t)1 << 63)

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "ns", 1 },
	{ "us", 1000 },
	{ "\xc2\xb5s", 1000 }, /* U+00B5 */
	{ "\xce\xbcs", 1000 }, /* U+03BC */
	{ "ms", 1000 * 1000 },
	{ "s", 1000 * 1000 * 1000 },
	{ "m", (uint64_t)60 * 1000 * 1000 * 1000 },
	{ "h", (uint64_t)3600 * 1000 * 1000 * 1000 },
};

/* The quoting of that package: bytes that are not printable ASCII in hex. */
static const char *quote(struct fl_arena *a, struct fl_slice text)
{
	struct fl_buf b = fl_buf_make(SIZE_MAX / 2);

	fl_buf_byte(&b, '"');
	for (size_t i = 0; i < text.len; i++) {
		uint8_t c = text.ptr[i];
		if (c < ' ' || c >= 0x80)
			fl_buf_printf(&b, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			fl_buf_printf(&b, "\\%c", c);
		else
			fl_buf_byte(&b, c);
	}
	fl_buf_byte(&b, '"');
	const char *copy = fl_buf_err(&b) == FL_OK ? fl_arena_text(a, fl_buf_slice(&b)) : NULL;
	if (copy == NULL && a->err == FL_OK)
		a->err = FL_ERR_NOMEM;
	fl_buf_done(&b);
	return copy != NULL ? copy : fl_cause_nomem;
}

static const char *invalid(struct fl_arena *a, const char *text)
{
	return fl_say(a, "time: invalid duration %s", quote(a, fl_slice_str(text)));
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Digits off the front; false if they exceed 2^63. */
static bool leading_int(const char **s, uint64_t *out)
{
	uint64_t v = 0;

	for (; is_digit(**s); (*s)++) {
		if (v > NS_MAX / 10)
			return false;
		v = v * 10 + (uint64_t)(**s - '0');
		if (v > NS_MAX)
			return false;
	}
	*out = v;
	return true;
}

/* Digits behind a point; those that do not fit are read and do not count. */
static uint64_t leading_fraction(const char **s, double *scale)
{
	uint64_t v = 0;
	bool full = false;

	for (*scale = 1; is_digit(**s); (*s)++) {
		if (full || v > (NS_MAX - 1) / 10) {
			full = true;
			continue;
		}
		uint64_t next = v * 10 + (uint64_t)(**s - '0');
		if (next > NS_MAX) {
			full = true;
			continue;
		}
		v = next;
		*scale *= 10;
	}
	return v;
}

static uint64_t unit_of(struct fl_slice name)
{
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (fl_slice_is(name, units[i].name))
			return units[i].ns;
	return 0;
}

/* One number with its unit off the front, added to *sum. */
static const char *take_part(struct fl_arena *a, const char *text, const char **s, uint64_t *sum)
{
	const char *start = *s;
	uint64_t v, fraction = 0;
	double scale = 1;

	if (!leading_int(s, &v))
		return invalid(a, text);
	bool digits = *s != start;
	if (**s == '.') {
		const char *behind = ++*s;
		fraction = leading_fraction(s, &scale);
		digits |= *s != behind;
	}
	if (!digits)
		return invalid(a, text);

	struct fl_slice name = fl_slice_of(*s, 0);
	while (**s != '\0' && **s != '.' && !is_digit(**s)) {
		(*s)++;
		name.len++;
	}
	if (name.len == 0)
		return fl_say(a, "time: missing unit in duration %s", quote(a, fl_slice_str(text)));
	uint64_t unit = unit_of(name);
	if (unit == 0)
		return fl_say(a, "time: unknown unit %s in duration %s", quote(a, name),
			      quote(a, fl_slice_str(text)));
	if (v > NS_MAX / unit)
		return invalid(a, text);
	v *= unit;
	v += (uint64_t)((double)fraction * ((double)unit / scale));
	if (v > NS_MAX || v > NS_MAX - *sum)
		return invalid(a, text);
	*sum += v;
	return NULL;
}

const char *fl_go_duration_parse(struct fl_arena *a, const char *text, int64_t *out)
{
	const char *s = text;
	bool negative = *s == '-';
	uint64_t sum = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (*s == '\0')
		return invalid(a, text);
	if (strcmp(s, "0") == 0) {
		*out = 0;
		return NULL;
	}
	while (*s != '\0') {
		const char *cause = take_part(a, text, &s, &sum);
		if (cause != NULL)
			return cause;
	}
	if (!negative && sum == NS_MAX)
		return invalid(a, text);
	*out = negative ? (int64_t)(0 - sum) : (int64_t)sum;
	return NULL;
}

/* A number with up to nine decimals, zeros behind left out. `unit` is a power of ten. */
static int put_decimal(char *out, size_t cap, uint64_t v, uint64_t unit, const char *name)
{
	char digits[16];
	size_t len = 0;
	uint64_t rest = v % unit;

	for (uint64_t place = unit / 10; place > 0; place /= 10)
		digits[len++] = (char)('0' + rest / place % 10);
	while (len > 0 && digits[len - 1] == '0')
		len--;
	digits[len] = '\0';
	return snprintf(out, cap, "%llu%s%s%s", (unsigned long long)(v / unit), len > 0 ? "." : "",
			digits, name);
}

void fl_go_duration_format(int64_t ns, char out[static FL_GO_DURATION_TEXT_MAX])
{
	const uint64_t second = 1000 * 1000 * 1000;
	uint64_t v = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	size_t cap = FL_GO_DURATION_TEXT_MAX;

	if (ns < 0) {
		*out++ = '-';
		cap--;
	}
	if (v == 0) {
		snprintf(out, cap, "0s");
	} else if (v < 1000) {
		snprintf(out, cap, "%uns", (unsigned)v);
	} else if (v < 1000 * 1000) {
		put_decimal(out, cap, v, 1000, "\xc2\xb5s");
	} else if (v < second) {
		put_decimal(out, cap, v, 1000 * 1000, "ms");
	} else {
		uint64_t minutes = v / second / 60;
		int len = 0;
		if (minutes >= 60)
			len += snprintf(out, cap, "%lluh", (unsigned long long)(minutes / 60));
		if (minutes > 0)
			len += snprintf(out + len, cap - (size_t)len, "%um",
					(unsigned)(minutes % 60));
		put_decimal(out + len, cap - (size_t)len, v % (60 * second), second, "s");
	}
}
