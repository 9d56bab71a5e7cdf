/* SPDX-License-Identifier: BSD-3-Clause */
/* services/control/noise_worker.c - HTTP/2 inside Noise records, on a worker. */
#include "services/control/noise_worker.h"

#include <stdlib.h>

#include "base/log.h"
#include "services/control/noise_hello.h"

enum {
	SCRATCH_MAX = 4 << 20,
	SCRATCH_KEEP = 256 << 10,
};

struct conversation {
	struct fl_list link;   /* of all */
	struct fl_list paused; /* not read until requests were heard */
	struct fl_noise_worker *worker;
	struct fl_stream *stream;
	struct fl_noise_conn noise;
	struct fl_h2 *h2;
	struct fl_pass_conn pass;
	struct fl_timer timer;
	struct fl_deferred closing;
	struct fl_buf partial; /* a record that has not arrived whole */
	struct fl_buf early;   /* what came behind the initiation */
	uint8_t initiation[FL_NOISE_INITIATION_LEN], response[FL_NOISE_RESPONSE_LEN];
	uint32_t slot, gen;
	bool early_payload;
	void *conn_ctx; /* of the handlers */
};

/* ---- letters ---- */

static struct fl_letter *put(struct conversation *c, unsigned kind)
{
	struct fl_letter *m = fl_mailbox_put(&c->worker->worker.from);

	if (m == NULL)
		return NULL;
	m->kind = (uint16_t)kind;
	m->slot = c->slot;
	m->gen = c->gen;
	return m;
}

/* ---- the end ---- */

/* The last words: a GOAWAY, the ends of streams. None follow what the kernel did not take. */
static void flush(struct conversation *c)
{
	if (c->h2 != NULL && fl_h2_resume(c->h2) != FL_OK)
		c->noise.dead = true;
}

/* All but the stream. */
static void shut(struct conversation *c)
{
	flush(c);
	c->noise.dead = true;
	fl_timer_done(&c->timer);
	c->h2 = fl_h2_free(c->h2);
	fl_list_del(&c->paused);
	fl_buf_wipe(&c->partial);
	fl_buf_done(&c->early);
}

static void release(struct conversation *c)
{
	struct fl_noise_worker *w = c->worker;

	fl_deferred_cancel(&c->closing);
	if (fl_slots_at(&w->carried, c->slot) == c)
		w->carried.at[c->slot] = NULL;
	fl_list_del(&c->link);
	fl_noise_conn_done(&c->noise);
	free(c);
}

/* Until there is memory for the letter it is kept: the home would wait for it for ever. */
static void close_now(void *ctx)
{
	struct conversation *c = ctx;

	if (c->stream != NULL)
		shut(c);
	c->stream = fl_stream_close(c->stream, FL_SEC);
	if (put(c, FL_NOISE_CLOSED) != NULL)
		release(c);
	else
		fl_loop_defer(c->worker->worker.loop, &c->closing);
}

/* HTTP/2 may be on the stack: close from the loop. */
static void close_later(struct conversation *c)
{
	c->noise.dead = true;
	fl_loop_defer(c->worker->worker.loop, &c->closing);
}

/* The home's loop goes on and can wait until the last words have left. */
static void send_home(struct conversation *c)
{
	struct fl_stream_place none;

	if (c->stream != NULL)
		shut(c);
	struct fl_letter *m = c->stream != NULL ? put(c, FL_NOISE_CLOSED) : NULL;
	if (m == NULL) {
		fl_stream_close(c->stream, 0);
	} else {
		if (c->worker->worker.threaded)
			fl_stream_detach(c->stream, &none);
		m->what = c->stream;
	}
	release(c);
}

/* ---- HTTP/2 to the socket ---- */

static enum fl_err seal_and_send(struct conversation *c, struct fl_slice plain)
{
	struct fl_buf *out = &c->worker->scratch;

	fl_buf_reset(out);
	enum fl_err err = fl_noise_seal(&c->noise, plain, out);
	if (err == FL_OK)
		err = fl_stream_write(c->stream, fl_buf_slice(out));
	if (out->cap > SCRATCH_KEEP)
		fl_buf_done(out);
	return err;
}

/* The kernel has as much as it takes. */
static bool transport_full(void *ctx)
{
	struct conversation *c = ctx;
	return fl_stream_pending(c->stream) > 0;
}

static enum fl_err transport_send(void *ctx, struct fl_slice bytes)
{
	struct conversation *c = ctx;

	if (c->noise.dead)
		return FL_ERR_CLOSED;
	enum fl_err err = seal_and_send(c, bytes);
	if (err != FL_OK)
		close_later(c);
	return err;
}

static void transport_ahead(void *ctx)
{
	const struct conversation *c = ctx;

	fl_stream_ahead(c->stream);
	fl_noise_ahead(&c->noise);
}

/* HTTP/2 gave the connection up by itself: a timeout, or all streams after a GOAWAY ended. */
static void transport_end(void *ctx, enum fl_err why)
{
	(void)why;
	close_later(ctx);
}

/* ---- the socket to HTTP/2 ---- */

static enum fl_err feed(struct conversation *c, uint8_t *data, size_t len, size_t *out_used)
{
	struct fl_slice plain;
	enum fl_err err = fl_noise_open(&c->noise, data, len, &plain, out_used);
	if (err != FL_OK)
		return err;
	return plain.len > 0 ? fl_h2_input(c->h2, plain) : FL_OK;
}

/* Completes the record that began in an earlier read; takes only its bytes from the input. */
static enum fl_err feed_partial(struct conversation *c, uint8_t **data, size_t *len)
{
	while (c->partial.len > 0 && *len > 0) {
		size_t want = FL_NOISE_HEADER_LEN;
		if (c->partial.len >= FL_NOISE_HEADER_LEN)
			want += (size_t)(c->partial.ptr[1] << 8 | c->partial.ptr[2]);
		if (want > FL_NOISE_RECORD_MAX)
			return FL_ERR_TOO_BIG;
		size_t n = want - c->partial.len;
		if (n > *len)
			n = *len;
		fl_buf_put(&c->partial, *data, n);
		if (fl_buf_err(&c->partial) != FL_OK)
			return fl_buf_err(&c->partial);
		*data += n;
		*len -= n;
		size_t used;
		enum fl_err err = feed(c, c->partial.ptr, c->partial.len, &used);
		if (err == FL_OK)
			fl_buf_wipe(&c->partial);
		else if (err != FL_MORE)
			return err;
	}
	return FL_OK;
}

static enum fl_err feed_all(struct conversation *c, uint8_t *data, size_t len)
{
	enum fl_err err = feed_partial(c, &data, &len);

	while (err == FL_OK && len > 0 && !c->noise.dead) {
		size_t used;
		err = feed(c, data, len, &used);
		if (err == FL_MORE) {
			if (len > FL_NOISE_RECORD_MAX)
				return FL_ERR_PROTO;
			fl_buf_put(&c->partial, data, len);
			return fl_buf_err(&c->partial);
		}
		if (err != FL_OK)
			return err;
		data += used;
		len -= used;
	}
	return err;
}

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct conversation *c = ctx;
	struct fl_noise_worker *w = c->worker;

	if (c->noise.dead)
		return;
	if (feed_all(c, data, len) != FL_OK) {
		close_later(c);
	} else if (fl_pass_is_full(&w->desk)) {
		fl_stream_pause(c->stream, true);
		if (!fl_list_linked(&c->paused))
			fl_list_push(&w->paused, &c->paused);
	}
}

static void on_drain(void *ctx)
{
	struct conversation *c = ctx;

	if (!c->noise.dead && fl_h2_resume(c->h2) != FL_OK)
		close_later(c);
}

static void on_end(void *ctx, enum fl_err why)
{
	(void)why;
	close_now(ctx);
}

static const struct fl_stream_owner owner = {
	.on_data = on_data,
	.on_drain = on_drain,
	.on_end = on_end,
};

static void on_timer(void *ctx)
{
	struct conversation *c = ctx;

	if (!fl_h2_was_asked(c->h2)) {
		close_later(c);
		return;
	}
	if (!fl_h2_is_streaming(c->h2)) /* streams carry their own keep-alive */
		fl_h2_ping(c->h2);
	fl_timer_start(&c->timer, FL_NOISE_PING_INTERVAL);
}

void fl_noise_worker_pass(void *ctx, struct fl_http *x)
{
	struct conversation *c = fl_http_conn_ctx(x);

	(void)ctx;
	fl_pass_request(&c->pass, x);
}

/* ---- the beginning ---- */

static enum fl_err respond(struct conversation *c)
{
	const struct fl_noise_common *common = c->worker->common;
	struct fl_private_key ephemeral;

	enum fl_err err = fl_private_key_new(&ephemeral);
	if (err == FL_OK)
		err = fl_noise_respond_as(&common->key, &common->public_key, &ephemeral,
					  fl_slice_of(c->initiation, sizeof c->initiation),
					  c->response, &c->noise);
	fl_wipe(&ephemeral, sizeof ephemeral);
	if (err == FL_OK && fl_machine_key_is_zero(&c->noise.peer))
		err = FL_ERR_CRYPTO;
	return err;
}

/* May this machine come in? The home knows. */
static enum fl_err ask_home(struct conversation *c)
{
	struct fl_noise_who *who = malloc(sizeof *who);
	struct fl_letter *m = who != NULL ? put(c, FL_NOISE_WHO) : NULL;

	if (m == NULL) {
		free(who);
		return FL_ERR_NOMEM;
	}
	*who = (struct fl_noise_who){ .machine = c->noise.peer, .version = c->noise.version };
	m->what = who;
	return FL_OK;
}

static void adopt(struct fl_noise_worker *w, struct conversation *c)
{
	struct fl_loop *loop = w->worker.loop;

	fl_list_push(&w->all, &c->link);
	fl_pass_conn_init(&c->pass, &w->desk, c->slot, c->gen, loop, &c->closing);
	enum fl_err err = w->worker.threaded ? fl_stream_attach(c->stream, loop) : FL_OK;
	if (err == FL_OK)
		err = fl_slots_set(&w->carried, c->slot, c);
	if (err == FL_OK)
		err = respond(c);
	if (err == FL_OK)
		err = ask_home(c);
	if (err == FL_OK)
		return;
	fl_log_debug("noise handshake failed", FL_LS("reason", fl_err_text(err)));
	close_now(c);
}

static enum fl_err begin(struct conversation *c, bool stranger)
{
	struct fl_noise_worker *w = c->worker;
	const struct fl_noise_common *common = w->common;
	const struct fl_h2_transport transport = {
		.send = transport_send,
		.full = transport_full,
		.on_end = transport_end,
		.ahead = transport_ahead,
		.ctx = c,
	};

	fl_stream_keepalive(c->stream, &common->keepalive);
	fl_stream_unsent_max(c->stream, FL_NOISE_UNSENT_MAX);
	enum fl_err err = fl_timer_init(&c->timer, w->worker.loop, on_timer, c);
	if (err == FL_OK)
		err = fl_noise_send_hello(c->stream, &c->noise, c->response, c->early_payload);
	if (err == FL_OK)
		err = fl_h2_new(w->worker.loop, &transport, &common->inner, &common->limits,
				c->conn_ctx, &c->h2);
	if (err == FL_OK && stranger)
		fl_h2_budget(c->h2, common->strangers);
	if (err == FL_OK)
		err = fl_stream_own(c->stream, &owner, c, fl_buf_slice(&c->early));
	fl_buf_done(&c->early);
	if (err == FL_OK)
		fl_timer_start(&c->timer, common->first_request);
	return err;
}

/* ---- what the home says ---- */

static void resume_reading(struct fl_noise_worker *w)
{
	for (struct fl_list *it;
	     !fl_pass_is_full(&w->desk) && (it = fl_list_pop(&w->paused)) != NULL;) {
		struct conversation *c = fl_list_entry(it, struct conversation, paused);
		fl_stream_pause(c->stream, false);
	}
}

static void refuse(struct conversation *c, bool too_many)
{
	if (too_many)
		fl_noise_write_error(c->stream,
				     "too many unregistered machines connect from this address: "
				     "try again later");
	close_now(c);
}

static void hear_of(struct conversation *c, const struct fl_letter *m)
{
	switch (m->kind) {
	case FL_NOISE_ADMIT:
		if (begin(c, m->n != 0) != FL_OK)
			close_now(c);
		return;
	case FL_NOISE_REFUSE:
		refuse(c, m->n != 0);
		return;
	case FL_NOISE_SETTLED:
		fl_h2_budget(c->h2, NULL);
		return;
	case FL_NOISE_CLOSE:
		close_now(c);
		return;
	default:
		fl_pass_reply(&c->pass, m);
	}
}

static void goodbye(struct fl_noise_worker *w)
{
	fl_list_each(it, &w->all)
	{
		struct conversation *c = fl_list_entry(it, struct conversation, link);
		if (c->h2 != NULL)
			fl_h2_goaway(c->h2);
	}
}

static void hear(void *ctx, const struct fl_letter *m)
{
	struct fl_noise_worker *w = ctx;

	if (m == NULL) {
		fl_list_each(it, &w->all) send_home(fl_list_entry(it, struct conversation, link));
		return;
	}
	if (m->kind == FL_NOISE_ADOPT) {
		adopt(w, m->what);
		return;
	}
	if (m->kind == FL_NOISE_GOAWAY) {
		goodbye(w);
		return;
	}
	if (m->kind == FL_PASS_HEARD) {
		w->desk.waiting -= m->n;
		resume_reading(w);
		return;
	}
	struct conversation *c = fl_slots_at(&w->carried, m->slot);
	if (c != NULL && c->gen == m->gen && c->stream != NULL)
		hear_of(c, m);
	else
		fl_pass_discard(m);
}

/* ---- from home ---- */

enum fl_err fl_noise_worker_start(struct fl_noise_worker *w, struct fl_loop *home, bool threaded,
				  const struct fl_noise_common *common,
				  void (*home_hears)(void *ctx, const struct fl_letter *l),
				  void *ctx)
{
	const struct fl_worker_ears ears = {
		.home = home_hears,
		.home_ctx = ctx,
		.worker = hear,
		.worker_ctx = w,
	};

	*w = (struct fl_noise_worker){
		.common = common,
		.desk = { .out = &w->worker.from },
		.scratch = fl_buf_make(SCRATCH_MAX),
	};
	fl_list_init(&w->all);
	fl_list_init(&w->paused);
	if (threaded) {
		enum fl_err err = fl_mapframe_new(&w->framer);
		if (err != FL_OK)
			return err;
	}
	w->desk.tools = w->framer;
	return fl_worker_start(&w->worker, home, threaded, &ears);
}

void fl_noise_worker_stop(struct fl_noise_worker *w)
{
	fl_worker_stop(&w->worker);
	fl_slots_done(&w->carried);
	fl_mapframe_free(w->framer);
	fl_buf_done(&w->scratch);
}

static struct conversation *conversation_new(struct fl_noise_worker *w,
					     const struct fl_noise_arrival *a)
{
	struct conversation *c = calloc(1, sizeof *c);
	if (c == NULL)
		return NULL;
	c->worker = w;
	c->partial = fl_buf_make(FL_NOISE_RECORD_MAX);
	c->stream = a->stream;
	c->slot = a->slot;
	c->gen = a->gen;
	c->early_payload = a->early_payload;
	c->conn_ctx = w->worker.threaded ? c : a->home;
	c->early = fl_buf_make(a->early.len);
	c->closing = (struct fl_deferred){ .fn = close_now, .ctx = c };
	memcpy(c->initiation, a->initiation.ptr, sizeof c->initiation);
	fl_buf_put(&c->early, a->early.ptr, a->early.len);
	if (fl_buf_err(&c->early) == FL_OK)
		return c;
	free(c);
	return NULL;
}

enum fl_err fl_noise_worker_adopt(struct fl_noise_worker *w, const struct fl_noise_arrival *a,
				  struct fl_stream_place *out)
{
	struct conversation *c = conversation_new(w, a);
	struct fl_letter *m = c != NULL ? fl_mailbox_put(&w->worker.to) : NULL;

	*out = (struct fl_stream_place){ 0 };
	if (m == NULL) {
		if (c != NULL)
			fl_buf_done(&c->early);
		free(c);
		fl_stream_close(a->stream, 0);
		return FL_ERR_NOMEM;
	}
	if (w->worker.threaded)
		fl_stream_detach(a->stream, out);
	else
		fl_stream_disown(a->stream);
	m->kind = FL_NOISE_ADOPT;
	m->slot = a->slot;
	m->gen = a->gen;
	m->what = c;
	return FL_OK;
}
