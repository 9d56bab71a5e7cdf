/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_stream_bulk.c - busy streams leave the poll, lose nothing there, and come back.
 */
#include "net.h"

#include "io/stream_impl.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { PIECE = 2048, TRIES = 20000 };

static struct fl_loop *loop;
static struct net_server server;
static struct net_ear ear;
static unsigned fds_before;
static int fd;
static uint8_t next; /* what is sent counts through, so that a gap shows */
static size_t sent;

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	memset(&ear, 0, sizeof ear);
	sent = next = 0;
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	fd = net_dial(&server.at);
	server.count = 0;
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(&ear, server.accepted[0]);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	close(fd);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static bool is_bulk(void)
{
	return ear.s != NULL && fl_sock_is_bulk(fl_list_entry(ear.s, struct fl_sock, base));
}

static bool is_polled(void *ctx)
{
	(void)ctx;
	return !is_bulk();
}

static bool all_came(void *ctx)
{
	(void)ctx;
	return ear.got.len == sent;
}

static void say(size_t len)
{
	uint8_t *piece = malloc(len);

	assert_non_null(piece);
	for (size_t i = 0; i < len; i++)
		piece[i] = next++;
	assert_int_equal(write(fd, piece, len), len);
	sent += len;
	free(piece);
}

/* Small pieces, each read on its own, until the stream counts as busy; a slow machine may retry. */
static void get_busy(void)
{
	fl_stream_bulk(ear.s);
	for (int i = 0; i < TRIES && !is_bulk(); i++) {
		say(PIECE);
		assert_true(net_until(loop, all_came, NULL));
	}
	assert_true(is_bulk());
}

static void assert_in_order(void)
{
	assert_true(net_until(loop, all_came, NULL));
	for (size_t i = 0; i < ear.got.len; i++)
		if (ear.got.ptr[i] != (uint8_t)i)
			fail_msg("byte %zu is wrong", i);
}

static void a_busy_stream_is_read_on_the_beat(void **state)
{
	(void)state;
	get_busy();
	unsigned datas = ear.datas;
	for (int i = 0; i < 8; i++)
		say(PIECE); /* before the loop turns: one read takes them all */
	assert_in_order();
	assert_true(ear.datas - datas <= 2);
}

static void only_who_agreed_gets_on_the_beat(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		say(PIECE);
		assert_true(net_until(loop, all_came, NULL));
		assert_false(is_bulk());
	}
}

static void a_stream_that_falls_silent_goes_back_and_stays(void **state)
{
	(void)state;
	get_busy();
	assert_true(net_until(loop, is_polled, NULL));
	for (int i = 0; i < 50; i++) { /* well within the second it has to stay */
		say(PIECE);
		assert_true(net_until(loop, all_came, NULL));
	}
	assert_false(is_bulk());
	assert_in_order();
}

static void large_reads_go_back_to_the_poll(void **state)
{
	(void)state;
	get_busy();
	say(60 << 10);
	assert_in_order();
	assert_true(is_bulk()); /* it was only a burst */
	for (int i = 0; i < TRIES && is_bulk(); i++) {
		say(60 << 10);
		assert_true(net_until(loop, all_came, NULL));
	}
	assert_false(is_bulk());
	assert_in_order();
}

static void the_end_is_heard_on_the_beat(void **state)
{
	(void)state;
	get_busy();
	say(PIECE);
	shutdown(fd, SHUT_WR);
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_OK);
	assert_in_order();
}

static void a_pause_holds_on_the_beat_too(void **state)
{
	(void)state;
	get_busy();
	unsigned datas = ear.datas;
	fl_stream_pause(ear.s, true);
	say(PIECE);
	net_for(loop, 4 * FL_MS);
	assert_int_equal(ear.datas, datas);
	fl_stream_pause(ear.s, false);
	assert_in_order();
}

static void closing_in_on_data_on_the_beat_is_fine(void **state)
{
	(void)state;
	get_busy();
	ear.close_on_data = true;
	say(PIECE);
	assert_true(net_until(loop, all_came, NULL));
	assert_null(ear.s);
	net_for(loop, 3 * FL_MS); /* the beat goes on without it */
}

static void lingering_leaves_the_beat(void **state)
{
	(void)state;
	get_busy();
	assert_int_equal(fl_stream_write(ear.s, fl_slice_str("last")), FL_OK);
	ear.s = fl_stream_close(ear.s, FL_SEC);
	net_for(loop, 3 * FL_MS);
	char back[8] = { 0 };
	assert_int_equal(read(fd, back, sizeof back), 4);
	assert_string_equal(back, "last");
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_busy_stream_is_read_on_the_beat),
		T(only_who_agreed_gets_on_the_beat),
		T(a_stream_that_falls_silent_goes_back_and_stays),
		T(large_reads_go_back_to_the_poll),
		T(the_end_is_heard_on_the_beat),
		T(a_pause_holds_on_the_beat_too),
		T(closing_in_on_data_on_the_beat_is_fine),
		T(lingering_leaves_the_beat),
	};
	net_warm_up();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
