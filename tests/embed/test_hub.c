/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/embed/test_hub.c - the library as a program has it: its header, and poll(2). */
#include <fairlead/ship.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

enum { TEXT_MAX = 512 };

struct node {
	char dir[64];
	fl_hub_config cfg; /* plain() unless a test says else */
	fl_hub *hub;
	fl_hub_ski ski;
	size_t kinds[FL_HUB_EV_FORGOTTEN + 1];
	fl_hub_state state;
	char data[TEXT_MAX], cause[TEXT_MAX];
	bool deaf; /* takes no events */
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static fl_hub_config plain(void)
{
	fl_hub_config cfg = FL_HUB_CONFIG_INIT;

	cfg.brand = "Test";
	cfg.listen = "127.0.0.1:0";
	cfg.mdns = FL_HUB_MDNS_OFF;
	return cfg;
}

static void make_dir(struct node *n)
{
	snprintf(n->dir, sizeof n->dir, "/tmp/fl-embed-XXXXXX");
	assert_non_null(mkdtemp(n->dir));
}

static fl_hub_result try_open(struct node *n, char why[static TEXT_MAX])
{
	if (n->dir[0] == '\0')
		make_dir(n);
	if (n->cfg.size == 0)
		n->cfg = plain();
	n->cfg.state_dir = n->dir;
	fl_hub_result r = fl_hub_open(&n->cfg, why, TEXT_MAX, &n->hub);
	if (r == FL_HUB_OK)
		fl_hub_own_ski(n->hub, &n->ski);
	return r;
}

static void open_node(struct node *n)
{
	char why[TEXT_MAX] = "";

	if (try_open(n, why) != FL_HUB_OK)
		fail_msg("%s", why);
}

static void close_node(struct node *n)
{
	char path[400];

	n->hub = fl_hub_close(n->hub);
	DIR *d = opendir(n->dir);
	for (const struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		snprintf(path, sizeof path, "%s/%s", n->dir, e->d_name);
		unlink(path);
	}
	closedir(d);
	rmdir(n->dir);
}

static void take_events(struct node *n)
{
	fl_hub_event e;

	while (!n->deaf && fl_hub_next(n->hub, &e)) {
		n->kinds[e.kind]++;
		if (e.kind == FL_HUB_EV_STATE) {
			n->state = e.state;
			snprintf(n->cause, sizeof n->cause, "%s", e.text);
		}
		if (e.kind == FL_HUB_EV_DATA)
			snprintf(n->data, sizeof n->data, "%.*s", (int)e.data_len, e.data);
	}
}

/* One sleep for both, no longer than either wants. */
static void turn(struct node *a, struct node *b, int64_t until)
{
	struct pollfd fds[2] = { { .fd = fl_hub_fd(a->hub), .events = POLLIN },
				 { .fd = fl_hub_fd(b->hub), .events = POLLIN } };
	int64_t at = fl_hub_deadline(a->hub), other = fl_hub_deadline(b->hub), t = now();

	at = other < at ? other : at;
	at = until < at ? until : at;
	poll(fds, 2, at > t ? (int)((at - t) / 1000000) + 1 : 0);
	assert_true(fl_hub_step(a->hub) >= 0);
	assert_true(fl_hub_step(b->hub) >= 0);
	take_events(a);
	take_events(b);
}

static void wait_kind(struct node *a, struct node *b, const struct node *who,
		      fl_hub_event_kind kind, size_t count)
{
	int64_t until = now() + 20 * SECOND;

	while (who->kinds[kind] < count) {
		assert_true(now() < until);
		turn(a, b, until);
	}
}

static void wait_state(struct node *a, struct node *b, const struct node *who, fl_hub_state state)
{
	int64_t until = now() + 20 * SECOND;

	while (who->state != state) {
		assert_true(now() < until);
		turn(a, b, until);
	}
}

static void wait_complete(struct node *a, struct node *b)
{
	wait_state(a, b, a, FL_HUB_COMPLETED);
	wait_state(a, b, b, FL_HUB_COMPLETED);
}

static void pair(struct node *a, struct node *b)
{
	open_node(a);
	open_node(b);
	assert_int_equal(fl_hub_register(b->hub, a->ski, NULL), FL_HUB_OK);
	assert_int_equal(fl_hub_register(a->hub, b->ski, NULL), FL_HUB_OK);
	assert_int_equal(fl_hub_connect(a->hub, b->ski, "127.0.0.1", fl_hub_port(b->hub), NULL),
			 FL_HUB_OK);
	wait_complete(a, b);
}

/* ---- tests ---- */

static void two_hubs_exchange_payloads(void **state)
{
	static const char text[] = "{\"datagram\":{\"header\":{\"msgCounter\":7}}}";
	struct node a = { 0 }, b = { 0 };
	fl_hub_device d;

	(void)state;
	pair(&a, &b);
	assert_int_equal(fl_hub_send(a.hub, b.ski, text, strlen(text), false), FL_HUB_OK);
	wait_kind(&a, &b, &b, FL_HUB_EV_DATA, 1);
	assert_string_equal(b.data, text);
	assert_true(fl_hub_device_at(a.hub, 0, &d));
	assert_memory_equal(&d.ski, &b.ski, sizeof d.ski);
	assert_true(d.trusted && d.connected);
	assert_int_equal(fl_hub_pin(a.hub, b.ski, "12345678"), FL_HUB_E_STATE);
	assert_false(fl_hub_device_at(a.hub, 1, &d));
	assert_false(fl_hub_visible_at(a.hub, 0, &(fl_hub_seen){ 0 }));
	assert_int_equal(fl_hub_disconnect(a.hub, b.ski, true), FL_HUB_OK);
	wait_kind(&a, &b, &b, FL_HUB_EV_DISCONNECTED, 1);
	assert_int_equal(fl_hub_send(a.hub, b.ski, text, strlen(text), false),
			 FL_HUB_E_NOT_CONNECTED);
	close_node(&a);
	close_node(&b);
}

static void closing_tells_the_other_side(void **state)
{
	struct node a = { 0 }, b = { 0 }, c = { 0 };

	(void)state;
	pair(&a, &b);
	open_node(&c);
	int64_t begun = now();
	/* The other one does not answer meanwhile: that is waited for, but not for ever. */
	close_node(&a);
	assert_true(now() - begun < 5 * SECOND / 2);
	wait_kind(&b, &c, &b, FL_HUB_EV_DISCONNECTED, 1);
	close_node(&b);
	close_node(&c);
}

/* The kernel accepts, nobody reads. */
static int black_hole(uint16_t *out_port)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
	*out_port = ntohs(at.sin_port);
	return fd;
}

static void a_dial_into_the_void_does_not_hold_the_close(void **state)
{
	struct node a = { 0 }, b = { 0 };
	uint16_t port;
	int hole = black_hole(&port);
	struct pollfd arrived = { .fd = hole, .events = POLLIN };

	(void)state;
	open_node(&a);
	open_node(&b);
	assert_int_equal(fl_hub_register(a.hub, b.ski, NULL), FL_HUB_OK);
	assert_int_equal(fl_hub_connect(a.hub, b.ski, "127.0.0.1", port, NULL), FL_HUB_OK);
	assert_int_equal(fl_hub_deadline(a.hub), 0); /* what was asked for begins at once */
	for (int i = 0; i < 1000 && poll(&arrived, 1, 0) == 0; i++)
		turn(&a, &b, now() + SECOND);
	assert_int_equal(poll(&arrived, 1, 0), 1);
	int64_t begun = now();
	close_node(&a);
	assert_true(now() - begun < SECOND / 2);
	close_node(&b);
	close(hole);
}

static void who_does_not_listen_is_waited_for(void **state)
{
	struct node a = { 0 }, b = { 0 };
	char text[4096];
	size_t sent = 0;

	(void)state;
	pair(&a, &b);
	memset(text, 'x', sizeof text);
	memcpy(text, "{\"datagram\":\"", 13);
	memcpy(text + sizeof text - 2, "\"}", 2);
	b.deaf = true;
	fl_hub_result r = FL_HUB_OK;
	for (; r == FL_HUB_OK && sent < 100000; sent += r == FL_HUB_OK) {
		r = fl_hub_send(a.hub, b.ski, text, sizeof text, false);
		turn(&a, &b, now());
	}
	assert_int_equal(r, FL_HUB_AGAIN);
	b.deaf = false;
	take_events(&b); /* before the next wait, as always */
	wait_kind(&a, &b, &b, FL_HUB_EV_DATA, sent);
	assert_int_equal(b.kinds[FL_HUB_EV_DATA], sent);
	assert_int_equal(b.kinds[FL_HUB_EV_DISCONNECTED], 0);
	close_node(&a);
	close_node(&b);
}

static void what_is_wrong_is_told(void **state)
{
	fl_hub_config cfg = FL_HUB_CONFIG_INIT, none = { 0 };
	char why[TEXT_MAX] = "";
	struct node a = { 0 };
	fl_hub *hub = NULL;
	fl_hub_ski ski = { { 1 } };

	(void)state;
	assert_int_equal(fl_hub_open(&none, why, sizeof why, &hub), FL_HUB_E_ARGUMENT);
	open_node(&a);
	cfg.state_dir = a.dir;
	cfg.mdns = FL_HUB_MDNS_OFF;
	assert_int_equal(fl_hub_open(&cfg, why, sizeof why, &hub), FL_HUB_E_IN_USE);
	assert_non_null(strstr(why, a.dir));
	cfg.listen = "nowhere";
	assert_int_equal(fl_hub_open(&cfg, why, sizeof why, &hub), FL_HUB_E_INVALID);
	assert_non_null(strstr(why, "nowhere"));
	assert_null(hub);
	cfg.listen = ":0";
	cfg.state_dir = NULL;
	assert_int_equal(fl_hub_open(&cfg, why, sizeof why, &hub), FL_HUB_E_INVALID);
	assert_non_null(strstr(why, "folder"));
	assert_int_equal(fl_hub_unregister(a.hub, ski), FL_HUB_E_NOT_FOUND);
	assert_int_equal(fl_hub_register(a.hub, a.ski, NULL), FL_HUB_E_INVALID);
	assert_int_equal(fl_hub_connect(a.hub, ski, "h", 1, NULL), FL_HUB_E_DENIED);
	assert_int_equal(fl_hub_auto_accept(a.hub, 121), FL_HUB_E_INVALID);
	assert_int_equal(fl_hub_pin(a.hub, ski, "12345678"), FL_HUB_E_NOT_FOUND);
	assert_int_equal(fl_hub_pin_key(a.hub, ski, (const uint8_t[32]){ 1 }), FL_HUB_E_DENIED);
	assert_int_equal(fl_hub_register(a.hub, ski, "Id"), FL_HUB_OK);
	assert_int_equal(fl_hub_pin_key(a.hub, ski, (const uint8_t[32]){ 1 }), FL_HUB_OK);
	assert_int_equal(fl_hub_pin(a.hub, ski, "1234567"), FL_HUB_E_INVALID);
	assert_int_equal(fl_hub_pin(a.hub, ski, "12345678"), FL_HUB_OK);
	close_node(&a);
	assert_null(fl_hub_close(NULL));
}

static void a_qr_text_names_the_hub(void **state)
{
	char qr[TEXT_MAX], text[41];
	struct node a = { 0 };
	fl_hub_ski ski;

	(void)state;
	open_node(&a);
	assert_int_equal(fl_hub_qr(a.hub, qr, sizeof qr), FL_HUB_OK);
	assert_int_equal(fl_hub_qr(a.hub, qr, 10), FL_HUB_E_TOO_BIG);
	assert_int_equal(fl_hub_ski_parse(qr, &ski), FL_HUB_OK);
	assert_memory_equal(&ski, &a.ski, sizeof ski);
	fl_hub_ski_format(ski, text);
	assert_int_equal(fl_hub_ski_parse(text, &ski), FL_HUB_OK);
	assert_memory_equal(&ski, &a.ski, sizeof ski);
	assert_int_equal(fl_hub_ski_parse("0123", &ski), FL_HUB_E_SYNTAX);
	close_node(&a);
}

/* ---- settings ---- */

static void a_setting_that_cannot_be_meant_opens_nothing(void **state)
{
	static const fl_hub_limit none = { { { 1 } }, 0 }, zero = { { { 1 } }, 1u << 3 | 1 },
				  two[] = { { { { 1 } }, 1u << 3 }, { { { 1 } }, 1u << 4 } },
				  many[1025] = { { { { 1 } }, 1u << 3 } };
	static const struct {
		fl_hub_mdns mdns;
		const fl_hub_limit *limits;
		size_t limits_count;
		const char *log;
		uint64_t log_max;
		fl_hub_result result;
		const char *why;
	} rows[] = {
		{ FL_HUB_MDNS_AUTO, &none, 1, NULL, 0, FL_HUB_E_INVALID, "categories from 1" },
		{ FL_HUB_MDNS_AUTO, &zero, 1, NULL, 0, FL_HUB_E_INVALID, "categories from 1" },
		{ FL_HUB_MDNS_AUTO, two, 2, NULL, 0, FL_HUB_E_INVALID, "limit 1: its device" },
		{ FL_HUB_MDNS_AUTO, many, 1025, NULL, 0, FL_HUB_E_INVALID, "more than 1024" },
		{ FL_HUB_MDNS_AUTO, NULL, 1, NULL, 0, FL_HUB_E_ARGUMENT, "without limits" },
		{ FL_HUB_MDNS_OFF, two, 1, NULL, 0, FL_HUB_E_INVALID, "mDNS, which is off" },
		{ FL_HUB_MDNS_OFF, NULL, 0, "log", (2 << 20) - 1, FL_HUB_E_INVALID, "less than" },
		{ FL_HUB_MDNS_OFF, NULL, 0, "none/log", 0, FL_HUB_E_NOT_FOUND, "none/log" },
		{ FL_HUB_MDNS_OFF, NULL, 0, "/dev/null", 0, FL_HUB_E_INVALID, "/dev/null" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct node n = { .cfg = plain() };
		char why[TEXT_MAX] = "";
		n.cfg.mdns = rows[i].mdns;
		n.cfg.limits = rows[i].limits;
		n.cfg.limits_count = rows[i].limits_count;
		n.cfg.message_log = rows[i].log;
		n.cfg.message_log_max = rows[i].log_max;
		fl_hub_result r = try_open(&n, why);
		if (r != rows[i].result || strstr(why, rows[i].why) == NULL || n.hub != NULL)
			fail_msg("row %zu: %d, %s", i, (int)r, why);
		close_node(&n);
	}
}

static void a_program_of_an_older_header_has_neither(void **state)
{
	struct node a = { .cfg = plain() };
	fl_hub_message_log log;

	(void)state;
	a.cfg.size = offsetof(fl_hub_config, limits);
	a.cfg.limits_count = 1; /* what lies behind is not the hub's */
	a.cfg.message_log = "none/log";
	open_node(&a);
	fl_hub_messages(a.hub, &log);
	assert_string_equal(log.path, "");
	assert_int_equal(log.written, 0);
	close_node(&a);
}

/* ---- the message log ---- */

static size_t slurp(const char *path, char *out, size_t size)
{
	FILE *f = fopen(path, "rb");

	assert_non_null(f);
	size_t len = fread(out, 1, size, f);
	fclose(f);
	return len;
}

static void what_is_said_is_in_the_log(void **state)
{
	static const char text[] = "{\"datagram\":{\"serialNumber\":\"4711\"}}";
	static const struct {
		bool plain;
		const char *there, *not_there;
	} rows[] = { { false, "\"serialNumber\":\"***\"", "4711" },
		     { true, "\"serialNumber\":\"4711\"", "***" } };
	static char all[1 << 16];
	char path[96];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct node a = { .cfg = plain() }, b = { 0 };
		fl_hub_message_log log = { .written = 0 };
		struct stat st;
		make_dir(&a);
		snprintf(path, sizeof path, "%s.pcapng", a.dir);
		a.cfg.message_log = path;
		a.cfg.message_log_plain = rows[i].plain;
		pair(&a, &b);
		assert_int_equal(fl_hub_send(a.hub, b.ski, text, strlen(text), false), FL_HUB_OK);
		wait_kind(&a, &b, &b, FL_HUB_EV_DATA, 1);
		fl_hub_messages(a.hub, &log);
		assert_string_equal(log.path, path);
		assert_true(log.written + log.waiting > 0);
		assert_true(log.lost == 0 && !log.failing);
		close_node(&a); /* waits until all is written */
		close_node(&b);
		size_t len = slurp(path, all, sizeof all);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0600);
		assert_memory_equal(all, "\x0a\x0d\x0d\x0a", 4);
		assert_non_null(memmem(all, len, rows[i].there, strlen(rows[i].there)));
		assert_null(memmem(all, len, rows[i].not_there, strlen(rows[i].not_there)));
		unlink(path);
	}
}

/* ---- what a device may be ---- */

/* Nothing but the loopback of a network of its own: nobody else is seen there. */
static bool enter_network(void)
{
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool up = ioctl(fd, SIOCSIFFLAGS, &lo) == 0;
	close(fd);
	return up;
}

/* Whose categories nobody has announced is not let in, wherever it comes from, unlike others. */
static void only_what_a_device_is_known_for(void **state)
{
	static const char *const lo = "lo";
	static const struct {
		bool limited;
		fl_hub_state state;
	} rows[] = { { true, FL_HUB_ERROR }, { false, FL_HUB_COMPLETED } };

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct node a = { 0 }, b = { .cfg = plain() };
		fl_hub_limit limits[] = { { { { 0xff } }, 1u << 1 }, { { { 0 } }, 1u << 31 } };
		open_node(&a);
		limits[1].ski = a.ski;
		b.cfg.mdns = FL_HUB_MDNS_EMBEDDED;
		b.cfg.interfaces = &lo;
		b.cfg.interfaces_count = 1;
		b.cfg.limits = limits;
		b.cfg.limits_count = rows[i].limited ? 2 : 1;
		char why[TEXT_MAX] = "";
		fl_hub_result r = try_open(&b, why);
		if (r == FL_HUB_E_UNSUPPORTED) { /* no Avahi, so nobody is seen */
			close_node(&a);
			close_node(&b);
			skip();
		}
		if (r != FL_HUB_OK)
			fail_msg("%s", why);
		memset(limits, 0, sizeof limits); /* they were copied */
		assert_int_equal(fl_hub_register(b.hub, a.ski, NULL), FL_HUB_OK);
		assert_int_equal(fl_hub_register(a.hub, b.ski, NULL), FL_HUB_OK);
		assert_int_equal(
			fl_hub_connect(a.hub, b.ski, "127.0.0.1", fl_hub_port(b.hub), NULL),
			FL_HUB_OK);
		wait_state(&a, &b, &a, rows[i].state);
		wait_state(&a, &b, &b, rows[i].state);
		if (rows[i].limited) {
			assert_non_null(strstr(a.cause, "403"));
			assert_non_null(strstr(b.cause, "categories"));
			assert_int_equal(b.kinds[FL_HUB_EV_CONNECTED], 0);
		}
		close_node(&a);
		close_node(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hubs_exchange_payloads),
		cmocka_unit_test(closing_tells_the_other_side),
		cmocka_unit_test(a_dial_into_the_void_does_not_hold_the_close),
		cmocka_unit_test(who_does_not_listen_is_waited_for),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(a_qr_text_names_the_hub),
		cmocka_unit_test(a_setting_that_cannot_be_meant_opens_nothing),
		cmocka_unit_test(a_program_of_an_older_header_has_neither),
		cmocka_unit_test(what_is_said_is_in_the_log),
	};
	const struct CMUnitTest alone[] = {
		cmocka_unit_test(only_what_a_device_is_known_for),
	};
	int failed = cmocka_run_group_tests_name("embed/hub", tests, NULL, NULL);
	if (!enter_network()) {
		printf("not looked at: what a device may be; no network namespace can be made\n");
		return failed;
	}
	return failed + cmocka_run_group_tests_name("embed/hub in a network", alone, NULL, NULL);
}
