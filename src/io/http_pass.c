/* SPDX-License-Identifier: BSD-3-Clause */
/* io/http_pass.c - exchanges that are carried on one thread and answered on another. */
#include "io/http_pass.h"

#include <stdlib.h>

#include "io/http_exchange.h"

/* A request as it crosses: its parts one after the other. */
struct parcel {
	size_t method_len, target_len, body_len;
	uint8_t text[];
};

/* The head of an answer as it crosses. */
struct head {
	uint16_t status, field_count;
	bool no_body, sized, whole; /* whole: nothing follows */
	size_t size;
	struct fl_buf fields;
};

/* What an answer sends in one step, as it crosses: mostly it is one piece and goes without this. */
struct pieces {
	size_t count;
	struct fl_bytes *at[];
};

/* An exchange of the connection whose handler is elsewhere. */
struct passage {
	struct fl_list link;
	struct fl_pass_conn *conn;
	struct fl_http *x;
	uint32_t id;
};

/* The handler's exchange, whose connection is elsewhere. */
struct passed {
	struct fl_http x; /* first: an exchange of a link is one of these */
	struct fl_list link;
	uint32_t id;
};

static size_t parcel_size(const struct parcel *p)
{
	return sizeof *p + p->method_len + p->target_len + p->body_len;
}

static void head_free(struct head *h)
{
	fl_buf_done(&h->fields);
	free(h);
}

/* Those from `from` on; the others are somebody's already. */
static void pieces_free(struct pieces *s, size_t from)
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

/* ---- on the worker: requests ---- */

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

static struct parcel *parcel_new(const struct fl_http *x)
{
	struct fl_slice method = fl_http_method(x), path = fl_http_path(x);
	struct fl_slice query = fl_http_query_text(x), body = fl_http_body(x);
	size_t target_len = path.len + (query.len > 0) + query.len;

	struct parcel *p = malloc(sizeof *p + method.len + target_len + body.len);
	if (p == NULL)
		return NULL;
	*p = (struct parcel){ method.len, target_len, body.len };
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
	struct parcel *parcel = parcel_new(p->x);
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

/* ---- on the worker: answers ---- */

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
static void begin(struct passage *p, struct head *h)
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

static void add_pieces(struct passage *p, struct pieces *s)
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

/* ---- at home: answers ---- */

static struct passed *passed_of(struct fl_http *x)
{
	return (struct passed *)x;
}

static void lose_link(struct fl_pass_link *k)
{
	if (!k->lost)
		fl_loop_defer(k->loop, k->on_lost);
	k->lost = true;
}

static struct fl_letter *put_back(struct fl_pass_link *k, unsigned kind, uint32_t id)
{
	struct fl_letter *l = k->lost ? NULL : fl_mailbox_put(k->out);

	if (l == NULL) {
		lose_link(k);
		return NULL;
	}
	l->kind = (uint16_t)kind;
	l->slot = k->slot;
	l->gen = k->gen;
	l->id = id;
	return l;
}

/* The caller may be inside the exchange: its memory goes from the loop. */
static void finish(struct passed *p)
{
	struct fl_pass_link *k = p->x.conn;

	fl_list_del(&p->link);
	fl_list_push(&k->dead, &p->link);
	fl_loop_defer(k->loop, &k->reap);
}

static void reap(void *ctx)
{
	struct fl_pass_link *k = ctx;

	for (struct fl_list *l; (l = fl_list_pop(&k->dead)) != NULL;) {
		struct passed *p = fl_list_entry(l, struct passed, link);
		fl_httpx_done(&p->x);
		free(p);
	}
}

static struct pieces *take_pieces(struct fl_http *x, size_t count)
{
	struct pieces *s = malloc(sizeof *s + count * sizeof(struct fl_bytes *));

	if (s == NULL)
		return NULL;
	s->count = count;
	for (size_t i = 0; i < count; i++)
		s->at[i] = fl_httpx_hand_on(x);
	return s;
}

/* What was queued together goes in one letter; it stays pending until it is taken there. */
static void hand_on(struct fl_pass_link *k, struct passed *p)
{
	struct fl_letter out = { .kind = FL_PASS_DATA };
	size_t count = fl_httpx_queued(&p->x);

	if (count == 1) {
		out.what = fl_httpx_hand_on(&p->x);
	} else {
		out.kind = FL_PASS_PIECES;
		out.what = take_pieces(&p->x, count);
	}
	if (out.what == NULL) {
		lose_link(k);
		return;
	}
	struct fl_letter *l = put_back(k, out.kind, p->id);
	if (l != NULL)
		l->what = out.what;
	else
		fl_pass_discard(&out);
}

static void kick(struct fl_http *x)
{
	struct passed *p = passed_of(x);
	struct fl_pass_link *k = x->conn;

	if (!fl_list_empty(&x->queue))
		hand_on(k, p);
	if (!fl_httpx_released(x))
		return;
	(void)put_back(k, FL_PASS_END, p->id);
	finish(p);
}

static void start(struct fl_http *x)
{
	struct passed *p = passed_of(x);
	struct fl_pass_link *k = x->conn;
	struct head *h = malloc(sizeof *h);
	struct fl_letter *l = h != NULL ? put_back(k, FL_PASS_ANSWER, p->id) : NULL;

	if (l == NULL) {
		free(h);
		lose_link(k);
	} else {
		*h = (struct head){
			.status = x->status,
			.field_count = x->answer_fields,
			.no_body = x->no_body,
			.sized = x->sized,
			.whole = fl_httpx_released(x) && x->pending == 0,
			.size = x->size,
			.fields = x->answer,
		};
		x->answer = fl_buf_make(0);
		l->what = h;
		if (h->whole) {
			finish(p);
			return;
		}
	}
	kick(x);
}

static void abort_passed(struct fl_http *x)
{
	struct fl_pass_link *k = x->conn;

	(void)put_back(k, FL_PASS_ABORT, passed_of(x)->id);
	finish(passed_of(x));
}

static void send_recipe(struct fl_http *x, struct fl_http_recipe *r)
{
	struct fl_letter *l = put_back(x->conn, FL_PASS_RECIPE, passed_of(x)->id);

	if (l != NULL)
		l->what = r;
	else
		recipe_free(r);
}

static const struct fl_httpx_ops passed_ops = {
	.start = start,
	.kick = kick,
	.abort = abort_passed,
	.make = send_recipe,
	.h2 = true,
};

/* ---- at home: requests ---- */

static enum fl_err unpack(struct fl_http *x, const struct parcel *p)
{
	const uint8_t *target = p->text + p->method_len;

	enum fl_err err = fl_httpx_set_method(x, fl_slice_of(p->text, p->method_len));
	if (err == FL_OK)
		err = fl_httpx_set_target(x, fl_slice_of(target, p->target_len));
	if (err != FL_OK)
		return err;
	fl_httpx_begin(x);
	fl_buf_put(&x->body, target + p->target_len, p->body_len);
	return fl_buf_err(&x->body);
}

static void receive(struct fl_pass_link *k, uint32_t id, const struct parcel *parcel)
{
	struct passed *p = calloc(1, sizeof *p);

	if (p == NULL) {
		(void)put_back(k, FL_PASS_ABORT, id);
		return;
	}
	fl_httpx_init(&p->x, &passed_ops, k, k->loop, k->router, k->conn_ctx);
	p->id = id;
	fl_list_push(&k->open, &p->link);
	if (unpack(&p->x, parcel) != FL_OK)
		p->x.verdict = 503;
	fl_httpx_handle(&p->x);
}

static struct passed *find_passed(const struct fl_pass_link *k, uint32_t id)
{
	fl_list_each(it, &k->open)
	{
		struct passed *p = fl_list_entry(it, struct passed, link);
		if (p->id == id)
			return p;
	}
	return NULL;
}

static void leave(struct passed *p)
{
	finish(p);
	fl_httpx_gone(&p->x);
}

static void note_taken(struct passed *p, size_t n)
{
	struct fl_http *x = &p->x;

	fl_httpx_taken(x, n);
	if (x->pending == 0 && x->on_drain != NULL)
		x->on_drain(x->drain_ctx);
}

void fl_pass_hear(struct fl_pass_link *k, const struct fl_letter *l)
{
	struct passed *p = l->kind == FL_PASS_REQUEST ? NULL : find_passed(k, l->id);

	if (l->kind == FL_PASS_REQUEST) {
		if (!k->lost)
			receive(k, l->id, l->what);
		free(l->what);
	} else if (p != NULL && l->kind == FL_PASS_TAKEN) {
		note_taken(p, l->n);
	} else if (p != NULL) {
		leave(p);
	}
}

void fl_pass_link_init(struct fl_pass_link *k, struct fl_loop *loop, struct fl_mailbox *out,
		       const struct fl_http_router *router, void *conn_ctx,
		       struct fl_deferred *on_lost)
{
	*k = (struct fl_pass_link){
		.loop = loop,
		.out = out,
		.router = router,
		.conn_ctx = conn_ctx,
		.reap = { .fn = reap, .ctx = k },
		.on_lost = on_lost,
	};
	fl_list_init(&k->open);
	fl_list_init(&k->dead);
}

void fl_pass_link_done(struct fl_pass_link *k)
{
	k->lost = true; /* nobody reads a last word */
	while (!fl_list_empty(&k->open))
		leave(fl_list_entry(k->open.next, struct passed, link));
	fl_deferred_cancel(&k->reap);
	reap(k);
}
