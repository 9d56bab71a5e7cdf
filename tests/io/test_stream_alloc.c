/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_stream_alloc.c - loop, listener, streams and YAML with the n-th allocation
 * failing, for every n. Nothing may crash or leak, and who waits for an answer gets one.
 */
#include "alloc.h"
#include "net.h"

#include "io/udp.h"
#include "io/yaml.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

enum { ROUNDS = 12 };

static struct fl_tls_server *tls;

/* ---- an owner of few words ---- */

struct owner {
	struct fl_stream *s;
	size_t got;
};

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct owner *o = ctx;

	o->got += len;
	if (fl_stream_write(o->s, fl_slice_of(data, len)) != FL_OK)
		o->s = fl_stream_close(o->s, 0);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct owner *o = ctx;

	(void)why;
	o->s = fl_stream_close(o->s, FL_SEC);
}

static const struct fl_stream_owner owner = { .on_data = on_data, .on_end = on_end };

static void take(struct owner *o, struct fl_stream *s)
{
	o->s = s;
	if (fl_stream_own(s, &owner, o, fl_slice_str("early")) != FL_OK)
		o->s = fl_stream_close(s, 0);
}

/* ---- what runs ---- */

struct world {
	struct fl_loop *loop;
	struct fl_listener *listener;
	struct owner accepted, dialed, wrapped;
	unsigned answers;
};

static void on_accept(void *ctx, struct fl_stream *s)
{
	struct world *w = ctx;

	if (w->accepted.s == NULL)
		take(&w->accepted, s);
	else
		fl_stream_close(s, FL_SEC);
}

static void on_dialed(void *ctx, enum fl_err err, struct fl_stream *s)
{
	struct world *w = ctx;

	w->answers++;
	if (err == FL_OK)
		take(&w->dialed, s);
}

static void poll_some(struct world *w)
{
	for (int i = 0; i < ROUNDS; i++)
		fl_loop_poll(w->loop);
}

static void on_done_timer(void *ctx)
{
	(void)ctx;
}

static void arm_timers(struct world *w)
{
	struct fl_timer timers[100] = { 0 }; /* more than the heap has room for at first */

	for (size_t i = 0; i < COUNT(timers); i++)
		if (fl_timer_init(&timers[i], w->loop, on_done_timer, NULL) == FL_OK)
			fl_timer_start(&timers[i], FL_SEC);
	for (size_t i = 0; i < COUNT(timers); i++)
		fl_timer_done(&timers[i]);
}

/* Fills the socket, so that bytes are queued and linger. */
static void stuff(struct owner *o)
{
	static const uint8_t block[64 << 10];

	for (int i = 0; i < 100 && o->s != NULL && fl_stream_pending(o->s) < sizeof block; i++)
		if (fl_stream_write(o->s, fl_slice_of(block, sizeof block)) != FL_OK)
			o->s = fl_stream_close(o->s, 0);
}

static void wrap(struct world *w)
{
	struct fl_stream *under = w->accepted.s, *ws;

	if (under == NULL)
		return;
	w->accepted.s = NULL;
	if (fl_ws_wrap(under, fl_slice_str("\x82\x80\1\2\3\4"), 1000, false, &ws) != FL_OK)
		return;
	take(&w->wrapped, ws);
	poll_some(w);
}

static void talk(struct world *w, const struct fl_addrport *at)
{
	struct fl_connect *c = NULL;
	bool asked = fl_tcp_connect(w->loop, at, FL_SEC, on_dialed, w, &c) == FL_OK;
	int fd = net_dial(at);

	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	for (int i = 0; i < 1000 && asked && w->answers == 0; i++)
		fl_loop_poll(w->loop);
	assert_int_equal(w->answers, asked);
	poll_some(w);
	arm_timers(w);
	stuff(&w->accepted);
	poll_some(w);
	wrap(w);
	stuff(&w->wrapped);
	w->dialed.s = fl_stream_close(w->dialed.s, FL_SEC);
	w->wrapped.s = fl_stream_close(w->wrapped.s, FL_SEC);
	close(fd);
	poll_some(w);
}

static size_t no_answer(void *ctx, struct fl_slice packet, const struct fl_addrport *from,
			uint8_t *reply, size_t cap)
{
	(void)ctx;
	(void)packet;
	(void)from;
	(void)reply;
	(void)cap;
	return 0;
}

static void run_streams(void *mode)
{
	struct fl_listen_config cfg = {
		.at.ip = fl_ip_v4(127, 0, 0, 1),
		.mode = *(enum fl_listen_mode *)mode,
		.tls = tls,
		.per_source_max = 10,
		.on_accept = on_accept,
	};
	struct fl_addrport anywhere = { .ip = fl_ip_v4(127, 0, 0, 1) };
	struct world w = { 0 };
	struct fl_udp *udp = NULL;
	unsigned before = net_fd_count();

	cfg.ctx = &w;
	if (fl_loop_new(&w.loop) != FL_OK)
		return;
	if (fl_udp_new(w.loop, &anywhere, no_answer, NULL, NULL, &udp) != FL_OK)
		udp = NULL;
	if (fl_listener_new(w.loop, &cfg, NULL, &w.listener) == FL_OK) {
		struct fl_addrport at = fl_listener_at(w.listener);
		talk(&w, &at);
	}
	alloc_disarm();
	fl_stream_close(w.accepted.s, 0);
	fl_listener_close(w.listener);
	fl_udp_close(udp);
	fl_loop_free(w.loop);
	assert_int_equal(net_fd_count(), before);
}

static void run_yaml(void *text)
{
	struct fl_fault fault;
	struct fl_yaml *y = NULL;

	enum fl_err err = fl_yaml_parse(fl_slice_str(text), &fault, &y);
	alloc_disarm();
	assert_true(err == FL_OK || err == FL_ERR_NOMEM);
	assert_true((err == FL_OK) == (y != NULL));
	fl_yaml_free(y);
}

/* ---- every n ---- */

static void plain_streams_survive(void **state)
{
	enum fl_listen_mode mode = FL_LISTEN_PLAIN;

	(void)state;
	assert_true(alloc_fail_each(run_streams, &mode) > 15);
}

static void visitors_survive(void **state)
{
	enum fl_listen_mode mode = FL_LISTEN_BOTH;

	(void)state;
	assert_true(alloc_fail_each(run_streams, &mode) > 15);
}

static void yaml_survives(void **state)
{
	static char text[] = "a: [1, 2, {b: c}]\nd: \"e\"\n"
			     "f:\n- g\n- h\n- []\n- {}\n";

	(void)state;
	assert_true(alloc_fail_each(run_yaml, text) > 15);
}

static int load_tls(void **state)
{
	(void)state;
	net_warm_up();
	tls = net_tls();
	return 0;
}

static int drop_tls(void **state)
{
	(void)state;
	tls = fl_tls_server_unref(tls);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_streams_survive),
		cmocka_unit_test(visitors_survive),
		cmocka_unit_test(yaml_survives),
	};
	return cmocka_run_group_tests_name("io/stream_alloc", tests, load_tls, drop_tls);
}
