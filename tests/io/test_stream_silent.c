/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_stream_silent.c - who has vanished is found; who only reads slowly, or not at all,
 * is not taken for one. The kernels at both ends are real; only the limit is short.
 */
#include "net.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define LIMIT (300 * FL_MS)
/* Linux answers probes of a full window twice a second (tcp_invalid_ratelimit), not each. */
#define LIMIT_OF_PROBES (2 * FL_SEC)

/* Linux repeats no more often than once a second, if asked to repeat as often as it can. */
#define LIMIT_OF_AWAY (6 * FL_SEC)

enum {
	MUCH = 1 << 20,      /* more than a narrow connection has under way */
	RTO_MAX_OPTION = 44, /* TCP_RTO_MAX_MS */
};

static struct fl_loop *loop;
static struct net_server server;
static struct net_ear ear;
static int peer;

static void watch(struct fl_stream *s, int64_t limit)
{
	/* The kernel's own probes come too late to be taken for ours. */
	const struct fl_keepalive how = { 600, 60, 9, limit };
	fl_stream_keepalive(s, &how);
}

static int set_up(void **state)
{
	(void)state;
	memset(&ear, 0, sizeof ear);
	if (fl_loop_new(&loop) != FL_OK)
		return -1;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	server.count = 0;
	peer = net_dial_narrow(&server.at);
	if (!net_until(loop, net_server_one, &server))
		return -1;
	net_ear_own(&ear, server.accepted[0]);
	watch(ear.s, LIMIT);
	fl_stream_limit(ear.s, MUCH);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	net_ear_done(&ear);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	close(peer);
	return 0;
}

/* From now on its kernel sees nothing of ours. */
static void vanish(void)
{
	struct sock_filter nothing = { .code = BPF_RET | BPF_K };
	const struct sock_fprog filter = { .len = 1, .filter = &nothing };

	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter), 0);
}

static void come_back(void)
{
	int none = 0;
	assert_int_equal(setsockopt(peer, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none), 0);
}

static void say(size_t len)
{
	uint8_t *bytes = net_bytes(len);

	assert_int_equal(fl_stream_write(ear.s, fl_slice_of(bytes, len)), FL_OK);
	free(bytes);
}

struct reading {
	size_t got, want;
};

static bool has_read_all(void *ctx)
{
	static uint8_t mem[1 << 16];
	struct reading *r = ctx;
	ssize_t n;

	while (r->got < r->want && (n = recv(peer, mem, sizeof mem, MSG_DONTWAIT)) > 0)
		r->got += (size_t)n;
	return r->got >= r->want;
}

static void read_all(size_t want)
{
	struct reading r = { .want = want };
	assert_true(net_until(loop, has_read_all, &r));
}

static void assert_found(void)
{
	assert_true(net_until(loop, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_TIMEOUT);
	assert_int_equal(ear.ends, 1);
}

static void what_it_does_not_acknowledge_gives_it_away(void **state)
{
	(void)state;
	vanish();
	fl_time begun = fl_loop_now(loop);
	say(1);
	assert_found();
	int64_t took = fl_loop_now(loop) - begun;
	assert_true(took >= LIMIT - LIMIT / 6);
}

static void it_is_found_behind_a_full_window_too(void **state)
{
	(void)state;
	watch(ear.s, LIMIT_OF_PROBES);
	say(MUCH);
	net_for(loop, LIMIT_OF_PROBES / 2);
	assert_int_equal(ear.ends, 0);
	vanish();
	assert_found();
}

static void a_pause_does_not_hide_it(void **state)
{
	(void)state;
	fl_stream_pause(ear.s, true);
	vanish();
	say(1);
	assert_found();
}

/* A long silence before is none that it owes. */
static void after_a_rest_it_has_the_whole_time(void **state)
{
	(void)state;
	say(1);
	read_all(1);
	net_for(loop, 2 * LIMIT);
	vanish();
	fl_time begun = fl_loop_now(loop);
	say(1);
	assert_found();
	assert_true(fl_loop_now(loop) - begun >= LIMIT - LIMIT / 6);
}

/* What was answered before the first look counts for nothing, though it is looked at for it. */
static void its_time_begins_with_what_it_does_not_answer(void **state)
{
	(void)state;
	say(1);
	read_all(1);
	net_for(loop, LIMIT / 2);
	vanish();
	fl_time begun = fl_loop_now(loop);
	say(1);
	assert_found();
	assert_true(fl_loop_now(loop) - begun >= LIMIT - 2 * (LIMIT / 6));
}

/* Nor does what it answered hide what it did not, not even right after it spoke. */
static void an_answer_before_does_not_hide_it(void **state)
{
	(void)state;
	watch(ear.s, LIMIT_OF_PROBES);
	assert_int_equal(send(peer, "x", 1, 0), 1);
	net_for(loop, FL_MS);
	say(1);
	read_all(1);
	net_for(loop, FL_MS);
	vanish();
	fl_time begun = fl_loop_now(loop);
	say(1);
	net_for(loop, LIMIT_OF_PROBES * 4 / 5);
	say(1); /* which begins nothing: it has been away for long */
	assert_found();
	assert_true(fl_loop_now(loop) - begun <= LIMIT_OF_PROBES * 5 / 4);
}

/* That somebody was written to must not wake the loop until it could matter. */
static void nobody_is_looked_at_soon(void **state)
{
	(void)state;
	say(1);
	read_all(1);
	net_for(loop, FL_MS);
	assert_true(fl_loop_deadline(loop) - fl_loop_now(loop) > LIMIT / 2);
	net_for(loop, LIMIT);
	assert_true(fl_loop_deadline(loop) == FL_NEVER);
}

static void who_does_not_read_is_alive(void **state)
{
	(void)state;
	watch(ear.s, LIMIT_OF_PROBES);
	say(MUCH);
	net_for(loop, 5 * LIMIT_OF_PROBES / 2);
	assert_int_equal(ear.ends, 0);
	/* Its owner may have had enough of it. */
	assert_true(fl_stream_stalled(ear.s) > LIMIT_OF_PROBES);
	read_all(MUCH);
	assert_int_equal(ear.ends, 0);
}

static void who_answers_is_let_be(void **state)
{
	(void)state;
	for (int i = 0; i < 6; i++) {
		say(1);
		net_for(loop, LIMIT / 3);
	}
	assert_int_equal(ear.ends, 0);
}

static void without_a_limit_nobody_looks(void **state)
{
	(void)state;
	watch(ear.s, 0);
	vanish();
	say(1);
	net_for(loop, 2 * LIMIT);
	assert_int_equal(ear.ends, 0);
}

/* The kernel asks ever more rarely; it must ask once more before the time is over. */
static void who_was_away_for_most_of_it_is_let_be(void **state)
{
	int most = 1000;
	(void)state;

	if (setsockopt(peer, IPPROTO_TCP, RTO_MAX_OPTION, &most, sizeof most) != 0)
		skip(); /* Linux before 6.15 */
	watch(ear.s, LIMIT_OF_AWAY);
	vanish();
	say(1);
	net_for(loop, LIMIT_OF_AWAY * 3 / 5);
	come_back();
	net_for(loop, LIMIT_OF_AWAY / 2);
	assert_int_equal(ear.ends, 0);
	read_all(1);
}

static void a_limit_may_be_taken_back(void **state)
{
	(void)state;
	say(MUCH); /* something waits: it stays among those looked at */
	watch(ear.s, 0);
	net_for(loop, 2 * LIMIT);
	assert_int_equal(ear.ends, 0);
}

/* Also where the next look was far away, which for the new limit would be too late. */
static void a_limit_may_be_lowered(void **state)
{
	(void)state;
	watch(ear.s, 100 * FL_SEC);
	vanish();
	say(1);
	watch(ear.s, LIMIT);
	assert_found();
}

/* A second connection, whose peer vanishes; it takes the place of the first in `peer`. */
static void expect_end_of_another(struct net_ear *e)
{
	server.count = 0;
	peer = net_dial_narrow(&server.at);
	assert_true(net_until(loop, net_server_one, &server));
	net_ear_own(e, server.accepted[0]);
	watch(e->s, LIMIT);
	vanish();
	assert_int_equal(fl_stream_write(e->s, fl_slice_str("x")), FL_OK);
	assert_true(net_until(loop, net_ear_ended, e));
}

/* How often one is looked at is no reason to look late at another. */
static void a_lower_limit_of_another_counts(void **state)
{
	struct net_ear second = { 0 };
	int patient = peer;
	(void)state;

	watch(ear.s, 100 * FL_SEC);
	say(1);
	expect_end_of_another(&second);
	assert_int_equal(second.end, FL_ERR_TIMEOUT);
	assert_int_equal(ear.ends, 0);
	net_ear_done(&second);
	close(patient);
}

static void on_another_loop_it_is_found_as_well(void **state)
{
	struct fl_stream_place place;
	struct fl_loop *there;
	struct fl_stream *s = ear.s;
	(void)state;

	vanish();
	say(1);
	fl_stream_detach(s, &place);
	ear.s = NULL;
	assert_int_equal(fl_loop_new(&there), FL_OK);
	assert_int_equal(fl_stream_attach(s, there), FL_OK);
	net_ear_own(&ear, s);
	assert_true(net_until(there, net_ear_ended, &ear));
	assert_int_equal(ear.end, FL_ERR_TIMEOUT);
	net_ear_done(&ear);
	fl_stream_place_leave(&place);
	fl_loop_free(there);
}

/* Its owner closes it in on_end, or before it is looked at. */
static void closing_meanwhile_is_fine(void **state)
{
	struct net_ear second = { .close_on_end = true };
	(void)state;

	vanish();
	say(1);
	ear.s = fl_stream_close(ear.s, LIMIT / 2);
	close(peer);
	expect_end_of_another(&second);
	assert_null(second.s);
	net_ear_done(&second);
}

/* ---- many at once ---- */

enum { CROWD = 5 };

static struct {
	struct fl_stream *s;
	int fd;
} crowd[CROWD];
static unsigned crowd_ends;

/* The first that is found takes all the others with it. */
static void on_crowd_end(void *ctx, enum fl_err why)
{
	(void)ctx;
	assert_int_equal(why, FL_ERR_TIMEOUT);
	crowd_ends++;
	for (size_t i = 0; i < CROWD; i++)
		crowd[i].s = fl_stream_close(crowd[i].s, i % 2 ? LIMIT : 0);
}

static void on_crowd_data(void *ctx, uint8_t *data, size_t len)
{
	(void)ctx;
	(void)data;
	(void)len;
}

static bool crowd_has_ended(void *ctx)
{
	(void)ctx;
	return crowd_ends > 0;
}

static void who_is_found_may_take_others_along(void **state)
{
	static const struct fl_stream_owner owner = { .on_data = on_crowd_data,
						      .on_end = on_crowd_end };
	int first = peer;
	(void)state;

	crowd_ends = 0;
	for (size_t i = 0; i < CROWD; i++) {
		server.count = 0;
		peer = crowd[i].fd = net_dial_narrow(&server.at);
		assert_true(net_until(loop, net_server_one, &server));
		struct fl_stream *s = crowd[i].s = server.accepted[0];
		assert_int_equal(fl_stream_own(s, &owner, NULL, fl_slice_of(NULL, 0)), FL_OK);
		watch(s, LIMIT);
		vanish();
		assert_int_equal(fl_stream_write(s, fl_slice_str("x")), FL_OK);
	}
	assert_true(net_until(loop, crowd_has_ended, NULL));
	net_for(loop, LIMIT);
	assert_int_equal(crowd_ends, 1);
	for (size_t i = 0; i < CROWD; i++)
		close(crowd[i].fd);
	peer = first;
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_it_does_not_acknowledge_gives_it_away),
		T(it_is_found_behind_a_full_window_too),
		T(a_pause_does_not_hide_it),
		T(after_a_rest_it_has_the_whole_time),
		T(its_time_begins_with_what_it_does_not_answer),
		T(an_answer_before_does_not_hide_it),
		T(nobody_is_looked_at_soon),
		T(who_does_not_read_is_alive),
		T(who_answers_is_let_be),
		T(without_a_limit_nobody_looks),
		T(who_was_away_for_most_of_it_is_let_be),
		T(a_limit_may_be_taken_back),
		T(a_limit_may_be_lowered),
		T(a_lower_limit_of_another_counts),
		T(on_another_loop_it_is_found_as_well),
		T(closing_meanwhile_is_fine),
		T(who_is_found_may_take_others_along),
	};
	net_warm_up();
	return cmocka_run_group_tests_name("io/stream_silent", tests, NULL, NULL);
}
