/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_peer_alloc.c - dialling a peer, upgrading and WebSocket messages with the n-th
 * allocation failing, for every n. Nothing may crash or leak, and who waits gets one answer.
 */
#include "../crypto/odd_cert.h"
#include "alloc.h"
#include "net.h"

#include "io/tls_peer.h"
#include "io/ws_message.h"
#include "io/ws_upgrade.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ROUNDS = 40 };

static struct fl_tls_peer *peer;

static enum fl_err judge(void *ctx, const struct fl_ship_cert_facts *f, enum fl_err err,
			 struct fl_fault *fault)
{
	(void)ctx;
	return err == FL_OK ? fl_ship_cert_judge(f, NULL, fault) : err;
}

/* ---- dialling ---- */

struct meeting {
	struct fl_stream *dialled, *accepted;
	unsigned answers;
};

static void on_accept(void *ctx, struct fl_stream *s)
{
	struct meeting *m = ctx;
	m->accepted = s;
}

static void on_dialled(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	struct meeting *m = ctx;

	assert_int_equal(err == FL_OK, why == NULL);
	m->answers++;
	m->dialled = s;
}

static void run_dial(void *name)
{
	struct meeting m = { 0 };
	struct fl_listen_config cfg = { .at.ip = fl_ip_v4(127, 0, 0, 1),
					.mode = FL_LISTEN_TLS,
					.peer = peer,
					.on_accept = on_accept,
					.ctx = &m };
	struct fl_tls_dial_to to = { .host = name, .timeout = 200 * FL_MS };
	struct fl_tls_dial *d;
	struct fl_listener *l = NULL;
	struct fl_loop *loop;
	bool asked = false;

	if (fl_loop_new(&loop) != FL_OK)
		return;
	if (fl_listener_new(loop, &cfg, NULL, &l) == FL_OK) {
		to.at = fl_listener_at(l);
		asked = fl_tls_dial(loop, peer, &to, on_dialled, &m, &d) == FL_OK;
	}
	while (asked && m.answers == 0)
		fl_loop_poll(loop);
	alloc_disarm();
	assert_int_equal(m.answers, asked);
	fl_stream_close(m.dialled, 0);
	fl_stream_close(m.accepted, 0);
	fl_listener_close(l);
	fl_loop_free(loop);
}

/* ---- messages ---- */

struct talk {
	struct fl_wsm *w;
	unsigned ends;
};

static void on_message(void *ctx, struct fl_slice m)
{
	struct talk *t = ctx;
	(void)!fl_wsm_send(t->w, m);
}

static void on_end(void *ctx, enum fl_err err, uint16_t code, struct fl_slice reason)
{
	struct talk *t = ctx;

	(void)err, (void)code, (void)reason;
	t->ends++;
}

static const struct fl_wsm_owner owner = { .on_message = on_message, .on_end = on_end };

static void poll_some(struct fl_loop *loop)
{
	for (int i = 0; i < ROUNDS; i++)
		fl_loop_poll(loop);
}

static void run_messages(void *ctx)
{
	/* A message, a ping, a message in two, one that is held, and a close with a reason. */
	static const char first[] = "\x82\x81\0\0\0\0a\x89\x81\0\0\0\0b\x02\x82\0\0\0\0cd";
	static const char second[] = "\x80\x82\0\0\0\0ef\x82\x81\0\0\0\0g";
	static const char third[] = "\x88\x84\0\0\0\0\x03\xe8no";
	const struct fl_wsm_config cfg = { .message_max = 100,
					   .pending_max = 1000,
					   .ping_every = FL_SEC,
					   .write_within = FL_SEC };
	struct talk t = { 0 };
	struct fl_loop *loop;
	struct net_server server;

	(void)ctx;
	alloc_hold(true);
	assert_int_equal(fl_loop_new(&loop), FL_OK);
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	int fd = net_dial(&server.at);
	assert_true(net_until(loop, net_server_one, &server));
	alloc_hold(false);
	if (fl_wsm_new(server.accepted[0], fl_slice_of(first, sizeof first - 1), &cfg, &owner, &t,
		       &t.w) == FL_OK) {
		poll_some(loop);
		fl_wsm_pause(t.w, true);
		(void)!send(fd, second, sizeof second - 1, MSG_NOSIGNAL);
		poll_some(loop);
		fl_wsm_pause(t.w, false);
		poll_some(loop);
		(void)!send(fd, third, sizeof third - 1, MSG_NOSIGNAL);
		poll_some(loop);
		assert_int_equal(t.ends, 1);
	}
	fl_wsm_close(t.w, 1000, "over");
	alloc_disarm();
	close(fd);
	fl_listener_close(server.listener);
	fl_loop_free(loop);
}

/* ---- upgrading ---- */

static void on_upgraded(void *ctx, enum fl_err err, unsigned status, struct fl_stream *s,
			struct fl_slice early)
{
	(void)err, (void)status, (void)early;
	++*(unsigned *)ctx;
	fl_stream_close(s, 0);
}

static void run_upgrade(void *ctx)
{
	unsigned answers = 0;
	struct fl_ws_upgrade *u;
	struct fl_loop *loop;
	struct net_server server;

	(void)ctx;
	alloc_hold(true);
	assert_int_equal(fl_loop_new(&loop), FL_OK);
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	int fd = net_dial(&server.at);
	assert_true(net_until(loop, net_server_one, &server));
	alloc_hold(false);
	if (fl_ws_upgrade_start(server.accepted[0], "h", "/", "ship", FL_SEC, on_upgraded, &answers,
				&u) == FL_OK) {
		(void)!send(fd, "HTTP/1.1 101 x\r\n\r\n", 18, MSG_NOSIGNAL);
		poll_some(loop);
		assert_int_equal(answers, 1);
	}
	alloc_disarm();
	close(fd);
	fl_listener_close(server.listener);
	fl_loop_free(loop);
}

/* ---- every n ---- */

static void dials_survive(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(run_dial, NULL) > 10);
}

static void messages_survive(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(run_messages, NULL) > 8);
}

static void upgrades_survive(void **state)
{
	(void)state;
	assert_true(alloc_fail_each(run_upgrade, NULL) > 4);
}

static int load(void **state)
{
	const struct odd_cert odd = { 0 };
	struct fl_buf cert = fl_buf_make(1 << 16), key = fl_buf_make(1 << 16);

	(void)state;
	net_warm_up();
	odd_cert_make(&odd, &cert, &key);
	const struct fl_tls_peer_config cfg = { .cert_pem = fl_buf_slice(&cert),
						.key_pem = fl_buf_slice(&key),
						.judge = judge };
	assert_int_equal(fl_tls_peer_new(&cfg, NULL, &peer), FL_OK);
	fl_buf_done(&cert);
	fl_buf_wipe(&key);
	return 0;
}

static int unload(void **state)
{
	(void)state;
	peer = fl_tls_peer_unref(peer);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dials_survive),
		cmocka_unit_test(messages_survive),
		cmocka_unit_test(upgrades_survive),
	};
	return cmocka_run_group_tests_name("io/peer_alloc", tests, load, unload);
}
