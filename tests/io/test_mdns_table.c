/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_mdns_table.c - what is seen and what is told of it, without a network. */
#include "../base/table.h"

#include <stdio.h>

#include "base/buf.h"
#include "io/mdns_table.h"

static struct fl_mdns_table table;
static const uint8_t seed[16];

static int setup(void **state)
{
	(void)state;
	fl_mdns_table_init(&table, seed);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fl_mdns_table_done(&table);
	return 0;
}

static struct fl_ip ip(const char *text)
{
	struct fl_ip out;

	assert_err(fl_ip_parse(fl_slice_str(text), &out), FL_OK);
	return out;
}

static void set(struct fl_mdns_entry *e, const char *host, const char *txt)
{
	struct fl_slice s = fl_slice_str(txt);
	assert_err(fl_mdns_table_set(&table, e, host, 4712, &s, 1), FL_OK);
}

static void add_addr(struct fl_mdns_entry *e, const char *text)
{
	struct fl_ip addr = ip(text);
	fl_mdns_table_addr_add(&table, e, &addr);
}

static void del_addr(struct fl_mdns_entry *e, const char *text)
{
	struct fl_ip addr = ip(text);
	fl_mdns_table_addr_del(&table, e, &addr);
}

/* The next change as text: "+a@2/4 host 4712 addr,addr txt", "-a@2/4", or "" at the end. */
static const char *next(void)
{
	static char line[8192];
	struct fl_buf b = fl_buf_over(line, sizeof line);
	struct fl_mdns_seen s;
	char text[FL_IP_TEXT_MAX];
	bool gone;

	memset(line, 0, sizeof line);
	if (!fl_mdns_table_next(&table, &s, &gone))
		return line;
	fl_buf_printf(&b, "%c%s@%u/%c", gone ? '-' : '+', s.instance, (unsigned)s.interface,
		      s.ipv6 ? '6' : '4');
	if (gone)
		return line;
	fl_buf_printf(&b, " %s %u", s.host, s.port);
	for (size_t i = 0; i < s.addrs_count; i++) {
		fl_ip_format(&s.addrs[i], text);
		fl_buf_printf(&b, "%c%s", i == 0 ? ' ' : ',', text);
	}
	for (size_t i = 0; i < s.txt_count; i++)
		fl_buf_printf(&b, " %.*s", (int)s.txt[i].len, (const char *)s.txt[i].ptr);
	return line;
}

static struct fl_mdns_entry *seen(const char *instance, const char *host, const char *addr)
{
	struct fl_mdns_entry *e = fl_mdns_table_add(&table, instance, 2, false);

	assert_non_null(e);
	set(e, host, "a=b");
	add_addr(e, addr);
	assert_int_not_equal(next()[0], '\0');
	return e;
}

/* In pieces, and told when the last of them is there. */
static void test_visible_when_whole(void **state)
{
	struct fl_mdns_entry *e = fl_mdns_table_add(&table, "Hub", 2, false);

	(void)state;
	assert_string_equal(next(), "");
	add_addr(e, "10.0.0.2");
	assert_string_equal(next(), "");
	del_addr(e, "10.0.0.2");
	set(e, "h.local", "a=b");
	assert_string_equal(next(), "");
	add_addr(e, "10.0.0.1");
	assert_string_equal(next(), "+Hub@2/4 h.local 4712 10.0.0.1 a=b");
	assert_string_equal(next(), "");
}

static void test_changes(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");

	(void)state;
	set(e, "h.local", "a=b"); /* the same */
	add_addr(e, "10.0.0.1");
	del_addr(e, "10.0.0.9");
	assert_string_equal(next(), "");
	set(e, "h.local", "a=c");
	add_addr(e, "10.0.0.2");
	assert_string_equal(next(), "+Hub@2/4 h.local 4712 10.0.0.1,10.0.0.2 a=c");
	assert_string_equal(next(), "");
	set(e, "other.local", "a=c"); /* with addresses of its own */
	assert_string_equal(next(), "-Hub@2/4");
	add_addr(e, "10.0.0.3");
	assert_string_equal(next(), "+Hub@2/4 other.local 4712 10.0.0.3 a=c");
	del_addr(e, "10.0.0.3");
	assert_string_equal(next(), "-Hub@2/4");
	add_addr(e, "10.0.0.4");
	fl_mdns_table_hide(&table, e);
	assert_string_equal(next(), "");
}

/* RFC 2782 and 6763: port 0 says that the instance is there, but not the service. */
static void test_port_0_is_no_service(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");
	struct fl_slice txt = fl_slice_str("a=b");

	(void)state;
	assert_err(fl_mdns_table_set(&table, e, "h.local", 0, &txt, 1), FL_OK);
	assert_string_equal(next(), "-Hub@2/4");
	set(e, "h.local", "a=b");
	assert_string_equal(next(), "+Hub@2/4 h.local 4712 10.0.0.1 a=b");
}

/* To dial in that order: by number, those that need the interface last. */
static void test_order_of_addresses(void **state)
{
	struct fl_mdns_entry *e = fl_mdns_table_add(&table, "Hub", 2, true);

	(void)state;
	set(e, "h.local", "a=b");
	add_addr(e, "fe80::2");
	add_addr(e, "fd00::1");
	add_addr(e, "fe80::1");
	add_addr(e, "2001:db8::1");
	assert_string_equal(next(),
			    "+Hub@2/6 h.local 4712 2001:db8::1,fd00::1,fe80::1,fe80::2 a=b");
}

static void test_interfaces_apart(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");

	(void)state;
	assert_ptr_equal(fl_mdns_table_find(&table, "Hub", 2, false), e);
	assert_null(fl_mdns_table_find(&table, "Hub", 2, true));
	assert_null(fl_mdns_table_find(&table, "Hub", 3, false));
	assert_null(fl_mdns_table_find(&table, "hub", 2, false));
	assert_null(fl_mdns_table_find(&table, "4 Hub", 2, false));
}

static void test_removal(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");

	(void)state;
	fl_mdns_table_remove(&table, e);
	assert_null(fl_mdns_table_find(&table, "Hub", 2, false));
	assert_string_equal(next(), "-Hub@2/4");
	assert_string_equal(next(), "");
	/* Never told: never gone. */
	e = fl_mdns_table_add(&table, "Hub", 2, false);
	set(e, "h.local", "a=b");
	add_addr(e, "10.0.0.1");
	fl_mdns_table_remove(&table, e);
	assert_string_equal(next(), "");
}

/* Gone and back before anybody looked: two entries of one name, in order. */
static void test_back_at_once(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");

	(void)state;
	fl_mdns_table_remove(&table, e);
	e = fl_mdns_table_add(&table, "Hub", 2, false);
	set(e, "h.local", "a=b");
	add_addr(e, "10.0.0.1");
	assert_string_equal(next(), "-Hub@2/4");
	assert_string_equal(next(), "+Hub@2/4 h.local 4712 10.0.0.1 a=b");
	assert_string_equal(next(), "");
}

static void test_limit_of_entries(void **state)
{
	char name[16];

	(void)state;
	for (unsigned i = 0; i < FL_MDNS_SEEN_MAX; i++) {
		snprintf(name, sizeof name, "%u", i);
		assert_non_null(fl_mdns_table_add(&table, name, 2, false));
	}
	assert_false(table.missed);
	assert_null(fl_mdns_table_add(&table, "more", 2, false));
	assert_int_equal(table.dropped, 1);
	assert_true(table.missed);
	fl_mdns_table_remove(&table, fl_mdns_table_find(&table, "7", 2, false));
	assert_non_null(fl_mdns_table_add(&table, "more", 2, false));
}

static void test_limit_of_addresses(void **state)
{
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");
	char text[FL_IP_TEXT_MAX];

	(void)state;
	for (unsigned i = 2; i <= FL_MDNS_ADDRS_MAX; i++) {
		snprintf(text, sizeof text, "10.0.0.%u", i);
		add_addr(e, text);
	}
	assert_int_equal(e->addrs_count, FL_MDNS_ADDRS_MAX);
	assert_int_equal(table.dropped, 0);
	add_addr(e, "10.0.0.99");
	assert_int_equal(e->addrs_count, FL_MDNS_ADDRS_MAX);
	assert_int_equal(table.dropped, 1);
}

static char bytes[400];
static struct txt {
	const char *name;
	size_t count, len, last, host;
	enum fl_err want;
} txts[] = {
	{ "nothing", 0, 0, 0, 1, FL_OK },
	{ "64 strings", 64, 1, 1, 1, FL_OK },
	{ "65 strings", 65, 1, 1, 1, FL_ERR_TOO_BIG },
	{ "string of 255", 1, 255, 255, 1, FL_OK },
	{ "string of 256", 1, 256, 256, 1, FL_ERR_TOO_BIG },
	{ "1299 bytes", 6, 255, 18, 1, FL_OK },
	{ "1300 bytes", 6, 255, 19, 1, FL_OK },
	{ "1301 bytes", 6, 255, 20, 1, FL_ERR_TOO_BIG },
	{ "host of 255", 1, 1, 1, 255, FL_OK },
	{ "host of 256", 1, 1, 1, 256, FL_ERR_TOO_BIG },
};

/* Too much of a name that was told hides it. */
static void test_txt(void **state)
{
	const struct txt *r = *state;
	struct fl_slice strings[FL_MDNS_TXT_STRINGS_MAX + 1];
	char host[300] = "";

	setup(NULL);
	struct fl_mdns_entry *e = seen("Hub", "h.local", "10.0.0.1");
	memset(bytes, 'x', sizeof bytes);
	memset(host, 'h', r->host);
	for (size_t i = 0; i < r->count; i++)
		strings[i] = fl_slice_of(bytes, i + 1 == r->count ? r->last : r->len);
	assert_err(fl_mdns_table_set(&table, e, host, 1, strings, r->count), r->want);
	assert_int_equal(e->host != NULL, r->want == FL_OK);
	assert_int_equal(table.dropped, r->want != FL_OK);
	assert_string_equal(next(), "-Hub@2/4");
	if (r->want == FL_OK && r->count < COUNT(strings)) {
		assert_int_equal(e->txt_count, r->count);
		for (size_t i = 0; i < r->count; i++)
			assert_bytes(e->txt[i], strings[i]);
	}
	teardown(NULL);
}

static struct find {
	const char *name, *addrs[2], *host, *want;
} finds[] = {
	{ "IPv4 before IPv6", { "2001:db8::1", "10.0.0.1" }, "h.local", "10.0.0.1" },
	{ "IPv6 before link-local IPv4",
	  { "169.254.0.1", "2001:db8::1" },
	  "h.local",
	  "2001:db8::1" },
	{ "link-local IPv4", { "169.254.0.1", "fe80::1" }, "h.local", "169.254.0.1" },
	{ "no link-local IPv6", { "fe80::1", "fe80::2" }, "h.local", NULL },
	{ "any case, a dot", { "10.0.0.1", "fe80::1" }, "H.LOCAL.", "10.0.0.1" },
	{ "0.0.0.0 is nobody's", { "0.0.0.0", "2001:db8::1" }, "h.local", "2001:db8::1" },
	{ "nor is ::", { "::", "::" }, "h.local", NULL },
	{ "another host", { "10.0.0.1", "fe80::1" }, "hh.local", NULL },
	{ "no host", { "10.0.0.1", "fe80::1" }, "", NULL },
};

static void test_lookup(void **state)
{
	const struct find *r = *state;
	struct fl_ip got;

	setup(NULL);
	for (size_t i = 0; i < 2; i++) {
		struct fl_mdns_entry *e = fl_mdns_table_add(&table, "Hub", (uint32_t)i, false);
		set(e, "h.local", "a=b");
		add_addr(e, r->addrs[i]);
	}
	enum fl_err err = fl_mdns_table_lookup(&table, r->host, &got);
	assert_err(err, r->want != NULL ? FL_OK : FL_ERR_NOT_FOUND);
	if (r->want != NULL) {
		struct fl_ip want = ip(r->want);
		assert_true(fl_ip_eq(&got, &want));
	}
	teardown(NULL);
}

int main(void)
{
	struct suite s = { 0 };
	static const struct {
		const char *name;
		CMUnitTestFunction run;
	} tests[] = {
		{ "visible when whole", test_visible_when_whole },
		{ "changes", test_changes },
		{ "port 0 is no service", test_port_0_is_no_service },
		{ "order of addresses", test_order_of_addresses },
		{ "interfaces apart", test_interfaces_apart },
		{ "removal", test_removal },
		{ "back at once", test_back_at_once },
		{ "limit of entries", test_limit_of_entries },
		{ "limit of addresses", test_limit_of_addresses },
	};

	for (size_t i = 0; i < COUNT(tests); i++) {
		suite_add(&s, tests[i].name, tests[i].run, NULL);
		s.tests[i].setup_func = setup;
		s.tests[i].teardown_func = teardown;
	}
	ROWS(&s, txts, test_txt);
	ROWS(&s, finds, test_lookup);
	return suite_run(&s, "io/mdns_table");
}
