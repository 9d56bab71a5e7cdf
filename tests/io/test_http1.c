/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_http1.c - HTTP/1 requests over real sockets, whole and byte by byte. */
#include "http1_rig.h"

#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- requests ---- */

static const char thousand[] = { [0 ... 999] = 'b', '\0' };

static struct request_row {
	const char *name, *request;
	const char *want; /* statuses */
	bool closes;
	unsigned calls;
} request_rows[] = {
	/* accepted */
	{ "GET", GET11("/hello", ""), "200 ", false, 1 },
	{ "HEAD", "HEAD /hello HTTP/1.1\r\n" H "\r\n" OK_AFTER, "200 200 ", false, 2 },
	{ "kept for a second request", GET11("/hello", "") OK_AFTER, "200 200 ", false, 2 },
	{ "five at once", OK_AFTER OK_AFTER OK_AFTER OK_AFTER OK_AFTER, "200 200 200 200 200 ",
	  false, 5 },
	{ "close asked for", GET11("/hello", "Connection: close\r\n") OK_AFTER, "200 ", true, 1 },
	{ "close in a list", GET11("/hello", "Connection: x, Close\r\n") OK_AFTER, "200 ", true,
	  1 },
	{ "HTTP/1.0 closes", "GET /hello HTTP/1.0\r\n\r\n" OK_AFTER, "200 ", true, 1 },
	{ "HTTP/1.0 kept", "GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "empty lines first", "\r\n\r\n" OK_AFTER, "200 ", false, 1 },
	{ "no content", GET11("/empty", "") OK_AFTER, "204 200 ", false, 1 },
	{ "empty Content-Length", GET11("/hello", "Content-Length: 0\r\n") OK_AFTER, "200 200 ",
	  false, 2 },
	{ "body", "POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" OK_AFTER, "200 200 ",
	  false, 2 },
	{ "chunked body",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	  "2\r\nab\r\n1;x=y\r\nc\r\n0\r\nT: railer\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "chunked, empty",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" OK_AFTER,
	  "200 200 ", false, 2 },
	{ "continue",
	  "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
	  "100 200 ", false, 1 },
	{ "query", GET11("/hello?a=b", ""), "200 ", false, 1 },

	/* answered, and the connection with it */
	{ "unknown path", GET11("/nope", "") OK_AFTER, "404 200 ", false, 1 },
	{ "other method", "PUT /hello HTTP/1.1\r\n" H "\r\n" OK_AFTER, "405 200 ", false, 1 },
	{ "unwanted body", "POST /none HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde" OK_AFTER,
	  "200 ", true, 1 },
	{ "unwanted chunked body",
	  "POST /none HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n" OK_AFTER,
	  "200 ", true, 1 },
	{ "unknown path with a body",
	  "POST /nope HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nabcde" OK_AFTER, "404 ", true, 0 },
	{ "announced over the limit",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\n" OK_AFTER, "413 ", true, 0 },
	{ "no continue for what is refused",
	  "POST /echo HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1001\r\n\r\n",
	  "413 ", true, 0 },
	{ "dot dot", GET11("/a/../hello", "") OK_AFTER, "400 ", true, 0 },
	{ "absolute form", GET11("http://x/hello", "") OK_AFTER, "400 ", true, 0 },
	{ "asterisk form", "OPTIONS * HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "authority form", "CONNECT x:443 HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "escaped slash", GET11("/a%2fhello", "") OK_AFTER, "400 ", true, 0 },

	/* no HTTP, or other */
	{ "TLS hello", "\x16\x03\x01\x02", "400 ", true, 0 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "505 ", true, 0 },
	{ "HTTP/1.2", "GET /hello HTTP/1.2\r\n" H "\r\n", "505 ", true, 0 },
	{ "HTTP/0.9", "GET /hello\r\n\r\n", "400 ", true, 0 },
	{ "no version", "GET /hello \r\n\r\n", "400 ", true, 0 },
	{ "lower case version", "GET /hello http/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "other protocol", "GET /hello RTSP/1.0\r\n" H "\r\n", "400 ", true, 0 },
	{ "unheard method", "BREW /hello HTTP/1.1\r\n" H "\r\n", "501 ", true, 0 },
	{ "lower case method", "get /hello HTTP/1.1\r\n" H "\r\n", "501 ", true, 0 },
	{ "two spaces", "GET  /hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "space in the target", "GET /hel lo HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "tab for a space", "GET\t/hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "space first", " GET /hello HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },
	{ "NUL in the target", "GET /hello\x01 HTTP/1.1\r\n" H "\r\n", "400 ", true, 0 },

	/* smuggling */
	{ "no Host", "GET /hello HTTP/1.1\r\n\r\n", "400 ", true, 0 },
	{ "two Hosts", GET11("/hello", "Host: y\r\n"), "400 ", true, 0 },
	{ "two lengths",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx", "400 ",
	  true, 0 },
	{ "length list", "POST /echo HTTP/1.1\r\n" H "Content-Length: 1, 1\r\n\r\nx", "400 ", true,
	  0 },
	{ "signed length", "POST /echo HTTP/1.1\r\n" H "Content-Length: +1\r\n\r\nx", "400 ", true,
	  0 },
	{ "hex length", "POST /echo HTTP/1.1\r\n" H "Content-Length: 0x1\r\n\r\nx", "400 ", true,
	  0 },
	{ "empty length", "POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\nx", "400 ", true, 0 },
	{ "length over 64 bits",
	  "POST /echo HTTP/1.1\r\n" H "Content-Length: 18446744073709551617\r\n\r\nx", "400 ", true,
	  0 },
	{ "length and coding",
	  "POST /echo HTTP/1.1\r\n" H
	  "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "coding and length",
	  "POST /echo HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "two codings",
	  "POST /echo HTTP/1.1\r\n" H
	  "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "other coding", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", "501 ",
	  true, 0 },
	{ "coding list",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501 ",
	  true, 0 },
	{ "identity coding", "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n",
	  "501 ", true, 0 },
	{ "strange chunked",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: \x0b chunked\r\n\r\n0\r\n\r\n", "501 ",
	  true, 0 },
	{ "coding in HTTP/1.0",
	  "POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400 ", true,
	  0 },
	{ "space before a colon", GET11("/hello", "X-A : 1\r\n"), "400 ", true, 0 },
	{ "no colon", GET11("/hello", "X-A\r\n"), "400 ", true, 0 },
	{ "no name", GET11("/hello", ": x\r\n"), "400 ", true, 0 },
	{ "folded line", GET11("/hello", "X-A: 1\r\n 2\r\n"), "400 ", true, 0 },
	{ "folded first line", "GET /hello HTTP/1.1\r\n X: y\r\n" H "\r\n", "400 ", true, 0 },
	{ "bare LF", "GET /hello HTTP/1.1\n" H "\r\n\r\n", "400 ", true, 0 },
	{ "bare LF between fields", GET11("/hello", "X-A: 1\nX-B: 2\r\n"), "400 ", true, 0 },
	{ "bare CR in a value", GET11("/hello", "X-A: 1\rX-B: 2\r\n"), "400 ", true, 0 },
	{ "CR before CR LF", GET11("/hello", "X-A: 1\r\r\n"), "400 ", true, 0 },
	{ "control character in a value", GET11("/hello", "X-A: \x01\r\n"), "400 ", true, 0 },
	{ "name not a token", GET11("/hello", "X(A): 1\r\n"), "400 ", true, 0 },
	{ "two upgrades", GET11("/hello", "Upgrade: a\r\nUpgrade: b\r\n"), "400 ", true, 0 },
	{ "other expectation", GET11("/hello", "Expect: a-cake\r\n"), "417 ", true, 0 },

	/* chunks */
	{ "chunk size not hex",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400 ", true, 0 },
	{ "chunk size signed",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\n", "400 ", true, 0 },
	{ "chunk size with a prefix",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x1\r\n", "400 ", true,
	  0 },
	{ "chunk size over 64 bits",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000001\r\n",
	  "400 ", true, 0 },
	{ "chunk longer than its size",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "chunk size ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\na\r\n0\r\n\r\n", "400 ",
	  true, 0 },
	{ "chunk ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\r\na\n0\r\n\r\n", "400 ",
	  true, 0 },
	{ "chunk size ends in CR and more",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1\rX\na\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "extension ends in a bare LF",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;a\na\r\n0\r\n\r\n",
	  "400 ", true, 0 },
	{ "chunk over the limit",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e9\r\n%s1", "413 ", true,
	  0 },
	{ "chunks at the limit",
	  "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3e8\r\n%s\r\n0\r\n\r\n",
	  "200 ", false, 1 },
};

static char *expand(const char *request)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	const char *mark = strstr(request, "%s");

	fl_buf_put(&b, request, mark ? (size_t)(mark - request) : strlen(request));
	if (mark != NULL) {
		fl_buf_str(&b, thousand);
		fl_buf_str(&b, mark + 2);
	}
	fl_buf_byte(&b, '\0');
	return (char *)b.ptr;
}

static void check_row(const struct request_row *r, const char *how)
{
	char have[64];

	if (r->closes)
		assert_true(wait_for(is_ended));
	statuses(have, sizeof have);
	if (strcmp(have, r->want) != 0)
		fail_msg("%s: got %s, want %s", how, have, r->want);
	assert_int_equal(ended, r->closes);
	assert_false(reset);
	assert_int_equal(seen.calls, r->calls);
}

static void request_row(void **state)
{
	const struct request_row *r = *state;
	char *request = expand(r->request);

	open_client(NULL);
	push_str(request);
	run();
	check_row(r, "at once");
	close_client();

	/* The same, byte by byte. */
	seen.calls = 0;
	open_client(NULL);
	for (const char *p = request; *p != '\0' && !ended; p++) {
		push(p, 1);
		fl_loop_poll(loop);
		read_some();
	}
	run();
	check_row(r, "byte by byte");
	close_client();
	free(request);
}

/* Every prefix, and then the client goes. */
static void every_prefix(void **state)
{
	static const char request[] =
		"POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
		"2\r\nab\r\n0\r\n\r\n" GET11("/stream", "");

	(void)state;
	for (size_t cut = 0; cut < sizeof request; cut++) {
		open_client(NULL);
		push(request, cut);
		run();
		close_client();
		for (int i = 0; i < 3 && group.count > 0; i++)
			fl_loop_poll(loop);
		assert_int_equal(group.count, 0);
	}
	assert_int_equal(seen.gone, 1);
}

static void answer_is_whole(void **state)
{
	(void)state;
	open_client(NULL);
	push_str(GET11("/show", "x-A: \t one  two \t\r\n"));
	run();
	assert_non_null(strstr(text(), "HTTP/1.1 200 OK\r\nDate: "));
	assert_non_null(strstr(text(), "\r\nX-Seen: yes\r\n"));
	assert_non_null(strstr(text(), "\r\nContent-Type: text/plain\r\n"));
	assert_non_null(strstr(text(), "\r\nX-Common: 1\r\n"));
	assert_non_null(strstr(text(), "\r\nContent-Length: 8\r\n"));
	assert_non_null(strstr(text(), "\r\n\r\none  two"));
	assert_null(strstr(text(), "Connection:"));
}

static void refusal_says_what_to_do(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("PUT /hello HTTP/1.1\r\n" H "\r\n");
	run();
	assert_non_null(strstr(text(), "\r\nAllow: HEAD, GET\r\n"));
	assert_non_null(strstr(text(), "405 Method Not Allowed\n"));
	assert_non_null(strstr(text(), "another method"));
}

static void head_has_length_and_no_body(void **state)
{
	(void)state;
	open_client(NULL);
	push_str("HEAD /hello HTTP/1.1\r\n" H "\r\n");
	run();
	assert_non_null(strstr(text(), "Content-Length: 5\r\n"));
	assert_null(strstr(text(), "hello"));
}

/* ---- limits ---- */

static void head_size_is_limited(void **state)
{
	static char head[FL_HTTP_HEAD_MAX + 2];
	static const char first[] = "GET /hello HTTP/1.1\r\n" H "X-A: ";

	(void)state;
	for (size_t len = FL_HTTP_HEAD_MAX - 1; len <= FL_HTTP_HEAD_MAX + 1; len++) {
		char have[16];
		memset(head, 'v', sizeof head);
		memcpy(head, first, sizeof first - 1);
		memcpy(head + len - 4, "\r\n\r\n", 4);
		open_client(NULL);
		push(head, len);
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, len <= FL_HTTP_HEAD_MAX ? "200 " : "431 ");
		close_client();
	}
}

static void request_line_is_limited(void **state)
{
	static char line[FL_HTTP_HEAD_MAX + 1];
	char have[16];

	(void)state;
	memset(line, 'p', sizeof line);
	memcpy(line, "GET /", 5);
	open_client(NULL);
	push(line, sizeof line);
	assert_true(wait_for(is_ended));
	statuses(have, sizeof have);
	assert_string_equal(have, "414 ");
}

static void fields_are_limited(void **state)
{
	(void)state;
	for (int count = FL_HTTP_FIELDS_MAX - 1; count <= FL_HTTP_FIELDS_MAX + 1; count++) {
		char have[16];
		open_client(NULL);
		push_str("GET /hello HTTP/1.1\r\n" H);
		for (int i = 1; i < count; i++)
			push_str("X-A: 1\r\n");
		push_str("\r\n");
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, count <= FL_HTTP_FIELDS_MAX ? "200 " : "431 ");
		close_client();
	}
}

static void body_size_is_limited(void **state)
{
	static uint8_t body[ECHO_MAX + 1];

	(void)state;
	for (size_t len = ECHO_MAX - 1; len <= ECHO_MAX + 1; len++) {
		char head[128], have[16];
		snprintf(head, sizeof head,
			 "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", len);
		open_client(NULL);
		push_str(head);
		push(body, len);
		run();
		statuses(have, sizeof have);
		assert_string_equal(have, len <= ECHO_MAX ? "200 " : "413 ");
		assert_int_equal(seen.calls, len == ECHO_MAX - 1 ? 1 : 2);
		close_client();
	}
}

/* A refused body that keeps coming must not destroy the answer by a reset. */
static void refusal_survives_the_body(void **state)
{
	static uint8_t body[300000];

	(void)state;
	open_client(NULL);
	push_str("POST /echo HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n");
	push(body, sizeof body);
	assert_true(wait_for(is_ended));
	assert_false(reset);
	assert_non_null(strstr(text(), "HTTP/1.1 413 "));
}

static void endless_extensions_are_refused(void **state)
{
	static char junk[4096];
	char have[16];

	(void)state;
	memset(junk, 'e', sizeof junk);
	open_client(NULL);
	push_str("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1;");
	for (int i = 0; i < 100 && !ended; i++) {
		push(junk, sizeof junk);
		run();
	}
	assert_true(ended);
	statuses(have, sizeof have);
	assert_string_equal(have, "400 ");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	static const struct CMUnitTest plain[] = {
		T(every_prefix),
		T(answer_is_whole),
		T(refusal_says_what_to_do),
		T(head_has_length_and_no_body),
		T(head_size_is_limited),
		T(request_line_is_limited),
		T(fields_are_limited),
		T(body_size_is_limited),
		T(refusal_survives_the_body),
		T(endless_extensions_are_refused),
	};
	static struct CMUnitTest tests[COUNT(request_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(request_rows); i++)
		tests[n++] = (struct CMUnitTest){ request_rows[i].name, request_row, set_up,
						  tear_down, &request_rows[i] };
	memcpy(tests + n, plain, sizeof plain);
	n += COUNT(plain);
	return _cmocka_run_group_tests("io/http1", tests, n, NULL, NULL);
}
