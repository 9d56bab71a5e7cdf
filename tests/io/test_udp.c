/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/io/test_udp.c - batches, sources, sizes and errors of UDP sockets.
 */
#include "net.h"

#include "io/sockaddr.h"
#include "io/udp.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cmocka.h>

static struct fl_loop *loop;
static struct fl_udp *udp;
static struct fl_addrport at;
static unsigned fds_before, handled;
static size_t last_len;
static struct fl_addrport last_from;
static bool close_inside;

/* Answers with the same bytes; "quiet" gets nothing, "huge" claims more than there is room for. */
static size_t echo(void *ctx, struct fl_slice packet, const struct fl_addrport *from,
		   uint8_t *reply, size_t cap)
{
	(void)ctx;
	handled++;
	last_len = packet.len;
	last_from = *from;
	if (close_inside)
		udp = fl_udp_close(udp);
	if (fl_slice_is(packet, "quiet"))
		return 0;
	if (fl_slice_is(packet, "huge"))
		return cap + 1;
	assert_true(packet.len <= cap);
	memcpy(reply, packet.ptr, packet.len);
	return packet.len;
}

static void start(struct fl_ip ip)
{
	struct fl_fault fault;
	struct fl_addrport want = { .ip = ip };

	if (fl_udp_new(loop, &want, echo, NULL, &fault, &udp) != FL_OK)
		fail_msg("%s", fault.text);
	at = fl_udp_at(udp);
	assert_int_not_equal(at.port, 0);
}

static int set_up(void **state)
{
	(void)state;
	fds_before = net_fd_count();
	handled = 0;
	close_inside = false;
	udp = NULL;
	return fl_loop_new(&loop) == FL_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	udp = fl_udp_close(udp);
	loop = fl_loop_free(loop);
	return net_fd_count() == fds_before ? 0 : -1;
}

static int client(const struct fl_addrport *to)
{
	struct sockaddr_storage sa;
	socklen_t len = fl_sockaddr_of(to, &sa);
	struct timeval patience = { .tv_sec = 5 };
	int fd = socket(sa.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

static bool have_handled(void *ctx)
{
	return handled >= *(unsigned *)ctx;
}

static void wait_handled(unsigned n)
{
	assert_true(net_until(loop, have_handled, &n));
}

static void answers_come_from_the_address_asked(void **state)
{
	static const char *const asked[] = { "127.0.0.1", "127.0.0.7", "127.1.2.3" };

	(void)state;
	start(fl_ip_v4(0, 0, 0, 0));
	for (size_t i = 0; i < COUNT(asked); i++) {
		struct fl_addrport to = { .port = at.port };
		char back[8];
		assert_int_equal(fl_ip_parse(fl_slice_str(asked[i]), &to.ip), FL_OK);
		int fd = client(&to); /* connected: takes answers from there only */
		assert_int_equal(send(fd, "hi", 2, 0), 2);
		wait_handled((unsigned)i + 1);
		assert_int_equal(recv(fd, back, sizeof back, 0), 2);
		struct fl_addrport mine = fl_sockaddr_bound(fd);
		assert_true(fl_addrport_eq(&last_from, &mine));
		close(fd);
	}
}

static void a_wildcard_serves_both_families(void **state)
{
	struct fl_addrport to[] = { { .ip = fl_ip_v4(127, 0, 0, 9) },
				    { .ip = { .family = FL_IP_V6, .b = { [15] = 1 } } } };

	(void)state;
	int probe = socket(AF_INET6, SOCK_DGRAM, 0);
	if (probe < 0)
		skip();
	close(probe);
	start((struct fl_ip){ .family = FL_IP_V6 });
	for (size_t i = 0; i < COUNT(to); i++) {
		char back[8];
		to[i].port = at.port;
		int fd = client(&to[i]);
		assert_int_equal(send(fd, "hello", 5, 0), 5);
		wait_handled((unsigned)i + 1);
		assert_int_equal(recv(fd, back, sizeof back, 0), 5);
		assert_int_equal(last_from.ip.family, to[i].ip.family);
		close(fd);
	}
}

static void many_in_one_batch(void **state)
{
	enum { N = FL_UDP_BATCH * 3 + 5 };
	bool seen[N] = { false };

	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	int fd = client(&at);
	for (uint16_t i = 0; i < N; i++)
		assert_int_equal(send(fd, &i, sizeof i, 0), sizeof i);
	wait_handled(N);
	for (size_t i = 0; i < N; i++) {
		uint16_t back;
		assert_int_equal(recv(fd, &back, sizeof back, 0), sizeof back);
		assert_true(back < N && !seen[back]);
		seen[back] = true;
	}
	struct fl_udp_stats stats;
	fl_udp_stats(udp, &stats);
	assert_int_equal(stats.received, N);
	assert_int_equal(stats.sent, N);
	assert_int_equal(stats.read_errors + stats.write_errors, 0);
	close(fd);
}

static void silence_and_excess_are_not_sent(void **state)
{
	struct fl_udp_stats stats;
	char back[8];

	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	int fd = client(&at);
	send(fd, "quiet", 5, 0);
	send(fd, "huge", 4, 0);
	send(fd, "", 0, 0);
	send(fd, "x", 1, 0);
	wait_handled(4);
	assert_int_equal(recv(fd, back, sizeof back, 0), 1);
	fl_udp_stats(udp, &stats);
	assert_int_equal(stats.sent, 1);
	close(fd);
}

static bool has_read_error(void *ctx)
{
	struct fl_udp_stats stats;

	(void)ctx;
	fl_udp_stats(udp, &stats);
	return stats.read_errors > 0;
}

static void the_size_limit(void **state)
{
	static const struct {
		size_t len;
		bool taken;
	} rows[] = { { FL_UDP_PACKET_MAX - 1, true },
		     { FL_UDP_PACKET_MAX, true },
		     { FL_UDP_PACKET_MAX + 1, false } };
	static uint8_t packet[FL_UDP_PACKET_MAX + 1], back[FL_UDP_PACKET_MAX + 1];
	unsigned want = 0;

	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	int fd = client(&at);
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(send(fd, packet, rows[i].len, 0), rows[i].len);
		if (!rows[i].taken) {
			assert_true(net_until(loop, has_read_error, NULL));
			continue;
		}
		wait_handled(++want);
		assert_int_equal(last_len, rows[i].len);
		assert_int_equal(recv(fd, back, sizeof back, 0), rows[i].len);
	}
	assert_int_equal(handled, want);
	close(fd);
}

static void a_peer_that_left_does_no_harm(void **state)
{
	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	int gone = client(&at), fd = client(&at);
	char back[8];
	send(gone, "a", 1, 0);
	close(gone); /* the answer brings an ICMP error */
	wait_handled(1);
	net_for(loop, 2 * FL_MS);
	send(fd, "b", 1, 0);
	wait_handled(2);
	assert_int_equal(recv(fd, back, sizeof back, 0), 1);
	close(fd);
}

static void closing_inside_the_handler(void **state)
{
	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	int fd = client(&at);
	close_inside = true;
	send(fd, "a", 1, 0);
	send(fd, "b", 1, 0);
	wait_handled(1);
	net_for(loop, FL_MS);
	assert_int_equal(handled, 1);
	close(fd);
	assert_null(fl_udp_close(NULL));
}

static void a_port_in_use_is_told(void **state)
{
	struct fl_fault fault;
	struct fl_udp *second;

	(void)state;
	start(fl_ip_v4(127, 0, 0, 1));
	assert_int_equal(fl_udp_new(loop, &at, echo, NULL, &fault, &second), FL_ERR_BUSY);
	assert_non_null(strstr(fault.text, "127.0.0.1:"));
	struct fl_addrport nowhere = { .ip = fl_ip_v4(192, 0, 2, 1) };
	assert_int_equal(fl_udp_new(loop, &nowhere, echo, NULL, &fault, &second), FL_ERR_IO);
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(answers_come_from_the_address_asked),
		T(a_wildcard_serves_both_families),
		T(many_in_one_batch),
		T(silence_and_excess_are_not_sent),
		T(the_size_limit),
		T(a_peer_that_left_does_no_harm),
		T(closing_inside_the_handler),
		T(a_port_in_use_is_told),
	};
	net_warm_up();
	return cmocka_run_group_tests_name("io/udp", tests, NULL, NULL);
}
