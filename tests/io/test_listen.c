/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_listen.c - telling TLS from plain, limits, time limits, Unix sockets, errors.
 */
#include "net.h"

#include "io/sockaddr.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static struct fl_tls_server *tls;
static struct net_server server;
static unsigned fds_before;

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	memset(&server, 0, sizeof server);
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < server.count; i++)
		fl_stream_close(server.accepted[i], 0);
	fl_listener_close(server.listener);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static int load_tls(void **state)
{
	(void)state;
	tls = net_tls();
	return 0;
}

static int drop_tls(void **state)
{
	(void)state;
	tls = fl_tls_server_unref(tls);
	return 0;
}

static struct fl_listener_stats stats_now(void)
{
	struct fl_listener_stats stats;

	fl_listener_stats(server.listener, &stats);
	return stats;
}

struct expect {
	uint64_t accepted, refused, hello, tls;
	uint32_t open;
};

static bool as_expected(void *ctx)
{
	const struct expect *e = ctx;
	struct fl_listener_stats s = stats_now();

	return s.accepted == e->accepted && s.refused_limit == e->refused &&
	       s.failed_hello == e->hello && s.failed_tls == e->tls && s.open == e->open;
}

static void assert_stats(struct expect e)
{
	if (!net_until(loop, as_expected, &e)) {
		struct fl_listener_stats s = stats_now();
		fail_msg("accepted %lu refused %lu hello %lu tls %lu open %u",
			 (unsigned long)s.accepted, (unsigned long)s.refused_limit,
			 (unsigned long)s.failed_hello, (unsigned long)s.failed_tls, s.open);
	}
}

/* ---- telling apart ---- */

static void the_first_byte_decides(void **state)
{
	static const struct {
		const char *first;
		bool plain;
	} rows[] = {
		{ "G", true },  { "P", true },    { "\x15", true },  { "\x17", true },
		{ "\n", true }, { "\xff", true }, { "\x16", false },
	};

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct net_ear ear = { 0 };
		size_t before = server.count;
		int fd = net_dial(&server.at);
		net_for(loop, FL_MS);
		assert_int_equal(server.count, before); /* nothing said, nothing decided */
		assert_int_equal(write(fd, rows[i].first, 1), 1);
		net_for(loop, 2 * FL_MS);
		assert_int_equal(server.count, before + (rows[i].plain ? 1 : 0));
		if (rows[i].plain) { /* the byte was only looked at */
			net_ear_own(&ear, server.accepted[--server.count]);
			assert_true(net_until(loop, net_ear_has_data, &ear));
			assert_int_equal(ear.got.len, 1);
			assert_int_equal(ear.got.ptr[0], (uint8_t)rows[i].first[0]);
			assert_false(fl_stream_is_tls(ear.s));
			net_ear_done(&ear);
		}
		close(fd);
	}
	assert_stats((struct expect){ .accepted = COUNT(rows), .tls = 1 });
}

static void tls_on_the_same_port(void **state)
{
	struct net_tls_peer p;

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, NULL);
	net_tls_dial(&p, &server.at, 0);
	assert_true(net_until(loop, net_tls_ready, &p));
	assert_true(p.done);
	assert_true(net_until(loop, net_server_one, &server));
	assert_true(fl_stream_is_tls(server.accepted[0]));
	net_tls_done(&p);
}

/* ---- visitors that fail ---- */

static void silence_is_not_waited_for(void **state)
{
	struct fl_listen_config extra = { .hello_timeout = 15 * FL_MS };
	int fd[3];

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, &extra);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = net_dial(&server.at);
	assert_int_equal(write(fd[1], "\x16\x03\x01", 3), 3); /* begins TLS, goes no further */
	assert_stats((struct expect){ .accepted = 3, .hello = 2, .tls = 1 });
	assert_int_equal(server.count, 0);
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
}

static void going_away_is_counted(void **state)
{
	int fd[2];

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_TLS, tls, NULL);
	fd[0] = net_dial(&server.at);
	fd[1] = net_dial(&server.at);
	assert_int_equal(write(fd[1], "\x16\x03\x01\x02", 4), 4);
	assert_stats((struct expect){ .accepted = 2, .open = 2 });
	close(fd[0]);
	assert_stats((struct expect){ .accepted = 2, .hello = 1, .open = 1 });
	close(fd[1]);
	assert_stats((struct expect){ .accepted = 2, .hello = 1, .tls = 1 });
}

static void garbage_instead_of_a_handshake(void **state)
{
	static const char *const rows[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"\x16\x03\x01\xff\xff\x01",
		"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00",
		"\x16\x02\x00\x00\x01zzzzzzzzzzzz",
	};

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_TLS, tls, NULL);
	for (size_t i = 0; i < COUNT(rows); i++) {
		int fd = net_dial(&server.at), e;
		size_t len = i == 2 ? 10 : strlen(rows[i]);
		assert_int_equal(write(fd, rows[i], len), len);
		shutdown(fd, SHUT_WR);
		assert_stats((struct expect){ .accepted = i + 1, .tls = i + 1 });
		assert_true(net_drain_fd(fd, &e) < 64); /* at most an alert */
		close(fd);
	}
	assert_int_equal(server.count, 0);
}

/* ---- limits ---- */

static void at_most_so_many_connections(void **state)
{
	struct fl_listen_config extra = { .conn_max = 3 };
	int fd[4], e;

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = net_dial(&server.at);
	assert_stats((struct expect){ .accepted = 3, .refused = 1, .open = 3 });
	assert_int_equal(net_drain_fd(fd[3], &e), 0);
	close(fd[3]);
	fl_stream_close(server.accepted[--server.count], 0); /* counted until closed */
	fd[3] = net_dial(&server.at);
	assert_stats((struct expect){ .accepted = 4, .refused = 1, .open = 3 });
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
}

static int dial_from(const char *from)
{
	struct fl_addrport at = { 0 };
	struct sockaddr_storage sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(fl_ip_parse(fl_slice_str(from), &at.ip), FL_OK);
	socklen_t len = fl_sockaddr_of(&at, &sa);
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
	len = fl_sockaddr_of(&server.at, &sa);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	return fd;
}

static void at_most_so_many_from_one_source(void **state)
{
	struct fl_listen_config extra = { .per_source_max = 2 };
	static const struct {
		const char *from;
		bool refused;
	} rows[] = {
		{ "127.0.0.1", false }, { "127.0.0.1", false }, { "127.0.0.1", true },
		{ "127.0.0.2", false }, { "127.0.0.1", true },  { "127.0.0.2", false },
		{ "127.0.0.2", true },
	};
	struct expect e = { 0 };
	int fd[COUNT(rows)];

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	for (size_t i = 0; i < COUNT(rows); i++) {
		fd[i] = dial_from(rows[i].from);
		e.accepted += !rows[i].refused;
		e.open += !rows[i].refused;
		e.refused += rows[i].refused;
		assert_stats(e);
	}
	while (server.count > 0)
		fl_stream_close(server.accepted[--server.count], 0);
	for (size_t i = 0; i < COUNT(rows); i++)
		close(fd[i]);
	e.open = 0;
	assert_stats(e);
	fd[0] = dial_from("127.0.0.1");
	fd[1] = dial_from("127.0.0.1");
	e.accepted += 2;
	e.open = 2;
	assert_stats(e);
	close(fd[0]);
	close(fd[1]);
}

static void a_visitor_counts_for_its_source(void **state)
{
	struct fl_listen_config extra = { .per_source_max = 1, .hello_timeout = 10 * FL_MS };
	int fd[3];

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, &extra);
	fd[0] = net_dial(&server.at);
	fd[1] = net_dial(&server.at);
	assert_stats((struct expect){ .accepted = 1, .refused = 1, .hello = 1 });
	fd[2] = net_dial(&server.at);
	assert_int_equal(write(fd[2], "G", 1), 1);
	assert_stats((struct expect){ .accepted = 2, .refused = 1, .hello = 1, .open = 1 });
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
}

static bool has_errors(void *ctx)
{
	(void)ctx;
	return stats_now().accept_errors > 0;
}

static void out_of_descriptors_is_survived(void **state)
{
	struct rlimit was, tight;
	int fd[8], first;

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	for (size_t i = 0; i < COUNT(fd); i++)
		fd[i] = net_dial(&server.at);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	first = dup(0);
	close(first);
	tight = was;
	tight.rlim_cur = (rlim_t)first + 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
	assert_true(net_until(loop, has_errors, NULL));
	fl_time start = fl_loop_now(loop);
	assert_int_equal(server.count, 3);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
	assert_stats((struct expect){ .accepted = COUNT(fd), .open = COUNT(fd) });
	assert_int_equal(stats_now().accept_errors, 1);
	assert_true(fl_loop_now(loop) - start >= 90 * FL_MS);
	for (size_t i = 0; i < COUNT(fd); i++)
		close(fd[i]);
}

/* ---- addresses ---- */

static void an_address_in_use_is_told(void **state)
{
	struct fl_listen_config cfg = { .mode = FL_LISTEN_PLAIN };
	struct fl_listener *second;
	struct fl_fault fault;

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, NULL);
	cfg.at = server.at;
	assert_int_equal(fl_listener_new(loop, &cfg, &fault, &second), FL_ERR_BUSY);
	assert_non_null(strstr(fault.text, "127.0.0.1:"));
	cfg.at = (struct fl_addrport){ .ip = fl_ip_v4(192, 0, 2, 1) };
	assert_int_equal(fl_listener_new(loop, &cfg, &fault, &second), FL_ERR_IO);
	assert_non_null(strstr(fault.text, "192.0.2.1"));
}

static void a_wildcard_shows_ipv4_as_ipv4(void **state)
{
	struct fl_listen_config extra = { .at = { .ip = { .family = FL_IP_V6 } } };

	(void)state;
	int probe = socket(AF_INET6, SOCK_STREAM, 0);
	if (probe < 0)
		skip();
	close(probe);
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	struct fl_addrport at = { .ip = fl_ip_v4(127, 0, 0, 1), .port = server.at.port };
	int fd = net_dial(&at);
	assert_true(net_until(loop, net_server_one, &server));
	struct fl_addrport peer = fl_stream_peer(server.accepted[0]), mine = fl_sockaddr_bound(fd);
	assert_true(fl_addrport_eq(&peer, &mine));
	close(fd);
}

static void streams_outlive_their_listener(void **state)
{
	struct fl_listen_config extra = { .per_source_max = 5 };
	struct net_ear ear = { .echo = true };
	char c;

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	int fd = net_dial(&server.at);
	assert_true(net_until(loop, net_server_one, &server));
	server.listener = fl_listener_close(server.listener);
	net_ear_own(&ear, server.accepted[--server.count]);
	assert_int_equal(write(fd, "x", 1), 1);
	assert_true(net_until(loop, net_ear_has_data, &ear));
	assert_int_equal(read(fd, &c, 1), 1);
	net_ear_done(&ear);
	close(fd);
}

static void closing_a_listener_drops_its_visitors(void **state)
{
	(void)state;
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, NULL);
	int fd = net_dial(&server.at), e;
	assert_stats((struct expect){ .accepted = 1, .open = 1 });
	server.listener = fl_listener_close(server.listener);
	assert_int_equal(net_drain_fd(fd, &e), 0);
	net_for(loop, FL_MS);
	assert_int_equal(server.count, 0);
	close(fd);
}

struct closer {
	struct fl_listener *listener;
	unsigned accepted;
};

static void close_both(void *ctx, struct fl_stream *s)
{
	struct closer *c = ctx;

	c->accepted++;
	fl_stream_close(s, 0);
	c->listener = fl_listener_close(c->listener);
}

static bool closer_done(void *ctx)
{
	return ((struct closer *)ctx)->accepted > 0;
}

static void a_listener_may_close_inside_on_accept(void **state)
{
	struct closer c = { 0 };
	struct fl_listen_config cfg = { .at = { .ip = fl_ip_v4(127, 0, 0, 1) },
					.on_accept = close_both,
					.ctx = &c };

	(void)state;
	assert_int_equal(fl_listener_new(loop, &cfg, NULL, &c.listener), FL_OK);
	struct fl_addrport at = fl_listener_at(c.listener);
	int fd[2] = { net_dial(&at), net_dial(&at) };
	assert_true(net_until(loop, closer_done, &c));
	net_for(loop, FL_MS);
	assert_int_equal(c.accepted, 1);
	close(fd[0]);
	close(fd[1]);
}

static void who_comes_before_the_begin_waits(void **state)
{
	const struct fl_listen_config extra = { .later = true };

	(void)state;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	int fd = net_dial(&server.at);
	net_for(loop, FL_MS);
	assert_int_equal(server.count, 0);
	fl_listener_begin(server.listener, NULL);
	assert_true(net_until(loop, net_server_one, &server));
	close(fd);
}

/* ---- Unix sockets ---- */

static char folder[32], path[64];

static void make_path(void)
{
	snprintf(folder, sizeof folder, "/tmp/fl-test-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof path, "%s/run/s", folder);
}

static void remove_path(void)
{
	char run[64];

	unlink(path);
	snprintf(run, sizeof run, "%s/run", folder);
	rmdir(run);
	assert_int_equal(rmdir(folder), 0);
}

static void a_unix_socket_has_its_mode(void **state)
{
	struct fl_listen_config extra = { .unix_mode = 0620 };
	struct stat st;

	(void)state;
	make_path();
	extra.unix_path = path;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0620);
	server.listener = fl_listener_close(server.listener);
	assert_int_equal(stat(path, &st), -1);
	remove_path();
}

static void a_stale_socket_is_replaced_a_live_one_not(void **state)
{
	struct fl_listen_config extra = { .unix_mode = 0600 };
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	struct fl_listener *second;
	struct fl_fault fault;
	char run[64];

	(void)state;
	make_path();
	snprintf(run, sizeof run, "%s/run", folder);
	assert_int_equal(mkdir(run, 0700), 0);
	memcpy(un.sun_path, path, strlen(path));
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof un), 0);
	close(fd); /* as a crash leaves it */

	extra.unix_path = path;
	net_server_start(&server, loop, FL_LISTEN_PLAIN, NULL, &extra);
	assert_int_equal(fl_listener_new(loop, &extra, &fault, &second), FL_ERR_BUSY);
	assert_non_null(strstr(fault.text, path));
	net_for(loop, FL_MS); /* the probe of the second came and went */
	while (server.count > 0)
		fl_stream_close(server.accepted[--server.count], 0);

	assert_int_equal(unlink(path), 0); /* someone else's socket stays when we close */
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	close(fd);
	server.listener = fl_listener_close(server.listener);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(fl_listener_new(loop, &extra, &fault, &second), FL_ERR_BUSY);
	remove_path();
}

static void a_long_unix_path_is_refused(void **state)
{
	static const size_t rows[] = { sizeof((struct sockaddr_un *)0)->sun_path, 300 };
	char name[512];
	struct fl_listen_config cfg = { .unix_path = name };
	struct fl_listener *l;
	struct fl_fault fault;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		memset(name, 'a', rows[i]);
		name[rows[i]] = '\0';
		assert_int_equal(fl_listener_new(loop, &cfg, &fault, &l), FL_ERR_IO);
	}
}

/* ---- many handshakes ---- */

enum { MANY = 60 };

static bool all_ready(void *ctx)
{
	struct net_tls_peer *p = ctx;
	bool all = true;

	for (size_t i = 0; i < MANY; i++)
		all = net_tls_step(&p[i]) && all;
	return all && server.count == MANY;
}

static void more_handshakes_than_one_tick_takes(void **state)
{
	struct net_tls_peer *p = calloc(MANY, sizeof *p);

	(void)state;
	assert_non_null(p);
	net_server_start(&server, loop, FL_LISTEN_BOTH, tls, NULL);
	for (size_t i = 0; i < MANY; i++)
		net_tls_dial(&p[i], &server.at, 0);
	assert_true(net_until(loop, all_ready, p));
	for (size_t i = 0; i < MANY; i++) {
		assert_true(p[i].done);
		net_tls_done(&p[i]);
	}
	free(p);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_first_byte_decides),
		T(tls_on_the_same_port),
		T(silence_is_not_waited_for),
		T(going_away_is_counted),
		T(garbage_instead_of_a_handshake),
		T(at_most_so_many_connections),
		T(at_most_so_many_from_one_source),
		T(a_visitor_counts_for_its_source),
		T(out_of_descriptors_is_survived),
		T(an_address_in_use_is_told),
		T(a_wildcard_shows_ipv4_as_ipv4),
		T(streams_outlive_their_listener),
		T(closing_a_listener_drops_its_visitors),
		T(a_listener_may_close_inside_on_accept),
		T(who_comes_before_the_begin_waits),
		T(a_unix_socket_has_its_mode),
		T(a_stale_socket_is_replaced_a_live_one_not),
		T(a_long_unix_path_is_refused),
		T(more_handshakes_than_one_tick_takes),
	};
	net_warm_up();
	return cmocka_run_group_tests_name("io/listen", tests, load_tls, drop_tls);
}
