/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/test_derp_login.c - login, limits of frames, pings, home, keep-alives, rate. */
#include "derp_kit.h"

static void says_its_key_first(void **state)
{
	(void)state;
	struct kit k;
	uint8_t key[FL_KEY_LEN];
	kit_init(&k, NULL);
	struct kit_client *c = kit_connect(&k, 1);

	assert_int_equal(fl_derp_as_server_key(kit_expect(c, FL_DERP_SERVER_KEY), key), FL_OK);
	assert_memory_equal(key, fl_derp_server_public(k.s), FL_KEY_LEN);
	kit_expect_nothing(c);
	assert_int_equal(kit_stats(&k)->logins, 1);
	assert_int_equal(kit_stats(&k)->connections, 0);
	kit_done(&k);
}

static void logs_in(void **state)
{
	(void)state;
	struct kit k;
	struct fl_derp_server_info info;
	kit_init(&k, NULL);
	struct kit_client *c = kit_connect(&k, 1);

	kit_expect(c, FL_DERP_SERVER_KEY);
	kit_hello(c);
	assert_int_equal(fl_derp_server_info_open(&c->priv, fl_derp_server_public(k.s),
						  kit_expect(c, FL_DERP_SERVER_INFO), &info),
			 FL_OK);
	assert_int_equal(info.version, 2);
	assert_int_equal(info.bytes_per_second, 0);
	assert_true(fl_node_key_eq(fl_derp_client_key(c->c), &c->key));
	assert_int_equal(kit_stats(&k)->logins, 0);
	assert_int_equal(kit_stats(&k)->connections, 1);
	kit_done(&k);
}

static void advises_a_rate(void **state)
{
	(void)state;
	struct kit k;
	struct fl_derp_server_info info;
	kit_init(&k, &(struct fl_derp_config){ .advise_bytes = 1000, .advise_burst = 70000 });
	struct kit_client *c = kit_connect(&k, 1);

	kit_expect(c, FL_DERP_SERVER_KEY);
	kit_hello(c);
	assert_int_equal(fl_derp_server_info_open(&c->priv, fl_derp_server_public(k.s),
						  kit_expect(c, FL_DERP_SERVER_INFO), &info),
			 FL_OK);
	assert_int_equal(info.bytes_per_second, 1000);
	assert_int_equal(info.bytes_burst, 70000);
	kit_done(&k);
}

static void server_nonces_differ(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_connect(&k, 1), *b = kit_connect(&k, 1);

	kit_expect(a, FL_DERP_SERVER_KEY);
	kit_expect(b, FL_DERP_SERVER_KEY);
	kit_hello(a);
	kit_hello(b);
	struct fl_slice ia = kit_expect(a, FL_DERP_SERVER_INFO);
	struct fl_slice ib = kit_expect(b, FL_DERP_SERVER_INFO);
	assert_memory_not_equal(ia.ptr, ib.ptr, FL_BOX_NONCE_LEN);
	kit_done(&k);
}

static void login_deadline(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_connect(&k, 1), *d = kit_login(&k, 2);

	kit_tick(&k, 10 * FL_SEC - FL_MS);
	assert_non_null(c->c);
	assert_true(fl_derp_server_deadline(k.s) <= k.now + FL_SEC);
	kit_tick(&k, FL_SEC);
	assert_null(c->c);
	assert_int_equal(c->reason, FL_ERR_TIMEOUT);
	assert_non_null(d->c);
	kit_done(&k);
}

static void admission_deadline(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	k.hold_admission = true;
	struct kit_client *c = kit_connect(&k, 1);

	kit_hello(c);
	assert_true(c->paused || c->c != NULL);
	kit_tick(&k, 29 * FL_SEC);
	assert_non_null(c->c);
	kit_tick(&k, 2 * FL_SEC);
	assert_null(c->c);
	kit_done(&k);
}

static void refusal_closes(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	k.refuse = true;
	struct kit_client *c = kit_connect(&k, 1);

	kit_expect(c, FL_DERP_SERVER_KEY);
	kit_hello(c);
	assert_null(c->c);
	assert_int_equal(c->reason, FL_ERR_DENIED);
	kit_expect_nothing(c); /* there is no error frame */
	assert_int_equal(kit_stats(&k)->refused, 1);
	kit_done(&k);
}

/* What a client sends behind its login waits for the admission. */
static void early_frames_wait_for_admission(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *b = kit_login(&k, 2);
	k.hold_admission = true;
	struct kit_client *a = kit_connect(&k, 1);

	kit_expect(a, FL_DERP_SERVER_KEY);
	kit_hello(a);
	kit_send(a, &b->key, 100, 0x55);
	assert_true(a->paused);
	kit_expect_nothing(b);
	fl_derp_client_admit(a->c, k.now, true);
	kit_run(&k);
	assert_false(a->paused);
	kit_expect(a, FL_DERP_SERVER_INFO);
	kit_expect_packet(b, a, 100, 0x55);
	kit_done(&k);
}

static void leaves_while_asked_about(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	k.hold_admission = true;
	struct kit_client *a = kit_connect(&k, 1);

	kit_hello(a);
	kit_leave(a);
	assert_int_equal(k.admissions, 1);
	kit_done(&k);
}

/* ---- frames that end the connection, by state ---- */

static struct bad_row {
	const char *name;
	bool logged_in;
	uint8_t type;
	uint32_t len;
	enum fl_err want; /* FL_OK: stays */
} bad_rows[] = {
	{ "login: another frame first", false, FL_DERP_SEND_PACKET, 40, FL_ERR_PROTO },
	{ "login: ping first", false, FL_DERP_PING, 8, FL_ERR_PROTO },
	{ "login: 55 bytes", false, FL_DERP_CLIENT_INFO, 55, FL_ERR_PROTO },
	{ "login: 56 bytes of nothing", false, FL_DERP_CLIENT_INFO, 56, FL_ERR_CRYPTO },
	{ "login: 256 KiB of nothing", false, FL_DERP_CLIENT_INFO, 256 << 10, FL_ERR_CRYPTO },
	{ "login: 256 KiB and a byte", false, FL_DERP_CLIENT_INFO, (256 << 10) + 1,
	  FL_ERR_TOO_BIG },
	{ "packet of 65536", true, FL_DERP_SEND_PACKET, 65568, FL_OK },
	{ "packet of 65537", true, FL_DERP_SEND_PACKET, 65569, FL_ERR_PROTO },
	{ "packet without payload", true, FL_DERP_SEND_PACKET, 32, FL_OK },
	{ "packet without whole key", true, FL_DERP_SEND_PACKET, 31, FL_ERR_PROTO },
	{ "any frame of 65600", true, 0x77, 65600, FL_OK },
	{ "any frame of 65601", true, 0x77, 65601, FL_ERR_TOO_BIG },
	{ "ping of 7", true, FL_DERP_PING, 7, FL_ERR_PROTO },
	{ "ping of 8", true, FL_DERP_PING, 8, FL_OK },
	{ "ping of 9", true, FL_DERP_PING, 9, FL_OK },
	{ "ping of 1000", true, FL_DERP_PING, 1000, FL_OK },
	{ "ping of 1001", true, FL_DERP_PING, 1001, FL_ERR_PROTO },
	{ "preferred of 0", true, FL_DERP_NOTE_PREFERRED, 0, FL_ERR_PROTO },
	{ "preferred of 1", true, FL_DERP_NOTE_PREFERRED, 1, FL_OK },
	{ "preferred of 2", true, FL_DERP_NOTE_PREFERRED, 2, FL_ERR_PROTO },
	{ "pong", true, FL_DERP_PONG, 8, FL_OK },
	{ "keep-alive", true, FL_DERP_KEEP_ALIVE, 0, FL_OK },
	{ "health", true, FL_DERP_HEALTH, 3, FL_OK },
	{ "login again", true, FL_DERP_CLIENT_INFO, 104, FL_OK },
	{ "watch without the mesh key", true, FL_DERP_WATCH_CONNS, 0, FL_ERR_PROTO },
	{ "forward without the mesh key", true, FL_DERP_FORWARD_PACKET, 100, FL_ERR_PROTO },
	{ "close peer without the mesh key", true, FL_DERP_CLOSE_PEER, 32, FL_ERR_PROTO },
};

static void bad_row(void **state)
{
	const struct bad_row *row = *state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = row->logged_in ? kit_login(&k, 1) : kit_connect(&k, 1);

	kit_feed_frame(c, row->type, row->len);
	if (row->want == FL_OK) {
		assert_non_null(c->c);
	} else {
		assert_null(c->c);
		assert_int_equal(c->reason, row->want);
	}
	kit_done(&k);
}

/* Too long is judged on the header: nothing of the body has to come. */
static void header_alone_closes(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_login(&k, 1);
	const uint8_t head[] = { FL_DERP_SEND_PACKET, 0xff, 0xff, 0xff, 0xff };

	kit_feed(c, fl_slice_of(head, 4));
	assert_non_null(c->c);
	kit_feed(c, fl_slice_of(head + 4, 1));
	assert_null(c->c);
	kit_done(&k);
}

/* Strangers get an eighth of the memory; who is in does not notice. */
static void logins_share_a_part_of_the_memory(void **state)
{
	(void)state;
	struct kit k;
	uint8_t head[FL_DERP_HEADER_LEN];
	static uint8_t body[FL_DERP_INPUT_MAX];
	unsigned refused = 0;
	kit_init(&k, &(struct fl_derp_config){ .memory_max = 8 << 20 });
	struct kit_client *a = kit_login(&k, 100), *b = kit_login(&k, 101);

	fl_derp_header(head, FL_DERP_CLIENT_INFO, FL_DERP_LOGIN_MAX);
	for (unsigned i = 0; i < 10; i++) {
		struct kit_client *c = kit_connect(&k, (uint8_t)i);
		kit_feed(c, fl_slice_of(head, sizeof head));
		kit_feed(c, fl_slice_of(body, sizeof body));
		kit_feed(c, fl_slice_of(body, sizeof body));
		refused += c->c == NULL;
		assert_true(kit_stats(&k)->login_memory <= 1 << 20);
	}
	assert_int_equal(refused, 10 - 3);
	kit_send(a, &b->key, 65536, 1);
	kit_expect_packet(b, a, 65536, 1);
	for (size_t i = 2; i < k.count; i++)
		kit_leave(&k.at[i]);
	assert_int_equal(kit_stats(&k)->login_memory, 0);
	kit_done(&k);
}

/* ---- pings ---- */

static void pong_echoes_eight(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_login(&k, 1);
	const uint8_t ping[] = { FL_DERP_PING, 0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9 };

	kit_feed(c, fl_slice_of(ping, sizeof ping));
	struct fl_slice pong = kit_expect(c, FL_DERP_PONG);
	assert_int_equal(pong.len, 8);
	assert_memory_equal(pong.ptr, ping + 5, 8);
	kit_done(&k);
}

static void ping_flood_waits_as_one(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_login(&k, 1), *d = kit_login(&k, 2);
	kit_stall(c);

	kit_send(d, &c->key, 10, 1); /* the one write it takes */
	for (unsigned i = 0; i < 1000; i++) {
		const uint8_t ping[] = {
			FL_DERP_PING, 0, 0, 0, 8, 9, (uint8_t)i, 0, 0, 0, 0, 0, 0
		};
		kit_feed(c, fl_slice_of(ping, sizeof ping));
	}
	kit_unstall(c);
	kit_expect_packet(c, d, 10, 1);
	struct fl_slice pong = kit_expect(c, FL_DERP_PONG);
	assert_int_equal(pong.ptr[0], 9);
	assert_int_equal(pong.ptr[1], 0); /* the first is answered, the others are ignored */
	kit_expect_nothing(c);
	assert_int_equal(kit_stats(&k)->got_ping, 1000);
	assert_int_equal(kit_stats(&k)->sent_pong, 1);
	kit_done(&k);
}

/* ---- home ---- */

static void note_preferred(struct kit_client *c, uint8_t yes)
{
	const uint8_t frame[] = { FL_DERP_NOTE_PREFERRED, 0, 0, 0, 1, yes };
	kit_feed(c, fl_slice_of(frame, sizeof frame));
}

static void home_gauge_at_leaving(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_login(&k, 1);

	note_preferred(c, 1);
	kit_leave(c);
	assert_int_equal(kit_stats(&k)->home_connections, 0);
	kit_done(&k);
}

static void home_moves_count_after_five_seconds(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c = kit_login(&k, 1);

	note_preferred(c, 1);
	note_preferred(c, 1);
	assert_int_equal(kit_stats(&k)->home_connections, 1);
	assert_int_equal(kit_stats(&k)->home_moves_in, 0);
	kit_tick(&k, 5 * FL_SEC);
	note_preferred(c, 0);
	assert_int_equal(kit_stats(&k)->home_moves_out, 0);
	kit_tick(&k, 1);
	note_preferred(c, 1);
	note_preferred(c, 0);
	assert_int_equal(kit_stats(&k)->home_moves_in, 1);
	assert_int_equal(kit_stats(&k)->home_moves_out, 1);
	assert_int_equal(kit_stats(&k)->home_connections, 0);
	kit_done(&k);
}

/* ---- keep-alive ---- */

static void keep_alive_within_60_to_66_seconds(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *c[32];

	for (uint8_t i = 0; i < 32; i++)
		c[i] = kit_login(&k, i);
	kit_tick(&k, 60 * FL_SEC - 1);
	for (uint8_t i = 0; i < 32; i++)
		kit_expect_nothing(c[i]);
	for (int i = 0; i < 6; i++)
		kit_tick(&k, FL_SEC);
	kit_tick(&k, 1);
	for (uint8_t i = 0; i < 32; i++) {
		kit_expect(c[i], FL_DERP_KEEP_ALIVE);
		kit_expect_nothing(c[i]);
	}
	for (int i = 0; i < 660; i++)
		kit_tick(&k, FL_SEC);
	for (uint8_t i = 0; i < 32; i++) {
		size_t n = kit_count(c[i], FL_DERP_KEEP_ALIVE);
		assert_in_range(n, 10, 11);
	}
	kit_done(&k);
}

/* Ten thousand idle clients wake us once a second at most. */
static void wake_ups_are_shared(void **state)
{
	(void)state;
	struct kit k;
	struct fl_derp_effect e;
	struct fl_addrport from = { fl_ip_v4(192, 0, 2, 1), 1 };
	enum { MANY = 10000 };
	static struct fl_derp_client *c[MANY];
	unsigned wakes = 0, closed = 0;
	kit_init(&k, NULL);

	for (int i = 0; i < MANY; i++)
		assert_int_equal(
			fl_derp_client_new(k.s, k.now + i * FL_US, &from, false, NULL, &c[i]),
			FL_OK);
	while (fl_derp_server_next(k.s, true, &e))
		assert_int_equal(e.kind, FL_DERP_FLUSH);
	for (fl_time at; (at = fl_derp_server_deadline(k.s)) != FL_NEVER; wakes++) {
		assert_true(at > k.now);
		k.now = at;
		fl_derp_server_tick(k.s, at);
		while (fl_derp_server_next(k.s, true, &e)) {
			assert_int_equal(e.kind, FL_DERP_CLOSE);
			fl_derp_client_free(e.client);
			closed++;
		}
	}
	assert_int_equal(closed, MANY);
	assert_true(wakes <= 2);
	kit_done(&k);
}

/* ---- rate ---- */

static void rate_makes_wait(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 65568, .rate_burst = 1 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &b->key, 65536, 1); /* the burst is raised to one largest packet */
	kit_expect_packet(b, a, 65536, 1);
	assert_false(a->paused);
	kit_send(a, &b->key, 32736, 2); /* half a second's worth */
	assert_true(a->paused);
	kit_expect_nothing(b);
	kit_tick(&k, 499 * FL_MS);
	kit_expect_nothing(b);
	kit_tick(&k, 10 * FL_MS);
	assert_false(a->paused);
	kit_expect_packet(b, a, 32736, 2);
	assert_int_equal(kit_stats(&k)->rate_waits, 1);
	for (int i = 0; i < FL_DERP_DROP_COUNT; i++) /* nothing is dropped */
		assert_int_equal(kit_stats(&k)->drop[i].packets[1], 0);
	kit_done(&k);
}

static void rate_holds_many_small_frames_in_order(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 65568 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	struct fl_buf in = fl_buf_make(1 << 20);
	uint8_t p[968];

	kit_send(a, &b->key, 65000, 0xee);
	kit_expect_packet(b, a, 65000, 0xee);
	for (uint8_t i = 0; i < 60; i++) { /* 1000 bytes each */
		memset(p, i, sizeof p);
		fl_derp_put_send(&in, &b->key, fl_slice_of(p, sizeof p));
	}
	kit_feed(a, fl_buf_slice(&in));
	fl_buf_done(&in);
	assert_true(a->paused);
	for (int i = 0; i < 100; i++)
		kit_tick(&k, 10 * FL_MS);
	assert_false(a->paused);
	for (uint8_t i = 0; i < 60; i++)
		kit_expect_packet(b, a, sizeof p, i);
	kit_done(&k);
}

/* The cost is paid once, at the header, and no frame costs more than the largest packet. */
static void rate_counts_a_frame_once(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 65568 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	struct fl_buf in = fl_buf_make(1 << 20);
	static uint8_t p[60000];

	fl_derp_put_send(&in, &b->key, fl_slice_of(p, sizeof p));
	kit_feed(a, fl_slice_of(in.ptr, 10));
	kit_feed(a, fl_slice_of(in.ptr + 10, 30000));
	assert_false(a->paused);
	kit_feed(a, fl_slice_of(in.ptr + 30010, in.len - 30010));
	assert_false(a->paused);
	fl_buf_done(&in);
	kit_expect_packet(b, a, sizeof p, 0);
	kit_feed_frame(a, 0x77, FL_DERP_BODY_MAX);
	assert_true(a->paused);
	for (int i = 0; i < 101; i++)
		kit_tick(&k, 10 * FL_MS);
	assert_false(a->paused);
	assert_int_equal(kit_stats(&k)->unknown_frames, 1);
	kit_done(&k);
}

static void rate_changes_for_live_clients(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 100 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &b->key, 65536, 1);
	kit_send(a, &b->key, 60000, 2);
	assert_true(a->paused);
	kit_tick(&k, FL_SEC);
	assert_true(a->paused);
	fl_derp_server_rate(k.s, 0, 0);
	kit_run(&k);
	assert_false(a->paused);
	kit_expect_packet(b, a, 65536, 1);
	kit_expect_packet(b, a, 60000, 2);
	kit_done(&k);
}

static void restarting_is_told(void **state)
{
	(void)state;
	struct kit k;
	struct fl_derp_restarting r = { 500, 30000 }, got;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_connect(&k, 2);

	kit_expect(b, FL_DERP_SERVER_KEY);
	fl_derp_server_restarting(k.s, &r);
	kit_run(&k);
	assert_int_equal(fl_derp_as_restarting(kit_expect(a, FL_DERP_RESTARTING), &got), FL_OK);
	assert_int_equal(got.reconnect_in_ms, 500);
	kit_expect_nothing(b);
	kit_done(&k);
}

static void revoked_key_is_closed(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *a2 = kit_login(&k, 1), *b = kit_login(&k, 2);

	assert_int_equal(fl_derp_server_close_key(k.s, &a->key), 2);
	kit_run(&k);
	assert_null(a->c);
	assert_null(a2->c);
	assert_non_null(b->c);
	assert_int_equal(fl_derp_server_close_key(k.s, &a->key), 0);
	kit_done(&k);
}

/* A debt made under a low rate would otherwise be waited for at the low rate. */
static void a_raised_rate_ends_old_debts(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 1000 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &b->key, 65536, 1);
	kit_expect_packet(b, a, 65536, 1);
	kit_send(a, &b->key, 65536, 2); /* more than a minute at this rate */
	kit_tick(&k, FL_SEC);
	kit_expect_nothing(b);
	fl_derp_server_rate(k.s, 100 << 20, 0);
	kit_run(&k);
	kit_tick(&k, 20 * FL_MS);
	kit_expect_packet(b, a, 65536, 2);
	assert_false(a->paused);
	kit_done(&k);
}

int main(void)
{
	static const struct CMUnitTest plain[] = {
		cmocka_unit_test(says_its_key_first),
		cmocka_unit_test(logs_in),
		cmocka_unit_test(advises_a_rate),
		cmocka_unit_test(server_nonces_differ),
		cmocka_unit_test(login_deadline),
		cmocka_unit_test(admission_deadline),
		cmocka_unit_test(refusal_closes),
		cmocka_unit_test(early_frames_wait_for_admission),
		cmocka_unit_test(leaves_while_asked_about),
		cmocka_unit_test(header_alone_closes),
		cmocka_unit_test(logins_share_a_part_of_the_memory),
		cmocka_unit_test(pong_echoes_eight),
		cmocka_unit_test(ping_flood_waits_as_one),
		cmocka_unit_test(home_gauge_at_leaving),
		cmocka_unit_test(home_moves_count_after_five_seconds),
		cmocka_unit_test(keep_alive_within_60_to_66_seconds),
		cmocka_unit_test(wake_ups_are_shared),
		cmocka_unit_test(rate_makes_wait),
		cmocka_unit_test(rate_holds_many_small_frames_in_order),
		cmocka_unit_test(rate_counts_a_frame_once),
		cmocka_unit_test(rate_changes_for_live_clients),
		cmocka_unit_test(a_raised_rate_ends_old_debts),
		cmocka_unit_test(restarting_is_told),
		cmocka_unit_test(revoked_key_is_closed),
	};
	struct CMUnitTest tests[COUNT(bad_rows) + COUNT(plain)];
	size_t n = 0;

	for (size_t i = 0; i < COUNT(bad_rows); i++)
		tests[n++] =
			(struct CMUnitTest){ bad_rows[i].name, bad_row, NULL, NULL, &bad_rows[i] };
	for (size_t i = 0; i < COUNT(plain); i++)
		tests[n++] = plain[i];
	return cmocka_run_group_tests_name("proto/derp login", tests, NULL, NULL);
}
