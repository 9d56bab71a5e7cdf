/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/io/test_http_route.c - paths, routes, queries, and the exchange's own rules. */
#include "io/http_exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))
#define S(s)                                                                                       \
	{                                                                                          \
		(const uint8_t *)(s), sizeof(s) - 1                                                \
	}

/* ---- which paths are accepted ---- */

static struct path_row {
	const char *name;
	struct fl_slice path;
	bool want;
} path_rows[] = {
	{ "path: root", S("/"), true },
	{ "path: plain", S("/machine/map"), true },
	{ "path: trailing slash", S("/api/"), true },
	{ "path: escaped at sign", S("/user/a%40b.c"), true },
	{ "path: escaped UTF-8", S("/user/%c3%a9"), true },
	{ "path: dots in a name", S("/v1/..a"), true },
	{ "path: three dots", S("/..."), true },
	{ "path: hidden file", S("/.well-known/x"), true },
	{ "path: semicolon and friends", S("/a;b=c,d!$&'()*+~@:"), true },
	{ "path: escaped percent", S("/100%25"), true },
	{ "path: empty", S(""), false },
	{ "path: no slash first", S("machine"), false },
	{ "path: absolute form", S("http://h/x"), false },
	{ "path: authority form", S("h:443"), false },
	{ "path: asterisk", S("*"), false },
	{ "path: double slash", S("//a"), false },
	{ "path: double slash inside", S("/a//b"), false },
	{ "path: double slash at the end", S("/a//"), false },
	{ "path: dot", S("/./a"), false },
	{ "path: dot last", S("/a/."), false },
	{ "path: dot dot", S("/a/../b"), false },
	{ "path: dot dot last", S("/a/.."), false },
	{ "path: escaped dot", S("/%2e/a"), false },
	{ "path: escaped dot dot", S("/a/%2E%2e/b"), false },
	{ "path: half escaped dot dot", S("/a/.%2e"), false },
	{ "path: escaped slash", S("/a%2fb"), false },
	{ "path: escaped slash upper", S("/a%2Fb"), false },
	{ "path: backslash", S("/a\\b"), false },
	{ "path: escaped backslash", S("/a%5cb"), false },
	{ "path: NUL", S("/a\0b"), false },
	{ "path: escaped NUL", S("/a%00"), false },
	{ "path: escaped line end", S("/a%0d%0a"), false },
	{ "path: escaped DEL", S("/a%7f"), false },
	{ "path: space", S("/a b"), false },
	{ "path: raw UTF-8", S("/\xc3\xa9"), false },
	{ "path: fragment", S("/a#b"), false },
	{ "path: escape cut short", S("/a%4"), false },
	{ "path: escape cut at once", S("/a%"), false },
	{ "path: escape not hex", S("/a%4g"), false },
	{ "path: escape across segments", S("/a%4/0"), false },
};

static void path_row(void **state)
{
	const struct path_row *r = *state;
	assert_int_equal(fl_httpx_path_ok(r->path), r->want);
}

static void path_lengths(void **state)
{
	char path[64] = "/";

	(void)state;
	for (size_t n = 1; n < sizeof path; n++) {
		path[n] = n % 7 == 0 ? '/' : 'a';
		assert_true(fl_httpx_path_ok(fl_slice_of(path, n + 1)));
	}
}

/* ---- routes ---- */

static void no_handler(void *ctx, struct fl_http *x)
{
	(void)ctx;
	(void)x;
}

static const struct fl_http_route routes[] = {
	{ "GET", "/", 0, no_handler },
	{ "GET", "/key", 0, no_handler },
	{ "POST", "/ts2021", 0, no_handler },
	{ "GET", "/ts2021", 0, no_handler },
	{ "GET", "/user/me", 0, no_handler },
	{ "GET", "/user/*", 0, no_handler },
	{ "DELETE", "/user/*", 0, no_handler },
	{ "POST", "/node/*/routes/*", 10, no_handler },
	{ "*", "/any", 0, no_handler },
	{ "GET", "/files/**", 0, no_handler },
	{ "GET", "/deep/*/**", 0, no_handler },
	{ "GET", "/8/*/*/*/*/*/*/*/*", 0, no_handler },
	{ "GET", "/9/*/*/*/*/*/*/*/*/*", 0, no_handler },
};

static const struct fl_http_router router = { .routes = routes, .count = COUNT(routes) };

static struct route_row {
	const char *name, *method, *path;
	unsigned want;
	size_t route;
	const char *segments[2];
} route_rows[] = {
	{ "route: root", "GET", "/", 200, 0, { 0 } },
	{ "route: plain", "GET", "/key", 200, 1, { 0 } },
	{ "route: HEAD by GET", "HEAD", "/key", 200, 1, { 0 } },
	{ "route: method picks", "POST", "/ts2021", 200, 2, { 0 } },
	{ "route: method picks the other", "GET", "/ts2021", 200, 3, { 0 } },
	{ "route: first in the table wins", "GET", "/user/me", 200, 4, { 0 } },
	{ "route: star", "GET", "/user/bob", 200, 5, { "bob" } },
	{ "route: star, other method", "DELETE", "/user/me", 200, 6, { "me" } },
	{ "route: two stars", "POST", "/node/7/routes/9", 200, 7, { "7", "9" } },
	{ "route: any method", "BREW", "/any", 200, 8, { 0 } },
	{ "route: rest", "GET", "/files/a/b", 200, 9, { "a/b" } },
	{ "route: empty rest", "GET", "/files/", 200, 9, { "" } },
	{ "route: star and rest", "GET", "/deep/a/b/c", 200, 10, { "a", "b/c" } },
	{ "route: as many stars as fit", "GET", "/8/1/2/3/4/5/6/7/8", 200, 11, { "1", "2" } },
	{ "route: more stars never match", "GET", "/9/1/2/3/4/5/6/7/8/9", 404, 0, { 0 } },
	{ "route: unknown", "GET", "/nope", 404, 0, { 0 } },
	{ "route: prefix is not enough", "GET", "/ke", 404, 0, { 0 } },
	{ "route: longer is other", "GET", "/keys", 404, 0, { 0 } },
	{ "route: trailing slash is other", "GET", "/key/", 404, 0, { 0 } },
	{ "route: star wants something", "GET", "/user/", 404, 0, { 0 } },
	{ "route: star is one segment", "GET", "/user/a/b", 404, 0, { 0 } },
	{ "route: rest wants its slash", "GET", "/files", 404, 0, { 0 } },
	{ "route: case matters", "GET", "/Key", 404, 0, { 0 } },
	{ "route: escaped letters are other", "GET", "/k%65y", 404, 0, { 0 } },
	{ "route: wrong method", "POST", "/key", 405, 0, { 0 } },
	{ "route: HEAD without GET", "HEAD", "/node/7/routes/9", 405, 0, { 0 } },
	{ "route: method case matters", "get", "/key", 405, 0, { 0 } },
};

static void route_row(void **state)
{
	const struct route_row *r = *state;
	struct fl_httpx_match m = { 0 };

	assert_int_equal(
		fl_httpx_route(&router, fl_slice_str(r->method), fl_slice_str(r->path), &m),
		r->want);
	if (r->want != 200) {
		assert_null(m.route);
		return;
	}
	assert_ptr_equal(m.route, &routes[r->route]);
	for (size_t i = 0; i < COUNT(r->segments) && r->segments[i] != NULL; i++) {
		assert_true(i < m.segment_count);
		assert_true(fl_slice_is(m.segments[i], r->segments[i]));
	}
}

static void allow_lists_methods(void **state)
{
	char allow[64];

	(void)state;
	fl_httpx_allow(&router, fl_slice_str("/user/me"), allow, sizeof allow);
	assert_string_equal(allow, "HEAD, GET, DELETE");
	fl_httpx_allow(&router, fl_slice_str("/nope"), allow, sizeof allow);
	assert_string_equal(allow, "");
	fl_httpx_allow(&router, fl_slice_str("/user/me"), allow, 10);
	assert_string_equal(allow, "HEAD, GET");
	fl_httpx_allow(&router, fl_slice_str("/user/me"), allow, 9);
	assert_string_equal(allow, "HEAD");
}

/* ---- queries ---- */

static struct query_row {
	const char *name, *query, *key;
	enum fl_err want;
	const char *value;
} query_rows[] = {
	{ "query: only one", "v=130", "v", FL_OK, "130" },
	{ "query: first of two", "a=1&b=2", "a", FL_OK, "1" },
	{ "query: second of two", "a=1&b=2", "b", FL_OK, "2" },
	{ "query: first wins", "a=1&a=2", "a", FL_OK, "1" },
	{ "query: empty value", "a=&b=2", "a", FL_OK, "" },
	{ "query: no equals", "a&b=2", "a", FL_OK, "" },
	{ "query: value with equals", "a=b=c", "a", FL_OK, "b=c" },
	{ "query: plus is a space", "a=b+c", "a", FL_OK, "b c" },
	{ "query: escapes", "a=%41%2b%2f%3D", "a", FL_OK, "A+/=" },
	{ "query: escaped name", "%61b=1", "ab", FL_OK, "1" },
	{ "query: plus in a name", "a+b=1", "a b", FL_OK, "1" },
	{ "query: eight bytes fit", "a=12345678", "a", FL_OK, "12345678" },
	{ "query: nine do not", "a=123456789", "a", FL_ERR_TOO_BIG, NULL },
	{ "query: escaped counts decoded", "a=1234567%38", "a", FL_OK, "12345678" },
	{ "query: absent", "a=1", "b", FL_ERR_NOT_FOUND, NULL },
	{ "query: empty", "", "a", FL_ERR_NOT_FOUND, NULL },
	{ "query: only separators", "&&&", "a", FL_ERR_NOT_FOUND, NULL },
	{ "query: prefix is other", "ab=1", "a", FL_ERR_NOT_FOUND, NULL },
	{ "query: longer is other", "a=1", "ab", FL_ERR_NOT_FOUND, NULL },
	{ "query: broken escape", "a=%4", "a", FL_ERR_SYNTAX, NULL },
	{ "query: broken escape elsewhere", "b=%4&a=1", "a", FL_OK, "1" },
	{ "query: NUL would lie", "a=1%002", "a", FL_ERR_SYNTAX, NULL },
};

static void query_row(void **state)
{
	const struct query_row *r = *state;
	char out[9] = "before";

	assert_int_equal(fl_httpx_query(fl_slice_str(r->query), r->key, out, sizeof out), r->want);
	assert_string_equal(out, r->value != NULL ? r->value : "before");
}

/* ---- the exchange ---- */

static const struct fl_httpx_ops no_ops = { 0 };

static void fill(struct fl_http *x, const char *method, const char *target)
{
	fl_httpx_init(x, &no_ops, NULL, NULL, &router, NULL);
	assert_int_equal(fl_httpx_set_method(x, fl_slice_str(method)), FL_OK);
	assert_int_equal(fl_httpx_set_target(x, fl_slice_str(target)), FL_OK);
}

static void segments_are_decoded(void **state)
{
	struct fl_http x;

	(void)state;
	fill(&x, "POST", "/node/a%40b/routes/%c3%a9?q=1");
	fl_httpx_begin(&x);
	assert_int_equal(x.verdict, 200);
	assert_true(fl_slice_is(fl_http_path(&x), "/node/a%40b/routes/%c3%a9"));
	assert_true(fl_slice_is(fl_http_segment(&x, 0), "a@b"));
	assert_true(fl_slice_is(fl_http_segment(&x, 1), "\xc3\xa9"));
	assert_int_equal(fl_http_segment(&x, 2).len, 0);
	assert_int_equal(fl_httpx_body_max(&x), 10);
	fl_httpx_done(&x);
}

static struct begin_row {
	const char *name, *method, *target;
	unsigned want;
} begin_rows[] = {
	{ "begin: route", "GET", "/key?v=1", 200 },
	{ "begin: bad path", "GET", "//key", 400 },
	{ "begin: bad path beats an unknown one", "GET", "/nope/..", 400 },
	{ "begin: raw space in the query", "GET", "/key?a b", 400 },
	{ "begin: fragment in the query", "GET", "/key?a#b", 400 },
	{ "begin: raw UTF-8 in the query", "GET", "/key?\xc3\xa9", 400 },
	{ "begin: unknown", "GET", "/nope", 404 },
	{ "begin: method", "PUT", "/key", 405 },
};

static void begin_row(void **state)
{
	const struct begin_row *r = *state;
	struct fl_http x;

	fill(&x, r->method, r->target);
	fl_httpx_begin(&x);
	assert_int_equal(x.verdict, r->want);
	assert_int_equal(x.route != NULL, r->want == 200);
	fl_httpx_done(&x);
}

static void field_count_is_limited(void **state)
{
	struct fl_http x;

	(void)state;
	fill(&x, "GET", "/");
	for (int i = 0; i < FL_HTTP_FIELDS_MAX; i++)
		assert_int_equal(fl_httpx_add_field(&x, fl_slice_str("A"), fl_slice_str("b")),
				 FL_OK);
	assert_int_equal(fl_httpx_add_field(&x, fl_slice_str("A"), fl_slice_str("b")),
			 FL_ERR_TOO_BIG);
	assert_int_equal(fl_http_field_count(&x, "a"), FL_HTTP_FIELDS_MAX);
	fl_httpx_done(&x);
}

/* A head of exactly the limit, one less, one more; 4 bytes are counted for each field. */
static void head_bytes_are_limited(void **state)
{
	static char value[FL_HTTP_HEAD_MAX];

	(void)state;
	memset(value, 'v', sizeof value);
	for (int delta = -1; delta <= 1; delta++) {
		struct fl_http x;
		fill(&x, "GET", "/"); /* 4 bytes */
		size_t len = (size_t)(FL_HTTP_HEAD_MAX - 4 - 4 - 1 + delta);
		enum fl_err err =
			fl_httpx_add_field(&x, fl_slice_str("a"), fl_slice_of(value, len));
		assert_int_equal(err, delta <= 0 ? FL_OK : FL_ERR_TOO_BIG);
		fl_httpx_done(&x);
	}
}

static void answer_fields_are_clean(void **state)
{
	struct fl_http x;
	const char *name, *value;
	size_t at = 0;

	(void)state;
	fill(&x, "GET", "/");
	fl_http_set(&x, "X-A", "1\r\nX-Evil: 2");
	fl_http_set(&x, "X-A: b", "1");
	fl_http_set(&x, "X A", "1");
	fl_http_set(&x, "", "1");
	fl_http_set(&x, "X-A", "1\x7f");
	assert_false(fl_httpx_answer_next(&x, &at, &name, &value));
	fl_http_set(&x, "X-A", "one\ttwo \xc3\xa9");
	assert_true(fl_httpx_answer_next(&x, &at, &name, &value));
	assert_string_equal(name, "X-A");
	assert_string_equal(value, "one\ttwo \xc3\xa9");
	assert_false(fl_httpx_answer_next(&x, &at, &name, &value));
	fl_httpx_done(&x);
}

static void answer_fields_are_limited(void **state)
{
	struct fl_http x;
	const char *name, *value;
	size_t at = 0, n = 0;

	(void)state;
	fill(&x, "GET", "/");
	for (int i = 0; i < FL_HTTPX_ANSWER_FIELDS_MAX + 3; i++)
		fl_http_set(&x, "X-A", "1");
	while (fl_httpx_answer_next(&x, &at, &name, &value))
		n++;
	assert_int_equal(n, FL_HTTPX_ANSWER_FIELDS_MAX);
	fl_httpx_done(&x);
}

static void common_fields_give_way(void **state)
{
	static const char *const common[] = { "X-Frame-Options", "DENY", "X-Other", "1", NULL };
	const struct fl_http_router r = { .routes = routes, .count = 1, .common_fields = common };
	struct fl_http x;
	const char *name, *value;
	size_t at = 0;

	(void)state;
	fl_httpx_init(&x, &no_ops, NULL, NULL, &r, NULL);
	fl_http_set(&x, "x-frame-options", "SAMEORIGIN");
	assert_true(fl_httpx_answer_next(&x, &at, &name, &value));
	assert_string_equal(value, "SAMEORIGIN");
	assert_true(fl_httpx_answer_next(&x, &at, &name, &value));
	assert_string_equal(name, "X-Other");
	assert_false(fl_httpx_answer_next(&x, &at, &name, &value));
	fl_httpx_done(&x);
}

int main(void)
{
	static struct CMUnitTest tests[COUNT(path_rows) + COUNT(route_rows) + COUNT(query_rows) +
				       COUNT(begin_rows) + 8];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(path_rows); i++)
		tests[n++] = (struct CMUnitTest){ path_rows[i].name, path_row, NULL, NULL,
						  &path_rows[i] };
	for (size_t i = 0; i < COUNT(route_rows); i++)
		tests[n++] = (struct CMUnitTest){ route_rows[i].name, route_row, NULL, NULL,
						  &route_rows[i] };
	for (size_t i = 0; i < COUNT(query_rows); i++)
		tests[n++] = (struct CMUnitTest){ query_rows[i].name, query_row, NULL, NULL,
						  &query_rows[i] };
	for (size_t i = 0; i < COUNT(begin_rows); i++)
		tests[n++] = (struct CMUnitTest){ begin_rows[i].name, begin_row, NULL, NULL,
						  &begin_rows[i] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(path_lengths);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(allow_lists_methods);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(segments_are_decoded);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(field_count_is_limited);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(head_bytes_are_limited);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(answer_fields_are_clean);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(answer_fields_are_limited);
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(common_fields_give_way);
	return _cmocka_run_group_tests("io/http_route", tests, n, NULL, NULL);
}
