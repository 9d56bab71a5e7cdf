/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/proto/test_derp_dup.c - one key with several connections.
 *
 * A row is a script of steps over connections A, B, C of one key: upper case joins, lower case
 * speaks (a ping), '-' and a letter leaves. Then a packet is sent to the key; `gets` is who
 * receives it.
 */
#include "derp_kit.h"

static struct row {
	const char *name, *steps;
	char gets;
	uint64_t keys, conns, total;
} rows[] = {
	{ "one", "A", 'A', 0, 0, 0 },
	{ "the newer wins", "AB", 'B', 1, 2, 1 },
	{ "the newest wins", "ABC", 'C', 1, 3, 2 },
	{ "the older speaks", "ABa", 'A', 1, 2, 1 },
	{ "each speaks, the last wins", "ABabab", 'B', 1, 2, 1 },
	{ "the newer leaves", "AB-B", 'A', 0, 0, 1 },
	{ "the older leaves", "AB-A", 'B', 0, 0, 1 },
	{ "speaker leaves, newest had spoken before", "ABCba-A", 'B', 1, 2, 2 },
	{ "newest leaves, history goes back", "ABC-C", 'A', 1, 2, 2 },
	{ "newest leaves after talk", "ABbC-C", 'B', 1, 2, 2 },
	{ "one of three leaves, active stays", "ABCa-B", 'A', 1, 2, 2 },
	{ "two of three leave", "ABC-C-A", 'B', 0, 0, 2 },
	{ "again several after being one", "AB-BC", 'C', 1, 2, 2 },
	{ "all leave and one comes", "AB-A-BC", 'C', 0, 0, 1 },
};

static struct kit_client *member[3];

static void step(struct kit *k, const char **at)
{
	char s = *(*at)++;

	if (s == '-') {
		kit_leave(member[*(*at)++ - 'A']);
	} else if (s >= 'a') {
		kit_feed_frame(member[s - 'a'], FL_DERP_PING, 8);
	} else {
		member[s - 'A'] = kit_login(k, 1);
	}
}

static char who_got(struct kit *k)
{
	char got = '.';

	for (int i = 0; i < 3; i++) {
		if (member[i] == NULL || member[i]->c == NULL)
			continue;
		if (kit_count(member[i], FL_DERP_RECV_PACKET) > 0) {
			assert_int_equal(got, '.'); /* never two */
			got = (char)('A' + i);
		}
	}
	(void)k;
	return got;
}

static void dup_row(void **state)
{
	const struct row *row = *state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *other = kit_login(&k, 2);
	memset(member, 0, sizeof member);

	for (const char *at = row->steps; *at != '\0';)
		step(&k, &at);
	const struct fl_derp_stats *st = kit_stats(&k);
	assert_int_equal(st->dup_keys, row->keys);
	assert_int_equal(st->dup_conns, row->conns);
	assert_int_equal(st->dup_conns_total, row->total);

	kit_send(other, &member[0]->key, 10, 1);
	kit_send_disco(other, &member[0]->key, 1);
	char got = who_got(&k);
	if (got != row->gets)
		fail_msg("%c got it, want %c", got, row->gets);
	kit_expect_nothing(other); /* not "not here": somebody is */
	kit_done(&k);
}

/* The farewell comes with the last connection, whoever sent. */
static void farewell_at_the_last(void **state)
{
	(void)state;
	struct kit k;
	kit_init(&k, NULL);
	struct kit_client *a = kit_login(&k, 1), *a2 = kit_login(&k, 1), *b = kit_login(&k, 2);

	kit_send(a, &b->key, 10, 1);
	kit_expect_packet(b, a, 10, 1);
	kit_leave(a);
	kit_expect_nothing(b);
	kit_leave(a2);
	kit_expect_gone(b, &a->key, FL_DERP_GONE_DISCONNECTED);
	kit_expect_nothing(b);
	kit_done(&k);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows) + 1];
	size_t n = 0;

	for (; n < COUNT(rows); n++)
		tests[n] = (struct CMUnitTest){ rows[n].name, dup_row, NULL, NULL, &rows[n] };
	tests[n++] = (struct CMUnitTest)cmocka_unit_test(farewell_at_the_last);
	return cmocka_run_group_tests_name("proto/derp duplicates", tests, NULL, NULL);
}
