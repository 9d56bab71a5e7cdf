/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_answer.c - the answer of an exchange: its fields, its queue of counted chunks, and the
 * answers that a connection gives by itself.
 */
#include "io/http_exchange.h"

#include "base/prefetch.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>

/* ---- fields ---- */

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

/* ---- the queue ---- */

/* Mostly one at a time waits: a fan-out to thousands then allocates nothing. */
static struct fl_httpx_chunk *take_chunk(struct fl_http *x)
{
	if (!fl_list_linked(&x->first.link))
		return &x->first;
	return malloc(sizeof(struct fl_httpx_chunk));
}

static struct fl_bytes *unlink_chunk(struct fl_http *x, struct fl_httpx_chunk *c)
{
	struct fl_bytes *bytes = c->bytes;

	fl_list_del(&c->link);
	if (c != &x->first)
		free(c);
	return bytes;
}

static void drop_chunk(struct fl_http *x, struct fl_httpx_chunk *c)
{
	fl_bytes_unref(unlink_chunk(x, c));
}

void fl_httpx_drop_queue(struct fl_http *x)
{
	fl_list_each(it, &x->queue) drop_chunk(x, fl_list_entry(it, struct fl_httpx_chunk, link));
	x->pending = 0;
}

void fl_httpx_owe(struct fl_http *x, size_t n)
{
	if (x->pending == 0)
		x->progress_at = fl_loop_now(x->loop);
	x->pending += n;
}

enum fl_err fl_httpx_push(struct fl_http *x, struct fl_bytes *bytes)
{
	struct fl_httpx_chunk *c = take_chunk(x);
	if (c == NULL)
		return FL_ERR_NOMEM;

	*c = (struct fl_httpx_chunk){ .bytes = bytes };
	fl_list_push(&x->queue, &c->link);
	fl_httpx_owe(x, bytes->len);
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
	enum fl_err err = fl_httpx_push(x, bytes);
	if (err != FL_OK)
		fl_bytes_unref(bytes);
	return err;
}

struct fl_slice fl_httpx_front(const struct fl_http *x)
{
	if (fl_list_empty(&x->queue))
		return fl_slice_of(NULL, 0);
	const struct fl_httpx_chunk *c = fl_list_entry(x->queue.next, struct fl_httpx_chunk, link);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a dropped chunk is off the list */
	return fl_slice_of(c->bytes->data + c->at, c->bytes->len - c->at);
}

size_t fl_httpx_queued(const struct fl_http *x)
{
	size_t count = 0;

	for (const struct fl_list *l = x->queue.next; l != &x->queue; l = l->next)
		count++;
	return count;
}

struct fl_bytes *fl_httpx_hand_on(struct fl_http *x)
{
	if (fl_list_empty(&x->queue))
		return NULL;
	return unlink_chunk(x, fl_list_entry(x->queue.next, struct fl_httpx_chunk, link));
}

void fl_httpx_taken(struct fl_http *x, size_t n)
{
	x->progress_at = fl_loop_now(x->loop);
	x->pending -= n;
}

void fl_httpx_consume(struct fl_http *x, size_t n)
{
	fl_httpx_taken(x, n);
	if (x->on_taken != NULL)
		x->on_taken(x->taken_ctx, n);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a dropped chunk is off the list */
	fl_list_each(it, &x->queue)
	{
		struct fl_httpx_chunk *c = fl_list_entry(it, struct fl_httpx_chunk, link);
		size_t left = c->bytes->len - c->at;
		if (n < left) {
			c->at += n;
			return;
		}
		n -= left;
		drop_chunk(x, c);
	}
}

void fl_httpx_put_front(struct fl_http *x, size_t n, struct fl_buf *out)
{
	while (n > 0) {
		struct fl_slice piece = fl_httpx_front(x);
		size_t part = piece.len < n ? piece.len : n;
		fl_buf_put(out, piece.ptr, part);
		fl_httpx_consume(x, part);
		n -= part;
	}
}

/* ---- answering ---- */

static bool status_has_no_body(unsigned status)
{
	return status < 200 || status == 204 || status == 304;
}

static void decide_head(struct fl_http *x, unsigned status, const char *type)
{
	if (x->router->on_answer != NULL)
		x->router->on_answer(x, status);
	x->status = (uint16_t)status;
	x->no_body = x->head_only || status_has_no_body(status);
	if (type != NULL)
		fl_http_set(x, "Content-Type", type);
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

/* Takes the last `count` back. */
static void pull_chunks(struct fl_http *x, size_t count)
{
	while (count-- > 0) {
		struct fl_httpx_chunk *c =
			fl_list_entry(x->queue.prev, struct fl_httpx_chunk, link);
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): a dropped chunk is off the list */
		x->pending -= c->bytes->len;
		drop_chunk(x, c);
	}
}

static enum fl_err push_chunks(struct fl_http *x, struct fl_bytes *const *chunks, size_t count)
{
	size_t pushed = 0;

	for (size_t i = 0; i < count; i++) {
		if (chunks[i]->len == 0)
			continue;
		enum fl_err err = fl_httpx_push(x, fl_bytes_ref(chunks[i]));
		if (err != FL_OK) {
			fl_bytes_unref(chunks[i]);
			pull_chunks(x, pushed);
			return err;
		}
		pushed++;
	}
	return FL_OK;
}

enum fl_err fl_http_stream_sendv(struct fl_http *x, struct fl_bytes *const *chunks, size_t count)
{
	size_t room = x->pending < x->pending_max ? x->pending_max - x->pending : 0;

	if (x->closed)
		return FL_ERR_CLOSED;
	if (x->state != FL_HTTPX_STREAMING)
		return FL_ERR_STATE;
	if (x->no_body)
		return FL_OK;
	for (size_t i = 0; i < count; i++) {
		if (chunks[i]->len > room)
			return FL_ERR_FULL;
		room -= chunks[i]->len;
	}
	size_t before = x->pending;
	enum fl_err err = push_chunks(x, chunks, count);
	if (err == FL_OK && x->pending > before)
		x->ops->kick(x);
	return err;
}

enum fl_err fl_http_stream_send(struct fl_http *x, struct fl_bytes *chunk)
{
	return fl_http_stream_sendv(x, &chunk, 1);
}

static enum fl_err push_made(struct fl_http *x, const struct fl_http_recipe *r)
{
	struct fl_parts made = { 0 };

	enum fl_err err = r->make(r, NULL, &made);
	if (err == FL_OK)
		err = push_chunks(x, made.at, made.count);
	fl_parts_done(&made);
	return err;
}

enum fl_err fl_http_stream_begin(struct fl_http *x, unsigned status, const char *type,
				 struct fl_http_recipe *r)
{
	bool elsewhere = x->ops->make != NULL && !x->head_only;
	enum fl_err err = FL_OK;

	if (x->state != FL_HTTPX_HANDLING || x->closed)
		err = FL_ERR_CLOSED;
	else if (!elsewhere && !x->head_only)
		err = push_made(x, r);
	if (err == FL_OK)
		fl_http_stream_start(x, status, type);
	if (err == FL_OK && elsewhere) {
		fl_httpx_owe(x, r->most);
		x->ops->make(x, r);
	} else {
		r->free(r);
	}
	return err;
}

void fl_http_stream_ahead(const struct fl_http *x)
{
	fl_prefetch(x, sizeof *x);
	if (x->ops->ahead != NULL)
		x->ops->ahead(x);
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
	fl_httpx_drop_queue(x);
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

/* ---- statuses ---- */

const char *fl_http_reason(unsigned status)
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
	case 429:
		return "Too much is being asked by machines that are not registered: try again "
		       "later.";
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
	const struct fl_http_router *r = x->router;
	char text[160];

	if (r->refuse != NULL && r->refuse(r->ctx, x, status, advice(status)))
		return;
	int n = snprintf(text, sizeof text, "%u %s\n%s\n", status, fl_http_reason(status),
			 advice(status));

	fl_http_respond(x, status, "text/plain; charset=utf-8", fl_slice_of(text, (size_t)n));
}
