/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream.c - what all streams have in common: order, ownership and the public calls.
 */
#include "io/sockaddr.h"
#include "io/stream_impl.h"

#include "base/prefetch.h"

#include <stdlib.h>
#include <string.h>

static void on_work(void *ctx)
{
	fl_stream_pump(ctx);
}

void fl_stream_init(struct fl_stream *s, const struct fl_stream_ops *ops, struct fl_loop *l)
{
	*s = (struct fl_stream){ .ops = ops, .loop = l };
	s->work.fn = on_work;
	s->work.ctx = s;
}

static void forget_early(struct fl_stream *s)
{
	free(s->early);
	s->early = NULL;
	s->early_len = 0;
}

void fl_stream_done(struct fl_stream *s)
{
	fl_deferred_cancel(&s->work);
	forget_early(s);
}

void fl_stream_ended(struct fl_stream *s, enum fl_err why)
{
	if (s->ended)
		return;
	s->ended = true;
	s->end = why;
}

enum fl_err fl_stream_broke(struct fl_stream *s, enum fl_err why)
{
	s->broken = true;
	s->write_err = why;
	fl_stream_ended(s, FL_ERR_CLOSED);
	fl_stream_pump_later(s);
	return why;
}

void fl_stream_pump_later(struct fl_stream *s)
{
	if (!s->closed)
		fl_loop_defer(s->loop, &s->work);
}

static void deliver_early(struct fl_stream *s)
{
	uint8_t *data = s->early;
	size_t len = s->early_len;

	s->early = NULL; /* the owner may pass the stream on with some of it */
	s->early_len = 0;
	s->owner->on_data(s->ctx, data, len);
	free(data);
}

/* One callback that is due, or false. */
static bool deliver_next(struct fl_stream *s)
{
	if (s->drained) {
		s->drained = false;
		if (s->owner->on_drain != NULL)
			s->owner->on_drain(s->ctx);
		return true;
	}
	/* A pause holds back bytes and the end behind them, but not that writing has failed. */
	if (s->paused && !s->broken)
		return false;
	if (!s->paused && s->early_len > 0) {
		deliver_early(s);
		return true;
	}
	if (!s->paused && s->ops->holds(s)) {
		s->ops->pull(s);
		return true;
	}
	if (!s->ended || s->told)
		return false;
	s->told = true;
	s->owner->on_end(s->ctx, s->end);
	return true;
}

void fl_stream_pump(struct fl_stream *s)
{
	while (s->owner != NULL && !s->closed && deliver_next(s))
		;
	if (!s->closed)
		s->ops->rearm(s);
}

/* `early` before what an earlier hand-over left; they were read in this order. */
static enum fl_err add_early(struct fl_stream *s, struct fl_slice early)
{
	if (early.len == 0)
		return FL_OK;
	uint8_t *both = malloc(early.len + s->early_len);
	if (both == NULL)
		return FL_ERR_NOMEM;
	memcpy(both, early.ptr, early.len);
	if (s->early_len > 0)
		memcpy(both + early.len, s->early, s->early_len);
	free(s->early);
	s->early = both;
	s->early_len += early.len;
	return FL_OK;
}

enum fl_err fl_stream_own(struct fl_stream *s, const struct fl_stream_owner *owner, void *ctx,
			  struct fl_slice early)
{
	enum fl_err err = add_early(s, early);
	if (err != FL_OK)
		return err;
	s->owner = owner;
	s->ctx = ctx;
	s->paused = false;
	s->told = false;
	fl_stream_pump_later(s);
	return FL_OK;
}

void fl_stream_disown(struct fl_stream *s)
{
	s->owner = NULL;
	fl_deferred_cancel(&s->work);
	s->ops->rearm(s);
}

enum fl_err fl_stream_write(struct fl_stream *s, struct fl_slice data)
{
	if (s->broken || s->closed)
		return FL_ERR_CLOSED;
	if (data.len == 0)
		return FL_OK;
	return s->ops->write(s, data);
}

/* What is no socket itself is smaller; an address behind it does no harm. */
void fl_stream_ahead(const struct fl_stream *s)
{
	fl_prefetch(s, sizeof(struct fl_sock));
}

struct fl_sock *fl_stream_sock(const struct fl_stream *s)
{
	while (s->under != NULL)
		s = s->under;
	return fl_list_entry((uintptr_t)s, struct fl_sock, base);
}

size_t fl_stream_pending(const struct fl_stream *s)
{
	return s->ops->pending(s);
}

void fl_stream_limit(struct fl_stream *s, size_t pending_max)
{
	fl_stream_sock(s)->out_max = pending_max;
}

void fl_stream_pause(struct fl_stream *s, bool paused)
{
	if (s->paused == paused || s->closed)
		return;
	s->paused = paused;
	if (!paused)
		fl_stream_pump_later(s); /* which also arms */
	else
		s->ops->rearm(s);
}

struct fl_stream *fl_stream_close(struct fl_stream *s, int64_t linger)
{
	if (s == NULL || s->closed)
		return NULL;
	s->closed = true;
	s->owner = NULL;
	fl_deferred_cancel(&s->work);
	forget_early(s);
	s->ops->close(s, linger);
	return NULL;
}

int64_t fl_stream_stalled(const struct fl_stream *s)
{
	const struct fl_sock *k = fl_stream_sock(s);
	return k->out_len > 0 ? fl_loop_now(s->loop) - k->progress : 0;
}

struct fl_addrport fl_stream_peer(const struct fl_stream *s)
{
	return fl_stream_sock(s)->peer;
}

struct fl_addrport fl_stream_here(const struct fl_stream *s)
{
	return fl_sockaddr_bound(fl_stream_sock(s)->fd);
}

bool fl_stream_is_tls(const struct fl_stream *s)
{
	return fl_stream_sock(s)->ssl != NULL;
}

bool fl_stream_is_local(const struct fl_stream *s)
{
	return !fl_stream_sock(s)->is_tcp;
}

struct fl_loop *fl_stream_loop(const struct fl_stream *s)
{
	return s->loop;
}
