/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_route.c - which paths are accepted, which route they take, and what a query says.
 *
 * A path is refused rather than repaired: two components that normalise differently disagree
 * about who may see what. Routes are compared with the path as it was sent, so an escaped letter
 * never reaches a route by another spelling; only what a "*" matched is decoded.
 */
#include "io/http_exchange.h"

#include "base/text.h"

static int hex_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that in[*at] stands for, advancing over it; -1 for a broken escape. */
static int next_byte(struct fl_slice in, size_t *at)
{
	uint8_t c = in.ptr[(*at)++];
	if (c != '%')
		return c;
	if (in.len - *at < 2)
		return -1;

	int hi = hex_value(in.ptr[*at]);
	int lo = hex_value(in.ptr[*at + 1]);
	*at += 2;
	return hi < 0 || lo < 0 ? -1 : hi << 4 | lo;
}

/* A segment without its slashes: not empty unless last, not "." or "..", no hidden separators. */
static bool segment_ok(struct fl_slice seg)
{
	size_t dots = 0, count = 0;

	for (size_t at = 0; at < seg.len; count++) {
		bool escaped = seg.ptr[at] == '%';
		int c = next_byte(seg, &at);
		if (c < 0x20 || c == 0x7f || c == '\\' || (escaped && c == '/'))
			return false;
		if (!escaped && (c == ' ' || c > 0x7f || c == '#' || c == '?'))
			return false;
		dots += c == '.';
	}
	return count == 0 || dots != count || count > 2;
}

/* Cuts the text up to the next slash off the front of `rest`. */
static struct fl_slice take_segment(struct fl_slice *rest)
{
	const uint8_t *slash = rest->len ? memchr(rest->ptr, '/', rest->len) : NULL;
	size_t len = slash ? (size_t)(slash - rest->ptr) : rest->len;
	struct fl_slice seg = fl_slice_of(rest->ptr, len);

	*rest = fl_slice_skip(*rest, slash ? len + 1 : len);
	return seg;
}

bool fl_httpx_path_ok(struct fl_slice path)
{
	if (path.len == 0 || path.ptr[0] != '/')
		return false;

	for (struct fl_slice rest = fl_slice_skip(path, 1); rest.len > 0;) {
		bool last = memchr(rest.ptr, '/', rest.len) == NULL;
		struct fl_slice seg = take_segment(&rest);
		if ((seg.len == 0 && !last) || !segment_ok(seg))
			return false;
	}
	return true;
}

bool fl_httpx_query_ok(struct fl_slice query)
{
	for (size_t i = 0; i < query.len; i++)
		if (query.ptr[i] <= 0x20 || query.ptr[i] >= 0x7f || query.ptr[i] == '#')
			return false;
	return true;
}

static bool note_segment(struct fl_httpx_match *m, struct fl_slice seg)
{
	if (m->segment_count == FL_HTTP_SEGMENTS_MAX)
		return false;
	m->segments[m->segment_count++] = seg;
	return true;
}

static bool path_matches(const char *pattern, struct fl_slice path, struct fl_httpx_match *m)
{
	struct fl_slice want = fl_slice_skip(fl_slice_str(pattern), 1);
	struct fl_slice have = fl_slice_skip(path, 1);

	m->segment_count = 0;
	for (;;) {
		if (fl_slice_is(want, "**"))
			return note_segment(m, have);

		size_t want_len = want.len, have_len = have.len;
		struct fl_slice w = take_segment(&want);
		struct fl_slice h = take_segment(&have);

		if (fl_slice_is(w, "*")) {
			if (h.len == 0 || !note_segment(m, h))
				return false;
		} else if (!fl_slice_eq(w, h)) {
			return false;
		}

		/* A trailing slash is an empty segment of its own: "/a" and "/a/" are two paths. */
		bool more = w.len < want_len;
		if (more != (h.len < have_len))
			return false;
		if (!more)
			return true;
	}
}

static bool method_matches(const char *have, struct fl_slice method)
{
	if (strcmp(have, "*") == 0 || fl_slice_is(method, have))
		return true;
	return fl_slice_is(method, "HEAD") && strcmp(have, "GET") == 0;
}

unsigned fl_httpx_route(const struct fl_http_router *r, struct fl_slice method,
			struct fl_slice path, struct fl_httpx_match *out)
{
	unsigned status = 404;

	for (size_t i = 0; i < r->count; i++) {
		struct fl_httpx_match m = { .route = &r->routes[i] };
		if (!path_matches(r->routes[i].path, path, &m))
			continue;
		if (method_matches(r->routes[i].method, method)) {
			*out = m;
			return 200;
		}
		status = 405;
	}
	return status;
}

static void add_word(char *out, size_t cap, const char *word)
{
	size_t have = strlen(out);
	size_t need = strlen(word) + (have ? 2 : 0);

	if (strstr(out, word) != NULL || have + need >= cap)
		return;
	if (have) {
		memcpy(out + have, ", ", 2);
		have += 2;
	}
	memcpy(out + have, word, strlen(word) + 1);
}

void fl_httpx_allow(const struct fl_http_router *r, struct fl_slice path, char *out, size_t cap)
{
	out[0] = '\0';
	for (size_t i = 0; i < r->count; i++) {
		struct fl_httpx_match m;
		if (!path_matches(r->routes[i].path, path, &m))
			continue;
		if (strcmp(r->routes[i].method, "GET") == 0)
			add_word(out, cap, "HEAD");
		add_word(out, cap, r->routes[i].method);
	}
}

enum fl_err fl_httpx_unescape(struct fl_slice in, bool form, uint8_t *out, size_t *out_len)
{
	size_t n = 0;

	for (size_t at = 0; at < in.len; n++) {
		bool plus = form && in.ptr[at] == '+';
		int c = next_byte(in, &at);
		if (c < 0)
			return FL_ERR_SYNTAX;
		out[n] = plus ? ' ' : (uint8_t)c;
	}
	*out_len = n;
	return FL_OK;
}

/* Does the escaped text spell `name`? */
static bool spells(struct fl_slice text, const char *name)
{
	size_t at = 0;

	while (at < text.len && *name != '\0') {
		bool plus = text.ptr[at] == '+';
		int c = next_byte(text, &at);
		if (c != (uint8_t)*name && !(plus && *name == ' '))
			return false;
		name++;
	}
	return at == text.len && *name == '\0';
}

/* Decodes into a string; a NUL inside would make it lie about its length. */
static enum fl_err decode_value(struct fl_slice value, char *out, size_t cap)
{
	size_t n = 0;

	for (size_t at = 0; at < value.len; n++)
		if (next_byte(value, &at) <= 0)
			return FL_ERR_SYNTAX;
	if (n >= cap)
		return FL_ERR_TOO_BIG;

	out[n] = '\0';
	n = 0;
	for (size_t at = 0; at < value.len;) {
		bool plus = value.ptr[at] == '+';
		int c = next_byte(value, &at);
		out[n++] = plus ? ' ' : (char)c;
	}
	return FL_OK;
}

enum fl_err fl_httpx_query(struct fl_slice query, const char *name, char *out, size_t cap)
{
	while (query.len > 0) {
		const uint8_t *amp = memchr(query.ptr, '&', query.len);
		size_t len = amp ? (size_t)(amp - query.ptr) : query.len;
		const uint8_t *eq = memchr(query.ptr, '=', len);
		size_t key_len = eq ? (size_t)(eq - query.ptr) : len;

		if (len > 0 && spells(fl_slice_of(query.ptr, key_len), name)) {
			size_t skip = eq ? key_len + 1 : len;
			return decode_value(fl_slice_of(query.ptr + skip, len - skip), out, cap);
		}
		query = fl_slice_skip(query, amp ? len + 1 : len);
	}
	return FL_ERR_NOT_FOUND;
}
