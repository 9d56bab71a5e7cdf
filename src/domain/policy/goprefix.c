/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/goprefix.c - Go's netip.ParsePrefix with its messages, and strconv.Atoi.
 *
 * What is a prefix is decided by base/ip.h; here is only why a text is none.
 */
#include "domain/policy/decode.h"

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

/* Why a text with dots is no IPv4 address; *at is the rest that the message shows, or NULL. */
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
	return "IPv4 address too short";
}

/* The parser of the reference goes by the first of these characters. */
static const char *fault_address(struct fl_arena *a, const char *s)
{
	size_t i = strcspn(s, ".:%");
	const char *at = NULL, *why = "unable to parse IP";

	if (s[i] == '.')
		why = fault_v4(s, &at);
	else if (s[i] == '%')
		why = "missing IPv6 address";
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

static const char *fault_prefix(struct fl_arena *a, const char *text)
{
	const char *slash = strrchr(text, '/');
	struct fl_prefix host;

	if (slash == NULL)
		return "no '/'";
	char *ip = fl_arena_text(a, fl_slice_of(text, (size_t)(slash - text)));
	if (ip == NULL)
		return fl_cause_nomem;
	if (!fl_address_parse(ip, &host))
		return fault_address(a, ip);
	if (strchr(ip, '%') != NULL)
		return "IPv6 zones cannot be present in a prefix";
	return fault_bits(a, slash + 1);
}

const char *fl_go_prefix_parse(struct fl_arena *a, const char *text, struct fl_prefix *out)
{
	if (fl_prefix_parse(fl_slice_str(text), out) == FL_OK)
		return NULL;
	return fl_say(a, "netip.ParsePrefix(%s): %s", fl_quoted(a, text), fault_prefix(a, text));
}
