/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/base/test_ip.c - addresses, prefixes and endpoints; texts agree with Go's net/netip. */
#include "table.h"

#include <arpa/inet.h>

#include "base/ip.h"
#include "base/rng.h"

static struct ip_row {
	const char *name; /* also the text that is read */
	const char *want; /* how it is written; NULL: refused */
} ip_rows[] = {
	{ "0.0.0.0", "0.0.0.0" },
	{ "255.255.255.255", "255.255.255.255" },
	{ "100.64.0.1", "100.64.0.1" },
	{ "256.1.1.1", NULL },
	{ "1.2.3.256", NULL },
	{ "1.2.3", NULL },
	{ "1.2.3.4.5", NULL },
	{ "01.2.3.4", NULL },
	{ "1.2.3.04", NULL },
	{ "1.2.3.00", NULL },
	{ "1.2.3.", NULL },
	{ ".1.2.3", NULL },
	{ "1..2.3", NULL },
	{ "+1.2.3.4", NULL },
	{ "1.2.3.-4", NULL },
	{ "1.2.3.a", NULL },
	{ "1.2.3.4 ", NULL },
	{ " 1.2.3.4", NULL },
	{ "1.2.3.4%eth0", NULL },
	{ "1.2.3.99999999999999999999999", NULL },
	{ "1234", NULL },
	{ "", NULL },
	{ "::", "::" },
	{ "::1", "::1" },
	{ "1::", "1::" },
	{ "2001:db8::1", "2001:db8::1" },
	{ "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8" },
	{ "ABCD:EF01::", "abcd:ef01::" },
	{ "0:0:0:1:0:0:0:0", "0:0:0:1::" },
	{ "0:0:1:0:0:1:0:0", "::1:0:0:1:0:0" },
	{ "0:0:1:0:0:0:1:1", "0:0:1::1:1" },
	{ "1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0" },
	{ "0001:0:0:0:0:0:0:00ff", "1::ff" },
	{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
	{ "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
	{ "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0" },
	{ "::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8" },
	{ "::0:1", "::1" },
	{ "1:20:300:4000:5:60:700:8000", "1:20:300:4000:5:60:700:8000" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:0255.255.255.255", NULL },
	{ "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304" },
	{ "1:2:3:4:5::1.2.3.4", "1:2:3:4:5:0:102:304" },
	{ "::ffff:1.2.3.4", "::ffff:1.2.3.4" },
	{ "::FFFF:102:304", "::ffff:1.2.3.4" },
	{ "::ffff:255.255.255.255", "::ffff:255.255.255.255" },
	{ "::1.2.3.4", "::102:304" },
	{ "::fffe:1.2.3.4", "::fffe:102:304" },
	{ "1:2:3:4:5:6:7", NULL },
	{ "1:2:3:4:5:6:7:8:9", NULL },
	{ "1:2:3:4::5:6:7:8", NULL },
	{ "1:2:3:4:5:6:7:8::", NULL },
	{ "::1:2:3:4:5:6:7:8", NULL },
	{ "1:2:3:4:5:6:7:1.2.3.4", NULL },
	{ "1:2:3:4:5:1.2.3.4", NULL },
	{ "1:2:3:4:5:6::1.2.3.4", NULL },
	{ ":", NULL },
	{ ":::", NULL },
	{ "1:::2", NULL },
	{ "::1::", NULL },
	{ "1::2::3", NULL },
	{ "1:", NULL },
	{ ":1", NULL },
	{ ":1::", NULL },
	{ "::1:", NULL },
	{ "1:2:3:4:5:6:7:", NULL },
	{ "12345::", NULL },
	{ "::12345", NULL },
	{ "::00001", NULL },
	{ "g::", NULL },
	{ "::g", NULL },
	{ "::1.2.3.4:5", NULL },
	{ "::1.2.3", NULL },
	{ "::01.2.3.4", NULL },
	{ "::1.2.3.4.5", NULL },
	{ "::.2.3.4", NULL },
	{ "::a.2.3.4", NULL },
	{ "fe80::1%eth0", NULL },
	{ "fe80::1%", NULL },
	{ "[::1]", NULL },
	{ " ::1", NULL },
	{ "::1 ", NULL },
};

static void ip_row(void **state)
{
	const struct ip_row *row = *state;
	struct fl_slice in = exact(fl_slice_str(row->name));
	struct fl_ip ip = { .family = 0xaa };
	char text[FL_IP_TEXT_MAX];

	assert_err(fl_ip_parse(in, &ip), row->want ? FL_OK : FL_ERR_SYNTAX);
	exact_free(in);
	if (row->want == NULL) {
		assert_int_equal(ip.family, 0xaa);
		return;
	}
	assert_int_equal(ip.family, strchr(row->name, ':') ? FL_IP_V6 : FL_IP_V4);
	fl_ip_format(&ip, text);
	assert_string_equal(text, row->want);
	for (size_t cut = 0; cut < strlen(row->name); cut++) { /* a prefix may be an address too */
		in = exact(fl_slice_of(row->name, cut));
		(void)!fl_ip_parse(in, &ip);
		exact_free(in);
	}
}

static void embedded_nul_is_refused(void **state)
{
	struct fl_ip ip;
	(void)state;

	assert_err(fl_ip_parse((struct fl_slice)BYTES("1.2.3.4\0"), &ip), FL_ERR_SYNTAX);
	assert_err(fl_ip_parse((struct fl_slice)BYTES("::1\0"), &ip), FL_ERR_SYNTAX);
}

static void null_slices_are_refused(void **state)
{
	struct fl_ip ip;
	struct fl_prefix p;
	struct fl_addrport a;
	(void)state;

	assert_err(fl_ip_parse(fl_slice_of(NULL, 0), &ip), FL_ERR_SYNTAX);
	assert_err(fl_prefix_parse(fl_slice_of(NULL, 0), &p), FL_ERR_SYNTAX);
	assert_err(fl_addrport_parse(fl_slice_of(NULL, 0), &a), FL_ERR_SYNTAX);
}

/* IPv4 keeps the bytes it does not use at zero, whatever stood there before. */
static void v4_is_clean_behind(void **state)
{
	struct fl_ip ip, made = fl_ip_v4(1, 2, 3, 4);
	(void)state;

	memset(&ip, 0xff, sizeof ip);
	assert_err(fl_ip_parse(fl_slice_str("1.2.3.4"), &ip), FL_OK);
	assert_memory_equal(&ip, &made, sizeof ip);
	assert_int_equal(fl_ip_width(&ip), 32);
	for (size_t i = 4; i < 16; i++)
		assert_int_equal(ip.b[i], 0);
}

static struct fl_ip random_ip(struct fl_rng *r)
{
	struct fl_ip ip = { .family = fl_rng_below(r, 4) == 0 ? FL_IP_V4 : FL_IP_V6 };
	uint64_t zeros = fl_rng_next(r);

	for (size_t i = 0; i < fl_ip_width(&ip) / 8u; i++) /* runs of zeros are the hard part */
		ip.b[i] = zeros >> (i / 2) & 1 ? 0 : (uint8_t)fl_rng_next(r);
	return ip;
}

/* What is written reads back, and the system's own parser reads the same from it. */
static void texts_round_trip(void **state)
{
	struct fl_rng r;
	(void)state;

	fl_rng_init(&r, 11);
	for (size_t i = 0; i < 50000; i++) {
		struct fl_ip ip = random_ip(&r), back;
		char text[FL_IP_TEXT_MAX];
		uint8_t system[16] = { 0 };

		fl_ip_format(&ip, text);
		assert_err(fl_ip_parse(fl_slice_str(text), &back), FL_OK);
		assert_memory_equal(&ip, &back, sizeof ip);
		assert_int_equal(
			inet_pton(ip.family == FL_IP_V4 ? AF_INET : AF_INET6, text, system), 1);
		assert_memory_equal(ip.b, system, sizeof system);
	}
}

/* Mutated texts: accepted exactly when the system accepts them, and with the same bytes. */
static void mutated_texts_agree_with_the_system(void **state)
{
	static const char letters[] = ":.0123456789abcdefF%";
	struct fl_rng r;
	size_t accepted = 0;
	(void)state;

	fl_rng_init(&r, 12);
	for (size_t i = 0; i < 100000; i++) {
		struct fl_ip ip = random_ip(&r), ours;
		char text[FL_IP_TEXT_MAX + 1];
		uint8_t theirs[16] = { 0 };

		fl_ip_format(&ip, text);
		size_t len = strlen(text), at = (size_t)fl_rng_below(&r, len);
		switch (fl_rng_below(&r, 3)) {
		case 0:
			text[at] = letters[fl_rng_below(&r, sizeof letters - 1)];
			break;
		case 1:
			memmove(text + at, text + at + 1, len - at);
			break;
		case 2:
			memmove(text + at + 1, text + at, len - at + 1);
			break;
		}
		bool ok = fl_ip_parse(fl_slice_str(text), &ours) == FL_OK;
		int family = strchr(text, ':') ? AF_INET6 : AF_INET;
		if (ok != (inet_pton(family, text, theirs) == 1))
			fail_msg("\"%s\" is %s", text, ok ? "accepted" : "refused");
		if (ok)
			assert_memory_equal(ours.b, theirs, sizeof theirs);
		accepted += ok;
	}
	assert_in_range(accepted, 20000, 80000);
}

static struct fl_ip ip_of(const char *text)
{
	struct fl_ip ip = { 0 };
	if (*text != '\0')
		assert_err(fl_ip_parse(fl_slice_str(text), &ip), FL_OK);
	return ip;
}

/* In rising order. */
static const char *const ordered[] = {
	"",
	"0.0.0.0",
	"0.0.0.1",
	"1.0.0.0",
	"127.255.255.255",
	"128.0.0.0",
	"255.255.255.255",
	"::",
	"::1",
	"::ffff:0.0.0.1",
	"::ffff:1.2.3.4",
	"1::",
	"2001:db8::",
	"2001:db8::1",
	"fe80::",
	"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
};

static void order_is_unset_v4_v6(void **state)
{
	(void)state;

	for (size_t i = 0; i < COUNT(ordered); i++) {
		for (size_t j = 0; j < COUNT(ordered); j++) {
			struct fl_ip a = ip_of(ordered[i]), b = ip_of(ordered[j]);
			int c = fl_ip_cmp(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
			assert_int_equal(fl_ip_eq(&a, &b), i == j);
		}
	}
}

static struct kind_row {
	const char *name;
	bool loopback, link_local;
} kind_rows[] = {
	{ "127.0.0.1", true, false },
	{ "127.255.255.255", true, false },
	{ "126.255.255.255", false, false },
	{ "128.0.0.0", false, false },
	{ "::1", true, false },
	{ "::2", false, false },
	{ "::", false, false },
	{ "1::1", false, false },
	{ "::ffff:127.0.0.1", false, false },
	{ "169.254.0.0", false, true },
	{ "169.254.255.255", false, true },
	{ "169.253.255.255", false, false },
	{ "169.255.0.0", false, false },
	{ "168.254.0.0", false, false },
	{ "fe80::", false, true },
	{ "febf:ffff::", false, true },
	{ "fe7f:ffff::", false, false },
	{ "fec0::", false, false },
	{ "ff80::", false, false },
	{ "10.0.0.0", false, false },
	{ "10.255.255.255", false, false },
	{ "9.255.255.255", false, false },
	{ "11.0.0.0", false, false },
	{ "172.15.255.255", false, false },
	{ "172.16.0.0", false, false },
	{ "172.31.255.255", false, false },
	{ "172.32.0.0", false, false },
	{ "192.168.0.0", false, false },
	{ "192.167.255.255", false, false },
	{ "192.169.0.0", false, false },
	{ "193.168.0.0", false, false },
	{ "100.64.0.1", false, false },
	{ "fbff::", false, false },
	{ "fc00::", false, false },
	{ "fdff:ffff::", false, false },
	{ "a00::1", false, false },
	{ "7f00::1", false, false },
	{ "a9fe::1", false, false },
	{ "", false, false },
};

static void kind_row(void **state)
{
	const struct kind_row *row = *state;
	struct fl_ip ip = ip_of(row->name);

	assert_int_equal(fl_ip_is_loopback(&ip), row->loopback);
	assert_int_equal(fl_ip_is_link_local(&ip), row->link_local);
	assert_int_equal(fl_ip_is_set(&ip), row->name[0] != '\0');
}

static struct next_row {
	const char *name;
	const char *want; /* NULL: there is none */
} next_rows[] = {
	{ "0.0.0.0", "0.0.0.1" },
	{ "1.2.3.255", "1.2.4.0" },
	{ "1.255.255.255", "2.0.0.0" },
	{ "255.255.255.254", "255.255.255.255" },
	{ "255.255.255.255", NULL },
	{ "::", "::1" },
	{ "::ffff:255.255.255.255", "::1:0:0:0" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL },
	{ "", NULL },
};

static void next_row(void **state)
{
	const struct next_row *row = *state;
	struct fl_ip ip = ip_of(row->name), want = ip_of(row->want ? row->want : row->name);

	assert_int_equal(fl_ip_next(&ip), row->want != NULL);
	assert_memory_equal(&ip, &want, sizeof ip);
}

static struct prefix_row {
	const char *name;
	const char *masked; /* NULL: refused */
	bool exit;
} prefix_rows[] = {
	{ "10.0.0.0/8", "10.0.0.0/8", false },
	{ "10.1.2.3/8", "10.0.0.0/8", false },
	{ "10.255.2.3/9", "10.128.0.0/9", false },
	{ "1.2.3.4/32", "1.2.3.4/32", false },
	{ "1.2.3.5/31", "1.2.3.4/31", false },
	{ "1.2.3.4/0", "0.0.0.0/0", false },
	{ "0.0.0.0/0", "0.0.0.0/0", true },
	{ "0.0.0.0/1", "0.0.0.0/1", false },
	{ "::/0", "::/0", true },
	{ "::1/0", "::/0", false },
	{ "::/128", "::/128", false },
	{ "fd7a:115c:a1e0:ab12::1/48", "fd7a:115c:a1e0::/48", false },
	{ "ffff::ffff/127", "ffff::fffe/127", false },
	{ "::ffff:1.2.3.4/96", "::ffff:0.0.0.0/96", false },
	{ "1.2.3.4/33", NULL, false },
	{ "::/129", NULL, false },
	{ "1.2.3.4/", NULL, false },
	{ "1.2.3.4", NULL, false },
	{ "/8", NULL, false },
	{ "/", NULL, false },
	{ "", NULL, false },
	{ "1.2.3.4/08", NULL, false },
	{ "1.2.3.4/+8", NULL, false },
	{ "1.2.3.4/-1", NULL, false },
	{ "1.2.3.4/ 8", NULL, false },
	{ "1.2.3.4/8 ", NULL, false },
	{ "1.2.3.4/8/8", NULL, false },
	{ "1.2.3.4/1000", NULL, false },
	{ "1.2.3.4/18446744073709551624", NULL, false },
	{ "fe80::%a/64", NULL, false },
	{ "10.0/8", NULL, false },
};

static void prefix_row(void **state)
{
	const struct prefix_row *row = *state;
	struct fl_slice in = exact(fl_slice_str(row->name));
	struct fl_prefix p = { .bits = 0xaa };
	char text[FL_PREFIX_TEXT_MAX];

	assert_err(fl_prefix_parse(in, &p), row->masked ? FL_OK : FL_ERR_SYNTAX);
	exact_free(in);
	if (row->masked == NULL) {
		assert_int_equal(p.bits, 0xaa);
		return;
	}
	fl_prefix_format(&p, text);
	assert_string_equal(text, row->name);
	assert_int_equal(fl_prefix_is_exit(&p), row->exit);
	fl_prefix_mask(&p);
	fl_prefix_format(&p, text);
	assert_string_equal(text, row->masked);
}

static struct fl_prefix prefix_of(const char *text)
{
	struct fl_prefix p = { 0 };
	if (*text != '\0')
		assert_err(fl_prefix_parse(fl_slice_str(text), &p), FL_OK);
	return p;
}

static struct cover_row {
	const char *name;
	const char *outer, *inner;
	bool covers, has; /* `has`: the outer contains the inner's address */
} cover_rows[] = {
	{ "itself", "10.0.0.0/8", "10.0.0.0/8", true, true },
	{ "longer", "10.0.0.0/8", "10.1.2.0/24", true, true },
	{ "shorter", "10.1.2.0/24", "10.1.2.0/23", false, true },
	{ "one bit beside", "10.0.0.0/9", "10.128.0.0/9", false, false },
	{ "last bit inside", "10.1.2.4/31", "10.1.2.5/32", true, true },
	{ "last bit outside", "10.1.2.4/31", "10.1.2.6/32", false, false },
	{ "host and itself", "10.1.2.4/32", "10.1.2.4/32", true, true },
	{ "host and neighbour", "10.1.2.4/32", "10.1.2.5/32", false, false },
	{ "host bits do not matter", "10.9.9.9/8", "10.1.2.0/24", true, true },
	{ "everything", "0.0.0.0/0", "255.255.255.255/32", true, true },
	{ "everything, IPv6", "::/0", "ffff::/16", true, true },
	{ "IPv4 not in IPv6", "::/0", "10.0.0.0/8", false, false },
	{ "IPv6 not in IPv4", "0.0.0.0/0", "::/0", false, false },
	{ "mapped is not IPv4", "0.0.0.0/0", "::ffff:1.2.3.4/128", false, false },
	{ "IPv6 at bit 65", "fd00::/65", "fd00::7fff:0:0:0/128", true, true },
	{ "IPv6 beyond bit 65", "fd00::/65", "fd00::8000:0:0:0/128", false, false },
	{ "IPv6 whole", "fd00::1/128", "fd00::1/128", true, true },
	{ "IPv6 whole, other", "fd00::1/128", "fd00::2/128", false, false },
	{ "unset outer", "", "10.0.0.0/8", false, false },
	{ "unset inner", "0.0.0.0/0", "", false, false },
	{ "both unset", "", "", false, false },
};

static void cover_row(void **state)
{
	const struct cover_row *row = *state;
	struct fl_prefix outer = prefix_of(row->outer), inner = prefix_of(row->inner);

	assert_int_equal(fl_prefix_covers(&outer, &inner), row->covers);
	assert_int_equal(fl_prefix_has(&outer, &inner.ip), row->has);
}

/* Bits beyond the width are our mistake, and must not read outside the address. */
static void bits_beyond_the_width_match_nothing(void **state)
{
	struct fl_prefix p = { .ip = fl_ip_v4(1, 2, 3, 4), .bits = 33 }, q = p, before = p;
	(void)state;

	assert_false(fl_prefix_has(&p, &p.ip));
	assert_false(fl_prefix_covers(&p, &p));
	q.bits = 255;
	assert_false(fl_prefix_has(&q, &q.ip));
	p.bits = 0;
	assert_false(fl_prefix_covers(&p, &q));
	p.bits = 33;
	fl_prefix_mask(&p);
	assert_memory_equal(&p, &before, sizeof p);
}

/* has() beside comparing bit after bit. */
static void has_agrees_with_bit_by_bit(void **state)
{
	struct fl_rng r;
	(void)state;

	fl_rng_init(&r, 13);
	for (size_t i = 0; i < 50000; i++) {
		struct fl_ip a = random_ip(&r), b = a;
		size_t width = fl_ip_width(&a), flip = (size_t)fl_rng_below(&r, width);
		struct fl_prefix p = { .ip = a, .bits = (uint8_t)fl_rng_below(&r, width + 1) };

		b.b[flip / 8] ^= (uint8_t)(0x80u >> flip % 8);
		assert_int_equal(fl_prefix_has(&p, &b), flip >= p.bits);
		struct fl_prefix m = p;
		fl_prefix_mask(&m);
		for (size_t bit = 0; bit < width; bit++) {
			bool was = p.ip.b[bit / 8] >> (7 - bit % 8) & 1;
			bool is = m.ip.b[bit / 8] >> (7 - bit % 8) & 1;
			assert_int_equal(is, was && bit < p.bits);
		}
	}
}

static void prefixes_order_by_address_then_bits(void **state)
{
	static const char *const rising[] = { "0.0.0.0/0",  "10.0.0.0/8", "10.0.0.0/9",
					      "10.0.0.1/8", "::/0",       "::/128" };
	(void)state;

	for (size_t i = 0; i < COUNT(rising); i++) {
		for (size_t j = 0; j < COUNT(rising); j++) {
			struct fl_prefix a = prefix_of(rising[i]), b = prefix_of(rising[j]);
			int c = fl_prefix_cmp(&a, &b);
			assert_int_equal((c > 0) - (c < 0), (i > j) - (i < j));
			assert_int_equal(fl_prefix_eq(&a, &b), i == j);
		}
	}
}

static void unset_values_format_as_nothing(void **state)
{
	struct fl_ip ip = { 0 };
	struct fl_prefix p = fl_prefix_host(&ip);
	struct fl_addrport a = { .port = 80 };
	char text[FL_ADDRPORT_TEXT_MAX] = "ip";
	(void)state;

	assert_int_equal(fl_ip_width(&ip), 0);
	fl_ip_format(&ip, text);
	assert_string_equal(text, "");
	memcpy(text, "prefix", sizeof "prefix");
	fl_prefix_format(&p, text);
	assert_string_equal(text, "");
	memcpy(text, "endpoint", sizeof "endpoint");
	fl_addrport_format(&a, text);
	assert_string_equal(text, "");
	assert_false(fl_prefix_is_exit(&p));
}

static void host_prefixes_are_whole(void **state)
{
	struct fl_ip v4 = ip_of("1.2.3.4"), v6 = ip_of("::1");
	(void)state;

	assert_int_equal(fl_prefix_host(&v4).bits, 32);
	assert_int_equal(fl_prefix_host(&v6).bits, 128);
	struct fl_prefix p = fl_prefix_host(&v6);
	assert_true(fl_ip_eq(&p.ip, &v6));
}

static struct addrport_row {
	const char *name;
	int port; /* -1: refused */
} addrport_rows[] = {
	{ "1.2.3.4:80", 80 },
	{ "1.2.3.4:0", 0 },
	{ "1.2.3.4:65535", 65535 },
	{ "[::1]:41641", 41641 },
	{ "[::ffff:1.2.3.4]:1", 1 },
	{ "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535", 65535 },
	{ "1.2.3.4:65536", -1 },
	{ "1.2.3.4:080", -1 },
	{ "1.2.3.4:+80", -1 },
	{ "1.2.3.4:", -1 },
	{ "1.2.3.4", -1 },
	{ ":80", -1 },
	{ ":", -1 },
	{ "", -1 },
	{ "::1:80", -1 },
	{ "[1.2.3.4]:80", -1 },
	{ "[::1]", -1 },
	{ "[::1]:", -1 },
	{ "[::1:80", -1 },
	{ "::1]:80", -1 },
	{ "[]:80", -1 },
	{ "[:80", -1 },
	{ "]:80", -1 },
	{ "[::1]]:1", -1 },
	{ "[[::1]]:1", -1 },
	{ "[::1%a]:80", -1 },
	{ "[::1]x:80", -1 },
	{ "[::1]80", -1 },
	{ "localhost:80", -1 },
};

static void addrport_row(void **state)
{
	const struct addrport_row *row = *state;
	struct fl_slice in = exact(fl_slice_str(row->name));
	struct fl_addrport a = { .port = 4711 };
	char text[FL_ADDRPORT_TEXT_MAX];

	assert_err(fl_addrport_parse(in, &a), row->port >= 0 ? FL_OK : FL_ERR_SYNTAX);
	assert_int_equal(a.port, row->port >= 0 ? row->port : 4711);
	exact_free(in);
	if (row->port < 0)
		return;
	fl_addrport_format(&a, text);
	assert_string_equal(text, row->name);
	struct fl_addrport b = a;
	assert_true(fl_addrport_eq(&a, &b));
	b.port ^= 1;
	assert_false(fl_addrport_eq(&a, &b));
	b = a;
	b.ip.b[3] ^= 1;
	assert_false(fl_addrport_eq(&a, &b));
}

static void mapped_becomes_v4(void **state)
{
	static const char *const rows[][2] = {
		{ "::ffff:1.2.3.4", "1.2.3.4" },
		{ "1.2.3.4", "1.2.3.4" },
		{ "::fffe:1.2.3.4", "::fffe:102:304" },
		{ "1::ffff:1.2.3.4", "1::ffff:102:304" },
	};
	char text[FL_IP_TEXT_MAX];
	struct fl_ip ip;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		assert_int_equal(fl_ip_parse(fl_slice_str(rows[i][0]), &ip), FL_OK);
		ip = fl_ip_unmap(&ip);
		fl_ip_format(&ip, text);
		assert_string_equal(text, rows[i][1]);
	}
}

int main(void)
{
	static struct suite s;

	ROWS(&s, ip_rows, ip_row);
	suite_add(&s, "an embedded NUL is refused", embedded_nul_is_refused, NULL);
	suite_add(&s, "NULL slices are refused", null_slices_are_refused, NULL);
	suite_add(&s, "IPv4 is clean behind", v4_is_clean_behind, NULL);
	suite_add(&s, "texts round trip", texts_round_trip, NULL);
	suite_add(&s, "mutated texts agree with the system", mutated_texts_agree_with_the_system,
		  NULL);
	suite_add(&s, "order is unset, IPv4, IPv6", order_is_unset_v4_v6, NULL);
	suite_add(&s, "mapped becomes IPv4", mapped_becomes_v4, NULL);
	ROWS(&s, kind_rows, kind_row);
	ROWS(&s, next_rows, next_row);
	ROWS(&s, prefix_rows, prefix_row);
	ROWS(&s, cover_rows, cover_row);
	suite_add(&s, "bits beyond the width match nothing", bits_beyond_the_width_match_nothing,
		  NULL);
	suite_add(&s, "has agrees with bit by bit", has_agrees_with_bit_by_bit, NULL);
	suite_add(&s, "prefixes order by address, then bits", prefixes_order_by_address_then_bits,
		  NULL);
	suite_add(&s, "unset values format as nothing", unset_values_format_as_nothing, NULL);
	suite_add(&s, "host prefixes are whole", host_prefixes_are_whole, NULL);
	ROWS(&s, addrport_rows, addrport_row);
	return suite_run(&s, "base/ip");
}
