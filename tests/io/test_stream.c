/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_stream.c - what every stream promises its owner, on real sockets.
 */
#include "net.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static struct net_server server;
static struct net_ear ear, other;
static unsigned fds_before;
static int late_fd; /* closed after the loop */

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	late_fd = -1;
	memset(&ear, 0, sizeof ear);
	memset(&other, 0, sizeof other);
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	net_ear_done(&other);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	if (late_fd >= 0)
		close(late_fd);
	return net_fd_count() == fds_before ? 0 : -1;
}

/* A connected peer; the accepted stream belongs to nobody yet. */
static int dial(struct fl_stream **out)
{
	int fd = net_dial(&server.at);

	server.count = 0;
	assert_true(net_until(loop, net_server_one, &server));
	*out = server.accepted[0];
	return fd;
}

static int dial_ear(void)
{
	struct fl_stream *s;
	int fd = dial(&s);

	net_ear_own(&ear, s);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void assert_got(const struct net_ear *e, const char *text)
{
	assert_int_equal(e->got.len, strlen(text));
	assert_memory_equal(e->got.ptr, text, strlen(text));
}

static void reset(int fd)
{
	struct linger hard = { .l_onoff = 1 };

	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof hard), 0);
	close(fd);
}

/* ---- reading ---- */

static void bytes_arrive_and_answers_leave(void **state)
{
	char back[6] = { 0 };
	int fd;

	(void)state;
	ear.echo = true;
	fd = dial_ear();
	say(fd, "hello");
	assert_true(net_until(loop, net_ear_has_data, &ear));
	assert_int_equal(read(fd, back, 5), 5);
	assert_string_equal(back, "hello");
	assert_false(fl_stream_is_tls(ear.s));
	assert_false(fl_stream_is_local(ear.s));
	assert_ptr_equal(fl_stream_loop(ear.s), loop);
	struct fl_addrport peer = fl_stream_peer(ear.s), mine = fl_sockaddr_bound(fd);
	assert_true(fl_addrport_eq(&peer, &mine));
	struct fl_addrport here = fl_stream_here(ear.s);
	assert_true(fl_addrport_eq(&here, &server.at));
	close(fd);
}

static void nothing_is_read_without_an_owner(void **state)
{
	struct fl_stream *s;
	int fd = dial(&s);

	(void)state;
	say(fd, "early");
	net_for(loop, 2 * FL_MS);
	net_ear_own(&ear, s);
	assert_int_equal(ear.datas, 0); /* never inside the call */
	assert_true(net_until(loop, net_ear_has_data, &ear));
	assert_got(&ear, "early");
	close(fd);
}

static void an_orderly_end_comes_after_the_bytes(void **state)
{
	int fd = dial_ear();

	(void)state;
	say(fd, "last");
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_OK);
	assert_got(&ear, "last");
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("bye")), FL_OK); /* half open */
	char back[4] = { 0 };
	assert_int_equal(read(fd, back, 3), 3);
	net_for(loop, 2 * FL_MS);
	assert_int_equal(ear.ends, 1);
	close(fd);
}

static void a_reset_is_told_from_an_end(void **state)
{
	(void)state;
	reset(dial_ear());
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_CLOSED);
}

static void a_pause_holds_bytes_and_end_in_order(void **state)
{
	int fd;

	(void)state;
	ear.pause_on_data = true;
	fd = dial_ear();
	say(fd, "one");
	assert_true(net_until(loop, net_ear_has_data, &ear));
	say(fd, "two");
	close(fd);
	net_for(loop, 3 * FL_MS);
	assert_got(&ear, "one");
	assert_int_equal(ear.ends, 0);
	ear.pause_on_data = false;
	fl_stream_pause(ear.s, false);
	assert_int_equal(ear.datas, 1);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_got(&ear, "onetwo");
	assert_int_equal(ear.end, FL_OK);
}

/* ---- closing inside callbacks ---- */

static void closing_in_on_data_is_the_last_call(void **state)
{
	int fd;

	(void)state;
	ear.close_on_data = true;
	fd = dial_ear();
	say(fd, "x");
	assert_true(net_until(loop, net_ear_has_data, &ear));
	close(fd);
	net_for(loop, 2 * FL_MS);
	assert_int_equal(ear.datas, 1);
	assert_int_equal(ear.ends, 0);
}

static void closing_in_on_end_is_fine(void **state)
{
	(void)state;
	ear.close_on_end = true;
	close(dial_ear());
	assert_true(net_until(loop, net_ear_ended, &ear));
	net_for(loop, FL_MS);
	assert_int_equal(ear.ends, 1);
}

enum { BIG = 24 << 20 };

/* Writes more than the kernel takes. */
static void stuff(struct fl_stream *s)
{
	uint8_t *p = net_bytes(BIG);

	fl_stream_limit(s, BIG);
	assert_int_equal(fl_stream_write(s, fl_slice_of(p, BIG)), FL_OK);
	assert_true(fl_stream_pending(s) > 0);
	free(p);
}

/* Reads along until `cond` holds. */
struct reader {
	int fd;
	size_t got;
	bool (*cond)(void *ctx);
	void *ctx;
	bool eof;
	int err;
};

static bool read_along(void *ctx)
{
	static uint8_t step[1 << 16];
	struct reader *r = ctx;
	ssize_t n;

	while ((n = recv(r->fd, step, sizeof step, MSG_DONTWAIT)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			size_t at = r->got + (size_t)i;
			if (step[i] != (uint8_t)(at * 7 + at / 251))
				fail_msg("byte %zu differs", at);
		}
		r->got += (size_t)n;
	}
	r->eof = r->eof || n == 0;
	if (n < 0 && errno != EAGAIN)
		r->err = errno;
	return r->cond == NULL ? r->eof || r->err != 0 : r->cond(r->ctx);
}

static void a_big_write_drains_once_and_whole(void **state)
{
	int fd = dial_ear();
	struct reader r = { .fd = fd, .cond = net_ear_drained, .ctx = &ear };

	(void)state;
	stuff(ear.s);
	assert_int_equal(ear.drains, 0);
	assert_true(net_until(loop, read_along, &r));
	assert_int_equal(fl_stream_stalled(ear.s), 0);
	ear.s = fl_stream_close(ear.s, 0);
	r.cond = NULL;
	assert_true(net_until(loop, read_along, &r));
	assert_int_equal(r.got, BIG);
	assert_int_equal(ear.drains, 1);
	close(fd);
}

static void closing_in_on_drain_is_fine(void **state)
{
	int fd = dial_ear();
	struct reader r = { .fd = fd };

	(void)state;
	ear.close_on_drain = true;
	stuff(ear.s);
	assert_true(net_until(loop, read_along, &r));
	assert_int_equal(r.got, BIG);
	assert_int_equal(ear.drains, 1);
	assert_null(ear.s);
	close(fd);
}

static void a_paused_stream_still_drains(void **state)
{
	int fd = dial_ear();
	struct reader r = { .fd = fd, .cond = net_ear_drained, .ctx = &ear };

	(void)state;
	fl_stream_pause(ear.s, true);
	stuff(ear.s);
	assert_true(net_until(loop, read_along, &r));
	close(fd);
}

static void a_reset_while_pending_ends_a_paused_stream_too(void **state)
{
	int fd = dial_ear();

	(void)state;
	fl_stream_pause(ear.s, true);
	stuff(ear.s);
	reset(fd);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_CLOSED);
	assert_int_equal(ear.drains, 0);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("x")), FL_ERR_CLOSED);
}

static void the_limit_of_pending_bytes(void **state)
{
	static const struct {
		int more;
		enum fl_err want;
	} rows[] = { { -1, FL_OK }, { 0, FL_OK }, { 1, FL_ERR_FULL } };

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fl_stream *s;
		int fd = dial(&s);
		memset(&ear, 0, sizeof ear);
		net_ear_own(&ear, s);
		stuff(s);
		size_t pending = fl_stream_pending(s), room = 1000;
		uint8_t *p = net_bytes(room + 1);
		fl_stream_limit(s, pending + room);
		size_t n = (size_t)((int)room + rows[i].more);
		assert_int_equal(fl_stream_write(s, fl_slice_of(p, n)), rows[i].want);
		free(p);
		assert_int_equal(ear.ends, 0); /* not inside the call */
		if (rows[i].want != FL_OK) {
			assert_int_equal(fl_stream_write(s, fl_slice_str("x")), FL_ERR_CLOSED);
			assert_true(net_until(loop, net_ear_ended, &ear));
		}
		net_ear_done(&ear);
		close(fd);
	}
}

static void an_empty_write_is_nothing(void **state)
{
	int fd = dial_ear();

	(void)state;
	assert_int_equal(fl_stream_write(ear.s, fl_slice_of(NULL, 0)), FL_OK);
	assert_int_equal(fl_stream_pending(ear.s), 0);
	close(fd);
}

static void a_stalled_reader_shows(void **state)
{
	int fd = dial_ear();

	(void)state;
	assert_int_equal(fl_stream_stalled(ear.s), 0);
	stuff(ear.s);
	net_for(loop, 20 * FL_MS);
	fl_loop_poll(loop);
	assert_true(fl_stream_stalled(ear.s) > 5 * FL_MS);
	assert_true(fl_stream_stalled(ear.s) < 10 * FL_SEC);
	close(fd);
}

/* ---- handing over ---- */

struct passer {
	struct fl_stream *s;
	struct net_ear *to;
	size_t keep; /* bytes that were ours */
	unsigned datas;
};

static void pass_on(void *ctx, uint8_t *data, size_t len)
{
	struct passer *p = ctx;
	struct fl_slice rest = fl_slice_skip(fl_slice_of(data, len), p->keep);

	p->datas++;
	p->to->s = p->s;
	p->to->got = fl_buf_make(1 << 20);
	assert_int_equal(fl_stream_own(p->s, &net_ear_owner, p->to, rest), FL_OK);
	assert_int_equal(p->to->datas, 0);
	memset(data, 0xdd, len);
}

static void not_expected(void *ctx, enum fl_err why)
{
	(void)ctx;
	fail_msg("ended: %s", fl_err_text(why));
}

static const struct fl_stream_owner passer_owner = { .on_data = pass_on, .on_end = not_expected };

static void handing_over_in_on_data_keeps_the_order(void **state)
{
	struct fl_stream *s;
	int fd = dial(&s);
	struct passer p = { .s = s, .to = &other, .keep = 3 };

	(void)state;
	assert_int_equal(fl_stream_own(s, &passer_owner, &p, fl_slice_of(NULL, 0)), FL_OK);
	say(fd, "oneTWO");
	assert_true(net_until(loop, net_ear_has_data, &other));
	say(fd, "THREE");
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &other));
	assert_got(&other, "TWOTHREE");
	assert_int_equal(p.datas, 1);
	close(fd);
}

static void early_bytes_pile_up_in_order(void **state)
{
	struct fl_stream *s;
	int fd = dial(&s);
	struct passer p = { .s = s, .to = &other, .keep = 2 };

	(void)state;
	say(fd, "56");
	assert_int_equal(fl_stream_own(s, &net_ear_owner, &ear, fl_slice_str("34")), FL_OK);
	assert_int_equal(fl_stream_own(s, &passer_owner, &p, fl_slice_str("xx12")), FL_OK);
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &other));
	assert_got(&other, "123456");
	assert_int_equal(ear.datas, 0);
	close(fd);
}

static void a_new_owner_is_not_paused(void **state)
{
	int fd = dial_ear();

	(void)state;
	fl_stream_pause(ear.s, true);
	say(fd, "x");
	net_for(loop, FL_MS);
	net_ear_own(&other, ear.s);
	ear.s = NULL;
	assert_true(net_until(loop, net_ear_has_data, &other));
	close(fd);
}

static void a_new_owner_hears_of_an_end_again(void **state)
{
	int fd = dial_ear();

	(void)state;
	close(fd);
	assert_true(net_until(loop, net_ear_ended, &ear));
	net_ear_own(&other, ear.s);
	ear.s = NULL;
	assert_true(net_until(loop, net_ear_ended, &other));
}

/* ---- moving to another loop ---- */

static struct fl_loop *there;

static struct fl_stream_place move(struct fl_stream *s)
{
	struct fl_stream_place place;

	fl_stream_detach(s, &place);
	assert_int_equal(fl_loop_new(&there), FL_OK);
	assert_int_equal(fl_stream_attach(s, there), FL_OK);
	assert_ptr_equal(fl_stream_loop(s), there);
	return place;
}

static uint32_t open_count(void)
{
	struct fl_listener_stats stats;

	fl_listener_stats(server.listener, &stats);
	return stats.open;
}

static void a_stream_moves_between_loops(void **state)
{
	int fd = dial_ear();
	(void)state;

	say(fd, "here");
	assert_true(net_until(loop, net_ear_has_data, &ear));
	say(fd, "there");
	struct fl_stream_place place = move(ear.s);
	net_for(loop, 2 * FL_MS); /* the old loop has nothing more to do with it */
	assert_got(&ear, "here");
	net_ear_own(&other, ear.s);
	ear.s = NULL;
	shutdown(fd, SHUT_WR);
	assert_true(net_until(there, net_ear_ended, &other));
	assert_got(&other, "there");
	net_ear_done(&other);
	there = fl_loop_free(there);
	assert_int_equal(open_count(), 1);
	fl_stream_place_leave(&place);
	fl_stream_place_leave(&place);
	assert_int_equal(open_count(), 0);
	close(fd);
}

struct reading {
	int fd;
	size_t got, want;
};

static bool has_read_all(void *ctx)
{
	static uint8_t mem[1 << 16];
	struct reading *r = ctx;
	ssize_t n;

	while ((n = recv(r->fd, mem, sizeof mem, MSG_DONTWAIT)) > 0)
		r->got += (size_t)n;
	return r->got >= r->want;
}

/* More than the kernel takes: the rest waits in the stream. */
static void what_is_queued_moves_along(void **state)
{
	enum { MUCH = 20 << 20 };
	uint8_t *bytes = net_bytes(MUCH);
	int fd = dial_ear();
	struct reading r = { fd, 0, MUCH };
	(void)state;

	fl_stream_limit(ear.s, MUCH);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_of(bytes, MUCH)), FL_OK);
	assert_true(fl_stream_pending(ear.s) > 0);
	struct fl_stream_place place = move(ear.s);
	net_ear_own(&other, ear.s);
	ear.s = NULL;
	assert_true(net_until(there, has_read_all, &r));
	assert_true(net_until(there, net_ear_drained, &other));
	assert_int_equal(r.got, MUCH);
	net_ear_done(&other);
	there = fl_loop_free(there);
	fl_stream_place_leave(&place);
	free(bytes);
	close(fd);
}

static void a_moved_stream_can_be_closed_unowned(void **state)
{
	int fd = dial_ear();
	(void)state;

	struct fl_stream_place place = move(ear.s);
	ear.s = fl_stream_close(ear.s, FL_SEC);
	close(fd);
	net_for(there, 2 * FL_MS);
	there = fl_loop_free(there);
	fl_stream_place_leave(&place);
}

/* ---- lingering ---- */

static bool none_open(void *ctx)
{
	struct fl_listener_stats stats;

	(void)ctx;
	fl_listener_stats(server.listener, &stats);
	return stats.open == 0;
}

static void lingering_delivers_everything(void **state)
{
	int fd = dial_ear();
	struct reader r = { .fd = fd };

	(void)state;
	say(fd, "unread by the server, which must not turn the close into a reset");
	fl_stream_pause(ear.s, true);
	net_for(loop, FL_MS);
	stuff(ear.s);
	ear.s = fl_stream_close(ear.s, 5 * FL_SEC);
	assert_true(net_until(loop, read_along, &r));
	assert_int_equal(r.err, 0);
	assert_int_equal(r.got, BIG);
	close(fd);
	assert_true(net_until(loop, none_open, NULL));
}

static void lingering_ends_in_time(void **state)
{
	int fd = dial_ear();

	(void)state;
	stuff(ear.s);
	fl_time start = fl_loop_now(loop);
	ear.s = fl_stream_close(ear.s, 20 * FL_MS);
	assert_true(net_until(loop, none_open, NULL));
	assert_true(fl_loop_now(loop) - start < 2 * FL_SEC);
	close(fd);
}

static void a_peer_that_never_closes_is_not_waited_for(void **state)
{
	int fd = dial_ear();

	(void)state;
	ear.s = fl_stream_close(ear.s, 20 * FL_MS);
	assert_true(net_until(loop, none_open, NULL));
	close(fd);
}

static void the_loop_frees_what_still_lingers(void **state)
{
	int fd = dial_ear();

	(void)state;
	stuff(ear.s);
	ear.s = fl_stream_close(ear.s, FL_HOUR);
	net_for(loop, FL_MS);
	assert_false(none_open(NULL));
	late_fd = fd;
}

static void a_cut_ends_what_still_lingers(void **state)
{
	int fd = dial_ear();

	(void)state;
	stuff(ear.s);
	ear.s = fl_stream_close(ear.s, FL_HOUR);
	net_for(loop, FL_MS);
	assert_false(none_open(NULL));
	fl_loop_cut(loop);
	assert_true(none_open(NULL));
	close(fd);
}

static void closing_without_linger_drops_the_queue(void **state)
{
	int fd = dial_ear();
	struct reader r = { .fd = fd };

	(void)state;
	stuff(ear.s);
	ear.s = fl_stream_close(ear.s, 0);
	assert_null(fl_stream_close(NULL, 0));
	assert_true(net_until(loop, read_along, &r));
	assert_true(r.got < BIG);
	close(fd);
}

/* ---- connecting ---- */

struct dialer {
	enum fl_err err;
	struct fl_stream *s;
	unsigned calls;
};

static void on_dialed(void *ctx, enum fl_err err, struct fl_stream *s)
{
	struct dialer *d = ctx;

	d->calls++;
	d->err = err;
	d->s = s;
}

static bool dialed(void *ctx)
{
	return ((struct dialer *)ctx)->calls > 0;
}

static void connecting_gives_a_stream(void **state)
{
	struct dialer d = { 0 };
	struct fl_connect *c;

	(void)state;
	assert_int_equal(fl_tcp_connect(loop, &server.at, FL_SEC, on_dialed, &d, &c), FL_OK);
	assert_int_equal(d.calls, 0);
	assert_true(net_until(loop, dialed, &d));
	assert_int_equal(d.err, FL_OK);
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(&ear, d.s);
	net_ear_own(&other, server.accepted[0]);
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("ping")), FL_OK);
	assert_true(net_until(loop, net_ear_has_data, &other));
	assert_got(&other, "ping");
}

static void connecting_to_nobody_fails(void **state)
{
	struct dialer d = { 0 };
	struct fl_connect *c;
	struct fl_addrport at = server.at;

	(void)state;
	server.listener = fl_listener_close(server.listener);
	assert_int_equal(fl_tcp_connect(loop, &at, FL_SEC, on_dialed, &d, &c), FL_OK);
	assert_true(net_until(loop, dialed, &d));
	assert_int_equal(d.err, FL_ERR_CLOSED);
	assert_null(d.s);
}

static void a_cancelled_connect_never_answers(void **state)
{
	struct dialer d = { 0 };
	struct fl_connect *c;

	(void)state;
	assert_int_equal(fl_tcp_connect(loop, &server.at, FL_SEC, on_dialed, &d, &c), FL_OK);
	assert_null(fl_connect_cancel(c));
	assert_null(fl_connect_cancel(NULL));
	net_for(loop, 3 * FL_MS);
	assert_int_equal(d.calls, 0);
	if (server.count > 0)
		fl_stream_close(server.accepted[0], 0);
}

static void a_connect_times_out(void **state)
{
	struct dialer d = { 0 };
	struct fl_connect *c[3];
	struct sockaddr_storage sa;
	struct fl_addrport at = { .ip = fl_ip_v4(127, 0, 0, 1) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)state; /* a full backlog makes the kernel drop our SYN */
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, fl_sockaddr_of(&at, &sa)), 0);
	assert_int_equal(listen(fd, 0), 0);
	at = fl_sockaddr_bound(fd);
	for (size_t i = 0; i < COUNT(c); i++)
		assert_int_equal(fl_tcp_connect(loop, &at, 30 * FL_MS, on_dialed, &d, &c[i]),
				 FL_OK);
	while (d.calls < COUNT(c)) {
		unsigned before = d.calls;
		d.calls = 0;
		assert_true(net_until(loop, dialed, &d));
		d.calls += before;
		if (d.s != NULL)
			d.s = fl_stream_close(d.s, 0);
	}
	assert_int_equal(d.err, FL_ERR_TIMEOUT);
	close(fd);
}

/* ---- Unix sockets ---- */

static void unix_sockets_are_local(void **state)
{
	char folder[] = "/tmp/fl-test-XXXXXX", path[64];
	struct fl_listen_config extra = { .unix_mode = 0660 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct net_server local;
	char got[4];

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/s", folder);
	extra.unix_path = path;
	net_server_start(&local, loop, FL_LISTEN_PLAIN, NULL, &extra);
	memcpy(at.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_true(net_until(loop, net_server_one, &local));
	ear.echo = true;
	net_ear_own(&ear, local.accepted[0]);
	assert_true(fl_stream_is_local(ear.s));
	struct fl_addrport peer = fl_stream_peer(ear.s);
	assert_false(fl_ip_is_set(&peer.ip));
	peer = fl_stream_here(ear.s);
	assert_false(fl_ip_is_set(&peer.ip));
	fl_stream_keepalive(ear.s, &(struct fl_keepalive){ 1, 1, 1, FL_SEC });
	fl_stream_unsent_max(ear.s, 1);
	assert_int_equal(write(fd, "over", 4), 4);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	assert_int_equal(read(fd, got, sizeof got), 4);
	assert_memory_equal(got, "over", 4);
	close(fd);
	fl_listener_close(local.listener);
	assert_int_equal(access(path, F_OK), -1);
	rmdir(folder);
}

/* ---- many ---- */

struct crowd {
	int *fd;
	struct net_ear *ears;
	size_t want;
};

static bool all_here(void *ctx)
{
	return server.count == ((struct crowd *)ctx)->want;
}

static void a_thousand_come_and_go(void **state)
{
	enum { N = 1000 };
	int *fd = calloc(N, sizeof *fd);
	struct net_ear *ears = calloc(N, sizeof *ears);
	struct crowd crowd = { .want = N };

	(void)state;
	assert_true(fd != NULL && ears != NULL);
	for (int round = 0; round < 2; round++) {
		server.count = 0;
		memset(ears, 0, N * sizeof *ears);
		for (size_t i = 0; i < N; i++)
			fd[i] = net_dial(&server.at);
		assert_true(net_until(loop, all_here, &crowd));
		for (size_t i = 0; i < N; i++) {
			ears[i].close_on_end = true;
			net_ear_own(&ears[i], server.accepted[i]);
		}
		for (size_t i = 0; i < N; i++) {
			if (i % 3 == 0) /* each side closes some, some are reset */
				ears[i].s = fl_stream_close(ears[i].s, i % 2 ? FL_SEC : 0);
			if (i % 5 == 0)
				reset(fd[i]);
			else
				close(fd[i]);
		}
		assert_true(net_until(loop, none_open, NULL));
		for (size_t i = 0; i < N; i++) {
			assert_null(ears[i].s);
			net_ear_done(&ears[i]);
		}
	}
	free(fd);
	free(ears);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(bytes_arrive_and_answers_leave),
		T(nothing_is_read_without_an_owner),
		T(an_orderly_end_comes_after_the_bytes),
		T(a_reset_is_told_from_an_end),
		T(a_pause_holds_bytes_and_end_in_order),
		T(closing_in_on_data_is_the_last_call),
		T(closing_in_on_end_is_fine),
		T(a_big_write_drains_once_and_whole),
		T(closing_in_on_drain_is_fine),
		T(a_paused_stream_still_drains),
		T(a_reset_while_pending_ends_a_paused_stream_too),
		T(the_limit_of_pending_bytes),
		T(an_empty_write_is_nothing),
		T(a_stalled_reader_shows),
		T(handing_over_in_on_data_keeps_the_order),
		T(early_bytes_pile_up_in_order),
		T(a_new_owner_is_not_paused),
		T(a_new_owner_hears_of_an_end_again),
		T(a_stream_moves_between_loops),
		T(what_is_queued_moves_along),
		T(a_moved_stream_can_be_closed_unowned),
		T(lingering_delivers_everything),
		T(lingering_ends_in_time),
		T(a_peer_that_never_closes_is_not_waited_for),
		T(the_loop_frees_what_still_lingers),
		T(a_cut_ends_what_still_lingers),
		T(closing_without_linger_drops_the_queue),
		T(connecting_gives_a_stream),
		T(connecting_to_nobody_fails),
		T(a_cancelled_connect_never_answers),
		T(a_connect_times_out),
		T(unix_sockets_are_local),
		T(a_thousand_come_and_go),
	};
	net_warm_up();
	return cmocka_run_group_tests_name("io/stream", tests, NULL, NULL);
}
