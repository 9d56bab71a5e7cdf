/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http1_parse.c - heads by our own strict reading and llhttp's, bodies by llhttp.
 */
#include "io/http1_parse.h"

#include "base/text.h"

enum { CHUNK_OVERHEAD_MAX = 16 << 10 };

/* ---- finding the end of a head ---- */

static bool is_token(uint8_t c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return true;
	return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

enum fl_err fl_http1_head_end(struct fl_slice in, size_t seen, size_t *out_len)
{
	if (in.len > 0 && !is_token(in.ptr[0]))
		return FL_ERR_SYNTAX; /* a TLS hello, say: no need to wait for more */

	size_t from = seen > 3 ? seen - 3 : 0;
	const uint8_t *end =
		in.len > from ? memmem(in.ptr + from, in.len - from, "\r\n\r\n", 4) : NULL;
	if (end == NULL)
		return FL_MORE;
	*out_len = (size_t)(end - in.ptr) + 4;
	return FL_OK;
}

/* ---- our reading of a head ---- */

/* Cuts one line off; a CR or LF that is not part of a pair, and NUL, make it bad. */
static bool take_line(struct fl_slice *rest, struct fl_slice *out)
{
	const uint8_t *lf = rest->len ? memchr(rest->ptr, '\n', rest->len) : NULL;
	if (lf == NULL || lf == rest->ptr || lf[-1] != '\r')
		return false;

	struct fl_slice line = fl_slice_of(rest->ptr, (size_t)(lf - rest->ptr) - 1);
	if (memchr(line.ptr, '\r', line.len) != NULL || memchr(line.ptr, '\0', line.len) != NULL)
		return false;
	*rest = fl_slice_skip(*rest, line.len + 2);
	*out = line;
	return true;
}

static struct fl_slice take_word(struct fl_slice *rest)
{
	const uint8_t *space = rest->len ? memchr(rest->ptr, ' ', rest->len) : NULL;
	size_t len = space ? (size_t)(space - rest->ptr) : rest->len;
	struct fl_slice word = fl_slice_of(rest->ptr, len);

	*rest = fl_slice_skip(*rest, space ? len + 1 : len);
	return word;
}

static bool all_token(struct fl_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!is_token(s.ptr[i]))
			return false;
	return s.len > 0;
}

static unsigned read_version(struct fl_http1_parser *p, struct fl_slice version)
{
	if (version.len != 8 || memcmp(version.ptr, "HTTP/", 5) != 0)
		return 400;
	p->http11 = fl_slice_is(version, "HTTP/1.1");
	return p->http11 || fl_slice_is(version, "HTTP/1.0") ? 0 : 505;
}

static unsigned read_request_line(struct fl_http1_parser *p, struct fl_slice line)
{
	struct fl_slice method = take_word(&line);
	struct fl_slice target = take_word(&line);

	if (!all_token(method) || target.len == 0)
		return 400;
	unsigned status = read_version(p, line);
	if (status != 0)
		return status;

	enum fl_err err = fl_httpx_set_method(p->x, method);
	if (err == FL_OK)
		err = fl_httpx_set_target(p->x, target);
	if (err != FL_OK)
		return err == FL_ERR_TOO_BIG ? 414 : 503;
	return 0;
}

static unsigned read_field(struct fl_http1_parser *p, struct fl_slice line)
{
	const uint8_t *colon = line.len ? memchr(line.ptr, ':', line.len) : NULL;
	if (colon == NULL)
		return 400;

	struct fl_slice name = fl_slice_of(line.ptr, (size_t)(colon - line.ptr));
	if (!all_token(name)) /* also folded lines and a space before the colon */
		return 400;
	enum fl_err err =
		fl_httpx_add_field(p->x, name, fl_slice_trim(fl_slice_skip(line, name.len + 1)));
	if (err != FL_OK)
		return err == FL_ERR_TOO_BIG ? 431 : 503;
	return 0;
}

static unsigned read_lines(struct fl_http1_parser *p, struct fl_slice head)
{
	struct fl_slice line;

	if (!take_line(&head, &line))
		return 400;
	unsigned status = read_request_line(p, line);
	while (status == 0 && head.len > 0) {
		if (!take_line(&head, &line))
			return 400;
		if (line.len == 0)
			return head.len == 0 ? 0 : 400;
		status = read_field(p, line);
	}
	return status;
}

/* ---- fields that steer the connection ---- */

/* RFC 9112 6.3, without any of its leniency: a proxy before us might read it the other way. */
static unsigned read_framing(struct fl_http1_parser *p)
{
	const struct fl_http *x = p->x;
	size_t lengths = fl_http_field_count(x, "content-length");
	size_t codings = fl_http_field_count(x, "transfer-encoding");

	if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0))
		return 400;
	if (codings > 0 && !p->http11)
		return 400;
	if (codings > 0 &&
	    !fl_str_ieq(fl_http_field(x, "transfer-encoding"), fl_slice_str("chunked")))
		return 501;
	if (lengths > 0 && fl_u64_parse(fl_http_field(x, "content-length"), &p->length) != FL_OK)
		return 400;
	p->chunked = codings > 0;
	p->has_body = p->chunked || p->length > 0;
	return 0;
}

static unsigned read_steering(struct fl_http1_parser *p)
{
	const struct fl_http *x = p->x;
	size_t hosts = fl_http_field_count(x, "host");

	if (hosts > 1 || (hosts == 0 && p->http11))
		return 400;
	if (fl_http_field_count(x, "upgrade") > 1)
		return 400;
	p->upgrade = fl_http_field_count(x, "upgrade") > 0;

	size_t expects = fl_http_field_count(x, "expect");
	p->expects_continue = expects == 1 &&
			      fl_str_ieq(fl_http_field(x, "expect"), fl_slice_str("100-continue"));
	if (expects > 0 && !p->expects_continue)
		return 417;
	return read_framing(p);
}

/* ---- llhttp ---- */

static int on_headers_complete(llhttp_t *llhttp)
{
	struct fl_http1_parser *p = llhttp->data;

	p->keep_alive = llhttp_should_keep_alive(llhttp) != 0;
	llhttp->upgrade = 0; /* the handler decides; until then this is HTTP */
	return 0;
}

static int on_body(llhttp_t *llhttp, const char *at, size_t len)
{
	struct fl_http1_parser *p = llhttp->data;
	struct fl_buf *body = &p->x->body;

	if (len > body->max - body->len) {
		p->too_big = true;
		return HPE_USER;
	}
	p->payload += len;
	fl_buf_put(body, at, len);
	return fl_buf_err(body) == FL_OK ? 0 : HPE_USER;
}

static int on_message_complete(llhttp_t *llhttp)
{
	struct fl_http1_parser *p = llhttp->data;

	p->whole = true;
	return HPE_PAUSED; /* what follows is another message, or another protocol */
}

static const llhttp_settings_t settings = {
	.on_headers_complete = on_headers_complete,
	.on_body = on_body,
	.on_message_complete = on_message_complete,
};

static unsigned second_reading(struct fl_http1_parser *p, struct fl_slice head)
{
	llhttp_errno_t e = llhttp_execute(&p->llhttp, (const char *)head.ptr, head.len);

	if (e == HPE_INVALID_METHOD)
		return 501;
	if (e != HPE_OK && e != HPE_PAUSED)
		return 400;
	/* Both must see the same body, or none. */
	return p->whole == !p->has_body ? 0 : 400;
}

unsigned fl_http1_parse_head(struct fl_http1_parser *p, struct fl_http *x, struct fl_slice head)
{
	*p = (struct fl_http1_parser){ .x = x };
	llhttp_init(&p->llhttp, HTTP_REQUEST, &settings);
	p->llhttp.data = p;

	unsigned status = read_lines(p, head);
	if (status == 0)
		status = read_steering(p);
	if (status == 0)
		status = second_reading(p, head);
	return status;
}

enum fl_err fl_http1_parse_body(struct fl_http1_parser *p, struct fl_slice in, size_t *out_used)
{
	llhttp_errno_t e = llhttp_execute(&p->llhttp, (const char *)in.ptr, in.len);

	if (p->whole && e == HPE_PAUSED) {
		*out_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&p->llhttp) - in.ptr);
		return FL_OK;
	}
	if (p->too_big)
		return FL_ERR_TOO_BIG;
	if (fl_buf_err(&p->x->body) != FL_OK)
		return FL_ERR_NOMEM;
	if (e != HPE_OK)
		return FL_ERR_SYNTAX;
	p->framing += in.len;
	if (p->chunked && p->framing > CHUNK_OVERHEAD_MAX + 9 * p->payload)
		return FL_ERR_SYNTAX; /* endless extensions or trailers carry nothing */
	return FL_MORE;
}
