/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/services/test_server.c - what a running server keeps and changes on a reload: relay maps
 * of URLs that fail later, certificates and settings of a bad new file.
 *
 * The URLs are answered by a thread, because a start waits for them without turning its loop.
 */
#include "../base/table.h"
#include "../base/remove_tree.h"

#include <arpa/inet.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/cert.h"
#include "crypto/prim.h"
#include "domain/netmap/internal.h"
#include "io/file.h"
#include "services/control/internal.h"
#include "services/server/internal.h"

#define REGION(id)                                                                                 \
	"{\"Regions\":{\"" #id "\":{\"RegionID\":" #id ",\"RegionCode\":\"r\",\"Nodes\":["         \
	"{\"Name\":\"n\",\"RegionID\":" #id ",\"HostName\":\"relay.example\"}]}}}"

/* ---- a web server: /a and /b each have a region, until it is told to fail ---- */

static struct {
	pthread_t thread;
	int fd;
	uint16_t port;
	atomic_bool fails, strange; /* strange: a page that is no relay map, with status 200 */
	atomic_int asked;
} web;

static void answer(int fd)
{
	char in[1024] = "", out[1024];

	if (read(fd, in, sizeof in - 1) <= 0)
		return;
	const char *map = strncmp(in, "GET /a ", 7) == 0 ? REGION(901) : REGION(902);
	if (atomic_load(&web.fails))
		map = "";
	else if (atomic_load(&web.strange))
		map = "<html>Welcome to the airport: log in</html>";
	int n = snprintf(out, sizeof out,
			 "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
			 map[0] != '\0' ? "200 OK" : "503 Busy", strlen(map), map);
	if (write(fd, out, (size_t)n) == n)
		atomic_fetch_add(&web.asked, 1);
}

static void *serve_web(void *unused)
{
	(void)unused;
	for (int fd; (fd = accept(web.fd, NULL, NULL)) >= 0; close(fd))
		answer(fd);
	return NULL;
}

static int web_start(void **state)
{
	struct sockaddr_in at = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;

	(void)state;
	web.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (web.fd < 0 || bind(web.fd, (struct sockaddr *)(void *)&at, len) != 0 ||
	    listen(web.fd, 8) != 0 ||
	    getsockname(web.fd, (struct sockaddr *)(void *)&at, &len) != 0)
		return -1;
	web.port = ntohs(at.sin_port);
	atomic_store(&web.fails, false);
	atomic_store(&web.strange, false);
	atomic_store(&web.asked, 0);
	return pthread_create(&web.thread, NULL, serve_web, NULL);
}

static int web_stop(void **state)
{
	(void)state;
	shutdown(web.fd, SHUT_RDWR);
	pthread_join(web.thread, NULL);
	close(web.fd);
	return 0;
}

/* ---- a server ---- */

struct run {
	char dir[64];
	struct fl_loop *loop;
	struct fl_server *server;
};

/* Settings of the test: which of the URLs, and more lines. */
static struct fl_config *settings(const struct run *r, const char *paths, const char *more)
{
	struct fl_config_report report = { 0 };
	struct fl_config *c = NULL;
	char file[128], urls[128] = "";
	size_t len = 0;

	for (const char *p = paths; *p != '\0'; p++)
		len += (size_t)snprintf(urls + len, sizeof urls - len, "%shttp://127.0.0.1:%u/%c",
					p == paths ? "" : ", ", web.port, *p);
	snprintf(file, sizeof file, "%s/config.yaml", r->dir);
	FILE *f = fopen(file, "w");
	assert_non_null(f);
	fprintf(f,
		"listen_addr: 127.0.0.1:0\nderp:\n  urls: [%s]\n"
		"  server: {stun_listen_addr: \"127.0.0.1:0\"}\n%s",
		urls, more);
	fclose(f);
	assert_err(fl_config_load(file, r->dir, &report, &c), FL_OK);
	fl_config_report_done(&report);
	return c;
}

static void run_start(struct run *r, const char *paths)
{
	struct fl_fault fault = { "" };

	snprintf(r->dir, sizeof r->dir, "/tmp/fl-test-server-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	assert_err(fl_loop_new(&r->loop), FL_OK);
	enum fl_err err = fl_server_start(r->loop, settings(r, paths, ""), &fault, &r->server);
	if (err != FL_OK)
		fail_msg("%s", fault.text);
}

static void run_stop(struct run *r)
{
	fl_server_stop(r->server, 0);
	fl_loop_free(r->loop);
	remove_tree(r->dir);
}

static bool has_region(const struct run *r, const char *id)
{
	struct fl_buf map = fl_buf_make(1 << 20);
	struct fl_fault fault;
	char want[32];

	assert_err(fl_server_relaymap_build(r->server, r->server->config, &fault, &map), FL_OK);
	fl_buf_byte(&map, '\0');
	snprintf(want, sizeof want, "\"%s\":{", id);
	bool has = strstr((const char *)map.ptr, want) != NULL;
	fl_buf_done(&map);
	return has;
}

/* Turns the loop until the URLs were asked `count` times and the last answer was used. */
static void until_asked(const struct run *r, int count)
{
	while (atomic_load(&web.asked) < count || r->server->fetch != NULL)
		(void)fl_loop_poll(r->loop);
}

static void reload(struct run *r, const char *paths, const char *more, const char *note)
{
	struct fl_fault fault = { "" };

	assert_err(fl_server_reload(r->server, settings(r, paths, more), &fault), FL_OK);
	assert_string_equal(fault.text, note);
}

/* ---- tests ---- */

static void regions_outlive_a_failing_url(void **state)
{
	struct run r;

	(void)state;
	run_start(&r, "ab");
	assert_true(has_region(&r, "901") && has_region(&r, "902") && has_region(&r, "999"));
	atomic_store(&web.fails, true);
	reload(&r, "ab", "", "");
	assert_true(has_region(&r, "901") && has_region(&r, "902"));
	until_asked(&r, 4);
	assert_true(has_region(&r, "901") && has_region(&r, "902"));
	run_stop(&r);
}

static void regions_outlive_an_answer_that_is_none(void **state)
{
	struct run r;

	(void)state;
	run_start(&r, "ab");
	atomic_store(&web.strange, true);
	reload(&r, "ab", "", "");
	until_asked(&r, 4);
	assert_true(r.server->fetch_failed); /* asked again soon */
	assert_true(has_region(&r, "901") && has_region(&r, "902"));
	run_stop(&r);
}

static void a_start_with_strange_answers(void **state)
{
	struct run r;

	(void)state;
	atomic_store(&web.strange, true);
	run_start(&r, "a");
	assert_true(r.server->fetch_failed);
	assert_true(!has_region(&r, "901") && has_region(&r, "999"));
	run_stop(&r);
}

static void urls_come_and_go(void **state)
{
	struct run r;

	(void)state;
	run_start(&r, "a");
	assert_true(has_region(&r, "901") && !has_region(&r, "902"));
	reload(&r, "b", "", "");
	assert_false(has_region(&r, "901")); /* at once */
	until_asked(&r, 2);
	assert_true(has_region(&r, "902"));
	reload(&r, "", "", "");
	assert_false(has_region(&r, "902"));
	assert_true(has_region(&r, "999"));
	run_stop(&r);
}

static void a_start_without_answers(void **state)
{
	struct run r;

	(void)state;
	atomic_store(&web.fails, true);
	run_start(&r, "a");
	assert_true(!has_region(&r, "901") && has_region(&r, "999"));
	run_stop(&r);
}

static void reload_names_what_needs_a_restart(void **state)
{
	struct run r;

	(void)state;
	run_start(&r, "");
	reload(&r, "", "log: {level: warn}\n", "");
	reload(&r, "", "node: {expiry: 1h}\n",
	       "changed, but only a restart applies it: node.expiry");
	run_stop(&r);
}

static void a_bad_file_changes_nothing(void **state)
{
	struct fl_fault fault = { "" };
	struct run r;

	(void)state;
	run_start(&r, "a");
	const struct fl_config *before = r.server->config;
	struct fl_config *bad = settings(&r, "a", "tls_cert_path: /none\ntls_key_path: /none\n");
	assert_true(fl_server_reload(r.server, bad, &fault) != FL_OK);
	assert_non_null(strstr(fault.text, "/none"));
	assert_ptr_equal(r.server->config, before);
	assert_true(has_region(&r, "901"));
	run_stop(&r);
}

/* Puts a self-made certificate that ends in ten days in place of the relay's. */
static void let_the_certificate_age(struct run *r)
{
	struct fl_buf cert = fl_buf_make(64 << 10), key = fl_buf_make(64 << 10);
	struct fl_fault fault;
	char path[512];

	assert_err(fl_cert_self_signed("127.0.0.1", fl_loop_wall(r->loop), 10, &cert, &key), FL_OK);
	snprintf(path, sizeof path, "%s.127.0.0.1.crt",
		 r->server->config->derp_server.private_key_path);
	assert_int_equal(access(path, F_OK), 0);
	assert_err(fl_file_write(path, 0644, fl_buf_slice(&cert), &fault), FL_OK);
	snprintf(path, sizeof path, "%s.127.0.0.1.pem",
		 r->server->config->derp_server.private_key_path);
	assert_err(fl_file_write(path, 0600, fl_buf_slice(&key), &fault), FL_OK);
	fl_buf_done(&cert);
	fl_buf_done(&key);
}

/* Is the pin of the server's certificate in the relay map that clients get? */
static bool is_announced(const struct run *r)
{
	struct fl_slice map = fl_bytes_slice(r->server->control->netmap->derp);
	char pin[FL_RELAY_PIN_TEXT_MAX];

	fl_relay_identity_pin(&r->server->identity, pin);
	return memmem(map.ptr, map.len, pin, strlen(pin)) != NULL;
}

static void a_renewed_certificate_is_announced(void **state)
{
	uint8_t pin[FL_HASH_LEN];
	struct run r;

	(void)state;
	run_start(&r, "");
	assert_true(is_announced(&r));
	memcpy(pin, r.server->identity.pin, sizeof pin);
	let_the_certificate_age(&r);
	fl_timer_start(&r.server->renew_timer, 0);
	while (memcmp(pin, r.server->identity.pin, sizeof pin) == 0)
		(void)fl_loop_poll(r.loop);
	assert_true(is_announced(&r));
	run_stop(&r);
}

/* The usual case: what is behind the certificate is dated anew, and nobody has to hear of it. */
static void a_renewal_of_the_same_needs_no_map(void **state)
{
	struct run r;

	(void)state;
	run_start(&r, "");
	const struct fl_netmap_config *map = r.server->control->netmap;
	struct fl_tls_server *tls = fl_tls_server_ref(r.server->identity.tls);
	fl_timer_start(&r.server->renew_timer, 0);
	while (r.server->identity.tls == tls)
		(void)fl_loop_poll(r.loop);
	assert_ptr_equal(r.server->control->netmap, map);
	assert_true(is_announced(&r));
	fl_tls_server_unref(tls);
	run_stop(&r);
}

/* Twice as long after each failure, and never longer than usual. */
static void failed_rounds_wait_longer(void **state)
{
	static const struct {
		int64_t frequency;
		unsigned failed;
		int64_t want;
	} rows[] = {
		{ 3 * FL_HOUR, 0, 3 * FL_HOUR },
		{ 3 * FL_HOUR, 1, FL_MIN },
		{ 3 * FL_HOUR, 2, 2 * FL_MIN },
		{ 3 * FL_HOUR, 8, 128 * FL_MIN },
		{ 3 * FL_HOUR, 9, 3 * FL_HOUR },
		{ 3 * FL_HOUR, UINT_MAX, 3 * FL_HOUR },
		{ 30 * FL_SEC, 1, 30 * FL_SEC },
		{ 0, 0, 0 },
		{ 0, 5, 0 },
	};
	(void)state;

	for (size_t i = 0; i < COUNT(rows); i++)
		assert_int_equal(fl_server_relaymap_wait(rows[i].frequency, rows[i].failed),
				 rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failed_rounds_wait_longer),
		cmocka_unit_test_setup_teardown(regions_outlive_a_failing_url, web_start, web_stop),
		cmocka_unit_test_setup_teardown(regions_outlive_an_answer_that_is_none, web_start,
						web_stop),
		cmocka_unit_test_setup_teardown(a_start_with_strange_answers, web_start, web_stop),
		cmocka_unit_test_setup_teardown(urls_come_and_go, web_start, web_stop),
		cmocka_unit_test_setup_teardown(a_start_without_answers, web_start, web_stop),
		cmocka_unit_test_setup_teardown(reload_names_what_needs_a_restart, web_start,
						web_stop),
		cmocka_unit_test_setup_teardown(a_bad_file_changes_nothing, web_start, web_stop),
		cmocka_unit_test_setup_teardown(a_renewed_certificate_is_announced, web_start,
						web_stop),
		cmocka_unit_test_setup_teardown(a_renewal_of_the_same_needs_no_map, web_start,
						web_stop),
	};

	if (fl_crypto_init() != FL_OK)
		return 1;
	return cmocka_run_group_tests_name("services/server", tests, NULL, NULL);
}
