/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * io/stream_connect.c - outgoing streams.
 *
 * The stream exists from the start, unowned; the answer comes from the loop in every case, also
 * when the kernel answers at once.
 */
#include "io/sockaddr.h"
#include "io/stream_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct fl_connect {
	struct fl_sock *sock;
	struct fl_timer timer;
	struct fl_deferred answer; /* for the cases decided at once */
	enum fl_err err;
	void (*done)(void *ctx, enum fl_err err, struct fl_stream *s);
	void *ctx;
};

static void release(struct fl_connect *c)
{
	fl_timer_done(&c->timer);
	fl_deferred_cancel(&c->answer);
	free(c);
}

static void finish(struct fl_connect *c, enum fl_err err)
{
	struct fl_connect was = *c;

	if (err == FL_OK)
		fl_sock_open(was.sock);
	else
		fl_sock_drop(was.sock);
	release(c);
	was.done(was.ctx, err, err == FL_OK ? &was.sock->base : NULL);
}

static void on_answer(void *ctx)
{
	struct fl_connect *c = ctx;
	finish(c, c->err);
}

static void on_timeout(void *ctx)
{
	finish(ctx, FL_ERR_TIMEOUT);
}

static void on_event(struct fl_sock *k, int events)
{
	int e = 0;
	socklen_t len = sizeof e;

	(void)events;
	if (getsockopt(k->fd, SOL_SOCKET, SO_ERROR, &e, &len) != 0)
		e = errno;
	finish(k->event_ctx, e == 0 ? FL_OK : fl_err_of_errno(e));
}

/* Starts on a fresh socket; takes `fd`. */
static enum fl_err start(struct fl_loop *l, int fd, const struct sockaddr_storage *to,
			 struct fl_connect *c)
{
	const struct fl_addrport peer = fl_sockaddr_read(to);

	enum fl_err err = fl_sock_new(l, fd, true, &peer, &c->sock);
	if (err != FL_OK)
		return err;
	c->sock->event_ctx = c;
	c->sock->on_event = on_event;
	c->answer.fn = on_answer;
	c->answer.ctx = c;
	if (connect(fd, (const struct sockaddr *)to, sizeof *to) == 0) {
		c->err = FL_OK;
		fl_loop_defer(l, &c->answer);
	} else if (errno == EINPROGRESS) {
		fl_sock_arm(c->sock, UV_WRITABLE);
	} else {
		c->err = errno == EAGAIN ? FL_ERR_BUSY : fl_err_of_errno(errno);
		fl_loop_defer(l, &c->answer);
	}
	return FL_OK;
}

static enum fl_err make(struct fl_loop *l, int family,
			void (*done)(void *ctx, enum fl_err err, struct fl_stream *s), void *ctx,
			int *out_fd, struct fl_connect **out)
{
	struct fl_connect *c = calloc(1, sizeof *c);
	if (c == NULL)
		return FL_ERR_NOMEM;
	if (fl_timer_init(&c->timer, l, on_timeout, c) != FL_OK) {
		free(c);
		return FL_ERR_NOMEM;
	}
	int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		release(c);
		return FL_ERR_IO;
	}
	c->done = done;
	c->ctx = ctx;
	*out_fd = fd;
	*out = c;
	return FL_OK;
}

enum fl_err fl_connect_to(struct fl_loop *l, const struct sockaddr_storage *to, int64_t timeout,
			  void (*done)(void *ctx, enum fl_err err, struct fl_stream *s), void *ctx,
			  struct fl_connect **out)
{
	struct fl_connect *c;
	int fd;

	enum fl_err err = make(l, to->ss_family, done, ctx, &fd, &c);
	if (err != FL_OK)
		return err;
	err = start(l, fd, to, c);
	if (err != FL_OK) {
		release(c);
		return err;
	}
	if (timeout > 0)
		fl_timer_start(&c->timer, timeout);
	*out = c;
	return FL_OK;
}

enum fl_err fl_tcp_connect(struct fl_loop *l, const struct fl_addrport *to, int64_t timeout,
			   void (*done)(void *ctx, enum fl_err err, struct fl_stream *s), void *ctx,
			   struct fl_connect **out)
{
	struct sockaddr_storage sa;

	(void)fl_sockaddr_of(to, &sa);
	return fl_connect_to(l, &sa, timeout, done, ctx, out);
}

struct fl_connect *fl_connect_cancel(struct fl_connect *c)
{
	if (c == NULL)
		return NULL;
	fl_sock_drop(c->sock);
	release(c);
	return NULL;
}
