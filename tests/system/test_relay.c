/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/system/test_relay.c - the relay on the server's own listener: only known nodes get in,
 * ill-formed frames end only their sender, and STUN answers nothing but requests.
 */
#include "client.h"

#include "base/rng.h"
#include "io/file.h"
#include "io/net.h"
#include "services/server/internal.h"
#include "wire/derp.h"
#include "wire/stun.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sys sys;
static char *reusable;
static struct node alice, bob;
static struct derp *witness_from, *witness_to;
static uint16_t stun_port;

/* ---- a relay client ---- */

struct derp {
	int fd;
	struct fl_private_key secret;
	struct fl_node_key key;
	uint8_t server[FL_KEY_LEN];
	struct fl_buf in;
	bool ended;
};

static bool read_some(void *ctx)
{
	struct derp *d = ctx;
	uint8_t mem[65536];
	ssize_t n;

	while (!d->ended && (n = recv(d->fd, mem, sizeof mem, 0)) != -1) {
		d->ended = n == 0;
		fl_buf_put(&d->in, mem, (size_t)n);
	}
	d->ended = d->ended || errno != EAGAIN;
	return d->ended;
}

static bool has_head(void *ctx)
{
	struct derp *d = ctx;
	read_some(d);
	return d->ended || (d->in.len > 4 && memmem(d->in.ptr, d->in.len, "\r\n\r\n", 4) != NULL);
}

static bool has_frame(void *ctx)
{
	struct derp *d = ctx;
	uint8_t type;
	uint32_t len;

	read_some(d);
	return d->ended || (fl_derp_peek(fl_buf_slice(&d->in), 1 << 20, &type, &len) == FL_OK &&
			    d->in.len >= FL_DERP_HEADER_LEN + len);
}

/* The next frame's type; its body, terminated by nothing, in `body`. 0: the relay closed. */
static uint8_t next_frame(struct derp *d, struct fl_buf *body)
{
	uint8_t type;
	uint32_t len;

	assert_true(sys_until(&sys, has_frame, d));
	if (fl_derp_peek(fl_buf_slice(&d->in), 1 << 20, &type, &len) != FL_OK ||
	    d->in.len < FL_DERP_HEADER_LEN + len)
		return 0;
	fl_buf_reset(body);
	fl_buf_put(body, d->in.ptr + FL_DERP_HEADER_LEN, len);
	fl_buf_consume(&d->in, FL_DERP_HEADER_LEN + len);
	return type;
}

/* Up to the server's key. */
static void derp_dial(struct derp *d, const struct fl_private_key *secret)
{
	static const char upgrade[] = "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\n"
				      "Connection: Upgrade\r\n\r\n";
	struct fl_buf body = fl_buf_make(1 << 20);

	*d = (struct derp){ .fd = sys_dial(&sys), .secret = *secret, .in = fl_buf_make(4 << 20) };
	fl_private_key_public(&d->secret, d->key.b);
	sys_send(&sys, d->fd, upgrade, sizeof upgrade - 1);
	assert_true(sys_until(&sys, has_head, d));
	assert_true(d->in.len > 12);
	assert_memory_equal(d->in.ptr, "HTTP/1.1 101", 12);
	uint8_t *end = memmem(d->in.ptr, d->in.len, "\r\n\r\n", 4);
	fl_buf_consume(&d->in, (size_t)(end - d->in.ptr) + 4);
	assert_int_equal(next_frame(d, &body), FL_DERP_SERVER_KEY);
	assert_err(fl_derp_as_server_key(fl_buf_slice(&body), d->server), FL_OK);
	fl_buf_done(&body);
}

/* True if the relay let it in. */
static bool derp_login(struct derp *d)
{
	struct fl_derp_client_info info = { .version = 2, .can_ack_pings = true };
	struct fl_buf b = fl_buf_make(1 << 20);
	uint8_t nonce[FL_BOX_NONCE_LEN];

	fl_random(nonce, sizeof nonce);
	assert_err(fl_derp_client_info_seal(&d->secret, d->server, nonce, &info, &b), FL_OK);
	sys_send(&sys, d->fd, b.ptr, b.len);
	bool in = next_frame(d, &b) == FL_DERP_SERVER_INFO;
	fl_buf_done(&b);
	return in;
}

static void derp_close(struct derp *d)
{
	close(d->fd);
	fl_buf_done(&d->in);
}

static void expect_packet(struct derp *from, struct derp *to)
{
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_derp_packet p;

	fl_derp_put_send(&b, &to->key, fl_slice_str("a packet"));
	sys_send(&sys, from->fd, b.ptr, b.len);
	while (next_frame(to, &b) != FL_DERP_RECV_PACKET)
		assert_false(to->ended);
	assert_err(fl_derp_as_recv(fl_buf_slice(&b), &p), FL_OK);
	assert_text(p.payload, "a packet");
	assert_true(fl_node_key_eq(&p.key, &from->key));
	fl_buf_done(&b);
}

/* ---- admission ---- */

/* What a relay elsewhere hears that asks for the key (DE-5). */
static bool verifies(const struct fl_node_key *key)
{
	char text[FL_KEY_TEXT_MAX], body[160], request[320];

	fl_node_key_format(key, text);
	int len = snprintf(body, sizeof body, "{\"NodePublic\":\"%s\"}", text);
	len = snprintf(request, sizeof request,
		       "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len,
		       body);
	struct reply r = sys_http(&sys, request, (size_t)len);
	assert_int_equal(r.status, 200);
	assert_string_equal(r.type, "application/json");
	json_t *doc = json_loads((const char *)r.body.ptr, 0, NULL);
	json_t *allow = json_object_get(doc, "Allow");
	assert_true(json_is_boolean(allow));
	bool yes = json_is_true(allow);
	json_decref(doc);
	reply_done(&r);
	return yes;
}

static void test_only_known_nodes(void **state)
{
	struct fl_private_key unknown;
	struct derp d;
	struct node n;
	char path[64];
	(void)state;

	assert_err(fl_private_key_new(&unknown), FL_OK);
	derp_dial(&d, &unknown);
	assert_false(derp_login(&d));
	assert_true(sys_closes(&sys, d.fd));
	derp_close(&d);

	node_open(&n, &sys, "short-lived");
	assert_false(verifies(&n.key));
	node_join(&n, reusable);
	assert_true(verifies(&n.key));
	derp_dial(&d, &n.secret);
	assert_true(derp_login(&d));
	snprintf(path, sizeof path, "/api/v1/node/%lld", (long long)node_id(&n));
	api_ok(&sys, "DELETE", path, NULL);
	assert_true(sys_closes(&sys, d.fd)); /* not only at the next login */
	assert_false(verifies(&n.key));
	derp_close(&d);
	derp_dial(&d, &n.secret);
	assert_false(derp_login(&d));
	derp_close(&d);
	node_close(&n);
	expect_packet(witness_from, witness_to);
}

static void test_rotated_key_goes(void **state)
{
	struct derp d, other;
	struct node n;
	(void)state;

	node_open(&n, &sys, "rotates");
	node_join(&n, reusable);
	derp_dial(&d, &n.secret);
	assert_true(derp_login(&d));
	node_new_key(&n);
	node_join(&n, reusable);
	assert_true(sys_closes(&sys, d.fd));
	derp_close(&d);
	derp_dial(&other, &n.secret);
	assert_true(derp_login(&other));
	derp_close(&other);
	node_close(&n);
	expect_packet(witness_from, witness_to);
}

/* The box proves the key: somebody else's public key alone is nothing. */
static void test_stolen_key(void **state)
{
	struct fl_derp_client_info info = { .version = 2 };
	struct fl_buf b = fl_buf_make(1 << 20);
	struct fl_private_key other;
	uint8_t nonce[FL_BOX_NONCE_LEN] = { 0 };
	struct derp d;
	(void)state;

	assert_err(fl_private_key_new(&other), FL_OK);
	derp_dial(&d, &other);
	assert_err(fl_derp_client_info_seal(&other, d.server, nonce, &info, &b), FL_OK);
	memcpy(b.ptr + FL_DERP_HEADER_LEN, alice.key.b, FL_KEY_LEN);
	sys_send(&sys, d.fd, b.ptr, b.len);
	assert_true(sys_closes(&sys, d.fd));
	derp_close(&d);
	fl_buf_done(&b);
	expect_packet(witness_from, witness_to);
}

/* ---- ill-formed frames ---- */

#define FRAME(type, len)                                                                           \
	type, (uint8_t)((len) >> 24), (uint8_t)((len) >> 16), (uint8_t)((len) >> 8), (uint8_t)(len)

static struct {
	const char *name;
	uint8_t bytes[64];
	size_t len;
	bool login; /* before them */
	bool ends;  /* the sender's connection; others may be ignored */
} rows[] = {
	{ "before login: garbage", "GET / HTTP/1.1\r\n\r\n", 18, false, true },
	{ "before login: a packet", { FRAME(FL_DERP_SEND_PACKET, 40) }, 45, false, true },
	{ "before login: info of no length", { FRAME(FL_DERP_CLIENT_INFO, 0) }, 5, false, true },
	{ "before login: info of 4 GiB",
	  { FRAME(FL_DERP_CLIENT_INFO, 0xffffffffu) },
	  5,
	  false,
	  true },
	{ "before login: info that does not open",
	  { FRAME(FL_DERP_CLIENT_INFO, 59) },
	  64,
	  false,
	  true },
	{ "length of 4 GiB", { FRAME(FL_DERP_SEND_PACKET, 0xffffffffu) }, 5, true, true },
	{ "length over the limit", { FRAME(FL_DERP_SEND_PACKET, (64 << 10) + 65) }, 5, true, true },
	{ "packet without a key", { FRAME(FL_DERP_SEND_PACKET, 0) }, 5, true, true },
	{ "packet with half a key", { FRAME(FL_DERP_SEND_PACKET, 31) }, 36, true, true },
	{ "ping of seven bytes", { FRAME(FL_DERP_PING, 7) }, 12, true, true },
	{ "ping of no bytes", { FRAME(FL_DERP_PING, 0) }, 5, true, true },
	{ "second client info", { FRAME(FL_DERP_CLIENT_INFO, 59) }, 64, true },
	{ "mesh frames without the mesh", { FRAME(FL_DERP_WATCH_CONNS, 0) }, 5, true },
	{ "forward without the mesh", { FRAME(FL_DERP_FORWARD_PACKET, 59) }, 64, true },
	{ "close peer without the mesh", { FRAME(FL_DERP_CLOSE_PEER, 32) }, 37, true },
	{ "a frame of the server's", { FRAME(FL_DERP_SERVER_KEY, 40) }, 45, true },
	{ "unknown type", { FRAME(0xee, 4) }, 9, true },
	{ "type zero", { FRAME(0, 0) }, 5, true },
};

static void test_row(void **state)
{
	const struct {
		const char *name;
		uint8_t bytes[64];
		size_t len;
		bool login, ends;
	} *row = *state;
	struct derp d;
	struct node n;

	node_open(&n, &sys, "sender");
	node_join(&n, reusable);
	derp_dial(&d, &n.secret);
	if (row->login)
		assert_true(derp_login(&d));
	sys_send(&sys, d.fd, row->bytes, row->len);
	sys_turn(&sys, 12);
	if (row->ends)
		assert_true(sys_closes(&sys, d.fd));
	expect_packet(witness_from, witness_to);
	derp_close(&d);
	node_close(&n);
}

static void test_cut_at_every_byte(void **state)
{
	struct fl_derp_client_info info = { .version = 2 };
	uint8_t nonce[FL_BOX_NONCE_LEN] = { 0 };
	struct fl_buf b = fl_buf_make(1 << 20);
	struct derp d;
	(void)state;

	sys_turn(&sys, 12);
	unsigned before = net_fd_count();
	size_t whole = SIZE_MAX;
	for (size_t len = 0; len <= whole; len++) {
		derp_dial(&d, &alice.secret);
		fl_buf_reset(&b);
		assert_err(fl_derp_client_info_seal(&d.secret, d.server, nonce, &info, &b), FL_OK);
		whole = b.len - 1;
		sys_send(&sys, d.fd, b.ptr, len < b.len ? len : whole);
		derp_close(&d);
	}
	sys_turn(&sys, 12);
	assert_int_equal(net_fd_count(), before);
	fl_buf_done(&b);
	expect_packet(witness_from, witness_to);
}

/* ---- metrics ---- */

static void test_metrics_of_the_listener(void **state)
{
	static const char *const want[] = {
		"\nderp_current_connections 2\n",
		"\nderp_accepted_connections ",
		"\nderp_open_connections_max ",
		"\nderper_tls_request_version{version=\"1.3\"} ",
		"\nderp_certificate_not_after_seconds ",
		"\nstun_requests{",
		"\nprocess_resident_memory_bytes ",
	};
	struct fl_addrport public = sys.at;
	(void)state;

	sys.at = fl_listener_at(sys.server->metrics_listener);
	struct reply r = sys_get(&sys, "/metrics");
	sys.at = public;
	assert_int_equal(r.status, 200);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (strstr((const char *)r.body.ptr, want[i]) == NULL)
			fail_msg("no %s", want[i]);
	reply_done(&r);
}

/* Takes the next name of a metric out of the document: what stands in backquotes. */
static bool next_documented(const char **at, char out[static 80])
{
	static const char prefixes[][10] = { "fairlead_", "headscale", "process_",
					     "derp_",     "derper_",   "stun_" };
	const char *p = *at;

	while ((p = strchr(p, '`')) != NULL) {
		size_t len = strspn(++p, "abcdefghijklmnopqrstuvwxyz0123456789_");
		for (size_t i = 0; len < 80 && i < COUNT(prefixes); i++) {
			if (strncmp(p, prefixes[i], strlen(prefixes[i])) != 0)
				continue;
			memcpy(out, p, len);
			out[len] = '\0';
			*at = p + len;
			return true;
		}
	}
	return false;
}

/* docs/metrics.md names every metric that there is, and no other. */
static void test_metrics_are_documented(void **state)
{
	struct fl_addrport public = sys.at;
	struct fl_buf doc = fl_buf_make(1 << 20);
	size_t printed = 0, documented = 0;
	char line[128], name[80];
	(void)state;

	assert_err(fl_file_read(FL_SOURCE_ROOT "/docs/metrics.md", 1 << 20, NULL, &doc), FL_OK);
	fl_buf_byte(&doc, 0);
	char *to_come = strstr((char *)doc.ptr, "## To come");
	assert_non_null(to_come);
	*to_come = '\0';
	sys.at = fl_listener_at(sys.server->metrics_listener);
	struct reply r = sys_get(&sys, "/metrics");
	sys.at = public;
	for (const char *at = (const char *)doc.ptr; next_documented(&at, name); documented++) {
		snprintf(line, sizeof line, "# TYPE %s ", name);
		if (strstr((const char *)r.body.ptr, line) == NULL)
			fail_msg("docs/metrics.md names %s, and it is not there", name);
	}
	for (const char *p = (const char *)r.body.ptr; (p = strstr(p, "# TYPE ")) != NULL; p++)
		printed++;
	assert_true(printed > 80);
	assert_int_equal(documented, printed);
	reply_done(&r);
	fl_buf_done(&doc);
}

/* ---- STUN ---- */

static int stun_socket(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_port = htons(stun_port) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	return fd;
}

static bool has_datagram(void *ctx)
{
	uint8_t byte;
	return recv(*(int *)ctx, &byte, 1, MSG_PEEK) >= 0;
}

static void test_stun_garbage(void **state)
{
	uint8_t packet[2048], request[FL_STUN_REQUEST_LEN];
	struct fl_stun_txid tx = { { 1, 2, 3 } };
	struct fl_rng rng;
	int fd = stun_socket();
	(void)state;

	fl_rng_init(&rng, 1);
	fl_stun_request(&tx, request);
	for (unsigned i = 0; i < 2000; i++) {
		size_t len = fl_rng_below(&rng, i % 10 == 0 ? sizeof packet : 64);
		for (size_t k = 0; k < len; k++)
			packet[k] = (uint8_t)fl_rng_below(&rng, 256);
		(void)!send(fd, packet, len, 0);
	}
	for (size_t len = 0; len < sizeof request; len++)
		(void)!send(fd, request, len, 0);
	for (size_t i = 0; i < 8; i++) { /* type, length and cookie */
		memcpy(packet, request, sizeof request);
		packet[i] ^= 0x55;
		(void)!send(fd, packet, sizeof request, 0);
	}
	sys_turn(&sys, 50);
	assert_false(has_datagram(&fd));
	(void)!send(fd, request, sizeof request, 0);
	assert_true(sys_until(&sys, has_datagram, &fd));
	ssize_t n = recv(fd, packet, sizeof packet, 0);
	assert_true(n > 20 && fl_stun_is(fl_slice_of(packet, (size_t)n)));
	close(fd);
}

int main(void)
{
	static struct derp from, to;
	struct suite suite = { 0 };

	suite_add(&suite, "only known nodes", test_only_known_nodes, NULL);
	suite_add(&suite, "rotated key goes", test_rotated_key_goes, NULL);
	suite_add(&suite, "stolen key", test_stolen_key, NULL);
	ROWS(&suite, rows, test_row);
	suite_add(&suite, "cut at every byte", test_cut_at_every_byte, NULL);
	suite_add(&suite, "metrics of the listener", test_metrics_of_the_listener, NULL);
	suite_add(&suite, "metrics are documented", test_metrics_are_documented, NULL);
	suite_add(&suite, "STUN garbage", test_stun_garbage, NULL);
	sys_start(&sys, false, NULL);
	reusable = api_key(&sys, api_user(&sys, "ada"), "\"reusable\":true");
	node_open(&alice, &sys, "alice");
	node_join(&alice, reusable);
	node_poll(&alice);
	json_t *port = at(alice.view.settings, "DERPMap.Regions.999.Nodes.0.STUNPort");
	stun_port = (uint16_t)json_integer_value(port);
	node_open(&bob, &sys, "bob");
	node_join(&bob, reusable);
	derp_dial(&from, &alice.secret);
	derp_dial(&to, &bob.secret);
	if (!derp_login(&from) || !derp_login(&to))
		return 1;
	witness_from = &from;
	witness_to = &to;
	sys_guard(&sys, &suite);
	int failed = suite_run(&suite, "system/relay");
	derp_close(&from);
	derp_close(&to);
	node_close(&alice);
	node_close(&bob);
	free(reusable);
	sys_stop(&sys);
	return failed;
}
