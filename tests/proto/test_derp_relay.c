/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/test_derp_relay.c - packets between clients: queues, drops, farewells. */
#include "derp_kit.h"

#include "base/rng.h"

static const struct fl_node_key stranger = { { 0x42, 0x42 } };

static void packets_both_ways(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &b->key, 1400, 1);
	kit_send(b, &a->key, 0, 0);
	kit_send(a, &b->key, 65536, 2);
	kit_send(a, &a->key, 5, 3); /* to itself */
	kit_expect_packet(b, a, 1400, 1);
	kit_expect_packet(b, a, 65536, 2);
	kit_expect_packet(a, b, 0, 0);
	kit_expect_packet(a, a, 5, 3);
	kit_expect_nothing(a);
	kit_expect_nothing(b);
	assert_int_equal(kit_stats(&k)->packets_received, 4);
	assert_int_equal(kit_stats(&k)->packets_sent, 4);
	assert_int_equal(kit_stats(&k)->bytes_sent, 1400 + 65536 + 5);
	kit_done(&k);
}

/* The same conversation cut at every possible place of the byte stream, and byte by byte. */
static void frames_arrive_in_any_pieces(void **state)
{
	(void)state;
	struct fl_buf in = fl_buf_make(1 << 20);
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	uint8_t p[300];

	for (uint8_t i = 0; i < 5; i++) {
		memset(p, i, sizeof p);
		fl_derp_put_send(&in, &b->key, fl_slice_of(p, i * 60u));
		fl_derp_put(&in, 0x7f, fl_slice_of(p, i));
	}
	for (size_t cut = 0; cut <= in.len; cut++) {
		kit_feed(a, fl_slice_of(in.ptr, cut));
		kit_feed(a, fl_slice_of(in.ptr + cut, in.len - cut));
		for (uint8_t i = 0; i < 5; i++)
			kit_expect_packet(b, a, i * 60u, i);
		kit_expect_nothing(b);
	}
	for (size_t at = 0; at < in.len; at++)
		kit_feed(a, fl_slice_of(in.ptr + at, 1));
	for (uint8_t i = 0; i < 5; i++)
		kit_expect_packet(b, a, i * 60u, i);
	assert_int_equal(kit_stats(&k)->unknown_frames, 5 * (in.len + 2));
	assert_int_equal(kit_stats(&k)->memory, 0); /* between frames nothing is held */
	fl_buf_done(&in);
	kit_done(&k);
}

/* Ten thousand frames of all sizes in random pieces arrive whole and in order. */
static void many_frames_in_random_pieces(void **state)
{
	(void)state;
	enum { FRAMES = 10000, PACKETS_MAX = 1800 };
	struct fl_buf in = fl_buf_make(64 << 20);
	struct kit k;
	struct fl_rng rng;
	static uint8_t p[PACKETS_MAX];
	kit_init(&k, NULL);
	fl_rng_init(&rng, 7);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	for (uint32_t i = 0; i < FRAMES; i++) {
		size_t len = i % 500 == 0 ? 0 : fl_rng_below(&rng, PACKETS_MAX);
		memset(p, (uint8_t)i, sizeof p);
		fl_derp_put_send(&in, &b->key, fl_slice_of(p, len));
	}
	assert_int_equal(fl_buf_err(&in), FL_OK);
	for (size_t at = 0; at < in.len;) {
		size_t n = 1 + fl_rng_below(&rng, fl_rng_below(&rng, 4) == 0 ? 65536 : 40);
		n = n < in.len - at ? n : in.len - at;
		kit_feed(a, fl_slice_of(in.ptr + at, n));
		at += n;
	}
	for (uint32_t i = 0; i < FRAMES; i++) {
		struct fl_derp_packet got;
		assert_int_equal(fl_derp_as_recv(kit_expect(b, FL_DERP_RECV_PACKET), &got), FL_OK);
		if (got.payload.len > 0)
			assert_int_equal(got.payload.ptr[got.payload.len - 1], (uint8_t)i);
	}
	kit_expect_nothing(b);
	fl_buf_done(&in);
	kit_done(&k);
}

/* What comes in one read for one receiver leaves in few writes. */
static void a_batch_is_few_writes(void **state)
{
	(void)state;
	struct fl_buf in = fl_buf_make(1 << 20);
	struct kit k;
	uint8_t p[1400] = { 0 };
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	for (int i = 0; i < 45; i++)
		fl_derp_put_send(&in, &b->key, fl_slice_of(p, sizeof p));
	b->writes = 0;
	kit_feed(a, fl_buf_slice(&in));
	assert_true(b->writes <= 2);
	assert_int_equal(kit_count(b, FL_DERP_RECV_PACKET), 45);
	fl_buf_done(&in);
	kit_done(&k);
}

/* More packets in one read than a queue holds: they leave in between, none is lost. */
static void a_read_of_many_small_packets(void **state)
{
	(void)state;
	struct fl_buf in = fl_buf_make(1 << 20);
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .queue_packets = 64, .disco_packets = 8 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	uint8_t p[62] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	size_t n = 0;

	for (; in.len < 60000; n++)
		fl_derp_put_send(&in, &b->key, fl_slice_of(p + n % 2, 62 - n % 2));
	kit_feed(a, fl_buf_slice(&in));
	assert_int_equal(kit_count(b, FL_DERP_RECV_PACKET), n);
	fl_buf_done(&in);
	kit_done(&k);
}

/* ---- receivers that do not read ---- */

static void stalled_receiver_loses_the_oldest(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .queue_packets = 32 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2), *c = kit_login(&k, 3);
	kit_stall(b);

	kit_send(a, &b->key, 10, 255); /* leaves at once, blocks the rest */
	for (uint8_t i = 0; i < 100; i++) {
		kit_send(a, &b->key, 1000, i);
		kit_send(a, &c->key, 1000, i);
		kit_expect_packet(c, a, 1000, i); /* others do not notice */
	}
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_HEAD].packets[1], 68);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_HEAD].bytes[1], 68 * 1000);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_TAIL].packets[1], 0);
	kit_unstall(b);
	kit_expect_packet(b, a, 10, 255);
	for (uint8_t i = 68; i < 100; i++)
		kit_expect_packet(b, a, 1000, i);
	kit_expect_nothing(b);
	kit_done(&k);
}

static void disco_passes_a_full_data_queue(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 255);
	for (int i = 0; i < 2000; i++)
		kit_send(a, &b->key, 1000, 1);
	for (uint8_t i = 0; i < 33; i++)
		kit_send_disco(a, &b->key, i);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_HEAD].packets[0], 1);
	kit_unstall(b);
	kit_expect_packet(b, a, 10, 255);
	for (uint8_t i = 1; i < 33; i++) { /* before the data */
		struct fl_derp_packet p;
		assert_int_equal(fl_derp_as_recv(kit_expect(b, FL_DERP_RECV_PACKET), &p), FL_OK);
		assert_int_equal(p.payload.len, 62);
		assert_int_equal(p.payload.ptr[6], i);
	}
	assert_in_range(kit_count(b, FL_DERP_RECV_PACKET), 200, 300);
	kit_done(&k);
}

static void disco_before_data_in_several_writes(void **state)
{
	(void)state;
	struct kit k;
	struct fl_buf b16 = fl_buf_make(1 << 20);
	static uint8_t p[2000] = { 'T', 'S', 0xf0, 0x9f, 0x92, 0xac };
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 255);
	kit_send(a, &b->key, 10, 254);
	for (int i = 0; i < 10; i++)
		fl_derp_put_send(&b16, &b->key, fl_slice_of(p, sizeof p));
	kit_feed(a, fl_buf_slice(&b16));
	kit_feed_frame(b, FL_DERP_PING, 8);
	kit_unstall(b);
	kit_expect_packet(b, a, 10, 255);
	kit_expect(b, FL_DERP_PONG);
	for (int i = 0; i < 10; i++)
		assert_int_equal(kit_expect(b, FL_DERP_RECV_PACKET).len, 32 + sizeof p);
	kit_expect_packet(b, a, 10, 254);
	kit_expect_nothing(b);
	fl_buf_done(&b16);
	kit_done(&k);
}

static void queue_is_bounded_in_bytes(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .queue_bytes = 200000 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 255);
	for (int i = 0; i < 50; i++) {
		kit_send(a, &b->key, 65536, 1);
		assert_true(kit_stats(&k)->memory < 600000);
	}
	kit_unstall(b);
	assert_int_equal(kit_count(b, FL_DERP_RECV_PACKET), 1 + 4);
	assert_int_equal(kit_stats(&k)->memory <= (80 << 10), true);
	kit_done(&k);
}

static void all_queues_together_are_bounded(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .memory_max = 1 << 20 });
	struct kit_client *a = kit_login(&k, 1), *to[16];

	for (uint8_t i = 0; i < 16; i++) {
		to[i] = kit_login(&k, (uint8_t)(10 + i));
		kit_stall(to[i]);
		kit_send(a, &to[i]->key, 1, 1);
		for (int j = 0; j < 4; j++)
			kit_send(a, &to[i]->key, 65536, 1);
		assert_true(kit_stats(&k)->memory <= 1 << 20);
	}
	assert_true(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_TAIL].packets[1] > 0);
	assert_non_null(a->c);
	for (int i = 0; i < 16; i++) {
		kit_unstall(to[i]);
		assert_true(kit_count(to[i], FL_DERP_RECV_PACKET) >= 1);
	}
	kit_done(&k);
}

static void leaving_counts_what_waited(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 255);
	for (int i = 0; i < 5; i++)
		kit_send(a, &b->key, 100, 1);
	kit_send_disco(a, &b->key, 1);
	kit_leave(b);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_GONE_DISCONNECTED].packets[1], 5);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_GONE_DISCONNECTED].bytes[1], 500);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_GONE_DISCONNECTED].packets[0], 1);
	kit_done(&k);
}

static void lost_writes_are_drops(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 1);
	kit_send(a, &b->key, 20, 1);
	kit_send(a, &b->key, 30, 1);
	assert_true(fl_derp_client_output(b->c, k.now).len > 0);
	fl_derp_client_lost(b->c);
	assert_int_equal(kit_stats(&k)->packets_sent, 1);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_WRITE_ERROR].packets[1], 2);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_WRITE_ERROR].bytes[1], 50);
	kit_done(&k);
}

static void queue_time_is_averaged(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 1);
	kit_tick(&k, 50 * FL_MS);
	kit_send(a, &b->key, 10, 1);
	kit_tick(&k, 50 * FL_MS);
	kit_send(a, &b->key, 3000, 1); /* moves to a larger chunk, keeps its age */
	kit_tick(&k, 50 * FL_MS);
	kit_unstall(b);
	assert_int_equal(kit_stats(&k)->queue_avg, 10 * FL_MS); /* alpha is 0.1 */
	kit_done(&k);
}

/* ---- nobody there ---- */

static void disco_to_a_stranger_is_answered(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1);

	kit_send(a, &stranger, 100, 1); /* data: silence */
	kit_expect_nothing(a);
	for (int i = 0; i < 5; i++)
		kit_send_disco(a, &stranger, 1);
	for (int i = 0; i < 3; i++)
		kit_expect_gone(a, &stranger, FL_DERP_GONE_NOT_HERE);
	kit_expect_nothing(a); /* the fourth within a second is not answered */
	kit_tick(&k, FL_SEC);
	kit_send_disco(a, &stranger, 1);
	kit_send_disco(a, &stranger, 1);
	kit_expect_gone(a, &stranger, FL_DERP_GONE_NOT_HERE);
	kit_expect_nothing(a);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_UNKNOWN_DEST].packets[0], 7);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_UNKNOWN_DEST].packets[1], 1);
	assert_int_equal(kit_stats(&k)->gone_not_here, 4);
	kit_done(&k);
}

/* ---- farewells ---- */

static void receivers_hear_of_the_end(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2), *c = kit_login(&k, 3);

	kit_send(a, &b->key, 10, 1);
	kit_send(a, &b->key, 10, 2);
	kit_send(b, &c->key, 10, 3);
	kit_leave(a);
	kit_expect_packet(b, a, 10, 1);
	kit_expect_packet(b, a, 10, 2);
	kit_expect_gone(b, &a->key, FL_DERP_GONE_DISCONNECTED);
	kit_expect_nothing(b);
	kit_expect_packet(c, b, 10, 3);
	kit_expect_nothing(c); /* got nothing from a */
	assert_int_equal(kit_stats(&k)->gone_disconnected, 1);
	assert_int_equal(kit_stats(&k)->watches, 1);
	kit_done(&k);
}

static void farewell_follows_the_packets(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 1);
	kit_send(a, &b->key, 10, 2);
	kit_leave(a);
	kit_unstall(b);
	kit_expect_packet(b, a, 10, 1);
	kit_expect_packet(b, a, 10, 2);
	kit_expect_gone(b, &a->key, FL_DERP_GONE_DISCONNECTED);
	kit_done(&k);
}

static void farewell_to_one_who_leaves_too(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(a, &b->key, 10, 1);
	kit_send(b, &a->key, 10, 1);
	kit_leave(a);
	kit_leave(b); /* with the farewell still unsaid */
	assert_int_equal(kit_stats(&k)->watches, 0);
	kit_done(&k);
}

static void a_key_that_comes_back_is_watched_anew(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *b = kit_login(&k, 2);

	for (int i = 0; i < 3; i++) {
		struct kit_client *a = kit_login(&k, 1);
		kit_send(a, &b->key, 10, 1);
		kit_expect_packet(b, a, 10, 1);
		kit_leave(a);
		kit_expect_gone(b, &a->key, FL_DERP_GONE_DISCONNECTED);
		kit_expect_nothing(b);
	}
	kit_done(&k);
}

static void many_farewells_in_batches(void **state)
{
	(void)state;
	struct kit k;
	enum { MANY = 60 };
	struct kit_client *a[MANY];
	kit_init(&k, NULL);
	struct kit_client *b = kit_login(&k, 200);

	for (uint8_t i = 0; i < MANY; i++) {
		a[i] = kit_login(&k, i);
		kit_send(a[i], &b->key, 10, 1);
	}
	assert_int_equal(kit_count(b, FL_DERP_RECV_PACKET), MANY);
	kit_stall(b);
	kit_send(a[0], &b->key, 10, 1);
	for (uint8_t i = 0; i < MANY; i++)
		kit_leave(a[i]);
	kit_unstall(b);
	assert_int_equal(kit_count(b, FL_DERP_PEER_GONE), MANY);
	kit_done(&k);
}

/* ---- bounds on remembered pairs and on farewells ---- */

/* One of thousands, more than the kit holds: logs in and sends `to` a packet. */
static void visit(struct kit *k, struct kit_client *a, unsigned i, struct kit_client *to)
{
	struct fl_addrport from = { fl_ip_v4(192, 0, 2, 9), 1 };

	*a = (struct kit_client){ .kit = k, .priv = to->priv, .out = fl_buf_make(1 << 20) };
	a->priv.b[2] = (uint8_t)i;
	a->priv.b[3] = (uint8_t)(i >> 8);
	fl_private_key_public(&a->priv, a->key.b);
	assert_int_equal(fl_derp_client_new(k->s, k->now, &from, false, a, &a->c), FL_OK);
	kit_hello(a);
	kit_send(a, &to->key, 1, 1);
}

static void leave_again(struct kit_client *a)
{
	kit_leave(a);
	fl_buf_done(&a->out);
}

static void remembered_pairs_are_bounded(void **state)
{
	(void)state;
	struct kit k;
	enum { MANY = FL_DERP_WATCH_MAX + 10 };
	static struct kit_client many[MANY];
	kit_init(&k, NULL);
	k.trusting = true;
	struct kit_client *b = kit_login(&k, 2);

	for (unsigned i = 0; i < MANY; i++)
		visit(&k, &many[i], i, b);
	assert_int_equal(kit_stats(&k)->watches, FL_DERP_WATCH_MAX);
	kit_count(b, 0);
	kit_leave(&many[0]); /* forgotten */
	kit_expect_nothing(b);
	kit_leave(&many[MANY - 1]);
	kit_expect_gone(b, &many[MANY - 1].key, FL_DERP_GONE_DISCONNECTED);
	for (unsigned i = 0; i < MANY; i++)
		leave_again(&many[i]);
	kit_done(&k);
}

/* A receiver that reads nothing, while `count` senders come, send one packet and go. */
static void farewells_of(unsigned count, unsigned dropped)
{
	struct kit k;
	struct kit_client a;
	struct fl_node_key oldest = { { 0 } };
	kit_init(&k, NULL);
	k.trusting = true;
	struct kit_client *b = kit_login(&k, 2);
	kit_stall(b);

	kit_send(b, &b->key, 1, 1); /* leaves at once, blocks the rest */
	for (unsigned i = 0; i < count; i++) {
		visit(&k, &a, i, b);
		if (i == dropped)
			oldest = a.key;
		leave_again(&a);
	}
	assert_int_equal(kit_stats(&k)->gone_dropped, dropped);
	kit_unstall(b);
	struct fl_derp_peer_gone gone = { .key = stranger };
	struct fl_derp_frame f;
	size_t used, said = 0;
	for (struct fl_slice rest = fl_buf_slice(&b->out);
	     fl_derp_next(rest, FL_DERP_CLIENT_MAX, &f, &used) == FL_OK;
	     rest = fl_slice_skip(rest, used)) {
		if (f.type == FL_DERP_PEER_GONE && said++ == 0)
			assert_int_equal(fl_derp_as_peer_gone(f.body, &gone), FL_OK);
	}
	assert_int_equal(said, count - dropped);
	assert_true(fl_node_key_eq(&gone.key, &oldest));
	b->at = b->out.len;
	kit_done(&k);
}

static void farewells_that_wait_are_bounded(void **state)
{
	(void)state;
	farewells_of(FL_DERP_WATCH_MAX - 1, 0);
	farewells_of(FL_DERP_WATCH_MAX, 0);
	farewells_of(FL_DERP_WATCH_MAX + 1, 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_both_ways),
		cmocka_unit_test(frames_arrive_in_any_pieces),
		cmocka_unit_test(many_frames_in_random_pieces),
		cmocka_unit_test(a_batch_is_few_writes),
		cmocka_unit_test(a_read_of_many_small_packets),
		cmocka_unit_test(disco_before_data_in_several_writes),
		cmocka_unit_test(stalled_receiver_loses_the_oldest),
		cmocka_unit_test(disco_passes_a_full_data_queue),
		cmocka_unit_test(queue_is_bounded_in_bytes),
		cmocka_unit_test(all_queues_together_are_bounded),
		cmocka_unit_test(leaving_counts_what_waited),
		cmocka_unit_test(lost_writes_are_drops),
		cmocka_unit_test(queue_time_is_averaged),
		cmocka_unit_test(disco_to_a_stranger_is_answered),
		cmocka_unit_test(receivers_hear_of_the_end),
		cmocka_unit_test(farewell_follows_the_packets),
		cmocka_unit_test(farewell_to_one_who_leaves_too),
		cmocka_unit_test(a_key_that_comes_back_is_watched_anew),
		cmocka_unit_test(many_farewells_in_batches),
		cmocka_unit_test(remembered_pairs_are_bounded),
		cmocka_unit_test(farewells_that_wait_are_bounded),
	};
	return cmocka_run_group_tests_name("proto/derp relay", tests, NULL, NULL);
}
