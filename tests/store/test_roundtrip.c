/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/store/test_roundtrip.c - what is committed reads back the same, whatever it holds. */
#include "../domain/state_kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/inner.h"
#include "store_kit.h"

static struct fl_endpoint endpoint(const char *text, uint8_t type)
{
	struct fl_endpoint e = { .type = type };
	assert_int_equal(fl_addrport_parse(fl_slice_str(text), &e.at), FL_OK);
	return e;
}

/* One of everything, with each nullable column both set and unset. */
static void fill(struct fl_state *s)
{
	struct fl_user_fields f = { .name = "alice",
				    .display_name = "Alice <&> \"Q\" \xc3\xa9",
				    .email = "alice@example.com",
				    .picture_url = "https://example.com/a.png" };
	struct fl_fault fault;
	fl_user_id alice, bob = kit_user(s, "bob");
	fl_key_id api;
	uint8_t hash[32] = { 9, 8, 7 };
	struct fl_endpoint e[] = { endpoint("192.0.2.1:41641", 1), endpoint("[2001:db8::1]:7", 2) };
	struct fl_prefix routes[] = { kit_prefix("10.1.0.0/16"), kit_prefix("0.0.0.0/0") };

	assert_int_equal(fl_state_user_create(s, KIT_NOW, &f, &fault, &alice), FL_OK);
	struct kit_auth once = kit_auth(s, alice, NULL, false);
	struct kit_auth tagged = kit_auth(s, bob, "tag:web", true);
	struct kit_auth limited =
		kit_auth_full(s,
			      (struct fl_preauth_fields){
				      .user = bob, .ephemeral = true, .expiration = KIT_NOW + 5 },
			      NULL);
	assert_int_equal(fl_state_apikey_create(s, KIT_NOW, 0, "abcdefabcdef", hash, &api), FL_OK);
	assert_int_equal(fl_state_apikey_create(s, KIT_NOW, 77, "0bcdefabcdef", hash, &api), FL_OK);
	assert_int_equal(fl_state_apikey_seen(s, KIT_NOW + 1, api), FL_OK);

	fl_node_id a =
		kit_join(s, (struct kit_request){ .machine = 1, .key = 1, .auth = once.text });
	kit_join(s, (struct kit_request){ .machine = 2, .key = 2, .auth = tagged.text });
	kit_join(s, (struct kit_request){ .machine = 3,
					  .key = 3,
					  .auth = limited.text,
					  .expiry = KIT_NOW + FL_DAY });
	kit_approve(s, (struct kit_request){ .machine = 4, .key = 4, .hostinfo = "{}" }, bob);
	assert_int_equal(
		kit_update(s, a,
			   (struct kit_update){
				   .hostinfo = "{\"Hostname\":\"host\",\"OS\":\"linux\","
					       "\"RoutableIPs\":[\"10.1.0.0/16\",\"0.0.0.0/0\"],"
					       "\"NetInfo\":{\"PreferredDERP\":7}}",
				   .endpoints = e,
				   .endpoints_count = 2,
				   .disco = 5,
				   .cap = 200 }),
		FL_OK);
	assert_int_equal(fl_state_node_approve(s, a, routes, 2, &fault), FL_OK);
	assert_int_equal(fl_state_node_seen(s, a, KIT_NOW + 3), FL_OK);
	assert_int_equal(fl_state_user_role(s, alice, FL_ROLE_IT_ADMIN, &fault), FL_OK);
	for (unsigned i = 0; i < FL_REVISIONS_MAX + 3; i++) {
		char text[16];
		uint64_t rev;
		snprintf(text, sizeof text, "{} // %u", i);
		assert_int_equal(fl_state_policy_set(s, KIT_NOW + i, fl_slice_str(text), "alice",
						     NULL, &fault, &rev),
				 FL_OK);
	}
	assert_int_equal(fl_state_node_rename(s, a, "chosen", &fault), FL_OK);
}

static void test_everything_reads_back(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();

	struct fl_store *st = store_kit_open(&k, s);
	fill(s);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* No command revokes a key; one that was stays it when its row is written again. */
static void test_revoked_keys_stay_revoked(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_store *st = store_kit_open(&k, s);
	struct fl_fault fault;

	struct kit_auth a = kit_auth(s, kit_user(s, "alice"), NULL, true);
	store_kit_commit(st, s);
	assert_int_equal(
		sqlite3_exec(st->db, "UPDATE preauth_keys SET revoked = 5", NULL, NULL, NULL),
		SQLITE_OK);
	fl_store_close(st);
	fl_state_free(s);

	s = kit_state();
	st = store_kit_open(&k, s);
	assert_int_equal(fl_state_preauth(s, a.id)->revoked, 5);
	assert_int_equal(fl_state_preauth_expire(s, KIT_NOW, a.id, &fault), FL_OK);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

static void test_deletions_and_counters_read_back(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	struct fl_store *st = store_kit_open(&k, s);
	fill(s);
	store_kit_commit(st, s);
	for (fl_node_id id = 1; id <= 4; id++)
		assert_int_equal(fl_state_node_delete(s, id, &fault), FL_OK);
	assert_int_equal(fl_state_user_delete(s, 1, &fault), FL_OK);
	assert_int_equal(fl_state_preauth_delete(s, 1, &fault), FL_OK);
	assert_int_equal(fl_state_apikey_delete(s, 1, &fault), FL_OK);
	store_kit_commit(st, s);
	assert_int_equal(fl_state_counter(s, FL_RECORD_NODE), 4);
	store_kit_same(&k, &st, s); /* the dump holds the counters: ids are not used again */
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* What an update in place leaves out. */
static void test_how_a_node_enrolled_reads_back(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	struct fl_store *st = store_kit_open(&k, s);
	fl_user_id u = kit_user(s, "alice");
	struct kit_auth auth = kit_auth(s, u, NULL, true);
	struct kit_request one = { .machine = 1, .key = 1, .auth = auth.text };
	fl_node_id a = kit_join(s, one);
	fl_node_id b =
		kit_join(s, (struct kit_request){ .machine = 2, .key = 2, .auth = auth.text });
	store_kit_commit(st, s);
	assert_int_equal(kit_approve(s, one, u), a);
	assert_int_equal(fl_state_node(s, a)->method, FL_REGISTER_CLI);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);

	assert_int_equal(fl_state_preauth_delete(s, auth.id, &fault), FL_OK);
	assert_int_equal(fl_state_node(s, b)->auth_key, 0);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* Names, keys and machines change hands within one tick; rows must not collide while written. */
static void test_unique_values_move_within_a_tick(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	struct fl_store *st = store_kit_open(&k, s);
	fl_user_id u = kit_user(s, "alice"), v = kit_user(s, "bob");
	fl_node_id a = kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, u);
	fl_node_id b = kit_approve(s, (struct kit_request){ .machine = 2, .key = 2 }, u);
	store_kit_commit(st, s);

	assert_int_equal(fl_state_node_rename(s, a, "third", &fault), FL_OK);
	assert_int_equal(fl_state_node_rename(s, b, "host", &fault), FL_OK);
	assert_int_equal(fl_state_node_rename(s, a, "host-1", &fault), FL_OK);
	assert_int_equal(fl_state_user_rename(s, u, "carol", &fault), FL_OK);
	assert_int_equal(fl_state_user_rename(s, v, "alice", &fault), FL_OK);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);

	assert_int_equal(fl_state_node_delete(s, b, &fault), FL_OK);
	kit_approve(s, (struct kit_request){ .machine = 2, .key = 2 }, u);
	kit_approve(s, (struct kit_request){ .machine = 1, .key = 9 }, u); /* a with a new key */
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* How many frames the log holds: those with the salt of its head. The rest of the file is room. */
static size_t frames_in_log(const struct store_kit *k)
{
	enum { HEAD = 32, FRAME_HEAD = 24, PAGE = 4096, SALT = 8 };
	char name[512];
	uint8_t head[HEAD], frame[FRAME_HEAD + PAGE];
	size_t count = 0;

	snprintf(name, sizeof name, "%s-wal", k->path);
	FILE *f = fopen(name, "rb");
	assert_non_null(f);
	if (fread(head, 1, sizeof head, f) == sizeof head)
		while (fread(frame, 1, sizeof frame, f) == sizeof frame &&
		       memcmp(frame + 8, head + 16, SALT) == 0)
			count++;
	fclose(f);
	return count;
}

static off_t size_of_log(const struct store_kit *k)
{
	char name[512];
	struct stat st;

	snprintf(name, sizeof name, "%s-wal", k->path);
	assert_int_equal(stat(name, &st), 0);
	return st.st_size;
}

static void test_tick_without_rows_costs_nothing(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_fault fault;

	struct fl_store *st = store_kit_open(&k, s);
	kit_user(s, "alice");
	store_kit_commit(st, s);
	size_t before = frames_in_log(&k);
	assert_true(before > 0);
	assert_int_equal(fl_store_commit(st, s, &fault), FL_OK);
	assert_int_equal(frames_in_log(&k), before);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* A node that keeps name, keys, owner and addresses costs the page it lies on, not its indexes'. */
static void test_update_in_place_writes_few_pages(void **unused)
{
	(void)unused;
	enum { NODES = 8 };
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_endpoint e = endpoint("192.0.2.9:1", 1);

	struct fl_store *st = store_kit_open(&k, s);
	fl_user_id u = kit_user(s, "alice");
	for (unsigned i = 1; i <= NODES; i++)
		kit_approve(s, (struct kit_request){ .machine = i, .key = i }, u);
	store_kit_commit(st, s);
	size_t before = frames_in_log(&k);
	assert_int_equal(kit_update(s, 3,
				    (struct kit_update){ .endpoints = &e,
							 .endpoints_count = 1,
							 .has_endpoints = true }),
			 FL_OK);
	store_kit_commit(st, s);
	assert_in_range(frames_in_log(&k) - before, 1, 2);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* A commit that makes the log longer writes more than its pages. */
static void test_first_commits_do_not_grow_the_log(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();

	struct fl_store *st = store_kit_open(&k, s);
	off_t before = size_of_log(&k);
	kit_user(s, "alice");
	store_kit_commit(st, s);
	assert_true(frames_in_log(&k) > 0);
	assert_int_equal(size_of_log(&k), before);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

/* The file lost the row: it is written as a whole. */
static void test_update_of_a_missing_row_writes_it(void **unused)
{
	(void)unused;
	struct store_kit k = store_kit_new();
	struct fl_state *s = kit_state();
	struct fl_store *st = store_kit_open(&k, s);

	kit_approve(s, (struct kit_request){ .machine = 1, .key = 1 }, kit_user(s, "alice"));
	store_kit_commit(st, s);
	assert_int_equal(sqlite3_exec(st->db, "DELETE FROM nodes", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(fl_state_node_seen(s, 1, KIT_NOW + 9), FL_OK);
	store_kit_commit(st, s);
	store_kit_same(&k, &st, s);
	fl_store_close(st);
	fl_state_free(s);
	store_kit_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_everything_reads_back),
		cmocka_unit_test(test_revoked_keys_stay_revoked),
		cmocka_unit_test(test_deletions_and_counters_read_back),
		cmocka_unit_test(test_how_a_node_enrolled_reads_back),
		cmocka_unit_test(test_unique_values_move_within_a_tick),
		cmocka_unit_test(test_tick_without_rows_costs_nothing),
		cmocka_unit_test(test_update_in_place_writes_few_pages),
		cmocka_unit_test(test_first_commits_do_not_grow_the_log),
		cmocka_unit_test(test_update_of_a_missing_row_writes_it),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
