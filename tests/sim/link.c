/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/sim/link.c - the network, and the server's end of each connection. */
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "sim.h"

enum {
	WINDOW = 256 << 10,     /* bytes on their way to one client */
	WINDOW_WIDE = 64 << 20, /* where thousands get whole maps: one piece each */
	FRAME_HEAD = 4,
	ANSWER_MAX = 64 << 20,
};
#define UNNOTICED (30 * FL_SEC) /* until the kernel gives a silent peer up (SES-11) */

struct fl_list conns;

static void pump_later(struct conn *c);

/* ---- life of the two objects ---- */

static void conn_unref(struct conn *c)
{
	if (--c->refs > 0)
		return;
	fl_list_del(&c->link);
	free(c);
}

static void exch_unref(struct exch *e)
{
	if (--e->refs > 0)
		return;
	fl_buf_done(&e->leaving);
	fl_buf_done(&e->arriving);
	free(e->request);
	free(e->target);
	free(e->note);
	conn_unref(e->conn);
	free(e);
}

void exch_let_go(struct exch **e)
{
	struct exch *it = *e;

	*e = NULL;
	if (it != NULL)
		exch_unref(it);
}

/* The server has let go of it. */
static void finish(struct exch *e)
{
	if (e->over)
		return;
	e->over = true;
	sim.stirs++;
	check_ended(e);
	fl_list_del(&e->link);
	fl_httpx_done(&e->x);
	exch_unref(e);
}

struct exch *exch_of(const struct fl_http *x)
{
	return (struct exch *)(uintptr_t)x;
}

/* ---- towards the client ---- */

enum piece_kind { PIECE_HEAD, PIECE_DATA, PIECE_END, PIECE_RESET };

struct piece {
	enum piece_kind kind;
	struct exch *e;
	struct fl_bytes *whole; /* all of these counted bytes, or a copy of a part */
};

static void piece_free(struct piece *p)
{
	fl_bytes_unref(p->whole);
	exch_unref(p->e);
	free(p);
}

static void on_lost(void *a, uint64_t b)
{
	struct conn *c = a;
	struct client *client = c->client;

	(void)b;
	if (client != NULL) {
		c->client = NULL;
		client_on_lost(client, c);
		c->refs--; /* the client's; that of this call is left */
	}
	conn_unref(c);
}

static void end_at_client(struct exch *e, bool whole)
{
	if (e->ended)
		return;
	e->ended = true;
	if (e->conn->client != NULL)
		client_on_end(e->conn->client, e, whole);
}

/* Frames that are whole, one after the other; `direct`: the piece is exactly one. */
static void take_frames(struct exch *e, struct fl_buf *b, struct fl_bytes *piece,
			void (*fn)(struct exch *e, struct frame *f))
{
	struct fl_slice in = fl_bytes_slice(piece), body;
	size_t used;

	if (b->len == 0 && fl_mapframe_next(in, ANSWER_MAX, &body, &used) == FL_OK &&
	    used == in.len) {
		struct frame *f = frame_decode(body, piece);
		fn(e, f);
		frame_unref(f);
		return;
	}
	fl_buf_put(b, in.ptr, in.len);
	while (fl_mapframe_next(fl_buf_slice(b), ANSWER_MAX, &body, &used) == FL_OK) {
		struct frame *f = frame_decode(body, NULL);
		fn(e, f);
		frame_unref(f);
		memmove(b->ptr, b->ptr + used, b->len - used);
		b->len -= used;
	}
}

static void on_frame_arrived(struct exch *e, struct frame *f)
{
	if (e->conn->client != NULL && !e->ended)
		client_on_frame(e->conn->client, e, f);
}

static void arrive(struct piece *p)
{
	struct exch *e = p->e;
	struct client *c = e->conn->client;

	if (c == NULL || e->ended)
		return;
	switch (p->kind) {
	case PIECE_HEAD:
		client_on_head(c, e);
		break;
	case PIECE_DATA:
		if (e->kind == EXCH_POLL && e->status == 200)
			take_frames(e, &e->arriving, p->whole, on_frame_arrived);
		else
			fl_buf_put(&e->arriving, p->whole->data, p->whole->len);
		break;
	case PIECE_END:
		end_at_client(e, true);
		break;
	case PIECE_RESET:
		end_at_client(e, false);
		break;
	}
}

static void on_acked(void *a, uint64_t len)
{
	struct conn *c = a;

	sim.calm++;
	c->inflight -= len;
	pump_later(c);
	conn_unref(c);
}

static void on_arrived(void *a, uint64_t b)
{
	struct piece *p = a;
	struct conn *c = p->e->conn;
	size_t len = p->whole != NULL ? p->whole->len : 0;

	(void)b;
	sim.calm++;
	c->undelivered -= len;
	if (len > 0) {
		c->refs++;
		after(c->w.delay, on_acked, c, len);
	}
	if (c->w.half_open) {
		piece_free(p);
		return;
	}
	if (c->w.reset_after >= 0 && (int64_t)len > c->w.reset_after) {
		/* What came of it is part of a frame, which clients do not act on. */
		conn_reset(c);
		c->w.half_open = true;
	} else {
		if (c->w.reset_after >= 0)
			c->w.reset_after -= (int64_t)len;
		arrive(p);
	}
	piece_free(p);
}

static void send_piece(struct exch *e, enum piece_kind kind, struct fl_bytes *bytes)
{
	struct conn *c = e->conn;
	struct piece *p = calloc(1, sizeof *p);
	size_t len = bytes != NULL ? bytes->len : 0;
	fl_time when = sim_clock.now + c->w.delay + chance(&sim.net, 0, c->w.jitter);

	if (p == NULL)
		abort();
	if (when < c->w.stalled_until)
		when = c->w.stalled_until;
	if (when < c->down_free)
		when = c->down_free;
	if (c->w.bytes_per_s > 0)
		when += (int64_t)(len * (uint64_t)FL_SEC / c->w.bytes_per_s);
	c->down_free = when;
	c->inflight += len;
	c->undelivered += len;
	*p = (struct piece){ .kind = kind, .e = e, .whole = bytes };
	e->refs++;
	at(when, on_arrived, p, 0);
}

/* The counted bytes that a piece at the start of a chunk lies in. */
static struct fl_bytes *holder_of(struct fl_slice piece)
{
	return fl_list_entry(piece.ptr, struct fl_bytes, data);
}

static void on_frame_leaves(struct exch *e, struct frame *f)
{
	if (!e->backlog)
		check_sent(e, f);
	if (f->ping != 0)
		ping_left(e, f);
	e->sent_at = sim_clock.now;
	e->frames++;
}

/* One piece of its queue. False: nothing, or no room on the way. */
static bool send_some(struct exch *e)
{
	struct conn *c = e->conn;
	size_t window = sim.plan.size == PLAN_THOUSANDS ? WINDOW_WIDE : WINDOW;
	struct fl_slice front = fl_httpx_front(&e->x);
	struct fl_bytes *bytes;

	if (front.len == 0 || c->inflight >= window)
		return false;
	if (front.len <= window - c->inflight && !e->inside)
		bytes = fl_bytes_ref(holder_of(front));
	else
		bytes = fl_bytes_new(fl_slice_of(front.ptr, front.len < window - c->inflight
								    ? front.len
								    : window - c->inflight));
	if (e->kind == EXCH_POLL && e->status == 200)
		take_frames(e, &e->leaving, bytes, on_frame_leaves);
	e->inside = bytes->len < front.len;
	fl_httpx_consume(&e->x, bytes->len);
	e->taken += bytes->len;
	send_piece(e, PIECE_DATA, bytes);
	return true;
}

static void pump_exchange(struct exch *e)
{
	if (!e->head_sent && e->x.status != 0) {
		e->head_sent = true;
		e->status = e->x.status;
		check_answer(e);
		send_piece(e, PIECE_HEAD, NULL);
	}
	bool had = e->x.pending > 0;
	while (send_some(e))
		;
	e->backlog = e->x.pending > 0;
	if (had && !e->backlog && !fl_httpx_released(&e->x) && e->x.on_drain != NULL) {
		sim.stirs++;
		e->x.on_drain(e->x.drain_ctx);
	}
	if (!fl_httpx_released(&e->x) || e->x.pending > 0)
		return;
	send_piece(e, e->x.aborted ? PIECE_RESET : PIECE_END, NULL);
	finish(e);
}

static void server_lets_go(struct conn *c);

static void pump(struct conn *c)
{
	fl_list_each(it, &c->exchanges) pump_exchange(fl_list_entry(it, struct exch, link));
	if (c->goaway && fl_list_empty(&c->exchanges) && c->server != NULL)
		server_lets_go(c);
}

static void on_pump(void *a, uint64_t b)
{
	struct conn *c = a;
	uint64_t before = sim.stirs;

	(void)b;
	c->pump_due = false;
	if (c->server != NULL)
		pump(c);
	sim.calm += before == sim.stirs;
	conn_unref(c);
}

static void pump_later(struct conn *c)
{
	if (c->pump_due || c->server == NULL)
		return;
	c->pump_due = true;
	c->refs++;
	at(sim_clock.now, on_pump, c, 0);
}

static void on_answer(struct fl_http *x)
{
	pump_later(exch_of(x)->conn);
}

static void on_kick(struct fl_http *x)
{
	check_queued(exch_of(x));
	on_answer(x);
}

static void on_decided(struct fl_http *x)
{
	bool was = sim_memory_server(false);

	check_decided(exch_of(x));
	on_answer(x);
	sim_memory_server(was);
}

static const struct fl_httpx_ops ops = {
	.start = on_decided,
	.kick = on_kick,
	.abort = on_answer,
	.h2 = true,
};

/* ---- the server's end ---- */

static void leave_strangers(struct fl_noise_link *l)
{
	if (l->stranger)
		fl_strangers_leave(&l->server->strangers, &l->source);
	l->stranger = false;
}

/* All that the server knows of it ends; whoever waits at the other end is not told here. */
static void close_server_end(struct conn *c)
{
	struct fl_noise_link *l = c->server;

	if (l == NULL)
		return;
	fl_list_each(it, &c->exchanges)
	{
		struct exch *e = fl_list_entry(it, struct exch, link);
		fl_httpx_gone(&e->x);
		finish(e);
	}
	c->server = NULL;
	leave_strangers(l);
	fl_list_del(&l->link);
	l->server->count--;
	free(l);
}

static void server_lets_go(struct conn *c)
{
	close_server_end(c);
	c->refs++;
	at(c->down_free > sim_clock.now ? c->down_free : sim_clock.now + c->w.delay, on_lost, c, 0);
}

static void on_server_hears_of_end(void *a, uint64_t b)
{
	(void)b;
	close_server_end(a);
	conn_unref(a);
}

static bool admit(struct conn *c)
{
	struct fl_noise_server *s = &sim.server.control->noise;
	struct fl_noise_link *l = calloc(1, sizeof *l);

	if (l == NULL)
		abort();
	l->server = s;
	l->machine = c->machine;
	l->version = 113;
	l->source = c->from;
	c->unknown = !fl_state_knows_machine(sim.server.core.state, &c->machine);
	if (s->strangers.per_source != 0 && !s->knows(s->knows_ctx, &c->machine)) {
		l->stranger = fl_strangers_enter(&s->strangers, &l->source) == FL_OK;
		if (!l->stranger) {
			free(l);
			return false;
		}
	}
	fl_list_push(&s->links, &l->link);
	s->count++;
	s->handshakes++;
	c->server = l;
	return true;
}

static void on_accept(void *a, uint64_t b)
{
	struct conn *c = a;

	(void)b;
	if ((c->client != NULL || c->anonymous) && !c->w.half_open &&
	    (!sim.server.up || sim.server.control->stopping || !admit(c))) {
		c->refs++;
		after(c->w.delay, on_lost, c, 0);
	}
	conn_unref(c);
}

static const char *target_of(const struct exch *e)
{
	bool map = e->kind == EXCH_POLL || e->kind == EXCH_LITE || e->kind == EXCH_HIJACK;

	if (e->target != NULL)
		return e->target;
	return map ? "/machine/map" : "/machine/register";
}

static void on_request(void *a, uint64_t b)
{
	struct exch *e = a;
	struct conn *c = e->conn;

	(void)b;
	if (c->server == NULL || c->w.half_open || c->goaway) {
		exch_unref(e);
		return;
	}
	fl_httpx_init(&e->x, &ops, c, sim.server.loop, &c->server->server->inner, c->server);
	enum fl_err err = fl_httpx_set_method(&e->x, fl_slice_str(e->method));
	if (err == FL_OK)
		err = fl_httpx_set_target(&e->x, fl_slice_str(target_of(e)));
	if (err != FL_OK)
		abort();
	fl_httpx_begin(&e->x);
	fl_buf_put(&e->x.body, e->request, e->request_len);
	/* Older than what a later connection told: no server can know. */
	if (c->client == NULL && c->owner != NULL)
		c->owner->facts_acked = 0;
	fl_list_push(&c->exchanges, &e->link); /* its reference is the server's now */
	trace("request", c->number, e->kind);
	c->unknown = c->unknown && !fl_state_knows_machine(sim.server.core.state, &c->machine);
	sim_memory_server(true);
	fl_httpx_handle(&e->x);
	sim_memory_server(false);
}

/* ---- services/control/noise_server.h ---- */

void fl_noise_server_init(struct fl_noise_server *s, struct fl_loop *loop,
			  const struct fl_private_key *key, uint32_t min_cap,
			  const struct fl_http_router *inner)
{
	*s = (struct fl_noise_server){
		.loop = loop,
		.common.key = *key,
		.min_cap = min_cap,
		.inner = *inner,
	};
	fl_list_init(&s->links);
}

/* Who carries connections makes no difference to what is decided. */
enum fl_err fl_noise_server_start(struct fl_noise_server *s, size_t threads)
{
	(void)s;
	(void)threads;
	return FL_OK;
}

void fl_noise_server_goaway(struct fl_noise_server *s)
{
	(void)s;
	fl_list_each(it, &conns)
	{
		struct conn *c = fl_list_entry(it, struct conn, link);
		c->goaway = c->server != NULL;
		pump_later(c);
	}
}

/* The last words reach the socket before it closes. */
void fl_noise_server_done(struct fl_noise_server *s)
{
	if (s->loop == NULL)
		return;
	fl_list_each(it, &conns)
	{
		struct conn *c = fl_list_entry(it, struct conn, link);
		c->refs++;
		if (c->server != NULL && !sim.server.crashing)
			pump(c);
		if (c->server != NULL)
			server_lets_go(c);
		conn_unref(c);
	}
	fl_strangers_done(&s->strangers);
}

void fl_noise_server_upgrade(struct fl_noise_server *s, struct fl_http *x)
{
	(void)s;
	(void)x;
	abort(); /* nobody asks for it here */
}

void fl_noise_link_request(struct fl_noise_link *l)
{
	const struct fl_noise_server *s = l->server;

	if (l->stranger && s->knows(s->knows_ctx, &l->machine))
		leave_strangers(l);
}

/* ---- the client's end ---- */

struct conn *conn_open(struct client *client, const struct fl_machine_key *machine, uint8_t from,
		       const struct weather *w)
{
	static uint64_t count;
	struct conn *c = calloc(1, sizeof *c);

	if (c == NULL)
		abort();
	*c = (struct conn){
		.refs = 2, /* the client, the accept on its way */
		.number = ++count,
		.client = client,
		.owner = client,
		.w = *w,
		.machine = *machine,
		.from = { .family = FL_IP_V4, .b = { 198, 51, 100, from } },
	};
	fl_list_init(&c->exchanges);
	fl_list_push(&conns, &c->link);
	c->up_free = sim_clock.now + 3 * w->delay + chance(&sim.net, 0, w->jitter);
	at(c->up_free, on_accept, c, 0);
	return c;
}

struct exch *conn_ask(struct conn *c, enum exch_kind kind, char *body)
{
	struct exch *e = calloc(1, sizeof *e);
	fl_time when = sim_clock.now + c->w.delay + chance(&sim.net, 0, c->w.jitter);

	if (e == NULL)
		abort();
	*e = (struct exch){
		.refs = 2, /* the caller's; on its way, then the server's */
		.conn = c,
		.kind = kind,
		.method = "POST",
		.request = body,
		.request_len = strlen(body),
		.leaving = fl_buf_make(ANSWER_MAX),
		.arriving = fl_buf_make(ANSWER_MAX),
	};
	c->refs++;
	if (when < c->w.stalled_until)
		when = c->w.stalled_until;
	if (when < c->up_free)
		when = c->up_free;
	c->up_free = when;
	at(when, on_request, e, 0);
	return e;
}

struct exch *conn_ask_for(struct conn *c, enum exch_kind kind, const char *method,
			  const char *target, char *body, void *note)
{
	struct exch *e = conn_ask(c, kind, body);

	e->method = method;
	e->target = strdup(target);
	e->note = note;
	if (e->target == NULL)
		abort();
	return e;
}

static void on_stranger_leaves(void *a, uint64_t b)
{
	struct conn *c = a;

	c->refs--; /* its own; that of this call is left */
	on_server_hears_of_end(c, b);
}

struct conn *conn_open_stranger(const struct fl_machine_key *machine, uint8_t from)
{
	const struct weather w = { .delay = 10 * FL_MS, .reset_after = -1 };
	struct conn *c = conn_open(NULL, machine, from, &w);

	c->anonymous = true; /* its own reference goes when it leaves */
	c->refs++;
	after(FL_MIN, on_stranger_leaves, c, 0);
	return c;
}

void conn_leave(struct conn *c, bool politely)
{
	if (c->client == NULL)
		return;
	c->client = NULL;
	if (politely && !c->w.half_open) {
		c->refs++;
		at(c->up_free > sim_clock.now ? c->up_free : sim_clock.now + c->w.delay,
		   on_server_hears_of_end, c, 0);
	} else {
		conn_half_open(c);
	}
	conn_unref(c);
}

void conn_half_open(struct conn *c)
{
	if (c->w.half_open)
		return;
	c->w.half_open = true;
	c->refs++;
	after(UNNOTICED, on_server_hears_of_end, c, 0);
}

void conn_reset(struct conn *c)
{
	c->refs += 2;
	after(c->w.delay, on_server_hears_of_end, c, 0);
	after(c->w.delay, on_lost, c, 0);
}

void conn_healed(struct conn *c)
{
	c->w.stalled_until = 0;
	c->w.bytes_per_s = 0;
	c->w.reset_after = -1;
}

void links_crash(void)
{
	fl_list_each(it, &conns)
	{
		struct conn *c = fl_list_entry(it, struct conn, link);
		c->refs++;
		if (c->server != NULL)
			server_lets_go(c);
		conn_unref(c);
	}
}
