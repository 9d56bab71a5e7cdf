/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/proto/test_derp_input.c - frames of admitted clients that are begun and not ended. */
#include "derp_kit.h"

enum { MEMORY = 4 << 20, BODY = FL_DERP_PACKET_MAX + FL_KEY_LEN };

static const struct fl_node_key stranger = { { 0x42, 0x42 } };

/* All of a frame of the largest size but its last byte. */
static void begin_frame(struct kit_client *kc)
{
	static uint8_t frame[FL_DERP_HEADER_LEN + BODY];

	fl_derp_header(frame, FL_DERP_SEND_PACKET, BODY);
	kit_feed(kc, fl_slice_of(frame, sizeof frame - 1));
}

/* They get half of the memory, whatever they do; packets of others find the other half. */
static void unfinished_frames_share_a_part_of_the_memory(void **state)
{
	(void)state;
	struct kit k;
	unsigned refused = 0;
	kit_init(&k, &(struct fl_derp_config){ .memory_max = MEMORY });
	struct kit_client *a = kit_login(&k, 100), *b = kit_login(&k, 101);

	for (uint8_t i = 0; i < 60; i++) {
		struct kit_client *c = kit_login(&k, i);
		begin_frame(c);
		refused += c->c == NULL;
		assert_true(kit_stats(&k)->input_memory <= MEMORY / FL_DERP_INPUT_SHARE);
	}
	assert_in_range(refused, 60 - 32, 60 - 30);
	kit_stall(b);
	for (uint8_t i = 0; i < 4; i++)
		kit_send(a, &b->key, 60000, i);
	assert_int_equal(kit_stats(&k)->drop[FL_DERP_DROP_QUEUE_TAIL].packets[1], 0);
	for (size_t i = 2; i < k.count; i++)
		kit_leave(&k.at[i]);
	assert_int_equal(kit_stats(&k)->input_memory, 0);
	kit_done(&k);
}

static void what_is_finished_is_given_back(void **state)
{
	(void)state;
	struct kit k;
	static const uint8_t last;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1);

	begin_frame(a);
	assert_true(kit_stats(&k)->input_memory > BODY);
	kit_feed(a, fl_slice_of(&last, 1));
	assert_int_equal(kit_stats(&k)->input_memory, 0);
	kit_done(&k);
}

static void a_frame_that_is_never_finished_closes(void **state)
{
	(void)state;
	struct kit k;
	static const uint8_t byte;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	begin_frame(a);
	kit_feed_frame(b, FL_DERP_SEND_PACKET, BODY);
	const uint8_t head[] = { FL_DERP_SEND_PACKET, 0, 0, 0, 200 };
	kit_feed(b, fl_slice_of(head, sizeof head));
	for (int s = 0; s < 70; s++) { /* a byte now and then is not progress enough */
		if (b->c != NULL)
			kit_feed(b, fl_slice_of(&byte, 1));
		kit_tick(&k, FL_SEC);
	}
	assert_null(a->c);
	assert_int_equal(a->reason, FL_ERR_TIMEOUT);
	assert_null(b->c);
	kit_done(&k);
}

/* Begun shortly before the keep-alive, or waiting for its own rate: nobody is late. */
static void slow_is_not_unfinished(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, &(struct fl_derp_config){ .rate_bytes = 600 });
	struct kit_client *a = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &stranger, 65536, 1);
	kit_send(a, &stranger, 60000, 1); /* waits for 100 s */
	assert_true(a->paused);
	for (int s = 0; s < 50; s++)
		kit_tick(&k, FL_SEC);
	begin_frame(b);
	for (int s = 0; s < 18; s++)
		kit_tick(&k, FL_SEC);
	assert_non_null(a->c);
	assert_non_null(b->c);
	assert_true(kit_count(b, FL_DERP_KEEP_ALIVE) > 0);
	kit_done(&k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(unfinished_frames_share_a_part_of_the_memory),
		cmocka_unit_test(what_is_finished_is_given_back),
		cmocka_unit_test(a_frame_that_is_never_finished_closes),
		cmocka_unit_test(slow_is_not_unfinished),
	};
	return cmocka_run_group_tests_name("proto/derp input", tests, NULL, NULL);
}
