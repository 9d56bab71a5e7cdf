/* SPDX-License-Identifier: BSD-3-Clause */
/* io/http_pass.c - exchanges that are answered on another thread: the half on the worker. */
#include "io/http_pass_impl.h"

#include <stdlib.h>

/* An exchange of the connection whose handler is elsewhere. */
struct passage {
	struct fl_list link;
	struct fl_pass_conn *conn;
	struct fl_http *x;
	uint32_t id;
};

static size_t parcel_size(const struct fl_pass_parcel *p)
{
	return sizeof *p + p->method_len + p->target_len + p->body_len;
}

static void head_free(struct fl_pass_head *h)
{
	fl_buf_done(&h->fields);
	free(h);
}

/* Those from `from` on; the others are somebody's already. */
static void pieces_free(struct fl_pass_pieces *s, size_t from)
{
	for (size_t i = from; i < s->count; i++)
		fl_bytes_unref(s->at[i]);
	free(s);
}

static void recipe_free(struct fl_http_recipe *r)
{
	r->free(r);
}

void fl_pass_discard(const struct fl_letter *l)
{
	if (l->kind == FL_PASS_REQUEST)
		free(l->what);
	else if (l->kind == FL_PASS_ANSWER)
		head_free(l->what);
	else if (l->kind == FL_PASS_DATA)
		fl_bytes_unref(l->what);
	else if (l->kind == FL_PASS_PIECES)
		pieces_free(l->what, 0);
	else if (l->kind == FL_PASS_RECIPE)
		recipe_free(l->what);
}

/* ---- requests ---- */

static void lose(struct fl_pass_conn *c)
{
	if (!c->lost)
		fl_loop_defer(c->loop, c->on_lost);
	c->lost = true;
}

static struct fl_letter *put(struct fl_pass_conn *c, unsigned kind, uint32_t id)
{
	struct fl_letter *l = c->lost ? NULL : fl_mailbox_put(c->desk->out);

	if (l == NULL) {
		lose(c);
		return NULL;
	}
	l->kind = (uint16_t)kind;
	l->slot = c->slot;
	l->gen = c->gen;
	l->id = id;
	return l;
}

static uint8_t *pack(uint8_t *at, struct fl_slice s)
{
	if (s.len > 0)
		memcpy(at, s.ptr, s.len);
	return at + s.len;
}

static struct fl_pass_parcel *parcel_new(const struct fl_http *x)
{
	struct fl_slice method = fl_http_method(x), path = fl_http_path(x);
	struct fl_slice query = fl_http_query_text(x), body = fl_http_body(x);
	size_t target_len = path.len + (query.len > 0) + query.len;

	struct fl_pass_parcel *p = malloc(sizeof *p + method.len + target_len + body.len);
	if (p == NULL)
		return NULL;
	*p = (struct fl_pass_parcel){ method.len, target_len, body.len };
	uint8_t *at = pack(pack(p->text, method), path);
	if (query.len > 0)
		at = pack(pack(at, fl_slice_str("?")), query);
	pack(at, body);
	return p;
}

static void passage_free(struct passage *p)
{
	fl_list_del(&p->link);
	free(p);
}

/* The handler has ended the answer, or the peer has gone: what follows concerns nobody. */
static void let_go(struct passage *p)
{
	p->x->on_taken = NULL;
	fl_http_on_gone(p->x, NULL, NULL);
	passage_free(p);
}

static void on_gone(void *ctx)
{
	struct passage *p = ctx;

	(void)put(p->conn, FL_PASS_GONE, p->id);
	passage_free(p);
}

/* One read of the connection may take many pieces of one answer. */
static void on_taken(void *ctx, size_t n)
{
	struct passage *p = ctx;
	const struct fl_letters *w = &p->conn->desk->out->writing;
	struct fl_letter *l = w->len > 0 ? &w->at[w->len - 1] : NULL;

	if (l == NULL || l->kind != FL_PASS_TAKEN || l->slot != p->conn->slot ||
	    l->gen != p->conn->gen || l->id != p->id)
		l = put(p->conn, FL_PASS_TAKEN, p->id);
	if (l != NULL)
		l->n += n;
}

static enum fl_err send_request(struct passage *p)
{
	struct fl_pass_conn *c = p->conn;
	struct fl_pass_parcel *parcel = parcel_new(p->x);
	struct fl_letter *l = parcel != NULL ? put(c, FL_PASS_REQUEST, p->id) : NULL;

	if (l == NULL) {
		free(parcel);
		return FL_ERR_NOMEM;
	}
	l->what = parcel;
	l->n = parcel_size(parcel);
	c->desk->waiting += l->n;
	return FL_OK;
}

void fl_pass_conn_init(struct fl_pass_conn *c, struct fl_pass_desk *d, uint32_t slot, uint32_t gen,
		       struct fl_loop *loop, struct fl_deferred *on_lost)
{
	*c = (struct fl_pass_conn){
		.desk = d, .slot = slot, .gen = gen, .loop = loop, .on_lost = on_lost
	};
	fl_list_init(&c->passages);
}

void fl_pass_request(struct fl_pass_conn *c, struct fl_http *x)
{
	struct passage *p = calloc(1, sizeof *p);

	if (p != NULL)
		*p = (struct passage){ .conn = c, .x = x, .id = ++c->last_id };
	if (p == NULL || send_request(p) != FL_OK) {
		free(p);
		fl_httpx_refuse(x, 503);
		return;
	}
	fl_list_push(&c->passages, &p->link);
	fl_http_on_gone(x, on_gone, p);
	x->on_taken = on_taken;
	x->taken_ctx = p;
	fl_http_drop_request(x);
}

/* ---- answers ---- */

static struct passage *find_passage(const struct fl_pass_conn *c, uint32_t id)
{
	fl_list_each(it, &c->passages)
	{
		struct passage *p = fl_list_entry(it, struct passage, link);
		if (p->id == id)
			return p;
	}
	return NULL;
}

/* The home has decided and logged it already: this only says it to the peer. */
static void begin(struct passage *p, struct fl_pass_head *h)
{
	struct fl_http *x = p->x;

	fl_buf_done(&x->answer);
	x->answer = h->fields;
	x->answer_fields = h->field_count;
	x->status = h->status;
	x->no_body = h->no_body;
	x->sized = h->sized;
	x->size = h->size;
	x->state = h->whole ? FL_HTTPX_ENDED : FL_HTTPX_STREAMING;
	free(h);
	x->ops->start(x);
	if (fl_httpx_released(x))
		let_go(p);
}

static void add(struct passage *p, struct fl_bytes *bytes)
{
	if (fl_httpx_push(p->x, bytes) == FL_OK) {
		p->x->ops->kick(p->x);
		return;
	}
	fl_bytes_unref(bytes);
	lose(p->conn);
}

static void add_pieces(struct passage *p, struct fl_pass_pieces *s)
{
	size_t added = 0;

	while (added < s->count && fl_httpx_push(p->x, s->at[added]) == FL_OK)
		added++;
	if (added < s->count)
		lose(p->conn);
	else
		p->x->ops->kick(p->x);
	pieces_free(s, added);
}

/* What it does not come to, the peer need not take. */
static void add_made(struct passage *p, const struct fl_parts *made, size_t most)
{
	enum fl_err err = made->len <= most ? FL_OK : FL_ERR_TOO_BIG;

	for (size_t i = 0; i < made->count && err == FL_OK; i++) {
		err = fl_httpx_push(p->x, fl_bytes_ref(made->at[i]));
		if (err != FL_OK)
			fl_bytes_unref(made->at[i]);
	}
	if (err != FL_OK) {
		lose(p->conn);
		return;
	}
	if (made->len < most)
		on_taken(p, most - made->len);
	p->x->ops->kick(p->x);
}

static void make(struct passage *p, struct fl_http_recipe *r)
{
	struct fl_parts made = { 0 };

	if (r->make(r, p->conn->desk->tools, &made) == FL_OK)
		add_made(p, &made, r->most);
	else
		lose(p->conn);
	fl_parts_done(&made);
	recipe_free(r);
}

static void end(struct passage *p)
{
	fl_http_stream_end(p->x);
	let_go(p);
}

static void abort_it(struct passage *p)
{
	struct fl_http *x = p->x;

	let_go(p);
	fl_http_abort(x);
}

void fl_pass_reply(struct fl_pass_conn *c, const struct fl_letter *l)
{
	struct passage *p = find_passage(c, l->id);

	if (p == NULL) {
		fl_pass_discard(l);
	} else if (l->kind == FL_PASS_ANSWER) {
		begin(p, l->what);
	} else if (l->kind == FL_PASS_DATA) {
		add(p, l->what);
	} else if (l->kind == FL_PASS_PIECES) {
		add_pieces(p, l->what);
	} else if (l->kind == FL_PASS_RECIPE) {
		make(p, l->what);
	} else if (l->kind == FL_PASS_END) {
		end(p);
	} else {
		abort_it(p);
	}
}
