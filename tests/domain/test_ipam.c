/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * tests/domain/test_ipam.c - addresses: unique, exact at the ends, and never a search without
 * end.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "domain/ipam/ipam.h"

static const uint8_t seed[16] = { 7 };

static struct fl_prefix prefix(const char *text)
{
	struct fl_prefix p;
	assert_int_equal(fl_prefix_parse(fl_slice_str(text), &p), FL_OK);
	return p;
}

static struct fl_ip ip(const char *text)
{
	struct fl_ip a;
	assert_int_equal(fl_ip_parse(fl_slice_str(text), &a), FL_OK);
	return a;
}

static struct fl_ipam *make(const char *text, bool random)
{
	struct fl_prefix p = prefix(text);
	struct fl_ipam *a = NULL;
	struct fl_rng rng;

	fl_rng_init(&rng, 42);
	assert_int_equal(fl_ipam_new(&p, random, &rng, seed, &a), FL_OK);
	return a;
}

static void require_take(struct fl_ipam *a, const char *want)
{
	struct fl_ip got;
	char text[FL_IP_TEXT_MAX];

	assert_int_equal(fl_ipam_take(a, &got), FL_OK);
	fl_ip_format(&got, text);
	assert_string_equal(text, want);
}

static void require_full(struct fl_ipam *a)
{
	struct fl_ip got = ip("9.9.9.9");

	assert_int_equal(fl_ipam_take(a, &got), FL_ERR_FULL);
	assert_true(fl_ip_eq(&got, &(struct fl_ip){ FL_IP_V4, { 9, 9, 9, 9 } }));
}

struct size_row {
	const char *name, *prefix, *first, *last;
	int count;
};

static const struct size_row sizes[] = {
	{ "/29", "192.0.2.8/29", "192.0.2.9", "192.0.2.14", 6 },
	{ "/30", "192.0.2.8/30", "192.0.2.9", "192.0.2.10", 2 },
	{ "/31", "192.0.2.8/31", "192.0.2.8", "192.0.2.9", 2 },
	{ "/32", "192.0.2.8/32", "192.0.2.8", "192.0.2.8", 1 },
	{ "host bits", "192.0.2.13/29", "192.0.2.9", "192.0.2.14", 6 },
	{ "top of IPv4", "255.255.255.248/29", "255.255.255.249", "255.255.255.254", 6 },
	{ "top address", "255.255.255.255/32", "255.255.255.255", "255.255.255.255", 1 },
	{ "/125", "2001:db8::8/125", "2001:db8::9", "2001:db8::f", 7 },
	{ "/126", "2001:db8::8/126", "2001:db8::9", "2001:db8::b", 3 },
	{ "/127", "2001:db8::8/127", "2001:db8::8", "2001:db8::9", 2 },
	{ "/128", "2001:db8::8/128", "2001:db8::8", "2001:db8::8", 1 },
	{ "top of IPv6", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127",
	  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 2 },
	/* Reserved ones are passed over. */
	{ "quad100", "100.100.100.96/29", "100.100.100.97", "100.100.100.102", 5 },
	{ "quad100 alone", "100.100.100.100/32", "", "", 0 },
	{ "inside the reserved block", "100.115.92.0/24", "", "", 0 },
	{ "over the reserved block", "100.115.91.252/30", "100.115.91.253", "100.115.91.254", 2 },
	{ "service address 6", "fd7a:115c:a1e0::50/125", "fd7a:115c:a1e0::51", "fd7a:115c:a1e0::57",
	  6 },
};

static void exhaust(const struct size_row *row, bool random)
{
	struct fl_ipam *a = make(row->prefix, random);
	struct fl_ip taken[8];

	for (int i = 0; i < row->count; i++) {
		assert_int_equal(fl_ipam_take(a, &taken[i]), FL_OK);
		assert_true(fl_ip_cmp(&taken[i], &(struct fl_ip){ 0 }) > 0);
		for (int j = 0; j < i; j++)
			assert_false(fl_ip_eq(&taken[i], &taken[j]));
		struct fl_ip first = ip(row->first), last = ip(row->last);
		assert_true(fl_ip_cmp(&taken[i], &first) >= 0 && fl_ip_cmp(&taken[i], &last) <= 0);
		if (!random && i == 0)
			assert_true(fl_ip_eq(&taken[i], &first));
		if (!random && i == row->count - 1)
			assert_true(fl_ip_eq(&taken[i], &last));
	}
	require_full(a);
	require_full(a);
	for (int i = 0; i < row->count; i++) { /* free one, get it back */
		struct fl_ip again;
		fl_ipam_release(a, &taken[i]);
		assert_int_equal(fl_ipam_take(a, &again), FL_OK);
		assert_true(fl_ip_eq(&again, &taken[i]));
		require_full(a);
	}
	assert_int_equal(fl_ipam_count(a), (size_t)row->count);
	fl_ipam_free(a);
}

static void test_size(void **state)
{
	exhaust(*state, false);
	exhaust(*state, true);
}

static void test_sequential_does_not_reuse_before_the_end(void **unused)
{
	(void)unused;
	struct fl_ipam *a = make("192.0.2.0/29", false);
	struct fl_ip two = ip("192.0.2.2"), four = ip("192.0.2.4");

	for (int i = 1; i <= 4; i++)
		require_take(a, (const char *[]){ "192.0.2.1", "192.0.2.2", "192.0.2.3",
						  "192.0.2.4" }[i - 1]);
	fl_ipam_release(a, &four);
	fl_ipam_release(a, &two);
	require_take(a, "192.0.2.5");
	require_take(a, "192.0.2.6");
	require_take(a, "192.0.2.2"); /* back to the lowest one that became free */
	require_take(a, "192.0.2.4");
	require_full(a);
	fl_ipam_free(a);
}

static void test_marks_move_the_cursor_and_leave_a_gap(void **unused)
{
	(void)unused;
	struct fl_ipam *a = make("192.0.2.0/29", false);
	struct fl_ip five = ip("192.0.2.5"), six = ip("192.0.2.6"), two = ip("192.0.2.2");

	assert_int_equal(fl_ipam_mark(a, &five), FL_OK);
	assert_int_equal(fl_ipam_mark(a, &two), FL_OK);
	assert_int_equal(fl_ipam_mark(a, &five), FL_ERR_EXISTS);
	require_take(a, "192.0.2.6");
	assert_int_equal(fl_ipam_mark(a, &six), FL_ERR_EXISTS);
	require_take(a, "192.0.2.1");
	require_take(a, "192.0.2.3");
	require_take(a, "192.0.2.4");
	require_full(a);
	fl_ipam_free(a);
}

static void test_foreign_addresses_are_only_remembered(void **unused)
{
	(void)unused;
	struct fl_ipam *a = make("192.0.2.0/29", false);
	struct fl_ip far = ip("203.0.113.7"), six = ip("2001:db8::1"), none = ip("192.0.2.0");

	assert_int_equal(fl_ipam_mark(a, &far), FL_OK);
	assert_int_equal(fl_ipam_mark(a, &six), FL_OK);
	assert_int_equal(fl_ipam_mark(a, &none), FL_OK);
	assert_true(fl_ipam_used(a, &far));
	require_take(a, "192.0.2.1");
	fl_ipam_release(a, &far);
	fl_ipam_release(a, &far);
	assert_false(fl_ipam_used(a, &far));
	require_take(a, "192.0.2.2");
	fl_ipam_free(a);
}

static void test_cursor_goes_back(void **unused)
{
	(void)unused;
	for (int random = 0; random < 2; random++) {
		struct fl_ipam *a = make("10.0.0.0/8", random);
		struct fl_ip x[3], y[3];

		assert_int_equal(fl_ipam_take(a, &x[0]), FL_OK);
		struct fl_ipam_cursor at = fl_ipam_tell(a);
		for (int round = 0; round < 2; round++) {
			struct fl_ip *to = round == 0 ? x : y;
			assert_int_equal(fl_ipam_take(a, &to[1]), FL_OK);
			assert_int_equal(fl_ipam_take(a, &to[2]), FL_OK);
			fl_ipam_release(a, &to[1]);
			fl_ipam_release(a, &to[2]);
			fl_ipam_seek(a, &at);
		}
		assert_true(fl_ip_eq(&x[1], &y[1]) && fl_ip_eq(&x[2], &y[2]));
		fl_ipam_free(a);
	}
}

static void test_huge_prefixes_cost_what_is_used(void **unused)
{
	(void)unused;
	static const char *const wide[] = { "::/0", "fd7a:115c:a1e0::/48", "0.0.0.0/0" };

	for (size_t w = 0; w < sizeof wide / sizeof *wide; w++)
		for (int random = 0; random < 2; random++) {
			struct fl_ipam *a = make(wide[w], random);
			struct fl_ip got;
			for (int i = 0; i < 2000; i++)
				assert_int_equal(fl_ipam_take(a, &got), FL_OK);
			assert_int_equal(fl_ipam_count(a), 2000);
			fl_ipam_free(a);
		}
}

static void test_bad_prefixes(void **unused)
{
	(void)unused;
	struct fl_prefix bad[] = { { { 0 }, 0 },
				   { { FL_IP_V4, { 1 } }, 33 },
				   { { FL_IP_V6, { 1 } }, 129 } };
	struct fl_ipam *a = NULL;
	struct fl_rng rng;

	fl_rng_init(&rng, 1);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(fl_ipam_new(&bad[i], false, &rng, seed, &a), FL_ERR_INVALID);
	assert_null(a);
	fl_ipam_free(NULL);
}

enum { SIZES = sizeof sizes / sizeof *sizes };

int main(void)
{
	struct CMUnitTest tests[SIZES + 6] = {
		cmocka_unit_test(test_sequential_does_not_reuse_before_the_end),
		cmocka_unit_test(test_marks_move_the_cursor_and_leave_a_gap),
		cmocka_unit_test(test_foreign_addresses_are_only_remembered),
		cmocka_unit_test(test_cursor_goes_back),
		cmocka_unit_test(test_huge_prefixes_cost_what_is_used),
		cmocka_unit_test(test_bad_prefixes),
	};
	for (size_t i = 0; i < SIZES; i++)
		tests[6 + i] = (struct CMUnitTest){
			.name = sizes[i].name,
			.test_func = test_size,
			.initial_state = (void *)(uintptr_t)&sizes[i],
		};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
