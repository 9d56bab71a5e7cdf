/* SPDX-License-Identifier: BSD-3-Clause */
/* tests/services/test_client.c - whom the server believes about a client's address. */
#include "services/control/client.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

static struct row {
	const char *name, *trusted, *peer, *true_ip, *real_ip, *forwarded, *want;
} rows[] = {
	{ "no proxies trusted", "", "10.0.0.1", "1.1.1.1", "2.2.2.2", "3.3.3.3", "10.0.0.1" },
	{ "peer outside the list", "10.0.0.0/8", "192.0.2.1", "1.1.1.1", "2.2.2.2", "3.3.3.3",
	  "192.0.2.1" },
	{ "no headers", "10.0.0.0/8", "10.0.0.1", "", "", "", "10.0.0.1" },
	{ "true-client-ip first", "10.0.0.0/8", "10.0.0.1", "1.1.1.1", "2.2.2.2", "3.3.3.3",
	  "1.1.1.1" },
	{ "x-real-ip second", "10.0.0.0/8", "10.0.0.1", "", " 2.2.2.2 ", "3.3.3.3", "2.2.2.2" },
	{ "forwarded last", "10.0.0.0/8", "10.0.0.1", "", "", "3.3.3.3", "3.3.3.3" },
	{ "right-most untrusted", "10.0.0.0/8", "10.0.0.1", "", "", "9.9.9.9, 3.3.3.3, 10.0.0.2",
	  "3.3.3.3" },
	{ "a forged left part says nothing", "10.0.0.0/8", "10.0.0.1", "", "", "10.0.0.9, 3.3.3.3",
	  "3.3.3.3" },
	{ "all trusted: the left-most", "10.0.0.0/8", "10.0.0.1", "", "", "10.0.0.7, 10.0.0.2",
	  "10.0.0.7" },
	{ "nonsense ends the walk", "10.0.0.0/8", "10.0.0.1", "", "", "3.3.3.3, x, 10.0.0.2",
	  "10.0.0.2" },
	{ "only nonsense", "10.0.0.0/8", "10.0.0.1", "x", "y", "z", "10.0.0.1" },
	{ "empty elements", "10.0.0.0/8", "10.0.0.1", "", "", ",,", "10.0.0.1" },
	{ "IPv6", "fd00::/8", "fd00::1", "", "", "2001:db8::7", "2001:db8::7" },
};

static struct fl_ip ip_of(const char *text)
{
	struct fl_ip ip;
	assert_int_equal(fl_ip_parse(fl_slice_str(text), &ip), FL_OK);
	return ip;
}

static void client_row(void **state)
{
	const struct row *row = *state;
	struct fl_trusted t = { 0 };
	struct fl_prefix p;
	const struct fl_client_claims claims = {
		.true_client_ip = fl_slice_str(row->true_ip),
		.real_ip = fl_slice_str(row->real_ip),
		.forwarded_for = fl_slice_str(row->forwarded),
	};

	if (row->trusted[0] != '\0') {
		assert_int_equal(fl_prefix_parse(fl_slice_str(row->trusted), &p), FL_OK);
		assert_int_equal(fl_trusted_set(&t, &p, 1), FL_OK);
	}
	struct fl_ip peer = ip_of(row->peer);
	struct fl_ip got = fl_trusted_client(&t, &peer, &claims);
	struct fl_ip want = ip_of(row->want);
	assert_true(fl_ip_eq(&got, &want));
	fl_trusted_done(&t);
}

int main(void)
{
	struct CMUnitTest tests[COUNT(rows)];

	for (size_t i = 0; i < COUNT(rows); i++)
		tests[i] = (struct CMUnitTest){ .name = rows[i].name,
						.test_func = client_row,
						.initial_state = &rows[i] };
	return cmocka_run_group_tests_name("services/client", tests, NULL, NULL);
}
