/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_relay_pages.c - probes, admission, STUN, files of a relay process. */
#include "relay_rig.h"

#include "base/text.h"
#include "io/file.h"
#include "io/http.h"
#include "wire/stun.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- probes ---- */

#define X64 "0123456789012345678901234567890123456789012345678901234567890123"

static struct page_row {
	const char *name, *request, *want, *not_want;
	bool derp_off;
} page_rows[] = {
	{ "probe GET", "GET /derp/probe", "200 OK", NULL, false },
	{ "probe has the origin field", "GET /derp/probe", "Access-Control-Allow-Origin: *", NULL,
	  false },
	{ "latency check GET", "GET /derp/latency-check", "200 OK", NULL, false },
	{ "latency check HEAD", "HEAD /derp/latency-check", "200 OK", NULL, false },
	{ "latency check POST", "POST /derp/latency-check", "405", NULL, false },
	{ "latency check without DERP", "GET /derp/latency-check", "200 OK", NULL, true },
	{ "no DERP", "GET /derp", "404", NULL, true },
	{ "204 plain", "GET /generate_204", "204", "tailscale-response", false },
	{ "204 is not cached", "GET /generate_204", "no-cache, no-store, must-revalidate", NULL,
	  false },
	{ "204 challenge", "GET /generate_204 ts_host.a:1-Z", "response ts_host.a:1-Z\r\n", NULL,
	  false },
	{ "204 challenge of 64", "GET /generate_204 " X64, "response " X64 "\r\n", NULL, false },
	{ "204 challenge of 65", "GET /generate_204 " X64 "x", "204", "tailscale-response", false },
	{ "204 challenge with a space", "GET /generate_204 a b", "204", "tailscale-response",
	  false },
	{ "204 challenge with a slash", "GET /generate_204 a/b", "204", "tailscale-response",
	  false },
	{ "bootstrap DNS", "GET /bootstrap-dns", "200 OK", NULL, false },
	{ "robots", "GET /robots.txt", "200 OK", NULL, false },
	{ "home", "GET /", "200 OK", NULL, false },
	{ "something else", "GET /other", "404", NULL, false },
};

static void page_row(void **state)
{
	const struct page_row *row = *state;
	struct rig r;
	struct client c;
	char request[512], method[8], path[64];
	int used = 0;
	rig_start(&r, &(struct fl_relay_standalone_config){ .relay.derp_off = row->derp_off });

	assert_int_equal(sscanf(row->request, "%7s %63s%n", method, path, &used), 2);
	const char *challenge = row->request + used;
	snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: x\r\n%s%s%s\r\n", method, path,
		 *challenge ? "X-Tailscale-Challenge:" : "", challenge, *challenge ? "\r\n" : "");
	client_dial(&r, &c, 1, false);
	client_text(&c, request);
	struct fl_slice head = client_read_head(&c);
	for (size_t i = 0; i < head.len; i++) /* field names in any case */
		if (row->not_want != NULL && head.ptr[i] == 'T')
			((uint8_t *)(uintptr_t)head.ptr)[i] = 't';
	if (!contains(head, row->want))
		fail_msg("%.*s", (int)head.len, (const char *)head.ptr);
	if (row->not_want != NULL)
		assert_false(contains(head, row->not_want) || contains(head, "tailscale-Response"));
	client_close(&c);
	rig_stop(&r);
}

static void metrics_name_everything(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	struct fl_buf b = fl_buf_make(1 << 20);
	static const char *const want[] = {
		"\nderp_current_connections 1\n",
		"\nderp_accepts 1\n",
		"\nderp_packets_dropped{reason=\"queue_head\",kind=\"disco\"} 0\n",
		"\nderp_bytes_dropped{reason=\"unknown_dest\",kind=\"other\"} 0\n",
		"\nderp_average_queue_duration_ms ",
		"\nstun_requests{disposition=\"success\"} 0\n",
		"\nstun_addrfamily{family=\"ipv4\"} 0\n",
		"\nderp_websocket_accepts 0\n",
		"\nderp_accepted_connections 1\n",
		"\nderp_open_connections 1\n",
		"\nderper_tls_request_version{version=\"1.2\"} 0\n",
		"\nderper_tls_request_version{version=\"1.3\"} 1\n",
		"\nderp_certificate_not_after_seconds ",
	};
	rig_start(&r, NULL);

	client_join(&r, &c, 1, true);
	fl_relay_standalone_metrics(r.relay, &b);
	assert_int_equal(fl_buf_err(&b), FL_OK);
	for (size_t i = 0; i < COUNT(want); i++)
		if (!contains(fl_buf_slice(&b), want[i]))
			fail_msg("no %s", want[i]);
	fl_buf_done(&b);
	client_close(&c);
	rig_stop(&r);
}

/* ---- admission ---- */

static bool only_id_1(void *ctx, const struct fl_node_key *key, const struct fl_addrport *from)
{
	struct client *c = ctx;
	assert_true(fl_ip_is_loopback(&from->ip));
	return fl_node_key_eq(key, &c->key);
}

static void admit_callback_decides(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b;
	rig_start(&r, &(struct fl_relay_standalone_config){
			      .relay = { .admit = only_id_1, .admit_ctx = &a } });

	client_join(&r, &a, 1, false);
	client_dial(&r, &b, 2, false);
	client_text(
		&b,
		"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n");
	client_hello(&b);
	client_read_head(&b);
	assert_true(client_ends(&b));
	assert_int_equal(rig_stats(&r)->refused, 1);
	client_close(&a);
	client_close(&b);
	rig_stop(&r);
}

/* A controller that answers /verify in the way a row wants. */
struct controller {
	struct fl_loop *loop;
	struct fl_listener *listener;
	struct fl_http_group group;
	struct fl_http_route route;
	struct fl_http_router router;
	const char *answer;
	unsigned status, asked;
	char body[256];
};

static void on_verify(void *ctx, struct fl_http *x)
{
	struct controller *c = ctx;

	c->asked++;
	fl_str_copy(c->body, sizeof c->body, fl_http_body(x));
	if (c->status == 0)
		fl_http_abort(x);
	else
		fl_http_respond(x, c->status, "application/json", fl_slice_str(c->answer));
}

static void on_accept(void *ctx, struct fl_stream *s)
{
	struct controller *c = ctx;
	assert_int_equal(
		fl_http1_serve(s, fl_slice_of(NULL, 0), &c->router, &fl_http_limits_default, NULL),
		FL_OK);
}

static void controller_start(struct controller *c, struct fl_loop *loop, char url[80])
{
	struct fl_listen_config l = { .at = { fl_ip_v4(127, 0, 0, 1), 0 },
				      .on_accept = on_accept,
				      .hello_timeout = FL_SEC,
				      .ctx = c };
	struct fl_fault fault;
	char at[FL_ADDRPORT_TEXT_MAX];

	c->loop = loop;
	fl_http_group_init(&c->group);
	c->route = (struct fl_http_route){
		.method = "POST", .path = "/verify", .body_max = 4096, .handle = on_verify
	};
	c->router = (struct fl_http_router){
		.routes = &c->route, .count = 1, .ctx = c, .group = &c->group
	};
	assert_int_equal(fl_listener_new(loop, &l, &fault, &c->listener), FL_OK);
	struct fl_addrport a = fl_listener_at(c->listener);
	fl_addrport_format(&a, at);
	snprintf(url, 80, "http://%s/verify", at);
}

static void controller_stop(struct controller *c)
{
	if (c->listener != NULL)
		fl_listener_close(c->listener);
	fl_http_group_close(&c->group);
}

static char big_answer[8192];

static struct verify_row {
	const char *name;
	unsigned status; /* 0: connection cut; 1: nobody listens */
	const char *answer;
	bool open, closed; /* admitted with fail-open, with fail-closed */
} verify_rows[] = {
	{ "allow", 200, "{\"Allow\":true}", true, true },
	{ "allow, other case", 200, "{\"allow\":true,\"x\":1}", true, true },
	{ "deny", 200, "{\"Allow\":false}", false, false },
	{ "nothing said", 200, "{}", false, false },
	{ "error status", 500, "{\"Allow\":true}", false, false },
	{ "garbage", 200, "yes", false, false },
	{ "wrong type", 200, "{\"Allow\":\"true\"}", false, false },
	{ "empty", 200, "", false, false },
	{ "over 4 KiB", 200, big_answer, false, false },
	{ "cut off", 0, "", true, false },
	{ "nobody there", 1, "", true, false },
};

/* Two clients of one key: the second is answered from memory if there was an answer. */
static void try_verify(const struct verify_row *row, bool fail_open)
{
	struct controller ctl = { .answer = row->answer, .status = row->status };
	struct rig r = { 0 };
	struct client c;
	char url[80], want[256], key[FL_KEY_TEXT_MAX];
	struct fl_loop *loop;
	struct fl_relay_standalone_config cfg = { .at = { fl_ip_v4(127, 0, 0, 1), 0 },
						  .relay = { .verify_url = url,
							     .verify_fail_open = fail_open } };
	struct fl_fault fault;

	assert_int_equal(fl_crypto_init(), FL_OK);
	assert_int_equal(fl_loop_new(&loop), FL_OK);
	controller_start(&ctl, loop, url);
	if (row->status == 1)
		ctl.listener = fl_listener_close(ctl.listener);
	assert_int_equal(fl_relay_standalone_start(loop, &cfg, &fault, &r.relay), FL_OK);
	r.loop = loop;
	r.at = fl_relay_standalone_at(r.relay);

	bool admit = fail_open ? row->open : row->closed;
	for (int i = 0; i < 2; i++) {
		client_dial(&r, &c, 1, false);
		client_text(&c, "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
				"Connection: Upgrade\r\n\r\n");
		client_hello(&c);
		client_read_head(&c);
		if (admit) {
			client_frame(&c, FL_DERP_SERVER_KEY);
			client_frame(&c, FL_DERP_SERVER_INFO);
		} else {
			assert_true(client_ends(&c)); /* there is no error frame */
		}
		client_close(&c);
	}
	if (row->status > 1) {
		bool answered = strncmp(row->name, "allow", 5) == 0 || !strcmp(row->name, "deny") ||
				!strcmp(row->name, "nothing said");
		assert_int_equal(ctl.asked, answered ? 1 : 2);
		fl_node_key_format(&c.key, key);
		snprintf(want, sizeof want, "{\"NodePublic\":\"%s\",\"Source\":\"127.0.0.1\"}",
			 key);
		assert_string_equal(ctl.body, want);
	}
	fl_relay_standalone_stop(r.relay, 0);
	controller_stop(&ctl);
	fl_loop_free(loop);
}

static void verify_row(void **state)
{
	memset(big_answer, ' ', sizeof big_answer - 1);
	memcpy(big_answer, "{\"Allow\":true}", 14);
	try_verify(*state, true);
	try_verify(*state, false);
}

/* ---- STUN ---- */

struct udp_wait {
	int fd;
	uint8_t got[128];
	ssize_t n;
};

static bool udp_came(void *ctx)
{
	struct udp_wait *w = ctx;
	w->n = recv(w->fd, w->got, sizeof w->got, MSG_DONTWAIT);
	return w->n > 0;
}

static int udp_to(struct fl_addrport at, struct sockaddr_in *me)
{
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(at.port) };
	socklen_t len = sizeof *me;

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)me, &len), 0);
	return fd;
}

static void stun_answers_clients(void **state)
{
	(void)state;
	struct rig r;
	struct sockaddr_in me;
	struct fl_stun_txid tx = { { 1, 2, 3 } }, got_tx;
	struct fl_addrport got;
	uint8_t request[FL_STUN_REQUEST_LEN];
	rig_start(&r, NULL);
	struct udp_wait w = { .fd = udp_to(fl_relay_standalone_stun_at(r.relay), &me) };

	fl_stun_request(&tx, request);
	request[36]++; /* wrong fingerprint: silence */
	assert_int_equal(send(w.fd, request, sizeof request, 0), sizeof request);
	request[36]--;
	assert_int_equal(send(w.fd, request, 20, 0), 20); /* cut short */
	assert_int_equal(send(w.fd, request, sizeof request, 0), sizeof request);
	assert_true(net_until(r.loop, udp_came, &w));
	assert_int_equal(w.n, 32);
	assert_int_equal(fl_stun_answer_parse(fl_slice_of(w.got, 32), &got_tx, &got), FL_OK);
	assert_memory_equal(got_tx.b, tx.b, sizeof tx.b);
	assert_int_equal(got.port, ntohs(me.sin_port));
	assert_true(fl_ip_is_loopback(&got.ip));
	net_for(r.loop, 20 * FL_MS);
	assert_false(udp_came(&w)); /* one answer for three packets */
	close(w.fd);
	rig_stop(&r);
}

static void stun_answers_anyone_slowly(void **state)
{
	(void)state;
	struct rig r;
	struct sockaddr_in me;
	const uint8_t bare[20] = { 0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 9 };
	unsigned answers = 0;
	rig_start(&r, &(struct fl_relay_standalone_config){ .stun_answer_any = true });
	struct udp_wait w = { .fd = udp_to(fl_relay_standalone_stun_at(r.relay), &me) };

	for (int i = 0; i < 100; i++)
		assert_int_equal(send(w.fd, bare, sizeof bare, 0), sizeof bare);
	net_for(r.loop, 50 * FL_MS);
	while (udp_came(&w))
		answers++;
	assert_in_range(answers, FL_STUN_ANY_RATE, 2 * FL_STUN_ANY_RATE + 2);
	close(w.fd);
	rig_stop(&r);
}

/* ---- files ---- */

static char dir[64];

static const char *path_of(const char *name)
{
	static char paths[4][128];
	static unsigned at;
	char *p = paths[at++ % 4];
	snprintf(p, sizeof paths[0], "%s/%s", dir, name);
	return p;
}

static void key_file_is_made_and_kept(void **state)
{
	(void)state;
	struct fl_private_key a, b;
	struct fl_fault fault;
	struct stat st;
	const char *path = path_of("relay.key");

	assert_int_equal(fl_crypto_init(), FL_OK);
	assert_int_equal(fl_relay_key_load(path, &fault, &a), FL_OK);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(fl_relay_key_load(path, &fault, &b), FL_OK);
	assert_memory_equal(a.b, b.b, sizeof a.b);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(fl_relay_key_load(path, &fault, &b), FL_ERR_DENIED);
	assert_non_null(strstr(fault.text, "chmod 600"));
	unlink(path);
}

static struct key_row {
	const char *name, *text;
	enum fl_err want;
} key_rows[] = {
	{ "key file: JSON", "{\"PrivateKey\":\"privkey:" X64 "\"}", FL_OK },
	{ "key file: other case and members", "{\"privatekey\":\"privkey:" X64 "\",\"x\":1}\n",
	  FL_OK },
	{ "key file: bare", "privkey:" X64 "\n", FL_OK },
	{ "key file: another kind", "nodekey:" X64, FL_ERR_INVALID },
	{ "key file: empty", "", FL_ERR_INVALID },
	{ "key file: no key in it", "{}", FL_ERR_INVALID },
	{ "key file: one digit short", "{\"PrivateKey\":\"privkey:0\"}", FL_ERR_INVALID },
};

static void key_row(void **state)
{
	const struct key_row *row = *state;
	struct fl_private_key key;
	struct fl_fault fault = { "" };
	const char *path = path_of("given.key");

	assert_int_equal(fl_file_write(path, 0600, fl_slice_str(row->text), &fault), FL_OK);
	assert_int_equal(fl_relay_key_load(path, &fault, &key), row->want);
	unlink(path);
}

static void certificate_is_made_and_pinned(void **state)
{
	(void)state;
	struct rig r;
	struct fl_buf first = fl_buf_make(4096), second = fl_buf_make(4096);
	char crt[128], key[128];
	fl_str_copy(crt, sizeof crt, fl_slice_str(path_of("r.crt")));
	fl_str_copy(key, sizeof key, fl_slice_str(path_of("r.key")));
	struct fl_relay_standalone_config cfg = { .cert_path = crt,
						  .key_path = key,
						  .self_signed = true };

	rig_start(&r, &cfg);
	fl_relay_standalone_map(r.relay, 900, "home", &first);
	assert_int_equal(fl_buf_err(&first), FL_OK);
	assert_true(contains(fl_buf_slice(&first), "{\"Regions\":{\"900\":{\"RegionID\":900,"
						   "\"RegionCode\":\"home\""));
	assert_true(contains(fl_buf_slice(&first), "\"Name\":\"900a\",\"RegionID\":900,"
						   "\"HostName\":\"127.0.0.1\","
						   "\"CertName\":\"sha256-raw:"));
	assert_true(contains(fl_buf_slice(&first), "\"IPv4\":\"127.0.0.1\",\"IPv6\":\"none\""));
	rig_stop(&r);
	rig_start(&r, &cfg); /* the same certificate again */
	fl_relay_standalone_map(r.relay, 900, "home", &second);
	const char *pin = strstr((const char *)first.ptr, "sha256-raw:");
	char text[12 + 64] = "";
	memcpy(text, pin, sizeof text - 1);
	assert_true(contains(fl_buf_slice(&second), text));
	struct fl_fault fault = { "" };
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_OK);
	assert_int_equal(fl_file_write(crt, 0644, fl_slice_str("nonsense"), &fault), FL_OK);
	assert_int_not_equal(fl_relay_standalone_reload(r.relay, &fault), FL_OK);
	struct client c; /* the old one stays in use */
	client_join(&r, &c, 1, true);
	client_close(&c);
	rig_stop(&r);
	fl_buf_done(&first);
	fl_buf_done(&second);
	unlink(crt);
	unlink(key);
}

static void rate_file_is_read_again(void **state)
{
	(void)state;
	struct rig r;
	struct fl_fault fault = { "" };
	char path[128];
	fl_str_copy(path, sizeof path, fl_slice_str(path_of("rate.json")));

	assert_int_equal(fl_file_write(path, 0644,
				       fl_slice_str("{\"PerClientRateLimitBytesPerSec\":5}"),
				       &fault),
			 FL_OK);
	rig_start(&r, &(struct fl_relay_standalone_config){ .rate_path = path });
	assert_int_equal(fl_file_write(path, 0644,
				       fl_slice_str("{\"PerClientRateLimitBytesPerSec\":-5}"),
				       &fault),
			 FL_OK);
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_ERR_INVALID);
	assert_non_null(strstr(fault.text, "rate.json"));
	assert_int_equal(fl_file_write(path, 0644, fl_slice_str("{}"), &fault), FL_OK);
	assert_int_equal(fl_relay_standalone_reload(r.relay, &fault), FL_OK);
	rig_stop(&r);
	unlink(path);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/fl-relay-XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	return rmdir(dir);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(metrics_name_everything),
		cmocka_unit_test(admit_callback_decides),
		cmocka_unit_test(stun_answers_clients),
		cmocka_unit_test(stun_answers_anyone_slowly),
		cmocka_unit_test(key_file_is_made_and_kept),
		cmocka_unit_test(certificate_is_made_and_pinned),
		cmocka_unit_test(rate_file_is_read_again),
	};
	struct CMUnitTest
		tests[COUNT(page_rows) + COUNT(verify_rows) + COUNT(key_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(page_rows); i++)
		tests[n++] = (struct CMUnitTest){ page_rows[i].name, page_row, NULL, NULL,
						  &page_rows[i] };
	for (size_t i = 0; i < COUNT(verify_rows); i++)
		tests[n++] = (struct CMUnitTest){ verify_rows[i].name, verify_row, NULL, NULL,
						  &verify_rows[i] };
	for (size_t i = 0; i < COUNT(key_rows); i++)
		tests[n++] =
			(struct CMUnitTest){ key_rows[i].name, key_row, NULL, NULL, &key_rows[i] };
	for (size_t i = 0; i < COUNT(plain); i++)
		tests[n++] = plain[i];
	return cmocka_run_group_tests_name("services/relay pages", tests, setup, teardown);
}
