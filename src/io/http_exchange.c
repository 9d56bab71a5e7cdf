/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/http_exchange.c - what both versions of HTTP do with a request; answers are in http_answer.c.
 */
#include "io/http_exchange.h"

#include "base/text.h"

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

bool fl_httpx_charge(struct fl_http *x, size_t n)
{
	struct fl_http_budget *b = x->meter != NULL ? x->meter->budget : NULL;

	if (b == NULL)
		return true;
	size_t before = atomic_fetch_add(&b->used, n);
	if (before > b->max || n > b->max - before) {
		atomic_fetch_sub(&b->used, n);
		b->refusals++;
		return false;
	}
	x->charged += n;
	return true;
}

void fl_httpx_uncharge(struct fl_http *x)
{
	if (x->charged > 0)
		x->meter->budget->used -= x->charged;
	x->charged = 0;
}

static void drop_fields_and_body(struct fl_http *x)
{
	free(x->fields);
	x->fields = NULL;
	x->field_count = x->field_cap = 0;
	if (x->meter != NULL)
		x->meter->bodies -= x->body.len;
	fl_buf_done(&x->body);
	fl_httpx_uncharge(x);
}

void fl_http_drop_request(struct fl_http *x)
{
	drop_fields_and_body(x);
	compact_text(x);
}

void fl_httpx_done(struct fl_http *x)
{
	fl_httpx_drop_queue(x);
	drop_fields_and_body(x);
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

static enum fl_err keep_match(struct fl_http *x, const struct fl_httpx_match *m)
{
	enum fl_err err = FL_OK;

	for (size_t i = 0; i < m->segment_count && err == FL_OK; i++)
		err = keep_segment(x, m->segments[i], &x->segments[i]);
	if (err != FL_OK)
		return err;
	x->segment_count = (uint16_t)m->segment_count;
	x->route = m->route;
	return FL_OK;
}

static unsigned judge(struct fl_http *x)
{
	struct fl_httpx_match m;

	if (x->verdict != 0)
		return x->verdict;
	if (!fl_httpx_path_ok(fl_http_path(x)) || !fl_httpx_query_ok(range_slice(x, x->query)))
		return 400;
	/* Room for decoded segments first: the match points into the text, which must not move. */
	if (fl_buf_reserve(&x->text, x->path.len) != FL_OK)
		return 500;
	unsigned status = fl_httpx_route(x->router, fl_http_method(x), fl_http_path(x), &m);
	if (status == 200 && keep_match(x, &m) != FL_OK)
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

struct fl_slice fl_http_pattern(const struct fl_http *x)
{
	return x->route != NULL ? fl_slice_str(x->route->path) : fl_slice_of(NULL, 0);
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

bool fl_http_field_has(const struct fl_http *x, const char *name, const char *token)
{
	for (size_t i = 0; i < x->field_count; i++) {
		struct fl_slice value;
		if (!fl_httpx_field_at(x, i, name, &value))
			continue;
		while (value.len > 0) {
			const uint8_t *comma = memchr(value.ptr, ',', value.len);
			size_t len = comma ? (size_t)(comma - value.ptr) : value.len;
			struct fl_slice item = fl_slice_trim(fl_slice_of(value.ptr, len));
			if (fl_str_ieq(item, fl_slice_str(token)))
				return true;
			value = fl_slice_skip(value, comma ? len + 1 : len);
		}
	}
	return false;
}

struct fl_slice fl_http_body(const struct fl_http *x)
{
	return fl_buf_slice(&x->body);
}

struct fl_slice fl_http_query_text(const struct fl_http *x)
{
	return range_slice(x, x->query);
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
