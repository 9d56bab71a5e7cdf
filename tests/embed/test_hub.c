/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/embed/test_hub.c - the library as a program has it: its header, and poll(2). */
#include <fairlead/ship.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <dirent.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND INT64_C(1000000000)

enum { TEXT_MAX = 512 };

struct node {
	char dir[64];
	fl_hub *hub;
	fl_hub_ski ski;
	size_t kinds[FL_HUB_EV_FORGOTTEN + 1];
	fl_hub_state state;
	char data[TEXT_MAX];
	bool deaf; /* takes no events */
};

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void open_node(struct node *n)
{
	fl_hub_config cfg = FL_HUB_CONFIG_INIT;
	char why[TEXT_MAX] = "";

	if (n->dir[0] == '\0') {
		snprintf(n->dir, sizeof n->dir, "/tmp/fl-embed-XXXXXX");
		assert_non_null(mkdtemp(n->dir));
	}
	cfg.state_dir = n->dir;
	cfg.brand = "Test";
	cfg.listen = "127.0.0.1:0";
	cfg.mdns = FL_HUB_MDNS_OFF;
	if (fl_hub_open(&cfg, why, sizeof why, &n->hub) != FL_HUB_OK)
		fail_msg("%s", why);
	fl_hub_own_ski(n->hub, &n->ski);
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
		if (e.kind == FL_HUB_EV_STATE)
			n->state = e.state;
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

static void wait_complete(struct node *a, struct node *b)
{
	int64_t until = now() + 20 * SECOND;

	while (a->state != FL_HUB_COMPLETED || b->state != FL_HUB_COMPLETED) {
		assert_true(now() < until);
		turn(a, b, until);
	}
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_hubs_exchange_payloads),
		cmocka_unit_test(closing_tells_the_other_side),
		cmocka_unit_test(a_dial_into_the_void_does_not_hold_the_close),
		cmocka_unit_test(who_does_not_listen_is_waited_for),
		cmocka_unit_test(what_is_wrong_is_told),
		cmocka_unit_test(a_qr_text_names_the_hub),
	};
	return cmocka_run_group_tests_name("embed/hub", tests, NULL, NULL);
}
