/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * base/ip.h - addresses, prefixes and endpoints as values.
 *
 * Text forms are those of Go's net/netip, which the control protocol uses: lower-case,
 * RFC 5952 compressed IPv6, "[2001:db8::1]:41641".
 */
#ifndef FL_BASE_IP_H
#define FL_BASE_IP_H

#include "base/err.h"
#include "base/slice.h"

enum fl_family { FL_IP_NONE = 0, FL_IP_V4 = 4, FL_IP_V6 = 6 };

enum {
	FL_IP_TEXT_MAX = 46,       /* with NUL */
	FL_PREFIX_TEXT_MAX = 50,   /* with NUL */
	FL_ADDRPORT_TEXT_MAX = 54, /* with NUL */
};

struct fl_ip {
	uint8_t family; /* enum fl_family */
	uint8_t b[16];  /* network order; IPv4 uses the first four, the rest is zero */
};

struct fl_prefix {
	struct fl_ip ip;
	uint8_t bits;
};

struct fl_addrport {
	struct fl_ip ip;
	uint16_t port;
};

struct fl_ip fl_ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);

static inline bool fl_ip_is_set(const struct fl_ip *ip)
{
	return ip->family != FL_IP_NONE;
}

static inline uint8_t fl_ip_width(const struct fl_ip *ip) /* 32, 128, or 0 if unset */
{
	return ip->family == FL_IP_V4 ? 32 : ip->family == FL_IP_V6 ? 128 : 0;
}

/* <0, 0, >0: unset before IPv4 before IPv6, then by number. */
int fl_ip_cmp(const struct fl_ip *a, const struct fl_ip *b);
bool fl_ip_eq(const struct fl_ip *a, const struct fl_ip *b);
bool fl_ip_is_loopback(const struct fl_ip *ip);

/* An IPv4-mapped IPv6 address as IPv4; others as they are. */
struct fl_ip fl_ip_unmap(const struct fl_ip *ip);
bool fl_ip_is_link_local(const struct fl_ip *ip); /* 169.254/16, fe80::/10 */

/* Who an address stands for: an IPv4 address, or the /64 that one IPv6 site has. */
enum { FL_IP_SOURCE_LEN = 16 };
void fl_ip_source(const struct fl_ip *ip, uint8_t out[static FL_IP_SOURCE_LEN]);

/* The next higher address; false (unchanged) at the end of the family. */
bool fl_ip_next(struct fl_ip *ip);

/* Unset formats as "". IPv4-mapped IPv6 stays IPv6 ("::ffff:1.2.3.4"). Zones are refused. */
void fl_ip_format(const struct fl_ip *ip, char out[static FL_IP_TEXT_MAX]);
FL_MUST enum fl_err fl_ip_parse(struct fl_slice text, struct fl_ip *out);

int fl_prefix_cmp(const struct fl_prefix *a, const struct fl_prefix *b); /* by address, then bits */
bool fl_prefix_eq(const struct fl_prefix *a, const struct fl_prefix *b);
bool fl_prefix_has(const struct fl_prefix *p, const struct fl_ip *ip);
bool fl_prefix_covers(const struct fl_prefix *outer, const struct fl_prefix *inner);
bool fl_prefix_is_exit(const struct fl_prefix *p); /* 0.0.0.0/0 or ::/0 */
void fl_prefix_mask(struct fl_prefix *p);          /* clears host bits */
void fl_prefix_format(const struct fl_prefix *p, char out[static FL_PREFIX_TEXT_MAX]);

/* Host bits are kept as written; see fl_prefix_mask. Leading zeros and zones are refused. */
FL_MUST enum fl_err fl_prefix_parse(struct fl_slice text, struct fl_prefix *out);

/* The /32 or /128 of an address. */
struct fl_prefix fl_prefix_host(const struct fl_ip *ip);

bool fl_addrport_eq(const struct fl_addrport *a, const struct fl_addrport *b);
void fl_addrport_format(const struct fl_addrport *a, char out[static FL_ADDRPORT_TEXT_MAX]);
FL_MUST enum fl_err fl_addrport_parse(struct fl_slice text, struct fl_addrport *out);

#endif
