/* SPDX-License-Identifier: BSD-3-Clause */
/* base/ip.c - addresses, prefixes, endpoints and their texts, as Go's net/netip writes them. */
#include "base/ip.h"

#include <stdio.h>

#include "base/text.h"

enum { GROUPS = 8 }; /* of 16 bits in an IPv6 address */

struct fl_ip fl_ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
	return (struct fl_ip){ .family = FL_IP_V4, .b = { a, b, c, d } };
}

static size_t byte_count(const struct fl_ip *ip)
{
	return fl_ip_width(ip) / 8;
}

int fl_ip_cmp(const struct fl_ip *a, const struct fl_ip *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->b, b->b, byte_count(a));
}

bool fl_ip_eq(const struct fl_ip *a, const struct fl_ip *b)
{
	return fl_ip_cmp(a, b) == 0;
}

bool fl_ip_is_loopback(const struct fl_ip *ip)
{
	static const uint8_t v6[16] = { [15] = 1 };

	if (ip->family == FL_IP_V4)
		return ip->b[0] == 127;
	return ip->family == FL_IP_V6 && memcmp(ip->b, v6, sizeof v6) == 0;
}

void fl_ip_source(const struct fl_ip *ip, uint8_t out[static FL_IP_SOURCE_LEN])
{
	memset(out, 0, FL_IP_SOURCE_LEN);
	memcpy(out, ip->b, ip->family == FL_IP_V4 ? 4 : 8);
	out[FL_IP_SOURCE_LEN - 1] = ip->family == FL_IP_V4 ? 4 : 6;
}

bool fl_ip_is_link_local(const struct fl_ip *ip)
{
	if (ip->family == FL_IP_V4)
		return ip->b[0] == 169 && ip->b[1] == 254;
	return ip->family == FL_IP_V6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

bool fl_ip_next(struct fl_ip *ip)
{
	struct fl_ip next = *ip;

	for (size_t i = byte_count(ip); i > 0; i--) {
		if (++next.b[i - 1] != 0) {
			*ip = next;
			return true;
		}
	}
	return false;
}

static uint16_t group_at(const struct fl_ip *ip, size_t i)
{
	return (uint16_t)(ip->b[2 * i] << 8 | ip->b[2 * i + 1]);
}

/* The first longest run of at least two zero groups; *len is 0 if there is none. */
static size_t zero_run(const struct fl_ip *ip, size_t *len)
{
	size_t best = 0, run = 0;

	*len = 1;
	for (size_t i = 0; i < GROUPS; i++) {
		run = group_at(ip, i) == 0 ? run + 1 : 0;
		if (run > *len) {
			*len = run;
			best = i + 1 - run;
		}
	}
	if (*len == 1)
		*len = 0;
	return best;
}

static bool is_mapped(const struct fl_ip *ip)
{
	static const uint8_t start[12] = { [10] = 0xff, [11] = 0xff };
	return memcmp(ip->b, start, sizeof start) == 0;
}

struct fl_ip fl_ip_unmap(const struct fl_ip *ip)
{
	if (ip->family == FL_IP_V6 && is_mapped(ip))
		return fl_ip_v4(ip->b[12], ip->b[13], ip->b[14], ip->b[15]);
	return *ip;
}

static void format_v4(const uint8_t b[static 4], const char *before, char *out)
{
	snprintf(out, FL_IP_TEXT_MAX, "%s%u.%u.%u.%u", before, b[0], b[1], b[2], b[3]);
}

static void format_v6(const struct fl_ip *ip, char *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t run_len;
	size_t run = zero_run(ip, &run_len);

	for (size_t i = 0; i < GROUPS; i++) {
		if (run_len > 0 && i == run) {
			*out++ = ':';
			*out++ = ':';
			i += run_len;
			if (i == GROUPS)
				break;
		} else if (i > 0) {
			*out++ = ':';
		}
		uint16_t group = group_at(ip, i);
		for (int shift = 12; shift >= 0; shift -= 4) {
			if (group >> shift != 0 || shift == 0)
				*out++ = digits[group >> shift & 15];
		}
	}
	*out = '\0';
}

void fl_ip_format(const struct fl_ip *ip, char out[static FL_IP_TEXT_MAX])
{
	if (ip->family == FL_IP_V4)
		format_v4(ip->b, "", out);
	else if (ip->family != FL_IP_V6)
		out[0] = '\0';
	else if (is_mapped(ip))
		format_v4(ip->b + 12, "::ffff:", out);
	else
		format_v6(ip, out);
}

/* Exactly four decimal bytes without leading zeros. */
static bool parse_v4(struct fl_slice text, uint8_t out[static 4])
{
	for (size_t i = 0; i < 4; i++) {
		const uint8_t *dot = text.len > 0 ? memchr(text.ptr, '.', text.len) : NULL;
		if ((i < 3) != (dot != NULL))
			return false;
		size_t len = dot != NULL ? (size_t)(dot - text.ptr) : text.len;
		uint64_t v;
		if (fl_u64_parse(fl_slice_of(text.ptr, len), &v) != FL_OK || v > 255)
			return false;
		out[i] = (uint8_t)v;
		text = fl_slice_skip(text, len + 1);
	}
	return true;
}

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One to four hex digits off the front; the count, 0 if there is no such group. */
static size_t parse_group(struct fl_slice text, uint16_t *out)
{
	unsigned v = 0;
	size_t n = 0;

	for (; n < text.len && hex_value(text.ptr[n]) >= 0; n++) {
		if (n == 4)
			return 0;
		v = v << 4 | (unsigned)hex_value(text.ptr[n]);
	}
	*out = (uint16_t)v;
	return n;
}

/* The bytes of an IPv6 text while it is read. */
struct v6_reader {
	struct fl_slice in;
	uint8_t b[16];
	size_t len;   /* bytes read */
	size_t gap;   /* where "::" stands, */
	bool has_gap; /* if it does */
};

/* Reads one group, or the dotted tail, and the colon behind it. False: not an address. */
static bool read_group(struct v6_reader *r)
{
	uint16_t group;
	size_t n = parse_group(r->in, &group);

	if (n == 0 || r->len == 16)
		return false;
	if (n < r->in.len && r->in.ptr[n] == '.') {
		if (r->len > 12 || !parse_v4(r->in, r->b + r->len))
			return false;
		r->len += 4;
		r->in = fl_slice_of(NULL, 0);
		return true;
	}
	r->b[r->len++] = (uint8_t)(group >> 8);
	r->b[r->len++] = (uint8_t)group;
	r->in = fl_slice_skip(r->in, n);
	if (r->in.len == 0)
		return true;
	if (r->in.len == 1 || r->in.ptr[0] != ':') /* a lone colon may not end the text */
		return false;
	r->in = fl_slice_skip(r->in, 1);
	return true;
}

static bool starts_gap(const struct v6_reader *r, size_t len)
{
	return r->in.len >= len && memcmp(r->in.ptr, "::", len) == 0;
}

/* `out` comes zeroed. */
static bool parse_v6(struct fl_slice text, uint8_t out[static 16])
{
	struct v6_reader r = { .in = text };
	size_t colons = 2; /* that open a gap: behind a group one was read already */

	while (r.in.len > 0) {
		if (starts_gap(&r, colons)) {
			if (r.has_gap)
				return false;
			r.has_gap = true;
			r.gap = r.len;
			r.in = fl_slice_skip(r.in, colons);
			if (r.in.len == 0)
				break;
		}
		if (!read_group(&r))
			return false;
		colons = 1;
	}
	if (r.has_gap ? r.len > 14 : r.len != 16) /* a gap stands for at least one group */
		return false;

	size_t tail = r.has_gap ? r.len - r.gap : 0;
	memcpy(out, r.b, r.len - tail);
	memcpy(out + 16 - tail, r.b + r.gap, tail);
	return true;
}

enum fl_err fl_ip_parse(struct fl_slice text, struct fl_ip *out)
{
	struct fl_ip ip = { .family = FL_IP_V4 };

	if (text.len == 0)
		return FL_ERR_SYNTAX;
	if (memchr(text.ptr, ':', text.len) != NULL) {
		ip.family = FL_IP_V6;
		if (!parse_v6(text, ip.b))
			return FL_ERR_SYNTAX;
	} else if (!parse_v4(text, ip.b)) {
		return FL_ERR_SYNTAX;
	}
	*out = ip;
	return FL_OK;
}

int fl_prefix_cmp(const struct fl_prefix *a, const struct fl_prefix *b)
{
	int c = fl_ip_cmp(&a->ip, &b->ip);
	return c != 0 ? c : (a->bits > b->bits) - (a->bits < b->bits);
}

bool fl_prefix_eq(const struct fl_prefix *a, const struct fl_prefix *b)
{
	return fl_prefix_cmp(a, b) == 0;
}

bool fl_prefix_has(const struct fl_prefix *p, const struct fl_ip *ip)
{
	if (!fl_ip_is_set(ip) || p->ip.family != ip->family || p->bits > fl_ip_width(ip))
		return false;

	size_t whole = p->bits / 8;
	unsigned rest = p->bits % 8;
	if (memcmp(p->ip.b, ip->b, whole) != 0)
		return false;
	return rest == 0 || (p->ip.b[whole] ^ ip->b[whole]) >> (8 - rest) == 0;
}

bool fl_prefix_covers(const struct fl_prefix *outer, const struct fl_prefix *inner)
{
	return outer->bits <= inner->bits && inner->bits <= fl_ip_width(&inner->ip) &&
	       fl_prefix_has(outer, &inner->ip);
}

bool fl_prefix_is_exit(const struct fl_prefix *p)
{
	static const uint8_t zero[16];
	return fl_ip_is_set(&p->ip) && p->bits == 0 && memcmp(p->ip.b, zero, sizeof zero) == 0;
}

void fl_prefix_mask(struct fl_prefix *p)
{
	for (size_t i = p->bits; i < fl_ip_width(&p->ip); i++)
		p->ip.b[i / 8] &= (uint8_t) ~(0x80u >> i % 8);
}

/* Copies `tail` behind the text that `out` holds. */
static void join(char *out, size_t cap, const char *tail)
{
	size_t len = strlen(out);
	fl_str_copy(out + len, cap - len, fl_slice_str(tail));
}

void fl_prefix_format(const struct fl_prefix *p, char out[static FL_PREFIX_TEXT_MAX])
{
	char bits[8];

	fl_ip_format(&p->ip, out);
	if (out[0] == '\0')
		return;
	snprintf(bits, sizeof bits, "/%u", p->bits);
	join(out, FL_PREFIX_TEXT_MAX, bits);
}

enum fl_err fl_prefix_parse(struct fl_slice text, struct fl_prefix *out)
{
	const uint8_t *slash = text.len > 0 ? memchr(text.ptr, '/', text.len) : NULL;
	struct fl_prefix p;
	uint64_t bits;

	if (slash == NULL)
		return FL_ERR_SYNTAX;
	size_t len = (size_t)(slash - text.ptr);
	if (fl_ip_parse(fl_slice_of(text.ptr, len), &p.ip) != FL_OK ||
	    fl_u64_parse(fl_slice_skip(text, len + 1), &bits) != FL_OK || bits > fl_ip_width(&p.ip))
		return FL_ERR_SYNTAX;
	p.bits = (uint8_t)bits;
	*out = p;
	return FL_OK;
}

struct fl_prefix fl_prefix_host(const struct fl_ip *ip)
{
	return (struct fl_prefix){ .ip = *ip, .bits = fl_ip_width(ip) };
}

bool fl_addrport_eq(const struct fl_addrport *a, const struct fl_addrport *b)
{
	return a->port == b->port && fl_ip_eq(&a->ip, &b->ip);
}

void fl_addrport_format(const struct fl_addrport *a, char out[static FL_ADDRPORT_TEXT_MAX])
{
	char ip[FL_IP_TEXT_MAX];

	fl_ip_format(&a->ip, ip);
	if (!fl_ip_is_set(&a->ip))
		out[0] = '\0';
	else
		snprintf(out, FL_ADDRPORT_TEXT_MAX, a->ip.family == FL_IP_V6 ? "[%s]:%u" : "%s:%u",
			 ip, a->port);
}

enum fl_err fl_addrport_parse(struct fl_slice text, struct fl_addrport *out)
{
	const uint8_t *colon = text.len > 0 ? memrchr(text.ptr, ':', text.len) : NULL;
	struct fl_addrport a;
	uint64_t port;

	if (colon == NULL)
		return FL_ERR_SYNTAX;
	struct fl_slice host = fl_slice_of(text.ptr, (size_t)(colon - text.ptr));
	if (fl_u64_parse(fl_slice_skip(text, host.len + 1), &port) != FL_OK || port > UINT16_MAX)
		return FL_ERR_SYNTAX;

	bool bracketed = host.len >= 2 && host.ptr[0] == '[' && host.ptr[host.len - 1] == ']';
	if (bracketed)
		host = fl_slice_of(host.ptr + 1, host.len - 2);
	if (fl_ip_parse(host, &a.ip) != FL_OK || bracketed != (a.ip.family == FL_IP_V6))
		return FL_ERR_SYNTAX;
	a.port = (uint16_t)port;
	*out = a;
	return FL_OK;
}
