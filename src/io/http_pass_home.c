/* SPDX-License-Identifier: BSD-3-Clause */
/* io/http_pass_home.c - exchanges that are carried on another thread: the half of the handlers. */
#include "io/http_pass_impl.h"

#include <stdlib.h>

/* The handler's exchange, whose connection is elsewhere. */
struct passed {
	struct fl_http x; /* first: an exchange of a link is one of these */
	struct fl_list link;
	uint32_t id;
};

/* ---- answers ---- */

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

static struct fl_pass_pieces *take_pieces(struct fl_http *x, size_t count)
{
	struct fl_pass_pieces *s = malloc(sizeof *s + count * sizeof(struct fl_bytes *));

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
	struct fl_pass_head *h = malloc(sizeof *h);
	struct fl_letter *l = h != NULL ? put_back(k, FL_PASS_ANSWER, p->id) : NULL;

	if (l == NULL) {
		free(h);
		lose_link(k);
	} else {
		*h = (struct fl_pass_head){
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
		r->free(r);
}

static const struct fl_httpx_ops passed_ops = {
	.start = start,
	.kick = kick,
	.abort = abort_passed,
	.make = send_recipe,
	.h2 = true,
};

/* ---- requests ---- */

static enum fl_err unpack(struct fl_http *x, const struct fl_pass_parcel *p)
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

static void receive(struct fl_pass_link *k, uint32_t id, const struct fl_pass_parcel *parcel)
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
