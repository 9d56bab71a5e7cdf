/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_exchange.c - what both versions of HTTP do with a request and its answer.
 */
#include "io/http_exchange.h"

#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	/* The head itself, and once more for decoded segments. */
	TEXT_MAX = 2 * FL_HTTP_HEAD_MAX,
	FIELD_OVERHEAD = 4, /* ": " and the line's end, as HTTP/1 would spell it */
};

const struct fl_http_limits fl_http_limits_default = {
	.head_timeout = 10 * FL_SEC,
	.body_timeout = 30 * FL_SEC,
	.idle_timeout = 120 * FL_SEC,
	.conn_body_max = 4 << 20,
	.streams_max = 200,
};

struct chunk {
	struct fl_list link;
	struct fl_bytes *bytes;
	size_t at;
};

/* ---- request text ---- */

static struct fl_slice range_slice(const struct fl_http *x, struct fl_httpx_range r)
{
	return fl_slice_of(r.len ? x->text.ptr + r.at : NULL, r.len);
}

static enum fl_err put_text(struct fl_http *x, struct fl_slice text, struct fl_httpx_range *out)
{
	enum fl_err err = fl_buf_reserve(&x->text, text.len);
	if (err != FL_OK)
		return err;

	*out = (struct fl_httpx_range){ .at = (uint16_t)x->text.len, .len = (uint16_t)text.len };
	fl_buf_put(&x->text, text.ptr, text.len);
	return FL_OK;
}

/* Counts towards the head's limit before anything is stored. */
static enum fl_err count_head(struct fl_http *x, size_t n)
{
	if (n > (size_t)FL_HTTP_HEAD_MAX - x->head_bytes)
		return FL_ERR_TOO_BIG;
	x->head_bytes = (uint16_t)(x->head_bytes + n);
	return FL_OK;
}

static enum fl_err grow_fields(struct fl_http *x)
{
	if (x->field_count < x->field_cap)
		return FL_OK;

	size_t cap = x->field_cap ? x->field_cap * 2u : 8;
	struct fl_httpx_field *fields = realloc(x->fields, cap * sizeof *fields);
	if (fields == NULL)
		return FL_ERR_NOMEM;
	x->fields = fields;
	x->field_cap = (uint16_t)cap;
	return FL_OK;
}

static void lower(uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (uint8_t)(p[i] + ('a' - 'A'));
}

enum fl_err fl_httpx_add_field(struct fl_http *x, struct fl_slice name, struct fl_slice value)
{
	struct fl_httpx_field f;

	if (x->field_count == FL_HTTP_FIELDS_MAX)
		return FL_ERR_TOO_BIG;
	enum fl_err err = count_head(x, name.len + value.len + FIELD_OVERHEAD);
	if (err == FL_OK)
		err = grow_fields(x);
	if (err == FL_OK)
		err = put_text(x, name, &f.name);
	if (err == FL_OK)
		err = put_text(x, value, &f.value);
	if (err != FL_OK)
		return err;

	lower(x->text.ptr + f.name.at, f.name.len);
	x->fields[x->field_count++] = f;
	return FL_OK;
}

enum fl_err fl_httpx_set_method(struct fl_http *x, struct fl_slice method)
{
	enum fl_err err = count_head(x, method.len);
	return err == FL_OK ? put_text(x, method, &x->method) : err;
}

enum fl_err fl_httpx_set_target(struct fl_http *x, struct fl_slice target)
{
	const uint8_t *mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
	size_t path_len = mark ? (size_t)(mark - target.ptr) : target.len;

	enum fl_err err = count_head(x, target.len);
	if (err == FL_OK)
		err = put_text(x, fl_slice_of(target.ptr, path_len), &x->path);
	if (err == FL_OK && mark != NULL)
		err = put_text(x, fl_slice_skip(target, path_len + 1), &x->query);
	return err;
}

/* ---- life ---- */

void fl_httpx_init(struct fl_http *x, const struct fl_httpx_ops *ops, void *conn, struct fl_loop *l,
		   const struct fl_http_router *router, void *conn_ctx)
{
	*x = (struct fl_http){
		.ops = ops,
		.conn = conn,
		.loop = l,
		.router = router,
		.conn_ctx = conn_ctx,
		.text = fl_buf_make(TEXT_MAX),
		.body = fl_buf_make(0),
		.answer = fl_buf_make(FL_HTTPX_ANSWER_TEXT_MAX),
		.pending_max = FL_HTTPX_PENDING_DEFAULT,
	};
	fl_list_init(&x->queue);
}

static void drop_chunk(struct chunk *c)
{
	fl_list_del(&c->link);
	fl_bytes_unref(c->bytes);
	free(c);
}

static void drop_queue(struct fl_http *x)
{
	fl_list_each(it, &x->queue) drop_chunk(fl_list_entry(it, struct chunk, link));
	x->pending = 0;
}

static void move_range(struct fl_http *x, const struct fl_buf *from, struct fl_httpx_range *r)
{
	size_t at = x->text.len;

	fl_buf_put(&x->text, r->len ? from->ptr + r->at : NULL, r->len);
	r->at = (uint16_t)at;
}

/* Leaves of the text only what the request is known by. */
static void compact_text(struct fl_http *x)
{
	size_t len = (size_t)x->method.len + x->path.len + x->query.len;
	struct fl_buf old = x->text;

	for (size_t i = 0; i < x->segment_count; i++)
		len += x->segments[i].len;
	if (len >= old.cap)
		return;
	x->text = fl_buf_make(TEXT_MAX);
	x->text.ptr = malloc(len + 1);
	if (x->text.ptr == NULL) {
		x->text = old;
		return;
	}
	x->text.cap = len;
	move_range(x, &old, &x->method);
	move_range(x, &old, &x->path);
	move_range(x, &old, &x->query);
	for (size_t i = 0; i < x->segment_count; i++)
		move_range(x, &old, &x->segments[i]);
	fl_buf_done(&old);
}

void fl_http_drop_request(struct fl_http *x)
{
	free(x->fields);
	x->fields = NULL;
	x->field_count = x->field_cap = 0;
	if (x->body_total != NULL)
		*x->body_total -= x->body.len;
	fl_buf_done(&x->body);
	compact_text(x);
}

void fl_httpx_done(struct fl_http *x)
{
	drop_queue(x);
	fl_http_drop_request(x);
	fl_buf_done(&x->text);
	fl_buf_done(&x->answer);
}

void fl_httpx_gone(struct fl_http *x)
{
	if (x->closed)
		return;
	x->closed = true;
	if (fl_httpx_released(x) || x->on_gone == NULL)
		return;

	void (*fn)(void *) = x->on_gone;
	x->on_gone = NULL;
	fn(x->gone_ctx);
}

/* ---- deciding and handling ---- */

/* Keeps a segment, decoded when it is escaped. */
static enum fl_err keep_segment(struct fl_http *x, struct fl_slice seg, struct fl_httpx_range *out)
{
	size_t at = x->text.len, len = 0;

	if (seg.len == 0 || memchr(seg.ptr, '%', seg.len) == NULL) {
		size_t from = seg.len ? (size_t)(seg.ptr - x->text.ptr) : 0;
		*out = (struct fl_httpx_range){ .at = (uint16_t)from, .len = (uint16_t)seg.len };
		return FL_OK;
	}
	enum fl_err err = fl_httpx_unescape(seg, false, x->text.ptr + at, &len);
	if (err != FL_OK)
		return err;
	x->text.len += len;
	*out = (struct fl_httpx_range){ .at = (uint16_t)at, .len = (uint16_t)len };
	return FL_OK;
}

static enum fl_err keep_segments(struct fl_http *x)
{
	/* Room first: the match points into the text, which must not move any more. */
	enum fl_err err = fl_buf_reserve(&x->text, x->path.len);
	if (err != FL_OK)
		return err;

	struct fl_httpx_match m;
	if (fl_httpx_route(x->router, fl_http_method(x), fl_http_path(x), &m) != 200)
		return FL_ERR_NOT_FOUND;
	for (size_t i = 0; i < m.segment_count && err == FL_OK; i++)
		err = keep_segment(x, m.segments[i], &x->segments[i]);
	if (err != FL_OK)
		return err;
	x->segment_count = (uint16_t)m.segment_count;
	x->route = m.route;
	return FL_OK;
}

static unsigned judge(struct fl_http *x)
{
	struct fl_httpx_match m;

	if (x->verdict != 0)
		return x->verdict;
	if (!fl_httpx_path_ok(fl_http_path(x)) || !fl_httpx_query_ok(range_slice(x, x->query)))
		return 400;
	unsigned status = fl_httpx_route(x->router, fl_http_method(x), fl_http_path(x), &m);
	if (status == 200 && keep_segments(x) != FL_OK)
		return 500;
	return status;
}

void fl_httpx_begin(struct fl_http *x)
{
	x->head_only = fl_slice_is(fl_http_method(x), "HEAD");
	x->verdict = (uint16_t)judge(x);
	x->body.max = fl_httpx_body_max(x);
}

size_t fl_httpx_body_max(const struct fl_http *x)
{
	return x->route != NULL ? x->route->body_max : 0;
}

const char *fl_httpx_reason(unsigned status)
{
	static const struct {
		unsigned status;
		const char *text;
	} reasons[] = {
		{ 100, "Continue" },
		{ 101, "Switching Protocols" },
		{ 200, "OK" },
		{ 201, "Created" },
		{ 202, "Accepted" },
		{ 204, "No Content" },
		{ 301, "Moved Permanently" },
		{ 302, "Found" },
		{ 303, "See Other" },
		{ 304, "Not Modified" },
		{ 307, "Temporary Redirect" },
		{ 308, "Permanent Redirect" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 406, "Not Acceptable" },
		{ 408, "Request Timeout" },
		{ 409, "Conflict" },
		{ 410, "Gone" },
		{ 412, "Precondition Failed" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 415, "Unsupported Media Type" },
		{ 417, "Expectation Failed" },
		{ 422, "Unprocessable Content" },
		{ 426, "Upgrade Required" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 502, "Bad Gateway" },
		{ 503, "Service Unavailable" },
		{ 504, "Gateway Timeout" },
		{ 505, "HTTP Version Not Supported" },
	};
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Unknown";
}

/* What to do about it, for the statuses that a connection answers by itself. */
static const char *advice(unsigned status)
{
	switch (status) {
	case 400:
		return "The request is malformed: send a plain HTTP request with a simple path.";
	case 404:
		return "Nothing is served under this path: check the address.";
	case 405:
		return "This path needs another method: see the Allow field.";
	case 408:
		return "The request did not arrive in time: send it again.";
	case 413:
		return "The request body is larger than this path accepts: send less.";
	case 414:
		return "The request line is too long: shorten the address.";
	case 417:
		return "Only 'Expect: 100-continue' is understood: leave the field out.";
	case 426:
		return "This path speaks another protocol: send an upgrade request.";
	case 431:
		return "The request has too many or too large header fields: send fewer.";
	case 501:
		return "The method or transfer coding is not supported: use another.";
	case 505:
		return "Use HTTP/1.1.";
	default:
		return "The server could not answer: try again later.";
	}
}

void fl_httpx_refuse(struct fl_http *x, unsigned status)
{
	char text[160];
	int n = snprintf(text, sizeof text, "%u %s\n%s\n", status, fl_httpx_reason(status),
			 advice(status));

	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_of(text, (size_t)n));
}

void fl_httpx_handle(struct fl_http *x)
{
	const struct fl_http_router *r = x->router;

	x->state = FL_HTTPX_HANDLING;
	if (x->verdict == 405) {
		char allow[64];
		fl_httpx_allow(r, fl_http_path(x), allow, sizeof allow);
		fl_http_set(x, "Allow", allow);
	}
	if (x->verdict == 200)
		x->route->handle(x->route->ctx != NULL ? x->route->ctx : r->ctx, x);
	else if ((x->verdict == 404 || x->verdict == 405) && r->fallback != NULL)
		r->fallback(r->ctx, x, x->verdict);
	else
		fl_httpx_refuse(x, x->verdict);
}

/* ---- the request as handlers see it ---- */

struct fl_slice fl_http_method(const struct fl_http *x)
{
	return range_slice(x, x->method);
}

struct fl_slice fl_http_path(const struct fl_http *x)
{
	return range_slice(x, x->path);
}

struct fl_slice fl_http_segment(const struct fl_http *x, size_t i)
{
	return i < x->segment_count ? range_slice(x, x->segments[i]) : fl_slice_of(NULL, 0);
}

bool fl_httpx_field_at(const struct fl_http *x, size_t i, const char *lower_name,
		       struct fl_slice *out)
{
	if (i >= x->field_count || !fl_slice_is(range_slice(x, x->fields[i].name), lower_name))
		return false;
	*out = range_slice(x, x->fields[i].value);
	return true;
}

struct fl_slice fl_http_field(const struct fl_http *x, const char *lower_name)
{
	struct fl_slice value = { 0 };

	for (size_t i = 0; i < x->field_count; i++)
		if (fl_httpx_field_at(x, i, lower_name, &value))
			break;
	return value;
}

size_t fl_http_field_count(const struct fl_http *x, const char *lower_name)
{
	size_t n = 0;

	for (size_t i = 0; i < x->field_count; i++)
		n += fl_slice_is(range_slice(x, x->fields[i].name), lower_name);
	return n;
}

struct fl_slice fl_http_body(const struct fl_http *x)
{
	return fl_buf_slice(&x->body);
}

enum fl_err fl_http_query(const struct fl_http *x, const char *name, char *out, size_t cap)
{
	return fl_httpx_query(range_slice(x, x->query), name, out, cap);
}

bool fl_http_is_h2(const struct fl_http *x)
{
	return x->ops->h2;
}

void *fl_http_conn_ctx(const struct fl_http *x)
{
	return x->conn_ctx;
}

struct fl_loop *fl_http_loop(const struct fl_http *x)
{
	return x->loop;
}

/* ---- the answer ---- */

/* No line ends or NUL: a value built from input must not be able to add fields of its own. */
static bool field_clean(const char *name, const char *value)
{
	if (*name == '\0')
		return false;
	for (const char *p = name; *p != '\0'; p++)
		if (*p <= ' ' || *p > '~' || *p == ':')
			return false;
	for (const char *p = value; *p != '\0'; p++)
		if ((*p >= 0 && *p < ' ' && *p != '\t') || *p == 0x7f)
			return false;
	return true;
}

void fl_http_set(struct fl_http *x, const char *name, const char *value)
{
	size_t name_len = strlen(name) + 1, value_len = strlen(value) + 1;

	if (x->answer_fields == FL_HTTPX_ANSWER_FIELDS_MAX || !field_clean(name, value))
		return;
	if (name_len + value_len > x->answer.max - x->answer.len)
		return;
	if (fl_buf_reserve(&x->answer, name_len + value_len) != FL_OK)
		return;
	fl_buf_put(&x->answer, name, name_len);
	fl_buf_put(&x->answer, value, value_len);
	x->answer_fields++;
}

/* The name at `pos` of the answer's own fields; moves past its value. */
static const char *own_field(const struct fl_http *x, size_t *pos, const char **out_value)
{
	const char *name = (const char *)x->answer.ptr + *pos;
	const char *value = name + strlen(name) + 1;

	*pos += strlen(name) + 1 + strlen(value) + 1;
	*out_value = value;
	return name;
}

bool fl_httpx_answer_has(const struct fl_http *x, const char *name)
{
	const char *value;

	for (size_t pos = 0; pos < x->answer.len;)
		if (fl_str_ieq(fl_slice_str(own_field(x, &pos, &value)), fl_slice_str(name)))
			return true;
	return false;
}

/* `at` counts bytes of the own fields, then pairs of the common ones. */
bool fl_httpx_answer_next(const struct fl_http *x, size_t *at, const char **out_name,
			  const char **out_value)
{
	const char *const *common = x->router->common_fields;

	if (*at < x->answer.len) {
		*out_name = own_field(x, at, out_value);
		return true;
	}
	for (; common != NULL && common[*at - x->answer.len] != NULL;) {
		const char *const *pair = common + (*at - x->answer.len);
		*at += 2;
		if (fl_httpx_answer_has(x, pair[0]))
			continue;
		*out_name = pair[0];
		*out_value = pair[1];
		return true;
	}
	return false;
}

static bool status_has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void decide_head(struct fl_http *x, unsigned status, const char *type)
{
	x->status = (uint16_t)status;
	x->no_body = x->head_only || status_has_no_body(status);
	if (type != NULL)
		fl_http_set(x, "Content-Type", type);
}

static enum fl_err push_chunk(struct fl_http *x, struct fl_bytes *bytes)
{
	struct chunk *c = malloc(sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;

	*c = (struct chunk){ .bytes = fl_bytes_ref(bytes) };
	if (x->pending == 0)
		x->progress_at = fl_loop_now(x->loop);
	fl_list_push(&x->queue, &c->link);
	x->pending += bytes->len;
	return FL_OK;
}

/* Copies and queues. */
static enum fl_err push_body(struct fl_http *x, struct fl_slice body)
{
	if (body.len == 0 || x->no_body)
		return FL_OK;

	struct fl_bytes *bytes = fl_bytes_new(body);
	if (bytes == NULL)
		return FL_ERR_NOMEM;
	enum fl_err err = push_chunk(x, bytes);
	fl_bytes_unref(bytes);
	return err;
}

void fl_http_respond(struct fl_http *x, unsigned status, const char *type, struct fl_slice body)
{
	if (x->state != FL_HTTPX_HANDLING || x->closed)
		return;

	decide_head(x, status, type);
	x->sized = !status_has_no_body(status);
	x->size = body.len;
	if (push_body(x, body) != FL_OK) {
		fl_http_abort(x);
		return;
	}
	x->state = FL_HTTPX_ENDED;
	x->ops->start(x);
}

void fl_http_stream_start(struct fl_http *x, unsigned status, const char *type)
{
	if (x->state != FL_HTTPX_HANDLING || x->closed)
		return;

	decide_head(x, status, type);
	x->state = FL_HTTPX_STREAMING;
	x->ops->start(x);
}

enum fl_err fl_http_stream_send(struct fl_http *x, struct fl_bytes *chunk)
{
	if (x->closed)
		return FL_ERR_CLOSED;
	if (x->state != FL_HTTPX_STREAMING)
		return FL_ERR_STATE;
	if (x->no_body || chunk->len == 0)
		return FL_OK;
	if (chunk->len >
	    x->pending_max - (x->pending < x->pending_max ? x->pending : x->pending_max))
		return FL_ERR_FULL;

	enum fl_err err = push_chunk(x, chunk);
	if (err == FL_OK)
		x->ops->kick(x);
	return err;
}

size_t fl_http_stream_pending(const struct fl_http *x)
{
	return x->pending;
}

int64_t fl_http_stream_stalled(const struct fl_http *x)
{
	return x->pending ? fl_loop_now(x->loop) - x->progress_at : 0;
}

void fl_http_stream_limit(struct fl_http *x, size_t pending_max)
{
	x->pending_max = pending_max;
}

void fl_http_stream_end(struct fl_http *x)
{
	if (x->state != FL_HTTPX_STREAMING || x->closed)
		return;
	x->state = FL_HTTPX_ENDED;
	x->ops->kick(x);
}

void fl_http_abort(struct fl_http *x)
{
	if (x->state == FL_HTTPX_ENDED || x->closed)
		return;
	x->state = FL_HTTPX_ENDED;
	x->aborted = true;
	drop_queue(x);
	x->ops->abort(x);
}

void fl_http_on_gone(struct fl_http *x, void (*fn)(void *ctx), void *ctx)
{
	x->on_gone = fn;
	x->gone_ctx = ctx;
}

void fl_http_on_drain(struct fl_http *x, void (*fn)(void *ctx), void *ctx)
{
	x->on_drain = fn;
	x->drain_ctx = ctx;
}

struct fl_slice fl_httpx_front(const struct fl_http *x)
{
	if (fl_list_empty(&x->queue))
		return fl_slice_of(NULL, 0);
	const struct chunk *c = fl_list_entry(x->queue.next, struct chunk, link);
	return fl_slice_of(c->bytes->data + c->at, c->bytes->len - c->at);
}

void fl_httpx_consume(struct fl_http *x, size_t n)
{
	x->progress_at = fl_loop_now(x->loop);
	x->pending -= n;
	while (n > 0) {
		struct chunk *c = fl_list_entry(x->queue.next, struct chunk, link);
		size_t left = c->bytes->len - c->at;
		if (n < left) {
			c->at += n;
			return;
		}
		n -= left;
		drop_chunk(c);
	}
}
