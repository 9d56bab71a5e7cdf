/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_ship_net.c - visitors that are none, many starts and stops, and what a peer
 * costs.
 */
#include "ship_kit.h"

#include "../crypto/odd_cert.h"
#include "io/tls_peer.h"
#include "services/ship/hub_impl.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static struct fl_loop *loop_new(void)
{
	struct fl_loop *l = NULL;

	assert_ok(fl_loop_new(&l));
	return l;
}

static void loop_free(struct fl_loop *l)
{
	for (int i = 0; i < 1000 && fl_loop_poll(l); i++)
		if (i == 500)
			fl_loop_cut(l);
	fl_loop_free(l);
}

/* ---- a visitor with a certificate, and any words ---- */

struct visitor {
	struct fl_loop *loop;
	struct fl_buf cert, key;
	struct fl_ship_cert_facts facts; /* of the certificate */
	struct fl_tls_peer *tls;
	struct fl_tls_dial *dial;
	struct fl_stream *stream;
	struct fl_buf got;
	enum fl_err err;
	bool over;
};

static enum fl_err trust_all(void *ctx, const struct fl_ship_cert_facts *facts, enum fl_err err,
			     struct fl_fault *fault)
{
	(void)ctx, (void)facts, (void)fault;
	return err;
}

static void on_data(void *ctx, uint8_t *data, size_t len)
{
	struct visitor *v = ctx;
	fl_buf_put(&v->got, data, len);
}

static void on_end(void *ctx, enum fl_err why)
{
	struct visitor *v = ctx;

	v->err = why;
	v->over = true;
	v->stream = fl_stream_close(v->stream, 0);
}

static void on_dialled(void *ctx, enum fl_err err, const char *why, struct fl_stream *s)
{
	static const struct fl_stream_owner owner = { .on_data = on_data, .on_end = on_end };
	struct visitor *v = ctx;

	(void)why;
	v->dial = NULL;
	v->err = err;
	v->over = err != FL_OK;
	v->stream = s;
	if (s != NULL)
		assert_ok(fl_stream_own(s, &owner, v, fl_slice_of(NULL, 0)));
}

static bool has_arrived(void *ctx)
{
	const struct visitor *v = ctx;
	return v->stream != NULL || v->over;
}

static bool is_over(void *ctx)
{
	const struct visitor *v = ctx;
	return v->over;
}

static void dress(struct visitor *v, enum odd_ski ski)
{
	const struct odd_cert odd = { .ski = ski };
	const struct fl_tls_peer_config cfg = { .judge = trust_all };
	struct fl_tls_peer_config own = cfg;

	*v = (struct visitor){ .cert = fl_buf_make(1 << 16), .key = fl_buf_make(1 << 16) };
	odd_cert_make(&odd, &v->cert, &v->key);
	assert_ok(fl_ship_cert_read_pem(fl_buf_slice(&v->cert), &v->facts));
	own.cert_pem = fl_buf_slice(&v->cert);
	own.key_pem = fl_buf_slice(&v->key);
	assert_ok(fl_tls_peer_new(&own, NULL, &v->tls));
}

static void set_out(struct visitor *v, struct kit_hub *k)
{
	const struct fl_tls_dial_to to = { .at = fl_ship_hub_at(k->hub), .timeout = 5 * FL_SEC };

	v->loop = k->loop;
	v->got = fl_buf_make(1 << 16);
	v->over = false;
	assert_ok(fl_tls_dial(k->loop, v->tls, &to, on_dialled, v, &v->dial));
}

static void go_to(struct visitor *v, struct kit_hub *k)
{
	set_out(v, k);
	kit_wait(k->loop, has_arrived, v, 10);
}

static void go_home(struct visitor *v)
{
	v->stream = fl_stream_close(v->stream, 0);
	fl_buf_done(&v->got);
}

static void undress(struct visitor *v)
{
	fl_tls_peer_unref(v->tls);
	fl_buf_done(&v->cert);
	fl_buf_wipe(&v->key);
}

static void visit(struct visitor *v, struct kit_hub *k)
{
	dress(v, ODD_SKI_TRUE);
	go_to(v, k);
}

static void leave(struct visitor *v)
{
	go_home(v);
	undress(v);
}

#define UPGRADE                                                                                    \
	"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "                         \
	"AAAAAAAAAAAAAAAAAAAAAA==\r\n"

static void who_asks_for_something_else_is_refused(void **state)
{
	static const struct row {
		const char *request, *want;
	} rows[] = {
		{ "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 426 " },
		{ "POST /ship/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", "HTTP/1.1 426 " },
		{ "GET /ship/ HTTP/1.1\r\nHost: x\r\n" UPGRADE "Sec-WebSocket-Version: 13\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ "GET /ship/ HTTP/1.1\r\nHost: x\r\n" UPGRADE
		  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\n\r\n",
		  "HTTP/1.1 400 " },
		{ "GET /ship/ HTTP/1.1\r\nHost: x\r\n" UPGRADE
		  "Sec-WebSocket-Version: 12\r\nSec-WebSocket-Protocol: ship\r\n\r\n",
		  "HTTP/1.1 426 " },
	};
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();

	(void)state;
	kit_start(k, l);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct visitor v;
		visit(&v, k);
		assert_ok(v.err);
		assert_ok(fl_stream_write(v.stream, fl_slice_str(rows[i].request)));
		kit_wait(l, is_over, &v, 10);
		fl_buf_byte(&v.got, 0);
		if (strncmp((char *)v.got.ptr, rows[i].want, strlen(rows[i].want)) != 0)
			fail_msg("row %zu: %s", i, (char *)v.got.ptr);
		leave(&v);
	}
	assert_int_equal(k->count, 0);
	assert_int_equal(fl_devices_connections(fl_ship_hub_devices(k->hub)), 0);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

static const char upgrade[] = "GET /any/where HTTP/1.1\r\nHost: x\r\n" UPGRADE
			      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: ship\r\n\r\n";

static bool has_status(void *ctx)
{
	const struct visitor *v = ctx;
	return v->over || v->got.len >= 12;
}

/* Is the visitor let in? */
static bool is_let_in(struct visitor *v, struct kit_hub *k)
{
	go_to(v, k);
	if (!v->over)
		assert_ok(fl_stream_write(v->stream, fl_slice_str(upgrade)));
	kit_wait(k->loop, has_status, v, 10);
	bool in = v->got.len >= 12 && memcmp(v->got.ptr, "HTTP/1.1 101", 12) == 0;
	return in;
}

/* Any path will do, as with other hubs. */
static void any_path_is_taken(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct visitor v;

	(void)state;
	kit_start(k, l);
	dress(&v, ODD_SKI_TRUE);
	assert_true(is_let_in(&v, k));
	assert_int_equal(fl_devices_connections(fl_ship_hub_devices(k->hub)), 1);
	leave(&v);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

/* ---- before the start ---- */

/* -1: refused. */
static int plain_dial(uint16_t port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
					.sin_port = htons(port),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	assert_int_equal(errno, ECONNREFUSED);
	close(fd);
	return -1;
}

static void who_comes_before_the_start_is_served_after_it(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct visitor v;

	(void)state;
	kit_make(k, l);
	dress(&v, ODD_SKI_TRUE);
	set_out(&v, k);
	int fd = plain_dial(kit_port(k)); /* behind which the other is in the queue */
	assert_true(fd >= 0);
	fl_loop_poll(l);
	assert_false(has_arrived(&v));
	assert_ok(fl_ship_hub_start(k->hub, NULL));
	kit_wait(l, has_arrived, &v, 10);
	assert_ok(v.err);
	leave(&v);
	close(fd);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

/* Where the port is in use there is no hub, so no identity is made for it. */
static void a_port_in_use_leaves_the_folder_alone(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct fl_ship_hub_config second = { 0 };
	struct fl_ship_hub *hub = NULL;
	char dir[KIT_DIR_MAX];

	(void)state;
	kit_start(k, l);
	kit_dir(dir);
	second = k->cfg;
	second.state_dir = dir;
	second.listen.port = kit_port(k);
	assert_int_equal(fl_ship_hub_new(l, &second, NULL, &hub), FL_ERR_BUSY);
	assert_int_equal(rmdir(dir), 0);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

static bool is_open(uint16_t port)
{
	int fd = plain_dial(port);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static void a_broken_folder_closes_the_port(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct fl_ship_hub_config again = { 0 };
	struct fl_ship_hub *hub = NULL;
	struct fl_fault fault = { "" };
	char path[KIT_DIR_MAX + 16];

	(void)state;
	kit_make(k, l);
	again = k->cfg;
	again.listen.port = kit_port(k);
	assert_true(is_open(again.listen.port));
	kit_stop(k);
	assert_false(is_open(again.listen.port));

	snprintf(path, sizeof path, "%s/identity.pem", k->dir);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(fl_ship_hub_new(l, &again, &fault, &hub), FL_ERR_CORRUPT);
	assert_non_null(strstr(fault.text, "identity.pem"));
	assert_null(hub);
	assert_false(is_open(again.listen.port));
	kit_done(k);
	loop_free(l);
	test_free(k);
}

/* ---- a SKI that is not of the key ---- */

static void another_ones_ski_does_not_help(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct fl_device_info info;
	struct visitor v, w;

	(void)state;
	kit_start(k, l);
	dress(&v, ODD_SKI_OTHER);
	assert_ok(fl_ship_hub_pair(k->hub, &v.facts.announced, NULL, NULL, NULL));
	assert_false(is_let_in(&v, k));
	go_home(&v);
	assert_true(k->hub->counts.rejected_tls > 0);

	/*
	 * Its owner has the whole key pinned: now it is that device, under the SKI it is known by.
	 */
	assert_int_equal(fl_ship_hub_pin_key(k->hub, &v.facts.computed, v.facts.key_pin, NULL),
			 FL_ERR_DENIED);
	assert_ok(fl_ship_hub_pin_key(k->hub, &v.facts.announced, v.facts.key_pin, NULL));
	assert_true(is_let_in(&v, k));
	assert_ok(fl_devices_info(fl_ship_hub_devices(k->hub), &v.facts.announced, &info));
	assert_int_not_equal(info.number, 0);
	assert_int_equal(fl_devices_info(fl_ship_hub_devices(k->hub), &v.facts.computed, &info),
			 FL_ERR_NOT_FOUND);

	/* Another key that says the same SKI is none of it. */
	dress(&w, ODD_SKI_OTHER);
	assert_memory_equal(&w.facts.announced, &v.facts.announced, sizeof w.facts.announced);
	assert_memory_not_equal(w.facts.key_pin, v.facts.key_pin, sizeof w.facts.key_pin);
	assert_false(is_let_in(&w, k));
	leave(&w);
	leave(&v);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

/* ---- those who say nothing ---- */

struct crowd {
	struct kit_hub *k;
	int fds[80];
};

static bool all_heard(void *ctx)
{
	const struct crowd *c = ctx;
	struct fl_listener_stats stats;

	fl_listener_stats(c->k->hub->listener, &stats);
	return stats.accepted == 80;
}

static void idle_visitors_are_bounded(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k), *b = test_calloc(1, sizeof *b);
	struct fl_loop *l = loop_new();
	struct crowd c = { .k = k };
	struct fl_listener_stats stats;

	(void)state;
	kit_start(k, l);
	kit_start(b, l);
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				  .sin_port = htons(kit_port(k)) };
	for (size_t i = 0; i < 80; i++) {
		c.fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		assert_int_equal(connect(c.fds[i], (struct sockaddr *)&at, sizeof at), 0);
	}
	kit_wait(l, all_heard, &c, 10);
	fl_listener_stats(k->hub->listener, &stats);
	assert_int_equal(stats.open, FL_DEVICES_CONNECTIONS_DEFAULT + 64);
	assert_int_equal(stats.refused_limit, 80 - stats.open);
	/* Who has waited longest makes room for who comes: a device is not kept out. */
	fl_time begun = fl_loop_now(l);
	kit_pair(k, b);
	kit_introduce(b, k);
	kit_wait_complete(k, b);
	assert_true(fl_loop_now(l) - begun < 5 * FL_SEC);
	for (size_t i = 0; i < 80; i++)
		close(c.fds[i]);
	kit_done(k);
	kit_done(b);
	loop_free(l);
	test_free(k);
	test_free(b);
}

/* ---- many starts ---- */

static size_t open_fds(void)
{
	DIR *d = opendir("/proc/self/fd");
	size_t n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void a_hundred_starts_leave_nothing(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	size_t fds = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		kit_start(k, l);
		kit_stop(k);
		for (int n = 0; n < 10; n++)
			fl_loop_poll(l);
		if (i == 0)
			fds = open_fds();
	}
	assert_int_equal(open_fds(), fds);
	assert_false(fl_loop_poll(l));
	kit_done(k);
	loop_free(l);
	test_free(k);
}

static void stopped_is_stopped(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct fl_ski ski = { { 1 } };

	(void)state;
	kit_start(k, l);
	assert_int_equal(fl_ship_hub_start(k->hub, NULL), FL_ERR_STATE);
	fl_ship_hub_stop(k->hub, NULL, NULL);
	assert_int_equal(fl_ship_hub_start(k->hub, NULL), FL_ERR_STATE);
	assert_int_equal(fl_ship_hub_pair(k->hub, &ski, NULL, NULL, NULL), FL_ERR_CLOSED);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

static void limits_have_limits(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	struct fl_fault fault = { "" };
	struct fl_ship_hub *hub;

	(void)state;
	kit_dir(k->dir);
	k->cfg = (struct fl_ship_hub_config){ .state_dir = k->dir, .message_max = SIZE_MAX };
	assert_int_equal(fl_ship_hub_new(l, &k->cfg, &fault, &hub), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "messages"));
	k->cfg = (struct fl_ship_hub_config){ .state_dir = k->dir, .connections_max = 4097 };
	assert_int_equal(fl_ship_hub_new(l, &k->cfg, &fault, &hub), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "connections"));
	kit_dir_remove(k->dir);
	loop_free(l);
	test_free(k);
}

/* ---- what a connection costs ---- */

enum { PEERS = 50 };

/* So many devices in a process of their own, all paired with the hub on `port`. */
static _Noreturn void be_many(uint16_t port, const struct fl_ski *ski, int stay)
{
	static struct kit_hub many[PEERS];
	struct fl_loop *l = loop_new();
	char byte;

	for (size_t i = 0; i < PEERS; i++) {
		kit_start(&many[i], l);
		assert_ok(fl_ship_hub_pair(many[i].hub, ski, NULL, NULL, NULL));
		assert_ok(fl_ship_hub_connect(many[i].hub, ski, "127.0.0.1", port, NULL, NULL));
	}
	assert_int_equal(fcntl(stay, F_SETFL, O_NONBLOCK), 0);
	while (read(stay, &byte, 1) != 0)
		fl_loop_poll(l);
	for (size_t i = 0; i < PEERS; i++)
		kit_dir_remove(many[i].dir);
	_exit(0);
}

static bool all_complete(void *ctx)
{
	const struct kit_hub *k = ctx;
	struct fl_device_info info;
	size_t n = 0;

	for (size_t i = 0; fl_devices_info_at(fl_ship_hub_devices(k->hub), i, &info); i++)
		n += info.state == FL_DEVICES_COMPLETED;
	return n == PEERS;
}

static void a_connection_costs_little(void **state)
{
	struct kit_hub *k = test_calloc(1, sizeof *k);
	struct fl_loop *l = loop_new();
	int stay[2], status;

	(void)state;
	k->cfg.connections_max = PEERS;
	kit_start(k, l);
	const struct fl_ski ski = kit_ski(k);
	const uint16_t port = kit_port(k);
	assert_int_equal(pipe(stay), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(stay[1]);
		be_many(port, &ski, stay[0]);
	}
	close(stay[0]);
	assert_ok(fl_ship_hub_window(k->hub, 120, NULL));
	size_t before = mallinfo2().uordblks;
	kit_wait(l, all_complete, k, 60);
	size_t each = (mallinfo2().uordblks - before) / PEERS;
	print_message("user memory of an idle paired connection: %zu bytes\n", each);
	assert_true(each < 64 << 10);
	close(stay[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	kit_done(k);
	loop_free(l);
	test_free(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_asks_for_something_else_is_refused),
		cmocka_unit_test(any_path_is_taken),
		cmocka_unit_test(who_comes_before_the_start_is_served_after_it),
		cmocka_unit_test(a_port_in_use_leaves_the_folder_alone),
		cmocka_unit_test(a_broken_folder_closes_the_port),
		cmocka_unit_test(another_ones_ski_does_not_help),
		cmocka_unit_test(idle_visitors_are_bounded),
		cmocka_unit_test(a_hundred_starts_leave_nothing),
		cmocka_unit_test(stopped_is_stopped),
		cmocka_unit_test(limits_have_limits),
		cmocka_unit_test(a_connection_costs_little),
	};
	return cmocka_run_group_tests_name("services/ship_net", tests, NULL, NULL);
}
