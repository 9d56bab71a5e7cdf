/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_relay.c - the relay on real sockets: upgrades, packets, stalls, stop. */
#include "relay_rig.h"

#include "base/text.h"

#include <openssl/x509.h>
#include <sys/socket.h>

/* ---- upgrades ---- */

static void upgrade_is_exact(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	char want[256], hex[2 * FL_KEY_LEN + 1];
	rig_start(&r, NULL);

	client_dial(&r, &c, 1, false);
	client_text(
		&c,
		"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n");
	fl_hex_encode(fl_relay_public(fl_relay_standalone_relay(r.relay)), FL_KEY_LEN, hex);
	snprintf(want, sizeof want,
		 "HTTP/1.1 101 Switching Protocols\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n"
		 "Derp-Version: 2\r\nDerp-Public-Key: %s\r\n\r\n",
		 hex);
	struct fl_slice got = client_read(&c, strlen(want));
	assert_memory_equal(got.ptr, want, strlen(want));
	assert_int_equal(client_frame(&c, FL_DERP_SERVER_KEY).len, 40);
	client_hello(&c);
	client_frame(&c, FL_DERP_SERVER_INFO);
	client_close(&c);
	rig_stop(&r);
}

static struct upgrade_row {
	const char *name, *fields;
	const char *status; /* NULL: speaks raw DERP */
	const char *body;
} upgrade_rows[] = {
	{ "no upgrade", "", "426", "DERP requires connection upgrade" },
	{ "another upgrade", "Upgrade: h2c\r\nConnection: Upgrade\r\n", "426",
	  "DERP requires connection upgrade" },
	{ "any case", "Upgrade: derp\r\nConnection: upgrade\r\n", NULL, NULL },
	{ "websocket without subprotocol", "Upgrade: WebSocket\r\nConnection: Upgrade\r\n", NULL,
	  NULL },
	{ "not its ideal node", "Upgrade: DERP\r\nConnection: Upgrade\r\nIdeal-Node: 900a\r\n",
	  NULL, NULL },
};

static void upgrade_row(void **state)
{
	const struct upgrade_row *row = *state;
	struct rig r;
	struct client c;
	char request[512];
	rig_start(&r, NULL);

	client_dial(&r, &c, 1, false);
	snprintf(request, sizeof request, "GET /derp HTTP/1.1\r\nHost: x\r\n%s\r\n", row->fields);
	client_text(&c, request);
	struct fl_slice head = client_read_head(&c);
	if (row->status != NULL) {
		assert_true(contains(head, row->status));
		struct fl_slice body = client_read(&c, strlen(row->body));
		assert_memory_equal(body.ptr, row->body, body.len);
	} else {
		assert_true(contains(head, " 101 "));
		client_frame(&c, FL_DERP_SERVER_KEY);
		client_hello(&c);
		client_frame(&c, FL_DERP_SERVER_INFO);
		assert_int_equal(rig_stats(&r)->not_ideal_connections,
				 contains(fl_slice_str(row->fields), "Ideal"));
	}
	client_close(&c);
	rig_stop(&r);
}

/* Request and login in a single record: no HTTP comes back. */
static void fast_start(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	struct fl_derp_client_info info = { .version = 2 };
	struct fl_buf b = fl_buf_make(4096);
	static const uint8_t nonce[FL_BOX_NONCE_LEN];
	rig_start(&r, NULL);
	const uint8_t *pub = fl_relay_public(fl_relay_standalone_relay(r.relay));

	client_dial(&r, &c, 1, true);
	fl_buf_str(&b, "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n"
		       "Derp-Fast-Start: 1\r\n\r\n");
	assert_int_equal(fl_derp_client_info_seal(&c.priv, pub, nonce, &info, &b), FL_OK);
	client_write(&c, b.ptr, b.len);
	fl_buf_done(&b);
	struct fl_slice key = client_frame(&c, FL_DERP_SERVER_KEY);
	assert_memory_equal(key.ptr + FL_DERP_MAGIC_LEN, pub, FL_KEY_LEN);
	client_frame(&c, FL_DERP_SERVER_INFO);
	client_close(&c);
	rig_stop(&r);
}

/* The last certificate of the chain names the relay's key; the first clients come before it. */
static void meta_certificate_names_the_key(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	char want[16 + 2 * FL_KEY_LEN] = "derpkey", cn[128] = "";
	rig_start(&r, NULL);

	client_dial(&r, &c, 1, true);
	while (sk_X509_num(SSL_get_peer_cert_chain(c.tls.ssl)) == 1) {
		client_close(&c);
		client_dial(&r, &c, 1, true);
	}
	STACK_OF(X509) *chain = SSL_get_peer_cert_chain(c.tls.ssl);
	assert_int_equal(sk_X509_num(chain), 2);
	X509 *meta = sk_X509_value(chain, 1);
	X509_NAME_get_text_by_NID(X509_get_subject_name(meta), NID_commonName, cn, sizeof cn);
	fl_hex_encode(fl_relay_public(fl_relay_standalone_relay(r.relay)), FL_KEY_LEN, want + 7);
	assert_string_equal(cn, want);
	assert_int_equal(ASN1_INTEGER_get(X509_get_serialNumber(meta)), 2);
	client_close(&c);
	rig_stop(&r);
}

/* ---- WebSocket ---- */

static void ws_send(struct client *c, const uint8_t *p, size_t n)
{
	uint8_t head[14] = { 0x82 }, mask[4] = { 1, 2, 3, 4 };
	size_t len = 2;
	uint8_t *copy = malloc(n + 1);

	assert_true(n < 65536);
	if (n < 126) {
		head[1] = (uint8_t)(0x80 | n);
	} else {
		head[1] = 0x80 | 126;
		head[2] = (uint8_t)(n >> 8);
		head[3] = (uint8_t)n;
		len = 4;
	}
	memcpy(head + len, mask, 4);
	for (size_t i = 0; i < n; i++)
		copy[i] = p[i] ^ mask[i % 4];
	client_write(c, head, len + 4);
	client_write(c, copy, n);
	free(copy);
}

static struct fl_slice ws_message(struct client *c, uint8_t *out_op)
{
	struct fl_slice head = client_read(c, 2);
	size_t n = head.ptr[1];

	*out_op = head.ptr[0] & 15;
	if (n == 126) {
		struct fl_slice more = client_read(c, 2);
		n = (size_t)(more.ptr[0] << 8 | more.ptr[1]);
	}
	return client_read(c, n);
}

static const char ws_request[] =
	"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
	"Sec-WebSocket-Protocol: other, derp\r\n\r\n";

static void websocket(void **state)
{
	(void)state;
	struct rig r;
	struct client c, d;
	struct fl_derp_client_info info = { .version = 2 };
	struct fl_derp_frame f;
	struct fl_buf b = fl_buf_make(4096), in = fl_buf_make(1 << 20);
	uint8_t op, nonce[FL_BOX_NONCE_LEN] = { 9 };
	size_t used;
	rig_start(&r, NULL);

	client_join(&r, &d, 2, false);
	client_dial(&r, &c, 1, false);
	client_text(&c, ws_request);
	struct fl_slice head = client_read_head(&c);
	assert_true(contains(head, "Sec-WebSocket-Protocol: derp\r\n"));
	assert_true(contains(head, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
	struct fl_slice m = ws_message(&c, &op);
	assert_int_equal(op, 2);
	assert_int_equal(fl_derp_next(m, 1 << 20, &f, &used), FL_OK);
	assert_int_equal(f.type, FL_DERP_SERVER_KEY);

	const uint8_t *pub = fl_relay_public(fl_relay_standalone_relay(r.relay));
	assert_int_equal(fl_derp_client_info_seal(&c.priv, pub, nonce, &info, &b), FL_OK);
	for (size_t i = 0; i < b.len; i++) /* a frame split over messages */
		ws_send(&c, b.ptr + i, 1);
	m = ws_message(&c, &op);
	assert_int_equal(fl_derp_next(m, 1 << 20, &f, &used), FL_OK);
	assert_int_equal(f.type, FL_DERP_SERVER_INFO);

	fl_derp_put_send(&in, &d.key, fl_slice_of("aa", 2)); /* several in one message */
	fl_derp_put_send(&in, &d.key, fl_slice_of("bbb", 3));
	ws_send(&c, in.ptr, in.len);
	client_expect(&d, &c, 2, 'a');
	client_expect(&d, &c, 3, 'b');
	client_send(&d, &c.key, 1000, 'c');
	m = ws_message(&c, &op);
	assert_int_equal(fl_derp_next(m, 1 << 20, &f, &used), FL_OK);
	assert_int_equal(f.type, FL_DERP_RECV_PACKET);
	assert_int_equal(used, m.len);
	fl_buf_done(&b);
	fl_buf_done(&in);
	client_close(&c);
	client_close(&d);
	rig_stop(&r);
}

static bool nobody(void *ctx, const struct fl_node_key *key, const struct fl_addrport *from)
{
	(void)ctx, (void)key, (void)from;
	return false;
}

/* A browser's user hears why; the subprotocol may stand in a line of its own. */
static void websocket_refused(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	struct fl_derp_client_info info = { .version = 2 };
	struct fl_buf b = fl_buf_make(4096);
	uint8_t op, nonce[FL_BOX_NONCE_LEN] = { 9 };
	rig_start(&r, &(struct fl_relay_standalone_config){ .relay.admit = nobody });
	const uint8_t *pub = fl_relay_public(fl_relay_standalone_relay(r.relay));

	client_dial(&r, &c, 1, false);
	client_text(&c, "GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
			"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
			"Sec-WebSocket-Protocol: other\r\nSec-WebSocket-Protocol: DERP\r\n\r\n");
	assert_true(contains(client_read_head(&c), "Sec-WebSocket-Protocol: derp\r\n"));
	ws_message(&c, &op);
	assert_int_equal(op, 2);
	assert_int_equal(fl_derp_client_info_seal(&c.priv, pub, nonce, &info, &b), FL_OK);
	ws_send(&c, b.ptr, b.len);
	struct fl_slice m = ws_message(&c, &op);
	assert_int_equal(op, 8);
	assert_int_equal(m.len, 2);
	assert_int_equal(m.ptr[0] << 8 | m.ptr[1], 1008);
	fl_buf_done(&b);
	client_close(&c);
	rig_stop(&r);
}

/* ---- packets ---- */

static void packets_between_tls_and_plain(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b;
	rig_start(&r, NULL);

	client_join(&r, &a, 1, true);
	client_join(&r, &b, 2, false);
	for (uint8_t i = 0; i < 50; i++) {
		client_send(&a, &b.key, 1400, i);
		client_send(&b, &a.key, 60, i);
	}
	client_send(&a, &b.key, 65536, 7);
	for (uint8_t i = 0; i < 50; i++) {
		client_expect(&b, &a, 1400, i);
		client_expect(&a, &b, 60, i);
	}
	client_expect(&b, &a, 65536, 7);
	client_close(&a);
	struct fl_derp_peer_gone gone;
	assert_int_equal(fl_derp_as_peer_gone(client_frame(&b, FL_DERP_PEER_GONE), &gone), FL_OK);
	assert_true(fl_node_key_eq(&gone.key, &a.key));
	client_close(&b);
	rig_stop(&r);
}

static void bad_login_is_closed(void **state)
{
	(void)state;
	struct rig r;
	struct client c;
	uint8_t junk[FL_DERP_HEADER_LEN + 104] = { FL_DERP_CLIENT_INFO, 0, 0, 0, 104, 1, 2, 3 };
	rig_start(&r, NULL);

	client_dial(&r, &c, 1, false);
	client_text(
		&c,
		"GET /derp HTTP/1.1\r\nHost: x\r\nUpgrade: DERP\r\nConnection: Upgrade\r\n\r\n");
	client_read_head(&c);
	client_write(&c, junk, sizeof junk);
	client_frame(&c, FL_DERP_SERVER_KEY);
	assert_true(client_ends(&c));
	assert_int_equal(rig_stats(&r)->logins, 0);
	client_close(&c);
	rig_stop(&r);
}

struct stalled {
	struct rig *r;
	struct client *from, *to, *other;
	struct fl_node_key key;
	uint64_t timeouts;
};

static bool write_timed_out(void *ctx)
{
	struct stalled *s = ctx;
	struct fl_relay_stats st;

	fl_relay_stats(fl_relay_standalone_relay(s->r->relay), &st);
	s->timeouts = st.write_timeouts;
	return st.write_timeouts > 0;
}

/* A receiver that takes nothing loses packets, then its connection; others notice nothing. */
static void stalled_receiver_is_closed(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b, c;
	int small = 4096;
	rig_start(&r, &(struct fl_relay_standalone_config){ .relay.write_timeout = 300 * FL_MS });

	client_join(&r, &a, 1, false);
	client_join(&r, &b, 2, false);
	client_join(&r, &c, 3, false);
	setsockopt(b.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
	for (int i = 0; i < 400; i++)
		client_send(&a, &b.key, 60000, 1);
	client_send(&a, &c.key, 100, 2);
	client_expect(&c, &a, 100, 2);
	struct stalled s = { &r, &a, &b, &c, b.key, 0 };
	assert_true(net_until(r.loop, write_timed_out, &s));
	assert_true(rig_stats(&r)->drop[FL_DERP_DROP_QUEUE_HEAD].packets[1] > 0);
	assert_int_equal(rig_stats(&r)->connections, 2);
	assert_int_equal(rig_stats(&r)->memory <= 80 << 10, true);
	client_close(&a);
	client_close(&b);
	client_close(&c);
	rig_stop(&r);
}

static void rate_pauses_the_reader(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b;
	rig_start(&r, &(struct fl_relay_standalone_config){ .relay.rate_bytes = 1 << 20 });

	client_join(&r, &a, 1, false);
	client_join(&r, &b, 2, false);
	for (uint8_t i = 0; i < 4; i++)
		client_send(&a, &b.key, 65536, i);
	for (uint8_t i = 0; i < 4; i++)
		client_expect(&b, &a, 65536, i);
	assert_true(rig_stats(&r)->rate_waits > 0);
	client_close(&a);
	client_close(&b);
	rig_stop(&r);
}

static void stop_tells_and_closes(void **state)
{
	(void)state;
	struct rig r;
	struct client a;
	rig_start(&r, NULL);

	client_join(&r, &a, 1, true);
	r.relay = fl_relay_standalone_stop(r.relay, FL_SEC);
	client_frame(&a, FL_DERP_RESTARTING);
	assert_true(client_ends(&a));
	client_close(&a);
	fl_loop_free(r.loop);
}

static bool is_blocked(void *ctx)
{
	struct rig *r = ctx;
	struct fl_relay_stats st;

	fl_relay_stats(fl_relay_standalone_relay(r->relay), &st);
	return st.blocked > 0;
}

/* Who does not read at the moment of the stop has the linger to take all that waited for it. */
static void stop_writes_out_what_waits(void **state)
{
	(void)state;
	struct rig r;
	struct client a, b;
	uint8_t n = 0;
	rig_start(&r, NULL);

	client_join(&r, &a, 1, false);
	client_join(&r, &b, 2, true);
	for (; n < 200 && !is_blocked(&r); n++) {
		client_send(&a, &b.key, 60000, n);
		fl_loop_poll(r.loop);
	}
	assert_true(is_blocked(&r));
	client_send(&a, &b.key, 1000, n);
	client_send(&a, &a.key, 1, 1); /* when it is back the relay has seen all */
	client_expect(&a, &a, 1, 1);
	r.relay = fl_relay_standalone_stop(r.relay, 5 * FL_SEC);
	bool told = false;
	for (uint8_t i = 0; i <= n || !told;) {
		struct fl_slice head = client_read(&b, FL_DERP_HEADER_LEN);
		uint8_t type = 0;
		uint32_t len = 0;
		assert_int_equal(fl_derp_peek(head, FL_DERP_CLIENT_MAX, &type, &len), FL_OK);
		struct fl_slice body = client_read(&b, len);
		told = told || type == FL_DERP_RESTARTING;
		if (type == FL_DERP_RECV_PACKET)
			assert_int_equal(body.ptr[len - 1], i++);
	}
	assert_true(client_ends(&b));
	client_close(&a);
	client_close(&b);
	fl_loop_free(r.loop);
}

static bool all_gone(void *ctx)
{
	return rig_stats(ctx)->connections == 0;
}

/* Clients come and go many times; nothing is left over. */
static void storm(void **state)
{
	(void)state;
	enum { ROUNDS = 5, CLIENTS = 60 };
	static struct client c[CLIENTS];
	struct rig r;
	rig_start(&r, NULL);
	net_warm_up();
	unsigned fds = 0;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < CLIENTS; i++)
			client_join(&r, &c[i], (uint8_t)(i / 2), i % 4 == 0); /* half are doubles */
		assert_int_equal(rig_stats(&r)->connections, CLIENTS);
		assert_int_equal(rig_stats(&r)->dup_keys, CLIENTS / 2);
		for (int i = 0; i < CLIENTS; i++)
			client_send(&c[i], &c[(i + 7) % CLIENTS].key, 100, 1);
		for (int i = 0; i < CLIENTS; i++)
			client_close(&c[(i * 7) % CLIENTS]);
		assert_true(net_until(r.loop, all_gone, &r));
		assert_true(fl_relay_check(fl_relay_standalone_relay(r.relay)));
		if (round == 0)
			fds = net_fd_count();
		assert_int_equal(net_fd_count(), fds);
		assert_int_equal(rig_stats(&r)->memory, 0);
		assert_int_equal(rig_stats(&r)->watches, 0);
	}
	rig_stop(&r);
}

static void starts_and_stops(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct rig r;
		rig_start(&r, NULL);
		rig_stop(&r);
	}
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(upgrade_is_exact),
		cmocka_unit_test(fast_start),
		cmocka_unit_test(meta_certificate_names_the_key),
		cmocka_unit_test(websocket),
		cmocka_unit_test(websocket_refused),
		cmocka_unit_test(packets_between_tls_and_plain),
		cmocka_unit_test(bad_login_is_closed),
		cmocka_unit_test(stalled_receiver_is_closed),
		cmocka_unit_test(rate_pauses_the_reader),
		cmocka_unit_test(stop_tells_and_closes),
		cmocka_unit_test(stop_writes_out_what_waits),
		cmocka_unit_test(storm),
		cmocka_unit_test(starts_and_stops),
	};
	struct CMUnitTest tests[COUNT(upgrade_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(upgrade_rows); i++)
		tests[n++] = (struct CMUnitTest){ upgrade_rows[i].name, upgrade_row, NULL, NULL,
						  &upgrade_rows[i] };
	for (size_t i = 0; i < COUNT(plain); i++)
		tests[n++] = plain[i];
	return cmocka_run_group_tests_name("services/relay", tests, NULL, NULL);
}
