/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_config_forms.c - URLs of a server taken apart, and boxes around warnings. */
#include "../base/table.h"

#include "base/buf.h"
#include "services/config/check.h"

/* ---- server_url ---- */

static struct url {
	const char *name, *text;
	const char *host; /* NULL: refused */
	uint16_t port;
	bool https;
} urls[] = {
	{ "https", "https://vpn.example.com", "vpn.example.com", 443, true },
	{ "http", "http://vpn.example.com", "vpn.example.com", 80, false },
	{ "a slash", "https://a/", "a", 443, true },
	{ "a port", "http://a:8080", "a", 8080, false },
	{ "the last port", "http://a:65535/", "a", 65535, false },
	{ "one port more", "http://a:65536", NULL, 0, false },
	{ "port 0", "http://a:0", NULL, 0, false },
	{ "an empty port", "http://a:", NULL, 0, false },
	{ "a port that is a word", "http://a:b", NULL, 0, false },
	{ "two ports", "http://a:1:2", NULL, 0, false },
	{ "IPv4", "http://192.0.2.1:81", "192.0.2.1", 81, false },
	{ "IPv6", "http://[2001:db8::1]", "2001:db8::1", 80, false },
	{ "IPv6 and a port", "https://[2001:db8::1]:444", "2001:db8::1", 444, true },
	{ "IPv6 and an empty port", "https://[::1]:", NULL, 0, false },
	{ "IPv6 and something else", "https://[::1]x", NULL, 0, false },
	{ "IPv6 without an end", "https://[::1", NULL, 0, false },
	{ "empty IPv6", "https://[]", NULL, 0, false },
	{ "no host", "https://", NULL, 0, false },
	{ "only a port", "https://:443", NULL, 0, false },
	{ "a path", "https://a/b", NULL, 0, false },
	{ "a query", "https://a?b", NULL, 0, false },
	{ "a fragment", "https://a/#b", NULL, 0, false },
	{ "another scheme", "ftp://a", NULL, 0, false },
	{ "no scheme", "a:80", NULL, 0, false },
	{ "nothing", "", NULL, 0, false },
};

static void read_url(void **state)
{
	const struct url *row = *state;
	struct fl_config_url u = { .port = 7 };

	assert_int_equal(fl_config_url_parse(row->text, &u), row->host != NULL);
	assert_int_equal(u.port, row->host != NULL ? row->port : 7); /* untouched on failure */
	assert_string_equal(u.host, row->host != NULL ? row->host : "");
	assert_int_equal(u.https, row->https);
}

/* ---- the box of a critical warning ---- */

static struct box {
	const char *name;
	const char *lines[3];
	size_t count, rows;
} boxes[] = {
	{ "box: no lines", { 0 }, 0, 2 },
	{ "box: an empty line", { "" }, 1, 3 },
	{ "box: short lines", { "a", "", "b c" }, 3, 5 },
	{ "box: exactly full",
	  { "123456789 123456789 123456789 123456789 123456789 1234567890" },
	  1,
	  3 },
	{ "box: one too long, cut at a blank",
	  { "123456789 123456789 123456789 123456789 123456789 123456789 x" },
	  1,
	  4 },
	{ "box: a blank at the edge",
	  { "123456789 123456789 123456789 123456789 123456789 1234567890 x" },
	  1,
	  4 },
	{ "box: a word without blanks",
	  { "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345"
	    "67890"
	    "12345678901234567890123456789012345678901234567890" },
	  1,
	  5 },
};

static void draw_box(void **state)
{
	const struct box *b = *state;
	struct fl_buf out = fl_buf_make(8192);
	size_t rows = 0;

	fl_banner(b->lines, b->count, &out);
	assert_err(fl_buf_err(&out), FL_OK);
	for (size_t i = 0; i < out.len; rows++) {
		const uint8_t *end = memchr(out.ptr + i, '\n', out.len - i);
		assert_non_null(end);
		assert_int_equal(end - (out.ptr + i), 64);
		assert_true(out.ptr[i] == end[-1]); /* | or + on both sides */
		i = (size_t)(end - out.ptr) + 1;
	}
	assert_int_equal(rows, b->rows);
	fl_buf_done(&out);
}

int main(void)
{
	static struct suite s;

	ROWS(&s, urls, read_url);
	ROWS(&s, boxes, draw_box);
	return suite_run(&s, "services/config_forms");
}
