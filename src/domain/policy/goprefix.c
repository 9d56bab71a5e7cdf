/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/goprefix.c - Go's netip.ParsePrefix with its messages, and strconv.Atoi.
 *
 * What is a prefix is decided by base/ip.h; here is only why a text is none.
 */
#include "domain/policy/decode.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

bool fl_go_int(const char *text, int64_t *out)
{
	const char *digits = text + (*text == '-' || *text == '+');

	if (*digits == '\0')
		return false;
	for (const char *s = digits; *s != '\0'; s++)
		if (!is_digit(*s))
			return false;
	errno = 0;
	long long v = strtoll(text, NULL, 10);
	if (errno != 0)
		return false;
	*out = v;
	return true;
}

/*
 * Why a text with dots is no IPv4 address, NULL if it is one. *at is the rest that the message
 * shows, or NULL.
 */
static const char *fault_v4(const char *s, const char **at)
{
	int value = 0, digits = 0, dots = 0;

	*at = NULL;
	for (size_t i = 0; s[i] != '\0'; i++) {
		if (is_digit(s[i])) {
			if (digits == 1 && value == 0)
				return "IPv4 field has octet with leading zero";
			value = value * 10 + (s[i] - '0');
			digits++;
			if (value > 255)
				return "IPv4 field has value >255";
			continue;
		}
		*at = s + i;
		if (s[i] != '.')
			return "unexpected character";
		if (digits == 0 || s[i + 1] == '\0')
			return "IPv4 field must have at least one digit";
		*at = NULL;
		if (dots++ == 3)
			return "IPv4 address too long";
		value = digits = 0;
	}
	return dots < 3 ? "IPv4 address too short" : NULL;
}

/* The text of an IPv6 address while it is read. */
struct v6 {
	const char *s;
	size_t bytes; /* read */
	bool gap;     /* "::" was there */
};

/* One group off the front, with the colon behind it; the fault, whose rest stays in `s`. */
static const char *fault_group(struct v6 *r, const char **at)
{
	size_t n = 0;

	*at = r->s;
	while (isxdigit((unsigned char)r->s[n]))
		if (++n > 4)
			return "each group must have 4 or less digits";
	if (n == 0)
		return "each colon-separated field must have at least one digit";
	if (r->s[n] == '.') {
		if (!r->gap && r->bytes != 12)
			return "embedded IPv4 address must replace the final 2 fields of the "
			       "address";
		if (r->bytes > 12)
			return "too many hex fields to fit an embedded IPv4 at the end of the "
			       "address";
		const char *why = fault_v4(r->s, at);
		r->bytes += 4;
		r->s += strlen(r->s);
		return why;
	}
	r->bytes += 2;
	r->s += n;
	*at = r->s;
	if (*r->s == '\0')
		return NULL;
	if (*r->s != ':')
		return "unexpected character, want colon";
	if (*++r->s == '\0')
		return "colon must be followed by more characters";
	return NULL;
}

/* `s` has no zone. */
static const char *fault_v6(const char *s, const char **at)
{
	struct v6 r = { .s = s };

	if (strncmp(s, "::", 2) == 0) {
		r.gap = true;
		r.s += 2;
	}
	while (r.bytes < 16 && *r.s != '\0') {
		const char *why = fault_group(&r, at);
		if (why != NULL)
			return why;
		*at = r.s;
		if (*r.s != ':')
			continue;
		if (r.gap)
			return "multiple :: in address";
		r.gap = true;
		r.s++;
	}
	*at = *r.s != '\0' ? r.s : NULL;
	if (*at != NULL)
		return "trailing garbage after address";
	return r.gap ? "the :: must expand to at least one field of zeros"
		     : "address string too short";
}

/* The parser of the reference goes by the first of these characters. */
static const char *fault_address(struct fl_arena *a, const char *s)
{
	size_t i = strcspn(s, ".:%"), end = strcspn(s, "%");
	const char *at = NULL, *why = "unable to parse IP";
	const char *bare = fl_arena_text(a, fl_slice_of(s, end));

	if (bare == NULL)
		return fl_cause_nomem;
	if (s[i] == '.')
		why = fault_v4(s, &at);
	else if (s[i] == '%')
		why = "missing IPv6 address";
	else if (s[i] == ':' && s[end] == '%' && s[end + 1] == '\0')
		why = "zone must be a non-empty string";
	else if (s[i] == ':')
		why = fault_v6(bare, &at);
	if (at == NULL)
		return fl_say(a, "ParseAddr(%s): %s", fl_quoted(a, s), why);
	return fl_say(a, "ParseAddr(%s): %s (at %s)", fl_quoted(a, s), why, fl_quoted(a, at));
}

static const char *fault_bits(struct fl_arena *a, const char *bits)
{
	int64_t n;

	if ((bits[0] != '\0' && bits[1] != '\0' && (bits[0] < '1' || bits[0] > '9')) ||
	    !fl_go_int(bits, &n))
		return fl_say(a, "bad bits after slash: %s", fl_quoted(a, bits));
	return "prefix length out of range";
}

/* An address that may have a zone, in which anything may stand, a slash too. */
static bool is_address(const char *s, bool *out_zone)
{
	size_t len = strcspn(s, "%");
	struct fl_ip ip;

	*out_zone = s[len] == '%';
	if (fl_ip_parse(fl_slice_of(s, len), &ip) != FL_OK)
		return false;
	return !*out_zone || (ip.family == FL_IP_V6 && s[len + 1] != '\0');
}

static const char *fault_prefix(struct fl_arena *a, const char *text)
{
	const char *slash = strrchr(text, '/');
	bool zone;

	if (slash == NULL)
		return "no '/'";
	const char *ip = fl_arena_text(a, fl_slice_of(text, (size_t)(slash - text)));
	if (ip == NULL)
		return fl_cause_nomem;
	if (!is_address(ip, &zone))
		return fault_address(a, ip);
	if (zone)
		return "IPv6 zones cannot be present in a prefix";
	return fault_bits(a, slash + 1);
}

const char *fl_go_prefix_parse(struct fl_arena *a, const char *text, struct fl_prefix *out)
{
	if (fl_prefix_parse(fl_slice_str(text), out) == FL_OK)
		return NULL;
	return fl_say(a, "netip.ParsePrefix(%s): %s", fl_quoted(a, text), fault_prefix(a, text));
}
