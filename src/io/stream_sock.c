/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_sock.c - streams on sockets: reading, queued writing, lingering close.
 *
 * The descriptors are ours; libuv only says when they are ready. One read of up to 64 KiB per
 * event, so that a busy peer does not starve the others; writes go to the kernel at once and only
 * the rest is kept.
 */
#include "io/sockaddr.h"
#include "io/stream_impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* After the last byte the peer gets this long to read it and close; a reset would destroy it. */
#define FAREWELL (2 * FL_SEC)

enum { OUT_STEP = 4096 };

struct fl_linger {
	struct fl_timer timer;
	struct fl_tick_hook at_free;
	fl_time until;
	bool shut; /* our direction is closed, only the peer's end is awaited */
};

static struct fl_sock *sock_of(struct fl_stream *s)
{
	return fl_list_entry(s, struct fl_sock, base);
}

/* ---- the end ---- */

static void sock_free(struct fl_sock *k)
{
	fl_sock_tls_done(k);
	fl_stream_done(&k->base);
	free(k->linger);
	free(k->out);
	free(k);
}

static void on_closed(uv_handle_t *h)
{
	sock_free(h->data);
	free(h);
}

static void on_let_go(uv_handle_t *h)
{
	free(h);
}

void fl_sock_drop(struct fl_sock *k)
{
	if (k->fd < 0)
		return;
	k->base.closed = true;
	fl_sock_bulk_leave(k);
	fl_sock_silence_end(k);
	fl_deferred_cancel(&k->base.work);
	if (k->linger != NULL) {
		fl_timer_done(&k->linger->timer);
		fl_loop_hook_del(&k->linger->at_free);
	}
	if (k->place.leave != NULL)
		k->place.leave(k->place.ctx, &k->peer);
	if (k->poll != NULL)
		uv_close((uv_handle_t *)k->poll, on_closed); /* forgets the descriptor at once */
	close(k->fd);
	k->fd = -1;
	if (k->poll == NULL)
		sock_free(k);
}

/* ---- polling ---- */

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct fl_sock *k = h->data;

	if (status < 0) { /* an error on the socket stops the poll; the next call says which */
		k->armed = 0;
		events = UV_READABLE | UV_WRITABLE;
	}
	k->on_event(k, events);
}

void fl_sock_arm(struct fl_sock *k, int events)
{
	if (events == k->armed || k->poll == NULL)
		return;
	k->armed = events;
	if (events != 0)
		uv_poll_start(k->poll, events, on_poll);
	else
		uv_poll_stop(k->poll);
}

static void rearm(struct fl_stream *s)
{
	struct fl_sock *k = sock_of(s);
	int events = k->out_len > 0 && !s->broken ? UV_WRITABLE : 0;

	if (fl_stream_wants(s) && !fl_sock_is_bulk(k))
		events |= UV_READABLE;
	fl_sock_arm(k, events);
}

/* ---- writing ---- */

static void forget_out(struct fl_sock *k)
{
	free(k->out);
	k->out = NULL;
	k->out_at = k->out_len = k->out_cap = 0;
}

/* Makes room for `n` bytes behind the queued ones. */
static enum fl_err reserve_out(struct fl_sock *k, size_t n)
{
	if (n > k->out_max || k->out_len > k->out_max - n)
		return FL_ERR_FULL;
	if (k->out_at + k->out_len + n <= k->out_cap)
		return FL_OK;

	/* Mostly it is the rest of one write, and leaves before there is another. */
	size_t cap = (n + OUT_STEP - 1) / OUT_STEP * OUT_STEP;
	if (k->out_len > 0)
		for (cap = k->out_cap; cap < k->out_len + n;)
			cap *= 2;
	uint8_t *out = malloc(cap);
	if (out == NULL)
		return FL_ERR_NOMEM;
	if (k->out_len > 0)
		memcpy(out, k->out + k->out_at, k->out_len);
	free(k->out);
	k->out = out;
	k->out_at = 0;
	k->out_cap = cap;
	return FL_OK;
}

static enum fl_err queue_out(struct fl_sock *k, struct fl_slice data)
{
	enum fl_err err = reserve_out(k, data.len);
	if (err != FL_OK)
		return err;
	if (k->out_len == 0)
		k->progress = fl_loop_now(k->base.loop);
	memcpy(k->out + k->out_at + k->out_len, data.ptr, data.len);
	k->out_len += data.len;
	return FL_OK;
}

/* What the kernel takes at once, or -1 with errno; 0 if it would block. */
static ssize_t send_some(int fd, const uint8_t *ptr, size_t len)
{
	ssize_t n;

	do
		n = send(fd, ptr, len, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? 0 : n;
}

enum fl_err fl_sock_send(struct fl_sock *k, struct fl_slice data)
{
	if (k->base.broken)
		return FL_ERR_CLOSED;
	if (k->silence.limit > 0)
		fl_sock_silence_note(k, data.len);
	if (k->out_len == 0) {
		ssize_t n = send_some(k->fd, data.ptr, data.len);
		if (n < 0)
			return fl_stream_broke(&k->base, FL_ERR_CLOSED);
		data = fl_slice_skip(data, (size_t)n);
		if (data.len == 0)
			return FL_OK;
	}
	enum fl_err err = queue_out(k, data);
	if (err != FL_OK)
		return fl_stream_broke(&k->base, err);
	if (!(k->armed & UV_WRITABLE))
		fl_sock_arm(k, k->armed | UV_WRITABLE);
	return FL_OK;
}

enum fl_err fl_sock_flush(struct fl_sock *k)
{
	while (k->out_len > 0) {
		ssize_t n = send_some(k->fd, k->out + k->out_at, k->out_len);
		if (n < 0)
			return fl_err_of_errno(errno);
		if (n == 0)
			return FL_MORE;
		k->progress = fl_loop_now(k->base.loop);
		k->out_at += (size_t)n;
		k->out_len -= (size_t)n;
	}
	forget_out(k);
	return FL_OK;
}

void fl_sock_fail(struct fl_sock *k, enum fl_err why)
{
	k->base.broken = true;
	forget_out(k);
	fl_stream_ended(&k->base, why == FL_ERR_TIMEOUT ? FL_ERR_TIMEOUT : FL_ERR_CLOSED);
}

static void on_writable(struct fl_sock *k)
{
	enum fl_err err = fl_sock_flush(k);

	if (err == FL_OK)
		k->base.drained = true;
	else if (err != FL_MORE)
		fl_sock_fail(k, err);
}

static enum fl_err sock_write(struct fl_stream *s, struct fl_slice data)
{
	struct fl_sock *k = sock_of(s);
	return k->ssl != NULL ? fl_sock_tls_write(k, data) : fl_sock_send(k, data);
}

static size_t sock_pending(const struct fl_stream *s)
{
	return fl_list_entry((uintptr_t)s, const struct fl_sock, base)->out_len;
}

/* ---- reading ---- */

size_t fl_sock_read(struct fl_sock *k)
{
	struct fl_stream *s = &k->base;
	ssize_t n = recv(k->fd, s->loop->in, FL_LOOP_SCRATCH, 0);

	if (n > 0 && k->ssl != NULL)
		fl_sock_tls_input(k, fl_slice_of(s->loop->in, (size_t)n));
	else if (n > 0)
		s->owner->on_data(s->ctx, s->loop->in, (size_t)n);
	else if (n ==
		 0) /* in TLS only its own goodbye is an orderly end: this one anybody can forge */
		fl_stream_ended(s, k->ssl != NULL ? FL_ERR_CLOSED : FL_OK);
	else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
		fl_stream_ended(s, fl_err_of_errno(errno));
	return n > 0 ? (size_t)n : 0;
}

static void read_on_event(struct fl_sock *k)
{
	size_t n = fl_sock_read(k);

	if (!k->base.closed)
		fl_sock_bulk_note(k, n);
}

static void on_open_event(struct fl_sock *k, int events)
{
	if (events & UV_WRITABLE && k->out_len > 0 && !k->base.broken)
		on_writable(k);
	if (events & UV_READABLE && fl_stream_wants(&k->base))
		read_on_event(k);
	if (!k->base.closed)
		fl_stream_pump(&k->base);
}

static bool sock_holds(const struct fl_stream *s)
{
	return fl_list_entry((uintptr_t)s, const struct fl_sock, base)->held_len > 0;
}

static void sock_pull(struct fl_stream *s)
{
	fl_sock_tls_pull(sock_of(s));
}

/* ---- closing ---- */

static void on_linger_over(void *ctx)
{
	fl_sock_drop(ctx);
}

/* Everything is sent: say so, and give the peer a moment to read it before the socket goes. */
static void begin_farewell(struct fl_sock *k)
{
	struct fl_linger *g = k->linger;
	int64_t left = g->until - fl_loop_now(k->base.loop);

	g->shut = true;
	if (k->base.ended || shutdown(k->fd, SHUT_WR) != 0) {
		fl_sock_drop(k);
		return;
	}
	fl_timer_start(&g->timer, left < FAREWELL ? left : FAREWELL);
	fl_sock_arm(k, UV_READABLE);
}

static void on_linger_event(struct fl_sock *k, int events)
{
	(void)events;
	if (k->linger->shut) {
		ssize_t n = recv(k->fd, k->base.loop->in, FL_LOOP_SCRATCH, 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
			fl_sock_drop(k);
		return;
	}
	enum fl_err err = fl_sock_flush(k);
	if (err == FL_OK)
		begin_farewell(k);
	else if (err != FL_MORE)
		fl_sock_drop(k);
	else
		fl_sock_arm(k, UV_WRITABLE);
}

static enum fl_err begin_linger(struct fl_sock *k, int64_t linger)
{
	struct fl_loop *l = k->base.loop;
	struct fl_linger *g = calloc(1, sizeof *g);

	if (g == NULL)
		return FL_ERR_NOMEM;
	if (fl_timer_init(&g->timer, l, on_linger_over, k) != FL_OK) {
		free(g);
		return FL_ERR_NOMEM;
	}
	g->at_free.fn = on_linger_over;
	g->at_free.ctx = k;
	g->until = fl_loop_now(l) + linger;
	fl_loop_at_free(l, &g->at_free);
	fl_timer_start(&g->timer, linger);
	k->linger = g;
	k->on_event = on_linger_event;
	if (k->out_len > 0)
		fl_sock_arm(k, UV_WRITABLE);
	else
		begin_farewell(k);
	return FL_OK;
}

static void sock_close(struct fl_stream *s, int64_t linger)
{
	struct fl_sock *k = sock_of(s);

	/* Who cut the connection does not wait for a goodbye; the answer would be a reset. */
	bool hears = !s->broken && !(s->ended && s->end != FL_OK);

	fl_sock_bulk_leave(k);
	fl_sock_silence_end(k);
	if (k->ssl != NULL && hears && (linger > 0 || k->out_len == 0))
		fl_sock_tls_bye(k);
	if (linger <= 0 || s->broken || k->poll == NULL || begin_linger(k, linger) != FL_OK)
		fl_sock_drop(k);
}

static const struct fl_stream_ops sock_ops = {
	.write = sock_write,
	.pending = sock_pending,
	.pull = sock_pull,
	.holds = sock_holds,
	.rearm = rearm,
	.close = sock_close,
};

/* ---- creation ---- */

static enum fl_err watch(struct fl_sock *k, struct fl_loop *l, int fd)
{
	uv_poll_t *poll = malloc(sizeof *poll);

	if (poll == NULL || uv_poll_init(&l->uv, poll, fd) != 0) {
		free(poll);
		return FL_ERR_NOMEM;
	}
	poll->data = k;
	k->poll = poll;
	k->armed = 0;
	return FL_OK;
}

enum fl_err fl_sock_new(struct fl_loop *l, int fd, bool is_tcp, const struct fl_addrport *peer,
			struct fl_sock **out)
{
	struct fl_sock *k = calloc(1, sizeof *k);
	if (k == NULL || watch(k, l, fd) != FL_OK) {
		free(k);
		close(fd);
		return FL_ERR_NOMEM;
	}
	int on = 1;
	if (is_tcp)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	fl_stream_init(&k->base, &sock_ops, l);
	fl_list_init(&k->bulk.link);
	fl_list_init(&k->silence.link);
	k->fd = fd;
	k->is_tcp = is_tcp;
	k->out_max = FL_STREAM_PENDING_DEFAULT;
	if (peer != NULL)
		k->peer = *peer;
	fl_sock_open(k);
	*out = k;
	return FL_OK;
}

void fl_sock_open(struct fl_sock *k)
{
	k->on_event = on_open_event;
	k->event_ctx = NULL;
}

/* ---- moving to another loop ---- */

void fl_stream_detach(struct fl_stream *s, struct fl_stream_place *out)
{
	fl_stream_disown(s);
	for (; s->under != NULL; s = s->under)
		fl_deferred_cancel(&s->work);
	fl_deferred_cancel(&s->work);

	struct fl_sock *k = sock_of(s);
	fl_sock_bulk_leave(k);
	fl_sock_silence_leave(k);
	uv_close((uv_handle_t *)k->poll, on_let_go); /* forgets the descriptor at once */
	k->poll = NULL;
	*out = k->place;
	out->peer = k->peer;
	k->place = (struct fl_stream_place){ 0 };
}

enum fl_err fl_stream_attach(struct fl_stream *s, struct fl_loop *l)
{
	for (; s->under != NULL; s = s->under)
		s->loop = l;
	s->loop = l;
	struct fl_sock *k = sock_of(s);
	if (k->silence.limit > 0)
		fl_sock_silence_begin(k); /* it may owe an answer from before */
	return watch(k, l, k->fd);
}

void fl_stream_place_leave(struct fl_stream_place *place)
{
	if (place->leave != NULL)
		place->leave(place->ctx, &place->peer);
	*place = (struct fl_stream_place){ 0 };
}

void fl_stream_unsent_max(struct fl_stream *s, unsigned bytes)
{
	const struct fl_sock *k = fl_stream_sock(s);

	if (k->is_tcp)
		(void)setsockopt(k->fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}
