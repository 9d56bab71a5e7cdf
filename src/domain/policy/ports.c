/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * domain/policy/ports.c - protocols, ports and destinations with ports: policy.md 2.3 and 2.4.
 *
 * Integers are Go's: a sign is allowed, and so "+6" is TCP and "06" a leading zero.
 */
#include "domain/policy/decode.h"

#include <stdio.h>

/* The first name of a number is the canonical one: "ipv4" for 4. */
static const struct {
	const char *name;
	uint8_t number;
} protocols[] = {
	{ "icmp", 1 }, { "igmp", 2 }, { "ipv4", 4 },   { "ip-in-ip", 4 },   { "tcp", 6 },
	{ "egp", 8 },  { "igp", 9 },  { "udp", 17 },   { "gre", 47 },       { "esp", 50 },
	{ "ah", 51 },  { "fc", 133 }, { "sctp", 132 }, { "ipv6-icmp", 58 },
};

enum { PROTOCOLS = sizeof protocols / sizeof *protocols };

static bool by_name(const char *text, struct fl_proto *out)
{
	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (strcmp(protocols[i].name, text) != 0)
			continue;
		*out = (struct fl_proto){ true, protocols[i].number, protocols[i].name };
		return true;
	}
	return false;
}

static bool by_number(const char *text, struct fl_proto *out)
{
	int64_t n;

	if (!fl_go_int(text, &n))
		return false;
	for (size_t i = 0; i < PROTOCOLS; i++) {
		if (protocols[i].number != n)
			continue;
		*out = (struct fl_proto){ true, protocols[i].number, protocols[i].name };
		return true;
	}
	return false;
}

static char *lower(struct fl_arena *a, const char *text)
{
	char *copy = fl_arena_text(a, fl_slice_str(text));

	for (char *s = copy; s != NULL && *s != '\0'; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s - 'A' + 'a');
	return copy;
}

static const char *other_number(struct fl_arena *a, const char *text, struct fl_proto *out)
{
	int64_t n;

	if (text[0] == '0')
		return fl_say(a, "leading 0 not permitted in protocol number: %s",
			      fl_quoted(a, text));
	if (!fl_go_int(text, &n))
		return fl_say(a,
			      "invalid protocol number: %s must be a known protocol name or valid "
			      "protocol number 0-255",
			      fl_quoted(a, text));
	if (n < 1 || n > 255) /* a signed zero would mean "any" on the wire */
		return fl_say(a, "protocol number out of range (0-255): %lld", (long long)n);
	*out = (struct fl_proto){ true, (uint8_t)n, text };
	return NULL;
}

const char *fl_proto_parse(struct fl_decode *d, const char *text, bool canonical,
			   struct fl_proto *out)
{
	const char *own =
		canonical ? lower(d->arena, text) : fl_arena_text(d->arena, fl_slice_str(text));

	if (own == NULL)
		return fl_cause_nomem;
	if (*own == '\0') {
		*out = (struct fl_proto){ .text = "" };
		return NULL;
	}
	if (by_name(own, out) || (canonical && by_number(own, out)))
		return NULL;
	if (strcmp(own, "*") == 0)
		return "proto name \"*\" not known; use protocol number 0-255 or protocol name "
		       "(icmp, tcp, udp, etc.)";
	return other_number(d->arena, own, out);
}

/* ---- ports ---- */

static const char *parse_port(struct fl_slice text, uint16_t *out)
{
	char copy[32];
	int64_t n;

	if (text.len >= sizeof copy)
		return "invalid first integer";
	snprintf(copy, sizeof copy, "%.*s", (int)text.len, (const char *)text.ptr);
	if (!fl_go_int(copy, &n))
		return "invalid first integer";
	if (n < 0 || n > UINT16_MAX)
		return "port number out of range";
	*out = (uint16_t)n;
	return NULL;
}

/* The next piece before `sep`, cut off the front. */
static struct fl_slice take_piece(struct fl_slice *rest, char sep)
{
	const uint8_t *end = rest->len > 0 ? memchr(rest->ptr, sep, rest->len) : NULL;
	struct fl_slice piece = fl_slice_of(rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len);

	*rest = fl_slice_skip(*rest, piece.len + 1);
	return piece;
}

/* Pieces that are empty do not count: "80--90" is 80-90. */
static const char *parse_range(struct fl_slice text, struct fl_ports *out)
{
	struct fl_slice ends[2];
	size_t n = 0;

	while (text.len > 0) {
		struct fl_slice piece = take_piece(&text, '-');
		if (piece.len == 0)
			continue;
		if (n == 2)
			return "invalid port range format";
		ends[n++] = piece;
	}
	if (n != 2)
		return "invalid port range format";
	const char *cause = parse_port(ends[0], &out->first);
	if (cause == NULL)
		cause = parse_port(ends[1], &out->last);
	if (cause == NULL && out->first > out->last)
		cause = "invalid port range: first port is greater than last port";
	return cause;
}

static const char *parse_ports_piece(struct fl_slice text, struct fl_ports *out)
{
	if (text.len > 0 && memchr(text.ptr, '-', text.len) != NULL)
		return parse_range(text, out);
	const char *cause = parse_port(text, &out->first);
	if (cause == NULL && out->first == 0)
		cause = "first port must be >0, or use '*' for wildcard";
	out->last = out->first;
	return cause;
}

static size_t count_of(const char *text, char c)
{
	size_t n = 0;

	for (; *text != '\0'; text++)
		n += *text == c;
	return n;
}

static const char *parse_ports(struct fl_arena *a, const char *text, struct fl_ports **out,
			       size_t *out_len)
{
	size_t len = count_of(text, ',') + 1;
	struct fl_ports *ports = fl_arena_array(a, len, sizeof *ports);
	struct fl_slice rest = fl_slice_str(text);

	if (ports == NULL)
		return fl_cause_nomem;
	if (strcmp(text, "*") == 0)
		ports[0].last = UINT16_MAX;
	else
		for (size_t i = 0; i < len; i++) {
			const char *cause = parse_ports_piece(take_piece(&rest, ','), &ports[i]);
			if (cause != NULL)
				return cause;
		}
	*out = ports;
	*out_len = len;
	return NULL;
}

/* ---- ip entries of grants ---- */

static const char *too_many_colons(struct fl_arena *a, const char *text, size_t colons)
{
	char *list = fl_arena_text(a, fl_slice_str(text));

	for (char *s = list; s != NULL && *s != '\0'; s++)
		if (*s == ':')
			*s = ' ';
	return fl_say(a,
		      "expected only one colon in Internet protocol and port type, got: [%s](%zu)",
		      list != NULL ? list : "", colons + 1);
}

const char *fl_traffic_parse(struct fl_decode *d, const char *text, struct fl_traffic *out)
{
	struct fl_traffic t = { .text = text };
	struct fl_proto proto = { 0 };
	size_t colons = count_of(text, ':');
	const char *ports = text;

	if (colons > 1)
		return too_many_colons(d->arena, text, colons);
	if (colons == 1) {
		ports = strchr(text, ':') + 1;
		const char *name =
			fl_arena_text(d->arena, fl_slice_of(text, (size_t)(ports - 1 - text)));
		if (name == NULL)
			return fl_cause_nomem;
		const char *cause = fl_proto_parse(d, name, false, &proto);
		if (cause != NULL)
			return cause;
	}
	const char *cause = parse_ports(d->arena, ports, &t.ports, &t.ports_len);
	if (cause != NULL)
		return fl_say(d->arena, "port range %s: %s", fl_quoted(d->arena, ports), cause);
	t.any_proto = !proto.given;
	t.proto = proto.number;
	*out = t;
	return NULL;
}

/* ---- destinations ---- */

static const char not_ipv6[] = "square brackets are only valid around IPv6 addresses";

/* Takes the brackets off: "[a]:p" and "[a]/len:p". *text stays if there are none. */
static const char *strip_brackets(struct fl_arena *a, const char **text)
{
	if (**text != '[')
		return NULL;
	const char *end = strchr(*text, ']');
	if (end == NULL)
		return not_ipv6;
	const char *inside = fl_arena_text(a, fl_slice_of(*text + 1, (size_t)(end - *text - 1)));
	struct fl_prefix ip;
	if (inside == NULL)
		return fl_cause_nomem;
	if (strchr(inside, '/') != NULL || !fl_address_parse(inside, &ip) ||
	    ip.ip.family != FL_IP_V6)
		return fl_say(a, "%s: %s", not_ipv6, fl_quoted(a, inside));
	if (end[1] != ':' && end[1] != '/')
		return not_ipv6;
	*text = fl_say(a, "%s%s", inside, end + 1);
	return a->err == FL_OK ? NULL : fl_cause_nomem;
}

/* Only what may be a destination at all; more is validation's matter. */
static const char *judge_alias(struct fl_arena *a, const struct fl_alias *alias)
{
	if (alias->kind == FL_ALIAS_TAG && !fl_alias_is_tag_name(alias->text))
		return fl_cause_tag_name;
	if (alias->kind == FL_ALIAS_AUTOGROUP && alias->autogroup >= FL_AUTOGROUP_OWNER)
		return fl_say(a,
			      "invalid autogroup: got %s, must be one of [autogroup:internet "
			      "autogroup:member autogroup:nonroot autogroup:tagged autogroup:self "
			      "autogroup:danger-all]",
			      fl_quoted(a, alias->text));
	return NULL;
}

const char *fl_dst_parse(struct fl_decode *d, const char *text, size_t at, struct fl_dst *out)
{
	struct fl_dst dst = { .ports_len = 0 };
	const char *plain = text;

	if (strchr(text, ':') == NULL)
		return "hostport must contain a colon";
	const char *cause = strip_brackets(d->arena, &plain);
	if (cause != NULL)
		return cause;
	const char *colon = strrchr(plain, ':');
	if (colon == plain)
		return "input cannot start with a colon character";
	if (colon[1] == '\0')
		return "input cannot end with a colon character";
	const char *name = fl_arena_text(d->arena, fl_slice_of(plain, (size_t)(colon - plain)));
	dst.ports_text = fl_arena_text(d->arena, fl_slice_str(colon + 1));
	if (name == NULL || dst.ports_text == NULL)
		return fl_cause_nomem;
	cause = parse_ports(d->arena, dst.ports_text, &dst.ports, &dst.ports_len);
	if (cause != NULL)
		return fl_say(d->arena, "dst=%s: port range %s: %s", fl_quoted(d->arena, text),
			      fl_quoted(d->arena, dst.ports_text), cause);
	if (!fl_alias_recognise(name, &dst.alias))
		return fl_say(d->arena, "invalid alias format: %s", fl_quoted(d->arena, name));
	cause = judge_alias(d->arena, &dst.alias);
	if (cause != NULL)
		return cause;
	if (dst.alias.kind == FL_ALIAS_DOMAIN)
		dst.alias.kind = FL_ALIAS_USER; /* only a source; as a destination it is nobody */
	dst.alias.at = at;
	if (!fl_alias_intern(d, &dst.alias))
		return fl_cause_nomem;
	*out = dst;
	return NULL;
}
