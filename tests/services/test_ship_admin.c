/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_ship_admin.c - the local socket as a program uses it. */
#include "ship_kit.h"

#include "base/text.h"
#include "services/ship/admin_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MAX = 8 << 20 };

struct rig {
	struct fl_loop *loop;
	struct kit_hub *a, *b;
	struct fl_ship_admin *admin; /* of a */
	char socket[KIT_DIR_MAX + 16];
	char ski[FL_SKI_TEXT_LEN + 1]; /* of b */
};

static int setup(void **state)
{
	struct rig *r = test_calloc(1, sizeof *r);
	struct fl_fault fault = { "" };

	assert_ok(fl_loop_new(&r->loop));
	r->a = test_calloc(1, sizeof *r->a);
	r->b = test_calloc(1, sizeof *r->b);
	r->a->cfg.brand = "Acme";
	r->a->cfg.model = "Box";
	kit_start(r->b, r->loop);
	struct fl_ski ski = kit_ski(r->b);
	const struct fl_device_limit other = { .ski.b = { 1 }, .categories = 1u << 3 | 1u << 31 };
	r->a->cfg.limits = &other;
	r->a->cfg.limits_count = 1;
	kit_start(r->a, r->loop);
	r->a->cfg.limits = NULL;
	r->a->cfg.limits_count = 0;
	fl_ski_format(&ski, r->ski);
	snprintf(r->socket, sizeof r->socket, "%s/ship.sock", r->a->dir);
	const struct fl_ship_admin_config cfg = { .socket = r->socket,
						  .socket_mode = 0660,
						  .metrics_at.ip = fl_ip_v4(127, 0, 0, 1) };
	if (fl_ship_admin_new(r->loop, r->a->hub, &cfg, &fault, &r->admin) != FL_OK)
		fail_msg("%s", fault.text);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct rig *r = *state;

	fl_ship_admin_free(r->admin);
	kit_done(r->a);
	kit_done(r->b);
	for (int i = 0; i < 1000 && fl_loop_poll(r->loop); i++)
		if (i == 500)
			fl_loop_cut(r->loop);
	fl_loop_free(r->loop);
	test_free(r->a);
	test_free(r->b);
	test_free(r);
	return 0;
}

/* ---- a client ---- */

struct client {
	struct rig *rig;
	int fd;
	struct fl_buf got;
	bool ended;
	const char *wanted; /* text to wait for; NULL: the end */
};

static void client_open(struct rig *r, const char *method, const char *path, const char *body,
			struct client *c)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	char head[512];

	*c = (struct client){ .rig = r, .got = fl_buf_make(ANSWER_MAX) };
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s", r->socket);
	assert_int_equal(connect(c->fd, (struct sockaddr *)&at, sizeof at), 0);
	int n = snprintf(head, sizeof head,
			 "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: "
			 "%zu\r\n\r\n",
			 method, path, body != NULL ? strlen(body) : 0);
	assert_int_equal(write(c->fd, head, (size_t)n), n);
	if (body != NULL)
		assert_int_equal(write(c->fd, body, strlen(body)), strlen(body));
	assert_int_equal(fcntl(c->fd, F_SETFL, O_NONBLOCK), 0);
}

static void client_close(struct client *c)
{
	close(c->fd);
	fl_buf_done(&c->got);
}

static bool has_answer(void *ctx)
{
	struct client *c = ctx;
	char some[65536];

	for (;;) {
		ssize_t n = read(c->fd, some, sizeof some);
		if (n <= 0) {
			c->ended |= n == 0 || errno != EAGAIN;
			break;
		}
		fl_buf_put(&c->got, some, (size_t)n);
	}
	if (c->wanted == NULL || c->ended)
		return c->ended;
	return c->got.len > 0 &&
	       memmem(c->got.ptr, c->got.len, c->wanted, strlen(c->wanted)) != NULL;
}

static void client_wait(struct client *c, const char *text)
{
	c->wanted = text;
	kit_wait(c->rig->loop, has_answer, c, 20);
	fl_buf_byte(&c->got, 0);
	c->got.len--;
	if (text != NULL && strstr((char *)c->got.ptr, text) == NULL)
		fail_msg("no %s in %s", text, (char *)c->got.ptr);
}

/* The body of an answer with that status, to be freed. */
static char *call(struct rig *r, const char *method, const char *path, const char *body,
		  unsigned status)
{
	struct client c;
	char want[32];

	client_open(r, method, path, body, &c);
	client_wait(&c, NULL);
	snprintf(want, sizeof want, "HTTP/1.1 %u ", status);
	if (strncmp((char *)c.got.ptr, want, strlen(want)) != 0)
		fail_msg("%s %s: %s", method, path, (char *)c.got.ptr);
	const char *at = strstr((char *)c.got.ptr, "\r\n\r\n");
	assert_non_null(at);
	char *out = fl_str_dup(fl_slice_str(at + 4));
	assert_non_null(out);
	client_close(&c);
	return out;
}

static void call_ok(struct rig *r, const char *method, const char *path, const char *body)
{
	free(call(r, method, path, body, 200));
}

static void device_path(const struct rig *r, const char *rest, char out[static 160])
{
	snprintf(out, 160, "/api/v1/ship/devices/%s%s", r->ski, rest);
}

static void device_ok(struct rig *r, const char *rest, const char *body)
{
	char path[160];

	device_path(r, rest, path);
	call_ok(r, "POST", path, body);
}

static void expect(const char *body, const char *text)
{
	if (strstr(body, text) == NULL)
		fail_msg("no %s in %s", text, body);
}

static void connect_both(struct rig *r)
{
	char body[128];

	kit_pair(r->b, r->a);
	device_ok(r, "/pair", "{\"name\":\"Wallbox\"}");
	snprintf(body, sizeof body, "{\"host\":\"127.0.0.1\",\"port\":%u}", kit_port(r->b));
	device_ok(r, "/connect", body);
	kit_wait_complete(r->a, r->b);
}

/* ---- tests ---- */

static void it_says_who_it_is(void **state)
{
	struct rig *r = *state;
	char ski[FL_SKI_TEXT_LEN + 1], want[128];
	struct fl_ski own = kit_ski(r->a);

	fl_ski_format(&own, ski);
	char *status = call(r, "GET", "/api/v1/ship/status", NULL, 200);
	snprintf(want, sizeof want, "{\"shipId\":\"%s\",\"ski\":\"%s\",\"port\":%u",
		 fl_ship_hub_id(r->a->hub), ski, kit_port(r->a));
	expect(status, want);
	expect(status, "\"mdns\":{\"backend\":\"none\",\"running\":false,\"text\":\"off\"},"
		       "\"autoAccept\":false,\"rule\":\"auto\",\"devices\":0,\"connections\":0,"
		       "\"uptimeSeconds\":");
	free(status);
	char *identity = call(r, "GET", "/api/v1/ship/identity", NULL, 200);
	expect(identity, "\"certificate\":\"-----BEGIN CERTIFICATE-----\\n");
	expect(identity, "\"notAfter\":\"20");
	snprintf(want, sizeof want, "\"qr\":\"SHIP;SKI:%s;ID:%s;BRAND:Acme;", ski,
		 fl_ship_hub_id(r->a->hub));
	expect(identity, want);
	assert_null(strstr(identity, "PRIVATE"));
	free(identity);
	char *messages = call(r, "GET", "/api/v1/ship/messages", NULL, 200);
	assert_string_equal(messages, "{\"path\":\"\",\"maxSize\":0,\"redact\":true,\"written\":0,"
				      "\"lost\":0,\"waitingBytes\":0,\"failing\":false}");
	free(messages);
	char *qr = call(r, "GET", "/api/v1/ship/qr", NULL, 200);
	expect(qr, "{\"text\":\"SHIP;SKI:");
	free(qr);
}

/* The two ends of the one connection of `k`, as JSON has them. */
static void ends_of(const struct kit_hub *k, char out[static 160])
{
	const struct fl_ship_link *l =
		fl_list_entry(k->hub->link_list.next, struct fl_ship_link, in);
	char here[FL_ADDRPORT_TEXT_MAX], there[FL_ADDRPORT_TEXT_MAX];

	assert_ptr_equal(k->hub->link_list.next, k->hub->link_list.prev);
	fl_addrport_format(&l->here, here);
	fl_addrport_format(&l->there, there);
	snprintf(out, 160, "\"local\":\"%s\",\"remote\":\"%s\"", there, here);
}

static void a_device_from_pairing_to_parting(void **state)
{
	struct rig *r = *state;
	char path[160], want[160];

	connect_both(r);
	device_path(r, "", path);
	char *device = call(r, "GET", path, NULL, 200);
	snprintf(want, sizeof want, "{\"ski\":\"%s\",\"name\":\"Wallbox\",\"shipId\":\"%s\"",
		 r->ski, fl_ship_hub_id(r->b->hub));
	expect(device, want);
	expect(device, "\"state\":\"completed\"");
	expect(device,
	       "\"trusted\":true,\"visible\":false,\"connected\":true,\"direction\":\"out\"");
	ends_of(r->b, want); /* what is ours is the other's remote */
	expect(device, want);
	snprintf(want, sizeof want, "\"remote\":\"127.0.0.1:%u\"", kit_port(r->b));
	expect(device, want);
	expect(device, "\"nextTryMs\":null");
	expect(device, "\"host\":\"127.0.0.1\"");
	expect(device, "\"allow\":[]");
	char *list = call(r, "GET", "/api/v1/ship/devices", NULL, 200);
	snprintf(want, sizeof want, "{\"devices\":[{\"ski\":\"%s\"", r->ski);
	expect(list, want);
	free(list);
	free(device);

	device_path(r, "/send", path);
	call_ok(r, "POST", path, "{\"datagram\":{\"n\":1}}");
	kit_wait_count(r->b, FL_SHIP_EV_DATA, 1);
	assert_string_equal(kit_last(r->b, FL_SHIP_EV_DATA)->data, "{\"datagram\":{\"n\":1}}");
	device_path(r, "/send?wire=1", path);
	call_ok(r, "POST", path, "{\"datagram\":[{\"n\":2},{\"m\":3}]}");
	kit_wait_count(r->b, FL_SHIP_EV_DATA, 2);
	assert_string_equal(kit_last(r->b, FL_SHIP_EV_DATA)->data,
			    "{\"datagram\":{\"n\":2,\"m\":3}}");

	device_ok(r, "/disconnect", "{\"hold\":true}");
	kit_wait_count(r->b, FL_SHIP_EV_DISCONNECTED, 1);
	device_path(r, "", path);
	call_ok(r, "DELETE", path, NULL);
	free(call(r, "GET", path, NULL, 404));
	list = call(r, "GET", "/api/v1/ship/devices", NULL, 200);
	assert_string_equal(list, "{\"devices\":[]}");
	free(list);
}

static struct fl_device_entry entry_of(const struct fl_ski *ski)
{
	struct fl_device_entry e;

	memset(&e, 0, sizeof e);
	e.txt.ski = *ski;
	e.port = 4712;
	return e;
}

static void lists_of_some(void **state)
{
	struct rig *r = *state;
	const struct fl_ski stranger = { .b = { 7 } };
	struct fl_device_entry seen = entry_of(&stranger);
	char want[160];

	connect_both(r);
	assert_ok(fl_devices_visible(r->a->hub->devices, fl_loop_now(r->loop), &seen, 1));
	fl_ship_pump(r->a->hub);
	char *services = call(r, "GET", "/api/v1/ship/services", NULL, 200);
	snprintf(want, sizeof want, "{\"services\":[{\"ski\":\"07%038d\"", 0);
	expect(services, want);
	expect(services, "\"connection\":0,\"local\":\"\",\"remote\":\"\"");
	assert_null(strstr(services, r->ski));
	free(services);
	char *pairings = call(r, "GET", "/api/v1/ship/pairings", NULL, 200);
	snprintf(want, sizeof want, "{\"pairings\":[{\"ski\":\"%s\"", r->ski);
	expect(pairings, want);
	assert_null(strstr(pairings, "\"07000"));
	free(pairings);
	char *all = call(r, "GET", "/api/v1/ship/devices", NULL, 200);
	expect(all, r->ski);
	expect(all, "\"07000");
	free(all);
}

static void who_asks_is_among_the_pairings(void **state)
{
	struct rig *r = *state;

	kit_introduce(r->b, r->a);
	kit_wait_state(r->a, r->b, FL_DEVICES_RECEIVED_REQUEST);
	char *pairings = call(r, "GET", "/api/v1/ship/pairings", NULL, 200);
	expect(pairings, r->ski);
	expect(pairings, "\"state\":\"received-pairing-request\"");
	free(pairings);
	char *services = call(r, "GET", "/api/v1/ship/services", NULL, 200);
	assert_string_equal(services, "{\"services\":[]}");
	free(services);
}

static void what_a_device_may_be_is_told(void **state)
{
	struct rig *r = *state;
	char path[160];

	snprintf(path, sizeof path, "/api/v1/ship/devices/01%038d/pair", 0);
	char *device = call(r, "POST", path, "{}", 200);
	expect(device, "\"allow\":[3,31]");
	free(device);
}

static void what_happens_is_read_line_by_line(void **state)
{
	struct rig *r = *state;
	struct client all, one;
	char path[160], want[160];
	struct fl_ski ski = kit_ski(r->a);

	client_open(r, "GET", "/api/v1/ship/events", NULL, &all);
	client_open(r, "GET", "/api/v1/ship/events?ski=0000000000000000000000000000000000000001",
		    NULL, &one);
	client_wait(&all, "\"event\":\"begin\"}\n");
	client_wait(&one, "\"event\":\"begin\"}\n");
	connect_both(r);
	assert_ok(fl_ship_hub_send(r->b->hub, &ski, fl_slice_str("{\"datagram\":{\"n\":[1]}}"),
				   false, NULL));
	client_wait(&all, "\"payload\":{\"datagram\":{\"n\":[1]}}}\n");
	const char *text = (const char *)all.got.ptr;
	snprintf(want, sizeof want, "\"event\":\"trust\",\"ski\":\"%s\",\"trusted\":true}", r->ski);
	expect(text, want);
	snprintf(want, sizeof want,
		 "\"event\":\"connected\",\"ski\":\"%s\",\"connection\":", r->ski);
	expect(text, want);
	expect(text, "\"state\":\"completed\"");
	snprintf(want, sizeof want, "\"event\":\"shipId\",\"ski\":\"%s\"", r->ski);
	expect(text, want);
	device_path(r, "", path);
	call_ok(r, "DELETE", path, NULL);
	client_wait(&all, "\"event\":\"disconnected\"");
	snprintf(want, sizeof want, "\"event\":\"forgotten\",\"ski\":\"%s\"}\n", r->ski);
	client_wait(&all, want);
	assert_null(strstr((const char *)one.got.ptr, "state"));
	client_close(&one);
	client_close(&all);
}

/* Payloads of b until there is no more room; gives how many. */
static size_t send_much(struct rig *r)
{
	struct fl_ski ski = kit_ski(r->a);
	enum fl_err err = FL_OK;
	char text[16384];
	size_t sent = 0;

	memset(text, 'x', sizeof text);
	memcpy(text, "{\"datagram\":\"", 13);
	memcpy(text + sizeof text - 2, "\"}", 2);
	for (; err == FL_OK && sent < 5000; sent += err == FL_OK) {
		err = fl_ship_hub_send(r->b->hub, &ski, fl_slice_of(text, sizeof text), false,
				       NULL);
		fl_loop_poll(r->loop);
	}
	assert_int_equal(err, FL_ERR_FULL);
	return sent;
}

struct lines_wanted {
	struct client *c;
	size_t count;
};

/* As many payloads as there are read. */
static bool has_lines(void *ctx)
{
	static const char word[] = "\"event\":\"data\"";
	const struct lines_wanted *w = ctx;
	size_t n = 0;

	w->c->wanted = "no such text";
	(void)has_answer(w->c);
	struct fl_slice rest = fl_buf_slice(&w->c->got);
	const uint8_t *at;
	while ((at = memmem(rest.ptr, rest.len, word, sizeof word - 1)) != NULL) {
		rest = fl_slice_skip(rest, (size_t)(at - rest.ptr) + sizeof word);
		n++;
	}
	return n >= w->count;
}

static void a_reader_that_falls_behind_is_waited_for(void **state)
{
	struct rig *r = *state;
	struct client c;

	connect_both(r);
	client_open(r, "GET", "/api/v1/ship/events", NULL, &c);
	c.got.max = 64 << 20;
	client_wait(&c, "\"event\":\"begin\"}\n");
	size_t sent = send_much(r);
	assert_true(sent > 100);
	assert_true(kit_count(r->a, FL_SHIP_EV_DATA) < sent);
	struct lines_wanted w = { .c = &c, .count = sent };
	kit_wait(r->loop, has_lines, &w, 120);
	assert_int_equal(kit_count(r->a, FL_SHIP_EV_DATA), sent);
	assert_int_equal(r->admin->readers_closed, 0);
	client_close(&c);
}

static void one_that_goes_is_not_waited_for(void **state)
{
	struct rig *r = *state;
	struct client c;

	connect_both(r);
	client_open(r, "GET", "/api/v1/ship/events", NULL, &c);
	client_wait(&c, "\"event\":\"begin\"}\n");
	size_t sent = send_much(r);
	assert_true(kit_count(r->a, FL_SHIP_EV_DATA) < sent);
	client_close(&c);
	kit_wait_count(r->a, FL_SHIP_EV_DATA, sent);
	assert_true(kit_is_connected(r->a, r->b));
}

static void what_is_wrong_is_told(void **state)
{
	static const char known[] = "/api/v1/ship/devices/0000000000000000000000000000000000000001";
	static const struct row {
		const char *method, *rest, *body;
		unsigned status;
		const char *want;
	} rows[] = {
		{ "GET", NULL, NULL, 404, "\"code\":\"not_found\",\"field\":\"ski\"" },
		{ "DELETE", NULL, NULL, 404, "\"code\":\"not_found\"" },
		{ "POST", "/connect", "{\"host\":\"h\",\"port\":1}", 403, "\"code\":\"denied\"" },
		{ "POST", "/connect", "{\"host\":\"h\",\"port\":65536}", 400,
		  "\"field\":\"port\"" },
		{ "POST", "/connect", "{\"host\":\"a b\",\"port\":1}", 400, "neither a name" },
		{ "POST", "/pair", "[]", 400, "\"field\":\"body\"" },
		{ "POST", "/pair", "{\"shipId\":\"a datagram\"}", 400, "SHIP ID" },
		{ "POST", "/pair", "{\"name\":1}", 400, "\"field\":\"name\"" },
		{ "POST", "/refuse", NULL, 404, "is known" },
		{ "POST", "/pin", "{\"pin\":\"12345678\"}", 404, "is known" },
		{ "POST", "/pin-key", "{\"sha256\":\"12\"}", 400, "\"field\":\"sha256\"" },
		{ "POST", "/send", "{\"datagram\":{}}", 409, "\"code\":\"state\"" },
		{ "POST", "/send?wire=2", "{}", 400, "\"field\":\"wire\"" },
		{ "POST", "/disconnect", "{\"hold\":2}", 400, "\"field\":\"hold\"" },
		{ "POST", "/nothing", NULL, 404, "\"code\":\"not_found\"" },
		{ "PUT", "/pair", NULL, 405, "\"code\"" },
	};
	struct rig *r = *state;
	char path[160];

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		snprintf(path, sizeof path, "%s%s", known,
			 rows[i].rest != NULL ? rows[i].rest : "");
		char *body = call(r, rows[i].method, path, rows[i].body, rows[i].status);
		expect(body, "{\"error\":\"");
		expect(body, rows[i].want);
		free(body);
	}
	free(call(r, "GET", "/api/v1/ship/devices/xyz", NULL, 400));
	free(call(r, "GET", "/api/v1/ship/events?ski=xyz", NULL, 400));
	char *body = call(r, "POST", "/api/v1/ship/window", "{\"seconds\":121}", 400);
	expect(body, "\"field\":\"seconds\"");
	free(body);
	char large[(64 << 10) + 2];
	memset(large, ' ', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	body = call(r, "POST", "/api/v1/ship/window", large, 413);
	expect(body, "\"code\":\"too_big\"");
	free(body);
	assert_int_equal(r->a->count, 0);
}

static void a_window_opens_and_closes(void **state)
{
	struct rig *r = *state;

	char *body = call(r, "POST", "/api/v1/ship/window", "{\"seconds\":60}", 200);
	expect(body, "\"autoAccept\":true");
	free(body);
	body = call(r, "POST", "/api/v1/ship/window", "{\"seconds\":0}", 200);
	expect(body, "\"autoAccept\":false");
	free(body);
}

static void it_is_measured(void **state)
{
	static const char *const names[] = {
		"fairlead_ship_devices{state=\"completed\"} 1\n",
		"fairlead_ship_connections{state=\"completed\"} 1\n",
		"fairlead_ship_messages_total{direction=\"in\"} ",
		"fairlead_ship_payloads_total{direction=\"out\"} 0\n",
		"fairlead_ship_dials_total 1\n",
		"fairlead_ship_handshakes_total{version=\"1.3\"} 0\n",
		"fairlead_ship_rejected_total{reason=\"tls\"} 0\n",
		"fairlead_ship_errors_total{kind=\"dial\"} 0\n",
		"process_resident_memory_bytes ",
	};
	struct rig *r = *state;

	connect_both(r);
	char *body = call(r, "GET", "/metrics", NULL, 200);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		expect(body, names[i]);
	free(body);
	call_ok(r, "GET", "/health", NULL);
	body = call(r, "GET", "/version", NULL, 200);
	expect(body, "{\"version\":\"");
	free(body);
	assert_int_not_equal(fl_ship_admin_metrics_at(r->admin).port, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		T(it_says_who_it_is),
		T(a_device_from_pairing_to_parting),
		T(lists_of_some),
		T(who_asks_is_among_the_pairings),
		T(what_a_device_may_be_is_told),
		T(what_happens_is_read_line_by_line),
		T(a_reader_that_falls_behind_is_waited_for),
		T(one_that_goes_is_not_waited_for),
		T(what_is_wrong_is_told),
		T(a_window_opens_and_closes),
		T(it_is_measured),
#undef T
	};
	return cmocka_run_group_tests_name("services/ship_admin", tests, NULL, NULL);
}
